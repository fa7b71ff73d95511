"""Every closed form of one hidden layer against quadrature to 30 digits.

    python scripts/check_closed_forms.py [--quick]

The quadrature is a tanh-sinh rule in the angle in mpmath, for the dual activations as Cho and Saul (2009) print them.
It takes as many digits as the cancellation in a small eigenvalue needs, is checked by the rule with every other node,
and shares nothing with the package.  The same loop puts numbers into the symbolic dimension.  Exit status 1 if any
value differs.
"""

import sys
import time
from functools import lru_cache

import mpmath
import sympy
from mpmath import mp

import eigenspace as es
from eigenspace.activations import ExponentialDual

DIGITS = 30
DIMS = (1, 2, 3, 4, 5, 10, 1000)
DEGREES = (*range(9), 50)


def _j(n, x):
    """The functions J_0 to J_3 of Cho and Saul at an angle, over their values at 0."""
    s, c, y = mpmath.sin(x), mpmath.cos(x), mp.pi - x
    value = (
        y,
        s + y * c,
        3 * s * c + y * (1 + 2 * c * c),
        15 * s - 11 * s**3 + y * (9 * c + 6 * c**3),
    )[n]
    return value / (mp.pi * (1, 1, 3, 15)[n])


def _two_slopes(slope):
    """max(z, 0) + a min(z, 0): dual and derivative dual from its moments."""

    def pair(x):
        a = mpmath.mpf(slope.numerator) / slope.denominator
        norm = (1 + a * a) / 2
        derivative = norm - (1 - a) ** 2 / (2 * mp.pi) * x
        value = (1 - a) ** 2 / (2 * mp.pi) * mpmath.sin(x) + derivative * mpmath.cos(x)
        return value / norm, derivative / norm

    return pair


def _exponential(rate):
    def pair(x):
        value = mpmath.exp(-mpmath.mpf(rate.numerator) / rate.denominator * (1 - mpmath.cos(x)))
        return value, mpmath.mpf(rate.numerator) / rate.denominator * value

    return pair


def duals():
    """The activations and their pair (dual, derivative dual) as functions of the angle, at the working precision."""
    ratio = sympy.Rational
    return {
        es.step: lambda x: (_j(0, x), 0),
        es.sign: lambda x: (1 - 2 * x / mp.pi, 0),
        es.relu: lambda x: (_j(1, x), _j(0, x)),
        es.absolute: _two_slopes(ratio(-1)),
        es.leaky_relu(0.3): _two_slopes(ratio(3, 10)),
        es.leaky_relu(-2): _two_slopes(ratio(-2)),
        es.rectified_monomial(2): lambda x: (_j(2, x), _j(1, x) * 4 / 3),
        es.rectified_monomial(3): lambda x: (_j(3, x), _j(2, x) * 9 / 5),
        es.rbf(0.25): _exponential(ratio(1, 2)),
        es.exponential(1.5): _exponential(ratio(9, 4)),
    }


@lru_cache(maxsize=2)
def _rule(dim, digits):
    """Angles of a tanh-sinh rule, and weights with the density of the correlation; two points for dimension 1."""
    if dim == 1:
        return [mpmath.mpf(0), mp.pi], [mpmath.mpf(1) / 2] * 2
    constant = mpmath.gamma(mpmath.mpf(dim) / 2) / mpmath.sqrt(mp.pi) / mpmath.gamma(mpmath.mpf(dim - 1) / 2)
    step = mpmath.mpf(1) / (320 if dim < 50 else 1024)
    end = int(mpmath.asinh(2 * digits * mpmath.log(10) / mp.pi) / step) // 2 * 2
    angles, weights = [], []
    for i in range(-end, end + 1):
        u = mp.pi / 2 * mpmath.sinh(i * step)
        x = mp.pi / (1 + mpmath.exp(-2 * u))
        jacobian = mp.pi**2 / 4 * mpmath.cosh(i * step) / mpmath.cosh(u) ** 2
        angles.append(x)
        weights.append(constant * step * jacobian * mpmath.sin(x) ** (dim - 2))
    return angles, weights


def references(pair, dim, degrees, smooth=False, digits=DIGITS):
    """The eigenvalues (NNGP, NTK) of ascending degrees by quadrature, correct to some digits more than asked.

    ``smooth``: the coefficients of the kernel fall like the inverse of a factorial.
    """
    top = degrees[-1]
    lost = int(sum(mpmath.log10(dim + 2 * i) for i in range(top)) - mpmath.log10(mpmath.factorial(top))) + 15
    lost += int(mpmath.log10(mpmath.factorial(top)) + 0.4 * top) if smooth else 0
    with mpmath.workdps(digits + lost + 20):
        angles, weights = _rule(dim, digits + lost + 20)
        sums = {k: [[0, 0], [0, 0]] for k in degrees}
        for i, (x, w) in enumerate(zip(angles, weights)):
            if w < mp.eps * mpmath.mpf(10) ** -5:
                continue
            kernel, slope = pair(x)
            t = mpmath.cos(x)
            values = w * kernel, w * (kernel + slope * t)
            before, current = mpmath.mpf(0), mpmath.mpf(1)
            for k in range(top + 1):
                if k in sums:
                    for part in range(2):
                        sums[k][part][i % 2] += values[part] * current
                if k < top:
                    a, b, c = (1, 0, 1) if k == 0 else (2 * k + dim - 2, k, k + dim - 2)
                    before, current = current, (a * t * current - b * before) / c
        found = {k: tuple(even + odd for even, odd in parts) for k, parts in sums.items()}
        for k, parts in sums.items():
            for value, (even, _) in zip(found[k], parts):
                size = max(abs(value), mpmath.mpf(10) ** -lost)
                settled = abs(2 * even - value) <= mpmath.mpf(10) ** (-digits - 5) * size
                assert dim == 1 or settled, f"the rule has too few nodes at dim={dim}, degree={k}"
        return found


def difference(activation, dim, degree, kernel, expected):
    """Relative difference of the closed form and the quadrature (absolute where the eigenvalue is exactly zero)."""
    d = sympy.Symbol("d", positive=True)
    form = es.closed_form(es.mlp(dim, 1, activation=activation), degree, kernel)
    if form.expr == 0:
        return abs(expected)
    with mpmath.workdps(DIGITS + 10):
        found = [mpmath.mpf(form.evaluate(DIGITS + 5)._mpf_)]
        if dim > 1:
            symbolic = es.closed_form(es.mlp(d, 1, activation=activation), degree, kernel)
            found.append(mpmath.mpf(symbolic.expr.subs(d, dim).evalf(DIGITS + 5, maxn=10000)._mpf_))
        return max(abs(x / expected - 1) for x in found)


def main(quick):
    worst, count, start = mpmath.mpf(0), 0, time.perf_counter()
    for activation, pair in duals().items():
        own = mpmath.mpf(0)
        for dim in DIMS[::2] if quick else DIMS:
            degrees = (0, 1) if dim == 1 else DEGREES[::3] if quick else DEGREES
            expected = references(pair, dim, degrees, isinstance(activation, ExponentialDual))
            for degree in degrees:
                for kernel, value in zip(("nngp", "ntk"), expected[degree]):
                    found = difference(activation, dim, degree, kernel, value)
                    if found > mpmath.mpf(10) ** -DIGITS:
                        print(f"  {activation.name} dim={dim} degree={degree} {kernel}: {mpmath.nstr(found, 3)}")
                    own, count = max(own, found), count + 1
        print(f"{activation.name:24s} largest difference {mpmath.nstr(own, 3)}")
        worst = max(worst, own)
    print(f"{count} eigenvalues in {time.perf_counter() - start:.0f} s, largest difference {mpmath.nstr(worst, 3)}")
    return 1 if worst > mpmath.mpf(10) ** -DIGITS else 0


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv[1:]))
