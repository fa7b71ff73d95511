"""The float ring: float64 digits with an unlimited exponent, and proved brackets around every number."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .._constants import ball
from .._flint import precision, scaled, scaled_ball, scaled_ratio
from . import products
from .mantissas import UNIT, columns, factorials, normalised
from .matrices import Matrix, power_matrix
from .spheres import sphere_moments

#: binary exponent of the smallest float64 with all its digits
_LEAST_EXPONENT = -1021
#: bits of a factor before it is rounded
_FACTOR_BITS = 160
#: channels of a row in the float ring: a lower bound, an upper bound, and a non-increasing majorant
LOWER, UPPER, MAJORANT = 0, 1, 2
#: bits of a mantissa that decide which of two numbers is larger, and the least of all integers
_ORDER_BITS, _NOTHING = 40, -(1 << 62)
#: which way they are rounded
_DIRECTIONS = np.array([-1.0, 1.0, 1.0])
_DIRECTIONS.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Rows:
    """A batch of generating functions in the float ring.

    ``mantissa`` and ``exponent`` have shape ``(3, classes, order + 1)``: for every element a lower and an upper bound,
    and a *majorant*: a bound that holds for the same moment and for all higher ones, so that what a truncation drops
    is bounded by the last kept majorant times the dropped coefficients.  ``estimated`` says whether some ingredient
    rests on an estimate (a quadrature rule checked by a second one) and not on a proof.
    """

    mantissa: np.ndarray
    exponent: np.ndarray
    estimated: bool = False

    def __len__(self) -> int:
        return self.mantissa.shape[1]

    @property
    def size(self) -> int:
        """Number of coefficients of each row."""
        return self.mantissa.shape[2]


def float64(mantissa, exponent) -> np.ndarray:
    """Numbers ``mantissa * 2**exponent`` as float64, those below its normal range as 0.0: they would lose digits."""
    return np.ldexp(np.where(np.less(exponent, _LEAST_EXPONENT), 0.0, mantissa), np.clip(exponent, -3000, 3000))


@dataclass(frozen=True, eq=False)
class FloatColumn:
    """A column of non-negative numbers ``mantissa * 2**exponent``: float64 digits, unlimited range."""

    mantissa: np.ndarray
    exponent: np.ndarray

    def __post_init__(self):
        self.mantissa.setflags(write=False)
        self.exponent.setflags(write=False)

    @property
    def ring(self) -> "FloatRing":
        """The ring that the numbers belong to."""
        return FLOAT

    def __len__(self) -> int:
        return self.mantissa.size

    def __getitem__(self, i: int) -> float:
        return float(float64(self.mantissa[i], self.exponent[i]))

    def float64(self) -> np.ndarray:
        """Values as float64: 0.0 where one lies below 2.2e-308 and would lose digits; `log10` stays finite there."""
        return float64(self.mantissa, self.exponent)

    def log10(self) -> np.ndarray:
        """Decimal logarithms; ``-inf`` for exact zeros only."""
        with np.errstate(divide="ignore"):
            return np.log10(self.mantissa) + self.exponent * np.log10(2.0)

    def text(self, i: int, digits: int, error: float) -> str:
        """Decimal text of element ``i`` with at most ``digits`` digits, only those that ``error`` leaves certain."""
        from .._render import certain_text

        return certain_text(float(self.mantissa[i]), int(self.exponent[i]), digits, error)

    def decimal_text(self, i: int, digits: int) -> str:
        """``digits`` digits of element ``i``, whatever its error."""
        return self.text(i, digits, 0.0)

    def take(self, indices) -> "FloatColumn":
        """The elements at the given indices (or under a mask)."""
        return FloatColumn(self.mantissa[indices].copy(), self.exponent[indices].copy())

    def times(self, number) -> "FloatColumn":
        """The elements times a positive fraction or constant, correct to two units."""
        with precision(_FACTOR_BITS):
            factor, shift = scaled_ball(ball(number))
        mantissa, moved = np.frexp(self.mantissa * factor)
        return FloatColumn(mantissa, np.where(mantissa == 0, 0, self.exponent + moved + shift))

    def data_text(self, i: int) -> str:
        """Decimal text for data files: 17 digits of the stored number, whatever its error."""
        return self.text(i, 17, 0.0)

    def to_jsonable(self) -> list[str]:
        """Exact text of every element: hexadecimal mantissa and binary exponent."""
        return [f"{float(m).hex()}*2**{int(e)}" for m, e in zip(self.mantissa, self.exponent)]


class FloatRing:
    """float64 digits with an unlimited exponent, and brackets around every number.

    Each operation rounds its lower bounds down and its upper bounds up, by the number of roundings it made; truncation
    enters the upper bounds through majorants.  The bracket of a result is therefore proved, as far as its ingredients
    are (see `Rows.estimated`).
    """

    name = "float"
    #: the recursion runs on centred kernels
    centres = True
    #: matrices of activations are kept for the next call
    keeps_matrices = True
    #: relative accuracy in bits of the power series before they are rounded
    coefficient_bits = 64
    #: bits of relative accuracy that are asked of a rule before it is rounded
    fine_bits = 58
    #: relative width of a bracket at which a power series counts as summed: roundings at the highest order included
    settled = 2.0**-43

    def __repr__(self) -> str:
        return "eigenspace.FLOAT"

    def text(self, value: float, log10: float, digits: int, error: float) -> str:
        """Decimal text of a number of the ring, only true digits; from its logarithm where a float underflows."""
        from .. import _render

        if value > 1e-290:
            return _render.certain_text(value, 0, digits, error)
        return _render.log10_text(log10, digits, error)

    # rows --------------------------------------------------------------------------------------------

    def unit(self, size: int) -> Rows:
        """The generating function 1, of the empty sum."""
        mantissa = np.zeros((3, 1, size))
        mantissa[:, :, 0] = 0.5
        # the majorant of 0**n, n >= 0, that never increases
        exponent = np.zeros((3, 1, size), dtype=np.int64)
        exponent[:, :, 0] = 1
        return Rows(mantissa, exponent)

    def zero(self, size: int) -> Rows:
        """The generating function 0."""
        return Rows(np.zeros((3, 1, size)), np.zeros((3, 1, size), dtype=np.int64))

    def leaf(self, dim: int, degrees: Sequence[int], size: int) -> Rows:
        """Moments ``E[t^n P_r] / n!`` of one sphere, ``n < size``, one row for each degree ``r``."""
        value, majorant = sphere_moments(dim, degrees, size)
        spread = np.full((len(degrees), size), 4 * UNIT)
        spread[np.asarray(degrees) == 0, 0] = 0.0
        mantissa = np.stack([value[0] * (1 - spread), value[0] * (1 + spread), majorant[0]])
        return _normalised(mantissa, np.stack([value[1], value[1], majorant[1]]))

    def convolve(self, a: Rows, ia, b: Rows, ib) -> Rows:
        """Products of generating functions: row ``ia[c]`` of ``a`` times row ``ib[c]`` of ``b``, for every ``c``.

        Cost: ``O(len(ia) * size**2)``.
        """
        size = min(a.size, b.size)
        found = products.convolve(_parts(a, size), _integers(ia), _parts(b, size), _integers(ib), _DIRECTIONS)
        return Rows(*found, a.estimated or b.estimated)

    def add(self, a: Rows, b: Rows) -> Rows:
        """Elementwise sum."""
        found = products.add(_parts(a, a.size), _parts(b, b.size), _DIRECTIONS)
        return Rows(*found, a.estimated or b.estimated)

    def weigh(self, a: Rows, weight, factor: Fraction = Fraction(1)) -> Rows:
        """Multiply element ``n`` by ``factor * weight**n``: the generating function of ``weight * S``.

        Both lie between 0 and 1; ``weight`` is a fraction, or a ball known to more digits than a float.
        """
        if weight == 1 and factor == 1:
            return a
        if isinstance(weight, Fraction):
            top, below, first = weight.numerator, weight.denominator, factor.numerator
            pairs = [scaled_ratio(first * top**n, factor.denominator * below**n) for n in range(a.size)]
        else:
            with precision(_FACTOR_BITS):
                pairs = [scaled_ball(ball(factor) * weight**n) for n in range(a.size)]
        return self._scale(a, columns(pairs))

    def derivative(self, a: Rows) -> Rows:
        """Derivative of the generating functions: moments ``E[S^{n+1} ...] / n!``, one element fewer."""
        kept = Rows(a.mantissa[:, :, 1:], a.exponent[:, :, 1:], a.estimated)
        return self._scale(kept, columns(scaled(n + 1) for n in range(kept.size)))

    def apply(self, parts: Sequence[tuple[Matrix, Rows]]) -> Rows:
        """Moments after an activation: the sum over the parts of ``matrix @ rows``, tails included.

        Row ``j`` of the result is ``sum_n [z^n](base f^j) E[S^n ...] / j!``.  In the upper channels, what the series
        drop enters as the sum of the dropped coefficients times the last majorant.  Cost:
        ``O(classes * rows * order)``.
        """
        total = None
        for matrix, rows in parts:
            size = matrix.mantissa.shape[2]
            rows = self._scale(_cut(rows, size), factorials(size))
            own = products.apply((matrix.mantissa, matrix.exponent), _parts(rows, size), _DIRECTIONS)
            image = Rows(*own, rows.estimated)
            last_m = rows.mantissa[MAJORANT, :, -1:] * matrix.tail_mantissa * (1 + 4 * UNIT)
            last_e = rows.exponent[MAJORANT, :, -1:] + matrix.tail_exponent
            zero = np.zeros_like(last_m)
            dropped = _normalised(np.stack([zero, last_m, last_m]), np.stack([0 * last_e, last_e, last_e]))
            image = self.add(image, dropped)
            total = image if total is None else self.add(total, image)
        return _tightened(self._scale(total, factorials(total.size, inverse=True)))

    def functional(self, matrix: Matrix, j: int) -> Rows:
        """Row ``j`` of a matrix as a row ``A``: the last coefficient of ``A * M`` is what it makes of moments ``M``.

        The channel of majorants holds the sum of the dropped coefficients, which the last majorant multiplies.
        """
        size = matrix.mantissa.shape[2]
        mantissa, exponent = np.zeros((3, 1, size)), np.zeros((3, 1, size), dtype=np.int64)
        mantissa[:2, 0], exponent[:2, 0] = matrix.mantissa[:, j], matrix.exponent[:, j]
        mantissa[MAJORANT, 0, -1], exponent[MAJORANT, 0, -1] = matrix.tail_mantissa[j], matrix.tail_exponent[j]
        rows = self._scale(Rows(mantissa, exponent), factorials(size))
        return Rows(np.ascontiguousarray(rows.mantissa[:, :, ::-1]), np.ascontiguousarray(rows.exponent[:, :, ::-1]))

    def last(self, a: Rows, ia, b: Rows, ib) -> Rows:
        """The last coefficient of the product of row ``ia[c]`` of ``a`` with row ``ib[c]`` of ``b``, for every ``c``.

        Cost: ``O(len(ia) * size)``.
        """
        found = products.last(_parts(a, a.size), _integers(ia), _parts(b, b.size), _integers(ib), _DIRECTIONS)
        return Rows(*(part[:, :, None] for part in found), a.estimated or b.estimated)

    def enclosed(self, a: Rows) -> Rows:
        """What functionals made of rows, with what they drop in the upper bounds."""
        upper, dropped = (Rows(a.mantissa[c : c + 1], a.exponent[c : c + 1]) for c in (UPPER, MAJORANT))
        upper = self.add(*(Rows(np.repeat(r.mantissa, 3, 0), np.repeat(r.exponent, 3, 0)) for r in (upper, dropped)))
        mantissa, exponent = upper.mantissa.copy(), upper.exponent.copy()
        mantissa[LOWER], exponent[LOWER] = a.mantissa[LOWER], a.exponent[LOWER]
        return Rows(mantissa, exponent, a.estimated)

    def cut(self, a: Rows, size: int) -> Rows:
        """The first ``size`` elements of every row."""
        return _cut(a, size)

    def take(self, a: Rows, indices) -> Rows:
        """The rows at the given indices."""
        return Rows(a.mantissa[:, indices], a.exponent[:, indices], a.estimated)

    def stack(self, batches: Sequence[Rows]) -> Rows:
        """One batch out of several, in order."""
        return Rows(
            np.concatenate([b.mantissa for b in batches], axis=1),
            np.concatenate([b.exponent for b in batches], axis=1),
            any(b.estimated for b in batches),
        )

    # ball input --------------------------------------------------------------------------------------

    def power_matrix(self, f: Sequence, base: Sequence, sums: Sequence, rows: int, powers: Matrix | None) -> Matrix:
        """The matrix of ``base * f**j``, ``j < rows``, from the coefficients of two series (balls).

        ``sums`` are three balls: what ``f`` drops, what ``base`` drops, and the sum of all coefficients of ``base``;
        all coefficients of ``f`` sum to 1.  ``powers`` is the matrix of the ``f**j`` where it is known.  Cost: one
        product of series per row.
        """
        mantissa, exponent = _from_balls([f, base])
        above = [(m * (1 + 4 * UNIT), e) for m, e in (scaled_ball(x.upper()) for x in sums)]
        return power_matrix(*zip(mantissa, exponent), above, rows, powers)

    def rows_from_rule(self, table, majorants, log2_errors: np.ndarray, nonnegative: bool, peak: float) -> Rows:
        """Rows from balls of moments ``E[S^j ...]`` by a rule, and the binary logarithms of its absolute errors."""
        return self.rows_from_balls(table, majorants, _relative(table, log2_errors), False)

    def rows_from_balls(self, moments, majorants, errors: np.ndarray, estimated: bool) -> Rows:
        """Rows from balls of moments ``E[S^j ...]`` and their majorants, with the relative errors of the moments."""
        value_m, value_e = _from_balls(moments)
        major_m, major_e = _from_balls(majorants)
        errors = np.where((errors == 0) & (value_m == 0.5), 0.0, errors + 2 * UNIT)
        major_m = major_m * (1 + 4 * UNIT)
        # where nothing is known of a moment, its majorant bounds it
        lost = ~(errors < 1)
        errors = np.where(lost, 0.0, errors)
        low, high = np.where(lost, 0.0, value_m * (1 - errors)), np.where(lost, major_m, value_m * (1 + errors))
        exponents = np.stack([np.where(lost, 0, value_e), np.where(lost, major_e, value_e), major_e])
        rows = _normalised(np.stack([low, high, major_m]), exponents, estimated)
        return _tightened(self._scale(rows, factorials(rows.size, inverse=True)))

    # questions ---------------------------------------------------------------------------------------

    def interpolates(self, a: Rows, corner: float) -> bool:
        """Never: a node sums a power series (see `BallRing.interpolates`)."""
        return False

    def zero_mask(self, a: Rows) -> np.ndarray:
        """Where an element is exactly zero, shape ``(classes, size)``."""
        return a.mantissa[LOWER] == 0

    def smallest_log2(self, a: Rows) -> float:
        """Binary logarithm of the smallest non-zero moment (elements times ``n!``)."""
        a = self._scale(a, factorials(a.size))
        return float(np.min(a.exponent[LOWER], where=a.mantissa[LOWER] > 0, initial=0)) - 1.0

    def gaps(self, a: Rows) -> np.ndarray:
        """Relative widths of the brackets, shape ``(classes, size)``; inf where only an upper bound is known."""
        lower = np.where(a.mantissa[LOWER] == 0, 1.0, a.mantissa[LOWER])
        shift = np.clip(a.exponent[UPPER] - a.exponent[LOWER], -2000, 1000)
        gap = np.ldexp(a.mantissa[UPPER] / lower, shift) - 1.0
        return np.where(a.mantissa[LOWER] == 0, np.where(a.mantissa[UPPER] == 0, 0.0, np.inf), gap)

    # columns -----------------------------------------------------------------------------------------

    def bracket(self, rows: Rows, index: int) -> tuple[FloatColumn, FloatColumn]:
        """Lower and upper bounds of element ``index`` of every row, times ``index!``."""
        rows = self._scale(rows, factorials(rows.size))
        return tuple(
            FloatColumn(rows.mantissa[channel, :, index].copy(), rows.exponent[channel, :, index].copy())
            for channel in (LOWER, UPPER)
        )

    def column_from_jsonable(self, texts: Sequence[str]) -> FloatColumn:
        """The column that `FloatColumn.to_jsonable` wrote."""
        pairs = [text.split("*2**") for text in texts]
        mantissa = np.array([float.fromhex(m) for m, _ in pairs])
        return FloatColumn(mantissa, np.array([int(e) for _, e in pairs], dtype=np.int64))

    # ----------------------------------------------------------------------------------------------------

    def _scale(self, a: Rows, factors: tuple[np.ndarray, np.ndarray]) -> Rows:
        """Every element times the number of its column, each known to one unit."""
        return Rows(*products.scale(_parts(a, a.size), factors, _DIRECTIONS), a.estimated)


def _parts(a: Rows, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first ``size`` elements of all rows, mantissas and exponents, contiguous."""
    return tuple(np.ascontiguousarray(part[:, :, :size]) for part in (a.mantissa, a.exponent))


def _integers(indices) -> np.ndarray:
    return np.asarray(indices, dtype=np.int64)


def _empty(shape) -> tuple[np.ndarray, np.ndarray]:
    return np.empty(shape), np.empty(shape, dtype=np.int64)


def _cut(a: Rows, size: int) -> Rows:
    if a.size == size:
        return a
    return Rows(a.mantissa[:, :, :size], a.exponent[:, :, :size], a.estimated)


def _tightened(a: Rows) -> Rows:
    """The same rows with majorants that the upper bounds of the moments make narrower.

    What bounds all moments from the ``n``-th on is at most the larger one of the ``n``-th and of what bounds all later
    ones: the largest of the later moments, and beyond the end the last majorant.
    """
    size = a.size
    (up, above), (down, below) = (factorials(size, inverse) for inverse in (False, True))
    mantissa, exponent = np.frexp(a.mantissa[UPPER] * up)
    exponent = exponent + a.exponent[UPPER] + above
    last_m, last_e = np.frexp(a.mantissa[MAJORANT, :, -1] * up[-1])
    mantissa[:, -1], exponent[:, -1] = last_m, last_e + a.exponent[MAJORANT, :, -1] + above[-1]
    # numbers as integers in the same order, rounded upwards
    digits = np.ceil(np.ldexp(mantissa, _ORDER_BITS + 1)).astype(np.int64) - (1 << _ORDER_BITS)
    keys = np.where(mantissa == 0, _NOTHING, (exponent << _ORDER_BITS) + digits)
    keys = np.maximum.accumulate(keys[:, ::-1], axis=1)[:, ::-1]
    bound = np.ldexp(((keys & ((1 << _ORDER_BITS) - 1)) + (1 << _ORDER_BITS)).astype(float), -_ORDER_BITS - 1)
    mantissa, shift = np.frexp(np.where(keys == _NOTHING, 0.0, bound * down * (1 + 16 * UNIT)))
    exponent = np.where(mantissa == 0, 0, (keys >> _ORDER_BITS) + below + shift)
    # a bound that was narrower stays
    old_m, old_e = a.mantissa[MAJORANT], a.exponent[MAJORANT]
    narrower = (mantissa == 0) | (exponent < old_e) | (exponent == old_e) & (mantissa < old_m)
    narrower[:, -1] = False
    out = a.mantissa.copy(), a.exponent.copy()
    out[0][MAJORANT], out[1][MAJORANT] = np.where(narrower, mantissa, old_m), np.where(narrower, exponent, old_e)
    return Rows(*out, a.estimated)


def _normalised(mantissa, exponent, estimated: bool = False) -> Rows:
    return Rows(*normalised(mantissa, exponent), estimated)


def _from_balls(rows) -> tuple[np.ndarray, np.ndarray]:
    line = np.array([[float(x) for x in row] for row in rows])
    mantissa, exponent = np.frexp(line)
    exponent = exponent.astype(np.int64)
    # outside the range of normal float64 numbers read the integers themselves
    for r, n in np.argwhere(~((line > 1e-290) & (line < 1e290))):
        mantissa[r, n], exponent[r, n] = scaled_ball(rows[r][n])
    return mantissa, exponent


def _relative(table, log2_errors: np.ndarray) -> np.ndarray:
    """Relative errors from the radii of balls and the proved errors of their rule; 0 for exact entries."""
    out = np.zeros(log2_errors.shape)
    for i, line in enumerate(table):
        for j, value in enumerate(line):
            if not value.is_exact():
                below = value.abs_lower()
                out[i, j] = float(value.rad() / below) if below > 0 else np.inf
    mantissa, exponent = _from_balls(table)
    known = (out > 0) & (out < 1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        rule = np.exp2(log2_errors - np.log2(mantissa) - exponent)
    # the midpoint exceeds the lower end by no more than the radius
    return np.where(known, (rule * (1 + 2 * out) + out) * (1 + 1e-9), out)


#: float64 with an unlimited exponent and proved brackets
FLOAT = FloatRing()
