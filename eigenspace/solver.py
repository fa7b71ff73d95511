"""The moment recursion at rising truncation orders, until every eigenvalue is as accurate as asked."""

import sys
from collections.abc import Sequence
from math import inf

import numpy as np

from .certified import Solution, certify, slowest, truncation_orders
from .classes import Pool
from .exactly import exact_method, exact_values
from .moments import root_moments
from .refinement import is_slow, limit_weights, refine
from .rings import EXACT, FLOAT, ExactColumn, FloatColumn
from .rings.floats import UNIT
from .table import BOUNDS

#: truncation orders of the moment recursion, tried in turn until the brackets are as narrow as asked
_ORDERS = (48, 68, 96, 136, 192, 272, 384)
#: from how many classes on a sample of so many tells the first order, these lower ones included, and up to which
_MANY, _SAMPLE, _LOW_ORDERS, _LARGEST_FIRST = 500, 24, (24, 34), 96
#: further orders, while few classes are open
_HIGH_ORDERS = (544, 768)
_FEW = 64
_METHOD = "moment recursion on classes; all terms non-negative"
#: number of classes from which a terminal shows progress
_LONG = 2000


def solve(pool: Pool, asked: np.ndarray, kernel: str, ring, rtol: float, progress) -> Solution:
    """Raise the truncation order until every bracket is narrow enough or no longer gets narrower.

    Where an activation is known through estimates, all is estimated, zeros included.
    """
    solution = _solve(pool, asked, kernel, ring, rtol, progress)
    return solution.estimated() if pool.shape.is_estimated else solution


def _solve(pool: Pool, asked: np.ndarray, kernel: str, ring, rtol: float, progress) -> Solution:
    if ring is EXACT:
        return _exactly(pool, asked, kernel)
    if ring is not FLOAT:
        return certify(pool, asked, kernel, ring, rtol)
    size = len(pool)
    mantissa, exponent = np.zeros(size), np.zeros(size, dtype=np.int64)
    error, bound = np.zeros(size), np.zeros(size, dtype=np.uint8)
    orders = truncation_orders(pool, _ORDERS + _HIGH_ORDERS)
    if np.count_nonzero(asked) > _MANY:
        orders = _from_first(truncation_orders(pool, _LOW_ORDERS) + orders, pool, asked, kernel, ring, rtol)
    history = np.full((len(orders), size), np.nan)
    scale = np.zeros(size, dtype=np.int64)
    open_, previous = asked.copy(), np.full(size, inf)
    part, numbers = pool.restrict(open_)
    for step, order in enumerate(_passes(orders, size, progress)):
        if order > _ORDERS[-1] and step and np.count_nonzero(open_) > _FEW:
            orders = orders[:step]
            break
        rows, index = root_moments(part, kernel, order, ring)
        lower, upper = ring.bracket(rows, index)
        own = np.flatnonzero(open_)
        local = numbers[own]
        low_m, low_e = lower.mantissa[local], lower.exponent[local]
        zero = low_m == 0
        gap = np.where(zero, 0.0, ring.gaps(rows)[local, index])
        # the middle of the bracket, which holds the exact value to half its width
        middle = np.minimum(gap, 1.0) / 2
        mantissa[own], shift = np.frexp(low_m * (1 + middle))
        exponent[own] = np.where(zero, 0, low_e + shift)
        error[own] = np.where(zero, 0.0, np.maximum(middle, (gap - middle) / (1 + middle)) + 2 * UNIT)
        bound[own] = np.where(zero, BOUNDS.index("exact"), BOUNDS.index("estimated" if rows.estimated else "rounded"))
        first = np.isnan(history[:step, own]).all(axis=0) if step else np.ones(own.size, dtype=bool)
        scale[own] = np.where(first, low_e, scale[own])
        history[step, own] = np.ldexp(low_m, np.clip(low_e - scale[own], -900, 900))
        settled = (gap / 2 <= rtol) | (gap > 0.5 * previous[own]) & (gap < 1e-9)
        previous[own] = gap
        open_[own[settled]] = False
        if not open_.any():
            return Solution(FloatColumn(mantissa, exponent), error, bound, _METHOD, f"truncation order {order}")
        few = np.count_nonzero(open_) <= _FEW
        worst, onset = float(np.max(previous[open_])), float(np.max(_onset(pool)[open_]))
        if few and is_slow(pool.shape, kernel, order, orders[-1], worst, rtol, onset):
            orders = orders[: step + 1]
            break
        part, numbers = pool.restrict(open_)
    rate, method = slowest(pool.shape, kernel), _METHOD
    late = _onset(pool) / orders[0]
    if rate < inf:
        # lower orders do not yet follow the power law of their limit
        regular = [step for step, order in enumerate(orders) if order >= _ORDERS[0]]
        orders, history = [orders[step] for step in regular], history[regular]
        _extrapolate(np.flatnonzero(open_), rate, late, orders, history, scale, mantissa, exponent, error, bound)
    if np.count_nonzero(open_) <= _FEW:
        done = refine(pool, open_, kernel, rtol, late, mantissa, exponent, error, bound)
        method += f"; {done}" if done else ""
    return Solution(FloatColumn(mantissa, exponent), error, bound, method, f"truncation order {orders[-1]}")


def _from_first(orders: list[int], pool: Pool, asked: np.ndarray, kernel: str, ring, rtol: float) -> list[int]:
    """The orders from the first one on that settles half of a sample of the classes.

    All regular ones where none of the smaller does: then the limit of the sequence may be needed.
    """
    places = np.flatnonzero(asked)
    sample = np.zeros(len(pool), dtype=bool)
    sample[places[np.linspace(0, places.size - 1, _SAMPLE).astype(int)]] = True
    part, numbers = pool.restrict(sample)
    own = numbers[sample]
    orders = sorted(set(orders))
    for order in orders:
        if order > _LARGEST_FIRST:
            break
        rows, index = root_moments(part, kernel, order, ring)
        if np.median(ring.gaps(rows)[own, index]) / 2 <= rtol:
            return [o for o in orders if o >= order]
    return [o for o in orders if o >= _ORDERS[0]]


def _exactly(pool: Pool, asked: np.ndarray, kernel: str) -> Solution:
    """The asked classes as exact numbers."""
    part, numbers = pool.restrict(asked)
    found = exact_values(part, kernel).numbers
    zero = EXACT.column_from_jsonable(["0"]).numbers[0]
    values = ExactColumn(tuple(found[n] if wanted else zero for n, wanted in zip(numbers, asked)))
    bound = np.full(len(pool), BOUNDS.index("exact"), dtype=np.uint8)
    return Solution(values, np.zeros(len(pool)), bound, *exact_method(pool.shape))


def _passes(orders: Sequence[int], size: int, progress: bool | None):
    """The orders, behind a progress bar where wanted (``None``: in a terminal, for long work)."""
    if progress is None:
        progress = size > _LONG and sys.stderr.isatty()
    if not progress:
        return orders
    from tqdm.auto import tqdm

    return tqdm(orders, desc="truncation order", leave=False)


def _extrapolate(own, slowest: float, late, orders, history, scale, mantissa, exponent, error, bound) -> None:
    """Replace the values of slowly converging classes by their limits, where this narrows the error.

    The truncated sums rise like ``v - sum_i c_i M**-(slowest + i/2)`` with the order ``M``: the coefficients of the
    duals and the moments of the means fall like powers of the index, in steps of one half.  All orders together
    eliminate one term each; the error is estimated by leaving out the first orders, and the estimate is widened for
    high degrees, whose power law sets in late: ``late`` is the index where it does over the smallest order.
    """
    if len(orders) < 4:
        return
    full, fewer, fewest = (limit_weights(orders[k:], slowest, 0.5) for k in range(3))
    # roundings of the sums themselves, a few units per term, as the weights amplify them
    noise = 6 * UNIT * float(np.abs(full) @ np.array(orders))
    # the slower the series, the less the elimination of a few terms proves
    least = 2e-3 * min(1.0, (2 / slowest) ** 3)
    for i in own:
        line = history[:, i]
        if np.isnan(line).any():
            continue
        limit, other, third = full @ line, fewer @ line[1:], fewest @ line[2:]
        spread = 3 * abs(limit - other) + 0.3 * abs(other - third) + least * abs(limit - line[-1])
        spread = (1 + 8 * late[i]) * spread + noise * limit
        if limit >= line[-1] * (1 - noise) and spread < error[i] * limit:
            mantissa[i], shift = np.frexp(limit)
            exponent[i] = scale[i] + shift
            error[i] = spread / limit
            bound[i] = BOUNDS.index("estimated")


def _onset(pool: Pool) -> np.ndarray:
    """Index from which the moments of a class fall: ``degree**2 / (dim - 1)`` times the leaves that share a mean."""
    return pool.shape.leaf_count * pool.degree**2 / max(pool.shape.least_dim - 1, 1)
