"""A network as a list of steps on one tile of its Gram matrix.

The tree is walked depth-first: a node adds its kernels to the sums of its parent as soon as its children are done, so
that only the sums on one path from the readout to a leaf are alive, however many leaves there are.  A part with several
parents is kept from its first use to its last.

Parts come in pairs, one for each of the two inputs.  The pairs are equal but under global average pooling, where all
pairs of positions meet [Xiao2022, app. H].
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from ..activations.base import Activation
from ..activations.rectified import relu
from ..activations.smooth import ExponentialDual
from ..parts import Leaf, Network, refuse_mixed_variances
from .sampling import offsets

#: number of features from which a product is left to the BLAS
_MANY = 32
#: tiles that an activation without a loop of its own may need for the time of its evaluation
_SPARE = 12
# the BLAS has threads of its own: one product at a time
_BLAS = Lock()


@dataclass(eq=False)
class Tile:
    """What a thread works on: rows ``i`` and columns ``j`` of the matrix, and one flat array for each register."""

    x: np.ndarray
    y: np.ndarray
    symmetric: bool
    registers: np.ndarray
    i: int = 0
    j: int = 0
    shape: tuple[int, int] = (0, 0)

    def move(self, i: int, j: int, shape: tuple[int, int]) -> None:
        """Go to another place of the matrix."""
        self.i, self.j, self.shape = i, j, shape

    def flat(self, register: int) -> np.ndarray:
        """The numbers of a register."""
        return self.registers[register, : self.shape[0] * self.shape[1]]

    def square(self, register: int) -> np.ndarray:
        """The numbers of a register as rows and columns."""
        return self.flat(register).reshape(self.shape)


@dataclass(frozen=True)
class Product:
    """``target (+)=`` the inner products of some features of the rows with some of the columns."""

    left: int
    right: int
    features: int
    first: bool
    target: int

    def run(self, tile: Tile) -> None:
        """Do it."""
        from .._kernels import tiles

        out = tile.square(self.target)
        if self.features <= _MANY:
            place = tile.i, tile.j, self.left, self.right
            tiles.product(tile.x, tile.y, *place, self.features, self.first, out)
            return
        rows = tile.x[tile.i : tile.i + tile.shape[0], self.left : self.left + self.features]
        columns = tile.y[self.right : self.right + self.features, tile.j : tile.j + tile.shape[1]]
        with _BLAS:
            if self.first:
                np.matmul(rows, columns, out=out)
            else:
                out += rows @ columns


@dataclass(frozen=True)
class Diagonal:
    """Correlations of an input with itself: exactly 1 for each of ``leaves``, where the tile meets the diagonal."""

    leaves: int
    target: int

    def run(self, tile: Tile) -> None:
        """Do it."""
        if tile.symmetric and tile.i == tile.j:
            np.fill_diagonal(tile.square(self.target), float(self.leaves))


@dataclass(frozen=True)
class Add:
    """``target (+)= source``."""

    source: int
    target: int
    first: bool

    def run(self, tile: Tile) -> None:
        """Do it."""
        _add(tile.flat(self.source), tile.flat(self.target), self.first)


@dataclass(frozen=True)
class Layer:
    """The triple of an activation at the means of ``count`` children; ``sources`` and ``targets`` of K, then of T."""

    activation: Activation
    count: int
    sources: tuple
    targets: tuple
    first: bool

    @property
    def is_fused(self) -> bool:
        """Whether there is a loop for this very activation."""
        plain = type(self.activation).triple is Activation.triple
        return plain and (self.activation == relu or isinstance(self.activation, ExponentialDual))

    def run(self, tile: Tile) -> None:
        """Do it."""
        from .._kernels import tiles

        sources, targets = ([tile.flat(r) for r in registers] for registers in (self.sources, self.targets))
        scale, kernel_only = reciprocal(self.count), len(targets) == 1
        if not self.is_fused:
            self._evaluate(sources, targets, scale)
        elif self.activation == relu:
            loop = tiles.relu_kernel if kernel_only else tiles.relu
            loop(*sources, scale, self.first, *targets)
        else:
            loop = tiles.exponential_kernel if kernel_only else tiles.exponential
            loop(*sources, scale, float(self.activation.rate), self.first, *targets)

    def _evaluate(self, sources, targets, scale) -> None:
        kernel, own, slope = self.activation.triple("on_array", sources[0] * scale)
        _add(kernel, targets[0], self.first)
        if len(targets) > 1:
            slope = slope * sources[1]
            slope *= scale
            slope += own
            _add(slope, targets[1], self.first)


def _add(source, target, first: bool) -> None:
    if first:
        target[:] = source
    else:
        target += source


def reciprocal(count: int) -> float:
    """The inverse of a count, rounded so that ``count`` times it is not below 1: the mean of ones stays 1.

    >>> 49 * (1 / 49) < 1 <= 49 * reciprocal(49)
    True
    """
    inverse = 1.0 / count
    return inverse if count * inverse >= 1.0 else float(np.nextafter(inverse, 1.0))


@dataclass(frozen=True)
class Program:
    """Steps in order; how many registers they need; where the sums of K and T of the readout end up, of ``count``, and
    the variance of the output."""

    steps: tuple
    registers: int
    results: tuple
    count: int
    variance: float

    @property
    def scale(self) -> float:
        """What turns the sums of the readout into kernels."""
        return reciprocal(self.count) * self.variance

    @property
    def tiles(self) -> int:
        """How many tiles one thread needs at most at the same time."""
        fused = all(step.is_fused for step in self.steps if isinstance(step, Layer))
        return self.registers + 2 + (0 if fused else _SPARE)

    def run(self, tile: Tile) -> None:
        """All steps on one tile."""
        for step in self.steps:
            step.run(tile)


def program(net: Network, tangent: bool) -> Program:
    """The steps for a network, with the tangent kernel or without.  Cost: one pass over the (pairs of) parts."""
    refuse_mixed_variances(net, "Gram matrices need")
    return _Compiler(net, tangent).compile()


def readout_pairs(net: Network) -> list[tuple]:
    """The pairs of positions whose kernels the readout averages."""
    if net.head == "gap":
        return [(left, right) for left in net.positions for right in net.positions]
    return [(part, part) for part in net.positions]


@dataclass(eq=False)
class _Frame:
    """An open node: its pair, the pairs of children still to do, and the registers of its sums."""

    pair: tuple | None
    children: list
    todo: Iterator
    sums: tuple = ()
    filled: bool = False


@dataclass(eq=False)
class _Compiler:
    net: Network
    tangent: bool
    steps: list = field(default_factory=list)
    free: list = field(default_factory=list)
    size: int = 0

    def __post_init__(self):
        self.offsets = offsets(self.net)
        self.shared: dict = {}
        self.uses: Counter = Counter()
        stack, seen = [readout_pairs(self.net)], set()
        while stack:
            for pair in stack.pop():
                if isinstance(pair[0], Leaf):
                    continue
                self.uses[pair] += 1
                if pair not in seen:
                    seen.add(pair)
                    stack.append(_children(pair))

    def compile(self) -> Program:
        top = self.open(None, readout_pairs(self.net))
        stack = [top]
        while stack:
            frame = stack[-1]
            pair = next(frame.todo, None)
            if pair is None:
                stack.pop()
                if stack:
                    self.close(frame, stack[-1])
            elif pair in self.shared:
                self.use(pair, frame)
            else:
                stack.append(self.open(pair, _children(pair)))
        return Program(tuple(self.steps), self.size, top.sums, len(top.children), float(self.net.variance))

    def take(self) -> int:
        if self.free:
            return self.free.pop()
        self.size += 1
        return self.size - 1

    def open(self, pair, children: list) -> _Frame:
        """A node begins: its leaves go into its sums, in runs of neighbours."""
        leaves = [child for child in children if isinstance(child[0], Leaf)]
        nodes = [child for child in children if not isinstance(child[0], Leaf)]
        frame = _Frame(pair, children, iter(nodes))
        kernel = self.take()
        for left, right, size in self.runs(leaves):
            self.steps.append(Product(left, right, size, not frame.filled, kernel))
            frame.filled = True
        if leaves and all(left is right for left, right in leaves):
            self.steps.append(Diagonal(len(leaves), kernel))
        if not self.tangent:
            frame.sums = (kernel,)
        elif leaves and not nodes:
            frame.sums = (kernel, kernel)
        else:
            frame.sums = (kernel, self.take())
            if leaves:
                self.steps.append(Add(*frame.sums, True))
        return frame

    def runs(self, leaves) -> Iterator[tuple[int, int, int]]:
        """Ranges of features whose inner products are the sum of the correlations of the leaves."""
        run = None
        for pair in leaves:
            left, right = (int(self.offsets[self.net.number(leaf)]) for leaf in pair)
            size = pair[0].dim
            if run and run[0] + run[2] == left and run[1] + run[2] == right:
                run = (*run[:2], run[2] + size)
                continue
            if run:
                yield run
            run = (left, right, size)
        if run:
            yield run

    def close(self, frame: _Frame, parent: _Frame) -> None:
        """A node is done: its kernels go into the sums of its parent, or into registers of their own."""
        targets, first = parent.sums, not parent.filled
        if self.uses[frame.pair] > 1:
            targets, first = tuple(self.take() for _ in parent.sums), True
            self.shared[frame.pair] = targets
        self.steps.append(Layer(frame.pair[0].layer, len(frame.children), frame.sums, targets, first))
        self.free += sorted(set(frame.sums))
        if frame.pair in self.shared:
            self.use(frame.pair, parent)
        parent.filled = True

    def use(self, pair, parent: _Frame) -> None:
        """One more use of a part with several parents."""
        for source, target in zip(self.shared[pair], parent.sums):
            self.steps.append(Add(source, target, not parent.filled))
        parent.filled = True
        self.uses[pair] -= 1
        if not self.uses[pair]:
            self.free += self.shared.pop(pair)


def _children(pair) -> list[tuple]:
    left, right = pair
    return list(zip(left.children, right.children))
