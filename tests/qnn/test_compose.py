"""`compose`: a feature map, then an ansatz on its qubits, once or again with new weights."""

import re

import cirq
import numpy as np
import pytest
import sympy

import qkernels as qk
from qkernels.qnn import compose

a, b = cirq.GridQubit.rect(1, 2)
x, t = sympy.symbols("x t")
ON_A_GRID = qk.FeatureMap(cirq.Circuit(cirq.rx(x)(a), cirq.ry(t)(b)), ["x"], ["t"])


def layer(n_qubits):
    """Return an ansatz whose first qubit turns twice as fast as its second."""
    w = sympy.symbols(f"w0:{n_qubits}")
    qubits = cirq.LineQubit.range(n_qubits)
    turns = [cirq.ry(2 * w[0] if q == qubits[0] else v)(q) for v, q in zip(w, qubits, strict=True)]
    return qk.FeatureMap(cirq.Circuit(turns, cirq.CNOT(qubits[0], qubits[1])), [], w)


def test_without_ansatz_it_is_the_feature_map():
    assert compose(ON_A_GRID) == ON_A_GRID


def test_an_ansatz_of_the_number_of_qubits_is_laid_on_the_qubits_in_order():
    w0, w1 = sympy.symbols("w0 w1")
    expected = cirq.Circuit(
        cirq.rx(x)(a), cirq.ry(t)(b), cirq.ry(2 * w0)(a), cirq.ry(w1)(b), cirq.CNOT(a, b)
    )
    found = compose(ON_A_GRID, layer)
    assert found == qk.FeatureMap(expected, ["x"], ["t", "w0", "w1"])


def test_an_ansatz_as_a_map_stays_on_its_qubits():
    ansatz = qk.FeatureMap(cirq.Circuit(cirq.rz(x)(a)), [], ["x"])
    with pytest.raises(ValueError, match="expected an ansatz with symbols of its own, got x, whi"):
        compose(ON_A_GRID, ansatz)
    ansatz = qk.FeatureMap(cirq.Circuit(cirq.rz(sympy.Symbol("s"))(b)), [], ["s"])
    found = compose(ON_A_GRID, ansatz)
    assert [s.name for s in found.parameter_symbols] == ["t", "s"]
    assert found.circuit == cirq.FrozenCircuit(
        cirq.rx(x)(a), cirq.ry(t)(b), cirq.rz(sympy.Symbol("s"))(b)
    )


def test_symbols_that_are_taken_get_other_names():
    once = compose(qk.feature_maps.angle(2), qk.ansatze.hardware_efficient)
    twice = compose(once, qk.ansatze.two_local)
    assert twice.n_parameters == 4 + 8
    assert [s.name for s in twice.parameter_symbols[3:6]] == ["w3", "w0_1", "w1_1"]
    again = compose(compose(once, repetitions=2), repetitions=2)
    assert again.n_parameters == 16
    names = [s.name for s in again.parameter_symbols]
    assert names[4:6] == ["w0_1", "w1_1"]
    assert names[8:10] + names[12:14] == ["w0_2", "w1_2", "w0_1_2", "w1_1_2"]


def test_each_upload_has_weights_of_its_own():
    found = compose(ON_A_GRID, layer, repetitions=3)
    names = ["t", "w0", "w1", "t_1", "w0_1", "w1_1", "t_2", "w0_2", "w1_2"]
    assert [s.name for s in found.parameter_symbols] == names
    assert [s.name for s in found.feature_symbols] == ["x"]

    def upload(values):
        return compose(ON_A_GRID, layer).resolve([0.3], values)

    weights = np.arange(1.0, 10.0)
    expected = upload(weights[:3]) + upload(weights[3:6]) + upload(weights[6:])
    np.testing.assert_allclose(
        cirq.unitary(found.resolve([0.3], weights)), cirq.unitary(expected), atol=1e-7
    )


def test_uploads_of_a_map_with_subcircuits():
    inner = cirq.CircuitOperation(cirq.FrozenCircuit(cirq.rx(x * t)(a)), repetitions=2)
    found = compose(qk.FeatureMap(cirq.Circuit(inner), ["x"], ["t"]), repetitions=2)
    assert [s.name for s in found.parameter_symbols] == ["t", "t_1"]
    expected = cirq.unitary(cirq.rx(2 * 0.5 * (0.2 + 0.7)))
    np.testing.assert_allclose(cirq.unitary(found.resolve([0.5], [0.2, 0.7])), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("ansatz", "error", "message"),
    [
        (3, TypeError, "ansatz: expected None, a FeatureMap without features, or a function"),
        (lambda n: None, TypeError, "expected ansatz(2) to return a FeatureMap, got None"),
        (ON_A_GRID, ValueError, "expected an ansatz without features, got one of 1: x"),
        (lambda n: layer(3), ValueError, "expected ansatz(2) to act on 2 qubits, got 3"),
        (layer(2), ValueError, "expected an ansatz on some of the feature map's qubits"),
    ],
)
def test_bad_ansatz(ansatz, error, message):
    with pytest.raises(error, match=re.escape(message)):
        compose(ON_A_GRID, ansatz)


def test_bad_feature_map_and_repetitions():
    with pytest.raises(TypeError, match="feature_map: expected a FeatureMap, got <function zz"):
        compose(qk.feature_maps.zz)
    with pytest.raises(ValueError, match="expected repetitions to be an integer of at least 1"):
        compose(ON_A_GRID, repetitions=0)


def test_the_same_arguments_give_the_same_object():
    """What is compiled is found by it."""
    angle, ansatz = qk.feature_maps.angle, qk.ansatze.hardware_efficient
    assert compose(angle(2), ansatz) is compose(angle(2), ansatz)
    assert compose(angle(2), ansatz(2)) is compose(angle(2), ansatz(2))
    assert compose(angle(2), ansatz) is not compose(angle(2), ansatz, repetitions=2)
