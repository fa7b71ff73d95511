r"""Eigenvalues of a user's own kernel on one sphere.

Nothing is known of the kernel but its values, so the eigenvalue is an integral [AtkinsonHan2012, thm. 2.22]

.. math:: \lambda_k = E[K P_k] = c_s \int_0^\pi K(\cos\theta)\, P_k(\cos\theta) \sin^{s-2}\theta \, d\theta,

taken by Gauss rules: in the angle in moderate dimensions (kernels of networks are analytic in the angle, where they are
not in the correlation), and by the rule of the law itself in high ones.  A small eigenvalue is what nearly complete
cancellation leaves, so the rules run in balls, with as many bits as the eigenvalue asks for; the noise of the samples
enters as the radii of the balls and comes out as the radius of the eigenvalue.  What a rule with finitely many nodes
misses is estimated from the rules before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, inf, log2, sqrt

import numpy as np

from . import _check
from ._flint import precision, scaled_ball
from ._gegenbauer import gauss_points
from ._render import bound_text
from ._samples import Samples, recognised
from ._smoothness import is_resolved, largest_step, size_if_rough
from ._version import __version__
from .correlations import SphereLaw
from .errors import ConvergenceError
from .harmonics import multiplicity
from .rings import FloatColumn
from .rings.floats import UNIT
from .table import BOUNDS, EigenTable, Provenance

#: dimension from which the rule of the law takes the place of the rule in the angle
_HIGH_DIM = 400
#: largest degree
_LARGEST = 2000
#: least relative error to aim for, what float64 holds
_LEAST_RTOL = 1e-15
#: growth of the number of nodes from one rule to the next, and the numbers where it stops
_GROWTH, _MOST_NODES, _MOST_NODES_HIGH = 1.25, 1600, 300
#: how much larger than the differences of the last 3 or 5 rules the error is taken to be
_STEEP, _SLOW = 1000, 30
#: number of points all over [-1, 1] at which a parity is checked
_WIDE = 64
#: how small against ``rtol * K(1)`` the noise has to be before an eigenvalue counts as lost in it
_LOST = 2.0**-60


def zonal_spectrum(kernel_function, dim: int, degrees, *, rtol: float = 1e-12) -> EigenTable:
    r"""Eigenvalues of any kernel :math:`K(t)` of the correlation ``t`` on one sphere.

    .. math:: \lambda_k = E[K(t) P_k(t)], \qquad K(t) = \sum_k N(s, k)\, \lambda_k P_k(t)

    [AtkinsonHan2012, thm. 2.22].  The error is estimated from rules with rising numbers of nodes and from the noise of
    the function's values: an honest estimate for kernels that are smooth between the nodes, not a proof.

    Parameters
    ----------
    kernel_function
        ``K``, a function of one number or a SymPy expression in one symbol.  A function that takes `mpmath.mpf` or
        `flint.arb` is called with as many digits as the eigenvalue asks for; so is a NumPy function, as far as NumPy
        hands its work to them (``np.exp`` does, ``np.arccos`` does not).  One that takes or returns double precision
        only has eigenvalues down to about :math:`10^{-16} E|K P_k| / rtol`, and is refused below.  Python floats in
        the function count as exactly the numbers that they are.
    dim
        Dimension ``s`` of the ambient space; 1 for two points, 2 for the circle.
    degrees
        A degree, or a sequence of different degrees; one row for each, in this order.
    rtol
        Relative error to reach, or :class:`~eigenspace.ConvergenceError` says what was reached instead.

    Returns
    -------
    EigenTable
        With bounds of the kind *estimated*, and the trace ``K(1)``.  ``F`` is the degree, ``S`` is 0.  Where
        ``K(-t) = K(t)`` or ``K(-t) = -K(t)`` in every bit of every sample, the eigenvalues of the other parity are 0.
        An eigenvalue that is lost in a noise of arbitrarily many digits (of ``t**3 + t**2`` beyond degree 3) stands as
        that noise with the error 2, in print ``<1e-90``: zero cannot be told from less.

    Raises
    ------
    ConvergenceError
        ``rtol`` is out of reach: too few digits in the samples, or a kernel with a kink or a jump inside (-1, 1).
    ValueError
        The kernel is not positive definite on this sphere: an eigenvalue is negative beyond its error.

    Notes
    -----
    Cost: ``O(nodes * max(degrees))`` ball operations and ``nodes`` calls of the function for each of about six rules;
    from 400 dimensions on ``O(nodes**2)``, with hardly more nodes than ``max(degrees)``.

    Examples
    --------
    >>> import mpmath, numpy as np
    >>> table = zonal_spectrum(lambda t: np.exp(t), 10, [0, 1, 2])
    >>> [row.text(6) for row in table], table[2].bound
    (['1.05105', '1.04242e-1', '8.63565e-3'], 'estimated')
    >>> zonal_spectrum(lambda t: mpmath.exp(t), 1000, [60])[0].text(6)
    '3.31426e-182'
    >>> zonal_spectrum(lambda t: abs(t), 3, [0])
    Traceback (most recent call last):
    ...
    eigenspace.errors.ConvergenceError: ...
    """
    dim = _check.positive_integer("dim", dim, "use 1 for two points, 2 for the circle, s for the sphere in R^s")
    degrees = _degrees(degrees, dim)
    rtol = _rtol(rtol)
    samples = recognised(kernel_function)
    trace = _trace(samples)
    rules = _Rules(samples, dim, tuple(sorted(degrees)))
    found, order = _search(rules, rtol, trace)
    _refuse_negative(found, dim)
    return _table(kernel_function, rules, degrees, rtol, found, order, trace)


# requests --------------------------------------------------------------------------------------------


def _degrees(degrees, dim: int) -> tuple[int, ...]:
    if not isinstance(degrees, (Sequence, np.ndarray)) or isinstance(degrees, str) or np.ndim(degrees) == 0:
        degrees = (_check.nonnegative_integer("degrees", degrees, "use a degree or a sequence of degrees"),)
    degrees = _check.nonnegative_integers("degrees", degrees)
    for k in degrees:
        if dim == 1:
            _check.integer("degrees", k, 0, 1, "two points carry no other harmonics")
        _check.integer("degrees", k, 0, _LARGEST, f"degrees up to {_LARGEST} are supported")
    if len(set(degrees)) < len(degrees):
        raise ValueError(f"degrees must be different, got {degrees!r}; drop the repeated ones")
    return degrees


def _rtol(rtol) -> float:
    rtol = _check.positive_real("rtol", rtol, "1e-12 is the default")
    if not _LEAST_RTOL <= rtol < 1:
        raise ValueError(f"rtol must be from {_LEAST_RTOL} to 1, got {rtol!r}; 1e-12 is the default")
    return rtol


def _trace(samples: Samples) -> float:
    from flint import arb

    with precision(128):
        value = samples([arb(1)], 128)[0]
        if not value > 0:
            raise ValueError(
                f"kernel_function must be positive at t = 1, got {value.str(6)}; K(1) is the trace, the sum of all "
                "eigenvalues of a kernel"
            )
        trace = float(value)
        if trace == inf:
            raise ValueError(
                f"kernel_function must be within the range of float64 at t = 1, got {value.str(6)}; divide it by its "
                "value there"
            )
        return trace


def _refuse_negative(found: dict, dim: int) -> None:
    for k, judged in found.items():
        if judged.value < 0:
            raise ValueError(
                f"kernel_function must be positive definite on the sphere of dimension {dim}, got the eigenvalue "
                f"{judged.value.str(6, radius=False)} at degree {k}; a table holds no negative numbers: drop the "
                f"degree or add a multiple of its polynomial"
            )


# quadrature ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rules:
    """The rules for a kernel on a sphere, for ascending degrees."""

    samples: Samples
    dim: int
    degrees: tuple[int, ...]

    @property
    def law(self) -> SphereLaw:
        """The law of the correlation."""
        return SphereLaw(self.dim)

    @property
    def is_high(self) -> bool:
        """Whether the rule of the law itself is taken."""
        return self.dim >= _HIGH_DIM

    @property
    def most(self) -> int:
        """Number of nodes to stop at."""
        return max(_MOST_NODES_HIGH if self.is_high else _MOST_NODES, 3 * self.first)

    @property
    def first(self) -> int:
        """Number of nodes to start from."""
        top = self.degrees[-1]
        return 2 * ceil((top + 8) / 2) if self.is_high else 2 * ceil(0.4 * (top + self.dim) + 8)

    @property
    def _size(self) -> int:
        """Bits of the mean absolute value of the last polynomial, a root of its multiplicity."""
        return ceil(log2(multiplicity(self.dim, self.degrees[-1])) / 2)

    def bits(self, rtol: float) -> tuple[int, int]:
        """Bits to start from, and the most that are tried.

        At the most, kernels are resolved whose coefficients are at least of the size :math:`2^{-8k} / k!`.
        """
        if not self.samples.unlimited:
            return 128, 128
        top, wanted, size = self.degrees[-1], 64 + log2(1 / rtol), self._size
        # E[t^k P_k] over k! is the eigenvalue of a smooth kernel in high dimension
        smooth = sum(log2(self.dim + 2 * i) for i in range(top))
        start = wanted + top + (smooth - size if self.is_high else size)
        return ceil(start), ceil(2 * wanted + size + smooth + 9 * top)

    @cached_property
    def unseen(self):
        """How large the kernel can be where the rule of the law has no nodes; 0 if it is smooth."""
        return size_if_rough(self.samples)

    def sums(self, nodes: int, bits: int) -> tuple[list, list] | None:
        r"""Balls ``E[K P_k]`` by the rule, and what a rough kernel may hide from it; None if all samples vanish.

        Exact zeros where the samples have a parity.  A rough kernel may hide a step between two nodes, and in high
        dimension anything beyond the last node ``a``, where the law has

        .. math:: P(|t| > a) \le \frac{2 c_s}{s - 1} \frac{(1 - a^2)^{(s - 1)/2}}{a},
                  \qquad c_s \le \sqrt{(s - 1) / 2\pi}.
        """
        from flint import arb

        working = bits + 2 * self.degrees[-1].bit_length() + 32
        with precision(working):
            # at the nodes of the rule of the law, polynomials are as small as the root of their mean square
            fine = working + (self._size if self.is_high else 0)
            if self.is_high:
                points, masses = (column[::2] for column in gauss_points(self.dim, nodes, fine))
            else:
                points, masses = self.law.points(nodes, working)
            ahead, behind = self._sampled(points, working)
            if all(value.mid() == 0 for value in ahead + behind):
                return None
            # the rule of the law sees a small part of [-1, 1] in high dimension
            wide = SphereLaw(2).points(_WIDE, working)[0] if self.is_high else ()
            vanish = [
                _agree(ahead, behind, sign) and (not wide or _agree(*self._sampled(wide, working), sign))
                for sign in (-1, 1)
            ]
            weighted = [[[m * x] for m, x in zip(masses, side)] for side in (ahead, behind)]
            results = self.law.polynomials(self.degrees, points, fine).sums(*weighted).tolist()
            sums = [arb(0) if vanish[k % 2] else row[0] for k, row in zip(self.degrees, results)]
            if self.law.is_finite or (self.unseen == 0 if self.is_high else is_resolved(ahead, behind)):
                return sums, [arb(0)] * len(sums)
            hidden = 2 * largest_step(ahead, behind, masses)
            if self.is_high:
                beyond = (1 - points[0] ** 2) ** (arb(self.dim - 1) / 2) / (points[0] * sqrt(self.dim - 1))
                hidden += _STEEP * self.unseen * beyond
            return sums, [arb(0) if vanish[k % 2] else hidden.upper() for k in self.degrees]

    def _sampled(self, points: Sequence, working: int) -> tuple[list, list]:
        """Samples at all points ``t``, and at all ``-t``."""
        values = self.samples([x for t in points for x in (t, -t)], working)
        return values[::2], values[1::2]


def _agree(ahead: list, behind: list, sign: int) -> bool:
    """Whether ``K(t) = sign * K(-t)`` in every bit."""
    return all(a.mid() == sign * b.mid() for a, b in zip(ahead, behind))


@dataclass(frozen=True)
class _Judged:
    """An eigenvalue (exact ball) with its estimated error; ``settled``: no difference between rules but noise."""

    value: object
    error: object
    settled: bool

    def is_accurate(self, rtol: float) -> bool:
        """Whether the error is small enough, roundings to float64 included."""
        return bool(self.error <= abs(self.value) * (rtol - 4 * UNIT))

    def reached(self) -> float:
        """The relative error."""
        return float((self.error / abs(self.value)).upper()) if self.value != 0 else inf

    def wanted_bits(self, bits: int, rtol: float) -> int:
        """Bits that would do, as far as can be seen."""
        reached = self.reached()
        return bits + ceil(log2(reached / rtol)) + 16 if reached < 0.5 else 2 * bits


def _judged(line: Sequence, hidden, finite: bool) -> _Judged | None:
    """The last of a line of values by rules with rising numbers of nodes; None while there are too few.

    The differences of the last three rules, taken a thousand times, are more than the error of the last where rules
    converge geometrically, and those of the last five, taken thirty times, where they converge like any power of the
    number of nodes from 1/4 on; two or four differences that are so small by accident are rare.  Differences within the
    radii are noise, and accounted for by the radius.  What may be ``hidden`` from the rule is added.
    """
    from flint import arb

    last = line[-1]
    noise = 2 * arb(last.rad())
    if finite:
        return _Judged(last.mid(), noise, True)
    gaps = [(abs(b.mid() - a.mid()).upper(), a.rad() + b.rad()) for a, b in zip(line, line[1:])][::-1]
    steps = [arb(0) if gap <= radii else gap for gap, radii in gaps]
    if len(steps) < 2:
        return None
    rest = _STEEP * steps[0].max(steps[1])
    if len(steps) >= 4:
        rest = rest.min(_SLOW * steps[0].max(steps[1]).max(steps[2]).max(steps[3]))
    rest += hidden
    return _Judged(last.mid(), (noise + rest).upper(), rest <= noise)


def _search(rules: _Rules, rtol: float, trace: float) -> tuple[dict, str]:
    """Rules with rising numbers of nodes and bits, until every eigenvalue is as accurate as asked.

    Returns the judged eigenvalues by degree, and the last rule in words.
    """
    finite, (bits, most_bits) = rules.law.is_finite, rules.bits(rtol)
    found, history, nodes = {}, [], rules.first
    while True:
        sums = rules.sums(nodes, bits)
        history = history[-4:] + [(nodes, sums[0])] if sums else []
        open_ = {}
        with precision(64):
            for i, k in enumerate(rules.degrees if sums else ()):
                judged = _judged([values[i] for _, values in history], sums[1][i], finite)
                if k not in found and judged and judged.is_accurate(rtol):
                    found[k] = judged
                elif k not in found:
                    open_[k] = judged
            if sums and not open_:
                return found, f"{2 if finite else nodes} nodes, {bits} bits"
            stuck = {k: j for k, j in open_.items() if j and j.settled}
            if stuck and not rules.samples.unlimited:
                _refuse_noise(stuck, rules, rtol)
            if stuck and len(stuck) == len(open_):
                if bits >= most_bits:
                    if any(j.error > rtol * trace * _LOST for j in stuck.values()):
                        _refuse_noise(stuck, rules, rtol)
                    return found | {k: _lost(j) for k, j in stuck.items()}, f"{nodes} nodes, {bits} bits"
                bits = min(most_bits, max(j.wanted_bits(bits, rtol) for j in stuck.values()))
                history = [(n, rules.sums(n, bits)[0]) for n, _ in history[-3:-1]]
                continue
        if nodes >= rules.most:
            _refuse_slow(open_, rules, nodes, rtol)
        nodes = 2 * ceil(_GROWTH * nodes / 2)


def _lost(judged: _Judged) -> _Judged:
    """An eigenvalue within its error: the largest that it can be, with an error that reaches to minus that."""
    bound = ((abs(judged.value) + judged.error) * (1 + 8 * UNIT)).upper()
    return _Judged(bound, 2 * bound, True)


def _refuse_noise(stuck: dict, rules: _Rules, rtol: float) -> None:
    """The samples have too few digits."""
    k, worst = max(stuck.items(), key=lambda item: item[1].reached())
    size = f"about {worst.value.str(2, radius=False)}" if worst.reached() < 1 else "lost in it"
    raise ConvergenceError(
        f"rtol={rtol!r} is out of reach at degree {k}: the values of kernel_function carry a noise that leaves an "
        f"error of {worst.error.str(1, radius=False)} in an eigenvalue that is {size}, a relative error of "
        f"{bound_text(worst.reached())}; {rules.samples.reason or 'more bits do not help'}: write it with mpmath, as "
        f"in lambda t: mpmath.exp(t), or give a SymPy expression, or ask for lower degrees or a larger rtol"
    )


def _refuse_slow(open_: dict, rules: _Rules, nodes: int, rtol: float) -> None:
    """The rules do not agree."""
    reached = {k: j.reached() if j else inf for k, j in open_.items()}
    if not reached:
        raise ConvergenceError(
            f"kernel_function is 0 at all {nodes} nodes of the rule for dimension {rules.dim}, though not at t = 1; "
            f"where float64 underflows, write it with mpmath, as in lambda t: mpmath.exp(t)"
        )
    k = max(reached, key=reached.get)
    raise ConvergenceError(
        f"rtol={rtol!r} is out of reach at degree {k}: rules of up to {nodes} nodes leave a relative error of "
        f"{bound_text(reached[k])}, as for a kernel with a kink or a jump inside (-1, 1) or a very steep one; ask for "
        f"a larger rtol, lower degrees or a smoother kernel"
    )


# tables ----------------------------------------------------------------------------------------------


def _table(kernel_function, rules: _Rules, degrees, rtol: float, found: dict, order: str, trace: float) -> EigenTable:
    with precision(64):
        rows = [(found[k].value, found[k].reached() if found[k].error != 0 else 0.0) for k in degrees]
    values = FloatColumn(*map(np.array, zip(*(scaled_ball(value) for value, _ in rows))))
    errors = np.array([0.0 if value == 0 else error + 4 * UNIT if error < 1 else 2.0 for value, error in rows])
    index = [Fraction(k if rules.dim > 1 else 0) for k in degrees]
    rule = "Gauss rule of the law" if rules.is_high else "Gauss-Legendre rule in the angle"
    return EigenTable(
        values=values,
        error=errors,
        bound=np.full(len(degrees), BOUNDS.index("estimated")),
        multiplicity=[multiplicity(rules.dim, k) for k in degrees],
        total_degree=degrees,
        space=[Fraction(0)] * len(degrees),
        frequency=index,
        learning_index=[l if m else inf for l, m in zip(index, values.mantissa)],
        patterns=tuple(map(str, degrees)),
        degrees=tuple((k,) for k in degrees),
        trace=trace,
        provenance=Provenance(
            call=f"eigenspace.zonal_spectrum(kernel_function, {rules.dim}, {list(degrees)}, rtol={rtol!r})",
            network=f"{_name(kernel_function)} on the sphere of dimension {rules.dim}",
            kernel="zonal",
            ring=values.ring.name,
            method=f"{'sum over both points' if rules.dim == 1 else rule}, samples in {rules.samples.kind}",
            order=order,
            citations=("AtkinsonHan2012",) + ("GolubWelsch1969",) * rules.is_high + rules.samples.citations,
            version=__version__,
        ),
        kernel="zonal",
        notes=_notes(errors),
    )


def _name(kernel_function) -> str:
    """How a kernel is called: a SymPy expression by itself, a function by its name."""
    if hasattr(kernel_function, "free_symbols"):
        return f"K = {kernel_function}"
    name = getattr(kernel_function, "__name__", type(kernel_function).__name__)
    return "a kernel function" if name == "<lambda>" else f"K = {name}"


def _notes(errors: np.ndarray) -> tuple[str, ...]:
    indices = "L is the degree, as for kernels whose derivatives at 0 do not vanish."
    lost = "Values with an error above 1 are upper bounds: the eigenvalue is zero or less than that."
    return (indices, lost) if np.any(errors > 1) else (indices,)
