"""Which symbols of a Qiskit circuit a feature map has, and instructions that take none."""

import cirq
import numpy as np
import pytest
import sympy

from qkernels.interop import from_qiskit

pytest.importorskip("qiskit")

from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, ControlModifier, Instruction, ParameterVector
from qiskit.circuit.library import HamiltonianGate
from qiskit.exceptions import QiskitError

X = ParameterVector("x", 2)


# -- Lists of symbols


def on_one_qubit():
    circuit = QuantumCircuit(1)
    circuit.rx(X[0], 0)
    circuit.rz(X[1], 0)
    return circuit


@pytest.mark.parametrize("kind", [set, frozenset])
@pytest.mark.parametrize("values", [list(X), ["x[0]", "x[1]"]], ids=["parameters", "names"])
def test_a_set_has_no_order_of_columns(kind, values):
    with pytest.raises(TypeError, match="expected features to be a sequence of symbols or"):
        from_qiskit(on_one_qubit(), kind(values))
    with pytest.raises(TypeError, match="expected parameters to be a sequence of symbols or"):
        from_qiskit(on_one_qubit(), [], kind(values))


def test_a_circuit_s_view_of_its_parameters_has_one():
    circuit = on_one_qubit()
    assert from_qiskit(circuit, circuit.parameters) == from_qiskit(circuit, X)


# -- Symbols without an effect on the state


def with_a_phase():
    circuit = QuantumCircuit(2, global_phase=X[0])
    circuit.rx(X[1], 0)
    return circuit


def with_a_difference():
    circuit = QuantumCircuit(2)
    circuit.rx(X[0] - X[0] + X[1], 0)
    return circuit


@pytest.mark.parametrize("make", [with_a_phase, with_a_difference])
def test_a_symbol_without_effect_is_not_listed(make):
    expected = QuantumCircuit(2)
    expected.rx(X[1], 0)
    assert from_qiskit(make(), [X[1]]) == from_qiskit(expected, [X[1]])
    with pytest.raises(ValueError, match=r"features lists x\[0\], which the circuit lacks"):
        from_qiskit(make(), X)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_the_symbol_that_is_left_where_others_cancel(kept):
    x = ParameterVector("x", 3)
    others = [element for i, element in enumerate(x) if i != kept]
    circuit = QuantumCircuit(1)
    circuit.rx(sum(others) - others[0] - others[1] + x[kept], 0)
    circuit.rx(x[kept] + 0 * others[0] * others[1], 0)
    steps = list(from_qiskit(circuit, [x[kept]]).circuit.all_operations())
    assert [step.gate for step in steps] == 2 * [cirq.rx(sympy.Symbol(f"x[{kept}]"))]


def test_a_power_that_qiskit_does_not_turn_into_one_of_sympy():
    if (2 ** X[0]).sympify() is not NotImplemented:
        pytest.skip("this release of Qiskit does")
    circuit = QuantumCircuit(1)
    circuit.rx(2 ** X[0] + 1, 0)
    with pytest.raises(ValueError, match=r"turn into one of SymPy, got 1 \+ 2\*\*x\[0\]"):
        from_qiskit(circuit, [X[0]])


# -- Definitions for numbers only


class Amplitudes(Instruction):
    """Stands for the instruction of Qiskit Machine Learning's raw_feature_vector."""

    def __init__(self, amplitudes):
        super().__init__("ParameterizedInitialize", 1, 0, amplitudes)

    def _define(self):
        raise QiskitError("Cannot define it with unbound parameters")


HAMILTONIAN = HamiltonianGate(np.diag([1.0, 2.0]), X[0])


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (HAMILTONIAN, "expected a definition of hamiltonian in symbols; got the error: Unable to"),
        (
            AnnotatedOperation(HAMILTONIAN, [ControlModifier(1)]),
            "expected a definition of hamiltonian in symbols; got the error: Unable to",
        ),
        (
            Amplitudes(list(X)),
            r"expected a definition of ParameterizedInitialize in symbols; take "
            r"qkernels\.feature_maps\.amplitude; got the error: .Cannot define it with unbound",
        ),
    ],
)
def test_a_definition_that_takes_no_symbols(operation, message):
    circuit = QuantumCircuit(2)
    circuit.append(operation, range(operation.num_qubits))
    circuit.rx(X[0], 0)
    with pytest.raises(ValueError, match=message):
        from_qiskit(circuit, X)


def test_a_definition_that_takes_numbers_is_read():
    matrix = np.array([[1, 0.5], [0.5, -1]])
    given, expected = QuantumCircuit(1), QuantumCircuit(1)
    for circuit, angle in ((given, 0.3), (expected, X[0] * 0 + 0.3)):
        circuit.ry(X[1], 0)
        circuit.append(HamiltonianGate(matrix, angle), [0])
    assert from_qiskit(given, [X[1]]) == from_qiskit(expected, [X[1]])
