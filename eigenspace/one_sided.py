r"""A node by interpolation from one side: proved and fast where the power series of an activation is slow.

Where few leaves of small dimension meet, the power series of an activation needs millions of terms.  But it has no
negative coefficient, and that proves much faster rules.  Let :math:`X \in [0, 1]` be a random variable, :math:`F(x)` a
power series without negative coefficients and :math:`p` its Hermite interpolant (values and derivatives) at the nodes
:math:`x_1, \dots, x_N`.  With :math:`\Omega(x) = \prod_i (x - x_i)^2`, the remainder formula and the monotony of the
divided differences of :math:`F` give, on all of [0, 1],

.. math:: 0 \;\le\; F(x) - p(x) = F[x_1, x_1, \dots, x_N, x_N, x] \, \Omega(x)
          \;\le\; \frac{F(1) - p(1)}{\Omega(1)} \, \Omega(x).

So :math:`p + \tfrac12 D \Omega` with :math:`D = (F(1) - p(1)) / \Omega(1)` is nowhere farther from ``F`` than
:math:`\tfrac12 D \Omega`, and for every ``B`` bounded by ``b``

.. math:: \bigl| E[B F(X)] - E[B p(X)] - \tfrac12 D \, E[B\,\Omega(X)] \bigr| \le \tfrac12 D\, b\, E[\Omega(X)].

All expectations on the right are of polynomials in ``X``: linear in the moments of ``X``, which are known.  With the
nodes of a Gauss-Jacobi rule that fits the law of ``X`` near 1, the bound falls like the error of the Gauss quadrature
of a corner singularity, :math:`N^{-2(\nu + c)}`: ``c`` is half the number of directions in which correlations leave the
corner where all are 1, and :math:`(1-x)^\nu` the singularity of ``F``.  The power series falls only like
:math:`N^{-(\nu + c)}`.

A mean ``S`` of kernels may be negative; then ``X = S^2``, and the even and the odd part of a function are interpolated
apart: :math:`u(S) = u_e(X) + S\, u_o(X)`, with :math:`|S| \le 1`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._flint import precision
from .duals import is_nonnegative, supports, triple_at

#: sums of floats that bound a tangent kernel are widened by this
_ROUNDED = 1 + 1e-9


def jacobi_nodes(count: int, corner: float) -> np.ndarray:
    r"""Zeros in (0, 1) of the Jacobi polynomial for the weight :math:`(1 - x)^{c} x^{-1/2}`, float64.

    Where the nodes lie decides how narrow a bound is, not whether it holds; so their roundings do not matter.

    >>> jacobi_nodes(2, 0.0).round(6).tolist()
    [0.115587, 0.741556]
    """
    from scipy.linalg import eigvalsh_tridiagonal

    a, b, k = min(corner, 40.0), -0.5, np.arange(1, count)
    first, later = (b - a) / (a + b + 2), (b * b - a * a) / ((2 * k + a + b) * (2 * k + a + b + 2))
    squares = 4 * k * (k + a) * (k + b) * (k + a + b) / ((2 * k + a + b) ** 2 * ((2 * k + a + b) ** 2 - 1))
    # at k = 1 the factors k + a + b and 2k + a + b - 1 cancel
    squares[:1] = 4 * (1 + a) * (1 + b) / ((2 + a + b) ** 2 * (3 + a + b))
    zeros = eigvalsh_tridiagonal(np.concatenate([[first], later]), np.sqrt(squares))
    return (1 + zeros) / 2


def interpolated_rows(ring, chain, corner: float, counts, size: int, kernel, tangent) -> list:
    """Rows ``E[K^j P]`` and, with ``tangent``, ``E[T K^j P]``, ``j < size``, after a chain of activations.

    ``kernel``, ``tangent``: rows of a ball ring of ``E[S^n P]`` and ``E[H S^n P]`` from which nothing was cut off, the
    constant class first; ``counts``: number of eigenfunctions of every class.  Cost: ``O(nodes**2)`` ball operations
    per class and ``O(nodes * size)`` for the powers, at about five bits per node.
    """
    from flint import arb

    # series of two coefficients: values and derivatives
    with precision(ring.fine_bits, 2):
        node = _Node.of(ring.nodes, chain, corner, size, kernel)
        first = node.functionals(kernel)
        values, doubts = node.expectations([(first, "f")])
        _set_zeros(values, [_reach(chain, "f", size, kernel)])
        values[0][0] = arb(1)
        # a moment of the constant class bounds those of all others, and the trace bounds every eigenvalue
        even = 1 if is_nonnegative(chain) else 2
        heights = [(values[0][j - j % even].abs_upper() + doubts[j - j % even]) for j in range(size)]
        limits = [[h.min(1 / arb(int(count))) for h in heights] for count in counts]
        rows = [ring.from_moments(_enclose(values, doubts), limits, False, is_nonnegative(chain), size)]
        if tangent is not None:
            values, doubts = node.expectations([(first, "g"), (node.functionals(tangent), "h")])
            _set_zeros(values, [_reach(chain, "g", size, kernel), _reach(chain, "h", size, tangent)])
            peak = float(node.at_one("g") + node.at_one("h") * tangent.peak) * _ROUNDED
            bounds = [[x * peak for x in line] for line in limits]
            rows.append(ring.from_moments(_enclose(values, doubts), bounds, False, False, size, peak))
        return rows


@dataclass(frozen=True, eq=False)
class _Node:
    """Interpolation at one node of a network: nodes in ``X``, and the triple of its chain there.

    ``points`` are the nodes as values of ``S``, of both signs if ``folded``; ``triples`` values and derivatives there;
    ``powers`` the powers of ``f`` there (an ``arb_mat``); ``ends`` and ``end_powers`` the same at ``S = 1`` and -1.
    """

    nodes: list
    omega: list
    squares: list
    bends: list
    spread: object
    folded: bool
    size: int
    points: list
    triples: list
    powers: object
    ends: list
    end_powers: list

    @classmethod
    def of(cls, most: int, chain, corner: float, size: int, kernel) -> "_Node":
        """At most ``most`` nodes, and no more than the moments in ``kernel`` allow."""
        from flint import arb, arb_mat, arb_poly

        folded = not kernel.nonnegative
        # the expectation of Omega needs the moment of order 2 N in X
        count = min(most, (kernel.size - 2) // 4 if folded else (kernel.size - 1) // 2)
        nodes = [arb(float(x)) for x in jacobi_nodes(count, corner)]
        product = arb_poly.from_roots(nodes)
        slopes = _values(product.derivative(), nodes)
        bends = _values(product.derivative().derivative(), nodes)
        omega = (product * product).coeffs()
        roots = [x.sqrt() for x in nodes]
        points = roots + [-s for s in roots] if folded else nodes
        triples = [triple_at(chain, (s, 1)) for s in points]
        ends = [triple_at(chain, (arb(end),)) for end in ((1, -1) if folded else (1,))]
        return cls(
            nodes, omega, [s * s for s in slopes], [b / s for s, b in zip(slopes, bends)],
            _dot(omega, _moments(kernel.values[0], folded)[0]), folded, size, points, triples,
            arb_mat([_geometric(t.f[0], size) for t in triples]), ends, [_geometric(t.f[0], size) for t in ends],
        )  # fmt: skip

    def at_one(self, name: str):
        """``g`` or ``h`` where all correlations are 1."""
        return getattr(self.ends[0], name)[0]

    def functionals(self, rows) -> tuple:
        """For every row the weights of the expectation of the interpolant and those of ``Omega``; and ``peak``."""
        weights, omegas = zip(*(self.weights(_moments(row, self.folded)) for row in rows.values))
        return weights, omegas, rows.peak * _ROUNDED

    def expectations(self, parts) -> tuple[list, list]:
        """Centres of ``sum E[B b f^j]`` over the parts (functionals of ``B``, name of ``b``); half-widths by ``j``."""
        total, doubts = None, [0] * self.size
        for (weights, omegas, peak), base in parts:
            excess = self.excess(base)
            values = [
                [x + _dot(column, omega) / 2 for x, column in zip(line, zip(*excess))]
                for line, omega in zip(self.apply(base, weights), omegas)
            ]
            total = values if total is None else [[x + y for x, y in zip(*pair)] for pair in zip(total, values)]
            bound = self.spread * peak / 2
            doubts = [(d + sum(column) * bound).abs_upper() for d, column in zip(doubts, zip(*excess))]
        return total, doubts

    @cached_property
    def at_end(self) -> list:
        """Weights of the interpolants at ``X = 1``: an expectation too, with all moments 1."""
        from flint import arb

        ones = [arb(1)] * (2 * len(self.nodes) + 1)
        zeros = [arb(0)] * len(ones)
        patterns = [[ones, zeros], [zeros, ones]] if self.folded else [[ones]]
        return [self.weights(pattern)[0] for pattern in patterns]

    def weights(self, moments: list[list]) -> tuple[tuple[list, list], list]:
        """Weights of values and derivatives at the points, and the expectations of ``Omega``, for one class."""
        omegas = [_dot(self.omega, line) for line in moments]
        pairs = [self.residues(line) for line in moments]
        if not self.folded:
            return pairs[0], omegas
        # u_e = (u(s) + u(-s)) / 2 and u_o = (u(s) - u(-s)) / (2 s), with d/dx = d/ds / (2 s)
        (a, b), (c, d) = pairs
        roots = self.points[: len(a)]
        even, odd = [x / 2 for x in a], [y / (2 * s) - z / (4 * s**3) for y, z, s in zip(c, d, roots)]
        bent, lent = [z / (4 * s) for z, s in zip(b, roots)], [z / (4 * s * s) for z, s in zip(d, roots)]
        values = [x + y for x, y in zip(even, odd)] + [x - y for x, y in zip(even, odd)]
        return (values, [x + y for x, y in zip(bent, lent)] + [y - x for x, y in zip(bent, lent)]), omegas

    def residues(self, moments: list) -> tuple[list, list]:
        r"""Weights of values and of derivatives of ``F`` in the expectation of its interpolant, from moments of ``X``.

        With :math:`q` the polynomial part of :math:`\Omega(x) \sum_n E[X^n] x^{-n-1}`, the expectation is the sum of
        the residues of :math:`F q / \Omega` at the nodes.  Cost: one product of polynomials, ``2 N`` evaluations.
        """
        from flint import arb, arb_poly

        if all(x.is_zero() for x in moments):
            return ([arb(0)] * len(self.nodes),) * 2
        length = 2 * len(self.nodes)
        q = arb_poly((arb_poly(self.omega) * arb_poly(moments[length - 1 :: -1])).coeffs()[length:])
        values, slopes = _values(q, self.nodes), _values(q.derivative(), self.nodes)
        return (
            [(d - v * bend) / square for d, v, bend, square in zip(slopes, values, self.bends, self.squares)],
            [v / square for v, square in zip(values, self.squares)],
        )

    def apply(self, base: str, weights) -> list[list]:
        """Weighted sums of values and derivatives of ``b f^j`` at the points, ``j < size``, a row for each pair."""
        from flint import arb_mat

        levels = [(1, 0) if base == "f" else getattr(t, base) for t in self.triples]
        plain = [[a * x + b * y for a, b, (x, y) in zip(*pair, levels)] for pair in weights]
        raised = [[b * x * t.f[1] for b, (x, _), t in zip(pair[1], levels, self.triples)] for pair in weights]
        first, second = (arb_mat(m) * self.powers for m in (plain, raised))
        return [
            [x + j * line[j - 1] if j else x for j, x in enumerate(own)]
            for own, line in zip(first.tolist(), second.tolist())
        ]

    def excess(self, base: str) -> list[list]:
        """Upper bounds of ``D`` for ``b f^j``, ``j < size``: of the even and of the odd part where folded."""
        tops = [
            [x if base == "f" else getattr(end, base)[0] * x for x in line]
            for end, line in zip(self.ends, self.end_powers)
        ]
        if self.folded:
            tops = [[(x + sign * y) / 2 for x, y in zip(*tops)] for sign in (1, -1)]
        found, whole = self.apply(base, self.at_end), sum(self.omega)
        return [[((top - x) / whole).abs_upper() for top, x in zip(*pair)] for pair in zip(tops, found)]


def _moments(row, folded: bool) -> list[list]:
    """Moments ``E[B X^m]`` from a row of ``E[B S^n] / n!``; where folded, of ``B`` and of ``B S`` with ``X = S^2``."""
    factorial, moments = 1, []
    for n, x in enumerate(row):
        factorial *= max(n, 1)
        moments.append(x * factorial)
    return [moments[0::2], moments[1::2]] if folded else [moments]


def _reach(chain, part: str, size: int, rows) -> list[list[bool]]:
    """Whether some power of ``S`` has a non-zero coefficient in ``b f^j`` and a non-zero moment, by class and ``j``."""
    first = [next((n for n, x in enumerate(row) if not x.is_zero()), 0) for row in rows.values]
    order = min(rows.size - 1, max(first) + 16)
    present = [sum(1 << n for n, x in enumerate(row[: order + 1]) if not x.is_zero()) for row in rows.values]
    return [[bool(mask & support) for support in supports(chain, part, size, order)] for mask in present]


def _set_zeros(values: list[list], reaches: list) -> None:
    """Replace what no power of ``S`` reaches by exact zeros."""
    from flint import arb

    for c, line in enumerate(values):
        for j in range(len(line)):
            if not any(reach[c][j] for reach in reaches):
                line[j] = arb(0)


def _enclose(values: list[list], doubts: list) -> list[list]:
    """Balls around the centres; what is exact (a structural zero, the moment of order zero) stays so."""
    from flint import arb

    return [[x if x.is_exact() else x + arb(0, 1) * d for x, d in zip(line, doubts)] for line in values]


def _values(polynomial, points: list) -> list:
    """Values at the points by Horner's rule: the fast algorithm would lose twice the bits."""
    return polynomial.evaluate(points, algorithm="iter")


def _dot(a, b):
    total = 0
    for x, y in zip(a, b):
        total = total + x * y
    return total


def _geometric(ratio, size: int) -> list:
    from flint import arb

    line = [arb(1)]
    for _ in range(size - 1):
        line.append(line[-1] * ratio)
    return line
