"""What one shot says: numbers whose mean over shots estimates a quantity.

What lives here: readings, which turn outcomes into shot values, corrected for readout errors where
inverse confusion matrices are given; and the mean of shot values with its covariance. Which
circuit is measured is decided in `circuits`; what is corrected in whole matrices, in `mitigation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

_SINGLET = np.array([[1.0, 1.0], [1.0, -1.0]])  # (-1)^{ab}


class Reading(Protocol):
    """Turns outcomes into shot values."""

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that a shot says, rare outcomes left aside, (n_values,) each.

        The ends at which `mean_and_covariance` adds half a shot.
        """

    def values(self, outcomes: np.ndarray) -> np.ndarray:
        """Return what outcomes (n_outcomes, n_bits) say, (n_outcomes, n_values)."""


@dataclass(frozen=True, eq=False)
class HammingReading:
    """A number for each count of ones: g(|b|), as the inversion estimator has it.

    The fidelity, P(0ⁿ), is read with g = (1, 0, ..., 0). With `inverse` an outcome b counts as
    Σ_b' g(|b'|) Π_q inverse[q, b'_q, b_q], whose mean over the outcomes of a device with
    independent readout errors is that of g over ideal outcomes.

    Parameters
    ----------
    weights : ndarray of shape (n_bits + 1,)
        g(0), ..., g(n_bits).
    inverse : ndarray of shape (n_bits, 2, 2), optional
        The inverse confusion matrix of each bit, [ideal, observed].

    Raises
    ------
    ValueError
        If the shapes do not fit each other.

    References
    ----------
    S. Bravyi et al., "Mitigating measurement errors in multiqubit experiments", arXiv 2006.14044:
    tensor product noise, whose inverse is applied to what is estimated instead of to counts.

    Examples
    --------
    >>> import numpy as np
    >>> reading = HammingReading(np.array([1.0, 0.0, 0.0]))
    >>> reading.values(np.array([[False, False], [True, False]]))
    array([[1.],
           [0.]])
    """

    weights: np.ndarray
    inverse: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_inverse(self.inverse, len(self.weights) - 1)

    def values(self, outcomes: np.ndarray) -> np.ndarray:
        """Return what outcomes say, (n_outcomes, 1)."""
        _check_outcomes(outcomes, len(self.weights) - 1)
        if self.inverse is None:
            return self.weights[np.count_nonzero(outcomes, axis=1)][:, None]
        return self._corrected(outcomes.T, self.inverse)[:, None]

    def _corrected(self, bits: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        # Powers of z count the ones of b' in Π_q (inverse[q, 0, b_q] + z inverse[q, 1, b_q]);
        # those that g does not weigh are left out.
        places = bits + np.arange(0, 2 * len(bits), 2)[:, None]
        zeros = inverse[:, 0].take(places)
        degree = np.flatnonzero(self.weights).max(initial=0)
        if degree == 0:
            return self.weights[0] * zeros.prod(axis=0)
        ones = inverse[:, 1].take(places)
        coefficients = np.zeros((degree + 1, bits.shape[1]))
        coefficients[0] = 1
        for zero, one in zip(zeros, ones, strict=True):
            raised = coefficients[:-1] * one
            coefficients *= zero
            coefficients[1:] += raised
        return self.weights[: degree + 1] @ coefficients

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that a shot says, (1,) each.

        With `inverse`, that of the n_bits + 1 outcomes in which bits turn to one in the order of
        their share of false zeros. This is exact where g(j) = a^j, which includes P(0ⁿ), and where
        all bits have the same errors; else some outcomes may say a little more.
        """
        if self.inverse is None:
            return self.weights.min(keepdims=True), self.weights.max(keepdims=True)
        order = np.argsort(self.inverse[:, 0, 1] / self.inverse[:, 0, 0])
        ladder = np.tri(len(order) + 1, len(order), -1, dtype=bool)[:, np.argsort(order)]
        values = self.values(ladder)
        return values.min(axis=0), values.max(axis=0)


@dataclass(frozen=True, eq=False)
class BellReading:
    """Π_i (-1)^{a_i b_i} of copy A's bits and copy B's: the destructive swap test, Tr ρσ.

    With `inverse` the factor of each pair is Σ (-1)^{a' b'} inverse_A[a', a] inverse_B[b', b].

    Parameters
    ----------
    n_qubits : int
        Qubits of one copy; outcomes have all bits of copy A, then all of copy B.
    inverse : ndarray of shape (2 n_qubits, 2, 2), optional
        The inverse confusion matrix of each bit, [ideal, observed].

    Raises
    ------
    ValueError
        If `inverse` has another shape.

    References
    ----------
    J. C. Garcia-Escartin, P. Chamorro-Posada, "The SWAP test and the Hong-Ou-Mandel effect are
    equivalent", arXiv 1303.6814.

    Examples
    --------
    >>> import numpy as np
    >>> BellReading(1).values(np.array([[False, True], [True, True]]))
    array([[ 1.],
           [-1.]])
    """

    n_qubits: int
    inverse: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_inverse(self.inverse, 2 * self.n_qubits)

    @cached_property
    def _factors(self) -> np.ndarray:
        """The factor of each pair, (n_qubits, 4), at 2a + b."""
        if self.inverse is None:
            return np.tile(_SINGLET.ravel(), (self.n_qubits, 1))
        a, b = self.inverse[: self.n_qubits], self.inverse[self.n_qubits :]
        return np.einsum("xy,qxa,qyb->qab", _SINGLET, a, b).reshape(-1, 4)

    def values(self, outcomes: np.ndarray) -> np.ndarray:
        """Return what outcomes say, (n_outcomes, 1)."""
        _check_outcomes(outcomes, 2 * self.n_qubits)
        a, b = outcomes[:, : self.n_qubits].T, outcomes[:, self.n_qubits :].T
        places = 2 * a + b + np.arange(0, 4 * self.n_qubits, 4)[:, None]
        return self._factors.take(places).prod(axis=0)[:, None]

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that a shot says, (1,) each.

        With `inverse` ± the root mean square over outcomes of equal chance. The extremes, with a
        singlet in every pair, are exponentially farther out and exponentially rare.
        """
        extent = np.sqrt((self._factors**2).mean(axis=1)).prod(keepdims=True)
        return -extent, extent


@dataclass(frozen=True, eq=False)
class WordReading:
    """Π_{q in a support} (-1)^{b_q}, for each of some supports: Pauli words of one setting.

    With `inverse` the factor of a bit is inverse[q, 0, b_q] - inverse[q, 1, b_q].

    Parameters
    ----------
    supports : tuple of tuple of int
        The bits that each word takes, in any order; a word without bits is the identity.
    inverse : ndarray of shape (n_bits, 2, 2), optional
        The inverse confusion matrix of each bit, [ideal, observed].

    Raises
    ------
    ValueError
        If a support names a bit twice or one that `inverse` lacks, or `inverse` has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> WordReading(((0,), (0, 1))).values(np.array([[True, False], [True, True]]))
    array([[-1., -1.],
           [-1.,  1.]])
    """

    supports: tuple[tuple[int, ...], ...]
    inverse: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.inverse is not None:
            _check_inverse(self.inverse, len(self.inverse))
        for support in self.supports:
            if len(set(support)) < len(support) or not set(support) <= set(range(self._n_bits)):
                raise ValueError(
                    f"expected supports of different bits below {self._n_bits}, got {support}"
                )

    @property
    def _n_bits(self) -> int:
        if self.inverse is not None:
            return len(self.inverse)
        return max((place + 1 for support in self.supports for place in support), default=0)

    @cached_property
    def _factors(self) -> np.ndarray:
        """The factor of a zero and of a one, (2, n_bits + 1); those of the last place are 1."""
        factors = np.ones((2, self._n_bits + 1))
        factors[1] = -1
        if self.inverse is not None:
            factors[:, :-1] = (self.inverse[:, 0] - self.inverse[:, 1]).T
        factors[:, -1] = 1
        return factors

    @cached_property
    def _places(self) -> np.ndarray:
        """The places of each word, (n_factors, n_words), filled up with the last."""
        places = np.full(
            (max(map(len, self.supports), default=0), len(self.supports)), self._n_bits
        )
        for word, support in enumerate(self.supports):
            places[: len(support), word] = support
        return places

    def values(self, outcomes: np.ndarray) -> np.ndarray:
        """Return what outcomes say, (n_outcomes, n_words)."""
        _check_outcomes(outcomes, self._n_bits, more=self.inverse is None)
        factors = np.ones((self._n_bits + 1, len(outcomes)))
        zero, one = self._factors[:, :-1, None]
        factors[:-1] = np.where(outcomes[:, : self._n_bits].T, one, zero)
        values = np.ones((len(self.supports), len(outcomes)))
        for places in self._places:
            values *= factors[places]
        return values.T

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that a shot can say, (n_words,) each."""
        least, most = np.ones((2, len(self.supports)))
        for factors in self._factors.T[self._places]:
            ends = np.stack([least, most])[:, None] * factors.T
            least, most = ends.min(axis=(0, 1)), ends.max(axis=(0, 1))
        return least, most


def mean_and_covariance(
    values: np.ndarray,
    numbers: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of shot values, and an estimate of that mean's covariance.

    Without `bounds` the covariance is Σ_s (v_s - m)(v_s - m)ᵀ / (S (S - 1)) over S shots: free of
    bias, but 0 when all shots say the same, however few they are, and not a number for one shot.
    Error bars should not say so. With `bounds` (l, h) half a shot is added at each end of the
    range of each value, as in the Jeffreys interval of a proportion. With c = (l + h)/2 and r =
    (h - l)/2, the covariance of these S + 1 shots, each value's additional one independent, is ::

        V = [Σ_s (v_s - m)(v_s - m)ᵀ + diag(r²) + (m - c)(m - c)ᵀ S / (S + 1)] / (S + 1)

    and V / S is returned. For zeros and ones it is p(1 - p)/S at p = (k + ½)/(S + 1); with k = 0,
    close to 1/(2 S²). A single shot in [0, 1] has the standard error √3/4. It is 0 only where
    l = h. The mean is that of the S shots in both cases.

    Readout correction widens the range, so half a shot weighs more there: a single outcome that
    has not been seen yet may change the mean by h/S.

    Parameters
    ----------
    values : ndarray of shape (n_outcomes, n_values)
        What each outcome says.
    numbers : ndarray of shape (n_outcomes,)
        How often each outcome came, at least once.
    bounds : pair of ndarray of shape (n_values,), optional
        The least and the most that a shot says: a reading's `bounds`.

    Returns
    -------
    mean : ndarray of shape (n_values,)
    covariance : ndarray of shape (n_values, n_values)
        That of the mean, not of a shot.

    References
    ----------
    L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation for a binomial proportion",
    Statistical Science 16, 101 (2001).

    Examples
    --------
    >>> import numpy as np
    >>> values, numbers = np.array([[0.0], [1.0]]), np.array([75, 25])
    >>> mean, covariance = mean_and_covariance(values, numbers)
    >>> mean, covariance.round(6)
    (array([0.25]), array([[0.001894]]))
    >>> mean_and_covariance(values[:1], numbers[:1])[1]
    array([[0.]])
    >>> mean_and_covariance(values[:1], numbers[:1], (np.zeros(1), np.ones(1)))[1].round(6)
    array([[8.7e-05]])
    """
    shots = int(numbers.sum())
    mean = numbers @ values / shots
    centred = values - mean
    scatter = (centred.T * numbers) @ centred
    if bounds is None:
        return mean, scatter / (shots * (shots - 1)) if shots > 1 else np.full_like(scatter, np.nan)
    low, high = bounds
    away = mean - (low + high) / 2
    scatter += np.outer(away, away) * (shots / (shots + 1))
    scatter[np.diag_indices(len(mean))] += ((high - low) / 2) ** 2
    return mean, scatter / (shots * (shots + 1))


def _check_inverse(inverse: np.ndarray | None, n_bits: int) -> None:
    if inverse is not None and inverse.shape != (n_bits, 2, 2):
        raise ValueError(
            f"expected inverse confusion matrices of shape {(n_bits, 2, 2)}, got {inverse.shape}"
        )


def _check_outcomes(outcomes: np.ndarray, n_bits: int, *, more: bool = False) -> None:
    found = outcomes.shape[1]
    if found < n_bits or (found > n_bits and not more):
        raise ValueError(
            f"expected outcomes of {'at least ' if more else ''}{n_bits} bits, got {found}"
        )
