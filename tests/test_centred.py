"""The root of the centred recursion against the same recursion with the root's rows multiplied out."""

from math import inf

import numpy as np
import pytest

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.centred import _moments, root_numbers
from eigenspace.classes import enumerate_classes
from eigenspace.leading_orders import _exponents, _sizes
from eigenspace.rings.leading import Balls, Exponents
from eigenspace.shapes import layout
from networks import CATALOGUE

ORDER = 9


def case(net):
    plan = layout(net)
    powers = _exponents(net, plan.root, None)
    return enumerate_classes(plan.root, 3), _sizes(net, plan.root, powers, 1)


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("arithmetic", [Exponents(), Balls(2)], ids=["exponents", "balls"])
def test_the_root_needs_no_rows(name, kernel, arithmetic):
    pool, sizes = case(CATALOGUE[name])
    with precision(256, ORDER + 2):
        found, spread = root_numbers(pool, kernel, sizes, arithmetic, ORDER)
        whole = _moments(pool, sizes, arithmetic, ORDER, lambda shape: ORDER + 1, {})
        rows, column = (whole.rows.tangent, 0) if kernel == "ntk" else (whole.rows.kernel, 1)
        rows = rows.columns([column]).take(whole.rows.of)
        if kernel == "nngp" and whole.start != 0:
            # the recursion leaves out the value at uncorrelated inputs
            assert found.exponent[0, 0, 0] == 0
            found, rows = found.take(np.s_[1:]), rows.take(np.s_[1:])
        assert spread == pytest.approx(whole.spread, abs=1e-12)
        assert found.exponent.shape == rows.exponent.shape and np.isfinite(found.exponent).any()
        np.testing.assert_allclose(found.exponent, rows.exponent, atol=1e-11)
        if rows.coefficient is not None:
            pairs = zip(found.coefficient.flat, rows.coefficient.flat, rows.exponent.flat)
            assert all(a == b or a.overlaps(b) for a, b, exponent in pairs if exponent < inf)


def test_equal_rows_are_worked_out_once():
    pool, sizes = case(es.cnn(4, (1, 4), 4, head="dense"))
    child = pool.children[0]
    with precision(128, ORDER + 2):
        moments = [_moments(child, sizes, a, ORDER, lambda shape: ORDER + 1, {}) for a in (Exponents(), Balls(1))]
    assert len(moments[0].rows.kernel) < len(moments[1].rows.kernel) == len(child)
    kernels = [m.rows.kernel.take(m.rows.of).exponent for m in moments]
    np.testing.assert_allclose(*kernels, atol=1e-11)
