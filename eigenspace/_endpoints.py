r"""Expansions of kernels at the ends of [-1, 1] in fractional powers, exactly.

A kernel at :math:`t = \pm(1 - \varepsilon)` is a series :math:`\sum_p c_p \varepsilon^p` with fractional exponents: a
``dict`` from exponents (Fractions) to SymPy coefficients, kept up to an order.  Layers compose such series.  Where the
kernel arrives at 1 or -1 a rectifier is singular, :math:`(1-t)^{n+1/2}`; everywhere else a dual is analytic.
"""

from fractions import Fraction
from math import floor

from ._constants import expression
from .activations import Rectified
from .layers import Biased, Residual

_HALF = Fraction(1, 2)


def add(*parts) -> dict:
    """Sum of series."""
    out: dict = {}
    for part in parts:
        for p, c in part.items():
            out[p] = out.get(p, 0) + c
    return {p: c for p, c in out.items() if c != 0}


def scale(factor, a: dict) -> dict:
    """A number times a series."""
    return {p: factor * c for p, c in a.items() if factor != 0}


def multiply(a: dict, b: dict, order) -> dict:
    """Product of series, cut after an order."""
    out: dict = {}
    for p, c in a.items():
        for q, e in b.items():
            if p + q <= order:
                out[p + q] = out.get(p + q, 0) + c * e
    return {p: c for p, c in out.items() if c != 0}


def power(a: dict, exponent: Fraction, order) -> dict:
    """A positive series without constant term to a power: its leading term, times a binomial series."""
    import sympy

    least = min(a)
    front = a[least]
    rest = {p - least: sympy.cancel(c / front) for p, c in a.items() if p != least}
    out, term, j = {}, {Fraction(0): sympy.Integer(1)}, 0
    room = order - least * exponent
    while term and room >= 0:
        out = add(out, scale(sympy.binomial(sympy.Rational(exponent), j), term))
        term, j = multiply(term, rest, room), j + 1
        if not rest:
            break
    return {p + least * exponent: front ** sympy.Rational(exponent) * c for p, c in out.items()}


def _rectified_end(n: int, share, sign: int, order) -> dict:
    r"""A rectifier :math:`(1-c)\,\beta_n + c\,\alpha_n` at :math:`\pm(1 - \varepsilon)`.

    By :math:`u_n' = \frac{n^2}{2n-1} u_{n-1}` from
    :math:`\alpha_0 = 1 - \frac2\pi \arccos(1 - \varepsilon)`,
    :math:`\arccos(1 - \varepsilon) = \sqrt{2\varepsilon}\,{}_2F_1(\tfrac12, \tfrac12; \tfrac32; \tfrac\varepsilon2)`;
    at the other end the two parts change sign by their parity.
    """
    import sympy

    one, two = {Fraction(0): sympy.Integer(1)}, {Fraction(0): sympy.Integer(1)}
    half = sympy.Rational(1, 2)
    for j in range(floor(order) + 1):
        c = sympy.rf(half, j) ** 2 / (sympy.rf(3 * half, j) * sympy.factorial(j) * 2**j)
        two[j + _HALF] = -2 * sympy.sqrt(2) / sympy.pi * c
    for m in range(1, n + 1):
        rate = sympy.Rational(m * m, 2 * m - 1)
        one, two = (
            add({Fraction(0): sympy.Integer(1)}, {p + 1: -rate * c / sympy.Rational(p + 1) for p, c in part.items()})
            for part in (one, two)
        )
    first, second = sign**n, sign ** (n + 1)
    share = sympy.Rational(share)
    total = add(scale(first * (1 - share), one), scale(second * share, two))
    return {p: c for p, c in total.items() if p <= order}


def apply(layer, kernel: dict, order, name) -> tuple[dict, dict, dict]:
    """The triple of a layer at a series.

    ``name`` gives long constants a symbol of their own.
    """
    zero, one = Fraction(0), {Fraction(0): 1}
    if isinstance(layer, Biased):
        weight, bias = expression(layer.weight), expression(layer.bias)
        moved = add(scale(weight, kernel), scale(bias, one))
        if kernel.get(zero) == 1:
            moved[zero] = kernel[zero]
        dual, _, slope = apply(layer.inner, moved, order, name)
        return dual, add(dual, scale(bias, slope)), scale(weight, slope)
    if isinstance(layer, Residual):
        skip, branch = expression(layer.skip), expression(layer.branch)
        dual, lift, slope = apply(layer.inner, kernel, order, name)
        whole = add(scale(skip, kernel), scale(branch, dual))
        if kernel.get(zero) == 1:
            whole[zero] = kernel[zero]
        return whole, scale(branch, add(dual, lift)), add(scale(skip, one), scale(branch, slope))
    dual, slope = _pair(layer, kernel, order, name)
    return dual, dual, slope


def _pair(activation, kernel: dict, order, name) -> tuple[dict, dict]:
    """The dual and the derivative dual of an activation at a series."""
    import sympy

    start = sympy.sympify(kernel.get(Fraction(0), sympy.Integer(0)))
    moved = {p: c for p, c in kernel.items() if p > 0}
    parts = []
    if isinstance(activation, Rectified) and start in (1, -1):
        # away from the end: the distance is positive
        distance = scale(-start, moved)
        for n, factor in ((activation.power, 1), (activation.power - 1, activation.slope_at_one)):
            if n < 0:
                parts.append({})
                continue
            # powers of the distance start lower where a step made it a root
            end = _rectified_end(n, activation.share, int(start), order / min(distance, default=1))
            terms = [scale(c, power(distance, p, order)) if p else {p: c} for p, c in end.items()]
            parts.append(scale(sympy.Rational(factor), add(*terms)))
    else:
        x = sympy.Symbol("x")
        for form in (activation.dual(x), activation.dual_derivative(x)):
            out, term, j = {}, {Fraction(0): sympy.Integer(1)}, 0
            while term:
                out = add(out, scale(form.subs(x, start) / sympy.factorial(j), term))
                form, term, j = sympy.diff(form, x), multiply(term, moved, order), j + 1
            parts.append(out)
    dual, slope = ({p: sympy.cancel(c) if p else c for p, c in part.items()} for part in parts)
    if Fraction(0) in dual:
        dual[Fraction(0)] = name(dual[Fraction(0)])
    return dual, slope


def expansion(chain, sign: int, kernel: str, order, name) -> dict:
    """The kernel of a chain of activations over one sphere at ``t = sign * (1 - epsilon)``."""
    import sympy

    # a root of a series cut at some order is known to less: 1/2 + 1/4 + ... from steps, 1/2 from the last slope
    reach = order + Fraction(3, 2)
    k = {Fraction(0): sympy.Integer(sign), Fraction(1): -sympy.Integer(sign)}
    t = k
    for layer in chain:
        k, lift, slope = apply(layer, k, reach, name)
        t = add(lift, multiply(slope, t, reach))
    return {p: c for p, c in (k if kernel == "nngp" else t).items() if p <= order}
