"""What variational models keep when a fit fails, and what they refuse to begin."""

from itertools import pairwise

import cirq
import numpy as np
import pytest
from sklearn.datasets import load_iris

import qkernels as qk
from qkernels import Adam, VariationalClassifier, VariationalRegressor

X, LABELS = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)


def quick(**options):
    return VariationalClassifier(
        **{"ansatz": qk.ansatze.two_local, "max_iter": 5, "random_state": 0} | options
    )


def without_weights(n_qubits):
    line = cirq.LineQubit.range(n_qubits)
    return qk.FeatureMap(cirq.Circuit(cirq.CZ(a, b) for a, b in pairwise(line)), [])


def test_a_classifier_that_cannot_be_trained_again_stays_as_it_was():
    model = quick().fit(X, LABELS)
    before = model.predict_proba(X)
    two = LABELS < 2
    with pytest.raises(ValueError, match="max_iter: expected an integer of at least 1, got -1"):
        model.set_params(max_iter=-1).fit(X[two], LABELS[two])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.classes_.tolist() == [0, 1, 2]


def test_a_regressor_that_cannot_be_trained_again_stays_as_it_was():
    model = VariationalRegressor(max_iter=5, random_state=0).fit(X, LABELS)
    before = model.predict(X)
    with pytest.raises(ValueError, match="max_iter: expected an integer of at least 1, got -1"):
        model.set_params(max_iter=-1).fit(X, 100 * LABELS[:, np.newaxis])
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "BFGS", "SLSQP", "TNC", "trust-constr", "adam"])
@pytest.mark.parametrize("readout", ["parity", "probabilities"])
def test_a_model_without_weights_is_refused(optimizer, readout):
    model = quick(
        feature_map=qk.feature_maps.angle,
        ansatz=without_weights,
        readout=readout,
        optimizer=optimizer,
    )
    with pytest.raises(ValueError, match="nothing to train: expected a circuit with trainable"):
        model.fit(X, LABELS)


def test_scale_and_bias_of_an_expectation_value_are_trained_without_weights():
    model = quick(feature_map=qk.feature_maps.angle, ansatz=without_weights).fit(X, LABELS)
    assert model.weights_.size == 0
    assert model.history_[-1] < model.history_[0]


@pytest.mark.parametrize("readout", ["parity", "probabilities"])
def test_outcomes_of_too_many_qubits_are_refused_before_they_are_counted(readout):
    wide = np.random.default_rng(0).normal(size=(30, 50))
    model = quick(feature_map=qk.feature_maps.angle, readout=readout)
    with pytest.raises(MemoryError, match="for the outputs of 1125899906842624 basis states"):
        model.fit(wide, np.arange(30) % 2)


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_loss_that_is_not_finite_is_named():
    model = VariationalRegressor(max_iter=5, optimizer=Adam(1e200), random_state=0)
    with pytest.raises(ValueError, match=r"expected a finite loss, got (inf|nan), of scores up to"):
        model.fit(X, LABELS)


def test_a_callback_gets_a_copy():
    def callback(step, theta, loss):
        theta[:] = 0

    options = {"optimizer": "adam", "max_iter": 4}
    changed = quick(callback=callback, **options).fit(X, LABELS)
    np.testing.assert_array_equal(changed.weights_, quick(**options).fit(X, LABELS).weights_)


def test_the_warning_of_an_interruption_points_to_the_caller():
    def callback(step, theta, loss):
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="training was interrupted") as caught:
        quick(callback=callback).fit(X, LABELS)
    assert caught[0].filename == __file__


def test_of_estimated_losses_the_luckiest_is_not_taken_for_the_best():
    evaluator = qk.StatevectorEvaluator(repetitions=20, random_state=0)
    thetas = []
    model = quick(
        evaluator=evaluator,
        optimizer="adam",
        max_iter=19,
        callback=lambda step, theta, loss: thetas.append(theta),
    ).fit(X[::10], LABELS[::10])
    kept = np.concatenate([model.weights_, model.output_scale_, model.output_bias_])
    np.testing.assert_array_equal(kept, thetas[-1])
    assert model.loss_ == pytest.approx(model.history_[-2:].mean())
