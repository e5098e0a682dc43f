"""Pauli strings on a compiled circuit: a product of words, one in each unconnected part."""

from __future__ import annotations

from collections.abc import Sequence

import cirq
import numpy as np

from qkernels.compilation import CompiledCircuit, Component
from qkernels.evaluators.simulation import Simulation

Word = tuple[tuple[int, str], ...]


def measure(
    compiled: CompiledCircuit,
    angles: np.ndarray,
    observables: Sequence[cirq.PauliString],
    dtype: np.dtype,
) -> np.ndarray:
    """Return the expectation values of Pauli strings at each point.

    Parameters
    ----------
    compiled : CompiledCircuit
    angles : ndarray of shape (n_points, n_angles)
    observables : sequence of cirq.PauliString
    dtype : numpy dtype
        Of the states.

    Returns
    -------
    ndarray of shape (n_points, n_observables)
    """
    letters = [_letters(compiled, observable) for observable in observables]
    values = np.tile([float(o.coefficient.real) for o in observables], (len(angles), 1))
    for component in compiled.components:
        words = [_word(component, by_qubit) for by_qubit in letters]
        distinct = sorted({word for word in words if word})
        if not distinct:
            continue
        rows, factors = zip(*(component.word(dict(word)) for word in distinct), strict=True)
        measured = Simulation(component, angles, dtype).expectations(
            np.array(rows, dtype=np.int64), np.array(factors)
        )
        column = {word: k for k, word in enumerate(distinct)}
        for j, word in enumerate(words):
            if word:
                values[:, j] *= measured[:, column[word]]
    return values


def _letters(compiled: CompiledCircuit, observable: cirq.PauliString) -> dict[int, str]:
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
    return {places[qubit]: str(pauli) for qubit, pauli in observable.items()}


def _word(component: Component, letters: dict[int, str]) -> Word:
    """Return the part of a Pauli string on one component's qubits, by their place in it."""
    return tuple(
        (place, letters[qubit]) for place, qubit in enumerate(component.qubits) if qubit in letters
    )
