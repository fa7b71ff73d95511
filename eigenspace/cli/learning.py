"""The command learn: learning curves, times, and the order in which interactions are learned."""

from typing import Annotated

import typer

import eigenspace as es

from . import words
from .options import OUTPUT, WHICH, CaptionOption, DigitsOption, FormatOption, LabelOption, OutputOption, command
from .output import Format, output_targets, save_picture, write

_TASK = "Task"
#: points of a range of samples or times
_POINTS = 25


@command(
    "eigenspace learn mlp 50 --depth 2 --target 1=0.5 --target 2=0.5 --samples 10:1e5 --noise 0.01",
    "eigenspace learn cnn 8 --filters 1,4 --head dense --target 0:1,1:1=1 --samples 100,1000 -o curve.csv",
    "eigenspace learn mlp 50 --depth 2 --target 3=1 --times 1:1e6 --plot flow.pdf",
    "eigenspace learn cnn 12 --filters 1,4 --positions 4 --head dense --degree 3",
    net=words.read_network,
    question=words.read_question,
)
def learn(
    net,
    question,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DEGREES=POWER",
            help="An interaction of the target, as for the command eigenvalue, and its mean square; may be given "
            "again. Without a target: which interactions are learned, in order.",
            rich_help_panel=_TASK,
        ),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(metavar="N,N,... or N:N", help="Numbers of samples; a range has 25.", rich_help_panel=_TASK),
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(
            metavar="T,T,... or T:T",
            help="Times of gradient flow, with the one number of --samples or with infinitely many.",
            rich_help_panel=_TASK,
        ),
    ] = None,
    ridge: Annotated[float, typer.Option(help="Ridge; 0 interpolates.", rich_help_panel=_TASK)] = 0.0,
    noise: Annotated[float, typer.Option(help="Variance of the noise of the labels.", rich_help_panel=_TASK)] = 0.0,
    degree: Annotated[
        int | None,
        typer.Option(
            help="Largest total degree of the eigenvalues that are listed; the rest widens the bracket.",
            show_default="4, or that of the target if larger",
            rich_help_panel=WHICH,
        ),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    plot: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Draw the curve into FILE (.png, .pdf, .svg).", rich_help_panel=OUTPUT),
    ] = None,
    digits: DigitsOption = 4,
    caption: CaptionOption = None,
    label: LabelOption = None,
):
    """Predict the errors of kernel regression, or the order in which a network learns interactions."""
    targets = output_targets(output, format, plot)
    parts = [_read_target(text) for text in target or ()]
    if parts and samples is None and times is None:
        raise ValueError("a target needs --samples or --times; use --samples 10:1e5")
    if not parts:
        if samples is not None or times is not None or plot is not None:
            raise ValueError("--samples, --times and --plot need a target; use --target 1=1")
        result = es.staircase(net, **question, degree=degree)
    else:
        if degree is None:
            degree = max(4, *(_total(degrees) for degrees, _ in parts))
        counts = None if samples is None else _read_numbers("--samples", samples)
        moments = None if times is None else _read_numbers("--times", times)
        if moments is not None and counts is not None:
            if len(counts) > 1:
                raise ValueError(f"--samples takes one number beside --times, got {samples!r}; use --samples 1000")
            counts = counts[0]
        options = {"times": moments, "degree": degree, "ridge": ridge, "noise": noise}
        # not needed by any other command, and slow to import
        from eigenspace.learning import learn as predict

        result = predict(net, parts, counts, **question, **options)
    for path, form in targets:
        write(_text(result, form, digits, caption, label), path)
    if plot is not None:
        save_picture(result.plot(), plot)


def _text(result, form: Format, digits: int, caption, label) -> str:
    if form is Format.csv:
        return result.to_pandas().to_csv(index=False, float_format="%.17g", lineterminator="\n")
    if form is Format.json:
        return result.to_pandas().to_json(orient="records", indent=2, double_precision=15)
    if form is Format.latex:
        return result.to_latex(digits=digits, caption=caption, label=label)
    return (result.to_markdown if form is Format.markdown else result.to_text)(digits=digits)


def _read_target(text: str) -> tuple:
    """Degrees and power from ``DEGREES=POWER``; the power is 1 where there is none."""
    degrees, _, power = text.partition("=")
    return words.read_degrees(degrees), words.read_real(power or "1", "--target", "--target 0:1,3:2=0.5")


def _total(degrees) -> int:
    """The total degree of an interaction in any of its forms."""
    if isinstance(degrees, dict):
        return sum(degrees.values())
    return sum(degrees) if isinstance(degrees, tuple) else degrees


def _read_numbers(option: str, text: str) -> list[float]:
    """Numbers from ``1,10,100``, or a logarithmic range from ``1:1e6``."""
    example = f"{option} 10,100,1000 or {option} 10:1e5"
    if ":" not in text:
        return [words.read_real(word, option, example) for word in text.split(",")]
    ends = [words.read_real(word, option, example) for word in text.split(":")]
    if len(ends) != 2 or not 0 < ends[0] < ends[1]:
        raise ValueError(f"{option} takes a range of two positive rising numbers, got {text!r}; use {example}")
    # the help and the version of the program do without
    import numpy as np

    points = np.geomspace(*ends, _POINTS)
    # samples come in whole numbers
    return (np.unique(points.round()) if option == "--samples" else points).tolist()
