r"""Layer triples: what a chain of activations does to kernels, as power series.

A chain of activations at one position maps the pair of a kernel and its tangent kernel :math:`(S, H)` to

.. math:: K = f(S), \qquad T = g(S) + h(S)\,H,

with three power series of non-negative coefficients [Xiao2022, eqs. 11-12; here in the convention that ``T`` counts
the linear layer on top].  One activation is :math:`(\varphi^*, \varphi^*, (\varphi^*)')`, and chains compose:

.. math:: (f_2, g_2, h_2) \circ (f_1, g_1, h_1) = (f_2 \circ f_1,\; g_2 \circ f_1 + (h_2 \circ f_1) g_1,\;
          (h_2 \circ f_1) h_1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ._flint import padded, precision
from .errors import ConvergenceError

#: relative accuracy in bits that every coefficient must reach before it is rounded to float64
_COEFFICIENT_BITS = 64
_MOST_BITS = 1 << 15


@dataclass(frozen=True)
class Triple:
    """Coefficients (balls) of ``f, g, h`` up to an order, and the values of ``g`` and ``h`` at 1 (``f(1) = 1``)."""

    f: tuple
    g: tuple
    h: tuple
    g_at_one: object
    h_at_one: object


def evaluate(chain: Sequence, kernel, tangent):
    """Push a pair ``(S, H)`` through a chain of activations, on float64 arrays or on balls.

    Returns the pair ``(K, T)``.  Cost: one evaluation of the duals per activation.
    """
    import numpy as np

    for activation in chain:
        method = activation.on_array if isinstance(kernel, np.ndarray) else activation.on_ball
        kernel, slope = method(kernel)
        tangent = kernel + slope * tangent
    return kernel, tangent


def _compose(chain: Sequence, order: int) -> Triple:
    """The triple of a chain at the working precision."""
    from flint import arb, arb_series

    length = order + 1
    f, g, h = (arb_series(c, prec=length) for c in ([0, 1], [0], [1]))
    g_one, h_one = arb(0), arb(1)
    for activation in chain:
        dual, slope = activation.on_series(f)
        slope_one = activation.on_ball(arb(1))[1]
        f, g, h = dual, dual + slope * g, slope * h
        g_one, h_one = 1 + slope_one * g_one, slope_one * h_one
    return Triple(*(padded(s, length) for s in (f, g, h)), g_one, h_one)


def _accurate(rows) -> bool:
    return all(c.is_zero() or c.rel_accuracy_bits() >= _COEFFICIENT_BITS for row in rows for c in row)


@lru_cache(maxsize=64)
def power_series(chain: tuple, order: int, bits: int = 160) -> Triple:
    """The triple of a chain of activations, every coefficient to at least 64 bits relative to itself.

    Cost: quasi-linear in ``order`` for ReLU.
    """
    while bits <= _MOST_BITS:
        with precision(bits, order + 1):
            triple = _compose(chain, order)
            if _accurate((triple.f, triple.g, triple.h)):
                return triple
        bits *= 2
    names = ", ".join(a.name for a in chain)
    raise ConvergenceError(f"the power series of ({names}) lost its digits at order {order}; ask for a lower order")


@lru_cache(maxsize=64)
def layer_matrix(chain: tuple, part: str, rows: int, order: int, ring):
    r"""The matrix :math:`[z^n]\,(b f^j)(z)`, ``j < rows``, ``n <= order``, of a chain, in a ring.

    ``part`` names the base ``b``: ``"f"`` for 1 (moments of the kernel), ``"g"`` or ``"h"`` (the two parts of the
    tangent kernel).  What the two series drop is their exact value at 1 less the kept coefficients; what their products
    drop follows by sums of positive terms.  Cost: ``rows`` products of power series.
    """
    from flint import arb

    bits = 160
    while bits <= _MOST_BITS:
        triple = power_series(chain, order, bits)
        with precision(bits):
            base = {"f": (arb(1),) + (arb(0),) * order, "g": triple.g, "h": triple.h}[part]
            total = {"f": arb(1), "g": triple.g_at_one, "h": triple.h_at_one}[part]
            sums = 1 - sum(triple.f, arb(0)), total - sum(base, arb(0)), total
            if all(s.is_zero() or s.rel_accuracy_bits() >= 8 for s in sums):
                return ring.power_matrix(triple.f, base, sums, rows)
        bits *= 2
    names = ", ".join(a.name for a in chain)
    raise ConvergenceError(f"the power series of ({names}) lost its digits at order {order}; ask for a lower order")


def supports(chain: tuple, part: str, rows: int, order: int) -> list[int]:
    r"""Which coefficients of :math:`b f^j`, ``j < rows``, are not zero: bit ``n`` of entry ``j``, ``n <= order``.

    Products of non-negative series have no accidental zeros, so the supports add.  Cost: ``O(rows * order)``
    operations on integers of ``order`` bits.
    """
    triple = power_series(chain, order)
    full = (1 << (order + 1)) - 1
    shifts = [n for n, c in enumerate(triple.f) if not c.is_zero()]
    base = (1,) if part == "f" else getattr(triple, part)
    current = sum(1 << n for n, c in enumerate(base) if c != 0)
    found = [current]
    for _ in range(rows - 1):
        following = 0
        for n in shifts:
            following |= current << n
        current = following & full
        found.append(current)
    return found
