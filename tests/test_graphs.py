"""Networks with shared children: every number against a route that shares nothing with the multivariate series."""

import itertools
from fractions import Fraction
from math import factorial, inf, prod

import numpy as np
import pytest
from scipy.special import eval_chebyt, eval_gegenbauer, roots_jacobi

import eigenspace as es
from eigenspace.errors import UnsupportedError
from eigenspace.graph_orders import graph_order
from eigenspace.graph_spectra import leading_exponents_of, solve_graph
from eigenspace.graphs import is_reached, positions
from eigenspace.harmonics import multiplicity
from eigenspace.steiner import SpanningTrees
from eigenspace.symmetries import Symmetries
from eigenspace.verification.calls import read_call
from networks import CATALOGUE

TWO = (es.relu, es.rbf(0.5))
FIXED = {"dim": 1, "filters": 0, "positions": 0}
SHOWN = ("two spheres", "three spheres", "rbf sphere", "linear", "S-CNN", "D-CNN, dense", "D-CNN, rbf", "torus",
         "monomials", "polynomial tree", "leaky", "exponential", "ragged", "sign", "cube", "cube, tree")  # fmt: skip


def gegenbauer(s, k, t):
    """``P_k`` with ``P_k(1) = 1``, from SciPy."""
    if s == 2:
        return eval_chebyt(k, t)
    return eval_gegenbauer(k, s / 2 - 1, t) / eval_gegenbauer(k, s / 2 - 1, 1.0)


def by_quadrature(net, row, kernel, nodes):
    """The definition: a product of Gauss rules for the laws of the correlations."""
    grids, weights = [], []
    for leaf, r in zip(net.leaves, row):
        t, w = roots_jacobi(nodes, (leaf.dim - 3) / 2, (leaf.dim - 3) / 2)
        grids.append(t)
        weights.append(w / w.sum() * gegenbauer(leaf.dim, r, t))
    xi = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1)
    values = es.kernel_function(net, kernel)(xi)
    for w in reversed(weights):
        values = values @ w
    return float(values)


def window(dims, activation=es.relu, top=es.relu):
    """Two filters over three leaves that share the middle one, and a node on top."""
    a, b, c = (es.leaf(dim) for dim in dims)
    below = [es.node([a, b], activation=activation), es.node([b, c], activation=activation)]
    return es.network([es.node(below, activation=top)])


def skip(dims):
    """A leaf that enters twice: through a node and directly; and a child that stands twice under one node."""
    a, b = (es.leaf(dim) for dim in dims)
    inner = es.node([a, b, b])
    return es.network([es.node([inner, a]), inner])


def random_graph(rng, most_leaves=3, dims=(3, 9), activations=TWO):
    """Layers of nodes over random parts of the layer below, some leaves reaching further up."""
    leaves = [es.leaf(int(rng.integers(*dims))) for _ in range(rng.integers(2, most_leaves + 1))]
    layer = leaves
    for _ in range(rng.integers(1, 4)):
        pool = layer if rng.random() < 0.7 else [*layer, *leaves]
        layer = [
            es.node(
                [pool[i] for i in rng.choice(len(pool), size=rng.integers(1, 4))],
                activation=activations[rng.integers(len(activations))],
            )
            for _ in range(rng.integers(1, 4))
        ]
    return es.network(layer)


# eigenvalues ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_trees_by_the_series_agree_with_their_recursion(name, kernel):
    net = CATALOGUE[name]
    table = es.spectrum(net, kernel, degree=2, rtol=1e-8)
    rows = [row.degrees for row in table]
    found = solve_graph(net, rows, kernel, 1e-3, False)
    values, expected = found.values.float64(), table.values()
    room = found.error * values + table.error * expected
    assert np.all(np.abs(values - expected) <= room + 1e-15 * expected)
    assert np.array_equal(values == 0, expected == 0)
    exponents = leading_exponents_of(net, rows, kernel)
    if "cube" not in name:
        assert exponents == pytest.approx([float(x) for x in table.learning_index], abs=1e-9)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_trees_in_high_dimension_agree_to_twelve_digits(kernel):
    for net in (es.mlp(40, 2, leaves=2), es.cnn(60, (1, 2), head="dense"), es.cnn(200, (2, 2), 1)):
        table = es.spectrum(net, kernel, degree=3)
        found = solve_graph(net, [row.degrees for row in table], kernel, 1e-12, False).values.float64()
        assert found == pytest.approx(table.values(), rel=1e-12, abs=0)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("net", [window((7, 6, 8)), window((5, 4, 6), es.rbf(0.5)), skip((6, 7))], ids=str)
def test_against_the_definition(net, kernel):
    for row in es.spectrum(net, kernel, degree=3, rtol=1e-9):
        expected = by_quadrature(net, row.degrees, kernel, 48)
        assert abs(row.value - expected) <= row.error * row.value + 1e-9 * float(np.sqrt(row.value)) * 1e-3 + 1e-14
        assert (row.value == 0) == (abs(expected) < 1e-14)


def test_stated_errors_hold_on_random_graphs():
    rng, checked = np.random.default_rng(5), 0
    while checked < 12:
        net = random_graph(rng, 2)
        row = tuple(int(r) for r in rng.integers(0, 3, size=len(net.leaves)))
        kernel = ("nngp", "ntk")[rng.integers(2)]
        ev = es.eigenvalue(net, row, kernel, rtol=1e-5)
        fine, coarse = (by_quadrature(net, row, kernel, nodes) for nodes in (120, 80))
        doubt = 3 * abs(fine - coarse) + 1e-14
        if ev.error < 0.5:
            assert abs(ev.value - fine) <= ev.error * ev.value + doubt
            checked += doubt < 1e-3 * fine


@pytest.mark.parametrize("head", ["flatten", "dense", "pixel"])
def test_tables_add_up_to_the_kernel(head):
    filters = (3,) if head == "dense" else (2, 2)
    net = es.overlapping_cnn(5, 4, filters, activation=es.polynomial((1, 1, 1)), head=head)
    xi = np.random.default_rng(1).uniform(-1, 1, size=(5, len(net.leaves)))
    total = np.zeros(5)
    symmetries = Symmetries(net)
    for row in es.spectrum(net, degree=4):
        images, waiting = {row.degrees}, [row.degrees]
        while waiting:
            item = waiting.pop()
            for p in symmetries.generators:
                image = tuple(item[u] for u in p)
                if image not in images:
                    images.add(image)
                    waiting.append(image)
        size = prod(multiplicity(5, r) for r in row.degrees)
        assert row.multiplicity == len(images) * size
        for image in images:
            total += row.value * size * prod(gegenbauer(5, r, xi[:, u]) for u, r in enumerate(image))
    assert total == pytest.approx(es.kernel_function(net)(xi), rel=1e-12)


def test_the_trace_is_the_sum_of_all():
    net = es.overlapping_cnn(2, 2, (2, 2), activation=es.polynomial((0, 1, 1)))
    table = es.spectrum(net, degree=4)
    assert sum(row.value * row.multiplicity for row in table) == pytest.approx(table.trace, rel=1e-12)
    assert table.coverage() == pytest.approx(1, rel=1e-12)


def test_sixteen_leaves():
    net = es.overlapping_cnn(12, 16, (3, 3))
    table = es.spectrum(net, degree=3, rtol=1e-3)
    assert len(net.leaves) == 16 and np.all(table.error < 1e-3)
    # the same from one position, whose patch is a network of five leaves
    pixel = es.overlapping_cnn(12, 16, (3, 3), head="pixel")
    alone = {row.degrees: row for row in es.spectrum(pixel, degree=3, rtol=1e-6)}
    row = es.eigenvalue(net, {0: 1, 4: 1}, rtol=1e-6)
    assert row.value * 16 == pytest.approx(alone[1, 0, 0, 0, 1].value, rel=1e-6)
    with pytest.raises(UnsupportedError, match="at most 16 leaves, got 17"):
        es.spectrum(es.overlapping_cnn(12, 17, (3, 3)), degree=1)
    with pytest.raises(UnsupportedError, match="at most 16 leaves, got 17"):
        es.eigenvalue(es.overlapping_cnn(12, 17, (3, 3)), {0: 1})


def test_only_floats():
    with pytest.raises(UnsupportedError, match="floats only"):
        es.eigenvalue(es.overlapping_cnn(4, 3, (2,)), (1, 1, 0), ring=es.ball(128))


def test_too_many_terms_are_refused():
    with pytest.raises(UnsupportedError, match="lower degree"):
        es.eigenvalue(es.overlapping_cnn(4, 16, (3,), head="dense"), {0: 12})


# cubes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_cubes_against_the_sum_over_all_corners(kernel):
    net = es.overlapping_cnn(1, 7, (3, 2), head="dense")
    corners = np.array(list(itertools.product((1.0, -1.0), repeat=7)))
    values = es.kernel_function(net, kernel)(corners)
    table = es.spectrum(net, kernel, degree=7)
    for row in table:
        characters = np.prod(corners ** np.array(row.degrees), axis=1)
        assert row.value == pytest.approx(np.mean(values * characters), abs=1e-15)
    assert sum(row.multiplicity for row in table) == 2**7
    assert table.coverage() == pytest.approx(1, rel=1e-14)


def test_small_eigenvalues_of_cubes_keep_their_digits():
    net = es.overlapping_cnn(1, 12, (2,), head="dense", activation=es.rbf(0.01))
    ev = es.eigenvalue(net, (1,) * 12, "nngp")
    assert 0 < ev.value < 1e-25 and ev.error < 1e-15
    # far below the roundings of the kernel function itself
    corner = es.kernel_function(net, "nngp")(np.ones(12))
    assert ev.value < 1e-16 * corner


# exact zeros ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "net, row, zero",
    [
        (es.overlapping_cnn(4, 3, (2,)), (3, 0, 0), True),
        (es.overlapping_cnn(4, 3, (2,)), (2, 1, 0), True),
        (es.overlapping_cnn(4, 3, (2,)), (1, 1, 0), False),
        (es.overlapping_cnn(4, 4, (2,)), (1, 0, 1, 0), True),
        (es.overlapping_cnn(4, 4, (2, 2)), (3, 0, 0, 0), False),
        (window((4, 4, 4), es.absolute, es.absolute), (1, 0, 0), True),
        (window((4, 4, 4), es.absolute, es.absolute), (1, 0, 1), False),
        (window((4, 4, 4), es.monomial(2), es.identity), (1, 0, 1), True),
        (window((4, 4, 4), es.monomial(2), es.identity), (4, 0, 0), True),
    ],
)
def test_structural_zeros(net, row, zero):
    ev = es.eigenvalue(net, row, "nngp")
    assert (ev.value == 0) == zero and (ev.bound == "exact") == zero
    assert (ev.learning_index == inf) == zero
    assert abs(by_quadrature(net, row, "nngp", 24) if len(row) < 4 else ev.value) < 1e-13 or not zero


def test_what_is_not_reached_has_no_term():
    net = es.overlapping_cnn(4, 3, (2,))
    form = positions(net)[0].form
    reached = [row for row in itertools.product(range(4), repeat=2) if is_reached(form, row, True)]
    assert reached == [row for row in itertools.product(range(4), repeat=2) if sum(row) in (0, 1, 2, 4, 6)]


# symmetries -----------------------------------------------------------------------------------------------------------


def test_orders_of_groups():
    assert Symmetries(es.overlapping_cnn(4, 9, (3, 3))).order == 18
    assert Symmetries(es.overlapping_cnn(4, 9, (3, 3), circular=False)).order == 2
    assert Symmetries(es.mlp(4, 1, leaves=16)).order == factorial(16)
    assert Symmetries(es.cnn(4, (2, 2), 2)).order == 2**7
    assert Symmetries(es.overlapping_cnn(4, 6, (2, 2)), (1, 0, 0, 1, 0, 0)).order == 4


def test_groups_against_all_permutations():
    rng = np.random.default_rng(2)
    for _ in range(25):
        net = random_graph(rng, 5, (3, 5))
        xi = rng.uniform(-1, 1, size=(4, len(net.leaves)))
        kernel = es.kernel_function(net)
        dims = [leaf.dim for leaf in net.leaves]
        kept = [
            p
            for p in itertools.permutations(range(len(dims)))
            if [dims[u] for u in p] == dims and np.allclose(kernel(xi[:, list(p)]), kernel(xi), rtol=1e-12, atol=0)
        ]
        # equal functions may come from different graphs, never the other way
        assert len(kept) % Symmetries(net).order == 0 and Symmetries(net).order >= 1
        for p in Symmetries(net).generators:
            assert p in kept


# indices --------------------------------------------------------------------------------------------------------------


def least_by_all_choices(net, degrees):
    """Space and frequency over all ways to choose a path from the output to each active leaf."""
    alpha = lambda n: float(np.log(n) / np.log(net.dim))  # noqa: E731

    def paths(part):
        if not hasattr(part, "children"):
            return {part: [()]}
        found: dict = {}
        for child in dict.fromkeys(part.children):
            for leaf, below in paths(child).items():
                found.setdefault(leaf, []).extend(((part, child), *rest) for rest in below)
        return found

    top: dict = {}
    for position in dict.fromkeys(net.positions):
        for leaf, below in paths(position).items():
            top.setdefault(leaf, []).extend(((None, position), *rest) for rest in below)
    best = (inf, inf)
    for choice in itertools.product(*(top[leaf] for leaf in degrees)):
        space, frequency = 0.0, 0.0
        for parent, _ in {edge for path in choice for edge in path}:
            children = net.positions if parent is None else parent.children
            if not all(not hasattr(c, "children") for c in children):
                space += alpha(len(children))
        for leaf, path in zip(degrees, choice):
            parent = path[-1][0]
            children = net.positions if parent is None else parent.children
            block = all(not hasattr(c, "children") for c in children)
            frequency += degrees[leaf] * alpha(sum(c.dim for c in children) if block else leaf.dim)
        best = min(best, (space + frequency, frequency), key=lambda c: (round(c[0], 9), c[1]))
    return best


def test_least_trees_against_all_choices_of_paths():
    rng = np.random.default_rng(3)
    for _ in range(60):
        net = random_graph(rng, 4)
        active = rng.choice(len(net.leaves), size=rng.integers(1, min(3, len(net.leaves)) + 1), replace=False)
        degrees = {net.leaves[u]: int(rng.integers(1, 4)) for u in active}
        space, frequency = SpanningTrees(net).indices(degrees)
        learning, other = least_by_all_choices(net, degrees)
        assert float(space + frequency) == pytest.approx(learning, abs=1e-9)
        assert float(frequency) == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("name", [name for name, net in CATALOGUE.items() if 16 < net.dim < 10**4 or name == "mixed"])
def test_trees_have_the_indices_of_their_recursion(name):
    net = CATALOGUE[name]
    trees = SpanningTrees(net)
    for row in es.spectrum(net, degree=3, rtol=1e-2):
        found = trees.indices({leaf: r for leaf, r in zip(net.leaves, row.degrees) if r})
        assert [float(x) for x in found] == pytest.approx([float(row.space), float(row.frequency)], abs=1e-9)


def test_a_shared_child_shortens_the_tree():
    a, b, c = (es.leaf(16) for _ in range(3))
    net = es.network([es.node([es.node([a, b]), es.node([b, c])])])
    trees, one = SpanningTrees(net), Fraction(1, 1)
    space = lambda *leaves: float(trees.indices(dict.fromkeys(leaves, one))[0] / trees.indices({a: 1})[0])  # noqa: E731
    assert [space(a), space(a, b), space(b, c), space(a, c), space(a, b, c)] == pytest.approx([1, 1, 1, 2, 2])
    with pytest.raises(UnsupportedError, match="at most 16, got 17"):
        trees.indices({es.leaf(3): 1 for _ in range(17)})


def test_indices_of_a_large_graph():
    net = es.overlapping_cnn(3, 1024, (4, 4, 4))
    table = es.index_table(net, {"near": {0: 1, 3: 1}, "far": {0: 1, 9: 1}, "apart": {0: 1, 500: 1}})
    near, far, apart = (row.indices[net.call] for row in table)
    assert near.space < far.space < apart.space and near.learning_index < inf and apart.learning_index == inf


# leading orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("row", [(0, 0, 0, 0), (1, 0, 0, 0), (3, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (2, 1, 1, 0)])
def test_the_ratio_to_the_leading_order_tends_to_one(row, kernel):
    gaps = []
    for dim in (10**3, 10**5):
        net = es.overlapping_cnn(dim, 4, (2, 2))
        order = es.leading_order(net, row, kernel, exponents=FIXED)
        gaps.append(abs(10 ** (es.eigenvalue(net, row, kernel, rtol=1e-8).log10 - order.log10) - 1))
        assert order.exponent == sum(row)
    assert gaps[0] < 0.02 and gaps[1] < 0.02 * gaps[0] + 1e-7
    value = order.expr.subs({x: order.sizes[x.name][0] for x in order.expr.free_symbols})
    assert float(value) == pytest.approx(10**order.log10, rel=1e-9)


@pytest.mark.parametrize("name", ["two spheres", "D-CNN", "D-CNN, dense", "D-CNN, deep", "ragged", "mixed", "Xiao HR"])
@pytest.mark.parametrize("exponents", [None, FIXED], ids=["natural", "fixed"])
def test_leading_orders_of_trees(name, exponents):
    net = CATALOGUE[name]
    wanted = None if exponents is None else lambda kind, layer: Fraction(FIXED[kind])
    for row in ((), (1,), (3,), (1, 1), (2, 1)):
        full = row + (0,) * (len(net.leaves) - len(row))
        expected = es.leading_order(net, full, exponents=exponents)
        found = graph_order(net, {leaf: r for leaf, r in zip(net.leaves, full) if r}, "ntk", wanted)
        assert float(found.exponent) == pytest.approx(float(expected.exponent), abs=1e-9)
        assert found.constant == pytest.approx(expected.constant, rel=1e-12)


def test_even_activations_need_a_pair_in_a_shared_leaf():
    ratios = []
    for dim in (100, 10**4):
        net = window((dim,) * 3, es.absolute, es.absolute)
        order = es.leading_order(net, (1, 0, 1), "nngp", exponents=FIXED)
        assert order.exponent == 3
        ratios.append(10 ** (es.eigenvalue(net, (1, 0, 1), "nngp").log10 - order.log10))
    assert abs(ratios[0] - 1) < 0.02 and abs(ratios[1] - 1) < 2e-4
    with pytest.raises(UnsupportedError, match="outside the degrees"):
        es.leading_order(net, (1, 0, 1), "nngp")
    assert es.leading_order(net, (1, 0, 0), "nngp").exponent == inf


def test_leading_orders_refuse_by_name():
    net = es.overlapping_cnn(8, 4, (2, 2))
    with pytest.raises(UnsupportedError, match="fixed dimension 8"):
        es.leading_order(net, (1, 0, 0, 0), exponents={"dim": 0})
    with pytest.raises(UnsupportedError, match="at most 600"):
        es.leading_order(net, (9, 9, 9, 0))


# stride-1 convolutions ------------------------------------------------------------------------------------------------


def cntk(xi, filters, head):
    """NNGP and NTK of a circular convolutional ReLU network, written out with loops [Arora2019]."""
    kappa0 = lambda t: (np.pi - np.arccos(t)) / np.pi  # noqa: E731
    kappa1 = lambda t: (np.sqrt(1 - t * t) + t * (np.pi - np.arccos(t))) / np.pi  # noqa: E731
    kernel, tangent, n = list(xi), list(xi), len(xi)
    for q in filters:
        mean, slope = ([sum(x[(i + j) % n] for j in range(q)) / q for i in range(n)] for x in (kernel, tangent))
        kernel = [kappa1(t) for t in mean]
        tangent = [k + kappa0(t) * h for k, t, h in zip(kernel, mean, slope)]
    return (kernel[0], tangent[0]) if head == "pixel" else (sum(kernel) / n, sum(tangent) / n)


@pytest.mark.parametrize("head", ["flatten", "pixel"])
def test_overlapping_cnn_is_the_convolutional_kernel(head):
    xi = np.random.default_rng(4).uniform(-0.9, 0.9, size=7)
    net = es.overlapping_cnn(5, 7, (3, 2), head=head)
    # a single position numbers its leaves from its own patch on
    own = xi[: len(net.leaves)]
    expected = cntk(xi, (3, 2), head)
    for value, kernel in zip(expected, ("nngp", "ntk")):
        assert es.kernel_function(net, kernel)(own) == pytest.approx(value, rel=1e-14)


def test_shapes_of_overlapping_cnn():
    assert len(es.overlapping_cnn(5, 7, (3, 3), circular=False).positions) == 3
    assert es.overlapping_cnn(5, 7, (3, 3), head="dense").depth == 3
    assert len(es.overlapping_cnn(5, 7, (3, 3), head="pixel").leaves) == 5
    with pytest.raises(ValueError, match="filters must fit on 4 leaves"):
        es.overlapping_cnn(5, 4, (3, 3), circular=False)
    with pytest.raises(ValueError, match="head must be one of"):
        es.overlapping_cnn(5, 4, (3, 3), head="gap")


def test_constants_grow_with_the_number_of_paths():
    """[Geifman2022]: pixels with more paths to the output have larger eigenvalues; here by the count of the paths."""
    net = es.overlapping_cnn(50, 5, (3, 3), head="pixel", activation=es.identity)
    row = lambda u: tuple(int(v == u) for v in range(5))  # noqa: E731
    values = [es.eigenvalue(net, row(u), "nngp").value * 50 * 9 for u in range(5)]
    assert values == pytest.approx([1, 2, 3, 2, 1], rel=1e-14)
    relu = es.overlapping_cnn(50, 5, (3, 3), head="pixel")
    one = [es.eigenvalue(relu, row(u), rtol=1e-6).value for u in range(5)]
    assert one[0] < one[1] < one[2] and one[:2] == pytest.approx(one[:2:-1], rel=1e-10)


def test_near_pixels_interact_more():
    """[Geifman2022]: locality."""
    net = es.overlapping_cnn(12, 8, (2, 2, 2))
    values = [es.eigenvalue(net, {0: 1, u: 1}, rtol=1e-3).value for u in range(1, 5)]
    assert values[0] > values[1] > values[2] > values[3] == 0


# tables ---------------------------------------------------------------------------------------------------------------


def test_a_table_says_how_it_was_made():
    net = es.overlapping_cnn(12, 5, (2, 2))
    table = es.spectrum(net, "nngp", degree=2, rtol=1e-5)
    assert list(table.patterns) == ["0", "0:1", "0:2", "0:1 1:1", "0:1 2:1"]
    assert table.provenance.method.startswith("multivariate power series")
    call = "eigenspace.spectrum(eigenspace.overlapping_cnn(12, 5, filters=(2, 2)), 'nngp', degree=2, rtol=1e-05)"
    assert table.provenance.call == call
    again, kernel = read_call(table.provenance.call)
    assert np.array_equal(es.spectrum(again, kernel, degree=2, rtol=1e-5).values(), table.values())
    assert "Geifman2022" in table.provenance.citations
    assert [row.multiplicity for row in table] == [1, 60, 5 * 77, 720, 720]


def test_the_call_of_a_graph_names_what_is_shared():
    net = window((4, 5, 6))
    assert net.call == "network([node([node([leaf(4), (x0 := leaf(5))]), node([x0, leaf(6)])])])"
    again = eval(net.call, {name: getattr(es, name) for name in ("network", "node", "leaf")})
    xi = np.array([0.1, -0.4, 0.7])
    assert es.kernel_function(again)(xi) == es.kernel_function(net)(xi)
    read, _ = read_call(f"spectrum({net.call}, 'ntk')")
    assert not read.is_tree and es.kernel_function(read)(xi) == es.kernel_function(net)(xi)


@pytest.mark.parametrize(
    "net, least", [(es.overlapping_cnn(8, 5, (2,)), 2e-4), (es.overlapping_cnn(1, 6, (2, 2)), 1e-3)], ids=str
)
def test_searching_by_value_and_by_count(net, least):
    everything = es.spectrum(net, "nngp", degree=5, rtol=1e-6).sorted("value")
    wanted = [row for row in everything if row.value >= least]
    found = es.spectrum(net, "nngp", min_value=least, rtol=1e-6)
    assert [row.degrees for row in found] == [row.degrees for row in wanted] and len(wanted) > 3
    count = sum(row.multiplicity for row in wanted[:3])
    assert [row.degrees for row in es.spectrum(net, "nngp", count=count, rtol=1e-6)] == [r.degrees for r in wanted[:3]]
