"""Named activations, one family to a module; `base` says what the package needs to know of each."""

from .base import Activation
from .polynomials import Identity, identity
from .rectified import (
    LeakyRelu,
    Rectified,
    RectifiedMonomial,
    Relu,
    Sign,
    Step,
    absolute,
    leaky_relu,
    rectified_monomial,
    relu,
    sign,
    step,
)
from .smooth import Exponential, ExponentialDual, Rbf, exponential, rbf

__all__ = [
    "Activation",
    "Exponential",
    "ExponentialDual",
    "Identity",
    "LeakyRelu",
    "Rbf",
    "Rectified",
    "RectifiedMonomial",
    "Relu",
    "Sign",
    "Step",
    "absolute",
    "exponential",
    "identity",
    "leaky_relu",
    "rbf",
    "rectified_monomial",
    "relu",
    "sign",
    "step",
]
