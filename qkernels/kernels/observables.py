"""Observables of a projected kernel: reduced density matrices and what a user writes.

What lives here: turning `locality` or `observables` into distinct Pauli words and one linear map
from the words' expectation values to the features. Measuring the words is the evaluator's
business, comparing the features is that of `projected`.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from math import comb, sqrt
from typing import Any, TypeAlias

import cirq
import numpy as np
from scipy.sparse import csc_array

Qubits: TypeAlias = tuple[cirq.Qid, ...]
Letters: TypeAlias = tuple[tuple[int, str], ...]  # (qubit index, "X", "Y" or "Z"), sorted

# Cirq's sums hold a lambda, which pickle refuses; kernels that hold sums go to other processes.
copyreg.pickle(cirq.PauliSum, lambda total: (cirq.PauliSum.from_pauli_strings, (list(total),)))

PAULIS = {"X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}
EXPECTED = (
    "None, a string of distinct letters of 'XYZ', or a non-empty list of cirq.PauliString or "
    "cirq.PauliSum"
)


@dataclass(frozen=True, eq=False)
class Observables:
    """Features that are linear in the expectation values of Pauli words.

    Attributes
    ----------
    words : tuple of cirq.PauliString
        Distinct words of coefficient 1, none of them the identity; what an evaluator is asked for.
    weights : sparse array of shape (n_words, n_observables)
        Coefficient of each word in each observable.
    offset : ndarray of shape (n_observables,)
        Coefficient of the identity in each observable.
    names : tuple of str
        One short name for each observable; digits are positions in the map's qubits.
    """

    words: tuple[cirq.PauliString, ...]
    weights: csc_array
    offset: np.ndarray
    names: tuple[str, ...]

    def features(self, values: np.ndarray) -> np.ndarray:
        """Return the features, (n_points, n_observables), from the words' values."""
        return np.ascontiguousarray(values @ self.weights + self.offset)

    def covariances(self, of_words: np.ndarray) -> np.ndarray:
        """Return the covariances of the features' errors, given those of the words' values.

        Parameters
        ----------
        of_words : ndarray of shape (n_points, n_words, n_words)
        """
        weights = self.weights.toarray()
        return np.einsum("wa,nwv,vb->nab", weights, of_words, weights, optimize=True)

    def push_forward(self, rates: np.ndarray) -> np.ndarray:
        """Return how fast the features change, given how fast the words' values do."""
        return rates @ self.weights

    def pull_back(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient by the words' values, given that by the features."""
        return (self.weights @ cotangent.T).T

    @classmethod
    def from_terms(
        cls, terms: Sequence[Mapping[Letters, float]], names: Iterable[str], qubits: Qubits
    ) -> Observables:
        """Build from one mapping of words to coefficients for each observable."""
        rows = {
            word: row for row, word in enumerate(dict.fromkeys(w for t in terms for w in t if w))
        }
        entries = [(rows[w], j, c) for j, term in enumerate(terms) for w, c in term.items() if w]
        row, column, coefficient = (np.array(x) for x in zip(*entries, strict=True))
        return cls(
            tuple(_pauli_string(word, qubits) for word in rows),
            csc_array((coefficient, (row, column)), shape=(len(rows), len(terms))),
            np.array([term.get((), 0.0) for term in terms]),
            tuple(names),
        )


def parse_observables(observables: Any, locality: Any, qubits: Qubits) -> Observables:
    """Return the observables that the arguments of a projected kernel stand for."""
    if observables is None:
        return reduced_density_matrices(qubits, _check_locality(locality, len(qubits)))
    if locality != 1:
        raise ValueError(
            f"locality={locality!r} chooses the observables, so observables must be None; "
            f"got observables={observables!r}"
        )
    if isinstance(observables, str):
        return one_qubit_paulis(qubits, _check_letters(observables))
    if not isinstance(observables, list | tuple) or not observables:
        raise TypeError(f"observables must be {EXPECTED}, got {observables!r}")
    terms = [_terms(observable, i, qubits) for i, observable in enumerate(observables)]
    if not any(word for term in terms for word in term):
        raise ValueError("every one of the observables is a multiple of the identity")
    return Observables.from_terms(terms, map(_name, terms), qubits)


@lru_cache(maxsize=32)
def reduced_density_matrices(qubits: Qubits, locality: int) -> Observables:
    r"""Return features whose distances are those of all k-qubit reduced density matrices.

    Σ_A ‖ρ_A − ρ′_A‖²_F over all subsets A of k qubits is 2^(−k) Σ_A Σ_P (⟨P⟩ − ⟨P⟩′)² over the
    4^k − 1 Pauli words P on A. A word of weight w lies in C(n − w, k − w) of the subsets, so it is
    kept once, scaled by √(C(n − w, k − w) 2^(−k)). Columns run over the supports, small ones
    first, and for each support over X, Y, Z with the last qubit fastest.
    """
    n, k = len(qubits), locality
    terms: list[dict[Letters, float]] = [
        {tuple(zip(support, letters, strict=True)): sqrt(comb(n - w, k - w) / 2**k)}
        for w in range(1, k + 1)
        for support in combinations(range(n), w)
        for letters in product("XYZ", repeat=w)
    ]
    return Observables.from_terms(terms, (_word_name(next(iter(term))) for term in terms), qubits)


def one_qubit_paulis(qubits: Qubits, letters: str) -> Observables:
    """Return some of the one-qubit Paulis on every qubit, scaled as in the 1-qubit matrices."""
    terms: list[dict[Letters, float]] = [
        {((i, letter),): sqrt(0.5)} for i in range(len(qubits)) for letter in letters
    ]
    return Observables.from_terms(terms, (_word_name(next(iter(term))) for term in terms), qubits)


def _check_locality(locality: Any, n_qubits: int) -> int:
    is_integer = isinstance(locality, int | np.integer) and not isinstance(locality, bool)
    if not is_integer or not 1 <= locality <= n_qubits:
        raise ValueError(
            f"locality must be an integer from 1 to the {n_qubits} qubits of the feature map, "
            f"got {locality!r}"
        )
    return int(locality)


def _check_letters(letters: str) -> str:
    if not letters or set(letters) - set("XYZ") or len(set(letters)) != len(letters):
        raise ValueError(f"observables must be {EXPECTED}, got {letters!r}")
    return "".join(sorted(letters))


def _terms(observable: Any, position: int, qubits: Qubits) -> dict[Letters, float]:
    """Return {word: coefficient} of one observable, the identity as the empty word."""
    if not isinstance(observable, cirq.PauliString | cirq.PauliSum):
        raise TypeError(f"observables must be {EXPECTED}, got {observable!r} at {position}")
    strings = [observable] if isinstance(observable, cirq.PauliString) else list(observable)
    terms: dict[Letters, float] = {}
    for string in strings:
        word = tuple(sorted((_index(q, observable, qubits), str(p)) for q, p in string.items()))
        terms[word] = terms.get(word, 0.0) + _real(string.coefficient, observable)
    return terms


def _index(qubit: cirq.Qid, observable: Any, qubits: Qubits) -> int:
    if qubit not in qubits:
        raise ValueError(
            f"observable {observable} acts on {qubit}, which is not a qubit of the feature map: "
            f"{', '.join(map(str, qubits))}"
        )
    return qubits.index(qubit)


def _real(coefficient: Any, observable: Any) -> float:
    if cirq.is_parameterized(coefficient) or not np.isclose(complex(coefficient).imag, 0):
        raise ValueError(
            f"observable {observable} must be Hermitian, with real numbers as coefficients; "
            f"got the coefficient {coefficient}"
        )
    return complex(coefficient).real


def _pauli_string(word: Letters, qubits: Qubits) -> cirq.PauliString:
    return cirq.PauliString({qubits[i]: PAULIS[letter] for i, letter in word})


def _word_name(word: Letters) -> str:
    return "".join(f"{letter}{i}" for i, letter in word) or "I"


def _name(terms: Mapping[Letters, float]) -> str:
    parts = [_word_name(w) if c == 1 else f"{c:g}*{_word_name(w)}" for w, c in terms.items()]
    return " + ".join(parts) or "0"
