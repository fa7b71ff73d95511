"""`import eigenspace` is light, and its face is complete."""

import subprocess
import sys
from pathlib import Path

import pytest

import eigenspace as es

HEAVY = ("numba", "sympy", "pandas", "matplotlib", "scipy", "rich", "typer", "flint")


def fresh(code):
    """Standard output of ``code`` in a new interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("look", ["", "; dir(es); 'relu' in dir(es)"])
def test_import_loads_nothing_heavy(look):
    code = f"import sys, eigenspace as es{look}; print(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    assert fresh(code) == ""


def test_describing_a_network_compiles_and_draws_nothing():
    describe = "es.cnn(12, filters=(1, 4), positions=4, head='dense', activation=es.relu)"
    loaded = fresh(f"import sys, eigenspace as es; {describe}; print(*sorted({set(HEAVY)!r} & set(sys.modules)))")
    assert not set(loaded.split()) & {"numba", "pandas", "matplotlib", "rich", "typer"}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_program_says_what_it_is_without_arrays(option):
    code = f"""
import sys
from eigenspace.cli import main
try:
    main([{option!r}])
finally:
    print(*sorted({{"numpy", *{HEAVY!r}}} & set(sys.modules)), sep="\\n")
"""
    assert set(fresh(code).splitlines()) & {"numpy", *HEAVY} <= {"rich", "typer"}


@pytest.mark.parametrize("name", es.__all__)
def test_every_public_name_resolves(name):
    assert getattr(es, name) is not None
    assert name in dir(es)


def test_star_import_and_version():
    assert fresh("from eigenspace import *; print(callable(cnn), callable(spectrum))") == "True True"
    assert fresh("import eigenspace; print(eigenspace.__version__)").count(".") == 2


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'spectra'"):
        es.spectra  # noqa: B018


def test_no_public_name_is_a_module():
    """A module of the same name would take the place of a public name once it is loaded."""
    modules = {path.stem for path in Path(es.__file__).parent.iterdir()}
    assert not modules & set(es.__all__)
