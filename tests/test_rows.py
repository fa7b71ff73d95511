"""Operations on scaled rows, and the kernels below them, against exact arithmetic in Python integers and fractions."""

import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy.special import gammaln

from eigenspace.harmonics import monomial_moment
from eigenspace.rings import products
from eigenspace.rings.spheres import sphere_moments

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


def one_channel(pair):
    """A batch of rows as an only channel."""
    return tuple(part[None] for part in pair)


def elementwise(operation, a, b, direction):
    """An operation that works element by element, on an only channel."""
    return tuple(part[0] for part in operation(one_channel(a), b, np.array([direction])))


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
@pytest.mark.parametrize("size", [1, 2, 17, 35])
def test_convolve_encloses_the_exact_product(slope_a, slope_b, spread, size):
    rng = random.Random(f"{slope_a} {slope_b} {spread} {size}")
    a, b = rows(rng, 3, size, slope_a, spread), rows(rng, 4, size, slope_b, spread)
    a[0][2] = 0.0
    a[1][2] = 0
    pairs = np.array([(i, j) for i in range(3) for j in range(4)])
    left, right = fractions(*a), fractions(*b)
    expected = [[sum(left[i][k] * right[j][n - k] for k in range(n + 1)) for n in range(size)] for i, j in pairs]

    def whole(direction):
        ia, ib = pairs.T.copy()
        return tuple(x[0] for x in products.convolve(one_channel(a), ia, one_channel(b), ib, np.array([direction])))

    def last(direction):
        ia, ib = pairs.T.copy()
        found = products.last(one_channel(a), ia, one_channel(b), ib, np.array([direction]))
        return tuple(x[0][:, None] for x in found)

    check_brackets(whole, expected, 4 * size + 16)
    check_brackets(last, [line[-1:] for line in expected], 4 * size + 16)


@pytest.mark.parametrize("slope_f, slope_x, spread", SPREADS)
@pytest.mark.parametrize("size", [1, 2, 19, 35])
def test_apply_encloses_the_exact_sums(slope_f, slope_x, spread, size):
    rng = random.Random(f"{slope_f} {slope_x} {spread} {size}")
    f, x = rows(rng, 5, size, slope_f, spread), rows(rng, 3, size, slope_x, spread)
    for pair in (f, x):
        pair[0][2] = 0.0
        pair[1][2] = 0
    left, right = fractions(*f), fractions(*x)
    expected = [[sum(p * q for p, q in zip(line, row)) for line in left] for row in right]

    def operation(direction):
        return tuple(part[0] for part in products.apply(one_channel(f), one_channel(x), np.array([direction])))

    check_brackets(operation, expected, 4 * size + 16)


def test_channels_have_their_own_rows_and_directions():
    rng = random.Random("channels")
    a, b, f = ([rows(rng, count, 9) for _ in range(n)] for count, n in ((3, 3), (2, 3), (4, 2)))
    batches = [tuple(np.stack(parts) for parts in zip(*batch)) for batch in (a, b, f)]
    ia, ib, directions = np.array([0, 2, 1]), np.array([1, 0, 1]), np.array([-1.0, 1.0, 1.0])
    together = (
        products.convolve(batches[0], ia, batches[1], ib, directions),
        products.apply(batches[2], batches[0], directions),
    )
    for c, direction in enumerate(directions):
        own = np.array([direction])
        alone = (
            products.convolve(one_channel(a[c]), ia, one_channel(b[c]), ib, own),
            products.apply(one_channel(f[min(c, 1)]), one_channel(a[c]), own),
        )
        for found, expected in zip(together, alone):
            assert all(np.array_equal(x[c], y[0]) for x, y in zip(found, expected))


@pytest.mark.parametrize("spread", [3, 60, 4000, 10**5])
def test_sums_and_factors_enclose_the_exact_results(spread):
    rng = random.Random(spread)
    a, b = rows(rng, 4, 25, 0, spread), rows(rng, 4, 25, 0, spread)
    factors = tuple(part[0] for part in rows(rng, 1, 25, 0, spread, zeros=0.0))
    left, right, scales = fractions(*a), fractions(*b), [exact(*pair) for pair in zip(*factors)]
    sums = [[p + q for p, q in zip(*pair)] for pair in zip(left, right)]
    scaled = [[p * q for p, q in zip(line, scales)] for line in left]
    check_brackets(lambda direction: elementwise(products.add, a, one_channel(b), direction), sums, 8)
    check_brackets(lambda direction: elementwise(products.scale, a, factors, direction), scaled, 16)


def test_rounding_steps_cover_the_worst_mantissas():
    # neighbours of powers of two and the all-ones mantissa, where roundings are largest relative to the value
    edge = [0.5, 0.5 + 2.0**-53, 0.5 + 2.0**-52, 0.75, 1 - 2.0**-53, 1 - 2.0**-52]
    a = np.array([[x for x in edge for _ in edge]] * 8), np.zeros((8, 36), dtype=np.int64)
    b = np.array([edge * 6] * 8), np.array([[shift] * 36 for shift in (0, 1, -1, -2, -52, -53, -54, -55)])
    sums = [[p + q for p, q in zip(*pair)] for pair in zip(fractions(*a), fractions(*b))]
    factors = tuple(part[4] for part in b)
    scaled = [[p * exact(*pair) for p, pair in zip(line, zip(*factors))] for line in fractions(*a)]
    check_brackets(lambda direction: elementwise(products.add, a, one_channel(b), direction), sums, 8)
    check_brackets(lambda direction: elementwise(products.scale, a, factors, direction), scaled, 16)


def test_the_unit_and_powers_of_two_stay_exact():
    one = np.array([[0.5, 0.0, 0.0]]), np.array([[1, 0, 0]])
    first = np.zeros(1, dtype=np.int64)
    for direction in (-1.0, 1.0):
        current, own = one, np.array([direction])
        for _ in range(50):
            current = tuple(x[0] for x in products.convolve(one_channel(current), first, one_channel(one), first, own))
        assert fractions(*current) == [[1, 0, 0]]
        image = products.apply(one_channel(one), one_channel(one), own)
        assert fractions(*(part[0] for part in image)) == [[1]]
        factors = np.full(3, 0.5), np.ones(3, dtype=np.int64)
        assert fractions(*elementwise(products.scale, one, factors, direction)) == [[1, 0, 0]]


def test_no_under_or_overflow_at_a_million_bits():
    big, first = 10**6, np.zeros(1, dtype=np.int64)
    a = np.array([[0.75, 0.625, 0.5]]), np.array([[-big, big, 0]])
    b = np.array([[0.875, 0.0, 0.75]]), np.array([[big, 0, -big]])
    exactly = np.zeros(1)
    out = tuple(x[0] for x in products.convolve(one_channel(a), first, one_channel(b), first, exactly))
    low, sizes = fractions(*out)[0], out[1][0].tolist()
    # 0.75 * 0.875; 0.625 * 0.875 * 2**(2 big); 0.5 * 0.875 * 2**big, the other product lies 3 * big bits below
    assert low[0] == Fraction(21, 32) and out[0][0, 1] == 35 / 64 and out[0][0, 2] == 0.875
    assert sizes == [0, 2 * big, big - 1]
    final = products.last(one_channel(a), first, one_channel(b), first, exactly)
    assert (final[0][0, 0], final[1][0, 0]) == (out[0][0, 2], sizes[2])
    image = products.apply(one_channel(a), one_channel(b), exactly)
    assert exact(image[0][0, 0, 0], image[1][0, 0, 0]) == Fraction(21, 32)
    total = elementwise(products.add, a, one_channel(b), 0.0)
    assert (total[0][0].tolist(), total[1][0].tolist()) == ([0.875, 0.625, 0.5], [big, big, 0])
    factors = np.array([0.875, 0.5, 0.75]), np.array([big, 0, -big])
    scaled = elementwise(products.scale, a, factors, 0.0)
    assert (scaled[0][0].tolist(), scaled[1][0].tolist()) == ([21 / 32, 0.625, 0.75], [0, big - 1, -big - 1])


def leaf(dim, degrees, size):
    return sphere_moments(dim, degrees, size)


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
