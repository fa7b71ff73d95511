"""Activations at other variances of their pre-activations, against Gaussian integrals of what their users write."""

import pickle
from fractions import Fraction
from functools import cache

import mpmath
import pytest
import sympy
from mpmath import mp

import eigenspace as es
import eigenspace.activations
from eigenspace._constants import Constant, ball, constant, expression
from eigenspace._flint import precision
from eigenspace.duals import power_series

#: activations, and what their users write
WRITTEN = {
    es.relu: lambda z: max(z, 0),
    es.step: lambda z: mpmath.mpf(z > 0),
    es.sign: mpmath.sign,
    es.absolute: abs,
    es.leaky_relu(0.1): lambda z: z if z > 0 else z / 10,
    es.rectified_monomial(3): lambda z: max(z, 0) ** 3,
    es.identity: lambda z: z,
    es.monomial(3): lambda z: z**3,
    es.polynomial((1, "-1/3", 0, 2)): lambda z: 1 - z / 3 + 2 * z**3,
    es.polynomial((0, 0, 1, 0, 3)): lambda z: z**2 + 3 * z**4,
    es.hermite(3): lambda z: (z**3 - 3 * z) / mpmath.sqrt(6),
    es.hermite(1): lambda z: z,
    es.rbf(0.3): lambda z: mpmath.sqrt(2) * mpmath.sin(mpmath.sqrt("0.6") * z + mpmath.pi / 4),
    es.exponential(-0.5): lambda z: mpmath.exp(-z / 2),
    es.erf: mpmath.erf,
    es.gelu: lambda z: z * mpmath.ncdf(z),
    es.gaussian(-0.5): lambda z: mpmath.exp(-z * z / 2),
    es.sine(2, -1, 0): lambda z: -2 * mpmath.sin(z),
    es.sine(-1, 0.5, 0.3): lambda z: -mpmath.sin(z / 2 + mpmath.mpf(3) / 10),
    es.cosine(3, 1, 0): lambda z: 3 * mpmath.cos(z),
    es.cosine(1, Fraction(1, 3), 1): lambda z: mpmath.cos(z / 3 + 1),
}
VARIANCES = [Fraction(1), Fraction(7, 3), Fraction(1, 10)]
name = lambda a: getattr(a, "name", str(a))


def _root(ops, x):
    return ops.sqrt(x) + 1


#: an irrational variance
IRRATIONAL = constant(_root, Fraction(1, 2))


@cache
def _rule():
    """Nodes and weights under the normal law, Gauss-Legendre on pieces with a break at 0."""
    with mp.workdps(30):
        rule = mpmath.calculus.quadrature.GaussLegendre(mp)
        cuts = (-20, -8, -3, 0, 3, 8, 20)
        pairs = [pair for a, b in zip(cuts, cuts[1:]) for pair in rule.get_nodes(a, b, 6, mp.prec)]
        return [(x, w * mpmath.npdf(x)) for x, w in pairs]


def projections(f, most):
    """E[f(z)^2], and E[f(z) h_n(z)] with the normalised Hermite polynomials, n <= most."""
    points, weights = zip(*_rule())
    values = [f(x) for x in points]
    before, current, found = [0] * len(points), [w * v for w, v in zip(weights, values)], []
    for n in range(most + 1):
        found.append(mpmath.fsum(current))
        root, last = mpmath.sqrt(n + 1), mpmath.sqrt(n)
        before, current = current, [(x * c - last * b) / root for x, c, b in zip(points, current, before)]
    return mpmath.fsum(w * v * v for w, v in zip(weights, values)), found


def number(x):
    """An exact number in mpmath."""
    with precision(mp.prec):
        return mpmath.mpf(ball(x).mid().str(mp.dps, radius=False))


@pytest.mark.parametrize("variance", [*VARIANCES, IRRATIONAL], ids=str)
@pytest.mark.parametrize("activation", WRITTEN, ids=name)
def test_second_moment_and_series_at_a_variance(activation, variance):
    written = WRITTEN[activation]
    if variance is IRRATIONAL and activation.dual_coefficients and "polynomial" in activation.name:
        return
    if variance is IRRATIONAL and activation == es.hermite(3):
        return
    moved, moment = activation.at_variance(variance)
    with mp.workdps(25):
        scale = mpmath.sqrt(number(variance))
        own, found = projections(lambda z: written(scale * z), 6)
        assert abs(number(moment) / own - 1) < 1e-20
        with precision(100):
            coefficients = power_series((moved,), 6).f
        for a, projection in zip(coefficients, found, strict=True):
            assert abs(mpmath.mpf(a.mid().str(25, radius=False)) - projection**2 / own) < 1e-18
        assert mpmath.mpf(str(sympy.N(expression(moment), 25))) == pytest.approx(own, rel=1e-20)


@pytest.mark.parametrize("activation", WRITTEN, ids=name)
def test_unit_variance_changes_nothing(activation):
    moved, _ = activation.at_variance(1)
    assert moved == activation and hash(moved) == hash(activation) and moved.name == activation.name


@pytest.mark.parametrize("activation", WRITTEN, ids=name)
def test_formulas_at_a_variance_are_the_scaled_activation(activation):
    moved, moment = activation.at_variance(Fraction(7, 3))
    z = sympy.Symbol("z", real=True)
    formula = moved.formula(z)
    with mp.workdps(20):
        for x in (-1.3, 0.4, 2.0):
            own = WRITTEN[activation](mpmath.sqrt(number(Fraction(7, 3))) * x) / mpmath.sqrt(number(moment))
            assert abs(mpmath.mpf(str(sympy.N(formula.subs(z, x), 18))) - own) < 1e-14


def test_hermite_coefficients_at_a_variance():
    for activation in WRITTEN:
        if isinstance(activation, es.activations.Rectified):
            continue
        moved, moment = activation.at_variance(Fraction(7, 3))
        written, scale = WRITTEN[activation], mpmath.sqrt(number(Fraction(7, 3)))
        _, found = projections(lambda z, f=written, scale=scale: f(scale * z), 5)
        for exact, own in zip(moved.hermite(5), found, strict=True):
            assert float(exact) == pytest.approx(float(own / mpmath.sqrt(number(moment))), abs=1e-12)


def test_what_stays_exact():
    assert es.relu.at_variance(Fraction(3)) == (es.relu, Fraction(3, 2))
    assert es.step.at_variance(IRRATIONAL) == (es.step, Fraction(1, 2))
    assert es.rbf(1).at_variance(IRRATIONAL)[1] == 1
    moved, moment = es.polynomial((0, 1, 1)).at_variance(Fraction(2, 3))
    assert moment == Fraction(2, 3) + 3 * Fraction(4, 9) and sum(moved.dual_coefficients) == 1
    assert isinstance(es.erf.at_variance(Fraction(2))[1], Constant)


def test_variances_multiply():
    for activation in (es.erf, es.rbf(0.3), es.exponential(-0.5), es.polynomial((1, "-1/3", 0, 2))):
        twice = activation.at_variance(Fraction(2))[0].at_variance(Fraction(3))
        assert twice == activation.at_variance(Fraction(6))


def test_names_at_a_variance():
    names = [es.erf.at_variance(q)[0].name for q in (Fraction(1), Fraction(5, 2), IRRATIONAL)]
    assert names == ["erf", "erf(variance=2.5)", "erf(variance=1.70710678119)"]
    assert es.rbf(0.25).at_variance(2)[0].name == "rbf(0.25, variance=2)"
    assert es.exponential(Fraction(1, 3)).at_variance(2)[0].name == "exponential(Fraction(1, 3), variance=2)"
    assert es.polynomial((0, 1, 1)).at_variance(2)[0].name == "polynomial((0, 1, 1), variance=2)"


def test_moved_activations_are_values():
    for activation in WRITTEN:
        moved = activation.at_variance(Fraction(7, 3))[0]
        assert pickle.loads(pickle.dumps(moved)) == moved
        assert moved == activation.at_variance(Fraction(7, 3))[0]


def test_refusals():
    for activation in (es.polynomial((0, 1, 1)), es.hermite(2)):
        with pytest.raises(es.UnsupportedError, match=r"rational variances.*1\.70711"):
            activation.at_variance(IRRATIONAL)
    with pytest.raises(ValueError, match="variance must be positive, got 0"):
        es.erf.at_variance(0)
    with pytest.raises(TypeError, match=r"variance must be a fraction, got 1\.5"):
        es.erf.at_variance(1.5)
