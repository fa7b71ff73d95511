"""Decay laws against exact eigenvalues, numerical expansions, and the constants of the literature."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy

import eigenspace as es
from eigenspace._endpoints import expansion
from eigenspace.decays import _front, radial_eigenvalue

A, B = sympy.sqrt(2) / sympy.pi, 2 * sympy.sqrt(2) / (3 * sympy.pi)


def numbers(law):
    return [float(law._number(c, 20)) for c in law.ends]


# the theorem


@pytest.mark.parametrize("dim", [2, 3, 4, 7])
@pytest.mark.parametrize("nu", [Fraction(1, 2), Fraction(3, 2), Fraction(1, 4), Fraction(7, 10)])
def test_the_gamma_ratio_is_exact_for_a_pure_power(dim, nu):
    front = sympy.N(_front(dim, nu), 25)
    with mpmath.workdps(25):
        exponent = mpmath.mpf(nu.numerator) / nu.denominator
        constant = mpmath.gamma(mpmath.mpf(dim) / 2) / mpmath.sqrt(mpmath.pi) / mpmath.gamma(mpmath.mpf(dim - 1) / 2)
        for k in (0, 1, 2, 5):

            def integrand(x, k=k):
                half = mpmath.mpf(dim) / 2 - 1
                harmonic = mpmath.cos(k * x)
                if dim > 2:
                    harmonic = mpmath.gegenbauer(k, half, mpmath.cos(x)) / mpmath.gegenbauer(k, half, 1)
                return (2 * mpmath.sin(x / 2) ** 2) ** exponent * harmonic * mpmath.sin(x) ** (dim - 2)

            value = constant * mpmath.quad(integrand, [0, mpmath.pi / 2, mpmath.pi])
            law = mpmath.mpf(str(front)) * mpmath.gamma(k - exponent) / mpmath.gamma(k + exponent + dim - 1)
            assert abs(law / value - 1) < 1e-15


def test_printed_constants():
    printed = {3: (-0.3535533906, 1.5909902577), 4: (-0.9003163162, 5.401897897), 5: (-3.181980515, 23.86485387)}
    printed[10] = (-33189.26, 497838.91)
    for dim, values in printed.items():
        for nu, value in zip((Fraction(1, 2), Fraction(3, 2)), values):
            assert float(_front(dim, nu)) == pytest.approx(value, rel=2e-7)


# one sphere


@pytest.mark.parametrize(
    "layers, nngp, ntk",
    [
        (2, (0.30010544, 0.30010544), (-0.45015816, -0.45015816)),
        (3, (0.60021088, 0.15005272), (-1.35047447, -0.22507908)),
        (4, (0.90031632, 0.09049908), (-2.70094895, -0.13574862)),
        (6, (1.5005272, 0.04249352), (-6.75237237, -0.06374026)),
    ],
)
def test_relu_networks(layers, nngp, ntk):
    for kernel, ends, shift in (("nngp", nngp, 2), ("ntk", ntk, 0)):
        for dim in (3, 4) if layers == 3 else (3,):
            law = es.decay(es.mlp(dim, layers - 1), kernel)
            assert law.exponent == dim + shift
            assert numbers(law) == pytest.approx(ends, abs=2e-8)
            ratios = law.compare([300, 301])
            assert abs(ratios[0] - 1) < 2e-4
            assert math.isnan(ratios[1]) if layers == 2 else abs(ratios[1] - 1) < 2e-4
            assert law.zeros == ((None, 3) if layers == 2 else (None, None))


def test_depth_changes_only_the_constant():
    for layers in range(2, 8):
        laws = [es.decay(es.mlp(sympy.Symbol("d", positive=True), layers - 1), kernel) for kernel in ("nngp", "ntk")]
        assert laws[0].ends[0] - (layers - 1) * B == 0
        assert laws[1].ends[0] + A * layers * (layers - 1) / 2 == 0
        assert [law.exponent - law.dim for law in laws] == [2, 0]
        # the other end: the product of the slopes on the way of -1
        rho, product = mpmath.mpf(-1), mpmath.mpf(1)
        for _ in range(layers - 2):
            angle = mpmath.acos(rho)
            rho = (mpmath.sin(angle) + (mpmath.pi - angle) * rho) / mpmath.pi
            product *= 1 - mpmath.acos(rho) / mpmath.pi
        assert numbers(laws[0])[1] == pytest.approx(float(B * product), rel=1e-13)
        assert numbers(laws[1])[1] == pytest.approx(float(-A * product), rel=1e-13)


@pytest.mark.parametrize(
    "activation, dim, depth, kernel, exponent, tolerance",
    [
        (es.step, 3, 1, "ntk", 3, 2e-4),
        (es.sign, 4, 1, "nngp", 4, 2e-4),
        (es.absolute, 3, 2, "nngp", 5, 2e-3),
        (es.absolute, 3, 2, "ntk", 3, 2e-3),
        (es.leaky_relu(0.3), 3, 2, "ntk", 3, 2e-3),
        (es.rectified_monomial(2), 3, 1, "nngp", 7, 2e-3),
        (es.rectified_monomial(2), 4, 2, "ntk", 6, 5e-3),
        (es.rectified_monomial(3), 2, 1, "nngp", 8, 5e-3),
    ],
)
def test_other_rectifiers(activation, dim, depth, kernel, exponent, tolerance):
    law = es.decay(es.mlp(dim, depth, activation=activation), kernel)
    assert law.exponent == exponent
    ratios = law.compare([120, 121])
    seen = 0
    for k, ratio in zip((120, 121), ratios):
        if law.zeros[k % 2] is None:
            assert abs(ratio - 1) < tolerance
            seen += 1
        else:
            assert math.isnan(ratio) and es.eigenvalue(law.source, k, kernel).value == 0
    assert seen


def test_deep_steps():
    """n steps: nu = 2**-n and c_1 = -a**(2 - 2**(1-n)); the next power is only k**(-2 nu) away."""
    for n in (1, 2, 3):
        law = es.decay(es.mlp(3, n, activation=es.step), "nngp")
        assert law.nu == sympy.Rational(1, 2**n)
        power = 2 - sympy.Rational(2) ** (1 - n)
        assert numbers(law)[0] == pytest.approx(float(-(A**power)), rel=1e-12)
    # the next term alternates with the degree
    assert np.mean(es.decay(es.mlp(5, 2, activation=es.step)).compare([16, 17])) == pytest.approx(1, abs=0.08)


def test_mixed_chains():
    part = es.node([es.node([es.leaf(3)], activation=es.rbf(0.5))])
    law = es.decay(es.network([es.node([part], activation=es.exponential(1))]))
    assert law.exponent == 3 and np.allclose(law.compare([100, 101]), 1, atol=2e-3)


CHAINS = [
    (es.relu, es.relu, es.relu),
    (es.step, es.step),
    (es.relu, es.step),
    (es.rectified_monomial(2), es.relu),
    (es.leaky_relu(0.2), es.rbf(0.3), es.rectified_monomial(3)),
    (es.absolute, es.relu),
    (es.relu, es.absolute),
    (es.sign, es.relu),
    (es.identity, es.leaky_relu(-2), es.identity),
]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda c: "-".join(a.name for a in c))
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_expansions_are_those_of_the_kernel(chain, sign, kernel):
    x = sympy.Symbol("x")
    functions = [[sympy.lambdify(x, f(x), "mpmath") for f in (a.dual, a.dual_derivative)] for a in chain]
    order = Fraction(1)
    series = expansion(chain, sign, kernel, order, lambda value: value)
    assert min(series, default=0) >= 0 and max(series) <= order
    with mpmath.workdps(60):
        left = []
        for eps in (mpmath.mpf(10) ** -16, mpmath.mpf(10) ** -20):
            k = t = sign * (1 - eps)
            for dual, slope in functions:
                k, t = dual(k), dual(k) + slope(k) * t
            value = mpmath.re(k if kernel == "nngp" else t)
            for p, c in series.items():
                value -= mpmath.mpf(str(sympy.N(c, 55))) * eps ** (mpmath.mpf(p.numerator) / p.denominator)
            left.append(abs(value) / eps)
    # what is left falls faster than the leading singularity; where that has exponent 1 or more, faster than epsilon
    lowest = min((p for p in series if p.denominator > 1), default=order)
    reach = 1 if lowest == order or es.step not in chain and es.sign not in chain else float(lowest)
    assert left[1] * 1e-20 < 1e-2 * 1e-20**reach and left[1] * 1e-20 < left[0] * 1e-16


# radial kernels


def test_radial_eigenvalues():
    # d = 3, degree 0 and 1, Laplace: elementary integrals in the distance u, dt = -u du
    u = sympy.Symbol("u")
    for degree, harmonic in enumerate((1, 1 - u**2 / 2)):
        value = sympy.integrate(sympy.expand(u * harmonic) * sympy.exp(-u), (u, 0, 2)) / 2
        assert radial_eigenvalue(es.laplace(1), 3, degree) == pytest.approx(float(value), rel=1e-12)
    with mpmath.workdps(20):
        own = lambda x: mpmath.exp(-0.5 * (2 * mpmath.sin(x / 2)) ** 1.5) * mpmath.cos(3 * x)
        value = mpmath.quad(own, [0, 1, 2, mpmath.pi]) / mpmath.pi
    assert radial_eigenvalue(es.gamma_exponential(1.5, 0.5), 2, 3) == pytest.approx(float(value), rel=1e-11)


@pytest.mark.parametrize(
    "kernel, dim, nu, tolerance",
    [
        (es.laplace(1), 3, Fraction(1, 2), 1e-3),
        (es.laplace(0.5), 5, Fraction(1, 2), 1e-3),
        (es.gamma_exponential(1.5, 1), 3, Fraction(3, 4), 2e-2),
        (es.gamma_exponential(0.5, 1), 2, Fraction(1, 4), 0.2),
    ],
)
def test_radial_laws(kernel, dim, nu, tolerance):
    law = es.decay(kernel, dim=dim)
    assert law.nu == sympy.Rational(nu) and law.exponent == dim + 2 * sympy.Rational(nu) - 1
    near, far = abs(law.compare([12, 48]) - 1)
    assert far < tolerance and far < 0.6 * near
    assert law.constants[0] == law.constants[1]


def test_laplace_and_ntk_decay_alike():
    assert es.decay(es.laplace(2)).exponent == es.decay(es.relu).exponent == sympy.Symbol("d", positive=True)


# several spheres


@pytest.mark.parametrize(
    "filters, leaves, kernel, exponent, degree, tolerance",
    [
        ((1, 2), (0,), "nngp", 5, 8, 0.15),
        ((1, 2), (0,), "ntk", 3, 8, 0.15),
        ((1, 2), (0, 1), "nngp", 7, 6, 0.5),
        ((2,), (0,), "nngp", 7, 8, 0.2),
        ((2,), (0,), "ntk", 5, 8, 0.15),
        # two of four patches: one by one they are cheaper than all four together (11)
        ((1, 4), (0, 1), "nngp", 10, 6, 0.3),
        ((1, 4), (0, 1), "ntk", 8, 6, 0.6),
    ],
)
def test_exponents_on_products(filters, leaves, kernel, exponent, degree, tolerance):
    net = es.cnn(3, filters)
    law = es.decay(net, kernel, leaves=leaves)
    assert law.exponent == exponent
    first, second = (es.eigenvalue(net, dict.fromkeys(leaves, k), kernel).log10 for k in (degree, 2 * degree))
    assert (first - second) / math.log10(2) == pytest.approx(exponent, abs=tolerance)


def test_exponents_of_supports():
    d = sympy.Symbol("d", positive=True)
    assert es.decay(es.cnn(d, (1, 3)), "nngp", leaves=(1,)).exponent == d + 2
    assert sympy.simplify(es.decay(es.cnn(d, (3,)), "ntk").exponent - (3 * (d - 1) + 1)) == 0
    # all pixels of a receptive field together: k**(-n (s - 1) - 1) [Geifman2022]
    assert es.decay(es.cnn(4, (1, 2, 2))).exponent == 4 * 3 + 1
    # positions never interact under a linear readout, linear layers never join
    assert es.decay(es.cnn(3, (1,), 2)).exponent == sympy.oo
    assert es.decay(es.mlp(3, 1, leaves=2, activation=es.identity), leaves=(0, 1)).exponent == sympy.oo


# results and errors


def test_result():
    law = es.decay(es.mlp(5, 1), "ntk")
    assert r"k\text{ even}" in law._repr_latex_() and r"\lambda_k = 0" in law._repr_latex_()
    assert law.to_latex().startswith("% eigenspace.decay(mlp(5, 1), 'ntk')\n")
    k = next(s for s in law.expr.free_symbols if s.name == "k")
    assert float(law.expr.subs(k, 40)) == pytest.approx(law.estimate(40), rel=1e-13)
    assert law.constants[1] == 0 and float(law.evaluate(20)[0]) == pytest.approx(float(law.constants[0]))
    # the constant of the power itself
    assert law.estimate(10**6) == pytest.approx(float(law.constants[0]) * 1e6**-5, rel=1e-5)
    assert r"\rho_{1}" in es.decay(es.mlp(5, 6)).to_latex()
    assert r"k^{-5}" in es.decay(es.cnn(3, (2,))).to_latex()
    even = es.decay(es.laplace(1), dim=3)
    assert "even" not in even._repr_latex_()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: es.decay(es.mlp(3, 1, activation=es.rbf(0.5))), es.UnsupportedError, "at least one rectifier"),
        (lambda: es.decay(es.rbf(0.5)), es.UnsupportedError, "faster than any power"),
        (lambda: es.decay(es.mlp(1, 1)), ValueError, "dim must be at least 2"),
        (lambda: es.decay(es.mlp(3, 1), dim=4), ValueError, "drop it"),
        (lambda: es.decay(es.relu).estimate(9), ValueError, "got d; use decay"),
        (lambda: es.decay(es.mlp(3, 1)).estimate(0), ValueError, "k must be"),
        (lambda: es.decay(es.cnn(3, (1, 2), activation=es.step)), es.UnsupportedError, "step"),
        (lambda: es.decay(es.cnn(3, (2,)), leaves=(5,)), ValueError, "leaves must be"),
        (lambda: es.gamma_exponential(2, 1), ValueError, "gamma must be below 2"),
        (lambda: es.laplace(-1), ValueError, "c must be a positive"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
