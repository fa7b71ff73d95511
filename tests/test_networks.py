"""Descriptions of networks, their kernels on arrays, and what bad input gets."""

import random
from fractions import Fraction

import numpy as np
import pytest

import eigenspace as es
from eigenspace.shapes import layout, size_exponent


def by_hand(part, correlations):
    """The recursion in plain floats, written out for one point: returns the pair (K, T)."""
    if not hasattr(part, "children"):
        xi = correlations[part]
        return xi, xi
    pairs = [by_hand(child, correlations) for child in part.children]
    s = sum(k for k, _ in pairs) / len(pairs)
    h = sum(t for _, t in pairs) / len(pairs)
    if part.activation == es.relu:
        angle = np.arccos(s)
        dual, slope = (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi, (np.pi - angle) / np.pi
    elif part.activation == es.identity:
        dual, slope = s, 1.0
    else:
        rate = 2 * part.activation.gamma
        dual, slope = np.exp(-rate * (1 - s)), rate * np.exp(-rate * (1 - s))
    return dual, dual + slope * h


def random_part(rng, depth):
    if depth == 0 or rng.random() < 0.2:
        return es.leaf(rng.randint(1, 9))
    children = [random_part(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    return es.node(children, activation=rng.choice([es.relu, es.relu, es.identity, es.rbf(0.3)]))


@pytest.mark.parametrize("seed", range(12))
def test_kernel_function_is_the_recursion(seed):
    rng = random.Random(seed)
    net = es.network([random_part(rng, 3) for _ in range(rng.randint(1, 3))])
    points = np.random.default_rng(seed).uniform(-1, 1, size=(4, 5, len(net.leaves)))
    for kernel in ("nngp", "ntk"):
        values = es.kernel_function(net, kernel)(points)
        assert values.shape == (4, 5)
        for index in np.ndindex(4, 5):
            where = dict(zip(net.leaves, points[index]))
            pairs = [by_hand(p, where) for p in net.positions]
            expected = np.mean([pair[kernel == "ntk"] for pair in pairs])
            assert values[index] == pytest.approx(expected, abs=2e-15 * 40)


def test_kernel_function_accepts_shared_children():
    shared = es.node([es.leaf(3)])
    net = es.network([es.node([shared, es.leaf(4)]), es.node([shared])])
    assert len(net.leaves) == 2 and not net.is_tree
    assert es.kernel_function(net, "nngp")(np.ones(2)) == pytest.approx(1.0)
    with pytest.raises(es.UnsupportedError, match="tree"):
        layout(net)


def test_diagonal_counts_layers():
    for depth in range(1, 6):
        assert es.kernel_function(es.mlp(7, depth), "ntk")([1.0]) == pytest.approx(depth + 1, abs=1e-14)
    net = es.cnn(12, (1, 4, 4), 16, head="dense")
    assert (net.depth, net.dim, len(net.leaves)) == (4, 3072, 256)
    assert es.kernel_function(net, "ntk")(np.ones(256)) == pytest.approx(5.0, abs=1e-13)


def test_endpoints_of_the_rectifier():
    f = es.kernel_function(es.mlp(3, 1), "nngp")
    assert f([-1.0]) == 0.0 and f([1.0]) == 1.0
    assert es.relu.on_array(np.array([-1.0]))[1] == 0.0


def test_shapes_forget_the_order_of_children():
    a = es.network([es.node([es.node([es.leaf(4)]), es.leaf(6), es.leaf(6)])])
    b = es.network([es.node([es.leaf(6), es.node([es.leaf(4)]), es.leaf(6)])])
    assert layout(a).root == layout(b).root


def test_size_exponents_are_exact_where_possible():
    assert size_exponent(4, 256) == Fraction(1, 4) and size_exponent(12**3, 12**5) == Fraction(3, 5)
    assert isinstance(size_exponent(12, 3072), float)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: es.mlp(0, 1), ValueError, ("dim", "positive", "0")),
        (lambda: es.mlp(-3, 1), ValueError, ("dim", "-3")),
        (lambda: es.mlp(2.5, 1), TypeError, ("dim", "2.5", "integer")),
        (lambda: es.mlp(True, 1), TypeError, ("dim", "True")),
        (lambda: es.mlp(3, 0), ValueError, ("depth", "0")),
        (lambda: es.mlp(3, 1, leaves=0), ValueError, ("leaves", "0")),
        (lambda: es.mlp(3, 1, activation="relu"), TypeError, ("activation", "relu")),
        (lambda: es.cnn(3, ()), ValueError, ("filters",)),
        (lambda: es.cnn(3, (2, 0)), ValueError, ("filters", "0", "position 1")),
        (lambda: es.cnn(3, (2, 1.5)), TypeError, ("filters", "1.5")),
        (lambda: es.cnn(3, 2), TypeError, ("filters", "2")),
        (lambda: es.cnn(3, (1,), 0), ValueError, ("positions", "0")),
        (lambda: es.cnn(3, (1,), head="global"), ValueError, ("head", "flatten", "global")),
        (lambda: es.leaf(0), ValueError, ("dim", "0")),
        (lambda: es.node([]), ValueError, ("children",)),
        (lambda: es.node([3]), TypeError, ("children", "3")),
        (lambda: es.network([]), ValueError, ("positions",)),
        (lambda: es.network([es.leaf(3)], head="tr"), ValueError, ("head",)),
        (lambda: es.rbf(0), ValueError, ("gamma",)),
        (lambda: es.rbf("a"), TypeError, ("gamma",)),
        (lambda: es.kernel_function(es.mlp(3, 1), "cntk"), ValueError, ("kernel", "nngp", "cntk")),
        (lambda: es.kernel_function(es.mlp(3, 1))([0.1, 0.2]), ValueError, ("xi", "shape")),
        (lambda: es.kernel_function(es.mlp(3, 1))([1.5]), ValueError, ("xi", "-1 and 1")),
        (lambda: es.kernel_function(es.mlp(3, 1))([float("nan")]), ValueError, ("xi",)),
        (lambda: es.eigenvalue("net", 1), TypeError, ("net",)),
        (lambda: es.eigenvalue(es.mlp(3, 1), 1, "ntkk"), ValueError, ("kernel", "ntk")),
        (lambda: es.eigenvalue(es.mlp(3, 1), -1), ValueError, ("degrees", "-1")),
        (lambda: es.eigenvalue(es.mlp(3, 1), 1.5), TypeError, ("degrees", "1.5")),
        (lambda: es.eigenvalue(es.mlp(3, 1), "2"), TypeError, ("degrees",)),
        (lambda: es.eigenvalue(es.mlp(3, 1, leaves=2), 1), ValueError, ("degrees", "2 leaves")),
        (lambda: es.eigenvalue(es.mlp(3, 1, leaves=2), (1,)), ValueError, ("degrees", "one entry per leaf")),
        (lambda: es.eigenvalue(es.mlp(3, 1, leaves=2), {2: 1}), ValueError, ("degrees", "2", "0 to 1")),
        (lambda: es.eigenvalue(es.mlp(3, 1, leaves=2), {0: -1}), ValueError, ("degrees", "-1")),
        (lambda: es.eigenvalue(es.mlp(1, 1, leaves=2), {0: 2}), ValueError, ("degrees", "two points", "2")),
        (lambda: es.eigenvalue(es.mlp(3, 1), 1, rtol=0), ValueError, ("rtol",)),
        (lambda: es.eigenvalue(es.mlp(3, 1), 1, ring="arb"), TypeError, ("ring", "arb", "ball(128)")),
        (lambda: es.spectrum(es.mlp(3, 1), degree=-1), ValueError, ("degree", "-1")),
        (lambda: es.spectrum(es.mlp(3, 1), degree=2, count=3), ValueError, ("degree", "count")),
        (lambda: es.spectrum(es.mlp(3, 1), count=0), ValueError, ("count", "0")),
        (lambda: es.spectrum(es.mlp(3, 1), min_value=0.0), ValueError, ("min_value",)),
        (lambda: es.spectrum(es.mlp(3, 1), min_value=float("nan")), ValueError, ("min_value",)),
    ],
)
def test_bad_input(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_different_activations_of_layers():
    net = es.mlp(8, 3, activation=[es.relu, es.erf, es.gelu])
    by_hand = es.network(
        [es.node([es.node([es.node([es.leaf(8)])], activation=es.erf)], activation=es.gelu)]
    )
    assert net.call == "mlp(8, 3, activation=[relu, erf, gelu])" and net.activations == by_hand.activations
    xi = np.linspace(-1, 1, 9)[:, None]
    assert np.array_equal(es.kernel_function(net)(xi), es.kernel_function(by_hand)(xi))
    cnn = es.cnn(4, (1, 2), 2, head="dense", activation=(es.rbf(0.5), es.relu, es.erf), sigma_b=0.1)
    assert cnn.call.endswith("activation=[rbf(0.5), relu, erf], sigma_b=0.1)")
    assert [a.name for a in cnn.activations] == ["rbf(0.5)", "relu", "erf"]
    assert es.overlapping_cnn(4, 4, (2, 2), activation=[es.erf, es.relu]).activations == (es.erf, es.relu)
    assert es.mlp(3, 2, activation=[es.erf, es.erf]).call == "mlp(3, 2, activation=erf)"
    with pytest.raises(ValueError, match="each of the 3 layers, got 2"):
        es.mlp(8, 3, activation=[es.relu, es.erf])
