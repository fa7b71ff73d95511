"""Compare every eigenvalue of tests/reference with what the package returns.

    python scripts/check_references.py [one_sphere] [patches] [boolean] [trees]

Checks that no true error exceeds the stated one, that structural zeros are exact, and the accuracy that is promised:
relative error 1e-12 on one sphere (1e-10 beyond degree 100), 1e-11 on trees with a total dimension of at least 16
under every node that joins several children.  Exit status 1 where a case fails.
"""

import json
import sys
from functools import lru_cache
from math import log
from pathlib import Path

import mpmath

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import eigenspace as es  # noqa: E402
from networks import activation, tree  # noqa: E402

FILES = ("one_sphere", "patches", "boolean", "trees")


@lru_cache
def cases(name: str) -> list[dict]:
    """The cases of a reference file."""
    return json.loads((ROOT / "tests" / "reference" / f"{name}.json").read_text())["cases"]


def request(name: str, case: dict):
    """Network and degrees of a case."""
    if name == "one_sphere":
        return es.mlp(case["dim"], case["depth"], activation=activation(case["activation"])), case["degree"]
    return es.network([tree(position) for position in case["positions"]]), tuple(case["degrees"])


def promised(name: str, case: dict) -> float:
    """The largest relative error that the package may state for a case."""
    if name == "one_sphere":
        return 1e-12 if case["degree"] <= 100 else 1e-10
    return 1e-11 if all(dim >= 16 for position in case["positions"] for dim in joined_dims(position)) else 1.0


def joined_dims(description: dict) -> list[int]:
    """Total dimension under every node that joins several children."""
    if "leaf" in description:
        return []
    children = description["node"]
    own = [total_dim(description)] if len(children) > 1 else []
    return own + [dim for child in children for dim in joined_dims(child)]


def total_dim(description: dict) -> int:
    """Sum of the dimensions of the leaves."""
    return description["leaf"] if "leaf" in description else sum(map(total_dim, description["node"]))


def compare(name: str, case: dict) -> str:
    """What is wrong with a case, or nothing."""
    net, degrees = request(name, case)
    ev = es.eigenvalue(net, degrees, case["kernel"])
    told = f"{name}: {net.call} {case.get('name', '')} {case['kernel']} {degrees}: "
    with mpmath.workdps(60):
        reference = mpmath.mpf(case["value"])
        if reference == 0:
            return "" if (ev.value, ev.log10, ev.error, ev.bound) == (0.0, -mpmath.inf, 0.0, "exact") else f"{told}{ev}"
        if ev.value > 1e-290:
            error = abs(mpmath.mpf(ev.value) / reference - 1)
        else:  # only the logarithm is a float; allow its own rounding
            error = abs(mpmath.mpf(ev.log10) - mpmath.log10(reference)) * log(10)
            error = max(error - abs(ev.log10) * 5e-16, mpmath.mpf(0))
        slack = mpmath.mpf(10) ** (1 - case.get("digits", 40))
        if error > ev.error + slack:
            return f"{told}true error {float(error):.2e} above the stated {ev.error:.2e}"
        if ev.error > promised(name, case):
            return f"{told}stated error {ev.error:.2e} above the promised {promised(name, case):.0e}"
    return ""


def main(names) -> int:
    """Run the comparison and report."""
    failed = 0
    for name in names or FILES:
        messages = [message for case in cases(name) if (message := compare(name, case))]
        print(f"{name}: {len(cases(name))} cases, {len(messages)} failures")
        print("\n".join(messages))
        failed += len(messages)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
