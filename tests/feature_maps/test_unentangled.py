"""Maps without entanglement: product states of the gates on one qubit, nothing else."""

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import qkernels as qk
from qkernels.feature_maps import FeatureMap, without_entanglement
from tests.random_circuits import GATES, feature_maps

MAPS = [
    qk.feature_maps.zz(3),
    qk.feature_maps.iqp(3),
    qk.feature_maps.hardware_efficient(3),
    qk.feature_maps.covariant([(0, 1), (1, 2)]),
]


def product_fidelity(feature_map, x, y, parameters):
    """Return the product of each qubit's own fidelity, gate by gate."""
    fidelity = 1.0
    for qubit in feature_map.qubits:
        states = []
        for point in (x, y):
            state = np.array([1.0, 0.0])
            for op in feature_map.resolve(point, parameters).all_operations():
                if op.qubits == (qubit,):
                    state = cirq.unitary(op) @ state
            states.append(state)
        fidelity *= abs(np.vdot(*states)) ** 2
    return fidelity


@pytest.mark.parametrize("feature_map", MAPS, ids=lambda m: m.name)
def test_fidelities_are_products(feature_map):
    random = np.random.default_rng(0)
    X = random.uniform(size=(3, feature_map.n_features))
    values = random.uniform(size=feature_map.n_parameters)
    left = without_entanglement(feature_map)
    K = qk.FidelityKernel(left, parameters=values[: left.n_parameters] if len(values) else None)(X)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        expected = product_fidelity(feature_map, X[i], X[j], values if len(values) else None)
        assert K[i, j] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from(sorted(GATES, key=str)))
def test_only_gates_on_one_qubit_are_left(data, gate_type):
    feature_map = data.draw(feature_maps(gate_type))
    left = without_entanglement(feature_map)
    assert left.qubits == feature_map.qubits
    assert left.feature_symbols == feature_map.feature_symbols
    assert set(left.parameter_symbols) <= set(feature_map.parameter_symbols)
    assert all(len(op.qubits) < 2 for op in left.circuit.all_operations())


def test_parameters_of_entangling_gates_go_with_them():
    x, s, t = sympy.symbols("x s t")
    a, b, c = cirq.LineQubit.range(3)
    circuit = cirq.Circuit(cirq.rx(x * t)(a), cirq.CZ(a, b) ** s, cirq.CNOT(b, c))
    left = without_entanglement(FeatureMap(circuit, [x], [s, t]))
    assert left.parameter_symbols == (t,)
    assert left.qubits == (a, b, c)


def test_subcircuits_are_looked_into():
    a, b = cirq.LineQubit.range(2)
    inner = cirq.FrozenCircuit(cirq.rx(sympy.Symbol("x"))(a), cirq.CZ(a, b))
    left = without_entanglement(FeatureMap(cirq.Circuit(cirq.CircuitOperation(inner)), ["x"]))
    assert len(list(left.circuit.all_operations())) == 2
    assert qk.FidelityKernel(left)([[0.0], [np.pi]])[0, 1] == pytest.approx(0, abs=1e-12)
