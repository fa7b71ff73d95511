"""Networks as plain JSON trees, for the reference scripts.

A tree is ``{"leaf": dim}`` or ``{"node": [children], "activation": "relu"}``; a network is the list of the
trees (``positions``) that the linear readout averages.  Leaves are numbered from left to right.
"""

from __future__ import annotations

from flint import arb

import _common as common

Tree = dict
Pair = tuple[arb, arb]


def leaf(dim: int) -> Tree:
    return {"leaf": dim}


def node(*children: Tree, activation: str = "relu") -> Tree:
    return {"node": list(children), "activation": activation}


def mlp(dim: int, depth: int, leaves: int = 1, activation: str = "relu") -> list[Tree]:
    """One node over ``leaves`` spheres, then ``depth - 1`` nodes with one child; one position."""
    tree = node(*(leaf(dim) for _ in range(leaves)), activation=activation)
    for _ in range(depth - 1):
        tree = node(tree, activation=activation)
    return [tree]


def cnn(
    dim: int, filters: tuple[int, ...], positions: int = 1, head: str = "flatten", activation: str = "relu"
) -> list[Tree]:
    """Convolutions with stride = filter, each activated; head "flatten", or "dense" (one node more)."""

    def grow(level: int) -> Tree:
        if level == 0:
            return leaf(dim)
        return node(*(grow(level - 1) for _ in range(filters[level - 1])), activation=activation)

    trees = [grow(len(filters)) for _ in range(positions)]
    return [node(*trees, activation=activation)] if head == "dense" else trees


def dims(positions: list[Tree]) -> list[int]:
    """Leaf dimensions from left to right."""
    out: list[int] = []
    for tree in positions:
        out += [tree["leaf"]] if "leaf" in tree else dims(tree["node"])
    return out


def mean(pairs: list[Pair]) -> Pair:
    count = len(pairs)
    if count == 1:
        return pairs[0]
    return sum(p[0] for p in pairs) / count, sum(p[1] for p in pairs) / count


def kernels(positions: list[Tree], correlations: list[arb]) -> Pair:
    """(NNGP, NTK) of the network at the leaves' correlations: leaf K = T = xi, node S = mean K, H = mean T,
    K = phi*(S), T = K + phi*'(S) H, readout = mean."""
    rest = iter(correlations)

    def walk(tree: Tree) -> Pair:
        if "leaf" in tree:
            xi = next(rest)
            return xi, xi
        inner, tangent = mean([walk(child) for child in tree["node"]])
        value, slope = common.dual_pair(tree["activation"], inner)
        return value, value + slope * tangent

    return mean([walk(tree) for tree in positions])


def structural_zero(positions: list[Tree], degrees: tuple[int, ...]) -> bool:
    """Exact zeros: activity in two positions of a linear readout; one hidden relu layer and odd total
    degree >= 3 (kappa1(t) - t/2 is even, kappa0(t) - 1/2 is odd)."""
    rest = iter(degrees)
    active = []
    for tree in positions:
        own = [next(rest) for _ in dims([tree])]
        if any(own):
            active.append((tree, sum(own)))
    if len(active) > 1:
        return True
    if len(active) == 1:
        tree, total = active[0]
        flat = tree.get("activation") == "relu" and all("leaf" in child for child in tree["node"])
        return flat and total % 2 == 1 and total >= 3
    return False
