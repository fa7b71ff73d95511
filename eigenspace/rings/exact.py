r"""The exact ring: rational numbers, and rational multiples of powers of :math:`1/\pi^2`.

Polynomial activations have duals with rational coefficients, and the moments of monomials on a sphere are rational: so
is every eigenvalue of such a network.  One rectified layer on a sphere of even dimension brings :math:`1/\pi^2`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial, inf, prod

import numpy as np

from .._flint import precision, scaled_ball
from ..errors import UnsupportedError
from .floats import float64

#: a number is shown in full while it takes at most this many signs more than the digits asked for
_SIGNS = 16
#: integers of more bits become decimals by way of balls
_LONG = 4096


@dataclass(frozen=True, eq=False)
class ExactRows:
    """A batch of generating functions: for each a ``flint.fmpq_poly`` of the elements below ``size``."""

    polynomials: tuple
    size: int

    def __len__(self) -> int:
        return len(self.polynomials)


@dataclass(frozen=True, eq=False)
class ExactColumn:
    r"""A column of non-negative exact numbers :math:`\sum_i q_i \pi^{-2i}`, each the ``flint.fmpq_poly`` of its
    ``q_i``."""

    numbers: tuple

    @property
    def ring(self) -> "ExactRing":
        """The ring that the numbers belong to."""
        return EXACT

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, i: int):
        """Element ``i`` as a SymPy number.

        >>> EXACT.column_from_jsonable(["3/8", "4/9*pi^-2"])[1]
        4/(9*pi**2)
        """
        import sympy

        terms = (sympy.Rational(int(q.p), int(q.q)) / sympy.pi ** (2 * n) for n, q in _terms(self.numbers[i]))
        return sum(terms, sympy.S.Zero)

    def float64(self) -> np.ndarray:
        """Values as float64: 0.0 where one lies below 2.2e-308; `log10` stays finite there."""
        return np.array([float(float64(*_scaled(x))) for x in self.numbers], dtype=float)

    def log10(self) -> np.ndarray:
        """Decimal logarithms; ``-inf`` for exact zeros only."""
        return np.array([_log10(x) for x in self.numbers], dtype=float)

    def text(self, i: int, digits: int, error: float = 0.0) -> str:
        """Element ``i`` in full, as ``3/8`` or ``4/(9π²)``; ``digits`` digits where that takes too much room."""
        return _text(self.numbers[i], digits)

    def decimal_text(self, i: int, digits: int) -> str:
        """``digits`` digits of element ``i``."""
        return _decimals(self.numbers[i], digits)

    def data_text(self, i: int) -> str:
        """Element ``i`` in full, however long, as ``4/(9*pi**2)``: what a file of data has."""
        return _exact_text(self.numbers[i], "*", "pi**2")

    def take(self, indices) -> "ExactColumn":
        """The elements at the given indices (or under a mask)."""
        return ExactColumn(tuple(self.numbers[i] for i in np.arange(len(self))[indices]))

    def times(self, number) -> "ExactColumn":
        """The elements times a positive fraction; a `Constant` is not one of the numbers of the ring."""
        from flint import fmpq

        if not isinstance(number, Fraction):
            raise UnsupportedError(
                f"ring=eigenspace.EXACT holds fractions, and the variance {number!r} of the output is none; "
                f"use ring=eigenspace.ball(128)"
            )
        return ExactColumn(tuple(x * fmpq(number.numerator, number.denominator) for x in self.numbers))

    def to_jsonable(self) -> list[str]:
        """Exact text of every element, such as ``1/4+4/9*pi^-2``."""
        return ["+".join(f"{q}*pi^-{2 * n}" if n else str(q) for n, q in _terms(x)) or "0" for x in self.numbers]

    def __reduce__(self):
        return EXACT.column_from_jsonable, (self.to_jsonable(),)


class ExactRing:
    """Exact numbers, for networks of polynomial activations and for one rectified layer.

    Nothing is rounded and nothing is cut off: the truncation order is the degree of the kernel.  Cost: products of
    polynomials of that degree, whose coefficients have about ``degree * log2(degree)`` bits.  Kernels of a degree of
    100 take a moment, of 1000 seconds for each class.
    """

    name = "exact"
    #: kernels are taken as they are: nothing is cut off
    centres = False
    #: fractions need no precision
    fine_bits = 0
    #: matrices of layers are kept
    keeps_matrices = True

    def __repr__(self) -> str:
        return "eigenspace.EXACT"

    def text(self, value, log10: float, digits: int, error: float) -> str:
        """A number of the ring in full, or ``digits`` digits of it, as `ExactColumn.text`.

        >>> import sympy
        >>> EXACT.text(4 / (9 * sympy.pi**2), -1.35, 4, 0.0), EXACT.text(sympy.Rational(1, 3**50), -24, 4, 0.0)
        ('4/(9π²)', '1.393e-24')
        """
        return _text(_from_sympy(value), digits)

    # rows --------------------------------------------------------------------------------------------

    def unit(self, size: int) -> ExactRows:
        """The generating function 1, of the empty sum."""
        from flint import fmpq_poly

        return ExactRows((fmpq_poly([1]),), size)

    def zero(self, size: int) -> ExactRows:
        """The generating function 0."""
        from flint import fmpq_poly

        return ExactRows((fmpq_poly(),), size)

    def leaf(self, dim: int, degrees: Sequence[int], size: int) -> ExactRows:
        r"""Moments ``E[t^n P_r] / n!`` of one sphere, ``n < size``, one row for each degree ``r``.

        .. math:: \frac{m(r, r)}{r!} = \prod_{l<r} \frac{1}{s + 2l}, \qquad
                  \frac{m(r, n)}{n!} = \frac{1}{2i\,(s + 2(i + r - 1))} \frac{m(r, n-2)}{(n-2)!}, \quad n = r + 2i

        [Smola2001; the closed form is `eigenspace.harmonics.monomial_moment`].
        """
        from flint import fmpq, fmpq_poly

        rows = []
        for r in degrees:
            elements = [0] * size
            if r < size:
                value = fmpq(1, prod(dim + 2 * l for l in range(r)))
                for i, n in enumerate(range(r, size, 2)):
                    value = value / (2 * i * (dim + 2 * (i + r - 1))) if i else value
                    elements[n] = value
            rows.append(fmpq_poly(elements))
        return ExactRows(tuple(rows), size)

    def convolve(self, a: ExactRows, ia, b: ExactRows, ib) -> ExactRows:
        """Products of generating functions: row ``ia[c]`` of ``a`` times row ``ib[c]`` of ``b``, for every ``c``."""
        size = min(a.size, b.size)
        return ExactRows(
            tuple(a.polynomials[i].mul_low(b.polynomials[j], size) for i, j in zip(ia, ib, strict=True)), size
        )

    def add(self, a: ExactRows, b: ExactRows) -> ExactRows:
        """Elementwise sum."""
        return ExactRows(tuple(x + y for x, y in zip(a.polynomials, b.polynomials, strict=True)), a.size)

    def weigh(self, a: ExactRows, weight: Fraction, factor: Fraction = Fraction(1)) -> ExactRows:
        """Multiply element ``n`` by ``factor * weight**n``: the generating function of ``weight * S``."""
        from flint import fmpq, fmpq_poly

        if weight == 1 and factor == 1:
            return a
        q, first = (fmpq(x.numerator, x.denominator) for x in (weight, factor))
        return ExactRows(tuple(x(fmpq_poly([0, q])) * first for x in a.polynomials), a.size)

    def derivative(self, a: ExactRows) -> ExactRows:
        """Derivative of the generating functions: moments ``E[S^{n+1} ...] / n!``, one element fewer."""
        return ExactRows(tuple(x.derivative() for x in a.polynomials), a.size - 1)

    def apply(self, parts: Sequence[tuple]) -> ExactRows:
        """Moments after an activation: the sum over the parts of ``matrix @ rows``.

        Row ``j`` of the result is ``sum_n [z^n](base f^j) E[S^n ...] / j!``.  Nothing may be dropped: the matrices
        reach the degree of the duals.
        """
        from flint import fmpq_mat, fmpq_poly

        total = None
        for matrix, rows in parts:
            factorials = [factorial(n) for n in range(matrix.ncols())]
            columns = [
                [x[n] * f for n, f in enumerate(factorials)] for x in (p.truncate(rows.size) for p in rows.polynomials)
            ]
            image = fmpq_mat(columns) * matrix.transpose()
            total = image if total is None else total + image
        size = total.ncols()
        scale = [factorial(j) for j in range(size)]
        lines = ([x / scale[j] for j, x in enumerate(line)] for line in total.tolist())
        return ExactRows(tuple(fmpq_poly(line) for line in lines), size)

    def functional(self, matrix, j: int) -> ExactRows:
        """Row ``j`` of a matrix as a row ``A``: the last coefficient of ``A * M`` is what it makes of moments ``M``."""
        from flint import fmpq_poly

        size = matrix.ncols()
        return ExactRows((fmpq_poly([matrix[j, n] * factorial(n) for n in range(size - 1, -1, -1)]),), size)

    def last(self, a: ExactRows, ia, b: ExactRows, ib) -> ExactRows:
        """The last coefficient of the product of row ``ia[c]`` of ``a`` with row ``ib[c]`` of ``b``, for every ``c``.

        Cost: ``size`` products of fractions for each.
        """
        from flint import fmpq_poly

        size = min(a.size, b.size)
        left, right = ([[x[n] for n in range(size)] for x in r.polynomials] for r in (a, b))
        sums = (sum(x * y for x, y in zip(left[i], reversed(right[j]))) for i, j in zip(ia, ib, strict=True))
        return ExactRows(tuple(fmpq_poly([x]) for x in sums), 1)

    def enclosed(self, a: ExactRows) -> ExactRows:
        """What functionals made of rows: nothing is dropped."""
        return a

    def interpolates(self, a: ExactRows, corner: float) -> bool:
        """Never: all powers are there."""
        return False

    def cut(self, a: ExactRows, size: int) -> ExactRows:
        """The first ``size`` elements of every row."""
        return ExactRows(tuple(x.truncate(size) for x in a.polynomials), size)

    def take(self, a: ExactRows, indices) -> ExactRows:
        """The rows at the given indices."""
        return ExactRows(tuple(a.polynomials[i] for i in indices), a.size)

    def stack(self, batches: Sequence[ExactRows]) -> ExactRows:
        """One batch out of several, in order."""
        return ExactRows(tuple(x for b in batches for x in b.polynomials), batches[0].size)

    def power_matrix(self, f, base, rows: int, columns: int):
        """The matrix of ``base * f**j``, ``j < rows``, from two polynomials: the elements below ``columns``."""
        from flint import fmpq_mat

        lines, current = [], base.truncate(columns)
        for _ in range(rows):
            lines.append([current[n] for n in range(columns)])
            current = current.mul_low(f, columns)
        return fmpq_mat(lines)

    # columns -----------------------------------------------------------------------------------------

    def column(self, rows: ExactRows, index: int) -> ExactColumn:
        """Element ``index`` of every row, times ``index!``."""
        from flint import fmpq_poly

        return ExactColumn(tuple(fmpq_poly([x[index] * factorial(index)]) for x in rows.polynomials))

    def column_from_jsonable(self, texts: Sequence[str]) -> ExactColumn:
        """The column that `ExactColumn.to_jsonable` wrote."""
        from flint import fmpq, fmpq_poly, fmpz

        numbers = []
        for text in texts:
            coefficients = {}
            for term in text.split("+"):
                ratio, _, power = term.partition("*pi^-")
                top, _, below = ratio.partition("/")
                coefficients[int(power or 0) // 2] = fmpq(fmpz(top), fmpz(below or 1))
            numbers.append(fmpq_poly([coefficients.get(n, 0) for n in range(max(coefficients) + 1)]))
        return ExactColumn(tuple(numbers))


#: exact numbers: rational, and rational over powers of pi squared
EXACT = ExactRing()


# numbers ---------------------------------------------------------------------------------------------


def _terms(number) -> list[tuple]:
    """The powers of ``1/pi**2`` in a number, with their rational coefficients."""
    return [(n, q) for n, q in enumerate(number.coeffs()) if q != 0]


def _from_sympy(value):
    import sympy
    from flint import fmpq, fmpq_poly

    coefficients = {0: fmpq(0)}
    for term in sympy.Add.make_args(value):
        ratio, rest = term.as_coeff_Mul()
        power = 0 if rest == 1 else -rest.as_base_exp()[1] // 2
        coefficients[int(power)] = fmpq(int(ratio.p), int(ratio.q))
    return fmpq_poly([coefficients.get(n, 0) for n in range(max(coefficients) + 1)])


def _ball(number):
    """The number as a ball, at the working precision."""
    from flint import arb

    return sum((arb(q) / arb.pi() ** (2 * n) for n, q in _terms(number)), arb(0))


def _scaled(number) -> tuple[float, int]:
    with precision(128):
        mantissa, exponent = scaled_ball(_ball(number))
    return mantissa, max(exponent, -3000)


def _log10(number) -> float:
    from flint import arb

    if number == 0:
        return -inf
    with precision(128):
        return float(_ball(number).log() / arb(10).log())


def _text(number, digits: int) -> str:
    room = _SIGNS + digits
    ratios = [q for _, q in _terms(number)]
    if sum(q.height_bits() for q in ratios) < 4 * room:
        text = _exact_text(number)
        if len(text) <= room:
            return text
    return _decimals(number, digits)


def _decimals(number, digits: int) -> str:
    from .._render import certain_text

    ratios = [q for _, q in _terms(number)]
    if not ratios:
        return "0"
    if number.degree() == 0 and ratios[0].height_bits() < _LONG:
        # the decimals of a tie need the number itself
        return certain_text(Fraction(int(ratios[0].p), int(ratios[0].q)), 0, digits)
    with precision(4 * digits + 192):
        ball = _ball(number)
        mantissa, exponent = ball.mid().man_exp()
        return certain_text(int(mantissa), int(exponent), digits, float(ball.rad() / ball.abs_lower()))


def _exact_text(number, times: str = "", square: str = "π²") -> str:
    """``0``, ``2``, ``3/8``, ``1/π²``, ``4/(9π²)``, ``1/4 + 4/(9π²)``, or with other signs for products and pi."""
    parts = []
    for n, q in _terms(number):
        below = [str(q.q)] * (q.q != 1) + [square] * n
        text = times.join(below)
        parts.append(f"{q.p}/({text})" if len(below) > 1 else f"{q.p}/{text}" if below else str(q.p))
    return " + ".join(parts) or "0"
