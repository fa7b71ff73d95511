r"""Activation functions, seen through their dual activations.

The dual activation of :math:`\varphi` is :math:`\varphi^*(t) = E[\varphi(z_1) \varphi(z_2)]` for standard normal
variables of correlation ``t`` [Daniely2016].  The package normalises it to :math:`\varphi^*(1) = 1`; its derivative
is the dual of :math:`\varphi'` [JacotGabrielHongler2018].  Both are power series with non-negative coefficients,
the squared Hermite coefficients of the activation.

An activation supplies the pair :math:`(\varphi^*, (\varphi^*)')` in four forms: as SymPy expressions, on float64
arrays, on a ball and composed with a power series of balls.  The last two run at the precision of the caller.
"""

from abc import ABC, abstractmethod

import numpy as np

from .. import _check
from ..duals import power_series


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
    #: exact coefficients of the dual (fractions, from the constant on) where it is a polynomial, else ``None``
    dual_coefficients: tuple | None = None

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

        >>> from eigenspace import relu
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
