"""Learning curves from a large table."""

import numpy as np
import pytest

import eigenspace as es
from eigenspace.rings import FloatColumn


def power_law(classes: int) -> es.EigenTable:
    """A table with eigenvalues r^-2 of r + 1 functions each, made up: what is timed is the curve."""
    rank = np.arange(1, classes + 1)
    mantissa, exponent = np.frexp(rank**-2.0 / 100)
    nothing = es.Provenance("made up", "none", "ntk", "float", "none", "0", (), es.__version__)
    return es.EigenTable(
        values=FloatColumn(mantissa, exponent.astype(np.int64)), error=np.zeros(classes),
        bound=np.zeros(classes), multiplicity=(rank + 1).tolist(), total_degree=rank, space=rank.tolist(),
        frequency=[0] * classes, learning_index=rank.tolist(), patterns=list(map(str, rank.tolist())),
        degrees=[(r,) for r in rank.tolist()], trace=float(np.sum(rank**-2.0 * (rank + 1)) / 100 + 0.1),
        provenance=nothing, kernel="ntk",
    )  # fmt: skip


@pytest.mark.benchmark(group="learning")
@pytest.mark.parametrize("classes", [1000, 10**5])
def bench_learning_curve(benchmark, classes):
    table = power_law(classes)
    call = {"samples": np.logspace(1, 6, 200), "noise": 0.1}
    target = [(table[0], 0.6), (table[9], 0.4)]
    curve = benchmark.pedantic(es.learning_curve, (table, target), call, warmup_rounds=1, rounds=3)
    assert len(curve) == 200 and np.all(np.isfinite(curve.risk))
