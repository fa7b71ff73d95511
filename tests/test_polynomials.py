"""Polynomial activations: duals against Gaussian expectations, and the float ring on them against brute force."""

from fractions import Fraction
from itertools import product
from math import factorial, prod

import numpy as np
import pytest
import sympy
from flint import arb, arb_series

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.duals import degree, layer_matrix
from eigenspace.harmonics import monomial_moment
from eigenspace.rings import FLOAT

KERNELS = ("nngp", "ntk")
POLYNOMIALS = {
    (0, 1): es.monomial(1),
    (0, 0, 1): es.monomial(2),
    (0, 0, 0, 1): es.monomial(3),
    (0, 0, 0, 0, 0, 1): es.monomial(5),
    (0, 1, 1): es.polynomial((0, 1, 1)),
    (3, -1, 0, Fraction(1, 3)): es.polynomial((3, -1.0, 0, "1/3")),
    (0, 2, 0, -1): es.polynomial((0, 2, 0, -1)),
    (-1, 0, 1): es.hermite(2),
    (0, -3, 0, 1): es.hermite(3),
    (3, 0, -6, 0, 1): es.hermite(4),
}
T = sympy.Symbol("t")


def gaussian_moment(n):
    return 0 if n % 2 else factorial(n) // (2 ** (n // 2) * factorial(n // 2))


def dual_by_expectation(coefficients):
    """``E[phi(x) phi(t x + sqrt(1 - t^2) y)] / E[phi(x)^2]``, from the moments of independent normal variables."""
    x, y, root = sympy.symbols("x y root")
    phi = lambda z: sum(sympy.Rational(*Fraction(c).as_integer_ratio()) * z**n for n, c in enumerate(coefficients))
    total = 0
    for (i, j, k), c in sympy.Poly(sympy.expand(phi(x) * phi(T * x + root * y)), x, y, root).terms():
        if gaussian_moment(i) * gaussian_moment(j):  # an odd power of the root comes with an odd power of y
            total += c * gaussian_moment(i) * gaussian_moment(j) * (1 - T**2) ** (k // 2)
    total = sympy.expand(total)
    return sympy.Poly(total / total.subs(T, 1), T)


@pytest.mark.parametrize("coefficients", POLYNOMIALS, ids=lambda c: POLYNOMIALS[c].name)
def test_duals_are_gaussian_expectations(coefficients):
    act = POLYNOMIALS[coefficients]
    expected = dual_by_expectation(coefficients).all_coeffs()[::-1]
    assert [sympy.Rational(*a.as_integer_ratio()) for a in act.dual_coefficients] == expected
    assert all(isinstance(a, Fraction) and a >= 0 for a in act.dual_coefficients) and sum(act.dual_coefficients) == 1
    assert sympy.expand(act.dual(T) - sum(c * T**n for n, c in enumerate(expected))) == 0
    assert act.series(9, es.EXACT) == expected + [0] * (10 - len(expected))
    assert act.series(9) == [float(c) for c in act.series(9, es.EXACT)]
    assert all(isinstance(c, float) for c in act.series(2)) and act.series(1, es.EXACT) == expected[:2]


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_hermite_duals_are_powers(n):
    assert es.hermite(n).dual(T) == T**n
    he = sympy.Poly(sympy.hermite_prob(n, T), T).all_coeffs()[::-1]
    assert es.polynomial([int(c) for c in he]).dual_coefficients == es.hermite(n).dual_coefficients


@pytest.mark.parametrize("act", POLYNOMIALS.values(), ids=lambda a: a.name)
def test_the_forms_of_a_dual_agree(act):
    points = np.linspace(-1, 1, 21)
    value, slope = act.on_array(points)
    for t, v, s in zip(points, value, slope):
        number = sympy.Rational(*t.as_integer_ratio())
        exact = act.dual(number), act.dual_derivative(number)
        assert abs(v - exact[0]) < 1e-15 and abs(s - exact[1]) < 1e-14
        with precision(120):
            for ball, number in zip(act.on_ball(arb(t)), exact):
                assert abs(ball - arb(int(number.p)) / int(number.q)) < 1e-30
    with precision(100, 12):
        both = act.on_series(arb_series([0.25, 1], prec=12))
        for series, function in zip(both, (act.dual, act.dual_derivative)):
            expected = sympy.Poly(function(T + sympy.Rational(1, 4)), T).all_coeffs()[::-1]
            found = series.coeffs() + [arb(0)] * 12
            for c, e in zip(found, expected + [0] * (12 - len(expected))):
                assert abs(c - arb(int(e.p)) / int(e.q) if e else c) < 1e-25
    assert act.on_array(0.5)[0].shape == () and act.on_array(np.zeros((2, 3)))[1].shape == (2, 3)


@pytest.mark.parametrize("act", POLYNOMIALS.values(), ids=lambda a: a.name)
def test_flags(act):
    grid = act.on_array(np.linspace(-1, 1, 4001))[0]
    assert act.is_nonnegative == (grid.min() > -1e-12)
    assert act.keeps_angle == (act.dual(T) == T)
    assert not act.is_algebraic and act.angle_ratio(0) is None
    assert hash(act) == hash(act) and act in {act} and repr(act) == f"eigenspace.{act.name}"
    again = eval(act.name, {name: getattr(es, name) for name in ("polynomial", "monomial", "hermite")})
    assert again == act


def with_dual(*coefficients):
    """A polynomial known by its dual alone, whose Hermite coefficients need not be fractions."""
    act = es.activations.Polynomial("given", ())
    vars(act)["dual_coefficients"] = tuple(Fraction(c, sum(coefficients)) for c in coefficients)
    return act


def test_a_dual_that_touches_zero_is_not_negative():
    # (1 + t)^2 / 4 is the dual of squared Hermite coefficients 1, 2, 1; (1 + t)/2 vanishes at -1 only
    assert with_dual(1, 2, 1).is_nonnegative
    assert es.polynomial((1, 1)).is_nonnegative and not es.polynomial((1, 2)).is_nonnegative
    assert with_dual(1, 4, 4).is_nonnegative  # (1 + 2t)^2 / 9


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: es.polynomial((1,)), ValueError, ["coefficients", "constant", "(0, 1)"]),
        (lambda: es.polynomial(()), ValueError, ["coefficients", "constant"]),
        (lambda: es.polynomial((2, 0, 0)), ValueError, ["coefficients", "constant"]),
        (lambda: es.polynomial((1, 0.1)), ValueError, ["0.1", "position 1", "Fraction('0.1')"]),
        (lambda: es.polynomial((1, float("nan"))), ValueError, ["nan", "finite"]),
        (lambda: es.polynomial((1, "x")), ValueError, ["'x'", "'1/3'"]),
        (lambda: es.polynomial((1, "1/0")), ValueError, ["'1/0'"]),
        (lambda: es.polynomial((1, True)), TypeError, ["True", "position 1"]),
        (lambda: es.polynomial((1, 2j)), TypeError, ["2j"]),
        (lambda: es.polynomial("0,1"), TypeError, ["sequence", "(0, 1, 1)"]),
        (lambda: es.polynomial(3), TypeError, ["sequence"]),
        (lambda: es.polynomial([1] * 1002), ValueError, ["1001", "1002"]),
        (lambda: es.hermite(0), ValueError, ["n must be", "constant"]),
        (lambda: es.monomial(1001), ValueError, ["1000"]),
        (lambda: es.monomial(2.5), TypeError, ["n must be", "2.5"]),
    ],
)
def test_bad_input_is_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_every_exact_kind_of_number_is_taken():
    kinds = (0, np.int64(2), Fraction(1, 3), sympy.Rational(1, 3), sympy.Integer(5), np.float64(0.5), "2/7", "0.1")
    name = "polynomial((0, 2, '1/3', '1/3', 5, '1/2', '2/7', '1/10'))"
    assert es.polynomial(kinds).name == name
    assert es.polynomial([0, 1, 0]) == es.polynomial((0, 1)) and es.polynomial((0, 1)).keeps_angle


# the float ring ------------------------------------------------------------------------------------------------------

NETWORKS = [
    es.mlp(5, 1, activation=es.monomial(3)),
    es.mlp(3, 3, activation=es.polynomial((0, 1, 1))),
    es.mlp(2, 2, activation=es.polynomial((1, 0, 0, 2))),
    es.cnn(4, (2,), activation=es.monomial(2)),
    es.cnn(3, (1, 2), head="dense", activation=es.hermite(2)),
    es.network([es.node([es.node([es.leaf(3)], es.polynomial((1, 2))), es.leaf(6)], es.monomial(3))]),
    # polynomials among other activations
    es.network([es.node([es.node([es.leaf(9)], es.monomial(2)), es.node([es.leaf(8)], es.hermite(3))])]),
    es.network([es.node([es.node([es.leaf(5), es.leaf(7)], es.rbf(0.5))], es.polynomial((0, 1, 2)))]),
]


def by_quadrature(net, kernel, top):
    """Eigenvalues of a network of one or two spheres from Gauss rules in the angles."""
    x, w = np.polynomial.legendre.leggauss(160)
    angle = (x + 1) * np.pi / 2
    rules = []
    for leaf in net.leaves:
        weight = w * np.sin(angle) ** (leaf.dim - 2)
        rules.append(weight / weight.sum())
    values = es.kernel_function(net, kernel)(np.stack(np.meshgrid(*[np.cos(angle)] * len(rules), indexing="ij"), -1))
    found = {}
    for degrees in product(range(top + 1), repeat=len(rules)):
        weighted = values
        for leaf, k, rule in zip(net.leaves, degrees, rules):
            polynomial = [np.ones_like(angle), np.cos(angle)]
            for j in range(1, k):
                step = (2 * j + leaf.dim - 2) * np.cos(angle) * polynomial[j] - j * polynomial[j - 1]
                polynomial.append(step / (j + leaf.dim - 2))
            weighted = np.tensordot(rule * polynomial[k], weighted, axes=(0, 0))
        found[degrees] = float(weighted)
    return found


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("net", NETWORKS, ids=lambda net: net.call)
def test_trees_against_quadrature(net, kernel):
    top = 4
    expected = by_quadrature(net, kernel, top)
    assert any(abs(v) > 1e-6 for r, v in expected.items() if sum(r) > 1)
    for degrees, value in expected.items():
        ev = es.eigenvalue(net, degrees, kernel)
        assert ev.value == pytest.approx(value, rel=1e-10 + ev.error, abs=3e-15)
        assert ev.error < 1e-11 and (ev.bound == "exact") == (ev.log10 == -np.inf)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("bits", [1, 3, 6])
def test_cubes_against_the_sum_over_corners(bits, kernel):
    for act in (es.monomial(3), es.polynomial((1, 1, 1)), es.hermite(4)):
        net = es.mlp(1, 2, leaves=bits, activation=act)
        corners = np.array(list(product([1.0, -1.0], repeat=bits)))
        values = es.kernel_function(net, kernel)(corners)
        for row in es.spectrum(net, kernel, degree=bits):
            direct = np.mean(values * np.prod(corners ** np.array(row.degrees), axis=1))
            assert direct == pytest.approx(row.value, abs=1e-14) and row.error < 1e-13


def test_high_powers_are_not_taken_for_zeros():
    # t^100 meets every even degree up to 100: truncated below, it would look like nothing at all
    values = [es.eigenvalue(es.mlp(3, 1, activation=es.hermite(100)), k, "nngp") for k in (0, 1, 2, 100, 102)]
    assert [ev.value for ev in values] == [pytest.approx(1 / 101, rel=1e-14), 0, pytest.approx(100 / 101 / 103), *(
        pytest.approx(float(Fraction(factorial(100), prod(3 + 2 * i for i in range(100)))), rel=1e-13), 0)]  # fmt: skip
    # also beneath and above other activations
    net = es.network([es.node([es.node([es.leaf(3)], es.hermite(20)), es.node([es.leaf(3)], es.hermite(21))])])
    for degrees in ((0, 0), (0, 1), (2, 1), (40, 0)):
        assert es.eigenvalue(net, degrees).value > 0
    net = es.network([es.node([es.node([es.leaf(6)])], es.hermite(25))])
    assert all(es.eigenvalue(net, k).value > 0 for k in (0, 1, 3, 20))
    # E[kappa_1(t^100) P_2] on S^2, by its first terms
    net = es.network([es.node([es.node([es.leaf(3)], es.hermite(100))])])
    first = float(sum(c * monomial_moment(3, 2, 100 * n) for n, c in enumerate(es.relu.series(400)) if c))
    assert es.eigenvalue(net, 2, "nngp").value == pytest.approx(first, rel=1e-6)


def test_degrees_beyond_the_kernel_are_exact_zeros():
    net = es.cnn(3, (2,), 2, activation=es.monomial(3))
    rows = es.spectrum(net, "ntk", degree=6)
    assert {row.pattern for row in rows if row.value > 0} == {"1", "2 1", "3"}
    assert all(row.bound == "exact" and row.learning_index == np.inf for row in rows if row.value == 0)
    assert rows.coverage() == pytest.approx(1.0, abs=1e-14)
    everything = es.spectrum(net, "ntk", count=10**9)
    assert {row.pattern for row in everything if row.value > 0} == {"1", "2 1", "3"}


def test_degrees_of_chains():
    assert degree(()) == 1 and degree((es.monomial(3), es.identity, es.polynomial((1, 0, 0, 0, 1)))) == 12
    assert degree((es.monomial(3), es.relu)) is None
    matrix = layer_matrix((es.monomial(2), es.hermite(3)), "g", 3, 18, FLOAT)
    # complete polynomials drop nothing, and f**j beyond the order does
    assert matrix.tail_mantissa.tolist() == [0, 0, 0]
    assert layer_matrix((es.monomial(2), es.hermite(3)), "g", 3, 17, FLOAT).tail_mantissa[2] > 0


def test_leading_exponents_of_high_powers():
    # E[t^(7*7) P_1] = E[t^50] falls like d^-25, and d^-1 E[t^2 ...] for a dual with a linear term
    assert es.eigenvalue(es.mlp(100, 2, activation=es.hermite(7)), 1).learning_index == 25
    assert es.eigenvalue(es.mlp(100, 2, activation=es.monomial(7)), 1).learning_index == 1
    slopes = [es.eigenvalue(es.mlp(10**n, 1, activation=es.hermite(9)), 1, "nngp").log10 for n in (6, 7)]
    assert slopes[0] - slopes[1] == pytest.approx(5, abs=1e-3)
    assert es.eigenvalue(es.mlp(100, 1, activation=es.hermite(9)), 1).learning_index == 5


def test_absurd_degrees_are_refused():
    with pytest.raises(es.UnsupportedError, match="degree 59049 together.*fewer layers"):
        es.eigenvalue(es.mlp(3, 10, activation=es.monomial(3)), 1)
    mixed = es.network([es.node([es.node([es.node([es.leaf(3)], es.monomial(40))], es.monomial(40))])])
    with pytest.raises(es.UnsupportedError, match="1600 together"):
        es.eigenvalue(mixed, 1)
