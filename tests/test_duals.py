"""Power series of layers against closed coefficients and mpmath; layer matrices against products of polynomials."""

import threading
import time
from fractions import Fraction
from math import factorial

import flint
import mpmath
import numpy as np
import pytest
from flint import arb

import eigenspace as es
from eigenspace._flint import precision, scaled_ball
from eigenspace.duals import evaluate, layer_matrix, power_series, supports
from eigenspace.rings import FLOAT

RELU, RBF, LINEAR = es.relu, es.rbf(0.3), es.identity
CHAINS = [(RELU,), (RELU, RELU), (RBF,), (RBF, RBF), (RELU, RBF), (RBF, RELU, RELU), (RELU, LINEAR), (LINEAR,)]
names = lambda chain: "-".join(a.name for a in chain)


def dual(activation, t):
    """Dual and its derivative at an mpmath number, from the closed forms."""
    if activation == RELU:
        angle = mpmath.acos(t)
        return (mpmath.sin(angle) + (mpmath.pi - angle) * t) / mpmath.pi, (mpmath.pi - angle) / mpmath.pi
    if activation == LINEAR:
        return t, mpmath.mpf(1)
    rate = 2 * mpmath.mpf(repr(activation.gamma))
    return mpmath.exp(-rate * (1 - t)), rate * mpmath.exp(-rate * (1 - t))


def triple(chain, t):
    """f, g and h of a chain: K = f(S), T = g(S) + h(S) H."""
    f, g, h = t, mpmath.mpf(0), mpmath.mpf(1)
    for activation in chain:
        f, slope = dual(activation, f)
        g, h = f + slope * g, slope * h
    return f, g, h


def mp(ball):
    return mpmath.mpf(ball.mid().str(40, radius=False))


def test_relu_has_the_closed_coefficients():
    # kappa_1 = 1/pi + t/2 + (1/pi) sum (2n-2)! / (4**(n-1) (n-1)!**2 (2n-1) 2n) t**2n, and kappa_0 its derivative
    series = power_series((RELU,), 60)
    with mpmath.workdps(40):
        expected = [1 / mpmath.pi, mpmath.mpf(1) / 2] + [mpmath.mpf(0)] * 59
        for n in range(1, 31):
            below = 4 ** (n - 1) * factorial(n - 1) ** 2 * (2 * n - 1) * 2 * n
            expected[2 * n] = mpmath.mpf(factorial(2 * n - 2)) / below / mpmath.pi
        for n in range(61):
            assert abs(mp(series.f[n]) - expected[n]) <= expected[n] * mpmath.mpf(10) ** -19
            assert abs(mp(series.g[n]) - expected[n]) <= expected[n] * mpmath.mpf(10) ** -19
        for n in range(60):
            slope = (n + 1) * expected[n + 1]
            assert abs(mp(series.h[n]) - slope) <= slope * mpmath.mpf(10) ** -19
    assert all(series.f[n].is_zero() for n in range(3, 61, 2))
    assert es.relu.series(60) == [float(x) for x in expected]


def test_rbf_is_the_exponential_series():
    with mpmath.workdps(40):
        rate = 2 * mpmath.mpf("0.3")
        for n, ball in enumerate(power_series((RBF,), 80).f):
            value = mpmath.exp(-rate) * rate**n / mpmath.factorial(n)
            assert abs(mp(ball) / value - 1) < mpmath.mpf(10) ** -19


@pytest.mark.parametrize("chain", CHAINS, ids=names)
def test_power_series_are_taylor_series(chain):
    series = power_series(chain, 12)
    with mpmath.workdps(40):
        for part, name in enumerate("fgh"):
            expected = mpmath.taylor(lambda t, part=part: triple(chain, t)[part], 0, 12)
            for ball, value in zip(getattr(series, name), expected, strict=True):
                assert abs(mp(ball) - mpmath.re(value)) < 1e-18, (name, value)


@pytest.mark.parametrize("chain", CHAINS, ids=names)
def test_values_at_one(chain):
    series = power_series(chain, 400)
    with mpmath.workdps(30):
        _, g, h = triple(chain, mpmath.mpf(1))
        assert abs(mp(series.g_at_one) - g) < 1e-25 and abs(mp(series.h_at_one) - h) < 1e-25
    # the sum of all coefficients is the value at one: what is cut is positive and falls like order**(-1/2) at worst
    for part, total in (("f", 1.0), ("g", float(g)), ("h", float(h))):
        line = [float(c) for c in getattr(series, part)]
        assert min(line) >= 0
        rest, half = total - sum(line), total - sum(line[:201])
        assert -1e-14 <= rest <= max(0.8 * half, 1e-14)
    if RELU not in chain:
        assert sum(float(c) for c in series.f) == pytest.approx(1.0, abs=1e-14)


def test_every_coefficient_keeps_its_relative_digits():
    with precision(53):
        for chain in CHAINS:
            for order in (30, 300):
                for part in "fgh":
                    coefficients = getattr(power_series(chain, order), part)
                    assert len(coefficients) == order + 1
                    assert all(c.is_zero() or c.rel_accuracy_bits() >= 60 for c in coefficients)


# matrices


def fractions_of(balls):
    return [Fraction(int(m)) * Fraction(2) ** int(e) for m, e in (b.mid().man_exp() for b in balls)]


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("part", "fgh")
def test_layer_matrix_rows_are_products_of_polynomials(chain, part):
    order, rows = 14, 6
    matrix, series = layer_matrix(chain, part, rows, order, FLOAT), power_series(chain, order)
    f = fractions_of(series.f)
    current = [Fraction(1)] + [Fraction(0)] * order if part == "f" else fractions_of(getattr(series, part))
    total = {"f": Fraction(1), "g": fractions_of([series.g_at_one])[0], "h": fractions_of([series.h_at_one])[0]}[part]
    assert matrix.mantissa.shape == (2, rows, order + 1)
    for j in range(rows):
        low, up = (_numbers(matrix.mantissa[s, j], matrix.exponent[s, j]) for s in (0, 1))
        slack = Fraction(1, 10**17)
        for x, y, value in zip(low, up, current, strict=True):
            assert x * (1 - slack) <= value <= y * (1 + slack) and y - x <= value / 10**13
            assert (value == 0) == (x == 0)
        # tails: everything sums to the value at one, and the bound is what is left of it, to a few units
        dropped = total - sum(current)
        tail = _numbers(matrix.tail_mantissa[j : j + 1], matrix.tail_exponent[j : j + 1])[0]
        assert dropped - Fraction(1, 10**40) <= tail <= dropped * (1 + Fraction(1, 10**10)) + Fraction(1, 10**30)
        current = [sum(current[i] * f[n - i] for i in range(n + 1)) for n in range(order + 1)]


def _numbers(mantissa, exponent):
    return [Fraction(float(m)) * Fraction(2) ** int(e) for m, e in zip(mantissa, exponent)]


@pytest.mark.parametrize("chain", CHAINS, ids=names)
@pytest.mark.parametrize("part", "fgh")
def test_supports_are_where_the_matrix_is_not_zero(chain, part):
    order, rows = 20, 7
    matrix, found = layer_matrix(chain, part, rows, order, FLOAT), supports(chain, part, rows, order)
    assert len(found) == rows
    for j, support in enumerate(found):
        assert [bool(support >> n & 1) for n in range(order + 1)] == (matrix.mantissa[0, j] > 0).tolist()
        assert support < 1 << (order + 1)


# evaluation


@pytest.mark.parametrize("chain", CHAINS, ids=names)
def test_evaluate_on_arrays_and_balls_is_the_triple(chain):
    points, tangents = np.array([-1.0, -0.7, 0.0, 0.3, 0.999, 1.0]), np.array([0.5, -0.2, 0.1, 2.0, 0.3, 1.0])
    kernels, values = evaluate(chain, points, tangents)
    for t, h, k, v in zip(points, tangents, kernels, values):
        with mpmath.workdps(50):
            f, g, slope = triple(chain, mpmath.mpf(t))
            expected = f, g + slope * mpmath.mpf(h)
            assert abs(k - f) < 4e-16 * len(chain) and abs(v - expected[1]) < 3e-15 * len(chain)
            with precision(130):
                balls = evaluate(chain, arb(float(t)), arb(float(h)))
                # square roots at the end points halve the digits of the second layer on
                assert all(abs(mp(b) - e) < 1e-15 for b, e in zip(balls, expected))
                if abs(t) < 1:
                    assert all(abs(mp(b) - e) < mpmath.mpf(10) ** -33 for b, e in zip(balls, expected))
                    assert all(abs(e - mp(b)) <= mp(b.rad()) + mpmath.mpf(10) ** -38 for b, e in zip(balls, expected))


def test_evaluate_of_the_empty_chain_changes_nothing():
    assert [float(x) for x in evaluate((), np.array(0.3), np.array(0.7))] == [0.3, 0.7]


# precision


def test_global_precision_is_left_alone():
    before = flint.ctx.prec, flint.ctx.cap
    flint.ctx.prec, flint.ctx.cap = 77, 11
    try:
        power_series.cache_clear()
        layer_matrix((RELU, RBF), "h", 5, 23, FLOAT)
        supports((RELU,), "g", 3, 9)
        es.eigenvalue(es.mlp(3, 2), 3)
        with pytest.raises(ZeroDivisionError), precision(200, 5):
            assert (flint.ctx.prec, flint.ctx.cap) == (200, 5)
            raise ZeroDivisionError
        assert (flint.ctx.prec, flint.ctx.cap) == (77, 11)
    finally:
        flint.ctx.prec, flint.ctx.cap = before


def test_threads_at_different_precisions_do_not_disturb_each_other():
    before = flint.ctx.prec, flint.ctx.cap
    with precision(1000):
        third = arb(1) / 3
    wrong = []

    def work(bits):
        for _ in range(100):
            with precision(bits, bits % 7 + 2):
                time.sleep(0)  # invite the other threads in
                value = arb(1) / 3
                accuracy = value.rel_accuracy_bits()
                if not (bits - 3 <= accuracy <= bits + 3 and value.overlaps(third) and flint.ctx.cap == bits % 7 + 2):
                    wrong.append((bits, accuracy, flint.ctx.cap))

    threads = [threading.Thread(target=work, args=(bits,)) for bits in (60, 200, 700, 90)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and (flint.ctx.prec, flint.ctx.cap) == before


def test_scaled_ball_reads_any_size():
    with precision(200):
        mantissa, exponent = scaled_ball(arb(3) / 2**70000 / 7)
    assert (mantissa, exponent) == (pytest.approx(6 / 7, rel=3e-16), -70001)
    assert scaled_ball(arb(0)) == (0.0, 0) and scaled_ball(arb(1)) == (0.5, 1)
