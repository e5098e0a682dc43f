"""Quantum functions that calculate with PennyLane's NumPy, against PennyLane's own states."""

import numpy as np
import pytest

import qkernels as qk
from qkernels.interop import from_pennylane

qml = pytest.importorskip("pennylane")
pnp = qml.numpy

POINTS = np.random.default_rng(3).uniform(0.2, 1, (3, 3))
FACTORS = pnp.array([1.0, 2.0, 3.0])
WEIGHTS = pnp.array([[0.3, -0.2, 0.9], [1.1, 0.4, -0.7]], requires_grad=True)


def _in_place(x):
    total = FACTORS * x
    total *= FACTORS
    return total


ANGLES = {
    "product": lambda x: FACTORS * x,
    "product from the right": lambda x: x * FACTORS,
    "product with an element": lambda x: FACTORS * x[0],
    "product of a number": lambda x: [pnp.array(0.3) * x[0], x[1], x[2]],
    "sum and difference": lambda x: FACTORS + x - pnp.pi,
    "power": lambda x: (FACTORS + 1) ** x,
    "quotient": lambda x: FACTORS / (1 + x),
    "in place": _in_place,
    "inner product": lambda x: [FACTORS @ x, x @ FACTORS, pnp.dot(FACTORS, x)],
    "matrix": lambda x: (pnp.eye(3) + WEIGHTS[0]) @ x,
    "functions": lambda x: pnp.sin(x) * x[0] + pnp.exp(-x),
    "formulas": lambda x: pnp.arctan2(FACTORS, x) + pnp.sum(x) + pnp.einsum("i,i->", FACTORS, x),
    "pieces": lambda x: pnp.concatenate([x[:2], FACTORS[:1]]) * pnp.stack([x, FACTORS])[0],
    "choice": lambda x: pnp.where(pnp.array([True, False, True]), x, FACTORS),
    "array of elements": lambda x: pnp.array([x[2], x[0], x[1]]),
    "elements of both": lambda x: [w * v for w, v in zip(WEIGHTS[1], x, strict=True)],
}
FUNCTIONS = {
    **{
        name: lambda x, angles=angles: qml.AngleEmbedding(angles(x), wires=range(3), rotation="Y")
        for name, angles in ANGLES.items()
    },
    "Rot": lambda x: qml.Rot(*(pnp.sin(x[:3]) * x[0]), wires=0),
    "CRot": lambda x: [qml.CRot(*WEIGHTS[i] * x[i], wires=[i, 2]) for i in range(2)],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_states(name):
    def whole(x):
        for wire in range(3):
            qml.U3(0.4 + wire, 0.7, 1.1 * wire, wires=wire)
        FUNCTIONS[name](x)
        qml.CNOT([0, 1])
        qml.RX(pnp.sum(x), wires=0)

    @qml.qnode(qml.device("default.qubit", wires=3))
    def state(x):
        whole(x)
        return qml.state()

    ours = qk.StatevectorEvaluator().statevectors(from_pennylane(whole, 3), POINTS)
    theirs = np.array([np.asarray(state(pnp.array(point))) for point in POINTS])
    np.testing.assert_allclose(np.abs(np.sum(ours.conj() * theirs, axis=1)), 1, atol=1e-10)


def test_weights_of_pennylane_s_numpy_keep_their_shape():
    def function(x, t):
        qml.StronglyEntanglingLayers(t.reshape(1, 3, 3) * WEIGHTS[0], wires=range(3))
        qml.AngleEmbedding(x * FACTORS, wires=range(3))

    weights = np.linspace(-1, 1, 9)
    feature_map = from_pennylane(function, 3, 9)

    @qml.qnode(qml.device("default.qubit", wires=3))
    def state(x):
        function(x, pnp.array(weights))
        return qml.state()

    ours = qk.StatevectorEvaluator().statevectors(feature_map, POINTS, weights)
    theirs = np.array([np.asarray(state(point)) for point in POINTS])
    np.testing.assert_allclose(np.abs(np.sum(ours.conj() * theirs, axis=1)), 1, atol=1e-10)
