"""Exceptions of the package.

Bad input is an ordinary :class:`ValueError` or :class:`TypeError`. The two classes below are for requests that
are well formed and still cannot be met: because the case is not implemented, or because a computation did not
reach the accuracy that was asked for. Both also derive from the built-in exception that a caller who does not
know this package would catch.

>>> issubclass(UnsupportedError, NotImplementedError), issubclass(ConvergenceError, ArithmeticError)
(True, True)
"""


class EigenspaceError(Exception):
    """Base class: ``except EigenspaceError`` catches everything that only this package raises."""


class UnsupportedError(EigenspaceError, NotImplementedError):
    """A case outside what is implemented; the message names the missing property."""


class ConvergenceError(EigenspaceError, ArithmeticError):
    """The requested accuracy was not reached; the message names the knob to turn."""
