"""Gram matrices of 1000 inputs of 64 leaves of 8 numbers, NNGP and NTK together."""

import numpy as np
import pytest
from gram import NETWORKS, difference, peak

import eigenspace as es


@pytest.mark.benchmark(group="gram")
@pytest.mark.parametrize("name", ["64 leaves x 8, ReLU", "64 leaves x 8, rbf", "1024 leaves x 8, ReLU"])
def bench_gram(benchmark, name):
    net = NETWORKS[name]()
    x = es.sample(net, 1000, seed=0)
    both = benchmark.pedantic(es.gram, (net, x), {"kernel": ("nngp", "ntk")}, warmup_rounds=1, rounds=3)
    assert difference(net, x, both[1]) < 1e-12
    benchmark.extra_info["peak_bytes"] = peak(lambda: es.gram(net, x, kernel=("nngp", "ntk")))


@pytest.mark.benchmark(group="gram, one sphere")
def bench_gram_of_spheres(benchmark):
    net = es.mlp(512, 4)
    x = es.sample(net, 1000, seed=0)
    matrix = benchmark.pedantic(es.gram, (net, x), {"kernel": "nngp"}, warmup_rounds=1, rounds=3)
    assert np.all(matrix.diagonal() == 1)
