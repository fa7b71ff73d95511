r"""The law of the correlation of two uniform points on one sphere or one cube: points, weights, polynomials.

.. math:: E[f(t)] = c_s \int_0^\pi f(\cos\theta) \sin^{s-2}\theta \, d\theta, \qquad
          c_s = \frac{\Gamma(s/2)}{\sqrt\pi\, \Gamma((s-1)/2)}

on the sphere, a finite sum on the cube.  Both laws are even, so that every rule has its points in pairs ``t, -t`` and
everything is needed at half of them: :math:`P_k(-t) = (-1)^k P_k(t)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import comb, inf, log2

import numpy as np

from ._flint import precision
from .harmonics import multiplicity
from .rings import FLOAT

#: dimension from which the power series is pursued to its highest order, whatever its first terms look like
_SERIES_DIM = 48
#: largest number of bits at which the rule of a cube is taken at once
_RULE_BITS = 256
#: the power of the degree and the bits that a kernel with a kink is supposed to fall by, at most
_LIKELY_POWER, _LIKELY_BITS = 4, 12
#: how many degrees tell whether a series has settled
_PROBED = 2
#: numbers of moments of a sphere in floats that are kept, at most
_KEPT_ROWS = 100_000
#: spare bits where radii are added to numbers
_SPARE_BITS = 64


@lru_cache(maxsize=8)
def legendre(nodes: int, bits: int) -> tuple[tuple, tuple]:
    """Nodes in (0, pi/2) and weights of the Gauss-Legendre rule on [0, pi], at ``bits`` bits (``nodes`` even)."""
    from flint import arb

    with precision(bits):
        half = arb.pi() / 2
        pairs = [arb.legendre_p_root(nodes, i, weight=True) for i in range(nodes // 2)]
        return tuple(half * (1 - x) for x, _ in pairs), tuple(half * w for _, w in pairs)


@dataclass(frozen=True, eq=False)
class Polynomials:
    """``P_k`` at half of the points of a rule, even and odd degrees apart: :math:`P_k(-t) = (-1)^k P_k(t)`."""

    degrees: tuple[int, ...]
    #: an `arb_mat` for the even and one for the odd degrees, None where there are none
    parts: tuple

    @classmethod
    def of(cls, degrees: Sequence[int], matrix) -> "Polynomials":
        """From a function that gives the matrix of some degrees."""
        groups = [[k for k in degrees if k % 2 == parity] for parity in (0, 1)]
        return cls(tuple(degrees), tuple(matrix(own) if own else None for own in groups))

    def sums(self, ahead: list[list], behind: list[list]):
        """The sums of ``f(t) P_k(t) + g(t) P_k(-t)`` over the points ``t``, as an `arb_mat`.

        ``f`` and ``g`` have some values at every point.
        """
        from flint import arb_mat

        by_parity = [iter(()), iter(())]
        for parity, part in enumerate(self.parts):
            if part is not None:
                sign = (-1) ** parity
                values = arb_mat([[x + sign * y for x, y in zip(*lines)] for lines in zip(ahead, behind)])
                by_parity[parity] = iter((part * values).tolist())
        return arb_mat([next(by_parity[k % 2]) for k in self.degrees])


@dataclass(frozen=True)
class SphereLaw:
    """The law of the correlation of two uniform points on a sphere, and its orthogonal polynomials."""

    dim: int

    @property
    def is_finite(self) -> bool:
        """Whether the law has finitely many points, so that its rule is exact."""
        return self.dim == 1

    @property
    def extent(self) -> int:
        """What the number of nodes grows with."""
        return self.dim

    @property
    def prefers_series(self) -> bool:
        """Whether the power series is taken before the rule, whatever its first terms look like."""
        return self.dim >= _SERIES_DIM

    def first_order(self, degree: int) -> int:
        """Order of the power series that is tried first."""
        return max(64, degree + 16)

    def slowest(self, degrees: Sequence[int]) -> Sequence[int]:
        """The degrees whose series settle last: the highest, of both parities where all degrees are asked for."""
        return degrees[-_PROBED:]

    def rows(self, ring, degrees: Sequence[int], size: int):
        """Moments :math:`E[t^n P_k] / n!`, ``n < size``, one row for each degree, over a ring."""
        is_kept = ring is FLOAT and len(degrees) > _PROBED and len(degrees) * size <= _KEPT_ROWS
        return (_kept_leaf if is_kept else _kept_leaf.__wrapped__)(ring, self.dim, tuple(degrees), size)

    def likely_log2(self, degree: int) -> float:
        r"""Binary logarithm of what the moments of a kernel with a kink at 1 or -1 hardly fall below.

        The trace is shared by :math:`N(s, k)` eigenvalues of every degree ``k``, and such kernels give a degree a share
        that falls like a power of it.
        """
        return -log2(self.multiplicity(degree)) - _LIKELY_POWER * log2(degree + 1) - _LIKELY_BITS

    def pursue_series(self, degree: int, gap: float, ratio: float, settled: float) -> bool:
        """Whether a relative width ``gap`` of the brackets settles when the order rises by ``ratio``.

        Behind its peak, the series of a ReLU kernel loses ``order**(-dim / 2)``.
        """
        return self.prefers_series or gap * ratio ** (-self.dim / 2) < settled

    def multiplicity(self, degree: int) -> int:
        """Number of eigenfunctions of a degree."""
        return multiplicity(self.dim, degree)

    def points(self, nodes: int, bits: int, bend: int = 1) -> tuple[tuple, tuple]:
        """The correlations above 0 and their weights (those below are their mirror image), at ``bits`` bits.

        The angle goes like ``v**bend`` at the ends.
        """
        return _sphere_points(self.dim, nodes, bits, bend)

    def polynomials(self, degrees: Sequence[int], points: Sequence, bits: int) -> Polynomials:
        r"""``P_k`` at balls inside [-1, 1], to about ``2**-bits``.

        The recurrence of `step` runs over integers ``p`` for :math:`2^{-bits} p`, at points that are rounded to such
        integers, and the two roundings of a step err by less than 2 units.  The balls around the results are proved.

        An error ``d`` made at the step to ``j + 1`` goes on by the recurrence,
        :math:`e_{k+1} = (1 + \beta_k)\, t\, e_k - \beta_k e_{k-1}` with :math:`0 \le \beta_k = b / c \le 1`.  In
        :math:`t = \cos\theta`, :math:`\delta_{k+1} = e_{k+1} - t e_k` and :math:`\varepsilon_k = \sin\theta\, e_k`
        this is

        .. math::

            \delta_{k+1} = \beta_k (\cos\theta\, \delta_k - \sin\theta\, \varepsilon_{k-1}), \qquad
            \varepsilon_k = \sin\theta\, \delta_k + \cos\theta\, \varepsilon_{k-1},

        a rotation followed by a contraction, so that :math:`|\delta_k| \le |d|` for ever, and
        :math:`|e_k| \le |e_{k-1}| + |d| \le (k - j) |d|`.  All steps together leave less than :math:`k (k - 1)` units.
        A point that is wrong by ``r`` changes :math:`P_k` by at most :math:`k^2 r` (Markov's inequality with
        :math:`|P_k| \le 1`); its rounding adds one unit to its radius.  In dimension 1 the points and all steps are
        exact.  Cost: 3 products of integers per degree and point.
        """
        from flint import arb, arb_mat, fmpz, fmpz_mat

        unit = fmpz(1) << bits
        places = [max(-unit, min(unit, _fixed(t, bits))) for t in points]
        before, current = [fmpz(0)] * len(places), [unit] * len(places)
        rows = {0: current}
        for k in range(max(degrees)):
            a, b, c = self.step(k) if k else (1, 0, 1)
            before, current = current, [((a * t * p >> bits) - b * q) // c for t, p, q in zip(places, current, before)]
            rows[k + 1] = current
        with precision(bits + _SPARE_BITS):
            radius = arb(0) if self.dim == 1 else arb(2) ** (1 - bits) + reduce(arb.max, (t.rad() for t in points))
            spread = arb_mat([[arb(0, 1)] * len(places)])

            def matrix(own):
                values = arb_mat(fmpz_mat([rows[k] for k in own])) * arb(2) ** -bits
                return values + arb_mat([[(k * k * radius).upper()] for k in own]) * spread

            return Polynomials.of(degrees, matrix)

    def step(self, k: int) -> tuple[int, int, int]:
        """Integers ``a = b + c`` of the recurrence ``c P_{k+1} = a t P_k - b P_{k-1}``, ``k >= 1``.

        In dimension 1, :math:`t^2 = 1` makes it one of degree 1 only.
        """
        if self.dim <= 2:
            return self.dim, 1, 1
        return 2 * k + self.dim - 2, k, k + self.dim - 2


@dataclass(frozen=True)
class CubeLaw:
    r"""The law of the mean correlation of two uniform corners of a cube of ``bits`` bits.

    ``t = 1 - 2i/bits`` with binomial weights; its orthogonal polynomials, the expectations of products of ``k`` bits
    given ``t``, satisfy :math:`(w - k) P_{k+1} = w t P_k - k P_{k-1}` (Krawtchouk) [YangSalman2019].
    """

    bits: int

    is_finite = True

    @property
    def extent(self) -> int:
        """What the number of nodes grows with."""
        return self.bits

    @property
    def prefers_series(self) -> bool:
        """Whether the power series is taken before the rule; for few bits the rule is cheaper."""
        return self.bits > _RULE_BITS

    def first_order(self, degree: int) -> int:
        r"""Order of the power series that is tried first.

        The first dropped moment, about :math:`(n / ew)^{n/2}`, has to fall below the eigenvalue, at most about
        :math:`(k / ew)^k`.
        """
        return max(64, (5 * degree // 2 if self.prefers_series else degree) + 32)

    def slowest(self, degrees: Sequence[int]) -> Sequence[int]:
        """All degrees: their moments come together."""
        return degrees

    def likely_log2(self, degree: int) -> float:
        """Nothing is taken for granted: minus infinity."""
        return -inf

    def pursue_series(self, degree: int, gap: float, ratio: float, settled: float) -> bool:
        """Whether to raise the order of the power series: moments fall up to an order of about ``bits``."""
        return self.prefers_series and 3 * degree + 100 < self.bits

    def multiplicity(self, degree: int) -> int:
        """Number of products of ``degree`` different bits."""
        return comb(self.bits, degree)

    def rows(self, ring, degrees: Sequence[int], size: int):
        r"""Moments :math:`E[t^n P_k] / n!` of the mean correlation, ``n < size``, one row for each degree, over a ring.

        .. math:: w\, E[t^{n+1} P_k] = (w - k)\, E[t^n P_{k+1}] + k\, E[t^n P_{k-1}]

        [YangSalman2019, recurrence of `step`], without a negative term.  All moments from the ``n``-th on are at most
        the even moment :math:`E[t^{2 \lfloor n/2 \rfloor}]` and ``1 / multiplicity`` (see `_majorants`).  Cost:
        ``size * min(bits, size) / 2`` ball operations, and as many numbers as ``size`` for each degree.
        """
        from flint import arb

        last = max(max(degrees), min(self.bits, size))
        with precision(ring.fine_bits + 2 * size.bit_length() + 64):
            k = np.arange(last + 1, dtype=object)
            up, down = (self.bits - k) / arb(self.bits), k / arb(self.bits)
            # the moments of one power for all degrees, between two zeros; every other one vanishes
            line = np.array([arb(0)] * (last + 3), dtype=object)
            line[1] = arb(1)
            columns = []
            for n in range(size):
                columns.append(line[1 + np.array(degrees)])
                here = slice(2 - n % 2, min(n + 2, last + 1) + 1, 2)
                after = np.array([arb(0)] * (last + 3), dtype=object)
                left, right = (slice(here.start + shift, here.stop + shift, 2) for shift in (-1, 1))
                own = slice(here.start - 1, here.stop - 1, 2)
                after[here] = up[own] * line[right] + down[own] * line[left]
                line = after
            even = [column[degrees.index(0)] for column in columns[::2]]
            most = [arb(1) / self.multiplicity(degree) for degree in degrees]
            majorants = [[even[n // 2].min(limit) for n in range(size)] for limit in most]
            moments = np.stack(columns, axis=1).tolist()
            return ring.rows_from_rule(moments, majorants, np.full((len(degrees), size), -np.inf), False, 1.0)

    def points(self, nodes: int, bits: int, bend: int = 1) -> tuple[tuple, tuple]:
        """The correlations from 0 on (exact fractions) and their weights; half the weight of 0, its mirror image."""
        from flint import arb, fmpq

        total = self.bits
        counts = [comb(total, i) if 2 * i < total else comb(total, i) // 2 for i in range(total // 2 + 1)]
        points = tuple(fmpq(total - 2 * i, total) for i in range(len(counts)))
        return points, tuple(arb(n) / 2**total for n in counts)

    def polynomials(self, degrees: Sequence[int], points: Sequence, bits: int) -> Polynomials:
        r"""``P_k`` at the points.

        With :math:`x = w t`, the :math:`Q_k = \binom wk P_k` are integers [YangSalman2019, recurrence of `rows`]:

        .. math:: (k+1) Q_{k+1} = x Q_k - (w - k + 1) Q_{k-1}.
        """
        from flint import arb, arb_mat

        places = [int(self.bits * t) for t in points]
        before, current = [0] * len(places), [1] * len(places)
        rows = {0: current}
        for k in range(max(degrees)):
            left = self.bits - k + 1
            before, current = current, [(x * q - left * p) // (k + 1) for x, q, p in zip(places, current, before)]
            rows[k + 1] = current
        with precision(bits):
            return Polynomials.of(
                degrees, lambda own: arb_mat([[arb(q) / self.multiplicity(k) for q in rows[k]] for k in own])
            )


@lru_cache(maxsize=2)
def _kept_leaf(ring, dim: int, degrees: tuple, size: int):
    return ring.leaf(dim, degrees, size)


@lru_cache(maxsize=8)
def _sphere_points(dim: int, nodes: int, bits: int, bend: int) -> tuple[tuple, tuple]:
    from flint import arb

    with precision(bits):
        if dim == 1:
            return (arb(1),), (arb(1) / 2,)
        constant = 1 / arb.pi()
        if dim > 2:
            half = arb(dim) / 2
            constant = half.gamma() / (arb.pi().sqrt() * (half - arb(1) / 2).gamma())
        points, masses = [], []
        for angle, weight in zip(*legendre(nodes, bits)):
            if bend > 1:
                angle, slope = _bent(angle, bend)
                weight *= slope
            sine, cosine = angle.sin_cos()
            points.append(cosine)
            masses.append(constant * weight * sine ** (dim - 2))
        return tuple(points), tuple(masses)


def _bent(angle, q: int) -> tuple:
    """The substitution at ``pi v``, for ``v`` up to 1/2, and its derivative."""
    from flint import arb

    pi = arb.pi()
    v, scale = angle / pi, arb(q * comb(2 * q - 1, q))
    integral = sum(arb((-1) ** j * comb(q - 1, j)) / (q + j) * v**j for j in range(q))
    return pi * scale * v**q * integral, scale * (v * (1 - v)) ** (q - 1)


def _fixed(t, bits: int):
    """The midpoint of a ball in units of ``2**-bits``, rounded down."""
    mantissa, exponent = t.mid().man_exp()
    shift = int(exponent) + bits
    return mantissa << shift if shift >= 0 else mantissa >> -shift
