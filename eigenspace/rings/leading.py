r"""Leading orders: numbers that are the first terms of :math:`C_0 d^{-e_0} + C_1 d^{-e_1} + \dots` for large ``d``.

Sums keep the terms of the smallest exponents, and add coefficients that stand at the same one; products multiply.
Leading coefficients of the moment recursion are never negative, so they never cancel, and the first term of every
result is exact: its exponent, and its constant.  With two terms, so is the next order, whatever its sign.

The recursion is the same over three kinds of coefficients:

* `Exponents`: none; the numbers are exponents in the semiring (min, +), fast for whole tables;
* `Balls`: enclosures, at the working precision;
* `Symbols`: SymPy expressions, with a symbol for every size that grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial, inf, prod

import numpy as np

#: exponents that differ by less are equal: exact ones are scaled to integers, others are sums of logarithms
_TIE, _DECIMALS = 1e-9, 12
#: largest array of sums of exponents that is made at once
_AT_ONCE = 1 << 22
#: number of exponents of rows that are added in one go
_IN_CACHE = 1 << 16


@dataclass(frozen=True)
class Size:
    """A size of a network, read as a constant times ``d**exponent``; with the exponent 0 it is fixed, and exact.

    ``exponent`` may be in any unit.  The constant is 1, or ``value / d**a`` where ``scale`` is the pair of ``d`` and
    the exponent ``a`` itself.
    """

    value: int
    exponent: float
    name: str = ""
    scale: tuple | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether the size stays as it is when ``d`` grows."""
        return self.exponent == 0


@dataclass(frozen=True, eq=False)
class Numbers:
    """Arrays of shape ``(terms, classes, columns)``: exponents (``inf``: zero) and coefficients (or None)."""

    exponent: np.ndarray
    coefficient: np.ndarray | None

    def __len__(self) -> int:
        return self.exponent.shape[1]

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.exponent.shape[2]

    def take(self, classes) -> "Numbers":
        """The rows of some classes."""
        return self._at(np.s_[:, classes])

    def columns(self, which) -> "Numbers":
        """Some columns."""
        return self._at(np.s_[:, :, which])

    def _at(self, key) -> "Numbers":
        return Numbers(self.exponent[key], None if self.coefficient is None else self.coefficient[key])


class Exponents:
    """Exponents alone."""

    def __init__(self, terms: int = 1):
        self.terms = terms

    # single numbers, and the coefficients of activations ---------------------------------------------

    def coefficient(self, value: Fraction):
        """An exact number as a coefficient."""
        return int(value != 0)

    def power(self, size: Size, power: int):
        """The coefficient of ``size**power``."""
        return 1

    def origin(self):
        """The value of a leaf's kernel at uncorrelated inputs, 0."""
        from flint import arb

        return arb(0)

    def start(self, activation, start):
        """The dual of an activation at a number."""
        return activation.on_ball(start)[0]

    def taylor(self, activation, start, length: int) -> tuple[list, list, list]:
        """Taylor coefficients of the triple of a layer at ``start``; 0 where one vanishes."""
        return tuple([int(c != 0) for c in series] for series in _taylor(activation, start, length))

    def number(self, size: Size, power: int, factor: Fraction, slopes: Sequence, sign: int = 1) -> tuple[list, list]:
        r"""Exponents and coefficients of a product, ``a size**power`` with corrections in the inverse size,

        .. math:: a\, n^q \prod_l (1 + b_l / n)^{\pm 1}.
        """
        exponents, coefficients = [inf] * self.terms, [0] * self.terms
        if size.is_fixed:
            # the product is finite: no slope equals -n where the sign is -1
            n = Fraction(size.value)
            series = [factor * n**power * prod((1 + b / n) ** sign for b in slopes)]
        elif self.terms == 1:
            series = (Fraction(1),) if factor else ()
        else:
            series = _inverse_powers(tuple(map(Fraction, slopes)), sign, self.terms) if factor else ()
        kept = [(k, c) for k, c in enumerate(series) if c]
        for place, (k, c) in enumerate(kept):
            exponents[place] = size.exponent * (k - power)
            exact = c if size.is_fixed else c * factor
            coefficients[place] = self.coefficient(exact) * (1 if size.is_fixed else self.power(size, power - k))
        return exponents, coefficients

    def constant(self, coefficient) -> tuple[list, list] | None:
        """A coefficient as a number of the exponent 0; None for zero."""
        rest = self.terms - 1
        return ([0.0] + [inf] * rest, [coefficient] + [0] * rest) if coefficient != 0 else None

    def times_factorials(self, line: Sequence, j: int) -> list:
        """Entry ``n`` times ``n! / j!``."""
        return list(line)

    def series_product(self, a: Sequence, b: Sequence) -> list:
        """The product of two lists of Taylor coefficients, as long as the first."""
        return (np.convolve(np.array(a, float), np.array(b, float))[: len(a)] > 0).astype(int).tolist()

    # rows --------------------------------------------------------------------------------------------

    def rows(self, entries: Sequence[Sequence]) -> Numbers:
        """Rows from single numbers (None: zero), ``entries[class][column]``."""
        shape = self.terms, len(entries), len(entries[0])
        exponent, coefficient = np.full(shape, inf), np.zeros(shape, dtype=object)
        for i, line in enumerate(entries):
            for j, entry in enumerate(line):
                if entry is not None:
                    exponent[:, i, j] = entry[0]
                    for k, c in enumerate(entry[1]):
                        coefficient[k, i, j] = c
        return self.wrap(exponent, coefficient)

    def wrap(self, exponent, coefficient) -> Numbers:
        """Rows of these arrays, as far as this arithmetic keeps them."""
        return Numbers(exponent, None)

    def sphere(self, size: Size, degrees: np.ndarray, columns: int) -> Numbers:
        """Moments of the correlation on one sphere, as in `Balls.sphere`."""
        n, r = np.arange(columns), np.asarray(degrees)[:, None]
        inside = (n >= r) & ((n - r) % 2 == 0)
        return Numbers(np.where(inside, size.exponent * ((n + r) // 2), inf)[None], None)

    def unit(self, columns: int) -> Numbers:
        """The generating function 1."""
        return self.rows([[self.constant(1)] + [None] * (columns - 1)])

    def stack(self, parts: Sequence[Numbers]) -> Numbers:
        """Rows below each other."""
        return self.wrap(*(None if a[0] is None else np.concatenate(a, axis=1) for a in _arrays(parts)))

    def different(self, *parts: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """One of each kind of equal rows, equal in all parts; and which kind every row is."""
        # sums of logarithms are equal up to roundings
        whole = np.concatenate([part.exponent[0] for part in parts], axis=1).round(_DECIMALS)
        _, kept, which = np.unique(whole, axis=0, return_index=True, return_inverse=True)
        return kept, which.reshape(-1)

    def scale(self, rows: Numbers, size: Size, powers: np.ndarray) -> Numbers:
        """Column ``n`` times ``size**(-powers[n])``."""
        if rows.coefficient is None:
            return Numbers(rows.exponent + size.exponent * powers, None)
        values = np.empty(powers.size, dtype=object)
        values[:] = [self.power(size, -int(p)) for p in powers]
        return Numbers(rows.exponent + size.exponent * powers, rows.coefficient * values)

    def multiply(self, rows: Numbers, numbers: Sequence[tuple[list, list]]) -> Numbers:
        """Sum over ``i`` of the number ``i`` times row ``i``: one row."""
        exponent, coefficient = [], []
        for k in range(self.terms):
            for l in range(self.terms - k):
                exponent.append(rows.exponent[k] + np.array([e[l] for e, _ in numbers])[:, None])
                if rows.coefficient is not None:
                    exact = np.empty((len(numbers), 1), dtype=object)
                    exact[:, 0] = [c[l] for _, c in numbers]
                    coefficient.append(rows.coefficient[k] * exact)
        whole = np.concatenate(exponent).T, np.concatenate(coefficient).T if coefficient else None
        return self._one_row(*self._sum(*whole))

    def _one_row(self, exponent, coefficient) -> Numbers:
        return Numbers(exponent[:, None, :], None if coefficient is None else coefficient[:, None, :])

    def add(self, a: Numbers, b: Numbers) -> Numbers:
        """Sums of rows, element by element."""
        shape = self.terms, max(len(a), len(b)), a.size
        parts = []
        for arrays in _arrays([a, b]):
            if arrays[0] is None:
                parts.append(None)
            else:
                parts.append(np.concatenate([np.broadcast_to(x, shape) for x in arrays]).reshape(2 * self.terms, -1).T)
        exponent, coefficient = self._sum(*parts)
        return Numbers(exponent.reshape(shape), None if coefficient is None else coefficient.reshape(shape))

    def convolve(self, a: Numbers, b: Numbers) -> Numbers:
        """Products of generating functions, row by row; a single row stands for many."""
        if a.coefficient is None and max(len(a), len(b)) * a.size**2 <= _AT_ONCE:
            lag = np.arange(a.size) - np.arange(a.size)[:, None]
            shifted = np.where(lag >= 0, b.exponent[0][:, lag], inf)
            return Numbers((a.exponent[0][:, :, None] + shifted).min(axis=1)[None], None)
        return self._join([self._coefficient([(a, b)], n) for n in range(a.size)])

    def last(self, a: tuple[Numbers, Numbers], of_a: np.ndarray, b: tuple[Numbers, Numbers], of_b: np.ndarray):
        r"""The last coefficient of :math:`a_0 b_1 + a_1 b_0`, of the rows ``of_a`` and ``of_b`` of two pairs.

        Cost: the number of columns per row, in pieces that stay in the cache.
        """
        n, found = a[0].size - 1, []
        step = max(1, _IN_CACHE // (n + 1))
        for begin in range(0, of_a.size, step):
            own = np.s_[begin : begin + step]
            products = [(a[i].take(of_a[own]), b[1 - i].take(of_b[own])) for i in (0, 1)]
            found.append(self._join([self._coefficient(products, n)]))
        return self.stack(found)

    def _coefficient(self, products: Sequence[tuple[Numbers, Numbers]], n: int):
        """Coefficient ``n`` of a sum of products of generating functions, row by row."""
        exponent, coefficient = [], []
        for a, b in products:
            for k in range(self.terms):
                for l in range(self.terms - k):
                    exponent.append(a.exponent[k][:, : n + 1] + b.exponent[l][:, n::-1])
                    if a.coefficient is not None:
                        coefficient.append(a.coefficient[k][:, : n + 1] * b.coefficient[l][:, n::-1])
        return self._sum(np.concatenate(exponent, 1), np.concatenate(coefficient, 1) if coefficient else None)

    def apply(self, parts: Sequence[tuple[Numbers, Sequence[Sequence]]]) -> Numbers:
        """Column ``j``: the sum over ``n`` and over the parts of ``matrix[j][n]`` times column ``n``."""
        columns = []
        for j in range(len(parts[0][1])):
            exponent, coefficient = [np.full((len(parts[0][0]), 1), inf)], [np.zeros((len(parts[0][0]), 1), object)]
            for rows, matrix in parts:
                open_columns = [n for n, c in enumerate(matrix[j]) if c != 0]
                weights = np.empty(len(open_columns), dtype=object)
                weights[:] = [matrix[j][n] for n in open_columns]
                for k in range(self.terms):
                    exponent.append(rows.exponent[k][:, open_columns])
                    if rows.coefficient is not None:
                        coefficient.append(rows.coefficient[k][:, open_columns] * weights)
            blind = parts[0][0].coefficient is None
            columns.append(self._sum(np.concatenate(exponent, 1), None if blind else np.concatenate(coefficient, 1)))
        return self._join(columns)

    def _join(self, columns) -> Numbers:
        return Numbers(*(None if c[0] is None else np.stack(c, axis=2) for c in zip(*columns)))

    def _sum(self, exponent: np.ndarray, coefficient: np.ndarray | None):
        """Sums over the last axis: the smallest exponents, with what stands at each of them."""
        if coefficient is None:
            return exponent.min(axis=-1)[None], None
        exponents, coefficients = [], []
        for _ in range(self.terms):
            least = exponent.min(axis=-1)
            tied = exponent <= least[..., None] + _TIE
            exponents.append(least)
            coefficients.append(np.where(tied, coefficient, 0).sum(axis=-1))
            exponent, coefficient = np.where(tied, inf, exponent), np.where(tied, 0, coefficient)
        return np.stack(exponents), np.stack(coefficients)


class Balls(Exponents):
    """Coefficients that are balls, at the working precision."""

    def coefficient(self, value: Fraction):
        """An exact number as a ball."""
        from flint import arb

        return arb(value.numerator) / value.denominator

    def power(self, size: Size, power: int):
        """The coefficient of ``size**power``."""
        from flint import arb

        if size.is_fixed:
            return arb(size.value) ** power
        if size.scale is None:
            return arb(1)
        base, a = size.scale
        a = arb(a.numerator) / a.denominator if isinstance(a, Fraction) else arb(a)
        return (arb(size.value) / arb(base) ** a) ** power

    def taylor(self, activation, start, length: int) -> tuple[list, list, list]:
        """Taylor coefficients of the triple of a layer at ``start``; 0 where one vanishes."""
        return _taylor(activation, start, length)

    def times_factorials(self, line: Sequence, j: int) -> list:
        """Entry ``n`` times ``n! / j!``."""
        weights = (self.coefficient(Fraction(factorial(n), factorial(j))) for n in range(len(line)))
        return [c * weight if _is_open(c) else 0 for c, weight in zip(line, weights)]

    def series_product(self, a: Sequence, b: Sequence) -> list:
        """The product of two lists of Taylor coefficients, as long as the first."""
        from flint import arb_poly

        found = (arb_poly(list(a)) * arb_poly(list(b))).coeffs()[: len(a)]
        return [0 if c.is_zero() else c for c in found] + [0] * (len(a) - len(found))

    def different(self, *parts: Numbers) -> tuple[np.ndarray, np.ndarray]:
        """All rows: whether two coefficients are equal, balls cannot tell."""
        return np.arange(len(parts[0])), np.arange(len(parts[0]))

    def sphere(self, size: Size, degrees: np.ndarray, columns: int) -> Numbers:
        r"""Moments of the correlation on one sphere, over ``n!`` (see `harmonics.monomial_moment`): for ``n = r + 2i``,

        .. math:: \frac{m(r, n)}{n!} = \frac{s^{-(i + r)}}{2^i i!} \prod_{l < i + r} \frac{1}{1 + 2l/s}.
        """

        def entry(r: int, n: int):
            if n < r or (n - r) % 2:
                return None
            i = (n - r) // 2
            return self.number(size, -(i + r), Fraction(1, 2**i * factorial(i)), range(0, n + r, 2), -1)

        return self.rows([[entry(r, n) for n in range(columns)] for r in degrees.tolist()])

    def wrap(self, exponent, coefficient) -> Numbers:
        """Rows of these arrays."""
        return Numbers(exponent, coefficient)


class Symbols(Balls):
    """Coefficients that are SymPy expressions in the sizes that grow."""

    def __init__(self, terms: int = 1):
        super().__init__(terms)
        self.letters: dict = {}

    def coefficient(self, value: Fraction):
        """An exact number."""
        import sympy

        return sympy.Rational(value.numerator, value.denominator)

    def power(self, size: Size, power: int):
        """A power of the symbol of a size."""
        import sympy

        return sympy.Integer(size.value) ** power if size.is_fixed else self.symbol(size) ** power

    def origin(self):
        """The value of a leaf's kernel at uncorrelated inputs, 0."""
        return self.coefficient(Fraction(0))

    def series_product(self, a: Sequence, b: Sequence) -> list:
        """The product of two lists of Taylor coefficients, as long as the first."""
        pairs = [[(x, y) for x, y in zip(a[: n + 1], b[n::-1]) if _is_open(x) and _is_open(y)] for n in range(len(a))]
        return [sum((x * y for x, y in line[1:]), line[0][0] * line[0][1]) if line else 0 for line in pairs]

    def symbol(self, size: Size):
        """The symbol of a size."""
        import sympy

        return sympy.Symbol(size.name)

    def start(self, activation, start):
        """The dual of an activation at an exact number."""
        return activation.dual(self.written(start))

    def taylor(self, activation, start, length: int) -> tuple[list, list, list]:
        """Taylor coefficients: at 0 themselves, elsewhere as letters that keep expressions short (see `written`)."""
        import sympy
        from flint import arb

        x = sympy.Symbol("x")
        value = self.written(start)
        ball = arb(str(sympy.N(value, 80)))
        found = []
        for expression, mask in zip(activation.triple("on_symbol", x), _taylor(activation, ball, length)):
            line = []
            for n, c in enumerate(mask):
                if c != 0:
                    # which ones vanish, a ball decides
                    exact = expression.subs(x, value) / sympy.factorial(n)
                    line.append(exact if value == 0 else self._letter(exact))
                else:
                    line.append(0)
                expression = sympy.diff(expression, x)
            found.append(line)
        return tuple(found)

    def _letter(self, exact):
        import sympy

        for letter, known in self.letters.items():
            if known == exact:
                return letter
        letter = sympy.Dummy(f"a{len(self.letters)}")
        self.letters[letter] = exact
        return letter

    def written(self, expression):
        """An expression of this arithmetic with the letters replaced by what they stand for."""
        import sympy

        return sympy.sympify(expression).xreplace(self.letters)


def _is_open(c) -> bool:
    return not (isinstance(c, int) and c == 0)


def _arrays(parts: Sequence[Numbers]):
    return [p.exponent for p in parts], [p.coefficient for p in parts]


def _taylor(activation, start, length: int) -> tuple[list, list, list]:
    from flint import arb_series

    from .._flint import padded

    series = activation.triple("on_series", arb_series([start, 1], prec=length))
    return tuple([0 if c.contains(0) else c for c in padded(s, length)] for s in series)


@cache
def _inverse_powers(slopes: tuple, sign: int, terms: int) -> tuple:
    r"""First coefficients of :math:`\prod_l (1 + b_l y)^{\pm 1}` in ``y``."""
    found = [Fraction(1)] + [Fraction(0)] * (terms - 1)
    for b in slopes:
        if sign > 0:
            found = [c + (b * found[k - 1] if k else 0) for k, c in enumerate(found)]
        else:
            for k in range(1, terms):
                found[k] -= b * found[k - 1]
    return tuple(found)
