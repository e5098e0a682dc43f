"""Functions and operations of PennyLane that symbols do not suit, and the names of symbols."""

import cirq
import numpy as np
import pytest

from qkernels.interop import from_pennylane

qml = pytest.importorskip("pennylane")


# -- Operations whose numbers have to be known


def rotation_matrix(x):
    return np.array([[np.cos(x), -np.sin(x)], [np.sin(x), np.cos(x)]])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: qml.QubitUnitary(rotation_matrix(x[0]), wires=0), "QubitUnitary"),
        (lambda x: qml.ControlledQubitUnitary(rotation_matrix(x[0]), [1, 0]), "QubitUnitary"),
        (lambda x: qml.DiagonalQubitUnitary([1, x[0]], wires=0), "DiagonalQubitUnitary"),
        (lambda x: qml.SelectPauliRot(x, control_wires=[0], target_wire=1), "SelectPauliRot"),
        (lambda x: qml.StatePrep(x, wires=[0]), "StatePrep"),
    ],
)
def test_operations_that_take_no_symbols(function, name):
    message = f"expected gates, .*; got {name} on the wires .*, which has neither a decomposition"
    with pytest.raises(ValueError, match=message):
        from_pennylane(function, 2)


def test_matrices_of_numbers_in_a_list_are_gates():
    def function(x):
        qml.RX(x[0], wires=0)
        qml.QubitUnitary([[0, 1], [1, 0]], wires=0)

    last = list(from_pennylane(function, 1).circuit.all_operations())[-1]
    np.testing.assert_allclose(cirq.unitary(last), cirq.unitary(cirq.X))


# -- Arguments


@qml.qnode(qml.device("default.qubit", wires=2))
def node(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(2))
    qml.BasicEntanglerLayers(weights.reshape(1, 2), wires=range(2))
    return qml.expval(qml.PauliZ(0))


def keyword_only(x, *, t):
    qml.RX(x[0] * t, wires=0)


@pytest.mark.parametrize(
    ("function", "n_parameters", "message"),
    [
        (
            lambda a, b: qml.RX(a[0], 0),
            0,
            r"expected a function of the features only, as n_parameters is 0; got the arguments "
            r"\(a, b\): missing a required argument: 'b'",
        ),
        (node, 0, r"got the arguments \(inputs, weights\): missing a required .*'weights'"),
        (
            lambda x: qml.RX(x[0], 0),
            3,
            r"expected a function of the features and the weights; got the arguments \(x\): too m",
        ),
        (keyword_only, 1, "expected a function of the features and the weights; .*too many"),
        (
            lambda x: qml.Rot(x[0], wires=0),
            0,
            "expected a function that can be called with symbols, got the error: Rot.__init__.. m",
        ),
    ],
)
def test_functions_of_other_arguments(function, n_parameters, message):
    with pytest.raises(TypeError, match=message):
        from_pennylane(function, 2, n_parameters)


def test_defaults_are_left_alone():
    def function(x, scale=2.0):
        qml.RX(scale * x[0], wires=0)

    expected = from_pennylane(lambda x: qml.RX(2.0 * x[0], wires=0), 1)
    assert from_pennylane(function, 1) == expected


@pytest.mark.parametrize(
    ("wires", "got"), [(3, "3 of type int"), ({0, 1}, "{0, 1} of type set"), (0.5, "0.5 of type f")]
)
def test_wires_that_are_no_sequence(wires, got):
    with pytest.raises(TypeError, match=f"expected wires to be a sequence of wires, got {got}"):
        from_pennylane(lambda x: qml.RX(x[0], 0), 1, wires=wires)


def test_the_place_of_a_wire_on_a_device_is_its_qubit():
    @qml.qnode(qml.device("default.qubit", wires=[1, 2]))
    def shifted(x):
        qml.RX(x[0], wires=1)
        qml.CNOT([1, 2])

    a, b = cirq.LineQubit.range(2)
    feature_map = from_pennylane(shifted, 1)
    (symbol,) = feature_map.feature_symbols
    assert feature_map.circuit == cirq.FrozenCircuit(cirq.rx(symbol)(a), cirq.CNOT(a, b))


# -- Names


def test_weights_of_an_ansatz_and_of_a_map_have_other_names():
    def ansatz(x, t):
        qml.BasicEntanglerLayers(t.reshape(1, 2), wires=range(2))

    def embedding(x, t):
        qml.AngleEmbedding(x, wires=range(2))
        qml.RY(t[0], wires=0)

    of_ansatz = from_pennylane(ansatz, 0, 2).parameter_symbols
    of_map = from_pennylane(embedding, 2, 1).parameter_symbols
    assert [s.name for s in of_ansatz] == ["w0", "w1"]
    assert [s.name for s in of_map] == ["theta0"]
