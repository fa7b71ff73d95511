"""Moments of a monomial on one sphere, as scaled rows."""

from collections.abc import Sequence

import numpy as np

from .mantissas import UNIT, factorials, normalised


def sphere_moments(dim: int, degrees: Sequence[int], size: int) -> tuple[tuple, tuple]:
    r"""Moments of a monomial over ``n!``, and the non-increasing majorant of the moments over ``n!``.

    With ``r = degrees[c]`` and ``n = r + 2i``

    .. math:: o_{c, n} = \frac{E[t^n P_r]}{n!} = \prod_{l \le i} \frac{1}{2l} \prod_{l < i + r} \frac{1}{s + 2l},
              \qquad b_{c, n} = \frac{\max_{k \ge n} E[t^k P_r]}{n!},

    the first correct to two units, the second rounded upwards.  The moments rise until
    :math:`n (s - 1) \ge 2 + (r - 2)(r + s)` and fall from there on.  Both are pairs of mantissas and exponents of shape
    ``(len(degrees), size)``.  Cost: ``O(size)`` for each degree, and ``r**2 / dim`` steps to the peak.
    """
    from .._kernels import rows as kernels

    r, n = np.asarray(degrees, dtype=np.int64)[:, None], np.arange(size + 1)
    # the factors by which the moment of order n differs from that of order n - 1, or of n - 2 beyond r
    beyond = n[:-1] - r
    below = dim + 2.0 * np.where(beyond < 0, n[:-1], r + beyond // 2)
    factors = np.where((beyond < 0) | (beyond % 2 == 1), below, 2.0 * (beyond // 2 + 1))
    mantissa, exponent = np.empty((len(r), size + 1)), np.empty((len(r), size + 1), dtype=np.int64)
    kernels.inverse_products(factors, mantissa, exponent)
    there = (n >= r) & ((n - r) % 2 == 0)
    mantissa, exponent = np.where(there, mantissa, 0.0), np.where(there, exponent, 0)

    peaks = np.empty(len(r)), np.empty(len(r), dtype=np.int64), np.empty(len(r), dtype=np.int64)
    kernels.peaks(float(dim), r[:, 0], *peaks)
    peak_m, peak_e, peak = (part[:, None] for part in peaks)
    # up to the peak its moment, then that of the right parity at n or just beyond
    at = n[:size] + (n[:size] - r) % 2
    upper, shift = factorials(size + 1)
    later_m = np.take_along_axis(mantissa * upper, at, axis=1) * (1 + 8 * UNIT)
    later_e = np.take_along_axis(exponent + shift, at, axis=1)
    before = at <= peak
    lower, back = factorials(size, inverse=True)
    bound = np.where(before, peak_m, later_m) * lower * (1 + 8 * UNIT)
    majorant = normalised(bound, np.where(before, peak_e, later_e) + back)
    return (mantissa[:, :size], exponent[:, :size]), majorant
