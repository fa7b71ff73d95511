"""Smooth activations: the Gaussian kernel and its relatives."""

from dataclasses import dataclass

import numpy as np

from .. import _check
from .base import Activation


@dataclass(frozen=True, repr=False)
class Rbf(Activation):
    r"""The cosine features :math:`\varphi(z) = \sqrt2 \sin(\sqrt{2\gamma}\,z + \pi/4)` of the Gaussian kernel.

    .. math:: \varphi^*(t) = e^{-2\gamma(1-t)}, \qquad (\varphi^*)'(t) = 2\gamma\,\varphi^*(t)

    [RahimiRecht2007; the ``stax.Rbf`` of Novak2020].  ``gamma = 1/4`` is the activation of the experiments of Xiao2022.
    """

    gamma: float

    is_nonnegative = True
    citations = ("RahimiRecht2007",)

    @property
    def name(self) -> str:
        """``rbf(gamma)``, as one types it."""
        return f"rbf({self.gamma!r})"

    def dual(self, t):
        """The Gaussian kernel on the unit sphere.

        >>> rbf(0.25).dual(1)
        1
        """
        import sympy

        t = sympy.sympify(t)
        return sympy.exp(-2 * sympy.nsimplify(self.gamma, rational=True) * (1 - t))

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations."""
        value = np.exp(-2.0 * self.gamma * (1.0 - t))
        return value, 2.0 * self.gamma * value

    def on_ball(self, t):
        """Dual and derivative dual at a ball."""
        from flint import arb

        rate = 2 * arb(self.gamma)
        if t == 1:
            return arb(1), rate
        value = (rate * (t - 1)).exp()
        return value, rate * value

    def angle_ratio(self, angle):
        r"""With :math:`u = 4\gamma \sin^2(\theta/2)`: :math:`(1 - e^{-u}) / u = e^{-u/2} \sinh(u/2) / (u/2)`."""
        from flint import acb

        square = (angle / 2).sinc() ** 2 / 4
        u = 4 * self.gamma * angle * angle * square
        return 2 * self.gamma * square * (-u / 2).exp() * (u * acb(0, 1) / 2).sinc()

    def slope_on_angle(self, angle, dual):
        r""":math:`2\gamma\,\varphi^*`."""
        return 2 * self.gamma * dual

    def on_series(self, g):
        r"""Dual and derivative dual of a series, through :math:`e' = 2\gamma g' e`: positive terms only.

        The quadratic recurrence keeps the relative accuracy of coefficients as small as ``1/n!``, which Newton's
        iteration for the exponential of a series would lose.
        """
        from flint import arb, arb_series

        rate = 2 * arb(self.gamma)
        slope = [n * c for n, c in enumerate(g.coeffs())][1:]
        kept = [(i, s) for i, s in enumerate(slope) if not s.is_zero()]
        value = [self.on_ball(g[0])[0]]
        for n in range(1, g.prec):
            terms = (s * value[n - 1 - i] for i, s in kept if i < n)
            value.append(rate * sum(terms, arb(0)) / n)
        series = arb_series(value, prec=g.prec)
        return series, rate * series


def rbf(gamma: float) -> Rbf:
    r"""The activation whose dual is the Gaussian kernel :math:`e^{-2\gamma(1-t)}`.

    Parameters
    ----------
    gamma
        Positive rate.  With unit spheres, :math:`e^{-\gamma |x - x'|^2}`.

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
