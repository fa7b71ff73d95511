"""Floats for the classes whose power series are too slow: one-sided interpolation, and the limit of its sequence."""

from collections.abc import Sequence
from math import inf

import numpy as np

from ._flint import precision, scaled_ball
from .certified import Search, interpolating_joins, interpolation, slowest
from .classes import Pool
from .rings.floats import UNIT
from .shapes import Shape
from .table import BOUNDS

#: numbers of nodes, from how many of them on a limit is taken, and the error at which it ends the search
_NODES = (32, 48, 72, 108, 162, 243)
#: as many of them where nodes with several children lie inside (above those, all moments up to the order are needed),
#: unless few classes are still wider than this
_INNER_STEPS, _INNER_RATE, _INNER_FEW, _INNER_WIDE = 4, 6.0, 4, 1e-6
_LEAST_STEPS, _GOOD = 4, 1e-11
_BITS = 128
#: from which truncation order on the power series is given up, where its later terms are not going to suffice
_DECISIVE = 128


def is_slow(shape: Shape, kernel: str, order: int, last: int, gap: float, rtol: float, onset: float) -> bool:
    """Whether interpolation takes over: a power series at ``order`` will not reach ``rtol`` at its ``last`` order.

    Before the ``onset`` of its power law nobody knows.
    """
    if order < max(_DECISIVE, onset) or not any(interpolating_joins(shape)):
        return False
    rate = slowest(shape, kernel)
    if shape.inner and rate > _INNER_RATE:
        return False
    return rate < inf and gap * (last / order) ** -rate > 2 * rtol


def refine(
    pool: Pool, open_: np.ndarray, kernel: str, rtol: float, late, mantissa, exponent, error, bound
) -> str | None:
    """Replace the values of the open classes wherever this narrows their errors; what was done, or None.

    The enclosures of `one_sided` are proved and reported as *rounded*.  Where the join that reads the leaves is the
    whole network, their centres have an expansion in powers of ``1 / nodes`` that starts with twice the exponent of the
    power series; its limit, with an error estimated from the limits without the first, without the last number of nodes
    and with a second family of exponents, is reported as *estimated* where it is sharper.  ``late`` widens it for high
    degrees, whose expansion sets in late.
    """
    wide = np.count_nonzero(open_) <= _INNER_FEW and np.max(error[open_], initial=0.0) > _INNER_WIDE
    if not any(interpolating_joins(pool.shape)):
        return None
    if pool.shape.inner and slowest(pool.shape, kernel) > _INNER_RATE and not wide:
        return None
    search = Search(pool, open_, kernel, _BITS, rtol)
    centres, limits = [], {}
    rate = inf if pool.shape.inner else 2 * slowest(pool.shape, kernel)
    for step, nodes in enumerate(_NODES):
        widest = np.max(np.minimum(search.gap, error)[search.open])
        if pool.shape.inner and step >= _INNER_STEPS:
            if widest < _INNER_WIDE or np.count_nonzero(search.open) > _INNER_FEW:
                break
        last = nodes
        search.step(interpolation(pool, nodes), only_open=False)
        centres.append(search.found)
        if rate < inf and len(centres) >= _LEAST_STEPS:
            limits = _limits(np.flatnonzero(search.open), centres, rate, late)
        if all(min(search.gap[c], limits.get(c, (0, inf))[1]) <= max(rtol, _GOOD) for c in np.flatnonzero(search.open)):
            break
    done, kinds = False, set()
    for c in np.flatnonzero(open_):
        value, doubt, kind = search.balls[c], search.gap[c] + 2 * UNIT, "rounded"
        if c in limits and limits[c][1] < doubt:
            (value, doubt), kind = limits[c], "estimated"
        if doubt < error[c]:
            mantissa[c], exponent[c] = scaled_ball(value)
            error[c], bound[c], done = doubt, BOUNDS.index(kind), True
            kinds.add(kind)
    if not done:
        return None
    limit = " and their limit" if "estimated" in kinds else ""
    return f"one-sided interpolation at {last} nodes{limit} for {np.count_nonzero(open_)} classes"


def _limits(classes, centres: Sequence[Sequence], rate: float, late) -> dict:
    """Limits of the centres as (ball, relative error), by class."""
    nodes = _NODES[: len(centres)]
    parts = slice(None), slice(1, None), slice(None, -1)
    family = [(part, limit_weights(nodes[part], rate, step)) for part in parts for step in (1.0, 0.5)]
    found = {}
    with precision(_BITS):
        for c in classes:
            last = centres[-1][c].mid()
            if last.is_zero():
                continue
            # differences first: the weights would amplify the roundings of the values
            steps = np.array([float(line[c].mid() / last - 1) for line in centres])
            limit, *others = (float(weights @ steps[part]) for part, weights in family)
            doubt = 2 * (1 + 8 * late[c]) * max(abs(limit - other) for other in others) + 8 * UNIT
            ball = last * (1 + limit)
            # an enclosure that does not hold the limit tells that the expansion has not set in
            if centres[-1][c].contains(ball.mid()):
                found[c] = ball, doubt
    return found


def limit_weights(orders: Sequence[int], rate: float, step: float) -> np.ndarray:
    """Weights of values at the given orders in their limit, for errors in powers ``rate + i * step`` of the order.

    >>> limit_weights((1, 2), 1.0, 1.0).round(12).tolist()
    [-1.0, 2.0]
    """
    relative = np.array(orders, dtype=float) / orders[-1]
    powers = [0.0] + [rate + i * step for i in range(len(orders) - 1)]
    weights = np.linalg.solve(np.array([relative**-p for p in powers]), np.eye(len(orders))[0])
    return weights / weights.sum()
