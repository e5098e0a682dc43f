"""qsim through Cirq: one circuit a point, single precision being all it has.

ZZ powers, which qsim takes as matrices, were twice as fast as CNOT·Z·CNOT; building the circuit of
each point was as fast as a sweep over a symbolic one.
"""

from __future__ import annotations

import os

import numpy as np

from ..works import Work, pair_angles, pairs
from .base import Job, Peer, fidelities


class Qsim(Peer):
    """`QSimSimulator`, then one matrix product."""

    key = "qsim"
    label = "qsim + NumPy"
    package = "qsimcirq"
    distribution = "qsimcirq"
    feature_maps = ("zz",)
    tolerance = 1e-4
    note = "single precision, the only one qsim has"

    def prepare(self, work: Work) -> Job:
        """Make the simulator."""
        import cirq
        import qsimcirq

        threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        simulator = qsimcirq.QSimSimulator(qsimcirq.QSimOptions(cpu_threads=threads))
        qubits = cirq.LineQubit.range(work.n_qubits)

        def state(x, pair):
            circuit = cirq.Circuit(_zz_operations(qubits, x, pair))
            return simulator.simulate(circuit, qubit_order=qubits).final_state_vector

        def gram(X):
            turns = zip((2 * X / np.pi).tolist(), (pair_angles(X) / np.pi).tolist(), strict=True)
            return fidelities(np.array([state(x, pair) for x, pair in turns]))

        return Job(run=gram)


def _zz_operations(qubits, x, pair):
    import cirq

    for _ in range(2):
        yield cirq.H.on_each(*qubits)
        for qubit, exponent in zip(qubits, x, strict=True):
            yield cirq.ZPowGate(exponent=exponent)(qubit)
        for (i, j), exponent in zip(pairs(len(qubits)), pair, strict=True):
            yield cirq.ZZPowGate(exponent=exponent)(qubits[i], qubits[j])
