"""Learning curves against kernel regression: a seeded sample of ``scripts/theory_vs_experiment.py``.

The prediction shares only the network with the measurement: the one comes from eigenvalues, the other from inputs and
a Gram matrix. z is in units of the standard error over the seeds, with Student's distribution accounted for.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import theory_vs_experiment as tve  # noqa: E402

SAMPLES, SEEDS, DEGREE = (120, 300), range(100, 106), 5


def sample_of(name, samples=SAMPLES):
    points = [{"network": name, "n": n, "seed": seed} for n in samples for seed in SEEDS]
    return tve.collect([{"arguments": point, "value": tve.measure(**point, test=300)} for point in points], name)


@pytest.mark.parametrize("name", tve.CASES)
def test_measured_risks_are_the_predicted_ones(name):
    entries = tve.compare(name, sample_of(name), DEGREE)
    assert len(entries) == len(SAMPLES) * len(tve.CASES[name].names)
    for entry in entries:
        assert abs(entry["z"]) < 5 and abs(entry.get("unlearned_z", 0.0)) < 5, entry
        assert entry["error"] < 0.25 * entry["measured"], "the comparison would say nothing"
        assert entry["bracket"][1] < 1.02 * entry["bracket"][0]


def test_another_network_is_told_apart():
    """The same eigenvalues with multiplicities of the flattened network do not predict the pooled one."""
    z = [entry["z"] for entry in tve.compare("flatten", sample_of("gap", SAMPLES[1:]), DEGREE)]
    assert max(z) < -3 and min(z) < -5


@pytest.mark.parametrize("name", ["mlp", "s_cnn", "flatten", "gap"])
def test_stored_measurements(name):
    """The committed data, up to 8000 samples, beside predictions that are made now."""
    measured = tve.read()[name]
    entries = tve.compare(name, measured)
    z = np.array([entry["z"] for entry in entries] + [e["unlearned_z"] for e in entries if "unlearned_z" in e])
    assert max(measured) == 8000 and np.max(np.abs(z)) < 5
    # the targets of a point share their inputs, so these z are not independent
    assert 0.6 < np.sqrt(np.mean(z**2)) < 1.5


def test_deviates_follow_students_law():
    rng = np.random.default_rng(0)
    for seeds in (2, 4, 12):
        z = tve.normal_deviate(rng.standard_normal((seeds, 20000)), 0.0, 0.0)
        assert np.mean(z**2) == pytest.approx(1, abs=0.06) and np.mean(np.abs(z) < 2) == pytest.approx(0.9545, abs=0.01)
    # inside a bracket nothing deviates; outside, the distance to the nearer end counts
    assert tve.normal_deviate(np.array([0.9, 1.1]), 0.5, 1.5) == 0
    assert tve.normal_deviate(np.array([0.9, 1.1]), 1.5, 2.0) < 0 < tve.normal_deviate(np.array([0.9, 1.1]), 0.1, 0.5)
