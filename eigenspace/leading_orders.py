r"""Leading orders: how an eigenvalue falls when the sizes of a network grow like powers of the input dimension.

.. math:: \lambda = C d^{-L} \bigl(1 + c\, d^{-\delta} + \dots\bigr)

The moment recursion runs over such numbers (`rings.leading`), so that the exponents are exact for any activation,
whether the theorem for admissible ones [Xiao2022, thm. 3] applies or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import ceil, inf, lcm, log10
from numbers import Rational

from . import _check, _render
from ._constants import ball, expression
from ._flint import precision
from ._version import __version__
from .centred import root_numbers
from .classes import Pool, canonical, single
from .eigenvalues import _degrees
from .errors import ConvergenceError, UnsupportedError
from .graph_orders import GraphOrder, graph_order
from .indices import leading_exponents
from .kernels import KERNELS
from .parts import Network, _network, refuse_mixed_variances
from .rings.leading import Balls, Exponents, Size, Symbols
from .shapes import Shape, layout, size_exponent

_BITS = 256
#: bits that a constant must have, and the highest precision at which they are sought
_ACCURACY, _MOST_BITS = 60, 4096
#: largest order of the moments; none of the first terms of common activations needs it
_MOST_ORDER = 56
#: number of operations up to which an expression is simplified
_SHORT = 60
_KINDS = ("dim", "filters", "positions")


@dataclass(frozen=True, repr=False)
class LeadingOrder:
    r"""The first two terms of one eigenvalue, :math:`\lambda = C d^{-L} (1 + c\, d^{-\delta} + \dots)`.

    ``exponent``: ``L``, a Fraction where the exponents of all sizes are (``inf``: the eigenvalue is exactly zero);
    ``constant``: ``C``; ``correction`` and ``correction_exponent``: ``c`` and :math:`\delta` of the slowest correction
    (None where the first term is everything, or where the coefficients of that order cancel); ``dim``: ``d``;
    ``sizes``: value and exponent of every symbol of ``expr``.
    """

    exponent: Fraction | float
    constant: float
    correction: float | None
    correction_exponent: Fraction | float | None
    dim: int
    degrees: tuple[int, ...]
    kernel: str
    network: str
    sizes: Mapping[str, tuple[int, Fraction | float]]
    _work: object = field(compare=False)

    @property
    def log10(self) -> float:
        """Decimal logarithm of the first term for the network at hand; ``-inf`` for an exact zero."""
        return log10(self.constant) - float(self.exponent) * log10(self.dim) if self.constant else -inf

    @cached_property
    def expr(self):
        """The first term as a SymPy expression in the sizes that grow: leaves ``s``, numbers of children ``w``.

        Its constants are exact (and long for many layers); with the ``sizes`` of the network in their places it is the
        first term's value.
        """
        import sympy

        if not self.constant:
            return sympy.Integer(0)
        if isinstance(self._work, GraphOrder):
            return self._work.expr
        pool, sizes, order, bits, variance = self._work
        # the smallest order that has all of the first term, for expressions are slow
        with precision(bits, order + 2):
            exponent, whole = _terms(pool, self.kernel, sizes, Balls(1), order)[0][0]
            for least in range(1, order + 1):
                found = _terms(pool, self.kernel, sizes, Balls(1), least)[0][0]
                if abs(found[0] - exponent) < 1e-9 and found[1].overlaps(whole):
                    break
            symbols = Symbols()
            short = sympy.factor(_terms(pool, self.kernel, sizes, symbols, least)[0][0][1])
            whole = symbols.written(short) * expression(variance)
        return sympy.simplify(whole) if whole.count_ops() <= _SHORT else whole

    def cell(self, digits: int = 4) -> tuple[str, str]:
        r"""The first term :math:`C d^{-L}` with at most ``digits`` digits, as text and as LaTeX, for a table.

        >>> from eigenspace import mlp
        >>> leading_order(mlp(100, 1), 2, "nngp").cell()
        ('3.183e-1 d^-2', '$3.183\\times10^{-1}\\,d^{-2}$')
        """
        if not self.constant:
            return "0", "$0$"
        constant = _render.certain_text(self.constant, 0, digits, 1e-15)
        number = _render.latex_cell(constant, "number").strip("$")
        if not self.exponent:
            return constant, f"${number}$"
        exact = isinstance(self.exponent, Fraction)
        power = str(self.exponent) if exact else f"{self.exponent:.4g}"
        shown = f"({power})" if "/" in power else power
        return f"{constant} d^-{shown}", rf"${number}\,d^{{-{power}}}$"

    def _repr_latex_(self) -> str:
        import sympy

        short = self.expr if self.expr.count_ops() <= _SHORT else self.expr.evalf(6)
        return rf"$\displaystyle \lambda \simeq {sympy.latex(short)}$"

    def __repr__(self) -> str:
        if not self.constant:
            return f"LeadingOrder(0, {self.kernel})"
        power = f"d^-({self.exponent})" if isinstance(self.exponent, Fraction) else f"d^-{self.exponent:.4g}"
        text = f"{_render.certain_text(self.constant, 0, 6, 1e-15)} {power}"
        if self.correction is not None:
            delta = self.correction_exponent
            shown = f"({delta})" if isinstance(delta, Fraction) else f"{delta:.4g}"
            text += f" (1 {'-' if self.correction < 0 else '+'} {abs(self.correction):.4g} d^-{shown})"
        return f"LeadingOrder({text}, {self.kernel})"


def leading_order(net: Network, degrees, kernel: str = "ntk", *, exponents: Mapping | None = None) -> LeadingOrder:
    r"""Leading order of an eigenvalue for large input dimension ``d``, with its constant and the next order.

    .. math:: \lambda = C d^{-L} \bigl(1 + c\, d^{-\delta} + \dots\bigr), \qquad d = \texttt{net.dim},

    from the moment recursion over such numbers; for admissible activations ``L = S + F`` [Xiao2022, thm. 3].

    Parameters
    ----------
    net
        The network; a part may have several parents.
    degrees
        Degrees of the leaves, as for :func:`eigenspace.eigenvalue`.
    kernel
        ``"nngp"`` or ``"ntk"``.
    exponents
        How the sizes grow: ``{"dim": 1, "filters": 0, "positions": 0}``, for the dimension of a leaf, the numbers of
        children below the readout (one exponent, or a sequence of one for each layer, input side first), and the number
        of positions that the head joins.  A size with the exponent ``a`` is read as a constant times ``d**a``, the
        constant being that of the network at hand; with ``a = 0`` it is fixed.  By default, or for what is not named,
        ``log(size) / log(d)``: then a size *is* ``d**a``.

    Returns
    -------
    LeadingOrder
        ``exponent``, ``constant``, ``expr``, ``correction``.

    Notes
    -----
    Raises :class:`~eigenspace.errors.UnsupportedError` where the input of an activation fluctuates by an amount that
    does not vanish as ``d`` grows: over leaves of a fixed dimension that are not averaged over a growing filter; and
    where the constant (which grows like a factorial of the degree) is beyond the range of a float.
    Where parts have several parents (overlapping filters), their numbers are taken to stay as they are; all leaf
    dimensions must grow, the next order is not worked out, and the constants of ``expr`` are floats.
    The constant is rounded from a ball.  Cost: up to seconds for trees of many layers; ``expr`` is worked out when it
    is read.

    Examples
    --------
    >>> from eigenspace import cnn, mlp
    >>> leading_order(mlp(1000, 2), 2)
    LeadingOrder(1.23111 d^-(2) (1 - 0.8825 d^-(1)), ntk)
    >>> leading_order(mlp(1000, 1), 2, "nngp").expr
    1/(pi*s**2)
    >>> leading_order(cnn(16, (1,), 16, head="dense"), {0: 3}).exponent      # admissible activations: 2
    Fraction(5, 2)
    >>> leading_order(cnn(50, (1, 2), head="dense"), {0: 1, 1: 1}, exponents={"dim": 1, "filters": 0}).exponent
    Fraction(2, 1)
    """
    net, kernel = _network(net), _check.choice("kernel", kernel, KERNELS)
    full = _degrees(net, degrees)
    if not net.is_tree:
        return _of_graph(net, full, kernel, exponents)
    plan = layout(net)
    pool = single(plan.root, canonical(plan, full))
    powers = _exponents(net, plan.root, exponents)
    exact = all(isinstance(a, Fraction) for a in powers.values())
    unit = lcm(*(a.denominator for a in powers.values())) if exact else 1
    sizes = _sizes(net, plan.root, powers, unit)
    terms, order, bits = _first_terms(pool, kernel, sizes)
    (exponent, constant), (following, second) = terms
    as_exponent = lambda x: Fraction(round(x), unit) if exact else x  # noqa: E731
    told = {size.name: (size.value, powers[shape]) for shape, size in sizes.items() if not size.is_fixed}
    common = net.dim, full, kernel, net.summary(), dict(sorted(told.items())), (pool, sizes, order, bits, net.variance)
    if exponent == inf:
        return LeadingOrder(inf, 0.0, None, None, *common)
    with precision(bits):
        constant, second = (c * ball(net.variance) if c is not None else c for c in (constant, second))
    leading = as_exponent(exponent)
    if not exact and exponents is None:
        # the block of a first layer may be a power of d where its parts are not
        block = leading_exponents(pool, net.dim, kernel)[-1]
        leading = block if abs(block - exponent) < 1e-9 else leading
    if following == inf:
        return LeadingOrder(leading, float(constant.mid()), None, None, *common)
    with precision(bits):
        ratio = second / constant
    if ratio.contains(0):
        # two paths of opposite sign: that the coefficient is zero is not proved, and what follows is not known
        return LeadingOrder(leading, float(constant.mid()), None, None, *common)
    return LeadingOrder(leading, float(constant.mid()), float(ratio.mid()), as_exponent(following - exponent), *common)


def _of_graph(net: Network, full: tuple[int, ...], kernel: str, given: Mapping | None) -> LeadingOrder:
    """The leading order of a network with shared children."""
    others, filters = _given(given)

    def wanted(kind: str, layer: int):
        if kind != "filters":
            return others.get(kind)
        if isinstance(filters, list):
            return filters[layer] if layer < len(filters) else None
        return filters

    refuse_mixed_variances(net, "leading orders need")
    order = graph_order(net, {leaf: r for leaf, r in zip(net.leaves, full) if r}, kernel, wanted)
    order = order.times(float(net.variance))
    names = net.dim, full, kernel, net.summary(), order.sizes
    return LeadingOrder(order.exponent, order.constant, None, None, *names, order)


def _first_terms(pool: Pool, kernel: str, sizes: dict) -> tuple[list, int, int]:
    """Exponents and constants of the first two terms, and the order and precision at which they are settled."""
    bits = _BITS
    while True:
        terms, order = _terms_at(pool, kernel, sizes, bits)
        if terms[0][0] == inf or terms[0][1].rel_accuracy_bits() >= _ACCURACY or bits >= _MOST_BITS:
            break
        bits *= 4
    if terms[0][0] < inf and terms[0][1].rel_accuracy_bits() < _ACCURACY:
        raise ConvergenceError(f"the constant lost its digits at {bits} bits; ask for lower degrees")
    if terms[0][0] < inf and not 0 < float(terms[0][1].mid()) < inf:
        raise UnsupportedError(
            f"the constant of the leading order is beyond the range of a float at degree {int(pool.degree[-1])}; "
            f"ask for lower degrees, or for the eigenvalue itself"
        )
    return terms, order, bits


def _terms_at(pool: Pool, kernel: str, sizes: dict, bits: int) -> tuple[list, int]:
    """The first two terms at a precision, and the order that they need.

    A moment of order ``n`` falls at least like ``n / 2`` times the exponent of the mean square fluctuation, so that
    higher ones are out of reach; at the highest order, the agreement of two orders has to do.
    """
    order = 2 * int(pool.degree[-1]) + 4
    with precision(bits, max(order, _MOST_ORDER) + 2):
        for tried in (order, max(order, _MOST_ORDER)):
            at_all, spread = _terms(pool, kernel, sizes, Exponents(), tried)
            if not spread > 0:
                raise UnsupportedError(
                    "a leading order needs inputs of every activation that fluctuate less and less as d grows; here "
                    "leaves of fixed dimension stand under an activation without a growing filter between; give dim or "
                    "filters a positive exponent, or use eigenvalue"
                )
            if at_all[0][0] < inf:
                break
        else:
            return [(inf, 0), (inf, 0)], order
        if spread < inf:
            order = min(max(order, ceil(2 * at_all[0][0] / spread)), max(order, _MOST_ORDER - 4))
        before = None
        while True:
            found, spread = _terms(pool, kernel, sizes, Balls(2), order)
            last = max(e for e, _ in found if e < inf)
            if (order + 1) * spread / 2 > last + 1e-9:
                return found, order
            if order >= _MOST_ORDER and before is not None:
                if all(a == b or (abs(a[0] - b[0]) < 1e-9 and a[1].overlaps(b[1])) for a, b in zip(found, before)):
                    return found, order
                raise ConvergenceError(
                    f"the leading order is not settled with {order} moments: the fluctuations fall too slowly with d; "
                    f"give exponents that are larger or 0"
                )
            before, order = found, order + 4


def _terms(pool: Pool, kernel: str, sizes: dict, arithmetic, order: int):
    """Pairs of exponent and coefficient of the last class, one for each term; and the spread of `root_numbers`."""
    found, spread = root_numbers(pool, kernel, sizes, arithmetic, order)
    exponents = found.exponent[:, -1, 0].tolist()
    coefficients = [None] * len(exponents) if found.coefficient is None else found.coefficient[:, -1, 0].tolist()
    return list(zip(exponents, coefficients)), spread


# sizes -----------------------------------------------------------------------------------------------


def _shapes(root: Shape) -> list[Shape]:
    """All shapes with a size of their own, input side first."""
    found = [shape for child, _ in root.groups for shape in _shapes(child)]
    return list(dict.fromkeys([*found, root]))


def _layers(shape: Shape) -> int:
    """Number of activations below the mean of a shape."""
    return 0 if shape.dim is not None else max(_layers(child) + len(child.chain) for child, _ in shape.groups)


def _given(given: Mapping | None) -> tuple[dict, object]:
    """The exponents of dimensions and positions that are given, and those of the filters: one, a list, or None."""
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise TypeError(f'exponents must be a mapping, got {given!r}; use {{"dim": 1, "filters": 0, "positions": 0}}')
    for name in given:
        _check.choice("exponents", name, _KINDS)
    filters = given.get("filters")
    if isinstance(filters, Sequence) and not isinstance(filters, str):
        filters = [_exponent(f"exponents['filters'][{i}]", a) for i, a in enumerate(filters)]
    elif filters is not None:
        filters = _exponent("exponents['filters']", filters)
    return {name: _exponent(f"exponents[{name!r}]", given[name]) for name in given if name != "filters"}, filters


def _exponents(net: Network, root: Shape, given: Mapping | None) -> dict:
    """The exponent of every shape."""
    others, filters = _given(given)
    # the head joins the positions: the readout, or a dense layer of its own
    joins_positions = not root.chain or (net.head == "dense" and len(root.chain) == 1)
    found = {}
    for shape in _shapes(root):
        size = shape.dim if shape.dim is not None else shape.fan_in
        layer = _layers(shape)
        if shape.dim is not None:
            wanted = others.get("dim")
        elif shape == root and joins_positions:
            wanted = others.get("positions")
        elif isinstance(filters, list):
            wanted = filters[layer] if layer < len(filters) else None
        else:
            wanted = filters
        found[shape] = size_exponent(size, net.dim) if wanted is None else wanted
    return found


def _exponent(name: str, value) -> Fraction | float:
    """A non-negative exponent, as a Fraction where it is one of a small denominator."""
    if isinstance(value, Rational) and not isinstance(value, bool) and value >= 0:
        return Fraction(int(value.numerator), int(value.denominator))
    value = _check.nonnegative_real(name, value, "use 0 for a fixed size, Fraction(1, 2) for the square root of d")
    near = Fraction(value).limit_denominator(1000)
    return near if float(near) == value else value


def _sizes(net: Network, root: Shape, powers: dict, unit: int) -> dict:
    """The sizes of all shapes, with names: ``s`` for leaves, ``w`` for numbers of children, numbered if several."""
    grown = [shape for shape, a in powers.items() if a != 0]
    leaves = sorted({shape.dim for shape in grown if shape.dim is not None})
    joins = sorted({(_layers(shape), shape.fan_in) for shape in grown if shape.dim is None})
    sizes = {}
    for shape, a in powers.items():
        is_leaf = shape.dim is not None
        value = shape.dim if is_leaf else shape.fan_in
        name, scale = "", None
        if a != 0:
            same, own = (leaves, value) if is_leaf else (joins, (_layers(shape), value))
            name = ("s" if is_leaf else "w") + (str(same.index(own) + 1) if len(same) > 1 else "")
            scale = None if size_exponent(value, net.dim) == a else (net.dim, a)
        sizes[shape] = Size(value, float(a * unit), name, scale)
    return sizes


# displays --------------------------------------------------------------------------------------------


def leading_orders_sheet(net: Network, rows: Sequence, orders: Sequence[LeadingOrder], digits: int = 4):
    """Leading orders beside the eigenvalues they belong to (rows of `spectrum`), as columns of text."""
    column, number = _render.Column, lambda x, error: _render.certain_text(x, 0, digits, error)
    ratios = [r.log10 - o.log10 if o.constant else None for r, o in zip(rows, orders)]
    columns = [
        column("interaction", "interaction", tuple(r.pattern for r in rows), "pattern"),
        column("exponent", "L", tuple(_render.fraction_text(o.exponent) for o in orders), "fraction", "center",
               latex="$L$"),
        column("constant", "C", tuple(number(o.constant, 1e-15) for o in orders), "number", latex="$C$"),
        column("correction", "c", tuple("–" if o.correction is None else _signed(o.correction) for o in orders),
               "formula", "right", latex="$c$"),
        column("correction_exponent", "delta", tuple(
            "–" if o.correction is None else _render.fraction_text(o.correction_exponent) for o in orders), "fraction",
            "center", latex=r"$\delta$"),
        column("eigenvalue", "eigenvalue", tuple(r.text(digits) for r in rows), "number", latex=r"$\lambda$"),
        column("ratio", "ratio", tuple("–" if x is None else f"{10**x:.4f}" for x in ratios), "formula", "right"),
    ]  # fmt: skip
    notes = (f"λ = C d^-L (1 + c d^-delta + …) with d = {net.dim}; ratio: of the eigenvalue to C d^-L.",)
    origin = f"eigenspace {__version__}: leading_order", f"network: {net.summary()}; kernel: {orders[0].kernel}"
    caption = f"Leading orders ({orders[0].kernel.upper()}) of {net.summary()}"
    return _render.Sheet(tuple(columns), caption=caption, notes=notes, origin=origin)


def leading_orders_records(rows: Sequence, orders: Sequence[LeadingOrder]) -> list[dict]:
    """The same as data: exponents as text, constants as floats."""
    return [
        {
            "interaction": row.pattern,
            "degrees": ", ".join(f"{leaf}:{degree}" for leaf, degree in enumerate(row.degrees) if degree),
            "exponent": str(order.exponent),
            "constant": order.constant,
            "correction": order.correction,
            "correction_exponent": None if order.correction is None else str(order.correction_exponent),
            "eigenvalue": row.text(17),
        }
        for row, order in zip(rows, orders)
    ]


def _signed(x: float) -> str:
    return f"{x:.4g}" if abs(x) < 1e4 else f"{x:.0f}"
