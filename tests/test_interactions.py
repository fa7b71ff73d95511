"""Polynomials as sums of multi-degrees: against the reproducing kernel by quadrature, and against known mixtures."""

from fractions import Fraction as F
from itertools import product
from math import prod

import numpy as np
import pytest
import sympy

import eigenspace as es
from eigenspace.harmonics import gegenbauer, multiplicity
from eigenspace.interactions import components, parse


def nodes(dim):
    """A rule on the sphere of radius sqrt(dim) that is exact up to degree 11: points and weights."""
    angles = 2 * np.pi * np.arange(12) / 12
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if dim == 1:
        points, weights = np.array([[1.0], [-1.0]]), np.ones(2)
    elif dim == 2:
        points, weights = circle, np.ones(12)
    else:
        heights, masses = np.polynomial.legendre.leggauss(6)
        points = np.array([[*(np.sqrt(1 - z * z) * c), z] for z in heights for c in circle])
        weights = np.repeat(masses, 12)
    return np.sqrt(dim) * points, weights / weights.sum()


def powers(text, dims):
    """Mean squares of the parts of all multi-degrees: N E[p(x) p(y) P(<x, y>)] by quadrature."""
    rules = [nodes(s) for s in dims]
    points = [np.concatenate(x) for x in product(*(rule[0] for rule in rules))]
    weights = np.array([prod(w) for w in product(*(rule[1] for rule in rules))])
    values = np.array([eval(text, {f"x{i}": c for i, c in enumerate(x)}) for x in points]) * weights  # noqa: S307
    found = {}
    for degrees in product(*(range(2 if s == 1 else 6) for s in dims)):
        kernel = np.ones((1, 1))
        for (x, _), s, k in zip(rules, dims, degrees):
            kernel = np.kron(kernel, multiplicity(s, k) * gegenbauer(s, k, x @ x.T / s))
        found[degrees] = values @ kernel @ values
    return found


@pytest.mark.parametrize(
    ("text", "dims"),
    [
        ("(x0 + 2*x1)**3 + x0**2 - 1/3", (3,)),
        ("x0**4 + x1**2*x2 - x2", (3,)),
        ("(x0*x1)**2 - x0*x1 + x1**3", (2,)),
        ("x0**2*x2 + x1*x2**2 + x0*x1*x3", (2, 2)),
        ("x0**3*x1**2 + x2*x0 - 0.25*x1", (1, 1, 1)),
        ("x0**2 - 3*x1*x3**2 + x2*x3", (1, 3)),
        ("x0**2*x1 - x1**3", (3,)),
    ],
)
def test_shares_are_those_of_the_reproducing_kernel(text, dims):
    net = es.network([es.node([es.leaf(s) for s in dims])])
    found = components(net, text)
    shares = {tuple(d.get(u, 0) for u in range(len(dims))): s for d, s in found}
    expected = powers(text, dims)
    total = sum(expected.values())
    for degrees, value in expected.items():
        assert float(shares.get(degrees, 0)) == pytest.approx(value / total, abs=1e-12)
    assert sum(s for _, s in found) == 1 and all(s > 0 for _, s in found)
    assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)


@pytest.mark.parametrize("shape", ["Y6", "Y7"])
def test_the_mixtures_of_the_experiments(shape):
    # MATH: at p = 4, 9/11 of degree (2, 1, 1), 1/11 of (3, 1) and 1/11 of (1, 1)
    def parts(p):
        net = es.cnn(p, (1, p), p, head="dense")
        a, b, c = (0, p, 2 * p) if shape == "Y6" else (1, p * p, 3 * p + 1)
        return {tuple(sorted(d.values())): s for d, s in components(net, f"x{a}*x{b}*(3*x{c}**2 - x{a}**2)")}

    assert parts(4) == {(1, 1, 2): F(9, 11), (1, 3): F(1, 11), (1, 1): F(1, 11)}
    eight = parts(8)
    assert [round(float(eight[k]), 3) for k in ((1, 1, 2), (1, 3), (1, 1))] == [0.829, 0.147, 0.024]
    large = parts(60)
    assert float(large[1, 3]) == pytest.approx(0.25, abs=0.02) and float(large[1, 1]) < 1e-3


def test_pure_harmonics_have_one_component():
    net = es.mlp(10**6, 2)
    for text, degree in [("x5", 1), ("x0*x1", 2), ("x0**2 - x1**2", 2), ("x0*x1*x2*(x0**2 - x1**2)", 5), ("7", 0)]:
        assert components(net, text) == [({0: degree} if degree else {}, 1)]


def test_pixels_are_numbered_leaf_by_leaf():
    net = es.network([es.node([es.leaf(4), es.leaf(6)]), es.node([es.leaf(5)])])
    assert [components(net, f"x{i}")[0][0] for i in (0, 3, 4, 9, 10, 14)] == [{0: 1}] * 2 + [{1: 1}] * 2 + [{2: 1}] * 2
    with pytest.raises(ValueError, match="x0 to x14"):
        components(net, "x15")


def test_sympy_expressions_are_polynomials():
    x0, x1 = sympy.symbols("x0 x1")
    assert parse(x0 * (x1 - x0 / 3) ** 2) == parse("x0*(x1 - x0/3)**2") == parse(sympy.expand(x0 * (x1 - x0 / 3) ** 2))
    assert parse("x0**0 + 0*x1") == {(): F(1)}
    assert parse("0.1*x0") == {((0, 1),): F(1, 10)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x0 + y", "'y'"),
        ("sin(x0)", "sin"),
        ("1/x0", "divided"),
        ("x0/0", "other than 0"),
        ("x0**x1", "powers"),
        ("x0**0.5", "powers"),
        ("x0**-1", "powers"),
        ("x0 x1", "cannot be read"),
        ("", "cannot be read"),
        ("x0 if x1 else 2", "pixels and numbers"),
        ("True*x0", "pixels and numbers"),
        ("x0**2 - x0*x0", "vanishes"),
        ("x0**2 + x1**2 + x2**2 - 3", "vanishes"),
    ],
)
def test_bad_polynomials_say_why(text, words):
    with pytest.raises(ValueError, match=words):
        components(es.mlp(3, 1), text)
    with pytest.raises(TypeError, match="text or a SymPy expression"):
        components(es.mlp(3, 1), 3)
