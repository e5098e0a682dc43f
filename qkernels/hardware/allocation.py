"""Sharing out repetitions: more for the entries that a learner is sensitive to.

What lives here: the shares of each point, and their rounding to a few levels, since one submission
has one number of repetitions.

References
----------
arXiv 2605.14672: the variance of a learner's objective is least, for a given number of
repetitions, with shares in proportion to |∂L/∂K_ij| √(K_ij (1 − K_ij)); for Bell measurements
the root is √(1 − K_ij²).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from qkernels.evaluators import StatevectorEvaluator
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


def allocated(
    plan: Measurement, total: int, y: Any, method: str, C: float, alpha: float
) -> tuple[Request, ...]:
    """Return the plan's requests with shares of so many repetitions; see `Plan.allocate`."""
    n_points = sum(map(len, plan.requests))
    if method not in METHODS:
        raise ValueError(f"method: expected one of {list(METHODS)}, got {method!r}")
    if isinstance(total, bool) or not isinstance(total, int | np.integer) or total < n_points:
        raise ValueError(
            f"total: expected at least one repetition for each of {n_points} points, got {total!r}"
        )
    if method == "uniform":
        return tuple(r.asking_for(np.full(len(r), total // n_points)) for r in plan.requests)
    sensitivity = _sensitivity(plan, y, method, C, alpha)
    (request,) = plan.requests
    by_key = largest_by_point(plan, sensitivity)
    weights = np.array([by_key[key] for key in request.keys("")])
    return (request.asking_for(_shares(weights, int(total))),)


def _sensitivity(plan: Measurement, y: Any, method: str, C: float, alpha: float) -> np.ndarray:
    """Return |∂L/∂K_ij| times the standard deviation of a repetition, for each entry."""
    if not isinstance(plan.kernel, FidelityKernel) or len(plan.points) != 1:
        raise ValueError(
            f"method={method!r}: expected the plan of a FidelityKernel on training points, got "
            f"{plan.kernel!r} on {len(plan.points)} sets of points"
        )
    n_points = len(plan.points[0])
    y = np.asarray(y)
    if y.shape != (n_points,):
        raise ValueError(f"y: expected shape ({n_points},), got {y.shape}")
    K = _pilot(plan)
    gradient = SVMDual(C=C)(K, y)[1] if method == "svm" else _ridge_gradient(K, y, alpha)
    variance = 1 - K**2 if plan.evaluator.estimator == "bell" else K * (1 - K)
    return np.abs(gradient) * np.sqrt(np.clip(variance, 0, None))


def _ridge_gradient(K: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """Return the derivative of yᵀ(K + αI)⁻¹y: −a aᵀ with a = (K + αI)⁻¹y."""
    weights = cho_solve(cho_factor(K + alpha * np.eye(len(K))), y.astype(float))
    return -np.outer(weights, weights)


def _pilot(plan: Measurement) -> np.ndarray:
    """Return the matrix as the ledger has it, or else as a noiseless device would give it."""
    try:
        return clip(estimate(plan, None).K)
    except MissingCounts:
        return with_evaluator(plan.kernel, StatevectorEvaluator())(*plan.points)


def _shares(weights: np.ndarray, total: int) -> np.ndarray:
    """Return whole repetitions in a few levels, in proportion to weights, not above the total."""
    even = np.full(len(weights), 1 / len(weights))
    shares = weights / weights.sum() if weights.sum() else even
    shares = (1 - _EVEN) * shares + _EVEN * even
    low, high = 0.0, _LEVEL
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if _rounded(middle * total * shares).sum() <= total
            else (
                low,
                middle,
            )
        )
    return _rounded(low * total * shares)


def _rounded(wanted: np.ndarray) -> np.ndarray:
    """Return the largest level that is not above each number, at least 1."""
    steps = np.floor(np.log(np.maximum(wanted, 1.0)) / np.log(_LEVEL) + 1e-9)
    return np.maximum(np.floor(_LEVEL**steps), 1).astype(np.int64)
