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
from .centred import root_numbers
from .classes import Pool
from .rings.leading import Exponents, Size
from .shapes import Shape, size_exponent

#: powers of a dual among which gaps are looked for
_FAR = 64


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


def _reach(shape: Shape) -> int:
    """How many more powers it takes to pass the gaps between the powers of the duals; 1 for all common activations."""
    below = max((_reach(child) for child, _ in shape.groups), default=1)
    for activation in shape.chain:
        if activation.dual_coefficients is None:
            powers = np.flatnonzero(Exponents().taylor(activation, Exponents().origin(), _FAR)[0])
            below *= max(1, int(np.max(np.diff([0, *powers], append=0))) - 1)
        else:
            below *= len(activation.dual_coefficients) - 1
    return below


def leading_exponents(pool: Pool, dim: int, kernel: str) -> np.ndarray:
    r"""Exponent ``L`` of every class in :math:`\lambda(r) = \Theta(d^{-L})`, an object array of Fractions or floats.

    For admissible activations ``L = S + F`` [Xiao2022, thm. 3].  In general, the moment recursion over exponents alone
    (`rings.leading`): a derivative of a dual that vanishes (ReLU: the odd ones from the third on, at 0) takes its paths
    out of the minimum, and two copies of a path then carry an odd degree of 3 or more.  ``inf`` for classes that no
    path reaches.  To leading order, a first layer is one sphere of its total dimension.

    Cost: ``O(degree**2)`` array operations on the classes.
    """
    exponents = _exponents(pool.shape, dim)
    exact = all(isinstance(e, Fraction) for e in exponents.values())
    unit = lcm(*(e.denominator for e in exponents.values())) if exact else 1
    sizes = {shape: Size(shape.size, float(e * unit)) for shape, e in exponents.items()}
    with precision(128, _FAR):
        reach = min(_reach(pool.shape), max(4 * _FAR, pool.shape.polynomial_degree))
    order = 2 * int(pool.degree.max()) + 3 + reach
    with precision(128, order + 2):
        found = root_numbers(pool, kernel, sizes, Exponents(), order, 2, reach)[0].exponent[0, :, 0]
    if not exact:
        return found.astype(object)
    values = {x: x if x == np.inf else Fraction(round(x), unit) for x in set(found.tolist())}
    out = np.empty(found.size, dtype=object)
    out[:] = [values[x] for x in found.tolist()]
    return out
