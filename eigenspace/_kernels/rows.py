"""Arithmetic of non-negative rows with one binary exponent per element.

A row is a pair of arrays: ``mantissa`` (float64, in [1/2, 1), or 0 for an exact zero) and ``exponent`` (int64); its
elements are ``mantissa * 2**exponent``.  Nothing under- or overflows, whatever the degree and the dimension.

Where the elements of a row, after multiplication by a power ``2**(slope * n)`` of the index, fit into the range of a
float64, sums of products run over plain numbers; otherwise each sum is scaled by its own largest term.  All terms are
non-negative, so a sum of ``n`` products carries at most ``n + 1`` roundings, relative to itself, and one that runs in
blocks of ``b`` terms at most ``b + n / b + 2``.  Results are moved by that number in a given direction: with -1 they are
lower bounds of the exact value of the operation on its operands, with 1 upper bounds.  A product with a power of two
(mantissa 1/2) is exact and stays so: the moment of order zero is 1, and the many inactive children of a node must not
add roundings.

Batches have the shape ``(channels, rows, n)``; ``directions`` are those of the channels.
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
# sums that run side by side
_WIDTH = 8
# a positive normal float64 as an integer: the bits below the exponent, and the exponent of numbers in [1/2, 1)
_FRACTION = (1 << 52) - 1
_HALF = 1022 << 52


@njit(cache=True)
def _tilt(am, ae, bm, be):
    """The slope that levels the rows of two batches best, all together: from their first to their last elements."""
    total = 0
    weight = 0
    for m, e in ((am, ae), (bm, be)):
        channels, rows, size = m.shape
        for channel in range(channels):
            for r in range(rows):
                first, final = 0, size - 1
                while first < final and m[channel, r, first] == 0.0:
                    first += 1
                while final > first and m[channel, r, final] == 0.0:
                    final -= 1
                total += e[channel, r, final] - e[channel, r, first]
                weight += final - first
    return -int(round(total / weight)) if weight > 0 else 0


@njit(cache=True)
def _plain(m, e, slope):
    """Rows as plain numbers after a tilt, their largest exponents, and how far the exponents reach (-1: a zero row).

    Rows that reach too far are left out; sums over them are scaled one by one.
    """
    rows, size = m.shape
    out = np.zeros((rows, size))
    tops = np.zeros(rows, dtype=np.int64)
    spans = np.zeros(rows, dtype=np.int64)
    bits, found = m.view(np.int64), out.view(np.int64)
    for r in range(rows):
        top = -(1 << 60)
        low = 1 << 60
        for i in range(size):
            k = e[r, i] + slope * i
            there = bits[r, i] != 0
            top = max(top, k) if there else top
            low = min(low, k) if there else low
        tops[r] = top
        spans[r] = max(top - low, -1)
        if 0 <= spans[r] < _ROW_SPAN:
            for i in range(size):
                # the exponent is added to that of the mantissa
                moved = bits[r, i] + ((e[r, i] + slope * i - top + _CENTRE) << 52)
                found[r, i] = moved if bits[r, i] != 0 else 0
    return out, tops, spans


@njit(cache=True)
def _fits(span_a, span_b):
    """Whether all products of the elements of two rows stay in the normal range."""
    return span_a < _ROW_SPAN and span_b < _ROW_SPAN and span_a + span_b < _PAIR_SPAN


@njit(cache=True)
def _roundings(terms):
    """Bound of the roundings of a blocked sum of products: the product, two levels of sums, and the final scaling."""
    return min(terms, _BLOCK + terms // _BLOCK + 1) + 4


@njit(cache=True, fastmath={"contract"})
def _sums(a, stop, flat, base, step, out):
    """``out[j] = sum_k a[k] * flat[base + step * k + j]`` for ``k < stop`` and ``j < _WIDTH``, in blocks."""
    t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = 0.0
    for start in range(0, stop, _BLOCK):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for k in range(start, min(start + _BLOCK, stop)):
            x, i = a[k], base + step * k
            s0 += x * flat[i]
            s1 += x * flat[i + 1]
            s2 += x * flat[i + 2]
            s3 += x * flat[i + 3]
            s4 += x * flat[i + 4]
            s5 += x * flat[i + 5]
            s6 += x * flat[i + 6]
            s7 += x * flat[i + 7]
        t0 += s0
        t1 += s1
        t2 += s2
        t3 += s3
        t4 += s4
        t5 += s5
        t6 += s6
        t7 += s7
    out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = t0, t1, t2, t3, t4, t5, t6, t7


@njit(cache=True)
def _split(bits, scale, slope, om, oe):
    """A row of plain numbers (0, or normal) as mantissas and exponents, ``scale + slope * n`` added to these.

    ``bits`` and ``om`` are the integers that hold the bits of float64 numbers.
    """
    for n in range(om.size):
        there = bits[n] != 0
        om[n] = (bits[n] & _FRACTION) | _HALF if there else 0
        oe[n] = (bits[n] >> 52) - 1022 + scale + slope * n if there else 0


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
def convolve(am, ae, ia, bm, be, ib, directions, om, oe):
    """``out[c, n] = sum_i a[ia[c], i] * b[ib[c], n - i]`` for every pair ``c``.

    One tilt for all rows: each is brought into the range of a float64 once, however many pairs it is part of.
    Cost: ``O(pairs * n**2)``.
    """
    channels, count, size = om.shape
    slope = _tilt(am, ae, bm, be)
    line = np.empty((size + _WIDTH - 1) // _WIDTH * _WIDTH)
    # zeros in front of a row, for indices below 0, and behind it
    padded = np.zeros(line.size + _WIDTH)
    bits, out = line.view(np.int64), om.view(np.int64)
    for channel in range(channels):
        plain_a, top_a, span_a = _plain(am[channel], ae[channel], slope)
        plain_b, top_b, span_b = _plain(bm[channel], be[channel], slope)
        for c in range(count):
            i, j = ia[c], ib[c]
            om[channel, c] = 0.0
            oe[channel, c] = 0
            if span_a[i] < 0 or span_b[j] < 0:
                continue
            # a product with 1 at its start is exact there
            exact = am[channel, i, 0] == 0.5 or bm[channel, j, 0] == 0.5
            if not _fits(span_a[i], span_b[j]):
                for n in range(size):
                    value, scale = _scaled_product_sum(
                        am[channel, i], ae[channel, i], bm[channel, j], be[channel, j], 0, n + 1, n
                    )
                    if value != 0.0:
                        if n > 0 or not exact:
                            value *= 1.0 + directions[channel] * _roundings(n + 1) * _UNIT
                        om[channel, c, n], k = math.frexp(value)
                        oe[channel, c, n] = k + scale
                continue
            padded[_WIDTH : _WIDTH + size] = plain_b[j]
            for n in range(0, size, _WIDTH):
                _sums(plain_a[i], min(n + _WIDTH, size), padded, _WIDTH + n, -1, line[n : n + _WIDTH])
            for n in range(1 if exact else 0, size):
                line[n] *= 1.0 + directions[channel] * _roundings(n + 1) * _UNIT
            _split(bits, top_a[i] + top_b[j] - 2 * _CENTRE, -slope, out[channel, c], oe[channel, c])


@njit(cache=True)
def last(am, ae, ia, bm, be, ib, directions, om, oe):
    """``out[c] = sum_i a[ia[c], i] * b[ib[c], N - i]``, ``N`` the last index: the last elements of `convolve`.

    Cost: ``O((rows + pairs) * n)``.
    """
    channels, count = om.shape
    size = am.shape[2]
    slope = _tilt(am, ae, bm, be)
    for channel in range(channels):
        plain_a, top_a, span_a = _plain(am[channel], ae[channel], slope)
        plain_b, top_b, span_b = _plain(bm[channel], be[channel], slope)
        turned = np.ascontiguousarray(plain_b[:, ::-1])
        factor = 1.0 + directions[channel] * _roundings(size) * _UNIT
        for c in range(count):
            i, j = ia[c], ib[c]
            value, scale = 0.0, 0
            if span_a[i] >= 0 and span_b[j] >= 0:
                if _fits(span_a[i], span_b[j]):
                    value = _dot(plain_a[i], turned[j])
                    scale = top_a[i] + top_b[j] - 2 * _CENTRE - slope * (size - 1)
                else:
                    value, scale = _scaled_product_sum(
                        am[channel, i], ae[channel, i], bm[channel, j], be[channel, j], 0, size, size - 1
                    )
            om[channel, c], k = math.frexp(value * factor)
            oe[channel, c] = k + scale if value != 0.0 else 0


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
def apply(fm, fe, xm, xe, directions, om, oe):
    """``out[c, j] = sum_n f[j, n] * x[c, n]``; the last channel of ``f`` serves all further ones of ``x``.

    Cost: ``O(rows * f.size)``.
    """
    channels, count, rows = om.shape
    size = xm.shape[2]
    width = (rows + _WIDTH - 1) // _WIDTH * _WIDTH
    turned = np.zeros(size * width)
    line = np.empty(width)
    factors = np.empty(rows)
    bits, out = line.view(np.int64), om.view(np.int64)
    for channel in range(channels):
        own = min(channel, fm.shape[0] - 1)
        plain_f, top_f, span_f = _plain(fm[own], fe[own], 0)
        plain_x, top_x, span_x = _plain(xm[channel], xe[channel], 0)
        for j in range(rows):
            terms = 0
            exact = False
            for n in range(size):
                turned[n * width + j] = plain_f[j, n]
                terms += fm[own, j, n] != 0.0
                exact = exact or fm[own, j, n] == 0.5
            # one product with a power of two is exact
            factors[j] = 1.0
            if terms > 1 or not exact:
                factors[j] += directions[channel] * _roundings(terms) * _UNIT
        for c in range(count):
            for j in range(0, rows, _WIDTH):
                _sums(plain_x[c], size, turned, j, width, line[j : j + _WIDTH])
            for j in range(rows):
                line[j] *= factors[j]
            _split(bits, top_x[c] - 2 * _CENTRE, 0, out[channel, c], oe[channel, c])
            for j in range(rows):
                if om[channel, c, j] != 0.0:
                    oe[channel, c, j] += top_f[j]
                if span_x[c] >= 0 and span_f[j] >= 0 and not _fits(span_x[c], span_f[j]):
                    value, scale = _scaled_product_sum(
                        fm[own, j], fe[own, j], xm[channel, c], xe[channel, c], 0, size, -1
                    )
                    om[channel, c, j], k = math.frexp(value * factors[j])
                    oe[channel, c, j] = k + scale if value != 0.0 else 0


@njit(cache=True)
def scale(am, ae, fm, fe, directions, om, oe):
    """``out[c, n] = a[c, n] * f[n]``, moved by what the factors, known to one unit, and the product err.

    Not where ``f[n]`` is a power of two: these are exact.
    """
    channels, rows, size = am.shape
    for channel in range(channels):
        step = 1.0 + directions[channel] * 4.0 * _UNIT
        for c in range(rows):
            for n in range(size):
                value = am[channel, c, n] * fm[n] * (step if fm[n] != 0.5 else 1.0)
                # a product of two mantissas lies between 1/4 and 1, but for roundings
                k = ae[channel, c, n] + fe[n]
                if value >= 1.0:
                    value *= 0.5
                    k += 1
                while 0.0 < value < 0.5:
                    value *= 2.0
                    k -= 1
                om[channel, c, n] = value
                oe[channel, c, n] = k if value != 0.0 else 0


@njit(cache=True)
def add(am, ae, bm, be, directions, om, oe):
    """``out = a + b``, elementwise; exact where one of the two is zero."""
    channels, rows, size = am.shape
    for channel in range(channels):
        step = 1.0 + directions[channel] * 2.0 * _UNIT
        for c in range(rows):
            for n in range(size):
                x, i = am[channel, c, n], ae[channel, c, n]
                y, j = bm[channel, c, n], be[channel, c, n]
                if x == 0.0 or (y != 0.0 and i < j):
                    x, i, y, j = y, j, x, i
                value, k = x, i
                if y != 0.0:
                    # far below, a summand only rounds; the sum lies between 1/2, but for roundings, and 2
                    value = (x + math.ldexp(y, max(j - i, -1000))) * step
                    if value >= 1.0:
                        value *= 0.5
                        k += 1
                    elif value < 0.5:
                        value *= 2.0
                        k -= 1
                om[channel, c, n] = value
                oe[channel, c, n] = k if value != 0.0 else 0


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
