"""Circuits to compile for devices, and what is measured of them. Nothing is asserted here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import cirq
import numpy as np
import sympy

from qkernels.expressions import ExpressionTable
from qkernels.feature_maps import FeatureMap, zz
from qkernels.feature_maps.flattening import flatten, substitute
from qkernels.sampling.target import Target


def measured(
    *operations: cirq.OP_TREE, qubits: Sequence[cirq.Qid] = (cirq.q(0), cirq.q(1))
) -> cirq.Circuit:
    """Return operations and a measurement."""
    return cirq.Circuit(operations, cirq.Moment(cirq.measure(*qubits, key="m")))


def inversion(feature_map: FeatureMap) -> cirq.Circuit:
    """Return U(b)† U(a), measured, in symbols a0, a1, ... and b0, b1, ..."""

    def prepared(letter: str) -> cirq.FrozenCircuit:
        def rename(symbol: sympy.Symbol) -> sympy.Symbol:
            return sympy.Symbol(f"{letter}{symbol.name.removeprefix('angle')}")

        return substitute(feature_map.flattened[0], rename, rename)

    measurement = cirq.measure(*feature_map.qubits, key="m")
    return cirq.Circuit(prepared("a"), cirq.inverse(prepared("b")), measurement)


def resolved(circuit: cirq.AbstractCircuit, values: Mapping[str, float]) -> cirq.Circuit:
    """Put numbers in the place of symbols, as a program of the package does."""
    flat = flatten(circuit)
    table = ExpressionTable(tuple(values), flat.expressions)
    numbers = table.evaluate(np.array([list(values.values())]))[0].tolist()
    kept = [z if phase else z.real for z, phase in zip(numbers, flat.is_phase, strict=True)]
    found = dict(zip((s.name for s in flat.symbols), kept, strict=True))
    return cirq.resolve_parameters(flat.circuit, found).unfreeze()


def probabilities(circuit: cirq.AbstractCircuit) -> np.ndarray:
    """Return the probability of each outcome, its bits in the measurement's order."""
    (measurement,) = (op for op in circuit.all_operations() if cirq.is_measurement(op))
    others = sorted(circuit.all_qubits() - set(measurement.qubits))
    order = [*measurement.qubits, *others]
    gates = (op for op in circuit.all_operations() if not cirq.is_measurement(op))
    idle = cirq.Circuit(cirq.I.on_each(*order), gates)
    state = idle.final_state_vector(qubit_order=order, dtype=np.complex128)
    return np.sum(np.abs(state.reshape(2 ** len(measurement.qubits), -1)) ** 2, axis=1)


def names(circuit: cirq.AbstractCircuit) -> list[str]:
    """Return the names of the circuit's symbols, sorted."""
    return sorted(s.name for s in flatten(circuit).free_symbols)


def two_qubit_gates(circuit: cirq.AbstractCircuit) -> list[cirq.Operation]:
    return [
        op for op in circuit.all_operations() if len(op.qubits) == 2 and not cirq.is_measurement(op)
    ]


def line(n_qubits: int) -> cirq.Device:
    """Return a device of qubits in a row."""
    return cirq.testing.construct_grid_device(1, n_qubits)


def at(symbols: Sequence[str], value: float | Sequence[float]) -> dict[str, float]:
    """Return values of symbols."""
    return dict(zip(symbols, np.broadcast_to(value, len(symbols)).tolist(), strict=True))


def fingerprints() -> list[str]:
    """Return hashes of compiled circuits, from names and sets whose order a process may choose."""
    named = inversion(zz(4)).transform_qubits(lambda q: cirq.NamedQubit("cabd"[q.x]))
    device = cirq.testing.construct_grid_device(3, 4)
    calibration = {"readout": {q: 0.01 * (q.row + 1) for q in device.metadata.qubit_set}}
    targets = [
        Target(cirq.CZTargetGateset(), device, "best", calibration=calibration),
        Target(cirq.SqrtIswapTargetGateset(), device, dynamical_decoupling=True),
    ]
    texts = (repr(target.compile(named)) for target in targets)
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]
