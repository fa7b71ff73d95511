r"""Rectifiers, with the arc-cosine kernels as duals [ChoSaul2009].

One family in two numbers.  With :math:`\theta = \arccos t`, the arc-cosine kernel of order ``n`` is

.. math:: J_n(\theta) = A_n(t) \sin\theta + B_n(t) (\pi - \theta), \qquad
          \kappa_n = \frac{J_n}{\pi (2n-1)!!} = \tfrac12 (\beta_n + \alpha_n)

with polynomials :math:`A_n, B_n`; :math:`\beta_n = B_n / (2n-1)!!` has the parity of ``n``, and the other half
:math:`\alpha_n = 2 (A_n \sqrt{1-t^2} + B_n \arcsin t) / (\pi (2n-1)!!)` the other parity.  The normalised dual of
:math:`z^n` on both sides of 0 with two factors is :math:`(1-c)\,\beta_n + c\,\alpha_n`: the *share* ``c`` is 1/2 for
rectified monomials, 1 for the sign and the absolute value.  Both series have non-negative coefficients, and both obey

.. math:: u_n' = \frac{n^2}{2n-1}\, u_{n-1}.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial, prod

import numpy as np

from .. import _check
from .._constants import constant, product
from .base import Activation, typed
from .polynomials import identity

_HALF = Fraction(1, 2)


def double_factorial(n: int) -> int:
    """``n!! = n (n-2) (n-4) ...``, with ``(-1)!! = 1``.

    >>> [double_factorial(n) for n in (-1, 0, 5, 6)]
    [1, 1, 15, 48]
    """
    return prod(range(n, 0, -2))


@lru_cache(maxsize=64)
def arc_cosine(n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    r"""Coefficients of the polynomials of :math:`J_n = A_n \sin\theta + B_n (\pi - \theta)`, ascending.

    From :math:`J_n = (1-t^2)^{n+1/2} (d/dt)^n [(\pi - \theta) / \sqrt{1-t^2}]` [ChoSaul2009, eq. 4]:

    .. math:: A_{n+1} = (1-t^2) A_n' + 2n\,t A_n + B_n, \qquad B_{n+1} = (1-t^2) B_n' + (2n+1)\,t B_n.

    >>> arc_cosine(1), arc_cosine(2)
    (((1,), (0, 1)), ((0, 3), (1, 0, 2)))
    """
    if n == 0:
        return (), (1,)
    a, b = arc_cosine(n - 1)
    size = n + 1
    new_a, new_b = [0] * size, [0] * size
    for i, x in enumerate(a):
        new_a[i + 1] += (2 * (n - 1) - i) * x
        if i:
            new_a[i - 1] += i * x
    for i, x in enumerate(b):
        new_a[i] += x
        new_b[i + 1] += (2 * n - 1 - i) * x
        if i:
            new_b[i - 1] += i * x
    return tuple(new_a[:n]), tuple(new_b)


@lru_cache(maxsize=64)
def _multiple_angles(n: int) -> tuple[tuple, tuple]:
    r"""Pairs of ``m`` and :math:`x_m m^2 / 4`, and of ``m`` and :math:`y_m m^3 / 12`, without zeros, where
    :math:`B_n(\cos\theta) = \sum x_m \cos m\theta` and :math:`A_n(\cos\theta) \sin\theta = \sum y_m \sin m\theta` over
    :math:`(2n-1)!!`."""
    from flint import fmpq

    a, b = arc_cosine(n)
    cosines: dict = {}
    sines: dict = {}
    for i, x in enumerate(b):
        for j in range(i + 1):
            m = abs(i - 2 * j)
            cosines[m] = cosines.get(m, Fraction(0)) + Fraction(x * comb(i, j), 2**i)
    for i, x in enumerate(a, start=1):  # cos**(i-1) sin = -(cos**i)' / i
        for j in range(i + 1):
            m = abs(i - 2 * j)
            sines[m] = sines.get(m, Fraction(0)) + Fraction(x * comb(i, j) * m, i * 2**i)
    unit = double_factorial(2 * n - 1)
    return tuple(
        tuple((m, fmpq(x.numerator * m**p, x.denominator * unit * below)) for m, x in part.items() if m and x)
        for part, p, below in ((cosines, 2, 4), (sines, 3, 12))
    )


def _value(coefficients, t):
    """A polynomial with integer coefficients, at an array, a ball or a SymPy expression."""
    out = coefficients[-1] if coefficients else 0
    for c in coefficients[-2::-1]:
        out = out * t + c
    return out


class Rectified(Activation):
    r"""A monomial of degree ``power`` with its own factor on each side of 0: :math:`(1-c)\,\beta_n + c\,\alpha_n`."""

    #: the order ``n`` of the arc-cosine kernel
    power: int
    #: the share ``c`` of the part that is not a polynomial
    share: Fraction
    #: signs of the Hermite coefficients of the parity of ``power``, and of the others
    signs = (1, 1)

    citations = ("ChoSaul2009",)
    # every other Hermite coefficient beyond ``power`` vanishes
    is_semi_admissible = False

    @property
    def is_algebraic(self) -> bool:
        """The kernels of order 0 and their compositions have other powers than in steps of one half."""
        return self.power > 0

    @property
    def is_discontinuous(self) -> bool:
        r"""For order 0: :math:`1 - \varphi^*` falls like the angle itself."""
        return self.power == 0

    @property
    def is_nonnegative(self) -> bool:
        """Since ``alpha_1(t) >= abs(t)``, and a rectified monomial is nowhere negative itself."""
        return self.share >= _HALF if self.power == 1 else self.share == _HALF

    @property
    def slope_at_one(self) -> Fraction:
        r""":math:`(\varphi^*)'(1) = n^2 / (2n-1)`; for ``n = 0`` the convention 0 (see `Step`)."""
        return Fraction(self.power**2, 2 * self.power - 1)

    def dual(self, t):
        r""":math:`(1-c)\,\beta_n + c\,\alpha_n`.

        >>> from eigenspace import relu, step
        >>> relu.dual(0), step.dual(0)
        (1/pi, 1/2)
        """
        return self._expression(self.power, t)

    def dual_derivative(self, t):
        r""":math:`\frac{n^2}{2n-1} ((1-c)\,\beta_{n-1} + c\,\alpha_{n-1})`; 0 for ``n = 0``.

        >>> from eigenspace import relu
        >>> relu.dual_derivative(0)
        1/2
        """
        import sympy

        if self.power == 0:
            return sympy.Integer(0)
        return sympy.Rational(self.slope_at_one) * self._expression(self.power - 1, t)

    def _expression(self, n: int, t):
        import sympy

        t = sympy.sympify(t)
        a, b = (sum((c * t**i for i, c in enumerate(part)), sympy.Integer(0)) for part in arc_cosine(n))
        sine, unit = sympy.sqrt(1 - t**2), double_factorial(2 * n - 1)
        if self.share == 1:
            return 2 * (a * sine + b * sympy.asin(t)) / (sympy.pi * unit)
        rectified = (a * sine / sympy.pi + b * (1 - sympy.acos(t) / sympy.pi)) / unit
        return sympy.Rational(1 - 2 * self.share) * b / unit + sympy.Rational(2 * self.share) * rectified

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations; clipped to [-1, 1] against roundings of the caller."""
        t = np.clip(t, -1.0, 1.0)
        # arccos(-t) = pi - arccos(t) without its rounding error near t = -1
        sine, opposite = np.sqrt((1.0 - t) * (1.0 + t)), np.arccos(-t)
        lines = []
        for n in (self.power, self.power - 1)[: 1 + (self.power > 0)]:
            a, b = (_value(part, t) for part in arc_cosine(n))
            share, unit = 2.0 * float(self.share), double_factorial(2 * n - 1)
            line = (a * sine + b * opposite) * (share / (np.pi * unit))
            lines.append(line if share == 1.0 else line + (1.0 - share) / unit * b)
        return lines[0], float(self.slope_at_one) * lines[1] if self.power else np.zeros_like(t)

    def on_ball(self, t):
        """Dual and derivative dual at a ball; exact at ``t = 1``, and at ``t = 0`` where they vanish."""
        from flint import arb

        slope = _exact_constants(self)[2]
        if t == 1:
            return arb(1), arb(slope)
        if self.power == 0:
            return self._on_ball(t, 0)[0], arb(0)
        dual, derivative = self._on_ball(t, self.power, self.power - 1)
        middle, spread = t.mid(), slope * t.rad()
        if dual.rad() > 2 * spread and abs(middle) <= 1:
            # near 1 the roots widen the ball at every layer; the derivative nowhere exceeds its value at 1
            dual = self._on_ball(middle, self.power)[0] + arb(0, 1) * spread
        return dual, slope * derivative

    @property
    def square_norm(self) -> Fraction:
        r""":math:`E[\varphi(z)^2]` of the activation as its users write it, :math:`z_+^n`."""
        return Fraction(double_factorial(2 * self.power - 1), 2)

    def _at_variance(self, variance):
        """Homogeneous of degree ``power``."""
        return self, constant(product, self.square_norm, *[variance] * self.power)

    def _on_ball(self, t, *orders: int) -> list:
        """The duals of the same share of several orders."""
        from flint import arb

        sine = (1 - t * t).nonnegative_part().sqrt()
        share, rest, _ = _exact_constants(self)
        front = 2 * share / arb.pi()
        arc, sine, found = front * arb.atan2(t, sine) + rest, front * sine, []
        for n in orders:
            a, b = arc_cosine(n)
            total = _value(b, t) * arc + _value(a, t) * sine if a else arc
            found.append(total / double_factorial(2 * n - 1) if n > 1 else total)
        return found

    def on_series(self, g):
        r"""Dual and derivative dual of a series, by integration: positive terms only.

        .. math:: u_0(g)' = \frac{2c\,g'}{\pi \sqrt{1 - g^2}}, \qquad u_m(g)' = \frac{m^2}{2m-1}\, u_{m-1}(g)\, g'
        """
        from flint import arb, arb_series

        slope, start = g.derivative(), g[0]
        share = 2 * _ball(self.share) / arb.pi()
        current = (share * (1 - g * g).rsqrt() * slope).integral() + self._on_ball(start, 0)[0]
        derivative = arb_series([0], prec=g.prec)
        for m in range(1, self.power + 1):
            derivative = _ball(Fraction(m * m, 2 * m - 1)) * current
            current = (derivative * slope).integral() + self._on_ball(start, m)[0]
        return current, derivative

    def angle_ratio(self, angle):
        r"""In multiple angles, with :math:`\beta_n = \sum x_m \cos m\theta` and
        :math:`A_n \sin\theta / (2n-1)!! = \sum y_m \sin m\theta`:

        .. math:: 1 - \varphi^*(\cos\theta) = \Bigl(1 - \frac{2c\theta}{\pi}\Bigr) \sum_m x_m (1 - \cos m\theta)
                  + \frac{2c}{\pi} \sum_m y_m (m\theta - \sin m\theta),

        and both brackets are entire over :math:`\theta^2`.  ``None`` for ``n = 0``: a branch point at 0.
        """
        from flint import acb, arb

        if self.power == 0:
            return None
        cosines, sines = _multiple_angles(self.power)
        share = 2 * _exact_constants(self)[0] / arb.pi() * angle
        even, odd = acb(0), acb(0)
        for m, x in cosines:
            even += x * (m * angle / 2).sinc() ** 2
        for m, y in sines:  # (x - sin x) / x**3 = 1F2(1; 2, 5/2; -x**2 / 4) / 6
            odd += y * (-((m * angle) ** 2) / 4).hypgeom([1], [2, acb(2.5)])
        return (1 - share) * even + share * odd

    def slope_on_angle(self, angle, dual):
        r""":math:`\frac{n^2}{2n-1} ((1 - \frac{2c\theta}{\pi})\,\beta_{n-1}
        + \frac{2c}{\pi} A_{n-1} \sin\theta / (2n-3)!!)`."""
        from flint import arb

        share, _, slope = _exact_constants(self)
        share = 2 * share / arb.pi()
        if self.power == 1:
            return 1 - share * angle
        cosine = angle.cos()
        a, b = (_value(part, cosine) for part in arc_cosine(self.power - 1))
        total = (1 - share * angle) * b + share * a * angle.sin()
        return slope * total / double_factorial(2 * self.power - 3)

    def hermite(self, order: int) -> list:
        r"""Exact Hermite coefficients.

        .. math:: E[z_+^n He_j(z)] = \frac{n!}{(n-j)!} E[z_+^{n-j}] \;(j \le n), \qquad
                  \frac{n!\,He_{j-n-1}(0)}{\sqrt{2\pi}} \;(j > n),

        by partial integration, over :math:`\sqrt{j!\,E[\varphi^2]}`.

        >>> from eigenspace import relu
        >>> relu.hermite(4)
        [1/sqrt(pi), sqrt(2)/2, sqrt(2)/(2*sqrt(pi)), 0, -sqrt(6)/(12*sqrt(pi))]
        """
        import sympy

        n = self.power
        found = []
        for j, square in enumerate(self._exact_series(_check.nonnegative_integer("order", order))):
            turn = -1 if j > n and (j - n - 1) // 2 % 2 else 1
            found.append(turn * self.signs[(j - n) % 2] * sympy.sqrt(square))
        return found

    def _exact_series(self, order: int) -> list:
        """Squares of the Hermite coefficients: rational, or rational over pi."""
        import sympy

        n, found = self.power, []
        for j in range(order + 1):
            weight = 2 * (self.share if (j - n) % 2 else 1 - self.share)
            # the square of E[z_+**n He_j], times 2 pi where that makes it rational
            if j > n:
                i = j - n - 1
                top, over_pi = (0 if i % 2 else factorial(n) * double_factorial(i - 1)), True
            else:
                top, over_pi = Fraction(factorial(n), factorial(n - j)) * double_factorial(n - j - 1), (n - j) % 2 == 1
                top = top if over_pi else top / 2
            square = weight * Fraction(top) ** 2 * 2 / (factorial(j) * double_factorial(2 * n - 1))
            found.append(sympy.Rational(square) / (2 * sympy.pi if over_pi else 1))
        return found


def _ball(fraction: Fraction):
    from flint import arb, fmpq

    return arb(fmpq(fraction.numerator, fraction.denominator))


@lru_cache(maxsize=256)
def _exact_constants(activation: Rectified) -> tuple:
    """The share, the rest, and the slope at 1, as numbers that do not depend on the precision."""
    from flint import fmpq

    constants = activation.share, 1 - activation.share, activation.slope_at_one
    return tuple(fmpq(x.numerator, x.denominator) for x in constants)


@dataclass(frozen=True, repr=False)
class Relu(Rectified):
    r"""The rectifier :math:`\varphi(z) = \sqrt2\,\max(z, 0)`, with the arc-cosine kernels as duals.

    .. math:: \varphi^*(t) = \frac{\sqrt{1-t^2} + (\pi - \arccos t)\,t}{\pi}, \qquad
              (\varphi^*)'(t) = \frac{\pi - \arccos t}{\pi}

    [ChoSaul2009, eqs. 5 and 6].
    """

    name = "relu"
    power = 1
    share = _HALF

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        return sympy.sqrt(2) * sympy.Max(0, z)


@dataclass(frozen=True, repr=False)
class LeakyRelu(Rectified):
    r"""The two-sided slope :math:`\varphi(z) \propto \max(z, 0) + a \min(z, 0)`; the absolute value for ``a = -1``.

    .. math:: \varphi^*(t) = (1-c)\,t + c\,\frac{2}{\pi} \bigl(\sqrt{1-t^2} + t \arcsin t\bigr), \qquad
              c = \frac{(1-a)^2}{2 (1+a^2)}

    [ChoSaul2009 for the two parts].
    """

    slope: Fraction

    power = 1

    @property
    def name(self) -> str:
        """``leaky_relu(slope)``, as one types it."""
        return "absolute" if self.slope == -1 else f"leaky_relu({typed(self.slope)})"

    @property
    def share(self) -> Fraction:
        """What the absolute value has of the square norm."""
        return (1 - self.slope) ** 2 / (2 * (1 + self.slope**2))

    @property
    def square_norm(self) -> Fraction:
        """Half the sum of the squares of the slopes."""
        return (1 + self.slope**2) / 2

    @property
    def signs(self) -> tuple[int, int]:
        r"""Of :math:`\frac{1+a}2 z + \frac{1-a}2 |z|`."""
        return (1 if self.slope > -1 else -1), (1 if self.slope < 1 else -1)

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        if self.slope == -1:
            return sympy.Abs(z)
        slope = sympy.Rational(self.slope)
        return (sympy.Max(0, z) + slope * sympy.Min(0, z)) * sympy.sqrt(2 / (1 + slope**2))


@dataclass(frozen=True, repr=False)
class Step(Rectified):
    r"""The step :math:`\varphi(z) = \sqrt2\,1_{z>0}`: :math:`\varphi^*(t) = 1 - \arccos(t)/\pi` [ChoSaul2009, eq. 5].

    The derivative of ``step`` is 0 almost everywhere, and so is the factor that carries the tangent kernel from below,
    :math:`E[\varphi'\varphi'] = 0`: gradients do not pass.  This is the convention of Novak2020 (and of training), here
    too.  It is *not* the derivative of the dual, which has a pole at 1.  So the tangent kernel of a layer of steps is
    ``T = K``: only the linear layer above it learns.
    """

    name = "step"
    power = 0
    share = _HALF

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        return sympy.sqrt(2) * sympy.Heaviside(z)


@dataclass(frozen=True, repr=False)
class Sign(Rectified):
    r"""The sign: :math:`\varphi^*(t) = \frac2\pi \arcsin t` [ChoSaul2009]; no tangent passes, as for `Step`."""

    name = "sign"
    power = 0
    share = Fraction(1)
    square_norm = Fraction(1)

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        return sympy.sign(z)


@dataclass(frozen=True, repr=False)
class RectifiedMonomial(Rectified):
    r"""The rectified monomial :math:`\varphi(z) \propto \max(z, 0)^n`, with the dual :math:`\kappa_n`, for ``n >= 2``.

    .. math:: \varphi^* = \kappa_n = \frac{J_n}{\pi (2n-1)!!}, \qquad (\varphi^*)' = \frac{n^2}{2n-1}\,\kappa_{n-1}

    [ChoSaul2009, eqs. 2-6].
    """

    power: int

    share = _HALF

    @property
    def name(self) -> str:
        """``rectified_monomial(n)``, as one types it."""
        return f"rectified_monomial({self.power})"

    def formula(self, z):
        """The normalised activation itself."""
        import sympy

        return sympy.Max(0, z) ** self.power * sympy.sqrt(sympy.Rational(2, double_factorial(2 * self.power - 1)))


#: the rectifier
relu = Relu()
#: the Heaviside step
step = Step()
#: the sign
sign = Sign()
#: the absolute value
absolute = LeakyRelu(Fraction(-1))


def leaky_relu(slope: float) -> Activation:
    r"""The leaky rectifier :math:`\max(z, 0) + a \min(z, 0)`, normalised.

    Parameters
    ----------
    slope
        The slope ``a`` on the negative side, any real number or :class:`~fractions.Fraction`; a float means the decimal
        number that it prints as.  0 is `relu`, 1 is `identity`, -1 is `absolute`.

    Examples
    --------
    >>> leaky_relu(0.01)
    eigenspace.leaky_relu(0.01)
    >>> leaky_relu(0.5).dual(1), leaky_relu(0.5).dual(-1)
    (1, -4/5)
    >>> leaky_relu(0), leaky_relu(-1)
    (eigenspace.relu, eigenspace.absolute)
    """
    slope = _check.rational("slope", slope, "use 0.01, or 0 for relu")
    return {0: relu, 1: identity}.get(slope, None) or LeakyRelu(slope)


def rectified_monomial(n: int) -> Rectified:
    r"""The rectified monomial :math:`\max(z, 0)^n`, normalised; 0 is `step`, 1 is `relu`.

    Parameters
    ----------
    n
        The degree, a non-negative integer.

    Examples
    --------
    >>> rectified_monomial(2).dual(0)
    1/6
    >>> rectified_monomial(2).series(2)
    [0.16666666666666666, 0.4244131815783876, 0.3333333333333333]
    >>> rectified_monomial(0), rectified_monomial(1)
    (eigenspace.step, eigenspace.relu)
    """
    n = _check.nonnegative_integer("n", n, "use 0 for step, 1 for relu")
    return (step, relu)[n] if n < 2 else RectifiedMonomial(n)
