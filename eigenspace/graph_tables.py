"""Tables and single eigenvalues of networks with shared children.

A row is a class of multi-degrees that symmetries of the network carry into each other (see `symmetries`).  Its
interaction names the active leaves, ``leaf:degree``: which leaves meet where is told by no tree.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import inf, prod

import numpy as np

from ._version import __version__
from .certified import Solution
from .errors import ConvergenceError, UnsupportedError
from .graph_spectra import all_degrees, check_leaves, leading_exponents_of, solve_graph
from .harmonics import multiplicity
from .kernels import trace
from .parts import Network
from .rings import FLOAT
from .steiner import SpanningTrees
from .symmetries import Symmetries
from .table import EigenTable, Provenance

_CITATIONS = ("Xiao2022", "JacotGabrielHongler2018", "Smola2001", "Geifman2022")
#: relative error while searching
_ROUGH = 1e-3


def graph_eigenvalue(net: Network, degrees: tuple[int, ...], kernel: str, ring, rtol: float, call: str):
    """One eigenvalue, as a table of one row."""
    _check_ring(ring)
    check_leaves(net)
    solution = solve_graph(net, [degrees], kernel, rtol, True)
    # as many multi-degrees as the group has elements, over those that keep this one
    places = Symmetries(net).order // Symmetries(net, degrees).order
    return _table(net, [degrees], [places], solution, kernel, call)


def graph_spectrum(
    net: Network,
    kernel: str,
    ring,
    rtol: float,
    degree: int | None,
    min_value: float | None,
    count: int | None,
    call: str,
) -> EigenTable:
    """The classes up to a total degree, above a value, or the largest until so many eigenfunctions are listed."""
    _check_ring(ring)
    check_leaves(net)
    symmetries = Symmetries(net)
    if degree is not None:
        rows, places = _classes(net, symmetries, degree)
        return _table(net, rows, places, solve_graph(net, rows, kernel, rtol, False), kernel, call)
    whole = trace(net, kernel, 1.0)
    for degree in range(2, 64):
        rows, places = _classes(net, symmetries, degree)
        rough = solve_graph(net, rows, kernel, max(rtol, _ROUGH), False)
        top = rough.values.log10() + np.log10(1 + rough.error)
        sizes = [n * _eigenfunctions(net, row) for n, row in zip(places, rows)]
        order = sorted((i for i in range(len(rows)) if top[i] > -inf), key=lambda i: -top[i])
        threshold = _threshold(order, top, rough, sizes, min_value, count)
        low = rough.values.float64() * np.maximum(1 - rough.error, 0)
        rest = max(whole - sum(float(n) * v for n, v in zip(sizes, low) if v > 0), 0.0) + 1e-12 * whole
        if threshold is not None and _nothing_beyond(net, rows, top, threshold, degree, rest):
            chosen = sorted(i for i in order if top[i] >= threshold - 1e-9)
            rows, places = ([column[i] for i in chosen] for column in (rows, places))
            return _chosen(net, rows, places, kernel, rtol, min_value, count, call)
    raise ConvergenceError(f"the search is not complete at total degree {degree}; ask for larger values, or by degree")


def _check_ring(ring) -> None:
    if ring is not FLOAT:
        raise UnsupportedError(
            f"eigenvalues of a network with shared children come in floats only, got ring={ring!r}; leave out ring"
        )


def _classes(net: Network, symmetries: Symmetries, degree: int) -> tuple[list, list]:
    """One multi-degree of every class, active leaves first, and the number of multi-degrees in the class."""
    rows = all_degrees(net, degree)
    groups = [sorted((rows[i] for i in group), reverse=True) for group in symmetries.orbit_parts(rows)]
    groups.sort(key=lambda group: (sum(group[0]), _order(group[0])))
    return [group[0] for group in groups], [len(group) for group in groups]


def _order(row: Sequence[int]) -> tuple:
    """Rows of one total degree: the largest degrees first, then by leaves."""
    return tuple(-r for r in sorted(row, reverse=True)), tuple(-r for r in row)


def _eigenfunctions(net: Network, row: Sequence[int]) -> int:
    """Number of eigenfunctions of one multi-degree."""
    return prod(multiplicity(leaf.dim, r) for leaf, r in zip(net.leaves, row) if r)


# searching -------------------------------------------------------------------------------------------


def _threshold(order, top, rough: Solution, sizes, min_value, count) -> float | None:
    """Logarithm of the smallest eigenvalue that is asked for; None where the rows do not suffice yet."""
    if count is None:
        return float(np.log10(min_value))
    reached, worst = 0, max((rough.error[i] for i in order), default=0.0)
    for i in order:
        reached += sizes[i]
        if reached >= count:
            return float(top[i] - 2 * np.log10(1 + worst))
    return None


def _nothing_beyond(net: Network, rows, top, threshold: float, degree: int, rest: float) -> bool:
    """Whether no multi-degree of a higher total degree reaches the threshold.

    Raising one degree by two never raises an eigenvalue, so that two total degrees below the threshold leave only
    distinct leaves of degree one, at least the product of the smallest dimensions many eigenfunctions.
    """
    if max(map(sum, rows)) < degree:
        return True
    if any(t >= threshold for row, t in zip(rows, top) if sum(row) >= degree - 1):
        return False
    if degree >= len(net.leaves):
        return True
    dims = sorted(leaf.dim for leaf in net.leaves)
    return float(np.log10(rest)) - float(np.sum(np.log10(dims[: degree + 1]))) < threshold


def _chosen(net, rows, places, kernel, rtol, min_value, count, call) -> EigenTable:
    """The rows that are asked for, largest eigenvalue first."""
    solution = solve_graph(net, rows, kernel, rtol, False)
    log10 = solution.values.log10()
    order = np.argsort(-log10, kind="stable")
    if count is None:
        reach = log10[order] + np.log10(1 + solution.error[order])
        order = order[reach + 1e-14 * (1 + abs(np.log10(min_value))) >= np.log10(min_value)]
    else:
        sizes, last = 0, 0
        for last, i in enumerate(order):  # noqa: B007
            sizes += places[i] * _eigenfunctions(net, rows[i])
            if sizes >= count:
                break
        order = order[: last + 1]
    kept = Solution(
        solution.values.take(order), solution.error[order], solution.bound[order], solution.method, solution.order
    )
    return _table(net, [rows[i] for i in order], [places[i] for i in order], kept, kernel, call)


# tables ----------------------------------------------------------------------------------------------


def _table(net: Network, rows: Sequence, places: Sequence, solution: Solution, kernel: str, call: str) -> EigenTable:
    trees = SpanningTrees(net)
    indices = [trees.indices({leaf: r for leaf, r in zip(net.leaves, row) if r}) for row in rows]
    learning = leading_exponents_of(net, rows, kernel)
    zero = solution.values.log10() == -inf
    learning = [inf if z else _settled(l, s + f) for z, l, (s, f) in zip(zero, learning, indices)]
    citations = (*_CITATIONS, *(c for a in net.activations for c in a.citations))
    return EigenTable(
        values=solution.values,
        error=solution.error,
        bound=solution.bound,
        multiplicity=[n * _eigenfunctions(net, row) for n, row in zip(places, rows)],
        total_degree=[sum(row) for row in rows],
        space=[s for s, _ in indices],
        frequency=[f for _, f in indices],
        learning_index=learning,
        patterns=[pattern(row) for row in rows],
        degrees=list(rows),
        trace=trace(net, kernel, 1.0),
        provenance=Provenance(
            call=call,
            network=net.summary(),
            kernel=kernel,
            ring=FLOAT.name,
            method=solution.method,
            order=solution.order,
            citations=tuple(dict.fromkeys(citations)),
            version=__version__,
        ),
        kernel=kernel,
        notes=_notes(learning, indices),
    )


def pattern(row: Sequence[int]) -> str:
    """The active leaves and their degrees.

    >>> pattern((2, 0, 0, 1)), pattern((0, 0))
    ('0:2 3:1', '0')
    """
    return " ".join(f"{leaf}:{r}" for leaf, r in enumerate(row) if r) or "0"


def _settled(exponent, index) -> Fraction | float:
    """The sum of the indices where it is the exponent up to roundings."""
    return index if exponent != inf and abs(exponent - index) < 1e-9 else exponent


def _notes(learning: Sequence, indices: Sequence) -> tuple[str, ...]:
    notes = ("Interactions are leaf:degree; rows that a symmetry of the network carries into each other are one.",)
    if any(l != inf and abs(l - s - f) > 1e-9 for l, (s, f) in zip(learning, indices)):
        notes += (
            "L is the leading exponent of the eigenvalue in d. In some rows it exceeds S + F, its value for admissible "
            "activations: an activation is not admissible (some of its Hermite coefficients vanish).",
        )
    return notes
