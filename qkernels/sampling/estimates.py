"""From counts to fidelities and expectation values, with their errors.

What lives here: pure functions of counts and mitigations. Where the counts come from, and what is
still to be bought, is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cirq
import numpy as np
from scipy.special import ndtri

from qkernels.sampling.counts import Counts
from qkernels.sampling.intervals import parity_interval, proportion_interval
from qkernels.sampling.mitigation import (
    BitFlipTolerance,
    Depolarizing,
    HammingWeights,
    Mitigation,
    Readout,
    background,
)
from qkernels.sampling.readings import (
    BellReading,
    HammingReading,
    Reading,
    WordReading,
    mean_and_covariance,
)
from qkernels.sampling.requests import DiagonalRequest, GramRequest
from qkernels.sampling.settings import Word, readable


@dataclass(frozen=True, eq=False)
class FidelityEstimate:
    """Fidelities estimated from counts, with their errors.

    Attributes
    ----------
    values, variances : ndarray of shape (n_rows, n_columns)
        Of entries that are 1 by definition, the variance is 0.
    repetitions : ndarray of shape (n_rows, n_columns), int
        How often each was measured; 0 for entries that are 1 by definition.
    kind : {"inversion", "bell", "other"}
        What one repetition says: whether all qubits are 0, ±1, or a number with corrections.
    """

    values: np.ndarray
    variances: np.ndarray
    repetitions: np.ndarray
    kind: str

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of each entry's confidence interval, (n_rows, n_columns) each.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        measured = self.repetitions > 0
        low, high = np.ones_like(self.values), np.ones_like(self.values)
        low[measured], high[measured] = self._measured_interval(level, measured)
        return low, high

    def _measured_interval(
        self, level: float, measured: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        values, repetitions = self.values[measured], self.repetitions[measured]
        if self.kind == "inversion":
            return proportion_interval(np.rint(values * repetitions), repetitions, level)
        if self.kind == "bell":
            return parity_interval(np.rint((1 + values) / 2 * repetitions), repetitions, level)
        return normal_interval(values, np.sqrt(self.variances[measured]), level)


def estimate_fidelities(
    gram: GramRequest, counts: Sequence[Counts], estimator: str, mitigation: Sequence[Mitigation]
) -> FidelityEstimate:
    """Return the fidelities that counts of inversion or Bell circuits say.

    Parameters
    ----------
    gram : GramRequest
    counts : sequence of Counts
        Of each point of the request.
    estimator : {"inversion", "bell"}
    mitigation : sequence of Mitigation
        In the order in which they are applied.
    """
    reading = fidelity_reading(gram.request.measured.program.qubits, estimator, mitigation)
    means, variances = estimate_points(counts, reading)
    # What is 1 by definition has the place -1.
    values = np.append(means, 1.0)[gram.entries]
    spread = np.append(variances, 0.0)[gram.entries]
    repetitions = np.array([*(c.repetitions for c in counts), 0])[gram.entries]
    for item in mitigation:
        if isinstance(item, Depolarizing):
            values, spread = item.correct(
                values,
                spread,
                None if gram.rows is None else (means[gram.rows], variances[gram.rows]),
                None if gram.columns is None else (means[gram.columns], variances[gram.columns]),
                _background(reading),
                symmetric=gram.is_symmetric,
            )
    kind = "other" if mitigation else estimator
    return FidelityEstimate(values, spread, repetitions, kind)


def estimate_diagonal(
    wanted: DiagonalRequest,
    counts: Sequence[Counts],
    estimator: str,
    mitigation: Sequence[Mitigation],
    depolarizing: Depolarizing | None,
) -> np.ndarray:
    """Return the diagonal of a Gram matrix, (n_states,), from the states' fidelities with itself.

    Parameters
    ----------
    wanted : DiagonalRequest
    counts : sequence of Counts
        Of each point of the request.
    estimator : {"inversion", "bell"}
    mitigation : sequence of Mitigation
        All but what corrects depolarizing noise.
    depolarizing : Depolarizing or None
    """
    reading = fidelity_reading(wanted.request.measured.program.qubits, estimator, mitigation)
    means, variances = estimate_points(counts, reading)
    means, variances = means[wanted.rows], variances[wanted.rows]
    if depolarizing is None:
        return means
    if depolarizing.method == "split":
        return np.ones(len(wanted.rows))
    corrected, _ = depolarizing.correct(
        means[:, np.newaxis],
        variances[:, np.newaxis],
        None,
        (means, variances),
        _background(reading),
        symmetric=False,
    )
    return corrected[:, 0]


def fidelity_reading(
    qubits: Sequence[cirq.Qid], estimator: str, mitigation: Sequence[Mitigation]
) -> HammingReading | BellReading:
    """Return what a shot of an inversion or a Bell circuit says of a fidelity."""
    inverse = inverse_confusion(qubits, mitigation)
    if estimator == "bell":
        return BellReading(len(qubits) // 2, inverse)
    weighing = [m for m in mitigation if isinstance(m, BitFlipTolerance | HammingWeights)]
    weights = weighing[0].weights(len(qubits)) if weighing else np.eye(1, len(qubits) + 1)[0]
    return HammingReading(weights, inverse)


def estimate_points(counts: Sequence[Counts], reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each point's shot values, and the variance of that mean.

    The variance is that of `mean_and_covariance` with half a shot at each end of the range, here
    of readings with one value at all points at once.

    Returns
    -------
    ndarray of shape (n_points,), ndarray of shape (n_points,)
    """
    if not counts:
        return np.empty(0), np.empty(0)
    sizes = [len(c.numbers) for c in counts]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    numbers = np.concatenate([c.numbers for c in counts])
    values = reading.values(np.concatenate([c.outcomes for c in counts]))[:, 0]
    shots = np.add.reduceat(numbers, starts).astype(float)
    means = np.add.reduceat(numbers * values, starts) / shots
    scatter = np.add.reduceat(numbers * (values - np.repeat(means, sizes)) ** 2, starts)
    low, high = (end[0] for end in reading.bounds)
    scatter += ((high - low) / 2) ** 2 + (means - (low + high) / 2) ** 2 * shots / (shots + 1)
    return means, scatter / (shots * (shots + 1))


def estimate_words(
    counts: Sequence[Sequence[Counts]],
    qubits: Sequence[cirq.Qid],
    words: Sequence[Word],
    settings: np.ndarray,
    mitigation: Sequence[Mitigation],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the expectation values of Pauli words, and their covariances.

    A word that can be read from several settings is the mean over all their shots.

    Parameters
    ----------
    counts : sequence of sequences of Counts
        Of each state, in each setting.
    qubits : sequence of cirq.Qid
        The measured qubits, in the order of bits.
    words : sequence of Word
    settings : ndarray of shape (n_settings, n_qubits), int
    mitigation : sequence of Mitigation

    Returns
    -------
    values : ndarray of shape (n_states, n_words)
    covariances : ndarray of shape (n_states, n_words, n_words)
    """
    inverse = inverse_confusion(qubits, mitigation)
    legible = readable(words, settings)
    supports = [tuple(place for place, _ in word) for word in words]
    chosen = [np.flatnonzero(row) for row in legible]
    readings = [WordReading(tuple(supports[j] for j in some), inverse) for some in chosen]
    values = np.zeros((len(counts), len(words)))
    covariances = np.zeros((len(counts), len(words), len(words)))
    for i, of_state in enumerate(counts):
        shots = np.array([c.repetitions for c in of_state])
        shares = legible * shots[:, np.newaxis] / (shots @ legible)
        for some, reading, share, counted in zip(chosen, readings, shares, of_state, strict=True):
            mean, covariance = _mean_and_covariance(reading, counted)
            values[i, some] += share[some] * mean
            covariances[i][np.ix_(some, some)] += np.outer(share[some], share[some]) * covariance
    return values, covariances


def _mean_and_covariance(reading: WordReading, counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of shot values, and its covariance without bias.

    Where all shots say the same, half a shot is added at each end of their range.
    """
    values = reading.values(counts.outcomes)
    mean, smoothed = mean_and_covariance(values, counts.numbers, reading.bounds)
    if counts.repetitions == 1:
        return mean, smoothed
    covariance = mean_and_covariance(values, counts.numbers)[1]
    alike = np.flatnonzero((values == values[0]).all(axis=0))
    covariance[alike, alike] = smoothed[alike, alike]
    return mean, covariance


def normal_interval(
    values: np.ndarray, errors: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return values ± the standard errors' multiple that a normal distribution has at a level."""
    reach = ndtri((1 + level) / 2) * errors
    return values - reach, values + reach


def inverse_confusion(
    qubits: Sequence[cirq.Qid], mitigation: Sequence[Mitigation]
) -> np.ndarray | None:
    """Return the inverse confusion matrix of each qubit, None without readout correction.

    Raises
    ------
    ValueError
        If a qubit's readout errors are not known, or cannot be undone.
    """
    readouts = [item for item in mitigation if isinstance(item, Readout)]
    return readouts[0].inverse(qubits) if readouts else None


def _background(reading: HammingReading | BellReading) -> float:
    """Return what a wholly mixed state reads."""
    if isinstance(reading, BellReading):
        return 0.5**reading.n_qubits
    return background(reading.weights)
