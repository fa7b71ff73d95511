"""Ball arithmetic at a precision of its own.

python-flint 0.9 keeps one working precision for the whole process, not one for each thread, and no operation takes a
precision as an argument.  So a block of `precision` has to change it, and holds a lock while it does: blocks of
different threads take turns, and none sees the precision of another.  Results do not depend on the precision that was
set before, which is back in force afterwards.

What no library can give on top of a global setting: a thread that calls python-flint itself, outside such blocks, works
at the precision of whatever block is running meanwhile.  Its balls are true all the same, and so are those of the
package if that thread changes the precision under its feet: a ball encloses its own roundings at any precision, it is
only wider.  A precision that such a thread has set is left in force.  Threads that need more than that put their own
calls into `precision`.  The same holds for mpmath, whose precision is changed, under the same lock, only while a
user's kernel function is called with its numbers.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def precision(bits: int, length: int = 1) -> Iterator[None]:
    """Work at ``bits`` bits, with power series cut after ``length`` coefficients, inside the ``with`` block.

    Blocks of one thread may be nested; other threads wait.
    """
    import flint

    with _LOCK:
        before = flint.ctx.prec, flint.ctx.cap
        flint.ctx.prec, flint.ctx.cap = bits, length
        try:
            yield
        finally:
            # what another thread has set meanwhile is not ours to undo
            if flint.ctx.prec == bits:
                flint.ctx.prec = before[0]
            if flint.ctx.cap == length:
                flint.ctx.cap = before[1]


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
