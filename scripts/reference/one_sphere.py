"""Eigenvalues of dense networks on one sphere, by quadrature in the angle in ball arithmetic.

    lambda_k = c_d int_0^pi K(cos th) P_k(cos th) sin(th)^(d-2) dth,
    c_d = Gamma(d/2) / (sqrt(pi) Gamma((d-1)/2))

``P_k`` is the Gegenbauer polynomial of the sphere S^(d-1) with ``P_k(1) = 1``, from ``(k+d-2) P_{k+1} =
(2k+d-2) t P_k - k P_{k-1}`` (DLMF 18.9.1); on the two-point sphere (dim 1) the integral is ``(K(1) +
(-1)^k K(-1)) / 2``.  The kernels are NNGP and NTK of ``depth`` activations and a linear readout, bias
free, normalised to K(1) = 1 (Jacot, Gabriel and Hongler 2018, arXiv 1806.07572; Bietti and Bach 2021,
arXiv 2009.14397):

    K_0 = T_0 = t,    K_l = phi*(K_{l-1}),    T_l = K_l + phi*'(K_{l-1}) T_{l-1}.

Every such kernel is analytic in th on [0, pi].  Dimensions up to 1000 use Gauss-Legendre nodes in th,
dimensions from 1000 the trapezoidal rule around pi/2 (both at 1000, which must agree).  Rounding is
enclosed by the balls; the rule is refined (twice the nodes) until every value agrees to more than the
stored digits.  Second routes, compared case by case: the Taylor series ``sum_n b_n m(k, n)`` with ``m(k,
n) = n! Gamma(d/2) / (2^n ((n-k)/2)! Gamma((n+k+d)/2))`` (Azevedo and Menegatto 2014), mpmath's tanh-sinh
rule in small dimensions, and the Bessel closed form of the Gaussian kernel (Minh, Niyogi and Yao 2006).

Command:  python scripts/reference/one_sphere.py      (writes tests/reference/one_sphere.json)
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import mpmath
from flint import arb, arb_series, ctx

import _common as common

STORED = 40
AGREE = STORED + 2
RBF = "rbf(0.25)"
DIMS = (2, 3, 4, 5, 7, 10, 16, 30, 50, 64, 65, 100, 200, 500, 1000, 10**4, 10**5, 10**6)
CORE_DEGREES = (0, 1, 2, 3, 10, 101, 200)
MORE_DEGREES = (4, 5, 6, 7, 8, 15, 20, 31, 50, 51, 99, 100, 150, 199)
MORE_DIMS = (2, 3, 5, 10, 50, 1000, 10**5)
RBF_DEGREES = (0, 1, 2, 3, 5, 10, 31)
RBF_DIMS = (2, 3, 5, 10, 64, 1000, 10**6)
MAX_DEGREE = 200

Task = tuple[str, int, str, int]  # activation, depth, kernel, degree


def tasks(dim: int) -> list[Task]:
    kernels = ("nngp", "ntk")
    out = [("relu", depth, kernel, k) for depth in (1, 3, 5) for kernel in kernels for k in CORE_DEGREES]
    if dim in MORE_DIMS:
        out += [
            ("relu", depth, kernels[(k + depth // 2 + dim) % 2], k) for depth in (2, 4) for k in MORE_DEGREES
        ]
    if dim in RBF_DIMS:
        out += [(RBF, depth, kernel, k) for depth in (1, 2) for kernel in kernels for k in RBF_DEGREES]
    return out


def structural_zero(task: Task) -> bool:
    """One hidden ReLU layer: kappa1 is t/2 plus an even function, kappa0 is 1/2 plus an odd one."""
    activation, depth, _, degree = task
    return activation == "relu" and depth == 1 and degree % 2 == 1 and degree >= 3


def chain(activation: str, cos: arb, sin: arb, theta: arb, depth: int) -> dict[tuple[str, int, str], arb]:
    """(activation, depth, kernel) -> value, for all depths up to ``depth``."""
    out = {}
    value = total = cos
    for layer in range(1, depth + 1):
        if activation == "relu" and layer == 1:
            value, slope = common.relu_pair_angle(cos, sin, theta)
        else:
            value, slope = common.dual_pair(activation, value)
        total = value + slope * total
        out[activation, layer, "nngp"], out[activation, layer, "ntk"] = value, total
    return out


def kernels_at(cos: arb, sin: arb, theta: arb, rbf: bool) -> dict[tuple[str, int, str], arb]:
    out = chain("relu", cos, sin, theta, 5)
    if rbf:
        out.update(chain(RBF, cos, sin, theta, 2))
    return out


Node = tuple[arb, arb, arb, dict, dict]


def make_node(phi: arb, weight: arb, rbf: bool) -> Node:
    """The pair of nodes pi/2 -+ phi: (t, sin th, weight, K(t) + K(-t), K(t) - K(-t))."""
    t, sin = phi.sin_cos()
    half_pi = arb.pi() / 2
    plus = kernels_at(t, sin, half_pi - phi, rbf)
    minus = kernels_at(-t, sin, half_pi + phi, rbf)
    even = {key: plus[key] + minus[key] for key in plus}
    odd = {key: plus[key] - minus[key] for key in plus}
    return t, sin, weight, even, odd


def gauss_nodes(count: int) -> list[Node]:
    """Gauss-Legendre on [0, pi], folded at pi/2 (``count`` even)."""
    out = []
    for index in range(count // 2):
        root, weight = arb.legendre_p_root(count, index, weight=True)
        out.append(make_node(root * arb.pi() / 2, weight * arb.pi() / 2, True))
    return out


def trapezoid_nodes(step: arb, window: float, midpoints: bool, rbf: bool) -> Iterator[Node]:
    """Nodes pi/2 -+ j step (or the midpoints between them) up to ``window``, with their weights."""
    half = arb(1) / 2
    index = 0
    while True:
        phi = (index + half) * step if midpoints else index * step
        if float(phi.mid()) > window:
            return
        centre = index == 0 and not midpoints
        yield make_node(phi, step * half if centre else step, rbf)
        index += 1


def gegenbauer(dim: int, t: arb, wanted: frozenset[int]) -> dict[int, arb]:
    out = {}
    before, now = arb(1), t
    if 0 in wanted:
        out[0] = before
    for k in range(1, MAX_DEGREE + 1):
        if k in wanted:
            out[k] = now
        before, now = now, ((2 * k + dim - 2) * (t * now) - k * before) / (k + dim - 2)
    return out


def quadrature(dim: int, nodes, wanted: list[Task]) -> dict[Task, arb]:
    """The rule's sums over ``nodes``, times c_d."""
    degrees = frozenset(task[3] for task in wanted)
    by_degree = {k: [task for task in wanted if task[3] == k] for k in degrees}
    sums = {task: arb(0) for task in wanted}
    half = arb(1) / 2
    for t, sin, weight, even, odd in nodes:
        density = weight * sin ** (dim - 2)
        for k, polynomial in gegenbauer(dim, t, degrees).items():
            factor = density * polynomial
            kernels = odd if k % 2 else even
            for task in by_degree[k]:
                sums[task] += factor * kernels[task[:3]]
    norm = (arb(dim) * half).gamma() / (arb.pi().sqrt() * (arb(dim - 1) * half).gamma())
    return {task: norm * value for task, value in sums.items()}


def smallness(dim: int) -> float:
    """-log10 of m(200, 200), the size of the smallest ReLU eigenvalue up to a modest factor."""
    k, half = MAX_DEGREE, mpmath.mpf(dim) / 2
    log = mpmath.loggamma(k + 1) - k * mpmath.log(2) + mpmath.loggamma(half) - mpmath.loggamma(k + half)
    return float(-log / mpmath.log(10))


def agree(coarse: dict[Task, arb], fine: dict[Task, arb], scale: float) -> float:
    """Worst agreement in digits; exact zeros must vanish below 10^-scale."""
    worst = 1e9
    for task, value in fine.items():
        if structural_zero(task):
            worst = min(worst, AGREE + 3 if abs(value).upper() < arb(10) ** (-scale) else 0)
        else:
            worst = min(worst, common.relative_digits(coarse[task], value))
    return worst


def by_gauss(dims: list[int]) -> dict[int, dict[Task, arb]]:
    """All small dimensions at once: the nodes and kernel values are shared."""
    scale = max(smallness(dim) for dim in dims) + STORED + 25
    ctx.prec = int(3.33 * (scale + 120))
    done: dict[int, dict[Task, arb]] = {}
    previous: dict[int, dict[Task, arb]] = {}
    count = 500
    while len(done) < len(dims):
        nodes = gauss_nodes(count)
        for dim in dims:
            if dim in done:
                continue
            new = quadrature(dim, nodes, tasks(dim))
            if dim in previous:
                worst = agree(previous[dim], new, smallness(dim) + AGREE)
                if worst >= AGREE:
                    done[dim] = new
                    print(f"gauss dim {dim}: {count} nodes, agreement {worst:.1f} digits", flush=True)
            previous[dim] = new
        count *= 2
        if count > 8000:
            raise RuntimeError("no convergence")
    return done


def by_trapezoid(dim: int) -> dict[Task, arb]:
    scale = smallness(dim) + STORED + 25
    rbf = dim in RBF_DIMS
    ctx.prec = int(3.33 * (scale + 120))
    window = float(mpmath.acos(mpmath.mpf(10) ** (-mpmath.mpf(scale + 20) / (dim - 2))))
    step = arb(1) / (8 * int(dim**0.5))
    wanted = tasks(dim)
    coarse = quadrature(dim, trapezoid_nodes(step, window, False, rbf), wanted)
    while True:
        middle = quadrature(dim, trapezoid_nodes(step, window, True, rbf), wanted)
        fine = {task: (coarse[task] + middle[task]) / 2 for task in wanted}
        worst = agree(coarse, fine, smallness(dim) + AGREE)
        print(f"trapezoid dim {dim}: step {float(step):.2e}/2, agreement {worst:.1f} digits", flush=True)
        if worst >= AGREE:
            return fine
        coarse, step = fine, step / 2


# Second routes ------------------------------------------------------------------------------------


def taylor(activation: str, depth: int, order: int) -> tuple[arb_series, arb_series]:
    """Taylor coefficients at t = 0 of (K, T), by the elementary functions of power series."""
    ctx.cap = order
    value = total = arb_series([0, 1], order)
    for _ in range(depth):
        if activation == "relu":
            theta = value.acos()
            slope = 1 - theta / arb.pi()
            value = (1 - value * value).sqrt() / arb.pi() + slope * value
        else:
            gamma2 = 2 * arb(activation[4:-1])
            value = (gamma2 * (value - 1)).exp()
            slope = gamma2 * value
        total = value + slope * total
    return value, total


def series_eigenvalue(series: arb_series, dim: int, k: int, order: int) -> tuple[arb, float]:
    """(sum_n b_n m(k, n), share of the last ten terms)."""
    half = arb(1) / 2
    moment = arb(k).fac() if hasattr(arb, "fac") else arb(k + 1).gamma()
    moment = moment * half**k * (arb(dim) * half).gamma() / (arb(dim) * half + k).gamma()
    total, tail, n = arb(0), arb(0), k
    while n < order:
        term = series[n] * moment
        total += term
        if n >= order - 20:
            tail += abs(term)
        # m(k, n+2) / m(k, n)
        moment = moment * ((n + 1) * (n + 2)) / (2 * ((n - k) // 2 + 1)) / (n + k + dim)
        n += 2
    return total, (float((tail / total).upper()) if total > 0 else 0.0)


def compare_series(results: dict[int, dict[Task, arb]]) -> str:
    """ReLU at dimensions >= 500 (where the series converges fast) and every rbf case."""
    order = 900
    ctx.prec = 4200
    count, worst = 0, 1e9
    cache: dict[tuple[str, int], tuple[arb_series, arb_series]] = {}
    for dim, values in results.items():
        for task, value in values.items():
            activation, depth, kernel, k = task
            if structural_zero(task) or (activation == "relu" and dim < 500):
                continue
            if (activation, depth) not in cache:
                cache[activation, depth] = taylor(activation, depth, order)
            total, tail = series_eigenvalue(cache[activation, depth][kernel == "ntk"], dim, k, order)
            digits = common.relative_digits(total, value)
            if tail > 1e-50:
                # the positive series is cut too early to confirm all digits; it must still lie below
                assert total < value * (1 + arb(10) ** -AGREE), (dim, task)
                assert digits > 12, (dim, task, digits, tail)
                continue
            count += 1
            worst = min(worst, digits)
    assert worst > AGREE - 1, worst
    return f"{count} cases (relu from dim 500, rbf everywhere) equal sum_n b_n m(k,n) to {worst:.0f} digits"


def compare_tanh_sinh(results: dict[int, dict[Task, arb]]) -> str:
    """A few low-degree cases with mpmath.quad, kernels and polynomials evaluated by mpmath alone."""
    mpmath.mp.dps = 50
    worst, count = mpmath.inf, 0
    for dim, depth, k in (
        (2, 1, 2),
        (2, 3, 3),
        (3, 1, 10),
        (3, 5, 1),
        (4, 3, 10),
        (7, 1, 0),
        (10, 5, 3),
        (30, 3, 2),
    ):
        for kernel in ("nngp", "ntk"):

            def integrand(theta, dim=dim, depth=depth, k=k, kernel=kernel):
                value = total = mpmath.cos(theta)
                for _ in range(depth):
                    angle = mpmath.acos(min(value, mpmath.mpf(1)))
                    slope = (mpmath.pi - angle) / mpmath.pi
                    value = mpmath.sqrt(abs(1 - value**2)) / mpmath.pi + slope * value
                    total = value + slope * total
                t = mpmath.cos(theta)
                if dim == 2:
                    polynomial = mpmath.cos(k * theta)
                else:
                    alpha = mpmath.mpf(dim - 2) / 2
                    polynomial = mpmath.gegenbauer(k, alpha, t) / mpmath.gegenbauer(k, alpha, 1)
                return (value if kernel == "nngp" else total) * polynomial * mpmath.sin(theta) ** (dim - 2)

            norm = mpmath.gamma(mpmath.mpf(dim) / 2) / (
                mpmath.sqrt(mpmath.pi) * mpmath.gamma(mpmath.mpf(dim - 1) / 2)
            )
            value = norm * mpmath.quad(integrand, mpmath.linspace(0, mpmath.pi, 5))
            stored = mpmath.mpf(common.text(results[dim]["relu", depth, kernel, k], 45))
            worst = min(worst, -mpmath.log10(abs(value / stored - 1) + mpmath.mpf(10) ** -60))
            count += 1
    # acos near 1 costs mpmath half of its digits there: 30 digits confirm the formula, not the last digit
    assert worst > 28, worst
    return f"{count} relu cases (dims 2 to 30) equal mpmath.quad (tanh-sinh) to {int(worst)} digits or better"


def compare_bessel(results: dict[int, dict[Task, arb]]) -> str:
    """exp((t-1)/s2): mu_k = e^(-1/s2) Gamma(d/2) (2 s2)^(d/2-1) I_{k+d/2-1}(1/s2), s2 = 1/(2 gamma) = 2."""
    mpmath.mp.dps = 60
    worst, count = mpmath.inf, 0
    for dim in (2, 3, 5, 10, 64):
        for k in RBF_DEGREES:
            half = mpmath.mpf(dim) / 2
            value = mpmath.exp(-0.5) * mpmath.gamma(half) * mpmath.mpf(4) ** (half - 1)
            value *= mpmath.besseli(k + half - 1, mpmath.mpf(1) / 2)
            stored = mpmath.mpf(common.text(results[dim][RBF, 1, "nngp", k], 50))
            worst = min(worst, -mpmath.log10(abs(value / stored - 1) + mpmath.mpf(10) ** -60))
            count += 1
    assert worst > AGREE - 1, worst
    return f"{count} rbf(0.25) cases of depth 1 equal the Bessel closed form to {int(worst)} digits or better"


def two_point() -> dict[Task, arb]:
    """dim 1: (K(1) + (-1)^k K(-1)) / 2."""
    ctx.prec = 300
    out = {}
    for activation, depths in (("relu", range(1, 6)), (RBF, (1, 2))):
        for kernel in ("nngp", "ntk"):
            for depth in depths:
                ends = []
                for t in (arb(1), arb(-1)):
                    value = total = t
                    for _ in range(depth):
                        value, slope = common.dual_pair(activation, value)
                        total = value + slope * total
                    ends.append(value if kernel == "nngp" else total)
                for k in (0, 1):
                    out[activation, depth, kernel, k] = (ends[0] + (-1) ** k * ends[1]) / 2
    return out


def main() -> None:
    start = time.time()
    results = {1: two_point()}
    results.update(by_gauss([dim for dim in DIMS if dim <= 1000]))
    print(f"{time.time() - start:.0f} s", flush=True)
    for dim in DIMS:
        if dim >= 1000:
            values = by_trapezoid(dim)
            if dim in results:
                worst = agree(results[dim], values, smallness(dim) + AGREE)
                assert worst >= AGREE, worst
            results[dim] = values
            print(f"{time.time() - start:.0f} s", flush=True)
    checks = [
        "dims 2 to 1000: Gauss-Legendre in theta, twice the nodes changes nothing in 42 digits;"
        " arb encloses the rounding",
        "dims 1000 to 10^6: trapezoidal rule around pi/2, half the step changes nothing in 42 digits;"
        " at dim 1000 both rules agree to 42 digits",
        'value "0": one hidden relu layer, odd degree >= 3: zero by parity, and the rule gives less'
        " than 1e-42 of the monomial moment m(200,200)",
    ]
    for compare in (compare_series, compare_tanh_sinh, compare_bessel):
        checks.append(compare(results))
        print(checks[-1], f"{time.time() - start:.0f} s", flush=True)
    cases = [
        {
            "dim": dim,
            "depth": depth,
            "activation": activation,
            "kernel": kernel,
            "degree": k,
            "value": "0" if structural_zero((activation, depth, kernel, k)) else common.text(value, STORED),
        }
        for dim, values in results.items()
        for (activation, depth, kernel, k), value in values.items()
    ]
    description = (
        "Eigenvalue lambda_k = E[K P_k] of mlp(dim, depth): one leaf sphere S^(dim-1), `depth`"
        " activations, linear readout, bias-free, K(1) = 1, NTK(1) = depth + 1 for relu; activation 'relu'"
        " or 'rbf(gamma)' with phi*(t) = exp(-2 gamma (1-t))."
    )
    path = common.write("one_sphere.json", "one_sphere.py", STORED, description, checks, cases)
    print(f"{len(cases)} cases -> {path}, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
