r"""Index tables: space, frequency and learning index of chosen interactions in several networks [Xiao2022, sec. 5].

A polynomial may contain several multi-degrees; each is a row of its own, with its share of the mean square.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from . import _check, _render
from ._version import __version__
from .classes import canonical, single
from .eigenvalues import _degrees
from .graph_orders import graph_order
from .indices import index_columns, leading_exponents
from .interactions import components
from .kernels import KERNELS
from .parts import Network, _network
from .pooling import samples_note
from .shapes import layout
from .steiner import SpanningTrees
from .table import _deliver

_CITATIONS = ("Xiao2022", "AtkinsonHan2012")


@dataclass(frozen=True)
class Indices:
    """Space, frequency and learning index of an interaction in one network; ``L`` is infinite for what is never
    learned, and exceeds ``S + F`` where an activation is not admissible."""

    space: Fraction | float
    frequency: Fraction | float
    learning_index: Fraction | float

    def __str__(self) -> str:
        s, f, l = map(_render.fraction_text, (self.space, self.frequency, self.learning_index))
        same = self.learning_index == self.space + self.frequency or (
            math.isfinite(self.learning_index) and abs(self.learning_index - self.space - self.frequency) < 1e-9
        )
        return f"{s} + {f} {'=' if same else '→'} {l}"


@dataclass(frozen=True)
class IndexRow:
    """One interaction: ``target`` and what was asked for as ``text``, ``degrees`` of the active leaves, the ``share``
    of the target's mean square, and ``indices`` by name of network (without those whose leaves read it otherwise)."""

    target: str
    text: str
    degrees: tuple[tuple[int, int], ...]
    share: Fraction
    indices: Mapping[str, Indices]

    @property
    def total_degree(self) -> int:
        """Sum of the degrees."""
        return sum(degree for _, degree in self.degrees)

    @property
    def interaction(self) -> str:
        """The degrees of the active leaves, largest first; ``0`` for the constant."""
        return " ".join(map(str, sorted((degree for _, degree in self.degrees), reverse=True))) or "0"


@dataclass(frozen=True, repr=False)
class IndexTable:
    """Indices of interactions in several networks; made by :func:`eigenspace.index_table`."""

    rows: tuple[IndexRow, ...]
    networks: Mapping[str, str]
    kernel: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[IndexRow]:
        return iter(self.rows)

    def __getitem__(self, key):
        """``table["Y6"]``: the rows of a target, that of the largest share first; ``table[3]``: one row."""
        return tuple(row for row in self.rows if row.target == key) if isinstance(key, str) else self.rows[key]

    def __repr__(self) -> str:
        count = len({row.target for row in self.rows})
        return f"IndexTable({len(self)} rows of {count} targets in {len(self.networks)} networks, {self.kernel})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return _render.notebook(self._sheet())

    def _repr_latex_(self) -> str:
        return _render.latex(self._sheet())

    def to_text(self, path=None) -> str | None:
        """Plain text."""
        return _deliver(_render.plain(self._sheet()), path)

    def to_html(self, path=None) -> str | None:
        """HTML as in a notebook."""
        return _deliver(_render.notebook(self._sheet()), path)

    def to_markdown(self, path=None) -> str | None:
        """A Markdown pipe table."""
        return _deliver(_render.markdown(self._sheet()), path)

    def to_latex(self, path=None, *, caption: str | None = None, label: str | None = None) -> str | None:
        """LaTeX that compiles with booktabs alone; with a ``caption`` (LaTeX source) or ``label`` in a ``table``.

        Returns the text, or writes it to ``path``.
        """
        return _deliver(_render.latex(self._sheet(), caption, label), path)

    def to_pandas(self):
        """A :class:`pandas.DataFrame`, a row for each interaction and three columns for each network, exact fractions
        as objects; ``None`` where a network's leaves read the target otherwise."""
        from pandas import DataFrame

        return DataFrame(self._records(), dtype=object)

    def to_csv(self, path=None) -> str | None:
        """Comma-separated values with the columns of :meth:`to_pandas`; fractions as text."""
        out = io.StringIO()
        records = self._records()
        writer = csv.DictWriter(out, records[0] if records else (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return _deliver(out.getvalue(), path)

    def to_json(self, path=None) -> str | None:
        """JSON: the rows of :meth:`to_pandas`, fractions as text, with the networks and the kernel."""
        rows = [{k: v if isinstance(v, int | None) else str(v) for k, v in r.items()} for r in self._records()]
        document = {"kernel": self.kernel, "networks": dict(self.networks), "rows": rows, "version": __version__}
        return _deliver(json.dumps(document, indent=2, ensure_ascii=False), path)

    def _records(self) -> list[dict]:
        records = []
        for row in self.rows:
            record = {
                "target": row.target,
                "text": row.text,
                "degrees": ", ".join(f"{leaf}:{degree}" for leaf, degree in row.degrees),
                "total_degree": row.total_degree,
                "share": row.share,
            }
            for name in self.networks:
                for field in ("space", "frequency", "learning_index"):
                    found = row.indices.get(name)
                    record[f"{name} {field}"] = found and getattr(found, field)
            records.append(record)
        return records

    def _sheet(self) -> _render.Sheet:
        starts = [i for i, row in enumerate(self.rows) if i == 0 or row.target != self.rows[i - 1].target]
        mixed = len(starts) < len(self.rows)
        first = [row.target if i in starts else "" for i, row in enumerate(self.rows)]
        columns = [
            _render.Column("target", "target", tuple(first)),
            _render.Column("degree", "degree", tuple(str(r.total_degree) for r in self.rows), align="right",
                           latex="deg."),
            _render.Column("interaction", "interaction", tuple(r.interaction for r in self.rows), "pattern"),
        ]  # fmt: skip
        if mixed:
            shares = tuple(_render.percent_text(float(r.share), decimals=1) for r in self.rows)
            columns.append(_render.Column("share", "share (%)", shares, align="right", latex=r"share/\%"))
        for name in self.networks:
            cells = tuple(str(r.indices[name]) if name in r.indices else "–" for r in self.rows)
            columns.append(_render.Column(name, name, cells, "formula", "center"))
        notes = ["Space + frequency = learning index L: eigenvalues fall as d to the power −L."]
        if any("→" in str(found) for row in self.rows for found in row.indices.values()):
            notes.append("→ L: the leading exponent exceeds the sum, because an activation is not admissible.")
        if mixed:
            notes.append("Targets of several rows are mixtures; share: of their mean square.")
        notes += self.notes
        origin = (
            f"eigenspace {__version__}: index_table, kernel {self.kernel}",
            *(f"{name}: {summary}" for name, summary in self.networks.items()),
            f"formulas: {', '.join(_CITATIONS)}",
        )
        return _render.Sheet(
            tuple(columns), tuple(starts) if mixed else (), caption=f"Learning indices ({self.kernel.upper()})",
            notes=tuple(notes), origin=origin,
        )  # fmt: skip


def index_table(nets, targets, kernel: str = "ntk") -> IndexTable:
    r"""Space, frequency and learning index of given interactions in several networks.

    .. math:: \lambda(r) = \Theta(d^{-L}), \qquad L = S + F \text{ for admissible activations}

    [Xiao2022, thm. 3]; for others ``L`` is the true leading exponent (see :func:`eigenspace.leading_order`).

    Parameters
    ----------
    nets
        A network, a sequence of networks, or a mapping from names to networks.
    targets
        A mapping from names to interactions, or a sequence of interactions.  An interaction is given by its degrees, as
        for :func:`eigenspace.eigenvalue`, or as a polynomial in the pixels: text such as ``"x0*x4*(x8**2 - x0**2)"`` or
        a SymPy expression in symbols of these names.  Pixels are numbered leaf by leaf; those of a leaf of dimension
        ``s`` lie on the sphere of radius :math:`\sqrt s`.
    kernel
        ``"nngp"`` or ``"ntk"``; they differ at most in a few exponents of activations that are not admissible.

    Returns
    -------
    IndexTable
        One row for each multi-degree that a target contains, with its exact share of the target's mean square, the
        largest share first.

    Notes
    -----
    Raises :class:`ValueError` for degrees or pixels that a network does not have.

    Examples
    --------
    The second target is no single eigenfunction: its parts have three different indices.

    >>> from eigenspace import cnn, mlp, rbf
    >>> nets = {"MLP": mlp(4, 4, leaves=64, activation=rbf(0.25)),
    ...         "CNN": cnn(4, (1, 4, 4), 4, head="dense", activation=rbf(0.25))}
    >>> print(index_table(nets, {"Y2": {0: 1, 1: 1}, "Y6": "x0*x4*(3*x8**2 - x0**2)"}))
    Learning indices (NTK)
    target      degree  interaction      share (%)   MLP           CNN
    --------  --------  -------------  -----------  ---------  -------------
    Y2               2  1 1                  100.0  0 + 2 = 2  1 + 1/2 = 3/2
    <BLANKLINE>
    Y6               4  2 1 1                 81.8  0 + 4 = 4  5/4 + 1 = 9/4
                     2  1 1                    9.1  0 + 2 = 2  1 + 1/2 = 3/2
                     4  3 1                    9.1  0 + 4 = 4   1 + 1 = 2
    Space + frequency = learning index L: eigenvalues fall as d to the power
    −L. Targets of several rows are mixtures; share: of their mean square.
    """
    kernel = _check.choice("kernel", kernel, KERNELS)
    nets = _named_networks(nets)
    rows = [row for name, target in _named_targets(targets) for row in _rows(nets, name, target, kernel)]
    notes = tuple(f"{name}: {note}" for name, net in nets.items() if (note := samples_note(net)))
    return IndexTable(tuple(rows), {name: net.summary() for name, net in nets.items()}, kernel, notes)


def _named_networks(nets) -> dict[str, Network]:
    if isinstance(nets, Network):
        nets = [nets]
    if not isinstance(nets, Mapping | Sequence) or isinstance(nets, str) or not nets:
        raise TypeError(f"nets must be networks, a sequence or a mapping of names to networks, got {nets!r}; "
                        f'use {{"CNN": eigenspace.cnn(4, (1, 4), 4)}}')  # fmt: skip
    if isinstance(nets, Mapping):
        return {str(name): _network(net) for name, net in nets.items()}
    return {_network(net).call: net for net in nets}


def _named_targets(targets) -> list[tuple[str, object]]:
    if isinstance(targets, Mapping) and targets and not all(isinstance(key, int) for key in targets):
        return [(str(name), target) for name, target in targets.items()]
    if not isinstance(targets, Sequence) or isinstance(targets, str) or not targets:
        raise TypeError(f"targets must be interactions in a sequence or a mapping of names to them, got {targets!r}; "
                        f'use {{"Y1": "x0", "Y2": {{0: 1, 3: 2}}}}')  # fmt: skip
    return [(_text(target), target) for target in targets]


def _text(target) -> str:
    if isinstance(target, Mapping):
        return ", ".join(f"{leaf}:{degree}" for leaf, degree in target.items()) or "0"
    return str(target)


def _rows(nets: dict[str, Network], name: str, target, kernel: str) -> list[IndexRow]:
    """The rows of one target; networks whose leaves find the same degrees share rows."""
    cells: dict = {}
    for label, net in nets.items():
        for degrees, share in _components(net, target):
            key = tuple(sorted(degrees.items())), share
            cells.setdefault(key, {})[label] = _indices(net, degrees, kernel)
    order = sorted(cells, key=lambda key: (-key[1], sum(d for _, d in key[0]), key[0]))
    return [IndexRow(name, _text(target), degrees, share, cells[degrees, share]) for degrees, share in order]


def _components(net: Network, target) -> list[tuple[dict[int, int], Fraction]]:
    if isinstance(target, str) or hasattr(target, "free_symbols"):
        return components(net, target)
    return [({leaf: degree for leaf, degree in enumerate(_degrees(net, target)) if degree}, Fraction(1))]


def _indices(net: Network, degrees: Mapping[int, int], kernel: str) -> Indices:
    if not net.is_tree:
        return _graph_indices(net, _degrees(net, degrees), kernel)
    plan = layout(net)
    pool = single(plan.root, canonical(plan, _degrees(net, degrees)))
    space, frequency = index_columns(pool, net.dim)
    return Indices(space[-1], frequency[-1], leading_exponents(pool, net.dim, kernel)[-1])


def _graph_indices(net: Network, full: tuple[int, ...], kernel: str) -> Indices:
    """The indices of a network with shared children."""
    degrees = {leaf: r for leaf, r in zip(net.leaves, full) if r}
    return Indices(*SpanningTrees(net).indices(degrees), graph_order(net, degrees, kernel).exponent)
