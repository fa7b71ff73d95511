"""One sphere: 201 eigenvalues of a network of depth 3, by dimension."""

import numpy as np
import pytest

import eigenspace as es


@pytest.mark.benchmark(group="sphere, float")
@pytest.mark.parametrize("dim", [3, 10, 1000])
def bench_sphere(benchmark, dim):
    table = benchmark.pedantic(
        es.spectrum, (es.mlp(dim, 3), "ntk"), {"degree": 200, "rtol": 1e-12}, warmup_rounds=1, rounds=5
    )
    assert len(table) == 201 and np.max(table.error) <= 1e-12


@pytest.mark.benchmark(group="sphere, ball")
@pytest.mark.parametrize("dim", [3, 10, 1000])
def bench_certified_sphere(benchmark, dim):
    call = {"degree": 40, "ring": es.ball(128), "rtol": 1e-25}
    table = benchmark.pedantic(es.spectrum, (es.mlp(dim, 3), "ntk"), call, warmup_rounds=1, rounds=3)
    assert all(row.bound == "proved" for row in table)
