"""Shared by the reference scripts: dual kernels in ball arithmetic, decimal strings, the JSON file.

The numbers come from ``python-flint`` balls (``flint.arb``: a midpoint and a radius that encloses every
rounding error) and ``mpmath``; nothing here uses the package under test.

The duals of one layer, at correlation ``t = cos th``, normalised to 1 at ``t = 1`` (Cho and Saul 2009,
arXiv 1112.3712; Daniely, Frostig and Singer 2016, arXiv 1602.05897):

    relu        phi*(t) = kappa1(t) = (sin th + (pi - th) cos th) / pi,   phi*'(t) = kappa0(t) = 1 - th/pi
    rbf(gamma)  phi*(t) = exp(2 gamma (t - 1)),                           phi*'(t) = 2 gamma phi*(t)
"""

from __future__ import annotations

import json
import platform
from pathlib import Path

import flint
import mpmath
from flint import arb

OUT = Path(__file__).resolve().parents[2] / "tests" / "reference"


def relu_pair(t: arb) -> tuple[arb, arb]:
    """(phi*(t), phi*'(t)) of the bias-free ReLU, for a ball ``t`` with midpoint strictly inside (-1, 1)."""
    theta = t.acos()
    kappa0 = 1 - theta / arb.pi()
    return (1 - t * t).sqrt() / arb.pi() + kappa0 * t, kappa0


def relu_pair_angle(cos: arb, sin: arb, theta: arb) -> tuple[arb, arb]:
    """The same from ``cos(theta)``, ``sin(theta)`` and ``theta``, all accurate at the ends of [0, pi]."""
    kappa0 = 1 - theta / arb.pi()
    return sin / arb.pi() + kappa0 * cos, kappa0


def rbf_pair(t: arb, gamma: arb) -> tuple[arb, arb]:
    """(phi*(t), phi*'(t)) of sqrt(2) sin(sqrt(2 gamma) z + pi/4): the kernel exp(-gamma |x-y|^2)."""
    value = (2 * gamma * (t - 1)).exp()
    return value, 2 * gamma * value


def dual_pair(activation: str, t: arb) -> tuple[arb, arb]:
    """Dispatch on "relu" or "rbf(<gamma>)"; ``t`` may be exactly 1 or -1."""
    if activation == "relu":
        if t == 1:
            return arb(1), arb(1)
        if t == -1:
            return arb(0), arb(0)
        return relu_pair(t)
    return rbf_pair(t, arb(activation[len("rbf(") : -1]))


def relative_digits(a: arb, b: arb) -> float:
    """Digits to which two balls agree, their radii counted against them."""
    difference = abs(a - b).upper()
    size = max(abs(a.mid()), abs(b.mid()))
    if size == 0:
        return 0.0
    ratio = arb(difference) / size
    if ratio == 0:
        return 1e9
    return float(-(ratio.upper().log() / arb(10).log()).mid())


def text(x: arb, digits: int) -> str:
    """Decimal string of the midpoint, rounded to ``digits`` significant digits."""
    mantissa, exponent = (int(v) for v in x.mid().man_exp())
    with mpmath.workdps(digits + 30):
        return mpmath.nstr(
            mpmath.ldexp(mpmath.mpf(mantissa), exponent), digits, strip_zeros=False, min_fixed=1, max_fixed=0
        )


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "python-flint": flint.__version__,
        "flint": flint.__FLINT_VERSION__,
        "mpmath": mpmath.__version__,
    }


def write(
    name: str, script: str, digits: int, description: str, checks: list[str], cases: list[dict]
) -> Path:
    """Write ``tests/reference/<name>`` with one case per line."""
    header = {
        "tool": "python-flint (arb balls)",
        "versions": versions(),
        "command": f"python scripts/reference/{script}",
        "digits": digits,
        "description": description,
        "checks": checks,
    }
    OUT.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(case, separators=(", ", ": ")) for case in cases]
    body = json.dumps(header, indent=1)[:-2] + ',\n "cases": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    path = OUT / name
    path.write_text(body)
    assert json.loads(body)["cases"] == cases
    return path
