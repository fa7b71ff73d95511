"""A table against independent routes: which route for which row, and what the comparison says."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, log2
from re import findall, fullmatch

from .. import _check, _render
from .._flint import precision
from ..errors import EigenspaceError, UnsupportedError
from ..kernels import trace
from ..parts import Leaf, Network
from ..table import EigenTable
from . import quadrature, sampling
from .calls import read_call
from .counts import eigenfunctions, forms, multiplicity_of
from .report import AGREES, OUTSIDE, UNDECIDED, Verification, VerifiedRow

#: digits to which a stated value is read, digits shown, and bits of the comparison
_READ, _SHOWN, _BITS = 40, 8, 256
#: binary logarithm of the smallest uncertainty that is aimed at
_DEEPEST = -60_000.0
#: relative uncertainty of quadrature beyond which sampling is tried
_COARSE = 1e-3
#: standard errors that chance does not explain
_STANDARD_ERRORS = 5
#: relative agreement of traces, which are stated in double precision
_TRACE = 1e-12


@dataclass(frozen=True)
class _Row:
    """A row as the table states it: degrees of the active leaves; value, allowed error and scale as balls.

    ``terms``: what the kernel of the network is on these degrees, a sum of weights times kernels of positions.
    """

    degrees: dict[Leaf, int]
    pairs: tuple[tuple[int, int], ...]
    multiplicity: int
    stated: object
    allowed: object
    scale: object
    terms: tuple[tuple[Fraction, object], ...]


@dataclass(frozen=True)
class _Estimate:
    """An eigenvalue by some route, its uncertainty apart from chance, and its standard error (None: no chance)."""

    route: str
    value: object
    uncertainty: object
    standard_error: object = None
    pairs: int = 0

    @property
    def reach(self):
        """How far off the value may be."""
        return self.uncertainty + _STANDARD_ERRORS * (self.standard_error or 0)


def verify(
    table,
    *,
    samples: int = 1 << 15,
    seed: int = 0,
    max_seconds: float | None = None,
    progress: bool | None = None,
) -> Verification:
    r"""Recompute a table by routes that share nothing with the recursion that made it.

    The network is rebuilt from the call in the table's provenance. Every eigenvalue is recomputed from its definition
    :math:`\lambda(r) = E[K \prod_u P_{r_u}(\xi_u)]`, one position at a time under a linear readout:

    * up to three leaves, or up to about 18 of dimension 1: a product of double-exponential rules in ball arithmetic
      [TakahasiMori1974], as precise as the eigenvalue is small;
    * more leaves: Monte Carlo, with the standard error of the sample;
    * leaves that meet only in a linear readout: exactly 0.

    A row is *outside* if it deviates by more than its stated error and the uncertainty of the route together (5
    standard errors in Monte Carlo), *undecided* if the route could not tell its value from 0, and else it *agrees*.
    Multiplicities, degrees and the trace are counted anew as well.

    Parameters
    ----------
    table
        An `EigenTable`, a path to its JSON, or the text of that.
    samples
        Mirrored pairs of draws for each row that takes Monte Carlo.
    seed
        Of the generator; the same seed gives the same report.
    max_seconds
        Stop drawing after this time, with a larger standard error.
    progress
        Show a progress bar; by default where the work is long and standard error is a terminal.

    Returns
    -------
    Verification
        ``passed``, ``rows``, ``summary()``, and the report as text, Markdown, LaTeX, CSV or JSON.

    Raises
    ------
    ValueError
        For a file that is no table, or whose call is not made of networks and activations.
    UnsupportedError
        For a table of something else than the eigenvalues of a whole network.

    Examples
    --------
    >>> import eigenspace as es
    >>> check = es.verify(es.spectrum(es.mlp(3, 2), degree=3))
    >>> check.passed, [row.verdict for row in check.rows]
    (True, ['agrees', 'agrees', 'agrees', 'agrees'])
    """
    from flint import arb

    samples = _check.integer("samples", samples, 2, None, "use 1000 or more")
    seed = _check.nonnegative_integer("seed", seed)
    if max_seconds is not None:
        max_seconds = _check.positive_real("max_seconds", max_seconds, "leave it out for no limit")
    table = _read(table)
    net, kernel = read_call(table.provenance.call)
    if not net.is_tree:
        raise UnsupportedError("only trees can be verified: a part of this network has several parents")
    if kernel != table.kernel:
        raise ValueError(f"kernel must be that of the call, {kernel!r}, got {table.kernel!r}; rebuild the table")
    with precision(_BITS):
        corner = trace(net, kernel, arb(1))
        rows = _rows(table, net, corner)
        implied = _implied(table, net, corner)
    *estimates, constant = _estimates(kernel, [*rows, implied], (samples, seed, max_seconds, progress))
    verified = (_compared(table, i, row, estimate) for i, (row, estimate) in enumerate(zip(rows, estimates)))
    return Verification(
        network=net.call,
        kernel=kernel,
        rows=tuple(verified),
        trace=_render.certain_text(float(table.trace), 0, 6, _TRACE),
        faults=(*_wrong_trace(table, corner, implied, constant), *_overfull(net, rows)),
        pairs=max((estimate.pairs for estimate in estimates), default=0),
        seed=seed,
    )


# what the table states --------------------------------------------------------------------------------------------


def _read(table) -> EigenTable:
    if isinstance(table, EigenTable):
        return table
    try:
        return EigenTable.from_json(table)
    except (EigenspaceError, OSError):
        raise
    except Exception as error:  # whatever a file that is no table runs into
        shown = str(table) if len(str(table)) <= 60 else str(table)[:57] + "..."
        raise ValueError(f"table must be JSON of EigenTable.to_json, got {shown!r} ({error}); export it anew") from None


def _rows(table: EigenTable, net: Network, corner) -> list[_Row]:
    """All rows, at the precision of the caller; ``corner`` is the trace."""
    shapes = forms(net, {})
    positions = [(part, set(Network((part,), "").leaves)) for part in net.positions]
    rows = []
    for i in range(len(table)):
        full = _degrees(table, net, i)
        pairs = tuple((number, degree) for number, degree in enumerate(full) if degree)
        degrees = {net.leaves[number]: degree for number, degree in pairs}
        # the kernel of a position that does not see all active leaves averages to 0 over one of them
        seeing = [part for part, below in positions if degrees.keys() <= below]
        equal = Counter(shapes[part] for part in seeing)
        first = {shapes[part]: part for part in reversed(seeing)}
        terms = tuple((Fraction(equal[shape], len(positions)), part) for shape, part in first.items())
        multiplicity = multiplicity_of(net, dict(pairs))
        stated, error = _stated(table, i), float(table.error[i])
        if not error >= 0:
            raise ValueError(f"error must not be negative, got {error} in row {i}; rebuild the table with spectrum")
        allowed = abs(stated) * error if stated != 0 else stated
        scale = abs(stated) if stated != 0 else corner / max(multiplicity, 1)
        rows.append(_Row(degrees, pairs, multiplicity, stated, allowed, scale, terms))
    return rows


def _implied(table: EigenTable, net: Network, corner) -> _Row:
    r"""The constant, of the eigenvalue that the stated trace implies.

    Over ``w`` pooled positions the trace is :math:`(K(1) + (w-1) \lambda(0)) / w`, and as uncertain as that eigenvalue;
    without pooling, or for one position, it implies none: no terms.
    """
    from flint import arb

    count = len(net.positions) if net.head == "gap" else 1
    if count == 1:
        return _Row({}, (), 1, arb(0), arb(0), corner, ())
    stated = (count * arb(float(table.trace)) - corner) / (count - 1)
    # as uncertain as the constant's own row, or else as the least certain one
    own = [float(table.error[i]) for i, degrees in enumerate(table.degrees) if not any(degrees)]
    error = own[0] if own else max(table.error.tolist(), default=0.0)
    allowed = abs(stated) * error + count * _TRACE * corner
    return _Row({}, (), 1, stated, allowed, stated if stated > 0 else corner, ((Fraction(1), net.positions[0]),))


def _degrees(table: EigenTable, net: Network, i: int) -> tuple[int, ...]:
    try:
        full = _check.nonnegative_integers("degrees", table.degrees[i])
    except (IndexError, TypeError, ValueError):
        full = ()
    if len(full) != len(net.leaves) or any(k > 1 for k, leaf in zip(full, net.leaves) if leaf.dim == 1):
        raise ValueError(
            f"degrees must be those of the {len(net.leaves)} leaves of {net.call}, got others in row {i}; rebuild the "
            "table with spectrum"
        )
    return full


def _stated(table: EigenTable, i: int):
    """The stated value as a ball that is as wide as its text is short."""
    from flint import arb

    text = table.column.decimal_text(i, _READ)
    if fullmatch(r"-?\d+(\.\d+)?(e[-+]?\d+)?", text):
        return arb(text) * arb(1, 10.0 ** (2 - _READ))
    log10 = float(table.log10()[i])
    return arb(10) ** arb(log10, 1e-12 * (1 + abs(log10))) if log10 > -inf else arb(0)


# routes -----------------------------------------------------------------------------------------------------------


def _estimates(kernel: str, rows: Sequence[_Row], options: tuple) -> list[_Estimate]:
    """Every row by the sharpest route within reach; ``options`` are those of `sampling.estimate`."""
    from flint import arb

    integrals = _integrals(kernel, rows)
    found: list = [None] * len(rows)
    left = []
    with precision(_BITS):
        for i, row in enumerate(rows):
            if not row.terms:
                found[i] = _Estimate("structure", arb(0), arb(0))
            elif all((i, part) in integrals for _, part in row.terms):
                found[i] = _integrated(row, [integrals[i, part] for _, part in row.terms])
            if found[i] is None or not found[i].uncertainty < _COARSE * row.scale:
                left.append(i)
    tasks = {(i, part): sampling.Task(part, rows[i].degrees) for i in left for _, part in rows[i].terms}
    tasks = {key: task for key, task in tasks.items() if sampling.is_feasible(task)}
    means = dict(zip(tasks, sampling.estimate(list(tasks.values()), kernel, *options)))
    with precision(_BITS):
        for i in left:
            if all((i, part) in means for _, part in rows[i].terms):
                sampled = _sampled([(weight, means[i, part]) for weight, part in rows[i].terms])
                if found[i] is None or sampled.reach < found[i].reach:
                    found[i] = sampled
    return [estimate or _Estimate("none", arb(0), arb(inf)) for estimate in found]


def _integrals(kernel: str, rows: Sequence[_Row]) -> dict:
    """Values and uncertainties by quadrature, by row and position, where that is feasible."""
    wanted = defaultdict(list)
    for i, row in enumerate(rows):
        for _, part in row.terms:
            wanted[part].append(i)
    found = {}
    for part, indices in wanted.items():
        net = Network((part,), "")
        if quadrature.is_feasible(net):
            questions = [_question(rows[i], net) for i in indices]
            results = quadrature.integrate(net, kernel, questions)
            found |= {(i, part): result for i, result in zip(indices, results)}
    return found


def _question(row: _Row, net: Network) -> quadrature.Question:
    """Aim below the stated error, as far as the rule may reach."""
    from flint import arb

    with precision(_BITS):
        log2_scale = float((row.scale.log() / arb(2).log()).mid())
        relative = float((row.allowed / row.scale).mid())
    goal = log2_scale + log2(min(max(relative / 16, quadrature.finest(net)), 1e-9))
    return quadrature.Question(tuple(row.degrees.get(leaf, 0) for leaf in net.leaves), max(goal, _DEEPEST))


def _integrated(row: _Row, results) -> _Estimate:
    from flint import arb, fmpq

    value, uncertainty = arb(0), arb(0)
    for (weight, _), (part, doubt) in zip(row.terms, results):
        share = arb(fmpq(weight.numerator, weight.denominator))
        value, uncertainty = value + share * part, uncertainty + share * doubt
    finite = all(leaf.dim == 1 for _, part in row.terms for leaf in Network((part,), "").leaves)
    return _Estimate("enumeration" if finite else "quadrature", value, uncertainty)


def _sampled(terms) -> _Estimate:
    from flint import arb

    # the draws serve all terms, so that their errors need not be independent
    value, rounding, error = (
        sum(float(weight) * getattr(mean, name) for weight, mean in terms)
        for name in ("value", "rounding", "standard_error")
    )
    pairs = min(mean.count for _, mean in terms)
    return _Estimate("Monte Carlo", arb(value), arb(rounding), arb(error), pairs)


# comparison -------------------------------------------------------------------------------------------------------


def _compared(table: EigenTable, i: int, row: _Row, estimate: _Estimate) -> VerifiedRow:
    with precision(_BITS):
        deviation = abs(estimate.value.mid() - row.stated)
        chance = estimate.standard_error
        if deviation > row.allowed + estimate.reach:
            verdict = OUTSIDE
        else:
            verdict = AGREES if estimate.reach < row.scale and row.allowed.is_finite() else UNDECIDED
        z = None
        if chance is not None:
            beyond = (deviation - row.allowed - estimate.uncertainty).mid()
            z = float(beyond / chance) if beyond > 0 else 0.0
        relative = [
            float((size / row.scale).mid()) for size in (deviation, row.allowed, estimate.uncertainty + (chance or 0))
        ]
        recomputed = _text(estimate)
    return VerifiedRow(
        interaction=str(table.patterns[i]),
        degrees=row.pairs,
        stated=table.column.text(i, _SHOWN, float(table.error[i])),
        recomputed=recomputed,
        deviation=relative[0],
        allowed=relative[1],
        uncertainty=relative[2],
        z=z,
        route=estimate.route,
        verdict=verdict,
        faults=tuple(_faults(table, i, row)),
    )


def _text(estimate: _Estimate) -> str:
    """The recomputed value, only digits that its uncertainty (with one standard error) leaves certain."""
    middle, doubt = estimate.value.mid(), estimate.uncertainty + (estimate.standard_error or 0)
    mantissa, exponent = middle.man_exp()
    error = float((doubt / abs(middle)).mid()) if mantissa else 0.0
    return _render.certain_text(int(mantissa), int(exponent), _SHOWN, error)


def _faults(table: EigenTable, i: int, row: _Row):
    """What else is wrong with a row."""
    if (stated := table.multiplicity[i]) != row.multiplicity:
        yield f"the multiplicity is {_render.integer_text(row.multiplicity)}, not {_render.integer_text(stated)}"
    total = sum(degree for _, degree in row.pairs)
    if (stated := int(table.total_degree[i])) != total:
        yield f"the total degree is {total}, not {stated}"
    shown = sorted(map(int, findall(r"\d+", table.patterns[i])))
    if shown != (sorted(degree for _, degree in row.pairs) or [0]):
        yield f"the interaction does not show the degrees {row.pairs}"


def _wrong_trace(table: EigenTable, corner, implied: _Row, constant: _Estimate):
    with precision(_BITS):
        if implied.terms:
            deviation = abs(constant.value.mid() - implied.stated)
            if not deviation <= implied.allowed + constant.reach:
                yield (
                    f"The trace implies {implied.stated.str(12, radius=False)} for the eigenvalue of the constant, not "
                    f"{_text(constant)}"
                )
        elif not abs(corner - float(table.trace)) < _TRACE * corner:
            yield f"The trace is {corner.str(12, radius=False)}, not {float(table.trace)!r}"


def _overfull(net: Network, rows: Sequence[_Row]):
    """Total degrees of which the rows list more eigenfunctions than there are, as where a class stands twice."""
    listed: Counter = Counter()
    for row in rows:
        listed[sum(degree for _, degree in row.pairs)] += row.multiplicity
    every = eigenfunctions(net, max(listed, default=0))
    for degree, count in sorted(listed.items()):
        if count > every[degree]:
            yield (
                f"The rows of total degree {degree} list {_render.integer_text(count)} eigenfunctions of "
                f"{_render.integer_text(every[degree])}"
            )
