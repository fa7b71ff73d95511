r"""The linear system of kernel regression, :math:`(K + \delta I)\,\alpha = y`."""

from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError

SOLVERS = ("auto", "cholesky", "cg")
#: number of samples from which the factorisation costs more than the iteration
_LARGE = 12000
_MOST_LANDMARKS = 1500
_MOST_STEPS = 1000


def solve(matrix: np.ndarray, labels: np.ndarray, ridge: float, solver: str, seed: int) -> np.ndarray:
    """The coefficients, a column for each column of labels; the matrix is symmetric and C-contiguous.

    Its diagonal and what lies above are overwritten, not what lies below.

    ``"cholesky"``: ``n**3 / 3`` operations, in place.  A matrix that is singular in its precision (more samples than
    the kernel has eigenfunctions, equal inputs) takes the solution of least norm from its eigenvectors, 20 times dearer
    and with three times the memory.  ``"cg"``: conjugate gradients, ``2 n**2`` operations a step, preconditioned by a
    Nyström approximation [WilliamsSeeger2001] of ``m = min(n / 4, 1500)`` columns: ``n m`` more numbers.
    """
    if solver == "auto":
        solver = "cholesky" if len(labels) <= _LARGE else "cg"
    matrix[np.diag_indices_from(matrix)] += ridge
    if solver == "cg":
        return _conjugate_gradients(matrix, labels, ridge, seed)
    return _factorise(matrix, labels)


def _factorise(matrix: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    diagonal = matrix.diagonal().copy()
    least = len(labels) * np.finfo(matrix.dtype).eps * diagonal.max()
    try:
        # the transpose of a symmetric matrix is itself, in the order that LAPACK overwrites
        factor = cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        if factor[0].diagonal().min() ** 2 > least:
            return cho_solve(factor, labels.astype(matrix.dtype), check_finite=False).astype(float)
    except LinAlgError:
        pass
    return _least_norm(matrix, diagonal, labels)


def _least_norm(matrix: np.ndarray, diagonal: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The solution of least norm, from the triangle that the factorisation has left alone."""
    from scipy.linalg import eigh

    np.fill_diagonal(matrix, diagonal)
    values, vectors = eigh(matrix.T, lower=False, check_finite=False)
    kept = values > len(labels) * np.finfo(matrix.dtype).eps * values[-1]
    vectors = vectors[:, kept]
    return (((vectors.T @ labels).T / values[kept]) @ vectors.T).T.astype(float)


@dataclass(frozen=True, eq=False)
class _Nystrom:
    r"""The inverse of :math:`P = L L^T + c I`, where :math:`L L^T` is the Nyström approximation of the matrix from some
    columns and ``c`` the mean of what it leaves on the diagonal, which the ridge is part of."""

    factor: np.ndarray
    inner: tuple
    shift: float

    @classmethod
    def of(cls, matrix: np.ndarray, ridge: float, landmarks: np.ndarray) -> "_Nystrom":
        from scipy.linalg import cho_factor, cholesky, solve_triangular

        columns = matrix[:, landmarks].astype(float)
        columns[landmarks, np.arange(len(landmarks))] -= ridge
        corner = columns[landmarks]
        jitter = len(landmarks) * np.finfo(matrix.dtype).eps * np.trace(corner)
        root = cholesky(corner + jitter * np.eye(len(landmarks)), lower=True, check_finite=False)
        factor = solve_triangular(root, columns.T, lower=True, check_finite=False).T
        rest = float(np.mean(matrix.diagonal() - np.einsum("ij,ij->i", factor, factor)))
        shift = max(rest, jitter / len(landmarks))
        return cls(factor, cho_factor(factor.T @ factor + shift * np.eye(len(landmarks)), check_finite=False), shift)

    def __call__(self, vector: np.ndarray) -> np.ndarray:
        """By the Woodbury identity."""
        from scipy.linalg import cho_solve

        inner = cho_solve(self.inner, self.factor.T @ vector, check_finite=False)
        return (vector - self.factor @ inner) / self.shift


def _conjugate_gradients(matrix: np.ndarray, labels: np.ndarray, ridge: float, seed: int) -> np.ndarray:
    from scipy.sparse.linalg import LinearOperator, cg

    n, dtype = len(labels), matrix.dtype
    landmarks = np.random.default_rng(seed).choice(n, max(1, min(n // 4, _MOST_LANDMARKS)), replace=False)
    inverse = _Nystrom.of(matrix, ridge, np.sort(landmarks))
    operator = LinearOperator((n, n), lambda v: (matrix @ v.ravel().astype(dtype)).astype(float), dtype=float)
    tolerance = 1e-9 if dtype == np.float64 else 1e-5
    columns = []
    for column in labels.reshape(n, -1).T:
        found, left = cg(
            operator, column, rtol=tolerance, maxiter=_MOST_STEPS, M=LinearOperator((n, n), inverse, dtype=float)
        )
        if left:
            raise ConvergenceError(
                f"solver='cg' did not reach a residual of {tolerance} within {_MOST_STEPS} steps for {n} samples; use "
                f"a ridge, dtype=float64 or solver='cholesky'"
            )
        columns.append(found)
    return np.stack(columns, axis=1).reshape(labels.shape)
