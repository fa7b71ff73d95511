"""Spectra of `eigenspace.pooled_cube` against the whole matrix of the kernel on all corners.

    python scripts/check_pooled_cubes.py            # up to 11 bits; with --large also 12 (4096 x 4096, minutes)

The matrix is the sum of the definition over k, s and s', with h from numpy alone. Compared are all eigenvalues in
order, the dimension of the null space and the trace. tests/test_pooled_cubes.py does the same up to 8 bits.
"""

import argparse
from itertools import product
from math import pi

import numpy as np

import eigenspace as es


def relu(t):
    t = np.clip(t, -1, 1)
    value = (np.sqrt(1 - t**2) + t * (pi - np.arccos(t))) / pi
    return {"nngp": value, "ntk": value + t * (pi - np.arccos(t)) / pi}


def rbf(t):
    return {"nngp": np.exp(t - 1), "ntk": (1 + t) * np.exp(t - 1)}


INNER = {"relu": (es.relu, relu), "rbf": (es.rbf(0.5), rbf)}


def matrix(d, q, pool, values):
    corners = np.array(list(product([1, -1], repeat=d)), dtype=np.float32)
    times = np.zeros((d, d))
    for k, s, t in product(range(d), range(pool), range(pool)):
        times[(k + s) % d, (k + t) % d] += 1
    patches = [corners[:, (a + np.arange(q)) % d] for a in range(d)]
    found = np.zeros((len(corners),) * 2)
    for a, b in zip(*np.nonzero(times)):
        agree = np.rint((patches[a] @ patches[b].T + q) / 2).astype(np.uint8)
        found += (times[a, b] / (d * pool) * values)[agree]
    return found


def check(d, q, pool, name, kernel):
    activation, h = INNER[name]
    table = es.pooled_cube(d, q, pool, activation=activation).spectrum(kernel, degree=d)
    whole = matrix(d, q, pool, h(2 * np.arange(q + 1) / q - 1)[kernel]) / 2**d
    found = np.linalg.eigvalsh(whole)
    listed = np.sort(np.repeat(table.values(), table.multiplicity.astype(int)))
    assert len(listed) == len(found) == 2**d
    worst = np.max(np.abs(found - listed)) / listed[-1]
    null = np.count_nonzero(listed == 0), np.count_nonzero(np.abs(found) < 1e-14)
    trace = abs(np.trace(whole) / table.trace - 1)
    print(f"d={d} q={q} pool={pool} {name} {kernel}: largest deviation {worst:.1e} of the largest eigenvalue, "
          f"null space {null[0]} (matrix, below 1e-14: {null[1]}), trace off by {trace:.1e}", flush=True)  # fmt: skip
    return worst < 1e-14 and trace < 1e-13 and null[0] <= null[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="12 bits too")
    cases = [(9, 4, 3), (10, 5, 4), (10, 4, 5), (11, 5, 11), *[(12, 6, 8), (12, 6, 1)] * parser.parse_args().large]
    options = [(*case, name, kernel) for case in cases for name, kernel in (("rbf", "nngp"), ("relu", "ntk"))]
    found = [check(*option) for option in options]
    assert all(found), "a spectrum deviates"


if __name__ == "__main__":
    main()
