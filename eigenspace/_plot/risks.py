"""Risks against samples or time: predicted curves and measured points."""

import math
from collections.abc import Sequence

import numpy as np

from ._axes import COLOURS, LABEL_SIZE, MARKERS, axes_of_powers, new_axes

#: a risk is drawn down to this many powers of ten below its top
_DECADES = 8


def learning_plot(
    log10_x, risk, lower=None, upper=None, *, marks=(), floor: float = 0.0, ax=None,
    xlabel: str = "number of samples", mark: str = "n",
):
    """A risk against samples or time, both on logarithmic axes, with its bracket as a grey band.

    ``marks``: pairs of ``log10`` of a place and the interactions whose threshold it is, drawn as numbered dashed lines
    and named in the legend; ``floor``: a risk that is drawn as a dotted line, such as the noise. Places outside the
    range of ``log10_x`` are named only. Returns the axes: ``ax``, or those of a new figure as wide as a column.

    Raises :class:`ImportError` without matplotlib.
    """
    x, y = np.asarray(log10_x, dtype=float), np.log10(np.maximum(np.asarray(risk, dtype=float), 1e-300))
    ax = new_axes(3.5, 2.8) if ax is None else ax
    ends = y
    if lower is not None:
        low, high = (np.log10(np.clip(np.asarray(end, dtype=float), 1e-300, 1e300)) for end in (lower, upper))
        span = max(1.0, float(np.ptp(y[np.isfinite(y)])))
        low, high = np.maximum(low, y - span), np.minimum(high, y + span)
        if np.max(high - low, initial=0.0) > 0.01:
            ax.fill_between(x, low, high, color="0.85", linewidth=0, zorder=1, label="bracket")
            ends = np.concatenate([low, high])
    handles, noise = [], []
    ax.plot(x, y, color=COLOURS[0], linewidth=1.4, marker="o" if x.size < 30 else "", markersize=2.5, zorder=3)
    top = float(np.max(y))
    bottom = max(float(np.min(ends)), top - _DECADES)
    if floor > 0:
        bottom = min(bottom, math.log10(floor))
        noise = [ax.axhline(math.log10(floor), color="0.4", linewidth=0.9, linestyle=":", zorder=2, label="noise")]
    axes_of_powers(ax, (float(x.min()), float(x.max())), (bottom, top))
    low, high = ax.get_xlim()
    for number, (place, text) in enumerate(marks):
        inside = low <= place <= high
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        label = f"{chr(97 + number % 26)}: {text}"
        where = place if inside else np.nan
        handles.append(ax.axvline(where, color=colour, linewidth=0.9, linestyle="--", zorder=2, label=label))
        if inside:
            ax.annotate(
                chr(97 + number % 26), (place, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 1.5),
                textcoords="offset points", ha="center", va="bottom", fontsize=LABEL_SIZE, color=colour, zorder=5,
            )
    if handles or noise:
        ax.legend(
            handles=handles + noise, title=f"${mark} = d^L$" if marks else None, loc="lower left", fontsize=LABEL_SIZE,
            title_fontsize=LABEL_SIZE, framealpha=0.85, edgecolor="none", handlelength=1.6, labelspacing=0.25,
            borderaxespad=0.3,
        )
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel("mean square error", fontsize=9)
    return ax


def measured_plot(x, lines, errors, labels: Sequence[str], ylabel: str, *, xlabel: str = "samples", ax=None):
    """Measured lines with error bars, both axes logarithmic: ``lines`` and ``errors`` of shape ``(lines, x)``.

    Undefined errors have no bar; values that are not positive have no point. Returns the axes: ``ax``, or those of a
    new figure as wide as one column of a paper. Raises :class:`ImportError` without matplotlib.
    """
    ax = new_axes(3.5, 2.8) if ax is None else ax
    ax.set_xscale("log")
    ax.set_yscale("log", nonpositive="mask")
    for place, (line, error, label) in enumerate(zip(lines, errors, labels)):
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        shown = np.asarray(line) > 0
        # a bar that reaches zero or below would leave the axis: it ends just above
        upward = np.nan_to_num(np.asarray(error)[shown])
        downward = np.minimum(upward, 0.999 * np.asarray(line)[shown])
        ax.errorbar(
            np.asarray(x)[shown], np.asarray(line)[shown], yerr=[downward, upward], color=colour, marker=marker,
            markersize=4, linewidth=0.8, elinewidth=0.8, capsize=1.5, label=label,
        )  # fmt: skip
    if len(labels) > 1:
        ax.legend(fontsize=8, frameon=False)
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel(ylabel, fontsize=9)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
