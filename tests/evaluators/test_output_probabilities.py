"""Exact probabilities of outcomes, and their gradients, beside dense states and derivatives."""

import re

import cirq
import numba
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

import qkernels as qk
from qkernels import StatevectorEvaluator
from qkernels.evaluators import probabilities
from tests.evaluators.dense import differentiated
from tests.evaluators.maps import PARAMETERS, entangled, layered, points, product
from tests.evaluators.test_evaluator_gradients import assert_close, maps
from tests.random_circuits import GATES
from tests.random_circuits import points as random_points

N_CIRCUITS = 40 if numba.config.DISABLE_JIT else 120

evaluator = StatevectorEvaluator(cache_size=0)
parity_of_three = np.array([0, 1, 1, 0, 1, 0, 0, 1])


def assert_agrees(feature_map, inputs, parameters, rng, tolerance=1e-11, of=evaluator):
    size, n_outputs = 2**feature_map.n_qubits, int(rng.integers(1, 5))
    outputs = rng.integers(n_outputs, size=size)
    counts_for = np.eye(n_outputs)[outputs]
    dense = differentiated(feature_map, inputs, parameters)
    found = of.probabilities(feature_map, inputs, parameters, outputs=outputs, n_outputs=n_outputs)
    assert_close(found, np.abs(dense.states) ** 2 @ counts_for, tolerance)

    cotangent = rng.normal(size=found.shape)
    gradient = of.probabilities_vjp(feature_map, inputs, parameters, outputs, cotangent)
    rates = 2 * np.real(dense.states.conj()[:, np.newaxis] * dense.tangents) @ counts_for
    by_symbol = np.einsum("io,iso->is", cotangent, rates)
    assert_close(gradient.X, by_symbol[:, : feature_map.n_features], 10 * tolerance)
    trained = by_symbol[:, feature_map.n_features :].sum(axis=0)
    assert_close(gradient.parameters, trained, 10 * tolerance)


@given(data=st.data())
@settings(max_examples=N_CIRCUITS, deadline=None)
@seed(7)
def test_random_circuits(data):
    feature_map = data.draw(maps(data.draw(st.sampled_from(sorted(GATES, key=str)))))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    inputs, parameters = random_points(feature_map, 3, 1)
    assert_agrees(feature_map, inputs, parameters, rng)


@pytest.mark.parametrize("feature_map", [entangled(), layered(), entangled(5)], ids=lambda m: "")
def test_more_points_than_fit_at_once(feature_map, monkeypatch):
    monkeypatch.setattr(probabilities, "_AMPLITUDES", 50)
    inputs = points(17)
    assert_agrees(feature_map, inputs, PARAMETERS, np.random.default_rng(3))


def test_a_register_of_unconnected_qubits():
    feature_map = product(6)
    inputs = np.random.default_rng(0).normal(size=(4, 6))
    assert_agrees(feature_map, inputs, None, np.random.default_rng(1))


def test_single_precision():
    single = StatevectorEvaluator(precision="single", cache_size=0)
    feature_map = entangled()
    inputs = points(9)
    assert_agrees(feature_map, inputs, PARAMETERS, np.random.default_rng(0), 1e-5, single)


def test_the_first_qubit_is_the_most_significant_digit():
    a, b = cirq.LineQubit.range(2)
    feature_map = qk.FeatureMap(cirq.Circuit(cirq.X(a), cirq.CNOT(a, b), cirq.X(a)), [])
    found = evaluator.probabilities(feature_map, np.empty((1, 0)), outputs=range(4), n_outputs=4)
    np.testing.assert_allclose(found, [[0, 1, 0, 0]], atol=1e-15)


def test_a_parity_is_an_expectation_value():
    feature_map = entangled()
    inputs = points(5)
    word = cirq.PauliString(dict.fromkeys(feature_map.qubits, cirq.Z))
    values = evaluator.expectations(feature_map, inputs, PARAMETERS, observables=[word])
    found, errors = evaluator.probabilities(
        feature_map, inputs, PARAMETERS, outputs=parity_of_three, n_outputs=2, return_std=True
    )
    np.testing.assert_allclose(found[:, :1] - found[:, 1:], values, atol=1e-14)
    np.testing.assert_array_equal(errors, np.zeros((5, 2)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": [0, 1]}, "expected an output for each of the 8 basis states of 3 qubits"),
        ({"outputs": np.full(8, 2)}, "expected outputs from 0 to 1, got 2 for basis state 0"),
        ({"inputs": np.empty((0, 3))}, "at least one point, got shape (0, 3)"),
        ({"n_outputs": 0}, "expected n_outputs to be an integer of at least 1, got 0"),
    ],
)
def test_bad_arguments(change, message):
    given = {"inputs": np.ones((2, 3)), "outputs": parity_of_three, "n_outputs": 2} | change
    inputs = given.pop("inputs")
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluator.probabilities(entangled(), inputs, PARAMETERS, **given)


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        (np.ones(2), "expected a cotangent of shape (2, 1), got (2,)"),
        (np.ones((3, 2)), "expected a cotangent of shape (2, 2), got (3, 2)"),
        (np.full((2, 2), np.nan), "expected a cotangent of finite numbers"),
        (np.ones((2, 1)), "expected outputs from 0 to 0, got 1 for basis state 1"),
    ],
)
def test_bad_cotangents(cotangent, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluator.probabilities_vjp(
            entangled(), np.ones((2, 3)), PARAMETERS, parity_of_three, cotangent
        )


def test_what_does_not_fit_is_refused():
    wide = qk.feature_maps.angle(34)
    with pytest.raises(MemoryError, match="for the probabilities of 17179869184 outcomes"):
        evaluator.probabilities(
            wide, np.ones((1, 34)), outputs=np.broadcast_to(0, 2**34), n_outputs=1
        )
