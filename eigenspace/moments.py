r"""The moment recursion: eigenvalues of tree kernels, over any ring.

The children of a node depend on disjoint leaves, so expectations factor.  With the generating functions

.. math:: M_v(x) = \sum_j E[K_v^j P] \frac{x^j}{j!}, \qquad N_v(x) = \sum_j E[T_v K_v^j P] \frac{x^j}{j!}

(``P`` the product of the Gegenbauer polynomials of the leaves below ``v``), the mean ``S`` of ``w`` children and the
mean ``H`` of their tangent kernels have

.. math::

    \sum_n E[S^n P] \frac{x^n}{n!} = \prod_v M_v(x/w), \qquad
    \sum_n E[H S^n P] \frac{x^n}{n!} = \frac1w \sum_v N_v(x/w) \prod_{v' \ne v} M_{v'}(x/w),

and an activation with triple ``(f, g, h)`` maps them to

.. math::

    E[K^j P] = \sum_n [z^n] f(z)^j \, E[S^n P], \qquad
    E[T K^j P] = \sum_n [z^n] (g f^j)(z) \, E[S^n P] + \sum_n [z^n] (h f^j)(z) \, E[H S^n P].

Every number here is non-negative.  Where series are cut off, the recursion runs on centred kernels (see `frames`):
what is called ``K`` here is then :math:`\hat K`, and ``f`` is :math:`\hat f`.

At the output one moment is wanted, not all, and most classes end there.  An expectation that is linear in moments is
the last coefficient of one more product,

.. math:: \sum_{n \le N} a_n\, E[S^n P] = [x^N]\; A(x) \prod_v M_v(x/w), \qquad
          A(x) = \sum_{n \le N} n!\, a_n\, x^{N - n},

so that the layer at the output multiplies the few rows of last members before they meet the many prefixes: a class
costs one sum of products of the length of a row, not a product of rows.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

import numpy as np

from .classes import Pool
from .correlations import CubeLaw, SphereLaw
from .duals import degree, layer_matrix
from .frames import Centred, Plain
from .one_sided import interpolated_rows
from .zonal import chain_rows, chain_values

#: order up to which a chain of polynomials over one leaf keeps all its terms, whatever the order of the tree
_LEAF_ORDER = 1024
#: least number of moments that are kept
_LEAST_KEPT = 64
#: last members that are worked on together at the output
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """Generating functions of the kernel and (or None) of the tangent kernel, one row per class."""

    kernel: object
    tangent: object | None


def root_moments(pool: Pool, kernel: str, order: int, ring) -> tuple[object, int]:
    """The rows that hold the eigenvalues of all classes of a pool, and the index of the eigenvalue in a row.

    NNGP: ``E[K^1 P]``; NTK: ``E[T K^0 P]``.  Cost: for every class of a sub-tree a few products of rows,
    ``O(order**2)``, and the same for every class at the output that others begin with; for every other class at the
    output, ``O(order)``.
    """
    return _Recursion(kernel == "ntk", order, ring, Centred() if ring.centres else Plain()).root(pool)


@dataclass(frozen=True, eq=False)
class _Join:
    """The mean over the children: class ``c`` is row ``before[c]`` of ``prefixes`` times row ``after[c]`` of the rest.

    That is the last member, row ``last`` of ``members``, times all inactive children, row ``idle`` of ``inactive``.
    """

    prefixes: Moments
    before: np.ndarray
    members: Moments
    last: np.ndarray
    inactive: Moments
    idle: np.ndarray
    after: np.ndarray


@dataclass(frozen=True, eq=False)
class _Recursion:
    """The recursion for one kernel (with ``tangent``: both), truncated at ``order``, in a ring."""

    tangent: bool
    order: int
    ring: object
    frame: Centred | Plain
    done: dict = field(default_factory=dict)

    def root(self, pool: Pool) -> tuple[object, int]:
        """See `root_moments`."""
        shape, chain = pool.shape, self.frame.root_chain(pool.shape)
        index = 0 if self.tangent else 1
        if not _is_joined(shape):
            if degree(chain) is None:
                return chain_values(self.ring, chain, _law(shape), pool.degree.tolist(), self.tangent)
            moments = self._single(pool, chain, 2)
        else:
            most = degree(chain)
            join = self._join(pool, (self.order if most is None else min(self.order, most)) + 1)
            if not self._interpolates(join, shape, chain):
                return self._read(join, chain), 0
            moments = self._activate(pool, join, chain, 2)
        return (moments.tangent if self.tangent else moments.kernel), index

    def moments(self, pool: Pool, size: int) -> Moments:
        """Moments ``j < size`` of every class of a pool."""
        key = id(pool), size
        if key not in self.done:
            shape, chain = pool.shape, self.frame.chain(pool.shape)
            if not _is_joined(shape):
                self.done[key] = self._single(pool, chain, size)
            else:
                # a chain of polynomials needs its moments up to its degree
                most = degree(chain)
                reach = self.order if most is None else min(self.order, (size - 1 + self.tangent) * most)
                self.done[key] = self._activate(pool, self._join(pool, reach + 1), chain, size)
        return self.done[key]

    # one sphere or cube ------------------------------------------------------------------------------

    def _single(self, pool: Pool, chain: tuple, size: int) -> Moments:
        """Moments of a chain over the mean correlation ``t`` of one sphere or cube, where ``K = T = t``."""
        shape, degrees, ring, most = pool.shape, pool.degree.tolist(), self.ring, degree(chain)
        if most is None:
            rows = _over_law(ring, chain, _law(shape), tuple(degrees), size, self.tangent)
            return Moments(rows[0], rows[1] if self.tangent else None)
        # a chain of polynomials needs its moments up to its degree, and no rule
        reach = (size - 1 + self.tangent) * most
        columns = min(reach, max(self.order, _LEAF_ORDER)) + 1 if chain else size
        rows = ring.leaf(shape.dim, degrees, columns + 1)
        below = Moments(ring.cut(rows, columns), ring.derivative(rows) if self.tangent else None)
        return self._layer(below, chain, size) if chain else below

    # layers ------------------------------------------------------------------------------------------

    def _layer(self, below: Moments, chain: tuple, size: int) -> Moments:
        """What a chain of layers makes of the moments of a mean, by its power series."""
        ring, order = self.ring, below.kernel.size - 1
        f = layer_matrix(chain, "f", size, order, ring)
        kernel = ring.apply([(f, below.kernel)])
        if not self.tangent:
            return Moments(kernel, None)
        g, h = (layer_matrix(chain, part, size, order, ring) for part in "gh")
        return Moments(kernel, ring.apply([(g, below.kernel), (h, below.tangent)]))

    def _interpolates(self, join: _Join, shape, chain: tuple) -> bool:
        return degree(chain) is None and self.ring.interpolates(join.members.kernel, shape.corner)

    def _activate(self, pool: Pool, join: _Join, chain: tuple, size: int) -> Moments:
        ring = self.ring
        rest = self._product(join.members, join.last, join.inactive, join.idle)
        below = self._product(join.prefixes, join.before, rest, join.after)
        if not self._interpolates(join, pool.shape, chain):
            return self._layer(below, chain, size) if chain else below
        found = interpolated_rows(ring, chain, pool.shape.corner, pool.count, size, below.kernel, below.tangent)
        return Moments(found[0], found[1] if self.tangent else None)

    def _read(self, join: _Join, chain: tuple):
        """The eigenvalues of all classes at the output, in rows of one element."""
        ring, order = self.ring, join.prefixes.kernel.size - 1
        if self.tangent:
            g, h = (ring.functional(layer_matrix(chain, part, 1, order, ring), 0) for part in "gh")
            layer = Moments(h, g)
        else:
            layer = Moments(ring.functional(layer_matrix(chain, "f", 2, order, ring), 1), None)
        every = np.arange(len(join.inactive.kernel))
        inactive = self._product(layer, np.zeros_like(every), join.inactive, every)
        classes, found, parts = np.argsort(join.after, kind="stable"), [], []
        starts = np.searchsorted(join.after[classes], np.arange(0, join.last.size, _BLOCK))
        for start, own in zip(range(0, join.last.size, _BLOCK), np.split(classes, starts[1:])):
            block = slice(start, start + _BLOCK)
            rest = self._product(join.members, join.last[block], inactive, join.idle[block])
            found.append(own)
            before, after = join.before[own], join.after[own] - start
            last = ring.last(join.prefixes.kernel, before, rest.tangent if self.tangent else rest.kernel, after)
            if self.tangent:
                last = ring.add(last, ring.last(join.prefixes.tangent, before, rest.kernel, after))
            parts.append(last)
        return ring.take(ring.enclosed(ring.stack(parts)), np.argsort(np.concatenate(found)))

    # joins -------------------------------------------------------------------------------------------

    def _join(self, pool: Pool, size: int) -> _Join:
        """Generating functions of the means over the children: active ones one by one, then all inactive ones."""
        ring, children = self.ring, []
        weights = self.frame.weights(pool.shape, ring.fine_bits + 64)
        for child, weight in zip(pool.children, weights, strict=True):
            moments = self.moments(child, size)
            share = Fraction(1, pool.shape.fan_in)
            tangent = ring.weigh(moments.tangent, weight, share) if self.tangent else None
            children.append(Moments(ring.weigh(moments.kernel, weight), tangent))
        unit = Moments(ring.unit(size), ring.zero(size) if self.tangent else None)
        members = self._stack([unit, *children])
        offsets = 1 + np.cumsum([0] + [len(c.kernel) for c in children])[:-1]
        member = offsets[pool.group] + pool.member
        member[0] = 0

        # prefixes, by their number of active children: each is its own prefix times its last member
        kept, row = np.unique(pool.prefix), np.zeros(len(pool), dtype=np.int64)
        batches, total = [unit], 1
        for level in range(1, int(pool.level[kept].max()) + 1):
            own = kept[pool.level[kept] == level]
            start = total - len(batches[-1].kernel)
            batches.append(self._product(batches[-1], row[pool.prefix[own]] - start, members, member[own]))
            row[own] = total + np.arange(own.size)
            total += own.size

        vectors, which = pool.activity
        inactive = self._inactive([count for _, count in pool.shape.groups] - vectors, children, unit)
        pairs, after = np.unique(member * len(vectors) + which, return_inverse=True)
        last, idle = np.divmod(pairs, len(vectors))
        return _Join(self._stack(batches), row[pool.prefix], members, last, inactive, idle, after)

    def _inactive(self, vectors: np.ndarray, children: list, unit: Moments) -> Moments:
        """One row for every vector of the numbers of inactive children by group."""
        current = None
        for g, child in enumerate(children):
            numbers, which = np.unique(vectors[:, g], return_inverse=True)
            zero, powers = self._take(child, np.array([0])), {}
            rows = self._stack([self._power(zero, int(number), unit, powers) for number in numbers])
            every = np.arange(len(vectors))
            current = self._take(rows, which) if current is None else self._product(current, every, rows, which)
        return current

    def _power(self, base: Moments, number: int, unit: Moments, done: dict) -> Moments:
        """A power of one row by repeated squaring."""
        if number < 2:
            return base if number else unit
        if number not in done:
            half = self._power(base, number // 2, unit, done)
            whole = self._product(half, [0], half, [0])
            done[number] = self._product(whole, [0], base, [0]) if number % 2 else whole
        return done[number]

    def _stack(self, batches: list) -> Moments:
        ring = self.ring
        tangent = ring.stack([b.tangent for b in batches]) if self.tangent else None
        return Moments(ring.stack([b.kernel for b in batches]), tangent)

    def _take(self, a: Moments, indices) -> Moments:
        return Moments(self.ring.take(a.kernel, indices), self.ring.take(a.tangent, indices) if self.tangent else None)

    def _product(self, a: Moments, ia, b: Moments, ib) -> Moments:
        """Generating functions of the sum of two independent parts, by the product rule for the tangent part."""
        ring = self.ring
        kernel = ring.convolve(a.kernel, ia, b.kernel, ib)
        if not self.tangent:
            return Moments(kernel, None)
        left = ring.convolve(a.tangent, ia, b.kernel, ib)
        return Moments(kernel, ring.add(left, ring.convolve(a.kernel, ia, b.tangent, ib)))


def _law(shape) -> SphereLaw | CubeLaw:
    """The law of the mean correlation of one sphere or one cube."""
    return CubeLaw(shape.fan_in) if shape.is_cube else SphereLaw(shape.dim)


def _over_law(ring, chain: tuple, law, degrees: tuple, size: int, tangent: bool) -> list:
    """Rows of a chain over one sphere or cube; floats are shared between orders, and kept for the next call."""
    if size <= 2 or not ring.keeps_matrices:
        return chain_rows(ring, chain, law, degrees, size, tangent)
    last = degrees[-1]
    known = tuple(range(last + 1)) if 2 * len(degrees) > last else degrees
    places = np.searchsorted(known, degrees)
    rows = _kept_rows(ring, chain, law, known, max(_LEAST_KEPT, 1 << (size - 1).bit_length()), tangent)
    return [ring.cut(ring.take(r, places), size) for r in rows]


_kept_rows = lru_cache(maxsize=32)(chain_rows)


def _is_joined(shape) -> bool:
    """Whether the recursion takes the mean over the children one by one."""
    return shape.dim is None and not (shape.is_cube and shape.chain and degree(shape.chain) is None)
