"""Trees: all classes up to a degree, their enumeration included, and the memory of a large table.

Tests with `huge` in their names take minutes: `make bench SELECT='-k huge'`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import eigenspace as es
from eigenspace.classes import enumerate_classes
from eigenspace.shapes import layout

#: a network by number of leaves
NETWORKS = {
    64: lambda: es.cnn(16, (1, 4, 4), 4, head="dense"),
    1024: lambda: es.cnn(8, (1, 4, 4, 4), 16, head="dense"),
}
#: classes by leaves and degree
CLASSES = {(64, 6): 312, (64, 8): 1959, (64, 12): 63170, (64, 14): 329192, (1024, 4): 77, (1024, 8): 7921}
#: the least degree with a million classes on 64 leaves
MILLION = 16


def table(benchmark, leaves, degree, rounds, warmup=1):
    found = benchmark.pedantic(
        es.spectrum, (NETWORKS[leaves](), "ntk"), {"degree": degree}, warmup_rounds=warmup, rounds=rounds
    )
    assert len(found) == CLASSES[leaves, degree]


@pytest.mark.benchmark(group="trees, enumeration")
@pytest.mark.parametrize("degree", [8, 12])
def bench_enumeration(benchmark, degree):
    shape = layout(NETWORKS[64]()).root
    pool = benchmark.pedantic(enumerate_classes, (shape, degree), warmup_rounds=1, rounds=3)
    assert len(pool) >= CLASSES[64, degree]


@pytest.mark.benchmark(group="trees, float")
@pytest.mark.parametrize(("leaves", "degree"), [(64, 6), (64, 8), (1024, 4)])
def bench_tree(benchmark, leaves, degree):
    table(benchmark, leaves, degree, 2)


@pytest.mark.benchmark(group="trees, float, huge")
@pytest.mark.parametrize(("leaves", "degree"), [(1024, 8), (64, 12), (64, 14)])
def bench_huge_tree(benchmark, leaves, degree):
    """Once, after a small table of the same network has compiled what is needed."""
    es.spectrum(NETWORKS[leaves](), "ntk", degree=3)
    table(benchmark, leaves, degree, 1, warmup=0)


@pytest.mark.benchmark(group="trees, ball")
def bench_certified_tree(benchmark):
    call = {"degree": 3, "ring": es.ball(128), "rtol": 1e-20}
    benchmark.pedantic(es.spectrum, (NETWORKS[64](), "ntk"), call, warmup_rounds=1, rounds=2)


def peak_of(code: str) -> int:
    """Largest resident memory of a process of its own, in bytes."""
    code += "\nfrom measure import peak_memory\nprint(peak_memory())"
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths}
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    return int(run.stdout)


@pytest.mark.benchmark(group="trees, memory")
@pytest.mark.parametrize("degree", [2, 8, pytest.param(MILLION, id="huge")])
def bench_memory(benchmark, degree):
    """Seconds are those of the whole process; the memory stands under `extra_info`, and is printed with `-s`."""
    call = 'es.spectrum(es.cnn(16, (1, 4, 4), 4, head="dense"), "ntk", degree=' + f"{degree})"
    peak = benchmark.pedantic(peak_of, (f"import eigenspace as es\ntable = {call}",))
    benchmark.extra_info["peak_bytes"] = peak
    print(f"degree {degree}: {peak / 1e6:.0f} MB")
