"""Sharing out repetitions: more for the entries that a learner is sensitive to.

What lives here: the weight of each point, and repetitions in proportion to weights, filled up above
what the ledger holds; rounded to a few levels, since one submission has one number of repetitions.

References
----------
arXiv 2605.14672: the variance of a learner's objective is least, for a given number of
repetitions, with shares in proportion to |∂L/∂K_ij| √(K_ij (1 − K_ij)); for Bell measurements
the root is √(1 − K_ij²).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from qkernels.evaluators import StatevectorEvaluator
from qkernels.feature_maps.validation import integer, real_array
from qkernels.hardware.entries import largest_by_point
from qkernels.hardware.estimate import estimate
from qkernels.hardware.measurement import Measurement
from qkernels.hardware.recording import with_evaluator
from qkernels.kernels import FidelityKernel
from qkernels.losses import SVMDual
from qkernels.psd import clip
from qkernels.sampling.execution import MissingCounts
from qkernels.sampling.requests import Request

METHODS = ("uniform", "svm", "ridge")
# This share of all repetitions is shared out evenly, so that no entry is left to chance.
_EVEN = 0.1
_LEVEL = np.sqrt(2.0)
# Halvings of the interval in which the level of the water is looked for.
_HALVINGS = 60

Rounding = Callable[[np.ndarray], np.ndarray]


def allocated(
    plan: Measurement, total: int, y: Any, method: str, C: float, alpha: float
) -> tuple[Request, ...]:
    """Return the plan's requests with shares of so many repetitions; see `Plan.allocate`."""
    if method not in METHODS:
        raise ValueError(f"method: expected one of {list(METHODS)}, got {method!r}")
    held = np.concatenate([_held(plan, request) for request in plan.requests])
    _check_total(total, held)
    if method == "uniform":
        shares = filled(np.ones(len(held)), held, int(total), np.floor)
    else:
        weights = _weights(plan, _sensitivity(plan, y, method, C, alpha))
        shares = filled(weights, held, int(total), rounded)
    ends = np.cumsum([0, *map(len, plan.requests)])
    return tuple(
        request.asking_for(shares[start:end])
        for request, (start, end) in zip(plan.requests, pairwise(ends), strict=True)
    )


def _held(plan: Measurement, request: Request) -> np.ndarray:
    """Return the repetitions of each point that are in the ledger, or on their way."""
    found = plan.evaluator.ledger.holdings(request.keys(plan.evaluator.identity(request)))
    return found.asked + found.coming


def _check_total(total: Any, held: np.ndarray) -> None:
    least = int(np.maximum(held, 1).sum())
    if integer(total, "total", 1) < len(held):
        raise ValueError(
            f"total: expected at least one repetition for each of {len(held)} points, got {total!r}"
        )
    if total < least:
        raise ValueError(
            f"total: expected at least {least} repetitions, since the ledger has "
            f"{int(held.sum())} already, which count, got {total!r}"
        )


def _sensitivity(plan: Measurement, y: Any, method: str, C: float, alpha: float) -> np.ndarray:
    """Return |∂L/∂K_ij| times the standard deviation of a repetition, for each entry."""
    is_whole = len(plan.points) == 1 and plan.columns is None
    if not (isinstance(plan.kernel, FidelityKernel) and is_whole):
        raise ValueError(
            f"method={method!r}: expected the plan of a FidelityKernel on training points, got "
            f"{plan.kernel!r} on {'training' if is_whole else 'new'} points"
        )
    if method == "ridge" and not (isinstance(alpha, Real) and alpha > 0):
        raise ValueError(f"alpha: expected a positive number, got {alpha!r}")
    y = np.asarray(y) if method == "svm" else real_array(y, "y")
    if y.shape != (len(plan.points[0]),):
        raise ValueError(f"y: expected shape ({len(plan.points[0])},), got {y.shape}")
    if method == "ridge" and not np.isfinite(y).all():
        raise ValueError(f"y: expected finite numbers, got {y}")
    K = _pilot(plan)
    gradient = SVMDual(C=C)(K, y)[1] if method == "svm" else _ridge_gradient(K, y, alpha)
    variance = 1 - K**2 if plan.evaluator.estimator == "bell" else K * (1 - K)
    return np.abs(gradient) * np.sqrt(np.clip(variance, 0, None))


def _ridge_gradient(K: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """Return the derivative of yᵀ(K + αI)⁻¹y: −a aᵀ with a = (K + αI)⁻¹y."""
    weights = cho_solve(cho_factor(K + alpha * np.eye(len(K))), y)
    return -np.outer(weights, weights)


def _pilot(plan: Measurement) -> np.ndarray:
    """Return the matrix as the ledger has it, or else as a noiseless device would give it."""
    try:
        return clip(estimate(plan, None).K)
    except MissingCounts:
        return with_evaluator(plan.kernel, StatevectorEvaluator())(*plan.points)


def _weights(plan: Measurement, sensitivity: np.ndarray) -> np.ndarray:
    """Return the weight of each point: the largest of its entries, and an even share."""
    (request,) = plan.requests
    by_key = largest_by_point(plan, sensitivity)
    found = np.array([by_key[key] for key in request.keys("")])
    even = np.ones(len(found)) / len(found)
    return (1 - _EVEN) * (found / found.sum() if found.any() else even) + _EVEN * even


def filled(weights: np.ndarray, held: np.ndarray, total: int, rounding: Rounding) -> np.ndarray:
    """Return whole repetitions in proportion to weights, where that is more than is held.

    Water-filling: max(1, held, rounding(level · weight)) at the highest level that takes no more
    than the total.

    Parameters
    ----------
    weights : ndarray of shape (n_points,)
        Positive.
    held : ndarray of shape (n_points,)
    total : int
        At least the sum of max(1, held).
    rounding : callable
        Down to whole numbers, without changing the order.

    Returns
    -------
    ndarray of shape (n_points,), int
    """
    least = np.maximum(held, 1)
    low, high = 0.0, 4 * (total + 1) / max(weights.tolist(), default=1.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        fits = np.maximum(least, rounding(middle * weights)).sum() <= total
        low, high = (middle, high) if fits else (low, middle)
    return np.maximum(least, rounding(low * weights)).astype(np.int64)


def rounded(wanted: np.ndarray) -> np.ndarray:
    """Return the largest level that is not above each number, at least 1.

    Levels are the whole parts of powers of √2.
    """
    steps = np.floor(np.log(np.maximum(wanted, 1.0)) / np.log(_LEVEL) + 1e-9)
    return np.floor(_LEVEL**steps + 1e-9)
