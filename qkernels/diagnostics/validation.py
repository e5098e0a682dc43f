"""Checks that the diagnostics share, and the forms in which they take a kernel matrix.

What lives here: a matrix scaled to trace N, its eigenvalues, its entries as probabilities, and
numbers that may be 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qkernels.alignment import check_kernel_matrix, label_vectors
from qkernels.feature_maps.validation import real
from qkernels.psd.spectrum import symmetric

# Negative eigenvalues relative to the largest, and entries outside [0, 1], that single precision
# makes.
_ROUNDING = 1e-6


def scaled(K: Any) -> np.ndarray:
    """Return a symmetric matrix scaled to trace N."""
    K = symmetric(K)
    trace = np.trace(K)
    if trace <= 0:
        raise ValueError(f"expected a kernel matrix of positive trace, got {trace}")
    return K * (len(K) / trace)


def eigenvalues(K: Any) -> np.ndarray:
    """Return the eigenvalues of K scaled to trace N, descending, none negative."""
    return _not_negative_definite(np.linalg.eigvalsh(scaled(K)))[::-1]


def eigensystem(K: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the eigenvalues as `eigenvalues` does, and the eigenvectors as columns."""
    values, vectors = np.linalg.eigh(scaled(K))
    return _not_negative_definite(values)[::-1], vectors[:, ::-1]


def _not_negative_definite(values: np.ndarray) -> np.ndarray:
    if values[0] < -_ROUNDING * values[-1]:
        raise ValueError(
            "expected a positive semidefinite kernel matrix, got one with the eigenvalue "
            f"{values[0]:.3g} when scaled to trace {len(values)}: repair it first, for example "
            "with qkernels.psd.clip"
        )
    return np.maximum(values, 0.0)


def rounding(values: np.ndarray) -> float:
    """Return the size below which eigenvalues are but rounding."""
    return float(len(values) * np.finfo(np.float64).eps * values.max())


def targets(K: Any, y: Any) -> np.ndarray:
    """Return y as columns: ±1, the corners of a simplex, or centred real numbers."""
    return label_vectors(check_kernel_matrix(K, y)[1], rescale=False)


def off_diagonal(K: Any) -> np.ndarray:
    """Return the entries above the diagonal of a symmetric matrix of two points or more."""
    K = symmetric(K)
    if len(K) < 2:
        raise ValueError(f"expected a kernel matrix of two points or more, got {len(K)}")
    return K[~np.tri(len(K), dtype=bool)]


def probabilities(entries: np.ndarray) -> np.ndarray:
    """Return entries that are in [0, 1], to rounding."""
    low, high = entries.min(), entries.max()
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ValueError(f"expected kernel values from 0 to 1, got {low} to {high}")
    return np.clip(entries, 0.0, 1.0)


def not_negative(value: Any, name: str) -> float:
    """Return a finite number that is at least 0."""
    if real(value, name) < 0:
        raise ValueError(f"expected {name} to be at least 0, got {value!r}")
    return float(value)


def fraction(value: Any, name: str) -> float:
    """Return a number between 0 and 1, both excluded."""
    if not 0 < real(value, name) < 1:
        raise ValueError(f"expected {name} to be between 0 and 1, got {value!r}")
    return float(value)
