"""Eigenvalues of users' kernels against closed forms, and refusals where the values of a function do not suffice."""

import json
import math
import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

import eigenspace as es
import kernels
from eigenspace._flint import precision
from eigenspace._gegenbauer import gauss_points
from eigenspace._samples import recognised
from eigenspace._smoothness import is_resolved
from eigenspace.harmonics import monomial_moment, multiplicity

DIMS = (1, 2, 3, 10, 100, 399, 400, 10**6)


def assert_true(table, truth):
    """Every stated value is as close to the truth as its error says."""
    with mpmath.workdps(60):
        for i, value in enumerate(truth):
            value = mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value
            found = kernels.stated(table.column, i)
            assert abs(found - value) <= found * mpmath.mpf(float(table.error[i])), (i, found, value)


def relu(t, lib=mpmath):
    angle = lib.pi - (lib.acos if lib is mpmath else lib.arccos)(t)
    return (lib.sqrt((1 - t) * (1 + t)) + t * angle) / lib.pi


def numpy_relu(t):
    return relu(t, np)


# the closed forms themselves


CLOSED = [
    kernels.exponential(3), kernels.polynomial([1, 2, 3, 4]), kernels.poisson(0.5), kernels.newton(0.5),
    kernels.arc_cosine(0), kernels.arc_cosine(1), kernels.step(0.3), kernels.ramp(0.3), kernels.step(-0.5),
]  # fmt: skip


@pytest.mark.parametrize("known", CLOSED, ids=lambda known: known.name)
@pytest.mark.parametrize("dim", [2, 3, 7])
def test_closed_forms_against_quadrature(known, dim):
    if dim < known.least_dim:
        pytest.skip("no closed form")
    kernel = kernels.at_dim(known, "exact", dim)
    with mpmath.workdps(30):
        ends = [0, *(mpmath.acos(mpmath.mpf(a)) for a in (0.3, -0.5)), mpmath.pi]
        for k in (0, 1, 2, 3, 5, 8):

            def integrand(angle, k=k):
                t = mpmath.cos(angle)
                return kernel(t) * kernels.gegenbauer(dim, k, t) * mpmath.sin(angle) ** (dim - 2)

            value = kernels.constant(dim) * mpmath.quad(integrand, ends)
            assert abs(value - known.eigenvalue(dim, k)) < 1e-22


# values


@pytest.mark.parametrize("dim", DIMS)
def test_gaussian_kernel_in_all_dimensions(dim):
    known = kernels.exponential(1.0)
    degrees = [0, 1] if dim == 1 else [0, 1, 2, 3, 7, 20]
    table = es.zonal_spectrum(known.exact, dim, degrees)
    with mpmath.workdps(60):
        assert_true(table, [known.eigenvalue(dim, k) for k in degrees])
    assert table.error.max() <= 1e-12
    assert set(table.bounds()) == {"estimated"}
    assert table.multiplicity.tolist() == [multiplicity(dim, k) for k in degrees]
    assert table.trace == math.e


@pytest.mark.parametrize(("dim", "known"), [
    (3, kernels.arc_cosine(1)), (10, kernels.newton(0.5)), (2, kernels.poisson(0.75)),
    (10**6, kernels.exponential(1.0)), (1000, kernels.arc_cosine(0)),
])  # fmt: skip
def test_degrees_up_to_200(dim, known):
    degrees = [0, 1, 40, 99, 160, 200]
    if known.name.startswith("arc"):  # the degrees of one parity vanish
        degrees = [0, 1, 41, 99] if known.name.endswith("0") else [0, 1, 40, 200]
    table = es.zonal_spectrum(kernels.at_dim(known, "exact", dim), dim, degrees)
    with mpmath.workdps(60):
        assert_true(table, [known.eigenvalue(dim, k) for k in degrees])
    assert table.error.max() <= 1e-12


@pytest.mark.parametrize("dim", [1, 2, 3, 10, 100, 10**6])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_relu_networks_given_as_functions(dim, depth):
    def deep(one):
        def kernel(t):
            for _ in range(depth):
                t = one(t)
            return t

        return kernel

    degrees = [0, 1] if dim == 1 else [0, 1, 2, 4]
    reference = es.spectrum(es.mlp(dim, depth), "nngp", degree=degrees[-1])
    found = es.zonal_spectrum(deep(relu), dim, degrees)
    for row in found:
        other = reference[row.total_degree]
        assert abs(row.value / other.value - 1) <= row.error + other.error
        # one sphere: S, F and multiplicity as for a network
        assert (row.space, row.frequency, row.degrees) == (other.space, other.frequency, other.degrees)
        assert (row.multiplicity, row.pattern) == (other.multiplicity, other.pattern)
    # double precision: fewer degrees, and a wider error, but no wrong one
    rough = es.zonal_spectrum(deep(lambda t: numpy_relu(np.clip(t, -1, 1))), dim, [0, 1], rtol=1e-9)
    for row in rough:
        assert abs(row.value / reference[row.total_degree].value - 1) <= row.error + reference[row.total_degree].error


def test_laplace_kernel_is_analytic_in_the_angle():
    table = es.zonal_spectrum(lambda t: np.exp(-np.sqrt(2 - 2 * t)), 3, [0, 1, 2, 30])
    with mpmath.workdps(40):
        truth = []
        for k in (0, 1, 2, 30):

            def integrand(half, k=k):
                # theta = 2 half: sqrt(2 - 2 cos) = 2 sin(half)
                return (
                    mpmath.exp(-2 * mpmath.sin(half)) * mpmath.legendre(k, mpmath.cos(2 * half)) * mpmath.sin(2 * half)
                )

            truth.append(mpmath.quad(integrand, mpmath.linspace(0, mpmath.pi / 2, 9)))
        assert_true(table, truth)


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=9),
    st.sampled_from([1, 2, 3, 10, 57, 1000, 10**6]),
    st.sampled_from(["python", "mpmath", "sympy"]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_polynomials(coefficients, dim, form):
    coefficients.append(1)

    def python(t):
        return sum(c * t**n for n, c in enumerate(coefficients))

    kernel = {"python": python, "mpmath": lambda t: mpmath.polyval(coefficients[::-1], t)}.get(form) or python(
        sympy.Symbol("t")
    )
    degrees = [0, 1] if dim == 1 else list(range(len(coefficients) + 2))
    truth = [sum(c * monomial_moment(dim, k, n) for n, c in enumerate(coefficients)) for k in degrees]
    table = es.zonal_spectrum(kernel, dim, degrees)
    assert_true(table, truth)
    for row, value in zip(table, truth, strict=True):
        assert row.error <= 1e-12 if value else row.error == 2 or row.value == 0
    assert abs(table.coverage() - 1) < 1e-11


@pytest.mark.parametrize("seed", range(30))
def test_no_stated_error_is_smaller_than_the_true_one(seed):
    word, _ = kernels.outcome(*kernels.case(random.Random(seed)))
    assert not word.startswith("WRONG"), word


def test_gauss_rule_is_exact_for_its_moments():
    for dim, nodes in ((4, 10), (1000, 12), (10**6, 30)):
        points, masses = gauss_points(dim, nodes, 300)
        with precision(400):
            for power in (0, 2, 4, 2 * nodes - 2):
                moment = monomial_moment(dim, 0, power)
                ratio = sum(t**power * m for t, m in zip(points, masses)) * moment.denominator / moment.numerator
                assert ratio.contains(1) and ratio.rad() < arb(2) ** -250
                assert sum(t ** (power + 1) * m for t, m in zip(points, masses)).contains(0)


@pytest.mark.parametrize("nodes", [16, 60])
def test_last_legendre_coefficients(nodes):
    """Against a direct sum: a polynomial in the angle is resolved up to its degree and not beyond."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    for degree, resolved in ((nodes - 9, True), (nodes - 8, False), (nodes - 3, False), (nodes - 1, False)):
        values = np.polynomial.legendre.Legendre.basis(degree)(x) + 0.5
        direct = [(2 * j + 1) / 2 * w @ (values * np.polynomial.legendre.Legendre.basis(j)(x)) for j in range(nodes)]
        assert (max(np.abs(direct[nodes - 8 :])) < 1e-10) == resolved
        # angles rise where x falls, as in the rule
        ahead = [arb(v, 1e-14) for v in values[: nodes // 2 - 1 : -1]]
        behind = [arb(v, 1e-14) for v in values[: nodes // 2]]
        assert is_resolved(ahead, behind) == resolved


def test_a_jump_between_the_nodes_of_all_rules_counts():
    """On the sphere the rules take any jump between their two middle nodes for one at 0, exactly."""
    for at in (0.0625, 1e-3, 1e-9):
        known = kernels.step(at)
        with mpmath.workdps(30):
            assert_true(es.zonal_spectrum(known.floats, 3, [0], rtol=0.3), [known.eigenvalue(3, 0)])
    with pytest.raises(es.ConvergenceError):
        es.zonal_spectrum(known.floats, 3, [0])


# zeros


def test_parity_makes_exact_zeros():
    even = es.zonal_spectrum(lambda t: np.cosh(t), 3, [0, 1, 2, 3])
    assert [row.value == 0 for row in even] == [False, True, False, True]
    assert [row.error == 0 for row in even] == [False, True, False, True]
    assert even[1].learning_index == math.inf and even[1].log10 == -math.inf
    odd = es.zonal_spectrum(lambda t: np.sinh(np.asarray(t, dtype=float)), 1000, [0, 1, 2])
    assert [row.value == 0 for row in odd] == [True, False, True]
    two = es.zonal_spectrum(lambda t: t * t, 1, [0, 1])
    assert two.values().tolist() == [1, 0]


def test_what_no_number_of_digits_tells_from_zero_is_an_upper_bound():
    table = es.zonal_spectrum(relu, 10, [1, 2, 3])
    assert table[2].error == 2 and 0 < table[2].value < 1e-60
    assert table[2].text().startswith("<") and "upper bounds" in str(table)
    assert table[1].error < 1e-12


@pytest.mark.parametrize(("known", "dim", "degrees"), [
    (kernels.ramp(-0.5), 1000, [9, 11]), (kernels.step(-0.5), 1000, [3]), (kernels.step(-0.5), 10**6, [3, 8]),
])  # fmt: skip
def test_a_jump_beyond_the_nodes_of_high_dimension_counts(known, dim, degrees):
    """Where the sphere lives the kernel is constant or linear, and even; elsewhere it is not."""
    truth = [known.eigenvalue(dim, k) for k in degrees]
    for form in ("exact", "floats"):
        try:
            table = es.zonal_spectrum(getattr(known, form), dim, degrees, rtol=0.01)
        except es.ConvergenceError:
            continue
        assert_true(table, truth)
        assert np.all(table.error > 0)


# refusals


@pytest.mark.parametrize("kernel", [
    lambda t: abs(t - 0.3), lambda t: np.sign(t) + 2, lambda t: np.maximum(t, 0) ** 2,
])  # fmt: skip
def test_kinks_and_jumps_are_refused(kernel):
    with pytest.raises(es.ConvergenceError, match=r"rtol=1e-12 is out of reach at degree \d.*kink or a jump.*larger"):
        es.zonal_spectrum(kernel, 3, [0, 1])


def test_kinks_pass_where_little_is_asked():
    with mpmath.workdps(30):
        assert_true(es.zonal_spectrum(lambda t: abs(t), 3, [0, 2], rtol=1e-2), [Fraction(1, 2), Fraction(1, 8)])
        assert_true(es.zonal_spectrum(lambda t: np.sign(t), 3, [1], rtol=5e-2), [Fraction(1, 2)])


def test_float64_is_refused_below_its_noise():
    assert es.zonal_spectrum(numpy_relu, 10, [0, 1, 2]).error.max() < 1e-12
    with pytest.raises(es.ConvergenceError, match="degree 10: .*noise.*does not take numbers of mpmath.*mpmath.exp"):
        es.zonal_spectrum(numpy_relu, 10, [0, 10])
    with pytest.raises(es.ConvergenceError, match="lost in it"):
        es.zonal_spectrum(numpy_relu, 10, [3])
    with pytest.raises(es.ConvergenceError, match="floats"):
        es.zonal_spectrum(lambda t: math.exp(1e6 * (t - 1)), 3, [0])
    with pytest.raises(es.ConvergenceError, match="is 0 at all"):
        es.zonal_spectrum(lambda t: math.exp(1e6 * (t - 1)), 1000, [0])


def test_kernels_that_are_not_positive_definite():
    with pytest.raises(
        ValueError, match="positive definite on the sphere of dimension 3, got the .* -0.00900658 at degree 3"
    ):
        es.zonal_spectrum(mpmath.sin, 3, [1, 3])
    for kernel in (lambda t: -t * t, lambda t: t - 1, lambda t: 0 * t):
        with pytest.raises(ValueError, match="positive at t = 1"):
            es.zonal_spectrum(kernel, 3, [0])


@pytest.mark.parametrize(("arguments", "error", "message"), [
    (("exp", 3, 0), TypeError, "function of one number"),
    ((lambda t: "x", 3, 0), TypeError, "must take a number"),
    ((lambda t: 1 / (1 - t), 3, 0), ValueError, "finite"),
    ((lambda t: mpmath.exp(10**6 * t), 3, 0), ValueError, "range of float64"),
    ((sympy.Symbol("a") * sympy.Symbol("t"), 3, 0), ValueError, "one symbol, got a, t"),
    ((np.exp, 0, 0), ValueError, "dim must be"),
    ((np.exp, 1, [0, 2]), ValueError, "two points"),
    ((np.exp, 3, [1, -1]), ValueError, "position 1"),
    ((np.exp, 3, [1, 1]), ValueError, "different"),
    ((np.exp, 3, 1.5), TypeError, "degrees must be"),
    ((np.exp, 3, 2001), ValueError, "up to 2000"),
    ((np.exp, 3, []), ValueError, "non-empty"),
])  # fmt: skip
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        es.zonal_spectrum(*arguments)


@pytest.mark.parametrize("rtol", [0, -1, 1, 1e-20, math.nan])
def test_bad_rtol(rtol):
    with pytest.raises(ValueError, match="rtol must be"):
        es.zonal_spectrum(np.exp, 3, 0, rtol=rtol)


# what a function takes


@pytest.mark.parametrize(("function", "kind"), [
    (np.exp, "arb"), (lambda t: t.exp(), "arb"), (lambda t: t**3 + 1, "arb"),
    (lambda t: np.exp(-np.sqrt(2 - 2 * t)), "arb"),
    (mpmath.exp, "mpf"), (relu, "mpf"), (sympy.exp(sympy.Symbol("x")) / 3, "mpf"), (sympy.Integer(2), "mpf"),
    (math.exp, "float64"), (numpy_relu, "float64"), (lambda t: 0.1, "float64"),
    (lambda t: mpmath.mpf(math.exp(t)) * mpmath.pi, "float64"), (lambda t: mpmath.exp(t) + math.sin(t), "float64"),
    (lambda t: mpmath.workdps(20)(mpmath.exp)(t), "float64"), (lambda t: np.exp(np.float32(t)), "float64"),
])  # fmt: skip
def test_the_richest_numbers_that_a_function_takes(function, kind):
    assert recognised(function).kind == kind


@pytest.mark.parametrize("function", [
    numpy_relu, math.exp, lambda t: np.exp(np.asarray(t, dtype=np.float32)).astype(float),
    lambda t: (1 - np.cos(1e-3 * np.asarray(t, dtype=float))) * 2e6, lambda t: mpmath.mpf(math.exp(t)),
])  # fmt: skip
def test_noise_of_float64_samples_is_seen(function):
    """Against the same formula in many digits; float32 and cancellation inside."""
    exact = {math.exp: mpmath.exp, numpy_relu: relu}.get(function, mpmath.exp)
    if function(0.0) == 0:
        exact = lambda t: (1 - mpmath.cos(mpmath.mpf(1e-3) * t)) * 2 * 10**6
    points = [arb(float(x)) for x in np.cos(np.linspace(0.01, 3.1, 60))]
    samples = recognised(function)
    with precision(64), mpmath.workdps(40):
        balls = samples(points, 64)
        inside = [abs(arb(exact(mpmath.mpf(float(p)))) - b.mid()) <= 2 * b.rad() for p, b in zip(points, balls)]
    # an estimate for each point: nearly all hold on their own, and the sum over the nodes of a rule averages
    assert np.mean(inside) > 0.9


def test_a_function_of_scalars_and_a_function_of_arrays_give_the_same():
    network = es.kernel_function(es.mlp(5, 2), "ntk")
    arrays = es.zonal_spectrum(lambda t: network(np.asarray(t, dtype=float)[..., None]), 5, [0, 1, 2])
    scalars = es.zonal_spectrum(lambda t: float(network(np.array([float(t)]))), 5, [0, 1, 2])
    assert arrays.values() == pytest.approx(scalars.values(), rel=1e-12)
    reference = es.spectrum(es.mlp(5, 2), "ntk", degree=2)
    assert arrays.values() == pytest.approx(reference.values(), rel=1e-12)


# the table


def test_table():
    def exponential(t):
        return mpmath.exp(t)

    table = es.zonal_spectrum(exponential, 10, [3, 0])
    assert table.total_degree.tolist() == [3, 0] and table.kernel == "zonal"
    assert "K = exponential on the sphere of dimension 10" in str(table)
    assert table.provenance.call == "eigenspace.zonal_spectrum(kernel_function, 10, [3, 0], rtol=1e-12)"
    back = es.EigenTable.from_json(table.to_json())
    assert back.values().tolist() == table.values().tolist() and back.provenance == table.provenance
    assert json.loads(table.to_json())["pattern"] == ["3", "0"]
    assert es.zonal_spectrum(mpmath.exp, 10, 3).values().tolist() == [table[0].value]
    assert es.zonal_spectrum(mpmath.exp, 10, np.array([3])).values().tolist() == [table[0].value]
    assert es.zonal_spectrum(mpmath.exp, 10, range(2))[1].frequency == Fraction(1)


def test_small_eigenvalues_keep_their_exponent():
    row = es.zonal_spectrum(mpmath.exp, 10**6, [100])[0]
    assert row.value == 0 and -601 < row.log10 < -599 and row.error < 1e-12
