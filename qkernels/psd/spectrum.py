"""What the repairs share: the matrix that is taken, its eigenvalues, and what a repair leaves.

What lives here: the check of a kernel matrix, its spectrum with rounding taken for zero, and
`Repair`. Which repair is made is the business of `repairs` and `correlation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qkernels.kernels.validation import check_data

# Differences of K and its transpose, relative to the largest entry, that single precision makes.
_ASYMMETRY = 1e-6


@dataclass(frozen=True)
class Repair:
    """A repaired matrix, equal to (K + diag(shifts)) (1 − weight · vectors vectorsᵀ)."""

    matrix: np.ndarray
    shifts: np.ndarray
    vectors: np.ndarray
    weight: float


def without_negative_part(K: np.ndarray, weight: float) -> Repair:
    """Take `weight` times each negative eigenvalue's part off K; return K itself if none is."""
    values, vectors = spectrum(K)
    negative = values < 0
    if negative.any():
        # A product of a matrix with its own transpose is PSD even when rounded.
        root = vectors * np.sqrt(np.where(negative, (1 - weight) * values, values))
        K = mean_with_transpose(root @ root.T)
    return Repair(K, np.zeros(len(K)), vectors[:, negative], weight)


def spectrum(K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues, 0 where they are negative by rounding alone, and eigenvectors."""
    # Not eig: its eigenvectors of a repeated eigenvalue are not orthogonal.
    values, vectors = np.linalg.eigh(K)
    rounding = 4 * len(K) * np.finfo(np.float64).eps * np.abs(values).max()
    values[(values < 0) & (values >= -rounding)] = 0.0
    return values, vectors


def symmetric(K: Any) -> np.ndarray:
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
    return mean_with_transpose(K)


def mean_with_transpose(K: np.ndarray) -> np.ndarray:
    """Return (K + Kᵀ)/2, exactly symmetric."""
    return (K + K.T) / 2
