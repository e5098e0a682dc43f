"""Labels made for a quantum kernel: real points, and labels that no classical kernel learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch, check_random_state

from qkernels.datasets.drawing import drawn
from qkernels.diagnostics import engineered_labels
from qkernels.feature_maps import zz
from qkernels.feature_maps.validation import integer
from qkernels.kernels import FidelityKernel

_BANDWIDTH = 0.1


def engineered(
    n_samples: int = 300,
    n_features: int = 8,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw points of the breast cancer data, with labels on which a quantum kernel is ahead.

    The points are standardised principal components. The labels are those of
    `diagnostics.engineered_labels` for the fidelity kernel of `feature_maps.zz` with a bandwidth of
    0.1, against an RBF kernel with γ = 1 / n_features. They are made transductively, from all
    points together: whatever is split off as a test set has had its part in them. They show what
    the kernels' geometry allows, and nothing about labels that people want.

    Parameters
    ----------
    n_samples : int, default=300
        Number of points, from 4 to 569. Half of them are labelled 1, but for one if it is odd.
    n_features : int, default=8
        Number of principal components, from 1 to 10.
    random_state : int, RandomState instance or None, default=None
        Determines which points are taken.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        The points and their labels, -1 or 1, that of the first point being 1. With
        `return_X_y=False`, a `sklearn.utils.Bunch` of `data`, `target`, `feature_names`,
        `diagnosis`, the true labels, 0 for malignant and 1 for benign; and `kernel`, the quantum
        kernel.

    Raises
    ------
    ValueError
        If a number is not such an integer.

    References
    ----------
    H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications 12,
    2631 (2021), for the labels; W. N. Street, W. H. Wolberg, O. L. Mangasarian, "Nuclear feature
    extraction for breast tumor diagnosis", SPIE 1905 (1993), for the points.

    Examples
    --------
    >>> from qkernels.datasets import engineered
    >>> X, y = engineered(60, random_state=0)
    >>> X.shape, int(y.sum())
    ((60, 8), 0)
    """
    n_samples = _between(n_samples, "n_samples", 4, 569)
    n_features = _between(n_features, "n_features", 1, 10)
    X, diagnosis = load_breast_cancer(return_X_y=True)
    components = make_pipeline(
        StandardScaler(), PCA(n_features, svd_solver="full"), StandardScaler()
    )
    chosen = check_random_state(random_state).permutation(len(X))[:n_samples]
    points = np.ascontiguousarray(components.fit_transform(X)[chosen])
    kernel = FidelityKernel(zz, bandwidth=_BANDWIDTH)
    y = engineered_labels(rbf_kernel(points, gamma=1 / n_features), kernel(points))
    # The sign of an eigenvector is anybody's.
    return drawn(points, y * y[0], return_X_y, diagnosis=diagnosis[chosen], kernel=kernel)


def _between(value: Any, name: str, low: int, high: int) -> int:
    value = integer(value, name, low)
    if value > high:
        raise ValueError(f"expected {name} to be at most {high}, got {value}")
    return value
