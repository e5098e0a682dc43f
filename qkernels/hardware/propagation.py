"""How far the errors of a kernel matrix carry into what is learnt from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from sklearn.base import clone

from qkernels.feature_maps.validation import integer
from qkernels.hardware.estimate import Estimate, fresh_seed


@dataclass(frozen=True, eq=False)
class Propagation:
    """Decision values, and what shot noise does to them.

    Attributes
    ----------
    decision : ndarray of shape (n_points,) or (n_points, n_classes)
        What the estimator says with the estimated matrices.
    std_error : ndarray of the same shape
        The spread of decision values over bootstrap samples, in each of which the estimator is
        fitted anew.
    changed : ndarray of shape (n_points,)
        The share of samples that predict another class than the estimate does.
    """

    decision: np.ndarray
    std_error: np.ndarray
    changed: np.ndarray


def propagate(
    estimator: Any,
    train: Estimate,
    y: Any,
    test: Estimate | None = None,
    *,
    n_samples: int = 100,
    random_state: int | None = None,
) -> Propagation:
    """Return how far the errors of kernel matrices carry into decision values.

    The counts of each point are drawn anew from what was counted (a bootstrap over repetitions),
    once for all entries that it is in, and the estimator is fitted and asked again.

    Parameters
    ----------
    estimator : SVC or another classifier
        Takes kernel matrices (`kernel="precomputed"`), and has a `decision_function`. A pipeline
        that begins with `PSDRepair` does too. It is not changed.
    train : Estimate
        Of the training points' matrix.
    y : array-like of shape (n_train,)
        Their classes.
    test : Estimate, optional
        Of the new points' matrix with the training points; the training points themselves if left
        out.
    n_samples : int, default=100
    random_state : int, optional
        Draws the samples.

    Returns
    -------
    Propagation

    Raises
    ------
    TypeError
        If the estimator has no `decision_function`.
    ValueError
        If it takes other things than kernel matrices; if there are not two samples at least, or an
        estimate has the columns of support vectors only, from which nothing can be fitted anew.
    """
    _check_estimator(estimator)
    n_samples = integer(n_samples, "n_samples", 2)
    if any(e is not None and e.is_padded for e in (train, test)):
        raise ValueError("expected estimates of whole matrices, got that of a prediction's columns")
    fitted = clone(estimator).fit(train.K, y)
    asked = train.K if test is None else test.K
    decision, predicted = fitted.decision_function(asked), fitted.predict(asked)
    # The same seed for both: a point that is in both matrices is drawn once.
    seed = fresh_seed(random_state)
    new_points = repeat(None) if test is None else test.bootstrap(n_samples, random_state=seed)
    decisions, changed = [], np.zeros(len(asked))
    for K, K_new in zip(train.bootstrap(n_samples, random_state=seed), new_points, strict=False):
        again = clone(estimator).fit(K, y)
        K_new = K if K_new is None else K_new
        decisions.append(again.decision_function(K_new))
        changed += again.predict(K_new) != predicted
    return Propagation(decision, np.std(decisions, axis=0, ddof=1), changed / n_samples)


def _check_estimator(estimator: Any) -> None:
    if not hasattr(estimator, "decision_function"):
        raise TypeError(f"expected a classifier with a decision_function, got {estimator!r}")
    for name, value in estimator.get_params().items():
        if name.rpartition("__")[2] == "kernel" and value != "precomputed":
            raise ValueError(
                f"expected an estimator with kernel='precomputed', got {name}={value!r}"
            )
