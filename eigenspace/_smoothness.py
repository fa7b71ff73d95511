r"""Is a kernel smooth between the nodes?  What its values at the nodes of a rule tell.

Rules may agree on a wrong value: a jump between the two middle nodes of three rules looks like a jump in the middle.
A kernel that is analytic in the angle gives itself away by its Legendre coefficients in the angle, which fall
geometrically; of a rule with ``n`` nodes :math:`x_i` the last ones cost next to nothing, because
:math:`|P_{n-1}(x_i)| = \sqrt{2 (1 - x_i^2) / w_i} / n` and :math:`P_n(x_i) = 0`.  Of a kernel that does not, a step as
large as the largest between neighbouring nodes may be anywhere between them.
"""

from collections.abc import Sequence
from functools import reduce

from ._flint import precision
from .correlations import legendre

#: how small, over the largest value, the last Legendre coefficients of a smooth kernel are, and how many are looked at
_SMALL, _LOOKED_AT = 2.0**-32, 8
#: numbers of nodes at which a kernel is tried all over [-1, 1]
_TRIED_NODES = (96, 384, 1536)
_BITS = 128


def is_resolved(ahead: Sequence, behind: Sequence) -> bool:
    """Whether a kernel is smooth between the nodes of the rule in the angle.

    Its values at the correlations ``t > 0`` of the rule, by rising angle, and at ``-t``.
    """
    from flint import arb

    half = len(ahead)
    nodes = 2 * half
    with precision(_BITS):
        angles, weights = legendre(nodes, _BITS)
        small = _SMALL * largest([*ahead, *behind])
        places = [1 - 2 * angle / arb.pi() for angle in angles]
        weights = [2 * w / arb.pi() for w in weights]
        above = [arb(0)] * half
        here = [(-1) ** i * (2 * (1 - x * x) / w).sqrt() / nodes for i, (x, w) in enumerate(zip(places, weights))]
        for j in range(nodes - 1, nodes - 1 - _LOOKED_AT, -1):
            sign = (-1) ** j
            terms = (w * p * (a + sign * b) for w, p, a, b in zip(weights, here, ahead, behind))
            coefficient = (2 * j + 1) * sum(terms, arb(0)) / 2
            if abs(coefficient.mid()) > small + coefficient.rad():
                return False
            above, here = here, [((2 * j + 1) * x * p - (j + 1) * q) / j for x, p, q in zip(places, here, above)]
    return True


def largest(values: Sequence):
    """The largest absolute value."""
    return reduce(lambda a, b: a.max(b), (abs(value).upper() for value in values))


def size_if_rough(samples):
    """The largest absolute value of a kernel that is not found smooth all over [-1, 1]; 0 of a smooth one."""
    from flint import arb

    for nodes in _TRIED_NODES:
        with precision(_BITS):
            points = [angle.cos() for angle in legendre(nodes, _BITS)[0]]
            ahead, behind = samples(points, _BITS), samples([-t for t in points], _BITS)
            if is_resolved(ahead, behind):
                return arb(0)
            size = largest([*ahead, *behind])
    return size


def largest_step(ahead: Sequence, behind: Sequence, masses: Sequence):
    """The largest difference of neighbouring values of a kernel, times the mass of a node there.

    Values at falling correlations ``t > 0``, values at ``-t``, and the masses of both.
    """
    values = [value.mid() for value in (*ahead, *behind[::-1])]
    masses = [*masses, *masses[::-1]]
    return largest([(b - a) * m.max(n) for a, b, m, n in zip(values, values[1:], masses, masses[1:])])
