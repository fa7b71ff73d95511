r"""Few leaves: the integral over their correlations, by a product of double-exponential rules in ball arithmetic.

.. math:: E[f(\xi)] = c_s \int_{-1}^{1} f(\xi) (1 - \xi^2)^{(s-3)/2} d\xi
          = c_s \int_{-\infty}^{\infty} f(\tanh y) \operatorname{sech}^{s-1} y \, dy, \qquad
          c_s = \frac{\Gamma(s/2)}{\sqrt\pi\, \Gamma((s-1)/2)},

with :math:`y = \tfrac\pi2 \sinh u`, and the trapezoidal rule in ``u`` [TakahasiMori1974].  One rule serves all
dimensions :math:`s \ge 2`: it resolves the branch points of ReLU kernels at :math:`\pm 1`, also where several
correlations reach them together, as well as the narrow peak of a high dimension.  The precision exceeds the smallness
of the eigenvalue.  The error of a rule is estimated by the change from the one before it, of 3/2 the step; what lies
beyond the last points is bounded, and roundings are enclosed by the balls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asinh, ceil, expm1, floor, log, log2, pi, prod, sqrt

import numpy as np

from .._flint import precision
from ..harmonics import gegenbauers
from ..kernels import kernel_values, trace
from ..parts import Network

#: largest number of points of the product rule, and of points times bits
_MOST_POINTS, _MOST_WORK = 400_000, 80_000_000
#: nodes on each side of 0 of the coarsest rule
_LEAST_HALF = 16


@dataclass(frozen=True)
class Question:
    """The degrees of all leaves, and the goal: an uncertainty of at most ``2**log2_goal``."""

    degrees: tuple[int, ...]
    log2_goal: float


def is_feasible(net: Network) -> bool:
    """Whether a product rule over all leaves has a reasonable number of points, two for a leaf of dimension 1."""
    spheres = sum(leaf.dim > 1 for leaf in net.leaves)
    bits = len(net.leaves) - spheres
    return spheres + bits / 16 <= 3 and (3 * _LEAST_HALF) ** spheres * 2**bits <= _MOST_POINTS


def finest(net: Network) -> float:
    """Relative uncertainty at which to stop at the latest; more leaves leave fewer points to each."""
    return {0: 1e-30, 1: 1e-30, 2: 1e-20}.get(sum(leaf.dim > 1 for leaf in net.leaves), 1e-9)


def integrate(net: Network, kernel: str, questions: Sequence[Question]) -> list[tuple]:
    r"""Pairs of :math:`E[K \prod_u P_{r_u}(\xi_u)]` and its uncertainty, a ball and a ball above 0, for each question.

    All questions share the values of the kernel.  The step falls until every uncertainty (the last change, the tails,
    and the radius of the ball) meets its goal, or the rule would have too many points.
    """
    from flint import arb

    most = [max(column) for column in zip(*(q.degrees for q in questions))]
    # the recurrence of the polynomials widens a ball by at most 1 + sqrt(2) with each degree
    bits = 24 + ceil(log2(1 + sqrt(2)) * sum(most) - min(q.log2_goal for q in questions))
    # at the end of the range the angle is 2**(-bits / (dim - 1)); a square root at every layer divides by it
    least = min((leaf.dim for leaf in net.leaves if leaf.dim > 1), default=bits)
    working = bits + ceil(bits * (1 + net.depth) / (least - 1))
    half, before, results = _LEAST_HALF, None, []
    while True:
        sizes = [2 * half + 1 if leaf.dim > 1 else 2 for leaf in net.leaves]
        if results and prod(sizes) * max(1.0, working * _MOST_POINTS / _MOST_WORK) > _MOST_POINTS:
            return results
        with precision(working):
            values, tails = _sums(net, kernel, questions, most, half, bits)
            if max(sizes) == 2:
                return [(v, v.rad()) for v in values]
            if before is not None:
                goals = [arb(2) ** floor(q.log2_goal) for q in questions]
                results = [(v, (v - b).abs_upper() + v.rad() + tails) for v, b in zip(values, before)]
                if all(uncertainty < goal for (_, uncertainty), goal in zip(results, goals)):
                    return results
        half, before = ceil(1.5 * half), values


def _sums(net, kernel, questions, most, half, bits) -> tuple[list, object]:
    """Values by the rule of ``half`` points on each side of 0, and what lies beyond the last points at most."""
    from flint import arb

    of_dim = {leaf.dim: _rule(leaf.dim, half, bits) for leaf in net.leaves}
    rules = [of_dim[leaf.dim] for leaf in net.leaves]
    axes = np.meshgrid(*(rule.points for rule in rules), indexing="ij", sparse=True)
    values = kernel_values(net, kernel, {leaf: (axis, axis) for leaf, axis in zip(net.leaves, axes)})
    values = np.broadcast_to(values, [rule.points.size for rule in rules])
    wanted = [sorted({q.degrees[n] for q in questions}) for n in range(len(rules))]
    factors = [
        np.array([p * rule.weights for k, p in enumerate(gegenbauers(leaf.dim, highest, rule.points)) if k in degrees])
        for leaf, rule, degrees, highest in zip(net.leaves, rules, wanted, most)
    ]
    table = _contract(values, factors)
    tails = trace(net, kernel, arb(1)) * sum((rule.tail for rule in rules), arb(0))
    return [table[tuple(line.index(k) for line, k in zip(wanted, q.degrees))] for q in questions], tails


@dataclass(frozen=True)
class _Rule:
    """Points and weights of one leaf; ``tail`` bounds what lies beyond the last points."""

    points: np.ndarray
    weights: np.ndarray
    tail: object


def _rule(dim: int, half: int, bits: int) -> _Rule:
    from flint import arb

    if dim == 1:
        return _Rule(np.array([arb(1), arb(-1)]), np.array([arb(1) / 2] * 2), arb(0))
    # beyond `end`, sech(y)**(dim - 1) is below 2**-bits
    decay = bits * log(2) / (dim - 1)
    end = decay + log(1 + sqrt(-expm1(-2 * decay)))
    step = arb(asinh(2 * end / pi)) / half
    scale = arb.pi() / 2 * step * law_constant(dim)
    points, weights = [arb(0)], [scale]
    for i in range(1, half + 1):
        sinh, cosh = (i * step).sinh_cosh()
        above, below = (arb.pi() / 2 * sinh).sinh_cosh()
        points.append(above / below)
        weights.append(scale * cosh / below ** (dim - 1))
    # the logarithm of sech falls at least at the rate tanh(end) from there on; terms of a sum replace the integral
    tail = 2 * law_constant(dim) / below ** (dim - 1) / ((dim - 1) * points[-1]) + 4 * weights[-1]
    points, weights = [-t for t in points[:0:-1]] + points, weights[:0:-1] + weights
    return _Rule(np.array(points), np.array(weights), tail.abs_upper())


def law_constant(dim: int):
    """The constant of the law of a correlation, a ball; ``dim`` at least 2."""
    from flint import arb

    half = arb(dim) / 2
    return half.gamma() / (arb.pi().sqrt() * (half - arb(1) / 2).gamma())


def _contract(values: np.ndarray, factors: Sequence[np.ndarray]) -> np.ndarray:
    """Sums over all axes of ``values`` against the rows of one matrix for each: shape (rows of the first, ...)."""
    from flint import arb_mat

    for factor in reversed(factors):
        # the last axis is summed over; its rows come to the front
        product = arb_mat(factor.tolist()) * arb_mat(values.reshape(-1, values.shape[-1]).T.tolist())
        values = np.array(product.tolist(), dtype=object).reshape(len(factor), *values.shape[:-1])
    return values
