"""What a verification found, row by row, and how it is shown."""

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .. import _render
from ..table import _deliver

AGREES, OUTSIDE, UNDECIDED = VERDICTS = ("agrees", "outside", "undecided")
"""Within the stated error and the uncertainty of the route; not so; route or stated error too blunt to tell."""


@dataclass(frozen=True)
class VerifiedRow:
    r"""One row of a table beside its independent recomputation.

    ``deviation``, ``allowed`` (the stated error) and ``uncertainty`` (of the route: the change between two rules, or a
    standard error with an allowance for roundings) are relative to the stated value; where that is exactly 0, to the
    trace over the multiplicity, the largest value that the row could have.  ``z`` is the deviation beyond what is
    allowed, in standard errors; None for routes without one.  ``faults`` are sentences on what else is wrong.
    """

    interaction: str
    degrees: tuple[tuple[int, int], ...]
    stated: str
    recomputed: str
    deviation: float
    allowed: float
    uncertainty: float
    z: float | None
    route: str
    verdict: str
    faults: tuple[str, ...] = ()

    @property
    def total_degree(self) -> int:
        """Sum of the degrees."""
        return sum(degree for _, degree in self.degrees)


@dataclass(frozen=True)
class Verification:
    """The result of `verify`: rows in the order of the table, and what concerns the table as a whole.

    ``faults`` are sentences: a wrong trace, more eigenfunctions than there are.  ``passed`` is false if a row is
    outside or has a fault, or the table has one.
    """

    network: str
    kernel: str
    rows: tuple[VerifiedRow, ...]
    trace: str
    faults: tuple[str, ...]
    pairs: int
    seed: int

    @property
    def passed(self) -> bool:
        """Whether nothing contradicts the table."""
        return not self.faults and all(row.verdict != OUTSIDE and not row.faults for row in self.rows)

    def count(self, verdict: str) -> int:
        """Number of rows with a verdict: ``"agrees"``, ``"outside"`` or ``"undecided"``."""
        return sum(row.verdict == verdict for row in self.rows)

    def summary(self) -> tuple[str, ...]:
        """Sentences: the verdicts, the routes, and every fault."""
        rows = f"{len(self.rows)} row{'s' * (len(self.rows) != 1)}"
        verdicts = ", ".join(f"{self.count(verdict)} {verdict}" for verdict in VERDICTS)
        routes = Counter(row.route for row in self.rows)
        lines = [f"{rows}: {verdicts}.", f"Routes: {', '.join(f'{name} ({n})' for name, n in routes.items())}."]
        scores = [abs(row.z) for row in self.rows if row.z is not None]
        if scores:
            lines.append(
                f"Monte Carlo: {self.pairs} mirrored pairs, seed {self.seed}; the largest deviation is "
                f"{max(scores):.1f} standard errors."
            )
        if not self.faults:
            lines.append(f"The trace is {self.trace}, as stated.")
        faults = [f"Row {i} ({row.interaction}): {fault}." for i, row in enumerate(self.rows) for fault in row.faults]
        return (*lines, *(f"{fault}." for fault in self.faults), *faults)

    def to_text(self, path=None) -> str | None:
        """Plain text, the summary below the rows; returned, or written to ``path``."""
        return _deliver(_render.plain(self._sheet()), path)

    def to_markdown(self, path=None) -> str | None:
        """A Markdown pipe table; returned, or written to ``path``."""
        return _deliver(_render.markdown(self._sheet()), path)

    def to_latex(self, path=None) -> str | None:
        """A LaTeX table that needs booktabs; returned, or written to ``path``."""
        return _deliver(_render.latex(self._sheet()), path)

    def to_csv(self, path=None) -> str | None:
        """One line for each row, all fields; returned, or written to ``path``."""
        out = io.StringIO()
        writer = csv.DictWriter(out, _FIELDS, lineterminator="\n")
        writer.writeheader()
        for row in map(asdict, self.rows):
            pairs = ";".join(f"{leaf}:{degree}" for leaf, degree in row["degrees"])
            writer.writerow(row | {"degrees": pairs, "faults": "; ".join(row["faults"])})
        return _deliver(out.getvalue(), path)

    def to_json(self, path=None) -> str | None:
        """All fields, with the verdict of the whole as ``passed``; returned, or written to ``path``."""
        document = {"passed": self.passed, **asdict(self)}
        for row in document["rows"]:
            row |= {name: _jsonable(row[name]) for name in ("deviation", "allowed", "uncertainty", "z")}
        return _deliver(json.dumps(document, indent=1, ensure_ascii=False) + "\n", path)

    def __repr__(self) -> str:
        return f"<Verification: {' '.join(self.summary())}>"

    def __str__(self) -> str:
        return self.to_text()

    def _sheet(self) -> _render.Sheet:
        def column(name, cells, kind="text", align="left"):
            return _render.Column(name, name, tuple(cells), kind, align)

        rows = self.rows
        degrees = [row.total_degree for row in rows]
        breaks = [i for i, k in enumerate(degrees) if i == 0 or k != degrees[i - 1]]
        if degrees != sorted(degrees) or len(breaks) > 2 * len(rows) / 3:
            breaks = []
        columns = (
            column("degree", map(str, degrees), align="right"),
            column("interaction", (row.interaction for row in rows), "pattern"),
            column("stated", (row.stated for row in rows), "number"),
            column("recomputed", (row.recomputed for row in rows), "number"),
            column("deviation", (_render.bound_text(row.deviation) for row in rows), "number"),
            column("allowed", (_render.bound_text(row.allowed) for row in rows), "number"),
            column("uncertainty", (_render.bound_text(row.uncertainty) for row in rows), "number"),
            column("z", ("" if row.z is None else f"{row.z:.1f}" for row in rows), align="right"),
            column("route", (row.route for row in rows)),
            column("verdict", (row.verdict for row in rows)),
        )
        return _render.Sheet(
            columns,
            tuple(breaks),
            "degree" if len(breaks) > 1 else None,
            None,
            (0.0,) * len(rows),
            f"{self.kernel.upper()} eigenvalues of {self.network}, recomputed",
            self.summary(),
            (),
        )


_FIELDS: Sequence[str] = tuple(VerifiedRow.__dataclass_fields__)


def _jsonable(number):
    return number if number is None or math.isfinite(number) else str(number)
