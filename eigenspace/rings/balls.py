"""The ball ring: enclosures of any precision, python-flint's ``arb``.

A number is a ball that contains the exact value.  What a truncation drops enters the ball through a proved bound, as
in the float ring through *majorants*: bounds that hold for a moment and for all higher ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import ceil, inf, log10, nextafter

import numpy as np

from .. import _constants
from .._check import integer
from .._flint import precision, scaled_ball, scaled_ratio
from .floats import UNIT, float64

#: precision of majorants, of which only the size matters
_MAJORANT_BITS = 64
#: largest `Shape.corner` of a node that interpolates
MOST_CORNER = 12
#: bits that a node of interpolation costs: monomials on [0, 1] are ill-conditioned by (17 + 12 sqrt 2)**nodes
_BITS_PER_NODE = 5.1


@dataclass(frozen=True, eq=False)
class BallRows:
    """A batch of generating functions in a ball ring: coefficients ``E[B S^n P] / n!`` of every class.

    ``values`` are enclosures; ``majorants`` non-increasing bounds (times ``n!``) that hold for all higher moments too.
    ``clean``: the enclosures are as narrow as the working precision, nothing was cut off.  ``nonnegative``: ``S`` takes
    no negative values.  ``peak``: the largest absolute value of the base ``B``, 1 or a tangent kernel.
    """

    values: tuple
    majorants: tuple
    clean: bool = True
    nonnegative: bool = True
    peak: float = 1.0

    def __len__(self) -> int:
        return len(self.values)

    @property
    def size(self) -> int:
        """Number of coefficients of each row."""
        return len(self.values[0])


@dataclass(frozen=True, eq=False)
class BallMatrix:
    """Coefficients of ``base * f**j``, row ``j`` (an ``arb_mat``), and balls of the sums of the dropped ones."""

    entries: object
    tails: tuple


@dataclass(frozen=True, eq=False)
class BallColumn:
    """A column of balls, one for each class."""

    ring: "BallRing"
    balls: tuple

    def __len__(self) -> int:
        return len(self.balls)

    def __getitem__(self, i: int):
        return self.balls[i]

    def float64(self) -> np.ndarray:
        """Midpoints as float64: 0.0 where one lies below 2.2e-308."""
        mantissa, exponent = np.array([scaled_ball(ball) for ball in self.balls]).reshape(-1, 2).T
        return float64(mantissa, exponent.astype(np.int64))

    def log10(self) -> np.ndarray:
        """Decimal logarithms of the midpoints; ``-inf`` for exact zeros only."""
        mantissa, exponent = np.array([scaled_ball(ball) for ball in self.balls]).reshape(-1, 2).T
        with np.errstate(divide="ignore"):
            return np.log10(mantissa) + exponent * np.log10(2.0)

    def text(self, i: int, digits: int, error: float) -> str:
        """Decimal text of element ``i`` with at most ``digits`` digits, only those that ``error`` leaves certain."""
        return self.ring.text(self.balls[i], 0.0, digits, error)

    def take(self, indices) -> "BallColumn":
        """The elements at the given indices (or under a mask)."""
        places = np.arange(len(self.balls))[indices]
        return BallColumn(self.ring, tuple(self.balls[i] for i in places))

    def times(self, number) -> "BallColumn":
        """The elements times a positive fraction or constant."""
        longest = max((int(b.mid().man_exp()[0]).bit_length() for b in self.balls), default=0)
        with precision(max(self.ring.bits, longest) + 64):
            factor = _constants.ball(number)
            return BallColumn(self.ring, tuple(b * factor for b in self.balls))

    def decimal_text(self, i: int, digits: int) -> str:
        """``digits`` digits of the midpoint of element ``i``, whatever its error."""
        return self.text(i, digits, 0.0)

    def data_text(self, i: int) -> str:
        """Decimal text for data files: all digits that are certain, and the midpoint to 17 digits at least."""
        error = relative_error(self.balls[i])
        known = ceil(-log10(error)) if 0 < error < 1 else 0
        return self.text(i, known, error) if known > 17 else self.text(i, 17, 0.0)

    def to_jsonable(self) -> list[str]:
        """Exact text of every ball: midpoint and radius as an integer times a power of two."""
        return [f"{_dyadic(ball.mid())} +/- {_dyadic(ball.rad())}" for ball in self.balls]


def _dyadic(number) -> str:
    mantissa, exponent = number.man_exp()
    return f"{mantissa}*2**{exponent}"


def _undyadic(text: str):
    from flint import arb

    mantissa, exponent = (int(part) for part in text.split("*2**"))
    with precision(max(mantissa.bit_length(), 64)):
        return arb(mantissa) * arb(2) ** exponent


def _ball(middle, radius):
    """The ball of a midpoint and a radius; flint moves a radius up by one unit, unless it is taken one unit lower."""
    from flint import arb

    with precision(64):
        lower = radius * (1 - arb(2) ** -30).mid() if not radius.is_zero() else radius
    candidates = [arb(middle, r) for r in (lower.mid(), radius)]
    return next((ball for ball in candidates if ball.rad() == radius), candidates[-1])


@dataclass(frozen=True)
class BallRing:
    """Balls at a working precision of ``bits`` bits; made by `ball`.

    With ``nodes``, a node of the network that sees nothing cut off interpolates its activation at so many points (see
    `eigenspace.one_sided`), and the moments below it are computed at the precision that this needs.
    """

    bits: int
    nodes: int = 0

    #: matrices of balls are large: they are not kept
    keeps_matrices = False

    @property
    def name(self) -> str:
        """``ball(bits)``, as one types it."""
        return f"ball({self.bits})"

    def __repr__(self) -> str:
        return f"eigenspace.{self.name}"

    @property
    def centres(self) -> bool:
        """The recursion runs on centred kernels; those that are interpolated would lose their sign."""
        return not self.nodes

    @property
    def fine_bits(self) -> int:
        """Precision of numbers from which nothing was cut off."""
        return self.bits + (ceil(_BITS_PER_NODE * self.nodes) + 32 if self.nodes else 0)

    @property
    def settled(self) -> float:
        """Relative width of a ball at which a power series counts as summed."""
        return 2.0 ** -min(self.bits - 32, 1000)

    @property
    def coefficient_bits(self) -> int:
        """Relative accuracy of the power series."""
        return self.bits

    def text(self, value, log10: float, digits: int, error: float) -> str:
        """Decimal text of a ball, only true digits."""
        from .._render import certain_text

        mantissa, exponent = value.mid().man_exp()
        return certain_text(int(mantissa), int(exponent), digits, error)

    # rows --------------------------------------------------------------------------------------------

    def unit(self, size: int) -> BallRows:
        """The generating function 1, of the empty sum."""
        from flint import arb

        row = (arb(1),) + (arb(0),) * (size - 1)
        return BallRows((row,), (row,))

    def zero(self, size: int) -> BallRows:
        """The generating function 0."""
        from flint import arb

        row = (arb(0),) * size
        return BallRows((row,), (row,), peak=0.0)

    def leaf(self, dim: int, degrees: Sequence[int], size: int) -> BallRows:
        """Moments ``E[t^n P_r] / n!`` of one sphere, ``n < size``, one row for each degree ``r``."""
        with precision(self.fine_bits):
            pairs = [_sphere_row(dim, int(degree), size) for degree in degrees]
        values, majorants = zip(*pairs)
        return BallRows(values, majorants, nonnegative=False)

    def convolve(self, a: BallRows, ia, b: BallRows, ib) -> BallRows:
        """Products of generating functions: row ``ia[c]`` of ``a`` times row ``ib[c]`` of ``b``, for every ``c``.

        Cost: one product of power series per row.
        """
        size, clean = min(a.size, b.size), a.clean and b.clean
        return BallRows(
            _products(a.values, ia, b.values, ib, size, self._precision(clean)),
            _products(a.majorants, ia, b.majorants, ib, size, _MAJORANT_BITS),
            clean,
            a.nonnegative and b.nonnegative,
            a.peak * b.peak,
        )

    def add(self, a: BallRows, b: BallRows) -> BallRows:
        """Elementwise sum."""
        clean = a.clean and b.clean
        with precision(self._precision(clean)):
            values = tuple(tuple(x + y for x, y in zip(p, q)) for p, q in zip(a.values, b.values))
        with precision(_MAJORANT_BITS):
            majorants = tuple(tuple(x + y for x, y in zip(p, q)) for p, q in zip(a.majorants, b.majorants))
            return BallRows(values, majorants, clean, a.nonnegative and b.nonnegative, a.peak + b.peak)

    def weigh(self, a: BallRows, weight, factor: Fraction = Fraction(1)) -> BallRows:
        """Multiply element ``n`` by ``factor * weight**n``: the generating function of ``weight * S``.

        Both lie between 0 and 1; ``weight`` is a fraction, or a ball.
        """
        if weight == 1 and factor == 1:
            return a
        parts = []
        for rows, bits in ((a.values, self._precision(a.clean)), (a.majorants, _MAJORANT_BITS)):
            with precision(bits):
                step = _constants.ball(weight) if isinstance(weight, Fraction) else weight
                first = _constants.ball(factor)
                factors = [first * x for x in _powers(step, a.size)]
                parts.append(tuple(tuple(x * y for x, y in zip(row, factors)) for row in rows))
        return BallRows(*parts, a.clean, a.nonnegative, a.peak * float(factor))

    def derivative(self, a: BallRows) -> BallRows:
        """Derivative of the generating functions: moments ``E[S^{n+1} ...] / n!``, one element fewer."""
        parts = []
        for rows, bits in ((a.values, self._precision(a.clean)), (a.majorants, _MAJORANT_BITS)):
            with precision(bits):
                parts.append(tuple(tuple(n * x for n, x in enumerate(row) if n) for row in rows))
        return BallRows(*parts, a.clean, a.nonnegative, a.peak)

    def apply(self, parts: Sequence[tuple[BallMatrix, BallRows]]) -> BallRows:
        """Moments after an activation: the sum over the parts of ``matrix @ rows``, tails included.

        What the series drops lies between 0 and the sum of the dropped coefficients times the last majorant.
        Cost: ``O(classes * rows * order)`` ball operations.
        """
        from flint import arb_mat

        values = majorants = None
        for matrix, rows in parts:
            height, order = matrix.entries.nrows(), matrix.entries.ncols()
            results = []
            for part, bits in ((rows.values, self.bits), (rows.majorants, _MAJORANT_BITS)):
                with precision(bits):
                    factorials = _factorials(order)
                    columns = arb_mat([[x * y for x, y in zip(row, factorials)] for row in part]).transpose()
                    results.append((matrix.entries * columns).transpose().tolist())
            with precision(_MAJORANT_BITS):
                last = [row[order - 1] * _factorials(order)[-1] for row in rows.majorants]
                dropped = [[tail * x for tail in matrix.tails] for x in last]
                bounds = [[x + y for x, y in zip(*p)] for p in zip(results[1], dropped)]
            with precision(self.bits):
                enclosed = [[_above(x, y) for x, y in zip(*p)] for p in zip(results[0], dropped)]
                values = enclosed if values is None else _sums(values, enclosed)
            with precision(_MAJORANT_BITS):
                majorants = bounds if majorants is None else _sums(majorants, bounds)
        return self.from_moments(values, majorants, False, parts[0][1].nonnegative, height)

    def from_moments(self, values, majorants, clean: bool, nonnegative: bool, size: int, peak: float = 1.0) -> BallRows:
        """Rows from moments ``E[B S^j P]`` and their majorants: divided by ``j!``."""
        parts = []
        for rows, bits in ((values, self._precision(clean)), (majorants, _MAJORANT_BITS)):
            with precision(bits):
                factorials = _factorials(size)
                parts.append(tuple(tuple(x / y for x, y in zip(row, factorials)) for row in rows))
        return BallRows(*parts, clean, nonnegative, peak)

    def functional(self, matrix: BallMatrix, j: int) -> BallRows:
        """Row ``j`` of a matrix as a row ``A``: the last coefficient of ``A * M`` is what it makes of moments ``M``.

        In place of majorants it has the sum of the dropped coefficients, which the last majorant multiplies.
        """
        from flint import arb

        size = matrix.entries.ncols()
        with precision(self.bits):
            factorials = _factorials(size)
            line = [matrix.entries[j, n] * factorials[n] for n in range(size - 1, -1, -1)]
        with precision(_MAJORANT_BITS):
            dropped = (matrix.tails[j] * _factorials(size)[-1], *[arb(0)] * (size - 1))
        return BallRows((tuple(line),), (dropped,), False)

    def last(self, a: BallRows, ia, b: BallRows, ib) -> BallRows:
        """The last coefficient of the product of row ``ia[c]`` of ``a`` with row ``ib[c]`` of ``b``, for every ``c``.

        Cost: ``size`` ball operations for each.
        """
        from flint import arb_mat

        parts = []
        for left, right, bits in (
            (a.values, b.values, self._precision(a.clean and b.clean)), (a.majorants, b.majorants, _MAJORANT_BITS)
        ):  # fmt: skip
            with precision(bits):
                rows = [arb_mat([list(row)]) for row in left]
                columns = [arb_mat([[x] for x in reversed(row)]) for row in right]
                parts.append(tuple(((rows[i] * columns[j])[0, 0],) for i, j in zip(ia, ib, strict=True)))
        return BallRows(*parts, a.clean and b.clean, a.nonnegative and b.nonnegative, a.peak * b.peak)

    def enclosed(self, a: BallRows) -> BallRows:
        """What functionals made of rows, with what they drop: between 0 and what stands in place of majorants."""
        with precision(self._precision(a.clean)):
            values = tuple((_above(row[0], bound[0]),) for row, bound in zip(a.values, a.majorants))
        return BallRows(values, a.majorants, a.clean, a.nonnegative, a.peak)

    def cut(self, a: BallRows, size: int) -> BallRows:
        """The first ``size`` elements of every row."""
        parts = (tuple(row[:size] for row in rows) for rows in (a.values, a.majorants))
        return BallRows(*parts, a.clean, a.nonnegative, a.peak)

    def take(self, a: BallRows, indices) -> BallRows:
        """The rows at the given indices."""
        places = np.arange(len(a))[indices]
        parts = (tuple(rows[i] for i in places) for rows in (a.values, a.majorants))
        return BallRows(*parts, a.clean, a.nonnegative, a.peak)

    def stack(self, batches: Sequence[BallRows]) -> BallRows:
        """One batch out of several, in order."""
        return BallRows(
            sum((b.values for b in batches), ()),
            sum((b.majorants for b in batches), ()),
            all(b.clean for b in batches),
            all(b.nonnegative for b in batches),
            max(b.peak for b in batches),
        )

    # ball input --------------------------------------------------------------------------------------

    def power_matrix(self, f: Sequence, base: Sequence, sums: Sequence, rows: int, powers=None) -> BallMatrix:
        """The matrix of ``base * f**j``, ``j < rows``, from the coefficients of two series.

        ``sums`` are what ``f`` drops, what ``base`` drops, and the sum of all coefficients of ``base``; those of ``f``
        sum to 1; ``powers`` are not kept, nor needed.  Cost: one product of series per row.
        """
        from flint import arb, arb_mat, arb_series

        length = len(f)
        lines = []
        with precision(self.bits, length):
            factor, current = arb_series(list(f), prec=length), arb_series(list(base), prec=length)
            for _ in range(rows):
                line = current.coeffs()
                lines.append(line[:length] + [arb(0)] * (length - len(line)))
                current = current * factor
            entries = arb_mat(lines)
        with precision(_MAJORANT_BITS):
            tails, present = [sums[1].abs_upper()], [(n, x) for n, x in enumerate(f) if not x.is_zero()]
            for line in lines[:-1]:
                # the product with f loses what the row lost, what f carries beyond the end, and what f lost itself
                beyond = list(accumulate(reversed(line), initial=tails[-1]))
                lost = sum((x * beyond[n] for n, x in present), sums[0] * sums[2])
                tails.append(lost.abs_upper())
        return BallMatrix(entries, tuple(tails))

    def rows_from_rule(self, table, majorants, log2_errors: np.ndarray, nonnegative: bool, peak: float) -> BallRows:
        """Rows from balls of moments ``E[B S^j P]`` by a rule, and the binary logarithms of its absolute errors."""
        from flint import arb

        with precision(self.fine_bits):
            values = [
                [x if x.is_exact() else x + arb(0, 1) * _power_of_two(e) for x, e in zip(row, line)]
                for row, line in zip(table, log2_errors)
            ]
        return self.from_moments(values, majorants, True, nonnegative, len(table[0]), peak)

    # questions ---------------------------------------------------------------------------------------

    def interpolates(self, a: BallRows, corner: float) -> bool:
        """Whether a node interpolates its activation, or sums a power series.

        ``corner``: half the number of directions in which correlations leave the corner where all are 1.  Where there
        are many, the series is as fast, and keeps the relative accuracy of small eigenvalues.
        """
        return self.nodes > 0 and a.clean and corner <= MOST_CORNER

    def moments(self, rows: BallRows, index: int) -> list:
        """Element ``index`` of every row, times ``index!``."""
        with precision(self._precision(rows.clean)):
            factorial = _factorials(index + 1)[index]
            return [row[index] * factorial for row in rows.values]

    def gaps(self, a: BallRows) -> np.ndarray:
        """Relative widths of the balls, shape ``(classes, size)``; inf where a ball is not bounded away from zero."""
        return np.array([[2 * relative_error(x) for x in row] for row in a.values])

    def smallest_log2(self, a: BallRows) -> float:
        """Binary logarithm of the smallest non-zero moment (elements times ``n!``), about."""
        with precision(self.bits):
            pairs = [[scaled_ball(x * y) for x, y in zip(row, _factorials(a.size))] for row in a.values]
        return min((float(e) for row in pairs for m, e in row if m > 0), default=0.0) - 1.0

    def zero_mask(self, a: BallRows) -> np.ndarray:
        """Where an element is exactly zero, shape ``(classes, size)``."""
        return np.array([[x.is_zero() for x in row] for row in a.values])

    def column_from_jsonable(self, texts: Sequence[str]) -> BallColumn:
        """The column that `BallColumn.to_jsonable` wrote."""
        return BallColumn(self, tuple(_ball(*map(_undyadic, text.split(" +/- "))) for text in texts))

    # ----------------------------------------------------------------------------------------------------

    def _precision(self, clean: bool) -> int:
        return self.fine_bits if clean else self.bits


def ball(bits: int) -> BallRing:
    """The ring of balls with a working precision of at least ``bits`` bits.

    An eigenvalue in it is a ball of python-flint (``arb``) that is proved to contain the exact one; ``rtol`` drives the
    precision up as far as it takes.

    >>> import eigenspace as es
    >>> ev = es.eigenvalue(es.mlp(3, 2), 5, ring=es.ball(128), rtol=1e-30)
    >>> ev.text(30), ev.bound
    ('3.05786523852059835202254744699e-3', 'proved')
    """
    return BallRing(integer("bits", bits, 16, 1 << 20, "128 bits are 38 digits"))


def relative_error(ball) -> float:
    """Radius over the absolute midpoint, rounded up; 0 for exact numbers, inf where the midpoint is 0.

    >>> from flint import arb
    >>> 0.5 <= relative_error(arb(2, 1)) < 0.50001, relative_error(arb(3))
    (True, 0.0)
    """
    if ball.is_exact():
        return 0.0
    (below, j), (above, i) = ((int(part) for part in number.man_exp()) for number in (ball.mid(), ball.rad()))
    if below == 0:
        return inf
    # integers, for the working precision of whoever calls must not matter
    mantissa, exponent = scaled_ratio(above, abs(below))
    exponent += i - j
    return nextafter(float(np.ldexp(mantissa * (1 + 8 * UNIT), exponent)), inf) if -1070 < exponent < 1020 else (
        5e-324 if exponent <= -1070 else inf)  # fmt: skip


def _sphere_row(dim: int, degree: int, size: int) -> tuple[tuple, tuple]:
    r"""Elements ``E[t^n P_r] / n!`` and majorants ``max_{k >= n} E[t^k P_r] / n!`` for ``n < size``.

    Two powers further a moment changes by :math:`\frac{(n+2)(n+1)}{(n+2-r)(n+r+s)}`; the moments rise until
    ``n (s - 1) >= 2 + (r - 2)(r + s)`` and fall from there on.
    """
    from flint import arb, fmpq

    moments, n, value = {}, degree, arb(1)
    for l in range(degree):
        value *= arb(fmpq(l + 1, dim + 2 * l))
    if dim == 1 and degree > 1:
        value = arb(0)
    while True:
        moments[n] = value
        falling = n * (dim - 1) >= 2 + (degree - 2) * (degree + dim)
        if n >= size and (falling or dim == 1):
            break
        value = value * ((n + 2) * (n + 1)) / ((n + 2 - degree) * (n + degree + dim))
        n += 2
    factorials = _factorials(size)
    row = tuple(moments[k] / factorials[k] if k in moments else arb(0) for k in range(size))
    # the largest of all later ones, from the end: one more than the last that is needed is already falling
    bounds, largest = [arb(0)] * size, arb(0)
    for k in range(n, -1, -1):
        if k in moments:
            largest = largest.max(moments[k])
        if k < size:
            bounds[k] = largest / factorials[k]
    with precision(_MAJORANT_BITS):
        return row, tuple(+b for b in bounds)


def _products(a, ia, b, ib, size: int, bits: int) -> tuple:
    from flint import arb, arb_series

    with precision(bits, size):
        left = {i: arb_series(list(a[i][:size]), prec=size) for i in {int(i) for i in ia}}
        right = {i: arb_series(list(b[i][:size]), prec=size) for i in {int(i) for i in ib}}
        found: dict = {}
        for pair in zip(map(int, ia), map(int, ib)):
            if pair not in found:
                line = (left[pair[0]] * right[pair[1]]).coeffs()
                found[pair] = tuple(line[:size]) + (arb(0),) * (size - len(line))
        return tuple(found[pair] for pair in zip(map(int, ia), map(int, ib)))


def _above(kept, dropped):
    """A sum of non-negative terms, of which those between 0 and ``dropped`` were cut off."""
    from flint import arb

    # a sum that is exactly zero has no term at all, by its parity
    return kept if kept.is_zero() or dropped.is_zero() else kept + arb(0.5, 0.5) * dropped


def _sums(a, b) -> list:
    return [[x + y for x, y in zip(p, q)] for p, q in zip(a, b)]


def _powers(base, size: int) -> list:
    from flint import arb

    powers = [arb(1)]
    for _ in range(size - 1):
        powers.append(powers[-1] * base)
    return powers


def _power_of_two(exponent: float):
    """Two to a real exponent, rounded up to an integer exponent; 0 for minus infinity."""
    from flint import arb

    return arb(0) if exponent == -inf else arb(2) ** ceil(exponent)


def _factorials(size: int) -> list:
    """Factorials as balls at the working precision of the caller."""
    from flint import arb

    return [arb(n) for n in _integer_factorials(size)]


@lru_cache(maxsize=16)
def _integer_factorials(size: int) -> tuple:
    found = [1]
    for n in range(1, size):
        found.append(found[-1] * n)
    return tuple(found)

