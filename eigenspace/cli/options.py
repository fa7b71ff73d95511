"""The options that several commands share, and how commands are made from them."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Annotated

import typer

from .output import Format

WHICH, OUTPUT, SAMPLING = "Which eigenvalues", "Output", "Sampling"

FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="Default: by the suffix of FILE, else text.", rich_help_panel=OUTPUT),
]
OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write into FILE (.txt, .tex, .md, .csv, .json) instead; - is the terminal; may be given again.",
        rich_help_panel=OUTPUT,
    ),
]
RingOption = Annotated[
    str,
    typer.Option(
        metavar="float|ball:BITS|exact",
        help="Floats with an error bound; balls proved to hold the eigenvalues; exact numbers where there are any.",
        rich_help_panel=WHICH,
    ),
]
LayerOption = Annotated[
    int | None,
    typer.Option(
        help="The part of the NTK that comes from training this dense layer alone, 0 on the input side.",
        rich_help_panel=WHICH,
    ),
]
RtolOption = Annotated[float, typer.Option(help="Relative error to aim for.", rich_help_panel=WHICH)]
DigitsOption = Annotated[
    int, typer.Option(help="Significant digits, as far as they are known.", rich_help_panel=OUTPUT)
]
DegreesOption = Annotated[
    str,
    typer.Option(
        help="The degree of the one leaf (3), of some leaves (leaf:degree, as in 0:1,3:2), or of all (2,0,0,0).",
        rich_help_panel=WHICH,
    ),
]
CaptionOption = Annotated[str | None, typer.Option(help="Caption, LaTeX only.", rich_help_panel=OUTPUT)]
LabelOption = Annotated[str | None, typer.Option(help="Label, LaTeX only.", rich_help_panel=OUTPUT)]


def command(*examples: str, **makers: Callable) -> Callable:
    """Make a function a command of the program; ``examples`` end its help.

    Each of its parameters that ``makers`` names is the value of a function; the options of that function (its annotated
    parameters) take the place of the parameter on the command line.
    """

    def decorate(function):
        own = signature(function).parameters
        options = {name: signature(make).parameters for name, make in makers.items()}
        flat = [p for name in own for p in (options[name].values() if name in options else [own[name]])]

        def run(**given):
            for name, make in makers.items():
                given[name] = make(**{option: given.pop(option) for option in options[name]})
            return function(**given)

        run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
        run.__signature__ = Signature([p.replace(kind=Parameter.KEYWORD_ONLY) for p in flat])
        run.__annotations__ = {p.name: p.annotation for p in flat}
        run.epilog = "[bold]Examples[/bold]\n\n" + "\n\n".join(examples)
        return run

    return decorate
