"""`from_torch`, with the modules of torch where it is installed, and with stand-ins of the same names."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import eigenspace as es


def stand_ins():
    """What `from_torch` sees of ``torch.nn``: names of classes and attributes."""

    class Sequential:
        def __init__(self, *modules):
            self.modules = modules

        def __iter__(self):
            return iter(self.modules)

    def module(name, *names, **defaults):
        def init(self, *args, **given):
            values = defaults | dict(zip((*names, *defaults), args)) | given
            assert set(values) == {*names, *defaults}, name
            values["bias"] = object() if values.get("bias") else None
            vars(self).update(values)

        return type(name, (), {"__init__": init, "__module__": "torch.nn.modules.some", "training": True})

    def convolution(axes):
        options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": True}
        base = module("base", "in_channels", "out_channels", "kernel_size", **options)

        class Convolution(base):
            def __init__(self, *args, **given):
                super().__init__(*args, **given)
                for name in ("kernel_size", "stride", "padding", "dilation"):
                    value = getattr(self, name)
                    setattr(self, name, (value,) * axes if isinstance(value, int) else value)

        return type(f"Conv{axes}d", (Convolution,), {"__module__": "torch.nn.modules.conv"})

    Sequential.__module__ = "torch.nn.modules.container"
    made = [
        module("Linear", "in_features", "out_features", bias=True),
        module("ReLU"), module("Tanh"), module("SiLU"), module("Identity"), module("PReLU"),
        module("GELU", approximate="none"), module("LeakyReLU", negative_slope=0.01), module("ELU", alpha=1.0),
        module("Softplus", beta=1.0), module("Hardtanh", min_val=-1.0, max_val=1.0),
        module("Flatten", start_dim=1, end_dim=-1), module("Dropout", p=0.5),
        module("AdaptiveAvgPool1d", "output_size"), module("AdaptiveAvgPool2d", "output_size"),
        module("AvgPool1d", "kernel_size", stride=None, padding=0),
        module("AvgPool2d", "kernel_size", stride=None, padding=0),
        module("BatchNorm2d", "num_features"), module("MaxPool2d", "kernel_size"),
    ]  # fmt: skip
    named = {cls.__name__: cls for cls in (Sequential, convolution(1), convolution(2), *made)}
    return SimpleNamespace(**named)


@pytest.fixture(params=["stand-ins", "torch"])
def nn(request):
    return stand_ins() if request.param == "stand-ins" else pytest.importorskip("torch").nn


def test_dense(nn):
    module = nn.Sequential(nn.Linear(7, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 10))
    assert es.from_torch(module, (7,)).call == es.mlp(7, 2).call


def test_image_into_dense(nn):
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 5, 30), nn.GELU(), nn.Linear(30, 1))
    assert es.from_torch(module, (3, 4, 5)).call == es.mlp(3, 1, leaves=20, activation=es.gelu).call


def test_convolutions_in_a_row(nn):
    module = nn.Sequential(
        nn.Sequential(nn.Conv1d(4, 8, 1), nn.ReLU()), nn.Conv1d(8, 9, 3, stride=3), nn.ReLU(),
        nn.Flatten(), nn.Linear(18, 2),
    )  # fmt: skip
    assert es.from_torch(module, (4, 6)).call == es.cnn(4, (1, 3), 2).call


def test_image_with_dense_head_and_scales(nn):
    module = nn.Sequential(
        nn.Conv2d(3, 8, (2, 1), stride=(2, 1)), nn.LeakyReLU(0.1), nn.Conv2d(8, 9, 1), nn.LeakyReLU(0.1),
        nn.Flatten(), nn.Identity(), nn.Linear(9 * 6, 5), nn.LeakyReLU(0.1), nn.Linear(5, 1),
    )  # fmt: skip
    net = es.from_torch(module, (3, 4, 3), sigma_w=1.3, sigma_b=0.1)
    options = {"activation": es.leaky_relu(0.1), "sigma_w": 1.3, "sigma_b": 0.1}
    assert net.call == es.cnn(3, ((2, 1), 1), (2, 3), head="dense", **options).call
    assert net.grid == (4, 3)


@pytest.mark.parametrize("pool", [lambda nn: nn.AdaptiveAvgPool2d(1), lambda nn: nn.AvgPool2d(3)])
def test_pooling(nn, pool):
    module = nn.Sequential(nn.Conv2d(3, 8, 2, 2), nn.ReLU(), pool(nn), nn.Flatten(), nn.Linear(8, 10))
    assert es.from_torch(module, (3, 6, 6)).call == es.cnn(3, ((2, 2),), (3, 3), head="gap").call


def test_different_layers_are_nodes(nn):
    module = nn.Sequential(
        nn.Conv1d(4, 8, 2, stride=2, bias=False), nn.ReLU(), nn.Conv1d(8, 9, 2, stride=2), nn.GELU(), nn.Flatten(),
        nn.Linear(9 * 3, 5), nn.ReLU(), nn.Linear(5, 4), nn.Linear(4, 1),
    )  # fmt: skip
    net = es.from_torch(module, (4, 12), sigma_w=1.2, sigma_b=0.3)
    scales, leaves = {"sigma_w": 1.2, "sigma_b": 0.3}, [es.leaf(4) for _ in range(12)]
    first = [es.node(leaves[i : i + 2], sigma_w=1.2) for i in range(0, 12, 2)]
    second = [es.node(first[i : i + 2], es.gelu, **scales) for i in range(0, 6, 2)]
    top = es.node([es.node(second, **scales)], es.identity, **scales)
    assert net.call == es.network([top]).call
    xi = np.linspace(-0.9, 0.8, 12)
    assert es.kernel_function(net)(xi) == es.kernel_function(es.network([top]))(xi)


def test_nodes_of_an_image_follow_the_patches(nn):
    module = nn.Sequential(
        nn.Conv2d(3, 8, (1, 2), (1, 2)), nn.ReLU(), nn.Conv2d(8, 8, 2, 2), nn.GELU(), nn.Flatten(), nn.Linear(16, 1)
    )
    patch = lambda: es.node([es.node([es.leaf(3), es.leaf(3)]) for _ in range(4)], es.gelu)
    assert es.from_torch(module, (3, 2, 8)).call == es.network([patch(), patch()]).call


def test_linear_network(nn):
    assert es.from_torch(nn.Sequential(nn.Flatten(), nn.Linear(6, 1)), (3, 2)).call == "network([leaf(3), leaf(3)])"
    two = es.from_torch(nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 1)), (6,))
    assert two.call == es.mlp(6, 1, activation=es.identity).call


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda nn: nn.Tanh(), "from_function(tanh)"),
        (lambda nn: nn.SiLU(), "from_function(silu)"),
        (lambda nn: nn.GELU(approximate="tanh"), "from_function(tanh_gelu)"),
        (lambda nn: nn.ELU(alpha=0.5), "from_function('elu(0.5)')"),
        (lambda nn: nn.Softplus(), "from_function(softplus)"),
        (lambda nn: nn.Hardtanh(), "from_function(hardtanh)"),
    ],
)
def test_functions(nn, make, name):
    if not hasattr(es, "from_function"):
        pytest.skip("needs from_function")
    net = es.from_torch(nn.Sequential(nn.Linear(5, 4), make(nn), nn.Linear(4, 1)), (5,))
    assert [a.name for a in net.activations] == [name]


@pytest.mark.parametrize(
    "shape, message, make",
    [
        ((3, 8, 8), "Conv2d at position 0 has stride (1, 1) and kernel_size (3, 3)", lambda nn: [nn.Conv2d(3, 8, 3)]),
        ((3, 8, 8), "Conv2d at position 0 has padding (1, 1)", lambda nn: [nn.Conv2d(3, 8, 2, 2, padding=1)]),
        ((4, 8, 8), "Conv2d at position 0 has 2 groups", lambda nn: [nn.Conv2d(4, 8, 2, 2, groups=2)]),
        ((3, 8), "Conv1d at position 0 cuts (8,) positions into patches of (3,)", lambda nn: [nn.Conv1d(3, 8, 3, 3)]),
        ((3, 8), "Conv2d at position 0 needs positions along 2 axes and gets 1", lambda nn: [nn.Conv2d(3, 8, 2, 2)]),
        ((3, 8, 8), "BatchNorm2d at position 1 normalises", lambda nn: [nn.Conv2d(3, 8, 2, 2), nn.BatchNorm2d(8)]),
        (
            (3, 8, 8),
            "MaxPool2d at position 1.0 takes maxima",
            lambda nn: [nn.Conv2d(3, 8, 2, 2), nn.Sequential(nn.MaxPool2d(2))],
        ),
        ((3, 8, 8), "AvgPool2d at position 0 pools some of (8, 8)", lambda nn: [nn.AvgPool2d(2)]),
        ((3, 8, 8), "Linear at position 0 acts on the last axis", lambda nn: [nn.Linear(8, 2)]),
        ((6,), "ReLU at position 0 acts on the output of no Linear", lambda nn: [nn.ReLU(), nn.Linear(6, 1)]),
        ((6,), "PReLU at position 1 trains its slope", lambda nn: [nn.Linear(6, 3), nn.PReLU(), nn.Linear(3, 1)]),
        ((6,), "Dropout at position 1 is random", lambda nn: [nn.Linear(6, 3), nn.Dropout(), nn.Linear(3, 1)]),
        ((3, 2), "Flatten at position 0 joins some", lambda nn: [nn.Flatten(0), nn.Linear(6, 1)]),
        (
            (3, 2),
            "ReLU at position 3 stands above a pooling",
            lambda nn: [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)],
        ),
        (
            (3, 2),
            "Linear at position 3 is the second layer above a pooling",
            lambda nn: [nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 4), nn.Linear(4, 1)],
        ),
    ],
)
def test_refused(nn, shape, message, make):
    with pytest.raises(es.UnsupportedError, match=re.escape("from_torch: " + message)):
        es.from_torch(nn.Sequential(*make(nn)), shape)


def test_refused_layers_that_are_used_twice(nn):
    square = nn.Linear(6, 6)
    with pytest.raises(es.UnsupportedError, match="Linear at position 2 is used twice"):
        es.from_torch(nn.Sequential(square, nn.ReLU(), square, nn.ReLU(), nn.Linear(6, 1)), (6,))


def test_bad_input(nn):
    with pytest.raises(ValueError, match="Linear at position 0 takes 5 features and gets 6; change it"):
        es.from_torch(nn.Sequential(nn.Linear(5, 1)), (6,))
    with pytest.raises(ValueError, match="Conv1d at position 0 takes 5 channels and gets 6"):
        es.from_torch(nn.Sequential(nn.Conv1d(5, 1, 1)), (6, 2))
    for layers in ([nn.Linear(6, 2), nn.ReLU()], [], [nn.Dropout(0.0)]):
        with pytest.raises(ValueError, match="must end in a Linear"):
            es.from_torch(nn.Sequential(*layers), (6,))
    with pytest.raises(ValueError, match="must end in a Linear"):
        es.from_torch(nn.Sequential(nn.Conv1d(6, 2, 1)), (6, 4))
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Sequential, got Linear"):
        es.from_torch(nn.Linear(6, 1), (6,))
    with pytest.raises(ValueError, match="input_shape must have one to three numbers"):
        es.from_torch(nn.Sequential(nn.Linear(6, 1)), (1, 6, 2, 3))


def test_classes_of_others_are_refused(nn):
    class ReLU:
        """Has the name of a class of torch."""

    # a Sequential of torch takes modules only
    module = stand_ins().Sequential(nn.Linear(6, 2), ReLU(), nn.Linear(2, 1))
    with pytest.raises(es.UnsupportedError, match="ReLU at position 1 has no kernel here"):
        es.from_torch(module, (6,))


def test_features_of_a_wide_module_have_the_kernel():
    """The NNGP is the mean product of the features of a wide random module, in units of its own standard error."""
    torch = pytest.importorskip("torch")
    nn, width, draws = torch.nn, 400, 8
    torch.manual_seed(7)
    module = nn.Sequential(
        nn.Conv2d(3, width, (1, 2), (1, 2)), nn.ReLU(), nn.Conv2d(width, width, 2, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1),
    ).double()  # fmt: skip
    net = es.from_torch(module, (3, 2, 8), sigma_w=1.4, sigma_b=0.2)
    inputs = torch.randn(2, 3, 2, 8, dtype=torch.float64)
    inputs *= (3 / (inputs**2).sum(1, keepdim=True)) ** 0.5
    xi = (inputs[0] * inputs[1]).sum(0).reshape(-1).numpy() / 3
    found = []
    for _ in range(draws):
        for layer in module:
            if hasattr(layer, "weight"):
                nn.init.normal_(layer.weight, std=1.4 / layer.weight[0].numel() ** 0.5)
                nn.init.normal_(layer.bias, std=0.2)
        with torch.no_grad():
            one, two = module[:-1](inputs)
        found.append(float((one * two).mean()))
    error = np.std(found, ddof=1) / np.sqrt(draws)
    assert abs(np.mean(found) - es.kernel_function(net, "nngp")(xi)) < 5 * error
    assert error < 0.1
