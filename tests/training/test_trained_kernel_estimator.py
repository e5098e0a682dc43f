"""`TrainedKernelEstimator`: in every estimator that takes a kernel, and in every search over it."""

import re

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.decomposition import KernelPCA
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM

import qkernels as qk
from qkernels import KernelTrainer, TrainedKernelEstimator
from qkernels.kernels import QuantumKernel
from qkernels.losses import SVMDual

X, LABELS = qk.datasets.ad_hoc(24, random_state=0)
REAL = np.sin(X[:, 0]) + 0.3 * X[:, 1]
KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
TRAIN, TEST = slice(0, 16), slice(16, None)

ESTIMATORS = pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (SVC(C=2.0), LABELS),
        (SVR(C=2.0), REAL),
        (KernelRidge(alpha=0.1), REAL),
        (GaussianProcessRegressor(optimizer=None, alpha=0.1), REAL),
        (GaussianProcessClassifier(optimizer=None), LABELS),
    ],
    ids=lambda value: type(value).__name__,
)


def trained(estimator, **options):
    return TrainedKernelEstimator(estimator, KernelTrainer(KERNEL, **{"max_iter": 5} | options))


# -- One estimator


@ESTIMATORS
def test_it_is_the_estimator_with_the_trained_kernel(estimator, y):
    model = trained(estimator).fit(X[TRAIN], y[TRAIN])
    kernel = KernelTrainer(KERNEL, max_iter=5).fit(X[TRAIN], y[TRAIN]).kernel_
    assert kernel != KERNEL
    assert model.trainer_.kernel_ == kernel
    expected = clone(estimator).set_params(kernel=kernel).fit(X[TRAIN], y[TRAIN])
    np.testing.assert_array_equal(model.predict(X[TEST]), expected.predict(X[TEST]))
    assert model.score(X[TEST], y[TEST]) == expected.score(X[TEST], y[TEST])


@ESTIMATORS
def test_what_is_given_stays_as_it_was(estimator, y):
    model = trained(clone(estimator))
    before = model.get_params(), model.estimator.kernel
    assert model.fit(X, y) is model
    assert model.get_params() == before[0]
    assert model.estimator.kernel is before[1]
    assert model.trainer.kernel == KERNEL
    assert not hasattr(model.trainer, "kernel_")


def test_tags_are_the_estimators():
    classifier, regressor = trained(SVC()), trained(SVR())
    assert is_classifier(classifier)
    assert not is_regressor(classifier)
    assert is_regressor(regressor)
    assert not is_classifier(regressor)


def test_classes_and_width_are_known_when_fitted():
    model = trained(SVC())
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "n_features_in_")
    model.fit(X, np.where(LABELS > 0, "in", "out"))
    assert model.classes_.tolist() == ["in", "out"]
    assert model.n_features_in_ == 2
    assert set(model.predict(X)) <= {"in", "out"}
    assert not hasattr(trained(SVR()).fit(X, REAL), "classes_")


METHODS = {
    "predict": SVC(),
    "decision_function": SVC(),
    "predict_proba": GaussianProcessClassifier(optimizer=None),
    "transform": KernelPCA(2),
    "score_samples": OneClassSVM(),
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_the_estimators(method):
    model = trained(METHODS[method])
    with pytest.raises(NotFittedError, match="This TrainedKernelEstimator instance is not fitted"):
        getattr(model, method)(X)
    model.fit(X[TRAIN], LABELS[TRAIN])
    found = getattr(model, method)(X[TEST])
    np.testing.assert_array_equal(found, getattr(model.estimator_, method)(X[TEST]))
    assert len(found) == 8


def test_a_score_needs_a_fit():
    with pytest.raises(NotFittedError, match="This TrainedKernelEstimator instance is not fitted"):
        trained(SVC()).score(X, LABELS)


@pytest.mark.parametrize(
    ("estimator", "missing"),
    [
        (KernelRidge(), ["predict_proba", "predict_log_proba", "decision_function", "transform"]),
        (SVC(), ["predict_proba", "transform", "score_samples"]),
        (KernelPCA(), ["predict", "predict_proba", "score"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_there_are_no_methods_that_the_estimator_lacks(estimator, missing):
    model = trained(estimator)
    for _ in ("before", "after"):
        for method in missing:
            assert not hasattr(model, method)
        model.fit(X, LABELS)


def test_log_probabilities_are_those_of_probabilities():
    class Soft(GaussianProcessClassifier):
        def predict_log_proba(self, X):
            return np.log(self.predict_proba(X))

    model = trained(Soft(optimizer=None))
    with pytest.raises(NotFittedError, match="not fitted"):
        model.predict_log_proba(X)
    model.fit(X, LABELS)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


def test_options_of_predict_are_passed_on():
    model = trained(GaussianProcessRegressor(optimizer=None, alpha=0.1)).fit(X[TRAIN], REAL[TRAIN])
    mean, std = model.predict(X[TEST], return_std=True)
    assert mean.shape == std.shape == (8,)


def test_an_estimator_without_kernel():
    with pytest.raises(ValueError, match=re.escape("Invalid parameter 'kernel' for estimator Lin")):
        trained(LinearRegression()).fit(X, REAL)


# -- Against scikit-learn's own optimiser


def test_the_marginal_likelihood_is_that_of_the_process_own_optimiser():
    kernel = ConstantKernel(2.0) * KERNEL + WhiteKernel(0.05)
    process = GaussianProcessRegressor(kernel).fit(X, REAL)
    trainer = KernelTrainer(kernel, loss="log_marginal_likelihood")
    model = TrainedKernelEstimator(GaussianProcessRegressor(optimizer=None), trainer).fit(X, REAL)
    start = GaussianProcessRegressor(kernel, optimizer=None).fit(X, REAL)
    likelihood = model.estimator_.log_marginal_likelihood_value_
    assert likelihood > start.log_marginal_likelihood_value_ + 1
    assert likelihood == pytest.approx(process.log_marginal_likelihood_value_, abs=1e-4)
    assert model.trainer_.loss_ == pytest.approx(-likelihood, rel=1e-10)
    np.testing.assert_allclose(model.trainer_.kernel_.theta, process.kernel_.theta, atol=0.05)


# -- Pipelines, folds, searches


@pytest.fixture
def trained_on(monkeypatch):
    """Return the list of all points of which a matrix with its gradient was computed."""
    seen = []
    original = QuantumKernel.value_and_vjp

    def spy(self, X, Y=None):
        assert Y is None
        seen.append(np.array(X))
        return original(self, X)

    monkeypatch.setattr(QuantumKernel, "value_and_vjp", spy)
    return seen


def test_training_never_sees_the_fold_that_is_tested(trained_on):
    folds = StratifiedKFold(3)
    scores = cross_val_score(trained(SVC()), X, LABELS, cv=folds)
    training = [X[train] for train, _ in folds.split(X, LABELS)]
    owners = [[np.array_equal(points, fold) for fold in training] for points in trained_on]
    assert len(owners) > 3
    assert {tuple(owner) for owner in owners} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    expected = [
        trained(SVC()).fit(X[train], LABELS[train]).score(X[test], LABELS[test])
        for train, test in folds.split(X, LABELS)
    ]
    np.testing.assert_array_equal(scores, expected)


def test_in_a_pipeline_the_kernel_is_trained_on_what_came_through(trained_on):
    model = make_pipeline(StandardScaler(), trained(SVC())).fit(X[TRAIN], LABELS[TRAIN])
    scaler = StandardScaler().fit(X[TRAIN])
    for points in trained_on:
        np.testing.assert_array_equal(points, scaler.transform(X[TRAIN]))
    expected = trained(SVC()).fit(scaler.transform(X[TRAIN]), LABELS[TRAIN])
    found = model.predict(X[TEST])
    np.testing.assert_array_equal(found, expected.predict(scaler.transform(X[TEST])))
    assert model.classes_.tolist() == [-1, 1]


def test_predictions_do_not_train(trained_on):
    model = trained(SVC()).fit(X[TRAIN], LABELS[TRAIN])
    n = len(trained_on)
    model.predict(X[TEST])
    model.decision_function(X[TEST])
    assert len(trained_on) == n


def test_grid_search_over_loss_and_estimator():
    grid = {
        "trainer__loss": ["target_alignment", SVMDual(C=10.0)],
        "trainer__kernel__bandwidth": [0.3, 0.9],
        "estimator__C": [0.1, 10.0],
    }
    search = GridSearchCV(trained(SVC(), max_iter=2), grid, cv=2).fit(X, LABELS)
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))
    assert len(search.cv_results_["params"]) == 8
    best = search.best_estimator_
    assert best.trainer_.loss == search.best_params_["trainer__loss"]
    assert best.trainer_.kernel.bandwidth == search.best_params_["trainer__kernel__bandwidth"]
    assert search.best_params_["estimator__C"] == best.estimator_.C
    for index, parameters in enumerate(search.cv_results_["params"][:2]):
        model = trained(SVC(), max_iter=2).set_params(**parameters)
        scores = cross_val_score(model, X, LABELS, cv=2)
        assert search.cv_results_["mean_test_score"][index] == pytest.approx(scores.mean())


def test_a_clone_is_not_fitted():
    model = trained(SVC(C=3.0)).fit(X, LABELS)
    copy = clone(model)
    assert copy.estimator.C == 3.0
    assert not hasattr(copy, "estimator_")
    copy.set_params(trainer__max_iter=1, estimator__C=4.0)
    assert (copy.trainer.max_iter, copy.estimator.C) == (1, 4.0)
