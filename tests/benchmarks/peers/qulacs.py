"""qulacs: a loop over points with one circuit whose angles are replaced, then one matrix product.

Of the forms tried this one was the fastest: for the ZZ map CNOT·RZ·CNOT beat Pauli rotations and
two-qubit diagonal gates; for the layered circuit one U3 a qubit beat RY followed by RZ. Python
threads do not help, as qulacs keeps the interpreter's lock. Its own threads start at about 14
qubits and cost more than they bring on a machine that is not quiet, so that it is timed with all
threads and with one; the matrix product has all of them in both cases. The third peer goes further
than the package does by itself: it multiplies all the phases of a layer in NumPy.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from ..works import LAYERS, Work, layer_angles, pair_angles, pairs, ring
from .base import Job, Peer, fidelities, projected_gram, state_block

ONE_THREAD = MappingProxyType({"QULACS_NUM_THREADS": "1"})


class Qulacs(Peer):
    """The circuit as it is written."""

    key = "qulacs"
    label = "qulacs + NumPy"
    package = "qulacs"
    distribution = "qulacs"
    tasks = ("gram", "states", "projected")

    def prepare(self, work: Work) -> Job:
        """Build the circuit once."""
        make = {"zz": _zz_loop, "layered": _layered_loop}[work.feature_map]
        return _job(work.task, make(work.n_qubits))


class QulacsOneThread(Qulacs):
    """The same without qulacs' own threads."""

    key = "qulacs-1"
    label = "qulacs on 1 thread + NumPy"
    variables = ONE_THREAD


class QulacsMerged(Peer):
    """All phases between two layers of Hadamards as one array, made by hand."""

    key = "qulacs-merged"
    label = "qulacs, phases by hand"
    package = "qulacs"
    distribution = "qulacs"
    tasks = ("gram", "projected")
    feature_maps = ("zz",)
    by_hand = True
    variables = ONE_THREAD
    note = "the user multiplies the map's phases in NumPy; qulacs applies the Hadamards"

    def prepare(self, work: Work) -> Job:
        """Tabulate which phases act on which amplitude."""
        return _job(work.task, _merged_loop(work.n_qubits))


def _job(task, states):
    if task == "states":
        return Job(run=states, block=state_block)
    finish = projected_gram if task == "projected" else fidelities
    return Job(run=lambda X: finish(states(X)))


def _zz_loop(n):
    from qulacs import ParametricQuantumCircuit, QuantumState

    circuit = ParametricQuantumCircuit(n)
    for _ in range(2):
        for q in range(n):
            circuit.add_H_gate(q)
        for q in range(n):
            circuit.add_parametric_RZ_gate(q, 0.0)
        for i, j in pairs(n):
            circuit.add_CNOT_gate(i, j)
            circuit.add_parametric_RZ_gate(j, 0.0)
            circuit.add_CNOT_gate(i, j)

    def states(X):
        # qulacs turns the other way round, hence the sign.
        angles = -np.concatenate([2 * X, pair_angles(X)] * 2, axis=1)
        psi = np.empty((len(X), 2**n), complex)
        state = QuantumState(n)
        for row, values in enumerate(angles.tolist()):
            for index, value in enumerate(values):
                circuit.set_parameter(index, value)
            state.set_zero_state()
            circuit.update_quantum_state(state)
            psi[row] = state.get_vector()
        return psi

    return states


def _layered_loop(n):
    from qulacs import QuantumCircuit, QuantumState
    from qulacs.gate import U3

    entangler = QuantumCircuit(n)
    for i, j in ring(n):
        entangler.add_CZ_gate(i, j)

    def states(X):
        angles = layer_angles(X).tolist()
        psi = np.empty((len(X), 2**n), complex)
        state = QuantumState(n)
        for row in range(len(X)):
            state.set_zero_state()
            for layer in range(LAYERS):
                for q, (y, z) in enumerate(angles[row][layer]):
                    U3(q, y, z, 0.0).update_quantum_state(state)
                entangler.update_quantum_state(state)
            psi[row] = state.get_vector()
        return psi

    return states


def _merged_loop(n):
    from qulacs import QuantumCircuit, QuantumState

    bits = np.arange(2**n) >> np.arange(n)[:, None] & 1
    first, second = np.triu_indices(n, 1)
    terms = np.concatenate([bits, bits[first] ^ bits[second]]).astype(float)
    hadamards = QuantumCircuit(n)
    for q in range(n):
        hadamards.add_H_gate(q)
    block = max(1, 2**20 // 2**n)

    def states(X):
        angles = np.concatenate([2 * X, pair_angles(X)], axis=1)
        psi = np.empty((len(X), 2**n), complex)
        state = QuantumState(n)
        for start in range(0, len(X), block):
            phases = angles[start : start + block] @ terms
            factors = np.empty(phases.shape, complex)
            np.cos(phases, out=factors.real)
            np.sin(phases, out=factors.imag)
            for row, factor in enumerate(factors, start):
                state.load(factor * 2 ** (-n / 2))
                hadamards.update_quantum_state(state)
                np.multiply(state.get_vector(), factor, out=psi[row])
        return psi

    return states
