r"""Polynomials in the pixels as interactions: which multi-degrees they contain, and with what share.

A network reads its input leaf by leaf: pixel :math:`x_i` is a coordinate of the leaf ``u`` whose range of numbers holds
``i``, and the ``s`` pixels of a leaf lie on the sphere of radius :math:`\sqrt s` [Xiao2022, sec. 3], so that a pixel
has mean square 1.  On that sphere a polynomial is a sum of spherical harmonics, and the Laplace-Beltrami operator
[AtkinsonHan2012, ch. 3] tells their degrees apart without ever expanding :math:`|x|^2`: with ``k`` the degree of
homogeneity,

.. math:: A p = k (k + s - 2)\, p - s\, \Delta p, \qquad A h = m (m + s - 2)\, h \ \text{ for a harmonic } h
          \text{ of degree } m.

Everything is exact: coefficients are fractions.
"""

import ast
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from math import prod

from .parts import Network

#: a polynomial: coefficient of every monomial, a monomial being the sorted pairs (pixel, power > 0)
Polynomial = dict[tuple[tuple[int, int], ...], Fraction]
_MOST_POWER = 1000
_FORM = "write it like x0*x4*(x8**2 - x0**2): pixels x0, x1, …, numbers, and + - * / **"


def components(net: Network, polynomial) -> list[tuple[dict[int, int], Fraction]]:
    r"""The multi-degrees that a polynomial in the pixels contains, with their shares, the largest first.

    Parameters
    ----------
    net
        The network whose leaves hold the pixels: pixels 0 to s - 1 are leaf 0, and so on.
    polynomial
        Text such as ``"x0*x4*(x8**2 - x0**2)"``, or a SymPy expression in symbols of these names.

    Returns
    -------
    list
        Pairs of ``{leaf: degree}`` (active leaves only) and the share :math:`E[p_r^2] / E[p^2]`, an exact fraction;
        the shares add up to 1.  The mean of the polynomial, if it has one, is the component ``{}``.

    Notes
    -----
    Raises :class:`ValueError` for a pixel that the network does not have and for a polynomial that vanishes on the
    inputs, :class:`TypeError` for what is no polynomial.  Cost: operations on as many monomials as the polynomial has,
    for each combination of degrees.

    Examples
    --------
    >>> from eigenspace import cnn
    >>> net = cnn(4, (1, 4), 4, head="dense")
    >>> components(net, "x0 * x4 * (3*x8**2 - x0**2)")    # doctest: +NORMALIZE_WHITESPACE
    [({0: 1, 1: 1, 2: 2}, Fraction(9, 11)),
     ({0: 1, 1: 1}, Fraction(1, 11)),
     ({0: 3, 1: 1}, Fraction(1, 11))]
    """
    whole = parse(polynomial)
    dims = [leaf.dim for leaf in net.leaves]
    places = _places(whole, dims)
    parts: list[tuple[dict[int, int], Polynomial]] = [({}, whole)]
    for leaf in sorted({u for u, _ in places.values()}):
        own = frozenset(pixel for pixel, (u, _) in places.items() if u == leaf)
        parts = [
            (degrees | ({leaf: m} if m else {}), part)
            for degrees, p in parts
            for m, part in _harmonic_parts(p, own, dims[leaf])
        ]
    powers = [(degrees, _mean_square(p, places, dims)) for degrees, p in parts]
    total = sum(power for _, power in powers)
    if total == 0:
        raise ValueError(f"the polynomial vanishes on the inputs, got {polynomial}; give one that is not zero")
    found = [(degrees, power / total) for degrees, power in powers if power]
    return sorted(found, key=lambda pair: (-pair[1], sum(pair[0].values()), sorted(pair[0].items())))


def _places(p: Polynomial, dims: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Leaf and coordinate of every pixel of a polynomial."""
    found: dict[int, tuple[int, int]] = {}
    pixels, leaf, start = sorted({pixel for monomial in p for pixel, _ in monomial}), 0, 0
    for pixel in pixels:
        while leaf < len(dims) and pixel >= start + dims[leaf]:
            start += dims[leaf]
            leaf += 1
        if leaf == len(dims):
            raise ValueError(f"polynomial must be in the pixels x0 to x{start - 1} of the network, got x{pixel}; "
                             f"pixels are numbered leaf by leaf")  # fmt: skip
        found[pixel] = leaf, pixel - start
    return found


# harmonics of one sphere -----------------------------------------------------------------------------


def _harmonic_parts(p: Polynomial, own: frozenset, dim: int) -> list[tuple[int, Polynomial]]:
    r"""The parts of each harmonic degree in the pixels ``own`` of one sphere, as functions on it.

    Degrees of one parity, up to that of homogeneity, can occur; the others are projected out,

    .. math:: p_m = \prod_{m' \ne m} \frac{A - \mu_{m'}}{\mu_m - \mu_{m'}}\, p, \qquad \mu_m = m (m + s - 2).
    """
    found = []
    for parity in (0, 1):
        part = {monomial: c for monomial, c in p.items() if _degree(monomial, own) % 2 == parity}
        if not part:
            continue
        degrees = range(parity, max(_degree(monomial, own) for monomial in part) + 1, 2)
        values = {m: m * (m + dim - 2) for m in degrees}
        for m in degrees:
            projected = part
            for other in set(degrees) - {m}:
                projected = _combination(
                    [(1, _casimir(projected, own, dim)), (-values[other], projected)], values[m] - values[other]
                )
            if projected:
                found.append((m, projected))
    return found


def _casimir(p: Polynomial, own: frozenset, dim: int) -> Polynomial:
    """The operator ``A`` of the module."""
    out: Polynomial = {}
    for monomial, c in p.items():
        k = _degree(monomial, own)
        out[monomial] = out.get(monomial, Fraction(0)) + k * (k + dim - 2) * c
        for pixel, power in monomial:
            if pixel in own and power >= 2:
                less = tuple((i, n - 2 * (i == pixel)) for i, n in monomial if (i, n) != (pixel, 2))
                out[less] = out.get(less, Fraction(0)) - dim * power * (power - 1) * c
    return {monomial: c for monomial, c in out.items() if c}


def _degree(monomial, own: frozenset) -> int:
    return sum(power for pixel, power in monomial if pixel in own)


def _mean_square(p: Polynomial, places: dict, dims: Sequence[int]) -> Fraction:
    """The mean of the square over the product of the spheres."""
    return sum((c * _mean(monomial, places, dims) for monomial, c in _product(p, p).items()), Fraction(0))


def _mean(monomial, places: dict, dims: Sequence[int]) -> Fraction:
    r"""Mean of a monomial: for each sphere of radius :math:`\sqrt s`, all powers being even,

    .. math:: E \prod_i x_i^{2 a_i} = s^{a} \, \frac{\prod_i (2 a_i - 1)!!}{s (s + 2) \cdots (s + 2 a - 2)},
              \qquad a = \sum_i a_i.
    """
    if any(power % 2 for _, power in monomial):
        return Fraction(0)
    halves: dict[int, int] = {}
    for pixel, power in monomial:
        leaf = places[pixel][0]
        halves[leaf] = halves.get(leaf, 0) + power // 2
    above = prod(prod(range(1, power, 2)) for _, power in monomial)
    return above * prod((Fraction(dims[u], dims[u] + 2 * l) for u, a in halves.items() for l in range(a)), start=1)


# arithmetic of polynomials ---------------------------------------------------------------------------


def _combination(terms: list[tuple[int, Polynomial]], divisor: int) -> Polynomial:
    out: Polynomial = {}
    for factor, p in terms:
        for monomial, c in p.items():
            out[monomial] = out.get(monomial, Fraction(0)) + factor * c / divisor
    return {monomial: c for monomial, c in out.items() if c}


def _product(p: Polynomial, q: Polynomial) -> Polynomial:
    out: Polynomial = {}
    for left, a in p.items():
        for right, b in q.items():
            powers = dict(left)
            for pixel, power in right:
                powers[pixel] = powers.get(pixel, 0) + power
            monomial = tuple(sorted(powers.items()))
            out[monomial] = out.get(monomial, Fraction(0)) + a * b
    return {monomial: c for monomial, c in out.items() if c}


def parse(polynomial) -> Polynomial:
    """The polynomial that a text or a SymPy expression names; decimal numbers are read as the fractions they are.

    >>> parse("x1*(x0 - 0.5*x1)")
    {((0, 1), (1, 1)): Fraction(1, 1), ((1, 2),): Fraction(-1, 2)}
    """
    if not isinstance(polynomial, str) and not hasattr(polynomial, "free_symbols"):
        raise TypeError(f"polynomial must be text or a SymPy expression, got {polynomial!r}; {_FORM}")
    text = str(polynomial).strip()
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        raise ValueError(f"polynomial cannot be read, got {text!r}; {_FORM}") from None
    return _evaluate(tree.body, text)


def _evaluate(node: ast.expr, text: str) -> Polynomial:
    source = ast.get_source_segment(text, node)
    if isinstance(node, ast.Name) and (match := re.fullmatch(r"x_?(\d+)", node.id)):
        return {((int(match[1]), 1),): Fraction(1)}
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return _constant(Fraction(source.replace("_", "")))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -1 if isinstance(node.op, ast.USub) else 1
        return _combination([(sign, _evaluate(node.operand, text))], 1)
    if isinstance(node, ast.BinOp) and (rule := _RULES.get(type(node.op))):
        return rule(_evaluate(node.left, text), _evaluate(node.right, text), source)
    raise ValueError(f"polynomial must be made of pixels and numbers, got {source!r}; {_FORM}")


def _constant(value: Fraction) -> Polynomial:
    return {(): value} if value else {}


def _number(p: Polynomial, source: str, rule: str) -> Fraction:
    if set(p) - {()}:
        raise ValueError(f"{rule}, got {source!r}; {_FORM}")
    return p.get((), Fraction(0))


def _quotient(p: Polynomial, q: Polynomial, source: str) -> Polynomial:
    divisor = _number(q, source, "a polynomial is divided by numbers only")
    if divisor == 0:
        raise ValueError(f"a polynomial is divided by numbers other than 0, got {source!r}; {_FORM}")
    return _product(p, _constant(1 / divisor))


def _power(p: Polynomial, q: Polynomial, source: str) -> Polynomial:
    rule = f"powers must be integers from 0 to {_MOST_POWER}"
    power = _number(q, source, rule)
    if power.denominator != 1 or not 0 <= power <= _MOST_POWER:
        raise ValueError(f"{rule}, got {source!r}; {_FORM}")
    if len(p) == 1:  # a monomial, of any power
        (monomial, c), n = next(iter(p.items())), int(power)
        return {tuple((pixel, n * k) for pixel, k in monomial if n): c**n}
    return reduce(_product, [p] * int(power), _constant(Fraction(1)))


_RULES: dict[type, Callable] = {
    ast.Add: lambda p, q, _: _combination([(1, p), (1, q)], 1),
    ast.Sub: lambda p, q, _: _combination([(1, p), (-1, q)], 1),
    ast.Mult: lambda p, q, _: _product(p, q),
    ast.Div: _quotient,
    ast.Pow: _power,
}
