"""The commands about growing dimension: asymptotics and index-table."""

import csv
import io
import json
from typing import Annotated

import typer

import eigenspace as es
from eigenspace import _render

from . import words
from .options import WHICH, CaptionOption, DigitsOption, FormatOption, LabelOption, OutputOption, command
from .output import Format, output_targets, write


@command(
    "eigenspace asymptotics mlp 1000 --depth 2 --degree 3",
    "eigenspace asymptotics cnn 100 --filters 1,2 --head dense --degrees 0:1,1:1 --exponents dim=1,filters=0",
    "eigenspace asymptotics cnn 16 --filters 1 --positions 16 --head dense --kernel nngp -f latex",
    net=words.read_network,
    question=words.read_question,
)
def asymptotics(
    net,
    question,
    degrees: Annotated[
        str | None,
        typer.Option(help="One class, as for the command eigenvalue.", rich_help_panel=WHICH),
    ] = None,
    degree: Annotated[
        int | None,
        typer.Option(help="All classes up to this total degree.", show_default="2", rich_help_panel=WHICH),
    ] = None,
    exponents: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=A,...",
            help="How sizes grow with d: dim=1,filters=0,positions=1/2; by default each is a power of d.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    digits: DigitsOption = 4,
):
    """Print how eigenvalues fall with the input dimension: exponent, constant, and the next order."""
    targets = output_targets(output, format)
    growth = None if exponents is None else words.read_growth(exponents)
    if degrees is not None and degree is not None:
        raise ValueError("--degrees names one class and --degree lists all up to a degree; drop one of them")
    if degrees is not None:
        rows = [es.eigenvalue(net, words.read_degrees(degrees), **question)]
    else:
        rows = list(es.spectrum(net, **question, degree=2 if degree is None else degree))
    orders = [es.leading_order(net, row.degrees, **question, exponents=growth) for row in rows]
    for path, form in targets:
        write(_orders_text(net, rows, orders, form, digits), path)


@command(
    'eigenspace index-table --net "MLP = mlp 4 --depth 4 --leaves 64" --net "CNN = cnn 4 --filters 1,4,4 --positions 4'
    ' --head dense" --target "Y2 = x0*x1" --target "Y6 = x0*x4*(3*x8**2 - x0**2)"',
    'eigenspace index-table --net "cnn 8 --filters 1,4" --target 0:1,1:2 -f latex',
    question=words.read_question,
)
def index_table(
    net: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME =] NETWORK", help="A network, as for the command table; may be given again.",
            rich_help_panel=words.NETWORK,
        ),
    ],
    target: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME =] TARGET",
            help="A polynomial in the pixels (x0*x1, numbered leaf by leaf) or degrees (0:1,3:2); may be given again.",
            rich_help_panel=WHICH,
        ),
    ],
    question,
    format: FormatOption = None,
    output: OutputOption = None,
    caption: CaptionOption = None,
    label: LabelOption = None,
):
    """Set space, frequency and learning index of given interactions in several networks side by side."""
    targets = output_targets(output, format)
    nets = {name: words.read_words(text) for name, text in map(words.split_name, net)}
    asked = {name: text if "x" in text else words.read_degrees(text) for name, text in map(words.split_name, target)}
    result = es.index_table(nets, asked, **question)
    for path, form in targets:
        options = {"caption": caption, "label": label} if form is Format.latex else {}
        write(getattr(result, f"to_{form}")(**options), path)


def _orders_text(net, rows, orders, form, digits):
    from eigenspace.leading_orders import leading_orders_records, leading_orders_sheet

    if form in (Format.text, Format.latex, Format.markdown):
        show = {Format.text: _render.plain, Format.latex: _render.latex, Format.markdown: _render.markdown}[form]
        return show(leading_orders_sheet(net, rows, orders, digits))
    records = leading_orders_records(rows, orders)
    if form is Format.json:
        document = {"network": net.summary(), "dim": net.dim, "kernel": orders[0].kernel, "rows": records}
        return json.dumps(document, indent=2)
    out = io.StringIO()
    writer = csv.DictWriter(out, records[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()
