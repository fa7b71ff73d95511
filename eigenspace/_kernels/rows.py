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
# powers of two by exponent: all normal float64 numbers
_LEAST, _MOST = -1022, 1023
_POWERS = np.ldexp(1.0, np.arange(_LEAST, _MOST + 1))
# a positive normal float64 as an integer: the bits below the exponent, and the exponent of numbers in [1/2, 1)
_FRACTION = (1 << 52) - 1
_HALF = 1022 << 52


@njit(cache=True)
def _shifted(x, k):
    """``x * 2**k``, rounded where it leaves the normal range."""
    if _LEAST <= k <= _MOST:
        return x * _POWERS[k - _LEAST]
    return math.ldexp(x, min(max(k, -2200), 2200))


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
def _slope(am, ae, bm, be):
    """The tilt that levels the rows of two batches best, all together."""
    total = 0.0
    weight = 0
    for r in range(am.shape[0]):
        chord, length = _chord(am[r], ae[r])
        total += chord * length
        weight += length
    for r in range(bm.shape[0]):
        chord, length = _chord(bm[r], be[r])
        total += chord * length
        weight += length
    return -int(round(total / weight)) if weight > 0 else 0


@njit(cache=True)
def _plain(m, e, slope):
    """All rows as plain numbers after a tilt, their largest exponents, and how far the exponents reach (-1: zero).

    Rows that reach too far are left out; sums over them are scaled one by one.
    """
    rows, size = m.shape
    plain = np.empty((rows, size))
    tops = np.zeros(rows, dtype=np.int64)
    spans = np.zeros(rows, dtype=np.int64)
    for r in range(rows):
        top = 0
        low = 1
        for i in range(size):
            if m[r, i] != 0.0:
                k = e[r, i] + slope * i
                if low > top:
                    top = k
                    low = k
                elif k > top:
                    top = k
                elif k < low:
                    low = k
        tops[r] = top
        spans[r] = top - low
        if 0 <= top - low < _ROW_SPAN:
            for i in range(size):
                plain[r, i] = 0.0
                if m[r, i] != 0.0:
                    plain[r, i] = _shifted(m[r, i], e[r, i] + slope * i - top + _CENTRE)
    return plain, tops, spans


@njit(cache=True)
def _fits(span_a, span_b):
    """Whether all products of the elements of two rows stay in the normal range."""
    return span_a < _ROW_SPAN and span_b < _ROW_SPAN and span_a + span_b < _PAIR_SPAN


@njit(cache=True)
def _split(line, scale, slope, om, oe):
    """A row of plain numbers (0, or normal) as mantissas and exponents, ``scale + slope * n`` added to these.

    ``line`` and ``om`` come as the integers that hold the bits of float64 numbers.
    """
    for n in range(line.size):
        bits = line[n]
        om[n] = (bits & _FRACTION) | _HALF if bits != 0 else 0
        oe[n] = (bits >> 52) - 1022 + scale + slope * n if bits != 0 else 0


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
                    partial += _shifted(am[i] * bm[j], k)
        total += partial
    return total, top


@njit(cache=True)
def convolve(am, ae, ia, bm, be, ib, direction, om, oe):
    """``out[c, n] = sum_i a[ia[c], i] * b[ib[c], n - i]`` for every pair ``c``, rounded in the given direction.

    One tilt for all rows: each is brought into the range of a float64 once, however many pairs it is part of.
    Cost: ``O(pairs * n**2)``.
    """
    size = om.shape[1]
    slope = _slope(am, ae, bm, be)
    plain_a, top_a, span_a = _plain(am, ae, slope)
    plain_b, top_b, span_b = _plain(bm, be, slope)
    line = np.empty(size)
    block = np.empty(size)
    factors = np.empty(size)
    for n in range(size):
        factors[n] = _roundings(n + 1) * _UNIT
    bits, out = line.view(np.int64), om.view(np.int64)
    for c in range(ia.size):
        i, j = ia[c], ib[c]
        om[c, :] = 0.0
        oe[c, :] = 0
        if span_a[i] < 0 or span_b[j] < 0:
            continue
        # a product with 1 at its start is exact there
        exact = am[i, 0] == 0.5 or bm[j, 0] == 0.5
        if _fits(span_a[i], span_b[j]):
            line[:] = 0.0
            for start in range(0, size, _BLOCK):
                block[start:] = 0.0
                for k in range(start, min(start + _BLOCK, size)):
                    x = plain_a[i, k]
                    if x != 0.0:
                        for n in range(size - k):
                            block[k + n] += x * plain_b[j, n]
                for n in range(start, size):
                    line[n] += block[n]
            first = line[0]
            for n in range(size):
                line[n] *= 1.0 + direction[c] * factors[n]
            if exact:
                line[0] = first
            _split(bits, top_a[i] + top_b[j] - 2 * _CENTRE, -slope, out[c], oe[c])
        else:
            for n in range(size):
                value, scale = _scaled_product_sum(am[i], ae[i], bm[j], be[j], 0, n + 1, n)
                if value != 0.0:
                    if n > 0 or not exact:
                        value *= 1.0 + direction[c] * factors[n]
                    om[c, n], k = math.frexp(value)
                    oe[c, n] = k + scale


@njit(cache=True)
def last(am, ae, ia, bm, be, ib, direction, om, oe):
    """``out[c] = sum_i a[ia[c], i] * b[ib[c], N - i]``, ``N`` the last index, rounded in the given direction.

    One tilt for all rows, as in `convolve`.  Cost: ``O((rows + pairs) * n)``.
    """
    size = am.shape[1]
    slope = _slope(am, ae, bm, be)
    plain_a, top_a, span_a = _plain(am, ae, slope)
    plain_b, top_b, span_b = _plain(bm, be, slope)
    turned = np.empty((bm.shape[0], size))
    for r in range(bm.shape[0]):
        for n in range(size):
            turned[r, n] = plain_b[r, size - 1 - n]
    factor = 1.0 + direction * _roundings(size) * _UNIT
    for c in range(ia.size):
        i, j = ia[c], ib[c]
        om[c] = 0.0
        oe[c] = 0
        if span_a[i] < 0 or span_b[j] < 0:
            continue
        if _fits(span_a[i], span_b[j]):
            value = _dot(plain_a[i], turned[j])
            scale = top_a[i] + top_b[j] - 2 * _CENTRE - slope * (size - 1)
        else:
            value, scale = _scaled_product_sum(am[i], ae[i], bm[j], be[j], 0, size, size - 1)
        if value != 0.0:
            om[c], k = math.frexp(value * factor)
            oe[c] = k + scale


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
    plain_f, top_f, span_f = _plain(fm, fe, 0)
    plain_x, top_x, span_x = _plain(xm, xe, 0)
    factors = np.zeros(rows)
    for j in range(rows):
        terms = 0
        exact = False
        for n in range(size):
            terms += fm[j, n] != 0.0
            exact = exact or fm[j, n] == 0.5
        # one product with a power of two is exact
        if terms > 1 or not exact:
            factors[j] = _roundings(terms) * _UNIT
    line = np.empty(rows)
    scales = np.empty(rows, dtype=np.int64)
    bits, out = line.view(np.int64), om.view(np.int64)
    for c in range(xm.shape[0]):
        for j in range(rows):
            value, scale = 0.0, 0
            if span_x[c] >= 0 and span_f[j] >= 0:
                if _fits(span_x[c], span_f[j]):
                    value = _dot(plain_f[j], plain_x[c])
                    scale = top_x[c] + top_f[j] - 2 * _CENTRE
                else:
                    value, scale = _scaled_product_sum(fm[j], fe[j], xm[c], xe[c], 0, size, -1)
            line[j] = value * (1.0 + direction[c] * factors[j])
            scales[j] = scale
        _split(bits, 0, 0, out[c], oe[c])
        for j in range(rows):
            if line[j] != 0.0:
                oe[c, j] += scales[j]


@njit(cache=True)
def scale(am, ae, fm, fe, direction, om, oe):
    """``out[c, n] = a[c, n] * f[n]``, moved in the given direction by what the factors and the product err.

    Not where ``f[n]`` is a power of two: these are exact.
    """
    for c in range(am.shape[0]):
        for n in range(am.shape[1]):
            value = am[c, n] * fm[n]
            if value == 0.0:
                om[c, n] = 0.0
                oe[c, n] = 0
                continue
            if fm[n] != 0.5:
                value *= 1.0 + direction[c] * 4.0 * _UNIT
            # a product of two mantissas lies between 1/4 and 1, but for roundings
            k = ae[c, n] + fe[n]
            if value >= 1.0:
                value *= 0.5
                k += 1
            while value < 0.5:
                value *= 2.0
                k -= 1
            om[c, n] = value
            oe[c, n] = k


@njit(cache=True)
def add(am, ae, bm, be, direction, om, oe):
    """``out = a + b``, elementwise, rounded in the given direction; exact where one of the two is zero."""
    for c in range(am.shape[0]):
        factor = 1.0 + direction[c] * 2.0 * _UNIT
        for n in range(am.shape[1]):
            x, y = am[c, n], bm[c, n]
            if x == 0.0:
                om[c, n] = y
                oe[c, n] = be[c, n] if y != 0.0 else 0
                continue
            if y == 0.0:
                om[c, n] = x
                oe[c, n] = ae[c, n]
                continue
            top = max(ae[c, n], be[c, n])
            value = _shifted(x, max(ae[c, n] - top, -1000)) + _shifted(y, max(be[c, n] - top, -1000))
            value *= factor
            # between 1/2, but for roundings, and 2
            if value >= 1.0:
                value *= 0.5
                top += 1
            elif value < 0.5:
                value *= 2.0
                top -= 1
            om[c, n] = value
            oe[c, n] = top


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
def _is_less(am, ae, bm, be):
    """Whether one scaled number is less than another; both are normalised."""
    if am == 0.0 or bm == 0.0:
        return am < bm
    return ae < be or (ae == be and am < bm)


@njit(cache=True)
def tighten(um, ue, mm, me):
    """Narrow majorants by upper bounds ``u`` of the moments themselves, in place; elements are moments over ``n!``.

    What bounds all moments from ``n`` on is at most the larger one of the moment ``n`` and what bounds all later ones.
    """
    for c in range(mm.shape[0]):
        for n in range(mm.shape[1] - 2, -1, -1):
            later, k = math.frexp(mm[c, n + 1] * (n + 1.0) * (1.0 + 4.0 * _UNIT))
            scale = me[c, n + 1] + k
            if _is_less(later, scale, um[c, n], ue[c, n]):
                later, scale = um[c, n], ue[c, n]
            if _is_less(later, scale, mm[c, n], me[c, n]):
                mm[c, n] = later
                me[c, n] = scale
