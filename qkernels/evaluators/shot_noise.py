"""Shot noise on exact values: the numbers that a noiseless device would have given.

What lives here: the draws, and `ShotNoise`, which makes an evaluator of exact states one that
draws. Nothing is simulated here, and no count is read: `sampling` estimates from drawn counts as it
does from measured ones.

A draw is a function of the states and the seed, never of the call. Amplitudes and seed are hashed
to 64 bits. Those of two states, added and mixed, make a uniform number, whose binomial quantile is
the count; those of a state and a measurement setting are a generator's seed. So an entry is the
same in every block, order, copy and process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cirq
import numpy as np
from scipy.stats import binom

from qkernels.evaluators.arguments import checked_parameters, checked_points, parameter_key
from qkernels.evaluators.cache import Arrays, RowCache
from qkernels.evaluators.estimated import EstimatedValues
from qkernels.evaluators.observables import Words, estimated_words, read_words
from qkernels.evaluators.states import PreparedStates
from qkernels.feature_maps import FeatureMap
from qkernels.memory import require_memory
from qkernels.sampling.counts import Counts
from qkernels.sampling.estimates import estimate_words
from qkernels.sampling.settings import LETTERS, Word, all_z, measurement_settings
from qkernels.tiles import tiles

_TILE_EDGE = 256
# A state is told by its amplitudes in steps of 1/_GRID: neither the last bits, in which machines
# differ, nor the sign of 0 matter.
_GRID = 2.0**26
# Amplitudes whose outcomes are drawn at once.
_AMPLITUDES = 2**20


class ShotNoise(EstimatedValues):
    """What turns an evaluator of exact states into one whose numbers are drawn.

    To be mixed into such an evaluator, whose `fidelities`, `statevectors` and `fingerprint` it
    uses. It follows `SampledEvaluator`.

    Attributes
    ----------
    repetitions, random_state : int
    """

    repetitions: int
    random_state: int
    _cache: RowCache
    statevectors: Any

    # A protocol takes None for a missing method: what is drawn has no gradient.
    fidelities_vjp = fidelities_jacobian = expectations_vjp = expectations_jacobian = None
    probabilities_vjp = None

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change."""
        exact = super().fingerprint()  # type: ignore[misc]
        return f"{exact}, shot-noise-1:{self.repetitions}:{self.random_state}"

    def fidelities(
        self, a: PreparedStates, b: PreparedStates | None = None, *, return_std: bool = False
    ) -> Any:
        """Return fidelities as estimated from so many repetitions of the inversion test.

        Parameters
        ----------
        a : PreparedStates
        b : PreparedStates, optional
            Prepared by the same feature map and parameters. None, or `a` itself, is the symmetric
            case.
        return_std : bool, default=False
            Whether to return the standard errors too: those that `SamplerEvaluator` estimates
            from such counts, which are not 0 on the diagonal either.

        Returns
        -------
        ndarray of shape (len(a), len(b)), or two of them
            The same for the same pair of states. A state's fidelity with itself is 1.

        Raises
        ------
        ValueError, MemoryError
            As the exact evaluator does.
        """
        symmetric = b is None or b is a
        # Rounding may depend on the order of two states: both are computed, and one is taken.
        other = a[:] if b is None or b is a else b
        require_memory(
            8 * len(a) * len(other) * (2 + return_std),
            f"to draw a Gram matrix of {len(a)} x {len(other)}",
            "compare blocks of the points instead of all at once",
        )
        K = super().fidelities(a, other)  # type: ignore[misc]
        reversed_ = K if symmetric else super().fidelities(other, a)  # type: ignore[misc]
        rows = self._keys(a)
        columns = rows if symmetric else self._keys(other)
        _draw_fidelities(K, reversed_, rows, columns, self.repetitions, symmetric=symmetric)
        return (K, _standard_errors(K, self.repetitions)) if return_std else K

    def self_fidelities(self, a: PreparedStates) -> np.ndarray:
        """Return the diagonal of `fidelities(a)`, of shape (len(a),): ones."""
        return np.ones(len(a))

    def _keys(self, states: PreparedStates) -> np.ndarray:
        planes = [plane for part in states.parts for plane in part]
        keys = [_key(self.random_state, row) for row in zip(*planes, strict=True)]
        return np.array(keys, np.uint64)

    @property
    def unbiased_distances(self) -> bool:
        """Whether projected kernels are to take shot noise out of their distances: no."""
        return False

    def expectation_covariances(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return drawn expectation values, and the estimated covariances of their errors.

        All qubits are measured in a few settings, so many repetitions each; words that are read
        from the same repetitions have correlated errors.

        Parameters
        ----------
        feature_map, inputs, parameters, observables
            As in `expectations`.

        Returns
        -------
        values : ndarray of shape (n_points, n_observables)
        covariances : ndarray of shape (n_points, n_observables, n_observables)
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        words = read_words(feature_map.qubits, observables)
        require_memory(
            16 * len(inputs) * (len(words.letters) + 1) ** 2,
            f"for the covariances of {len(words.letters)} Pauli words at {len(inputs)} points",
            "take fewer points at a time, or fewer observables",
        )

        def estimates(points: np.ndarray) -> Arrays:
            return self._estimates(feature_map, points, values, words)

        space = feature_map, parameter_key(values), words, self.repetitions, self.random_state
        means, covariances = self._cache.get(space, inputs, estimates)
        # Callers may write to what they get; what is kept must not change.
        return means.copy(), covariances.copy()

    def _estimates(
        self, feature_map: FeatureMap, points: np.ndarray, values: np.ndarray | None, words: Words
    ) -> Arrays:
        """Return drawn values of all words, and their covariances."""
        return estimated_words(
            words, len(points), lambda w: self._word_estimates(feature_map, points, values, w)
        )

    def _word_estimates(
        self,
        feature_map: FeatureMap,
        points: np.ndarray,
        values: np.ndarray | None,
        words: Sequence[Word],
    ) -> Arrays:
        settings = measurement_settings(words, feature_map.n_qubits)
        blocks = [
            estimate_words(counts, feature_map.qubits, words, settings, ())
            for counts in self._counts(feature_map, points, values, settings)
        ]
        means, covariances = zip(*blocks, strict=True)
        return np.concatenate(means), np.concatenate(covariances)

    def _counts_in_z(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None
    ) -> tuple[list[Counts], None]:
        points, values = checked_points(inputs), checked_parameters(parameters)
        blocks = self._counts(feature_map, points, values, all_z(feature_map.n_qubits))
        return [counts for block in blocks for (counts,) in block], None

    def _counts(
        self,
        feature_map: FeatureMap,
        points: np.ndarray,
        values: np.ndarray | None,
        settings: np.ndarray,
    ) -> Iterator[list[list[Counts]]]:
        """Yield the counts of each point in each setting, for some points at a time."""
        step = max(1, _AMPLITUDES >> feature_map.n_qubits)
        for first in range(0, len(points), step):
            states = self.statevectors(feature_map, points[first : first + step], values)
            yield _draw_counts(states, settings, self.repetitions, self.random_state)


# -- Draws


def _key(seed: int, arrays: Iterable[np.ndarray], more: str = "") -> np.uint64:
    """Return 64 bits that stand for arrays, the same in every process."""
    digest = hashlib.blake2b(f"{seed}:{more}:".encode(), digest_size=8)
    for array in arrays:
        digest.update(np.rint(array * _GRID).astype("<i4").tobytes())
    return np.frombuffer(digest.digest(), "<u8")[0]


def _draw_fidelities(
    K: np.ndarray,
    reversed_: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    repetitions: int,
    *,
    symmetric: bool,
) -> None:
    """Replace fidelities by the share of zeros among the outcomes of so many repetitions.

    Parameters
    ----------
    K : ndarray of shape (n_rows, n_columns)
        Exact fidelities, changed in place.
    reversed_ : ndarray of shape (n_columns, n_rows)
        The same, computed with each pair of states in the other order; K itself if `symmetric`.
    rows, columns : ndarray of uint64
        The states' keys.
    """
    for tile in tiles(len(K), K.shape[1], _TILE_EDGE, symmetric=symmetric):
        down, across = slice(*tile[:2]), slice(*tile[2:])
        a, b = rows[down, np.newaxis], columns[across]
        exact = np.where(a <= b, K[down, across], reversed_[across, down].T)
        exact = np.where(a == b, 1.0, np.clip(exact, 0.0, 1.0))
        K[down, across] = binom.ppf(_uniform(a + b), repetitions, exact) / repetitions
        if symmetric:
            K[across, down] = K[down, across].T


def _uniform(keys: np.ndarray) -> np.ndarray:
    """Return numbers between 0 and 1 that look independent, by the finaliser of SplitMix64.

    G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
    OOPSLA 2014, figure 12; the constants are D. Stafford's.
    """
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    keys ^= keys >> np.uint64(31)
    return ((keys >> np.uint64(12)) + 0.5) * 2.0**-52


def _standard_errors(fidelities: np.ndarray, repetitions: int) -> np.ndarray:
    """Return √(p(1 − p)/S) at p = (k + ½)/(S + 1), as `readings.mean_and_covariance` has it."""
    p = (fidelities * repetitions + 0.5) / (repetitions + 1)
    return np.sqrt(p * (1 - p) / repetitions)


def _draw_counts(
    states: np.ndarray, settings: np.ndarray, repetitions: int, seed: int
) -> list[list[Counts]]:
    """Return the outcomes of each state in each setting.

    Parameters
    ----------
    states : ndarray of shape (n_states, 2^n_qubits), complex
    settings : ndarray of shape (n_settings, n_qubits), int
        Places in `LETTERS`.
    """
    drawn: list[list[Counts]] = [[] for _ in states]
    for setting in settings:
        letters = "".join(LETTERS[place] for place in setting)
        for state, probabilities, found in zip(states, _born(states, letters), drawn, strict=True):
            generator = np.random.default_rng(_key(seed, [state.view(np.float64)], letters))
            numbers = generator.multinomial(repetitions, probabilities)
            came = np.flatnonzero(numbers)
            bits = came[:, np.newaxis] >> np.arange(len(letters))[::-1] & 1
            found.append(Counts(bits.astype(bool), numbers[came]))
    return drawn


def _born(states: np.ndarray, letters: str) -> np.ndarray:
    """Return the probability of each outcome, every qubit measured in its letter's basis."""
    for qubit, letter in enumerate(letters):
        if letter != "Z":
            zero, one = np.moveaxis(states.reshape(len(states), 2**qubit, 2, -1), 2, 0)
            one = -1j * one if letter == "Y" else one
            states = np.stack([zero + one, zero - one], axis=2)
    weights = np.abs(states.reshape(len(states), -1)) ** 2
    return weights / weights.sum(axis=1, keepdims=True)
