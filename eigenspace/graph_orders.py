r"""Leading order of one eigenvalue on any graph of layers.

.. math:: \lambda(r) = \sum_n b_n \prod_u m(r_u, n_u), \qquad
          m(r, r + 2i) \simeq \frac{(r + 2i)!}{2^i\, i!}\, s^{-(r + i)}

for leaf dimensions ``s`` that grow, so that the eigenvalue is the derivative :math:`\partial^r K(0)` over
:math:`\prod_u s_u^{r_u}` to leading order where that derivative is not zero; where it is, what pairs :math:`\xi_u^2` on
top of ``r`` give first.  The coefficients :math:`b_n` carry powers of the fan-ins, and of each only the terms of the
smallest exponent count: no coefficient is negative, so that none cancels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations_with_replacement
from math import factorial, inf, lcm, prod

from ._flint import precision
from .errors import ConvergenceError, UnsupportedError
from .graphs import Form, Origin, is_reached, positions
from .kernels import KERNELS
from .parts import Leaf, Network
from .rings.leading import Size
from .shapes import size_exponent
from .steiner import SpanningTrees

#: largest number of monomials below the degrees asked for, of pairs on top, and of ways to place these
_MOST_BOX, _MOST_PAIRS, _MOST_WAYS = 600, 3, 4000
_BITS = 192
#: exponents that differ by less are equal
_TIE = 1e-9

#: the terms of the smallest exponent of one coefficient: inverse powers of the sizes that grow, and a ball for each
Terms = dict[tuple[int, ...], object]


@dataclass(frozen=True, eq=False)
class GraphOrder:
    """Exponent and constant of the first term, and its terms: inverse powers of named sizes, and a float for each.

    ``sizes``: value and exponent of every name.
    """

    exponent: Fraction | float
    constant: float
    names: tuple[str, ...] = ()
    terms: tuple[tuple[tuple[int, ...], float], ...] = ()
    sizes: Mapping[str, tuple] = field(default_factory=dict)

    def times(self, factor: float) -> "GraphOrder":
        """The first term times a positive number."""
        terms = tuple((powers, factor * c) for powers, c in self.terms)
        return replace(self, constant=factor * self.constant, terms=terms)

    @property
    def expr(self):
        """The first term as a SymPy expression; its constants are floats."""
        import sympy

        symbols = [sympy.Symbol(name, positive=True) for name in self.names]
        return sympy.Add(*(c * sympy.Mul(*(x**-p for x, p in zip(symbols, powers))) for powers, c in self.terms))


@dataclass(frozen=True, eq=False)
class GraphSizes:
    """The sizes of a network: of its leaf dimensions, and of the numbers of children of its nodes and its readout.

    ``fans``: by number of activations below (and the number of children); ``readout``: of the positions.
    """

    leaves: Mapping[int, Size]
    fans: Mapping[tuple[int, int], Size]
    readout: Size

    @property
    def grown(self) -> dict[str, Size]:
        """All that grow, by name."""
        everything = (*self.leaves.values(), *self.fans.values(), self.readout)
        return {size.name: size for size in sorted(everything, key=lambda size: size.name) if not size.is_fixed}

    def told(self, exact: bool, unit: int) -> dict:
        """Value and exponent of every size that grows."""
        exponent = (lambda a: Fraction(round(a), unit)) if exact else float
        return {name: (size.value, exponent(size.exponent)) for name, size in self.grown.items()}


def _sizes(net: Network, exponent: Callable, unit: int) -> GraphSizes:
    """The sizes of a network from ``exponent(kind, layer, size)``; kinds are dim, filters and positions."""
    layers = _layers(place.form for place in positions(net))
    top = max(layers.values())
    fans = {}
    for form, layer in layers.items():
        if not form.is_leaf:
            kind = "positions" if net.head == "dense" and layer == top else "filters"
            fans[layer, len(form.children)] = exponent(kind, layer, len(form.children))
    dims = {dim: exponent("dim", 0, dim) for dim in sorted({leaf.dim for leaf in net.leaves})}
    readout = exponent("positions", top + 1, len(net.positions))
    grown = [dim for dim, a in dims.items() if a != 0]
    joins = sorted(key for key, a in fans.items() if a != 0) + [(top + 1, len(net.positions))] * (readout != 0)

    def size(value: int, a, name: str, same: list, own) -> Size:
        if a == 0:
            return Size(value, 0.0)
        natural = abs(value - net.dim ** float(a)) < _TIE * value
        label = name + (str(same.index(own) + 1) if len(same) > 1 else "")
        return Size(value, float(a * unit), label, None if natural else (net.dim, a))

    return GraphSizes(
        {dim: size(dim, a, "s", grown, dim) for dim, a in dims.items()},
        {key: size(key[1], a, "w", joins, key) for key, a in fans.items()},
        size(len(net.positions), readout, "w", joins, (top + 1, len(net.positions))),
    )


def _layers(forms) -> dict[Form, int]:
    """Number of activations below the mean of every form; -1 for leaves."""
    found: dict = {}
    for top in forms:
        for form in top.below:
            found[form] = -1 if form.is_leaf else 1 + max(found[child] for child, _ in form.children)
    return found


def graph_order(net: Network, degrees: Mapping[Leaf, int], kernel: str, wanted: Callable | None = None) -> GraphOrder:
    """The leading order for the degrees of the active leaves.

    ``wanted(kind, layer)`` is the exponent of a size, or None for ``log(size) / log(d)``; kinds are dim, filters and
    positions.

    Shared paths are counted one by one: how many parents a part has is taken to stay as it is while sizes grow
    [Xiao2022, sec. 3].

    Cost: products of polynomials of ``prod(degree + 1)`` terms at every node above an active leaf; where the plain
    derivative is not sure to lead, as many times as there are ways to place pairs.

    Raises :class:`~eigenspace.errors.UnsupportedError` where a leaf dimension does not grow; where leaves outside the
    degrees take part in the leading term while a fan-in grows; and beyond 600 monomials below the degrees.
    """
    found: list = []

    def exponent(kind: str, layer: int, size: int):
        given = wanted(kind, layer) if wanted else None
        found.append(size_exponent(size, net.dim) if given is None else given)
        return found[-1]

    sizes = _sizes(net, exponent, 1)
    exact = all(isinstance(a, Fraction) for a in found)
    unit = lcm(*(a.denominator for a in found)) if exact else 1
    sizes = _sizes(net, exponent, unit) if unit > 1 else sizes
    order = _Orders(net, degrees, kernel, sizes).first()
    leading = Fraction(round(order.exponent), unit) if exact and order.exponent < inf else order.exponent
    if leading < inf and not exact and wanted is None:
        # the block of a first layer may be a power of d where its parts are not
        index = sum(SpanningTrees(net).indices(degrees))
        leading = index if abs(index - leading) < _TIE else leading
    return replace(order, exponent=leading, sizes=sizes.told(exact, unit))


class _Orders:
    """Coefficients of the monomials that may lead."""

    def __init__(self, net: Network, degrees: Mapping[Leaf, int], kernel: str, sizes: GraphSizes):
        self.net, self.degrees, self.sizes = net, dict(degrees), sizes
        self.tangent = kernel == KERNELS[1]
        for dim, size in sizes.leaves.items():
            if size.is_fixed:
                raise UnsupportedError(
                    f"a leading order on a network with shared children needs leaf dimensions that grow, got a leaf of "
                    f"fixed dimension {dim}; give dim a positive exponent, or use eigenvalue"
                )
        self.grown = sizes.grown
        self.names = tuple(self.grown)
        self.weights = [self.grown[name].exponent for name in self.names]
        self.fans_grow = any(not size.is_fixed for size in (*sizes.fans.values(), sizes.readout))

    def first(self) -> GraphOrder:
        """The least exponent over all numbers of pairs, and all terms that have it."""
        floor = self.exponent(self.with_pairs((), admissible=True))
        if floor == inf:
            return GraphOrder(inf, 0.0)
        step = min(size.exponent for size in self.sizes.leaves.values())
        total, best, outside = {}, inf, False
        for pairs in range(_MOST_PAIRS + 2):
            if floor + pairs * step > best + _TIE or pairs == 1 and not total and self.is_zero():
                break
            if pairs > _MOST_PAIRS:
                raise ConvergenceError(
                    f"the leading order may need more than {_MOST_PAIRS} pairs on top of the degrees; ask for other "
                    f"degrees, or for the eigenvalue itself"
                )
            for chosen in self.ways(pairs):
                found = self.with_pairs(chosen)
                exponent = self.exponent(found)
                foreign = any(leaf not in self.degrees for leaf in chosen)
                if exponent < best - _TIE:
                    total, best, outside = found, exponent, foreign
                elif found and exponent < best + _TIE:
                    total, outside = self.add(total, found), outside or foreign
        if outside and self.fans_grow:
            raise UnsupportedError(
                "the leading term runs over leaves outside the degrees, and how many there are depends on how the "
                "graph grows with its filters; give filters and positions the exponent 0"
            )
        if not total:
            return GraphOrder(inf, 0.0)
        with precision(_BITS):
            constant = float(sum(ball * self.scale(powers) for powers, ball in total.items()).mid())
            terms = tuple(sorted((powers, float(ball.mid())) for powers, ball in total.items()))
        if not 0 < constant < inf:
            raise UnsupportedError(
                "the constant of the leading order is beyond the range of a float; lower the degrees"
            )
        return GraphOrder(best, constant, self.names, terms)

    def ways(self, pairs: int) -> list[tuple[Leaf, ...]]:
        """All places for pairs: leaves that meet the active ones at some position."""
        if not pairs:
            return [()]
        together = [set(place.leaves) for place in self.places if self.degrees.keys() <= set(place.leaves)]
        near = [leaf for leaf in self.net.leaves if any(leaf in leaves for leaves in together)]
        ways = list(combinations_with_replacement(near, pairs))
        if len(ways) > _MOST_WAYS:
            raise UnsupportedError(
                f"the leading order needs {pairs} pairs among {len(near)} leaves on top of the degrees, and "
                f"{_MOST_WAYS} ways to place them are the limit; ask for other degrees, or for a smaller network"
            )
        return ways

    @cached_property
    def places(self):
        """The positions with all leaves kept apart."""
        return positions(self.net)

    def is_zero(self) -> bool:
        """Whether the eigenvalue is exactly zero."""
        return not any(
            is_reached(place.form, [self.degrees.get(leaf, 0) for leaf in place.leaves], self.tangent)
            for place in self.places
            if self.degrees.keys() <= set(place.leaves)
        )

    # one monomial ----------------------------------------------------------------------------------------

    def with_pairs(self, pairs: Sequence[Leaf], admissible: bool = False) -> Terms:
        """The terms of ``b_n m(r, n)``, ``n`` the degrees and two for every pair."""
        powers = dict(self.degrees)
        for leaf in pairs:
            powers[leaf] = powers.get(leaf, 0) + 2
        kept = {leaf: n for leaf, n in powers.items() if n}
        if prod(n + 1 for n in kept.values()) > _MOST_BOX:
            raise UnsupportedError(
                f"a leading order on a network with shared children takes polynomials of prod(degree + 1) terms, at "
                f"most {_MOST_BOX}; got degrees {sorted(kept.values())}: ask for lower degrees"
            )
        total: Terms = {}
        with precision(_BITS):
            done: dict = {}
            for place in positions(self.net, kept):
                if kept.keys() <= set(place.leaves):
                    box = tuple(kept[leaf] for leaf in place.leaves)
                    if (place.form, box) not in done:
                        done[place.form, box] = self.coefficient(place.form, box, admissible)
                    # the constant at uncorrelated inputs is a mean over all positions, whatever grows
                    weigh = self.divide if kept else self.share
                    total = self.add(total, weigh(done[place.form, box], self.sizes.readout))
            for leaf, n in kept.items():
                r, pairs_here = self.degrees.get(leaf, 0), (n - self.degrees.get(leaf, 0)) // 2
                factor = factorial(n) // (2**pairs_here * factorial(pairs_here))
                total = {powers: ball * factor for powers, ball in total.items()}
                for _ in range(r + pairs_here):
                    total = self.divide(total, self.sizes.leaves[leaf.dim])
        return total

    def coefficient(self, form: Form, box: tuple[int, ...], admissible: bool) -> Terms:
        """The coefficient of one monomial of a form, by polynomials in all monomials that divide it."""
        from flint import arb

        unit = (0,) * len(self.names)
        origin, layers = Origin(form), _layers([form])
        order = sum(box)
        done: dict = {}
        for part in form.below:
            # what a variable of an inner form stands for, and so its largest power, differs from place to place
            most = box if part is form else (max(box, default=0),) * part.variables
            if part.is_leaf:
                leaf = {(1,): {unit: arb(1)}} if part.variables else {}
                done[part] = leaf, leaf
                continue
            if not part.variables:
                done[part] = tuple({(): {unit: value}} for value in origin.values()[part])
                continue
            size = self.sizes.fans[layers[part], len(part.children)]
            inner, outer = {}, {}
            for child, own in part.children:
                for target, source in ((inner, done[child][0]), (outer, done[child][1])):
                    for monomial, terms in source.items():
                        place = [0] * part.variables
                        for n, u in zip(monomial, own):
                            place[u] = n
                        if any(monomial) and all(n <= m for n, m in zip(place, most)):
                            key = tuple(place)
                            target[key] = self.add(target.get(key, {}), self.divide(terms, size))
            zero = (0,) * part.variables
            tangent = origin.mean_tangent(part)
            if not tangent.is_zero():
                outer[zero] = {unit: tangent}
            rows = [[arb(1)] * (order + 1)] * 3 if admissible else origin.taylor(part, order)
            f = self.compose(rows[0], inner, most, zero)
            g, h = (self.compose(row, inner, most, zero) if self.tangent else {} for row in rows[1:])
            done[part] = f, self.sum(g, self.product(h, outer, most)) if self.tangent else f
        return done[form][int(self.tangent)].get(box, {})

    def compose(self, row, inner: dict, most: tuple, zero: tuple) -> dict:
        """A power series of a polynomial without a constant, by Horner's rule."""
        unit, total = (0,) * len(self.names), {}
        for c in reversed(row):
            total = self.product(total, inner, most) if total else {}
            if not c.is_zero():
                total[zero] = {unit: c}
        return total

    def product(self, a: dict, b: dict, most: tuple) -> dict:
        """Product of polynomials, without monomials beyond ``most``."""
        total: dict = {}
        for x, left in a.items():
            for y, right in b.items():
                key = tuple(i + j for i, j in zip(x, y))
                if all(n <= m for n, m in zip(key, most)):
                    terms: Terms = {}
                    for p, c in left.items():
                        for q, e in right.items():
                            powers = tuple(i + j for i, j in zip(p, q))
                            terms[powers] = terms[powers] + c * e if powers in terms else c * e
                    total[key] = self.add(total.get(key, {}), terms)
        return total

    def sum(self, a: dict, b: dict) -> dict:
        """Sum of polynomials."""
        return {key: self.add(a.get(key, {}), b.get(key, {})) for key in {*a, *b}}

    # one coefficient -------------------------------------------------------------------------------------

    def exponent(self, terms: Terms) -> float:
        """The exponent that all terms share; ``inf`` for none."""
        return min((sum(p * w for p, w in zip(powers, self.weights)) for powers in terms), default=inf)

    def add(self, a: Terms, b: Terms) -> Terms:
        """Sum, without what has a larger exponent than the smallest."""
        if not a or not b:
            return dict(a or b)
        first, second = self.exponent(a), self.exponent(b)
        if abs(first - second) > _TIE:
            return dict(a if first < second else b)
        total = dict(a)
        for powers, ball in b.items():
            total[powers] = total[powers] + ball if powers in total else ball
        return total

    def divide(self, terms: Terms, size: Size) -> Terms:
        """Quotient by a size."""
        if size.is_fixed:
            return self.share(terms, size)
        place = self.names.index(size.name)
        return {(*p[:place], p[place] + 1, *p[place + 1 :]): ball for p, ball in terms.items()}

    def share(self, terms: Terms, size: Size) -> Terms:
        """Quotient by the value of a size, a plain number."""
        return {powers: ball / size.value for powers, ball in terms.items()}

    def scale(self, powers: tuple[int, ...]):
        """The constants of the sizes, each being a constant times a power of ``d``, to inverse powers."""
        from flint import arb, fmpq

        total = arb(1)
        for name, power in zip(self.names, powers):
            size = self.grown[name]
            if size.scale is not None:
                base, a = size.scale
                exponent = arb(a) if isinstance(a, float) else arb(fmpq(a.numerator, a.denominator))
                total *= (arb(base) ** exponent / size.value) ** power
        return total
