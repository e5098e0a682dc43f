"""An estimator whose kernel is trained on what it is fitted to, and on nothing else.

What lives here: `TrainedKernelEstimator`, a `KernelTrainer` and an estimator as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from qkernels.training.trainer import KernelTrainer


def _has(method: str) -> Callable[[Any], bool]:
    """Return whether the estimator inside has a method, for scikit-learn to see."""

    def check(self: TrainedKernelEstimator) -> bool:
        getattr(self.__dict__.get("estimator_", self.estimator), method)
        return True

    return check


class TrainedKernelEstimator(MetaEstimatorMixin, BaseEstimator):
    """Trains a kernel on the data that it is fitted to, then fits an estimator with it.

    In a pipeline, a cross-validation or a grid search the kernel is thus trained on each training
    fold alone.

    Parameters
    ----------
    estimator : estimator
        With an argument `kernel`: `SVC()`, `KernelRidge()`, or
        `GaussianProcessRegressor(optimizer=None)`, which leaves the training to the trainer.
    trainer : KernelTrainer
        Says which kernel is trained, and how.

    Attributes
    ----------
    trainer_ : KernelTrainer
        Fitted.
    estimator_ : estimator
        Fitted, with the trained kernel.
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> import qkernels as qk
    >>> from sklearn.svm import SVC
    >>> X, y = qk.datasets.ad_hoc(20, random_state=0, return_X_y=True)
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
    >>> model = qk.TrainedKernelEstimator(SVC(), qk.KernelTrainer(kernel)).fit(X, y)
    >>> model.predict(X).shape
    (20,)
    """

    def __init__(self, estimator: Any, trainer: KernelTrainer) -> None:
        self.estimator = estimator
        self.trainer = trainer

    def fit(self, X: Any, y: Any) -> TrainedKernelEstimator:
        """Train the kernel and fit the estimator.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : array-like of shape (n_points,)

        Returns
        -------
        TrainedKernelEstimator
            Itself.
        """
        self.trainer_ = clone(self.trainer).fit(X, y)
        self.estimator_ = clone(self.estimator).set_params(kernel=self.trainer_.kernel_)
        self.estimator_.fit(X, y)
        self.n_features_in_ = self.trainer_.n_features_in_
        return self

    @available_if(_has("predict"))
    def predict(self, X: Any, **options: Any) -> Any:
        """Return the targets, as the fitted estimator gives them."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict(X, **options)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, as the fitted estimator gives it."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:
        """Return the logarithm of each class's probability, as the fitted estimator gives it."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_log_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Return the decision function, as the fitted estimator gives it."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.decision_function(X)

    @available_if(_has("transform"))
    def transform(self, X: Any) -> Any:
        """Return the transformed points, as the fitted estimator gives them."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.transform(X)

    @available_if(_has("score_samples"))
    def score_samples(self, X: Any) -> Any:
        """Return each point's score, as the fitted estimator gives it."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.score_samples(X)

    @available_if(_has("score"))
    def score(self, X: Any, y: Any = None) -> float:
        """Return the fitted estimator's score."""
        check_is_fitted(self, "estimator_")
        return float(self.estimator_.score(X, y))

    @property
    def classes_(self) -> np.ndarray:
        """The classes, where the estimator has classes."""
        return self.estimator_.classes_

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)
