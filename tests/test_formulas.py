"""Tables with symbolic columns: each cell is what the function of its name says, wherever the rows go."""

import json
import math
import pickle

import pytest
import sympy

import eigenspace as es

COLUMNS = ["interaction", "eigenvalue", "leading", "closed_form"]
NETWORKS = {
    "sphere": es.mlp(9, 1),
    "deep": es.mlp(9, 2),
    "tree": es.cnn(12, (1, 4), 4, head="dense"),
    "cube": es.mlp(1, 1, leaves=5),
    "rbf": es.mlp(5, 1, activation=es.rbf(0.25)),
    "exotic": es.network([es.node([es.leaf(4)], es.leaky_relu(sympy.Rational(1, 3))), es.node([es.leaf(6)], es.sign)]),
    "polynomials": es.cnn(8, (1, 2), activation=es.polynomial((1, "1/3", 1))),
    "huge": es.mlp(10**6, 1),
}


def cells(text):
    """The cells of the rows of a plain table, by lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    ruler = next(i for i, line in enumerate(lines) if set(line) <= set("- "))
    starts = [i for i, sign in enumerate(lines[ruler]) if sign == "-" and lines[ruler][i - 1 : i] in ("", " ")]
    cut = lambda line: [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None])]
    return [cut(line) for line in lines[ruler + 1 :]]


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("name", NETWORKS)
def test_cells_are_the_formulas_of_their_rows(name, kernel):
    net = NETWORKS[name]
    table = es.with_formulas(es.spectrum(net, kernel, degree=3))
    shown = cells(table.to_text(columns=COLUMNS))
    for i, row in enumerate(table):
        *_, leading, closed = shown[i]
        try:
            form = es.closed_form(net, row.degrees, kernel)
            assert table.formulas["closed_form"][i].expr == form.expr
            assert closed == form.cell()[0]
            assert float(form) == pytest.approx(row.value, rel=2 * row.error + 1e-14)
            if closed != "(long)" and name != "huge":  # whose Gamma functions are not to be written out
                assert float(sympy.sympify(closed)) == pytest.approx(row.value, rel=2 * row.error + 1e-14)
        except es.UnsupportedError:
            assert closed == "—" and table.formulas["closed_form"][i] is None
        try:
            order = es.leading_order(net, row.degrees, kernel)
        except es.UnsupportedError:
            assert leading == "—"
            continue
        number, _, power = leading.partition(" d^-")
        exponent = float(sympy.Rational(power.strip("()") or 0))
        assert float(number) == pytest.approx(order.constant, rel=1e-3, abs=0)
        assert order.constant == 0 or exponent == pytest.approx(float(order.exponent), rel=1e-3)
        if row.log10 > -math.inf and name in ("sphere", "huge"):
            assert order.log10 == pytest.approx(row.log10, abs=3.0 / net.dim * 4)


def test_rows_keep_their_formulas():
    table = es.with_formulas(es.spectrum(es.mlp(9, 1), "nngp", degree=6))
    own = {row.pattern: cell for row, cell in zip(table, table.formulas["closed_form"])}
    for other in (table.sorted(reverse=True), table[2:5], table.where(total_degree=[2, 4])[::-1], table[[5, 0]]):
        assert [own[row.pattern].expr for row in other] == [f.expr for f in other.formulas["closed_form"]]
        shown = cells(other.to_text(columns=["interaction", "closed_form"]))
        assert [line[1] for line in shown[: len(other)]] == [own[row.pattern].cell()[0] for row in other]
    assert len(es.with_formulas(table[:0]).to_text(columns=COLUMNS)) > 0


def test_every_format():
    table = es.with_formulas(es.spectrum(es.mlp(4, 1), "nngp", degree=2))
    assert "| 32/(225*pi**2)" in table.to_markdown(columns=COLUMNS)
    assert "32/(225*pi**2)" in table.to_html(columns=COLUMNS)
    assert r"$\frac{32}{225 \pi^{2}}$" in table.to_latex(columns=COLUMNS)
    assert "closed_form prints" in table.to_text(columns=COLUMNS)
    assert "closed" not in table.to_text() and "leading" not in table.to_text(columns=["degree", "eigenvalue"])
    long = es.with_formulas(es.spectrum(es.mlp(4, 1), "nngp", degree=100)).to_text(columns=COLUMNS, max_rows=6)
    assert "rows more" in long


def test_only_cells_that_are_shown_are_worked_out(monkeypatch):
    asked = []
    make = es.closed_form
    monkeypatch.setattr("eigenspace.formulas.closed_form", lambda *args: asked.append(args) or make(*args))
    table = es.with_formulas(es.spectrum(es.mlp(4, 1), "nngp", degree=50))
    table.to_text()
    assert asked == []
    for _ in range(2):
        table.to_text(columns=["closed_form"], max_rows=6)
        assert len(asked) == 6


def test_files_hold_no_formulas(tmp_path):
    table = es.with_formulas(es.spectrum(es.mlp(4, 1), "nngp", degree=4))
    table.to_json(tmp_path / "t.json")
    assert "formulas" not in json.loads((tmp_path / "t.json").read_text())
    again = es.EigenTable.from_json(tmp_path / "t.json")
    with pytest.raises(ValueError, match=r"no formulas for 'leading'; use eigenspace.with_formulas"):
        again.to_latex(columns=COLUMNS)
    assert es.with_formulas(again).to_latex(columns=COLUMNS) == table.to_latex(columns=COLUMNS)


def test_copies():
    table = es.with_formulas(es.spectrum(es.mlp(4, 1), "nngp", degree=4))
    again = pickle.loads(pickle.dumps(table[1:]))
    assert [f.expr for f in again.formulas["closed_form"]] == [f.expr for f in table.formulas["closed_form"]][1:]
    with pytest.raises(TypeError):
        table.formulas["leading"] = ()


def test_bad_tables():
    table = es.spectrum(es.mlp(4, 1), degree=2)
    with pytest.raises(ValueError, match="leading must have one entry per eigenvalue"):
        table.with_formula_columns(leading=[None])
    with pytest.raises(ValueError, match="columns must be one of"):
        es.with_formulas(table).to_text(columns=["lead"])
