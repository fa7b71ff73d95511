"""Eigenvalues of a network: one of them, or a table of all classes."""

import re
from collections.abc import Mapping, Sequence
from math import inf

import numpy as np

from . import _check, activations
from ._version import __version__
from .certified import Solution
from .classes import Pool, Representatives, canonical, enumerate_classes, single
from .errors import ConvergenceError, UnsupportedError
from .graph_tables import graph_eigenvalue, graph_spectrum
from .indices import as_objects, index_numbers, learning_numbers
from .kernels import KERNELS, trace
from .networks import MAKERS
from .parts import Network, _concrete, trained_alone
from .pooling import pooling_notes, refuse_shared, trace_under_head, under_head
from .rings import FLOAT, BallRing, ExactRing, FloatRing
from .shapes import Layout, layout
from .solver import solve
from .table import EigenTable, Eigenvalue, Provenance

#: total degree beyond which a search by value or by count gives up (1024 on a single leaf)
_MOST_DEGREE = 64
#: largest total degree of one eigenvalue
_LARGEST = 20000
#: default relative error
_RTOL = 1e-12
#: relative error while searching
_ROUGH = 1e-3
#: names in the call of a network, for its provenance
_CALLED = re.compile(
    rf"\b({'|'.join([*MAKERS, *(name for name in activations.__all__ if name.islower())])})\b(?=[(),\]])"
)
_CITATIONS = ("Xiao2022", "JacotGabrielHongler2018", "Smola2001")


def eigenvalue(
    net: Network,
    degrees,
    kernel: str = "ntk",
    *,
    ring: FloatRing | BallRing | ExactRing = FLOAT,
    rtol: float = _RTOL,
    layer=None,
) -> Eigenvalue:
    r"""One eigenvalue of the NNGP kernel or the NTK of a network.

    .. math:: \lambda(r) = E\Bigl[ K(\xi) \prod_u P_{r_u}(\xi_u) \Bigr], \qquad
              K(\xi) = \sum_r \lambda(r) \prod_u N(s_u, r_u) P_{r_u}(\xi_u)

    [Xiao2022, sec. 3]: the eigenvalue of each of the :math:`\prod_u N(s_u, r_u)` eigenfunctions
    :math:`\prod_u Y_{r_u}(x_u)` under the uniform measure on the product of the spheres.

    Parameters
    ----------
    net
        The network.  Where parts share children (overlapping filters), of at most 16 leaves.
    degrees
        Degrees of the leaves: an integer for a network of one leaf, a tuple over all leaves, or a mapping
        ``{leaf: degree}`` of the active ones.
    kernel
        ``"nngp"`` or ``"ntk"``.
    ring
        Number system: `FLOAT`; `ball(bits)` for a ball that is proved to hold the eigenvalue; or `EXACT`, for
        polynomial activations and for one rectified layer.
    rtol
        Relative error to aim for.  In floats, what was reached is in ``.error``; in balls it is reached, or a
        `ConvergenceError` says how far the enclosure got.
    layer
        The part of the NTK that comes from training one dense layer alone [DandiJacot2021]: 0 on the input side to
        ``net.depth``, the readout, whose part is the NNGP.  The parts add up to the whole; both matrices of a residual
        block belong to one layer.

    Returns
    -------
    Eigenvalue
        ``value`` (a float, 0.0 where it lies below the range of one; a ``flint.arb``; or a SymPy number), ``log10``,
        ``error`` (relative bound) and its kind ``bound``, ``multiplicity`` of the class (all placements), indices.

    Examples
    --------
    >>> from eigenspace import cnn, mlp
    >>> eigenvalue(mlp(3, 1), 2, "nngp")
    Eigenvalue(2.34375000000e-2, error ... (rounded), multiplicity 5, pattern 2, S = 0, F = 2, L = 2)
    >>> ev = eigenvalue(cnn(12, (1, 4, 4), 16, head="dense"), {0: 1, 1: 1})
    >>> ev.multiplicity, ev.pattern
    (55296, '1 1')
    >>> round(eigenvalue(mlp(10**6, 3), 200).log10, 3)
    -828.654
    >>> from eigenspace import ball
    >>> eigenvalue(mlp(10, 2), 3, ring=ball(128), rtol=1e-30).text(30)
    '8.21973514540151244994921538266e-4'
    >>> from eigenspace import EXACT, hermite
    >>> [eigenvalue(mlp(d, 1), 2, "nngp", ring=EXACT).value for d in (3, 4)]
    [3/128, 32/(225*pi**2)]
    >>> eigenvalue(cnn(3, (2,), activation=hermite(3)), (2, 1), ring=EXACT)
    Eigenvalue(1/15, exact, multiplicity 30, pattern 2 1, S = 0, F = 3, L = 3)
    """
    net, kernel, ring, whole = _request(net, kernel, ring, layer)
    rtol = _check.positive_real("rtol", rtol, "1e-12 is the default")
    if not net.is_tree:
        call = _called(net, f"eigenspace.eigenvalue(net, {degrees!r}, {whole}{_accuracy(ring, rtol)})")
        return graph_eigenvalue(net, _degrees(net, degrees), kernel, ring, rtol, call)[0]
    plan = layout(net)
    pool = under_head(net, single(plan.root, canonical(plan, _degrees(net, degrees))))
    solution = _solve(plan, pool, np.arange(len(pool)) == len(pool) - 1, kernel, ring, rtol, None)
    call = f"eigenspace.eigenvalue(net, {degrees!r}, {whole}{_accuracy(ring, rtol)})"
    return _table(plan, pool, solution, np.array([len(pool) - 1]), kernel, ring, call, layer, (inf, 0.0))[0]


def spectrum(
    net: Network,
    kernel: str = "ntk",
    *,
    degree: int | None = None,
    min_value: float | None = None,
    count: int | None = None,
    layer=None,
    ring: FloatRing | BallRing | ExactRing = FLOAT,
    rtol: float = _RTOL,
    progress: bool | None = None,
) -> EigenTable:
    """The table of eigenvalues of a network, one row for each class of multi-degrees up to symmetry.

    Parameters
    ----------
    net
        The network.  Where parts share children (overlapping filters), of at most 16 leaves.
    kernel
        ``"nngp"`` or ``"ntk"``.
    degree
        All classes of at most this total degree (4 if nothing else is asked), by ascending degree.
    min_value
        All classes with an eigenvalue of at least this size, largest first.
    count
        The classes with the largest eigenvalues, until at least this many eigenfunctions are listed.
    ring
        Number system: `FLOAT`, `ball(bits)`, or `EXACT` for polynomial activations and for one rectified layer.
    rtol
        Relative error to aim for.  In floats, what was reached is in the column ``error``; in balls every row reaches
        it, or a `ConvergenceError` is raised.
    layer
        The part of the NTK of one dense layer alone, as for `eigenvalue`.
    progress
        Show a progress bar; by default where the work is long and standard error is a terminal.

    Returns
    -------
    EigenTable

    Notes
    -----
    Cost: ``O(order**2)`` operations per class of every sub-tree, shared between classes, and ``O(order)`` for each
    class of the table; the order is a little above the degree in high dimension and rises up to 384 where the series
    converges slowly (768 for a few classes).  Where few leaves of small dimension meet, a node interpolates its
    activation instead (see the page on accuracy): ``O(nodes**2)`` ball operations per class.  The provenance of the
    table says what was done.

    ``min_value`` and ``count`` search degree by degree, up to 64 (1024 on a single leaf).  Raising one degree by two
    never raises an eigenvalue (every monomial moment falls), so two consecutive total degrees below the threshold
    leave only classes of distinct leaves of degree one; those are excluded by the unlisted rest of the trace over
    their multiplicity.  On a cube, where two more bits never raise an eigenvalue either [YangSalman2019], there are
    none left.

    Under ``head="gap"`` the rows are sums over the positions: the eigenvalues of ``head="flatten"`` with multiplicities
    over ``positions``; the trace is the mean of the kernel at equal inputs [Xiao2022, app. H].

    Examples
    --------
    >>> from eigenspace import cnn
    >>> table = spectrum(cnn(12, filters=(1, 4), positions=4, head="dense"), degree=2)
    >>> len(table), [row.pattern for row in table]
    (5, ['0', '1', '2', '1 1', '1 / 1'])
    >>> table[1].multiplicity
    192
    """
    net, kernel, ring, whole = _request(net, kernel, ring, layer)
    rtol = _check.positive_real("rtol", rtol, "1e-12 is the default")
    options = {"degree": degree, "min_value": min_value, "count": count}
    asked = [name for name, value in options.items() if value is not None]
    if len(asked) > 1:
        raise ValueError(
            f"spectrum takes one of degree, min_value and count, got {' and '.join(asked)}; drop all but one"
        )
    name = asked[0] if asked else "degree"
    if not net.is_tree:
        return _graph_spectrum(net, kernel, whole, ring, rtol, name, options[name])
    plan = layout(net)
    if name == "degree":
        degree = _check.nonnegative_integer("degree", 4 if degree is None else degree)
        pool = under_head(net, enumerate_classes(plan.root, degree))
        solution = _solve(plan, pool, np.ones(len(pool), dtype=bool), kernel, ring, rtol, progress)
        chosen = np.arange(len(pool))
        call = f"degree={degree}"
    else:
        if name == "min_value":
            min_value = _check.positive_real("min_value", min_value)
        else:
            count = _check.positive_integer("count", count)
        pool, solution, chosen = _search(plan, kernel, ring, rtol, min_value, count, progress)
        call = f"{name}={min_value if name == 'min_value' else count!r}"
    call = f"eigenspace.spectrum(net, {whole}, {call}{_accuracy(ring, rtol)})"
    return _table(plan, pool, solution, chosen, kernel, ring, call, layer, _trace(plan, kernel, ring, rtol))


def _graph_spectrum(net: Network, kernel: str, whole: str, ring, rtol: float, name: str, value) -> EigenTable:
    """The table of a network with shared children."""
    if name == "degree":
        value = _check.nonnegative_integer("degree", 4 if value is None else value)
    else:
        value = (_check.positive_real if name == "min_value" else _check.positive_integer)(name, value)
    call = _called(net, f"eigenspace.spectrum(net, {whole}, {name}={value!r}{_accuracy(ring, rtol)})")
    wanted = dict.fromkeys(("degree", "min_value", "count")) | {name: value}
    return graph_spectrum(net, kernel, ring, rtol, **wanted, call=call)


# requests --------------------------------------------------------------------------------------------


def _request(net, kernel, ring, layer):
    net, kernel = _concrete(net), _check.choice("kernel", kernel, KERNELS)
    if not isinstance(ring, FloatRing | BallRing | ExactRing):
        raise TypeError(
            f"ring must be eigenspace.FLOAT, EXACT or ball(bits), got {ring!r}; use ring=eigenspace.ball(128)"
        )
    estimated = [layer.name for layer in net.layers if layer.is_estimated]
    if estimated and ring is not FLOAT:
        raise UnsupportedError(
            f"ring={ring!r} proves its numbers, and {estimated[0]} is known through estimates; use "
            f"ring=eigenspace.FLOAT, or a named activation"
        )
    refuse_shared(net)
    if layer is None:
        return net, kernel, ring, repr(kernel)
    if kernel != "ntk":
        raise ValueError(f"layer={layer!r} is a part of the NTK, got kernel={kernel!r}; use kernel='ntk' or layer=None")
    alone = trained_alone(net, layer)
    if isinstance(ring, ExactRing) and any(a.dual_coefficients is None for a in net.layers):
        raise UnsupportedError(
            f"layer={layer!r} has exact numbers for polynomial activations only; use ring=eigenspace.ball(128)"
        )
    # what trains the readout alone is the kernel of the features below it
    return alone, "nngp" if layer == net.depth else "ntk", ring, f"'ntk', layer={layer}"


def _solve(plan: Layout, *request) -> Solution:
    """The eigenvalues: those of the normalised layers, times the variance of the output."""
    return solve(*request).times(plan.net.variance)


def _accuracy(ring, rtol: float) -> str:
    """The arguments that name a ring and an aim, where they are not the defaults."""
    named = "" if ring is FLOAT else f", ring={ring!r}"
    return named + ("" if rtol == _RTOL else f", rtol={rtol!r}")


def _degrees(net: Network, degrees) -> tuple[int, ...]:
    """Degrees of all leaves from any of the accepted forms."""
    if isinstance(degrees, np.ndarray) and degrees.ndim == 0:
        degrees = degrees.item()
    leaves, form = net.leaves, "use an integer for one leaf, a tuple of all degrees, or {leaf: degree}"
    full = [0] * len(leaves)
    if isinstance(degrees, Mapping):
        for number, degree in degrees.items():
            number = _check.integer("degrees", number, 0, len(leaves) - 1, f"leaves are 0 to {len(leaves) - 1}")
            full[number] = _check.nonnegative_integer(f"degrees[{number}]", degree)
    elif isinstance(degrees, (Sequence, np.ndarray)) and not isinstance(degrees, str):
        full = list(_check.nonnegative_integers("degrees", degrees, form))
        if len(full) != len(leaves):
            raise ValueError(f"degrees must have one entry per leaf ({len(leaves)}), got {len(full)}; {form}")
    else:
        degree = _check.nonnegative_integer("degrees", degrees, form)
        if len(leaves) != 1:
            raise ValueError(f"degrees must name the leaves of a network of {len(leaves)} leaves, got {degree}; {form}")
        full = [degree]
    _check.integer("degrees", sum(full), 0, _LARGEST, f"total degrees up to {_LARGEST} are supported")
    for number, (leaf, degree) in enumerate(zip(leaves, full)):
        if leaf.dim == 1 and degree > 1:
            raise ValueError(
                f"degrees must be 0 or 1 on a leaf of dimension 1 (two points carry no other harmonics), got {degree} "
                f"for leaf {number}; use 0, 1 or a larger dimension"
            )
    return tuple(full)


# searching -------------------------------------------------------------------------------------------


def _search(plan: Layout, kernel: str, ring, rtol: float, min_value, count, progress):
    """Pool, solution and the chosen classes, largest eigenvalue first."""
    total, _ = _trace(plan, kernel, ring, rtol)
    one_leaf = plan.root.dim is not None
    for degree in [2**n for n in range(2, 11)] if one_leaf else range(2, _MOST_DEGREE + 1):
        pool = under_head(plan.net, enumerate_classes(plan.root, degree))
        # three digits decide where to search; only the chosen classes get more
        rough = _solve(plan, pool, np.ones(len(pool), dtype=bool), kernel, ring, _ROUGH, None)
        log10 = rough.values.log10() + np.log10(1 + rough.error)
        order = np.argsort(-log10, kind="stable")
        order = order[log10[order] > -inf]
        rest = _rest(pool, rough, total)
        if count is None:
            threshold = float(np.log10(min_value))
        else:
            reached = np.flatnonzero(np.cumsum(pool.count[order]) >= count)
            if not reached.size and not _nothing_beyond(plan, pool, log10, -inf, degree, rest, total):
                continue
            last = order[reached[0]] if reached.size else order[-1]
            threshold = float(log10[last] - 2 * np.log10(1 + max(rough.error[order])))
        if _nothing_beyond(plan, pool, log10, threshold, degree, rest, total):
            chosen = order[log10[order] >= threshold - 1e-9]
            solution = _solve(plan, pool, np.isin(np.arange(len(pool)), chosen), kernel, ring, rtol, progress)
            log10 = solution.values.log10()
            chosen = chosen[np.argsort(-log10[chosen], kind="stable")]
            if count is None:
                reach = log10[chosen] + np.log10(1 + solution.error[chosen]) + 1e-14 * (1 + abs(threshold))
                chosen = chosen[reach >= threshold]
            else:
                chosen = chosen[: int(np.searchsorted(np.cumsum(pool.count[chosen]), count)) + 1]
            return pool, solution, chosen
    wanted = f"min_value={min_value!r}" if count is None else f"count={count!r}"
    raise ConvergenceError(
        f"{wanted} is not complete at total degree {degree}; ask for a larger min_value, a smaller count, "
        f"or list by degree"
    )


def _nothing_beyond(plan: Layout, pool: Pool, log10, threshold: float, degree: int, rest: float, trace: float) -> bool:
    """Whether no class of a higher total degree reaches the threshold (see the notes of `spectrum`)."""
    if int(pool.degree.max()) < degree or plan.root.is_polynomial and plan.root.polynomial_degree <= degree:
        return True
    last = log10[pool.degree >= degree - 1]
    if np.all(last == -inf) and rest <= 2 * _ROUGH * trace:
        return True
    if np.any(last >= threshold):
        return False
    # two more bits u, v: E[t**n P (1 - x_u x_v)] = 2 E[t**n P; x_u = -x_v] >= 0, both are out of the mean there
    if degree >= len(plan.net.leaves) or plan.root.is_cube:
        return True
    # distinct leaves of degree one: at least the product of the smallest dimensions many eigenfunctions
    dims = sorted(part.dim for part in plan.net.leaves)
    log10_many = float(np.sum(np.log10(dims[: degree + 1])))
    return float(np.log10(rest)) - log10_many < threshold


def _rest(pool: Pool, rough: Solution, trace: float) -> float:
    """Upper bound of what the trace leaves to classes that are not listed: each listed one counts its lower bound."""
    lower = rough.values.float64() * np.maximum(1.0 - rough.error, 0.0)
    # a count may exceed the range of a float; leaving its class out only widens the bound
    own = (lower > 0) & (pool.count < 10**300)
    listed = float(lower[own] @ pool.count[own].astype(float))
    return max(trace - listed, 0.0) + 1e-12 * trace


# tables ----------------------------------------------------------------------------------------------


def _called(net: Network, call: str) -> str:
    """A call of this module with the network written out."""
    return call.replace("net", _CALLED.sub(r"eigenspace.\1", net.call), 1)


class _Lazy(Sequence):
    """A sequence whose entries are made when they are read."""

    def __init__(self, make, places: np.ndarray):
        self._make, self._places = make, places

    def __len__(self) -> int:
        return self._places.size

    def __getitem__(self, index):
        return self._make(int(self._places[index]))


def _trace(plan: Layout, kernel: str, ring, rtol: float) -> tuple[float, float]:
    """The trace, and what its relative error may be beyond roundings."""
    return trace_under_head(plan, trace(plan.net, kernel, 1.0), kernel, ring, rtol)


def _table(
    plan: Layout, pool: Pool, solution: Solution, chosen, kernel: str, ring, call: str, layer, total
) -> EigenTable:
    """The chosen classes as a table; ``total`` is the pair of `_trace`."""
    net = plan.net
    values = solution.values.take(chosen)
    *indices, unit = index_numbers(pool, net.dim)
    space, frequency, learning = (n[chosen] for n in (*indices, learning_numbers(pool, net.dim, kernel)[0]))
    learning[values.log10() == -inf] = inf
    cited = (*(c for a in net.activations for c in a.citations), *solution.citations)
    citations = (*_CITATIONS, *dict.fromkeys(cited))
    notes = *_notes(learning, space + frequency, ring), *pooling_notes(net, total[1])
    if layer is not None:
        kernel = "ntk"
        notes = (f"The part of the NTK that comes from training layer {layer} of 0 to {net.depth} alone.", *notes)
        citations = (*citations, "DandiJacot2021")
    return EigenTable(
        values=values,
        error=solution.error[chosen],
        bound=solution.bound[chosen],
        multiplicity=pool.count[chosen],
        total_degree=pool.degree[chosen],
        space=as_objects(space, unit),
        frequency=as_objects(frequency, unit),
        learning_index=as_objects(learning, unit),
        patterns=_Lazy(pool.pattern, chosen),
        degrees=_Lazy(Representatives(plan, pool), chosen),
        trace=total[0],
        provenance=Provenance(
            call=_called(net, call),
            network=net.summary(),
            kernel=kernel,
            ring=ring.name,
            method=solution.method,
            order=solution.order,
            citations=citations,
            version=__version__,
        ),
        kernel=kernel,
        notes=notes,
        grid=net.grid if len(net.grid) > 1 else (),
    )


def _notes(learning: np.ndarray, index: np.ndarray, ring) -> tuple[str, ...]:
    notes = ()
    if not np.all((np.abs(learning - index) < 1e-9) | (learning == inf)):
        notes = (
            "L is the leading exponent of the eigenvalue in d. In some rows it exceeds S + F, its value for admissible "
            "activations: an activation is not admissible (some of its Hermite coefficients vanish).",
        )
    if isinstance(ring, ExactRing):
        notes += ("Eigenvalues are exact; those that take too much room are shown by their first digits.",)
    return notes
