"""The comparison computes the right eigenvalues and draws the verdicts of its definitions; ladders are climbed."""

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenspace as es

ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmarks(monkeypatch):
    """What a benchmark imports from its own folder; forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield
    for name in ("compare", "gram", "measure", "scaling"):
        if name not in before:
            sys.modules.pop(name, None)


@pytest.fixture
def compare(benchmarks):
    import compare

    return compare


@pytest.fixture
def scaling(benchmarks):
    import scaling

    return scaling


# how far a method is off in a tiny case; the error of a Gram matrix is that of its sample
@pytest.mark.parametrize(
    ("method", "within"),
    [
        ("eigenspace", 1e-14),
        ("mpmath, 15 digits", 1e-12),
        ("mpmath, digits as needed", 1e-17),
        ("SciPy, Gauss–Gegenbauer", 1e-10),
        ("Gram matrix, NumPy eigh", 0.1),
    ],
)
def test_eigenvalues(compare, method, within, monkeypatch):
    monkeypatch.setattr(compare, "INPUTS", 200)
    degrees = (0, 1, 3) if "Gram" not in method else (0, 1)
    truth = compare.certified(10, degrees)
    found = compare.METHODS[method](10, degrees)
    errors = compare.errors(found, truth)
    assert len(errors) == len(degrees) and max(errors) < within


def test_kernel_of_the_tree(compare):
    net = es.cnn(3, (1, 2), 2, head="dense")
    x = compare.spheres(5, 4, 3)
    xi = np.clip(np.einsum("nid,mid->nmi", x, x), -1, 1)
    for name, matrix in zip(("nngp", "ntk"), compare.tree_kernels(x, x, (2,))):
        assert np.abs(matrix - es.kernel_function(net, name)(xi))[~np.eye(5, dtype=bool)].max() < 1e-14


def test_a_tree_of_two_leaves_by_all_means(compare, monkeypatch):
    monkeypatch.setattr(compare, "TREES", ((16, (1,), 2, 1), (3, (1, 2), 2, 2)))
    monkeypatch.setattr(compare, "INPUTS", 300)
    results = {method: compare.trees(method) for method in compare.TREE_METHODS}
    ours, quadrature, sampled = (results[method][0] for method in compare.TREE_METHODS)
    assert ours["classes"] == quadrature["classes"] == sampled["classes"] == 2
    assert max(ours["errors"]) < 1e-11 and max(quadrature["errors"]) < 1e-13
    assert 1e-6 < max(sampled["errors"]) < 1
    rows = compare.tree_rows(results)
    assert [row[1] for row in rows] == [2, 2, 2, 4] and [row[5] for row in rows] == [2, 2, 0, ""]
    assert rows[3][4] == len(es.spectrum(es.cnn(3, (1, 2), 2, head="dense"), degree=2))


def test_price_and_how_often_it_goes_into_that_of_mpmath(compare):
    assert compare.price(6.0, [1e-12, 1e-11, 1e-3]) == 3 and compare.price(1.0, [1.0]) == math.inf
    prices = {"mpmath, 15 digits": math.inf, "mpmath, digits as needed": 3.0, "eigenspace": 0.02, "slow": 6.0}
    assert [compare.faster(prices, method) for method in prices] == ["–", "1", "150", "0.5"]


def test_verdicts(compare):
    truth = ["1.0", "2e-400", "3.0"]
    found = compare.errors(["1.00000000001", "2e-400", "3.1"], truth)
    assert found[1] == 0 and math.isclose(found[0], 1e-11, rel_tol=1e-4) and math.isclose(found[2], 1 / 30)
    assert compare.usable((0, 2, 5), found) == 2 and compare.usable((0,), [math.nan]) is None
    assert [compare.multiplicity(10, k) for k in range(4)] == [1, 10, 54, 210]


def test_page_has_its_markers(compare):
    text = compare.PAGE.read_text(encoding="utf-8")
    assert text.count(compare.BEGIN) == text.count(compare.END) == 1
    assert text.index(compare.BEGIN) < text.index("## One sphere") < text.index(compare.END)


# --- scaling --------------------------------------------------------------------------------------------------------


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_networks_of_the_ladders(scaling):
    assert [scaling.network(4**k, 3).call for k in (1, 3)] == [
        "cnn(3, filters=(1,), positions=4, head='dense')",
        "cnn(3, filters=(1, 4, 4), positions=4, head='dense')",
    ]
    assert len(scaling.network(64, 16).leaves) == 64
    with pytest.raises(ValueError, match="power of 4, got 32"):
        scaling.network(32, 3)


def test_rungs_are_bounded_by_the_options(scaling):
    least = {"degree": 4, "leaves": 16, "order": 48, "samples": 10}
    assert [q["degree"] for q in scaling.rungs("degree", **least)] == [2, 4]
    assert [(q["leaves"], q["degree"]) for q in scaling.rungs("leaves", **least)] == [(4, 4), (16, 4)]
    assert [(q["degree"], q["order"]) for q in scaling.rungs("order", **least)][-1] == (4, 48)
    assert scaling.rungs("gram", **least) == [{"leaves": 16, "samples": 10, "dim": 8}]


def test_one_rung_of_every_ladder(scaling):
    found = scaling.table(4, 3, dim=3)
    assert found["classes"] == len(es.spectrum(es.cnn(3, (1,), 4, head="dense"), degree=3)) and found["order"] >= 24
    assert 0 < found["before"] <= found["peak"] and found["wall"] > 0
    wide, narrow = (scaling.brackets(4, 2, order, dim=16) for order in (6, 48))
    assert narrow["classes"] == 4 and narrow["median"] <= narrow["widest"] < 1e-3 * wide["widest"]
    assert scaling.gram(4, 20, dim=3)["inputs"] == 20 * 12 * 8


def test_a_file_is_written_and_says_how(scaling, tmp_path):
    """One rung of the ladder through a process of its own."""
    scaling.main(["--only", "degree", "--degree", "2", "--folder", str(tmp_path)])
    (path,) = tmp_path.iterdir()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# command: python benchmarks/scaling.py --degree 2 --leaves 4096 --order 768 --samples 1000"
    assert lines[1].startswith(f"# versions: Python {sys.version.split()[0]}, eigenspace {es.__version__}, numpy")
    (row,) = rows_of(path)
    assert tuple(row) == scaling.COLUMNS["degree"] and (row["degree"], row["classes"]) == ("2", "6")


@pytest.mark.parametrize("ladder", ["degree", "leaves", "order", "gram"])
def test_stored_measurements_have_the_columns_that_are_plotted(scaling, ladder):
    rows = rows_of(scaling.FOLDER / f"scaling_{ladder}.csv")
    assert len(rows) > 2 and set(rows[0]) == set(scaling.COLUMNS[ladder])
    assert all(float(row["wall"]) > 0 for row in rows)
