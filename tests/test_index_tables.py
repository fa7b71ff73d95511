"""The index table of [Xiao2022, sec. 5], to the fraction; and the displays of index tables."""

import csv
import io
import json
import re
from fractions import Fraction as F
from math import inf

import pytest
import sympy

import eigenspace as es

RBF = es.rbf(0.25)


def experiment(p):
    """The networks and the target functions of the experiments: images indexed by k in [p]**4, d = p**4."""
    nets = {
        "MLP": es.mlp(p, 4, leaves=p**3, activation=RBF),
        "CNN(p^2)": es.cnn(p, (p, p**2), 1, head="dense", activation=RBF),
        "CNN(p)": es.cnn(p, (1, p, p), p, head="dense", activation=RBF),
    }

    def x(*shift):
        a, b, c, e = ((k + s) % p for k, s in zip((1, 2, 1, 0), shift))
        return f"x{((a * p + b) * p + c) * p + e}"

    k, e1, e3, e4 = x(0, 0, 0, 0), x(1, 0, 0, 0), x(0, 0, 1, 0), x(0, 0, 0, 1)
    targets = {
        "Y1": k,
        "Y2": f"{k}*{e4}",
        "Y3": f"{e3}*{e4}",
        "Y4": f"{x(0, 0, 1, 1)}*{e4}*{k}",
        "Y5*": f"{k}*{e4}*{x(0, 0, 0, 2)}*({k}**2 - {e4}**2)",
        "Y5": f"{k}*{e1}",
        "Y6": f"{k}*{e3}*(3*{x(0, 0, -1, 0)}**2 - {k}**2)",
        "Y7": f"{x(0, 0, -1, 1)}*{x(0, 1, 0, 0)}*(3*{k}**2 - {x(0, 0, -1, 1)}**2)",
    }
    return nets, targets


# degree, then (S, F) in each network, in quarters: the published table
PUBLISHED = {
    "Y1": (1, (0, 4), (2, 2), (3, 1)),
    "Y2": (2, (0, 8), (2, 4), (3, 2)),
    "Y3": (2, (0, 8), (2, 4), (4, 2)),
    "Y4": (3, (0, 12), (2, 6), (4, 3)),
    "Y5*": (5, (0, 20), (2, 10), (3, 5)),
    "Y5": (2, (0, 8), (4, 4), (6, 2)),
    "Y6": (4, (0, 16), (2, 8), (5, 4)),
    "Y7": (4, (0, 16), (4, 8), (6, 4)),
}


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("p", [4, 5])
def test_the_published_table(p, kernel):
    nets, targets = experiment(p)
    table = es.index_table(nets, targets, kernel)
    assert list(dict.fromkeys(row.target for row in table)) == list(PUBLISHED)
    for name, (degree, *cells) in PUBLISHED.items():
        leading = table[name][0]
        assert leading.total_degree == degree
        for net, (space, frequency) in zip(nets, cells):
            found = leading.indices[net]
            expected = F(space, 4), F(frequency, 4), F(space + frequency, 4)
            assert (found.space, found.frequency, found.learning_index) == expected
            assert all(isinstance(x, F) for x in expected)
        assert len(table[name]) == (3 if name in ("Y6", "Y7") else 1) and sum(row.share for row in table[name]) == 1


def test_the_small_parts_of_the_mixtures():
    table = es.index_table(*experiment(4))
    # (2, 1, 1), (1, 1), (3, 1): shares, and learning indices in the finest network, in quarters
    for name, levels in {"Y6": (9, 6, 8), "Y7": (10, 7, 9)}.items():
        rows = table[name]
        assert [row.share for row in rows] == [F(9, 11), F(1, 11), F(1, 11)]
        assert [row.interaction for row in rows] == ["2 1 1", "1 1", "3 1"]
        assert [row.indices["CNN(p)"].learning_index for row in rows] == [F(level, 4) for level in levels]


def test_toy_functions():
    # section 2: degrees 1, 2, 2, 4, 3 of a fully connected network on d = 10 pixels
    targets = ["x9", "x0*x1", "x0*x8", "x6*x7*(x6**2 - x7**2)", "x2*x3*x5"]
    table = es.index_table(es.mlp(10, 2, activation=RBF), targets)
    assert [next(iter(row.indices.values())).learning_index for row in table] == [1, 2, 2, 4, 3]
    assert [row.target for row in table] == targets


def test_degrees_polynomials_and_expressions_agree():
    net = es.cnn(4, (1, 4), 4, head="dense", activation=RBF)
    x0, x5 = sympy.symbols("x0 x5")
    full = (1, 1, *[0] * 14)
    table = es.index_table(net, {"a": {0: 1, 1: 1}, "b": full, "c": "x0*x5", "d": x0 * x5})
    assert len({(row.degrees, row.share, *map(str, row.indices.values())) for row in table}) == 1


def test_networks_that_read_the_pixels_otherwise_have_rows_of_their_own():
    # x0**2 - x4**2 is harmonic on one sphere of dimension 8, and of degree 2 in either of two of dimension 4
    nets = {"one": es.mlp(8, 2, activation=RBF), "two": es.mlp(4, 2, leaves=2, activation=RBF)}
    table = es.index_table(nets, {"f": "x0**2 - x4**2"})
    assert [(row.degrees, row.share, set(row.indices)) for row in table] == [
        (((0, 2),), 1, {"one"}),
        (((0, 2),), F(1, 2), {"two"}),
        (((1, 2),), F(1, 2), {"two"}),
    ]
    assert "–" in str(table) and table.to_pandas()["one space"].tolist() == [0, None, None]


def test_what_is_not_admissible_or_never_learned():
    flat, dense = es.cnn(16, (1,), 16), es.cnn(16, (1,), 16, head="dense")
    table = es.index_table({"flat": flat, "dense": dense}, {"far": {0: 1, 1: 1}, "cubic": {0: 3}})
    far, cubic = table
    assert far.indices["flat"].learning_index == inf and str(far.indices["flat"]).endswith("∞")
    assert str(cubic.indices["dense"]) == "1/2 + 3/2 → 5/2" and "not admissible" in str(table)
    assert r"\infty" in table.to_latex() and r"\to" in table.to_latex()


def test_displays():
    table = es.index_table(*experiment(4))
    assert repr(table) == "IndexTable(12 rows of 8 targets in 3 networks, ntk)"
    latex = table.to_latex(caption="Indices", label="tab:indices")
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert body.isascii() and body.count("{") == body.count("}") and body.count("$") % 2 == 0
    assert "$5/4 + 1 = 9/4$" in latex and "\\toprule" in latex and "% MLP: mlp(4, 4, leaves=64" in latex
    spec = re.search(r"\\begin\{tabular\}\{@\{\}([lrc]+)@\{\}\}", latex)[1]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 13 and all(line.count("&") == len(spec) - 1 for line in rows)
    assert table.to_markdown().startswith("|") and "<table" in table._repr_html_()
    assert "tabular" in table._repr_latex_()
    records = list(csv.DictReader(io.StringIO(table.to_csv())))
    document = json.loads(table.to_json())
    frame = table.to_pandas()
    assert len(records) == len(document["rows"]) == len(frame) == len(table)
    for row, record, saved, (_, line) in zip(table, records, document["rows"], frame.iterrows()):
        for found in (record, saved, line):
            assert F(found["share"]) == row.share
            assert F(found["CNN(p) learning_index"]) == row.indices["CNN(p)"].learning_index
    with pytest.raises((AttributeError, TypeError)):
        table.rows = ()


def test_files(tmp_path):
    table = es.index_table(es.mlp(4, 1), ["x0"])
    for name in ("latex", "markdown", "csv", "json", "text", "html"):
        assert getattr(table, f"to_{name}")(tmp_path / name) is None
        assert (tmp_path / name).read_text() == getattr(table, f"to_{name}")()


@pytest.mark.parametrize(
    ("nets", "targets", "error", "words"),
    [
        ("mlp", ["x0"], TypeError, "nets must be"),
        ({"a": 3}, ["x0"], TypeError, "net must be a Network"),
        ([], ["x0"], TypeError, "nets must be"),
        ([es.mlp(4, 1)], "x0", TypeError, "targets must be"),
        ([es.mlp(4, 1)], {}, TypeError, "targets must be"),
        ([es.mlp(4, 1)], {0: 1}, TypeError, "targets must be"),
        ([es.mlp(4, 1)], ["x4"], ValueError, "x0 to x3"),
        ([es.mlp(4, 1)], [{1: 1}], ValueError, "leaves are 0 to 0"),
        ([es.mlp(1, 1)], [2], ValueError, "0 or 1"),
    ],
)
def test_bad_input(nets, targets, error, words):
    with pytest.raises(error, match=words):
        es.index_table(nets, targets)


def test_eigenvalues_follow_the_indices_up_to_d_of_four_billion():
    # local slopes of CNN(p) from p = 4 to 256 (d = p**4), on the tree up to symmetry: no network has to be built
    from math import log

    import numpy as np

    from eigenspace.classes import single
    from eigenspace.rings import FLOAT
    from eigenspace.shapes import Shape
    from eigenspace.solver import solve

    def log_eigenvalue(p, value):
        shape = Shape((RBF,), p, ())
        for _ in range(3):
            shape = Shape((RBF,), None, ((shape, p),))
        pool = single(shape, value)
        solution = solve(pool, np.arange(len(pool)) == len(pool) - 1, "ntk", FLOAT, 1e-9, None)
        return float(solution.values.log10()[-1]) * log(10)

    def node(*classes):
        return tuple((0, c) for c in classes)

    # the leading multi-degree of every target: patches under one filter, filters under one wider filter
    classes = {
        "Y1": node(node(node(1))),
        "Y2": node(node(node(2))),
        "Y3": node(node(node(1, 1))),
        "Y4": node(node(node(1, 2))),
        "Y5*": node(node(node(5))),
        "Y5": node(node(node(1)), node(node(1))),
        "Y6": node(node(node(1, 1, 2))),
        "Y7": node(node(node(1), node(1, 2))),
    }
    for name, value in classes.items():
        logs = [log_eigenvalue(p, value) for p in (4, 8, 16, 32, 64, 128, 256)]
        slopes = [(a - b) / (4 * log(2)) for a, b in zip(logs, logs[1:])]
        index = sum(PUBLISHED[name][3]) / 4
        assert abs(slopes[-1] - index) < max(abs(slopes[0] - index) / 4, 2e-3)
        # the slope approaches the index like 1/p + 1/p**2 + ...: extrapolated twice, it has three digits
        once = [2 * b - a for a, b in zip(slopes, slopes[1:])]
        assert (4 * once[-1] - once[-2]) / 3 == pytest.approx(index, abs=5e-4)
