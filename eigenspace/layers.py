r"""Layers: an activation with the variances of its weights and biases, a residual block, one layer trained alone.

With weights of variance :math:`\sigma_w^2` and biases of variance :math:`\sigma_b^2`, the pre-activations of a layer
have the kernel :math:`S' = \sigma_w^2 S + \sigma_b^2` and the tangent kernel :math:`H' = \sigma_w^2 H + \sigma_b^2`,
``S`` and ``H`` being the means over the children [JacotGabrielHongler2018; YangSalman2019].  All inputs have the same
norm, so all pre-activations of a layer have one variance :math:`q = \sigma_w^2 \kappa + \sigma_b^2`, with ``κ`` that of
the layer below.  Divided by their value at equal inputs, kernels pass from layer to layer by

.. math:: K = \varphi_q^*(\rho), \qquad T = K + (\varphi_q^*)'(\rho)\, (\alpha H + \beta), \qquad
          \rho = \alpha S + \beta, \qquad \alpha = \sigma_w^2 \kappa / q, \quad \beta = \sigma_b^2 / q,

where :math:`\varphi_q^*` is the normalised dual of :math:`z \mapsto \varphi(\sqrt q z)`: power series without negative
coefficients again.  A residual block :math:`x + a V \varphi(W x)` [HuangEtAl2020; BarzilaiEtAl2023] adds
:math:`a^2 (K, K + T)` to :math:`(S, H)`, because ``T`` counts the linear layer ``V`` on top and ``S + a^2 K`` the next.
"""

from dataclasses import dataclass
from fractions import Fraction

from ._constants import Constant, ball, constant, expression
from .activations import Activation

Number = Fraction | Constant


def layer(activation: Activation, variance: Number, weights, biases, residual) -> tuple[Activation, Number]:
    """The layer over inputs of a variance, and the variance of its output.

    ``weights`` and ``biases`` are variances, ``residual`` is the square of the weight of the branch of a residual
    block, or ``None``.  Where ``weights`` is ``None``: weights of variance 1, and the activation normalised to a mean
    square of 1 at unit variance.
    """
    normalised, weights = weights is None, Fraction(1) if weights is None else weights
    q = constant(_pre, variance, weights, biases)
    if normalised and q == 1:
        own, square = activation, Fraction(1)
    else:
        own, square = activation.at_variance(q)
        if normalised:
            square = constant(_ratio, square, activation.at_variance(Fraction(1))[1])
    if biases:
        own = Biased(own, *(constant(f, variance, weights, biases) for f in (_weight_share, _bias_share)))
    if residual is None:
        return own, square
    total = constant(_total, variance, square, residual)
    shares = (constant(f, variance, square, residual) for f in (_skip_share, _branch_share))
    return Residual(own, *shares), total


def activation_of(layer: Activation) -> Activation:
    """The activation inside a layer, at the variance of its pre-activations.

    >>> from eigenspace import mlp
    >>> activation_of(mlp(3, 2, sigma_b=0.5).layers[1])
    eigenspace.relu
    """
    while isinstance(layer, _Composed):
        layer = layer.inner
    return layer


def _pre(ops, variance, weights, biases):
    return weights * variance + biases


def _weight_share(ops, variance, weights, biases):
    return weights * variance / (weights * variance + biases)


def _bias_share(ops, variance, weights, biases):
    return biases / (weights * variance + biases)


def _ratio(ops, above, below):
    return above / below


def _total(ops, variance, square, residual):
    return variance + residual * square


def _skip_share(ops, variance, square, residual):
    return variance / (variance + residual * square)


def _branch_share(ops, variance, square, residual):
    return residual * square / (variance + residual * square)


def _like(t, number: Number):
    """A number of the kind that calculates with ``t``: arrays, exact numbers, SymPy expressions, or balls."""
    import flint
    import numpy as np

    if isinstance(t, np.ndarray | np.floating | float):
        return float(number)
    if isinstance(t, flint.fmpq | flint.fmpq_poly) and isinstance(number, Fraction):
        return flint.fmpq(number.numerator, number.denominator)
    if hasattr(t, "free_symbols"):
        return expression(number)
    return ball(number)


class _Composed(Activation):
    """A layer made of another one, whose properties it has where it does not say otherwise."""

    inner: Activation

    @property
    def citations(self):
        """Those of the activation."""
        return self.inner.citations

    @property
    def is_algebraic(self):
        """That of the activation: the singularity at 1 is the same, all others move away."""
        return self.inner.is_algebraic

    @property
    def is_analytic(self):
        """That of the activation: the argument stays in [-1, 1]."""
        return self.inner.is_analytic

    @property
    def is_discontinuous(self):
        """That of the activation."""
        return self.inner.is_discontinuous

    @property
    def is_estimated(self):
        """That of the activation."""
        return self.inner.is_estimated

    def dual(self, t):
        """``f(t)`` as a SymPy expression."""
        import sympy

        return self.triple("on_symbol", sympy.sympify(t))[0]

    def dual_derivative(self, t):
        """``f'(t)`` as a SymPy expression."""
        import sympy

        return self.triple("on_symbol", sympy.sympify(t))[2]

    def on_array(self, t):
        """``f`` and its derivative at float64 correlations."""
        return self.triple("on_array", t)[::2]

    def on_ball(self, t):
        """``f`` and its derivative at a ball."""
        return self.triple("on_ball", t)[::2]

    def on_series(self, g):
        """``f`` and its derivative of a power series."""
        return self.triple("on_series", g)[::2]


@dataclass(frozen=True, repr=False)
class Biased(_Composed):
    r"""An activation behind weights and biases: :math:`f = \varphi^*(\alpha t + \beta)`, with
    :math:`g = f + \beta (\varphi^*)'(\alpha t + \beta)`, :math:`h = f'`."""

    inner: Activation
    weight: Number
    bias: Number

    @property
    def name(self) -> str:
        """The activation, and the share of the biases in the variance."""
        return f"{self.inner.name} with a bias share of {float(self.bias):.12g}"

    @property
    def is_nonnegative(self) -> bool:
        """Whether no input of the activation is negative, or no output."""
        return self.inner.is_nonnegative or float(self.bias) >= float(self.weight) * (1 + 1e-12)

    @property
    def dual_coefficients(self):
        """Those of the composition, where the dual is a polynomial and the shares are fractions."""
        return _composed_coefficients(self, self.inner.dual_coefficients, self.weight)

    def triple(self, form, t, role="all"):
        """The triple at ``t``; see `Activation.triple`."""
        weight, bias = _like(t, self.weight), _like(t, self.bias)
        # exactly 1 at 1, where a ball of the shares would not be
        moved = t if form == "on_ball" and t == 1 else t * weight + bias
        dual, slope = getattr(self.inner, form)(moved)
        zero = dual * 0
        lift = (dual if role in ("all", "top") else zero) + (bias * slope if role in ("all", "own") else zero)
        return dual, lift, zero if role in ("top", "none") else weight * slope

    def angle_ratio(self, angle):
        """The ratio of the activation behind the angle that the shares make of an angle."""
        moved = self._moved(angle)
        ratio = None if moved is None else self.inner.angle_ratio(moved)
        return None if ratio is None else ratio * (moved / angle) ** 2

    def slope_on_angle(self, angle, dual):
        """The derivative of ``f``."""
        return ball(self.weight) * self.inner.slope_on_angle(self._moved(angle), dual)

    def _moved(self, angle):
        r""":math:`2 \arcsin(\sqrt\alpha \sin(\theta/2))`, from :math:`1 - \rho = \alpha (1 - \cos\theta)`.

        ``None`` outside the disc in which the inverse sine is analytic without further proof.
        """
        half_sine = ball(self.weight).sqrt() * (angle / 2).sin()
        return 2 * half_sine.asin() if half_sine.abs_upper() < 1 else None

    def tangent_bounds(self, before, after, slope):
        """See `Activation.tangent_bounds`."""
        return after + float(self.bias) / float(self.weight) * slope * (1 + 1e-12), slope


@dataclass(frozen=True, repr=False)
class Residual(_Composed):
    r"""A residual block: with the triple :math:`(f_1, g_1, h_1)` of its branch and shares :math:`a + b = 1`,

    .. math:: f = a\,t + b f_1, \qquad g = b (f_1 + g_1), \qquad h = a + b h_1.
    """

    inner: Activation
    skip: Number
    branch: Number

    @property
    def name(self) -> str:
        """The layer of the branch, and its share in the variance."""
        return f"a residual block of {self.inner.name} with a share of {float(self.branch):.12g}"

    @property
    def dual_coefficients(self):
        """Those of ``f``, where the dual is a polynomial and the shares are fractions."""
        return _composed_coefficients(self, self.inner.dual_coefficients, self.skip)

    def triple(self, form, t, role="all"):
        """The triple at ``t``; see `Activation.triple`.  Both matrices of the block belong to one layer."""
        skip, branch = _like(t, self.skip), _like(t, self.branch)
        dual, lift, slope = self.inner.triple(form, t, "all" if role == "all" else "own")
        f = t if form == "on_ball" and t == 1 else skip * t + branch * dual
        zero = f * 0
        match role:
            case "all":
                return f, branch * (dual + lift), skip + branch * slope
            case "top":
                return f, f, zero
            case "own":
                return f, branch * (dual + lift), branch * slope
            case "below":
                return f, zero, skip + branch * slope
        return f, zero, zero

    def angle_ratio(self, angle):
        """The shares of the ratios of the identity and of the branch."""
        ratio = self.inner.angle_ratio(angle)
        return None if ratio is None else ball(self.skip) * (angle / 2).sinc() ** 2 / 4 + ball(self.branch) * ratio

    def slope_on_angle(self, angle, dual):
        """The derivative of ``f``."""
        own = (dual - ball(self.skip) * angle.cos()) / ball(self.branch)
        return ball(self.skip) + ball(self.branch) * self.inner.slope_on_angle(angle, own)

    def tangent_bounds(self, before, after, slope):
        """See `Activation.tangent_bounds`."""
        skip = float(self.skip)
        own, steep = after + skip * before, slope + skip
        return (own + self.inner.tangent_bounds(before, own, steep)[0]) * (1 + 1e-12), slope + 2 * skip


@dataclass(frozen=True, repr=False)
class Part(_Composed):
    """A layer of which only one part of the tangent kernel counts (see the roles of `Activation.triple`)."""

    inner: Activation
    role: str

    @property
    def name(self) -> str:
        """The layer and the role."""
        return f"{self.inner.name} ({self.role})"

    @property
    def is_nonnegative(self) -> bool:
        """That of the layer."""
        return self.inner.is_nonnegative

    @property
    def is_semi_admissible(self):
        """That of the layer."""
        return self.inner.is_semi_admissible

    @property
    def dual_coefficients(self):
        """Those of the layer."""
        return self.inner.dual_coefficients

    def triple(self, form, t, role="all"):
        """The part of the triple."""
        return self.inner.triple(form, t, self.role)

    def on_array(self, t):
        """Those of the layer."""
        return self.inner.on_array(t)

    def on_ball(self, t):
        """Those of the layer."""
        return self.inner.on_ball(t)

    def on_series(self, g):
        """Those of the layer."""
        return self.inner.on_series(g)

    def dual(self, t):
        """That of the layer."""
        return self.inner.dual(t)

    def dual_derivative(self, t):
        """That of the layer."""
        return self.inner.dual_derivative(t)

    def angle_ratio(self, angle):
        """That of the layer."""
        return self.inner.angle_ratio(angle)

    def slope_on_angle(self, angle, dual):
        """That of the layer."""
        return self.inner.slope_on_angle(angle, dual)

    def tangent_bounds(self, before, after, slope):
        """Those of the layer: they bound each of its parts."""
        return self.inner.tangent_bounds(before, after, slope)


def _composed_coefficients(layer: Activation, known, share):
    """Coefficients of ``f`` as fractions, from its action on the polynomial ``t``."""
    if known is None or not isinstance(share, Fraction):
        return None
    from flint import fmpq_poly

    f = layer.triple("on_series", fmpq_poly([0, 1]))[0]
    return tuple(Fraction(int(c.p), int(c.q)) for c in f.coeffs())
