r"""Moments of a chain of activations over one sphere or one cube, where the power series is slow.

On a sphere of small dimension the series of a deep ReLU kernel sets in late (only beyond ``degree**2``) and decays
slowly.  The substitution :math:`\xi = \cos\theta` makes every bias-free ReLU kernel analytic on :math:`[0, \pi]`, so
the Gauss-Legendre rule in :math:`\theta`

.. math:: E[K^j P_k] = c_s \int_0^\pi K(\cos\theta)^j P_k(\cos\theta) \sin^{s-2}\theta \, d\theta
          \approx c_s \sum_i w_i K_i^j P_k(\cos\theta_i) \sin^{s-2}\theta_i, \qquad
          c_s = \frac{\Gamma(s/2)}{\sqrt\pi\, \Gamma((s-1)/2)}

converges geometrically.  It runs in balls whose precision exceeds the smallness of the eigenvalue, so that the
cancellation of the oscillating :math:`P_k` costs no digit.  The error of the rule is proved by bounding the integrand
in a complex ellipse (estimated from a second rule where an activation supplies no such proof); roundings are enclosed
by the balls.  Below other layers, an activation that jumps leaves roots of :math:`\theta` at the ends; the substitution

.. math:: \theta = \pi \int_0^v (x - x^2)^{q-1} dx \Big/ \int_0^1 (x - x^2)^{q-1} dx, \qquad q = 2^m

for ``m`` such layers makes the kernel analytic again.  On a cube the law of the mean correlation is a finite sum, and
the rule is exact.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor, inf, log2, pi

import numpy as np

from ._ellipse import fewest_nodes, is_provable
from ._flint import precision, scaled_ball
from .correlations import Polynomials
from .duals import evaluate, is_nonnegative, layer_matrix, powers, supports
from .errors import ConvergenceError
from .rings import FLOAT

_MOST_NODES = 20000
#: largest power of the substitution for layers with a jump
_MOST_BEND = 16
#: step of the numbers of nodes
_NODES_STEP = 8
#: points of a rule that are worked on together
_BLOCK = 128
#: how many blocks of polynomials are kept for the next call, the bytes of each at most, and those of a number's head
_KEPT, _KEPT_BYTES, _ENTRY_BYTES = 4, 2_500_000, 64
#: bits of a rule beyond the accuracy of its smallest moment
_GUARD_BITS = 40
#: bits to which two rules have to agree where nothing is proved
_AGREED_BITS = 50
#: bits of a word
_WORD = 64
#: how many powers of a kernel decide on the route and its precision
_FIRST_POWERS = 4
#: highest orders of the power series, for eigenvalues alone and for all moments
_MOST_ORDER, _MOST_ORDER_MOMENTS = 2048, 1024
#: the highest order where duals are known by estimated power series
_MOST_ORDER_ESTIMATED = 256


def _bend(chain) -> int:
    """The power ``q`` of the substitution: 2 for every layer with a jump that is followed by another layer."""
    curved = [a for a in chain if not a.keeps_angle]
    return min(2 ** sum(a.is_discontinuous for a in curved[:-1]), _MOST_BEND)


def _rule(chain, law, degrees: Sequence[int], size: int, tangent: bool, nodes: int, bits: int) -> list:
    """Tables of ``E[K^j P_k]``, ``j < size``, and (with ``tangent``) of ``E[T K^j P_k]``."""
    bend = _bend(chain)
    points, masses = law.points(nodes, bits, bend)
    # what depends on the law alone is kept where it is small
    size_in_bytes = len(degrees) * min(len(points), _BLOCK) * (bits // 8 + _ENTRY_BYTES)
    kept = _kept_polynomials if size_in_bytes <= _KEPT_BYTES else _kept_polynomials.__wrapped__
    total = 0
    # in blocks of points, so that the powers of all kernel values need not be there at once
    for start in range(0, len(points), _BLOCK):
        part = slice(start, start + _BLOCK)
        own = list(zip(points[part], masses[part]))
        sides = [[_integrands(chain, sign * t, mass, size, tangent) for t, mass in own] for sign in (1, -1)]
        total += kept(law, tuple(degrees), nodes, bits, bend, start).sums(*sides)
    rows = total.tolist()
    return [[row[i * size : (i + 1) * size] for row in rows] for i in range(1 + tangent)]


@lru_cache(maxsize=_KEPT)
def _kept_polynomials(law, degrees: tuple, nodes: int, bits: int, bend: int, start: int) -> Polynomials:
    return law.polynomials(degrees, law.points(nodes, bits, bend)[0][start : start + _BLOCK], bits)


def _integrands(chain, t, mass, size: int, tangent: bool) -> list:
    """``K^j`` at a correlation, ``j < size``, and (with ``tangent``) ``T K^j``, times the mass of a point."""
    from flint import arb

    kernel, slope = evaluate(chain, arb(t), arb(t))
    line = [mass]
    for _ in range(size - 1):
        line.append(line[-1] * kernel)
    return line + [slope * x for x in line] if tangent else line


def _majorants(chain, law, degrees: Sequence[int], size: int, tangent: bool, constant: list) -> list:
    r"""Non-increasing bounds of the same moments and all higher ones; ``constant`` holds the moments ``E[K^j]``.

    .. math:: E[K^j P_k] \le \min\Bigl( E[K^i],\; \frac{1}{N(s, k)} \Bigr)

    with ``i = j`` for kernels without negative values and the even number below otherwise.  The first because
    :math:`|P_k| \le 1` and :math:`|K| \le 1`; the second because :math:`K^j = \sum_k N(s, k) E[K^j P_k] P_k` is 1 at 1
    and no term is negative.  With ``T`` in front, times ``T(1)``.
    """
    from flint import arb

    even = 1 if is_nonnegative(chain) else 2
    corner = [constant[j - j % even] for j in range(size)]
    factors = [arb(1), evaluate(chain, arb(1), arb(1))[1]][: 1 + tangent]
    limits = [arb(1) / law.multiplicity(k) for k in degrees]
    return [[[factor * x.min(limit) for x in corner] for limit in limits] for factor in factors]


def chain_rows(ring, chain: tuple, law, degrees: Sequence[int], size: int, tangent: bool) -> list:
    """Rows of ``E[K^j P_k]`` and, with ``tangent``, of ``E[T K^j P_k]``, for ``j < size`` and ascending ``degrees``.

    The power series of the chain is taken where it settles within a moderate order, the rule of the law otherwise; the
    rows that settle last decide.
    """
    # the first powers decide; what the higher ones lose shows in the brackets of the next node
    first = min(size, _FIRST_POWERS)

    def series(ring, degrees, order, is_probe):
        return _series_rows(ring, chain, law.rows(ring, degrees, order + 2), first if is_probe else size, tangent)

    # E[K^0 P_k] is exact
    open_ = [slice(1, first), slice(0, first)]
    found, proved = _by_series(ring, chain, law, degrees, size, series, open_)
    if found is not None:
        return found
    zeros = [_zeros(chain, "f", degrees, size), _zeros(chain, "gh", degrees, size)][: 1 + tangent]
    return _rule_rows(ring, chain, law, degrees, size, tangent, zeros, proved)


def chain_values(ring, chain: tuple, law, degrees: Sequence[int], tangent: bool) -> tuple:
    """``E[K P_k]`` or, with ``tangent``, ``E[T P_k]`` alone: the rows that hold them, and the index there.

    As `chain_rows`; of the series they are the last coefficients of products with the rows of the law (see `moments`).
    Cost: ``O(order)`` for each degree where it is the series.
    """

    def series(ring, degrees, order, is_probe):
        part, j = ("t", 0) if tangent else ("f", 1)
        functional = ring.functional(layer_matrix(chain, part, j + 1, order, ring), j)
        leaf = law.rows(ring, degrees, order + 1)
        return [ring.enclosed(ring.last(leaf, range(len(leaf)), functional, [0] * len(leaf)))]

    found, proved = _by_series(ring, chain, law, degrees, 2, series, [slice(0, 1)])
    if found is not None:
        return found[0], 0
    size = 1 if tangent else 2
    zeros = [_zeros(chain, "f", degrees, size), _zeros(chain, "gh", degrees, size)][: 1 + tangent]
    return _rule_rows(ring, chain, law, degrees, size, tangent, zeros, proved)[-1], size - 1


def _series_rows(ring, chain, leaf, size: int, tangent: bool) -> list:
    order = leaf.size - 2
    parts = [[("f", leaf)]] + ([[("g", leaf), ("h", ring.derivative(leaf))]] if tangent else [])
    return [ring.apply([(layer_matrix(chain, name, size, order, ring), rows) for name, rows in part]) for part in parts]


def _by_series(ring, chain, law, degrees, size: int, series, open_: list) -> tuple:
    """Batches of rows by the power series and None, or None and a proved binary logarithm (see `_rule_rows`).

    ``series(ring, degrees, order, is_probe)`` makes them; the widths of their elements ``open_`` decide.
    """
    order = law.first_order(max(degrees)) + 4 * (powers(chain) - 1)
    most = _MOST_ORDER if size <= 2 else max(_MOST_ORDER_MOMENTS, 2 * size)
    probe = ring if ring is FLOAT or law.prefers_series else FLOAT
    # a dual that is known by its power series only leaves no other way
    last = max(_MOST_ORDER_ESTIMATED, 2 * size) if any(a.is_estimated for a in chain) else inf
    while True:
        rows = series(probe, law.slowest(degrees), order, True)
        gap = _widest(probe, rows, open_)
        if probe is ring and order >= 2 * size and (gap < ring.settled or order >= last):
            everything = series(ring, degrees, order, False)
            gap = _widest(ring, everything, open_)
            if gap < ring.settled or order >= last:
                return everything, None
        pursued = probe is ring and order < most and law.pursue_series(max(degrees), gap, most / order, ring.settled)
        if last == inf and not pursued:
            return None, min(probe.smallest_log2(r) for r in rows)
        order = 3 * order // 2


def _zeros(chain, parts: str, degrees: Sequence[int], size: int) -> np.ndarray:
    """Where ``E[K^j P_k]`` (parts "f") or ``E[T K^j P_k]`` (parts "gh") vanishes: no power of ``t`` reaches it."""
    order = size + max(degrees) + 16 + 4 * (powers(chain) - 1)
    even = sum(1 << n for n in range(0, order + 1, 2))
    mask = np.ones((len(degrees), size), dtype=bool)
    for part in parts:
        # the tangent kernel of the law itself is t: its part h is shifted by one power
        for j, support in enumerate(supports(chain, part, size, order)):
            support <<= part == "h"
            for i, k in enumerate(degrees):
                if (support >> k) & even:
                    mask[i, j] = False
    return mask


def _widest(ring, batches: list, open_: list) -> float:
    """The largest relative width of the brackets of some elements of some batches; 0 for exact zeros."""
    gaps = (np.where(ring.zero_mask(rows), 0.0, ring.gaps(rows))[:, own] for rows, own in zip(batches, open_))
    return max(float(np.max(gap)) for gap in gaps)


def _rule_rows(ring, chain, law, degrees, size, tangent, zeros, proved: float):
    """The rule, with as many nodes as the proof of its error asks for, or until two numbers of nodes agree.

    ``proved`` is a binary logarithm that the moments of the highest degrees do not fall below (the series supplies it:
    its terms are non-negative, so a partial sum is a lower bound), ``zeros`` are the structural zeros.  At high degrees
    a partial sum is far too small, so a likely bound is tried first; where it was wrong, what has been found takes its
    place.  Both only set the precision: errors are proved whatever they are.  Cost: ``O(nodes * (max(degrees) +
    size))`` operations, with ``nodes`` of the order of the number of bits plus ``max(degrees)`` and the dimension.
    """
    from flint import arb

    is_proved = law.is_finite or is_provable(chain)
    if not is_proved and ring is not FLOAT:
        raise ConvergenceError(
            f"the error of the quadrature rule of ({', '.join(a.name for a in chain)}) over {law} is not proved: "
            f"an activation supplies no bound in the complex plane; use ring=eigenspace.FLOAT for an estimate"
        )
    rule = _proved_rule if is_proved else _agreed_rule
    request = chain, law, degrees, size, tangent, zeros, ring.fine_bits
    # the series of analytic duals are short
    is_short = all(activation.is_analytic for activation in chain)
    likely = proved if is_short else max(proved, law.likely_log2(max(degrees)))
    tables, errors = rule(*request, likely, not law.is_finite)
    if errors is None:
        least = _least_log2(tables, likely - ring.fine_bits, proved) if is_proved else proved
        tables, errors = rule(*request, min(likely, least), False)
    with precision(ring.fine_bits + _GUARD_BITS):
        majorants = _majorants(chain, law, degrees, size, tangent, tables[0][0])
        if not is_proved:
            return [ring.rows_from_balls(*three, True) for three in zip(tables, majorants, errors)]
        peaks = 1.0, float(evaluate(chain, arb(1), arb(1))[1])
        return [
            ring.rows_from_rule(*three, is_nonnegative(chain), peak)
            for *three, peak in zip(tables, majorants, errors, peaks)
        ]


def _proved_rule(chain, law, degrees, size, tangent, zeros, fine: int, least: float, is_try: bool) -> tuple:
    """Tables and binary logarithms of the errors of the rule; None for these if a try was not ``fine`` enough."""
    wanted = least - law.extent * log2(size) / 2 - fine
    nodes, bounds = _proved_nodes(law, chain, degrees, size, tangent, wanted)
    tables = _tables(chain, law, degrees, size, tangent, nodes, _bits(chain, degrees, wanted), zeros)
    return tables, None if is_try and not _are_fine(tables, least, fine) else bounds


def _agreed_rule(chain, law, degrees, size, tangent, zeros, fine: int, least: float, is_try: bool) -> tuple:
    """Tables and their relative errors, from rules with rising numbers of nodes; None if a try was not fine enough."""
    bits = _bits(chain, degrees, least - law.extent * log2(size) / 2 - fine)
    nodes = 2 * ceil(0.45 * max(degrees) + 0.25 * law.extent + 0.16 * bits + 10)
    before, bend = None, _bend(chain)
    while nodes <= _MOST_NODES:
        # bits for the smallest angle, about nodes**(-2 bend)
        angle_bits = ceil(4 * bend * log2(nodes)) if bend > 1 else 0
        tables = _tables(chain, law, degrees, size, tangent, nodes, bits + angle_bits, zeros)
        if before is not None:
            with precision(bits):
                errors = [_difference(t, b) for t, b in zip(tables, before)]
            if all(np.all(e < 2.0**-_AGREED_BITS) for e in errors):
                return tables, errors
        if is_try and not _are_fine(tables, -inf, _AGREED_BITS + 2):
            return tables, None
        before = tables
        nodes = 2 * ceil(0.65 * nodes)
    raise ConvergenceError(
        f"the quadrature rule of {law} did not settle with {nodes} nodes at degree {max(degrees)}; "
        f"ask for lower degrees"
    )


def _bits(chain, degrees, log2_error: float) -> int:
    """Working precision for an absolute error: whole words, which cost what any part of them would."""
    bits = _GUARD_BITS + 2 * len(chain) + 2 * max(degrees).bit_length() - log2_error
    return _WORD * ceil(bits / _WORD)


def _are_fine(tables, least: float, fine: int) -> bool:
    """Whether the first moments are above ``2**least``, or exact zeros, and known to a number of bits."""
    from flint import arb

    with precision(fine):
        bound = arb(2) ** floor(least) if least > -inf else arb(0)
        return all(
            x.is_zero() or (abs(x) > bound and x.rel_accuracy_bits() >= fine)
            for table in tables
            for line in table
            for x in line[:_FIRST_POWERS]
        )


def _least_log2(tables, noise: float, proved: float) -> float:
    """Binary logarithm of the smallest of the first moments; ``proved`` where it is lost in the noise of a rule."""
    found = [x.abs_lower() for table in tables for line in table for x in line[:_FIRST_POWERS] if not x.is_zero()]
    least = min(log2(m) + e if m > 0 else -inf for m, e in map(scaled_ball, found)) - 1
    return least if least > noise else proved


def _proved_nodes(law, chain, degrees: Sequence[int], size: int, tangent: bool, log2_error: float):
    """Number of nodes, and binary logarithms of the errors of the rule by part, degree and power (see `_ellipse`)."""
    if law.is_finite:
        return 0, [np.full((len(degrees), size), -np.inf)] * (1 + tangent)
    # the constant of the law is at most sqrt((s - 1) / (2 pi)), by Gautschi's inequality
    scale = 0.5 * log2((law.dim - 1) / (2 * pi)) + 0.01
    worst = law.dim, max(degrees), size - 1, tangent
    nodes, ellipse = fewest_nodes(chain, lambda e: e.nodes(scale + e.log2_bound(*worst), log2_error))
    # in steps, so that the next degree may find the same rule
    nodes = _NODES_STEP * ceil(nodes / _NODES_STEP)
    degree, power = np.array(degrees)[:, None], np.arange(size)
    bounds = [
        ellipse.log2_error(scale + ellipse.log2_bound(law.dim, degree, power, part), nodes)
        for part in (False, True)[: 1 + tangent]
    ]
    return nodes, bounds


def _tables(chain, law, degrees, size: int, tangent: bool, nodes: int, bits: int, zeros) -> list:
    """The moments by a rule as lists of balls, with the structural zeros and the one of order zero exact."""
    from flint import arb

    with precision(bits):
        tables = _rule(chain, law, degrees, size, tangent, nodes, bits)
    for table, mask in zip(tables, zeros):
        for i, j in zip(*np.nonzero(mask)):
            table[i][j] = arb(0)
    tables[0][0][0] = arb(1)
    return tables


def _difference(table, other) -> np.ndarray:
    """Relative differences of two rules plus the radii of the balls; 0 for exact zeros."""
    out = np.zeros((len(table), len(table[0])))
    for i, (line, second) in enumerate(zip(table, other)):
        for j, (value, reference) in enumerate(zip(line, second)):
            if not value.is_zero():
                below = value.abs_lower()
                gap = abs(value - reference).upper() + value.rad()
                out[i, j] = float(gap / below) if below > 0 else np.inf
    return out
