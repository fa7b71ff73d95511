"""Weight and bias variances, residual blocks, and the parts of single layers, against a recursion written out here."""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy

import eigenspace as es
from eigenspace.errors import UnsupportedError
from eigenspace.harmonics import gegenbauer
from eigenspace.parts import trained_alone


def relu_pair(q, k):
    """``E[φφ]`` and ``E[φ'φ']`` of ``max(z, 0)`` at variance ``q`` and covariance ``k`` [ChoSaul2009]."""
    angle = mp.acos(min(k / q, mp.mpf(1)))
    return q * (mp.sin(angle) + (mp.pi - angle) * mp.cos(angle)) / (2 * mp.pi), (mp.pi - angle) / (2 * mp.pi)


def erf_pair(q, k):
    """The same of erf [Williams1997]."""
    return 2 / mp.pi * mp.asin(2 * k / (1 + 2 * q)), 4 / mp.pi / mp.sqrt((1 + 2 * q) ** 2 - 4 * k**2)


PAIRS = {"relu": relu_pair, "erf": erf_pair}


def chain(pair, t, depth, sigma_w, sigma_b, residual=None):
    """Kernel, tangent kernel and the parts of the layers 0 to ``depth`` of a chain over one correlation.

    The pre-activations of every dense layer have a kernel ``S`` and, for each trained layer, a tangent kernel.
    """
    weights, biases = mp.mpf(sigma_w) ** 2, mp.mpf(sigma_b) ** 2
    kernel, variance, parts = mp.mpf(t), mp.mpf(1), []
    for layer in range(depth):
        q, s = weights * variance + biases, weights * kernel + biases
        value, slope = pair(q, s)
        top = pair(q, q)[0]
        # of the features: all that was trained below passes the weights; this layer adds its own pre-activation
        inner = [slope * weights * part for part in parts] + [slope * s]
        if residual is None or layer == 0:
            kernel, variance, parts = value, top, inner
        else:
            a = mp.mpf(residual) ** 2
            # the matrix on top of the branch belongs to the same layer
            parts = [part + a * new for part, new in zip(parts, inner)] + [a * (inner[-1] + value)]
            kernel, variance = kernel + a * value, variance + a * top
    return kernel, [*parts, kernel]


CASES = [
    ("relu", 2, {"sigma_w": 1.3, "sigma_b": 0.4}),
    ("relu", 3, {"sigma_w": 1.5, "sigma_b": 0.0, "residual": 0.6}),
    ("relu", 3, {"sigma_w": 1.1, "sigma_b": 0.3, "residual": 0.5}),
    ("erf", 3, {"sigma_w": 1.7, "sigma_b": 0.2}),
    ("erf", 3, {"sigma_w": 0.8, "sigma_b": 0.0, "residual": 0.9}),
]


@pytest.mark.parametrize(("name", "depth", "options"), CASES)
def test_kernel_and_its_layers(name, depth, options):
    net = es.mlp(7, depth, activation=getattr(es, name), **options)
    parts = [es.kernel_function(trained_alone(net, layer)) for layer in range(depth + 1)]
    for t in (-0.97, -0.2, 0.0, 0.55, 0.999):
        kernel, expected = chain(PAIRS[name], t, depth, **options)
        assert es.kernel_function(net, "nngp")([t]) == pytest.approx(float(kernel), rel=1e-13)
        assert es.kernel_function(net)([t]) == pytest.approx(float(sum(expected)), rel=1e-13)
        assert [part([t]) for part in parts] == pytest.approx([float(x) for x in expected], rel=1e-13)


@pytest.mark.parametrize(("name", "depth", "options"), CASES)
@pytest.mark.parametrize("dim", [5, 12])
def test_eigenvalues_by_quadrature(name, depth, options, dim):
    """Of the whole and of every layer; the integrand is smooth in the angle."""
    net = es.mlp(dim, depth, activation=getattr(es, name), **options)
    nodes, masses = np.polynomial.legendre.leggauss(80)
    angles = np.pi * (nodes + 1) / 2
    masses = masses * np.sin(angles) ** (dim - 2)
    values = [chain(PAIRS[name], float(np.cos(angle)), depth, **options)[1] for angle in angles]
    parts = masses / masses.sum() * np.array(values, dtype=float).T
    whole = es.spectrum(net, degree=4)
    tables = [es.spectrum(net, degree=4, layer=layer) for layer in range(depth + 1)]
    for degree in (0, 1, 4):
        means = parts @ gegenbauer(dim, degree, np.cos(angles))
        assert whole[degree].value == pytest.approx(means.sum(), rel=1e-10)
        assert whole[degree].error < 1e-12
        assert [table[degree].value for table in tables] == pytest.approx(list(means), rel=1e-10)


TREES = {
    "biases": es.cnn(12, (2, 2), 1, head="dense", sigma_w=1.2, sigma_b=0.3),
    "residual": es.cnn(10, (2, 1, 2), 1, head="dense", residual=0.5),
    "erf": es.cnn(9, (1, 2), 1, head="dense", activation=es.erf, sigma_w=1.4, sigma_b=0.1),
    "two layers": es.network([es.node([es.node([es.leaf(9), es.leaf(9)], es.erf)], es.relu, sigma_b=0.5)]),
}


@pytest.mark.parametrize("name", TREES)
def test_layers_of_trees_add_up(name):
    net = TREES[name]
    table = es.spectrum(net, degree=2)
    parts = [es.spectrum(net, degree=2, layer=layer) for layer in range(net.depth + 1)]
    total = np.sum([part.values() for part in parts], axis=0)
    assert total == pytest.approx(table.values(), rel=1e-9)
    assert sum(part.trace for part in parts) == pytest.approx(table.trace, rel=1e-13)
    assert parts[-1].values() == pytest.approx(es.spectrum(net, "nngp", degree=2).values(), rel=1e-14)
    assert all(part.values()[i] >= 0 for part in parts for i in range(len(table)))


@pytest.mark.parametrize("name", TREES)
def test_kernel_of_uncorrelated_inputs_is_the_sum_over_its_table(name):
    """There all placements of a class have one value, so that a table of classes gives the kernel."""
    net = TREES[name]
    total = 0.0
    for row in es.spectrum(net, degree=6):
        at_zero = [gegenbauer(leaf.dim, k, np.zeros(1))[0] for leaf, k in zip(net.leaves, row.degrees)]
        total += row.value * row.multiplicity * float(np.prod(at_zero))
    # the sum alternates; its terms fall by a factor of about 20 from one even degree to the next
    assert total == pytest.approx(es.kernel_function(net)(np.zeros(len(net.leaves))), rel=3e-3)


def test_critical_weights_are_the_default():
    net, plain = es.mlp(6, 3, sigma_w=sympy.sqrt(2)), es.mlp(6, 3)
    assert net.layers == plain.layers
    assert net.variance == 1
    for degree in (0, 1, 2, 3, 7):
        assert es.eigenvalue(net, degree).value == es.eigenvalue(plain, degree).value


@pytest.mark.parametrize("scale", [0.5, 3])
def test_homogeneous_activations_only_scale(scale):
    """Without biases, ReLU layers multiply all eigenvalues by one number."""
    net, plain = es.mlp(6, 3, sigma_w=scale), es.mlp(6, 3)
    factor = Fraction(str(scale)) ** 6 / 8
    assert net.variance == factor
    assert es.eigenvalue(net, 5).value == pytest.approx(float(factor) * es.eigenvalue(plain, 5).value, rel=1e-14)
    wide = es.mlp(3, 1, sigma_w=scale)
    assert es.eigenvalue(wide, 4, "nngp", ring=es.EXACT).value == sympy.Rational(1, 1536) * sympy.Rational(
        *(Fraction(str(scale)) ** 2 / 2).as_integer_ratio()
    )
    assert es.closed_form(wide, 4, "nngp").expr == es.eigenvalue(wide, 4, "nngp", ring=es.EXACT).value
    order, reference = es.leading_order(net, 2), es.leading_order(plain, 2)
    assert order.constant == pytest.approx(float(factor) * reference.constant, rel=1e-14)


def test_polynomials_stay_exact():
    """A bias moves mass of the dual of ``z**2`` (2t^2 + 1)/3 to the first power."""
    net = es.mlp(5, 1, activation=es.monomial(2), sigma_w=1, sigma_b=1)
    # (t + 1) / 2 at variance 2: E[z^2 z'^2] = 4 + 2 (t + 1)^2 = 6 + 4 t + 2 t^2
    assert [es.eigenvalue(net, k, "nngp", ring=es.EXACT).value for k in range(4)] == [
        sympy.Rational(6) + sympy.Rational(2, 5),
        sympy.Rational(4, 5),
        2 * sympy.Rational(2, 35),
        0,
    ]
    assert es.closed_form(net, 1, "nngp").expr == sympy.Rational(4, 5)


def test_biases_leave_no_structural_zero():
    plain, biased = es.mlp(10, 1), es.mlp(10, 1, sigma_b=0.1)
    assert es.eigenvalue(plain, 3).value == 0
    assert es.eigenvalue(biased, 3).value > 0
    assert es.leading_order(biased, 3).exponent == 3


@pytest.mark.parametrize("layer", range(4))
def test_shares_of_high_frequencies(layer):
    """Of layer l (1 to L) among L: (L - l + [l = 1] Π (-1)^k) / (L(L-1)/2 + Π (-1)^k) for k to infinity [D&J 2021].

    ``Π`` is the product of ``κ0`` at the values that the kernels take at opposite inputs.
    """
    depth = 3  # layers 0 .. 3: L = 4 in the formula
    net = es.mlp(3, depth)
    k0 = lambda t: (np.pi - np.arccos(t)) / np.pi  # noqa: E731
    k1 = lambda t: (np.sqrt(1 - t * t) + (np.pi - np.arccos(t)) * t) / np.pi  # noqa: E731
    values, product = 0.0, 1.0
    for _ in range(depth - 1):
        product *= k0(values)
        values = k1(values)
    for degree in (200, 201):
        share = es.eigenvalue(net, degree, layer=layer).value / es.eigenvalue(net, degree).value
        parity = product * (-1) ** degree
        limit = (depth - layer + (parity if layer == 0 else 0)) / (depth * (depth + 1) / 2 + parity)
        assert share == pytest.approx(limit, abs=0.01)


def test_deep_residual_weight():
    net = es.mlp(8, 17, residual=lambda blocks: blocks**-0.5)
    assert net.call == "mlp(8, 17, residual=0.25)"
    # each of 16 blocks multiplies the variance by 1 + 1/16
    assert net.variance == Fraction(17, 16) ** 16


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: es.mlp(3, 2, sigma_w=0), "sigma_w must be a positive real number, got 0"),
        (lambda: es.mlp(3, 2, sigma_b=-1), "sigma_b must be a non-negative real number, got -1"),
        (lambda: es.mlp(3, 1, residual=0.5), "needs a layer that keeps its positions"),
        (lambda: es.cnn(3, (1, 2), residual=0.5), "needs a layer that keeps its positions"),
        (lambda: es.node([es.leaf(3)], residual=0.5), "put a node between"),
        (lambda: es.mlp(3, 2, sigma_w=sympy.pi), "a rational square"),
        (lambda: es.eigenvalue(es.mlp(3, 2), 1, layer=3), r"layers are 0 \(input side\) to 2"),
        (lambda: es.eigenvalue(es.mlp(3, 2), 1, "nngp", layer=1), "is a part of the NTK"),
    ],
)
def test_refusals(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_unsupported():
    ragged = es.network([es.node([es.node([es.leaf(4)], sigma_w=1), es.leaf(4)])])
    with pytest.raises(UnsupportedError, match="children of one variance"):
        es.spectrum(ragged)
    with pytest.raises(UnsupportedError, match="different depths"):
        es.spectrum(ragged, layer=0)
    with pytest.raises(UnsupportedError, match="polynomial activations only"):
        es.eigenvalue(es.mlp(3, 2), 1, ring=es.EXACT, layer=0)


def test_balls_hold_the_floats():
    for net in (TREES["residual"], es.mlp(3, 1, sigma_w=1.2, sigma_b=0.3)):
        degrees = {0: 2}
        ball, number = es.eigenvalue(net, degrees, ring=es.ball(96), rtol=1e-14), es.eigenvalue(net, degrees)
        assert ball.bound == "proved"
        assert abs(float(ball.value.mid()) / number.value - 1) <= number.error + 1e-14


DECAYS = [
    es.mlp(3, 1, sigma_b=0.5),
    es.mlp(4, 2, sigma_w=1.2, sigma_b=0.3),
    es.mlp(3, 3, residual=0.5),
    es.mlp(3, 2, sigma_w=3),
    es.network([es.node([es.node([es.leaf(3)], es.erf, sigma_w=1.5)], sigma_b=0.2)]),
]


@pytest.mark.parametrize("net", DECAYS, ids=lambda net: net.call)
def test_decay_laws(net):
    """The law with its constants meets the eigenvalues at degree 100 to the next order of the expansion."""
    assert es.decay(net).compare([100, 101]) == pytest.approx([1, 1], abs=2e-3)


def test_biases_are_smooth_at_opposite_inputs():
    assert es.decay(es.mlp(3, 1, sigma_b=0.5)).ends[1] == 0
    assert es.decay(es.mlp(3, 1)).ends[1] != 0
