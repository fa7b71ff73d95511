"""Every closed form of one hidden layer against quadrature to 30 digits.

    python scripts/check_closed_forms.py [--quick]

The quadrature is mpmath's tanh-sinh rule in the angle, for the dual activations as Cho and Saul (2009) print them, with as
many digits as the cancellation in a small eigenvalue takes.  It shares nothing with the package.  The same loop puts
numbers into the symbolic dimension.  Exit status 1 if any value differs.
"""

import sys
import time

import mpmath
import sympy
from mpmath import mp

import eigenspace as es

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


def _two_slopes(a):
    """max(z, 0) + a min(z, 0): dual and derivative dual from its moments."""
    a = mpmath.mpf(a.numerator) / a.denominator
    norm = (1 + a * a) / 2

    def pair(x):
        slope = norm - (1 - a) ** 2 / (2 * mp.pi) * x
        return ((1 - a) ** 2 / (2 * mp.pi) * mpmath.sin(x) + slope * mpmath.cos(x)) / norm, slope / norm

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


def polynomial(dim, degree, t):
    """The Gegenbauer polynomial with value 1 at 1, by its recurrence."""
    before, current = mpmath.mpf(1), t
    if degree == 0:
        return before
    for k in range(1, degree):
        before, current = current, ((2 * k + dim - 2) * t * current - k * before) / (k + dim - 2)
    return current


def reference(pair, dim, degree, kernel, digits=DIGITS):
    """The eigenvalue by quadrature, to some digits more than asked."""
    lost = int(degree * mpmath.log10(dim + 2 * degree + 2)) + 10
    with mpmath.workdps(digits + lost + 10):

        def value(x):
            k, slope = pair(x)
            return k if kernel == "nngp" else k + slope * mpmath.cos(x)

        if dim == 1:
            return (value(mpmath.mpf(0)) + (-1) ** degree * value(mp.pi)) / 2
        constant = mpmath.gamma(mpmath.mpf(dim) / 2) / mpmath.sqrt(mp.pi) / mpmath.gamma(mpmath.mpf(dim - 1) / 2)
        integrand = lambda x: value(x) * polynomial(dim, degree, mpmath.cos(x)) * mpmath.sin(x) ** (dim - 2)  # noqa: E731
        middle = [] if dim < 50 else [mp.pi / 2 - 8 / mpmath.sqrt(dim), mp.pi / 2 + 8 / mpmath.sqrt(dim)]
        return constant * mpmath.quad(integrand, [0, *middle, mp.pi], maxdegree=10)


def difference(activation, pair, dim, degree, kernel):
    """Relative difference of the closed form and the quadrature (absolute where the eigenvalue is exactly zero)."""
    d = sympy.Symbol("d", positive=True)
    form = es.closed_form(es.mlp(dim, 1, activation=activation), degree, kernel)
    expected = reference(pair, dim, degree, kernel)
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
            for degree in DEGREES[::3] if quick else DEGREES:
                if dim == 1 and degree > 1:
                    continue
                for kernel in ("nngp", "ntk"):
                    found = difference(activation, pair, dim, degree, kernel)
                    if found > mpmath.mpf(10) ** -DIGITS:
                        print(f"  {activation.name} dim={dim} degree={degree} {kernel}: {mpmath.nstr(found, 3)}")
                    own, count = max(own, found), count + 1
        print(f"{activation.name:24s} largest difference {mpmath.nstr(own, 3)}")
        worst = max(worst, own)
    print(f"{count} eigenvalues in {time.perf_counter() - start:.0f} s, largest difference {mpmath.nstr(worst, 3)}")
    return 1 if worst > mpmath.mpf(10) ** -DIGITS else 0


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv[1:]))
