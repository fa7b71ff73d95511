r"""Closed forms: eigenvalues as exact expressions, in numbers or in the symbols of dimension and degree.

One hidden layer over one sphere is closed for three families: rectifiers (Gamma functions), exponential duals (Bessel
functions, over products of spheres too) and polynomials (rational functions, any depth and tree).  A cube has finitely
many correlations, so that every kernel on it is a finite sum.  Positions under a linear readout add nothing but a
factor.  The composition of two layers that are not polynomials is an infinite series: no closed form is known.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, factorial, prod

from . import _check
from ._constants import expression
from ._formula import Formula, assert_exact
from .activations import ExponentialDual, Rectified
from .arccosine import HUGE, rectified_eigenvalue
from .eigenvalues import _degrees, eigenvalue
from .errors import UnsupportedError
from .kernels import KERNELS
from .parts import Leaf, Network, _network
from .rings import EXACT

#: largest number of monomials of a polynomial kernel that is written out
_MOST_MONOMIALS = 20000
#: what a cell of a table holds: so many characters, and nothing that LaTeX itself lacks
_CELL, _AMSMATH = 60, (r"\operatorname", r"\begin", r"\binom")


@dataclass(frozen=True, eq=False)
class ClosedForm(Formula):
    """An eigenvalue as an exact SymPy expression; SymPy functions take it as an argument.

    Attributes
    ----------
    expr
        The expression; there is no floating-point number in it.
    degrees
        The degrees of the leaves, as they were asked for.
    kernel
        ``"nngp"`` or ``"ntk"``.
    method
        Which theorem it rests on, in words.
    citations
        Keys in the bibliography.
    """

    expr: object
    degrees: object
    kernel: str
    method: str
    citations: tuple[str, ...]
    call: str

    def __post_init__(self):
        assert_exact(self.expr)

    def evaluate(self, digits: int = 15):
        """The value to ``digits`` digits, a SymPy float; the precision rises until they are true.

        >>> from eigenspace import mlp
        >>> closed_form(mlp(4, 1), 2, "nngp").evaluate(30)
        0.0144101238957991497164628569898
        """
        digits = _check.positive_integer("digits", digits)
        if self.expr.free_symbols:
            names = ", ".join(sorted(map(str, self.expr.free_symbols)))
            raise ValueError(f"evaluate needs numbers, but {names} is a symbol here; use expr.subs first")
        return self.expr.evalf(digits, maxn=100000)

    def __float__(self) -> float:
        return float(self.evaluate(17))

    def cell(self, digits: int = 4) -> tuple[str, str]:
        r"""The expression as text and as LaTeX, for a table; ``(long)`` where it does not fit.

        >>> from eigenspace import mlp
        >>> closed_form(mlp(4, 1), 2, "nngp").cell()
        ('32/(225*pi**2)', '$\\frac{32}{225 \\pi^{2}}$')
        """
        import sympy

        bits = max((max(abs(q.p), q.q).bit_length() for q in self.expr.atoms(sympy.Rational)), default=0)
        if bits < 4 * _CELL and len(text := str(self.expr)) <= _CELL:
            latex = sympy.latex(self.expr, inv_trig_style="full")
            if not any(command in latex for command in _AMSMATH):
                return text, f"${latex}$"
        return "(long)", "(long)"

    def _sympy_(self):
        return self.expr

    def _equations(self):
        import sympy

        degrees = sympy.latex(sympy.sympify(self.degrees)) if not isinstance(self.degrees, Mapping) else "r"
        yield rf"\lambda^{{\mathrm{{{self.kernel.upper()}}}}}_{{{degrees}}} = {sympy.latex(self.expr)}"

    def _origin(self):
        yield self.call
        yield self.method
        yield "cite: " + ", ".join(self.citations)

    def __repr__(self) -> str:
        return f"ClosedForm({self.expr})"


def closed_form(net: Network, degrees, kernel: str = "ntk") -> ClosedForm:
    r"""One eigenvalue as an exact expression, where one exists.

    A rectifier of order ``n`` (`step` 0, `relu` and its relatives 1, ``rectified_monomial(n)``) over a sphere of
    dimension ``s`` has, with the share :math:`w_k` of the parity of ``k`` (1/2 for `relu`),

    .. math:: \lambda_k = w_k\,\frac{n!^3}{(2n)!} \Bigl(\frac s2\Bigr)_n
              \left[\frac{\Gamma(\frac s2)}{\Gamma(\frac{n-k}2 + 1)\,\Gamma(\frac{n+k+s}2)}\right]^2, \qquad
              \lambda^{NTK}_k = \lambda_k \Bigl(1 + \frac{n^2 + k(k+s-2)}{2n+s-2}\Bigr)

    [Bach2017; BiettiMairal2019; the factor follows].  An exponential dual :math:`e^{-\rho(1-t)}` has
    :math:`\lambda_k = e^{-\rho}\,\Gamma(\frac s2) (2/\rho)^{s/2-1} I_{k+s/2-1}(\rho)` [Minh2006].  See
    ``docs/theory_one_sphere.md`` for the rest.

    Parameters
    ----------
    net
        The network, a tree; dimensions may be positive SymPy symbols.
    degrees
        As in `eigenvalue`; on a single sphere also a SymPy symbol.
    kernel
        ``"nngp"`` or ``"ntk"``.

    Returns
    -------
    ClosedForm

    Raises
    ------
    UnsupportedError
        Where no closed form is known; the message says which property is missing.

    Examples
    --------
    >>> import sympy
    >>> from eigenspace import mlp, rbf
    >>> [closed_form(mlp(3, 1), k, "nngp").expr for k in range(5)]
    [3/8, 1/6, 3/128, 0, 1/1536]
    >>> d = sympy.Symbol("d", positive=True)
    >>> closed_form(mlp(d, 1), 1, "ntk").expr
    1/d
    >>> closed_form(mlp(d, 1, activation=rbf(0.5)), 1, "nngp").expr
    2**(d/2 - 1)*exp(-1)*besseli(d/2, 1)*gamma(d/2)
    """
    net, kernel = _network(net), _check.choice("kernel", kernel, KERNELS)
    if not net.is_tree:
        raise UnsupportedError(
            "closed_form needs a tree: this network has a part with several parents; use kernel_function for its kernel"
        )
    full = dict(zip(net.leaves, _any_degrees(net, degrees)))
    found = _exact_ring(net, degrees, full, kernel)
    if found is None:
        expr, method, citations = _readout(net, full, kernel)
        found = expr * expression(net.variance), method, citations
    expr, method, citations = found
    call = f"eigenspace.closed_form({net.call}, {degrees!r}, {kernel!r})"
    return ClosedForm(expr, degrees, kernel, method, citations, call)


# requests --------------------------------------------------------------------------------------------


def _is_symbolic(value) -> bool:
    return bool(getattr(value, "free_symbols", None))


def _any_degrees(net: Network, degrees) -> tuple:
    """Degrees of all leaves; SymPy expressions stand where they were given."""
    if _is_symbolic(degrees):
        degrees = {0: degrees} if len(net.leaves) == 1 else degrees
    elif isinstance(degrees, tuple) and any(map(_is_symbolic, degrees)):
        degrees = dict(enumerate(degrees))
    if not isinstance(degrees, Mapping):
        return _degrees(net, degrees)
    plain = {number: 0 if _is_symbolic(k) else k for number, k in degrees.items()}
    full = list(_degrees(net, plain))
    for number, k in degrees.items():
        if _is_symbolic(k):
            if k.is_integer is not True or k.is_nonnegative is not True:
                raise ValueError(
                    f"degrees must be non-negative integers, got {k}; "
                    f"use sympy.Symbol({str(k)!r}, integer=True, nonnegative=True)"
                )
            full[number] = k
    return tuple(full)


def _exact_ring(net: Network, degrees, full: dict, kernel: str):
    """The exact ring, for numbers and polynomial activations; None where it does not apply."""
    if not all(map(_is_polynomial, net.layers)):
        return None
    if any(_is_symbolic(part.dim) or _is_symbolic(k) for part, k in full.items()):
        return None
    value = eigenvalue(net, degrees, kernel, ring=EXACT).value
    return value, "moment recursion in rational numbers", ("Smola2001", "AzevedoMenegatto2014")


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"no closed form is known for {what}; eigenspace.eigenvalue gives the number with a bound on its error"
    )


# the tree --------------------------------------------------------------------------------------------


def _readout(net: Network, full: dict, kernel: str):
    """The linear readout: positions do not interact, and each has its share of the mean."""
    import sympy

    count = len(net.positions)
    below = [_leaves(part) for part in net.positions]
    active = [i for i, leaves in enumerate(below) if any(full[part] != 0 for part in leaves)]
    if len(active) > 1:
        return sympy.Integer(0), "positions do not interact under a linear readout", ("Xiao2022",)
    if active:
        expr, method, citations = _position(net.positions[active[0]], full, kernel)
        return expr / count, method, citations
    # equal positions have the same constant
    terms: Counter = Counter()
    for part in net.positions:
        found = _position(part, full, kernel)
        terms[found[0]] += 1
    return sum(sympy.Integer(c) * e for e, c in terms.items()) / count, found[1], found[2]


def _leaves(part) -> list:
    if isinstance(part, Leaf):
        return [part]
    return [leaf for child in part.children for leaf in _leaves(child)]


def _position(part, full: dict, kernel: str):
    """Expression, method and citations of what is under the readout at one position."""
    chain, base = [], part
    while not isinstance(base, Leaf):
        chain.insert(0, base.layer)
        if len(base.children) > 1:
            break
        base = base.children[0]
    block = [base] if isinstance(base, Leaf) else list(base.children)
    if all(isinstance(leaf, Leaf) for leaf in block):
        if all(leaf.dim == 1 for leaf in block):
            return _on_cube(chain, [full[leaf] for leaf in block], kernel)
        curved = [i for i, activation in enumerate(chain) if not activation.keeps_angle]
        if len(curved) == 1:
            # identity layers below and above one activation repeat its two parts of the tangent kernel
            i = curved[0]
            repeats = (len(chain) - i, i + 1) if kernel == "ntk" else (1, 0)
            if isinstance(chain[i], Rectified) and len(block) == 1:
                return _rectified(chain[i], block[0].dim, full[block[0]], repeats)
            if isinstance(chain[i], ExponentialDual):
                return _exponential(chain[i], [(leaf.dim, full[leaf]) for leaf in block], repeats)
    leaves = _leaves(part)
    if all(map(_is_polynomial, _activations(part))):
        if any(_is_symbolic(full[leaf]) for leaf in leaves):
            raise _unsupported("a symbolic degree of a polynomial kernel, which has finitely many degrees")
        return _polynomial(part, full, kernel)
    raise _unsupported(_what(chain, block))


def _what(chain, block) -> str:
    """The missing property, in words."""
    names = ", ".join(a.name for a in chain)
    if not all(isinstance(leaf, Leaf) for leaf in block):
        return f"a tree of layers with ({names}) on top: only polynomial activations close under a second layer"
    curved = [a for a in chain if not a.keeps_angle]
    if len(curved) > 1 and all(isinstance(a, ExponentialDual) for a in curved):
        return f"the nested exponentials ({names}): each layer adds an infinite series over the one below"
    if len(curved) > 1:
        return f"the composition of {len(curved)} activations ({names}) over a sphere: it needs one hidden layer"
    if len(block) > 1:
        return f"({names}) of a mean over {len(block)} spheres: it needs one sphere, a cube, or an exponential dual"
    return f"the activation {names} over a sphere: it needs a rectifier, an exponential or a polynomial dual"


def _activations(part) -> set:
    if isinstance(part, Leaf):
        return set()
    return {part.layer}.union(*map(_activations, part.children))


# one rectifier over one sphere -----------------------------------------------------------------------


def _rectified(activation: Rectified, s, k, repeats: tuple[int, int]):
    import sympy

    value = rectified_eigenvalue(activation.power, activation.share, sympy.sympify(s), k, repeats)
    method = "Funk-Hecke formula: the square of the coefficient of a rectified monomial"
    return value, method, ("Bach2017", "BiettiMairal2019", "ChoSaul2009")


# one exponential dual over a product of spheres -------------------------------------------------------


def _exponential(activation: ExponentialDual, block: list, repeats: tuple[int, int]):
    r"""The exponential of a mean is a product: one Bessel function for each sphere.

    .. math:: E_k(a) = E[e^{at} P_k] = \Gamma(\tfrac s2) \Bigl(\frac2a\Bigr)^{s/2-1} I_{k+s/2-1}(a), \qquad
              E_k'(a) = E[t\,e^{at} P_k]
    """
    import sympy

    rate, count = expression(activation.rate), len(block)
    a = rate / count
    groups = Counter(block)
    factors = {leaf: _bessel(*leaf, a) for leaf in groups}
    kernel = sympy.exp(-rate) * sympy.Mul(*(factors[leaf][0] ** c for leaf, c in groups.items()))
    value = repeats[0] * kernel
    if repeats[1]:
        others = lambda leaf: sympy.Mul(*(factors[l][0] ** (c - (l == leaf)) for l, c in groups.items()))
        slopes = sum(c * factors[leaf][1] * others(leaf) for leaf, c in groups.items())
        value += repeats[1] * a * sympy.exp(-rate) * slopes
    method = "Bessel functions: the exponential of a mean is a product over the spheres"
    return value, method, (*activation.citations, "Minh2006")


def _bessel(s, k, a):
    """``E[exp(a t) P_k]`` and its derivative in ``a``, on two points in elementary functions."""
    import sympy

    if s == 1:
        return (sympy.cosh(a), sympy.sinh(a)) if k == 0 else (sympy.sinh(a), sympy.cosh(a))
    half = sympy.sympify(s) / 2
    if half.is_number and s >= HUGE:
        # the same function, without numbers of a million digits
        first, second = (
            (a / 2) ** m / sympy.rf(half, m) * sympy.hyper([], [half + m], a**2 / 4) for m in (k, k + 1)
        )
    else:
        front = sympy.gamma(half) * (2 / a) ** (half - 1)
        first, second = (front * sympy.besseli(m + half - 1, a) for m in (k, k + 1))
    return first, second + k * first / a


# cubes -----------------------------------------------------------------------------------------------


def _on_cube(chain: list, degrees: list, kernel: str):
    r"""All corners of a cube, by the number ``i`` of bits that differ; the degree ``k`` counts the active bits.

    .. math:: \lambda_k = 2^{-w} \sum_{i=0}^w K\Bigl(1 - \frac{2i}w\Bigr) \sum_j (-1)^j \binom kj \binom{w-k}{i-j}

    [YangSalman2019, sec. 3].
    """
    import sympy

    if any(map(_is_symbolic, degrees)):
        raise _unsupported("a symbolic degree on a cube, whose degrees are 0 and 1 on each bit")
    bits, k = len(degrees), sum(degrees)
    total = sympy.Integer(0)
    for i in range(bits + 1):
        weight = sum((-1) ** j * comb(k, j) * comb(bits - k, i - j) for j in range(min(i, k) + 1))
        if weight:
            t = sympy.Rational(bits - 2 * i, bits)
            total += weight * _values(chain, t)[KERNELS.index(kernel)]
    # arcs of opposite corners cancel where the kernel has a parity
    return sympy.expand(total / 2**bits), "finite sum over the corners of a cube", ("YangSalman2019",)


def _values(chain: list, t):
    """Kernel and tangent kernel of a chain at a number, with arc sines (odd functions) in place of arc cosines."""
    import sympy

    kernel = tangent = t
    for layer in chain:
        kernel, lift, slope = (x.rewrite(sympy.asin) for x in layer.triple("on_symbol", kernel))
        kernel, tangent = sympy.expand(kernel), sympy.expand(lift + slope * tangent)
    return kernel, tangent


# polynomials -----------------------------------------------------------------------------------------


def _is_polynomial(activation) -> bool:
    return activation.dual_coefficients is not None


def _polynomial(part, full: dict, kernel: str):
    """A polynomial in the correlations, term by term; rational in the dimensions."""
    import sympy

    leaves = _leaves(part)
    symbols = {leaf: sympy.Dummy(f"t{i}") for i, leaf in enumerate(leaves)}
    value = _polynomials(part, symbols)[KERNELS.index(kernel)]
    total = sympy.Integer(0)
    for powers, coefficient in sympy.Poly(value, *symbols.values()).terms():
        total += coefficient * prod(
            (_moment(leaf.dim, full[leaf], power) for leaf, power in zip(leaves, powers)), start=sympy.Integer(1)
        )
    return sympy.factor(total), "moments of monomials", ("Smola2001", "AzevedoMenegatto2014")


def _polynomials(part, symbols: dict):
    import sympy

    if isinstance(part, Leaf):
        return symbols[part], symbols[part]
    below = [_polynomials(child, symbols) for child in part.children]
    mean, tangent = (sum(pair[i] for pair in below) / sympy.Integer(len(below)) for i in (0, 1))
    degree = (len(part.layer.dual_coefficients) - 1) * sympy.Poly(mean, *symbols.values()).total_degree()
    count = len(_leaves(part))
    if comb(count + int(degree), count) > _MOST_MONOMIALS:
        raise _unsupported(f"a polynomial of degree {degree} in {count} leaves: it has too many terms to write out")
    kernel, lift, slope = part.layer.triple("on_symbol", mean)
    return sympy.expand(kernel), sympy.expand(lift + slope * tangent)


def _moment(s, k: int, power: int):
    """`harmonics.monomial_moment` in a symbolic dimension."""
    import sympy

    if power < k or (power - k) % 2:
        return sympy.Integer(0)
    i = (power - k) // 2
    below = prod(2 * j for j in range(1, i + 1)) * sympy.Mul(*(s + 2 * j for j in range(i + k)))
    return sympy.Integer(factorial(power)) / below
