"""Closed forms against quadrature, brute force, printed values, and the float ring."""

import itertools
import random
import runpy
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
import sympy

import eigenspace as es

CAMPAIGN = runpy.run_path(str(Path(__file__).parents[1] / "scripts/check_closed_forms.py"))
DUALS = CAMPAIGN["duals"]()
D = sympy.Symbol("d", positive=True)
K = sympy.Symbol("k", integer=True, nonnegative=True)
name = lambda a: a.name


def expr(net, degrees, kernel="nngp"):
    return es.closed_form(net, degrees, kernel).expr


@pytest.mark.parametrize("activation", DUALS, ids=name)
def test_a_sample_of_the_campaign(activation):
    rng = random.Random(activation.name)
    dim, degrees = rng.choice([2, 3, 4, 5, 10]), sorted(rng.sample(range(10), 3))
    smooth = isinstance(activation, CAMPAIGN["ExponentialDual"])
    expected = CAMPAIGN["references"](DUALS[activation], dim, degrees, smooth)
    for degree in degrees:
        for kernel, value in zip(("nngp", "ntk"), expected[degree]):
            assert CAMPAIGN["difference"](activation, dim, degree, kernel, value) < mpmath.mpf(10) ** -30


def test_printed_rationals():
    rational = lambda text: [sympy.Rational(x) for x in text.split()]
    three, five = es.mlp(3, 1), es.mlp(5, 1)
    assert [expr(three, k) for k in range(5)] == rational("3/8 1/6 3/128 0 1/1536")
    assert [expr(es.mlp(3, 1, activation=es.step), k) for k in range(6)] == rational("1/2 1/8 0 1/128 0 1/512")
    assert [expr(three, k, "ntk") for k in range(4)] == rational("1/2 1/3 5/64 0")
    assert [float(es.closed_form(five, k, "nngp")) for k in (0, 1, 2, 4, 6)] == [
        0.3515625, 0.1, 0.009765625, 1.52587890625e-4, 1.373291015625e-5,
    ]  # fmt: skip
    assert [float(es.closed_form(five, k, "ntk")) for k in (0, 1, 2, 4)] == [0.421875, 0.2, 0.03125, 0.00103759765625]


@pytest.mark.parametrize("activation", DUALS, ids=name)
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_symbolic_degree_against_numbers(activation, kernel):
    for dim in (D, sympy.Integer(4)):
        general = expr(es.mlp(dim, 1, activation=activation), K, kernel)
        for k in (0, 1, 2, 3, 7, 8):
            special = expr(es.mlp(6 if dim is D else 4, 1, activation=activation), k, kernel)
            found = general.subs({D: 6}).subs(K, k)
            assert abs(sympy.N(found - special, 30)) <= 1e-28 * abs(sympy.N(special, 30))


@pytest.mark.parametrize("activation", DUALS, ids=name)
def test_trace_in_symbols(activation):
    """On the circle the eigenvalues add up to the kernel at equal inputs."""
    if activation in (es.step, es.sign):
        return  # falls like 1/k**2 only; the numbers are checked above
    terms = [float(es.closed_form(es.mlp(2, 1, activation=activation), k, "nngp")) for k in range(80)]
    assert terms[0] + 2 * sum(terms[1:]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_against_the_float_ring_in_every_regime(kernel):
    for activation in [*DUALS, es.identity]:
        for dim, degree in [(1, 1), (2, 40), (3, 9), (40, 6), (10**6, 3)]:
            net = es.mlp(dim, 1, activation=activation)
            found, row = es.closed_form(net, degree, kernel), es.eigenvalue(net, degree, kernel)
            assert float(found) == pytest.approx(row.value, rel=max(row.error, 1e-15) * 2), (activation, dim, degree)
            assert (found.expr == 0) == (row.value == 0)


def test_large_dimensions_stay_short():
    form = es.closed_form(es.mlp(10**6, 1), 2, "nngp")
    assert len(str(form.expr)) < 200
    assert float(form) == pytest.approx(es.eigenvalue(es.mlp(10**6, 1), 2, "nngp").value, rel=1e-14)


def test_positions_under_a_linear_readout():
    net = es.cnn(3, (1,), 5)
    assert expr(net, {2: 2}) == sympy.Rational(3, 128) / 5
    assert expr(net, {0: 1, 1: 1}) == 0
    assert expr(net, {}) == sympy.Rational(3, 8)
    mixed = es.network([es.node([es.leaf(3)]), es.node([es.leaf(5)], activation=es.absolute)])
    both = expr(es.mlp(3, 1), 0) + expr(es.mlp(5, 1, activation=es.absolute), 0)
    assert sympy.simplify(expr(mixed, {}) - both / 2) == 0
    assert expr(es.cnn(D, (1,), 4), {1: 1}, "ntk") == 1 / (4 * D)


def test_identity_layers_repeat_parts_of_the_tangent_kernel():
    inner = es.node([es.node([es.leaf(7)], activation=es.identity)], activation=es.relu)
    net = es.network([es.node([inner], activation=es.identity)])
    for kernel in ("nngp", "ntk"):
        for k in range(4):
            value = es.eigenvalue(net, k, kernel).value
            assert float(es.closed_form(net, k, kernel)) == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("activation", [es.rbf(0.25), es.exponential(Fraction(3, 2))], ids=name)
def test_exponentials_of_products(activation, kernel):
    net = es.network([es.node([es.leaf(s) for s in (1, 2, 3, 3)], activation=activation), es.node([es.leaf(4)])])
    for degrees in [(0, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 3, 0, 1, 0), (1, 1, 2, 2, 0)]:
        row = es.eigenvalue(net, degrees, kernel)
        assert float(es.closed_form(net, degrees, kernel)) == pytest.approx(row.value, rel=2 * row.error)


def corner_sum(bits, active, chain, kernel):
    """All 2**bits corners, one by one, in mpmath."""
    total = mpmath.mpf(0)
    for corner in itertools.product((1, -1), repeat=bits):
        t = h = mpmath.mpf(sum(corner)) / bits
        for activation in chain:
            if activation == es.relu:
                angle = mpmath.acos(t)
                k, slope = (mpmath.sin(angle) + (mpmath.pi - angle) * t) / mpmath.pi, 1 - angle / mpmath.pi
            else:
                k = mpmath.exp(-2 * mpmath.mpf(activation.gamma) * (1 - t))
                slope = 2 * mpmath.mpf(activation.gamma) * k
            t, h = k, k + slope * h
        total += (t if kernel == "nngp" else h) * mpmath.fprod(corner[:active])
    return total / 2**bits


@pytest.mark.parametrize("chain", [(es.relu,), (es.relu, es.relu), (es.rbf(0.25), es.relu)], ids=str)
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_cube(chain, kernel):
    part = es.node([es.leaf(1) for _ in range(6)], activation=chain[0])
    for activation in chain[1:]:
        part = es.node([part], activation=activation)
    net = es.network([part])
    with mpmath.workdps(40):
        for k in range(7):
            form = es.closed_form(net, dict.fromkeys(range(k), 1), kernel)
            expected = corner_sum(6, k, chain, kernel)
            if len(chain) == 1 and chain[0] == es.relu and k in (3, 5):
                assert form.expr == 0 and abs(expected) < 1e-35
            else:
                assert abs(mpmath.mpf(form.evaluate(30)._mpf_) / expected - 1) < 1e-28


def test_polynomials_of_any_depth():
    """Linear layers until polynomial activations join: rational in the dimensions."""
    net = es.mlp(D, 3, leaves=2, activation=es.identity)
    assert expr(net, {0: 1}) == 1 / (2 * D) and sympy.simplify(expr(net, {1: 1}, "ntk") - 2 / D) == 0
    assert expr(net, {0: 1, 1: 1}) == 0 and expr(es.mlp(D, 1, activation=es.identity), 3) == 0

    part = es.node([es.node([es.leaf(D), es.leaf(3)], activation=es.monomial(2))], activation=es.monomial(2))
    net, t, u = es.network([part]), sympy.Symbol("t"), sympy.Symbol("u")
    mean = (t + u) / 2
    inner, outer = (2 * mean**2 + 1) / 3, (2 * ((2 * mean**2 + 1) / 3) ** 2 + 1) / 3
    kernels = {"nngp": outer, "ntk": outer + sympy.Rational(4, 3) * inner * (inner + sympy.Rational(4, 3) * mean**2)}
    for kernel, value in kernels.items():
        for degrees in [(0, 0), (1, 1), (2, 0), (2, 2), (3, 1), (5, 1)]:
            # at d = 5 and 3: integrals of polynomials against the weights (1 - t**2) and 1
            five = sympy.gegenbauer(degrees[0], sympy.Rational(3, 2), t)
            three = sympy.legendre(degrees[1], u)
            weight = sympy.Rational(3, 4) * (1 - t**2) * five / five.subs(t, 1) * three / 2
            expected = sympy.integrate(sympy.integrate(sympy.expand(value * weight), (t, -1, 1)), (u, -1, 1))
            assert es.closed_form(net, degrees, kernel).expr.subs(D, 5) == expected


POLYNOMIALS = {
    "sphere": (lambda d: es.mlp(d, 1, activation=es.monomial(4)), [(0,), (1,), (2,), (4,), (5,)]),
    "deep": (lambda d: es.mlp(d, 3, activation=es.polynomial((0, 1, -1))), [(0,), (1,), (3,), (8,), (9,)]),
    "Hermite, two spheres": (lambda d: es.mlp(d, 2, leaves=2, activation=es.hermite(3)), [(0, 0), (1, 0), (4, 3)]),
    "tree": (lambda d: es.cnn(d, (1, 2), activation=es.polynomial((1, "1/3", 1))), [(0, 0), (2, 0), (2, 1), (1, 4)]),
    "positions": (lambda d: es.cnn(d, (1,), 3, activation=es.monomial(3)), [(0, 0, 0), (0, 3, 0), (1, 1, 0)]),
    "dense": (lambda d: es.cnn(d, (1,), 2, head="dense", activation=es.hermite(2)), [(0, 0), (2, 2), (4, 0)]),
}


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("case", POLYNOMIALS)
def test_polynomials_in_numbers_and_symbols(case, kernel):
    """The moment recursion in rational numbers; term by term where the dimension is a symbol; and the floats."""
    make, requests = POLYNOMIALS[case]
    for degrees in requests:
        general = expr(make(D), degrees, kernel)
        assert general.free_symbols <= {D} and general.is_rational_function(D)
        for dim in (2, 3, 7, 10**6):
            found, row = expr(make(dim), degrees, kernel), es.eigenvalue(make(dim), degrees, kernel)
            assert isinstance(found, sympy.Rational) and general.subs(D, dim) == found
            assert (found == 0) == (row.value == 0)
            assert float(found) == pytest.approx(row.value, rel=2 * row.error + 1e-15)


def test_polynomials_of_high_degree_are_found_in_numbers_only():
    net = es.mlp(5, 1, leaves=4, activation=es.hermite(40))
    form = es.closed_form(net, (10, 8, 6, 4), "nngp")
    assert isinstance(form.expr, sympy.Rational) and form.method == "moment recursion in rational numbers"
    assert float(form) == pytest.approx(es.eigenvalue(net, (10, 8, 6, 4), "nngp").value, rel=1e-13)
    with pytest.raises(es.UnsupportedError, match="too many terms"):
        es.closed_form(es.mlp(D, 1, leaves=4, activation=es.hermite(40)), (10, 8, 6, 4))


def test_result():
    form = es.closed_form(es.mlp(D, 1), 2, "nngp")
    assert sympy.sympify(form) is form.expr and form.expr.free_symbols == {D}
    assert form._repr_latex_().startswith(r"$\displaystyle \lambda^{\mathrm{NNGP}}_{2} =")
    text = form.to_latex()
    assert text.startswith("% eigenspace.closed_form(mlp(d, 1), 2, 'nngp')\n")
    assert "\\[\n" in text and "Bach2017" in text
    with pytest.raises(ValueError, match="d is a symbol here"):
        form.evaluate()
    assert not es.closed_form(es.mlp(3, 1, activation=es.leaky_relu(0.1)), 2).expr.atoms(sympy.Float)


def test_to_latex_writes_a_file(tmp_path):
    form = es.closed_form(es.mlp(3, 1), 2)
    assert form.to_latex(tmp_path / "form.tex") is None
    assert (tmp_path / "form.tex").read_text(encoding="utf-8") == form.to_latex()


@pytest.mark.parametrize(
    "net, degrees, missing",
    [
        (es.mlp(3, 2), 2, "composition of 2 activations"),
        (es.mlp(3, 2, activation=es.rbf(0.25)), 2, "nested exponentials"),
        (es.mlp(3, 1, leaves=2), {0: 1}, "mean over 2 spheres"),
        (es.cnn(3, (1, 2)), {0: 1}, "tree of layers"),
        (es.mlp(1, 1, leaves=4), {0: K}, "symbolic degree on a cube"),
        (es.mlp(D, 1, activation=es.identity), K, "symbolic degree of a polynomial"),
    ],
)
def test_what_has_no_closed_form(net, degrees, missing):
    with pytest.raises(es.UnsupportedError, match=missing) as error:
        es.closed_form(net, degrees)
    assert "eigenspace.eigenvalue" in str(error.value)


def test_bad_input():
    with pytest.raises(ValueError, match="degrees must be non-negative integers, got x"):
        es.closed_form(es.mlp(3, 1), sympy.Symbol("x"))
    with pytest.raises(ValueError, match="did you mean 'ntk'"):
        es.closed_form(es.mlp(3, 1), 1, "nkt")
    with pytest.raises(ValueError, match="degrees must be 0 or 1 on a leaf of dimension 1"):
        es.closed_form(es.mlp(1, 1), 2)
    with pytest.raises(ValueError, match="a leaf of dimension d"):
        es.eigenvalue(es.mlp(D, 1), 2)
    shared = es.leaf(3)
    with pytest.raises(es.UnsupportedError, match="needs a tree"):
        es.closed_form(es.network([es.node([shared]), es.node([shared])]), 0)
