"""Kernel regression against its exact curve, and new runs against those that are stored.

``scripts/lazy_and_feature.py`` measures up to thousands of samples; here is a seeded sample.  Statistical statements
are tested at five standard errors.
"""

import json
import runpy
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import eigenspace as es
from eigenspace.harmonics import gegenbauer, multiplicity

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "scripts/lazy_and_feature.py"))
STORED = {
    (entry["predictor"], entry["dim"], entry["power"]): entry
    for entry in json.loads(SCRIPT["DATA"].read_text(encoding="utf-8"))["entries"]
}


@pytest.mark.parametrize("dim, samples", [(5, 60), (8, 40), (8, 120), (20, 120)])
def test_one_hidden_layer_follows_the_exact_curve(dim, samples):
    """The theory is exact in high dimension; in five the difference, a few percent, is within the errors of 24 runs."""
    net, target = es.mlp(dim, 1), [(1, 0.2), (2, 0.5), (4, 0.3)]
    run = es.kernel_regression(net, target, [samples], seeds=24, test=500, terms=16)
    curve = es.learning_curve(es.spectrum(net, degree=16), target, [samples])
    assert run.error[0] < 0.07 * run.risk[0]
    assert abs(run.risk[0] - curve.risk[0]) < 5 * run.error[0]


@pytest.mark.parametrize(
    "predictor, dim, power, samples",
    [("lazy", 5, 1, 64), ("lazy", 3, 3, 32), ("feature", 3, 0.5, 16), ("feature", 5, 1, 32)],
)
def test_new_runs_agree_with_the_stored_ones(predictor, dim, power, samples):
    entry = STORED[predictor, dim, power]
    place = entry["samples"].index(samples)
    values = [SCRIPT["measure"](predictor, dim, power, samples, seed, 200) for seed in range(1000, 1012)]
    # of logarithms, whose law is nearly normal
    mean, error = np.mean(np.log(values)), np.std(np.log(values), ddof=1) / sqrt(len(values))
    typical, doubt = entry["typical"][place], entry["typical_error"][place]
    assert abs(mean - np.log(typical)) < 5 * np.hypot(error, doubt / typical)


def test_the_sparse_predictor_finds_few_atoms():
    rng = np.random.default_rng(0)
    net = es.mlp(3, 1)
    x, atoms = es.sample(net, 24, rng), es.sample(net, 150, rng)
    truth = np.zeros(150)
    truth[[3, 77, 120]] = 1.0, -2.0, 0.5
    labels = np.maximum(x @ atoms.T, 0) @ truth
    found = SCRIPT["sparse"](x, labels, atoms)
    assert np.max(np.abs(np.maximum(x @ atoms.T, 0) @ found - labels)) < 1e-8
    assert np.abs(found).sum() <= np.abs(truth).sum() + 1e-8 and np.count_nonzero(np.abs(found) > 1e-10) <= 24


@pytest.mark.parametrize("dim, power", [(2, 0.5), (3, 3), (5, 1), (5, 5)])
def test_powers_of_the_teacher(dim, power):
    """Against the integral; all together with the degrees beyond make the variance."""
    def mean(function):
        return quad(lambda a: function(np.cos(a)) * np.sin(a) ** (dim - 2), 0, np.pi / 2)[0]

    for degree in (0, 2, 4, 10):
        exact = mean(lambda t, k=degree: t**power * gegenbauer(dim, k, t)) / mean(lambda t: 1.0)
        assert SCRIPT["coefficients"](dim, power, degree) == pytest.approx(exact, abs=1e-8)
    listed = SCRIPT["powers"](dim, power, 400)
    total = sum(p for _, p in listed)
    # the tail of a power law that falls like k^(-1 - 2 nu), in steps of two
    beyond = listed[-1][1] * 400 / (2 * (2 * power + 1))
    assert total + beyond == pytest.approx(1, abs=0.02 * beyond + 1e-13)
    # power per harmonic k^(-2 nu - (d - 1))
    rates = [np.log(p / multiplicity(dim, k)) for k, p in listed if k in (200, 400)]
    assert (rates[0] - rates[1]) / np.log(2) == pytest.approx(2 * (power + 0.5) + dim - 1, rel=0.02)


def test_slopes_have_their_standard_errors():
    rng, samples = np.random.default_rng(1), 2.0 ** np.arange(3, 9)
    error = 0.05 * np.ones(6)
    risks = samples**-1.5 * np.exp(error * rng.standard_normal((400, 6)))
    fits = [SCRIPT["slope"](samples, risk, risk * error) for risk in risks]
    slopes = np.array([beta for beta, _ in fits])
    assert abs(slopes.mean() - 1.5) < 5 * slopes.std() / 20
    assert slopes.std() == pytest.approx(fits[0][1], rel=0.2)
