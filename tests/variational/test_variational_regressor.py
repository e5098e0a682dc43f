"""`VariationalRegressor`: predictions by hand, targets of all shapes and scales, training."""

import pickle

import cirq
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import qkernels as qk
from qkernels import ansatze, feature_maps
from qkernels.variational import VariationalRegressor


def small(**options):
    """Return a regressor with few weights."""
    settings = {"ansatz": ansatze.two_local, "max_iter": 10, "random_state": 0}
    return VariationalRegressor(**{**settings, **options})


def waves(n_points=24):
    """Return points, and two functions of them."""
    X = np.random.default_rng(0).uniform(-1.5, 1.5, (n_points, 2))
    return X, np.stack([np.sin(X[:, 0]) + X[:, 1], 100 + 5 * np.cos(X.sum(axis=1))], axis=1)


# The default ansatz, as a score is asked for with ten features; 20 steps suffice, and are quick.
@parametrize_with_checks([VariationalRegressor(max_iter=20, random_state=0)])
def test_scikit_learn_compatibility(estimator, check):
    check(estimator)


@pytest.mark.parametrize("uploads", [1, 2])
def test_one_point_from_data_to_targets_by_hand(uploads):
    X, y = waves()
    model = small(
        feature_map=feature_maps.angle, bandwidth=[0.4, 0.8], data_reuploading=uploads
    ).fit(X, y)
    circuit, point = model.network_.circuit, X[3]
    values = {"x0": 0.4 * point[0], "x1": 0.8 * point[1]}
    values |= {s.name: w for s, w in zip(circuit.parameter_symbols, model.weights_, strict=True)}
    state = cirq.Simulator(dtype=np.complex128).simulate(
        circuit.circuit, values, qubit_order=cirq.LineQubit.range(2)
    )
    p = np.abs(state.final_state_vector) ** 2
    z = np.array([p @ [1, 1, -1, -1], p @ [1, -1, 1, -1]])
    standardised = z * model.output_scale_ + model.output_bias_
    expected = standardised * y.std(axis=0) + y.mean(axis=0)
    np.testing.assert_allclose(model.predict([point]), [expected], rtol=1e-9)


def test_the_loss_is_the_squared_error_of_standardised_targets():
    X, y = waves()
    model = small().fit(X, y)
    np.testing.assert_allclose(model.target_mean_, y.mean(axis=0))
    np.testing.assert_allclose(model.target_std_, y.std(axis=0))
    errors = (model.predict(X) - y) / y.std(axis=0)
    np.testing.assert_allclose(model.loss_, np.mean(errors**2, axis=0).sum())
    np.testing.assert_allclose(model.score(X, y), 1 - model.loss_ / 2)


def test_defaults_learn_a_smooth_function():
    X, y = waves(60)
    model = VariationalRegressor(random_state=0, max_iter=60).fit(X[:40], y[:40])
    assert model.score(X[40:], y[40:]) > 0.95


@pytest.mark.parametrize("shape", [(24,), (24, 1), (24, 2)])
def test_predictions_have_the_shape_of_the_targets(shape):
    X, y = waves()
    y = y[:, 0] if len(shape) == 1 else y[:, : shape[1]]
    model = small(max_iter=2).fit(X, y)
    assert model.predict(X).shape == shape
    assert model.output_scale_.shape == (1 if len(shape) == 1 else shape[1],)


def test_shifted_and_scaled_targets_give_shifted_and_scaled_predictions():
    X, y = waves()
    first, second = small().fit(X, y), small().fit(X, 1e6 * y - 1e8)
    np.testing.assert_allclose(second.predict(X), 1e6 * first.predict(X) - 1e8, rtol=1e-4)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e9 / 3])
def test_a_constant_target_is_predicted(constant):
    X, y = waves()
    y[:, 0] = constant
    model = small(max_iter=60).fit(X, y)
    assert model.target_std_[0] == 1
    expected = np.full(len(X), constant)
    np.testing.assert_allclose(model.predict(X)[:, 0], expected, rtol=1e-6, atol=0.1)


def test_observables_of_ones_own():
    X, y = waves()
    a, b = cirq.LineQubit.range(2)
    observables = [cirq.X(a) * cirq.X(b), cirq.PauliString({b: cirq.Z}) + 0.5]
    model = small(feature_map=feature_maps.angle, observables=observables).fit(X, y)
    outputs = qk.qnn.ExpectationNetwork(
        feature_maps.angle(2), ansatze.two_local, observables, bandwidth=0.5**0.5
    ).forward(X, model.weights_)
    expected = outputs * model.output_scale_ + model.output_bias_
    np.testing.assert_allclose(model.predict(X), expected * y.std(axis=0) + y.mean(axis=0))


def test_pickled_and_cloned():
    X, y = waves()
    model = small(observables=[cirq.PauliString({cirq.LineQubit(1): cirq.Z}) + 1.0]).fit(X, y[:, 0])
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    np.testing.assert_array_equal(clone(model).fit(X, y[:, 0]).weights_, model.weights_)


def test_searches_and_pipelines():
    X, y = waves()
    grid = {"bandwidth": [0.3, 0.6], "ansatz": [ansatze.two_local, ansatze.strongly_entangling]}
    search = GridSearchCV(small(max_iter=3), grid, cv=2, error_score="raise").fit(X, y)
    assert search.predict(X).shape == y.shape
    pipeline = make_pipeline(StandardScaler(), small(max_iter=40))
    assert cross_val_score(pipeline, X, y[:, 0], cv=3, error_score="raise").mean() > 0.5


def test_a_warm_start_goes_on():
    X, y = waves()
    model = small(warm_start=True).fit(X, y)
    before = model.loss_
    np.testing.assert_allclose(model.fit(X, y).history_[0], before)
    assert model.loss_ < before
    with pytest.raises(ValueError, match="goes on with the circuit and the readout of Exp"):
        model.fit(X, y[:, 0])


@pytest.mark.parametrize("optimizer", ["adam", "spsa"])
def test_batches(optimizer):
    X, y = waves()
    model = small(optimizer=optimizer, batch_size=8, max_iter=60).fit(X, y)
    assert model.history_.shape == (61,)
    assert model.loss_ == pytest.approx(model.history_[-6:].mean())
    assert model.loss_ < model.history_[:6].mean()


def test_training_on_samples_by_the_parameter_shift_rule():
    X, y = waves(8)
    evaluator = qk.SamplerEvaluator(cirq.Simulator(seed=1), repetitions=500, random_state=0)
    model = small(
        feature_map=feature_maps.angle, evaluator=evaluator, optimizer="adam", max_iter=12
    ).fit(X, y[:, 0])
    assert model.loss_ < 0.9 * model.history_[0]
    exact = qk.qnn.ExpectationNetwork(
        model.network_.circuit,
        observables=list(model.network_.observables.words),
        bandwidth=0.5**0.5,
    ).forward(X, model.weights_)
    sampled = (model.predict(X) - y[:, 0].mean()) / y[:, 0].std()
    error = np.abs(sampled - (exact * model.output_scale_ + model.output_bias_)[:, 0])
    assert (error < 5 * np.abs(model.output_scale_) / np.sqrt(500)).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"optimizer": "sgd"},
            ValueError,
            r"optimizer: expected one of \['L-BFGS-B', .* got 'sgd'",
        ),
        ({"max_iter": 1.5}, ValueError, "max_iter: expected an integer of at least 1, got 1.5"),
        (
            {"observables": [cirq.PauliString({cirq.LineQubit(0): cirq.Z})]},
            ValueError,
            "observables: expected 2, one for each score .* got 1",
        ),
        ({"feature_map": "zz"}, TypeError, "feature_map must be a FeatureMap or a function"),
    ],
)
def test_refused_arguments(options, error, message):
    with pytest.raises(error, match=message):
        small(**options).fit(*waves())


def test_refused_targets():
    X, y = waves()
    with pytest.raises(ValueError, match="Input y contains NaN"):
        small().fit(X, np.where(np.arange(24)[:, np.newaxis] == 3, np.nan, y))
    with pytest.raises(ValueError, match="Complex data not supported"):
        small().fit(X, y * 1j)
    with pytest.raises(ValueError, match="expected at least 2 qubits for 2 scores, got 1"):
        small(feature_map=feature_maps.angle).fit(X[:, :1], y)
