"""What the bandwidth of a quantum kernel does, from almost constant to concentrated.

What lives here: `bandwidth_path`, cross-validated scores beside concentration and likeness to an
RBF kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score
from sklearn.svm import SVC, SVR
from sklearn.utils import assert_all_finite, check_random_state, column_or_1d

from qkernels.alignment import is_regression
from qkernels.diagnostics.concentration import concentration
from qkernels.diagnostics.similarity import best_rbf, centered_kernel
from qkernels.feature_maps.validation import integer, real_array
from qkernels.kernels import QuantumKernel
from qkernels.kernels.validation import check_data

_COSTS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
_INNER_FOLDS = 3


@dataclass(frozen=True, eq=False)
class BandwidthPath:
    """What changes with the bandwidth; what `bandwidth_path` returns.

    Attributes
    ----------
    bandwidths : ndarray of shape (n_bandwidths,)
    scores : ndarray of shape (n_bandwidths,)
        Cross-validated accuracy, or R² for real targets.
    score_errors : ndarray of shape (n_bandwidths,)
        Their standard errors, corrected for training sets that overlap.
    means, variances : ndarray of shape (n_bandwidths,)
        Of the kernel values of different points.
    rbf_similarities : ndarray of shape (n_bandwidths,)
        Centred alignment with the best RBF kernel.
    """

    bandwidths: np.ndarray
    scores: np.ndarray
    score_errors: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    rbf_similarities: np.ndarray


def bandwidth_path(
    kernel: QuantumKernel,
    X: Any,
    y: Any,
    *,
    bandwidths: Any = None,
    cv: int = 5,
    random_state: int | None = None,
) -> BandwidthPath:
    """Return score, concentration and likeness to RBF of a kernel against its bandwidth.

    For each bandwidth there is one kernel matrix, whose folds are sub-matrices. The score is of a
    support vector machine whose C, out of 10⁻² ... 10³, is tuned by a second cross-validation
    inside each training fold. Real targets are first brought to mean 0 and variance 1, as a choice
    of units for C and for the tube of 0.1. A bandwidth picked for its score here has
    been picked on all points: its score is then no estimate for new ones.

    Parameters
    ----------
    kernel : QuantumKernel
        Its own bandwidth is not looked at.
    X : array-like of shape (n_points, n_features)
    y : array-like of shape (n_points,)
        Classes, of max(cv, 6) points or more each; or max(2 cv, 12) real targets or more, that are
        not all integers.
    bandwidths : array-like of shape (n_bandwidths,), default=None
        Positive; None is 13 from 0.01 to 3, in equal ratios.
    cv : int, default=5
        Number of folds, at least 2; they are drawn once, for all bandwidths.
    random_state : int, default=None
        Seed of the folds.

    Returns
    -------
    BandwidthPath

    Raises
    ------
    ValueError, TypeError
        If the kernel is not a quantum kernel, X and y do not fit, or a number is out of range.

    References
    ----------
    R. Shaydulin and S. M. Wild, "Importance of kernel bandwidth in quantum machine learning",
    Physical Review A 106, 042407 (2022); C. Nadeau and Y. Bengio, "Inference for the
    generalization error", Machine Learning 52, 239 (2003), for the standard errors.

    Examples
    --------
    >>> import qkernels as qk
    >>> from qkernels.diagnostics import bandwidth_path
    >>> X, y = qk.datasets.ad_hoc(20, random_state=0, return_X_y=True)
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
    >>> path = bandwidth_path(kernel, X, y, bandwidths=[0.1, 1.0], random_state=0)
    >>> path.scores.shape, bool(path.means[0] > path.means[1])
    ((2,), True)
    """
    if not isinstance(kernel, QuantumKernel):
        raise TypeError(f"expected a quantum kernel, got {type(kernel).__name__}")
    cv = integer(cv, "cv", 2)
    X, y = _check_points(X, y, cv)
    found = _check_bandwidths(bandwidths)
    model, folds = _model(y)
    if is_regression(y):
        y = (y - y.mean()) / y.std()
    # An integer, so that each bandwidth has the same folds.
    seed = check_random_state(random_state).randint(2**31 - 1)
    inner, outer = (folds(n, shuffle=True, random_state=seed) for n in (_INNER_FOLDS, cv))
    search = GridSearchCV(model, {"C": _COSTS}, cv=inner)
    rows = [_row(clone(kernel).set_params(bandwidth=b)(X), X, y, search, outer) for b in found]
    return BandwidthPath(found, *np.array(rows).T)


def _model(y: np.ndarray) -> tuple[SVC | SVR, type[KFold] | type[StratifiedKFold]]:
    """Return the learner for such targets, and how points are split."""
    if is_regression(y):
        return SVR(kernel="precomputed"), KFold
    return SVC(kernel="precomputed"), StratifiedKFold


def _row(
    K: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    search: GridSearchCV,
    folds: KFold | StratifiedKFold,
) -> tuple[float, ...]:
    """Return what a path has at one bandwidth, in the order of `BandwidthPath`."""
    scores = cross_val_score(search, K, y, cv=folds)
    # Training sets share points: 1/n_folds alone would be too small (Nadeau and Bengio).
    error = np.sqrt((1 / len(scores) + 1 / (len(scores) - 1)) * scores.var(ddof=1))
    entries = concentration(K)
    similarity, _ = best_rbf(centered_kernel(K), X)
    return scores.mean(), error, entries.mean, entries.variance, similarity


def _check_points(X: Any, y: Any, cv: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = check_data(X, owner="bandwidth_path"), column_or_1d(y)
    assert_all_finite(y, input_name="y")
    if len(y) != len(X):
        raise ValueError(f"expected as many targets as points ({len(X)}), got {len(y)}")
    if is_regression(y):
        # R² is of two points or more, in inner folds too.
        _check_count(len(y), max(2 * cv, 4 * _INNER_FOLDS), "points")
    else:
        classes, counts = np.unique(y, return_counts=True)
        if len(classes) < 2:
            raise ValueError(f"expected at least two classes, got {classes.tolist()}")
        _check_count(counts.min(), max(cv, 2 * _INNER_FOLDS), "points of each class")
    if not np.ptp(X, axis=0).any():
        raise ValueError("expected points that differ, got equal ones")
    return X, y


def _check_count(count: int, least: int, what: str) -> None:
    if count < least:
        raise ValueError(f"expected at least {least} {what}, got {count}")


def _check_bandwidths(bandwidths: Any) -> np.ndarray:
    found = (
        np.geomspace(0.01, 3, 13) if bandwidths is None else real_array(bandwidths, "bandwidths")
    )
    if found.ndim != 1 or not found.size or not np.all(np.isfinite(found) & (found > 0)):
        raise ValueError(f"expected bandwidths to be positive numbers, got {bandwidths!r}")
    return found
