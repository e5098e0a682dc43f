"""`QuantumNystroem`: features that approximate a kernel, from a few columns of its matrix.

What lives here: the choice of landmarks, and the features of all points that follow from their
kernel values with the landmarks. Features that are exact are `FidelityFeatures`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from qkernels.evaluators import Prepared
from qkernels.feature_maps.validation import integer, real
from qkernels.gram.blocks import PreparedBlocks
from qkernels.gram.sizes import bytes_a_point, sample_points, working_bytes
from qkernels.kernels.composition import compare, parts, prepare
from qkernels.kernels.validation import as_float64
from qkernels.memory import require_memory

# Rejected proposals cost kernel values among each other, the square of their number.
_MOST_PROPOSALS = 100


class QuantumNystroem(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features whose inner products approximate a kernel.

    With L landmarks out of the training points and W = k(L, L) = U S Uᵀ, the features of a point x
    are Φ(x) = k(x, L) U S^(−1/2), so that ΦΦᵀ = k(X, L) W⁺ k(L, X), the Nyström approximation [1]_.
    It needs n_components + 1 columns of the kernel matrix in place of all, and is exact where the
    matrix has no larger rank. What follows can be linear: `LinearSVC`, `SGDClassifier`, `Ridge`.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel, one of scikit-learn's, or a sum, product or power of such. White noise is
        left out of the features, as it has none; it counts as residual.
    n_components : int, default=100
        Number of landmarks; the number of training points if there are fewer. Fewer are taken if
        these leave no more than `rcond` of the trace.
    landmarks : {"rpcholesky", "uniform"}, default="rpcholesky"
        Whether landmarks are the pivots of a randomly pivoted Cholesky decomposition [2]_, each
        drawn with the probability that the squared error of what the others explain gives it,
        or are drawn at random, all points alike.
    rcond : float, default=1e-10
        Eigenvalues of W are left out unless they exceed this part of the largest: they are
        rounding errors or, for sampled kernels, noise. For evaluators of single precision, 1e-5.
    random_state : int, RandomState instance or None, default=None
        Determines the landmarks.
    working_memory : float or str, optional
        What the work may take beside the features: a number of MiB or a text such as "512MB";
        scikit-learn's setting if left out. Prepared points that fit in half of it are kept while
        landmarks are sought.

    Attributes
    ----------
    landmark_indices_ : ndarray of shape (n_landmarks,)
        Which training points they are, in the order in which they were chosen.
    landmarks_ : ndarray of shape (n_landmarks, n_features)
        The points themselves.
    normalization_ : ndarray of shape (n_landmarks, n_features_out)
        U S^(−1/2), without the eigenvalues left out.
    residual_trace_ : float
        trace(K − ΦΦᵀ) / trace(K) on the training points: the part of the kernel that the features
        do not have.
    kernel_ : Kernel
        The kernel as it was at the time of `fit`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of str
        Their names, where the data have names.

    References
    ----------
    .. [1] C. Williams and M. Seeger, "Using the Nyström method to speed up kernel machines",
       Advances in Neural Information Processing Systems 13 (2000).
    .. [2] Y. Chen, E. N. Epperly, J. A. Tropp and R. J. Webber, "Randomly pivoted Cholesky",
       Communications on Pure and Applied Mathematics 78, 995 (2025), arXiv:2207.06503; pivots
       are proposed in blocks, and some rejected, which leaves their distribution as it is:
       E. N. Epperly, J. A. Tropp and R. J. Webber, "Embrace rejection: kernel matrix
       approximation by accelerated randomly pivoted Cholesky", arXiv:2410.03969 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> from qkernels.nystroem import QuantumNystroem
    >>> X = np.random.default_rng(0).uniform(size=(500, 2))
    >>> nystroem = QuantumNystroem(qk.FidelityKernel(qk.feature_maps.zz), 16, random_state=0)
    >>> nystroem.fit_transform(X).shape
    (500, 16)
    >>> nystroem.residual_trace_ < 1e-8
    True
    """

    def __init__(
        self,
        kernel: Kernel,
        n_components: int = 100,
        *,
        landmarks: str = "rpcholesky",
        rcond: float = 1e-10,
        random_state: Any = None,
        working_memory: float | str | None = None,
    ) -> None:
        self.kernel = kernel
        self.n_components = n_components
        self.landmarks = landmarks
        self.rcond = rcond
        self.random_state = random_state
        self.working_memory = working_memory

    def fit(self, X: Any, y: Any = None) -> QuantumNystroem:
        """Choose landmarks, and find what makes features of the kernel values with them.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If the kernel is none, or an argument is out of range.
        MemoryError
            If the features of the training points would not fit.

        Warns
        -----
        UserWarning
            If there are fewer points than `n_components`.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit, and return the features of the training points at no further kernel values.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : ignored

        Returns
        -------
        ndarray of shape (n_points, n_features_out)
        """
        return self._fit(X)

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points, n_features_out)
        """
        check_is_fitted(self, "normalization_")
        X = self._check(X, reset=False)
        shape = len(X), self._n_features_out
        _require_memory(shape, 1)
        features = np.empty(shape)
        points = _Points(self.kernel_, X, len(self.landmarks_), working_bytes(self.working_memory))
        for rows, values in points.kernel_rows(prepare(self.kernel_, self.landmarks_)):
            features[rows] = values @ self.normalization_
        return features

    @property
    def _n_features_out(self) -> int:
        return self.normalization_.shape[1]

    def _check(self, X: Any, *, reset: bool) -> np.ndarray:
        return as_float64(validate_data(self, X, reset=reset, dtype="numeric"), "X")

    def _fit(self, X: Any) -> np.ndarray:
        n_components, rcond, choose = self._checked_arguments()
        X = self._check(X, reset=True)
        n = _at_most(n_components, len(X))
        _require_memory((len(X), n), 2)
        self.kernel_ = clone(self.kernel)
        diagonal = self.kernel_.diag(X)
        if not diagonal.sum() > 0:
            raise ValueError(
                f"expected kernel values above 0 of points with themselves, got a trace of "
                f"{diagonal.sum():.3g}"
            )
        points = _Points(self.kernel_, X, n, working_bytes(self.working_memory))
        random = check_random_state(self.random_state)
        self.landmark_indices_, columns = choose(points, diagonal, n, rcond, random)
        self.landmarks_ = X[self.landmark_indices_]
        self.normalization_ = _inverse_root(columns[self.landmark_indices_], rcond)
        features = columns @ self.normalization_
        explained = np.einsum("ij,ij->", features, features)
        self.residual_trace_ = float(max(0.0, 1 - explained / diagonal.sum()))
        return features

    def _checked_arguments(self) -> tuple[int, float, Callable]:
        parts(self.kernel)
        n_components = integer(self.n_components, "n_components", 1)
        rcond = real(self.rcond, "rcond")
        if not 0 <= rcond < 1:
            raise ValueError(f"rcond: expected at least 0 and below 1, got {rcond}")
        if not isinstance(self.landmarks, str) or self.landmarks not in _LANDMARKS:
            raise ValueError(
                f"landmarks: expected one of {sorted(_LANDMARKS)}, got {self.landmarks!r}"
            )
        return n_components, rcond, _LANDMARKS[self.landmarks]


class _Points:
    """Points in blocks, for their kernel values with a few of them."""

    def __init__(self, kernel: Kernel, X: np.ndarray, n_columns: int, memory: int) -> None:
        self._kernel, self._X = kernel, X
        # A block's states, its kernel values, and what is made of them.
        a_point = bytes_a_point(sample_points(kernel, X)) + 3 * 8 * n_columns
        self._blocks = PreparedBlocks(kernel, X, max(1, memory // (4 * a_point)), memory // 2)

    def kernel_rows(self, others: Prepared) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the kernel values of all points with some, block by block."""
        for rows, block in self._blocks:
            yield rows, compare(self._kernel, block, others)

    def columns(self, indices: np.ndarray) -> np.ndarray:
        """Return the kernel values of all points with these, of shape (n_points, n_indices)."""
        found = np.empty((len(self._X), len(indices)))
        for rows, values in self.kernel_rows(prepare(self._kernel, self._X[indices])):
            found[rows] = values
        return found

    def among(self, indices: np.ndarray) -> np.ndarray:
        """Return the kernel values of these points with each other."""
        points = prepare(self._kernel, self._X[indices])
        # The points themselves would have white noise on the diagonal.
        return compare(self._kernel, points, points[:])


def _uniform(
    points: _Points,
    diagonal: np.ndarray,
    n: int,
    rcond: float,
    random: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return points drawn at random, and their columns of the kernel matrix."""
    indices = random.choice(len(diagonal), n, replace=False)
    return indices, points.columns(indices)


def _rpcholesky(
    points: _Points,
    diagonal: np.ndarray,
    n: int,
    rcond: float,
    random: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pivots of a randomly pivoted Cholesky decomposition, and their columns.

    K is approximated by F Fᵀ, and `left` is what that leaves of the diagonal, or more: it is known
    of a point when it is proposed.
    """
    left = np.maximum(diagonal, 0.0)
    enough, at_once = rcond * left.sum(), _proposals(n)
    F, pivots = np.empty((len(left), n)), np.empty(0, dtype=np.intp)
    while len(pivots) < n and left.sum() > enough:
        done = F[:, : len(pivots)]
        proposed = random.choice(len(left), at_once, p=left / left.sum())
        residual = points.among(proposed) - done[proposed] @ done[proposed].T
        accepted, factor = _accepted(residual, left[proposed], proposed, random)
        accepted = accepted[: n - len(pivots)]
        left[proposed] = np.clip(residual.diagonal(), 0.0, left[proposed])
        if not len(accepted):
            continue
        new = proposed[accepted]
        columns = points.columns(new) - done @ done[new].T
        step = slice(len(pivots), len(pivots) + len(new))
        F[:, step] = solve_triangular(factor[accepted, : len(new)], columns.T, lower=True).T
        left = np.maximum(left - np.einsum("ij,ij->i", F[:, step], F[:, step]), 0.0)
        pivots = np.append(pivots, new)
        left[pivots] = 0.0
    F = F[:, : len(pivots)]
    return pivots, F @ F[pivots].T


def _proposals(n: int) -> int:
    """Return how many of n pivots are proposed at a time.

    In blocks, points are prepared and compared far fewer times: 300 pivots of 10 000 points at 10
    qubits took 1 s in place of 23 s one by one, for a third of a percent more kernel values.
    """
    return min(_MOST_PROPOSALS, -(-n // 10))


_LANDMARKS: dict[str, Callable] = {"rpcholesky": _rpcholesky, "uniform": _uniform}


def _accepted(
    residual: np.ndarray,
    bounds: np.ndarray,
    proposed: np.ndarray,
    random: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which proposals are pivots, and their columns of the Cholesky factor of `residual`.

    A proposal is accepted with the probability that what is left of it has to the `bounds` which
    it was drawn by, as Epperly, Tropp and Webber do.
    """
    left, factor = residual.copy(), np.zeros_like(residual)
    accepted: list[int] = []
    for j in range(len(left)):
        if left[j, j] > random.uniform() * bounds[j]:
            column = left[:, j] / np.sqrt(left[j, j])
            factor[:, len(accepted)] = column
            left -= np.outer(column, column)
            # A point is a pivot once, whatever rounding leaves of it.
            again = proposed == proposed[j]
            left[again, again] = 0.0
            accepted.append(j)
    return np.array(accepted, dtype=np.intp), factor


def _inverse_root(W: np.ndarray, rcond: float) -> np.ndarray:
    """Return U S^(−1/2) of W = U S Uᵀ, of the eigenvalues above rcond · max, largest first."""
    values, vectors = np.linalg.eigh((W + W.T) / 2)
    kept = np.flatnonzero(values > rcond * values[-1])[::-1]
    return vectors[:, kept] / np.sqrt(values[kept])


def _at_most(n_components: int, n_points: int) -> int:
    if n_components <= n_points:
        return n_components
    warnings.warn(
        f"n_components: expected at most the number of points, got {n_components} and {n_points} "
        f"points; {n_points} landmarks are taken",
        UserWarning,
        stacklevel=4,
    )
    return n_points


def _require_memory(shape: tuple[int, int], copies: int) -> None:
    require_memory(
        8 * shape[0] * shape[1] * copies,
        f"for {shape[1]} features of {shape[0]} points",
        "take a smaller n_components, or transform fewer points at a time",
    )
