"""Kernels of networks, computed by neural-tangents [Novak2020] on actual inputs.

Every case is a call of this package, and beside it the same network in neural-tangents, written down here by hand: the
package under test is not imported.  The correspondence (docs/conventions.md):

* Leaves are vectors of norm sqrt(dim), so that a dense layer or a convolution with ``W_std=1`` has the mean of their
  correlations for its kernel.
* ``sigma_w=None``, the activation normalised to E phi(z)^2 = 1: neural-tangents has phi itself, and the layer after it
  has ``W_std = (E phi(z)^2)^(-1/2)``, the readout too.  With a number, phi as it is, and ``W_std = sigma_w``.
* The readout is ``Dense(1, W_std=1, b_std=None)`` (or with the factor above), after ``Flatten`` or ``GlobalAvgPool``.
* A residual block x + a V phi(W x) feeds a dense layer.  ``FanInSum`` refuses x, which is not Gaussian; a dense layer
  over the concatenation of x and a V phi(W x) has the same kernels, and is what stands here.
* Means over parts of different kinds: a dense layer of its own on each child, with ``W_std`` over the root of their
  number, and ``FanInSum``; inputs are then nested lists of arrays, one for each leaf.
* Children with several parents: a convolution with stride 1.

Inputs are random, with correlations away from 1: neural-tangents loses half the digits of tangent kernels of rectifiers
at coincident inputs.  The correlations are those of the vectors in float64, computed from them with more digits.

What it cannot represent, and so is not here: parts of the tangent kernel from one layer alone (``layer=l``);
activations without a dual in closed form there, such as softplus, SiLU, ELU or tanh from ``from_function`` (its
``ElementwiseNumerical`` is a quadrature of a few digits); ``monomial(n)`` beyond n = 5; ``hermite(n)`` at variances
other than 1; and leaves of different dimensions under one convolution, which are here as lists of leaves.  The duals of
``stax.Gelu`` are those of the exact GELU z Phi(z); its flag ``approximate`` changes the finite network only.

Setting up (python 3.11; jax from 0.4.23 to 0.5.3), with neural-tangents==0.6.5 jax==0.4.30 jaxlib==0.4.30 "numpy<2":

    python -m venv nt && nt/bin/pip install -r scripts/reference/neural_tangents.txt

Command:  nt/bin/python scripts/reference/neural_tangents_kernels.py      (writes tests/reference/neural_tangents.json)
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)

import neural_tangents  # noqa: E402
import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402

OUT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "neural_tangents.json"
ROWS = 4


def odd_factorial(n: int) -> int:
    """(2n-1)!!, the Gaussian moment of order 2n."""
    return math.prod(range(1, 2 * n, 2))


def sine_square(a: float, b: float, c: float) -> float:
    """E[(a sin(b z + c))^2]."""
    return a * a / 2 * (1 - math.exp(-2 * b * b) * math.cos(2 * c))


def polynomial_square(coefficients: tuple) -> float:
    """E[p(z)^2]."""
    return sum(
        c * d * odd_factorial((i + j) // 2)
        for i, c in enumerate(coefficients)
        for j, d in enumerate(coefficients)
        if (i + j) % 2 == 0
    )


#: name in a call -> the layer of neural-tangents, E[phi(z)^2]
ACTIVATIONS = {
    "relu": (lambda: stax.Relu(), 0.5),
    "absolute": (lambda: stax.Abs(), 1.0),
    "identity": (lambda: stax.Identity(), 1.0),
    "sign": (lambda: stax.Sign(), 1.0),
    "step": (lambda: stax.RectifiedMonomial(0), 0.5),
    "erf": (lambda: stax.Erf(), 2 / math.pi * math.asin(2 / 3)),
    "gelu": (lambda: stax.Gelu(), 0.25 + (1 / (2 * math.sqrt(3)) + math.atan2(1, math.sqrt(3)) / 2) / math.pi),
    "leaky_relu(0.1)": (lambda: stax.LeakyRelu(0.1), 0.505),
    "leaky_relu(-0.5)": (lambda: stax.LeakyRelu(-0.5), 0.625),
    "rbf(0.25)": (lambda: stax.Rbf(0.25), 1.0),
    "rbf(1)": (lambda: stax.Rbf(1.0), 1.0),
    "exponential(0.5)": (lambda: stax.Exp(1, 0.5), math.exp(0.5)),
    "exponential(-0.8)": (lambda: stax.Exp(1, -0.8), math.exp(1.28)),
    "gaussian(-1)": (lambda: stax.Gaussian(1, -1), 5**-0.5),
    "gaussian(-0.3)": (lambda: stax.Gaussian(1, -0.3), 2.2**-0.5),
    "sine(1, 1, 0)": (lambda: stax.Sin(1, 1, 0), sine_square(1, 1, 0)),
    "sine(2, 0.7, 0.4)": (lambda: stax.Sin(2, 0.7, 0.4), sine_square(2, 0.7, 0.4)),
    "cosine(1, 1, 0)": (lambda: stax.Cos(1, 1, 0), sine_square(1, 1, math.pi / 2)),
    "cosine(0.5, 1.5, 0.2)": (lambda: stax.Cos(0.5, 1.5, 0.2), sine_square(0.5, 1.5, 0.2 + math.pi / 2)),
    **{
        f"monomial({n})": (lambda n=n: stax.Monomial(n), float(odd_factorial(n))) for n in (2, 3, 4, 5)
    },
    **{
        f"rectified_monomial({n})": (lambda n=n: stax.RectifiedMonomial(n), odd_factorial(n) / 2) for n in (2, 3)
    },
    **{f"hermite({n})": (lambda n=n: stax.Hermite(n), 1.0) for n in (2, 3, 6)},
    "polynomial((0, 1, 1))": (lambda: stax.Polynomial([0, 1, 1]), polynomial_square((0, 1, 1))),
    "polynomial((1, -2, 0, 0.5))": (lambda: stax.Polynomial([1, -2, 0, 0.5]), polynomial_square((1, -2, 0, 0.5))),
}


# Layers ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A convolution of filter ``size`` (a number, or height and width) and its activation."""

    size: int | tuple
    activation: str = "relu"
    sigma_w: float | None = None
    sigma_b: float = 0.0
    residual: float | None = None
    stride: int | None = None

    @property
    def factor(self) -> float:
        """What the activation is multiplied by: normalised to mean square 1, or as it is."""
        return ACTIVATIONS[self.activation][1] ** -0.5 if self.sigma_w is None else 1.0

    @property
    def options(self) -> str:
        """The arguments of a call."""
        named = {"activation": self.activation} if self.activation != "relu" else {}
        named |= {"sigma_w": self.sigma_w} if self.sigma_w is not None else {}
        named |= {"sigma_b": self.sigma_b} if self.sigma_b else {}
        named |= {"residual": self.residual} if self.residual is not None else {}
        return "".join(f", {name}={value}" for name, value in named.items())

    def affine(self, before: float, size=1) -> tuple:
        """The convolution, after features that wait for a factor."""
        size = size if isinstance(size, tuple) else (size,)
        stride = size if self.stride is None else (self.stride,)
        weight = (1.0 if self.sigma_w is None else self.sigma_w) * before
        return stax.Conv(1, size, stride, "VALID", W_std=weight, b_std=self.sigma_b or None)

    def phi(self) -> tuple:
        """The activation of neural-tangents."""
        return ACTIVATIONS[self.activation][0]()


def layers_of(layers: list[Layer], two_dimensional: bool) -> tuple[list, float]:
    """The layers in neural-tangents, and the factor for which the features wait."""
    found, before, width = [], 1.0, 1
    for layer in layers:
        size = (1, 1) if two_dimensional and layer.size == 1 else layer.size
        if layer.residual is None:
            found += [layer.affine(before, size), layer.phi()]
            before, width = layer.factor, 1
            continue
        if before != 1.0:
            found.append(stax.DotGeneral(rhs=before))
        # features of `width` + 1 parts, whose kernel is the mean over the parts; so the two branches are scaled up
        branch = Layer(1, sigma_w=layer.residual * layer.factor).affine(1.0, size)
        found += [
            stax.FanOut(2),
            stax.parallel(
                stax.DotGeneral(rhs=math.sqrt((width + 1) / width)),
                stax.serial(layer.affine(1.0, size), layer.phi(), branch, stax.DotGeneral(rhs=math.sqrt(width + 1))),
            ),
            stax.FanInConcat(),
        ]
        before, width = 1.0, width + 1
    return found, before


def readout(layers: list, before: float, head: str, dense: Layer | None) -> tuple:
    """The whole network: layers, head and linear readout."""
    if head == "gap":
        layers = [*layers, stax.GlobalAvgPool()]
    else:
        layers = [*layers, stax.Flatten()]
    if dense is not None:
        weight = (1.0 if dense.sigma_w is None else dense.sigma_w) * before
        layers += [stax.Dense(1, W_std=weight, b_std=dense.sigma_b or None), dense.phi()]
        before = dense.factor
    return stax.serial(*layers, stax.Dense(1, W_std=before, b_std=None))


@dataclass(frozen=True)
class Case:
    """A call and its network, with the shape of the array of the leaves, or the nested list of their numbers."""

    call: str
    network: tuple = field(repr=False)
    dims: tuple[int, ...]
    shape: tuple | list | int
    pooled: bool = False

    def arranged(self, leaves: list, shape=None):
        """The arrays of the leaves as the input of the network."""
        shape = self.shape if shape is None else shape
        if isinstance(shape, tuple):
            return np.stack(leaves, axis=1).reshape(ROWS, *shape)
        return leaves[shape] if isinstance(shape, int) else [self.arranged(leaves, part) for part in shape]


def mlp(dim: int, depth: int, *, leaves: int = 1, maker: str = "mlp", **options) -> Case:
    """A fully connected network on the concatenated leaves."""
    first = replace(Layer(1, **options), residual=None)
    layers = [first] + [Layer(1, **options)] * (depth - 1)
    extra = f", leaves={leaves}" if leaves > 1 and maker == "mlp" else ""
    start = f"mlp({dim}, {depth}{extra}" if maker == "mlp" else f"{maker}({leaves}, {depth}"
    found, before = layers_of(layers, False)
    # on (N, 1, leaves * dim) a convolution of size 1 is a dense layer
    net = readout(found, before, "flatten", None)
    return Case(f"{start}{Layer(1, **options).options})", net, (dim,) * leaves, (1, leaves * dim))


def cnn(dim: int, filters: tuple, positions=1, head: str = "flatten", **options) -> Case:
    """A convolutional network without overlaps."""
    plain = replace(Layer(1, **options), residual=None)
    blocks = [i > 0 and size in (1, (1, 1)) for i, size in enumerate(filters)]
    layers = [Layer(size, **options) if block else replace(plain, size=size) for size, block in zip(filters, blocks)]
    two = any(isinstance(size, tuple) for size in filters)
    if two:
        grid = positions if isinstance(positions, tuple) else (math.isqrt(positions),) * 2
        for size in filters:
            high, wide = size if isinstance(size, tuple) else (1, 1)
            grid = grid[0] * high, grid[1] * wide
    else:
        grid = (positions * math.prod(filters),)
    found, before = layers_of(layers, two)
    named = "" if head == "flatten" else f", head={head!r}"
    text = f"cnn({dim}, {filters}, {positions}{named}{Layer(1, **options).options})"
    net = readout(found, before, head, plain if head == "dense" else None)
    return Case(text, net, (dim,) * math.prod(grid), (*grid, dim), head == "gap")


def convolution(dim: int, pixels: int, layers: list[Layer], head: str = "flatten", dense: Layer | None = None) -> Case:
    """A convolutional network with a choice at every layer, overlaps too, written as nodes."""
    level: list = [("leaf", dim) for _ in range(pixels)]
    parts = {i: [part, 0] for i, part in enumerate(level)}
    level = list(parts)
    for layer in layers:
        stride = layer.stride or layer.size
        above = []
        for start in range(0, len(level) - layer.size + 1, stride):
            children = level[start : start + layer.size]
            for child in children:
                parts[child][1] += 1
            parts[len(parts)] = [(children, layer), 0]
            above.append(len(parts) - 1)
        level = above
    named: set = set()

    def text(i: int) -> str:
        part, parents = parts[i]
        if i in named:
            return f"p{i}"
        own = f"leaf({part[1]})" if part[0] == "leaf" else f"node([{', '.join(map(text, part[0]))}]{part[1].options})"
        if parents > 1:
            named.add(i)
            return f"p{i} := {own}"
        return own

    extra = f", head='dense'{dense.options}" if dense else (", head='gap'" if head == "gap" else "")
    call = f"network([{', '.join(map(text, level))}]{extra})"
    found, before = layers_of(layers, False)
    return Case(call, readout(found, before, head, dense), (dim,) * pixels, (pixels, dim), head == "gap")


def tree(parts: list, dense: Layer | None = None) -> Case:
    """A network of any tree; a part is the dimension of a leaf, or the list of its children and their `Layer`."""
    dims: list = []

    def build(part) -> tuple:
        """Text, network, factor and arrangement of inputs of a part."""
        if isinstance(part, int):
            dims.append(part)
            return f"leaf({part})", None, 1.0, len(dims) - 1
        children, layer = part
        texts, net, shape = joined([build(child) for child in children], layer)
        return f"node([{texts}]{layer.options})", stax.serial(net, layer.phi()), layer.factor, shape

    def joined(found: list, layer: Layer) -> tuple:
        """The dense layer over parts: a sum of dense layers, of which one has the bias."""
        weight, branches = 1.0 if layer.sigma_w is None else layer.sigma_w, []
        for i, (_, net, before, _) in enumerate(found):
            bias = layer.sigma_b or None if i == 0 else None
            own = stax.Dense(1, W_std=weight * before / math.sqrt(len(found)), b_std=bias)
            branches.append(own if net is None else stax.serial(net, own))
        text = ", ".join(text for text, *_ in found)
        if len(found) == 1:
            return text, branches[0], found[0][3]
        return text, stax.serial(stax.parallel(*branches), stax.FanInSum()), [shape for *_, shape in found]

    texts, net, shape = joined([build(part) for part in parts], dense or Layer(1))
    text = f"network([{texts}]"
    if dense:
        text += f", head='dense'{dense.options}"
        net = stax.serial(net, dense.phi(), stax.Dense(1, W_std=dense.factor, b_std=None))
    return Case(text + ")", net, tuple(dims), shape)


# Inputs and values ----------------------------------------------------------------------------------------------------


def inputs(case: Case, rng: np.random.Generator) -> tuple[list, list, np.ndarray]:
    """Two batches of leaves of norm sqrt(dim), as lists over the leaves, and their correlations."""
    first, second = [], []
    for dim in case.dims:
        x, y = (rng.standard_normal((ROWS, dim)) for _ in range(2))
        if dim == 1:
            first.append(np.sign(x))
            second.append(np.sign(y))
            continue
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        y -= np.sum(x * y, axis=1, keepdims=True) * x
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        xi = rng.uniform(-0.95, 0.95, (ROWS, 1))
        # the last row has the correlations of inputs that are close to each other
        xi[-1] = rng.uniform(0.9, 0.98)
        first.append(math.sqrt(dim) * x)
        second.append(math.sqrt(dim) * (xi * x + np.sqrt(1 - xi**2) * y))
    one, two = ([np.asarray(v, dtype=np.longdouble) for v in side] for side in (first, second))
    unit = lambda v: v / np.sqrt(np.sum(v * v, axis=1, keepdims=True))
    dot = lambda v, w: np.sum(unit(v) * unit(w), axis=1)
    if case.pooled:
        correlations = np.array([[dot(v, w) for w in two] for v in one]).transpose(2, 0, 1)
    else:
        correlations = np.array([dot(v, w) for v, w in zip(one, two)]).T
    return first, second, correlations.astype(float)


def evaluate(case: Case, seed: int) -> dict:
    """The case with its correlations and the kernels of neural-tangents."""
    first, second, correlations = inputs(case, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernel = case.network[2](case.arranged(first), case.arranged(second), ("nngp", "ntk"))
    found = {"call": case.call, "xi": correlations.tolist()}
    for name in ("nngp", "ntk"):
        found[name] = np.diag(np.asarray(getattr(kernel, name))).tolist()
    assert np.all(np.isfinite([found["nngp"], found["ntk"]])), case.call
    return found


# Cases ----------------------------------------------------------------------------------------------------------------


def all_cases() -> list[Case]:
    """Every case, in the order of the file."""
    return [*dense_cases(), *scaled_cases(), *residual_cases(), *cnn_cases(), *mixed_cases(), *overlaps(), *trees()]


def dense_cases() -> list[Case]:
    relu = [(2, 1), (2, 4), (3, 2), (3, 6), (5, 3), (10, 1), (50, 2), (100, 5), (300, 6), (1000, 3)]
    found = [mlp(dim, depth) for dim, depth in relu]
    dims = (2, 3, 7, 20, 128, 1000)
    steep = ("monomial", "rectified", "exponential", "polynomial")
    for i, name in enumerate(n for n in ACTIVATIONS if n != "relu"):
        found.append(mlp(dims[i % 6], 1, activation=name))
        found.append(mlp(dims[(i + 2) % 6], 2 if name.startswith(steep) else 2 + i % 4, activation=name))
    several = ("relu", "erf", "gelu", "absolute", "rbf(0.25)", "leaky_relu(0.1)", "gaussian(-1)", "sign")
    for i, name in enumerate(several):
        found.append(mlp(2 + 3 * i, 1 + i % 3, leaves=2 + i, activation=name))
    for bits, depth, name in ((8, 1, "relu"), (16, 3, "relu"), (32, 2, "relu"), (16, 2, "erf"), (12, 2, "gelu")):
        found.append(mlp(1, depth, leaves=bits, activation=name))
    found.append(mlp(1, 2, leaves=20, maker="hypercube"))
    found.append(mlp(1, 3, leaves=9, maker="hypercube", activation="erf", sigma_w=1.4, sigma_b=0.3))
    return found


def scaled_cases() -> list[Case]:
    """Weights and biases of given variance."""
    table = [
        ("relu", 1.5, 0.1), ("relu", 1.2, 0.5), ("relu", 1.0, 0.0), ("relu", None, 0.3),
        ("erf", 1.2, 0.1), ("erf", 1.5, 0.0), ("erf", 2.5, 0.3), ("erf", None, 0.5),
        ("gelu", 1.3, 0.2), ("gelu", 2.0, 0.0), ("gelu", None, 0.4),
        ("absolute", 0.9, 0.2), ("leaky_relu(0.1)", 1.4, 0.05), ("leaky_relu(-0.5)", 1.1, 0.3), ("identity", 0.8, 0.6),
        ("sine(1, 1, 0)", 1.3, 0.2), ("sine(2, 0.7, 0.4)", 1.1, 0.0), ("cosine(1, 1, 0)", 0.9, 0.4),
        ("cosine(0.5, 1.5, 0.2)", 1.7, 0.1), ("rbf(0.25)", 1.5, 0.2), ("rbf(1)", 0.7, 0.0),
        ("gaussian(-1)", 1.6, 0.1), ("gaussian(-0.3)", 0.9, 0.5), ("sign", 1.2, 0.3), ("step", 1.2, 0.3),
    ]  # fmt: skip
    found = []
    for i, (name, w, b) in enumerate(table):
        found.append(mlp((3, 10, 2, 100, 1000)[i % 5], 1 + i % 5, activation=name, sigma_w=w, sigma_b=b))
    for name, w, b, depth in (
        ("exponential(0.5)", 0.8, 0.2, 2), ("exponential(-0.8)", 0.6, 0.0, 1), ("monomial(2)", 0.7, 0.1, 2),
        ("monomial(3)", 0.6, 0.2, 2), ("monomial(4)", 0.5, 0.3, 1), ("rectified_monomial(2)", 0.9, 0.2, 2),
        ("polynomial((0, 1, 1))", 0.7, 0.2, 2), ("polynomial((1, -2, 0, 0.5))", 0.6, 0.1, 1),
    ):  # fmt: skip
        found.append(mlp(6, depth, activation=name, sigma_w=w, sigma_b=b))
    found.append(mlp(10, 2, leaves=3, activation="erf", sigma_w=1.2, sigma_b=0.1))
    found.append(mlp(4, 3, leaves=4, activation="gelu", sigma_w=1.6, sigma_b=0.2))
    return found


def residual_cases() -> list[Case]:
    return [
        mlp(10, 2, residual=0.5),
        mlp(3, 4, residual=1.0),
        mlp(5, 3, leaves=2, residual=0.3),
        mlp(100, 6, residual=0.25),
        mlp(20, 3, activation="absolute", residual=0.7),
        mlp(20, 3, activation="leaky_relu(0.1)", residual=0.7),
        mlp(6, 3, activation="erf", residual=0.5),
        mlp(6, 3, activation="gelu", residual=0.4),
        mlp(8, 4, sigma_w=1.5, sigma_b=0.1, residual=0.5),
        mlp(8, 3, activation="erf", sigma_w=1.2, sigma_b=0.2, residual=0.6),
        mlp(8, 3, activation="gelu", sigma_w=1.4, sigma_b=0.1, residual=0.6),
        mlp(8, 3, activation="sine(1, 1, 0)", sigma_w=1.1, residual=0.8),
        cnn(4, (2, 1), 2, residual=0.5),
        cnn(3, (1, 1, 2), 3, residual=0.5),
        cnn(5, (2, 1, 1), 2, "dense", residual=0.7),
        cnn(3, (1, 1, 1, 2), 2, activation="absolute", residual=0.4),
        cnn(6, (2, 1), 2, activation="erf", sigma_w=1.3, sigma_b=0.2, residual=0.5),
        cnn(6, (2, 1), 2, "gap", residual=0.5),
        cnn(4, (1, 1, 2, 1), 2, "gap", activation="gelu", sigma_w=1.5, sigma_b=0.1, residual=0.3),
    ]


def cnn_cases() -> list[Case]:
    found = [
        cnn(8, (1, 2), 2, "dense"),
        cnn(4, (1, 2), 2, "gap"),
        cnn(12, (1, 4), 4, "dense"),
        cnn(12, (1, 4), 4),
        cnn(3, (2, 2), 2),
        cnn(5, (1, 2, 2), 2, "dense"),
        cnn(2, (1, 3), 3),
        cnn(2, (3, 2), 2, "dense"),
        cnn(1, (4, 2), 2, "dense"),
        cnn(1, (3, 3), 2),
        cnn(50, (1, 2, 2, 2), 1),
        cnn(100, (1,), 5),
        cnn(256, (1, 2), 2, "dense"),
        cnn(3, (2, 2, 2), 2, "gap"),
        cnn(6, (1,), 4, "gap"),
        cnn(2, (3,), 2, "gap"),
        cnn(1, (4,), 3, "gap"),
    ]
    names = ("erf", "gelu", "absolute", "leaky_relu(0.1)", "rbf(0.25)", "exponential(0.5)", "gaussian(-1)", "sign",
             "step", "sine(1, 1, 0)", "cosine(1, 1, 0)", "monomial(2)", "polynomial((0, 1, 1))", "hermite(3)",
             "identity", "rectified_monomial(2)")  # fmt: skip
    for i, name in enumerate(names):
        head = ("flatten", "dense", "gap")[i % 3]
        found.append(cnn((3, 8, 2, 20)[i % 4], ((1, 2), (2, 2), (2,))[i % 3], 2 + i % 2, head, activation=name))
    for i, (name, w, b) in enumerate(
        (("relu", 1.3, 0.2), ("erf", 1.5, 0.1), ("gelu", 1.4, 0.3), ("absolute", 1.1, 0.1), ("sine(1, 1, 0)", 1.2, 0.2),
         ("gaussian(-0.3)", 1.3, 0.1), ("relu", None, 0.4), ("leaky_relu(0.1)", 1.5, 0.2), ("rbf(0.25)", 1.2, 0.3))
    ):  # fmt: skip
        head = ("dense", "gap", "flatten")[i % 3]
        dim, filters = ((4, (1, 2)), (3, (2, 2)), (10, (1, 3)))[i % 3]
        found.append(cnn(dim, filters, 2, head, activation=name, sigma_w=w, sigma_b=b))
    return found + [
        cnn(12, (1, (2, 2)), 4),
        cnn(3, ((2, 2), (2, 2)), (2, 1), "dense"),
        cnn(3, ((2, 1), (1, 3)), (1, 2), "dense"),
        cnn(5, (1, (2, 2)), (1, 3), "dense", activation="erf", sigma_w=1.3, sigma_b=0.2),
        cnn(4, ((1, 2), (2, 1)), (1, 2), "gap"),
        cnn(2, ((2, 2), 1), (2, 2), residual=0.5),
    ]


def mixed_cases() -> list[Case]:
    """Another activation at every layer."""
    erf = Layer(1, "erf", 1.2, 0.1)
    return [
        convolution(10, 1, [Layer(1, "erf"), Layer(1)]),
        convolution(10, 3, [Layer(3), Layer(1, "gelu"), Layer(1, "erf")]),
        convolution(7, 1, [Layer(1, "rbf(0.25)"), Layer(1, "relu"), Layer(1, "sign"), Layer(1, "absolute")]),
        convolution(7, 1, [Layer(1, "sign"), Layer(1, "step"), Layer(1, "gelu")]),
        convolution(4, 4, [Layer(2, "monomial(2)"), Layer(1, "erf")], dense=Layer(1, "relu")),
        convolution(5, 4, [Layer(1, "absolute"), Layer(2, "identity")], dense=Layer(1, "gaussian(-1)")),
        convolution(6, 6, [Layer(3, "gelu", 1.4, 0.2), Layer(2, "erf", 1.1, 0.3)]),
        convolution(6, 4, [Layer(2, "relu", 1.6), Layer(1, "sine(1, 1, 0)", 0.9, 0.1)], dense=erf),
        convolution(6, 4, [Layer(2, "relu", 1.6), Layer(1, "erf", None, 0.2)], "gap"),
        convolution(9, 2, [Layer(2, "erf", 1.3), Layer(1, "gelu", None, 0.0, 0.5), Layer(1, "relu", 1.2, 0.3, 0.4)]),
        convolution(30, 1, [Layer(1, "erf", 1.3, 0.1), Layer(1, "relu", 1.4, 0.0, 0.7)]),
    ]


def overlaps() -> list[Case]:
    """Convolutions of stride 1 or 2, whose positions share leaves and nodes."""
    gelu = Layer(2, "gelu", 1.2, 0.1, stride=1)
    return [
        convolution(4, 4, [Layer(2, stride=1)]),
        convolution(3, 6, [Layer(3, stride=1)]),
        convolution(5, 5, [Layer(3, stride=2)]),
        convolution(4, 5, [Layer(2, stride=1), Layer(2, stride=1)]),
        convolution(2, 6, [Layer(3, stride=1), Layer(2, stride=1), Layer(2, stride=1)]),
        convolution(4, 5, [Layer(3, stride=1)], dense=Layer(1)),
        convolution(6, 4, [Layer(2, "erf", 1.3, 0.2, stride=1), gelu], dense=Layer(1, "erf")),
        convolution(3, 5, [Layer(2, "absolute", stride=1), Layer(2, "rbf(0.25)", stride=1)]),
        convolution(3, 4, [Layer(2, stride=1)], "gap"),
        convolution(4, 5, [Layer(2, stride=1), Layer(2, stride=1)], "gap"),
        convolution(3, 5, [Layer(3, "erf", 1.4, 0.3, stride=1)], "gap"),
        convolution(1, 6, [Layer(3, stride=1), Layer(2, stride=1)]),
        convolution(2, 7, [Layer(3, "gelu", stride=2), Layer(2, stride=1)], dense=Layer(1, "absolute")),
    ]


def trees() -> list[Case]:
    """Trees whose branches differ, over leaves of different dimensions."""
    n = lambda *children, layer=Layer(1): (list(children), layer)
    erf, gelu = Layer(1, "erf"), Layer(1, "gelu", 1.4, 0.2)
    return [
        tree([n(4, 6), n(5)]),
        tree([n(4, 4), n(4)]),
        tree([n(3), n(2), n(10)]),
        tree([n(n(4), n(3, 5))]),
        tree([n(n(1, 1, 1), n(2, 3), 5)]),
        tree([n(4, 6), n(5)], Layer(1)),
        tree([n(n(2), 8, layer=erf), n(3, layer=Layer(1, "rbf(0.25)"))]),
        tree([n(n(4, layer=erf), n(3, 5, layer=gelu), layer=Layer(1, "absolute")), n(6)], erf),
        tree([n(n(4, layer=gelu), n(3, 5, layer=gelu), layer=gelu), n(6, layer=erf)], gelu),
        tree([n(100, 3, layer=Layer(1, "erf", 1.2, 0.3)), 7]),
        tree([n(n(n(2, 2), 3), n(4), 6, layer=Layer(1, "relu", 1.3, 0.5))]),
        tree([n(n(2), n(n(3), n(1000)))]),
    ]


def main() -> None:
    """Compute every case and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=OUT)
    start, out = time.time(), parser.parse_args().output
    warnings.filterwarnings("ignore", "Got potentially mismatching", UserWarning)
    cases = [evaluate(case, seed) for seed, case in enumerate(all_cases())]
    assert len({case["call"] for case in cases}) == len(cases)
    header = {
        "tool": "neural-tangents",
        "versions": {
            "python": platform.python_version(),
            "neural-tangents": neural_tangents.__version__,
            "jax": jax.__version__,
            "numpy": np.__version__,
        },
        "command": "python scripts/reference/neural_tangents_kernels.py",
        "digits": "float64 (jax_enable_x64), shortest decimals that give the same number (up to 17 digits)",
        "description": "nngp and ntk: kernel values of neural-tangents at inputs with the correlations xi, one row for"
        " each pair of inputs; under head='gap' a row is the matrix of the correlations of all pairs of leaves.",
        "not representable": [
            "layer=l: neural-tangents has no tangent kernel of one layer alone",
            "from_function (softplus, SiLU, ELU, tanh): no dual in closed form there",
            "monomial(n) beyond n = 5, hermite(n) at variances other than 1",
        ],
    }
    lines = [json.dumps(case, separators=(", ", ": ")) for case in cases]
    body = json.dumps(header, indent=1)[:-2] + ',\n "cases": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    out.write_text(body)
    print(f"{len(cases)} cases -> {out}, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
