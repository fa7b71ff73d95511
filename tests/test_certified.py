"""Certified eigenvalues: balls hold independent references, are as narrow as asked, or say how far they got."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from flint import arb

import eigenspace as es

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from campaign import ratios, run_case  # noqa: E402
from check_references import asked, cases, compare_ball, leaf_dims, request  # noqa: E402

from eigenspace._flint import precision  # noqa: E402
from eigenspace.certified import Step, interpolating_joins, is_folded, slowest  # noqa: E402
from eigenspace.refinement import limit_weights  # noqa: E402
from eigenspace.shapes import layout  # noqa: E402

BALL = es.ball(96)


# against references --------------------------------------------------------------------------------------------------


def test_twenty_five_digits_on_one_sphere():
    """d = 1 to 10^6, degree to 200, depth to 5, in relu and rbf."""
    chosen = random.Random(3).sample(cases("one_sphere"), 80)
    extremes = [c for c in cases("one_sphere") if c["degree"] == 200 and c["depth"] == 5 and c["kernel"] == "ntk"][:6]
    failures = [message for case in chosen + extremes if (message := compare_ball("one_sphere", case))]
    assert not failures, "\n".join(failures)


def test_two_and_three_patches():
    """Twelve, eight or six digits, as the degree and the dimension allow; the script compares every case."""
    chosen = random.Random(1).sample([c for c in cases("patches") if affordable(c)], 26)
    failures = [message for case in chosen if (message := compare_ball("patches", case))]
    assert not failures, "\n".join(failures)


def affordable(case) -> bool:
    dims = [dim for position in case["positions"] for dim in leaf_dims(position)]
    return asked("patches", case) > 1e-11 or case["kernel"] == "nngp" or min(dims) > 3


def test_larger_trees():
    chosen = random.Random(2).sample(cases("trees"), 14)
    failures = [message for case in chosen if (message := compare_ball("trees", case))]
    assert not failures, "\n".join(failures)


def test_a_wrong_reference_is_noticed():
    case = dict(next(c for c in cases("patches") if c["degrees"] == [2, 2] and c["kernel"] == "nngp"))
    digits = case["value"]
    assert compare_ball("patches", case) == ""
    assert "does not hold" in compare_ball("patches", case | {"value": digits[:7] + "999" + digits[10:]})


# as asked, or an error -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rtol", [1e-3, 1e-9, 1e-60, 1e-200])
def test_rtol_is_reached(rtol):
    joined = es.mlp(60, 2, leaves=3) if rtol > 1e-100 else es.mlp(400, 2, leaves=3)
    cube = es.mlp(1, 2, leaves=9), (1,) * 5 + (0,) * 4
    for net, degrees in ((joined, (1, 2, 0)), (es.mlp(3, 2), 7), cube):
        ev = es.eigenvalue(net, degrees, ring=BALL, rtol=rtol)
        assert 0 < ev.error <= rtol and ev.bound == "proved" and isinstance(ev.value, arb)
        with precision(600):
            assert ev.value.rad() <= abs(ev.value.mid()) * arb(ev.error)


def test_balls_nest_whatever_was_asked():
    """Balls of every width, by the series and by interpolation, have the narrowest one in common."""
    net = es.mlp(3, 1, leaves=2)
    found = [es.eigenvalue(net, (2, 2), "nngp", ring=BALL, rtol=rtol) for rtol in (1e-2, 1e-4, 1e-7, 1e-10, 1e-12)]
    for ev in found:
        assert ev.value.overlaps(found[-1].value) and ev.value.rad() >= found[-1].value.rad()


def test_out_of_reach_names_the_knob():
    with pytest.raises(es.ConvergenceError, match=r"rtol=1e-30 is out of reach for 1 of 1 classes: .* ask for rtol >="):
        es.eigenvalue(es.cnn(2, (1, 2)), (1, 1), ring=BALL, rtol=1e-30)
    with pytest.raises(es.ConvergenceError, match="ask for rtol >="):
        es.eigenvalue(es.cnn(2, (2, 2)), {0: 1, 3: 1}, ring=BALL)


def test_exact_zeros_are_exact_in_every_method():
    assert es.eigenvalue(es.mlp(2, 1, leaves=2), (3, 0), ring=BALL).value.is_zero()
    assert es.eigenvalue(es.mlp(3, 1), 5, ring=BALL).bound == "exact"
    split = es.eigenvalue(es.cnn(3, (1, 2), 2), {0: 1, 2: 1}, ring=BALL, rtol=1e-6)
    assert split.value.is_zero() and split.bound == "exact" and split.error == 0.0


def test_tables_of_balls():
    net = es.cnn(12, (1, 4), 2, head="dense")
    table = es.spectrum(net, degree=3, ring=es.ball(128), rtol=1e-20)
    plain = es.spectrum(net, degree=3)
    assert np.all(table.error <= 1e-20) and table.ring == es.ball(128) and table.coverage() < 1
    assert "ball(128)" in table.provenance.call and "rtol=1e-20" in table.provenance.call
    for ball, number in zip(table, plain, strict=True):
        assert ball.multiplicity == number.multiplicity and ball.degrees == number.degrees
        assert abs(float(ball.value) - number.value) <= number.value * (number.error + 1e-15)
    again = es.EigenTable.from_json(table.to_json())
    assert again.to_json() == table.to_json() and again.to_text(digits=20) == table.to_text(digits=20)
    most = es.spectrum(net, min_value=1e-3, ring=es.ball(64))
    assert [row.pattern for row in most] == [row.pattern for row in es.spectrum(net, min_value=1e-3)]


def test_trace_identity_in_balls():
    """All classes of a Boolean cube: their eigenvalues with multiplicities sum to the trace, to sixty digits."""
    for kernel, trace in (("nngp", 1), ("ntk", 4)):
        table = es.spectrum(es.mlp(1, 3, leaves=10), kernel, degree=10, ring=es.ball(256), rtol=1e-60)
        with precision(400):
            total = sum((row.value * row.multiplicity for row in table), arb(0))
            assert total.contains(arb(trace)) and total.rad() < arb(10) ** -59


# which method --------------------------------------------------------------------------------------------------------


def test_joins_that_interpolate():
    shape = lambda net: layout(net).root
    assert len(list(interpolating_joins(shape(es.mlp(3, 2, leaves=2))))) == 1
    assert len(list(interpolating_joins(shape(es.cnn(3, (2, 2)))))) == 1
    assert not any(list(interpolating_joins(shape(net))) for net in (es.mlp(3, 2), es.mlp(1, 2, leaves=5)))
    assert is_folded(shape(es.mlp(3, 2, leaves=2))) and not is_folded(shape(es.cnn(3, (1, 2))))
    assert [slowest(shape(es.mlp(3, 1, leaves=2)), kernel) for kernel in ("ntk", "nngp")] == [2.5, 3.5]
    assert Step(100).text == "truncation order 100" and Step(100, 24).text == "24 nodes"


@pytest.mark.parametrize("dim,net", [(2, es.mlp(2, 1, leaves=2)), (3, es.mlp(3, 2, leaves=2)), (2, es.cnn(2, (1, 2)))])
def test_floats_reach_nine_digits_in_the_slow_corner(dim, net):
    table = es.spectrum(net, degree=2)
    assert np.all(table.error <= 1e-9) and "one-sided interpolation" in table.provenance.method
    rtol = 1e-6 if dim == 2 else 1e-10
    for row in table:
        ball = es.eigenvalue(net, row.degrees, ring=BALL, rtol=rtol)
        assert abs(arb(row.value) - ball.value).lower() <= row.value * row.error


def test_floats_in_the_slow_corner_against_references():
    """All reference networks of two or three ReLU patches joined once: nine digits, and no error above the stated."""
    worst = 0.0
    for case in random.Random(7).sample([c for c in cases("patches") if sum(c["degrees"]) <= 4], 24):
        net, degrees = request("patches", case)
        if layout(net).root.inner:
            continue
        ev = es.eigenvalue(net, degrees, case["kernel"])
        worst = max(worst, ev.error)
        with precision(200):
            reference = arb(case["value"])
            assert abs(arb(ev.value) - reference) <= abs(reference) * (arb(ev.error) + arb(1e-20)), case
    assert worst <= 1e-8


def test_no_limit_where_powers_have_gaps():
    """Below a ReLU join, monomials of degree 20 make truncated sums rise in steps: no extrapolation, a wide bracket."""
    net = es.network([es.node([es.node([es.leaf(3)], es.hermite(20)), es.node([es.leaf(3)], es.hermite(21))])])
    ev, kernel = es.eigenvalue(net, (0, 1)), es.kernel_function(net, "ntk")
    nodes, weights = np.polynomial.legendre.leggauss(1500)
    total = sum(
        w / 2 * (kernel(np.stack([np.full_like(nodes, x), nodes], axis=-1)) @ (weights / 2 * nodes))
        for x, w in zip(nodes, weights)
    )
    assert ev.bound == "rounded" and 1e-9 < abs(ev.value / total - 1) <= ev.error + 1e-7
    assert slowest(layout(net).root, "ntk") == np.inf


def test_limit_weights_remove_the_powers():
    orders = (10, 15, 22, 33)
    values = [3 + 5 * n**-2.5 - 7 * n**-3.5 + n**-4.5 for n in orders]
    assert abs(limit_weights(orders, 2.5, 1.0) @ np.array(values) - 3) < 1e-12


# honesty -------------------------------------------------------------------------------------------------------------


def test_a_sample_of_the_campaign():
    """``scripts/campaign.py`` runs thousands; none may state less than its true error."""
    found = [run_case((number, 1, 1.0)) for number in range(60)]
    wrong = [r for r in found if r["verdict"] in ("WRONG", "FAILED", "SLOW")]
    assert not wrong, wrong
    line = ratios(found)
    assert len(line) > 30 and 1 <= np.median(line) < 1000
