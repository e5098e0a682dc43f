"""The circuit-centric classifier beside dense matrices, and as scikit-learn takes it."""

import pickle
import re
from itertools import pairwise

import cirq
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import qkernels as qk
from qkernels.sampling.budget import BudgetExceeded
from qkernels.variational import circuit_centric_training as training
from qkernels.variational.circuit_centric import CircuitCentricClassifier, code_blocks
from qkernels.variational.circuit_centric_circuit import Encoding

MOONS = make_moons(40, noise=0.1, random_state=0)


def quick(**arguments):
    """Return a classifier that is trained in no time, and need not be good."""
    return CircuitCentricClassifier(
        **{"max_iter": 3, "n_restarts": 0, "random_state": 0, "ranges": (1,)} | arguments
    )


# -- Dense matrices


def gate(alpha, beta, gamma):
    """Return G(α, β, γ) as the paper writes it."""
    cos, sin = np.cos(alpha), np.sin(alpha)
    return np.array(
        [
            [np.exp(1j * beta) * cos, np.exp(1j * gamma) * sin],
            [-np.exp(-1j * gamma) * sin, np.exp(-1j * beta) * cos],
        ]
    )


def on_qubit(matrix, qubit, n):
    return np.kron(np.kron(np.eye(2**qubit), matrix), np.eye(2 ** (n - qubit - 1)))


def controlled(matrix, control, target, n):
    zero, one = (on_qubit(np.diag(d), control, n) for d in ([1, 0], [0, 1]))
    return zero + one @ on_qubit(matrix, target, n)


def dense_blocks(weights, n, ranges):
    """Return the matrix of code blocks, gate after gate."""
    gates = iter(gate(*triple) for triple in np.reshape(weights, (-1, 3)))
    U = np.eye(2**n)
    for reach in ranges:
        for qubit in range(n):
            U = on_qubit(next(gates), qubit, n) @ U
        control = 0
        while n > 1:
            target = (control - reach) % n
            U = controlled(next(gates), control, target, n) @ U
            control = target
            if control == 0:
                break
    U = on_qubit(next(gates), 0, n) @ U
    assert next(gates, None) is None
    return U


def dense_states(X, copies, padding):
    """Return the encoded points, a row each."""
    size = 2
    while size < X.shape[1] + bool(padding):
        size *= 2
    rows = np.full((len(X), size), float(padding))
    rows[:, : X.shape[1]] = X
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    states = np.ones((len(X), 1))
    for _ in range(copies):
        states = np.einsum("pi,pj->pij", states, rows).reshape(len(X), -1)
    return states


def dense_probabilities(states, weights, ranges):
    n = states.shape[1].bit_length() - 1
    amplitudes = states @ dense_blocks(weights, n, ranges).T
    return np.sum(np.abs(amplitudes[:, 2 ** (n - 1) :]) ** 2, axis=1)


def central_differences(function, point, h=1e-5):
    steps = h * np.eye(len(point))
    return np.array([(function(point + s) - function(point - s)) / (2 * h) for s in steps])


# -- The circuit


@pytest.mark.parametrize(
    ("n", "ranges"),
    [(1, (1,)), (1, (2, 1)), (2, (1,)), (3, (1, 2)), (3, (4,)), (4, (2,)), (4, (3, 2, 1))],
)
def test_code_blocks_are_products_of_the_gates_in_the_paper(n, ranges):
    ansatz = code_blocks(n, ranges)
    weights = np.random.default_rng(n).uniform(0, 2 * np.pi, ansatz.n_parameters)
    found = cirq.unitary(ansatz.resolve([], weights))
    np.testing.assert_allclose(found, dense_blocks(weights, n, ranges), atol=1e-12)


def test_the_circuit_for_eight_qubits_is_the_one_drawn_in_the_paper():
    ansatz = code_blocks(8, (1, 3))
    assert ansatz.n_parameters == 3 * 33
    operations = [op for op in ansatz.circuit.all_operations() if len(op.qubits) == 2]
    found = sorted({tuple(q.x for q in op.qubits) for op in operations})
    first = [(0, 7), *((k, k - 1) for k in range(1, 8))]
    second = [*pairwise((0, 5, 2, 7, 4, 1, 6, 3, 0))]
    assert found == sorted(first + second)
    assert len(operations) == 3 * 16
    assert [s.name for s in ansatz.parameter_symbols[:2]] == ["w0", "w1"]


@given(
    st.integers(1, 5),
    st.integers(1, 2),
    st.sampled_from([0.0, 1.0, -0.5]),
    st.integers(0, 2**32 - 1),
)
def test_points_are_encoded_as_copies_of_amplitudes(n_features, copies, padding, seed):
    X = np.random.default_rng(seed).normal(size=(3, n_features))
    X[0, 1:] = 0  # Zeros next to each other leave angles open.
    encoding = Encoding("amplitude", n_features, copies, padding)
    for inputs, state in zip(encoding.inputs(X), dense_states(X, copies, padding), strict=True):
        circuit = encoding.circuit.resolve(inputs)
        found = cirq.final_state_vector(
            circuit, qubit_order=cirq.LineQubit.range(len(state).bit_length() - 1)
        )
        np.testing.assert_allclose(found, state, atol=1e-6)


@pytest.mark.parametrize("scale", [1e300, 1e-300])
@pytest.mark.parametrize("padding", [0.0, 1.0])
def test_the_length_of_a_point_is_never_too_large(scale, padding):
    X = scale * np.array([[1.0, 2.0, 3.0]])
    encoding = Encoding("amplitude", 3, 1, padding)
    (row,) = encoding.inputs(X)
    state = cirq.final_state_vector(encoding.circuit.resolve(row))
    expected = np.append(X[0], padding) / max(3 * scale, padding)
    np.testing.assert_allclose(state, expected / np.linalg.norm(expected), atol=1e-6)


def test_equal_circuits_are_one_object():
    one, other = (Encoding("amplitude", 3, 2, 1.0).with_blocks(r) for r in ((1, 2), [1, 2]))
    assert one is other
    assert one is not Encoding("amplitude", 3, 2, 1.0).with_blocks((1,))


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


# -- The training


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


def test_validation_points_judge_and_are_not_learnt_from(monkeypatch):
    tasks, ways = [], []
    epochs = training.GradientDescent.epochs

    def spy(self, task, *arguments):
        tasks.append(task)
        ways.append([*epochs(self, task, *arguments)])
        return ways[-1]

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


# -- The estimator


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
        # Three models, three epochs of two batches: then the third model's second epoch.
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


def test_before_each_model_has_a_start_nothing_is_kept(monkeypatch):
    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Readout, "slope", interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick().fit(MOONS[0], np.arange(40) % 3)


def test_verbose_shows_a_bar(capsys):
    quick().fit(*MOONS)
    assert capsys.readouterr().err == ""
    quick(verbose=1, n_restarts=1).fit(*MOONS)
    assert re.search(r"training: 100%.* 8/8", capsys.readouterr().err)


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
        ({"validation_fraction": 1.0}, ValueError, "above 0 and below 1, or None, got 1.0"),
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


@pytest.mark.parametrize("n", [0, 1.5])
def test_code_blocks_need_qubits(n):
    with pytest.raises(ValueError, match=f"n_qubits to be an integer of at least 1, got {n}"):
        code_blocks(n)
