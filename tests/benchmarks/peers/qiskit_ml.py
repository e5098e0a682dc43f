"""Qiskit Machine Learning: statevector kernel, kernel that runs a circuit a pair, and network."""

from __future__ import annotations

from ..works import LAYERS, Work, reach, weights
from .base import Job, Peer, loss_job


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


class QiskitNetwork(Peer):
    """`EstimatorQNN` with its default gradient, the parameter-shift rule."""

    key = "qiskit-network"
    label = "Qiskit ML EstimatorQNN"
    package = "qiskit_machine_learning"
    distribution = "qiskit-machine-learning"
    tasks = ("loss",)
    feature_maps = ("uploaded",)
    most_points = 2

    def prepare(self, work: Work) -> Job:
        """Make the network."""
        from qiskit.circuit import ParameterVector
        from qiskit.primitives import StatevectorEstimator
        from qiskit.quantum_info import SparsePauliOp
        from qiskit_machine_learning.neural_networks import EstimatorQNN

        n = work.n_qubits
        x, w = ParameterVector("x", n), ParameterVector("w", 3 * n * LAYERS)
        network = EstimatorQNN(
            circuit=_uploaded(x, w),
            estimator=StatevectorEstimator(),
            observables=SparsePauliOp.from_sparse_list([("Z", [0], 1.0)], n),
            input_params=x,
            weight_params=w,
            default_precision=0.0,
        )
        values = weights(n).ravel()

        def loss(X, y):
            difference = network.forward(X, values)[:, 0] - y
            _, jacobian = network.backward(X, values)
            return (difference**2).mean(), 2 * difference @ jacobian[:, 0] / len(X)

        return loss_job(loss)


def _uploaded(x, w):
    from qiskit import QuantumCircuit

    n, unused = len(x), iter(w)
    circuit = QuantumCircuit(n)
    for q in range(n):
        circuit.rx(x[q], q)
    for layer in range(LAYERS):
        for q in range(n):
            circuit.rz(next(unused), q)
            circuit.ry(next(unused), q)
            circuit.rz(next(unused), q)
        for q in range(n):
            circuit.cx(q, (q + reach(layer, n)) % n)
    return circuit


def _zz_map(work):
    from qiskit.circuit.library import zz_feature_map

    return zz_feature_map(work.n_qubits, reps=2, entanglement="full")
