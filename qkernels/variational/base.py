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

from qkernels.evaluators import SampledEvaluator
from qkernels.feature_maps.validation import real
from qkernels.kernels.validation import as_float64
from qkernels.optimizers import Descent, Referee, as_optimizer, check_count, draw_batches
from qkernels.qnn import Network
from qkernels.variational.circuits import build_model
from qkernels.variational.held_out import TrainingSet, check_fraction, hold_out
from qkernels.variational.losses import ScoreLoss
from qkernels.variational.model import Model


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
        patience = check_count("n_iter_no_change", self.n_iter_no_change, 1)
        fraction, tol = check_fraction(self.validation_fraction), _check_tol(self.tol)
        random_state = check_random_state(self.random_state)
        model = build_model(self, data.X.shape[1], data.targets.shape[1])
        start = self._start(model, random_state)
        referee = None
        if self.early_stopping:
            rows = hold_out(len(data.X), fraction, random_state, classes=data.classes)
            data, held_out = map(data.rows, rows)
            referee = Referee(Objective(model, loss, held_out, None).value, patience, tol)
        batches = draw_batches(
            self.batch_size, len(data.X), optimizer, random_state, classes=data.classes
        )
        descent = Descent(
            Objective(model, loss, data, batches),
            optimizer,
            max_iter,
            noisy=batches is not None or isinstance(model.network.evaluator, SampledEvaluator),
            random_state=random_state,
            callback=self.callback,
            referee=referee,
            verbose=self.verbose,
        )
        # The optimizers' vectors are so short that threads cost more than they give.
        with threadpool_limits(1, user_api="blas"):
            descent.run(self._starts(start, model, n_restarts, random_state), depth=1)
        self._keep(model, descent)

    def _start(self, model: Model, random_state: np.random.RandomState) -> np.ndarray:
        """Return where training begins: at random, or where it ended before."""
        fresh = model.initial(random_state)
        if not len(fresh):
            raise ValueError(
                "nothing to train: expected a circuit with trainable symbols, or the readout "
                f"'expectation', got {model.network!r}"
            )
        if not self.warm_start or not hasattr(self, "weights_"):
            return fresh
        if _shape(self.network_) != _shape(model.network):
            raise ValueError(
                f"warm_start=True goes on with the circuit and the readout of {self.network_!r}, "
                f"got those of {model.network!r}: give them to a new estimator"
            )
        return self._theta

    @staticmethod
    def _starts(
        first: np.ndarray, model: Model, n_restarts: int, random_state: np.random.RandomState
    ) -> Iterator[np.ndarray]:
        yield first
        for _ in range(n_restarts):
            yield model.initial(random_state)

    def _keep(self, model: Model, descent: Descent) -> None:
        self.network_ = model.network
        self.weights_, self.output_scale_, self.output_bias_ = model.split(descent.theta)
        self.loss_, self.history_ = descent.loss, np.array(descent.history)
        self.validation_history_ = np.array(descent.judgements) if self.early_stopping else None
        self.n_iter_ = len(self.history_) - 1

    def _scores(self, X: Any) -> np.ndarray:
        """Return the scores of points, (n_points, n_scores)."""
        check_is_fitted(self, "weights_")
        X = as_float64(validate_data(self, X, reset=False, dtype="numeric"), "X")
        model = Model(self.network_, is_scaled=bool(len(self.output_scale_)))
        return model.scores(X, self._theta)

    @property
    def _theta(self) -> np.ndarray:
        """All trained numbers, as `Model.split` takes them apart."""
        return np.concatenate([self.weights_, self.output_scale_, self.output_bias_])


class Objective:
    """The loss of a model's scores as a function of its vector."""

    def __init__(
        self, model: Model, loss: ScoreLoss, data: TrainingSet, batches: Iterator | None
    ) -> None:
        self._model, self._loss, self._data, self._batches = model, loss, data, batches

    def value(self, theta: np.ndarray) -> float:
        """Return the loss, of a new batch where there are batches."""
        data = self._batch()
        return self._value(self._model.scores(data.X, theta), data.targets)[0]

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient."""
        data = self._batch()
        scores, vjp = self._model.scores_and_vjp(data.X, theta)
        value, slope = self._value(scores, data.targets)
        return value, vjp(slope)

    def _value(self, scores: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = self._loss(scores, targets)
        if not np.isfinite(value):
            raise ValueError(
                f"expected a finite loss, got {value}, of scores up to {np.abs(scores).max():.3g}: "
                "take shorter steps, or scale data and targets"
            )
        return value, slope

    def _batch(self) -> TrainingSet:
        return self._data if self._batches is None else self._data.rows(next(self._batches))


def _check_tol(tol: Any) -> float:
    value = real(tol, "tol")
    if value < 0:
        raise ValueError(f"expected tol to be at least 0, got {tol}")
    return value


def _shape(network: Network) -> tuple:
    """Return what trained numbers belong to."""
    return type(network), network.circuit, network.n_outputs
