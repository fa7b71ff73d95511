r"""Inputs: uniform samples of the product of spheres, patches of images, and the unit vectors of each leaf."""

import numpy as np

from .. import _check
from ..parts import Network, _concrete


def sample(net: Network, n: int, seed) -> np.ndarray:
    r"""Inputs of a network, uniform on the product of its spheres.

    Each leaf is a Gaussian vector over its length: uniform on :math:`S^{dim-1}`, and a fair sign for ``dim = 1``.

    Parameters
    ----------
    net
        Any network.
    n
        Number of inputs.
    seed
        A non-negative integer, or a :class:`numpy.random.Generator`, which moves on.

    Returns
    -------
    numpy.ndarray
        float64 of shape ``(n, net.dim)``: the unit vectors of all leaves, one after the other in the order of their
        numbers.  The first inputs of a seed do not depend on ``n``.

    Examples
    --------
    >>> from eigenspace.networks import cnn
    >>> net = cnn(3, filters=(1, 2), positions=2)
    >>> x = sample(net, 5, seed=0)
    >>> x.shape, float((x[0, :3] ** 2).sum().round(12))
    ((5, 12), 1.0)
    """
    net, n = _concrete(net), _check.positive_integer("n", n)
    drawn = generator(seed).standard_normal((n, net.dim))
    return _scaled(net, drawn, "the sample")


def patches(images, size) -> np.ndarray:
    """Images cut into patches, one for each leaf of a network.

    Parameters
    ----------
    images
        Array of shape ``(n, height, width)`` or ``(n, height, width, channels)``.
    size
        Height and width of a patch in pixels, a pair or one integer for both; they divide those of the images.

    Returns
    -------
    numpy.ndarray
        Shape ``(n, leaves, dim)``, the patches row by row, ``dim`` the numbers in a patch.  `gram` and `harmonic` take
        it as it is, and scale every patch to length 1.

    Examples
    --------
    >>> patches(np.zeros((10, 32, 32, 3)), 2).shape       # CIFAR-10, for cnn(12, …) with 256 leaves
    (10, 256, 12)
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise ValueError(
            f"images must have the shape (n, height, width) or (n, height, width, channels), got {images.shape}; "
            f"use reshape"
        )
    size = (size, size) if isinstance(size, (int, np.integer)) else size
    size = _check.positive_integers("size", size, "use size=2 for patches of 2 x 2 pixels")
    if len(size) != 2:
        raise ValueError(f"size must be one integer or a pair, got {size}; use size=2 for patches of 2 x 2 pixels")
    n, height, width = images.shape[:3]
    if height % size[0] or width % size[1]:
        raise ValueError(
            f"size must divide the height and the width of the images, got {size} for {height} x {width} pixels; "
            f"crop the images or use another size"
        )
    rows, columns = height // size[0], width // size[1]
    cut = images.reshape(n, rows, size[0], columns, size[1], -1).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(n, rows * columns, -1)


def generator(seed) -> np.random.Generator:
    """The generator of a seed, or the generator itself."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(_check.nonnegative_integer("seed", seed, "use seed=0"))


def offsets(net: Network) -> np.ndarray:
    """Where the features of each leaf begin, and where those of the last one end."""
    return np.cumsum([0] + [leaf.dim for leaf in net.leaves])


def features(net: Network, X, name: str = "X") -> np.ndarray:
    """Inputs as float64 of shape ``(n, net.dim)``, each leaf scaled to length 1.

    ``X`` is of that shape, or of shape ``(n, leaves, dim)`` where all leaves have one dimension.
    """
    X, dims = np.asarray(X), {leaf.dim for leaf in net.leaves}
    forms = [(net.dim,)] + [(len(net.leaves), dim) for dim in dims if len(dims) == 1]
    if X.shape[1:] not in forms or X.ndim < 2:
        shapes = " or ".join(f"(n, {', '.join(map(str, form))})" for form in forms)
        raise ValueError(
            f"{name} must have the shape {shapes}, got {X.shape}; "
            f"use eigenspace.sample, or eigenspace.patches for images"
        )
    if X.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got the type {X.dtype}; use floats")
    X = X.reshape(len(X), net.dim).astype(float)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise ValueError(f"{name} must be finite, got {X[row, column]} in input {row}; remove or replace it")
    return _scaled(net, X, name)


def _scaled(net: Network, X: np.ndarray, name: str) -> np.ndarray:
    """``X`` with every leaf divided by its length, in place; scaled first, so that no square under- or overflows."""
    dims = {leaf.dim for leaf in net.leaves}
    bounds = offsets(net)
    if len(dims) == 1:
        blocks = [(0, X.reshape(len(X), len(net.leaves), *dims))]
    else:
        blocks = [(i, X[:, None, bounds[i] : bounds[i + 1]]) for i in range(len(net.leaves))]
    for first, block in blocks:
        largest = np.abs(block).max(axis=2, keepdims=True)
        if not largest.all():
            row, leaf = np.argwhere(largest[..., 0] == 0)[0]
            raise ValueError(
                f"{name} must have a direction in every leaf, got only zeros in leaf {first + leaf} of input {row}; "
                f"leave this input out, or add a small constant or noise"
            )
        block /= largest
        block /= np.sqrt(np.einsum("nij,nij->ni", block, block))[..., None]
    return X
