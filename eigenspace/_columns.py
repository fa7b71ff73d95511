"""A table of eigenvalues as columns of text: which columns there are, what each cell says, how rows are grouped.

Only true digits leave this module: every number goes through its error bound on the way to text.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from . import _render
from ._check import choice, positive_integer

DEFAULT = (
    "degree",
    "interaction",
    "multiplicity",
    "space",
    "frequency",
    "learning_index",
    "eigenvalue",
    "error",
    "share",
)
IN_PRINT = tuple(name for name in DEFAULT if name != "error")
_SHORT = {"exact": "exact", "proved": "proved", "rounded": "rounded", "estimated": "est."}
_SPACE, _FREQUENCY = "#3b6ea5", "#f0a04b"


def default(table, in_print: bool = False) -> tuple[str, ...]:
    """The columns that are shown unless others are asked for: on the grid of an image, places stand beside patterns."""
    names = list(IN_PRINT if in_print else DEFAULT)
    if len(table.grid) > 1:
        names.insert(names.index("interaction") + 1, "places")
    return tuple(names)


def sheet(table, names: Sequence[str] | None, digits: int, max_rows: int | None) -> _render.Sheet:
    """The named columns of a table as text; at most ``max_rows`` rows, the middle replaced by one line.

    Only the rows that are shown are turned into text.
    """
    names = default(table) if names is None else (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name in _FORMULAS and name not in table.formulas:
            raise ValueError(
                f"columns: this table has no formulas for {name!r}; use eigenspace.with_formulas(table), "
                "also for a table from a file, which holds no formulas"
            )
        choice("columns", name, _MAKERS)
    digits = positive_integer("digits", digits, "use 1 or more")
    count, gap = len(table), None
    shown = np.arange(count)
    if max_rows is not None and count > positive_integer("max_rows", max_rows, "use 1 or more, or None for all"):
        gap = -(-2 * max_rows // 3)
        shown = np.concatenate([shown[:gap], shown[count - (max_rows - gap) :]])
    columns = [_MAKERS[name](table, shown, digits) for name in names]
    group, breaks = _groups(table), []
    if group is not None:
        which = table.coded(group)[1][shown]
        breaks = [0, *(1 + np.flatnonzero(np.diff(which))).tolist()]
    tint = _tint(table)[shown]
    if gap is not None:
        left = f"… {count - len(shown)} row{'s' * (count - len(shown) > 1)} more"
        place = next((i for i, column in enumerate(columns) if column.kind == "pattern"), 0)
        columns = [column.with_gap(gap, left if i == place else "…") for i, column in enumerate(columns)]
        breaks = [i + (i > gap) for i in breaks if i != gap]
        tint = np.insert(tint, gap, 0)
    trace = _render.certain_text(float(table.trace), 0, 6, 2**-50)
    doubts = _error_note(table, "error" in names)
    explained = tuple(note for name, (*_, note) in _FORMULAS.items() if name in names)
    if "places" in names:
        explained += (_PLACES_NOTE,)
    covered = (f"The rows listed hold {coverage_text(table)} of the trace ({trace}).",) if count else ()
    return _render.Sheet(
        tuple(columns),
        tuple(breaks),
        "degree" if group == "total_degree" else None,
        gap,
        tuple(tint.tolist()),
        f"{table.kernel.upper()} eigenvalues of {table.provenance.network}",
        (*table.notes, *explained, *doubts, *covered),
        table.provenance.lines(),
    )


def coverage_text(table) -> str:
    """The covered share of the trace: a percentage, or what is missing once that is small."""
    covered, doubt = table.coverage(), math.fsum(table.shares() * table.error) + 2**-50
    missing = abs(1 - covered) + doubt
    if missing < 1e-3:
        return f"all but {_render.bound_text(missing)}"
    return f"{_render.percent_text(covered, doubt / covered if covered else 0.0)} %"


def _groups(table) -> str | None:
    """The column by which the rows already stand in groups of a useful size, if there is one."""
    for name in ("total_degree", "learning_index"):
        values, which = table.coded(name)
        starts = 1 + np.count_nonzero(np.diff(which))
        if 1 < starts == len(values) <= 2 * len(table) / 3:
            return name
    return None


def _tint(table) -> np.ndarray:
    """Per row 1 for the smallest learning index down to 0 for the largest; 0 for what is never learned."""
    values, which = table.coded("learning_index")
    levels = sorted(set(values) - {math.inf})
    strength = {level: 1 - place / max(1, len(levels) - 1) for place, level in enumerate(levels)}
    return np.array([strength.get(level, 0.0) for level in values], dtype=float)[which]


# --- one function per column --------------------------------------------------------------------------------------


def _degree(table, shown, digits):
    return _render.Column(
        "degree", "degree", tuple(str(table.total_degree[i]) for i in shown), align="right", latex="deg."
    )


def _interaction(table, shown, digits):
    return _render.Column("interaction", "interaction", tuple(table.patterns[int(i)] for i in shown), "pattern")


_PLACES_NOTE = "Places are the leaves and degrees of one member of each row; a leaf of an image is (row,column)."


def place_texts(table, rows) -> list[str]:
    """The active leaves of the representative of each row, by their place in the grid, with their degrees."""
    texts = []
    for i in rows:
        degrees = np.array(table.degrees[int(i)])
        active = np.flatnonzero(degrees)
        places = active.tolist()
        if len(table.grid) > 1:
            places = [f"({','.join(map(str, place))})" for place in zip(*np.unravel_index(active, table.grid))]
        texts.append(", ".join(f"{place}:{degrees[leaf]}" for place, leaf in zip(places, active)) or "–")
    return texts


def _places(table, shown, digits):
    return _render.Column("places", "places", tuple(place_texts(table, shown)))


def _multiplicity(table, shown, digits):
    cells = tuple(_render.count_text(table.multiplicity[i]) for i in shown)
    return _render.Column("multiplicity", "multiplicity", cells, "count", align="right", latex="mult.")


def _index_column(name, heading):
    def make(table, shown, digits):
        cells = tuple(_render.fraction_text(getattr(table, name)[i]) for i in shown)
        latex, html = f"${heading}$", f"<i>{heading}</i>"
        return _render.Column(name, heading, cells, "fraction", "center", latex=latex, html=html)

    return make


def _learning_index(table, shown, digits):
    """L over a bar of its parts; the heading says ``S + F`` where that is what it is."""
    column = _index_column("learning_index", "L")(table, shown, digits)
    values = [table.coded(name)[0] for name in ("learning_index", "space", "frequency")]
    rows = np.stack([table.coded(name)[1] for name in ("learning_index", "space", "frequency")], axis=1)
    found = [[line[i] for line, i in zip(values, row)] for row in np.unique(rows, axis=0).tolist()]
    finite = [row for row in found if row[0] < math.inf]
    total = float(max((row[0] for row in finite), default=0)) or 1.0
    if not all(l == s + f for l, s, f in finite):
        return column
    bar = tuple(
        (float(table.space[i]) / total, float(table.frequency[i]) / total)
        if table.learning_index[i] < math.inf
        else (0.0, 0.0)
        for i in shown
    )
    html = (
        f'<i>L</i> = <span style="border-bottom:3px solid {_SPACE}"><i>S</i></span> + '
        f'<span style="border-bottom:3px solid {_FREQUENCY}"><i>F</i></span>'
    )
    return column.but(bar=bar, bar_colours=(_SPACE, _FREQUENCY), html=html)


def _eigenvalue(table, shown, digits):
    cells = tuple(table.column.text(int(i), digits, float(table.error[i])) for i in shown)
    log10 = table.log10()[shown]
    finite = log10[np.isfinite(log10)]
    low, span = (finite.min(), np.ptp(finite) or 1.0) if finite.size else (0.0, 1.0)
    bar = tuple((0.04 + 0.96 * float((x - low) / span),) if math.isfinite(x) else (0.0,) for x in log10)
    return _render.Column(
        "eigenvalue", "eigenvalue", cells, "number", latex=r"$\lambda$", html="eigenvalue <i>λ</i>", bar=bar
    )


def _log10(table, shown, digits):
    """As many decimals as the error leaves, never more than ``digits``."""
    cells = []
    for i in shown:
        x, spread = float(table.log10()[i]), table.error[i] / math.log(10) + 1e-12
        decimals = digits if spread <= 0 else max(0, min(digits, math.floor(-math.log10(spread)))) if spread < 1 else 0
        cells.append("−∞" if x == -math.inf else f"{x:.{decimals}f}")
    return _render.Column(
        "log10", "log10", tuple(cells), "number", "right", r"$\log_{10}\lambda$", "log<sub>10</sub> <i>λ</i>"
    )


def _error(table, shown, digits):
    """One digit, rounded up; the commonest kind of bound goes without saying, the note under the table names it."""
    bounds, usual = table.bounds(), _usual_bound(table)
    cells = []
    for i in shown:
        kind, text = bounds[i], _render.bound_text(float(table.error[i]))
        cells.append(
            "exact" if kind == "exact" and text == "0" else text if kind == usual else f"{text} {_SHORT[kind]}"
        )
    return _render.Column("error", "rel. error", tuple(cells), "number", latex="error")


def _usual_bound(table) -> str | None:
    kinds = [kind for kind in table.bounds() if kind != "exact"]
    return max(sorted(set(kinds)), key=kinds.count) if kinds else None


def _error_note(table, listed: bool) -> tuple[str, ...]:
    """What the error column leaves unsaid; without that column, the largest error."""
    usual = _usual_bound(table)
    if usual is None:
        return ()
    others = sorted(set(table.bounds()) - {usual, "exact"})
    if not listed:
        worst = _render.bound_text(float(table.error.max()))
        return (f"Relative errors are at most {worst} ({', '.join([usual, *others])}).",)
    apart = "".join(f"; {_SHORT[kind]}: {kind}" if _SHORT[kind] != kind else "" for kind in others)
    return (f"Relative errors are bounds ({usual}{' unless marked' if others else ''}{apart}).",)


def _bound(table, shown, digits):
    kinds = table.bounds()
    return _render.Column("bound", "bound", tuple(kinds[i] for i in shown))


def _share(table, shown, digits):
    cells = tuple(_render.percent_text(float(table.shares()[i]), float(table.error[i])) for i in shown)
    return _render.Column("share", "share (%)", cells, align="right", latex=r"share/\%")


def _cumulative(table, shown, digits):
    sums, doubts = np.cumsum(table.shares()), np.cumsum(table.shares() * table.error)
    cells = tuple(_render.percent_text(float(sums[i]), float(doubts[i] / sums[i]) if sums[i] else 0.0) for i in shown)
    return _render.Column("cumulative", "sum (%)", cells, align="right", latex=r"sum/\%")


#: symbolic columns: heading, heading in LaTeX and in HTML, and what the note says
_FORMULAS = {
    "leading": (
        "leading order", r"$\simeq C d^{-L}$", "≃ <i>C d</i><sup>−<i>L</i></sup>",
        "The leading order is the first term of the eigenvalue for large input dimension d [Xiao2022].",
    ),
    "closed_form": (
        "closed form", "closed form", "closed form",
        "Closed forms are exact; (long) is one that eigenspace.closed_form prints, — stands where none is known.",
    ),
}  # fmt: skip


def _formula_column(name):
    """Cells of formulas that were given to the table."""

    def make(table, shown, digits):
        entries = [table.formulas[name][int(i)] for i in shown]
        texts = [("—", "---") if entry is None else entry.cell(digits) for entry in entries]
        cells, written = zip(*texts) if texts else ((), ())
        heading, latex, html, _ = _FORMULAS[name]
        return _render.Column(name, heading, cells, "formula", latex=latex, html=html, written=written)

    return make


_MAKERS: dict[str, Callable[..., _render.Column]] = {
    "degree": _degree,
    "interaction": _interaction,
    "places": _places,
    "multiplicity": _multiplicity,
    "space": _index_column("space", "S"),
    "frequency": _index_column("frequency", "F"),
    "learning_index": _learning_index,
    "eigenvalue": _eigenvalue,
    "log10": _log10,
    "error": _error,
    "bound": _bound,
    "share": _share,
    "cumulative": _cumulative,
    **{name: _formula_column(name) for name in _FORMULAS},
}
