"""Where results go: formats, files, and the terminal."""

import sys
from enum import StrEnum
from pathlib import Path


class Format(StrEnum):
    text = "text"
    latex = "latex"
    markdown = "markdown"
    csv = "csv"
    json = "json"


_FORMAT_OF_SUFFIX = {
    ".txt": Format.text,
    ".tex": Format.latex,
    ".md": Format.markdown,
    ".csv": Format.csv,
    ".json": Format.json,
}
#: formats of pictures
_PICTURES = (".png", ".pdf", ".svg")


def output_targets(output, format, plot=None):
    """Pairs (path or None for the terminal, format); files are checked before any work is done."""
    if plot is not None:
        check_picture("--plot", plot)
    for name in output or ():
        if name != "-":
            _check_folder(name)
    if not output:
        return [(None, format or Format.text)]
    return [
        (None, format or Format.text) if name == "-" else (Path(name), format or _format_of(name)) for name in output
    ]


def _check_folder(name: str) -> None:
    folder = Path(name).parent
    if not folder.is_dir():
        raise ValueError(f"cannot write {name}: there is no folder {folder}; create it or choose another FILE")


def _format_of(name):
    suffix = Path(name).suffix.lower()
    if suffix not in _FORMAT_OF_SUFFIX:
        known = ", ".join(_FORMAT_OF_SUFFIX)
        raise ValueError(f"-o {name}: the suffix {suffix!r} names no format ({known}); add --format")
    return _FORMAT_OF_SUFFIX[suffix]


def check_picture(option: str, name: str) -> None:
    """Refuse a file in no folder, or whose suffix names no format of pictures."""
    _check_folder(name)
    if Path(name).suffix.lower() not in _PICTURES:
        raise ValueError(f"{option} {name}: pictures are {', '.join(_PICTURES)}; choose one of these suffixes")


def save_picture(axes, name: str) -> None:
    """The figure of some axes, into a file; says so."""
    axes.figure.savefig(name, dpi=300, bbox_inches="tight", pad_inches=0.02)
    say(f"wrote {name}")


def write(text, path):
    text = text.rstrip("\n") + "\n"
    if path is None:
        sys.stdout.write(text)
    else:
        path.write_text(text, encoding="utf-8")
        say(f"wrote {path}")


def say(message):
    """One line of news; on the error stream, so that the output can go through a pipe."""
    print(message, file=sys.stderr)


def rich_print(renderable):
    from rich.console import Console

    Console().print(renderable)
