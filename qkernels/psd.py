"""Repairs of a kernel matrix that noise has made indefinite, for estimators that need it PSD.

What lives here: functions of a symmetric matrix that return the positive semidefinite one, and a
transformer that carries the same repair over to the rows of test points. Where the noise comes
from, and what can be corrected before, is the business of `sampling`.

Each repair takes K to (K + diag(s)) (1 − w V Vᵀ), where V are the eigenvectors of K + diag(s) that
belong to negative eigenvalues: s = 0 and w = 1 clip, s = 0 and w = 2 flip, a shift has nothing to
take off, and the nearest correlation matrix has w = 1 and the s that make its diagonal 1. No
eigenvalue is divided by, and what is almost zero is left alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import metadata_routing
from sklearn.utils.validation import check_is_fitted, validate_data

from qkernels.feature_maps.validation import integer
from qkernels.kernels.validation import as_float64, check_data, check_positive

__all__ = ["PSDRepair", "clip", "distance_to_psd", "flip", "nearest_correlation", "shift"]

# Differences of K and its transpose, relative to the largest entry, that single precision makes.
_ASYMMETRY = 1e-6
_TOLERANCE, _MAX_ITERATIONS = 1e-8, 2000


def clip(K: Any) -> np.ndarray:
    """Return K with its negative eigenvalues set to 0: the nearest PSD matrix in Frobenius norm.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        A symmetric matrix. Here and in the other functions, a matrix that is PSD but for rounding,
        with no eigenvalue below −4 n ε max|λ|, comes back unchanged, as a copy.

    Returns
    -------
    ndarray of shape (n_points, n_points)
        Fresh and exactly symmetric. Its diagonal is at least that of K.

    Raises
    ------
    ValueError
        If K is not a square matrix of finite real numbers, or is not symmetric: if entries differ
        from their mirror images by more than 1e-6 of the largest.
    TypeError
        If K is sparse.

    References
    ----------
    N. J. Higham, "Computing a nearest symmetric positive semidefinite matrix", Linear Algebra and
    its Applications 103, 103 (1988), theorem 2.1.

    Examples
    --------
    >>> clip([[1.0, 2.0], [2.0, 1.0]]).round(6)
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """
    return _clip(_symmetric(K)).matrix


def flip(K: Any) -> np.ndarray:
    """Return K with the absolute values of its eigenvalues.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        As in `clip`.

    Returns
    -------
    ndarray of shape (n_points, n_points)
        The matrix (K²)^½, fresh and exactly symmetric. It is twice as far from K as `clip(K)` is.

    Raises
    ------
    ValueError, TypeError
        As `clip` does.

    References
    ----------
    Y. Chen et al., "Similarity-based classification: concepts and algorithms", Journal of Machine
    Learning Research 10, 747 (2009), on spectrum flip.

    Examples
    --------
    >>> flip([[1.0, 2.0], [2.0, 1.0]]).round(6)
    array([[2., 1.],
           [1., 2.]])
    """
    return _flip(_symmetric(K)).matrix


def shift(K: Any) -> np.ndarray:
    """Return K − λ 1 with λ the lowest eigenvalue, if that is negative.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        As in `clip`.

    Returns
    -------
    ndarray of shape (n_points, n_points)
        Fresh and exactly symmetric. Only the diagonal differs from that of K.

    Raises
    ------
    ValueError, TypeError
        As `clip` does.

    References
    ----------
    Y. Chen et al., "Similarity-based classification: concepts and algorithms", Journal of Machine
    Learning Research 10, 747 (2009), on spectrum shift.

    Examples
    --------
    >>> shift([[1.0, 2.0], [2.0, 1.0]]).round(6)
    array([[2., 2.],
           [2., 2.]])
    """
    return _shift(_symmetric(K)).matrix


def nearest_correlation(
    K: Any, *, tolerance: float = _TOLERANCE, max_iterations: int = _MAX_ITERATIONS
) -> np.ndarray:
    """Return the nearest PSD matrix with a diagonal of ones, in Frobenius norm.

    It is found by projecting in turn on matrices with unit diagonal and on PSD matrices, with
    Dykstra's correction [1]_. The correction is that the diagonal's changes add up while the
    negative part is taken off anew each time: an iteration is s ← s + 1 − diag(clip(K + diag(s))).
    That is a step up the gradient of the dual problem [2]_, and Nesterov's momentum, with restarts
    [3]_, saves most of the steps.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        As in `clip`. Its diagonal does not matter.
    tolerance : float, default=1e-8
        Largest distance from 1 of the projection's diagonal at which to stop. The projection is
        then scaled to a diagonal of exactly 1.
    max_iterations : int, default=2000
        Each takes one eigendecomposition. Tens are typical, but with hundreds of points that are
        nearly alike it may take hundreds.

    Returns
    -------
    ndarray of shape (n_points, n_points)
        Fresh and exactly symmetric, with a diagonal of exactly 1.

    Raises
    ------
    ValueError, TypeError
        As `clip` does; if `tolerance` is not a positive finite number, or `max_iterations` not an
        integer of at least 1.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iterations are used up. What is returned is a correlation matrix, not the nearest.

    References
    ----------
    .. [1] N. J. Higham, "Computing the nearest correlation matrix: a problem from finance", IMA
       Journal of Numerical Analysis 22, 329 (2002), algorithm 3.3 with weights of 1.
    .. [2] J. Malick, "A dual approach to semidefinite least-squares problems", SIAM Journal on
       Matrix Analysis and Applications 26, 272 (2004).
    .. [3] B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes",
       Foundations of Computational Mathematics 15, 715 (2015), the gradient scheme.

    Examples
    --------
    >>> nearest_correlation([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]).round(4)
    array([[1.    , 0.7607, 0.1573],
           [0.7607, 1.    , 0.7607],
           [0.1573, 0.7607, 1.    ]])
    """
    tolerance = check_positive(tolerance, "tolerance")
    max_iterations = integer(max_iterations, "max_iterations", 1)
    return _nearest_correlation(_symmetric(K), tolerance, max_iterations).matrix


def distance_to_psd(K: Any) -> float:
    """Return the Frobenius distance of K from the nearest PSD matrix, `clip(K)`.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        As in `clip`.

    Returns
    -------
    float
        The root of the sum of squares of the negative eigenvalues; exactly 0 for a matrix that is
        PSD but for rounding.

    Raises
    ------
    ValueError, TypeError
        As `clip` does.

    Examples
    --------
    >>> round(distance_to_psd([[1.0, 2.0], [2.0, 1.0]]), 6)
    1.0
    """
    values, _ = _spectrum(_symmetric(K))
    return float(np.linalg.norm(values[values < 0]))


class PSDRepair(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Make a training Gram matrix PSD, and change the rows of test points alike.

    A repair of the training matrix alone would leave its entries and those of test rows on
    different scales. What becomes of a row k of a test point, its kernel with the training points,
    follows Chen et al. [1]_:

    - "clip" and "flip" are linear in the rows of K, and take k to k P as they take K to K P, with
      P = 1 − V₋V₋ᵀ for "clip" and 1 − 2 V₋V₋ᵀ for "flip", V₋ the eigenvectors of negative
      eigenvalues. Directions of eigenvalues that are zero, or negative by rounding, are kept.
    - "shift" adds to the kernel of each point with itself, of which k holds none: k stays. (The
      linear map that takes K to K − λ 1 would divide k by eigenvalues near zero.)
    - "nearest_correlation" clips K + diag(s), with s as in `nearest_correlation`. The s too belong
      to kernels of points with themselves, and k becomes k P with P the projection that clips.

    A row that is, bit by bit, a row of the training matrix is that training point, and has the
    shift in its own column. (Of equal rows in the training matrix, it is the first.) So
    `transform(K_train)` is `fit_transform(K_train)`, up to rounding, and up to the tolerance of
    1e-8 for "nearest_correlation".

    Parameters
    ----------
    method : {"clip", "flip", "shift", "nearest_correlation"}, default="clip"
        The function of this module that repairs the training matrix.

    Attributes
    ----------
    correction_ : float
        Frobenius norm of the change to the training matrix; 0 if it was PSD but for rounding.
    relative_correction_ : float
        The same, divided by the norm of the training matrix.
    n_features_in_ : int
        Number of training points.
    feature_names_in_ : ndarray of str
        Names of the columns seen by `fit`, where they have names.

    References
    ----------
    .. [1] Y. Chen et al., "Similarity-based classification: concepts and algorithms", Journal of
       Machine Learning Research 10, 747 (2009), on the consistent treatment of training and test
       samples. That the nearest correlation matrix is a clipped K + diag(s) is theorem 2.2 of
       N. J. Higham, IMA Journal of Numerical Analysis 22, 329 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> K = np.array([[1, 0.9, 0, 0], [0.9, 1, 0.7, 0], [0, 0.7, 1, 0.9], [0, 0, 0.9, 1]])
    >>> model = make_pipeline(PSDRepair(), SVC(kernel="precomputed")).fit(K, [0, 0, 1, 1])
    >>> round(model[0].correction_, 6)
    0.31566
    >>> model.predict([[0, 0.1, 0.8, 0.9]])
    array([1])
    """

    # The argument of fit and transform is K, which scikit-learn would take for metadata.
    __metadata_request__fit: ClassVar = {"K": metadata_routing.UNUSED}
    __metadata_request__transform: ClassVar = {"K": metadata_routing.UNUSED}

    def __init__(self, method: str = "clip") -> None:
        self.method = method

    def fit(self, K: Any, y: Any = None) -> PSDRepair:
        """Find the repair of a training matrix.

        Parameters
        ----------
        K : array-like of shape (n_points, n_points)
            A symmetric matrix, as in `clip`.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As `clip` does; ValueError if `method` is not one of those above.
        """
        self._fit(K)
        return self

    def fit_transform(self, K: Any, y: Any = None) -> np.ndarray:
        """Find the repair of a training matrix and return the repaired matrix.

        Parameters
        ----------
        K : array-like of shape (n_points, n_points)
            As in `fit`.
        y : ignored

        Returns
        -------
        ndarray of shape (n_points, n_points)
            To the bit what the function of the method's name returns.
        """
        return self._fit(K).matrix

    def transform(self, K: Any) -> np.ndarray:
        """Return the rows of test points as the repair changes them.

        Parameters
        ----------
        K : array-like of shape (n_test_points, n_points)
            The kernel of test points, in rows, with the training points, in columns.

        Returns
        -------
        ndarray of shape (n_test_points, n_points)
            Fresh; equal to K if the training matrix was PSD.
        """
        check_is_fitted(self, "correction_")
        K = self._check(K, reset=False).copy()
        rows, points = _training_points(K, self._training_rows)
        K[rows, points] += self._shifts[points]
        return K - self._weight * (K @ self._vectors) @ self._vectors.T

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.n_features_in_

    def _fit(self, K: Any) -> _Repair:
        if not isinstance(self.method, str) or self.method not in _METHODS:
            raise ValueError(f"method: expected one of {sorted(_METHODS)}, got {self.method!r}")
        rows = self._check(K, reset=True)
        K = _symmetric(rows)
        repair = _METHODS[self.method](K)
        self._shifts, self._vectors, self._weight = repair.shifts, repair.vectors, repair.weight
        # Needed for shifts alone.
        self._training_rows = np.copy(rows if repair.shifts.any() else rows[:0])
        self.correction_ = float(np.linalg.norm(repair.matrix - K))
        self.relative_correction_ = _relative(self.correction_, float(np.linalg.norm(K)))
        return repair

    def _check(self, K: Any, *, reset: bool) -> np.ndarray:
        return as_float64(validate_data(self, K, reset=reset, dtype="numeric"), "K")


@dataclass(frozen=True)
class _Repair:
    """A repaired matrix, equal to (K + diag(shifts)) (1 − weight · vectors vectorsᵀ)."""

    matrix: np.ndarray
    shifts: np.ndarray
    vectors: np.ndarray
    weight: float


def _clip(K: np.ndarray) -> _Repair:
    return _without_negative_part(K, 1.0)


def _flip(K: np.ndarray) -> _Repair:
    return _without_negative_part(K, 2.0)


def _shift(K: np.ndarray) -> _Repair:
    n, lowest = len(K), _spectrum(K)[0].min()
    shifts = np.full(n, max(0.0, -lowest))
    return _Repair(K + np.diag(shifts), shifts, np.empty((n, 0)), 0.0)


def _nearest_correlation(
    K: np.ndarray, tolerance: float = _TOLERANCE, max_iterations: int = _MAX_ITERATIONS
) -> _Repair:
    following = last = 1 - K.diagonal()
    momentum = 1.0
    for _ in range(max_iterations):
        shifts = following
        clipped = _clip(K + np.diag(shifts))
        missing = 1 - clipped.matrix.diagonal()
        if np.abs(missing).max() <= tolerance:
            break
        step = shifts + missing
        # Momentum that has come to point away from the solution is forgotten.
        before = momentum if missing @ (step - last) >= 0 else 1.0
        momentum = (1 + np.sqrt(1 + 4 * before**2)) / 2
        following, last = step + (before - 1) / momentum * (step - last), step
    else:
        warnings.warn(
            f"nearest_correlation: expected a diagonal within {tolerance} of 1 after "
            f"{max_iterations} iterations, got {np.abs(missing).max():.2g} away; the result is a "
            "correlation matrix, but not the nearest. Raise max_iterations or tolerance",
            ConvergenceWarning,
            stacklevel=3,
        )
    return _Repair(_unit_diagonal(clipped.matrix), shifts, clipped.vectors, clipped.weight)


_METHODS: dict[str, Callable[[np.ndarray], _Repair]] = {
    "clip": _clip,
    "flip": _flip,
    "nearest_correlation": _nearest_correlation,
    "shift": _shift,
}


def _without_negative_part(K: np.ndarray, weight: float) -> _Repair:
    """Take `weight` times each negative eigenvalue's part off K; return K itself if none is."""
    values, vectors = _spectrum(K)
    negative = values < 0
    if negative.any():
        # A product of a matrix with its own transpose is PSD even when rounded.
        root = vectors * np.sqrt(np.where(negative, (1 - weight) * values, values))
        K = _mean_with_transpose(root @ root.T)
    return _Repair(K, np.zeros(len(K)), vectors[:, negative], weight)


def _spectrum(K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues, 0 where they are negative by rounding alone, and eigenvectors."""
    # Not eig: its eigenvectors of a repeated eigenvalue are not orthogonal.
    values, vectors = np.linalg.eigh(K)
    rounding = 4 * len(K) * np.finfo(np.float64).eps * np.abs(values).max()
    values[(values < 0) & (values >= -rounding)] = 0.0
    return values, vectors


def _symmetric(K: Any) -> np.ndarray:
    """Return a fresh symmetric matrix, the mean of K and its transpose."""
    K = check_data(K, owner="psd", name="K")
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"expected a square kernel matrix, got shape {K.shape}")
    differences = np.abs(K - K.T)
    i, j = np.unravel_index(differences.argmax(), K.shape)
    if differences[i, j] > _ASYMMETRY * np.abs(K).max():
        raise ValueError(
            "expected a symmetric kernel matrix, such as (K + K.T) / 2, got "
            f"K[{i}, {j}] = {K[i, j]} and K[{j}, {i}] = {K[j, i]}"
        )
    return _mean_with_transpose(K)


def _mean_with_transpose(K: np.ndarray) -> np.ndarray:
    return (K + K.T) / 2


def _unit_diagonal(K: np.ndarray) -> np.ndarray:
    """Raise the diagonal to at least 1, then scale rows and columns to 1: K stays PSD."""
    scale = 1 / np.sqrt(np.maximum(K.diagonal(), 1.0))
    scaled = K * np.outer(scale, scale)
    np.fill_diagonal(scaled, 1.0)
    return scaled


def _training_points(K: np.ndarray, training_rows: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the rows of K that are training points, and which of them they are."""
    first: dict[bytes, int] = {}
    for point, row in enumerate(training_rows):
        first.setdefault(row.tobytes(), point)
    found = {i: first[key] for i, row in enumerate(K) if (key := row.tobytes()) in first}
    return list(found.keys()), list(found.values())


def _relative(size: float, norm: float) -> float:
    if size == 0:
        return 0.0
    return size / norm if norm > 0 else float("inf")
