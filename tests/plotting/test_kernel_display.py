"""Displays of estimators: whose kernel is drawn, on which points; scikit-learn's own display."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

import qkernels as qk
from qkernels.plotting import (
    ConcentrationDisplay,
    GeometricDifferenceDisplay,
    GramDisplay,
    SpectrumDisplay,
)

KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5)
random = np.random.default_rng(0)
X = random.normal(size=(12, 2))
Y = np.arange(12) % 2
NEW = random.normal(size=(5, 2))


def drawn(estimator, points=NEW):
    return GramDisplay.from_estimator(estimator, points).K


@pytest.mark.parametrize(
    "estimator",
    [SVC(kernel=KERNEL), KernelRidge(kernel=KERNEL), KernelRidge(kernel=KERNEL + RBF(0.5))],
)
def test_the_kernel_of_an_estimator_on_any_points(estimator):
    np.testing.assert_allclose(drawn(estimator.fit(X, Y)), estimator.kernel(NEW))


@pytest.mark.parametrize("process", [GaussianProcessClassifier, GaussianProcessRegressor])
def test_a_gaussian_process_shows_the_optimised_kernel(process):
    kernel = qk.FidelityKernel(
        qk.feature_maps.zz, bandwidth=1.0, bandwidth_bounds=(0.05, 2.0)
    ) + WhiteKernel(0.1, "fixed")
    fitted = process(kernel, random_state=0).fit(X, Y)
    np.testing.assert_allclose(drawn(fitted), fitted.kernel_(NEW))
    assert np.abs(drawn(fitted) - kernel(NEW)).max() > 1e-3


def test_a_pipeline_shows_the_points_as_its_last_step_sees_them():
    pipeline = make_pipeline(StandardScaler(), "passthrough", MinMaxScaler(), SVC(kernel=KERNEL))
    pipeline.fit(X, Y)
    scaler = StandardScaler().fit(X)
    seen = MinMaxScaler().fit(scaler.transform(X)).transform(scaler.transform(NEW))
    np.testing.assert_allclose(drawn(pipeline), KERNEL(seen))
    np.testing.assert_allclose(drawn(make_pipeline(SVC(kernel=KERNEL)).fit(X, Y)), KERNEL(NEW))


def test_a_search_shows_its_best_estimator():
    pipeline = make_pipeline(StandardScaler(), SVC(kernel=KERNEL))
    grid = {"svc__kernel__bandwidth": [0.1, 1.5]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    best = qk.FidelityKernel(
        qk.feature_maps.zz, bandwidth=search.best_params_["svc__kernel__bandwidth"]
    )
    np.testing.assert_allclose(drawn(search), best(StandardScaler().fit(X).transform(NEW)))


def test_a_trained_estimator_shows_its_trained_kernel():
    start = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
    trainer = qk.KernelTrainer(start, optimizer="adam", max_iter=3)
    fitted = qk.TrainedKernelEstimator(SVC(), trainer).fit(X, Y)
    np.testing.assert_allclose(drawn(fitted), fitted.trainer_.kernel_(NEW))


@pytest.mark.parametrize(
    ("display", "shown"),
    [
        (SpectrumDisplay, lambda d: d.eigenvalues),
        (ConcentrationDisplay, lambda d: d.values),
        (GeometricDifferenceDisplay, lambda d: d.g),
    ],
)
def test_every_display_of_a_kernel_knows_estimators(display, shown):
    model = make_pipeline(StandardScaler(), SVC(kernel=KERNEL)).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    found = display.from_estimator(model, X, Y)
    np.testing.assert_allclose(
        shown(found), shown(display.from_kernel(KERNEL, scaled, Y)), rtol=1e-8, atol=1e-12
    )
    assert found.ax_.figure is found.figure_


def test_options_reach_the_kernels_picture():
    fitted = SVC(kernel=KERNEL).fit(X, Y)
    display = GramDisplay.from_estimator(fitted, X, Y, class_names=["no", "yes"], cmap="viridis")
    assert display.class_names == ["no", "yes"]
    assert display.im_.get_cmap().name == "viridis"


def test_an_estimator_that_is_not_fitted():
    with pytest.raises(NotFittedError, match="This SVC instance is not fitted yet"):
        GramDisplay.from_estimator(SVC(kernel=KERNEL), X)


@pytest.mark.parametrize(
    ("estimator", "y", "got"),
    [
        (SVC(), Y, "SVC with kernel 'rbf'"),
        (StandardScaler(), Y, "StandardScaler with kernel None"),
        (
            GaussianProcessClassifier(KERNEL, optimizer=None),
            np.arange(12) % 3,
            "GaussianProcessClassifier with kernel CompoundKernel",
        ),
    ],
)
def test_an_estimator_without_one_kernel_object(estimator, y, got):
    message = rf"expected a fitted estimator with a kernel object .*, got {got}"
    with pytest.raises(TypeError, match=message):
        GramDisplay.from_estimator(estimator.fit(X, y), X)


def test_what_is_no_kernel():
    with pytest.raises(TypeError, match="expected a kernel that returns one matrix, got 'rbf'"):
        GramDisplay.from_kernel("rbf", X)


def test_decision_boundaries_are_drawn_by_scikit_learn():
    fitted = SVC(kernel=KERNEL).fit(X, Y)
    display = DecisionBoundaryDisplay.from_estimator(
        fitted, X, grid_resolution=8, response_method="decision_function"
    )
    assert display.response.shape == (8, 8)
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    by_hand = KERNEL(grid, X[fitted.support_]) @ fitted.dual_coef_[0] + fitted.intercept_
    np.testing.assert_allclose(display.response.ravel(), by_hand, atol=1e-10)
