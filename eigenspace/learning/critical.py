r"""The critical regime of one sphere: as many samples as there are harmonics of one degree [XiaoHu2022].

With :math:`N_k` harmonics of degree ``k``, degrees below ``r`` learned and those above ``r`` not,

.. math:: \psi = \frac{n - \sum_{k<r} N_k}{N_r}, \quad
          \xi = \frac{\delta + \sum_{k>r} N_k \lambda_k}{N_r \lambda_r}, \quad
          L^2 - (1 + \xi + \psi) L + \psi = 0, \quad
          \text{risk} = \frac{(1 - L)^2 v_r^2 + v_{>r}^2 + \sigma^2}{1 - L^2/\psi} .

The factor :math:`1/(1 - L^2/\psi)` is largest at :math:`\psi = 1 + \xi`, where it is
:math:`\frac12 (1 + \sqrt{1 + 1/\xi})` (derived from the equation of ``L``).
"""

import math
from dataclasses import dataclass

import numpy as np

from .. import _check
from ..table import EigenTable
from .curves import checked_table, sample_sizes
from .targets import Targets


@dataclass(frozen=True, eq=False, repr=False)
class CriticalCurve:
    r"""The formula of the critical regime; made by :func:`eigenspace.critical_curve`.

    Arrays over the ``samples``: ``degree`` (``r``), ``psi``, ``learnability`` (of degree ``r``), ``amplification``
    (:math:`1/(1 - L^2/\psi)`) and ``risk``, which counts the noise of a new label as `learning_curve` does. ``peaks``:
    for every degree, the number of samples of largest amplification and the amplification there.
    """

    samples: np.ndarray
    degree: np.ndarray
    psi: np.ndarray
    learnability: np.ndarray
    amplification: np.ndarray
    risk: np.ndarray
    peaks: dict[int, tuple[float, float]]

    def __len__(self) -> int:
        return self.samples.size

    def __repr__(self) -> str:
        degrees = sorted(set(self.degree.tolist()))
        return f"CriticalCurve({len(self)} sample sizes around degree{'s' * (len(degrees) > 1)} {degrees})"

    def to_pandas(self):
        """A :class:`pandas.DataFrame`, one row for each number of samples."""
        from pandas import DataFrame

        names = ("samples", "degree", "psi", "learnability", "amplification", "risk")
        return DataFrame({name: getattr(self, name) for name in names})


def critical_curve(
    table: EigenTable, target, samples, *, ridge: float = 0.0, noise: float = 0.0, degree: int | None = None
) -> CriticalCurve:
    r"""The test error of kernel regression on one sphere near :math:`n = N_r`, for large dimension.

    .. math:: \text{risk} = \frac{(1 - L)^2 v_r^2 + v_{>r}^2 + \sigma^2}{1 - L^2/\psi}, \qquad
              L^2 - (1 + \xi + \psi) L + \psi = 0

    [XiaoHu2022]; the limit of `learning_curve` for :math:`s \to \infty` at fixed :math:`n/s^r`, with double descent at
    every degree: peaks at :math:`n = \sum_{k<r} N_k + (1 + \xi) N_r`, where :math:`N_r \approx s^r/r!`.

    Parameters
    ----------
    table
        Eigenvalues on one sphere, degrees from 0 on without gaps; the rest of the trace counts as unlearned.
    target, samples, ridge, noise
        As for `learning_curve`.
    degree
        ``r``; by default, for each number of samples the degree with :math:`N_r` nearest to it in logarithm.

    Returns
    -------
    CriticalCurve

    Notes
    -----
    Raises :class:`ValueError` for a table of several leaves or with gaps, and for a number of samples that does not
    exceed the number of harmonics below ``degree``.  The full theory differs by what neighbouring degrees leak at
    finite dimension.  Cost: negligible.

    Examples
    --------
    >>> import numpy as np
    >>> from eigenspace import zonal_spectrum
    >>> table = zonal_spectrum(lambda t: np.exp(t - 1), 30, range(6))
    >>> found = critical_curve(table, [(2, 1.0)], [495])
    >>> found.degree.tolist(), found.learnability.round(4).tolist(), found.amplification.round(4).tolist()
    ([2], [0.5375], [1.4062])
    """
    samples = sample_sizes(samples)
    ridge, noise = _check.nonnegative_real("ridge", ridge), _check.nonnegative_real("noise", noise)
    targets = Targets.of(checked_table(table), target)
    value, number = _levels(table)
    weight = np.array([float(v * n) for v, n in zip(value, number)])
    above = np.maximum(float(table.trace) - np.cumsum(weight), 0.0)
    below = np.cumsum([0, *number[:-1]])
    with np.errstate(divide="ignore"):
        xi = np.where(weight > 0, (ridge + above) / np.maximum(weight, 1e-300), np.inf)
    level = _level(degree, samples, number, weight)
    psi = np.array([(n - below[r]) / number[r] for n, r in zip(samples, level)], dtype=float)
    if np.any(psi <= 0):
        worst = int(np.argmin(psi))
        raise ValueError(
            f"samples must exceed the {below[level[worst]]} harmonics below degree {level[worst]}, got "
            f"{samples[worst]:g}; drop degree, or use more samples"
        )
    half = (1 + xi[level] + psi) / 2
    learned = psi / (half + np.sqrt(half**2 - psi))
    amplification = 1 / (1 - learned**2 / psi)
    of_level = {k: float(targets.power[_degrees_of(targets) == k].sum()) for k in range(len(value))}
    total = float(targets.power.sum())
    up_to = np.cumsum([of_level[k] for k in range(len(value))])
    own = np.array([of_level[r] for r in level.tolist()])
    beyond = np.maximum(total - up_to[level], 0.0)
    risk = amplification * ((1 - learned) ** 2 * own + beyond + noise)
    peaks = {
        k: (float(below[k]) + (1 + x) * float(number[k]), (1 + math.sqrt(1 + 1 / x)) / 2)
        for k, x in enumerate(xi.tolist())
        if 0 < x < math.inf
    }
    return CriticalCurve(samples, level, psi, learned, amplification, risk, peaks)


def _levels(table: EigenTable) -> tuple[list[float], list[int]]:
    """Eigenvalues and multiplicities by degree."""
    order = np.argsort(table.total_degree, kind="stable")
    if len(table.degrees[0]) != 1 or table.total_degree[order].tolist() != list(range(len(table))):
        raise ValueError(
            "table must list the degrees 0, 1, 2, … of one sphere without gaps, got "
            f"{len(table.degrees[0])} leaves and degrees {table.total_degree[order].tolist()[:8]}; use learning_curve"
        )
    return table.values()[order].tolist(), table.multiplicity[order].tolist()


def _level(degree, samples: np.ndarray, number: list[int], weight: np.ndarray) -> np.ndarray:
    if degree is not None:
        return np.full(samples.size, _check.integer("degree", degree, 0, len(number) - 1, "list more degrees"))
    learned = np.flatnonzero(weight > 0)
    sizes = np.array([math.log(number[k]) for k in learned])
    below = np.array([float(sum(number[:k])) for k in learned])
    distance = np.abs(np.log(samples)[:, None] - sizes[None, :])
    distance[samples[:, None] <= below[None, :]] = np.inf
    return learned[np.argmin(distance, axis=1)]


def _degrees_of(targets: Targets) -> np.ndarray:
    """The degree of every part, from its pattern: on one sphere that is the degree itself."""
    return np.array([int(pattern) for pattern in targets.patterns])
