"""Pauli strings on a compiled circuit: a product of words, one in each unconnected part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import cirq
import numpy as np

from qkernels.compilation import CompiledCircuit, Component
from qkernels.evaluators.simulation import Simulation

Word: TypeAlias = tuple[tuple[int, str], ...]


class Words(NamedTuple):
    """Pauli strings on a feature map's qubits, as plain values.

    Attributes
    ----------
    letters : tuple of tuple of (int, str)
        Place among the map's qubits, and letter, of each factor of each string.
    coefficients : tuple of float
    """

    letters: tuple[Word, ...]
    coefficients: tuple[float, ...]


def read_words(compiled: CompiledCircuit, observables: Sequence[cirq.PauliString]) -> Words:
    """Return Pauli strings as words on a compiled circuit.

    Raises
    ------
    TypeError, ValueError
        If one is not a Pauli string, is on another qubit, or is not Hermitian.
    """
    letters = tuple(_letters(compiled, observable) for observable in observables)
    return Words(letters, tuple(complex(o.coefficient).real for o in observables))


def measure(
    compiled: CompiledCircuit, angles: np.ndarray, words: Words, dtype: np.dtype
) -> np.ndarray:
    """Return the expectation values of Pauli words at each point.

    Parameters
    ----------
    compiled : CompiledCircuit
    angles : ndarray of shape (n_points, n_angles)
    words : Words
    dtype : numpy dtype
        Of the states.

    Returns
    -------
    ndarray of shape (n_points, n_words)
    """
    values = np.tile(words.coefficients, (len(angles), 1))
    for component in compiled.components:
        parts = [_part(component, dict(letters)) for letters in words.letters]
        distinct = sorted({part for part in parts if part})
        if not distinct:
            continue
        rows, factors = zip(*(component.word(dict(part)) for part in distinct), strict=True)
        measured = Simulation(component, angles, dtype).expectations(
            np.array(rows, dtype=np.int64), np.array(factors)
        )
        column = {part: k for k, part in enumerate(distinct)}
        for j, part in enumerate(parts):
            if part:
                values[:, j] *= measured[:, column[part]]
    return values


def _letters(compiled: CompiledCircuit, observable: cirq.PauliString) -> Word:
    """Return the letter on each of the feature map's qubits, by its place."""
    if not isinstance(observable, cirq.PauliString):
        raise TypeError(f"expected a cirq.PauliString as observable, got {observable!r}")
    if abs(complex(observable.coefficient).imag) > 1e-12:
        raise ValueError(f"expected a real coefficient, got {observable.coefficient} {observable}")
    places = {qubit: place for place, qubit in enumerate(compiled.feature_map.qubits)}
    if unknown := [qubit for qubit in observable.qubits if qubit not in places]:
        raise ValueError(
            f"expected observables on the feature map's qubits {list(map(str, places))}, "
            f"got {observable} on {list(map(str, unknown))}"
        )
    return tuple(sorted((places[qubit], str(pauli)) for qubit, pauli in observable.items()))


def _part(component: Component, letters: dict[int, str]) -> Word:
    """Return the part of a word on one component's qubits, by their place in it."""
    return tuple(
        (place, letters[qubit]) for place, qubit in enumerate(component.qubits) if qubit in letters
    )
