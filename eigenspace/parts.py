"""Networks as trees or graphs of patches: leaves (input spheres), nodes (layers at one position), positions read out.

`networks` makes them, `kernels` evaluates them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from . import _check
from ._constants import Constant, constant
from .activations import Activation, relu
from .activations.base import typed
from .errors import UnsupportedError
from .layers import Part, layer


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
    ``activation`` itself and the variance is 1.  ``shares``: the variances of the children over their mean, or ``None``
    where all are equal.
    """

    children: tuple
    activation: Activation
    scales: Scales
    layer: Activation
    variance: Fraction | Constant
    shares: tuple | None

    @classmethod
    def over(cls, children: tuple, activation: Activation, scales: Scales) -> "Node":
        """The node with its layer, which depends on the variance of the children."""
        variance, shares = _joined(children)
        own = layer(activation, variance, scales.weights, scales.biases, scales.residual)
        return cls(children, activation, scales, *own, shares)

    def __repr__(self) -> str:
        return f"node({len(self.children)} children, {self.activation.name})"


def _joined(parts: tuple) -> tuple:
    """The mean of the variances of some parts, and the variance of each over it; ``None`` where all are equal."""
    found = Counter(part.variance for part in parts)
    if len(found) == 1:
        return next(iter(found)), None
    pairs = ((Fraction(count, len(parts)), variance) for variance, count in found.items())
    whole = constant(_weighted, *(number for pair in pairs for number in pair))
    return whole, tuple(constant(_over, part.variance, whole) for part in parts)


def _weighted(ops, *pairs):
    return sum(share * variance for share, variance in zip(pairs[::2], pairs[1::2]))


def _over(ops, a, b):
    return a / b


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

    @property
    def variance(self) -> Fraction | Constant:
        """The value of the NNGP where all correlations are 1; kernels are this times those of the normalised layers."""
        return self._joined[0]

    @property
    def shares(self) -> tuple | None:
        """The variances of the positions over their mean, or ``None`` where all are equal."""
        return self._joined[1]

    @cached_property
    def _joined(self) -> tuple:
        return _joined(self.positions)

    @property
    def layers(self) -> tuple[Activation, ...]:
        """The different layers, input side first: the activations themselves in critical networks."""
        return tuple(dict.fromkeys(p.layer for p in self._walk() if isinstance(p, Node)))

    @cached_property
    def places(self) -> np.ndarray:
        """Numbers of the leaves of every position, shape ``(positions, leaves of a position)``.

        Leaves in one column correspond to each other.  Raises :class:`ValueError` where the positions are not alike.

        >>> from eigenspace import cnn
        >>> cnn(5, (1, 2), 2, head="gap").places.tolist()
        [[0, 1], [2, 3]]
        """
        alone = [Network((part,), "") for part in self.positions]
        first = alone[0]._form
        for i, net in enumerate(alone):
            if net._form != first:
                one, other = (_expressions((part,)) for part in (self.positions[0], self.positions[i]))
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

        >>> from eigenspace import cnn
        >>> cnn(3, filters=((2, 2), 1), positions=(1, 3)).location(8)
        (1, 2)
        """
        last = len(self._numbers) - 1
        number = _check.integer("number", number, 0, last, f"leaves are 0 to {last}")
        return tuple(map(int, np.unravel_index(number, self.grid)))

    def draw(self, degrees=None, ax=None, **options):
        """Draw the network with the tree that the interaction ``degrees`` spans: see :func:`eigenspace.draw`."""
        import eigenspace  # drawings stand on a higher floor

        return eigenspace.draw(self, degrees, ax, **options)

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
        text = f"node([{below}]{_named(part.activation)}{part.scales.text})"
    if parents[part] == 1:
        return text
    names[part] = f"x{len(names)}"
    return f"({names[part]} := {text})"


def _named(*activations: Activation) -> str:
    """The argument that names activations, one for all layers where they are equal; empty for ReLU."""
    if len(set(activations)) > 1:
        return f", activation=[{', '.join(a.name for a in activations)}]"
    return "" if activations[0] == relu else f", activation={activations[0].name}"


def refuse_mixed_variances(net: Network, what: str) -> None:
    """Raise where a node, or the readout, joins parts of different variances."""
    if any(part.shares is not None for part in (net, *net._walk()) if not isinstance(part, Leaf)):
        raise UnsupportedError(
            f"{what} children of one variance under every node: this network joins parts with other weights, biases "
            f"or depths; use kernel_function for its kernel, or critical weights (sigma_w=None)"
        )


def trained_alone(net: Network, number: int) -> Network:
    """The network whose tangent kernel is what training one dense layer alone adds to that of ``net``.

    Layers are numbered from the input side, 0 to ``net.depth``, the readout; both matrices of a residual block belong
    to one.  Only where all inputs lie equally deep.
    """
    number = _check.integer("layer", number, 0, net.depth, f"layers are 0 (input side) to {net.depth} (readout)")
    levels: dict = {}
    for part in net._walk():
        below = {levels[child] for child in getattr(part, "children", ())}
        if len(below) > 1:
            raise UnsupportedError("layer: the inputs of this network lie at different depths; use layer=None")
        levels[part] = 1 + below.pop() if below else 0
    if len({levels[part] for part in net.positions}) > 1:
        raise UnsupportedError("layer: the positions of this network lie at different depths; use layer=None")

    def role(level: int) -> str:
        return "top" if level == number else "own" if level == number + 1 else "below" if level > number else "none"

    return _rebuilt(net, lambda part, children: replace(
        part, children=children, layer=Part(part.layer, role(levels[part]))))  # fmt: skip


def normalised(net: Network) -> Network:
    """The network of the same layers whose kernels are 1 at equal inputs: those of ``net`` over its variance."""
    return _rebuilt(net, lambda part, children: replace(part, children=children, variance=Fraction(1)))


def _rebuilt(net: Network, change) -> Network:
    """The network with every node changed, over the same leaves; shared parts stay shared."""
    made: dict = {}
    for part in net._walk():
        below = tuple(made[child] for child in getattr(part, "children", ()))
        made[part] = change(part, below) if below else part
    return replace(net, positions=tuple(made[part] for part in net.positions))


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
