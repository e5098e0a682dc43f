"""What circuits of all packages share: lazy imports, phases under controls, angles."""

import os
import subprocess
import sys

import cirq
import numpy as np
import pytest
import sympy

from qkernels.interop.circuits import Assembly, angle_of
from qkernels.interop.gates import GATE_NAMES, Controls, named_gate, pauli_rotation, repeated

Q = cirq.LineQubit.range(5)
x = sympy.Symbol("x")


def test_packages_are_imported_when_they_are_needed():
    code = (
        "import sys, qkernels.interop; "
        "print({'qiskit', 'pennylane', 'openqasm3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("values", [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1), (0, 1, 0)])
def test_a_phase_under_controls(values):
    controls = Controls(tuple(Q[: len(values)]), values)
    circuit = cirq.Circuit(controls.phase(0.7), cirq.I.on_each(*Q[:3]))
    expected = np.ones(8, dtype=complex)
    if values:
        index = np.array(list(np.ndindex(2, 2, 2)))[:, : len(values)]
        expected[(index == values).all(axis=1)] = np.exp(0.7j)
    np.testing.assert_allclose(cirq.unitary(circuit), np.diag(expected), atol=1e-12)


@pytest.mark.parametrize("word", ["X", "Y", "Z", "XX", "YY", "ZZ", "XY", "ZX", "XYZ"])
def test_pauli_rotations(word):
    paulis = [cirq.unitary(getattr(cirq, letter)) for letter in word]
    matrix = cirq.kron(*paulis)
    expected = np.cos(0.35) * np.eye(len(matrix)) - 1j * np.sin(0.35) * matrix
    np.testing.assert_allclose(cirq.unitary(pauli_rotation(word, 0.7)), expected, atol=1e-12)
    gate = cirq.resolve_parameters(pauli_rotation(word, 2 * x), {"x": 0.35})
    np.testing.assert_allclose(cirq.unitary(gate), expected, atol=1e-12)


def test_operations_repeated_and_inverted():
    steps = [cirq.H(Q[0]), cirq.S(Q[0]), cirq.rx(x)(Q[0])]
    assert repeated(steps, 2) == steps + steps
    assert repeated(steps, 0) == []
    assert repeated(steps, -1) == [cirq.rx(-x)(Q[0]), (cirq.S**-1)(Q[0]), cirq.H(Q[0])]


def test_every_named_gate_says_what_it_takes():
    for name in GATE_NAMES:
        with pytest.raises(
            ValueError, match=r"expected \d angles and \d qubits for the gate .*got"
        ):
            list(named_gate(name, [0.1] * 5, Q, Controls()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, 2.0),
        (sympy.pi / 2, np.pi / 2),
        (2.0 * x**3.0, 2 * x**3),
        (0.5 * x, 0.5 * x),
        (x - x, 0.0),
    ],
)
def test_angles(value, expected):
    assert angle_of(value) == expected
    assert isinstance(angle_of(value), type(expected))


def test_idle_qubits_are_kept():
    assembly = Assembly(Q[:3])
    assembly.append([cirq.rx(x)(Q[1])], "rx")
    feature_map = assembly.feature_map(["x"], [], None)
    assert feature_map.circuit.unfreeze() == cirq.Circuit(
        cirq.I(Q[0]), cirq.rx(x)(Q[1]), cirq.I(Q[2])
    )
