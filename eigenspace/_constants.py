r"""Exact real numbers that are known through a formula: variances of pre-activations, and what follows from them.

A network of critical ReLU layers needs no other numbers than fractions.  With biases, or with activations such as erf,
the variance :math:`q` of the pre-activations of a layer is a formula in the variance of the layer below.  A `Constant`
keeps that formula, so that the number can be had at any precision, and as a SymPy expression.

A formula is a function ``f(ops, *numbers)`` of a module, written over the few functions of `Operations`; so it runs on
balls, on SymPy numbers, and equal formulas compare equal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import prod

from ._flint import precision

#: bits at which a constant is evaluated before it is rounded to float64
_FLOAT_BITS = 160


class Operations:
    """The functions of which formulas are made, on balls (`BALLS`) or on SymPy numbers (`SYMBOLS`)."""

    def number(self, value: Fraction):
        """A fraction as a number of this kind."""
        raise NotImplementedError


class _Balls(Operations):
    @property
    def pi(self):
        from flint import arb

        return arb.pi()

    def number(self, value):
        from flint import arb, fmpq

        return arb(fmpq(value.numerator, value.denominator))

    def sqrt(self, x):
        return x.sqrt()

    def exp(self, x):
        return x.exp()

    def sin(self, x):
        return x.sin()

    def cos(self, x):
        return x.cos()

    def asin(self, x):
        return x.asin()

    def atan2(self, y, x):
        from flint import arb

        return arb.atan2(y, x)


class _Symbols(Operations):
    @property
    def pi(self):
        import sympy

        return sympy.pi

    def number(self, value):
        import sympy

        return sympy.Rational(value.numerator, value.denominator)

    def __getattr__(self, name):
        import sympy

        return getattr(sympy, name)


BALLS, SYMBOLS = _Balls(), _Symbols()


@dataclass(frozen=True)
class Constant:
    """The number ``function(ops, *arguments)``, for fractions and other constants as arguments."""

    function: Callable
    arguments: tuple

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # formulas nest as deep as networks do, and numbers are looked up at every evaluation of a kernel
        return hash((self.function, self.arguments))

    def __reduce__(self):
        # a hash is that of one process
        return Constant, (self.function, self.arguments)

    def __float__(self) -> float:
        return _rounded(self)

    def __repr__(self) -> str:
        return f"{float(self):.6g}"


def constant(function: Callable, *arguments):
    """A formula of constants; a fraction where all arguments are fractions and the formula gives one.

    >>> constant(lambda ops, q: 2 * q + 1, Fraction(1, 3))
    Fraction(5, 3)
    """
    if all(isinstance(a, Fraction) for a in arguments):
        try:
            value = function(_FRACTIONS, *arguments)
        except _Irrational:
            value = None
        if isinstance(value, Fraction | int):
            return Fraction(value)
    return Constant(function, arguments)


class _Irrational(Exception):
    """A formula leaves the fractions."""


class _Fractions(Operations):
    def number(self, value):
        return value

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise _Irrational


_FRACTIONS = _Fractions()


def product(ops, *factors):
    """A product, as a formula."""
    return prod(factors, start=ops.number(Fraction(1)))


def ball(number):
    """A fraction or a constant as a ball, at the working precision."""
    if isinstance(number, Constant):
        import flint

        return _ball_of(number, flint.ctx.prec)
    return BALLS.number(Fraction(number))


@lru_cache(maxsize=4096)
def _ball_of(number: Constant, bits: int):
    return number.function(BALLS, *map(ball, number.arguments))


def expression(number):
    """A fraction or a constant as a SymPy number."""
    if isinstance(number, Constant):
        return number.function(SYMBOLS, *map(expression, number.arguments))
    return SYMBOLS.number(Fraction(number))


@lru_cache(maxsize=1024)
def _rounded(number: Constant) -> float:
    with precision(_FLOAT_BITS):
        return float(ball(number))
