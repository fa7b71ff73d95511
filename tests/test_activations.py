"""Activations: duals and Hermite coefficients against Gaussian integrals of the activations themselves."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from mpmath import mp

import eigenspace as es
from eigenspace import _ellipse
from eigenspace._flint import precision
from eigenspace.activations.rectified import arc_cosine
from eigenspace.duals import power_series

RECTIFIED = [
    es.relu,
    es.step,
    es.sign,
    es.absolute,
    es.leaky_relu(0.1),
    es.leaky_relu(Fraction(1, 3)),
    es.leaky_relu(-2),
    es.leaky_relu(3),
    es.rectified_monomial(2),
    es.rectified_monomial(3),
    es.rectified_monomial(6),
]
SMOOTH = [es.rbf(0.25), es.rbf(0.7), es.exponential(1), es.exponential(-0.5), es.exponential(Fraction(4, 3))]
POLYNOMIAL = [
    es.identity,
    es.monomial(3),
    es.hermite(4),
    es.polynomial((0, 1, -1)),
    es.polynomial((2, "-1/3", 0, 1)),
]
ARCSINE = [es.erf, es.gelu, es.gaussian(-0.5), es.gaussian(Fraction(-5, 3))]
WAVES = [es.sine(1, 1, 0), es.sine(-2, 0.5, 0.3), es.cosine(1, -1.5, 0), es.cosine(Fraction(1, 3), 1, -2)]
MOVED = [
    es.erf.at_variance(Fraction(5, 2))[0],
    es.gelu.at_variance(Fraction(1, 3))[0],
    es.sine(1, 1, 1).at_variance(2)[0],
]
ALL = RECTIFIED + SMOOTH + POLYNOMIAL + ARCSINE + WAVES
name = lambda a: a.name
EXACT = type("Exact", (), {"name": "exact"})()


def function(activation):
    """The normalised activation at an mpmath number; the value at 0 itself does not count."""
    z = sympy.Symbol("z", real=True)
    own = {"Heaviside": lambda x, *_: mpmath.mpf(x > 0), "Max": max, "Min": min, "sign": mpmath.sign}
    return sympy.lambdify(z, activation.formula(z), [own, "mpmath"])


def expectation(activation, t):
    """E[phi(z1) phi(z2)] at correlation t."""
    if activation not in RECTIFIED:
        # the trapezoidal rule in two variables
        x = np.arange(-112, 113) / 8
        w, t = np.exp(-x * x / 2) / np.sqrt(2 * np.pi) / 8, float(t)
        z = sympy.Symbol("z", real=True)
        phi = sympy.lambdify(z, activation.formula(z), ["scipy", "numpy"])
        return float(w @ (phi(x) * (phi(t * x[:, None] + np.sqrt(1 - t * t) * x) @ w)))
    phi, angle = function(activation), mpmath.acos(t)
    # homogeneous of degree n on each side of 0: polar coordinates
    n = activation.power
    radial = 2**n * mpmath.factorial(n)
    cuts = sorted({mp.pi * i / 2 for i in range(-2, 3)} | {angle + mp.pi * i / 2 for i in (-3, -2, -1, 0, 1)})
    cuts = [c for c in cuts if -mp.pi <= c <= mp.pi]
    return radial * mpmath.quad(lambda w: phi(mpmath.cos(w)) * phi(mpmath.cos(w - angle)), cuts) / (2 * mp.pi)


@pytest.mark.parametrize("activation", ALL + MOVED, ids=name)
def test_dual_is_the_gaussian_expectation(activation):
    tolerance = 1e-24 if activation in RECTIFIED else 1e-13
    with mpmath.workdps(30):
        for t in (sympy.Rational(-9, 10), sympy.Rational(-1, 3), 0, sympy.Rational(3, 5)):
            t = sympy.Rational(t)
            assert abs(activation.dual(t).evalf(30) - expectation(activation, mpmath.mpf(t.p) / t.q)) < tolerance
    assert sympy.simplify(activation.dual(1)) == 1


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_hermite_coefficients_are_the_gaussian_integrals(activation):
    phi = function(activation)
    with mpmath.workdps(30):
        for n, exact in enumerate(activation.hermite(7)):
            he = sympy.lambdify("x", sympy.hermite_prob(n, sympy.Symbol("x")), "mpmath")
            weight = lambda z, he=he: phi(z) * he(z) * mpmath.npdf(z)
            value = mpmath.quad(weight, [-14, -7, 0, 7, 14], method="gauss-legendre") / mpmath.sqrt(mpmath.factorial(n))
            assert abs(mpmath.mpf(str(sympy.N(exact, 30))) - value) < 1e-20, n
            assert not sympy.sympify(exact).atoms(sympy.Float)


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_series_in_the_exact_ring(activation):
    exact, floats = activation.series(40, EXACT), activation.series(40)
    for n, (a, x) in enumerate(zip(exact, floats, strict=True)):
        assert float(a) == pytest.approx(x, rel=1e-14) and (a == 0) == (x == 0)
        assert a == 0 or sympy.simplify(a - activation.hermite(n)[n] ** 2) == 0 or n > 12
        if activation in RECTIFIED:
            assert a.is_rational or (a * sympy.pi).is_rational
        assert not a.atoms(sympy.Float)
    assert activation.series(3, es.FLOAT) == activation.series(3)
    assert es.identity.series(2, EXACT) == [0, 1, 0]


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_series_are_taylor_coefficients(activation):
    with mpmath.workdps(40):
        t = sympy.Symbol("t")
        taylor = mpmath.taylor(sympy.lambdify(t, activation.dual(t), "mpmath"), 0, 12)
        for ball, value in zip(power_series((activation,), 12).f, taylor, strict=True):
            assert abs(mpmath.mpf(ball.mid().str(40, radius=False)) - mpmath.re(value)) < 1e-18


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_derivative_dual(activation):
    t = sympy.Symbol("t")
    difference = sympy.diff(activation.dual(t), t) - activation.dual_derivative(t)
    points = [sympy.Rational(i, 7) for i in (-5, -2, 1, 6)]
    if getattr(activation, "power", 1):
        assert all(abs(difference.subs(t, x).evalf(30)) < 1e-28 for x in points)
    else:
        # the derivative is zero almost everywhere, and the derivative of the dual is another function
        assert activation.dual_derivative(t) == 0
        assert all(difference.subs(t, x).evalf() > 0.1 for x in points)


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_arrays_balls_and_series_agree_with_the_expressions(activation):
    from flint import arb, arb_series, fmpq

    grid = [Fraction(i, 8) for i in range(-8, 9)]
    values, slopes = activation.on_array(np.array([float(x) for x in grid]))
    with precision(200, 3):
        for x, value, slope in zip(grid, values, slopes):
            ball = arb(fmpq(x.numerator, x.denominator))
            own = activation.on_ball(ball)
            expected = [f(sympy.Rational(x)) for f in (activation.dual, activation.dual_derivative)]
            for found, form in zip(own, expected):
                exact = arb(str(sympy.N(form, 50))) if form != 0 else arb(0)
                assert abs(found - exact).upper() < 1e-45
            assert value == pytest.approx(float(expected[0]), abs=4e-15)
            assert slope == pytest.approx(float(expected[1]), abs=1e-14)
            if abs(x) < 1:
                dual, derivative = activation.on_series(arb_series([ball, 1, 0], prec=3))
                assert abs(dual[0] - own[0]).upper() < 1e-50 and abs(derivative[0] - own[1]).upper() < 1e-50
                if getattr(activation, "power", 1):
                    assert abs(dual[1] - own[1]).upper() < 1e-50
        assert activation.on_ball(arb(1))[0] == 1


def test_exact_zeros_survive_composition():
    even = power_series((es.absolute, es.relu, es.sign), 30)
    assert all(c.is_zero() for c in even.f[1::2]) and all(not c.is_zero() for c in even.f[::2])
    odd = power_series((es.sign, es.sign), 31)
    assert all(c.is_zero() for c in odd.f[::2]) and all(c.is_zero() for c in odd.h)


def test_which_coefficients_vanish():
    assert es.relu.vanishing(9) == (3, 5, 7, 9)
    assert es.step.vanishing(6) == (2, 4, 6)
    assert es.absolute.vanishing(5) == (1, 3, 5)
    assert es.leaky_relu(0.3).vanishing(6) == (3, 5)
    assert es.rectified_monomial(2).vanishing(8) == (4, 6, 8)
    assert es.rbf(0.25).vanishing(40) == ()
    assert es.identity.vanishing(3) == (0, 2, 3)
    assert not any(a.is_admissible for a in [*ALL, es.identity])
    assert es.rbf(0.25).is_semi_admissible and not es.relu.is_semi_admissible


@pytest.mark.parametrize("activation", RECTIFIED, ids=name)
def test_flags(activation):
    values, _ = activation.on_array(np.linspace(-1, 1, 4001))
    assert (values.min() >= -1e-15) == activation.is_nonnegative
    if activation.is_algebraic:
        # coefficients fall like n**-(power + 3/2)
        a = power_series((activation,), 800).f
        k = 400 - (activation.power + 1) % 2
        ratio = float(a[2 * k + k % 2] / a[k])
        assert ratio == pytest.approx(2.0 ** -(activation.power + 1.5), rel=0.05)


@pytest.mark.parametrize("activation", [a for a in RECTIFIED if a.power > 0], ids=name)
def test_angle_ratio_continues_the_dual(activation):
    from flint import acb, arb

    rng = random.Random(4)
    a, b = arc_cosine(activation.power)
    unit = int(sympy.factorial2(2 * activation.power - 1))
    with precision(300):
        for _ in range(20):
            angle = acb(rng.uniform(-0.5, 3.6), rng.uniform(-1, 1))
            cosine = angle.cos()
            top, poly = (sum((c * cosine**i for i, c in enumerate(part)), acb(0)) for part in (a, b))
            rectified = (top * angle.sin() + (arb.pi() - angle) * poly) / (arb.pi() * unit)
            share = arb(activation.share.numerator) / activation.share.denominator
            dual = (1 - 2 * share) * poly / unit + 2 * share * rectified
            assert abs(activation.angle_ratio(angle) - (1 - dual) / (2 * angle * angle)) < 1e-60
            # the derivative in the angle is -sin times the derivative dual
            step = acb(1e-30)
            moved = 2 * (angle + step) ** 2 * activation.angle_ratio(angle + step)
            before = 2 * (angle - step) ** 2 * activation.angle_ratio(angle - step)
            slope = (moved - before) / (2 * step) / angle.sin()
            assert abs(activation.slope_on_angle(angle, dual) - slope) < 1e-25


def test_chains_with_proofs():
    for chain in [(es.leaky_relu(0.1),) * 2, (es.rectified_monomial(2),), (es.relu, es.rectified_monomial(3))]:
        assert _ellipse.ellipses(chain)
    # the angle of a step has a branch point at 0: no proof, so bounds are estimates
    assert es.step.angle_ratio(None) is None and _ellipse.ellipses((es.step,)) == ()


@pytest.mark.parametrize("depth", [1, 2])
def test_step_networks_have_equal_kernels(depth):
    for activation in (es.step, es.sign):
        net = es.mlp(40, depth, activation=activation)
        ntk, nngp = (es.eigenvalue(net, 3, kernel) for kernel in ("ntk", "nngp"))
        # two series of the same terms, whose remainders are bounded apart
        assert nngp.value > 0 and abs(ntk.value / nngp.value - 1) <= min(ntk.error, nngp.error) < 1e-13
        assert es.kernel_function(net, "ntk")([0.3]) == es.kernel_function(net, "nngp")([0.3])


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_names_rebuild_and_formulas_show(activation):
    assert eval(repr(activation), {"eigenspace": es, "Fraction": Fraction}) == activation
    assert hash(eval(repr(activation), {"eigenspace": es, "Fraction": Fraction})) == hash(activation)
    shown = activation._repr_latex_()
    assert r"\varphi(z) =" in shown and r"\varphi^*(t) =" in shown and r"(\varphi^*)'(t) =" in shown
    text = activation.to_latex()
    assert text.startswith("% eigenspace.") and r"\begin{aligned}" in text


@pytest.mark.parametrize("activation", ALL, ids=name)
def test_admissibility_is_read_off_the_coefficients(activation):
    zeros = {n for n, a in enumerate(activation.series(40, EXACT)) if a == 0}
    assert set(activation.vanishing(40)) == zeros
    assert activation.is_admissible is (zeros == {0})


def test_hermite_coefficients_of_high_polynomials():
    act = es.polynomial([Fraction((-1) ** (n // 2), n + 1) for n in range(41)])
    found = act.hermite(43)
    assert sum(a**2 for a in found) == 1 and found[41:] == [0, 0, 0]
    z = sympy.Symbol("z")
    he = sum(a / sympy.sqrt(sympy.factorial(n)) * sympy.hermite_prob(n, z) for n, a in enumerate(found))
    assert abs(sympy.N((he - act.formula(z)).subs(z, sympy.Rational(5, 3)), 30, maxn=500)) < 1e-25
    assert es.hermite(200).hermite(200)[-3:] == [0, 0, 1]


def test_special_cases_are_the_same_objects():
    assert es.leaky_relu(0) is es.relu and es.leaky_relu(1) is es.identity and es.leaky_relu(-1) == es.absolute
    assert es.rectified_monomial(0) is es.step and es.rectified_monomial(1) is es.relu
    assert es.exponential(1).dual(0) == es.rbf(0.5).dual(0)


def test_bad_input():
    with pytest.raises(ValueError, match="slope must be a finite real number, got nan"):
        es.leaky_relu(float("nan"))
    with pytest.raises(ValueError, match="n must be a non-negative integer, got -1"):
        es.rectified_monomial(-1)
    with pytest.raises(TypeError, match="b must be"):
        es.exponential("1")
    with pytest.raises(es.UnsupportedError, match="ring"):
        es.relu.series(3, type("Odd", (), {"name": "odd"})())
