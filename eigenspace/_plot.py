"""Arrays to matplotlib axes; the only module that imports matplotlib, and only when a plot is asked for."""

import math
from collections.abc import Sequence

import numpy as np

# Okabe and Ito's palette without yellow: told apart under the common colour blindnesses.
_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h")
_LABEL_SIZE = 7.0
# A risk is drawn down to this many powers of ten below its top.
_DECADES = 8


def spectrum_plot(
    log10_value,
    log10_multiplicity,
    degree,
    *,
    labels: Sequence[str] | None = None,
    weight=None,
    annotate: int = 6,
    xlabel: str = "rank of eigenfunction",
    ylabel: str = "eigenvalue",
    ax=None,
):
    """A spectrum as plateaus: ``log10`` of the value against ``log10`` of the rank, one plateau per entry.

    ``log10_value``, ``log10_multiplicity`` (finite) and ``degree`` have shape ``(n,)``, in any order; entries are
    ranked by value, and zeros (``-inf``) are counted in the legend only. Both axes are linear in the logarithm and
    labelled as powers of ten, so neither 10^-5000 nor 10^300 is out of range. A degree has a colour and a marker of its
    own. ``labels``: text per entry; the ``annotate`` entries of largest ``weight`` (default: of longest plateau) show
    theirs where there is room. Returns the axes: ``ax``, or those of a new figure as wide as one column of a paper.

    Raises :class:`ImportError` without matplotlib.
    """
    value, count = np.asarray(log10_value, dtype=float), np.asarray(log10_multiplicity, dtype=float)
    degree = np.asarray(degree)
    ax = _new_axes() if ax is None else ax
    order = np.argsort(-value, kind="stable")
    order = order[np.isfinite(value[order])]
    left, right = _ranks(count[order])
    y, middle, kind = value[order], (left + right) / 2, degree[order]
    zeros = len(value) - len(order)
    _axes_of_powers(
        ax, (left[0], right[-1]) if len(order) else (0.0, 1.0), (y[-1], y[0]) if len(order) else (-1.0, 0.0)
    )
    # A thin staircase carries the eye from plateau to plateau.
    ax.plot(np.column_stack([left, right]).ravel(), np.repeat(y, 2), color="0.75", linewidth=0.6, zorder=1)
    size = float(np.clip(60 / math.sqrt(max(1, len(order))), 2.0, 4.5))
    for place, level in enumerate(np.unique(kind)):
        here = kind == level
        colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
        ax.hlines(y[here], left[here], right[here], colors=colour, linewidth=1.6, zorder=2)
        ax.plot(
            middle[here],
            y[here],
            linestyle="none",
            marker=marker,
            markersize=size,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.3,
            label=str(level),
            zorder=3,
        )
    if len(order):
        legend = ax.legend(
            title="degree" + (f"\n({zeros} class{'es are' if zeros > 1 else ' is'} 0)" if zeros else ""),
            loc="lower left",
            fontsize=8,
            title_fontsize=8,
            frameon=False,
            handletextpad=0.2,
            borderaxespad=0.3,
            labelspacing=0.3,
        )
        legend.set_zorder(4)
    if labels is not None:
        weight = right - left if weight is None else np.asarray(weight, dtype=float)[order]
        _annotate(ax, middle, y, [labels[int(i)] for i in order], weight, annotate)
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel(ylabel, fontsize=9)
    return ax


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
    ax = _new_axes() if ax is None else ax
    ends = y
    if lower is not None:
        low, high = (np.log10(np.clip(np.asarray(end, dtype=float), 1e-300, 1e300)) for end in (lower, upper))
        span = max(1.0, float(np.ptp(y[np.isfinite(y)])))
        low, high = np.maximum(low, y - span), np.minimum(high, y + span)
        if np.max(high - low, initial=0.0) > 0.01:
            ax.fill_between(x, low, high, color="0.85", linewidth=0, zorder=1, label="bracket")
            ends = np.concatenate([low, high])
    handles, noise = [], []
    ax.plot(x, y, color=_COLOURS[0], linewidth=1.4, marker="o" if x.size < 30 else "", markersize=2.5, zorder=3)
    top = float(np.max(y))
    bottom = max(float(np.min(ends)), top - _DECADES)
    if floor > 0:
        bottom = min(bottom, math.log10(floor))
        noise = [ax.axhline(math.log10(floor), color="0.4", linewidth=0.9, linestyle=":", zorder=2, label="noise")]
    _axes_of_powers(ax, (float(x.min()), float(x.max())), (bottom, top))
    low, high = ax.get_xlim()
    for number, (place, text) in enumerate(marks):
        inside = low <= place <= high
        colour = _COLOURS[1 + number % (len(_COLOURS) - 1)]
        label = f"{chr(97 + number % 26)}: {text}"
        where = place if inside else np.nan
        handles.append(ax.axvline(where, color=colour, linewidth=0.9, linestyle="--", zorder=2, label=label))
        if inside:
            ax.annotate(
                chr(97 + number % 26), (place, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 1.5),
                textcoords="offset points", ha="center", va="bottom", fontsize=_LABEL_SIZE, color=colour, zorder=5,
            )
    if handles or noise:
        ax.legend(
            handles=handles + noise, title=f"${mark} = d^L$" if marks else None, loc="lower left", fontsize=_LABEL_SIZE,
            title_fontsize=_LABEL_SIZE, framealpha=0.85, edgecolor="none", handlelength=1.6, labelspacing=0.25,
            borderaxespad=0.3,
        )
    ax.set_xlabel(xlabel, fontsize=9)
    ax.set_ylabel("mean square error", fontsize=9)
    return ax


def _new_axes():
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("plots need matplotlib, which is not installed; pip install eigenspace[plot]") from error
    _, ax = pyplot.subplots(figsize=(3.5, 2.8), dpi=150, layout="constrained")
    return ax


def _ranks(count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``log10`` of the ends of each plateau: half a rank before its first and after its last eigenfunction."""
    edges = np.logaddexp.accumulate(np.concatenate([[math.log(0.5)], count * math.log(10)])) / math.log(10)
    return edges[:-1], edges[1:]


def _axes_of_powers(ax, horizontal, vertical) -> None:
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


def _annotate(ax, x, y, labels, weight, limit: int) -> None:
    """Labels of the plateaus of largest weight, up and right of them, where a falling curve leaves room.

    A label that would touch one already there is left out.
    """
    width, height = (length * 72 for length in ax.figure.get_size_inches() * ax.get_position().size)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    taken: list[tuple[float, float, float]] = []
    for i in np.argsort(-weight, kind="stable"):
        if len(taken) >= limit or not np.isfinite(weight[i]):
            break
        start, base = (x[i] - left) / (right - left) * width, (y[i] - bottom) / (top - bottom) * height
        end = start + 0.6 * _LABEL_SIZE * len(labels[i]) + 4
        if any(start < b and a < end and abs(base - c) < 1.4 * _LABEL_SIZE for a, b, c in taken):
            continue
        taken.append((start, end, base))
        ax.annotate(
            labels[i], (x[i], y[i]), xytext=(2.5, 2.5), textcoords="offset points", fontsize=_LABEL_SIZE, zorder=5
        )


def measured_plot(x, lines, errors, labels: Sequence[str], ylabel: str, *, xlabel: str = "samples", ax=None):
    """Measured lines with error bars, both axes logarithmic: ``lines`` and ``errors`` of shape ``(lines, x)``.

    Undefined errors have no bar; values that are not positive have no point. Returns the axes: ``ax``, or those of a
    new figure as wide as one column of a paper. Raises :class:`ImportError` without matplotlib.
    """
    ax = _new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_yscale("log", nonpositive="mask")
    for place, (line, error, label) in enumerate(zip(lines, errors, labels)):
        colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
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
