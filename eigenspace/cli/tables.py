"""The commands that list eigenvalues and check them: table, eigenvalue, verify."""

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer

import eigenspace as es
from eigenspace import _render

from . import words
from .options import (
    OUTPUT,
    SAMPLING,
    WHICH,
    CaptionOption,
    DegreesOption,
    DigitsOption,
    FormatOption,
    LabelOption,
    LayerOption,
    OutputOption,
    RingOption,
    RtolOption,
    command,
)
from .output import Format, output_targets, rich_print, save_picture, write


@command(
    "eigenspace table mlp 1000 --depth 3",
    "eigenspace table cnn 12 --filters 1,4,4 --positions 16 --head dense",
    "eigenspace table cnn 12 --filters 1,4 --min-value 1e-8 -o t.tex --plot t.pdf",
    net=words.read_network,
    question=words.read_question,
)
def table(
    net,
    question,
    degree: Annotated[
        int | None,
        typer.Option(help="All classes up to this total degree.", show_default="4", rich_help_panel=WHICH),
    ] = None,
    min_value: Annotated[
        float | None,
        typer.Option("--min-value", help="All eigenvalues of at least this size.", rich_help_panel=WHICH),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="The largest, until this many eigenfunctions are listed.", rich_help_panel=WHICH),
    ] = None,
    layer: LayerOption = None,
    ring: RingOption = "float",
    rtol: RtolOption = 1e-12,
    format: FormatOption = None,
    output: OutputOption = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Draw the table into FILE (.png, .pdf, .svg).", rich_help_panel=OUTPUT
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help="Columns of text, LaTeX and markdown, such as interaction,multiplicity,eigenvalue.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    digits: DigitsOption = 4,
    caption: CaptionOption = None,
    label: LabelOption = None,
):
    """List the eigenvalues of a network's kernel, with multiplicity, space and frequency index."""
    targets = output_targets(output, format, plot)
    if degree is None and min_value is None and count is None:
        degree = 4
    which = {"degree": degree, "min_value": min_value, "count": count}
    result = es.spectrum(net, **question, **which, layer=layer, ring=words.read_ring(ring), rtol=rtol)
    names = None if columns is None else columns.split(",")
    for path, form in targets:
        if path is None and form is Format.text and sys.stdout.isatty():
            rich_print(result.to_rich(columns=names, digits=digits))
        else:
            write(_table_text(result, form, names, digits, caption, label), path)
    if plot is not None:
        save_picture(result.plot(), plot)


@command(
    "eigenspace eigenvalue mlp 50 --depth 2 --degrees 3",
    "eigenspace eigenvalue cnn 8 --filters 1,4 --head dense --degrees 0:1,3:2",
    "eigenspace eigenvalue cnn 8 --filters 1,4 --degrees 2,0,0,0 --format json",
    net=words.read_network,
    question=words.read_question,
)
def eigenvalue(
    net,
    question,
    degrees: DegreesOption,
    layer: LayerOption = None,
    ring: RingOption = "float",
    rtol: RtolOption = 1e-12,
    format: FormatOption = None,
    output: OutputOption = None,
    digits: DigitsOption = 12,
):
    """Print one eigenvalue of a network's kernel, with its error bound and multiplicity."""
    targets = output_targets(output, format)
    options = {**question, "layer": layer, "ring": words.read_ring(ring), "rtol": rtol}
    result = es.eigenvalue(net, words.read_degrees(degrees), **options)
    for path, form in targets:
        write(_eigenvalue_text(result, form, digits), path)


@command(
    "eigenspace table cnn 12 --filters 1,4 --positions 4 --head dense -o table.json",
    "eigenspace verify table.json",
    "eigenspace verify table.json --samples 100000 -o report.csv",
)
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A table that this program wrote as JSON.")],
    samples: Annotated[
        int, typer.Option(help="Monte Carlo: pairs of draws.", rich_help_panel=SAMPLING)
    ] = 1 << 15,
    seed: Annotated[int, typer.Option(help="Monte Carlo: seed of the generator.", rich_help_panel=SAMPLING)] = 0,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", help="Monte Carlo: stop drawing after this time.", rich_help_panel=SAMPLING),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
):
    """Recompute a table by an independent route, row by row; exit status 1 where a row falls outside its bound.

    Quadrature over the correlations for up to three leaves, enumeration for few leaves of dimension 1, Monte Carlo with
    its standard error for more. Nothing of the recursion that made the table is used.
    """
    targets = output_targets(output, format)
    result = es.verify(file, samples=samples, seed=seed, max_seconds=max_seconds)
    for path, form in targets:
        write(getattr(result, f"to_{form}")(), path)
    if not result.passed:
        raise typer.Exit(1)


# From results to words ----------------------------------------------------------------------------------------------


def _table_text(result, form, columns, digits, caption, label):
    if form is Format.csv:
        return result.to_csv()
    if form is Format.json:
        return result.to_json()
    if form is Format.latex:
        return result.to_latex(columns=columns, digits=digits, caption=caption, label=label)
    if form is Format.markdown:
        return result.to_markdown(columns=columns, digits=digits)
    return result.to_text(columns=columns, digits=digits)


def _eigenvalue_text(ev, form, digits):
    degrees = {leaf: degree for leaf, degree in enumerate(ev.degrees) if degree}
    if form is Format.json:
        fields = {
            "value": ev.value if isinstance(ev.value, float) else ev.text(_all_digits(ev)),
            "log10": ev.log10 if math.isfinite(ev.log10) else str(ev.log10),
            "error": ev.error,
            "bound": ev.bound,
            "multiplicity": _render.integer_text(ev.multiplicity),
            "degrees": {str(leaf): degree for leaf, degree in degrees.items()},
            "pattern": ev.pattern,
            **{name: str(getattr(ev, name)) for name in ("space", "frequency", "learning_index")},
        }
        return json.dumps(fields, indent=2)
    fields = {
        "eigenvalue": (ev.text(digits), "number"),
        "error": (_render.bound_text(ev.error), "number"),
        "bound": (ev.bound, "text"),
        "multiplicity": (_render.integer_text(ev.multiplicity), "count"),
        "interaction": (ev.pattern, "pattern"),
        "degrees": (", ".join(f"{leaf}:{degree}" for leaf, degree in degrees.items()) or "0", "text"),
        "space": (_render.fraction_text(ev.space), "fraction"),
        "frequency": (_render.fraction_text(ev.frequency), "fraction"),
        "learning index": (_render.fraction_text(ev.learning_index), "fraction"),
    }
    if form is Format.text:
        return "\n".join(f"{name:<16}{text}" for name, (text, _) in fields.items())
    if form is Format.csv:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([fields, [text for text, _ in fields.values()]])
        return out.getvalue()
    columns = (_render.Column(name, name, (text,), kind) for name, (text, kind) in fields.items())
    sheet = _render.Sheet(tuple(columns))
    return _render.latex(sheet) if form is Format.latex else _render.markdown(sheet)


def _all_digits(ev):
    """How many digits the relative error leaves; room for an exact number in full."""
    if ev.ring == "exact":
        return sys.maxsize
    return max(17, 2 - math.floor(math.log10(ev.error))) if ev.error else 17
