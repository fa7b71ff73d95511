"""Precision is never global: threads at different precisions, and settings of the caller."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flint
import mpmath
import numpy as np
import pytest
from flint import arb

import eigenspace as es
from eigenspace import _ellipse, _gegenbauer, correlations, duals, zonal
from eigenspace._flint import precision

#: where a new interpreter finds the package and this file
PATHS = (Path(es.__file__).parents[1], Path(__file__).parent)
CACHED = (
    duals.power_series, duals._kept_matrix, _ellipse.ellipse, _ellipse.image, _gegenbauer.gauss_points,
    correlations.legendre, correlations._kept_leaf, correlations._sphere_points, zonal._kept_polynomials,
)  # fmt: skip


def bits_of(numbers):
    """Midpoints and radii of balls, or the bits of floats, in a form that compares exactly."""
    return [
        (*x.mid().man_exp(), *x.rad().man_exp()) if isinstance(x, arb) else float(x).hex() for x in numbers
    ]  # fmt: skip


def columns(table):
    return bits_of([*table.values(), *table.error, *table.log10()])


WORK = {
    "series": lambda: bits_of(duals.power_series((es.relu, es.relu), 40, 200).f),
    "more bits": lambda: bits_of(duals.power_series((es.relu, es.relu), 40, 900).f),
    "rule": lambda: bits_of(sum(correlations.legendre(60, 700), ())),
    "gauss": lambda: bits_of(sum(_gegenbauer.gauss_points(1000, 20, 500), ())),
    "one sphere": lambda: columns(es.spectrum(es.mlp(3, 2), degree=12)),
    "cube": lambda: columns(es.spectrum(es.mlp(1, 2, leaves=7), "nngp", degree=3)),
    "tree": lambda: columns(es.spectrum(es.cnn(4, (1, 2), 2, head="dense"), degree=3)),
    "rbf": lambda: columns(es.spectrum(es.mlp(10**6, 2, activation=es.rbf(0.3)), degree=20)),
    "kernel in flint": lambda: columns(es.zonal_spectrum(lambda t: (2 * t).exp(), 5, [0, 3, 30])),
    "kernel in mpmath": lambda: columns(es.zonal_spectrum(lambda t: mpmath.exp(t), 1000, [0, 3, 30])),
    "kernel in float64": lambda: columns(es.zonal_spectrum(lambda t: np.exp(np.asarray(t, dtype=float)), 5, [0, 3])),
}


def forget():
    for cached in CACHED:
        cached.cache_clear()


@pytest.fixture(autouse=True)
def settings():
    """Unusual settings of the caller, who finds them as they were."""
    before = flint.ctx.prec, flint.ctx.cap, mpmath.mp.prec
    flint.ctx.prec, flint.ctx.cap, mpmath.mp.dps = 71, 7, 21
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    forget()
    yield
    assert (flint.ctx.prec, flint.ctx.cap, mpmath.mp.dps) == (71, 7, 21)
    sys.setswitchinterval(switch)
    flint.ctx.prec, flint.ctx.cap, mpmath.mp.prec = before


def alone():
    found = {}
    for name, work in WORK.items():
        forget()
        found[name] = work()
        assert (flint.ctx.prec, flint.ctx.cap, mpmath.mp.dps) == (71, 7, 21), name
    forget()
    return found


def test_threads_give_what_one_thread_gives():
    expected = alone()
    with ThreadPoolExecutor(len(WORK)) as pool:
        found = {name: pool.submit(work) for name, work in WORK.items()}
    for name, future in found.items():
        assert future.result() == expected[name], name


def test_a_thread_with_blocks_of_its_own_is_undisturbed():
    """One that takes the lock of the package for its own flint, and mpmath freely while no mpmath kernel is at work."""
    expected = alone()
    with precision(333):
        third = bits_of([arb(1) / 3])
    with mpmath.workdps(21):
        root = mpmath.sqrt(2)
    stop, rounds = threading.Event(), []

    def own():
        while not stop.is_set():
            with precision(333):
                assert bits_of([arb(1) / 3]) == third
            assert mpmath.mp.dps == 21 and mpmath.sqrt(2) == root
            rounds.append(1)

    names = [name for name in WORK if "mpmath" not in name]
    with ThreadPoolExecutor(len(names) + 1) as pool:
        other = pool.submit(own)
        found = {name: pool.submit(WORK[name]) for name in names}
        try:
            for name, future in found.items():
                assert future.result() == expected[name], name
        finally:
            stop.set()
        other.result()
    assert len(rounds) > 10


def test_balls_stay_true_when_another_thread_changes_the_precision():
    """Without the lock nobody can keep the precision; wider balls then, but no wrong ones."""
    with precision(400):
        truth = arb.legendre_p_root(60, 3)
    stop = threading.Event()

    def meddle():
        while not stop.is_set():
            for bits in (30, 71, 600):
                flint.ctx.prec = bits

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        for _ in range(20):
            forget()
            angles, _ = correlations.legendre(60, 200)
            roots = [1 - 2 * angle / arb.pi() for angle in angles]
            assert roots[3].overlaps(truth)
    finally:
        stop.set()
        meddler.join()
        flint.ctx.prec = 71
        forget()


def test_what_another_thread_has_set_is_left_alone():
    with precision(200):
        flint.ctx.prec = 500
    assert flint.ctx.prec == 500
    flint.ctx.prec = 71


def test_nested_blocks_and_errors_restore():
    with precision(200, 5):
        with precision(300, 9):
            assert (flint.ctx.prec, flint.ctx.cap) == (300, 9)
        assert (flint.ctx.prec, flint.ctx.cap) == (200, 5)
    for fails in (
        lambda: es.zonal_spectrum(lambda t: mpmath.mpf("nan") * t, 3, [0]),
        lambda: es.zonal_spectrum(lambda t: 1 / (t - t), 3, [0]),
        lambda: es.zonal_spectrum(lambda t: abs(t), 3, [0]),
    ):
        with pytest.raises((ValueError, TypeError, es.EigenspaceError, ZeroDivisionError)):
            fails()
        assert (flint.ctx.prec, flint.ctx.cap, mpmath.mp.dps) == (71, 7, 21)


CODE = """
import flint, mpmath
flint.ctx.prec = mpmath.mp.prec = {bits}
from test_threads import WORK
for name, work in WORK.items():
    print(name, work())
assert flint.ctx.prec == mpmath.mp.prec == {bits}
"""


def test_results_do_not_depend_on_the_precision_before():
    """No arithmetic outside a block: with 2 bits or 900 outside, every result is the same, bit for bit."""
    found = []
    for bits in (2, 900):
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(bits=bits)],
            capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, PATHS))},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(done.stdout)
    assert found[0] == found[1] and len(found[0]) > 1000
