"""Permutations of the leaves that leave the kernel of a graph as it is.

Two parts are the same function of the leaves if they have the same activation and the same children, so a permutation
is a symmetry if it carries every position to a part that is already there.  That check is a proof; the candidates come
from a search in which leaves are told apart by colours, refined along the edges until nothing changes.
"""

from collections import Counter
from collections.abc import Sequence
from math import prod

from .parts import Leaf, Network


class Symmetries:
    """The group of all symmetries of a network, as generators; with ``degrees``, of those that keep them.

    Cost: at most ``leaves**2 / 2`` searches for one symmetry, each a few passes over the edges for the usual networks.

    >>> from eigenspace.networks import leaf, network, node
    >>> a, b, c = (leaf(4) for _ in range(3))
    >>> group = Symmetries(network([node([a, b]), node([b, c])]))
    >>> group.generators, group.order
    ([(2, 1, 0)], 2)
    """

    def __init__(self, net: Network, degrees: Sequence[int] | None = None):
        self._net, self._ids = net, {}
        self._parts = [part for part in net._walk() if not isinstance(part, Leaf)]
        self._base = self._contents(range(len(net.leaves)), make=True)
        start = degrees if degrees is not None else [0] * len(net.leaves)
        self._start = self._refined([self._id(("leaf", leaf.dim, r)) for leaf, r in zip(net.leaves, start)])
        self.generators, self.order = self._strong_generators()

    def orbit_parts(self, items: Sequence[tuple]) -> list[list[int]]:
        """Groups of numbers of the items (tuples over all leaves) that symmetries carry into each other.

        ``items`` have to be closed under the group.
        """
        place = {item: i for i, item in enumerate(items)}
        root = list(range(len(items)))

        def find(i):
            while root[i] != i:
                root[i] = root[root[i]]
                i = root[i]
            return i

        for permutation in self.generators:
            for i, item in enumerate(items):
                a, b = find(i), find(place[tuple(item[u] for u in permutation)])
                root[max(a, b)] = min(a, b)
        found: dict = {}
        for i in range(len(items)):
            found.setdefault(find(i), []).append(i)
        return list(found.values())

    # ------------------------------------------------------------------------------------------------------

    def _id(self, content) -> int:
        return self._ids.setdefault(content, len(self._ids))

    def _contents(self, permutation, make: bool = False):
        """What the positions are if leaf ``u`` is called ``permutation[u]``; None if a part is not known yet."""
        numbers = {leaf: self._id(("name", permutation[u])) for u, leaf in enumerate(self._net.leaves)}
        for part in self._parts:
            content = "part", part.layer, tuple(sorted(numbers[child] for child in part.children))
            if not make and content not in self._ids:
                return None
            numbers[part] = self._id(content)
        return sorted(numbers[part] for part in self._net.positions)

    def _refined(self, colours: Sequence[int]) -> tuple[int, ...]:
        """Colours of the leaves that tell what they are part of, as far as the given ones tell leaves apart."""
        net, count = self._net, 0
        while len(set(colours)) > count:
            count = len(set(colours))
            below = dict(zip(net.leaves, colours))
            for part in self._parts:
                below[part] = self._id(("below", part.layer, tuple(sorted(below[c] for c in part.children))))
            above: dict = {part: [] for part in below}
            for part, number in Counter(net.positions).items():
                above[part].append(self._id(("position", number)))
            whole: dict = {}
            for part in (*reversed(self._parts), *net.leaves):
                whole[part] = self._id(("whole", below[part], tuple(sorted(above[part]))))
                for child in getattr(part, "children", ()):
                    above[child].append(whole[part])
            colours = [whole[leaf] for leaf in net.leaves]
        return tuple(colours)

    def _fixed(self, colours, leaf: int, step: int) -> tuple[int, ...]:
        """Refined colours after one leaf has got a colour of its own."""
        return self._refined([self._id(("fixed", step, c)) if u == leaf else c for u, c in enumerate(colours)])

    def _search(self, source, target, step: int):
        """A symmetry that carries colours into colours, or None."""
        if Counter(source) != Counter(target):
            return None
        sizes = Counter(source)
        if len(sizes) == len(source):
            place = {colour: u for u, colour in enumerate(target)}
            permutation = tuple(place[colour] for colour in source)
            return permutation if self._contents(permutation) == self._base else None
        colour = min((c for c in sizes if sizes[c] > 1), key=lambda c: (sizes[c], source.index(c)))
        own = self._fixed(source, source.index(colour), step)
        for v, other in enumerate(target):
            if other == colour:
                found = self._search(own, self._fixed(target, v, step), step + 1)
                if found is not None:
                    return found
        return None

    def _strong_generators(self) -> tuple[list[tuple[int, ...]], int]:
        """Generators of the chain of subgroups that fix the first leaves, and the order of the group."""
        count = len(self._net.leaves)
        chain = [self._start]
        for u in range(count):
            chain.append(self._fixed(chain[-1], u, -1 - u))
        generators: list = []
        lengths = []
        for u in reversed(range(count)):
            # every generator so far fixes the leaves before u + 1
            orbit, failed = {u}, set()
            for v in range(u + 1, count):
                if v in orbit or v in failed or chain[u][v] != chain[u][u]:
                    continue
                found = self._search(chain[u + 1], self._fixed(chain[u], v, -1 - u), 0)
                if found is None:
                    failed |= _orbit({v}, generators)
                else:
                    generators.append(found)
                    orbit = _orbit({u}, generators)
            lengths.append(len(orbit))
        return generators, prod(lengths)


def _orbit(start: set, generators) -> set:
    found, waiting = set(start), list(start)
    while waiting:
        u = waiting.pop()
        for permutation in generators:
            if permutation[u] not in found:
                found.add(permutation[u])
                waiting.append(permutation[u])
    return found
