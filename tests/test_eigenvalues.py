"""Eigenvalues and spectra: the ways to ask agree, limits and symmetries hold, huge and tiny cases stay exact."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import product
from math import inf, log

import mpmath
import numpy as np
import pytest

import eigenspace as es
from networks import CATALOGUE

KERNELS = ("nngp", "ntk")
SMALL = ["sphere", "circle", "three spheres", "S-CNN", "D-CNN, rbf", "Xiao HR", "cube", "cube, tree", "torus"]


def same(a, b, slack=1e-13):
    """Two eigenvalues agree within their stated errors."""
    if a.value == 0.0 or b.value == 0.0:
        return a.log10 == pytest.approx(b.log10, abs=1e-12)
    return abs(a.value - b.value) <= (a.error + b.error + slack) * a.value


# the ways to ask


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", SMALL)
def test_every_row_is_the_single_eigenvalue(name, kernel):
    net = CATALOGUE[name]
    table = es.spectrum(net, kernel, degree=4)
    for row in random.Random(name).sample(list(table), min(len(table), 12)):
        single = es.eigenvalue(net, row.degrees, kernel)
        assert same(row, single)
        for field in ("multiplicity", "pattern", "total_degree", "space", "frequency", "learning_index"):
            assert getattr(row, field) == getattr(single, field), field
        assert (row.bound == "exact") == (single.bound == "exact") == (row.log10 == -inf)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["sphere", "circle", "three spheres", "S-CNN", "D-CNN, rbf", "high dimension"])
def test_min_value_lists_exactly_the_classes_above_it(name, kernel):
    net, top = CATALOGUE[name], 13
    big = es.spectrum(net, kernel, degree=top, rtol=1e-9)
    # thresholds beneath which the big table is complete: nothing of its last two degrees reaches them
    last = big.where(lambda row: row.total_degree >= top - 1).values().max()
    values = np.unique(big.values()[big.values() > last])[::-1]
    for least in values[[0, len(values) // 4, len(values) // 2, -1]] * (1 - 1e-7):
        table = es.spectrum(net, kernel, min_value=float(least))
        expected = big.where(min_value=least)
        assert sorted(table.degrees) == sorted(expected.degrees)
        assert all(np.diff(table.log10()) <= 0) and table.values().min() >= least


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["circle", "three spheres", "S-CNN", "D-CNN, rbf", "high dimension"])
def test_count_is_reached_best_first(name, kernel):
    net = CATALOGUE[name]
    for count in (1, 2, 7, 40):
        table = es.spectrum(net, kernel, count=count)
        listed = np.cumsum(table.multiplicity)
        assert listed[-1] >= count and (len(table) == 1 or listed[-2] < count)
        assert all(np.diff(table.log10()) <= 0)
        # nothing larger was left out
        least = table.values()[-1] * (1 + 1e-9)
        above = es.spectrum(net, kernel, min_value=least)
        assert len(above) <= len(table) and set(above.degrees) <= set(table.degrees)


@pytest.mark.parametrize("kernel", KERNELS)
def test_finite_cubes_are_exhausted(kernel):
    for net, total in ((es.mlp(1, 2, leaves=6), 2**6), (es.cnn(1, (2, 2), 1, activation=es.rbf(0.5)), 2**4)):
        for table in (es.spectrum(net, kernel, count=10**6), es.spectrum(net, kernel, degree=50)):
            assert sum(table.multiplicity) == total and table.coverage() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
def test_finite_cubes_with_structural_zeros_are_exhausted(kernel):
    # two positions of two signs under a flat readout: 1 + 4 + 2 functions of eigenvalue above zero, 9 without
    table = es.spectrum(es.cnn(1, (2,), 2), kernel, count=100)
    assert sum(row.multiplicity for row in table if row.value > 0) == 7


@pytest.mark.parametrize("kernel", KERNELS)
def test_degree_tables_nest(kernel):
    net = CATALOGUE["three spheres"]
    small, large = es.spectrum(net, kernel, degree=3), es.spectrum(net, kernel, degree=6)
    assert list(small.degrees) == list(large.where(lambda row: row.total_degree <= 3).degrees)
    assert all(same(a, b) for a, b in zip(small, large))
    assert list(large.total_degree) == sorted(large.total_degree)
    assert len(es.spectrum(net, kernel)) == len(es.spectrum(net, kernel, degree=4))
    assert len(es.spectrum(net, kernel, degree=0)) == 1


def test_a_threshold_above_everything_gives_an_empty_table():
    assert len(es.spectrum(es.mlp(3, 2), min_value=100.0)) == 0


@pytest.mark.parametrize("form", [{3: 2, 0: 1}, (1, 0, 0, 2), [1, 0, 0, 2], np.array([1, 0, 0, 2])])
def test_degrees_in_every_form(form):
    net = es.cnn(5, (1, 2), 2, head="dense")
    assert es.eigenvalue(net, form, "nngp").value == es.eigenvalue(net, (1, 0, 0, 2), "nngp").value


# structural zeros


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("net", [es.mlp(3, 1), es.mlp(50, 1), es.mlp(6, 1, leaves=3), es.cnn(8, (1,), 5)])
def test_odd_degrees_of_one_rectified_layer_vanish(net, kernel):
    for row in es.spectrum(net, kernel, degree=7):
        active = sum(k > 0 for k in row.degrees)
        zero = row.total_degree % 2 == 1 and row.total_degree >= 3 or active > 1 and len(net.positions) > 1
        if zero:
            assert (row.value, row.log10, row.error, row.bound) == (0.0, -inf, 0.0, "exact")
            assert row.learning_index == inf
        else:
            assert row.value > 0 and row.log10 > -inf and row.error > 0 and row.bound != "exact"


@pytest.mark.parametrize("kernel", KERNELS)
def test_interactions_across_a_flat_readout_vanish(kernel):
    net = es.cnn(6, (1, 2), 2)
    for row in es.spectrum(net, kernel, degree=4):
        across = any(row.degrees[:2]) and any(row.degrees[2:])
        assert (row.value == 0.0 and row.bound == "exact") == across


def test_a_second_layer_fills_the_odd_degrees():
    for kernel in KERNELS:
        assert all(row.value > 0 for row in es.spectrum(es.mlp(10, 2), kernel, degree=9))


def test_linear_networks_learn_linear_functions():
    # K = mean of the correlations, and T = (depth + 1) K
    net = es.mlp(4, 2, leaves=3, activation=es.identity)
    for kernel, factor in (("nngp", 1), ("ntk", 3)):
        values = {row.degrees: row.value for row in es.spectrum(net, kernel, degree=3) if row.value > 0}
        assert values == {(1, 0, 0): pytest.approx(factor / 12, rel=1e-14)}


# values


def test_one_hidden_layer_in_closed_form():
    # S^2: E[kappa_1 P_k] = 1/3, 1/6, 3/128, 0, ..., E[xi kappa_0] = 1/6 + E[kappa_1] - E[sqrt(1 - xi^2)]/pi
    for degree, value in ((0, Fraction(3, 8)), (1, Fraction(1, 6)), (2, Fraction(3, 128)), (3, 0)):
        assert es.eigenvalue(es.mlp(3, 1), degree, "nngp").value == pytest.approx(float(value), rel=1e-15)


def two_layers(order, kernel):
    """Taylor coefficients of ``kappa_1(kappa_1(t))`` or of its tangent kernel in float64.

    With ``p = (1 - g^2)^(-1/2)``: ``p' = g g' p + g^2 p'``, ``kappa_0' = p g' / pi`` and ``kappa_1' = kappa_0 g'``.
    No term is negative, so nothing cancels.
    """

    def product(a, b):
        return np.convolve(a, b)[: len(a)]

    def layer(g):
        slope = np.append(g[1:] * np.arange(1, len(g)), 0.0)
        square, source = product(g, g), product(g, slope)
        p, rise = np.zeros(len(g)), np.zeros(len(g))
        p[0] = (1 - square[0]) ** -0.5
        for n in range(len(g) - 1):
            rise[n] = (source[: n + 1] @ p[n::-1] + square[1 : n + 1] @ rise[:n][::-1]) / (1 - square[0])
            p[n + 1] = rise[n] / (n + 1)
        integral = lambda start, a: np.append(start, a[:-1] / np.arange(1, len(a)))
        kappa0 = integral(1 - np.arccos(g[0]) / np.pi, product(p, slope) / np.pi)
        start = np.sqrt(1 - g[0] ** 2) / np.pi + kappa0[0] * g[0]
        return integral(start, product(kappa0, slope)), kappa0

    t = np.zeros(order + 1)
    t[1] = 1.0
    first, slope1 = layer(t)
    second, slope2 = layer(first)
    return second if kernel == "nngp" else second + product(slope2, first + product(slope1, t))


@pytest.mark.parametrize("kernel, degree, decades", [("nngp", 300, -1190), ("ntk", 300, -1190), ("nngp", 1000, -3440)])
def test_high_degrees_in_a_million_dimensions(kernel, degree, decades):
    dim, terms = 10**6, 30
    series = two_layers(degree + 2 * terms, kernel)
    with mpmath.workdps(40):
        value = mpmath.mpf(0)
        for i in range(terms):
            n = degree + 2 * i
            below = mpmath.mpf(2) ** n * mpmath.factorial(i) * mpmath.rf(mpmath.mpf(dim) / 2, degree + i)
            value += mpmath.mpf(series[n]) * mpmath.factorial(n) / below
        ev = es.eigenvalue(es.mlp(dim, 2), degree, kernel)
        assert ev.value == 0.0 and ev.bound == "rounded" and ev.error < 1e-10
        assert ev.log10 == pytest.approx(decades, rel=3e-3)
        assert abs(ev.log10 - mpmath.log10(value)) < 1e-11
    assert ev.text(6).endswith(f"e{int(np.floor(ev.log10))}") and ev.multiplicity > 10 ** (-decades - 10)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_large_dimension_limit(kernel, depth):
    # d * lambda_1 tends to the derivative of the kernel at 0; degree k: lambda_k d**k to the k-th derivative
    function = es.kernel_function(es.mlp(3, depth), kernel)
    step = 1e-3
    slope = (8 * (function([step]) - function([-step])) - (function([2 * step]) - function([-2 * step]))) / (12 * step)
    curvature = (function([step]) - 2 * function([0.0]) + function([-step])) / step**2
    for dim, slack in ((10**4, 1e-3), (10**6, 1e-5)):
        assert dim * es.eigenvalue(es.mlp(dim, depth), 1, kernel).value == pytest.approx(slope, rel=slack)
        assert dim**2 * es.eigenvalue(es.mlp(dim, depth), 2, kernel).value == pytest.approx(curvature, rel=slack + 1e-5)
        assert es.eigenvalue(es.mlp(dim, depth), 0, kernel).value == pytest.approx(function([0.0]), rel=slack)


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_leaves_of_huge_dimension(kernel):
    net = es.cnn(10**6, (1, 4), 10, head="dense")
    rows = es.spectrum(net, kernel, degree=3)
    assert len(rows) == 11 and rows.coverage() < 1
    assert max(rows.error) < 1e-11 and all(row.value > 0 for row in rows)


# symmetries and relations


@pytest.mark.parametrize("kernel", KERNELS)
def test_automorphisms_leave_eigenvalues_alone(kernel):
    net = es.cnn(8, (1, 2), 2, head="dense")
    for first, second in (((1, 2, 0, 3), (3, 0, 2, 1)), ((0, 0, 0, 4), (4, 0, 0, 0)), ((1, 1, 2, 0), (0, 2, 1, 1))):
        a, b = (es.eigenvalue(net, degrees, kernel, rtol=1e-9) for degrees in (first, second))
        assert (a.value, a.multiplicity, a.pattern) == (b.value, b.multiplicity, b.pattern)
    distinct = {es.eigenvalue(net, d, kernel, rtol=1e-9).value for d in ((1, 1, 0, 0), (1, 0, 1, 0), (2, 0, 0, 0))}
    assert len(distinct) == 3


@pytest.mark.parametrize("kernel", KERNELS)
def test_order_of_children_does_not_matter(kernel):
    a = es.network([es.node([es.node([es.leaf(14)]), es.leaf(16)]), es.node([es.leaf(15), es.leaf(15)])])
    b = es.network([es.node([es.leaf(15), es.leaf(15)]), es.node([es.leaf(16), es.node([es.leaf(14)])])])
    for degrees, moved in (((2, 1, 0, 0), (0, 0, 1, 2)), ((1, 2, 0, 0), (0, 0, 2, 1)), ((0, 0, 1, 3), (3, 1, 0, 0))):
        one, two = es.eigenvalue(a, degrees, kernel, rtol=1e-9), es.eigenvalue(b, moved, kernel, rtol=1e-9)
        assert same(one, two) and one.multiplicity == two.multiplicity


@pytest.mark.parametrize("name", [*SMALL, "D-CNN, wide first filter", "positions of different size"])
def test_tangent_kernel_dominates(name):
    nngp, ntk = (es.spectrum(CATALOGUE[name], kernel, degree=5, rtol=1e-9) for kernel in KERNELS)
    for a, b in zip(nngp, ntk, strict=True):
        assert a.degrees == b.degrees and b.value >= a.value * (1 - a.error - b.error)
        assert a.value == 0.0 or b.value > a.value


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dim, depth", [(2, 1), (3, 3), (9, 2), (500, 4)])
def test_one_sphere_is_a_special_case_of_a_tree(dim, depth, kernel):
    line = es.spectrum(es.mlp(dim, depth), kernel, degree=6)
    tree = es.spectrum(es.cnn(dim, (1,) * depth), kernel, degree=6)
    dense = es.spectrum(es.cnn(dim, (1,) * depth, head="dense"), kernel, degree=6)
    deeper = es.spectrum(es.mlp(dim, depth + 1), kernel, degree=6)
    assert all(same(a, b) and a.multiplicity == b.multiplicity for a, b in zip(line, tree, strict=True))
    assert all(same(a, b) for a, b in zip(dense, deeper, strict=True))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("positions", [3, 50])
def test_a_flat_readout_divides_by_the_number_of_positions(kernel, positions):
    for filters in ((1,), (2,), (1, 2)):
        one, flat = (es.spectrum(es.cnn(9, filters, n), kernel, degree=3, rtol=1e-9) for n in (1, positions))
        for row in one:
            degrees = row.degrees + (0,) * (len(flat[0].degrees) - len(row.degrees))
            value = es.eigenvalue(es.cnn(9, filters, positions), degrees, kernel, rtol=1e-9)
            expected = row.value / (positions if row.total_degree else 1)
            assert value.value == pytest.approx(expected, rel=2 * row.error + 2 * value.error + 1e-14)
            assert value.multiplicity == row.multiplicity * (positions if row.total_degree else 1)


@pytest.mark.parametrize("kernel", KERNELS)
def test_signs_against_the_sum_over_all_corners(kernel):
    for net in (CATALOGUE["cube"], CATALOGUE["cube, tree"], es.cnn(1, (2, 2), 1), es.cnn(1, (3,), 2)):
        corners = np.array(list(product([1.0, -1.0], repeat=len(net.leaves))))
        values = es.kernel_function(net, kernel)(corners)
        for row in es.spectrum(net, kernel, degree=8):
            direct = np.mean(values * np.prod(corners ** np.array(row.degrees), axis=1))
            assert direct == pytest.approx(row.value, abs=1e-15, rel=row.error)


# accuracy, provenance, use


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", ["sphere", "sphere, deep", "circle", "high dimension", "S-CNN", "Xiao MLP", "Xiao HR",
                                  "D-CNN, rbf", "torus", "cube", "D-CNN, deep"])  # fmt: skip
def test_the_promised_error_is_reached(name, kernel):
    for rtol in (1e-6, 1e-12):
        table = es.spectrum(CATALOGUE[name], kernel, degree=5, rtol=rtol)
        assert max(table.error) <= rtol
        assert set(table.bounds()) <= {"exact", "rounded", "estimated"}


@pytest.mark.parametrize("name", ["two spheres", "three spheres", "D-CNN", "D-CNN, dense"])
def test_stated_errors_hold_between_tolerances(name):
    # the loose answer must contain the tight one
    loose, tight = (es.spectrum(CATALOGUE[name], "ntk", degree=3, rtol=rtol) for rtol in (1e-4, 1e-10))
    for a, b in zip(loose, tight):
        assert abs(a.value - b.value) <= (a.error + b.error) * b.value


def test_provenance_call_rebuilds_the_table():
    for net, kernel, options in (
        (es.mlp(5, 2), "ntk", {"degree": 3}),
        (es.cnn(4, (1, 2), 2, head="dense", activation=es.rbf(0.25)), "nngp", {"min_value": 1e-4}),
        (es.mlp(7, 1, leaves=3), "ntk", {"count": 20}),
    ):
        table = es.spectrum(net, kernel, **options)
        call = table.provenance.call
        assert "/" not in call and table.provenance.kernel == kernel
        scope = {"eigenspace": es} | {name: getattr(es, name) for name in ("rbf", "relu", "identity")}
        again = eval(call, scope)
        assert again.values().tolist() == table.values().tolist() and list(again.degrees) == list(table.degrees)


def test_json_restores_a_table_with_tiny_values():
    table = es.spectrum(es.mlp(10**5, 2), "ntk", degree=100)
    assert table.values()[-1] == 0.0 and table.log10()[-1] < -330
    again = es.EigenTable.from_json(table.to_json())
    assert again.log10().tolist() == table.log10().tolist() and json.loads(table.to_json())
    assert list(again.multiplicity) == list(table.multiplicity)


def test_threads_get_the_same_numbers():
    nets = [es.mlp(3, 3), es.mlp(4, 2), es.cnn(6, (1,), 4), es.mlp(2, 2)]
    expected = [es.spectrum(net, "ntk", degree=6).values().tolist() for net in nets]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda net: es.spectrum(net, "ntk", degree=6).values().tolist(), nets * 3))
    assert found == expected * 3


def test_decay_on_the_sphere_has_the_known_power():
    # NTK of ReLU networks on S^(d-1): lambda_k ~ k**-d, NNGP k**-(d+2) [BiettiBach2021]
    for dim in (3, 4):
        for kernel, power in (("ntk", dim), ("nngp", dim + 2)):
            low, high = (es.eigenvalue(es.mlp(dim, 3), k, kernel).log10 for k in (60, 120))
            assert (low - high) * log(10) / log(2) == pytest.approx(power, abs=0.15)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_rows_of_a_large_table_are_the_single_eigenvalues(kernel):
    """A large table starts at the order that a sample asks for, a single eigenvalue at the lowest one."""
    net = es.cnn(12, (1, 4, 4), 4, head="dense")
    table = es.spectrum(net, kernel, degree=7)
    assert len(table) > 500 and np.all(table.error <= 1.001e-12) and set(table.bounds()) == {"rounded"}
    for row in list(table)[::97]:
        single = es.eigenvalue(net, row.degrees, kernel)
        assert abs(single.value / row.value - 1) <= single.error + row.error
        assert (single.multiplicity, single.pattern) == (row.multiplicity, row.pattern)


@pytest.mark.parametrize("net, degrees", [
    (es.mlp(151, 1, activation=es.rbf(0.25)), 200),
    (es.mlp(140, 2, activation=[es.identity, es.rbf(0.25)]), 144),
    (es.cnn(30, (2, 2), 2, activation=es.rbf(0.25)), {0: 90, 3: 40}),
])  # fmt: skip
def test_coefficients_beyond_the_range_of_a_float(net, degrees):
    """What analytic duals drop here is less than any float, and still has to be told from their last terms."""
    ours = es.eigenvalue(net, degrees, "nngp")
    assert ours.error < 1e-12 and ours.bound == "rounded"
    proved = es.eigenvalue(net, degrees, "nngp", ring=es.ball(128), rtol=1e-20)
    assert abs(ours.log10 - proved.log10) < 1e-12 * abs(proved.log10)
