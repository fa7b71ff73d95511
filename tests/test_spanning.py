"""Spanning trees of interactions: paths on trees, and least trees by enumeration where parts have several parents."""

import random
from itertools import combinations, product
from math import log

import pytest

import eigenspace as es
from eigenspace.parts import Leaf
from eigenspace.spanning import spanning_edges
from networks import CATALOGUE


def circular(leaves, size, depth, dim=3):
    layer = [es.leaf(dim) for _ in range(leaves)]
    for _ in range(depth):
        layer = [es.node([layer[(i + j) % leaves] for j in range(size)]) for i in range(leaves)]
    return es.network(layer)


def random_graph(rng):
    layer = [es.leaf(rng.randint(1, 5)) for _ in range(rng.randint(2, 5))]
    everything = list(layer)
    for _ in range(rng.randint(1, 3)):
        layer = [es.node(rng.sample(everything, rng.randint(1, min(3, len(everything))))) for _ in range(3)]
        everything += layer
    return es.network(layer)


def paths(net, leaf):
    """All paths from the output down to a leaf, as tuples of edges."""

    def down(part, edges):
        if part is leaf:
            yield edges
        for child in net.positions if part is None else getattr(part, "children", ()):
            yield from down(child, (*edges, (part, child)))

    return set(down(None, ()))


def cost(net, edges, degrees):
    total = 0.0
    for part, child in edges:
        children = net.positions if part is None else part.children
        first_layer = all(isinstance(c, Leaf) for c in children)
        if not first_layer:
            total += log(len(children))
        if isinstance(child, Leaf):
            total += degrees[child] * log(sum(c.dim for c in children) if first_layer else child.dim)
    return total


def check_tree(edges, degrees):
    """Every part but the output has one upper end, and only active leaves are reached."""
    lower = [child for _, child in edges]
    assert len(set(lower)) == len(lower)
    assert {c for c in lower if isinstance(c, Leaf)} == {leaf for leaf, d in degrees.items() if d}
    assert {part for part, _ in edges} <= {None, *lower}


@pytest.mark.parametrize("name", CATALOGUE)
def test_on_trees_it_is_the_union_of_the_paths(name):
    net, rng = CATALOGUE[name], random.Random(3)
    chosen = rng.sample(net.leaves, min(3, len(net.leaves)))
    edges = spanning_edges(net, dict.fromkeys(chosen, 1))
    assert edges == {edge for leaf in chosen for (path,) in [paths(net, leaf)] for edge in path}


@pytest.mark.parametrize("seed", range(25))
def test_on_graphs_it_is_the_least_of_all_trees(seed):
    rng = random.Random(seed)
    net = circular(5, rng.choice((2, 3)), 2) if seed < 8 else random_graph(rng)
    chosen = rng.sample(net.leaves, min(rng.randint(1, 3), len(net.leaves)))
    degrees = {leaf: rng.randint(1, 2) for leaf in chosen}
    edges = spanning_edges(net, degrees)
    check_tree(edges, degrees)
    every = product(*(paths(net, leaf) for leaf in chosen))
    least = min(cost(net, {edge for path in choice for edge in path}, degrees) for choice in every)
    assert cost(net, edges, degrees) == pytest.approx(least, abs=1e-9)


def test_neighbours_meet_low_and_distant_leaves_high():
    net = circular(8, 3, 2)
    nodes = {}
    for a, b in combinations(range(5), 2):
        nodes[b - a] = len(spanning_edges(net, {net.leaves[a]: 1, net.leaves[b]: 1}))
    # one path of three edges; beside it a leaf under the first filter, or another first filter, or nothing shared
    assert nodes == {1: 4, 2: 4, 3: 5, 4: 5}


def test_nothing_active_spans_nothing_and_too_much_is_refused():
    net = circular(18, 2, 1)
    assert spanning_edges(net, {}) == set()
    with pytest.raises(es.UnsupportedError, match="at most 16, got 17"):
        spanning_edges(net, dict.fromkeys(net.leaves[:17], 1))
