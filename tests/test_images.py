"""Two-dimensional networks: leaves numbered row by row, the same spectra, places in tables."""

import json
from itertools import product
from math import prod

import numpy as np
import pytest

import eigenspace as es
from eigenspace.interactions import components
from eigenspace.verification.calls import read_call


def numbers(net, part):
    return sorted(net.number(leaf) for leaf in es.network([part]).leaves)


def test_the_contract_call():
    net = es.cnn(12, filters=(1, (2, 2)), positions=4)
    assert net.grid == (4, 4) and len(net.leaves) == 16 and net.dim == 192
    assert [numbers(net, part) for part in net.positions] == [
        [0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]
    ]  # fmt: skip
    assert [net.location(number) for number in (0, 3, 4, 15)] == [(0, 0), (0, 3), (1, 0), (3, 3)]


@pytest.mark.parametrize(
    ("filters", "positions", "grid"),
    [
        (((2, 3), (1, 2)), (2, 1), (4, 6)),
        (((2, 2), 1, (3, 1)), 9, (18, 6)),
        (((1, 4),), 3, (1, 12)),
        ((1, 1), (2, 3), (2, 3)),
    ],
)
def test_every_patch_is_a_rectangle_of_pixels(filters, positions, grid):
    net = es.cnn(2, filters, positions)
    assert net.grid == grid and len(net.leaves) == prod(grid)
    height, width = (prod(sizes) for sizes in zip(*((1, 1) if f == 1 else f for f in filters)))
    corners = product(range(0, grid[0], height), range(0, grid[1], width))
    for part, (top, left) in zip(net.positions, corners, strict=True):
        block = np.arange(prod(grid)).reshape(grid)[top : top + height, left : left + width]
        assert numbers(net, part) == sorted(block.ravel().tolist())


def test_rows_have_locations_too():
    net = es.cnn(4, (1, 2), 3)
    assert net.grid == (6,) and net.location(4) == (4,) and es.mlp(3, 1).grid == (1,)
    assert es.network([es.node([es.leaf(2), es.leaf(3)])]).grid == (2,)
    with pytest.raises(ValueError, match="number must be an integer from 0 to 5"):
        net.location(6)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("head", ["flatten", "dense"])
def test_what_depends_on_the_tree_alone_is_the_same(kernel, head):
    image, row = es.cnn(12, (1, (2, 2)), 4, head=head), es.cnn(12, (1, 4), 4, head=head)
    one, two = es.spectrum(image, kernel, degree=4), es.spectrum(row, kernel, degree=4)
    for name in ("multiplicity", "space", "frequency", "learning_index", "total_degree"):
        assert getattr(one, name).tolist() == getattr(two, name).tolist()
    assert one.values().tolist() == two.values().tolist() and list(one.patterns) == list(two.patterns)


def test_degrees_are_those_of_pixels():
    net = es.cnn(4, ((2, 2), (2, 2)), 1)
    pattern = lambda *leaves: es.eigenvalue(net, dict.fromkeys(leaves, 1)).pattern  # noqa: E731
    # pixels 0 and 4 lie below each other in one patch, 1 and 2 beside each other in two
    assert (pattern(0, 4), pattern(0, 1), pattern(1, 2), pattern(4, 8)) == ("1 1", "1 1", "1 / 1", "1 / 1")


def test_the_kernel_reads_an_image_row_by_row():
    net, rng = es.cnn(3, ((1, 2), (2, 1)), (2, 3)), np.random.default_rng(5)
    image = rng.uniform(-1, 1, size=net.grid)
    grid = np.arange(prod(net.grid)).reshape(net.grid)
    row = es.cnn(3, (2, 2), 6)
    order = [grid[2 * i + a, 2 * j + b] for i in range(2) for j in range(3) for a in range(2) for b in range(2)]
    for kernel in ("nngp", "ntk"):
        value = es.kernel_function(net, kernel)(image.ravel())
        assert value == pytest.approx(es.kernel_function(row, kernel)(image.ravel()[order]), rel=1e-15)


def test_pixels_of_a_polynomial_are_numbered_like_the_image():
    net = es.cnn(2, ((2, 2),), (1, 2))
    # pixel 8 is the first coordinate of leaf 4, below leaf 0
    assert components(net, "x0*x8") == [({0: 1, 4: 1}, 1)]
    assert es.index_table(net, ["x0*x8"]).rows[0].interaction == "1 1"


@pytest.mark.parametrize(
    "net",
    [
        es.cnn(12, (1, (2, 2)), 4),
        es.cnn(3, ((2, 3), 1), (2, 1), head="dense", activation=es.rbf(0.5)),
        es.cnn(3, (1, 1), (2, 2)),
    ],
)
def test_the_call_rebuilds_the_network(net):
    table = es.spectrum(net, "nngp", degree=1)
    again, _ = read_call(table.provenance.call)
    assert again.call == net.call and again.grid == net.grid
    assert es.verify(es.EigenTable.from_json(table.to_json()), samples=200).passed


def test_tables_show_places():
    table = es.spectrum(es.cnn(5, ((2, 2),), (1, 2), head="dense"), degree=2)
    text = table.to_text()
    assert "(0,0):1, (0,1):1" in text and "(0,0):1, (0,2):1" in text and "a leaf of an image is (row,column)" in text
    assert "(0,0):1, (0,2):1" in table.to_latex() and "& places &" in table.to_latex()
    frame = table.to_pandas()
    assert frame["places"].tolist() == ["–", "(0,0):1", "(0,0):2", "(0,0):1, (0,1):1", "(0,0):1, (0,2):1"]
    assert table.to_csv().splitlines()[0].startswith("interaction,places,total_degree")
    again = es.EigenTable.from_json(table.to_json())
    assert again.grid == (2, 4) and again.to_text() == text and again.to_json() == table.to_json()
    assert "(0,0):2" in table.sorted("value").where(total_degree=2).to_text()


def test_tables_of_rows_are_as_before():
    table = es.spectrum(es.cnn(5, (4,), 2, head="dense"), degree=2)
    assert "places" not in table.to_text() + table.to_csv() + table.to_latex()
    assert "grid" not in json.loads(table.to_json())
    assert "0:1, 4:1" in table.to_text(columns=["interaction", "places"])


@pytest.mark.parametrize(
    ("filters", "positions", "words"),
    [
        (((2, 2), 4), 1, ["filters", "pairs", "4 at position 1", "(1, 4)"]),
        (((2, 2, 2),), 1, ["filters", "(2, 2, 2)", "position 0"]),
        (((2, 0),), 1, ["filters", "positive", "0"]),
        (((2, 2.5),), 1, ["filters", "2.5"]),
        (((2, 2), "2"), 1, ["filters", "'2'"]),
        ((2, 2), (2, 2), ["filters", "pairs", "2 at position 0"]),
        (((2, 2),), (2, 2, 2), ["positions", "(2, 2, 2)"]),
        (((2, 2),), (2, 0), ["positions", "0"]),
        (((2, 2),), "4", ["positions", "'4'"]),
        ("4", (2, 2), ["filters", "'4'"]),
        ((), (2, 2), ["filters", "()"]),
        (4, 1, ["filters", "sequence", "4"]),
    ],
)
def test_what_is_no_image(filters, positions, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        es.cnn(3, filters, positions)
    assert all(word in str(caught.value) for word in words), caught.value
