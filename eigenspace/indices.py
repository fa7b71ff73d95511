r"""Space, frequency and learning index of classes of multi-degrees [Xiao2022, sec. 3].

Sizes are written as powers of the input dimension: a first layer that sees ``k`` leaves of dimension ``s`` is an input
block of dimension :math:`k s = d^{\alpha}`, a node above has fan-in :math:`d^{\alpha_u}`.  For a multi-degree ``r``

.. math::

    F(r) = \sum_{blocks} \alpha_v r_v, \qquad
    S(r) = \sum_{u} \alpha_u \cdot (\text{children of } u \text{ inside the spanning tree of the active blocks
    and the output}), \qquad L = S + F.
"""

from fractions import Fraction
from math import lcm

import numpy as np

from ._flint import precision
from .classes import Pool
from .duals import padded
from .shapes import Shape, size_exponent


def index_columns(pool: Pool, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Space and frequency index of every class of a pool: object arrays of Fractions, of floats where no size fits.

    ``dim`` is the total input dimension.  Cost: array operations on the classes.
    """
    exponents = _exponents(pool.shape, dim)
    if all(isinstance(e, Fraction) for e in exponents.values()):
        unit = lcm(*(e.denominator for e in exponents.values()))
        scaled = {shape: int(e * unit) for shape, e in exponents.items()}
        return tuple(_fractions(column, unit) for column in _columns(pool, scaled, np.int64, {}))
    scaled = {shape: float(e) for shape, e in exponents.items()}
    return tuple(column.astype(object) for column in _columns(pool, scaled, np.float64, {}))


def _exponents(shape: Shape, dim: int) -> dict:
    """Exponent of the block dimension (of blocks) or of the fan-in (of nodes above) of every shape below one."""
    if shape.is_block:
        return {shape: size_exponent(shape.size, dim)}
    found = {shape: size_exponent(shape.fan_in, dim)}
    for child, _ in shape.groups:
        found |= _exponents(child, dim)
    return found


def _columns(pool: Pool, exponents: dict, dtype, done: dict) -> tuple[np.ndarray, np.ndarray]:
    if id(pool) not in done:
        if pool.shape.is_block:
            done[id(pool)] = np.zeros(len(pool), dtype=dtype), pool.degree * dtype(exponents[pool.shape])
        else:
            done[id(pool)] = _node_columns(pool, exponents, dtype, done)
    return done[id(pool)]


def _node_columns(pool: Pool, exponents: dict, dtype, done: dict) -> tuple[np.ndarray, np.ndarray]:
    step = exponents[pool.shape]
    below = [_columns(child, exponents, dtype, done) for child in pool.children]
    offsets = np.cumsum([0] + [len(child) for child in pool.children])[:-1]
    space, frequency = (np.concatenate([columns[i] for columns in below]) for i in (0, 1))
    member = offsets[pool.group] + pool.member
    own_space, own_frequency = space[member] + step, frequency[member]
    own_space[0] = own_frequency[0] = 0
    for level in range(2, int(pool.level.max()) + 1):
        here = np.flatnonzero(pool.level == level)
        own_space[here] += own_space[pool.prefix[here]]
        own_frequency[here] += own_frequency[pool.prefix[here]]
    return own_space, own_frequency


def _fractions(numerators: np.ndarray, denominator: int) -> np.ndarray:
    values = {int(n): Fraction(int(n), denominator) for n in np.unique(numerators)}
    out = np.empty(numerators.size, dtype=object)
    out[:] = [values[int(n)] for n in numerators]
    return out


def leading_exponents(pool: Pool, dim: int, kernel: str) -> np.ndarray:
    r"""Exponent ``L`` of every class in :math:`\lambda(r) = \Theta(d^{-L})`, an object array of Fractions or floats.

    For admissible activations ``L = S + F`` [Xiao2022, thm. 3].  In general, the leading exponents of the moments
    around the kernel of uncorrelated inputs, :math:`E[(K - K(0))^j P]`, follow the moment recursion with
    ``(min, +)`` in place of ``(+, *)``: nothing is negative, so leading terms never cancel.  A derivative of a dual
    that vanishes (ReLU: the odd ones from the third on, at 0) takes its paths out of the minimum; two copies of a path
    then carry an odd degree of 3 or more.  ``inf`` for classes that no path reaches.

    Cost: ``O(degree**2)`` array operations on the classes.
    """
    exponents = _exponents(pool.shape, dim)
    exact = all(isinstance(e, Fraction) for e in exponents.values())
    # fluctuations count half exponents
    unit = 2 * lcm(*(e.denominator for e in exponents.values())) if exact else 1
    scaled = {shape: float(e * unit) for shape, e in exponents.items()}
    # polynomial duals may have no low powers
    order = max(2 * int(pool.degree.max()) + 4, pool.shape.polynomial_degree)
    centred, tangent, _ = _paths(pool, scaled, order, pool.shape.polynomial_degree, {})
    found = tangent[:, 0].copy() if kernel == "ntk" else centred[:, 1].copy()
    found[0] = 0.0
    if not exact:
        return found.astype(object)
    values = {x: x if x == np.inf else Fraction(int(x), unit) for x in set(found.tolist())}
    out = np.empty(found.size, dtype=object)
    out[:] = [values[x] for x in found.tolist()]
    return out


def _paths(pool: Pool, exponents: dict, order: int, most: int, done: dict):
    """Exponents of ``E[(K - K(0))^j P]`` and ``E[T (K - K(0))^j P]``, ``j <= order``, by class; and ``K(0)`` itself."""
    if id(pool) not in done:
        shape = pool.shape
        if shape.is_block:
            # the mean correlation of a block fluctuates like one sphere of the dimension of the block
            degree, j = pool.degree[:, None], np.arange(order + 2)[None, :]
            reached = (j >= degree) & ((j - degree) % 2 == 0)
            moments = np.where(reached, exponents[shape] * (j + degree) / 2, np.inf)
            result = moments[:, :-1], moments[:, 1:], 0.0
        else:
            result = _join_paths(pool, exponents, order, most, done)
        for activation in shape.chain:
            copies = max(2 * min(int(pool.degree.max()), shape.leaf_count), most) + 4
            result = _activate_paths(activation, *result, copies)
        done[id(pool)] = result
    return done[id(pool)]


def _join_paths(pool: Pool, exponents: dict, order: int, most: int, done: dict):
    """The mean over the children: active ones by their classes, inactive ones where their fluctuations are cheapest."""
    below = [_paths(child, exponents, order, most, done) for child in pool.children]
    step = exponents[pool.shape]
    weights = step * np.arange(order + 1)
    centred = np.concatenate([b[0] for b in below]) + weights
    tangent = np.concatenate([b[1] for b in below]) + weights + step
    offsets = np.cumsum([0] + [len(child) for child in pool.children])[:-1]
    member = offsets[pool.group] + pool.member

    own, own_tangent = centred[member], tangent[member]
    own[0], own_tangent[0] = np.inf, np.inf
    own[0, 0] = 0.0
    for level in range(2, int(pool.level.max()) + 1):
        here = np.flatnonzero(pool.level == level)
        before = pool.prefix[here]
        own_tangent[here] = np.minimum(
            _min_plus(own_tangent[before], own[here]), _min_plus(own[before], own_tangent[here])
        )
        own[here] = _min_plus(own[before], own[here])

    # any of many inactive children may fluctuate, and any may carry the tangent kernel
    idle = np.full((1, order + 1), np.inf)
    idle[0, 1:] = np.min(centred[offsets, 1:], axis=0) - step
    idle[0, 0] = 0.0
    for _ in range(max(order, 2).bit_length()):
        idle = np.minimum(idle, _min_plus(idle, idle))
    idle_tangent = _min_plus(np.min(tangent[offsets], axis=0, keepdims=True) - step, idle)
    own_tangent = np.minimum(_min_plus(own_tangent, idle), _min_plus(own, idle_tangent))
    fan_in = pool.shape.fan_in
    start = sum(b[2] * count for b, (_, count) in zip(below, pool.shape.groups)) / fan_in
    return _min_plus(own, idle), own_tangent, start


def _min_plus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of rows in the semiring: ``out[n] = min_i a[i] + b[n - i]``."""
    size = a.shape[1]
    out = np.full((max(len(a), len(b)), size), np.inf)
    for i in range(size):
        out[:, i:] = np.minimum(out[:, i:], a[:, i : i + 1] + b[:, : size - i])
    return out


def _activate_paths(activation, centred: np.ndarray, tangent: np.ndarray, start: float, copies: int):
    """An activation: the derivatives at the uncorrelated mean that do not vanish open the paths.

    Powers beyond ``copies``, a few copies of the path of every active leaf, are never the cheapest and left out.
    """
    size = centred.shape[1]
    dual, slope = _derivative_supports(activation, start, size)
    moved = dual.copy()
    moved[0] = False
    power = np.zeros(size, dtype=bool)
    power[0] = True
    new, new_tangent = np.full_like(centred, np.inf), np.full_like(tangent, np.inf)
    for j in range(min(size, copies)):
        new[:, j] = _least(centred, power)
        new_tangent[:, j] = np.minimum(
            _least(centred, _boolean_product(power, dual)), _least(tangent, _boolean_product(power, slope))
        )
        power = _boolean_product(power, moved)
    return new, new_tangent, float(activation.on_array(np.array(start))[0])


def _derivative_supports(activation, start: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which derivatives of the dual and of its derivative do not vanish at ``start``."""
    from flint import arb_series

    with precision(128, size):
        series = activation.on_series(arb_series([start, 1], prec=size))
        return tuple(np.array([not c.contains(0) for c in padded(s, size)]) for s in series)


def _least(rows: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.min(rows[:, mask], axis=1, initial=np.inf)


def _boolean_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if np.count_nonzero(b) > 8:
        return np.convolve(a, b)[: a.size] > 0
    out = np.zeros_like(a)
    for n in np.flatnonzero(b):
        out[n:] |= a[: a.size - n]
    return out
