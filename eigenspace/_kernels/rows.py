"""Arithmetic of non-negative rows with one binary exponent per element.

A row is a pair of arrays: ``mantissa`` (float64, in [1/2, 1), or 0 for an exact zero) and ``exponent`` (int64); its
elements are ``mantissa * 2**exponent``.  Nothing under- or overflows, whatever the degree and the dimension.

Batches have the shape ``(channels, rows, n)``; ``directions`` say which way the results of a channel are rounded: with
-1 they are lower bounds, with 1 upper bounds.  The kernels are many and small, each a loop or two, because each is
compiled on its own when it is first needed; what they are parts of is in `eigenspace.rings.products`.
"""

import math

import numpy as np
from numba import njit

from . import BLOCK, WIDTH

_UNIT = 2.0**-53
# beyond all exponents
_FAR = 1 << 60
# a positive normal float64 as an integer: the bits below the exponent, and the exponent of numbers in [1/2, 1)
_FRACTION = (1 << 52) - 1
_HALF = 1022 << 52


@njit(cache=True)
def plain(m, e, slope, reach, powers, out, tops, spans, starts):
    """Rows as plain numbers after a tilt: the largest exponents become that of the last of the ``powers`` of two.

    ``tops``: the largest exponents; ``spans``: how far the exponents reach, -1 for a zero row; ``starts``: the first
    elements that are not zero.  Rows that reach as far as ``reach`` are left zero.
    """
    channels, rows, size = m.shape
    final = powers.size - 1
    for channel in range(channels):
        for r in range(rows):
            top = -_FAR
            low = _FAR
            start = size
            for i in range(size - 1, -1, -1):
                out[channel, r, i] = 0.0
                if m[channel, r, i] != 0.0:
                    k = e[channel, r, i] + slope * i
                    start = i
                    if k > top:
                        top = k
                    if k < low:
                        low = k
            tops[channel, r] = top if start < size else 0
            spans[channel, r] = top - low if start < size else -1
            starts[channel, r] = start
            if start < size and top - low < reach:
                for i in range(start, size):
                    if m[channel, r, i] != 0.0:
                        out[channel, r, i] = m[channel, r, i] * powers[final + e[channel, r, i] + slope * i - top]


@njit(cache=True)
def split(bits, tops, slope, exponents):
    """Plain numbers (0, or positive and normal) as mantissas, in place, and exponents: ``tops + slope * n`` added.

    ``bits`` are the numbers as the integers that hold their bits.
    """
    channels, rows, size = bits.shape
    for channel in range(channels):
        for r in range(rows):
            top = tops[channel, r] - 1022
            for n in range(size):
                x = bits[channel, r, n]
                if x != 0:
                    bits[channel, r, n] = (x & _FRACTION) | _HALF
                    exponents[channel, r, n] = (x >> 52) + top + slope * n
                else:
                    exponents[channel, r, n] = 0


@njit(cache=True, fastmath={"contract"})
def sums(a, ia, flat, at, step, row_begins, row_cuts, block_begins, block_ends, out):
    """``out[c, n] = sum_k a[ia[c], k] * flat[at[c] + step * k + n]`` of plain numbers, eight by eight, in blocks.

    The sum runs from the larger one of ``row_begins[c]`` and ``block_begins[n // 8]`` to
    ``block_ends[n // 8] - row_cuts[c]``; ``flat`` reaches as far as the eight go.  Products of power series, their last
    elements and images under a matrix are cases of it, see `eigenspace.rings.products`.
    """
    channels, count, size = out.shape
    line = np.empty((size + WIDTH - 1) // WIDTH * WIDTH)
    for channel in range(channels):
        for c in range(count):
            row = a[channel, ia[c]]
            for block in range(block_ends.size):
                at_n = block * WIDTH
                base = at[c] + at_n
                begin = row_begins[channel, c]
                if block_begins[channel, block] > begin:
                    begin = block_begins[channel, block]
                end = block_ends[block] - row_cuts[channel, c]
                t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = 0.0
                for start in range(begin, end, BLOCK):
                    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
                    stop = start + BLOCK
                    for k in range(start, stop if stop < end else end):
                        x = row[k]
                        i = base + step * k
                        s0 += x * flat[channel, i]
                        s1 += x * flat[channel, i + 1]
                        s2 += x * flat[channel, i + 2]
                        s3 += x * flat[channel, i + 3]
                        s4 += x * flat[channel, i + 4]
                        s5 += x * flat[channel, i + 5]
                        s6 += x * flat[channel, i + 6]
                        s7 += x * flat[channel, i + 7]
                    t0 += s0
                    t1 += s1
                    t2 += s2
                    t3 += s3
                    t4 += s4
                    t5 += s5
                    t6 += s6
                    t7 += s7
                line[at_n] = t0
                line[at_n + 1] = t1
                line[at_n + 2] = t2
                line[at_n + 3] = t3
                line[at_n + 4] = t4
                line[at_n + 5] = t5
                line[at_n + 6] = t6
                line[at_n + 7] = t7
            for n in range(size):
                out[channel, c, n] = line[n]


@njit(cache=True)
def scale(am, ae, fm, fe, steps, om, oe):
    """``out[c, n] = a[c, n] * f[n]``, times ``steps[n]``, which is 1 but for roundings."""
    channels, rows, size = am.shape
    for channel in range(channels):
        for c in range(rows):
            for n in range(size):
                value = am[channel, c, n] * fm[n] * steps[channel, n]
                k = ae[channel, c, n] + fe[n]
                # the product of two mantissas lies between 1/4 and 1, but for roundings
                if value >= 1.0:
                    value *= 0.5
                    k += 1
                elif value < 0.5:
                    value *= 2.0
                    k -= 1
                    if value < 0.5:
                        value *= 2.0
                        k -= 1
                om[channel, c, n] = value
                oe[channel, c, n] = k if value != 0.0 else 0


@njit(cache=True)
def add(am, ae, bm, be, steps, powers, om, oe):
    """``out = a + b``, elementwise, times ``steps``, which is 1 but for roundings; exact where one of two is zero.

    ``powers`` are the powers of two from a lowest one to 1: summands farther below only round.
    """
    channels, rows, size = am.shape
    lowest = powers.size - 1
    for channel in range(channels):
        for c in range(rows):
            for n in range(size):
                x = am[channel, c, n]
                y = bm[channel, c, n]
                k = ae[channel, c, n]
                below = k - be[channel, c, n]
                if x == 0.0 or (y != 0.0 and below < 0):
                    x = y
                    y = am[channel, c, n]
                    k = be[channel, c, n]
                    below = -below
                if y != 0.0:
                    x = (x + y * powers[lowest - below if below < lowest else 0]) * steps[channel]
                    # between 1/2, but for roundings, and 2
                    if x >= 1.0:
                        x *= 0.5
                        k += 1
                        if x >= 1.0:
                            x *= 0.5
                            k += 1
                    elif x < 0.5:
                        x *= 2.0
                        k -= 1
                om[channel, c, n] = x
                oe[channel, c, n] = k


@njit(cache=True)
def inverse_products(factors, om, oe):
    """``out[c, n] = 1 / (factors[c, 0] ... factors[c, n - 1])``, correct to two units.

    The product is ``(hi + lo) * 2**scale`` in doubled precision, with Dekker's exact product of two floats.
    """
    for c in range(om.shape[0]):
        hi = 1.0
        lo = 0.0
        scale = 0
        for n in range(om.shape[1]):
            om[c, n], k = math.frexp((1.0 - lo / hi) / hi)
            oe[c, n] = k - scale
            if n < factors.shape[1]:
                x = factors[c, n]
                t = 134217729.0 * hi
                ah = t - (t - hi)
                al = hi - ah
                t = 134217729.0 * x
                bh = t - (t - x)
                bl = x - bh
                p = hi * x
                q = ((ah * bh - p) + ah * bl + al * bh) + al * bl + lo * x
                hi, k = math.frexp(p + q)
                lo = math.ldexp((p - (p + q)) + q, -k)
                scale += k


@njit(cache=True)
def peaks(dim, degrees, om, oe, where):
    """The largest moment ``E[t^n P_r]`` over all ``n``, rounded up, and the largest ``n`` up to which moments rise.

    Two powers further a moment changes by ``(n + 2)(n + 1) / ((n + 2 - r)(n + r + dim))``.
    """
    for c in range(degrees.size):
        r = degrees[c]
        value = 1.0
        power = 0
        for l in range(r):
            value, k = math.frexp(value * ((l + 1.0) / (dim + 2.0 * l)))
            power += k
        count = 2 * r
        n = r
        top = value
        above = power
        while True:
            where[c] = n
            if value > 0.0 and (power > above or (power == above and value > top)):
                top = value
                above = power
            if n * (dim - 1.0) >= 2.0 + (r - 2.0) * (r + dim):
                break
            ratio = ((n + 2.0) / (n + 2.0 - r)) * ((n + 1.0) / (n + r + dim))
            value, k = math.frexp(value * ratio)
            power += k
            count += 4
            n += 2
        om[c], k = math.frexp(top * (1.0 + (4.0 * count + 8.0) * _UNIT))
        oe[c] = above + k
