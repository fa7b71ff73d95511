r"""One convolution with overlapping patches on the Boolean cube, and local average pooling, solved exactly.

On a ring of ``d`` bits with patches :math:`x_{(k)} = (x_k, \dots, x_{k+q-1})`, :math:`q \le d/2`, the kernel

.. math:: H(x, y) = \frac1{d\omega} \sum_{k=1}^d \sum_{s,s'=1}^\omega h(\langle x_{(k+s)}, y_{(k+s')} \rangle / q)

has [MisiakiewiczMei2022], for every set ``S`` of bits that spans :math:`\gamma(S) \le q` places of the ring, the
eigenvalues

.. math:: \kappa_j\, \frac{q + 1 - \gamma(S)}d\, \xi_{q,|S|} \quad\text{on}\quad
          d^{-1/2} \sum_k e^{2\pi i jk/d} \prod_{i \in S} x_{k+i}, \qquad j = 0, \dots, d-1,

with :math:`\xi_{q,\ell} = E[h(\bar u)\, u_1 \cdots u_\ell]` over ``q`` bits ``u`` of mean :math:`\bar u`, then
:math:`\omega\, \xi_{q,0}` on the constant, and 0 on all products of bits that span more.  (The sum over the patches
that hold ``S`` gives their number, and the sums over the pool are a circulant matrix.)  The factors of the pooling
:math:`\kappa_j = 1 + 2 \sum_{k<\omega} (1 - k/\omega) \cos(2\pi jk/d)` are the Fejer kernel

.. math:: \kappa_j = \frac1\omega \Bigl| \sum_{s=1}^\omega e^{2\pi i js/d} \Bigr|^2
          = \frac1\omega \Bigl( \frac{\sin(\pi \omega j/d)}{\sin(\pi j/d)} \Bigr)^2, \qquad \kappa_0 = \omega,

where nothing cancels; :math:`\gcd(\omega, d) - 1` of them are exactly 0.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, comb, inf, log, log2

import numpy as np

from . import _check
from ._flint import precision, scaled_ball
from ._render import bound_text
from ._version import __version__
from .activations import Activation, relu
from .classes import enumerate_classes
from .eigenvalues import spectrum
from .errors import UnsupportedError
from .indices import index_columns, leading_exponents
from .kernels import KERNELS, kernel_function, trace
from .networks import mlp
from .parts import Network
from .rings import EXACT, FLOAT, BallColumn, BallRing, ExactColumn, FloatColumn
from .rings.balls import relative_error
from .rings.floats import UNIT
from .shapes import layout, size_exponent
from .table import BOUNDS, EigenTable, Provenance

_CITATIONS = ("MisiakiewiczMei2022", "YangSalman2019")
#: bits of a factor of the pooling beyond those of the eigenvalues
_GUARD_BITS = 32
#: relative error of a trace beyond which a table mentions it
_SILENT = 1e-12
#: waves that the name of a group lists one by one
_NAMED_WAVES = 3


@dataclass(frozen=True)
class _Group:
    """Waves that share a factor: ``waves`` up to ``d/2`` (each stands for its negative too), ``count`` of all.

    ``exact``: the factor where it is a fraction by symmetry, else None.
    """

    waves: tuple[int, ...]
    count: int
    exact: Fraction | None

    @property
    def name(self) -> str:
        """For the interaction column."""
        if len(self.waves) <= _NAMED_WAVES:
            return "wave " + ", ".join(map(str, self.waves))
        return f"wave {self.waves[0]}, {self.waves[1]}, …, {self.waves[-1]}"


@dataclass(frozen=True, eq=False, repr=False)
class PooledCube:
    """A layer of overlapping patches of bits with local average pooling; made by :func:`eigenspace.pooled_cube`.

    ``bits``: of the ring; ``patch``: bits of a patch; ``pool``: positions that are averaged; ``inner``: the network of
    one patch, whose kernel of the mean of its bits is ``h``.
    """

    bits: int
    patch: int
    pool: int
    inner: Network
    call: str

    def summary(self) -> str:
        """One line: the call, the sizes, the activation."""
        names = ", ".join(a.name for a in self.inner.activations)
        return (
            f"{self.call}: ring of {self.bits} bits, patches of {self.patch}, pool {self.pool}, "
            f"depth {self.inner.depth}, {names}"
        )

    def __repr__(self) -> str:
        return f"<{self.summary()}>"

    def factors(self) -> np.ndarray:
        r"""The factors :math:`\kappa_j` of the pooling, ``j = 0, ..., bits - 1``; their sum is the number of bits.

        >>> pooled_cube(6, 3, pool=2).factors().round(12).tolist()
        [2.0, 1.5, 0.5, 0.0, 0.5, 1.5]
        """
        out = np.zeros(self.bits)
        with precision(64 + _GUARD_BITS):
            for group in self._groups():
                for j in group.waves:
                    out[j] = out[-j] = float(self._factor(group).mid())
        return out

    def effective_dimension(self, alpha: float) -> float:
        r""":math:`d_{eff} = \sum_{\kappa_j > 0} (\kappa_j / \omega)^{1/\alpha}`, at most :math:`d / \omega^{1/\alpha}`.

        Takes the place of ``d`` in the rate :math:`(d/n)^{\alpha\beta/(\alpha\beta+1)}` for ``n`` samples at fixed
        dimension, where ``alpha`` is the exponent of the eigenvalues of ``h`` [MisiakiewiczMei2022].

        >>> [round(pooled_cube(30, 10, pool=w).effective_dimension(2), 3) for w in (1, 5, 30)]
        [30.0, 9.757, 1.0]
        """
        alpha = _check.positive_real("alpha", alpha)
        return float(np.sum((self.factors() / self.pool) ** (1 / alpha), where=self.factors() > 0))

    def samples(self, degree: int) -> dict[str, float]:
        r"""Orders of the number of samples that learn degree ``l`` for large ``d`` [MisiakiewiczMei2022].

        ``"FC"``: fully connected, :math:`d^l`; ``"FC-GP"``: with global pooling, :math:`d^{l-1}`; ``"CK"``: this
        convolution without pooling, :math:`d q^{l-1}`; ``"CK-LP"``: with this pooling, :math:`d q^{l-1} / \omega` (for
        waves that the pool lets pass); ``"CK-GP"``: with global pooling, :math:`q^{l-1}`.

        >>> pooled_cube(30, 10, pool=5).samples(3)
        {'FC': 27000.0, 'FC-GP': 900.0, 'CK': 3000.0, 'CK-LP': 600.0, 'CK-GP': 100.0}
        """
        power = _check.positive_integer("degree", degree) - 1
        d, q = float(self.bits), float(self.patch)
        local = d * q**power
        return {"FC": d * d**power, "FC-GP": d**power, "CK": local, "CK-LP": local / self.pool, "CK-GP": q**power}

    def kernel_function(self, kernel: str = "ntk") -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """The kernel as a function of inputs: two arrays of -1 and 1 of shape ``(..., bits)`` that broadcast.

        Cost: at most ``min(2 * pool - 1, bits)`` tables of ``h`` read on arrays of the joint shape.

        >>> import numpy as np
        >>> x = np.ones(6)
        >>> pooled_cube(6, 3, pool=2).kernel_function("nngp")(x, x)
        2.0
        """
        values = self._values(_check.choice("kernel", kernel, KERNELS))
        # patch k of x meets patch k + shift of y in this share of the pools
        weights = np.zeros(self.bits)
        for shift in range(1 - self.pool, self.pool):
            weights[shift % self.bits] += 1 - abs(shift) / self.pool

        def function(x, y):
            x, y = (self._corners(name, corner) for name, corner in (("x", x), ("y", y)))
            total = 0.0
            for shift in np.flatnonzero(weights):
                product = x * np.roll(y, -shift, axis=-1)
                sums = np.cumsum(np.concatenate([product, product[..., : self.patch]], axis=-1), axis=-1, dtype=int)
                overlap = sums[..., self.patch :] - sums[..., : -self.patch]
                total = total + weights[shift] * values[(overlap + self.patch) // 2].mean(axis=-1)
            return float(total) if np.ndim(total) == 0 else total

        return function

    def _values(self, kernel: str) -> np.ndarray:
        """``h`` where 0, 1, ..., patch bits agree."""
        means = 2 * np.arange(self.patch + 1) / self.patch - 1
        return kernel_function(self.inner, kernel)(np.broadcast_to(means[:, None], (self.patch + 1, self.patch)))

    def _corners(self, name: str, corner) -> np.ndarray:
        corner = np.asarray(corner, dtype=float)
        if corner.ndim == 0 or corner.shape[-1] != self.bits or not np.all(np.abs(corner) == 1):
            raise ValueError(
                f"{name} must hold {self.bits} numbers -1 or 1 along its last axis, got shape {corner.shape}; "
                f"use numpy.sign of other inputs"
            )
        return corner

    def spectrum(self, kernel: str = "ntk", *, degree: int = 4, ring=FLOAT, rtol: float = 1e-12) -> EigenTable:
        r"""The table of eigenvalues of all products of at most ``degree`` bits.

        Parameters
        ----------
        kernel
            ``"nngp"`` or ``"ntk"``.
        degree
            Largest number of bits; with ``degree=bits`` the rows hold all :math:`2^d` eigenfunctions.
        ring
            `FLOAT`, ``ball(bits)``, or `EXACT` where the activations are polynomials and the factors of the pooling are
            fractions (no pooling, global pooling, and all but one position).
        rtol
            Relative error to aim for, as in :func:`eigenspace.spectrum`.

        Returns
        -------
        EigenTable
            A row for every number of bits, span, and wave ``j`` (up to ``bits / 2``, standing for ``-j`` too; waves
            of the same factor share a row), and for all products that no patch holds: exact zeros.  Of the indices,
            ``F`` is the degree times the exponent of the patch, and ``S = log(d / (r kappa)) / log d`` for the ``r``
            patches that hold the bits; ``d**L`` samples learn a class.

        Notes
        -----
        Cost: that of ``degree + 1`` eigenvalues on a cube of ``patch`` bits, and a product for each row, of which there
        are up to ``degree * patch * bits / 2``.

        Examples
        --------
        >>> import eigenspace as es
        >>> cube = es.pooled_cube(30, 10, pool=30, activation=es.dual_polynomial((0, 1, 1, 1, 1, 1)))
        >>> table = cube.spectrum("nngp", degree=1, ring=es.EXACT)
        >>> [(row.pattern, str(row.value), row.multiplicity) for row in table]
        [('0', '96/125', 1), ('1 · wave 0', '876/3125', 1), ('1 · wave 1, 2, …, 15', '0', 29)]
        """
        kernel = _check.choice("kernel", kernel, KERNELS)
        degree = _check.integer("degree", degree, 0, self.bits, f"the ring has {self.bits} bits")
        rtol = _check.positive_real("rtol", rtol, "1e-12 is the default")
        # of the patch, half the error in balls is left to the factors
        aim = rtol / 2 if isinstance(ring, BallRing) else rtol
        inner = spectrum(self.inner, kernel, degree=min(degree, self.patch), ring=ring, rtol=aim)
        rows = list(self._rows(degree))
        values, error, bound = self._column(inner, rows, rtol)
        space, frequency, learning = self._indices(rows, min(degree, self.patch), kernel, values.log10())
        constant = inner[0]
        total = trace(self.inner, kernel, 1.0) + (self.pool - 1) * float(constant.value)
        doubt = constant.error * (self.pool - 1) * float(constant.value) / total
        named = "" if ring is FLOAT else f", ring={ring!r}"
        named += "" if rtol == 1e-12 else f", rtol={rtol!r}"
        return EigenTable(
            values=values,
            error=error,
            bound=bound,
            multiplicity=[row.count for row in rows],
            total_degree=[row.degree for row in rows],
            space=space,
            frequency=frequency,
            learning_index=learning,
            patterns=tuple(row.pattern for row in rows),
            degrees=tuple(row.representative(self.bits, self.patch) for row in rows),
            trace=total,
            provenance=Provenance(
                call=f"eigenspace.{self.call}.spectrum({kernel!r}, degree={degree}{named})",
                network=self.summary(),
                kernel=kernel,
                ring=ring.name,
                method=f"translations of patches; on one patch {inner.provenance.method}",
                order=inner.provenance.order,
                citations=tuple(dict.fromkeys((*_CITATIONS, *inner.provenance.citations))),
                version=__version__,
            ),
            kernel=kernel,
            notes=_notes(doubt),
        )

    # --- inside ---------------------------------------------------------------------------------------------------

    def _groups(self) -> list[_Group]:
        """The waves by their factors: where two are equal by symmetry, they share a group."""
        d, found = self.bits, {}
        for j in range(d // 2 + 1):
            passed = min(self.pool * j % d, -self.pool * j % d)
            if j == 0:
                key = Fraction(self.pool)
            elif passed == 0 or passed == j:
                # the sum over the pool is 0, or has the modulus 1
                key = Fraction(0 if passed == 0 else 1, self.pool)
            else:
                key = j
            found.setdefault((isinstance(key, Fraction), key), []).append(j)
        count = lambda waves: sum(1 if j == 0 or 2 * j == d else 2 for j in waves)  # noqa: E731
        return [_Group(tuple(w), count(w), key if known else None) for (known, key), w in found.items()]

    def _factor(self, group: _Group):
        """The factor of a group as a ball, at the precision of the caller."""
        from flint import arb, fmpq

        if group.exact is not None:
            return arb(group.exact.numerator) / group.exact.denominator
        j, d = group.waves[0], self.bits
        ratio = arb.sin_pi_fmpq(fmpq(self.pool * j % d, d)) / arb.sin_pi_fmpq(fmpq(j, d))
        return ratio**2 / self.pool

    def _rows(self, degree: int) -> Iterator["_Row"]:
        """All rows, by ascending degree, then span, then wave."""
        d, q, groups = self.bits, self.patch, self._groups()
        yield _Row(0, 0, None, 1)
        for bits in range(1, degree + 1):
            for span in range(bits, q + 1) if bits > 1 else (1,):
                # the first and the last place are taken; the others lie between
                ways = comb(span - 2, bits - 2) if bits > 1 else 1
                for group in groups:
                    yield _Row(bits, span, group, ways * group.count, len(groups) == 1)
            beyond = comb(d, bits) - (d * comb(q - 1, bits - 1) if bits <= q else 0)
            if beyond:
                yield _Row(bits, None, None, beyond)

    def _column(self, inner: EigenTable, rows: list, rtol: float):
        """Values, relative errors and kinds of bounds of the rows, in the ring of the eigenvalues of a patch."""
        ring = inner.ring
        if ring is EXACT and any(row.group and row.group.exact is None for row in rows):
            raise UnsupportedError(
                f"eigenspace.EXACT: the factors of the pooling, pool={self.pool} on {self.bits} bits, are no fractions;"
                f" use ring=eigenspace.ball(128), or pool=1 or {self.bits}"
            )
        bits = max(getattr(ring, "bits", 64), ceil(-log2(rtol))) + _GUARD_BITS
        error, bound, cells = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.uint8), []
        with precision(bits):
            factors = {row.group: self._factor(row.group) for row in rows if row.group}
            for i, row in enumerate(rows):
                share = self._share(row)
                seen = share != 0 and inner.log10()[row.degree] > -inf
                source = inner.column.take([row.degree]) if seen else None
                cell, error[i] = _scaled(ring, source, inner.error[row.degree] if seen else 0.0, share, factors, row)
                cells.append(cell)
                if error[i] > 0:
                    # a rounded factor takes the exactness of what it multiplies
                    bound[i] = max(inner.bound[row.degree], BOUNDS.index("rounded" if ring is FLOAT else "proved"))
        if ring is FLOAT:
            mantissa, exponent = np.array(cells).reshape(-1, 2).T
            return FloatColumn(mantissa.copy(), exponent.astype(np.int64)), error, bound
        column = ExactColumn(tuple(cells)) if ring is EXACT else BallColumn(ring, tuple(cells))
        return column, error, bound

    def _share(self, row: "_Row") -> Fraction:
        """What multiplies the eigenvalue of a patch, where the factor of the pooling is not 0: the share of patches."""
        if row.degree == 0:
            return Fraction(self.pool)
        if row.span is None or row.group.exact == 0:
            return Fraction(0)
        return Fraction(self.patch + 1 - row.span, self.bits)

    def _indices(self, rows: list, degree: int, kernel: str, log10) -> tuple[list, list, list]:
        """Space, frequency and learning index of all rows."""
        d = self.bits
        pool = enumerate_classes(layout(self.inner).root, degree)
        frequency, leading = index_columns(pool, d)[1], leading_exponents(pool, d, kernel)
        block = size_exponent(self.patch, d)
        factors = self.factors()
        spaces = []
        for row in rows:
            share = self._share(row)
            if not share:
                spaces.append(inf)
                continue
            exact = row.group.exact if row.group else Fraction(1)
            size = share * d * exact if exact is not None else float(share * d) * factors[row.group.waves[0]]
            whole = isinstance(size, Fraction) and size.denominator == 1
            spaces.append(1 - (size_exponent(int(size), d) if whole else log(size) / log(d)))
        learning = [
            inf if x == -inf else leading[row.degree] + space for row, space, x in zip(rows, spaces, log10.tolist())
        ]
        return spaces, [frequency[r.degree] if r.degree <= degree else r.degree * block for r in rows], learning


@dataclass(frozen=True)
class _Row:
    """Products of ``degree`` bits that span ``span`` places (None: more than a patch), in the waves of a group."""

    degree: int
    span: int | None
    group: _Group | None
    count: int
    all_waves: bool = False

    @property
    def pattern(self) -> str:
        """The interaction as text."""
        if not self.degree:
            return "0"
        parts = [" ".join("1" * self.degree)]
        if self.span is None:
            parts.append("no patch holds them")
        else:
            parts += [f"span {self.span}"] * (self.degree > 1)
            parts += [self.group.name] * (not self.all_waves)
        return " · ".join(parts)

    def representative(self, bits: int, patch: int) -> tuple[int, ...]:
        """The degrees of all bits of one product."""
        places = set(range(self.degree))
        if self.degree > 1 and self.span is not None:
            places = {*range(self.degree - 1), self.span - 1}
        elif self.span is None and 1 < self.degree <= patch:
            places = {*range(self.degree - 1), patch}
        return tuple(int(i in places) for i in range(bits))


def _scaled(ring, source, error: float, share: Fraction, factors: dict, row: _Row) -> tuple:
    """One eigenvalue of a patch times the share of patches and the factor of the pooling; and its relative error."""
    from flint import arb, fmpq

    if ring is EXACT:
        exact = share * (row.group.exact if row.group else 1)
        zero = EXACT.column_from_jsonable(["0"]).numbers[0]
        return (source.numbers[0] * fmpq(exact.numerator, exact.denominator) if source else zero), 0.0
    factor = arb(share.numerator) / share.denominator * factors.get(row.group, arb(1))
    if ring is not FLOAT:
        ball = source.balls[0] * factor if source else arb(0)
        return ball, relative_error(ball)
    if source is None:
        return (0.0, 0), 0.0
    mantissa, exponent = scaled_ball(factor)
    head, shift = np.frexp(source.mantissa[0] * mantissa)
    # the factor and the product are rounded once each
    return (float(head), int(source.exponent[0]) + exponent + int(shift)), error + 4 * UNIT * (1 + error)


def _notes(doubt: float) -> tuple[str, ...]:
    notes = (
        "Interaction: the bits of a product, the places of the ring that they span, and the wave j of the sum over all "
        "its translations; j stands for -j too.",
        "S = log(d / (r kappa)) / log d, with the r patches that hold the bits and the factor kappa of the pooling.",
    )
    if doubt > _SILENT:
        notes += (f"The trace has a relative error of up to {bound_text(doubt)}, from the eigenvalue of the constant.",)
    return notes


def pooled_cube(
    bits: int, patch: int, pool: int = 1, *, stride: int = 1, depth: int = 1, activation: Activation = relu
) -> PooledCube:
    r"""One convolution with overlapping patches on a ring of bits, local average pooling, and a linear readout.

    .. math:: H(x, y) = \frac1{d\omega} \sum_k \sum_{s,s' \le \omega} h(\langle x_{(k+s)}, y_{(k+s')} \rangle / q)

    [MisiakiewiczMei2022].  Without pooling this is the mean over all patches; with a pool of all positions it is ``d``
    times the kernel of global average pooling.

    Parameters
    ----------
    bits
        ``d``, the number of bits on the ring, each -1 or 1, independent and uniform.
    patch
        ``q``, consecutive bits that a filter sees, at most ``bits / 2`` (beyond, a set of bits may fit into a patch
        in two ways).
    pool
        :math:`\omega`, consecutive positions that are averaged, from 1 (none) to ``bits`` (all).
    stride
        Step between pools; only 1 is implemented.
    depth
        Number of layers that act on a patch: the convolution, and convolutions of size 1 behind it.
    activation
        Of all layers; ``h`` is the NNGP kernel or the NTK of one patch, as a function of the mean correlation of its
        bits.  :func:`eigenspace.dual_polynomial` gives any polynomial ``h`` with non-negative coefficients.

    Returns
    -------
    PooledCube
        ``spectrum()`` is its exact table.

    Raises
    ------
    UnsupportedError
        For a stride other than 1: the translations of a product then no longer separate into waves.

    Examples
    --------
    >>> import eigenspace as es
    >>> cube = es.pooled_cube(30, 10, pool=5)
    >>> cube
    <pooled_cube(30, 10, pool=5): ring of 30 bits, patches of 10, pool 5, depth 1, relu>
    >>> table = cube.spectrum(degree=2)
    >>> table[1].pattern, table[1].multiplicity, table.where(lambda row: row.value == 0)[0].pattern
    ('1 · wave 0', 1, '1 · wave 6, 12')
    """
    bits = _check.integer("bits", bits, 2, None, "use 2 or more")
    limit = f"with {bits} bits use at most {bits // 2}; for a patch of all bits use mlp(1, depth, leaves={bits})"
    patch = _check.integer("patch", patch, 1, bits // 2, limit)
    pool = _check.integer("pool", pool, 1, bits, f"use 1 for no pooling, {bits} for global pooling")
    if _check.positive_integer("stride", stride) != 1:
        raise UnsupportedError(
            f"stride must be 1, got {stride}: with larger steps the translations of a product do not separate into "
            f"waves; use stride=1, which leaves the low waves nearly as they are [MisiakiewiczMei2022]"
        )
    inner = mlp(1, depth, leaves=patch, activation=activation)
    call = f"pooled_cube({bits}, {patch}" + f", pool={pool}" * (pool > 1) + f", depth={depth}" * (depth > 1)
    call += f", activation={activation!r})" if activation != relu else ")"
    return PooledCube(bits, patch, pool, inner, call)
