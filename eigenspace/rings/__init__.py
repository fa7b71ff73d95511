"""Number systems in which the moment recursion runs.

A ring supplies a handful of operations on rows: batches of truncated generating functions

.. math:: M(x) = \\sum_n E[S^n \\textstyle\\prod_u P_{r_u}] \\, x^n / n!

of a random variable ``S`` (a mean of kernels) against Gegenbauer polynomials.  Sums of independent parts multiply
their generating functions, so joining the children of a node is ``convolve``; an activation is a matrix of
power-series coefficients, ``apply``.  Every number is non-negative, so nothing ever cancels.

A column is what a table holds of a ring: one number per class.
"""

import re

from ..errors import UnsupportedError
from .balls import BallColumn, BallRing, ball
from .exact import EXACT, ExactColumn, ExactRing
from .floats import FLOAT, FloatColumn, FloatRing

__all__ = [
    "EXACT", "FLOAT", "BallColumn", "BallRing", "ExactColumn", "ExactRing", "FloatColumn", "FloatRing", "ball", "named",
]  # fmt: skip


def named(name: str):
    """The ring of a name, as tables and files have it.

    >>> named("float"), named("exact"), named("ball(128)")
    (eigenspace.FLOAT, eigenspace.EXACT, eigenspace.ball(128))
    """
    for ring in (FLOAT, EXACT):
        if name == ring.name:
            return ring
    if match := re.fullmatch(r"ball\((\d+)\)", name):
        return ball(int(match[1]))
    raise UnsupportedError(
        f"ring must be 'float', 'exact' or 'ball(bits)', got {name!r}; read the file with the version that wrote it"
    )
