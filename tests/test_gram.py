"""Gram matrices against the kernel function, entry by entry."""

import time
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import eigenspace as es
from eigenspace.activations.rectified import Relu
from eigenspace.data import grams
from eigenspace.data.sampling import offsets
from eigenspace.data.tiling import program, reciprocal
from eigenspace.parts import Network
from networks import CATALOGUE


def correlations(net, x, y):
    bounds = offsets(net)
    return np.stack([x[:, a:b] @ y[:, a:b].T for a, b in zip(bounds, bounds[1:])], axis=-1).clip(-1, 1)


def shared():
    """Nodes with several parents, one of them a readout, and a node that is its parent's child twice."""
    a, b, c = (es.leaf(dim) for dim in (4, 3, 4))
    low = es.node([a, b])
    middle = es.node([low, c, low], activation=es.rbf(0.5))
    top = es.node([middle, low, es.node([c])])
    return es.network([top, middle, top, a])


NETWORKS = CATALOGUE | {"shared": shared(), "leaves alone": es.network([es.leaf(3), es.leaf(5)])}


@pytest.mark.parametrize("name", NETWORKS)
def test_kernel_function(name):
    net = NETWORKS[name]
    x, y = es.sample(net, 11, seed=0), es.sample(net, 9, seed=1)
    both = es.gram(net, x, y, kernel=("nngp", "ntk"))
    for kernel, matrix in zip(("nngp", "ntk"), both):
        function = es.kernel_function(net, kernel)
        assert np.abs(matrix - function(correlations(net, x, y))).max() < 1e-13
        square = es.gram(net, x, kernel=kernel, memory=100_000)
        apart = ~np.eye(len(x), dtype=bool)
        assert np.abs(square - function(correlations(net, x, x)))[apart].max() < 1e-13
        assert np.array_equal(square, square.T)
        assert np.all(square.diagonal() == function(np.ones(len(net.leaves))))


def test_many_tiles_and_threads(monkeypatch):
    """Any cut into tiles gives the same matrix."""
    net = NETWORKS["D-CNN, dense"]
    x, y = es.sample(net, 150, seed=0), es.sample(net, 70, seed=1)
    whole, square = es.gram(net, x, y), es.gram(net, x)
    for rows in (7, 64):
        monkeypatch.setattr(grams, "_ROWS", rows)
        assert np.abs(es.gram(net, x, y) - whole).max() < 1e-14
        again = es.gram(net, x)
        assert np.abs(again - square).max() < 1e-14 and np.array_equal(again, again.T)


@dataclass(frozen=True, repr=False)
class Residual(Relu):
    """A layer known by its triple alone, with the name and the dual of another."""

    def triple(self, form, t, role="all"):
        dual, _, slope = super().triple(form, t, role)
        return (t + dual) / 2, dual, (1 + slope) / 2


def test_layers_are_read_through_their_triple():
    layer = Residual()
    net = es.network([es.node([es.node([es.leaf(5)], activation=layer)] * 2, activation=layer)])
    x, y = es.sample(net, 20, seed=0), es.sample(net, 10, seed=1)
    s = h = x @ y.T
    for _ in range(2):
        f, g, slope = layer.triple("on_array", s)
        s, h = f, g + slope * h
    nngp, ntk = es.gram(net, x, y, kernel=("nngp", "ntk"))
    assert np.abs(nngp - s).max() < 1e-14 and np.abs(ntk - h).max() < 1e-13


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_pooling_is_the_mean_over_pairs_of_positions(kernel):
    flat = es.cnn(4, (1, 2), 3)
    pooled = Network(flat.positions, flat.call, "gap")
    x = es.sample(flat, 40, seed=0)
    parts, one = x.reshape(40, 3, 8), es.cnn(4, (1, 2))
    mean = sum(es.gram(one, parts[:, u], parts[:, v], kernel) for u in range(3) for v in range(3)) / 9
    found, apart = es.gram(pooled, x, kernel=kernel), ~np.eye(40, dtype=bool)
    assert np.abs(es.gram(pooled, x, x, kernel) - mean).max() < 1e-14
    assert np.abs(found - mean)[apart].max() < 1e-14 and np.array_equal(found, found.T)
    # on the diagonal the three pairs of equal positions are exact
    unequal = sum(es.gram(one, parts[:, u], parts[:, v], kernel) for u in range(3) for v in range(3) if u != v)
    exact = (unequal.diagonal() + 3 * es.kernel_function(one, kernel)([1.0, 1.0])) / 9
    assert np.abs(found.diagonal() - exact).max() < 1e-14


def test_memory_does_not_depend_on_the_number_of_leaves():
    def working(net):
        x = es.sample(net, 200, seed=0)
        es.gram(net, x[:2])
        tracemalloc.start()
        es.gram(net, x, memory=10**6)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - 8 * 200**2 - 2 * x.nbytes

    small, large = es.cnn(2, (1, 4, 4), 1), es.cnn(2, (1, 4, 4), 20)
    assert program(small, True).registers == program(large, True).registers
    assert working(large) < 1.2e6  # the budget, and the steps themselves
    with pytest.raises(ValueError, match=r"memory must be at least \d+ bytes for this network, got 1000"):
        es.gram(small, es.sample(small, 20, seed=0), memory=1000)


def test_registers_grow_with_the_depth():
    sizes = [program(es.cnn(3, (2,) * depth, 2, head="dense"), True).registers for depth in (2, 4, 6)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] <= 4


def test_single_precision_is_the_rounded_result():
    """Also where the angles are so small that correlations in single precision would be useless."""
    angles = np.linspace(0, 1e-3, 40)
    x = np.column_stack([np.cos(angles), np.sin(angles)])
    double, single = (es.gram(es.mlp(2, 2), x, dtype=dtype) for dtype in (np.float64, np.float32))
    assert single.dtype == np.float32 and np.array_equal(single, single.T)
    assert np.abs(single - double).max() < 1e-6


def test_images_are_scaled_patch_by_patch():
    rng = np.random.default_rng(0)
    images = rng.integers(1, 255, (6, 8, 8, 3))
    net = es.cnn(12, (1, 4), 4)
    x = es.patches(images, 2)
    brighter = x * rng.uniform(0.5, 2, (6, 16, 1))
    assert np.abs(es.gram(net, x, kernel="nngp") - es.gram(net, brighter, kernel="nngp")).max() < 1e-14
    assert np.array_equal(es.gram(net, x.reshape(6, -1)), es.gram(net, x))
    images[2, :2, 2:4] = 0
    with pytest.raises(ValueError, match="only zeros in leaf 1 of input 2; leave this input out"):
        es.gram(net, es.patches(images, 2))


def test_results_into_given_arrays(tmp_path):
    net = es.mlp(5, 2)
    x = es.sample(net, 30, seed=0)
    file = np.memmap(tmp_path / "gram", dtype=np.float64, mode="w+", shape=(30, 30))
    assert es.gram(net, x, out=file) is file and np.array_equal(file, es.gram(net, x))
    outs = np.empty((30, 30)), np.empty((30, 30))
    assert es.gram(net, x, kernel=("ntk", "nngp"), out=outs)[1] is outs[1]
    assert np.array_equal(outs[1], es.gram(net, x, kernel="nngp"))


def test_a_failure_stops_the_other_tiles():
    begun = []

    def work(place):
        begun.append(place)
        time.sleep(1e-3)
        if place == 3:
            raise KeyboardInterrupt

    for workers in (1, 2):
        begun.clear()
        with pytest.raises(KeyboardInterrupt):
            list(grams._done(work, list(range(500)), workers))
        assert len(begun) < 500


def test_mean_of_ones():
    assert all(n * reciprocal(n) >= 1 and abs(n * reciprocal(n) - 1) < 4e-16 for n in range(1, 3000))


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"kernel": "nkt"}, ValueError, "did you mean 'ntk'"),
        ({"kernel": ("ntk", "ntk")}, ValueError, "each kernel once"),
        ({"dtype": np.int64}, ValueError, "dtype must be float64 or float32, got int64"),
        ({"Y": np.ones((2, 3))}, ValueError, r"Y must have the shape \(n, 5\) or \(n, 1, 5\), got \(2, 3\)"),
        ({"out": np.ones((2, 3))}, ValueError, r"out must be an array of shape \(4, 4\)"),
        ({"memory": 0}, ValueError, "memory must be a positive integer"),
    ],
)
def test_bad_input(options, error, message):
    net = es.mlp(5, 1)
    with pytest.raises(error, match=message):
        es.gram(net, es.sample(net, 4, seed=0), **options)
