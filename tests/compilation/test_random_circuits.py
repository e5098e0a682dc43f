"""Random circuits over every gate class of Cirq agree with its simulator."""

import cirq
import numba
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.compilation.agreement import assert_agrees, feature_map
from tests.random_circuits import (
    GATES,
    feature_maps,
    gates_of,
    words,
)

# Fewer where the loops are not compiled.
N_CIRCUITS = 250 if numba.config.DISABLE_JIT else 500

WITHOUT_UNITARY = {
    cirq.AmplitudeDampingChannel: cirq.amplitude_damp(0.1),
    cirq.AsymmetricDepolarizingChannel: cirq.asymmetric_depolarize(0.1, 0.1, 0.1),
    cirq.BitFlipChannel: cirq.bit_flip(0.1),
    cirq.DepolarizingChannel: cirq.depolarize(0.1),
    cirq.GeneralizedAmplitudeDampingChannel: cirq.generalized_amplitude_damp(0.1, 0.2),
    cirq.KrausChannel: cirq.KrausChannel.from_channel(cirq.bit_flip(0.1)),
    cirq.MeasurementGate: cirq.MeasurementGate(1, "m"),
    cirq.MixedUnitaryChannel: cirq.MixedUnitaryChannel.from_mixture(cirq.bit_flip(0.1)),
    cirq.PauliMeasurementGate: cirq.PauliMeasurementGate([cirq.X], "m"),
    cirq.PhaseDampingChannel: cirq.phase_damp(0.1),
    cirq.PhaseFlipChannel: cirq.phase_flip(0.1),
    cirq.RandomGateChannel: cirq.X.with_probability(0.1),
    cirq.ResetChannel: cirq.ResetChannel(),
    cirq.StatePreparationChannel: cirq.StatePreparationChannel(np.array([0.6, 0.8])),
}
DRAWN_OTHERWISE = {
    cirq.Gate: "abstract",
    cirq.EigenGate: "abstract",
    cirq.BaseDensePauliString: "abstract: drawn as DensePauliString and MutableDensePauliString",
    cirq.ControlledGate: "drawn as the control of other gates",
    cirq.GlobalPhaseGate: "drawn as an operation, with and without controls",
}


def public_gate_classes():
    found = (getattr(cirq, name) for name in dir(cirq))
    return {c for c in found if isinstance(c, type) and issubclass(c, cirq.Gate)}


def test_every_gate_class_with_a_unitary_is_drawn():
    missing = public_gate_classes() - set(GATES) - set(WITHOUT_UNITARY) - set(DRAWN_OTHERWISE)
    assert not missing


@pytest.mark.parametrize("gate_type", WITHOUT_UNITARY, ids=lambda t: t.__name__)
def test_gate_classes_that_are_not_drawn_have_no_unitary(gate_type):
    gate = WITHOUT_UNITARY[gate_type]
    assert type(gate) is gate_type
    assert not cirq.has_unitary(gate)


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits(gate_type):
    @seed(list(GATES).index(gate_type))
    @settings(max_examples=N_CIRCUITS // len(GATES) + 1)
    @given(feature_maps(gate_type), st.integers(0, 999), st.lists(words(6), max_size=4))
    def agrees(random_map, random_seed, some_words):
        assert_agrees(random_map, seed=random_seed, words=some_words)

    agrees()


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_gates_and_their_controlled_forms(gate_type):
    sizes, _ = GATES[gate_type]

    @settings(max_examples=4)
    @given(st.data())
    def agrees(data):
        gate = data.draw(gates_of(gate_type, data.draw(st.sampled_from(sizes))))
        assert isinstance(gate, gate_type)
        n = cirq.num_qubits(gate)
        qubits = cirq.LineQubit.range(n + 1)
        start = [(cirq.Y ** (0.2 + 0.1 * i))(q) for i, q in enumerate(qubits)]
        controlled = gate.on(*qubits[1:]).controlled_by(qubits[0])
        assert_agrees(feature_map(start, gate.on(*qubits[:n]), controlled), n_points=2)

    agrees()
