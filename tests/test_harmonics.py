"""Facts of one sphere against counts, exact integrals and quadrature."""

from fractions import Fraction
from functools import lru_cache
from math import comb

import mpmath
import numpy as np
import pytest
import sympy

from eigenspace.harmonics import gegenbauer, monomial_moment, multiplicities, multiplicity

DIMS = (1, 2, 3, 4, 7, 30)


@lru_cache
def rule(dim):
    """Points and weights of the law of the correlation of two uniform points; integrates polynomials of degree < 60."""
    if dim == 1:
        return np.array([1.0, -1.0]), np.full(2, 0.5)
    if dim == 2:
        return np.cos((np.arange(64) + 0.5) * np.pi / 64), np.full(64, 1 / 64)
    x, w = np.polynomial.legendre.leggauss(120)
    angles, w = (x + 1) * np.pi / 2, w * np.sin((x + 1) * np.pi / 2) ** (dim - 2)
    return np.cos(angles), w / w.sum()


# multiplicities


def test_multiplicities_of_known_spheres():
    assert [multiplicity(1, k) for k in range(5)] == [1, 1, 0, 0, 0]
    assert [multiplicity(2, k) for k in range(5)] == [1, 2, 2, 2, 2]
    assert [multiplicity(3, k) for k in range(5)] == [1, 3, 5, 7, 9]
    assert [multiplicity(4, k) for k in range(5)] == [1, 4, 9, 16, 25]
    assert all(multiplicity(s, 0) == 1 and multiplicity(s, 1) == s for s in range(1, 50))


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 12, 100])
def test_multiplicities_have_the_generating_function(dim):
    # (1 + x) / (1 - x)**(s - 1): coefficients C(n + s - 2, s - 2) and their neighbours
    coefficient = lambda n: comb(n + dim - 2, dim - 2) if n >= 0 else 0
    assert [multiplicity(dim, k) for k in range(30)] == [coefficient(k) + coefficient(k - 1) for k in range(30)]
    assert multiplicities(dim, 29) == [multiplicity(dim, k) for k in range(30)]


def test_harmonics_fill_the_homogeneous_polynomials():
    # on the sphere a polynomial of degree n is a sum of harmonics of degrees n, n - 2, ...
    for dim in (1, 2, 3, 6, 11):
        for n in range(12):
            assert sum(multiplicity(dim, k) for k in range(n % 2, n + 1, 2)) == comb(n + dim - 1, dim - 1)


def test_multiplicity_of_a_huge_space_is_an_exact_integer():
    value = multiplicity(10**6, 1000)
    assert isinstance(value, int) and value == (2 * 1000 + 10**6 - 2) * comb(1000 + 10**6 - 3, 999) // 1000


# Gegenbauer polynomials


@pytest.mark.parametrize("dim", DIMS)
def test_gegenbauer_is_one_at_one_and_has_its_parity(dim):
    t = np.linspace(-1, 1, 41) if dim > 1 else np.array([-1.0, 1.0])
    for k in range(12):
        values = gegenbauer(dim, k, t)
        assert values[-1] == pytest.approx(1.0, abs=1e-12)
        assert np.allclose(values[::-1], (-1) ** k * values, atol=1e-12)
        assert np.all(np.abs(values) <= 1 + 1e-12)


@pytest.mark.parametrize("dim", DIMS)
def test_gegenbauer_polynomials_are_orthogonal_of_norm_one_over_multiplicity(dim):
    t, w = rule(dim)
    values = np.array([gegenbauer(dim, k, t) for k in range(2 if dim == 1 else 15)])
    norms = [1 / multiplicity(dim, k) for k in range(len(values))]
    assert np.allclose((values * w) @ values.T, np.diag(norms), atol=1e-13, rtol=0)
    assert np.allclose((values**2) @ w, norms, rtol=1e-9 if dim < 30 else 1e-3)


def test_gegenbauer_of_the_circle_and_of_two_points():
    angle = np.linspace(0, np.pi, 17)
    for k in range(9):
        assert np.allclose(gegenbauer(2, k, np.cos(angle)), np.cos(k * angle), atol=1e-13)
        assert gegenbauer(1, k, np.array([-1.0, 1.0])).tolist() == [(-1.0) ** k, 1.0]


@pytest.mark.parametrize("dim", [3, 4, 9])
def test_gegenbauer_against_mpmath(dim):
    for k in (0, 1, 2, 5, 20):
        for t in ("-0.83", "0.2", "0.97"):
            with mpmath.workdps(30):
                half = mpmath.mpf(dim) / 2 - 1
                value = mpmath.gegenbauer(k, half, mpmath.mpf(t)) / mpmath.gegenbauer(k, half, 1)
                assert abs(gegenbauer(dim, k, mpmath.mpf(t)) - value) < 1e-25


def test_gegenbauer_keeps_the_kind_of_its_argument():
    t = sympy.Symbol("t")
    assert sympy.expand(gegenbauer(3, 2, t) - (3 * t**2 - 1) / 2) == 0
    assert gegenbauer(3, 4, Fraction(1, 2)) == Fraction(-37, 128)
    assert gegenbauer(5, 0, np.zeros((2, 3))).shape == (2, 3)
    assert gegenbauer(3, 1, [0.5, 0.25]).tolist() == [0.5, 0.25]


# moments


def polynomial(dim, k):
    """Exact coefficients of P_k, lowest first."""
    t = sympy.Symbol("t")
    poly = sympy.Poly(sympy.expand(gegenbauer(dim, k, t) + 0 * t), t)
    return [Fraction(int(c.p), int(c.q)) for c in reversed(poly.all_coeffs())]


def even_moment(dim, n):
    """E[t^n] on the sphere: (n-1)!! / (s (s+2) ... (s+n-2)), from the moments of a Gaussian vector."""
    value = Fraction(1)
    for j in range(0, n, 2):
        value *= Fraction(j + 1, dim + j)
    return value if n % 2 == 0 else Fraction(0)


@pytest.mark.parametrize("dim", [2, 3, 4, 7, 30])
def test_monomial_moments_are_exact_integrals(dim):
    for r in range(8):
        coefficients = polynomial(dim, r)
        for n in range(14):
            value = sum(c * even_moment(dim, n + i) for i, c in enumerate(coefficients))
            assert monomial_moment(dim, r, n) == value, (r, n)


def test_monomial_moments_of_the_ordinary_sphere_by_integration():
    # S^2: t is uniform on [-1, 1]
    for r in range(7):
        for n in range(12):
            value = sum(c * Fraction(1 - (-1) ** (n + i + 1), 2 * (n + i + 1)) for i, c in enumerate(polynomial(3, r)))
            assert monomial_moment(3, r, n) == value


@pytest.mark.parametrize("dim", DIMS)
def test_monomial_moments_by_quadrature(dim):
    t, w = rule(dim)
    for r in range(2 if dim == 1 else 10):
        for n in range(15):
            value = np.sum(w * t**n * gegenbauer(dim, r, t))
            assert float(monomial_moment(dim, r, n)) == pytest.approx(value, abs=1e-14)


def test_monomials_are_the_sum_of_their_moments():
    # t^n = sum_r N(s, r) m(r, n) P_r(t), at t = 1
    for dim in (1, 2, 3, 8, 1000):
        for n in range(12):
            assert sum(multiplicity(dim, r) * monomial_moment(dim, r, n) for r in range(n + 1)) == 1


def test_moments_vanish_below_the_degree_and_in_the_other_parity():
    for r in range(6):
        for n in range(12):
            value = monomial_moment(5, r, n)
            assert isinstance(value, Fraction)
            assert (value == 0) == (n < r or (n - r) % 2 == 1) and value >= 0


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: multiplicity(0, 1), ValueError, ("dim", "0")),
        (lambda: multiplicity(3, -1), ValueError, ("degree", "-1")),
        (lambda: multiplicity(3.0, 1), TypeError, ("dim", "3.0")),
        (lambda: gegenbauer(3, 1.5, 0.1), TypeError, ("degree", "1.5")),
        (lambda: gegenbauer(-2, 1, 0.1), ValueError, ("dim", "-2")),
        (lambda: monomial_moment(3, 1, -1), ValueError, ("power", "-1")),
        (lambda: monomial_moment(3, True, 1), TypeError, ("degree", "True")),
    ],
)
def test_bad_input(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
