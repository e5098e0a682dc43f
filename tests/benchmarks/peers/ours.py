"""qkernels itself, with its cache turned off."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import numpy as np

from ..works import GAMMA, LAYERS, Work, labels, offsets, ring, weights
from .base import Job, Peer, gradient_job, loss_job


class Qkernels(Peer):
    """The package under test."""

    key = "qkernels"
    label = "qkernels"
    package = "qkernels"
    distribution = "qkernels"
    tasks = ("gram", "states", "projected", "overlaps", "gradient", "loss")
    feature_maps = ("zz", "layered", "uploaded")

    def version(self) -> str:
        """Return the version installed, or say that the package is used from a checkout."""
        try:
            return super().version()
        except metadata.PackageNotFoundError:
            return "checkout"

    def remark(self, work: Work) -> str:
        """Say what preparing states leaves out."""
        if work.task != "states":
            return ""
        return "leaves out the last ring of CZ: all points share it, so no fidelity can see it"

    def prepare(self, work: Work) -> Job:
        """Build the feature map and the kernel."""
        import qkernels as qk

        evaluator = qk.StatevectorEvaluator(precision="double", cache_size="0MB")
        if work.task == "loss":
            return loss_job(_loss(work.n_qubits, evaluator))
        if work.feature_map == "zz":
            feature_map, parameters = qk.feature_maps.zz(work.n_qubits), None
        else:
            parameters = offsets(work.n_qubits).ravel()
            feature_map = layered(work.n_qubits, parameters.size)

        def embed(X):
            return evaluator.embed(feature_map, X, parameters)

        def block(prepared, rows):
            return evaluator.fidelities(prepared[rows])

        if work.task == "gradient":
            kernel = qk.FidelityKernel(
                feature_map,
                parameters=parameters,
                parameter_bounds=(-np.pi, np.pi),
                evaluator=evaluator,
            )
            return gradient_job(lambda X: _alignment_gradient(kernel, X))
        if work.task == "states":
            return Job(run=embed, block=block)
        if work.task == "overlaps":
            return Job(load=embed, run=evaluator.fidelities)
        if work.task == "projected":
            return Job(run=qk.ProjectedKernel(feature_map, gamma=GAMMA, evaluator=evaluator))
        return Job(run=qk.FidelityKernel(feature_map, evaluator=evaluator))


def _alignment_gradient(kernel: Any, X: np.ndarray) -> np.ndarray:
    import qkernels as qk

    K, vjp = qk.value_and_vjp(kernel, X)
    loss = qk.losses.TargetAlignment(rescale_class_weights=False)
    return -vjp(loss(K, labels(len(X)))[1]).theta


def _loss(n_qubits: int, evaluator: Any) -> Any:
    import cirq

    import qkernels as qk

    network = qk.qnn.ExpectationNetwork(
        qk.feature_maps.angle(n_qubits, axis="X"),
        qk.ansatze.strongly_entangling(n_qubits, LAYERS),
        [cirq.PauliString(cirq.Z(cirq.LineQubit(0)))],
        evaluator=evaluator,
    )
    values = weights(n_qubits).ravel()

    def loss(X, y):
        difference = network.forward(X, values) - y[:, np.newaxis]
        cotangent = 2 * difference / len(X)
        gradient = network.backward(X, values, cotangent, wrt_inputs=False).weights
        return np.mean(difference**2), gradient

    return loss


def layered(n_qubits: int, n_symbols: int) -> Any:
    """Return the layered circuit as a feature map with its offsets as parameters.

    Fewer symbols than offsets are shared in turn; of more, each offset is the sum of several.
    """
    import cirq
    import sympy

    import qkernels as qk

    x = sympy.symbols(f"x:{n_qubits}")
    t = sympy.symbols(f"t:{n_symbols}")
    n_offsets = LAYERS * n_qubits * 2
    terms = max(1, n_symbols // n_offsets)
    shifts = [
        sum(t[k % len(t)] for k in range(i * terms, (i + 1) * terms)) for i in range(n_offsets)
    ]
    qubits = cirq.LineQubit.range(n_qubits)
    circuit = cirq.Circuit()
    for layer in range(LAYERS):
        for q, qubit in enumerate(qubits):
            k = 2 * (layer * n_qubits + q)
            circuit += [cirq.ry(x[q] + shifts[k])(qubit), cirq.rz(x[q] + shifts[k + 1])(qubit)]
        circuit += [cirq.CZ(qubits[i], qubits[j]) for i, j in ring(n_qubits)]
    return qk.FeatureMap(circuit, features=x, parameters=t)
