"""Columns of many entries as arrays: their different entries, and copies that cannot be changed."""

from collections.abc import Callable

import numpy as np


def distinct(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones among non-negative integers, ascending, and which of them every entry is.

    Cost: one pass where they are not larger than a few times their number, else a sort.

    >>> distinct(np.array([5, 2, 5]))
    (array([2, 5]), array([1, 0, 1]))
    """
    most = int(numbers.max(initial=0))
    if most > 8 * numbers.size + 1024:
        return np.unique(numbers, return_inverse=True)
    there = np.zeros(most + 1, dtype=bool)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


def coded(entries: list) -> tuple[list, np.ndarray]:
    """The different ones among any entries, in order of appearance, and which of them every entry is.

    Cost: one pass, and the comparisons of the different objects.

    >>> coded(["b", "a", "b"])
    (['b', 'a'], array([0, 1, 0]))
    """
    places: dict = {}
    # most are the same object as another one, and objects are told apart faster than fractions
    objects = dict(zip(map(id, entries), entries))
    place_of = {key: places.setdefault(entry, len(places)) for key, entry in objects.items()}
    return list(places), np.fromiter((place_of[id(entry)] for entry in entries), np.intp, len(entries))


def objects(entries, convert: Callable, *kinds: type) -> np.ndarray:
    """A column of objects of these kinds that cannot be changed; others are converted, the right ones stay shared."""
    if not isinstance(entries, np.ndarray):
        entries = list(entries)
    if not set(map(type, entries)) <= set(kinds):
        entries = [entry if type(entry) in kinds else convert(entry) for entry in entries]
    return frozen(entries, object)


def frozen(entries, dtype) -> np.ndarray:
    """A copy that cannot be changed."""
    array = np.empty(0, dtype)
    entries = entries if isinstance(entries, np.ndarray) else list(entries)
    if len(entries):
        array = np.empty(len(entries), dtype)
        array[:] = entries
    array.setflags(write=False)
    return array
