"""Smooth activations: the Gaussian kernel and its relatives."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .. import _check
from .._constants import Constant, ball, constant, expression, product
from .base import Activation, named_at, typed


class ExponentialDual(Activation):
    r"""An activation whose dual is :math:`e^{-\rho(1-t)}`, with :math:`(\varphi^*)' = \rho\,\varphi^*`."""

    is_analytic = True
    is_nonnegative = True
    is_semi_admissible = True

    @property
    @abstractmethod
    def rate(self) -> Fraction | Constant:
        r"""The exact rate :math:`\rho`."""

    def dual(self, t):
        """The Gaussian kernel on the unit sphere.

        >>> rbf(0.25).dual(1), exponential(2).dual(0)
        (1, exp(-4))
        """
        import sympy

        return sympy.exp(-expression(self.rate) * (1 - sympy.sympify(t)))

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations."""
        value = np.exp(-float(self.rate) * (1.0 - t))
        return value, float(self.rate) * value

    def on_ball(self, t):
        """Dual and derivative dual at a ball."""
        from flint import arb

        rate = ball(self.rate)
        if t == 1:
            return arb(1), rate
        value = (rate * (t - 1)).exp()
        return value, rate * value

    def angle_ratio(self, angle):
        r"""With :math:`u = 2\rho \sin^2(\theta/2)`: :math:`(1 - e^{-u}) / u = e^{-u/2} \sinh(u/2) / (u/2)`."""
        from flint import acb

        rate = ball(self.rate)
        square = (angle / 2).sinc() ** 2 / 4
        u = 2 * rate * angle * angle * square
        return rate * square * (-u / 2).exp() * (u * acb(0, 1) / 2).sinc()

    def slope_on_angle(self, angle, dual):
        r""":math:`\rho\,\varphi^*`."""
        return ball(self.rate) * dual

    def on_series(self, g):
        r"""Dual and derivative dual of a series, through :math:`e' = \rho g' e`: positive terms only.

        The quadratic recurrence keeps the relative accuracy of coefficients as small as ``1/n!``, which Newton's
        iteration for the exponential of a series would lose.
        """
        from flint import arb, arb_series

        rate = ball(self.rate)
        slope = [n * c for n, c in enumerate(g.coeffs())][1:]
        kept = [(i, s) for i, s in enumerate(slope) if not s.is_zero()]
        value = [self.on_ball(g[0])[0]]
        for n in range(1, g.prec):
            terms = (s * value[n - 1 - i] for i, s in kept if i < n)
            value.append(rate * sum(terms, arb(0)) / n)
        series = arb_series(value, prec=g.prec)
        return series, rate * series

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients :math:`\pm\sqrt{e^{-\rho} \rho^n / n!}`.

        >>> exponential(1).hermite(2)
        [exp(-1/2), exp(-1/2), sqrt(2)*exp(-1/2)/2]
        """
        import sympy

        order = _check.nonnegative_integer("order", order)
        rate = expression(self.rate)
        return [
            self._sign(n) * sympy.sqrt(rate**n / sympy.factorial(n)) * sympy.exp(-rate / 2) for n in range(order + 1)
        ]

    def _sign(self, n: int) -> int:
        """Sign of a Hermite coefficient."""
        return 1


@dataclass(frozen=True, repr=False)
class Rbf(ExponentialDual):
    r"""The cosine features :math:`\varphi(z) = \sqrt2 \sin(\sqrt{2\gamma}\,z + \pi/4)` of the Gaussian kernel.

    .. math:: \varphi^*(t) = e^{-2\gamma(1-t)}, \qquad (\varphi^*)'(t) = 2\gamma\,\varphi^*(t)

    [RahimiRecht2007; the ``stax.Rbf`` of Novak2020].  ``gamma = 1/4`` is the activation of the experiments of Xiao2022.
    """

    gamma: float
    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("RahimiRecht2007",)

    @property
    def name(self) -> str:
        """``rbf(gamma)``, as one types it, with the variance if that is not 1."""
        return named_at(f"rbf({self.gamma!r})", self.variance)

    @property
    def rate(self) -> Fraction | Constant:
        r""":math:`2\gamma q`, exactly; a float means the decimal number that it prints as."""
        return constant(product, 2 * Fraction(repr(self.gamma)), self.variance)

    def _at_variance(self, variance):
        """The second moment is 1 at all variances."""
        return replace(self, variance=constant(product, self.variance, variance)), Fraction(1)

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        return sympy.sqrt(2) * sympy.sin(sympy.sqrt(expression(self.rate)) * z + sympy.pi / 4)

    def _sign(self, n: int) -> int:
        # sqrt(2) sin(pi/4 + n pi/2)
        return -1 if n % 4 in (2, 3) else 1


@dataclass(frozen=True, repr=False)
class Exponential(ExponentialDual):
    r"""The exponential :math:`\varphi(z) = e^{b z - b^2}`.

    .. math:: \varphi^*(t) = e^{-b^2(1-t)}, \qquad (\varphi^*)'(t) = b^2\,\varphi^*(t)

    [Daniely2016].  The same dual as ``rbf(b**2 / 2)``, with other Hermite coefficients.
    """

    b: Fraction
    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("Daniely2016",)

    @property
    def name(self) -> str:
        """``exponential(b)``, as one types it, with the variance if that is not 1."""
        return named_at(f"exponential({typed(self.b)})", self.variance)

    @property
    def rate(self) -> Fraction | Constant:
        r""":math:`b^2 q`, exactly."""
        return constant(product, self.b**2, self.variance)

    def _at_variance(self, variance):
        r"""The second moment of :math:`e^{bz}` is :math:`e^{2b^2q}`."""
        moved = replace(self, variance=constant(product, self.variance, variance))
        return moved, constant(_exponential_moment, moved.rate)

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        rate = expression(self.rate)
        return sympy.exp(sympy.sign(self.b) * sympy.sqrt(rate) * z - rate)

    def _sign(self, n: int) -> int:
        return -1 if self.b < 0 and n % 2 else 1


def _exponential_moment(ops, rate):
    return ops.exp(2 * rate)


def rbf(gamma: float) -> Rbf:
    r"""The activation whose dual is the Gaussian kernel :math:`e^{-2\gamma(1-t)}`.

    Parameters
    ----------
    gamma
        Positive rate; a float means the decimal number that it prints as.  With unit spheres,
        :math:`e^{-\gamma |x - x'|^2}`.

    Examples
    --------
    >>> rbf(0.25)
    eigenspace.rbf(0.25)
    >>> rbf(-1)
    Traceback (most recent call last):
    ...
    ValueError: gamma must be a positive real number, got -1; use gamma=0.25 for the kernel of Xiao's experiments
    """
    return Rbf(_check.positive_real("gamma", gamma, "use gamma=0.25 for the kernel of Xiao's experiments"))


def exponential(b: float) -> Exponential:
    r"""The activation :math:`e^{bz}`, normalised: its dual is :math:`e^{-b^2(1-t)}`.

    Parameters
    ----------
    b
        Any real number but 0, or a :class:`~fractions.Fraction`; a float means the decimal number that it prints as.

    Examples
    --------
    >>> exponential(0.5)
    eigenspace.exponential(0.5)
    >>> exponential(0)
    Traceback (most recent call last):
    ...
    ValueError: b must be a real number other than 0, got 0; use b=1
    """
    exact = _check.rational("b", b, "use b=1")
    if exact == 0:
        raise ValueError(f"b must be a real number other than 0, got {b}; use b=1")
    return Exponential(exact)
