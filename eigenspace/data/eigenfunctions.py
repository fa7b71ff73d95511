r"""Eigenfunctions: products of spherical harmonics, one factor per leaf, of mean square 1.

The zonal harmonic with a pole ``e`` on the sphere of a leaf is :math:`Y(x) = N(s,k)^{1/2} P_k(\langle x, e\rangle)`; by
the reproducing property [AtkinsonHan2012, thm. 2.9]

.. math:: E[Y_e Y_{e'}] = P_k(\langle e, e'\rangle),

so that every pole gives a function of mean square 1, and enough of them all functions of the degree.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .. import _check
from ..eigenvalues import _degrees
from ..harmonics import gegenbauer, zonal_harmonic
from ..parts import Leaf, Network, _concrete
from ..shapes import Layout, layout
from .sampling import features, generator, offsets


def harmonic(net: Network, degrees, X, *, seed=None) -> np.ndarray:
    r"""A normalised real eigenfunction of the kernels of a network, a product of zonal harmonics.

    .. math:: Y(x) = \prod_u N(s_u,r_u)^{1/2}\, P_{r_u}(\langle x_u, e_u\rangle)

    Its mean square is 1, and functions of different degrees are orthogonal.  Under ``head="gap"``, a function of one
    position is averaged over all of them, :math:`w^{-1/2} \sum_v Y(x_v)` [Xiao2022, app. H].

    Parameters
    ----------
    net
        Any network; the function depends on its leaves and its pooling only.
    degrees
        As for `eigenvalue`: an integer for a single leaf, a tuple of all, or ``{leaf: degree}``.
    X
        Inputs as for `gram`.
    seed
        Picks the poles :math:`e_u`, uniform on the spheres; by default the first axis of each leaf: for degree 1 the
        first coordinate itself, times ``sqrt(dim)``.

    Returns
    -------
    numpy.ndarray
        float64 of shape ``(n,)``.  Cost: the total degree times ``n``.

    Examples
    --------
    >>> from eigenspace.networks import cnn
    >>> net = cnn(4, filters=(1, 2))
    >>> x = np.array([[1.0, 0, 0, 0, 0.6, 0.8, 0, 0]])
    >>> [float(harmonic(net, {0: 1, 1: k}, x)[0].round(12)) for k in (0, 1, 2)]
    [2.0, 2.4, 0.88]
    """
    net = _concrete(net)
    return _evaluate(net, (_term(net, degrees, None if seed is None else generator(seed)),), (1.0,), X)


def random_function(net: Network, degrees, *, seed, terms: int = 64) -> "RandomFunction":
    r"""A random function of a class, :math:`\sum_i c_i Y_i` with Gaussian coefficients, scaled to mean square 1.

    Each term is a `harmonic` with poles of its own, at a place of its own: the leaves move by an automorphism of the
    tree, uniformly drawn.

    Parameters
    ----------
    net
        Any network; one whose nodes share children keeps the given leaves.
    degrees
        A multi-degree of the class, as for `harmonic`.
    seed
        A non-negative integer or a :class:`numpy.random.Generator`.
    terms
        Number of terms; the more, the closer to a Gaussian function.

    Returns
    -------
    RandomFunction
        A function of inputs, with ``E f(x)**2 = 1`` exactly.

    Examples
    --------
    >>> from eigenspace.networks import cnn
    >>> from eigenspace.data import sample
    >>> net = cnn(4, filters=(1, 2), positions=8)
    >>> f = random_function(net, {0: 1, 1: 1}, seed=0)
    >>> f(sample(net, 3, seed=1)).shape
    (3,)
    """
    net, terms, rng = _concrete(net), _check.positive_integer("terms", terms), generator(seed)
    full = _degrees(net, degrees)
    plan = layout(net) if net.is_tree and net.head != "gap" else None
    made, moved = [], full
    for _ in range(terms):
        if plan is not None:
            places = _automorphism(plan, rng)
            moved = tuple(full[places[number]] for number in range(len(full)))
        made.append(_term(net, moved, rng))
    made, coefficients = tuple(made), rng.standard_normal(terms)
    coefficients /= np.sqrt(_square(net, made, coefficients))
    return RandomFunction(net, full, made, tuple(coefficients.tolist()))


@dataclass(frozen=True, eq=False)
class RandomFunction:
    """A function of inputs ``f(X)``, made by `random_function`: ``terms`` of one class, and their ``coefficients``."""

    net: Network
    degrees: tuple[int, ...]
    terms: tuple
    coefficients: tuple[float, ...]

    def __call__(self, X) -> np.ndarray:
        """Values at inputs as for `gram`, float64 of shape ``(n,)``.  Cost: terms times total degree times ``n``."""
        return _evaluate(self.net, self.terms, self.coefficients, X)

    def __repr__(self) -> str:
        active = {number: degree for number, degree in enumerate(self.degrees) if degree}
        return f"<random function of the class of {active}, {len(self.terms)} terms>"


@dataclass(frozen=True, eq=False)
class _Factor:
    """The zonal harmonic of one leaf."""

    leaf: int
    degree: int
    pole: np.ndarray


def _term(net: Network, degrees, rng) -> tuple[_Factor, ...]:
    factors = []
    for number, degree in enumerate(_degrees(net, degrees)):
        if degree:
            dim = net.leaves[number].dim
            pole = np.eye(1, dim)[0] if rng is None else rng.standard_normal(dim)
            factors.append(_Factor(number, degree, pole / np.linalg.norm(pole)))
    return tuple(factors)


def _square(net: Network, terms, coefficients) -> float:
    """The mean square of a sum of terms: those at different places are orthogonal."""
    groups: dict = {}
    for number, factors in enumerate(terms):
        groups.setdefault(tuple((factor.leaf, factor.degree) for factor in factors), []).append(number)
    total = 0.0
    for place, members in groups.items():
        overlap = np.ones((len(members), len(members)))
        for k, (leaf, degree) in enumerate(place):
            poles = np.array([terms[number][k].pole for number in members])
            overlap *= gegenbauer(net.leaves[leaf].dim, degree, np.clip(poles @ poles.T, -1.0, 1.0))
        total += coefficients[members] @ overlap @ coefficients[members]
    return total


def _evaluate(net: Network, terms, coefficients, X) -> np.ndarray:
    X, bounds, pooled = features(net, X), offsets(net), _Positions(net)
    total = np.zeros(len(X))
    for factors, coefficient in zip(terms, coefficients):
        copies = pooled.copies(factors)
        for leaves in copies:
            value = np.full(len(X), coefficient / len(copies) ** 0.5)
            for leaf, factor in zip(leaves, factors):
                t = X[:, bounds[leaf] : bounds[leaf + 1]] @ factor.pole
                value *= zonal_harmonic(net.leaves[leaf].dim, factor.degree, t)
            total += value
    return total


@dataclass(frozen=True, eq=False)
class _Positions:
    """Where the factors of a function stand: at their own leaves, or at those of every position that is pooled."""

    net: Network

    @cached_property
    def leaves(self) -> list[list[int]]:
        """Numbers of the leaves of each position, those that correspond at the same place."""
        return [[self.net.number(leaf) for leaf in Network((part,), "").leaves] for part in self.net.positions]

    def copies(self, factors) -> list[list[int]]:
        """The leaves of the factors, once for each copy of the function."""
        own = [factor.leaf for factor in factors]
        if self.net.head == "gap" and own:
            for leaves in self.leaves:
                if set(own) <= set(leaves):
                    places = [leaves.index(leaf) for leaf in own]
                    return [[other[place] for place in places] for other in self.leaves]
        return [own]


def _automorphism(plan: Layout, rng) -> dict[int, int]:
    """A permutation of the leaves by a uniform automorphism of the tree: equal branches are shuffled at every node."""
    places: dict = {}
    stack = [(None, None)]
    while stack:
        here, there = (plan.base(part) for part in stack.pop())
        if isinstance(here, Leaf):
            places[plan.net.number(here)] = plan.net.number(there)
            continue
        for own, other in zip(plan.children(here), plan.children(there)):
            stack += [(part, other[k]) for part, k in zip(own, rng.permutation(len(other)))]
    return places
