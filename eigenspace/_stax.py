r"""The same network in neural-tangents [Novak2020]: layers of ``stax`` made of leaves and nodes.

A node is a dense layer or a convolution and its activation.  Where all nodes of one height are alike and cut patches of
one size, at one stride, out of the grid below, they are one convolution; so are networks made by `mlp` and `cnn`, and
overlapping convolutions.  In any other tree a node is a sum of dense layers, one for each child, with weights of
variance :math:`\sigma_w^2` over their number.

The only module that imports neural-tangents and jax.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod, sqrt

import numpy as np

from .activations.rectified import arc_cosine
from .errors import UnsupportedError

#: most parts of a network that is no convolution, nodes counted once for each of their parents
_MOST_PARTS = 4096
_INSTALL = "to_stax needs neural-tangents 0.6.5 or newer, with jax < 0.6"


def to_stax(net, width: int) -> tuple:
    """The triple ``(init_fn, apply_fn, kernel_fn)`` of a network; see `Network.to_stax`."""
    maker = _Maker(_library(), width)
    levels = _levels(net)
    return maker.tree(net) if levels is None else maker.convolutions(net, levels)


def _library():
    try:
        from neural_tangents import stax
    except Exception as error:  # a jax that is too new fails with errors of several kinds
        raise ImportError(
            f"{_INSTALL}, and importing it failed ({type(error).__name__}: {error}); "
            f"use pip install 'eigenspace[stax]', best in a virtual environment of its own"
        ) from error
    return stax


# structure ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Level:
    """The nodes of one height: one of them, their patches along each axis of the grid below, and their own grid."""

    node: object
    size: tuple[int, ...]
    stride: tuple[int, ...]
    shape: tuple[int, ...]


def _children(part) -> tuple:
    return getattr(part, "children", ())


def _levels(net) -> list[_Level] | None:
    """The convolutions of a network, input side first; ``None`` where it is none of convolutions."""
    heights: dict = {}
    for part in net._walk():
        below = {heights[c] for c in _children(part)}
        if len(below) > 1:
            return None
        heights[part] = below.pop() + 1 if below else 0
    top = max(heights.values())
    if len({leaf.dim for leaf in net.leaves}) > 1 or {heights[p] for p in net.positions} != {top}:
        return None
    shape = net.grid
    place = {leaf: tuple(map(int, np.unravel_index(net.number(leaf), shape))) for leaf in net.leaves}
    levels: list[_Level] = []
    for height in range(1, top + 1):
        level = _level([part for part, h in heights.items() if h == height], place, shape)
        if level is None:
            return None
        levels.append(level)
        shape = level.shape
    every = [part for part, h in heights.items() if h == top]
    return levels if len(net.positions) == len(every) else None


def _level(nodes: list, place: dict, shape: tuple[int, ...]) -> _Level | None:
    """The convolution that some nodes are, whose places are added; ``None`` where they are none."""
    first = nodes[0]
    own = lambda node: (node.activation, node.scales.weights, node.scales.biases, node.scales.residual)
    if any(own(node) != own(first) for node in nodes):
        return None
    patches = [[place[child] for child in node.children] for node in nodes]
    starts = [patch[0] for patch in patches]
    size = tuple(last - start + 1 for start, last in zip(patches[0][0], patches[0][-1]))
    offsets = list(product(*map(range, size)))
    if any(patch != [_add(start, offset) for offset in offsets] for patch, start in zip(patches, starts)):
        return None
    axes = [sorted({start[axis] for start in starts}) for axis in range(len(shape))]
    stride = tuple(line[1] - line[0] if len(line) > 1 else k for line, k in zip(axes, size))
    counts = tuple((n - k) // s + 1 for n, k, s in zip(shape, size, stride))
    every = list(product(*(range(0, count * step, step) for count, step in zip(counts, stride))))
    if sorted(starts) != every:
        return None
    for node, start in zip(nodes, starts):
        place[node] = tuple(i // s for i, s in zip(start, stride))
    return _Level(first, size, stride, counts)


def _add(start: tuple[int, ...], offset: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(sum, zip(start, offset)))


def _expanded(net) -> int:
    """Number of parts, with those of several parents counted as often as they are used."""
    sizes: dict = {}
    for part in net._walk():
        sizes[part] = 1 + sum(sizes[c] for c in _children(part))
    return sum(sizes[p] for p in net.positions)


# layers ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Maker:
    """Makes layers of ``stax``, with a number of channels that matters for finite networks only."""

    stax: object
    width: int

    def convolutions(self, net, levels: Sequence[_Level]) -> tuple:
        """The network as convolutions, and dense layers from where one sees the whole grid."""
        stax, layers, grid, flat = self.stax, [], net.grid, False
        for level in levels:
            if not flat and level.size == grid:
                layers.append(stax.Flatten())
                flat = True
            layers += self._layer(level.node, None if flat else level)
            grid = level.shape
        if not flat:
            layers.append(stax.GlobalAvgPool() if net.head == "gap" else stax.Flatten())
        return stax.serial(*layers, stax.Dense(1, W_std=1.0, b_std=None))

    def tree(self, net) -> tuple:
        """The network as sums of dense layers."""
        if net.head == "gap":
            raise UnsupportedError(
                "to_stax: head='gap' over parts that are not one convolution has no layer in neural-tangents; "
                "use cnn(…, head='gap'), or head='flatten'"
            )
        if (count := _expanded(net)) > _MOST_PARTS:
            raise UnsupportedError(
                f"to_stax: a network that is no convolution is written out part by part, at most {_MOST_PARTS}, and "
                f"this one has {count}; use a regular network, such as cnn(…)"
            )
        mixed = len({leaf.dim for leaf in net.leaves}) > 1
        select = self._from_list if mixed else lambda number: self.stax.Index(self.stax.Slice[:, number])
        part = lambda p: self._part(p, lambda leaf: select(net.number(leaf)))
        return self._mean([part(p) for p in net.positions], 1, 1.0, None)

    def _part(self, part, select: Callable) -> tuple:
        """The network that ends in a part."""
        if not _children(part):
            return select(part)
        children = [self._part(child, select) for child in part.children]
        if part.scales.residual is not None:
            return self.stax.serial(*children, *self._layer(part))
        weight, bias = _deviations(part.scales)
        return self.stax.serial(self._mean(children, self.width, weight, bias), *self._activation(part))

    def _mean(self, parts: list[tuple], channels: int, weight: float, bias: float | None) -> tuple:
        """A dense layer over parts: the sum of a dense layer over each, of which the first has the bias."""
        stax, weight = self.stax, weight / sqrt(len(parts))
        dense = [stax.Dense(channels, W_std=weight, b_std=None if i else bias) for i in range(len(parts))]
        branches = [stax.serial(part, own) for part, own in zip(parts, dense)]
        if len(branches) == 1:
            return branches[0]
        return stax.serial(stax.FanOut(len(parts)), stax.parallel(*branches), stax.FanInSum())

    def _layer(self, node, level: _Level | None = None) -> list:
        """The layer of a node: dense, or the convolution of a level; as a residual block where it is one."""
        stax = self.stax
        if node.scales.residual is None:
            return [self._affine(level, *_deviations(node.scales)), *self._activation(node)]
        branch = stax.serial(
            self._affine(level, *_deviations(node.scales)),
            *self._activation(node),
            self._affine(level, sqrt(node.scales.residual), None),
        )
        return [stax.FanOut(2), stax.parallel(self._summand(), branch), stax.FanInSum()]

    def _affine(self, level: _Level | None, weight: float, bias: float | None) -> tuple:
        if level is None:
            return self.stax.Dense(self.width, W_std=weight, b_std=bias)
        return self.stax.Conv(self.width, level.size, level.stride, "VALID", W_std=weight, b_std=bias)

    def _activation(self, node) -> list:
        """The activation of a node, normalised where its weights have no deviation of their own."""
        activation = node.activation
        layers = [_phi(self.stax, activation)]
        if node.scales.weights is None:
            square = float(activation.at_variance(Fraction(1))[1])
            layers += [] if square == 1 else [self.stax.DotGeneral(rhs=square**-0.5)]
        return layers

    def _summand(self) -> tuple:
        """Nothing, but for the flag that `FanInSum` asks for: sums of independent parts are right where all others have
        mean zero, as here, and need no Gaussian."""
        return _custom(self.stax, lambda inputs: inputs, lambda kernel: kernel.replace(is_gaussian=True))

    def _from_list(self, number: int) -> tuple:
        """One of a list of inputs."""
        choose = lambda values: values[number]
        return _custom(self.stax, choose, choose, choose)


def _custom(stax, on_inputs: Callable, on_kernel: Callable, on_shape: Callable = lambda shape: shape) -> tuple:
    """A layer without parameters."""
    return stax.layer(
        lambda: (
            lambda rng, shape: (on_shape(shape), ()),
            lambda params, inputs, **_: on_inputs(inputs),
            lambda kernel, **_: on_kernel(kernel),
        )
    )()


def _deviations(scales) -> tuple[float, float | None]:
    """Standard deviations of weights and biases."""
    return 1.0 if scales.weights is None else sqrt(scales.weights), sqrt(scales.biases) or None


# activations ----------------------------------------------------------------------------------------------------------

#: layers by the name of the activation, as written
_LAYERS = {
    "relu": lambda stax: stax.Relu(),
    "absolute": lambda stax: stax.Abs(),
    "leaky_relu": lambda stax, slope: stax.LeakyRelu(slope),
    "rectified_monomial": lambda stax, n: _rectified(stax, n),
    "step": lambda stax: _rectified(stax, 0),
    "sign": lambda stax: stax.Sign(),
    "identity": lambda stax: stax.Identity(),
    "erf": lambda stax: stax.Erf(),
    "gelu": lambda stax: stax.Gelu(),
    "rbf": lambda stax, gamma: stax.Rbf(gamma),
    "exponential": lambda stax, b: stax.Exp(1.0, b),
    "gaussian": lambda stax, b: stax.Gaussian(1.0, b),
    "sine": lambda stax, a, b, c=0.0: stax.Sin(a, b, c),
    "cosine": lambda stax, a, b, c=0.0: stax.Cos(a, b, c),
    "monomial": lambda stax, n: stax.Polynomial([0] * n + [1]),
    "polynomial": lambda stax, coefficients: stax.Polynomial(coefficients),
    # `stax.Hermite` is right at variance 1 only
    "hermite": lambda stax, n: stax.Polynomial(_hermite(n)),
}


def _rectified(stax, n: int) -> tuple:
    r"""The layer of :math:`z_+^n`, from :math:`\frac{(q q')^{n/2}}{2\pi} J_n(\theta)` and, for the derivatives,
    :math:`n^2` times that of ``n - 1`` [ChoSaul2009].

    ``stax.RectifiedMonomial`` differentiates ``n`` times instead, and gives no number at equal inputs.
    """
    import jax.numpy as jnp

    def moment(order: int, covariance, one, two):
        scale = jnp.sqrt(one * two)
        t = jnp.clip(covariance / scale, -1.0, 1.0)
        a, b = (jnp.polyval(jnp.array(part[::-1] or (0,), float), t) for part in arc_cosine(order))
        kernel = a * jnp.sqrt((1.0 - t) * (1.0 + t)) + b * jnp.arccos(-t)
        return scale**order * kernel / (2.0 * jnp.pi)

    def own(covariance, one, two):
        return moment(n, covariance, one, two)

    def slope(covariance, one, two):
        return n * n * moment(n - 1, covariance, one, two) if n else 0.0 * covariance

    def monomial(z):
        return jnp.where(z > 0, z**n, 0.0)

    return stax.Elementwise(monomial, own, slope)


def _hermite(n: int) -> np.ndarray:
    """Coefficients of the normalised Hermite polynomial."""
    return np.polynomial.hermite_e.herme2poly([0] * n + [1]) / sqrt(prod(range(1, n + 1)))


def _phi(stax, activation) -> tuple:
    """The layer of an activation as its users write it."""
    name, arguments = _read(activation.name)
    if name not in _LAYERS:
        raise UnsupportedError(
            f"to_stax: neural-tangents has no layer with the kernel of {activation.name}; "
            f"use one of {', '.join(_LAYERS)}"
        )
    return _LAYERS[name](stax, *arguments)


def _read(text: str) -> tuple[str, list]:
    """Name and numbers of an activation from its name, such as ``leaky_relu(0.1)``.

    >>> _read("polynomial((1, '1/4'))"), _read("leaky_relu(Fraction(1, 8))"), _read("<lambda>")
    (('polynomial', [[1, 0.25]]), ('leaky_relu', [0.125]), ('', []))
    """
    try:
        expression = ast.parse(text, mode="eval").body
        match expression:
            case ast.Name(id=name):
                return name, []
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return name, [_number(argument) for argument in expression.args]
    except (SyntaxError, ValueError):
        pass
    return "", []


def _number(node: ast.expr):
    match node:
        case ast.Tuple():
            return [_number(element) for element in node.elts]
        case ast.Call(func=ast.Name(id="Fraction")):
            return float(Fraction(*map(ast.literal_eval, node.args)))
    value = ast.literal_eval(node)
    return float(Fraction(value)) if isinstance(value, str | Fraction) else value
