r"""Global average pooling: what a head that pools its positions changes in a table [Xiao2022, app. H].

With the kernel :math:`K_{pen}` of one of ``w`` positions and its eigenvalues :math:`\lambda_{pen}`, the kernels are

.. math:: K_{flat} = \frac1w \sum_u K_{pen}(\xi_{uu}), \qquad K_{gap} = \frac1{w^2} \sum_{u,v} K_{pen}(\xi_{uv}).

Inserting :math:`K_{pen} = \sum_r \lambda_{pen}(r) \sum_l Y_{r,l} Y_{r,l}`, the eigenfunctions of the second beside the
constant are :math:`w^{-1/2} \sum_u Y_{r,l}(x_u)`, of eigenvalue :math:`\lambda_{pen}(r) / w`, and the constant has
:math:`\lambda_{pen}(0)`: all as for the first, with one eigenfunction in place of ``w``.  Every function that is
orthogonal to these has the eigenvalue 0.  The diagonal pairs independent patches, so that the trace falls short of the
largest value:

.. math:: E\,K_{gap}(x, x) = \frac{K_{pen}(1) + (w - 1)\, \lambda_{pen}(0)}{w}.
"""

from dataclasses import replace

import numpy as np

from ._render import bound_text, fraction_text
from .classes import Pool, single
from .errors import UnsupportedError
from .parts import Network
from .shapes import Layout, size_exponent
from .solver import solve

#: relative error of a trace beyond which a table mentions it
_SILENT = 1e-12


def is_pooled(net: Network) -> bool:
    """Whether several positions are pooled; the pooling of one does nothing."""
    return net.head == "gap" and len(net.positions) > 1


def refuse_shared(net: Network) -> None:
    """Raise for pooled positions that overlap: their eigenfunctions are no sums over independent positions."""
    if net.head == "gap" and not net.is_tree:
        raise UnsupportedError(
            "eigenvalues under head='gap' need positions that share no leaf and no node, and trees below them; use "
            "kernel_function for the kernel, eigenspace.pooled_cube for overlapping patches of bits, or head='flatten'"
        )


def under_head(net: Network, pool: Pool) -> Pool:
    """The classes with their multiplicities under the head: one eigenfunction where ``w`` positions had one each.

    Classes across positions keep theirs; their eigenvalue is 0 with or without pooling.
    """
    if not is_pooled(net):
        return pool
    count = pool.count.copy()
    count[pool.level == 1] //= len(net.positions)
    return replace(pool, count=count)


def trace_under_head(plan: Layout, largest: float, kernel: str, ring, rtol: float) -> tuple[float, float]:
    """The mean of the kernel at equal inputs, and a bound of its relative error beyond roundings.

    ``largest`` is the kernel of a position where all correlations are 1.
    """
    if not is_pooled(plan.net):
        return largest, 0.0
    count = len(plan.net.positions)
    solution = solve(single(plan.root, ()), np.array([True]), kernel, ring, rtol, False).times(plan.net.variance)
    constant = float(solution.values.float64()[0])
    trace = (largest + (count - 1) * constant) / count
    return trace, float(solution.error[0]) * (count - 1) * constant / count / trace


def pooling_notes(net: Network, error: float) -> tuple[str, ...]:
    """What a table says about pooled positions; ``error`` is that of its trace."""
    if not is_pooled(net):
        return ()
    count = len(net.positions)
    notes = (
        f"Pooled: each eigenfunction is a sum over the {count} positions; other combinations over the positions have "
        f"the eigenvalue 0 and are not listed.",
        samples_note(net),
    )
    if error > _SILENT:
        notes += (f"The trace has a relative error of up to {bound_text(error)}, from the eigenvalue of the constant.",)
    return notes


def samples_note(net: Network) -> str:
    """How many samples pooling saves [Xiao2022, thm. 13-14]; empty without pooling."""
    if not is_pooled(net):
        return ""
    count = len(net.positions)
    saved = fraction_text(size_exponent(count, net.dim))
    return f"With pooling, d^(L - a) samples learn a class, a = log {count} / log d = {saved}; times stay d^L."
