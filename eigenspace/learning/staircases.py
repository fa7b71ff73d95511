r"""The staircase: which interactions a network learns, and in which order.

Interaction ``i`` is half learned (:math:`L_i = \frac12`) at the number of samples where
:math:`\kappa = \lambda_i`, and that number is explicit,

.. math:: n_i = \sum_j \frac{\lambda_j}{\lambda_j + \lambda_i} + \frac{\delta + R}{\lambda_i},

with ``R`` the rest of the trace. In high dimension :math:`n_i` and the time :math:`1/\lambda_i` are of the order
:math:`d^{L}` [Xiao2022, thms. 4 and 5].
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .. import _check, _render
from ..eigenvalues import spectrum
from ..parts import Network
from ..table import EigenTable
from .curves import LearningCurve, checked_table, learning_curve, origin
from .effective import effective, numbers
from .flows import GradientFlow, gradient_flow
from .spectra import Spectrum, network_of
from .views import Views


@dataclass(frozen=True)
class Step:
    """One interaction: its place in the ``order`` of learning (from 1), its ``pattern``, ``degrees`` of the active
    leaves, indices, ``multiplicity``, ``log10_value`` of the eigenvalue, ``samples`` (``log10`` of the number at which
    it is half learned, with its ``samples_bounds``), ``time`` (``log10`` of one over the eigenvalue), ``scale``
    (``log10`` of ``d`` to the learning index; None where ``d`` is not known) and ``learned``: the share learned by the
    samples or the time that were asked for, or None."""

    order: int
    pattern: str
    degrees: tuple[tuple[int, int], ...]
    total_degree: int
    space: Fraction | float
    frequency: Fraction | float
    learning_index: Fraction | float
    multiplicity: int
    log10_value: float
    error: float
    samples: float
    samples_bounds: tuple[float, float]
    time: float
    scale: float | None
    learned: float | None


@dataclass(frozen=True, repr=False)
class Staircase(Views):
    """Interactions in the order in which they are learned; made by :func:`eigenspace.staircase`."""

    steps: tuple[Step, ...]
    unlearned: int
    asked: str
    title: str
    origin: tuple[str, ...]

    _digits = 3

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __getitem__(self, key):
        return self.steps[key]

    def __repr__(self) -> str:
        return f"Staircase({len(self)} steps{', ' + self.asked if self.asked else ''})"

    def to_pandas(self):
        """A :class:`pandas.DataFrame`, one row for each step, exact integers and fractions as objects."""
        from pandas import DataFrame

        return DataFrame([vars(step) for step in self.steps])

    def _sheet(self, digits: int) -> _render.Sheet:
        digits = _check.positive_integer("digits", digits, "use 1 or more")
        steps = self.steps

        def power(log10: float, error: float) -> str:
            return "∞" if log10 == math.inf else _render.log10_text(log10, digits, error)

        def doubt(step: Step) -> float:
            low, high = step.samples_bounds
            return math.expm1(min((high - low) * math.log(10), 700.0)) if high > low else 0.0

        columns = [
            _render.Column("order", "order", tuple(str(step.order) for step in steps), align="right"),
            _render.Column("interaction", "interaction", tuple(step.pattern for step in steps), "pattern"),
            *(
                _render.Column(name, heading, tuple(_render.fraction_text(getattr(step, name)) for step in steps),
                               "fraction", "center", latex=f"${heading}$", html=f"<i>{heading}</i>")
                for name, heading in (("space", "S"), ("frequency", "F"), ("learning_index", "L"))
            ),
            _render.Column("multiplicity", "multiplicity", tuple(_render.count_text(s.multiplicity) for s in steps),
                           "count", "right", latex="mult."),
            _render.Column("samples", "half at n", tuple(power(s.samples, doubt(s)) for s in steps), "number",
                           latex=r"$n_{1/2}$"),
            _render.Column("time", "1/eigenvalue", tuple(power(s.time, s.error) for s in steps), "number",
                           latex=r"$1/\lambda$"),
        ]  # fmt: skip
        if all(step.scale is not None for step in steps):
            columns.append(
                _render.Column("scale", "d^L", tuple(power(s.scale, 0.0) for s in steps), "number", latex="$d^L$")
            )
        if self.asked:
            cells = tuple(_render.percent_text(step.learned, 0.0, 1) for step in steps)
            columns.append(_render.Column("learned", "learned (%)", cells, align="right", latex=r"learned/\%"))
        notes = ["Half at n: samples at which the learnability is 1/2, without ridge."]
        if self.asked:
            notes.append(f"Learned: {self.asked}.")
        if self.unlearned:
            notes.append(f"Never learned: {self.unlearned} classes of eigenvalue 0.")
        return _render.Sheet(tuple(columns), caption=self.title, notes=tuple(notes), origin=self.origin)


def staircase(
    net, kernel: str = "ntk", *, samples: float | None = None, time: float | None = None, degree: int | None = None
) -> Staircase:
    r"""Which interactions a network learns, in which order, and with how many samples or in what time.

    .. math:: n_i = \sum_j \frac{\lambda_j}{\lambda_j + \lambda_i} + \frac{R}{\lambda_i}, \qquad t_i = 1/\lambda_i

    [Simon2023, with :math:`L_i = \frac12`; Xiao2022, thms. 4 and 5].

    Parameters
    ----------
    net
        A network; or a table of its eigenvalues, if there is one already.
    kernel
        ``"nngp"`` or ``"ntk"``.
    samples, time
        At most one of them: list only what is at least half learned by this number of samples (ridgeless), or by this
        time of gradient flow with infinitely many samples, with the learned shares.
    degree
        Largest total degree of the interactions, 4 by default.

    Returns
    -------
    Staircase
        One step for each class, the largest eigenvalue first.

    Notes
    -----
    Cost: that of `spectrum`, and a pass over the eigenvalues for each step.

    Examples
    --------
    >>> from eigenspace import cnn, rbf
    >>> net = cnn(16, (1, 4), 4, head="dense", activation=rbf(0.25))
    >>> [step.pattern for step in staircase(net, samples=5000, degree=3)]
    ['0', '1', '2']
    >>> print(staircase(net, degree=2).to_markdown())    # doctest: +ELLIPSIS
    |   order | interaction   | ...
    """
    if samples is not None and time is not None:
        raise ValueError(f"staircase takes one of samples and time, got samples={samples} and time={time}; drop one")
    samples = None if samples is None else _check.positive_real("samples", samples)
    time = None if time is None else _check.positive_real("time", time)
    table = _table(net, kernel, degree).sorted("value")
    listed = Spectrum.of(table)
    log10 = table.log10()
    count = int(np.sum(log10 > -np.inf))
    log2 = listed.log2
    half = [numbers(part, log2 + shift, rest, block) for part, shift, rest, block in _extremes(listed)]
    asked, learned = "", np.full(count, np.nan)
    if samples is not None:
        learned = effective(listed, np.array([samples]), listed.rest).learnability(log2)[0]
        asked = f"by {samples:g} samples"
    elif time is not None:
        learned = -np.expm1(-(2.0 ** np.minimum(log2 + math.log2(time), 1000)))
        asked = f"by time {time:g}"
    found = network_of(table)
    dim = math.log10(found.dim) if found is not None else None
    steps = []
    for i in range(count):
        if asked and learned[i] < 0.5:
            continue
        row = table.rows[i]
        ends = [float(column[i]) for column in half]
        steps.append(
            Step(
                len(steps) + 1, row.pattern, tuple((leaf, k) for leaf, k in enumerate(row.degrees) if k),
                row.total_degree, row.space, row.frequency, row.learning_index, row.multiplicity, row.log10,
                row.error, ends[0], (min(ends), max(ends)), -row.log10,
                None if dim is None else float(row.learning_index) * dim, float(learned[i]) if asked else None,
            )
        )  # fmt: skip
    title = f"Learning order of {table.provenance.network} ({table.kernel.upper()})"
    return Staircase(tuple(steps), len(table) - count, asked, title, origin(table, ("Simon2023",)))


def learn(
    net: Network, target, samples=None, *, times=None, kernel: str = "ntk", degree: int | None = None,
    ridge: float = 0.0, noise: float = 0.0,
) -> LearningCurve | GradientFlow:
    """The learning curve of a network over ``samples``, or its gradient flow over ``times``: what a command line needs.

    With ``times``, ``samples`` is one number of samples or None for infinitely many; ``degree`` as for `staircase`.

    >>> from eigenspace import mlp
    >>> learn(mlp(10, 2), [(1, 1.0)], [10, 100])
    LearningCurve(2 sample sizes, 1 targets, ridge 0, noise 0, risk known within ...)
    """  # fmt: skip
    table = _table(net, kernel, degree)
    if times is None:
        return learning_curve(table, target, samples, ridge=ridge, noise=noise)
    if ridge:
        raise ValueError(f"ridge must be 0 for gradient flow, got {ridge}; drop it, or drop times")
    return gradient_flow(table, target, times, samples=samples, noise=noise)


def _table(net, kernel: str, degree) -> EigenTable:
    if isinstance(net, EigenTable):
        if degree is not None:
            raise ValueError(f"degree is for networks, got degree={degree} beside a table; drop it")
        return checked_table(net)
    return spectrum(net, kernel, degree=degree)


def _extremes(listed: Spectrum):
    """The spectrum with the rest as ridge; and those with which fewest and most samples are needed.

    With each, what to add to the logarithms of the eigenvalues that are waited for.
    """
    lower, upper = listed.rest_bounds
    yield listed, 0.0, listed.rest, None
    yield listed.shifted(-1), np.log2(1 + listed.error), 0.0, (lower, listed.largest)
    yield listed.shifted(1), np.log2(np.maximum(1 - listed.error, 2.0**-60)), upper, None
