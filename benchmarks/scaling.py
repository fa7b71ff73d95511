"""What tables and Gram matrices cost, by degree, leaves, truncation order and classes: `python benchmarks/scaling.py`.

Four ladders, each into a file of its own in docs/data, which docs/benchmarks.md plots:

* ``degree``: tables of 64 leaves up to rising degrees (``--degree``: the largest);
* ``leaves``: tables up to degree 8 of networks with a layer more for each factor of 4 (``--leaves``: the largest);
* ``order``: one pass of the recursion at rising truncation orders, and how wide the brackets are that it leaves
  (``--order``: the largest);
* ``gram``: Gram matrices of 1000 inputs by number of leaves (``--samples``: the inputs, ``--leaves`` as above, up to
  1024).

Every rung runs in a process of its own, one after the other; before the call that is measured, a small one has loaded
what is compiled.  ``--only`` measures one ladder and leaves the files of the others as they are.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from measure import cores, forget_peak, peak_memory, timed, versions

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "data"
#: the columns of each file
COLUMNS = {
    "degree": ("leaves", "degree", "classes", "order", "wall", "processor", "before", "peak"),
    "leaves": ("leaves", "degree", "classes", "order", "wall", "processor", "before", "peak"),
    "order": ("leaves", "degree", "classes", "order", "wall", "processor", "widest", "median"),
    "gram": ("leaves", "samples", "inputs", "wall", "processor", "working"),
}
#: what the columns mean, in the header of each file
UNITS = {
    "order": "order: truncation order",
    "wall": "wall, processor: seconds, of all cores together",
    "before": "before, peak: resident bytes of the process as the call begins, and at most",
    "widest": "widest, median: relative width of the brackets, over classes",
    "inputs": "inputs: bytes of the inputs",
    "working": "working: bytes at most beyond the inputs, two copies of them, and the results",
}
#: degrees and truncation orders of the brackets, and the degree of the networks with more and more leaves
BRACKETS, ORDERS, DEGREE = (2, 4, 8), (24, 34, 48, 68, 96, 136, 192, 272, 384, 544, 768), 8
GRAM_LEAVES = 1024


def network(leaves: int, dim: int):
    """One layer on each leaf, then one for each factor of 4, and a dense head over the last 4 positions."""
    import eigenspace as es

    layers = (leaves.bit_length() - 1) // 2
    if leaves != 4**layers or layers < 1:
        raise ValueError(f"leaves must be a power of 4, got {leaves}; use 4, 16, 64, ...")
    return es.cnn(dim, (1, *[4] * (layers - 1)), 4, head="dense")


# --- one rung, in a process of its own --------------------------------------------------------------------------------


def table(leaves: int, degree: int, dim: int) -> dict:
    """A table of all classes up to a degree, and the truncation order that it needed."""
    import eigenspace as es

    net = network(leaves, dim)
    es.spectrum(net, "ntk", degree=min(degree, 4))
    before = forget_peak()
    found, wall, work = timed(lambda: es.spectrum(net, "ntk", degree=degree))
    seconds, bytes_ = {"wall": wall, "processor": work}, {"before": before, "peak": peak_memory()}
    orders = re.findall(r"\d+", found.provenance.order)
    return {"classes": len(found), "order": max(map(int, orders), default=None), **seconds, **bytes_}


def one_pass(leaves: int, degree: int, dim: int):
    """The number of classes, and a pass of the recursion over them: order -> relative widths of their brackets."""
    import numpy as np

    import eigenspace as es
    from eigenspace.classes import enumerate_classes
    from eigenspace.moments import root_moments
    from eigenspace.shapes import layout

    pool = enumerate_classes(layout(network(leaves, dim)).root, degree)

    def widths(order: int) -> np.ndarray:
        rows, index = root_moments(pool, "ntk", order, es.FLOAT)
        gaps = es.FLOAT.gaps(rows)[:, index]
        return gaps[~es.FLOAT.zero_mask(rows)[:, index]]

    return len(pool), widths


def brackets(leaves: int, degree: int, order: int, dim: int) -> dict:
    """One pass at one truncation order, the second at this order, when dual series and rules are known."""
    import numpy as np

    classes, widths = one_pass(leaves, degree, dim)
    widths(order)
    gaps, wall, work = timed(widths, order)
    return {"classes": classes, "wall": wall, "processor": work, "widest": gaps.max(), "median": float(np.median(gaps))}


def gram(leaves: int, samples: int, dim: int) -> dict:
    """Both kernels of all pairs of inputs."""
    from gram import best, peak

    import eigenspace as es

    net = network(leaves, dim)
    x = es.sample(net, samples, seed=0)
    run = lambda: es.gram(net, x, kernel=("nngp", "ntk"))
    wall, work = best(run, 3)
    # two copies of the inputs and the results come with the question; the rest is the working memory
    working = peak(run) - 2 * x.nbytes - 2 * 8 * samples**2
    return {"inputs": x.nbytes, "wall": wall, "processor": work, "working": working}


MEASURE = {"degree": table, "leaves": table, "order": brackets, "gram": gram}


# --- the ladders ------------------------------------------------------------------------------------------------------


def rungs(ladder: str, degree: int, leaves: int, order: int, samples: int) -> list[dict]:
    """The questions of a ladder, smallest first."""
    powers = [4**k for k in range(1, leaves.bit_length()) if 4**k <= leaves]
    return {
        "degree": [{"leaves": 64, "degree": k, "dim": 16} for k in range(2, degree + 1, 2)],
        "leaves": [{"leaves": n, "degree": min(DEGREE, degree), "dim": 8} for n in powers],
        "order": [
            {"leaves": 64, "degree": k, "order": m, "dim": 16}
            for k in BRACKETS if k <= degree
            for m in ORDERS if m <= order
        ],
        "gram": [{"leaves": n, "samples": samples, "dim": 8} for n in powers if 16 <= n <= GRAM_LEAVES],
    }[ladder]  # fmt: skip


def climb(ladder: str, questions: list[dict]) -> list[dict]:
    """The answers, each from a process of its own."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    found = []
    for number, question in enumerate(questions):
        print(f"{ladder}, {number + 1} of {len(questions)}: {question}", file=sys.stderr)
        command = [sys.executable, __file__, "--rung", ladder, json.dumps(question)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"PYTHONPATH": paths}
        )
        found.append(question | json.loads(done.stdout))
    return found


def write(path: Path, ladder: str, rows: list[dict], command: str) -> None:
    """A text table: what was run, with what, on how many cores; then the numbers."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# command: {command}\n")
        file.write(f"# versions: {versions(('eigenspace', 'numpy', 'numba', 'python-flint'))}\n")
        file.write(f"# processor cores: {cores()}\n")
        for name in COLUMNS[ladder]:
            if name in UNITS:
                file.write(f"# {UNITS[name]}\n")
        out = csv.DictWriter(file, COLUMNS[ladder], extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        for row in rows:
            out.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()})


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=COLUMNS, help="one ladder instead of all")
    parser.add_argument("--degree", type=int, default=14)
    parser.add_argument("--leaves", type=int, default=4096)
    parser.add_argument("--order", type=int, default=768)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files go; default: docs/data")
    parser.add_argument("--rung", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.rung:
        ladder, question = options.rung
        print(json.dumps(MEASURE[ladder](**json.loads(question))))
        return
    sizes = {name: getattr(options, name) for name in ("degree", "leaves", "order", "samples")}
    command = " ".join(["python benchmarks/scaling.py", *(f"--{name} {value}" for name, value in sizes.items())])
    for ladder in [options.only] if options.only else COLUMNS:
        write(options.folder / f"scaling_{ladder}.csv", ladder, climb(ladder, rungs(ladder, **sizes)), command)


if __name__ == "__main__":
    main()
