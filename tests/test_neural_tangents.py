"""Kernel functions against values of neural-tangents (see the header of the file and the script that made it).

The values are kernels of actual inputs; the tolerance is 1e-12 of the kernel at equal inputs.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import eigenspace as es

CASES = json.loads((Path(__file__).parent / "reference" / "neural_tangents.json").read_text())["cases"]
NAMES = {name: getattr(es, name) for name in es.__all__}


def disagreement(case: dict, kernel: str) -> float:
    """Largest difference to the values of neural-tangents, in units of the kernel at equal inputs."""
    function = es.kernel_function(eval(case["call"], dict(NAMES)), kernel)
    xi = np.array(case["xi"])
    return np.max(np.abs(function(xi) - case[kernel])) / function(np.ones_like(xi[0]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["call"])
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_kernels(case, kernel):
    assert disagreement(case, kernel) < 1e-12


def test_cases_are_many_and_varied():
    calls = [case["call"] for case in CASES]
    assert len(set(calls)) == len(calls) >= 150
    for text in ("gap", "dense", "residual", "sigma_w", "sigma_b", ":=", "leaf(1)", "(2, 2)", "1000", "hypercube"):
        assert any(text in call for call in calls), text


def test_comparison_can_fail():
    case = dict(next(case for case in CASES if case["call"] == "mlp(3, 2)"))
    case["ntk"] = [value * (1 + 1e-11) for value in case["ntk"]]
    assert disagreement(case, "ntk") > 1e-12
