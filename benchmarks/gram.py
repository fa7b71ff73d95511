"""Time of Gram matrices, measured on this machine: `python benchmarks/gram.py [--samples 1000] [--peer]`.

NNGP and NTK together in float64, best of some repetitions, beside the peak of the working memory and the largest
difference from the kernel function on a sample of the entries.  ``--peer`` adds neural-tangents, where it is installed,
in the same run.
"""

import argparse
import os
import time
import tracemalloc

import numpy as np

import eigenspace as es
from eigenspace.data.grams import gram
from eigenspace.data.sampling import offsets, sample

NETWORKS = {
    "64 leaves x 8, ReLU": lambda: es.cnn(8, (1, 4, 4), 4, head="dense"),
    "64 leaves x 8, rbf": lambda: es.cnn(8, (1, 4, 4), 4, head="dense", activation=es.rbf(0.5)),
    "256 leaves x 8, ReLU": lambda: es.cnn(8, (1, 4, 4), 16, head="dense"),
    "1024 leaves x 8, ReLU": lambda: es.cnn(8, (1, 4, 4, 4), 16, head="dense"),
    "1 leaf x 512, ReLU, depth 4": lambda: es.mlp(512, 4),
}


def best(function, repetitions: int) -> tuple[float, float]:
    """Shortest wall time and shortest time of all processors together, after one call that compiles."""
    function()
    walls, works = [], []
    for _ in range(repetitions):
        wall, work = time.perf_counter(), time.process_time()
        function()
        walls.append(time.perf_counter() - wall)
        works.append(time.process_time() - work)
    return min(walls), min(works)


def peak(function) -> int:
    """Largest memory allocated during a call, in bytes."""
    tracemalloc.start()
    function()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def difference(net, x, matrix) -> float:
    """Largest difference from the kernel function on the first 50 rows and columns, off the diagonal."""
    x, bounds = x[:50], offsets(net)
    xi = np.stack([x[:, a:b] @ x[:, a:b].T for a, b in zip(bounds, bounds[1:])], axis=-1)
    direct = es.kernel_function(net, "ntk")(np.clip(xi, -1, 1))
    apart = ~np.eye(len(x), dtype=bool)
    return float(np.abs(direct - matrix[:50, :50])[apart].max())


def peer(samples: int, repetitions: int) -> tuple[float, float, float]:
    """The same 64 leaves in neural-tangents, both kernels, float64; and the difference of its NTK from ours."""
    import jax
    from neural_tangents import stax

    jax.config.update("jax_enable_x64", True)
    layer = [stax.Conv(1, (4,), (4,), W_std=2**0.5), stax.Relu()]
    head = [stax.Flatten(), stax.Dense(1, W_std=2**0.5), stax.Relu(), stax.Dense(1)]
    kernel = stax.serial(stax.Conv(1, (1,), (1,), W_std=2**0.5), stax.Relu(), *layer, *layer, *head)[2]
    net = NETWORKS["64 leaves x 8, ReLU"]()
    inputs = sample(net, samples, 0)
    x = np.sqrt(8) * inputs.reshape(samples, 64, 8)
    compiled = jax.jit(lambda x: kernel(x, None, ("nngp", "ntk")))
    apart = ~np.eye(samples, dtype=bool)
    error = np.abs(np.asarray(compiled(x).ntk) - gram(net, inputs))[apart].max()
    return *best(lambda: jax.block_until_ready(compiled(x)), repetitions), float(error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--peer", action="store_true")
    options = parser.parse_args()
    n = options.samples
    print(f"n = {n}, NNGP and NTK together, float64, {os.cpu_count()} processors")
    print("| network | seconds | processor seconds | working MB | largest difference |")
    print("|---|---|---|---|---|")
    for name, make in NETWORKS.items():
        net = make()
        x = sample(net, n, 0)
        run = lambda: gram(net, x, kernel=("nngp", "ntk"))  # noqa: B023  called at once
        wall, work = best(run, options.repetitions)
        working = peak(run) - 2 * 8 * n * n - 2 * x.nbytes
        error = difference(net, x, run()[1])
        print(f"| {name} | {wall:.3f} | {work:.3f} | {working / 1e6:.1f} | {error:.0e} |")
    if options.peer:
        wall, work, error = peer(n, options.repetitions)
        print(f"| neural-tangents, 64 leaves x 8, ReLU | {wall:.3f} | {work:.3f} | | {error:.0e} |")


if __name__ == "__main__":
    main()
