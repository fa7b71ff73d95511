"""The float ring: brackets that hold, columns that neither underflow nor lose a digit on the way through text."""

import random
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
from flint import arb, fmpq

import eigenspace as es
from eigenspace._flint import precision, scaled_ratio
from eigenspace.duals import layer_matrix
from eigenspace.harmonics import monomial_moment
from eigenspace.rings.floats import FLOAT, LOWER, MAJORANT, UPPER, FloatColumn, Rows, _tightened

UNIT = Fraction(1, 2**53)


def exact(mantissa, exponent) -> Fraction:
    return Fraction(float(mantissa)) * Fraction(2) ** int(exponent)


def channel(rows, which) -> list[list[Fraction]]:
    return [[exact(m, e) for m, e in zip(*pair)] for pair in zip(rows.mantissa[which], rows.exponent[which])]


def assert_brackets(rows, expected, units):
    """Lower and upper channels enclose the exact elements within some units; exact zeros stay exact."""
    lower, upper = channel(rows, LOWER), channel(rows, UPPER)
    assert [len(line) for line in lower] == [len(line) for line in expected]
    for low, up, line in zip(lower, upper, expected):
        for x, y, value in zip(low, up, line):
            assert x <= value <= y
            assert y - x <= units * UNIT * value


def moments(dim, degrees, size):
    """Exact elements of the rows of one sphere: E[t^n P_r] / n!."""
    return [[monomial_moment(dim, r, n) / factorial(n) for n in range(size)] for r in degrees]


def column(*numbers) -> FloatColumn:
    mantissa, exponent = np.array([m for m, _ in numbers]), np.array([e for _, e in numbers], dtype=np.int64)
    return FloatColumn(mantissa, exponent)


# rows ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3, 12, 10**6])
def test_leaf_rows_enclose_the_moments(dim):
    degrees = (0, 1) if dim == 1 else (0, 1, 4, 9)
    assert_brackets(FLOAT.leaf(dim, degrees, 30), moments(dim, degrees, 30), 12)


def test_moment_of_order_zero_is_exactly_one():
    third = FLOAT.weigh(FLOAT.leaf(7, (0, 2), 5), Fraction(1, 3))
    joined = FLOAT.convolve(third, [0], third, [0])
    for rows in (FLOAT.leaf(7, (0, 2), 5), FLOAT.unit(5), third, joined):
        assert channel(rows, LOWER)[0][0] == channel(rows, UPPER)[0][0] == 1


@pytest.mark.parametrize("factor", [Fraction(1), Fraction(2, 5), Fraction(1, 8)])
@pytest.mark.parametrize("weight", [Fraction(1, 3), Fraction(1, 4), Fraction(3, 7), Fraction(1, 10**9), Fraction(1)])
def test_weigh_is_the_law_of_the_scaled_variable(weight, factor):
    degrees = (0, 1, 4)
    for rows, values in (
        (FLOAT.leaf(5, degrees, 20), moments(5, degrees, 20)),
        (FLOAT.unit(20), [[Fraction(1)] + [Fraction(0)] * 19]),
    ):
        expected = [[value * factor * weight**n for n, value in enumerate(line)] for line in values]
        # the bracket must hold for every weight, powers of two included
        assert_brackets(FLOAT.weigh(rows, weight, factor), expected, 30)
        with precision(200):
            inexact = arb(weight.numerator) / weight.denominator
        assert_brackets(FLOAT.weigh(rows, inexact, factor), expected, 30)


@pytest.mark.parametrize("spread", [2, 40, 3000])
def test_majorants_are_narrowed_to_the_largest_later_moment(spread):
    rng, size = random.Random(spread), 12
    factorials = [factorial(n) for n in range(size)]
    draw = lambda: Fraction(rng.randint(0, 9)) * Fraction(2) ** rng.randint(-spread, spread)  # noqa: E731
    moments = [[draw() for _ in range(size)] for _ in range(6)]
    moments[0], moments[1][3:] = [Fraction(0)] * size, [Fraction(0)] * (size - 3)
    slack = [sorted((rng.randint(0, 9) for _ in range(size)), reverse=True) for _ in moments]
    bounds = [[max(line[n:]) * 2**extra[n] for n in range(size)] for line, extra in zip(moments, slack)]
    # beyond the end there may be larger moments
    for line in bounds[2:4]:
        line[:] = [max(x, line[0] / 3) for x in line]

    def elements(lines):
        pairs = [[scaled_ratio(*(x / f).as_integer_ratio()) for x, f in zip(line, factorials)] for line in lines]
        mantissa = np.array([[m for m, _ in line] for line in pairs]) * (1 + 4 * float(UNIT))
        shifted, exponent = np.frexp(mantissa)
        return shifted, exponent + np.array([[e for _, e in line] for line in pairs], dtype=np.int64)

    upper, majorant = elements(moments), elements(bounds)
    rows = Rows(*(np.stack([u, u, m]) for u, m in zip(upper, majorant)))
    narrowed = channel(_tightened(rows), MAJORANT)
    for line, given, found in zip(moments, bounds, narrowed):
        for n in range(size):
            best = min(given[n], max(*line[n:], given[-1]))
            assert best <= found[n] * factorials[n] <= best * (1 + Fraction(1, 2**38))


@pytest.mark.parametrize("ring", [FLOAT, es.ball(128)])
@pytest.mark.parametrize("chain", [(es.relu,), (es.erf, es.relu), (es.monomial(3),)])
def test_the_last_coefficient_with_a_functional_is_what_the_matrix_makes_of_a_product(ring, chain):
    size = 24
    rows = ring.leaf(5, (0, 1, 4, 6), size)
    pairs = np.array([(i, j) for i in range(4) for j in range(4)]).T
    for part, j in (("f", 1), ("g", 0), ("h", 0)):
        matrix = layer_matrix(chain, part, j + 1, size - 1, ring)
        images = ring.apply([(matrix, ring.convolve(rows, pairs[0], rows, pairs[1]))])
        functional = ring.functional(matrix, j)
        others = ring.convolve(functional, [0] * 4, rows, range(4))
        found = ring.enclosed(ring.last(rows, pairs[0], others, pairs[1]))
        # two ways to the same enclosures: centres and widths agree but for roundings
        if ring is FLOAT:
            ends = [[side.float64() for side in ring.bracket(r, i)] for r, i in ((images, j), (found, 0))]
            assert np.allclose(ends[0], ends[1], rtol=1e-13, atol=0)
            assert np.array_equal(ends[0][0] == 0, ends[1][0] == 0)
        else:
            for x, y in zip(ring.moments(images, j), ring.moments(found, 0)):
                assert x.overlaps(y) and x.is_zero() == y.is_zero()
                assert abs(float(x.rad()) - float(y.rad())) <= 1e-6 * float(x.rad()) + 1e-36


def test_derivative_shifts_the_moments():
    degrees = (0, 1, 4)
    rows = FLOAT.derivative(FLOAT.leaf(5, degrees, 20))
    expected = [[monomial_moment(5, r, n + 1) / factorial(n) for n in range(19)] for r in degrees]
    assert rows.size == 19
    assert_brackets(rows, expected, 30)


def test_convolve_joins_independent_spheres():
    # E[(t + u)^n P_r(t) P_q(u)] by the binomial theorem
    dims, pairs, size = (4, 9), [(0, 0), (1, 2), (3, 0)], 16
    left, right = FLOAT.leaf(dims[0], (0, 1, 3), size), FLOAT.leaf(dims[1], (0, 2), size)
    rows = FLOAT.convolve(left, [0, 1, 2], right, [0, 1, 0])
    lines = [(moments(4, (r,), size)[0], moments(9, (q,), size)[0]) for r, q in pairs]
    expected = [[sum(a[i] * b[n - i] for i in range(n + 1)) for n in range(size)] for a, b in lines]
    assert_brackets(rows, expected, 120)


def test_add_is_elementwise():
    a, b = FLOAT.leaf(4, (1, 2), 9), FLOAT.leaf(6, (2, 0), 9)
    expected = [[p + q for p, q in zip(*pair)] for pair in zip(moments(4, (1, 2), 9), moments(6, (2, 0), 9))]
    assert_brackets(FLOAT.add(a, b), expected, 40)


def test_bracket_restores_the_factorial():
    for index in (0, 3, 11):
        lower, upper = FLOAT.bracket(FLOAT.leaf(5, (0, 1, 3), 12), index)
        for i, r in enumerate((0, 1, 3)):
            value = monomial_moment(5, r, index)
            low, up = (exact(c.mantissa[i], c.exponent[i]) for c in (lower, upper))
            assert low <= value <= up <= value * (1 + 40 * UNIT)


# activations ---------------------------------------------------------------------------------------------------------


def polynomials(seed, length):
    """Two polynomials with non-negative rational coefficients, some of them zero; those of the first sum to 1."""
    rng = random.Random(seed)
    f, base = ([Fraction(rng.choice([0, 1, 2, 5]), rng.choice([3, 7, 11])) for _ in range(length)] for _ in range(2))
    f[1] += 1
    base[0] += 1
    return [c / sum(f) for c in f], base


def product(a, b):
    out = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return out


def ball(value: Fraction):
    return arb(fmpq(value.numerator, value.denominator))


def truncated(f, base, size):
    """The matrix of ``base * f**j`` from the first coefficients of two polynomials, and the exact full rows."""
    sums = (sum(f[size:]), sum(base[size:]), sum(base))
    matrix = FLOAT.power_matrix(
        [ball(c) for c in f[:size]], [ball(c) for c in base[:size]], [ball(Fraction(s)) for s in sums], 6, None
    )
    full = [base]
    for _ in range(5):
        full.append(product(full[-1], f))
    return matrix, full


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [4, 9, 12])
def test_power_matrix_is_the_product_of_polynomials(seed, size):
    f, base = polynomials(seed, 12)
    matrix, full = truncated(f, base, size)
    for j, line in enumerate(full):
        low, up = ([exact(m, e) for m, e in zip(matrix.mantissa[s, j], matrix.exponent[s, j])] for s in (0, 1))
        for x, y, value in zip(low, up, line[:size], strict=True):
            assert x <= value <= y <= value * (1 + 400 * UNIT)
        # what the row drops, exactly
        dropped = sum(line[size:])
        assert dropped <= exact(matrix.tail_mantissa[j], matrix.tail_exponent[j]) <= dropped * (1 + 2000 * UNIT)


@pytest.mark.parametrize("size", [4, 9, 12])
def test_apply_encloses_moments_of_a_truncated_polynomial(size):
    # K = f(t) and base(t) of one sphere, exactly; the upper channel must cover what the truncation drops
    f, base = polynomials(5, 12)
    matrix, full = truncated(f, base, size)
    degrees = (0, 1, 3)
    rows = FLOAT.apply([(matrix, FLOAT.leaf(6, degrees, size))])
    total = [[sum(c * monomial_moment(6, r, n) for n, c in enumerate(line)) for line in full] for r in degrees]
    kept = [[sum(c * monomial_moment(6, r, n) for n, c in enumerate(line[:size])) for line in full] for r in degrees]
    for i, r in enumerate(degrees):
        last = max(monomial_moment(6, r, k) for k in range(size - 1, 80))
        for j in range(6):
            low, up, major = (channel(rows, which)[i][j] * factorial(j) for which in (LOWER, UPPER, MAJORANT))
            assert low <= kept[i][j] <= low * (1 + 400 * UNIT)
            assert total[i][j] <= up <= (kept[i][j] + last * sum(full[j][size:])) * (1 + 4000 * UNIT)
            assert all(value <= major for value in total[i][j:])


def test_apply_adds_its_parts():
    f, base = polynomials(2, 6)
    matrix, full = truncated(f, base, 6)
    rows = FLOAT.apply([(matrix, FLOAT.leaf(6, (0, 2), 6)), (matrix, FLOAT.leaf(9, (1, 1), 6))])
    for i, (r, q) in enumerate(((0, 1), (2, 1))):
        # each part drops its own tail: at least the kept sums of both are there
        for j, line in enumerate(full):
            kept = sum(c * (monomial_moment(6, r, n) + monomial_moment(9, q, n)) for n, c in enumerate(line[:6]))
            assert channel(rows, LOWER)[i][j] * factorial(j) <= kept <= channel(rows, UPPER)[i][j] * factorial(j)


# columns -------------------------------------------------------------------------------------------------------------


def test_text_round_trip_is_exact():
    rng = random.Random(11)
    numbers = [(rng.uniform(0.5, 1), rng.randint(-(10**6), 10**6)) for _ in range(200)] + [(0.0, 0), (0.5, 1)]
    original = column(*numbers)
    texts = original.to_jsonable()
    again = FLOAT.column_from_jsonable(texts)
    assert all(isinstance(text, str) for text in texts)
    assert [(m, e) for m, e in zip(again.mantissa.tolist(), again.exponent.tolist())] == numbers


def test_logarithm_is_finite_far_below_the_floats():
    # 0.75 * 2**-16610 = 1.8e-5000...
    values = column((0.75, -16610), (0.0, 0), (0.5, 1))
    log10 = values.log10()
    assert log10[0] == pytest.approx(float(np.log10(0.75)) - 16610 * np.log10(2.0), rel=1e-15)
    assert -5001 < log10[0] < -5000 and log10[1] == -np.inf and log10[2] == 0.0
    assert values.float64().tolist() == [values[i] for i in range(3)] == [0.0, 0.0, 1.0]


def test_float64_is_the_number_where_it_fits():
    # a subnormal float has lost digits that the error still promises: it counts as underflow
    values = column((0.7, -1000), (0.6, 1000), (0.5, -1021), (0.9, -1022), (0.8, 3))
    assert values.float64().tolist() == [0.7 * 2.0**-1000, 0.6 * 2.0**1000, 2.0**-1022, 0.0, 6.4]
    assert [values[i] for i in range(5)] == values.float64().tolist()


def test_take_and_immutability():
    values = column((0.7, 0), (0.6, 1), (0.5, 2))
    assert values.take(np.array([2, 0])).float64().tolist() == [2.0, 0.7]
    assert values.take(np.array([False, True, False])).float64().tolist() == [1.2]
    assert len(values) == 3 and values.ring is FLOAT and FLOAT.name == "float"
    with pytest.raises(ValueError):
        values.mantissa[0] = 1.0


def test_text_of_a_tiny_number():
    assert column((0.75, -16610)).text(0, 3, 1e-12).endswith("e-5001")
    assert column((0.0, 0)).text(0, 5, 0.0) == "0"
