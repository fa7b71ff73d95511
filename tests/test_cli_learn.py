"""The command learn, and the options of networks that are not critical."""

import io
import json

import numpy as np
import pandas as pd
import pytest

import eigenspace as es

MLP = "mlp 20 --depth 2"


@pytest.fixture(scope="module")
def table():
    return es.spectrum(es.mlp(20, 2), degree=4)


def test_learning_curve(run, table):
    status, out, err = run(f"learn {MLP} --target 1=0.5 --target 2 --samples 10,100 --noise 0.1 --ridge 0.01 -f csv")
    assert (status, err) == (0, "")
    curve = es.learning_curve(table, [(1, 0.5), (2, 1.0)], [10, 100], ridge=0.01, noise=0.1)
    assert pd.read_csv(io.StringIO(out))["risk"].tolist() == pytest.approx(curve.risk.tolist(), rel=1e-15)


def test_formats(run, table, tmp_path):
    base = f"learn {MLP} --target 1=1 --samples 10:1e3"
    curve = es.learning_curve(table, [(1, 1.0)], np.unique(np.geomspace(10, 1e3, 25).round()))
    assert run(base)[1] == curve.to_text().rstrip("\n") + "\n"
    assert run(f"{base} -f latex --label tab:x")[1] == curve.to_latex(label="tab:x").rstrip("\n") + "\n"
    assert run(f"{base} -f markdown")[1] == curve.to_markdown().rstrip("\n") + "\n"
    records = json.loads(run(f"{base} -f json")[1])
    assert [r["risk"] for r in records] == pytest.approx(curve.risk.tolist(), rel=1e-13)
    picture = tmp_path / "curve.png"
    status, _, err = run(f"{base} --plot {picture}")
    assert status == 0 and picture.stat().st_size > 1000 and str(picture) in err


def test_times(run, table):
    out = run(f"learn {MLP} --target 2=1 --times 1,100,1e4 -f csv")[1]
    flow = es.gradient_flow(table, [(2, 1.0)], [1, 100, 1e4])
    assert pd.read_csv(io.StringIO(out))["risk"].tolist() == pytest.approx(flow.risk.tolist(), rel=1e-15)
    finite = run(f"learn {MLP} --target 2=1 --times 1,100,1e4 --samples 50 -f csv")[1]
    flow = es.gradient_flow(table, [(2, 1.0)], [1, 100, 1e4], samples=50)
    assert pd.read_csv(io.StringIO(finite))["risk"].tolist() == pytest.approx(flow.risk.tolist(), rel=1e-15)


def test_order(run):
    out = run("learn cnn 12 --filters 1,4 --head dense --degree 2")[1]
    assert out == es.staircase(es.cnn(12, (1, 4), head="dense"), degree=2).to_text(digits=4).rstrip("\n") + "\n"


def test_the_table_reaches_the_degree_of_the_target(run):
    out = run("learn mlp 5 --depth 2 --target 6=1 --samples 100 -f csv")[1]
    curve = es.learning_curve(es.spectrum(es.mlp(5, 2), degree=6), [(6, 1.0)], [100])
    assert pd.read_csv(io.StringIO(out))["risk"].tolist() == pytest.approx(curve.risk.tolist(), rel=1e-15)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--target 1=1", "needs --samples or --times"),
        ("--samples 10", "need a target"),
        ("--target 1=x --samples 10", "--target takes numbers, got 'x'"),
        ("--target 1=1 --samples 10:5", "two positive rising numbers"),
        ("--target 1=1 --samples 10,20 --times 1", "takes one number beside --times"),
        ("--target 1=1 --times 1 --ridge 1", "ridge must be 0"),
    ],
)
def test_errors(run, words, text):
    status, out, err = run(f"learn {MLP} {words}")
    assert status and not out and text in err


def test_networks_that_are_not_critical(run):
    options = "--sigma-w 1.2 --sigma-b 0.1 --residual 0.5 --activation erf"
    out = run(f"table mlp 10 --depth 3 {options} --degree 2 -f json")[1]
    net = es.mlp(10, 3, sigma_w=1.2, sigma_b=0.1, residual=0.5, activation=es.erf)
    assert json.loads(out) == json.loads(es.spectrum(net, degree=2).to_json())
    one = run(f"eigenvalue mlp 10 --depth 3 {options} --degrees 1 --layer 1 -f json")[1]
    assert json.loads(one)["value"] == es.eigenvalue(net, 1, layer=1).value
    pooled = run("table cnn 6 --filters 1,2 --positions 3 --head gap --degree 2")[1]
    assert pooled == es.spectrum(es.cnn(6, (1, 2), 3, head="gap"), degree=2).to_text().rstrip("\n") + "\n"
