"""erf, gelu, gaussian, sine and cosine: relative accuracy, ends, known numbers, proofs, laws of decay."""

import cmath
import random
from fractions import Fraction
from math import comb, factorial, pi

import mpmath
import numpy as np
import pytest
from mpmath import mp

import eigenspace as es
from eigenspace import _ellipse
from eigenspace._flint import precision
from eigenspace.duals import power_series

SMOOTH = [es.erf, es.gelu, es.gaussian(-0.5), es.sine(1, 1, 0), es.sine(2, Fraction(-1, 2), 0.3), es.cosine(1, 1, 0)]
EXTREME = [a.at_variance(q)[0] for a in SMOOTH for q in (Fraction(1, 1000), Fraction(400))]
name = lambda a: a.name if isinstance(a, es.Activation) else ""


def central(k):
    return mpmath.mpf(comb(2 * k, k)) / mpmath.mpf(4) ** k


def closed_coefficient(activation, q, n):
    """The coefficient of the dual in closed form, in mpmath, up to normalisation."""
    k = n // 2
    if activation is es.erf:
        return central(k) / n * (2 * q / (1 + 2 * q)) ** n if n % 2 else 0
    if activation is es.gelu:
        rho = q / (1 + q)
        if n % 2:
            return mp.pi / 2 * (1 + q) ** 2 * rho if n == 1 else 0
        return central(k) * ((2 * k + q) / (2 * k - 1)) ** 2 * rho**n
    if activation == es.gaussian(-0.5):
        return 0 if n % 2 else central(k) * (q / (1 + q)) ** n
    rate = activation.b.numerator**2 * q / activation.b.denominator**2
    c = mpmath.mpf(activation.c.numerator) / activation.c.denominator
    wave = mpmath.sin if (n % 2 == 0) != activation.is_cosine else mpmath.cos
    return wave(c) ** 2 * rate**n / mpmath.factorial(n)


@pytest.mark.parametrize("q", [Fraction(1), Fraction(1, 50), Fraction(30)], ids=str)
@pytest.mark.parametrize("activation", SMOOTH, ids=name)
def test_coefficients_of_high_order_have_full_relative_accuracy(activation, q):
    moved = activation.at_variance(q)[0]
    found = power_series((moved,), 400).f
    with mp.workdps(40):
        exact_q = mpmath.mpf(q.numerator) / q.denominator
        first = next(n for n in range(3) if closed_coefficient(activation, exact_q, n))
        scale = mpmath.mpf(found[first].mid().str(30, radius=False)) / closed_coefficient(activation, exact_q, first)
        for n in (0, 1, 2, 3, 7, 8, 40, 41, 200, 399, 400):
            expected = closed_coefficient(activation, exact_q, n)
            assert found[n].is_zero() == (expected == 0)
            if expected:
                assert abs(mpmath.mpf(found[n].mid().str(30, radius=False)) / (scale * expected) - 1) < 1e-18
                assert found[n].rel_accuracy_bits() >= 64


def test_compositions_keep_accuracy_and_zeros():
    for chain in ((es.erf, es.erf, es.erf), (es.sine(1, 1, 0), es.erf), (es.gelu, es.gaussian(-1)), (es.erf, es.gelu)):
        found = power_series(chain, 200)
        assert all(c.is_zero() or c.rel_accuracy_bits() >= 64 for row in (found.f, found.g, found.h) for c in row)
        # sums of all coefficients: the values at 1
        total = float(sum(found.f[1:], found.f[0]))
        assert total == pytest.approx(1, abs=1e-9)
    assert all(c.is_zero() for c in power_series((es.erf, es.sine(1, 2, 0)), 30).f[::2])


@pytest.mark.parametrize("activation", SMOOTH + EXTREME, ids=name)
def test_floats_are_accurate_to_a_few_units_also_at_the_ends(activation):
    from flint import arb

    t = np.concatenate([[-1.0, 1.0, 0.0], 1 - 10.0 ** -np.arange(1, 16), -1 + 10.0 ** -np.arange(1, 16)])
    values, slopes = activation.on_array(t)
    with precision(300):
        exact = [activation.on_ball(arb(float(x))) for x in t]
        peak = float(activation.on_ball(arb(1))[1])
        for x, value, slope, (dual, derivative) in zip(t, values, slopes, exact, strict=True):
            # the condition of the problem itself: half a unit in t
            room = 2.0**-50 + 2.0**-53 * abs(float(derivative)) * abs(x)
            assert abs(float(dual) - value) < room
            assert abs(float(derivative) - slope) < 2.0**-50 * peak
        assert activation.on_ball(arb(1))[0] == 1 and abs(values[1] - 1) < 4e-16


def test_known_numbers_of_gelu():
    # unnormalised Hermite coefficients, from tables of the literature
    known = (0.28209, 0.5, 0.29921, 0, -0.07198, 0, 0.02760)
    norm = float(es.gelu.at_variance(Fraction(1))[1]) ** 0.5
    assert [round(float(a) * norm, 5) for a in es.gelu.hermite(6)] == list(known)


@pytest.mark.parametrize("activation", [*SMOOTH, es.gelu.at_variance(5)[0]], ids=name)
def test_bounds_of_analytic_chains_hold_in_the_ellipse(activation):
    from flint import acb

    rng = random.Random(1)
    for chain in ((activation,), (activation,) * 2):
        found = _ellipse.ellipses(chain)
        assert found
        for ellipse in found[:1]:
            t = np.exp(1j * np.linspace(0, 2 * pi, 12)) * ellipse.parameter * rng.uniform(0.99, 1)
            angles = pi / 2 + pi / 4 * (t + 1 / t)
            for angle in angles:
                kernel, tangent = _evaluate(chain, acb(cmath.cos(complex(angle))))
                assert abs(kernel) <= ellipse.kernel * (1 + 1e-9) and abs(tangent) <= ellipse.tangent * (1 + 1e-9)


def _evaluate(chain, t):
    """The kernels at a complex correlation, through the expressions of the duals."""
    import sympy

    x = sympy.Symbol("x")
    kernel = tangent = complex(t)
    for activation in chain:
        dual, slope = (
            sympy.lambdify(x, form, "mpmath") for form in (activation.dual(x), activation.dual_derivative(x))
        )
        kernel, tangent = complex(dual(kernel)), complex(dual(kernel)) + complex(slope(kernel)) * tangent
    return kernel, tangent


def test_gelu_from_angle_to_angle():
    from flint import acb

    rng = random.Random(4)
    for activation in (es.gelu, es.sine(1, 1, 0.5), es.cosine(1, 1, 0)):
        with precision(200):
            for _ in range(20):
                angle = acb(rng.uniform(0.1, 3), rng.uniform(-0.5, 0.5))
                step = acb(1e-25)
                value = lambda x, a=activation: 1 - 2 * x * x * a.angle_ratio(x)
                expected = _evaluate((activation,), angle.cos())[0]
                assert abs(complex(value(angle)) - expected) < 1e-12
                slope = (value(angle + step) - value(angle - step)) / (2 * step) / -angle.sin()
                assert abs(activation.slope_on_angle(angle, value(angle)) - slope) < 1e-20
    # beyond the region where the dual is analytic nothing is claimed
    with precision(100):
        assert not es.gelu.angle_ratio(acb(0, 1.4)).real.is_finite()
    assert _ellipse.ellipses((es.gelu, es.relu))


def test_certified_digits_on_small_spheres_by_quadrature():
    for activation in (es.erf, es.gelu, es.gaussian(-0.5), es.sine(1, 1, 0.5)):
        net = es.mlp(3, 3, activation=activation)
        for degree in (1, 4):
            ball = es.eigenvalue(net, degree, ring=es.ball(128), rtol=1e-25)
            floats = es.eigenvalue(net, degree)
            if ball.value.is_zero():
                assert floats.value == 0
                continue
            assert abs(floats.value / float(ball.value) - 1) <= floats.error + 1e-16
            x, w = np.polynomial.legendre.leggauss(60)
            kernel = es.kernel_function(net)(x[:, None])
            legendre = np.polynomial.legendre.Legendre.basis(degree)(x)
            assert w @ (kernel * legendre) / 2 == pytest.approx(float(ball.value), rel=1e-11)


@pytest.mark.parametrize("below", [es.erf, es.gelu], ids=name)
def test_decay_of_a_rectifier_over_a_smooth_layer(below):
    net = es.network([es.node([es.node([es.leaf(5)], activation=below)])])
    law = es.decay(net, "ntk")
    for degree in (60, 61):
        assert law.estimate(degree) == pytest.approx(es.eigenvalue(net, degree).value, rel=0.05)


def test_smooth_kernels_alone_have_no_power_law():
    with pytest.raises(es.UnsupportedError, match=r"\(erf, gelu\).*smooth"):
        es.decay(es.network([es.node([es.node([es.leaf(5)], activation=es.erf)], activation=es.gelu)]))
    with pytest.raises(es.UnsupportedError, match="erf"):
        es.closed_form(es.mlp(5, 1, activation=es.erf), 2)


def test_sines_are_halves_of_exponentials():
    # sin**2 c cosh + cos**2 c sinh at c = pi / 4 is the exponential of rbf; and rational c come close to it
    near = es.sine(1, 1, Fraction(355, 452))
    assert near.series(5) == pytest.approx(es.rbf(0.5).series(5), rel=1e-6)
    assert es.cosine(1, 1, 0).on_array(np.array(0.5))[0] == pytest.approx(np.cosh(0.5) / np.cosh(1), rel=1e-15)
    assert es.sine(1, 1, 0).series(5)[5] == pytest.approx(1 / factorial(5) / np.sinh(1), rel=1e-15)


def test_bad_parameters():
    for make, words in (
        (lambda: es.sine(0, 1, 0), "a must be a real number other than 0"),
        (lambda: es.cosine(1, 0, 0), "b must be a real number other than 0"),
        (lambda: es.sine(1, float("inf"), 0), "b must be a finite real number"),
        (lambda: es.gaussian(0), "b must be a negative real number, got 0"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match="c must be"):
        es.sine(1, 1, "0")
