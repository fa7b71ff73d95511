"""Leading orders: exponents, constants and corrections against eigenvalues, closed forms and other recursions."""

import pickle
from fractions import Fraction as F
from math import expm1, factorial, inf, log, pi

import numpy as np
import pytest
import sympy

import eigenspace as es
from eigenspace.activations import Activation
from eigenspace.classes import Representatives, enumerate_classes
from eigenspace.harmonics import monomial_moment
from eigenspace.indices import leading_exponents
from eigenspace.rings.leading import Balls, Exponents, Size, Symbols
from eigenspace.shapes import layout
from networks import CATALOGUE

RBF = es.rbf(0.25)
FIXED = {"dim": 1, "filters": 0, "positions": 0}


def gap(net, degrees, kernel, exponents=None):
    """The relative distance of an eigenvalue from its leading order, and the order."""
    order = es.leading_order(net, degrees, kernel, exponents=exponents)
    value = es.eigenvalue(net, degrees, kernel)
    return expm1((value.log10 - order.log10) * log(10)), order


def ragged(s):
    inner = es.node([es.node([es.leaf(s)]), es.leaf(2 * s)])
    return es.network([es.node([inner, es.node([es.leaf(s), es.leaf(3 * s)])])])


def mixed(s):
    first = es.node([es.leaf(s), es.leaf(2 * s)], activation=es.rbf(0.5))
    return es.network([first, es.node([es.leaf(s)])], head="dense")


# against exact eigenvalues --------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize(
    ("make", "degrees", "exponents"),
    [
        *((lambda s: es.mlp(s, 2), {0: r}, None) for r in (0, 1, 5)),
        (lambda s: es.mlp(s, 1, activation=RBF), {0: 4}, None),
        *((lambda s: es.cnn(s, (1, 2), head="dense"), {0: r}, FIXED) for r in (1, 5)),
        *((lambda s: es.cnn(s, (1, 5), head="dense"), {0: r, 1: 1}, FIXED) for r in (3,)),
        *((lambda s: es.cnn(s, (1, 2, 2), head="dense"), d, FIXED) for d in ({0: 1, 1: 1}, {0: 3, 3: 3})),
        *((lambda s: es.cnn(s, (3,), 2), d, FIXED) for d in ({0: 1, 1: 1}, {0: 3, 1: 1})),
        *((ragged, d, FIXED) for d in ({0: 1, 1: 1}, {0: 2, 3: 1})),
        *((mixed, d, FIXED) for d in ({0: 3, 1: 1}, {0: 1, 2: 1})),
    ],
)
def test_fixed_fan_ins_from_a_hundred_to_a_billion(make, degrees, exponents, kernel):
    gaps, errors = [], []
    for size in (10**2, 10**5, 10**9):
        net = make(size)
        found, order = gap(net, degrees, kernel, exponents)
        assert order.exponent == sum(degrees.values())
        assert order.correction_exponent == 1
        gaps.append(abs(found))
        errors.append(abs(found * net.dim - order.correction))
    assert gaps[2] < 1e-3 * gaps[1] < 1e-5 * gaps[0]  # like 1 / d, down to rounding
    assert errors[1] < 1e-2 * errors[0] and errors[1] < 1e-3 * (1 + abs(order.correction))


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize(
    ("make", "degrees", "exponents"),
    [
        *((lambda p: es.cnn(p, (1,), p, head="dense"), {0: r}, None) for r in range(1, 6)),
        (lambda p: es.cnn(p, (1,), p, head="dense"), {0: 3, 1: 1}, None),
        (lambda p: es.cnn(p, (1,), p, head="dense", activation=RBF), {0: 2, 1: 1}, None),
        (lambda p: es.cnn(p, (2,), p), {0: 1, 1: 1}, {"dim": F(1, 2), "filters": 0, "positions": F(1, 2)}),
        (lambda p: es.mlp(p, 2, leaves=p), {0: 3, 1: 1}, None),
        (lambda p: es.mlp(1, 2, leaves=p), {0: 1, 1: 1, 2: 1}, None),
        (lambda p: es.mlp(2, 2, leaves=p), {0: 2, 1: 3}, {"dim": 0, "filters": 1}),
    ],
)
def test_growing_fan_ins(make, degrees, exponents, kernel):
    errors = []
    for p in (32, 512):
        net = make(p)
        found, order = gap(net, degrees, kernel, exponents)
        errors.append(abs(found * net.dim ** float(order.correction_exponent) - order.correction))
    assert errors[1] < errors[0] / 3 and errors[1] < 0.06 * (0.2 + abs(order.correction))


def test_rectifiers_pay_for_odd_degrees():
    # kappa_1(mean of p spheres of dimension p): 2, 3, 5, 5, 7 in powers of p; admissible activations: 2, 3, 4, 5, 6
    for activation, powers in ((es.relu, (2, 3, 5, 5, 7)), (RBF, (2, 3, 4, 5, 6))):
        net = es.cnn(16, (1,), 16, head="dense", activation=activation)
        for kernel in ("nngp", "ntk"):
            found = [es.leading_order(net, {0: r}, kernel).exponent for r in range(1, 6)]
            assert found == [F(power, 2) for power in powers] and all(isinstance(x, F) for x in found)


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_exponents_are_those_of_tables(name, kernel):
    # in tables a first layer is one sphere of its total dimension; the same where its leaves are alike
    net = CATALOGUE[name]
    plan = layout(net)
    pool = enumerate_classes(plan.root, 2)
    table = leading_exponents(pool, net.dim, kernel)
    for c in range(len(pool)):
        degrees = Representatives(plan, pool)(c)
        try:
            order = es.leading_order(net, degrees, kernel)
        except es.UnsupportedError:
            assert min(leaf.dim for leaf in net.leaves) == 1
            continue
        assert (order.exponent == inf) == (table[c] == inf)
        if name not in ("ragged", "mixed") and order.exponent < inf:
            assert order.exponent == pytest.approx(table[c], abs=1e-9)
            assert isinstance(order.exponent, F) or not isinstance(table[c], F)
        assert (order.constant == 0) == (es.eigenvalue(net, degrees, kernel, rtol=0.1).value == 0)


def test_structural_zeros():
    order = es.leading_order(es.mlp(50, 1), 3)
    assert (order.exponent, order.constant, order.expr, order.log10) == (inf, 0.0, 0, -inf)
    assert order.correction is None and repr(order) == "LeadingOrder(0, ntk)"
    assert es.leading_order(es.cnn(16, (1,), 16), {0: 1, 1: 1}).constant == 0


# closed forms ---------------------------------------------------------------------------------------


def test_one_sphere_by_the_derivative_identity():
    # mu_k d(d+2)...(d+2k-2) = sum_s kappa^(k+2s)(0) / (2^s s! prod (d+2k+2j)): leading term and correction
    t, k = sympy.Symbol("t"), 4
    kernel = RBF.dual(RBF.dual(t))
    first, second = (float(sympy.diff(kernel, t, n).subs(t, 0)) for n in (k, k + 2))
    order = es.leading_order(es.mlp(10**4, 2, activation=RBF), k, "nngp")
    assert order.exponent == k and order.constant == pytest.approx(first, rel=1e-13)
    assert order.correction == pytest.approx(-k * (k - 1) + second / (2 * first), rel=1e-12)


def test_expressions():
    s, w = sympy.symbols("s w")
    two_layers = es.leading_order(es.mlp(1000, 1), 2, "nngp")
    assert two_layers.expr == 1 / (sympy.pi * s**2) and two_layers.constant == pytest.approx(1 / pi, rel=1e-15)
    cubic = es.leading_order(es.cnn(100, (1,), 100, head="dense"), {0: 3}, "nngp")
    assert sympy.simplify(cubic.expr - 3 / (2 * sympy.pi * sympy.sqrt(sympy.pi**2 - 1) * s**3 * w**2)) == 0
    assert cubic.sizes == {"s": (100, F(1, 2)), "w": (100, F(1, 2))}
    four = es.leading_order(es.cnn(4, (1, 4, 4), 4, head="dense", activation=RBF), {0: 1, 16: 1})
    assert set(map(str, four.expr.free_symbols)) == {"s", "w1", "w2", "w3"} == set(four.sizes)
    assert "s^{2}" in two_layers._repr_latex_()


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize(
    ("net", "degrees", "exponents"),
    [
        (es.mlp(1000, 3), 3, None),
        (es.cnn(100, (1, 2), head="dense"), {0: 3, 1: 1}, FIXED),
        (es.cnn(4, (1, 4, 4), 4, head="dense", activation=RBF), {0: 1, 5: 2}, None),
        (ragged(10), {0: 1, 3: 1}, FIXED),
        (ragged(10), {0: 1, 3: 1}, None),
        (es.mlp(5, 2, leaves=3), {0: 2, 1: 1}, None),
        (es.mlp(2, 2, leaves=30), {0: 2, 1: 1}, {"dim": 0, "filters": 1}),
    ],
)
def test_expressions_have_the_value_of_the_constant(net, degrees, exponents, kernel):
    order = es.leading_order(net, degrees, kernel, exponents=exponents)
    assert not order.expr.atoms(sympy.Float)
    sizes = {symbol: order.sizes[symbol.name][0] for symbol in order.expr.free_symbols}
    value = order.expr.evalf(30, subs=sizes)
    assert float(sympy.log(value, 10)) == pytest.approx(order.log10, abs=1e-12)


# what it is asked -----------------------------------------------------------------------------------


def test_exponents_by_hand():
    net = es.cnn(50, (2, 2), 5, head="dense")
    free = es.leading_order(net, {0: 1, 2: 1}, exponents={"dim": F(1, 2), "filters": (0, 0.25), "positions": F(1, 4)})
    # two linear leaves that meet in the second filter: s^-2 and, for its two children and one position, w^-2 p^-1
    assert free.exponent == 2 * F(1, 2) + 2 * F(1, 4) + F(1, 4)
    assert es.leading_order(net, {0: 1, 2: 1}, exponents={"dim": 1, "filters": 0, "positions": 0}).exponent == 2
    assert es.leading_order(net, {0: 1, 2: 1}, exponents={"dim": 1, "filters": 0, "positions": 0.3}).sizes.keys() == {
        "s", "w"
    }  # fmt: skip
    flat = es.cnn(50, (2,), 5)
    assert es.leading_order(flat, {0: 1}, exponents={"dim": 1, "filters": 0, "positions": 2}).exponent == 3
    one = es.cnn(50, (2, 2), 1)
    assert es.leading_order(one, {0: 1}, exponents={"dim": 1, "filters": 0, "positions": 2}).exponent == 1


def test_constant_and_float_exponents():
    order = es.leading_order(es.mlp(1000, 2), 2)
    assert isinstance(order.exponent, F) and float(order.constant) > 0 and order.dim == 1000
    constant = es.leading_order(es.mlp(1000, 2), 0, "nngp")
    assert constant.exponent == 0
    assert constant.constant == pytest.approx(float(es.relu.on_array(np.array(1 / pi))[0]), rel=1e-15)
    odd = es.leading_order(es.cnn(12, (1, 5), 7, head="dense"), {0: 1, 1: 1})
    assert isinstance(odd.exponent, float)
    # the first layer is a power of d, its parts are not
    assert es.leading_order(es.mlp(12, 3, leaves=3), {0: 1, 1: 1}).exponent == F(2)


def test_orders_can_be_stored():
    order = es.leading_order(es.cnn(20, (1, 2), head="dense"), {0: 2}, exponents=FIXED)
    again = pickle.loads(pickle.dumps(order))
    assert again == order and repr(again) == repr(order) and again.expr == order.expr


def test_linear_networks_are_their_leading_order():
    order = es.leading_order(es.mlp(100, 2, activation=es.identity), 1, "nngp")
    assert order.correction is None and order.constant == 1 and order.exponent == 1


@pytest.mark.parametrize(
    ("exponents", "error", "words"),
    [
        (3, TypeError, "mapping"),
        ({"dims": 1}, ValueError, "'dim'"),
        ({"dim": -1}, ValueError, "dim"),
        ({"dim": "1"}, TypeError, "dim"),
        ({"filters": [0, -1]}, ValueError, r"\[1\]"),
        ({"dim": inf}, ValueError, "dim"),
    ],
)
def test_bad_exponents(exponents, error, words):
    with pytest.raises(error, match=words):
        es.leading_order(es.mlp(10, 1), 1, exponents=exponents)


def test_what_has_no_leading_order():
    fixed = es.cnn(4, (2,), 9), {"dim": 0, "filters": 0}
    for net, exponents in ((es.mlp(10, 1), {"dim": 0}), (es.mlp(1, 2), None), fixed):
        with pytest.raises(es.UnsupportedError, match="fluctuate"):
            es.leading_order(net, {0: 1}, exponents=exponents)
    with pytest.raises(ValueError, match="kernel"):
        es.leading_order(es.mlp(10, 1), 1, "gp")


def test_high_degrees():
    order = es.leading_order(es.mlp(10**9, 2), 50)
    value = es.eigenvalue(es.mlp(10**9, 2), 50)
    ratio = 10 ** (value.log10 - order.log10)
    assert ratio == pytest.approx(1 + order.correction * 1e-9, abs=1e-10)
    with pytest.raises(es.UnsupportedError, match="range of a float"):
        es.leading_order(es.mlp(10**9, 1), 200)


class Sparse(Activation):
    """The dual (t + t**15) / 2: a wide gap between its powers."""

    name = "sparse"

    def dual(self, t):
        return (t + t**15) / 2

    def on_array(self, t):
        return (t + t**15) / 2, (1 + 15 * t**14) / 2

    on_ball = on_array

    def on_series(self, g):
        return (g + g**15) / 2, (1 + 15 * g**14) / 2


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("degree", [1, 3, 5])
def test_gaps_between_powers(kernel, degree):
    # degree 3 comes from the fifteenth power of the correlation: (15 + 3) / 2
    net = es.mlp(1000, 1, activation=Sparse())
    order = es.leading_order(net, degree, kernel)
    assert order.exponent == (1 if degree == 1 else F(15 + degree, 2))
    pool = enumerate_classes(layout(net).root, 5)
    assert leading_exponents(pool, net.dim, kernel)[degree] == order.exponent
    # E[t**n P_k] ~ n! / (2**i i!) s**-(i + k), and t times the derivative for the NTK
    factor = 1 if kernel == "nngp" else 16
    i = (15 - degree) // 2
    constant = (1 if kernel == "nngp" else 2) / 2 if degree == 1 else factor * factorial(15) / 2 / (2**i * factorial(i))
    assert order.constant == pytest.approx(constant, rel=1e-14)


# the numbers ----------------------------------------------------------------------------------------


def test_single_numbers():
    s = Size(10, 1.0, name="s")
    exponents, coefficients = Symbols(3).number(s, -2, F(1, 2), [2, 4], -1)
    x = sympy.Symbol("s")
    assert exponents == [2, 3, 4] and [c.subs(x, 1) for c in coefficients] == [F(1, 2), -3, 14]
    fixed, one = Symbols(2).number(Size(10, 0.0), -2, F(1, 2), [2, 4], -1)
    assert fixed == [0, inf] and one[0] == sympy.Rational(1, 2 * 12 * 14)
    assert Exponents().number(s, 3, F(0), []) == ([inf], [0])
    # no child is left to fluctuate
    assert Exponents().number(Size(2, 0.0), 1, F(1), [-2]) == ([inf], [0])


def test_sums_and_products():
    ring = Symbols(2)
    a = ring.rows([[([1.0, 2.0], [3, -1]), ([0.0, inf], [2, 0])]])
    b = ring.rows([[([1.0, 3.0], [4, 5]), None]])
    total = ring.add(a, b)
    assert total.exponent[:, 0, 0].tolist() == [1, 2] and total.coefficient[:, 0, 0].tolist() == [7, -1]
    assert total.exponent[:, 0, 1].tolist() == [0, inf] and total.coefficient[:, 0, 1].tolist() == [2, 0]
    product = ring.convolve(a, b)
    assert product.exponent[:, 0, 0].tolist() == [2, 3] and product.coefficient[:, 0, 0].tolist() == [12, -4]
    assert product.exponent[:, 0, 1].tolist() == [1, 3] and product.coefficient[:, 0, 1].tolist() == [8, 10]


def test_moments_of_one_sphere_in_all_arithmetics():
    from eigenspace._flint import precision

    degrees, d = np.array([0, 1, 2, 3]), 10**8
    with precision(200):
        rows = Balls(2).sphere(Size(d, 1.0), degrees, 7)
    alone = Exponents().sphere(Size(d, 1.0), degrees, 7)
    assert (rows.exponent[0] == alone.exponent[0]).all()
    for r in degrees:
        for n in range(7):
            exact = monomial_moment(d, int(r), n)
            if exact == 0:
                assert rows.exponent[0, r, n] == inf
                continue
            terms = [float(c) * d ** -float(e) for e, c in zip(rows.exponent[:, r, n], rows.coefficient[:, r, n])]
            exact = float(exact / sympy.factorial(n))
            assert abs(sum(terms) / exact - 1) < 1e-13
