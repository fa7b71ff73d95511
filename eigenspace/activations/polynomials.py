r"""Polynomial activations: their duals are polynomials with rational coefficients.

Over the Hermite polynomials :math:`He_k`, which are orthogonal under the normal law with :math:`E[He_k^2] = k!`, a
polynomial :math:`\varphi(z) = \sum_n c_n z^n` has the coefficients :math:`b_k`, and its dual the coefficients
:math:`a_k`, normalised to the sum 1,

.. math:: b_k = \sum_i \frac{(k + 2i)!}{2^i\, i!\, k!}\, c_{k+2i}, \qquad
          a_k = \frac{k!\, b_k^2}{\sum_l l!\, b_l^2}, \qquad \varphi^*(t) = \sum_k a_k t^k

[Daniely2016].  All of them are fractions, so that every eigenvalue of a network of such activations is one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import factorial
from numbers import Integral, Rational, Real

import numpy as np

from .. import _check
from .._constants import constant, product
from ..errors import UnsupportedError
from .base import Activation, named_at

#: largest degree of a polynomial activation
_MOST_DEGREE = 1000


@dataclass(frozen=True, repr=False)
class Identity(Activation):
    r"""The identity: :math:`\varphi^*(t) = t`, :math:`(\varphi^*)'(t) = 1`: a linear layer."""

    name = "identity"
    is_analytic = True
    keeps_angle = True
    dual_coefficients = (Fraction(0), Fraction(1))

    def dual(self, t):
        """``t`` itself."""
        import sympy

        return sympy.sympify(t)

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations."""
        t = np.asarray(t, dtype=float)
        return t, np.ones_like(t)

    def on_ball(self, t):
        """Dual and derivative dual at a ball."""
        return t, type(t)(1)

    def on_series(self, g):
        """Dual and derivative dual of a series."""
        return g, g * 0 + 1

    def hermite(self, order: int) -> list:
        """Exact Hermite coefficients: 1 at the first, 0 at all others."""
        import sympy

        return [sympy.Integer(int(n == 1)) for n in range(_check.nonnegative_integer("order", order) + 1)]

    def _at_variance(self, variance):
        return self, variance

    def formula(self, z):
        """``z`` itself."""
        import sympy

        return sympy.sympify(z)


#: a linear layer
identity = Identity()


@dataclass(frozen=True, repr=False)
class Polynomial(Activation):
    r"""A polynomial, known by its Hermite coefficients and those of its dual: made by `polynomial`, `monomial` or
    `hermite`.

    .. math:: \varphi^*(t) = \sum_{k=0}^n a_k t^k, \qquad (\varphi^*)'(t) = \sum_{k=1}^n k\, a_k t^{k-1}, \qquad
              a_k \ge 0, \quad \sum_k a_k = 1

    ``on_ball`` and ``on_series`` also take exact numbers (``flint.fmpq``) and polynomials (``flint.fmpq_poly``).
    """

    #: the name at unit variance
    label: str
    #: the coefficients ``b_k`` over the Hermite polynomials at unit variance, before the activation is normalised
    projections: tuple[Fraction, ...]
    #: square of the factor between ``projections`` and the activation as its users write it
    unit: Fraction = Fraction(1)
    #: variance of the pre-activations
    variance: Fraction = Fraction(1)

    citations = ("Daniely2016",)
    is_analytic = True

    @property
    def name(self) -> str:
        """As one types it, with the variance if that is not 1."""
        return named_at(self.label, self.variance)

    @cached_property
    def dual_coefficients(self) -> tuple[Fraction, ...]:
        """The coefficients ``a_k`` of the dual."""
        return tuple(square / self._square_norm for square in self._squares)

    @cached_property
    def _square_norm(self) -> Fraction:
        return sum(self._squares)

    @cached_property
    def _squares(self) -> tuple[Fraction, ...]:
        """The numbers ``k! b_k**2`` at the variance."""
        return tuple(
            factorial(k) * b**2 * (self.variance if k % 2 else 1) for k, b in enumerate(self._moved_projections)
        )

    @cached_property
    def _moved_projections(self) -> tuple[Fraction, ...]:
        r"""The coefficients ``b_k`` at the variance ``q``, those of odd ``k`` over :math:`\sqrt q`."""
        if self.variance == 1:
            return self.projections
        return _over([c * self.variance ** (n // 2) for n, c in enumerate(_over(self.projections, -1))])

    def _at_variance(self, variance):
        r"""From :math:`\sum_n c_n z^n` to :math:`\sum_n c_n q^{n/2} z^n`; a monomial stays what it is.

        >>> polynomial((0, 1, 1)).at_variance(Fraction(1, 3))[1], hermite(2).at_variance(Fraction(2))
        (Fraction(2, 3), (eigenspace.hermite(2, variance=2), Fraction(9, 2)))
        """
        powers = [n for n, c in enumerate(_over(self.projections, -1)) if c]
        if len(powers) == 1:
            return self, constant(product, self.unit * self._square_norm, *[variance] * powers[0])
        if not isinstance(variance, Fraction):
            raise UnsupportedError(
                f"{self.name} is known at rational variances of its pre-activations only, got the irrational variance "
                f"{variance!r}; use rational sigma_w and sigma_b below it, and activations with rational variances "
                f"(relu and its relatives, polynomials)"
            )
        moved = replace(self, variance=self.variance * variance)
        return moved, self.unit * moved._square_norm

    @property
    def keeps_angle(self) -> bool:
        """Whether the dual is the identity."""
        return self.dual_coefficients == identity.dual_coefficients

    @cached_property
    def is_nonnegative(self) -> bool:
        """Whether the dual is nowhere negative on [-1, 1]: whether none of its roots there changes its sign.

        It is positive at 1, so that the sign changes first at the largest root of odd multiplicity.

        >>> monomial(2).is_nonnegative, monomial(3).is_nonnegative, polynomial((0, 1, 1)).is_nonnegative
        (True, False, True)
        """
        if not any(self.dual_coefficients[1::2]):
            return True
        from sympy import Symbol

        t = Symbol("t")
        factors = self.dual(t).as_poly(t).sqf_list()[1]
        return not any(f.count_roots(-1, 1) - (f.eval(-1) == 0) for f, multiplicity in factors if multiplicity % 2)

    def dual(self, t):
        """The polynomial itself, with exact coefficients.

        >>> from sympy.abc import t
        >>> monomial(3).dual(t)
        2*t**3/5 + 3*t/5
        """
        import sympy

        t = sympy.sympify(t)
        return sum((sympy.Rational(*a.as_integer_ratio()) * t**k for k, a in enumerate(self.dual_coefficients)), t * 0)

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations."""
        return _horner(self._floats, np.asarray(t, dtype=float))

    def on_ball(self, t):
        """Dual and derivative dual at a ball; the dual is exact at ``t = 1``."""
        value, slope = _horner(self._exact, t)
        return t if t == 1 else value, slope

    def on_series(self, g):
        """Dual and derivative dual of a series."""
        return _horner(self._exact, g)

    def _exact_series(self, order: int) -> list:
        """Coefficients of the dual as SymPy numbers.

        >>> from eigenspace import EXACT
        >>> hermite(2).series(3), monomial(2).series(3, EXACT)
        ([0.0, 0.0, 1.0, 0.0], [1/3, 0, 2/3, 0])
        """
        import sympy

        kept = self.dual_coefficients[: order + 1]
        kept += (Fraction(0),) * (order + 1 - len(kept))
        return [sympy.Rational(*a.as_integer_ratio()) for a in kept]

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients :math:`\operatorname{sign}(b_k) \sqrt{a_k}`.

        >>> polynomial((0, 1, -1)).hermite(3)
        [-1/2, 1/2, -sqrt(2)/2, 0]
        """
        import sympy

        order = _check.nonnegative_integer("order", order)
        signs = [(b > 0) - (b < 0) for b in self._moved_projections] + [0] * (order + 1)
        return [sign * sympy.sqrt(a) for sign, a in zip(signs, self._exact_series(order))]

    def formula(self, z):
        r"""The normalised activation itself, :math:`\sum_n c_n z^n / \sqrt{\sum_k k!\,b_k^2}`.

        >>> from sympy.abc import z
        >>> monomial(2).formula(z), hermite(2).formula(z)
        (sqrt(3)*z**2/3, sqrt(2)*(z**2 - 1)/2)
        """
        import sympy

        z, powers = sympy.sympify(z), _over(self._moved_projections, -1)
        root = sympy.sqrt(sympy.Rational(*self.variance.as_integer_ratio()))
        scale = sympy.sqrt(1 / sympy.Rational(*self._square_norm.as_integer_ratio()))
        terms = (sympy.Rational(*c.as_integer_ratio()) * root ** (n % 2) * z**n for n, c in enumerate(powers))
        return scale * sympy.Add(*terms)

    @cached_property
    def _floats(self) -> list[float]:
        return [float(a) for a in self.dual_coefficients]

    @cached_property
    def _exact(self) -> list:
        from flint import fmpq

        return [fmpq(*a.as_integer_ratio()) for a in self.dual_coefficients]


def _horner(coefficients: list, t) -> tuple:
    """A polynomial and its derivative at ``t``: an array, a ball, an exact number or a power series."""
    slope = t * 0
    value = slope + coefficients[-1]
    for a in coefficients[-2::-1]:
        value, slope = value * t + a, slope * t + value
    return value, slope


def polynomial(coefficients: Iterable) -> Polynomial:
    r"""The activation :math:`\varphi(z) \propto \sum_n c_n z^n`, scaled to :math:`E[\varphi^2] = 1`.

    Parameters
    ----------
    coefficients
        ``c_0, c_1, ...``: integers, fractions, fractions as text (``"1/3"``), or floats whose decimals are their exact
        value (0.25, not 0.1).  At least one beyond the constant is not zero.

    Examples
    --------
    >>> act = polynomial((0, 1, 1))
    >>> act, act.dual_coefficients
    (eigenspace.polynomial((0, 1, 1)), (Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)))
    >>> polynomial([1, "1/3", 0.5])
    eigenspace.polynomial((1, '1/3', '1/2'))
    >>> polynomial((1, 0.1))
    Traceback (most recent call last):
    ...
    ValueError: coefficients must be exact numbers, got 0.1 at position 1; use Fraction('0.1') or '0.1'
    """
    values = _fractions(coefficients)
    text = ", ".join(str(c) if c.denominator == 1 else repr(str(c)) for c in values)
    return Polynomial(f"polynomial(({text}))", _over(values))


@dataclass(frozen=True, repr=False)
class DualPolynomial(Polynomial):
    """A polynomial, known by its dual alone (the ``projections``, before they are normalised): made by
    `dual_polynomial`."""

    @property
    def _square_norm(self) -> Fraction:
        return sum(self.projections)

    @cached_property
    def dual_coefficients(self) -> tuple[Fraction, ...]:
        """The coefficients ``a_k`` of the dual."""
        return tuple(a / self._square_norm for a in self.projections)

    def formula(self, z):
        r"""The activation :math:`\sum_k \sqrt{a_k / k!}\, He_k(z)`.

        >>> from sympy.abc import z
        >>> dual_polynomial((0, 1, 1)).formula(z)
        z**2/2 + sqrt(2)*z/2 - 1/2
        """
        import sympy

        weights = self._exact_series(len(self.projections) - 1)
        he = (sympy.hermite_prob(k, sympy.sympify(z)) for k in range(len(weights)))
        return sympy.expand(sum(sympy.sqrt(a / factorial(k)) * h for k, (a, h) in enumerate(zip(weights, he))))

    # the signs of its Hermite coefficients are not given, and other variances mix them
    _at_variance = Activation._at_variance


def dual_polynomial(coefficients: Iterable) -> DualPolynomial:
    r"""The activation whose dual is :math:`\varphi^*(t) \propto \sum_k a_k t^k`, scaled to :math:`\varphi^*(1) = 1`.

    It is :math:`\varphi = \sum_k \sqrt{a_k / k!}\, He_k` [Daniely2016]: a kernel that is given as a polynomial of the
    correlation is the NNGP kernel of one layer of it.

    Parameters
    ----------
    coefficients
        ``a_0, a_1, ...``, not negative, as for `polynomial`.

    Examples
    --------
    >>> act = dual_polynomial((0, 1, 1, 1))
    >>> act, act.dual_coefficients[3]
    (eigenspace.dual_polynomial((0, 1, 1, 1)), Fraction(1, 3))
    """
    values = _fractions(coefficients)
    for n, a in enumerate(values):
        if a < 0:
            raise ValueError(
                f"coefficients must not be negative, got {a} at position {n}; a kernel has the squares of Hermite "
                f"coefficients there"
            )
    text = ", ".join(str(c) if c.denominator == 1 else repr(str(c)) for c in values)
    return DualPolynomial(f"dual_polynomial(({text}))", tuple(values))


def monomial(n: int) -> Polynomial:
    r"""The activation :math:`\varphi(z) = z^n / \sqrt{(2n-1)!!}`, with ``n`` from 1 to 1000.

    >>> monomial(3).dual_coefficients
    (Fraction(0, 1), Fraction(3, 5), Fraction(0, 1), Fraction(2, 5))
    """
    n = _degree(n)
    return Polynomial(f"monomial({n})", _over([Fraction(0)] * n + [Fraction(1)]))


def hermite(n: int) -> Polynomial:
    r"""The normalised Hermite polynomial :math:`\varphi = He_n / \sqrt{n!}`, with ``n`` from 1 to 1000; its dual is
    :math:`t^n`.

    >>> from sympy.abc import t
    >>> hermite(3).dual(t)
    t**3
    """
    n = _degree(n)
    return Polynomial(f"hermite({n})", (Fraction(0),) * n + (Fraction(1),), Fraction(1, factorial(n)))


def _degree(n) -> int:
    way_out = f"degrees up to {_MOST_DEGREE} are supported; a constant layer, n = 0, learns nothing"
    return _check.integer("n", n, 1, _MOST_DEGREE, way_out)


def _over(coefficients, sign: int = 1) -> tuple[Fraction, ...]:
    r"""From the coefficients over powers to those over Hermite polynomials (see the top of this module).

    With ``sign = -1`` back to powers: :math:`He_n = \sum_i \frac{(-1)^i n!}{2^i i! (n-2i)!} z^{n-2i}`.
    Cost: ``O(n**2)`` fractions.
    """
    size = len(coefficients)
    return tuple(
        sum(
            (
                sign**i * coefficients[n] * (factorial(n) // ((1 << i) * factorial(i) * factorial(k)))
                for i, n in enumerate(range(k, size, 2))
                if coefficients[n]
            ),
            Fraction(0),
        )
        for k in range(size)
    )


def _fractions(coefficients) -> list[Fraction]:
    """The coefficients as fractions, without zeros at the end."""
    if isinstance(coefficients, str | bytes) or not isinstance(coefficients, Iterable):
        raise TypeError(
            f"coefficients must be a sequence of exact numbers, got {coefficients!r}; use (0, 1, 1) for z + z**2"
        )
    values = [_fraction(c, f" at position {n}") for n, c in enumerate(coefficients)]
    while values and not values[-1]:
        values.pop()
    if len(values) < 2:
        raise ValueError(
            f"coefficients must describe a polynomial that is not constant, got {tuple(map(str, values))}; a constant "
            f"layer learns nothing, use (0, 1) for the identity"
        )
    if len(values) > _MOST_DEGREE + 1:
        raise ValueError(
            f"coefficients must be at most {_MOST_DEGREE + 1}, got {len(values)}; use a polynomial of a lower degree"
        )
    return values


def _fraction(c, where: str) -> Fraction:
    if isinstance(c, str):
        try:
            return Fraction(c)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"coefficients must be exact numbers, got {c!r}{where}; use text such as '1/3'") from None
    if isinstance(c, bool) or not isinstance(c, Real):
        raise TypeError(f"coefficients must be exact numbers, got {c!r}{where}; use integers or fractions")
    if isinstance(c, Integral):
        return Fraction(int(c))
    if isinstance(c, Rational):
        return Fraction(int(c.numerator), int(c.denominator))
    number = float(c)
    if not np.isfinite(number) or Fraction(repr(number)) != Fraction(number):
        way_out = f"use Fraction('{number!r}') or '{number!r}'" if np.isfinite(number) else "use a finite number"
        raise ValueError(f"coefficients must be exact numbers, got {c!r}{where}; {way_out}")
    return Fraction(number)
