"""The command line: the same pipe as the Python interface, one command per question.

    eigenspace table cnn 12 --filters 1,4,4 --positions 16 --head dense
    eigenspace eigenvalue mlp 50 --depth 2 --degrees 3
    eigenspace verify table.json
    eigenspace asymptotics mlp 1000 --depth 2 --degree 3
    eigenspace index-table --net "cnn 4 --filters 1,4,4 --positions 4" --target "x0*x4"
    eigenspace draw cnn 4 --filters 1,2,2 --positions 2 --degrees 0:1,3:2 -o net.pdf

Only this package prints. A bad description of a network ends in one line on the error stream and exit status 2.
"""

import sys
from typing import Annotated

import typer

import eigenspace as es

from . import asymptotics, drawing, learning, tables

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Exact eigenvalues and space-frequency tables of neural network kernels.",
)
for _command in (
    tables.table,
    tables.eigenvalue,
    tables.verify,
    asymptotics.asymptotics,
    asymptotics.index_table,
    learning.learn,
    drawing.draw,
):
    app.command(_command.__name__.replace("_", "-"), epilog=_command.epilog)(_command)


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


def main(argv=None):
    """Run the command line; the exit status is 0, 1 where `verify` objects, or 2 with one line on the error stream."""
    try:
        app(args=argv, prog_name="eigenspace")
    except (es.EigenspaceError, ValueError, TypeError, ImportError, OSError) as error:
        print(f"eigenspace: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
