"""Eigenvalues of networks on two or three spheres, by brute-force tensor quadrature in the angles.

    lambda(r) = int_[0,pi]^p K(cos th_1, ..., cos th_p) prod_u c_{s_u} P_{r_u}(cos th_u) sin(th_u)^(s_u-2) dth

with ``c_s = Gamma(s/2) / (sqrt(pi) Gamma((s-1)/2))`` (product of uniform probability measures; kernels as
in Xiao 2022, arXiv 2112.05611, and Geifman, Galun, Jacobs and Basri 2022, arXiv 2203.09255).

A bias-free ReLU kernel is analytic in the angles except where the mean correlation of a node over several
children reaches +1 (all its angles 0) or -1 (all of them pi); there it is an analytic function of the
angles' common scale and of their ratios.  So [0, pi]^p is cut at pi/2 in every variable, and in the two
corner boxes the substitution ``th_v = r, th_u = r x_u`` (Duffy 1982) on each of the p pyramids makes the
integrand analytic again.  Then Gauss-Legendre with N nodes in every variable converges geometrically.  For
the nested network ``node([node([a, b]), c])`` the substitution is nested too: (a, b) first, then their
scale against c. All arithmetic is in arb balls; a value is stored to the digits on which two node counts
agree (the header's checks give the worst case).

Command:  python scripts/reference/two_three_patches.py      (writes tests/reference/patches.json)
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator

from flint import arb, arb_mat, ctx

import _common as common
import _trees as trees

BITS = 256
MOST = 30
LEAST = {"tensor": 20, "nested": 16}
COUNTS = {2: (40, 64), 3: (48, 62)}
UNEVEN_COUNTS = (38, 50)
NESTED_COUNTS = (24, 32)

Case = tuple[list, str, tuple[int, ...]]  # positions, kernel, degrees
Rule = list[tuple[arb, arb]]


def rule(count: int, length: arb) -> Rule:
    """Gauss-Legendre nodes and weights on [0, length]."""
    out = []
    for index in range(count):
        root, weight = arb.legendre_p_root(count, index, weight=True)
        out.append(((1 + root) * length / 2, weight * length / 2))
    return out


def zonal(dim: int, degree: int, t: arb, sin: arb) -> arb:
    """sin(th)^(s-2) P_k(cos th)."""
    before, now = arb(1), t
    if degree == 0:
        now = before
    for k in range(1, degree):
        before, now = now, ((2 * k + dim - 2) * t * now - k * before) / (k + dim - 2)
    return now * sin ** (dim - 2)


def norm(case: Case) -> arb:
    """prod_u c_{s_u}."""
    out = arb(1)
    half = arb(1) / 2
    for dim in trees.dims(case[0]):
        out *= (arb(dim) * half).gamma() / (arb.pi().sqrt() * (arb(dim - 1) * half).gamma())
    return out


class Cell:
    """A box or a pyramid, as p tables of angles: the leading leaf's th(i), the others' th(i, j); and weights.

    ``flip[u]`` mirrors th_u -> pi - th_u.
    """

    def __init__(self, patches: int, lead: int, duffy: bool, flip: tuple[bool, ...], count: int):
        half_pi, one = arb.pi() / 2, arb(1)
        radial = rule(count, half_pi)
        others = rule(count, one if duffy else half_pi)
        self.lead = lead
        self.kind = (duffy, flip[lead], *(flip[u] for u in range(patches) if u != lead))
        self.rest = [u for u in range(patches) if u != lead]
        self.lead_weights = [w * r ** (patches - 1) if duffy else w for r, w in radial]
        self.rest_weights = [w for _, w in others]
        self.lead_angles = [arb.pi() - r if flip[lead] else r for r, _ in radial]
        self.rest_angles = {
            u: [
                [(arb.pi() - a if flip[u] else a) for a in ((r * x if duffy else x) for x, _ in others)]
                for r, _ in radial
            ]
            for u in self.rest
        }

    def kernel_matrices(self, positions: list) -> list[tuple[arb_mat, arb_mat]]:
        """For each i the matrices of NNGP and NTK over the two other leaves (one column if there is one)."""
        out = []
        patches = len(self.rest) + 1
        for i, lead_angle in enumerate(self.lead_angles):
            xi: list[arb] = [arb(0)] * patches
            xi[self.lead] = lead_angle.cos()
            first = [a.cos() for a in self.rest_angles[self.rest[0]][i]]
            second = [a.cos() for a in self.rest_angles[self.rest[1]][i]] if patches == 3 else [None]
            nngp, ntk = [], []
            for x in first:
                xi[self.rest[0]] = x
                row = []
                for y in second:
                    if y is not None:
                        xi[self.rest[1]] = y
                    row.append(trees.kernels(positions, xi))
                nngp.append([pair[0] for pair in row])
                ntk.append([pair[1] for pair in row])
            out.append((arb_mat(nngp), arb_mat(ntk)))
        return out

    def integrate(self, matrices: list[tuple[arb_mat, arb_mat]], cases: list[Case]) -> list[arb]:
        sums = [arb(0)] * len(cases)
        leaf_dims = [trees.dims(positions) for positions, _, _ in cases]
        for i, pair in enumerate(matrices):
            cache: dict[tuple, list[arb]] = {}

            def table(u: int, dim: int, degree: int, i=i, cache=cache) -> list[arb]:
                key = (u, dim, degree)
                if key not in cache:
                    points = zip(self.rest_weights, self.rest_angles[u][i], strict=True)
                    cache[key] = [w * zonal(dim, degree, a.cos(), a.sin()) for w, a in points]
                return cache[key]

            for kernel, matrix in zip(("nngp", "ntk"), pair, strict=True):
                chosen = [n for n, case in enumerate(cases) if case[1] == kernel]
                if not chosen:
                    continue
                u = self.rest[0]
                left = arb_mat([table(u, leaf_dims[n][u], cases[n][2][u]) for n in chosen]) * matrix
                for row, n in enumerate(chosen):
                    if len(self.rest) == 2:
                        v = self.rest[1]
                        right = table(v, leaf_dims[n][v], cases[n][2][v])
                        inner = sum((left[row, col] * right[col] for col in range(len(right))), arb(0))
                    else:
                        inner = left[row, 0]
                    angle = self.lead_angles[i]
                    lead = zonal(leaf_dims[n][self.lead], cases[n][2][self.lead], angle.cos(), angle.sin())
                    sums[n] += self.lead_weights[i] * lead * inner
        return sums


def cells(patches: int, count: int) -> Iterator[Cell]:
    for flip in itertools.product((False, True), repeat=patches):
        if all(flip) or not any(flip):
            for lead in range(patches):
                yield Cell(patches, lead, True, flip, count)
        else:
            # leading: the leaf in the minority, so that cells of an exchangeable kernel coincide
            lead = flip.index(sum(flip) * 2 < patches)
            yield Cell(patches, lead, False, flip, count)


def exchangeable(positions: list, patches: int) -> bool:
    """Is the kernel symmetric in its leaves? (seen at one generic point)"""
    values = [arb(x) for x in ("0.1", "0.4", "-0.3")][:patches]
    found = [trees.kernels(positions, list(order)) for order in itertools.permutations(values)]
    return all(a.overlaps(b) for pair in found for a, b in zip(pair, found[0], strict=True))


def tensor(cases: list[Case], count: int) -> list[arb]:
    """All cases of one network shape (the kernel does not depend on the dimensions)."""
    positions = cases[0][0]
    patches = len(cases[0][2])
    shared = exchangeable(positions, patches)
    memo: dict[tuple, list[tuple[arb_mat, arb_mat]]] = {}
    totals = [arb(0)] * len(cases)
    for cell in cells(patches, count):
        matrices = memo.get(cell.kind) if shared else None
        if matrices is None:
            matrices = cell.kernel_matrices(positions)
            if shared:
                memo[cell.kind] = matrices
        totals = [a + b for a, b in zip(totals, cell.integrate(matrices, cases), strict=True)]
    return [total * norm(case) for total, case in zip(totals, cases, strict=True)]


def nested_points(count: int) -> Iterator[tuple[list[arb], arb]]:
    """Angles and weights for node([node([a, b]), c]): Duffy in (a, b), then in (scale of a and b, c)."""
    pi, half_pi = arb.pi(), arb.pi() / 2
    long, unit = rule(count, half_pi), rule(count, arb(1))
    planar = [((r, r * x), w * v * r) for r, w in long for x, v in unit]
    for c_far in (False, True):
        for a_far, b_far in itertools.product((False, True), repeat=2):
            for swap in (False, True):
                if a_far == b_far and not a_far and not c_far:
                    # scale against c, both orders
                    for (r, y), weight in planar:
                        for x, v in unit:
                            for scale, c in ((r, y), (y, r)):
                                pair = (scale * x, scale) if swap else (scale, scale * x)
                                yield [pair[0], pair[1], c], weight * v * scale
                    continue
                if a_far == b_far:
                    plane = [((q, p) if swap else (p, q), w) for (p, q), w in planar]
                elif swap:
                    continue
                else:
                    plane = [((p, q), w * v) for p, w in long for q, v in long]
                for (a, b), w in plane:
                    a, b = (pi - a if a_far else a), (pi - b if b_far else b)
                    for c, v in long:
                        yield [a, b, pi - c if c_far else c], w * v


def nested(cases: list[Case], count: int) -> list[arb]:
    positions = cases[0][0]
    totals = [arb(0)] * len(cases)
    all_dims = [trees.dims(p) for p, _, _ in cases]
    for angles, weight in nested_points(count):
        points = [(a.cos(), a.sin()) for a in angles]
        pair = trees.kernels(positions, [t for t, _ in points])
        values = (weight * pair[0], weight * pair[1])
        for n, (_, kernel, degrees) in enumerate(cases):
            product = values[kernel == "ntk"]
            for dim, degree, (t, sin) in zip(all_dims[n], degrees, points, strict=True):
                product *= zonal(dim, degree, t, sin)
            totals[n] += product
    return [total * norm(case) for total, case in zip(totals, cases, strict=True)]


# The catalogue ------------------------------------------------------------------------------------


def catalogue() -> list[tuple[str, list[Case], bool]]:
    """(name, cases of one shape, nested substitution?)."""
    node, leaf = trees.node, trees.leaf

    def build(shape, choices) -> list[Case]:
        return [(shape(*sizes), kernel, degrees) for sizes, kernel, degrees in choices]

    two = [
        ((2, 2), "nngp", (0, 0)),
        ((2, 2), "ntk", (1, 0)),
        ((2, 2), "ntk", (2, 2)),
        ((3, 3), "ntk", (1, 1)),
        ((3, 3), "nngp", (2, 1)),
        ((4, 4), "ntk", (3, 1)),
        ((5, 5), "nngp", (4, 4)),
        ((8, 8), "ntk", (2, 0)),
        ((8, 8), "ntk", (8, 3)),
        ((12, 12), "nngp", (4, 2)),
        ((16, 16), "ntk", (6, 0)),
        ((24, 24), "ntk", (3, 3)),
    ]
    mixed = [
        ((2, 5), "ntk", (0, 0)),
        ((2, 3), "nngp", (1, 1)),
        ((3, 8), "ntk", (3, 0)),
        ((8, 3), "ntk", (0, 3)),
        ((4, 4), "nngp", (2, 2)),
        ((5, 12), "ntk", (8, 1)),
        ((12, 5), "nngp", (1, 4)),
        ((16, 24), "ntk", (4, 4)),
    ]
    three = [
        ((2, 2, 2), "ntk", (0, 0, 0)),
        ((2, 2, 2), "nngp", (1, 1, 1)),
        ((3, 3, 3), "ntk", (1, 1, 0)),
        ((3, 3, 3), "nngp", (2, 0, 0)),
        ((4, 4, 4), "ntk", (2, 1, 1)),
        ((8, 8, 8), "ntk", (4, 0, 2)),
        ((12, 12, 12), "nngp", (2, 2, 2)),
        ((16, 16, 16), "ntk", (7, 1, 0)),
        ((24, 24, 24), "ntk", (4, 3, 1)),
    ]
    uneven = [
        ((3, 4, 5), "ntk", (1, 1, 1)),
        ((2, 8, 3), "nngp", (0, 2, 1)),
        ((8, 2, 4), "ntk", (3, 0, 2)),
        ((12, 5, 8), "ntk", (4, 4, 1)),
        ((5, 5, 5), "nngp", (2, 2, 4)),
        ((4, 3, 12), "ntk", (0, 6, 0)),
    ]

    inside = [
        ((3, 4, 5), "ntk", (1, 1, 1)),
        ((2, 8, 3), "nngp", (0, 2, 1)),
        ((8, 2, 4), "ntk", (3, 0, 2)),
        ((2, 2, 2), "ntk", (1, 0, 0)),
        ((3, 3, 3), "nngp", (1, 0, 2)),
        ((5, 5, 5), "ntk", (2, 1, 0)),
        ((4, 3, 8), "ntk", (0, 5, 0)),
        ((4, 4, 4), "ntk", (0, 0, 3)),
    ]

    def conv(filters, head: str = "flatten", positions: int = 1):
        return lambda *sizes: trees.cnn(sizes[0], filters, positions, head)

    shapes2 = [
        ("mlp(dim, 1, leaves=2)", lambda *s: trees.mlp(s[0], 1, 2), two),
        ("mlp(dim, 2, leaves=2)", lambda *s: trees.mlp(s[0], 2, 2), two),
        ("mlp(dim, 3, leaves=2)", lambda *s: trees.mlp(s[0], 3, 2), two[3:9]),
        ("cnn(dim, (1, 2))", conv((1, 2)), two),
        ("cnn(dim, (1, 2), head='dense')", conv((1, 2), "dense"), two),
        ("cnn(dim, (1, 1), 2, head='dense')", conv((1, 1), "dense", 2), two),
        ("cnn(dim, (1,), 2)", conv((1,), "flatten", 2), two[:8]),
        ("node([node([leaf a]), leaf b])", lambda a, b: [node(node(leaf(a)), leaf(b))], mixed),
        ("node([leaf a, leaf b]), mixed", lambda a, b: [node(leaf(a), leaf(b))], mixed),
        (
            "node([node([node([leaf a])]), node([leaf b])])",
            lambda a, b: [node(node(node(leaf(a))), node(leaf(b)))],
            mixed,
        ),
        (
            "positions [node([leaf a]), node([node([leaf b])])]",
            lambda a, b: [node(leaf(a)), node(node(leaf(b)))],
            mixed,
        ),
        (
            "node over two relu nodes, rbf(0.25)",
            lambda a, b: [node(node(leaf(a)), node(leaf(b)), activation="rbf(0.25)")],
            mixed,
        ),
    ]
    shapes3 = [
        ("mlp(dim, 1, leaves=3)", lambda *s: trees.mlp(s[0], 1, 3), three),
        ("mlp(dim, 2, leaves=3)", lambda *s: trees.mlp(s[0], 2, 3), three),
        ("cnn(dim, (1, 3))", conv((1, 3)), three),
        ("cnn(dim, (1, 3), head='dense')", conv((1, 3), "dense"), three),
        (
            "node([node([leaf a]), leaf b, leaf c])",
            lambda a, b, c: [node(node(leaf(a)), leaf(b), leaf(c))],
            uneven,
        ),
        (
            "positions [node([leaf a, leaf b]), node([leaf c])]",
            lambda a, b, c: [node(leaf(a), leaf(b)), node(leaf(c))],
            [((3, 4, 5), "ntk", (1, 1, 1))],
        ),
    ]
    out = [(name, build(shape, choices), False) for name, shape, choices in shapes2 + shapes3]
    out.append(
        (
            "node([node([leaf a, leaf b]), leaf c])",
            build(lambda a, b, c: [node(node(leaf(a), leaf(b)), leaf(c))], inside),
            True,
        )
    )
    return out


def compare_substitutions() -> str:
    """Both substitutions fit node([node([leaf a]), leaf b, leaf c]): they must give the same values."""
    tree = trees.node(trees.node(trees.leaf(4)), trees.leaf(3), trees.leaf(5))
    cases = [([tree], "ntk", (2, 1, 0)), ([tree], "nngp", (1, 1, 1))]
    pairs = zip(tensor(cases, 16), nested(cases, 16), strict=True)
    worst = min(common.relative_digits(a, b) for a, b in pairs)
    assert worst > 12, worst
    return f"both substitutions agree on a ragged network to {worst:.1f} digits with 16 nodes"


def main() -> None:
    ctx.prec = BITS
    start = time.time()
    only = sys.argv[1:]
    rows, worst, zeros = [], 1e9, 0
    for name, cases, substitution in catalogue():
        if only and name not in only:
            continue
        keep = [case for case in cases if not trees.structural_zero(case[0], case[2])]
        exact = [case for case in cases if trees.structural_zero(case[0], case[2])]
        patches = len(cases[0][2])
        method = nested if substitution else tensor
        counts = NESTED_COUNTS if substitution else COUNTS[patches]
        if patches == 3 and not substitution and not exchangeable(cases[0][0], 3):
            counts = UNEVEN_COUNTS
        # the exact zeros of two-patch networks are integrated too, as a check
        checked = keep + (exact if patches == 2 else [])
        fine = method(checked, counts[1]) if checked else []
        coarse = method(checked, counts[0]) if checked else []
        stated = []
        for case, a, b in zip(checked, coarse, fine, strict=True):
            if case in exact:
                assert abs(b).upper() < arb(10) ** -40, (name, case, b)
                continue
            digits = int(min(MOST, common.relative_digits(a, b) - 1))
            assert digits >= LEAST[method.__name__], (name, case, digits, a, b)
            stated.append(digits)
            rows.append((name, case, common.text(b, digits), digits))
        for case in exact:
            rows.append((name, case, "0", MOST))
            zeros += 1
        worst = min([worst, *stated])
        print(
            f"{name}: {len(cases)} cases, digits {min(stated, default=0)}..{max(stated, default=0)},"
            f" {time.time() - start:.0f} s",
            flush=True,
        )
    if only:
        return
    checks = [
        f"stored digits = agreement of {COUNTS[2]} (two leaves), {COUNTS[3]} (three leaves;"
        f" {UNEVEN_COUNTS} if not exchangeable, {NESTED_COUNTS} nested) nodes per variable"
        f" and piece, less one; worst {worst}",
        "arb encloses the rounding of both sums",
        compare_substitutions(),
        f"{zeros} exact zeros (linear readout across positions; one hidden relu layer, odd total degree"
        " >= 3); those on two leaves also integrate to less than 1e-40",
    ]
    cases_out = [
        {
            "name": name,
            "positions": case[0],
            "kernel": case[1],
            "degrees": list(case[2]),
            "value": value,
            "digits": digits,
        }
        for name, case, value, digits in rows
    ]
    description = (
        "Eigenvalues lambda(r) = E[K prod_u P_{r_u}(xi_u)] on products of two or three spheres."
        " 'positions': the trees averaged by the linear readout; a tree is {leaf: dim} or {node: children,"
        " activation}; leaves numbered left to right; bias-free, K(1) = 1. 'digits': correct significant"
        " digits of 'value'."
    )
    path = common.write("patches.json", "two_three_patches.py", worst, description, checks, cases_out)
    print(f"{len(rows)} cases -> {path}, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
