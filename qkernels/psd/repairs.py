"""Repairs that are functions of the eigenvalues: clip, flip and shift."""

from __future__ import annotations

from typing import Any

import numpy as np

from qkernels.psd.spectrum import Repair, spectrum, symmetric, without_negative_part


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
    return clip_repair(symmetric(K)).matrix


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
    return flip_repair(symmetric(K)).matrix


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
    return shift_repair(symmetric(K)).matrix


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
    values, _ = spectrum(symmetric(K))
    return float(np.linalg.norm(values[values < 0]))


def clip_repair(K: np.ndarray) -> Repair:
    """Return the repair that `clip` makes of a symmetric matrix."""
    return without_negative_part(K, 1.0)


def flip_repair(K: np.ndarray) -> Repair:
    """Return the repair that `flip` makes of a symmetric matrix."""
    return without_negative_part(K, 2.0)


def shift_repair(K: np.ndarray) -> Repair:
    """Return the repair that `shift` makes of a symmetric matrix."""
    n, lowest = len(K), spectrum(K)[0].min()
    shifts = np.full(n, max(0.0, -lowest))
    return Repair(K + np.diag(shifts), shifts, np.empty((n, 0)), 0.0)
