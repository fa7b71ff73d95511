"""Space, frequency and learning index against the tables of [Xiao2022] and against measured exponents."""

from fractions import Fraction
from math import inf, log

import numpy as np
import pytest
import sympy

import eigenspace as es
from eigenspace.classes import canonical, enumerate_classes, single
from eigenspace.indices import index_columns, leading_exponents
from eigenspace.shapes import layout

F = Fraction
RBF = es.rbf(0.25)


def indices(net, degrees):
    """Space, frequency, and the true leading exponents of the NNGP kernel and the NTK, of one multi-degree."""
    plan = layout(net)
    full = [0] * len(net.leaves)
    for number, degree in degrees.items():
        full[number] = degree
    pool = single(plan.root, canonical(plan, tuple(full)))
    space, frequency = index_columns(pool, net.dim)
    return space[-1], frequency[-1], *(leading_exponents(pool, net.dim, kernel)[-1] for kernel in ("nngp", "ntk"))


# the experiments of [Xiao2022]: d = p**4, images indexed by k in [p]**4, the last index inside a patch of dimension p
P = 4
MLP = es.mlp(P, 4, leaves=P**3, activation=RBF)
CNN2 = es.cnn(P, (P, P**2), 1, head="dense", activation=RBF)  # Conv(p^2): a first filter of p leaves
HR = es.cnn(P, (1, P, P), P, head="dense", activation=RBF)

# one monomial of largest degree of every polynomial: shifts of the pixel k, and powers
K = (0, 0, 0, 0)
MONOMIALS = {
    "Y1": {K: 1},
    "Y2": {K: 1, (0, 0, 0, 1): 1},
    "Y3": {(0, 0, 1, 0): 1, (0, 0, 0, 1): 1},
    "Y4": {(0, 0, 1, 1): 1, (0, 0, 0, 1): 1, K: 1},
    "Y5*": {K: 3, (0, 0, 0, 1): 1, (0, 0, 0, 2): 1},
    "Y5": {K: 1, (1, 0, 0, 0): 1},
    "Y6": {K: 1, (0, 0, 1, 0): 1, (0, 0, -1, 0): 2},
    "Y7": {(0, 0, -1, 1): 1, (0, 1, 0, 0): 1, K: 2},
}
# S and F, in quarters
TABLE = {
    "Y1": [(0, 4), (2, 2), (3, 1)],
    "Y2": [(0, 8), (2, 4), (3, 2)],
    "Y3": [(0, 8), (2, 4), (4, 2)],
    "Y4": [(0, 12), (2, 6), (4, 3)],
    "Y5*": [(0, 20), (2, 10), (3, 5)],
    "Y5": [(0, 8), (4, 4), (6, 2)],
    "Y6": [(0, 16), (2, 8), (5, 4)],
    "Y7": [(0, 16), (4, 8), (6, 4)],
}


def leaf_degrees(monomial, pixel=(1, 2, 1, 0)):
    degrees: dict = {}
    for shift, power in monomial.items():
        a, b, c, _ = ((k + s) % P for k, s in zip(pixel, shift))
        leaf = (a * P + b) * P + c
        degrees[leaf] = degrees.get(leaf, 0) + power
    return degrees


def test_networks_of_the_experiments_have_their_size():
    assert MLP.dim == CNN2.dim == HR.dim == P**4 == 256
    assert [len(net.leaves) for net in (MLP, CNN2, HR)] == [P**3] * 3
    assert (MLP.depth, CNN2.depth, HR.depth) == (4, 3, 4)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("column", range(3), ids=["MLP", "CNN(p^2)", "CNN(p)"])
def test_table_of_the_experiments(name, column):
    space, frequency, nngp, ntk = indices((MLP, CNN2, HR)[column], leaf_degrees(MONOMIALS[name]))
    expected = [F(quarter, 4) for quarter in TABLE[name][column]]
    assert [space, frequency] == expected and all(isinstance(x, Fraction) for x in (space, frequency))
    # the activation is admissible: the leading exponent is the learning index, for both kernels
    assert nngp == ntk == sum(expected)


def test_parts_of_mixed_polynomials():
    # Y6 and Y7 are no single eigenfunctions of the finest network: their parts of lower degree
    a, b, c = 0, 1, 2
    assert sum(indices(HR, {a: 3, c: 1})[:2]) == F(2, 1) and sum(indices(HR, {b: 1, c: 1})[:2]) == F(6, 4)
    assert sum(indices(HR, {0: 1, 4: 1})[:2]) == F(7, 4) and sum(indices(HR, {0: 3, 4: 1})[:2]) == F(9, 4)


def test_depth_does_not_matter_for_fully_connected_networks():
    for depth in (1, 2, 5):
        for degree in range(1, 6):
            found = indices(es.mlp(10, depth, activation=RBF), {0: degree})
            assert found == (0, degree, degree, degree)


def test_interactions_of_two_patches():
    # section 6: p = n = d**(1/2), a polynomial of degree h of two patches
    h = 4
    assert indices(es.mlp(16, 1, leaves=16, activation=RBF), {0: 2, 1: 2})[:2] == (0, h)
    one = es.cnn(16, (1,), 16, head="dense", activation=RBF)
    assert indices(one, {0: 3, 9: 1})[:2] == (1, F(h, 2))
    two = es.cnn(16, (1, 4), 4, head="dense", activation=RBF)
    assert [sum(indices(two, {0: 3, far: 1})[:2]) for far in (1, 4)] == [F(h, 2) + F(l, 4) for l in (3, 4)]
    assert sum(indices(two, {0: 3, 1: 1})[:2]) == F(11, 4)


def test_interactions_of_two_patches_at_high_resolution():
    # p = k = d**(1/10), nine levels: L = h/10 + l/10 with l from 10 to 18; degree 17 within a budget of 2.8
    net = es.cnn(2, (1, *[2] * 8), 2, head="dense", activation=RBF)
    assert net.dim == 2**10
    for level in range(9):
        space, frequency, *_ = indices(net, {0: 9, 2**level: 8})
        assert (space, frequency) == (F(10 + level, 10), F(17, 10))
    assert sum(indices(net, {0: 9, 1: 8})[:2]) < F(28, 10) <= sum(indices(net, {0: 9, 1: 9})[:2])


def test_constant_has_no_index_and_floats_appear_where_no_base_fits():
    net = es.cnn(12, (1, 5), 7, head="dense")
    assert indices(net, {})[:2] == (0.0, 0.0)
    space, frequency, *_ = indices(net, {0: 1, 1: 2})
    d = 12 * 35
    assert isinstance(space, float) and isinstance(frequency, float)
    assert space == pytest.approx((2 * log(5) + log(7)) / log(d), rel=1e-14)
    assert frequency == pytest.approx(3 * log(12) / log(d), rel=1e-14)
    assert indices(es.cnn(16, (1,), 16, head="dense"), {}) == (0, 0, 0, 0)


def test_a_table_holds_the_same_indices():
    table = es.spectrum(es.cnn(4, (1, 4), 4, head="dense", activation=RBF), "ntk", degree=3)
    for row in table:
        active = {i: k for i, k in enumerate(row.degrees) if k}
        space, frequency, _, ntk = indices(es.cnn(4, (1, 4), 4, head="dense", activation=RBF), active)
        assert (row.space, row.frequency, row.learning_index) == (space, frequency, ntk)


# leading exponents of activations that are not admissible


def measured(make, degrees, kernel, small, large):
    """The local exponent -dlog(lambda)/dlog(d) between two sizes, from eigenvalues."""
    nets = [make(size) for size in (small, large)]
    logs = [es.eigenvalue(net, degrees, kernel, rtol=1e-6).log10 * log(10) for net in nets]
    return -(logs[1] - logs[0]) / (log(nets[1].dim) - log(nets[0].dim))


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("activation, expected", [(RBF, [2, 3, 4, 5, 6]), (es.relu, [2, 3, 5, 5, 7])])
def test_leading_exponents_of_one_patch(kernel, activation, expected):
    # kappa(mean of p spheres of dimension p): in powers of p = d**(1/2)
    make = lambda p: es.cnn(p, (1,), p, head="dense", activation=activation)
    for degree, value in enumerate(expected, 1):
        found = indices(make(16), {0: degree})[2 + (kernel == "ntk")]
        assert found == F(value, 2)
        # corrections of order 1/p
        assert measured(make, {0: degree}, kernel, 400, 1600) == pytest.approx(float(found), abs=0.05)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("powers", [(1, 1), (2, 1), (3, 1), (1, 1, 1), (3, 3), (3, 2)])
def test_leading_exponents_of_interactions_are_the_measured_ones(kernel, powers):
    degrees = dict(enumerate(powers))
    make = lambda p: es.cnn(p, (1,), p, head="dense")
    found = indices(make(16), degrees)[2 + (kernel == "ntk")]
    assert found >= sum(indices(make(16), degrees)[:2])
    assert measured(make, degrees, kernel, 400, 1600) == pytest.approx(float(found), abs=0.08)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("powers", [(0, 1, 0, 0, 1), (1, 0, 1), (0, 0, 0, 1), (1, 2, 0, 3)])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_leading_exponents_of_one_sphere_are_those_of_its_powers(kernel, powers, depth):
    # E[t**n P_r] is of the order d**-((n + r) / 2), for n = r, r + 2, ...
    net = es.mlp(1000, depth, activation=es.polynomial(powers))
    xi = sympy.Symbol("t")
    dual, value, tangent = sympy.sympify(net.layers[0].dual(xi)), xi, xi
    for _ in range(depth):
        tangent = dual.subs(xi, value) + sympy.diff(dual, xi).subs(xi, value) * tangent
        value = dual.subs(xi, value)
    whole = sympy.Poly(sympy.expand(value if kernel == "nngp" else tangent), xi)
    there = {n for (n,) in whole.monoms()}
    pool = enumerate_classes(layout(net).root, 30)
    found = leading_exponents(pool, net.dim, kernel).tolist()
    assert found == [min((F(n + r, 2) for n in there if n >= r and (n - r) % 2 == 0), default=inf) for r in range(31)]


def test_equal_indices_are_one_object():
    table = es.spectrum(es.cnn(16, (1, 4), 4, head="dense"), degree=5)
    for column in (table.space, table.frequency, table.learning_index):
        assert all(isinstance(x, Fraction) for x in column) and len(set(map(id, column))) == len(set(column)) < 25
    floats = es.spectrum(es.cnn(12, (1, 5), 7, head="dense"), degree=4)
    assert {type(x) for x in (*floats.space, *floats.learning_index)} == {float}


def test_structural_zeros_have_an_infinite_exponent():
    net = es.mlp(50, 1)
    for degree in range(9):
        assert (indices(net, {0: degree})[3] == inf) == (degree in (3, 5, 7))
    flat = es.cnn(16, (1,), 16, head="flatten")
    assert indices(flat, {0: 1, 1: 1})[2:] == (inf, inf) and indices(flat, {0: 2})[2:] == (F(3, 2), F(3, 2))
    pool = enumerate_classes(layout(flat).root, 5)
    for kernel in ("nngp", "ntk"):
        table = es.spectrum(flat, kernel, degree=5)
        zero = np.array([x == inf for x in leading_exponents(pool, flat.dim, kernel)])
        assert (zero == (table.log10() == -inf)).all()
