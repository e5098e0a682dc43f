"""Exact outcome probabilities of a program at each of its points, by Cirq's simulator."""

from __future__ import annotations

import cirq
import numpy as np

from qkernels.sampling.programs import Program


def probabilities(program: Program, values: np.ndarray) -> np.ndarray:
    """Return the chance of each outcome, (n_points, 2^n_bits), the first bit most significant."""
    return np.array([_at(program, row) for row in values])


def _at(program: Program, values: np.ndarray) -> np.ndarray:
    resolver = dict(zip(program.symbols, values.tolist(), strict=True))
    circuit = cirq.resolve_parameters(program.circuit, resolver)
    assert not cirq.is_parameterized(circuit)
    unmeasured = cirq.drop_terminal_measurements(circuit)
    others = sorted(set(circuit.all_qubits()) - set(program.qubits))
    order = [*program.qubits, *others]
    if cirq.has_unitary(unmeasured):
        simulator = cirq.Simulator(dtype=np.complex128)
        chances = np.abs(simulator.simulate(unmeasured, qubit_order=order).final_state_vector) ** 2
    else:
        noisy = cirq.DensityMatrixSimulator(dtype=np.complex128)
        found = noisy.simulate(unmeasured, qubit_order=order).final_density_matrix
        chances = np.real(np.diag(found))
    return chances.reshape(2**program.n_bits, -1).sum(axis=1)


def bits(n_bits: int) -> np.ndarray:
    """Return all outcomes in order, (2^n_bits, n_bits), bool."""
    return (np.arange(2**n_bits)[:, None] >> np.arange(n_bits)[::-1] & 1).astype(bool)
