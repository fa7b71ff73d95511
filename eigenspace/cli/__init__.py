"""The command line: the same pipe as the Python interface, one command per question.

    eigenspace table cnn 12 --filters 1,4,4 --positions 16 --head dense
    eigenspace eigenvalue mlp 50 --depth 2 --degrees 3
    eigenspace verify table.json
    eigenspace asymptotics mlp 1000 --depth 2 --degree 3
    eigenspace index-table --net "cnn 4 --filters 1,4,4 --positions 4" --target "x0*x4"

Only this package prints. A bad description of a network ends in one line on the error stream and exit status 2.
"""

import csv
import io
import json
import math
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import eigenspace as es
from eigenspace import _render

from . import words
from .words import Architecture

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Exact eigenvalues and space-frequency tables of neural network kernels.",
)


class Format(StrEnum):
    text = "text"
    latex = "latex"
    markdown = "markdown"
    csv = "csv"
    json = "json"


_FORMAT_OF_SUFFIX = {
    ".txt": Format.text,
    ".tex": Format.latex,
    ".md": Format.markdown,
    ".csv": Format.csv,
    ".json": Format.json,
}
_NETWORK, _WHICH, _OUTPUT, _SAMPLING = "Network", "Which eigenvalues", "Output", "Sampling"

ArchitectureArgument = Annotated[
    Architecture, typer.Argument(metavar="mlp|cnn", help="Fully connected, or convolutional with stride = filter.")
]
DimArgument = Annotated[
    int, typer.Argument(metavar="DIM", help="Dimension of one leaf: the input of an mlp, one patch of a cnn.")
]
DepthOption = Annotated[
    int | None, typer.Option(help="mlp: number of layers with activation.", rich_help_panel=_NETWORK)
]
LeavesOption = Annotated[
    int | None,
    typer.Option(
        help="mlp: number of leaves that the first layer averages.", show_default="1", rich_help_panel=_NETWORK
    ),
]
FiltersOption = Annotated[
    str | None,
    typer.Option(
        metavar="K1,K2,...", help="cnn: filter sizes, input side first, K1 counted in leaves.", rich_help_panel=_NETWORK
    ),
]
PositionsOption = Annotated[
    int | None,
    typer.Option(help="cnn: positions left after the last filter.", show_default="1", rich_help_panel=_NETWORK),
]
HeadOption = Annotated[
    str | None,
    typer.Option(
        metavar="flatten|dense|gap",
        help="cnn: linear readout of all positions, one more dense layer first, or of the average over positions.",
        show_default="flatten",
        rich_help_panel=_NETWORK,
    ),
]
ActivationOption = Annotated[
    str,
    typer.Option(
        metavar="NAME or NAME:PARAMETER",
        help="The activation: relu, identity, step, sign, absolute, leaky_relu:SLOPE, rectified_monomial:N, rbf:GAMMA, "
        "exponential:B, hermite:N, monomial:N or polynomial:C0,C1,...",
        rich_help_panel=_NETWORK,
    ),
]
KernelOption = Annotated[
    str, typer.Option(metavar="ntk|nngp", help="The kernel of the wide network.", rich_help_panel=_NETWORK)
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="Default: by the suffix of FILE, else text.", rich_help_panel=_OUTPUT),
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write into FILE (.txt, .tex, .md, .csv, .json) instead; - is the terminal; may be given again.",
        rich_help_panel=_OUTPUT,
    ),
]
RingOption = Annotated[
    str,
    typer.Option(
        metavar="float|ball:BITS|exact",
        help="Floats with an error bound; balls proved to hold the eigenvalues; exact numbers where there are any.",
        rich_help_panel=_WHICH,
    ),
]
RtolOption = Annotated[float, typer.Option(help="Relative error to aim for.", rich_help_panel=_WHICH)]
DigitsOption = Annotated[
    int, typer.Option(help="Significant digits, as far as they are known.", rich_help_panel=_OUTPUT)
]


def _print_version(wanted: bool):
    if wanted:
        print(es.__version__)
        raise typer.Exit


@app.callback()
def _face(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
):
    pass


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "eigenspace table mlp 1000 --depth 3\n\n"
    "eigenspace table cnn 12 --filters 1,4,4 --positions 16 --head dense\n\n"
    "eigenspace table cnn 12 --filters 1,4 --min-value 1e-8 -o t.tex --plot t.pdf"
)
def table(
    architecture: ArchitectureArgument,
    dim: DimArgument,
    depth: DepthOption = None,
    leaves: LeavesOption = None,
    filters: FiltersOption = None,
    positions: PositionsOption = None,
    head: HeadOption = None,
    activation: ActivationOption = "relu",
    kernel: KernelOption = "ntk",
    degree: Annotated[
        int | None,
        typer.Option(help="All classes up to this total degree.", show_default="4", rich_help_panel=_WHICH),
    ] = None,
    min_value: Annotated[
        float | None,
        typer.Option("--min-value", help="All eigenvalues of at least this size.", rich_help_panel=_WHICH),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="The largest, until this many eigenfunctions are listed.", rich_help_panel=_WHICH),
    ] = None,
    ring: RingOption = "float",
    rtol: RtolOption = 1e-12,
    format: FormatOption = None,
    output: OutputOption = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Draw the table into FILE (.png, .pdf, .svg).", rich_help_panel=_OUTPUT
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help="Columns of text, LaTeX and markdown, such as interaction,multiplicity,eigenvalue.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    digits: DigitsOption = 4,
    caption: Annotated[str | None, typer.Option(help="Caption, LaTeX only.", rich_help_panel=_OUTPUT)] = None,
    label: Annotated[str | None, typer.Option(help="Label, LaTeX only.", rich_help_panel=_OUTPUT)] = None,
):
    """List the eigenvalues of a network's kernel, with multiplicity, space and frequency index."""
    net = words.read_network(architecture, dim, depth, leaves, filters, positions, head, activation)
    targets = _targets(output, format, plot)
    if degree is None and min_value is None and count is None:
        degree = 4
    which = {"degree": degree, "min_value": min_value, "count": count}
    result = es.spectrum(net, kernel=kernel, **which, ring=words.read_ring(ring), rtol=rtol)
    names = None if columns is None else columns.split(",")
    for path, form in targets:
        if path is None and form is Format.text and sys.stdout.isatty():
            _rich_print(result.to_rich(columns=names, digits=digits))
        else:
            _write(_table_text(result, form, names, digits, caption, label), path)
    if plot is not None:
        figure = result.plot().figure
        figure.savefig(plot, dpi=200, bbox_inches="tight")
        _say(f"wrote {plot}")


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "eigenspace eigenvalue mlp 50 --depth 2 --degrees 3\n\n"
    "eigenspace eigenvalue cnn 8 --filters 1,4 --head dense --degrees 0:1,3:2\n\n"
    "eigenspace eigenvalue cnn 8 --filters 1,4 --degrees 2,0,0,0 --format json"
)
def eigenvalue(
    architecture: ArchitectureArgument,
    dim: DimArgument,
    degrees: Annotated[
        str,
        typer.Option(
            help="The degree of the one leaf (3), of some leaves (leaf:degree, as in 0:1,3:2), or of all (2,0,0,0).",
            rich_help_panel=_WHICH,
        ),
    ],
    depth: DepthOption = None,
    leaves: LeavesOption = None,
    filters: FiltersOption = None,
    positions: PositionsOption = None,
    head: HeadOption = None,
    activation: ActivationOption = "relu",
    kernel: KernelOption = "ntk",
    ring: RingOption = "float",
    rtol: RtolOption = 1e-12,
    format: FormatOption = None,
    output: OutputOption = None,
    digits: DigitsOption = 12,
):
    """Print one eigenvalue of a network's kernel, with its error bound and multiplicity."""
    net = words.read_network(architecture, dim, depth, leaves, filters, positions, head, activation)
    targets = _targets(output, format)
    result = es.eigenvalue(net, words.read_degrees(degrees), kernel=kernel, ring=words.read_ring(ring), rtol=rtol)
    for path, form in targets:
        _write(_eigenvalue_text(result, form, digits), path)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "eigenspace table cnn 12 --filters 1,4 --positions 4 --head dense -o table.json\n\n"
    "eigenspace verify table.json\n\n"
    "eigenspace verify table.json --samples 100000 -o report.csv"
)
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A table that this program wrote as JSON.")],
    samples: Annotated[
        int, typer.Option(help="Monte Carlo: pairs of draws.", rich_help_panel=_SAMPLING)
    ] = 1 << 15,
    seed: Annotated[int, typer.Option(help="Monte Carlo: seed of the generator.", rich_help_panel=_SAMPLING)] = 0,
    max_seconds: Annotated[
        float | None,
        typer.Option("--max-seconds", help="Monte Carlo: stop drawing after this time.", rich_help_panel=_SAMPLING),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
):
    """Recompute a table by an independent route, row by row; exit status 1 where a row falls outside its bound.

    Quadrature over the correlations for up to three leaves, enumeration for few leaves of dimension 1, Monte Carlo with
    its standard error for more. Nothing of the recursion that made the table is used.
    """
    targets = _targets(output, format)
    result = es.verify(file, samples=samples, seed=seed, max_seconds=max_seconds)
    for path, form in targets:
        _write(getattr(result, f"to_{form}")(), path)
    if not result.passed:
        raise typer.Exit(1)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "eigenspace asymptotics mlp 1000 --depth 2 --degree 3\n\n"
    "eigenspace asymptotics cnn 100 --filters 1,2 --head dense --degrees 0:1,1:1 --exponents dim=1,filters=0\n\n"
    "eigenspace asymptotics cnn 16 --filters 1 --positions 16 --head dense --kernel nngp -f latex"
)
def asymptotics(
    architecture: ArchitectureArgument,
    dim: DimArgument,
    degrees: Annotated[
        str | None,
        typer.Option(help="One class, as for the command eigenvalue.", rich_help_panel=_WHICH),
    ] = None,
    degree: Annotated[
        int | None,
        typer.Option(help="All classes up to this total degree.", show_default="2", rich_help_panel=_WHICH),
    ] = None,
    exponents: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=A,...",
            help="How sizes grow with d: dim=1,filters=0,positions=1/2; by default each is a power of d.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    depth: DepthOption = None,
    leaves: LeavesOption = None,
    filters: FiltersOption = None,
    positions: PositionsOption = None,
    head: HeadOption = None,
    activation: ActivationOption = "relu",
    kernel: KernelOption = "ntk",
    format: FormatOption = None,
    output: OutputOption = None,
    digits: DigitsOption = 4,
):
    """Print how eigenvalues fall with the input dimension: exponent, constant, and the next order."""
    net = words.read_network(architecture, dim, depth, leaves, filters, positions, head, activation)
    targets = _targets(output, format)
    growth = None if exponents is None else words.read_growth(exponents)
    if degrees is not None and degree is not None:
        raise ValueError("--degrees names one class and --degree lists all up to a degree; drop one of them")
    if degrees is not None:
        rows = [es.eigenvalue(net, words.read_degrees(degrees), kernel=kernel)]
    else:
        rows = list(es.spectrum(net, kernel=kernel, degree=2 if degree is None else degree))
    orders = [es.leading_order(net, row.degrees, kernel, exponents=growth) for row in rows]
    for path, form in targets:
        _write(_orders_text(net, rows, orders, form, digits), path)


@app.command(
    name="index-table",
    epilog="[bold]Examples[/bold]\n\n"
    'eigenspace index-table --net "MLP = mlp 4 --depth 4 --leaves 64" --net "CNN = cnn 4 --filters 1,4,4 --positions 4'
    ' --head dense" --target "Y2 = x0*x1" --target "Y6 = x0*x4*(3*x8**2 - x0**2)"\n\n'
    'eigenspace index-table --net "cnn 8 --filters 1,4" --target 0:1,1:2 -f latex'
)
def index_table(
    net: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME =] NETWORK", help="A network, as for the command table; may be given again.",
            rich_help_panel=_NETWORK,
        ),
    ],
    target: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME =] TARGET",
            help="A polynomial in the pixels (x0*x1, numbered leaf by leaf) or degrees (0:1,3:2); may be given again.",
            rich_help_panel=_WHICH,
        ),
    ],
    kernel: KernelOption = "ntk",
    format: FormatOption = None,
    output: OutputOption = None,
    caption: Annotated[str | None, typer.Option(help="Caption, LaTeX only.", rich_help_panel=_OUTPUT)] = None,
    label: Annotated[str | None, typer.Option(help="Label, LaTeX only.", rich_help_panel=_OUTPUT)] = None,
):
    """Set space, frequency and learning index of given interactions in several networks side by side."""
    targets = _targets(output, format)
    nets = {name: words.read_words(text) for name, text in map(words.split_name, net)}
    asked = {name: text if "x" in text else words.read_degrees(text) for name, text in map(words.split_name, target)}
    result = es.index_table(nets, asked, kernel)
    for path, form in targets:
        options = {"caption": caption, "label": label} if form is Format.latex else {}
        _write(getattr(result, f"to_{form}")(**options), path)


def main(argv=None):
    """Run the command line; the exit status is 0, 1 where `verify` objects, or 2 with one line on the error stream."""
    try:
        app(args=argv, prog_name="eigenspace")
    except (es.EigenspaceError, ValueError, TypeError, ImportError, OSError) as error:
        print(f"eigenspace: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


# From results to words ----------------------------------------------------------------------------------------------


def _targets(output, format, plot=None):
    """Pairs (path or None for the terminal, format); the folders are checked before any work is done."""
    for name in [*(output or []), *([plot] if plot else [])]:
        folder = Path(name).parent
        if name != "-" and not folder.is_dir():
            raise ValueError(f"cannot write {name}: there is no folder {folder}; create it or choose another FILE")
    if not output:
        return [(None, format or Format.text)]
    return [
        (None, format or Format.text) if name == "-" else (Path(name), format or _format_of(name)) for name in output
    ]


def _format_of(name):
    suffix = Path(name).suffix.lower()
    if suffix not in _FORMAT_OF_SUFFIX:
        known = ", ".join(_FORMAT_OF_SUFFIX)
        raise ValueError(f"-o {name}: the suffix {suffix!r} names no format ({known}); add --format")
    return _FORMAT_OF_SUFFIX[suffix]


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


def _write(text, path):
    text = text.rstrip("\n") + "\n"
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8")
        _say(f"wrote {path}")


def _say(message):
    """One line of news; on the error stream, so that the output can go through a pipe."""
    print(message, file=sys.stderr)


def _rich_print(renderable):
    from rich.console import Console

    Console().print(renderable)
