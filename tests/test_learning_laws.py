"""Gradient flow, the critical regime, the staircase and exponents, each against another route."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy

import eigenspace as es
from eigenspace.learning import learn
from eigenspace.learning.flows import _rule
from tables import spectrum_table

VALUES, COUNTS, POWERS = [0.05, 0.004, 0.0005], [8, 40, 150], [0.5, 0.4, 0.1]
TARGET = list(enumerate(POWERS))


@pytest.fixture(scope="module")
def sphere():
    return es.spectrum(es.mlp(10, 2), degree=8)


@pytest.fixture(scope="module")
def exponential():
    return es.zonal_spectrum(lambda t: np.exp(t - 1), 30, range(7))


# gradient flow ---------------------------------------------------------------------------------------


def test_population_flow_is_a_sum_of_exponentials(sphere):
    times = np.array([0.0, 0.5, 3, 1e3, 1e6])
    flow = es.gradient_flow(sphere, [(1, 0.7), (3, 0.3)], times, noise=0.05)
    rates = sphere.values()[[1, 3]]
    left = np.exp(-np.outer(times, rates))
    np.testing.assert_allclose(flow.risk, left**2 @ [0.7, 0.3] + 0.05, rtol=1e-12)
    np.testing.assert_allclose(flow.learned, 1 - left, rtol=1e-12, atol=1e-15)
    assert np.all(flow.lower <= flow.risk) and np.all(flow.risk <= flow.upper) and flow.samples is None
    np.testing.assert_allclose(flow.excess_risk, flow.risk - 0.05, atol=1e-15)


def test_rates_far_below_floats_are_followed():
    flow = es.gradient_flow(spectrum_table([0, -3000], [1, 1]), [(1, 1.0)], [1, 1e300], noise=0.0)
    assert flow.risk.tolist() == [1.0, 1.0] and flow.learned[1, 0] == 0
    flow = es.gradient_flow(spectrum_table([0, -900], [1, 1]), [(1, 1.0)], [2.0**900])
    assert flow.learned[0, 0] == pytest.approx(1 - math.exp(-1), rel=1e-12)


def test_weights_of_the_rule_invert_laplace_transforms():
    zeta, weight = _rule()
    for t in (0.3, 1.0, 7.0):
        # of 1/(s (s + 1)): 1 - exp(-t)
        assert 2 * np.sum(weight / (zeta / t + 1)).real == pytest.approx(1 - math.exp(-t), abs=1e-11)
    assert 2 * np.sum(weight).real == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("n", [20, 300, 1e5])
def test_long_flow_is_ridgeless_regression(sphere, n):
    flow = es.gradient_flow(sphere, [(1, 0.7), (3, 0.3)], [1e13], samples=n, noise=0.05)
    curve = es.learning_curve(sphere, [(1, 0.7), (3, 0.3)], [n], noise=0.05)
    assert flow.risk[0] == pytest.approx(curve.risk[0], rel=1e-6)
    np.testing.assert_allclose(flow.learned, curve.learnability, rtol=1e-6)
    assert flow.train_risk[0] < 1e-8


def test_flow_of_many_samples_is_the_population_flow(sphere):
    times = [0, 0.1, 1, 10, 100]
    many, all_of = (es.gradient_flow(sphere, [(1, 0.7), (3, 0.3)], times, samples=n, noise=0.1) for n in (1e12, None))
    np.testing.assert_allclose(many.risk, all_of.risk, rtol=1e-8)
    np.testing.assert_allclose(many.train_risk, all_of.risk, rtol=1e-8)
    np.testing.assert_allclose(many.learned, all_of.learned, atol=1e-8)


def test_flow_with_finitely_many_samples_against_simulation():
    times, n, runs = [5, 50, 500, 5000], 50, 150
    spread = np.repeat(VALUES, COUNTS)
    coefficients = np.concatenate([np.full(c, math.sqrt(p / c)) for c, p in zip(COUNTS, POWERS)])
    rng, found = np.random.default_rng(0), []
    for _ in range(runs):
        x = rng.standard_normal((n, spread.size))
        y = x @ coefficients + math.sqrt(0.1) * rng.standard_normal(n)
        gram = (x * spread) @ x.T
        rates, modes = np.linalg.eigh(gram)
        row = []
        for t in times:
            alpha = modes @ (-np.expm1(-t * rates / n) / rates * (modes.T @ y))
            learned = spread * (x.T @ alpha)
            row += [np.sum((learned - coefficients) ** 2), np.mean((gram @ alpha - y) ** 2), learned @ coefficients]
        found.append(row)
    flow = es.gradient_flow(spectrum_table(np.log2(VALUES), COUNTS), TARGET, times, samples=n, noise=0.1)
    found = np.array(found).reshape(runs, len(times), 3)
    wanted = np.stack([flow.excess_risk, flow.train_risk, flow.learned @ POWERS], axis=1)
    score = (found.mean(axis=0) - wanted) / (found.std(axis=0) / math.sqrt(runs))
    # the last training errors are far below what the theory resolves at this size
    assert np.all(np.abs(score[:, [0, 2]]) < 5) and np.all(np.abs(score[:2, 1]) < 5), score


def test_displays_of_a_flow(sphere):
    flow = es.gradient_flow(sphere, [(1, 0.7), (3, 0.3)], [1, 1e9], samples=100)
    assert "100 samples" in repr(flow) and "training" in str(flow) and "\\toprule" in flow.to_latex()
    assert flow.to_pandas().columns.tolist() == ["time", "risk", "train_risk", "learned 1", "learned 3"]
    assert flow.to_markdown().startswith("|") and "<table" in flow._repr_html_()


def test_wrong_arguments_of_a_flow(sphere):
    for options, message in [
        ({"times": [-1]}, r"times\[0\] must be a non-negative real"),
        ({"times": []}, "times must be a number or a non-empty"),
        ({"times": [1], "samples": 0}, "samples must be a positive real"),
    ]:
        with pytest.raises(ValueError, match=message):
            es.gradient_flow(sphere, [(1, 1)], **options)


# the critical regime ---------------------------------------------------------------------------------


def test_critical_formula_has_the_known_numbers(exponential):
    found = es.critical_curve(exponential, [(2, 0.6), (3, 0.4)], [495, 5000])
    assert found.degree.tolist() == [2, 3] and found.psi[0] == 1
    assert found.learnability.round(4).tolist() == [0.5375, 0.5616]
    assert found.amplification.round(4).tolist() == [1.4062, 1.5271]
    assert found.risk[0] == pytest.approx(1.40619 * (0.46255**2 * 0.6 + 0.4), rel=1e-4)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_peaks_are_where_the_formula_is_largest(exponential, degree):
    place, height = es.critical_curve(exponential, [(1, 1)], [10]).peaks[degree]
    start = sum(exponential.multiplicity[:degree])
    samples = start + np.linspace(0.2, 1.8, 1601) * (place - start)
    found = es.critical_curve(exponential, [(1, 1)], samples, degree=degree)
    assert samples[np.argmax(found.amplification)] == pytest.approx(place, rel=2e-3)
    assert found.amplification.max() == pytest.approx(height, rel=1e-6) and found.amplification.max() <= height + 1e-12


def test_the_full_theory_tends_to_the_critical_formula():
    gaps = []
    for dim in (30, 300, 3000):
        table = es.zonal_spectrum(lambda t: np.exp(t - 1), dim, range(6))
        n = [1 + dim + 0.8 * int(table.multiplicity[2])]
        target = [(2, 0.6), (3, 0.4)]
        full = es.learning_curve(table, target, n, noise=0.1).risk[0]
        gaps.append(abs(es.critical_curve(table, target, n, noise=0.1).risk[0] / full - 1))
    assert gaps[0] < 0.1 and gaps[1] < gaps[0] / 5 and gaps[2] < gaps[1] / 5


def test_ridge_flattens_the_peaks(exponential):
    plain, ridged = (es.critical_curve(exponential, [(2, 1)], [495], ridge=r, noise=1.0) for r in (0, 1))
    assert ridged.amplification[0] < plain.amplification[0] and ridged.peaks[2][1] < plain.peaks[2][1]
    assert plain.to_pandas().shape == (1, 6) and "degree [2]" in repr(plain)


def test_wrong_arguments_of_the_critical_curve(exponential):
    with pytest.raises(ValueError, match="samples must exceed the 31 harmonics below degree 2, got 20"):
        es.critical_curve(exponential, [(2, 1)], [20], degree=2)
    with pytest.raises(ValueError, match="without gaps"):
        es.critical_curve(exponential.where(total_degree=(0, 2)), [(2, 1)], [20])


# the staircase ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree():
    return es.spectrum(es.cnn(16, (1, 4), 4, head="dense", activation=es.rbf(0.25)), degree=3)


def test_half_is_learned_at_the_threshold(tree):
    steps = es.staircase(tree)
    assert [step.order for step in steps] == list(range(1, len(steps) + 1))
    assert np.all(np.diff([step.log10_value for step in steps]) < 0)
    for step in steps:
        curve = es.learning_curve(tree, [(dict(step.degrees), 1.0)], [10**step.samples])
        assert curve.learnability[0, 0] == pytest.approx(0.5, abs=1e-9)
        low, high = curve.learnability_bounds[:, 0, 0]
        assert low <= 0.5 <= high and step.samples_bounds[0] <= step.samples <= step.samples_bounds[1]
        assert step.time == -step.log10_value
        assert step.scale == pytest.approx(math.log10(256) * float(step.learning_index))


def test_thresholds_of_longer_tables_lie_inside_the_bounds():
    net = es.mlp(10, 2)
    short, long = (es.staircase(net, degree=degree) for degree in (4, 16))
    for a, b in zip(short, long):
        assert a.pattern == b.pattern and a.samples_bounds[0] <= b.samples <= a.samples_bounds[1] + 1e-12


def test_what_is_learned_by_samples_or_time(tree):
    steps = es.staircase(tree, samples=5000)
    assert [step.pattern for step in steps] == ["0", "1", "2"] and all(step.learned >= 0.5 for step in steps)
    # 5,000 samples lie between the thresholds of 2 and of 1 1, and a time of 20,000 between theirs
    timed = es.staircase(tree, time=2e4)
    assert [step.pattern for step in timed] == ["0", "1", "2"]
    assert timed[2].learned == pytest.approx(1 - math.exp(-2e4 * 10 ** timed[2].log10_value))
    with pytest.raises(ValueError, match="one of samples and time"):
        es.staircase(tree, samples=10, time=10)
    with pytest.raises(ValueError, match="degree is for networks"):
        es.staircase(tree, degree=2)


def test_zeros_are_counted_and_displays_work(tree):
    steps = es.staircase(es.mlp(10, 1), degree=5)
    assert [step.pattern for step in steps] == ["0", "1", "2", "4"] and steps.unlearned == 2
    assert "Never learned: 2 classes" in str(steps)
    shown = es.staircase(tree, samples=5000)
    assert "\\toprule" in shown.to_latex() and shown.to_markdown().startswith("|") and "<table" in shown._repr_html_()
    assert len(shown.to_pandas()) == 3 and repr(shown) == "Staircase(3 steps, by 5000 samples)"


def test_xiao_order_of_learning():
    """The deep network learns Y1, Y2, Y3, Y5 in this order, the MLP by degree alone [Xiao2022, sec. 5]."""
    names = {"Y1": {0: 1}, "Y2": {0: 1, 1: 1}, "Y3": {0: 1, 4: 1}, "Y5": {0: 1, 16: 1}}
    deep = es.spectrum(es.cnn(4, (1, 4, 4), 4, head="dense", activation=es.rbf(0.25)), degree=2)
    found = es.learning_curve(deep, [(degrees, 1.0) for degrees in names.values()], [2000]).learnability[0]
    assert np.all(np.diff(found) < 0)
    wide = es.spectrum(es.mlp(4, 4, leaves=64, activation=es.rbf(0.25)), degree=2)
    found = es.learning_curve(wide, [(degrees, 1.0) for degrees in names.values()], [2000]).learnability[0]
    assert np.ptp(found[1:]) == 0 and found[0] > found[1]


def test_learn_is_the_pipe_of_the_command_line():
    net = es.mlp(10, 2)
    assert learn(net, [(1, 1.0)], [10, 100], noise=0.1, degree=5).risk.shape == (2,)
    assert learn(net, [(1, 1.0)], 50, times=[1, 2], degree=5).samples == 50
    with pytest.raises(ValueError, match="ridge must be 0"):
        learn(net, [(1, 1.0)], times=[1], ridge=0.1, degree=2)


# exponents -------------------------------------------------------------------------------------------

EXACT = [
    ("lazy", {"dim": 2, "smoothness": 1}, Fraction(2)),
    ("lazy", {"dim": 2, "smoothness": 5}, Fraction(4)),
    ("lazy", {"dim": 3, "smoothness": 4}, Fraction(3)),
    ("lazy", {"dim": 5, "smoothness": 1.5}, Fraction(3, 4)),
    ("lazy", {"dim": 5, "smoothness": 4.5}, Fraction(9, 4)),
    ("lazy", {"dim": 5, "smoothness": 6.5}, Fraction(5, 2)),
    ("feature", {"dim": 5, "smoothness": 1.5}, Fraction(3, 4)),
    ("feature", {"dim": 5, "smoothness": 4.5}, Fraction(7, 4)),
    ("feature", {"dim": 2, "smoothness": 9}, Fraction(4)),
    ("teacher_student", {"dim": 4, "target": 3, "kernel": 1}, Fraction(3, 4)),
    ("teacher_student", {"dim": 4, "target": 30, "kernel": 1}, Fraction(5, 2)),
    ("deep_cnn", {"patches": (2, 2, 2), "smoothness": 1}, Fraction(1, 2)),
    ("deep_cnn", {"patches": (3, 2), "smoothness": 99}, Fraction(5, 2)),
    ("deep_cnn", {"patches": (3, 2), "smoothness": 99, "singularity": Fraction(3, 2)}, Fraction(7, 2)),
    ("local", {"teacher_patch": 2, "student_patch": 4, "teacher": 1, "student": 1}, Fraction(1, 4)),
    ("local", {"teacher_patch": 4, "student_patch": 4, "teacher": 11, "student": 1}, Fraction(10, 4)),
    ("local", {"teacher_patch": 8, "student_patch": 4, "teacher": 1, "student": 1}, Fraction(0)),
    ("ranks", {"eigenvalues": 2, "powers": 3}, Fraction(2)),
    ("ranks", {"eigenvalues": 2, "powers": 9}, Fraction(4)),
]


@pytest.mark.parametrize("law, parameters, beta", EXACT, ids=lambda x: str(x))
def test_exponents_are_exact(law, parameters, beta):
    found = es.exponents(law, **parameters)
    assert isinstance(found.beta, Fraction) and found.beta == beta
    assert found.source.split(";")[0] in found.to_latex() and r"\beta" in found._repr_latex_()


def test_symbols_stay_symbols():
    d, nu = sympy.symbols("d nu", positive=True)
    found = es.exponents("lazy", dim=d, smoothness=nu).beta
    assert sympy.simplify(found - sympy.Min(2 * nu, 2 * d) / (d - 1)) == 0
    assert found.subs({d: 5, nu: sympy.Rational(9, 2)}) == sympy.Rational(9, 4)


@pytest.mark.parametrize("dim, smoothness", [(2, 1), (2, 5), (3, 1), (3, 4), (5, 1.5), (5, 4.5), (5, 6.5)])
def test_curves_of_pure_powers_have_the_exponent(dim, smoothness):
    law = es.exponents("lazy", dim=dim, smoothness=smoothness)
    fit = law.fit()
    assert fit.beta == pytest.approx(float(law.beta), rel=0.01) and fit.low <= fit.beta <= fit.high


def test_other_laws_have_their_exponent_too():
    for law, parameters, beta in EXACT:
        if law in ("teacher_student", "ranks", "deep_cnn") and beta < 3 and parameters.get("smoothness") != 99:
            assert es.exponents(law, **parameters).fit().beta == pytest.approx(float(beta), rel=0.02), (law, parameters)


def test_curve_of_a_network_comes_close():
    law = es.exponents("lazy", dim=3, smoothness=1)
    fit = law.fit(es.mlp(3, 2), samples=np.geomspace(100, 1000, 5))
    assert abs(fit.beta - 1) < 0.06 and fit.low <= fit.beta <= fit.high and len(fit.risk) == 5


def test_wrong_laws_and_parameters_are_refused():
    d, lazy = sympy.Symbol("d", positive=True), es.exponents("lazy", dim=3, smoothness=1)
    for call, error, message in [
        (lambda: es.exponents("lasy", dim=3), ValueError, "did you mean 'lazy'"),
        (lambda: es.exponents("lazy", dim=3), TypeError, "add smoothness"),
        (lambda: es.exponents("lazy", dim=3, smoothness=1, a=2), TypeError, "drop a"),
        (lambda: es.exponents("lazy", dim=1, smoothness=1), ValueError, "dim must be at least 2"),
        (lambda: es.exponents("feature", dim=3, smoothness=1).fit(), es.UnsupportedError, "not one of kernel"),
        (lambda: es.exponents("lazy", dim=d, smoothness=1).fit(), ValueError, "numbers in place of symbols"),
        (lambda: lazy.fit(es.mlp(4, 2)), ValueError, "one sphere in dimension 3"),
        (lambda: lazy.fit(es.mlp(3, 1), samples=[5, 9]), ValueError, "at degree 3"),
        (lambda: lazy.fit(samples=[9, 5]), ValueError, "ascending"),
    ]:
        with pytest.raises(error, match=message):
            call()
