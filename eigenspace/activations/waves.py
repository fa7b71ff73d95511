r"""Sines and cosines: duals of hyperbolic functions."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from .. import _check
from .._constants import SYMBOLS, Constant, ball, constant, expression, product
from .base import Activation, named_at, typed


@dataclass(frozen=True, repr=False)
class Sinusoid(Activation):
    r"""The wave :math:`\varphi(z) = a \sin(bz + c)`, or the cosine, here at the variance ``q``.

    .. math:: \varphi^*(t) = \frac{s \cosh rt + (1-s) \sinh rt}{s \cosh r + (1-s) \sinh r}, \qquad r = b^2 q, \qquad
              s = \sin^2 c

    (:math:`s = \cos^2 c` for the cosine) [RahimiRecht2007 for the two Gaussian integrals].  Even powers of ``t`` come
    from the even part of the wave, odd ones from the odd part.
    """

    a: Fraction
    b: Fraction
    c: Fraction
    is_cosine: bool = False
    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("RahimiRecht2007",)
    is_analytic = True

    @property
    def name(self) -> str:
        """``sine(a, b, c)`` or ``cosine(a, b, c)``, as one types it, with the variance if that is not 1."""
        numbers = ", ".join(typed(x) for x in (self.a, self.b, self.c))
        return named_at(f"{'cosine' if self.is_cosine else 'sine'}({numbers})", self.variance)

    @property
    def rate(self) -> Fraction | Constant:
        """The number ``r``."""
        return constant(product, self.b**2, self.variance)

    @property
    def is_semi_admissible(self) -> bool:
        """Unless ``c`` is 0: a rational number is no other multiple of a quarter turn."""
        return self.c != 0

    @property
    def is_nonnegative(self) -> bool:
        """For a pure cosine; others where the even part is the larger one at -1."""
        if self.c == 0:
            return self.is_cosine
        # zero where tanh r = s / (1 - s), which no rational r and c satisfy; floats decide all but a tie
        even, odd = self._shares(float)
        return bool(even >= odd * np.tanh(float(self.rate)) * (1 + 1e-12))

    def _shares(self, convert) -> tuple:
        """The shares of the even and of the odd part; exactly 0 and 1 without a phase."""
        if self.c == 0:
            first, second = Fraction(0), Fraction(1)
        else:
            first, second = constant(_square_sine, self.c), constant(_square_cosine, self.c)
        return tuple(map(convert, (second, first) if self.is_cosine else (first, second)))

    def _at_variance(self, variance):
        r"""The second moment is :math:`a^2 e^{-r} (s \cosh r + (1-s) \sinh r)`."""
        moved = replace(self, variance=constant(product, self.variance, variance))
        even, odd = moved._shares(lambda share: share)
        return moved, constant(_moment, self.a**2, even, odd, moved.rate)

    def dual(self, t):
        """The normalised dual activation.

        >>> sine(1, 1, 0).dual(1), cosine(2, 1, 0).dual(0)
        (1, 1/cosh(1))
        """
        return self._expressions(t)[0]

    def dual_derivative(self, t):
        """The derivative of the dual activation."""
        return self._expressions(t)[1]

    def _expressions(self, t):
        import sympy

        rate, (even, odd) = expression(self.rate), self._shares(expression)
        cosh, sinh = sympy.cosh(rate * sympy.sympify(t)), sympy.sinh(rate * sympy.sympify(t))
        total = even * sympy.cosh(rate) + odd * sympy.sinh(rate)
        return (even * cosh + odd * sinh) / total, rate * (even * sinh + odd * cosh) / total

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations, in exponentials that do not overflow."""
        t, rate, (even, odd) = np.asarray(t, dtype=float), float(self.rate), self._shares(float)
        if rate < 1.0:
            cosh, sinh, total = np.cosh(rate * t), np.sinh(rate * t), even * np.cosh(rate) + odd * np.sinh(rate)
        else:
            # all over exp(rate) / 2
            up, down = np.exp(rate * (t - 1.0)), np.exp(-rate * (t + 1.0))
            cosh, sinh = up + down, up - down
            total = even * (1.0 + np.exp(-2.0 * rate)) - odd * np.expm1(-2.0 * rate)
        return (even * cosh + odd * sinh) / total, rate * (even * sinh + odd * cosh) / total

    def on_ball(self, t):
        """Dual and derivative dual at a ball; exact at 1, and at -1 and 0 without a phase."""
        from flint import arb

        rate, (even, odd) = ball(self.rate), self._shares(ball)
        total = self._total()
        sinh, cosh = (rate * t).sinh_cosh()
        dual, slope = (even * cosh + odd * sinh) / total, rate * (even * sinh + odd * cosh) / total
        if t == 1:
            dual = arb(1)
        elif t == -1 and self.c == 0:
            dual = arb(1 if self.is_cosine else -1)
        return dual, slope

    def _total(self):
        sinh, cosh = ball(self.rate).sinh_cosh()
        even, odd = self._shares(ball)
        return even * cosh + odd * sinh

    def on_series(self, g):
        r"""Dual and derivative dual of a series, through :math:`\cosh(rg)' = r g' \sinh(rg)` and its twin.

        The quadratic recurrence has positive terms only, and keeps the relative accuracy of small coefficients.
        """
        from flint import arb, arb_series

        rate, (even, odd), total = ball(self.rate), self._shares(ball), self._total()
        slope = [(n - 1, rate * n * c) for n, c in enumerate(g.coeffs()) if n and not c.is_zero()]
        sinh, cosh = ([x] for x in (rate * g[0]).sinh_cosh())
        for n in range(1, g.prec):
            kept = [(n - 1 - i, s) for i, s in slope if i < n]
            up, down = (sum((s * line[j] for j, s in kept), arb(0)) / n for line in (sinh, cosh))
            cosh.append(up)
            sinh.append(down)
        cosh, sinh = arb_series(cosh, prec=g.prec), arb_series(sinh, prec=g.prec)
        return (cosh * even + sinh * odd) / total, (sinh * even + cosh * odd) * (rate / total)

    def angle_ratio(self, angle):
        r"""By :math:`\cosh x - \cosh y = 2 \sinh\frac{x+y}2 \sinh\frac{x-y}2` and its twin."""
        from flint import acb

        rate, (even, odd) = ball(self.rate), self._shares(ball)
        square = (angle / 2).sinc() ** 2 / 4
        small, large = rate * square * angle * angle, rate * (angle / 2).cos() ** 2
        return rate * square * (small * acb(0, 1)).sinc() * (even * large.sinh() + odd * large.cosh()) / self._total()

    def slope_on_angle(self, angle, dual):
        """The derivative dual itself."""
        rate, (even, odd) = ball(self.rate), self._shares(ball)
        moved = rate * angle.cos()
        return rate * (even * moved.sinh() + odd * moved.cosh()) / self._total()

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients: those of :math:`\sin c \cos bz` and :math:`\cos c \sin bz`.

        >>> sine(1, 1, 0).hermite(3)
        [0, 1/sqrt(sinh(1)), 0, -sqrt(6)/(6*sqrt(sinh(1)))]
        """
        import sympy

        order = _check.nonnegative_integer("order", order)
        rate, c = expression(self.rate), expression(self.c)
        # of the cosine, and of the sine: cos(bz + c) = cos c cos bz - sin c sin bz
        parts = (sympy.cos(c), -sympy.sin(c)) if self.is_cosine else (sympy.sin(c), sympy.cos(c))
        even, odd = self._shares(expression)
        total = even * sympy.cosh(rate) + odd * sympy.sinh(rate)
        signs = (1 if self.a > 0 else -1), (1 if self.a * self.b > 0 else -1)
        return [
            signs[n % 2] * (-1) ** (n // 2) * parts[n % 2] * sympy.sqrt(rate**n / sympy.factorial(n) / total)
            for n in range(order + 1)
        ]

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        rate, (even, odd) = expression(self.rate), self._shares(expression)
        scale = sympy.sqrt(_moment(SYMBOLS, sympy.Integer(1), even, odd, rate))
        wave = sympy.cos if self.is_cosine else sympy.sin
        argument = sympy.sign(self.b) * sympy.sqrt(rate) * z + expression(self.c)
        return sympy.sign(self.a) * wave(argument) / scale


def _square_sine(ops, c):
    return ops.sin(c) ** 2


def _square_cosine(ops, c):
    return ops.cos(c) ** 2


def _moment(ops, square, even, odd, rate):
    r""":math:`\frac{a^2}{2} (1 - (1 - 2s) e^{-2r})`, since :math:`\cos 2c = 1 - 2s`."""
    return square * (1 - (odd - even) * ops.exp(-2 * rate)) / 2


def sine(a: float, b: float, c: float = 0) -> Sinusoid:
    r"""The activation :math:`a \sin(bz + c)`, normalised.

    Parameters
    ----------
    a, b, c
        Real numbers or fractions, ``a`` and ``b`` other than 0; a float means the decimal number that it prints as.
        The amplitude ``a`` counts where weights and activations are taken as written (``sigma_w``).

    Examples
    --------
    >>> sine(1, 2, 0.5)
    eigenspace.sine(1, 2, 0.5)
    >>> sine(1, 0, 0)
    Traceback (most recent call last):
    ...
    ValueError: b must be a real number other than 0, got 0; use b=1: a constant layer learns nothing
    """
    return _wave(a, b, c, False)


def cosine(a: float, b: float, c: float = 0) -> Sinusoid:
    r"""The activation :math:`a \cos(bz + c)`, normalised; parameters as for `sine`.

    >>> cosine(1, 2, 0).series(3)
    [0.03661899347368653, 0.0, 0.29295194778949224, 0.0]
    """
    return _wave(a, b, c, True)


def _wave(a, b, c, is_cosine: bool) -> Sinusoid:
    numbers = [_check.rational(name, x, "use a number such as 1") for name, x in (("a", a), ("b", b), ("c", c))]
    for name, given, exact in zip("ab", (a, b), numbers):
        if exact == 0:
            raise ValueError(
                f"{name} must be a real number other than 0, got {given}; use {name}=1: a constant layer learns nothing"
            )
    return Sinusoid(*numbers, is_cosine)
