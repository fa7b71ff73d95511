"""Networks as drawings: which parts are shown and where, what is highlighted, and what the labels say."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from . import _check, _render
from ._plot import Dots, Edge, Image, Mark, Scene, scene_plot
from .eigenvalues import _degrees
from .errors import UnsupportedError
from .index_tables import _indices
from .kernels import KERNELS
from .parts import Leaf, Network, _network
from .spanning import spanning_edges

#: slots that fit side by side into the column of a paper
_MOST_SLOTS = 22
#: levels of detail: everything; inactive sub-trees as fans; runs of more than three inactive siblings as dots; all such
#: runs as dots; runs of active leaves of one degree by their ends; no inactive siblings
_DETAILS = range(6)
_DOTS_WIDTH, _GAP = 1.7, 0.35
#: children of a part of the spanning tree that a big graph shows beside the tree
_MOST_CHILDREN = 8
#: layers of single children beyond which the middle ones are left out
_MOST_LAYERS = 8


def draw(net: Network, degrees=None, ax=None, *, kernel: str = "ntk", image: bool | None = None):
    """Draw a network, leaves at the bottom, with the tree that an interaction spans.

    Parameters
    ----------
    net
        Any network; parts with several parents are drawn once.
    degrees
        The interaction to highlight, as for `eigenvalue`: an integer for one leaf, a tuple of all degrees, or
        ``{leaf: degree}``.  Its active leaves carry their degrees, and the least tree that connects them with the
        output is drawn thick; the title gives its space, frequency and learning index [Xiao2022].
    ax
        Matplotlib axes; by default those of a new figure, 3.3 inches wide.
    kernel
        The kernel whose leading exponent is called L.
    image
        Whether the leaves are also drawn as pixels, with the outlines of the patches; by default where the network is
        two-dimensional.

    Returns
    -------
    matplotlib.axes.Axes
        To be saved by ``draw(net).figure.savefig("net.pdf")``.

    Notes
    -----
    Where not everything fits, inactive siblings are abbreviated as dots with their number, and a fan of short lines
    stands for a sub-tree.  Needs the extra ``eigenspace[plot]``; raises :class:`ImportError` without it.

    Examples
    --------
    >>> from eigenspace import cnn
    >>> ax = draw(cnn(4, (1, 2, 2), 2, head="dense"), {0: 1, 3: 2})
    >>> ax.get_title()
    'S = 1,  F = 6/5,  L = 11/5'
    """
    return scene_plot(scene(net, degrees, kernel, image), ax)


def scene(net: Network, degrees=None, kernel: str = "ntk", image: bool | None = None) -> Scene:
    """What `draw` draws."""
    net, kernel = _network(net), _check.choice("kernel", kernel, KERNELS)
    is_image = len(net.grid) == 2
    if image and not is_image:
        raise ValueError(
            "image must be left out for a row of leaves, which has no pixels; use pairs (height, width) as filters"
        )
    full = [0] * len(net.leaves) if degrees is None else _degrees(net, degrees)
    active = {leaf: degree for leaf, degree in zip(net.leaves, full) if degree}
    picture = (_Tree if net.is_tree else _Graph)(net, active)
    return Scene(
        tuple(picture.marks),
        tuple(picture.dots),
        tuple(picture.edges),
        picture.layers,
        net.call if degrees is None and len(net.call) <= 60 else "" if degrees is None else _title(net, full, kernel),
        _image(net, active) if is_image and image is not False else None,
    )


def _title(net: Network, full, kernel: str) -> str:
    """The three indices, where they are known for the network."""
    try:
        found = _indices(net, {leaf: degree for leaf, degree in enumerate(full) if degree}, kernel)
    except UnsupportedError:
        return ""
    values = (found.space, found.frequency, found.learning_index)
    return ",  ".join(f"{name} = {_render.fraction_text(value)}" for name, value in zip("SFL", values))


def _image(net: Network, active: Mapping[Leaf, int]) -> Image:
    pixels = {net.location(net.number(leaf)): str(degree) for leaf, degree in active.items()}
    sizes, part = [], net.positions[0]
    while not isinstance(part, Leaf):
        places = [net.location(net.number(leaf)) for leaf in Network((part,), "").leaves]
        sizes.append(tuple(max(axis) - min(axis) + 1 for axis in zip(*places)))
        part = part.children[0]
    return Image(net.grid, tuple(size for size in reversed(sizes) if prod(size) > 1), pixels)


# what all drawings share -----------------------------------------------------------------------------


class _Picture:
    """Places of the parts of a network; the output is the part ``None``."""

    def __init__(self, net: Network, active: Mapping[Leaf, int]):
        self.net, self.active = net, active
        self.spanned = spanning_edges(net, active)
        self.touched = {part for edge in self.spanned for part in edge}
        self.heights: dict = {}
        for part in net._walk():
            self.heights[part] = 0 if isinstance(part, Leaf) else 1 + max(self.heights[c] for c in part.children)
        self.heights[None] = 1 + net.depth
        self.marks: list[Mark] = []
        self.dots: list[Dots] = []
        self.edges: list[Edge] = []
        self.place()

    def place(self) -> None:
        """Fill in marks, dots and edges."""
        raise NotImplementedError

    def children(self, part) -> tuple:
        """The children of a part, or of the output."""
        return self.net.positions if part is None else part.children

    @cached_property
    def layers(self) -> tuple[tuple[float, str], ...]:
        """The rows that are drawn, with their labels."""
        found: dict = {}
        for part, height in self.heights.items():
            found.setdefault(height, []).append(part)
        return tuple((self.row(height), self._label(parts)) for height, parts in sorted(found.items())
                     if height not in self.hidden)  # fmt: skip

    def _label(self, parts: list) -> str:
        if isinstance(parts[0], Leaf):
            dims = {leaf.dim for leaf in parts}
            count = "" if len(parts) == 1 else f"{len(parts)} \\times "
            if len(dims) > 1:
                return f"{len(parts)} leaves"
            dim = dims.pop()
            if dim == 1:
                return f"$\\{{\\pm1\\}}^{{{len(parts)}}}$" if len(parts) > 1 else "$\\pm1$"
            return f"${count}S^{{{dim - 1}}}$"
        if parts == [None]:
            return "output" + (f", fan-in {len(self.net.positions)}" if len(self.net.positions) > 1 else "")
        names = dict.fromkeys(part.activation.name for part in parts)
        fans = sorted({len(part.children) for part in parts})
        fan = f"{fans[0]}" if len(fans) == 1 else f"{fans[0]}–{fans[-1]}"
        name = ", ".join(names)
        name = name if len(name) <= 20 else name[:19] + "…"
        return f"{name}\nfan-in {fan}" if len(name) > 8 else f"{name}, fan-in {fan}"

    @cached_property
    def hidden(self) -> frozenset[int]:
        """Heights in the middle of a long chain of layers with single children, which are left out."""
        kinds: dict = {}
        for part, height in self.heights.items():
            if part is None or isinstance(part, Leaf):
                continue
            only = len(part.children) == 1 and self.heights[part.children[0]] == height - 1
            kinds.setdefault(height, set()).add(part.activation.name if only else None)
        hidden: set = set()
        if len(kinds) > _MOST_LAYERS:
            run: list = []
            for height in range(1, self.net.depth + 2):
                own = kinds.get(height, {None})
                if run and own == kinds[run[-1]]:
                    run.append(height)
                    continue
                hidden.update(run[1:-1] if len(run) > 3 else ())
                run = [height] if len(own) == 1 and None not in own else []
        return frozenset(hidden)

    def row(self, height: int) -> float:
        """The row of a height: rows that are left out count together as one."""
        below = [h for h in self.hidden if h < height]
        gaps = sum(h + 1 not in self.hidden for h in below)
        return height - len(below) + gaps

    def mark(self, part, x: float, stub: bool = False) -> None:
        """Add the mark of a part."""
        kind = "output" if part is None else "leaf" if isinstance(part, Leaf) else "node"
        text = name = ""
        if part in self.active:
            text = str(self.active[part])
            name = ",".join(map(str, self.net.location(self.net.number(part)))) if len(self.net.leaves) > 1 else ""
        self.marks.append(Mark(x, self.row(self.heights[part]), kind, part in self.touched, text, name, stub))


# trees -----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Item:
    """A part that is shown, or (``count`` > 0) a run of siblings that are not."""

    part: object
    below: list["_Item"]
    stub: bool = False
    count: int = 0
    active: bool = False

    def width(self) -> float:
        """Number of slots."""
        if self.count:
            return _DOTS_WIDTH
        gap = _GAP if len(self.below) > 1 else 0.0
        return gap + sum(item.width() for item in self.below) if self.below else 1.0


class _Tree(_Picture):
    """Every part above its children; siblings that do not fit become dots."""

    def place(self) -> None:
        """Choose the level of detail, then go down from the output."""
        for detail in _DETAILS:
            top = self._item(None, detail, not self.active)
            if top.width() <= _MOST_SLOTS:
                break
        self._cursor = 0.0
        self._put(top)

    def _item(self, part, detail: int, shown: bool) -> _Item:
        """A part with what is shown below it; ``shown`` parts lead down to a leaf although nothing is active there."""
        if isinstance(part, Leaf):
            return _Item(part, [])
        if not (detail == 0 or shown or part in self.touched):
            return _Item(part, [], stub=True)
        items: list = []
        for run in self._runs(self.children(part)):
            items += self._run(run, detail, shown and part not in self.touched or detail == 0)
        return _Item(part, items)

    def _runs(self, children) -> Iterator[list]:
        """Neighbours that look alike: inactive ones, and leaves of one degree."""
        run, look = [], None
        for child in children:
            own = (self.active[child],) if child in self.active else child if child in self.touched else ()
            if run and own != look:
                yield run
                run = []
            run.append(child)
            look = own
        yield run

    def _run(self, run: list, detail: int, shown: bool) -> list[_Item]:
        active, count = run[0] in self.touched, len(run)
        if active and (detail < 4 or count <= 3):
            return [self._item(child, detail, False) for child in run]
        if active:
            ends = [self._item(child, detail, False) for child in (run[0], run[-1])]
            return [ends[0], _Item(run[1], [], count=count - 2, active=True), ends[1]]
        if detail == 5 and not shown:
            return []
        first = self._item(run[0], detail, shown)
        if detail < 2 or count <= (3 if detail == 2 else 1):
            return [first, *(self._item(child, detail, False) for child in run[1:])]
        if shown and detail == 2:
            return [first, _Item(run[1], [], count=count - 2), self._item(run[-1], detail, False)]
        if shown:
            return [first, _Item(run[1], [], count=count - 1)]
        return [_Item(run[0], [], count=count)]

    def _put(self, item: _Item) -> float:
        """Place an item and all below it; its x."""
        height = self.row(self.heights[item.part])
        if item.count or not item.below:
            width = item.width()
            x = self._cursor + width / 2
            self._cursor += width
            if item.count:
                self.dots.append(Dots(x, height, item.count, item.active))
            else:
                self.mark(item.part, x, item.stub)
            return x
        below = [self._shown(child) for child in item.below]
        places = [self._put(child) for child in below]
        self._cursor += _GAP if len(below) > 1 else 0.0
        x = (places[0] + places[-1]) / 2
        for direct, child, place in zip(item.below, below, places):
            bottom = self.row(self.heights[child.part])
            active = (item.part, direct.part) in self.spanned if not child.count else child.active
            dashed = direct is not child or bool(child.count) and not active
            self.edges.append(Edge((place, bottom), (x, height), active, dashed))
            if direct is not child:
                skipped = self.heights[direct.part] - self.heights[child.part]
                self.dots.append(Dots(x, (height + bottom) / 2, skipped, active, upright=True))
        self.mark(item.part, x)
        return x

    def _shown(self, item: _Item) -> _Item:
        """Down a chain of layers that are left out."""
        while self.heights[item.part] in self.hidden and not item.count and item.below:
            item = item.below[0]
        return item


# graphs with shared children -------------------------------------------------------------------------


class _Graph(_Picture):
    """Every part once, layer by layer, in the order of the children; of a big network what is near the tree."""

    def place(self) -> None:
        """Spread every layer over the whole width."""
        kept, left_out = self._kept()
        rows: dict = {}
        for part, height in self.heights.items():
            if part in kept:
                rows.setdefault(height, []).append(part)
        width, places = max(map(len, rows.values())), {}
        for height, parts in sorted(rows.items()):
            first = lambda part: next((places[c] for c in self.children(part) if c in places), width)  # noqa: E731
            parts = sorted(parts, key=first if height else self.net.number)
            for i, part in enumerate(parts):
                places[part] = (i + 0.5) * width / len(parts)
        for part, x in places.items():
            self.mark(part, x)
            for child in () if isinstance(part, Leaf) else dict.fromkeys(self.children(part)):
                if child in places:
                    ends = [(places[p], self.row(self.heights[p])) for p in (child, part)]
                    around = not left_out and part is not None and abs(places[child] - x) > width / 2
                    self.edges.append(Edge(*ends, (part, child) in self.spanned, around))
        for height, count in left_out.items():
            self.dots.append(Dots(width + 0.5, self.row(height), count))

    def _kept(self) -> tuple[set, dict[int, int]]:
        """The parts that are drawn, and how many of each height are not.

        Everything, or in a big network the spanning tree (or one path) and some children of each of its parts.
        """
        everything = {*self.heights}
        if len(self.net.leaves) <= 2 * _MOST_SLOTS:
            return everything, {}
        kept = set(self.touched) or {None}
        part = self.net.positions[0]
        while not self.touched and part is not None:
            kept.add(part)
            part = None if isinstance(part, Leaf) else part.children[0]
        for part in [part for part in kept if not isinstance(part, Leaf)]:
            kept.update(self.children(part)[:_MOST_CHILDREN])
        left_out = Counter(self.heights[part] for part in everything - kept)
        return kept, left_out
