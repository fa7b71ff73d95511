r"""Space and frequency index on any graph of layers: exact minimum trees that join leaves to the output.

Sizes are powers of the input dimension as in `indices`, and every edge costs the exponent of its upper end
[Xiao2022, sec. 3].  Edges of a node whose children are all leaves belong to the frequency: each degree of a leaf goes
through one of them,

.. math:: F(r) = \sum_u r_u\,\alpha_{p(u)}, \qquad
          S(r) = \sum_{\text{other edges of the tree}} \alpha_{\text{upper end}},

:math:`d^{\alpha_{p(u)}}` being the total dimension of the leaves of the first-layer node through which the tree reaches
leaf ``u`` (of the leaf itself, where it stands directly under a later node).  Where several trees are possible, the
least of :math:`L = S + F` counts, and the least ``F`` among those.  All paths lead down from the output, so that an
optimal tree has one path to each leaf, and a recursion over pairs (part, set of leaves) finds it [DreyfusWagner1971].
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

from .errors import UnsupportedError
from .networks import Leaf, Network
from .shapes import size_exponent

#: largest number of active leaves
MOST_ACTIVE = 10


class SpanningTrees:
    """The least trees of a network; what they cost is kept from one question to the next."""

    def __init__(self, net: Network):
        self._net = net
        self._parts = list(net._walk())

    @cached_property
    def _exponents(self) -> dict:
        """Exponent of the edges of every part, of the readout (None), and of every leaf."""
        net = self._net
        found = {None: size_exponent(len(net.positions), net.dim)}
        for part in self._parts:
            if not isinstance(part, Leaf):
                found[part] = size_exponent(len(part.children), net.dim)
        return found

    def indices(self, degrees: Mapping[Leaf, int]) -> tuple[Fraction | float, Fraction | float]:
        """Space and frequency index of the degrees of the active leaves.

        Cost: :math:`3^a` additions for each part above ``a`` active leaves.  Raises
        :class:`~eigenspace.errors.UnsupportedError` for more than 10 of them.
        """
        active = [leaf for leaf, degree in degrees.items() if degree]
        if len(active) > MOST_ACTIVE:
            raise UnsupportedError(
                f"indices of a network with shared children take 3**n steps for n active leaves; n must be at most "
                f"{MOST_ACTIVE}, got {len(active)}: ask for fewer active leaves"
            )
        if not active:
            return Fraction(0), Fraction(0)
        full = (1 << len(active)) - 1
        tables = {leaf: {1 << i: (0, 0)} for i, leaf in enumerate(active)}
        for part in self._parts:
            if part not in tables:
                tables[part] = {} if isinstance(part, Leaf) else self._join(part, part.children, tables, degrees)
        return self._join(None, self._net.positions, tables, degrees)[full]

    def _join(self, part, children, tables: dict, degrees: Mapping[Leaf, int]) -> dict:
        """The least (space, frequency) of every set of leaves below a part."""
        step = self._exponents[part]
        first_layer = all(isinstance(child, Leaf) for child in children)
        best: dict = {}
        for child in dict.fromkeys(children):
            for leaves, (space, frequency) in tables[child].items():
                if isinstance(child, Leaf):
                    size = sum(leaf.dim for leaf in children) if first_layer else child.dim
                    frequency = degrees[child] * size_exponent(size, self._net.dim)
                cost = (space if first_layer else space + step), frequency
                if leaves not in best or _key(cost) < _key(best[leaves]):
                    best[leaves] = cost
        # larger sets out of two smaller ones, which share the part and nothing below it
        union = 0
        for leaves in best:
            union |= leaves
        for leaves in range(1, union + 1):
            if leaves & ~union:
                continue
            # the half without the first leaf
            half = rest = leaves & (leaves - 1)
            while half:
                other = leaves ^ half
                if half in best and other in best:
                    cost = tuple(a + b for a, b in zip(best[half], best[other]))
                    if leaves not in best or _key(cost) < _key(best[leaves]):
                        best[leaves] = cost
                half = (half - 1) & rest
        return best


def _key(cost: tuple) -> tuple:
    total = cost[0] + cost[1]
    # floats that differ by roundings alone are a tie
    return (total, cost[1]) if isinstance(total, Fraction) else (round(float(total), 9), float(cost[1]))
