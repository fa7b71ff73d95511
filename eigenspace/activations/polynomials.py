"""Polynomial activations: their duals are polynomials."""

from dataclasses import dataclass

import numpy as np

from .base import Activation


@dataclass(frozen=True, repr=False)
class Identity(Activation):
    r"""The identity: :math:`\varphi^*(t) = t`, :math:`(\varphi^*)'(t) = 1`: a linear layer."""

    name = "identity"
    keeps_angle = True

    def dual(self, t):
        """``t`` itself."""
        import sympy

        return sympy.sympify(t)

    def on_array(self, t):
        """Dual and derivative dual at float64 correlations."""
        t = np.asarray(t, dtype=float)
        return t, np.ones_like(t)

    def on_ball(self, t):
        """Dual and derivative dual at a ball."""
        from flint import arb

        return t, arb(1)

    def on_series(self, g):
        """Dual and derivative dual of a series."""
        from flint import arb_series

        return g, arb_series([1], prec=g.prec)


#: a linear layer
identity = Identity()
