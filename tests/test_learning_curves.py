"""Learning curves against mpmath, exact solutions, longer tables and simulated regression."""

import math
from functools import cache

import mpmath
import numpy as np
import pytest

import eigenspace as es
from eigenspace.classes import enumerate_classes
from eigenspace.learning.effective import effective, squares
from eigenspace.learning.spectra import Spectrum, _fewest
from eigenspace.shapes import layout
from tables import spectrum_table

TREE = es.cnn(8, (1, 2), 2, head="dense", activation=es.rbf(0.5))


@cache
def tree(degree):
    """The table of `TREE` up to a degree."""
    return es.spectrum(TREE, degree=degree)


def solution(log2, counts, n, ridge):
    """kappa and the sums of L and L**2 by bisection in mpmath."""
    values = [mpmath.mpf(2) ** mpmath.mpf(x) for x in log2]

    def learned(kappa):
        return mpmath.fsum(m * v / (v + kappa) for v, m in zip(values, counts)) + ridge / kappa

    low, high = mpmath.mpf(10) ** -8000, mpmath.mpf(10) ** 400
    for _ in range(220):
        middle = mpmath.sqrt(low * high)
        low, high = (middle, high) if learned(middle) > n else (low, middle)
    return low, mpmath.fsum(m * (v / (v + low)) ** 2 for v, m in zip(values, counts))


CASES = {
    "moderate": ([0, -3, -7, -12], [1, 10, 100, 1000], [0.5, 5, 50, 500, 1110.5], 0.0),
    "ridge": ([0, -3, -7], [1, 10, 100], [1, 20, 1e6], 0.01),
    "multiplicities beyond floats": ([0, -300, -1500], [1, 10**90, 10**400], [10, 1e50, 1e200, 1e300], 0.0),
    "eigenvalues beyond floats": ([0, -4000, -20000], [3, 2**3990, 2**20000], [2, 1e4, 1e250], 0.0),
    "huge and small": ([900, 3, -900], [2, 7, 1000], [1.5, 8, 700], 0.0),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_effective_ridge_against_mpmath(case):
    log2, counts, samples, ridge = CASES[case]
    spectrum = Spectrum.of(spectrum_table(log2, counts))
    found = effective(spectrum, np.array(samples, dtype=float), ridge)
    with mpmath.workdps(60):
        for i, n in enumerate(samples):
            kappa, square = solution(log2, counts, mpmath.mpf(n), mpmath.mpf(ridge))
            assert abs(found.log2[i] - mpmath.log(kappa, 2)) < 1e-11 * (1 + abs(found.log2[i]) / 100)
            assert found.squares[i] == pytest.approx(float(square), rel=1e-10, abs=1e-90 * n)
            assert abs(found.spread[i] / (n - square) - 1) < 1e-9
            alone = squares(spectrum, found.log2[i : i + 1], np.array([float(n)]))[0]
            assert alone == pytest.approx(float(square), rel=1e-10, abs=1e-90 * n)


@pytest.mark.parametrize("seed", range(4))
def test_many_eigenvalues_in_an_octave_lose_no_digits(seed):
    rng = np.random.default_rng(seed)
    log2 = -np.sort(rng.uniform(0, 25, 4000))
    counts = [int(x) for x in 2 ** rng.uniform(0, 12, 4000)]
    spectrum = Spectrum.of(spectrum_table(log2, counts))
    samples, ridge = np.geomspace(1, 0.9 * sum(counts), 9), 1e-9
    found = effective(spectrum, samples, ridge)
    for n, x, square in zip(samples, found.log2, found.squares):
        share = 1 / (1 + 2.0 ** (x - log2))
        assert math.fsum(counts * share) + ridge / 2.0**x == pytest.approx(n, rel=2e-13)
        assert math.fsum(counts * share**2) == pytest.approx(square, rel=1e-12)


def test_numbers_of_the_critical_regime():
    """d = 30, K = exp(t - 1): learnability and E0 of the full theory, n = 495 and 5000."""
    table = es.zonal_spectrum(lambda t: np.exp(t - 1), 30, range(9))
    curve = es.learning_curve(table, [(2, 1), (3, 1)], [495, 5000])
    assert curve.learnability[0, 0] == pytest.approx(0.54238, abs=5e-6)
    assert curve.learnability[1, 1] == pytest.approx(0.56676, abs=5e-6)
    assert ((curve.bias + curve.variance) / curve.bias).round(4).tolist() == [1.5306, 1.7291]


@pytest.mark.parametrize("n", [1, 50, 99, 99.99])
def test_white_spectrum(n):
    curve = es.learning_curve(spectrum_table([-4], [100]), [(0, 2.0)], [n], noise=0.3)
    share = n / 100
    assert curve.learnability[0, 0] == pytest.approx(share, rel=1e-10)
    assert curve.risk[0] == pytest.approx(((1 - share) ** 2 * 2 + 0.3) / (1 - share), rel=1e-9)
    assert curve.kappa[0] == pytest.approx(2**-4 * (1 - share) / share, rel=1e-9)
    assert curve.train_risk[0] == 0


def test_more_samples_than_eigenfunctions_is_ordinary_least_squares():
    table = spectrum_table([0, -5], [1, 9])
    curve = es.learning_curve(table, [(1, 1.0)], [10, 40], noise=0.2, largest_unlisted=0.0)
    spectrum = Spectrum.of(table)
    assert effective(spectrum, np.array([10.0, 40.0]), 0.0).log2.tolist() == [-math.inf, -math.inf]
    assert spectrum.rest == 0 and curve.risk[0] == math.inf and curve.train_risk[0] == 0
    assert curve.risk[1] == pytest.approx(0.2 * 40 / 30) and curve.train_risk[1] == pytest.approx(0.2 * 30 / 40)
    assert curve.upper[1] >= 0.2 * 40 / 30 * (1 - 1e-9)
    noiseless = effective(spectrum, np.array([10.0]), 0.0)
    assert noiseless.spread[0] == 0 and noiseless.learned[0] == 10


@pytest.mark.parametrize("ridge", [0.0, 1e-3, 5.0])
def test_conservation_and_decomposition(ridge):
    table = es.spectrum(es.mlp(10, 2), degree=6)
    samples = np.geomspace(1, 1e5, 30)
    spectrum = Spectrum.of(table)
    found = effective(spectrum, samples, ridge + spectrum.rest)
    np.testing.assert_allclose(found.learned + (ridge + spectrum.rest) / 2.0**found.log2, samples, rtol=1e-12)
    curve = es.learning_curve(table, [(1, 1.0), (2, 0.5)], samples, ridge=ridge, noise=0.1)
    np.testing.assert_allclose(curve.bias + curve.variance + curve.noise, curve.risk, rtol=1e-12)
    np.testing.assert_allclose(curve.excess_risk, curve.risk - 0.1, rtol=1e-9)
    np.testing.assert_allclose(curve.train_risk, (ridge / (samples * curve.kappa)) ** 2 * curve.risk, rtol=1e-10)


def test_every_ring_and_every_order_of_rows_has_the_same_curve():
    net = es.mlp(6, 1)
    tables = [es.spectrum(net, "nngp", degree=4, ring=ring) for ring in (es.FLOAT, es.ball(128), es.EXACT)]
    tables += [tables[0].sorted("multiplicity"), es.EigenTable.from_json(tables[0].to_json())]
    curves = [es.learning_curve(table, [(1, 1.0), (4, 0.5)], [5, 50, 500], noise=0.1) for table in tables]
    for curve in curves[1:]:
        np.testing.assert_allclose(curve.risk, curves[0].risk, rtol=1e-12)
        np.testing.assert_allclose(curve.upper, curves[0].upper, rtol=1e-9)


# brackets -------------------------------------------------------------------------------------------


def inside(short, long, targets, samples, **options):
    """The curve of a complete table lies inside the bracket of a shortened one."""
    a = es.learning_curve(short, targets, samples, **options)
    b = es.learning_curve(long, targets, samples, **options)
    for low, true, high in (
        (a.lower, b.risk, a.upper),
        (a.log10_kappa_bounds[0], b.log10_kappa, a.log10_kappa_bounds[1]),
        (a.learnability_bounds[0], b.learnability, a.learnability_bounds[1]),
    ):
        slack = 1e-11 * np.where(np.isfinite(true), abs(true), 0.0)
        assert np.all(low <= true + slack) and np.all(true <= high + slack)
    return a


@pytest.mark.parametrize("seed", range(30))
def test_random_spectra_lie_inside_the_brackets_of_their_beginnings(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(4, 40))
    log2 = -np.sort(rng.uniform(0, 40, count))
    counts = [int(x) for x in np.ceil(2 ** (-log2 * rng.uniform(0, 1.2, count)))]
    kept = int(rng.integers(1, count))
    # listed eigenvalues are known with an error, and the truth is somewhere in it
    error = 10 ** rng.uniform(-12, -0.5, count) * (rng.random(count) < 0.5)
    shown = log2 + np.log2(1 + error * rng.uniform(-0.49, 0.49, count))
    long = spectrum_table(log2, counts)
    listed = spectrum_table(shown[:kept], counts[:kept], error=error[:kept])
    short = spectrum_table(shown[:kept], counts[:kept], rest=long.trace - listed.trace, error=error[:kept])
    targets = [(int(i), float(rng.uniform(0, 1))) for i in rng.choice(kept, min(kept, 3), replace=False)]
    samples = np.geomspace(0.5, float(sum(counts)) * 0.7, 25)
    options = {"ridge": float(rng.choice([0, 1e-6, 0.1])), "noise": float(rng.choice([0, 0.05]))}
    bound = 2.0 ** log2[kept] if rng.random() < 0.5 else None
    inside(short, long, targets, samples, **options)
    if bound is not None:
        narrower = es.learning_curve(short, targets, samples, **options, largest_unlisted=bound)
        true = es.learning_curve(long, targets, samples, **options).risk
        assert np.all(narrower.lower <= true * (1 + 1e-11)) and np.all(true <= narrower.upper * (1 + 1e-11))


@pytest.mark.parametrize(
    "net, long, shorts",
    [
        (es.mlp(10, 2), 40, (2, 4, 8)),
        (es.mlp(5, 2, activation=es.rbf(0.5)), 20, (3, 6)),
        (TREE, 4, (2, 3)),
        (es.cnn(1, (2, 2), 1, activation=es.rbf(0.5)), 4, (1, 2, 3)),
    ],
    ids=["sphere", "rbf", "tree", "cube"],
)
def test_tables_of_networks_lie_inside_the_brackets_of_shorter_ones(net, long, shorts):
    made = lambda degree: tree(degree) if net is TREE else es.spectrum(net, degree=degree)
    whole = made(long)
    target = [({0: 1}, 1.0), ({0: 1, 1: 1} if len(net.leaves) > 1 else 2, 0.5)]
    for degree in shorts:
        short = made(degree)
        largest = Spectrum.of(short).largest
        assert np.all(whole.values()[whole.total_degree > degree] <= largest * (1 + 1e-12))
        curve = inside(short, whole, target, np.geomspace(1, 2000, 15), noise=0.01)
        # few samples see the rest as ridge, and the bracket closes
        assert curve.upper[0] / curve.lower[0] < (3 if net.leaves[0].dim == 1 else 1.05)


def test_a_table_with_gaps_knows_less_but_nothing_wrong():
    table = tree(4)
    gappy = table.where(lambda row: row.pattern != "1")
    assert Spectrum.of(gappy).largest >= table.where(pattern="1").values()[0]
    inside(gappy, table, [({0: 2}, 1.0)], [1, 10, 100])


@pytest.mark.parametrize(
    "leaves, degree", [({(3, 4): 1}, 3), ({(2, 6): 1}, 4), ({(5, 1): 2, (4, 3): 1}, 3), ({(1, 4): 1}, 2)]
)
def test_no_class_is_smaller_than_its_bound(leaves, degree):
    parts = [es.leaf(dim) for (dim, size), number in leaves.items() for _ in range(number * size)]
    if leaves.get((5, 1)) == 2:
        parts[0] = es.node([parts[0]], activation=es.rbf(0.5))
    pool = enumerate_classes(layout(es.network([es.node(parts)])).root, degree + 2)
    assert 1 <= _fewest(leaves, degree) <= min(pool.count[pool.degree >= degree])


# targets --------------------------------------------------------------------------------------------


def test_interactions_are_found_up_to_symmetry():
    table = tree(3)
    ways = [{0: 1, 1: 1}, {2: 1, 3: 1}, (0, 0, 1, 1), "x0*x8", table.where(pattern="1 1")[0]]
    found = es.learning_curve(table, [(way, 1.0) for way in ways], [100]).learnability[0]
    assert np.ptp(found) == 0 and found[0] == pytest.approx(
        1 / (1 + es.learning_curve(table, [(ways[0], 1)], 100).kappa[0] / table.where(pattern="1 1")[0].value)
    )
    apart = es.learning_curve(table, [({0: 1, 2: 1}, 1.0)], [100])
    assert apart.learnability[0, 0] < found[0] and apart.targets.patterns == ("1 / 1",)


def test_a_polynomial_is_a_mixture():
    net = es.cnn(4, (1, 4), 4, head="dense", activation=es.rbf(0.25))
    table = es.spectrum(net, degree=4)
    whole = es.learning_curve(table, [("x0*x4*(3*x8**2 - x0**2)", 2.0)], [1000])
    parts = [({0: 1, 1: 1, 2: 2}, 2 * 9 / 11), ({0: 1, 1: 1}, 2 / 11), ({0: 3, 1: 1}, 2 / 11)]
    apart = es.learning_curve(table, parts, [1000])
    assert whole.risk[0] == pytest.approx(apart.risk[0], rel=1e-13)
    assert whole.learnability[0, 0] == pytest.approx(apart.learnability[0] @ [9 / 11, 1 / 11, 1 / 11], rel=1e-13)


def test_a_class_that_is_not_listed_is_computed():
    net = es.mlp(10, 2)
    short = es.spectrum(net, degree=3)
    curve = es.learning_curve(short, [(5, 1.0)], [1000])
    assert curve.learnability[0, 0] == pytest.approx(1 / (1 + curve.kappa[0] / es.eigenvalue(net, 5).value), rel=1e-12)


def test_eigenvalue_zero_is_never_learned():
    table = es.spectrum(es.mlp(10, 1), degree=5)
    curve = es.learning_curve(table, [(3, 0.5)], [10, 1e6])
    assert np.all(curve.learnability == 0) and np.all(curve.bias == 0.5) and np.all(curve.risk >= 0.5)


@pytest.mark.parametrize(
    "target, message",
    [
        ([], "target must be a list of pairs"),
        ({0: 1}, "target must be a list of pairs"),
        ([(1,)], "pairs .degrees, power., got .1,. at position 0"),
        ([(1, -1.0)], r"target\[0\] must be a non-negative real number, got -1.0"),
        ([((1, 1), 1.0)], "one entry per leaf"),
    ],
)
def test_wrong_targets_are_refused(target, message):
    table = es.spectrum(es.mlp(10, 2), degree=3)
    with pytest.raises((TypeError, ValueError), match=message):
        es.learning_curve(table, target, [10])


def test_other_wrong_arguments_are_refused():
    table = es.spectrum(es.mlp(10, 2), degree=3)
    for options, message in [
        ({"samples": [10, 0]}, r"samples\[1\] must be a positive real"),
        ({"samples": []}, "samples must be a number or a non-empty sequence"),
        ({"ridge": -1}, "ridge must be a non-negative real"),
        ({"noise": math.nan}, "noise must be a non-negative real"),
    ]:
        with pytest.raises(ValueError, match=message):
            es.learning_curve(table, [(1, 1)], **({"samples": [10]} | options))
    with pytest.raises(TypeError, match="table must be an EigenTable"):
        es.learning_curve(es.mlp(10, 2), [(1, 1)], [10])
    with pytest.raises(ValueError, match="needs the network"):
        es.learning_curve(spectrum_table([0, -1], [1, 3]), [(7, 1)], [10])
    with pytest.raises(ValueError, match="at least one row"):
        es.learning_curve(table[:0], [(1, 1)], [10])


# simulations ----------------------------------------------------------------------------------------


def regression(features, values, coefficients, n, ridge, noise, rng):
    """Excess risk and training error of one ridge regression on given features with eigenvalues."""
    x = features(rng, n)
    y = x @ coefficients + math.sqrt(noise) * rng.standard_normal(n)
    weighted = x * values
    alpha = np.linalg.solve(weighted @ x.T + ridge * np.eye(n), y)
    return np.sum((weighted.T @ alpha - coefficients) ** 2), np.mean((ridge * alpha) ** 2)


@pytest.mark.parametrize("n, ridge", [(30, 0.0), (60, 0.0), (60, 0.3), (100, 0.02)])
def test_regression_on_gaussian_features(n, ridge):
    values, counts, powers = [0.05, 0.004, 0.0005], [8, 40, 150], [0.5, 0.4, 0.1]
    spread = np.repeat(values, counts)
    coefficients = np.concatenate([np.full(c, math.sqrt(p / c)) for c, p in zip(counts, powers)])
    rng = np.random.default_rng(n)
    gaussian = lambda rng, n: rng.standard_normal((n, spread.size))
    found = np.array([regression(gaussian, spread, coefficients, n, ridge, 0.1, rng) for _ in range(60)])
    curve = es.learning_curve(
        spectrum_table(np.log2(values), counts), list(enumerate(powers)), [n], ridge=ridge, noise=0.1
    )
    found = found[:, : 2 if ridge else 1]
    wanted = [curve.excess_risk[0], curve.train_risk[0]][: 2 if ridge else 1]
    score = (found.mean(axis=0) - wanted) / (found.std(axis=0) / math.sqrt(60))
    assert np.all(np.abs(score) < 5), score


def test_regression_on_the_sphere():
    """The NTK of a network on the sphere in 8 dimensions: a linear and a quadratic target, 150 samples."""
    net = es.mlp(8, 2)
    kernel = es.kernel_function(net)
    rng, found = np.random.default_rng(5), []
    for _ in range(12):
        x = rng.standard_normal((150 + 500, 8))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        # mean squares 1/8 and 1/80: products of two coordinates are harmonics of degree 2
        y = math.sqrt(8) * x[:, 0] + math.sqrt(80) * x[:, 1] * x[:, 2]
        gram = kernel(np.clip(x[:150] @ x.T, -1, 1)[..., None])
        prediction = np.linalg.solve(gram[:, :150], y[:150]) @ gram[:, 150:]
        found.append(np.mean((prediction - y[150:]) ** 2))
    curve = es.learning_curve(es.spectrum(net, degree=20), [(1, 1.0), (2, 1.0)], [150])
    score = (np.mean(found) - curve.risk[0]) / (np.std(found) / math.sqrt(len(found)))
    assert abs(score) < 5, (score, np.mean(found), curve.risk[0])


# displays -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def curve():
    table = tree(3)
    return es.learning_curve(table, [({0: 1}, 1.0), ({0: 2}, 0.5)], [10, 100, 1000], ridge=1e-3, noise=0.1)


def test_displays(curve, tmp_path):
    assert "\n" not in repr(curve) and "3 sample sizes" in repr(curve)
    assert "\\toprule" in curve.to_latex(caption="c") and curve.to_markdown().startswith("|")
    assert "Learning curve" in str(curve) and "<table" in curve._repr_html_()
    frame = curve.to_pandas()
    assert frame.shape == (3, 11) and "learnability 2" in frame and frame.attrs["noise"] == 0.1
    curve.to_csv(tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text().startswith("samples,kappa,log10_kappa,risk,lower,upper")
    assert len(curve) == 3 and curve.kappa.shape == (3,) and curve.learnability.shape == (3, 2)


def test_only_digits_inside_the_bracket_are_printed(curve):
    for text, low, high in zip(curve._sheet(6).columns[2].cells, curve.lower, curve.upper):
        shown = float(text.lstrip("~"))
        unit = 10.0 ** (math.floor(math.log10(shown)) - (len(text.split("e")[0]) - 2 if "." in text else 0))
        assert text.startswith("~") or (shown - 0.51 * unit <= low and high <= shown + 0.51 * unit)


def test_plot_marks_and_names_the_thresholds(curve):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    ax = curve.plot()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(text.endswith(": 1") for text in texts) and any(text.endswith(": 2") for text in texts)
    places = {line.get_label(): line.get_xdata()[0] for line in ax.lines if ":" in str(line.get_label())}
    assert places["a: 1"] == pytest.approx(math.log10(32) * float(curve.targets.learning_index[0]))
    assert ax.get_xlabel() == "number of samples"
    _, given = pyplot.subplots()
    assert curve.plot(given, thresholds=False) is given
    pyplot.close("all")
