"""Laws of the correlation: rules that integrate polynomials exactly, and polynomials inside their balls."""

from fractions import Fraction
from math import comb, log10

import pytest
from flint import arb, fmpq

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.correlations import CubeLaw, SphereLaw


def table(polynomials, points: int) -> list[list]:
    """``P_k`` at the points, one row for each degree: the sums over one point at a time."""
    rows = []
    for i in range(points):
        unit = [[arb(int(i == j))] for j in range(points)]
        rows.append([row[0] for row in polynomials.sums(unit, [[arb(0)]] * points).tolist()])
    return [list(column) for column in zip(*rows)]


def exact(dim: int, degree: int, t: fmpq) -> fmpq:
    """``P_k`` by its recurrence in rational numbers."""
    before, value = fmpq(0), fmpq(1)
    for k in range(degree):
        if dim == 2 and k > 0:
            before, value = value, 2 * t * value - before
        else:
            a, b, c = (2 * k + dim - 2, k, k + dim - 2) if k else (1, 0, 1)
            before, value = value, (a * t * value - b * before) / c
    return value


@pytest.mark.parametrize("bits", [30, 90])
@pytest.mark.parametrize("dim", [2, 3, 4, 11, 1000])
def test_polynomials_of_spheres_are_inside_their_balls(dim, bits):
    degrees = [0, 1, 2, 7, 40, 61]
    # at the ends errors grow most
    centres = [fmpq(1), fmpq(999_999, 10**6), fmpq(97, 100), fmpq(2, 3), fmpq(1, 7), fmpq(0)]
    for radius in (fmpq(0), fmpq(1, 2**20)):
        units = []
        with precision(400):
            points = [arb(t) + arb(0, 1) * arb(radius * i) for i, t in enumerate(centres)]
            found = table(SphereLaw(dim).polynomials(degrees, points, bits), len(points))
            for k, row in zip(degrees, found, strict=True):
                for i, (t, ball) in enumerate(zip(centres, row, strict=True)):
                    # all of the points that the ball of a point holds
                    for moved in (t, t - radius * i, min(t + radius * i, fmpq(1))):
                        assert ball.contains(arb(exact(dim, k, moved))), (k, t)
                    assert float(ball.rad()) <= k * k * (5.01 * float(arb(radius)) + 2.01 * 2.0**-bits)
                    units.append(abs(float((ball.mid() - arb(exact(dim, k, t))) * arb(2) ** bits)))
        # the steps do lose more than the last place of the result
        assert max(units) > 2


def test_polynomials_of_two_points_are_exact():
    found = table(SphereLaw(1).polynomials([0, 1], [arb(1)], 64), 1)
    assert [[x.is_exact() and x == 1 for x in row] for row in found] == [[True], [True]]


def krawtchouk(bits: int, degree: int, i: int) -> Fraction:
    """The mean product of ``degree`` signs out of ``bits`` of which ``i`` are negative."""
    total = sum((-1) ** j * comb(i, j) * comb(bits - i, degree - j) for j in range(min(i, degree) + 1))
    return Fraction(total, comb(bits, degree))


@pytest.mark.parametrize("bits", [1, 2, 7, 40])
def test_polynomials_of_cubes_are_correct_to_all_bits(bits):
    law, degrees = CubeLaw(bits), list(range(bits + 1))
    with precision(100):
        points, masses = law.points(0, 100)
        found = table(law.polynomials(degrees, points, 100), len(points))
        assert len(points) == bits // 2 + 1 and 2 * sum(masses) == 1
        for k, row in zip(degrees, found):
            for i, ball in enumerate(row):
                value = krawtchouk(bits, k, i)
                assert ball.contains(arb(fmpq(value.numerator, value.denominator)))
                assert ball.is_exact() or ball.rel_accuracy_bits() > 95


@pytest.mark.parametrize(
    "law", [SphereLaw(1), SphereLaw(2), SphereLaw(3), SphereLaw(10), CubeLaw(6), CubeLaw(7)], ids=str
)
def test_rules_and_polynomials_are_orthogonal(law):
    """With the mirror images: products of degrees of different parity vanish, those of equal ones do by the rule."""
    degrees = [0, 1] if law == SphereLaw(1) else list(range(7))
    with precision(200):
        points, masses = law.points(60, 200)
        polynomials = law.polynomials(degrees, points, 200)
        values = table(polynomials, len(points))
        ahead = [[m * row[i] for row in values] for i, m in enumerate(masses)]
        behind = [[(-1) ** k * x for k, x in zip(degrees, line)] for line in ahead]
        gram = polynomials.sums(ahead, behind).tolist()
        for i, k in enumerate(degrees):
            for j in range(len(degrees)):
                expected = arb(1) / law.multiplicity(k) if i == j else arb(0)
                assert abs(gram[i][j] - expected) < 1e-40, (i, j)


@pytest.mark.parametrize("dim", [2, 3, 10])
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_likely_sizes_are_below_those_of_rectifiers_and_not_far(dim, kernel):
    for degree in (2, 4, 50, 200):
        value = es.eigenvalue(es.mlp(dim, 2), degree, kernel)
        assert 0 < value.log10 / log10(2) - SphereLaw(dim).likely_log2(degree) < 50
