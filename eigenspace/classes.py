"""Multi-degrees up to the symmetries of the tree: enumeration, exact counts, and their place in the network.

A class of a leaf is its degree.  A class of a node is a multiset of non-zero classes of its children.  It is stored
as a linked list, its *prefix* (the multiset without its last member) and its last member, because that is how the
moment recursion consumes it: one product per class, shared by all classes that begin alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ._arrays import distinct
from .harmonics import multiplicities, multiplicity
from .parts import Leaf
from .shapes import Layout, Shape


@dataclass(frozen=True, eq=False)
class Pool:
    """Classes of one shape, by ascending total degree; number 0 is the constant class.

    For a leaf, ``degree`` alone matters.  For a node, class ``c`` is the class ``prefix[c]`` and one more active child:
    class ``member[c]`` of ``children[group[c]]``; ``active[c, g]`` counts the active children in group ``g``,
    ``run[c]`` how many of the last members are equal, and ``count[c]`` is the exact number of eigenfunctions.
    """

    shape: Shape
    degree: np.ndarray
    count: np.ndarray
    children: tuple["Pool", ...] = ()
    prefix: np.ndarray | None = None
    group: np.ndarray | None = None
    member: np.ndarray | None = None
    run: np.ndarray | None = None
    active: np.ndarray | None = None

    def __len__(self) -> int:
        return self.degree.size

    @property
    def is_leaf(self) -> bool:
        """Whether the classes are the degrees of one leaf."""
        return self.shape.dim is not None

    @cached_property
    def level(self) -> np.ndarray:
        """Number of active children of every class."""
        return self.active.sum(axis=1)

    @cached_property
    def activity(self) -> tuple[np.ndarray, np.ndarray]:
        """The different vectors of the numbers of active children by group, and which one every class has."""
        which = np.zeros(len(self), dtype=np.int64)
        for column in self.active.T:
            # vectors of the groups so far are numbered, so that the numbers stay small
            which = distinct(which * (int(column.max()) + 1) + column)[1]
        one = np.zeros(int(which.max()) + 1, dtype=np.int64)
        one[which] = np.arange(len(self))
        return self.active[one], which

    def members(self, index: int) -> list[tuple[int, int]]:
        """The active children of a class as pairs (group, class), first to last."""
        found = []
        while index > 0:
            found.append((self.group.item(index), self.member.item(index)))
            index = self.prefix.item(index)
        return found[::-1]

    def pattern(self, index: int) -> str:
        """The class as text: degrees of the active leaves; the more slashes between two, the higher they meet.

        ``2 1`` are two leaves of one first layer, ``2 / 1`` two leaves whose features meet one layer above, and so on.
        """
        if self.is_leaf:
            return str(int(self.degree[index]))
        parts = sorted(self.children[g]._part(c) for g, c in self.members(index))
        mark = "/" * (self.shape.height - 1)
        return (f" {mark} " if mark else " ").join([text for _, text in parts]) or "0"

    def _part(self, index: int) -> tuple[int, str]:
        """The class as a part of a larger pattern, where parts of large degree come first."""
        if index not in self._parts:
            self._parts[index] = -int(self.degree[index]), self.pattern(index)
        return self._parts[index]

    @cached_property
    def _parts(self) -> dict[int, tuple[int, str]]:
        """What `_part` has worked out: many patterns share their parts."""
        return {}

    def restrict(self, needed: np.ndarray) -> tuple["Pool", np.ndarray]:
        """The smallest pool that holds the classes under the mask; and the new number of every kept class."""
        needed = needed.copy()
        needed[0] = True
        if self.is_leaf:
            return Pool(self.shape, self.degree[needed], self.count[needed]), _renumber(needed)
        for level in range(int(self.level.max()), 0, -1):
            needed[self.prefix[needed & (self.level == level)]] = True
        numbers = _renumber(needed)
        kept = np.flatnonzero(needed)
        group, member = self.group[kept].copy(), self.member[kept].copy()
        children = []
        for g, child in enumerate(self.children):
            mask = np.zeros(len(child), dtype=bool)
            own = (group == g) & (kept > 0)
            mask[member[own]] = True
            small, renumbered = child.restrict(mask)
            member[own] = renumbered[member[own]]
            children.append(small)
        pool = Pool(
            self.shape, self.degree[kept], self.count[kept], tuple(children), numbers[self.prefix[kept]], group, member,
            self.run[kept], self.active[kept],
        )  # fmt: skip
        return pool, numbers


def _renumber(needed: np.ndarray) -> np.ndarray:
    return np.cumsum(needed) - 1


def enumerate_classes(shape: Shape, degree: int) -> Pool:
    """All classes of total degree at most ``degree``.

    Cost: proportional to their number, in array operations; exact counts are Python integers.

    >>> from eigenspace.networks import mlp
    >>> from eigenspace.shapes import layout
    >>> pool = enumerate_classes(layout(mlp(4, 1, leaves=3)).root, 3)
    >>> [pool.pattern(c) for c in range(len(pool))], pool.count.tolist()
    (['0', '1', '2', '1 1', '3', '2 1', '1 1 1'], [1, 12, 27, 48, 48, 216, 64])
    """
    return _enumerate(shape, degree, {})


def _enumerate(shape: Shape, degree: int, done: dict) -> Pool:
    if shape in done:
        return done[shape]
    if shape.dim is not None:
        most = min(degree, 1) if shape.dim == 1 else degree
        pool = Pool(shape, np.arange(most + 1), _integers(multiplicities(shape.dim, most)))
    else:
        children = tuple(_enumerate(child, degree, done) for child, _ in shape.groups)
        pool = _multisets(shape, children, degree)
    done[shape] = pool
    return pool


def _multisets(shape: Shape, children: tuple[Pool, ...], degree: int) -> Pool:
    """Multisets of non-zero classes of the children, one level of active children after the other."""
    groups = len(children)
    sizes = np.array([count for _, count in shape.groups])
    first = {
        "degree": np.zeros(1, dtype=np.int64), "prefix": np.zeros(1, dtype=np.int64),
        "group": np.zeros(1, dtype=np.int64), "member": np.zeros(1, dtype=np.int64),
        "run": np.zeros(1, dtype=np.int64), "active": np.zeros((1, groups), dtype=np.int64),
        "count": _integers([1]),
    }  # fmt: skip
    levels, offset = [first], 0
    while levels[-1]["degree"].size:
        last, parts = levels[-1], []
        for g, child in enumerate(children):
            # a new member of group g follows members of earlier groups, or equal or later members of its own group
            own = (last["group"] == g) & (last["degree"] > 0)
            start = np.where(own, last["member"], 1)
            stop = np.searchsorted(child.degree, degree - last["degree"], side="right")
            allowed = ((last["group"] <= g) | (last["degree"] == 0)) & (last["active"][:, g] < sizes[g])
            number = np.where(allowed, np.maximum(stop - start, 0), 0)
            source = np.repeat(np.arange(number.size), number)
            within = np.arange(source.size) - np.repeat(np.cumsum(number) - number, number)
            member = start[source] + within
            run = np.where(own[source] & (member == last["member"][source]), last["run"][source] + 1, 1)
            active = last["active"][source].copy()
            free = (sizes[g] - active[:, g]).astype(object)
            active[:, g] += 1
            count = last["count"][source] * child.count[member] * free
            parts.append({
                "degree": last["degree"][source] + child.degree[member], "prefix": source + offset,
                "group": np.full(source.size, g), "member": member, "run": run, "active": active,
                "count": count // run.astype(object),
            })  # fmt: skip
        offset += last["degree"].size
        levels.append({key: np.concatenate([p[key] for p in parts]) for key in parts[0]})
    columns = {key: np.concatenate([level[key] for level in levels]) for key in levels[0]}
    order = np.argsort(columns["degree"], kind="stable")
    columns = {key: column[order] for key, column in columns.items()}
    columns["prefix"] = np.argsort(order)[columns["prefix"]]
    return Pool(shape, columns.pop("degree"), columns.pop("count"), children, **columns)


def _integers(values: Iterable[int]) -> np.ndarray:
    values = list(values)
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


# one class -------------------------------------------------------------------------------------------


def canonical(layout: Layout, degrees: Sequence[int]):
    """The class of a multi-degree as nested sorted tuples: an integer for a leaf, ((group, class), …) for a node."""
    return _canonical(layout, None, degrees)


def _canonical(layout: Layout, part, degrees):
    base = layout.base(part)
    if isinstance(base, Leaf):
        return degrees[layout.net.number(base)]
    members = []
    for g, children in enumerate(layout.children(part)):
        found = [_canonical(layout, child, degrees) for child in children]
        members += [(g, c) for c in found if c not in (0, ())]
    return tuple(sorted(members, key=_order))


def _order(member):
    group, value = member
    return group, _total(value), repr(value)


def _total(value) -> int:
    return value if isinstance(value, int) else sum(_total(v) for _, v in value)


def single(shape: Shape, value) -> Pool:
    """The smallest pool that holds one class (the last of the pool) and what its recursion needs."""
    return _collect(shape, [value])[0]


def _collect(shape: Shape, values: list) -> tuple[Pool, dict]:
    """The pool of some classes, closed under prefixes, and the number of every class in it."""
    if shape.dim is not None:
        degrees = sorted({0, *values})
        pool = Pool(shape, np.array(degrees), _integers(multiplicity(shape.dim, k) for k in degrees))
        return pool, {k: i for i, k in enumerate(degrees)}
    closed = {(), *(v[:n] for v in values for n in range(len(v) + 1))}
    closed = sorted(closed, key=lambda v: (_total(v), len(v), repr(v)))
    numbers = {v: i for i, v in enumerate(closed)}
    children, found = [], []
    for g, (child, _) in enumerate(shape.groups):
        own = sorted({c for v in closed for h, c in v if h == g}, key=repr)
        pool, index = _collect(child, own)
        children.append(pool)
        found.append(index)
    sizes = [count for _, count in shape.groups]
    size = len(closed)
    prefix, group, member, run = (np.zeros(size, dtype=np.int64) for _ in range(4))
    active = np.zeros((size, len(sizes)), dtype=np.int64)
    count = [1] * size
    for i, v in enumerate(closed):
        for g, _ in v:
            active[i, g] += 1
        if v:
            g, last = v[-1]
            prefix[i], group[i], member[i] = numbers[v[:-1]], g, found[g][last]
            run[i] = sum(m == v[-1] for m in v)
            free = sizes[g] - int(active[i, g]) + 1
            count[i] = count[prefix[i]] * children[g].count[member[i]] * free // int(run[i])
    degree = np.array([_total(v) for v in closed])
    pool = Pool(shape, degree, _integers(count), tuple(children), prefix, group, member, run, active)
    return pool, numbers


# places ----------------------------------------------------------------------------------------------


class Representatives:
    """Degrees of all leaves of one member of a class: active children come first.

    Cost: proportional to the number of leaves; what classes share is placed once.

    >>> from eigenspace.networks import mlp
    >>> from eigenspace.shapes import layout
    >>> plan = layout(mlp(4, 1, leaves=3))
    >>> Representatives(plan, enumerate_classes(plan.root, 3))(5)
    (2, 1, 0)
    """

    def __init__(self, layout: Layout, pool: Pool):
        self._layout, self._pool = layout, pool
        self._children: dict = {}
        self._placed: dict = {}

    def __call__(self, index: int) -> tuple[int, ...]:
        degrees = [0] * len(self._layout.net.leaves)
        for leaf, degree in self._place(None, self._pool, int(index)):
            degrees[leaf] = degree
        return tuple(degrees)

    def _place(self, part, pool: Pool, index: int) -> list[tuple[int, int]]:
        """Pairs of an active leaf below a part and its degree."""
        base = self._layout.base(part)
        if isinstance(base, Leaf):
            return [(self._layout.net.number(base), int(pool.degree[index]))]
        if part not in self._children:
            self._children[part] = self._layout.children(part)
        places, found = self._children[part], []
        used = [0] * len(places)
        for g, member in pool.members(index)[::-1]:
            key = places[g][used[g]], member
            if key not in self._placed:
                self._placed[key] = self._place(key[0], pool.children[g], member)
            found += self._placed[key]
            used[g] += 1
        return found
