r"""The effective ridge :math:`\kappa` of kernel regression with ``n`` samples and ridge :math:`\delta`.

.. math:: n = \sum_i \frac{\lambda_i}{\lambda_i + \kappa} + \frac{\delta}{\kappa}

[Simon2023; Jacot2020; Canatar2021]. The right-hand side falls from infinity (or the number of eigenfunctions) to zero,
so :math:`\kappa` is unique. It is found in two steps: eigenvalues sorted into cells of one factor
:math:`\sqrt2` bracket :math:`\log_2\kappa` to a width of 1; Newton's method in :math:`\log\kappa`, kept inside the
bracket, does the rest. No number in between leaves the range of a float: eigenvalues are taken relative
to a power of two near :math:`\kappa`, multiplicities relative to one near ``n``.

Many eigenvalues in one octave :math:`[2^{p-1}, 2^p)` are replaced by a few. As a function of
:math:`x = \ln \lambda`, ``L`` is analytic up to the distance :math:`\pi` from the real axis (so are
:math:`L^2` and ``L (1 - L)``), and interpolation in ``K`` Chebyshev points of an octave has an error of the order
:math:`\rho^{-K}`, :math:`\rho = 18.2` [Trefethen2008]. So the sum over the octave is a sum over its ``K`` points, each
with the weight that its Lagrange polynomial collects from the eigenvalues: with ``K = 14``, to all digits of a float.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .spectra import Spectrum

#: width of a cell in powers of two, and how many entries of cells times samples are held at once
_CELL, _HELD = 0.5, 1 << 20
#: range of powers of two that samples of one block may span
_BLOCK = 100
#: eigenvalues this many powers of two above the reference count as learned completely
_FAR = 400
_STEPS = 80
#: Chebyshev points of an octave, and the number of eigenvalues in one from which they take their place
_POINTS, _MANY = 14, 40


@dataclass(frozen=True, eq=False)
class Effective:
    r"""For every number of samples: ``log2`` of :math:`\kappa` (``-inf`` where everything is learned and nothing acts
    as ridge); ``learned`` :math:`= \sum L`; ``squares`` :math:`= \sum L^2`; ``spread``
    :math:`= n - \sum L^2 = \sum L (1 - L) + \delta/\kappa`; and ``ridge_share`` :math:`= \delta / (n\kappa)` of the
    ``part`` of the ridge that was asked for.
    """

    log2: np.ndarray
    learned: np.ndarray
    squares: np.ndarray
    spread: np.ndarray
    ridge_share: np.ndarray

    def learnability(self, log2: np.ndarray) -> np.ndarray:
        r""":math:`L = \lambda/(\lambda+\kappa)` of eigenvalues given by their binary logarithms: (samples, values)."""
        gap = self._gap(log2)
        return np.where(gap == np.inf, 0.0, 1 / (1 + 2.0 ** np.clip(gap, -1074, 1023)))

    def missed(self, log2: np.ndarray) -> np.ndarray:
        r""":math:`1 - L = \kappa/(\lambda+\kappa)`, without cancellation."""
        return 1 / (1 + 2.0 ** np.clip(-self._gap(log2), -1074, 1023))

    def _gap(self, log2: np.ndarray) -> np.ndarray:
        r""":math:`\log_2(\kappa/\lambda)`; the eigenvalue zero is never learned, not even where :math:`\kappa = 0`."""
        zero = np.isneginf(log2)
        return np.where(zero, np.inf, self.log2[:, None] - np.where(zero, 0.0, log2))


def effective(
    spectrum: Spectrum, samples: np.ndarray, ridge: float, part: float | None = None, block=None
) -> Effective:
    r"""Solve for :math:`\kappa`, for every number of samples.

    ``ridge``: :math:`\delta`, with whatever acts as ridge. ``part``: the part of it that is truly one (for the training
    error; all of it by default). ``block``: a pair (sum, size), one more group of eigenvalues of that size with that
    sum. Cost: a few passes over the eigenvalues, and for each number of samples five over at most 40 per octave.

    >>> import eigenspace as es
    >>> spectrum = Spectrum.of(es.spectrum(es.mlp(10, 2), degree=4))
    >>> found = effective(spectrum, np.array([10.0, 1e3]), spectrum.rest)
    >>> found.log2.round(3)
    array([ -2.291, -10.885])
    """
    rows = _Rows.of(spectrum, block if block and block[0] > 0 else None)
    few = rows.condensed()
    order = np.argsort(samples, kind="stable")
    out = np.empty((5, samples.size))
    full = np.array([ridge == 0 and n >= rows.total for n in samples.tolist()])
    open_ = order[~full[order]]
    if open_.size:
        low = rows.brackets(samples[open_], ridge)
        place = 0
        while place < open_.size:
            last = place + 1
            while (
                last < open_.size
                and abs(low[last] - low[place]) <= _BLOCK
                and math.log2(samples[open_[last]] / samples[open_[place]]) <= _BLOCK
            ):
                last += 1
            out[:, open_[place:last]] = few.solve(samples[open_[place:last]], low[place:last], ridge)
            place = last
    n, total = samples[full], float(rows.total) if full.any() else 0.0
    out[:, full] = [np.full(n.size, -np.inf), np.full(n.size, total), np.full(n.size, total), n - total, 1 - total / n]
    if part is not None and ridge > 0:
        out[4] *= part / ridge
    return Effective(*out)


def condensed(spectrum: Spectrum, q: int, n: float) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues over ``2**q``, full octaves condensed, and these times multiplicities over ``n``."""
    s = round(math.log2(n))
    t, w = _Rows.of(spectrum).condensed().relative(q, s)
    return t, w * (math.ldexp(1.0, s) / n)


def numbers(spectrum: Spectrum, log2: np.ndarray, ridge: float, block=None) -> np.ndarray:
    r"""``log10`` of the numbers of samples at which :math:`\kappa` has given values: ``n`` is explicit in it."""
    rows, out = _Rows.of(spectrum, block if block and block[0] > 0 else None).condensed(), np.empty(log2.size)
    whole = math.log2(spectrum.trace + ridge + (block[0] if block else 0.0))
    for i, x in enumerate(log2.tolist()):
        q, s = round(x), round(whole - x)
        t, w = rows.relative(q, s)
        k = 2.0 ** (x - q)
        found = float(np.sum(w / (t + k))) + (2.0 ** (math.log2(ridge) - q - s) / k if ridge > 0 else 0.0)
        out[i] = (math.log2(found) + s) * math.log10(2)
    return out


def squares(spectrum: Spectrum, log2: np.ndarray, samples: np.ndarray) -> np.ndarray:
    r""":math:`\sum L^2` at given :math:`\kappa`, one for each number of samples; infinite far beyond that number."""
    rows, out = _Rows.of(spectrum).condensed(), np.empty(samples.size)
    q = s = math.inf
    for i, (x, n) in enumerate(zip(log2.tolist(), samples.tolist())):
        if x == -np.inf:
            out[i] = float(rows.total) if rows.total < 10**300 else np.inf
            continue
        if abs(x - q) > _BLOCK or abs(math.log2(n) - s) > _BLOCK:
            q, s = round(x), round(math.log2(n))
            t, w = rows.relative(q, s)
        r = 1 / (t + 2.0 ** (x - q))
        found = float(np.sum(w * r * (t * r)))
        out[i] = math.ldexp(found, s) if found < 2.0**200 else np.inf
    return out


@dataclass(frozen=True, eq=False)
class _Rows:
    """Eigenvalues ``a * 2**p`` with multiplicities ``b * 2**c``, and the sum of these."""

    a: np.ndarray
    p: np.ndarray
    b: np.ndarray
    c: np.ndarray
    total: int | float

    @classmethod
    def of(cls, spectrum: Spectrum, block=None) -> "_Rows":
        """The eigenvalues of a spectrum, and of a block (sum, size)."""
        rows = spectrum.mantissa, spectrum.exponent, spectrum.count, spectrum.count_exponent
        if block is None:
            return cls(*rows, spectrum.total)
        (a, p), (b, c) = math.frexp(block[1]), math.frexp(block[0] / block[1])
        total = spectrum.total + block[0] / block[1] if spectrum.total < 10**300 else spectrum.total
        return cls(*(np.append(row, x) for row, x in zip(rows, (a, p, b, c))), total)

    def condensed(self) -> "_Rows":
        """Full octaves replaced by their Chebyshev points, with weights that may be negative."""
        a, shift = np.frexp(self.a)
        octave = self.p + shift
        order = np.argsort(octave, kind="stable")
        octaves, starts = np.unique(octave[order], return_index=True)
        groups = np.split(order, starts[1:])
        if all(group.size < _MANY for group in groups):
            return self
        angles = (np.arange(_POINTS) + 0.5) * math.pi / _POINTS
        powers = np.arange(_POINTS)
        weights = np.cos(np.outer(angles, powers)) * np.where(powers == 0, 1, 2) / _POINTS
        points = 2.0 ** ((np.cos(angles) - 1) / 2)
        parts = []
        for p, group in zip(octaves.tolist(), groups):
            if group.size < _MANY:
                parts.append((a[group], octave[group], self.b[group], self.c[group]))
                continue
            top = int(self.c[group].max())
            counts = np.ldexp(self.b[group], np.maximum(self.c[group] - top, -1000).astype(np.int32))
            moments = counts @ np.cos(np.outer(np.arccos(np.clip(2 * np.log2(a[group]) + 1, -1, 1)), powers))
            b, c = np.frexp(weights @ moments)
            parts.append((points, np.full(_POINTS, p), b, c + top))
        return _Rows(*map(np.concatenate, zip(*parts)), self.total)

    def brackets(self, samples: np.ndarray, ridge: float) -> np.ndarray:
        """Lower ends of brackets of width 1 of the binary logarithms of the roots."""
        log2 = np.log2(self.a) + self.p
        cell = np.floor(log2 / _CELL).astype(np.int64)
        cells, place = np.unique(cell, return_inverse=True)
        counts = np.full(cells.size, -np.inf)
        np.logaddexp2.at(counts, place, np.log2(self.b) + self.c)
        cells = cells * _CELL
        ridge = math.log2(ridge) if ridge > 0 else -np.inf
        wanted = np.log2(samples)
        # between the largest root that the ridge allows and the largest of all: everything in one eigenvalue
        everything = np.logaddexp2.reduce(np.append(counts + cells + _CELL, ridge))
        high = everything - wanted + 1
        low = ridge - wanted - 1
        if ridge == -np.inf:
            total = Fraction(self.total)
            short = [total / Fraction(n) - 1 for n in samples.tolist()]
            low = cells.min(initial=0) - 1 + np.array([_log2(x) for x in short])
        step = max(1, _HELD // max(1, cells.size))
        for start in range(0, samples.size, step):
            part = slice(start, start + step)
            while True:
                wide = high[part] - low[part] > _CELL
                if not wide.any():
                    break
                middle = (low[part] + high[part]) / 2
                gap = middle[:, None] - cells[None, :]
                terms = counts - np.maximum(gap, 0) - np.log1p(2.0 ** -np.abs(gap)) / math.log(2)
                found = np.logaddexp2(_log2_sum(terms), ridge - middle)
                above = found >= wanted[part]
                low[part] = np.where(above & wide, middle, low[part])
                high[part] = np.where(~above & wide, middle, high[part])
        return low

    def relative(self, q: int, s: int) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues over ``2**q``, and these times multiplicities over ``2**s``; the former are cut off far above."""
        relative = np.minimum(self.p - q, _FAR)
        weight = np.minimum(self.c + relative - s, 1020)
        # what is far below counts as zero: subnormal numbers are slow
        t = np.ldexp(np.where(relative > -_FAR, self.a, 0.0), np.maximum(relative, -_FAR).astype(np.int32))
        w = np.ldexp(np.where(weight > -_FAR, self.a * self.b, 0.0), np.maximum(weight, -_FAR).astype(np.int32))
        return t, w

    def solve(self, samples: np.ndarray, low: np.ndarray, ridge: float) -> np.ndarray:
        """The rows of `Effective`, by Newton's method, for samples of one block."""
        q, s = round(float(np.median(low))), round(float(np.median(np.log2(samples))))
        t, w = self.relative(q, s)
        ridge = math.ldexp(ridge, max(-q - s, -3000)) if ridge > 0 else 0.0
        unit, out = math.ldexp(1.0, s), []
        for n, start in zip(samples.tolist(), low.tolist()):
            out.append(_newton(t, w, ridge, n / unit, start - q, n, q))
        return np.array(out).T


def _newton(t, w, ridge: float, wanted: float, low: float, n: float, q: int) -> tuple:
    """One root ``log2 k`` in ``[low, low + 1]`` of ``sum(w / (t + k)) + ridge / k = wanted``, and the sums there."""
    low, high = low - 1e-9, low + 1 + 1e-9
    y, previous = (low + high) / 2, math.inf
    r, first, second = np.empty_like(t), np.empty_like(t), np.empty_like(t)
    for _ in range(_STEPS):
        k = 2.0**y
        np.divide(1.0, np.add(t, k, out=r), out=r)
        learned = float(np.multiply(w, r, out=first).sum())
        spread = k * float(np.multiply(first, r, out=second).sum())
        step = math.log2((learned + ridge / k) / wanted) * (learned + ridge / k) / (spread + ridge / k)
        if step > 0:
            low = max(low, y)
        else:
            high = min(high, y)
        # at the limit of rounding steps no longer shrink
        if abs(step) < 2.0**-52 * max(1.0, abs(y)) or (abs(step) < 1e-9 and abs(step) >= previous):
            break
        previous, y = abs(step), y + step if low <= y + step <= high else (low + high) / 2
    squares = float(np.multiply(np.multiply(t, r, out=r), first, out=second).sum())
    return q + y, learned / wanted * n, squares / wanted * n, (spread + ridge / k) / wanted * n, ridge / k / wanted


def _log2_sum(terms: np.ndarray) -> np.ndarray:
    """Binary logarithm of the sum over the last axis of numbers given by their own."""
    top = terms.max(axis=-1, initial=-np.inf)
    with np.errstate(divide="ignore"):
        return top + np.log2(np.sum(2.0 ** (terms - np.where(np.isfinite(top), top, 0)[:, None]), axis=-1))


def _log2(x: Fraction) -> float:
    """Binary logarithm of a positive fraction of any size."""
    shift = x.numerator.bit_length() - x.denominator.bit_length()
    scaled = x / Fraction(2) ** shift
    return shift + math.log2(scaled)
