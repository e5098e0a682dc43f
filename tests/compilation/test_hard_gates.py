"""Gates that Cirq cannot take apart, and other ways of writing an operation."""

import itertools

import cirq
import numpy as np
import pytest
import sympy

from tests.compilation.agreement import assert_agrees, feature_map
from tests.random_circuits import Add

q = cirq.LineQubit.range(8)
x, y, t = sympy.symbols("x y t")


def start(n=6):
    """Return a random state of each qubit."""
    unitaries = [cirq.testing.random_unitary(2, random_state=i) for i in range(n)]
    return [cirq.MatrixGate(unitary)(qubit) for unitary, qubit in zip(unitaries, q, strict=False)]


class Swish(cirq.EigenGate):
    """A gate of one's own with a fixed eigenbasis, which nothing else is known of."""

    def _num_qubits_(self):
        return 2

    def _eigen_components(self):
        basis = cirq.testing.random_unitary(4, random_state=3)
        projectors = [np.outer(basis[:, i], basis[:, i].conj()) for i in range(4)]
        return [(0.0, projectors[0] + projectors[1]), (0.3, projectors[2]), (1.0, projectors[3])]


class Composite(cirq.Gate):
    """A gate of one's own that says what it is made of."""

    def __init__(self, angle):
        self.angle = angle

    def _num_qubits_(self):
        return 2

    def _is_parameterized_(self):
        return cirq.is_parameterized(self.angle)

    def _parameter_names_(self):
        return cirq.parameter_names(self.angle)

    def _resolve_parameters_(self, resolver, recursive):
        return Composite(cirq.resolve_parameters(self.angle, resolver, recursive))

    def _decompose_(self, qubits):
        yield cirq.H(qubits[0])
        yield cirq.ZZ(*qubits) ** (self.angle / 2)


class Matrix(cirq.Gate):
    """A gate of one's own that only knows its matrix."""

    def __init__(self, n_qubits):
        self.n = n_qubits

    def _num_qubits_(self):
        return self.n

    def _unitary_(self):
        return cirq.testing.random_unitary(2**self.n, random_state=self.n)


GATES = {
    "CCC-RX": (cirq.ControlledGate(cirq.rx(x), 3), 4),
    "C-CCX power": (cirq.ControlledGate(cirq.CCX**x), 4),
    "CC-ZZ power": (cirq.ControlledGate(cirq.ZZ**x, 2), 4),
    "C-SWAP power": (cirq.ControlledGate(cirq.SWAP**x), 3),
    "CC-ISWAP power": (cirq.ControlledGate(cirq.ISWAP**x, 2), 4),
    "C-H power": (cirq.ControlledGate(cirq.H**x), 2),
    "C-PhasedXZ": (
        cirq.ControlledGate(
            cirq.PhasedXZGate(x_exponent=x, z_exponent=y, axis_phase_exponent=x * y)
        ),
        2,
    ),
    "C-FSim": (cirq.ControlledGate(cirq.FSimGate(x, y)), 3),
    "CC-PhasedFSim": (cirq.ControlledGate(cirq.PhasedFSimGate(x, y, t, x * y, 0.3), 2), 4),
    "PhasedFSim whose parts cancel": (cirq.PhasedFSimGate(0.0, x, 0.0, x, 0.0), 2),
    "C-phasor": (
        cirq.ControlledGate(
            cirq.PauliStringPhasorGate(cirq.DensePauliString("XYZ"), exponent_neg=x)
        ),
        4,
    ),
    "C-matrix": (cirq.ControlledGate(Matrix(3)), 4),
    "CC-permutation": (cirq.ControlledGate(Add(3, 3), 2), 5),
    "C-own eigenbasis": (cirq.ControlledGate(Swish(exponent=x)), 3),
    "C-own decomposition": (cirq.ControlledGate(Composite(x)), 3),
    "CC-subgate shift": (cirq.ControlledGate(cirq.XPowGate(exponent=x, global_shift=0.3), 2), 3),
    "own eigenbasis": (Swish(exponent=x), 2),
    "own decomposition": (Composite(x), 2),
    **{f"own {n}-qubit matrix": (Matrix(n), n) for n in range(1, 7)},
    **{f"{n}-qubit MatrixGate": (cirq.MatrixGate(Matrix(n)._unitary_()), n) for n in range(1, 7)},
    "6-qubit permutation": (Add(6, 5), 6),
    "inverse without a power": (cirq.inverse(cirq.QuantumFourierTransformGate(3)), 3),
    "phasor on an identity": (
        cirq.PauliStringPhasorGate(cirq.DensePauliString("XIZ"), exponent_neg=x, exponent_pos=y),
        3,
    ),
}


@pytest.mark.parametrize("name", GATES)
def test_gates(name):
    gate, n = GATES[name]
    chosen = [q[i] for i in np.random.default_rng(n).permutation(6)[:n]]
    assert_agrees(feature_map(start(), gate(*chosen), cirq.rx(x)(q[0]), qubits=q[:6]))


VALUES = {
    "zeros": [0, 0],
    "zero and one": [0, 1],
    "either": [(0, 1), 1],
    "sum of products": cirq.SumOfProducts([(0, 1), (1, 0)]),
    "three of four": cirq.SumOfProducts([(0, 1), (1, 0), (1, 1)]),
    "always": cirq.SumOfProducts([(0, 0), (0, 1), (1, 0), (1, 1)]),
}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("gate", [cirq.rx(x), cirq.X, cirq.Z**x, cirq.H, cirq.YPowGate(exponent=x)])
def test_control_values(gate, values):
    operation = gate(q[2]).controlled_by(*q[:2], control_values=values)
    assert_agrees(feature_map(start(3), operation, cirq.ry(x)(q[2])))


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_control_values_of_a_global_phase(values):
    phase = cirq.GlobalPhaseGate(sympy.exp(sympy.I * x))()
    operation = phase.controlled_by(*q[:2], control_values=values)
    assert_agrees(feature_map(start(2), operation, cirq.ry(x)(q[1])))


def test_controls_under_controls():
    inner = cirq.ControlledOperation([q[1]], cirq.rx(x)(q[2]), control_values=[0])
    outer = cirq.ControlledOperation([q[0]], inner.with_tags("inner"), control_values=[1])
    assert_agrees(feature_map(start(3), outer))


def test_twelve_controls():
    many = cirq.LineQubit.range(13)
    start = [(cirq.Y**0.8)(qubit) for qubit in many]
    assert_agrees(feature_map(start, cirq.rx(x)(many[12]).controlled_by(*many[:12])), n_points=1)


def test_a_controlled_cnot_in_a_moved_frame():
    moved = [cirq.CNOT(q[0], q[1]), cirq.CNOT(q[1], q[2]), cirq.X(q[1]), cirq.SWAP(q[0], q[2])]
    toffoli = cirq.CCX(*q[:3]) ** x
    assert_agrees(feature_map(start(3), moved, toffoli, moved[::-1], toffoli), words=["XYZ"])


def test_matrices_in_a_moved_frame():
    moved = [cirq.CNOT(q[0], q[1]), cirq.CNOT(q[1], q[2]), cirq.X(q[1]), cirq.CNOT(q[3], q[0])]
    circuit = feature_map(start(4), moved, Matrix(3)(q[2], q[0], q[1]), moved, cirq.rx(x)(q[0]))
    assert_agrees(circuit, words=["XYZI", "IZZX"])


@pytest.mark.parametrize("repetitions", [0, 1, 3, -2])
def test_subcircuits(repetitions):
    inner = cirq.FrozenCircuit(cirq.rx(t)(q[0]), cirq.CNOT(q[0], q[1]))
    nested = cirq.FrozenCircuit(cirq.CircuitOperation(inner, repetitions=2), cirq.T(q[1]))
    operation = cirq.CircuitOperation(
        nested,
        repetitions=repetitions,
        qubit_map={q[0]: q[2], q[1]: q[0]},
        param_resolver={t: x * y + 0.1},
    )
    circuit = feature_map(start(3), operation, operation.controlled_by(q[1]), cirq.rx(x + y)(q[0]))
    assert_agrees(circuit)


def test_pauli_strings_are_gates_up_to_their_sign():
    string = -1j * cirq.X(q[0]) * cirq.Y(q[2])
    circuit = feature_map(start(3), string, string.controlled_by(q[1]), cirq.rx(x)(q[1]))
    assert_agrees(circuit)


def test_exponentials_of_pauli_sums():
    total = cirq.X(q[0]) * cirq.X(q[1]) + 0.5 * cirq.Z(q[0]) * cirq.Z(q[1])
    phasors = list(cirq.PauliSumExponential(total, x * y))
    controlled = [phasor.controlled_by(q[2]) for phasor in phasors]
    assert_agrees(feature_map(start(3), phasors, controlled))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_phasors_of_every_word(n):
    words = ["".join(letters) for letters in itertools.product("IXYZ", repeat=n)]
    phasors = [
        cirq.PauliStringPhasorGate(cirq.DensePauliString(word), exponent_neg=x + 0.1 * i)(*q[:n])
        for i, word in enumerate(words)
    ]
    assert_agrees(feature_map(start(n), phasors))


@pytest.mark.parametrize("word", ["YYYY", "YYYYY", "YYYXX", "YYXZI", "ZYYYZ", "YZYZY"])
def test_phasors_of_long_words(word):
    gate = cirq.PauliStringPhasorGate(cirq.DensePauliString(word), exponent_neg=x)
    moved = [cirq.CNOT(q[0], q[1]), cirq.X(q[1]), cirq.CNOT(q[2], q[0])]
    assert_agrees(feature_map(start(5), moved, gate(*q[: len(word)]), moved), words=[word])


def test_gates_with_ancillas_keep_to_their_own_qubits():
    gate = cirq.testing.PhaseUsingCleanAncilla(0.3, phase_state=1, target_bitsize=2)
    assert_agrees(feature_map(start(2), gate(*q[:2]), cirq.rx(x)(q[0])))


def test_symbols_that_cirq_does_not_name_are_found():
    gate = cirq.PhasedFSimGate(x, t, y, 0.1, x * y)
    assert not cirq.parameter_names(gate)
    circuit = feature_map(start(3), gate(*q[:2]), gate.controlled().on(*q[:3]))
    assert [s.name for s in (*circuit.feature_symbols, *circuit.parameter_symbols)] == list("xyt")
    assert_agrees(circuit)


QUBITS = {
    "line": cirq.LineQubit.range(3)[::-1],
    "named": [cirq.NamedQubit(name) for name in "cab"],
    "grid": [cirq.GridQubit(*place) for place in ((2, 0), (0, 5), (1, 1))],
    "mixed": [cirq.NamedQubit("a"), cirq.LineQubit(3), cirq.GridQubit(0, 0)],
}


@pytest.mark.parametrize("qubits", QUBITS.values(), ids=QUBITS)
def test_qubits_of_any_kind_in_any_order(qubits):
    first, second, third = qubits
    circuit = feature_map(
        *(cirq.ry(x)(first), cirq.CNOT(first, second), cirq.rx(y)(third), cirq.CZ(second, third))
    )
    assert circuit.qubits == tuple(sorted(qubits))
    assert_agrees(circuit, words=["XYZ", "ZII"])


def test_exponents_far_beyond_a_turn():
    assert_agrees(feature_map(start(2), cirq.X(q[0]) ** (50 * x), cirq.CZ(*q[:2]) ** (30 * y)))
