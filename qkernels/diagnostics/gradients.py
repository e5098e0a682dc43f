"""How large the gradient of a quantum network is before any training: barren plateaus.

What lives here: numbers of a network at random weights. The networks are those of `qkernels.qnn`;
the picture of their variances is the business of `qkernels.plotting`.
"""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, typed
from qkernels.kernels.validation import check_data, check_width
from qkernels.qnn import Network

# Numbers in the rows of one call: 64 MB.
_BATCH = 2**23


class GradientVariances(NamedTuple):
    """How partial derivatives vary over random weights; what `gradient_variances` returns.

    Attributes
    ----------
    variances : ndarray of shape (n_weights,)
        Of the partial derivative by each weight.
    standard_errors : ndarray of shape (n_weights,)
        Of these variances.
    """

    variances: np.ndarray
    standard_errors: np.ndarray


def gradient_variances(
    network: Network,
    X: Any = None,
    *,
    output: int = 0,
    n_draws: int = 1000,
    random_state: int | np.random.RandomState | None = None,
) -> GradientVariances:
    """Return how an output's partial derivatives vary over random weights.

    The weights are independent and uniform in [0, 2π). Where the variances fall exponentially with
    the number of qubits, training starts on a barren plateau.

    Parameters
    ----------
    network : ExpectationNetwork or ProbabilityNetwork
        With one weight or more.
    X : array-like of shape (n_points, n_features), default=None
        Points, of whose outputs the mean is differentiated. To be left out if the network has no
        features.
    output : int, default=0
        The number of the output.
    n_draws : int, default=1000
        Number of draws of all weights, at least 2.
    random_state : int or RandomState, default=None
        Of the draws.

    Returns
    -------
    GradientVariances
        Unbiased variances s² of N draws, and their standard errors: the root of
        (μ₄ - s⁴ (N - 3) / (N - 1)) / N, with the fourth central moment μ₄ of the draws [1]_. Of
        derivatives with long tails, as global observables have them, few draws show too little
        of both.

    Raises
    ------
    TypeError, ValueError
        If the network is none of these or has no weights, X is left out although there are
        features or is not as the network expects it, or a number is out of range.

    References
    ----------
    .. [1] A. M. Mood, F. A. Graybill and D. C. Boes, "Introduction to the theory of statistics",
       third edition (1974), chapter VI, theorem 2.

    J. R. McClean et al., "Barren plateaus in quantum neural network training landscapes", Nature
    Communications 9, 4812 (2018).

    Examples
    --------
    Of the output cos(w0) after R_Y(w0) and R_Z(w1), the derivatives have the variances 1/2 and 0.

    >>> import qkernels as qk
    >>> from qkernels.diagnostics import gradient_variances
    >>> network = qk.qnn.ExpectationNetwork(qk.ansatze.hardware_efficient(1))
    >>> found = gradient_variances(network, random_state=0)
    >>> found.variances.round(2), found.standard_errors.round(2)
    (array([0.5, 0. ]), array([0.01, 0.  ]))
    """
    if not isinstance(network, Network):
        raise TypeError(f"expected a network of qkernels.qnn, got {typed(network)}")
    if not network.n_weights:
        raise ValueError(f"expected a network with weights, got {network!r}")
    place, n_draws = integer(output, "output", 0), integer(n_draws, "n_draws", 2)
    if place >= network.n_outputs:
        raise ValueError(f"expected output to be below {network.n_outputs}, got {output}")
    return _variances(_gradients(network, _points(network, X), place, n_draws, random_state))


def _gradients(
    network: Network, X: np.ndarray, output: int, n_draws: int, random_state: Any
) -> np.ndarray:
    """Return the gradient of each draw, of shape (n_draws, n_weights)."""
    shape = n_draws, network.n_weights
    weights = check_random_state(random_state).uniform(0, 2 * np.pi, shape)
    step = max(1, _BATCH // (len(X) * (network.n_features + network.n_weights)))
    free = _with_weights_as_data(network)
    batches = [weights[start : start + step] for start in range(0, n_draws, step)]
    return np.concatenate([_of_batch(free, X, batch, output) for batch in batches])


def _of_batch(free: Network, X: np.ndarray, weights: np.ndarray, output: int) -> np.ndarray:
    """Return the gradient of some draws, given the network with its weights as data."""
    rows = np.hstack([np.tile(X, (len(weights), 1)), np.repeat(weights, len(X), axis=0)])
    cotangent = np.zeros((len(rows), free.n_outputs))
    cotangent[:, output] = 1 / len(X)
    by_weights = np.asarray(free.backward(rows, (), cotangent).X)[:, X.shape[1] :]
    return by_weights.reshape(len(weights), len(X), -1).sum(axis=1)


def _with_weights_as_data(network: Network) -> Network:
    """Return the network with its weights as the last columns of X: all draws are one call."""
    free, circuit = copy(network), network.circuit
    symbols = circuit.feature_symbols + circuit.parameter_symbols
    free.circuit = FeatureMap._unchecked(circuit.circuit, symbols, (), circuit.name)
    free.bandwidth = np.ones(len(symbols))
    free.bandwidth[: network.n_features] = network.bandwidth
    return free


def _points(network: Network, X: Any) -> np.ndarray:
    """Return the points; one empty row where there are no features."""
    if X is not None:
        points = check_data(X, owner="gradient_variances")
        check_width(points, network.circuit, owner="gradient_variances")
        return points
    if network.n_features:
        raise ValueError(
            f"expected points X for a network of {network.n_features} features, got None"
        )
    return np.empty((1, 0))


def _variances(gradients: np.ndarray) -> GradientVariances:
    """Return variances over the rows, and their standard errors."""
    n = len(gradients)
    squares = (gradients - gradients.mean(axis=0)) ** 2
    variances = squares.sum(axis=0) / (n - 1)
    spread = np.mean(squares**2, axis=0) - variances**2 * (n - 3) / (n - 1)
    # Two draws have no spread of their squares but rounding, or less.
    return GradientVariances(variances, np.sqrt(np.maximum(spread, 0) / n))
