r"""Proved error of the Gauss-Legendre rule in the angle.

If an integrand is analytic and bounded by ``M`` inside the Bernstein ellipse of parameter :math:`\rho` around
[-1, 1], the rule with ``n`` nodes errs by at most

.. math:: \frac{64}{15} \, \frac{M \rho^{2 - 2n}}{1 - \rho^{-2}}

[Trefethen2008, thm. 4.5].  Here the interval is :math:`[0, \pi]`, and the integrand is
:math:`c_s K^j P_k(\cos\theta) \sin^{s-2}\theta`, possibly times ``T``.  With ``b`` the largest imaginary part in the
ellipse, :math:`|\sin\theta| \le \cosh b`, and :math:`|P_k(\cos\theta)| \le e^{kb}` because the cosine coefficients of
:math:`P_k` are non-negative and sum to 1.

``K`` goes from layer to layer as an angle: :math:`\cos\theta_{l+1} = \varphi^*(\cos\theta_l)`, that is
:math:`\theta_{l+1} = 2 \arcsin(\theta_l \sqrt{q(\theta_l)})` with the entire function
:math:`q(\theta) = (1 - \varphi^*(\cos\theta)) / (2\theta^2)`.  Where :math:`\Re q > 0` and
:math:`|\theta\sqrt q| < 1` on the boundary of an ellipse, the same holds inside (minimum and maximum principle), so the
map is analytic there, and an ellipse that contains the image of the boundary contains the image of the whole, because
ellipses are convex.  One pass of balls around the boundary therefore proves how far a layer moves an ellipse.

Where all duals of a chain are analytic around [-1, 1], that is not needed: their coefficients are not negative, so that
:math:`|\varphi^*(t)| \le \varphi^*(|t|)`, and the kernel and the tangent kernel at the correlation :math:`\cosh b`,
where all series of the chain converge, are bounds of both in the ellipse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cosh, isfinite, log, log2, pi, sqrt

from ._flint import precision
from .duals import evaluate

#: parameters of the first ellipse that are tried
_PARAMETERS = (2.6, 2.2, 1.9, 1.65, 1.45, 1.3, 1.2, 1.12, 1.06)
#: further ones for chains of analytic duals
_SLIM_PARAMETERS = (1.03, 1.015, 1.007, 1.003)
#: arcs of the upper half of a boundary, and how often one may be halved
_ARCS, _HALVINGS = 384, 4


@dataclass(frozen=True)
class Ellipse:
    """An ellipse around [0, pi] in which ``K`` and ``T`` are proved analytic, with bounds of their absolute values."""

    parameter: float
    kernel: float
    tangent: float

    @property
    def height(self) -> float:
        """Largest imaginary part, rounded up."""
        return pi / 4 * (self.parameter - 1 / self.parameter) * (1 + 1e-12)

    def log2_bound(self, dim: int, degree: int, power: int, tangent: bool) -> float:
        """Binary logarithm of a bound of the integrand times half the length of the interval, without ``c_s``."""
        total = log2(pi / 2) + degree * self.height / log(2) + max(dim - 2, 0) * log2(cosh(self.height))
        return total + power * log2(self.kernel) + (log2(self.tangent) if tangent else 0.0) + 0.01

    def log2_error(self, log2_bound: float, nodes: int) -> float:
        """Binary logarithm of the proved error of a rule."""
        return log2(64 / 15) + log2_bound - log2(1 - self.parameter**-2) - 2 * (nodes - 1) * log2(self.parameter) + 0.01

    def nodes(self, log2_bound: float, log2_error: float) -> int:
        """Smallest even number of nodes with at most the given error."""
        excess = self.log2_error(log2_bound, 1) - log2_error
        return 2 * ceil(max(excess / (2 * log2(self.parameter)) + 1, 2) / 2)


def fewest_nodes(chain: tuple, nodes: Callable[[Ellipse], int]) -> tuple[int, Ellipse]:
    """The number of nodes of a rule over a chain that `is_provable`, and the ellipse that proves its error.

    ``nodes(ellipse)`` is the number of nodes that an ellipse asks for.  An ellipse is proved only where it would be the
    best if no kernel in it were above 1.  Cost: two or three proofs (see `ellipse`).
    """
    hopes = sorted((nodes(Ellipse(parameter, 1.0, 1.0)), parameter) for parameter in _parameters(chain))
    best = None
    for hope, parameter in hopes:
        if best and hope >= best[0]:
            break
        proved = ellipse(chain, parameter)
        if proved and (best is None or nodes(proved) < best[0]):
            best = nodes(proved), proved
    return best


def is_provable(chain: tuple) -> bool:
    """Whether a chain of activations is proved analytic in any ellipse; not where one supplies no ``q``."""
    return any(ellipse(chain, parameter) for parameter in reversed(_parameters(chain)))


def ellipses(chain: tuple) -> tuple[Ellipse, ...]:
    """All ellipses in which a chain of activations is proved analytic."""
    return tuple(filter(None, (ellipse(chain, parameter) for parameter in _parameters(chain))))


def _parameters(chain: tuple) -> tuple[float, ...]:
    return _PARAMETERS + _SLIM_PARAMETERS if _is_analytic(chain) else _PARAMETERS


def _is_analytic(chain: tuple) -> bool:
    return all(activation.is_analytic for activation in chain)


@lru_cache(maxsize=1024)
def ellipse(chain: tuple, parameter: float) -> Ellipse | None:
    """The ellipse of a parameter with bounds of the kernels of a chain; None where these are not proved analytic.

    Cost: some hundred evaluations of balls per activation.
    """
    if _is_analytic(chain):
        return _by_positivity(chain, parameter)
    start, kernel = parameter, _cosine_bound(parameter)
    tangent = kernel
    for activation in chain:
        before, slope = kernel, 1.0
        if activation.keeps_angle:
            kernel = activation.bound(kernel)
        else:
            moved = image(activation, parameter)
            if moved is None:
                return None
            parameter, slope = moved
            kernel = _cosine_bound(parameter)
        lift, slope = activation.tangent_bounds(before, kernel, slope)
        tangent = (lift + slope * tangent) * (1 + 1e-12)
    return Ellipse(start, kernel, tangent)


def _by_positivity(chain: tuple, parameter: float) -> Ellipse | None:
    """The same for duals that are analytic around [-1, 1]: values at the largest absolute correlation bound all."""
    from flint import arb

    with precision(64):
        largest = arb(_cosine_bound(parameter))
        kernel, tangent = evaluate(chain, largest, largest)
    bounds = [float(x.abs_upper()) * (1 + 1e-12) for x in (kernel, tangent)]
    return Ellipse(parameter, *bounds) if all(map(isfinite, bounds)) else None


def _cosine_bound(parameter: float) -> float:
    return cosh(pi / 4 * (parameter - 1 / parameter) * (1 + 1e-12)) * (1 + 1e-12)


@lru_cache(maxsize=1024)
def image(activation, parameter: float) -> tuple[float, float] | None:
    """An ellipse that contains the image of an ellipse under one activation, and a bound of the derivative dual in it.

    ``None`` where the map is not proved analytic.
    """
    from flint import acb, arb

    with precision(64):
        farthest = slope = arb(0)
        arcs = [((i + 0.5) / _ARCS, 0.5 / _ARCS, 0) for i in range(_ARCS)]
        while arcs:
            centre, radius, depth = arcs.pop()
            # the kernel is real on the real axis: the upper half suffices
            turn = acb(0, arb(centre, radius) * arb.pi()).exp()
            angle = arb.pi() / 2 + arb.pi() / 4 * (arb(parameter) * turn + turn.conjugate() / arb(parameter))
            point = _image_of_arc(activation, angle)
            if point is not None:
                farthest, slope = farthest.max(point[0]), slope.max(point[1])
            elif depth == _HALVINGS:
                return None
            else:
                arcs += [(centre + side * radius / 2, radius / 2, depth + 1) for side in (-1, 1)]
        # the sum of the distances to the foci 0 and pi is pi / 2 times (rho + 1 / rho)
        total = float((2 * farthest / arb.pi()).upper()) * (1 + 1e-12)
        return (total + sqrt(max(total * total - 4, 0.0))) / 2 * (1 + 1e-9) + 1e-9, float(slope.upper()) * (1 + 1e-12)


def _image_of_arc(activation, angle):
    """Sum of the distances of the image to the foci, and the absolute derivative dual; None where unproved."""
    from flint import arb

    ratio = activation.angle_ratio(angle)
    if ratio is None or not ratio.real > 0:
        return None
    root = ratio.sqrt()
    half_sine = angle * root
    if not half_sine.abs_upper() < 1:
        return None
    cosine = 1 - half_sine * half_sine
    slope = activation.slope_on_angle(angle, 1 - 2 * half_sine * half_sine)
    # mean value theorem, with the derivative slope * sin(angle) / sin(moved): balls of values would be far too wide
    spread = angle.rad() * (slope * angle.sinc() / (2 * root) * cosine.rsqrt()).abs_upper()
    centre = angle.mid()
    moved = 2 * (centre * activation.angle_ratio(centre).sqrt()).asin()
    total = moved.abs_upper() + (moved - arb.pi()).abs_upper() + 2 * spread
    return (total, slope.abs_upper()) if total.is_finite() and spread < 0.02 else None
