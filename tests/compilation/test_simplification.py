"""Simplified steps beside the steps themselves, as dense matrices; and what becomes simple."""

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
from tests.compilation.dense_steps import N_QUBITS, dense, primitives, product, rotation
from tests.random_circuits import points


def assert_same_up_to_phase(one, other):
    overlap = np.vdot(one, other) / len(one)
    np.testing.assert_allclose(abs(overlap), 1, atol=1e-12)
    np.testing.assert_allclose(other, overlap * one, atol=1e-12)


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
