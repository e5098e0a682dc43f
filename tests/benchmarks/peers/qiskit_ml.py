"""Qiskit Machine Learning: its statevector kernel, and its kernel that runs a circuit a pair."""

from __future__ import annotations

from ..works import Work
from .base import Job, Peer


class QiskitStates(Peer):
    """`FidelityStatevectorKernel`."""

    key = "qiskit-states"
    label = "Qiskit ML statevector"
    package = "qiskit_machine_learning"
    distribution = "qiskit-machine-learning"
    feature_maps = ("zz",)

    def prepare(self, work: Work) -> Job:
        """Make the kernel from Qiskit's ZZ map."""
        from qiskit_machine_learning.kernels import FidelityStatevectorKernel

        return Job(run=FidelityStatevectorKernel(feature_map=_zz_map(work)).evaluate)


class QiskitPairs(Peer):
    """`FidelityQuantumKernel`, which runs one circuit for each pair."""

    key = "qiskit-pairs"
    label = "Qiskit ML FidelityQuantumKernel"
    package = "qiskit_machine_learning"
    distribution = "qiskit-machine-learning"
    feature_maps = ("zz",)
    most_points = 6

    def prepare(self, work: Work) -> Job:
        """Make the kernel from Qiskit's ZZ map."""
        from qiskit_machine_learning.kernels import FidelityQuantumKernel

        return Job(run=FidelityQuantumKernel(feature_map=_zz_map(work)).evaluate)


def _zz_map(work):
    from qiskit.circuit.library import zz_feature_map

    return zz_feature_map(work.n_qubits, reps=2, entanglement="full")
