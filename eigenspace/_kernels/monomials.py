"""Loops over truncated power series in several variables.

Monomials are numbered by ascending total degree; each is a smaller one times its *last* variable, the one of the
largest number that it holds, and `step` leads from a monomial to its product with any variable.  A product of series
walks over the monomials of one factor and carries along, for each, the places of its products with the monomials of
the other: one look-up for each pair.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def number_monomials(variables, degree, starts):
    """Parent, last variable and its exponent of every monomial up to a degree, and ``step[variable, monomial]``."""
    size = starts[degree + 1]
    parent = np.zeros(size, dtype=np.int64)
    last = np.zeros(size, dtype=np.int64)
    run = np.zeros(size, dtype=np.int64)
    step = np.zeros((variables, starts[degree]), dtype=np.int64)
    index = 1
    for d in range(degree):
        for i in range(starts[d], starts[d + 1]):
            for u in range(last[i], variables):
                parent[index] = i
                last[index] = u
                run[index] = run[i] + 1 if i > 0 and last[i] == u else 1
                step[u, i] = index
                index += 1
        for i in range(starts[d], starts[d + 1]):
            for u in range(last[i]):
                step[u, i] = step[last[i], step[u, parent[i]]]
    return parent, last, run, step


@njit(cache=True)
def embed(parent, last, places, step):
    """The numbers of monomials in other variables: variable ``u`` goes to ``places[u]``."""
    found = np.zeros(parent.size, dtype=np.int64)
    for i in range(1, parent.size):
        found[i] = step[places[last[i]], found[parent[i]]]
    return found


@njit(cache=True)
def product(a, b, low_a, high_a, low_b, degree, starts, step, out):
    """Add to ``out`` the product of two series, cut after a total degree.

    Only degrees from ``low_a`` to ``high_a`` of ``a``, and from ``low_b`` of ``b``, are looked at.
    """
    variables = step.shape[0]
    deepest = min(high_a, degree - low_b)
    if deepest < 0:
        return
    places = np.empty((deepest + 1, starts[degree + 1]), dtype=np.int64)
    node = np.zeros(deepest + 1, dtype=np.int64)
    branch = np.zeros(deepest + 1, dtype=np.int64)
    for j in range(starts[degree + 1]):
        places[0, j] = j
    if low_a == 0 and a[0] != 0.0:
        for j in range(starts[low_b], starts[degree + 1]):
            out[j] += a[0] * b[j]
    depth = 0
    while depth >= 0:
        if depth == deepest or branch[depth] == variables:
            depth -= 1
            continue
        u = branch[depth]
        branch[depth] += 1
        i = step[u, node[depth]]
        depth += 1
        node[depth] = i
        branch[depth] = u
        value = a[i]
        begin, end = starts[low_b], starts[degree - depth + 1]
        if depth >= low_a and value != 0.0:
            for j in range(begin, end):
                place = step[u, places[depth - 1, j]]
                places[depth, j] = place
                out[place] += value * b[j]
        elif depth < deepest:
            for j in range(begin, end):
                places[depth, j] = step[u, places[depth - 1, j]]


@njit(cache=True)
def least_product(a, b, degree, starts, step, out):
    """The product over (min, +): exponents of series whose coefficients are powers of one large number."""
    variables = step.shape[0]
    places = np.empty((degree + 1, starts[degree + 1]), dtype=np.int64)
    node = np.zeros(degree + 1, dtype=np.int64)
    branch = np.zeros(degree + 1, dtype=np.int64)
    for j in range(starts[degree + 1]):
        places[0, j] = j
        out[j] = min(out[j], a[0] + b[j])
    depth = 0
    while depth >= 0:
        if depth == degree or branch[depth] == variables:
            depth -= 1
            continue
        u = branch[depth]
        branch[depth] += 1
        i = step[u, node[depth]]
        depth += 1
        node[depth] = i
        branch[depth] = u
        for j in range(starts[degree - depth + 1]):
            place = step[u, places[depth - 1, j]]
            places[depth, j] = place
            out[place] = min(out[place], a[i] + b[j])


@njit(cache=True)
def ray_product(a, b, degree, starts, step, out):
    """Add to ``out`` the product of two series whose coefficients are power series in one more variable."""
    variables, length = step.shape[0], a.shape[1]
    places = np.empty((degree + 1, starts[degree + 1]), dtype=np.int64)
    node = np.zeros(degree + 1, dtype=np.int64)
    branch = np.zeros(degree + 1, dtype=np.int64)
    for j in range(starts[degree + 1]):
        places[0, j] = j
        _add_product(a[0], b[j], length, out[j])
    depth = 0
    while depth >= 0:
        if depth == degree or branch[depth] == variables:
            depth -= 1
            continue
        u = branch[depth]
        branch[depth] += 1
        i = step[u, node[depth]]
        depth += 1
        node[depth] = i
        branch[depth] = u
        for j in range(starts[degree - depth + 1]):
            place = step[u, places[depth - 1, j]]
            places[depth, j] = place
            _add_product(a[i], b[j], length, out[place])


@njit(cache=True)
def _add_product(a, b, length, out):
    for m in range(length):
        if a[m] != 0.0:
            for n in range(length - m):
                out[m + n] += a[m] * b[n]


@njit(cache=True)
def even_sums(b, start, ratios, starts, parent, last, run, half, step):
    r"""Sums over the monomials :math:`r + 2 i`, one for each :math:`|i| \le` ``half``.

    ``start`` is the number of ``r``; a factor ``ratios[u, c]`` comes in as the exponent of variable ``u``
    rises from ``r + 2c - 2`` to ``r + 2c``.
    """
    size = starts[half + 1]
    sums = np.zeros(half + 1)
    place = np.empty(size, dtype=np.int64)
    weight = np.empty(size)
    place[0], weight[0] = start, 1.0
    sums[0] = b[start]
    for d in range(1, half + 1):
        for i in range(starts[d], starts[d + 1]):
            u = last[i]
            place[i] = step[u, step[u, place[parent[i]]]]
            weight[i] = weight[parent[i]] * ratios[u, run[i]]
            sums[d] += weight[i] * b[place[i]]
    return sums


@njit(cache=True)
def least_even(e, start, costs, starts, parent, last, half, step):
    """The least of ``e[r + 2 i]`` plus ``costs[u]`` for every step of two in variable ``u``, over ``|i| <= half``."""
    size = starts[half + 1]
    place = np.empty(size, dtype=np.int64)
    cost = np.empty(size)
    place[0], cost[0] = start, 0.0
    best = e[start]
    for i in range(1, size):
        u = last[i]
        place[i] = step[u, step[u, place[parent[i]]]]
        cost[i] = cost[parent[i]] + costs[u]
        best = min(best, cost[i] + e[place[i]])
    return best


@njit(cache=True)
def least_unions(a, b):
    """Least sums over all ways to split each set (a number in binary) in two, one part for each array."""
    out = np.full(a.size, np.inf)
    for whole in range(a.size):
        part = whole
        while True:
            out[whole] = min(out[whole], a[part] + b[whole ^ part])
            if part == 0:
                break
            part = (part - 1) & whole
    return out


@njit(cache=True)
def join_sets(total, second, tie):
    """Replace the cost of every set by the least sum over its partitions; ties by the least second cost."""
    for whole in range(1, total.size):
        # the first element stays on one side
        part = rest = whole & (whole - 1)
        while part:
            other = whole ^ part
            cost = total[part] + total[other]
            if cost < total[whole] - tie or (
                cost < total[whole] + tie and second[part] + second[other] < second[whole] - tie
            ):
                total[whole] = cost
                second[whole] = second[part] + second[other]
            part = (part - 1) & rest
