from fractions import Fraction

import numpy as np
import pytest

from eigenspace import _check


@pytest.mark.parametrize("value", [1, np.int64(7), np.uint8(200), 10**30])
def test_integers_of_any_kind_become_int(value):
    assert type(_check.positive_integer("dim", value)) is int and _check.positive_integer("dim", value) == value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-3, ValueError),
        (np.int32(-1), ValueError),
        (2.5, TypeError),
        (3.0, TypeError),
        ("3", TypeError),
        (True, TypeError),
        (np.True_, TypeError),
        (None, TypeError),
        (float("nan"), TypeError),
        (1j, TypeError),
        ([3], TypeError),
    ],
)
def test_what_is_not_a_positive_integer(value, error):
    with pytest.raises(error, match="^dim must be a positive integer, got .*; use"):
        _check.positive_integer("dim", value)


def test_the_way_out_is_concrete():
    with pytest.raises(TypeError, match="got 3.0; use 3$"):
        _check.positive_integer("dim", 3.0)
    with pytest.raises(ValueError, match="degree must be a non-negative integer, got -1; use a value >= 0"):
        _check.nonnegative_integer("degree", -1)
    with pytest.raises(ValueError, match="layer must be an integer from 0 to 2, got 3; use a value from 0 to 2"):
        _check.integer("layer", 3, 0, 2)


def test_sequences_name_the_position():
    assert _check.positive_integers("filters", np.array([1, 4])) == (1, 4)
    message = "filters must be positive integers, got 0 at position 2; drop the layer or use 1"
    with pytest.raises(ValueError, match=message):
        _check.positive_integers("filters", (1, 4, 0), "drop the layer or use 1")
    with pytest.raises(TypeError, match="got 1.5 at position 0"):
        _check.positive_integers("filters", [1.5])
    with pytest.raises(ValueError, match="non-empty sequence of positive integers, got \\(\\); give at least one"):
        _check.positive_integers("filters", ())
    with pytest.raises(TypeError, match="filters must be a sequence of positive integers, got 4; use \\(4,\\)"):
        _check.positive_integers("filters", 4)
    with pytest.raises(TypeError, match="got '12'"):
        _check.positive_integers("filters", "12")
    assert _check.nonnegative_integers("degrees", (0, 2)) == (0, 2)
    assert _check.positive_integers("filters", (), allow_empty=True) == ()


def test_reals():
    assert _check.positive_real("rtol", Fraction(1, 2)) == 0.5 and _check.nonnegative_real("ridge", 0) == 0.0
    assert _check.real("slope", np.float32(-1)) == -1.0
    for value in (0, -1.0, float("nan"), float("inf"), 10**400):
        with pytest.raises(ValueError, match="^rtol must be a positive real number, got"):
            _check.positive_real("rtol", value)
    for value in ("1", True, np.True_, None, 1j):
        with pytest.raises(TypeError, match="^rtol must be a positive real number, got"):
            _check.positive_real("rtol", value)


def test_choices_suggest_the_nearest_name():
    assert _check.choice("kernel", "ntk", ("nngp", "ntk")) == "ntk"
    with pytest.raises(ValueError, match="kernel must be one of 'nngp', 'ntk', got 'NTK'; did you mean 'ntk'?"):
        _check.choice("kernel", "NTK", ("nngp", "ntk"))
    with pytest.raises(ValueError, match="got 'laplace'; use 'nngp'"):
        _check.choice("kernel", "laplace", ("nngp", "ntk"))
    with pytest.raises(TypeError, match="kernel must be one of 'nngp', 'ntk', got 3"):
        _check.choice("kernel", 3, ("nngp", "ntk"))
