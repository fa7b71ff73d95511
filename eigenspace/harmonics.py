"""Facts of one sphere: multiplicities, Gegenbauer polynomials, moments of monomials.

``dim`` is the dimension of the ambient space, so the sphere is :math:`S^{dim-1}`; ``dim = 1`` is the two-point sphere
{-1, +1} and ``dim = 2`` the circle.  All measures are uniform probability measures.
"""

from collections.abc import Iterator
from math import comb

import numpy as np

from . import _check


def multiplicity(dim: int, degree: int) -> int:
    r"""Number of linearly independent spherical harmonics of a degree.

    .. math:: N(s, k) = \binom{s+k-1}{k} - \binom{s+k-3}{k-2}

    [AtkinsonHan2012, eq. 2.10]; ``N(1, 0) = N(1, 1) = 1`` and 0 beyond.

    >>> [multiplicity(3, k) for k in range(4)], multiplicity(12, 4), multiplicity(1, 2)
    ([1, 3, 5, 7], 1287, 0)
    """
    dim = _check.positive_integer("dim", dim)
    degree = _check.nonnegative_integer("degree", degree)
    return comb(dim + degree - 1, degree) - (comb(dim + degree - 3, degree - 2) if degree >= 2 else 0)


def multiplicities(dim: int, degree: int) -> list[int]:
    """Those of `multiplicity` up to a degree, each binomial coefficient from the one before.

    >>> multiplicities(3, 3)
    [1, 3, 5, 7]
    """
    binomials = [1]
    for k in range(1, degree + 1):
        binomials.append(binomials[-1] * (dim + k - 1) // k)
    return [b - (binomials[k - 2] if k >= 2 else 0) for k, b in enumerate(binomials)]


def gegenbauer(dim: int, degree: int, t):
    r"""Gegenbauer polynomial :math:`P_k` of a sphere, normalised to :math:`P_k(1) = 1`, at the points ``t``.

    .. math:: (k + s - 2) P_{k+1}(t) = (2k + s - 2)\, t\, P_k(t) - k P_{k-1}(t)

    [AtkinsonHan2012, eq. 2.86].  ``t`` may be an array, a SymPy expression or any number; the result is of its kind.
    Cost: ``O(degree)`` operations on ``t``.

    >>> float(gegenbauer(3, 2, 0.5))
    -0.125
    """
    *_, last = gegenbauers(dim, degree, t)
    return last


def gegenbauers(dim: int, degree: int, t) -> Iterator:
    """The polynomials of all degrees up to ``degree`` in turn, by the recurrence of `gegenbauer`.

    >>> [float(p) for p in gegenbauers(3, 3, 0.5)]
    [1.0, 0.5, -0.125, -0.4375]
    """
    dim = _check.positive_integer("dim", dim)
    degree = _check.nonnegative_integer("degree", degree)
    if isinstance(t, (list, tuple)):
        t = np.asarray(t, dtype=float)
    before, current = t * 0 + 1, t
    yield before
    for k in range(1, degree + 1):
        yield current
        if k == degree:
            return
        if dim == 1:  # P_2 = 1 = P_0 on two points
            before, current = current, before
        elif dim == 2:
            before, current = current, 2 * t * current - before
        else:
            before, current = current, ((2 * k + dim - 2) * t * current - k * before) / (k + dim - 2)


def monomial_moment(dim: int, degree: int, power: int):
    r"""Exact moment of a monomial against a Gegenbauer polynomial, as a :class:`fractions.Fraction`.

    .. math::

        m(r, n) = E[t^n P_r(t)] = \frac{n!}{\prod_{l=1}^{i} 2l \, \prod_{l=0}^{i+r-1} (s + 2l)}, \qquad n = r + 2i,

    and 0 where :math:`n < r` or the parities differ [Smola2001; AzevedoMenegatto2014].  Never negative: this is why no
    eigenvalue of the package ever suffers a cancellation.

    >>> monomial_moment(3, 0, 2), monomial_moment(3, 2, 4), monomial_moment(5, 3, 2)
    (Fraction(1, 3), Fraction(4, 35), Fraction(0, 1))
    """
    from fractions import Fraction
    from math import factorial, prod

    dim = _check.positive_integer("dim", dim)
    degree = _check.nonnegative_integer("degree", degree)
    power = _check.nonnegative_integer("power", power)
    if power < degree or (power - degree) % 2:
        return Fraction(0)
    i = (power - degree) // 2
    below = prod(2 * j for j in range(1, i + 1)) * prod(dim + 2 * j for j in range(i + degree))
    return Fraction(factorial(power), below)


def zonal_harmonic(dim: int, degree: int, t):
    r"""The normalised zonal harmonic :math:`N(s,k)^{1/2} P_k(t)` at correlations ``t`` with its pole, as float64.

    These are the orthonormal polynomials of the law of ``t``, hence [AtkinsonHan2012, eqs. 2.86 and 2.10]

    .. math:: b_{k+1} \tilde P_{k+1} = t \tilde P_k - b_k \tilde P_{k-1}, \qquad
              b_k^2 = \frac{k (k + s - 3)}{(2k + s - 2)(2k + s - 4)}, \quad b_1^2 = \frac1s;

    no multiplicity is formed, so that nothing overflows.  Zero beyond degree 1 for ``dim = 1``.  Cost: ``O(degree)``
    operations on ``t``.

    >>> round(float(zonal_harmonic(3, 2, 1.0)) ** 2, 12)        # the multiplicity, where t = 1
    5.0
    """
    dim = _check.positive_integer("dim", dim)
    degree = _check.nonnegative_integer("degree", degree)
    t = np.asarray(t, dtype=float)
    before, current, below = np.zeros_like(t), np.ones_like(t), 0.0
    for k in range(1, degree + 1):
        square = 1 / dim if k == 1 else k * (k + dim - 3) / ((2 * k + dim - 2) * (2 * k + dim - 4))
        if square == 0:  # two points carry no degree 2
            return np.zeros_like(t)
        above = square**0.5
        before, current, below = current, (t * current - below * before) / above, above
    return current
