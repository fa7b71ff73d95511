"""The exact ring: eigenvalues as numbers, against exact expectations by other routes, and their way through tables."""

import json
import pickle
import random
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import comb, factorial, inf, prod

import mpmath
import numpy as np
import pytest
import sympy
from flint import acb, arb, fmpq, fmpq_poly

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.arccosine import rectified_eigenvalue, rho_square
from eigenspace.duals import layer_matrix
from eigenspace.harmonics import gegenbauer, monomial_moment, multiplicity
from eigenspace.rings import EXACT, ExactColumn, named

KERNELS = ("nngp", "ntk")
P = es.polynomial
both = pytest.mark.parametrize("kernel", KERNELS)


def ragged():
    inner = es.node([es.leaf(1), es.node([es.leaf(2)], P((1, 0, 1)))], es.hermite(2))
    return es.network([inner, es.node([es.leaf(5)], es.identity)], head="dense", activation=P((0, 1, "1/2")))


#: small enough to write the kernel out as a polynomial of the correlations
NETWORKS = {
    "sphere": es.mlp(3, 1, activation=es.monomial(4)),
    "sphere, deep": es.mlp(4, 3, activation=P((0, 1, 1))),
    "million": es.mlp(10**6, 2, activation=P((1, 2, 3))),
    "circle": es.mlp(2, 2, activation=P((1, -1, 0, 2))),
    "two points": es.mlp(1, 2, activation=P((1, 1, 1))),
    "Hermite": es.mlp(7, 2, activation=es.hermite(3)),
    "two spheres": es.mlp(3, 2, leaves=2, activation=es.monomial(2)),
    "three leaves": es.mlp(2, 1, leaves=3, activation=es.hermite(4)),
    "S-CNN": es.cnn(4, (1,), 3, activation=P((1, 1, 0, 1))),
    "S-CNN, wide filter": es.cnn(3, (2,), 2, activation=es.monomial(3)),
    "D-CNN": es.cnn(3, (1, 2), 2, head="dense", activation=P((0, 1, 1))),
    "cube": es.mlp(1, 2, leaves=4, activation=P((1, 1, 1))),
    "cube, tree": es.cnn(1, (2, 2), activation=es.monomial(3)),
    "linear": es.mlp(4, 2, leaves=3, activation=es.identity),
    "leaves": es.network([es.leaf(3), es.leaf(5)]),
    "ragged": ragged(),
}


def fraction(value) -> Fraction:
    assert isinstance(value, sympy.Rational), value
    return Fraction(int(value.p), int(value.q))


def written_out(net, kernel):
    """The kernel as a SymPy polynomial of the correlations, by the recursion on the parts themselves."""
    variables = sympy.symbols(f"x:{len(net.leaves)}")
    pairs = {}

    def pair(part):
        if part not in pairs:
            if part in net.leaves:
                x = sympy.Poly(variables[net.number(part)], *variables, domain="QQ")
                pairs[part] = x, x
            else:
                mean, tangent = means(part.children)
                t = sympy.Symbol("t")
                dual = sympy.Poly(part.activation.dual(t), t).all_coeffs()[::-1]
                value = sum(mean**n * c for n, c in enumerate(dual))
                pairs[part] = value, value + sum(mean ** (n - 1) * (n * c) for n, c in enumerate(dual) if n) * tangent
        return pairs[part]

    def means(parts):
        found = [pair(p) for p in parts]
        return tuple(sum(f[i] for f in found) * sympy.Rational(1, len(found)) for i in (0, 1))

    return means(net.positions)[KERNELS.index(kernel)]


def power_mean(dim, n):
    """``E[t^n]`` on a sphere: ``(1/2)_i / (dim/2)_i`` for ``n = 2i``, 0 for odd ``n``."""
    if n % 2:
        return Fraction(0)
    return prod((Fraction(2 * i + 1, dim + 2 * i) for i in range(n // 2)), start=Fraction(1))


@lru_cache
def zonal_coefficients(dim, k):
    """Coefficients of the Gegenbauer polynomial, from SymPy's own polynomials."""
    t = sympy.Symbol("t")
    if dim == 1:
        polynomial = sympy.Poly(t**k, t)
    elif dim == 2:
        polynomial = sympy.Poly(sympy.chebyshevt(k, t), t)
    else:
        polynomial = sympy.Poly(sympy.gegenbauer(k, sympy.Rational(dim, 2) - 1, t), t)
        polynomial *= 1 / polynomial.eval(1)
    return [fraction(sympy.Rational(c)) for c in polynomial.all_coeffs()[::-1]]


def expectation(kernel, net, degrees):
    """``E[K prod P]``, term by term."""
    total = Fraction(0)
    for powers, c in kernel.terms():
        factors = (
            sum(p * power_mean(leaf.dim, n + i) for i, p in enumerate(zonal_coefficients(leaf.dim, k)))
            for leaf, n, k in zip(net.leaves, powers, degrees)
        )
        total += fraction(sympy.Rational(c)) * prod(factors)
    return total


def trace(net, kernel):
    """The kernel at equal inputs: every dual is 1 there, and its slope the sum of n a_n."""

    def tangent(part):
        if part in net.leaves:
            return Fraction(1)
        slope = sum(n * a for n, a in enumerate(part.activation.dual_coefficients))
        return 1 + slope * sum(map(tangent, part.children)) / len(part.children)

    return Fraction(1) if kernel == "nngp" else sum(map(tangent, net.positions)) / len(net.positions)


# polynomial kernels --------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("name", NETWORKS)
def test_every_class_against_the_written_out_kernel(name, kernel):
    net = NETWORKS[name]
    polynomial = written_out(net, kernel)
    rows = es.spectrum(net, kernel, degree=polynomial.total_degree() + 1, ring=es.EXACT)
    for row in rows:
        assert fraction(row.value) == expectation(polynomial, net, row.degrees), row
        assert (row.bound, row.error) == ("exact", 0.0) and (row.log10 == -inf) == (row.value == 0)
    # nothing is missing: the identity of the trace, exactly
    assert sum(fraction(row.value) * row.multiplicity for row in rows) == trace(net, kernel)
    assert polynomial.eval((1,) * len(net.leaves)) == sympy.Rational(*trace(net, kernel).as_integer_ratio())
    assert rows.trace == pytest.approx(float(trace(net, kernel)), rel=1e-15)
    assert rows.coverage() == pytest.approx(1, abs=1e-14)


@both
def test_known_values(kernel):
    # K = ((t + u)/2)^3 and T = 4 K: E[t^2 P_2] = 2/15, E[u P_1] = 1/3, weight 3/8
    net, factor = es.cnn(3, (2,), activation=es.hermite(3)), 4 if kernel == "ntk" else 1
    value = es.eigenvalue(net, (2, 1), kernel, ring=es.EXACT).value
    assert value == factor * sympy.Rational(3, 8) * sympy.Rational(2, 45) and isinstance(value, sympy.Rational)
    assert [es.eigenvalue(net, r, kernel, ring=es.EXACT).value for r in ((0, 0), (2, 0), (1, 1), (4, 1))] == [0] * 4
    # the linear network: K = mean, T = (depth + 1) K
    linear = es.eigenvalue(es.mlp(4, 2, leaves=3, activation=es.identity), {1: 1}, kernel, ring=es.EXACT)
    assert linear.value == sympy.Rational(1, 12) * (3 if kernel == "ntk" else 1)


@both
@pytest.mark.parametrize("bits", [6, 9])
def test_cubes_by_the_sum_over_their_corners(bits, kernel):
    net = es.mlp(1, 2, leaves=bits, activation=P((1, -2, 0, 1)))
    dual = net.activations[0].dual_coefficients
    evaluate = lambda t: sum(a * t**n for n, a in enumerate(dual))
    slope = lambda t: sum(n * a * t ** (n - 1) for n, a in enumerate(dual) if n)
    rows = {row.total_degree: row.value for row in es.spectrum(net, kernel, degree=bits, ring=es.EXACT)}
    assert len(rows) == bits + 1
    for k in range(bits + 1):
        total = Fraction(0)
        for corner in product((1, -1), repeat=bits):
            t = h = Fraction(sum(corner), bits)
            for _ in range(2):
                s = slope(t)
                t = evaluate(t)
                h = t + s * h
            total += (t if kernel == "nngp" else h) * prod(corner[:k])
        assert fraction(rows[k]) == total / 2**bits


@both
@pytest.mark.parametrize("n", [20, 200])
@pytest.mark.parametrize("dim", [1, 2, 3, 10**6])
def test_high_degrees_of_powers(dim, n, kernel):
    # K = t^n, T = t^n + n t^(n-1) t
    for k in sorted({0, 1, 2, n - 2, n, n + 2}) if dim > 1 else (0, 1):
        value = es.eigenvalue(es.mlp(dim, 1, activation=es.hermite(n)), k, kernel, ring=es.EXACT)
        expected = monomial_moment(dim, k, n) * (1 if kernel == "nngp" else n + 1)
        assert fraction(value.value) == expected
        if expected:
            log10 = float(mpmath.log10(mpmath.mpf(expected.numerator) / expected.denominator))
            assert value.log10 == pytest.approx(log10, rel=1e-15, abs=1e-15)
        else:
            assert value.log10 == -inf


@both
@pytest.mark.parametrize("name", [*NETWORKS, "deep", "wide", "powers", "high"])
def test_float_ring_agrees_within_its_bound(name, kernel):
    more = {
        "deep": es.cnn(6, (1, 2, 2), 2, head="dense", activation=es.monomial(3)),
        "wide": es.cnn(10**4, (3, 2), 5, activation=P((1, 2, 0, 1))),
        "powers": es.mlp(10**6, 2, activation=es.hermite(8)),
        "high": es.mlp(3, 1, activation=es.monomial(150)),
    }
    net = (NETWORKS | more)[name]
    degree = {"powers": 64, "high": 60}.get(name, 5)
    exact, floats = (es.spectrum(net, kernel, degree=degree, ring=ring) for ring in (es.EXACT, es.FLOAT))
    assert list(exact.degrees) == list(floats.degrees)
    for i, row in enumerate(exact):
        value = fraction(row.value)
        found = Fraction(float(floats.column.mantissa[i])) * Fraction(2) ** int(floats.column.exponent[i])
        assert abs(found - value) <= Fraction(floats.error[i]) * found
        assert floats.error[i] < 1e-12 and (floats.log10()[i] == -inf) == (value == 0)
        assert row.log10 == pytest.approx(floats.log10()[i], abs=1e-11)
        for field in ("multiplicity", "pattern", "total_degree", "space", "frequency", "learning_index"):
            assert getattr(row, field) == getattr(floats[i], field)


@both
@pytest.mark.parametrize("name", NETWORKS)
def test_balls_contain_the_exact_numbers(name, kernel):
    exact, balls = (es.spectrum(NETWORKS[name], kernel, degree=4, ring=ring) for ring in (es.EXACT, es.ball(128)))
    with precision(2000):
        for row, ball in zip(exact, balls, strict=True):
            assert ball.value.contains(arb(int(row.value.p)) / int(row.value.q)) and ball.error < 1e-12
            assert (ball.value == 0) == (row.value == 0)


@both
def test_single_eigenvalues_are_the_rows(kernel):
    net = NETWORKS["D-CNN"]
    rows = es.spectrum(net, kernel, degree=5, ring=es.EXACT)
    for row in random.Random(3).sample(list(rows), 10):
        single = es.eigenvalue(net, row.degrees, kernel, ring=es.EXACT)
        # sizes that are no powers of one base have indices in floats, whose sums run in another order
        assert abs(single.learning_index - row.learning_index) < 1e-12
        same = replace(single, degrees=row.degrees, learning_index=row.learning_index)
        assert same == row and sorted(single.degrees) == sorted(row.degrees)


@both
def test_searches(kernel):
    net = NETWORKS["D-CNN"]
    everything = es.spectrum(net, kernel, degree=8, ring=es.EXACT).sorted()
    positive = everything.where(lambda row: row.value > 0)
    assert [row.value for row in es.spectrum(net, kernel, count=10**9, ring=es.EXACT)] == [r.value for r in positive]
    least = float(positive[20].value) * 0.999
    found = es.spectrum(net, kernel, min_value=least, ring=es.EXACT)
    assert [row.value for row in found] == [row.value for row in positive if row.value >= least]


def test_cost_of_a_degree_in_the_hundreds():
    value = es.eigenvalue(es.mlp(3, 8, activation=es.monomial(2)), 4, ring=es.EXACT)
    assert value.bound == "exact" and len(str(fraction(value.value).denominator)) > 100
    assert value.text(6) == es.eigenvalue(es.mlp(3, 8, activation=es.monomial(2)), 4).text(6)


# one rectified layer -------------------------------------------------------------------------------------------------

DIMS, DEGREES = (1, 2, 3, 4, 5, 10, 10**6), (0, 1, 2, 3, 4, 7, 10, 200)


def arc_cosine(kernel, cosine, angle):
    """kappa_1 or kappa_1 + t kappa_0 at an angle, in the closed form of Cho and Saul."""
    kappa = (mpmath.sin(angle) + (mpmath.pi - angle) * cosine) / mpmath.pi
    return kappa if kernel == "nngp" else kappa + cosine * (1 - angle / mpmath.pi)


def zonal_value(dim, k, t):
    before, current = mpmath.mpf(1), t
    for j in range(1, k):
        before, current = current, ((2 * j + dim - 2) * t * current - j * before) / (j + dim - 2)
    return current if k else before


def by_quadrature(kernel, dim, k):
    """``E[K P_k]`` over the angle, or over the two points."""
    if dim == 1:
        values = [arc_cosine(kernel, mpmath.mpf(s), a) * s**k for s, a in ((1, mpmath.mpf(0)), (-1, mpmath.pi))]
        return sum(values) / 2
    # the mass is at most a few widths from the equator
    width = min(mpmath.pi / 2, 60 / mpmath.sqrt(dim))
    pieces = [mpmath.pi / 2 + width * x / 8 for x in range(-8, 9)]
    weight = lambda a: mpmath.sin(a) ** (dim - 2)
    mass = mpmath.sqrt(mpmath.pi) * mpmath.gamma(mpmath.mpf(dim - 1) / 2) / mpmath.gamma(mpmath.mpf(dim) / 2)
    integrand = lambda a: arc_cosine(kernel, mpmath.cos(a), a) * zonal_value(dim, k, mpmath.cos(a)) * weight(a)
    return mpmath.quad(integrand, pieces) / mass


def by_balls(kernel, dim, k):
    """The same integral in ball arithmetic, whose adaptive rule proves its error."""

    def integrand(a, _):
        cosine = a.cos()
        if dim == 2:
            zonal = (k * a).cos()
        else:
            zonal = cosine.gegenbauer_c(k, acb(dim - 2) / 2) / acb(1).gegenbauer_c(k, acb(dim - 2) / 2)
        kappa = (a.sin() + (acb.pi() - a) * cosine) / acb.pi()
        tangent = cosine * (1 - a / acb.pi()) if kernel == "ntk" else 0
        return (kappa + tangent) * zonal * a.sin() ** (dim - 2)

    with precision(800):
        tiny = arb(2) ** -300
        options = {"rel_tol": tiny, "abs_tol": tiny, "deg_limit": 2000, "eval_limit": 10**6}
        pieces = [acb.pi() * i / 8 for i in range(9)]
        total = lambda f: sum(acb.integral(f, a, b, **options).real for a, b in zip(pieces, pieces[1:]))
        value = total(integrand) / total(lambda a, _: a.sin() ** (dim - 2))
        assert value.rad() < value.abs_lower() * arb("1e-35")
        return mpmath.mpf(value.mid().str(60, radius=False))


def by_series(kernel, dim, k, terms):
    """``sum_n b_n m(k, n)`` with the Taylor coefficients of the arc-cosine kernels, where it converges fast."""
    total = mpmath.mpf(0)
    for n in range(k, k + 2 * terms, 2):
        b = {0: 1 / mpmath.pi, 1: mpmath.mpf(1) / 2}.get(n)
        if b is None:
            i = n // 2
            b = 0 if n % 2 else mpmath.mpf(comb(2 * i - 2, i - 1)) / (4 ** (i - 1) * (2 * i - 1) * 2 * i) / mpmath.pi
        m = monomial_moment(dim, k, n)
        total += b * (1 + n * (kernel == "ntk")) * mpmath.mpf(m.numerator) / m.denominator
    return total


def in_mpmath(value):
    """A SymPy number at the working precision of mpmath."""
    total = mpmath.mpf(0)
    for term in sympy.Add.make_args(value):
        ratio, rest = term.as_coeff_Mul()
        assert rest in (1, sympy.pi**-2)
        with precision(1000):  # mpmath takes its time over millions of bits
            text = arb(fmpq(int(ratio.p), int(ratio.q))).str(200, radius=False)
        total += mpmath.mpf(text) * (1 if rest == 1 else mpmath.pi**-2)
    return total


@both
@pytest.mark.parametrize("k", DEGREES)
@pytest.mark.parametrize("dim", DIMS)
def test_one_rectified_layer_against_mpmath(dim, k, kernel):
    if dim == 1 and k > 1:
        return
    value = es.eigenvalue(es.mlp(dim, 1), k, kernel, ring=es.EXACT)
    assert (value.bound, value.error) == ("exact", 0.0)
    if k % 2 and k > 1:
        assert value.value == 0 and value.log10 == -inf
    if k == 200 and dim == 10**6:
        reference = lambda: by_series(kernel, dim, k, 40)
    elif k == 200:
        reference = lambda: by_balls(kernel, dim, k)
    else:
        reference = lambda: by_quadrature(kernel, dim, k)
    with mpmath.workdps(110 if dim == 10**6 else 60):
        expected = reference()
        if value.value == 0:
            assert abs(expected) < mpmath.mpf(10) ** -35
        else:
            assert abs(in_mpmath(value.value) / expected - 1) < mpmath.mpf(10) ** -30
            assert value.log10 == pytest.approx(float(mpmath.log10(expected)), rel=1e-15, abs=1e-15)


def test_known_values_of_one_rectified_layer():
    R = sympy.Rational
    one = lambda dim, kernel, k: es.eigenvalue(es.mlp(dim, 1), k, kernel, ring=es.EXACT).value
    values = lambda dim, kernel, top: [one(dim, kernel, k) for k in range(top)]
    assert values(3, "nngp", 5) == [R(3, 8), R(1, 6), R(3, 128), 0, R(1, 1536)]
    assert values(3, "ntk", 4) == [R(1, 2), R(1, 3), R(5, 64), 0]
    assert values(1, "nngp", 2) == [R(1, 2), R(1, 2)] and values(1, "ntk", 2) == [1, 1]
    # the circle: kappa_1 has the mean 4/pi^2 and the Fourier coefficient 1/4
    assert values(2, "nngp", 2) == [4 / sympy.pi**2, R(1, 4)]
    for dim in (2, 3, 8, 9):
        for value in values(dim, "ntk", 7):
            assert not value.has(sympy.Float) and not value.atoms(sympy.Symbol)


@pytest.mark.parametrize("power", [0, 1, 2, 5])
@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 9, 12])
def test_symbols_for_the_dimension(k, power):
    s, share = sympy.Symbol("s", positive=True), Fraction(1, 3)
    for repeats in [(1, 0), (2, 3)]:
        expression = rectified_eigenvalue(power, share, s, k, repeats)
        for dim in (1, 2, 3, 4, 7, 30):
            exact = ExactColumn((rectified_eigenvalue(power, share, dim, k, repeats),))[0]
            assert sympy.simplify(expression.subs(s, dim) - exact) == 0


RECTIFIERS = (
    es.step, es.sign, es.absolute, es.leaky_relu(Fraction(1, 10)), es.rectified_monomial(2), es.rectified_monomial(5),
)  # fmt: skip


@both
@pytest.mark.parametrize("activation", RECTIFIERS, ids=str)
def test_every_rectifier_against_its_series(activation, kernel):
    """The sum of coefficients times moments, which falls fast in high dimension."""
    with mpmath.workdps(40):
        series = [mpmath.mpf(str(sympy.N(a, 40))) for a in activation.series(90, es.EXACT)]
        for dim in (400, 601):
            for k in (0, 1, 2, 3, 6, 9):
                value = es.eigenvalue(es.mlp(dim, 1, activation=activation), k, kernel, ring=es.EXACT).value
                assert not value.has(sympy.Float)
                expected = sum(
                    a * (1 + n * (kernel == "ntk" and activation.power > 0)) * mpmath.mpf(m.numerator) / m.denominator
                    for n, a in enumerate(series)
                    for m in [monomial_moment(dim, k, n)]
                )
                assert abs(in_mpmath(value) - expected) <= mpmath.mpf(10) ** -18 * expected
                assert (value == 0) == (expected == 0)


@both
def test_rectifiers_at_the_ends(kernel):
    for activation in RECTIFIERS:
        for dim, k in [(1, 0), (1, 1), (3, 201), (10**6, 200), (10**6, 201)]:
            net = es.mlp(dim, 1, activation=activation)
            value, other = es.eigenvalue(net, k, kernel, ring=es.EXACT), es.eigenvalue(net, k, kernel)
            assert value.bound == "exact" and (value.value == 0) == (other.value == 0 and other.log10 == -inf)
            if value.value != 0:
                assert value.log10 == pytest.approx(other.log10, rel=1e-14, abs=1e-14 + other.error)


def test_square_of_the_mean_modulus():
    # E|t| of the sphere, by the integral; and its recurrence rho(s + 2) = rho(s) s / (s + 1)
    x = sympy.Symbol("x")
    mean = lambda s: sympy.integrate(sympy.cos(x) * sympy.sin(x) ** (s - 2), (x, 0, sympy.pi / 2)) / sympy.integrate(
        sympy.sin(x) ** (s - 2), (x, 0, sympy.pi / 2)
    )
    for s in (2, 3, 4, 5):
        assert sympy.simplify(ExactColumn((rho_square(s),))[0] - mean(s) ** 2) == 0
    for s in (1, 2, 3, 6, 51):
        assert rho_square(s + 2) == rho_square(s) * fmpq(s, s + 1) ** 2


@both
def test_positions_and_linear_layers(kernel):
    def position(dim, before=0, after=0, act=es.relu):
        part = es.leaf(dim)
        for layer in [es.identity] * before + [act] + [es.identity] * after:
            part = es.node([part], layer)
        return part

    networks = [
        es.cnn(4, (1,), 3),
        es.network([position(2), position(3), position(3)]),
        es.network([position(5, 2, 1)]),
        es.network([position(2, 1), position(6, 0, 2)], head="dense", activation=es.identity),
        es.network([position(3), es.node([es.leaf(2), es.leaf(4)], P((0, 1, 1)))]),
        es.network([es.node([position(3), es.leaf(7)], es.identity), position(4, act=es.hermite(2))]),
    ]
    for net in networks:
        rows = es.spectrum(net, kernel, degree=6, ring=es.EXACT)
        floats = es.spectrum(net, kernel, degree=6)
        assert any(row.value != 0 and row.total_degree > 2 for row in rows)
        for row, other in zip(rows, floats, strict=True):
            assert row.degrees == other.degrees and not row.value.has(sympy.Float)
            with mpmath.workdps(40):
                value = in_mpmath(row.value)
                assert abs(value - other.value) <= (other.error + 1e-16) * value
            assert (row.value == 0) == (other.value == 0)
    # both kinds of numbers meet in the constant: the mean of a circle and two spheres
    constant = es.spectrum(networks[1], "nngp", degree=0, ring=es.EXACT)[0]
    assert constant.value == sympy.Rational(1, 4) + 4 / (3 * sympy.pi**2) and constant.text() == "1/4 + 4/(3π²)"


@pytest.mark.parametrize(
    "net, words",
    [
        (es.mlp(3, 2), ["relu, relu", "FLOAT", "ball"]),
        (es.mlp(3, 1, leaves=2), ["mean over 2", "FLOAT"]),
        (es.mlp(1, 1, leaves=4), ["mean over 4"]),
        (es.mlp(3, 1, activation=es.rbf(0.5)), ["rbf(0.5)", "no polynomial"]),
        (es.cnn(3, (1,), 2, head="dense"), ["mean over 2"]),
        (es.network([es.node([es.node([es.leaf(3)], es.monomial(2))])]), ["monomial(2), relu"]),
        (es.network([es.node([es.node([es.leaf(3)]), es.leaf(2)], es.monomial(2))]), ["monomial(2)", "mean over 2"]),
        (es.network([es.node([es.leaf(3)]), es.node([es.leaf(3)], es.rbf(1))]), ["rbf(1.0)"]),
        (es.mlp(3, 7, activation=es.monomial(3)), ["2187", "2048", "FLOAT"]),
    ],
)
def test_what_has_no_exact_numbers(net, words):
    with pytest.raises(es.UnsupportedError) as caught:
        es.eigenvalue(net, {0: 1}, ring=es.EXACT)
    assert all(word in str(caught.value) for word in ["EXACT", *words]), str(caught.value)


def test_bad_rings():
    for ring in ("exact", None, 53):
        with pytest.raises(TypeError, match="ring must be"):
            es.eigenvalue(es.mlp(3, 1), 1, ring=ring)


# rows ----------------------------------------------------------------------------------------------------------------


def elements(rows):
    return [[Fraction(int(x[n].p), int(x[n].q)) for n in range(rows.size)] for x in rows.polynomials]


@pytest.mark.parametrize("dim", [1, 2, 3, 12, 10**6])
def test_leaf_rows_are_the_moments(dim):
    degrees = (0, 1) if dim == 1 else (0, 1, 4, 9, 40)
    expected = [[monomial_moment(dim, r, n) / factorial(n) for n in range(30)] for r in degrees]
    assert elements(EXACT.leaf(dim, degrees, 30)) == expected


def test_operations_on_rows():
    a, b = EXACT.leaf(4, (0, 1, 3), 12), EXACT.leaf(9, (0, 2), 16)
    first, second = elements(a), elements(b)
    w = Fraction(3, 7)
    for factor in (Fraction(1), Fraction(2, 5)):
        scaled = [[x * factor * w**n for n, x in enumerate(line)] for line in first]
        assert elements(EXACT.weigh(a, w, factor)) == scaled
    assert EXACT.weigh(a, Fraction(1)) is a
    joined = EXACT.convolve(a, [2, 0], b, [1, 1])
    assert joined.size == 12
    for line, (i, j) in zip(elements(joined), ((2, 1), (0, 1))):
        assert line == [sum(first[i][m] * second[j][n - m] for m in range(n + 1)) for n in range(12)]
    last = EXACT.last(a, [2, 0], EXACT.cut(b, 12), [1, 1])
    assert elements(last) == [line[-1:] for line in elements(joined)]
    assert elements(EXACT.add(a, a)) == [[2 * x for x in line] for line in first]
    assert elements(EXACT.derivative(a)) == [[(n + 1) * line[n + 1] for n in range(11)] for line in first]
    assert elements(EXACT.cut(b, 3)) == [line[:3] for line in second]
    assert elements(EXACT.take(a, np.array([2, 0]))) == [first[2], first[0]]
    assert elements(EXACT.stack([a, EXACT.unit(12), EXACT.zero(12)])) == [*first, [1] + [0] * 11, [0] * 12]
    assert len(EXACT.stack([a, a])) == 6


def test_apply_is_the_expectation_of_powers():
    act = P((1, 1, 1))
    chain, order = (act, es.monomial(2)), 20
    f, slope = (sympy.Poly(act.dual(sympy.Symbol("t")), sympy.Symbol("t")) for _ in range(2))
    outer = sympy.Poly(es.monomial(2).dual(sympy.Symbol("t")), sympy.Symbol("t"))
    f, slope = outer.compose(f), outer.diff().compose(f) * slope.diff()
    rows = EXACT.apply([(layer_matrix(chain, "f", 4, order, EXACT), EXACT.leaf(5, (0, 3), order + 1))])
    for line, r in zip(elements(rows), (0, 3)):
        for j, element in enumerate(line):
            coefficients = (f**j).all_coeffs()[::-1]
            expected = sum(fraction(sympy.Rational(c)) * monomial_moment(5, r, n) for n, c in enumerate(coefficients))
            assert element * factorial(j) == expected
    h = layer_matrix(chain, "h", 2, order, EXACT)
    expected = [fraction(sympy.Rational(c)) for c in (slope * f).all_coeffs()[::-1]]
    assert [Fraction(int(h[1, n].p), int(h[1, n].q)) for n in range(len(expected))] == expected


def test_gegenbauer_of_the_package_is_that_of_sympy():
    t = sympy.Symbol("t")
    for dim, k in ((2, 5), (3, 4), (8, 3), (1, 1)):
        ours = sympy.Poly(gegenbauer(dim, k, t), t).all_coeffs()[::-1]
        assert [fraction(sympy.Rational(c)) for c in ours] == zonal_coefficients(dim, k)


# columns and tables --------------------------------------------------------------------------------------------------


def column(*pairs):
    """Numbers a + b / pi^2."""
    return ExactColumn(tuple(fmpq_poly([fmpq(*a.as_integer_ratio()), fmpq(*b.as_integer_ratio())]) for a, b in pairs))


ZERO = Fraction(0)


def test_text_is_the_number_where_it_fits():
    texts = {
        "0": (ZERO, ZERO), "2": (Fraction(2), ZERO), "3/8": (Fraction(3, 8), ZERO), "1/π²": (ZERO, Fraction(1)),
        "4/(9π²)": (ZERO, Fraction(4, 9)), "1/4 + 2/(9π²)": (Fraction(1, 4), Fraction(2, 9)),
    }  # fmt: skip
    values = column(*texts.values())
    assert [values.text(i, 4, 0.0) for i in range(len(values))] == list(texts)
    for i, text in enumerate(texts):
        assert EXACT.text(values[i], float(values.log10()[i]), 4, 0.0) == text
        # the text of files is an expression of Python
        assert sympy.sympify(values.data_text(i), rational=True) == values[i]
    assert [values.decimal_text(i, 3) for i in range(4)] == ["0", "2.00", "3.75e-1", "1.01e-1"]


@pytest.mark.parametrize("digits", [1, 4, 12, 17, 40])
def test_digits_of_long_numbers_are_true(digits):
    rng = random.Random(digits)
    ratios = [Fraction(rng.getrandbits(400) + 1, rng.getrandbits(bits) + 1) for bits in (300, 900, 9000) * 4]
    cases = [(q, ZERO) for q in ratios] + [(ZERO, q) for q in ratios] + [(q, r) for q, r in zip(ratios, ratios[1:])]
    values = column(*cases)
    with mpmath.workdps(80 + digits):
        for i, (a, b) in enumerate(cases):
            expected = mpmath.mpf(a.numerator) / a.denominator + mpmath.mpf(b.numerator) / b.denominator / mpmath.pi**2
            text = values.text(i, digits)
            mantissa, _, exponent = text.partition("e")
            assert len(mantissa.replace(".", "")) == digits
            unit = mpmath.mpf(10) ** (int(exponent or 0) - digits + 1)
            assert abs(mpmath.mpf(text) - expected) <= unit / 2
            assert values.log10()[i] == pytest.approx(float(mpmath.log10(expected)), rel=1e-15)


def test_ties_are_rounded_to_even():
    # 1234.5 and 1235.5 over a power of ten that is too long to be shown
    tens = 10**60
    values = column((Fraction(12345, 10 * tens), ZERO), (Fraction(12355, 10 * tens), ZERO))
    assert [values.text(i, 4, 0.0) for i in range(2)] == ["1.234e-57", "1.236e-57"]


def test_numbers_far_outside_the_floats():
    values = column((Fraction(1, 3**20000), ZERO), (ZERO, Fraction(7, 10**5000)), (ZERO, ZERO))
    assert values.float64().tolist() == [0.0, 0.0, 0.0]
    assert values.log10()[0] == pytest.approx(-20000 * np.log10(3), rel=1e-15)
    assert values.log10()[1] == pytest.approx(-5000 + float(mpmath.log10(7 / mpmath.pi**2)), rel=1e-15)
    assert values.log10()[2] == -inf and values[2] == 0 and isinstance(values[2], sympy.Integer)
    again = EXACT.column_from_jsonable(values.to_jsonable())
    assert again.numbers == values.numbers and values.text(0, 3).endswith("e-9543")
    tiny = ExactColumn((fmpq_poly([fmpq(1, 2**1074)]),))
    assert tiny.float64().tolist() == [0.0]


def test_columns():
    values = column((Fraction(3, 8), ZERO), (ZERO, Fraction(4, 9)), (Fraction(1, 4), Fraction(2, 9)), (ZERO, ZERO))
    assert values.ring is EXACT is es.EXACT is named("exact") and len(values) == 4 and repr(EXACT) == "eigenspace.EXACT"
    assert values.to_jsonable() == ["3/8", "4/9*pi^-2", "1/4+2/9*pi^-2", "0"]
    assert values.take(np.array([2, 0])).to_jsonable() == ["1/4+2/9*pi^-2", "3/8"]
    assert values.take(np.array([False, True, False, True])).to_jsonable() == ["4/9*pi^-2", "0"]
    assert values.take(slice(1, 3)).to_jsonable() == values.to_jsonable()[1:3]
    assert pickle.loads(pickle.dumps(values)).numbers == values.numbers
    assert values.float64().tolist() == [0.375, float(4 / (9 * mpmath.pi**2)), pytest.approx(0.2725157, rel=1e-6), 0.0]
    with pytest.raises(AttributeError):
        values.numbers = ()


def tables():
    return [
        es.spectrum(es.cnn(4, (1,), 3), "ntk", degree=4, ring=es.EXACT),
        es.spectrum(es.network([es.node([es.leaf(2)]), es.node([es.leaf(3)])]), "nngp", degree=3, ring=es.EXACT),
        es.spectrum(NETWORKS["D-CNN"], "ntk", degree=4, ring=es.EXACT),
        es.spectrum(es.mlp(10**5, 1, activation=es.hermite(90)), "nngp", degree=90, ring=es.EXACT),
    ]


def test_files_restore_the_numbers():
    for table in tables():
        again = es.EigenTable.from_json(table.to_json())
        assert again.ring is EXACT and json.loads(table.to_json())["ring"] == "exact"
        assert [row.value for row in again] == [row.value for row in table]
        assert list(again.degrees) == list(table.degrees) and again.notes == table.notes and str(again) == str(table)
        assert [row.value for row in pickle.loads(pickle.dumps(table))] == [row.value for row in table]
        lines = table.to_csv().splitlines()
        place = lines[0].split(",").index("value")
        assert [sympy.sympify(line.split(",")[place], rational=True) for line in lines[1:]] == [r.value for r in table]
        floats = [x if x >= 2.3e-308 else 0.0 for x in (float(row.value) for row in table)]
        assert table.to_pandas()["value"].tolist() == table.values().tolist() == floats


def test_tables_print_exact_numbers():
    relu, mixed, polynomial, tiny = tables()
    assert "40/(9π²)" in str(relu) and "$40/(9\\pi^2)$" in relu.to_latex() and "$1/12$" in relu.to_latex()
    assert "| 40/(9π²)" in relu.to_markdown() and "40/(9&#960;&#178;)" in relu.to_html()
    assert "3/16 + 2/π²" in str(mixed) and "$3/16 + 2/\\pi^2$" in mixed.to_latex()
    for table in (relu, mixed, polynomial, tiny):
        assert "ring: exact" in table.to_latex() and table.to_latex().isascii()
        assert "Eigenvalues are exact" in str(table) and "worst exact" in repr(table)
        assert table.bounds() == ["exact"] * len(table) and not table.error.any()
        assert table.to_text(columns=["interaction", "log10", "share", "cumulative", "bound", "error"])
    assert [float(x) for x in np.cumsum(relu.shares())] == sorted(np.cumsum(relu.shares()))
    # shares come through although the value is far below a float
    last = tiny[-1]
    assert last.total_degree == 90 and tiny.values()[-1] < 1e-307 and last.log10 < -307
    expected = fraction(last.value) * multiplicity(10**5, 90)
    assert tiny.shares()[-1] == pytest.approx(float(expected), rel=1e-13)
    assert last.text(6) == es.eigenvalue(es.mlp(10**5, 1, activation=es.hermite(90)), 90, "nngp").text(6)


def test_provenance():
    for table, cited in ((tables()[0], "Bach2017"), (tables()[2], "Daniely2016")):
        origin = table.provenance
        assert origin.ring == "exact" and origin.call.endswith("ring=eigenspace.EXACT)") and cited in origin.citations
        again = eval(origin.call, {"eigenspace": es})
        assert [row.value for row in again] == [row.value for row in table]
    assert "closed form" in tables()[0].provenance.method and tables()[0].provenance.order == ""
    assert "rational" in tables()[2].provenance.method and tables()[2].provenance.order.startswith("8,")
    value = es.eigenvalue(es.mlp(3, 1), 2, "nngp", ring=es.EXACT)
    assert repr(value).startswith("Eigenvalue(3/128, exact, multiplicity 5")
