"""Circuits from Qiskit, against Qiskit's own state vectors."""

import inspect
import sys

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels.interop import from_qiskit

pytest.importorskip("qiskit")

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    library,
)
from qiskit.circuit.library import standard_gates
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Clifford, Pauli, SparsePauliOp, Statevector, random_unitary
from qiskit.synthesis import SuzukiTrotter

from tests.interop_circuits.qiskit_states import ANGLES, POINTS, WEIGHTS, T, X, generic, states_of

STANDARD = sorted(name for name in dir(standard_gates) if name.endswith("Gate"))
ANGLE_NAMES = {"theta", "phi", "lam", "gamma", "beta", "phase"}
SIZES = {"num_ctrl_qubits": 2}


def assert_same_states(circuit, features=X, parameters=T, points=POINTS, weights=WEIGHTS):
    """Compare up to a phase at each point."""
    feature_map = from_qiskit(circuit, features, parameters)
    values = weights if len(parameters) else None
    ours = qk.StatevectorEvaluator().statevectors(feature_map, points, values)
    expected = states_of(circuit, features, parameters, points, weights)
    overlaps = np.abs(np.sum(ours.conj() * expected, axis=1))
    np.testing.assert_allclose(overlaps, 1, atol=1e-10)


def assert_same_gate(gate):
    """Compare the gate after a generic circuit, with room for it on shuffled qubits."""
    n = gate.num_qubits + 1
    circuit = generic(n)
    circuit.append(gate, np.random.default_rng(n).permutation(n)[:-1].tolist())
    circuit.h(0)
    assert_same_states(circuit)


def make(name):
    """Return a standard gate of a class, with expressions for its angles."""
    kind = getattr(standard_gates, name)
    wanted = [p for p in inspect.signature(kind).parameters if p in {*ANGLE_NAMES, *SIZES}]
    angles = iter(ANGLES)
    return kind(**{p: SIZES[p] if p in SIZES else next(angles) for p in wanted})


def composite():
    """Return a gate of several, with a global phase and another gate inside."""
    inner = QuantumCircuit(1, global_phase=X[1] * 0.7)
    inner.rx(X[0], 0)
    outer = QuantumCircuit(2, global_phase=0.4)
    outer.h(1)
    outer.append(inner.to_gate(), [1])
    outer.append(inner.to_gate().control(1, ctrl_state=0, annotated=False), [1, 0])
    outer.cu(*ANGLES, 0, 1)
    return outer.to_gate()


# -- Gates


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_gate(name):
    assert_same_gate(make(name))


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_gate_controlled(name):
    assert_same_gate(make(name).control(1, ctrl_state=0, annotated=False))


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_gate_inverted(name):
    assert_same_gate(make(name).inverse())


@pytest.mark.parametrize("name", [n for n in STANDARD if n != "GlobalPhaseGate"])
def test_every_standard_gate_repeated(name):
    assert_same_gate(make(name).repeat(2))


@pytest.mark.parametrize("values", range(8))
def test_control_states(values):
    assert_same_gate(library.RYGate(X[0]).control(3, ctrl_state=values, annotated=False))


@pytest.mark.parametrize(
    "gate",
    [
        composite(),
        composite().inverse(),
        composite().control(2, ctrl_state="01", annotated=False),
        composite().control(2, ctrl_state="00", annotated=False),
        composite().repeat(3),
        composite().power(3, annotated=True),
        composite().control(1, annotated=True),
        library.UnitaryGate(random_unitary(4, seed=1)),
        library.UnitaryGate(random_unitary(8, seed=2)),
        library.UnitaryGate(random_unitary(4, seed=1)).control(1, ctrl_state=0, annotated=False),
        library.DiagonalGate([1, 1j, -1, np.exp(0.3j)]),
        library.PermutationGate([2, 0, 1]),
        library.StatePreparation(random_unitary(4, seed=3).data[0]),
        library.QFTGate(3),
        library.HGate().power(0.3),
        library.MCXGate(5),
        library.SXGate().control(2, annotated=False),
        library.RXGate(0.3).power(0.5),
        library.PauliGate("XYZ"),
    ],
    ids=lambda gate: gate.name,
)
def test_other_gates(gate):
    assert_same_gate(gate)


@pytest.mark.parametrize(
    "modifiers",
    [
        [ControlModifier(1)],
        [ControlModifier(2, ctrl_state=1), InverseModifier()],
        [InverseModifier(), ControlModifier(1, ctrl_state=0)],
        [PowerModifier(3), InverseModifier()],
        [PowerModifier(-2)],
        [ControlModifier(1), PowerModifier(2), ControlModifier(1, ctrl_state=0)],
    ],
    ids=str,
)
def test_modifiers(modifiers):
    operation = AnnotatedOperation(composite(), modifiers)
    # Qiskit's own simulator does not take modifiers with symbols: the definition written out.
    expected = composite()
    for modifier in modifiers:
        if isinstance(modifier, ControlModifier):
            expected = expected.control(
                modifier.num_ctrl_qubits, ctrl_state=modifier.ctrl_state, annotated=False
            )
        elif isinstance(modifier, InverseModifier):
            expected = expected.inverse()
        else:
            base = expected if modifier.power > 0 else expected.inverse()
            steps = QuantumCircuit(base.num_qubits)
            for _ in range(abs(int(modifier.power))):
                steps.append(base, range(base.num_qubits))
            expected = steps.to_gate()
    given, reference = generic(5), generic(5)
    given.append(operation, range(operation.num_qubits))
    reference.append(expected, range(expected.num_qubits))
    feature_map = from_qiskit(given, X, T)
    ours = qk.StatevectorEvaluator().statevectors(feature_map, POINTS, WEIGHTS)
    overlaps = np.abs(np.sum(ours.conj() * states_of(reference, X, T), axis=1))
    np.testing.assert_allclose(overlaps, 1, atol=1e-10)


def test_fractional_power_of_a_numeric_gate_with_a_modifier():
    circuit = generic(3)
    circuit.append(AnnotatedOperation(library.CRYGate(0.7), [PowerModifier(0.3)]), [2, 0])
    assert_same_states(circuit)


@pytest.mark.parametrize("operator", [Pauli("XYZ"), SparsePauliOp(["XXZ", "YYI"], [0.4, -1.1])])
def test_pauli_evolution(operator):
    assert_same_gate(library.PauliEvolutionGate(operator, time=X[0] * T[1]))


def test_pauli_evolution_is_the_product_formula_that_qiskit_chose():
    operator = SparsePauliOp(["XI", "ZZ"], [0.4, -1.1])
    evolution = library.PauliEvolutionGate(operator, time=X[0], synthesis=SuzukiTrotter(reps=2))
    circuit = generic(2)
    expected = circuit.compose(evolution.definition)
    circuit.append(evolution, [0, 1])
    assert_same_states(expected)
    assert from_qiskit(circuit, X, T) == from_qiskit(expected, X, T)


def test_operations_that_are_no_instructions():
    steps = QuantumCircuit(2)
    steps.h(0)
    steps.cx(0, 1)
    steps.s(1)
    circuit = generic(2)
    circuit.append(Clifford(steps), [1, 0])
    assert_same_states(circuit)


def test_a_gate_of_ones_own_may_have_the_name_of_a_standard_one():
    definition = QuantumCircuit(1)
    definition.ry(X[0], 0)
    gate = Gate("rx", 1, [X[0]])
    gate.definition = definition
    circuit = generic(1)
    circuit.append(gate, [0])
    assert_same_states(circuit)


@pytest.mark.parametrize("seed", range(12))
def test_random_circuits(seed):
    rng = np.random.default_rng(seed)
    drawn = random_circuit(4, 6, max_operands=4, seed=seed)
    circuit = generic(4)
    for instruction in drawn.data:
        operation = instruction.operation.to_mutable()
        operation.params = [p + rng.choice(ANGLES) for p in operation.params]
        circuit.append(operation, [drawn.find_bit(q).index for q in instruction.qubits])
    assert_same_states(circuit)


@pytest.mark.parametrize(
    "expression",
    [
        X[0].sin() + X[0].cos() * X[0].tan(),
        (X[0] / 2).arcsin() - (X[0] / 3).arccos() + X[0].arctan(),
        (X[0] + 2).log() * X[0].abs() + X[0].sign(),
        (X[0] + 2) ** 0.5 / (3 - X[0]) - X[0] ** -2,
        X[0].conjugate() * 0.1 + np.pi,
        2 * X[0].exp() - 1e-3,
    ],
    ids=str,
)
def test_expressions(expression):
    circuit = generic(1, with_all_symbols=False)
    circuit.rx(expression, 0)
    assert_same_states(circuit, [X[0]], [], POINTS[:, :1])


# -- Circuits of the library


MAPS = [
    library.z_feature_map(4, reps=1),
    library.z_feature_map(3, alpha=1.3),
    library.zz_feature_map(4),
    library.zz_feature_map(3, reps=3, entanglement="linear", alpha=0.7),
    library.zz_feature_map(4, entanglement="circular", parameter_prefix="data"),
    library.pauli_feature_map(3, paulis=["Z", "XX"]),
    library.pauli_feature_map(3, paulis=["Y", "ZZ", "XYZ"], reps=1, entanglement="sca"),
    library.pauli_feature_map(4, paulis=["X", "YZ"], alpha=0.4, entanglement="pairwise"),
    library.zz_feature_map(3, data_map_func=lambda x: np.prod([1 - v / 2 for v in x])),
    library.real_amplitudes(3, reps=2),
    library.efficient_su2(3, reps=1, entanglement="full"),
    library.n_local(3, ["ry", "rx"], "cp", reps=2),
    library.excitation_preserving(3, reps=1),
]


@pytest.mark.parametrize("circuit", MAPS)
def test_gram_matrices_of_library_circuits(circuit):
    features = list(circuit.parameters)
    points = np.random.default_rng(0).uniform(-1, 1, (6, len(features)))
    K = qk.FidelityKernel(from_qiskit(circuit, features))(points)
    states = states_of(circuit, features, points=points)
    np.testing.assert_allclose(K, np.abs(states.conj() @ states.T) ** 2, atol=1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["ZFeatureMap", "ZZFeatureMap", "RealAmplitudes", "TwoLocal"])
def test_circuit_classes(name):
    if not (kind := getattr(library, name, None)):
        pytest.skip(f"this release of Qiskit has no {name}")
    arguments = [3, "ry", "cz"] if name == "TwoLocal" else [3]
    circuit = kind(*arguments)
    features = list(circuit.parameters)
    points = np.random.default_rng(0).uniform(-1, 1, (2, len(features)))
    assert_same_states(circuit, features, [], points)


def test_the_zz_map_is_ours():
    x = ParameterVector("x", 4)
    circuit = library.zz_feature_map(4).assign_parameters(x)
    points = np.random.default_rng(1).uniform(-1, 1, (5, 4))
    K = qk.FidelityKernel(from_qiskit(circuit, x))(points)
    np.testing.assert_allclose(K, qk.FidelityKernel(qk.feature_maps.zz)(points), atol=1e-12)


def test_a_feature_map_with_an_ansatz():
    encoding, ansatz = library.zz_feature_map(3), library.real_amplitudes(3, reps=2)
    circuit = encoding.compose(ansatz)
    features, parameters = list(encoding.parameters), list(ansatz.parameters)
    feature_map = from_qiskit(circuit, features, parameters, name="vqc")
    assert (feature_map.n_features, feature_map.n_parameters) == (3, 9)
    assert feature_map.name == "vqc"
    weights = np.random.default_rng(2).uniform(-3, 3, 9)
    expected = states_of(circuit, features, parameters, weights=weights)
    ours = qk.StatevectorEvaluator().statevectors(feature_map, POINTS, weights)
    np.testing.assert_allclose(np.abs(np.sum(ours.conj() * expected, axis=1)), 1, atol=1e-10)


# -- Order


def test_columns_are_in_the_order_of_the_list():
    x = ParameterVector("x", 12)
    circuit = QuantumCircuit(1)
    for element in x:
        circuit.rx(element, 0)
        circuit.rz(element, 0)
    names = [s.name for s in from_qiskit(circuit, x).feature_symbols]
    assert names == [f"x[{i}]" for i in range(12)]
    points = np.random.default_rng(3).uniform(-1, 1, (3, 12))
    for features in (x, list(x), [p.name for p in x], list(x)[::-1]):
        backwards = str(features[0]) == "x[11]"
        assert_same_states(
            circuit, list(x)[::-1] if backwards else x, [], points[:, ::-1] if backwards else points
        )
    reverse = from_qiskit(circuit, list(x)[::-1])
    K = qk.FidelityKernel(reverse)(points[:, ::-1])
    np.testing.assert_allclose(K, qk.FidelityKernel(from_qiskit(circuit, x))(points), atol=1e-12)


def test_an_observable_on_a_qubit_stays_on_it_and_amplitudes_are_reversed():
    circuit = QuantumCircuit(3)
    circuit.ry(X[0], 0)
    circuit.ry(2 * X[0], 1)
    circuit.cx(1, 2)
    circuit.rx(X[0] ** 2, 2)
    feature_map = from_qiskit(circuit, [X[0]])
    assert feature_map.qubits == tuple(cirq.LineQubit.range(3))
    point = np.array([[0.6]])
    theirs = Statevector(circuit.assign_parameters({X[0]: 0.6}))
    words = [f(q) for q in cirq.LineQubit.range(3) for f in (cirq.X, cirq.Y, cirq.Z)]
    values = qk.StatevectorEvaluator().expectations(feature_map, point, observables=words)[0]
    # Qiskit's labels are read from the last qubit to the first.
    labels = [f"{'I' * (2 - q)}{p}{'I' * q}" for q in range(3) for p in "XYZ"]
    expected = [theirs.expectation_value(Pauli(label)).real for label in labels]
    np.testing.assert_allclose(values, expected, atol=1e-12)
    ours = np.abs(qk.StatevectorEvaluator().statevectors(feature_map, point)[0]) ** 2
    for digits, probability in theirs.probabilities_dict().items():
        assert ours[int(digits[::-1], 2)] == pytest.approx(probability, abs=1e-12)


def test_symbols_survive_json():
    feature_map = from_qiskit(library.zz_feature_map(2, parameter_prefix="θ"), ["θ[0]", "θ[1]"])
    assert qk.FeatureMap.from_json(feature_map.to_json()) == feature_map


# -- What is dropped, and what is kept


def test_idle_qubits_are_kept():
    circuit = QuantumCircuit(4)
    circuit.ry(X[0], 2)
    circuit.barrier()
    feature_map = from_qiskit(circuit, [X[0]])
    assert feature_map.qubits == tuple(cirq.LineQubit.range(4))
    z = [cirq.Z(q) for q in feature_map.qubits]
    values = qk.StatevectorEvaluator().expectations(feature_map, np.array([[0.8]]), observables=z)
    np.testing.assert_allclose(values, [[1, 1, np.cos(0.8), 1]], atol=1e-12)


def test_several_registers_are_one_line():
    a, b = QuantumRegister(2, "a"), QuantumRegister(1, "b")
    circuit = QuantumCircuit(b, a)
    circuit.rx(X[0], a[0])
    circuit.cx(a[0], b[0])
    circuit.ry(X[0], a[1])
    assert_same_states(circuit, [X[0]], [], POINTS[:, :1])


def test_what_does_nothing_to_the_state_is_dropped():
    circuit = generic(2, with_all_symbols=False)
    circuit.rx(X[0], 0)
    plain = from_qiskit(circuit, [X[0]])
    circuit.barrier()
    circuit.delay(10, 0)
    circuit.global_phase = 0.3
    circuit.measure_all()
    assert from_qiskit(circuit, [X[0]]) == plain


def test_measurements_in_a_nested_instruction_are_dropped():
    inner = QuantumCircuit(2, 2)
    inner.cx(0, 1)
    inner.barrier()
    inner.measure([0, 1], [0, 1])
    circuit = QuantumCircuit(3, 2)
    circuit.ry(X[0], 2)
    circuit.append(inner.to_instruction(), [2, 0], [0, 1])
    feature_map = from_qiskit(circuit, [X[0]])
    z = [cirq.Z(q) for q in feature_map.qubits]
    values = qk.StatevectorEvaluator().expectations(feature_map, np.array([[0.8]]), observables=z)
    np.testing.assert_allclose(values, [[np.cos(0.8), 1, np.cos(0.8)]], atol=1e-12)
    circuit.h(0)
    with pytest.raises(ValueError, match=r"got h after a measurement of qubit q\(0\)"):
        from_qiskit(circuit, [X[0]])


# -- Errors


def one_qubit():
    circuit = QuantumCircuit(1)
    circuit.rx(X[0] * T[0], 0)
    return circuit


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("h q", X), TypeError, "expected circuit to be a qiskit.QuantumCircuit, got 'h q' of"),
        ((cirq.Circuit(), X), TypeError, "expected circuit to be a qiskit.QuantumCircuit"),
        ((one_qubit(), "x[0]"), TypeError, "expected features to be a sequence of symbols"),
        ((one_qubit(), X[0]), TypeError, "expected features to be a sequence of symbols"),
        ((one_qubit(), [0.3]), TypeError, "expected symbols or their names in features, got 0.3"),
        ((one_qubit(), [X[0]], T[0]), TypeError, "expected parameters to be a sequence"),
        ((one_qubit(), [X[0]]), ValueError, r"has the symbols t\[0\], which are in neither list"),
        ((one_qubit(), [X[0], X[1]], [T[0]]), ValueError, r"features lists x\[1\], which the"),
        ((one_qubit(), [X[0]], T), ValueError, r"parameters lists t\[1\], which the circuit"),
        ((one_qubit(), [X[0]], [X[0]]), ValueError, r"expected each symbol once.*got x\[0\] twice"),
        ((one_qubit(), [X[0], "x[0]"], [T[0]]), ValueError, r"got x\[0\] twice"),
        ((QuantumCircuit(0), []), ValueError, "expected a circuit that acts on at least one"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        from_qiskit(*arguments)


def test_a_symbol_of_the_global_phase_only_is_not_in_the_state():
    circuit = QuantumCircuit(1, global_phase=X[1])
    circuit.rx(X[0], 0)
    with pytest.raises(ValueError, match=r"features lists x\[1\], which the circuit lacks"):
        from_qiskit(circuit, [X[0], X[1]])


def refused(circuit, message):
    with pytest.raises(ValueError, match=message):
        from_qiskit(circuit, [])


def test_measurement_before_the_end():
    circuit = QuantumCircuit(2, 1)
    circuit.measure(1, 0)
    circuit.cx(0, 1)
    refused(circuit, r"expected measurements at the end .*, got cx after a measurement of qubit q")


def test_reset():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.reset(0)
    refused(circuit, r"expected gates, .*; got reset on q\(0\), which has neither a definition")


def test_control_flow():
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(1))
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    refused(circuit, "expected no classical control, got one of if_else")
    loop = QuantumCircuit(1)
    with loop.for_loop(range(2)):
        loop.x(0)
    refused(loop, r"got for_loop on q\(0\), which has neither")


def test_a_gate_without_definition():
    circuit = QuantumCircuit(2)
    circuit.append(Gate("oracle", 2, [0.3]), [1, 0])
    refused(circuit, r"got oracle on q\(1\), q\(0\), which has neither a definition nor a numeric")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit", None)
    with pytest.raises(ImportError, match=r'qiskit, which is missing: pip install "qkernels\[int'):
        from_qiskit(None, [])


def test_a_parameter_by_any_name():
    names = ["lambda", "S", "pi", "x 1", r"$\theta_{0}$"]
    circuit = QuantumCircuit(1)
    parameters = [Parameter(name) for name in names]
    for parameter in parameters:
        circuit.rx(parameter * 2, 0)
        circuit.rz(parameter, 0)
    points = np.random.default_rng(0).uniform(-1, 1, (2, 5))
    assert_same_states(circuit, parameters, [], points)
