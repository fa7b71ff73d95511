r"""Eigenvalues of networks with shared children, by power series in the correlations of their leaves.

.. math:: \lambda(r) = \sum_n b_n \prod_u m(r_u, n_u), \qquad m(r, n) = E[t^n P_r]

[Smola2001; Geifman2022, for products of spheres], all terms non-negative.  What a series of total degree ``M`` leaves
out is bounded by Hölder's inequality.  With :math:`(s)_r = s (s + 2) \cdots (s + 2r - 2)`, the eigenvalue is a mean of
a derivative in higher dimensions,

.. math:: \lambda(r) = \prod_u \frac1{(s_u)_{r_u}}\; E_{t_u \sim S^{s_u + 2 r_u - 1}}[\partial^r K(t)],

and the derivative is a power series without negative coefficients in the means :math:`S_i` of the first layer, so that
its part of degree ``e`` has at most the mean of its coefficient sum times :math:`\max_i E[S_i^e]`.  The coefficient
sums come from the diagonal, :math:`K(z + \epsilon_1, z + \epsilon_2, \dots)`, a series in one variable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial, inf, lcm, lgamma, log, prod

import numpy as np

from ._flint import precision, scaled_ball, scaled_ratio
from .certified import Solution
from .errors import ConvergenceError, UnsupportedError
from .graphs import (
    Form,
    Position,
    expand,
    expansion_cost,
    is_reached,
    least_exponents,
    parities,
    positions,
    ray_cost,
    ray_expand,
    set_exponent,
)  # fmt: skip
from .kernels import KERNELS, kernel_values, trace
from .multivariate import UNIT, Monomials, monomials
from .parts import Network, normalised, refuse_mixed_variances
from .rings import FloatColumn
from .shapes import size_exponent
from .table import BOUNDS

#: largest number of leaves
MOST_LEAVES = 16
#: products of terms that a series may take, and the largest number of its terms
_MOST_WORK, _MOST_TERMS = 150_000_000, 2_000_000
#: number of terms up to which the exponents of a table count pairs on top of the degrees
_MOST_EXPONENTS = 250_000
#: highest order of a series
_MOST_ORDER = 160
#: lengths of the diagonal series, the longest that takes at most so many products
_LENGTHS, _RAY_WORK = (512, 384, 256, 192, 128, 96, 64, 48, 32), 300_000_000
#: relative width of a bracket from which on it counts as settled if a higher order hardly narrows it
_ROUGH = 1e-9
#: what roundings may add to the sums of the diagonal, relative
_RAY_ROUNDINGS = 1e-9
#: bits of the finite sum over a cube, and of an eigenvalue that is taken from it
_CUBE_BITS, _ENOUGH_BITS = 192, 64
_METHOD = "multivariate power series; all terms non-negative"
_CUBE_METHOD = "finite sum over the corners of the cube, in balls"


def check_leaves(net: Network) -> None:
    """Refuse a graph of too many leaves."""
    if len(net.leaves) > MOST_LEAVES:
        raise UnsupportedError(
            f"eigenvalues of a network with shared children (overlapping filters) need at most {MOST_LEAVES} leaves, "
            f"got {len(net.leaves)}; use fewer leaves, leading_order (any number), or give every node its own children"
        )


def all_degrees(net: Network, degree: int) -> list[tuple[int, ...]]:
    """All multi-degrees of at most a total degree, by ascending total degree."""
    table = monomials(len(net.leaves), degree)
    rows = np.zeros((len(table), table.variables), dtype=np.int64)
    for i in range(1, len(table)):
        rows[i] = rows[table.parent[i]]
        rows[i, table.last[i]] += 1
    most = np.array([1 if leaf.dim == 1 else degree for leaf in net.leaves])
    return [tuple(row) for row in rows[np.all(rows <= most, axis=1)].tolist()]


def solve_graph(net: Network, rows: Sequence[tuple[int, ...]], kernel: str, rtol: float, sparse: bool) -> Solution:
    """Eigenvalues of multi-degrees, each by brackets at rising orders until one is as narrow as asked.

    ``sparse``: the rows share few active leaves, so that only these are kept apart in the bound of what is left out.
    """
    check_leaves(net)
    refuse_mixed_variances(net, "eigenvalues need")
    plain = normalised(net)
    if all(leaf.dim == 1 for leaf in net.leaves):
        solution = _solve_cube(plain, rows, kernel)
    else:
        solution = _Search(plain, rows, kernel, sparse).run(rtol)
    solution = solution.times(net.variance)
    return solution.estimated() if any(layer.is_estimated for layer in net.layers) else solution


@dataclass(frozen=True, eq=False)
class _Ray:
    """What bounds the rest at one position: sums of coefficients on the diagonal, and what lies beyond their degrees.

    ``beyond``: the sums of all further coefficients, of even and of odd total degree.
    """

    position: Position
    table: Monomials
    sums: np.ndarray
    beyond: tuple[float, float]

    def row(self, degrees: dict) -> np.ndarray:
        """The sums for the degrees of some leaves, one for each degree in excess."""
        return self.sums[self.table.number([degrees.get(leaf, 0) for leaf in self.position.leaves])]


class _Search:
    """Brackets of some eigenvalues, as orders rise."""

    def __init__(self, net: Network, rows: Sequence[tuple[int, ...]], kernel: str, sparse: bool):
        self.net, self.rows, self.tangent = net, rows, kernel == "ntk"
        self.degree = max(map(sum, rows))
        self.places = positions(net)
        active = {leaf for row in rows for leaf, r in zip(net.leaves, row) if r}
        self.rays = self._rays(positions(net, active if sparse else None), kernel)
        self.low, self.high = np.zeros(len(rows)), np.full(len(rows), inf)
        self._terms: list = [np.zeros(0)] * len(rows)
        self._moments: dict = {}

    def run(self, rtol: float) -> Solution:
        """Raise the order while it can help."""
        open_, order = np.ones(len(self.rows), dtype=bool), None
        for order in self._orders():
            before = self.high - self.low
            self._step(order, np.flatnonzero(open_))
            gap = self.high - self.low
            # what roundings leave open, a higher order does not close
            open_ = (gap > 2 * rtol * self.low) & ((gap < before / 2) | (gap > _ROUGH * self.low))
            if not open_.any():
                break
        return self._solution(order, rtol)

    def _orders(self):
        """Orders within reach: two more than the highest degree at least, then half as much again."""
        forms = {place.form for place in self.places}
        most = max(form.variables for form in forms)
        ends = [form.polynomial_degree for form in forms]
        order = self.degree + 2
        if comb(most + self.degree, most) > _MOST_TERMS:
            raise UnsupportedError(
                f"total degree {self.degree} on {most} leaves with shared parents needs a power series of "
                f"{comb(most + self.degree, most):.1e} terms, and {_MOST_TERMS} are the limit; ask for a lower degree"
            )
        order = order if self._cost(forms, order) <= 4 * _MOST_WORK else self.degree
        while True:
            if None not in ends and order >= max(ends):
                yield max(*ends, self.degree)
                return
            yield order
            following = next(
                (n for n in range(order + 1 + order // 2, order, -1) if self._cost(forms, n) <= _MOST_WORK), None
            )
            if following is None or order >= _MOST_ORDER:
                return
            order = following

    def _cost(self, forms, order: int) -> float:
        if max(comb(form.variables + order, order) for form in forms) > _MOST_TERMS:
            return inf
        return sum(expansion_cost(form, order, self.tangent) for form in forms)

    def _rays(self, places: Sequence[Position], kernel: str) -> list[_Ray]:
        done: dict = {}
        for place in places:
            form = place.form
            if form not in done:
                length = next((n for n in _LENGTHS if ray_cost(form, self.degree, n) <= _RAY_WORK), _LENGTHS[-1])
                table, sums = ray_expand(form, self.degree, length, self.tangent)
                one, other = (trace(Network((place.part,), ""), kernel, x) for x in (1.0, -1.0))
                beyond = tuple(
                    max((one + sign * other) / 2 - float(np.sum(sums[0][parity::2])), 0.0) + 1e-12 * one
                    for parity, sign in enumerate((1, -1))
                )
                if form.polynomial_degree is not None and form.polynomial_degree < length:
                    beyond = 0.0, 0.0
                done[form] = table, sums, beyond
        return [_Ray(place, *done[place.form]) for place in places]

    # one order -------------------------------------------------------------------------------------------

    def _step(self, order: int, wanted: np.ndarray) -> None:
        done: dict = {}
        kernels = {place.form: expand(place.form, order, self.tangent, done) for place in self.places}
        del done
        brackets: dict = {}
        for i in wanted:
            degrees = {leaf: r for leaf, r in zip(self.net.leaves, self.rows[i]) if r}
            low = high = 0.0
            terms = np.zeros((order - self.degree_of(i)) // 2 + 1)
            for place, ray in zip(self.places, self.rays):
                if degrees.keys() <= set(place.leaves):
                    key = place.form, _local(place, degrees)
                    if key not in brackets:
                        own = kernels[place.form]
                        brackets[key] = self._bracket(own.tangent if self.tangent else own.kernel, place, ray, degrees)
                    low, high, terms = (a + b for a, b in zip((low, high, terms), brackets[key]))
            count, roundings = len(self.places), (len(self.places) + 2) * UNIT
            self._terms[i] = terms / count
            self.low[i] = max(self.low[i], low / count * (1 - roundings))
            self.high[i] = min(self.high[i], high / count * (1 + roundings))

    def degree_of(self, i: int) -> int:
        """Total degree of a row."""
        return sum(self.rows[i])

    def _bracket(self, series, place: Position, ray: _Ray, degrees: dict) -> tuple[float, float, np.ndarray]:
        """Bounds of the eigenvalue of one position over ``prod m(r, r)``, and the sums of each total degree."""
        from ._kernels.monomials import even_sums

        table, local = series.table, _local(place, degrees)
        total = sum(r for _, r in local)
        half = (table.degree - total) // 2
        ratios = np.array([[_ratio(dim, r, c) if c else 0.0 for c in range(half + 1)] for dim, r in local])
        steps = monomials(table.variables, half)
        sums = even_sums(
            series.values, table.number([r for _, r in local]), ratios, steps.starts, steps.parent, steps.last,
            steps.run, half, table.step,
        )  # fmt: skip
        # every monomial carries the roundings of its coefficient, of its weight and of the sum
        slack = series.slack[total : total + 2 * half + 1 : 2] + 6 * np.arange(half + 1) + steps.variables * half + 4
        slack = (slack + np.minimum(np.diff(steps.starts), 1e6)) * UNIT
        low, high = float(np.sum(sums * (1 - slack))), float(np.sum(sums * (1 + slack)))
        return low, high + self._rest(place, ray, degrees, total + 2 * half), sums

    def _rest(self, place: Position, ray: _Ray, degrees: dict, order: int) -> float:
        """What the monomials beyond an order may add."""
        row, local, total = ray.row(degrees), _local(place, degrees), sum(degrees.values())
        first = order - total + 2
        moments = self._moment_bounds(place, degrees, row.size)
        excess = np.arange(first, row.size, 2)
        rest = float(np.sum(row[excess] * moments[excess // 2]))
        beyond = ray.beyond[total % 2]
        if beyond:
            # |P_r| <= 1: beyond the diagonal series, the mean of the absolute values
            scale = sum(lgamma(r + 1) - _log_rising(dim, r) for dim, r in local)
            far = self._far_moment(place, max(row.size, order + 1))
            rest += beyond * float(np.exp(min(log(max(far, 1e-300)) - scale, 600.0)))
        return rest * (1 + _RAY_ROUNDINGS)

    def _moment_bounds(self, place: Position, degrees: dict, length: int) -> np.ndarray:
        """The largest even moments of the means of the first layer, dimensions raised by twice the degrees."""
        key = "even", place.form, _local(place, degrees), length
        if key not in self._moments:
            means = {
                tuple(sorted((leaf.dim + 2 * degrees.get(leaf, 0), n) for leaf, n in leaves.items()))
                for leaves in _first_means(place.part)
            }
            found = [_mean_moments(parts, length // 2 + 1) for parts in means]
            self._moments[key] = np.maximum(np.max(found, axis=0), 1e-300)
        return self._moments[key]

    def _far_moment(self, place: Position, order: int) -> float:
        """The largest moment of some order of the means of the absolute correlations in the first layer."""
        key = "far", place.form, tuple(leaf.dim for leaf in place.leaves), order
        if key not in self._moments:
            means = {tuple(sorted((leaf.dim, n) for leaf, n in leaves.items())) for leaves in _first_means(place.part)}
            self._moments[key] = max(_absolute_moment(parts, order) for parts in means)
        return self._moments[key]

    # results ---------------------------------------------------------------------------------------------

    def _solution(self, order: int, rtol: float) -> Solution:
        mantissa, exponent = np.zeros(len(self.rows)), np.zeros(len(self.rows), dtype=np.int64)
        error = np.zeros(len(self.rows))
        bound = np.full(len(self.rows), BOUNDS.index("rounded"), dtype=np.uint8)
        for i, row in enumerate(self.rows):
            low, high = self.low[i], self.high[i]
            if low <= 0.0:
                if self._reached(row):
                    raise ConvergenceError(
                        f"no term of total degree up to {order} reaches degrees {_text(row)}; the first that does is "
                        f"beyond the order that {len(self.net.leaves)} leaves allow: ask for lower degrees"
                    )
                bound[i] = BOUNDS.index("exact")
                continue
            if low < 1e-280:
                raise ConvergenceError(
                    f"the power series at degrees {_text(row)} leaves the range of a float; ask for lower degrees"
                )
            middle = low + (high - low) / 2
            error[i] = (high - low) / 2 / middle * (1 + 8 * UNIT) + 4 * UNIT
            if error[i] > rtol:
                more, spread = self._estimate(i)
                if spread < error[i] * middle:
                    middle, error[i] = low + more, spread / (low + more) + 2 * _RAY_ROUNDINGS * 1e-3
                    bound[i] = BOUNDS.index("estimated")
            scale, shift = _leading_moment(self.net, row)
            mantissa[i], own = np.frexp(middle * scale)
            exponent[i] = own + shift
        return Solution(FloatColumn(mantissa, exponent), error, bound, _METHOD, f"total degree {order}")

    def _estimate(self, i: int) -> tuple[float, float]:
        r"""What the terms beyond the order probably add to a row, and how uncertain that is.

        The sums of total degree ``n`` fall faster than any power at first and in the end like
        :math:`n^{-1-\nu-c}` at least, :math:`\nu > 0` and ``c`` half the number of directions in which the correlations
        under one node of the first layer leave the corner where all are 1; their exponent falls towards that.
        """
        terms, row = self._terms[i], self.rows[i]
        dims = [(leaf.dim, r) for leaf, r in zip(self.net.leaves, row)]
        slowest = min(
            sum((leaf.dim - 1) / 2 for leaf in leaves) for place in self.places for leaves in _first_means(place.part)
        )
        last = sum(row) + 2 * (len(terms) - 1)
        # the moments of a high degree rise before they fall
        onset = max(r * r / max(dim - 1, 0.1) for dim, r in dims)
        if len(terms) < 3 or slowest <= 0 or last < 2 * onset:
            return 0.0, inf
        recent = float(np.max(terms[-3 if len(terms) > 4 else -2 :]))
        spread = recent * last / (2 * slowest) * (1 + onset / last)
        ratio = float(terms[-1] / terms[-2]) if 0 < terms[-1] < terms[-2] else 1.0
        exponent = max(-log(ratio) / log(last / (last - 2)) - 1, slowest)
        return float(terms[-1]) * last / (2 * exponent), 1.5 * spread

    def _reached(self, row: tuple[int, ...]) -> bool:
        return _is_reached(self.net, self.places, row, self.tangent)


def _is_reached(net: Network, places: Sequence[Position], row: tuple[int, ...], tangent: bool) -> bool:
    degrees = {leaf: r for leaf, r in zip(net.leaves, row) if r}
    asked = {
        (place.form, tuple(degrees.get(leaf, 0) for leaf in place.leaves))
        for place in places
        if degrees.keys() <= set(place.leaves)
    }
    return any(is_reached(form, local, tangent) for form, local in asked)


def _local(place: Position, degrees: dict) -> tuple[tuple[int, int], ...]:
    """Dimension and degree of all leaves of a position."""
    return tuple((leaf.dim, degrees.get(leaf, 0)) for leaf in place.leaves)


def _text(row: Sequence[int]) -> str:
    return str({u: r for u, r in enumerate(row) if r})


def _ratio(dim: int, r: int, c: int) -> float:
    """``m(r, r + 2c) / m(r, r + 2c - 2)``."""
    n = r + 2 * c
    return (n * (n - 1)) / (2 * c * (dim + 2 * (c + r - 1)))


def _log_rising(dim: int, r: int) -> float:
    return sum(log(dim + 2 * j) for j in range(r))


def _leading_moment(net: Network, row: Sequence[int]) -> tuple[float, int]:
    r"""Mantissa and exponent of :math:`\prod_u m(r_u, r_u)`."""
    above = prod(factorial(r) for r in row)
    below = prod(leaf.dim + 2 * j for leaf, r in zip(net.leaves, row) for j in range(r))
    return scaled_ratio(above, below)


def _first_means(part) -> list[dict]:
    """How often each leaf stands under the nodes of the first layer; leaves under other nodes stand alone."""
    found, seen, waiting = [], set(), [part]
    while waiting:
        part = waiting.pop()
        if part in seen:
            continue
        seen.add(part)
        children = getattr(part, "children", None)
        if children is None:
            found.append({part: 1})
        elif all(not hasattr(child, "children") for child in children):
            found.append({leaf: children.count(leaf) for leaf in children})
        else:
            waiting.extend(children)
    return found


@lru_cache(maxsize=1024)
def _mean_moments(parts: tuple[tuple[int, int], ...], count: int) -> np.ndarray:
    """Even moments, the first ``count``, of the mean of correlations on spheres of dimensions, each so many times."""
    choose = _even_binomials(count)
    total, weight = np.zeros(count), sum(n for _, n in parts)
    total[0] = 1.0
    for dim, n in parts:
        j = np.arange(1, count)
        own = np.cumprod(np.concatenate([[1.0], (n / weight) ** 2 * (2 * j - 1) / (dim + 2 * j - 2)]))
        total = np.array([choose[m, : m + 1] * own[: m + 1] @ total[m::-1] for m in range(count)])
    return total * (1 + 1e-10)


@lru_cache(maxsize=8)
def _even_binomials(count: int) -> np.ndarray:
    return np.array([[float(comb(2 * m, 2 * j)) for j in range(count)] for m in range(count)])


@lru_cache(maxsize=256)
def _absolute_moment(parts: tuple[tuple[int, int], ...], order: int) -> float:
    """A moment of the mean of the absolute values of correlations, a sum of positive terms."""
    total, weight = np.zeros(order + 1), sum(n for _, n in parts)
    total[0] = 1.0
    logs = np.array([lgamma(n + 1) for n in range(order + 1)])
    # exponential generating functions, scaled so that nothing over- or underflows: x**n / n! in units of order**n
    unit = np.exp(np.arange(order + 1) * log(max(order, 1)) - logs)
    for dim, n in parts:
        j = np.arange(order + 1)
        own = np.exp(np.array([_log_absolute(dim, int(i)) for i in j]) + j * log(n / weight)) * unit
        total = np.convolve(total, own)[: order + 1]
    return float(total[order] / unit[order]) * (1 + 1e-9)


def _log_absolute(dim: int, n: int) -> float:
    """Logarithm of ``E[|t|**n]``."""
    if dim == 1:
        return 0.0
    return lgamma((n + 1) / 2) + lgamma(dim / 2) - lgamma((n + dim) / 2) - lgamma(0.5)


# cubes -----------------------------------------------------------------------------------------------


def _solve_cube(net: Network, rows: Sequence[tuple[int, ...]], kernel: str) -> Solution:
    """Every leaf has two points: sums over the corners of the cube under each position, exact but for roundings."""
    places = positions(net)
    bits = _CUBE_BITS
    mantissa, exponent = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    error, bound = np.zeros(len(rows)), np.full(len(rows), BOUNDS.index("rounded"), dtype=np.uint8)
    reached = {place.form: parities(place.form, kernel == KERNELS[1]) for place in places}
    open_ = []
    for i, row in enumerate(rows):
        if _cube_sum(net, places, reached, row):
            open_.append(i)
        else:
            bound[i] = BOUNDS.index("exact")
    while open_:
        with precision(bits):
            tables: dict = {}
            for place in places:
                if place.form not in tables:
                    tables[place.form] = _corner_transform(place, kernel)
            still = []
            for i in open_:
                value = _cube_sum(net, places, tables, rows[i]) / len(places)
                if value.rel_accuracy_bits() >= _ENOUGH_BITS:
                    mantissa[i], exponent[i] = scaled_ball(value)
                    error[i] = 2 * UNIT
                else:
                    still.append(i)
        open_, bits = still, 2 * bits
    return Solution(FloatColumn(mantissa, exponent), error, bound, _CUBE_METHOD, f"{max(1, len(net.leaves))} bits")


def _corner_transform(place: Position, kernel: str) -> np.ndarray:
    """The eigenvalues of one position on its own cube, an array of balls with one axis of length 2 for each leaf."""
    from flint import arb

    signs, count = np.array([arb(1), arb(-1)], dtype=object), len(place.leaves)
    values = {}
    for axis, leaf in enumerate(place.leaves):
        line = signs.reshape([2 if i == axis else 1 for i in range(count)])
        values[leaf] = line, line
    table = np.broadcast_to(kernel_values(Network((place.part,), ""), kernel, values), (2,) * count)
    for axis in range(count):
        plus, minus = np.take(table, 0, axis), np.take(table, 1, axis)
        table = np.stack([(plus + minus) / 2, (plus - minus) / 2], axis)
    return table


def _cube_sum(net: Network, places: Sequence[Position], tables: dict, row: tuple[int, ...]):
    """The sum over all positions that see the active leaves."""
    degrees = {leaf: r for leaf, r in zip(net.leaves, row) if r}
    seen = (place for place in places if degrees.keys() <= set(place.leaves))
    return sum(tables[place.form][tuple(degrees.get(leaf, 0) for leaf in place.leaves)] for place in seen)


# exponents -------------------------------------------------------------------------------------------


def leading_exponents_of(net: Network, rows: Sequence[tuple[int, ...]], kernel: str) -> list:
    r"""Exponent ``L`` of every multi-degree in :math:`\lambda(r) = \Theta(d^{-L})`; ``inf`` where nothing reaches it.

    The least exponent of a monomial :math:`\xi^n` with its moments, :math:`\sum_u \alpha_u (r_u + n_u) / 2` on top of
    that of its coefficient.  Paths that the graph shares count as constants [Xiao2022, sec. 3: every node has a bounded
    number of parents].  Pairs on top of the degrees are looked at up to four degrees more, fewer where leaves are many
    and degrees high.  Cost: that of `graphs.least_exponents`.
    """
    from ._kernels.monomials import least_even

    dims = {leaf.dim for leaf in net.leaves}
    alphas = {dim: size_exponent(dim, net.dim) for dim in dims}
    places = positions(net)
    blocks = {p for place in places for p in place.form.below if p.is_block}
    counts = {len(p.children) for place in places for p in place.form.below if not p.is_leaf} | {len(places)}
    sizes = {n: size_exponent(n, net.dim) for n in {*counts, *(_size(p) for p in blocks)}}
    exact = not any(isinstance(a, float) for a in (*alphas.values(), *sizes.values()))
    unit = 2 * lcm(*(a.denominator for a in (*alphas.values(), *sizes.values()))) if exact else 1
    scaled = {key: float(a * unit) for key, a in alphas.items()}

    def edge(parent: Form, child: Form) -> float:
        if parent.is_block:
            return float(sizes[_size(parent)] * unit) - scaled[child.dim]
        return float(sizes[len(parent.children)] * unit)

    degree, most = max(map(sum, rows)), max(place.form.variables for place in places)
    extra = next((n for n in (4, 2) if comb(most + degree + n, most) <= _MOST_EXPONENTS), 0)
    if comb(most + degree, most) > _MOST_TERMS:
        if max(map(max, rows)) > 1:
            raise UnsupportedError(
                f"exponents at total degree {degree} on {most} leaves are out of reach; ask for a lower degree"
            )
        readout = float(sizes[len(places)] * unit)
        found = [_exponent_of_set(net, row, kernel, edge, scaled, readout) for row in rows]
        return [x if x == inf or not exact else Fraction(round(x), unit) for x in found]
    order = degree + extra
    half = (order - degree) // 2
    own: dict = {}
    for place in places:
        if place.form not in own:
            own[place.form] = least_exponents(place.form, order, kernel == KERNELS[1], edge)
    found, done = [], {}
    for row in rows:
        degrees = {leaf: r for leaf, r in zip(net.leaves, row) if r}
        best = inf
        for place in places:
            local = tuple(degrees.get(leaf, 0) for leaf in place.leaves)
            if not degrees.keys() <= set(place.leaves):
                continue
            if (place.form, local) not in done:
                costs = np.array([scaled[leaf.dim] for leaf in place.leaves])
                table, steps = monomials(len(local), order), monomials(len(local), half)
                done[place.form, local] = float(costs @ local) + least_even(
                    own[place.form], table.number(local), costs, steps.starts, steps.parent, steps.last, half,
                    table.step,
                )  # fmt: skip
            best = min(best, done[place.form, local])
        if best < inf and any(row):
            best += float(sizes[len(places)] * unit)
        found.append(best)
    return [x if x == inf or not exact else Fraction(round(x), unit) for x in found]


def _exponent_of_set(net, row, kernel: str, edge, scaled: dict, readout: float) -> float:
    """The exponent of a row of degrees 0 and 1, without pairs on top."""
    degrees = {leaf for leaf, r in zip(net.leaves, row) if r}
    found = [
        set_exponent(place.form, kernel == KERNELS[1], edge)
        for place in positions(net, degrees)
        if len(place.leaves) == len(degrees)
    ]
    return min(found, default=inf) + readout + sum(scaled[leaf.dim] for leaf in degrees)


def _size(block: Form) -> int:
    """Total dimension of the leaves of a node of the first layer."""
    return sum(child.dim for child, _ in block.children)
