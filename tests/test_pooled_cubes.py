"""Overlapping patches and local pooling on the cube: whole matrices of the definition, and the statements on them."""

from fractions import Fraction
from itertools import combinations, product
from math import comb, gcd, pi

import numpy as np
import pytest

import eigenspace as es

POLYNOMIAL = es.dual_polynomial((0, 1, 1, 1, 1, 1))


def relu(t):
    t = np.clip(t, -1, 1)
    value = (np.sqrt(1 - t**2) + t * (pi - np.arccos(t))) / pi
    return value, value + t * (pi - np.arccos(t)) / pi


def rbf(t):
    value = np.exp(t - 1)
    return value, (1 + t) * value


def polynomial(t):
    return 0.2 * sum(t**i for i in range(1, 6)), 0.2 * sum((1 + i) * t**i for i in range(1, 6))


INNER = {"relu": (es.relu, relu), "rbf": (es.rbf(0.5), rbf), "polynomial": (POLYNOMIAL, polynomial)}


def matrix(d, q, pool, h):
    """The kernel on all corners, by its definition: sums over k, s and s'."""
    corners = np.array(list(product([1, -1], repeat=d)), dtype=np.int8)
    times = np.zeros((d, d))
    for k, s, t in product(range(d), range(pool), range(pool)):
        times[(k + s) % d, (k + t) % d] += 1
    values = [h(2 * np.arange(q + 1) / q - 1)[i] for i in (0, 1)]
    found = np.zeros((2, len(corners), len(corners)))
    patches = [corners[:, (a + np.arange(q)) % d].astype(np.float32) for a in range(d)]
    for a, b in zip(*np.nonzero(times)):
        agree = ((patches[a] @ patches[b].T + q) / 2).round().astype(int)
        for i in (0, 1):
            found[i] += times[a, b] / (d * pool) * values[i][agree]
    return found


CASES = [
    (7, 3, 3, "polynomial"), (8, 3, 6, "relu"), (6, 3, 1, "rbf"), (6, 3, 2, "relu"), (6, 3, 3, "polynomial"),
    (6, 2, 4, "rbf"), (6, 3, 5, "rbf"), (6, 3, 6, "relu"), (7, 3, 5, "polynomial"), (6, 1, 2, "rbf"), (2, 1, 2, "relu"),
]  # fmt: skip


@pytest.mark.parametrize(("d", "q", "pool", "name"), CASES)
def test_whole_matrix(d, q, pool, name):
    activation, h = INNER[name]
    cube = es.pooled_cube(d, q, pool, activation=activation)
    for kernel, whole in zip(("nngp", "ntk"), matrix(d, q, pool, h)):
        table = cube.spectrum(kernel, degree=d)
        assert sum(table.multiplicity) == 2**d
        listed = np.sort(np.repeat(table.values(), table.multiplicity.astype(int)))
        found = np.linalg.eigvalsh(whole / 2**d)
        assert np.allclose(found, listed, rtol=0, atol=2e-14 * pool)
        # as many above the noise as are not exactly zero: the null space has the stated dimension
        assert np.count_nonzero(found > 1e-13) == sum(row.multiplicity for row in table if row.value > 1e-13)
        assert np.trace(whole) / 2**d == pytest.approx(table.trace, rel=1e-13)
        assert table.coverage() == pytest.approx(1, rel=1e-13)


@pytest.mark.parametrize(("d", "q", "pool"), [(8, 4, 3), (7, 3, 7), (7, 2, 6)])
def test_kernel_function(d, q, pool):
    cube = es.pooled_cube(d, q, pool)
    corners = np.array(list(product([1.0, -1.0], repeat=d)))[:: 2 ** (d - 6)]
    for kernel, whole in zip(("nngp", "ntk"), matrix(d, q, pool, relu)):
        found = cube.kernel_function(kernel)(corners[:, None], corners[None])
        step = 2 ** (d - 6)
        assert found.shape == (len(corners),) * 2 and np.allclose(found, whole[::step, ::step], rtol=1e-13, atol=0)


@pytest.mark.parametrize(("d", "q", "pool"), [(9, 4, 4), (10, 5, 8), (8, 4, 1), (8, 3, 7)])
def test_every_row_is_an_eigenspace(d, q, pool):
    """The products of a row's representative in its waves, applied to the kernel at a few corners."""
    cube, rng = es.pooled_cube(d, q, pool, activation=es.rbf(0.5)), np.random.default_rng(0)
    corners = np.array(list(product([1.0, -1.0], repeat=d)))
    some = corners[rng.choice(len(corners), 3, replace=False)]
    kernel = cube.kernel_function("nngp")(some[:, None], corners)
    table = cube.spectrum("nngp", degree=4)
    for row in table:
        places = np.flatnonzero(row.degrees)
        translations = np.array([np.prod(np.roll(corners, -k, axis=1)[:, places], axis=1) for k in range(d)])
        at_some = np.array([np.prod(np.roll(some, -k, axis=1)[:, places], axis=1) for k in range(d)])
        words = row.pattern.split("wave ")
        waves = list(map(int, words[1].replace("…", "0").split(", "))) if len(words) > 1 else [0, 1, 2]
        for j in waves if places.size else [0]:
            if "…" in row.pattern and j == 0:
                continue
            phases = np.exp(2j * pi * j * np.arange(d) / d)
            applied = kernel @ (phases @ translations) / 2**d
            assert np.allclose(applied, row.value * (phases @ at_some), atol=1e-13)


# statements of the paper ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [6, 8, 12, 30, 97])
def test_factors(d):
    for pool in sorted({1, 2, 3, 5, d // 2, d - 1, d}):
        factors = es.pooled_cube(d, 2, pool).factors()
        k = np.arange(1, pool)[:, None]
        sums = 1 + 2 * ((1 - k / pool) * np.cos(2 * pi * k * np.arange(d) / d)).sum(axis=0)
        assert np.allclose(factors, sums, atol=1e-12)
        assert factors.sum() == pytest.approx(d, rel=1e-13) and factors[0] == pool
        assert np.count_nonzero(factors == 0) == gcd(pool, d) - 1
        assert np.array_equal(factors[1:], factors[:0:-1])


@pytest.mark.parametrize(("d", "q", "pool"), [(30, 10, 1), (30, 10, 5), (12, 6, 8), (11, 5, 11)])
def test_dimension(d, q, pool):
    table = es.pooled_cube(d, q, pool, activation=es.rbf(0.5)).spectrum("nngp", degree=q)
    dimension = sum(row.multiplicity for row in table if row.value > 0)
    assert dimension == (d - gcd(pool, d) + 1) * 2 ** (q - 1) + 1
    assert table.coverage() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("d", "q"), [(8, 4), (9, 4), (10, 3)])
def test_spans_by_enumeration(d, q):
    """The smallest arc around every set of bits, and what the table says of it."""
    table = es.pooled_cube(d, q).spectrum(degree=d)
    listed = {}
    for row in table:
        places = np.flatnonzero(row.degrees).tolist()
        listed[len(places), span(places, d) if "no patch" not in row.pattern else None] = row.multiplicity
    counted = {}
    for size in range(d + 1):
        for places in combinations(range(d), size):
            wide = span(places, d)
            key = size, wide if wide <= q else None
            counted[key] = counted.get(key, 0) + 1
    assert listed == counted


def span(places, d):
    return min((max((p - start) % d for p in places) + 1 for start in places), default=0)


def test_windows_without_pooling():
    """No pooling: the shares of the patches that hold a set."""
    cube, inner = es.pooled_cube(30, 10), es.spectrum(es.mlp(1, 1, leaves=10), degree=4)
    for row in cube.spectrum(degree=4):
        places = np.flatnonzero(row.degrees).tolist()
        share = max(0, 11 - span(places, 30)) / 30 if places else 1
        assert row.value == pytest.approx(share * inner[len(places)].value, rel=1e-14, abs=0)
        assert (row.bound == "exact") == (row.value == 0)


def test_experiment():
    """Learning indices at d = 30, q = 10: the orders of samples for degree 3 of the paper's figure."""
    pools = {"CK": 1, "CK-LP": 5, "CK-GP": 30}
    cubes = {name: es.pooled_cube(30, 10, pool, activation=POLYNOMIAL) for name, pool in pools.items()}
    assert cubes["CK-LP"].samples(3) == {"FC": 27000, "FC-GP": 900, "CK": 3000, "CK-LP": 600, "CK-GP": 100}
    for name, cube in cubes.items():
        row = cube.spectrum("nngp", degree=3).where(lambda row: row.pattern.startswith("1 1 1 · span 3"))[0]
        # the paper counts q patches, not q + 1 - span of them
        assert 30.0 ** row.learning_index * 8 / 10 == pytest.approx(cube.samples(3)[name], rel=1e-12)
        # xi_{q,3} = 3! a_3 / q**3 and more from higher powers
        assert row.value == pytest.approx(1.2 / 30.0**row.learning_index, rel=1.5)


def test_effective_dimension():
    for pool in (1, 4, 5, 30):
        cube = es.pooled_cube(30, 10, pool)
        share = [abs(sum(np.exp(2j * pi * j * s / 30) for s in range(pool))) ** 2 / pool**2 for j in range(30)]
        assert cube.effective_dimension(1.5) == pytest.approx(sum(x ** (2 / 3) for x in share if x > 1e-20), rel=1e-10)
        assert cube.effective_dimension(1) == pytest.approx(30 / pool, rel=1e-12)


# number systems ------------------------------------------------------------------------------------------------------


def test_rings():
    cube = es.pooled_cube(14, 6, 5)
    floats, balls = cube.spectrum(degree=4), cube.spectrum(degree=4, ring=es.ball(128), rtol=1e-35)
    for a, b in zip(floats, balls):
        assert b.bound == "proved" if b.value != 0 else b.bound == "exact"
        assert b.error <= 1e-35 and a.bound == ("rounded" if a.value else "exact")
        assert abs(a.value - float(b.value)) <= a.error * a.value
    cube = es.pooled_cube(14, 6, 14, activation=POLYNOMIAL)
    exact, balls = (cube.spectrum("nngp", degree=6, ring=ring) for ring in (es.EXACT, es.ball(128)))
    for a, b in zip(exact, balls):
        assert a.bound == "exact" and b.value.contains(type(b.value)(0) + int(a.value.p)) if a.value == 0 else True
        assert float(a.value) == pytest.approx(float(b.value), rel=1e-14)
    assert es.pooled_cube(14, 6, 13, activation=POLYNOMIAL).spectrum("nngp", degree=1, ring=es.EXACT)[2].value == (
        exact[1].value / 14 / 13
    )


def test_full_relative_accuracy():
    """Large patches: eigenvalues far below the rounding of the kernel's values."""
    from mpmath import mp

    d, q, pool, bits = 48, 24, 7, 20
    cube = es.pooled_cube(d, q, pool, activation=es.rbf(0.5))
    table = cube.spectrum("nngp", degree=bits)
    found = table.where(lambda row: row.total_degree == bits and f"span {q} · wave 3" in row.pattern)
    row = found[0]
    with mp.workdps(60):
        # the exponential of a mean is a product over the bits
        xi = mp.exp(-1) * mp.sinh(mp.mpf(1) / q) ** bits * mp.cosh(mp.mpf(1) / q) ** (q - bits)
        angle = 3 * mp.pi / d
        wanted = (mp.sin(pool * angle) / mp.sin(angle)) ** 2 / pool / d * xi
        assert row.log10 < -25
        assert abs(mp.mpf(found.column.decimal_text(0, 20)) / wanted - 1) < row.error < 1e-13
    assert row.multiplicity == 2 * comb(q - 2, bits - 2)


# displays and refusals -----------------------------------------------------------------------------------------------


def test_displays():
    table = es.pooled_cube(12, 4, 4).spectrum(degree=2)
    latex = table.to_latex()
    assert r"1 1 $\cdot$ span 3 $\cdot$ wave 1" in latex and latex.isascii()
    assert "eigenspace.pooled_cube(12, 4, pool=4)" in latex
    assert "1 · wave 3, 6" in table.to_markdown() and "span 3" in table._repr_html_()
    frame = table.to_pandas()
    assert len(frame) == len(table) and frame["multiplicity"].sum() == 1 + 12 + comb(12, 2)
    again = es.EigenTable.from_json(table.to_json())
    assert again.values().tolist() == table.values().tolist() and list(again.patterns) == list(table.patterns)
    assert eval(table.provenance.call, {"eigenspace": es}).values().tolist() == table.values().tolist()
    with pytest.raises(es.UnsupportedError, match="only tables of eigenspace.spectrum"):
        es.verify(table)


def test_indices():
    table = es.pooled_cube(16, 4, 1, activation=es.rbf(0.5)).spectrum("nngp", degree=2)
    rows = {row.pattern: row for row in table}
    assert rows["1"].space == Fraction(1, 2) and rows["1"].frequency == Fraction(1, 2) and rows["1"].learning_index == 1
    assert rows["1 1 · span 3"].space == Fraction(3, 4) and rows["1 1 · span 3"].learning_index == Fraction(7, 4)
    assert rows["0"].learning_index == 0 and rows["1 1 · no patch holds them"].learning_index == np.inf
    # ReLU has no odd terms beyond the first
    relu_rows = {row.pattern: row for row in es.pooled_cube(16, 4, 1).spectrum("nngp", degree=3)}
    assert relu_rows["1 1 1 · span 3"].value == 0 and relu_rows["1 1 1 · span 3"].learning_index == np.inf


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: es.pooled_cube(8, 5), ValueError, ("patch", "from 1 to 4", "5", "mlp(1, depth, leaves=8)")),
        (lambda: es.pooled_cube(1, 1), ValueError, ("bits", "1")),
        (lambda: es.pooled_cube(8, 4, 9), ValueError, ("pool", "from 1 to 8", "9", "8 for global pooling")),
        (lambda: es.pooled_cube(8, 4, 0), ValueError, ("pool", "0")),
        (lambda: es.pooled_cube(8, 4, 2, stride=2), es.UnsupportedError, ("stride", "2", "stride=1")),
        (lambda: es.pooled_cube(8, 4, activation="relu"), TypeError, ("activation", "'relu'")),
        (lambda: es.pooled_cube(8, 4).spectrum("gp"), ValueError, ("kernel", "gp")),
        (lambda: es.pooled_cube(8, 4).spectrum(degree=9), ValueError, ("degree", "9", "8 bits")),
        (lambda: es.pooled_cube(8, 4).kernel_function()(np.ones(7), np.ones(8)), ValueError, ("x", "(7,)")),
        (lambda: es.pooled_cube(8, 4).kernel_function()(np.ones(8), np.zeros(8)), ValueError, ("y", "-1 or 1")),
        (lambda: es.pooled_cube(8, 4).samples(0), ValueError, ("degree", "0")),
        (lambda: es.pooled_cube(8, 4).effective_dimension(0), ValueError, ("alpha", "0")),
        (
            lambda: es.pooled_cube(8, 4, 3, activation=POLYNOMIAL).spectrum("nngp", ring=es.EXACT),
            es.UnsupportedError, ("pool=3", "8 bits", "no fractions"),
        ),
        (lambda: es.dual_polynomial((1, -1)), ValueError, ("coefficients", "-1", "position 1")),
        (lambda: es.dual_polynomial((1,)), ValueError, ("coefficients",)),
    ],
)  # fmt: skip
def test_refusals(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_dual_polynomial():
    act = es.dual_polynomial(("1/2", 0, 2))
    assert act.dual_coefficients == (Fraction(1, 5), 0, Fraction(4, 5))
    # its dual, as the expectation that defines it
    import sympy

    z = sympy.Symbol("z")
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    phi = sympy.lambdify(z, act.formula(z))
    t = 0.3
    first, second = nodes[:, None], t * nodes[:, None] + np.sqrt(1 - t**2) * nodes
    dual = weights @ (phi(first) * phi(second)) @ weights / (2 * pi)
    assert dual == pytest.approx(float(act.dual(sympy.Rational(3, 10))), rel=1e-13)
    assert act.hermite(2) == [sympy.sqrt(5) / 5, 0, 2 * sympy.sqrt(5) / 5] and act.keeps_angle is False
    with pytest.raises(es.UnsupportedError):
        act.at_variance(Fraction(2))
