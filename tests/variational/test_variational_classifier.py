"""`VariationalClassifier`: predictions by hand, conventions of classes, training, and refusals."""

import pickle

import cirq
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import qkernels as qk
from qkernels import ansatze, feature_maps
from qkernels.optimizers import SPSA, Adam
from qkernels.sampling.budget import Budget
from qkernels.variational import VariationalClassifier

READOUTS = ["expectation", "parity", "probabilities"]
LOSSES = ["cross_entropy", "hinge", "squared"]


def small(**options):
    """Return a classifier with one layer of few weights."""
    settings = {"ansatz": ansatze.two_local, "max_iter": 10, "random_state": 0}
    return VariationalClassifier(**{**settings, **options})


def blobs(n_classes=2, n_points=24):
    X, y = make_blobs(n_points, 2, centers=n_classes, cluster_std=0.7, random_state=1)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


# Two layers of rotations and 20 steps suffice for the accuracy that is asked for, and are quick.
@parametrize_with_checks(
    [small(max_iter=20), small(max_iter=20, readout="probabilities", loss="squared")]
)
def test_scikit_learn_compatibility(estimator, check):
    check(estimator)


# -- Predictions by hand


def final_state(model, point):
    """Simulate the circuit of the documentation: bandwidth times data, then the weights."""
    circuit = model.network_.circuit
    values = {f"x{i}": b * x for i, (b, x) in enumerate(zip(model.bandwidth, point, strict=True))}
    values |= {s.name: w for s, w in zip(circuit.parameter_symbols, model.weights_, strict=True)}
    qubits = cirq.LineQubit.range(2)
    simulator = cirq.Simulator(dtype=np.complex128)
    return simulator.simulate(circuit.circuit, values, qubit_order=qubits).final_state_vector


@pytest.mark.parametrize("uploads", [1, 2])
def test_one_point_from_data_to_class_by_expectation_values(uploads):
    X, y = blobs(3)
    model = small(
        feature_map=feature_maps.angle, bandwidth=[0.4, 0.8], data_reuploading=uploads
    ).fit(X, y)
    point = X[5]
    p = np.abs(final_state(model, point)) ** 2
    z0, z1, zz = p @ [1, 1, -1, -1], p @ [1, -1, 1, -1], p @ [1, -1, -1, 1]
    scores = np.array([z0, z1, zz]) * model.output_scale_ + model.output_bias_
    np.testing.assert_allclose(model.decision_function([point]), [scores], atol=1e-9)
    np.testing.assert_allclose(model.predict_proba([point]), [softmax(scores)], atol=1e-9)
    assert model.predict([point]) == scores.argmax()


def test_two_classes_have_one_score_and_the_second_is_positive():
    X, y = blobs()
    model = small(feature_map=feature_maps.angle, bandwidth=[0.4, 0.8]).fit(X, y)
    p = np.abs(final_state(model, X[3])) ** 2
    score = p @ [1, 1, -1, -1] * model.output_scale_[0] + model.output_bias_[0]
    np.testing.assert_allclose(model.decision_function(X[3:4]), [score], atol=1e-9)
    expected = 1 / (1 + np.exp(-score))
    np.testing.assert_allclose(model.predict_proba(X[3:4]), [[1 - expected, expected]], atol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) > 0)
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize(
    ("readout", "outcomes"), [("parity", [0, 1, 1, 2]), ("probabilities", [0, 1, 2, 0])]
)
def test_one_point_from_data_to_class_by_probabilities(readout, outcomes):
    X, y = blobs(3)
    model = small(feature_map=feature_maps.angle, bandwidth=[0.4, 0.8], readout=readout).fit(X, y)
    of_states = np.abs(final_state(model, X[7])) ** 2
    expected = [of_states[np.array(outcomes) == k].sum() for k in range(3)]
    np.testing.assert_allclose(model.predict_proba(X[7:8]), [expected], atol=1e-9)
    np.testing.assert_allclose(model.decision_function(X[7:8]), [expected], atol=1e-9)
    assert model.output_scale_.shape == model.output_bias_.shape == (0,)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_class_predicted_is_the_most_probable(readout, loss, n_classes):
    X, y = blobs(n_classes)
    names = np.array(["zebra", "ape", "cat"])[y]
    model = small(readout=readout, loss=loss, max_iter=4).fit(X, names)
    assert model.classes_.tolist() == sorted(set(names))
    found, scores = model.predict(X), model.decision_function(X)
    assert scores.shape == ((24,) if n_classes == 2 else (24, 3))
    winners = (scores > 0).astype(int) if n_classes == 2 else scores.argmax(axis=1)
    np.testing.assert_array_equal(found, model.classes_[winners])
    assert hasattr(model, "predict_proba") == (readout != "expectation" or loss == "cross_entropy")
    if hasattr(model, "predict_proba"):
        probabilities = model.predict_proba(X)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_array_equal(found, model.classes_[probabilities.argmax(axis=1)])


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_two_classes_are_learned(readout, loss):
    X, y = blobs()
    model = small(readout=readout, loss=loss, max_iter=30).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.history_[-1] < model.history_[0]


def test_observables_of_ones_own_are_scores():
    X, y = blobs()
    a, b = cirq.LineQubit.range(2)
    total = 0.5 * cirq.X(a) * cirq.Z(b) + cirq.PauliString({b: cirq.Y}) - 0.3
    model = small(
        feature_map=feature_maps.angle, bandwidth=[0.4, 0.8], observables=[total], loss="squared"
    ).fit(X, y)
    state = final_state(model, X[0])
    value = total.expectation_from_state_vector(state, {a: 0, b: 1}).real
    expected = value * model.output_scale_ + model.output_bias_
    np.testing.assert_allclose(model.decision_function(X[:1]), expected, atol=1e-9)


@pytest.mark.parametrize("many", ["1 feature", "2 features"])
def test_more_classes_than_features(many):
    n_features = int(many[0])
    X = np.linspace(-2, 2, 20)[:, np.newaxis] ** np.arange(1, n_features + 1)
    y = np.repeat(np.arange(5), 4)
    model = small(ansatz=None, max_iter=60).fit(X, y)
    assert model.network_.n_outputs == 5
    assert model.score(X, y) > 0.8


# -- Copies and searches


@pytest.mark.parametrize("readout", READOUTS)
def test_pickled_and_cloned(readout):
    X, y = blobs()
    z = cirq.PauliString({cirq.LineQubit(0): cirq.Z})
    observables = [z + 0.5] if readout == "expectation" else None
    model = small(readout=readout, observables=observables).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    fresh = clone(model)
    assert not hasattr(fresh, "weights_")
    np.testing.assert_array_equal(fresh.fit(X, y).weights_, model.weights_)


def test_grid_search_in_other_processes():
    X, y = blobs()
    grid = [
        {"feature_map": [feature_maps.angle], "readout": READOUTS},
        {"ansatz": [ansatze.two_local, ansatze.hardware_efficient(6)], "bandwidth": [0.3, 1.0]},
    ]
    search = GridSearchCV(small(max_iter=3), grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    alone = GridSearchCV(small(max_iter=3), grid, cv=2, error_score="raise").fit(X, y)
    scores, expected = (s.cv_results_["mean_test_score"] for s in (search, alone))
    np.testing.assert_array_equal(scores, expected)
    assert len(scores) == 7
    assert search.best_estimator_.predict(X).shape == y.shape


def test_names_and_number_of_features():
    pd = pytest.importorskip("pandas")
    X, y = blobs()
    model = small().fit(pd.DataFrame(X, columns=["height", "width"]), y)
    assert model.feature_names_in_.tolist() == ["height", "width"]
    assert model.n_features_in_ == 2


# -- Training


def test_history_and_callback():
    X, y = blobs()
    seen = []

    def callback(step, theta, loss):
        seen.append((step, len(theta), loss))
        return step == 3

    model = small(callback=callback).fit(X, y)
    assert [step for step, *_ in seen] == [1, 2, 3]
    assert {size for _, size, _ in seen} == {model.network_.n_weights + 2}
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.history_[1:], [loss for *_, loss in seen])
    assert model.loss_ == model.history_.min() < model.history_[0]
    assert model.validation_history_ is None


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "adam", "spsa"])
def test_the_same_seed_gives_the_same_weights(optimizer):
    X, y = blobs()
    first, second, other = (
        small(optimizer=optimizer, random_state=seed).fit(X, y).weights_ for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, other)


def test_the_order_of_points_is_of_no_importance():
    X, y = blobs(3)
    order = np.random.default_rng(0).permutation(len(X))
    first, second = small().fit(X, y), small().fit(X[order], y[order])
    np.testing.assert_allclose(first.history_, second.history_, rtol=1e-6)
    np.testing.assert_allclose(first.weights_, second.weights_, atol=1e-4)


def test_ctrl_c_keeps_the_best():
    X, y = blobs()

    def interrupt(step, theta, loss):
        if step == 4:
            raise KeyboardInterrupt

    model = small(callback=interrupt)
    with pytest.warns(UserWarning, match="training was interrupted; the best so far is kept"):
        model.fit(X, y)
    assert model.n_iter_ == 4
    expected = small(max_iter=4).fit(X, y)
    np.testing.assert_array_equal(model.weights_, expected.weights_)


@pytest.mark.parametrize("optimizer", [Adam(learning_rate=0.1), SPSA(step=0.3)])
def test_batches(optimizer, monkeypatch):
    X, y = blobs(3)
    network, seen = qk.qnn.ExpectationNetwork, []
    forward = network.forward
    monkeypatch.setattr(
        network, "forward", lambda self, X, w: (seen.append(X), forward(self, X, w))[1]
    )
    model = small(optimizer=optimizer, batch_size=6, max_iter=30).fit(X, y)
    assert {len(batch) for batch in seen} == {6}
    rows = [[int(np.flatnonzero((point == X).all(axis=1))[0]) for point in b] for b in seen]
    assert all(np.bincount(y[row]).tolist() == [2, 2, 2] for row in rows)
    assert len({tuple(sorted(row)) for row in rows}) > 10
    assert model.loss_ == pytest.approx(model.history_[-3:].mean())
    assert model.history_[-5:].mean() < model.history_[:5].mean()


def test_the_best_of_all_starts_is_kept():
    X, y = blobs(3)
    ends = []

    def callback(step, theta, loss):
        ends.extend([np.inf] if step == 1 else [])
        ends[-1] = min(ends[-1], loss)

    model = small(n_restarts=3, max_iter=4, callback=callback).fit(X, y)
    assert len(ends) == 4
    assert model.loss_ == min(ends) < max(ends)


def test_a_warm_start_goes_on_where_training_ended():
    X, y = blobs()
    model = small(warm_start=True).fit(X, y)
    before = model.loss_
    model.fit(X, y)
    np.testing.assert_allclose(model.history_[0], before)
    assert model.loss_ < before
    cold = small().fit(X, y)
    np.testing.assert_array_equal(cold.fit(X, y).history_[0], cold.history_[0])
    assert cold.history_[0] > before


def test_a_warm_start_refuses_another_circuit_and_other_classes():
    X, y = blobs()
    model = small(warm_start=True).fit(X, y)
    weights = model.weights_
    with pytest.raises(
        ValueError, match=r"goes on with the classes \[0, 1\], got \['a', 'b'\]: gi"
    ):
        model.fit(X, np.array(["a", "b"])[y])
    with pytest.raises(ValueError, match="goes on with the circuit and the readout of Exp"):
        model.set_params(data_reuploading=2).fit(X, y)
    np.testing.assert_array_equal(model.weights_, weights)
    assert model.classes_.tolist() == [0, 1]


# -- Sampled circuits


def sampled(repetitions=200, **options):
    simulator = cirq.Simulator(seed=1)
    return qk.SamplerEvaluator(simulator, repetitions=repetitions, random_state=0, **options)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("optimizer", ["spsa", Adam(learning_rate=0.3)])
def test_training_on_samples(readout, optimizer):
    X, y = blobs(n_points=8)
    model = small(
        feature_map=lambda n: feature_maps.angle(n, "Y"),
        ansatz=lambda n: ansatze.two_local(n, rotations=["ry"]),
        evaluator=sampled(),
        optimizer=optimizer,
        readout=readout,
        max_iter=8,
    ).fit(X, y)
    exact = clone(model).set_params(evaluator=None, warm_start=True)
    assert model.history_.shape == (9,)
    assert model.history_[-1] < model.history_[0]
    # The exact model with the weights that samples led to.
    exact.fit(X, y)
    for name in ("weights_", "output_scale_", "output_bias_"):
        setattr(exact, name, getattr(model, name))
    np.testing.assert_allclose(model.predict_proba(X), exact.predict_proba(X), atol=0.15)


def test_estimated_probabilities_below_zero_count_as_zero(monkeypatch):
    X, y = blobs(3)
    model = small(readout="parity", max_iter=1).fit(X, y)
    estimates = np.array([[0.6, 0.5, -0.1], [-0.02, -0.01, 1.03]])
    monkeypatch.setattr(model.network_, "forward", lambda X, weights: estimates)
    expected = [[6 / 11, 5 / 11, 0], [0, 0, 1]]
    np.testing.assert_allclose(model.predict_proba(X[:2]), expected)
    assert model.predict(X[:2]).tolist() == [0, 2]


def test_a_budget_ends_the_training_and_the_best_is_kept():
    X, y = blobs(n_points=6)
    evaluator = sampled(100, budget=Budget(repetitions=100 * 6 * 7))
    model = small(feature_map=feature_maps.angle, evaluator=evaluator, optimizer="spsa")
    with pytest.warns(UserWarning, match="training reached its budget; the best so far is kept"):
        model.fit(X, y)
    assert model.n_iter_ == 2  # two evaluations a step; the first is recorded as the start
    assert np.isfinite(model.weights_).all()


# -- What is refused


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"readout": "samples"},
            ValueError,
            r"readout: expected one of \['expectation', .* got 's",
        ),
        ({"loss": "log"}, ValueError, r"loss: expected one of \['cross_entropy', .* got 'log'"),
        (
            {"optimizer": "sgd"},
            ValueError,
            r"optimizer: expected one of \['L-BFGS-B', .* got 'sgd'",
        ),
        ({"max_iter": 0}, ValueError, "max_iter: expected an integer of at least 1, got 0"),
        ({"n_restarts": -1}, ValueError, "n_restarts: expected an integer of at least 0, got -1"),
        ({"batch_size": 1, "optimizer": "adam"}, ValueError, "batch_size: .* at least 2, got 1"),
        ({"batch_size": 8}, ValueError, "batch_size=8 makes the loss noisy, .* got 'L-BFGS-B'"),
        ({"callback": 3}, TypeError, "callback: expected a function or None, got 3"),
        ({"random_state": "x"}, ValueError, "'x' cannot be used to seed"),
    ],
)
def test_refused_arguments(options, error, message):
    with pytest.raises(error, match=message):
        small(**options).fit(*blobs())


def test_refused_data():
    X, y = blobs()
    with pytest.raises(ValueError, match=r"expected two classes or more, got 1 class: .*7"):
        small().fit(X, np.full(len(X), 7))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        small().fit(X, X[:, 0])
    with pytest.raises(
        ValueError, match="X has 1 features, but VariationalClassifier is expecting"
    ):
        small().fit(X, y).predict(X[:, :1])
    with pytest.raises(ValueError, match=r"X has 2 features, but .*Classifier expects 3"):
        small(feature_map=feature_maps.angle(3)).fit(X, y)


def test_no_predictions_before_training_and_no_probabilities_of_margins():
    X, y = blobs()
    with pytest.raises(NotFittedError, match="This VariationalClassifier instance is not fitted"):
        small().predict(X)
    model = small(loss="hinge", max_iter=1).fit(X, y)
    with pytest.raises(AttributeError, match="predict_proba") as caught:
        model.predict_proba(X)
    message = "expected loss='cross_entropy', or a readout of probabilities; got loss='hinge' and"
    assert message in str(caught.value.__cause__)
