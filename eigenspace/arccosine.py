r"""One rectified layer on one sphere, in closed form: one text for numbers and for symbols.

The dual of a rectifier of order ``n`` (see `eigenspace.activations.rectified`) is :math:`E[\varphi\varphi]` of the ramp
:math:`t_+^n` with its own factor on each parity.  By the Funk-Hecke formula its eigenvalues are squares of
:math:`E[t_+^n P_k]`, and :math:`E[|t|^n P_k]` is the moment of `harmonics.monomial_moment`, continued to all orders:

.. math:: E[u_n P_k] = w_k\,\frac{n!^3}{(2n)!} \Bigl(\frac s2\Bigr)_n\, Q, \qquad
          Q = \left[\frac{\Gamma(\frac s2)}{\Gamma(\frac{n-k}2 + 1)\,\Gamma(\frac{n+k+s}2)}\right]^2

for a sphere of dimension ``s`` [Bach2017; BiettiMairal2019 for ``n`` = 0, 1], where the weight :math:`w_k` is the
share ``c`` of the dual for odd ``k - n`` and ``1 - c`` for even.  The tangent kernel follows by the Laplacian,

.. math:: E[t\,u_n' P_k] = \frac{n^2 + k(k+s-2)}{2n+s-2}\, E[u_n P_k].

``dim`` and ``degree`` are integers of Python, for numbers of the exact ring (``flint.fmpq_poly`` in :math:`1/\pi^2`),
or numbers or symbols of SymPy, for expressions.
"""

from fractions import Fraction
from functools import lru_cache
from math import factorial

#: dimension from which Gamma functions stay as they are: their values have thousands of digits
HUGE = 1000


def rectified_eigenvalue(power: int, share: Fraction, dim, degree, repeats: tuple[int, int] = (1, 0)):
    r"""Eigenvalue of :math:`p\,u_n + q\,t\,u_n'` (see the top of this module) for the pair ``repeats`` of ``p, q``.

    ``(1, 0)`` is the NNGP kernel of a layer of order ``power`` and share ``share``; ``(1 + after, 1 + before)`` its
    NTK, with linear layers after and before it.  No tangent passes a layer of order 0.  Cost: ``O(degree)`` products.

    >>> half = Fraction(1, 2)
    >>> [rectified_eigenvalue(1, half, 3, 2, (1, q)) for q in (0, 1)], rectified_eigenvalue(1, half, 2, 0)
    ([3/128, 5/64], 4*x)
    >>> from sympy.abc import s
    >>> rectified_eigenvalue(1, half, s, 1), rectified_eigenvalue(1, half, s, 3)
    (1/(2*s), 0)
    """
    n, s, k, of = power, dim, degree, _ratios(dim)
    c = of(share)
    if isinstance(k, int):
        weight, square = c if (k - n) % 2 else 1 - c, _square(n, s, k)
    else:
        import sympy

        weight = of(Fraction(1, 2)) + (of(Fraction(1, 2)) - c) * (-1) ** (k - n)
        square = (_gamma(s / 2, s) / sympy.gamma((n - k) / 2 + 1) / sympy.gamma((s + n + k) / 2)) ** 2
    rising = _product([s * of(1) / 2 + i for i in range(n)], of)
    value = weight * of(Fraction(factorial(n) ** 3, factorial(2 * n))) * rising * square
    if not (n and repeats[1]) or value == 0:
        return value * repeats[0]
    factor = repeats[0] + repeats[1] * (n**2 + k * (k + s - 2)) * of(1) / (2 * n + s - 2)
    return value * (factor if isinstance(dim, int) else factor.factor())


@lru_cache(maxsize=8, typed=True)
def rho_square(dim):
    r"""The square of :math:`\rho = E|t| = \Gamma(s/2) / (\sqrt\pi\,\Gamma((s+1)/2))`.

    Rational in odd dimensions, rational over :math:`\pi^2` in even ones:

    .. math:: \rho(2n+1) = \frac1{4^n} \binom{2n}n, \qquad
              \rho(2n+2) = \frac2\pi\, \frac{4^n}{(2n+1) \binom{2n}n}

    >>> rho_square(3), rho_square(4)
    (1/4, 16/9*x)
    """
    if not isinstance(dim, int):
        import sympy

        return (_gamma(dim / 2, dim) / _gamma((dim + 1) / 2, dim)) ** 2 / sympy.pi
    from flint import fmpq, fmpq_poly, fmpz

    n = (dim - 1) // 2
    central = fmpz.bin_uiui(2 * n, n)
    if dim % 2:
        return fmpq_poly([fmpq(central, fmpz(4) ** n) ** 2])
    return fmpq_poly([0, fmpq(2 * fmpz(4) ** n, (2 * n + 1) * central) ** 2])


def _square(n: int, s, k: int):
    r"""The square ``Q`` of the Gamma functions, which are factorials and :math:`\rho` for integer ``n`` and ``k``.

    .. math:: \Gamma(\tfrac12 + j) = \sqrt\pi\,(2j-1)!! / 2^j, \qquad
              \Gamma(\tfrac12 - j) = \sqrt\pi\,(-2)^j / (2j-1)!!
    """
    of = _ratios(s)
    odd = (n + k) % 2
    start = (s + odd) * of(1) / 2
    below = _product([start + i for i in range((n + k) // 2)], of)
    if not odd:
        one = _one(s)
        return one * 0 if k > n else one / (factorial((n - k) // 2) * below) ** 2
    j = (n - k + 1) // 2
    half = _product([of(Fraction(2 * i - 1, 2)) for i in range(1, abs(j) + 1)], of)
    return (1 / half if j > 0 else half) ** 2 / below**2 * rho_square(s)


def _gamma(x, dim):
    """The Gamma function, not evaluated in huge dimensions."""
    import sympy

    return sympy.gamma(x, evaluate=bool(dim.free_symbols) or dim < HUGE)


def _ratios(dim):
    """What makes a ratio of the kind that goes with a dimension."""
    if isinstance(dim, int):
        from flint import fmpq

        return lambda x: fmpq(x.numerator, x.denominator)
    import sympy

    return lambda x: sympy.Rational(x.numerator, x.denominator)


def _one(dim):
    """The number 1 among the results for a dimension."""
    if isinstance(dim, int):
        from flint import fmpq_poly

        return fmpq_poly([1])
    import sympy

    return sympy.S.One


def _product(factors: list, of):
    """The product, at once where SymPy sorts the factors."""
    if factors and hasattr(factors[0], "free_symbols"):
        import sympy

        return sympy.Mul(*factors)
    total = of(1)
    for x in factors:
        total = total * x
    return total
