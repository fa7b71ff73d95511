"""Named activations, one family to a module; `base` says what the package needs to know of each."""

from .arcsine import ArcsineDual, Erf, Gaussian, Gelu, erf, gaussian, gelu
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
from .waves import Sinusoid, cosine, sine

__all__ = [
    "Activation",
    "ArcsineDual",
    "DualPolynomial",
    "Erf",
    "Exponential",
    "ExponentialDual",
    "Gaussian",
    "Gelu",
    "Identity",
    "LeakyRelu",
    "Polynomial",
    "Rbf",
    "Rectified",
    "RectifiedMonomial",
    "Relu",
    "Sign",
    "Sinusoid",
    "Step",
    "absolute",
    "cosine",
    "dual_polynomial",
    "erf",
    "exponential",
    "gaussian",
    "gelu",
    "hermite",
    "identity",
    "leaky_relu",
    "monomial",
    "polynomial",
    "rbf",
    "rectified_monomial",
    "relu",
    "sign",
    "sine",
    "step",
]
