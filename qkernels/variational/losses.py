"""Losses of scores, with their derivatives: how well scores tell the classes, or meet targets.

What lives here: functions of scores (n_points, n_scores) and targets of the same shape. They return
the mean over points, to be minimised, and its derivative by each score. Scores of two classes are
one column, in which the second class is positive. How scores are made is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.special import expit, logsumexp, softmax

ScoreLoss: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]

# The least probability whose logarithm is taken.
_LEAST = 1e-12


def signs(classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return 1 for a point's own class and -1 for the others; one column for two classes.

    Parameters
    ----------
    classes : ndarray of shape (n_points,), int
    n_classes : int

    Returns
    -------
    ndarray of shape (n_points, n_classes), or (n_points, 1) for two classes
    """
    of_all = 2.0 * (classes[:, np.newaxis] == np.arange(n_classes)) - 1
    return of_all[:, 1:] if n_classes == 2 else of_all


def cross_entropy(scores: np.ndarray, signs: np.ndarray) -> tuple[float, np.ndarray]:
    """Return minus the mean log probability of the right class; scores are logits."""
    n = len(scores)
    if scores.shape[1] == 1:
        margins = signs * scores
        return np.logaddexp(0, -margins).sum() / n, -signs * expit(-margins) / n
    is_right = signs > 0
    value = logsumexp(scores, axis=1).sum() - scores[is_right].sum()
    return value / n, (softmax(scores, axis=1) - is_right) / n


def hinge(scores: np.ndarray, signs: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean of max(0, 1 - sign × score), summed over one-versus-rest scores."""
    slack = 1 - signs * scores
    return np.maximum(slack, 0).sum() / len(scores), np.where(slack > 0, -signs, 0.0) / len(scores)


def squared(scores: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean squared distance of scores and targets."""
    difference = scores - targets
    return np.sum(difference**2) / len(scores), 2 * difference / len(scores)


def cross_entropy_of_probabilities(
    probabilities: np.ndarray, signs: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return minus the mean log probability of the right class; a column for each class."""
    n, is_right = len(probabilities), signs > 0
    clipped = np.maximum(probabilities, _LEAST)
    slope = np.where(is_right & (probabilities > _LEAST), -1 / clipped, 0.0)
    return -np.log(clipped[is_right]).sum() / n, slope / n


def of_probabilities(loss: ScoreLoss) -> ScoreLoss:
    """Return a loss of probabilities p: another loss of the scores 2 p - 1."""

    def composed(probabilities: np.ndarray, signs: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = loss(2 * probabilities - 1, signs)
        return value, 2 * slope

    return composed
