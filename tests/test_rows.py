"""The compiled kernels against exact arithmetic in Python integers and fractions."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln

from eigenspace._kernels import rows as kernels
from eigenspace.harmonics import monomial_moment

UNIT = Fraction(1, 2**53)
DIMS = (1, 2, 3, 12, 1000, 10**6)


def exact(mantissa, exponent) -> Fraction:
    """The number that a mantissa and a binary exponent stand for."""
    return Fraction(float(mantissa)) * Fraction(2) ** int(exponent)


def rows(rng, count, size, slope=0, spread=4, zeros=0.2):
    """Seeded rows: exponents around a line with the given slope, some exact zeros, some exact powers of two."""
    mantissa, exponent = np.zeros((count, size)), np.zeros((count, size), dtype=np.int64)
    for c in range(count):
        for n in range(size):
            if rng.random() >= zeros:
                mantissa[c, n] = rng.choice([0.5, rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.0)])
                exponent[c, n] = slope * n + rng.randint(-spread, spread)
    return mantissa, exponent


def fractions(mantissa, exponent):
    return [[exact(m, e) for m, e in zip(*pair)] for pair in zip(mantissa, exponent)]


def empty(count, size):
    return np.empty((count, size)), np.empty((count, size), dtype=np.int64)


def check_brackets(operation, expected, units):
    """Runs the operation in both directions: the results enclose the exact values, within some units; zeros exact."""
    lower, upper = (operation(direction) for direction in (-1.0, 1.0))
    for index in np.ndindex(lower[0].shape):
        value = expected[index[0]][index[1]]
        ends = [(m[index], e[index]) for m, e in (lower, upper)]
        low, up = (exact(*end) for end in ends)
        assert low <= value <= up, index
        assert up - low <= units * UNIT * value, index
        assert all(0.5 <= m < 1.0 if value else (m, e) == (0.0, 0) for m, e in ends), index


#: slopes of two factors, and the spread of their exponents: ordinary rows, steep rows that a common tilt flattens, and
#: rows that no tilt brings into the range of a float64
SPREADS = [(0, 0, 4), (-3, -3, 200), (-2000, -2000, 30), (2000, -2000, 3), (0, 0, 3000), (0, -700, 900)]


@pytest.mark.parametrize("slope_a, slope_b, spread", SPREADS)
@pytest.mark.parametrize("size", [1, 2, 17])
def test_convolve_encloses_the_exact_product(slope_a, slope_b, spread, size):
    rng = random.Random(f"{slope_a} {slope_b} {spread} {size}")
    a, b = rows(rng, 3, size, slope_a, spread), rows(rng, 4, size, slope_b, spread)
    a[0][2] = 0.0
    a[1][2] = 0
    pairs = np.array([(i, j) for i in range(3) for j in range(4)])
    left, right = fractions(*a), fractions(*b)
    expected = [[sum(left[i][k] * right[j][n - k] for k in range(n + 1)) for n in range(size)] for i, j in pairs]

    def operation(direction):
        out = empty(len(pairs), size)
        kernels.convolve(*a, pairs[:, 0].copy(), *b, pairs[:, 1].copy(), np.full(len(pairs), direction), *out)
        return out

    check_brackets(operation, expected, 4 * size + 16)


@pytest.mark.parametrize("slope_f, slope_x, spread", SPREADS)
@pytest.mark.parametrize("size", [1, 2, 19])
def test_apply_encloses_the_exact_sums(slope_f, slope_x, spread, size):
    rng = random.Random(f"{slope_f} {slope_x} {spread} {size}")
    f, x = rows(rng, 5, size, slope_f, spread), rows(rng, 3, size, slope_x, spread)
    for pair in (f, x):
        pair[0][2] = 0.0
        pair[1][2] = 0
    left, right = fractions(*f), fractions(*x)
    expected = [[sum(p * q for p, q in zip(line, row)) for line in left] for row in right]

    def operation(direction):
        out = empty(3, 5)
        kernels.apply(*f, *x, np.full(3, direction), *out)
        return out

    check_brackets(operation, expected, 4 * size + 16)


@pytest.mark.parametrize("spread", [3, 60, 4000, 10**5])
@pytest.mark.parametrize("product", [False, True])
def test_combine_encloses_the_exact_result(product, spread):
    rng = random.Random(f"{product} {spread}")
    a, b = rows(rng, 4, 25, 0, spread), rows(rng, 4, 25, 0, spread)
    expected = [[p * q if product else p + q for p, q in zip(*pair)] for pair in zip(fractions(*a), fractions(*b))]

    def operation(direction):
        out = empty(4, 25)
        kernels.combine(*a, *b, product, 2 * np.full(4, direction), *out)
        return out

    check_brackets(operation, expected, 8)


def test_rounding_steps_cover_the_worst_mantissas():
    # neighbours of powers of two and the all-ones mantissa, where roundings are largest relative to the value
    edge = [0.5, 0.5 + 2.0**-53, 0.5 + 2.0**-52, 0.75, 1 - 2.0**-53, 1 - 2.0**-52]
    a = np.array([[x for x in edge for _ in edge]] * 8), np.zeros((8, 36), dtype=np.int64)
    b = np.array([edge * 6] * 8), np.array([[shift] * 36 for shift in (0, 1, -1, -2, -52, -53, -54, -55)])
    for product in (False, True):
        expected = [[p * q if product else p + q for p, q in zip(*p2)] for p2 in zip(fractions(*a), fractions(*b))]
        for steps in (-2.0, 2.0):
            out = empty(8, 36)
            kernels.combine(*a, *b, product, np.full(8, steps), *out)
            for line, row in zip(fractions(*out), expected):
                assert all((x - value) * int(steps) >= 0 for x, value in zip(line, row))


def test_the_unit_and_powers_of_two_stay_exact():
    one = np.array([[0.5, 0.0, 0.0]]), np.array([[1, 0, 0]])
    first = np.zeros(1, dtype=np.int64)
    for direction in (-1.0, 1.0):
        current = one
        for _ in range(50):
            out = empty(1, 3)
            kernels.convolve(*current, first, *one, first, np.full(1, direction), *out)
            current = out
        assert fractions(*current) == [[1, 0, 0]]
        out = empty(1, 1)
        kernels.apply(np.array([[0.5, 0.0, 0.0]]), np.array([[1, 0, 0]]), *one, np.full(1, direction), *out)
        assert fractions(*out) == [[1]]
        out = empty(1, 3)
        kernels.combine(*one, *one, True, np.full(1, 4 * direction), *out)
        assert fractions(*out) == [[1, 0, 0]]


def test_no_under_or_overflow_at_a_million_bits():
    big, first = 10**6, np.zeros(1, dtype=np.int64)
    a = np.array([[0.75, 0.625, 0.5]]), np.array([[-big, big, 0]])
    b = np.array([[0.875, 0.0, 0.75]]), np.array([[big, 0, -big]])
    out = empty(1, 3)
    kernels.convolve(*a, first, *b, first, np.zeros(1), *out)
    low, sizes = fractions(*out)[0], out[1][0].tolist()
    # 0.75 * 0.875; 0.625 * 0.875 * 2**(2 big); 0.5 * 0.875 * 2**big, the other product lies 3 * big bits below
    assert low[0] == Fraction(21, 32) and out[0][0, 1] == 35 / 64 and out[0][0, 2] == 0.875
    assert sizes == [0, 2 * big, big - 1]
    out = empty(1, 1)
    kernels.apply(*a, *b, np.zeros(1), *out)
    assert exact(out[0][0, 0], out[1][0, 0]) == Fraction(21, 32)
    for product, m, e in ((True, [21 / 32, 0.0, 0.75], [0, 0, -big - 1]), (False, [0.875, 0.625, 0.5], [big, big, 0])):
        out = empty(1, 3)
        kernels.combine(*a, *b, product, np.zeros(1), *out)
        assert (out[0][0].tolist(), out[1][0].tolist()) == (m, e)


def leaf(dim, degrees, size):
    value, majorant = empty(len(degrees), size), empty(len(degrees), size)
    kernels.sphere_moments(float(dim), np.array(degrees), size, *value, *majorant)
    return value, majorant


def degrees_of(dim):
    return (0, 1) if dim == 1 else (0, 1, 2, 3, 7, 40, 121, 200)


@pytest.mark.parametrize("dim", DIMS)
def test_sphere_moments_are_the_exact_moments(dim):
    degrees, size = degrees_of(dim), 401
    (mantissa, exponent), _ = leaf(dim, degrees, size)
    factorial, powers = Fraction(1), range(size)
    for n in powers:
        factorial = factorial * n if n else factorial
        for c, r in enumerate(degrees):
            if n < r or (n - r) % 2:
                assert (mantissa[c, n], exponent[c, n]) == (0.0, 0)
            elif n < 30 or n % 23 in (0, 1) or n > 398:
                value = monomial_moment(dim, r, n) / factorial
                assert 0.5 <= mantissa[c, n] < 1
                assert abs(exact(mantissa[c, n], exponent[c, n]) - value) <= 2 * UNIT * value, (r, n)


def largest_from(dim, r, n):
    """Logarithm of ``max_{k >= n} E[t^k P_r]`` by the closed form, well beyond the index where the moments peak."""

    def log_moment(k, gamma):
        half = dim / 2
        return gamma(k + 1) + gamma(half) - k * np.log(2) - gamma((k - r) / 2 + 1) - gamma((k + r) / 2 + half)

    last = 4 * r * r + 4 * r + n + 100
    start = max(n + (n - r) % 2, r)
    k = int(np.arange(start, last, 2)[np.argmax(log_moment(np.arange(start, last, 2, dtype=float), gammaln))])
    with mpmath.workdps(40):
        half = mpmath.mpf(dim) / 2
        below = 2 ** mpmath.mpf(k) * mpmath.factorial((k - r) // 2) * mpmath.gamma(mpmath.mpf(k + r) / 2 + half)
        return mpmath.log(mpmath.factorial(k) * mpmath.gamma(half) / below)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("size", [5, 60, 401])
def test_majorant_bounds_this_and_all_higher_moments(dim, size):
    degrees = degrees_of(dim)
    _, (mantissa, exponent) = leaf(dim, degrees, size)
    for c, r in enumerate(degrees):
        with mpmath.workdps(40):
            pairs = enumerate(zip(mantissa[c], exponent[c]))
            logs = [mpmath.log(m) + int(e) * mpmath.log(2) + mpmath.log(mpmath.factorial(n)) for n, (m, e) in pairs]
            for n in [*range(0, size, 1 + size // 12), size - 2, size - 1]:
                gap = logs[n] - largest_from(dim, r, n)
                assert -1e-25 <= gap <= 1e-10, (r, n)
            assert all(later <= earlier + 1e-12 for earlier, later in zip(logs, logs[1:])), r


@pytest.mark.parametrize("slope, spread", [(0, 4), (-40, 30), (0, 3000)])
def test_dropped_bounds_the_cut_part_of_a_product(slope, spread):
    rng = random.Random(spread)
    size = 13
    (fm, xm), (fe, xe) = rows(rng, 2, size, slope, spread)
    (f, x), total, tail = fractions([fm, xm], [fe, xe]), Fraction(7, 2**9), Fraction(5, 2**11)
    expected = total + sum(f[i] * (tail + sum(x[size - i :])) for i in range(size))
    value = exact(*kernels.dropped(fm, fe, xm, xe, 5 / 8, -8, 7 / 8, -6))
    assert expected <= value <= expected * (1 + 200 * UNIT)


def test_running_minimum_of_scaled_numbers():
    m, e = np.array([[0.5, 0.75, 0.5, 0.9, 0.6]]), np.array([[3, 3, 2, 2, -7]])
    kernels.running_minimum(m, e)
    assert fractions(m, e) == [[4, 4, 2, 2, exact(0.6, -7)]]
