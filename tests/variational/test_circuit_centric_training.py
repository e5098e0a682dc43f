"""The training of the circuit-centric classifier beside plain gradients, and its bias."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_moons

import qkernels as qk
from qkernels.ansatze import code_blocks
from qkernels.variational import circuit_centric_training as training
from qkernels.variational.circuit_centric_circuit import Encoding
from tests.variational.circuit_centric_dense import (
    central_differences,
    dense_probabilities,
    dense_states,
)

MOONS = make_moons(40, noise=0.1, random_state=0)


def readout(n_features, copies=1, ranges=(1,), evaluator=None):
    encoding = Encoding("amplitude", n_features, copies, 1.0)
    blocks = code_blocks(encoding.circuit.n_qubits, ranges)
    return encoding, training.Readout(encoding.circuit.compose(blocks), evaluator)


@pytest.mark.parametrize("copies", [1, 2])
def test_probabilities_and_their_slope(copies):
    X = np.random.default_rng(0).normal(size=(4, 2))
    encoding, found = readout(2, copies, (1, 1))
    n_weights = code_blocks(encoding.circuit.n_qubits, (1, 1)).n_parameters
    weights = np.random.default_rng(1).uniform(0, 2 * np.pi, n_weights)
    states, by_p = dense_states(X, copies, 1.0), np.array([1.0, -2.0, 0.5, 0.0])

    def scalar(weights):
        return by_p @ dense_probabilities(states, weights, (1, 1))

    p = found.probabilities(encoding.inputs(X), weights)
    np.testing.assert_allclose(p, dense_probabilities(states, weights, (1, 1)), atol=1e-12)
    slope = found.slope(encoding.inputs(X), weights, by_p)
    np.testing.assert_allclose(slope, central_differences(scalar, weights), atol=1e-8)


def test_sampled_slopes_are_those_of_the_exact_evaluator_with_noise():
    X, by_p = MOONS[0][:3], np.array([1.0, -1.0, 0.5])
    encoding, exact = readout(2)
    _, noisy = readout(2, evaluator=qk.StatevectorEvaluator(repetitions=100_000, random_state=0))
    weights = np.random.default_rng(1).uniform(0, 2 * np.pi, 3 * 5)
    one, other = (r.slope(encoding.inputs(X), weights, by_p) for r in (exact, noisy))
    assert 0 < np.abs(one - other).max() < 0.02


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=12))
def test_the_best_bias_leaves_the_fewest_misses(points):
    p, y = np.array(points, dtype=float).T / [[8], [1]]
    tried = 0.5 - (np.arange(-1, 18) / 16 - 1 / 64)
    fewest = min(np.sum((p + b > 0.5) != y) for b in tried)
    bias = training.best_bias(p, y)
    assert np.sum((p + bias > 0.5) != y) == fewest
    assert -1.5 <= bias <= 1


@pytest.mark.parametrize(
    ("p", "y", "bias"),
    [
        ([0.1, 0.2, 0.6], [0, 0, 1], 0.1),
        ([0.1, 0.2, 0.6], [1, 1, 1], 0.95),
        ([0.1, 0.2, 0.6], [0, 0, 0], -0.8),
        ([0.0, 0.25, 0.5, 1.0], [0, 1, 0, 1], -0.25),
        ([0.5, 0.5, 0.5], [1, 0, 0], -0.75),
        ([0.1, 0.2, 0.3], [0, 1, 0], 0.35),
    ],
)
def test_the_best_bias_is_in_the_middle_of_the_widest_gap(p, y, bias):
    assert training.best_bias(np.array(p), np.array(y)) == pytest.approx(bias)


def plain_descent(states, y, weights, ranges, random, settings):
    """Return the weights after each epoch, by central differences of the loss."""
    w, b, rate = weights.copy(), 0.0, settings["learning_rate"]
    step_w, step_b, found = np.zeros_like(w), 0.0, []

    def probabilities(w, rows):
        return dense_probabilities(states[rows], w, ranges)

    for _ in range(settings["max_iter"]):
        rows = np.arange(len(y))
        if settings["loss"] == "perceptron":
            p = probabilities(w, rows)
            rows = rows[(p + training.best_bias(p, y) > 0.5) != y]
        rows = random.permutation(rows)
        for batch in np.split(
            rows, range(settings["batch_size"], len(rows), settings["batch_size"])
        ):

            def loss(point, batch=batch):
                p = probabilities(point[:-1], batch)
                if settings["loss"] == "squared":
                    return np.mean((p + point[-1] - y[batch]) ** 2)
                return np.sum(np.where(y[batch] == 1, -p, p)) / settings["batch_size"]

            if len(batch):
                gradient = central_differences(loss, np.append(w, b))
                step_w = settings["momentum"] * step_w - rate * gradient[:-1]
                step_b = settings["momentum"] * step_b - rate * gradient[-1]
                w, b = w + step_w, b + step_b
        rate *= settings["decay"]
        found.append(w)
    return found


@pytest.mark.parametrize("loss", ["squared", "perceptron"])
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 1.0), (0.8, 0.5)])
def test_the_descent_is_that_of_plain_gradients(loss, momentum, decay):
    X, y = MOONS[0][:12], MOONS[1][:12].astype(float)
    settings = {"loss": loss, "learning_rate": 0.5, "momentum": momentum, "decay": decay}
    settings |= {"batch_size": 5, "max_iter": 3}
    encoding, p1 = readout(2)
    rows = np.arange(len(y))
    task = training.Task(p1, encoding.inputs(X), y, rows, rows)
    start = np.random.default_rng(0).uniform(0, 2 * np.pi, 3 * 5)
    descent = training.GradientDescent(**settings)
    found = [*descent.epochs(task, start, np.random.RandomState(3))]
    states = dense_states(X, 1, 1.0)
    plain = plain_descent(states, y, start, (1,), np.random.RandomState(3), settings)
    assert len(found) == 4
    for judgement, weights in zip(found, [start, *plain], strict=True):
        np.testing.assert_allclose(judgement.weights, weights, atol=1e-7)
        p = dense_probabilities(states, weights, (1,))
        assert judgement.misses == np.mean((p + judgement.bias > 0.5) != y)
        assert judgement.error == pytest.approx(np.mean((p + judgement.bias - y) ** 2))


def test_misses_are_sought_among_the_points_to_learn_from():
    X, y = MOONS[0], MOONS[1].astype(float)
    encoding, p1 = readout(2)
    train = np.arange(39, 19, -1)
    task = training.Task(p1, encoding.inputs(X), y, train, np.arange(20))
    weights = np.random.default_rng(0).uniform(0, 2 * np.pi, 3 * 5)
    p = dense_probabilities(dense_states(X, 1, 1.0), weights, (1,))
    bias = training.best_bias(p[train], y[train])
    expected = [row for row in train if (p[row] + bias > 0.5) != y[row]]
    assert task.missed(weights).tolist() == expected
