"""One tile of a Gram matrix: products of features, and layers of activations, over flat arrays.

Every loop writes into a sum that its caller keeps: with ``first`` the value replaces what is there, otherwise it is
added.  All loops leave the interpreter free, so that threads can work on several tiles at once.
"""

import math

from numba import config, njit

#: how many threads to use; NUMBA_NUM_THREADS sets it, and process pools do so for their workers
THREADS = config.NUMBA_NUM_THREADS

_STEP = 4
_TWO_OVER_PI = 2.0 / math.pi
_ONE_OVER_PI = 1.0 / math.pi


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def product(x, y, i, j, f, g, features, first, out):
    """``out (+)= x[i : i + rows, f : f + features] @ y[g : g + features, j : j + columns]``, for few features.

    ``out`` has shape (rows, columns); ``x`` holds one sample per row, ``y`` one per column.
    """
    rows, columns = out.shape
    if first:
        out[:] = 0.0
    whole = features // _STEP * _STEP
    for r in range(rows):
        line = out[r]
        left = x[i + r]
        for n in range(0, whole, _STEP):
            a, b, c, d = left[f + n], left[f + n + 1], left[f + n + 2], left[f + n + 3]
            p, q = y[g + n, j : j + columns], y[g + n + 1, j : j + columns]
            u, v = y[g + n + 2, j : j + columns], y[g + n + 3, j : j + columns]
            for m in range(columns):
                line[m] += (a * p[m] + b * q[m]) + (c * u[m] + d * v[m])
        for n in range(whole, features):
            a = left[f + n]
            p = y[g + n, j : j + columns]
            for m in range(columns):
                line[m] += a * p[m]


@njit(inline="always")
def _arc(t):
    r"""The pair :math:`(\kappa_0, \sqrt{1-t^2} / \pi)`, with :math:`\kappa_0 = 1 - \arccos(t) / \pi`.

    The arc sine of ``abs(t) <= 1/2`` is ``abs(t)`` times a rational function of its square; beyond, the identity
    :math:`\arccos a = 2 \arcsin \sqrt{(1-a)/2}` leads back to it.  The coefficients are those of fdlibm, the
    mathematical library of FreeBSD, with an error below one unit.  There is no branch, so that the loop over a tile
    runs in vectors.
    """
    a = abs(t)
    far = a > 0.5
    half = 0.5 * (1.0 - a)
    z = half if far else a * a
    s = math.sqrt(half) if far else a
    p = z * (
        1.66666666666666657415e-01
        + z
        * (
            -3.25565818622400915405e-01
            + z
            * (
                2.01212532134862925881e-01
                + z
                * (
                    -4.00555345006794114027e-02
                    + z * (7.91534994289814532176e-04 + z * 3.47933107596021167570e-05)
                )
            )
        )
    )
    q = 1.0 + z * (
        -2.40339491173441421878e00
        + z * (2.02094576023350569471e00 + z * (-6.88283971605453293030e-01 + z * 7.70381505559019352791e-02))
    )
    angle = (s + s * (p / q)) * (_TWO_OVER_PI if far else _ONE_OVER_PI)
    if t < 0.0:
        share = angle if far else 0.5 - angle
    else:
        share = 1.0 - angle if far else 0.5 + angle
    return share, math.sqrt((1.0 - a) * (1.0 + a)) * _ONE_OVER_PI


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def relu(s, h, scale, first, k, t):
    """ReLU over the means ``scale * s`` and ``scale * h``: ``k (+)= kappa_1``, ``t (+)= kappa_1 + kappa_0 h``."""
    for i in range(s.size):
        x = min(max(s[i] * scale, -1.0), 1.0)
        share, sine = _arc(x)
        value = sine + x * share
        tangent = value + share * (h[i] * scale)
        k[i] = value if first else k[i] + value
        t[i] = tangent if first else t[i] + tangent


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def relu_kernel(s, scale, first, k):
    """The first half of `relu`."""
    for i in range(s.size):
        x = min(max(s[i] * scale, -1.0), 1.0)
        share, sine = _arc(x)
        value = sine + x * share
        k[i] = value if first else k[i] + value


@njit(cache=True, nogil=True, error_model="numpy")
def exponential(s, h, scale, rate, first, k, t):
    """The dual ``exp(-rate (1 - s))`` over means, and ``k (1 + rate h)``."""
    for i in range(s.size):
        value = math.exp(rate * (s[i] * scale - 1.0))
        tangent = value + rate * value * (h[i] * scale)
        k[i] = value if first else k[i] + value
        t[i] = tangent if first else t[i] + tangent


@njit(cache=True, nogil=True, error_model="numpy")
def exponential_kernel(s, scale, rate, first, k):
    """The first half of `exponential`."""
    for i in range(s.size):
        value = math.exp(rate * (s[i] * scale - 1.0))
        k[i] = value if first else k[i] + value
