"""Scores of a kernel matrix and targets: how alike the kernel is to the ideal one.

What lives here: the alignments, which are to be maximised, and the targets' ideal kernel. What
trains on them is in `losses` and `training`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import type_of_target

__all__ = ["centered_alignment", "target_alignment"]


def target_alignment(K: Any, y: Any, *, rescale_class_weights: bool = True) -> float:
    r"""Return the kernel-target alignment ⟨K, T⟩ / (‖K‖ ‖T‖), in Frobenius norms.

    For two classes T = yyᵀ with y = ±1. For c classes, T is 1 for two points of one class and
    -1/(c-1) for others, which is the same for c = 2. For regression T = yyᵀ of the centred
    targets.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        A symmetric kernel matrix.
    y : array-like of shape (n_points,)
        Classes of any type, or real targets that are not all integers.
    rescale_class_weights : bool, default=True
        Whether to divide each point's label by the size of its class, so that a large class does
        not outweigh a small one; it does nothing for regression.

    Returns
    -------
    float
        From -1 to 1; 1 is the ideal kernel.

    Raises
    ------
    ValueError
        If K is not a square matrix of finite numbers, not as long as y, or zero; if there is but
        one class, or all targets are equal, or one of them is not finite.

    References
    ----------
    N. Cristianini et al., "On kernel-target alignment", NIPS 14 (2001), definition 1; T. Hubregtsen
    et al., "Training quantum embedding kernels on near-term quantum computers", Physical Review A
    106, 042431 (2022), for the class weights.

    Examples
    --------
    >>> target_alignment([[1.0, 0.0], [0.0, 1.0]], ["a", "b"]).__round__(6)
    0.707107
    """
    K, y = check_kernel_matrix(K, y)
    return alignment(K, label_vectors(y, rescale=rescale_class_weights))


def centered_alignment(K: Any, y: Any) -> float:
    """Return the alignment of K and T after centring both, HKH with H = 1 - 11ᵀ/n.

    Parameters
    ----------
    K, y
        As in `target_alignment`.

    Returns
    -------
    float
        From -1 to 1; it does not change when a constant is added to K.

    Raises
    ------
    ValueError
        As `target_alignment` does; if the centred K is zero.

    References
    ----------
    C. Cortes et al., "Algorithms for learning kernels based on centered alignment", Journal of
    Machine Learning Research 13, 795 (2012), definition 4.

    Examples
    --------
    >>> centered_alignment([[1.0, 0.2], [0.2, 1.0]], [0, 1]).__round__(6)
    1.0
    """
    K, y = check_kernel_matrix(K, y)
    vectors = label_vectors(y, rescale=False)
    return alignment(centered(K), vectors - vectors.mean(axis=0))


def alignment(K: np.ndarray, vectors: np.ndarray) -> float:
    """Return the alignment of K with T = V Vᵀ, which is never formed."""
    norms = np.linalg.norm(K) * np.linalg.norm(vectors.T @ vectors)
    if norms == 0:
        raise ValueError("no alignment of a kernel matrix that is zero (after centring, if any)")
    return float(np.einsum("ij,ik,jk->", K, vectors, vectors) / norms)


def centered(K: np.ndarray) -> np.ndarray:
    """Return HKH: rows and columns then sum to 0."""
    found = K - K.mean(axis=0) - K.mean(axis=1)[:, np.newaxis] + K.mean()
    # What is left of a constant is rounding.
    return found if np.abs(found).max() > 1e-14 * np.abs(K).max() else np.zeros_like(K)


def is_regression(y: np.ndarray) -> bool:
    """Return whether targets are real numbers rather than classes."""
    return bool(type_of_target(y) == "continuous")


def label_vectors(y: np.ndarray, *, rescale: bool) -> np.ndarray:
    """Return V of shape (n_points, n_columns) with T = V Vᵀ the ideal kernel.

    Classes are the corners of a regular simplex, which for two is ±1 on a line.
    """
    if is_regression(y):
        if np.ptp(y) == 0:
            raise ValueError("expected targets that differ, got one value")
        return (y - y.mean())[:, np.newaxis]
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"expected at least two classes, got {classes.tolist()}")
    corners = _simplex(len(classes))
    return (corners / counts[:, np.newaxis] if rescale else corners)[codes]


def _simplex(n: int) -> np.ndarray:
    """Return n unit vectors in n - 1 dimensions with inner products -1/(n-1)."""
    gram = (n * np.eye(n) - 1) / (n - 1)
    values, vectors = np.linalg.eigh(gram)
    return vectors[:, 1:] * np.sqrt(values[1:])


def check_kernel_matrix(K: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return a square kernel matrix, and one target a row."""
    K = check_array(K, dtype=np.float64, input_name="K")
    y = column_or_1d(y, warn=False)
    assert_all_finite(y, input_name="y")
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"expected a square kernel matrix, got shape {K.shape}")
    if len(y) != len(K):
        raise ValueError(
            f"expected as many targets as the kernel has rows ({len(K)}), got {len(y)}"
        )
    return K, y
