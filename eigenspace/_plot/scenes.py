"""A layered tree or graph as marks and lines, with an image grid below it; told apart without colour too."""

from dataclasses import dataclass

from ._axes import COLOURS, new_axes

_ACTIVE, _QUIET, _FAINT = COLOURS[1], "0.45", "0.75"
_MARKERS = {"leaf": "o", "node": "s", "output": "^"}
#: width of a new figure, height of a layer, room for the title, and height of the image grid, in inches
_WIDTH, _LAYER, _MARGIN, _GRID = 3.3, 0.46, 0.34, 1.25
#: share of the width that the labels of the layers take
_LABELS = 0.27
_FONT = 6.5


@dataclass(frozen=True)
class Mark:
    """A leaf, a node or the output at a place; ``text`` is the degree of an active leaf, ``name`` what it is called.

    ``stub``: the mark stands for everything below it, which is left out.
    """

    x: float
    y: float
    kind: str
    active: bool = False
    text: str = ""
    name: str = ""
    stub: bool = False


@dataclass(frozen=True)
class Dots:
    """``count`` siblings (or layers, where ``upright``) that are left out."""

    x: float
    y: float
    count: int
    active: bool = False
    upright: bool = False


@dataclass(frozen=True)
class Edge:
    """A line between two places; ``dashed`` where it leads to what is left out, or around a ring."""

    start: tuple[float, float]
    end: tuple[float, float]
    active: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Image:
    """A grid of pixels: ``outlines`` are the sizes of the patches of every layer, ``active`` maps pixels to texts."""

    shape: tuple[int, int]
    outlines: tuple[tuple[int, int], ...]
    active: dict[tuple[int, int], str]


@dataclass(frozen=True)
class Scene:
    """What a drawing shows, in units of slots (x) and layers (y, upwards from 0); ``layers`` are pairs (y, label)."""

    marks: tuple[Mark, ...]
    dots: tuple[Dots, ...]
    edges: tuple[Edge, ...]
    layers: tuple[tuple[float, str], ...]
    title: str
    image: Image | None = None


def scene_plot(scene: Scene, ax=None):
    """Draw a scene into ``ax``, or into a new figure as wide as one column of a paper; returns the axes.

    Active parts have thick lines and filled marks, others thin lines and open ones.  Raises :class:`ImportError`
    without matplotlib.
    """
    top = max(y for y, _ in scene.layers)
    grid = 0.0 if scene.image is None else _grid_height(*scene.image.shape) / _LAYER
    bottom = -grid - (0.65 if any(m.name for m in scene.marks) or scene.dots else 0.35)
    if ax is None:
        height = _LAYER * (top + 0.4 - bottom)
        ax = new_axes(_WIDTH, height + _MARGIN, layout=None)
        ax.set_position((0.01, 0.01, 0.98, height / (height + _MARGIN)))
    left = min(m.x for m in (*scene.marks, *scene.dots)) - 0.8
    right = max(*(m.x + 0.8 for m in scene.marks), *(d.x + 1.2 for d in scene.dots if not d.upright), left + 1)
    narrow = max(0.0, 4.0 - (right - left)) / 2
    left, right = left - narrow, right + narrow + 0.02 * (right - left)
    ax.set_xlim(left, right + (right - left) * _LABELS / (1 - _LABELS))
    ax.set_ylim(bottom, top + 0.4)
    ax.set_axis_off()
    size = _mark_size(ax, right - left)
    for edge in scene.edges:
        ax.plot(
            *zip(edge.start, edge.end),
            color=_ACTIVE if edge.active else "0.65" if edge.dashed else _QUIET,
            linewidth=1.9 if edge.active else 0.5,
            linestyle=(0, (1.5, 1.0 if edge.active else 1.5)) if edge.dashed else "solid",
            dash_capstyle="butt",
            solid_capstyle="round",
            zorder=2 if edge.active else 1,
        )
    for mark in scene.marks:
        _draw_mark(ax, mark, size)
    for dots in scene.dots:
        _draw_dots(ax, dots)
    for y, label in scene.layers:
        small = _FONT if max(map(len, label.split("\n"))) <= 18 or "$" in label else 5.5
        ax.text(right, y, label, fontsize=small, va="center", ha="left", color="0.2", linespacing=1.05)
    if scene.title:
        ax.set_title(scene.title, fontsize=8, pad=3)
    if scene.image is not None:
        _draw_image(ax, scene.image, (left, bottom, right - left, grid - 0.1))
    return ax


def _mark_size(ax, slots: float) -> float:
    """Diameter of a mark in points: most of a slot, up to what the eye needs."""
    width = ax.figure.get_size_inches()[0] * ax.get_position().width * 72 * (1 - _LABELS)
    return float(min(8.5, max(1.5, 0.8 * width / slots)))


def _draw_mark(ax, mark: Mark, size: float) -> None:
    limit = 8.5 if mark.kind == "output" or mark.text else 5.0 if mark.active else 4.5
    own = min(max(size, 6.0) if mark.kind == "output" else size, limit)
    if mark.stub:
        # a fan of three short lines: there is a sub-tree below
        for shift in (-0.28, 0.0, 0.28):
            ax.plot([mark.x, mark.x + shift], [mark.y, mark.y - 0.32], color=_FAINT, linewidth=0.5, zorder=1)
    ax.plot(
        mark.x,
        mark.y,
        marker=_MARKERS[mark.kind],
        markersize=own,
        color=_ACTIVE if mark.active else "white",
        markeredgecolor=_ACTIVE if mark.active else _QUIET,
        markeredgewidth=0.7,
        linestyle="none",
        zorder=3,
    )
    if mark.text and size >= 4.0:
        small = own * (0.72, 0.58, 0.42)[min(len(mark.text), 3) - 1]
        ax.text(mark.x, mark.y, mark.text, color="white", fontsize=small, weight="bold", ha="center",
                va="center_baseline", zorder=4)  # fmt: skip
    if mark.name:
        ax.annotate(mark.name, (mark.x, mark.y), xytext=(0, -own / 2 - 2), textcoords="offset points", fontsize=5.5,
                    color="0.2", ha="center", va="top", rotation=90 if len(mark.name) > 3 else 0)  # fmt: skip


def _draw_dots(ax, dots: Dots) -> None:
    colour = _ACTIVE if dots.active else _QUIET
    if dots.upright:
        ax.annotate(f"$\\vdots\\,\\times {dots.count}$", (dots.x, dots.y), xytext=(3, 0), textcoords="offset points",
                    fontsize=_FONT, color=colour, ha="left", va="center")  # fmt: skip
        return
    ax.text(dots.x, dots.y, "$\\cdots$", fontsize=8, color=colour, ha="center", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5}, zorder=3)  # fmt: skip
    ax.annotate(f"$\\times{dots.count}$", (dots.x, dots.y), xytext=(0, -4), textcoords="offset points", fontsize=6,
                color=colour, ha="center", va="top")  # fmt: skip


def _grid_height(rows: int, columns: int) -> float:
    """Height of an image in inches: what fits below the tree."""
    return min(_GRID, _WIDTH * (1 - _LABELS) * rows / columns) + 0.05


def _draw_image(ax, image: Image, box) -> None:
    """The pixels with the outlines of the patches, the wider the higher the layer, in axes of their own."""
    height, width = image.shape
    inset = ax.inset_axes(box, transform=ax.transData)
    inset.set_xlim(-0.02 * width, 1.02 * width)
    inset.set_ylim(1.02 * height, -0.02 * height)
    inset.set_aspect("equal")
    inset.set_axis_off()
    cell = 72 * _grid_height(height, width) / height
    levels = [size for size in ((1, 1), *image.outlines) if size[0] <= height and size[1] <= width]
    for level, (rows, columns) in enumerate(dict.fromkeys(levels)):
        thick = min(0.35 + 0.55 * level, 0.1 * cell * max(rows, columns))
        style = {"color": _FAINT if level == 0 else "0.15", "linewidth": thick, "zorder": 1 + level}
        inset.hlines(range(0, height + 1, rows), 0, width, **style)
        inset.vlines(range(0, width + 1, columns), 0, height, **style)
    inset.plot([0, width, width, 0, 0], [0, 0, height, height, 0], color="0.15", linewidth=1.0, zorder=8)
    for (row, column), text in image.active.items():
        inset.fill([column, column + 1, column + 1, column], [row, row, row + 1, row + 1], color=_ACTIVE, zorder=1.5)
        if cell >= 6:
            inset.text(column + 0.5, row + 0.5, text, color="white", fontsize=min(6.5, 0.7 * cell), weight="bold",
                       ha="center", va="center_baseline", zorder=9)  # fmt: skip
