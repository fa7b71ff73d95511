r"""Exponents of learning curves, :math:`\text{risk} \sim n^{-\beta}`, as exact functions of dimension and smoothness.

All laws of kernels are one [Spigler2020]: on data of dimension ``D``, with eigenvalues
:math:`\lambda_k \sim k^{-(D + \theta_S)}` at frequency ``k`` and a target of power :math:`k^{-(D + \theta_T)}` per
eigenfunction,

.. math:: \beta = \frac{\min(\theta_T,\; 2 D + 2 \theta_S)}{D} .

A law of the literature says what ``D`` and the two smoothness exponents are.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from .. import _check
from .._formula import Formula
from ..eigenvalues import spectrum
from ..errors import UnsupportedError
from ..harmonics import multiplicity
from ..parts import Network, _network
from .effective import effective
from .spectra import Spectrum, scaled_integers

#: frequencies in the ideal spectrum of a fit, and how far beyond the last learned one the table of a network reaches
_FREQUENCIES, _REACH = 20000, 5
_LARGEST = 1000
#: numbers of samples of a fit
_POINTS = 13


@dataclass(frozen=True)
class Law:
    """One law: its ``source``, its ``setting`` in words, the ``parameters`` with their meaning, and what they say of
    ``D``, the smoothness of the target and of the kernel (None: no kernel, ``beta`` itself is given).  ``least``: the
    smallest values of parameters where that is not 0."""

    source: str
    setting: str
    parameters: Mapping[str, str]
    reads: Callable[..., tuple]
    beta: Callable[..., object] | None = None
    least: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """A fitted exponent: least squares of ``log risk`` on ``log n``; ``low`` and ``high`` are the smallest and the
    largest slope between neighbouring numbers of samples."""

    beta: float
    low: float
    high: float
    samples: tuple[float, ...]
    risk: tuple[float, ...]

    def __repr__(self) -> str:
        return (
            f"Fit(beta {self.beta:.3f}, local slopes {self.low:.3f} to {self.high:.3f}, "
            f"n from {self.samples[0]:.3g} to {self.samples[-1]:.3g})"
        )


@dataclass(frozen=True, repr=False)
class Exponent(Formula):
    r"""The exponent :math:`\beta` of one law; made by :func:`eigenspace.exponents`.

    ``beta``: a Fraction, or a SymPy expression in the symbols that were given; ``source``: citation keys; ``setting``:
    what it is about. `fit` has the slope of an exact learning curve.
    """

    law: str
    beta: object
    parameters: Mapping[str, object]
    source: str
    setting: str
    call: str

    def fit(self, net: Network | None = None, kernel: str = "ntk", *, samples=None) -> Fit:
        """The slope of an exact learning curve beside the exponent.

        Parameters
        ----------
        net
            A network of one leaf, whose table of high degrees is taken: the eigenvalues of all degrees are listed up to
            five times the last learned one, at most 1000.  None: the ideal spectrum of the law, pure powers.
        kernel
            ``"nngp"`` or ``"ntk"``.
        samples
            Numbers of samples between which the slope is taken, in ascending order; by default those that learn
            frequencies 300 to 3000, with a network 8 to 40.

        Returns
        -------
        Fit

        Notes
        -----
        Power of the target beyond the listed degrees counts as unlearned.  Raises
        :class:`~eigenspace.UnsupportedError` for laws that are not of kernels, :class:`ValueError` for parameters that
        are symbols, for a network of another dimension and for one that never learns some degree.
        Cost: for a network, that of `spectrum` up to the degree.

        >>> exponents("lazy", dim=3, smoothness=1).fit()
        Fit(beta 1.0..., local slopes ...)
        """
        dim, target, student = self._numbers()
        wanted = _wanted(samples, int(dim), (300, 3000) if net is None else (8, 40))
        reach = _FREQUENCIES
        if net is not None:
            reach = min(_LARGEST, _REACH * _frequency(wanted[-1], int(dim)))
        listed = _ideal(int(dim), float(student), reach) if net is None else _listed(net, kernel, int(dim), reach)
        degrees = np.arange(1, listed.mantissa.size)
        count = np.array([float(n) for n in listed.counts[1:]])
        power = count * degrees ** -float(dim + target)
        # beyond the last degree: the integral of a power that falls like k**(-1 - target)
        tail = power[-1] * (reach + 0.5) ** -float(target) / float(target) * reach ** float(1 + target)
        found = effective(listed, wanted, listed.rest)
        risk = wanted * (found.missed(listed.log2[1:]) ** 2 @ power + tail) / found.spread
        x, y = np.log(wanted), np.log(risk)
        local = -np.diff(y) / np.diff(x)
        slope = -float(np.polyfit(x, y, 1)[0])
        return Fit(slope, float(local.min()), float(local.max()), tuple(wanted.tolist()), tuple(risk.tolist()))

    def _numbers(self) -> tuple[Fraction, Fraction, Fraction]:
        law = LAWS[self.law]
        if law.beta is not None:
            raise UnsupportedError(
                f"the law {self.law!r} is not one of kernel regression, so no spectrum predicts it; fit the law 'lazy'"
            )
        found = tuple(_fraction(x) for x in law.reads(**self.parameters))
        if None in found:
            raise ValueError(
                f"parameters must be numbers for a fit, got {dict(self.parameters)}; give numbers in place of symbols"
            )
        if found[0].denominator != 1:
            raise ValueError(
                f"the dimension of the data must be an integer for a fit, got {found[0]}, to which the parameters "
                f"{dict(self.parameters)} amount; use an integer, or for the law 'deep_cnn' the highest level"
            )
        if found[1] <= 0:
            raise ValueError(
                f"the smoothness of the target must be positive for a fit, got {found[1]}; use a larger one"
            )
        return found

    def _equations(self):
        import sympy

        yield rf"\beta = {sympy.latex(sympy.sympify(self.beta))}"

    def _origin(self):
        yield self.call
        yield self.setting
        yield "cite: " + self.source

    def __repr__(self) -> str:
        return f"Exponent(beta = {self.beta}, {self.law} [{self.source}])"


def exponents(law: str, **parameters) -> Exponent:
    r"""The exponent :math:`\beta` of a learning curve, :math:`\text{risk} \sim n^{-\beta}`, by a law of the literature.

    .. math:: \beta = \frac{\min(\theta_T,\; 2D + 2\theta_S)}{D}

    [Spigler2020], for data of dimension ``D``, a kernel :math:`\lambda_k \sim k^{-(D+\theta_S)}` and a target of power
    :math:`k^{-(D+\theta_T)}` per eigenfunction; without noise and ridge.

    Parameters
    ----------
    law
        ``"teacher_student"`` [Spigler2020]: the formula itself, with ``dim`` (``D``), ``target`` and ``kernel``, the
        two :math:`\theta`.
        ``"lazy"`` [Petrini2022]: the NTK of ReLU networks on :math:`S^{d-1}`, :math:`\min(2\nu, 2d)/(d-1)`, with
        ``dim`` (``d``) and ``smoothness``, the :math:`\nu` of a target with
        :math:`E|f(x)-f(y)|^2 \sim |x-y|^{2\nu}`.
        ``"feature"`` [Petrini2022]: the same after feature learning of one hidden layer,
        :math:`\min(2\nu, d+2)/(d-1)`.
        ``"deep_cnn"`` [Cagnetta2023]: a deep convolutional network whose ``patches`` :math:`(s_1, \dots, s_L)` lead to
        its largest meta-patches; the target of ``smoothness`` ``m`` depends on one meta-patch, of dimension
        :math:`D_l = (s_1 - 1) s_2 \cdots s_l` at ``level`` ``l`` (by default the last, ``L``); the kernel has the
        ``singularity`` :math:`\nu` (1/2 for the NTK, 3/2 for NNGP).  Eigenvalues of level ``l`` fall like
        :math:`k^{-(D_l + 2\nu)}` and those of level ``L`` take nearly all samples, so that

        .. math:: \beta = \min(2m,\; 2D_l + 4\nu)\, \frac{1 + 2\nu/D_L}{D_l + 2\nu} .

        ``"local"`` [Favero2021]: a teacher that is a sum over patches of ``teacher_patch`` pixels of
        smoothness ``teacher`` (:math:`\alpha_t`), a student of ``student_patch`` and ``student`` (:math:`\alpha_s`); a
        student of smaller patches does not learn it.
        ``"ranks"``: eigenvalues :math:`\lambda_i \sim i^{-a}` and powers :math:`v_i^2 \sim i^{-b}` by rank, with
        ``eigenvalues`` (``a``) and ``powers`` (``b``), both above 1: :math:`\min(b - 1, 2a)`.
    parameters
        Integers, fractions, floats (the decimal numbers that they print as) or SymPy expressions.

    Returns
    -------
    Exponent
        ``beta`` is exact; ``fit()`` has the slope of an exact curve beside it.

    Notes
    -----
    Power counting with the spectra of the sources, confirmed by the learning curves of exact spectra (`Exponent.fit`);
    not theorems for a given network.  A ReLU network of one hidden layer never learns odd degrees from 3 on, so the
    law "lazy" needs two or more, or a target without them.

    Examples
    --------
    >>> exponents("lazy", dim=5, smoothness=1.5), exponents("feature", dim=5, smoothness=4.5).beta
    (Exponent(beta = 3/4, lazy [Petrini2022; Spigler2020]), Fraction(7, 4))
    >>> import sympy
    >>> exponents("lazy", dim=sympy.Symbol("d", positive=True), smoothness=sympy.Symbol("nu", positive=True)).beta
    Min(2*d, 2*nu)/(d - 1)
    >>> [exponents("deep_cnn", patches=patches, smoothness=1).beta for patches in ((2, 2, 2), (2, 2))]
    [Fraction(1, 2), Fraction(1, 1)]
    >>> exponents("deep_cnn", patches=(2, 2, 2), smoothness=1, level=2).beta        # one level more than needed
    Fraction(5, 6)
    """
    law = _check.choice("law", law, LAWS)
    known = LAWS[law]
    missing = [name for name in known.parameters if name not in parameters and name not in _DEFAULTS]
    extra = [name for name in parameters if name not in known.parameters]
    if missing or extra:
        taken = ", ".join(f"{name} ({meaning})" for name, meaning in known.parameters.items())
        way_out = f"add {', '.join(missing)}" if missing else f"drop {', '.join(extra)}"
        raise TypeError(f"the law {law!r} takes {taken}, got {', '.join(parameters) or 'none'}; {way_out}")
    given = {name: _DEFAULTS[name] for name in known.parameters if name in _DEFAULTS} | parameters
    exact = {name: _exact(known, name, value) for name, value in given.items()}
    beta = _beta(known, exact)
    call = f"eigenspace.exponents({law!r}, {', '.join(f'{k}={v!r}' for k, v in parameters.items())})"
    return Exponent(law, beta, exact, known.source, known.setting, call)


# parameters ------------------------------------------------------------------------------------------


def _exact(law: Law, name: str, value):
    """A parameter as SymPy numbers and expressions; the patches as a tuple of them, a level as it is."""
    import sympy

    if name == "patches":
        return tuple(map(sympy.Integer, _check.positive_integers(name, value, "give (s_1, ..., s_L)")))
    if name == "level":
        return None if value is None else _check.positive_integer(name, value)
    if getattr(value, "free_symbols", None):
        return value
    if getattr(value, "is_Rational", False):
        value = Fraction(int(value.p), int(value.q))
    found = sympy.Rational(_check.rational(name, value))
    least = law.least.get(name, 0)
    if found < least:
        raise ValueError(f"{name} must be at least {least}, got {value}; use a larger one")
    return found


def _beta(law: Law, parameters: dict):
    import sympy

    if law.beta is not None:
        found = law.beta(**parameters)
    else:
        dim, target, student = law.reads(**parameters)
        if dim == 0:
            raise ValueError("the dimension of the data must be positive, got 0; a sphere needs dim >= 2")
        found = sympy.Min(target, 2 * dim + 2 * student) / dim
    found = sympy.sympify(found)
    return _fraction(found) if found.is_Rational else sympy.simplify(found)


def _fraction(x) -> Fraction | None:
    import sympy

    x = sympy.sympify(x)
    return Fraction(int(x.p), int(x.q)) if x.is_Rational else None


def _local(teacher_patch, student_patch, teacher, student):
    import sympy

    too_small = sympy.Lt(student_patch, teacher_patch)
    # a student that never sees a whole patch of the teacher learns nothing of it
    return (student_patch, sympy.Piecewise((0, too_small), (teacher, True)), student)


def _meta_patch(patches, level, smoothness, singularity):
    if level is not None and level > len(patches):
        raise ValueError(f"level must be at most the number of patches, {len(patches)}, got {level}; use a smaller one")
    sizes = [patches[0] - 1]
    for fan_in in patches[1:]:
        sizes.append(sizes[-1] * fan_in)
    own, largest = sizes[-1 if level is None else level - 1], sizes[-1]
    if largest == 0:
        return largest, 2 * smoothness, 2 * singularity
    # n samples learn the frequencies below n**(1/dim) of this level, since kappa ~ n**-(1 + 2 singularity / largest)
    dim = largest * (own + 2 * singularity) / (largest + 2 * singularity)
    return dim, 2 * smoothness, own + 2 * singularity - dim


def _ranks(eigenvalues, powers):
    for name, value in (("eigenvalues", eigenvalues), ("powers", powers)):
        if value.is_number and value <= 1:
            raise ValueError(f"{name} must be above 1, or their sum is infinite, got {value}; use a larger one")
    return 1, powers - 1, eigenvalues - 1


def _feature(dim, smoothness):
    import sympy

    return sympy.Min(2 * smoothness, dim + 2) / (dim - 1)


_DEFAULTS = {"singularity": Fraction(1, 2), "level": None}

LAWS: Mapping[str, Law] = {
    "teacher_student": Law(
        "Spigler2020", "teacher and student kernels on data of dimension D",
        {"dim": "D", "target": "theta_T", "kernel": "theta_S"},
        lambda dim, target, kernel: (dim, target, kernel), least={"dim": 1},
    ),
    "lazy": Law(
        "Petrini2022; Spigler2020", "NTK regression with ReLU on the sphere in R^d",
        {"dim": "d", "smoothness": "nu"},
        lambda dim, smoothness: (dim - 1, 2 * smoothness, 1), least={"dim": 2},
    ),
    "feature": Law(
        "Petrini2022", "one hidden layer of ReLU with few atoms on the sphere in R^d",
        {"dim": "d", "smoothness": "nu"}, lambda dim, smoothness: (dim - 1, 2 * smoothness, None), _feature,
        {"dim": 2},
    ),
    "deep_cnn": Law(
        "Cagnetta2023; Spigler2020", "a deep convolutional network and a target that sees one meta-patch",
        {"patches": "s_1, ..., s_L", "smoothness": "m", "level": "l, that of the target, the last by default",
         "singularity": "1/2 for the NTK, 3/2 for NNGP"}, _meta_patch,
    ),
    "local": Law(
        "Favero2021", "a student kernel and a teacher that are sums over patches",
        {"teacher_patch": "t", "student_patch": "s", "teacher": "alpha_t", "student": "alpha_s"}, _local,
    ),
    "ranks": Law(
        "Spigler2020", "eigenvalues and powers that are powers of the rank",
        {"eigenvalues": "a", "powers": "b"},
        _ranks,
    ),
}  # fmt: skip


# fits ------------------------------------------------------------------------------------------------


def _frequency(n: float, dim: int) -> int:
    """The frequency up to which there are ``n`` harmonics, about."""
    return math.ceil((n * math.factorial(dim) / 2) ** (1 / dim))


def _wanted(samples, dim: int, frequencies: tuple[int, int]) -> np.ndarray:
    if samples is None:
        low, high = (2 * k**dim / math.factorial(dim) for k in frequencies)
        return np.geomspace(low, high, _POINTS)
    wanted = np.array([_check.positive_real("samples", float(n)) for n in samples])
    if wanted.size < 2 or np.any(np.diff(wanted) <= 0):
        raise ValueError(f"samples must be two or more ascending numbers, got {samples!r}; use [100, 1000]")
    return wanted


def _ideal(dim: int, student: float, reach: int) -> Spectrum:
    """Pure powers at the frequencies of the sphere of this dimension, the constant as large as frequency 1."""
    degrees = np.maximum(np.arange(reach + 1), 1)
    counts = np.empty(reach + 1, dtype=object)
    counts[:] = [multiplicity(dim + 1, k) for k in range(reach + 1)]
    mantissa, exponent = np.frexp(degrees ** -(dim + student))
    count, count_exponent = scaled_integers(counts.tolist())
    # what lies beyond sums to an integral of a power
    last = float(counts[-1]) * float(reach) ** -(dim + student)
    rest = last * reach ** (1 + student) * (reach + 0.5) ** -student / student if student > 0 else math.inf
    if rest == math.inf:
        raise ValueError("the kernel must be smoother than a jump for a fit, got smoothness 0; use a positive one")
    rows = mantissa, exponent.astype(np.int64), count, count_exponent, counts, np.zeros(reach + 1)
    return Spectrum(*rows, rest, (rest, rest), rest)


def _listed(net: Network, kernel: str, dim: int, reach: int) -> Spectrum:
    net = _network(net)
    if len(net.leaves) != 1 or net.dim != dim + 1:
        raise ValueError(
            f"net must be one sphere in dimension {dim + 1}, got {net.summary()}; use mlp({dim + 1}, 2)"
        )
    table = spectrum(net, kernel, degree=reach)
    zeros = np.flatnonzero(np.isneginf(table.log10()))
    if zeros.size:
        first = table.total_degree[zeros[0]]
        raise ValueError(f"net must learn every degree, got eigenvalue 0 at degree {first}; use depth 2 or more")
    return Spectrum.of(table)
