r"""Kernel regression on samples: the measured side of a learning curve.

.. math:: \hat f(x) = \sum_i \alpha_i K(x, x_i), \qquad (K + \delta I)\,\alpha = y, \qquad
          y_i = f^*(x_i) + \varepsilon_i
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from numbers import Integral

import numpy as np

from .. import _check
from ..eigenvalues import _degrees
from ..kernels import KERNELS
from ..parts import Network, _concrete
from .eigenfunctions import random_function
from .grams import _floats, blocks, gram
from .sampling import sample
from .solvers import SOLVERS, solve

_MEMORY = 1 << 32
#: rows of the kernel between test points and samples that exist at one time
_ROWS = 1024


@dataclass(frozen=True, eq=False)
class KernelRegression:
    r"""Measured errors of kernel regression; made by `kernel_regression`.

    Attributes
    ----------
    samples
        Numbers of samples that were finished.
    excess_risk, error
        :math:`E(\hat f - f^*)^2` on new inputs: the mean over the repetitions, and its standard error (``nan`` for a
        single one).  ``risk`` adds the noise of a new label, as `learning_curve` does.
    train_risk
        Mean square of the residuals on the noisy labels.
    unlearned, unlearned_error
        Shape ``(samples, targets)``: the share of each part of the target that is missing in :math:`\hat f`, from a
        least-squares fit of :math:`f^* - \hat f` by the parts on the test inputs, and its standard error.  The theory
        predicts one minus the learnability.
    alone, alone_error
        Shape ``(samples, targets)``: the excess risk on each part as the whole target, from the same inputs and noise,
        and its standard error: as many experiments as parts, for one factorisation.
    repetitions
        Shape ``(samples, seeds)``: the excess risk of each repetition, ``nan`` where it was not reached.
    complete
        Whether all points were finished, or the run was interrupted.
    """

    samples: np.ndarray
    excess_risk: np.ndarray
    error: np.ndarray
    train_risk: np.ndarray
    unlearned: np.ndarray
    unlearned_error: np.ndarray
    alone: np.ndarray
    alone_error: np.ndarray
    repetitions: np.ndarray
    targets: tuple[str, ...]
    complete: bool
    call: str
    ridge: float
    noise: float

    @property
    def risk(self) -> np.ndarray:
        """The mean square distance to the noisy label of a new input: the excess risk plus the noise."""
        return self.excess_risk + self.noise

    def __repr__(self) -> str:
        state = "" if self.complete else ", interrupted"
        return f"<KernelRegression: {len(self.samples)} numbers of samples, {self.repetitions.shape[1]} seeds{state}>"

    def to_pandas(self):
        """A :class:`pandas.DataFrame`, one row for each number of samples; ``attrs`` has the call that made it."""
        import pandas

        names = ("samples", "risk", "excess_risk", "error", "train_risk")
        columns = {name: getattr(self, name) for name in names}
        for i, name in enumerate(self.targets):
            columns[f"unlearned {name}"] = self.unlearned[:, i]
            columns[f"unlearned_error {name}"] = self.unlearned_error[:, i]
        frame = pandas.DataFrame(columns)
        frame.attrs.update(call=self.call, ridge=self.ridge, noise=self.noise, complete=self.complete)
        return frame

    def plot(self, ax=None, *, parts: bool = False):
        """The risk against the number of samples with its standard errors, both logarithmic; returns the axes.

        ``parts=True`` draws the missing share of each part of the target instead.
        """
        from .. import _plot

        if parts:
            return _plot.measured_plot(
                self.samples, self.unlearned.T, self.unlearned_error.T, self.targets, "missing share", ax=ax
            )
        return _plot.measured_plot(self.samples, self.risk[None], self.error[None], ("measured",), "risk", ax=ax)


def kernel_regression(
    net: Network,
    target,
    samples,
    *,
    kernel: str = "ntk",
    ridge: float = 0.0,
    noise: float = 0.0,
    seeds=4,
    test: int = 2000,
    terms: int = 64,
    solver: str = "auto",
    dtype=np.float64,
    memory: int = _MEMORY,
    progress: bool | None = None,
) -> KernelRegression:
    r"""Kernel ridge(less) regression on uniform samples, repeated, with the error on new inputs.

    Parameters
    ----------
    net
        Any network.
    target
        A list of pairs ``(degrees, power)``, as for the learning curve: every repetition draws a `random_function`
        :math:`f` of each class, and the target is :math:`f^* = \sum \sqrt{\text{power}}\,f`.  Or a function of inputs
        of shape ``(n, net.dim)`` with values of shape ``(n,)``, or a list of pairs ``(function, power)``.
    samples
        Numbers of samples, rising or not.
    kernel
        ``"nngp"`` or ``"ntk"``.
    ridge
        :math:`\delta`, added to the diagonal of the Gram matrix.
    noise
        :math:`\sigma^2`, the variance of the noise of the labels.
    seeds
        Number of repetitions, or their seeds.  Inputs, noise and functions of a point depend on its seed and its number
        of samples only.
    test
        Number of new inputs.
    terms
        Terms of each random function.
    solver
        ``"cholesky"``; ``"cg"``, conjugate gradients with a Nyström preconditioner; ``"auto"``, the former up to
        12,000 samples.
    dtype
        ``float32`` halves the memory of the Gram matrix.
    memory
        Bytes that the Gram matrix may take: ``8 n**2`` (``4 n**2`` in float32).  The iteration needs up to 24 kB times
        ``n`` more, the predictions 8 kB times ``n``.
    progress
        A progress bar; by default in a terminal.  An interruption (Ctrl-C) ends the run and returns the points that are
        finished, with ``complete=False``.

    Raises
    ------
    ValueError
        For a Gram matrix beyond ``memory``.
    ConvergenceError
        Where the iteration does not converge.

    Notes
    -----
    Without a ridge, a singular Gram matrix has the solution of least norm.  Cost of a point: ``n**2`` kernels (see
    `gram`), then ``n**3 / 3`` operations or ``2 n**2`` a step.

    Examples
    --------
    >>> from eigenspace.networks import mlp
    >>> run = kernel_regression(mlp(10, 1), [(1, 1.0)], [20, 200], seeds=3)
    >>> run.risk.shape, bool(run.risk[1] < 0.1 < run.risk[0])
    ((2,), True)
    """
    net, kernel = _concrete(net), _check.choice("kernel", kernel, KERNELS)
    parts = _parts(net, target)
    samples = _check.positive_integers("samples", samples, "use [100, 1000]")
    seeds = _seeds(seeds)
    test, terms = _check.positive_integer("test", test), _check.positive_integer("terms", terms)
    ridge, noise = _check.nonnegative_real("ridge", ridge), _check.nonnegative_real("noise", noise, "it is a variance")
    solver, dtype = _check.choice("solver", solver, SOLVERS), _floats(dtype)
    memory = _check.positive_integer("memory", memory, "give a number of bytes")
    if max(samples) ** 2 * dtype.itemsize > memory:
        need = max(samples) ** 2 * dtype.itemsize
        raise ValueError(
            f"samples must have a Gram matrix of at most memory={memory} bytes, got {max(samples)} samples and {need} "
            f"bytes; use fewer, raise memory, or use dtype=numpy.float32"
        )
    setting = _Setting(net, parts, kernel, ridge, noise, test, terms, solver, dtype)
    places = [(i, j) for i in range(len(samples)) for j in range(len(seeds))]
    found: dict = {}
    try:
        for i, j in _bar(places, progress):
            found[i, j] = setting.point(samples[i], seeds[j])
    except KeyboardInterrupt:
        if not found:
            raise
    call = (
        f"eigenspace.kernel_regression({net.call}, {[part.pair for part in parts]}, {list(samples)}, "
        f"kernel={kernel!r}, ridge={ridge!r}, noise={noise!r}, seeds={list(seeds)}, test={test}, terms={terms}, "
        f"solver={solver!r})"
    )
    return _collect(samples, len(seeds), found, parts, call, ridge, noise)


@dataclass(frozen=True)
class _Part:
    """A part of the target: a class or a function, and its power."""

    what: object
    power: float

    @property
    def name(self) -> str:
        if callable(self.what):
            return getattr(self.what, "__name__", repr(self.what))
        return str({leaf: degree for leaf, degree in enumerate(self.what) if degree})

    @property
    def pair(self) -> tuple:
        return self.name if callable(self.what) else self.what, self.power

    def draw(self, net: Network, terms: int, rng) -> Callable:
        function = self.what if callable(self.what) else random_function(net, self.what, seed=rng, terms=terms)
        return lambda X: sqrt(self.power) * _values(function, X)


def _values(function: Callable, X: np.ndarray) -> np.ndarray:
    values = np.asarray(function(X), dtype=float)
    if values.shape != (len(X),) or not np.isfinite(values).all():
        raise ValueError(
            f"target must give one finite number for each of {len(X)} inputs, got the shape {values.shape}"
            f"{'' if values.shape != (len(X),) else ' with infinite or undefined numbers'}; "
            f"use a function of an array of inputs"
        )
    return values


def _parts(net: Network, target) -> tuple[_Part, ...]:
    form = "use [({0: 1}, 1.0)], or a function of inputs"
    if callable(target):
        return (_Part(target, 1.0),)
    if isinstance(target, str) or not isinstance(target, Iterable):
        raise TypeError(f"target must be pairs (degrees, power) or a function, got {target!r}; {form}")
    parts = []
    for pair in target:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise TypeError(f"target must hold pairs (degrees, power), got {pair!r}; {form}")
        what, power = pair
        what = what if callable(what) else _degrees(net, what)
        parts.append(_Part(what, _check.nonnegative_real("power", power)))
    if not parts:
        raise ValueError(f"target must hold at least one pair, got none; {form}")
    return tuple(parts)


def _seeds(seeds) -> tuple[int, ...]:
    if isinstance(seeds, Integral):
        return tuple(range(_check.positive_integer("seeds", seeds)))
    found = _check.nonnegative_integers("seeds", seeds, "use a number of repetitions, or a list of different seeds")
    if len(set(found)) < len(found):
        raise ValueError(f"seeds must be different, got {list(found)}; equal seeds repeat one measurement")
    return found


@dataclass(frozen=True, eq=False)
class _Setting:
    net: Network
    parts: tuple[_Part, ...]
    kernel: str
    ridge: float
    noise: float
    test: int
    terms: int
    solver: str
    dtype: np.dtype

    def point(self, n: int, seed: int) -> tuple:
        """Excess risk, risk on the samples, the missing share of each part, and the excess risk on each part alone."""
        rng = np.random.default_rng([seed, n])
        functions = [part.draw(self.net, self.terms, rng) for part in self.parts]
        x = sample(self.net, n, rng)
        labels = _with_sum(np.stack([f(x) for f in functions], axis=1))
        labels += sqrt(self.noise) * rng.standard_normal(n)[:, None]
        new = sample(self.net, self.test, rng)
        truth = np.stack([f(new) for f in functions], axis=1)
        matrix = gram(self.net, x, kernel=self.kernel, dtype=self.dtype)
        diagonal = matrix.diagonal().astype(float)
        alpha = solve(matrix, labels, self.ridge, self.solver, seed)
        # the residual of (K + ridge) alpha = labels on the samples is ridge * alpha, but not where K is singular
        train = np.mean((_product(matrix, diagonal, alpha[:, 0]) - labels[:, 0]) ** 2)
        del matrix
        missing = _with_sum(truth) - self.predict(new, x, alpha)
        risks = np.mean(missing**2, axis=0)
        powers = np.array([part.power for part in self.parts])
        shares = np.full(len(powers), nan)
        kept = powers > 0
        shares[kept] = np.linalg.lstsq(truth[:, kept], missing[:, 0], rcond=None)[0]
        return float(risks[0]), float(train), shares, risks[-len(powers) :]

    def predict(self, new, x, alpha) -> np.ndarray:
        cuts = blocks(len(new), _ROWS)
        return np.concatenate([gram(self.net, new[cut], x, self.kernel, progress=False) @ alpha for cut in cuts])


def _product(matrix: np.ndarray, diagonal: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """A symmetric matrix, given by what lies below its diagonal, times a vector."""
    result = diagonal * vector
    for cut in blocks(len(matrix), _ROWS):
        below = np.tril(matrix[cut], cut.start - 1)
        result[cut] += below @ vector
        result += vector[cut] @ below
    return result


def _with_sum(parts: np.ndarray) -> np.ndarray:
    """A first column with the sum of all; a single one is its sum."""
    return parts if parts.shape[1] == 1 else np.column_stack([parts.sum(axis=1), parts])


def _bar(places: list, progress: bool | None):
    if progress is None:
        progress = len(places) > 1 and sys.stderr.isatty()
    if not progress:
        return places
    from tqdm.auto import tqdm

    return tqdm(places, desc="samples and seeds", leave=False)


def _collect(samples, seeds: int, found: dict, parts, call: str, ridge: float, noise: float) -> KernelRegression:
    """Means over the repetitions that are finished; numbers of samples without any are left out."""
    rows = sorted({i for i, _ in found})
    values = np.full((len(rows), seeds, 2 + 2 * len(parts)), nan)
    for (i, j), (risk, train, shares, alone) in found.items():
        values[rows.index(i), j] = [risk, train, *shares, *alone]
    counts = np.sum(np.isfinite(values[:, :, 0]), axis=1)[:, None]
    total = np.where(np.isfinite(values[:, :, :1]), values, 0.0)
    mean = total.sum(axis=1) / counts
    squares = np.where(np.isfinite(values[:, :, :1]), (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    spread = np.sqrt(squares / np.maximum(counts - 1, 1) / counts)
    spread = np.where(counts > 1, spread, nan)
    shares, alone = slice(2, 2 + len(parts)), slice(2 + len(parts), None)
    arrays = {
        "samples": np.array([samples[i] for i in rows]),
        "excess_risk": mean[:, 0],
        "error": spread[:, 0],
        "train_risk": mean[:, 1],
        "unlearned": mean[:, shares],
        "unlearned_error": spread[:, shares],
        "alone": mean[:, alone],
        "alone_error": spread[:, alone],
        "repetitions": values[:, :, 0],
    }
    for array in arrays.values():
        array.setflags(write=False)
    complete = len(found) == len(samples) * seeds
    names = tuple(part.name for part in parts)
    return KernelRegression(**arrays, targets=names, complete=complete, call=call, ridge=ridge, noise=noise)
