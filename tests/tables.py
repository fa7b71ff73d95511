"""Small tables for the tests of the displays: real shapes, made-up numbers, every kind of entry."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from eigenspace.rings import FLOAT, FloatColumn
from eigenspace.table import EigenTable, Provenance

PROVENANCE = Provenance(
    call='spectrum(cnn(12, (1, 4), 4, head="dense"), "ntk", degree=4)',
    network="cnn(12, filters=(1, 4), positions=4, head='dense'), relu, d = 192",
    kernel="ntk",
    ring="float",
    method="moment recursion over classes",
    order="64",
    citations=("Xiao2022", "Jacot2018"),
    version="0.1.0",
)

# pattern, degree, multiplicity, value, S, F, relative error, index into BOUNDS
CLASSES = [
    ("0", 0, 1, 1.2345678, Fraction(0), Fraction(0), 3e-15, 2),
    ("1", 1, 192, 3.0e-3, Fraction(1, 2), Fraction(1, 2), 2e-15, 2),
    ("2", 2, 16 * 77, 4.4e-5, Fraction(1, 2), Fraction(1), 2e-15, 2),
    ("1 1", 2, 24 * 144, 2.25e-5, Fraction(1), Fraction(1), 2e-15, 2),
    ("1 / 1", 2, 96 * 144, 1.0e-5, Fraction(3, 2), Fraction(1), 4e-15, 2),
    ("3", 3, 16 * 352, 0.0, math.inf, math.inf, 0.0, 0),
    ("2 1", 3, 48 * 12 * 77, 3.1e-7, Fraction(1), Fraction(3, 2), 2e-3, 3),
    ("2 / 1 1", 4, 10**40 + 1, 1e-60, Fraction(3, 2), Fraction(2), 5e-14, 2),
    ("1 1 1 1", 4, 7 * 10**9, 1e-14, 1.7312, 2.0, 0.7, 3),
]


def column(numbers) -> FloatColumn:
    mantissa, exponent = np.frexp(np.array(numbers, dtype=float))
    return FloatColumn(mantissa, exponent.astype(np.int64))


def example(classes=CLASSES, **changes) -> EigenTable:
    pattern, degree, multiplicity, value, space, frequency, error, bound = map(list, zip(*classes))
    values = column(value) if isinstance(value[0], float) else FloatColumn(*map(np.array, zip(*value)))
    leaves = [tuple(int(k) for k in "".join(c if c.isdigit() else " " for c in text).split()) for text in pattern]
    columns = {
        "values": values,
        "error": error,
        "bound": bound,
        "multiplicity": multiplicity,
        "total_degree": degree,
        "space": space,
        "frequency": frequency,
        "learning_index": [s + f for s, f in zip(space, frequency)],
        "patterns": pattern,
        "degrees": [row + (0,) * (16 - len(row)) for row in leaves],
        "trace": 4.0,
        "provenance": PROVENANCE,
        "kernel": "ntk",
        "notes": ("Odd degrees from 3 on of one leaf are exactly 0: relu has no such Hermite coefficients.",),
    }
    return EigenTable(**columns | changes)


def tiny(exponents=(-20000, -1100, -1, 3)) -> EigenTable:
    """Powers of two far below the range of a float, with multiplicities that bring their shares back."""
    classes = [
        ("2", 2, 2 ** max(1, -e - 3), (0.5, e + 1), Fraction(1), Fraction(i), 1e-15, 2) for i, e in enumerate(exponents)
    ]
    return example(classes, notes=())


def spectrum_table(log2, multiplicity, rest=0.0, error=None) -> EigenTable:
    """A table without a network: classes 0, 1, 2, … on one leaf, from binary logarithms of eigenvalues."""
    log2 = np.asarray(log2, dtype=float)
    exponent = np.floor(log2).astype(np.int64) + 1
    mantissa = 2.0 ** (log2 - exponent)
    count = len(log2)
    weights = (math.ldexp(m, int(e) + n.bit_length() - 60) * (n / 2 ** (n.bit_length() - 60))
               for m, e, n in zip(mantissa, exponent, multiplicity))  # fmt: skip
    return example(
        CLASSES[:1], values=FloatColumn(mantissa, exponent), multiplicity=multiplicity, trace=math.fsum(weights) + rest,
        error=np.zeros(count) if error is None else error, bound=[2] * count, total_degree=range(count),
        space=[0] * count, frequency=range(count), learning_index=range(count), notes=(),
        patterns=[str(i) for i in range(count)], degrees=[(i,) for i in range(count)],
        provenance=replace(PROVENANCE, call="made by hand"),
    )  # fmt: skip


__all__ = ["CLASSES", "FLOAT", "PROVENANCE", "column", "example", "spectrum_table", "tiny"]
