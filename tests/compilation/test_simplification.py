"""Simplified steps beside the steps themselves, as dense matrices; and what becomes simple."""

import math
from functools import reduce

import cirq
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qkernels import feature_maps
from qkernels.compilation.angles import Angle
from qkernels.compilation.decomposition import Decomposer
from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    GlobalPhase,
    PauliRotation,
    Unitary,
)
from qkernels.compilation.simplification import conjugated, simplified
from tests import random_circuits
from tests.random_circuits import points, unitaries

N_QUBITS = 4
PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def rotation(word, angle=0.3):
    return PauliRotation(tuple(word.items()), Angle(angle))


def dense_word(word, n):
    letters = dict(word)
    return reduce(np.kron, [PAULIS[letters.get(q, "I")] for q in range(n)])


def dense(step, n, values=()):
    """Return a step's matrix on n qubits, the symbols' values given by number."""
    if isinstance(step, PauliRotation):
        half = (step.angle.constant + sum(c * values[s] for s, c in step.angle.terms.items())) / 2
        word = dense_word(step.word, n)
        return math.cos(half) * np.eye(2**n) - 1j * math.sin(half) * word
    if isinstance(step, GlobalPhase):
        return np.eye(2**n)
    gate = cirq.X if isinstance(step, Flip) else cirq.CNOT
    gate = cirq.MatrixGate(step.matrix) if isinstance(step, Unitary) else gate
    qubits = cirq.LineQubit.range(n)
    circuit = cirq.Circuit(gate(*(qubits[q] for q in step.qubits)))
    return circuit.unitary(qubit_order=qubits, qubits_that_should_be_present=qubits)


def product(steps, n, values=()):
    return reduce(lambda done, step: dense(step, n, values) @ done, steps, np.eye(2**n))


def assert_same_up_to_phase(one, other):
    overlap = np.vdot(one, other) / len(one)
    np.testing.assert_allclose(abs(overlap), 1, atol=1e-12)
    np.testing.assert_allclose(other, overlap * one, atol=1e-12)


@st.composite
def primitives(draw):
    qubits = draw(st.permutations(range(N_QUBITS)))
    kind = draw(st.sampled_from([*["cnot"] * 6, *["rotation"] * 5, "flip", "flip", "matrix"]))
    if kind == "cnot":
        # Few of them, so that equal ones meet.
        return draw(st.sampled_from([ControlledNot(0, 1), ControlledNot(1, 2), *_OTHERS]))
    if kind == "rotation":
        letters = draw(st.text("XYZ", min_size=1, max_size=3))
        return rotation(dict(zip(qubits, letters, strict=False)), draw(st.sampled_from([0.3, -1])))
    if kind == "flip":
        return Flip(qubits[0])
    return Unitary(tuple(qubits[:2]), draw(unitaries(2)))


_OTHERS = [ControlledNot(2, 0), ControlledNot(0, 3), ControlledNot(1, 0), ControlledNot(2, 1)]


@settings(max_examples=300, deadline=None)
@given(st.lists(primitives(), max_size=14))
def test_random_steps_do_the_same(steps):
    found = simplified(steps)
    assert_same_up_to_phase(product(steps, N_QUBITS), product(found, N_QUBITS))
    assert len(found) <= len(steps)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_circuits_do_the_same(data):
    feature_map = data.draw(
        random_circuits.feature_maps(cirq.CXPowGate, max_qubits=4, max_operations=6)
    )
    circuit, _ = feature_map.flattened
    inputs, parameters = points(feature_map, 1, seed=0)
    values = feature_map.angles(inputs, parameters)[0]
    decomposer = Decomposer(feature_map.qubits, feature_map.angle_symbols)
    steps, n = list(decomposer.circuit(circuit)), feature_map.n_qubits
    found = simplified(steps)
    assert not any(isinstance(step, GlobalPhase) for step in found)
    assert_same_up_to_phase(product(steps, n, values), product(found, n, values))


@pytest.mark.parametrize("letters", [a + b for a in "IXYZ" for b in "IXYZ" if a + b != "II"])
@pytest.mark.parametrize("step", [ControlledNot(0, 1), ControlledNot(1, 0), Flip(0), Flip(1)])
def test_conjugated_words(letters, step):
    word = {q: letter for q, letter in enumerate(letters) if letter != "I"}
    outer, turn = dense(step, 2), rotation(word)
    np.testing.assert_allclose(
        dense(conjugated(turn, step), 2), outer @ dense(turn, 2) @ outer, atol=1e-15
    )


def test_a_parity_between_cnots_is_a_word():
    cnot = ControlledNot(0, 1)
    assert simplified([cnot, rotation({1: "Z"}), cnot]) == [rotation({0: "Z", 1: "Z"})]


def test_ladders_are_opened_from_within():
    ladder = [ControlledNot(i, i + 1) for i in range(5)]
    found = simplified([*ladder, rotation({5: "Z"}), *ladder[::-1]])
    assert found == [rotation(dict.fromkeys(range(6), "Z"))]


def test_rotations_elsewhere_and_commuting_cnots_are_in_nobodys_way():
    cnot, same_target = ControlledNot(0, 1), ControlledNot(2, 1)
    elsewhere = rotation({3: "Y"})
    found = simplified([cnot, elsewhere, same_target, rotation({0: "Z"}), cnot])
    assert found == [elsewhere, same_target, rotation({0: "Z"})]


def test_equal_flips_and_cnots_cancel():
    cnot = ControlledNot(0, 1)
    assert simplified([cnot, Flip(2), cnot, Flip(2)]) == []
    assert simplified([Flip(0), rotation({0: "Z"}), Flip(0)]) == [rotation({0: "Z"}, -0.3)]


@pytest.mark.parametrize(
    "between",
    [
        [ControlledNot(1, 0)],
        [Flip(0)],
        [Unitary((1,), np.diag([1, 1j]))],
        # Opened, five words would be longer by three letters.
        [rotation({q: letter}) for q in (0, 1) for letter in "YXZ"],
    ],
)
def test_what_stays_as_it_is(between):
    cnot = ControlledNot(0, 1)
    assert simplified([cnot, *between, cnot]) == [cnot, *between, cnot]


def test_phases_and_rotations_by_nothing_are_dropped():
    steps = [GlobalPhase(Angle(1.0)), rotation({0: "X"}, 0.0), rotation({0: "Y"})]
    assert simplified(steps) == [rotation({0: "Y"})]
    varying = PauliRotation(((0, "X"),), Angle(0.0, {0: 1.0}))
    assert simplified([varying]) == [varying]


def test_the_zz_map_has_no_cnots():
    feature_map = feature_maps.zz(4, entanglement="linear")
    decomposer = Decomposer(feature_map.qubits, feature_map.angle_symbols)
    steps = simplified(decomposer.circuit(feature_map.flattened[0]))
    pairs = [step.word for step in steps if len(step.qubits) == 2]
    assert pairs == [((i, "Z"), (i + 1, "Z")) for i in range(3)] * 2
    assert all(isinstance(step, PauliRotation) for step in steps)
