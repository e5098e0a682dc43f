"""`evaluator="auto"` in networks and in models of trained circuits."""

import cirq
import numpy as np
import pytest
from sklearn.base import clone

import qkernels as qk
from qkernels.qnn import ExpectationNetwork, ProbabilityNetwork

angle, ising = qk.feature_maps.angle, qk.feature_maps.ising
layers = qk.ansatze.hardware_efficient
X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
LABELS = (X[:, 0] > 0).astype(int)
# On all qubits of a line: no light cone is smaller.
N_WIDE = 30
PARITY = cirq.PauliString(dict.fromkeys(cirq.LineQubit.range(N_WIDE), cirq.Z))


def rotations(n_qubits):
    """Return an ansatz of two weights, one for each half of the qubits."""
    return qk.FeatureMap.from_function(
        lambda _, w: cirq.Circuit(
            cirq.ry(w[2 * k // n_qubits])(q) for k, q in enumerate(cirq.LineQubit.range(n_qubits))
        ),
        0,
        2,
    )


@pytest.mark.parametrize("kind", [ExpectationNetwork, ProbabilityNetwork])
def test_small_networks_are_those_of_state_vectors(kind):
    auto, exact = (kind(angle(2), layers, evaluator=e) for e in ("auto", None))
    weights = exact.initial_weights(0)
    outputs = exact.forward(X, weights)
    np.testing.assert_array_equal(auto.forward(X, weights), outputs)
    cotangent = np.random.default_rng(1).normal(size=outputs.shape)
    found, expected = (n.backward(X, weights, cotangent) for n in (auto, exact))
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.weights, expected.weights)


@pytest.mark.parametrize(
    ("model", "y"),
    [
        (qk.VariationalClassifier(max_iter=5, random_state=0), LABELS),
        (qk.VariationalClassifier(readout="parity", max_iter=5, random_state=0), LABELS),
        (qk.VariationalRegressor(max_iter=5, random_state=0), X[:, 1] ** 2),
        (qk.CircuitCentricClassifier(max_iter=2, random_state=0), LABELS),
    ],
    ids=["classifier", "parities", "regressor", "circuit-centric"],
)
def test_small_models_are_those_of_state_vectors(model, y):
    auto, exact = (clone(model).set_params(evaluator=e).fit(X, y) for e in ("auto", None))
    np.testing.assert_array_equal(auto.weights_, exact.weights_)
    np.testing.assert_array_equal(auto.predict(X), exact.predict(X))


@pytest.mark.jit
def test_wide_networks_take_matrix_product_states():
    points = np.random.default_rng(0).uniform(0, 2, (3, N_WIDE))
    networks = [
        ExpectationNetwork(ising(N_WIDE, layers=1, gamma=0.1), rotations, [PARITY], evaluator=e)
        for e in ("auto", qk.MPSEvaluator())
    ]
    weights = np.array([1.4, 1.5])
    auto, mps = (network.forward(points, weights) for network in networks)
    np.testing.assert_array_equal(auto, mps)
    assert (auto > 0.2).all()
    with pytest.raises(NotImplementedError, match="the widest light cone has 30 qubits: train"):
        networks[0].backward(points, weights, np.ones((3, 1)))
    gradient = networks[1].backward(points, weights, np.ones((3, 1)), wrt_inputs=False).weights
    step = np.array([1e-4, 0.0])
    ahead, behind = (networks[0].forward(points, weights + s * step).sum() for s in (1, -1))
    assert gradient[0] == pytest.approx((ahead - behind) / 2e-4, rel=1e-5)


@pytest.mark.jit
def test_wide_models_are_trained_without_gradients():
    points = np.random.default_rng(0).uniform(0, 2, (6, N_WIDE))
    y = (points[:, 0] > 1).astype(int)
    model = qk.VariationalClassifier(
        feature_map=lambda n: ising(n, layers=1),
        ansatz=rotations,
        observables=[PARITY],
        optimizer="spsa",
        max_iter=3,
        evaluator="auto",
        random_state=0,
    ).fit(points, y)
    assert np.isfinite(model.predict_proba(points)).all()
