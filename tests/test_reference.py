"""Eigenvalues against independent references (see the headers of tests/reference and scripts/reference).

A seeded sample runs here; ``python scripts/check_references.py`` compares every case.
"""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from check_references import FILES, cases, compare  # noqa: E402

SAMPLE = {"one_sphere": 220, "patches": 60, "boolean": 90, "hypercube": 8, "trees": 60}


@pytest.mark.parametrize("name", FILES)
def test_sample(name):
    chosen = random.Random(20240607).sample(cases(name), SAMPLE[name])
    failures = [message for case in chosen if (message := compare(name, case))]
    assert not failures, "\n".join(failures)


def test_comparison_can_fail():
    case = dict(next(c for c in cases("one_sphere") if c["dim"] == 3 and c["degree"] == 2))
    digits = case["value"]
    case["value"] = digits[:10] + str((int(digits[10]) + 1) % 10) + digits[11:]
    assert compare("one_sphere", case)
