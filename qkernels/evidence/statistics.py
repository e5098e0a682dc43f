"""What repeated cross-validation says of a mean: intervals that know that its folds overlap.

What lives here: the corrected resampled t-interval. Where scores come from is in `protocol`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t


class Interval(NamedTuple):
    """A mean and where it may lie.

    Attributes
    ----------
    mean : float
    low, high : float
        The ends of the interval. They coincide where all scores do, which says nothing.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def corrected_interval(scores: Any, test_ratio: float, confidence: float = 0.95) -> Interval:
    """Return the corrected resampled t-interval of a mean over resampled splits.

    The variance of the mean of J scores is taken as (1/J + n_test/n_train) times their sample
    variance: training sets overlap, so that scores are not independent, and 1/J alone finds
    differences that are not there.

    Parameters
    ----------
    scores : array-like of shape (n_splits,)
        A score, or a difference of two models' scores, on each split.
    test_ratio : float
        Points of a test set by points of a training set, above 0.
    confidence : float, default=0.95
        Between 0 and 1.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If there are fewer than two scores, or an argument is out of range.

    References
    ----------
    C. Nadeau, Y. Bengio, "Inference for the generalization error", Machine Learning 52, 239 (2003),
    equation 9; R. R. Bouckaert, E. Frank, "Evaluating the replicability of significance tests for
    comparing learning algorithms", PAKDD (2004), for repeated cross-validation.

    Examples
    --------
    >>> print(corrected_interval([0.8, 0.9, 0.85, 0.95, 0.9], test_ratio=0.25))
    0.880 [0.774, 0.986]
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"expected two finite scores or more in a row, got {scores!r}")
    if not test_ratio > 0:
        raise ValueError(f"test_ratio: expected a number above 0, got {test_ratio!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence!r}")
    n = len(values)
    error = np.sqrt((1 / n + test_ratio) * values.var(ddof=1))
    half = t.ppf((1 + confidence) / 2, n - 1) * error
    mean = float(values.mean())
    return Interval(mean, float(mean - half), float(mean + half))
