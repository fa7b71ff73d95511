"""Is every error that `zonal_spectrum` states at least as large as the true one?  Random kernels with known eigenvalues.

    python scripts/honesty_zonal.py [--cases 300] [--seed 1] [--verbose]

Kernels of ``tests/kernels.py`` (exponentials, polynomials, kernels of potential theory, arc-cosine kernels, jumps and
kinks), as mpmath and as float64 functions, in dimensions from 1 to 10^6, with random degrees and tolerances.  Prints
one line per wrong case and a summary.  Exit status 1 where a stated error is smaller than the true one, where a
negative or positive eigenvalue is taken for the other, or where a smooth kernel in mpmath is refused.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

import mpmath
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import eigenspace as es  # noqa: E402
import kernels  # noqa: E402


def outcome(known, form, dim, degrees, rtol) -> tuple[str, float]:
    """What became of a case, in a word, and the largest ratio of a true error to the stated one."""
    function = kernels.at_dim(known, form, dim)
    given = function if form == "exact" else lambda t: function(np.asarray(t, dtype=float))
    with mpmath.workdps(kernels.DIGITS), np.errstate(under="ignore"):
        truth = [known.eigenvalue(dim, k) for k in degrees]
    try:
        table = es.zonal_spectrum(given, dim, degrees, rtol=rtol)
    except es.ConvergenceError:
        # in high dimension, the potentials live far from where the sphere does
        steep = known.name.startswith(("Poisson", "Newton")) and dim > 100
        return ("WRONG: smooth kernel refused" if known.smooth and form == "exact" and not steep else "refused"), 0.0
    except ValueError as error:
        assert "positive" in str(error), error
        negative = min(truth) < 0 or function(mpmath.mpf(1) if form == "exact" else 1.0) <= 0
        return ("negative" if negative else "WRONG: positive eigenvalue taken for negative"), 0.0
    worst = 0.0
    with mpmath.workdps(kernels.DIGITS):
        for i, value in enumerate(truth):
            found = kernels.stated(table.column, i)
            room = found * mpmath.mpf(float(table.error[i]))
            gap = abs(found - value)
            worst = max(worst, float(gap / room) if room else (0.0 if gap == 0 else float("inf")))
    lost = any(table.error > 1)
    if any(table.error[~(table.error > 1)] > rtol):
        return "WRONG: rtol missed without a word", worst
    return ("WRONG: error larger than stated" if worst > 1 else "zero within error" if lost else "found"), worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts, worst, slowest = Counter(), 0.0, (0.0, "")
    for number in range(options.cases):
        known, form, dim, degrees, rtol = kernels.case(rng)
        start = time.perf_counter()
        word, ratio = outcome(known, form, dim, degrees, rtol)
        seconds = time.perf_counter() - start
        line = f"{number}: {known.name} ({form}), dim {dim}, degrees {degrees}, rtol {rtol}: {word}, ratio {ratio:.2g}"
        if options.verbose or word.startswith("WRONG"):
            print(f"{line}, {seconds:.1f} s", flush=True)
        counts[word, known.smooth] += 1
        worst, slowest = max(worst, ratio), max(slowest, (seconds, line))
    for (word, smooth), count in sorted(counts.items()):
        print(f"{count:5d} {'smooth' if smooth else 'rough '} {word}")
    print(f"largest true error over the stated one: {worst:.3g}; slowest case {slowest[0]:.1f} s ({slowest[1]})")
    return any(word.startswith("WRONG") for word, _ in counts)


if __name__ == "__main__":
    sys.exit(main())
