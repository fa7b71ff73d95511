r"""Activation functions, seen through their dual activations.

The dual activation of :math:`\varphi` is :math:`\varphi^*(t) = E[\varphi(z_1) \varphi(z_2)]` for standard normal
variables of correlation ``t`` [Daniely2016].  The package normalises it to :math:`\varphi^*(1) = 1`; its derivative
is the dual of :math:`\varphi'` [JacotGabrielHongler2018].  Both are power series with non-negative coefficients,
the squared Hermite coefficients of the activation.

An activation supplies the pair :math:`(\varphi^*, (\varphi^*)')` in four forms: as SymPy expressions, on float64
arrays, on a ball and composed with a power series of balls.  The last two run at the precision of the caller.

Which coefficients vanish decides what a deep network learns early: a dual is *admissible* [Xiao2022] if all its
derivatives at 0 are positive and :math:`\varphi^*(0) = 0`, *semi-admissible* if only the former.
"""

from abc import ABC, abstractmethod
from fractions import Fraction
from numbers import Rational

import numpy as np

from .. import _check
from .._constants import Constant
from .._formula import Formula
from ..duals import power_series
from ..errors import UnsupportedError


def typed(number) -> str:
    """A Fraction as one types it in a call.

    >>> from fractions import Fraction
    >>> typed(Fraction(2)), typed(Fraction(1, 100)), typed(Fraction(1, 3))
    ('2', '0.01', 'Fraction(1, 3)')
    """
    if number.denominator == 1:
        return str(number.numerator)
    shown = repr(float(number))
    return shown if type(number)(shown) == number else repr(number)


def named_at(name: str, variance) -> str:
    """The name of an activation at a variance: `name` itself at 1.

    >>> from fractions import Fraction
    >>> named_at("erf", Fraction(5, 2)), named_at("rbf(0.25)", Fraction(2)), named_at("erf", Fraction(1))
    ('erf(variance=2.5)', 'rbf(0.25, variance=2)', 'erf')
    """
    if variance == 1:
        return name
    shown = typed(variance) if isinstance(variance, Fraction) else f"{float(variance):.12g}"
    return f"{name[:-1]}, variance={shown})" if name.endswith(")") else f"{name}(variance={shown})"


class Activation(Formula, ABC):
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

    def on_symbol(self, t) -> tuple:
        """Dual and derivative dual at a SymPy expression."""
        return self.dual(t), self.dual_derivative(t)

    #: whether all Hermite coefficients beyond the first are known not to vanish; None: read it off the first ones
    is_semi_admissible: bool | None = None
    #: whether the coefficients of the dual fall like a power of their index, in steps of one half
    is_algebraic = False
    #: whether the dual is known to be analytic around [-1, 1], the ends included; `on_ball` beyond 1 is then its sum,
    #: or not finite where its series diverges
    is_analytic = False
    #: whether what is known of the dual rests on estimates, so that nothing computed from it is proved
    is_estimated = False
    #: whether the activation jumps, so that small angles come out like their square roots
    is_discontinuous = False
    #: whether the dual is nowhere negative on [-1, 1]
    is_nonnegative = False
    #: whether the dual is the identity, so that the angle of the kernel stays
    keeps_angle = False
    #: exact coefficients of the dual (fractions, from the constant on) where it is a polynomial, else ``None``
    dual_coefficients: tuple | None = None

    #: whether the kernel may become negative where its argument is not
    may_turn_negative = False

    @property
    def dual_degree(self) -> int | None:
        """The degree of the dual where it is a polynomial, else ``None``."""
        return None if self.dual_coefficients is None else len(self.dual_coefficients) - 1

    def at_variance(self, variance) -> tuple:
        r"""The activation at pre-activations of variance ``q``: :math:`z \mapsto \varphi(\sqrt q z)`, normalised.

        ``variance`` is a fraction or a `Constant`.  Returns the `Activation` (itself where it is homogeneous) and the
        second moment :math:`E[\varphi(\sqrt q z)^2]` of the activation *as its users write it* (``max(z, 0)`` for
        ReLU), a fraction or a `Constant`.

        >>> from fractions import Fraction
        >>> from eigenspace import monomial, relu
        >>> relu.at_variance(Fraction(3)), monomial(2).at_variance(Fraction(3))
        ((eigenspace.relu, Fraction(3, 2)), (eigenspace.monomial(2), Fraction(27, 1)))
        """
        if isinstance(variance, Rational):
            variance = Fraction(int(variance.numerator), int(variance.denominator))
        elif not isinstance(variance, Constant):
            raise TypeError(f"variance must be a fraction, got {variance!r}; use fractions.Fraction('1.5')")
        if isinstance(variance, Fraction) and variance <= 0:
            raise ValueError(f"variance must be positive, got {variance}; use 1 for the activation itself")
        return self._at_variance(variance)

    def _at_variance(self, variance) -> tuple:
        """The same for a Fraction above 0 or a Constant."""
        raise UnsupportedError(
            f"{self.name} is known at unit variance only; leave out sigma_w and sigma_b, or use another activation"
        )

    def triple(self, form: str, t, role: str = "all") -> tuple:
        r"""The layer triple at ``t``, in one of the forms ``"on_array"``, ``"on_ball"``, ``"on_series"``.

        ``"on_symbol"`` is one more, for SymPy expressions.  The layer maps the kernel and the tangent kernel
        :math:`(S, H)` to :math:`K = f(S)`, :math:`T = g(S) + h(S) H`; for an activation,
        :math:`(\varphi^*, \varphi^*, (\varphi^*)')`.  ``role`` picks the parts of the tangent kernel that come from
        training a single dense layer, seen from this layer: ``"top"`` the one on top of it, ``"own"`` the one that it
        begins with, ``"below"`` one of those before, ``"none"`` one of those after; ``"all"`` is all of them.
        """
        dual, slope = getattr(self, form)(t)
        zero = dual * 0
        return dual, dual if role in ("all", "top") else zero, zero if role in ("top", "none") else slope

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

    def tangent_bounds(self, before: float, after: float, slope: float) -> tuple[float, float]:
        """Bounds of ``|g|`` and ``|h|`` from bounds of the argument, of the dual and of its derivative."""
        return after, slope

    def bound(self, kernel: float) -> float:
        """A bound of the dual from that of its argument where the angle is kept."""
        return kernel

    def series(self, order: int, ring=None) -> list:
        r"""Coefficients :math:`a_0, \dots, a_{order}` of :math:`\varphi^*(t) = \sum_n a_n t^n`.

        Floats by default and in the float ring, exact SymPy numbers in the exact ring.  Exact zeros are exact.

        >>> from eigenspace import relu
        >>> relu.series(4)
        [0.3183098861837907, 0.5, 0.15915494309189535, 0.0, 0.013262911924324612]
        """
        order = _check.nonnegative_integer("order", order)
        name = getattr(ring, "name", ring)
        if name == "exact":
            return self._exact_series(order)
        if name not in (None, "float"):
            raise UnsupportedError(f"series: ring must be the float or the exact ring, got {ring!r}; use ring=None")
        return [float(a) for a in power_series((self,), order).f]

    def _exact_series(self, order: int) -> list:
        """The same as SymPy numbers: coefficients of a polynomial dual, else squares of the Hermite coefficients."""
        import sympy

        t = sympy.Symbol("t")
        dual = sympy.expand(self.dual(t))
        if dual.is_polynomial(t):
            return [dual.coeff(t, n) for n in range(order + 1)]
        return [a**2 for a in self.hermite(order)]

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients :math:`E[\varphi(z) He_n(z)] / \sqrt{n!}`, ``n <= order``, as SymPy numbers.

        Of the normalised activation: their squares are the coefficients of the dual [Daniely2016].
        """
        raise UnsupportedError(f"{self.name} has no exact Hermite coefficients; series(order) has their squares")

    def vanishing(self, order: int) -> tuple[int, ...]:
        r"""The ``n <= order`` whose Hermite coefficients are exactly zero.

        >>> from eigenspace import relu, sign
        >>> relu.vanishing(9), sign.vanishing(5)
        ((3, 5, 7, 9), (0, 2, 4))
        """
        order = _check.nonnegative_integer("order", order)
        return tuple(n for n, a in enumerate(power_series((self,), order).f) if a.is_zero())

    @property
    def is_admissible(self) -> bool | None:
        """Whether the dual has only positive derivatives at 0, and vanishes there [Xiao2022, sec. 3].

        ``None`` where the first 32 derivatives do not decide it.
        """
        if 0 not in self.vanishing(0):
            return False
        if self.is_semi_admissible is None:
            return False if set(self.vanishing(32)) - {0} else None
        return self.is_semi_admissible

    def formula(self, z):
        """The normalised activation itself as a SymPy expression in ``z``; None where it is not known."""
        return None

    def _equations(self):
        import sympy

        z, t = sympy.symbols("z t", real=True)
        formula = self.formula(z)
        if formula is not None:
            yield rf"\varphi(z) = {sympy.latex(formula)}"
        yield rf"\varphi^*(t) = {sympy.latex(self.dual(t))}"
        yield rf"(\varphi^*)'(t) = {sympy.latex(self.dual_derivative(t))}"

    def _origin(self):
        yield f"eigenspace.{self.name}; normalised activation and its dual"
        if self.citations:
            yield "cite: " + ", ".join(self.citations)

    def __repr__(self) -> str:
        return f"eigenspace.{self.name}"
