"""Batches: some points of all, drawn anew for each step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count

import numpy as np
from sklearn.utils import resample

from qkernels.optimizers.choice import Optimizer, check_count
from qkernels.optimizers.stochastic import SPSA, Adam


def draw_batches(
    size: int | None,
    n_points: int,
    optimizer: Optimizer,
    random_state: np.random.RandomState,
    *,
    classes: np.ndarray | None = None,
) -> Iterator[np.ndarray] | None:
    """Return an endless supply of rows; None where each step takes all points.

    Parameters
    ----------
    size : int or None
        Points of a batch, at least 2; None, or no fewer than there are, takes all.
    n_points : int
    optimizer : Optimizer
        As `as_optimizer` returns it.
    random_state : RandomState
    classes : ndarray of shape (n_points,), optional
        Each is drawn in proportion.

    Raises
    ------
    ValueError
        If `size` is no such number, or the optimizer cannot stand a loss that is noisy.
    """
    if size is None or check_count("batch_size", size, 2) >= n_points:
        return None
    if not isinstance(optimizer, Adam | SPSA):
        raise ValueError(
            f"batch_size={size} makes the loss noisy, which takes the optimizer 'adam' or "
            f"'spsa'; got {optimizer!r}"
        )
    rows = np.arange(n_points)
    draw = partial(resample, rows, replace=False, random_state=random_state)
    return (draw(n_samples=size, stratify=classes) for _ in count())
