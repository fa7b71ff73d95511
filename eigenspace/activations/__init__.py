"""Named activations, one family to a module; `base` says what the package needs to know of each."""

from .base import Activation
from .polynomials import Identity, Polynomial, hermite, identity, monomial, polynomial
from .rectified import Relu, relu
from .smooth import Rbf, rbf

__all__ = [
    "Activation", "Identity", "Polynomial", "Rbf", "Relu",
    "hermite", "identity", "monomial", "polynomial", "rbf", "relu",
]  # fmt: skip
