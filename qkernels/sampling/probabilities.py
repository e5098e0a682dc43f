"""From counts of all qubits to the probabilities of outputs, with their errors.

What lives here: a pure function of counts. Each basis state counts for one output, such as its
parity. Expectation values of Pauli words are estimated in `estimates`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qkernels.sampling.counts import Counts


def estimate_probabilities(
    counts: Sequence[Counts],
    outputs: np.ndarray,
    n_outputs: int,
    inverse: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how probable each output is in each state, and the variances of that.

    A shot says 1 of the output of its outcome, and 0 of the others. With `inverse`, an outcome b
    says Σ_b' Π_q inverse[q, b'_q, b_q] of an output, the sum over its basis states b'. Variances
    are free of bias; where all shots say the same, half a shot is added at each end of what a shot
    can say, as in `readings.mean_and_covariance`.

    Parameters
    ----------
    counts : sequence of Counts
        Of each state, all qubits measured in Z.
    outputs : ndarray of shape (2^n_qubits,), int
        The output of each basis state, the first bit most significant.
    n_outputs : int
    inverse : ndarray of shape (n_qubits, 2, 2), optional
        The inverse confusion matrix of each bit, [ideal, observed].

    Returns
    -------
    values, variances : ndarray of shape (n_states, n_outputs)
        Values add up to 1 in each row; with `inverse` they may be below 0 or above 1.

    References
    ----------
    S. Bravyi et al., "Mitigating measurement errors in multiqubit experiments", arXiv 2006.14044:
    tensor product noise, whose inverse is applied to what is estimated instead of to counts.

    Examples
    --------
    >>> import numpy as np
    >>> bits = np.array([[0, 0], [0, 1], [1, 1]])
    >>> counts = Counts.from_bits(bits, np.array([70, 20, 10]))
    >>> parity = np.array([0, 1, 1, 0])
    >>> values, variances = estimate_probabilities([counts], parity, 2)
    >>> values, np.sqrt(variances).round(4)
    (array([[0.8, 0.2]]), array([[0.0402, 0.0402]]))
    """
    drawn = _Drawn(counts)
    if inverse is None:
        return drawn.shares(outputs, n_outputs)
    values, variances = np.empty((2, len(counts), n_outputs))
    for output in range(n_outputs):
        says = _corrected((outputs == output).astype(float), inverse)
        values[:, output], variances[:, output] = drawn.means(says)
    return values, variances


class _Drawn:
    """The outcomes of all states, one after another."""

    def __init__(self, counts: Sequence[Counts]) -> None:
        sizes = np.array([len(c.numbers) for c in counts])
        self.state = np.repeat(np.arange(len(counts)), sizes)
        self.first = np.cumsum(sizes) - sizes
        self.numbers = np.concatenate([c.numbers for c in counts])
        self.shots = self._total(self.numbers)
        bits = np.concatenate([c.outcomes for c in counts])
        self.place = bits @ (1 << np.arange(bits.shape[1])[::-1])

    def _total(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.state, values, len(self.first))

    def shares(self, outputs: np.ndarray, n_outputs: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the share of each output among the shots of each state, and its variance."""
        cells = self.state * n_outputs + outputs[self.place]
        found = np.bincount(cells, self.numbers, len(self.first) * n_outputs)
        found = found.reshape(-1, n_outputs)
        shots = self.shots[:, np.newaxis]
        sizes = np.bincount(outputs, minlength=n_outputs)
        bounds = (sizes == len(outputs)).astype(float), (sizes > 0).astype(float)
        same = (found == 0) | (found == shots)
        return found / shots, _variances(
            found / shots, found * (1 - found / shots), shots, bounds, same
        )

    def means(self, says: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean of what shots say, given that by basis state, and its variance."""
        values = says[self.place]
        means = self._total(self.numbers * values) / self.shots
        scatter = self._total(self.numbers * (values - means[self.state]) ** 2)
        same = self._total(values != values[self.first][self.state]) == 0
        return means, _variances(means, scatter, self.shots, (says.min(), says.max()), same)


def _variances(
    means: np.ndarray,
    scatter: np.ndarray,
    shots: np.ndarray,
    bounds: tuple,
    same: np.ndarray,
) -> np.ndarray:
    """Return the variance of means, with half a shot at each bound where all say the same."""
    low, high = bounds
    more = ((high - low) / 2) ** 2 + (means - (low + high) / 2) ** 2 * shots / (shots + 1)
    smoothed = (scatter + more) / (shots * (shots + 1))
    return np.where(same, smoothed, scatter / (shots * np.maximum(shots - 1, 1)))


def _corrected(says: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Return what each observed outcome says, given what each ideal one does."""
    for matrix in inverse:
        # The first bit goes to the end: after all of them they are in order again.
        says = (says.reshape(2, -1).T @ matrix).ravel()
    return says
