"""Classes of multi-degrees against the explicit list of all multi-degrees of small trees."""

import random
from collections import defaultdict
from itertools import product
from math import comb, prod

import numpy as np
import pytest

import eigenspace as es
from eigenspace.classes import Representatives, canonical, enumerate_classes, single
from eigenspace.harmonics import multiplicity
from eigenspace.indices import index_columns
from eigenspace.shapes import layout
from networks import CATALOGUE

TREES = {
    "sphere": (es.mlp(3, 2), 7),
    "block": (es.mlp(4, 1, leaves=4), 6),
    "two levels": (es.cnn(3, (1, 2), 2, head="dense"), 6),
    "wide first filter": (es.cnn(2, (2, 2), 2), 4),
    "three levels": (es.cnn(5, (1, 2, 2), 2, head="dense"), 4),
    "cube": (es.mlp(1, 2, leaves=6), 8),
    "cube, tree": (es.cnn(1, (2, 2), 2, head="dense"), 8),
    "cube under others": (es.network([es.node([es.node([es.leaf(1), es.leaf(1), es.leaf(1)]), es.leaf(3)])]), 6),
    "ragged": (CATALOGUE["ragged"], 5),
    "mixed": (CATALOGUE["mixed"], 6),
    "different positions": (CATALOGUE["positions of different size"], 6),
    "three shapes": (
        es.network([es.node([es.leaf(3), es.leaf(4), es.leaf(3)]), es.node([es.node([es.leaf(3)]), es.leaf(4)])]), 5,
    ),
}  # fmt: skip
HOMOGENEOUS = [name for name in TREES if name not in ("cube under others", "ragged", "mixed", "different positions",
                                                      "three shapes")]  # fmt: skip


def shape_of(part, degrees):
    """A canonical form written independently of the package: sorted nested tuples, dimensions at the leaves."""
    if not hasattr(part, "children"):
        return part.dim, degrees[part]
    return part.activation.name, tuple(sorted((shape_of(child, degrees) for child in part.children), key=repr))


def orbits(net, degree):
    """All multi-degrees up to a total degree, by that canonical form: counts and members."""
    found, members = defaultdict(int), defaultdict(list)
    tops = [1 if leaf.dim == 1 else degree for leaf in net.leaves]
    for degrees in product(*(range(top + 1) for top in tops)):
        if sum(degrees) <= degree:
            where = dict(zip(net.leaves, degrees))
            key = tuple(sorted((shape_of(p, where) for p in net.positions), key=repr))
            found[key] += prod(multiplicity(leaf.dim, k) for leaf, k in zip(net.leaves, degrees))
            members[key].append(degrees)
    return found, members


@pytest.mark.parametrize("name", TREES)
def test_every_class_is_listed_once_with_its_exact_count(name):
    net, degree = TREES[name]
    plan, (found, members) = layout(net), orbits(net, degree)
    pool = enumerate_classes(plan.root, degree)
    assert len(pool) == len(found)
    assert pool.degree.tolist() == sorted(pool.degree.tolist()) and pool.degree[0] == 0 and pool.count[0] == 1
    seen, place = set(), Representatives(plan, pool)
    for index in range(len(pool)):
        degrees = place(index)
        assert sum(degrees) == pool.degree[index]
        where = dict(zip(net.leaves, degrees))
        key = tuple(sorted((shape_of(p, where) for p in net.positions), key=repr))
        assert pool.count[index] == found[key] and isinstance(pool.count[index], int)
        seen.add(key)
        # one canonical form for all members of the orbit
        assert len({canonical(plan, member) for member in members[key]}) == 1
    assert seen == set(found)
    assert len({canonical(plan, place(i)) for i in range(len(pool))}) == len(pool)


@pytest.mark.parametrize("name", TREES)
def test_counts_sum_to_all_eigenfunctions(name):
    # generating function: product over leaves of sum_k N(s, k) x**k
    net, degree = TREES[name]
    total = [1] + [0] * degree
    for leaf in net.leaves:
        own = [multiplicity(leaf.dim, k) for k in range(degree + 1)]
        total = [sum(total[i] * own[n - i] for i in range(n + 1)) for n in range(degree + 1)]
    pool = enumerate_classes(layout(net).root, degree)
    for n in range(degree + 1):
        assert sum(pool.count[pool.degree == n].tolist()) == total[n]


@pytest.mark.parametrize("name", TREES)
def test_a_single_class_is_the_class_of_the_full_pool(name):
    net, degree = TREES[name]
    plan, pool = layout(net), enumerate_classes(layout(net).root, degree)
    spaces, place = index_columns(pool, net.dim), Representatives(plan, pool)
    for index in random.Random(name).sample(range(len(pool)), min(len(pool), 40)):
        degrees = place(index)
        small = single(plan.root, canonical(plan, degrees))
        last = len(small) - 1
        assert small.count[last] == pool.count[index] and small.degree[last] == pool.degree[index]
        assert canonical(plan, Representatives(plan, small)(last)) == canonical(plan, degrees)
        assert sorted(small.pattern(last).split()) == sorted(pool.pattern(index).split())
        assert [c[last] for c in index_columns(small, net.dim)] == [c[index] for c in spaces]
        assert small.degree[0] == 0 and all(small.degree[:-1] <= small.degree[last])


@pytest.mark.parametrize("name", TREES)
def test_restrict_keeps_the_chosen_classes(name):
    net, degree = TREES[name]
    plan, pool = layout(net), enumerate_classes(layout(net).root, degree)
    rng, place = np.random.default_rng(3), Representatives(plan, pool)
    for share in (0.0, 0.05, 0.5, 1.0):
        mask = rng.random(len(pool)) < share
        kept, numbers = pool.restrict(mask)
        place_kept = Representatives(plan, kept)
        assert len(kept) <= len(pool) and (share < 1 or len(kept) == len(pool))
        for index in np.flatnonzero(mask):
            new = numbers[index]
            assert place_kept(new) == place(index)
            assert kept.count[new] == pool.count[index] and kept.pattern(new) == pool.pattern(index)
        assert kept.degree[0] == 0
    nothing, _ = pool.restrict(np.zeros(len(pool), dtype=bool))
    assert len(nothing) == 1


@pytest.mark.parametrize("name", HOMOGENEOUS)
def test_pattern_names_the_class(name):
    net, degree = TREES[name]
    pool = enumerate_classes(layout(net).root, degree)
    patterns = [pool.pattern(i) for i in range(len(pool))]
    assert patterns[0] == "0" and len(set(patterns)) == len(pool)
    for pattern, total in zip(patterns, pool.degree):
        assert sum(int(word) for word in pattern.split() if word.strip("/")) == total


def test_pattern_counts_the_levels_between_two_leaves():
    net = es.cnn(5, (2, 2), 2, head="dense")
    plan = layout(net)
    for degrees, pattern in {
        (2, 1, 0, 0, 0, 0, 0, 0): "2 1",
        (1, 0, 0, 2, 0, 0, 0, 0): "2 / 1",
        (1, 0, 0, 0, 0, 0, 3, 0): "3 // 1",
        (1, 1, 1, 0, 0, 0, 0, 4): "4 // 1 1 / 1",
    }.items():
        pool = single(plan.root, canonical(plan, degrees))
        assert pool.pattern(len(pool) - 1) == pattern


def test_automorphisms_keep_the_canonical_form_and_only_they():
    net = es.cnn(5, (1, 2), 2, head="dense")
    plan = layout(net)
    form = lambda *degrees: canonical(plan, degrees)
    assert form(1, 2, 0, 0) == form(2, 1, 0, 0) == form(0, 0, 2, 1)
    assert form(1, 2, 3, 0) == form(0, 3, 2, 1) == form(3, 0, 1, 2)
    assert len({form(1, 2, 0, 0), form(1, 0, 2, 0), form(3, 0, 0, 0), form(0, 0, 0, 0), form(1, 1, 1, 0)}) == 5


def test_dimensions_tell_leaves_apart():
    plan = layout(es.network([es.node([es.leaf(4), es.leaf(6)])]))
    assert canonical(plan, (1, 0)) != canonical(plan, (0, 1))


def test_hypercube_pools_count_subsets():
    net = es.mlp(1, 1, leaves=40)
    pool = enumerate_classes(layout(net).root, 100)
    assert pool.count.tolist() == [comb(40, k) for k in range(41)] and sum(pool.count) == 2**40


def test_huge_counts_are_exact_integers():
    net = es.cnn(10**4, (1, 10), 1000, head="dense")
    plan = layout(net)
    pool = enumerate_classes(plan.root, 6)
    leaf = [multiplicity(10**4, k) for k in range(7)]
    expected = {
        "6": 10**4 * leaf[6],
        "3 3": 1000 * comb(10, 2) * leaf[3] ** 2,
        "2 / 2 / 2": comb(1000, 3) * (10 * leaf[2]) ** 3,
        "1 / 1 / 1 / 1 / 1 / 1": comb(1000, 6) * (10 * leaf[1]) ** 6,
        "2 1 / 2 1": comb(1000, 2) * (90 * leaf[2] * leaf[1]) ** 2,
    }
    found = {pool.pattern(i): pool.count[i] for i in range(len(pool))}
    assert all(isinstance(c, int) for c in found.values())
    assert {pattern: found[pattern] for pattern in expected} == expected
    assert max(found.values()) > 2**64


@pytest.mark.parametrize("net", [es.cnn(5, (1, 3), 2, head="dense"), es.mlp(4, 1, leaves=3)])
def test_activity_numbers_the_vectors_of_active_children(net):
    pool = enumerate_classes(layout(net).root, 4)
    vectors, which = pool.activity
    assert np.array_equal(vectors[which], pool.active)
    assert len({tuple(v) for v in vectors.tolist()}) == len(vectors)
