"""The proof of the error of the angle rule, against values at random complex angles and against real errors."""

import cmath
import random
from math import log2, pi

import pytest
from flint import arb

import eigenspace as es
from eigenspace import _ellipse, zonal
from eigenspace._flint import precision
from eigenspace.correlations import SphereLaw

CHAINS = [(es.relu,), (es.relu,) * 3, (es.rbf(0.25), es.relu), (es.relu, es.identity, es.rbf(0.4)), (es.rbf(2.0),)]


def inside(parameter, rng):
    """A random angle inside (mostly near the boundary of) an ellipse around [0, pi]."""
    radius = 1 + (parameter - 1) * rng.choice([0.3, 0.8, 0.999, 0.999999])
    turn = cmath.exp(1j * rng.uniform(0, 2 * pi))
    return pi / 2 + pi / 4 * (radius * turn + 1 / (radius * turn))


def sum_of_distances(z):
    return (abs(z) + abs(z - pi)) / (pi / 2)


@pytest.mark.parametrize("activation", [es.relu, es.rbf(0.25), es.rbf(3.0)])
def test_angle_ratio_and_slope_continue_the_dual(activation):
    from flint import acb, arb

    rng = random.Random(1)
    with precision(300):
        for _ in range(40):
            angle = acb(rng.uniform(-0.5, 3.6), rng.uniform(-1, 1))
            cosine = angle.cos()
            if activation == es.relu:
                dual = (angle.sin() + (arb.pi() - angle) * cosine) / arb.pi()
                slope = 1 - angle / arb.pi()
            else:
                dual = (-2 * activation.gamma * (1 - cosine)).exp()
                slope = 2 * activation.gamma * dual
            ratio = activation.angle_ratio(angle)
            assert abs(ratio - (1 - dual) / (2 * angle * angle)) < 1e-60
            assert abs(activation.slope_on_angle(angle, dual) - slope) < 1e-60


@pytest.mark.parametrize("activation", [es.relu, es.rbf(0.25)])
@pytest.mark.parametrize("parameter", [1.1, 1.5, 2.0])
def test_image_contains_the_images_of_points(activation, parameter):
    from flint import acb

    rng = random.Random(2)
    outer, slope = _ellipse.image(activation, parameter)
    with precision(80):
        for _ in range(300):
            angle = acb(inside(parameter, rng))
            half_sine = angle * activation.angle_ratio(angle).sqrt()
            moved = complex(2 * half_sine.asin())
            assert sum_of_distances(moved) <= outer + 1 / outer
            assert abs(complex(activation.slope_on_angle(angle, 1 - 2 * half_sine * half_sine))) <= slope
    # and it is not a wild overestimate
    assert outer < 1.2 * parameter


@pytest.mark.parametrize("chain", CHAINS, ids=lambda c: "-".join(a.name for a in c))
def test_bounds_hold_inside(chain):
    from flint import acb

    rng = random.Random(3)
    ellipses = _ellipse.ellipses(chain)
    assert ellipses
    for ellipse in ellipses[::3]:
        with precision(80):
            for _ in range(150):
                angle = acb(inside(ellipse.parameter, rng))
                kernel = tangent = angle.cos()
                for activation in chain:
                    slope = acb(1)
                    if not activation.keeps_angle:
                        half_sine = angle * activation.angle_ratio(angle).sqrt()
                        kernel = 1 - 2 * half_sine * half_sine
                        slope = activation.slope_on_angle(angle, kernel)
                        angle = 2 * half_sine.asin()
                    tangent = kernel + slope * tangent
                assert abs(complex(kernel)) <= ellipse.kernel and abs(complex(tangent)) <= ellipse.tangent


def binary_log(ball) -> float:
    return float(ball.log() / arb.const_log2())


@pytest.mark.parametrize("chain", CHAINS[:4], ids=lambda c: "-".join(a.name for a in c))
@pytest.mark.parametrize("dim", [2, 3, 7, 40])
def test_real_errors_stay_below_the_proved_ones(chain, dim):
    law, degrees, size, bits = SphereLaw(dim), [0, 1, 5, 12], 4, 400
    nodes, bounds = zonal._proved_nodes(law, chain, degrees, size, True, -40.0)
    with precision(bits):
        rough = zonal._rule(chain, law, degrees, size, True, nodes, bits)
        fine = zonal._rule(chain, law, degrees, size, True, 4 * nodes, bits)
        for part in range(2):
            for i in range(len(degrees)):
                for j in range(size):
                    error = abs(rough[part][i][j] - fine[part][i][j]).abs_upper()
                    assert error == 0 or binary_log(error) <= max(bounds[part][i, j], 40 - bits)
    assert max(b.max() for b in bounds) <= -40.0


def test_too_few_nodes_would_be_noticed():
    """The bound is not vacuous: half the nodes of a demanding request miss the requested accuracy."""
    law, chain, bits = SphereLaw(3), (es.relu, es.relu), 300
    nodes, _ = zonal._proved_nodes(law, chain, [30], 2, False, -120.0)
    with precision(bits):
        few = zonal._rule(chain, law, [30], 2, False, 2 * (nodes // 6), bits)[0][0][1]
        fine = zonal._rule(chain, law, [30], 2, False, 2 * nodes, bits)[0][0][1]
        assert binary_log(abs(few - fine).abs_upper()) > -120.0


@pytest.mark.parametrize("chain", CHAINS, ids=lambda c: "-".join(a.name for a in c))
@pytest.mark.parametrize("degree, power, error", [(0, 1, -60.0), (200, 1, -100.0), (20, 300, -100.0), (3, 2, -900.0)])
def test_the_ellipse_with_the_fewest_nodes_is_found(chain, degree, power, error):
    nodes = lambda e: e.nodes(e.log2_bound(5, degree, power, True), error)  # noqa: E731
    fewest, ellipse = _ellipse.fewest_nodes(chain, nodes)
    assert nodes(ellipse) == fewest == min(map(nodes, _ellipse.ellipses(chain)))


def test_nodes_and_errors_are_inverse():
    ellipse = _ellipse.Ellipse(1.5, 1.2, 3.0)
    bound = ellipse.log2_bound(7, 10, 3, True)
    nodes = ellipse.nodes(bound, -80.0)
    assert ellipse.log2_error(bound, nodes) <= -80.0 < ellipse.log2_error(bound, nodes - 4)
    assert bound > log2(3.0)


def test_an_activation_without_proof_gets_none():
    class Plain(type(es.relu)):
        def angle_ratio(self, angle):
            return None

    assert _ellipse.ellipses((Plain(),)) == () and not _ellipse.is_provable((Plain(), es.rbf(1.0)))
