r"""Space, frequency and learning index of classes of multi-degrees [Xiao2022, sec. 3].

Sizes are written as powers of the input dimension: a first layer that sees ``k`` leaves of dimension ``s`` is an input
block of dimension :math:`k s = d^{\alpha}`, a node above has fan-in :math:`d^{\alpha_u}`.  For a multi-degree ``r``

.. math::

    F(r) = \sum_{blocks} \alpha_v r_v, \qquad
    S(r) = \sum_{u} \alpha_u \cdot (\text{children of } u \text{ inside the spanning tree of the active blocks
    and the output}), \qquad L = S + F.
"""

from fractions import Fraction
from functools import lru_cache
from math import lcm

import numpy as np

from ._arrays import distinct
from ._flint import precision
from .centred import root_numbers
from .classes import Pool
from .rings.leading import Exponents, Size
from .shapes import Shape, size_exponent

#: powers of a dual among which gaps are looked for
_FAR = 64
#: precision at which a Taylor coefficient is told from zero
_BITS = 128


def index_columns(pool: Pool, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Space and frequency index of every class of a pool: object arrays of Fractions, of floats where no size fits.

    ``dim`` is the total input dimension.  Cost: array operations on the classes.
    """
    *columns, unit = index_numbers(pool, dim)
    return tuple(as_objects(column, unit) for column in columns)


def index_numbers(pool: Pool, dim: int) -> tuple[np.ndarray, np.ndarray, int | None]:
    """Space and frequency index of every class in a unit: integers over it; with ``None``, floats."""
    exponents = _exponents(pool.shape, dim)
    unit = _unit(exponents)
    if unit is None:
        return *_columns(pool, {shape: float(e) for shape, e in exponents.items()}, np.float64, {}), None
    return *_columns(pool, {shape: int(e * unit) for shape, e in exponents.items()}, np.int64, {}), unit


def as_objects(numbers: np.ndarray, unit: int | None) -> np.ndarray:
    """Indices in a unit as an object array; equal ones are one object."""
    if unit is None:
        return numbers.astype(object)
    infinite = np.isinf(numbers)
    found, which = distinct(np.where(infinite, -1, np.rint(numbers)).astype(np.int64) + 1)
    values = np.empty(found.size, dtype=object)
    values[:] = [Fraction(int(n) - 1, unit) if n else np.inf for n in found]
    return values[which]


def _unit(exponents: dict) -> int | None:
    """The common denominator of some exponents, or ``None`` where one is no Fraction."""
    if all(isinstance(e, Fraction) for e in exponents.values()):
        return lcm(*(e.denominator for e in exponents.values()))
    return None


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


def leading_exponents(pool: Pool, dim: int, kernel: str) -> np.ndarray:
    r"""Exponent ``L`` of every class in :math:`\lambda(r) = \Theta(d^{-L})`, an object array of Fractions or floats.

    For admissible activations ``L = S + F`` [Xiao2022, thm. 3].  In general, the moment recursion over exponents alone
    (`rings.leading`): a derivative of a dual that vanishes (ReLU: the odd ones from the third on, at 0) takes its paths
    out of the minimum, and two copies of a path then carry an odd degree of 3 or more.  ``inf`` for classes that no
    path reaches.  To leading order, a first layer is one sphere of its total dimension.

    Cost: ``O(degree)`` array operations on the classes, and ``O(degree**2)`` on those that others begin with.
    """
    numbers, unit = learning_numbers(pool, dim, kernel)
    return as_objects(numbers, unit)


def learning_numbers(pool: Pool, dim: int, kernel: str) -> tuple[np.ndarray, int | None]:
    """The exponents of `leading_exponents` in a unit: integers over it as floats; with ``None``, the floats."""
    exponents = _exponents(pool.shape, dim)
    unit = _unit(exponents)
    scaled = {shape: float(e * (unit or 1)) for shape, e in exponents.items()}
    reach = min(_reach(pool.shape), max(4 * _FAR, pool.shape.polynomial_degree))
    # two copies of a path, and as many powers more as it takes to pass a gap
    order = 2 * int(pool.degree.max()) + 3 + reach
    if pool.shape.is_block:
        return _one_sphere(pool, kernel, scaled[pool.shape], order), unit
    sizes = {shape: Size(shape.size, e) for shape, e in scaled.items()}
    with precision(_BITS, order + 2):
        found = root_numbers(pool, kernel, sizes, Exponents(), order, 2, reach)[0]
    return found.exponent[0, :, 0], unit


def _one_sphere(pool: Pool, kernel: str, exponent: float, order: int) -> np.ndarray:
    r"""Exponents of the classes of one sphere of dimension :math:`s = d^\alpha`, ``exponent`` being :math:`\alpha`.

    :math:`E[t^n P_r]` is of the order :math:`s^{-(n + r)/2}` for ``n = r, r + 2, ...`` and zero otherwise.  So of the
    powers of ``t`` in the kernel, the lowest one of this kind counts.
    """
    powers = _powers(pool.shape.chain, kernel, order)
    found = np.full(int(pool.degree.max()) + 1, np.inf)
    for parity in (0, 1):
        own, r = powers[powers % 2 == parity], np.arange(parity, found.size, 2)
        place = np.searchsorted(own, r)
        r, place = r[place < own.size], place[place < own.size]
        found[r] = exponent * ((own[place] + r) // 2)
    return found[pool.degree]


@lru_cache(maxsize=64)
def _powers(chain: tuple, kernel: str, order: int) -> np.ndarray:
    """The powers of the correlation, up to ``order``, that the kernel of a chain of activations over one sphere has.

    Sets of powers are integers, power ``n`` being bit ``n``.  Coefficients are non-negative, so that none cancels; each
    activation is expanded at the value of the kernel below it at 0, which is itself a power, 0, where it is not zero.
    """
    full = (1 << (order + 1)) - 1
    arithmetic = Exponents()
    with precision(_BITS, order + 2):
        start = arithmetic.origin()
        own, tangent = 0b10, 0b10
        for activation in chain:
            lines = arithmetic.taylor(activation, start, order + 1)
            series = (sum(1 << n for n, c in enumerate(line) if c) for line in lines)
            dual, lift, slope = (_substituted(outer, own, full) for outer in series)
            own, tangent = dual & ~1, lift | _sums(slope, tangent, full)
            start = arithmetic.start(activation, start)
    found = tangent if kernel == "ntk" else own | (start != 0)
    return np.array([n for n in range(order + 1) if found >> n & 1], dtype=np.int64)


def _sums(a: int, b: int, full: int) -> int:
    """The powers of the product of two series."""
    a, b = sorted((a, b), key=int.bit_count)
    found = 0
    while a:
        lowest = a & -a
        found |= b * lowest
        a ^= lowest
    return found & full


def _substituted(outer: int, inner: int, full: int) -> int:
    """The powers of a series of another one, which has no constant term."""
    found, power = outer & 1, 1
    for j in range(1, outer.bit_length()):
        power = _sums(power, inner, full)
        if outer >> j & 1:
            found |= power
        # nothing below power j is to come
        if not power or not (full & ~found) >> j:
            break
    return found


def _reach(shape: Shape) -> int:
    """How many more powers it takes to pass the gaps between the powers of the duals; 1 for all common activations."""
    below = max((_reach(child) for child, _ in shape.groups), default=1)
    for activation in shape.chain:
        below *= _gap(activation)
    return below


@lru_cache(maxsize=256)
def _gap(activation) -> int:
    """The degree of a polynomial dual; else the largest number of powers left out between two (at least 1)."""
    if activation.dual_coefficients is not None:
        return len(activation.dual_coefficients) - 1
    with precision(_BITS, _FAR):
        powers = np.flatnonzero(Exponents().taylor(activation, Exponents().origin(), _FAR)[0])
    return max(1, int(np.max(np.diff([0, *powers], append=0))) - 1)
