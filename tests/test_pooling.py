"""Global average pooling against its definition: whole matrices on cubes, quadrature on circles and spheres."""

import json
from fractions import Fraction
from itertools import product
from math import pi

import numpy as np
import pytest

import eigenspace as es

# the kernels written out once more -----------------------------------------------------------------------------------


def relu_pair(t):
    t = np.clip(t, -1, 1)
    kappa0 = (pi - np.arccos(t)) / pi
    return (np.sqrt(1 - t**2) + t * (pi - np.arccos(t))) / pi, kappa0


def rbf_pair(t, gamma=0.5):
    value = np.exp(-2 * gamma * (1 - t))
    return value, 2 * gamma * value


def tower(pair, filters, xi):
    """Kernel and tangent kernel of one position from the correlations of its leaves, the last axis of ``xi``."""
    kernel = tangent = xi
    for size in filters:
        mean, slope = (a.reshape(*a.shape[:-1], -1, size).mean(axis=-1) for a in (kernel, tangent))
        kernel, factor = pair(mean)
        tangent = kernel + factor * slope
    return kernel[..., 0], tangent[..., 0]


def pooled(pair, filters, x, y):
    """The kernels between inputs of shape (..., positions, leaves, dim) that broadcast, as means over pairs."""
    xi = np.sum(x[..., :, None, :, :] * y[..., None, :, :, :], axis=-1)
    return [value.mean(axis=(-2, -1)) for value in tower(pair, filters, xi)]


PAIRS = {"relu": (es.relu, relu_pair), "rbf": (es.rbf(0.5), rbf_pair)}


# cubes: all eigenvalues of the whole matrix --------------------------------------------------------------------------


def expanded(table, size):
    """All eigenvalues of a table, largest first, and zeros for what it does not list."""
    values = np.repeat(table.values(), table.multiplicity.astype(int))
    listed = np.sort(values)[::-1]
    assert listed.size <= size
    return np.concatenate([listed, np.zeros(size - listed.size)])


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("name", ["relu", "rbf"])
@pytest.mark.parametrize(("filters", "positions"), [((3,), 2), ((2,), 3), ((2, 2), 2), ((1,), 4)])
def test_cubes(filters, positions, name, kernel):
    activation, pair = PAIRS[name]
    net = es.cnn(1, filters, positions, head="gap", activation=activation)
    bits = len(net.leaves)
    corners = np.array(list(product([1.0, -1.0], repeat=bits)))
    x = corners.reshape(-1, positions, bits // positions, 1)
    matrix = pooled(pair, filters, x[:, None], x[None])[kernel == "ntk"]
    function = es.kernel_function(net, kernel)
    assert np.allclose(function(corners[:, None, :, None] * corners[:, None]), matrix, atol=1e-14)
    table = es.spectrum(net, kernel, degree=bits)
    found = np.linalg.eigvalsh(matrix / 2**bits)[::-1]
    # sorted eigenvalues move by no more than the largest of the stated errors
    stated = float(np.max(table.values() * table.error))
    assert np.allclose(found, expanded(table, 2**bits), rtol=0, atol=1e-14 + stated)
    assert np.trace(matrix) / 2**bits == pytest.approx(table.trace, abs=1e-14 + stated)
    assert table.coverage() == pytest.approx(1, abs=1e-13 + 2 * float(table.shares() @ table.error))
    # the null space: eigenvalues far above the noise are as many as the table lists above zero
    above = sum(row.multiplicity for row in table if row.value > 1e-13)
    assert np.count_nonzero(found > 1e-13) == above


# circles and spheres: the integral over the second input -------------------------------------------------------------


def sphere_rule(dim, size):
    """Points and weights on a circle or a sphere."""
    turns = 2 * pi * np.arange(size) / size
    if dim == 2:
        return np.stack([np.cos(turns), np.sin(turns)], axis=-1), np.full(size, 1 / size)
    height, weight = np.polynomial.legendre.leggauss(size // 2)
    radius = np.sqrt(1 - height**2)[:, None]
    points = np.stack([radius * np.cos(turns), radius * np.sin(turns), height[:, None] + 0 * turns], axis=-1)
    return points.reshape(-1, 3), np.repeat(weight / 2 / size, size)


HARMONICS = {
    2: {0: lambda p: 1 + 0 * p[..., 0], 1: lambda p: p[..., 1], 2: lambda p: p[..., 0] * p[..., 1]},
    3: {0: lambda p: 1 + 0 * p[..., 0], 1: lambda p: p[..., 2], 2: lambda p: p[..., 0] * p[..., 2]},
}


@pytest.mark.parametrize(
    ("dim", "filters", "positions", "size", "name", "tolerance"),
    [
        (2, (1,), 2, 24, "rbf", 1e-13), (2, (1,), 3, 20, "rbf", 1e-13), (2, (2,), 2, 16, "rbf", 1e-12),
        (3, (1,), 2, 16, "rbf", 1e-13), (2, (1, 1), 2, 128, "relu", 2e-4), (3, (1,), 2, 24, "relu", 2e-3),
    ],
)  # fmt: skip
def test_eigenfunctions(dim, filters, positions, size, name, tolerance):
    activation, pair = PAIRS[name]
    net = es.cnn(dim, filters, positions, head="gap", activation=activation)
    leaves = len(net.leaves) // positions
    points, weights = sphere_rule(dim, size)
    indices = np.indices([len(weights)] * (positions * leaves)).reshape(positions * leaves, -1)
    second = points[indices.T].reshape(-1, positions, leaves, dim)
    mass = np.prod(weights[indices], axis=0)
    rng = np.random.default_rng(1)
    first = rng.normal(size=(3, positions, leaves, dim))
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    kernels = [pooled(pair, filters, x, second) for x in first]
    harmonics = HARMONICS[dim]
    for degrees in ([0] * leaves, [1] + [0] * (leaves - 1), [2] + [0] * (leaves - 1), [1] * leaves):
        one = lambda x, d=degrees: np.prod([harmonics[k](x[..., i, :]) for i, k in enumerate(d)], axis=0)  # noqa: E731
        for which, kernel in enumerate(["nngp", "ntk"]):
            row = es.eigenvalue(net, dict(enumerate(degrees)), kernel)
            for x, values in zip(first, kernels):
                applied = mass @ (values[which] * one(second).mean(axis=-1))
                assert applied == pytest.approx(row.value * one(x).mean(axis=-1), abs=tolerance)
                if any(degrees):
                    # what is summed with weights of sum zero is in the null space
                    other = one(second)[:, 0] - one(second)[:, 1]
                    assert mass @ (values[which] * other) == pytest.approx(0, abs=tolerance)
    if positions > 1 and leaves == 1:
        across = harmonics[1](second[:, 0, 0]) * harmonics[1](second[:, 1, 0])
        assert mass @ (kernels[0][1] * across) == pytest.approx(0, abs=tolerance)
        assert es.eigenvalue(net, {0: 1, 1: 1}).bound == "exact" and es.eigenvalue(net, {0: 1, 1: 1}).value == 0
    # the trace: equal inputs, averaged
    diagonal = pooled(pair, filters, second, second)
    for which, kernel in enumerate(["nngp", "ntk"]):
        trace = es.spectrum(net, kernel, degree=1).trace
        assert mass @ diagonal[which] == pytest.approx(trace, abs=30 * tolerance)


# beside the flattened network ----------------------------------------------------------------------------------------

NETS = [
    ((8, (1, 2), 2), {"activation": es.rbf(1)}), ((1, (4,), 3), {}), ((6, (2,), 3), {}),
    ((2, (1, 2), 4), {"activation": es.rbf(0.3)}),
    ((5, (1,), 1), {}), ((4, (2,), 2), {"activation": es.hermite(3)}),
]  # fmt: skip


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize(("sizes", "options"), NETS)
def test_relation_to_flatten(sizes, options, kernel):
    gap, flat = (es.spectrum(es.cnn(*sizes, head=head, **options), kernel, degree=3) for head in ("gap", "flatten"))
    count = sizes[-1]
    assert list(gap.patterns) == list(flat.patterns) and list(gap.degrees) == list(flat.degrees)
    assert gap.values().tolist() == flat.values().tolist()
    assert gap.learning_index.tolist() == flat.learning_index.tolist()
    per_position = len(gap.degrees[0]) // count
    for row, wide in zip(gap, flat):
        active = {leaf // per_position for leaf, degree in enumerate(row.degrees) if degree}
        assert row.multiplicity * (count if len(active) == 1 else 1) == wide.multiplicity
        assert (row.value == 0) == (len(active) > 1) or wide.value == 0
    constant = flat[0].value
    assert gap.trace == pytest.approx((flat.trace + (count - 1) * constant) / count, rel=1e-11)


def test_trace_is_the_sum():
    gap, flat = (es.cnn(4, (1, 2), 3, head=head, activation=es.rbf(0.2)) for head in ("gap", "flatten"))
    table = es.spectrum(gap, degree=8)
    assert 1 - 1e-5 < table.coverage() < 1
    assert es.spectrum(flat, degree=8).coverage() < table.coverage()


def test_contract():
    row = es.eigenvalue(es.cnn(8, filters=(1, 2), positions=2, head="gap"), {0: 2})
    one = es.eigenvalue(es.cnn(8, filters=(1, 2)), {0: 2})
    assert row.value == pytest.approx(one.value / 2, rel=1e-12) and row.multiplicity == one.multiplicity == 70


def test_searches():
    net = es.cnn(6, (1, 2), 3, head="gap", activation=es.rbf(0.2))
    full = es.spectrum(net, degree=6).sorted("value")
    least = es.spectrum(net, min_value=1e-4)
    assert least.values().tolist() == pytest.approx(full.values()[: len(least)].tolist(), rel=1e-11)
    assert least.values()[-1] >= 1e-4 > full.values()[len(least)]
    few = es.spectrum(net, count=100)
    assert sum(few.multiplicity[:-1]) < 100 <= sum(few.multiplicity)
    assert list(few.patterns) == list(full.patterns)[: len(few)]


def test_rings():
    net = es.cnn(3, (1,), 4, head="gap")
    exact = es.spectrum(net, "nngp", degree=4, ring=es.EXACT)
    balls = es.spectrum(net, "nngp", degree=4, ring=es.ball(128), rtol=1e-25)
    assert [str(row.value) for row in exact][:3] == ["3/8", "1/24", "3/512"]
    for a, b in zip(exact, balls):
        assert a.multiplicity == b.multiplicity and (a.value == 0) == (b.value == 0)
        assert float(a.value) == pytest.approx(float(b.value), rel=1e-15)
    # (1 + 3 * 3/8) / 4
    assert exact.trace == balls.trace == 17 / 32


def test_formulas():
    gap, flat = (es.cnn(4, (1,), 3, head=head) for head in ("gap", "flatten"))
    for degrees in ({}, {0: 1}, {0: 2}, {0: 1, 1: 1}):
        assert es.closed_form(gap, degrees).expr == es.closed_form(flat, degrees).expr
        assert float(es.closed_form(gap, degrees)) == pytest.approx(es.eigenvalue(gap, degrees).value, rel=1e-11)
    assert es.decay(gap, leaves=[0]).exponent == es.decay(flat, leaves=[0]).exponent
    gap, flat = (es.cnn(16, (1,), 16, head=head) for head in ("gap", "flatten"))
    assert es.leading_order(gap, {0: 2}).exponent == es.leading_order(flat, {0: 2}).exponent == Fraction(3, 2)
    assert es.leading_order(gap, {0: 2}).constant == es.leading_order(flat, {0: 2}).constant


def test_notes():
    table = es.spectrum(es.cnn(4, (1, 4), 4, head="gap"), degree=1)
    assert any("a = log 4 / log d = 1/3" in note for note in table.notes)
    assert not any("pooling" in note for note in es.spectrum(es.cnn(4, (1, 4), 4), degree=2).notes)
    assert not any("pooling" in note for note in es.spectrum(es.cnn(4, (1, 4), 1, head="gap"), degree=2).notes)
    text = str(es.index_table({"flat": es.cnn(4, (1, 4), 4), "gap": es.cnn(4, (1, 4), 4, head="gap")}, ["x0*x1"]))
    assert "gap: With pooling, d^(L - a) samples" in " ".join(text.split())
    loose = es.spectrum(es.cnn(2, (2,), 2, head="gap"), degree=1, rtol=1e-3)
    assert loose.error[0] > 1e-12 and any("trace has a relative error" in note for note in loose.notes)


def test_json_round_trip():
    table = es.spectrum(es.cnn(4, (2,), 2, head="gap"), degree=2)
    again = es.EigenTable.from_json(table.to_json())
    assert again.multiplicity.tolist() == table.multiplicity.tolist() and again.notes == table.notes


# verification --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(8, (1,), 2), (1, (3,), 3), (2, (1,), 3)])
def test_verify(sizes):
    table = es.spectrum(es.cnn(*sizes, head="gap"), degree=3)
    assert es.verify(table).passed
    text = table.to_json()

    def spoiled(name, change):
        document = json.loads(text)
        document[name] = change(document[name])
        return es.verify(json.dumps(document))

    check = spoiled("trace", lambda trace: trace * (1 + 1e-6))
    assert not check.passed and "eigenvalue of the constant" in check.faults[0]
    flat = es.spectrum(es.cnn(*sizes), degree=3)
    document = json.loads(text) | {name: json.loads(flat.to_json())[name] for name in ("multiplicity",)}
    check = es.verify(json.dumps(document))
    assert not check.passed and any("multiplicity" in fault for row in check.rows for fault in row.faults)


# the kernel function -------------------------------------------------------------------------------------------------


def test_kernel_function_shapes():
    net = es.cnn(3, (2,), 3, head="gap")
    function, rng = es.kernel_function(net), np.random.default_rng(0)
    xi = rng.uniform(-1, 1, (4, 5, 6, 6))
    values = function(xi)
    assert values.shape == (4, 5) and isinstance(function(xi[0, 0]), float)
    assert function(xi[1, 2]) == pytest.approx(values[1, 2], rel=1e-14)
    # leaves 0, 2, 4 correspond to each other, and 1, 3, 5
    ignored = xi.copy()
    ignored[..., ::2, 1::2] = ignored[..., 1::2, ::2] = 7.0
    assert np.array_equal(function(ignored), values)
    assert function(np.ones((6, 6))) == es.kernel_function(es.cnn(3, (2,), 3))(np.ones(6)) == 2
    with pytest.raises(ValueError, match=r"xi must be matrices of 6 x 6 correlations.*\(5, 6\).*entry \[a, b\]"):
        function(np.ones((5, 6)))
    with pytest.raises(ValueError, match="between -1 and 1"):
        function(1.1 * np.ones((6, 6)))


def test_overlapping_positions():
    """Stride one on a ring of pixels: the kernel of every pair of windows."""
    leaves = [es.leaf(3) for _ in range(4)]
    windows = [es.node([leaves[i], leaves[(i + 1) % 4]]) for i in range(4)]
    net = es.network(windows, head="gap")
    rng = np.random.default_rng(2)
    x, y = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in rng.normal(size=(2, 4, 3)))
    corr = x @ y.T
    wanted = [relu_pair((corr[u, v] + corr[(u + 1) % 4, (v + 1) % 4]) / 2)[0] for u in range(4) for v in range(4)]
    assert es.kernel_function(net, "nngp")(corr) == pytest.approx(np.mean(wanted), rel=1e-14)
    with pytest.raises(es.UnsupportedError, match="share no leaf"):
        es.eigenvalue(net, {0: 1})


def test_order_of_children_is_the_correspondence():
    inner = lambda a, b: es.node([es.leaf(a), es.leaf(b)])  # noqa: E731
    assert es.network([inner(3, 4), inner(3, 4)], head="gap").places.tolist() == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match=r"alike.*leaf\(3\), leaf\(4\).*position 0.*leaf\(4\), leaf\(3\).*position 1"):
        es.network([inner(3, 4), inner(4, 3)], head="gap")
    with pytest.raises(ValueError, match="alike"):
        es.network([inner(3, 4), es.node([es.leaf(3), es.leaf(4)], es.rbf(1))], head="gap")
    with pytest.raises(ValueError, match="alike"):
        es.network([inner(3, 4), es.node([inner(3, 4)])], head="gap")


def test_call_rebuilds():
    from eigenspace.verification.calls import read_call

    net = es.network([es.node([es.leaf(3)]), es.node([es.leaf(3)])], head="gap")
    again, _ = read_call(es.spectrum(net, degree=1).provenance.call)
    assert again.head == "gap" and again.call == net.call
