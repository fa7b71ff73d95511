"""Coefficients of an activation as bounds in floats: ``base * f**j``, and what their truncation drops."""

from dataclasses import dataclass

import numpy as np

from . import products
from .mantissas import UNIT, normalised
from .products import scaled_sums

#: which way the two bounds are rounded
_DIRECTIONS = np.array([-1.0, 1.0])
_DIRECTIONS.setflags(write=False)


@dataclass(frozen=True, eq=False)
class Matrix:
    """Coefficients of ``base * f**j``, row ``j``: what an activation does to moments.

    ``mantissa, exponent`` of shape ``(2, rows, order + 1)``: lower and upper bounds; ``tail`` (mantissa, exponent) of
    shape ``(rows,)``: upper bounds of the sums of the dropped coefficients.
    """

    mantissa: np.ndarray
    exponent: np.ndarray
    tail_mantissa: np.ndarray
    tail_exponent: np.ndarray


def power_matrix(f: tuple, base: tuple, sums: list, rows: int, powers: Matrix | None) -> Matrix:
    """The matrix of ``base * f**j``, ``j < rows``, from two series: mantissas and exponents, correct to one unit.

    ``sums``: upper bounds (mantissa, exponent) of what ``f`` drops, of what ``base`` drops, and of the sum of all
    coefficients of ``base``; all of ``f`` sum to 1.  ``powers`` is the matrix of the ``f**j`` where it is known.  Cost:
    one product of series per row.
    """
    factor, own = _bounds(*f), _bounds(*base)
    known = _powers(factor, rows) if powers is None else (powers.mantissa, powers.exponent)
    matrix = known
    if (base[0][0], base[1][0]) != (0.5, 1) or np.any(base[0][1:]):
        matrix = products.convolve(own, np.zeros(rows, np.int64), known, np.arange(rows), _DIRECTIONS)
    lines, series = tuple(part[1] for part in matrix), tuple(part[1, 0] for part in factor)
    return Matrix(*matrix, *_tails(lines, series, *sums))


def _bounds(mantissa, exponent) -> tuple[np.ndarray, np.ndarray]:
    """A row that is known to one unit as lower and upper bounds, shape ``(2, 1, n)``; powers of two are exact."""
    units = 2 * UNIT * _DIRECTIONS[:, None, None]
    return normalised(np.where(mantissa == 0.5, 0.5, mantissa * (1 + units)), exponent)


def _powers(f: tuple, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers ``f**j``, ``j < rows``, of a row of bounds, those known times the highest of them."""
    size = f[0].shape[2]
    mantissa, exponent = np.zeros((2, 1, size)), np.zeros((2, 1, size), dtype=np.int64)
    mantissa[:, :, 0], exponent[:, :, 0] = 0.5, 1
    found = tuple(np.concatenate(pair, axis=1) for pair in zip((mantissa, exponent), f))
    while (known := found[0].shape[1]) < rows:
        more = np.arange(1, min(known, rows - known + 1))
        further = products.convolve(found, np.full_like(more, known - 1), found, more, _DIRECTIONS)
        found = tuple(np.concatenate(pair, axis=1) for pair in zip(found, further))
    return tuple(np.ascontiguousarray(part[:, :rows]) for part in found)


def _tails(lines: tuple, series: tuple, drop: tuple, tail: tuple, total: tuple) -> tuple[np.ndarray, np.ndarray]:
    r"""Upper bounds of the sums of the coefficients that the rows of a matrix drop, as mantissas and exponents.

    With the coefficients :math:`f_i` of the factor and :math:`a_k` of a row up to order ``N``, a row drops at most

    .. math:: t' = t \sum_i f_i + \sum_i f_i \sum_{k > N - i} a_k + (\text{what } f \text{ drops}) \sum a

    if the one before drops ``t``: what that has lost, what its product with ``f`` carries beyond the end, and what
    ``f`` has lost.  All numbers keep their exponents: coefficients of analytic duals leave the range of a float.
    """
    rows, size = lines[0].shape
    beyond = np.zeros((rows, size)), np.zeros((rows, size), dtype=np.int64)
    current = np.zeros(rows), np.zeros(rows, dtype=np.int64)
    for i in range(1, size):
        current = _plus(current, (lines[0][:, size - i], lines[1][:, size - i]))
        beyond[0][:, i], beyond[1][:, i] = current
    up = 1 + (size + 8) * UNIT
    carried = scaled_sums(series, beyond, np.full(rows, up))
    lost = normalised(np.array(drop[0] * total[0] * (1 + 8 * UNIT)), drop[1] + total[1])
    ones = np.full((1, size), 0.5), np.ones((1, size), dtype=np.int64)
    kept = tuple(part[0] for part in scaled_sums(series, ones, np.array([up])))
    found = [tail]
    for j in range(rows - 1):
        before = normalised(np.array(found[-1][0] * kept[0] * (1 + 2 * UNIT)), found[-1][1] + kept[1])
        found.append(_plus(_plus(before, (carried[0][j], carried[1][j])), lost))
    mantissa, exponent = zip(*found)
    return np.array(mantissa, dtype=float), np.array(exponent, dtype=np.int64)


def _plus(a: tuple, b: tuple) -> tuple:
    """Sums of scaled numbers, rounded upwards."""
    top = np.where(a[0] == 0, b[1], np.where(b[0] == 0, a[1], np.maximum(a[1], b[1])))
    first, second = (np.where(x[0] == 0, 0.0, np.ldexp(x[0], np.clip(x[1] - top, -1000, 0))) for x in (a, b))
    return normalised((first + second) * (1 + 2 * UNIT), top)
