"""`to_stax`: the convolutions that a network is made of, and the kernels of neural-tangents where it is installed."""

import sys

import numpy as np
import pytest

import eigenspace as es
from eigenspace._stax import _levels, _read


def sizes(net):
    """Patches, strides and grids of the convolutions of a network."""
    levels = _levels(net)
    return None if levels is None else [(level.size, level.stride, level.shape) for level in levels]


def overlapping():
    a, b, c, d, e = (es.leaf(3) for _ in range(5))
    first = [es.node([a, b, c]), es.node([b, c, d]), es.node([c, d, e])]
    return es.network([es.node(first[:2]), es.node(first[1:])])


def test_structure():
    assert sizes(es.mlp(5, 2, leaves=3)) == [((3,), (3,), (1,)), ((1,), (1,), (1,))]
    assert sizes(es.cnn(4, (1, 2), 3)) == [((1,), (1,), (6,)), ((2,), (2,), (3,))]
    assert sizes(es.cnn(4, (2,), 3, head="dense")) == [((2,), (2,), (3,)), ((3,), (3,), (1,))]
    assert sizes(es.cnn(4, ((2, 1), 1, (1, 3)), (2, 2))) == [
        ((2, 1), (2, 1), (2, 6)), ((1, 1), (1, 1), (2, 6)), ((1, 3), (1, 3), (2, 2))]  # fmt: skip
    assert sizes(overlapping()) == [((3,), (1,), (3,)), ((2,), (1,), (2,))]
    assert sizes(es.network([es.leaf(2), es.leaf(2)])) == []


@pytest.mark.parametrize(
    "net",
    [
        es.network([es.node([es.leaf(2)]), es.node([es.leaf(3)])]),  # different dimensions
        es.network([es.node([es.leaf(2), es.leaf(2)]), es.node([es.leaf(2)])]),  # different filters
        es.network([es.node([es.leaf(2)]), es.node([es.leaf(2)], es.erf)]),  # different activations
        es.network([es.node([es.leaf(2)], sigma_w=2), es.node([es.leaf(2)])]),  # different weights
        es.network([es.node([es.leaf(2)]), es.leaf(2)]),  # different heights
        es.network([es.node([(a := es.leaf(2)), es.leaf(2)]), es.node([a, es.leaf(2)])]),  # no patches of a row
        es.network([n := es.node([es.leaf(2)]), n]),  # a position twice
    ],
)
def test_not_convolutions(net):
    assert sizes(net) is None


def test_names_of_all_activations_are_read():
    assert _read(es.leaky_relu(-0.25).name) == ("leaky_relu", [-0.25])
    assert _read(es.polynomial((1, "1/3", 2)).name) == ("polynomial", [[1, pytest.approx(1 / 3), 2]])
    assert _read(es.sine(1, 0.5, 2).name) == ("sine", [1, 0.5, 2])


@pytest.mark.parametrize("library", [None, object()])
def test_without_neural_tangents(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "neural_tangents", library)
    with pytest.raises(ImportError, match=r"jax < 0.6.*pip install 'eigenspace\[stax\]'"):
        es.mlp(3, 1).to_stax()


def test_width():
    with pytest.raises(ValueError, match="width must be a positive integer, got 0; use 512"):
        es.mlp(3, 1).to_stax(width=0)


# with neural-tangents -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stax():
    jax = pytest.importorskip("jax")
    pytest.importorskip("neural_tangents")
    jax.config.update("jax_enable_x64", True)


def inputs(net, rng):
    """Two batches of leaves of norm sqrt(dim), and their correlations."""
    leaves = [[rng.normal(size=(3, leaf.dim)) for leaf in net.leaves] for _ in range(2)]
    first, second = ([v * (v.shape[1] ** 0.5 / np.linalg.norm(v, axis=1, keepdims=True)) for v in s] for s in leaves)
    if net.head == "gap":
        xi = np.array([[np.mean(v * w, axis=1) for w in second] for v in first]).transpose(2, 0, 1)
    else:
        xi = np.stack([np.mean(v * w, axis=1) for v, w in zip(first, second)], axis=1)
    if len({leaf.dim for leaf in net.leaves}) > 1:
        return first, second, xi
    shape = (3, *net.grid, net.leaves[0].dim)
    return np.stack(first, axis=1).reshape(shape), np.stack(second, axis=1).reshape(shape), xi


NETWORKS = {
    "dense": es.mlp(6, 2, leaves=2, activation=es.gelu, sigma_w=1.4, sigma_b=0.2),
    "residual": es.mlp(6, 3, activation=es.erf, residual=0.5),
    "dense head": es.cnn(4, (1, 2), 3, head="dense", activation=es.leaky_relu(0.1)),
    "gap": es.cnn(4, (2, 1), 3, head="gap", sigma_w=1.2, residual=0.4),
    "image": es.cnn(3, ((2, 1), (1, 2)), (2, 1), activation=es.exponential(0.5)),
    "overlapping": overlapping(),
    "tree": es.network([es.node([es.node([es.leaf(4)], es.erf), es.leaf(4)]), es.node([es.leaf(4)], es.rbf(0.5))]),
    "dimensions": es.network([es.node([es.leaf(4), es.leaf(3)], sigma_w=1.2, sigma_b=0.3), es.leaf(5)]),
    "hermite": es.mlp(5, 2, activation=es.hermite(3), sigma_w=0.9, sigma_b=0.3),
    "polynomial": es.mlp(5, 1, activation=es.polynomial((1, "1/3", 2))),
    "sine": es.mlp(5, 1, activation=es.sine(2, 0.5, 0.25), sigma_w=1.5),
    "step": es.mlp(5, 2, activation=es.step),
    "rectified": es.mlp(5, 2, activation=es.rectified_monomial(3), sigma_w=0.7, sigma_b=0.1),
}


@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
def test_kernels(stax, net):
    first, second, xi = inputs(net, np.random.default_rng(1))
    found = net.to_stax(width=2)[2](first, second, ("nngp", "ntk"))
    for kernel in ("nngp", "ntk"):
        function = es.kernel_function(net, kernel)
        largest = function(np.ones_like(xi[0]))
        assert np.allclose(np.diag(getattr(found, kernel)), function(xi), rtol=0, atol=1e-12 * largest)


@pytest.mark.parametrize("name", ["residual", "dimensions"])
def test_finite_networks(stax, name):
    """The mean over random networks of the product of two outputs is the NNGP, within its standard error."""
    import jax

    net = NETWORKS[name]
    first, second, xi = inputs(net, np.random.default_rng(2))
    init, apply, _ = net.to_stax(width=64)
    shape = [v.shape for v in first] if isinstance(first, list) else first.shape

    def product(key):
        parameters = init(key, shape)[1]
        return apply(parameters, first) * apply(parameters, second)

    found = np.asarray(jax.lax.map(jax.jit(product), jax.random.split(jax.random.PRNGKey(0), 1000)))[:, :, 0]
    error = found.std(axis=0, ddof=1) / len(found) ** 0.5
    # width 64 is not infinite, and its bias of the order of 1/64 is that of the covariance of products
    slack = 0.05 * es.kernel_function(net, "nngp")(np.ones_like(xi[0]))
    assert np.all(np.abs(found.mean(axis=0) - es.kernel_function(net, "nngp")(xi)) < 4 * error + slack)


def test_refused(stax):
    pair = lambda: es.node([es.node([es.leaf(2)]), es.leaf(2)])
    with pytest.raises(es.UnsupportedError, match="head='gap' over parts that are not one convolution"):
        es.network([pair(), pair()], head="gap").to_stax()
    part = es.node([es.leaf(2), es.leaf(3)])
    for _ in range(12):
        part = es.node([part, part])
    with pytest.raises(es.UnsupportedError, match="at most 4096, and this one has"):
        es.network([part]).to_stax()
