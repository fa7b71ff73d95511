"""The ball ring: enclosures that hold, agree with exact arithmetic, and survive files."""

import random
from fractions import Fraction
from math import factorial, inf

import numpy as np
import pytest
from flint import arb, fmpq

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.classes import enumerate_classes
from eigenspace.duals import layer_matrix, power_series
from eigenspace.harmonics import monomial_moment
from eigenspace.moments import root_moments
from eigenspace.rings import FLOAT, BallColumn, BallRing, named
from eigenspace.rings.balls import relative_error
from eigenspace.shapes import layout

RING = BallRing(160)


def holds(ball, value: Fraction) -> bool:
    with precision(4000):
        return bool(ball.contains(arb(fmpq(value.numerator, value.denominator))))


def narrow(ball, bits: int) -> bool:
    return relative_error(ball) < 2.0**-bits


def moments(dim, degree, size):
    """Exact elements of a row of one sphere: E[t^n P_r] / n!."""
    return [monomial_moment(dim, degree, n) / factorial(n) for n in range(size)]


# rows ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3, 12, 10**6])
def test_leaf_rows_enclose_the_moments(dim):
    degrees = (0, 1) if dim == 1 else (0, 1, 4, 9, 40)
    rows = RING.leaf(dim, degrees, 60)
    for row, bounds, degree in zip(rows.values, rows.majorants, degrees):
        exact = moments(dim, degree, 200)
        largest = 0
        for n in range(199, -1, -1):
            largest = max(largest, exact[n] * factorial(n))
            if n < 60:
                assert holds(row[n], exact[n]) and narrow(row[n], 150)
                assert bounds[n].upper() * factorial(n) >= arb(float(largest)) * (1 - 1e-12)
    assert rows.clean and not rows.nonnegative


def test_majorant_of_a_high_degree_waits_for_the_peak():
    """Moments of degree 40 on S^2 rise until n is about 40**2 / 2; the majorant must know."""
    rows = RING.leaf(3, (40,), 50)
    peak = max(monomial_moment(3, 40, n) for n in range(40, 1200, 2))
    assert float(rows.majorants[0][49].upper()) * factorial(49) >= float(peak) * (1 - 1e-9)


def test_products_sums_weights_and_derivatives():
    size, draw = 12, random.Random(5)
    a, b = RING.leaf(3, (0, 2), size), RING.leaf(7, (0, 1), size)
    exact_a, exact_b = [moments(3, r, size) for r in (0, 2)], [moments(7, r, size) for r in (0, 1)]
    pairs = [(draw.randrange(2), draw.randrange(2)) for _ in range(6)]
    product = RING.convolve(a, [i for i, _ in pairs], b, [j for _, j in pairs])
    for row, (i, j) in zip(product.values, pairs):
        for n, ball in enumerate(row):
            assert holds(ball, sum(exact_a[i][k] * exact_b[j][n - k] for k in range(n + 1)))
    total, weighed, derived = RING.add(a, b), RING.weigh(a, Fraction(2, 7), Fraction(3, 5)), RING.derivative(a)
    for i in range(2):
        for n in range(size):
            assert holds(total.values[i][n], exact_a[i][n] + exact_b[i][n])
            assert holds(weighed.values[i][n], exact_a[i][n] * Fraction(2, 7) ** n * Fraction(3, 5))
            if n + 1 < size:
                assert holds(derived.values[i][n], exact_a[i][n + 1] * (n + 1))
    assert total.peak == 2 and weighed.peak == float(Fraction(3, 5))


@pytest.mark.parametrize("part", ["f", "g", "h"])
def test_matrix_rows_and_tails_sum_to_their_value_at_one(part):
    chain = (es.relu, es.rbf(0.3))
    matrix = layer_matrix(chain, part, 5, 40, RING)
    triple = power_series(chain, 40)
    total = {"f": arb(1), "g": triple.g_at_one, "h": triple.h_at_one}[part]
    with precision(160):
        for line, tail in zip(matrix.entries.tolist(), matrix.tails):
            rest = total - sum(line, arb(0))
            assert rest.is_zero() or 0 < rest <= tail * (1 + arb(2) ** -40) <= rest * 1.001


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("order", [40, 80])
def test_float_brackets_and_balls_overlap(kernel, order):
    """Two rings, one recursion: brackets and balls of every class have a common point, and share their zeros."""
    for net in (es.mlp(9, 2, leaves=2), es.cnn(8, (1, 2), 2, head="dense"), es.cnn(6, (3,), 2)):
        pool = enumerate_classes(layout(net).root, 5)
        rows, index = root_moments(pool, kernel, order, FLOAT)
        lower, upper = FLOAT.bracket(rows, index)
        found, _ = root_moments(pool, kernel, order, RING)
        for c, ball in enumerate(RING.moments(found, index)):
            assert ball.lower() <= arb(upper[c]) and ball.upper() >= arb(lower[c])
            assert (lower[c] == 0) == bool(ball.is_zero())


# numbers -------------------------------------------------------------------------------------------------------------


def test_relative_error_rounds_up_and_never_underflows():
    with precision(300):
        for radius in (arb(3) / 7, arb(2) ** -400, arb(2) ** -5000):
            ball = arb(5, radius)
            assert arb(relative_error(ball)) * 5 >= ball.rad()
    assert relative_error(arb(0, 1)) == inf and relative_error(arb(7)) == 0.0 and relative_error(arb(0)) == 0.0


def test_columns_display_only_known_digits_and_survive_files():
    with precision(200):
        balls = (arb(1) / 3, arb(0), arb(10) ** -5000 / 7, arb(2, 0.25))
    column = BallColumn(es.ball(200), balls)
    assert column.text(0, 30, relative_error(balls[0])) == "3." + "3" * 29 + "e-1"
    assert column.text(1, 5, 0.0) == "0" and column.text(2, 4, 1e-40) == "1.429e-5001"
    assert column.text(3, 8, relative_error(balls[3])) == "2" or column.text(3, 8, 0.2).startswith("~")
    assert column.float64().tolist() == [1 / 3, 0.0, 0.0, 2.0]
    assert column.log10()[1] == -inf and abs(column.log10()[2] + 5000.8450980400142) < 1e-9
    assert len(column.data_text(0)) > 55 and column.data_text(1) == "0"
    back = named("ball(200)").column_from_jsonable(column.to_jsonable())
    for ball, other in zip(column.balls, back.balls):
        assert ball.mid() == other.mid() and ball.rad() == other.rad()
    assert back.take(np.array([True, False, False, False])).to_jsonable() == column.to_jsonable()[:1]


def test_names_and_bad_bits():
    assert es.ball(128) == named("ball(128)") and repr(es.ball(128)) == "eigenspace.ball(128)"
    with pytest.raises(ValueError, match="bits must be an integer from 16"):
        es.ball(3)
    with pytest.raises(TypeError, match="bits must be"):
        es.ball(12.5)
    with pytest.raises(es.UnsupportedError, match="read the file with the version that wrote it"):
        named("ball(x)")
