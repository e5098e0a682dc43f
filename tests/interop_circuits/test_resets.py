"""Resets: nothing where nothing has happened, and refused elsewhere."""

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels.interop import from_qasm, from_qiskit
from qkernels.interop.circuits import Assembly

A, B, C = cirq.LineQubit.range(3)


def test_idle_qubits():
    assembly = Assembly([A, B, C])
    assembly.append([cirq.CNOT(A, B)], "cx")
    assert assembly.are_idle([C])
    assert assembly.are_idle([])
    assert not assembly.are_idle([C, A])
    assert not assembly.are_idle([B])
    assembly.measure([C])
    assert not assembly.are_idle([C])


# -- Qiskit


def test_a_circuit_may_start_with_initialize():
    qiskit = pytest.importorskip("qiskit")
    from tests.interop_circuits.qiskit_states import X, states_of

    amplitudes = np.array([0.1, 0.5j, -0.7, 0.3])
    amplitudes /= np.linalg.norm(amplitudes)

    gates = qiskit.QuantumCircuit(3)
    gates.ry(X[0], 0)
    gates.cx(0, 1)
    gates.rx(X[0] * 2, 2)

    given, expected = qiskit.QuantumCircuit(3), qiskit.QuantumCircuit(3)
    given.reset(2)
    given.initialize(amplitudes, [2, 0])
    given.initialize("1", [1])
    expected.prepare_state(amplitudes, [2, 0])
    expected.x(1)

    points = np.array([[0.3], [-0.8]])
    feature_map = from_qiskit(given.compose(gates), X[:1])
    ours = qk.StatevectorEvaluator().statevectors(feature_map, points)
    theirs = states_of(expected.compose(gates), X[:1], points=points)
    np.testing.assert_allclose(np.abs(np.sum(ours.conj() * theirs, axis=1)), 1, atol=1e-12)


@pytest.mark.parametrize("action", ["h", "measure"])
def test_a_later_initialize_resets(action):
    qiskit = pytest.importorskip("qiskit")
    circuit = qiskit.QuantumCircuit(2, 1)
    circuit.h(0)
    if action == "h":
        circuit.h(1)
    else:
        circuit.measure(1, 0)
    circuit.initialize([0.6, 0.8], 1)
    with pytest.raises(ValueError, match=r"expected gates, .*; got reset on q\(1\), which has nei"):
        from_qiskit(circuit, [])


# -- OpenQASM

START = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\n'


def test_a_program_may_start_with_resets():
    plain = from_qasm(START + "rx(0.3) q[1]; cx q[1], q[0];")
    assert from_qasm(START + "reset q; rx(0.3) q[1]; reset q[0]; cx q[1], q[0];") == plain


@pytest.mark.parametrize("before", ["x q[2];", "bit b = measure q[2];"])
@pytest.mark.parametrize("reset", ["reset q;", "reset q[2];"])
def test_a_later_reset_is_refused(before, reset):
    with pytest.raises(ValueError, match=r"line 4: expected gates, .*, got reset q"):
        from_qasm(f"{START}{before} {reset}")
