"""`qkernels.sampling.circuits`: what the measured circuits say, exactly, against state vectors."""

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from qkernels.feature_maps import FeatureMap, hardware_efficient, zz
from qkernels.sampling.circuits import (
    bell_circuit,
    inversion_circuit,
    second_copy,
    tomography_circuit,
    turns,
)
from qkernels.sampling.readings import BellReading
from tests.random_circuits import GATES, feature_maps, points
from tests.sampling.outcomes import bits, probabilities

MAPS = st.sampled_from(list(GATES)).flatmap(lambda gate: feature_maps(gate, 3, 6))
# Circuits shrink slowly.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
PAIRS = np.array([[0, 0], [0, 1], [1, 2], [2, 0]])


def angles_and_states(feature_map, seed):
    X, parameters = points(feature_map, 3, seed)
    inputs = feature_map.encode(X)
    parameters = parameters if feature_map.n_parameters else None
    psi = [state(feature_map, x, parameters) for x in X]
    return feature_map.angles(inputs, parameters), np.array(psi)


def state(feature_map, x, parameters=None):
    simulator = cirq.Simulator(dtype=np.complex128)
    circuit = feature_map.resolve(x, parameters)
    return simulator.simulate(circuit, qubit_order=feature_map.qubits).final_state_vector


def fidelities(psi):
    return np.abs(np.sum(psi[PAIRS[:, 0]].conj() * psi[PAIRS[:, 1]], axis=1)) ** 2


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(MAPS, st.integers(0, 2**32 - 1))
def test_inversion_measures_fidelities_of_any_circuit(feature_map, seed):
    angles, psi = angles_and_states(feature_map, seed)
    measured = inversion_circuit(feature_map)
    values = measured.values(angles[PAIRS[:, 0]], angles[PAIRS[:, 1]])
    zeros = probabilities(measured.program, values)[:, 0]
    np.testing.assert_allclose(zeros, fidelities(psi), atol=1e-10)


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(MAPS, st.integers(0, 2**32 - 1))
def test_bell_measurements_give_fidelities_of_any_circuit(feature_map, seed):
    angles, psi = angles_and_states(feature_map, seed)
    measured = bell_circuit(feature_map)
    values = measured.values(angles[PAIRS[:, 0]], angles[PAIRS[:, 1]])
    signs = BellReading(feature_map.n_qubits).values(bits(measured.program.n_bits))[:, 0]
    found = probabilities(measured.program, values) @ signs
    np.testing.assert_allclose(found, fidelities(psi), atol=1e-10)


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(MAPS, st.integers(0, 2**32 - 1))
def test_tomography_measures_each_qubit_in_its_setting(feature_map, seed):
    angles, psi = angles_and_states(feature_map, seed)
    n = feature_map.n_qubits
    setting = np.random.default_rng(seed).integers(0, 3, n)
    measured = tomography_circuit(feature_map)
    values = measured.values(angles, np.tile(turns(setting[np.newaxis]), (len(angles), 1)))
    chances = probabilities(measured.program, values)
    for place, letter in enumerate(setting):
        pauli = cirq.unitary([cirq.X, cirq.Y, cirq.Z][letter])
        tensor = np.moveaxis(psi.reshape(-1, *[2] * n), 1 + place, -1).reshape(len(psi), -1, 2)
        expected = np.einsum("ija,ab,ijb->i", tensor.conj(), pauli, tensor).real
        found = chances @ (1 - 2.0 * bits(n)[:, place])
        np.testing.assert_allclose(found, expected, atol=1e-10)


def test_inverses_of_clifford_gates_under_controls():
    q = cirq.LineQubit.range(2)
    x = sympy.Symbol("x")
    for gate in cirq.SingleQubitCliffordGate.all_single_qubit_cliffords:
        circuit = cirq.Circuit(cirq.H.on_each(*q), cirq.rx(x)(q[0]), gate(q[1]).controlled_by(q[0]))
        feature_map = FeatureMap(circuit, ["x"])
        measured = inversion_circuit(feature_map)
        angles = feature_map.angles(np.array([[0.4]]))
        chances = probabilities(measured.program, measured.values(angles, angles))
        assert chances[0, 0] == pytest.approx(1, abs=1e-7), gate


def test_one_circuit_serves_all_points_and_the_diagonal():
    feature_map = zz(3)
    measured = inversion_circuit(feature_map)
    assert measured is inversion_circuit(feature_map)
    depths = {
        len(cirq.resolve_parameters(measured.program.circuit, resolver))
        for resolver in measured.program.sweep(measured.values(*np.zeros((2, 4, 6))))
    }
    assert depths == {len(measured.program.circuit)}
    # U(x)† U(x) is measured through both halves: no gate has melted away.
    n_gates = sum(1 for _ in feature_map.circuit.all_operations())
    assert sum(1 for _ in measured.program.circuit.all_operations()) == 2 * n_gates + 1


def test_parameters_do_not_change_the_circuit():
    feature_map = hardware_efficient(2, layers=1)
    assert not cirq.parameter_names(inversion_circuit(feature_map).program.circuit) & {
        s.name for s in feature_map.parameter_symbols + feature_map.feature_symbols
    }


def test_symbols_of_users_with_private_names_are_left_apart():
    q = cirq.LineQubit(0)
    names = ["qk_x0", "qk_y1", "angle0", "theta0"]
    gates = [cirq.rx, cirq.ry, cirq.rz, cirq.rx]
    circuit = cirq.Circuit(g(sympy.Symbol(n))(q) for g, n in zip(gates, names, strict=True))
    plain = cirq.Circuit(g(x)(q) for g, x in zip(gates, sympy.symbols("a b c d"), strict=True))
    programs = [
        inversion_circuit(FeatureMap(circuit, names)).program,
        inversion_circuit(FeatureMap(plain, ["a", "b", "c", "d"])).program,
    ]
    assert programs[0].key == programs[1].key


def test_symbolic_phases_under_controls():
    q = cirq.LineQubit.range(2)
    x = sympy.Symbol("x")
    phase = cirq.GlobalPhaseGate(sympy.exp(sympy.I * x))
    feature_map = FeatureMap(
        cirq.Circuit(
            cirq.H.on_each(*q),
            phase(),
            cirq.ControlledOperation(q, phase(), control_values=[0, 1]),
            cirq.ControlledOperation(q[:1], phase(), control_values=[0]),
        ),
        ["x"],
    )
    angles = feature_map.angles(np.array([[0.3], [1.1]]))
    measured = inversion_circuit(feature_map)
    psi = [state(feature_map, [x]) for x in (0.3, 1.1)]
    found = probabilities(measured.program, measured.values(angles[:1], angles[1:]))[0, 0]
    assert found == pytest.approx(abs(np.vdot(psi[0], psi[1])) ** 2, abs=1e-12)
    gates = {type(op.gate) for op in measured.program.circuit.all_operations()}
    assert cirq.GlobalPhaseGate not in gates


def test_noise_has_no_inverse_but_two_copies():
    q = cirq.LineQubit(0)
    circuit = cirq.Circuit(cirq.rx(sympy.Symbol("x"))(q), cirq.depolarize(0.3)(q))
    feature_map = FeatureMap(circuit, ["x"])
    with pytest.raises(ValueError, match=r"runs the circuit backwards, but .* has no inverse"):
        inversion_circuit(feature_map)
    measured = bell_circuit(feature_map)
    angles = feature_map.angles(np.array([[0.3], [1.1]]))
    chances = probabilities(measured.program, measured.values(angles[:1], angles[1:]))
    rho, sigma = (
        cirq.final_density_matrix(feature_map.resolve([x]), dtype=np.complex128) for x in (0.3, 1.1)
    )
    assert chances[0] @ [1, 1, 1, -1] == pytest.approx(np.trace(rho @ sigma).real, abs=1e-12)


@pytest.mark.parametrize(
    "qubits",
    [
        cirq.LineQubit.range(3),
        cirq.GridQubit.rect(2, 3),
        [cirq.LineQubit(5), cirq.LineQubit(-2)],
        [cirq.NamedQubit("a"), cirq.LineQubit(3)],
    ],
)
def test_a_second_copy_is_elsewhere(qubits):
    qubits = tuple(sorted(qubits))
    copies = second_copy(qubits)
    assert len(set(copies) | set(qubits)) == 2 * len(qubits)
    assert [type(a) for a in copies[:1]] in ([type(qubits[0])], [cirq.NamedQubit])
