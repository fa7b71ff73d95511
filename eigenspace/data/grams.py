r"""Gram matrices: the kernel of every pair of inputs, tile by tile."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from math import ceil, isqrt
from threading import local

import numpy as np

from .. import _check
from ..kernels import KERNELS, trace
from ..parts import Network, _concrete
from .sampling import features
from .tiling import Program, Tile, program

#: rows of a tile: large enough to hide the interpreter, small enough for the cache
_ROWS = 128
_FEWEST_ROWS = 8
#: bytes of working memory, without the inputs and the result
_MEMORY = 1 << 26
#: steps times pairs of inputs from which a terminal shows progress, some seconds of work
_LONG = 2e9


def gram(
    net: Network,
    X,
    Y=None,
    kernel="ntk",
    *,
    dtype=np.float64,
    memory: int = _MEMORY,
    out=None,
    progress: bool | None = None,
):
    r"""The Gram matrix :math:`K(x_i, y_j)` of a network: NNGP, NTK, or both in one pass.

    The correlations of each leaf, then the recursion over the network [Xiao2022, eqs. 11-12], on tiles of rows and
    columns; the tree is walked depth-first, so that the working memory depends on the depth and not on the number of
    leaves.  Under ``head="gap"`` the leaves of all pairs of positions meet.

    Parameters
    ----------
    net
        Any network; nodes may share children.
    X, Y
        Inputs: real arrays of shape ``(n, net.dim)``, or ``(n, leaves, dim)`` where all leaves have one dimension, as
        from `sample` or `patches`.  Every leaf is divided by its length.  Without ``Y``, ``Y = X``: the result is
        exactly symmetric and its diagonal exact.
    kernel
        ``"nngp"``, ``"ntk"``, or a sequence of both for a tuple of matrices at the price of the NTK.
    dtype
        ``float64`` or ``float32`` of the result.  The work is done in float64 either way: near 1 the NTK varies like
        :math:`\sqrt{1-\xi}`, and correlations in float32 would leave 4 digits.
    memory
        Bytes for working arrays, beyond the inputs (two copies in float64) and the result.
    out
        Array that takes the result, a :class:`numpy.memmap` for one that does not fit into memory; a tuple for several
        kernels.
    progress
        A progress bar; by default for long work in a terminal.

    Returns
    -------
    numpy.ndarray or tuple
        Shape ``(n, m)``.

    Raises
    ------
    ValueError
        For inputs of another shape, with infinite numbers or with a leaf of zeros, and for too little memory.

    Notes
    -----
    Absolute error of the order of ``depth * 1e-16``, as for `kernel_function` at the same correlations.  A correlation
    has itself an error of ``1e-16``, which the NTK of kinked activations turns into ``5e-9`` for a pair of equal
    inputs, one in ``X`` and one in ``Y``.  Cost: ``n m`` times the parts of the network, 3 to 8 ns each for ReLU and
    the exponentials; on all cores (``NUMBA_NUM_THREADS`` sets the number of threads).

    Examples
    --------
    >>> from eigenspace.networks import cnn
    >>> from eigenspace.data import sample
    >>> net = cnn(8, filters=(1, 2), positions=2)
    >>> x = sample(net, 4, seed=0)
    >>> gram(net, x).diagonal()
    array([3., 3., 3., 3.])
    >>> nngp, ntk = gram(net, x, sample(net, 2, seed=1), kernel=("nngp", "ntk"))
    >>> nngp.shape, bool((ntk > nngp).all())
    ((4, 2), True)
    """
    net, names = _concrete(net), _kernels(kernel)
    dtype = _floats(dtype)
    symmetric = Y is None
    x = features(net, X)
    y = np.ascontiguousarray((x if symmetric else features(net, Y, "Y")).T)
    shape = len(x), y.shape[1]
    outs = _outputs(out, names, kernel, shape, dtype)
    plan = program(net, "ntk" in names)
    rows, workers = _sizes(plan, shape, memory)
    results = [(plan.results[KERNELS.index(name)], matrix) for name, matrix in zip(names, outs)]

    store = local()

    def work(place: tuple[int, int]) -> None:
        if not hasattr(store, "tile"):
            store.tile = Tile(x, y, symmetric, np.empty((plan.registers, rows * rows)))
        i, j = place
        store.tile.move(i, j, (min(rows, shape[0] - i), min(rows, shape[1] - j)))
        plan.run(store.tile)
        for register, matrix in results:
            _deliver(store.tile, register, plan.scale, matrix)

    places = [(i, j) for i in range(0, shape[0], rows) for j in range(i if symmetric else 0, shape[1], rows)]
    if progress is None:
        progress = len(plan.steps) * float(shape[0]) * shape[1] > _LONG and sys.stderr.isatty()
    for _ in _bar(_done(work, places, min(workers, len(places))), len(places), progress):
        pass
    if symmetric and net.head != "gap":
        for name, matrix in zip(names, outs):
            np.fill_diagonal(matrix, trace(net, name, 1.0))
    return outs[0] if isinstance(kernel, str) else tuple(outs)


def _kernels(kernel) -> tuple[str, ...]:
    if isinstance(kernel, str) or not isinstance(kernel, Sequence):
        return (_check.choice("kernel", kernel, KERNELS),)
    names = tuple(_check.choice("kernel", name, KERNELS) for name in kernel)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"kernel must name each kernel once, got {kernel!r}; use ('nngp', 'ntk')")
    return names


def _floats(dtype) -> np.dtype:
    found = np.dtype(dtype)
    if found not in (np.float64, np.float32):
        raise ValueError(f"dtype must be float64 or float32, got {found}; use numpy.float64")
    return found


def _outputs(out, names, kernel, shape, dtype) -> list:
    """The arrays of the results, those of the caller where given."""
    if out is None:
        return [np.empty(shape, dtype=dtype) for _ in names]
    outs = [out] if isinstance(kernel, str) else list(out)
    for matrix in outs:
        if not isinstance(matrix, np.ndarray) or matrix.shape != shape or matrix.dtype != dtype:
            raise ValueError(f"out must be an array of shape {shape} and type {dtype}, got {matrix!r}; use numpy.empty")
    if len(outs) != len(names):
        raise ValueError(f"out must hold one array for each kernel, got {len(outs)} for {names}; use a tuple of arrays")
    return outs


def _sizes(plan: Program, shape, memory) -> tuple[int, int]:
    """Rows of a tile and number of threads within the memory: fewer threads before tiny tiles."""
    from .._kernels.tiles import THREADS

    memory = _check.positive_integer("memory", memory, "give a number of bytes")
    unit = 8 * plan.tiles
    for workers in range(THREADS, 0, -1):
        rows = min(_ROWS, isqrt(memory // (unit * workers)))
        if rows >= (_ROWS // 2 if workers > 1 else _FEWEST_ROWS):
            return min(rows, max(shape)), workers
    least = unit * _FEWEST_ROWS**2
    raise ValueError(f"memory must be at least {least} bytes for this network, got {memory}; use memory={_MEMORY}")


def _done(work, places: list, workers: int) -> Iterator:
    """The places whose work is done, in any order; an exception or an interruption drops those not yet begun."""
    if workers <= 1:
        yield from map(work, places)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            futures = [pool.submit(work, place) for place in places]
            yield from (future.result() for future in as_completed(futures))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _bar(done: Iterator, total: int, progress: bool):
    if not progress:
        return done
    from tqdm.auto import tqdm

    return tqdm(done, desc="tiles", total=total, leave=False)


def _deliver(tile: Tile, register: int, scale: float, matrix: np.ndarray) -> None:
    """A finished tile goes into the matrix, and its mirror image where that is symmetric."""
    (i, j), (rows, columns) = (tile.i, tile.j), tile.shape
    square = tile.square(register) * scale  # not in place: K and T of bare leaves share a register
    if tile.symmetric and i == j:
        lower = np.tril_indices(rows, -1)
        square[lower] = square.T[lower]
    matrix[i : i + rows, j : j + columns] = square
    if tile.symmetric and i != j:
        matrix[j : j + columns, i : i + rows] = square.T


def blocks(n: int, size: int) -> list[slice]:
    """Ranges that cut ``n`` things into blocks of nearly equal size, none above ``size``."""
    count = max(1, ceil(n / size))
    edges = [n * k // count for k in range(count + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:])]
