"""Kernels on one sphere whose eigenvalues are known in closed form, for the tests and for ``scripts/honesty_zonal.py``.

None of the closed forms comes from the package.  Each kernel is written for mpmath and for NumPy, and its eigenvalue
``E[K P_k]`` on the sphere in ``s`` dimensions is a function of ``s`` and ``k`` in mpmath.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np
from mpmath import mpf

import eigenspace as es

DIGITS = 60


@dataclass(frozen=True)
class Known:
    """A kernel in both forms, with its eigenvalue; ``smooth``: analytic in the angle."""

    name: str
    exact: Callable
    floats: Callable
    eigenvalue: Callable
    smooth: bool = True
    least_dim: int = 1


def gegenbauer(s, k, t):
    """``P_k`` with ``P_k(1) = 1``."""
    before, value = mpf(1), mpf(t)
    if k == 0:
        return before
    for j in range(1, k):
        before, value = value, ((2 * j + s - 2) * t * value - j * before) / (j + s - 2) if s > 1 else before
    return value


def exponential(a) -> Known:
    r""":math:`e^{at}`: :math:`\Gamma(s/2) (2/a)^{s/2-1} I_{k+s/2-1}(a)`, by its power series of positive terms."""
    a = mpf(a)

    def eigenvalue(s, k):
        first = (a / 2) ** k / mpmath.rf(mpf(s) / 2, k)
        return first * mpmath.hyp0f1(k + mpf(s) / 2, a * a / 4)

    return Known(f"exp({a} t)", lambda t: mpmath.exp(a * t), lambda t: np.exp(float(a) * t), eigenvalue)


def polynomial(coefficients) -> Known:
    """A polynomial with integer coefficients, from the moments of monomials."""

    def moment(s, k, n):
        if n < k or (n - k) % 2:
            return mpf(0)
        i = (n - k) // 2
        below = mpmath.mpf(1)
        for j in range(1, i + 1):
            below *= 2 * j
        for j in range(i + k):
            below *= s + 2 * j
        return mpmath.factorial(n) / below

    def value(t):
        total = t * 0
        for c in reversed(coefficients):
            total = total * t + c
        return total

    return Known(
        f"polynomial {coefficients}", value, value,
        lambda s, k: mpmath.fsum(c * moment(s, k, n) for n, c in enumerate(coefficients)),
    )  # fmt: skip


def poisson(r) -> Known:
    r"""The Poisson kernel :math:`(1 - r^2) (1 - 2rt + r^2)^{-s/2}`, of eigenvalues ``r**k``, over its value at 1."""
    return _potential("Poisson", r, 0, lambda s, k, r: r**k * (1 - r) ** s / (1 - r * r), 2)


def newton(r) -> Known:
    r"""The potential :math:`(1 - 2rt + r^2)^{1-s/2}`, which generates Gegenbauer polynomials, over its value at 1."""
    return _potential("Newton", r, 1, lambda s, k, r: r**k * (1 - r) ** (s - 2) * (s - 2) / (2 * k + s - 2), 3)


def _potential(name, r, less, eigenvalue, least_dim):
    r, low = mpf(r), float(r)

    def exact(s):
        return lambda t: ((1 - r) ** 2 / (1 - 2 * r * t + r * r)) ** (mpf(s) / 2 - less)

    def floats(s):
        return lambda t: ((1 - low) ** 2 / (1 - 2 * low * t + low**2)) ** (s / 2 - less)

    return Known(f"{name}({low})", exact, floats, lambda s, k: eigenvalue(s, k, r), least_dim=least_dim)


def arc_cosine(order: int) -> Known:
    """The arc-cosine kernels, from their power series: ``order`` 0 or 1."""

    def exact(t):
        angle = mpmath.pi - mpmath.acos(t)
        return angle / mpmath.pi if order == 0 else (mpmath.sqrt(1 - t * t) + t * angle) / mpmath.pi

    def floats(t):
        angle = np.pi - np.arccos(t)
        return angle / np.pi if order == 0 else (np.sqrt((1 - t) * (1 + t)) + t * angle) / np.pi

    def eigenvalue(s, k):
        """In closed form: arcsin and its integral have hypergeometric coefficients."""
        if order == 0:
            return step_integral(s, k)
        if k == 0:
            # E[sqrt(1 - t^2)] / pi + E[t asin(t)] / pi
            return (mean_sine(s) + mean_sine(s) / (s - 1)) / mpmath.pi if s > 1 else mpf(1) / 2
        return step_integral(s + 2, k - 1) / s

    def step_integral(s, k):
        """``E[(pi - acos t) / pi P_k]``: 1/2 for ``k = 0``, a ratio of Gamma functions for odd ``k``."""
        if k == 0:
            return mpf(1) / 2
        if k % 2 == 0:
            return mpf(0)
        # E over s + 2 of (1 - t^2)^(-1/2) P_{k-1}, over s and pi
        return inverse_sine(s + 2, k - 1) / (s * mpmath.pi)

    return Known(f"arc-cosine {order}", exact, floats, eigenvalue, least_dim=2)


def constant(s):
    """Normalisation of the law of the correlation."""
    return mpmath.gamma(mpf(s) / 2) / (mpmath.sqrt(mpmath.pi) * mpmath.gamma(mpf(s - 1) / 2))


def mean_sine(s):
    """``E[sqrt(1 - t^2)]``."""
    return constant(s) / constant(s + 1)


def inverse_sine(s, k):
    r""":math:`E[(1 - t^2)^{-1/2} P_k]` for even ``k``.

    From :math:`\int (1-t^2)^{a-1} C_k^\nu dt`: a ratio of Pochhammer symbols.
    """
    total = constant(s) / constant(s - 1)
    for j in range(0, k, 2):
        # E[(1 - t^2)^(-1/2) P_{j+2}] over the one of P_j
        total *= mpf((j + 1) * (j + 1)) / ((j + s - 1) * (j + s - 1))
    return total


def beyond(s, a):
    r""":math:`P(t > a)`: an incomplete beta function, by its power series of positive terms."""
    if a <= 0:
        return mpf(1) / 2 if a == 0 else 1 - beyond(s, -a)
    x, total, term, n = (1 - a) / 2, mpf(0), mpf(1), 0
    while term > total * mpmath.eps:
        total += term
        term *= x * (s - 1 + n) / (mpf(s + 1) / 2 + n)
        n += 1
    return constant(s) * (1 - a * a) ** (mpf(s - 1) / 2) * total / (s - 1)


def step(a) -> Known:
    r"""The jump :math:`1_{t > a}`: for :math:`k \ge 1` from Rodrigues' formula."""
    a = mpf(a)

    def eigenvalue(s, k):
        if k == 0:
            return beyond(s, a)
        return constant(s) * (1 - a * a) ** (mpf(s - 1) / 2) * gegenbauer(s + 2, k - 1, a) / (s - 1)

    def exact(t):
        return mpf(1) if t > a else mpf(0)

    return Known(f"step({a})", exact, lambda t: np.where(t > float(a), 1.0, 0.0), eigenvalue, False, least_dim=3)


def ramp(a) -> Known:
    r"""The kink :math:`(t - a)_+`."""
    a, below = mpf(a), step(a)

    def eigenvalue(s, k):
        if k == 0:
            return constant(s) * (1 - a * a) ** (mpf(s - 1) / 2) / (s - 1) - a * below.eigenvalue(s, 0)
        return below.eigenvalue(s + 2, k - 1) / s

    return Known(f"ramp({a})", lambda t: max(t - a, mpf(0)), lambda t: np.maximum(t - float(a), 0.0), eigenvalue, False,
                 least_dim=3)  # fmt: skip


def at_dim(known: Known, form: str, s: int) -> Callable:
    """The kernel in one of its forms, for a dimension (the kernels of potential theory depend on it)."""
    function = getattr(known, form)
    return function(s) if known.name.startswith(("Poisson", "Newton")) else function


def draw(rng: random.Random) -> Known:
    """A random kernel."""
    make = rng.choice([
        lambda: exponential(rng.choice([0.01, 0.5, 1.0, 3.0, 20.0, 150.0])),
        lambda: polynomial([rng.randrange(0, 9) for _ in range(rng.randrange(1, 9))] + [1]),
        lambda: poisson(rng.choice([0.03, 0.25, 0.5, 0.75, 0.875])),
        lambda: newton(rng.choice([0.03, 0.25, 0.5, 0.75, 0.875])),
        lambda: arc_cosine(rng.randrange(2)),
        lambda: step(rng.choice([-0.5, 0.0, 0.3, 0.0625, 0.7])),
        lambda: ramp(rng.choice([-0.5, 0.0, 0.3, 0.0625, 0.7])),
    ])  # fmt: skip
    return make()


def case(rng: random.Random):
    """A random kernel, the form it is given in, a dimension, degrees and a tolerance."""
    known = draw(rng)
    form = rng.choice(["exact", "exact", "floats"])
    dim = rng.choice([d for d in (1, 2, 3, 3, 4, 7, 10, 30, 100, 1000, 10**6) if d >= known.least_dim])
    top = 1 if dim == 1 else rng.choice([1, 3, 8, 20] + [60] * (known.smooth and form == "exact"))
    degrees = sorted(rng.sample(range(top + 1), min(top + 1, rng.randrange(1, 4))))
    rtol = rng.choice([1e-12, 1e-12, 1e-8, 1e-4, 1e-2]) if known.smooth else rng.choice([1e-12, 1e-4, 1e-2, 0.1, 0.3])
    return known, form, dim, degrees, rtol


def stated(column, i: int):
    """A stored eigenvalue as an mpf, exponent and all."""
    return mpmath.ldexp(mpf(float(column.mantissa[i])), int(column.exponent[i]))


def outcome(known, form, dim, degrees, rtol) -> tuple[str, float]:
    """What became of a case, in a word, and the largest ratio of a true error to the stated one."""
    function = at_dim(known, form, dim)
    given = function if form == "exact" else lambda t: function(np.asarray(t, dtype=float))
    with mpmath.workdps(DIGITS), np.errstate(under="ignore"):
        truth = [known.eigenvalue(dim, k) for k in degrees]
    try:
        table = es.zonal_spectrum(given, dim, degrees, rtol=rtol)
    except es.ConvergenceError:
        # in high dimension, the potentials live far from where the sphere does
        steep = known.name.startswith(("Poisson", "Newton")) and dim > 100
        return ("WRONG: smooth kernel refused" if known.smooth and form == "exact" and not steep else "refused"), 0.0
    except ValueError as error:
        assert "positive" in str(error), error
        negative = min(truth) < 0 or function(mpmath.mpf(1) if form == "exact" else 1.0) <= 0
        return ("negative" if negative else "WRONG: positive eigenvalue taken for negative"), 0.0
    worst = 0.0
    with mpmath.workdps(DIGITS):
        for i, value in enumerate(truth):
            found = stated(table.column, i)
            room = found * mpmath.mpf(float(table.error[i]))
            gap = abs(found - value)
            worst = max(worst, float(gap / room) if room else (0.0 if gap == 0 else float("inf")))
    lost = any(table.error > 1)
    if any(table.error[~(table.error > 1)] > rtol):
        return "WRONG: rtol missed without a word", worst
    return ("WRONG: error larger than stated" if worst > 1 else "zero within error" if lost else "found"), worst


__all__ = ["DIGITS", "Known", "at_dim", "case", "draw", "outcome", "stated"]
