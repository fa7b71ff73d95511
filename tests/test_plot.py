import sys

import numpy as np
import pytest

from eigenspace._plot import spectrum_plot
from tables import example, tiny

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


pytestmark = pytest.mark.usefixtures("closed_figures")


def plateaus(ax):
    return np.concatenate([np.array(lines.get_segments()) for lines in ax.collections])


def test_each_class_is_a_plateau_of_its_own_height_and_width():
    ax = spectrum_plot([-2.0, 0.0, -1.0], np.log10([100, 1, 10]), [2, 0, 1])
    found = plateaus(ax)
    assert found[:, :, 1].tolist() == [[0, 0], [-1, -1], [-2, -2]]
    np.testing.assert_allclose(10.0 ** found[:, :, 0], [[0.5, 1.5], [1.5, 11.5], [11.5, 111.5]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]


def test_degrees_differ_in_colour_and_in_marker():
    ax = spectrum_plot(-np.arange(6.0), np.zeros(6), np.arange(6))
    marks = [(line.get_color(), line.get_marker()) for line in ax.lines if line.get_marker() != "None"]
    assert len({colour for colour, _ in marks}) == len({marker for _, marker in marks}) == 6


def test_it_draws_into_given_axes_and_returns_them():
    from matplotlib import pyplot

    _, given = pyplot.subplots()
    assert example().plot(given) is given and example().plot() is not given
    assert given.get_ylabel() == "NTK eigenvalue" and "rank" in given.get_xlabel()


def test_powers_far_beyond_floats_are_drawn_and_labelled():
    ax = tiny((-20000, -1100, -1)).plot()
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    assert low < -6020.6 < 0 < high and ax.get_xlim()[1] > 6019
    assert all(label.get_text().startswith("$10^{") for label in ax.get_yticklabels())


def test_zeros_are_counted_not_drawn():
    ax = example().plot()
    assert len(plateaus(ax)) == 8 and "1 class is 0" in ax.get_legend().get_title().get_text()


def test_labels_are_the_heaviest_classes_and_do_not_touch():
    labels = [text.get_text() for text in example().plot(annotate=2).texts]
    assert len(labels) == 2 and labels[0] == "0"
    assert not list(example().plot(annotate=0).texts)
    crowded = spectrum_plot(np.zeros(50), np.zeros(50), np.ones(50), labels=["[1 1 1]"] * 50, annotate=50)
    assert 1 <= len(crowded.texts) < 10


def test_an_empty_table_and_one_of_zeros_give_empty_axes():
    assert example()[[]].plot().lines[0].get_xdata().size == 0
    assert example().where(max_value=0).plot().lines[0].get_xdata().size == 0


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install eigenspace\[plot\]"):
        example().plot()
