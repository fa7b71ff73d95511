"""Interpolation from one side: the inequality itself, and eigenvalues that no other method of the package reaches."""

import random

import mpmath
import numpy as np
import pytest
from flint import arb, arb_series

import eigenspace as es
from eigenspace._flint import precision
from eigenspace.certified import Search, Step
from eigenspace.classes import enumerate_classes
from eigenspace.one_sided import _Node, interpolated_rows, jacobi_nodes
from eigenspace.rings import BallRing
from eigenspace.rings.balls import BallRows
from eigenspace.shapes import layout


@pytest.mark.parametrize("count", [1, 2, 7, 60])
@pytest.mark.parametrize("corner", [0.5, 1.0, 2.5, 9.0])
def test_nodes_are_the_zeros_of_jacobi_polynomials(count, corner):
    nodes = jacobi_nodes(count, corner)
    assert np.all((0 < nodes) & (nodes < 1)) and np.all(np.diff(nodes) > 0)
    with mpmath.workdps(60):
        value = lambda x: mpmath.jacobi(count, corner, -0.5, 2 * x - 1)
        for x in map(mpmath.mpf, nodes.tolist()):
            assert value(x - 1e-12) * value(x + 1e-12) < 0


def rows_of(points, weights, size, ring, nonnegative):
    """Rows of a finite measure, and of one with signed weights that it dominates: the constant class comes first."""
    with precision(ring.fine_bits, size):
        lines = []
        for line in weights:
            series = arb_series([0], prec=size)
            for x, w in zip(points, line):
                series += arb(w) * (arb(x) * arb_series([0, 1], prec=size)).exp()
            found = series.coeffs()
            lines.append(tuple(found) + (arb(0),) * (size - len(found)))
    return BallRows(tuple(lines), tuple(lines), True, nonnegative)


@pytest.mark.parametrize("nonnegative", [True, False])
@pytest.mark.parametrize("chain", [(es.relu,), (es.relu, es.relu), (es.rbf(0.7), es.relu)], ids=str)
def test_enclosures_of_finite_measures(chain, nonnegative):
    """Random measures with an atom at 1, where duals are singular: the exact sums lie in the balls."""
    draw, ring, size = random.Random(repr(chain)), BallRing(128, 12), 5
    for _ in range(6):
        points = [draw.uniform(0 if nonnegative else -1, 1) for _ in range(5)] + [1.0, 1.0 - 2.0**-20]
        masses = [draw.random() for _ in points]
        masses = [m / sum(masses) for m in masses]
        signs = [draw.uniform(-1, 1) for _ in points]
        signed = [m * s for m, s in zip(masses, signs)]
        slopes = [m * draw.uniform(-1, 1) for m in signed]
        kernel = rows_of(points, [masses, signed], 4 * ring.nodes + 4, ring, nonnegative)
        tangent = rows_of(points, [slopes, slopes], 4 * ring.nodes + 4, ring, nonnegative)
        found = interpolated_rows(ring, chain, 1.0, (1, 1), size, kernel, tangent)
        with precision(400):
            for j in range(size):
                for c, line in enumerate((masses, signed)):
                    first = second = arb(0)
                    for x, w, v in zip(points, line, slopes):
                        value, slope, level = arb(x), arb(1), arb(0)
                        for activation in chain:
                            value, step = activation.on_ball(value)
                            level, slope = value + step * level, step * slope
                        first += arb(w) * value**j
                        second += (arb(w) * level + arb(v) * slope) * value**j
                    factorial = arb(j).gamma() * j if j else arb(1)
                    if j:
                        assert (found[0].values[c][j] * factorial).overlaps(first)
                        assert found[0].majorants[c][j].upper() * factorial >= abs(first) * (1 - 1e-15) or c
                    assert (found[1].values[c][j] * factorial).overlaps(second)
        # and the balls say something
        assert all(line[1].rad() < 0.02 for line in found[0].values)


def test_bounds_fall_at_the_rate_of_gauss_quadrature():
    """Two patches of dimension 3: NNGP like nodes**-7, NTK like nodes**-5."""
    pool = enumerate_classes(layout(es.mlp(3, 1, leaves=2)).root, 2)
    for kernel, rate in (("nngp", 7), ("ntk", 5)):
        search, gaps = Search(pool, np.ones(len(pool), bool), kernel, 128, 1e-30), []
        for nodes in (32, 64):
            search.step(Step(4 * nodes + 4, nodes), only_open=False)
            gaps.append(search.gap.copy())
        assert np.allclose(np.log2(gaps[0] / gaps[1])[[0, 2, 3]], rate, atol=0.35)


def test_more_nodes_nest():
    """Balls of more and more nodes all hold the same number."""
    pool = enumerate_classes(layout(es.cnn(2, (1, 2))).root, 3)
    search, found = Search(pool, np.ones(len(pool), bool), "ntk", 128, 1e-30), []
    for nodes in (8, 12, 20, 32, 50):
        search.step(Step(2 * nodes + 4, nodes), only_open=False)
        found.append(dict(search.found))
    for c in range(len(pool)):
        for a in found:
            for b in found:
                assert a[c].overlaps(b[c])


def test_derivatives_at_the_nodes_are_not_lost():
    """An interpolant of degree 2 N - 1 reproduces powers up to there: values alone would not."""
    ring = BallRing(128, 3)
    kernel = rows_of([0.2, 0.9], [[0.5, 0.5]], 16, ring, True)
    with precision(ring.fine_bits, 2):
        node = _Node.of(3, (es.identity,), 1.0, 6, kernel)
        values, doubts = node.expectations([(node.functionals(kernel), "f")])
        for j in range(6):
            assert abs(values[0][j] - (arb(0.2) ** j + arb(0.9) ** j) / 2) < arb(2) ** -100
            assert doubts[j] < arb(2) ** -100
