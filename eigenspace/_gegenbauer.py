r"""Gauss rules for the law of the correlation of two points on a sphere of high dimension.

In ``s`` dimensions the correlation has the size :math:`s^{-1/2}`: rules for the whole range of angles waste their
nodes.  The rule of ``n`` nodes that is exact for polynomials of degree ``2n - 1`` under the law itself has its nodes at
the zeros of :math:`P_n`, where the law lives, and the weights

.. math:: w_i = \frac{(2n + s - 4)\,(1 - t_i^2)}{n\,(n + s - 3)\, N(s, n-1)\, P_{n-1}(t_i)^2}

[GolubWelsch1969; in the normalisation :math:`P_k(1) = 1`].  For a kernel that is analytic around 0, the error falls
like a power of ``1/s`` with every node.
"""

from functools import lru_cache
from math import ceil

import numpy as np

from ._flint import precision
from .correlations import SphereLaw
from .harmonics import multiplicity

#: bits of the zeros that start Newton's iteration, somewhat less than float64 has
_START_BITS = 40


@lru_cache(maxsize=8)
def gauss_points(dim: int, nodes: int, bits: int) -> tuple[tuple, tuple]:
    """Correlations, in pairs ``t, -t`` with falling ``t``, and weights, for an even number of nodes, at ``bits`` bits.

    The zeros come from the Jacobi matrix [GolubWelsch1969] in float64 and are refined by Newton's iteration.  Cost:
    ``O(nodes**2)`` ball operations.
    """
    from flint import arb

    law = SphereLaw(dim)
    # the recurrence may widen a ball by a factor of 1 + sqrt(2) a step
    guard = ceil(1.3 * nodes) + 32
    ladder = [bits + guard]
    while ladder[-1] > 2 * _START_BITS + guard:
        ladder.append((ladder[-1] - guard) // 2 + 8 + guard)
    points, masses = [], []
    for start in _zeros(dim, nodes):
        zero = arb(start)
        for working in reversed(ladder):
            with precision(working):
                zero = (zero + _newton(law, nodes, zero)[0]).mid()
        with precision(ladder[0]):
            zero += arb(0, 2 * _newton(law, nodes, zero)[0].abs_upper())
            before = _newton(law, nodes, zero)[1]
            below = nodes * (nodes + dim - 3) * multiplicity(dim, nodes - 1)
            mass = (2 * nodes + dim - 4) * (1 - zero * zero) / (below * before * before)
            points += [zero, -zero]
        masses += [mass, mass]
    return tuple(points), tuple(masses)


def _zeros(dim: int, nodes: int) -> list[float]:
    r"""The positive zeros of :math:`P_n`, falling: eigenvalues of the Jacobi matrix, whose off-diagonal has the squares

    .. math:: \beta_k = \frac{k (k + s - 3)}{(2k + s - 2)(2k + s - 4)}.
    """
    from scipy.linalg import eigvalsh_tridiagonal

    k = np.arange(1.0, nodes)
    beta = k * (k + dim - 3) / ((2 * k + dim - 2) * (2 * k + dim - 4))
    return eigvalsh_tridiagonal(np.zeros(nodes), np.sqrt(beta))[: nodes // 2 - 1 : -1].tolist()


def _newton(law, nodes: int, t) -> tuple:
    r"""The step :math:`-P_n / P_n'`, where :math:`(1 - t^2) P_n' = n (P_{n-1} - t P_n)`, and :math:`P_{n-1}`."""
    from flint import arb

    before, value = arb(1), t
    for k in range(1, nodes):
        a, b, c = law.step(k)
        before, value = value, (a * t * value - b * before) / c
    return -value * (1 - t * t) / (nodes * (before - t * value)), before
