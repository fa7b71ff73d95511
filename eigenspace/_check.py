"""Validation at the public boundary.

Each helper returns the value in its plain Python type or raises: :class:`TypeError` for a wrong type (``2.5`` or
``"3"`` or ``True`` where an integer belongs), :class:`ValueError` for a wrong value. Every message names the
argument, the rule, the value and the way out.

>>> positive_integer("dim", 0, "use dim >= 1")
Traceback (most recent call last):
...
ValueError: dim must be a positive integer, got 0; use dim >= 1
>>> positive_integers("filters", (1, 4, 0), "drop the layer or use 1")
Traceback (most recent call last):
...
ValueError: filters must be positive integers, got 0 at position 2; drop the layer or use 1
"""

import math
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from fractions import Fraction
from numbers import Integral, Rational, Real


def positive_integer(name: str, value, way_out: str | None = None) -> int:
    """``value`` as an ``int`` that is at least 1; NumPy integer scalars count, booleans and floats do not."""
    return integer(name, value, 1, None, way_out, rule="a positive integer")


def nonnegative_integer(name: str, value, way_out: str | None = None) -> int:
    """``value`` as an ``int`` that is at least 0."""
    return integer(name, value, 0, None, way_out, rule="a non-negative integer")


def integer(
    name: str,
    value,
    low: int | None = None,
    high: int | None = None,
    way_out: str | None = None,
    *,
    rule: str | None = None,
) -> int:
    """``value`` as an ``int`` with ``low <= value <= high``; ``rule`` overrides the wording of the rule.

    >>> integer("layer", 5, 0, 2)
    Traceback (most recent call last):
    ...
    ValueError: layer must be an integer from 0 to 2, got 5; use a value from 0 to 2
    """
    rule = rule or f"an integer{_range(low, high)}"
    if not _is_integer(value):
        raise TypeError(_message(name, rule, value, way_out or _whole(value)))
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(_message(name, rule, value, way_out or f"use a value{_range(low, high)}"))
    return int(value)


def positive_integers(name: str, values, way_out: str | None = None, *, allow_empty: bool = False) -> tuple[int, ...]:
    """A sequence of positive integers as a tuple; the message names the position (from 0) of a wrong one."""
    return _integers(name, values, 1, "positive integers", way_out, allow_empty)


def nonnegative_integers(
    name: str, values, way_out: str | None = None, *, allow_empty: bool = False
) -> tuple[int, ...]:
    """A sequence of non-negative integers as a tuple."""
    return _integers(name, values, 0, "non-negative integers", way_out, allow_empty)


def positive_real(name: str, value, way_out: str | None = None) -> float:
    """``value`` as a finite ``float`` above 0; integers, fractions and NumPy scalars count."""
    return _real(name, value, "a positive real number", lambda x: x > 0, way_out or "use a finite number above 0")


def nonnegative_real(name: str, value, way_out: str | None = None) -> float:
    """``value`` as a finite ``float`` that is at least 0."""
    return _real(name, value, "a non-negative real number", lambda x: x >= 0, way_out or "use 0 or a number above it")


def real(name: str, value, way_out: str | None = None) -> float:
    """``value`` as a finite ``float``."""
    return _real(name, value, "a finite real number", lambda x: True, way_out or "use a finite number")


def rational(name: str, value, way_out: str | None = None) -> Fraction:
    """``value`` as a :class:`~fractions.Fraction`; a float means the decimal number that it prints as.

    >>> rational("slope", 0.01), rational("slope", Fraction(1, 3))
    (Fraction(1, 100), Fraction(1, 3))
    """
    number = real(name, value, way_out)
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    return Fraction(repr(number))


def choice(name: str, value, allowed: Iterable[str], way_out: str | None = None) -> str:
    """``value`` if it is one of the names in ``allowed``; the message suggests the nearest one.

    >>> choice("kernel", "nkt", ("nngp", "ntk"))
    Traceback (most recent call last):
    ...
    ValueError: kernel must be one of 'nngp', 'ntk', got 'nkt'; did you mean 'ntk'?
    """
    allowed = tuple(allowed)
    rule = "one of " + ", ".join(map(repr, allowed))
    if not isinstance(value, str):
        raise TypeError(_message(name, rule, value, way_out or f"use {allowed[0]!r}"))
    if value not in allowed:
        near = get_close_matches(value.lower(), allowed, 1)
        raise ValueError(
            _message(name, rule, value, way_out or (f"did you mean {near[0]!r}?" if near else f"use {allowed[0]!r}"))
        )
    return value


def _integers(name, values, low, rule, way_out, allow_empty):
    fix = way_out or f"use integers{_range(low, None)}"
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(_message(name, f"a sequence of {rule}", values, way_out or f"use ({values!r},)"))
    values = tuple(values)
    if not values and not allow_empty:
        raise ValueError(_message(name, f"a non-empty sequence of {rule}", values, way_out or "give at least one"))
    for position, value in enumerate(values):
        error = None if _is_integer(value) and value >= low else ValueError if _is_integer(value) else TypeError
        if error:
            raise error(_message(name, rule, value, fix, f" at position {position}"))
    return tuple(map(int, values))


def _real(name, value, rule, holds, way_out):
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(_message(name, rule, value, way_out))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and holds(number)):
        raise ValueError(_message(name, rule, value, way_out))
    return number


def _is_integer(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _whole(value) -> str:
    if isinstance(value, Real) and not isinstance(value, bool) and float(value).is_integer():
        return f"use {int(value)}"
    return "use a whole number such as 3"


def _range(low, high) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" >= {low}" if low is not None else f" <= {high}" if high is not None else ""


def _message(name, rule, value, way_out, where="") -> str:
    shown = repr(value) if isinstance(value, str | bytes) or isinstance(value, Collection) else str(value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    return f"{name} must be {rule}, got {shown}{where}; {way_out}"
