"""The experiments of [Xiao2022, sec. 5] with kernels: which network learns which function, and when.

    python scripts/xiao_experiment.py                     # measures what is missing, writes data, figures, the order
    python scripts/xiao_experiment.py --most 2000          # not more than 2000 samples
    python scripts/xiao_experiment.py --no-measurements    # from the points that are finished

Images of d = p**4 = 256 pixels x_k, k in {0, ..., p - 1}**4, patches of p pixels; eight functions, each a sum over all
k of one polynomial shifted by k (cyclically), with random coefficients and mean square 1; three networks with
phi*(s) = exp(-(1 - s) / 2). Predicted curves go to 10**6 samples. Kernel regression gives each function alone and the
sum of all, from one factorisation. The second part has equal coefficients and compares a pooled network with the same
one flattened, without the function that no position holds (Y5).

Every finished point is stored in the file of --data; the same command later computes the others. A part of this runs
in tests/test_xiao_experiment.py.
"""

import argparse
import json
import sys
from functools import lru_cache
from itertools import product
from math import prod
from pathlib import Path

import numpy as np

import eigenspace as es

sys.path.insert(0, str(Path(__file__).parent))
from theory_vs_experiment import TEST, normal_deviate, up_to  # noqa: E402

ROOT = Path(__file__).parent.parent
P = 4
#: samples of the largest training set of the paper: 32 batches of 10240
LARGEST = 32 * 10240
SAMPLES = (250, 500, 1000, 2000, 4000, 8000)
SEEDS = ((500, 6), (1000, 4), (2000, 3), (8000, 2))
#: the kernel of the pooled network has a term for every pair of positions
MOST_POOLED = 1000

_E1, _E2, _E3, _E4 = np.eye(4, dtype=int)
_0 = 0 * _E1
#: the polynomials, of a function x(shift) that gives the pixel at k + shift
FORMS = {
    "Y1": lambda x: x(_0),
    "Y2": lambda x: x(_0) * x(_E4),
    "Y3": lambda x: x(_E3) * x(_E4),
    "Y4": lambda x: x(_E3 + _E4) * x(_E4) * x(_0),
    "Y5*": lambda x: x(_0) * x(_E4) * x(2 * _E4) * (x(_0) ** 2 - x(_E4) ** 2),
    "Y5": lambda x: x(_0) * x(_E1),
    "Y6": lambda x: x(_0) * x(_E3) * (3 * x(-_E3) ** 2 - x(_0) ** 2),
    "Y7": lambda x: x(_E4 - _E3) * x(_E2) * (3 * x(_0) ** 2 - x(_E4 - _E3) ** 2),
}
POOLED = tuple(name for name in FORMS if name != "Y5")


def networks(p: int = P) -> dict:
    """The three networks, and the pooled one beside the same flattened."""
    rbf = es.rbf(0.25)
    return {
        "MLP": es.mlp(p, 4, leaves=p**3, activation=rbf),
        "CNN(p^2)": es.cnn(p, (p, p**2), 1, head="dense", activation=rbf),
        "CNN(p)": es.cnn(p, (1, p, p), p, head="dense", activation=rbf),
        "flatten": es.cnn(p, (1, p, p), p, activation=rbf),
        "gap": es.cnn(p, (1, p, p), p, activation=rbf, head="gap"),
    }


TRIO, PAIR = ("MLP", "CNN(p^2)", "CNN(p)"), ("flatten", "gap")


def pixel(p: int, k, shift) -> np.ndarray:
    """Number of the pixel at k + shift."""
    a, b, c, e = np.moveaxis((np.asarray(k) + shift) % p, -1, 0)
    return ((a * p + b) * p + c) * p + e


def polynomials(p: int = P) -> dict:
    """One term of each function, in the pixels x0, x1, ..., at k = (1, 2, 1, 0) as in the table of indices."""
    import sympy

    at = lambda shift: sympy.Symbol(f"x{pixel(p, (1, 2, 1, 0), shift)}")
    return {name: form(at) for name, form in FORMS.items()}


def mean_square(p: int, polynomial) -> float:
    r"""Of a polynomial in pixels whose patches are uniform on spheres of radius sqrt(p).

    On one sphere :math:`E \prod x_i^{2 b_i} = p^B \prod (2 b_i - 1)!! / (p (p + 2) \cdots (p + 2 B - 2))`,
    ``B`` being the sum of the ``b_i``; a monomial with an odd power has the mean 0.
    """
    import sympy

    square = sympy.Poly(sympy.expand(polynomial**2))
    total = sympy.Integer(0)
    for powers, coefficient in square.terms():
        leaves: dict = {}
        for symbol, power in zip(square.gens, powers):
            leaves.setdefault(int(symbol.name[1:]) // p, []).append(power)
        for exponents in leaves.values():
            if any(power % 2 for power in exponents):
                coefficient = 0
                break
            half = sum(exponents) // 2
            top = prod(int(sympy.factorial2(power - 1)) for power in exponents if power)
            coefficient *= sympy.Rational(p**half * top, prod(p + 2 * i for i in range(half)))
        total += coefficient
    return float(total)


@lru_cache
def scales(p: int = P) -> dict:
    """Root mean square of one term of each function."""
    return {name: mean_square(p, polynomial) ** 0.5 for name, polynomial in polynomials(p).items()}


def function(name: str, rng, p: int = P):
    """A function of mean square 1: terms at all k, with Gaussian coefficients, or equal ones where ``rng`` is None.

    Terms at different k are orthogonal: the pixels of odd power are different sets.
    """
    places = np.array(list(product(range(p), repeat=4)))
    coefficients = np.ones(len(places)) if rng is None else rng.standard_normal(len(places))
    coefficients = coefficients / np.linalg.norm(coefficients) / scales(p)[name]

    def values(X):
        return FORMS[name](lambda shift: p**0.5 * X[:, pixel(p, places, shift)]) @ coefficients

    values.__name__ = name
    return values


# measured --------------------------------------------------------------------------------------------


def measure(network: str, n: int, seed: int, test: int | None = None) -> dict:
    """One experiment: excess risk on each function alone and on the sum, and the share of each not learned."""
    names = POOLED if network in PAIR else tuple(FORMS)
    rng = None if network in PAIR else np.random.default_rng([2022, seed, n])
    target = [(function(name, rng), 1.0) for name in names]
    test = test or up_to(TEST, n)
    run = es.kernel_regression(networks()[network], target, [n], seeds=[seed], test=test, progress=False)
    rounded = lambda values: [float(f"{x:.6g}") for x in values]
    return {"excess": rounded([*run.alone[0], run.excess_risk[0]]), "unlearned": rounded(run.unlearned[0])}


def points(samples) -> list[dict]:
    return [
        {"network": name, "n": n, "seed": seed}
        for n in samples
        for name in (*TRIO, *PAIR)
        if name in TRIO or n <= MOST_POOLED
        for seed in range(up_to(SEEDS, n))
    ]


def collect(records) -> dict:
    """Network to n to arrays (seeds, functions)."""
    found: dict = {}
    for record in records:
        where = record["arguments"]
        found.setdefault(where["network"], {}).setdefault(where["n"], []).append(record["value"])
    return {
        name: {
            n: {key: np.array([value[key] for value in values]) for key in ("excess", "unlearned")}
            for n, values in sorted(found[name].items())
        }
        for name in (*TRIO, *PAIR)
        if name in found
    }


# predicted -------------------------------------------------------------------------------------------


@lru_cache
def table_of(network: str, degree: int = 8) -> es.EigenTable:
    return es.spectrum(networks()[network], degree=degree)


def targets(network: str) -> dict:
    """The functions as pairs (interaction, power).

    The pooled network sees sums over its positions only, which the functions with equal coefficients are; their parts
    and powers are those of the flattened network.
    """
    if network not in PAIR:
        return {name: [(polynomial, 1.0)] for name, polynomial in polynomials().items()}
    parts: dict = {}
    for row in es.index_table(networks()["flatten"], polynomials()):
        if row.target in POOLED:
            parts.setdefault(row.target, []).append((dict(row.degrees), float(row.share)))
    return parts


def predicted(network: str, samples) -> dict:
    """The learning curve of each function alone, and that of the sum."""
    parts = targets(network) | {"sum": sum(targets(network).values(), [])}
    return {name: curve_of(network, target, samples) for name, target in parts.items()}


def learned(network: str, samples) -> dict:
    """The learned share of each function, which may have parts of several classes."""
    parts = targets(network)
    columns = iter(curve_of(network, sum(parts.values(), []), samples).learnability.T)
    return {name: sum(power * next(columns) for _, power in target) for name, target in parts.items()}


def curve_of(network: str, target: list, samples) -> es.LearningCurve:
    table = table_of(network)
    largest = largest_unlisted(table) if network == "gap" else None
    return es.learning_curve(table, target, samples, largest_unlisted=largest)


def largest_unlisted(table: es.EigenTable) -> float:
    """A bound for the pooled network, whose positive eigenvalues are those of the flattened one.

    Raising a degree by two never raises an eigenvalue; classes of the next degree with degrees of 1 alone have at least
    ``P`` to the power of the number of leaves eigenfunctions, and share what is left of the trace.
    """
    degree = int(table.total_degree.max())
    last = table.total_degree >= degree - 1
    rest = table.trace * (1 - table.coverage()) + 1e-12
    return float(max(np.max(table.values()[last]) * (1 + 1e-9), rest / P ** (degree + 1)))


@lru_cache
def half(network: str) -> dict:
    """Number of samples at which half of each function is learned, from the predicted curves; ``inf`` beyond 1e8."""
    samples = np.geomspace(10, 1e8, 71)
    found = {}
    for name, share in learned(network, samples).items():
        share = np.clip(share, 1e-300, 1 - 1e-15)
        # log(L / (1 - L)) is nearly linear in log n
        place = float(np.exp(np.interp(0.0, np.log(share / (1 - share)), np.log(samples))))
        found[name] = place if share[-1] > 0.5 else np.inf
    return found


# written ---------------------------------------------------------------------------------------------


def compare(measured: dict) -> None:
    """Prints measured and predicted risks; and how far they are apart in standard errors."""
    deviates = []
    for network, numbers in measured.items():
        curves = predicted(network, list(numbers))
        print(f"\n{network}: measured excess risk (predicted; deviation in standard errors of the mean)")
        for i, (n, values) in enumerate(numbers.items()):
            cells = []
            for j, (name, curve) in enumerate(curves.items()):
                excess = values["excess"][:, j]
                cell = f"{name} {excess.mean():.4f} ({curve.excess_risk[i]:.4f}"
                if len(excess) > 1:
                    z = float(normal_deviate(excess, curve.lower[i], curve.upper[i]))
                    deviates.append(z)
                    cell += f"; {z:+.1f}"
                cells.append(cell + ")")
            print(f"  n = {n} ({len(values['excess'])} seeds):  " + ", ".join(cells))
    z = np.array(deviates)
    print(f"\n{len(z)} comparisons: root mean square z {np.sqrt(np.mean(z**2)):.2f}, |z| < 2 in "
          f"{100 * np.mean(np.abs(z) < 2):.0f} %, largest {np.max(np.abs(z)):.1f}")  # fmt: skip


def order() -> None:
    """Prints the order of learning, and what is learned of each function with the largest training set."""
    for network in (*TRIO, *PAIR):
        found = half(network)
        shares = learned(network, [LARGEST])
        print(f"\n{network}: half learned with n samples, in this order (residual (1 - L)^2 / 2 at n = {LARGEST})")
        for name in sorted(found, key=found.get):
            place = f"n = {found[name]:.3g}" if found[name] < np.inf else "n > 1e8"
            print(f"  {name:4} {place:13} ({0.5 * (1 - shares[name][0]) ** 2:.3f})")


def document(measured: dict, command: str) -> str:
    """The data file: one line for each network and number of samples."""
    header = {
        "about": "Excess risk of ridgeless kernel regression (NTK) on each function alone and on their sum, and the"
        " share of each that is not learned; for each seed. Seeds are 0, 1, 2, ...",
        "functions": {network: [*(POOLED if network in PAIR else FORMS), "sum"] for network in measured},
        "networks": {network: networks()[network].call for network in measured},
        "tool": "eigenspace.kernel_regression", "version": es.__version__, "numpy": np.__version__, "command": command,
        "test inputs": {f"n up to {limit}": value for limit, value in TEST},
    }  # fmt: skip
    body = [
        f" {json.dumps(name)}: [\n  " + ",\n  ".join(
            json.dumps({"n": n, "seeds": len(v["excess"]), **{key: x.tolist() for key, x in v.items()}})
            for n, v in numbers.items()
        ) + "]"
        for name, numbers in measured.items()
    ]  # fmt: skip
    return f'{{"header": {json.dumps(header, indent=1)},\n"networks": {{\n' + ",\n".join(body) + "}}\n"


DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2, 2, 2)))


def draw(names, measured: dict):
    """The residual (1 - L)^2 / 2 of each function: lines predicted, marks measured. One panel for each network."""
    from matplotlib import pyplot

    from eigenspace._plot import _COLOURS, _MARKERS

    fine = np.geomspace(30, 1e6, 120)
    figure, axes = pyplot.subplots(1, len(names), figsize=(7.0, 2.6), layout="constrained", sharey=True)
    for ax, network in zip(axes, names):
        curves = learned(network, fine)
        for name, curve in curves.items():
            place = list(FORMS).index(name)
            style = {"color": _COLOURS[place % len(_COLOURS)], "linestyle": DASHES[place], "linewidth": 1.1}
            ax.plot(fine, 0.5 * (1 - curve) ** 2, label=name, **style)
            for n, values in measured.get(network, {}).items():
                shares = values["unlearned"][:, list(curves).index(name)]
                residuals = 0.5 * shares**2
                error = residuals.std(ddof=1) / len(shares) ** 0.5 if len(shares) > 1 else None
                ax.errorbar(n, residuals.mean(), yerr=error, color=style["color"], marker=_MARKERS[place],
                            markersize=3, markerfacecolor="white", capsize=1.5, linewidth=0.8)  # fmt: skip
        ax.axvline(LARGEST, color="0.6", linewidth=0.7, linestyle=":")
        ax.set(xscale="log", xlabel="samples $n$", title=network.replace("^2", "²"), ylim=(-0.02, 0.56))
        ax.title.set_fontsize(9)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel(r"$\frac{1}{2}\,$(share not learned)$^2$")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False,
                  handlelength=2.6)  # fmt: skip
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=str(ROOT / "build/xiao_experiment.jsonl"), help="store of the points")
    parser.add_argument("--most", type=int, default=SAMPLES[-1], help="largest number of samples")
    parser.add_argument("--no-measurements", action="store_true")
    parser.add_argument("--out", default=str(ROOT / "docs"), help="folder of the figures, and of data/")
    given = parser.parse_args()
    order()
    if given.no_measurements:
        lines = Path(given.data).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if line.endswith("}")]
    else:
        records = es.sweep(measure, points([n for n in SAMPLES if n <= given.most]), store=given.data).records
    measured = collect(records)
    compare(measured)

    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "eigenspace", "font.size": 9})
    out = Path(given.out)
    (out / "data").mkdir(parents=True, exist_ok=True)
    command = "python scripts/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    (out / "data/xiao_experiment.json").write_text(document(measured, command), encoding="utf-8")
    for name, networks_shown in (("networks", TRIO), ("pooling", PAIR)):
        draw(networks_shown, measured).savefig(out / f"xiao_{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
