"""Numbers as arrays of mantissas (in [1/2, 1), or 0) and binary exponents: what the parts of the float ring share."""

from collections.abc import Iterable
from functools import lru_cache
from math import factorial

import numpy as np

from .._flint import scaled, scaled_ratio

#: half a unit in the last place of numbers from 1 to 2: the largest relative error of one rounding
UNIT = 2.0**-53


def normalised(mantissa, exponent) -> tuple[np.ndarray, np.ndarray]:
    """Floats times powers of two as mantissas and exponents; zeros have the exponent 0."""
    mantissa, shift = np.frexp(mantissa)
    return mantissa, np.where(mantissa == 0, 0, exponent + shift)


def columns(pairs: Iterable[tuple[float, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a mantissa and an exponent as two arrays, only to read."""
    pairs = list(pairs)
    found = np.array([m for m, _ in pairs], dtype=float), np.array([e for _, e in pairs], dtype=np.int64)
    for part in found:
        part.setflags(write=False)
    return found


@lru_cache(maxsize=64)
def factorials(size: int, inverse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """``n!`` or ``1 / n!`` for ``n < size``, correct to one unit."""
    return columns(scaled_ratio(1, factorial(n)) if inverse else scaled(factorial(n)) for n in range(size))
