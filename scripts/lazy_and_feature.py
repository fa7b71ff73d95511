"""Exponents of learning curves, kernel against sparse predictors, as in Petrini et al. (2022).

    python scripts/lazy_and_feature.py                       # measures what is missing, writes docs/data
    python scripts/lazy_and_feature.py --most 256            # not more than 256 samples
    python scripts/lazy_and_feature.py --no-measurements     # data from the points that are finished

Inputs are uniform on the sphere S^{d-1}.  The target is a wide random teacher with the activation |t|^a,

    f(x) = M^{-1/2} sum_m c_m g(w_m . x),    g(t) = (|t|^a - E|t|^a) / sd(|t|^a),    c_m Gaussian, w_m uniform,

whose covariance over the draws is that of a Gaussian random field, for any M, with a power ~ k^{-2 nu - (d-1)} of
every harmonic of even degree k >= 2 and nu = a + 1/2.  (a must not be an even integer: then f is a polynomial.)  The
target is even because networks of one hidden layer without biases never learn odd degrees from 3 on, in both regimes.

lazy      regression without ridge on the NTK of ``mlp(d, 1)``; beside it the exact theory, ``learning_curve``.
feature   f(x) = sum_j g_j relu(x . y_j) through all samples with the least sum |g_j| (basis pursuit, HiGHS), with eight
          times as many uniform atoms as samples; on the circle also the atoms whose kinks are the samples, among
          which there is a solution of the problem with all atoms at hand.

Every point (predictor, dim, power, samples, seed) is kept in the file of --store as soon as it is finished, so that a
run can be stopped and started again.  The exponents are slopes of log mean risk over log n, weighted by the standard
errors of the means; the theory is fitted at the same n with the same weights, because most of these n are not
asymptotic.  On the circle the risk of a run hangs on its largest gap between inputs, so that means come from few runs:
the slope of the geometric means ("typical") is the steadier one.
"""

import argparse
import json
import platform
import sys
from functools import lru_cache
from math import lgamma, log, sqrt
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import linprog
from scipy.special import gammaln, gammasgn

import eigenspace as es
from eigenspace.harmonics import multiplicity

ROOT = Path(__file__).parent.parent
DATA = ROOT / "docs/data/lazy_and_feature.json"

#: dimension and exponent a of the teacher
CASES = ((2, 0.5), (2, 3), (3, 0.5), (3, 3), (5, 1), (5, 5))
#: seeds up to this number of samples
SEEDS = {
    "lazy": ((256, 32), (512, 24), (1024, 12), (2048, 8), (4096, 8)),
    "feature": ((64, 24), (128, 16), (256, 8)),
}
#: largest number of samples on the circle: beyond, the table does not reach far enough or the risk is rounding
CIRCLE = 256
TEST, WIDTH, ATOMS = 2000, 4096, 8
#: degrees of the exact tables
DEGREES = {2: 600, 3: 300, 5: 200}


# the target ------------------------------------------------------------------------------------------


def coefficients(dim: int, power: float, degrees) -> np.ndarray:
    """``E[|t|^a P_k(t)]`` for even degrees: the monomial moment at a real power. The square is a harmonic's power."""
    k = np.asarray(degrees, dtype=float)
    sign = gammasgn((power - k) / 2 + 1)
    log_size = lgamma(power + 1) + lgamma(dim / 2) - power * log(2)
    return sign * np.exp(log_size - gammaln((power - k) / 2 + 1) - gammaln((power + k + dim) / 2))


def variance(dim: int, power: float) -> float:
    """The variance of ``|t|^a``."""
    return float(coefficients(dim, 2 * power, 0) - coefficients(dim, power, 0) ** 2)


def powers(dim: int, power: float, last: int) -> list[tuple[int, float]]:
    """Power of the normalised target at the even degrees 2, ..., ``last``."""
    degrees = range(2, last + 1, 2)
    count = np.array([float(multiplicity(dim, k)) for k in degrees])
    found = count * coefficients(dim, power, degrees) ** 2 / variance(dim, power)
    return list(zip(degrees, found.tolist()))


def teacher(dim: int, power: float, seed: int, width: int = WIDTH):
    """One draw of the target as a function of inputs."""
    rng = np.random.default_rng([seed, 7])
    poles, outer = es.sample(es.mlp(dim, 1), width, rng), rng.standard_normal(width)
    mean, size = float(coefficients(dim, power, 0)), sqrt(width * variance(dim, power))

    def target(X):
        parts = np.array_split(X, 8)
        return np.concatenate([(np.abs(part @ poles.T) ** power - mean) @ outer / size for part in parts])

    return target


# the two predictors ----------------------------------------------------------------------------------


def measure(predictor: str, dim: int, power: float, samples: int, seed: int, test: int = TEST) -> float:
    """The risk of one run on ``test`` new inputs."""
    net, target = es.mlp(dim, 1), teacher(dim, power, seed)
    if predictor == "lazy":
        return float(es.kernel_regression(net, target, [samples], seeds=[seed], test=test).excess_risk[0])
    rng = np.random.default_rng([seed, samples])
    x, new = es.sample(net, samples, rng), es.sample(net, test, rng)
    atoms = es.sample(net, ATOMS * samples, rng)
    if dim == 2:
        normal = np.stack([-x[:, 1], x[:, 0]], axis=1)
        atoms = np.concatenate([normal, -normal, atoms])
    return float(np.mean((np.maximum(new @ atoms.T, 0) @ sparse(x, target(x), atoms) - target(new)) ** 2))


def sparse(x: np.ndarray, labels: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Coefficients of least absolute sum with which the atoms ``relu(x . y)`` go through all labels."""
    columns = np.maximum(x @ atoms.T, 0)
    count = columns.shape[1]
    # an interior point suits the large problems, an edge of the polytope the small ones
    methods = ("highs-ds", "highs-ipm") if len(x) <= 128 else ("highs-ipm", "highs-ds")
    for method in methods:
        found = linprog(np.ones(2 * count), A_eq=np.hstack([columns, -columns]), b_eq=labels, method=method)
        if found.status == 0:
            return found.x[:count] - found.x[count:]
    raise RuntimeError(f"no solution of {len(x)} equations with {count} atoms: {found.message}")


# the theory ------------------------------------------------------------------------------------------


@lru_cache
def table(dim: int):
    return es.spectrum(es.mlp(dim, 1), degree=DEGREES[dim])


def theory(dim: int, power: float, samples):
    """The exact curve; power beyond the table counts as unlearned: it is put on degree 3, whose eigenvalue is zero."""
    listed = powers(dim, power, DEGREES[dim])
    rest = max(1 - sum(p for _, p in listed), 0.0)
    return es.learning_curve(table(dim), [*listed, (3, rest)], samples)


def slope(samples, risk, error) -> tuple[float, float]:
    """Minus the slope of log risk over log n, weighted by standard errors, and its own standard error."""
    x, y, weight = np.log(samples), np.log(risk), (np.asarray(risk) / np.asarray(error)) ** 2
    x = x - np.average(x, weights=weight)
    information = float(np.sum(weight * x**2))
    return -float(np.sum(weight * x * y)) / information, information**-0.5


# tables ----------------------------------------------------------------------------------------------


def grid(most: int) -> list[dict]:
    points = []
    for predictor, ladder in SEEDS.items():
        for dim, power in CASES:
            for n in (2**j for j in range(3, 13)):
                seeds = next((count for top, count in ladder if n <= top), 0)
                if n <= most and not (dim == 2 and n > CIRCLE):
                    points += [
                        {"predictor": predictor, "dim": dim, "power": power, "samples": n, "seed": seed}
                        for seed in range(seeds)
                    ]
    # the long linear programs last
    return sorted(points, key=lambda point: (point["samples"] * (8 if point["predictor"] == "feature" else 1)))


def summary(records) -> list[dict]:
    """One entry for each predictor and case: means, standard errors, theory and slopes."""
    found: dict = {}
    for record in records:
        point = record["arguments"]
        place = found.setdefault((point["predictor"], point["dim"], point["power"]), {})
        place.setdefault(point["samples"], []).append(record["value"])
    entries = []
    for (predictor, dim, power), runs in sorted(found.items()):
        runs = {n: np.array(values) for n, values in sorted(runs.items()) if len(values) > 1}
        risk = np.array([values.mean() for values in runs.values()])
        error = np.array([values.std(ddof=1) / sqrt(len(values)) for values in runs.values()])
        typical = np.exp([np.log(values).mean() for values in runs.values()])
        typical_error = typical * [np.log(values).std(ddof=1) / sqrt(len(values)) for values in runs.values()]
        law = es.exponents(predictor, dim=dim, smoothness=power + 0.5)
        entry = {
            "predictor": predictor, "dim": dim, "power": power, "smoothness": power + 0.5, "law": str(law.beta),
            "samples": list(runs), "seeds": [len(values) for values in runs.values()],
            "risk": risk.tolist(), "error": error.tolist(),
            "typical": typical.tolist(), "typical_error": typical_error.tolist(),
        }  # fmt: skip
        curve = theory(dim, power, entry["samples"]) if predictor == "lazy" else None
        if curve is not None:
            entry |= {name: getattr(curve, at).tolist() for name, at in
                      (("theory", "risk"), ("theory_from", "lower"), ("theory_to", "upper"))}  # fmt: skip
        entry["fits"] = []
        for start in (0, len(risk) // 2):
            part = slice(start, None)
            beta, doubt = slope(entry["samples"][part], risk[part], error[part])
            fit = {"from": entry["samples"][start], "to": entry["samples"][-1], "beta": beta, "error": doubt}
            steady = slope(entry["samples"][part], typical[part], typical_error[part])
            fit |= dict(zip(("typical", "typical_error"), steady))
            if curve is not None:
                # the weights of the measurement, so that both slopes look at the same numbers of samples
                fit["theory"] = slope(
                    entry["samples"][part], curve.risk[part], curve.risk[part] * error[part] / risk[part]
                )[0]
            entry["fits"].append(fit)
        entries.append(entry)
    return entries


def text(entries: list[dict], command: str) -> str:
    """The data file, one line for each entry."""
    header = {
        "what": "risk of kernel (lazy) and l1 (feature) interpolation of random even teachers |w.x|^a of variance 1 on "
        "S^(d-1): means over seeds and their standard errors; theory: learning_curve",
        "source": "Petrini, Cagnetta, Vanden-Eijnden, Wyart, NeurIPS 2022, arXiv 2206.12314",
        "tool": f"eigenspace {es.__version__}, Python {platform.python_version()}, numpy {np.__version__}, scipy "
        f"{scipy.__version__} (HiGHS)",
        "command": command,
        "seeds": "0, 1, ... for each number of samples",
        "setting": {"test": TEST, "width": WIDTH, "atoms_per_sample": ATOMS, "degrees": DEGREES},
    }
    rows = ",\n  ".join(json.dumps(_short(entry)) for entry in entries)
    return f'{{"header": {json.dumps(header, indent=1)},\n"entries": [\n  {rows}\n]}}\n'


def _short(value):
    """Six digits of every float."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _short(part) for key, part in value.items()}
    return [_short(part) for part in value] if isinstance(value, list) else value


def report(entries: list[dict]) -> None:
    for entry in entries:
        print(f"{entry['predictor']}: d = {entry['dim']}, nu = {entry['smoothness']}, law {entry['law']}")
        for fit in entry["fits"]:
            theory = f"   theory {fit['theory']:.3f}" if "theory" in fit else ""
            mean, typical = (f"{fit[a]:.3f} +- {fit[b]:.3f}" for a, b in
                             (("beta", "error"), ("typical", "typical_error")))  # fmt: skip
            print(f"   n = {fit['from']}..{fit['to']}: {mean}   typical {typical}{theory}")
        for i, n in enumerate(entry["samples"]):
            beside = ""
            if "theory" in entry:
                z = (entry["risk"][i] - entry["theory"][i]) / entry["error"][i]
                low, middle, high = (entry[name][i] for name in ("theory_from", "theory", "theory_to"))
                beside = f"   theory {middle:.4g} ({low:.4g}, {high:.4g})   z {z:+.1f}"
                beside += f"   ratio {entry['risk'][i] / middle:.3f}"
            print(f"   {n:5} {entry['risk'][i]:.4g} +- {entry['error'][i]:.1g}{beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default=str(ROOT / "build/lazy_and_feature.jsonl"), help="finished points")
    parser.add_argument("--data", default=str(DATA), help="means, standard errors, theory and fits")
    parser.add_argument("--most", type=int, default=4096, help="largest number of samples")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--no-measurements", action="store_true")
    given = parser.parse_args()
    if given.no_measurements:
        lines = Path(given.store).read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines if line.endswith("}")]
    else:
        records = es.sweep(measure, grid(given.most), store=given.store, jobs=given.jobs, errors="record").records
        for record in records:
            if record["error"]:
                print("failed:", record["arguments"], record["error"], file=sys.stderr)
        records = [record for record in records if not record["error"]]
    entries = summary(records)
    Path(given.data).parent.mkdir(parents=True, exist_ok=True)
    command = f"python scripts/lazy_and_feature.py --most {given.most}"
    Path(given.data).write_text(text(entries, command), encoding="utf-8")
    report(entries)


if __name__ == "__main__":
    main()
