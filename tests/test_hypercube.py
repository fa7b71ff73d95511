"""Cubes of many bits: moments, eigenvalues and multiplicities against exact sums (see also test_reference.py)."""

from fractions import Fraction
from math import comb, factorial

import pytest

import eigenspace as es
from eigenspace.correlations import CubeLaw
from eigenspace.rings import FLOAT, ball
from eigenspace.rings.floats import LOWER, MAJORANT, UPPER
from eigenspace.verification.calls import read_call


def exact_moment(bits, power, degree):
    """E[t^n P_k] by the definition: t the mean of ``bits`` signs, P_k the mean of the products of k of them."""
    total = Fraction(0)
    for minus in range(bits + 1):
        products = sum((-1) ** j * comb(minus, j) * comb(bits - minus, degree - j) for j in range(degree + 1))
        total += Fraction(comb(bits, minus), 2**bits) * Fraction(bits - 2 * minus, bits) ** power * products
    return total / comb(bits, degree)


def floats(rows, channel, i, n):
    return Fraction(float(rows.mantissa[channel, i, n])) * Fraction(2) ** int(rows.exponent[channel, i, n])


@pytest.mark.parametrize("bits", [2, 3, 7])
def test_moments_of_the_mean_of_bits(bits):
    degrees, size = [0, 1, 2, bits], 12
    rows, balls = CubeLaw(bits).rows(FLOAT, degrees, size), CubeLaw(bits).rows(ball(128), degrees, size)
    for i, degree in enumerate(degrees):
        exact = [exact_moment(bits, n, degree) for n in range(size + 12)]
        for n in range(size):
            value, low, high = exact[n] / factorial(n), floats(rows, LOWER, i, n), floats(rows, UPPER, i, n)
            assert low <= value <= high <= low * (1 + Fraction(1, 2**48))
            assert abs(balls.values[i][n] - float(value)) <= 1e-15 * float(value)
            later = max(exact[n:]) / factorial(n)
            assert later <= floats(rows, MAJORANT, i, n)
            assert float(balls.majorants[i][n]) >= float(later) * (1 - 1e-15)


def test_majorants_of_many_bits_fall():
    rows = CubeLaw(10**4).rows(FLOAT, [0, 1, 4], 60)
    for i in range(3):
        assert floats(rows, MAJORANT, i, 58) * factorial(58) < Fraction(1, 10**70)


def test_it_is_an_mlp_on_bits():
    net, same = es.hypercube(9, 2, activation=es.rbf(0.25)), es.mlp(1, 2, leaves=9, activation=es.rbf(0.25))
    assert net.call == "hypercube(9, 2, activation=rbf(0.25))" and es.hypercube(1000, 2).call == "hypercube(1000, 2)"
    assert es.hypercube(1, 3).call == "hypercube(1, 3)"
    one, two = es.spectrum(net, degree=9), es.spectrum(same, degree=9)
    assert one.values().tolist() == two.values().tolist() and one.multiplicity.tolist() == two.multiplicity.tolist()
    rebuilt, kernel = read_call(one.provenance.call)
    assert rebuilt.call == net.call and kernel == "ntk"
    assert "eigenspace.hypercube(9, 2" in one.provenance.call


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_ten_thousand_bits(kernel):
    table = es.spectrum(es.hypercube(10**4, 2), kernel, degree=30)
    assert table.multiplicity.tolist() == [comb(10**4, l) for l in range(31)]
    assert table.error.max() < 1e-13 and table.values().min() > 0
    # what is listed and what is not make up the trace: no eigenvalue is negative
    assert 0.9 < table.coverage() < 1


def test_all_classes_of_a_cube_make_up_the_trace():
    table = es.spectrum(es.hypercube(300, 2), "nngp", degree=40)
    assert 1 - 1e-3 < table.coverage() <= 1
    whole = es.spectrum(es.hypercube(64, 3), "ntk", degree=64)
    assert whole.coverage() == pytest.approx(1, abs=1e-13)


def test_balls_of_many_bits_hold_the_floats():
    net = es.hypercube(10**4, 2)
    proved, plain = es.spectrum(net, degree=6, ring=ball(128), rtol=1e-30), es.spectrum(net, degree=6)
    assert set(proved.bounds()) == {"proved"} and proved.error.max() <= 1e-30
    for row, other in zip(proved, plain):
        assert float(row.value) == pytest.approx(other.value, rel=other.error + 2e-16)


def test_searches_end():
    net = es.hypercube(10**4, 2)
    above = es.spectrum(net, min_value=1e-14)
    assert above.values().min() >= 1e-14 > es.eigenvalue(net, dict.fromkeys(range(4), 1)).value
    assert len(above) == 4
    many = es.spectrum(net, count=10**6)
    assert sum(many.multiplicity) >= 10**6 > sum(many.multiplicity[:-1])


def test_two_more_bits_never_raise_an_eigenvalue():
    for depth in (1, 2, 4):
        for kernel in ("nngp", "ntk"):
            values = es.spectrum(es.hypercube(40, depth), kernel, degree=40).log10()
            assert all(b <= a for a, b in zip(values, values[2:]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: es.hypercube(0, 2), ["bits", "positive", "0"]),
        (lambda: es.hypercube(2.5, 2), ["bits", "integer", "2.5"]),
        (lambda: es.hypercube(4, 0), ["depth", "0"]),
        (lambda: es.hypercube(4, 1, leaves=3), ["leaves"]),
    ],
)
def test_what_is_no_cube(make, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
