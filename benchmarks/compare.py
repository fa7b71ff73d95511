"""Time and accuracy beside what one would use instead: `python benchmarks/compare.py [--peer PYTHON] [--write]`.

Each method runs in a process of its own, one after the other: this package; `mpmath.quad`, one integral for each
eigenvalue; the Gauss-Gegenbauer rule of SciPy in float64; a Gram matrix of random inputs and `numpy.linalg.eigvalsh`;
and neural-tangents, where it is installed (``--peer``: an interpreter that has it).  Eigenvalues count as correct
within 1e-10, relatively, of those of ``eigenspace.ball(128)``, whose digits are proved.  Linear algebra runs in one
thread: for matrices of this size several only wait for each other, up to a hundred times as long.  ``--write`` puts the
tables into docs/benchmarks.md.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measure import cores, timed, versions

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- begin: benchmarks/compare.py -->", "<!-- end: benchmarks/compare.py -->"
DEPTH, CORRECT = 3, 1e-10
#: dimensions of the sphere, and degrees, of the first table
DIMS, HIGHEST = (3, 10, 1000), 200
#: where every eigenvalue costs an integral
SOME = (0, 1, 2, 3, 4, 5, 8, 12, 20, 35, 60, 100, 200)
#: degrees and dimensions of the second table
FEW, LADDER = (0, 1, 2, 3, 4), (3, 10, 100, 1000, 10**4, 10**5)
#: nodes of the Gauss-Gegenbauer rule; inputs of a Gram matrix for eigenvalues, and for the table of Gram matrices
NODES, INPUTS, SAMPLES = 1000, 800, 1000
#: processor seconds after which a method that goes one eigenvalue at a time begins no other
BUDGET = 6.0
#: trees with a dense head: dimension of the leaves, filters, positions, and the degree up to which all classes are
#: asked; the first is small enough for other means
TREES = ((16, (1,), 2, 4), (16, (1, 4, 4), 4, 8), (8, (1, 4, 4, 4), 4, 6), (8, (1, 4, 4, 4, 4), 4, 6))
#: one thread for every library of linear algebra
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")


# --- what one would use instead: nothing below imports the package until `package` ----------------------------------


def layer(nngp, tangent, sqrt=np.sqrt, arccos=np.arccos, pi=math.pi):
    """NNGP and NTK after one more layer of ReLU [ChoSaul2009; JacotGabrielHongler2018]."""
    angle = pi - arccos(nngp)
    above = (sqrt(1 - nngp * nngp) + angle * nngp) / pi
    return above, above + angle / pi * tangent


def ntk(t, depth: int, *functions):
    """NNGP and NTK of a ReLU network on one sphere; depth + 1 at t = 1."""
    nngp = tangent = t
    for _ in range(depth):
        nngp, tangent = layer(nngp, tangent, *functions)
    return nngp, tangent


def gegenbauer(t, dim: int, degree: int):
    """P_0(t) to P_degree(t) with P(1) = 1, by the recursion of three terms."""
    previous, current = 0 * t, 0 * t + 1
    yield current
    for k in range(degree):
        previous, current = current, t if k == 0 else ((2 * k + dim - 2) * t * current - k * previous) / (k + dim - 2)
        yield current


def multiplicity(dim: int, degree: int) -> int:
    return math.comb(dim + degree - 1, degree) - (math.comb(dim + degree - 3, degree - 2) if degree > 1 else 0)


def clipped():
    """Square root, arc cosine and pi of mpmath, safe from roundings beyond the end of the range."""
    import mpmath as mp

    return lambda t: mp.sqrt(max(t, 0)), lambda t: mp.acos(min(max(t, -1), 1)), mp.pi


def weighted(t, dim: int, degree: int):
    """P_degree(t) times the density of the correlation of two points of a sphere, but for its constant."""
    import mpmath as mp

    *_, polynomial = gegenbauer(t, dim, degree)
    return polynomial * (1 - t * t) ** (mp.mpf(dim - 3) / 2)


def density(dim: int):
    """The constant of that density."""
    import mpmath as mp

    return mp.gamma(mp.mpf(dim) / 2) / mp.sqrt(mp.pi) / mp.gamma(mp.mpf(dim - 1) / 2)


def by_mpmath(dim: int, degrees, digits=None) -> list:
    """One `mpmath.quad` for each degree; ``digits(degree)`` decimal digits, 15 by default."""
    import mpmath as mp

    found, start, functions = [], time.process_time(), clipped()
    for degree in degrees:
        if time.process_time() - start > BUDGET:
            break
        with mp.workdps(15 if digits is None else digits(degree)):
            integral = mp.quad(lambda t: ntk(t, DEPTH, *functions)[1] * weighted(t, dim, degree), [-1, 0, 1])  # noqa: B023
            found.append(mp.nstr(density(dim) * integral, 25))
    return found


def tree_by_mpmath(dim: int, degrees) -> list:
    """Two leaves under a dense head: one double integral for each pair of degrees."""
    import mpmath as mp

    found, start, functions = [], time.process_time(), clipped()
    for first, second in degrees:
        if time.process_time() - start > BUDGET:
            break

        def integrand(s, t):
            means = ((a + b) / 2 for a, b in zip(ntk(s, 1, *functions), ntk(t, 1, *functions)))
            return layer(*means, *functions)[1] * weighted(s, dim, first) * weighted(t, dim, second)  # noqa: B023

        found.append(mp.nstr(density(dim) ** 2 * mp.quad(integrand, [-1, 1], [-1, 1]), 25))
    return found


def by_gauss(dim: int, degrees) -> list:
    """One Gauss-Gegenbauer rule of SciPy for all degrees, in float64; of fewer nodes where SciPy finds no rule."""
    from scipy.special import roots_gegenbauer

    order = NODES
    with np.errstate(all="ignore"):
        nodes, weights = roots_gegenbauer(order, (dim - 2) / 2)
        while order > 10 and not (np.isfinite(weights).all() and weights.sum() > 0):
            order //= 2
            nodes, weights = roots_gegenbauer(order, (dim - 2) / 2)
    weighted = weights / weights.sum() * ntk(nodes, DEPTH)[1]
    every = [repr(float(weighted @ p)) for p in gegenbauer(nodes, dim, max(degrees))]
    return [every[degree] for degree in degrees]


def spheres(n: int, leaves: int, dim: int) -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((n, leaves, dim))
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def from_gram(matrix: np.ndarray, counts) -> list:
    """Means over the eigenvalues of a Gram matrix that belong together, largest first, as far as there are so many."""
    values, found, first = np.linalg.eigvalsh(matrix / len(matrix))[::-1], [], 0
    for count in counts:
        if first + count > len(values):
            break
        found.append(repr(float(values[first : first + count].mean())))
        first += count
    return found


def by_gram(dim: int, degrees) -> list:
    x = spheres(INPUTS, 1, dim)[:, 0]
    counts = (multiplicity(dim, degree) for degree in degrees)
    return from_gram(ntk(np.clip(x @ x.T, -1, 1), DEPTH)[1], counts)


def stax_kernel(depth: int, fans: tuple[int, ...] = ()):
    """The same network in neural-tangents: dense, or convolutions over ``fans`` leaves each and a dense head."""
    import jax
    from neural_tangents import stax

    jax.config.update("jax_enable_x64", True)
    wide = {"W_std": 2**0.5}
    if fans:
        layers = [part for k in (1, *fans) for part in (stax.Conv(1, (k,), (k,), **wide), stax.Relu())]
        layers += [stax.Flatten(), stax.Dense(1, **wide), stax.Relu()]
    else:
        layers = [part for _ in range(depth) for part in (stax.Dense(1, **wide), stax.Relu())]
    kernel = stax.serial(*layers, stax.Dense(1))[2]
    return jax.jit(lambda x: kernel(x, None, ("nngp", "ntk")))


def by_stax(dim: int, degrees) -> list:
    x = np.sqrt(dim) * spheres(INPUTS, 1, dim)[:, 0]
    return from_gram(np.asarray(stax_kernel(DEPTH)(x).ntk), (multiplicity(dim, degree) for degree in degrees))


def tree_kernels(x: np.ndarray, y: np.ndarray, fans: tuple[int, ...]):
    """NNGP and NTK of one layer on each leaf, one for each fan, and a dense head, straight from their recursion."""
    pi = np.arccos(x.dtype.type(-1))
    nngp = tangent = np.clip(np.einsum("nid,mid->nmi", x, y), -1, 1)
    for fan in (1, *fans, nngp.shape[-1] // math.prod(fans)):
        nngp, tangent = (k.reshape(*k.shape[:2], -1, fan).mean(-1) for k in (nngp, tangent))
        nngp, tangent = layer(np.minimum(nngp, 1), tangent, pi=pi)
    return nngp[..., 0], tangent[..., 0]


def tree_by_gram(dim: int, degrees) -> list:
    """Two leaves, with the pairs of degrees in descending order of their eigenvalues, which theory alone tells."""
    x = spheres(INPUTS, 2, dim)
    counts = (multiplicity(dim, a) * multiplicity(dim, b) * (1 + (a != b)) for a, b in degrees)
    return from_gram(tree_kernels(x, x, ())[1], counts)


# --- this package ----------------------------------------------------------------------------------------------------


def digits_of(table) -> list[str]:
    """The eigenvalues of a table in floats, of any exponent."""
    import mpmath as mp

    column = table.column
    pairs = zip(column.mantissa.tolist(), column.exponent.tolist())
    return [mp.nstr(mp.ldexp(mp.mpf(mantissa), exponent), 25) for mantissa, exponent in pairs]


def proved_digits(net, degree: int, rtol: float):
    """A table in balls, and its digits."""
    import eigenspace as es

    table = es.spectrum(net, "ntk", degree=degree, ring=es.ball(128), rtol=rtol)
    assert all(row.bound in ("proved", "exact") for row in table)
    return table, [row.value.mid().str(30, radius=False) for row in table]


def by_package(dim: int, degrees) -> list:
    import eigenspace as es

    values = digits_of(es.spectrum(es.mlp(dim, DEPTH), "ntk", degree=max(degrees)))
    return [values[degree] for degree in degrees]


def certified(dim: int, degrees) -> list:
    import eigenspace as es

    values = proved_digits(es.mlp(dim, DEPTH), max(degrees), 1e-25)[1]
    return [values[degree] for degree in degrees]


def tree(dim: int, filters, positions: int):
    import eigenspace as es

    return es.cnn(dim, filters, positions, head="dense")


def pairs_of(table) -> list[tuple[int, int]]:
    """The degrees on two leaves of every class, the higher one first."""
    return [tuple(sorted(row.degrees, reverse=True)) for row in table]


def needed(dim: int):
    """Decimal digits that leave 15 after the cancellation in an eigenvalue of a given degree."""
    return lambda degree: 20 + math.ceil(max(0.0, degree * math.log10(dim) / 2 + math.log10(1 + degree)))


METHODS = {
    "eigenspace": by_package,
    "mpmath, 15 digits": by_mpmath,
    "mpmath, digits as needed": lambda dim, degrees: by_mpmath(dim, degrees, needed(dim)),
    "SciPy, Gauss–Gegenbauer": by_gauss,
    "Gram matrix, NumPy eigh": by_gram,
    "neural-tangents, NumPy eigh": by_stax,
    "certified": certified,
}
TREE_METHODS = {"eigenspace": None, "mpmath, 15 digits": tree_by_mpmath, "Gram matrix, NumPy eigh": tree_by_gram}
ONE_AT_A_TIME = ("mpmath, 15 digits", "mpmath, digits as needed")


# --- one process ------------------------------------------------------------------------------------------------------


def eigenvalues(method: str) -> list[dict]:
    """Values, wall and processor seconds in all dimensions of two tables; compiled and imported beforehand."""
    function, runs = METHODS[method], []
    cases = [(dim, SOME if method in ONE_AT_A_TIME else tuple(range(HIGHEST + 1))) for dim in DIMS]
    cases += [(dim, FEW) for dim in LADDER if dim not in DIMS]  # what DIMS ask begins with the few
    function(7, (0, 1, 2))
    for dim, degrees in cases:
        if method == "eigenspace":
            function(dim, degrees)
        try:
            values, wall, work = timed(function, dim, degrees)
        except (ArithmeticError, ValueError, MemoryError, OverflowError) as error:
            print(f"{method}, dimension {dim}: {error}", file=sys.stderr)
            values, wall, work = [], math.nan, math.nan
        runs.append({"dim": dim, "degrees": degrees, "values": values, "wall": wall, "work": work})
    return runs


def trees(method: str) -> list[dict]:
    """Tables of trees, or of the first one alone; classes in descending order of their proved eigenvalues."""
    import eigenspace as es

    dim, filters, positions, degree = TREES[0]
    proved, digits = proved_digits(tree(dim, filters, positions), degree, 1e-15)
    ranked = sorted(zip(pairs_of(proved), digits), key=lambda pair: -float(pair[1]))
    degrees, truth = [pair for pair, _ in ranked], [text for _, text in ranked]
    if method != "eigenspace":
        values, wall, work = timed(TREE_METHODS[method], dim, degrees)
        found = {"classes": len(values), "wall": wall, "work": work, "errors": errors(values, truth)}
        return [found | {"tree": TREES[0]}]
    runs = []
    for dim, filters, positions, degree in TREES:
        net = tree(dim, filters, positions)
        es.spectrum(net, "ntk", degree=degree)
        table, wall, work = timed(lambda: es.spectrum(net, "ntk", degree=degree))  # noqa: B023
        run = {"tree": (dim, filters, positions, degree), "classes": len(table), "wall": wall, "work": work}
        if not runs:
            values = dict(zip(pairs_of(table), digits_of(table)))
            run["errors"] = errors([values[pair] for pair in degrees], truth)
        runs.append(run | {"bound": float(table.error.max())})
    return runs


def gram_matrices(method: str) -> dict:
    """Both kernels of 64 leaves of 8 numbers at the same inputs: seconds (best of two), and the first entries."""
    x = spheres(SAMPLES, 64, 8)
    if method == "eigenspace":
        import eigenspace as es

        net, flat = es.cnn(8, (1, 4, 4), 4, head="dense"), x.reshape(SAMPLES, -1)

        def function():
            return es.gram(net, flat, kernel=("nngp", "ntk"))
    elif method == "NumPy, the recursion":

        def function():
            parts = [tree_kernels(x[i : i + 50], x, (4, 4)) for i in range(0, SAMPLES, 50)]
            return [np.concatenate(kernel) for kernel in zip(*parts)]
    else:
        kernel, scaled = stax_kernel(0, (4, 4)), np.sqrt(8) * x

        def function():
            result = kernel(scaled)
            return np.asarray(result.nngp), np.asarray(result.ntk)

    if method != "NumPy, the recursion":
        function()
    (both, wall, work), *more = [timed(function) for _ in range(2)]
    wall, work = min([wall, *(m[1] for m in more)]), min([work, *(m[2] for m in more)])
    return {"wall": wall, "work": work, "block": [np.asarray(k)[:40, :40].tolist() for k in both]}


def by_dimension(python: str, method: str) -> dict[int, dict]:
    return {run["dim"]: run for run in in_process(python, "eigenvalues", method)}


def in_process(python: str, *arguments: str):
    """What one run of this file with ``--only`` leaves, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(Path(__file__).parents[1])}
        subprocess.run([python, __file__, "--only", *arguments, "--result", str(path)], check=True, env=environment)
        return json.loads(path.read_text(encoding="utf-8"))


def has_stax(python: str) -> bool:
    return subprocess.run([python, "-c", "import neural_tangents"], capture_output=True).returncode == 0


# --- tables -----------------------------------------------------------------------------------------------------------


def errors(values, truth) -> list[float]:
    """Relative errors of decimal numbers of any exponent."""
    import mpmath as mp

    with mp.workdps(40):
        return [float(min(abs(mp.mpf(a) / mp.mpf(b) - 1), mp.mpf(10) ** 300)) for a, b in zip(values, truth)]


def usable(degrees, found: list[float]) -> int | None:
    """The largest degree up to which every one that was asked for is correct."""
    good = None
    for degree, error in zip(degrees, found):
        if not error <= CORRECT:
            break
        good = degree
    return good


def seconds(value: float) -> str:
    if not value < math.inf:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.2g} ns"


def markdown(head, rows) -> str:
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows])


def price(work: float, found: list[float]) -> float:
    """Processor seconds for each correct eigenvalue."""
    correct = sum(error <= CORRECT for error in found)
    return work / correct if correct else math.inf


def faster(prices: dict[str, float], method: str) -> str:
    """How many times less a correct eigenvalue costs than by mpmath, at whichever digits mpmath does best."""
    reference = min(price for name, price in prices.items() if name in ONE_AT_A_TIME)
    if max(reference, prices[method]) == math.inf:
        return "–"
    times = reference / prices[method]
    return f"{times:.0f}" if times >= 10 else f"{times:.2g}"


def sphere_rows(results: dict, truths: dict) -> list[list[str]]:
    rows = []
    for dim in DIMS:
        found = {
            method: errors(runs[dim]["values"], [truths[dim][k] for k in runs[dim]["degrees"]])
            for method, runs in results.items()
        }
        prices = {method: price(results[method][dim]["work"], found[method]) for method in results}
        for method, runs in results.items():
            run, mine = runs[dim], found[method]
            correct, best = sum(error <= CORRECT for error in mine), usable(run["degrees"], mine)
            stopped = correct == len(mine) < len(run["degrees"])
            worst = f"{max(mine):.0e}" if mine else "–"
            rows.append([
                f"$d={dim}$", method, len(mine), seconds(run["wall"]), seconds(run["work"]), correct,
                seconds(prices[method]), faster(prices, method),
                "none" if best is None else f"≥ {best}" if stopped else best, worst,
            ])
    return rows


def tree_rows(results: dict[str, list[dict]]) -> list[list[str]]:
    rows, small = [], {method: runs[0] for method, runs in results.items()}
    prices = {method: price(run["work"], run["errors"]) for method, run in small.items()}
    for number, tree in enumerate(TREES):
        for method, runs in results.items():
            if number < len(runs):
                run = runs[number]
                dim, filters, positions, degree = tree
                correct = sum(error <= CORRECT for error in run.get("errors", ()))
                error = f"{max(run['errors']):.0e}" if run.get("errors") else f"≤ {run['bound']:.0e}"
                rows.append([
                    f"`cnn({dim}, {filters}, {positions})`", math.prod(filters) * positions, degree, method,
                    run["classes"], "" if number else correct, seconds(run["wall"]), seconds(run["work"]),
                    f"{run['classes'] / run['work']:.3g}", "" if number else faster(prices, method), error,
                ])
    return rows


def ladder_rows(results: dict, truths: dict) -> list[list[str]]:
    rows = []
    for method, runs in results.items():
        counts = []
        for dim in LADDER:
            found = errors(runs[dim]["values"][: len(FEW)], truths[dim])
            counts.append(sum(error <= CORRECT for error in found))
        whole = [dim for dim, count in zip(LADDER, counts) if count == len(FEW)]
        rows.append([method, *counts, f"{max(whole):,}" if whole else "none"])
    return rows


def gram_rows(matrices: dict) -> list[list[str]]:
    x = spheres(SAMPLES, 64, 8)[:40].astype(np.longdouble)
    truth, apart = tree_kernels(x, x, (4, 4)), ~np.eye(40, dtype=bool)
    rows = []
    for method, found in matrices.items():
        error = max(np.abs(np.array(k) - t)[apart].max() for k, t in zip(found["block"], truth))
        rows.append([method, seconds(found["wall"]), seconds(found["work"]), f"{float(error):.0e}"])
    return rows


def all_versions(peer: str | None) -> str:
    named = versions(("numpy", "scipy", "mpmath", "python-flint", "numba"))
    if not peer:
        return named
    code = "from importlib.metadata import version as v; print(*(f'{p} {v(p)}' for p in"
    code += " ('neural-tangents', 'jax', 'numpy')), sep=', ')"
    return f"{named}, beside " + subprocess.run([peer, "-c", code], capture_output=True, text=True).stdout.strip()


def report(peer: str | None) -> str:
    python = sys.executable
    names = [name for name in METHODS if name not in ("certified", "neural-tangents, NumPy eigh")]
    results = {name: by_dimension(python, name) for name in names}
    grams = {name: in_process(python, "gram", name) for name in ("eigenspace", "NumPy, the recursion")}
    forest = {name: in_process(python, "trees", name) for name in TREE_METHODS}
    if peer:
        results["neural-tangents, NumPy eigh"] = by_dimension(peer, "neural-tangents, NumPy eigh")
        grams["neural-tangents"] = in_process(peer, "gram", "neural-tangents")
    truths = {dim: run["values"] for dim, run in by_dimension(python, "certified").items()}
    head = ["", "method", "eigenvalues", "wall", "processor", "correct", "processor per correct one", "× mpmath"]
    tree_head = ["network", "leaves", "degree", "method", "classes", "correct", "wall", "processor"]
    without = "" if peer else " neural-tangents was not installed."
    return "\n\n".join([
        f"{cores()} processor cores; {all_versions(peer)}.{without}",
        f"## One sphere\n\nNTK of `mlp(d, {DEPTH})`, degrees up to {HIGHEST}; mpmath at the degrees "
        f"{', '.join(map(str, SOME))}, as far as {BUDGET:.0f} processor seconds went. × mpmath: how many times less a "
        "correct eigenvalue costs than by mpmath, at whichever digits mpmath does best.",
        markdown([*head, "correct to degree", "largest error"], sphere_rows(results, truths)),
        f"## High dimension\n\nHow many of the eigenvalues of degree 0 to {max(FEW)} are correct, by dimension, and "
        "the largest dimension in which all are.",
        markdown(["method", *(f"$d={dim:,}$" for dim in LADDER), "all correct up to"], ladder_rows(results, truths)),
        "## Trees\n\nNTK of convolutional networks with a dense head, all classes up to a degree. On two leaves an "
        "eigenvalue is a double integral, of some 80 nodes along each side, and each leaf more is one side more; the "
        f"Gram matrix is of {INPUTS} inputs. Errors are relative, against proved digits; after ≤ stands the bound of "
        "the table itself.",
        markdown([*tree_head, "classes per processor second", "× mpmath", "largest error"], tree_rows(forest)),
        f"## Gram matrices\n\n{SAMPLES} inputs of 64 leaves of 8 numbers, `cnn(8, (1, 4, 4), 4, head=\"dense\")`, "
        "NNGP and NTK together; errors off the diagonal against extended precision.",
        markdown(["method", "wall", "processor", "largest error"], gram_rows(grams)),
    ])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="interpreter that has neural-tangents; this one, if it does")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        what, method = options.only
        result = {"eigenvalues": eigenvalues, "trees": trees, "gram": gram_matrices}[what](method)
        options.result.write_text(json.dumps(result), encoding="utf-8")
        return
    peer = options.peer or (sys.executable if has_stax(sys.executable) else None)
    text = report(peer)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
