"""What is written about the package is run: README, pages, notebooks. Docstrings are run by pytest itself."""

import configparser
import contextlib
import doctest
import importlib
import inspect
import io
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import eigenspace as es

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.md"))
FENCE = re.compile(r"^```\{?(?P<language>[\w-]+)\}?[^\n]*\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d+(\.\d+)?(e-?\d+)?")
KEY = re.compile(r"\b[A-Z][a-z][A-Za-z]*\d{4}\b")  # as in [Xiao2022, eq. 12; ChoSaul2009]


def name(path):
    return str(path.relative_to(ROOT))


def blocks(path, language):
    text = path.read_text(encoding="utf-8")
    return [(text[: m.start()].count("\n") + 1, m["body"]) for m in FENCE.finditer(text) if m["language"] == language]


def output_of(words):
    """What ``eigenspace words...`` prints; files go to the current folder."""
    from eigenspace.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
        main(words)
    assert not stop.value.code, f"eigenspace {shlex.join(words)} failed"
    return out.getvalue()


def make_table_command():
    """The arguments of ``eigenspace`` in the recipe of `make table`, as make itself expands them."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    recipe = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "-o", ".venv/.all", "table"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout
    return next(shlex.split(line)[1:] for line in recipe.splitlines() if "/eigenspace table" in line)


def assert_same_table(printed, shown, message):
    """Word for word, but numbers may differ in their last digit and error bounds by a factor of ten.

    Rounding differs between processors; what a page shows has to be what every reader sees.
    """
    printed, shown = ([row.split() for row in text.strip().splitlines()] for text in (printed, shown))
    assert len(printed) == len(shown), message
    for row, row_shown in zip(printed, shown, strict=True):
        assert len(row) == len(row_shown), message
        for word, word_shown in zip(row, row_shown, strict=True):
            if word == word_shown:
                continue
            bound = re.fullmatch(r"\de-\d+", word) and re.fullmatch(r"\de-\d+", word_shown)
            assert NUMBER.fullmatch(word) and NUMBER.fullmatch(word_shown), message
            ratio = float(word) / float(word_shown)
            assert 0.1 < ratio < 10 if bound else abs(ratio - 1) < 2e-3, message


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=name)
def test_python_examples(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    globs = {}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    report = io.StringIO()
    for line, body in blocks(path, "python"):
        test = doctest.DocTestParser().get_doctest(body, globs, name(path), str(path), line)
        assert test.examples, f"{name(path)}:{line}: no >>> in this block, so it is not tested"
        runner.run(test, out=report.write, clear_globs=False)
        globs.update(test.globs)
    assert runner.failures == 0, report.getvalue()


def printed_by(command):
    """The output of one line after ``$``, or None where the line is not ours to run."""
    words = shlex.split(command, comments=True)
    if words == ["make", "table"]:
        return output_of(make_table_command())
    return output_of(words[1:]) if words[0] == "eigenspace" else None


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "console")], ids=name)
def test_console_examples(path, tmp_path, monkeypatch):
    """After ``$ make table`` or ``$ eigenspace ...`` stands what it prints."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    for line, body in blocks(path, "console"):
        for part in body.split("$ ")[1:]:
            command, _, shown = part.partition("\n")
            printed = printed_by(command)
            assert printed is not None, f"{name(path)}:{line}: the output of {command!r} is not tested"
            advice = f"{name(path)}:{line}: {command} prints\n\n{printed}\npython tests/test_docs.py puts it there"
            assert_same_table(printed, shown, advice)


def write_printed_output(path):
    """Put the true output of every command into a page."""

    def renewed(fence):
        commands = [part.partition("\n")[0] for part in fence["body"].split("$ ")[1:]]
        lines = (line for c in commands for line in (f"$ {c}", *printed_by(c).rstrip().splitlines()))
        return "```console\n" + "".join(line.rstrip() + "\n" for line in lines) + "```"

    text = path.read_text(encoding="utf-8")
    path.write_text(FENCE.sub(lambda m: renewed(m) if m["language"] == "console" else m[0], text), encoding="utf-8")


def test_make_table_writes_its_files(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    output_of(make_table_command())
    assert sorted(p.name for p in (tmp_path / "build").iterdir()) == ["table.csv", "table.png", "table.tex"]


def test_readme_begins_with_the_two_commands():
    lines = README.read_text(encoding="utf-8").splitlines()
    commands = [number for number, line in enumerate(lines) if re.match(r"make (table|test)\b", line)]
    assert len(commands) == 2 and max(commands) < 10
    assert lines.index("$ make table") < 20
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"table", "test", "docs", "clean", "references"} <= set(targets)


@pytest.mark.parametrize("path", [README], ids=name)
def test_relative_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_citations_are_in_the_bibliography():
    known = re.findall(r"^\*\*\[(\w+)\]\*\*", (ROOT / "docs/bibliography.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert known == sorted(set(known)) and len(known) > 5
    for path in [*PAGES, *NOTEBOOKS, *sorted((ROOT / "eigenspace").rglob("*.py"))]:
        cited = set(KEY.findall(path.read_text(encoding="utf-8")))
        assert cited <= set(known), f"{name(path)} cites {sorted(cited - set(known))}, not in docs/bibliography.md"


# --- docstrings -----------------------------------------------------------------------------------------------------


def test_docstrings_are_run_by_pytest():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    pytest_section = config["tool:pytest"]
    assert "--doctest-modules" in pytest_section["addopts"] and "eigenspace" in pytest_section["testpaths"].split()


@pytest.mark.parametrize("public", es.__all__)
def test_public_names_are_documented(public):
    value = getattr(es, public)
    documented = value if inspect.isclass(value) or inspect.isroutine(value) else type(value)
    doc = inspect.getdoc(documented)
    assert doc and documented.__module__.startswith("eigenspace.")
    if inspect.isfunction(value):
        assert ">>>" in doc, f"{public} has no example in its docstring"
        module = importlib.import_module(value.__module__)
        assert inspect.getdoc(module)


@pytest.mark.parametrize("public", es.__all__)
def test_public_names_are_on_the_api_page(public):
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert re.search(rf"\beigenspace\.{public}\b", text), f"{public} is missing in docs/api.md"


# --- notebooks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*NOTEBOOKS, *(p for p in PAGES if blocks(p, "code-cell"))], ids=name)
def test_notebook(path, tmp_path, monkeypatch):
    jupytext, nbclient = pytest.importorskip("jupytext"), pytest.importorskip("nbclient")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = jupytext.read(path)
    assert notebook.metadata["jupytext"]["text_representation"]["format_name"] == "myst"
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "stream" or output.name != "stderr", output.text


def test_notebooks_are_in_the_documentation():
    assert [path.stem for path in NOTEBOOKS][:2] == ["01_first_table", "02_latex_table_for_a_paper"]
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert all(f"notebooks/{path.stem}" in index for path in NOTEBOOKS)
    assert (ROOT / "docs/notebooks/01_first_table.md").exists()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("build").mkdir()
        for page in PAGES:
            if blocks(page, "console"):
                write_printed_output(page)
