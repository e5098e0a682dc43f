"""`VariationalClassifier`: classes from the scores of a trained circuit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cirq
import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from qkernels.kernels.validation import FeatureMapLike, as_float64
from qkernels.optimizers import SPSA, Adam, Callback
from qkernels.qnn.layers import Ansatz
from qkernels.variational import losses
from qkernels.variational.base import BaseVariational
from qkernels.variational.held_out import TrainingSet

_READOUTS = ("expectation", "parity", "probabilities")
_OF_SCORES: dict[str, losses.ScoreLoss] = {
    "cross_entropy": losses.cross_entropy,
    "hinge": losses.hinge,
    "squared": losses.squared,
}
_OF_PROBABILITIES: dict[str, losses.ScoreLoss] = {
    "cross_entropy": losses.cross_entropy_of_probabilities,
    "hinge": losses.of_probabilities(losses.hinge),
    "squared": losses.of_probabilities(losses.squared),
}


def _has_probabilities(self: VariationalClassifier) -> bool:
    if self.readout == "expectation" and self.loss != "cross_entropy":
        raise AttributeError(
            "predict_proba: expected loss='cross_entropy', or a readout of probabilities; got "
            f"loss={self.loss!r} and readout={self.readout!r}"
        )
    return True


class VariationalClassifier(ClassifierMixin, BaseVariational):
    """A classifier that trains the weights of a circuit.

    The data go through a feature map and an ansatz; what is measured gives each class a score.

    Parameters
    ----------
    feature_map : FeatureMap or callable, default=None
        The circuit that encodes the data, or a function of the number of features that returns
        one, as kernels take it. None is `qkernels.variational.folded`, rotations on at most 6
        qubits. Its trainable symbols are weights too. Angles are in radians: scale the data, or
        set the bandwidth.
    ansatz : FeatureMap or callable, default=None
        The circuit of weights, one of `qkernels.ansatze` or any map without features; a function
        is called with the number of qubits. None is three strongly entangling layers. A single
        layer may end in gates that the observables do not see: give it more.
    observables : list of cirq.PauliString or cirq.PauliSum, default=None
        With readout "expectation", one for each class, or one for two classes. None is Z on the
        first qubits, and products of Z if there are more classes than qubits.
    readout : {"expectation", "parity", "probabilities"}, default="expectation"
        What scores are: expectation values, each times a trained scale and plus a trained bias; or
        the probabilities of the outcomes that count for a class, those whose number of ones, or
        whose number in binary, leaves the class's place when divided by the number of classes.
    loss : {"cross_entropy", "hinge", "squared"}, default="cross_entropy"
        The mean over points is minimised; "hinge" and "squared" are one class against the rest, of
        probabilities p by the scores 2 p - 1. The cross entropy of a probability that is estimated
        as 0 has no slope: where repetitions are few, "squared" goes further.
    optimizer : str, Adam or SPSA, default="L-BFGS-B"
        As `KernelTrainer` takes it: a gradient method of scipy, "adam", or "spsa", which needs two
        values of the loss a step and no gradient, for circuits measured on hardware.
    max_iter : int, default=100
        The most steps from each start.
    batch_size : int, default=None
        Points drawn for each step of "adam" or "spsa", each class in proportion; None takes all.
    n_restarts : int, default=0
        So many more starts from random weights; the best result is kept.
    data_reuploading : int, default=1
        How often feature map and ansatz follow each other, each time with weights of their own.
    bandwidth : float or array-like of shape (n_features,), default=None
        Multiplies the data. None is 1 / √n_features: points of standardised data are as far apart
        then, however many features they have, as with `SVC(gamma="auto")`.
    early_stopping : bool, default=False
        Whether to hold out points, to stop when their loss has not fallen by `tol` for
        `n_iter_no_change` steps, and to keep the weights with which it was least.
    validation_fraction : float, default=0.1
        The share of points held out.
    n_iter_no_change : int, default=10
    tol : float, default=1e-4
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the last one.
    random_state : int, RandomState or None, default=None
        Draws weights, batches, what is held out, and SPSA's directions.
    evaluator : Evaluator or "auto", default=None
        None is an exact one, "auto" an `AutoEvaluator`. With a `SamplerEvaluator` or an
        `MPSEvaluator`, gradients are those of the parameter-shift rule.
    callback : callable, default=None
        Called after each step with its number, all trained numbers and the loss; training from
        this start ends when it returns True.
    verbose : int, default=0
        Whether a progress bar is shown.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : Network
        The circuit with its readout: `network_.circuit` is the feature map with the ansatz.
    weights_ : ndarray of shape (n_weights,)
        Values of the circuit's trainable symbols.
    output_scale_, output_bias_ : ndarray of shape (n_scores,)
        Of the expectation values; empty for probabilities.
    loss_ : float
        The loss of the points trained on; of batches and of estimates the mean of the last tenth of
        the history, or with early stopping that of the step that was kept.
    history_ : ndarray of shape (n_iter_ + 1,)
        The loss of the points trained on, at the best start and after each step from there.
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
    V. Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
    (2019), section "Quantum variational classification"; K. Mitarai et al., "Quantum circuit
    learning", Physical Review A 98, 032309 (2018).

    Examples
    --------
    >>> import qkernels as qk
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> model = qk.VariationalClassifier(random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    """

    def __init__(
        self,
        feature_map: FeatureMapLike | None = None,
        ansatz: Ansatz | None = None,
        *,
        observables: Sequence[cirq.PauliString | cirq.PauliSum] | None = None,
        readout: str = "expectation",
        loss: str = "cross_entropy",
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
        self.readout = readout
        self.loss = loss
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

    def fit(self, X: Any, y: Any) -> VariationalClassifier:
        """Train the weights.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : array-like of shape (n_points,)
            Two classes or more.

        Returns
        -------
        VariationalClassifier
            Itself.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, or there are fewer than two classes.
        """
        loss = self._loss()
        X, y = validate_data(self, X, y, dtype="numeric")
        check_classification_targets(y)
        found, classes = np.unique(y, return_inverse=True)
        self._check_classes(found)
        targets = losses.signs(classes, len(found))
        if self.readout != "expectation" and len(found) == 2:
            targets = np.hstack([-targets, targets])
        self._train(TrainingSet(as_float64(X, "X"), targets, classes), loss)
        self.classes_ = found
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of the highest score, for each point.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points,)
        """
        scores = self._scores(X)
        if scores.shape[1] == 1:
            return self.classes_[(scores[:, 0] > 0).astype(int)]
        return self.classes_[scores.argmax(axis=1)]

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores; of two classes, that of the second, which is above 0 if it wins.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points, n_classes), or (n_points,) for two classes
            Of probabilities of two classes, their difference.
        """
        scores = self._scores(X)
        if len(self.classes_) > 2:
            return scores
        return scores[:, 0] if scores.shape[1] == 1 else scores[:, 1] - scores[:, 0]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points, n_classes)
            Of estimated probabilities below 0, what is left when they are taken for 0.
        """
        scores = self._scores(X)
        if self.readout != "expectation":
            clipped = np.maximum(scores, 0)
            return clipped / clipped.sum(axis=1, keepdims=True)
        if scores.shape[1] == 1:
            return np.hstack([expit(-scores), expit(scores)])
        return softmax(scores, axis=1)

    def _check_classes(self, found: np.ndarray) -> None:
        if len(found) < 2:
            raise ValueError(f"expected two classes or more, got 1 class: {found[0]!r}")
        if self.warm_start and hasattr(self, "weights_"):
            before = self.classes_.tolist()
            if before != found.tolist():
                raise ValueError(
                    f"warm_start=True goes on with the classes {before}, got {found.tolist()}: "
                    "give a new estimator other classes"
                )

    def _loss(self) -> losses.ScoreLoss:
        for name, allowed in (("readout", _READOUTS), ("loss", tuple(_OF_SCORES))):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name}: expected one of {list(allowed)}, got {getattr(self, name)!r}"
                )
        return (_OF_SCORES if self.readout == "expectation" else _OF_PROBABILITIES)[self.loss]
