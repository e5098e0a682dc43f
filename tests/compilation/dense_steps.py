"""Primitives as dense matrices, and random lists of them, that the tests of steps share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import cirq
import numpy as np
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    GlobalPhase,
    PauliRotation,
    Primitive,
    Unitary,
)
from tests.random_circuits import unitaries

N_QUBITS = 4
ANGLES = [Angle(0.3), Angle(-1.0)]
_PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def rotation(word: Mapping[int, str], angle: float | Angle = 0.3) -> PauliRotation:
    """Return a rotation about the word with these letters."""
    return PauliRotation(tuple(word.items()), angle if isinstance(angle, Angle) else Angle(angle))


def dense_word(word: Sequence[tuple[int, str]], n_qubits: int) -> np.ndarray:
    """Return a Pauli word's matrix."""
    letters = dict(word)
    return reduce(np.kron, [_PAULIS[letters.get(q, "I")] for q in range(n_qubits)])


def dense(step: Primitive, n_qubits: int, values: Sequence[float] = ()) -> np.ndarray:
    """Return a step's matrix, the symbols' values given by number; a global phase's is 1."""
    if isinstance(step, PauliRotation):
        half = (step.angle.constant + sum(c * values[s] for s, c in step.angle.terms.items())) / 2
        word = dense_word(step.word, n_qubits)
        return math.cos(half) * np.eye(2**n_qubits) - 1j * math.sin(half) * word
    if isinstance(step, GlobalPhase):
        return np.eye(2**n_qubits)
    gate = cirq.X if isinstance(step, Flip) else cirq.CNOT
    gate = cirq.MatrixGate(step.matrix) if isinstance(step, Unitary) else gate
    qubits = cirq.LineQubit.range(n_qubits)
    circuit = cirq.Circuit(gate(*(qubits[q] for q in step.qubits)))
    return circuit.unitary(qubit_order=qubits, qubits_that_should_be_present=qubits)


def product(steps: Sequence[Primitive], n_qubits: int, values: Sequence[float] = ()) -> np.ndarray:
    """Return the matrix of some steps in a row."""
    matrices = (dense(step, n_qubits, values) for step in steps)
    return reduce(lambda done, matrix: matrix @ done, matrices, np.eye(2**n_qubits))


@st.composite
def primitives(draw: Callable, angles: Sequence[Angle] = ANGLES) -> Any:
    """Return one of all kinds of steps on a few qubits."""
    qubits = draw(st.permutations(range(N_QUBITS)))
    kind = draw(st.sampled_from([*["cnot"] * 6, *["rotation"] * 5, "flip", "flip", "matrix"]))
    if kind == "cnot":
        # Few of them, so that equal ones meet.
        return ControlledNot(*draw(st.sampled_from([(0, 1), (1, 2), (2, 0), (0, 3), (1, 0)])))
    if kind == "rotation":
        letters = draw(st.text("XYZ", min_size=1, max_size=3))
        word = dict(zip(qubits, letters, strict=False))
        return rotation(word, draw(st.sampled_from(angles)))
    if kind == "flip":
        return Flip(qubits[0])
    return Unitary(tuple(qubits[:2]), draw(unitaries(2)))
