"""Eigenvalues of fully connected networks on Boolean cubes of up to 10^4 bits, by direct sums in arb balls.

The mean correlation of two corners that differ in m of w bits is t = 1 - 2 m / w, so that the eigenvalue of every
product of l different bits is the finite sum (Yang and Salman 2019, arXiv 1907.10599)

    lambda_l = 2^-w sum_m C(w, m) K(1 - 2 m / w) kappa_l(m) / C(w, l),
    (l + 1) kappa_{l+1}(m) = (w - 2 m) kappa_l(m) - (w - l + 1) kappa_{l-1}(m),   kappa_0 = 1,  kappa_1 = w - 2 m.

The Krawtchouk polynomials kappa_l are exact integers; the sum cancels down to the eigenvalue, at most 1 / C(w, l), so
it runs with many more bits than are stored.  The arb radius is a proved bound: every stored digit is proved.

Command:  python scripts/reference/hypercube.py      (writes tests/reference/hypercube.json; a few minutes)
"""

from __future__ import annotations

import time
from math import comb

from flint import arb, ctx, fmpz

import _common as common

STORED = 30
#: bits of the cube and degrees
CUBES = {
    2: (0, 1, 2),
    100: (0, 1, 2, 3, 10, 49, 50, 99, 100),
    257: (0, 1, 2, 5, 60, 128, 257),
    1000: (0, 1, 2, 3, 4, 7, 20, 21, 100, 199, 250, 400),
    4096: (0, 1, 2, 3, 8, 64, 151),
    10000: (0, 1, 2, 3, 4, 5, 10, 25, 50, 99, 100, 150, 199, 200, 220),
}
#: all degrees, for the sum rule
ALL = (2, 100)
NETWORKS = ((1, "relu"), (2, "relu"), (3, "relu"), (2, "rbf(0.25)"))


def krawtchouk(bits: int, degrees) -> dict[int, list[fmpz]]:
    """kappa_l(m) for m = 0, ..., bits, for the given degrees l."""
    before, current = [fmpz(0)] * (bits + 1), [fmpz(1)] * (bits + 1)
    found = {}
    for degree in range(max(degrees) + 1):
        if degree in degrees:
            found[degree] = current
        after = [
            ((bits - 2 * m) * x - (bits - degree + 1) * y) / (degree + 1)
            for m, (x, y) in enumerate(zip(current, before, strict=True))
        ]
        before, current = current, [fmpz(x) for x in after]
    return found


def kernel_values(bits: int, depth: int, activation: str) -> tuple[list[arb], list[arb]]:
    """NNGP and NTK at the mean correlations 1 - 2 m / bits."""
    values, tangents = [], []
    for m in range(bits + 1):
        value = total = arb(bits - 2 * m) / bits
        for _ in range(depth):
            value, slope = common.dual_pair(activation, value)
            total = value + slope * total
        values.append(value)
        tangents.append(total)
    return values, tangents


def main() -> None:
    start, cases = time.time(), []
    for bits, chosen in CUBES.items():
        degrees = range(bits + 1) if bits in ALL else chosen
        # an analytic kernel has eigenvalues down to about (l / bits)**l times its l-th coefficient
        ctx.prec = 300 + (bits.bit_length() + 1) * max(degrees)
        polynomials = krawtchouk(bits, degrees)
        counts, binomials = [], fmpz(1)
        for m in range(bits + 1):
            counts.append(binomials)
            binomials = binomials * (bits - m) / (m + 1)
            binomials = fmpz(binomials)
        masses = [arb(c) / (fmpz(2) ** bits) for c in counts]
        for depth, activation in NETWORKS:
            for kernel, values in zip(("nngp", "ntk"), kernel_values(bits, depth, activation), strict=True):
                weighted = [mass * value for mass, value in zip(masses, values, strict=True)]
                spectrum = {
                    degree: sum((x * y for x, y in zip(weighted, row, strict=True)), arb(0)) / comb(bits, degree)
                    for degree, row in polynomials.items()
                }
                if bits in ALL:
                    trace = sum((comb(bits, degree) * value for degree, value in spectrum.items()), arb(0))
                    assert abs(trace - values[0]).upper() < arb(10) ** -60
                for degree in chosen:
                    value = spectrum[degree]
                    zero = value.contains(0)
                    # a single rectified layer has no odd powers beyond the first
                    odd = activation == "relu" and depth == 1 and degree % 2 and degree > 1
                    assert zero == bool(odd), (bits, depth, activation, kernel, degree, value)
                    assert zero or value.rel_accuracy_bits() > 3.4 * (STORED + 2)
                    cases.append(
                        {
                            "bits": bits,
                            "depth": depth,
                            "activation": activation,
                            "kernel": kernel,
                            "degree": degree,
                            "value": "0" if zero else common.text(value, STORED),
                            "digits": STORED,
                        }
                    )
            print(f"{bits} bits, depth {depth}, {activation}: {time.time() - start:.0f} s", flush=True)
    checks = [
        "finite sums in balls with exact Krawtchouk integers: every stored digit is proved",
        f"{', '.join(map(str, ALL))} bits: all eigenvalues with their multiplicities add up to K(1), to 1e-60",
    ]
    description = (
        "Eigenvalues of mlp(1, depth, leaves=bits) for products of 'degree' different bits; bias-free,"
        " K(1) = 1 (nngp); the value 0 is exact."
    )
    path = common.write("hypercube.json", "hypercube.py", STORED, description, checks, cases)
    print(f"{len(cases)} cases -> {path}, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
