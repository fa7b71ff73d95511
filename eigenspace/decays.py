r"""Decay of eigenvalues on spheres: exponents and constants as the degree goes to infinity.

On one sphere the ends of [-1, 1] decide [BiettiBach2021, thm. 1]: if a kernel is a polynomial plus
:math:`c_{\pm1} \varepsilon^\nu` plus higher terms at :math:`t = \pm(1 - \varepsilon)`, then

.. math:: \lambda_k \sim (c_1 + (-1)^k c_{-1})\, C(d, \nu)\, \frac{\Gamma(k - \nu)}{\Gamma(k + \nu + d - 1)}, \qquad
          C(d, \nu) = \frac{2^{\nu+d-2}\, \Gamma(\frac d2)\, \Gamma(\nu + \frac{d-1}2)}{\sqrt\pi\, \Gamma(-\nu)};

the right hand side is exact for :math:`(1-t)^\nu` itself, and falls like :math:`k^{-d-2\nu+1}`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from . import _check
from ._constants import expression
from ._endpoints import expansion
from ._flint import precision
from ._formula import Formula, assert_exact
from .activations import Activation, Rectified
from .duals import power_series
from .eigenvalues import eigenvalue
from .errors import UnsupportedError
from .kernels import KERNELS
from .layers import activation_of
from .networks import _dimension, mlp
from .parts import Leaf, Network, _network

#: digits of the numerical constants
_DIGITS = 30
#: order at which the parity of a power series is read off
_PARITY_ORDER = 64


@dataclass(frozen=True)
class RadialKernel:
    r"""The kernel :math:`e^{-c |x - y|^\gamma}` of unit vectors; made by `laplace` and `gamma_exponential`."""

    gamma: Fraction
    scale: Fraction

    def __call__(self, t):
        """The kernel as a SymPy expression of the correlation."""
        import sympy

        return sympy.exp(-sympy.Rational(self.scale) * (2 - 2 * sympy.sympify(t)) ** (sympy.Rational(self.gamma) / 2))


def laplace(c: float) -> RadialKernel:
    r"""The Laplace kernel :math:`e^{-c |x - y|}` [Geifman2020], for `decay`.

    >>> laplace(1)(1)
    1
    """
    return gamma_exponential(1, c)


def gamma_exponential(gamma: float, c: float) -> RadialKernel:
    r"""The kernel :math:`e^{-c |x - y|^\gamma}`, ``0 < gamma < 2`` [Geifman2020], for `decay`.

    A float means the decimal number that it prints as.

    >>> gamma_exponential(1.5, 1)(-1)
    exp(-2*sqrt(2))
    """
    way_out = "use a number between 0 and 2; for gamma = 2 take the activation rbf(c)"
    if _check.positive_real("gamma", gamma, way_out) >= 2:
        raise ValueError(f"gamma must be below 2, got {gamma}; {way_out}")
    _check.positive_real("c", c)
    return RadialKernel(_check.rational("gamma", gamma), _check.rational("c", c))


@dataclass(frozen=True, eq=False)
class Decay(Formula):
    r"""The law :math:`\lambda_k \sim c_k\,k^{-p}` of one sphere, with one constant for each parity of the degree.

    Attributes
    ----------
    dim
        Dimension of the sphere, a number or a symbol.
    nu
        The exponent of the leading singularity.
    ends
        Its coefficients at ``t = 1`` and ``t = -1``.
    where
        Definitions of the symbols in them, in their order: values of the kernel at -1, layer by layer.
    zeros
        For even and for odd degrees: the degree from which on eigenvalues are exactly zero, or None.
    """

    dim: object
    nu: object
    ends: tuple
    where: tuple
    zeros: tuple
    source: object
    kernel: str
    citations: tuple[str, ...]
    call: str

    def __post_init__(self):
        for form in (*self.ends, *(value for _, value in self.where)):
            assert_exact(form)

    @property
    def exponent(self):
        r""":math:`p = d + 2\nu - 1`: an exact number, or an expression in the dimension."""
        return self.dim + 2 * self.nu - 1

    @property
    def constants(self) -> tuple:
        """The constants of even and of odd degrees, exact expressions; 0 for degrees that decay faster or vanish."""
        front = _front(self.dim, self.nu)
        return tuple(front * c for c in self._sums)

    @property
    def _sums(self) -> tuple:
        import sympy

        one, minus = self.ends
        return tuple(sympy.Integer(0) if sympy.simplify(c) == 0 else c for c in (one + minus, one - minus))

    @property
    def expr(self):
        """The law as an expression in ``k`` (and the dimension), as a ratio of Gamma functions."""
        import sympy

        k = sympy.Symbol("k", integer=True, positive=True)
        one, minus = self.ends
        return (one + (-1) ** k * minus) * _front(self.dim, self.nu) * self._ratio(k)

    def _ratio(self, k):
        import sympy

        return sympy.gamma(k - self.nu) / sympy.gamma(k + self.nu + self.dim - 1)

    def evaluate(self, digits: int = 15) -> tuple:
        """The constants of even and odd degrees as SymPy floats, for a dimension that is a number."""
        digits = _check.positive_integer("digits", digits)
        self._numeric()
        return tuple(self._number(c, digits) for c in self.constants)

    def _number(self, form, digits: int):
        values: dict = {}
        for symbol, value in self.where:
            values[symbol] = value.subs(values).evalf(digits + 15)
        return form.subs(values).evalf(digits, maxn=10000)

    def _numeric(self) -> None:
        if getattr(self.dim, "free_symbols", None):
            raise ValueError(f"dim must be a number here, got {self.dim}; use decay(..., dim=5)")

    def estimate(self, k: int) -> float:
        """The law at one degree, with the Gamma ratio in place of the power: correct up to ``O(k**-2)`` or better.

        >>> from eigenspace import mlp
        >>> law = decay(mlp(3, 2), "ntk")
        >>> law.estimate(200)
        6.9112379945...e-08
        """
        k = _check.positive_integer("k", k)
        self._numeric()
        if k <= self.nu:
            raise ValueError(f"k must be larger than nu = {self.nu}, got {k}; the law is one of large degrees")
        import mpmath

        with mpmath.workdps(2 * _DIGITS):
            end = mpmath.mpf(str(self._number(self._sums[k % 2], _DIGITS)))
            d, nu = mpmath.mpf(int(self.dim)), mpmath.mpf(int(self.nu.p)) / int(self.nu.q)
            # Gamma functions as floats: as exact numbers they would have k log k digits
            top = mpmath.mpf(2) ** (nu + d - 2) * mpmath.gamma(d / 2) * mpmath.gamma(nu + (d - 1) / 2)
            front = top / (mpmath.sqrt(mpmath.pi) * mpmath.gamma(-nu))
            return float(end * front * mpmath.gamma(k - nu) / mpmath.gamma(k + nu + d - 1))

    def compare(self, degrees: Sequence[int]) -> np.ndarray:
        """The law over the true eigenvalue, degree by degree: tends to 1; nan where both are exactly zero.

        Cost: one `eigenvalue` per degree.
        """
        degrees = _check.nonnegative_integers("degrees", degrees)
        self._numeric()
        found = []
        for k in degrees:
            law, true = self.estimate(k), self._true(k)
            found.append(law / true if true else np.nan if law == 0 else np.inf)
        return np.array(found)

    def _true(self, k: int) -> float:
        if isinstance(self.source, RadialKernel):
            return radial_eigenvalue(self.source, int(self.dim), k)
        return eigenvalue(self.source, k, self.kernel).value

    def _equations(self):
        import sympy

        parities = self._sums
        ratio = sympy.latex(self._ratio(sympy.Symbol("k")))
        front = _front(self.dim, self.nu)
        names = ("",) if parities[0] == parities[1] else (r"\;(k\text{ even})", r"\;(k\text{ odd})")
        for parity, c, zero in zip(names, parities, self.zeros):
            if c == 0 and zero is not None:
                yield rf"\lambda_k = 0{parity}, k \ge {zero}"
            elif c == 0:
                yield rf"\lambda_k = o\bigl(k^{{{sympy.latex(-self.exponent)}}}\bigr){parity}"
            else:
                yield rf"\lambda_k \sim {sympy.latex(c * front)}\, {ratio}{parity}"
        for symbol, value in self.where:
            yield rf"{sympy.latex(symbol)} = {sympy.latex(value)}"

    def _origin(self):
        yield self.call
        yield f"power law: exponent {self.exponent}"
        yield "cite: " + ", ".join(self.citations)

    def __repr__(self) -> str:
        return f"Decay(k**(-({self.exponent})), ends {self.ends[0]}, {self.ends[1]})"


@dataclass(frozen=True, eq=False)
class ProductDecay(Formula):
    r"""The law :math:`\lambda(r) \asymp k^{-p}` where the degrees of some leaves are multiples of ``k``, the others 0.

    Attributes
    ----------
    exponent
        ``p``, an exact number or an expression in the dimensions; infinite where the eigenvalues are zero or fall
        faster than any power.
    leaves
        The leaves whose degrees grow.
    """

    exponent: object
    leaves: tuple[int, ...]
    kernel: str
    call: str

    citations = ("Cagnetta2023", "Geifman2022")

    def _equations(self):
        import sympy

        yield rf"\lambda(r) \asymp k^{{{sympy.latex(-sympy.sympify(self.exponent))}}}"

    def _origin(self):
        yield self.call
        yield "cite: " + ", ".join(self.citations)


def decay(source, kernel: str = "ntk", *, dim=None, leaves=None):
    r"""How eigenvalues fall as the degree goes to infinity.

    Parameters
    ----------
    source
        A network; or an activation, for one hidden layer; or `laplace`, `gamma_exponential`.
    kernel
        ``"nngp"`` or ``"ntk"``; of no meaning for `laplace` and `gamma_exponential`.
    dim
        Dimension of the sphere for activations and `laplace`; a symbol ``d`` by default.
    leaves
        For a network of several leaves: the numbers of those whose degrees go to infinity together; all by default.

    Returns
    -------
    Decay or ProductDecay
        One leaf: exponent and constants, by the expansions of all layers at both ends, composed exactly.  Several
        leaves: the exponent (see the notes).

    Notes
    -----
    On several spheres an eigenvalue falls like the strongest singularity that its leaves share.  At a node with a
    rectifier of order ``n`` the corner where all correlations below are 1 gives
    :math:`p = \sum (s_u - 1) + 2\nu` over *all* leaves below, with :math:`\nu = n + \frac12` for ``K`` and
    :math:`n - \frac12` for ``T`` [Cagnetta2023, for whole patches; Geifman2022].  Nodes further down may be
    singular one by one instead, with the sum of their exponents; the smallest way counts.  This is derived for this
    package and checked numerically, not a theorem; eigenvalues that are exactly zero are exempt.

    Examples
    --------
    >>> import sympy
    >>> from eigenspace import cnn, mlp, relu
    >>> decay(mlp(5, 3), "nngp").exponent, decay(mlp(5, 3)).exponent
    (7, 5)
    >>> decay(mlp(3, 2)).ends
    (-3*sqrt(2)/pi, -sqrt(2)/(2*pi))
    >>> decay(relu).exponent
    d
    >>> decay(cnn(3, (1, 2)), leaves=(0,)).exponent, decay(cnn(3, (1, 2))).exponent
    (3, 5)
    """
    import sympy

    kernel = _check.choice("kernel", kernel, KERNELS)
    call = f"eigenspace.decay({getattr(source, 'call', source)}, {kernel!r})"
    symbol = sympy.Symbol("d", positive=True)
    if isinstance(source, RadialKernel):
        return _radial(source, _dimension(symbol if dim is None else dim), call)
    if isinstance(source, Activation):
        source = mlp(symbol if dim is None else dim, 1, activation=source)
    elif dim is not None:
        raise ValueError(f"dim is for activations and laplace, got dim={dim} beside a network; drop it")
    net = _network(source)
    if len(net.leaves) > 1:
        return _product_decay(net, kernel, leaves, call)
    return _one_sphere(net, kernel, call)


def _front(dim, nu):
    """The constant ``C(d, nu)``."""
    import sympy

    dim, nu = sympy.sympify(dim), sympy.Rational(nu)
    top = 2 ** (nu + dim - 2) * sympy.gamma(dim / 2) * sympy.gamma(nu + (dim - 1) / 2)
    return top / (sympy.sqrt(sympy.pi) * sympy.gamma(-nu))


def _check_sphere(dim) -> None:
    if dim == 1:
        raise ValueError("dim must be at least 2, got 1; the two points of dimension 1 have degrees 0 and 1 only")


# one sphere ------------------------------------------------------------------------------------------


def _one_sphere(net: Network, kernel: str, call: str) -> Decay:
    import sympy

    dim, chain, part = net.leaves[0].dim, [], net.positions[0]
    _check_sphere(dim)
    while not isinstance(part, Leaf):
        chain.insert(0, part.layer)
        part = part.children[0]
    kinds = [activation_of(layer) for layer in chain]
    powers = [a.power for a in kinds if isinstance(a, Rectified)]
    known = all(isinstance(a, Rectified) or a.is_analytic for a in kinds)
    if not powers or not known:
        names = ", ".join(a.name for a in chain) or "linear"
        raise UnsupportedError(
            f"no power law is known for the activations ({names}): it needs at least one rectifier, and beside it only "
            f"activations with a smooth dual in closed form; a smooth kernel decays faster than any power; closed_form "
            f"may help"
        )
    order = max(Fraction(1), min(powers) + Fraction(1, 2))
    where: list = []
    ends = [expansion(chain, sign, kernel, order, lambda value: _named_constant(value, where)) for sign in (1, -1)]
    nu = min(p for p in ends[0] if p.denominator > 1)
    zero = sympy.Integer(0)
    variance = expression(net.variance)
    ends = tuple(sympy.factor(variance * end.get(nu, zero)) for end in ends)
    used = set().union(*(e.free_symbols for e in ends))
    for symbol, value in reversed(where):
        used |= value.free_symbols if symbol in used else set()
    where = tuple((s, v) for s, v in where if s in used)
    citations = ("BiettiBach2021", *dict.fromkeys(c for a in chain for c in a.citations))
    nu = sympy.Rational(nu)
    return Decay(sympy.sympify(dim), nu, ends, where, _zeros(chain, kernel), net, kernel, citations, call)


def _named_constant(value, where: list):
    """A short constant itself, a symbol for a long one (equal ones share it)."""
    import sympy

    value = sympy.sympify(value)
    if value.count_ops() <= 3:
        return value
    for symbol, known in where:
        if known == value:
            return symbol
    # values of duals at -1: between 0 and 1
    symbol = sympy.Symbol(f"rho_{len(where) + 1}", positive=True)
    where.append((symbol, value))
    return symbol


def _zeros(chain, kernel: str) -> tuple:
    """For even and odd degrees, the degree from which on no power of the series reaches them; None if some do."""
    triple = power_series(tuple(chain), _PARITY_ORDER)
    present = {n for n, c in enumerate(triple.f if kernel == "nngp" else triple.g) if not c.is_zero()}
    if kernel == "ntk":
        present |= {n + 1 for n, c in enumerate(triple.h) if not c.is_zero()}
    found = []
    for parity in (0, 1):
        own = [n for n in present if n % 2 == parity]
        found.append(max(own, default=parity - 2) + 2 if max(own, default=0) < _PARITY_ORDER // 2 else None)
    return tuple(found)


# radial kernels --------------------------------------------------------------------------------------


def _radial(source: RadialKernel, dim, call: str) -> Decay:
    r""":math:`|x-y|^2 = 2\varepsilon`, so :math:`c_1 = -c\,2^{\gamma/2}` and :math:`\nu = \gamma/2`; smooth at -1."""
    import sympy

    _check_sphere(dim)
    nu = sympy.Rational(source.gamma) / 2
    ends = (-sympy.Rational(source.scale) * 2**nu, sympy.Integer(0))
    citations = ("BiettiBach2021", "Geifman2020", "ChenXu2021")
    return Decay(sympy.sympify(dim), nu, ends, (), (None, None), source, "kernel", citations, call)


def radial_eigenvalue(source: RadialKernel, dim: int, degree: int, digits: int = 12) -> float:
    r"""An eigenvalue of :math:`e^{-c|x-y|^\gamma}` on one sphere by an integral in balls, proved to ``digits`` digits.

    .. math:: \lambda_k = c_d \int_0^\pi e^{-c (2 \sin(\theta/2))^\gamma} P_k(\cos\theta) \sin^{d-2}\theta \, d\theta

    >>> radial_eigenvalue(laplace(1), 3, 0)
    0.29699707514...
    """
    from flint import acb, arb, fmpq

    gamma, scale = (fmpq(x.numerator, x.denominator) for x in (source.gamma, source.scale))

    def harmonic(z):
        """The Gegenbauer polynomial at an angle, not normalised."""
        return z.cos().gegenbauer_c(degree, (acb(dim) - 2) / 2) if dim > 2 else (degree * z).cos()

    def integrand(z, analytic):
        chord = 2 * (z / 2).sin()
        if source.gamma == 1:
            moved = chord
        elif chord.real > 0:
            moved = (gamma * chord.log()).exp()
        elif analytic:
            return acb(arb("nan"))
        else:
            reach = (gamma * chord.abs_upper().log()).exp().upper()
            moved = acb(arb(0, reach), arb(0, reach))
        return (-scale * moved).exp() * harmonic(z) * z.sin() ** (dim - 2)

    bits = 64 + 4 * digits
    while bits < 20000:
        with precision(bits):
            half, small = arb(dim) / 2, arb(2) ** -bits
            constant = half.gamma() / (arb.pi().sqrt() * (half - arb(1) / 2).gamma())
            total = acb.integral(integrand, acb(0), acb(arb.pi()), rel_tol=256 * small, abs_tol=small)
            value = (constant * total / harmonic(acb(0))).real
            if value.is_finite() and value.rel_accuracy_bits() >= 3.33 * digits:
                return float(value)
        bits *= 2
    raise UnsupportedError(f"the eigenvalue of degree {degree} of {source} did not settle; ask for a lower degree")


# several spheres -------------------------------------------------------------------------------------


def _product_decay(net: Network, kernel: str, leaves, call: str) -> ProductDecay:
    import sympy

    if not net.is_tree:
        raise UnsupportedError("decay needs a tree: this network has a part with several parents")
    everything = tuple(range(len(net.leaves)))
    numbers = everything if leaves is None else _check.nonnegative_integers("leaves", leaves)
    for number in numbers:
        _check.integer("leaves", number, 0, len(everything) - 1)
        _check_sphere(net.leaves[number].dim)
    active = {net.leaves[number] for number in numbers}
    # a dimension that is a symbol is 2 at least, which decides most minima
    known = {part.dim: sympy.Dummy(nonnegative=True) + 2 for part in net.leaves if isinstance(part.dim, sympy.Symbol)}
    parts = [_singular(part, active, known) for part in net.positions]
    touched = [p for p in parts if p[0]]
    exponent = sympy.sympify(touched[0][2 if kernel == "ntk" else 1] if len(touched) == 1 else sympy.oo)
    exponent = sympy.expand(exponent.subs({next(iter(v.free_symbols)): dim - 2 for dim, v in known.items()}))
    return ProductDecay(exponent, tuple(sorted(set(numbers))), kernel, call)


def _singular(part, active: set, known: dict) -> tuple:
    """Whether a part has active leaves, exponents of its kernel and tangent kernel, and the sum of ``s - 1``."""
    import sympy

    if isinstance(part, Leaf):
        return part in active, sympy.oo, sympy.oo, sympy.sympify(known.get(part.dim, part.dim)) - 1
    below = [_singular(child, active, known) for child in part.children]
    corner = sum(b[3] for b in below)
    touched = [b for b in below if b[0]]
    if not touched:
        return False, sympy.oo, sympy.oo, corner
    activation = part.layer
    smooth = activation.is_analytic
    if not smooth and not (isinstance(activation, Rectified) and activation.power > 0):
        raise UnsupportedError(
            f"no law of several spheres is known for {activation.name}; it needs relu and its relatives, or "
            f"activations with a smooth dual in closed form"
        )
    # a linear layer does not join what its children do
    if activation.keeps_angle and len(touched) > 1:
        return True, sympy.oo, sympy.oo, corner
    kernel = sum(b[1] for b in touched)
    tangent = sympy.Min(*(sum(b[1] for b in touched if b is not own) + own[2] for own in touched))
    if not smooth:
        order = activation.power
        kernel = sympy.Min(kernel, corner + 2 * order + 1)
        tangent = sympy.Min(tangent, corner + 2 * order - 1)
    return True, kernel, sympy.Min(kernel, tangent), corner
