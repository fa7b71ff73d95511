r"""Truncated power series in several variables, without negative coefficients.

.. math:: f(c + W) = \sum_n \frac{f^{(n)}(c)}{n!}\, W^n, \qquad W = \sum_{|m| \ge 1} w_m\, t^m,

is a sum of non-negative terms where ``f`` and ``W`` have none that are negative, so that every coefficient of the
result keeps its relative accuracy.  A `Series` counts its roundings, degree by degree.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb, isqrt

import numpy as np

from ._flint import precision

UNIT = 2.0**-53
#: relative accuracy in bits that Taylor coefficients must reach, and how often the precision may be doubled
_ACCURACY, _DOUBLINGS = 64, 9


@dataclass(frozen=True, eq=False)
class Monomials:
    """Monomials in some variables up to a total degree, numbered by ascending degree; number 0 is 1.

    ``starts[d]`` is the first of degree ``d``; ``parent``, ``last``, ``run``: the monomial without its last variable,
    that variable, and its exponent; ``step[u, i]``: the number of variable ``u`` times monomial ``i``.
    """

    variables: int
    degree: int
    starts: np.ndarray
    parent: np.ndarray
    last: np.ndarray
    run: np.ndarray
    step: np.ndarray

    def __len__(self) -> int:
        return self.parent.size

    def number(self, exponents) -> int:
        """The number of a monomial.

        >>> table = monomials(2, 2)
        >>> [table.number(e) for e in ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))]
        [0, 1, 2, 3, 4, 5]
        """
        index = 0
        for u, exponent in enumerate(exponents):
            for _ in range(exponent):
                index = int(self.step[u, index])
        return index

    @property
    def totals(self) -> np.ndarray:
        """Total degree of every monomial."""
        return np.repeat(np.arange(self.degree + 1), np.diff(self.starts))

    def places(self, other: "Monomials", variables) -> np.ndarray:
        """The numbers in ``other`` of these monomials, variable ``u`` becoming ``variables[u]`` there."""
        from ._kernels.monomials import embed

        return embed(self.parent, self.last, np.asarray(variables, dtype=np.int64), other.step)


@lru_cache(maxsize=32)
def monomials(variables: int, degree: int) -> Monomials:
    r"""All monomials; :math:`\binom{variables + degree}{degree}` of them."""
    from ._kernels.monomials import number_monomials

    starts = np.array([0, *(comb(variables + d, d) for d in range(degree + 1))], dtype=np.int64)
    return Monomials(variables, degree, starts, *number_monomials(variables, degree, starts))


def product_cost(variables: int, degree: int) -> int:
    """Number of pairs of terms in a product of two full series."""
    return comb(2 * variables + degree, degree)


@dataclass(frozen=True, eq=False)
class Series:
    """Coefficients of all monomials, and ``slack``: for each total degree, a bound of their relative error in units of
    ``2**-53``; ``low``: no coefficient of a smaller degree is other than zero."""

    table: Monomials
    values: np.ndarray
    slack: np.ndarray
    low: int = 0

    def cut(self, low: int) -> "Series":
        """Without the terms below a degree."""
        values = self.values.copy()
        values[: self.table.starts[low]] = 0.0
        return Series(self.table, values, self.slack, low)


def constant(table: Monomials, value: float) -> Series:
    """A series of its constant alone."""
    values = np.zeros(len(table))
    values[0] = value
    return Series(table, values, np.full(table.degree + 1, 2.0))


def variable(table: Monomials) -> Series:
    """The first variable."""
    values = np.zeros(len(table))
    if table.degree:
        values[table.step[0, 0]] = 1.0
    return Series(table, values, np.zeros(table.degree + 1), 1)


def mean(table: Monomials, parts, weight: float) -> Series:
    """The sum of ``weight`` times pairs (series, the variables of ``table`` that its own become)."""
    values, slack, low = np.zeros(len(table)), np.zeros(table.degree + 1), table.degree
    for part, variables in parts:
        # no two monomials of a part meet in one
        values[part.table.places(table, variables)] += part.values
        slack, low = np.maximum(slack, part.slack), min(low, part.low)
    return Series(table, values * weight, slack + len(parts) + 2, low)


def add(a: Series, b: Series) -> Series:
    """Sum."""
    return Series(a.table, a.values + b.values, np.maximum(a.slack, b.slack) + 1, min(a.low, b.low))


def multiply(a: Series, b: Series, degree: int | None = None) -> Series:
    """Product, up to a total degree.  Cost: `product_cost` operations."""
    from ._kernels.monomials import product

    table = a.table
    degree = table.degree if degree is None else degree
    values = np.zeros(len(table))
    if np.count_nonzero(a.values) > np.count_nonzero(b.values):
        a, b = b, a
    high = int(table.totals[np.flatnonzero(a.values)[-1]]) if a.values.any() else -1
    product(a.values, b.values, a.low, high, b.low, degree, table.starts, table.step, values)
    # a coefficient of degree d is a sum of at most as many products as a monomial of that degree has divisors
    terms = (np.arange(table.degree + 1) / table.variables + 1.0) ** table.variables
    slack = np.zeros(table.degree + 1)
    for d in range(a.low + b.low, degree + 1):
        i = np.arange(a.low, d - b.low + 1)
        slack[d] = np.max(a.slack[i] + b.slack[d - i])
    return Series(table, values, slack + np.minimum(terms, table.starts[1:]) + 1, a.low + b.low)


def compose(w: Series, outer: list) -> list[Series]:
    r""":math:`\sum_n c_n W^n` for every list of coefficients ``c``, with ``W`` free of a constant.

    Blocks of powers of ``W`` and Horner's rule between them; as ``W^n`` begins at degree ``n``, the later products are
    short.  Cost: `composition_cost`.
    """
    table = w.table
    order = table.degree
    block = _block(table.variables, order, len(outer))
    powers = [constant(table, 1.0), w]
    for _ in range(2, block + 1):
        powers.append(multiply(powers[-1], w))
    found = []
    for coefficients in outer:
        total = None
        for first in reversed(range(0, order + 1, block)):
            values, slack = np.zeros(len(table)), np.zeros(order + 1)
            for c, power in zip(coefficients[first : first + block], powers[:block], strict=False):
                if c:
                    values += c * power.values
                    slack = np.maximum(slack, power.slack)
            part = Series(table, values, slack + block + 2)
            if total is not None and total.values.any():
                part = add(part, multiply(total, powers[block], order - first))
            total = part
        found.append(total)
    return found


def composition_cost(variables: int, order: int, lists: int) -> int:
    """Number of products of terms in `compose`."""
    return _composition_cost(variables, order, lists, _block(variables, order, lists))


def _composition_cost(variables: int, order: int, lists: int, block: int) -> int:
    powers = (block - 1) * product_cost(variables, order)
    return powers + lists * sum(product_cost(variables, d) for d in range(order - block, -1, -block))


@lru_cache(maxsize=256)
def _block(variables: int, order: int, lists: int) -> int:
    """The cheapest number of powers."""
    blocks = range(1, 2 * isqrt(order) + 2)
    return min(blocks, key=lambda block: _composition_cost(variables, order, lists, block))


def expansions(activation, centre, order: int, bits: int = 256) -> tuple:
    r"""Taylor coefficients of a layer's triple ``(f, g, h)`` at a ball, three tuples of balls.

    Each coefficient is exactly zero or known to 64 bits; the precision is raised until it is.  Raises
    :class:`ArithmeticError` where that does not help, because the centre itself is too wide.
    """
    from flint import arb_series

    for _ in range(_DOUBLINGS):
        with precision(bits, order + 1):
            parts = activation.triple("on_series", arb_series([centre(), 1], prec=order + 1))
            rows = tuple(_coefficients(part, order + 1) for part in parts)
            if all(c.is_zero() or c.rel_accuracy_bits() >= _ACCURACY for row in rows for c in row):
                return rows
        bits *= 2
    raise ArithmeticError(f"the Taylor coefficients of {activation!r} lost their digits at order {order}")


def _coefficients(series, length: int) -> tuple:
    from flint import arb

    if isinstance(series, int):
        series = [arb(series)]
    else:
        series = series.coeffs()
    return tuple(series[:length]) + (arb(0),) * (length - len(series))
