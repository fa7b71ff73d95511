r"""One rectified layer on one sphere, in closed form.

For the arc-cosine kernels :math:`\kappa_0(t) = 1 - \arccos(t)/\pi` and :math:`\kappa_1(t) = \int_{-1}^t \kappa_0`, by
the expectations of the step and of the ramp against Gegenbauer polynomials [Bach2017; BiettiMairal2019],

.. math::

    E[\kappa_0 P_0] &= \tfrac12, & E[\kappa_0 P_{2m+1}] &=
    \frac{\rho^2}2 \Bigl( \frac{(2m-1)!!}{\prod_{i<m} (s + 1 + 2i)} \Bigr)^2, \\
    E[\kappa_1 P_0] &= \frac{s \rho^2}2, \quad E[\kappa_1 P_1] = \frac1{2s}, & E[\kappa_1 P_{2m+2}] &=
    \frac{s \rho^2}2 \Bigl( \frac{(2m-1)!!}{\prod_{i \le m} (s + 1 + 2i)} \Bigr)^2,

and 0 for all other degrees, where :math:`s` is the dimension and

.. math:: \rho = E|t| = \frac{\Gamma(s/2)}{\sqrt\pi\, \Gamma((s+1)/2)}.

``dim`` is an integer, for numbers of the exact ring, or a SymPy symbol, for expressions.
"""

from functools import lru_cache
from math import prod


@lru_cache(maxsize=8)
def rho_square(dim):
    r"""The square of :math:`E|t|`: rational in odd dimensions, rational over :math:`\pi^2` in even ones.

    .. math:: \rho(2n+1) = \frac1{4^n} \binom{2n}n, \qquad
              \rho(2n+2) = \frac2\pi\, \frac{4^n}{(2n+1) \binom{2n}n}

    >>> rho_square(3), rho_square(4)
    (1/4, 16/9*x)
    """
    if not isinstance(dim, int):
        import sympy

        return sympy.gamma(dim / 2) ** 2 / (sympy.pi * sympy.gamma((dim + 1) / 2) ** 2)
    from flint import fmpq, fmpq_poly, fmpz

    n = (dim - 1) // 2
    central = fmpz.bin_uiui(2 * n, n)
    if dim % 2:
        return fmpq_poly([fmpq(central, fmpz(4) ** n) ** 2])
    return fmpq_poly([0, fmpq(2 * fmpz(4) ** n, (2 * n + 1) * central) ** 2])


def step_parts(dim, degree: int) -> tuple:
    r"""The eigenvalue :math:`E[\kappa_0 P_k] = a + b \rho^2` as the pair of rational functions ``(a, b)``.

    >>> step_parts(3, 0), step_parts(3, 3), step_parts(3, 4)
    ((1/2, 0), (0, 1/32), (0, 0))
    """
    one = _one(dim)
    if degree == 0:
        return one / 2, one * 0
    m, odd = divmod(degree, 2)
    return one * 0, _odd_ratio(dim, m, m) ** 2 / 2 if odd else one * 0


def ramp_parts(dim, degree: int) -> tuple:
    r"""The eigenvalue :math:`E[\kappa_1 P_k] = a + b \rho^2` as the pair of rational functions ``(a, b)``.

    >>> ramp_parts(3, 1), ramp_parts(3, 2), ramp_parts(3, 3)
    ((1/6, 0), (0, 3/32), (0, 0))
    >>> from sympy.abc import s
    >>> ramp_parts(s, 2)
    (0, s/(2*(s + 1)**2))
    """
    one = _one(dim)
    if degree == 1:
        return one / (2 * dim), one * 0
    half, odd = divmod(degree, 2)
    return one * 0, one * 0 if odd else _odd_ratio(dim, half - 1, half) ** 2 * dim / 2


def relu_eigenvalue(kernel: str, dim, degree: int, before: int = 0, after: int = 0):
    r"""Eigenvalue of one rectified layer on one sphere, with linear layers before and after it.

    .. math:: K = \kappa_1(t), \qquad T = (1 + after)\, \kappa_1(t) + (1 + before)\, t\, \kappa_0(t), \\
              E[t\, \kappa_0 P_k] = \frac{k}{2k + s - 2} E[\kappa_0 P_{k-1}]
              + \frac{k + s - 2}{2k + s - 2} E[\kappa_0 P_{k+1}]

    ``kernel`` is ``"nngp"`` or ``"ntk"``.  The result is a polynomial in :math:`1/\pi^2` (``flint.fmpq_poly``), or a
    SymPy expression.  Cost: ``O(degree)`` products.

    >>> [relu_eigenvalue(kernel, 3, 2) for kernel in ("nngp", "ntk")], relu_eigenvalue("nngp", 2, 0)
    ([3/128, 5/64], 4*x)
    """
    parts = [(1, ramp_parts(dim, degree))]
    if kernel == "ntk":
        one, k = _one(dim), degree
        parts = [(1 + after, parts[0][1])]
        if k == 0:
            parts.append((1 + before, step_parts(dim, 1)))
        else:
            parts.append(((1 + before) * k * one / (2 * k + dim - 2), step_parts(dim, k - 1)))
            parts.append(((1 + before) * (k + dim - 2) * one / (2 * k + dim - 2), step_parts(dim, k + 1)))
    rational, square = (sum(weight * pair[i] for weight, pair in parts) for i in (0, 1))
    return rational + square * rho_square(dim) if square else rational + 0 * rho_square(dim)


def _odd_ratio(dim, m: int, count: int):
    """``(2m - 1)!!`` over the product of ``dim + 1 + 2i``, ``i < count``."""
    return _one(dim) * prod(range(1, 2 * m, 2)) / prod(dim + 1 + 2 * i for i in range(count))


def _one(dim):
    """The number 1 of the kind that goes with a dimension."""
    if isinstance(dim, int):
        from flint import fmpq

        return fmpq(1)
    import sympy

    return sympy.S.One
