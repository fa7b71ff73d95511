"""Drawings of networks: what is shown, what is highlighted, what is left out, and the picture itself."""

import random
import sys

import pytest

import eigenspace as es
from eigenspace.drawings import _MOST_SLOTS, scene
from networks import CATALOGUE
from test_spanning import circular

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


pytestmark = pytest.mark.usefixtures("closed_figures")


BIG = es.cnn(12, (1, 4, 4), 16, head="dense")


def kinds(picture, kind, active=None):
    return [m for m in picture.marks if m.kind == kind and active in (None, m.active)]


@pytest.mark.parametrize("name", CATALOGUE)
def test_small_networks_are_drawn_whole(name):
    net = CATALOGUE[name]
    picture = scene(net, dict.fromkeys(range(len(net.leaves)), 1))
    parts = list(net._walk())
    assert len(picture.marks) == len(parts) + 1 and not picture.dots and all(m.active for m in picture.marks)
    assert len(picture.edges) == len(parts) and all(edge.active for edge in picture.edges)
    # no two marks at one place, every edge leads down from a mark to a mark
    places = {(m.x, m.y) for m in picture.marks}
    assert len(places) == len(picture.marks)
    assert all(edge.start in places and edge.end in places and edge.start[1] < edge.end[1] for edge in picture.edges)
    assert [y for y, _ in picture.layers] == list(range(net.depth + 2))


def test_an_interaction_is_highlighted():
    picture = scene(es.cnn(4, (1, 2, 2), 2, head="dense"), {0: 1, 3: 2})
    assert [(m.name, m.text) for m in kinds(picture, "leaf", True)] == [("0", "1"), ("3", "2")]
    assert len(kinds(picture, "leaf")) == 8 and len(kinds(picture, "node", True)) == 6
    assert sum(edge.active for edge in picture.edges) == 8
    # log_32: sizes 2 have the exponent 1/5, dimension 4 has 2/5
    assert picture.title == "S = 1,  F = 6/5,  L = 11/5"
    assert picture.layers[0][1] == "$8 \\times S^{3}$" and picture.layers[2][1] == "relu, fan-in 2"


def test_nothing_highlighted_shows_the_call():
    picture = scene(es.mlp(4, 2, leaves=8))
    assert picture.title == "mlp(4, 2, leaves=8)" and not any(m.active for m in picture.marks)
    assert len(picture.marks) == 11 and not any(edge.active for edge in picture.edges)


@pytest.mark.parametrize(
    ("net", "degrees"),
    [
        (BIG, None),
        (BIG, {0: 1}),
        (BIG, {0: 1, 17: 2, 19: 1, 200: 1}),
        (es.hypercube(1024, 2), {0: 1, 500: 1, 501: 1}),
        (es.hypercube(10**4, 1), None),
        (es.cnn(3, (2,) * 11, 1), {5: 1, 2000: 1}),
    ],
)
def test_big_networks_stay_readable(net, degrees):
    picture = scene(net, degrees)
    assert len(picture.marks) < 80
    width = max(m.x for m in picture.marks) - min(m.x for m in picture.marks)
    assert width <= _MOST_SLOTS
    shown = {m.name: m.text for m in kinds(picture, "leaf", True)}
    assert shown == {str(leaf): str(degree) for leaf, degree in (degrees or {}).items()}


def test_dots_count_what_is_left_out():
    picture = scene(es.hypercube(1024, 2), {0: 1, 500: 1, 501: 1})
    assert [d.count for d in picture.dots] == [499, 522] and len(kinds(picture, "leaf")) == 3
    picture = scene(es.hypercube(1024, 2), dict.fromkeys(range(200), 1))
    assert [(d.count, d.active) for d in picture.dots] == [(198, True), (824, False)]
    assert [m.name for m in kinds(picture, "leaf")] == ["0", "199"]


def test_siblings_shown_and_counted_are_all_siblings():
    """Below every drawn node of the regular tree: edges to marks, plus counts of dots, are the fan-in."""
    picture = scene(BIG, {0: 1, 255: 1})
    counts = {(d.x, d.y): d.count for d in picture.dots}
    below = {}
    for edge in picture.edges:
        below.setdefault(edge.end, []).append(counts.get(edge.start, 1))
    fans = {5: 1, 4: 16, 3: 4, 2: 4, 1: 1}
    assert below and all(sum(found) == fans[place[1]] for place, found in below.items())
    stubs = {(m.x, m.y) for m in picture.marks if m.stub}
    assert not stubs & set(below)


def test_long_chains_are_shortened():
    picture = scene(es.mlp(50, 60), 2)
    assert [d.count for d in picture.dots] == [58] and picture.dots[0].upright
    assert len(picture.marks) == 4 and [y for y, _ in picture.layers] == [0, 1, 3, 4]
    edge = next(edge for edge in picture.edges if edge.dashed)
    assert edge.active and (edge.start[1], edge.end[1]) == (1, 3)
    assert not scene(es.mlp(50, 8), 2).dots
    mixed = es.network([es.node([es.node([scene_part()])])])
    assert not any(d.upright for d in scene(mixed).dots)


def scene_part():
    return es.node([es.leaf(3), es.leaf(4)], activation=es.rbf(0.5))


def test_graphs_draw_every_part_once():
    net = circular(8, 3, 2)
    picture = scene(net, {0: 1, 3: 1})
    assert len(picture.marks) == 8 * 3 + 1 and len(picture.edges) == 8 * 3 * 2 + 8
    assert sum(edge.active for edge in picture.edges) == 5
    big = scene(circular(64, 3, 2), {0: 1, 3: 1})
    assert len(big.marks) < 40 and [m.name for m in kinds(big, "leaf", True)] == ["0", "3"]
    for y, kind, total in ((0, "leaf", 64), (1, "node", 64), (2, "node", 64)):
        shown = sum(m.y == y for m in kinds(big, kind))
        assert shown + sum(d.count for d in big.dots if d.y == y) == total
    assert scene(circular(64, 3, 2)).marks


def test_images_have_pixels_and_outlines():
    net = es.cnn(3, (1, (2, 3), (2, 1)), (2, 2))
    picture = scene(net, {0: 1, 7: 2})
    assert picture.image.shape == (8, 6) and picture.image.outlines == ((2, 3), (4, 3))
    assert picture.image.active == {(0, 0): "1", (1, 1): "2"}
    assert {m.name for m in kinds(picture, "leaf", True)} == {"0,0", "1,1"}
    assert scene(net, image=False).image is None and scene(es.mlp(3, 1)).image is None
    with pytest.raises(ValueError, match="image must be left out"):
        scene(es.mlp(3, 1), image=True)


@pytest.mark.parametrize("seed", range(6))
def test_any_interaction_can_be_drawn(seed):
    rng = random.Random(seed)
    net = rng.choice([BIG, es.hypercube(300, 2), es.cnn(2, ((2, 2), (4, 4)), (2, 2), head="dense"), circular(20, 4, 2)])
    degrees = dict.fromkeys(rng.sample(range(len(net.leaves)), rng.randint(1, 8)), 1)
    picture = scene(net, degrees)
    names = {m.name for m in kinds(picture, "leaf", True)}
    assert names == {",".join(map(str, net.location(leaf))) for leaf in degrees}
    net.draw(degrees).figure.canvas.draw()


def test_symbols_and_mixed_layers_have_labels():
    import sympy

    dim = sympy.Symbol("d", positive=True)
    assert scene(es.mlp(dim, 1)).layers[0][1] == "$S^{d - 1}$"
    assert scene(es.hypercube(7, 1)).layers[0][1] == "$\\{\\pm1\\}^{7}$"
    mixed = es.network([scene_part(), es.node([es.leaf(3)])])
    assert [label for _, label in scene(mixed).layers] == ["3 leaves", "rbf(0.5), relu\nfan-in 1–2", "output, fan-in 2"]


# --- the picture ----------------------------------------------------------------------------------------------------


def test_the_picture_in_grey_tells_active_from_inactive():
    ax = es.mlp(4, 2, leaves=8).draw({1: 1, 5: 2})
    assert ax.get_title() == "S = 0,  F = 3,  L = 3"
    assert {"1", "2", "5", "output", "relu, fan-in 8"} <= {text.get_text() for text in ax.texts}
    lines = [line for line in ax.lines if line.get_marker() == "None"]
    widths = {line.get_linewidth() for line in lines}
    assert len(widths) == 2 and max(widths) > 3 * min(widths)
    filled = [line for line in ax.lines if line.get_marker() == "o" and line.get_markerfacecolor() != "white"]
    assert len(filled) == 2 and {line.get_marker() for line in ax.lines} == {"None", "o", "s", "^"}


def test_it_draws_into_given_axes_and_a_new_figure_fits_a_column():
    from matplotlib import pyplot

    figure, given = pyplot.subplots()
    assert es.draw(es.mlp(3, 1), 2, given) is given and len(figure.axes) == 1
    assert es.mlp(3, 1).draw(2).figure.get_size_inches()[0] == pytest.approx(3.3)


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_it_is_saved(tmp_path, suffix):
    path = tmp_path / f"net.{suffix}"
    es.cnn(3, ((2, 2), (2, 2)), (2, 2)).draw({0: 1, 9: 1}).figure.savefig(path)
    assert path.read_bytes()[:4] in (b"\x89PNG", b"%PDF", b"<?xm") and path.stat().st_size > 4000


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install eigenspace\[plot\]"):
        es.mlp(3, 1).draw()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: es.mlp(3, 1).draw(-1), ["degrees", "-1"]),
        (lambda: es.mlp(3, 1, leaves=2).draw({2: 1}), ["degrees", "2"]),
        (lambda: es.mlp(3, 1).draw(1, kernel="nkt"), ["kernel", "'nkt'"]),
        (lambda: es.draw("mlp"), ["net", "'mlp'"]),
    ],
)
def test_bad_input(make, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    assert all(word in str(caught.value) for word in words)
