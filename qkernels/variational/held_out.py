"""The points that a model is trained on, and those that are held out of them."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.model_selection import train_test_split

from qkernels.feature_maps.validation import real


class TrainingSet(NamedTuple):
    """Points, the targets of their scores, and their classes where they have any.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features)
    targets : ndarray of shape (n_points, n_scores)
    classes : ndarray of shape (n_points,) or None
    """

    X: np.ndarray
    targets: np.ndarray
    classes: np.ndarray | None

    def rows(self, rows: np.ndarray) -> Self:
        """Return some of the points."""
        classes = None if self.classes is None else self.classes[rows]
        return self._replace(X=self.X[rows], targets=self.targets[rows], classes=classes)


def check_fraction(validation_fraction: Any) -> float:
    """Return the part of the points that is held out, above 0 and below 1, or raise ValueError."""
    fraction = real(validation_fraction, "validation_fraction")
    if not 0 < fraction < 1:
        raise ValueError(f"expected validation_fraction to be above 0 and below 1, got {fraction}")
    return fraction


def hold_out(
    n_points: int, fraction: float, random_state: Any, *, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that are left, and those held out, each class in proportion.

    Parameters
    ----------
    n_points : int
    fraction : float
        As `check_fraction` returns it.
    random_state : RandomState
    classes : ndarray of shape (n_points,), optional

    Raises
    ------
    ValueError
        If there are too few points for one of each class on both sides.
    """
    least = 1
    if classes is not None:
        counts = np.unique(classes, return_counts=True)[1]
        least = len(counts)
        if counts.min() < 2:
            raise ValueError(
                "expected two points or more of each class, so that one can be held out, got a "
                "class of a single point"
            )
    count = ceil(fraction * n_points)
    if not least <= count <= n_points - least:
        raise ValueError(
            f"expected validation_fraction to hold out from {least} to {n_points - least} of "
            f"{n_points} points, one of each class or more on both sides, got {fraction}, which "
            f"holds out {count}"
        )
    return train_test_split(
        np.arange(n_points), test_size=count, stratify=classes, random_state=random_state
    )
