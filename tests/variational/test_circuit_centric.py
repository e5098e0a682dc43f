"""The circuit-centric classifier as scikit-learn takes it, and what it refuses."""

import pickle
import re

import cirq
import numpy as np
import pytest
import sympy
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import qkernels as qk
from qkernels.sampling.budget import BudgetExceeded
from qkernels.variational import circuit_centric_training as training
from qkernels.variational.circuit_centric import CircuitCentricClassifier
from tests.variational.circuit_centric_dense import dense_probabilities, dense_states

MOONS = make_moons(40, noise=0.1, random_state=0)


def quick(**arguments):
    """Return a classifier that is trained in no time, and need not be good."""
    return CircuitCentricClassifier(
        **{"max_iter": 3, "n_restarts": 0, "random_state": 0, "ranges": (1,)} | arguments
    )


@parametrize_with_checks([quick()])
def test_scikit_learn_takes_it_for_a_classifier(estimator, check):
    check(estimator)


@pytest.mark.parametrize("loss", ["squared", "perceptron"])
def test_two_copies_tell_moons_apart(loss):
    X, y = MOONS
    model = CircuitCentricClassifier(copies=2, loss=loss, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.score(X, y) == 1 - model.history_[0].min()
    p = dense_probabilities(dense_states(X, 2, 1.0), model.weights_[0], (1, 1))
    np.testing.assert_allclose(model.decision_function(X), p + model.bias_[0] - 0.5, atol=1e-12)
    assert model.weights_.shape == (1, model.circuit_.n_parameters)
    assert model.n_iter_ == 50
    assert model.history_[0].shape == (51,)


def test_one_rotation_finds_the_angle_between_two_lines():
    """The p = sin²(φ + w/2) of points at angle φ is largest at 45° for w = π/2."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(150, 2))
    angle = np.arctan2(X[:, 1], X[:, 0])
    y = (angle > np.pi / 6) & (angle < np.pi / 3)
    w = sympy.Symbol("w")
    turn = qk.FeatureMap(cirq.Circuit(cirq.ry(w)(cirq.q(0))), [], [w])
    model = CircuitCentricClassifier(ansatz=turn, padding=0, random_state=0).fit(X, y)
    (weight,), (bias,) = model.weights_[0], model.bias_
    margin = np.sin(angle + weight / 2) ** 2 + bias - 0.5
    np.testing.assert_allclose(model.decision_function(X), margin, atol=1e-12)
    assert weight % (2 * np.pi) == pytest.approx(np.pi / 2, abs=0.1)
    assert bias == pytest.approx(0.5 - np.sin(np.radians(75)) ** 2, abs=0.02)
    assert model.score(X, y) == 1


def test_one_model_for_each_of_several_classes():
    X, labels = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"])[labels]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = CircuitCentricClassifier(max_iter=20, n_restarts=0, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    states = dense_states(X, 1, 1.0)
    margins = np.column_stack(
        [
            dense_probabilities(states, weights, (1, 1)) + bias - 0.5
            for weights, bias in zip(model.weights_, model.bias_, strict=True)
        ]
    )
    np.testing.assert_allclose(model.decision_function(X), margins, atol=1e-12)
    assert model.predict(X).tolist() == model.classes_[margins.argmax(axis=1)].tolist()
    for k, history in enumerate(model.history_):
        assert history.min() == np.mean((margins[:, k] > 0) != (labels == k))


def test_more_starts_are_no_worse():
    X, y = MOONS
    best = [quick(n_restarts=n).fit(X, y).history_[0].min() for n in (0, 1, 5)]
    assert best == sorted(best, reverse=True)
    assert best[0] > best[-1]


def test_the_same_seed_gives_the_same_model():
    X, y = MOONS
    one, same, other = (quick(random_state=seed).fit(X, y) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weights_, same.weights_)
    assert not np.array_equal(one.weights_, other.weights_)


def test_pickles_and_clones():
    X, y = MOONS
    model = quick(feature_map=qk.feature_maps.zz, ranges=(1, 1)).fit(X, y)
    found = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(found.decision_function(X), model.decision_function(X))
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert not hasattr(copied, "weights_")


def test_a_grid_search_reaches_every_argument():
    X, y = MOONS
    grid = {"ranges": [(1,), (1, 1)], "loss": ["squared", "perceptron"], "padding": [0.5, 2.0]}
    search = GridSearchCV(quick(), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert np.all(search.cv_results_["mean_test_score"] > 0.4)


def test_there_are_no_probabilities_of_classes():
    assert not hasattr(quick().fit(*MOONS), "predict_proba")


@pytest.mark.parametrize(
    ("stop", "words"), [(KeyboardInterrupt, "interrupted"), (BudgetExceeded, "its budget")]
)
def test_what_is_best_so_far_is_kept(monkeypatch, stop, words):
    X, y = MOONS[0], np.arange(40) % 3
    whole = quick(n_restarts=1).fit(X, y)
    slope, calls = training.Readout.slope, []

    def interrupted(self, *arguments):
        calls.append(None)
        # Three models, three epochs of two batches: then the third model's third epoch.
        if len(calls) > 16:
            raise stop
        return slope(self, *arguments)

    monkeypatch.setattr(training.Readout, "slope", interrupted)
    with pytest.warns(UserWarning, match=f"training .*{words}; the best so far is kept"):
        model = quick(n_restarts=1).fit(X, y)
    assert [len(history) for history in model.history_] == [4, 4, 3]
    assert model.n_iter_ == 3
    assert model.predict(X).shape == (40,)
    assert all(a.min() >= b.min() for a, b in zip(model.history_, whole.history_, strict=True))


def interrupted(self, *arguments):
    raise KeyboardInterrupt


def test_the_starts_are_kept_where_no_step_was_taken(monkeypatch):
    X, y = MOONS[0], np.arange(40) % 3
    monkeypatch.setattr(training.Readout, "slope", interrupted)
    with pytest.warns(UserWarning, match="training was interrupted; the best so far is kept"):
        model = quick().fit(X, y)
    assert [len(history) for history in model.history_] == [1, 1, 1]
    assert model.n_iter_ == 0
    assert set(model.predict(X)) <= {0, 1, 2}


def test_before_each_model_has_a_start_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(training.Readout, "probabilities", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick().fit(MOONS[0], np.arange(40) % 3)


def test_a_refit_that_fails_leaves_the_model_as_it_was():
    X, y = MOONS[0], np.arange(40) % 3
    model = quick().fit(X, y)
    before = model.predict(X)
    with pytest.raises(TypeError, match="ansatz: expected None"):
        model.set_params(ansatz=3).fit(*MOONS)
    np.testing.assert_array_equal(model.predict(X), before)


def test_verbose_shows_a_bar(capsys):
    quick().fit(*MOONS)
    assert capsys.readouterr().err == ""
    quick(verbose=1, n_restarts=1).fit(*MOONS)
    assert re.search(r"training: 100%.* 6/6", capsys.readouterr().err)


def test_a_feature_map_can_encode():
    X, y = MOONS
    model = quick(feature_map=qk.feature_maps.angle, copies=2).fit(X, y)
    one = [cirq.final_state_vector(qk.feature_maps.angle(2).resolve(row)) for row in X]
    states = np.array([np.kron(state, state) for state in one])
    p = dense_probabilities(states, model.weights_[0], (1,))
    np.testing.assert_allclose(model.decision_function(X), p + model.bias_ - 0.5, atol=1e-6)


def test_a_feature_map_keeps_its_arccosines():
    X, y = np.clip(MOONS[0], -1, 1), MOONS[1]
    given = qk.feature_maps.chebyshev(2)
    model = quick(feature_map=given).fit(X, y)
    states = np.array([cirq.final_state_vector(given.resolve(row)) for row in X])
    p = dense_probabilities(states, model.weights_[0], (1,))
    np.testing.assert_allclose(model.decision_function(X), p + model.bias_ - 0.5, atol=1e-6)


# -- The way from start to end


def test_validation_points_judge_and_are_not_learnt_from(monkeypatch):
    tasks, ways = [], []
    epochs = training.GradientDescent.epochs

    def spy(self, task, *arguments):
        tasks.append(task)
        ways.append([*epochs(self, task, *arguments)])
        return iter(ways[-1])

    monkeypatch.setattr(training.GradientDescent, "epochs", spy)
    X, y = MOONS
    model = quick(validation_fraction=0.25).fit(X, y)
    task = tasks[0]
    assert sorted([*task.train, *task.judged]) == list(range(40))
    assert len(task.judged) == 10
    wrong = model.predict(X[task.judged]) != y[task.judged]
    assert model.history_[0].min() == wrong.mean()
    changed = X.copy()
    changed[task.judged] += 0.3
    quick(validation_fraction=0.25).fit(changed, y)
    for one, other in zip(*ways, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        assert one.error != other.error


@pytest.mark.parametrize("seed", range(3))
def test_validation_points_are_of_each_class_in_proportion(monkeypatch, seed):
    tasks = []
    epochs = training.GradientDescent.epochs
    monkeypatch.setattr(
        training.GradientDescent,
        "epochs",
        lambda self, task, *rest: tasks.append(task) or epochs(self, task, *rest),
    )
    y = np.arange(40) % 10 == 0
    quick(validation_fraction=0.5, random_state=seed).fit(MOONS[0], y)
    assert tasks[0].y[tasks[0].judged].sum() == 2


def test_of_equally_many_misses_the_smaller_error_is_kept(monkeypatch):
    values = [(0.2, 0.0), (0.1, 0.3), (0.1, 0.2), (0.1, 0.25)]

    def epochs(self, task, weights, random):
        for k, (misses, error) in enumerate(values):
            yield training.Judgement(misses, error, float(k), np.full_like(weights, k))

    monkeypatch.setattr(training.GradientDescent, "epochs", epochs)
    model = quick(n_restarts=1).fit(*MOONS)
    assert model.bias_.tolist() == [2.0]
    assert set(model.weights_.ravel()) == {2.0}
    assert model.history_[0].tolist() == [0.2, 0.1, 0.1, 0.1]


# -- What is refused

X2, Y2 = MOONS
TRAINABLE = qk.feature_maps.hubregtsen(2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"loss": "hinge"}, ValueError, "loss to be one of ['squared', 'perceptron'], got 'hinge'"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate must be a positive finite number, got"),
        ({"momentum": 1.0}, ValueError, "expected momentum to be at least 0 and below 1, got 1.0"),
        ({"momentum": None}, ValueError, "expected momentum to be a finite real number, got None"),
        ({"decay": 0.0}, ValueError, "expected decay to be above 0 and at most 1, got 0.0"),
        ({"decay": 1.1}, ValueError, "expected decay to be above 0 and at most 1, got 1.1"),
        ({"batch_size": 0}, ValueError, "batch_size to be an integer of at least 1, got 0"),
        ({"max_iter": 0}, ValueError, "max_iter to be an integer of at least 1, got 0"),
        ({"n_restarts": -1}, ValueError, "n_restarts to be an integer of at least 0, got -1"),
        ({"validation_fraction": 1.0}, ValueError, "to be above 0 and below 1, got 1.0"),
        ({"copies": 0}, ValueError, "expected copies to be an integer of at least 1, got 0"),
        ({"padding": np.nan}, ValueError, "expected padding to be a finite real number, got nan"),
        ({"ranges": ()}, ValueError, "a sequence of at least one positive integer, got ()"),
        ({"ranges": 1}, ValueError, "a sequence of at least one positive integer, got 1"),
        ({"ranges": (0,)}, ValueError, "each of ranges to be an integer of at least 1, got 0"),
        (
            {"ranges": (1, 4)},
            ValueError,
            "expected no range to be a multiple of the number of qubits, 2, got 4",
        ),
        (
            {"feature_map": "angle"},
            ValueError,
            "'amplitude', a FeatureMap or a function that returns one, got 'angle'",
        ),
        ({"ansatz": 3}, TypeError, "ansatz: expected None, a FeatureMap without features, or a"),
        ({"feature_map": 3}, TypeError, "feature_map must be a FeatureMap or a function of"),
        (
            {"feature_map": qk.feature_maps.zz(3)},
            ValueError,
            "expected a feature map of 2 features, got 3 in the feature map 'zz'",
        ),
        (
            {"feature_map": TRAINABLE},
            ValueError,
            "without trainable parameters, got 3 in the feature map 'hubregtsen': bind them",
        ),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        quick(**arguments).fit(X2, Y2)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (X2, np.zeros(40), ValueError, "expected at least two classes, got one class: "),
        (X2, np.linspace(0, 1, 40), ValueError, "Unknown label type: continuous"),
        (X2 * 1j, Y2, ValueError, "Complex data not supported"),
        (csr_array(X2), Y2, TypeError, "Sparse data was passed"),
        (X2[:-1], Y2, ValueError, "inconsistent numbers of samples: [39, 40]"),
    ],
)
def test_data_are_checked(X, y, error, message):
    with pytest.raises(error, match=re.escape(message)):
        quick().fit(X, y)


def test_zeros_without_padding_have_no_state():
    X = X2.copy()
    X[3] = 0
    message = "expected rows that are not all zeros, or padding other than 0; got zeros in row 3"
    with pytest.raises(ValueError, match=message):
        quick(padding=0.0).fit(X, Y2)
    model = quick(padding=0.0).fit(X2, Y2)
    with pytest.raises(ValueError, match=message):
        model.predict(X)
    assert quick().fit(X, Y2).predict(X).shape == (40,)


def test_predictions_need_a_fit_and_its_features():
    with pytest.raises(NotFittedError):
        quick().predict(X2)
    with pytest.raises(ValueError, match="X has 1 features, but CircuitCentricClassifier is exp"):
        quick().fit(X2, Y2).predict(X2[:, :1])
