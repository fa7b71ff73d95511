"""Is every stated error at least as large as the true one?  Random networks against an independent evaluation.

    python scripts/honesty.py [--cases 300] [--seed 1] [--limit 60] [--reference-limit 45] [--verbose]

Random networks (fully connected, convolutional, ragged; leaves of dimension 1 to 10^5, mostly 2 to 30; fan-ins 1 to
16; relu, rbf and identity mixed; both kernels; both heads) and random degrees are given to `eigenspace.eigenvalue`.
The value is compared with the recursion of positive moments of ``reference/trees.py`` in balls of 640 bits, which uses
nothing of the package.  A truncation of that recursion only loses mass, so the reference is a bracket:

    lambda_3  <=  lambda  <=  lambda_3 + 4 t,      t = (lambda_3 - lambda_2) q / (1 - q),  q = (l3 - l2) / (l2 - l1)

with three orders in the ratio 1.5, where ``t`` is the rest of a geometric continuation (the steps of an algebraic tail
``M**-a`` over a geometric ladder are geometric).  Where the bracket is wider than what the package states, the ladder
is raised; two relu leaves under one chain go to the quadrature of ``reference/two_three_patches.py`` instead.  A case
that stays open is counted as such.

Prints one line per suspicious case (with the call that rebuilds it) and a summary.  Exit status 1 where a stated error
is smaller than the true one, a call fails, or the accuracy promised for total dimension 16 is missed.
"""

import argparse
import json
import random
import signal
import statistics
import sys
import time
from contextlib import contextmanager
from functools import lru_cache
from math import comb
from pathlib import Path

from flint import arb, arb_mat, arb_series, ctx

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "scripts" / "reference"), str(ROOT / "tests")]

import _trees  # noqa: E402
import eigenspace as es  # noqa: E402
import trees  # noqa: E402
import two_three_patches as patches  # noqa: E402
from networks import tree as package_tree  # noqa: E402

BITS = 640
#: truncation orders and Gauss-Legendre nodes for trees of one join and for nested joins, and for those that stay open
FLAT = ((600, 400), (900, 400), (1350, 520))
FLAT_HIGHER = tuple((order, 520) for order in (400, 600, 900, 1350, 2025, 3037, 4556))
NESTED = ((150, 400), (225, 400), (338, 520))
NESTED_HIGHER = tuple((order, 520) for order in (67, 100, 150, 225, 338, 507, 760))
GAMMAS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
#: dimension from which the chains of one leaf are summed as series
SERIES_DIM = 300


class TookTooLong(Exception):
    """A case exceeded its time limit."""


@contextmanager
def limit(seconds: float):
    """Raise `TookTooLong` in the block after so many seconds (as soon as compiled code lets Python in)."""

    def stop(*_):
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# the independent evaluation ------------------------------------------------------------------------------


@lru_cache(maxsize=48)
def coefficients(chain: tuple, order: int, rows: int) -> tuple[arb_mat, arb_mat, arb_mat]:
    """Coefficients of ``f^j``, ``g f^j``, ``h f^j`` (``j < rows``) of a chain ``K = f(S)``, ``T = g(S) + h(S) H``.

    One activation by the recurrences of ``trees.py``, several by composing power series.
    """
    if chain == ("identity",):
        powers = [[arb(n == j) for n in range(order + 1)] for j in range(rows + 1)]
        return arb_mat(powers[:-1]), arb_mat(powers[1:]), arb_mat(powers[:-1])
    if len(chain) == 1:
        recursion = trees.Recursion(order, order, order, 0)
        ctx.prec = BITS
        first, second = trees.Recursion.table(recursion, chain[0], order, rows + 1)
        first, second = first.tolist(), second.tolist()
        return arb_mat(first[:-1]), arb_mat(first[1:]), arb_mat(second[:-1])
    ctx.cap = length = order + 1
    f, g, h = (arb_series(c, length) for c in ([0, 1], [0], [1]))
    for name in chain:
        value, slope = f, arb_series([1], length)
        if name == "relu":
            change = f.derivative()
            start, tilt = _trees.common.dual_pair("relu", f[0])
            slope = ((1 - f * f).rsqrt() * change / arb.pi()).integral() + tilt
            value = (slope * change).integral() + start
        elif name != "identity":
            rate = 2 * arb(name[len("rbf(") : -1])
            value = ((f - 1) * rate).exp()
            slope = value * rate
        f, g, h = value, value + slope * g, slope * h
    tables = []
    for base in (arb_series([1], length), g, h):
        lines = []
        for _ in range(rows):
            lines.append([base[n] for n in range(length)])
            base = base * f
        tables.append(arb_mat(lines))
    return tuple(tables)


@lru_cache(maxsize=4)
def angles(nodes: int) -> tuple:
    """Cosine, sine and weight of the Gauss-Legendre rule on [0, pi]."""
    found = []
    for index in range(nodes):
        root, weight = arb.legendre_p_root(nodes, index, weight=True)
        theta = (1 + root) * arb.pi() / 2
        found.append((theta.cos(), theta.sin(), weight * arb.pi() / 2))
    return tuple(found)


def push_chain(chain: tuple, kernel: arb, tangent: arb) -> tuple[arb, arb]:
    """Kernel and tangent kernel above a chain of activations."""
    for name in chain:
        slope = arb(1)
        if name != "identity":
            kernel, slope = _trees.common.dual_pair(name, kernel)
        tangent = kernel + slope * tangent
    return kernel, tangent


def base_of(description: dict) -> tuple[tuple, list]:
    """The chain of activations on top of a tree, input side first, and the children under it."""
    chain = []
    while "node" in description:
        chain.append(description["activation"])
        children = description["node"]
        if len(children) > 1:
            return tuple(chain[::-1]), children
        (description,) = children
    return tuple(chain[::-1]), [description]


def is_cube(children: list) -> bool:
    """Are the children two-point leaves?"""
    return all(child.get("leaf") == 1 for child in children)


def by_points(children: list) -> bool:
    """Is the mean of the children a random variable that one quadrature rule serves?"""
    return is_cube(children) or (len(children) == 1 and "leaf" in children[0] and children[0]["leaf"] <= SERIES_DIM)


class Recursion(trees.Recursion):
    """The recursion of ``trees.py`` at one order everywhere, with composed chains, linear layers, two-point leaves."""

    def __init__(self, order: int, nodes: int):
        super().__init__(order, order, order, 0)
        self.nodes = nodes

    def moments(self, tree, degrees, most):
        if "leaf" in tree:
            return super().moments(tree, degrees, most)
        chain, children = base_of(tree)
        key = json.dumps(tree), degrees, most
        if key not in self.memo:
            if by_points(children):
                self.memo[key] = self.point_moments(chain, children, degrees, most)
            else:
                self.memo[key] = self.series_moments(chain, children, degrees, most)
        return self.memo[key]

    def series_moments(self, chain, children, degrees, most):
        plain, tangent = self.joined(children, degrees, self.order)
        first, second, third = coefficients(chain, self.order, most + 2)
        plain, tangent = (arb_mat([[x] for x in column]) for column in (plain, tangent))
        kernels, tangents = first * plain, second * plain + third * tangent
        return [kernels[j, 0] for j in range(most + 2)], [tangents[j, 0] for j in range(most + 1)]

    def point_moments(self, chain, children, degrees, most):
        points = cube_law(degrees) if is_cube(children) else sphere_law(children[0]["leaf"], degrees[0], self.nodes)
        rows, totals = [], []
        for t, _ in points:
            value, total = push_chain(chain, t, t)
            row = [arb(1)]
            for _ in range(most + 1):
                row.append(row[-1] * value)
            rows.append(row)
            totals.append(total)
        matrix = arb_mat(rows)
        plain = arb_mat([[w for _, w in points]]) * matrix
        tangent = arb_mat([[w * total for (_, w), total in zip(points, totals)]]) * matrix
        return [plain[0, j] for j in range(most + 2)], [tangent[0, j] for j in range(most + 1)]


def cube_law(degrees) -> list[tuple[arb, arb]]:
    """Mean of two-point correlations and its weight against the product of the active ones: a finite sum."""
    count, active = len(degrees), sum(degrees)
    weights = [0] * (count + 1)
    for i in range(active + 1):
        for j in range(count - active + 1):
            weights[i + j] += (-1) ** i * comb(active, i) * comb(count - active, j)
    return [(arb(count - 2 * i) / count, arb(w) / 2**count) for i, w in enumerate(weights)]


def sphere_law(dim: int, degree: int, nodes: int) -> list[tuple[arb, arb]]:
    """Correlations on one sphere and their weights against the Gegenbauer polynomial."""
    half = arb(1) / 2
    norm = (arb(dim) * half).gamma() / (arb.pi().sqrt() * (arb(dim - 1) * half).gamma())
    points = []
    for cosine, sine, weight in angles(nodes):
        before, now = arb(1), cosine if degree else arb(1)
        for k in range(1, degree):
            before, now = now, ((2 * k + dim - 2) * cosine * now - k * before) / (k + dim - 2)
        points.append((cosine, norm * weight * now * sine ** (dim - 2)))
    return points


def joins(description: dict) -> list[int]:
    """Total dimension under every node that joins several children."""
    if "leaf" in description:
        return []
    children = description["node"]
    own = [sum(_trees.dims([description]))] if len(children) > 1 else []
    return own + [dim for child in children for dim in joins(child)]


def moment_depth(description: dict) -> int:
    """How many power series the recursion passes through one after the other."""
    if "leaf" in description:
        return 0
    _, children = base_of(description)
    return 0 if by_points(children) else 1 + max(moment_depth(child) for child in children)


def bracket(positions, kernel, degrees, ladder) -> tuple[arb, arb, arb]:
    """Lower bound, guess and (by the continuation of the last steps) upper bound of the eigenvalue.

    Five and more orders are extrapolated by Wynn's epsilon algorithm, which removes the geometric terms of the tail
    without knowing them; the last two columns bound what is left.
    """
    values = []
    for order, nodes in ladder:
        trees.BITS = BITS
        values.append(Recursion(order, nodes).eigenvalue(positions, kernel, degrees))
    first, second, third = values[-3:]
    step, before = third - second, second - first
    noise = arb(third.rad()) + abs(arb(third.mid())) * arb(2) ** -200
    if abs(step).upper() <= noise.upper():
        return third - noise, third, third + noise
    if not (step > 0 and before > 0) or not (step / before).upper() < 0.97:
        return third - abs(step) * 1000, third, third + abs(step) * 1000
    if len(values) >= 5:
        whole, rest = wynn(values), wynn(values[1:])
        spread = 4 * abs(whole - rest) + arb(whole.rad()) + noise
        return max((whole - spread, third), key=lambda x: float(x / third)), whole, whole + spread
    ratio = step / before
    rest = step * ratio / (1 - ratio)
    return third - noise, third + rest, third + 4 * rest + noise


def wynn(values: list[arb]) -> arb:
    """Limit of a sequence whose error is a sum of geometric terms."""
    before, now = [arb(0)] * (len(values) + 1), list(values)
    best = now[-1]
    for column in range(1, len(values)):
        now, before = [before[i + 1] + 1 / (now[i + 1] - now[i]) for i in range(len(now) - 1)], now
        if column % 2 == 0:
            if not now[-1].is_finite():
                break
            best = now[-1]
    return best


def references(positions, kernel, degrees):
    """Brackets of rising cost."""
    flat = max(moment_depth(position) for position in positions) <= 1
    yield lambda: bracket(positions, kernel, degrees, FLAT if flat else NESTED)
    relu_only = '"rbf' not in json.dumps(positions) and '"identity"' not in json.dumps(positions)
    dims = _trees.dims(positions)
    if len(dims) == 2 and relu_only and min(dims) >= 2 and max(degrees) <= 16:
        yield lambda: quadrature(positions, kernel, degrees)
    yield lambda: bracket(positions, kernel, degrees, FLAT_HIGHER if flat else NESTED_HIGHER)


def quadrature(positions, kernel, degrees) -> tuple[arb, arb, arb]:
    """Tensor quadrature at two numbers of nodes."""
    ctx.prec = 256
    case = (positions, kernel, tuple(degrees))
    coarse, fine = patches.tensor([case], 48)[0], patches.tensor([case], 64)[0]
    ctx.prec = BITS
    spread = abs(coarse - fine) + arb(fine.rad())
    return fine - spread, fine, fine + spread


# random cases --------------------------------------------------------------------------------------------


def random_dim(draw: random.Random) -> int:
    """Mostly 2 to 30, sometimes two points, sometimes up to 10^5."""
    kind = draw.random()
    if kind < 0.72:
        return draw.randint(2, 30)
    if kind < 0.8:
        return 1
    return round(10 ** draw.uniform(1.5, 5))


def random_activations(draw: random.Random):
    """A function that draws the activation of the next node."""
    kind = draw.random()
    if kind < 0.6:
        return lambda: "relu"
    gamma = draw.choice(GAMMAS)
    if kind < 0.75:
        return lambda: f"rbf({gamma})"
    if kind < 0.95:
        return lambda: draw.choice(["relu", "relu", f"rbf({gamma})", "identity"])
    return lambda: draw.choice(["identity", "identity", f"rbf({gamma})"])


def random_network(draw: random.Random) -> tuple[str, list[dict]]:
    """A kind and the positions of a random network of at most 64 leaves."""
    next_activation = random_activations(draw)
    kind = draw.choice(["mlp", "mlp", "mlp", "cnn", "cnn", "cnn", "ragged", "ragged", "ragged", "ragged"])
    head = draw.random() < 0.5
    if kind == "mlp":
        count, dim = draw.choice([1, 1, 2, 2, 3, 4, 5, 8, 16]), random_dim(draw)
        top = {"node": [{"leaf": dim} for _ in range(count)], "activation": next_activation()}
        for _ in range(draw.randint(0, 3)):
            top = {"node": [top], "activation": next_activation()}
        return kind, [top]
    if kind == "cnn":
        dim = random_dim(draw)
        while True:
            filters = [draw.choice([1, 1, 2, 2, 3, 4, 8, 16]) for _ in range(draw.randint(1, 3))]
            count = draw.choice([1, 1, 2, 3, 4, 8])
            size = count
            for k in filters:
                size *= k
            if size <= 64:
                break
        layer = [{"leaf": dim} for _ in range(size)]
        for k in filters:
            name = next_activation()
            layer = [{"node": layer[i : i + k], "activation": name} for i in range(0, len(layer), k)]
        return kind, [{"node": layer, "activation": next_activation()}] if head else layer

    def grow(depth):
        if depth == 0 or draw.random() < 0.25:
            return {"leaf": random_dim(draw)}
        width = draw.choice([1, 1, 2, 2, 2, 3, 3, 4, 6])
        return {"node": [grow(depth - 1) for _ in range(width)], "activation": next_activation()}

    def rooted(depth):
        found = grow(depth)
        return {"node": [found], "activation": next_activation()} if "leaf" in found else found

    while True:
        positions = [rooted(draw.randint(1, 3)) for _ in range(draw.choice([1, 1, 1, 2, 3]))]
        if len(_trees.dims(positions)) <= 40:
            break
    return kind, [{"node": positions, "activation": next_activation()}] if head else positions


def random_degrees(draw: random.Random, dims: list[int]) -> tuple[int, ...]:
    """A few active leaves, total degree up to 12; sometimes one of up to 60."""
    degrees = [0] * len(dims)
    if draw.random() < 0.08:
        place = draw.randrange(len(dims))
        degrees[place] = draw.randint(13, 60) if dims[place] > 1 else 1
        return tuple(degrees)
    left = draw.choice([0, 1, 1, 2, 2, 3, 4, 5, 6, 8, 12])
    start, spread = draw.randrange(len(dims)), draw.choice([1, 2, 4, 100])
    while left > 0:
        place = (start + draw.randrange(spread)) % len(dims)
        more = draw.randint(1, min(left, 3))
        if dims[place] > 1:
            degrees[place] += more
        else:
            degrees[place] = 1
        left -= more
    return tuple(degrees)


# the campaign --------------------------------------------------------------------------------------------


def compare(value: es.Eigenvalue, low: arb, guess: arb, high: arb) -> tuple[str, float]:
    """Verdict and the (guessed) true relative error of a non-zero eigenvalue."""
    stated = arb(value.error)
    own = mantissa(value)
    true = float((abs(own - guess) / guess).mid())
    if (low / own - 1 > stated) or (1 - high / own > stated):
        return "WRONG", true
    if (high / own - 1 <= stated) and (1 - low / own <= stated):
        return "held", true
    return "open", true


def mantissa(value: es.Eigenvalue) -> arb:
    """The value as a ball; read from its logarithm to full precision where a float underflows."""
    return arb(value.value)


def one_case(number: int, seed: int, seconds: float, reference_seconds: float) -> dict:
    """Draw a case, evaluate it twice, compare."""
    draw = random.Random(f"{seed}/{number}")
    kind, positions = random_network(draw)
    dims = _trees.dims(positions)
    degrees, kernel = random_degrees(draw, dims), draw.choice(["nngp", "ntk"])
    report = {"number": number, "kind": kind, "positions": positions, "degrees": degrees, "kernel": kernel}
    net = es.network([package_tree(position) for position in positions])
    start = time.perf_counter()
    try:
        with limit(seconds):
            value = es.eigenvalue(net, degrees, kernel)
    except TookTooLong:
        return report | {"verdict": "SLOW", "seconds": seconds}
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is reported
        return report | {"verdict": "FAILED", "seconds": 0.0, "problem": f"{type(problem).__name__}: {problem}"}
    report |= {"seconds": time.perf_counter() - start, "stated": value.error, "bound": value.bound}
    joined = [dim for position in positions for dim in joins(position)]
    report["promised"] = bool(joined) and min(joined) >= 16
    report["value"] = value.value if value.value else value.log10
    if value.value == 0.0 and value.log10 > float("-inf"):
        return report | {"verdict": "below the range of a float", "true": 0.0}
    verdict, true = "open", float("nan")
    ctx.prec = BITS
    try:
        with limit(reference_seconds):
            for attempt in references(positions, kernel, degrees):
                low, guess, high = attempt()
                ctx.prec = BITS
                if value.value == 0.0:
                    zero = abs(high).upper() < arb(10) ** -130
                    return report | {"verdict": "zero" if zero else "WRONG", "true": float(guess.mid())}
                verdict, true = compare(value, low, guess, high)
                if verdict == "held":
                    break
    except TookTooLong:
        pass
    return report | {"verdict": verdict, "true": true}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the cases to run")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one call of eigenvalue")
    parser.add_argument("--reference-limit", type=float, default=45.0, help="seconds for the reference of one case")
    parser.add_argument("--verbose", action="store_true", help="one line for every case")
    options = parser.parse_args()
    found, start = [], time.time()
    for number in options.only or range(options.first, options.first + options.cases):
        report = one_case(number, options.seed, options.limit, options.reference_limit)
        found.append(report)
        loose = report.get("promised") and report["stated"] > 1e-11
        if options.verbose or loose or report["verdict"] not in ("held", "zero", "open"):
            print(json.dumps(report | {"loose": bool(loose)}, default=str), flush=True)
    return summary(found, time.time() - start)


def summary(found: list[dict], seconds: float) -> int:
    """Print the figures; 0 if nothing is wrong."""
    verdicts = {name: sum(r["verdict"] == name for r in found) for name in sorted({r["verdict"] for r in found})}
    print(f"{len(found)} cases in {seconds:.0f} s: {verdicts}")
    held = [r for r in found if r["verdict"] == "held"]
    ratios = sorted(r["stated"] / max(r["true"], 2.0**-54) for r in held)
    if ratios:
        print(f"stated / true error (at least 2^-54): median {statistics.median(ratios):.3g}, max {ratios[-1]:.3g}")
        print(f"stated error: median {statistics.median(r['stated'] for r in held):.2g}, ", end="")
        print(f"max {max(r['stated'] for r in held):.2g}")
    loose = [r for r in found if r.get("promised") and r["stated"] > 1e-11]
    print(f"total dimension >= 16 under every join, but stated > 1e-11: {len(loose)} of ", end="")
    print(f"{sum(bool(r.get('promised')) for r in found)}")
    for r in sorted(found, key=lambda r: -r["seconds"])[:6]:
        call = f"{r['kernel']} {r['degrees']} of {json.dumps(r['positions'])}"
        print(f"  slow: {r['seconds']:.1f} s, case {r['number']}, {call[:300]}")
    bad = loose + [r for r in found if r["verdict"] in ("WRONG", "FAILED", "SLOW")]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
