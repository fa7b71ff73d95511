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

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import factorial, inf

import numpy as np

from ._arrays import distinct
from .classes import Pool
from .rings.leading import Exponents, Numbers, Size


@dataclass(frozen=True, eq=False)
class Rows:
    """Generating functions of the kernel and of the tangent kernel: class ``c`` has row ``of[c]`` of both."""

    kernel: Numbers
    tangent: Numbers
    of: np.ndarray

    def take(self, classes) -> "Rows":
        """Those of some classes."""
        return Rows(self.kernel, self.tangent, self.of[classes])

    def columns(self, size: int) -> "Rows":
        """The lowest moments."""
        return Rows(self.kernel.columns(np.s_[:size]), self.tangent.columns(np.s_[:size]), self.of)

    def first(self) -> tuple[Numbers, Numbers]:
        """The rows of the constant class."""
        return self.kernel.take(self.of[:1]), self.tangent.take(self.of[:1])


@dataclass(frozen=True, eq=False)
class Centred:
    """Generating functions of the kernel, centred at ``start``, and of the tangent kernel; see `root_numbers`."""

    rows: Rows
    start: object
    spread: float = inf


def root_numbers(
    pool: Pool, kernel: str, sizes: dict, arithmetic: Exponents, order: int, copies: int | None = None, reach: int = 1
) -> tuple[Numbers, float]:
    r"""The eigenvalues of all classes of a pool, in one column; and the spread: the smallest exponent of the mean
    square fluctuation that an activation meets.

    ``sizes`` has a `Size` for every shape: the dimension of a leaf, the number of children of a node, or the total
    dimension of a first layer that is taken as one sphere (then its leaves have no entry).  Moments beyond ``order``
    are left out, and so are powers of a kernel beyond ``copies`` copies of the path of every leaf that can be active
    (and ``reach`` more).

    An eigenvalue is one number, so the root needs no rows.  With the series of `_functional`, written backwards,

    .. math:: E[f(S - S_0) P] + E[h(S - S_0) H P] = [\epsilon\, x^N] \Bigl(\sum_n (h_n + \epsilon f_n)\, n!\, x^{N-n}
              \Bigr) \prod_v (M_v + \epsilon N_v),

    in which the factors of the inactive children and of the last member are few: only they are multiplied out.
    Equal rows are worked out once; of exponents alone there are few.
    Cost: a few operations per class, and ``O(order**2)`` per row, of which there are at most as many as classes of the
    children and prefixes.
    """
    most = int(pool.degree.max())
    powers = lambda shape: order + 1 if copies is None else copies * min(most, shape.leaf_count) + 3 + reach  # noqa: E731
    shape, done = pool.shape, {}
    below = None
    start = arithmetic.origin()
    if not _is_sphere(shape, sizes):
        below = [_moments(child, sizes, arithmetic, order, powers, done) for child in pool.children]
        start = _mean_start(shape, below)
    series = _functional(shape.chain, start, kernel, arithmetic, order + 1, powers(shape))
    # up to the last power that counts, under an activation at least to the mean square fluctuation
    last = max((n for line in series for n, c in enumerate(line) if c != 0), default=0)
    size = 1 + max(min(2, order) if shape.chain else 0, last)
    backwards = (
        arithmetic.rows([[arithmetic.constant(c) for c in arithmetic.times_factorials(line[:size], 0)[::-1]]])
        for line in reversed(series)
    )
    root = Rows(*backwards, np.zeros(len(pool), dtype=np.int64))
    if below is None:
        rows, spread = _sphere(sizes[shape], pool.degree, size, arithmetic), inf
    else:
        factors = _Factors(pool, below, sizes[shape], arithmetic, size)
        spread = factors.spread
        needed = np.zeros(len(pool), dtype=bool)
        needed[pool.prefix] = True
        rows = factors.active(needed).take(pool.prefix)
        root = _product(arithmetic, _product(arithmetic, root, factors.idle), factors.members)
    i, j, of = _pairs(root, rows)
    found = arithmetic.last((root.kernel, root.tangent), i, (rows.kernel, rows.tangent), j).take(of)
    if shape.chain:
        spread = min(spread, _fluctuation(rows if below is None else factors.idle))
    for activation in shape.chain:
        start = arithmetic.start(activation, start)
    if kernel == "nngp" and start != 0:
        constant = arithmetic.add(found.take([0]), arithmetic.rows([[arithmetic.constant(start)]]))
        found = arithmetic.stack([constant, found.take(np.s_[1:])])
    return found, spread


def _functional(chain: tuple, start, kernel: str, arithmetic, size: int, powers: int) -> tuple[list, list]:
    r"""The Taylor coefficients of ``f`` and ``h`` in :math:`\lambda = E[f(S - S_0) P] + E[h(S - S_0) H P]`.

    ``S`` and ``H`` are the means at the foot of a chain of activations.  On top of it ``f = 0, h = 1`` (NTK) or
    ``f = z, h = 0`` (NNGP, without the constant); an activation with triple ``(f_1, g_1, h_1)`` below takes them to
    :math:`f \circ F_1 + g_1 \cdot (h \circ F_1)` and :math:`h_1 \cdot (h \circ F_1)`, ``F_1 = f_1 - f_1(S_0)``.
    """
    starts = [start]
    for activation in chain[:-1]:
        starts.append(arithmetic.start(activation, starts[-1]))
    own, tangent = [0] * max(size, 2), [0] * max(size, 2)
    one = arithmetic.coefficient(Fraction(1))
    if kernel == "ntk":
        tangent[0] = one
    else:
        own[1] = one
    for activation, start in zip(reversed(chain), reversed(starts)):
        dual, lift, slope = arithmetic.taylor(activation, start, len(own))
        own, tangent = _composed((own, tangent), [0, *dual[1:]], arithmetic, powers)
        lifted = arithmetic.series_product(tangent, lift)
        own, tangent = [x + y for x, y in zip(own, lifted)], arithmetic.series_product(tangent, slope)
    return own, tangent


def _composed(outer: Sequence[list], inner: list, arithmetic, powers: int) -> list[list]:
    """Some series of another one without a constant term, whose ``powers`` lowest powers count."""
    size = len(inner)
    found = [[0] * size for _ in outer]
    power = [arithmetic.coefficient(Fraction(1))] + [0] * (size - 1)
    last = max((n for line in outer for n, c in enumerate(line) if c != 0), default=0)
    for j in range(min(last + 1, powers)):
        if j:
            power = arithmetic.series_product(power, inner)
        for line, total in zip(outer, found):
            if line[j] != 0:
                total[:] = [x + line[j] * c if c != 0 else x for x, c in zip(total, power)]
    return found


def _is_sphere(shape, sizes: dict) -> bool:
    """Whether a shape is one leaf, or a first layer that is taken as one."""
    return shape.dim is not None or shape.is_block and not all(child in sizes for child, _ in shape.groups)


def _moments(pool: Pool, sizes: dict, arithmetic, order: int, powers, done: dict) -> Centred:
    """All moments of a sub-tree, its chain included."""
    if id(pool) not in done:
        shape = pool.shape
        if _is_sphere(shape, sizes):
            result = Centred(_sphere(sizes[shape], pool.degree, order + 1, arithmetic), arithmetic.origin())
        else:
            result = _join(pool, sizes, arithmetic, order, powers, done)
        for activation in shape.chain:
            result = _activate(activation, result, arithmetic, powers(shape))
        done[id(pool)] = result
    return done[id(pool)]


def _sphere(size: Size, degrees: np.ndarray, columns: int, arithmetic) -> Rows:
    """The correlation on one sphere, which is both kernel and tangent kernel: ``E[t t**n] / n!`` is the next moment."""
    degrees, of = distinct(degrees)
    rows = arithmetic.sphere(size, degrees, columns + 1)
    tangent = rows.columns(np.s_[1:])
    slope = np.arange(1, columns + 1, dtype=object)
    scaled = None if tangent.coefficient is None else tangent.coefficient * slope
    return Rows(rows.columns(np.s_[:-1]), Numbers(tangent.exponent, scaled), of)


def _join(pool: Pool, sizes: dict, arithmetic, order: int, powers, done: dict) -> Centred:
    """The mean over the children of every class: active ones one by one, then all inactive ones."""
    below = [_moments(child, sizes, arithmetic, order, powers, done) for child in pool.children]
    factors = _Factors(pool, below, sizes[pool.shape], arithmetic, order + 1)
    rows = _product(arithmetic, factors.active(np.ones(len(pool), dtype=bool)), factors.idle)
    return Centred(rows, _mean_start(pool.shape, below), factors.spread)


def _mean_start(shape, below: Sequence[Centred]):
    """The mean of the children's kernels at uncorrelated inputs."""
    return sum(b.start * count for b, (_, count) in zip(below, shape.groups)) / shape.fan_in


def _fluctuation(rows: Rows) -> float:
    """Exponent of the mean square fluctuation: the second moment of the constant class."""
    kernel = rows.kernel
    return float(kernel.exponent[:, rows.of[0], 2].min()) if kernel.size > 2 else inf


class _Factors:
    """The mean over the children of a node: a class is the product of its prefix, its last member and what is inactive.

    ``members`` and ``idle`` are the last two, of every class.
    """

    def __init__(self, pool: Pool, below: Sequence[Centred], fan_in: Size, arithmetic, size: int):
        self.pool, self.arithmetic = pool, arithmetic
        self.spread = min(b.spread for b in below)
        powers = np.arange(size)
        children = [
            Rows(
                arithmetic.scale(b.rows.columns(size).kernel, fan_in, powers),
                arithmetic.scale(b.rows.columns(size).tangent, fan_in, powers + 1),
                b.rows.of,
            )
            for b in below
        ]
        self.unit = Rows(arithmetic.unit(size), arithmetic.rows([[None] * size]), np.zeros(1, dtype=np.int64))
        offsets = 1 + np.cumsum([0] + [child.of.size for child in children])[:-1]
        member = offsets[pool.group] + pool.member
        member[0] = 0
        self.members = _stack(arithmetic, [self.unit, *children]).take(member)

        # inactive children: one row for every vector of the numbers of active ones
        vectors, which = pool.activity
        shares = [Fraction(count, pool.shape.fan_in) for _, count in pool.shape.groups]
        found = _Idle(arithmetic, fan_in, shares, *zip(*(child.first() for child in children)))
        rows = zip(*(found.rows(vector) for vector in vectors.tolist()))
        self.idle = Rows(*map(arithmetic.stack, rows), which)

    def active(self, needed: np.ndarray) -> Rows:
        """The active children of the classes under a mask, which has all prefixes of its classes."""
        pool, place = self.pool, np.zeros(len(self.pool), dtype=np.int64)
        levels, classes = [self.unit], [np.zeros(1, dtype=np.int64)]
        for level in range(1, int(pool.level[needed].max()) + 1):
            own = np.flatnonzero(needed & (pool.level == level))
            last = self.members.take(own)
            if level > 1:
                last = _product(self.arithmetic, levels[-1].take(place[pool.prefix[own]]), last)
            place[own] = np.arange(own.size)
            levels.append(last)
            classes.append(own)
        found = _stack(self.arithmetic, levels)
        of = np.zeros(len(pool), dtype=np.int64)
        of[np.concatenate(classes)] = found.of
        return Rows(found.kernel, found.tangent, of)


def _stack(arithmetic, parts: Sequence[Rows]) -> Rows:
    """The classes of some rows, one after the other."""
    offsets = np.cumsum([0] + [len(part.kernel) for part in parts])
    of = np.concatenate([part.of + offset for part, offset in zip(parts, offsets)])
    return _merged(arithmetic, *(arithmetic.stack(rows) for rows in zip(*((p.kernel, p.tangent) for p in parts))), of)


def _product(arithmetic, a: Rows, b: Rows) -> Rows:
    """Generating functions of the sum of two independent parts, class by class; equal products are worked out once."""
    i, j, of = _pairs(a, b)
    rows = _times(arithmetic, (a.kernel.take(i), a.tangent.take(i)), (b.kernel.take(j), b.tangent.take(j)))
    return _merged(arithmetic, *rows, of)


def _pairs(a: Rows, b: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different pairs of rows that classes have, as the rows of both; and which pair each class has."""
    pairs, of = distinct(a.of * len(b.kernel) + b.of)
    return *np.divmod(pairs, len(b.kernel)), of


def _merged(arithmetic, kernel: Numbers, tangent: Numbers, of: np.ndarray) -> Rows:
    """Equal rows become one, as far as an arithmetic tells."""
    kept, which = arithmetic.different(kernel, tangent)
    return Rows(kernel.take(kept), tangent.take(kept), which[of])


def _times(arithmetic, a: tuple, b: tuple) -> tuple:
    """Products of pairs of a kernel and a tangent kernel, by the product rule."""
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
            result = _times(arithmetic, result, (kernel, tangent))
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
    kernel, tangent = below.rows.kernel, below.rows.tangent
    size = kernel.size
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
    own, tangent = arithmetic.apply([(kernel, own)]), arithmetic.apply([(kernel, with_lift), (tangent, with_slope)])
    return Centred(
        _merged(arithmetic, own, tangent, below.rows.of),
        arithmetic.start(activation, below.start),
        min(below.spread, _fluctuation(below.rows)),
    )
