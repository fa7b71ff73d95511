r"""Networks as trees of patches: leaves (input spheres), nodes (layers at one position), and the linear readout.

The kernels follow the recursion [Xiao2022, eqs. 11-12; JacotGabrielHongler2018]

.. math::

    \text{leaf:}\quad K = T = \xi_u, \qquad
    \text{node:}\quad S = \operatorname{mean} K_{child},\; H = \operatorname{mean} T_{child},\;
    K = \varphi^*(S),\; T = K + (\varphi^*)'(S)\, H,

and the linear readout averages over positions: NNGP = mean ``K``, NTK = mean ``T``.  ``T`` counts the linear layer on
top, so ``T = 1 + depth`` where all correlations are 1.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from . import _check
from .activations import Activation, relu
from .duals import evaluate

HEADS = ("flatten", "dense")
KERNELS = ("nngp", "ntk")


@dataclass(frozen=True, eq=False)
class Leaf:
    """An input sphere :math:`S^{dim-1}`; two leaves of the same dimension are different inputs."""

    dim: int

    def __repr__(self) -> str:
        return f"leaf({self.dim})"


@dataclass(frozen=True, eq=False)
class Node:
    """The mean of the children, followed by an activation."""

    children: tuple
    activation: Activation

    def __repr__(self) -> str:
        return f"node({len(self.children)} children, {self.activation.name})"


def leaf(dim: int) -> Leaf:
    """One input sphere of ambient dimension ``dim`` (1: the two points -1 and +1; 2: the circle).

    A positive SymPy symbol stands for any dimension, in closed forms and decay laws.

    >>> leaf(12)
    leaf(12)
    """
    return Leaf(_dimension(dim, "use 1 for two points, 2 for a circle, 3 or more for a sphere"))


def node(children, activation: Activation = relu) -> Node:
    """A layer at one position: the mean over ``children`` (leaves or nodes), then ``activation``.

    >>> node([leaf(4), leaf(6)])
    node(2 children, relu)
    """
    return Node(_parts("children", children), _activation(activation))


def network(positions, *, head: str = "flatten", activation: Activation = relu) -> "Network":
    """A network from the nodes that are read out together.

    Parameters
    ----------
    positions
        The nodes (or leaves).  Leaves are numbered in the order of their first appearance.
    head
        ``"flatten"``: linear readout of all positions; ``"dense"``: one more dense layer over all positions with
        ``activation``, then a linear readout.

    Examples
    --------
    >>> net = network([node([leaf(4), leaf(6)]), node([leaf(5)])])
    >>> net.dim, len(net.leaves), net.depth
    (15, 3, 1)
    """
    positions = _parts("positions", positions)
    head = _check.choice("head", head, HEADS)
    call = f"network([{_expressions(positions)}]"
    if head == "dense":
        positions = (Node(positions, _activation(activation)),)
        call += f", head='dense'{_named(activation)}"
    return Network(positions, call + ")", head)


def mlp(dim: int, depth: int, *, leaves: int = 1, activation: Activation = relu) -> "Network":
    """A fully connected network: ``depth`` activations and a linear readout.

    Parameters
    ----------
    dim
        Dimension of each input sphere; a positive SymPy symbol for `closed_form` and `decay`.
    depth
        Number of hidden layers, at least 1.
    leaves
        Number of input spheres; the first dense layer takes their mean.

    Examples
    --------
    >>> mlp(50, 2).summary()
    'mlp(50, 2): 1 leaf of dimension 50, d = 50, depth 2, relu'
    """
    dim = _dimension(dim)
    depth = _check.positive_integer("depth", depth, "use 1 for one hidden layer")
    count = _check.positive_integer("leaves", leaves, "use 1 for a single sphere")
    top = Node(tuple(Leaf(dim) for _ in range(count)), _activation(activation))
    for _ in range(depth - 1):
        top = Node((top,), activation)
    call = f"mlp({dim}, {depth}{f', leaves={count}' if count > 1 else ''}{_named(activation)})"
    return Network((top,), call)


def cnn(
    dim: int, filters: Sequence[int], positions: int = 1, *, activation: Activation = relu, head: str = "flatten"
) -> "Network":
    """A convolutional network of non-overlapping patches.

    Parameters
    ----------
    dim
        Dimension of each leaf (one pixel with its channels, or one patch).
    filters
        ``(k1, k2, ...)``: convolutions whose stride equals their filter size, ``k1`` counted in leaves, each
        followed by the activation.
    positions
        Positions left after the last convolution.  There are ``positions * prod(filters)`` leaves.
    head
        ``"flatten"``: linear readout of all positions; ``"dense"``: flatten, dense layer, activation, linear readout.

    Examples
    --------
    >>> cnn(12, filters=(1, 4, 4), positions=16, head="dense").summary()
    "cnn(12, filters=(1, 4, 4), positions=16, head='dense'): 256 leaves of dimension 12, d = 3072, depth 4, relu"
    """
    dim = _dimension(dim)
    filters = _check.positive_integers("filters", filters, "drop the layer or use 1")
    count = _check.positive_integer("positions", positions)
    head = _check.choice("head", head, HEADS)
    activation = _activation(activation)
    layer: list = [Leaf(dim) for _ in range(count * prod(filters))]
    for size in filters:
        layer = [Node(tuple(layer[i : i + size]), activation) for i in range(0, len(layer), size)]
    if head == "dense":
        layer = [Node(tuple(layer), activation)]
    call = f"cnn({dim}, filters={filters}, positions={count}, head={head!r}{_named(activation)})"
    return Network(tuple(layer), call, head)


def overlapping_cnn(
    dim: int,
    leaves: int,
    filters: Sequence[int],
    *,
    circular: bool = True,
    activation: Activation = relu,
    head: str = "flatten",
) -> "Network":
    r"""A convolutional network of stride 1 over a row of leaves: neighbouring filters share children.

    The networks of the CNTK and CGPK papers [Arora2019; Geifman2022], with pixels on :math:`S^{dim-1}`.

    Parameters
    ----------
    dim
        Dimension of each leaf (a pixel with its channels).
    leaves
        Number of leaves in the row; eigenvalues need 16 or fewer.
    filters
        ``(q1, q2, ...)``: sizes of the filters, each followed by the activation.
    circular
        Whether the row closes to a ring, so that every layer has as many positions as there are leaves.  Otherwise
        there is no padding, and a filter of size ``q`` leaves ``q - 1`` positions fewer.
    head
        ``"flatten"``: linear readout of all positions (the trace of the CNTK papers); ``"pixel"``: of the first one
        alone, which sees a patch of ``1 + sum(q - 1)`` leaves; ``"dense"``: flatten, dense layer, activation, linear
        readout.

    Examples
    --------
    >>> net = overlapping_cnn(12, 8, (3, 3))
    >>> net.summary()
    'overlapping_cnn(12, 8, filters=(3, 3)): 8 leaves of dimension 12, d = 96, depth 2, relu'
    >>> net.is_tree, len(overlapping_cnn(12, 8, (3, 3), head="pixel").leaves)
    (False, 5)
    """
    dim = _dimension(dim)
    count = _check.positive_integer("leaves", leaves, "use 2 or more")
    filters = _check.positive_integers("filters", filters, "drop the layer or use 1")
    head = _check.choice("head", head, ("flatten", "pixel", "dense"))
    activation = _activation(activation)
    width = count if circular else count - sum(filters) + len(filters)
    if width < 1 or max(filters) > count:
        raise ValueError(
            f"filters must fit on {count} leaves, got {filters}; use smaller filters, fewer layers or more leaves"
        )
    layer: list = [Leaf(dim) for _ in range(count)]
    for size in filters:
        starts = range(count if circular else len(layer) - size + 1)
        layer = [Node(tuple(layer[(i + j) % len(layer)] for j in range(size)), activation) for i in starts]
    if head == "dense":
        layer = [Node(tuple(layer), activation)]
    call = f"overlapping_cnn({dim}, {count}, filters={filters}" + ("" if circular else ", circular=False")
    call += ("" if head == "flatten" else f", head={head!r}") + _named(activation) + ")"
    positions = tuple(layer[:1] if head == "pixel" else layer)
    return Network(positions, call, "dense" if head == "dense" else "flatten")


def _dimension(dim, way_out: str | None = None):
    """A positive integer, or a positive SymPy expression with symbols in it."""
    if not getattr(dim, "free_symbols", None):
        return _check.positive_integer("dim", dim, way_out)
    if not dim.is_positive:
        raise ValueError(
            f"dim must be a positive integer or a positive SymPy expression, got {dim}; "
            f"use sympy.Symbol({str(dim)!r}, positive=True)"
        )
    return dim


def _expressions(parts: tuple) -> str:
    """The expressions that make parts anew; one with several parents is named where it comes first."""
    parents = Counter(parts)
    for part in Network(parts, "")._walk():
        parents.update(getattr(part, "children", ()))
    names: dict = {}
    return ", ".join(_expression(part, parents, names) for part in parts)


def _expression(part, parents: Counter, names: dict) -> str:
    if part in names:
        return names[part]
    if isinstance(part, Leaf):
        text = f"leaf({part.dim})"
    else:
        below = ", ".join(_expression(child, parents, names) for child in part.children)
        text = f"node([{below}]{_named(part.activation)})"
    if parents[part] == 1:
        return text
    names[part] = f"x{len(names)}"
    return f"({names[part]} := {text})"


def _named(activation: Activation) -> str:
    return "" if activation == relu else f", activation={activation.name}"


def _activation(activation) -> Activation:
    if not isinstance(activation, Activation):
        raise TypeError(
            f"activation must be an Activation, got {activation!r}; use eigenspace.relu, rbf(gamma) or identity"
        )
    return activation


def _parts(name: str, parts) -> tuple:
    try:
        parts = tuple(parts)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of leaves and nodes, got {parts!r}; use [leaf(3)]") from None
    if not parts:
        raise ValueError(f"{name} must hold at least one leaf or node, got none; use [leaf(3)]")
    for i, part in enumerate(parts):
        if not isinstance(part, (Leaf, Node)):
            raise TypeError(f"{name} must be leaves and nodes, got {part!r} at position {i}; use leaf(dim) or node(…)")
    return parts


@dataclass(frozen=True, eq=False)
class Network:
    """An immutable network: the tuple of positions under the linear readout.  Made by `mlp`, `cnn` or `network`.

    ``head`` says whether the last layer with activation is one over all positions (``"dense"``) or not (``"flatten"``).
    """

    positions: tuple
    call: str
    head: str = "flatten"
    _numbers: dict = field(init=False, repr=False)

    def __post_init__(self):
        numbers: dict = {}
        for part in self._walk():
            if isinstance(part, Leaf):
                numbers.setdefault(part, len(numbers))
        object.__setattr__(self, "_numbers", numbers)

    def _walk(self) -> Iterator:
        """Every part once, children before parents, leaves in the order of their first appearance."""
        done: set = set()
        stack = [(part, False) for part in reversed(self.positions)]
        while stack:
            part, expanded = stack.pop()
            if part in done:
                continue
            if expanded or isinstance(part, Leaf):
                done.add(part)
                yield part
            else:
                stack.append((part, True))
                stack.extend((child, False) for child in reversed(part.children))

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The input spheres, in the order of their numbers."""
        return tuple(self._numbers)

    @cached_property
    def dim(self) -> int:
        """Total input dimension, the sum of the dimensions of the leaves."""
        return sum(part.dim for part in self._numbers)

    @cached_property
    def depth(self) -> int:
        """Largest number of activations between an input and the output."""
        depths: dict = {}
        for part in self._walk():
            depths[part] = 0 if isinstance(part, Leaf) else 1 + max(depths[c] for c in part.children)
        return max(depths[p] for p in self.positions)

    @cached_property
    def is_tree(self) -> bool:
        """Whether no leaf and no node has two parents."""
        seen: set = set()
        for part in self._walk():
            for child in getattr(part, "children", ()):
                if child in seen:
                    return False
                seen.add(child)
        positions = list(self.positions)
        return len(set(positions)) == len(positions) and not seen.intersection(positions)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The different activations, input side first."""
        return tuple(dict.fromkeys(p.activation for p in self._walk() if isinstance(p, Node)))

    def number(self, part: Leaf) -> int:
        """Number of a leaf."""
        return self._numbers[part]

    def summary(self) -> str:
        """One line: the call, the inputs, the depth and the activations."""
        numbers_first = lambda dim: (0, dim) if isinstance(dim, int) else (1, str(dim))
        dims = sorted({part.dim for part in self.leaves}, key=numbers_first)
        count = len(self.leaves)
        kind = f"dimension {dims[0]}" if len(dims) == 1 else "dimensions " + ", ".join(map(str, dims))
        names = ", ".join(a.name for a in self.activations) or "linear"
        return (
            f"{self.call}: {count} {'leaf' if count == 1 else 'leaves'} of {kind}, d = {self.dim}, "
            f"depth {self.depth}, {names}"
        )

    def __repr__(self) -> str:
        return f"<{self.summary()}>"


def kernel_function(net: Network, kernel: str = "ntk") -> Callable[[np.ndarray], np.ndarray]:
    """The kernel as a function of the correlations of the leaves.

    Parameters
    ----------
    net
        Any network; nodes may share children.
    kernel
        ``"nngp"`` or ``"ntk"``.

    Returns
    -------
    callable
        ``xi -> K``: correlations of shape ``(..., leaves)`` in [-1, 1] to kernel values of shape ``(...)``, float64.
        Absolute error of the order of ``depth * 1e-16``.  Cost: one evaluation of the duals per node.

    Examples
    --------
    >>> kernel_function(mlp(50, 2))([1.0])
    3.0
    """
    net, kernel = _concrete(net), _check.choice("kernel", kernel, KERNELS)
    count = len(net.leaves)

    def function(xi):
        xi = np.asarray(xi, dtype=float)
        if xi.ndim == 0 or xi.shape[-1] != count:
            raise ValueError(
                f"xi must have {count} correlations along its last axis, got shape {xi.shape}; "
                f"use an array of shape (..., {count})"
            )
        if not np.all(np.abs(xi) <= 1.0 + 1e-12):
            raise ValueError("xi must hold correlations between -1 and 1; divide inner products by both norms")
        lines = (xi[..., number] for number in range(count))
        result = kernel_values(net, kernel, {leaf: (line, line) for leaf, line in zip(net.leaves, lines)})
        return float(result) if xi.ndim == 1 else result

    return function


def kernel_values(net: Network, kernel: str, values: dict) -> np.ndarray:
    """The kernel, from the pairs ``(K, T)`` of some parts, at least of the leaves; those of all others are filled in.

    The entries of ``values`` are arrays that broadcast, of float64 or of balls (``dtype=object``).
    """
    for part in net._walk():
        if part not in values:
            mean, tangent = (_mean([values[c][i] for c in part.children]) for i in (0, 1))
            values[part] = evaluate((part.activation,), mean, tangent)
    return _mean([values[p][KERNELS.index(kernel)] for p in net.positions])


def trace(net: Network, kernel: str, one):
    """The kernel where all correlations are ``one``, a float or a ball: its largest value, and its trace."""
    one = np.asarray(one, dtype=float if isinstance(one, float) else object)
    return kernel_values(net, kernel, dict.fromkeys(net.leaves, (one, one))).item()


def _mean(parts: list) -> np.ndarray:
    # small arrays first: a sum is as large as the largest of its terms
    parts = sorted(parts, key=np.size)
    return np.asarray(sum(parts[1:], parts[0]) / len(parts))


def _network(net) -> Network:
    if not isinstance(net, Network):
        raise TypeError(f"net must be a Network, got {net!r}; make one with eigenspace.mlp, cnn or network")
    return net


def _concrete(net) -> Network:
    """A network whose dimensions are numbers."""
    for part in _network(net).leaves:
        if not isinstance(part.dim, int):
            raise ValueError(
                f"net must have integer dimensions here, got a leaf of dimension {part.dim}; "
                f"put a number in its place, or use closed_form or decay"
            )
    return net
