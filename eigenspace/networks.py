r"""Networks as trees of patches: leaves (input spheres), nodes (layers at one position), and the linear readout.

The kernels follow the recursion [Xiao2022, eqs. 11-12; JacotGabrielHongler2018]

.. math::

    \text{leaf:}\quad K = T = \xi_u, \qquad
    \text{node:}\quad S = \operatorname{mean} K_{child},\; H = \operatorname{mean} T_{child},\;
    K = \varphi^*(S),\; T = K + (\varphi^*)'(S)\, H,

and the linear readout averages over positions: NNGP = mean ``K``, NTK = mean ``T``.  ``T`` counts the linear layer on
top, so ``T = 1 + depth`` where all correlations are 1.  Weights and biases of other variances, and residual blocks, are
other layers in place of the activation (see `layers`).  Under ``head="gap"`` the readout takes the mean over all pairs
of a position of ``x`` and a position of ``x'`` instead [Xiao2022, app. H].
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import prod

import numpy as np

from . import _check, _grid
from ._constants import Constant, ball, constant
from .activations import Activation, relu
from .activations.base import typed
from .duals import evaluate
from .errors import UnsupportedError
from .layers import Part, layer

HEADS = ("flatten", "dense", "gap")
KERNELS = ("nngp", "ntk")
#: functions that make networks and their parts
MAKERS = ("cnn", "hypercube", "leaf", "mlp", "network", "node")


@dataclass(frozen=True, eq=False)
class Leaf:
    """An input sphere :math:`S^{dim-1}`; two leaves of the same dimension are different inputs."""

    dim: int

    #: the kernel where the correlation is 1
    variance = Fraction(1)

    def __repr__(self) -> str:
        return f"leaf({self.dim})"


@dataclass(frozen=True, eq=False)
class Scales:
    """Variances of weights and biases and the square of a residual weight, as fractions; and the arguments as typed.

    ``weights`` is ``None`` for normalised activations under weights of variance 1, ``residual`` without a block.
    """

    weights: Fraction | None
    biases: Fraction
    residual: Fraction | None
    text: str

    @classmethod
    def of(cls, sigma_w, sigma_b, residual) -> "Scales":
        """From the arguments of the makers of networks."""
        weights, typed_w = (None, None) if sigma_w is None else _squared("sigma_w", sigma_w)
        biases, typed_b = _squared("sigma_b", sigma_b, allow_zero=True)
        block, typed_r = (None, None) if residual is None else _squared("residual", residual)
        named = (("sigma_w", typed_w), ("sigma_b", typed_b if biases else None), ("residual", typed_r))
        return cls(weights, biases, block, "".join(f", {name}={text}" for name, text in named if text is not None))

    @property
    def outside_blocks(self) -> "Scales":
        """The same for a layer that is no residual block."""
        return self if self.residual is None else Scales(self.weights, self.biases, None, self.text)


@dataclass(frozen=True, eq=False)
class Node:
    """The mean of the children, followed by a layer.

    ``layer`` acts on kernels divided by their value at equal inputs, ``variance``; for critical networks, it is the
    ``activation`` itself and the variance is 1.
    """

    children: tuple
    activation: Activation
    scales: Scales
    layer: Activation
    variance: Fraction | Constant

    @classmethod
    def over(cls, children: tuple, activation: Activation, scales: Scales) -> "Node":
        """The node with its layer, which depends on the variance of the children."""
        variance = _mean_variance(children)
        return cls(children, activation, scales, *layer(
            activation, variance, scales.weights, scales.biases, scales.residual))  # fmt: skip

    def __repr__(self) -> str:
        return f"node({len(self.children)} children, {self.activation.name})"


def _mean_variance(parts: tuple) -> Fraction | Constant:
    """The mean of the variances of some parts."""
    found = Counter(part.variance for part in parts)
    return next(iter(found)) if len(found) == 1 else constant(_weighted, *(
        number for variance, count in found.items() for number in (Fraction(count, len(parts)), variance)))  # fmt: skip


def _weighted(ops, *pairs):
    return sum(share * variance for share, variance in zip(pairs[::2], pairs[1::2]))


def _squared(name: str, value, allow_zero: bool = False) -> tuple[Fraction, str]:
    """The square of a number, exactly, and the number as one types it; a float means the decimal it prints as."""
    way_out = "use 1.5 or sympy.sqrt(2)"
    if hasattr(value, "free_symbols"):
        square = value**2
        if value.is_positive and square.is_Rational:
            return Fraction(int(square.p), int(square.q)), f"{value}"
        raise ValueError(f"{name} must be a positive number with a rational square, got {value}; {way_out}")
    check = _check.nonnegative_real if allow_zero else _check.positive_real
    check(name, value, way_out)
    exact = _check.rational(name, value, way_out)
    return exact**2, typed(exact)


def leaf(dim: int) -> Leaf:
    """One input sphere of ambient dimension ``dim`` (1: the two points -1 and +1; 2: the circle).

    A positive SymPy symbol stands for any dimension, in closed forms and decay laws.

    >>> leaf(12)
    leaf(12)
    """
    return Leaf(_dimension(dim, "use 1 for two points, 2 for a circle, 3 or more for a sphere"))


def node(
    children, activation: Activation = relu, *, sigma_w: float | None = None, sigma_b: float = 0.0, residual=None
) -> Node:
    """A layer at one position: the mean over ``children`` (leaves or nodes), then ``activation``.

    ``sigma_w`` and ``sigma_b`` are those of `mlp`; with ``residual``, the layer is a residual block (see `mlp`) on top
    of its only child.

    >>> node([leaf(4), leaf(6)])
    node(2 children, relu)
    """
    children, scales = _parts("children", children), Scales.of(sigma_w, sigma_b, residual)
    if residual is not None and (len(children) > 1 or isinstance(children[0], Leaf)):
        what = "a leaf" if isinstance(children[0], Leaf) else "nodes"
        raise ValueError(
            f"residual: a residual block adds to the output of one node, got {len(children)} children that are {what}; "
            f"put a node between, such as node([node(children)], residual=0.5)"
        )
    return Node.over(children, _activation(activation), scales)


def network(
    positions,
    *,
    head: str = "flatten",
    activation: Activation = relu,
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
) -> "Network":
    """A network from the nodes that are read out together.

    Parameters
    ----------
    positions
        The nodes (or leaves).  Leaves are numbered in the order of their first appearance.
    head
        ``"flatten"``: linear readout of all positions; ``"dense"``: one more dense layer over all positions with
        ``activation``, then a linear readout; ``"gap"``: global average pooling over positions that share their
        weights, then a linear readout.  Such positions must be alike, child by child in the order given: the leaves
        that correspond are those at the same place.
    sigma_w, sigma_b
        Those of the dense layer of the head, see `mlp`; the readout itself has weights of variance 1 and no biases.

    Raises
    ------
    ValueError
        Under ``"gap"``, for positions that are not alike.

    Examples
    --------
    >>> net = network([node([leaf(4), leaf(6)]), node([leaf(5)])])
    >>> net.dim, len(net.leaves), net.depth
    (15, 3, 1)
    """
    positions, scales = _parts("positions", positions), Scales.of(sigma_w, sigma_b, None)
    head = _check.choice("head", head, HEADS)
    call = f"network([{', '.join(map(_expression, positions))}]"
    if head == "dense":
        positions = (Node.over(positions, _activation(activation), scales),)
        call += f", head='dense'{_named(activation)}{scales.text}"
    elif head == "gap":
        call += ", head='gap'"
    return Network(positions, call + ")", head)


def mlp(
    dim: int,
    depth: int,
    *,
    leaves: int = 1,
    activation: Activation = relu,
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
    residual: float | Callable[[int], float] | None = None,
) -> "Network":
    r"""A fully connected network: ``depth`` activations and a linear readout.

    Parameters
    ----------
    dim
        Dimension of each input sphere; a positive SymPy symbol for `closed_form` and `decay`.
    depth
        Number of hidden layers, at least 1.
    leaves
        Number of input spheres; the first dense layer takes their mean.
    activation
        The activation of all layers (`node` builds networks of different ones).
    sigma_w
        Standard deviation of the weights of all layers but the readout, with the activation as it is written
        (``max(z, 0)`` for ReLU); so :math:`\sqrt2` is critical for ReLU.  ``None``: weights of variance 1 and the
        activation normalised to :math:`E\varphi(z)^2 = 1`.  A float means the decimal number that it prints as;
        ``sympy.sqrt(2)`` is exact.
    sigma_b
        Standard deviation of the biases of these layers.
    residual
        Weight ``a`` of residual blocks :math:`x + a V \varphi(W x)` [HuangEtAl2020] in all layers but the first; or a
        function of the number of blocks, such as ``lambda blocks: blocks**-0.75`` [BelferEtAl2021].  ``V`` has
        weights of variance 1 and no biases.

    The readout has weights of variance 1 and no biases; others multiply every eigenvalue by one number and add one to
    that of the constant.

    Examples
    --------
    >>> mlp(50, 2).summary()
    'mlp(50, 2): 1 leaf of dimension 50, d = 50, depth 2, relu'
    >>> kernel_function(mlp(50, 2, sigma_w=1.5, sigma_b=0.1))([1.0])
    4.044...
    >>> mlp(50, 9, residual=lambda blocks: blocks**-0.5).call
    'mlp(50, 9, residual=0.35355339059327373)'
    """
    dim = _dimension(dim)
    depth = _check.positive_integer("depth", depth, "use 1 for one hidden layer")
    count = _check.positive_integer("leaves", leaves, "use 1 for a single sphere")
    scales = Scales.of(sigma_w, sigma_b, _weight(residual, depth - 1))
    top = Node.over(tuple(Leaf(dim) for _ in range(count)), _activation(activation), scales.outside_blocks)
    for _ in range(depth - 1):
        top = Node.over((top,), activation, scales)
    call = f"mlp({dim}, {depth}{f', leaves={count}' if count > 1 else ''}{_named(activation)}{scales.text})"
    return Network((top,), call)


def hypercube(bits: int, depth: int, **options) -> "Network":
    r"""A fully connected network on the Boolean cube :math:`\{-1, 1\}^{bits}`: ``mlp(1, depth, leaves=bits)``.

    The eigenfunctions are the products of different bits, and all :math:`\binom{bits}{l}` products of ``l`` bits share
    one eigenvalue [YangSalman2019].  Its classes have the degrees ``l``.

    Parameters
    ----------
    bits
        Number of bits, each a leaf of dimension 1.
    depth
        Number of hidden layers, at least 1.
    options
        The other options of `mlp`, such as ``activation``.

    Examples
    --------
    >>> from eigenspace import eigenvalue
    >>> eigenvalue(hypercube(1000, 2), {0: 1, 1: 1}).multiplicity
    499500
    """
    count = _check.positive_integer("bits", bits, "use 1 for a single bit")
    net = mlp(1, depth, leaves=count, **options)
    plain = f"mlp(1, {depth}{f', leaves={count}' if count > 1 else ''}"
    return replace(net, call=f"hypercube({count}, {depth}{net.call.removeprefix(plain)}")


def cnn(
    dim: int,
    filters: Sequence[int | tuple[int, int]],
    positions: int | tuple[int, int] = 1,
    *,
    activation: Activation = relu,
    head: str = "flatten",
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
    residual: float | Callable[[int], float] | None = None,
) -> "Network":
    """A convolutional network of non-overlapping patches, in a row or on the grid of an image.

    Parameters
    ----------
    dim
        Dimension of each leaf (one pixel with its channels, or one patch).
    filters
        ``(k1, k2, ...)``: convolutions whose stride equals their filter size, ``k1`` counted in leaves, each
        followed by the activation.  Where an entry is a pair ``(height, width)``, the network is two-dimensional, and
        the other entries are pairs or 1.
    positions
        Positions left after the last convolution.  There are ``positions * prod(filters)`` leaves.  A pair ``(height,
        width)`` is a grid of positions; in a two-dimensional network, an integer is a square grid where it is the
        square of an integer, otherwise a row of that length.
    head
        ``"flatten"``: linear readout of all positions; ``"dense"``: flatten, dense layer, activation, linear readout;
        ``"gap"``: global average pooling over the positions, linear readout.
    sigma_w, sigma_b
        Standard deviations of weights and biases of all layers but the readout, see `mlp`.
    residual
        Weight of the residual blocks, see `mlp`: every layer with a filter of 1 after the first (a 1x1 convolution) is
        one, the others change the number of positions and are plain.

    Examples
    --------
    >>> cnn(12, filters=(1, 4, 4), positions=16, head="dense").summary()
    "cnn(12, filters=(1, 4, 4), positions=16, head='dense'): 256 leaves of dimension 12, d = 3072, depth 4, relu"

    The leaves of a two-dimensional network are the pixels of its image, numbered row by row:

    >>> net = cnn(12, filters=((2, 2),), positions=(2, 3))
    >>> net.grid, net.location(8), [net.number(leaf) for leaf in net.positions[1].children]
    ((4, 6), (1, 2), [2, 3, 8, 9])
    """
    dim = _dimension(dim)
    filters, sizes, last = _grid.read(filters, positions)
    head = _check.choice("head", head, HEADS)
    activation = _activation(activation)
    grid = _grid.scaled(last, sizes)
    leaves = tuple(Leaf(dim) for _ in range(prod(grid)))
    keeps = [done > 0 and prod(size) == 1 for done, size in enumerate(sizes)]
    scales = Scales.of(sigma_w, sigma_b, _weight(residual, sum(keeps)))
    parts: Sequence = leaves
    for done, size in enumerate(sizes):
        patches = _grid.patches(_grid.scaled(last, sizes[done:]), size)
        own = scales if keeps[done] else scales.outside_blocks
        parts = [Node.over(tuple(parts[i] for i in patch), activation, own) for patch in patches]
    if head == "dense":
        parts = [Node.over(tuple(parts), activation, scales.outside_blocks)]
    count = last if len(last) > 1 else last[0]
    call = f"cnn({dim}, filters={filters}, positions={count}, head={head!r}{_named(activation)}{scales.text})"
    return Network(tuple(parts), call, head, leaves, grid)


def _weight(residual, blocks: int):
    """The weight of residual blocks, worked out where it is a function of their number."""
    if residual is None:
        return None
    if blocks == 0:
        raise ValueError(f"residual={residual!r} needs a layer that keeps its positions; add one, or leave it out")
    return residual(blocks) if callable(residual) and not hasattr(residual, "free_symbols") else residual


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


def _expression(part) -> str:
    """The expression that makes a part anew; parts with several parents are written out each time."""
    if isinstance(part, Leaf):
        return f"leaf({part.dim})"
    return f"node([{', '.join(map(_expression, part.children))}]{_named(part.activation)}{part.scales.text})"


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

    ``head`` says whether the last layer with activation is one over all positions (``"dense"``) or not (``"flatten"``),
    and whether the positions are pooled before the readout (``"gap"``).
    ``order`` holds the leaves in the order of their numbers, where it is not that of their first appearance; ``grid``
    is the shape of the array that they fill row by row: ``(leaves,)``, or ``(height, width)`` of an image.
    """

    positions: tuple
    call: str
    head: str = "flatten"
    order: tuple[Leaf, ...] | None = field(default=None, repr=False)
    grid: tuple[int, ...] = ()
    _numbers: dict = field(init=False, repr=False)

    def __post_init__(self):
        leaves = self.order if self.order is not None else [part for part in self._walk() if isinstance(part, Leaf)]
        object.__setattr__(self, "_numbers", {part: number for number, part in enumerate(leaves)})
        object.__setattr__(self, "grid", self.grid or (len(leaves),))
        if self.head == "gap":
            self.places  # noqa: B018  refuses positions that are not alike

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

    @cached_property
    def variance(self) -> Fraction | Constant:
        """The value of the NNGP where all correlations are 1; kernels are this times those of the normalised layers."""
        return _mean_variance(self.positions)

    @property
    def layers(self) -> tuple[Activation, ...]:
        """The different layers, input side first: the activations themselves in critical networks."""
        return tuple(dict.fromkeys(p.layer for p in self._walk() if isinstance(p, Node)))

    @cached_property
    def places(self) -> np.ndarray:
        """Numbers of the leaves of every position, shape ``(positions, leaves of a position)``.

        Leaves in one column correspond to each other.  Raises :class:`ValueError` where the positions are not alike.

        >>> cnn(5, (1, 2), 2, head="gap").places.tolist()
        [[0, 1], [2, 3]]
        """
        alone = [Network((part,), "") for part in self.positions]
        first = alone[0]._form
        for i, net in enumerate(alone):
            if net._form != first:
                one, other = _expression(self.positions[0]), _expression(self.positions[i])
                raise ValueError(
                    f"positions must be alike under head='gap', child by child, got {one} at position 0 and {other} at "
                    f"position {i}; give them the same layers and dimensions in the same order, or use head='flatten'"
                )
        return np.array([[self._numbers[leaf] for leaf in net.leaves] for net in alone])

    @property
    def _form(self) -> tuple:
        """What networks share that differ in their inputs alone, parts in the order of the walk."""
        index: dict = {}
        for part in self._walk():
            index[part] = len(index)
        own = lambda part: part.dim if isinstance(part, Leaf) else part.layer
        return tuple((own(part), *(index[c] for c in getattr(part, "children", ()))) for part in index)

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The different activations, input side first."""
        return tuple(dict.fromkeys(p.activation for p in self._walk() if isinstance(p, Node)))

    def number(self, part: Leaf) -> int:
        """Number of a leaf."""
        return self._numbers[part]

    def location(self, number: int) -> tuple[int, ...]:
        """Place of a leaf in the grid: ``(index,)`` in a row of leaves, ``(row, column)`` in an image.

        >>> cnn(3, filters=((2, 2), 1), positions=(1, 3)).location(8)
        (1, 2)
        """
        last = len(self._numbers) - 1
        number = _check.integer("number", number, 0, last, f"leaves are 0 to {last}")
        return tuple(map(int, np.unravel_index(number, self.grid)))

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

    def to_stax(self, *, width: int = 512) -> tuple:
        r"""The same network in neural-tangents [Novak2020].

        Needs the extra ``stax``: neural-tangents 0.6.5 or newer with jax < 0.6.  For double precision call
        ``jax.config.update("jax_enable_x64", True)`` first.

        Parameters
        ----------
        width
            Channels of the hidden layers of finite networks (``apply_fn``); the kernels are those of infinite width.

        Returns
        -------
        tuple
            ``(init_fn, apply_fn, kernel_fn)``.  Inputs are arrays of shape ``(N, leaves, dim)``, leaves in the order of
            their numbers; of shape ``(N, height, width, dim)`` for images; and where the leaves differ in dimension a
            list of arrays ``(N, dim)``, one for each leaf.  **Scale every leaf to the norm** :math:`\sqrt{dim}`:
            ``x * (dim ** 0.5 / numpy.linalg.norm(x, axis=-1, keepdims=True))``.  Then ``kernel_fn(x, y, "ntk")`` is
            `kernel_function` at the correlations :math:`\xi_u = \langle x_u, y_u \rangle / dim`.

        Raises
        ------
        ImportError
            Without neural-tangents, or with a jax that it does not run with.
        UnsupportedError
            For activations that it lacks (`from_function`), ``head="gap"`` over parts that are not one convolution, and
            networks of more than 4096 parts that are none.

        Networks that are not made of convolutions are written out: a node with several parents becomes several nodes
        with weights of their own, which has the same kernels.  Cost: one layer for each layer, or each part then.

        >>> init_fn, apply_fn, kernel_fn = cnn(4, (1, 2), 3).to_stax()               # doctest: +SKIP
        >>> kernel_fn(x, y, ("nngp", "ntk"))                                         # doctest: +SKIP
        """
        from ._stax import to_stax

        return to_stax(_concrete(self), _check.positive_integer("width", width, "use 512"))

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

        Under ``head="gap"`` correlations of shape ``(..., leaves, leaves)``, with entry ``[a, b]`` between leaf ``a``
        of one input and leaf ``b`` of the other.  Only pairs of leaves that correspond to each other matter, in the
        same position or in two different ones; all others are ignored.  Cost: ``positions**2`` times that of one
        position.

    Examples
    --------
    >>> kernel_function(mlp(50, 2))([1.0])
    3.0
    >>> round(kernel_function(cnn(50, (1,), 2, head="gap"), "nngp")([[1.0, 0.0], [0.0, 1.0]]), 12)   # (1 + 1/pi) / 2
    0.659154943092
    """
    net, kernel = _concrete(net), _check.choice("kernel", kernel, KERNELS)
    count = len(net.leaves)
    if net.head == "gap":
        return _pooled_function(net, kernel)

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


def _pooled_function(net: Network, kernel: str) -> Callable[[np.ndarray], np.ndarray]:
    r"""The kernel under ``head="gap"``, :math:`w^{-2} \sum_{u,v} K_{pen}(\xi_{uv})` [Xiao2022, app. H].

    :math:`\xi_{uv}` holds the correlations of the leaves of position ``u`` of one input with those of position ``v`` of
    the other.
    """
    one, count = Network(net.positions[:1], ""), len(net.leaves)

    def function(xi):
        xi = np.asarray(xi, dtype=float)
        if xi.ndim < 2 or xi.shape[-2:] != (count, count):
            raise ValueError(
                f"xi must be matrices of {count} x {count} correlations under head='gap', got shape {xi.shape}; use an "
                f"array of shape (..., {count}, {count}), entry [a, b] between leaf a of one input and b of the other"
            )
        values = {}
        for leaf, column in zip(one.leaves, net.places.T):
            line = xi[..., column[:, None], column]
            if not np.all(np.abs(line) <= 1.0 + 1e-12):
                raise ValueError("xi must hold correlations between -1 and 1; divide inner products by both norms")
            values[leaf] = line, line
        result = np.mean(kernel_values(one, kernel, values), axis=(-2, -1))
        return float(result) if xi.ndim == 2 else result

    return function


def kernel_values(net: Network, kernel: str, values: dict) -> np.ndarray:
    """The kernel, from the pairs ``(K, T)`` of some parts, at least of the leaves; those of all others are filled in.

    The entries of ``values`` are arrays that broadcast, of float64 or of balls (``dtype=object``), divided by the
    variance of their part; the result is the kernel itself.
    """
    for part in net._walk():
        if part not in values:
            mean, tangent = (_mean(part.children, [values[c][i] for c in part.children]) for i in (0, 1))
            values[part] = evaluate((part.layer,), mean, tangent)
    mean = _mean(net.positions, [values[p][KERNELS.index(kernel)] for p in net.positions])
    return mean if net.variance == 1 else np.asarray(mean * _as(net.variance, mean))


def trace(net: Network, kernel: str, one):
    """The kernel where all correlations are ``one``, a float or a ball: its largest value, and its trace."""
    one = np.asarray(one, dtype=float if isinstance(one, float) else object)
    return kernel_values(net, kernel, dict.fromkeys(net.leaves, (one, one))).item()


def _mean(parts: tuple, values: list) -> np.ndarray:
    """The mean of the kernels of some parts, divided by their mean variance."""
    whole = _mean_variance(parts)
    if any(part.variance != whole for part in parts):
        values = [x * _as(constant(_over, part.variance, whole), x) for part, x in zip(parts, values)]
    # small arrays first: a sum is as large as the largest of its terms
    values = sorted(values, key=np.size)
    return np.asarray(sum(values[1:], values[0]) / len(values))


def refuse_mixed_variances(net: Network, what: str) -> None:
    """Raise where a node, or the readout, joins parts of different variances."""
    for parts in [net.positions, *(part.children for part in net._walk() if not isinstance(part, Leaf))]:
        if len({part.variance for part in parts}) > 1:
            raise UnsupportedError(
                f"{what} children of one variance under every node: this network joins parts with other weights, "
                f"biases or depths; use kernel_function for its kernel, or critical weights (sigma_w=None)"
            )


def _over(ops, a, b):
    return a / b


def _as(number: Fraction | Constant, array: np.ndarray):
    """A number that multiplies an array: a ball or a float."""
    return ball(number) if array.dtype == object else float(number)


def trained_alone(net: Network, number: int) -> Network:
    """The network whose tangent kernel is what training one dense layer alone adds to that of ``net``.

    Layers are numbered from the input side, 0 to ``net.depth``, the readout; both matrices of a residual block belong
    to one.  Only where all inputs lie equally deep.
    """
    number = _check.integer("layer", number, 0, net.depth, f"layers are 0 (input side) to {net.depth} (readout)")
    made: dict = {}
    for part in net._walk():
        if isinstance(part, Leaf):
            made[part] = part, 0
            continue
        below = {made[child][1] for child in part.children}
        if len(below) > 1:
            raise UnsupportedError("layer: the inputs of this network lie at different depths; use layer=None")
        level = 1 + below.pop()
        role = "top" if level == number else "own" if level == number + 1 else "below" if level > number else "none"
        children = tuple(made[child][0] for child in part.children)
        made[part] = Node(children, part.activation, part.scales, Part(part.layer, role), part.variance), level
    if len({made[part][1] for part in net.positions}) > 1:
        raise UnsupportedError("layer: the positions of this network lie at different depths; use layer=None")
    return replace(net, positions=tuple(made[part][0] for part in net.positions))


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
