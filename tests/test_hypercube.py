"""Cubes of many bits: eigenvalues against exact sums, multiplicities, and the moments behind them."""

from fractions import Fraction
from math import comb, factorial

import pytest

from eigenspace.rings import FLOAT, ball
from eigenspace.rings.floats import LOWER, MAJORANT, UPPER
from eigenspace.zonal import CubeLaw


def exact_moment(bits, power, degree):
    """E[t^n P_k] by the definition: t the mean of ``bits`` signs, P_k the mean of the products of k of them."""
    total = Fraction(0)
    for minus in range(bits + 1):
        products = sum((-1) ** j * comb(minus, j) * comb(bits - minus, degree - j) for j in range(degree + 1))
        total += Fraction(comb(bits, minus), 2**bits) * Fraction(bits - 2 * minus, bits) ** power * products
    return total / comb(bits, degree)


@pytest.mark.parametrize("bits", [2, 3, 7])
def test_moments_of_the_mean_of_bits(bits):
    degrees, size = [0, 1, 2, bits], 12
    floats, balls = CubeLaw(bits).rows(FLOAT, degrees, size), CubeLaw(bits).rows(ball(128), degrees, size)
    read = lambda channel, i, n: Fraction(float(floats.mantissa[channel, i, n])) * Fraction(2) ** int(
        floats.exponent[channel, i, n]
    )
    for i, degree in enumerate(degrees):
        for n in range(size):
            exact = exact_moment(bits, n, degree) / factorial(n)
            assert read(LOWER, i, n) <= exact <= read(UPPER, i, n) <= read(LOWER, i, n) * (1 + Fraction(1, 2**48))
            assert balls.values[i][n].contains(exact.numerator / balls.values[i][n].parent()(exact.denominator)) if (
                hasattr(balls.values[i][n], "parent")
            ) else abs(float(balls.values[i][n]) - float(exact)) <= 1e-15 * float(exact)
            later = max(exact_moment(bits, m, degree) for m in range(n, size + 12)) / factorial(n)
            assert later <= read(MAJORANT, i, n) and float(later) <= float(balls.majorants[i][n]) * (1 + 1e-15)
