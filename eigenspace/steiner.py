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
from math import inf, lcm

import numpy as np

from .errors import UnsupportedError
from .parts import Leaf, Network
from .shapes import size_exponent

#: largest number of active leaves
MOST_ACTIVE = 16
#: costs that differ by less are equal
_TIE = 1e-9


class SpanningTrees:
    """The least trees of a network, for any degrees."""

    def __init__(self, net: Network):
        parts = (part for part in net._walk() if not isinstance(part, Leaf))
        self._nodes = nodes = [(None, net.positions), *((part, part.children) for part in parts)]
        # exponent of the edges of every part, of the readout (None), and of the input block that a leaf belongs to
        self._edges, self._blocks = {}, {leaf: size_exponent(leaf.dim, net.dim) for leaf in net.leaves}
        for part, children in nodes:
            self._edges[part] = size_exponent(len(children), net.dim)
            if all(isinstance(child, Leaf) for child in children):
                self._edges[part] = Fraction(0)
                self._blocks[part] = size_exponent(sum(leaf.dim for leaf in children), net.dim)
        sizes = [*self._edges.values(), *self._blocks.values()]
        self._exact = not any(isinstance(a, float) for a in sizes)
        self._unit = lcm(*(a.denominator for a in sizes)) if self._exact else 1

    def indices(self, degrees: Mapping[Leaf, int]) -> tuple[Fraction | float, Fraction | float]:
        """Space and frequency index of the degrees of the active leaves.

        Cost: :math:`3^a` additions for each part above ``a`` active leaves.  Raises
        :class:`~eigenspace.errors.UnsupportedError` for more than 16 of them.
        """
        if not any(degrees.values()):
            return Fraction(0), Fraction(0)
        total, frequency = (costs[-1] for costs in self._costs(degrees)[None])
        space = total - frequency
        if self._exact:
            return Fraction(round(space), self._unit), Fraction(round(frequency), self._unit)
        return float(space), float(frequency)

    def edges(self, degrees: Mapping[Leaf, int]) -> set[tuple]:
        """Edges (upper part, lower part) of a least tree; the output is the upper part ``None``.

        Among trees of one cost, paths that come first.  Cost and errors as for `indices`.
        """
        if not any(degrees.values()):
            return set()
        tables, edges, nodes = self._costs(degrees), set(), dict(self._nodes)
        stack = [(None, tables[None][0].size - 1)]
        while stack:
            part, leaves = stack.pop()
            if isinstance(part, Leaf):
                continue
            total = tables[part][0]
            # either all leaves lie below one child, or the tree parts in two at this part
            for child in nodes[part]:
                if child in tables and self._step(part, child, tables, degrees)[0][leaves] < total[leaves] + _TIE:
                    edges.add((part, child))
                    stack.append((child, leaves))
                    break
            else:
                half = (leaves - 1) & leaves
                while total[half] + total[leaves ^ half] > total[leaves] + _TIE:
                    half = (half - 1) & leaves
                stack += [(part, half), (part, leaves ^ half)]
        return edges

    def _costs(self, degrees: Mapping[Leaf, int]) -> dict:
        """Of every part above active leaves, and of the output (None), costs ``(S + F, F)`` of the sets of leaves."""
        active = [leaf for leaf, degree in degrees.items() if degree]
        if len(active) > MOST_ACTIVE:
            raise UnsupportedError(
                f"least trees in a network with shared children take 3**n steps for n active leaves; n must be at most "
                f"{MOST_ACTIVE}, got {len(active)}: ask for fewer active leaves"
            )
        # sets as binary numbers
        tables: dict = {}
        for i, leaf in enumerate(active):
            total = np.full(1 << len(active), inf)
            total[1 << i] = 0.0
            tables[leaf] = total, np.where(total == 0, 0.0, inf)
        for part, children in [*self._nodes[1:], self._nodes[0]]:
            costs = self._join(part, children, tables, degrees)
            if costs is not None:
                tables[part] = costs
        return tables

    def _step(self, part, child, tables: dict, degrees: Mapping[Leaf, int]):
        """The costs of the sets below a child, the edge to it included."""
        total, frequency = tables[child][0] + float(self._edges[part] * self._unit), tables[child][1]
        if isinstance(child, Leaf):
            block = self._blocks[part if part in self._blocks else child]
            own = float(degrees[child] * block * self._unit)
            total, frequency = total + own, frequency + own
        return total, frequency

    def _join(self, part, children, tables: dict, degrees: Mapping[Leaf, int]):
        """The least costs of all sets of leaves below a part; None where no active leaf is."""
        from ._kernels.monomials import join_sets

        best = None
        for child in dict.fromkeys(children):
            if child not in tables:
                continue
            total, frequency = self._step(part, child, tables, degrees)
            if best is None:
                best = total, frequency
                continue
            better = (total < best[0] - _TIE) | (total < best[0] + _TIE) & (frequency < best[1])
            best = np.where(better, total, best[0]), np.where(better, frequency, best[1])
        if best is not None:
            join_sets(*best, _TIE)
        return best
