"""How many eigenfunctions a row stands for, counted anew: orbits of decorated trees, and all of one total degree."""

from collections import Counter
from collections.abc import Mapping
from math import comb, factorial, prod

from ..parts import Leaf, Network


def harmonics_of(dim: int, degree: int) -> int:
    r"""Number of spherical harmonics of a degree, in closed form [AtkinsonHan2012, eq. 2.10]

    .. math:: N(s, k) = \frac{2k + s - 2}{k} \binom{k + s - 3}{k - 1}, \qquad N(s, 0) = 1.

    >>> harmonics_of(3, 4), harmonics_of(2, 7), harmonics_of(1, 1), harmonics_of(1, 2)
    (9, 2, 1, 0)
    """
    if degree == 0:
        return 1
    if dim == 1:
        return int(degree == 1)
    return (2 * degree + dim - 2) * comb(degree + dim - 3, degree - 1) // degree


def forms(net: Network, degrees: Mapping[int, int]) -> dict:
    """A number for every part, shared by the parts that a symmetry of the tree exchanges, decorations included."""
    known: dict = {}
    found: dict = {}
    for part in net._walk():
        if isinstance(part, Leaf):
            content = part.dim, degrees.get(net.number(part), 0)
        else:
            content = part.layer, *sorted(found[child] for child in part.children)
        found[part] = known.setdefault(content, len(known))
    return found


def multiplicity_of(net: Network, degrees: Mapping[int, int]) -> int:
    r"""Number of eigenfunctions of all multi-degrees that a symmetry of the tree carries into one.

    Below a node, sub-trees of equal shape may be exchanged.  If :math:`m_1, m_2, \dots` of the :math:`m` sub-trees of
    one shape are decorated alike, there are :math:`m! / \prod_i m_i!` ways to place the decorations, times the number
    of ways inside each sub-tree.  Under ``head="gap"`` the sum over the positions is one eigenfunction, whatever their
    number.

    >>> from eigenspace.networks import mlp
    >>> multiplicity_of(mlp(4, 1, leaves=3), {0: 2, 1: 1})
    216
    """
    shapes, decorated = forms(net, {}), forms(net, degrees)

    def placements(parts) -> int:
        of_shape, alike = Counter(shapes[p] for p in parts), Counter(decorated[p] for p in parts)
        return prod(map(factorial, of_shape.values())) // prod(map(factorial, alike.values()))

    harmonics = prod(harmonics_of(net.leaves[number].dim, degree) for number, degree in degrees.items())
    nodes = (part.children for part in net._walk() if not isinstance(part, Leaf))
    count = harmonics * placements(net.positions) * prod(map(placements, nodes))
    if net.head == "gap" and sum(any(number in degrees for number in line) for line in net.places.tolist()) == 1:
        # the sum over all positions stands for one eigenfunction of each
        count //= len(net.positions)
    return count


def eigenfunctions(net: Network, degree: int) -> list[int]:
    r"""Number of all eigenfunctions of each total degree up to ``degree``.

    The coefficients of :math:`\prod_u \sum_k N(s_u, k)\, x^k`.

    >>> from eigenspace.networks import mlp
    >>> eigenfunctions(mlp(4, 1, leaves=3), 2)
    [1, 12, 75]
    """
    total = [1] + [0] * degree
    for dim, count in Counter(leaf.dim for leaf in net.leaves).items():
        power = [harmonics_of(dim, k) for k in range(degree + 1)]
        while count:
            if count % 2:
                total = _product(total, power)
            power, count = _product(power, power), count // 2
    return total


def _product(a: list[int], b: list[int]) -> list[int]:
    return [sum(a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))]
