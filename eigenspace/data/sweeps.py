"""One function at many points, in parallel, with a memory: what is finished is kept and not computed again."""

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np

from .. import _check
from ..activations import Activation
from ..parts import Network


@dataclass(frozen=True, eq=False)
class Sweep:
    """Results of `sweep`, in the order of the grid.

    Attributes
    ----------
    records
        One dictionary for each finished point: ``arguments``, ``value``, ``error`` (a text, or ``None``) and whether it
        was ``stored`` before.
    complete
        Whether every point was finished; ``False`` after an interruption.
    """

    records: tuple[dict, ...]
    complete: bool

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        stored = sum(record["stored"] for record in self.records)
        return f"<Sweep: {len(self)} points, {stored} from the store{'' if self.complete else ', interrupted'}>"

    def values(self) -> list:
        """The values in the order of the points."""
        return [record["value"] for record in self.records]

    def to_pandas(self):
        """A :class:`pandas.DataFrame`: a column for each argument, and ``value``, or one for each key of its values."""
        import pandas

        rows = []
        for record in self.records:
            value = record["value"]
            row = dict(record["arguments"]) | (dict(value) if isinstance(value, Mapping) else {"value": value})
            rows.append(row | ({"error": record["error"]} if record["error"] else {}))
        return pandas.DataFrame(rows)


def sweep(
    function: Callable,
    grid,
    *,
    store=None,
    jobs: int | None = None,
    errors: str = "raise",
    progress: bool | None = None,
) -> Sweep:
    """Call a function at every point of a grid, through joblib.

    Parameters
    ----------
    function
        Called with keyword arguments.
    grid
        A mapping from names of arguments to their values, for all combinations, or a sequence of mappings, one for
        each point.
    store
        A file (JSON lines, made if it is missing) that keeps every finished point: the arguments and the value, under a
        hash of the function's name and the arguments.  Points that it holds are not computed again; delete it after a
        change of the function.  With a store, values are what JSON makes of them: numbers, texts, lists, dictionaries;
        arrays become lists.
    jobs
        Number of parallel calls; by default what :func:`joblib.parallel_config` says, or one after the other.
    errors
        ``"raise"``: the first exception ends the sweep, with the point in its message; ``"record"``: it goes into the
        record of its point, and the others go on.  Failed points are never stored.
    progress
        A progress bar; by default in a terminal.  An interruption (Ctrl-C) ends the sweep and returns the finished
        points, with ``complete=False``.

    Returns
    -------
    Sweep

    Raises
    ------
    RuntimeError
        Where the function fails: it names the point and the exception.
    TypeError
        With a store: for a function without a name of its own, such as a lambda, for arguments that no text names for
        good, and for values beyond JSON.

    Notes
    -----
    On a cluster: ``with joblib.parallel_config(backend="dask"): sweep(…)`` after a ``dask.distributed.Client`` is
    connected.  Kernels use all cores of a process themselves; joblib's processes share them out.

    Examples
    --------
    >>> from math import comb
    >>> def binomial(n, k):
    ...     return comb(n, k)
    >>> run = sweep(binomial, {"n": [4, 5], "k": [1, 2]})
    >>> run.values()
    [4, 6, 5, 10]
    >>> run.to_pandas().shape
    (4, 3)
    """
    if not callable(function):
        raise TypeError(f"function must be callable, got {function!r}; give the function itself")
    points = _points(grid)
    errors = _check.choice("errors", errors, ("raise", "record"))
    if jobs is not None:
        jobs = _check.integer("jobs", jobs, -1, None, "use -1 for all processors")
    records: dict = {}
    memory = None if store is None else _Store(Path(store), function)
    keys = [None if memory is None else memory.key(point) for point in points]
    if memory is not None:
        known = memory.read()
        for index, (point, key) in enumerate(zip(points, keys)):
            if key in known:
                records[index] = _record(point, known[key], stored=True)
    todo = [index for index in range(len(points)) if index not in records]
    try:
        for index, value, failure in _bar(_run(function, points, todo, jobs), len(todo), progress):
            if failure is not None and errors == "raise":
                error = RuntimeError(f"function {_name(function)} failed at {_shown(points[index])}: {failure[0]}")
                error.add_note(failure[1])
                raise error
            if failure is None and memory is not None:
                value = memory.write(keys[index], points[index], value)
            records[index] = _record(points[index], value, failure and failure[0])
    except KeyboardInterrupt:
        if not records:
            raise
    return Sweep(tuple(records[index] for index in sorted(records)), len(records) == len(points))


def _record(point: dict, value, error: str | None = None, stored: bool = False) -> dict:
    return {"arguments": point, "value": value, "error": error, "stored": stored}


def _points(grid) -> list[dict]:
    form = "use {'n': [10, 100]} for all combinations, or [{'n': 10}, {'n': 100}]"
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, str) or not isinstance(values, Iterable):
                raise TypeError(f"grid must map names to sequences of values, got {values!r} for {name!r}; {form}")
        grid = [dict(zip(grid, values)) for values in product(*map(list, grid.values()))]
    elif isinstance(grid, str) or not isinstance(grid, Iterable):
        raise TypeError(f"grid must be a mapping or a sequence of mappings, got {grid!r}; {form}")
    points = list(grid)
    for point in points:
        if not isinstance(point, Mapping) or not all(isinstance(name, str) for name in point):
            raise TypeError(f"grid must hold mappings from names of arguments, got {point!r}; {form}")
    if not points:
        raise ValueError(f"grid must have at least one point, got none; {form}")
    return [dict(point) for point in points]


def _run(function: Callable, points: list, todo: list, jobs: int | None):
    """Index, value and failure of every point, as they come in."""
    from joblib import Parallel, delayed

    if not todo:
        return
    yield from Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_attempt)(function, index, points[index]) for index in todo
    )


def _attempt(function: Callable, index: int, point: dict) -> tuple:
    try:
        return index, function(**point), None
    except Exception as error:  # noqa: BLE001  whatever goes wrong belongs to its point
        return index, None, (f"{type(error).__name__}: {error}", traceback.format_exc())


def _bar(done: Iterable, total: int, progress: bool | None):
    if progress is None:
        progress = total > 1 and sys.stderr.isatty()
    if not progress:
        return done
    from tqdm.auto import tqdm

    return tqdm(done, desc="points", total=total, leave=False)


@dataclass(frozen=True)
class _Store:
    """Finished points in a file, one JSON object a line."""

    path: Path
    function: Callable

    @cached_property
    def name(self) -> str:
        """Of the function."""
        return _text("function", self.function)

    def key(self, point: dict) -> str:
        """What a point is found again by."""
        text = json.dumps([self.name, _arguments(point)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:32]

    def read(self) -> dict:
        """The values by their keys; a last line that an interruption has cut off is left out."""
        if not self.path.exists():
            return {}
        known = {}
        lines = self.path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line) if line.strip() else None
                if entry:
                    known[entry["key"]] = entry["value"]
            except (ValueError, KeyError, TypeError):
                if number < len(lines):
                    raise ValueError(
                        f"store must be a file of an earlier sweep, got {str(self.path)!r} with another text in line "
                        f"{number}; use a new file"
                    ) from None
        return known

    def write(self, key: str, point: dict, value):
        """Append a point in one piece; returns the value as it will be read."""
        plain = _plain(value, partial(_refuse, point))
        entry = {"key": key, "function": self.name, "arguments": _arguments(point), "value": plain}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.tell():
                file.seek(-1, 2)
                if file.read(1) != b"\n":  # the end of a line that an interruption has cut off
                    file.seek(0)
                    whole = file.read().rfind(b"\n") + 1
                    file.truncate(whole)
            file.write(json.dumps(entry).encode() + b"\n")
        return json.loads(json.dumps(plain))


def _plain(value, other: Callable):
    """A value in the types of JSON; ``other`` says what becomes of all that has no place there."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(part, other) for part in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(part, other) for key, part in value.items()}
    return other(value)


def _arguments(point: dict) -> dict:
    return {name: _plain(value, partial(_text, name)) for name, value in point.items()}


def _text(name: str, value) -> str:
    """A text that names a function, a network or an activation for good: equal texts are equal things."""
    if isinstance(value, partial):
        held = [_text(name, value.func), _plain(value.args, partial(_text, name)), _arguments(value.keywords)]
        return json.dumps(held, sort_keys=True)
    if isinstance(value, Activation):
        return repr(value)
    if isinstance(value, Network) and value.is_tree:
        return value.call
    own = isinstance(value, FunctionType) or isinstance(getattr(value, "__self__", None), ModuleType)
    if own and "<" not in _name(value):
        return _name(value)
    raise TypeError(
        f"{name} must be known by its name or its text for the store, got {value!r}; use numbers, texts, functions at "
        f"the top of a module, activations or networks that are trees, and make other things inside the function"
    )


def _refuse(point: dict, value):
    raise TypeError(
        f"function must return numbers, texts, lists or dictionaries of them for the store, got {value!r} of type "
        f"{type(value).__name__} at {_shown(point)}; convert it, or leave out store"
    )


def _name(function) -> str:
    """Module and name of a function, its text where it has none."""
    name = getattr(function, "__qualname__", None)
    return repr(function) if name is None else f"{function.__module__}.{name}"


def _shown(point: dict) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in point.items())
