"""Kernels on drawn values: consistent matrices, scikit-learn, training, and no gradients."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from qkernels import (
    SPSA,
    FidelityKernel,
    KernelTrainer,
    ProjectedFeatures,
    ProjectedKernel,
    StatevectorEvaluator,
)
from qkernels.feature_maps import zz
from qkernels.kernels import from_json, register
from tests.evaluators.maps import PARAMETERS, entangled, points


def noisy(repetitions=200, random_state=0, **arguments):
    return StatevectorEvaluator(repetitions=repetitions, random_state=random_state, **arguments)


KERNELS = {
    "fidelity": FidelityKernel(zz, bandwidth=0.3, evaluator=noisy()),
    "projected": ProjectedKernel(zz, bandwidth=0.3, evaluator=noisy()),
    "outer": ProjectedKernel(zz, bandwidth=0.3, outer=RBF(0.8), evaluator=noisy()),
}


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_matrices_are_consistent(name):
    X, kernel = points(25), KERNELS[name]
    K = kernel(X)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(kernel.diag(X), np.diag(K))
    np.testing.assert_allclose(kernel(X, X.copy()), K, rtol=1e-14)
    np.testing.assert_allclose(kernel(X[:6], X), K[:6], rtol=1e-14)
    np.testing.assert_allclose(kernel(X[7:], X[:3]), K[7:, :3], rtol=1e-14)
    noiseless = clone(kernel).set_params(evaluator=None)(X)
    assert 0.001 < np.abs(K - noiseless).max() < 0.3


def test_projected_kernels_have_errors():
    X = points(40)
    kernel = KERNELS["projected"]
    K, errors = kernel.compare(kernel.prepare(X), return_std=True)
    noiseless = ProjectedKernel(zz, bandwidth=0.3)(X)
    off = ((K - noiseless) / np.where(errors > 0, errors, 1))[np.triu_indices(40, 1)]
    assert 0.7 < np.std(off) < 1.3
    features = ProjectedFeatures(zz, bandwidth=0.3, evaluator=noisy()).fit_transform(X)
    np.testing.assert_array_equal(features, kernel.prepare(X).features)


@pytest.fixture
def data():
    X = points(40, 2)
    return X, (X.prod(axis=1) > 0).astype(int)


@pytest.mark.parametrize("name", KERNELS)
def test_support_vector_machines(data, name):
    X, y = data
    model = SVC(kernel=KERNELS[name], C=10).fit(X[:30], y[:30])
    expected = SVC(kernel="precomputed", C=10).fit(KERNELS[name](X)[:30, :30], y[:30])
    np.testing.assert_array_equal(
        model.predict(X[30:]), expected.predict(KERNELS[name](X)[30:, :30])
    )


def test_a_grid_search_finds_the_same_again(data):
    grid = {"kernel__bandwidth": [0.3, 1.0], "C": [1, 10]}
    one, other = (
        GridSearchCV(SVC(kernel=FidelityKernel(zz, evaluator=noisy(20, cache_size=size))), grid)
        .fit(*data)
        .cv_results_["mean_test_score"]
        for size in ("0MB", "10MB")
    )
    np.testing.assert_array_equal(one, other)


def trainable(evaluator):
    return FidelityKernel(
        entangled(), parameters=PARAMETERS, parameter_bounds=(-3, 3), evaluator=evaluator
    )


def test_training_without_gradients():
    X, y = points(12), np.arange(12) % 2
    trainer = KernelTrainer(trainable(noisy()), optimizer=SPSA(), max_iter=5, random_state=0)
    again = clone(trainer).fit(X, y)
    assert trainer.fit(X, y).loss_ == again.loss_
    assert not np.array_equal(trainer.kernel_.parameters, PARAMETERS)


@pytest.mark.parametrize("optimizer", ["adam", "L-BFGS-B"])
def test_gradients_are_refused(optimizer):
    trainer = KernelTrainer(trainable(noisy()), optimizer=optimizer)
    message = (
        r"^gradients need an evaluator with the methods of qkernels\.evaluators\."
        r"DifferentiableEvaluator, got StatevectorEvaluator\(precision='double', "
        r"cache_size='512MB', repetitions=200, random_state=0\); "
        r"KernelTrainer\(optimizer='spsa'\) needs none$"
    )
    with pytest.raises(NotImplementedError, match=message):
        trainer.fit(points(6), [0, 1] * 3)
    with pytest.raises(NotImplementedError, match=message):
        trainable(noisy())(points(4), eval_gradient=True)


def test_kernels_are_written_and_read():
    register(type(noisy()))
    kernel = FidelityKernel(zz, evaluator=noisy(random_state=None))
    read = from_json(kernel.to_json())
    assert read == kernel
    assert read.fingerprint() == kernel.fingerprint()
    np.testing.assert_array_equal(read(points(5)), kernel(points(5)))
