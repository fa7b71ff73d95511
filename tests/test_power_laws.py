"""Exponents against slopes of risks of pure power spectra, by a solver that shares nothing with the package."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from scipy.optimize import brentq

import eigenspace as es

#: frequencies that exist, in bins of equal logarithmic width
EDGES = np.exp(np.arange(0, np.log(1e9), 1 / 40))
FREQUENCY, WIDTH = np.sqrt(EDGES[1:] * EDGES[:-1]), np.diff(EDGES)


def part(dim, decay, target=None):
    """Eigenvalues, their numbers, and the power of the target: k^-decay, k^(dim-1) and k^(-1-target)."""
    power = 0 * WIDTH if target is None else FREQUENCY ** (-1.0 - target) * WIDTH
    return FREQUENCY ** -float(decay), FREQUENCY ** (dim - 1.0) * WIDTH, power


def slope(parts, dim):
    """Minus the slope of the risk between 300 and 3000 learned frequencies in ``dim`` dimensions."""
    value, count, power = np.concatenate(parts, axis=1)
    samples, risk = np.geomspace(300.0**dim / dim, 3000.0**dim / dim, 7), []
    for n in samples:
        ridge = np.exp(brentq(lambda x, n=n: np.sum(count * value / (value + np.exp(x))) / n - 1, -200, 50, xtol=1e-13))
        missed = ridge / (value + ridge)
        risk.append(n / (n - np.sum(count * (1 - missed) ** 2)) * np.sum(missed**2 * power))
    return -np.polyfit(np.log(samples), np.log(risk), 1)[0]


@pytest.mark.parametrize("dim, smoothness", [(2, 0.5), (2, 3), (3, 2), (3, 4), (5, 1.5), (5, 6.5), (8, 9)])
def test_kernel_of_a_sphere(dim, smoothness):
    """Eigenvalues k^-dim and power k^(-2 nu - dim + 1) of each harmonic [Petrini2022]."""
    beta = es.exponents("lazy", dim=dim, smoothness=smoothness).beta
    assert slope([part(dim - 1, dim, 2 * smoothness)], dim - 1) == pytest.approx(float(beta), rel=0.005)


@pytest.mark.parametrize("small, large, teacher, student", [(1, 2, 1, 1), (2, 4, 1, 1), (2, 3, 9, 1), (1, 3, 20, 1)])
def test_teachers_of_small_patches(small, large, teacher, student):
    """Power k^(-small - teacher) on the k^(small - 1) modes of the teacher's patch alone [Favero2021]."""
    law = es.exponents("local", teacher_patch=small, student_patch=large, teacher=teacher, student=student)
    assert slope([part(large, large + student, teacher)], large) == pytest.approx(float(law.beta), rel=0.005)


@pytest.mark.parametrize(
    "patches, level, smoothness, singularity",
    [((2, 2), 1, 0.5, 0.5), ((2, 2), 1, 1, 0.5), ((3, 2), 1, 1, 0.5), ((3, 2), 1, 1, 1.5), ((2, 2, 2), 1, 1, 0.5),
     ((3, 2), 1, 9, 0.5), ((3, 2), 2, 1, 0.5)],
)  # fmt: skip
def test_deep_networks_learn_meta_patches_of_all_levels(patches, level, smoothness, singularity):
    law = es.exponents("deep_cnn", patches=patches, level=level, smoothness=smoothness, singularity=singularity)
    sizes = (patches[0] - 1) * np.cumprod((1, *patches[1:]))
    parts = [part(size, size + 2 * singularity, 2 * smoothness if number == level else None)
             for number, size in enumerate(sizes, start=1)]  # fmt: skip
    assert slope(parts, sizes[-1]) == pytest.approx(float(law.beta), rel=0.02)


def test_a_level_is_a_part_of_the_network():
    m = sympy.Symbol("m", positive=True)
    top = es.exponents("deep_cnn", patches=(2, 2, 2), smoothness=m)
    assert top.beta == es.exponents("deep_cnn", patches=(2, 2, 2), smoothness=m, level=3).beta
    first = es.exponents("deep_cnn", patches=(2, 2, 2), smoothness=m, level=1).beta
    assert sympy.simplify(first - sympy.Rational(5, 8) * sympy.Min(2 * m, 4)) == 0
    # deeper than needed is slower, but faster than a target of the next level
    betas = [es.exponents("deep_cnn", patches=(2, 2, 2), smoothness=1, level=level).beta for level in (1, 2, 3)]
    assert betas == [Fraction(5, 4), Fraction(5, 6), Fraction(1, 2)]
    assert betas[0] < es.exponents("deep_cnn", patches=(2, 2), smoothness=1, level=1).beta < 2


def test_data_of_one_dimension():
    assert es.exponents("teacher_student", dim=1, target=2, kernel=1).beta == 2
    fit = es.exponents("teacher_student", dim=1, target=2, kernel=1).fit()
    assert fit.beta == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: es.exponents("ranks", eigenvalues=2, powers=0.5), "powers must be above 1"),
        (lambda: es.exponents("ranks", eigenvalues=1, powers=2), "eigenvalues must be above 1"),
        (lambda: es.exponents("deep_cnn", patches=(2, 2), smoothness=1, level=3), "level must be at most the number"),
        (lambda: es.exponents("deep_cnn", patches=(2, 2), smoothness=1, level=0), "level must be"),
        (lambda: es.exponents("deep_cnn", patches=(2, 2), smoothness=1, level=1).fit(), "must be an integer for a fit"),
        (lambda: es.exponents("feature", dim=1, smoothness=1), "dim must be at least 2"),
    ],
)
def test_wrong_parameters(call, message):
    with pytest.raises(ValueError, match=message):
        call()
