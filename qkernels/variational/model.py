"""A network with an output layer: scores as a function of data and one vector of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qkernels.qnn import Network


class Parameters(NamedTuple):
    """What a model's vector consists of.

    Attributes
    ----------
    weights : ndarray of shape (n_weights,)
        Of the circuit.
    scale, bias : ndarray of shape (n_outputs,)
        Of the output layer; empty where there is none.
    """

    weights: np.ndarray
    scale: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Model:
    """Scores: a network's outputs, each times a scale of its own and plus a bias, or as they are.

    Attributes
    ----------
    network : Network
    is_scaled : bool
        Whether there are scales and biases.
    """

    network: Network
    is_scaled: bool

    def split(self, theta: np.ndarray) -> Parameters:
        """Return the parts of a vector."""
        n, k = self.network.n_weights, self.network.n_outputs if self.is_scaled else 0
        return Parameters(theta[:n], theta[n : n + k], theta[n + k :])

    def initial(self, random_state: Any) -> np.ndarray:
        """Return a random vector to start from: scales are 1 and biases 0."""
        weights = self.network.initial_weights(random_state)
        k = self.network.n_outputs if self.is_scaled else 0
        return np.concatenate([weights, np.ones(k), np.zeros(k)])

    def scores(self, X: np.ndarray, theta: np.ndarray) -> np.ndarray:
        """Return the scores, (n_points, n_outputs)."""
        return self.scores_and_vjp(X, theta)[0]

    def scores_and_vjp(
        self, X: np.ndarray, theta: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Return the scores, and what takes the gradient by them to that by the vector."""
        weights, scale, _ = parts = self.split(theta)
        outputs = self.network.forward(X, weights)

        def vjp(cotangent: np.ndarray) -> np.ndarray:
            by_outputs = cotangent * scale if self.is_scaled else cotangent
            found = self.network.backward(X, weights, by_outputs, wrt_inputs=False).weights
            if not self.is_scaled:
                return found
            return np.concatenate([found, (cotangent * outputs).sum(axis=0), cotangent.sum(axis=0)])

        return (outputs * scale + parts.bias if self.is_scaled else outputs), vjp
