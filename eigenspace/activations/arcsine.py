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

import numpy as np

from .. import _check
from .._constants import Constant, ball, constant, expression, product
from .base import Activation, named_at


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

    def angle_ratio(self, angle):
        r"""Analytic where :math:`\Re(1 - \rho^2 \cos^2\theta) > 0`, and reported as unknown elsewhere.

        A harmonic function that is positive on the boundary of an ellipse is positive inside, so that both
        :math:`D` and :math:`\arcsin v` are analytic there.
        """
        cosine, root = self._on_angle(angle)
        return _unknown() if root is None else self._angle_ratio(angle, cosine, root)

    def slope_on_angle(self, angle, dual):
        """The derivative dual, from the parts."""
        cosine, root = self._on_angle(angle)
        if root is None:
            return _unknown()
        v = ball(self.ratio) * cosine
        return self._parts(v, root, v.asin(), self._numbers(ball))[1]

    def _on_angle(self, angle) -> tuple:
        r""":math:`\cos\theta` and ``D``; None for ``D`` beyond the region where it is analytic."""
        cosine = angle.cos()
        square = 1 - (ball(self.ratio) * cosine) ** 2
        return cosine, square.sqrt() if square.real > 0 else None

    def _angle_ratio(self, angle, cosine, root):
        v = ball(self.ratio) * cosine
        return (1 - self._parts(v, root, v.asin(), self._numbers(ball))[0]) / (2 * angle * angle)


def _unknown():
    from flint import acb, arb

    return acb(arb("nan"))


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


def _central(order: int) -> list[Fraction]:
    """The coefficients ``c_0, ..., c_order``."""
    found = [Fraction(1)]
    for k in range(1, order + 1):
        found.append(found[-1] * Fraction(2 * k - 1, 2 * k))
    return found


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

    def on_series(self, g):
        r"""Dual and derivative dual of a series, by integration of :math:`v' / \sqrt{1 - v^2}`: positive terms only."""
        v = ball(self.ratio) * g
        inverse, unit = (1 - v * v).rsqrt(), ball(constant(_arc, self.width))
        arc = (inverse * v.derivative()).integral() + v[0].asin()
        return arc / unit, inverse * (ball(self.ratio) / unit)

    def _angle_ratio(self, angle, cosine, root):
        r"""By :math:`\tan\frac{\alpha - \beta}2 = \frac{\sin\alpha - \sin\beta}{\cos\alpha + \cos\beta}`."""
        ratio, square = ball(self.ratio), (angle / 2).sinc() ** 2 / 2
        tangent = ratio * angle * angle * square / (ball(constant(_root_gap, self.width)) + root)
        return tangent.atan() / (angle * angle * ball(constant(_arc, self.width)))

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients: :math:`(-1)^k \sqrt{\frac{c_k\,\rho^{2k+1}}{(2k+1) \arcsin\rho}}` at ``2k + 1``.

        >>> erf.hermite(1)
        [0, sqrt(6)/(3*sqrt(asin(2/3)))]
        """
        import sympy

        order = _check.nonnegative_integer("order", order)
        ratio, found = expression(self.ratio), [sympy.Integer(0)] * (order + 1)
        for k, c in enumerate(_central(order // 2)[: (order + 1) // 2]):
            square = sympy.Rational(c) / (2 * k + 1) * ratio ** (2 * k + 1) / sympy.asin(ratio)
            found[2 * k + 1] = (-1) ** k * sympy.sqrt(square)
        return found

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        scale = sympy.sqrt(sympy.pi / (2 * sympy.asin(expression(self.ratio))))
        return scale * sympy.erf(sympy.sqrt(expression(self.variance)) * z)


def _erf_moment(ops, x):
    return 2 * _arc(ops, x) / ops.pi


#: the error function
erf = Erf()
