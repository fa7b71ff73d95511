"""Fixtures that several files of tests share."""

import re
import shlex

import pytest

from eigenspace.cli import main


@pytest.fixture
def run(capsys):
    """Run a command line in this process: (exit status, output, errors), without colours."""

    def run(line):
        with pytest.raises(SystemExit) as stop:
            main(shlex.split(line))
        out, err = (re.sub(r"\x1b\[[0-9;]*m", "", text) for text in capsys.readouterr())
        return stop.value.code or 0, out, err

    return run


@pytest.fixture
def closed_figures():
    """Close all figures after a test, which must have left the settings of matplotlib as they were."""
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    yield
    pyplot.close("all")
    assert dict(matplotlib.rcParams) == before
