"""Are the errors that floats state honest?  Thousands of random eigenvalues in floats and in balls.

    python scripts/campaign.py [--cases 5000] [--seed 1] [--processes 2] [--limit 20] [--figure docs/honesty.svg]

Random networks (one sphere of dimension 1 to 10^6 to degree 200; random trees as in ``honesty.py``; steep chains of
rbf layers; a few patches of dimension 2 and 3), random degrees, both kernels.  The float ring states an error; a ball
asked to be ten times sharper is proved to hold the eigenvalue.  A case is *held* where the stated error covers the
true one, *open* where no ball sharp enough was found in the time limit and none contradicts (the ball that was found
still has to reach the float within both errors), and *WRONG* where the stated error is smaller than the true one.

The two rings share the recursion and its inequalities; ``honesty.py`` and ``check_references.py`` compare them with
evaluations that share nothing.  Prints a summary by kind of network; ``--figure`` draws the histogram of the
documentation; ``--data`` keeps one line per case, and cases that the file already holds are not run again.  A float
that takes longer than ten limits is counted as slow.  Exit status 1 where a case is wrong or the median of stated over
true error is above 1000.
"""

import argparse
import json
import random
import statistics
import sys
import time
from math import inf, log10
from multiprocessing import Pool
from pathlib import Path

from flint import arb

sys.path.insert(0, str(Path(__file__).parent))

from honesty import TookTooLong, limit, package_tree, random_degrees, random_network  # noqa: E402

import eigenspace as es  # noqa: E402
from eigenspace._flint import precision  # noqa: E402

#: half a unit of rounding: no float is asked to be closer than that
ROUNDING = 2.0**-54
#: share of each kind of network
KINDS = {"one sphere": 0.4, "tree": 0.43, "steep": 0.1, "small": 0.07}


def draw_case(number: int, seed: int) -> dict:
    """A random network as positions of JSON trees, degrees and a kernel."""
    draw = random.Random(f"{seed}:{number}")
    kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
    if kind == "one sphere":
        dim = 1 if draw.random() < 0.04 else round(10 ** draw.uniform(0.3, 6))
        degree = draw.choice([0, 1, 2, 3, 4, 5, 8, 13, 21, 34, 55, 89, 144, 200]) if dim > 1 else draw.randint(0, 1)
        names = draw.choice([["relu"], ["relu"], ["relu", "relu", "identity", "rbf(0.25)"], ["rbf(1.0)"]])
        tree = {"leaf": dim}
        for _ in range(draw.randint(1, 5)):
            tree = {"node": [tree], "activation": draw.choice(names)}
        positions, degrees = [tree], (degree,)
    elif kind == "tree":
        _, positions = random_network(draw)
        degrees = random_degrees(draw, dims_of(positions))
    elif kind == "steep":
        count, dim, name = draw.randint(2, 4), draw.randint(4, 30), f"rbf({draw.choice([2.0, 4.0, 10.0, 25.0])})"
        tree = {"node": [{"leaf": dim} for _ in range(count)], "activation": name}
        for _ in range(draw.randint(0, 3)):
            tree = {"node": [tree], "activation": draw.choice([name, "relu"])}
        positions, degrees = [tree], random_degrees(draw, [dim] * count)
    else:
        count, dim = draw.choice([2, 2, 3]), draw.choice([2, 3, 3, 4, 5])
        chains = [draw.randint(0, 2) for _ in range(count)] if draw.random() < 0.5 else [draw.randint(0, 1)] * count
        tree = {"node": [chain(dim, depth) for depth in chains], "activation": "relu"}
        for _ in range(draw.randint(0, 1)):
            tree = {"node": [tree], "activation": "relu"}
        positions, degrees = [tree], [0] * count
        for _ in range(draw.choice([0, 1, 2, 2, 3, 4, 8])):
            degrees[draw.randrange(count)] += 1
    kernel = draw.choice(["nngp", "ntk"])
    return {"number": number, "kind": kind, "positions": positions, "degrees": tuple(degrees), "kernel": kernel}


def chain(dim: int, depth: int) -> dict:
    """A sphere under some ReLU layers."""
    tree = {"leaf": dim}
    for _ in range(depth):
        tree = {"node": [tree], "activation": "relu"}
    return tree


def dims_of(positions: list[dict]) -> list[int]:
    """Dimensions of the leaves."""
    found = []
    for tree in positions:
        found += [tree["leaf"]] if "leaf" in tree else dims_of(tree["node"])
    return found


def judge(value: es.Eigenvalue, ball: es.Eigenvalue) -> tuple[str, float]:
    """Verdict and true relative error of the float, as far as the ball tells."""
    with precision(600):
        if ball.value.is_zero():
            return ("held" if value.log10 == -inf and value.error == 0 else "WRONG"), 0.0
        if value.value == 0.0 and value.log10 > -inf:
            return "below the range of a float", 0.0
        stated, own = arb(value.error), arb(value.value)
        distance = abs(own - ball.value) / own
        true = float(distance.mid())
        if distance.lower() > stated:
            return "WRONG", true
        return ("held" if distance.upper() <= stated else "open"), true


def run_case(job: tuple[int, int, float]) -> dict:
    """Draw a case, evaluate it twice, compare."""
    number, seed, seconds = job
    case = draw_case(number, seed)
    net = es.network([package_tree(position) for position in case["positions"]])
    start = time.perf_counter()
    try:
        with limit(10 * seconds):
            value = es.eigenvalue(net, case["degrees"], case["kernel"])
    except TookTooLong:
        return case | {"verdict": "SLOW"}
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is reported
        return case | {"verdict": "FAILED", "problem": f"{type(problem).__name__}: {problem}"}
    case |= {"float_seconds": time.perf_counter() - start, "stated": value.error, "bound": value.bound}
    verdict, true = "open", None
    for sharper in (0.1, 1.0):
        start = time.perf_counter()
        try:
            with limit(seconds):
                rtol = min(max(sharper * value.error, 1e-18), 0.5)
                ball = es.eigenvalue(net, case["degrees"], case["kernel"], ring=es.ball(64), rtol=rtol)
            verdict, true = judge(value, ball)
            case["ball_seconds"] = time.perf_counter() - start
            break
        except (TookTooLong, es.ConvergenceError):
            pass
    return case | {"verdict": verdict, "true": true}


def main() -> int:
    """Run the campaign and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds for one ball")
    parser.add_argument("--figure", help="draw the histogram into this file")
    parser.add_argument("--data", help="one JSON line per case; what it holds is not run again")
    options = parser.parse_args()
    numbers, start = range(options.first, options.first + options.cases), time.time()
    path = Path(options.data) if options.data else None
    lines = path.read_text("utf-8").splitlines() if path and path.exists() else []
    found = [report for report in map(json.loads, lines) if report["number"] in numbers]
    jobs = [(n, options.seed, options.limit) for n in sorted({*numbers} - {report["number"] for report in found})]
    data = path.open("a", encoding="utf-8") if path else None
    with Pool(options.processes) as pool:
        for report in pool.imap_unordered(run_case, jobs, chunksize=4):
            found.append(report)
            if report["verdict"] in ("WRONG", "FAILED", "SLOW"):
                print(json.dumps(report), flush=True)
            if data:
                print(json.dumps({k: v for k, v in report.items() if k != "positions"}), file=data, flush=True)
    if options.figure:
        draw_figure(found, options.figure)
    return summary(found, time.time() - start)


def ratios(found: list[dict]) -> list[float]:
    """Stated over true errors, where the true one is known."""
    return [r["stated"] / max(r["true"], ROUNDING) for r in found if r["verdict"] == "held" and r["stated"] > 0]


def summary(found: list[dict], seconds: float) -> int:
    """Print the figures; 0 if nothing is wrong."""
    worst = 0.0
    print(f"{len(found)} cases in {seconds:.0f} s")
    for kind in (*KINDS, None):
        own = [r for r in found if kind in (None, r["kind"])]
        counts = {v: sum(r["verdict"] == v for r in own) for v in sorted({r["verdict"] for r in own})}
        line = sorted(ratios(own))
        middle = statistics.median(line) if line else 1.0
        largest = max(line, default=0.0)
        print(f"{kind or 'all'}: {counts}; stated / true error: median {middle:.3g}, largest {largest:.3g}")
        worst = max(worst, middle)
    bad = [r for r in found if r["verdict"] in ("WRONG", "FAILED")]
    return 1 if bad or worst > 1000 else 0


def draw_figure(found: list[dict], path: str) -> None:
    """Histogram of the decimal logarithm of stated over true error, by kind of network; no colour is needed."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    lines = {kind: [log10(x) for x in ratios([r for r in found if r["kind"] == kind])] for kind in KINDS}
    edges = [i / 4 for i in range(0, 1 + 4 * max(2, int(max(max(line, default=0) for line in lines.values())) + 1))]
    axes.hist(
        list(lines.values()), edges, stacked=True, label=[f"{kind} ({len(line)})" for kind, line in lines.items()],
        color=["0.15", "0.45", "0.7", "0.9"], edgecolor="black", linewidth=0.4,
    )  # fmt: skip
    axes.set(xlabel="stated error / true error (powers of ten)", ylabel="eigenvalues", xlim=(0, edges[-1]))
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
