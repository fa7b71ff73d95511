r"""Networks as trees of patches: leaves (input spheres), nodes (layers at one position), and the linear readout.

The kernels follow the recursion [Xiao2022, eqs. 11-12; JacotGabrielHongler2018]

.. math::

    \text{leaf:}\quad K = T = \xi_u, \qquad
    \text{node:}\quad S = \operatorname{mean} K_{child},\; H = \operatorname{mean} T_{child},\;
    K = \varphi^*(S),\; T = K + (\varphi^*)'(S)\, H,

and the linear readout averages over positions: NNGP = mean ``K``, NTK = mean ``T``.  ``T`` counts the linear layer on
top, so ``T = 1 + depth`` where all correlations are 1.  Weights and biases of other variances, and residual blocks, are
other layers in place of the activation (see `layers`).  Under ``head="gap"`` the readout takes the mean over all pairs
of a position of ``x`` and a position of ``x'`` instead [Xiao2022, app. H].
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from . import _check
from ._constants import Constant, ball
from .duals import evaluate
from .parts import Network, _concrete

KERNELS = ("nngp", "ntk")


def kernel_function(net: Network, kernel: str = "ntk") -> Callable[[np.ndarray], np.ndarray]:
    """The kernel as a function of the correlations of the leaves.

    Parameters
    ----------
    net
        Any network; nodes may share children.
    kernel
        ``"nngp"`` or ``"ntk"``.

    Returns
    -------
    callable
        ``xi -> K``: correlations of shape ``(..., leaves)`` in [-1, 1] to kernel values of shape ``(...)``, float64.
        Absolute error of the order of ``depth * 1e-16``.  Cost: one evaluation of the duals per node.

        Under ``head="gap"`` correlations of shape ``(..., leaves, leaves)``, with entry ``[a, b]`` between leaf ``a``
        of one input and leaf ``b`` of the other.  Only pairs of leaves that correspond to each other matter, in the
        same position or in two different ones; all others are ignored.  Cost: ``positions**2`` times that of one
        position.

    Examples
    --------
    >>> from eigenspace import cnn, mlp
    >>> kernel_function(mlp(50, 2))([1.0])
    3.0
    >>> round(kernel_function(cnn(50, (1,), 2, head="gap"), "nngp")([[1.0, 0.0], [0.0, 1.0]]), 12)   # (1 + 1/pi) / 2
    0.659154943092
    """
    net, kernel = _concrete(net), _check.choice("kernel", kernel, KERNELS)
    count = len(net.leaves)
    if net.head == "gap":
        return _pooled_function(net, kernel)

    def function(xi):
        xi = np.asarray(xi, dtype=float)
        if xi.ndim == 0 or xi.shape[-1] != count:
            raise ValueError(
                f"xi must have {count} correlations along its last axis, got shape {xi.shape}; "
                f"use an array of shape (..., {count})"
            )
        if not np.all(np.abs(xi) <= 1.0 + 1e-12):
            raise ValueError("xi must hold correlations between -1 and 1; divide inner products by both norms")
        lines = (xi[..., number] for number in range(count))
        result = kernel_values(net, kernel, {leaf: (line, line) for leaf, line in zip(net.leaves, lines)})
        return float(result) if xi.ndim == 1 else result

    return function


def _pooled_function(net: Network, kernel: str) -> Callable[[np.ndarray], np.ndarray]:
    r"""The kernel under ``head="gap"``, :math:`w^{-2} \sum_{u,v} K_{pen}(\xi_{uv})` [Xiao2022, app. H].

    :math:`\xi_{uv}` holds the correlations of the leaves of position ``u`` of one input with those of position ``v`` of
    the other.
    """
    one, count = Network(net.positions[:1], ""), len(net.leaves)

    def function(xi):
        xi = np.asarray(xi, dtype=float)
        if xi.ndim < 2 or xi.shape[-2:] != (count, count):
            raise ValueError(
                f"xi must be matrices of {count} x {count} correlations under head='gap', got shape {xi.shape}; use an "
                f"array of shape (..., {count}, {count}), entry [a, b] between leaf a of one input and b of the other"
            )
        values = {}
        for leaf, column in zip(one.leaves, net.places.T):
            line = xi[..., column[:, None], column]
            if not np.all(np.abs(line) <= 1.0 + 1e-12):
                raise ValueError("xi must hold correlations between -1 and 1; divide inner products by both norms")
            values[leaf] = line, line
        result = np.mean(kernel_values(one, kernel, values), axis=(-2, -1))
        return float(result) if xi.ndim == 2 else result

    return function


def kernel_values(net: Network, kernel: str, values: dict) -> np.ndarray:
    """The kernel, from the pairs ``(K, T)`` of some parts, at least of the leaves; those of all others are filled in.

    The entries of ``values`` are arrays that broadcast, of float64 or of balls (``dtype=object``), divided by the
    variance of their part; the result is the kernel itself.
    """
    for part in net._walk():
        if part not in values:
            mean, tangent = (_mean(part.shares, [values[c][i] for c in part.children]) for i in (0, 1))
            values[part] = evaluate((part.layer,), mean, tangent)
    mean = _mean(net.shares, [values[p][KERNELS.index(kernel)] for p in net.positions])
    return mean if net.variance == 1 else np.asarray(mean * _as(net.variance, mean))


def trace(net: Network, kernel: str, one):
    """The kernel where all correlations are ``one``, a float or a ball: its largest value, and its trace."""
    one = np.asarray(one, dtype=float if isinstance(one, float) else object)
    return kernel_values(net, kernel, dict.fromkeys(net.leaves, (one, one))).item()


def _mean(shares: tuple | None, values: list) -> np.ndarray:
    """The mean of the kernels of some parts, divided by their mean variance (see `Node`)."""
    if shares is not None:
        values = [x * _as(share, x) for share, x in zip(shares, values)]
    # small arrays first: a sum is as large as the largest of its terms
    values = sorted(values, key=np.size)
    return np.asarray(sum(values[1:], values[0]) / len(values))


def _as(number: Fraction | Constant, array: np.ndarray):
    """A number that multiplies an array: a ball or a float."""
    return ball(number) if array.dtype == object else float(number)
