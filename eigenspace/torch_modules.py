"""Networks from PyTorch modules: the architecture of an ``nn.Sequential``, at infinite width.

Only the architecture is read, never weights, and torch itself is not imported: layers are known by the names of their
classes.  What has no kernel here is refused, with the name of the layer and its position.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from . import _check, _grid
from .activations import Activation, gelu, identity, leaky_relu, relu
from .errors import UnsupportedError
from .networks import cnn, leaf, mlp, network, node
from .parts import Network

_SHAPE = "use (features,), (channels, length) or (channels, height, width)"


def from_torch(module, input_shape, *, sigma_w: float | None = None, sigma_b: float = 0.0) -> Network:
    r"""The network of a PyTorch ``nn.Sequential`` whose hidden layers are infinitely wide.

    Parameters
    ----------
    module
        An ``nn.Sequential``, nested or not, of ``Linear``, ``Conv1d``, ``Conv2d``, activations, ``Flatten`` and, right
        before the last ``Linear``, an average pooling over all positions (``head="gap"``).  It ends in a ``Linear``,
        the readout, whatever its number of outputs.  ``Identity`` counts for nothing, and neither does dropout in
        evaluation mode.
    input_shape
        Shape of one input: ``(features,)``, ``(channels, length)`` or ``(channels, height, width)``.  The leaves are
        the pixels with their channels, numbered row by row: inputs are normalised pixel by pixel.  A vector is one
        leaf.
    sigma_w, sigma_b
        Standard deviations of weights and biases of hidden layers, see `mlp`: by default activations are normalised
        and biases are 0.  They are not read off the module.  Layers with ``bias=False`` have no biases in any case, and
        the readout has weights of variance 1 and no biases.

    Returns
    -------
    Network
        ``mlp(…)`` or ``cnn(…)`` where it is one; otherwise a `network` of nodes, whose leaves are numbered patch by
        patch of the first convolution.  A layer without activation becomes a node of the `identity`.

    Raises
    ------
    UnsupportedError
        For layers without a kernel here, such as normalisation, maximum pooling and overlapping convolutions.
    ValueError
        For layers that do not fit together.

    Examples
    --------
    With ``from torch import nn``:

    >>> from_torch(nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)), (784,))   # doctest: +SKIP
    <mlp(784, 1): 1 leaf of dimension 784, d = 784, depth 1, relu>
    >>> module = nn.Sequential(                                                                  # doctest: +SKIP
    ...     nn.Conv2d(3, 64, 2, stride=2), nn.GELU(), nn.Flatten(), nn.Linear(64 * 16 * 16, 10))
    >>> from_torch(module, (3, 32, 32)).call                                                     # doctest: +SKIP
    'cnn(3, filters=((2, 2),), positions=(16, 16), head='flatten', activation=gelu)'
    """
    shape = _check.positive_integers("input_shape", input_shape, _SHAPE)
    if len(shape) > 3:
        raise ValueError(f"input_shape must have one to three numbers, got {shape}; {_SHAPE}, without the batch")
    layers, head = _read(module, shape)
    return _network(shape[0], shape[1:], layers, head, sigma_w, sigma_b)


@dataclass(frozen=True)
class _Layer:
    """A layer with an activation: a convolution of patches of ``size``, or dense where that is ``None``."""

    size: tuple[int, ...] | None
    activation: Activation
    has_bias: bool


# from modules to layers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A module and where it stands, for messages."""

    module: object
    where: str

    @property
    def kind(self) -> str:
        """The class, where it is one of torch."""
        cls = type(self.module)
        return cls.__name__ if cls.__module__.split(".")[:2] == ["torch", "nn"] else ""

    def __str__(self) -> str:
        return f"{type(self.module).__name__} at position {self.where}"

    def refusal(self, reason: str) -> UnsupportedError:
        """The error that names the module."""
        return UnsupportedError(f"from_torch: {self} {reason}")


def _places(module, above: str = "") -> Iterator[_Place]:
    """The modules in the order of their application, without sequences."""
    for number, child in enumerate(module):
        place = _Place(child, f"{above}{number}")
        if place.kind == "Sequential":
            yield from _places(child, f"{place.where}.")
        else:
            yield place


def _read(module, shape: tuple[int, ...]) -> tuple[list[_Layer], str]:
    """The layers below the readout, and the head."""
    if _Place(module, "").kind != "Sequential":
        raise TypeError(f"module must be a torch.nn.Sequential, got {type(module).__name__}; wrap its layers in one")
    reader = _Reader(shape[0], shape[1:], len(shape) == 1)
    used: set = set()
    for place in _places(module):
        if place.kind in ("Linear", "Conv1d", "Conv2d") and id(place.module) in used:
            raise place.refusal("is used twice, and its weights shared; use a layer of its own")
        used.add(id(place.module))
        reader.add(place)
    return reader.finish()


class _Reader:
    """What is known after some of the modules."""

    def __init__(self, features: int, grid: tuple[int, ...], is_flat: bool):
        self.features, self.grid, self.is_flat = features, grid, is_flat
        self.layers: list[_Layer] = []
        #: an affine layer that waits for its activation
        self.affine: tuple[tuple[int, ...] | None, bool] | None = None
        self.pooled: _Place | None = None

    def add(self, place: _Place) -> None:
        """One more module."""
        kind = place.kind
        if kind == "Identity" or kind == "Flatten" and self._flatten(place):
            return
        if kind in _DROPOUTS:
            if place.module.training and place.module.p:
                raise place.refusal("is random in training mode; call module.eval(), or leave it out")
        elif kind in _POOLS:
            self._pool(place)
        elif kind == "Linear":
            self._linear(place)
        elif kind in ("Conv1d", "Conv2d"):
            self._convolution(place)
        elif kind in _ACTIVATIONS:
            self._activation(place)
        else:
            raise place.refusal(_REASONS.get(kind, "has no kernel here") + f"; use {_KNOWN}")

    def finish(self) -> tuple[list[_Layer], str]:
        """The layers below the readout, and the head."""
        if self.affine is None or prod(self.grid) > 1:
            raise ValueError(
                "from_torch: module must end in a Linear over all positions, the readout; "
                "append Flatten() and Linear(…, 1)"
            )
        return self.layers, "gap" if self.pooled else "flatten"

    def _flatten(self, place: _Place) -> bool:
        if (place.module.start_dim, place.module.end_dim) != (1, -1):
            raise place.refusal("joins some of the axes only; use Flatten()")
        self.is_flat = True
        return True

    def _close(self) -> None:
        """An affine layer without activation is a layer of the identity."""
        if self.affine is not None:
            self.layers.append(_Layer(self.affine[0], identity, self.affine[1]))
            self.affine = None

    def _linear(self, place: _Place) -> None:
        if not self.is_flat:
            raise place.refusal("acts on the last axis of an image; put Flatten() before it")
        if self.pooled and self.affine:
            raise place.refusal("is the second layer above a pooling; only the readout can stand there")
        expected = self.features * prod(self.grid)
        if place.module.in_features != expected:
            raise ValueError(
                f"from_torch: {place} takes {place.module.in_features} features and gets {expected}; "
                f"change it, or input_shape"
            )
        self._close()
        self.affine = None, place.module.bias is not None
        self.features, self.grid, self.is_flat = place.module.out_features, (), True

    def _convolution(self, place: _Place) -> None:
        module, axes = place.module, int(place.kind[4])
        if self.is_flat or len(self.grid) != axes:
            found = 0 if self.is_flat else len(self.grid)
            raise place.refusal(f"needs positions along {axes} axes and gets {found}; change it, or input_shape")
        if self.pooled:
            raise place.refusal("stands above a pooling; only the readout can")
        size, stride, dilation = (_axes(x, axes) for x in (module.kernel_size, module.stride, module.dilation))
        if stride != size:
            raise place.refusal(
                f"has stride {stride} and kernel_size {size}; the stride must equal the kernel size: patches that "
                f"overlap or leave gaps are built with node(…)"
            )
        padding = module.padding if isinstance(module.padding, str) else _axes(module.padding, axes)
        if padding not in ("valid", (0,) * axes) and not (padding == "same" and prod(size) == 1):
            raise place.refusal(f"has padding {module.padding!r}; use padding=0")
        if any(d != 1 and k != 1 for d, k in zip(dilation, size)):
            raise place.refusal(f"has dilation {dilation}; use dilation=1")
        if module.groups != 1:
            raise place.refusal(f"has {module.groups} groups; use groups=1")
        if module.in_channels != self.features:
            raise ValueError(
                f"from_torch: {place} takes {module.in_channels} channels and gets {self.features}; "
                f"change it, or input_shape"
            )
        if any(n % k for n, k in zip(self.grid, size)):
            raise place.refusal(f"cuts {self.grid} positions into patches of {size} and leaves some out; use a divisor")
        self._close()
        self.affine = size, module.bias is not None
        self.features, self.grid = module.out_channels, tuple(n // k for n, k in zip(self.grid, size))

    def _activation(self, place: _Place) -> None:
        if self.affine is None:
            raise place.refusal("acts on the output of no Linear and no convolution; put one before it")
        if self.pooled:
            raise place.refusal("stands above a pooling; only the readout can")
        size, has_bias = self.affine
        self.layers.append(_Layer(size, _ACTIVATIONS[place.kind](place.module), has_bias))
        self.affine = None

    def _pool(self, place: _Place) -> None:
        if self.is_flat or len(self.grid) != int(place.kind[-2]):
            raise place.refusal("needs positions to pool; put it before Flatten()")
        if place.kind.startswith("Adaptive"):
            whole = set(_axes(place.module.output_size, len(self.grid))) == {1}
        else:
            module, axes = place.module, len(self.grid)
            whole = _axes(module.kernel_size, axes) == self.grid and _axes(module.padding, axes) == (0,) * axes
        if not whole:
            raise place.refusal(f"pools some of {self.grid} positions; only pooling over all of them is supported here")
        self._close()
        if prod(self.grid) > 1:
            self.pooled = place
        self.grid = (1,) * len(self.grid)


def _axes(value, axes: int) -> tuple[int, ...]:
    """A number or a sequence of them, for every axis."""
    return (value,) * axes if isinstance(value, int) else tuple(value)


_DROPOUTS = ("AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "FeatureAlphaDropout")
_POOLS = ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d")
_KNOWN = "Linear, Conv1d, Conv2d, Flatten, average pooling and activations"
_REASONS = {
    **dict.fromkeys(
        ("BatchNorm1d", "BatchNorm2d", "LayerNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d"),
        "normalises by the data, which no kernel here does",
    ),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"), "takes maxima of features"),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Softmin"), "mixes channels; read the network before it"),
    "PReLU": "trains its slope; use LeakyReLU",
    "RReLU": "has a random slope; use LeakyReLU",
}


# activations ----------------------------------------------------------------------------------------------------------


def _function(name: str, expression: Callable, *breaks: float) -> Activation:
    """A function of a SymPy symbol as an activation."""
    import sympy

    from .activations import from_function

    return from_function(expression(sympy, sympy.Symbol("z", real=True)), name, breaks=breaks)


def _decimal(value):
    """A float as the decimal number that it prints as."""
    import sympy

    return sympy.Rational(repr(value))


def _tanh_gelu(sp, z):
    return z * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (z + sp.Rational("0.044715") * z**3))) / 2


def _gelu(module) -> Activation:
    return gelu if module.approximate == "none" else _function("tanh_gelu", _tanh_gelu)


def _softplus(module) -> Activation:
    beta = module.beta
    name = "softplus" if beta == 1 else f"softplus({beta})"
    return _function(name, lambda sp, z: sp.log(1 + sp.exp(_decimal(beta) * z)) / _decimal(beta))


def _elu(name: str, alpha, scale=1, rate=1) -> Activation:
    negative = lambda sp, z: _decimal(alpha) * (sp.exp(z / _decimal(rate)) - 1)
    return _function(name, lambda sp, z: _decimal(scale) * sp.Piecewise((z, z > 0), (negative(sp, z), True)), 0)


#: of scaled exponential linear units, as torch has them
_SELU = (1.6732632423543772848170429916717, 1.0507009873554804934193349852946)

_ACTIVATIONS = {
    "ReLU": lambda m: relu,
    "GELU": _gelu,
    "LeakyReLU": lambda m: leaky_relu(m.negative_slope),
    "Tanh": lambda m: _function("tanh", lambda sp, z: sp.tanh(z)),
    "Sigmoid": lambda m: _function("sigmoid", lambda sp, z: 1 / (1 + sp.exp(-z))),
    "SiLU": lambda m: _function("silu", lambda sp, z: z / (1 + sp.exp(-z))),
    "Mish": lambda m: _function("mish", lambda sp, z: z * sp.tanh(sp.log(1 + sp.exp(z)))),
    "Softplus": _softplus,
    "LogSigmoid": lambda m: _function("logsigmoid", lambda sp, z: -sp.log(1 + sp.exp(-z))),
    "Softsign": lambda m: _function("softsign", lambda sp, z: z / (1 + sp.Abs(z)), 0),
    "Tanhshrink": lambda m: _function("tanhshrink", lambda sp, z: z - sp.tanh(z)),
    "ELU": lambda m: _elu("elu" if m.alpha == 1 else f"elu({m.alpha})", m.alpha),
    "CELU": lambda m: _elu("celu" if m.alpha == 1 else f"celu({m.alpha})", m.alpha, 1, m.alpha),
    "SELU": lambda m: _elu("selu", *_SELU),
    "ReLU6": lambda m: _function("relu6", lambda sp, z: sp.Min(sp.Max(z, 0), 6), 0, 6),
    "Hardtanh": lambda m: _function(
        "hardtanh" if (m.min_val, m.max_val) == (-1, 1) else f"hardtanh({m.min_val}, {m.max_val})",
        lambda sp, z: sp.Min(sp.Max(z, _decimal(m.min_val)), _decimal(m.max_val)),
        m.min_val,
        m.max_val,
    ),
}


# from layers to networks ----------------------------------------------------------------------------------------------


def _network(dim: int, grid: tuple[int, ...], layers: list[_Layer], head: str, sigma_w, sigma_b) -> Network:
    """The network of some layers: by the makers where they are alike, else of nodes."""
    alike = len({layer.activation for layer in layers}) == 1
    with_bias = {layer.has_bias for layer in layers} if sigma_b else {True}
    if alike and len(with_bias) == 1:
        scales = {"sigma_w": sigma_w, "sigma_b": sigma_b if with_bias == {True} else 0.0}
        made = _made(dim, grid, layers, head, {"activation": layers[0].activation} | scales)
        if made is not None:
            return made
    parts: list = [leaf(dim) for _ in range(prod(grid))]
    for layer in layers:
        patches = [range(len(parts))]
        if layer.size is not None:
            patches = _grid.patches(grid, layer.size)
            grid = tuple(n // k for n, k in zip(grid, layer.size))
        scales = {"sigma_w": sigma_w, "sigma_b": sigma_b if layer.has_bias else 0.0}
        parts = [node([parts[i] for i in patch], layer.activation, **scales) for patch in patches]
    return network(parts, head=head)


def _made(dim: int, grid: tuple[int, ...], layers: list[_Layer], head: str, options: dict) -> Network | None:
    """The network as `mlp` or `cnn`; ``None`` where it is neither."""
    sizes = [layer.size for layer in layers if layer.size is not None]
    dense = len(layers) - len(sizes)
    if not sizes:
        return mlp(dim, dense, leaves=prod(grid), **options) if head == "flatten" else None
    if dense > 1:
        return None
    for size in sizes:
        grid = tuple(n // k for n, k in zip(grid, size))
    filters = tuple(size[0] if len(size) == 1 else 1 if prod(size) == 1 else size for size in sizes)
    positions = grid[0] if len(grid) == 1 else grid
    return cnn(dim, filters, positions, head="dense" if dense else head, **options)
