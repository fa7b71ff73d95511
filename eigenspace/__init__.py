"""Exact eigenvalues of neural network kernels.

Describe a network, ask for a spectrum:

>>> import eigenspace as es
>>> net = es.cnn(12, filters=(1, 4), positions=4, head="dense")
>>> table = es.spectrum(net, kernel="ntk", degree=2)

A module of the package is loaded when the first of its names is used, so that the import itself costs nothing.
"""

import importlib

_NAMES = {
    "activations": (
        "Activation", "absolute", "cosine", "dual_polynomial", "erf", "exponential", "from_function", "gaussian",
        "gelu", "hermite", "identity", "leaky_relu", "monomial", "polynomial", "rbf", "rectified_monomial", "relu",
        "sign", "sine", "step",
    ),
    "data": (
        "KernelRegression", "RandomFunction", "Sweep", "gram", "harmonic", "kernel_regression", "patches",
        "random_function", "sample", "sweep",
    ),
    "closed_forms": ("ClosedForm", "closed_form"),
    "decays": ("Decay", "ProductDecay", "decay", "gamma_exponential", "laplace"),
    "kernels": ("kernel_function",),
    "networks": ("cnn", "hypercube", "leaf", "mlp", "network", "node", "overlapping_cnn"),
    "parts": ("Network",),
    "torch_modules": ("from_torch",),
    "rings": ("EXACT", "FLOAT", "ball"),
    "eigenvalues": ("eigenvalue", "spectrum"),
    "user_kernels": ("zonal_spectrum",),
    "leading_orders": ("LeadingOrder", "leading_order"),
    "formulas": ("with_formulas",),
    "drawings": ("draw",),
    "index_tables": ("IndexTable", "index_table"),
    "learning": (
        "CriticalCurve", "Exponent", "GradientFlow", "LearningCurve", "Staircase", "critical_curve", "exponents",
        "gradient_flow", "learning_curve", "staircase",
    ),
    "table": ("EigenTable", "Eigenvalue", "Provenance"),
    "verification": ("Verification", "VerifiedRow", "verify"),
    "pooled_cubes": ("PooledCube", "pooled_cube"),
    "errors": ("ConvergenceError", "EigenspaceError", "UnsupportedError"),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name):
    """The public name, from the module that defines it (PEP 562)."""
    if name == "__version__":
        return importlib.import_module("eigenspace._version").__version__
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return [*__all__, "__version__"]

