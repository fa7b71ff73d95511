"""Laws that hold for every network and both kernels, on the catalogue of tests/networks.py."""

import sys
from functools import lru_cache
from itertools import combinations, product
from math import prod
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, ndtr

sys.path.insert(0, str(Path(__file__).parent.parent))
import eigenspace as es  # noqa: E402
from eigenspace.classes import canonical  # noqa: E402
from eigenspace.harmonics import gegenbauer, multiplicity  # noqa: E402
from eigenspace.shapes import layout  # noqa: E402
from networks import CATALOGUE as WRITTEN  # noqa: E402
from networks import UNWRITTEN  # noqa: E402

CATALOGUE = WRITTEN | UNWRITTEN
KERNELS = ("nngp", "ntk")
#: loose enough that no network needs its highest truncation order
RTOL = 1e-6
#: largest total degree of the tables, where not 6
DEGREES = {"sphere": 40, "sphere, deep": 16, "circle": 40, "rbf sphere": 20, "torus": 18, "Xiao MLP": 14,
           "D-CNN, rbf": 12, "Xiao HR": 10, "cube": 6, "cube, tree": 4, "two points": 1}  # fmt: skip
FINITE = ("two points", "cube", "cube, tree", "linear", "monomials", "polynomial tree", "Hermite cube")
FAST = ("rbf sphere", "torus", "Xiao MLP", "D-CNN, rbf", "Xiao HR")
#: networks whose multi-degrees are few enough to write out
EXPLICIT = ["sphere", "sphere, deep", "circle", "two points", "two spheres", "three spheres", "rbf sphere", "linear",
            "S-CNN", "S-CNN, wide filter", "D-CNN", "D-CNN, dense", "D-CNN, rbf", "cube", "cube, tree", "torus",
            "monomials", "polynomial tree", "Hermite cube", "ragged", "mixed", "absolute", "leaky", "squared",
            "exponential", "step", "sign", "erf", "gelu", "sine", "cosine", "Gaussian", "tanh", "SiLU",
            "erf at a variance",
            "positions of different size"]  # fmt: skip


@lru_cache
def table(name, kernel) -> es.EigenTable:
    """The table of a network of the catalogue, computed once."""
    return es.spectrum(CATALOGUE[name], kernel, degree=DEGREES.get(name, 6), rtol=RTOL)


def listed(rows) -> float:
    """Sum of the eigenvalues with their multiplicities."""
    return sum(row.value * row.multiplicity for row in rows)


def uncertainty(rows) -> float:
    """What the stated errors allow in that sum, and the rounding of the trace."""
    return sum(row.value * row.multiplicity * row.error for row in rows) + 1e-14


def explicit(name, kernel, top):
    """The eigenvalue of every multi-degree up to a total degree, by its class."""
    net = CATALOGUE[name]
    plan = layout(net)
    values = {canonical(plan, row.degrees): row.value for row in table(name, kernel)}
    ranges = (range((1 if leaf.dim == 1 else top) + 1) for leaf in net.leaves)
    return {r: values[canonical(plan, r)] for r in product(*ranges) if sum(r) <= top}


def correlations(net, rng, size):
    """Correlations of independent uniform points: a coordinate of a uniform unit vector for every sphere."""
    columns = []
    for leaf in net.leaves:
        if leaf.dim == 1:
            columns.append(rng.choice([-1.0, 1.0], size))
        else:
            # the square of the coordinate is Beta(1/2, (dim - 1)/2)
            columns.append(np.sqrt(rng.beta(0.5, (leaf.dim - 1) / 2, size)) * rng.choice([-1.0, 1.0], size))
    return np.stack(columns, axis=-1)


both = pytest.mark.parametrize("kernel", KERNELS)
_gauss = lambda z: np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
_sigmoid = lambda z: 1 / (1 + np.exp(-z))
_silu_slope = lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z)))
_erf_slope = lambda z: 2 * np.exp(-z * z) / np.sqrt(np.pi)
#: activations with their functions, derivatives and scales
SMOOTH = {
    es.erf: (erf, _erf_slope, 1.0),
    CATALOGUE["erf at a variance"].activations[0]: (erf, _erf_slope, np.sqrt(0.5)),
    es.gelu: (lambda z: z * ndtr(z), lambda z: ndtr(z) + z * _gauss(z), 1.0),
    CATALOGUE["sine"].activations[0]: (lambda z: np.sin(z + 0.5), lambda z: np.cos(z + 0.5), 1.0),
    CATALOGUE["cosine"].activations[0]: (np.cos, np.sin, 0.5),
    CATALOGUE["Gaussian"].activations[0]: (_gauss, lambda z: -z * _gauss(z), 1.0),
    CATALOGUE["tanh"].activations[0]: (np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1.0),
    CATALOGUE["SiLU"].activations[0]: (lambda z: z * _sigmoid(z), _silu_slope, 1.0),
}


def test_the_catalogue_is_large_enough():
    assert len(CATALOGUE) >= 20 and set(EXPLICIT) | set(FAST) | set(FINITE) <= set(CATALOGUE)


@both
@pytest.mark.parametrize("name", CATALOGUE)
def test_eigenvalues_are_positive_or_exactly_zero(name, kernel):
    for row in table(name, kernel):
        assert row.value > 0 if row.log10 > -320 else row.value >= 0
        if name in ("tanh", "SiLU"):
            assert row.bound == "estimated"
        else:
            assert (row.bound == "exact") == (row.log10 == -np.inf)
        assert 0 <= row.error < 1e-5


@both
@pytest.mark.parametrize("name", CATALOGUE)
def test_trace_identity(name, kernel):
    # the eigenvalues with their multiplicities sum to K(1, ..., 1): in critical networks 1 for the NNGP kernel and
    # depth + 1 for the NTK; others are in test_network_layers
    net, rows = CATALOGUE[name], table(name, kernel)
    if net.layers != net.activations:
        assert kernel == "ntk" or rows.trace == pytest.approx(float(net.variance), rel=1e-14)
    elif name not in ("ragged", "mixed"):
        assert rows.trace == pytest.approx(1 if kernel == "nngp" else _trace(net), rel=1e-14)
    assert listed(rows) <= rows.trace + uncertainty(rows)
    if name in FINITE:
        assert listed(rows) == pytest.approx(rows.trace, abs=uncertainty(rows))
    elif name in FAST:
        assert 0.0 < 1 - listed(rows) / rows.trace + 1e-12 < 1e-7
    # every degree adds to the sum, unless all its classes vanish
    shares = np.array([listed(rows.where(total_degree=k)) for k in range(max(rows.total_degree) + 1)])
    assert np.all(shares >= 0) and shares[:2].sum() > 0 or name in FINITE  # an odd kernel has no constant
    assert rows.coverage() == pytest.approx(listed(rows) / rows.trace, rel=1e-12)


def _trace(net):
    """K + sum over the hidden layers of the slopes at 1: ``n**2 / (2n - 1)`` for a rectifier of order ``n``, the
    rate of an exponential dual, the sum of ``n a_n`` for a polynomial, otherwise by quadrature."""

    def slope_at_one(activation):
        if activation in SMOOTH:
            function, derivative, scale = SMOOTH[activation]
            x = np.arange(-160, 161) / 12
            weight = np.exp(-x * x / 2)
            return scale**2 * (weight @ derivative(scale * x) ** 2) / (weight @ function(scale * x) ** 2)
        if activation.dual_coefficients:
            return float(sum(n * a for n, a in enumerate(activation.dual_coefficients)))
        if hasattr(activation, "power"):
            return activation.power**2 / (2 * activation.power - 1)
        return float(activation.rate) if hasattr(activation, "rate") else 1.0

    def pair(part):
        if not hasattr(part, "children"):
            return 1.0
        return 1.0 + slope_at_one(part.activation) * sum(map(pair, part.children)) / len(part.children)

    return sum(map(pair, net.positions)) / len(net.positions)


@both
@pytest.mark.parametrize("name", ["sphere", "circle", "three spheres", "D-CNN", "high dimension"])
def test_coverage_grows_towards_one_with_the_degree(name, kernel):
    rows = table(name, kernel)
    missing = [1 - listed(rows.where(lambda row: row.total_degree <= k)) / rows.trace for k in (1, 3, 6)]  # noqa: B023
    assert missing[0] > missing[1] > missing[2] > 0
    if name in ("sphere", "circle"):
        # the tails of the sums fall like powers of the degree: 1/k for the NTK of ReLU, 1/k**3 for the NNGP kernel
        rest = [1 - listed(rows.where(lambda row: row.total_degree <= k)) / rows.trace for k in (20, 40)]  # noqa: B023
        assert rest[0] / rest[1] == pytest.approx(2 if kernel == "ntk" else 8, rel=0.15)


@both
@pytest.mark.parametrize("name", EXPLICIT)
def test_eigenvalues_rebuild_the_kernel(name, kernel):
    # |K(xi) - sum_r lambda(r) prod N P(xi)| <= what is not listed of the trace: |P| <= 1, and no term is negative at 1
    net, rows = CATALOGUE[name], table(name, kernel)
    top = min(int(max(rows.total_degree)), {1: 40, 2: 12, 3: 8}.get(len(net.leaves), 6))
    values = explicit(name, kernel, top)
    rng = np.random.default_rng(5)
    xi = np.concatenate([rng.uniform(-1, 1, (12, len(net.leaves))), correlations(net, rng, 12)])
    signs = [leaf.dim == 1 for leaf in net.leaves]
    xi[:, signs] = np.sign(xi[:, signs])
    terms = [
        [multiplicity(leaf.dim, k) * gegenbauer(leaf.dim, k, xi[:, u]) for k in range(top + 1)]
        for u, leaf in enumerate(net.leaves)
    ]
    partial = sum(value * prod(terms[u][k] for u, k in enumerate(r)) for r, value in values.items())
    counts = {r: prod(multiplicity(leaf.dim, k) for leaf, k in zip(net.leaves, r)) for r in values}
    rest = rows.trace - sum(value * counts[r] for r, value in values.items())
    kernel_values = es.kernel_function(net, kernel)(xi)
    assert np.all(np.abs(kernel_values - partial) <= max(rest, 0) + uncertainty(rows) + 1e-13)
    # the explicit list and the classes count the same eigenfunctions
    assert sum(counts.values()) == sum(rows.where(lambda row: row.total_degree <= top).multiplicity)
    # far from 1 the series is much better than the bound: a wrong eigenvalue of low degree would show
    if rest < 1e-6 or name in FINITE:
        assert np.all(np.abs(kernel_values - partial) <= 2e-6)


@both
@pytest.mark.parametrize("name", CATALOGUE)
def test_raising_a_degree_by_two_never_raises_the_eigenvalue(name, kernel):
    net, rows = CATALOGUE[name], table(name, kernel)
    plan = layout(net)
    values = {canonical(plan, row.degrees): row for row in rows}
    compared = 0
    for row in rows:
        for u in dict.fromkeys([k for k, degree in enumerate(row.degrees) if degree] + [len(row.degrees) - 1]):
            raised = list(row.degrees)
            raised[u] += 2
            if net.leaves[u].dim > 1 and sum(raised) <= max(rows.total_degree):
                above = values[canonical(plan, tuple(raised))]
                assert above.log10 <= row.log10 + 2 * RTOL
                compared += 1
    assert compared or all(leaf.dim == 1 for leaf in net.leaves)


@both
@pytest.mark.parametrize("name", ["sphere", "two spheres", "D-CNN, dense", "ragged", "mixed", "S-CNN, wide filter",
                                  "Xiao HR", "positions of different size"])  # fmt: skip
def test_monte_carlo(name, kernel):
    # lambda(r) = E[K prod P]: sample means within five of their own standard errors
    net, rng = CATALOGUE[name], np.random.default_rng(20240613)
    xi = correlations(net, rng, 200_000)
    values = es.kernel_function(net, kernel)(xi)
    first = [0] * len(net.leaves)
    cases = [{}, {0: 1}, {0: 2}, {len(first) - 1: 1}]
    cases += [{u: 1, v: 1} for u, v in combinations(range(min(len(first), 3)), 2)] + [{0: 2, len(first) - 1: 1}]
    rows = {canonical(layout(net), row.degrees): row for row in table(name, kernel)}
    for case in cases:
        degrees = tuple(case.get(u, 0) for u in range(len(first)))
        factors = (gegenbauer(leaf.dim, k, t) for leaf, k, t in zip(net.leaves, degrees, xi.T))
        sample = values * prod(factors)
        expected = rows[canonical(layout(net), degrees)].value
        error = sample.std(ddof=1) / np.sqrt(len(sample))
        assert abs(sample.mean() - expected) < 5 * error, (degrees, sample.mean(), expected, error)


@both
@pytest.mark.parametrize("name", ["sphere", "two spheres", "D-CNN, rbf", "cube", "ragged"])
def test_second_moment_of_the_kernel(name, kernel):
    # E[K**2] = sum over r of lambda(r)**2 mult(r), by independent sampling of the left side
    net = CATALOGUE[name]
    values = es.kernel_function(net, kernel)(correlations(net, np.random.default_rng(7), 200_000)) ** 2
    rows = table(name, kernel)
    total = sum(row.value**2 * row.multiplicity for row in rows)
    rest = (rows.trace - listed(rows) + uncertainty(rows)) * max(rows.values())
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert -5 * error < values.mean() - total < 5 * error + rest


@both
def test_two_points_beside_a_sphere_by_quadrature(kernel):
    net = es.network([es.node([es.node([es.leaf(1)]), es.leaf(6)])])
    x, w = np.polynomial.legendre.leggauss(200)
    angle = (x + 1) * np.pi / 2
    w = w * np.sin(angle) ** 4
    for row in es.spectrum(net, kernel, degree=6, rtol=1e-11):
        k, l = row.degrees
        total = 0.0
        for sign in (1.0, -1.0):
            values = es.kernel_function(net, kernel)(np.stack([np.full_like(angle, sign), np.cos(angle)], axis=-1))
            total += sign**k / 2 * np.sum(w * gegenbauer(6, l, np.cos(angle)) * values) / np.sum(w)
        assert total == pytest.approx(row.value, abs=row.value * row.error + 1e-14)
