"""Grids of leaves and the patches that filters cut out of them: shapes and row-major numbers, no networks.

A grid has one axis (a row of leaves) or two (an image); a filter has the size of its patch along each axis and a stride
of the same size.
"""

from collections.abc import Iterable, Sequence
from math import isqrt, prod

import numpy as np

from . import _check

_FILTERS = "drop the layer or use 1"


def read(filters, positions) -> tuple[tuple, tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Filters as they are printed, filters as sizes along every axis, and the grid of positions, checked.

    The grid has two axes where a filter or ``positions`` is a pair.  Integer filters beside them must be 1, and an
    integer number of positions is a square where it is one, else a row.

    >>> read((1, 4), 4)
    ((1, 4), ((1,), (4,)), (4,))
    >>> read((1, (2, 3)), 4)
    ((1, (2, 3)), ((1, 1), (2, 3)), (2, 2))
    """
    if not _is_sequence(positions) and not (_is_sequence(filters) and any(map(_is_sequence, filters))):
        filters = _check.positive_integers("filters", filters, _FILTERS)
        return filters, tuple((size,) for size in filters), (_check.positive_integer("positions", positions),)
    if not _is_sequence(filters) or not len(filters):
        raise ValueError(f"filters must be a non-empty sequence, got {filters!r}; give at least one, such as (2, 2)")
    filters = tuple(_filter(size, place) for place, size in enumerate(filters))
    return filters, tuple((1, 1) if size == 1 else size for size in filters), _positions(positions)


def _is_sequence(value) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _filter(size, place: int) -> int | tuple[int, int]:
    if _is_sequence(size):
        return _pair("filters", size, f" at position {place}")
    size = _check.positive_integer(f"filters[{place}]", size, _FILTERS)
    if size != 1:
        raise ValueError(
            f"filters must be pairs (height, width) or 1 in a two-dimensional network, got {size} at position {place}; "
            f"use (1, {size}), ({size}, 1) or another pair"
        )
    return size


def _positions(positions) -> tuple[int, int]:
    if _is_sequence(positions):
        return _pair("positions", positions)
    count = _check.positive_integer("positions", positions)
    root = isqrt(count)
    return (root, root) if root**2 == count else (1, count)


def _pair(name: str, size, where: str = "") -> tuple[int, int]:
    if len(size) != 2:
        raise ValueError(f"{name} must be pairs (height, width), got {tuple(size)}{where}; use two as in (2, 2)")
    return _check.positive_integers(name + where, size, "use (2, 2)")


def scaled(grid: Sequence[int], sizes: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """The grid of leaves under a grid of positions: every filter multiplies it.

    >>> scaled((2, 1), [(1, 1), (2, 3)])
    (4, 3)
    """
    for size in sizes:
        grid = tuple(n * k for n, k in zip(grid, size))
    return tuple(grid)


def patches(grid: Sequence[int], size: Sequence[int]) -> list[list[int]]:
    """The row-major numbers of the cells of each patch of a grid, patches in row-major order too.

    >>> patches((2, 4), (2, 2))
    [[0, 1, 4, 5], [2, 3, 6, 7]]
    """
    split = [part for n, k in zip(grid, size) for part in (n // k, k)]
    axes = [*range(0, len(split), 2), *range(1, len(split), 2)]
    return np.arange(prod(grid)).reshape(split).transpose(axes).reshape(-1, prod(size)).tolist()
