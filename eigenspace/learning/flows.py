r"""Gradient flow: what is learned by time ``t``, from infinitely many samples or from ``n``.

The loss is :math:`\frac12` of the mean square error, the rate is 1, the flow starts at zero. With infinitely many
samples the coefficient of an eigenfunction follows :math:`1 - e^{-\lambda t}`. With ``n``,
:math:`f_t = K(x, X) K^{-1} (1 - e^{-tK/n}) y`, and its Laplace transform is a ridge regression,

.. math:: \int_0^\infty e^{-st} f_t\, dt = \frac{1}{s}\, K(x, X)\, (K + n s)^{-1} y ,

so that :math:`f_t` is a sum of ridge regressions with complex ridges :math:`\delta_k = n \zeta_k / t`, with the nodes
:math:`\zeta_k` and weights :math:`w_k` of a rule for the inverse transform [Trefethen2006]. Each of them has its
:math:`\kappa_k`, and the product of the errors of two has the mean

.. math:: T_{kl} = \frac{\sum_i (1 - L_{ik})(1 - L_{il}) v_i^2 + \sigma^2}{1 - \frac1n \sum_i L_{ik} L_{il}},
          \qquad \text{risk} = \sum_{kl} w_k w_l T_{kl},

which is the formula of the ridge where :math:`k = l` [Bordelon2024].
"""

import math
from dataclasses import dataclass

import numpy as np

from .. import _check, _render
from ..errors import ConvergenceError
from ..table import EigenTable
from .curves import checked_table, origin, relative_doubt, risk_cells
from .effective import condensed, effective
from .spectra import Spectrum
from .targets import Targets
from .views import Views

#: nodes of the inverse transform, and steps of the path that the effective ridge is followed along between two of them
_NODES, _SUBSTEPS, _NEWTON = 24, 6, 40
#: error of a risk of order 1 that the rule and its roundings leave
_ACCURACY = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class GradientFlow(Views):
    r"""Predicted errors along gradient flow; made by :func:`eigenspace.gradient_flow`.

    Arrays over the ``times``: ``risk`` (mean square distance to a noisy label of a new sample; ``excess_risk`` leaves
    its noise out), ``lower`` and ``upper`` (from the errors of the eigenvalues, for infinitely many samples only,
    otherwise None), ``train_risk``, and ``learned`` of shape (times, targets): the mean coefficient of each target,
    between 0 and 1. ``samples``: None for infinitely many.
    """

    times: np.ndarray
    samples: float | None
    risk: np.ndarray
    lower: np.ndarray | None
    upper: np.ndarray | None
    train_risk: np.ndarray
    learned: np.ndarray
    targets: Targets
    noise: float
    title: str
    origin: tuple[str, ...]

    @property
    def excess_risk(self) -> np.ndarray:
        """The risk without the noise of the new label."""
        return np.maximum(self.risk - self.noise, 0.0)

    def __len__(self) -> int:
        return self.times.size

    def __repr__(self) -> str:
        size = "infinitely many samples" if self.samples is None else f"{self.samples:g} samples"
        return f"GradientFlow({len(self)} times, {len(self.targets.names)} targets, {size}, noise {self.noise:g})"

    def to_pandas(self):
        """A :class:`pandas.DataFrame`, one row for each time."""
        from pandas import DataFrame

        names = {f"learned {name}": self.learned[:, i] for i, name in enumerate(self.targets.names)}
        frame = DataFrame({"time": self.times, "risk": self.risk, "train_risk": self.train_risk, **names})
        frame.attrs.update(samples=self.samples, noise=self.noise, origin=self.origin)
        return frame

    def plot(self, ax=None, *, thresholds: bool = True):
        r"""Risk against time on logarithmic axes, with :math:`t = d^L` marked [Xiao2022, thm. 4]; returns the axes."""
        from .._plot import learning_plot

        marks = self.targets.thresholds() if thresholds else []
        kept = self.times > 0
        ends = (None, None) if self.lower is None else (self.lower[kept], self.upper[kept])
        return learning_plot(
            np.log10(self.times[kept]), self.risk[kept], *ends, marks=marks, floor=self.noise, ax=ax,
            xlabel="time of gradient flow", mark="t",
        )  # fmt: skip

    def _sheet(self, digits: int) -> _render.Sheet:
        digits = _check.positive_integer("digits", digits, "use 1 or more")
        if self.lower is None:
            doubt = _relative(self.risk, self)
        else:
            doubt = relative_doubt(self.risk, self.lower, self.upper)
        columns = [
            _render.Column("time", "t", tuple(f"{t:.10g}" for t in self.times), "number", "right", latex="$t$"),
            _render.Column("risk", "risk", risk_cells(self.risk, doubt, digits), "number"),
        ]
        if self.samples is not None:
            cells = risk_cells(self.train_risk, _relative(self.train_risk, self), digits)
            columns.append(_render.Column("train", "training", cells, "number"))
        columns += [
            _render.Column(f"learned {name}", f"{name} (%)",
                           tuple(_render.percent_text(max(float(x), 0.0), 0.0, 1) for x in self.learned[:, i]),
                           align="right")
            for i, name in enumerate(self.targets.names)
        ]  # fmt: skip
        size = "infinitely many" if self.samples is None else f"{self.samples:g}"
        notes = (
            f"Gradient flow on half the mean square error of {size} samples with labels of noise {self.noise:g}. "
            "Percentages: mean coefficient of the target.",
        )
        return _render.Sheet(tuple(columns), caption=self.title, notes=notes, origin=self.origin)


def gradient_flow(
    table: EigenTable, target, times, *, samples: float | None = None, noise: float = 0.0
) -> GradientFlow:
    r"""What gradient flow of kernel regression has learned by given times.

    .. math:: \frac{df}{dt} = -\frac1n \sum_{a=1}^n K(\cdot, x_a)\, (f(x_a) - y_a), \qquad f_0 = 0

    Infinitely many samples: the coefficient of an eigenfunction is :math:`1 - e^{-\lambda t}`, and
    :math:`\text{risk} = \sum v^2 e^{-2\lambda t} + \sigma^2` [Xiao2022, thm. 4].

    Parameters
    ----------
    table, target
        As for `learning_curve`.
    times
        Non-negative numbers.  The loss is half the mean square error, so that an eigenfunction is learned at
        :math:`t \approx 1/\lambda`.
    samples
        Number of samples; None for infinitely many.
    noise
        :math:`\sigma^2`, the variance of the noise of the labels.

    Returns
    -------
    GradientFlow

    Notes
    -----
    With finitely many samples the flow is written as a sum of ridge regressions with complex ridges, whose mean errors
    the effective theory has in closed form; as :math:`t \to \infty` it becomes the ridgeless `learning_curve`.  It is
    an equality within that theory (Gaussian eigenfunctions, large ``n``) and not a proof for a given kernel; the tests
    compare it with simulations.  The rest of the trace acts as ridge; no bracket is given.  Nodes of the rule
    limit the accuracy to about 1e-10 of the power of the target.

    Cost: infinitely many samples, one exponential per time and target; otherwise some thousand passes over at most 40
    eigenvalues per octave, for each time.

    Examples
    --------
    >>> from eigenspace import mlp, spectrum
    >>> table = spectrum(mlp(10, 2), degree=8)
    >>> print(gradient_flow(table, [(1, 0.5), (2, 0.5)], [1, 10, 100, 1000]))
    Gradient flow of mlp(10, 2): 1 leaf of dimension 10, d = 10, depth 2, relu
       t  risk         1 (%)    2 (%)
    ----  ---------  -------  -------
       1  8.973e-1       9.6      1.1
      10  4.650e-1      63.6     10.7
     100  5.188e-2     100.0     67.8
    1000  7.228e-11    100.0    100.0
    ...
    """
    times = _times(times)
    noise = _check.nonnegative_real("noise", noise, "it is a variance")
    targets = Targets.of(checked_table(table), target)
    if samples is None:
        found = _population(targets, times, noise)
    else:
        samples = _check.positive_real("samples", samples, "use None for infinitely many")
        spectrum = Spectrum.of(table)
        columns = [_finite(spectrum, targets, t, samples, noise) for t in times.tolist()]
        risk, train, learned = map(np.array, zip(*columns))
        found = risk, None, None, train, targets.means(learned)
    citations = ("Xiao2022",) if samples is None else ("Bordelon2024", "Simon2023", "Trefethen2006")
    risk, lower, upper, train, learned = found
    return GradientFlow(
        times, samples, risk, lower, upper, train, learned, targets, noise,
        f"Gradient flow of {table.provenance.network}", origin(table, citations),
    )  # fmt: skip


def _relative(values: np.ndarray, flow: GradientFlow) -> np.ndarray:
    """Relative error that the rule leaves in risks."""
    with np.errstate(divide="ignore"):
        return _ACCURACY * (float(flow.targets.power.sum()) + flow.noise) / values


def _times(times) -> np.ndarray:
    array = np.atleast_1d(np.array(times, dtype=object))
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"times must be a number or a non-empty sequence of them, got shape {array.shape}; use [1, 10, 100]"
        )
    plain = (t.item() if isinstance(t, np.generic) else t for t in array.tolist())
    return np.array([_check.nonnegative_real(f"times[{i}]", t) for i, t in enumerate(plain)])


def _population(targets: Targets, times: np.ndarray, noise: float) -> tuple:
    """Risk, its ends, training risk and mean coefficients for infinitely many samples."""
    with np.errstate(divide="ignore"):
        log2_times = np.log2(times)

    def left(log2: np.ndarray) -> np.ndarray:
        """What is left of every part, as exponents ``lambda * t``."""
        with np.errstate(invalid="ignore", divide="ignore"):
            exponent = np.where(np.isneginf(log2), -np.inf, log2_times[:, None] + log2)
        return 2.0 ** np.minimum(np.where(np.isnan(exponent), -np.inf, exponent), 1000)

    def risk(log2: np.ndarray) -> np.ndarray:
        return np.exp(-2 * left(log2)) @ targets.power + noise

    with np.errstate(divide="ignore"):
        slower, faster = (targets.log2 + np.log2(np.maximum(1 + s * targets.error, 0.0)) for s in (-1, 1))
    middle = risk(targets.log2)
    learned = targets.means(-np.expm1(-left(targets.log2)))
    return middle, np.minimum(risk(faster), middle), np.maximum(risk(slower), middle), middle, learned


# finitely many samples -------------------------------------------------------------------------------


def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the inverse Laplace transform in the upper half plane, those near the real axis first.

    ``zeta(theta) = N (0.5017 theta cot(0.6407 theta) - 0.6122 + 0.2645 i theta)`` at the midpoints [Trefethen2006].
    """
    angles = (2 * np.arange(_NODES // 2) + 1) * math.pi / _NODES
    return _contour(angles)[0], _contour(angles)[1]


def _contour(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inner = 0.6407 * angle
    zeta = _NODES * (0.5017 * angle / np.tan(inner) - 0.6122 + 0.2645j * angle)
    slope = _NODES * (0.5017 / np.tan(inner) - 0.5017 * inner / np.sin(inner) ** 2 + 0.2645j)
    return zeta, np.exp(zeta) * slope / (1j * _NODES * zeta)


def _finite(spectrum: Spectrum, targets: Targets, t: float, n: float, noise: float) -> tuple:
    """Risk, training risk and mean coefficients at one time."""
    if t == 0:
        start = float(targets.power.sum()) + noise
        return start, start, np.zeros(targets.power.size)
    zeta, weight = _rule()
    ridges = n * zeta / t
    first = float(_NODES * (0.5017 / 0.6407 - 0.6122)) * n / t
    log2 = float(effective(spectrum, np.array([n]), first + spectrum.rest).log2[0])
    q = round(log2)
    lam, w = condensed(spectrum, q, n)
    scale = math.ldexp(1.0, max(-q, -1000)) if q > -1000 else math.inf
    kappa = _followed(lam, w, ridges * scale / n, first * scale / n, spectrum.rest * scale / n, 2.0 ** (log2 - q))
    both = np.concatenate([kappa, kappa.conj()])
    weights = np.concatenate([weight, weight.conj()])
    deltas = np.concatenate([ridges, ridges.conj()]) * scale / n
    shares = lam / (lam + both[:, None])
    parts = 2.0 ** np.clip(targets.log2 - q, -1000, 1000)
    missed = both[:, None] / (parts + both[:, None])
    cross = ((missed * targets.power) @ missed.T + noise) / (1 - (shares * (w / np.where(lam > 0, lam, 1))) @ shares.T)
    kept = weights * deltas / both
    risk, train = (float((v @ cross @ v).real) for v in (weights, kept))
    return risk, max(train, 0.0), (weights @ (1 - missed)).real


def _followed(lam, w, ridges, first: float, rest: float, start: float) -> np.ndarray:
    r"""The roots of :math:`\kappa (1 - \sum w/(\lambda + \kappa)) = \delta + R`, followed along the contour."""
    angles = np.arange(1, _NODES // 2 * 2 * _SUBSTEPS) * math.pi / _NODES / _SUBSTEPS
    path = _contour(angles)[0] * (first / (_NODES * (0.5017 / 0.6407 - 0.6122)))
    kappa, found = complex(start), []
    for i, delta in enumerate(path):
        for _ in range(_NEWTON):
            inverse = 1 / (lam + kappa)
            value = kappa * (1 - np.sum(w * inverse)) - delta - rest
            slope = 1 - np.sum(w * lam * inverse**2)
            step = value / slope
            kappa -= step
            if abs(step) < 1e-14 * abs(kappa):
                break
        else:
            if not abs(step) < 1e-9 * abs(kappa):
                raise ConvergenceError("the effective ridge could not be followed to complex values; use other times")
        if (i + 1) % (2 * _SUBSTEPS) == _SUBSTEPS:
            found.append(kappa)
    return np.array(found)
