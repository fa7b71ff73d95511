"""Targets of learning: which eigenvalues a function has its power on.

A target is a list of pairs (interaction, power). The power is the mean square of that part of the function; how it is
spread over the eigenfunctions of a class makes no difference, because they share an eigenvalue.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .. import _check
from ..classes import canonical, single
from ..eigenvalues import _degrees, eigenvalue
from ..interactions import components
from ..parts import Network
from ..shapes import layout
from ..table import EigenTable, Eigenvalue
from .spectra import network_of, scaled

_FORM = "use a list of pairs (degrees, power), such as [({0: 1}, 1.0), ({0: 2, 3: 1}, 0.5)]"


@dataclass(frozen=True, eq=False)
class Targets:
    """Parts of a function, each of one class: ``log2`` of its eigenvalue (``-inf``: never learned), the relative
    ``error`` of that, its ``power``, which of the ``names`` it belongs to (``owner``), its ``learning_index`` and
    ``pattern``; and the input dimension ``dim`` where it is known."""

    names: tuple[str, ...]
    owner: np.ndarray
    power: np.ndarray
    log2: np.ndarray
    error: np.ndarray
    learning_index: tuple[Fraction | float, ...]
    patterns: tuple[str, ...]
    dim: int | None

    @classmethod
    def of(cls, table: EigenTable, target) -> "Targets":
        """The target that a user gave, found in the table; classes that it does not list are computed."""
        if isinstance(target, str | Mapping) or not isinstance(target, Sequence) or not target:
            raise TypeError(f"target must be a list of pairs (degrees, power), got {target!r}; {_FORM}")
        finder = _Finder(table)
        names, owner, power, found = [], [], [], []
        for i, pair in enumerate(target):
            if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
                raise TypeError(f"target must be pairs (degrees, power), got {pair!r} at position {i}; {_FORM}")
            whole = _check.nonnegative_real(f"target[{i}]", pair[1], "the power is a mean square; " + _FORM)
            parts = finder.parts(pair[0], i)
            names.append(pair[0] if isinstance(pair[0], str) else parts[0][0].pattern)
            for value, share in parts:
                owner.append(i)
                power.append(whole * float(share))
                found.append(value)
        for i, name in enumerate(names):
            if name in names[:i]:
                names[i] = f"{name} (target {i})"
        log10 = np.array([value.log10 for value in found])
        finite = np.isfinite(log10)
        values = np.array([v.value if isinstance(v.value, float) else 0.0 for v in found])
        mantissa, exponent = scaled(np.where(finite, values, 1.0), np.where(finite, log10, 0.0))
        log2 = np.where(finite, np.log2(mantissa) + exponent, -np.inf)
        return cls(
            tuple(names), np.array(owner), np.array(power), log2, np.array([value.error for value in found]),
            tuple(value.learning_index for value in found), tuple(value.pattern for value in found), finder.dim,
        )  # fmt: skip

    def means(self, of_parts: np.ndarray) -> np.ndarray:
        """Means over the parts of each target, weighted by their power: (samples, parts) to (samples, targets)."""
        weights = np.zeros((self.owner.size, len(self.names)))
        weights[np.arange(self.owner.size), self.owner] = self.power
        sums = weights.sum(axis=0)
        # without power every part counts the same
        weights[:, sums == 0] = self.owner[:, None] == np.flatnonzero(sums == 0)[None, :]
        return of_parts @ (weights / weights.sum(axis=0))

    def thresholds(self) -> list[tuple[float, str]]:
        r"""``log10`` of :math:`d^L` for every learning index that occurs, with the interactions that have it."""
        named: dict = {}
        for index, pattern, power in zip(self.learning_index, self.patterns, self.power):
            if power > 0 and math.isfinite(index) and index > 0:
                named.setdefault(index, dict.fromkeys([pattern]))[pattern] = None
        if self.dim is None or self.dim < 2:
            return []
        return [(float(index) * math.log10(self.dim), ", ".join(found)) for index, found in sorted(named.items())]


class _Finder:
    """Looks up interactions in one table."""

    def __init__(self, table: EigenTable):
        self._table, self._net = table, network_of(table)
        self._plan = layout(self._net) if self._net is not None and self._net.is_tree else None

    @property
    def dim(self) -> int | None:
        """The total input dimension."""
        if self._net is not None:
            return self._net.dim
        linear = np.flatnonzero(self._table.total_degree == 1)
        single_leaf = linear.size and len(self._table.degrees[int(linear[0])]) == 1
        return int(self._table.multiplicity[linear[0]]) if single_leaf else None

    def parts(self, given, i: int) -> list[tuple[Eigenvalue, Fraction]]:
        """The eigenvalues of an interaction with their shares of its power."""
        if isinstance(given, Eigenvalue):
            return [(given, Fraction(1))]
        if isinstance(given, str) or hasattr(given, "free_symbols"):
            net = self._network(i, given)
            return [(self._value(net, degrees, i), share) for degrees, share in components(net, given)]
        return [(self._value(self._net, given, i), Fraction(1))]

    def _network(self, i: int, given) -> Network:
        if self._plan is None:
            raise ValueError(
                f"target[{i}] = {given!r} needs the network, which the call of the table does not describe: "
                f"{self._table.provenance.call}; use the degrees of a listed row, or an Eigenvalue"
            )
        return self._net

    def _value(self, net, degrees, i: int) -> Eigenvalue:
        full = _plain(self._table, degrees) if self._plan is None else _degrees(net, degrees)
        same_degree = np.flatnonzero(self._table.total_degree == sum(full))
        if self._plan is None:
            found = [int(row) for row in same_degree if tuple(self._table.degrees[int(row)]) == full]
        else:
            wanted = canonical(self._plan, full)
            pool = single(self._plan.root, wanted)
            pattern = pool.pattern(len(pool) - 1)
            rows = (int(row) for row in same_degree if self._table.patterns[int(row)] == pattern)
            found = [row for row in rows if canonical(self._plan, self._table.degrees[row]) == wanted]
        if found:
            return self._table.rows[found[0]]
        return eigenvalue(self._network(i, degrees), full, self._table.kernel)


def _plain(table: EigenTable, degrees) -> tuple[int, ...]:
    """Degrees of all leaves, for a table without a network."""
    leaves = len(table.degrees[0]) if len(table) else 1
    if isinstance(degrees, Mapping):
        full = [0] * leaves
        for leaf, degree in degrees.items():
            place = _check.integer("degrees", leaf, 0, leaves - 1, f"leaves are 0 to {leaves - 1}")
            full[place] = _check.nonnegative_integer("degrees", degree)
        return tuple(full)
    if isinstance(degrees, Sequence | np.ndarray):
        return _check.nonnegative_integers("degrees", degrees)
    return (_check.nonnegative_integer("degrees", degrees, "use an integer, a tuple or {leaf: degree}"),)
