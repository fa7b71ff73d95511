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

Every number here is non-negative.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .classes import Pool
from .correlations import CubeLaw, SphereLaw
from .duals import degree, layer_matrix
from .one_sided import interpolated_rows
from .zonal import chain_rows

#: order up to which a chain of polynomials over one leaf keeps all its terms, whatever the order of the tree
_LEAF_ORDER = 1024


@dataclass(frozen=True, eq=False)
class Moments:
    """Generating functions of the kernel and (or None) of the tangent kernel, one row per class."""

    kernel: object
    tangent: object | None


def root_moments(pool: Pool, kernel: str, order: int, ring) -> tuple[object, int]:
    """The rows that hold the eigenvalues of all classes of a pool, and the index of the eigenvalue in a row.

    NNGP: ``E[K^1 P]``; NTK: ``E[T K^0 P]``.  Cost: one product of two rows, ``O(order**2)``, per class of every shape
    of the tree, and one matrix product per shape.
    """
    tangent = kernel == "ntk"
    moments = _moments(pool, 2, order, tangent, ring, {})
    return (moments.tangent, 0) if tangent else (moments.kernel, 1)


def _moments(pool: Pool, size: int, order: int, tangent: bool, ring, done: dict) -> Moments:
    """Moments ``j < size`` of every class of a pool, its tree truncated at ``order``."""
    key = id(pool), size
    if key not in done:
        shape = pool.shape
        # a chain of polynomials needs its moments up to its degree, and no rule
        most = degree(shape.chain)
        reach = None if most is None else (size - 1 + tangent) * most
        if shape.is_cube and shape.chain and most is None:
            done[key] = _chain(pool, CubeLaw(shape.fan_in), size, tangent, ring)
        elif not pool.is_leaf:
            top = order if reach is None else min(order, reach)
            below = _join(pool, top + 1 if shape.chain else size, order, tangent, ring, done)
            done[key] = _activate(pool, below, size, ring) if shape.chain else below
        elif most is None:
            done[key] = _chain(pool, SphereLaw(shape.dim), size, tangent, ring)
        else:
            columns = min(reach, max(order, _LEAF_ORDER)) + 1 if shape.chain else size
            rows = ring.leaf(shape.dim, pool.degree.tolist(), columns + 1)
            below = Moments(ring.cut(rows, columns), ring.derivative(rows) if tangent else None)
            done[key] = _activate(pool, below, size, ring) if shape.chain else below
    return done[key]


def _chain(pool: Pool, law, size: int, tangent: bool, ring) -> Moments:
    """Moments of a chain of activations over the mean correlation ``t`` of one sphere or cube, where ``K = T = t``."""
    rows = chain_rows(ring, pool.shape.chain, law, pool.degree.tolist(), size, tangent)
    return Moments(rows[0], rows[1] if tangent else None)


def _activate(pool: Pool, below: Moments, size: int, ring) -> Moments:
    chain, order = pool.shape.chain, below.kernel.size - 1
    if degree(chain) is None and ring.interpolates(below.kernel, pool.shape.corner):
        found = interpolated_rows(ring, chain, pool.shape.corner, pool.count, size, below.kernel, below.tangent)
        return Moments(found[0], found[1] if below.tangent else None)
    f, g, h = (layer_matrix(chain, part, size, order, ring) if part == "f" or below.tangent else None for part in "fgh")
    kernel = ring.apply([(f, below.kernel)])
    if below.tangent is None:
        return Moments(kernel, None)
    return Moments(kernel, ring.apply([(g, below.kernel), (h, below.tangent)]))


def _join(pool: Pool, size: int, order: int, tangent: bool, ring, done: dict) -> Moments:
    """Generating functions of the means over the children: active children one by one, then all inactive ones."""
    weight = Fraction(1, pool.shape.fan_in)
    children = []
    for child in pool.children:
        moments = _moments(child, size, order, tangent, ring, done)
        children.append(
            Moments(
                ring.weigh(moments.kernel, weight),
                ring.weigh(moments.tangent, weight, 1) if tangent else None,
            )
        )
    unit = Moments(ring.unit(size), ring.zero(size) if tangent else None)
    everything = Moments(
        ring.stack([unit.kernel, *(c.kernel for c in children)]),
        ring.stack([unit.tangent, *(c.tangent for c in children)]) if tangent else None,
    )
    offsets = 1 + np.cumsum([0] + [len(c.kernel) for c in children])[:-1]

    # active children: level by level, each class is its prefix times its last member
    position = np.zeros(len(pool), dtype=np.int64)
    levels, total = [unit], 1
    for level in range(1, int(pool.level.max()) + 1):
        own = np.flatnonzero(pool.level == level)
        member = offsets[pool.group[own]] + pool.member[own]
        if level == 1:
            found = _take(everything, member, ring)
        else:
            before = int(np.count_nonzero(pool.level < level - 1))
            found = _product(levels[-1], position[pool.prefix[own]] - before, everything, member, ring)
        position[own] = total + np.arange(own.size)
        total += own.size
        levels.append(found)
    active = Moments(
        ring.stack([m.kernel for m in levels]), ring.stack([m.tangent for m in levels]) if tangent else None
    )

    # inactive children: one row for every vector of their numbers
    free = np.array([count for _, count in pool.shape.groups]) - pool.active
    vectors, which = np.unique(free, axis=0, return_inverse=True)
    powers: dict = {}
    rest = []
    for vector in vectors:
        current = unit
        for g, number in enumerate(vector):
            zero = _take(children[g], np.array([0]), ring)
            current = _product(current, [0], _power(zero, int(number), unit, powers, g, ring), [0], ring)
        rest.append(current)
    inactive = Moments(
        ring.stack([m.kernel for m in rest]), ring.stack([m.tangent for m in rest]) if tangent else None
    )
    return _product(active, position, inactive, which.reshape(-1), ring)


def _power(base: Moments, number: int, unit: Moments, done: dict, group: int, ring) -> Moments:
    """A power of one row by repeated squaring."""
    if number == 0:
        return unit
    if number == 1:
        return base
    key = group, number
    if key not in done:
        half = _power(base, number // 2, unit, done, group, ring)
        whole = _product(half, [0], half, [0], ring)
        done[key] = _product(whole, [0], base, [0], ring) if number % 2 else whole
    return done[key]


def _take(a: Moments, indices, ring) -> Moments:
    return Moments(ring.take(a.kernel, indices), None if a.tangent is None else ring.take(a.tangent, indices))


def _product(a: Moments, ia, b: Moments, ib, ring) -> Moments:
    """Generating functions of the sum of two independent parts, by the product rule for the tangent part."""
    kernel = ring.convolve(a.kernel, ia, b.kernel, ib)
    if a.tangent is None:
        return Moments(kernel, None)
    left = ring.convolve(a.tangent, ia, b.kernel, ib)
    return Moments(kernel, ring.add(left, ring.convolve(a.kernel, ia, b.tangent, ib)))
