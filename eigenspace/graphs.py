r"""Kernels of any graph of layers as power series in the correlations of its leaves.

Parts that share children depend on the same leaves, so that their expectations do not factor as those of a tree do.
But the kernel is still a power series without negative coefficients,

.. math:: K(\xi) = \sum_n b_n \prod_u \xi_u^{n_u}, \qquad b_n \ge 0,

and each monomial has a known projection [Smola2001; Geifman2022].  A *form* is a part up to the names of its leaves:
equal forms (all positions of a convolution) are expanded once.
"""

from dataclasses import dataclass
from functools import cached_property
from math import comb, inf, prod

import numpy as np

from ._flint import precision
from .multivariate import (
    Monomials,
    Series,
    add,
    compose,
    composition_cost,
    expansions,
    mean,
    monomials,
    multiply,
    product_cost,
    variable,
)  # fmt: skip
from .parts import Leaf, Network

#: number of states up to which exact zeros are told, and of powers in a row that show which ones a series has
_MOST_STATES, _FAR = 2000, 16


@dataclass(frozen=True, eq=False)
class Form:
    """A part up to the names of its leaves: an activation over children, each with the variables that it depends on.

    ``variables``: on how many leaves it depends, of those that are kept apart.  A leaf has a dimension and no
    activation.
    """

    activation: object
    children: tuple[tuple["Form", tuple[int, ...]], ...]
    variables: int
    dim: int | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether this is an input sphere."""
        return self.dim is not None

    @property
    def is_block(self) -> bool:
        """Whether this is a node of the first layer: all children are leaves."""
        return not self.is_leaf and all(child.is_leaf for child, _ in self.children)

    @cached_property
    def below(self) -> tuple["Form", ...]:
        """All forms that this one needs, itself included, children first."""
        found: dict = {}
        for child, _ in self.children:
            found |= dict.fromkeys(child.below)
        return (*found, self)

    @cached_property
    def polynomial_degree(self) -> int | None:
        """The degree of the kernel where all duals are polynomials, else None."""
        if self.is_leaf:
            return 1
        degrees = [child.polynomial_degree for child, _ in self.children]
        dual = self.activation.dual_coefficients
        return None if dual is None or None in degrees else (len(dual) - 1) * max(degrees)


@dataclass(frozen=True, eq=False)
class Position:
    """A position under the linear readout: its part, its form, and the leaves that the variables stand for."""

    part: object
    form: Form
    leaves: tuple[Leaf, ...]


def positions(net: Network, kept=None) -> list[Position]:
    """The positions of a network; leaves outside ``kept`` (default: all are in) get no variable of their own.

    Cost: one pass over the edges.
    """
    kept = set(net.leaves if kept is None else kept)
    forms: dict = {}
    found: dict = {}
    for part in net._walk():
        if isinstance(part, Leaf):
            leaves = (part,) if part in kept else ()
            children: tuple = ()
            key: object = len(leaves), part.dim
        else:
            below = [found[child] for child in part.children]
            leaves = tuple(dict.fromkeys(leaf for _, own in below for leaf in own))
            place = {leaf: i for i, leaf in enumerate(leaves)}
            children = tuple((form, tuple(place[leaf] for leaf in own)) for form, own in below)
            key = part.layer, tuple((id(form), own) for form, own in children)
        if key not in forms:
            activation, dim = (getattr(part, name, None) for name in ("layer", "dim"))
            forms[key] = Form(activation, children, len(leaves), dim)
        found[part] = forms[key], leaves
    return [Position(part, *found[part]) for part in net.positions]


class Origin:
    """Values and Taylor coefficients of a form, and of all forms below it, at uncorrelated inputs."""

    def __init__(self, form: Form):
        self._form, self._known = form, {}

    def values(self) -> dict:
        """The pairs ``(K, T)`` of all forms, balls at the working precision."""
        from flint import arb, ctx

        if ctx.prec not in self._known:
            found: dict = {}
            for part in self._form.below:
                if part.is_leaf:
                    found[part] = arb(0), arb(0)
                else:
                    kernel, tangent = (_ball_mean(found[child][i] for child, _ in part.children) for i in (0, 1))
                    f, g, h = part.activation.triple("on_ball", kernel)
                    found[part] = f, g + h * tangent
            self._known[ctx.prec] = found
        return self._known[ctx.prec]

    def mean_tangent(self, part: Form):
        """The mean of ``T`` over the children of a form."""
        return _ball_mean(self.values()[child][1] for child, _ in part.children)

    def taylor(self, part: Form, order: int) -> tuple:
        """Taylor coefficients of the triple of a form's layer, exactly zero or to 64 bits."""
        centre = lambda: _ball_mean(self.values()[child][0] for child, _ in part.children)  # noqa: E731
        return expansions(part.activation, centre, order)


def _ball_mean(balls):
    balls = list(balls)
    return sum(balls[1:], balls[0]) / len(balls)


# coefficients ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Kernels:
    """Power series of the kernel and (or None) of the tangent kernel of a form."""

    kernel: Series
    tangent: Series | None


def expansion_cost(form: Form, order: int, tangent: bool) -> int:
    """Number of products of terms in `expand`."""
    lists = 3 if tangent else 1
    return sum(
        composition_cost(f.variables, order, lists) + tangent * product_cost(f.variables, order)
        for f in form.below
        if not f.is_leaf
    )


def expand(form: Form, order: int, tangent: bool, done: dict) -> Kernels:
    """The kernels of a form up to a total degree in its leaves; ``done`` keeps those of forms below.

    Cost: `expansion_cost`.
    """
    origin = Origin(form)
    for part in form.below:
        if part in done:
            continue
        table = monomials(part.variables, order)
        if part.is_leaf:
            done[part] = Kernels(variable(table), variable(table) if tangent else None)
            continue
        below = [(done[child], own) for child, own in part.children]
        weight = 1 / len(below)
        w = mean(table, [(k.kernel, own) for k, own in below], weight).cut(1)
        # in units of its largest value, so that no power over- or underflows
        scale = float(np.sum(w.values)) or 1.0
        w = Series(table, w.values / scale, w.slack + 1, 1)
        rows = [_scaled(row, scale) for row in origin.taylor(part, order)]
        if tangent:
            f, g, h = compose(w, rows)
            outer = mean(table, [(k.tangent, own) for k, own in below], weight)
            done[part] = Kernels(f, add(g, multiply(h, outer)))
        else:
            done[part] = Kernels(compose(w, rows[:1])[0], None)
    return done[form]


def _scaled(row: tuple, scale: float) -> np.ndarray:
    """Floats of ``c_n * scale**n``; all are of the size of a kernel or smaller."""
    power, out = 1.0, []
    for c in row:
        # neither factor need be in the range of a float
        out.append(float(c * power) if power > 1e-250 else float(c * type(c)(scale) ** len(out)))
        power *= scale
    return np.array(out)


# masses along the diagonal ---------------------------------------------------------------------------


def ray_cost(form: Form, degree: int, length: int) -> int:
    """Number of products of terms in `ray_expand`."""
    pairs = sum(4 * sum(product_cost(f.variables, d) for d in range(degree + 1)) + 2 * length for f in form.below)
    return pairs * length**2 // 2


def ray_expand(form: Form, degree: int, length: int, tangent: bool) -> tuple[Monomials, np.ndarray]:
    r"""The series of :math:`K(z + \epsilon_1, z + \epsilon_2, \dots)`: row ``r`` holds the powers of ``z``.

    Row ``r``, entry ``e`` is :math:`\sum_n b_n \prod_u \binom{n_u}{r_u}` over the monomials of total degree
    :math:`|r| + e`: what bounds the terms that `expand` leaves out.  Leaves without a variable have
    :math:`\epsilon = 0`.  Cost: `ray_cost`.
    """
    done, origin = {}, Origin(form)
    for part in form.below:
        table = monomials(part.variables, degree)
        if part.is_leaf:
            row = np.zeros((len(table), length))
            row[0, 1] = 1.0
            if part.variables and degree:
                row[1, 0] = 1.0
            done[part] = row, row
            continue
        inner, outer = (_ray_mean(part, table, [done[child][i] for child, _ in part.children]) for i in (0, 1))
        rows = origin.taylor(part, degree + length)
        f, g, h = _ray_compose(table, inner, rows if tangent else rows[:1])
        done[part] = f, g + _ray_product(table, h, outer, degree) if tangent else f
    return monomials(form.variables, degree), done[form][1 if tangent else 0]


def _ray_mean(part: Form, table: Monomials, children: list) -> np.ndarray:
    total = np.zeros((len(table), children[0].shape[1]))
    for (child, own), values in zip(part.children, children):
        total[monomials(child.variables, table.degree).places(table, own)] += values
    return total / len(children)


def _ray_product(table: Monomials, a: np.ndarray, b: np.ndarray, degree: int) -> np.ndarray:
    from ._kernels.monomials import ray_product

    out = np.zeros_like(a)
    ray_product(a, b, degree, table.starts, table.step, out)
    return out


def _ray_compose(table: Monomials, inner: np.ndarray, rows) -> list:
    r"""The Taylor series :math:`\sum_j h_j(z) N^j` of every row, ``N`` being what holds an epsilon."""
    degree, length = table.degree, inner.shape[1]
    ray = inner[0].copy()
    ray[0] = 0.0
    scale = float(np.sum(ray)) or 1.0
    powers = np.zeros((length, length))
    powers[0, 0] = 1.0
    for m in range(1, length):
        powers[m, m:] = np.convolve(powers[m - 1, m - 1 :], ray[1:] / scale)[: length - m]
    nilpotent = inner.copy()
    nilpotent[0] = 0.0
    found = []
    for row in rows:
        row = _scaled(row, scale)
        total = np.zeros_like(inner)
        for j in reversed(range(degree + 1)):
            if total.any():
                total = _ray_product(table, total, nilpotent, degree - j)
            binomials = np.array([float(comb(n + j, j)) for n in range(length)])
            total[0] += (row[j : j + length] * binomials) @ powers / scale**j
        found.append(total)
    return found + [None] * (3 - len(found))


# exponents -------------------------------------------------------------------------------------------


def least_exponents(form: Form, order: int, tangent: bool, edge) -> np.ndarray:
    r"""Exponents of the coefficients of all monomials where a child enters the mean with the exponent
    ``edge(parent, child)``.

    The arithmetic is (min, +); ``inf`` where a coefficient is zero.  Cost: a product for every order and form, of the
    cost of those of `expand`.
    """
    done, origin = {}, Origin(form)
    with precision(64):
        constants = origin.values()
    for part in form.below:
        table = monomials(part.variables, order)
        if part.is_leaf:
            row = np.full(len(table), inf)
            row[table.starts[1] : table.starts[2]] = 0.0
            done[part] = row, row
            continue
        inner, outer = np.full(len(table), inf), np.full(len(table), inf)
        for child, own in part.children:
            places = monomials(child.variables, order).places(table, own)
            for total, values in zip((inner, outer), done[child]):
                np.minimum.at(total, places, values + edge(part, child))
        inner[0] = inf
        outer[0] = 0.0 if any(constants[child][1] > 0 for child, _ in part.children) else inf
        rows = origin.taylor(part, order)
        f, g, h = (_least_compose(table, inner, row) for row in (rows if tangent else rows[:1] * 3))
        done[part] = f, np.minimum(g, _least_product(table, h, outer, order)) if tangent else f
    return done[form][1 if tangent else 0]


def set_exponent(form: Form, tangent: bool, edge) -> float:
    """The exponent of the product of all variables of a form, each once; see `least_exponents`.

    Cost: about ``variables * 3**variables`` additions for every form above all of them.
    """
    from ._kernels.monomials import least_unions

    done, origin = {}, Origin(form)
    with precision(64):
        constants = origin.values()
    for part in form.below:
        size = 1 << part.variables
        if part.is_leaf:
            row = np.array([inf] + [0.0] * (size - 1))
            done[part] = row, row
            continue
        inner, outer = np.full(size, inf), np.full(size, inf)
        for child, own in part.children:
            sets = np.arange(1 << len(own))
            places = sum((((sets >> i) & 1) << u for i, u in enumerate(own)), np.zeros_like(sets))
            for total, values in zip((inner, outer), done[child]):
                np.minimum.at(total, places, values + edge(part, child))
        inner[0] = inf
        outer[0] = 0.0 if any(constants[child][1] > 0 for child, _ in part.children) else inf
        images = []
        for row in origin.taylor(part, part.variables):
            total = np.full(size, inf)
            for c in reversed(row):
                total = least_unions(total, inner)
                if not c.is_zero():
                    total[0] = 0.0
            images.append(total)
        f, g, h = images
        done[part] = f, np.minimum(g, least_unions(h, outer)) if tangent else f
    return float(done[form][int(tangent)][-1])


def _least_product(table: Monomials, a: np.ndarray, b: np.ndarray, degree: int) -> np.ndarray:
    from ._kernels.monomials import least_product

    out = np.full(len(table), inf)
    least_product(a, b, degree, table.starts, table.step, out)
    return out


def _least_compose(table: Monomials, inner: np.ndarray, row: tuple) -> np.ndarray:
    total = np.full(len(table), inf)
    for n in reversed(range(table.degree + 1)):
        if np.isfinite(total).any():
            total = _least_product(table, total, inner, table.degree - n)
        if not row[n].is_zero():
            total[0] = 0.0
    return total


# zeros -----------------------------------------------------------------------------------------------


def is_reached(form: Form, degrees, tangent: bool) -> bool:
    r"""Whether some power in the kernel may reach a multi-degree: if not, its eigenvalue is exactly zero.

    A monomial :math:`\xi^n` has a part of multi-degree ``r`` if :math:`n - r` has even entries, none negative.  Of the
    exponent of an active leaf it is enough to know the parity and whether it is below ``r``; of all inactive leaves
    together, the parity of their sum: more would be needed for the converse.  Products add such states, and sums of a
    set of states with itself repeat with a period of two in the end.

    Cost: about ``degree`` sums of sets of at most ``2 * prod(degree + 1)`` states for every form; beyond 2000 states,
    everything counts as reached.
    """
    states = _States(degrees)
    if states.count > _MOST_STATES:
        return True
    return states.target in _reached(form, tuple(range(form.variables)), tangent, states, {})


def parities(form: Form, tangent: bool) -> np.ndarray:
    """Which parities of the exponents the monomials of a form have: an array of booleans, one axis for each leaf.

    Cost: a few transforms of length ``2**leaves`` for every form.
    """
    found: dict = {}
    for part in form.below:
        if part.is_leaf:
            row = np.array([False, True])
            found[part] = row, row
            continue
        inner, outer = np.zeros((2,) * part.variables, dtype=bool), np.zeros((2,) * part.variables, dtype=bool)
        for child, own in part.children:
            # the other leaves do not occur: index 0 on their axes
            place = tuple(slice(None) if u in own else 0 for u in range(part.variables))
            for total, values in zip((inner, outer), found[child]):
                total[place] |= values.transpose(np.argsort(own)) if len(own) > 1 else values
        one = np.zeros_like(inner)
        one[(0,) * part.variables] = True
        f, g, h = _images(part.activation, one, inner, _parity_sums, tangent)
        found[part] = f, g | _parity_sums(h, outer) if tangent else f
    return found[form][int(tangent)]


def _parity_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which sums of parities of two sets there are, by transforms whose values are integers."""
    transformed = [x.astype(float) for x in (a, b)]
    for axis in range(a.ndim):
        transformed = [np.stack([x.take(0, axis) + x.take(1, axis), x.take(0, axis) - x.take(1, axis)], axis)
                       for x in transformed]  # fmt: skip
    total = transformed[0] * transformed[1]
    for axis in range(a.ndim):
        total = np.stack([total.take(0, axis) + total.take(1, axis), total.take(0, axis) - total.take(1, axis)], axis)
    return total > 0.5 * a.size


def _images(activation, one, inner, sums, tangent: bool) -> list:
    """Sets of what the power series ``f, g, h`` of a layer reach, from the sets of their argument."""
    powers, period = [one], None
    while period is None:
        powers.append(sums(powers[-1], inner))
        if len(powers) > 2 and np.array_equal(powers[-1], powers[-3]):
            period = len(powers) - 3
    rows = expansions(activation, _origin, period + _FAR)
    found = []
    for row in rows if tangent else rows[:1]:
        total = one & ~one if isinstance(one, np.ndarray) else frozenset()
        for n, c in enumerate(row):
            if not c.is_zero():
                total = total | powers[n if n < len(powers) else period + (n - period) % 2]
        found.append(total)
    return found + [None] * (3 - len(found))


def _origin():
    from flint import arb

    return arb(0)


class _States:
    """Exponents of the active leaves up to what matters, and the parity of all others."""

    def __init__(self, degrees):
        self.active = tuple(u for u, r in enumerate(degrees) if r)
        self.degrees = tuple(r for r in degrees if r)
        self.target = (*self.degrees, 0)
        self.count = 2 * prod(r + 1 for r in self.degrees)

    def leaf(self, u: int) -> tuple:
        """The state of one leaf."""
        if u in self.active:
            return (*(int(v == u) for v in self.active), 0)
        return (*(0 for _ in self.active), 1)

    @property
    def one(self) -> frozenset:
        """The state of a constant."""
        return frozenset([(0,) * (len(self.active) + 1)])

    def sums(self, a: frozenset, b: frozenset) -> frozenset:
        """The states of all products."""
        return frozenset(self._fold(x, y) for x in a for y in b)

    def _fold(self, x: tuple, y: tuple) -> tuple:
        # r - 1 and r + 1 both need an odd exponent more, r and r + 2 an even one
        own = (n if (n := s + t) <= r else r - (n - r) % 2 for r, s, t in zip(self.degrees, x, y))
        return (*own, (x[-1] + y[-1]) % 2)


def _reached(form: Form, own: tuple, tangent: bool, states: _States, done: dict) -> frozenset:
    """States of the monomials of a form on the leaves ``own``: of the kernel, or of the tangent kernel."""
    key = form, own, tangent
    if key not in done:
        if form.is_leaf:
            done[key] = frozenset([states.leaf(own[0])])
            return done[key]

        def below(tangent):
            parts = (_reached(c, tuple(own[i] for i in places), tangent, states, done) for c, places in form.children)
            return frozenset().union(*parts)

        f, g, h = _images(form.activation, states.one, below(False), states.sums, tangent)
        done[key] = g | states.sums(h, below(True)) if tangent else f
    return done[key]
