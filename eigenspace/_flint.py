"""Ball arithmetic without a global precision.

python-flint keeps one working precision for the whole process.  `precision` holds a lock while it is changed, so that
two threads that work at different precisions do not disturb each other, and restores it afterwards.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def precision(bits: int, length: int = 1) -> Iterator[None]:
    """Work at ``bits`` bits, with power series cut after ``length`` coefficients, inside the ``with`` block."""
    import flint

    with _LOCK:
        before = flint.ctx.prec, flint.ctx.cap
        flint.ctx.prec, flint.ctx.cap = bits, length
        try:
            yield
        finally:
            flint.ctx.prec, flint.ctx.cap = before


def padded(series, length: int) -> tuple:
    """All coefficients of a power series up to a length."""
    from flint import arb

    coefficients = series.coeffs()
    return tuple(coefficients[:length]) + (arb(0),) * (length - len(coefficients))


def scaled(numerator: int, shift: int = 0) -> tuple[float, int]:
    """Mantissa in [1/2, 1) and exponent of ``numerator * 2**shift``, an integer of any size, correct to one unit.

    The mantissa is 1/2 only where this is exact.

    >>> scaled(3, -4000)
    (0.75, -3998)
    """
    if numerator == 0:
        return 0.0, 0
    length = numerator.bit_length()
    head = numerator >> (length - 64) if length > 64 else numerator
    mantissa, exponent = math.frexp(float(head))
    if mantissa == 0.5 and numerator & (numerator - 1):
        mantissa = math.nextafter(0.5, 1.0)
    return mantissa, exponent + max(length - 64, 0) + shift


def scaled_ratio(numerator: int, denominator: int) -> tuple[float, int]:
    """Mantissa and exponent of a non-negative fraction of integers of any size, correct to one unit.

    >>> scaled_ratio(1, 3 * 10**400)[1]
    -1330
    """
    shift = max(0, 70 - numerator.bit_length() + denominator.bit_length())
    quotient, rest = divmod(numerator << shift, denominator)
    mantissa, exponent = scaled(quotient, -shift)
    if mantissa == 0.5 and (rest or quotient & (quotient - 1)):
        # 1/2 is kept for exact powers of two
        mantissa = math.nextafter(0.5, 1.0)
    return mantissa, exponent


def scaled_ball(ball) -> tuple[float, int]:
    """Mantissa and exponent of the midpoint of a non-negative ball, correct to one unit of float64."""
    if ball.is_zero():
        return 0.0, 0
    numerator, shift = ball.mid().man_exp()
    return scaled(int(numerator), int(shift))
