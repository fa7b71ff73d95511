"""Named activations, one family to a module; `base` says what the package needs to know of each."""

from .base import Activation
from .polynomials import (
    DualPolynomial,
    Identity,
    Polynomial,
    dual_polynomial,
    hermite,
    identity,
    monomial,
    polynomial,
)
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
    "DualPolynomial",
    "Exponential",
    "ExponentialDual",
    "Identity",
    "LeakyRelu",
    "Polynomial",
    "Rbf",
    "Rectified",
    "RectifiedMonomial",
    "Relu",
    "Sign",
    "Step",
    "absolute",
    "dual_polynomial",
    "exponential",
    "hermite",
    "identity",
    "leaky_relu",
    "monomial",
    "polynomial",
    "rbf",
    "rectified_monomial",
    "relu",
    "sign",
    "step",
]
