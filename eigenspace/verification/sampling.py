r"""Many leaves: Monte Carlo over the correlations, with the standard error of the sample.

Inactive leaves are drawn from their own law.  An active leaf of degree :math:`r` enters through

.. math:: \lambda = E_{\xi \sim q}\Bigl[ \frac{w}{q}\, P_r(\xi)\, (R K)(\xi) \Bigr], \qquad
          (R K)(\xi) = K(\xi) - \sum_{j=1}^{r} L_j(\xi) K(c_j),

with ``w`` the density of the correlation, :math:`c_j` the zeros of :math:`P_r` and :math:`L_j` their Lagrange
polynomials.  What is subtracted has a degree below ``r`` in :math:`\xi`, so that :math:`P_r` annihilates it in the
mean.  What is left is :math:`P_r` times a divided difference of ``K`` of order ``r``, of the size of the eigenvalue
itself; with ``q`` close to :math:`w P_r^2` the sample hardly depends on :math:`\xi`.  Any ``q`` above 0 is right in
the mean: it is a histogram.  Several active leaves take the product of these operators.  Each draw is paired with its
mirror image, all correlations negated.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf, pi, prod, sqrt
from time import monotonic

import numpy as np

from .._flint import precision
from ..harmonics import gegenbauer
from ..kernels import kernel_values, trace
from ..parts import Leaf, Network
from .quadrature import law_constant

#: pairs of draws in a block, and elements of its largest array
_BLOCK, _MOST_ELEMENTS = 1024, 1 << 18
#: most points of all interpolations together
_MOST_CONFIGURATIONS = 4096
_CELLS = 2048
#: number of blocks times tasks from which a terminal shows progress
_LONG = 200


@dataclass(frozen=True)
class Mean:
    """A mean of samples, the sum of their squared deviations, and the mean of what roundings may contribute."""

    count: int = 0
    value: float = 0.0
    squares: float = 0.0
    rounding: float = 0.0

    @classmethod
    def of(cls, samples: np.ndarray, rounding: float) -> "Mean":
        """The mean of one block."""
        value = float(samples.mean())
        return cls(samples.size, value, float(np.sum((samples - value) ** 2)), rounding)

    def join(self, other: "Mean") -> "Mean":
        """The mean of both samples together."""
        total, shift = self.count + other.count, other.value - self.value
        share = other.count / total
        return Mean(
            total,
            self.value + shift * share,
            self.squares + other.squares + shift**2 * self.count * share,
            self.rounding + (other.rounding - self.rounding) * share,
        )

    @property
    def standard_error(self) -> float:
        """Of the mean, from the scatter of the samples."""
        return sqrt(self.squares / (self.count - 1) / self.count) if self.count > 1 else inf


@dataclass(frozen=True)
class Task:
    """The expectation to estimate: the kernel of one part of a network, and the degrees of its active leaves."""

    part: object
    degrees: Mapping[Leaf, int]

    @property
    def configurations(self) -> int:
        """Evaluations of the kernel for each draw."""
        return prod(degree + 1 for degree in self.degrees.values())


def is_feasible(task: Task) -> bool:
    """Whether the kernel is needed at a reasonable number of points for each draw."""
    return task.configurations <= _MOST_CONFIGURATIONS


def estimate(
    tasks: Sequence[Task],
    kernel: str,
    pairs: int,
    seed: int,
    max_seconds: float | None = None,
    progress: bool | None = False,
) -> list[Mean]:
    """Means of ``pairs`` mirrored pairs of draws for every task, of fewer after ``max_seconds``.

    The draws of inactive leaves serve all tasks.  Cost of a pair: two evaluations of the whole kernel, and for every
    task two of the nodes above its active leaves at ``configurations`` points.
    """
    start, rng = monotonic(), np.random.default_rng(seed)
    nets = {task.part: Network((task.part,), "") for task in tasks}
    leaves = list(dict.fromkeys(leaf for net in nets.values() for leaf in net.leaves))
    means = [Mean()] * len(tasks)
    if not tasks:
        return []
    block = min(_BLOCK, max(8, _MOST_ELEMENTS // (2 * max(task.configurations for task in tasks))))
    for done in _blocks(range(0, pairs, block), len(tasks), progress):
        size = min(block, pairs - done)
        values = {}
        for leaf in leaves:
            half = _law(leaf.dim, rng, size)
            values[leaf] = (np.concatenate([half, -half]),) * 2
        for net in nets.values():
            kernel_values(net, kernel, values)
        found = (_block(task, nets[task.part], kernel, values, rng, size) for task in tasks)
        means = [mean.join(new) for mean, new in zip(means, found)]
        if max_seconds is not None and monotonic() - start > max_seconds:
            break
    return means


def _blocks(blocks: range, tasks: int, progress: bool | None):
    """The blocks, behind a progress bar where wanted (``None``: in a terminal, for long work)."""
    if progress is None:
        progress = len(blocks) * tasks > _LONG and sys.stderr.isatty()
    if not progress:
        return blocks
    from tqdm.auto import tqdm

    return tqdm(blocks, desc="blocks of draws", leave=False)


def _block(task: Task, net: Network, kernel: str, values: dict, rng, size: int) -> Mean:
    """The mean of one block for one task; ``values`` holds the kernels of all parts at draws of all leaves."""
    above = set(task.degrees)
    for part in net._walk():
        if not isinstance(part, Leaf) and not above.isdisjoint(part.children):
            above.add(part)
    values = {part: pair for part, pair in values.items() if part not in above}
    factor, operators = np.ones(2 * size), []
    for axis, (leaf, degree) in enumerate(task.degrees.items()):
        half, ratio = _proposal(leaf.dim, degree).draw(rng, size)
        xi = np.concatenate([half, -half])
        factor *= np.concatenate([ratio, ratio]) * gegenbauer(leaf.dim, degree, xi)
        nodes = _nodes(leaf.dim, degree)
        line = np.vstack([xi, np.broadcast_to(nodes[:, None], (degree, xi.size))])
        line = line.reshape([-1 if i == axis else 1 for i in range(len(task.degrees))] + [xi.size])
        values[leaf] = line, line
        operators.append(np.vstack([np.ones_like(xi), -_lagrange(nodes, xi)]))
    rest = kernel_values(net, kernel, values)
    rest = np.broadcast_to(rest, [len(operator) for operator in operators] + [2 * size])
    scale = np.abs(factor)
    for operator in operators:
        rest = np.sum(rest * operator.reshape(len(operator), *[1] * (rest.ndim - 2), -1), axis=0)
        scale = scale * np.sum(np.abs(operator), axis=0)
    # above the mean rounding of a kernel value: one unit for each layer; two for each factor of an interpolation
    units = net.depth + 2 * max((degree - 1 for degree in task.degrees.values()), default=0)
    unit = 2.0**-53 * units * trace(net, kernel, 1.0)
    return Mean.of((factor * rest).reshape(2, size).mean(axis=0), unit * float(scale.mean()))


# one leaf ---------------------------------------------------------------------------------------------------------


def _law(dim: int, rng, size: int) -> np.ndarray:
    """Correlations of two uniform points."""
    if dim == 1:
        return 1.0 - 2.0 * rng.integers(0, 2, size)
    return 2.0 * rng.beta((dim - 1) / 2, (dim - 1) / 2, size) - 1.0


@lru_cache(maxsize=256)
def _nodes(dim: int, degree: int) -> np.ndarray:
    """Zeros of :math:`P_r`, as eigenvalues of its recurrence; any nodes are right in the mean, these scatter least."""
    k = np.arange(1, degree)
    up = np.where(k == 1, 1.0, (k + dim - 3) / np.maximum(2 * k + dim - 4, 1))
    band = np.sqrt(up * k / (2 * k + dim - 2))
    return np.linalg.eigvalsh(np.diag(band, 1) + np.diag(band, -1)) if degree > 1 else np.zeros(degree)


def _lagrange(nodes: np.ndarray, xi: np.ndarray) -> np.ndarray:
    """Values of the Lagrange polynomials of the nodes, one row for each."""
    rows = np.ones((nodes.size, xi.size))
    for j, node in enumerate(nodes):
        for other in np.delete(nodes, j):
            rows[j] *= (xi - other) / (node - other)
    return rows


@dataclass(frozen=True, eq=False)
class _Histogram:
    r"""A density of the angle :math:`x = \arcsin \xi`, constant on each cell, close to :math:`w P_r^2`."""

    dim: int
    edges: np.ndarray
    masses: np.ndarray

    def draw(self, rng, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Correlations, and the ratio of the law's density to that of the draw."""
        if self.dim == 1:
            return _law(1, rng, size), np.ones(size)
        cells = rng.choice(self.masses.size, size, p=self.masses)
        widths = np.diff(self.edges)
        angles = self.edges[cells] + widths[cells] * rng.random(size)
        return np.sin(angles), _density(self.dim, angles) * widths[cells] / self.masses[cells]


@lru_cache(maxsize=256)
def _proposal(dim: int, degree: int) -> _Histogram:
    """Equal cells over the bulk of :math:`w P_r^2`, one on either side beyond it; no cell is empty."""
    if dim == 1:
        return _Histogram(1, np.empty(0), np.empty(0))
    # the bulk of the Hermite function of the degree, in units of the width of the law
    end = min(pi / 2, (sqrt(4 * degree + 2) + 7) / sqrt(dim))
    edges = np.linspace(-end, end, _CELLS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    bulk = _density(dim, middles) * gegenbauer(dim, degree, np.sin(middles)) ** 2
    masses = 0.98 * bulk / bulk.sum() + 0.02 / _CELLS
    if end < pi / 2:
        edges = np.concatenate([[-pi / 2], edges, [pi / 2]])
        masses = np.concatenate([[1e-3], masses, [1e-3]])
    return _Histogram(dim, edges, masses / masses.sum())


def _density(dim: int, angles: np.ndarray) -> np.ndarray:
    r"""Density of the angle :math:`x` of a correlation :math:`\sin x`."""
    return _constant(dim) * np.cos(angles) ** (dim - 2)


@lru_cache(maxsize=256)
def _constant(dim: int) -> float:
    with precision(80):
        return float(law_constant(dim))
