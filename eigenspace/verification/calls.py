"""The network of a table, from the call that its provenance states; read as data, never executed."""

import ast
from collections.abc import Callable
from fractions import Fraction
from inspect import isclass

from .. import _check, activations, networks
from ..errors import UnsupportedError
from ..kernels import KERNELS
from ..parts import Network

#: arguments of `spectrum` that choose rows or digits and not the kernel
_CHOICES = ("count", "degree", "min_value", "progress", "ring", "rtol")
_LONGEST = 1_000_000


def read_call(text: str) -> tuple[Network, str]:
    """The network and the kernel of a call such as ``eigenspace.spectrum(eigenspace.mlp(3, 1), 'ntk', degree=2)``.

    Only calls of the makers of networks and of activations are followed, with numbers, text, fractions, roots, lists
    and tuples for arguments.  Raises :class:`ValueError` for anything else, and
    :class:`~eigenspace.errors.UnsupportedError` for a call whose kernel cannot be evaluated.

    >>> read_call("spectrum(cnn(12, filters=(1, 4), positions=4), 'nngp', degree=2)")[1]
    'nngp'
    >>> read_call("spectrum(open('/etc/passwd'), 'ntk')")
    Traceback (most recent call last):
    ...
    ValueError: call must be made of networks and activations, got open; rebuild the table with spectrum
    """
    call = _parsed(text)
    if not isinstance(call, ast.Call) or _name(call.func) != "spectrum":
        raise UnsupportedError(
            f"only tables of eigenspace.spectrum can be verified, got one of {_short(call)}; rebuild the table with it"
        )
    given = dict(zip(("net", "kernel"), call.args)) | {keyword.arg: keyword.value for keyword in call.keywords}
    known = given.keys() <= {"net", "kernel", "layer", *_CHOICES}
    if not known or "net" not in given or len(call.args) > 2 or len(given) < len(call.args) + len(call.keywords):
        raise _refusal(call)
    if "layer" in given and _value(given["layer"], {}) is not None:
        raise UnsupportedError(f"the part of one layer, {_short(call)}, cannot be verified; use a table of all layers")
    net = _value(given["net"], {})
    if not isinstance(net, Network):
        raise _refusal(given["net"])
    kernel = _value(given["kernel"], {}) if "kernel" in given else "ntk"
    return net, _check.choice("kernel", kernel, KERNELS)


def _parsed(text) -> ast.expr:
    if not isinstance(text, str) or len(text) > _LONGEST:
        raise ValueError(f"call must be text of at most {_LONGEST} characters; rebuild the table with spectrum")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        shown = text if len(text) <= 60 else text[:57] + "..."
        raise ValueError(f"call must be a Python expression, got {shown!r}; rebuild the table with spectrum") from None


def _value(node: ast.expr, shared: dict):
    """The value of a literal, of a maker's name, or of a maker's call; ``shared``: parts that have got a name."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return -node.operand.value
        case ast.Tuple() | ast.List():
            return tuple(_value(element, shared) for element in node.elts)
        case ast.NamedExpr():
            shared[node.target.id] = _value(node.value, shared)
            return shared[node.target.id]
        case ast.Name(id=name) if name in shared:
            return shared[name]
        case ast.Name() | ast.Attribute():
            thing = _public(node)
            if callable(thing) and not isinstance(thing, activations.Activation):
                raise _refusal(node)
            return thing
        case ast.Call():
            if _name(node.func) == "from_function":
                raise UnsupportedError(
                    f"a table with {_short(node)} cannot be rebuilt from its call, which names a Python function only; "
                    f"use a named activation, or compare with eigenspace.zonal_spectrum"
                )
            maker = _public(node.func)
            if not callable(maker) or any(keyword.arg is None for keyword in node.keywords):
                raise _refusal(node)
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            given = [_value(argument, shared) for argument in node.args]
            return maker(*given, **{name: _value(argument, shared) for name, argument in named.items()})
    raise _refusal(node)


def _public(node: ast.expr) -> Callable | activations.Activation:
    name = _name(node)
    if name == "Fraction":
        return Fraction
    if name in networks.MAKERS:
        return getattr(networks, name)
    if name == "sqrt":
        return _root
    thing = getattr(activations, name, None) if name in activations.__all__ else None
    if thing is None or isclass(thing):
        raise _refusal(node)
    return thing


def _root(square: int):
    """The exact square root of a number, as in ``sigma_w=sqrt(2)``; SymPy would evaluate a text."""
    import sympy

    return sympy.sqrt(sympy.Rational(_check.rational("sqrt", square)))


def _name(node: ast.expr) -> str:
    """``name`` from ``name`` or ``eigenspace.name``; empty for any other expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="eigenspace"), attr=name):
            return name
    return ""


def _refusal(node: ast.expr) -> ValueError:
    return ValueError(
        f"call must be made of networks and activations, got {_short(node)}; rebuild the table with spectrum"
    )


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "..."
