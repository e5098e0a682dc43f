"""`qkernels.sampling.target` for IonQ: what the service's serializer takes, to the same effect."""

import cirq
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.feature_maps import hardware_efficient, zz
from qkernels.sampling.target import Target
from tests.random_circuits import GATES, feature_maps, points
from tests.sampling.target_circuits import at, inversion, names, probabilities, resolved

cirq_ionq = pytest.importorskip("cirq_ionq")

TARGET = Target(cirq_ionq.IonQTargetGateset(), qubits=cirq.LineQubit.range(5))
# What IonQ's own names of gates mean, by their unitaries.
QIS = {
    "x": cirq.X,
    "y": cirq.Y,
    "z": cirq.Z,
    "h": cirq.H,
    "s": cirq.S,
    "si": cirq.S**-1,
    "t": cirq.T,
    "ti": cirq.T**-1,
    "v": cirq.X**0.5,
    "vi": cirq.X**-0.5,
    "swap": cirq.SWAP,
}
ROTATIONS = {"rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz}
PARITIES = {"xx": cirq.XX, "yy": cirq.YY, "zz": cirq.ZZ}


def gate_of(instruction):
    """Return the operation that an instruction to IonQ stands for."""
    name = instruction["gate"]
    if name == "cnot":
        return cirq.CNOT(*map(cirq.LineQubit, (instruction["control"], instruction["target"])))
    qubits = map(cirq.LineQubit, instruction["targets"])
    if name in ROTATIONS:
        return ROTATIONS[name](instruction["rotation"])(*qubits)
    if name in PARITIES:
        return (PARITIES[name] ** (instruction["rotation"] / np.pi))(*qubits)
    return QIS[name](*qubits)


def check_serialized(circuit, expected):
    """Compare the probabilities of what is sent with the expected ones."""
    program = cirq_ionq.Serializer().serialize_single_circuit(circuit)
    gates = [gate_of(instruction) for instruction in program.input["circuit"]]
    sent = cirq.Circuit(gates, cirq.Moment(circuit[-1]))
    np.testing.assert_allclose(probabilities(sent), expected, atol=1e-7)


@pytest.mark.parametrize(
    "feature_map",
    [zz(4), zz(3, entanglement="linear"), hardware_efficient(4)],
    ids=["zz", "zz, linear", "hardware-efficient"],
)
@pytest.mark.parametrize("decoupling", [False, True], ids=["", "decoupled"])
def test_inversion(feature_map, decoupling):
    circuit = inversion(feature_map)
    target = Target(TARGET.gateset, qubits=feature_map.qubits, dynamical_decoupling=decoupling)
    compiled, symbols = target.compile(circuit), names(circuit)
    random = np.random.default_rng(3).uniform(-4, 4, len(symbols))
    for values in (at(symbols, random), at(symbols, 0.5), at(symbols, 0.0)):
        check_serialized(resolved(compiled, values), probabilities(resolved(circuit, values)))


@pytest.mark.parametrize("gate_type", GATES, ids=lambda gate_type: gate_type.__name__)
@settings(max_examples=2)
@given(data=st.data())
def test_any_gates(gate_type, data):
    feature_map = data.draw(feature_maps(gate_type, max_qubits=3, max_operations=3))
    measurement = cirq.Moment(cirq.measure(*feature_map.qubits, key="m"))
    compiled = TARGET.compile(feature_map.circuit + measurement)
    (inputs,), parameters = points(feature_map, 1, seed=2)
    symbols = [s.name for s in feature_map.feature_symbols + feature_map.parameter_symbols]
    for scale in (1.0, 0.0):
        original = feature_map.resolve(scale * inputs, scale * parameters) + measurement
        values = at(symbols, scale * np.concatenate([inputs, parameters]))
        check_serialized(resolved(compiled, values), probabilities(original))
