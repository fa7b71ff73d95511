"""Networks for the tests: the catalogue on which the laws are checked, and trees from their JSON description."""

from fractions import Fraction

import numpy as np

import eigenspace as es


def _ragged():
    inner = es.node([es.node([es.leaf(4)]), es.leaf(6)])
    return es.network([es.node([inner, es.node([es.leaf(5), es.leaf(5)])])])


def _mixed():
    return es.network(
        [es.node([es.leaf(4), es.leaf(6)], activation=es.rbf(0.5)), es.node([es.leaf(5)])], head="dense"
    )


CATALOGUE = {
    "sphere": es.mlp(3, 1),
    "sphere, deep": es.mlp(5, 4),
    "circle": es.mlp(2, 2),
    "two points": es.mlp(1, 3),
    "high dimension": es.mlp(10**5, 3),
    "two spheres": es.mlp(9, 2, leaves=2),
    "three spheres": es.mlp(7, 1, leaves=3),
    "rbf sphere": es.mlp(4, 2, activation=es.rbf(0.25)),
    "linear": es.mlp(4, 2, leaves=3, activation=es.identity),
    "S-CNN": es.cnn(6, (1,), 4),
    "S-CNN, wide filter": es.cnn(6, (3,), 2),
    "D-CNN": es.cnn(8, (1, 2), 2),
    "D-CNN, dense": es.cnn(8, (1, 2), 2, head="dense"),
    "D-CNN, wide first filter": es.cnn(8, (2, 2), 2, head="dense"),
    "D-CNN, rbf": es.cnn(4, (1, 2), 2, head="dense", activation=es.rbf(0.25)),
    "D-CNN, deep": es.cnn(20, (1, 2, 2), 1, head="dense"),
    "Xiao MLP": es.mlp(4, 4, leaves=8, activation=es.rbf(0.25)),
    "Xiao HR": es.cnn(4, (1, 2, 2), 2, head="dense", activation=es.rbf(0.25)),
    "cube": es.mlp(1, 2, leaves=6),
    "image": es.cnn(8, ((1, 2), (2, 1)), (1, 2)),
    "cube, tree": es.cnn(1, (2, 2), 1, activation=es.rbf(0.5)),
    "torus": es.mlp(2, 1, leaves=4, activation=es.rbf(0.5)),
    "monomials": es.mlp(5, 2, leaves=2, activation=es.monomial(2)),
    "polynomial tree": es.cnn(3, (1, 2), activation=es.polynomial((0, 1, 1))),
    "Hermite cube": es.cnn(1, (3,), 2, head="dense", activation=es.hermite(3)),
    "absolute": es.mlp(6, 2, activation=es.absolute),
    "leaky": es.mlp(12, 1, leaves=2, activation=es.leaky_relu(0.1)),
    "squared": es.cnn(12, (1, 2), activation=es.rectified_monomial(2)),
    "exponential": es.mlp(5, 2, leaves=2, activation=es.exponential(0.5)),
    "step": es.mlp(20, 2, activation=es.step),
    "sign": es.mlp(15, 1, activation=es.sign),
    "biases": es.cnn(10, (1, 2), 2, head="dense", sigma_w=1.2, sigma_b=0.3),
    "residual": es.mlp(12, 3, sigma_w=1.5, residual=0.5),
    "residual CNN": es.cnn(16, (2, 1), 2, head="dense", residual=0.5, sigma_b=0.1),
    "erf, weak weights": es.mlp(8, 2, leaves=2, activation=es.erf, sigma_w=0.7),
    "erf": es.mlp(6, 2, leaves=2, activation=es.erf),
    "gelu": es.cnn(5, (1, 2), 1, head="dense", activation=es.gelu),
    "sine": es.mlp(8, 2, activation=es.sine(1, 1, 0.5)),
    "cosine": es.cnn(4, (2,), 2, activation=es.cosine(1, Fraction(1, 2), 0)),
    "Gaussian": es.mlp(3, 2, activation=es.gaussian(-0.5)),
    "ragged": _ragged(),
    "mixed": _mixed(),
    "positions of different size": es.network([es.node([es.leaf(9), es.leaf(9)]), es.node([es.leaf(18)])]),
}

#: networks with activations that cannot be written in a call, or are known through estimates
UNWRITTEN = {
    "erf at a variance": es.mlp(7, 2, activation=es.erf.at_variance(Fraction(1, 2))[0]),
    "tanh": es.mlp(9, 2, activation=es.from_function(np.tanh)),
    "SiLU": es.cnn(6, (1, 2), activation=es.from_function(lambda z: z / (1 + np.exp(-z)), "silu")),
}


def activation(name: str):
    """An activation from its name in tables."""
    if name.startswith("rbf("):
        return es.rbf(float(name[4:-1]))
    return getattr(es, name)


def tree(description: dict):
    """A leaf or node from ``{"leaf": dim}`` or ``{"node": [...], "activation": name}``."""
    if "leaf" in description:
        return es.leaf(description["leaf"])
    return es.node([tree(child) for child in description["node"]], activation=activation(description["activation"]))
