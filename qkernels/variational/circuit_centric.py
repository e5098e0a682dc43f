"""`CircuitCentricClassifier`: a circuit of few gates, the probability of one qubit, and a bias.

What lives here: the estimator of Schuld, Bocharov, Svore and Wiebe's classifier: one model or
several, from several starts, and the best of each. Its circuit is in `circuit_centric_circuit`, the
training of one model from one start in `circuit_centric_training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from tqdm.auto import tqdm

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer
from qkernels.kernels.validation import FeatureMapLike, as_float64
from qkernels.optimizers import warn_that_it_ended
from qkernels.qnn.layers import Ansatz
from qkernels.sampling.budget import BudgetExceeded
from qkernels.variational.circuit_centric_circuit import Encoding
from qkernels.variational.circuit_centric_training import (
    GradientDescent,
    Judgement,
    Readout,
    Task,
)
from qkernels.variational.held_out import check_fraction, hold_out

__all__ = ["CircuitCentricClassifier"]


class CircuitCentricClassifier(ClassifierMixin, BaseEstimator):
    """A circuit of few gates whose first qubit decides between two classes.

    A point is encoded in a state, `qkernels.ansatze.code_blocks` or another ansatz acts on it, and
    π(x) = p + b, with p the probability to measure 1 on the first qubit and b a bias. The second
    class is predicted where π > 1/2. With more classes, one such classifier for each tells its
    class from all others, and the largest π decides.

    Parameters
    ----------
    feature_map : "amplitude", FeatureMap or callable, default="amplitude"
        How points are encoded: as normalised amplitudes, or by a feature map without trainable
        parameters, or by a function of the number of features that returns one, such as
        `qkernels.feature_maps.angle`.
    ansatz : FeatureMap or callable, default=None
        The circuit of weights, as `qkernels.qnn.compose` takes it; None are code blocks.
    ranges : sequence of int, default=(1, 1)
        The ranges of the code blocks, one a block.
    copies : int, default=1
        Number of registers that each hold the encoded point; the tensor product's amplitudes are
        the products of so many features.
    padding : float, default=1.0
        The constant that fills up the amplitudes to the next power of two above the number of
        features, so that also the length of a point can be told. With 0 they are filled up by
        zeros, where need be, and a row of zeros has no state.
    loss : {"squared", "perceptron"}, default="squared"
        The mean of (π - y)², y being 0 or 1, over batches of all points, with b trained too; or,
        as in Microsoft's Q# library, the sum of -p of points with y = 1 and p of those with y = 0,
        over batches of the points that were on the wrong side of the best b when the epoch began,
        divided by `batch_size`.
    learning_rate, momentum, decay : float, default=0.2, 0.9, 1.0
        Stochastic gradient descent: each step is momentum times the last one, minus the learning
        rate times the gradient; after each epoch the rate is multiplied by `decay`.
    batch_size : int, default=32
        Number of points a step.
    max_iter : int, default=50
        Number of epochs from each start.
    n_restarts : int, default=2
        So many more starts from weights drawn uniformly from 0 to 2π.
    validation_fraction : float, optional
        The part of the points, above 0 and below 1, that is not trained with but chooses bias,
        epoch and start. If left out, the training points choose.
    evaluator : Evaluator or "auto", optional
        Computes the expectation values; exactly if left out. "auto" is an `AutoEvaluator`.
    random_state : int, RandomState or None, default=None
        Draws weights, batches and validation points.
    verbose : int, default=0
        Whether a progress bar is shown.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : ndarray of shape (n_models, n_weights)
        One row for two classes, one a class for more.
    bias_ : ndarray of shape (n_models,)
        The b that leaves the fewest points on the wrong side, in the middle of the widest gap of
        probabilities where there are several.
    history_ : list of ndarray of shape (n_epochs + 1,)
        For each model the part of the points on the wrong side, with the bias that is best for
        them, at the best start and after each epoch from there.
    n_iter_ : int
        The largest number of epochs from a best start.
    circuit_ : FeatureMap
        The encoding, whose features are the angles of state preparation for amplitudes, and the
        ansatz.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str
        Their names, where the data have names.

    Notes
    -----
    What is kept of all epochs and starts are the weights with the fewest points on the wrong side,
    and among those the smallest mean squared error. Ctrl-C ends the training, and so does a
    sampler's budget; what is best so far is kept, once each model has been judged at a start. π
    may lie outside [0, 1]: it is no probability of a class, and `predict_proba` is not offered.

    Microsoft's library accepts a step only if there are fewer misses after it; here every step is
    taken. The paper's dropout is left out.

    References
    ----------
    M. Schuld, A. Bocharov, K. Svore and N. Wiebe, "Circuit-centric quantum classifiers", Physical
    Review A 101, 032308 (2020), arXiv:1804.00633.

    Examples
    --------
    >>> import qkernels as qk
    >>> from sklearn.datasets import make_moons
    >>> X, y = make_moons(60, noise=0.1, random_state=0)
    >>> model = CircuitCentricClassifier(copies=2, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        feature_map: str | FeatureMapLike = "amplitude",
        ansatz: Ansatz | None = None,
        *,
        ranges: Sequence[int] = (1, 1),
        copies: int = 1,
        padding: float = 1.0,
        loss: str = "squared",
        learning_rate: float = 0.2,
        momentum: float = 0.9,
        decay: float = 1.0,
        batch_size: int = 32,
        max_iter: int = 50,
        n_restarts: int = 2,
        validation_fraction: float | None = None,
        evaluator: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.feature_map = feature_map
        self.ansatz = ansatz
        self.ranges = ranges
        self.copies = copies
        self.padding = padding
        self.loss = loss
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.decay = decay
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.n_restarts = n_restarts
        self.validation_fraction = validation_fraction
        self.evaluator = evaluator
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> CircuitCentricClassifier:
        """Train the circuit.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : array-like of shape (n_points,)
            Classes, at least two.

        Returns
        -------
        CircuitCentricClassifier
            Itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or the data are of one class or cannot be encoded.

        Warns
        -----
        UserWarning
            If it was interrupted, or reached a budget.
        """
        descent = self._descent()
        X, y = validate_data(self, X, y, dtype="numeric")
        check_classification_targets(y)
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"expected at least two classes, got one class: {classes[0]!r}")
        X = as_float64(X, "X")
        encoding = Encoding(self.feature_map, X.shape[1], self.copies, self.padding)
        circuit = encoding.with_ansatz(self.ansatz, self.ranges)
        self._keep(self._train(descent, circuit, encoding.inputs(X), labels))
        self.classes_, self.circuit_, self._encoding = classes, circuit, encoding
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return π - 1/2: the further above 0, the surer of the class.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points,) or (n_points, n_classes)
            Of the second class where there are two.

        Raises
        ------
        ValueError
            If the data have other features than those of `fit`, or cannot be encoded.
        """
        check_is_fitted(self, "weights_")
        X = as_float64(validate_data(self, X, reset=False, dtype="numeric"), "X")
        readout, inputs = Readout(self.circuit_, self.evaluator), self._encoding.inputs(X)
        p = np.column_stack([readout.probabilities(inputs, weights) for weights in self.weights_])
        margins = p + self.bias_ - 0.5
        return margins[:, 0] if len(self.classes_) == 2 else margins

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each point.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)

        Returns
        -------
        ndarray of shape (n_points,)

        Raises
        ------
        ValueError
            As `decision_function` does.
        """
        margins = self.decision_function(X)
        chosen = margins > 0 if margins.ndim == 1 else margins.argmax(axis=1)
        return self.classes_[np.asarray(chosen, dtype=int)]

    def _descent(self) -> GradientDescent:
        """Return the settings of the training, after a check of all that `fit` counts by."""
        integer(self.n_restarts, "n_restarts", 0)
        if self.validation_fraction is not None:
            check_fraction(self.validation_fraction)
        rates = self.learning_rate, self.momentum, self.decay
        return GradientDescent(self.loss, *rates, self.batch_size, self.max_iter)

    def _train(
        self,
        descent: GradientDescent,
        circuit: FeatureMap,
        inputs: np.ndarray,
        labels: np.ndarray,
    ) -> list[list[Judgement]]:
        """Return the way from the best start, for each model."""
        random = check_random_state(self.random_state)
        rows = self._rows(labels, random)
        readout = Readout(circuit, self.evaluator)
        # Of two classes, the second is told from the first.
        classes = np.unique(labels)
        classes = classes[1:] if len(classes) == 2 else classes
        tasks = [Task(readout, inputs, 1.0 * (labels == k), *rows) for k in classes]
        ways: list[list[list[Judgement]]] = [[] for _ in tasks]
        n_epochs = len(tasks) * (self.n_restarts + 1) * self.max_iter
        bar = tqdm(total=n_epochs, disable=not self.verbose, desc="training")
        try:
            for _ in range(self.n_restarts + 1):
                starts = random.uniform(0, 2 * np.pi, (len(tasks), circuit.n_parameters))
                epochs = [descent.epochs(t, s, random) for t, s in zip(tasks, starts, strict=True)]
                # Each model's start comes first: soon there is something to keep.
                for found, judgements in zip(ways, epochs, strict=True):
                    found.append([next(judgements)])
                for found, judgements in zip(ways, epochs, strict=True):
                    for judgement in judgements:
                        found[-1].append(judgement)
                        bar.update()
        except (KeyboardInterrupt, BudgetExceeded) as stop:
            if not ways[-1]:
                raise
            warn_that_it_ended(stop, stacklevel=4)
        finally:
            bar.close()
        return [min(found, key=lambda way: _worth(_best(way))) for found in ways]

    def _rows(
        self, labels: np.ndarray, random: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to learn from, and those to judge by."""
        if self.validation_fraction is None:
            return (np.arange(len(labels)),) * 2
        return hold_out(len(labels), self.validation_fraction, random, classes=labels)

    def _keep(self, ways: list[list[Judgement]]) -> None:
        best = [_best(way) for way in ways]
        self.weights_ = np.array([judgement.weights for judgement in best])
        self.bias_ = np.array([judgement.bias for judgement in best])
        self.history_ = [np.array([judgement.misses for judgement in way]) for way in ways]
        self.n_iter_ = max(len(way) for way in ways) - 1


def _best(way: list[Judgement]) -> Judgement:
    return min(way, key=_worth)


def _worth(judgement: Judgement) -> tuple[float, float]:
    return judgement.misses, judgement.error
