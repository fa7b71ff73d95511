"""Exported LaTeX: compiles with booktabs alone, and is a table that could stand in a paper."""

import re
import shutil
import subprocess

import pytest

import eigenspace as es

DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
Some text before.

%s

Some text after.
\end{document}
"""

TABLES = {
    "bare": lambda: es.spectrum(es.mlp(10, 2), degree=4).to_latex(),
    "exact zeros": lambda: es.spectrum(es.mlp(10, 1), degree=7).to_latex(caption="One layer", label="tab:one"),
    "never learned": lambda: es.spectrum(es.cnn(24, (1, 2), 2), degree=3).to_latex(caption="Flatten"),
    "caption": lambda: es.spectrum(es.cnn(12, (1, 4, 4), 16, head="dense"), degree=4).to_latex(
        caption=r"The NTK of a deep CNN, $d=3072$.", label="tab:cnn", digits=4
    ),
    "columns": lambda: es.spectrum(es.cnn(12, (1, 4), 4, head="dense"), degree=3).to_latex(
        columns=["interaction", "multiplicity", "learning_index", "eigenvalue", "error", "share"], digits=12
    ),
    "formulas": lambda: es.with_formulas(es.spectrum(es.mlp(4, 1), degree=12)).to_latex(
        columns=["degree", "eigenvalue", "leading", "closed_form"], caption="One layer, in formulas"
    ),
    "formulas of a cube": lambda: es.with_formulas(es.spectrum(es.mlp(1, 2, leaves=3))).to_latex(
        columns=["interaction", "eigenvalue", "leading", "closed_form"]
    ),
    "tiny": lambda: es.spectrum(es.mlp(10**6, 3), degree=60).to_latex(caption="Far below the smallest float"),
}


@pytest.fixture(scope="module", params=TABLES, ids=str)
def latex(request):
    return TABLES[request.param]()


def test_only_what_booktabs_and_latex_have(latex):
    body = "\n".join(line for line in latex.splitlines() if not line.startswith("%"))
    assert body.isascii()
    assert body.count("{") == body.count("}") and body.count("$") % 2 == 0
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert body.count(rule) == 1
    assert not re.search(r"\\hline|\\cline|\\usepackage|\|", body.split(r"\caption")[0])
    assert "nan" not in body and not re.search(r"\binf\b", body)


def test_every_row_has_every_column(latex):
    spec = re.search(r"\\begin\{tabular\}\{@\{\}([lrc]+)@\{\}\}", latex)[1]
    body = latex[latex.index(r"\toprule") : latex.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(rows) > 1
    assert all(line.replace(r"\&", "").count("&") == len(spec) - 1 for line in rows if r"\multicolumn" not in line)


def test_it_says_where_it_comes_from(latex):
    comments = [line for line in latex.splitlines() if line.startswith("%")]
    assert any("eigenspace" in line and "spectrum(" in line for line in comments)
    assert any("formulas:" in line for line in comments)


def test_it_compiles(latex, tmp_path):
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip("pdflatex is not installed, so the LaTeX was only checked as text")
    (tmp_path / "table.tex").write_text(DOCUMENT % latex)
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "table.pdf").stat().st_size > 5000
    log = (tmp_path / "table.log").read_text(errors="replace")
    assert not re.search(r"Overfull \\hbox|Missing character|Undefined control sequence", log), log[-3000:]
