"""Activations from Python functions: against mpmath, against the named ones, and what they refuse."""

import math
import pickle
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from mpmath import mp

import eigenspace as es
from eigenspace._constants import ball
from eigenspace._flint import precision
from eigenspace.duals import power_series

TANH = es.from_function(np.tanh)
SILU = es.from_function(lambda z: z / (1 + np.exp(-z)), "silu")
SOFTPLUS = es.from_function(lambda z: np.log1p(np.exp(z)), "softplus")
SIGMOID = es.from_function(lambda z: 1 / (1 + np.exp(-z)), "sigmoid")
ELU = es.from_function(lambda z: np.where(z > 0, z, np.exp(z) - 1), "elu", breaks=(0,))
HARD = es.from_function(lambda z: np.minimum(np.maximum(z, -1), 2), "hard", breaks=(-1, 2))
RELU = es.from_function(lambda z: np.maximum(z, 0), "my_relu")
STEP = es.from_function(lambda z: 1 if z > 0 else 0, "my_step", breaks=(0,))
ERF = es.from_function(mpmath.erf, "my_erf")
GELU = es.from_function(lambda z: z * mpmath.ncdf(z), "my_gelu")

#: the same functions in mpmath, with their breaks
WRITTEN = [
    (TANH, mpmath.tanh, ()),
    (SILU, lambda z: z / (1 + mpmath.exp(-z)), ()),
    (SOFTPLUS, lambda z: mpmath.log1p(mpmath.exp(z)), ()),
    (SIGMOID, lambda z: 1 / (1 + mpmath.exp(-z)), ()),
    (ELU, lambda z: z if z > 0 else mpmath.expm1(z), (0,)),
    (HARD, lambda z: min(max(z, -1), 2), (-1, 2)),
]
NAMED = [(RELU, es.relu), (STEP, es.step), (ERF, es.erf), (GELU, es.gelu)]
name = lambda value: getattr(value, "name", "")


def middle(x):
    """The midpoint of a ball in mpmath."""
    return mpmath.mpf(x.mid().str(mp.dps, radius=False))


@pytest.mark.parametrize(("activation", "written", "breaks"), WRITTEN, ids=name)
def test_coefficients_and_moments_against_mpmath(activation, written, breaks):
    variance = Fraction(3, 2)
    with mp.workdps(22):
        root = mpmath.sqrt(mpmath.mpf(3) / 2)
        cuts = sorted({-16, -6, -2, 2, 6, 16, *(b / root for b in breaks)})
        integral = lambda f: mpmath.quad(lambda z: f(z) * mpmath.npdf(z), cuts, method="gauss-legendre", maxdegree=7)
        moved, moment = activation.at_variance(variance)
        square = integral(lambda z: written(root * z) ** 2)
        with precision(120):
            assert abs(middle(ball(moment)) / square - 1) < 1e-17
            found = power_series((moved,), 5)
            at_one = middle(moved.on_ball(ball(1))[1])
        for k in range(6):
            norm = mpmath.sqrt(mpmath.mpf(2) ** k * math.factorial(k))
            a = integral(lambda z, k=k: written(root * z) * mpmath.hermite(k, z / mpmath.sqrt(2))) / norm
            assert abs(middle(found.f[k]) - a**2 / square) < 1e-17
            assert found.f[k].is_zero() == (abs(a) < 1e-17)
        slope = integral(lambda z: mpmath.diff(written, root * z) ** 2) * root**2
        assert abs(at_one / (slope / square) - 1) < 1e-8


@pytest.mark.parametrize(("own", "named"), NAMED, ids=name)
def test_named_activations_come_out_again(own, named):
    assert own.vanishing(40) == named.vanishing(40)
    for variance in (Fraction(1), Fraction(1, 3))[: 2 if own is STEP or own is GELU else 1]:
        (moved, moment), (reference, expected) = own.at_variance(variance), named.at_variance(variance)
        assert float(moment) == pytest.approx(float(expected), rel=1e-15)
        assert moved.series(60) == pytest.approx(reference.series(60), rel=1e-14, abs=0)
        assert moved.on_array(np.array([1.0]))[1] == pytest.approx(reference.on_array(np.array([1.0]))[1], rel=1e-14)
    inner = np.linspace(-0.5, 0.5, 7)
    for found, expected in zip(own.on_array(inner), named.on_array(inner), strict=True):
        assert found == pytest.approx(expected, abs=1e-14)
    assert own.is_discontinuous == named.is_discontinuous


@pytest.mark.parametrize(("own", "named"), NAMED, ids=name)
def test_balls_and_series_hold_the_named_ones(own, named):
    from flint import arb, arb_series

    with precision(64, 12):
        for t in (arb("-0.4"), arb(0), arb("0.3"), arb(1)):
            for found, expected in zip(own.on_ball(t), named.on_ball(t), strict=True):
                assert found.overlaps(expected)
        for start in (0, arb("0.1")):
            g = arb_series([start, arb("0.5"), 0, arb("0.25")], prec=12)
            for found, expected in zip(own.on_series(g), named.on_series(g), strict=True):
                for n in range(12):
                    assert found[n].overlaps(expected[n])
                    assert expected[n].is_zero() or abs(found[n] - expected[n]) < abs(expected[n]) * 1e-14


def test_eigenvalues_of_named_activations_come_out_again():
    for own, named, degrees in ((ERF, es.erf, (0, 1, 3)), (GELU, es.gelu, (0, 1, 4)), (RELU, es.relu, (1,))):
        for degree in degrees:
            for kernel in ("nngp", "ntk"):
                found = es.eigenvalue(es.mlp(200, 2, activation=own), degree, kernel)
                expected = es.eigenvalue(es.mlp(200, 2, activation=named), degree, kernel)
                assert found.bound == "estimated" and found.error < 1e-13
                assert abs(found.value - expected.value) <= (found.error + expected.error) * expected.value


def test_slow_series_state_what_they_miss():
    found = es.eigenvalue(es.mlp(3, 1, activation=RELU), 2, "nngp", rtol=1e-3)
    assert found.bound == "estimated" and 1e-8 < found.error < 1e-2
    assert abs(found.value - 3 / 128) <= found.error * 3 / 128
    with pytest.raises(es.ConvergenceError, match="kinks or jumps"):
        RELU.on_array(np.array([0.999]))


def test_zonal_spectrum_of_the_kernel_agrees():
    kernel = es.kernel_function(es.mlp(6, 2, activation=TANH), "ntk")
    table = es.zonal_spectrum(lambda t: kernel([t]), 6, [1, 3], rtol=1e-9)
    for row, degree in zip(table, (1, 3)):
        assert row.value == pytest.approx(es.eigenvalue(es.mlp(6, 2, activation=TANH), degree).value, rel=1e-9)


def test_symmetries_give_exact_zeros():
    assert TANH.vanishing(9) == (0, 2, 4, 6, 8) and SILU.vanishing(9) == (3, 5, 7, 9)
    assert SOFTPLUS.vanishing(7) == (3, 5, 7) and SIGMOID.vanishing(7) == (2, 4, 6)
    assert ELU.vanishing(30) == ()
    cosine = es.from_function(np.cos)
    assert cosine.is_nonnegative and cosine.vanishing(5) == (1, 3, 5)
    assert power_series((TANH, TANH), 9).f[8].is_zero()
    # an accidental zero: He_3 has no linear part; and a polynomial ends
    assert es.from_function(lambda z: z**3 - 3 * z, "he3").vanishing(12) == (0, 1, 2, *range(4, 13))
    zero = es.eigenvalue(es.mlp(5, 2, activation=TANH), 2)
    assert zero.value == 0 and zero.bound == "estimated"


def test_sympy_expressions():
    z = sympy.Symbol("z")
    own = es.from_function(sympy.tanh(z))
    assert own.name == "from_function('tanh(z)')" and own.series(5) == TANH.series(5)
    assert own == es.from_function(sympy.tanh(z)) and pickle.loads(pickle.dumps(own)) == own


def test_values_and_names():
    assert pickle.loads(pickle.dumps(TANH)) == TANH and hash(TANH) == hash(es.from_function(np.tanh))
    assert TANH.name == "from_function(tanh)"
    assert TANH.at_variance(2)[0].name == "from_function(tanh, variance=2)"
    assert "t^{3}" in TANH._repr_latex_()
    table = es.spectrum(es.mlp(30, 1, activation=TANH), degree=2)
    assert "from_function(tanh)" in table.provenance.call and {row.bound for row in table} == {"estimated"}
    assert "quadrature" in table.provenance.method


def test_what_is_refused():
    net = es.mlp(3, 1, activation=TANH)
    for ring in (es.ball(128), es.EXACT):
        with pytest.raises(es.UnsupportedError, match=r"from_function\(tanh\) is known through estimates"):
            es.eigenvalue(net, 1, ring=ring)
    with pytest.raises(es.UnsupportedError, match="no dual in closed form"):
        TANH.dual(0)
    for refusing in (es.closed_form, lambda n, _: es.decay(n)):
        with pytest.raises(es.UnsupportedError, match="from_function"):
            refusing(net, 1)
    with pytest.raises(es.UnsupportedError, match="names a Python function only"):
        es.verify(es.spectrum(net, degree=1))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: es.from_function(math.tanh), TypeError, "arbitrary precision.*turns them into floats.*np.tanh"),
        (lambda: es.from_function(lambda z: float(z) ** 2, "f"), TypeError, "arbitrary precision"),
        (lambda: es.from_function(np.arctan), TypeError, "arctan"),
        (lambda: es.from_function(lambda z: z), ValueError, "name must be given"),
        (lambda: es.from_function(3), TypeError, "f must be a function"),
        (lambda: es.from_function(es.relu), TypeError, "use it as it is"),
        (lambda: es.from_function(np.tanh, ""), TypeError, "name must be"),
        (lambda: es.from_function(np.tanh, breaks=0), TypeError, "breaks must be a sequence"),
        (lambda: es.from_function(np.tanh, breaks=("0",)), TypeError, "breaks must be"),
        (lambda: es.from_function(lambda z: 1 + 0 * z, "one"), ValueError, "must not be constant"),
        (lambda: es.from_function(lambda z: np.exp(z * z / 3), "wild"), es.ConvergenceError, "second moment"),
        (lambda: es.from_function(lambda z: np.maximum(z, 1), "late"), es.ConvergenceError, "breaks="),
        (lambda: es.from_function(lambda z: 1 / z, "pole", breaks=(0,)), es.ConvergenceError, "pole"),
        (lambda: es.from_function(sympy.Symbol("x") * sympy.Symbol("y")), ValueError, "one symbol"),
    ],
)
def test_bad_input(make, error, words):
    with pytest.raises(error, match=words):
        make()
