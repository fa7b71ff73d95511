"""Rectifiers, with the arc-cosine kernels as duals [ChoSaul2009]."""

from dataclasses import dataclass

import numpy as np

from .base import Activation


@dataclass(frozen=True, repr=False)
class Relu(Activation):
    r"""The rectifier :math:`\varphi(z) = \sqrt2\,\max(z, 0)`, with the arc-cosine kernels as duals.

    .. math:: \varphi^*(t) = \frac{\sqrt{1-t^2} + (\pi - \arccos t)\,t}{\pi}, \qquad
              (\varphi^*)'(t) = \frac{\pi - \arccos t}{\pi}

    [ChoSaul2009, eqs. 5 and 6].
    """

    name = "relu"
    is_algebraic = True
    is_nonnegative = True
    citations = ("ChoSaul2009",)

    def dual(self, t):
        """The arc-cosine kernel of order one.

        >>> relu.dual(0)
        1/pi
        """
        import sympy

        t = sympy.sympify(t)
        return (sympy.sqrt(1 - t**2) + (sympy.pi - sympy.acos(t)) * t) / sympy.pi

    def dual_derivative(self, t):
        """The arc-cosine kernel of order zero.

        >>> relu.dual_derivative(0)
        1/2
        """
        import sympy

        return 1 - sympy.acos(sympy.sympify(t)) / sympy.pi

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations; clipped to [-1, 1] against roundings of the caller."""
        t = np.clip(t, -1.0, 1.0)
        # arccos(-t) = pi - arccos(t) without its rounding error near t = -1
        opposite = np.arccos(-t)
        return (np.sqrt((1.0 - t) * (1.0 + t)) + opposite * t) / np.pi, opposite / np.pi

    def on_ball(self, t):
        """Dual and derivative dual at a ball; exact at ``t = 1``."""
        from flint import arb

        if t == 1:
            return arb(1), arb(1)
        sine = (1 - t * t).nonnegative_part().sqrt()
        opposite = arb.atan2(sine, -t)
        return (sine + opposite * t) / arb.pi(), opposite / arb.pi()

    def angle_ratio(self, angle):
        r"""From :math:`1 - \kappa_1(\cos\theta) = 2 \sin^2(\theta/2) - \theta^2 j_1(\theta) / \pi`.

        ``j_1`` is the spherical Bessel function :math:`(\sin\theta - \theta\cos\theta) / \theta^2`.
        """
        from flint import acb, arb

        bessel = angle / 3 * (-angle * angle / 4).hypgeom_0f1(acb(5) / 2)
        return (angle / 2).sinc() ** 2 / 4 - bessel / (2 * arb.pi())

    def slope_on_angle(self, angle, dual):
        r""":math:`1 - \theta / \pi`."""
        from flint import arb

        return 1 - angle / arb.pi()

    def on_series(self, g):
        r"""Dual and derivative dual of a series, by integration.

        .. math:: \kappa_0(g)' = \frac{g'}{\pi \sqrt{1 - g^2}}, \qquad \kappa_1(g)' = \kappa_0(g)\, g'
        """
        from flint import arb

        slope = g.derivative()
        dual, derivative = self.on_ball(g[0])
        kappa0 = ((1 - g * g).rsqrt() * slope / arb.pi()).integral() + derivative
        return (kappa0 * slope).integral() + dual, kappa0


#: the rectifier
relu = Relu()
