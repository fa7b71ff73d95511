import io
import json
import math
import re
import shutil
import subprocess
import sys
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from eigenspace._columns import DEFAULT, IN_PRINT
from eigenspace.errors import UnsupportedError
from eigenspace.table import BOUNDS, EigenTable, Eigenvalue
from tables import CLASSES, PROVENANCE, column, example, tiny


@pytest.fixture(scope="module")
def table():
    return example()


# --- rows and selections ------------------------------------------------------------------------------------------


def test_a_row_says_everything_about_its_class(table):
    row = table[4]
    assert isinstance(row, Eigenvalue) and row == table.rows[4] == list(table)[4]
    assert (row.value, row.error, row.bound, row.multiplicity) == (1e-5, 4e-15, "rounded", 96 * 144)
    assert (row.space, row.frequency, row.learning_index) == (Fraction(3, 2), Fraction(1), Fraction(5, 2))
    assert row.log10 == pytest.approx(-5) and isinstance(row.log10, float) and isinstance(row.total_degree, int)
    assert row.degrees == (1, 1) + (0,) * 14 and row.pattern == "1 / 1" and row.ring == "float"
    assert "\n" not in repr(row) and "multiplicity 13824" in repr(row)


def test_indices_are_fractions_or_floats_and_multiplicities_python_integers(table):
    assert type(table[7].multiplicity) is int and table[7].multiplicity == 10**40 + 1
    assert {type(row.space) for row in table} == {Fraction, float}
    assert type(example(space=[0] * len(CLASSES))[0].space) is Fraction


def test_picking_rows(table):
    assert len(table) == len(table.rows) == len(CLASSES)
    assert table[-1].pattern == table[np.int64(8)].pattern == "1 1 1 1"
    names = list(table.patterns)
    assert list(table[2:5].patterns) == names[2:5] and list(table[::-1].patterns) == names[::-1]
    assert list(table[[3, -1]].patterns) == [names[3], names[-1]]
    assert list(table[table.values() > 1e-4].patterns) == ["0", "1"]
    assert len(table[[]]) == 0 and len(table[2:5][1:][[0]]) == 1 and table[2:5][1:][0].degrees == table[3].degrees
    assert [row.pattern for row in table.rows[1:3]] == names[1:3]


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (99, IndexError, "row 99 is out of range for a table of 9 rows; use -9 to 8"),
        ([True, False], ValueError, "a mask must have one entry per row (9), got 2"),
        (
            "value",
            TypeError,
            "a table is indexed by an integer, a slice, a boolean mask or integer indices, got 'value'",
        ),
        (1.5, TypeError, "use table.where"),
        (True, TypeError, "got True"),
    ],
)
def test_bad_keys_name_the_rule_and_the_way_out(table, key, error, message):
    with pytest.raises(error, match=re.escape(message)):
        table[key]


def test_where(table):
    def found(*condition, **keywords):
        return list(table.where(*condition, **keywords).patterns)

    assert found(total_degree=2) == ["2", "1 1", "1 / 1"] and found(total_degree=(0, 1)) == ["0", "1"]
    assert found(min_value=1e-5, total_degree=2, space=0.5) == ["2"]
    assert found(min_value=1e-5) == ["0", "1", "2", "1 1", "1 / 1"] and found(max_value=0) == ["3"]
    assert found(learning_index=math.inf) == ["3"] and found(pattern="1 1") == ["1 1"]
    assert found(bound={"exact", "estimated"}) == ["3", "2 1", "1 1 1 1"] and found(frequency=Fraction(3, 2)) == [
        "2 1"
    ]
    assert found(lambda row: row.multiplicity > 10**9) == ["2 / 1 1", "1 1 1 1"]
    assert found(table.total_degree == 1) == ["1"] and len(table.where()) == len(table)
    with pytest.raises(TypeError, match="condition must be a function of a row or a boolean mask, got int64"):
        table.where([1, 2])
    with pytest.raises(ValueError, match="one entry per row"):
        table.where([True])


def test_sorted(table):
    values = table.sorted().values()
    assert (np.diff(values) <= 0).all() and table.sorted("value", reverse=False).patterns[0] == "3"
    assert (np.diff(tiny((-20000, 3, -1100, -20001)).sorted().log10()) < 0).all()
    for key, attribute in [
        ("degree", "total_degree"),
        ("multiplicity", "multiplicity"),
        ("space", "space"),
        ("frequency", "frequency"),
        ("learning_index", "learning_index"),
    ]:
        entries = list(getattr(table.sorted(key), attribute))
        assert entries == sorted(entries)
        assert list(getattr(table.sorted(key, reverse=True), attribute)) == entries[::-1]
    assert list(table.sorted("degree").where(total_degree=2).patterns) == ["2", "1 1", "1 / 1"]
    with pytest.raises(ValueError, match="by must be one of .*, got 'valeu'; did you mean 'value'"):
        table.sorted("valeu")


def test_different_entries_of_a_column(table):
    for name in ("total_degree", "multiplicity", "space", "learning_index", "bound"):
        values, which = table.coded(name)
        column = table.bounds() if name == "bound" else getattr(table, name).tolist()
        assert [values[i] for i in which] == column and len(values) == len(set(column))


def test_a_table_does_not_change(table):
    for name in ("error", "bound", "multiplicity", "total_degree", "space", "frequency", "learning_index"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(table, name)[0] = 0
    with pytest.raises(AttributeError, match="trace cannot be set"):
        table.trace = 1.0
    with pytest.raises(ValueError, match="read-only"):
        table.shares()[0] = 0
    mine = np.zeros(len(table))
    example(error=mine)
    mine[0] = 1  # the caller's array stays the caller's
    assert not hasattr(table, "__add__")


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"error must have one entry per eigenvalue \(9\), got 2"):
        example(error=[0.0, 0.0])


# --- sums ---------------------------------------------------------------------------------------------------------


def test_coverage_against_exact_fractions(table):
    exact = sum(Fraction(value) * count for _, _, count, value, *_ in CLASSES) / Fraction(table.trace)
    assert table.coverage() == pytest.approx(float(exact), rel=1e-15)
    shares = [float(Fraction(value) * count / Fraction(table.trace)) for _, _, count, value, *_ in CLASSES]
    np.testing.assert_allclose(table.shares(), shares, rtol=1e-15)


def test_coverage_never_overflows():
    table = tiny((-20000, -1100, -1))
    exact = [Fraction(1, 8 * 4), Fraction(1, 8 * 4), Fraction(2, 2 * 4)]
    np.testing.assert_allclose(table.shares(), [float(x) for x in exact], rtol=1e-15)
    assert table.values()[0] == 0.0 and table.log10()[0] == pytest.approx(-20000 * math.log10(2), rel=1e-15)
    assert example(CLASSES[:1], multiplicity=[10**400]).coverage() == math.inf


# --- displays -----------------------------------------------------------------------------------------------------


def test_repr_is_one_line_and_str_a_table(table):
    assert repr(table) == ("EigenTable(9 rows, ntk, ring float, 52.4 % of the trace, worst error 0.7 (estimated))")
    assert repr(example(CLASSES[:1])).startswith("EigenTable(1 row, ")
    assert "weakest bound estimated" in repr(example(error=[1e-3] + [1e-9] * 8))
    assert str(table).splitlines()[0].startswith("NTK eigenvalues of cnn(12")
    assert re.search(r"4 +2 / 1 1 +≈1\.000e40 +3/2 +2 +7/2 +1\.000e-60 +5e-14 +<0\.01", str(table))


def test_a_share_of_nearly_everything_says_what_is_missing():
    whole = example(CLASSES[:1], trace=1.2345678)
    assert "all but 1e-14 of the trace" in repr(whole) or re.search(r"all but \de-1\d of the trace", repr(whole))


def test_a_tiny_value_is_not_zero_and_an_exact_zero_is():
    text = str(tiny((-20000, -1100)))
    assert "2.512e-6021" in text and "7.362e-332" in text and "≈4.975e6019" in text
    row = tiny((-20000,))[0]
    assert row.value == 0.0 and row.text(4) == "2.512e-6021" and "2.512" in repr(row)
    assert re.search(r"3 +3 +5632 +∞ +∞ +∞ +0 +exact +0\n", str(example()))


def test_long_tables_lose_their_middle_in_sight_but_not_in_files():
    long = example([(str(i), i // 60, 1, 1.0 / (i + 1), Fraction(1), Fraction(i), 1e-14, 2) for i in range(300)])
    assert "… 240 rows more" in str(long) and "240 rows more" in long._repr_html_()
    assert r"\cdots$ 240 rows more" in long._repr_latex_()
    assert long.to_text().count("\n") > 300 and long.to_latex().count(r" \\") == 301
    assert len(long.to_csv().splitlines()) == 301 and "… 299 rows more" in long.to_text(max_rows=1)


def test_columns_and_digits(table):
    lines = table.to_markdown(
        columns=["interaction", "eigenvalue", "log10", "cumulative", "bound"], digits=2
    ).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[:11]]
    assert cells[0] == ["interaction", "eigenvalue", "log10", "sum (%)", "bound"]
    assert cells[2] == ["0", "1.2", "0.09", "30.86", "rounded"] and cells[10][:3] == ["1 1 1 1", "~1e-14", "-14"]
    assert table.to_text(columns="eigenvalue").splitlines()[1].split() == ["eigenvalue"]
    assert set(IN_PRINT) < set(DEFAULT)
    with pytest.raises(
        ValueError, match="columns must be one of 'degree', .*, got 'eigenvalu'; did you mean 'eigenvalue'"
    ):
        table.to_latex(columns=["eigenvalu"])
    with pytest.raises(ValueError, match="digits must be a positive integer, got 0"):
        table.to_latex(digits=0)
    with pytest.raises(TypeError, match="max_rows must be a positive integer, got 2.5"):
        table.to_text(max_rows=2.5)


def test_markdown_starts_with_a_pipe(table):
    assert table.to_markdown().startswith("|") and table.notes[0] in table.to_markdown()


def test_html_says_where_it_comes_from(table):
    html = table._repr_html_()
    assert html == table._repr_html_() == table.to_html() and "<table" in html
    assert "Xiao2022" in html and "eigenspace 0.1.0" in html and "linear-gradient" in html


def test_a_table_without_rows_displays():
    empty = example()[[]]
    assert repr(empty) == "EigenTable(0 rows, ntk, ring float)" and empty.coverage() == 0.0
    assert "degree" in str(empty) and empty._repr_html_() and r"\toprule" in empty.to_latex()
    assert empty.to_markdown().startswith("|") and len(empty.to_pandas()) == 0 and len(empty.to_csv().splitlines()) == 1
    assert len(EigenTable.from_json(empty.to_json())) == 0 and len(empty.sorted()) == len(empty.where(min_value=1)) == 0


def test_latex_carries_its_origin_and_no_clock(table):
    latex = table.to_latex(caption="A caption with $x$.", label="tab:a")
    head = [line for line in latex.splitlines() if line.startswith("%")]
    assert head == ["% " + line for line in PROVENANCE.lines()] and latex == table.to_latex(
        caption="A caption with $x$.", label="tab:a"
    )
    assert r"\caption{A caption with $x$.}" in latex and r"\label{tab:a}" in latex and r"\begin{table}" in latex
    assert r"\begin{table}" not in table.to_latex() and latex[latex.index(r"\begin{table}") :].isascii()
    assert r"$1.000\times10^{-60}$" in latex and r"$\approx1.000\times10^{40}$" in latex


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_with_booktabs_alone(table, tmp_path):
    body = "\n\n".join(
        [
            table.to_latex(),
            table.to_latex(caption="One", label="a"),
            tiny().to_latex(label="b"),
            table._repr_latex_(),
            table.sorted().to_latex(columns=["interaction", "log10", "error", "bound"]),
        ]
    )
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + body + "\n\\end{document}\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stdout[-2000:]


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        example,
        tiny,
        lambda: example()[[]],
        lambda: example().sorted()[1:4],
        lambda: example(multiplicity=[7**9000] * 9),
    ],
)
def test_json_restores_an_equal_table(make, tmp_path):
    table = make()
    path = tmp_path / "table.json"
    assert table.to_json(path) is None
    for again in (EigenTable.from_json(path), EigenTable.from_json(str(path)), EigenTable.from_json(table.to_json())):
        assert again.to_json() == table.to_json() and list(again) == list(table)
        assert str(again) == str(table) and again.provenance == table.provenance and again.notes == table.notes
        assert [type(row.learning_index) for row in again] == [type(row.learning_index) for row in table]


def test_json_is_strict_and_has_a_schema(table):
    document = json.loads(table.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert document["schema"] == "eigenspace.table/1" and document["space"][5] == "inf"
    with pytest.raises(ValueError, match="source must be JSON of schema eigenspace.table/1, got 'other'"):
        EigenTable.from_json('{"schema": "other"}')
    with pytest.raises(UnsupportedError, match="ring must be 'float', 'exact' or 'ball\\(bits\\)', got 'reals'"):
        EigenTable.from_json(table.to_json().replace('"ring": "float",\n', '"ring": "reals",\n'))


def test_csv_is_exact(table, tmp_path):
    import pandas

    frame = pandas.read_csv(io.StringIO(table.to_csv()), dtype={"multiplicity": str, "space": str})
    np.testing.assert_array_equal(frame["value"], table.values())
    assert list(map(int, frame["multiplicity"])) == list(table.multiplicity) and frame["space"][1] == "1/2"
    with mpmath.workdps(30):
        assert mpmath.nstr(mpmath.mpf(2) ** -20000, 17) in tiny((-20000,)).to_csv()
    table.to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == table.to_csv()


def test_pandas_keeps_exact_objects(table):
    frame = table.to_pandas()
    assert frame["multiplicity"][7] == 10**40 + 1 and frame["learning_index"][4] == Fraction(5, 2)
    assert (
        frame["value"].dtype == float and frame["total_degree"].dtype.kind == "i" and list(frame["bound"])[5] == "exact"
    )
    assert frame.attrs["call"] == PROVENANCE.call


def test_files_are_written_as_utf8(table, tmp_path):
    for suffix, write in [
        ("txt", table.to_text),
        ("tex", table.to_latex),
        ("md", table.to_markdown),
        ("html", table.to_html),
    ]:
        path = tmp_path / f"t.{suffix}"
        assert write(path) is None and path.read_text(encoding="utf-8") == write()


def test_the_module_is_light():
    heavy = {"pandas", "matplotlib", "rich", "tabulate", "numba"}
    code = f"import sys, eigenspace.table; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_bounds_are_named_from_strong_to_weak(table):
    assert BOUNDS == ("exact", "proved", "rounded", "estimated") and table.bounds()[5] == "exact"
    assert len(column([1.0])) == 1
