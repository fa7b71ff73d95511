"""Data for kernels: inputs, eigenfunctions, Gram matrices, kernel regression, and many runs."""

from .eigenfunctions import RandomFunction, harmonic, random_function
from .grams import gram
from .regression import KernelRegression, kernel_regression
from .sampling import patches, sample
from .sweeps import Sweep, sweep

__all__ = [
    "KernelRegression", "RandomFunction", "Sweep", "gram", "harmonic", "kernel_regression", "patches",
    "random_function", "sample", "sweep",
]  # fmt: skip
