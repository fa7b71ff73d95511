"""The commands asymptotics and index-table: the numbers of the Python interface, in every format, and clean errors."""

import csv
import io
import json

import pytest

import eigenspace as es

CNN = "asymptotics cnn 50 --filters 1,2 --head dense"


def test_asymptotics_of_one_class(run):
    net = es.cnn(50, (1, 2), head="dense")
    order = es.leading_order(net, {0: 1, 1: 1}, "nngp", exponents={"dim": 1, "filters": 0})
    line = f"{CNN} --degrees 0:1,1:1 --kernel nngp --exponents dim=1,filters=0"
    status, out, err = run(f"{line} -f json")
    row = json.loads(out)["rows"][0]
    assert (status, err) == (0, "")
    assert (row["constant"], row["correction"]) == (order.constant, order.correction)
    assert (row["exponent"], row["correction_exponent"]) == ("2", "1")
    text = run(line)[1].splitlines()
    assert text[0].startswith("Leading orders (NNGP) of cnn(50") and text[3].split()[:3] == ["1", "1", "2"]


def test_asymptotics_of_all_classes(run):
    records = list(csv.DictReader(io.StringIO(run("asymptotics mlp 30 --depth 1 --degree 3 -f csv")[1])))
    assert [r["exponent"] for r in records] == ["0", "1", "2", "inf"] and records[3]["constant"] == "0.0"
    assert [float(r["constant"]) for r in records] == [es.leading_order(es.mlp(30, 1), k).constant for k in range(4)]
    assert run("asymptotics mlp 30 --depth 1")[1] == run("asymptotics mlp 30 --depth 1 --degree 2")[1]


@pytest.mark.parametrize(("form", "mark"), [("latex", "\\toprule"), ("markdown", "| interaction"), ("text", "ratio")])
def test_asymptotics_formats(run, form, mark):
    status, out, err = run(f"{CNN} -f {form}")
    assert (status, err) == (0, "") and mark in out and out.count("\n") > 6


def test_exponents_of_single_filters(run):
    line = "asymptotics cnn 50 --filters 2,2 --degrees 0:1 -f json --exponents dim=1,filters=0:1/2"
    assert json.loads(run(line)[1])["rows"][0]["exponent"] == "3/2"


NETS = '--net "MLP = mlp 4 --depth 4 --leaves 64" --net "CNN = cnn 4 --filters 1,4,4 --positions 4 --head dense"'
TARGETS = '--target "Y2 = x0*x1" --target "Y6 = x0*x4*(3*x8**2 - x0**2)" --target 0:1,5:2'


def test_index_table(run, tmp_path):
    nets = {"MLP": es.mlp(4, 4, leaves=64), "CNN": es.cnn(4, (1, 4, 4), 4, head="dense")}
    targets = {"Y2": "x0*x1", "Y6": "x0*x4*(3*x8**2 - x0**2)", "0:1,5:2": {0: 1, 5: 2}}
    table = es.index_table(nets, targets)
    for form in ("text", "latex", "markdown", "csv", "json"):
        expected = getattr(table, f"to_{form}")().rstrip("\n") + "\n"
        assert run(f"index-table {NETS} {TARGETS} -f {form}") == (0, expected, "")
    path = tmp_path / "t.tex"
    assert run(f"index-table {NETS} {TARGETS} -o {path} --caption Indices --label tab:i")[0] == 0
    assert path.read_text() == table.to_latex(caption="Indices", label="tab:i")


def test_index_table_names_are_optional(run):
    out = run('index-table --net "cnn 4 --filters 1,4 --activation rbf:0.25" --target x0*x5')[1]
    assert "x0*x5" in out and "cnn 4 --filters 1,4" in out


@pytest.mark.parametrize("command", ["asymptotics", "index-table"])
def test_help(run, command):
    status, out, err = run(f"{command} --help")
    assert (status, err) == (0, "") and "Usage: eigenspace" in out and "Examples" in out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("asymptotics mlp 10 --depth 1 --degree 2 --degrees 1", ["--degrees", "--degree"]),
        ("asymptotics mlp 10 --depth 1 --exponents dim=one", ["--exponents", "'dim=one'"]),
        ("asymptotics mlp 10 --depth 1 --exponents dims=1", ["exponents", "'dim'"]),
        ("asymptotics mlp 1 --depth 1", ["fluctuate"]),
        ('index-table --net "rnn 4" --target x0', ["--net", "mlp"]),
        ('index-table --net "mlp" --target x0', ["--net"]),
        ('index-table --net "mlp 4 --depth" --target x0', ["--net"]),
        ('index-table --net "mlp four --depth 1" --target x0', ["--net", "'four'"]),
        ('index-table --net "mlp 4 --width 1" --target x0', ["'--width'"]),
        ('index-table --net "mlp 4 --depth 1" --target "x0*y"', ["'y'"]),
        ('index-table --net "mlp 4 --depth 1" --target "0:1,9"', ["--degrees"]),
    ],
)
def test_bad_input_is_one_clean_line(run, line, words):
    status, out, err = run(line)
    assert (status, out) == (2, "") and err.startswith("eigenspace: ") and len(err.splitlines()) == 1
    assert all(word in err for word in words), err
