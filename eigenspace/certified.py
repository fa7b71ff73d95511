"""Certified eigenvalues: balls that are proved to contain them, made as narrow as asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, log2

import numpy as np

from ._flint import scaled_ball
from ._render import bound_text
from .classes import Pool
from .duals import degree, is_nonnegative
from .errors import ConvergenceError, UnsupportedError
from .moments import root_moments
from .rings import BallColumn, BallRing, FloatColumn
from .rings.balls import MOST_CORNER, relative_error
from .rings.floats import UNIT
from .shapes import Shape
from .table import BOUNDS

#: truncation orders of the power series; the last two only where no moments of inner nodes are needed
_ORDERS = (64, 128, 256, 512, 1024, 2048, 4096)
_ORDERS_INNER = _ORDERS[:-2]
#: beyond this order, interpolation is cheaper than the power series
_LONG_SERIES = 512
#: first and largest number of nodes of the one-sided interpolation
_FIRST_NODES, _MOST_NODES = 32, 1100
#: highest order that polynomial duals may ask for
_MOST_ORDER = 4096
#: bits beyond those that the relative error asks for
_GUARD_BITS = 96
#: a prediction has to miss the aim by this factor before it ends a search
_HOPELESS = 4.0
#: largest step of the number of nodes; and the step where no rate is known
_STRIDE, _STEEP = 8.0, 8.0


@dataclass(frozen=True, eq=False)
class Solution:
    """Values of the classes of a pool (zeros where not asked), with error bounds and how they were reached."""

    values: object
    error: np.ndarray
    bound: np.ndarray
    method: str
    order: str
    citations: tuple[str, ...] = ()

    def estimated(self) -> "Solution":
        """The same where an activation is known through estimates: then all is, zeros included."""
        bound = np.full_like(self.bound, BOUNDS.index("estimated"))
        method = f"{self.method}; Hermite coefficients of an activation by quadrature"
        return replace(self, bound=bound, method=method)

    def times(self, number) -> "Solution":
        """The values times the variance of the output, a fraction or a constant."""
        if number == 1:
            return self
        values, error, bound = self.values.times(number), self.error, self.bound
        if isinstance(values, BallColumn):
            error = np.array([relative_error(ball) for ball in values.balls])
            bound = _exact_or_proved(values.balls)
        elif isinstance(values, FloatColumn):
            # only zeros are exact in floats
            error = np.where(bound == BOUNDS.index("exact"), error, error + 3 * UNIT)
        return replace(self, values=values, error=error, bound=bound)


def _exact_or_proved(balls: Sequence) -> np.ndarray:
    """The kinds of the bounds of some balls."""
    exact = np.array([ball.is_exact() for ball in balls])
    return np.where(exact, BOUNDS.index("exact"), BOUNDS.index("proved")).astype(np.uint8)


@dataclass(frozen=True)
class Step:
    """One setting of the recursion: a truncation order and, for interpolation, a number of nodes."""

    order: int
    nodes: int = 0

    @property
    def text(self) -> str:
        """For the provenance of a table."""
        return f"{self.nodes} nodes" if self.nodes else f"truncation order {self.order}"


def interpolation(pool: Pool, nodes: int) -> Step:
    """The step of so many nodes, with the moments that they need: those of the square where a mean may be negative."""
    moments = 4 if any(is_folded(join) for join in interpolating_joins(pool.shape)) else 2
    return Step(max(moments * nodes + 4, int(pool.degree.max()) + 16), nodes)


def certify(pool: Pool, asked: np.ndarray, kernel: str, ring: BallRing, rtol: float) -> Solution:
    """Balls of relative error at most ``rtol``.

    The power series is summed to rising orders while that can settle; then the joins over single leaves interpolate
    (see `eigenspace.one_sided`), with more and more nodes.
    """
    search = Search(pool, asked, kernel, max(ring.bits, ceil(-log2(rtol)) + _GUARD_BITS), rtol)
    search.run()
    if search.open.any():
        worst = int(np.argmax(np.where(search.open, search.gap, 0)))
        reached = search.gap[worst]
        raise ConvergenceError(
            f"rtol={rtol:g} is out of reach for {np.count_nonzero(search.open)} of {np.count_nonzero(asked)} classes: "
            f"the ball of interaction {pool.pattern(worst)} has relative error {bound_text(reached)} at "
            f"{search.last.text}; ask for rtol >= {bound_text(2 * reached)} or lower degrees, or take "
            f"ring=eigenspace.FLOAT for an estimate"
        )
    values, bound = BallColumn(ring, tuple(search.balls)), _exact_or_proved(search.balls)
    return Solution(values, search.gap, bound, search.method, search.last.text)


class Search:
    """The narrowest balls found so far, one for each class of a pool, and their relative errors."""

    def __init__(self, pool: Pool, asked: np.ndarray, kernel: str, bits: int, rtol: float):
        from flint import arb

        self.pool, self.kernel, self.bits, self.rtol = pool, kernel, bits, rtol
        self.balls, self.gap = [arb(0)] * len(pool), np.where(asked, inf, 0.0)
        self.asked, self.open, self.last, self.interpolated = asked, asked.copy(), None, False

    @property
    def method(self) -> str:
        """What was done, for the provenance of a table."""
        joins = "; joins by one-sided interpolation" if self.interpolated else ""
        return f"moment recursion on classes in balls{joins}"

    def run(self) -> None:
        """Series first, then interpolation, until all is settled or the next steps are not going to do it."""
        shape = self.pool.shape
        rate, joins = slowest(shape, self.kernel), list(interpolating_joins(shape))
        for order in truncation_orders(self.pool, _ORDERS_INNER if shape.inner else _ORDERS):
            self.step(Step(order))
            if not self.open.any():
                return
            if joins and self._needed(rate) * order > _LONG_SERIES:
                break
        if not joins:
            return
        nodes = _FIRST_NODES
        while True:
            self.step(interpolation(self.pool, nodes))
            if not self.open.any():
                return
            wanted = nodes * self._needed(2 * rate)
            if nodes == _MOST_NODES or nodes > _FIRST_NODES and wanted > _HOPELESS * _MOST_NODES:
                return
            nodes = min(_MOST_NODES, ceil(min(max(1.06 * wanted, 1.25 * nodes), _STRIDE * nodes)))

    def step(self, step: Step, only_open: bool = True) -> None:
        """One pass of the recursion over the open classes, or over all that were asked; ``found`` are its balls."""
        wanted = self.open if only_open else self.asked
        part, numbers = self.pool.restrict(wanted)
        small = max((-scaled_ball(ball)[1] for ball in self.balls if not ball.mid().is_zero()), default=0)
        ring = BallRing(self.bits + (max(0, ceil(1.5 * small)) if step.nodes else 0), step.nodes)
        rows, index = root_moments(part, self.kernel, step.order, ring)
        found = ring.moments(rows, index)
        self.found = {c: found[numbers[c]] for c in np.flatnonzero(wanted)}
        for c, ball in self.found.items():
            gap = relative_error(ball)
            if gap < self.gap[c] or not step.nodes:
                self.balls[c], self.gap[c] = ball, gap
            self.open[c] = self.gap[c] > self.rtol
        self.last, self.interpolated = step, self.interpolated or step.nodes > 0

    def _needed(self, rate: float) -> float:
        """By which factor an order or number of nodes has to rise, if relative errors fall with its power ``-rate``."""
        if rate == inf:
            return _STEEP
        return float(np.max(self.gap[self.open]) / self.rtol) ** (1 / rate)


def truncation_orders(pool: Pool, orders: Sequence[int]) -> list[int]:
    """Those of the truncation orders that are worth a try.

    Where all duals are polynomials, the degree of the kernel alone: nothing is cut off.  Where some are, an order from
    which all their terms show, lest a class that is only reached by high powers looks like an exact zero.
    """
    shape, most = pool.shape, pool.shape.polynomial_degree
    if max(most, 0 if shape.is_polynomial else 4 * (most - 1)) > _MOST_ORDER:
        raise UnsupportedError(
            f"the polynomial activations between the output and a leaf have the degree {most} together, and degrees up "
            f"to {_MOST_ORDER} ({_MOST_ORDER // 4} with other activations between them) are supported; use fewer layers"
        )
    if shape.is_polynomial:
        return [most]
    least = int(pool.degree.max()) + 16 + 4 * (most - 1)
    return sorted({max(order, least) for order in orders})


def slowest(shape: Shape, kernel: str) -> float:
    """Exponent of the slowest power series in a tree: of the join with the fewest directions out of the corner.

    ``inf`` where the coefficients of some dual do not fall like a power, or have gaps between powers.
    """
    if shape.dim is not None or shape.is_cube:
        return inf
    if has_gaps(shape) or not all(a.is_algebraic or a.keeps_angle for a in shape.chain):
        return inf
    own = shape.corner + (0.5 if kernel == "ntk" else 1.5) if shape.chain else inf
    return min([own, *(slowest(child, kernel) for child, _ in shape.groups)])


def has_gaps(shape: Shape) -> bool:
    """Whether a polynomial of degree 2 or more is among the duals: its powers show in truncated sums as steps."""
    return any((degree((a,)) or 1) > 1 for a in shape.chain) or any(has_gaps(child) for child, _ in shape.groups)


def interpolating_joins(shape: Shape):
    """The joins that can interpolate: an activation over means of single leaves and cubes, nothing cut off below."""
    if shape.dim is None and not shape.is_cube:
        known = degree(shape.chain) is None and not shape.is_estimated
        if known and all(_is_clean(child) for child, _ in shape.groups):
            if 0 < shape.corner <= MOST_CORNER:
                yield shape
        for child, _ in shape.groups:
            yield from interpolating_joins(child)


def _is_clean(child: Shape) -> bool:
    """Whether the moments of a part are known to any precision: a leaf, or a chain over one that goes by a rule."""
    return (child.dim is not None or child.is_cube) and (not child.chain or degree(child.chain) is None)


def is_folded(join: Shape) -> bool:
    """Whether the mean of the children of a join may be negative."""
    return not all(is_nonnegative(child.chain) for child, _ in join.groups)
