"""What shot noise does to the squared distances of estimated features, and to a Gaussian of them.

What lives here: pure functions of features and the covariances of their errors. Where these come
from is the business of a sampling evaluator.

With f̂ = f + e, f̂′ = f′ + e′ and independent errors of covariance Σ and Σ′, the squared distance
D̂ = |f̂ − f̂′|² has mean D + tr Σ + tr Σ′ and, for normal errors, variance 4 dᵀ(Σ + Σ′)d +
2 tr (Σ + Σ′)², with d = f − f′; d̂ᵀ(Σ + Σ′)d̂ is too large by tr (Σ + Σ′)², so that
4 d̂ᵀ(Σ + Σ′)d̂ − 2 tr (Σ + Σ′)² estimates the variance without bias.
"""

from __future__ import annotations

import numpy as np


def noise_of_distances(covariance: np.ndarray) -> np.ndarray:
    """Return what each point's errors add to its squared distances: tr Σ, (n_points,).

    Parameters
    ----------
    covariance : ndarray of shape (n_points, n_features, n_features)
    """
    return np.trace(covariance, axis1=1, axis2=2)


def distance_variances(
    F: np.ndarray, G: np.ndarray, F_covariance: np.ndarray, G_covariance: np.ndarray
) -> np.ndarray:
    """Return the variance of each squared distance, (n_points_F, n_points_G).

    Where both features are equal, they are taken to be of one point, whose distance is 0 without
    error. Elsewhere no variance is taken to be less than that of two equal states.

    Parameters
    ----------
    F, G : ndarray of shape (n_points, n_features)
    F_covariance, G_covariance : ndarray of shape (n_points, n_features, n_features)
    """
    spread = np.empty((len(F), len(G)))
    for i, (f, covariance) in enumerate(zip(F, F_covariance, strict=True)):
        d = f - G
        own = np.einsum("jp,pq,jq->j", d, covariance, d, optimize=True)
        spread[i] = 4 * (own + np.einsum("jp,jpq,jq->j", d, G_covariance, d, optimize=True))
        spread[i, ~d.any(axis=1)] = -np.inf
    floor = 2 * _squared_sums(F_covariance, G_covariance)
    return np.where(np.isinf(spread), 0.0, np.maximum(spread - floor, floor))


def _squared_sums(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return tr (A_i + B_j)² for symmetric matrices."""
    a, b = A.reshape(len(A), -1), B.reshape(len(B), -1)
    return np.sum(a * a, axis=1)[:, np.newaxis] + 2 * a @ b.T + np.sum(b * b, axis=1)
