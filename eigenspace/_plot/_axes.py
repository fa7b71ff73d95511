"""Axes for a new plot, as wide as one column of a paper, and the colours of all plots."""

# Okabe and Ito's palette without yellow: told apart under the common colour blindnesses.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")


def new_axes(width: float, height: float, layout: str | None = "constrained"):
    """The axes of a new figure of that size in inches.  Raises :class:`ImportError` without matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plots need matplotlib, which is not installed; pip install eigenspace[plot]") from error
    _, ax = pyplot.subplots(figsize=(width, height), dpi=150, layout=layout)
    return ax
