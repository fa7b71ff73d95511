"""Inputs on the product of spheres, and patches of images."""

import numpy as np
import pytest

import eigenspace as es
from eigenspace.data.sampling import features, offsets

MIXED = es.network([es.node([es.leaf(1), es.leaf(4)]), es.node([es.leaf(2)])])


def test_leaves_are_unit_vectors_in_their_order():
    x = es.sample(MIXED, 50, seed=3)
    assert x.shape == (50, 7) and x.dtype == np.float64
    for a, b in zip([0, 1, 5], [1, 5, 7]):
        assert np.abs(np.sum(x[:, a:b] ** 2, axis=1) - 1).max() < 1e-15
    assert set(x[:, 0].tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
def test_uniform_law(dim):
    r"""Moments of the uniform law: mean 0, covariance 1/s, E x_1**4 = 3/(s(s+2)); and leaves are independent."""
    x = es.sample(es.mlp(dim, 1, leaves=2), 20_000, seed=0)
    outer = x[:, :, None] * x[:, None, :]
    expected = np.eye(2 * dim) / dim
    for found, truth in [(x, 0), (outer, expected), (x**4, 3 / (dim * (dim + 2)))]:
        error = found.std(axis=0) / len(x) ** 0.5
        assert np.all(np.abs(found.mean(axis=0) - truth) <= 5 * error + 1e-14)


def test_first_inputs_do_not_depend_on_the_number():
    assert np.array_equal(es.sample(MIXED, 5, seed=1), es.sample(MIXED, 9, seed=1)[:5])
    assert not np.array_equal(es.sample(MIXED, 5, seed=1), es.sample(MIXED, 5, seed=2))
    rng = np.random.default_rng(1)
    first, second = es.sample(MIXED, 5, rng), es.sample(MIXED, 4, rng)
    assert np.array_equal(np.vstack([first, second]), es.sample(MIXED, 9, seed=1))


def test_patches_are_the_squares_of_an_image():
    images = np.arange(2 * 6 * 4 * 3).reshape(2, 6, 4, 3)
    cut = es.patches(images, (3, 2))
    assert cut.shape == (2, 4, 18)
    assert np.array_equal(cut[1, 2], images[1, 3:6, 0:2].ravel())
    assert np.array_equal(es.patches(images[..., 0], 2)[0, 3], images[0, 2:4, 2:4, 0].ravel())


def test_features_are_scaled_leaf_by_leaf():
    net, x = es.mlp(3, 1, leaves=2), np.array([[3.0, 0, 4, 1e-200, 0, 0], [1e300, 1e300, 0, 0, -2, 0]])
    expected = [[0.6, 0, 0.8, 1, 0, 0], [0.5**0.5, 0.5**0.5, 0, 0, -1, 0]]
    assert np.abs(features(net, x) - expected).max() < 1e-15
    assert np.array_equal(features(net, x.reshape(2, 2, 3)), features(net, x))
    assert np.array_equal(x[0, :3], [3, 0, 4])
    assert offsets(MIXED).tolist() == [0, 1, 5, 7]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: es.sample(MIXED, 0, 1), ValueError, "n must be a positive integer, got 0"),
        (lambda: es.sample(MIXED, 3, -1), ValueError, "seed must be a non-negative integer, got -1"),
        (lambda: es.sample("mlp", 3, 1), TypeError, "net must be a Network"),
        (lambda: es.patches(np.ones((2, 6, 6)), 4), ValueError, r"got \(4, 4\) for 6 x 6 pixels"),
        (lambda: es.patches(np.ones((6, 6)), 2), ValueError, r"\(n, height, width\).*got \(6, 6\)"),
        (lambda: es.patches(np.ones((2, 6, 6)), (1, 2, 3)), ValueError, "one integer or a pair"),
        (lambda: features(MIXED, np.ones((3, 6))), ValueError, r"shape \(n, 7\), got \(3, 6\)"),
        (lambda: features(es.mlp(3, 1, leaves=2), np.ones(6)), ValueError, r"\(n, 6\) or \(n, 2, 3\), got \(6,\)"),
        (lambda: features(MIXED, np.full((3, 7), np.nan)), ValueError, "X must be finite, got nan in input 0"),
        (lambda: features(MIXED, np.full((3, 7), "a")), TypeError, "real numbers"),
        (lambda: features(MIXED, 1.0 - np.eye(3, 7)), ValueError, "only zeros in leaf 0 of input 0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
