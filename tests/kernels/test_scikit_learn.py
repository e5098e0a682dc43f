"""The same kernel object in every scikit-learn estimator that takes a kernel.

Each estimator is compared with itself on the precomputed matrix, or, where it takes none, on a
kernel that looks the matrix up.
"""

import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import SpectralClustering
from sklearn.decomposition import KernelPCA
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM

from qkernels import feature_maps
from qkernels.kernels import FidelityKernel, ProjectedKernel
from tests.reference import EVALUATORS, StatevectorEvaluator, ring

N_TRAIN = 24


class LookUp(Kernel):
    """A matrix as a kernel: the points are numbers of rows."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __call__(self, X, Y=None, eval_gradient=False):
        rows = np.asarray(X)[:, 0].astype(int)
        columns = rows if Y is None else np.asarray(Y)[:, 0].astype(int)
        K = self.matrix[np.ix_(rows, columns)]
        return (K, np.empty((*K.shape, 0))) if eval_gradient else K

    def diag(self, X):
        return np.diag(self(X)).copy()

    def is_stationary(self):
        return False


@pytest.fixture(
    params=[(e, k) for e in EVALUATORS for k in ("fidelity", "projected", "outer")],
    ids=lambda param: f"{type(param[0]).__name__}-{param[1]}",
)
def kernel(request):
    evaluator, kind = request.param
    if kind == "fidelity":
        return FidelityKernel(ring, bandwidth=0.8, evaluator=evaluator)
    options = {"gamma": 1.5} if kind == "projected" else {"outer": RBF(0.7, "fixed")}
    return ProjectedKernel(ring, **options, evaluator=evaluator)


@pytest.fixture
def X():
    return np.random.default_rng(5).uniform(-1, 1, (32, 2))


@pytest.fixture
def labels(X):
    return (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture
def values(X):
    return np.sin(2 * X[:, 0]) + X[:, 1] ** 2


TRAIN, TEST = slice(0, N_TRAIN), slice(N_TRAIN, None)


@pytest.mark.parametrize(
    "model", [SVC(C=2.0), NuSVC(nu=0.3), OneClassSVM(nu=0.2)], ids=lambda m: type(m).__name__
)
def test_support_vector_classifiers(kernel, X, labels, model):
    ours = clone(model).set_params(kernel=kernel).fit(X[TRAIN], labels[TRAIN])
    K = kernel(X)
    theirs = clone(model).set_params(kernel="precomputed").fit(K[TRAIN, TRAIN], labels[TRAIN])
    np.testing.assert_allclose(
        ours.decision_function(X[TEST]), theirs.decision_function(K[TEST, TRAIN]), atol=1e-5
    )
    np.testing.assert_array_equal(ours.predict(X[TEST]), theirs.predict(K[TEST, TRAIN]))


@pytest.mark.parametrize("model", [SVR(C=2.0), KernelRidge(alpha=0.1)], ids=repr)
def test_regressors(kernel, X, values, model):
    ours = clone(model).set_params(kernel=kernel).fit(X[TRAIN], values[TRAIN])
    K = kernel(X)
    theirs = clone(model).set_params(kernel="precomputed").fit(K[TRAIN, TRAIN], values[TRAIN])
    np.testing.assert_allclose(ours.predict(X[TEST]), theirs.predict(K[TEST, TRAIN]), atol=1e-5)


def test_gaussian_process_regressor(kernel, X, values):
    model = GaussianProcessRegressor(kernel, alpha=0.01).fit(X[TRAIN], values[TRAIN])
    mean, std = model.predict(X[TEST], return_std=True)
    K = kernel(X)
    noisy = K[TRAIN, TRAIN] + 0.01 * np.eye(N_TRAIN)
    np.testing.assert_allclose(
        mean, K[TEST, TRAIN] @ np.linalg.solve(noisy, values[TRAIN]), atol=1e-9
    )
    explained = K[TEST, TRAIN] @ np.linalg.solve(noisy, K[TRAIN, TEST])
    np.testing.assert_allclose(std**2, np.diag(K[TEST, TEST] - explained), atol=1e-9)
    _, covariance = model.predict(X[TEST], return_cov=True)
    np.testing.assert_allclose(covariance, K[TEST, TEST] - explained, atol=1e-9)


def test_gaussian_process_classifier(kernel, X, labels):
    ours = GaussianProcessClassifier(kernel).fit(X[TRAIN], labels[TRAIN])
    rows = np.arange(len(X))[:, None]
    theirs = GaussianProcessClassifier(LookUp(kernel(X))).fit(rows[TRAIN], labels[TRAIN])
    np.testing.assert_allclose(
        ours.predict_proba(X[TEST]), theirs.predict_proba(rows[TEST]), atol=1e-9
    )


def test_algebra_in_a_gaussian_process(kernel, X, values):
    def fit(part, points):
        composite = ConstantKernel() * part + WhiteKernel()
        return GaussianProcessRegressor(composite).fit(points[TRAIN], values[TRAIN])

    rows = np.arange(len(X))[:, None]
    ours, theirs = fit(kernel, X), fit(LookUp(kernel(X)), rows)
    np.testing.assert_allclose(ours.kernel_.theta, theirs.kernel_.theta, atol=1e-3)
    np.testing.assert_allclose(ours.predict(X[TEST]), theirs.predict(rows[TEST]), atol=1e-4)
    K = kernel(X)
    expected = 2.0 * K**2 + 0.5 * RBF()(X) + 0.1 * np.eye(len(X))
    composite = 2.0 * kernel**2 + 0.5 * RBF() + WhiteKernel(0.1)
    np.testing.assert_allclose(composite(X), expected, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_kernel_pca(kernel, X, n_jobs):
    ours = KernelPCA(3, kernel=kernel, n_jobs=n_jobs).fit(X[TRAIN])
    K = kernel(X)
    theirs = KernelPCA(3, kernel="precomputed").fit(K[TRAIN, TRAIN])
    np.testing.assert_allclose(ours.eigenvalues_, theirs.eigenvalues_, atol=1e-9)
    np.testing.assert_allclose(
        np.abs(ours.transform(X[TEST])), np.abs(theirs.transform(K[TEST, TRAIN])), atol=1e-7
    )


def test_nystroem(kernel, X):
    ours = Nystroem(kernel=kernel, n_components=10, random_state=0).fit(X[TRAIN])
    rows = np.arange(len(X))[:, None]
    look_up = LookUp(kernel(X))
    theirs = Nystroem(kernel=look_up, n_components=10, random_state=0).fit(rows[TRAIN])
    np.testing.assert_array_equal(ours.component_indices_, theirs.component_indices_)
    F, G = ours.transform(X), theirs.transform(rows)
    np.testing.assert_allclose(F @ F.T, G @ G.T, atol=1e-6)


def test_spectral_clustering(kernel, X):
    ours = SpectralClustering(3, affinity=kernel, random_state=0).fit_predict(X)
    theirs = SpectralClustering(3, affinity="precomputed", random_state=0).fit_predict(kernel(X))
    assert adjusted_rand_score(ours, theirs) == 1.0


def test_pipeline(kernel, X, labels):
    model = make_pipeline(MinMaxScaler((0, 1)), SVC(kernel=kernel))
    scores = cross_val_score(model, X, labels, cv=3)
    expected = []
    for train, test in StratifiedKFold(3).split(X, labels):
        scaler = MinMaxScaler((0, 1)).fit(X[train])
        Z, T = scaler.transform(X[train]), scaler.transform(X[test])
        fitted = SVC(kernel="precomputed").fit(kernel(Z), labels[train])
        expected.append(fitted.score(kernel(T, Z), labels[test]))
    np.testing.assert_allclose(scores, expected)


def test_grid_search_over_the_bandwidth(kernel, X, labels):
    bandwidths = [0.3, 1.0, 3.0]
    grid = {"kernel__bandwidth": bandwidths}
    search = GridSearchCV(SVC(kernel=kernel), grid, cv=2, n_jobs=2).fit(X, labels)
    expected = []
    for bandwidth in bandwidths:
        K = clone(kernel).set_params(bandwidth=bandwidth)(X)
        scores = [
            SVC(kernel="precomputed")
            .fit(K[np.ix_(train, train)], labels[train])
            .score(K[np.ix_(test, train)], labels[test])
            for train, test in StratifiedKFold(2).split(X, labels)
        ]
        expected.append(np.mean(scores))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
    assert search.best_estimator_.kernel.bandwidth == bandwidths[np.argmax(expected)]


def test_grid_search_over_the_outer_kernel(X, labels):
    kernel = ProjectedKernel(feature_maps.zz, outer=RBF())
    grid = {"kernel__outer__length_scale": [0.1, 1.0], "C": [0.1, 10.0]}
    search = GridSearchCV(SVC(kernel=kernel), grid, cv=2).fit(X, labels)
    assert set(search.best_params_) == set(grid)
    best = search.best_estimator_.kernel.outer.length_scale
    assert best == search.best_params_["kernel__outer__length_scale"]


def test_estimators_that_write_into_the_matrix_do_not_change_the_next_one(X, values):
    kernel = FidelityKernel(ring)
    before = kernel(X)
    GaussianProcessRegressor(kernel, alpha=0.5).fit(X, values)
    KernelRidge(kernel=kernel, alpha=0.5).fit(X, values)
    np.testing.assert_array_equal(kernel(X), before)


def test_a_grid_search_prepares_each_point_once(X, labels):
    evaluator = StatevectorEvaluator(cache_size="7MB")  # a size that no other test shares
    prepared = []
    feature_map = feature_maps.zz(2)
    original = type(feature_map).angles

    def counted(self, inputs, parameters=None):
        prepared.extend(map(bytes, inputs))
        return original(self, inputs, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(feature_map), "angles", counted)
        model = SVC(kernel=FidelityKernel(feature_map, evaluator=evaluator))
        GridSearchCV(model, {"C": np.logspace(-2, 2, 10)}, cv=5).fit(X, labels)
    assert len(prepared) == len(set(prepared)) == len(X)


def test_threads_get_the_serial_result(X):
    kernel = ProjectedKernel(feature_maps.zz)
    expected = kernel(X)
    found = []
    threads = [threading.Thread(target=lambda: found.append(kernel(X))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for K in found:
        np.testing.assert_array_equal(K, expected)
