"""Feature maps and points that the tests of evaluators share."""

from __future__ import annotations

from collections.abc import Sequence

import cirq
import numpy as np
import sympy

from qkernels import FeatureMap
from qkernels.compilation import compile_feature_map
from qkernels.evaluators.observables import factors, read_words

x = sympy.symbols("x0:3")
t = sympy.symbols("t0:2")


def entangled(n_qubits: int = 3) -> FeatureMap:
    """Return a connected map of three features and two parameters."""
    q = cirq.LineQubit.range(n_qubits)
    return FeatureMap(
        cirq.Circuit(
            [cirq.rx(x[i % 3] + 0.1 * i)(q[i]) for i in range(n_qubits)],
            [cirq.CZ(q[i], q[i + 1]) ** (t[0] * x[i % 3]) for i in range(n_qubits - 1)],
            [cirq.ry(t[1] * x[(i + 1) % 3])(q[i]) for i in range(n_qubits)],
        ),
        x,
        t,
    )


def layered(n_qubits: int = 3) -> FeatureMap:
    """Return a connected map with layers of parameters at the start, within and at the end."""
    q = cirq.LineQubit.range(n_qubits)
    ladder = [cirq.CNOT(q[i], q[i + 1]) for i in range(n_qubits - 1)]
    return FeatureMap(
        cirq.Circuit(
            [cirq.ry(t[0] + 0.2 * i)(q[i]) for i in range(n_qubits)],
            [cirq.ZZ(q[i], q[i + 1]) ** (t[0] * t[1]) for i in range(n_qubits - 1)],
            [cirq.rx(x[i % 3])(q[i]) for i in range(n_qubits)],
            ladder,
            [cirq.rz(t[1] * x[i % 3] + x[0] ** 2)(q[i]) for i in range(n_qubits)],
            [cirq.ry(t[1])(q[i]) for i in range(n_qubits)],
            ladder,
            [cirq.ry(x[i % 3] + t[0])(q[i]) for i in range(n_qubits)],
            [cirq.CZ(q[i], q[i + 1]) ** t[0] for i in range(n_qubits - 1)],
            [cirq.rx(t[1])(q[i]) for i in range(n_qubits)],
        ),
        x,
        t,
    )


def unconnected(n_parts: int = 3, width: int = 4) -> FeatureMap:
    """Return a map of unconnected parts, too large for two of them to share a register."""
    whole = layered(n_parts * width)
    own = [
        operation
        for operation in whole.circuit.all_operations()
        if len({q.x // width for q in operation.qubits}) == 1
    ]
    return FeatureMap(cirq.Circuit(own), x, t)


def product(n_features: int) -> FeatureMap:
    """Return a map of as many unconnected qubits as features."""

    def circuit(x: np.ndarray) -> cirq.Circuit:
        qubits = cirq.LineQubit.range(n_features)
        turns = [(cirq.rx(a)(q), cirq.rz(a / 2)(q)) for a, q in zip(x, qubits, strict=True)]
        return cirq.Circuit(turns, cirq.ry(0.3).on_each(*qubits))

    return FeatureMap.from_function(circuit, n_features)


def n_registers(
    feature_map: FeatureMap, observables: Sequence[cirq.PauliString] | None = None
) -> int:
    """Return how many registers are simulated for fidelities, or for some observables."""
    compiled = compile_feature_map(feature_map)
    if observables is None:
        return len(compiled.overlap_components)
    return len(factors(compiled, read_words(feature_map.qubits, observables)))


def points(n_points: int, n_features: int = 3, seed: int = 0) -> np.ndarray:
    """Return random data."""
    return np.random.default_rng(seed).uniform(-1.5, 1.5, (n_points, n_features))


PARAMETERS = np.array([0.4, -0.7])
