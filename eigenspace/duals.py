r"""Layer triples: what a chain of activations does to kernels, as power series.

A chain of activations at one position maps the pair of a kernel and its tangent kernel :math:`(S, H)` to

.. math:: K = f(S), \qquad T = g(S) + h(S)\,H,

with three power series of non-negative coefficients [Xiao2022, eqs. 11-12; here in the convention that ``T`` counts
the linear layer on top].  One activation is :math:`(\varphi^*, \varphi^*, (\varphi^*)')`; biases and residual blocks
have other triples (see `layers`); and chains compose:

.. math:: (f_2, g_2, h_2) \circ (f_1, g_1, h_1) = (f_2 \circ f_1,\; g_2 \circ f_1 + (h_2 \circ f_1) g_1,\;
          (h_2 \circ f_1) h_1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod

from ._flint import padded, precision
from .errors import ConvergenceError
from .rings import ExactRing

#: relative accuracy in bits that every coefficient must reach before it is rounded to float64
_COEFFICIENT_BITS = 64
#: how often the precision of a power series may be doubled
_DOUBLINGS = 9


@dataclass(frozen=True)
class Triple:
    """Coefficients (balls) of ``f, g, h`` up to an order, and the values of ``g`` and ``h`` at 1 (``f(1) = 1``)."""

    f: tuple
    g: tuple
    h: tuple
    g_at_one: object
    h_at_one: object


def evaluate(chain: Sequence, kernel, tangent):
    """Push a pair ``(S, H)`` through a chain of activations, on float64 arrays, on balls or on arrays of balls.

    Returns the pair ``(K, T)``.  Cost: one evaluation of the duals per activation.
    """
    import numpy as np

    for layer in chain:
        if not isinstance(kernel, np.ndarray):
            kernel, lift, slope = layer.triple("on_ball", kernel)
        elif kernel.dtype == object:
            kernel, lift, slope = np.frompyfunc(partial(layer.triple, "on_ball"), 1, 3)(kernel)
        else:
            kernel, lift, slope = layer.triple("on_array", kernel)
        tangent = lift + slope * tangent
    return kernel, tangent


def is_nonnegative(chain: Sequence) -> bool:
    """Whether the dual of a chain is known to be nowhere negative on [-1, 1].

    Duals have no negative coefficients: what is not negative stays so.
    """
    for layer in reversed(chain):
        if layer.is_nonnegative or layer.may_turn_negative:
            return layer.is_nonnegative
    return False


def triple_at(chain: Sequence, start: Sequence) -> Triple:
    """The triple of a chain composed with the power series ``start`` (coefficients), at the working precision.

    ``start = (0, 1)``, padded with zeros, gives the series themselves; ``(x, 1)`` values and derivatives at ``x``.
    """
    from flint import arb, arb_series

    length = len(start)
    *series, g_one, h_one = _compose(chain, *(arb_series(c, prec=length) for c in (list(start), [0], [1])), arb)
    return Triple(*(padded(s, length) for s in series), g_one, h_one)


def _compose(chain: Sequence, f, g, h, number: type) -> tuple:
    """A chain on a triple of power series or polynomials, and the values of ``g`` and ``h`` at 1, of a type."""
    g_one, h_one = number(0), number(1)
    for layer in chain:
        dual, lift, slope = layer.triple("on_series", f)
        _, lift_one, slope_one = layer.triple("on_ball", number(1))
        f, g, h = dual, lift + slope * g, slope * h
        g_one, h_one = lift_one + slope_one * g_one, slope_one * h_one
    return f, g, h, g_one, h_one


def degree(chain: Sequence) -> int | None:
    """Degree of ``f``, and of ``g``, of a chain of polynomial duals; that of ``h`` is one less.

    ``None`` where a dual is no polynomial.

    >>> from eigenspace import identity, monomial, relu
    >>> degree((monomial(2), identity, monomial(3))), degree(()), degree((monomial(2), relu))
    (6, 1, None)
    """
    degrees = [activation.dual_degree for activation in chain]
    return None if None in degrees else prod(degrees)


def powers(chain: Sequence) -> int:
    """The product of the degrees of the polynomial duals of a chain.

    Only beyond that order do the supports of its series show whole, where other duals stand between them.

    >>> from eigenspace import monomial, relu
    >>> powers((monomial(2), relu, monomial(3))), powers((relu, relu))
    (6, 1)
    """
    return prod(degree((activation,)) or 1 for activation in chain)


@lru_cache(maxsize=64)
def power_series(chain: tuple, order: int, accuracy: int = _COEFFICIENT_BITS, extra: int = 96) -> Triple:
    """The triple of a chain of activations, every coefficient to at least ``accuracy`` bits relative to itself.

    ``extra`` bits of working precision are tried first, and doubled until they suffice.
    Cost: quasi-linear in ``order`` for ReLU.
    """
    for _ in range(_DOUBLINGS):
        with precision(accuracy + extra, order + 1):
            triple = triple_at(chain, (0, 1, *[0] * (order - 1))[: order + 1])
            rows = triple.f, triple.g, triple.h
            if all(c.is_zero() or c.rel_accuracy_bits() >= accuracy for row in rows for c in row):
                return triple
        extra *= 2
    raise _lost(chain, order)


def _lost(chain: tuple, order: int) -> ConvergenceError:
    names = ", ".join(a.name for a in chain)
    return ConvergenceError(f"the power series of ({names}) lost its digits at order {order}; ask for a lower order")


def layer_matrix(chain: tuple, part: str, rows: int, order: int, ring):
    r"""The matrix :math:`[z^n]\,(b f^j)(z)`, ``j < rows``, ``n <= order``, of a chain, in a ring.

    ``part`` names the base ``b``: ``"f"`` for 1 (moments of the kernel), ``"g"`` or ``"h"`` (the two parts of the
    tangent kernel), ``"t"`` for their sum :math:`g + z h` where the tangent kernel below is ``z`` itself.  What the two
    series drop is their exact value at 1 less the kept coefficients, and nothing for polynomials within the order; what
    their products drop follows by sums of positive terms.  Cost: ``rows`` products of power series.
    """
    make = _kept_matrix if ring.keeps_matrices else _matrix
    return make(chain, part, rows, order, ring)


def _matrix(chain: tuple, part: str, rows: int, order: int, ring):
    if isinstance(ring, ExactRing):
        return _exact_matrix(chain, part, rows, order, ring)
    from flint import arb

    extra, most = 96, degree(chain)
    whole = {"f": most is not None and order >= most}
    whole |= {"g": whole["f"], "t": whole["f"], "h": most is not None and order >= most - 1}
    for _ in range(_DOUBLINGS):
        triple = power_series(chain, order, ring.coefficient_bits, extra)
        with precision(ring.coefficient_bits + extra):
            one, whole_h = (arb(1),) + (arb(0),) * order, (arb(0), *triple.h[:-1])
            together = tuple(x + y for x, y in zip(triple.g, whole_h)) if part == "t" else None
            base = {"f": one, "g": triple.g, "h": triple.h, "t": together}[part]
            at_one = triple.g_at_one, triple.h_at_one
            total = {"f": arb(1), "g": at_one[0], "h": at_one[1], "t": sum(at_one)}[part]
            dropped = arb(0) if whole["f"] else 1 - sum(triple.f, arb(0))
            tail = arb(0) if whole[part] or part == "f" else total - sum(base, arb(0))
            sums = dropped, tail, total
            if all(s.is_zero() or s.rel_accuracy_bits() >= 8 for s in sums):
                shared = part != "f" and ring.keeps_matrices
                powers = _kept_matrix(chain, "f", rows, order, ring) if shared else None
                return ring.power_matrix(triple.f, base, sums, rows, powers)
        extra *= 2
    raise _lost(chain, order)


_kept_matrix = lru_cache(maxsize=64)(_matrix)


def _exact_matrix(chain: tuple, part: str, rows: int, order: int, ring: ExactRing):
    """The matrix of a chain of polynomial duals in rational numbers."""
    from flint import fmpq, fmpq_poly

    f, g, h, *_ = _compose(chain, *map(fmpq_poly, ([0, 1], [0], [1])), fmpq)
    bases = {"f": fmpq_poly([1]), "g": g, "h": h, "t": g + fmpq_poly([0, 1]) * h}
    return ring.power_matrix(f, bases[part], rows, order + 1)


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
            if following & full == full:
                break
        current = following & full
        found.append(current)
    return found
