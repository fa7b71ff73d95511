r"""Kernels around uncorrelated inputs: a change of variables that makes power series short.

Where all correlations vanish a kernel has the value :math:`K_0`; what is left of it is a power series in the
correlations without constant and without negative coefficients.  So

.. math:: \hat K = \frac{K - K_0}{1 - K_0}, \qquad
          \hat S = \frac{S - S_0}{1 - S_0} = \sum_v \frac{1 - K_{0,v}}{w\,(1 - S_0)} \hat K_v

(``S`` the mean over ``w`` children) are kernels again, with the value 1 at equal inputs, and a chain of layers takes
one to the other by a power series without negative coefficients:

.. math:: \hat f(z) = \frac{f(S_0 + (1 - S_0)\, z) - K_0}{1 - K_0}, \qquad K_0 = f(S_0).

The moment recursion therefore runs on centred kernels as it stands.  What changes is the size of the terms: the
moments of ``S`` fall only like powers of :math:`S_0`, which deep networks bring close to 1, those of :math:`\hat S`
like powers of its small fluctuations.  The tangent kernel stays as it is.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from ._flint import precision
from .duals import evaluate
from .shapes import Shape

#: constants below this are left in the kernel (an estimated zero is none), and so are those that leave less of it
_LEAST = 2.0**-30
#: bits at which it is decided whether a kernel is centred
_DECISIVE_BITS = 128


class _Change:
    """A change of variables between a kernel and its centred form: what chains ask of a layer, without being one."""

    keeps_angle = is_algebraic = is_analytic = True
    is_estimated = is_discontinuous = is_nonnegative = False
    dual_degree = 1

    def tangent_bounds(self, before: float, after: float, slope: float) -> tuple[float, float]:
        """The tangent kernel passes; see `Activation.tangent_bounds`."""
        return 0.0, 1.0


@dataclass(frozen=True)
class Uncentre(_Change):
    r""":math:`S = S_0 + (1 - S_0) z`, before the chain of a shape."""

    shape: Shape
    name = "around uncorrelated inputs"

    def triple(self, form: str, t, role: str = "all") -> tuple:
        """``S`` of a ball or a power series, and a tangent kernel that passes; see `Activation.triple`."""
        start = means(self.shape)[0]
        moved = t if form == "on_ball" and t == 1 else start + (1 - start) * t
        return moved, 0 * t, 0 * t + 1


@dataclass(frozen=True)
class Centre(_Change):
    r""":math:`\hat K = (K - K_0) / (1 - K_0)`, after the chain of a shape."""

    shape: Shape
    name = "centred"
    may_turn_negative = True

    def triple(self, form: str, t, role: str = "all") -> tuple:
        """The centred kernel of a ball or a power series, and a tangent kernel that passes.

        The constant coefficient of a series is taken for :math:`K_0`, which it is around the centre of the chain.
        """
        from flint import arb_series

        constant = means(self.shape)[1]
        if form == "on_series":
            moved = arb_series([0, *t.coeffs()[1:]], prec=t.prec) / (1 - constant)
        else:
            moved = t if t == 1 else (t - constant) / (1 - constant)
        return moved, 0 * t, 0 * t + 1

    def bound(self, kernel: float) -> float:
        """A bound of the absolute value from that of the kernel, for complex angles too."""
        with precision(64):
            constant = means(self.shape)[1]
            return float(((kernel + constant) / (1 - constant)).upper()) * (1 + 1e-12)


def means(shape: Shape) -> tuple:
    """``S_0`` and ``K_0`` of a shape as balls, at the working precision; an exact 0 where nothing is taken out."""
    import flint

    return _means(shape, flint.ctx.prec)


@lru_cache(maxsize=4096)
def _means(shape: Shape, bits: int) -> tuple:
    from flint import arb

    return _start(shape, bits), _constant(shape, bits) if _is_centred(shape) else arb(0)


def _start(shape: Shape, bits: int):
    from flint import arb

    if shape.dim is not None:
        return arb(0)
    return sum((count * _means(child, bits)[1] for child, count in shape.groups), arb(0)) / shape.fan_in


def _constant(shape: Shape, bits: int):
    start = _start(shape, bits)
    return evaluate(shape.chain, start, start)[0]


@lru_cache(maxsize=4096)
def _is_centred(shape: Shape) -> bool:
    """Whether the constant of a kernel is worth to be taken out; always the same, whatever the working precision."""
    with precision(_DECISIVE_BITS):
        constant = _constant(shape, _DECISIVE_BITS)
        return bool(constant > _LEAST and 1 - constant > _LEAST)


def _joins_centred(shape: Shape) -> bool:
    """Whether a shape is a mean of which some children are centred."""
    return any(_is_centred(child) for child, _ in shape.groups)


@dataclass(frozen=True)
class Plain:
    """Kernels as they are."""

    def chain(self, shape: Shape) -> tuple:
        """The layers that act on the mean of a shape."""
        return shape.chain

    def root_chain(self, shape: Shape) -> tuple:
        """The same at the output."""
        return shape.chain

    def weights(self, shape: Shape, bits: int) -> list:
        """The weight of a child of every group in the mean: fractions."""
        return [Fraction(1, shape.fan_in)] * len(shape.groups)


@dataclass(frozen=True)
class Centred:
    """Kernels around uncorrelated inputs, but for that of the output."""

    def chain(self, shape: Shape) -> tuple:
        """The layers that take the centred mean of a shape to its centred kernel."""
        chain = self.root_chain(shape)
        return (*chain, Centre(shape)) if _is_centred(shape) else chain

    def root_chain(self, shape: Shape) -> tuple:
        """The layers that take the centred mean of a shape to its kernel."""
        return (Uncentre(shape), *shape.chain) if _joins_centred(shape) else shape.chain

    def weights(self, shape: Shape, bits: int) -> list:
        """The weight of a child of every group in the centred mean: fractions where all are equal, or else balls."""
        if len(shape.groups) == 1 or not _joins_centred(shape):
            return Plain().weights(shape, bits)
        with precision(bits):
            rest = 1 - means(shape)[0]
            return [(1 - means(child)[1]) / (shape.fan_in * rest) for child, _ in shape.groups]
