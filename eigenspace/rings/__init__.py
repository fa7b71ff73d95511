"""Number systems in which the moment recursion runs.

A ring supplies a handful of operations on rows: batches of truncated generating functions

.. math:: M(x) = \\sum_n E[S^n \\textstyle\\prod_u P_{r_u}] \\, x^n / n!

of a random variable ``S`` (a mean of kernels) against Gegenbauer polynomials.  Sums of independent parts multiply
their generating functions, so joining the children of a node is ``convolve``; an activation is a matrix of
power-series coefficients, ``apply``.  Every number is non-negative, so nothing ever cancels.

A column is what a table holds of a ring: one number per class.
"""

from ..errors import UnsupportedError
from .exact import EXACT, ExactColumn, ExactRing
from .floats import FLOAT, FloatColumn, FloatRing

__all__ = ["EXACT", "FLOAT", "ExactColumn", "ExactRing", "FloatColumn", "FloatRing", "named"]

_RINGS = {ring.name: ring for ring in (FLOAT, EXACT)}


def named(name: str):
    """The ring of a name, as tables and files have it.

    >>> named("float"), named("exact")
    (eigenspace.FLOAT, eigenspace.EXACT)
    """
    if name in _RINGS:
        return _RINGS[name]
    known = " or ".join(map(repr, _RINGS))
    raise UnsupportedError(f"ring must be {known}, got {name!r}; read the file with the version that wrote it")
