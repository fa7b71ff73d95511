"""Activations from any Python function: their duals as Hermite series with an estimated error."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from math import ceil, inf, log2

import numpy as np

from .. import _check
from .._constants import Constant, constant, product
from .._flint import precision, scaled_ball
from ..errors import ConvergenceError, UnsupportedError
from . import projections
from .base import Activation, named_at

#: highest order of the Hermite series at a correlation, and the largest order that is tried at an inner point
_MOST_ORDER, _MOST_SHIFT = 512, 2048
#: bits of the coefficients behind float64 values, and the size of a rest that float64 does not see
_FLOAT_BITS, _UNSEEN = 128, 2.0**-56
#: spare bits of coefficients
_SPARE = 32


@dataclass(frozen=True, repr=False)
class FromFunction(Activation):
    r"""A Python function as an activation, normalised; made by `from_function`.

    .. math:: \varphi^*(t) = \sum_k \frac{a_k^2}{E[f^2]}\, t^k, \qquad
              (\varphi^*)'(t) = \sum_k (k + 1) \frac{a_{k+1}^2}{E[f^2]}\, t^k, \qquad a_k = E[f(\sqrt q z)\,h_k(z)]

    [Daniely2016], with :math:`h_k` the normalised Hermite polynomials and ``q`` the variance of the pre-activations.
    Everything that rests on it is *estimated* (`is_estimated`).
    """

    function: Callable
    label: str
    breaks: tuple[Fraction, ...] = ()
    #: variance of the pre-activations
    variance: Fraction | Constant = Fraction(1)

    citations = ("Daniely2016",)
    is_estimated = True

    @property
    def name(self) -> str:
        """``from_function(name)``, with the variance if that is not 1."""
        shown = self.label if self.label.isidentifier() else repr(self.label)
        return named_at(f"from_function({shown})", self.variance)

    @cached_property
    def _source(self) -> projections.Source:
        return projections.Source(self.function, self.breaks, self.variance, self.label)

    @property
    def is_discontinuous(self) -> bool:
        """Whether the function jumps at one of its breaks, or at 0."""
        return projections.jumps(self._source)

    @property
    def is_nonnegative(self) -> bool:
        """For even functions; not decided for others."""
        return self._parity == 1

    def _at_variance(self, variance):
        """The second moment is an integral too, and as well estimated."""
        moved = replace(self, variance=constant(product, self.variance, variance))
        return moved, Constant(_SecondMoment(moved._source), ())

    def dual(self, t):
        """Raises `UnsupportedError`: no expression is known."""
        raise UnsupportedError(
            f"{self.name} has no dual in closed form; series(order) has its coefficients, kernel_function its values, "
            f"and a subclass of Activation can supply one"
        )

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations, as far as the series settles to float64 there."""
        t = np.clip(np.asarray(t, dtype=float), -1.0, 1.0)
        # at 1 nothing is missing, and at -1 only a sign
        exact = (t == 1.0) | (t == -1.0) & (self._parity != 0)
        size, order = float(np.max(np.where(exact, 0.0, np.abs(t)), initial=0.0)), 64
        while True:
            dual, slope, missed = self._floats(order)
            if missed * size**order < _UNSEEN:
                break
            if order == _MOST_ORDER:
                raise ConvergenceError(
                    f"the dual of {self.name} is known to {missed * size**order:.0e} only at a correlation of "
                    f"{size:.6g}: its Hermite series converges slowly near 1 and -1, because of kinks or jumps; use a "
                    f"named activation such as relu, or a subclass of Activation"
                )
            order = _next_order(order, size, log2(missed / _UNSEEN))
        sign, at_one = np.where(t < 0, self._parity, 1.0), float(self._slope_at_one(_FLOAT_BITS))
        polynomial = np.polynomial.polynomial.polyval
        return (
            np.where(exact, sign, polynomial(t, dual)),
            np.where(exact, sign * t * at_one, polynomial(t, slope)),
        )

    @cached_property
    def _parity(self) -> int:
        """1 for an even function, -1 for an odd one, 0 for others."""
        missing = set(self.vanishing(63))
        return next((sign for sign, start in ((1, 1), (-1, 0)) if missing.issuperset(range(start, 64, 2))), 0)

    def _floats(self, order: int) -> tuple:
        """Coefficients of both series as floats, and the most that they miss of the values at 1."""
        with precision(_FLOAT_BITS):
            dual, slope, *rests = self._series(order, _FLOAT_BITS)
            return [float(a) for a in dual], [float(a) for a in slope], max(float(r.abs_upper()) for r in rests)

    def _series(self, order: int, bits: int) -> tuple:
        """Both series up to an order, and what they miss of the values at 1, at the working precision."""
        from flint import arb

        source = self._source
        moment = projections.second_moment(source, bits)
        found = projections.coefficients(source, order + 1, bits)
        dual = [a * a / moment for a in found]
        if self.is_discontinuous:
            slope = [a * a / moment for a in projections.slope_coefficients(source, order, bits)]
        else:
            slope = [k * a for k, a in enumerate(dual)][1:]
        dual = dual[: order + 1]
        rest, slope_rest = 1 - sum(dual, arb(0)), self._slope_at_one(bits) - sum(slope, arb(0))
        return dual, slope, rest, slope_rest

    def _slope_at_one(self, bits: int):
        return projections.slope_moment(self._source, bits) / projections.second_moment(self._source, bits)

    def on_ball(self, t):
        """Dual and derivative dual at a ball; what the series misses at its highest order is in the radii."""
        from flint import arb, ctx

        bits = ctx.prec + _SPARE
        if t == 1:
            return arb(1), self._slope_at_one(bits)
        size = abs(t).upper().min(arb(1))
        order = 64
        while True:
            dual, slope, *missed = self._series(order, bits)
            rests = [r.abs_upper() * size**order for r in missed]
            if order == _MOST_ORDER or all(r < arb(2) ** -ctx.prec for r in rests):
                break
            order = _next_order(order, float(size), ctx.prec + max(scaled_ball(r.abs_upper())[1] for r in missed))
        values = []
        for line, r in zip((dual, slope), rests):
            value = arb(0)
            for a in reversed(line):
                value = value * t + a
            values.append(value + arb(0, r.upper()))
        if t == -1 and self._parity:
            values[0] = arb(self._parity)
        return tuple(values)

    def on_series(self, g):
        r"""Dual and derivative dual of a series, by Horner's scheme; positive terms only where ``g`` has them.

        Around an inner point :math:`g_0`, the coefficients are :math:`\sum_k a_k^2 \binom kn g_0^{k-n}`.
        """
        from flint import arb, arb_series, ctx

        length, start = g.prec, g[0]
        if start.is_zero():
            dual, slope, _, _ = self._series(length - 1, ctx.prec + _SPARE)
        else:
            dual, slope = self._shifted(start, length)
        moved = arb_series([0, *g.coeffs()[1:]], prec=length)
        if moved.coeffs() == [0, 1]:
            return arb_series(dual[:length], prec=length), arb_series(slope[:length], prec=length)
        results = []
        for line in (dual, slope):
            value = arb_series([arb(0)], prec=length)
            for a in reversed(line[:length]):
                value = value * moved + a
            results.append(value)
        return tuple(results)

    def _shifted(self, start, length: int) -> tuple:
        """Taylor coefficients at an inner point, with what the series misses in their radii."""
        from flint import arb, arb_poly, ctx

        size, bits = abs(start).upper(), ctx.prec + _SPARE
        if not size < 1:
            return self._at_end(start, length)
        onset, small = length / (1 - float(size)), arb(2) ** -ctx.prec
        # binomial coefficients times powers fall from the onset on
        bound = lambda order: arb(order + 1).bin(length) * size ** (order + 1 - length)
        order = 64 * ceil((length + 64) / 64)
        dual, slope, rest, slope_rest = self._series(order, bits)
        if not (order > onset and rest.abs_upper().max(slope_rest.abs_upper()) * bound(order) < small):
            while order < _MOST_SHIFT and not (order > onset and bound(order) < small):
                order += 64
            dual, slope, rest, slope_rest = self._series(order, bits)
        found = []
        for line, missed in ((dual, rest), (slope, slope_rest)):
            moved = arb_poly(line)(arb_poly([start, 1])).coeffs()[:length]
            moved += [arb(0)] * (length - len(moved))
            radius = missed.abs_upper() * bound(order) if order > onset else arb("inf")
            found.append([a + arb(0, radius.upper()) for a in moved])
        return tuple(found)

    def _at_end(self, start, length: int) -> tuple:
        from flint import arb

        dual, slope = self.on_ball(start)
        unknown = [arb(0, arb("inf"))] * (length - 1)
        return [dual, *unknown], [slope, *unknown]

    def _equations(self):
        terms = []
        for n, a in enumerate(self.series(7)):
            if a:
                terms.append(f"{a:.4g}" + ("" if n == 0 else " t" if n == 1 else f" t^{{{n}}}"))
        yield rf"\varphi^*(t) = {' + '.join(terms)} + \cdots"


def _next_order(order: int, size: float, bits: float) -> int:
    """The order at which powers of ``size`` are ``bits`` bits below 1; at most twice the last one, and the highest."""
    wanted = ceil(-bits / log2(size)) if 0 < size < 1 else inf
    return min(max(64 * ceil(min(wanted, 2 * order) / 64), order + 64), 2 * order, _MOST_ORDER)


@dataclass(frozen=True)
class _SecondMoment:
    """The second moment as a formula without arguments."""

    source: projections.Source

    def __call__(self, ops):
        from flint import arb, ctx

        if not isinstance(ops.pi, arb):
            raise UnsupportedError(f"the second moment of {self.source.name} is a number, no expression; use float()")
        return projections.second_moment(self.source, ctx.prec + _SPARE)


@dataclass(frozen=True)
class _Expression:
    """A SymPy expression in one symbol as a function of one number."""

    expression: object

    def __call__(self, z):
        return _lambdified(self.expression)(z)


@lru_cache(maxsize=64)
def _lambdified(expression):
    import sympy

    return sympy.lambdify(sorted(expression.free_symbols, key=str), expression, "mpmath")


def from_function(f, name: str | None = None, *, breaks: Iterable = ()) -> FromFunction:
    r"""Any function of one number as an activation, scaled to :math:`E[f(z)^2] = 1`.

    Parameters
    ----------
    f
        A function written with NumPy (``np.tanh``, ``lambda z: z / (1 + np.exp(-z))``, ``np.maximum``, ``np.where``,
        comparisons), which is called with numbers of arbitrary precision; one that takes `mpmath.mpf`; or a SymPy
        expression in one symbol.  Floats in the function count as exactly the numbers that they are.  Its second moment
        under the normal law is finite.
    name
        The name in tables; that of the function by default, and needed where it has none.
    breaks
        Points where the function has kinks, jumps or other singularities.  Smooth functions need none, and a single
        one at 0 is found.

    Returns
    -------
    FromFunction
        An activation without closed forms: `dual` raises `UnsupportedError`, `series` has the coefficients of the dual.
        Bounds of all eigenvalues with it are of the kind *estimated*; ball and exact rings refuse it, and a table of it
        cannot be rebuilt by `verify`.

    Raises
    ------
    TypeError
        The function takes double precision only.
    ConvergenceError
        A singular point is missing from ``breaks``, or the second moment is infinite.

    Notes
    -----
    Hermite coefficients count as zero where the even part of the function is zero or constant or the odd part zero or
    linear (at all points of the quadrature, to the working precision), or where they agree with zero at several
    precisions from 500 bits on: an estimate, not a proof.  Functions that jump pass no tangent at the jump (as `step`).
    Cost: some hundred values of the function and as many times ``order`` ball operations, kept for the next call.

    Examples
    --------
    >>> import numpy as np
    >>> tanh = from_function(np.tanh)
    >>> tanh, [round(a, 6) for a in tanh.series(3)]
    (eigenspace.from_function(tanh), [0.0, 0.93047, 0.0, 0.055881])
    >>> from_function(lambda z: z / (1 + np.exp(-z)), "silu").vanishing(6)
    (3, 5)
    >>> from_function(lambda z: z)
    Traceback (most recent call last):
    ...
    ValueError: name must be given for a function without a name of its own; use from_function(f, "silu")
    """
    if hasattr(f, "free_symbols") and not isinstance(f, type):
        if len(f.free_symbols) != 1:
            raise ValueError(f"f must have one symbol, got {f}; substitute numbers for the others")
        name, f = str(f) if name is None else name, _Expression(f)
    if isinstance(f, Activation):
        raise TypeError(f"f must be a function of one number, got the activation {f!r}; use it as it is")
    if not callable(f):
        raise TypeError(f"f must be a function of one number or a SymPy expression, got {f!r}; use np.tanh for example")
    if name is None:
        name = getattr(f, "__name__", "<lambda>")
        if name == "<lambda>":
            raise ValueError(
                'name must be given for a function without a name of its own; use from_function(f, "silu")'
            )
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f'name must be a text that is not empty, got {name!r}; use from_function(f, "silu")')
    try:
        hash(f)
    except TypeError:
        raise TypeError(f"f must be hashable, got {f!r}; wrap it in a function") from None
    if isinstance(breaks, str | bytes) or not isinstance(breaks, Iterable):
        raise TypeError(f"breaks must be a sequence of numbers, got {breaks!r}; use breaks=(0,)")
    points = tuple(sorted({_check.rational("breaks", point, "use finite numbers such as 0") for point in breaks}))
    projections.kind_of(f, name)
    activation = FromFunction(f, name, points)
    if all(a == 0 for a in activation.series(8)[1:]) and activation.series(0)[0]:
        raise ValueError(f"f must not be constant, got {name}; a constant layer learns nothing")
    return activation
