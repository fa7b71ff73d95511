r"""Hermite coefficients of a user's function, by quadrature in extended precision.

.. math:: a_k = E[f(\sqrt q z)\, h_k(z)] = \int_0^\infty \bigl(f(\sqrt q z) + (-1)^k f(-\sqrt q z)\bigr)\, h_k(z)\,
          \frac{e^{-z^2/2}}{\sqrt{2\pi}}\, dz, \qquad h_k = \frac{He_k}{\sqrt{k!}}

The trapezoidal rule converges geometrically for functions that are analytic around the real line
[TrefethenWeideman2014]; between points where a function breaks, the double-exponential rule does [TakahasiMori1974].
Both square their error when the step is halved: it is halved until the change of all coefficients, relative to the
largest, is below the power 0.75 of the accuracy that is asked, and the power 1.4 of the change, times 1000, counts as
the error.  That is an estimate, not a proof; roundings are enclosed by balls.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, inf, lgamma, log, log2, pi, sqrt

from .._constants import ball
from .._flint import precision
from .._samples import _at_arb, _at_mpf, _rounds, _RoundsError
from ..errors import ConvergenceError

#: points at which a function is tried, without any meaning
_TRIED = (-2.9042, -1.2651, -0.4983, -0.0173, 0.0911, 0.7719, 1.8807, 3.1391)
#: bits of the trials, and digits that a number of arbitrary precision has to keep through the function
_TRIAL_BITS = 256
#: most halvings of the step, and most points of a rule
_HALVINGS, _MOST_POINTS = 12, 12_000
#: the change at which the step is small enough, as a power of the accuracy; the error as a power of it, and the factor
_SHARE, _STEEPER, _WIDENED = 0.75, 1.4, 1000
#: from which change on it is watched whether changes fall fast
_SMALL = 2.0**-10
#: the rule by which a break at 0 is found: of a few coefficients to a few bits
_TRIAL = ("value", 8, 64)
#: bits beyond which a coefficient that still agrees with 0 counts as 0, added to twice those of the root of ``k!``
_ZERO_BITS = 512


@dataclass(frozen=True)
class Source:
    """A function of one number, the points where it breaks, and the variance ``q`` (a fraction or a constant)."""

    function: Callable
    breaks: tuple
    variance: object
    name: str


@dataclass(frozen=True)
class Projections:
    """Balls ``a_0, ..., a_order``, with exact zeros where a coefficient vanishes; estimated errors are in the radii."""

    coefficients: tuple


@lru_cache(maxsize=64)
def kind_of(function, name: str) -> str:
    """``"arb"`` or ``"mpf"``: the richest numbers that a function takes without rounding them."""
    reason = "it takes neither"
    for kind, at in (("arb", _at_arb), ("mpf", _at_mpf)):
        with precision(_TRIAL_BITS):
            try:
                rounds = [_rounds(function, at, place, lambda x: x) for place in _TRIED]
            except _RoundsError:
                reason = "it turns them into floats"
                continue
            except Exception as error:  # noqa: BLE001  whatever a function raises, it does not take these numbers
                reason = f"{type(error).__name__}: {error}"
                continue
        if not any(rounds):
            return kind
        reason = "it rounds them on the way"
    raise TypeError(
        f"function must take numbers of arbitrary precision (flint.arb or mpmath.mpf), got {name} ({reason}); write it "
        f"with NumPy functions such as np.tanh, np.exp, np.log1p, np.maximum, or with those of mpmath"
    )


def second_moment(source: Source, bits: int):
    r""":math:`E[f(\sqrt q z)^2]`, a ball."""
    return _projected(source, "square", 0, _grid(bits)).coefficients[0]


def slope_moment(source: Source, bits: int):
    r""":math:`q E[f'(\sqrt q z)^2]`, a ball; jumps do not count (see `Step`)."""
    return _projected(source, "slope square", 0, _grid(bits)).coefficients[0]


def coefficients(source: Source, order: int, bits: int) -> tuple:
    """Balls ``a_0, ..., a_order``."""
    return _projected(source, "value", _bucket(order), _grid(bits)).coefficients[: order + 1]


def slope_coefficients(source: Source, order: int, bits: int) -> tuple:
    r"""Balls :math:`\sqrt q E[f'(\sqrt q z) h_k(z)]`, by the derivative between the breaks, for functions that jump."""
    return _projected(source, "slope", _bucket(order), _grid(bits)).coefficients[: order + 1]


def _grid(bits: int) -> int:
    """Precisions and orders come in steps, so that neighbours share their coefficients."""
    return 64 * ceil(bits / 64)


def _bucket(order: int) -> int:
    return 64 * ceil((order + 1) / 64)


@lru_cache(maxsize=256)
def jumps(source: Source) -> bool:
    """Whether the function jumps at one of its breaks: whether its values on both sides stay apart."""
    with precision(_TRIAL_BITS):
        from flint import arb

        values = _Values(source)
        near, close = arb(2) ** -60, arb(2) ** -120
        for point in values.breaks or [arb(0)]:
            for center in {1: point, -1: -point}.values():
                far, gap = (
                    abs(values.at(center + distance) - values.at(center - distance)) for distance in (near, close)
                )
                if gap > far / 1024 and gap > abs(values.at(center + near)) * arb(2) ** -50:
                    return True
    return False


class _Values:
    """Values of a source at real balls; breaks on the scale of the standard normal variable, not negative."""

    def __init__(self, source: Source):
        self.root = ball(source.variance).sqrt() if source.variance != 1 else ball(1)
        self.function, self.name = source.function, source.name
        self._take = {"arb": _at_arb, "mpf": _wide_mpf}[kind_of(source.function, source.name)]
        self.breaks = [ball(point) / self.root for point in sorted({abs(point) for point in source.breaks})]

    def at(self, z):
        """The function at the variance."""
        value = self._take(self.function, self.root * z)
        if not value.is_finite():
            place = float((self.root * z).mid())
            raise ValueError(
                f"function must be finite, got {value.str(6)} for {self.name} at {place:.6g}; write down its limit "
                f"where the formula is 0/0 or overflows, and name its singular points with breaks=(...)"
            )
        return value

    def slope(self, z, room):
        """The derivative at the variance, by a central difference within ``room`` on both sides."""
        from flint import arb, ctx

        step = min(room / 2, arb(1), key=float) * arb(2) ** -(ctx.prec // 3)
        step = step.mid()
        return (self.at(z + step) - self.at(z - step)) / (2 * step)


def _wide_mpf(function, point):
    """The value in mpmath with spare digits, and a radius of one unit of the working precision."""
    from flint import arb, ctx

    value = _at_mpf(function, point, 32)
    return value + arb(0, (abs(value) * arb(2) ** -ctx.prec).upper())


@lru_cache(maxsize=128)
def _projected(source: Source, what: str, order: int, bits: int) -> Projections:
    """The projections of a function (``what``) of a source, to an absolute error of about ``2**-bits``.

    Cost: some hundred points, times ``order`` ball operations each.
    """
    # the recurrence of the polynomials widens balls by at most exp(order / 2) under the weight
    working = bits + ceil(0.75 * order) + 64
    if what.startswith("slope"):
        working *= 3
    with precision(working):
        values = _Values(source)
        reach = _reach(values, bits)
        for breaks in [values.breaks] if values.breaks or (what, order, bits) == _TRIAL else _attempts(source):
            found = _refined(values, what, order, bits, breaks, reach)
            if found is not None:
                return Projections(found)
    raise ConvergenceError(
        f"the Hermite coefficients of {source.name} did not settle to {bits} bits: it has kinks or jumps that the "
        f"quadrature does not know, or poles close to the real line; name the points with breaks=(...)"
    )


@lru_cache(maxsize=128)
def _attempts(source: Source) -> list:
    """The breaks of a function that names none: none, or one at 0 where the rule without breaks does not settle."""
    try:
        _projected(source, *_TRIAL)
    except ConvergenceError:
        return [[ball(0)]]
    return [[], [ball(0)]]


def _reach(values: _Values, bits: int) -> float:
    r"""Where to cut the integral: from there on :math:`|f| e^{-z^2/4}` is below ``2**-bits``."""
    from flint import arb

    reach = 2 * sqrt(bits * log(2) + 20)
    for _ in range(12):
        point, weight = arb(reach), (-(arb(reach) ** 2) / 4).exp()
        if all(abs(values.at(sign * point)) * weight < arb(2) ** -bits for sign in (1, -1)):
            return reach
        reach *= 1.25
    raise ConvergenceError(
        f"the second moment of {values.name} is not finite, as far as can be seen: it outgrows exp(z**2 / 4); use a "
        f"function that grows more slowly, or a smaller variance"
    )


def _refined(values: _Values, what: str, order: int, bits: int, breaks: list, reach: float) -> tuple | None:
    """Rules of halved steps until two agree; None if they do not."""
    from flint import arb

    sums, parts, points, before, slow = None, _Parts(), 0, inf, 0
    cuts = [0.0 * arb(1), *(b for b in breaks if b > 0 and b < reach), arb(reach)]
    first = max(2, ceil(log2(sqrt(bits * log(2)) / (pi * sqrt(2))))) if not breaks else 3
    for level in range(first, first + _HALVINGS):
        fresh = sums is None
        nodes = _trapezoid(level, fresh, reach) if not breaks else _double_exponential(level, fresh, cuts, bits)
        points += len(nodes)
        if points > _MOST_POINTS:
            return None
        step = arb(2) ** -level
        added = _sums(values, what, order, nodes, parts)
        new = [step * x if fresh else y / 2 + step * x for x, y in zip(added, sums or added)]
        if not fresh:
            scale = max((abs(x).upper() for x in new), key=float)
            if scale.is_zero():
                return tuple(new)
            gap = max((abs(x - y).upper() / scale for x, y in zip(new, sums)), key=float).upper()
            if gap <= arb(2) ** -ceil(_SHARE * bits):
                doubt = arb(0, (scale * (arb(2) ** -bits + _WIDENED * gap**_STEEPER)).upper())
                return tuple(_judged(k, x + doubt, parts, bits) for k, x in enumerate(new))
            # kinks and jumps between the points: changes fall like powers of the step
            slow += before < _SMALL and float(gap) > before / 64
            if slow == 3:
                return None
            before = float(gap)
        sums = new
    return None


def _judged(k: int, value, parts: "_Parts", bits: int):
    """A coefficient, exactly 0 where the symmetry of the function or its smallness at this precision says so."""
    from flint import arb

    zero = parts.even_is(k > 0) if k % 2 == 0 else parts.odd_is(k > 1)
    if not zero and bits >= _ZERO_BITS + lgamma(k + 1) / log(2):
        zero = value.contains(0)
    return arb(0) if zero else value


class _Parts:
    """What the even and the odd part of a function are at all nodes: zero, a constant or linear, as far as seen."""

    def __init__(self):
        self.even_zero = self.even_constant = self.odd_zero = self.odd_linear = True
        self._even = self._odd = None

    def see(self, z, even, odd, scale) -> None:
        """The values of both parts at a node, and the size of the function there."""
        from flint import arb, ctx

        noise = scale * arb(2) ** -(ctx.prec // 2)
        vanishes = lambda x: x.contains(0) and x.rad() <= noise
        self.even_zero = self.even_zero and vanishes(even)
        self.odd_zero = self.odd_zero and vanishes(odd)
        if z.is_zero():
            return
        if self._even is None:
            self._even, self._odd = even, odd / z
        self.even_constant = self.even_constant and vanishes(even - self._even)
        self.odd_linear = self.odd_linear and vanishes(odd - self._odd * z)

    def even_is(self, beyond: bool) -> bool:
        """Whether the even part has no coefficients, or none ``beyond`` the constant."""
        return self.even_zero or beyond and self.even_constant

    def odd_is(self, beyond: bool) -> bool:
        """Whether the odd part has no coefficients, or none ``beyond`` the linear one."""
        return self.odd_zero or beyond and self.odd_linear


def _sums(values: _Values, what: str, order: int, nodes: list, parts: _Parts) -> list:
    """Sums over nodes ``(z, weight, room)`` of weight, Hermite polynomial and the even or odd part."""
    from flint import arb

    even, odd = [], []
    for z, _, room in nodes:
        ahead, behind = (values.slope(x, room) if "slope" in what else values.at(x) for x in (z, -z))
        if "square" in what:
            ahead, behind = ahead * ahead, behind * behind
        up, down = ahead + behind, ahead - behind
        parts.see(z, up, down, abs(ahead) + abs(behind) + arb(2) ** -64)
        even.append(up)
        odd.append(down)
    before, current = [arb(0)] * len(nodes), [weight for _, weight, _ in nodes]
    points, found = [z for z, _, _ in nodes], []
    for k in range(order + 1):
        found.append(sum((x * y for x, y in zip(current, odd if k % 2 else even)), arb(0)))
        if k < order:
            up, root = 1 / arb(k + 1).sqrt(), arb(k).sqrt()
            before, current = current, [(z * x - root * y) * up for z, x, y in zip(points, current, before)]
    return found


def _trapezoid(level: int, fresh: bool, reach: float) -> list:
    """The nodes of the step ``2**-level`` on the positive half line, or those that halving the step adds."""
    from flint import arb

    step, front, room = arb(2) ** -level, 1 / (2 * arb.pi()).sqrt(), arb(1)
    count = ceil(reach * 2**level)
    nodes = []
    for i in range(0 if fresh else 1, count + 1, 1 if fresh else 2):
        z = i * step
        nodes.append((z, front * (-z * z / 2).exp() / (1 if i else 2), room))
    return nodes


def _double_exponential(level: int, fresh: bool, cuts: list, bits: int) -> list:
    r"""The same for the rule :math:`z = \frac{a+b}2 + \frac{b-a}2 \tanh(\frac\pi2 \sinh u)` on every piece."""
    from flint import arb

    step, front = arb(2) ** -level, 1 / (2 * arb.pi()).sqrt()
    # where the weights have fallen below 2**-bits
    end = log(2 * (bits * log(2) + 10) / pi) + 0.1
    count = ceil(end * 2**level)
    nodes = []
    for a, b in zip(cuts, cuts[1:]):
        for i in range(-count, count + 1):
            if not fresh and i % 2 == 0:
                continue
            sinh, cosh = (abs(i) * step).sinh_cosh()
            small = (-arb.pi() * sinh).exp()
            # distance to the nearer end, without cancellation
            share = small / (1 + small)
            room = ((b - a) * share).mid()
            z = a + room if i < 0 else b - room
            weight = (b - a) * arb.pi() * cosh * small / (1 + small) ** 2
            nodes.append((z.mid(), front * weight * (-z * z / 2).exp(), arb(room)))
    return nodes
