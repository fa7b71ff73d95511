"""Centred kernels: the same eigenvalues as without centring, and series that are what they say."""

import numpy as np
import pytest
from flint import arb

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.classes import enumerate_classes
from eigenspace.duals import degree, evaluate, is_nonnegative, power_series
from eigenspace.frames import Centre, Centred, Plain, means
from eigenspace.moments import root_moments
from eigenspace.rings import FLOAT, BallRing
from eigenspace.shapes import layout


def mixed(*activations):
    """A join of two different leaves and two different patches."""
    patch = lambda a, b: es.node([es.node([es.leaf(dim)], activation=a) for dim in (5, 5)], activation=b)  # noqa: E731
    children = [es.node([es.leaf(8)], activation=activations[1]), es.leaf(6)]
    children += [patch(*activations[1:]), patch(*activations[1:]), patch(activations[2], activations[1])]
    return es.network([es.node(children, activation=activations[0])])


NETWORKS = {
    "relu": es.cnn(8, (1, 2, 2), 2, head="dense"),
    "bare patches": es.cnn(6, (3, 2), 2),
    "mixed": mixed(es.relu, es.relu, es.erf),
    "biased": es.cnn(7, (2, 2), 2, sigma_w=1.2, sigma_b=0.6, head="dense"),
    "odd": es.cnn(7, (1, 2, 2), 2, activation=es.erf),
    "polynomial below": es.cnn(7, (2, 2), 2, activation=[es.monomial(2), es.relu]),
    "polynomial above": es.cnn(7, (2, 2), 2, activation=[es.relu, es.hermite(2)]),
    "cubes": es.cnn(1, (8, 2), 2, head="dense"),
    "residual": es.mlp(7, 3, leaves=2, residual=0.5),
}


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("name", NETWORKS)
def test_balls_with_and_without_centring_hold_one_number(monkeypatch, name, kernel):
    pool = enumerate_classes(layout(NETWORKS[name]).root, 4)
    found = []
    for centres in (True, False):
        monkeypatch.setattr(BallRing, "centres", property(lambda self, centres=centres: centres))
        ring = BallRing(160)
        rows, index = root_moments(pool, kernel, 96, ring)
        found.append(ring.moments(rows, index))
    rows, index = root_moments(pool, kernel, 96, FLOAT)
    lower, upper = (side.float64() for side in FLOAT.bracket(rows, index))
    for c, (ours, theirs) in enumerate(zip(*found)):
        assert ours.overlaps(theirs) and ours.is_zero() == theirs.is_zero() == (lower[c] == 0)
        assert arb(lower[c]) <= ours.upper() and ours.lower() <= arb(upper[c])
    # around uncorrelated inputs, the same order cuts off less
    assert sum(x.rad() for x in found[0]) <= sum(x.rad() for x in found[1]) * (1 + arb(2) ** -20)


def centred_shapes(net):
    """All shapes of a network."""
    pending, found = [layout(net).root], []
    while pending:
        shape = pending.pop()
        found.append(shape)
        pending += [child for child, _ in shape.groups]
    return found


@pytest.mark.parametrize("name", ["relu", "mixed", "biased", "polynomial above"])
def test_centred_chains_are_the_chains_after_two_changes_of_variables(name):
    with precision(200):
        for shape in centred_shapes(NETWORKS[name]):
            start, constant = means(shape)
            chain = Centred().chain(shape)
            for z in (arb(1), arb("0.3"), arb(0), arb("-0.2")):
                kernel, tangent = evaluate(shape.chain, start + (1 - start) * z, arb("0.7"))
                ours, passed = evaluate(chain, z, arb("0.7"))
                assert ours.overlaps((kernel - constant) / (1 - constant)) and passed.overlaps(tangent)
            assert evaluate(chain, arb(1), arb(1))[0] == 1


@pytest.mark.parametrize("name", ["relu", "mixed", "biased", "odd"])
def test_centred_series_have_no_constant_and_no_negative_coefficient(name):
    for shape in centred_shapes(NETWORKS[name]):
        triple = power_series(Centred().chain(shape), 40)
        assert triple.f[0].is_zero() or shape.dim is None and not shape.chain
        assert all(c >= 0 for row in (triple.f, triple.g, triple.h) for c in row)
        assert sum(triple.f, arb(0)) <= 1 and triple.h_at_one >= sum(triple.h, arb(0))


def test_what_has_no_constant_is_left_alone():
    shapes = centred_shapes(NETWORKS["odd"])
    assert all(Centred().chain(shape) == shape.chain for shape in shapes)
    assert all(Centred().weights(s, 64) == Plain().weights(s, 64) for s in shapes if s.groups)


def test_weights_of_different_children_sum_to_one():
    root = layout(NETWORKS["mixed"]).root
    weights = Centred().weights(root, 200)
    assert len(set(map(str, weights))) > 1
    assert abs(sum(float(w) * count for w, (_, count) in zip(weights, root.groups)) - 1) < 1e-14


def test_a_centred_kernel_may_be_negative_and_keeps_its_degree():
    shape = next(s for s in centred_shapes(NETWORKS["relu"]) if s.dim)
    assert is_nonnegative(shape.chain) and not is_nonnegative(Centred().chain(shape))
    assert is_nonnegative((Centre(shape), es.relu))
    shape = layout(NETWORKS["polynomial above"]).root.groups[0][0]
    assert degree(Centred().chain(shape)) == degree(shape.chain) == 2


def test_high_dimension_needs_no_more_than_the_degree():
    """At a million dimensions fluctuations are so small that powers beyond the degree and a few more do not count."""
    net = es.cnn(10**6, (1, 4, 4), 4, head="dense")
    pool = enumerate_classes(layout(net).root, 4)
    rows, index = root_moments(pool, "ntk", 12, FLOAT)
    assert np.max(FLOAT.gaps(rows)[:, index]) < 1e-12
