"""`VariationalRegressor`: targets from the expectation values of a trained circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cirq
import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from qkernels.kernels.validation import FeatureMapLike, as_float64
from qkernels.optimizers import SPSA, Adam, Callback
from qkernels.qnn.layers import Ansatz
from qkernels.variational.base import BaseVariational
from qkernels.variational.held_out import TrainingSet
from qkernels.variational.losses import squared


class VariationalRegressor(RegressorMixin, BaseVariational):
    """A regressor that trains the weights of a circuit.

    The data go through a feature map and an ansatz; each target is an expectation value times a
    trained scale and plus a trained bias. The mean squared error is minimised, of targets that are
    centred and divided by their standard deviation.

    Parameters
    ----------
    feature_map, ansatz
        As `VariationalClassifier` takes them.
    observables : list of cirq.PauliString or cirq.PauliSum, default=None
        One for each target. None is Z on the first qubits, and products of Z if there are more
        targets than qubits.
    optimizer, max_iter, batch_size, n_restarts, data_reuploading, bandwidth, early_stopping, \
validation_fraction, n_iter_no_change, tol, warm_start, random_state, evaluator, callback, verbose
        As `VariationalClassifier` takes them.

    Attributes
    ----------
    network_ : Network
        The circuit with its readout: `network_.circuit` is the feature map with the ansatz.
    weights_ : ndarray of shape (n_weights,)
        Values of the circuit's trainable symbols.
    output_scale_, output_bias_ : ndarray of shape (n_targets,)
        Of the expectation values.
    target_mean_, target_std_ : ndarray of shape (n_targets,)
        What targets are centred and divided by.
    loss_ : float
        The squared error of standardised targets, summed over targets, its mean over the points
        trained on; with batches and early stopping as `VariationalClassifier` has it.
    history_ : ndarray of shape (n_iter_ + 1,)
        The loss at the best start and after each step from there.
    validation_history_ : ndarray of shape (n_iter_ + 1,) or None
        With early stopping, the loss of the points held out, beside `history_`.
    n_iter_ : int
    n_features_in_ : int

    Notes
    -----
    Ctrl-C ends the training, and so does a sampler's budget; what is best so far is kept. Of
    batches, and of estimates, the last point is taken for the best.

    References
    ----------
    K. Mitarai et al., "Quantum circuit learning", Physical Review A 98, 032309 (2018).

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X = np.linspace(-2, 2, 30)[:, np.newaxis]
    >>> y = np.sin(2 * X[:, 0])
    >>> model = qk.VariationalRegressor(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.99
    True
    """

    def __init__(
        self,
        feature_map: FeatureMapLike | None = None,
        ansatz: Ansatz | None = None,
        *,
        observables: Sequence[cirq.PauliString | cirq.PauliSum] | None = None,
        optimizer: str | Adam | SPSA = "L-BFGS-B",
        max_iter: int = 100,
        batch_size: int | None = None,
        n_restarts: int = 0,
        data_reuploading: int = 1,
        bandwidth: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: Any = None,
        evaluator: Any = None,
        callback: Callback | None = None,
        verbose: int = 0,
    ) -> None:
        self.feature_map = feature_map
        self.ansatz = ansatz
        self.observables = observables
        self.optimizer = optimizer
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.n_restarts = n_restarts
        self.data_reuploading = data_reuploading
        self.bandwidth = bandwidth
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state
        self.evaluator = evaluator
        self.callback = callback
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> VariationalRegressor:
        """Train the weights.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : array-like of shape (n_points,) or (n_points, n_targets)

        Returns
        -------
        VariationalRegressor
            Itself.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range.
        """
        X, y = validate_data(self, X, y, dtype="numeric", multi_output=True, y_numeric=True)
        y = as_float64(y, "y")
        targets = y.reshape(len(y), -1)
        mean, spread = targets.mean(axis=0), targets.std(axis=0)
        # What is left of a constant is rounding.
        std = np.where(spread > 1e-12 * np.abs(mean), spread, 1.0)
        data = TrainingSet(as_float64(X, "X"), (targets - mean) / std, None)
        self._train(data, squared)
        self._is_column = y.ndim == 1
        self.target_mean_, self.target_std_ = mean, std
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the targets of points.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_targets)
        """
        values = self._scores(X) * self.target_std_ + self.target_mean_
        return values[:, 0] if self._is_column else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
