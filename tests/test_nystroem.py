"""`QuantumNystroem` beside plain algorithms on the whole matrix, and its landmarks' statistics."""

import pickle
import re
import warnings
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process.kernels import RBF, CompoundKernel, DotProduct, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import qkernels as qk
from qkernels import nystroem as module
from qkernels.nystroem import QuantumNystroem
from tests.reference import ReferenceEvaluator, ring
from tests.test_features import fold

ZZ = qk.FidelityKernel(qk.feature_maps.zz)
LANDMARKS = pytest.mark.parametrize("landmarks", ["rpcholesky", "uniform"])
KERNELS = [
    qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5),
    qk.ProjectedKernel(qk.feature_maps.zz, gamma=0.3),
    RBF(0.5),
    0.5 * ZZ + RBF(0.3) * ZZ**2,
    qk.FidelityKernel(ring, evaluator=ReferenceEvaluator()),
]


def data(n_points, n_features=2, seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, (n_points, n_features))


def clustered(n_points, seed=0):
    """Return a large cluster, and nine small ones."""
    random = np.random.default_rng(seed)
    centres = random.uniform(-8, 8, (10, 2))
    return centres[random.choice(10, n_points, p=[0.91] + 9 * [0.01])] + random.normal(
        scale=0.1, size=(n_points, 2)
    )


def textbook(K, pivots):
    """Return F with K ≈ F Fᵀ: pivoted Cholesky, column by column, as it is in the books."""
    F = np.zeros((len(K), len(pivots)))
    for i, s in enumerate(pivots):
        column = K[:, s] - F[:, :i] @ F[s, :i]
        F[:, i] = column / np.sqrt(column[s])
    return F


class Columns:
    """What the search for pivots asks of a matrix that is there."""

    def __init__(self, K):
        self._K = K

    def among(self, indices):
        return self._K[np.ix_(indices, indices)]

    def columns(self, indices):
        return self._K[:, indices]


def relative_residual(K, features):
    return np.trace(K - features @ features.T) / np.trace(K)


# -- Features


@LANDMARKS
@pytest.mark.parametrize("memory", ["20KB", None])
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_features_are_those_of_the_textbook(kernel, landmarks, memory):
    X, Y = data(80), data(30, seed=1)
    nystroem = QuantumNystroem(
        kernel, 12, landmarks=landmarks, random_state=0, working_memory=memory
    )
    features = nystroem.fit_transform(X)
    pivots, K = nystroem.landmark_indices_, kernel(X)
    assert len(np.unique(pivots)) == 12
    np.testing.assert_array_equal(nystroem.landmarks_, X[pivots])
    F = textbook(K, pivots)
    np.testing.assert_allclose(features @ features.T, F @ F.T, atol=1e-8)
    k = kernel(Y, X[pivots])
    expected = k @ np.linalg.pinv(K[np.ix_(pivots, pivots)], hermitian=True) @ K[pivots]
    np.testing.assert_allclose(nystroem.transform(Y) @ features.T, expected, atol=1e-8)
    np.testing.assert_allclose(nystroem.transform(X), features, atol=1e-7)
    assert nystroem.residual_trace_ == pytest.approx(relative_residual(K, features), abs=1e-13)


@LANDMARKS
def test_exact_where_the_rank_is_reached(landmarks):
    """Two qubits have density matrices of 16 numbers; of the ZZ map's, all are independent."""
    X = data(60)
    nystroem = QuantumNystroem(ZZ, 16, landmarks=landmarks, random_state=3)
    features = nystroem.fit_transform(X)
    np.testing.assert_allclose(features @ features.T, ZZ(X), atol=1e-10)
    assert nystroem.residual_trace_ < 1e-12


def test_no_more_landmarks_than_the_rank():
    X = data(60)
    nystroem = QuantumNystroem(ZZ, 50, random_state=0).fit(X)
    assert len(nystroem.landmarks_) == 16
    assert nystroem.transform(X).shape == (60, 16)
    doubled = QuantumNystroem(RBF(), 40, random_state=0).fit(np.repeat(data(10), 4, axis=0))
    assert len(doubled.landmarks_) == 10


def test_all_points_as_landmarks():
    X = data(25)
    kernel = RBF(0.2)
    for landmarks in ("uniform", "rpcholesky"):
        features = QuantumNystroem(kernel, 25, landmarks=landmarks).fit_transform(X)
        np.testing.assert_allclose(features @ features.T, kernel(X), atol=1e-9)


@LANDMARKS
def test_rcond_leaves_out_what_is_noise(landmarks):
    """Of single precision, small eigenvalues are rounding errors: no feature is made of them."""
    X = data(200)
    evaluator = qk.StatevectorEvaluator(precision="single")
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    nystroem = QuantumNystroem(kernel, 60, landmarks=landmarks, rcond=1e-5, random_state=0)
    features = nystroem.fit_transform(X)
    assert features.shape == (200, 16)
    np.testing.assert_allclose(features @ features.T, ZZ(X), atol=1e-4)
    for rcond in (0.5, 0.05, 0.005):
        kept = nystroem.set_params(rcond=rcond).fit(X).normalization_.shape[1]
        values = np.linalg.eigvalsh(ZZ(nystroem.landmarks_))
        assert kept == np.sum(values > rcond * values.max())


def test_normalization_is_of_the_largest_eigenvalues_first():
    nystroem = QuantumNystroem(RBF(0.5), 10, random_state=0).fit(data(50))
    W = RBF(0.5)(nystroem.landmarks_)
    N = nystroem.normalization_
    np.testing.assert_allclose(N.T @ W @ N, np.eye(10), atol=1e-8)
    sizes = np.linalg.norm(N, axis=0) ** -2
    np.testing.assert_allclose(sizes, np.linalg.eigvalsh(W)[::-1], rtol=1e-6)


def test_white_noise_has_no_features_and_is_residual():
    X = data(60)
    plain = QuantumNystroem(ZZ, 8, random_state=0).fit(X)
    noisy = QuantumNystroem(ZZ + WhiteKernel(0.5), 8, random_state=0)
    features = noisy.fit_transform(X)
    F = textbook(ZZ(X), noisy.landmark_indices_)
    np.testing.assert_allclose(features @ features.T, F @ F.T, atol=1e-10)
    assert noisy.residual_trace_ == pytest.approx(1 - np.sum(F**2) / (1.5 * 60))
    # All is found, and then nothing more, although noise is left everywhere.
    assert len(QuantumNystroem(ZZ + WhiteKernel(0.5), 40).fit(X).landmarks_) == 16
    assert plain.residual_trace_ < noisy.residual_trace_


# -- Landmarks


def test_pivots_have_the_distribution_of_randomly_pivoted_cholesky(monkeypatch):
    """Pairs of pivots, proposed one at a time or in blocks, against exact probabilities."""
    X = np.array([[0.0], [0.1], [0.9], [3.0]])
    K = DotProduct(sigma_0=0.6)(X)
    pairs, exact = list(permutations(range(4), 2)), []
    for s, t in pairs:
        left = np.diag(K) - K[:, s] ** 2 / K[s, s]
        exact.append(K[s, s] / np.trace(K) * left[t] / left.sum())
    assert sum(exact) == pytest.approx(1)
    n = 1000
    for at_once in (1, 5):
        monkeypatch.setattr(module, "_proposals", lambda n, at_once=at_once: at_once)
        random, counts = np.random.RandomState(1), dict.fromkeys(pairs, 0)
        for _ in range(n):
            pivots, _ = module._rpcholesky(Columns(K), np.diag(K), 2, 0.0, random)
            counts[tuple(pivots.tolist())] += 1
        assert chisquare(list(counts.values()), n * np.array(exact)).pvalue > 0.01


def test_a_point_is_a_pivot_once_whatever_rounding_leaves_of_it():
    residual, bounds = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]), np.array([1.0, 0.0])
    for second, accepted in ((7, [0]), (8, [0, 1])):
        random = np.random.RandomState(0)
        assert (
            list(module._accepted(residual, bounds, np.array([7, second]), random)[0]) == accepted
        )


@pytest.mark.parametrize("seed", range(3))
def test_the_residual_falls_with_every_pivot(seed):
    X = data(100, 3)
    K = RBF(0.8)(X)
    nystroem = QuantumNystroem(RBF(0.8), 40, random_state=seed).fit(X)
    pivots = nystroem.landmark_indices_
    residuals = [relative_residual(K, textbook(K, pivots[:k])) for k in range(41)]
    assert residuals[0] == 1
    assert (np.diff(residuals) < 0).all()
    assert nystroem.residual_trace_ == pytest.approx(residuals[-1], abs=1e-9)


def test_near_the_best_approximation_in_expectation():
    """The bound of Chen et al. 2022, at r = 5 and twice the trace that the best rank 5 leaves.

    It asks for k ≥ r/ε + min(r log(1/εη), r + r log(2ʳ/ε)) pivots, with η what rank r leaves.
    """
    X = data(150)
    kernel = RBF(1.5)
    values = np.linalg.eigvalsh(kernel(X))[::-1]
    r, epsilon = 5, 1.0
    eta = values[r:].sum() / values.sum()
    k = int(np.ceil(r / epsilon + r * np.log(1 / (epsilon * eta))))
    found = [
        QuantumNystroem(kernel, k, random_state=seed).fit(X).residual_trace_ for seed in range(20)
    ]
    assert np.mean(found) <= (1 + epsilon) * eta
    # No approximation of rank k is better than the best.
    assert min(found) >= values[k:].sum() / values.sum() - 1e-12


def test_small_clusters_are_not_missed():
    ratios = []
    for seed in range(10):
        X = clustered(600, seed)
        residuals = {
            landmarks: QuantumNystroem(RBF(1.0), 20, landmarks=landmarks, random_state=seed)
            .fit(X)
            .residual_trace_
            for landmarks in ("rpcholesky", "uniform")
        }
        ratios.append(residuals["rpcholesky"] / residuals["uniform"])
    assert np.median(ratios) < 0.2
    assert max(ratios) < 1


@LANDMARKS
def test_random_states(landmarks):
    X = data(80)

    def chosen(random_state):
        nystroem = QuantumNystroem(RBF(), 10, landmarks=landmarks, random_state=random_state)
        return nystroem.fit(X).landmark_indices_.tolist()

    assert chosen(0) == chosen(0) == chosen(np.random.RandomState(0))
    assert chosen(0) != chosen(1)
    shared = np.random.RandomState(0)
    assert chosen(shared) != chosen(shared)


def test_few_kernel_values_are_computed(monkeypatch):
    """Of N columns k, and a few more values among the proposals."""
    computed = []
    original = module.compare

    def compare(kernel, p, q):
        computed.append(len(p) * len(q))
        return original(kernel, p, q)

    monkeypatch.setattr(module, "compare", compare)
    X = data(1000)
    for landmarks, most in (("uniform", 50 * 1000), ("rpcholesky", 50 * 1000 + 20 * 5**2)):
        computed.clear()
        nystroem = QuantumNystroem(RBF(0.3), 50, landmarks=landmarks, random_state=0)
        nystroem.fit_transform(X)
        assert 50 * 1000 <= sum(computed) <= most
    computed.clear()
    nystroem.transform(X[:10])
    assert sum(computed) == 50 * 10


# -- scikit-learn


def test_ridge_regression_on_all_the_rank_is_kernel_ridge_regression():
    X, y = data(100), np.sin(3 * data(100)[:, 0])
    model = make_pipeline(QuantumNystroem(ZZ, 16, random_state=0), Ridge(0.1, fit_intercept=False))
    expected = KernelRidge(alpha=0.1, kernel=ZZ).fit(X[:60], y[:60]).predict(X[60:])
    np.testing.assert_allclose(model.fit(X[:60], y[:60]).predict(X[60:]), expected, atol=1e-8)


def test_grid_search_reaches_the_kernel():
    X = data(60)
    y = X[:, 0] * X[:, 1] > 0
    model = make_pipeline(QuantumNystroem(ZZ, random_state=0), LinearSVC())
    grid = {
        "quantumnystroem__kernel__bandwidth": [0.3, 1.0],
        "quantumnystroem__n_components": [5, 20],
        "quantumnystroem__landmarks": ["rpcholesky", "uniform"],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_score_ > 0.7
    assert ZZ.bandwidth == 1.0


def test_clones_pickles_and_later_changes():
    X = data(30)
    kernel = qk.FidelityKernel(qk.feature_maps.zz)
    nystroem = QuantumNystroem(kernel, 5, random_state=0)
    features = nystroem.fit_transform(X)
    with pytest.raises(NotFittedError):
        clone(nystroem).transform(X)
    kernel.bandwidth = 0.1
    np.testing.assert_allclose(nystroem.transform(X), features, atol=1e-10)
    again = pickle.loads(pickle.dumps(nystroem))
    np.testing.assert_allclose(again.transform(X), features, atol=1e-10)


def test_names_and_pandas():
    frame = pd.DataFrame(data(20), columns=["a", "b"], index=range(10, 30))
    nystroem = QuantumNystroem(ZZ, 2, random_state=0).set_output(transform="pandas")
    out = nystroem.fit_transform(frame)
    assert list(out.columns) == ["quantumnystroem0", "quantumnystroem1"]
    assert list(out.index) == list(range(10, 30))
    assert list(nystroem.feature_names_in_) == ["a", "b"]


@parametrize_with_checks(
    [
        QuantumNystroem(qk.FidelityKernel(fold), 8),
        QuantumNystroem(RBF(), 8, landmarks="uniform"),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_components: expected at most")
        check(estimator)


def test_sampled_kernels():
    evaluator = qk.StatevectorEvaluator(repetitions=10_000, random_state=0)
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    X = data(60)
    features = QuantumNystroem(kernel, 16, rcond=1e-2, random_state=0).fit_transform(X)
    assert np.sqrt(np.mean((features @ features.T - ZZ(X)) ** 2)) < 0.05


# -- Refusals


def test_more_components_than_points():
    message = "n_components: expected at most the number of points, got 100 and 9 points; 9 land"
    with pytest.warns(UserWarning, match=message):
        nystroem = QuantumNystroem(RBF(0.1), random_state=0).fit(data(9))
    assert len(nystroem.landmarks_) == 9


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernel": None}, TypeError, "kernel: expected a kernel that returns one matrix, got No"),
        ({"kernel": "rbf"}, TypeError, "kernel: expected a kernel that returns one matrix, got 'r"),
        ({"kernel": CompoundKernel([RBF()])}, TypeError, "that returns one matrix"),
        ({"n_components": 0}, ValueError, "n_components to be an integer of at least 1, got 0"),
        ({"n_components": 2.5}, ValueError, "n_components to be an integer of at least 1, got 2.5"),
        (
            {"landmarks": "kmeans"},
            ValueError,
            "landmarks: expected one of ['rpcholesky', 'uniform'], got 'kmeans'",
        ),
        ({"landmarks": [1, 2]}, ValueError, "got [1, 2]"),
        ({"rcond": -1e-3}, ValueError, "rcond: expected at least 0 and below 1, got -0.001"),
        ({"rcond": 1.0}, ValueError, "rcond: expected at least 0 and below 1, got 1.0"),
        ({"rcond": "auto"}, ValueError, "expected rcond to be a finite real number, got 'auto'"),
        ({"working_memory": "much"}, ValueError, "working_memory: expected"),
        ({"random_state": "seed"}, ValueError, "cannot be used to seed"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        QuantumNystroem(**{"kernel": RBF(), "n_components": 3, **arguments}).fit(data(5))


def test_refuses_a_kernel_that_is_zero():
    with pytest.raises(ValueError, match=r"kernel values above 0 .* got a trace of 0"):
        QuantumNystroem(DotProduct(sigma_0=0), 2).fit(np.zeros((5, 2)))


def test_refuses_what_does_not_fit(monkeypatch):
    monkeypatch.setattr("qkernels.memory.available_memory", lambda: 10)
    monkeypatch.setattr("qkernels.memory._MODEST", 0)
    message = "for 3 features of 5 points, got 10 B: take a smaller n_components, or transform"
    with pytest.raises(MemoryError, match=message):
        QuantumNystroem(RBF(), 3).fit(data(5))
