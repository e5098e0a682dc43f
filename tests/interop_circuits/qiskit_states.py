"""Circuits in Qiskit with symbols, and their states as Qiskit computes them."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import Statevector

X = ParameterVector("x", 3)
T = ParameterVector("t", 2)
# Odd expressions, so that no two angles are alike.
ANGLES = [X[0] + 0.3, X[1] * T[0] - 1, (X[2] / 2).sin() * 3, T[1].exp() - X[0] ** 2]
POINTS = np.random.default_rng(5).uniform(-1, 1, (3, 3))
WEIGHTS = np.array([0.7, -0.4])


def states_of(circuit, features, parameters=(), points=POINTS, weights=WEIGHTS):
    """Return Qiskit's states at points, with the first qubit most significant."""
    trained = dict(zip(parameters, weights, strict=True)) if len(parameters) else {}
    bound = [
        circuit.assign_parameters({**dict(zip(features, p, strict=True)), **trained})
        for p in points
    ]
    n = circuit.num_qubits
    axes = tuple(range(n))[::-1]
    tensors = (Statevector(c).data.reshape((2,) * n).transpose(axes) for c in bound)
    return np.array([tensor.reshape(-1) for tensor in tensors])


def generic(n, *, with_all_symbols=True):
    """Return a circuit in whose state every phase counts."""
    circuit = QuantumCircuit(n)
    angles = np.random.default_rng(n).uniform(0.2, 2.5, (n, 3))
    for qubit in range(n):
        circuit.u(*angles[qubit], qubit)
    for qubit in range(n - 1):
        circuit.cx(qubit, qubit + 1)
        circuit.ry(0.3 + qubit, qubit)
    if with_all_symbols:
        circuit.ry(sum(X) + sum(T), 0)
    return circuit
