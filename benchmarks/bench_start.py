"""Start: processes of their own, from a cold and from a warm cache of compiled code."""

import os
import subprocess
import sys

import pytest

TABLE = "from eigenspace.cli import main; main()"
ARGUMENTS = ["table", "cnn", "12", "--filters", "1,4", "--positions", "4", "--head", "dense", "--degree", "4"]


def run(code: str, arguments=(), cache=None) -> None:
    environment = os.environ | ({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)})
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, env=environment)


@pytest.mark.benchmark(group="start, import")
@pytest.mark.parametrize("code", ["import numpy", "import numpy, eigenspace"])
def bench_import(benchmark, code):
    benchmark.pedantic(run, (code,), warmup_rounds=1, rounds=5)


@pytest.mark.benchmark(group="start, table")
def bench_cold_table(benchmark, tmp_path):
    fresh = iter(tmp_path / str(k) for k in range(2))
    benchmark.pedantic(run, setup=lambda: ((TABLE, ARGUMENTS, next(fresh)), {}), rounds=2)


@pytest.mark.benchmark(group="start, table")
def bench_warm_table(benchmark, tmp_path):
    benchmark.pedantic(run, (TABLE, ARGUMENTS, tmp_path), warmup_rounds=1, rounds=3)
