r"""Eigenvalues as exact numbers: polynomial kernels by the moment recursion, one rectified layer in closed form.

What the two share is linear: the mean over parts with kernels :math:`K_v`, :math:`T_v` on disjoint leaves, and ``n``
identity layers on top of it, have

.. math:: K = \operatorname{mean} K_v, \qquad T = \operatorname{mean} T_v + n K,

so that a class of one part has the eigenvalue of that part over their number, the constant has the mean, and a class
of several parts has 0.
"""

from .activations import Rectified
from .arccosine import rectified_eigenvalue
from .classes import Pool
from .errors import UnsupportedError
from .moments import root_moments
from .rings import EXACT, ExactColumn
from .shapes import Shape

#: largest degree of a polynomial kernel
MOST_DEGREE = 2048
#: the reference of the closed form
_RECTIFIED = ("Bach2017", "BiettiMairal2019")


def exact_values(pool: Pool, kernel: str) -> ExactColumn:
    """The eigenvalues of all classes of a pool.  Raises `UnsupportedError` where they are no such numbers."""
    return ExactColumn(tuple(_values(pool, kernel)))


def exact_method(shape: Shape) -> tuple[str, str, tuple[str, ...]]:
    """How the eigenvalues of a shape are found: the method, the truncation order, the citation keys."""
    if shape.is_polynomial:
        order = f"{shape.polynomial_degree}, the degree of the kernel"
        return "moment recursion on classes in rational numbers", order, ()
    return "closed form of one rectified layer", "", _RECTIFIED


def _values(pool: Pool, kernel: str) -> list:
    shape = pool.shape
    if shape.is_polynomial:
        if shape.polynomial_degree > MOST_DEGREE:
            raise UnsupportedError(
                f"eigenspace.EXACT: the kernel is a polynomial of degree {shape.polynomial_degree}, and degrees up to "
                f"{MOST_DEGREE} are supported; use fewer layers, lower degrees, or ring=eigenspace.FLOAT"
            )
        rows, index = root_moments(pool, kernel, shape.polynomial_degree, EXACT)
        return list(EXACT.column(rows, index).numbers)
    layers = [a for a in shape.chain if not a.keeps_angle]
    if pool.is_leaf and len(layers) == 1 and isinstance(layers[0], Rectified):
        place, layer = shape.chain.index(layers[0]), layers[0]
        repeats = (len(shape.chain) - place, 1 + place) if kernel == "ntk" else (1, 0)
        return [rectified_eigenvalue(layer.power, layer.share, shape.dim, int(k), repeats) for k in pool.degree]
    if pool.is_leaf or layers:
        raise UnsupportedError(_missing(shape))
    return _mean(pool, kernel)


def _mean(pool: Pool, kernel: str) -> list:
    """The mean over the children, under identity layers."""
    below = [_values(child, kernel) for child in pool.children]
    if kernel == "ntk" and pool.shape.chain:
        plain = [_values(child, "nngp") for child in pool.children]
        count = len(pool.shape.chain)
        below = [[t + count * k for t, k in zip(*pair, strict=True)] for pair in zip(below, plain, strict=True)]
    fan_in = pool.shape.fan_in
    zero = below[0][0] * 0
    constant = sum((count * own[0] for own, (_, count) in zip(below, pool.shape.groups)), zero) / fan_in
    found = [constant] + [zero] * (len(pool) - 1)
    for c in (pool.level == 1).nonzero()[0]:
        found[c] = below[pool.group[c]][pool.member[c]] / fan_in
    return found


def _missing(shape: Shape) -> str:
    """Which property of a part the exact numbers lack, and the way out."""
    names = ", ".join(a.name for a in shape.chain)
    others = [a for a in shape.chain if a.dual_coefficients is None and not isinstance(a, Rectified)]
    if others:
        reason = f"the dual of {others[0].name} is no polynomial"
    elif shape.dim is not None:
        reason = f"the layers ({names}) over one leaf are not a single rectifier among identities"
    else:
        reason = f"the layers ({names}) bend a mean over {shape.fan_in} parts, and not all duals are polynomials"
    return (
        f"ring=eigenspace.EXACT needs polynomial activations, or a single rectifier over single leaves under a "
        f"linear readout; here {reason}. Use ring=eigenspace.FLOAT, or a ball ring for proved digits"
    )
