"""Tables checked by routes that share nothing with the recursion that made them.

`calls` rebuilds the network from a table's provenance, `counts` counts its eigenfunctions anew, `quadrature` and
`sampling` recompute its eigenvalues from their definition, `compare` sets both side by side, and `report` shows it.
"""

from .compare import verify
from .report import Verification, VerifiedRow

__all__ = ["Verification", "VerifiedRow", "verify"]
