"""Verification: right tables agree by every route, wrong ones are found out, and a file can do no harm."""

import csv
import io
import itertools
import json
import math
import random
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest

import eigenspace as es
from eigenspace import kernels
from eigenspace._flint import precision
from eigenspace.harmonics import gegenbauer, multiplicity
from eigenspace.parts import Leaf
from eigenspace.verification import quadrature, sampling
from eigenspace.verification.calls import read_call
from eigenspace.verification.counts import eigenfunctions, harmonics_of, multiplicity_of
from networks import CATALOGUE

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from check_references import cases, request  # noqa: E402

SAMPLES = 4096


def spoiled(table, **changes):
    """The JSON of a table with entries replaced: ``name={row: entry}``, or ``name=entry`` for the whole."""
    document = json.loads(table.to_json())
    for name, change in changes.items():
        if isinstance(change, dict) and name != "provenance":
            for row, entry in change.items():
                document[name][row] = entry
        else:
            document[name] = change
    return json.dumps(document)


def number(x):
    mantissa, exponent = math.frexp(x)
    return f"{mantissa.hex()}*2**{exponent}"


# --- right tables -------------------------------------------------------------------------------------------------

ROUTES = {
    "quadrature": [
        lambda: es.spectrum(es.mlp(3, 2), degree=12),
        lambda: es.spectrum(es.mlp(2, 1), "nngp", degree=6),
        lambda: es.spectrum(es.mlp(1000, 3), degree=9),
        lambda: es.spectrum(es.mlp(4, 2, activation=es.rbf(0.25)), degree=8),
        lambda: es.spectrum(es.mlp(9, 2, leaves=2), degree=4),
        lambda: es.spectrum(es.network([es.node([es.leaf(9), es.leaf(9)]), es.node([es.leaf(18)])]), degree=1),
    ],
    "enumeration": [
        lambda: es.spectrum(es.mlp(1, 2), degree=1),
        lambda: es.spectrum(es.mlp(1, 2, leaves=8), degree=8),
        lambda: es.spectrum(es.cnn(1, (2, 2), 1, activation=es.rbf(0.5)), "nngp", degree=4),
    ],
    "Monte Carlo": [
        lambda: es.spectrum(es.cnn(8, (1, 2), 2, head="dense"), degree=3),
        lambda: es.spectrum(es.mlp(2, 1, leaves=4, activation=es.rbf(0.5)), "nngp", degree=4),
        lambda: es.spectrum(es.mlp(1, 2, leaves=24), degree=3),
        lambda: es.spectrum(es.mlp(10**6, 1, leaves=5), degree=2),
    ],
}


@pytest.mark.parametrize(
    ("route", "make"), [(route, make) for route, makes in ROUTES.items() for make in makes], ids=lambda x: str(x)[:12]
)
def test_right_tables_agree(route, make):
    check = es.verify(make(), samples=SAMPLES)
    assert check.passed and check.count("agrees") == len(check.rows), str(check)
    assert {row.route for row in check.rows} == {route}
    if route != "Monte Carlo":
        assert all(row.uncertainty < 1e-14 for row in check.rows), str(check)
    else:
        assert all(row.uncertainty < 0.2 for row in check.rows), str(check)


def test_leaves_that_meet_in_a_linear_readout():
    check = es.verify(es.spectrum(es.cnn(6, (1,), 4), degree=3))
    assert check.passed
    assert [row.route for row in check.rows] == ["quadrature"] * 3 + ["structure", "quadrature"] + ["structure"] * 2
    assert [row.recomputed for row in check.rows if row.route == "structure"] == ["0"] * 3


def test_exact_zeros_of_relu():
    check = es.verify(es.spectrum(es.mlp(10, 1), degree=7))
    zeros = [row for row in check.rows if row.stated == "0"]
    assert check.passed and [row.total_degree for row in zeros] == [3, 5, 7]
    assert all(row.uncertainty < 1e-15 for row in zeros)
    many = es.verify(es.spectrum(es.mlp(5, 1, leaves=6), degree=3), samples=SAMPLES)
    zeros = [row for row in many.rows if row.stated == "0"]
    assert many.passed and len(zeros) == 3 and all(row.route == "Monte Carlo" for row in zeros)
    assert all(row.uncertainty < 1e-8 for row in zeros)


def test_small_eigenvalue_of_high_dimension_and_degree():
    table = es.spectrum(es.mlp(10**6, 3), degree=200)[[0, 1, 50, 200]]
    check = es.verify(table)
    assert check.passed and all(row.route == "quadrature" and row.uncertainty < 1e-20 for row in check.rows)
    assert check.rows[-1].recomputed.endswith("e-829")


def test_a_part_of_a_table_and_a_search():
    table = es.spectrum(es.mlp(5, 2), degree=5)
    assert es.verify(table[[4, 2]]).passed
    assert es.verify(table[[]]).passed and es.verify(table[[]]).rows == ()
    assert es.verify(es.spectrum(es.mlp(5, 2), count=50)).passed
    assert es.verify(es.spectrum(es.mlp(5, 2), min_value=1e-3)).passed


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - {"D-CNN, deep", "Xiao HR", "Xiao MLP", "mixed"}))
def test_catalogue(name):
    check = es.verify(es.spectrum(CATALOGUE[name], degree=2), samples=1024)
    assert check.passed, str(check)


# --- wrong tables -------------------------------------------------------------------------------------------------


def test_value_beyond_its_bound():
    table = es.spectrum(es.mlp(3, 2), degree=4)
    for factor in (1 + 1e-13, 1 - 1e-13, 2.0, 1e-300):
        check = es.verify(spoiled(table, value={2: number(table.values()[2] * factor)}))
        assert [row.verdict for row in check.rows] == ["agrees", "agrees", "outside", "agrees", "agrees"]
        assert not check.passed
    within = table.values()[2] * (1 + table.error[2] / 4)
    assert es.verify(spoiled(table, value={2: number(within)})).passed


def test_bound_below_the_true_error():
    table = es.spectrum(es.mlp(6, 1, leaves=2), degree=2)
    value = number(table.values()[2] * (1 + 1e-9))
    assert es.verify(spoiled(table, value={2: value}, error={2: 2e-9})).passed
    assert not es.verify(spoiled(table, value={2: value}, error={2: 5e-10})).passed


def test_an_error_without_end_says_nothing():
    check = es.verify(spoiled(es.spectrum(es.mlp(6, 1), degree=2), error={1: "inf"}))
    assert check.passed and [row.verdict for row in check.rows] == ["agrees", "undecided", "agrees"]


def test_value_by_monte_carlo():
    table = es.spectrum(es.cnn(8, (1, 2), 2, head="dense"), degree=2)
    for factor in (0.9, 1.1):
        check = es.verify(spoiled(table, value={3: number(table.values()[3] * factor)}), samples=SAMPLES)
        assert [row.verdict for row in check.rows].index("outside") == 3 and check.count("outside") == 1
        assert check.rows[3].z > 5


def test_a_zero_that_is_none_and_a_value_that_is_zero():
    table = es.spectrum(es.mlp(10, 1), degree=4)
    assert es.verify(spoiled(table, value={3: number(1e-19)}, error={3: 1e-13})).rows[3].verdict == "outside"
    assert es.verify(spoiled(table, value={4: number(0.0)}, error={4: 0.0})).rows[4].verdict == "outside"
    flat = es.spectrum(es.cnn(6, (1,), 3), degree=2)
    assert es.verify(spoiled(flat, value={3: number(1e-19)})).rows[3].verdict == "outside"


def test_multiplicity_degrees_and_interaction():
    table = es.spectrum(es.mlp(6, 1, leaves=2), degree=2)
    wrong = es.verify(spoiled(table, multiplicity={2: "41"}))
    assert not wrong.passed and wrong.rows[2].verdict == "agrees"
    assert wrong.rows[2].faults == ("the multiplicity is 40, not 41",)
    wrong = es.verify(spoiled(table, degrees={3: [[0, 2]]}))
    assert not wrong.passed and wrong.rows[3].verdict == "outside" and len(wrong.rows[3].faults) == 2
    wrong = es.verify(spoiled(table, total_degree={1: 3}))
    assert not wrong.passed and wrong.rows[1].faults == ("the total degree is 1, not 3",)


def test_trace_and_repeated_rows():
    table = es.spectrum(es.mlp(6, 2), degree=3)
    wrong = es.verify(spoiled(table, trace=3.0000001))
    assert not wrong.passed and "trace" in wrong.faults[0] and "The trace is 3.0" in str(wrong)
    twice = es.verify(table[[0, 1, 1]])
    assert not twice.passed and "total degree 1 list 12 eigenfunctions of 6" in twice.faults[0]


def test_undecided_where_the_route_is_blunt():
    """An eigenvalue below the roundings of the kernel function is not said to agree."""
    table = es.spectrum(es.mlp(30, 2, leaves=5), "nngp", degree=12)
    row = [i for i in range(len(table)) if max(table.degrees[i]) == 12]
    check = es.verify(table[row], samples=64)
    assert check.passed and [r.verdict for r in check.rows] == ["undecided"]
    assert "1 undecided" in check.summary()[0]


# --- the routes themselves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("one_sphere", 12), ("patches", 6), ("boolean", 20)])
def test_quadrature_against_references(name, count):
    """The stated uncertainty covers the distance to numbers of another code."""
    tested = 0
    for case in random.Random(7).sample(cases(name), 3 * count):
        net, degrees = request(name, case)
        degrees = (degrees,) if isinstance(degrees, int) else degrees
        if len(net.positions) > 1 or not quadrature.is_feasible(net) or case["value"] == "0":
            continue
        if name == "patches" and len(net.leaves) == 3:
            continue
        reference = mpmath.mpf(case["value"])
        goal = float(mpmath.log(reference, 2)) - 60
        ((value, uncertainty),) = quadrature.integrate(net, case["kernel"], [quadrature.Question(degrees, goal)])
        with mpmath.workdps(60):
            middle, doubt = (mpmath.mpf(x.mid().str(50, radius=False)) for x in (value, uncertainty))
            reference = mpmath.mpf(case["value"])
            digits = len(case["value"].split("e")[0]) - 3
            assert abs(middle - reference) <= doubt + reference * mpmath.mpf(10) ** -min(digits, case.get("digits", 99))
            assert doubt < 1e-12 * reference
        tested += 1
        if tested == count:
            break
    assert tested == count


def test_three_spheres():
    """A linear network: T = 3 S, so that the eigenvalue of one leaf of three is E[xi**2]."""
    net = es.mlp(3, 2, leaves=3, activation=es.identity)
    ((value, uncertainty),) = quadrature.integrate(net, "ntk", [quadrature.Question((1, 0, 0), -40.0)])
    assert abs(float(value) - 1 / 3) <= float(uncertainty) + 1e-16 and float(uncertainty) < 1e-10


def test_quadrature_stops_where_it_cannot_go_on():
    net = es.mlp(2, 1, leaves=3)
    ((value, uncertainty),) = quadrature.integrate(net, "nngp", [quadrature.Question((2, 2, 2), -400.0)])
    assert 0 < float(uncertainty) and abs(float(value) - es.eigenvalue(net, (2, 2, 2), "nngp").value) < 1e-6


@pytest.mark.parametrize(("dim", "degree"), [(1, 1), (2, 1), (2, 5), (3, 2), (12, 4), (10**6, 3), (5, 40)])
def test_draws_of_an_active_leaf(dim, degree):
    """The weighted draws have the law of the sphere: P_r averages to 0 and its square to 1 / N."""
    xi, ratio = sampling._proposal(dim, degree).draw(np.random.default_rng(5), 200_000)
    p = gegenbauer(dim, degree, xi)
    for sample, mean in ((ratio * p, 0.0), (ratio * p**2, 1 / multiplicity(dim, degree))):
        assert abs(sample.mean() - mean) <= 5 * sample.std() / math.sqrt(sample.size) + 1e-9 * mean
    assert (ratio * p**2).std() <= 0.5 / multiplicity(dim, degree)


@pytest.mark.parametrize(("dim", "degree"), [(2, 3), (3, 1), (7, 6), (10**6, 5)])
def test_nodes_are_zeros(dim, degree):
    nodes = sampling._nodes(dim, degree)
    assert np.allclose(gegenbauer(dim, degree, nodes), 0, atol=1e-9 * math.sqrt(1 / multiplicity(dim, degree)))
    weights = sampling._lagrange(nodes, np.array([0.3, 0.9]) / math.sqrt(dim))
    assert np.allclose(weights.sum(axis=0), 1)


def test_sampling_against_quadrature():
    """Where both are possible: deviations scatter like their standard errors."""
    net, scores = es.mlp(4, 2, leaves=2), []
    degrees = [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (3, 1), (2, 2), (5, 0), (3, 3)]
    results = quadrature.integrate(net, "ntk", [quadrature.Question(d, -50.0) for d in degrees])
    tasks = [sampling.Task(net.positions[0], {net.leaves[u]: k for u, k in enumerate(d) if k}) for d in degrees]
    for seed in range(4):
        for mean, (value, _) in zip(sampling.estimate(tasks, "ntk", SAMPLES, seed, None), results):
            scores.append((mean.value - float(value)) / mean.standard_error)
    assert max(map(abs, scores)) < 5 and 0.5 < np.std(scores) < 2


def test_means_join():
    x = np.random.default_rng(0).normal(3.0, 2.0, 1000)
    joined = sampling.Mean()
    for block in np.split(x, [1, 10, 400]):
        joined = joined.join(sampling.Mean.of(block, 1.0))
    assert joined.count == 1000 and joined.value == pytest.approx(x.mean(), rel=1e-13)
    assert joined.standard_error == pytest.approx(x.std(ddof=1) / math.sqrt(1000), rel=1e-12) and joined.rounding == 1.0
    assert sampling.Mean().standard_error == math.inf


def test_seed_and_time():
    table = es.spectrum(es.cnn(8, (1, 2), 2, head="dense"), degree=2)
    once, again, other = (es.verify(table, samples=500, seed=seed) for seed in (3, 3, 4))
    assert once == again and once != other and once.pairs == 500
    short = es.verify(table, samples=10**9, max_seconds=0.2)
    assert 1 < short.pairs < 10**7 and short.passed


def test_kernel_values_of_balls_and_floats():
    net, xi = es.cnn(3, (2, 2), 2, head="dense", activation=es.rbf(0.25)), np.linspace(-0.9, 0.9, 8)
    with precision(100):
        from flint import arb

        lines = {leaf: (np.array(arb(float(x))),) * 2 for leaf, x in zip(net.leaves, xi)}
        assert float(kernels.kernel_values(net, "ntk", lines)) == pytest.approx(es.kernel_function(net)(xi), rel=1e-14)
        assert kernels.trace(net, "nngp", arb(1)) == 1 and kernels.trace(net, "nngp", 1.0) == 1.0


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("name", ["torus", "D-CNN, dense", "three spheres", "D-CNN, rbf", "cube"])
def test_roundings_of_the_kernel_function(name, kernel):
    """In the mean they stay well below the unit that Monte Carlo allows for."""
    from flint import arb

    net, rng = CATALOGUE[name], np.random.default_rng(2)
    errors = []
    for _ in range(100):
        xi = [float(sampling._law(leaf.dim, rng, 1)[0]) for leaf in net.leaves]
        with precision(120):
            lines = {leaf: (np.array(arb(x)),) * 2 for leaf, x in zip(net.leaves, xi)}
            exact = kernels.kernel_values(net, kernel, lines).item()
            errors.append(float(abs(exact - es.kernel_function(net, kernel)(xi))))
    assert 0 < np.mean(errors) < 2.0**-54 * net.depth * kernels.trace(net, kernel, 1.0)


# --- counts -------------------------------------------------------------------------------------------------------


def shape(part):
    if isinstance(part, Leaf):
        return part.dim
    return part.activation.name, tuple(sorted(map(repr, map(shape, part.children))))


def arrangements(parts, order):
    """All orders of the leaves that exchanging equal parts, at every level, makes of one."""
    inside = [[(p,)] if isinstance(p, Leaf) else arrangements(p.children, p.children) for p in parts]
    found = []
    for places in itertools.permutations(range(len(parts))):
        if all(shape(parts[i]) == shape(parts[j]) for i, j in enumerate(places)):
            found += [sum(choice, ()) for choice in itertools.product(*(inside[j] for j in places))]
    return found


@pytest.mark.parametrize("name", ["three spheres", "D-CNN", "D-CNN, wide first filter", "ragged", "cube, tree"])
def test_multiplicity_by_enumeration(name):
    net = CATALOGUE[name]
    orders = arrangements(net.positions, net.positions)
    total, seen = [0] * 4, set()
    for degrees in itertools.product(range(4), repeat=len(net.leaves)):
        if sum(degrees) > 3 or any(k > 1 and leaf.dim == 1 for k, leaf in zip(degrees, net.leaves)):
            continue
        by_leaf = dict(zip(net.leaves, degrees))
        orbit = {tuple(by_leaf[leaf] for leaf in order) for order in orders}
        count = len(orbit) * math.prod(multiplicity(leaf.dim, k) for k, leaf in zip(degrees, net.leaves))
        assert multiplicity_of(net, {u: k for u, k in enumerate(degrees) if k}) == count
        if degrees not in seen:
            total[sum(degrees)] += count
        seen |= orbit
    assert eigenfunctions(net, 3) == total


def test_two_closed_forms_of_the_number_of_harmonics():
    for dim in (1, 2, 3, 4, 12, 10**6):
        assert [harmonics_of(dim, k) for k in range(30)] == [multiplicity(dim, k) for k in range(30)]


# --- calls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_calls_come_back(name):
    net = CATALOGUE[name]
    table = es.spectrum(net, "nngp", degree=0)
    again, kernel = read_call(table.provenance.call)
    assert kernel == "nngp" and again.call == net.call and [x.dim for x in again.leaves] == [x.dim for x in net.leaves]


@pytest.mark.parametrize(
    "text",
    [
        "spectrum(mlp(3, 1))",
        "eigenspace.spectrum(eigenspace.mlp(3, 1), kernel='ntk', degree=3)",
        "spectrum(net=mlp(3, 1), degree=3, ring=eigenspace.ball(128), layer=None)",
        "spectrum(network([node([leaf(3)], activation=relu)]), 'ntk', min_value=1e-3)",
    ],
)
def test_calls_that_are_understood(text):
    net, kernel = read_call(text)
    assert kernel == "ntk" and net.dim == 3 and net.depth == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spectrum(",
        "spectrum()",
        "mlp(3, 1",
        "spectrum(3, 'ntk')",
        "spectrum('mlp(3, 1)', 'ntk')",
        "spectrum(mlp, 'ntk')",
        "spectrum(relu, 'ntk')",
        "spectrum(mlp(3, 1), 'nkt')",
        "spectrum(mlp(3, 1), 'ntk', degrees=3)",
        "spectrum(mlp(3, 1), 'ntk', kernel='ntk')",
        "spectrum(mlp(3, 1), 'ntk', 4)",
        "spectrum(mlp(3, 1), 'ntk', **{})",
        "spectrum(*[mlp(3, 1)], 'ntk')",
        "spectrum(mlp(3, depht=1), 'ntk')",
        "spectrum(mlp(-3, 1), 'ntk')",
        "spectrum(mlp(3, 1 + 1), 'ntk')",
        "spectrum(mlp(3, 1, activation=Relu()), 'ntk')",
        "spectrum(mlp(3, 1, activation=Activation), 'ntk')",
        "spectrum(mlp(3, 1, activation=relu.on_array), 'ntk')",
        "spectrum(eigenspace.networks.mlp(3, 1), 'ntk')",
        "spectrum(os.mlp(3, 1), 'ntk')",
        "spectrum(__import__('os').system('true'), 'ntk')",
        "spectrum(mlp(open('/etc/passwd'), 1), 'ntk')",
        "spectrum((lambda: mlp(3, 1))(), 'ntk')",
        "spectrum(mlp(3, 1) if True else None, 'ntk')",
        "spectrum([mlp(3, 1) for _ in (1,)][0], 'ntk')",
        "spectrum(mlp(3, 1).__class__, 'ntk')",
        "spectrum(kernel_function(mlp(3, 1)), 'ntk')",
        "spectrum(" + "(" * 3000 + ")" * 3000 + ")",
    ],
)
def test_calls_that_are_refused(text):
    with pytest.raises((ValueError, TypeError, es.UnsupportedError)):
        read_call(text)


def test_calls_that_cannot_be_verified():
    for text in ("zonal_spectrum(f, 3, 4)", "spectrum(mlp(3, 1), 'ntk', layer=1)", "3 + 4"):
        with pytest.raises(es.UnsupportedError):
            read_call(text)


# --- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"schema": "eigenspace.table/1"}', "\x00"],
)
def test_files_that_are_no_table(tmp_path, text):
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="table must be JSON"):
        es.verify(path)


def test_tables_that_contradict_themselves():
    table = es.spectrum(es.mlp(6, 1, leaves=2), degree=2)
    for name, changes in {
        "degrees": {"degrees": {1: [[7, 1]]}},
        "degrees must": {"leaves": 3},
        "degrees must be": {"degrees": {1: [[0, -1]]}},
        "error must": {"error": {1: "nan"}},
        "mantissa": {"value": {1: "nan*2**0"}},
        "kernel": {"kernel": "nngp"},
        "call": {"provenance": json.loads(table.to_json())["provenance"] | {"call": "spectrum(exit(), 'ntk')"}},
    }.items():
        with pytest.raises(ValueError, match=name):
            es.verify(spoiled(table, **changes))


@pytest.mark.parametrize("options", [{"samples": 1}, {"samples": 1.5}, {"seed": -1}, {"max_seconds": 0}])
def test_bad_options(options):
    with pytest.raises((ValueError, TypeError), match=next(iter(options))):
        es.verify(es.spectrum(es.mlp(6, 1), degree=1), **options)
    with pytest.raises(FileNotFoundError):
        es.verify("no/such/file.json")


# --- reports ------------------------------------------------------------------------------------------------------


def test_report_formats(tmp_path):
    check = es.verify(spoiled(es.spectrum(es.mlp(6, 1, leaves=2), degree=2), multiplicity={2: "41"}))
    assert "outside" in check.to_text() and "Row 2 (2): the multiplicity is 40, not 41." in check.to_text()
    assert check.to_markdown().startswith("|") and "\\toprule" in check.to_latex()
    rows = list(csv.DictReader(io.StringIO(check.to_csv())))
    assert [row["verdict"] for row in rows] == ["agrees"] * 4 and rows[3]["degrees"] == "0:1;1:1"
    document = json.loads(check.to_json())
    assert document["passed"] is False and len(document["rows"]) == 4
    assert document["rows"][2]["faults"] == ["the multiplicity is 40, not 41"]
    assert check.to_json(tmp_path / "report.json") is None and json.loads((tmp_path / "report.json").read_text())
    assert repr(check).startswith("<Verification: 4 rows: 4 agrees, 0 outside, 0 undecided.")
    with pytest.raises(AttributeError):
        check.rows = ()


def test_share_of_equal_positions():
    """The constant of several positions is the mean over their shapes."""
    net = es.network([es.node([es.leaf(3)]), es.node([es.leaf(3)]), es.node([es.leaf(4)])])
    check = es.verify(es.spectrum(net, "nngp", degree=1))
    assert check.passed and check.rows[0].uncertainty < 1e-14
