r"""Activations with duals of the arc sine and the inverse root of :math:`1 - \rho^2 t^2`: erf, GELU, Gaussian.

The Gaussian integrals behind them are over two half planes at the correlation :math:`\rho t` [Williams1997].  With the
variance ``q`` of the pre-activations, one number ``x`` says all:

.. math:: \rho = \frac{x}{1 + x}, \qquad x = 2q \;(\text{erf}), \quad q \;(\text{GELU}), \quad 2|b|q \;(e^{bz^2}).

Below, :math:`v = \rho t`, :math:`D = \sqrt{1 - v^2}`, and :math:`c_k = \binom{2k}{k} 4^{-k}` are the coefficients of
:math:`1/\sqrt{1-y}`.  All duals are analytic for :math:`|t| < 1/\rho`, beyond the ends of [-1, 1].
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from math import comb

import numpy as np

from .. import _check
from .._constants import Constant, ball, constant, expression, product
from .base import Activation, named_at, typed


class ArcsineDual(Activation):
    """A dual in ``v`` and ``D``; subclasses supply the parts over any numbers."""

    is_analytic = True
    is_semi_admissible = False

    @property
    @abstractmethod
    def width(self) -> Fraction | Constant:
        """The number ``x``."""

    @property
    def ratio(self) -> Fraction | Constant:
        r"""The number :math:`\rho`."""
        return constant(_ratio, self.width)

    @abstractmethod
    def _parts(self, v, root, arc, numbers) -> tuple:
        r"""Dual and derivative dual from :math:`v`, :math:`D` and :math:`\arcsin v`.

        ``numbers(formula)`` is a formula of ``x`` as a number of the same kind as ``v``.
        """

    def _numbers(self, convert):
        return lambda formula: convert(constant(formula, self.width))

    def dual(self, t):
        """The normalised dual activation."""
        return self._symbols(t)[0]

    def dual_derivative(self, t):
        """The derivative of the dual activation."""
        return self._symbols(t)[1]

    def _symbols(self, t):
        import sympy

        v = expression(self.ratio) * sympy.sympify(t)
        return self._parts(v, sympy.sqrt(1 - v**2), sympy.asin(v), self._numbers(expression))

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations."""
        t, numbers = np.asarray(t, dtype=float), self._numbers(float)
        v = numbers(_ratio) * t
        # 1 - v**2 without cancellation where both are close to 1
        root = np.sqrt(numbers(_gap) + numbers(_square_ratio) * ((1.0 - t) * (1.0 + t)))
        return self._parts(v, root, np.arctan2(v, root), numbers)

    def on_ball(self, t):
        """Dual and derivative dual at a ball."""
        from flint import arb

        v = ball(self.ratio) * t
        dual, slope = self._parts(v, (1 - v * v).sqrt(), v.asin(), self._numbers(ball))
        return arb(1) if t == 1 else dual, slope

    def on_series(self, g):
        r"""Dual and derivative dual of a series, by integration: positive terms only."""
        v = ball(self.ratio) * g
        inverse = (1 - v * v).rsqrt()
        return self._series(v, inverse, (inverse * v.derivative()).integral() + v[0].asin(), self._numbers(ball))

    @abstractmethod
    def _series(self, v, inverse, arc, numbers) -> tuple:
        r"""Dual and derivative dual from the series of :math:`v`, :math:`1/D` and :math:`\arcsin v`."""

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients: signs times roots of the coefficients of the dual.

        >>> from eigenspace import erf, gaussian
        >>> erf.hermite(1), gaussian(-1).hermite(2)
        ([0, sqrt(6)/(3*sqrt(asin(2/3)))], [sqrt(3)*5**(1/4)/3, 0, -5**(1/4)*sqrt(6)/9])
        """
        import sympy

        return [sign * sympy.sqrt(square) for sign, square in self._squares(_check.nonnegative_integer("order", order))]

    def _exact_series(self, order: int) -> list:
        return [square for _, square in self._squares(order)]

    @abstractmethod
    def _squares(self, order: int) -> list[tuple]:
        """Signs of the Hermite coefficients, and their squares as SymPy numbers."""


def _ratio(ops, x):
    return x / (1 + x)


def _square_ratio(ops, x):
    return (x / (1 + x)) ** 2


def _gap(ops, x):
    r""":math:`1 - \rho^2`."""
    return (1 + 2 * x) / (1 + x) ** 2


def _arc(ops, x):
    r""":math:`\arcsin\rho`."""
    return ops.asin(x / (1 + x))


def _root_gap(ops, x):
    return ops.sqrt(1 + 2 * x) / (1 + x)


def _central(k: int):
    """The coefficient ``c_k`` as a SymPy number."""
    import sympy

    return sympy.Rational(comb(2 * k, k), 4**k)


@dataclass(frozen=True, repr=False)
class Erf(ArcsineDual):
    r"""The error function :math:`\varphi(z) \propto \operatorname{erf} z`, here at the variance ``q``.

    .. math:: \varphi^*(t) = \frac{\arcsin \rho t}{\arcsin \rho}, \qquad
              (\varphi^*)'(t) = \frac{\rho}{\arcsin\rho \sqrt{1 - \rho^2 t^2}}, \qquad \rho = \frac{2q}{1 + 2q}

    [Williams1997, eq. 11].  At unit variance :math:`\rho = 2/3`.
    """

    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("Williams1997",)

    @property
    def name(self) -> str:
        """``erf``, with the variance if that is not 1."""
        return named_at("erf", self.variance)

    @property
    def width(self) -> Fraction | Constant:
        """``2 q``."""
        return constant(product, Fraction(2), self.variance)

    def _at_variance(self, variance):
        r"""The second moment is :math:`\frac2\pi \arcsin\rho`."""
        moved = replace(self, variance=constant(product, self.variance, variance))
        return moved, constant(_erf_moment, moved.width)

    def _parts(self, v, root, arc, numbers):
        unit = numbers(_arc)
        return arc / unit, numbers(_ratio) / unit / root

    def _series(self, v, inverse, arc, numbers):
        unit = numbers(_arc)
        return arc / unit, inverse * (numbers(_ratio) / unit)

    def _squares(self, order):
        r""":math:`\frac{c_k\,\rho^{2k+1}}{(2k+1) \arcsin\rho}` at ``2k + 1``, with the sign :math:`(-1)^k`."""
        import sympy

        ratio, found = expression(self.ratio), [(1, sympy.Integer(0))] * (order + 1)
        for n in range(1, order + 1, 2):
            square = _central(n // 2) / n * ratio**n / sympy.asin(ratio)
            found[n] = (-1) ** (n // 2), square
        return found

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        scale = sympy.sqrt(sympy.pi / (2 * sympy.asin(expression(self.ratio))))
        return scale * sympy.erf(sympy.sqrt(expression(self.variance)) * z)


def _erf_moment(ops, x):
    return 2 * _arc(ops, x) / ops.pi


@dataclass(frozen=True, repr=False)
class Gelu(ArcsineDual):
    r"""The Gaussian error linear unit :math:`\varphi(z) \propto z\,\Phi(z)`, with the normal distribution function
    :math:`\Phi`, here at the variance ``q``.

    .. math:: \varphi^*(t) = \frac{N(\rho t)}{N(\rho)}, \qquad
              N(v) = q^2 D + \frac{v^2}D + (1+q)^2\, v\, (\tfrac\pi2 + \arcsin v), \qquad \rho = \frac q{1+q}

    [Tsuchida2021; here in a form with the coefficients :math:`c_k (\frac{2k+q}{2k-1})^2` at
    :math:`v^{2k}`, and no odd ones beyond ``v``].
    """

    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("HendrycksGimpel2016", "Tsuchida2021")

    @property
    def name(self) -> str:
        """``gelu``, with the variance if that is not 1."""
        return named_at("gelu", self.variance)

    @property
    def width(self) -> Fraction | Constant:
        """``q``."""
        return self.variance

    def _at_variance(self, variance):
        r"""The second moment is :math:`N(\rho) / (2\pi(1+q))`."""
        moved = replace(self, variance=constant(product, self.variance, variance))
        return moved, constant(_gelu_moment, moved.width)

    def _parts(self, v, root, arc, numbers):
        x, total = numbers(_itself), numbers(_gelu_total)
        line = (1 + x) ** 2 * (numbers(_half_pi) + arc)
        dual = (x**2 * root + v**2 / root + v * line) / total
        return dual, numbers(_ratio) / total * (line + (3 + 2 * x) * v / root + (v / root) ** 3)

    def _series(self, v, inverse, arc, numbers):
        r"""By :math:`N' = (1+q)^2 (\frac\pi2 + \arcsin v) + (3+2q) \frac vD + \frac{v^3}{D^3}`."""
        x, total, up = numbers(_itself), numbers(_gelu_total), v * inverse
        slope = (arc + numbers(_half_pi)) * (1 + x) ** 2 + up * (3 + 2 * x) + up * up * up
        slope = slope * (numbers(_ratio) / total)
        start = v[0] / numbers(_ratio)
        return (slope * v.derivative()).integral() / numbers(_ratio) + self.on_ball(start)[0], slope

    def _squares(self, order):
        import sympy

        x, ratio = expression(self.variance), expression(self.ratio)
        total, found = constant(_gelu_total, self.width), []
        for n in range(order + 1):
            k = n // 2
            if n % 2:
                square = sympy.pi / 2 * (1 + x) ** 2 * ratio if n == 1 else sympy.Integer(0)
            else:
                square = _central(k) * ((2 * k + x) / (2 * k - 1)) ** 2 * ratio**n
            found.append((-1 if k > 1 and k % 2 == 0 and n % 2 == 0 else 1, square / expression(total)))
        return found

    def angle_ratio(self, angle):
        r"""Analytic where :math:`\Re(1 - \rho^2 \cos^2\theta) > 0`, and not a number elsewhere.

        A harmonic function that is positive on the boundary of an ellipse is positive inside, so that
        :math:`D` and :math:`\arcsin v` are analytic there.
        """
        return (1 - self._on_angle(angle)[0]) / (2 * angle * angle)

    def slope_on_angle(self, angle, dual):
        """The derivative dual, from the parts."""
        return self._on_angle(angle)[1]

    def _on_angle(self, angle) -> tuple:
        from flint import acb, arb

        v = ball(self.ratio) * angle.cos()
        square = 1 - v * v
        if not square.real > 0:
            return (acb(arb("nan")),) * 2
        return self._parts(v, square.sqrt(), v.asin(), self._numbers(ball))

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        root = sympy.sqrt(expression(self.variance))
        scale = root / (2 * sympy.sqrt(expression(constant(_gelu_moment, self.width))))
        return scale * z * (1 + sympy.erf(root * z / sympy.sqrt(2)))


def _itself(ops, x):
    return x


def _half_pi(ops, x):
    return ops.pi / 2


def _gelu_total(ops, x):
    r""":math:`N(\rho)`."""
    return 2 * x**2 / ops.sqrt(1 + 2 * x) + x * (1 + x) * (ops.pi / 2 + _arc(ops, x))


def _gelu_moment(ops, x):
    return _gelu_total(ops, x) / (2 * ops.pi * (1 + x))


@dataclass(frozen=True, repr=False)
class Gaussian(ArcsineDual):
    r"""The Gaussian bump :math:`\varphi(z) \propto e^{bz^2}`, ``b < 0``, here at the variance ``q``.

    .. math:: \varphi^*(t) = \sqrt{\frac{1 - \rho^2}{1 - \rho^2 t^2}}, \qquad
              (\varphi^*)'(t) = \frac{\rho^2 t}{1 - \rho^2 t^2}\,\varphi^*(t), \qquad \rho = \frac{2|b|q}{1 + 2|b|q}

    [Williams1997, eq. 13 for the Gaussian integral].  The dual is even.
    """

    b: Fraction
    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("Williams1997",)
    is_nonnegative = True

    @property
    def name(self) -> str:
        """``gaussian(b)``, as one types it, with the variance if that is not 1."""
        return named_at(f"gaussian({typed(self.b)})", self.variance)

    @property
    def width(self) -> Fraction | Constant:
        """``2 |b| q``."""
        return constant(product, -2 * self.b, self.variance)

    def _at_variance(self, variance):
        r"""The second moment is :math:`1/\sqrt{1 + 4|b|q}`."""
        moved = replace(self, variance=constant(product, self.variance, variance))
        return moved, constant(_gaussian_moment, moved.width)

    def _parts(self, v, root, arc, numbers):
        dual = numbers(_root_gap) / root
        return dual, numbers(_ratio) * v / root**2 * dual

    def on_ball(self, t):
        """Dual and derivative dual at a ball; 1 at both ends."""
        from flint import arb

        dual, slope = super().on_ball(t)
        return arb(1) if t == -1 else dual, slope

    def _series(self, v, inverse, arc, numbers):
        dual = inverse * numbers(_root_gap)
        return dual, dual * v * inverse * inverse * numbers(_ratio)

    def _squares(self, order):
        r""":math:`c_k \sqrt{1 - \rho^2}\,\rho^{2k}` at ``2k``, with the sign :math:`(-1)^k`."""
        import sympy

        ratio, found = expression(self.ratio), [(1, sympy.Integer(0))] * (order + 1)
        for n in range(0, order + 1, 2):
            found[n] = (-1) ** (n // 2), _central(n // 2) * sympy.sqrt(1 - ratio**2) * ratio**n
        return found

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        x = expression(self.width)
        return (1 + 2 * x) ** sympy.Rational(1, 4) * sympy.exp(-x * z**2 / 2)


def _gaussian_moment(ops, x):
    return 1 / ops.sqrt(1 + 2 * x)


#: the error function
erf = Erf()
#: the Gaussian error linear unit
gelu = Gelu()


def gaussian(b: float) -> Gaussian:
    r"""The activation :math:`e^{bz^2}` with ``b < 0``, normalised.

    Parameters
    ----------
    b
        A negative real number or :class:`~fractions.Fraction`; a float means the decimal number that it prints as.

    Examples
    --------
    >>> gaussian(-0.5), gaussian(-0.5).dual(0)
    (eigenspace.gaussian(-0.5), sqrt(3)/2)
    >>> gaussian(0.5)
    Traceback (most recent call last):
    ...
    ValueError: b must be a negative real number, got 0.5; use b=-0.5
    """
    exact = _check.rational("b", b, "use b=-0.5")
    if exact >= 0:
        raise ValueError(f"b must be a negative real number, got {b}; use b=-0.5")
    return Gaussian(exact)
