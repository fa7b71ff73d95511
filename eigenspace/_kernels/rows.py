"""Arithmetic of non-negative rows with one binary exponent per element.

A row is a pair of arrays: ``mantissa`` (float64, in [1/2, 1), or 0 for an exact zero) and ``exponent`` (int64); its
elements are ``mantissa * 2**exponent``.  Nothing under- or overflows, whatever the degree and the dimension.

Every kernel has a fast path: where the elements of a row, after multiplication by a power ``2**(slope * n)`` of the
index, fit into the range of a float64, the sum runs over plain numbers; otherwise each sum is scaled by its own
largest term.  All terms are non-negative, so a sum of ``n`` products carries at most ``n + 1`` roundings, relative to
itself, and one that runs in blocks of ``b`` terms at most ``b + n / b + 2``.  The kernels turn that count into
directed bounds: with ``direction = -1`` a result is a lower bound of the exact value of the operation on its operands,
with ``+1`` an upper bound.  A product with a power of two (mantissa 1/2)
is exact and stays so: the moment of order zero is 1, and the many inactive children of a node must not add roundings.
"""

import math

import numpy as np
from numba import njit

_UNIT = 2.0**-53
# plain numbers of a fast path stay within 2**(+-_CENTRE) so that products of two neither over- nor underflow
_CENTRE = 480
_ROW_SPAN = 1400
_PAIR_SPAN = 1900
# sums run in blocks: the roundings that one term meets are those of its block and those between blocks
_BLOCK = 32


@njit(cache=True)
def _chord(mantissa, exponent):
    """Mean slope of the exponents between the first and the last non-zero element, and the distance of the two."""
    first = -1
    last = -1
    for i in range(mantissa.size):
        if mantissa[i] != 0.0:
            if first < 0:
                first = i
            last = i
    if last <= first:
        return 0.0, 0
    return (exponent[last] - exponent[first]) / (last - first), last - first


@njit(cache=True)
def _span(mantissa, exponent, slope):
    """Largest and smallest exponent of the non-zero elements after a tilt by ``slope``; (0, 1) for a zero row."""
    top = 0
    low = 1
    for i in range(mantissa.size):
        if mantissa[i] != 0.0:
            k = exponent[i] + slope * i
            if low > top:
                top = k
                low = k
            elif k > top:
                top = k
            elif k < low:
                low = k
    return top, low


@njit(cache=True)
def _flatten(mantissa, exponent, slope, top, out):
    for i in range(mantissa.size):
        if mantissa[i] == 0.0:
            out[i] = 0.0
        else:
            out[i] = math.ldexp(mantissa[i], exponent[i] + slope * i - top + _CENTRE)


@njit(cache=True)
def _roundings(terms):
    """Bound of the roundings of a blocked sum of products: the product, two levels of sums, and the final scaling."""
    return min(terms, _BLOCK + terms // _BLOCK + 1) + 4


@njit(cache=True)
def _scaled_product_sum(am, ae, bm, be, start, stop, shift):
    """Sum of ``a[i] * b[shift - i]`` (``shift >= 0``) or ``a[i] * b[i]`` (``shift < 0``), scaled by the largest."""
    top = 0
    found = False
    for i in range(start, stop):
        j = shift - i if shift >= 0 else i
        if am[i] != 0.0 and bm[j] != 0.0:
            k = ae[i] + be[j]
            if not found or k > top:
                top = k
                found = True
    if not found:
        return 0.0, 0
    total = 0.0
    for begin in range(start, stop, _BLOCK):
        partial = 0.0
        for i in range(begin, min(begin + _BLOCK, stop)):
            j = shift - i if shift >= 0 else i
            if am[i] != 0.0 and bm[j] != 0.0:
                k = ae[i] + be[j] - top
                if k > -1000:
                    partial += math.ldexp(am[i] * bm[j], k)
        total += partial
    return total, top


@njit(cache=True)
def convolve(am, ae, ia, bm, be, ib, direction, om, oe):
    """``out[c, n] = sum_i a[ia[c], i] * b[ib[c], n - i]`` for every pair ``c``, rounded in the given direction.

    Cost: ``O(pairs * n**2)``.
    """
    size = om.shape[1]
    plain_a = np.empty(size)
    plain_b = np.empty(size)
    plain = np.empty(size)
    block = np.empty(size)
    for c in range(ia.size):
        ra_m, ra_e, rb_m, rb_e = am[ia[c]], ae[ia[c]], bm[ib[c]], be[ib[c]]
        slope_a, length_a = _chord(ra_m, ra_e)
        slope_b, length_b = _chord(rb_m, rb_e)
        slope = 0
        if length_a + length_b > 0:
            slope = -int(round((slope_a * length_a + slope_b * length_b) / (length_a + length_b)))
        top_a, low_a = _span(ra_m, ra_e, slope)
        top_b, low_b = _span(rb_m, rb_e, slope)
        if low_a > top_a or low_b > top_b:
            for n in range(size):
                om[c, n] = 0.0
                oe[c, n] = 0
            continue
        fast = top_a - low_a < _ROW_SPAN and top_b - low_b < _ROW_SPAN
        fast = fast and (top_a - low_a) + (top_b - low_b) < _PAIR_SPAN
        if fast:
            _flatten(ra_m, ra_e, slope, top_a, plain_a)
            _flatten(rb_m, rb_e, slope, top_b, plain_b)
            plain[:] = 0.0
            for start in range(0, size, _BLOCK):
                block[start:] = 0.0
                for i in range(start, min(start + _BLOCK, size)):
                    x = plain_a[i]
                    if x != 0.0:
                        for k in range(size - i):
                            block[i + k] += x * plain_b[k]
                for n in range(start, size):
                    plain[n] += block[n]
        for n in range(size):
            if fast:
                value = plain[n]
                scale = top_a + top_b - 2 * _CENTRE - slope * n
            else:
                value, scale = _scaled_product_sum(ra_m, ra_e, rb_m, rb_e, 0, n + 1, n)
            if value == 0.0:
                om[c, n] = 0.0
                oe[c, n] = 0
            else:
                if n > 0 or (ra_m[0] != 0.5 and rb_m[0] != 0.5):
                    value *= 1.0 + direction[c] * _roundings(n + 1) * _UNIT
                om[c, n], k = math.frexp(value)
                oe[c, n] = k + scale


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _block_dot(x, y, start, stop):
    total = 0.0
    for i in range(start, stop):
        total += x[i] * y[i]
    return total


@njit(cache=True)
def _dot(x, y):
    total = 0.0
    for start in range(0, x.size, _BLOCK):
        total += _block_dot(x, y, start, min(start + _BLOCK, x.size))
    return total


@njit(cache=True)
def apply(fm, fe, xm, xe, direction, om, oe):
    """``out[c, j] = sum_n f[j, n] * x[c, n]``, rounded in the given direction.  Cost: ``O(rows * f.size)``."""
    rows, size = fm.shape
    plain_f = np.empty((rows, size))
    top_f = np.empty(rows, dtype=np.int64)
    span_f = np.empty(rows, dtype=np.int64)
    terms = np.zeros(rows, dtype=np.int64)
    for j in range(rows):
        top, low = _span(fm[j], fe[j], 0)
        top_f[j] = top
        for n in range(size):
            terms[j] += fm[j, n] != 0.0
        if terms[j] == 1:
            for n in range(size):
                if fm[j, n] == 0.5:
                    terms[j] = 0
        span_f[j] = top - low
        if 0 <= top - low < _ROW_SPAN:
            _flatten(fm[j], fe[j], 0, top, plain_f[j])
    plain_x = np.empty(size)
    for c in range(xm.shape[0]):
        top, low = _span(xm[c], xe[c], 0)
        span = top - low
        if 0 <= span < _ROW_SPAN:
            _flatten(xm[c], xe[c], 0, top, plain_x)
        for j in range(rows):
            if span < 0 or span_f[j] < 0:
                om[c, j] = 0.0
                oe[c, j] = 0
                continue
            if span < _ROW_SPAN and span_f[j] < _ROW_SPAN and span + span_f[j] < _PAIR_SPAN:
                value = _dot(plain_f[j], plain_x)
                scale = top + top_f[j] - 2 * _CENTRE
            else:
                value, scale = _scaled_product_sum(fm[j], fe[j], xm[c], xe[c], 0, size, -1)
            if value == 0.0:
                om[c, j] = 0.0
                oe[c, j] = 0
            else:
                if terms[j] > 0:
                    value *= 1.0 + direction[c] * _roundings(terms[j]) * _UNIT
                om[c, j], k = math.frexp(value)
                oe[c, j] = k + scale


@njit(cache=True)
def combine(am, ae, bm, be, product, steps, om, oe):
    """Elementwise ``a * b`` or ``a + b`` of equal-shaped 2-d arrays; row ``c`` is moved by ``steps[c]`` units.

    Not where the result is exact: a sum with a zero, a product with a ``b`` that is a power of two.
    """
    for c in range(am.shape[0]):
        for n in range(am.shape[1]):
            x, y = am[c, n], bm[c, n]
            scale = 0
            factor = 1.0 + steps[c] * _UNIT
            if (product and y == 0.5) or (not product and (x == 0.0 or y == 0.0)):
                factor = 1.0
            if product:
                value = x * y
                scale = ae[c, n] + be[c, n]
            elif x == 0.0:
                value = y
                scale = be[c, n]
            elif y == 0.0:
                value = x
                scale = ae[c, n]
            else:
                scale = max(ae[c, n], be[c, n])
                value = math.ldexp(x, max(ae[c, n] - scale, -2000)) + math.ldexp(y, max(be[c, n] - scale, -2000))
            if value == 0.0:
                om[c, n] = 0.0
                oe[c, n] = 0
            else:
                om[c, n], k = math.frexp(value * factor)
                oe[c, n] = k + scale


@njit(cache=True)
def dropped(fm, fe, xm, xe, tail_m, tail_e, total_m, total_e):
    """Upper bound of what the product of two cut series loses beyond their common order.

    ``f`` has the sum ``total`` of its dropped coefficients times the sum of all of ``x`` already in ``total``; the
    dropped coefficients of ``x`` sum to ``tail``.  Adds ``sum_i f[i] * (tail + sum_{k > order - i} x[k])``.
    """
    size = fm.size
    beyond_m = np.empty(size)
    beyond_e = np.empty(size, dtype=np.int64)
    value, scale = tail_m, tail_e
    for k in range(size - 1, -1, -1):
        beyond_m[k] = value
        beyond_e[k] = scale
        value, scale = _plus(value, scale, xm[k], xe[k])
    value, scale = _scaled_product_sum(fm, fe, beyond_m, beyond_e, 0, size, size - 1)
    value, k = math.frexp(value * (1.0 + (size + 6) * _UNIT))
    return _plus(value, k + scale, total_m, total_e)


@njit(cache=True)
def _plus(am, ae, bm, be):
    """Sum of two non-negative scaled numbers, rounded up."""
    if am == 0.0:
        return bm, be
    if bm == 0.0:
        return am, ae
    top = max(ae, be)
    value = math.ldexp(am, max(ae - top, -2000)) + math.ldexp(bm, max(be - top, -2000))
    value, k = math.frexp(value * (1.0 + 4 * _UNIT))
    return value, top + k


@njit(cache=True)
def _two_product(a, b):
    """Dekker's exact product: ``a * b = p + q``."""
    p = a * b
    t = 134217729.0 * a
    ah = t - (t - a)
    al = a - ah
    t = 134217729.0 * b
    bh = t - (t - b)
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@njit(cache=True)
def _times(hi, lo, scale, factor):
    """A number ``(hi + lo) * 2**scale`` of doubled precision times a float."""
    p, q = _two_product(hi, factor)
    q += lo * factor
    total = p + q
    hi, k = math.frexp(total)
    return hi, math.ldexp((p - total) + q, -k), scale + k


@njit(cache=True)
def sphere_moments(dim, degrees, size, om, oe, bm, be):
    """Moments of a monomial on a sphere, divided by n!, and the non-increasing majorant of the moments.

    ``o[c, n] = E[t^n P_r(t)] / n! = 1 / (prod_{l=1..i} 2l * prod_{l<i+r} (dim + 2l))`` with ``r = degrees[c]``,
    ``n = r + 2i``, correct to two units; ``b[c, n] = max_{k >= n} E[t^k P_r] / n!``, rounded upwards.  The moments
    rise until ``n (dim - 1) >= 2 + (r - 2)(r + dim)`` and fall from there on.
    """
    for c in range(degrees.size):
        r = degrees[c]
        for n in range(size):
            om[c, n] = 0.0
            oe[c, n] = 0
        # denominator D = (hi + lo) * 2**scale in doubled precision
        hi, lo, scale = 1.0, 0.0, 0
        # ordinary moment m = value * 2**power, with `count` roundings so far
        value, power, count = 1.0, 0, 0
        for l in range(r):
            factor = dim + 2.0 * l
            hi, lo, scale = _times(hi, lo, scale, factor)
            value, k = math.frexp(value * ((l + 1.0) / factor))
            power += k
            count += 2
        n = r
        tail_m = np.zeros(size + 2)
        tail_e = np.zeros(size + 2, dtype=np.int64)
        falling = False
        peak_m, peak_e = value, power
        while True:
            if n < size:
                quotient = (1.0 - (lo / hi)) / hi
                om[c, n], k = math.frexp(quotient)
                oe[c, n] = k - scale
            falling = n * (dim - 1.0) >= 2.0 + (r - 2.0) * (r + dim)
            m, k = math.frexp(value * (1.0 + (4.0 * count + 8.0) * _UNIT))
            if n < size + 2:
                tail_m[n] = m
                tail_e[n] = power + k
            if not falling or n == r:
                peak_m, peak_e = m, power + k
                peak = n
            if falling:
                if peak < n and (k + power > peak_e or (k + power == peak_e and m > peak_m)):
                    peak_m, peak_e, peak = m, power + k, n
                if n >= size:
                    break
            i = (n - r) // 2 + 1
            for step in range(2):
                factor = 2.0 * i if step == 0 else dim + 2.0 * (i - 1 + r)
                if n + 2 < size:
                    hi, lo, scale = _times(hi, lo, scale, factor)
            ratio = ((n + 2.0) / (n + 2.0 - r)) * ((n + 1.0) / (n + r + dim))
            value, k = math.frexp(value * ratio)
            power += k
            count += 4
            n += 2
        # majorant: the peak up to its index, then the nearest moment of the right parity at or beyond n
        fact_m, fact_e = 1.0, 0
        for n in range(size):
            if n > 0:
                fact_m, k = math.frexp(fact_m * n)
                fact_e += k
            at = n if (n - r) % 2 == 0 else n + 1
            if at <= peak:
                m, e = peak_m, peak_e
            else:
                m, e = tail_m[at], tail_e[at]
            m, k = math.frexp(m / fact_m * (1.0 + (n + 4.0) * _UNIT))
            bm[c, n] = m
            be[c, n] = e + k - fact_e


@njit(cache=True)
def running_minimum(m, e):
    """Replace each row by its running minimum: the elements of a non-increasing bound."""
    for c in range(m.shape[0]):
        for n in range(1, m.shape[1]):
            if e[c, n] > e[c, n - 1] or (e[c, n] == e[c, n - 1] and m[c, n] > m[c, n - 1]):
                m[c, n] = m[c, n - 1]
                e[c, n] = e[c, n - 1]
