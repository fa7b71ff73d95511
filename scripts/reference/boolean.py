"""Eigenvalues on the Boolean cube (every leaf is the two-point sphere, dim 1), by direct sums in arb balls.

For a general tree with p leaves, by the sum over all sign patterns (fast Walsh-Hadamard transform),

    lambda(r) = 2^-p sum_{xi in {-1,1}^p} K(xi) prod_u xi_u^{r_u},      r_u in {0, 1},

and for one node over p exchangeable leaves, where K depends on the number m of minus signs only, by the
Krawtchouk sum

    lambda_l = 2^-p sum_m C(p, m) K(1 - 2 m / p) kappa_l(m) / C(p, l),
    kappa_l(m) = sum_j (-1)^j C(m, j) C(p - m, l - j)

(Yang and Salman 2019, arXiv 1907.10599).  The sums are finite, the weights exact integers: the arb radius
is a proved bound, and the digits stored are proved.  Where both routes apply (p <= 12) they are compared.

Command:  python scripts/reference/boolean.py      (writes tests/reference/boolean.json)
"""

from __future__ import annotations

import itertools
import time
from math import comb

from flint import arb, ctx, fmpz

import _common as common
import _trees as trees

STORED = 30
BITS = 1200
MLP_SMALL = (1, 2, 3, 4, 8, 12, 16)
MLP_LARGE = (20, 24, 32, 33, 48, 64)


def kernel_table(positions: list) -> list[trees.Pair]:
    """(NNGP, NTK) for every sign pattern; bit u of the index set means xi_u = -1.

    A tree's pairs are tabulated over its own leaves and joined, so equal arguments are evaluated once.
    """
    memo: dict[tuple, trees.Pair] = {}

    def bits(x: arb) -> tuple:
        return x.mid().man_exp() + x.rad().man_exp()

    def apply(activation: str, pair: trees.Pair) -> trees.Pair:
        key = (activation, *bits(pair[0]), *bits(pair[1]))
        if key not in memo:
            value, slope = common.dual_pair(activation, pair[0])
            memo[key] = (value, value + slope * pair[1])
        return memo[key]

    def table(tree: trees.Tree) -> list[trees.Pair]:
        if "leaf" in tree:
            return [(arb(1), arb(1)), (arb(-1), arb(-1))]
        return [apply(tree["activation"], pair) for pair in join([table(child) for child in tree["node"]])]

    def join(tables: list[list[trees.Pair]]) -> list[trees.Pair]:
        count = len(tables)
        sums = tables[0]
        for later in tables[1:]:
            # leaves are numbered from left to right: the later child's bits are the higher ones
            sums = [(a[0] + b[0], a[1] + b[1]) for b in later for a in sums]
        return [(a / count, b / count) for a, b in sums] if count > 1 else sums

    return join([table(tree) for tree in positions])


def walsh(values: list[arb]) -> list[arb]:
    """sum_xi f(xi) prod_u xi_u^{r_u} for every r, as a list indexed by the bits of r."""
    out = list(values)
    step = 1
    while step < len(out):
        for start in range(0, len(out), 2 * step):
            for i in range(start, start + step):
                a, b = out[i], out[i + step]
                out[i], out[i + step] = a + b, a - b
        step *= 2
    return out


def krawtchouk(leaves: int, degree: int, minus: int) -> int:
    return sum((-1) ** j * comb(minus, j) * comb(leaves - minus, degree - j) for j in range(degree + 1))


def symmetric(depth: int, leaves: int, activation: str = "relu") -> dict[tuple[str, int], arb]:
    """(kernel, l) -> eigenvalue of mlp(1, depth, leaves)."""
    pairs = []
    for minus in range(leaves + 1):
        value = total = arb(leaves - 2 * minus) / leaves
        for _ in range(depth):
            value, slope = common.dual_pair(activation, value)
            total = value + slope * total
        pairs.append((value, total))
    out = {}
    for degree in range(leaves + 1):
        weights = [fmpz(comb(leaves, m) * krawtchouk(leaves, degree, m)) for m in range(leaves + 1)]
        for index, kernel in enumerate(("nngp", "ntk")):
            total = sum((w * pair[index] for w, pair in zip(weights, pairs, strict=True)), arb(0))
            out[kernel, degree] = total / (fmpz(2) ** leaves * comb(leaves, degree))
    return out


def ones(leaves: int, degree: int) -> tuple[int, ...]:
    return (1,) * degree + (0,) * (leaves - degree)


def canonical(tree: trees.Tree, degrees) -> tuple:
    """Nested groups of degrees, children sorted: equal for multi-degrees that differ by an automorphism."""
    if "leaf" in tree:
        return (next(degrees),)
    return tuple(sorted((canonical(child, degrees) for child in tree["node"]), key=repr))


def classes(positions: list, most: int) -> list[tuple[int, ...]]:
    """One multi-degree per class under automorphisms, by total degree; at most ``most``, evenly thinned."""
    root = {"node": positions}
    leaves = len(trees.dims(positions))
    seen: dict[tuple, tuple[int, ...]] = {}
    for degrees in itertools.product((1, 0), repeat=leaves):
        seen.setdefault(canonical(root, iter(degrees)), degrees)
    found = sorted(seen.values(), key=lambda r: (sum(r), [-x for x in r]))
    if len(found) <= most:
        return found
    return [found[i * (len(found) - 1) // (most - 1)] for i in range(most)]


def record(
    cases: list[dict], name: str, positions: list, kernel: str, degrees: tuple[int, ...], value: arb
) -> None:
    zero = trees.structural_zero(positions, degrees)
    assert zero == value.contains(0), (name, kernel, degrees, value)
    assert abs(value).upper() < arb(10) ** -200 if zero else value.rel_accuracy_bits() > 3.4 * (STORED + 2)
    cases.append(
        {
            "name": name,
            "positions": positions,
            "kernel": kernel,
            "degrees": list(degrees),
            "value": "0" if zero else common.text(value, STORED),
            "digits": STORED,
        }
    )


def main() -> None:
    ctx.prec = BITS
    start = time.time()
    cases: list[dict] = []
    compared = 0
    for depth in (1, 2, 3):
        for leaves in MLP_SMALL + MLP_LARGE:
            values = symmetric(depth, leaves)
            positions = trees.mlp(1, depth, leaves)
            name = f"mlp(1, {depth}, leaves={leaves})"
            if leaves <= 12:
                table = kernel_table(positions)
                for index, kernel in enumerate(("nngp", "ntk")):
                    direct = walsh([pair[index] for pair in table])
                    for bits, total in enumerate(direct):
                        difference = total / 2**leaves - values[kernel, bits.bit_count()]
                        assert abs(difference).upper() < arb(10) ** -200, (name, kernel, bits)
                        compared += 1
            if leaves <= 4:
                chosen = range(leaves + 1)
            else:
                chosen = sorted({0, 1, 2, 3, leaves // 2 + depth % 2, leaves - 1, leaves})
            for degree in chosen:
                kernels = (
                    ("nngp", "ntk") if leaves <= 4 else (("nngp", "ntk")[(degree + depth + leaves // 4) % 2],)
                )
                for kernel in kernels:
                    record(cases, name, positions, kernel, ones(leaves, degree), values[kernel, degree])
    print(f"{len(cases)} mlp cases, {time.time() - start:.0f} s", flush=True)
    for name, positions, most in (
        ("cnn(1, (2, 2), 2, head='dense')", trees.cnn(1, (2, 2), 2, "dense"), 30),
        ("cnn(1, (2, 2), 2)", trees.cnn(1, (2, 2), 2), 12),
        ("cnn(1, (4,), 4, head='dense')", trees.cnn(1, (4,), 4, "dense"), 24),
        ("cnn(1, (4, 4))", trees.cnn(1, (4, 4)), 24),
        ("cnn(1, (1, 3), 2, head='dense')", trees.cnn(1, (1, 3), 2, "dense"), 10),
        (
            "cnn(1, (2, 2), 2, head='dense', activation=rbf(0.25))",
            trees.cnn(1, (2, 2), 2, "dense", "rbf(0.25)"),
            12,
        ),
        (
            "ragged",
            [
                trees.node(
                    trees.node(trees.leaf(1), trees.leaf(1), trees.leaf(1)),
                    trees.node(trees.node(trees.leaf(1), trees.leaf(1))),
                    trees.leaf(1),
                )
            ],
            16,
        ),
    ):
        leaves = len(trees.dims(positions))
        table = kernel_table(positions)
        spectra = {}
        for index, kernel in enumerate(("nngp", "ntk")):
            spectra[kernel] = [v / 2**leaves for v in walsh([pair[index] for pair in table])]
            # trace: sum of all eigenvalues = K(1, ..., 1)
            assert (sum(spectra[kernel], arb(0)) - table[0][index]).contains(0)
        for number, degrees in enumerate(classes(positions, most)):
            kernels = ("nngp", "ntk") if leaves <= 8 and most > 20 else (("ntk", "nngp")[number % 2],)
            bits = sum(r << u for u, r in enumerate(degrees))
            for kernel in kernels:
                record(cases, name, positions, kernel, degrees, spectra[kernel][bits])
        print(f"{name}: {len(cases)} cases so far, {time.time() - start:.0f} s", flush=True)
    zeros = sum(case["value"] == "0" for case in cases)
    checks = [
        f"finite sums in {BITS}-bit balls: every stored digit is proved",
        f"mlp with at most 12 leaves: {compared} multi-degrees by both the 2^p sum and the Krawtchouk sum,"
        " equal to 1e-200",
        "trees: the eigenvalues of all 2^p multi-degrees add up to K(1, ..., 1)",
        f'{zeros} exact zeros (value "0"): the ball contains 0 and is smaller than 1e-200',
    ]
    description = (
        "Eigenvalues lambda(r) on the Boolean cube: all leaves have dim 1, degrees are 0 or 1 per leaf."
        " 'positions': the trees averaged by the linear readout; a tree is {leaf: dim} or {node: children,"
        " activation}; leaves numbered left to right; bias-free, K(1) = 1."
    )
    path = common.write("boolean.json", "boolean.py", STORED, description, checks, cases)
    print(f"{len(cases)} cases -> {path}, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
