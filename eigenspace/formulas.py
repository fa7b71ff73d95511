"""Tables with symbolic columns: the leading order and the closed form of every row."""

from collections.abc import Callable, Sequence

from .closed_forms import closed_form
from .errors import ConvergenceError, UnsupportedError
from .leading_orders import leading_order
from .parts import Network
from .table import EigenTable
from .verification.calls import read_call


def with_formulas(table: EigenTable) -> EigenTable:
    r"""The same table with two more columns, ``leading`` and ``closed_form``, to be named in ``columns=[...]``.

    ``leading`` is the first term :math:`C d^{-L}` of `leading_order`, for large input dimension ``d``;
    ``closed_form`` is the exact expression of `closed_form`, where one is known.  A cell is worked out when it is
    shown, from the network in the call that the table states; ``table.formulas`` has the objects themselves.

    Parameters
    ----------
    table
        A table of `spectrum`, or one read from a file; files hold no formulas.

    Returns
    -------
    EigenTable
        With the same rows; ``where``, ``sorted`` and indexing keep the formulas.

    Notes
    -----
    Raises :class:`ValueError` where the call of the table does not describe a network.  Where a leading order or a
    closed form does not exist, the cell is a dash.

    Examples
    --------
    >>> from eigenspace import mlp, spectrum
    >>> table = with_formulas(spectrum(mlp(9, 1), "nngp", degree=4))
    >>> print(table.to_text(columns=["degree", "eigenvalue", "leading", "closed_form"]))
    NNGP eigenvalues of mlp(9, 1): 1 leaf of dimension 9, d = 9, depth 1, relu
      degree  eigenvalue    leading order    closed form
    --------  ------------  ---------------  -------------
           0  3.365e-1      3.183e-1         11025/32768
           1  5.556e-2      5.000e-1 d^-1    1/18
           2  3.365e-3      3.183e-1 d^-2    441/131072
           3  0             0                0
           4  2.337e-5      3.183e-1 d^-4    49/2097152
    ...
    >>> table.formulas["closed_form"][2].expr
    441/131072
    """
    net, kernel = read_call(table.provenance.call)
    leading, closed = (_Entries(make, net, table.degrees, kernel) for make in (leading_order, closed_form))
    return table.with_formula_columns(leading=leading, closed_form=closed)


class _Entries(Sequence):
    """Formulas of the rows, each made when it is first read; None where there is none."""

    def __init__(self, make: Callable, net: Network, degrees: Sequence, kernel: str):
        self._make, self._net, self._degrees, self._kernel = make, net, degrees, kernel
        self._made: dict = {}

    def __len__(self) -> int:
        return len(self._degrees)

    def __getitem__(self, index: int):
        i = range(len(self))[index]
        if i not in self._made:
            try:
                self._made[i] = self._make(self._net, self._degrees[i], self._kernel)
            except (UnsupportedError, ConvergenceError):
                self._made[i] = None
        return self._made[i]
