"""Eigenvalues of larger trees, by the recursion of positive moments in ball arithmetic, truncated
generously.

For every node u and the degrees r of its leaves, ``m_u(j) = E[K_u^j prod P_r]`` and ``t_u(j) = E[T_u K_u^j
prod P_r]`` (the children of a node see disjoint leaves, so expectations factor; the coefficients are the
squared Hermite coefficients of the activation, Daniely, Frostig and Singer 2016, arXiv 1602.05897, hence
never negative):

    leaf of dimension s:   m(j) = j! Gamma(s/2) / (2^j ((j-r)/2)! Gamma((j+r+s)/2)),   t(j) = m(j+1)
    children 1..w:         M_v(x) = sum_i m_v(i) x^i/i!,   T_v(x) = sum_i t_v(i) x^i/i!
                           E[S^n prod P]   = n! w^-n     [x^n]       prod_v M_v(x)
                           E[H S^n prod P] = n! w^(-n-1) [x^n] sum_v T_v(x) prod_{v' != v} M_v'(x)
    node:                  m(j) = sum_n [z^n] phi*(z)^j E[S^n prod P]
                           t(j) = m(j+1) + sum_n [z^n] (phi*'(z) phi*(z)^j) E[H S^n prod P]
    linear readout:        NNGP = E[S^1 prod P],  NTK = E[H S^0 prod P]

The moments of a chain of nodes over one leaf of dimension up to 200 come from Gauss-Legendre quadrature in
the angle instead (the series in t converges slowly there, the quadrature geometrically).  A truncation
only loses mass; every value is computed at two orders and node counts, and stored to the digits that
agree.  The arb radii enclose the rounding.  Where they apply, the quadrature references of
two_three_patches.py and one_sphere.py are compared.

Command:  python scripts/reference/trees.py      (writes tests/reference/trees.json; after the two scripts
named above)
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from flint import arb, arb_mat, arb_series, ctx

import _common as common
import _trees as trees

BITS = 448
MOST = 30
LEAST = 16
QUADRATURE_DIM = 200
SLOW = 20  # a relu node over several leaves is slow when the sum of its (s_u - 1) is below this
# truncation orders: in general, in slow nodes, in their parents; Gauss-Legendre nodes
SETTINGS = ((450, 2000, 250, 400), (700, 3000, 350, 600))

Moments = tuple[list[arb], list[arb]]


def relu_series(order: int) -> tuple[list[arb], list[arb]]:
    """Taylor coefficients of (kappa1, kappa0): kappa0 = 1/2 + asin(t)/pi, kappa1' = kappa0."""
    slope = [arb(0)] * (order + 1)
    slope[0] = arb(1) / 2
    central = 1 / arb.pi()
    for n in range(1, order + 1, 2):
        slope[n] = central / n
        central = central * n / (n + 1)
    value = [1 / arb.pi()] + [slope[n - 1] / n for n in range(1, order + 1)]
    return value, slope


def leaf_moments(dim: int, degree: int, most: int) -> list[arb]:
    """E[xi^j P_degree(xi)] for j = 0 .. most."""
    out = [arb(0)] * (most + 1)
    if degree > most:
        return out
    half = arb(1) / 2
    now = (
        arb(degree + 1).gamma()
        * half**degree
        * (arb(dim) * half).gamma()
        / (arb(dim) * half + degree).gamma()
    )
    for j in range(degree, most + 1, 2):
        out[j] = now
        now = now * ((j + 1) * (j + 2)) / ((j - degree + 2) * (j + degree + dim))
    return out


def is_chain(tree: trees.Tree) -> bool:
    return "leaf" in tree or (len(tree["node"]) == 1 and is_chain(tree["node"][0]))


def is_slow(tree: trees.Tree) -> bool:
    if is_chain(tree) or tree["activation"] != "relu" or not all("leaf" in child for child in tree["node"]):
        return False
    return sum(dim - 1 for dim in trees.dims([tree])) < SLOW


@dataclass
class Recursion:
    """The recursion at one truncation; sub-trees with equal degrees are computed once."""

    order: int
    slow_order: int
    parent_order: int
    nodes: int
    memo: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    factorials: list = field(default_factory=list)
    angles: list = field(default_factory=list)
    powers: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        ctx.prec = BITS
        self.factorials = [arb(1)]
        for n in range(1, self.slow_order + 2):
            self.factorials.append(self.factorials[-1] * n)
        for index in range(self.nodes):
            root, weight = arb.legendre_p_root(self.nodes, index, weight=True)
            theta = (1 + root) * arb.pi() / 2
            self.angles.append((theta.cos(), theta.sin(), weight * arb.pi() / 2))

    def table(self, activation: str, order: int, rows: int) -> tuple[arb_mat, arb_mat]:
        """Rows j = 0 .. rows - 1: coefficients up to ``order`` of phi*^j, and of phi*' phi*^j."""
        key = (activation, order, rows)
        if key in self.tables:
            return self.tables[key]
        if activation == "relu":
            ctx.cap = order + 1
            value, slope = (arb_series(c, order + 1) for c in relu_series(order))
            powers = [arb_series([1], order + 1)]
            for _ in range(rows - 1):
                powers.append(powers[-1] * value)
            first = [[p[n] for n in range(order + 1)] for p in powers]
            second = []
            for p in powers:
                product = p * slope
                second.append([product[n] for n in range(order + 1)])
        else:
            gamma2 = 2 * arb(activation[len("rbf(") : -1])
            first = []
            for j in range(rows + 1):
                now, row = (-gamma2 * j).exp(), []
                for n in range(order + 1):
                    row.append(now)
                    now = now * gamma2 * j / (n + 1)
                first.append(row)
            second = [[gamma2 * c for c in row] for row in first[1:]]
            first = first[:-1]
        self.tables[key] = (arb_mat(first), arb_mat(second))
        return self.tables[key]

    def chain_moments(self, tree: trees.Tree, degree: int, most: int) -> Moments:
        """A chain of nodes over one leaf, by quadrature in the angle."""
        shape = (json.dumps(tree), most)
        dim = trees.dims([tree])[0]
        if shape not in self.powers:
            value_rows, total_column = [], []
            for t, _, _ in self.angles:
                value, total = trees.kernels([tree], [t])
                row = [arb(1)]
                for _ in range(most + 1):
                    row.append(row[-1] * value)
                value_rows.append(row)
                total_column.append(total)
            self.powers[shape] = (arb_mat(value_rows), total_column)
        matrix, totals = self.powers[shape]
        half = arb(1) / 2
        norm = (arb(dim) * half).gamma() / (arb.pi().sqrt() * (arb(dim - 1) * half).gamma())
        weights = []
        for t, sin, weight in self.angles:
            before, now = arb(1), t
            if degree == 0:
                now = before
            for k in range(1, degree):
                before, now = now, ((2 * k + dim - 2) * t * now - k * before) / (k + dim - 2)
            weights.append(norm * weight * now * sin ** (dim - 2))
        plain = arb_mat([weights]) * matrix
        tangent = arb_mat([[w * total for w, total in zip(weights, totals, strict=True)]]) * matrix
        return [plain[0, j] for j in range(most + 2)], [tangent[0, j] for j in range(most + 1)]

    def moments(self, tree: trees.Tree, degrees: tuple[int, ...], most: int) -> Moments:
        """m(0 .. most + 1), t(0 .. most)."""
        if "leaf" in tree:
            values = leaf_moments(tree["leaf"], degrees[0], most + 1)
            return values, values[1:]
        key = (json.dumps(tree), degrees, most)
        if key not in self.memo:
            if is_chain(tree) and trees.dims([tree])[0] <= QUADRATURE_DIM:
                self.memo[key] = self.chain_moments(tree, degrees[0], most)
            else:
                self.memo[key] = self.node_moments(tree, degrees, most)
        return self.memo[key]

    def node_moments(self, tree: trees.Tree, degrees: tuple[int, ...], most: int) -> Moments:
        children = tree["node"]
        if is_slow(tree):
            order = self.slow_order
        elif any("node" in child and is_slow(child) for child in children):
            order = self.parent_order
        else:
            order = self.order
        plain, tangent = self.joined(children, degrees, order)
        first, second = self.table(tree["activation"], order, most + 2)
        values = first * arb_mat([[x] for x in plain])
        tangents = second * arb_mat([[x] for x in tangent])
        m = [values[j, 0] for j in range(most + 2)]
        return m, [m[j + 1] + tangents[j, 0] for j in range(most + 1)]

    def joined(self, children: list, degrees: tuple[int, ...], order: int) -> Moments:
        """(E[S^n prod P], E[H S^n prod P]) for n = 0 .. order."""
        ctx.cap = order + 1
        groups: dict[tuple, list] = {}
        rest = list(degrees)
        for child in children:
            count = len(trees.dims([child]))
            own, rest = tuple(rest[:count]), rest[count:]
            groups.setdefault((json.dumps(child), own), [child, own, 0])[2] += 1
        result = None
        for child, own, count in groups.values():
            m, t = self.moments(child, own, order)
            pair = tuple(
                arb_series([c[n] / self.factorials[n] for n in range(order + 1)], order + 1) for c in (m, t)
            )
            while count:
                if count % 2:
                    result = pair if result is None else self.product(result, pair)
                count //= 2
                if count:
                    pair = self.product(pair, pair)
        fan_in = len(children)
        plain, tangent = result
        scale = [self.factorials[n] / arb(fan_in) ** n for n in range(order + 1)]
        return (
            [plain[n] * scale[n] for n in range(order + 1)],
            [tangent[n] * scale[n] / fan_in for n in range(order + 1)],
        )

    @staticmethod
    def product(a: tuple[arb_series, arb_series], b: tuple[arb_series, arb_series]) -> tuple:
        return a[0] * b[0], a[0] * b[1] + a[1] * b[0]

    def eigenvalue(self, positions: list, kernel: str, degrees: tuple[int, ...]) -> arb:
        plain, tangent = self.joined(positions, degrees, 1)
        return plain[1] if kernel == "nngp" else tangent[0]


# The catalogue ------------------------------------------------------------------------------------


def spread(leaves: int, *pairs: tuple[int, int]) -> tuple[int, ...]:
    """Degrees with r_u = k for the given (u, k)."""
    out = [0] * leaves
    for u, k in pairs:
        out[u] = k
    return tuple(out)


def catalogue() -> list[tuple[str, list, list[tuple[int, ...]]]]:
    node, leaf = trees.node, trees.leaf
    eight = [
        spread(8),
        spread(8, (0, 1)),
        spread(8, (0, 2)),
        spread(8, (3, 3)),
        spread(8, (0, 1), (1, 1)),
        spread(8, (0, 1), (2, 1)),
        spread(8, (0, 1), (7, 1)),
        spread(8, (0, 9), (1, 5)),
        spread(8, (0, 2), (2, 1), (5, 1)),
        spread(8, (0, 1), (1, 1), (2, 1), (3, 1)),
        spread(8, (0, 4), (6, 3)),
        (1,) * 8,
    ]
    some = [eight[1], eight[2], eight[4], eight[5], eight[8]]
    four = [
        spread(4),
        spread(4, (0, 1)),
        spread(4, (0, 1), (1, 1)),
        spread(4, (0, 1), (2, 1)),
        spread(4, (1, 4), (2, 3)),
        spread(4, (0, 9), (1, 5)),
    ]
    out = [
        (
            "cnn(12, (1, 2, 2), 2, head='dense')",
            trees.cnn(12, (1, 2, 2), 2, "dense"),
            [spread(8, (0, 3), (1, 2)) if 9 in degrees else degrees for degrees in eight],
        ),
        ("cnn(16, (1, 4), 2, head='dense')", trees.cnn(16, (1, 4), 2, "dense"), eight),
        ("cnn(8, (2, 2), 2, head='dense')", trees.cnn(8, (2, 2), 2, "dense"), [*some, eight[0], eight[6]]),
        ("cnn(24, (1, 2, 2), 2)", trees.cnn(24, (1, 2, 2), 2), some),
        ("cnn(50, (2,), 4, head='dense')", trees.cnn(50, (2,), 4, "dense"), [*some, eight[7]]),
        ("cnn(30, (2, 2), 2)", trees.cnn(30, (2, 2), 2), [eight[0], eight[4], eight[5], eight[7], eight[8]]),
    ]
    for dim in (300, 1000, 10**4, 10**5):
        out.append((f"cnn({dim}, (1, 2, 2), head='dense')", trees.cnn(dim, (1, 2, 2), 1, "dense"), four))
    out.append(("cnn(100000, (2, 2))", trees.cnn(10**5, (2, 2)), four[2:]))
    out += [
        (
            "ragged, one position",
            [node(node(leaf(20), leaf(30)), node(node(leaf(16)), leaf(20)), leaf(40))],
            [
                (0, 0, 0, 0, 0),
                (1, 0, 0, 0, 0),
                (0, 0, 0, 0, 1),
                (1, 1, 0, 0, 0),
                (0, 0, 1, 1, 0),
                (1, 0, 1, 0, 1),
                (0, 3, 0, 0, 2),
                (0, 0, 6, 1, 0),
                (2, 1, 1, 2, 1),
            ],
        ),
        (
            "ragged, two positions",
            [node(leaf(40), leaf(24)), node(node(leaf(10)), node(node(leaf(14))), leaf(30))],
            [
                (0, 0, 0, 0, 0),
                (2, 1, 0, 0, 0),
                (1, 3, 0, 0, 0),
                (0, 0, 2, 0, 0),
                (0, 0, 1, 1, 1),
                (0, 0, 0, 3, 1),
                (1, 0, 1, 0, 0),
            ],
        ),
        (
            "ragged, sizes 4 to 10^5",
            [node(node(leaf(4)), leaf(10**5), node(leaf(50), leaf(1000)))],
            [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (2, 0, 1, 1), (5, 3, 0, 0), (0, 9, 0, 5)],
        ),
        ("mlp(16, 3, leaves=4)", trees.mlp(16, 3, 4), four),
        ("mlp(10, 2, leaves=3)", trees.mlp(10, 2, 3), [(1, 0, 0), (2, 1, 0), (1, 1, 1)]),
        ("mlp(4, 2, leaves=8)", trees.mlp(4, 2, 8), some),
        (
            "mlp(3, 1, leaves=16)",
            trees.mlp(3, 1, 16),
            [
                spread(16),
                spread(16, (0, 1)),
                spread(16, (0, 1), (5, 1)),
                spread(16, (2, 2)),
                spread(16, (0, 2), (1, 1)),
                (1,) * 8 + (0,) * 8,
            ],
        ),
        (
            "mlp(5, 1, leaves=64)",
            trees.mlp(5, 1, 64),
            [spread(64, (0, 1)), spread(64, (0, 2), (9, 2)), (1,) * 64],
        ),
        ("cnn(5, (1, 8), head='dense')", trees.cnn(5, (1, 8), 1, "dense"), [*some, (1,) * 8]),
        (
            "cnn(16, (1, 16))",
            trees.cnn(16, (1, 16)),
            [spread(16, (3, 1)), spread(16, (0, 1), (15, 1)), spread(16, (4, 9), (5, 5)), (1,) * 16],
        ),
        (
            "cnn(8, (2, 2), 2, head='dense', activation=rbf(0.25))",
            trees.cnn(8, (2, 2), 2, "dense", "rbf(0.25)"),
            eight,
        ),
        (
            "cnn(3, (1, 2), 2, head='dense', activation=rbf(1))",
            trees.cnn(3, (1, 2), 2, "dense", "rbf(1)"),
            four,
        ),
        (
            "cnn(1, (2, 2), 1, activation=rbf(0.25))",
            trees.cnn(1, (2, 2), 1, "flatten", "rbf(0.25)"),
            [*four[:4], (1,) * 4],
        ),
        (
            "relu over rbf(0.25)",
            [
                node(
                    node(leaf(16), leaf(16), activation="rbf(0.25)"),
                    node(leaf(24), leaf(12), activation="rbf(0.25)"),
                )
            ],
            four,
        ),
        (
            "rbf(0.25) over relu",
            [node(node(leaf(6)), node(leaf(6)), node(node(leaf(9))), activation="rbf(0.25)")],
            [(0, 0, 0), (1, 0, 0), (1, 1, 0), (3, 0, 2), (9, 5, 0), (1, 1, 1)],
        ),
    ]
    return out


def compare(recursion: Recursion) -> list[str]:
    """Against the quadrature references: total dimension >= 40 (patches), >= 500 (one sphere)."""
    notes = []
    for name, least, most in (("patches.json", 40, 16.0), ("one_sphere.json", 500, 24.0)):
        path = common.OUT / name
        if not path.exists():
            continue
        count, worst = 0, 1e9
        for case in json.loads(path.read_text())["cases"]:
            if name == "patches.json":
                positions, degrees, stored = case["positions"], tuple(case["degrees"]), case["digits"]
            else:
                if case["degree"] > 60 or case["depth"] > 3:
                    continue
                positions = trees.mlp(case["dim"], case["depth"], 1, case["activation"])
                degrees, stored = (case["degree"],), 40
            inner = [n for n in positions if not is_chain(n)]
            if sum(trees.dims(positions)) < least or (name == "patches.json" and not inner):
                continue
            value = recursion.eigenvalue(positions, case["kernel"], degrees)
            if case["value"] == "0":
                assert value.contains(0) and abs(value).upper() < arb(10) ** -100, case
                continue
            digits = min(common.relative_digits(value, arb(case["value"])), stored)
            assert digits > most, (case, digits)
            worst = min(worst, digits)
            count += 1
        notes.append(
            f"{count} cases of {name} (total dimension >= {least}) equal this recursion to"
            f" {worst:.1f} digits or better"
        )
    return notes


def main() -> None:
    start = time.time()
    entries = [
        (name, positions, ("nngp", "ntk")[(number + sum(degrees)) % 2], degrees)
        for name, positions, chosen in catalogue()
        for number, degrees in enumerate(chosen)
    ]
    results: list[list[arb]] = []
    for setting in SETTINGS:
        recursion = Recursion(*setting)
        values = []
        for _, positions, kernel, degrees in entries:
            values.append(recursion.eigenvalue(positions, kernel, degrees))
        results.append(values)
        print(f"orders {setting}: {time.time() - start:.0f} s", flush=True)
    cases, worst, failures = [], 1e9, []
    for (name, positions, kernel, degrees), coarse, fine in zip(entries, *results, strict=True):
        if trees.structural_zero(positions, degrees):
            assert abs(fine).upper() < arb(10) ** -100, (name, degrees, fine)
            value, digits = "0", MOST
        else:
            digits = int(min(MOST, common.relative_digits(coarse, fine) - 1))
            if digits < LEAST:
                failures.append((name, kernel, degrees, digits, fine.str(10, radius=False)))
            worst = min(worst, digits)
            value = common.text(fine, max(digits, 1))
        cases.append(
            {
                "name": name,
                "positions": positions,
                "kernel": kernel,
                "degrees": list(degrees),
                "value": value,
                "digits": digits,
            }
        )
    for failure in failures:
        print("too few digits", failure)
    checks = [
        f"stored digits = agreement of the truncations {SETTINGS[0]} and {SETTINGS[1]} (order in general, in"
        f" slow nodes, in their parents; quadrature nodes), less one; worst {worst}",
        "arb encloses the rounding",
        *compare(recursion),
    ]
    print("\n".join(checks), f"\n{time.time() - start:.0f} s", flush=True)
    assert not failures
    description = (
        "Eigenvalues lambda(r) = E[K prod_u P_{r_u}(xi_u)] of larger trees. 'positions': the trees"
        " averaged by the linear readout; a tree is {leaf: dim} or {node: children, activation},"
        " activation 'relu' or 'rbf(gamma)' with phi*(t) = exp(-2 gamma (1-t)); leaves numbered left to"
        " right; bias-free, K(1) = 1. 'digits': correct significant digits of 'value'."
    )
    path = common.write("trees.json", "trees.py", worst, description, checks, cases)
    print(f"{len(cases)} cases -> {path}, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
