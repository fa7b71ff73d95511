"""Kernel regression against results that are exact for finite samples, and its solvers against each other."""

import numpy as np
import pytest

import eigenspace as es
from eigenspace.data.solvers import solve

LINEAR = es.mlp(24, 1, activation=es.identity)
TREE = es.cnn(4, (1, 2), 3, head="dense")


def within(value, error, truth):
    return np.all(np.abs(value - truth) <= 5 * error)


def test_ridgeless_linear_regression():
    r"""The linear kernel projects on the span of the inputs: for uniform inputs in d dimensions, n < d,

    .. math:: E\,risk = 1 - n/d + \sigma^2 \frac{n (d-2)}{d (d-n-1)},

    exactly: E tr (X X^T)^{-1} = n (d-2) / (d-n-1), the Wishart mean without the lengths of the rows.
    """
    d, noise = 24, 0.3
    for sigma in (0.0, noise):
        run = es.kernel_regression(
            LINEAR, [(1, 1.0)], [6, 12], kernel="nngp", noise=sigma, seeds=40, test=200, terms=4
        )
        n = run.samples
        assert within(run.excess_risk, run.error, 1 - n / d + sigma * n * (d - 2) / (d * (d - n - 1)))
        assert within(run.unlearned[:, 0], run.unlearned_error[:, 0], 1 - n / d)
        assert np.all(run.train_risk < 1e-20)


def test_more_samples_than_functions():
    """A singular matrix: the solution of least norm is exact without noise, and the mean of the labels with it."""
    run = es.kernel_regression(LINEAR, [(1, 1.0)], [50], kernel="nngp", seeds=2, test=50, terms=4)
    assert run.risk[0] < 1e-20 and abs(run.unlearned[0, 0]) < 1e-10
    cube = es.kernel_regression(es.mlp(1, 2, leaves=3), [({0: 1}, 1.0)], [100], noise=0.1, seeds=8, test=100, terms=2)
    # the residuals of n labels around the 8 values of a function on 8 points, chi-square with n - 8 degrees of freedom
    assert within(cube.train_risk, 0.1 * (2 / 800) ** 0.5, 0.1 * (1 - 8 / 100))
    assert 0.5 < cube.excess_risk[0] / (0.1 * 8 / 100) < 2


def test_ridge_regression_in_the_features():
    """The dual solution with a ridge is the primal one: (X^T X + ridge)^{-1} X^T y."""
    rng = np.random.default_rng(0)
    x = es.sample(LINEAR, 40, rng)
    y, ridge = rng.standard_normal(40), 0.2
    alpha = solve(es.gram(LINEAR, x, kernel="nngp"), y, ridge, "cholesky", 0)
    primal = np.linalg.solve(x.T @ x + ridge * np.eye(24), x.T @ y)
    assert np.abs(x.T @ alpha - primal).max() < 1e-13


@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_solvers_agree(ridge):
    x = es.sample(TREE, 250, seed=0)
    y = np.random.default_rng(1).standard_normal(250)
    exact = np.linalg.solve(es.gram(TREE, x) + ridge * np.eye(250), y)
    for solver, dtype, tolerance in [
        ("cholesky", np.float64, 1e-11),
        ("cg", np.float64, 1e-7),
        ("cholesky", np.float32, 1e-4),
        ("cg", np.float32, 1e-3),
    ]:
        found = solve(es.gram(TREE, x, dtype=dtype), y, ridge, solver, 0)
        assert np.linalg.norm(found - exact) < tolerance * np.linalg.norm(exact), (solver, dtype)


def test_least_norm_solution():
    """Of a singular matrix, that of the pseudo-inverse."""
    x = es.sample(LINEAR, 30, seed=0)
    y = x @ np.arange(24.0)
    alpha = solve(es.gram(LINEAR, x, kernel="nngp"), y, 0.0, "cholesky", 0)
    assert np.abs(alpha - np.linalg.pinv(x @ x.T, rcond=1e-10) @ y).max() < 1e-9


def test_an_iteration_that_does_not_converge_says_so(monkeypatch):
    from eigenspace.data import solvers

    monkeypatch.setattr(solvers, "_MOST_STEPS", 2)
    x = es.sample(TREE, 200, seed=0)
    with pytest.raises(es.ConvergenceError, match="use a ridge, dtype=float64 or solver='cholesky'"):
        solve(es.gram(TREE, x), np.ones(200), 0.0, "cg", 0)


def test_points_depend_on_their_seed_and_size_alone():
    target = [({0: 1}, 0.5), ({0: 1, 1: 1}, 0.5)]
    options = {"test": 50, "terms": 4, "noise": 0.1, "ridge": 0.1}
    both = es.kernel_regression(TREE, target, [20, 40], seeds=[5, 2], **options)
    alone = es.kernel_regression(TREE, target, [40], seeds=[2], **options)
    assert both.repetitions[1, 1] == alone.excess_risk[0]
    assert np.isnan(alone.error[0])
    pair = both.repetitions[1]
    assert both.excess_risk[1] == pytest.approx(pair.mean())
    assert both.error[1] == pytest.approx(abs(pair[0] - pair[1]) / 2)
    with pytest.raises(ValueError, match="read-only"):
        both.excess_risk[0] = 0


def test_functions_as_targets():
    linear = lambda X: 4 * X[:, 0]
    run = es.kernel_regression(LINEAR, linear, [50], kernel="nngp", seeds=2, test=40)
    named = es.kernel_regression(LINEAR, [(linear, 1.0), (np.sum, 0.0)][:1], [50], kernel="nngp", seeds=2, test=40)
    assert run.risk[0] < 1e-20 and np.array_equal(run.risk, named.risk) and run.targets == ("<lambda>",)
    with pytest.raises(ValueError, match=r"one finite number for each of 10 inputs, got the shape \(10, 24\)"):
        es.kernel_regression(LINEAR, lambda X: X, [10])


def test_interruption_keeps_what_is_finished():
    calls = []

    def target(X):
        calls.append(len(X))
        if len(calls) > 5:
            raise KeyboardInterrupt
        return X[:, 0]

    run = es.kernel_regression(TREE, target, [10, 20, 30], seeds=2, test=15)
    assert run.samples.tolist() == [10] and not run.complete and "interrupted" in repr(run)
    assert np.isfinite(run.repetitions).all() and run.to_pandas().attrs["complete"] is False
    with pytest.raises(KeyboardInterrupt):
        es.kernel_regression(TREE, target, [10])


def test_frame_and_plot():
    run = es.kernel_regression(TREE, [({0: 1}, 0.7), ({1: 2}, 0.3)], [10, 60], seeds=2, test=40, terms=3)
    frame = run.to_pandas()
    assert frame["unlearned {1: 2}"].tolist() == run.unlearned[:, 1].tolist()
    assert frame.attrs["call"].startswith("eigenspace.kernel_regression(cnn(4, filters=(1, 2)")
    pytest.importorskip("matplotlib")
    ax = run.plot()
    assert ax.lines[0].get_ydata().tolist() == run.risk.tolist() and ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in run.plot(parts=True).get_legend().get_texts()] == ["{0: 1}", "{1: 2}"]


@pytest.mark.parametrize(
    "target, options, error, message",
    [
        ([({0: 1}, 1.0)], {"samples": [10**5]}, ValueError, "100000 samples and 80000000000 bytes; use fewer"),
        ([({0: 1}, 1.0)], {"samples": []}, ValueError, "samples must be a non-empty"),
        ([({0: 1}, -1.0)], {}, ValueError, "power must be a non-negative"),
        ([({0: 1},)], {}, TypeError, "pairs"),
        ([], {}, ValueError, "at least one pair"),
        (3, {}, TypeError, "target must be pairs"),
        ([({9: 1}, 1.0)], {}, ValueError, "degrees must be an integer from 0 to 5"),
        ([({0: 1}, 1.0)], {"seeds": [1, 1]}, ValueError, "seeds must be different"),
        ([({0: 1}, 1.0)], {"noise": -0.1}, ValueError, "noise must be a non-negative real number, got -0.1; it is a v"),
        ([({0: 1}, 1.0)], {"solver": "lu"}, ValueError, "solver must be one of"),
    ],
)
def test_bad_input(target, options, error, message):
    with pytest.raises(error, match=message):
        es.kernel_regression(TREE, target, **{"samples": [10]} | options)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_parts_alone_are_experiments_of_their_own(solver):
    """The functions of a list are fixed, so a run of one of them alone has the same inputs and noise."""
    functions = [es.random_function(TREE, degrees, seed=k, terms=4) for k, degrees in enumerate(({0: 1}, {0: 2}))]
    options = {"seeds": [3, 4], "test": 30, "noise": 0.1, "ridge": 0.01, "solver": solver}
    both = es.kernel_regression(TREE, [(functions[0], 0.7), (functions[1], 0.3)], [40], **options)
    for place, power in enumerate((0.7, 0.3)):
        single = es.kernel_regression(TREE, [(functions[place], power)], [40], **options)
        assert both.alone[0, place] == pytest.approx(single.excess_risk[0], rel=1e-6)
        assert both.alone_error[0, place] == pytest.approx(single.error[0], rel=1e-6)
        assert single.alone[0, 0] == single.excess_risk[0]


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_risk_on_the_samples(solver, monkeypatch):
    """Fitted values from the half of the matrix that the solver leaves alone, in several blocks."""
    from eigenspace.data import regression

    monkeypatch.setattr(regression, "_ROWS", 16)
    seen = []

    def target(X):
        seen.append(X)
        return X[:, 0] * X[:, 1]

    run = es.kernel_regression(TREE, target, [50], noise=0.1, ridge=0.3, seeds=[1], test=20, solver=solver)
    rng = np.random.default_rng([1, 50])
    x = es.sample(TREE, 50, rng)
    labels = target(x) + 0.1**0.5 * rng.standard_normal(50)
    matrix = es.gram(TREE, x)
    fitted = matrix @ np.linalg.solve(matrix + 0.3 * np.eye(50), labels)
    assert np.array_equal(seen[0], x)
    assert run.train_risk[0] == pytest.approx(np.mean((fitted - labels) ** 2), rel=1e-7)
