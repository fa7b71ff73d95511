"""The command draw: a network with the tree that an interaction spans, as a picture."""

from typing import Annotated

import typer

import eigenspace as es

from . import words
from .options import OUTPUT, WHICH, command
from .output import check_picture, save_picture


@command(
    "eigenspace draw cnn 4 --filters 1,2,2 --positions 2 --head dense --degrees 0:1,3:2 -o net.pdf",
    "eigenspace draw cnn 3 --filters 2x2,2x2 --positions 2x2 --degrees 0:1,9:1 -o net.svg",
    "eigenspace draw hypercube 1000 --depth 2 --degrees 0:1,1:1 -o net.png",
    net=words.read_network,
    question=words.read_question,
)
def draw(
    net,
    question,
    output: Annotated[
        list[str],
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the picture into FILE (.png, .pdf, .svg); may be given again.",
            rich_help_panel=OUTPUT,
        ),
    ],
    degrees: Annotated[
        str | None,
        typer.Option(
            help="The interaction to highlight, as for the command eigenvalue: 3, 0:1,3:2 or 2,0,0,0.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    image: Annotated[
        bool | None,
        typer.Option(
            "--image/--no-image",
            help="Draw the leaves of a two-dimensional network as pixels, too.",
            show_default="where filters are HEIGHTxWIDTH",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
):
    """Draw a network, with the tree that an interaction spans and its space, frequency and learning index."""
    for name in output:
        check_picture("-o", name)
    axes = es.draw(net, None if degrees is None else words.read_degrees(degrees), **question, image=image)
    for name in output:
        save_picture(axes, name)
