"""A table as data in a file, and back: nothing rounded for display, integers and fractions exact."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from itertools import compress
from numbers import Rational
from pathlib import Path

from . import _render
from ._columns import place_texts
from .rings import named

SCHEMA = "eigenspace.table/1"
INDICES = ("space", "frequency", "learning_index")


def data(table) -> dict[str, Sequence]:
    """The columns of the CSV file and of the data frame, by name; on the grid of an image with the places in it."""
    return {
        "interaction": list(table.patterns),
        **({"places": place_texts(table, range(len(table)))} if len(table.grid) > 1 else {}),
        "total_degree": table.total_degree.tolist(),
        "multiplicity": table.multiplicity.tolist(),
        **{name: getattr(table, name).tolist() for name in INDICES},
        "value": table.values().tolist(),
        "log10": table.log10().tolist(),
        "error": table.error.tolist(),
        "bound": table.bounds(),
        "share": table.shares().tolist(),
    }


def csv_text(table) -> str:
    """CSV: exact eigenvalues in full, others with 17 digits (of a ball: all known), also below the range of a float."""
    columns = data(table)
    columns["multiplicity"] = map(_render.integer_text, columns["multiplicity"])
    columns["value"] = (table.column.data_text(i) for i in range(len(table)))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


def json_text(table) -> str:
    """JSON with one line per column; :func:`read_json` inverts it."""
    rows = [table.degrees[i] for i in range(len(table))]
    document = {
        "schema": SCHEMA,
        "kernel": table.kernel,
        "ring": table.ring.name,
        "trace": _jsonable(float(table.trace)),
        "provenance": asdict(table.provenance),
        "notes": list(table.notes),
        **({"grid": list(table.grid)} if len(table.grid) > 1 else {}),
        "leaves": len(rows[0]) if rows else 0,
        "value": table.column.to_jsonable(),
        "error": list(map(_jsonable, table.error.tolist())),
        "bound": table.bounds(),
        "multiplicity": list(map(_render.integer_text, table.multiplicity)),
        "total_degree": table.total_degree.tolist(),
        **{name: _texts(getattr(table, name).tolist()) for name in INDICES},
        "pattern": list(table.patterns),
        "degrees": [[[leaf, int(row[leaf])] for leaf in compress(range(len(row)), row)] for row in rows],
    }
    lines = (f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in document.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_json(source) -> dict:
    """What a table is built from, out of a path or the text of :func:`json_text`; bounds still by name."""
    is_text = isinstance(source, str) and source.lstrip().startswith("{")
    document = json.loads(source if is_text else Path(source).read_text("utf-8"))
    if document.get("schema") != SCHEMA:
        raise ValueError(
            f"source must be JSON of schema {SCHEMA}, got {document.get('schema')!r}; "
            "write it with EigenTable.to_json of this version"
        )
    return {
        "values": named(document["ring"]).column_from_jsonable(document["value"]),
        "error": list(map(float, document["error"])),
        "bound": document["bound"],
        "multiplicity": list(map(_render.integer, document["multiplicity"])),
        "total_degree": document["total_degree"],
        **{name: _indices(document[name]) for name in INDICES},
        "patterns": document["pattern"],
        "degrees": _SparseDegrees(document["degrees"], document["leaves"]),
        "trace": float(document["trace"]),
        "provenance": document["provenance"],
        "kernel": document["kernel"],
        "notes": document["notes"],
        "grid": document.get("grid", ()),
    }


def index(entry) -> Fraction | float:
    """An index as an exact fraction or a float, from a number or from the text that JSON has for it."""
    if isinstance(entry, str):
        return float(entry) if entry in ("inf", "-inf", "nan") else Fraction(entry)
    return Fraction(entry) if isinstance(entry, Rational) else float(entry)


def _indices(entries: list) -> list[Fraction | float]:
    """The indices of all rows; equal ones are one object."""
    known = {entry: index(entry) for entry in set(entries)}
    return [known[entry] for entry in entries]


class _SparseDegrees(Sequence):
    """Degrees of all leaves, from the pairs of an active leaf and its degree."""

    def __init__(self, pairs: Sequence[Sequence[Sequence[int]]], leaves: int):
        self._pairs, self._leaves = pairs, leaves

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, i) -> tuple[int, ...]:
        degrees = [0] * self._leaves
        for leaf, degree in self._pairs[i]:
            degrees[leaf] = degree
        return tuple(degrees)


def _texts(entries: list) -> list:
    """The entries of a column in JSON; most are the same object as another one."""
    known = {key: _jsonable(entry) for key, entry in dict(zip(map(id, entries), entries)).items()}
    return [known[id(entry)] for entry in entries]


def _jsonable(number):
    if isinstance(number, Fraction):
        return str(number)
    return number if math.isfinite(number) else str(number)
