"""Predicted learning curves beside kernel regression, for six networks.

    python scripts/theory_vs_experiment.py                        # measures what is missing, writes data and figures
    python scripts/theory_vs_experiment.py --most 2000            # not more than 2000 samples
    python scripts/theory_vs_experiment.py --no-measurements      # data and figures from the points that are finished

Every point (network, number of samples, seed) is stored in the file of --data as soon as it is finished, so that the
run can be stopped and started again; with more --seeds, only the new ones are run. From the points, the script writes
docs/data/theory_vs_experiment.json (every measured number) and one figure for each network, and compares: for each
target the predicted excess risk with the mean over the seeds, in units of its own standard error. A mean of few seeds
over its standard error has Student's distribution; the z of the report is the normal deviate of the same probability.
A sample of the points runs in tests/statistical/test_theory_vs_experiment.py.

The prediction is exact only for Gaussian eigenfunctions, many samples and high dimension. --slack is the relative
deviation up to which a |z| of 4 or more does not count as a failure; the report lists every such case.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import eigenspace as es

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs/data/theory_vs_experiment.json"
SAMPLES = (60, 125, 250, 500, 1000, 2000, 4000, 8000)
#: seeds up to this number of samples
SEEDS = ((1000, 12), (2000, 6), (4000, 4), (8000, 3))
#: new inputs, up to this number of samples
TEST = ((2000, 2000), (8000, 1000))
TERMS = 64


@dataclass(frozen=True)
class Case:
    """A network, its targets by their names in the figures, and the degree up to which its table is needed."""

    network: Callable
    title: str
    targets: dict
    degree: int

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.targets, "all together")


SMOOTH = es.rbf(0.5)
CASES = {
    "mlp": Case(lambda: es.mlp(20, 2), "MLP", {"1": {0: 1}, "2": {0: 2}, "4": {0: 4}}, 9),
    "s_cnn": Case(
        lambda: es.cnn(8, (1,), 8, activation=SMOOTH), "S-CNN",
        {"1": {0: 1}, "2": {0: 2}, "3": {0: 3}, "1 / 1": {0: 1, 1: 1}}, 8,
    ),
    "d_cnn": Case(
        lambda: es.cnn(6, (1, 2, 2), 2), "D-CNN",
        {"1": {0: 1}, "2": {0: 2}, "1 1": {0: 1, 1: 1}, "1 / 1": {0: 1, 2: 1}}, 8,
    ),
    "d_cnn_dense": Case(
        lambda: es.cnn(6, (1, 4), 4, head="dense"), "D-CNN, dense",
        {"1": {0: 1}, "2": {0: 2}, "1 1": {0: 1, 1: 1}, "1 / 1": {0: 1, 4: 1}}, 8,
    ),
    "flatten": Case(
        lambda: es.cnn(8, (1, 2), 3, activation=SMOOTH), "flatten", {"1": {0: 1}, "2": {0: 2}, "1 1": {0: 1, 1: 1}}, 10
    ),
    "gap": Case(
        lambda: es.cnn(8, (1, 2), 3, activation=SMOOTH, head="gap"), "gap",
        {"1": {0: 1}, "2": {0: 2}, "1 1": {0: 1, 1: 1}}, 10,
    ),
}  # fmt: skip


# measured --------------------------------------------------------------------------------------------


def measure(network: str, n: int, seed: int, test: int | None = None) -> dict:
    """One experiment: the excess risk on each target alone and on all together, and the share of each not learned.

    All targets have power 1; together, each has its part of it.
    """
    case = CASES[network]
    count = len(case.targets)
    run = es.kernel_regression(
        case.network(), [(degrees, 1 / count) for degrees in case.targets.values()], [n], seeds=[seed],
        test=test or up_to(TEST, n), terms=TERMS, progress=False,
    )  # fmt: skip
    excess = [*(count * run.alone[0]), run.excess_risk[0]]
    return {"excess": [float(f"{x:.6g}") for x in excess], "unlearned": [float(f"{x:.6g}") for x in run.unlearned[0]]}


def up_to(limits, n: int) -> int:
    """The entry of the first limit that is not below n."""
    return next(value for limit, value in limits if n <= limit)


def points(networks, samples, factor: float = 1.0) -> list[dict]:
    """The experiments, those of few samples first."""
    return [
        {"network": name, "n": n, "seed": seed}
        for n in samples
        for name in networks
        for seed in range(max(2, round(factor * up_to(SEEDS, n))))
    ]


def collect(records, name: str) -> dict:
    """The numbers of a network: n to arrays (seeds, targets)."""
    found: dict = {}
    for record in records:
        if record["arguments"]["network"] == name:
            found.setdefault(record["arguments"]["n"], []).append(record["value"])
    return {
        n: {key: np.array([value[key] for value in values]) for key in ("excess", "unlearned")}
        for n, values in sorted(found.items())
        if len(values) > 1
    }


# predicted -------------------------------------------------------------------------------------------


@lru_cache
def table_of(name: str, degree: int | None = None) -> es.EigenTable:
    return es.spectrum(CASES[name].network(), degree=degree or CASES[name].degree, rtol=1e-7)


def predicted(name: str, samples, degree: int | None = None) -> list:
    """The learning curve of each target, and that of all together; a lower degree has a wider bracket."""
    table, targets = table_of(name, degree), list(CASES[name].targets.values())
    options = {}
    if CASES[name].network().head == "gap":
        # an eigenvalue falls when a degree is raised by two, and no class beyond the table has degrees of 1 alone:
        # a position has fewer leaves than the table has degrees
        last = table.total_degree >= int(table.total_degree.max()) - 1
        options["largest_unlisted"] = float(np.max(table.values()[last]) * (1 + 1e-9))
    together = [(degrees, 1 / len(targets)) for degrees in targets]
    return [es.learning_curve(table, t, samples, **options) for t in [*([(d, 1.0)] for d in targets), together]]


# compared --------------------------------------------------------------------------------------------


def normal_deviate(values: np.ndarray, low, high) -> np.ndarray:
    """How many standard errors a mean over seeds (first axis) is outside a bracket, as a deviate of the normal law.

    The mean over its standard error has Student's distribution where the repetitions are normal.
    """
    from scipy.stats import norm, t

    count = len(values)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / count**0.5
    away = (mean - np.clip(mean, low, high)) / error
    return np.sign(away) * norm.isf(t.sf(np.abs(away), count - 1))


def compare(name: str, measured: dict, degree: int | None = None) -> list[dict]:
    """One entry for each target and number of samples."""
    curves, entries = predicted(name, list(measured), degree), []
    for i, (n, values) in enumerate(measured.items()):
        for j, target in enumerate(CASES[name].names):
            curve, excess = curves[j], values["excess"][:, j]
            mean, error = excess.mean(), excess.std(ddof=1) / len(excess) ** 0.5
            entry = {
                "network": name, "target": target, "n": n, "seeds": len(excess), "measured": mean, "error": error,
                "predicted": curve.excess_risk[i], "bracket": (curve.lower[i], curve.upper[i]),
                "z": float(normal_deviate(excess, curve.lower[i], curve.upper[i])),
                "relative": mean / curve.excess_risk[i] - 1,
            }  # fmt: skip
            if j < len(CASES[name].targets):
                shares = values["unlearned"][:, j]
                learned = curve.learnability[i, 0]
                entry |= {
                    "unlearned": shares.mean(), "unlearned_error": shares.std(ddof=1) / len(shares) ** 0.5,
                    "unlearned_predicted": 1 - learned,
                    "unlearned_z": float(normal_deviate(shares, *(1 - curve.learnability_bounds[::-1, i, 0]))),
                }  # fmt: skip
            entries.append(entry)
    return entries


def report(entries: list[dict], slack: float) -> list[str]:
    """Prints the comparison; returns what fails."""
    print(f"{'network':12} {'target':13} {'n':>5} seeds {'measured':>10} {'± error':>9} {'predicted':>10} {'dev.':>7}"
          f" {'z':>5}   not learned: measured, predicted, z")  # fmt: skip
    failed = []
    for e in entries:
        line = (f"{e['network']:12} {e['target']:13} {e['n']:5} {e['seeds']:5} {e['measured']:10.4g} {e['error']:9.1e} "
                f"{e['predicted']:10.4g} {100 * e['relative']:6.1f}% {e['z']:5.1f}")  # fmt: skip
        if "unlearned" in e:
            line += f"   {e['unlearned']:.4f} ± {e['unlearned_error']:.4f}  {e['unlearned_predicted']:.4f} "
            line += f"{e['unlearned_z']:5.1f}"
        print(line)
        if abs(e["z"]) >= 4:
            (failed if abs(e["relative"]) > slack else []).append(line)
    for key in ("z", "unlearned_z"):
        z = np.array([e[key] for e in entries if key in e])
        print(f"{key}: {len(z)} comparisons, root mean square {np.sqrt(np.mean(z**2)):.2f}, |z| < 2 in "
              f"{100 * np.mean(np.abs(z) < 2):.0f} %, largest {np.max(np.abs(z)):.1f}")  # fmt: skip
    for name in dict.fromkeys(e["network"] for e in entries):
        own = [e for e in entries if e["network"] == name]
        z, deviation = (np.array([e[key] for e in own]) for key in ("z", "relative"))
        print(f"{name:12} rms z {np.sqrt(np.mean(z**2)):.2f}, largest {np.max(np.abs(z)):.1f}; deviations: median "
              f"{100 * np.median(np.abs(deviation)):.1f} %, largest {100 * np.max(np.abs(deviation)):.1f} %; widest "
              f"bracket {max(e['bracket'][1] / e['bracket'][0] - 1 for e in own):.1e}")  # fmt: skip
    return failed


# written ---------------------------------------------------------------------------------------------


def document(measured: dict, command: str) -> str:
    """The data file: one line for each number of samples."""
    header = {
        "about": "Excess risk of ridgeless kernel regression (NTK) on uniform inputs with noiseless random targets of"
        " power 1, and the share of each target that is not learned. excess: for each seed, each target alone and all"
        " together; unlearned: for each seed, each target. Seeds are 0, 1, 2, ...",
        "tool": "eigenspace.kernel_regression", "version": es.__version__, "numpy": np.__version__, "command": command,
        "test inputs": {f"n up to {limit}": value for limit, value in TEST}, "terms of a random function": TERMS,
    }  # fmt: skip
    networks = []
    for name, numbers in measured.items():
        case = CASES[name]
        rows = ",\n    ".join(
            json.dumps({"n": n, "seeds": len(v["excess"]), **{key: v[key].tolist() for key in ("excess", "unlearned")}})
            for n, v in numbers.items()
        )
        degrees = {k: {str(leaf): r for leaf, r in v.items()} for k, v in case.targets.items()}
        networks.append(f' {json.dumps(name)}: {{"network": {json.dumps(case.network().call)}, "targets": '
                        f'{json.dumps(degrees)}, "points": [\n    {rows}]}}')  # fmt: skip
    return f'{{"header": {json.dumps(header, indent=1)},\n"networks": {{\n' + ",\n".join(networks) + "}}\n"


def read(path=DATA) -> dict:
    """The measured numbers of a data file, as `collect` has them."""
    networks = json.loads(Path(path).read_text(encoding="utf-8"))["networks"]
    return {
        name: {p["n"]: {key: np.array(p[key]) for key in ("excess", "unlearned")} for p in held["points"]}
        for name, held in networks.items()
    }


def draw(name: str, measured: dict, axes=None):
    """Excess risk (left) and the share not learned (right): lines predicted, marks measured; two columns wide."""
    from matplotlib import pyplot

    from eigenspace._plot import _COLOURS, _MARKERS

    case = CASES[name]
    if axes is None:
        _, axes = pyplot.subplots(1, 2, figsize=(7.0, 2.7), layout="constrained")
    low, high = min(measured), max(measured)
    fine = np.geomspace(0.8 * low, 1.25 * high, 60)
    n = np.array(list(measured))
    dashes = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), ":")
    for j, (target, curve) in enumerate(zip(case.names, predicted(name, fine))):
        style = {"color": _COLOURS[j + 1 if j < len(case.targets) else 0], "linestyle": dashes[j], "linewidth": 1.0}
        marks = {"color": style["color"], "marker": _MARKERS[j], "markersize": 4, "linestyle": "none", "capsize": 2,
                 "markerfacecolor": "white", "elinewidth": 0.9, "label": target}  # fmt: skip
        lines = [(axes[0], curve.excess_risk, "excess")]
        if j < len(case.targets):
            lines.append((axes[1], 1 - curve.learnability[:, 0], "unlearned"))
        for ax, line, key in lines:
            values = [measured[k][key][:, j] for k in measured]
            mean = np.array([v.mean() for v in values])
            error = np.array([v.std(ddof=1) / len(v) ** 0.5 for v in values])
            ax.plot(fine, line, **style)
            ax.errorbar(n, mean, yerr=[np.minimum(error, 0.999 * np.abs(mean)), error], **marks)
    lowest = min(float(np.min(v["excess"].mean(axis=0))) for v in measured.values())
    for ax, label in zip(axes, ("excess risk", "share not learned")):
        ax.set(xscale="log", xlabel="samples $n$", ylabel=label)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_yscale("log")
    axes[0].set_ylim(bottom=max(lowest / 2, 1e-5))
    axes[1].set_ylim(-0.08, 1.12)
    axes[0].legend(title=case.title, fontsize=8, title_fontsize=8, frameon=False)
    return axes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(ROOT / "build/theory_vs_experiment.jsonl"), help="store of the points")
    parser.add_argument("--networks", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--most", type=int, default=SAMPLES[-1], help="largest number of samples")
    parser.add_argument("--seeds", type=float, default=1.0, help="this many times the seeds")
    parser.add_argument("--slack", type=float, default=0.1)
    parser.add_argument("--no-measurements", action="store_true")
    parser.add_argument("--out", default=str(ROOT / "docs"), help="folder of the figures, and of data/")
    given = parser.parse_args()
    samples = [n for n in SAMPLES if n <= given.most]
    grid = points(given.networks, samples, given.seeds)
    if given.no_measurements:
        lines = Path(given.data).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if line.endswith("}")]
        records = [r for r in records if r["arguments"]["network"] in given.networks]
    else:
        records = es.sweep(measure, grid, store=given.data).records
    measured = {name: numbers for name in given.networks if (numbers := collect(records, name))}
    failed = report([entry for name, numbers in measured.items() for entry in compare(name, numbers)], given.slack)

    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "eigenspace", "font.size": 9})
    out = Path(given.out)
    (out / "data").mkdir(parents=True, exist_ok=True)
    command = "python scripts/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    (out / "data" / DATA.name).write_text(document(measured, command), encoding="utf-8")
    for name, numbers in measured.items():
        figure = draw(name, numbers)[0].figure
        figure.savefig(out / f"theory_vs_experiment_{name}.svg", metadata={"Date": None})
    if failed:
        sys.exit("beyond the error bars and the slack:\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
