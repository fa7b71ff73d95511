r"""Learning curves of kernel regression, from the eigenvalues alone [Simon2023; Canatar2021; Jacot2020].

With :math:`\kappa` the root of :math:`n = \sum_i L_i + \delta/\kappa` and :math:`L_i = \lambda_i/(\lambda_i + \kappa)`,

.. math:: E_0 = \frac{n}{n - \sum_i L_i^2}, \qquad
          \text{test risk} = E_0 \Bigl(\sum_i (1 - L_i)^2 v_i^2 + \sigma^2\Bigr), \qquad
          \text{training risk} = \Bigl(\frac{\delta}{n \kappa}\Bigr)^2 \cdot \text{test risk}.

The mean predictor is :math:`\sum_i L_i v_i \phi_i`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import _check, _render
from ..table import EigenTable, _deliver
from .effective import effective, squares
from .spectra import Spectrum
from .targets import Targets
from .views import Views

CITATIONS = ("Simon2023", "Canatar2021", "Jacot2020")
#: what roundings may contribute to a bound
_SLACK, _ROUNDING = 2.0**-40, 2.0**-47


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Views):
    r"""Predicted errors of kernel regression; made by :func:`eigenspace.learning_curve`.

    Arrays over the samples: ``samples``; ``kappa`` (:math:`\kappa`; ``log10_kappa`` where that underflows); ``risk``,
    with ``lower`` and ``upper`` around it; ``train_risk``; ``bias`` :math:`= \sum (1 - L)^2 v^2` and ``variance``
    :math:`= (E_0 - 1)(\text{bias} + \sigma^2)`. ``learnability`` has shape (samples, targets), ``kappa_bounds`` (2,
    samples), ``learnability_bounds`` (2, samples, targets). ``risk`` is the mean square distance to a *noisy* label of
    a new sample: ``risk = bias + variance + noise``; ``excess_risk``, to the function, is without the last term.
    """

    samples: np.ndarray
    log10_kappa: np.ndarray
    risk: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    train_risk: np.ndarray
    bias: np.ndarray
    variance: np.ndarray
    learnability: np.ndarray
    log10_kappa_bounds: np.ndarray
    learnability_bounds: np.ndarray
    targets: Targets
    ridge: float
    noise: float
    rest: float
    title: str
    origin: tuple[str, ...]

    @property
    def kappa(self) -> np.ndarray:
        r"""The effective ridge :math:`\kappa`; 0 where everything is learned, or where a float underflows."""
        return 10.0**self.log10_kappa

    @property
    def kappa_bounds(self) -> np.ndarray:
        r"""Bounds of :math:`\kappa`, lower and upper: shape (2, samples)."""
        return 10.0**self.log10_kappa_bounds

    @property
    def excess_risk(self) -> np.ndarray:
        """The risk without the noise of the new label: ``bias + variance``."""
        return self.bias + self.variance

    def __len__(self) -> int:
        return self.samples.size

    def __repr__(self) -> str:
        width = float(np.max(self._doubt)) if len(self) else 0.0
        doubt = f"risk known within {_render.bound_text(width)}" if math.isfinite(width) else "risk not bounded"
        return (
            f"LearningCurve({len(self)} sample sizes, {len(self.targets.names)} targets, ridge {self.ridge:g}, "
            f"noise {self.noise:g}, {doubt})"
        )

    def to_pandas(self):
        """A :class:`pandas.DataFrame`, one row for each number of samples; ``attrs`` has ridge, noise and origin."""
        from pandas import DataFrame

        frame = DataFrame(
            {
                "samples": self.samples, "kappa": self.kappa, "log10_kappa": self.log10_kappa, "risk": self.risk,
                "lower": self.lower, "upper": self.upper, "train_risk": self.train_risk, "bias": self.bias,
                "variance": self.variance,
                **{f"learnability {name}": self.learnability[:, i] for i, name in enumerate(self.targets.names)},
            }
        )  # fmt: skip
        frame.attrs.update(ridge=self.ridge, noise=self.noise, rest=self.rest, origin=self.origin)
        return frame

    def to_csv(self, path=None) -> str | None:
        """Comma-separated values with the columns of :meth:`to_pandas`, 17 digits of each number."""
        return _deliver(self.to_pandas().to_csv(index=False, float_format="%.17g", lineterminator="\n"), path)

    def plot(self, ax=None, *, thresholds: bool = True):
        r"""Risk against the number of samples on logarithmic axes, its bracket in grey; returns the matplotlib axes.

        ``thresholds``: mark :math:`n = d^L` [Xiao2022, thm. 5] for every learning index of the target, with the
        interactions that have it. Needs the extra ``eigenspace[plot]``.
        """
        from .._plot import learning_plot

        marks = self.targets.thresholds() if thresholds else []
        return learning_plot(
            np.log10(self.samples), self.risk, self.lower, self.upper, marks=marks, floor=self.noise, ax=ax
        )

    @cached_property
    def _doubt(self) -> np.ndarray:
        """Relative distance of the farther end of the bracket."""
        return relative_doubt(self.risk, self.lower, self.upper)

    def _sheet(self, digits: int) -> _render.Sheet:
        digits = _check.positive_integer("digits", digits, "use 1 or more")
        low, high = self.log10_kappa_bounds
        spread = np.where(np.isneginf(low), np.inf, np.expm1(np.minimum((high - low) * math.log(10), 700)))
        kappas = tuple(
            "0" if x == -math.inf else _render.log10_text(float(x), digits, float(e))
            for x, e in zip(self.log10_kappa, spread)
        )
        columns = [
            _render.Column("samples", "n", tuple(f"{n:.10g}" for n in self.samples), "number", "right", latex="$n$"),
            _render.Column("kappa", "κ", kappas, "number", latex=r"$\kappa$"),
            _render.Column("risk", "risk", risk_cells(self.risk, self._doubt, digits), "number"),
        ] + [
            _render.Column(name, heading, tuple(_render.end_text(float(x), digits, up) for x in ends), "number")
            for name, heading, ends, up in (("lower", "from", self.lower, False), ("upper", "to", self.upper, True))
        ]
        if self.ridge > 0:
            columns.append(
                _render.Column("train", "training", risk_cells(self.train_risk, self._doubt, digits), "number")
            )
        for i, name in enumerate(self.targets.names):
            widths = np.ptp(self.learnability_bounds[:, :, i], axis=0)
            cells = tuple(
                _render.percent_text(float(x), float(w / x) if x > 0 else 0.0, 1)
                for x, w in zip(self.learnability[:, i], widths)
            )
            columns.append(_render.Column(f"learnability {name}", f"{name} (%)", cells, align="right"))
        notes = (
            f"Risk: mean square error on new samples with labels of noise {self.noise:g}, ridge {self.ridge:g}. "
            "From, to: where the unlisted eigenvalues can move it. Percentages: learnability.",
        )
        return _render.Sheet(tuple(columns), caption=self.title, notes=notes, origin=self.origin)


def learning_curve(
    table: EigenTable,
    target,
    samples,
    *,
    ridge: float = 0.0,
    noise: float = 0.0,
    largest_unlisted: float | None = None,
) -> LearningCurve:
    r"""Predicted test error of kernel ridge(less) regression, from a table of eigenvalues.

    .. math:: n = \sum_i L_i + \frac{\delta}{\kappa}, \quad L_i = \frac{\lambda_i}{\lambda_i + \kappa}, \qquad
              \text{risk} = \frac{n}{n - \sum_i L_i^2} \Bigl(\sum_i (1 - L_i)^2 v_i^2 + \sigma^2\Bigr)

    [Simon2023; Canatar2021; Jacot2020], sums over eigenfunctions.  The risk is the mean square distance to
    the *noisy* label of a new sample, averaged over samples; `excess_risk` leaves the noise of that label out.

    Parameters
    ----------
    table
        Eigenvalues, from `spectrum` or `zonal_spectrum`.
    target
        List of pairs (interaction, power).  An interaction is given by degrees, as for `eigenvalue`; by a polynomial in
        the pixels, as for `index_table`, which may have parts of several classes; or by an `Eigenvalue`.  The power is
        its mean square.  A class that the table does not list is computed if the call of the table has the network; a
        class of eigenvalue zero is never learned.
    samples
        Numbers of samples: positive reals of any size.
    ridge
        :math:`\delta` in :math:`f(x) = K(x, X) (K(X, X) + \delta)^{-1} y`; 0 interpolates.
    noise
        :math:`\sigma^2`, the variance of the noise of the labels.
    largest_unlisted
        An upper bound of the eigenvalues that the table does not list, if a better one is known than that which the
        table implies (see the notes).

    Returns
    -------
    LearningCurve
        ``risk``, ``kappa``, ``learnability``, ``train_risk``, ``bias``, ``variance``, all arrays over the samples, and
        bounds of them.

    Notes
    -----
    The eigenvalues that the table does not list sum to the rest ``R`` of the trace.  ``risk`` takes them as many and
    small: they act as ridge, :math:`\delta + R`.  ``lower`` and ``upper`` hold whatever they are, as long as none
    exceeds a bound :math:`\Lambda`: the smaller of ``R`` over the number of eigenfunctions of a class, and of the
    largest eigenvalue in the last two complete degrees.  They also cover the errors of the listed eigenvalues, and
    nothing else: the theory itself is exact for Gaussian eigenfunctions and large ``n``.  The proof is on the page on
    learning.  Raises :class:`ValueError` for a target class that is neither listed nor computable.

    Cost: a few dozen passes over the rows, whatever the number of samples; for 100,000 rows and 200 numbers of samples
    about half a second.

    Examples
    --------
    >>> from eigenspace import mlp, spectrum
    >>> curve = learning_curve(spectrum(mlp(10, 2), degree=12), [(1, 0.5), (2, 0.5)], [10, 100, 1000], noise=0.01)
    >>> print(curve)
    Learning curve of mlp(10, 2): 1 leaf of dimension 10, d = 10, depth 2, relu
    ...
    >>> curve.risk.shape, curve.learnability.shape
    ((3,), (3, 2))
    """
    samples = sample_sizes(samples)
    ridge = _check.nonnegative_real("ridge", ridge)
    noise = _check.nonnegative_real("noise", noise, "it is a variance")
    if largest_unlisted is not None:
        largest_unlisted = _check.nonnegative_real("largest_unlisted", largest_unlisted)
    targets = Targets.of(checked_table(table), target)
    spectrum = Spectrum.of(table, largest_unlisted)
    middle = effective(spectrum, samples, ridge + spectrum.rest, ridge)
    bias = (middle.missed(targets.log2) ** 2) @ targets.power
    risk = _ratio(samples * (bias + noise), middle.spread)
    low, high, lower, upper = _brackets(spectrum, targets, samples, ridge, noise)
    bounds = np.stack([
        targets.means(high.learnability(targets.log2 + np.log2(np.maximum(1 - targets.error, 0.0) + 1e-300))),
        targets.means(low.learnability(targets.log2 + np.log2(1 + targets.error))),
    ])  # fmt: skip
    return LearningCurve(
        samples=samples,
        log10_kappa=middle.log2 * math.log10(2),
        risk=risk,
        lower=np.minimum(lower, risk),
        upper=np.maximum(upper, risk),
        train_risk=np.multiply(middle.ridge_share**2, risk, out=np.zeros(risk.size), where=middle.ridge_share > 0),
        bias=bias,
        variance=_ratio(middle.squares * (bias + noise), middle.spread),
        learnability=targets.means(middle.learnability(targets.log2)),
        log10_kappa_bounds=np.stack([low.log2, high.log2]) * math.log10(2),
        learnability_bounds=bounds,
        targets=targets,
        ridge=ridge,
        noise=noise,
        rest=spectrum.rest,
        title=f"Learning curve of {table.provenance.network}",
        origin=origin(table, CITATIONS),
    )


def _brackets(spectrum: Spectrum, targets: Targets, samples, ridge: float, noise: float):
    r"""Solutions with the smallest and the largest :math:`\kappa`, and bounds of the risk.

    Every unlisted :math:`\lambda \le \Lambda` learns between :math:`\lambda/(\Lambda + \kappa)` and
    :math:`\lambda/\kappa`, which bounds :math:`\kappa` from both sides. With ``U`` the samples that the rest takes,
    :math:`n - \sum_{listed} L^2 - U \Lambda/(\Lambda + \kappa) \le n - \sum L^2 \le n - \sum_{listed} L^2`.
    """
    smaller = spectrum.shifted(-1)
    least, most = spectrum.rest_bounds
    largest = spectrum.largest
    high = effective(smaller, samples, ridge + most)
    low = effective(smaller, samples, ridge, block=(min(least, most), largest))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.minimum(targets.error, 1.0)
        most_missed = (high.missed(targets.log2 + np.log2(1 - error)) ** 2) @ targets.power
        least_missed = (low.missed(targets.log2 + np.log2(1 + targets.error)) ** 2) @ targets.power
        # the share of a sample that an eigenvalue of the largest size would take at the smallest kappa
        largest_share = low.learnability(np.array([math.log2(largest) if largest > 0 else -math.inf]))[:, 0]
        taken = np.minimum(samples, 2.0 ** np.minimum(math.log2(most) - high.log2, 1020))
        listed = squares(spectrum.shifted(1), low.log2, samples)
        least_spread = low.spread + (low.squares - listed) - taken * largest_share - _ROUNDING * low.squares
        lower = _ratio(samples * (least_missed + noise), np.minimum(high.spread, samples)) * (1 - _SLACK)
        upper = np.where(
            least_spread > 0, _ratio(samples * (most_missed + noise), np.maximum(least_spread, 0.0)), np.inf
        )
    return low, high, lower, upper * (1 + _SLACK)


# shared by the other predictions ---------------------------------------------------------------------


def sample_sizes(samples) -> np.ndarray:
    """Numbers of samples as a float array of one dimension."""
    array = np.atleast_1d(np.array(samples, dtype=object))
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"samples must be a number or a non-empty sequence of them, got shape {array.shape}; use [10, 100, 1000]"
        )
    return np.array([
        _check.positive_real(f"samples[{i}]", n.item() if isinstance(n, np.generic) else n)
        for i, n in enumerate(array.tolist())
    ])  # fmt: skip


def checked_table(table) -> EigenTable:
    """The table itself."""
    if not isinstance(table, EigenTable):
        raise TypeError(f"table must be an EigenTable, got {table!r}; make one with eigenspace.spectrum(net)")
    if not len(table):
        raise ValueError("table must have at least one row, got none; list more of the spectrum")
    return table


def origin(table: EigenTable, citations: Sequence[str]) -> tuple[str, ...]:
    """Lines that say where a prediction comes from: those of the table, and the formulas."""
    return (*table.provenance.lines(), f"learning: {', '.join(citations)}")


def risk_cells(values: np.ndarray, doubts: np.ndarray, digits: int) -> tuple[str, ...]:
    """Non-negative numbers as text with the digits that their relative doubt leaves."""
    return tuple(
        "∞" if x == math.inf else _render.certain_text(float(x), 0, digits, max(float(e), _SLACK))
        for x, e in zip(values, doubts)
    )


def relative_doubt(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Relative distance of the farther end of a bracket."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.maximum(upper - value, value - lower) / value
    return np.where(upper == lower, 0.0, np.where(value > 0, found, np.inf))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """``above / below``, 0 where ``above`` is and infinite where only ``below`` is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(above == 0, 0.0, above / below)
