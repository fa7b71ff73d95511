"""Compare leading orders with eigenvalues of the float ring, from d = 10^2 to 10^9.

    python scripts/check_leading_orders.py

For each network and class, the ratio of the eigenvalue to ``C d^-L`` for growing ``d``, and what is left of it beside
the predicted correction: ``(ratio - 1) d^delta`` has to tend to ``c``.  Exit status 1 where it does not.
"""

import sys
from fractions import Fraction
from math import expm1, log

import eigenspace as es

FIXED = {"dim": 1, "filters": 0, "positions": 0}
SIZES = (10**2, 10**3, 10**5, 10**7, 10**9)
ROOTS = (10, 100, 1000, 31623)
RBF = es.rbf(0.25)


def ragged(d):
    """Leaves of three dimensions at two depths; every fan-in is 2."""
    inner = es.node([es.node([es.leaf(d)]), es.leaf(2 * d)])
    return es.network([es.node([inner, es.node([es.leaf(d), es.leaf(3 * d)])])])


def mixed(d):
    """Two activations, positions of different size, a dense head."""
    first = es.node([es.leaf(d), es.leaf(2 * d)], activation=es.rbf(0.5))
    return es.network([first, es.node([es.leaf(d)])], head="dense")


#: name, network by size, sizes, degrees, exponents
CASES = [
    *(("mlp(d, 2)", lambda d: es.mlp(d, 2), SIZES, {0: r}, None) for r in range(6)),
    *(("mlp(d, 1), rbf", lambda d: es.mlp(d, 1, activation=RBF), SIZES, {0: r}, None) for r in (1, 2, 5)),
    *(("cnn(d, (1, 2)) dense", lambda d: es.cnn(d, (1, 2), head="dense"), SIZES, {0: r}, FIXED) for r in range(1, 6)),
    *(("cnn(d, (1, 2, 2)) dense", lambda d: es.cnn(d, (1, 2, 2), head="dense"), SIZES, degrees, FIXED)
      for degrees in ({0: 1, 1: 1}, {0: 2, 2: 1}, {0: 3, 3: 3})),
    *(("cnn(d, (3,), 2) flatten", lambda d: es.cnn(d, (3,), 2), SIZES, degrees, FIXED)
      for degrees in ({0: 1, 1: 1}, {0: 3, 1: 1})),
    *(("ragged", ragged, SIZES, degrees, FIXED) for degrees in ({0: 1, 1: 1}, {0: 2, 3: 1})),
    *(("mixed", mixed, SIZES, degrees, FIXED) for degrees in ({0: 2}, {0: 3, 1: 1}, {0: 1, 2: 1})),
    *(("cnn(p, (1,), p) dense", lambda p: es.cnn(p, (1,), p, head="dense"), ROOTS, {0: r}, None) for r in range(1, 6)),
    *(("cnn(p, (1,), p) dense", lambda p: es.cnn(p, (1,), p, head="dense"), ROOTS, degrees, None)
      for degrees in ({0: 1, 1: 1}, {0: 3, 1: 1})),
    ("cnn(p, (1,), p) dense, rbf", lambda p: es.cnn(p, (1,), p, head="dense", activation=RBF), ROOTS, {0: 2, 1: 1},
     None),
    ("cnn(p, (2,), p) flatten", lambda p: es.cnn(p, (2,), p), ROOTS, {0: 1, 1: 1},
     {"dim": Fraction(1, 2), "filters": 0, "positions": Fraction(1, 2)}),
    ("mlp(p, 2, leaves=p)", lambda p: es.mlp(p, 2, leaves=p), ROOTS[:3], {0: 3, 1: 1}, None),
    ("mlp(1, 2, leaves=d)", lambda d: es.mlp(1, 2, leaves=d), ROOTS[:3], {0: 1, 1: 1, 2: 1}, None),
]  # fmt: skip


def main() -> int:
    """Print the table and report."""
    failed = 0
    for name, make, sizes, degrees, exponents in CASES:
        for kernel in ("nngp", "ntk"):
            ratios, scaled = [], []
            for size in sizes:
                net = make(size)
                order = es.leading_order(net, degrees, kernel, exponents=exponents)
                value = es.eigenvalue(net, degrees, kernel)
                gap = expm1((value.log10 - order.log10) * log(10))
                ratios.append(f"{1 + gap:.9f}")
                # beyond its own rounding, the gap is the correction
                seen = abs(gap) > 1e3 * (value.error + 1e-15 * abs(value.log10))
                scaled.append(gap * net.dim ** float(order.correction_exponent) if seen else None)
            seen = [x for x in scaled if x is not None]
            errors = [abs(x - order.correction) for x in seen]
            tolerance = 0.02 * abs(order.correction) + 1e-3
            good = errors[-1] <= tolerance and errors[-1] <= errors[0]
            failed += not good
            print(f"{name:28} {kernel:4} {str(degrees):16} C = {order.constant:<12.6g} L = {str(order.exponent):4} "
                  f"c = {order.correction:<10.5g} delta = {order.correction_exponent}")  # fmt: skip
            print("    ratio   ", *ratios)
            print("    c so far", *("-" if x is None else f"{x:.6g}" for x in scaled), "" if good else "   FAILED")
    print(f"{2 * len(CASES)} cases, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
