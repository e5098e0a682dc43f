"""PennyLane without a compiler: broadcasting in blocks, `qml.kernels`, and adjoint gradients.

Blocks of 64 points were faster than all points at once, CNOT·P·CNOT faster than IsingZZ. Pairs run
on lightning.qubit, PennyLane's fastest device for a single circuit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..works import LAYERS, Work, layer_angles, pair_angles, pairs, reach, ring, weights
from .base import Job, Peer, fidelities, loss_job, state_block

BLOCK = 64


class PennylaneBroadcast(Peer):
    """default.qubit with parameter broadcasting."""

    key = "pennylane"
    label = "PennyLane broadcast"
    package = "pennylane"
    distribution = "pennylane"
    tasks = ("gram", "states")

    def prepare(self, work: Work) -> Job:
        """Make the node that returns the states of a block of points."""
        import pennylane as qml

        @qml.qnode(qml.device("default.qubit", wires=work.n_qubits), diff_method=None)
        def node(*angles):
            apply(work, angles)
            return qml.state()

        def states(X):
            angles = angles_of(work, X)
            starts = range(0, len(X), BLOCK)
            return np.concatenate([node(*(a[s : s + BLOCK] for a in angles)) for s in starts])

        if work.task == "states":
            return Job(run=states, block=state_block)
        return Job(run=lambda X: fidelities(states(X)))


class PennylanePairs(Peer):
    """`qml.kernels.square_kernel_matrix`, which runs one circuit for each pair."""

    key = "pennylane-pairs"
    label = "PennyLane qml.kernels"
    package = "pennylane"
    distribution = "pennylane"
    feature_maps = ("zz",)
    most_points = 8

    def prepare(self, work: Work) -> Job:
        """Make the node that returns the probability of the zero state."""
        import pennylane as qml

        def embed(x):
            apply(work, [angles[0] for angles in angles_of(work, x[None])])

        @qml.qnode(qml.device("lightning.qubit", wires=work.n_qubits), diff_method=None)
        def node(x, y):
            embed(x)
            qml.adjoint(embed)(y)
            return qml.probs(wires=range(work.n_qubits))

        def gram(X):
            return qml.kernels.square_kernel_matrix(
                X, lambda x, y: node(x, y)[0], assume_normalized_kernel=True
            )

        return Job(run=gram)


class PennylaneLightning(Peer):
    """lightning.qubit with adjoint differentiation and parameter broadcasting, by Autograd.

    PennyLane splits the points into circuits of one each, as the device does not broadcast. That
    was faster than a loop over the points by the user, and faster than vector-Jacobian products by
    the device. Single gates, which need not be decomposed, were faster than templates.
    """

    key = "pennylane-lightning"
    label = "PennyLane lightning, adjoint"
    package = "pennylane_lightning"
    distribution = "pennylane-lightning"
    tasks = ("loss",)
    feature_maps = ("uploaded",)

    def prepare(self, work: Work) -> Job:
        """Make the node, and the gradient of its loss."""
        import pennylane as qml

        device = qml.device("lightning.qubit", wires=work.n_qubits)
        node = qml.QNode(single_gates, device, interface="autograd", diff_method="adjoint")
        start = qml.numpy.array(weights(work.n_qubits), requires_grad=True)

        def loss(X, y):
            gradient = qml.grad(lambda values: qml.numpy.mean((node(X, values) - y) ** 2))
            found = gradient(start)
            return gradient.forward, found

        return loss_job(loss)


def first_output(X: Any, values: Any) -> Any:
    """Return ⟨Z⟩ of the first qubit after the upload and the layers, as templates."""
    import pennylane as qml

    wires = range(values.shape[1])
    qml.AngleEmbedding(X, wires)
    qml.StronglyEntanglingLayers(values, wires)
    return qml.expval(qml.Z(0))


def single_gates(X: Any, values: Any) -> Any:
    """Return what `first_output` does, from its gates one by one."""
    import pennylane as qml

    n = values.shape[1]
    for q in range(n):
        qml.RX(X[..., q], q)
    for layer in range(LAYERS):
        for q in range(n):
            qml.RZ(values[layer, q, 0], q)
            qml.RY(values[layer, q, 1], q)
            qml.RZ(values[layer, q, 2], q)
        for q in range(n):
            qml.CNOT([q, (q + reach(layer, n)) % n])
    return qml.expval(qml.Z(0))


def angles_of(work: Work, X: Any) -> tuple[Any, ...]:
    """Return the arrays of angles that `apply` takes, axis 0 running over points."""
    return (X, pair_angles(X)) if work.feature_map == "zz" else (layer_angles(X),)


def apply(work: Work, angles: Any, *, ising: bool = False) -> None:
    """Queue the circuit of a work.

    Parameters
    ----------
    work : Work
        Names the feature map.
    angles : sequence of arrays
        As `angles_of` returns them, of one point or of many.
    ising : bool
        Write a phase on a parity as IsingZZ, which differs by a global phase, instead of
        CNOT·P·CNOT.
    """
    if work.feature_map == "zz":
        _apply_zz(*angles, ising)
    else:
        _apply_layered(*angles)


def _apply_zz(x, pair, ising):
    import pennylane as qml

    n = x.shape[-1]
    for _ in range(2):
        for q in range(n):
            qml.Hadamard(q)
            qml.PhaseShift(2 * x[..., q], q)
        for k, (i, j) in enumerate(pairs(n)):
            if ising:
                qml.IsingZZ(pair[..., k], [i, j])
            else:
                qml.CNOT([i, j])
                qml.PhaseShift(pair[..., k], j)
                qml.CNOT([i, j])


def _apply_layered(angles):
    import pennylane as qml

    n = angles.shape[-2]
    for layer in range(LAYERS):
        for q in range(n):
            qml.RY(angles[..., layer, q, 0], q)
            qml.RZ(angles[..., layer, q, 1], q)
        for i, j in ring(n):
            qml.CZ([i, j])
