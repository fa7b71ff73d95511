r"""The subgraph that an interaction spans: the least tree that connects its active leaves with the output.

Its edges are counted as the learning index counts them [Xiao2022, sec. 3]: an edge costs the exponent of the fan-in of
its upper node, and one that reads a leaf costs, for each degree, the exponent of the block that it reads.  On a tree
of patches the paths are unique.  In a network whose parts have several parents the least tree is found by a recursion
over pairs (part, set of leaves) [DreyfusWagner1971]; ties go to the path that comes first.
"""

from collections.abc import Mapping
from math import log

from .errors import UnsupportedError
from .parts import Leaf, Network

#: largest number of active leaves where paths are not unique
_MOST_ACTIVE = 10


def spanning_edges(net: Network, degrees: Mapping[Leaf, int]) -> set[tuple]:
    """Edges (upper part, lower part) of the least tree; the output is the upper part ``None``.

    Cost: one pass over the network where no part has two parents, otherwise :math:`3^a` steps for each part above
    ``a`` active leaves.  Raises :class:`~eigenspace.errors.UnsupportedError` for more than 10 of them.
    """
    active = [leaf for leaf, degree in degrees.items() if degree]
    if net.is_tree:
        above = {child: part for part in net._walk() for child in getattr(part, "children", ())}
        edges = set()
        for part in active:
            while part is not None and (above.get(part), part) not in edges:
                edges.add((above.get(part), part))
                part = above.get(part)
        return edges
    if len(active) > _MOST_ACTIVE:
        raise UnsupportedError(
            f"spanning trees in a network with shared children take 3**n steps for n active leaves; n must be at most "
            f"{_MOST_ACTIVE}, got {len(active)}: mark fewer leaves"
        )
    trees: dict = {leaf: {1 << i: (0.0, frozenset())} for i, leaf in enumerate(active)}
    for part in net._walk():
        if part not in trees:
            trees[part] = {} if isinstance(part, Leaf) else _join(part, part.children, trees, degrees)
    return set(_join(None, net.positions, trees, degrees)[(1 << len(active)) - 1][1]) if active else set()


def _join(part, children, trees: dict, degrees: Mapping[Leaf, int]) -> dict:
    """The least tree (cost, edges) of every set of active leaves below a part."""
    first_layer = all(isinstance(child, Leaf) for child in children)
    best: dict = {}
    for child in dict.fromkeys(children):
        step = 0.0 if first_layer else log(len(children))
        if isinstance(child, Leaf):
            block = sum(leaf.dim for leaf in children) if first_layer else child.dim
            step += degrees.get(child, 0) * log(block)
        for leaves, (cost, edges) in trees[child].items():
            _keep(best, leaves, cost + step, edges | {(part, child)})
    reached = 0
    for leaves in best:
        reached |= leaves
    # larger sets out of two smaller ones, which share the part and nothing below it
    for leaves in range(1, reached + 1):
        half = leaves & (leaves - 1) if not leaves & ~reached else 0
        while half:
            if half in best and leaves ^ half in best:
                one, two = best[half], best[leaves ^ half]
                _keep(best, leaves, one[0] + two[0], one[1] | two[1])
            half = (half - 1) & leaves & (leaves - 1)
    return best


def _keep(best: dict, leaves: int, cost: float, edges: frozenset) -> None:
    # costs that differ by roundings alone are a tie
    if leaves not in best or cost < best[leaves][0] - 1e-9:
        best[leaves] = cost, edges
