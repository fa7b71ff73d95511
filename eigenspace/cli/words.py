"""From the words of the command line to networks, rings and degrees."""

import shlex
from enum import StrEnum
from fractions import Fraction
from inspect import signature
from typing import Annotated, get_args

import typer

import eigenspace as es

#: heading of the options that describe a network
NETWORK = "Network"


class Architecture(StrEnum):
    mlp = "mlp"
    cnn = "cnn"
    hypercube = "hypercube"


#: what describes an architecture: first the option that it needs, with an example
_OWN = {
    Architecture.mlp: ({"depth": "2"}, "leaves"),
    Architecture.cnn: ({"filters": "1,4"}, "positions", "head"),
    Architecture.hypercube: ({"depth": "2"},),
}


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


def read_network(
    architecture: Annotated[
        Architecture,
        typer.Argument(
            metavar="mlp|cnn|hypercube",
            help="Fully connected, convolutional with stride = filter, or fully connected on the Boolean cube.",
        ),
    ],
    dim: Annotated[
        int,
        typer.Argument(
            metavar="DIM",
            help="Dimension of one leaf: the input of an mlp, one patch of a cnn; the number of bits of a hypercube.",
        ),
    ],
    depth: Annotated[
        int | None, typer.Option(help="mlp, hypercube: number of layers with activation.", rich_help_panel=NETWORK)
    ] = None,
    leaves: Annotated[
        int | None,
        typer.Option(
            help="mlp: number of leaves that the first layer averages.", show_default="1", rich_help_panel=NETWORK
        ),
    ] = None,
    filters: Annotated[
        str | None,
        typer.Option(
            metavar="K1,K2,...",
            help="cnn: filter sizes, input side first, K1 counted in leaves; in two dimensions 1,2x2,... with "
            "HEIGHTxWIDTH.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    positions: Annotated[
        str | None,
        typer.Option(
            metavar="N or HxW", help="cnn: positions left after the last filter.", show_default="1",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="flatten|dense|gap",
            help="cnn: linear readout of all positions, one more dense layer first, or of the average over positions.",
            show_default="flatten",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    activation: Annotated[
        str,
        typer.Option(
            metavar="NAME or NAME:PARAMETER",
            help="The activation: relu, identity, step, sign, absolute, leaky_relu:SLOPE, rectified_monomial:N, "
            "rbf:GAMMA, exponential:B, hermite:N, monomial:N or polynomial:C0,C1,...",
            rich_help_panel=NETWORK,
        ),
    ] = "relu",
    sigma_w: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of the weights, activations taken as they are.",
            show_default="1, activations normalised",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    sigma_b: Annotated[
        float, typer.Option(help="Standard deviation of the biases.", rich_help_panel=NETWORK)
    ] = 0.0,
    residual: Annotated[
        float | None,
        typer.Option(
            help="mlp, cnn, hypercube: weight of residual blocks in all layers that keep the positions, but the first.",
            rich_help_panel=NETWORK,
        ),
    ] = None,
):
    """The network that the options describe.

    The parameters are the options of every command that takes a network (see `options.command`), and those of a network
    in a word (see `read_words`): a new one is added here alone.
    """
    given = {"depth": depth, "leaves": leaves, "filters": filters, "positions": positions, "head": head}
    required, *others = _OWN[architecture]
    own = [*required, *others]
    for option, value in given.items():
        if value is not None and option not in own:
            described = ", ".join(f"--{name}" for name in own)
            raise ValueError(
                f"--{option} does not apply to {architecture}, which is described by {described}; leave it out"
            )
    for option, example in required.items():
        if given[option] is None:
            raise ValueError(f"{architecture} needs --{option}, for example --{option} {example}")
    options = {
        "activation": read_activation(activation), "sigma_w": sigma_w, "sigma_b": sigma_b, "residual": residual
    }  # fmt: skip
    if architecture is Architecture.hypercube:
        return es.hypercube(dim, depth, **options)
    if architecture is Architecture.mlp:
        return es.mlp(dim, depth, leaves=1 if leaves is None else leaves, **options)
    sizes = tuple(_read_size(word, "--filters", "--filters 1,4,4 or 1,2x2") for word in filters.split(","))
    count = 1 if positions is None else _read_size(positions, "--positions", "--positions 4 or 2x2")
    return es.cnn(dim, sizes, count, head=head or "flatten", **options)


def read_question(
    kernel: Annotated[
        str, typer.Option(metavar="ntk|nngp", help="The kernel of the wide network.", rich_help_panel=NETWORK)
    ] = "ntk",
) -> dict:
    """What is asked about a network, as keyword arguments of the functions that answer.

    The parameters are options of every command that asks about a kernel: a new one is added here alone.
    """
    return {"kernel": kernel}


def _read_size(word: str, option: str, example: str) -> int | tuple[int, ...]:
    """A size, or a pair of sizes with an x between them."""
    sizes = tuple(read_integer(part, option, example) for part in word.split("x"))
    return sizes[0] if len(sizes) == 1 else sizes


def split_name(text):
    """Name and description from ``NAME = DESCRIPTION``; a description alone is its own name."""
    name, equals, words = text.partition("=")
    return (name.strip(), words.strip()) if equals else (text.strip(), text.strip())


def read_words(text):
    """The network that the words of the command line describe."""
    example = '--net "cnn 12 --filters 1,4 --positions 4"'
    kind, dim, *rest = [*shlex.split(text), "", ""][: max(2, len(shlex.split(text)))]
    if kind not in list(Architecture) or len(rest) % 2:
        known = ", ".join(Architecture)
        raise ValueError(
            f"--net takes one of {known}, a dimension, and options with values, got {text!r}; use {example}"
        )
    _, _, *parameters = signature(read_network).parameters.values()
    kinds = {f"--{p.name.replace('_', '-')}": (p.name, get_args(p.annotation)[0]) for p in parameters}
    options = {}
    for option, value in zip(rest[::2], rest[1::2]):
        if option not in kinds:
            raise ValueError(f"--net has no option {option!r} (only {', '.join(kinds)}); use {example}")
        name, kind_of_value = kinds[option]
        reader = {int: read_integer, int | None: read_integer, float: read_real, float | None: read_real}
        read = reader.get(kind_of_value)
        options[name] = value if read is None else read(value, f"--net {option}", example)
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


def read_real(word, option, example):
    """A real number, or an error that names the option."""
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{option} takes numbers, got {word!r}; use {example}") from None
