"""Networks: outputs beside Cirq's simulator, gradients beside differences and the shift rule."""

import pickle
import re

import cirq
import numba
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import qkernels as qk
from qkernels.evaluators import StatevectorEvaluator
from qkernels.qnn import ExpectationNetwork, Network, ProbabilityNetwork
from tests.evaluators.test_evaluator_gradients import maps
from tests.random_circuits import GATES
from tests.random_circuits import points as random_points
from tests.reference import ReferenceEvaluator

N_MODELS = 30 if numba.config.DISABLE_JIT else 100

angle, chebyshev = qk.feature_maps.angle, qk.feature_maps.chebyshev
layers = qk.ansatze.hardware_efficient
Z = [cirq.Z(qubit) for qubit in cirq.LineQubit.range(3)]
X = np.random.default_rng(0).uniform(-0.9, 0.9, (4, 2))


class OnlyValues(ReferenceEvaluator):
    """Cirq's simulator, without gradients."""

    def probabilities(self, feature_map, inputs, parameters=None, *, outputs, n_outputs):
        states = self.embed(feature_map, inputs, parameters).states
        return np.abs(states) ** 2 @ np.eye(n_outputs)[outputs]


class FastValues(OnlyValues):
    """The exact evaluator, without gradients."""

    def expectations(self, *given, **how):
        return EXACT.expectations(*given, **how)

    def probabilities(self, *given, **how):
        return EXACT.probabilities(*given, **how)


EXACT = StatevectorEvaluator(cache_size=0)


def simulated(circuit, x, weights):
    """Return the state of a point by Cirq's simulator in double precision."""
    resolved = circuit.resolve(x, weights)
    return cirq.Simulator(dtype=np.complex128).simulate(resolved).final_state_vector


def assert_gradients_agree(network, X, weights, cotangent):
    """Compare both gradients with differences, one number after the other."""
    found = network.backward(X, weights, cotangent)
    still = np.zeros_like(X), np.zeros_like(weights)
    for part, gradient in enumerate((found.X, found.weights)):
        for place in np.ndindex(gradient.shape):
            direction = [moved.copy() for moved in still]
            direction[part][place] = 1
            slope = slope_along(network, X, weights, cotangent, direction)
            assert slope == pytest.approx(gradient[place], abs=1e-7)


@st.composite
def networks(draw, evaluator=None):
    """Return a network of a random circuit with random observables or outcomes."""
    feature_map = draw(maps(draw(st.sampled_from(sorted(GATES, key=str)))))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    ansatz = draw(st.sampled_from([None, layers, qk.ansatze.brickwork]))
    how = {"bandwidth": draw(st.sampled_from([1.0, 0.6])), "evaluator": evaluator}
    n_outputs = draw(st.integers(1, 3))
    if draw(st.booleans()):
        outputs = rng.integers(n_outputs, size=2**feature_map.n_qubits)
        interpret = {b: int(output) for b, output in enumerate(outputs)}.get
        return ProbabilityNetwork(feature_map, ansatz, interpret, n_outputs, **how)
    letters = rng.choice([cirq.I, cirq.X, cirq.Y, cirq.Z], (n_outputs, 2, feature_map.n_qubits))
    observables = [
        cirq.PauliSum.from_pauli_strings(
            rng.normal() * cirq.PauliString(dict(zip(feature_map.qubits, word, strict=True)))
            for word in words
        )
        + cirq.Z(feature_map.qubits[0])
        for words in letters
    ]
    return ExpectationNetwork(feature_map, ansatz, observables, **how)


@given(data=st.data())
@settings(max_examples=N_MODELS, deadline=None)
@seed(3)
def test_random_models(data):
    network = data.draw(networks())
    rng = np.random.default_rng(0)
    points, _ = random_points(network.circuit, 2, 1)
    weights = network.initial_weights(1)
    found = network.forward(points, weights)
    for x, outputs in zip(points, found, strict=True):
        state = simulated(network.circuit, x * network.bandwidth, weights)
        np.testing.assert_allclose(outputs, expected_outputs(network, state), atol=1e-12)
    cotangent = rng.normal(size=found.shape)
    gradient = network.backward(points, weights, cotangent)
    scale = max(1.0, np.abs(gradient.X).max(initial=0), np.abs(gradient.weights).max(initial=0))

    direction = rng.normal(size=points.shape), rng.normal(size=weights.shape)
    slope = slope_along(network, points, weights, cotangent, direction)
    expected = np.sum(gradient.X * direction[0]) + gradient.weights @ direction[1]
    assert slope == pytest.approx(expected, abs=1e-6 * scale)

    network.evaluator = FastValues()
    shifted = network.backward(points, weights, cotangent)
    np.testing.assert_allclose(shifted.X, gradient.X, atol=1e-9 * scale, rtol=0)
    np.testing.assert_allclose(shifted.weights, gradient.weights, atol=1e-9 * scale, rtol=0)


def slope_along(network, X, weights, cotangent, direction, step=1e-4):
    """Return the slope of cotangent · outputs along a direction, by differences of order 4."""

    def loss(h):
        return np.sum(cotangent * network.forward(X + h * direction[0], weights + h * direction[1]))

    near, far = (loss(h) - loss(-h) for h in (step, 2 * step))
    return (8 * near - far) / (12 * step)


def expected_outputs(network, state):
    if isinstance(network, ProbabilityNetwork):
        return np.bincount(network.outputs, np.abs(state) ** 2, network.n_outputs)
    qubits = network.circuit.qubits
    places = {qubit: place for place, qubit in enumerate(qubits)}
    words = [w.expectation_from_state_vector(state, places).real for w in network.observables.words]
    return network.observables.features(np.array([words]))[0]


@pytest.mark.parametrize("kind", [ExpectationNetwork, ProbabilityNetwork])
def test_gradients_from_values_alone_are_the_same(kind):
    """Two independent ways: the sweep back through the states, and the shift rule."""
    exact, shifted = (kind(angle(2), layers, evaluator=e) for e in (None, OnlyValues()))
    weights = exact.initial_weights(0)
    cotangent = np.random.default_rng(1).normal(size=(len(X), exact.n_outputs))
    np.testing.assert_allclose(exact.forward(X, weights), shifted.forward(X, weights), atol=1e-12)
    for wrt_inputs in (True, False):
        one, other = (
            n.backward(X, weights, cotangent, wrt_inputs=wrt_inputs) for n in (exact, shifted)
        )
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-10)
        if wrt_inputs:
            np.testing.assert_allclose(one.X, other.X, atol=1e-10)
        else:
            assert one.X is None
            assert other.X is None


def test_the_gradient_by_points_goes_through_the_arccos_and_the_bandwidth():
    network = ExpectationNetwork(chebyshev(2), layers, bandwidth=[0.5, 1.5])
    weights = network.initial_weights(0)
    cotangent = np.random.default_rng(1).normal(size=(len(X), 2))
    assert_gradients_agree(network, X, weights, cotangent)


def test_weights_have_a_gradient_where_points_have_none():
    """The arccos has no derivative at its ends."""
    network = ExpectationNetwork(chebyshev(1), layers)
    weights = network.initial_weights(0)
    found = network.backward([[1.0]], weights, [[1.0]], wrt_inputs=False)
    assert found.X is None
    assert np.isfinite(found.weights).all()
    with pytest.raises(ValueError, match="has no derivative at ±1"):
        network.backward([[1.0]], weights, [[1.0]])


def test_a_circuit_without_features():
    network = ExpectationNetwork(layers(2))
    weights = np.array([0.3, 0.1, 0.7, 0.2])
    found = network.forward(np.empty((1, 0)), weights)
    np.testing.assert_allclose(found, [[np.cos(0.3), np.cos(0.7)]], atol=1e-12)
    gradient = network.backward(np.empty((1, 0)), weights, [[1.0, 0.0]])
    np.testing.assert_allclose(gradient.weights, [-np.sin(0.3), 0, 0, 0], atol=1e-12)
    assert gradient.X.shape == (1, 0)


def test_every_basis_state_is_an_output_by_default():
    network = ProbabilityNetwork(angle(2))
    assert network.n_outputs == 4
    c, s = np.cos(X / 2) ** 2, np.sin(X / 2) ** 2
    expected = [c[:, 0] * c[:, 1], c[:, 0] * s[:, 1], s[:, 0] * c[:, 1], s[:, 0] * s[:, 1]]
    np.testing.assert_allclose(network.forward(X, []), np.transpose(expected), atol=1e-12)


def test_outputs_that_no_basis_state_counts_for_are_0():
    network = ProbabilityNetwork(angle(2), interpret=lambda b: 2 * (b > 0), output_shape=4)
    found = network.forward(X, None)
    np.testing.assert_array_equal(found[:, [1, 3]], 0)
    np.testing.assert_allclose(found[:, 0] + found[:, 2], 1, atol=1e-12)


def test_initial_weights():
    network = ExpectationNetwork(angle(2), qk.ansatze.strongly_entangling(2, 40))
    weights = network.initial_weights(0)
    np.testing.assert_array_equal(weights, network.initial_weights(np.random.RandomState(0)))
    assert weights.shape == (network.n_weights,) == (240,)
    assert weights.min() < -3
    assert weights.max() > 3
    assert np.abs(weights).max() <= np.pi


@pytest.mark.parametrize(
    "network",
    [
        ExpectationNetwork(angle(2), layers, [Z[0] + 0.5 * Z[1], Z[0] * Z[1]], bandwidth=0.5),
        ProbabilityNetwork(angle(2), layers, lambda b: b % 2),
    ],
    ids=["expectations", "probabilities"],
)
def test_pickles(network):
    again = pickle.loads(pickle.dumps(network))
    weights = network.initial_weights(0)
    np.testing.assert_array_equal(again.forward(X, weights), network.forward(X, weights))
    assert repr(again) == repr(network)


def test_what_is_shown():
    shown = "ExpectationNetwork(2 features, 4 weights, 2 qubits, 2 outputs)"
    assert repr(ExpectationNetwork(angle(2), layers)) == shown


def test_both_kinds_are_networks():
    assert issubclass(ExpectationNetwork, Network)
    assert issubclass(ProbabilityNetwork, Network)


# -- Errors

NETWORK = ExpectationNetwork(angle(2), layers)
WEIGHTS = np.zeros(4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((X, None), "expected 4 finite real numbers as weights, got shape (0,)"),
        ((X, np.zeros(3)), "expected 4 finite real numbers as weights, got shape (3,)"),
        ((X, [0, 0, np.nan, 0]), "expected 4 finite real numbers as weights, got [0, 0, nan, 0]"),
        ((X, ["a"] * 4), "expected weights to be an array of numbers, got ['a', 'a', 'a', 'a']"),
        (
            (X[:, :1], WEIGHTS),
            "X has 1 features, but the feature map of ExpectationNetwork",
        ),
        ((X[0], WEIGHTS), "Expected 2D array, got 1D array instead"),
        ((X * np.nan, WEIGHTS), "Input X contains NaN"),
    ],
)
def test_bad_points_and_weights(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NETWORK.forward(*given)


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        (np.ones((4, 1)), "expected a cotangent of the outputs' shape (4, 2), got (4, 1)"),
        (np.full((4, 2), np.inf), "expected a cotangent of finite numbers"),
        ("text", "expected cotangent to be an array of numbers, got 'text'"),
    ],
)
def test_bad_cotangents(cotangent, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NETWORK.backward(X, WEIGHTS, cotangent)


@pytest.mark.parametrize(
    ("observables", "error", "message"),
    [
        ("Z", TypeError, "observables: expected None or a list of cirq.PauliString"),
        ([], TypeError, "non-empty list of cirq.PauliString or cirq.PauliSum, got []"),
        ([Z[2]], ValueError, "observable Z(q(2)) acts on q(2), which is not a qubit"),
        ([1j * Z[0]], ValueError, "must be Hermitian, with real numbers as coefficients"),
    ],
)
def test_bad_observables(observables, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ExpectationNetwork(angle(2), layers, observables)


@pytest.mark.parametrize(
    ("interpret", "output_shape", "error", "message"),
    [
        (1, None, TypeError, "interpret: expected None or a function of an integer, got 1 of"),
        (lambda b: -b, None, ValueError, "expected interpret(b) to be an integer of at least 0"),
        (lambda b: b / 2, None, ValueError, "expected interpret(b) to be an integer of at least 0"),
        (None, 3, ValueError, "numbers below output_shape=3, got 3 for basis state 3"),
        (None, 0, ValueError, "expected output_shape to be an integer of at least 1, got 0"),
    ],
)
def test_bad_interpretations(interpret, output_shape, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ProbabilityNetwork(angle(2), layers, interpret, output_shape)


def test_bad_bandwidths_and_evaluators():
    with pytest.raises(ValueError, match="bandwidth must be a positive finite number or one for"):
        ExpectationNetwork(angle(2), bandwidth=0)
    with pytest.raises(TypeError, match="evaluator must be None"):
        ExpectationNetwork(angle(2), evaluator=StatevectorEvaluator)
    with pytest.raises(TypeError, match="expected one with a method probabilities"):
        ProbabilityNetwork(angle(2), evaluator=ReferenceEvaluator())
