"""Sums of products of scaled rows, in batches: where the float ring spends its time.

A batch is a pair of arrays ``(mantissa, exponent)`` of shape ``(channels, rows, n)``, see `eigenspace._kernels.rows`.
A tilt ``2**(slope * n)``, the same for all rows of an operation, brings them into the range of a float64 once, however
many pairs they are part of; then the sums run over plain numbers.  A pair of rows that does not fit into that range is
summed term by term instead, each sum scaled by its largest term.

All terms are non-negative.  A sum of ``n`` products therefore carries at most ``n + 1`` roundings relative to itself,
and one that runs in blocks of ``b`` terms at most ``b + n / b + 2``.  Results are moved by that number of units in the
direction of their channel: with -1 they are lower bounds of the exact value of the operation on its operands, with 1
upper bounds.  A product with a power of two (mantissa 1/2) is exact and stays so: the moment of order zero is 1, and
the many inactive children of a node must not add roundings.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .._kernels import BLOCK, WIDTH
from .mantissas import UNIT, normalised

#: plain numbers stay within 2**(+-_CENTRE) so that products of two neither over- nor underflow
_CENTRE = 480
_ROW_SPAN, _PAIR_SPAN = 1400, 1900
#: beyond all exponents; and how many sums are worked on together where each is scaled
_FAR, _MANY = 1 << 60, 2048
#: a summand that lies so many bits below the other one only rounds
_LOWEST_BITS = 200
#: the channel of upper bounds, where there are several
_UPPER = 1


@lru_cache(maxsize=2)
def _powers_of_two(first: int, last: int) -> np.ndarray:
    powers = np.ldexp(1.0, np.arange(first, last + 1))
    powers.setflags(write=False)
    return powers


def convolve(a: tuple, ia: np.ndarray, b: tuple, ib: np.ndarray, directions: np.ndarray) -> tuple:
    """``out[c, n] = sum_i a[ia[c], i] * b[ib[c], n - i]`` for every pair ``c``.  Cost: ``O(pairs * n**2)``."""
    from .._kernels import rows as kernels

    slope, size = _tilt(a, b), a[0].shape[2]
    left, right = _Plain.of(a, slope), _Plain.of(b, slope)
    values = _coefficients(left, ia, right, ib, 0, _block_ends(size), size)
    # a product with 1 at its start is exact there
    exact = (a[0][:, ia, 0] == 0.5) | (b[0][:, ib, 0] == 0.5)
    first = values[:, :, 0].copy()
    factors = 1.0 + directions[:, None] * _roundings(np.arange(1, size + 1)) * UNIT
    values *= factors[:, None, :]
    values[:, :, 0] = np.where(exact, first, values[:, :, 0])
    exponents = np.empty(values.shape, dtype=np.int64)
    tops = np.take(left.tops, ia, axis=1) + np.take(right.tops, ib, axis=1) - 2 * _CENTRE
    kernels.split(values.view(np.int64), tops, -slope, exponents)
    for channel, c in _misfits(left.spans[:, ia], right.spans[:, ib]):
        line = factors[channel].copy()
        line[0] = 1.0 if exact[channel, c] else line[0]
        # element n - k for all n and k; none is negative
        turned = np.arange(size)[:, None] - np.arange(size)
        other = tuple(np.where(turned >= 0, part[channel, ib[c]][turned], 0) for part in b)
        own = tuple(part[channel, ia[c]] for part in a)
        values[channel, c], exponents[channel, c] = scaled_sums(own, other, line)
    return values, exponents


def last(a: tuple, ia: np.ndarray, b: tuple, ib: np.ndarray, directions: np.ndarray) -> tuple:
    """The last element of every row of `convolve` alone.  Cost: ``O((rows + pairs) * n)``."""
    slope, size = _tilt(a, b), a[0].shape[2]
    left, right = _Plain.of(a, slope), _Plain.of(b, slope)
    values = _coefficients(left, ia, right, ib, size - 1, np.array([size]), 1)[:, :, 0]
    factors = 1.0 + directions * _roundings(size) * UNIT
    shift = left.tops[:, ia] + right.tops[:, ib] - 2 * _CENTRE - slope * (size - 1)
    values, exponents = normalised(values * factors[:, None], shift)
    misfits = _misfits(left.spans[:, ia], right.spans[:, ib])
    for start in range(0, len(misfits), _MANY):
        channel, c = misfits[start : start + _MANY].T
        rows = tuple(part[channel, ia[c]] for part in a), tuple(part[channel, ib[c], ::-1] for part in b)
        values[channel, c], exponents[channel, c] = scaled_sums(*rows, factors[channel])
    return values, exponents


def _coefficients(left, ia, right, ib, first: int, ends: np.ndarray, count: int) -> np.ndarray:
    """``count`` coefficients of products of plain rows from the ``first`` on; they need terms up to the ``ends``."""
    from .._kernels import rows as kernels

    channels, rows, size = right.values.shape
    # element n - k of a row, for all k: with zeros in front, for indices below 0, and behind it
    padded = np.zeros((channels, rows, size + 2 * WIDTH))
    padded[:, :, WIDTH : WIDTH + size] = right.values
    begins, cuts = np.take(left.starts, ia, axis=1), np.take(right.starts, ib, axis=1)
    values = np.empty((channels, ia.size, count))
    kernels.sums(
        left.values, ia, padded.reshape(channels, -1), ib * padded.shape[2] + WIDTH + first, -1, begins, cuts,
        np.zeros((channels, ends.size), dtype=np.int64), ends, values,
    )  # fmt: skip
    return values


def apply(f: tuple, x: tuple, directions: np.ndarray) -> tuple:
    """``out[c, j] = sum_n f[j, n] * x[c, n]``; the last channel of ``f`` serves all further ones of ``x``.

    Cost: ``O(rows * f.size)``.
    """
    from .._kernels import rows as kernels

    own = np.minimum(np.arange(len(directions)), f[0].shape[0] - 1)
    left, right = _Plain.of(tuple(part[own] for part in f), 0), _Plain.of(x, 0)
    channels, count, size = right.values.shape
    height = left.values.shape[1]
    values, blocks = np.empty((channels, count, height)), len(_block_ends(height))
    turned = np.zeros((channels, size, blocks * WIDTH))
    turned[:, :, :height] = left.values.swapaxes(1, 2)
    starts = np.full((channels, blocks * WIDTH), size)
    starts[:, :height] = left.starts
    kernels.sums(
        right.values, np.arange(count), turned.reshape(channels, -1), np.zeros(count, dtype=np.int64),
        turned.shape[2], right.starts, np.zeros((channels, count), dtype=np.int64),
        starts.reshape(channels, blocks, WIDTH).min(axis=2), np.full(blocks, size), values,
    )  # fmt: skip
    terms, powers = np.count_nonzero(f[0], axis=2)[own], (f[0] == 0.5).any(axis=2)[own]
    # one product with a power of two is exact
    units = np.where((terms > 1) | ~powers, _roundings(terms), 0)
    factors = 1.0 + directions[:, None] * units * UNIT
    values *= factors[:, None, :]
    exponents = np.empty(values.shape, dtype=np.int64)
    kernels.split(values.view(np.int64), right.tops - 2 * _CENTRE, 0, exponents)
    exponents += np.where(values == 0, 0, left.tops[:, None, :])
    misfits = _misfits(right.spans[:, :, None], left.spans[:, None, :])
    for start in range(0, len(misfits), _MANY):
        channel, c, j = misfits[start : start + _MANY].T
        rows = tuple(part[own[channel], j] for part in f), tuple(part[channel, c] for part in x)
        values[channel, c, j], exponents[channel, c, j] = scaled_sums(*rows, factors[channel, j])
    return values, exponents


def add(a: tuple, b: tuple, directions: np.ndarray) -> tuple:
    """The sums of the elements of two batches; exact where one of two is zero."""
    from .._kernels import rows as kernels

    out = np.empty(a[0].shape), np.empty(a[0].shape, dtype=np.int64)
    kernels.add(*a, *b, 1.0 + directions * 2 * UNIT, _powers_of_two(-_LOWEST_BITS, 0), *out)
    return out


def scale(a: tuple, factors: tuple, directions: np.ndarray) -> tuple:
    """The elements of a batch times the number of their column, known to one unit; powers of two are exact."""
    from .._kernels import rows as kernels

    out = np.empty(a[0].shape), np.empty(a[0].shape, dtype=np.int64)
    kernels.scale(*a, *factors, 1.0 + directions[:, None] * np.where(factors[0] == 0.5, 0, 4) * UNIT, *out)
    return out


@dataclass(frozen=True, eq=False)
class _Plain:
    """The rows of a batch as plain numbers after a tilt: zeros where a row does not fit.

    ``tops`` are the largest exponents, ``spans`` how far the exponents reach, -1 for a zero row, ``starts`` the first
    elements that are not zero.
    """

    values: np.ndarray
    tops: np.ndarray
    spans: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, a: tuple, slope: int) -> "_Plain":
        """The rows of a batch."""
        from .._kernels import rows as kernels

        shape = a[0].shape
        found = cls(np.empty(shape), *(np.empty(shape[:2], dtype=np.int64) for _ in range(3)))
        powers = _powers_of_two(_CENTRE - _ROW_SPAN, _CENTRE)
        kernels.plain(*a, slope, _ROW_SPAN, powers, found.values, found.tops, found.spans, found.starts)
        return found


def _tilt(a: tuple, b: tuple) -> int:
    """The slope that levels the upper bounds of two batches best, all together: from their first to last elements."""
    rise = run = 0
    for mantissa, exponent in (a, b):
        channel = min(_UPPER, len(mantissa) - 1)
        there, upper = mantissa[channel] != 0, exponent[channel]
        rows, size = np.arange(len(upper)), upper.shape[1]
        first, final = there.argmax(axis=1), size - 1 - there[:, ::-1].argmax(axis=1)
        # of a zero row all exponents are zero
        rise += int((upper[rows, final] - upper[rows, first]).sum())
        run += int((final - first).sum())
    return -round(rise / run) if run else 0


def _block_ends(size: int) -> np.ndarray:
    """The ends of the blocks of ``WIDTH`` elements of a row."""
    return np.minimum(np.arange(WIDTH, size + WIDTH, WIDTH), size)


def _misfits(span_a: np.ndarray, span_b: np.ndarray) -> np.ndarray:
    """Where a product of elements of two rows may leave the normal range."""
    most = max(int(span_a.max(initial=-1)), 0) + max(int(span_b.max(initial=-1)), 0)
    if most < _ROW_SPAN:
        return np.empty((0, 2), dtype=np.int64)
    fits = (span_a < _ROW_SPAN) & (span_b < _ROW_SPAN) & (span_a + span_b < _PAIR_SPAN)
    return np.argwhere(~fits & (span_a >= 0) & (span_b >= 0))


def scaled_sums(a: tuple, b: tuple, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sums of ``a[c, i] * b[c, i]`` over ``i``, each scaled by its largest term, times factors."""
    products, exponents = a[0] * b[0], a[1] + b[1]
    there = products != 0
    top = np.max(exponents, axis=1, initial=-_FAR, where=there)
    lowered = exponents - top[:, None]
    terms = np.where(there & (lowered > -1000), np.ldexp(products, np.clip(lowered, -1000, 0)), 0.0)
    blocks = np.add.reduceat(terms, np.arange(0, terms.shape[1], BLOCK), axis=1)
    return normalised(blocks.sum(axis=1) * factors, top)


def _roundings(terms):
    """Bound of the roundings of a blocked sum of products: the product, two levels of sums, and the final scaling."""
    return np.minimum(terms, BLOCK + terms // BLOCK + 1) + 4
