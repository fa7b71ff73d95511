r"""The moment recursion around uncorrelated inputs, over leading-order numbers.

Where a fan-in is fixed, all powers of a kernel are of the same order in ``d``; those of ``K - K(0)`` are not.  So the
moments here are centred, and an activation is expanded at the mean ``S0`` of the children's ``K(0)``: with
:math:`F(z) = \varphi^*(S_0 + z) - \varphi^*(S_0)` and the notation of `moments`,

.. math::

    E[(K - K(0))^j P] = \sum_n [z^n] F(z)^j \, E[(S - S_0)^n P], \qquad
    E[T (K - K(0))^j P] = \sum_n [z^n] (\varphi^* F^j) \, E[(S - S_0)^n P]
                        + \sum_n [z^n] ((\varphi^*)' F^j) \, E[H (S - S_0)^n P].

All Taylor coefficients at :math:`S_0 \ge 0` are non-negative.  Of ``w`` children most are inactive, and take part
through their fluctuations: with ``n`` of them, and ``u`` the generating function of one less 1,
:math:`(1 + u)^n = \sum_k \binom nk u^k`, in which ``n`` may grow with ``d``.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import factorial, inf

import numpy as np

from .classes import Pool
from .rings.leading import Exponents, Numbers, Size


@dataclass(frozen=True, eq=False)
class Centred:
    """Generating functions of the kernel, centred at ``start``, and of the tangent kernel, one row per class.

    ``spread`` is the smallest exponent of the mean square fluctuation that an activation below meets.
    """

    kernel: Numbers
    tangent: Numbers
    start: object
    spread: float = inf


def root_numbers(
    pool: Pool, kernel: str, sizes: dict, arithmetic: Exponents, order: int, copies: int | None = None, reach: int = 1
):
    """The eigenvalues of all classes of a pool, in one column; and all moments at the root.

    ``sizes`` has a `Size` for every shape: the dimension of a leaf, the number of children of a node, or the total
    dimension of a first layer that is taken as one sphere (then its leaves have no entry).  Moments beyond ``order``
    are left out, and so are powers of a kernel beyond ``copies`` copies of the path of every leaf that can be active
    (and ``reach`` more).
    Cost: ``O(order**2)`` array operations on the classes.
    """
    most = int(pool.degree.max())
    powers = lambda shape: order + 1 if copies is None else copies * min(most, shape.leaf_count) + 3 + reach  # noqa: E731
    moments = _moments(pool, sizes, arithmetic, order, powers, {})
    found = moments.tangent.columns([0]) if kernel == "ntk" else moments.kernel.columns([1])
    if kernel == "nngp" and moments.start != 0:
        constant = [0.0] + [inf] * (arithmetic.terms - 1), [moments.start] + [0] * (arithmetic.terms - 1)
        rest = [None] * (len(pool) - 1)
        found = arithmetic.add(found, arithmetic.rows([[entry] for entry in [constant, *rest]]))
    return found, moments


def _moments(pool: Pool, sizes: dict, arithmetic, order: int, powers, done: dict) -> Centred:
    if id(pool) not in done:
        shape = pool.shape
        if shape.dim is not None or shape.is_block and not all(child in sizes for child, _ in shape.groups):
            rows = _sphere(sizes[shape], pool.degree, order + 2, arithmetic)
            slope = np.arange(1, order + 2, dtype=object)
            tangent = rows.columns(np.s_[1:])
            scaled = None if tangent.coefficient is None else tangent.coefficient * slope
            result = Centred(rows.columns(np.s_[:-1]), Numbers(tangent.exponent, scaled), arithmetic.origin())
        else:
            result = _join(pool, sizes, arithmetic, order, powers, done)
        for activation in shape.chain:
            result = _activate(activation, result, arithmetic, powers(shape))
        done[id(pool)] = result
    return done[id(pool)]


def _sphere(size: Size, degrees: np.ndarray, columns: int, arithmetic) -> Numbers:
    r"""Moments of the correlation on one sphere, over ``n!`` (see `harmonics.monomial_moment`): for ``n = r + 2i``,

    .. math:: \frac{m(r, n)}{n!} = \frac{s^{-(i + r)}}{2^i i!} \prod_{l < i + r} \frac{1}{1 + 2l/s}.
    """
    known = {
        r: [
            arithmetic.number(size, -(n + r) // 2, Fraction(1, 2 ** ((n - r) // 2) * factorial((n - r) // 2)),
                              range(0, n + r, 2), -1) if n >= r and (n - r) % 2 == 0 else None
            for n in range(columns)
        ]
        for r in set(degrees.tolist())
    }  # fmt: skip
    order = sorted(known)
    return arithmetic.rows([known[r] for r in order]).take(np.searchsorted(order, degrees))


def _join(pool: Pool, sizes: dict, arithmetic, order: int, powers, done: dict) -> Centred:
    """The mean over the children: active ones one by one, then all inactive ones."""
    below = [_moments(child, sizes, arithmetic, order, powers, done) for child in pool.children]
    fan_in = sizes[pool.shape]
    weights = np.arange(order + 1)
    kernels = [arithmetic.scale(b.kernel, fan_in, weights) for b in below]
    tangents = [arithmetic.scale(b.tangent, fan_in, weights + 1) for b in below]
    unit = arithmetic.unit(order + 1)
    zero = arithmetic.rows([[None] * (order + 1)])
    everything = arithmetic.stack([unit, *kernels]), arithmetic.stack([zero, *tangents])
    offsets = 1 + np.cumsum([0] + [len(b.kernel) for b in below])[:-1]

    # active children: each class is its prefix times its last member, a row of an earlier level
    member = offsets[pool.group] + pool.member
    member[0] = 0
    levels, position = [(unit, zero)], np.zeros(len(pool), dtype=np.int64)
    total = 1
    for level in range(1, int(pool.level.max()) + 1):
        own = np.flatnonzero(pool.level == level)
        last = tuple(part.take(member[own]) for part in everything)
        if level > 1:
            before = position[pool.prefix[own]] - (total - len(levels[-1][0]))
            last = _product(arithmetic, tuple(part.take(before) for part in levels[-1]), last)
        position[own] = total + np.arange(own.size)
        total += own.size
        levels.append(last)
    active = tuple(arithmetic.stack(parts).take(position) for parts in zip(*levels))

    # inactive children: one row for every vector of the numbers of active ones
    vectors, which = np.unique(pool.active, axis=0, return_inverse=True)
    counts = [Fraction(count, pool.shape.fan_in) for _, count in pool.shape.groups]
    found = _Idle(arithmetic, fan_in, counts, [k.take([0]) for k in kernels], [t.take([0]) for t in tangents])
    idle = tuple(arithmetic.stack(parts) for parts in zip(*(found.rows(vector.tolist()) for vector in vectors)))
    kernel, tangent = _product(arithmetic, active, tuple(part.take(which.reshape(-1)) for part in idle))
    start = sum(b.start * count for b, (_, count) in zip(below, pool.shape.groups)) / pool.shape.fan_in
    return Centred(kernel, tangent, start, min(b.spread for b in below))


def _product(arithmetic, a: tuple, b: tuple) -> tuple:
    """Generating functions of the sum of two independent parts, by the product rule for the tangent part."""
    left, right = arithmetic.convolve(a[1], b[0]), arithmetic.convolve(a[0], b[1])
    return arithmetic.convolve(a[0], b[0]), arithmetic.add(left, right)


class _Idle:
    """Generating functions of the inactive children of a node, given how many in each group are active.

    A group is the share ``p`` of the children; with ``a`` of them active, ``n = p w - a`` are not.
    """

    def __init__(self, arithmetic, fan_in: Size, shares: list, kernels: list, tangents: list):
        self.arithmetic, self.fan_in, self.shares, self.tangents = arithmetic, fan_in, shares, tangents
        self.order = kernels[0].size - 1
        self.powers = []
        for kernel in kernels:
            base = Numbers(kernel.exponent.copy(), None if kernel.coefficient is None else kernel.coefficient.copy())
            base.exponent[:, :, 0] = inf
            if base.coefficient is not None:
                base.coefficient[:, :, 0] = 0
            line = [arithmetic.unit(self.order + 1)]
            if self._is_closed(base):
                # exponents alone: the sum of all powers of w u, by squaring
                line = [arithmetic.add(line[0], arithmetic.scale(base, fan_in, np.full(self.order + 1, -1)))]
                for _ in range(self.order.bit_length()):
                    line = [arithmetic.convolve(line[0], line[0])]
            else:
                for _ in range(self.order):
                    line.append(arithmetic.convolve(line[-1], base))
            self.powers.append(arithmetic.stack(line))

    def _is_closed(self, rows: Numbers) -> bool:
        return rows.coefficient is None and not self.fan_in.is_fixed

    def rows(self, active: list[int]) -> tuple[Numbers, Numbers]:
        """The kernel's and the tangent kernel's."""
        arithmetic = self.arithmetic
        result = arithmetic.unit(self.order + 1), arithmetic.rows([[None] * (self.order + 1)])
        for g, (share, number) in enumerate(zip(self.shares, active)):
            kernel = self._power(g, number)
            # one of n carries the tangent kernel, the others do not
            other = arithmetic.convolve(self.tangents[g], self._power(g, number + 1))
            tangent = arithmetic.multiply(other, [arithmetic.number(self.fan_in, 1, share, [-number / share])])
            result = _product(arithmetic, result, (kernel, tangent))
        return result

    def _power(self, group: int, active: int) -> Numbers:
        """All but ``active`` of a group, by the binomial theorem."""
        if self._is_closed(self.powers[group]):
            return self.powers[group]
        share = self.shares[group]
        binomials = [
            self.arithmetic.number(self.fan_in, k, share**k / factorial(k), [-(active + i) / share for i in range(k)])
            for k in range(self.order + 1)
        ]
        return self.arithmetic.multiply(self.powers[group], binomials)


def _activate(activation, below: Centred, arithmetic, powers: int) -> Centred:
    """An activation, expanded at the mean of uncorrelated inputs."""
    size = below.kernel.size
    dual, lift, slope = arithmetic.taylor(activation, below.start, size)
    moved, product = [0, *dual[1:]], arithmetic.series_product
    own, with_lift, with_slope = [], [], []
    power = [1] + [0] * (size - 1)
    for j in range(size):
        if j < powers:
            lines = power, product(power, lift), product(power, slope)
            power = product(power, moved)
        else:
            lines = [[0] * size] * 3
        for matrix, line in zip((own, with_lift, with_slope), lines):
            matrix.append(arithmetic.times_factorials(line, j))
    return Centred(
        arithmetic.apply([(below.kernel, own)]),
        arithmetic.apply([(below.kernel, with_lift), (below.tangent, with_slope)]),
        arithmetic.start(activation, below.start),
        min(below.spread, float(below.kernel.exponent[:, 0, 2].min()) if size > 2 else inf),
    )

