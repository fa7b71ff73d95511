r"""What a learning curve needs of a table: eigenvalues with their multiplicities, and what is known of the rest.

A table lists some classes. Of the others one knows the sum of their eigenvalues, the *rest* of the trace, and a bound
of the largest of them. Numbers are kept as ``mantissa * 2**exponent``: eigenvalues lie far below the range of a
float, multiplicities far above.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import EigenspaceError
from ..harmonics import multiplicity
from ..parts import Network
from ..shapes import Shape, layout
from ..table import EigenTable
from ..verification.calls import read_call

_LEAST_NORMAL = float(np.finfo(float).tiny)
#: relative error of a trace and of a sum of shares in floating point
_ROUNDING = 2.0**-49


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues ``mantissa * 2**exponent`` (zeros left out) with multiplicities ``count * 2**count_exponent``.

    ``counts``: the multiplicities again, as integers. ``error``: relative bounds of the eigenvalues, with roundings.
    ``rest``: the sum of the unlisted eigenvalues, and ``rest_bounds`` around it. ``largest``: no unlisted eigenvalue
    exceeds it.
    """

    mantissa: np.ndarray
    exponent: np.ndarray
    count: np.ndarray
    count_exponent: np.ndarray
    counts: np.ndarray
    error: np.ndarray
    rest: float
    rest_bounds: tuple[float, float]
    largest: float

    @cached_property
    def log2(self) -> np.ndarray:
        """Binary logarithms of the eigenvalues."""
        return np.log2(self.mantissa) + self.exponent

    @cached_property
    def trace(self) -> float:
        """Sum of the listed eigenvalues."""
        weights = np.clip(self.exponent + self.count_exponent, -1070, 1020).astype(np.int32)
        return math.fsum(np.ldexp(self.mantissa * self.count, weights))

    @cached_property
    def total(self) -> int:
        """The number of eigenfunctions."""
        return sum(self.counts.tolist())

    def shifted(self, sign: int) -> "Spectrum":
        """The same with every eigenvalue at the lower (-1) or upper (+1) end of its error; zeros are left out."""
        mantissa = self.mantissa * (1 + sign * self.error)
        keep = mantissa > 0
        rows = mantissa, self.exponent, self.count, self.count_exponent, self.counts, self.error
        return Spectrum(*(row[keep] for row in rows), self.rest, self.rest_bounds, self.largest)

    @classmethod
    def of(cls, table: EigenTable, largest_unlisted: float | None = None) -> "Spectrum":
        """The spectrum of a table. Cost: array operations, and integer additions, on the rows.

        >>> from eigenspace import mlp, spectrum
        >>> found = Spectrum.of(spectrum(mlp(10, 2), "nngp", degree=4))
        >>> round(found.rest, 6), float(f"{found.largest:.2g}")    # all degrees from 5 on together, and no one above
        (0.012975, 7.3e-06)
        """
        log10 = table.log10()
        kept = np.flatnonzero(log10 > -np.inf)
        mantissa, exponent = scaled(table.values()[kept], log10[kept])
        counts = table.multiplicity[kept]
        count, count_exponent = scaled_integers(counts.tolist())
        error = np.array(table.error[kept]) + 2.0**-51 * (1 + np.where(exponent > -1021, 0, np.abs(exponent)))
        trace, shares = float(table.trace), table.shares()
        rest = max(trace - trace * table.coverage(), 0.0)
        doubt = trace * (math.fsum(shares * table.error) + _ROUNDING)
        bounds = max(rest - doubt, 0.0), rest + doubt
        largest = min(bounds[1], _largest(table, bounds[1]) if largest_unlisted is None else largest_unlisted)
        return cls(mantissa, exponent, count, count_exponent, counts, error, rest, bounds, largest)


def scaled(values: np.ndarray, log10: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mantissas in [1/2, 1) and binary exponents, from the values, or from the logarithms where these underflow."""
    mantissa, exponent = np.frexp(values)
    small = values < _LEAST_NORMAL
    log2 = log10[small] / math.log10(2)
    mantissa, exponent = mantissa.copy(), exponent.astype(np.int64)
    exponent[small] = np.floor(log2).astype(np.int64) + 1
    mantissa[small] = 2.0 ** (log2 - exponent[small])
    return mantissa, exponent


def scaled_integers(counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Positive integers of any size as mantissas and binary exponents."""
    try:
        mantissa, exponent = np.frexp(np.array(counts, dtype=float))
        return mantissa, exponent.astype(np.int64)
    except OverflowError:
        pass
    shifts = np.fromiter((max(0, n.bit_length() - 64) for n in counts), np.int64, len(counts))
    mantissa, exponent = np.frexp(np.array([float(n >> s) for n, s in zip(counts, shifts.tolist())]))
    return mantissa, exponent + shifts


def network_of(table: EigenTable) -> Network | None:
    """The network in the call that the table states; None if the call has none that can be read."""
    try:
        return read_call(table.provenance.call)[0]
    except (ValueError, TypeError, EigenspaceError):
        return None


# the largest unlisted eigenvalue ---------------------------------------------------------------------


def _largest(table: EigenTable, rest: float) -> float:
    """An upper bound of every unlisted eigenvalue.

    A class of ``M`` eigenfunctions has an eigenvalue of at most ``rest / M``. For a network, raising a degree by two
    never raises an eigenvalue (every monomial moment falls), so an unlisted class also lies below some class of the two
    last complete degrees, unless all its degrees are 1.
    """
    net = network_of(table)
    if net is not None and net.is_tree and net.head in ("flatten", "dense"):
        leaves = _orbits(layout(net).root)
    elif len(table) and len(table.degrees[0]) == 1:
        first = np.flatnonzero(table.total_degree == 1)
        leaves = {(table.multiplicity[first[0]], 1): 1} if first.size else {}
    else:
        return rest
    degree = _complete(table, leaves)
    if degree < 0:
        return rest
    bound = rest / _fewest(leaves, degree + 1)
    if net is None:
        return bound
    ones = sorted(dim for (dim, size), number in leaves.items() for _ in range(min(size * number, degree + 1)))
    together = rest / math.prod(ones[: degree + 1]) if len(ones) > degree else 0.0
    last = (table.total_degree >= degree - 1) & (table.total_degree <= degree)
    below = float(np.max((table.values() * (1 + table.error))[last], initial=0.0))
    return min(bound, max(below, together))


def _orbits(shape: Shape, times: int = 1) -> Counter:
    """How many sets of interchangeable leaves there are, by (dimension, size of the set)."""
    if shape.dim is not None:
        return Counter({(shape.dim, times): 1})
    found: Counter = Counter()
    for child, count in shape.groups:
        found += _orbits(child, times * count)
    return found


def _complete(table: EigenTable, leaves: dict) -> int:
    """The largest degree up to which all eigenfunctions are listed, by their number; -1 if not even the constant."""
    if not leaves:
        return -1
    listed: Counter = Counter()
    for degree, count in zip(table.total_degree.tolist(), table.multiplicity.tolist()):
        listed[degree] += count
    top = next(k for k in range(len(listed) + 1) if k not in listed) - 1
    if sum(leaves.values()) == 1 and next(iter(leaves))[1] == 1:
        dim = next(iter(leaves))[0]
        return next((k for k in range(top + 1) if listed[k] != multiplicity(dim, k)), top + 1) - 1
    all_of = [1] + [0] * top
    for (dim, size), number in leaves.items():
        one = [multiplicity(dim, k) for k in range(top + 1)]
        all_of = _times(all_of, _power(one, size * number))
    return next((k for k in range(top + 1) if listed[k] != all_of[k]), top + 1) - 1


def _times(a: list[int], b: list[int]) -> list[int]:
    """Product of two power series with integer coefficients, cut off at their length."""
    return [sum(a[i] * b[k - i] for i in range(k + 1) if a[i]) for k in range(len(a))]


def _power(a: list[int], n: int) -> list[int]:
    """A power of a power series of constant term 1, by the recurrence of its logarithmic derivative."""
    out = [1]
    for k in range(1, len(a)):
        total = sum((n * i - (k - i)) * a[i] * out[k - i] for i in range(1, k + 1) if a[i])
        out.append(total // k)
    return out


def _fewest(leaves: dict, degree: int) -> int:
    r"""The fewest eigenfunctions that a class of at least this total degree can have, bounded below.

    The product of the multiplicities of the degrees, and where all leaves have two dimensions or more, times
    :math:`\lceil \ell / a \rceil` for ``a`` active leaves: the symmetries carry the active leaves everywhere in a set
    of :math:`\ell` interchangeable ones. Neither falls when a degree is raised.
    """
    if sum(size * number for (_, size), number in leaves.items()) == 1:
        return max(1, multiplicity(next(iter(leaves))[0], degree))
    dims = sorted({dim for dim, _ in leaves})
    size = min(size for _, size in leaves)
    count = sum(size * number for (_, size), number in leaves.items())
    cheapest = [1] + [
        min((multiplicity(dim, k) for dim in dims if dim > 1 or k == 1), default=1) for k in range(1, degree + 1)
    ]
    best = {(0, 0): 1}
    for total in range(1, degree + 1):
        for parts in range(1, min(total, count) + 1):
            found = [
                best[total - k, parts - 1] * cheapest[k]
                for k in range(1, total + 1 if dims[-1] > 1 else 2)
                if (total - k, parts - 1) in best
            ]
            if found:
                best[total, parts] = min(found)
    spread = size if dims[0] > 1 else 1
    return min((-(-spread // parts) * many for (total, parts), many in best.items() if total == degree), default=1)
