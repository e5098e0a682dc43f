"""Compiled circuits beside `cirq.Simulator`: states up to phase, fidelities, Pauli values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cirq
import numpy as np

from qkernels import FeatureMap, StatevectorEvaluator
from tests.random_circuits import points, symbols_of

TOLERANCE = 1e-12
EVALUATOR = StatevectorEvaluator(cache_size="0MB")


def feature_map(*operations: Any, qubits: Iterable[cirq.Qid] = ()) -> FeatureMap:
    """Return the map of some operations; symbols named t… are parameters, all others features."""
    circuit = cirq.Circuit(cirq.I.on_each(*qubits), *operations)
    names = sorted(symbols_of(circuit))
    features = [name for name in names if not name.startswith("t")]
    return FeatureMap(circuit, features, [name for name in names if name.startswith("t")])


def simulated(feature_map: FeatureMap, inputs: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return Cirq's states, one a row."""
    simulator = cirq.Simulator(dtype=np.complex128)
    states = [
        simulator.simulate(feature_map.resolve(x, parameters), qubit_order=feature_map.qubits)
        for x in inputs
    ]
    return np.array([state.final_state_vector for state in states])


def assert_agrees(
    feature_map: FeatureMap, n_points: int = 3, seed: int = 0, words: Sequence[str] = ()
) -> None:
    """Check states, fidelities and Pauli values at some points."""
    inputs, parameters = points(feature_map, n_points, seed)
    expected = simulated(feature_map, inputs, parameters)
    assert_equal_up_to_phase(EVALUATOR.statevectors(feature_map, inputs, parameters), expected)
    prepared = EVALUATOR.embed(feature_map, inputs, parameters)
    fidelities = EVALUATOR.fidelities(prepared, prepared[:])
    assert_close(fidelities, np.abs(expected.conj() @ expected.T) ** 2)
    observables = [pauli_string(feature_map.qubits, word) for word in words]
    values = EVALUATOR.expectations(feature_map, inputs, parameters, observables=observables)
    assert_close(values, expectations(feature_map, observables, expected))


def assert_equal_up_to_phase(states: np.ndarray, expected: np.ndarray) -> None:
    overlaps = np.sum(expected.conj() * states, axis=1, keepdims=True)
    assert_close(np.abs(overlaps), np.ones_like(overlaps, float))
    assert_close(states, overlaps / np.abs(overlaps) * expected)


def expectations(
    feature_map: FeatureMap, observables: Sequence[cirq.PauliString], states: np.ndarray
) -> np.ndarray:
    """Return Cirq's expectation values, (n_points, n_observables)."""
    order = {qubit: i for i, qubit in enumerate(feature_map.qubits)}
    values = [
        [o.expectation_from_state_vector(state, order).real for o in observables]
        for state in states
    ]
    return np.array(values).reshape(len(states), len(observables))


def pauli_string(qubits: Sequence[cirq.Qid], word: str) -> cirq.PauliString:
    """Return the string with letter i on qubit i; letters past the last qubit are left out."""
    letters = {"X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}
    return cirq.PauliString({q: letters[c] for q, c in zip(qubits, word, strict=False) if c != "I"})


def assert_close(actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, atol=TOLERANCE, rtol=0)
