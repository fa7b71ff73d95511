"""Two routes to the moments of a chain over one sphere or cube, the series and the rule, and a third by mpmath."""

from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import comb

import mpmath
import numpy as np
import pytest
from flint import arb

import eigenspace as es
from eigenspace import zonal
from eigenspace._flint import precision
from eigenspace.correlations import CubeLaw, SphereLaw
from eigenspace.duals import evaluate
from eigenspace.harmonics import gegenbauer, multiplicity
from eigenspace.rings import FLOAT, FloatRing
from eigenspace.zonal import chain_rows, chain_values

RELU, RBF = es.relu, es.rbf(0.4)
CHAINS = [(RELU,), (RELU, RELU), (RBF,), (RELU, RBF, RELU)]
SIZE = 5
names = lambda chain: "-".join(a.name for a in chain)


def cube_series(bits, degrees, n):
    """Moments of the mean of ``bits`` signs against products of ``k`` of them, joined sign by sign."""

    signs = FLOAT.weigh(FLOAT.leaf(1, (0, 1), n), Fraction(1, bits))
    rows = []
    for k in degrees:
        current = FLOAT.unit(n)
        for i in range(bits):
            current = FLOAT.convolve(current, [0], signs, [int(i < k)])
        rows.append(current)
    return FLOAT.stack(rows)


def forced(monkeypatch, route, *request):
    """``chain_rows`` by one route: the rule (nothing counts as settled) or the series (raised as far as it takes)."""
    calls = []
    rule = zonal._rule_rows
    monkeypatch.setattr(zonal, "_rule_rows", lambda *a: calls.append("rule") or rule(*a))
    monkeypatch.setattr(FloatRing, "settled", -1.0 if route == "rule" else 2.0**-25)
    for law in (SphereLaw, CubeLaw):
        monkeypatch.setattr(law, "pursue_series", lambda self, *a: route == "series")
    rows = chain_rows(*request)
    assert bool(calls) == (route == "rule")
    monkeypatch.undo()
    return rows


def brackets(rows, degrees):
    """Lower and upper bounds of the moments, two dictionaries by (degree, power)."""
    ends = {}
    for j in range(SIZE):
        low, up = FLOAT.bracket(rows, j)
        for i, k in enumerate(degrees):
            ends[k, j] = low[i], up[i]
    return ends


def agree(first, second, slack=1e-15):
    """Whether two tables of brackets have a common point everywhere, and their zeros in common."""
    for key in first:
        (a, b), (c, d) = first[key], second[key]
        assert a <= d * (1 + slack) and c <= b * (1 + slack), key
        assert (a == 0) == (c == 0), key
    return True


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("dim", [16, 60])
def test_rule_and_series_agree_on_spheres(monkeypatch, chain, dim):
    degrees = [0, 1, 2, 3, 6, 9]
    request = FLOAT, chain, SphereLaw(dim), degrees, SIZE, True
    series, rule = forced(monkeypatch, "series", *request), forced(monkeypatch, "rule", *request)
    for a, b in zip(series, rule, strict=True):
        one, two = brackets(a, degrees), brackets(b, degrees)
        assert agree(one, two)
        # the brackets say something: both are narrow in the powers that decide
        for key, (low, up) in one.items():
            assert up <= low * (1 + 1e-6) or low == 0
            assert two[key][1] <= two[key][0] * (1 + 1e-12)
    assert not rule[0].estimated and not series[0].estimated


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("bits", [2, 5, 16])
def test_rule_and_series_agree_on_cubes(monkeypatch, chain, bits):
    degrees = list(range(bits + 1))
    request = FLOAT, chain, CubeLaw(bits), degrees, SIZE, True
    # the mean of few signs is often 1: the brackets of a ReLU series stay wide, and must hold all the same
    series = zonal._series_rows(FLOAT, chain, cube_series(bits, degrees, 200), SIZE, True)
    rule = forced(monkeypatch, "rule", *request)
    for a, b in zip(series, rule, strict=True):
        one, two = brackets(a, degrees), brackets(b, degrees)
        assert agree(one, two)
        for key, (low, up) in two.items():
            assert up <= low * (1 + 1e-14)
            assert up <= one[key][0] * (1 + 1e-12) or RELU in chain
    assert not rule[0].estimated


def by_mpmath(chain, dim, degrees):
    """E[K^j P_k] and E[T K^j P_k] by Gauss-Legendre in the angle with 40 digits."""

    def weight(angle):
        return mpmath.sin(angle) ** (dim - 2)

    with mpmath.workdps(40):
        nodes = [(mpmath.pi * (1 + x) / 2, w) for x, w in gauss()]
        masses = [w * weight(a) for a, w in nodes]
        masses = [m / sum(masses) for m in masses]
        kernels, tangents = [], []
        for angle, _ in nodes:
            k = t = mpmath.cos(angle)
            for activation in chain:
                if activation == RELU:
                    a = mpmath.acos(k)
                    slope = (mpmath.pi - a) / mpmath.pi
                    k = mpmath.sin(a) / mpmath.pi + slope * k
                else:
                    k = mpmath.exp(-2 * mpmath.mpf(activation.gamma) * (1 - k))
                    slope = 2 * mpmath.mpf(activation.gamma) * k
                t = k + slope * t
            kernels.append(k)
            tangents.append(t)
        found = {}
        for degree in degrees:
            p = [gegenbauer(dim, degree, mpmath.cos(a)) for a, _ in nodes]
            for j in range(SIZE):
                terms = [m * q * k**j for m, q, k in zip(masses, p, kernels)]
                found[degree, j] = sum(terms), sum(h * x for h, x in zip(tangents, terms))
        return found


@lru_cache
def gauss(order=120):
    with precision(200):
        pairs = [arb.legendre_p_root(order, i, weight=True) for i in range(order)]
        return [tuple(mpmath.mpf(v.mid().str(50, radius=False)) for v in pair) for pair in pairs]


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("dim", [2, 3, 4, 11])
def test_moments_against_quadrature_in_mpmath(chain, dim):
    degrees = [0, 1, 2, 3, 6]
    with mpmath.workdps(50):
        expected = by_mpmath(chain, dim, degrees)
    rows = chain_rows(FLOAT, chain, SphereLaw(dim), degrees, SIZE, True)
    for part in range(2):
        for key, (low, up) in brackets(rows[part], degrees).items():
            value = expected[key][part]
            if abs(value) < 1e-28:
                assert low == up == 0, key
            else:
                # to the rounding of float() of the ends
                assert low * (1 - 3e-16) <= value <= up * (1 + 3e-16), key
                assert up <= low * (1 + 1e-11), key


def layered(chain, bits):
    part = es.node([es.leaf(1) for _ in range(bits)], activation=chain[0])
    for activation in chain[1:]:
        part = es.node([part], activation=activation)
    return part


@pytest.mark.parametrize("chain", CHAINS, ids=names)
def test_cube_moments_against_the_sum_over_all_corners(chain):
    bits = 5
    degrees = list(range(bits + 1))
    rows = chain_rows(FLOAT, chain, CubeLaw(bits), degrees, SIZE, True)
    corners = np.array(list(product([1.0, -1.0], repeat=bits)))
    mean = es.network([layered(chain, bits)])
    kernel, tangent = (es.kernel_function(mean, name)(corners) for name in ("nngp", "ntk"))
    for part, factor in enumerate((np.ones(2**bits), tangent)):
        for (k, j), (low, up) in brackets(rows[part], degrees).items():
            value = np.mean(factor * kernel**j * np.prod(corners[:, :k], axis=1))
            assert low - 4e-16 <= value <= up + 4e-16
            assert up <= low * (1 + 1e-13)
    assert all(CubeLaw(bits).multiplicity(k) == comb(bits, k) for k in degrees)


def test_zeros_are_structural():
    degrees = list(range(8))
    for law in (SphereLaw(3), CubeLaw(7)):
        kernel, tangent = chain_rows(FLOAT, (RELU,), law, degrees, SIZE, True)
        zero = FLOAT.zero_mask(kernel)
        # E[K^0 P_k] = 0 but for k = 0; E[K P_k] = 0 for odd k >= 3; in the square, t times even terms fill all degrees
        assert [k for k in degrees if zero[k, 0]] == list(range(1, 8))
        assert [k for k in degrees if zero[k, 1]] == [3, 5, 7]
        assert not zero[:, 2:].any()
        assert [k for k in degrees if FLOAT.zero_mask(tangent)[k, 0]] == [3, 5, 7]
        assert not FLOAT.zero_mask(tangent)[:, 1:].any()
    deep = chain_rows(FLOAT, (RELU, RELU), SphereLaw(3), degrees, SIZE, True)
    assert not FLOAT.zero_mask(deep[0])[:, 1:].any() and not FLOAT.zero_mask(deep[1]).any()


@pytest.mark.parametrize("dim", [2, 3, 9])
def test_majorants_bound_all_higher_powers(dim):
    degrees = [0, 1, 2, 5]
    rows = chain_rows(FLOAT, (RELU, RELU), SphereLaw(dim), degrees, SIZE, True)
    expected = by_mpmath((RELU, RELU), dim, degrees)
    for part in range(2):
        m, e = (a[2] for a in (rows[part].mantissa, rows[part].exponent))
        for i, k in enumerate(degrees):
            for j in range(SIZE):
                bound = float(np.ldexp(m[i, j], e[i, j])) * float(mpmath.factorial(j))
                assert all(expected[k, higher][part] <= bound * (1 + 1e-15) for higher in range(j, SIZE))
                assert bound <= (1, 3)[part] / multiplicity(dim, k) * (1 + 1e-12)


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("dim", [2, 3, 7])
def test_proved_rule_and_the_rule_that_agrees_with_itself(monkeypatch, chain, dim):
    degrees = [0, 1, 2, 3, 12]
    request = FLOAT, chain, SphereLaw(dim), degrees, SIZE, True
    proved = chain_rows(*request)
    monkeypatch.setattr(zonal, "is_provable", lambda chain: False)
    checked = forced(monkeypatch, "rule", *request)
    for a, b in zip(proved, checked, strict=True):
        assert agree(brackets(a, degrees), brackets(b, degrees))
        assert b.estimated and not a.estimated


@pytest.mark.parametrize("wrong", [0.0, -600.0])
@pytest.mark.parametrize("chain", [(RELU, RELU), (es.step, RELU)], ids=names)
def test_a_wrong_guess_of_the_sizes_costs_time_only(monkeypatch, chain, wrong):
    degrees = [0, 1, 30, 31]
    request = FLOAT, chain, SphereLaw(4), degrees, SIZE, True
    expected = chain_rows(*request)
    tries = []
    tables = zonal._tables
    monkeypatch.setattr(zonal, "_tables", lambda *a: tries.append(a) or tables(*a))
    monkeypatch.setattr(SphereLaw, "likely_log2", lambda self, degree: wrong)
    rows = chain_rows(*request)
    # of the two guesses only the one that is too large is noticed, by moments that come out smaller
    assert es.step in chain or len(tries) == (2 if wrong == 0.0 else 1)
    for a, b in zip(expected, rows, strict=True):
        assert agree(brackets(a, degrees), brackets(b, degrees))
        assert all(up <= low * (1 + 1e-14) for low, up in brackets(b, degrees).values())


def test_rows_that_settle_before_the_others_do_not_decide_for_them(monkeypatch):
    degrees = [0, 1, 40]
    request = FLOAT, (RELU, RELU), SphereLaw(60), degrees, SIZE, True
    expected = chain_rows(*request)
    monkeypatch.setattr(SphereLaw, "slowest", lambda self, degrees: degrees[:1])
    for a, b in zip(expected, chain_rows(*request), strict=True):
        found = brackets(b, degrees)
        assert agree(brackets(a, degrees), found)
        assert all(up <= low * (1 + 1e-12) for (_, j), (low, up) in found.items() if 0 < j < 4)


def test_only_small_tables_of_polynomials_are_kept():
    kept = zonal._kept_polynomials
    kept.cache_clear()
    for bits, number in ((128, 1), (128, 1), (20_000, 1), (192, 2)):
        zonal._tables((RELU,), SphereLaw(3), range(40), 2, False, 120, bits, [np.zeros((40, 2), dtype=bool)])
        assert kept.cache_info().currsize == number
    assert kept.cache_info().maxsize * zonal._KEPT_BYTES <= 10_000_000


def test_degree_beyond_what_the_rule_can_do_is_an_error_that_names_the_knob(monkeypatch):
    monkeypatch.setattr(zonal, "is_provable", lambda chain: False)
    monkeypatch.setattr(zonal, "_MOST_NODES", 10)
    monkeypatch.setattr(FloatRing, "settled", -1.0)
    with pytest.raises(es.ConvergenceError, match="degree"):
        chain_rows(FLOAT, (RELU, RELU), SphereLaw(3), [0, 9], 2, False)


# layers that jump ----------------------------------------------------------------------------------------------------


def jump_by_quadrature(net, dim, k, kernel):
    """``E[K P_k]`` by tanh-sinh rules between the extrema of ``cos(k angle)``, which stand the roots at the ends."""
    values = {
        "step": lambda t: (1 - mpmath.acos(t) / mpmath.pi, 0),
        "sign": lambda t: (2 * mpmath.asin(t) / mpmath.pi, 0),
        "relu": lambda t: (
            (mpmath.sqrt(1 - t * t) + (mpmath.pi - mpmath.acos(t)) * t) / mpmath.pi,
            1 - mpmath.acos(t) / mpmath.pi,
        ),
        "absolute": lambda t: (
            2 * (mpmath.sqrt(1 - t * t) + t * mpmath.asin(t)) / mpmath.pi,
            2 * mpmath.asin(t) / mpmath.pi,
        ),
    }

    def integrand(angle):
        value = tangent = mpmath.cos(angle)
        for activation in net:
            value, slope = values[activation](value)
            tangent = value + slope * tangent
        zonal = mpmath.cos(k * angle) if dim == 2 else mpmath.legendre(k, mpmath.cos(angle))
        return (value if kernel == "nngp" else tangent) * zonal * mpmath.sin(angle) ** (dim - 2)

    pieces = [mpmath.pi * i / max(k, 2) for i in range(max(k, 2) + 1)]
    return mpmath.quad(integrand, pieces) / (mpmath.pi if dim == 2 else 2)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize(
    "net, dim, k",
    [
        (("step", "step"), 2, 3),
        (("step", "step"), 3, 5),
        (("sign", "sign"), 2, 3),
        (("step", "step", "step"), 2, 4),
        (("step", "relu"), 2, 6),
        (("relu", "step", "absolute"), 3, 4),
        (("step", "sign", "relu"), 2, 1),
        (("sign",) * 6, 3, 1),
    ],
    ids=str,
)
def test_jumps_below_other_layers(net, dim, k, kernel):
    part = es.leaf(dim)
    for activation in net:
        part = es.node([part], getattr(es, activation))
    row = es.eigenvalue(es.network([part]), k, kernel)
    with mpmath.workdps(40):
        expected = float(jump_by_quadrature(net, dim, k, kernel))
    assert row.value == pytest.approx(expected, rel=row.error + 2e-16) and row.error < 1e-10


def test_jumps_at_high_degree():
    row = es.eigenvalue(es.mlp(2, 2, activation=es.step), 160, "nngp")
    with mpmath.workdps(30):
        expected = float(jump_by_quadrature(("step", "step"), 2, 160, "nngp"))
    assert row.value == pytest.approx(expected, rel=row.error + 2e-16) and row.error < 1e-13
    # on the sphere in floats, by another substitution: the kernel 1 - 2 asin(sqrt(angle / (2 pi))) / pi of angle = u**2
    x, w = np.polynomial.legendre.leggauss(3000)
    u = np.sqrt(np.pi) * (1 + x) / 2
    kernel = 1 - 2 * np.arcsin(u / np.sqrt(2 * np.pi)) / np.pi
    legendre = np.polynomial.legendre.legval(np.cos(u**2), [0] * 160 + [1])
    expected = np.sum(w * kernel * legendre * np.sin(u**2) * u) * np.sqrt(np.pi) / 2
    row = es.eigenvalue(es.mlp(3, 2, activation=es.step), 160, "nngp")
    assert row.value == pytest.approx(expected, rel=1e-7) and row.error < 1e-13


def test_balls_of_deep_chains_stay_narrow_near_equal_inputs():
    """The roots of a rectifier widen a ball near 1; its derivative, at most 1, does not."""
    mp, chain = mpmath.mp, (es.relu,) * 24
    with precision(200), mp.workprec(400):
        start = mp.mpf(1) - mp.mpf(10) ** -6
        exact = start
        for _ in chain:
            angle = mp.acos(exact)
            exact = (mp.sin(angle) + (mp.pi - angle) * exact) / mp.pi
        ball = 1 - arb(10) ** -6 + arb(0, 1) * arb(2) ** -150
        kernel = evaluate(chain, ball, ball)[0]
        assert float(kernel.rad()) < 2.0**-120
        assert abs(mp.mpf(kernel.mid().str(60, radius=False)) - exact) <= mp.mpf(float(kernel.rad())) * (1 + 1e-6)


@pytest.mark.parametrize("depth", [16, 24])
def test_floats_of_deep_chains_under_a_join(depth):
    """Where a bound is lost a moment falls back on its majorant; the value is a number with an honest error."""
    found = es.eigenvalue(es.cnn(8, (1,) * depth + (4,)), {0: 1, 1: 1}, "nngp")
    assert 0 < found.value < 1e-6 and found.error < 1e-10
    wide = es.eigenvalue(es.cnn(8, (1,) * depth + (4,)), {0: 1, 1: 1}, "nngp", ring=es.ball(64), rtol=1e-4)
    assert abs(float(wide.value.mid()) / found.value - 1) <= wide.error + found.error


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("law", [SphereLaw(2), SphereLaw(9), SphereLaw(300), CubeLaw(7), CubeLaw(400)], ids=str)
def test_values_alone_are_those_of_the_rows(chain, law):
    degrees = [0, 1, 2, 3, 6, 7]
    for tangent in (False, True):
        rows = chain_rows(FLOAT, chain, law, degrees, 3, tangent)[-1]
        values, index = chain_values(FLOAT, chain, law, degrees, tangent)
        ends = [[side.float64() for side in FLOAT.bracket(*pair)] for pair in ((rows, 1 - tangent), (values, index))]
        # two enclosures of one number, equally narrow but for roundings
        assert np.all(ends[0][0] <= ends[1][1]) and np.all(ends[1][0] <= ends[0][1])
        assert np.array_equal(ends[0][0] == 0, ends[1][0] == 0)
        assert np.all(FLOAT.gaps(values)[:, index][ends[1][0] > 0] < 1e-11)
