"""Networks up to symmetry: equal sub-trees are one `Shape`, and chains of single-child nodes are one step."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isfinite, log

from .duals import degree, powers
from .errors import UnsupportedError
from .parts import Leaf, Network, refuse_mixed_variances


@dataclass(frozen=True)
class Shape:
    """A rooted tree up to the order of its children.

    The mean over the children, ``groups`` of pairs (shape, how many), or one leaf of dimension ``dim``, followed by the
    ``chain`` of activations (input side first).  The readout and a bare leaf have an empty chain.
    """

    chain: tuple
    dim: int | None
    groups: tuple

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # shapes nest as deep as networks do, and are keys of what is known of them
        return hash((self.chain, self.dim, self.groups))

    def __reduce__(self):
        # a hash is that of one process
        return Shape, (self.chain, self.dim, self.groups)

    @cached_property
    def key(self) -> str:
        """A text that equal shapes share and that orders different ones."""
        names = "".join(f".{a.name}" for a in self.chain)
        if self.dim is not None:
            return f"{self.dim}{names}"
        return "(" + "+".join(f"{count}*{shape.key}" for shape, count in self.groups) + ")" + names

    @cached_property
    def fan_in(self) -> int:
        """Number of children."""
        return 1 if self.dim is not None else sum(count for _, count in self.groups)

    @cached_property
    def size(self) -> int:
        """Total dimension of the leaves."""
        return self.dim if self.dim is not None else sum(count * shape.size for shape, count in self.groups)

    @cached_property
    def leaf_count(self) -> int:
        """Number of leaves."""
        return 1 if self.dim is not None else sum(count * shape.leaf_count for shape, count in self.groups)

    @cached_property
    def least_dim(self) -> int:
        """Smallest dimension of a leaf."""
        return self.dim if self.dim is not None else min(shape.least_dim for shape, _ in self.groups)

    @cached_property
    def height(self) -> int:
        """Number of means over several children above the deepest leaf."""
        return 0 if self.dim is not None else 1 + max(shape.height for shape, _ in self.groups)

    @cached_property
    def corner(self) -> float:
        """Half the number of directions in which the correlations leave the corner where all are 1."""
        if self.dim is not None:
            return (self.dim - 1) / 2
        return sum(count * shape.corner for shape, count in self.groups)

    @property
    def inner(self) -> bool:
        """Whether the recursion needs moments of a node with several children inside this tree."""
        return self.height > (1 if self.chain else 2)

    @cached_property
    def is_estimated(self) -> bool:
        """Whether what is known of some activation rests on estimates."""
        return any(a.is_estimated for a in self.chain) or any(shape.is_estimated for shape, _ in self.groups)

    @cached_property
    def is_polynomial(self) -> bool:
        """Whether the kernel is a polynomial of the correlations: all its duals are."""
        return degree(self.chain) is not None and all(shape.is_polynomial for shape, _ in self.groups)

    @cached_property
    def polynomial_degree(self) -> int:
        """The largest product of the degrees of the polynomial duals between the output and a leaf.

        The degree of the kernel where all duals are polynomials.
        """
        return powers(self.chain) * max((shape.polynomial_degree for shape, _ in self.groups), default=1)

    @property
    def is_cube(self) -> bool:
        """Whether this is a mean over several leaves of dimension 1."""
        return len(self.groups) == 1 and self.groups[0][0] == Shape((), 1, ())

    @property
    def is_block(self) -> bool:
        """Whether this is a first layer: all children are bare leaves (or it is over a single leaf)."""
        if self.dim is not None:
            return True
        return all(shape.dim is not None and not shape.chain for shape, _ in self.groups)


@dataclass(frozen=True, eq=False)
class Layout:
    """The shape of a network, and which part of the network is which child of its shape."""

    net: Network
    root: Shape
    _shapes: dict

    def children(self, part) -> list[list]:
        """The children of a part (or of the readout, ``None``) below its chain, one list for each group."""
        part = self.base(part)
        if part is None:
            shape, children = self.root, self.net.positions
        else:
            shape, children = self._shapes[part], part.children
        return [[c for c in children if self._shapes[c] == group] for group, _ in shape.groups]

    def base(self, part):
        """Down a chain of single children, to the node with several or to the leaf."""
        if part is None:
            if len(self.net.positions) > 1:
                return None
            part = self.net.positions[0]
        while not isinstance(part, Leaf) and len(part.children) == 1:
            part = part.children[0]
        return part


def layout(net: Network) -> Layout:
    """The shape of a tree network.  Cost: one pass over the parts.

    >>> from eigenspace.networks import cnn
    >>> layout(cnn(12, (1, 4), 3)).root.key
    '(3*(4*12.relu).relu)'
    """
    if not net.is_tree:
        raise UnsupportedError(
            "this needs a tree, and the network has a part with several parents (overlapping or shared patches); "
            "use eigenvalue, spectrum, leading_order or kernel_function, or give every node its own children"
        )
    shapes: dict = {}
    refuse_mixed_variances(net, "eigenvalues need")
    for part in net._walk():
        if isinstance(part, Leaf):
            shapes[part] = Shape((), part.dim, ())
        elif len(part.children) == 1:
            below = shapes[part.children[0]]
            shapes[part] = Shape((*below.chain, part.layer), below.dim, below.groups)
        else:
            shapes[part] = Shape((part.layer,), None, _groups(shapes[c] for c in part.children))
    if len(net.positions) == 1:
        root = shapes[net.positions[0]]
    else:
        root = Shape((), None, _groups(shapes[p] for p in net.positions))
    return Layout(net, root, shapes)


def _groups(shapes) -> tuple:
    return tuple(sorted(Counter(shapes).items(), key=lambda pair: pair[0].key))


def size_exponent(size: int, base: int) -> Fraction | float:
    """``log(size) / log(base)``, as a Fraction where the two are powers of one number.

    >>> size_exponent(64, 256), size_exponent(1, 1)
    (Fraction(3, 4), Fraction(0, 1))
    """
    if size == 1:
        return Fraction(0)
    ratio = log(size) / log(base)
    guess = Fraction(ratio).limit_denominator(64)
    if isfinite(ratio) and size**guess.denominator == base**guess.numerator:
        return guess
    return ratio
