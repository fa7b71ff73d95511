"""The comparison computes the right eigenvalues, and its verdicts are those of its definitions."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

import eigenspace as es

ROOT = Path(__file__).parents[1]


@pytest.fixture
def compare(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import compare

    yield compare
    sys.modules.pop("compare", None)


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
