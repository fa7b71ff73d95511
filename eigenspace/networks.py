"""Makers of networks: fully connected, convolutional, on the cube, and any tree or graph from its parts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from . import _check, _grid
from .activations import Activation, relu
from .parts import Leaf, Network, Node, Scales, _expressions, _named

HEADS = ("flatten", "dense", "gap")
#: functions that make networks and their parts
MAKERS = ("cnn", "hypercube", "leaf", "mlp", "network", "node", "overlapping_cnn")


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
    call = f"network([{_expressions(positions)}]"
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
    activation: Activation | Sequence[Activation] = relu,
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
        The activation of all layers, or a sequence of one for each, input side first.
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
    >>> from eigenspace import kernel_function
    >>> round(kernel_function(mlp(50, 2, sigma_w=1.5, sigma_b=0.1))([1.0]), 3)
    3.824
    >>> mlp(50, 17, residual=lambda blocks: blocks**-0.5).call
    'mlp(50, 17, residual=0.25)'
    """
    dim = _dimension(dim)
    depth = _check.positive_integer("depth", depth, "use 1 for one hidden layer")
    count = _check.positive_integer("leaves", leaves, "use 1 for a single sphere")
    scales = Scales.of(sigma_w, sigma_b, _weight(residual, depth - 1))
    first, *others = layers = _activations(activation, depth)
    top = Node.over(tuple(Leaf(dim) for _ in range(count)), first, scales.outside_blocks)
    for own in others:
        top = Node.over((top,), own, scales)
    call = f"mlp({dim}, {depth}{f', leaves={count}' if count > 1 else ''}{_named(*layers)}{scales.text})"
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
    activation: Activation | Sequence[Activation] = relu,
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
    activation
        The activation of all layers, or a sequence of one for each, input side first.
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
    layers = _activations(activation, len(sizes) + (head == "dense"))
    grid = _grid.scaled(last, sizes)
    leaves = tuple(Leaf(dim) for _ in range(prod(grid)))
    keeps = [done > 0 and prod(size) == 1 for done, size in enumerate(sizes)]
    scales = Scales.of(sigma_w, sigma_b, _weight(residual, sum(keeps)))
    parts: Sequence = leaves
    for done, size in enumerate(sizes):
        patches = _grid.patches(_grid.scaled(last, sizes[done:]), size)
        own = scales if keeps[done] else scales.outside_blocks
        parts = [Node.over(tuple(parts[i] for i in patch), layers[done], own) for patch in patches]
    if head == "dense":
        parts = [Node.over(tuple(parts), layers[-1], scales.outside_blocks)]
    count = last if len(last) > 1 else last[0]
    call = f"cnn({dim}, filters={filters}, positions={count}, head={head!r}{_named(*layers)}{scales.text})"
    return Network(tuple(parts), call, head, leaves, grid)


def _weight(residual, blocks: int):
    """The weight of residual blocks, worked out where it is a function of their number."""
    if residual is None:
        return None
    if blocks == 0:
        raise ValueError(f"residual={residual!r} needs a layer that keeps its positions; add one, or leave it out")
    return residual(blocks) if callable(residual) and not hasattr(residual, "free_symbols") else residual


def overlapping_cnn(
    dim: int,
    leaves: int,
    filters: Sequence[int],
    *,
    circular: bool = True,
    activation: Activation | Sequence[Activation] = relu,
    head: str = "flatten",
    sigma_w: float | None = None,
    sigma_b: float = 0.0,
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
    activation
        The activation of all layers, or a sequence of one for each, input side first.
    sigma_w, sigma_b
        Standard deviations of weights and biases of all layers but the readout, see `mlp`.

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
    layers = _activations(activation, len(filters) + (head == "dense"))
    width = count if circular else count - sum(filters) + len(filters)
    if width < 1 or max(filters) > count:
        raise ValueError(
            f"filters must fit on {count} leaves, got {filters}; use smaller filters, fewer layers or more leaves"
        )
    scales = Scales.of(sigma_w, sigma_b, None)
    parts: list = [Leaf(dim) for _ in range(count)]
    for size, own in zip(filters, layers):
        starts = range(count if circular else len(parts) - size + 1)
        patches = (tuple(parts[(i + j) % len(parts)] for j in range(size)) for i in starts)
        parts = [Node.over(patch, own, scales) for patch in patches]
    if head == "dense":
        parts = [Node.over(tuple(parts), layers[-1], scales)]
    call = f"overlapping_cnn({dim}, {count}, filters={filters}" + ("" if circular else ", circular=False")
    call += ("" if head == "flatten" else f", head={head!r}") + f"{_named(*layers)}{scales.text})"
    positions = tuple(parts[:1] if head == "pixel" else parts)
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


def _activation(activation) -> Activation:
    if not isinstance(activation, Activation):
        raise TypeError(
            f"activation must be an Activation, got {activation!r}; use eigenspace.relu, rbf(gamma) or identity"
        )
    return activation


def _activations(activation, count: int) -> tuple[Activation, ...]:
    """The activations of so many layers, from one for all or a sequence."""
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        return (_activation(activation),) * count
    if len(activation) != count:
        raise ValueError(
            f"activation must be one for all layers or a sequence of one for each of the {count} layers, got "
            f"{len(activation)}; use activation=relu"
        )
    return tuple(map(_activation, activation))


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
