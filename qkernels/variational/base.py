"""What variational models share: from arguments and data to trained parameters.

What lives here: `BaseVariational`, with the fit and what it leaves behind. What is predicted from
scores is the business of `classifier` and `regressor`; the way down to the least loss is that of
`optimizers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from qkernels.kernels.validation import as_float64
from qkernels.optimizers import Descent, as_optimizer, check_count, draw_batches
from qkernels.qnn import Network
from qkernels.variational.circuits import build_model
from qkernels.variational.losses import ScoreLoss
from qkernels.variational.model import Model
from qkernels.variational.stopping import EarlyStopping, TrainingSet


class BaseVariational(BaseEstimator):
    """A circuit of data and weights, trained to the least loss of its scores.

    To be inherited by estimators, whose constructors have the arguments that are read here.
    """

    network_: Network
    weights_: np.ndarray
    output_scale_: np.ndarray
    output_bias_: np.ndarray

    def _train(self, data: TrainingSet, loss: ScoreLoss) -> None:
        """Train, and leave the results behind."""
        optimizer = as_optimizer(self.optimizer)
        max_iter = check_count("max_iter", self.max_iter, 1)
        n_restarts = check_count("n_restarts", self.n_restarts, 0)
        random_state = check_random_state(self.random_state)
        model = build_model(self, data.X.shape[1], data.targets.shape[1])
        start = self._start(model, random_state)
        stopping = None
        if self.early_stopping:
            stopping = EarlyStopping(self, model, loss)
            data = stopping.hold_out(data, random_state)
        batches = draw_batches(
            self.batch_size, len(data.X), optimizer, random_state, classes=data.classes
        )
        descent = Descent(
            Objective(model, loss, data, batches),
            optimizer,
            max_iter,
            noisy=batches is not None,
            random_state=random_state,
            callback=stopping or self.callback,
            verbose=self.verbose,
        )
        # The optimizers' vectors are so short that threads cost more than they give.
        with threadpool_limits(1, user_api="blas"):
            descent.run(self._starts(start, model, n_restarts, random_state))
        self._keep(model, descent, stopping)

    def _start(self, model: Model, random_state: np.random.RandomState) -> np.ndarray:
        """Return where training begins: at random, or where it ended before."""
        fresh = model.initial(random_state)
        if not self.warm_start or not hasattr(self, "weights_"):
            return fresh
        before = np.concatenate([self.weights_, self.output_scale_, self.output_bias_])
        if before.shape != fresh.shape:
            raise ValueError(
                f"warm_start=True goes on from {len(before)} trained numbers, but this model has "
                f"{len(fresh)}: give a new estimator another circuit"
            )
        return before

    @staticmethod
    def _starts(
        first: np.ndarray, model: Model, n_restarts: int, random_state: np.random.RandomState
    ) -> Iterator[np.ndarray]:
        yield first
        for _ in range(n_restarts):
            yield model.initial(random_state)

    def _keep(self, model: Model, descent: Descent, stopping: EarlyStopping | None) -> None:
        theta, self.loss_ = descent.theta, descent.loss
        self.validation_history_ = None if stopping is None else np.array(stopping.history)
        if stopping is not None and stopping.theta is not None:
            theta, self.loss_ = stopping.theta, stopping.loss
        self.network_ = model.network
        self.weights_, self.output_scale_, self.output_bias_ = model.split(theta)
        self.history_ = np.array(descent.history)
        self.n_iter_ = len(self.history_) - 1

    def _scores(self, X: Any) -> np.ndarray:
        """Return the scores of points, (n_points, n_scores)."""
        check_is_fitted(self, "weights_")
        X = as_float64(validate_data(self, X, reset=False, dtype="numeric"), "X")
        model = Model(self.network_, is_scaled=bool(len(self.output_scale_)))
        theta = np.concatenate([self.weights_, self.output_scale_, self.output_bias_])
        return model.scores(X, theta)


class Objective:
    """The loss of a model's scores as a function of its vector."""

    def __init__(
        self, model: Model, loss: ScoreLoss, data: TrainingSet, batches: Iterator | None
    ) -> None:
        self._model, self._loss, self._data, self._batches = model, loss, data, batches

    def value(self, theta: np.ndarray) -> float:
        """Return the loss, of a new batch where there are batches."""
        data = self._batch()
        return self._loss(self._model.scores(data.X, theta), data.targets)[0]

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient."""
        data = self._batch()
        scores, vjp = self._model.scores_and_vjp(data.X, theta)
        value, slope = self._loss(scores, data.targets)
        return value, vjp(slope)

    def _batch(self) -> TrainingSet:
        return self._data if self._batches is None else self._data.rows(next(self._batches))
