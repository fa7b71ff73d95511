"""Clocks, memory and versions, for all benchmarks; nothing here knows the package."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def timed(function: Callable, *arguments) -> tuple:
    """The result, the seconds on the clock, and the processor seconds of all threads together."""
    wall, work = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return result, time.perf_counter() - wall, time.process_time() - work


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes.

    On Linux ``ru_maxrss`` of a process begins at the size of its parent; the kernel's own high-water mark does not.
    """
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> int:
    """Let the peak begin anew at what is resident now, where the system can (Linux); the peak from here."""
    with suppress(OSError):
        _RESET.write_text("5")
    return peak_memory()


def versions(packages: Sequence[str]) -> str:
    """The interpreter and packages, as text."""
    named = [f"{name} {metadata.version(name)}" for name in packages]
    return ", ".join([f"Python {platform.python_version()}", *named])


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
