"""Stated against true errors on random networks with shared children.

    python scripts/honesty_graphs.py [--seconds 120] [--seed 0]

Draws graphs of two or three leaves, degrees and a kernel, and compares `eigenvalue` with the definition: a product of
Gauss rules for the laws of the correlations, of two sizes.  Only cases that the rules resolve better than the stated
error judge it.  No true error may exceed the stated one.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

import eigenspace as es  # noqa: E402
from test_graphs import by_quadrature, random_graph  # noqa: E402

ACTIVATIONS = (es.relu, es.relu, es.rbf(0.5), es.absolute, es.leaky_relu(0.1), es.exponential(0.5), es.sign)
NODES = {1: (400, 260), 2: (200, 130), 3: (70, 46)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, start = np.random.default_rng(options.seed), time.monotonic()
    outcomes, worst = Counter(), dict.fromkeys(("rounded", "estimated"), 0.0)
    while time.monotonic() - start < options.seconds:
        net = random_graph(rng, 3, (2, 10), ACTIVATIONS)
        row = tuple(int(r) for r in rng.choice([0, 0, 1, 1, 2, 3], size=len(net.leaves)))
        kernel = ("nngp", "ntk")[rng.integers(2)]
        try:
            ev = es.eigenvalue(net, row, kernel, rtol=10.0 ** -rng.integers(3, 12))
        except es.ConvergenceError:
            outcomes["refused"] += 1
            continue
        fine, coarse = (by_quadrature(net, row, kernel, nodes) for nodes in NODES[len(net.leaves)])
        doubt = 3 * abs(fine - coarse) + 1e-14
        stated, true = ev.error * ev.value, abs(ev.value - fine)
        if doubt > stated / 2 and doubt > 1e-13:
            outcomes["not judged"] += 1
            continue
        ratio = max(true - doubt, 0) / stated if stated else float(true > doubt)
        outcomes[f"judged, {ev.bound}"] += 1
        if ev.bound != "exact":
            worst[ev.bound] = max(worst[ev.bound], ratio)
        if ratio > 1:
            outcomes["WRONG"] += 1
            print(f"WRONG: {net.call}, {row}, {kernel}: {ev}, definition {fine} +- {doubt}", flush=True)
    print(dict(outcomes), "largest true over stated error:", {kind: round(x, 3) for kind, x in worst.items()})
    return int(outcomes["WRONG"] > 0)


if __name__ == "__main__":
    sys.exit(main())
