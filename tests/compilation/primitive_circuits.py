"""Random lists of primitives, and what they do to dense state vectors, by the definitions."""

from __future__ import annotations

import itertools
import math

import cirq
import numpy as np
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.primitives import ControlledNot, Flip, PauliRotation, Unitary

N_SYMBOLS = 3
PAULIS = {
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.array([[1, 0], [0, -1]]),
}


def rotation(word, angle=0.3):
    """Return a rotation about a word like {0: "X", 3: "Z"}."""
    return PauliRotation(tuple(word.items()), angle if isinstance(angle, Angle) else Angle(angle))


def random_unitary(qubits, seed=0):
    matrix = cirq.testing.random_unitary(2 ** len(qubits), random_state=seed)
    return Unitary(tuple(qubits), matrix)


def angles():
    """Return angles: quarter and half turns often, since rules treat them apart; some vary."""
    numbers = st.sampled_from([0.5, 1.0, -1.0, 2.0]).map(lambda t: t * math.pi)
    numbers |= st.floats(-3, 3).map(lambda v: round(v, 3))
    terms = st.dictionaries(
        st.integers(0, N_SYMBOLS - 1), st.sampled_from([1.0, -1.0, 0.7]), max_size=2
    )
    return numbers.map(Angle) | st.builds(Angle, numbers, terms)


@st.composite
def primitives(draw, n_qubits):
    """Return one primitive on some of the qubits 0 … n_qubits - 1."""
    kind = draw(st.sampled_from([PauliRotation] * 8 + [Flip, ControlledNot, Unitary]))
    size = {Flip: 1, ControlledNot: 2}.get(kind) or draw(st.sampled_from([1, 1, 2, 2, 2, 3, 4]))
    size = min(size, n_qubits, 4 if kind is PauliRotation else 3)
    qubits = draw(st.permutations(range(n_qubits)))[:size]
    if kind is PauliRotation:
        letters = draw(st.text("XYZ", min_size=size, max_size=size))
        return PauliRotation(tuple(zip(qubits, letters, strict=True)), draw(angles()))
    if kind is Unitary:
        return random_unitary(qubits, draw(st.integers(0, 999)))
    return kind(*qubits) if size == (2 if kind is ControlledNot else 1) else Flip(qubits[0])


@st.composite
def circuits(draw, min_qubits=2, max_qubits=7, max_size=20):
    """Return a number of qubits, primitives on them, and values of the symbols."""
    n = draw(st.integers(min_qubits, max_qubits))
    steps = draw(st.lists(primitives(n), max_size=max_size))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return n, steps, rng.uniform(-np.pi, np.pi, N_SYMBOLS)


@st.composite
def coupled_circuits(draw, min_qubits=4, max_qubits=7):
    """Return the same, with couplings of any pairs of qubits between other primitives.

    Each qubit has a letter in all of them: they commute, and most of them make layers.
    """
    n, before, values = draw(circuits(min_qubits, max_qubits, max_size=10))
    _, after, _ = draw(circuits(n, n, max_size=5))
    letters = draw(st.text("XYZ", min_size=n, max_size=n))
    pairs = list(itertools.combinations(range(n), 2))
    pairs = draw(st.sets(st.sampled_from(pairs), min_size=len(pairs) // 2))
    layer = [rotation({a: letters[a], b: letters[b]}, draw(angles())) for a, b in sorted(pairs)]
    turns = [rotation({q: "Y"}, 0.4 + 0.1 * q) for q in range(n)]
    return n, [*turns, *before, *layer, *after], values


def evolve(steps, n_qubits, values=()):
    """Return the amplitudes after some steps on |0…0⟩, qubit 0 most significant."""
    state = np.zeros((2,) * n_qubits, dtype=complex)
    state[(0,) * n_qubits] = 1.0
    for step in steps:
        state = _applied(step, state, values)
    return state.ravel()


def _applied(step, state, values):
    if isinstance(step, PauliRotation):
        terms = step.angle.terms.items()
        half = 0.5 * (step.angle.constant + sum(c * values[symbol] for symbol, c in terms))
        turned = state
        for qubit, letter in step.word:
            turned = _multiplied(PAULIS[letter], (qubit,), turned)
        return np.cos(half) * state - 1j * np.sin(half) * turned
    if isinstance(step, Flip):
        return _multiplied(PAULIS["X"], step.qubits, state)
    if isinstance(step, ControlledNot):
        return _multiplied(cirq.unitary(cirq.CNOT), step.qubits, state)
    return _multiplied(step.matrix, step.qubits, state)


def _multiplied(matrix, qubits, state):
    k = len(qubits)
    tensor = np.asarray(matrix).reshape((2,) * (2 * k))
    return np.moveaxis(np.tensordot(tensor, state, (range(k, 2 * k), qubits)), range(k), qubits)
