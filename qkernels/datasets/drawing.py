"""What all generators share: how a sample is returned, and how classes get equal shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch


def drawn(
    X: np.ndarray, y: np.ndarray, return_X_y: bool, **details: Any
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Return a sample as (X, y), or as a Bunch with what it was made from."""
    if return_X_y:
        return X, y
    names = [f"x{i}" for i in range(X.shape[1])]
    return Bunch(data=X, target=y, feature_names=names, **details)


def halves(n_samples: int) -> np.ndarray:
    """Return labels: first all of -1, then all of 1, which has one more if the number is odd."""
    return np.where(np.arange(n_samples) < n_samples // 2, -1, 1)
