r"""Activation functions, seen through their dual activations.

The dual activation of :math:`\varphi` is :math:`\varphi^*(t) = E[\varphi(z_1) \varphi(z_2)]` for standard normal
variables of correlation ``t`` [Daniely2016].  The package normalises it to :math:`\varphi^*(1) = 1`; its derivative
is the dual of :math:`\varphi'` [JacotGabrielHongler2018].  Both are power series with non-negative coefficients,
the squared Hermite coefficients of the activation.

An activation supplies the pair :math:`(\varphi^*, (\varphi^*)')` in four forms: as SymPy expressions, on float64
arrays, on a ball and composed with a power series of balls.  The last two run at the precision of the caller.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from . import _check
from .duals import power_series


class Activation(ABC):
    """What the package needs to know of an activation function; subclasses are immutable and hashable."""

    #: name in tables and provenance
    name: str
    #: citation keys of the formulas
    citations: tuple[str, ...] = ()

    @abstractmethod
    def dual(self, t):
        """The normalised dual activation as a SymPy expression in ``t``."""

    def dual_derivative(self, t):
        """The derivative of the dual activation as a SymPy expression in ``t``."""
        import sympy

        x = sympy.Symbol("x")
        return sympy.diff(self.dual(x), x).subs(x, t)

    @abstractmethod
    def on_array(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Dual and derivative dual at float64 correlations."""

    @abstractmethod
    def on_ball(self, t):
        """Dual and derivative dual at a ball (``flint.arb``), at the working precision."""

    @abstractmethod
    def on_series(self, g):
        """Dual and derivative dual of a power series ``g`` (``flint.arb_series``), at the working precision."""

    #: whether the coefficients of the dual fall like a power of their index, in steps of one half
    is_algebraic = False
    #: whether the dual is nowhere negative on [-1, 1]
    is_nonnegative = False
    #: whether the dual is the identity, so that the angle of the kernel stays
    keeps_angle = False

    def angle_ratio(self, angle):
        r"""The entire function :math:`q(\theta) = (1 - \varphi^*(\cos\theta)) / (2\theta^2)` at a complex ball.

        It carries the dual from angle to angle, :math:`\theta \mapsto 2 \arcsin(\theta \sqrt{q})`, without the branch
        point of the arc cosine at 1, and serves to prove the error of quadrature.  ``None`` where an activation does
        not supply it; such errors are estimated.
        """
        return None

    def slope_on_angle(self, angle, dual):
        """The derivative dual at a complex ball of angles, given the dual there; needed with `angle_ratio`."""
        raise NotImplementedError

    def series(self, order: int, ring=None) -> list:
        r"""Coefficients :math:`a_0, \dots, a_{order}` of :math:`\varphi^*(t) = \sum_n a_n t^n`.

        Floats in the float ring.  Exact zeros are exact.

        >>> relu.series(4)
        [0.3183098861837907, 0.5, 0.15915494309189535, 0.0, 0.013262911924324612]
        """
        order = _check.nonnegative_integer("order", order)
        return [float(a) for a in power_series((self,), order).f]

    def _repr_latex_(self) -> str:
        import sympy

        t = sympy.Symbol("t")
        return rf"$\displaystyle \varphi^*(t) = {sympy.latex(self.dual(t))}$"

    def __repr__(self) -> str:
        return f"eigenspace.{self.name}"


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


@dataclass(frozen=True, repr=False)
class Identity(Activation):
    r"""The identity: :math:`\varphi^*(t) = t`, :math:`(\varphi^*)'(t) = 1`: a linear layer."""

    name = "identity"
    keeps_angle = True

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
        from flint import arb

        return t, arb(1)

    def on_series(self, g):
        """Dual and derivative dual of a series."""
        from flint import arb_series

        return g, arb_series([1], prec=g.prec)


#: the rectifier
relu = Relu()
#: a linear layer
identity = Identity()


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
