r"""Moments of a chain of activations over one sphere, where the power series is slow.

On a sphere of small dimension the series of a deep ReLU kernel sets in late (only beyond ``degree**2``) and decays
slowly.  The substitution :math:`\xi = \cos\theta` makes every bias-free ReLU kernel analytic on :math:`[0, \pi]`, so the
Gauss-Legendre rule in :math:`\theta`

.. math:: E[K^j P_k] = c_s \int_0^\pi K(\cos\theta)^j P_k(\cos\theta) \sin^{s-2}\theta \, d\theta
          \approx c_s \sum_i w_i K_i^j P_k(\cos\theta_i) \sin^{s-2}\theta_i, \qquad
          c_s = \frac{\Gamma(s/2)}{\sqrt\pi\, \Gamma((s-1)/2)}

converges geometrically.  It runs in balls whose precision exceeds the smallness of the eigenvalue, so that the
cancellation of the oscillating :math:`P_k` costs no digit.  The error of the rule is estimated from a second rule with
more nodes; roundings are enclosed by the balls.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

import numpy as np

from ._flint import precision
from .duals import evaluate, layer_matrix
from .errors import ConvergenceError

#: relative agreement of two rules, in bits, that is asked for
_AGREEMENT_BITS = 58
_MOST_NODES = 20000
#: smallest dimension at which the series is pursued beyond its first order
_SERIES_DIM = 48
#: relative width of a bracket at which a power series counts as summed
_SETTLED = 2.0**-40


@lru_cache(maxsize=8)
def _legendre(nodes: int, bits: int) -> tuple[tuple, tuple]:
    """Nodes in (0, pi/2) and weights of the Gauss-Legendre rule on [0, pi], at ``bits`` bits (``nodes`` even)."""
    from flint import arb

    with precision(bits):
        half = arb.pi() / 2
        pairs = [arb.legendre_p_root(nodes, i, weight=True) for i in range(nodes // 2)]
        return tuple(half * (1 - x) for x, _ in pairs), tuple(half * w for _, w in pairs)


def _points(dim: int, nodes: int, bits: int) -> tuple[list, list]:
    """Correlations and weights of a rule for the law of the correlation on one sphere, at the working precision."""
    from flint import arb

    if dim == 1:
        return [arb(1), arb(-1)], [arb(1) / 2, arb(1) / 2]
    if dim == 2:
        constant = 1 / arb.pi()
    else:
        half = arb(dim) / 2
        constant = half.gamma() / (arb.pi().sqrt() * (half - arb(1) / 2).gamma())
    angles, weights = _legendre(nodes, bits)
    points, masses = [], []
    for angle, weight in zip(angles, weights):
        sine, cosine = angle.sin_cos()
        mass = constant * weight * sine ** (dim - 2)
        points += [cosine, -cosine]
        masses += [mass, mass]
    return points, masses


def _polynomials(dim: int, degrees: Sequence[int], points: list) -> list[list]:
    """``P_k`` at the points, one row for each degree (ascending)."""
    from flint import arb

    wanted, rows = set(degrees), []
    before, current = None, [arb(1)] * len(points)
    for k in range(max(degrees) + 1):
        if k in wanted:
            rows.append(current)
        if k == 0:
            before, current = current, list(points)
        elif dim == 1:
            before, current = current, before
        elif dim == 2:
            before, current = current, [2 * t * p - q for t, p, q in zip(points, current, before)]
        else:
            a, b, c = 2 * k + dim - 2, k, k + dim - 2
            before, current = current, [(a * t * p - b * q) / c for t, p, q in zip(points, current, before)]
    return rows


def _rule(chain, dim: int, degrees: Sequence[int], size: int, tangent: bool, nodes: int, bits: int):
    """Matrices of ``E[K^j P_k]``, ``j < size``, and (with ``tangent``) of ``E[T K^j P_k]``."""
    from flint import arb, arb_mat

    points, masses = _points(dim, nodes, bits)
    kernels, tangents = zip(*(evaluate(chain, t, t) for t in points))
    signed = arb_mat([[m * p for m, p in zip(masses, row)] for row in _polynomials(dim, degrees, points)])
    powers = []
    for k in kernels:
        line = [arb(1)]
        for _ in range(size - 1):
            line.append(line[-1] * k)
        powers.append(line)
    results = [signed * arb_mat(powers)]
    if tangent:
        results.append(signed * arb_mat([[h * x for x in line] for h, line in zip(tangents, powers)]))
    return results


def _majorants(chain, dim: int, degrees: Sequence[int], size: int, tangent: bool, nodes: int, bits: int):
    r"""Non-increasing bounds of the same moments and all higher ones.

    .. math:: E[K^j P_k] \le \min\Bigl( E[K(|\xi|)^j],\; \frac{1}{N(s, k)} \Bigr)

    The first because the series of ``K`` has no negative coefficient and :math:`|P_k| \le 1`; the second because
    :math:`K^j = \sum_k N(s, k) E[K^j P_k] P_k` is 1 at 1 and no term is negative.
    """
    from flint import arb

    from .harmonics import multiplicity

    points, masses = _points(dim, nodes, bits)
    values = [(m, *evaluate(chain, abs(t), abs(t))) for t, m in zip(points, masses)]
    one = evaluate(chain, arb(1), arb(1))[1]
    tables = []
    for weight_is_tangent in (False, True)[: 1 + tangent]:
        current = [m * (h if weight_is_tangent else 1) for m, _, h in values]
        zero = []
        for _ in range(size):
            zero.append(sum(current, arb(0)))
            current = [c * k for c, (_, k, _) in zip(current, values)]
        top = one if weight_is_tangent else arb(1)
        tables.append([[x.min(top / multiplicity(dim, k)) for x in zero] for k in degrees])
    return tables


def chain_rows(ring, chain: tuple, dim: int, degrees: Sequence[int], size: int, tangent: bool) -> list:
    """Rows of ``E[K^j P_k]`` and, with ``tangent``, of ``E[T K^j P_k]``, for ``j < size`` and ascending ``degrees``.

    The power series is taken where it settles within a moderate order, the rule in the angle otherwise.
    """
    # the first powers decide; what the higher ones lose shows in the brackets of the next node
    order = max(64, 2 * size, max(degrees) + 16)
    most = max(2048 if size <= 2 else 512, order) if dim >= _SERIES_DIM else order
    while True:
        rows = _series_rows(ring, chain, dim, degrees, size, tangent, order)
        if all(np.all(_open_gaps(ring, r)[:, 1 - part : 9] < _SETTLED) for part, r in enumerate(rows)):
            return rows
        if order >= most:
            return _rule_rows(ring, chain, dim, degrees, size, tangent, rows)
        order *= 2


def _open_gaps(ring, rows) -> np.ndarray:
    """Relative widths of the brackets, 0 for structural zeros."""
    return np.where(ring.zero_mask(rows), 0.0, ring.gaps(rows))


def _series_rows(ring, chain, dim, degrees, size, tangent, order):
    leaf = ring.leaf(dim, degrees, order + 2)
    parts = [[("f", leaf)]] + ([[("g", leaf), ("h", ring.derivative(leaf))]] if tangent else [])
    return [
        ring.apply([(layer_matrix(chain, name, size, order, ring), rows) for name, rows in part]) for part in parts
    ]


def _rule_rows(ring, chain, dim, degrees, size, tangent, series_rows):
    """The rule with rising numbers of nodes until two of them agree.

    The series supplies the scale (its terms are non-negative: a partial sum is a lower bound) and the structural
    zeros.  Cost: ``O(nodes * (max(degrees) + size))`` ball operations, with ``nodes`` of the order of the number of
    bits plus ``max(degrees) + dim``.
    """
    from flint import arb

    zeros = [ring.zero_mask(r) for r in series_rows]
    smallest = min(ring.smallest_log2(r) for r in series_rows)
    bits = ceil(_AGREEMENT_BITS + 60 - smallest + 1.4 * max(degrees))
    nodes = 2 * ceil(0.25 * (max(degrees) + dim) + 0.16 * bits + 10)
    before = None
    while nodes <= _MOST_NODES:
        with precision(bits):
            tables = [t.tolist() for t in _rule(chain, dim, degrees, size, tangent, nodes, bits)]
            for table, mask in zip(tables, zeros):
                for i, j in zip(*np.nonzero(mask)):
                    table[i][j] = arb(0)
            if degrees[0] == 0:
                tables[0][0][0] = arb(1)
            if before is not None or dim == 1:
                errors = [_difference(t, b) for t, b in zip(tables, before or tables)]
                if all(np.all(e < 2.0**-50) for e in errors):
                    majorants = _majorants(chain, dim, degrees, size, tangent, nodes, bits)
                    return [ring.rows_from_balls(*three) for three in zip(tables, majorants, errors)]
        before = tables
        nodes = 2 * ceil(0.65 * nodes)
    raise ConvergenceError(
        f"the quadrature rule on the sphere of dimension {dim} did not settle with {nodes} nodes at degree "
        f"{max(degrees)}; ask for lower degrees"
    )


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
