"""Axes for a new plot, as wide as one column of a paper, and the colours of all plots."""

import math

# Okabe and Ito's palette without yellow: told apart under the common colour blindnesses.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h")
LABEL_SIZE = 7.0


def new_axes(width: float, height: float, layout: str | None = "constrained"):
    """The axes of a new figure of that size in inches.  Raises :class:`ImportError` without matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plots need matplotlib, which is not installed; pip install eigenspace[plot]") from error
    _, ax = pyplot.subplots(figsize=(width, height), dpi=150, layout=layout)
    return ax


def axes_of_powers(ax, horizontal, vertical) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    for axis, (low, high), limit in ((ax.xaxis, horizontal, ax.set_xlim), (ax.yaxis, vertical, ax.set_ylim)):
        margin = 0.05 * max(high - low, 1.0)
        limit(low - margin, high + margin)
        axis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=2))
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"$10^{{{x:.0f}}}$"))
        if high - low <= 8:
            decades = range(math.floor(low) - 1, math.ceil(high) + 1)
            axis.set_minor_locator(FixedLocator([k + math.log10(m) for k in decades for m in range(2, 10)]))
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
