"""The subgraph that an interaction spans: the least tree that connects its active leaves with the output.

Its edges are counted as the learning index counts them [Xiao2022, sec. 3].  On a tree of patches the paths are unique;
where parts have several parents, `steiner` finds the least tree.
"""

from collections.abc import Mapping

from .parts import Leaf, Network
from .steiner import SpanningTrees


def spanning_edges(net: Network, degrees: Mapping[Leaf, int]) -> set[tuple]:
    """Edges (upper part, lower part) of the least tree; the output is the upper part ``None``.

    Cost: one pass over the network where no part has two parents, otherwise that of `SpanningTrees`, which raises
    :class:`~eigenspace.errors.UnsupportedError` for more than 16 active leaves.
    """
    if not net.is_tree:
        return SpanningTrees(net).edges(degrees)
    above = {child: part for part in net._walk() for child in getattr(part, "children", ())}
    edges = set()
    for part, degree in degrees.items():
        while degree and part is not None and (above.get(part), part) not in edges:
            edges.add((above.get(part), part))
            part = above.get(part)
    return edges
