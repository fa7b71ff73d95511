"""The result of every computation: one immutable table of eigenvalues, and its displays.

A row is a *class*: all eigenfunctions that share an eigenvalue because a symmetry of the network carries one into the
other. Inside, the table is columnar; rows are built when they are asked for. It has no arithmetic: take
:meth:`EigenTable.values` or :meth:`EigenTable.to_pandas` for that.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from numbers import Integral
from pathlib import Path
from types import MappingProxyType

import numpy as np

from . import _render
from ._arrays import coded, frozen, objects
from ._check import choice
from ._columns import coverage_text, default, sheet
from ._files import INDICES, csv_text, data, json_text, read_json
from ._files import index as _as_index
from .rings import named

BOUNDS = ("exact", "proved", "rounded", "estimated")
"""Kinds of error bound, from the strongest to the weakest: no error; a proof; counted roundings in floating point
together with a proved remainder; the difference of two computations."""

_SORT_KEYS = ("value", "degree", "multiplicity", "learning_index", "space", "frequency")
_SHOWN_ROWS = 60
_DTYPES = dict.fromkeys(("interaction", "bound"), None) | dict.fromkeys(("multiplicity", *INDICES), object)
_LEAST_NORMAL = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Provenance:
    """Where a table comes from: the ``call`` that rebuilds it, the network in one line, the method, the order of
    truncation, the ring, the citation keys of the formulas used, and the package's version."""

    call: str
    network: str
    kernel: str
    ring: str
    method: str
    order: str
    citations: tuple[str, ...]
    version: str

    def lines(self) -> tuple[str, ...]:
        """Lines of text for the top of a file or the foot of a table; without clock or host.

        >>> Provenance("spectrum(mlp(3, 1), degree=2)", "mlp", "ntk", "float", "moments", "64", ("Xiao2022",),
        ...            "0.1").lines()[0]
        'eigenspace 0.1: spectrum(mlp(3, 1), degree=2)'
        """
        method = ", ".join(
            filter(None, [f"method: {self.method}", f"order: {self.order}" if self.order else "", f"ring: {self.ring}"])
        )
        cited = (f"formulas: {', '.join(self.citations)}",) if self.citations else ()
        return (
            f"eigenspace {self.version}: {self.call}",
            f"network: {self.network}; kernel: {self.kernel}",
            method,
            *cited,
        )


@dataclass(frozen=True, repr=False)
class Eigenvalue:
    r"""One eigenvalue :math:`\lambda(r) = E[K \prod_u P_{r_u}(\xi_u)]`, per eigenfunction, and its class.

    ``value``: the ring's number (a float is 0.0 where it underflows); ``log10``: ``-inf`` only for an exact zero.
    ``error``: relative, :math:`|\lambda_{true} - \lambda| \le \epsilon\lambda`, of the kind ``bound`` (one of
    :data:`BOUNDS`). ``multiplicity``: number of eigenfunctions in the class. ``degrees``: of all leaves, for one
    representative. ``space``, ``frequency``, ``learning_index``: the indices S, F and L of [Xiao2022] (arXiv
    2112.05611), exact fractions where the sizes are powers of one base. ``pattern``: the degrees of the
    active leaves; the more slashes between two of them, the higher in the network they meet; the constant is ``0``.
    """

    value: object
    log10: float
    error: float
    bound: str
    multiplicity: int
    degrees: tuple[int, ...]
    total_degree: int
    space: Fraction | float
    frequency: Fraction | float
    learning_index: Fraction | float
    pattern: str
    ring: str

    def text(self, digits: int = 12) -> str:
        """The eigenvalue as decimal text, with at most ``digits`` digits and only true ones."""
        return named(self.ring).text(self.value, self.log10, digits, self.error)

    def __repr__(self) -> str:
        return (
            f"Eigenvalue({self.text()}, {_error_phrase(self.error, self.bound)}, "
            f"multiplicity {_render.count_text(self.multiplicity)}, pattern {self.pattern}, "
            f"S = {_render.fraction_text(self.space)}, F = {_render.fraction_text(self.frequency)}, "
            f"L = {_render.fraction_text(self.learning_index)})"
        )


class EigenTable:
    """Eigenvalues of one kernel, one row per class; made by :func:`eigenspace.spectrum`.

    Columns, all of length ``n``: ``values`` (a column of the ring, kept as ``table.column``), ``error`` (float64,
    relative bounds), ``bound`` (uint8, index into :data:`BOUNDS`), ``multiplicity`` (Python integers of any size),
    ``total_degree`` (int64), ``space``, ``frequency``, ``learning_index`` (:class:`~fractions.Fraction` or float;
    ``inf`` for what is never learned), ``patterns`` (text) and ``degrees`` (tuples over all leaves), the last two
    possibly lazy. ``trace`` is the kernel at all correlations 1: the sum of all eigenvalues with their
    multiplicities. ``grid``: the shape of the leaves of an image, (height, width); empty for a row of leaves.
    ``notes`` are sentences shown under the table; ``formulas`` are symbolic columns by name, lazy, with
    entries that have a ``cell``, or None: see :func:`eigenspace.with_formulas`. The table cannot be changed: its arrays
    are read-only copies.

    Raises :class:`ValueError` for columns of different lengths.

    >>> import eigenspace as es
    >>> table = es.spectrum(es.mlp(10, 2), kernel="nngp", degree=4)
    >>> [row.text(4) for row in table]
    ['5.080e-1', '3.094e-2', '2.435e-3', '1.192e-4', '1.984e-5']
    >>> table.where(total_degree=2)[0].multiplicity
    54
    """

    def __init__(
        self,
        *,
        values,
        error,
        bound,
        multiplicity,
        total_degree,
        space,
        frequency,
        learning_index,
        patterns: Sequence[str],
        degrees: Sequence[tuple[int, ...]],
        trace: float,
        provenance: Provenance,
        kernel: str,
        notes: Sequence[str] = (),
        formulas: Mapping[str, Sequence] = MappingProxyType({}),
        grid: Sequence[int] = (),
    ):
        self.__dict__.update(
            column=values,
            error=frozen(error, np.float64),
            bound=frozen(bound, np.uint8),
            multiplicity=objects(multiplicity, int, int),
            total_degree=frozen(total_degree, np.int64),
            space=objects(space, _as_index, Fraction, float),
            frequency=objects(frequency, _as_index, Fraction, float),
            learning_index=objects(learning_index, _as_index, Fraction, float),
            patterns=patterns,
            degrees=degrees,
            trace=trace,
            provenance=provenance,
            kernel=kernel,
            notes=tuple(notes),
            grid=tuple(grid),
            _formulas=dict(formulas),
            _codes={},
        )
        for name, entries in ({name: getattr(self, name) for name in _COLUMNS} | dict(formulas)).items():
            if len(entries) != len(values):
                raise ValueError(
                    f"{name} must have one entry per eigenvalue ({len(values)}), got "
                    f"{len(entries)}; build all columns from the same classes"
                )

    def __setattr__(self, name, value):
        raise AttributeError(
            f"{name} cannot be set: a table does not change; use where, sorted or indexing for another"
        )

    # --- rows -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.column)

    def __iter__(self) -> Iterator[Eigenvalue]:
        return iter(self.rows)

    def __getitem__(self, key):
        """``table[3]`` is an :class:`Eigenvalue`; a slice, a mask or indices give a table of those rows."""
        if isinstance(key, Integral) and not isinstance(key, bool):
            return self.rows[key]
        return self._take(self._indices(key))

    @cached_property
    def rows(self) -> Sequence[Eigenvalue]:
        """The rows as a sequence of :class:`Eigenvalue`, each built when it is read."""
        return _Rows(self)

    @property
    def formulas(self) -> Mapping[str, Sequence]:
        """The symbolic columns by name; empty unless :func:`eigenspace.with_formulas` made the table."""
        return MappingProxyType(self._formulas)

    @property
    def ring(self):
        """The number system of the eigenvalues."""
        return self.column.ring

    def values(self) -> np.ndarray:
        """Eigenvalues as float64, shape ``(n,)``; 0.0 where one underflows."""
        return self.column.float64()

    def log10(self) -> np.ndarray:
        """Decimal logarithms of the eigenvalues, float64 of shape ``(n,)``; ``-inf`` for exact zeros only."""
        return self._log10

    def shares(self) -> np.ndarray:
        """Share of the trace of each class, eigenvalue times multiplicity over trace: float64 of shape ``(n,)``."""
        return self._shares

    def bounds(self) -> list[str]:
        """The kind of each row's error bound, by name."""
        return [BOUNDS[kind] for kind in self.bound.tolist()]

    def coverage(self) -> float:
        """Share of the trace covered by the listed rows; never overflows, whatever the multiplicities."""
        return math.fsum(self._shares)

    def where(
        self,
        condition: Callable[[Eigenvalue], bool] | Sequence[bool] | None = None,
        /,
        *,
        total_degree=None,
        space=None,
        frequency=None,
        learning_index=None,
        pattern=None,
        bound=None,
        min_value=None,
        max_value=None,
    ) -> "EigenTable":
        """The rows that meet all conditions, in the same order.

        ``condition``: a function of a row, or a mask. ``min_value`` and ``max_value`` include their ends; the other
        keywords take one allowed entry or several. Raises :class:`TypeError` for a mask that is not boolean and
        :class:`ValueError` for one of another length.
        """
        keep = np.ones(len(self), dtype=bool)
        if callable(condition):
            keep &= np.fromiter((bool(condition(row)) for row in self.rows), dtype=bool, count=len(self))
        elif condition is not None:
            mask = np.asarray(condition)
            if mask.dtype != bool and mask.size:
                raise TypeError(
                    f"condition must be a function of a row or a boolean mask, got {mask.dtype} entries; "
                    "use table[indices] to pick rows by position"
                )
            keep[:] = False
            keep[self._indices(mask)] = True
        allowed = {
            "total_degree": total_degree,
            "space": space,
            "frequency": frequency,
            "learning_index": learning_index,
            "pattern": pattern,
            "bound": bound,
        }
        for name, wanted in allowed.items():
            if wanted is not None:
                wanted = wanted if isinstance(wanted, Collection) and not isinstance(wanted, str) else (wanted,)
                values, which = (self.patterns, np.s_[:]) if name == "pattern" else self.coded(name)
                keep &= np.array([value in wanted for value in values], dtype=bool)[which]
        if min_value is not None:
            keep &= self.values() >= min_value
        if max_value is not None:
            keep &= self.values() <= max_value
        return self._take(np.flatnonzero(keep))

    def sorted(self, by: str = "value", reverse: bool | None = None) -> "EigenTable":
        """The same rows ordered by ``"value"``, ``"degree"``, ``"multiplicity"``, ``"learning_index"``, ``"space"`` or
        ``"frequency"``; rows that tie keep their order, so sorts can be chained.

        ``reverse=None`` puts the largest value first and, for the other keys, the smallest.
        """
        choice("by", by, _SORT_KEYS)
        reverse = by == "value" if reverse is None else reverse
        if by == "value":
            keys = [self.values(), self._log10]
        else:
            values, which = self.coded("total_degree" if by == "degree" else by)
            rank = np.empty(len(values), dtype=np.intp)
            rank[sorted(range(len(values)), key=values.__getitem__)] = np.arange(len(values))
            keys = [rank[which]]
        return self._take(np.lexsort([-key for key in keys] if reverse else keys))

    def coded(self, name: str) -> tuple[list, np.ndarray]:
        """The different entries of a column that is an array, in order of appearance, and which of them each row has.

        Of ``bound`` the names.  Cost: one pass when it is first asked for; displays of long tables rest on it.

        >>> import eigenspace as es
        >>> values, which = es.spectrum(es.mlp(9, 1, leaves=2), degree=2).coded("total_degree")
        >>> values, which.tolist()
        ([0, 1, 2], [0, 1, 2, 2])
        """
        if name not in self._codes:
            self._codes[name] = coded(self.bounds() if name == "bound" else getattr(self, name).tolist())
        return self._codes[name]

    # --- displays -------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        rows = f"{len(self)} row{'s' * (len(self) != 1)}"
        if not len(self):
            return f"EigenTable({rows}, {self.kernel}, ring {self.ring.name})"
        worst = int(np.argmax(self.error))
        error = _error_phrase(self.error[worst], BOUNDS[self.bound[worst]])
        weakest = BOUNDS[self.bound.max()]
        also = f", weakest bound {weakest}" if weakest != BOUNDS[self.bound[worst]] and weakest != "exact" else ""
        return (
            f"EigenTable({rows}, {self.kernel}, ring {self.ring.name}, {coverage_text(self)} of the trace, "
            f"worst {error}{also})"
        )

    def __str__(self) -> str:
        return self.to_text(max_rows=_SHOWN_ROWS)

    def __rich__(self):
        return self.to_rich(max_rows=_SHOWN_ROWS)

    def _repr_html_(self) -> str:
        return _render.notebook(self._sheet(None, 4, _SHOWN_ROWS))

    def _repr_latex_(self) -> str:
        return _render.latex(self._sheet(default(self, in_print=True), 4, _SHOWN_ROWS))

    def to_text(
        self, path=None, *, columns: Sequence[str] | None = None, digits: int = 4, max_rows: int | None = None
    ) -> str | None:
        """Plain text; arguments as in :meth:`to_latex`. Beyond ``max_rows`` the middle is left out."""
        return _deliver(_render.plain(self._sheet(columns, digits, max_rows)), path)

    def to_rich(self, *, columns: Sequence[str] | None = None, digits: int = 4, max_rows: int | None = None):
        """A :class:`rich.table.Table` for a terminal."""
        return _render.rich_table(self._sheet(columns, digits, max_rows))

    def to_html(
        self, path=None, *, columns: Sequence[str] | None = None, digits: int = 4, max_rows: int | None = None
    ) -> str | None:
        """HTML as in a notebook: rows tinted by learning index (darker is learned earlier), under L a bar of its two
        parts, space and frequency, and under the eigenvalue a bar of its logarithm."""
        return _deliver(_render.notebook(self._sheet(columns, digits, max_rows)), path)

    def to_latex(
        self,
        path=None,
        *,
        columns: Sequence[str] | None = None,
        digits: int = 4,
        caption: str | None = None,
        label: str | None = None,
    ) -> str | None:
        r"""LaTeX that compiles with booktabs alone; the provenance stands on top as ``%`` lines.

        The default columns leave out ``error``, since every digit shown is true; the note names the largest error.
        ``columns``: names out of ``degree``, ``interaction``, ``places``, ``multiplicity``, ``space``, ``frequency``,
        ``learning_index``, ``eigenvalue``, ``log10``, ``error``, ``bound``, ``share``, ``cumulative``, and after
        :func:`eigenspace.with_formulas` ``leading`` and ``closed_form``. ``digits``: at most this many, and only true
        ones. With a ``caption`` (LaTeX source) or a ``label`` the ``tabular`` stands in a
        ``table``. Returns the text, or writes it to ``path``. Raises :class:`ValueError` for an unknown column.
        """
        columns = default(self, in_print=True) if columns is None else columns
        return _deliver(_render.latex(self._sheet(columns, digits, None), caption, label), path)

    def to_markdown(self, path=None, *, columns: Sequence[str] | None = None, digits: int = 4) -> str | None:
        """A Markdown pipe table; arguments as in :meth:`to_latex`."""
        return _deliver(_render.markdown(self._sheet(columns, digits, None)), path)

    def to_pandas(self):
        """A :class:`pandas.DataFrame` with exact integers and fractions as objects; ``attrs`` has the provenance."""
        from pandas import DataFrame

        frame = DataFrame({name: np.array(entries, dtype=_DTYPES.get(name)) for name, entries in data(self).items()})
        frame.attrs.update(asdict(self.provenance), trace=self.trace)
        return frame

    def to_csv(self, path=None) -> str | None:
        """Comma-separated values with the columns of :meth:`to_pandas`.

        Data, not display: ``value`` is an exact number in full, or has 17 digits of the stored number, whatever its
        error (of a ball, all that are known), and keeps its power of ten where a float would underflow; multiplicities
        and fractions are exact.
        """
        return _deliver(csv_text(self), path)

    def to_json(self, path=None) -> str | None:
        """JSON from which :meth:`from_json` restores an equal table: exact columns, provenance, notes, schema version.

        Formulas of :func:`eigenspace.with_formulas` are left out; it makes them anew for the restored table.

        Integers and fractions are text; floats are numbers, with ``inf`` and ``nan`` as text; degrees are, per row, the
        pairs of an active leaf and its degree.
        """
        return _deliver(json_text(self), path)

    @classmethod
    def from_json(cls, source) -> "EigenTable":
        """The table that :meth:`to_json` wrote; ``source`` is a path or the text itself.

        Raises :class:`ValueError` for text of another schema and
        :class:`~eigenspace.errors.UnsupportedError` for a ring that this version does not have.
        """
        columns = read_json(source)
        columns["bound"] = list(map(BOUNDS.index, columns["bound"]))
        origin = columns["provenance"]
        columns["provenance"] = Provenance(**origin | {"citations": tuple(origin["citations"])})
        return cls(**columns)

    def plot(self, ax=None, *, annotate: int = 6):
        """Eigenvalue against rank on logarithmic axes, one plateau per class; returns the matplotlib axes.

        ``annotate``: how many classes are labelled with their interaction, those with the largest shares of the trace
        first. Needs the extra ``eigenspace[plot]``.
        """
        from ._plot import spectrum_plot

        table = self.sorted("value")
        with np.errstate(divide="ignore"):
            weight = np.log10(table._shares)
        return spectrum_plot(
            table.log10(),
            list(map(math.log10, table.multiplicity)),
            table.total_degree,
            labels=table.patterns,
            weight=weight,
            annotate=annotate,
            ax=ax,
            ylabel=f"{self.kernel.upper()} eigenvalue",
        )

    # --- inside ---------------------------------------------------------------------------------------------------

    @cached_property
    def _log10(self) -> np.ndarray:
        return frozen(self.column.log10(), np.float64)

    @cached_property
    def _shares(self) -> np.ndarray:
        values, counts = self.values(), self.multiplicity
        # normal floats times integers in their range; all others take the way of `_weight`
        easy = (values >= _LEAST_NORMAL) & (counts <= 10**300)
        shares = np.empty(len(self))
        with np.errstate(over="ignore"):
            shares[easy] = values[easy] * counts[easy].astype(float)
        for i in np.flatnonzero(~easy).tolist():
            shares[i] = _weight(float(values[i]), counts[i], lambda i=i: self.column.decimal_text(i, 17))
        return frozen(shares / float(self.trace), np.float64)

    def _take(self, indices: np.ndarray) -> "EigenTable":
        columns = {name: getattr(self, name)[indices] for name in _COLUMNS[:-2]}
        columns |= {name: _Picked.of(getattr(self, name), indices) for name in _COLUMNS[-2:]}
        return EigenTable(
            values=self.column.take(indices),
            **columns,
            trace=self.trace,
            provenance=self.provenance,
            kernel=self.kernel,
            notes=self.notes,
            grid=self.grid,
            formulas={name: _Picked.of(entries, indices) for name, entries in self.formulas.items()},
        )

    def with_formula_columns(self, **formulas: Sequence) -> "EigenTable":
        """The same table with symbolic columns, one entry per row; :func:`eigenspace.with_formulas` makes them."""
        columns = {name: getattr(self, name) for name in (*_COLUMNS, "trace", "provenance", "kernel", "notes", "grid")}
        return EigenTable(values=self.column, **columns, formulas={**self.formulas, **formulas})

    def _indices(self, key) -> np.ndarray:
        """Row indices, all non-negative, of a slice, a boolean mask or integers."""
        if isinstance(key, slice):
            return np.arange(len(self))[key]
        keys = np.asarray(key)
        if keys.ndim != 1 or (keys.size and keys.dtype.kind not in "biu"):
            raise TypeError(
                "a table is indexed by an integer, a slice, a boolean mask or integer indices, "
                f"got {key!r}; use table.where(...) for conditions"
            )
        if keys.dtype == bool and keys.size != len(self):
            raise ValueError(
                f"a mask must have one entry per row ({len(self)}), got {keys.size}; build it from this table's columns"
            )
        return np.arange(len(self))[keys if keys.size else slice(0)]

    def _sheet(self, names: Sequence[str] | None, digits: int, max_rows: int | None) -> _render.Sheet:
        return sheet(self, names, digits, max_rows)


_COLUMNS = ("error", "bound", "multiplicity", "total_degree", *INDICES, "patterns", "degrees")


# --- small parts --------------------------------------------------------------------------------------------------


class _Rows(Sequence):
    """The rows of a table, each built when it is read."""

    def __init__(self, table: EigenTable):
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, key):
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(len(self)))]
        table, count, i = self._table, len(self), int(key)
        if not -count <= i < count:
            raise IndexError(f"row {i} is out of range for a table of {count} rows; use -{count} to {count - 1}")
        i %= count
        return Eigenvalue(
            value=table.column[i],
            log10=float(table.log10()[i]),
            error=float(table.error[i]),
            bound=BOUNDS[table.bound[i]],
            multiplicity=table.multiplicity[i],
            degrees=tuple(table.degrees[i]),
            total_degree=int(table.total_degree[i]),
            space=table.space[i],
            frequency=table.frequency[i],
            learning_index=table.learning_index[i],
            pattern=table.patterns[i],
            ring=table.ring.name,
        )


class _Picked(Sequence):
    """Entries of a possibly lazy sequence at given places, read when they are asked for."""

    def __init__(self, source: Sequence, places: np.ndarray):
        self._source, self._places = source, places

    @classmethod
    def of(cls, source: Sequence, places: np.ndarray) -> "_Picked":
        return cls(source._source, source._places[places]) if isinstance(source, cls) else cls(source, places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i):
        return self._source[int(self._places[i])]


def _weight(value: float, count: int, text: Callable[[], str]) -> float:
    """Value times count: through integers where the value is a normal float, through its decimal text below."""
    if value < _LEAST_NORMAL:
        return _render.product(text(), count)
    numerator, denominator = value.as_integer_ratio()
    try:
        return numerator * count / denominator
    except OverflowError:
        return math.inf


def _error_phrase(error: float, bound: str) -> str:
    return "exact" if bound == "exact" and error == 0 else f"error {_render.bound_text(float(error))} ({bound})"


def _deliver(text: str, path) -> str | None:
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8")
    return None
