"""A user's kernel function as samples in balls.

A function of one number may take numbers of arbitrary precision (`flint.arb`, which encloses its own roundings, or
`mpmath.mpf`), or double precision only.  What it takes is found out by calling it; every sample comes back as a ball
that contains the value of the function that the user meant, as far as its roundings can be seen from outside:

* of an ``mpf`` function, by calling it once more with more digits;
* of a float64 function, from the high differences of its values at close points, which a smooth function does not have
  [MoreWild2011].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from numbers import Integral

import numpy as np

from ._flint import precision

#: angles at which a function is tried: without any meaning, but some close to the ends, where a steep one is not 0
_TRIED = (0.0011, 0.0173, 0.2834, 0.7719, 1.2651, 1.4983, 1.8807, 2.3196, 2.9042, 3.1391)
#: distance of close angles; the sixth difference of a smooth function is smaller by its sixth power
_CLOSE = 2.0**-20
_TRIAL_BITS = 256
#: binary places of a float that counts as a constant
_FEW_BITS = 20
#: noise of a float64 sample relative to its value that is always reckoned with
_LEAST_NOISE = 2.0**-52


@dataclass(frozen=True)
class Samples:
    """A kernel function and the numbers that it takes: ``kind`` is ``"arb"``, ``"mpf"`` or ``"float64"``.

    ``reason`` says why a function counts as one of float64.
    """

    function: Callable
    kind: str
    reason: str = ""

    @property
    def unlimited(self) -> bool:
        """Whether more bits give more digits."""
        return self.kind != "float64"

    @property
    def citations(self) -> tuple[str, ...]:
        """Keys of what the noise is estimated by."""
        return () if self.unlimited else ("MoreWild2011",)

    def __call__(self, points: Sequence, bits: int) -> list:
        """Balls around the values at points (balls), for a working precision of ``bits`` that the caller has set."""
        take = {"arb": _arb_samples, "mpf": _mpf_samples, "float64": _float_samples}[self.kind]
        try:
            values = take(self.function, points, bits)
        except _RoundsError as error:
            raise TypeError(
                f"{error}; return numbers of the same type everywhere, or take lambda t: f(float(t)) for double "
                f"precision"
            ) from None
        for point, value in zip(points, values):
            if not value.is_finite():
                raise ValueError(
                    f"kernel_function must be finite on [-1, 1], got {value.str(6)} at t = {float(point):.6g}; write "
                    "down its limit where the formula is 0/0, or take away what is infinite"
                )
        return values


def recognised(kernel_function) -> Samples:
    """The samples of a function of one number, or of a SymPy expression in one symbol.

    The richest kind of numbers that the function takes without rounding them.  Raises :class:`TypeError` where it
    takes none.
    """
    if hasattr(kernel_function, "free_symbols") and not isinstance(kernel_function, type):
        return Samples(_from_sympy(kernel_function), "mpf")
    if not callable(kernel_function):
        raise TypeError(
            "kernel_function must be a function of one number or a SymPy expression in one symbol, got "
            f"{kernel_function!r}; use for example lambda t: mpmath.exp(t)"
        )
    reason = "it does not take numbers of mpmath or flint"
    for kind, at in (("arb", _at_arb), ("mpf", _at_mpf)):
        with precision(_TRIAL_BITS):
            try:
                rounds = [_rounds(kernel_function, at, angle) for angle in _TRIED]
            except _RoundsError:
                reason = "it turns numbers of mpmath and flint into floats"
                continue
            except Exception:  # noqa: BLE001  whatever a function raises, it does not take these numbers
                continue
        if not any(rounds):
            return Samples(kernel_function, kind)
        reason = "it rounds numbers of mpmath and flint on the way"
    return Samples(_on_arrays(kernel_function), "float64", reason)


def _from_sympy(expression) -> Callable:
    import sympy

    symbols = sorted(expression.free_symbols, key=str)
    if len(symbols) > 1:
        raise ValueError(
            f"kernel_function must have one symbol, got {', '.join(map(str, symbols))} in {expression}; substitute "
            "numbers for the others"
        )
    return sympy.lambdify(symbols or [sympy.Symbol("t")], expression, "mpmath")


# arbitrary precision -------------------------------------------------------------------------------------------------


def _at_arb(function, point):
    """The value at a ball, as a ball."""
    return _ball(function(point), ())


def _at_mpf(function, point, extra: int = 0):
    """The value at the midpoint of a ball, in mpmath at the working precision and some more bits."""
    import flint
    import mpmath

    mantissa, exponent = point.mid().man_exp()
    with mpmath.workprec(flint.ctx.prec + extra):
        return _ball(function(mpmath.mpf((int(mantissa), int(exponent)))), (mpmath.mpf,))


class _RoundsError(TypeError):
    """A function that takes a number of arbitrary precision returns a float."""


def _ball(value, accepted: tuple):
    """A returned value as a ball: a ball, a number of an accepted type, an integer, or a float that stands for itself.

    A float of many digits is a rounded number; one of few, like 0.0 and 0.5, a constant.
    """
    from flint import arb

    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        value = value.item()
    if isinstance(value, Integral):
        return arb(int(value))
    if isinstance(value, float) and value * 2.0**_FEW_BITS % 1:
        raise _RoundsError(f"kernel_function returns {value!r} where it is given a number with more digits")
    if isinstance(value, (arb, float, *accepted)):
        return arb(value)
    raise TypeError(f"kernel_function returns a {type(value).__name__}")


def _arb_samples(function, points, bits):
    return [_at_arb(function, point) for point in points]


def _mpf_samples(function, points, bits):
    from flint import arb

    values = [_at_mpf(function, point) for point in points]
    lost = arb(2) ** (6 - bits)
    for i in sorted({0, len(points) // 3, 2 * len(points) // 3, len(points) - 1}):
        gap = abs(values[i] - _at_mpf(function, points[i], 64))
        if values[i] != 0:
            lost = lost.max(4 * (gap / abs(values[i])).upper())
    return [value + arb(0, (lost * abs(value)).upper()) for value in values]


def _rounds(function, at, place: float, move=lambda angle: angle.cos()) -> bool:
    """Whether a function rounds coarsely inside: its sixth differences then do not fall like distance to the sixth.

    Near the point ``move(place)``.
    """
    from flint import arb

    coarse, fine = (
        abs(sum(comb(6, j) * (-1) ** j * at(function, move(arb(place + j * close))) for j in range(7))).mid()
        for close in (_CLOSE, _CLOSE / 16)
    )
    value = abs(at(function, move(arb(place))))
    return bool(fine > value * arb(2) ** (60 - _TRIAL_BITS) and 1024 * fine > coarse)


# double precision ----------------------------------------------------------------------------------------------------


def _on_arrays(function) -> Callable:
    """The function on float64 arrays: as it is if it works element by element, else called for each number."""
    tried = np.cos(_TRIED)
    try:
        whole, first = np.asarray(function(tried), dtype=float), np.asarray(function(tried[:1]), dtype=float)
        if whole.shape == tried.shape and first.shape == (1,) and np.isclose(whole[0], first[0], rtol=1e-6, atol=0):
            return lambda t: np.asarray(function(t), dtype=float)
    except Exception:  # noqa: BLE001  whatever a function raises, it does not take arrays
        pass
    try:
        float(function(float(tried[0])))
    except Exception as error:
        raise TypeError(
            "kernel_function must take a number t in [-1, 1] (float64, mpmath.mpf or flint.arb) and return one of the "
            f"same type, got {type(error).__name__}: {error} at t = {tried[0]:.4f}; use for example "
            "lambda t: mpmath.exp(t)"
        ) from error
    return lambda t: np.array([float(function(float(x))) for x in t])


def _float_samples(function, points, bits):
    """Values with their noise: three times the largest of the estimates from the differences of order 6, 7 and 8."""
    from flint import arb

    t = np.array([float(point) for point in points])
    close = np.sqrt((1 - t) * (1 + t)) * _CLOSE
    around = np.clip(t + close * np.arange(-4, 5)[:, None], -1.0, 1.0)
    values = function(around.ravel()).reshape(around.shape)
    noise = _LEAST_NOISE * np.abs(values[4]) + np.finfo(float).smallest_subnormal
    with np.errstate(invalid="ignore"):  # infinite values are reported by the caller
        for order in (6, 7, 8):
            differences = np.abs(np.diff(values, order, axis=0)).max(axis=0)
            noise = np.maximum(noise, 3 * differences / comb(2 * order, order) ** 0.5)
    # equal steps may hide the noise of a point, so its neighbours have a say
    sorted_ = np.argsort(t)
    padded = np.pad(noise[sorted_], 2)
    noise[sorted_] = np.max([padded[i : i + t.size] for i in range(5)], axis=0)
    return [arb(float(v), float(r)) if np.isfinite(v + r) else arb("nan") for v, r in zip(values[4], noise)]
