"""Start: processes of their own, from a cold and from a warm cache of compiled code.

What is timed is the processor time of the process, which other work on the machine hardly changes; the seconds on the
clock stand under `extra_info`, and are printed with `-s`.  Targets: the import 0.3 s beyond NumPy, a table 4 s cold and
1.5 s warm, on the clock of an idle machine.
"""

import os
import resource
import subprocess
import sys
import time

import pytest

PROGRAM = "from eigenspace.cli import main; main()"
TABLE = "table cnn 12 --filters 1,4 --positions 4 --head dense --degree 4".split()


def processor() -> float:
    """Processor seconds of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(code: str, arguments=(), cache=None) -> None:
    environment = os.environ | ({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)})
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, env=environment)


def started(benchmark, *arguments, caches=None, **options) -> None:
    """Run a program some times, each with the next of the ``caches`` if there are any."""
    walls = []

    def once():
        start = time.perf_counter()
        run(*arguments, *([] if caches is None else [next(caches)]))
        walls.append(time.perf_counter() - start)

    benchmark.pedantic(once, **options)
    benchmark.extra_info["wall"] = min(walls)
    print(f"{min(walls):.2f} s on the clock")


@pytest.mark.benchmark(group="start, import", timer=processor)
@pytest.mark.parametrize("code", ["import numpy", "import numpy, eigenspace"])
def bench_import(benchmark, code):
    started(benchmark, code, warmup_rounds=1, rounds=5)


@pytest.mark.benchmark(group="start, program", timer=processor)
@pytest.mark.parametrize("option", ["--version", "--help"])
def bench_program(benchmark, option):
    started(benchmark, PROGRAM, [option], warmup_rounds=1, rounds=5)


@pytest.mark.benchmark(group="start, table", timer=processor)
def bench_cold_table(benchmark, tmp_path):
    started(benchmark, PROGRAM, TABLE, caches=(tmp_path / str(k) for k in range(2)), rounds=2)


@pytest.mark.benchmark(group="start, table", timer=processor)
def bench_warm_table(benchmark, tmp_path):
    started(benchmark, PROGRAM, TABLE, tmp_path, warmup_rounds=1, rounds=5)
