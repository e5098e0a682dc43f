"""`qkernels.sampling.target.decomposition`: the same states, by gates that are counted by hand."""

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.feature_maps.flattening import unroll
from qkernels.sampling.target.decomposition import (
    gathered,
    is_diagonal,
    is_primitive,
    primitives,
)
from tests.random_circuits import GATES, feature_maps, points
from tests.sampling.target_circuits import resolved

A, B, C = cirq.LineQubit.range(3)
X, Y, T = sympy.symbols("x y t")


def state(circuit, qubits):
    idle = cirq.Circuit(cirq.I.on_each(*qubits)) + circuit
    return idle.final_state_vector(qubit_order=qubits, dtype=np.complex128)


def taken_apart(*operations):
    return [p for op in cirq.flatten_to_ops(operations) for p in primitives(op)]


def joined(*operations):
    return gathered(taken_apart(*operations))


def n_two_qubit(operations):
    """Count CNOTs, ZZ**t as two of them."""
    return sum(
        2 if isinstance(op.gate, cirq.ZZPowGate) else 1 for op in operations if len(op.qubits) == 2
    )


# -- The same states


@pytest.mark.parametrize("gate_type", GATES, ids=lambda gate_type: gate_type.__name__)
@settings(max_examples=4)
@given(data=st.data())
def test_primitives_prepare_the_same_states(gate_type, data):
    feature_map = data.draw(feature_maps(gate_type, max_qubits=4, max_operations=2))
    circuit = unroll(feature_map.circuit)
    parts = taken_apart(circuit.all_operations())
    assert all(map(is_primitive, parts))
    (inputs,), parameters = points(feature_map, 1, seed=1)
    names = [s.name for s in feature_map.feature_symbols + feature_map.parameter_symbols]
    for scale in (1.0, 0.0):
        numbers = scale * np.concatenate([inputs, parameters])
        values = dict(zip(names, numbers.tolist(), strict=True))
        expected = state(
            feature_map.resolve(scale * inputs, scale * parameters), feature_map.qubits
        )
        for operations in (parts, gathered(parts)):
            found = state(resolved(cirq.Circuit(operations), values), feature_map.qubits)
            assert abs(np.vdot(found, expected)) == pytest.approx(1, abs=1e-8)


class Parity(cirq.EigenGate):
    """A gate of a user's, which Cirq cannot decompose while it holds symbols."""

    def _num_qubits_(self):
        return 2

    def _eigen_components(self):
        even = np.diag([1.0, 0, 0, 1])
        mixed = np.full((4, 4), 0.0)
        mixed[1:3, 1:3] = 0.5
        return [(0.0, even), (0.3, mixed), (1.0, np.eye(4) - even - mixed)]


@pytest.mark.parametrize("value", [0.0, 0.7, -2.5])
@pytest.mark.parametrize("control", [(), (C,)])
def test_eigen_gates_of_users(control, value):
    start = [cirq.Y(q) ** 0.3 for q in (A, B, C)]
    gate = Parity(exponent=T).on(A, B).controlled_by(*control)
    expected = resolved(cirq.Circuit(start, gate), {"t": value})
    found = resolved(cirq.Circuit(start, taken_apart(gate)), {"t": value})
    overlap = np.vdot(state(expected, [A, B, C]), state(found, [A, B, C]))
    assert abs(overlap) == pytest.approx(1, abs=1e-12)


def test_controls_at_false():
    # `cirq.unitary` says that this does nothing.
    operation = cirq.H(B).controlled_by(A, control_values=[False])
    assert not is_diagonal(operation)
    (found,) = joined(operation)
    expected = np.eye(4, dtype=complex)
    expected[:2, :2] = cirq.unitary(cirq.H)
    np.testing.assert_allclose(cirq.unitary(found), expected, atol=1e-12)


def test_what_cannot_be_taken_apart_is_left():
    class Unknown(cirq.Gate):
        def _num_qubits_(self):
            return 2

    operation = Unknown()(A, B)
    assert list(primitives(operation)) == [operation]
    assert not is_primitive(operation)


# -- How many gates


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (cirq.ZZ(A, B) ** T, 2),
        (cirq.XX(A, B) ** T, 2),
        (cirq.CZ(A, B) ** T, 2),
        (cirq.CNOT(A, B) ** T, 2),
        (cirq.ry(T).on(B).controlled_by(A), 2),
        (cirq.ISWAP(A, B) ** T, 2),
        (cirq.PhasedISwapPowGate(phase_exponent=X, exponent=T)(A, B), 2),
        (cirq.SWAP(A, B) ** T, 4),
        (cirq.FSimGate(X, T)(A, B), 4),
        (cirq.PauliStringPhasor(cirq.X(A) * cirq.Y(B) * cirq.Z(C), exponent_neg=T), 4),
        (cirq.CCZ(A, B, C) ** T, 10),
        (cirq.GlobalPhaseGate(sympy.exp(sympy.I * T)).on().controlled_by(A), 0),
    ],
    ids=str,
)
def test_two_qubit_gates_are_few(operation, expected):
    assert n_two_qubit(joined(operation)) == expected


def test_rotations_join_past_what_commutes():
    found = joined(cirq.ZZ(A, B) ** X, cirq.CZ(B, C), cirq.Z(B) ** T, cirq.ZZ(B, A) ** -Y)
    assert sorted(map(str, found)) == sorted(
        map(str, [cirq.ZZ(A, B) ** (X - Y), cirq.CZ(B, C), cirq.Z(B) ** T])
    )


def test_rotations_do_not_join_past_what_does_not_commute():
    blocked = [cirq.ZZ(A, B) ** X, cirq.H(B), cirq.ZZ(A, B) ** -Y]
    assert joined(*blocked) == blocked


def test_constants_that_meet_cancel():
    # Those inside go first, so that those outside meet.
    found = joined(
        cirq.CNOT(A, B), cirq.CNOT(B, C), cirq.H(A), cirq.H(A), cirq.CNOT(B, C), cirq.CNOT(A, B)
    )
    assert found == []
    around = [cirq.CNOT(A, B), cirq.Z(B) ** T, cirq.CNOT(A, B)]
    assert joined(*around) == around


def test_no_value_decides_what_is_left():
    # At x = y, ZZ**(x - y) does nothing, but stays; the same symbol cancels at every point.
    assert len(joined(cirq.ZZ(A, B) ** X, cirq.ZZ(A, B) ** -Y)) == 1
    assert joined(cirq.rx(X)(A), cirq.rx(-X)(A)) == []
