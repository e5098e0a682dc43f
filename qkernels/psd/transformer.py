"""`PSDRepair`: the repair of a training matrix, carried over to the rows of test points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import metadata_routing
from sklearn.utils.validation import check_is_fitted, validate_data

from qkernels.kernels.validation import as_float64
from qkernels.psd.correlation import nearest_correlation_repair
from qkernels.psd.repairs import clip_repair, flip_repair, shift_repair
from qkernels.psd.spectrum import Repair, symmetric

_METHODS: dict[str, Callable[[np.ndarray], Repair]] = {
    "clip": clip_repair,
    "flip": flip_repair,
    "nearest_correlation": nearest_correlation_repair,
    "shift": shift_repair,
}


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

    def _fit(self, K: Any) -> Repair:
        if not isinstance(self.method, str) or self.method not in _METHODS:
            raise ValueError(f"method: expected one of {sorted(_METHODS)}, got {self.method!r}")
        rows = self._check(K, reset=True)
        K = symmetric(rows)
        repair = _METHODS[self.method](K)
        self._shifts, self._vectors, self._weight = repair.shifts, repair.vectors, repair.weight
        # Needed for shifts alone.
        self._training_rows = np.copy(rows if repair.shifts.any() else rows[:0])
        self.correction_ = float(np.linalg.norm(repair.matrix - K))
        self.relative_correction_ = _relative(self.correction_, float(np.linalg.norm(K)))
        return repair

    def _check(self, K: Any, *, reset: bool) -> np.ndarray:
        return as_float64(validate_data(self, K, reset=reset, dtype="numeric"), "K")


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
