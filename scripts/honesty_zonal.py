"""Is every error that `zonal_spectrum` states at least as large as the true one?  Random kernels in closed form.

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

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import kernels  # noqa: E402


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
        word, ratio = kernels.outcome(known, form, dim, degrees, rtol)
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
