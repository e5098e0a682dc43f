"""The training of the circuit-centric classifier: epochs of gradient descent, judged by misses.

What lives here: one model that tells y = 1 from y = 0, from one start. Which circuit it has and
how many models there are is the business of `circuit_centric`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import cirq
import numpy as np

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, real
from qkernels.kernels.validation import check_positive
from qkernels.qnn import ExpectationNetwork

_LOSSES = ("squared", "perceptron")
# Probabilities closer than this are not told apart by a bias.
_RESOLUTION = 1e-12


class Readout:
    """The probability to measure 1 on the first qubit.

    Parameters
    ----------
    circuit : FeatureMap
    evaluator : Evaluator, "auto" or None
    """

    def __init__(self, circuit: FeatureMap, evaluator: Any) -> None:
        z: cirq.PauliString = cirq.PauliString(cirq.Z(circuit.qubits[0]))
        self._network = ExpectationNetwork(circuit, observables=[z], evaluator=evaluator)

    def probabilities(self, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return p, of shape (n_points,)."""
        return (1 - self._network.forward(inputs, weights)[:, 0]) / 2

    def slope(self, inputs: np.ndarray, weights: np.ndarray, by_p: np.ndarray) -> np.ndarray:
        """Return the gradient by the weights, given that by p."""
        by_z = -by_p[:, np.newaxis] / 2
        return self._network.backward(inputs, weights, by_z, wrt_inputs=False).weights


class Judgement(NamedTuple):
    """How good weights are.

    Attributes
    ----------
    misses : float
        The part of the points on the wrong side.
    error : float
        The mean of (p + b - y)².
    bias : float
        The b that is best for the weights.
    weights : ndarray of shape (n_weights,)
    """

    misses: float
    error: float
    bias: float
    weights: np.ndarray


def best_bias(p: np.ndarray, y: np.ndarray) -> float:
    """Return the b for which p + b > 1/2 differs from y = 1 at the fewest points.

    Where several do, the one in the middle of the widest gap of probabilities.

    Parameters
    ----------
    p : ndarray of shape (n_points,)
        From 0 to 1.
    y : ndarray of shape (n_points,)
        0 or 1.

    Examples
    --------
    >>> round(best_bias(np.array([0.1, 0.2, 0.6]), np.array([0, 0, 1])), 6)
    0.1
    """
    order = np.argsort(p)
    ends = np.concatenate([[-1.0], p[order], [2.0]])
    gaps = np.diff(ends)
    # A threshold in gap k has the k smallest probabilities below it.
    ones_below = np.concatenate([[0.0], np.cumsum(y[order])])
    zeros_above = (1 - y).sum() - (np.arange(len(gaps)) - ones_below)
    misses = np.where(gaps > _RESOLUTION, ones_below + zeros_above, np.inf)
    # That all points are of one class is the last choice among equals.
    gaps[[0, -1]] = 0
    k = np.lexsort([-gaps, misses])[0]
    return float(0.5 - (ends[k] + ends[k + 1]) / 2)


class Task(NamedTuple):
    """What one model is to tell apart.

    Attributes
    ----------
    readout : Readout
    inputs : ndarray of shape (n_points, n_features)
        Of the circuit.
    y : ndarray of shape (n_points,)
        0 or 1.
    train, judged : ndarray of int
        The rows that are learnt from, and those that say how good weights are.
    """

    readout: Readout
    inputs: np.ndarray
    y: np.ndarray
    train: np.ndarray
    judged: np.ndarray

    def judge(self, weights: np.ndarray) -> Judgement:
        """Return how good weights are with the bias that is best for them."""
        y, p = self.y[self.judged], self.readout.probabilities(self.inputs[self.judged], weights)
        bias = best_bias(p, y)
        misses, error = _wrong(p, y, bias).mean(), np.mean((p + bias - y) ** 2)
        return Judgement(float(misses), float(error), bias, weights)

    def missed(self, weights: np.ndarray) -> np.ndarray:
        """Return the rows to learn from that are on the wrong side, with their best bias."""
        y, p = self.y[self.train], self.readout.probabilities(self.inputs[self.train], weights)
        return self.train[_wrong(p, y, best_bias(p, y))]


def _wrong(p: np.ndarray, y: np.ndarray, bias: float) -> np.ndarray:
    return (p + bias > 0.5) != (y > 0.5)


@dataclass(frozen=True)
class GradientDescent:
    """The settings of the training, as `CircuitCentricClassifier` describes them.

    Raises
    ------
    TypeError, ValueError
        If one is out of range.
    """

    loss: str
    learning_rate: float
    momentum: float
    decay: float
    batch_size: int
    max_iter: int

    def __post_init__(self) -> None:
        if self.loss not in _LOSSES:
            raise ValueError(f"expected loss to be one of {list(_LOSSES)}, got {self.loss!r}")
        check_positive(self.learning_rate, "learning_rate")
        integer(self.batch_size, "batch_size", 1)
        integer(self.max_iter, "max_iter", 1)
        if not 0 <= real(self.momentum, "momentum") < 1:
            raise ValueError(f"expected momentum to be at least 0 and below 1, got {self.momentum}")
        if not 0 < real(self.decay, "decay") <= 1:
            raise ValueError(f"expected decay to be above 0 and at most 1, got {self.decay}")

    def epochs(
        self, task: Task, weights: np.ndarray, random: np.random.RandomState
    ) -> Iterator[Judgement]:
        """Yield what the start is worth, and then what each epoch has led to.

        Parameters
        ----------
        task : Task
        weights : ndarray of shape (n_weights,)
            The start.
        random : RandomState
            Draws the batches.
        """
        theta, step, rate = np.append(weights, 0.0), np.zeros(len(weights) + 1), self.learning_rate
        yield task.judge(weights)
        for _ in range(self.max_iter):
            rows = random.permutation(
                task.train if self.loss == "squared" else task.missed(theta[:-1])
            )
            for first in range(0, len(rows), self.batch_size):
                batch = rows[first : first + self.batch_size]
                step = self.momentum * step - rate * self._gradient(task, batch, theta)
                theta = theta + step
            rate *= self.decay
            yield task.judge(theta[:-1])

    def _gradient(self, task: Task, rows: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return the gradient of the batch's loss by the weights and, last, by the bias."""
        inputs, y, weights = task.inputs[rows], task.y[rows], theta[:-1]
        if self.loss == "squared":
            by_p = 2 * (task.readout.probabilities(inputs, weights) + theta[-1] - y) / len(y)
            return np.append(task.readout.slope(inputs, weights, by_p), by_p.sum())
        return np.append(task.readout.slope(inputs, weights, (1 - 2 * y) / self.batch_size), 0.0)
