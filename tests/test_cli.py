"""The command line: the same numbers as the Python interface, in every format, and clean errors."""

import csv
import io
import json
import subprocess
import sys
from fractions import Fraction

import pytest

import eigenspace as es

CNN = "cnn 24 --filters 1,2 --positions 2 --head dense"


def small_table(**options):
    return es.spectrum(es.cnn(24, filters=(1, 2), positions=2, head="dense"), **({"degree": 2} | options))


# --- table --------------------------------------------------------------------------------------------------------


def test_table_text(run):
    status, out, err = run(f"table {CNN} --degree 2")
    assert (status, err) == (0, "")
    assert out == small_table().to_text().rstrip("\n") + "\n"


@pytest.mark.parametrize(
    ("form", "suffix", "expected"),
    [
        ("text", "txt", lambda t: t.to_text()),
        ("latex", "tex", lambda t: t.to_latex()),
        ("markdown", "md", lambda t: t.to_markdown()),
        ("csv", "csv", lambda t: t.to_csv()),
        ("json", "json", lambda t: t.to_json()),
    ],
)
def test_table_formats(run, tmp_path, form, suffix, expected):
    expected = expected(small_table()).rstrip("\n") + "\n"
    assert run(f"table {CNN} --degree 2 --format {form}") == (0, expected, "")
    by_suffix, by_format = tmp_path / f"table.{suffix}", tmp_path / "table"
    status, out, err = run(f"table {CNN} --degree 2 -o {by_suffix}")
    assert (status, out, err) == (0, "", f"wrote {by_suffix}\n")
    assert run(f"table {CNN} --degree 2 -f {form} -o {by_format}")[0] == 0
    assert by_suffix.read_text() == by_format.read_text() == expected


def test_table_several_outputs_in_one_run(run, tmp_path):
    tex, values = tmp_path / "t.tex", tmp_path / "t.csv"
    status, out, err = run(f"table {CNN} --degree 2 -o - -o {tex} -o {values}")
    assert status == 0
    assert out.rstrip("\n") == small_table().to_text().rstrip("\n")
    assert "\\toprule" in tex.read_text() and err.splitlines() == [f"wrote {tex}", f"wrote {values}"]
    rows = list(csv.DictReader(io.StringIO(values.read_text())))
    assert [float(row["value"]) for row in rows] == pytest.approx(small_table().values().tolist(), rel=1e-14)


def test_table_json_comes_back(run):
    table = es.EigenTable.from_json(run(f"table {CNN} --degree 3 --format json")[1])
    assert table.values().tolist() == small_table(degree=3).values().tolist()


def test_table_latex_options(run):
    latex = run(f"table {CNN} --degree 1 -f latex --columns interaction,eigenvalue --label tab:a --caption Spectrum")[1]
    assert "\\caption{Spectrum}" in latex and "\\label{tab:a}" in latex
    assert max(line.count("&") for line in latex.splitlines() if not line.startswith("%")) == 1


def test_table_default_degree_is_four(run):
    assert run("table mlp 10 --depth 2")[1] == run("table mlp 10 --depth 2 --degree 4")[1]


@pytest.mark.parametrize(
    ("words", "options"),
    [("--min-value 1e-4", {"min_value": 1e-4}), ("--count 100", {"count": 100}), ("--kernel nngp", {"kernel": "nngp"})],
)
def test_table_selections(run, words, options):
    table = es.spectrum(es.cnn(24, filters=(1, 2), positions=2, head="dense"), **options)
    assert run(f"table {CNN} {words}")[1].rstrip("\n") == table.to_text().rstrip("\n")


def test_table_plot(run, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "table.png"
    status, out, err = run(f"table {CNN} --degree 2 --plot {picture}")
    assert status == 0 and out and err == f"wrote {picture}\n"
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5000


def test_table_in_a_terminal_is_a_rich_table(run, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    out = run("table mlp 10 --depth 2 --degree 2")[1]
    assert "─" in out and "eigenvalue" in out.lower()


@pytest.mark.parametrize(
    ("words", "net"),
    [
        ("mlp 6 --depth 2 --leaves 3", lambda: es.mlp(6, 2, leaves=3)),
        ("mlp 6 --depth 1 --activation rbf:0.25", lambda: es.mlp(6, 1, activation=es.rbf(0.25))),
        ("mlp 6 --depth 1 --activation identity", lambda: es.mlp(6, 1, activation=es.identity)),
        ("mlp 6 --depth 1 --activation hermite:3", lambda: es.mlp(6, 1, activation=es.hermite(3))),
        ("mlp 6 --depth 2 --activation monomial:2", lambda: es.mlp(6, 2, activation=es.monomial(2))),
        ("mlp 6 --depth 1 --activation polynomial:0,1/3,1",
         lambda: es.mlp(6, 1, activation=es.polynomial((0, "1/3", 1)))),
        ("mlp 6 --depth 1 --activation step", lambda: es.mlp(6, 1, activation=es.step)),
        ("mlp 6 --depth 1 --activation sign", lambda: es.mlp(6, 1, activation=es.sign)),
        ("mlp 6 --depth 1 --activation absolute", lambda: es.mlp(6, 1, activation=es.absolute)),
        ("mlp 6 --depth 1 --activation leaky_relu:0.1", lambda: es.mlp(6, 1, activation=es.leaky_relu(0.1))),
        ("mlp 6 --depth 1 --activation leaky_relu:-1/3",
         lambda: es.mlp(6, 1, activation=es.leaky_relu(Fraction(-1, 3)))),
        ("mlp 6 --depth 1 --activation rectified_monomial:2",
         lambda: es.mlp(6, 1, activation=es.rectified_monomial(2))),
        ("mlp 6 --depth 1 --activation erf", lambda: es.mlp(6, 1, activation=es.erf)),
        ("mlp 6 --depth 1 --activation gelu", lambda: es.mlp(6, 1, activation=es.gelu)),
        ("mlp 6 --depth 1 --activation gaussian:-1/3",
         lambda: es.mlp(6, 1, activation=es.gaussian(Fraction(-1, 3)))),
        ("mlp 6 --depth 1 --activation sine:1,2,0", lambda: es.mlp(6, 1, activation=es.sine(1, 2, 0))),
        ("mlp 6 --depth 1 --activation cosine:2,0.5,-1/3",
         lambda: es.mlp(6, 1, activation=es.cosine(2, 0.5, Fraction(-1, 3)))),
        ("mlp 6 --depth 1 --activation exponential:0.5", lambda: es.mlp(6, 1, activation=es.exponential(0.5))),
        ("cnn 40 --filters 2,3", lambda: es.cnn(40, (2, 3))),
        ("cnn 40 --filters 2 --positions 3", lambda: es.cnn(40, (2,), 3)),
        ("cnn 40 --filters 1,2x2 --positions 4", lambda: es.cnn(40, (1, (2, 2)), 4)),
        ("cnn 40 --filters 1x3 --positions 2x1", lambda: es.cnn(40, ((1, 3),), (2, 1))),
        ("hypercube 12 --depth 2", lambda: es.hypercube(12, 2)),
    ],
)
def test_networks(run, words, net):
    assert run(f"table {words} --degree 2")[1].rstrip("\n") == es.spectrum(net(), degree=2).to_text().rstrip("\n")


# --- eigenvalue ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "net", "degrees"),
    [
        ("mlp 50 --depth 2 --degrees 3", lambda: es.mlp(50, 2), 3),
        (f"{CNN} --degrees 0:1,3:2", lambda: es.cnn(24, (1, 2), 2, head="dense"), {0: 1, 3: 2}),
        (f"{CNN} --degrees 2,0,0,0", lambda: es.cnn(24, (1, 2), 2, head="dense"), (2, 0, 0, 0)),
    ],
)
def test_eigenvalue(run, words, net, degrees):
    ev = es.eigenvalue(net(), degrees)
    status, out, err = run(f"eigenvalue {words}")
    fields = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith("learning"))
    assert (status, err) == (0, "")
    assert float(fields["eigenvalue"]) == pytest.approx(ev.value, rel=1e-11)
    assert int(fields["multiplicity"].replace(",", "").replace(" ", "")) == ev.multiplicity
    document = json.loads(run(f"eigenvalue {words} --format json")[1])
    assert document["value"] == ev.value and document["error"] == ev.error and document["bound"] == ev.bound
    assert int(document["multiplicity"]) == ev.multiplicity


@pytest.mark.parametrize("form", ["latex", "markdown", "csv"])
def test_eigenvalue_formats(run, form):
    status, out, err = run(f"eigenvalue mlp 50 --depth 2 --degrees 3 --format {form}")
    assert (status, err) == (0, "") and "multiplicity" in out
    assert {"latex": "\\begin{tabular}", "markdown": "| eigenvalue", "csv": "eigenvalue,"}[form] in out


def test_eigenvalue_exact_zero(run):
    out = run("eigenvalue mlp 10 --depth 1 --degrees 3")[1]
    assert out.splitlines()[0].split() == ["eigenvalue", "0"]
    assert json.loads(run("eigenvalue mlp 10 --depth 1 --degrees 3 -f json")[1])["log10"] == "-inf"


# --- verify ---------------------------------------------------------------------------------------------------------


def test_verify(run, tmp_path):
    path = tmp_path / "table.json"
    run(f"table {CNN} --degree 2 -o {path}")
    status, out, err = run(f"verify {path} --samples 2000 --seed 5")
    assert (status, err) == (0, "")
    assert out == es.verify(small_table(), samples=2000, seed=5).to_text() + "\n"
    assert "5 rows: 5 agrees, 0 outside, 0 undecided." in out and "seed 5" in out
    for form in ("markdown", "csv", "json", "latex"):
        assert "agrees" in run(f"verify {path} --samples 200 --format {form}")[1]
    report = tmp_path / "report.json"
    assert run(f"verify {path} --samples 200 -o {report}") == (0, "", f"wrote {report}\n")
    assert json.loads(report.read_text())["passed"] is True


@pytest.mark.parametrize(
    ("name", "row", "entry", "message"),
    [
        ("value", 2, "0x1.0p-1*2**-3", "1 outside"),
        ("multiplicity", 1, "7", "the multiplicity is 6, not 7"),
        ("degrees", 2, [[0, 4]], "the total degree is 4, not 2"),
        ("value", 3, "0x1.0p-1*2**-62", "1 outside"),
        ("trace", None, 2.5, "The trace is 2.00000000000, not 2.5"),
    ],
)
def test_verify_objects(run, tmp_path, name, row, entry, message):
    document = json.loads(es.spectrum(es.mlp(6, 1), degree=4).to_json())
    if row is None:
        document[name] = entry
    else:
        document[name][row] = entry
    path = tmp_path / "table.json"
    path.write_text(json.dumps(document))
    status, out, err = run(f"verify {path}")
    assert (status, err) == (1, "") and message in out
    status, out, err = run(f"verify {path} -f json")
    assert status == 1 and json.loads(out)["passed"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("{", "table must be JSON"),
        ("[1, 2]", "table must be JSON"),
        ('{"schema": "eigenspace.table/9"}', "eigenspace.table/1"),
        ("spectrum(__import__('os').getcwd(), 'ntk')", "made of networks and activations"),
        ("zonal_spectrum(f, 3, 4)", "only tables of eigenspace.spectrum"),
        ("spectrum(swish(3, 1), 'ntk')", "swish"),
        ("spectrum(mlp(0, 1), 'ntk')", "dim must be"),
    ],
)
def test_verify_of_what_is_no_table(run, tmp_path, text, message):
    path = tmp_path / "table.json"
    if text is not None and "(" in text:
        document = json.loads(es.spectrum(es.mlp(6, 1), degree=1).to_json())
        document["provenance"]["call"] = text
        text = json.dumps(document)
    if text is not None:
        path.write_text(text)
    status, out, err = run(f"verify {path}")
    assert (status, out) == (2, "") and err.startswith("eigenspace: ") and len(err.splitlines()) == 1
    assert message in err


# --- draw -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_draw(run, tmp_path, suffix, start):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"net.{suffix}"
    line = f"draw cnn 4 --filters 1,2,2 --positions 2 --head dense --degrees 0:1,3:2 -o {path}"
    assert run(line) == (0, "", f"wrote {path}\n")
    assert path.read_bytes().startswith(start) and path.stat().st_size > 4000


def test_draw_passes_its_options_on(run, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    asked, one, two = [], tmp_path / "a.png", tmp_path / "b.svg"
    draw = es.draw
    monkeypatch.setattr(es, "draw", lambda net, *args, **options: asked.append((net.call, args, options)) or draw(net))
    status, _, err = run(f"draw cnn 3 --filters 2x2 --degrees 3:1 --kernel nngp --no-image -o {one} -o {two}")
    assert status == 0 and err == f"wrote {one}\nwrote {two}\n" and two.exists()
    call = es.cnn(3, ((2, 2),)).call
    assert asked == [(call, ({3: 1},), {"kernel": "nngp", "image": False})]
    assert run(f"draw mlp 3 --depth 1 -o {one}")[0] == 0 and asked[-1][1] == (None,)


# --- help and errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["--help", "table --help", "eigenvalue --help", "verify --help", "draw --help"])
def test_help(run, words):
    status, out, err = run(words)
    assert (status, err) == (0, "") and "Usage: eigenspace" in out
    if words != "--help":
        assert "Examples" in out and ("--format" in out or words == "draw --help")
    if words not in ("--help", "verify --help"):
        assert "--filters" in out and "ntk" in out


def test_version(run):
    assert run("--version") == (0, f"{es.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("table mlp 10", ["--depth"]),
        ("table cnn 10", ["--filters"]),
        ("table mlp 10 --depth 2 --filters 1,2", ["--filters", "mlp"]),
        ("table cnn 10 --filters 1,2 --depth 2", ["--depth", "cnn"]),
        ("table cnn 10 --filters 1,two", ["--filters", "'two'"]),
        ("table cnn 10 --filters 1,0", ["filters", "0"]),
        ("table cnn 10 --filters 1,2x", ["--filters", "''"]),
        ("table cnn 10 --filters 2x2,3", ["filters", "3 at position 1"]),
        ("table cnn 10 --filters 2x2x2", ["filters", "(2, 2, 2)"]),
        ("table cnn 10 --filters 2 --positions two", ["--positions", "'two'"]),
        ("table hypercube 10", ["--depth", "hypercube"]),
        ("table hypercube 10 --depth 2 --leaves 3", ["--leaves", "hypercube", "--depth"]),
        ("draw mlp 10 --depth 2 -o net.txt", ["net.txt", ".svg"]),
        ("draw mlp 10 --depth 2 -o no/such/folder/net.png", ["no/such/folder"]),
        ("draw mlp 10 --depth 2 --degrees 7:1 -o net.png", ["7"]),
        ("table mlp 10 --depth 2 --plot t.txt", ["--plot", "t.txt", ".svg"]),
        ("table mlp 0 --depth 2", ["dim", "0"]),
        ("table mlp 10 --depth 2 --kernel nkt", ["kernel", "'nkt'"]),
        ("table cnn 10 --filters 1,2 --head pool", ["head", "'pool'"]),
        ("table mlp 10 --depth 2 --activation swish", ["--activation", "'swish'"]),
        ("table mlp 10 --depth 2 --activation rbf", ["--activation", "rbf:0.25"]),
        ("table mlp 10 --depth 2 --activation rbf:x", ["--activation", "rbf:0.25"]),
        ("table mlp 10 --depth 2 --activation relu:1", ["--activation", "relu"]),
        ("table mlp 10 --depth 2 --activation sine:1,2", ["three numbers", "sine:1,2,0"]),
        ("table mlp 10 --depth 2 --activation gaussian:1", ["negative", "b=-0.5"]),
        ("table mlp 10 --depth 2 --activation hermite:0.5", ["an integer", "hermite:3"]),
        ("table mlp 10 --depth 2 --activation relu6", ["leaky_relu:0.1", "rectified_monomial:2", "exponential:0.5"]),
        ("table mlp 10 --depth 2 --activation step:1", ["--activation step", "no parameters"]),
        ("table mlp 10 --depth 2 --activation leaky_relu", ["1 parameter", "leaky_relu:0.1"]),
        ("table mlp 10 --depth 2 --activation leaky_relu:1/0", ["a number", "leaky_relu:0.1"]),
        ("table mlp 10 --depth 2 --activation leaky_relu:nan", ["a number", "leaky_relu:0.1"]),
        ("table mlp 10 --depth 2 --activation rectified_monomial:2.5", ["integer", "rectified_monomial:2"]),
        ("table mlp 10 --depth 2 --activation rectified_monomial:-1", ["n must be", "step"]),
        ("table mlp 10 --depth 2 --activation exponential:0", ["b must be", "other than 0"]),
        ("table mlp 10 --depth 2 --activation hermite:2.5", ["--activation", "integer", "hermite:3"]),
        ("table mlp 10 --depth 2 --activation hermite:0", ["n must be", "constant"]),
        ("table mlp 10 --depth 2 --activation polynomial:1,x", ["coefficients", "'x'"]),
        ("table mlp 10 --depth 2 --degree -1", ["degree", "-1"]),
        ("table mlp 10 --depth 2 -o table.xyz", ["table.xyz", "--format"]),
        ("table mlp 10 --depth 2 -o no/such/folder/t.tex", ["no/such/folder"]),
        ("table mlp 10 --depth 2 --columns nonsense", ["nonsense"]),
        ("eigenvalue mlp 10 --depth 2 --degrees 1.5", ["--degrees", "'1.5'"]),
        ("eigenvalue mlp 10 --depth 2 --degrees 0:1,2", ["--degrees"]),
        ("eigenvalue mlp 10 --depth 2 --degrees 0:1,0:2", ["--degrees", "twice"]),
        ("eigenvalue mlp 10 --depth 2 --degrees 7:1", ["7"]),
        ("eigenvalue cnn 1 --filters 2 --degrees 0:2", ["2"]),
        ("verify no/such/table.json", ["no/such/table.json"]),
        ("verify setup.cfg -o no/such/folder/t.csv", ["no/such/folder"]),
    ],
)
def test_bad_input_is_one_clean_line(run, words, names):
    status, out, err = run(words)
    assert (status, out) == (2, "")
    assert err.startswith("eigenspace: ") and len(err.splitlines()) == 1
    assert all(name in err for name in names), err


@pytest.mark.parametrize("error", [es.ConvergenceError, es.UnsupportedError])
def test_what_cannot_be_computed_is_one_clean_line(run, monkeypatch, error):
    def spectrum(*args, **options):
        raise error("not this one;\nuse another")

    monkeypatch.setattr(es, "spectrum", spectrum)
    assert run("table mlp 10 --depth 2") == (2, "", "eigenspace: not this one; use another\n")


@pytest.mark.parametrize(
    "words", ["table", "table rnn 10", "table mlp ten --depth 2", "table mlp 10 --deep 2", "tabel mlp 10"]
)
def test_bad_usage(run, words):
    status, out, err = run(words)
    assert status == 2 and "Traceback" not in err


def test_module_and_script():
    command = [sys.executable, "-c", "from eigenspace.cli import main; main()"]
    done = subprocess.run([*command, "eigenvalue", "mlp", "-3", "--depth", "1"], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
