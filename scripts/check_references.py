"""Compare every eigenvalue of tests/reference with what the package returns.

    python scripts/check_references.py [--ring float|ball] [one_sphere] [patches] [boolean] [hypercube] [trees]

In floats (the default): checks that no true error exceeds the stated one, that structural zeros are exact, and the
accuracy that is promised: relative error 1e-12 on one sphere (1e-10 beyond degree 100), 1e-13 on one cube, 1e-11 on
trees with a total dimension of at least 16 under every node that joins several children.  In balls: checks that every
ball holds the reference, and is as narrow as asked: 25 digits on one sphere, one cube and Boolean trees, 12 digits on
two and three patches of dimension 3 and more up to degree 2 and 8 digits up to degree 4, 6 digits where a patch has
dimension 2, 12 digits on larger trees.  Exit status 1 where a case fails.
"""

import argparse
import json
import sys
import time
from functools import lru_cache
from math import log
from pathlib import Path

import mpmath
from flint import arb

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import eigenspace as es  # noqa: E402
from eigenspace._flint import precision  # noqa: E402
from networks import activation, tree  # noqa: E402

FILES = ("one_sphere", "patches", "boolean", "hypercube", "trees")


@lru_cache
def cases(name: str) -> list[dict]:
    """The cases of a reference file."""
    return json.loads((ROOT / "tests" / "reference" / f"{name}.json").read_text())["cases"]


def request(name: str, case: dict):
    """Network and degrees of a case."""
    if name == "one_sphere":
        return es.mlp(case["dim"], case["depth"], activation=activation(case["activation"])), case["degree"]
    if name == "hypercube":
        net = es.hypercube(case["bits"], case["depth"], activation=activation(case["activation"]))
        return net, dict.fromkeys(range(case["degree"]), 1)
    return es.network([tree(position) for position in case["positions"]]), tuple(case["degrees"])


def promised(name: str, case: dict) -> float:
    """The largest relative error that the package may state for a case."""
    if name == "one_sphere":
        return 1e-12 if case["degree"] <= 100 else 1e-10
    if name == "hypercube":
        return 1e-13
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


def asked(name: str, case: dict) -> float:
    """The relative error to ask of a ball."""
    if name in ("one_sphere", "hypercube"):
        return 1e-25
    dims = [dim for position in case["positions"] for dim in leaf_dims(position)]
    if name == "boolean":
        return 1e-25
    if len(dims) > 3:
        return 1e-12
    if min(dims) <= 2:
        return 1e-6
    return 1e-12 if sum(case["degrees"]) <= 2 else 1e-8


def leaf_dims(description: dict) -> list[int]:
    """Dimensions of the leaves."""
    if "leaf" in description:
        return [description["leaf"]]
    return [dim for child in description["node"] for dim in leaf_dims(child)]


def compare_ball(name: str, case: dict) -> str:
    """What is wrong with the ball of a case, or nothing."""
    net, degrees = request(name, case)
    told, start = f"{name}: {net.call} {case['kernel']} {degrees}: ", time.perf_counter()
    try:
        ev = es.eigenvalue(net, degrees, case["kernel"], ring=es.ball(64), rtol=asked(name, case))
    except es.ConvergenceError as problem:
        return f"{told}{problem} (after {time.perf_counter() - start:.0f} s)"
    if (seconds := time.perf_counter() - start) > 60:
        return f"{told}took {seconds:.0f} s"
    with precision(400):
        reference = arb(case["value"])
        if reference.is_zero():
            return "" if ev.value.is_zero() and ev.bound == "exact" else f"{told}{ev}"
        slack = abs(reference) * arb(10) ** (1 - case.get("digits", 40))
        if not (ev.value + arb(0, 1) * slack).contains(reference.mid()):
            return f"{told}the ball {ev.value} does not hold the reference {case['value']}"
        if not (ev.value.rad() <= abs(ev.value.mid()) * arb(ev.error) * (1 + arb(2) ** -40)):
            return f"{told}the stated error {ev.error:.2e} is smaller than the ball"
    return ""


def main() -> int:
    """Run the comparison and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=(*FILES, "all"), default="all")
    parser.add_argument("--ring", choices=("float", "ball"), default="float")
    options, failed = parser.parse_args(), 0
    check = compare if options.ring == "float" else compare_ball
    for name in FILES if "all" in options.names else options.names:
        start = time.perf_counter()
        messages = [message for case in cases(name) if (message := check(name, case))]
        seconds = time.perf_counter() - start
        print(f"{name}: {len(cases(name))} cases, {len(messages)} failures, {seconds:.0f} s", flush=True)
        print("\n".join(messages), flush=True)
        failed += len(messages)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
