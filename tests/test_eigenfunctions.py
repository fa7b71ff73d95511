"""Eigenfunctions: orthonormal, of the right degree, and multiplied by their eigenvalue when a kernel is applied."""

import numpy as np
import pytest

import eigenspace as es
from eigenspace.harmonics import gegenbauer, multiplicity, zonal_harmonic
from eigenspace.parts import Network

TREE = es.cnn(4, (1, 2), 3, head="dense")
MIXED = es.network([es.node([es.leaf(1), es.leaf(2), es.leaf(5)])])


def close(samples, truth):
    """Within five standard errors of the sample's own."""
    return abs(samples.mean() - truth) <= 5 * samples.std() / len(samples) ** 0.5 + 1e-14


@pytest.mark.parametrize("dim", [2, 3, 4, 10, 1000])
def test_zonal_harmonics_are_orthonormal(dim):
    """By the Gauss rule for the law of the correlation, exact for these polynomials."""
    from scipy.special import roots_jacobi

    t, weight = roots_jacobi(41, (dim - 3) / 2, (dim - 3) / 2)
    values = np.array([zonal_harmonic(dim, k, t) for k in range(41)])
    assert np.abs((values * (weight / weight.sum())) @ values.T - np.eye(41)).max() < 1e-11


@pytest.mark.parametrize("dim, degree", [(2, 300), (3, 1000), (5, 50), (1000, 12), (10**6, 9)])
def test_high_degrees_and_dimensions(dim, degree):
    """Against the recurrence of the Gegenbauer polynomials in 60 digits; relative to the size at the pole or to 1."""
    import mpmath

    for x in (0.3, 0.99, 1.0):
        t = x if x == 1 else x / max(1, dim / 20) ** 0.5
        with mpmath.workdps(60):
            exact = float(mpmath.sqrt(multiplicity(dim, degree)) * gegenbauer(dim, degree, mpmath.mpf(t)))
        assert abs(zonal_harmonic(dim, degree, t) - exact) < 3e-15 * degree * max(1, abs(exact))


def test_two_points_have_two_functions():
    t = np.array([-1.0, 1.0])
    assert [zonal_harmonic(1, k, t).tolist() for k in range(3)] == [[1, 1], [-1, 1], [0, 0]]


def test_products_over_leaves_are_orthonormal():
    x = es.sample(MIXED, 40_000, seed=0)
    degrees = [{}, {0: 1}, {1: 3}, {2: 2}, {0: 1, 2: 2}, {1: 1, 2: 1}]
    values = [es.harmonic(MIXED, r, x) for r in degrees] + [es.harmonic(MIXED, {1: 1, 2: 1}, x, seed=4)]
    for i, a in enumerate(values[:-1]):
        for j, b in enumerate(values[:-1]):
            assert close(a * b, float(i == j)), (i, j)
        if i < 5:
            assert close(a * values[-1], 0.0)
    assert close(values[-1] ** 2, 1.0)


def test_forms_of_degrees_and_seeds():
    x = es.sample(MIXED, 7, seed=0)
    assert np.array_equal(es.harmonic(MIXED, (1, 0, 2), x), es.harmonic(MIXED, {0: 1, 2: 2}, x))
    assert np.allclose(es.harmonic(MIXED, {2: 1}, x), 5**0.5 * x[:, 3], rtol=1e-15)
    first, scaled = (es.harmonic(MIXED, {2: 2}, factor * x, seed=1) for factor in (1, 3))
    assert np.allclose(first, scaled, atol=1e-14)
    assert not np.allclose(first, es.harmonic(MIXED, {2: 2}, x, seed=2))
    with pytest.raises(ValueError, match="degrees must be 0 or 1 on a leaf of dimension 1"):
        es.harmonic(MIXED, {0: 2}, x)


def rayleigh(net, kernel, function, blocks=25, size=60):
    """Samples of ``Y(x) K(x, x') Y(x')``, one mean for each block of independent inputs."""
    found = []
    for block in range(blocks):
        x, y = es.sample(net, size, 2 * block), es.sample(net, size, 2 * block + 1)
        found.append(function(x) @ es.gram(net, x, y, kernel) @ function(y) / size**2)
    return np.array(found)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("degrees", [{0: 1}, {0: 2}, {0: 1, 1: 1}])
def test_a_kernel_multiplies_by_the_eigenvalue(kernel, degrees):
    """The mean of Y K Y is the eigenvalue for a single function; for a random one of the class as well."""
    value = es.eigenvalue(TREE, degrees, kernel, rtol=1e-4).value
    for function in (
        lambda x: es.harmonic(TREE, degrees, x, seed=1),
        es.random_function(TREE, degrees, seed=2, terms=4),
    ):
        assert close(rayleigh(TREE, kernel, function), value)


def test_a_kernel_maps_a_function_to_its_multiple():
    """Funk-Hecke, point by point: the mean over x' of K(x, x') Y(x') is the eigenvalue times Y(x)."""
    x, y = es.sample(TREE, 5, seed=0), es.sample(TREE, 4000, seed=1)
    for degrees in ({0: 1}, {0: 2}):
        products = es.gram(TREE, x, y) * es.harmonic(TREE, degrees, y)
        expected = es.eigenvalue(TREE, degrees, rtol=1e-4).value * es.harmonic(TREE, degrees, x)
        for line, truth in zip(products, expected):
            assert close(line, truth)


def test_random_functions_have_mean_square_one_and_move_over_the_class():
    f = es.random_function(TREE, {0: 2, 1: 1}, seed=0, terms=40)
    assert close(f(es.sample(TREE, 10_000, seed=1)) ** 2, 1.0)
    places = {tuple((factor.leaf, factor.degree) for factor in term) for term in f.terms}
    assert len(places) == 6  # each of the 3 positions, either leaf first
    assert all(abs(a - b) == 1 and a // 2 == b // 2 for (a, _), (b, _) in places)
    again = es.random_function(TREE, {0: 2, 1: 1}, seed=0, terms=40)
    x = es.sample(TREE, 4, seed=2)
    assert np.array_equal(f(x), again(x)) and "{0: 2, 1: 1}, 40 terms" in repr(f)


def test_few_functions_in_a_class_are_not_counted_twice():
    """All terms of the one function of degree 1 on two points are the same up to their sign."""
    f = es.random_function(es.mlp(1, 1), 1, seed=0, terms=30)
    assert np.abs(np.abs(f(np.array([[1.0], [-1.0]]))) - 1).max() < 1e-14


def test_pooled_functions():
    """Averaged over the positions; their eigenvalue is that without pooling [Xiao2022, app. H]."""
    flat = es.cnn(4, (1, 2), 3)
    pooled = Network(flat.positions, flat.call, "gap")
    x = es.sample(flat, 10_000, seed=0)
    y = es.harmonic(pooled, {0: 1, 1: 1}, x)
    each = sum(es.harmonic(flat, {2 * v: 1, 2 * v + 1: 1}, x) for v in range(3)) / 3**0.5
    assert np.allclose(y, each, atol=1e-13) and close(y**2, 1.0)
    assert np.array_equal(es.harmonic(pooled, {}, x[:3]), np.ones(3))
    value = es.eigenvalue(flat, {0: 1, 1: 1}, rtol=1e-4).value
    assert close(rayleigh(pooled, "ntk", es.random_function(pooled, {0: 1, 1: 1}, seed=0, terms=4)), value)


def test_networks_that_share_children():
    low = es.node([es.leaf(3), es.leaf(3)])
    net = es.network([es.node([low, es.leaf(2)]), es.node([low])])
    f = es.random_function(net, {0: 1}, seed=0, terms=5)
    assert {factor.leaf for term in f.terms for factor in term} == {0}
    assert close(f(es.sample(net, 20_000, seed=1)) ** 2, 1.0)
