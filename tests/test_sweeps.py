"""Many runs: every point once, in any order, on any backend of joblib."""

import json
from functools import partial

import numpy as np
import pytest

import eigenspace as es


def power(base, exponent=2):
    """A point; negative bases fail."""
    if base < 0:
        raise ValueError(f"base {base} is negative")
    return {"value": base**exponent, "roots": np.array([base, -base])}


def logged(path, n):
    """A point that leaves a trace of each call."""
    with open(path, "a") as file:
        file.write(f"{n}\n")
    if n == 13:
        raise KeyboardInterrupt
    return n * n


def name_of(net, kernel):
    return f"{net.depth} {kernel}"


def test_all_combinations_in_order():
    run = es.sweep(power, {"base": [3, 2], "exponent": (1, 2)})
    assert [record["arguments"] for record in run.records] == [
        {"base": 3, "exponent": 1}, {"base": 3, "exponent": 2}, {"base": 2, "exponent": 1}, {"base": 2, "exponent": 2}
    ]  # fmt: skip
    assert [value["value"] for value in run.values()] == [3, 9, 2, 4]
    frame = run.to_pandas()
    assert list(frame.columns) == ["base", "exponent", "value", "roots"] and frame["value"].tolist() == [3, 9, 2, 4]
    assert es.sweep(power, [{"base": 5}]).values()[0]["value"] == 25


def test_finished_points_are_not_computed_again(tmp_path):
    store, trace = tmp_path / "runs" / "a.jsonl", str(tmp_path / "trace")
    first = es.sweep(logged, {"path": [trace], "n": [1, 2, 3]}, store=store)
    second = es.sweep(logged, {"path": [trace], "n": [3, 4, 2]}, store=store)
    assert first.values() == [1, 4, 9] and second.values() == [9, 16, 4]
    assert [record["stored"] for record in second.records] == [True, False, True]
    assert (tmp_path / "trace").read_text().split() == ["1", "2", "3", "4"]
    entry = json.loads(store.read_text().splitlines()[0])
    assert entry["arguments"] == {"path": trace, "n": 1} and entry["function"].endswith("test_sweeps.logged")
    # another function with the same arguments is another point
    assert [r["stored"] for r in es.sweep(power, [{"base": 3}], store=store).records] == [False]


def test_values_from_the_store_are_those_of_the_first_run(tmp_path):
    runs = [es.sweep(power, {"base": [np.float64(0.1), 7]}, store=tmp_path / "s") for _ in range(2)]
    expected = [{"value": 0.1**2, "roots": [0.1, -0.1]}, {"value": 49, "roots": [7, -7]}]
    assert runs[0].values() == runs[1].values() == expected
    assert repr(runs[1]) == "<Sweep: 2 points, 2 from the store>"


def test_a_line_that_was_cut_off(tmp_path):
    store = tmp_path / "s"
    es.sweep(power, {"base": [1, 2]}, store=store)
    store.write_bytes(store.read_bytes()[:-9])
    again = es.sweep(power, {"base": [1, 2, 3]}, store=store)
    assert [record["stored"] for record in again.records] == [True, False, False]
    assert len(store.read_text().splitlines()) == 3
    assert all(record["stored"] for record in es.sweep(power, {"base": [1, 2, 3]}, store=store).records)
    store.write_text("something else\n")
    with pytest.raises(ValueError, match="with another text in line 1; use a new file"):
        es.sweep(power, {"base": [1]}, store=store)


def test_interruption_keeps_what_is_finished(tmp_path):
    grid = {"path": [str(tmp_path / "trace")], "n": [1, 2, 13, 4]}
    run = es.sweep(logged, grid, store=tmp_path / "s")
    assert run.values() == [1, 4] and not run.complete and "interrupted" in repr(run)
    assert [r["stored"] for r in es.sweep(logged, grid, store=tmp_path / "s").records] == [True, True]
    with pytest.raises(KeyboardInterrupt):
        es.sweep(logged, grid | {"n": [13]})


def test_errors_name_the_point(tmp_path):
    grid, store = {"base": [2, -1, 3]}, tmp_path / "s"
    with pytest.raises(RuntimeError, match="power failed at base=-1: ValueError: base -1 is negative") as caught:
        es.sweep(power, grid, store=store)
    assert "Traceback" in caught.value.__notes__[0]
    run = es.sweep(power, grid, store=store, errors="record")
    assert [record["stored"] for record in run.records] == [True, False, False]
    assert [record["error"] for record in run.records] == [None, "ValueError: base -1 is negative", None]
    assert run.to_pandas()["error"].tolist()[1] == "ValueError: base -1 is negative"


def test_arguments_are_known_by_their_texts(tmp_path):
    nets = [es.mlp(5, 1), es.mlp(5, 2), es.mlp(5, 2, activation=es.rbf(0.5))]
    run = es.sweep(name_of, {"net": nets, "kernel": ["ntk"]}, store=tmp_path / "s")
    assert run.values() == ["1 ntk", "2 ntk", "2 ntk"]
    again = es.sweep(name_of, {"net": [es.mlp(5, 2), es.mlp(6, 2)], "kernel": ["ntk"]}, store=tmp_path / "s")
    assert [record["stored"] for record in again.records] == [True, False]
    held = [es.sweep(partial(power, exponent=k), [{"base": 2}], store=tmp_path / "s") for k in (2, 3)]
    assert [run.values()[0]["value"] for run in held] == [4, 8]


@pytest.mark.parametrize(
    "function, grid, message",
    [
        (lambda n: n, {"n": [1]}, "function must be known by its name"),
        (name_of, [{"net": object(), "kernel": "ntk"}], "net must be known by its name or its text"),
        (name_of, [{"net": es.network([es.node([es.leaf(3)])] * 2), "kernel": "ntk"}], "networks that are trees"),
        (name_of, [{"net": es.random_function(es.mlp(3, 1), 1, seed=0), "kernel": "ntk"}], "net must be known"),
        (es.leaf, [{"dim": 3}], "function must return numbers.*got leaf.3. of type Leaf at dim=3"),
    ],
)
def test_what_a_store_refuses(tmp_path, function, grid, message):
    with pytest.raises(TypeError, match=message):
        es.sweep(function, grid, store=tmp_path / "s")


@pytest.mark.parametrize(
    "function, grid, options, error, message",
    [
        (3, {"n": [1]}, {}, TypeError, "function must be callable"),
        (power, {"base": 3}, {}, TypeError, "grid must map names to sequences of values, got 3 for 'base'"),
        (power, {"base": []}, {}, ValueError, "grid must have at least one point"),
        (power, [3], {}, TypeError, "grid must hold mappings"),
        (power, 3, {}, TypeError, "grid must be a mapping"),
        (power, {"base": [3]}, {"errors": "ignore"}, ValueError, "errors must be one of"),
        (power, {"base": [3]}, {"jobs": 1.5}, TypeError, "jobs must be an integer"),
    ],
)
def test_bad_input(function, grid, options, error, message):
    with pytest.raises(error, match=message):
        es.sweep(function, grid, **options)


def test_threads():
    import joblib

    with joblib.parallel_config(backend="threading", n_jobs=3):
        run = es.sweep(power, {"base": list(range(20))})
    assert [value["value"] for value in run.values()] == [n * n for n in range(20)]


def test_a_dask_cluster_of_two_workers(tmp_path):
    """Nothing but the configuration of joblib changes; a second sweep finds the points."""
    distributed = pytest.importorskip("distributed")
    import joblib

    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
    )
    grid = {"base": [3, 5], "exponent": [1, 2]}
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        run = es.sweep(power, grid, store=tmp_path / "s")
    assert [value["value"] for value in run.values()] == [3, 9, 5, 25]
    assert all(record["stored"] for record in es.sweep(power, grid, store=tmp_path / "s").records)
