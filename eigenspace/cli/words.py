"""From the words of the command line to networks, rings and degrees."""

import shlex
from enum import StrEnum
from fractions import Fraction

import eigenspace as es


class Architecture(StrEnum):
    mlp = "mlp"
    cnn = "cnn"


def _one(kind):
    """A reader of one parameter."""
    return lambda text: (kind(text),)


def _wave(text):
    """The three parameters of a sine or cosine."""
    a, b, c = map(Fraction, text.split(","))
    return a, b, c


#: an example of each activation that takes parameters, and what reads them
_PARAMETERS = {
    "rbf": ("0.25", _one(float)),
    "hermite": ("3", _one(int)),
    "monomial": ("2", _one(int)),
    "polynomial": ("0,1,1/2", lambda text: (text.split(","),)),
    "leaky_relu": ("0.1", _one(Fraction)),
    "rectified_monomial": ("2", _one(int)),
    "exponential": ("0.5", _one(Fraction)),
    "gaussian": ("-0.5", _one(Fraction)),
    "sine": ("1,2,0", _wave),
    "cosine": ("1,2,0", _wave),
}
#: those that take an integer
_INTEGERS = ("hermite", "monomial", "rectified_monomial")
_ACTIVATIONS = ("relu", "erf", "gelu", "identity", "step", "sign", "absolute", *_PARAMETERS)


def read_network(architecture, dim, depth, leaves, filters, positions, head, activation):
    """The network that the options describe."""
    mlp_only = {"--depth": depth, "--leaves": leaves}
    cnn_only = {"--filters": filters, "--positions": positions, "--head": head}
    is_mlp = architecture is Architecture.mlp
    for option, value in (cnn_only if is_mlp else mlp_only).items():
        if value is not None:
            own = ", ".join(mlp_only if is_mlp else cnn_only)
            raise ValueError(f"{option} does not apply to {architecture}, which is described by {own}; leave it out")
    required = "--depth" if is_mlp else "--filters"
    if (depth if is_mlp else filters) is None:
        example = "--depth 2" if is_mlp else "--filters 1,4"
        raise ValueError(f"{architecture} needs {required}, for example {example}")
    act = read_activation(activation)
    if is_mlp:
        return es.mlp(dim, depth, leaves=1 if leaves is None else leaves, activation=act)
    sizes = tuple(read_integer(word, "--filters", "--filters 1,4,4") for word in filters.split(","))
    return es.cnn(dim, sizes, 1 if positions is None else positions, head=head or "flatten", activation=act)


def split_name(text):
    """Name and description from ``NAME = DESCRIPTION``; a description alone is its own name."""
    name, equals, words = text.partition("=")
    return (name.strip(), words.strip()) if equals else (text.strip(), text.strip())


_WORDS = {"depth": int, "leaves": int, "filters": str, "positions": int, "head": str, "activation": str}


def read_words(text):
    """The network that the words of the command line describe."""
    example = '--net "cnn 12 --filters 1,4 --positions 4"'
    kind, dim, *rest = [*shlex.split(text), "", ""][: max(2, len(shlex.split(text)))]
    if kind not in list(Architecture) or len(rest) % 2:
        raise ValueError(f"--net takes mlp or cnn, a dimension, and options with values, got {text!r}; use {example}")
    options = dict.fromkeys(_WORDS) | {"activation": "relu"}
    for option, value in zip(rest[::2], rest[1::2]):
        name = option.removeprefix("--")
        if name not in _WORDS or not option.startswith("--"):
            raise ValueError(f"--net has no option {option!r} (only {', '.join(_WORDS)}); use {example}")
        options[name] = read_integer(value, f"--net {option}", example) if _WORDS[name] is int else value
    return read_network(Architecture(kind), read_integer(dim, "--net", example), **options)


def read_growth(text):
    """Exponents from ``dim=1,filters=0,positions=1/2``; several filters are joined by colons."""
    example = "--exponents dim=1,filters=0,positions=1/2"
    growth = {}
    for word in text.split(","):
        name, equals, value = word.partition("=")
        try:
            numbers = [Fraction(part) for part in value.split(":")]
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"--exponents takes fractions, got {word!r}; use {example}") from None
        growth[name.strip()] = numbers if len(numbers) > 1 else numbers[0]
    return growth


def read_activation(text):
    """An activation from its name and, after a colon, its parameter."""
    name, *words = text.split(":")
    if name not in _ACTIVATIONS:
        known = ", ".join(f"{n}:{_PARAMETERS[n][0]}" if n in _PARAMETERS else n for n in _ACTIVATIONS)
        raise ValueError(f"--activation must be one such as {known}, got {text!r}")
    example, read = _PARAMETERS.get(name, (None, None))
    if len(words) != (example is not None):
        count = "no parameters" if not example else "3 parameters" if read is _wave else "1 parameter"
        rule = f"--activation {name} takes {count}"
        raise ValueError(f"{rule}, got {text!r}; use {name}{f':{example}' if example else ''}")
    if example is None:
        return getattr(es, name)
    try:
        parameters = read(words[0])
    except (ValueError, ZeroDivisionError):
        rule = "an integer" if name in _INTEGERS else "three numbers" if read is _wave else "a number"
        raise ValueError(f"--activation {name} takes {rule}, got {text!r}; use {name}:{example}") from None
    return getattr(es, name)(*parameters)


def read_ring(text):
    """A ring from its name."""
    name, *words = text.split(":")
    if (name, len(words)) not in (("float", 0), ("exact", 0), ("ball", 1)):
        raise ValueError(f"--ring must be float, exact or ball:BITS, got {text!r}; use ball:128 for 38 digits")
    if words:
        return es.ball(read_integer(words[0], "--ring", "--ring ball:128"))
    return es.EXACT if name == "exact" else es.FLOAT


def read_degrees(text):
    """Degrees of one leaf, of some leaves or of all."""
    example = "--degrees 3, --degrees 0:1,3:2 or --degrees 2,0,0,0"
    words = text.split(",")
    if any(":" in word for word in words):
        degrees = {}
        for word in words:
            leaf, colon, degree = word.partition(":")
            if not colon:
                raise ValueError(f"--degrees mixes leaf:degree with plain degrees in {text!r}; use {example}")
            leaf = read_integer(leaf, "--degrees", example)
            if leaf in degrees:
                raise ValueError(f"--degrees names leaf {leaf} twice in {text!r}; give each leaf one degree")
            degrees[leaf] = read_integer(degree, "--degrees", example)
        return degrees
    numbers = tuple(read_integer(word, "--degrees", example) for word in words)
    return numbers[0] if len(numbers) == 1 else numbers


def read_integer(word, option, example):
    """An integer, or an error that names the option."""
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{option} takes integers, got {word!r}; use {example}") from None
