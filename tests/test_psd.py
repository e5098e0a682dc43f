"""`qkernels.psd`: repairs against hand-computed cases, optimality conditions and plain loops."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from qkernels.psd import PSDRepair, clip, distance_to_psd, flip, nearest_correlation, shift
from qkernels.psd.correlation import _Dual

REPAIRS = {"clip": clip, "flip": flip, "nearest_correlation": nearest_correlation, "shift": shift}
METHODS = pytest.mark.parametrize("method", REPAIRS)
SEEDS = st.integers(0, 2**32 - 1)
# Eigenvalues 3 and -1.
SWAP = np.array([[1.0, 2.0], [2.0, 1.0]])


def random_symmetric(n, seed):
    A = np.random.default_rng(seed).normal(size=(n, n))
    return A + A.T


def with_eigenvalues(values, seed=0):
    V = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values),) * 2))[0]
    K = V @ np.diag(values) @ V.T
    return (K + K.T) / 2, V


def noisy_gram(n=40, n_test=15, repetitions=30):
    """Return a Gaussian kernel counted in few repetitions, and labels, for training and test."""
    random = np.random.default_rng(5)
    X = random.normal(size=(n + n_test, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    exact = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=-1) / 2)
    counted = np.triu(random.binomial(repetitions, exact) / repetitions, 1)
    K = counted + counted.T + np.eye(n + n_test)
    return K[:n, :n], K[n:, :n], y[:n], y[n:]


def lowest_eigenvalue(K):
    return np.linalg.eigvalsh(K)[0]


# -- Values


@pytest.mark.parametrize(
    ("K", "clipped", "flipped", "shifted", "correlation"),
    [
        (SWAP, [[1.5, 1.5], [1.5, 1.5]], [[2, 1], [1, 2]], [[2, 2], [2, 2]], [[1, 1], [1, 1]]),
        ([[-3.0]], [[0]], [[3]], [[0]], [[1]]),
        ([[0, -1], [-1, 0]], [[0.5, -0.5], [-0.5, 0.5]], np.eye(2), [[1, -1], [-1, 1]], None),
        # Eigenvalues 1, 1 and -1; the two that are equal have any basis of their plane.
        (
            [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
            [[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]],
            np.eye(3),
            [[2, 0, 0], [0, 1, 1], [0, 1, 1]],
            [[1, 0, 0], [0, 1, 1], [0, 1, 1]],
        ),
        (-np.eye(3), np.zeros((3, 3)), np.eye(3), np.zeros((3, 3)), np.eye(3)),
    ],
)
def test_by_hand(K, clipped, flipped, shifted, correlation):
    np.testing.assert_allclose(clip(K), clipped, atol=1e-14)
    np.testing.assert_allclose(flip(K), flipped, atol=1e-14)
    np.testing.assert_allclose(shift(K), shifted, atol=1e-14)
    if correlation is not None:
        np.testing.assert_allclose(nearest_correlation(K), correlation, atol=1e-7)


@pytest.mark.parametrize(
    ("K", "published"),
    [
        ([[1, 1, 0], [1, 1, 1], [0, 1, 1]], [[1, 0.7607, 0.1573], [0, 1, 0.7607], [0, 0, 1]]),
        (
            2 * np.eye(4) - np.eye(4, k=1) - np.eye(4, k=-1),
            [
                *([1, -0.8084, 0.1916, 0.1068], [0, 1, -0.6562, 0.1916]),
                *([0, 0, 1, -0.8084], [0, 0, 0, 1]),
            ],
        ),
    ],
)
def test_nearest_correlation_of_the_examples_of_higham(K, published):
    np.testing.assert_allclose(np.triu(nearest_correlation(K)), published, atol=5e-5)


@given(n=st.integers(1, 12), seed=SEEDS)
def test_clip_is_the_projection_on_the_psd_cone(n, seed):
    """Its residue is orthogonal to it, and in the cone's polar: that makes it the nearest."""
    K = random_symmetric(n, seed)
    C = clip(K)
    assert lowest_eigenvalue(C) >= -1e-13
    assert lowest_eigenvalue(C - K) >= -1e-13
    assert abs(np.sum(C * (C - K))) <= 1e-11
    assert distance_to_psd(K) == pytest.approx(np.linalg.norm(C - K), abs=1e-12)


@given(n=st.integers(1, 12), seed=SEEDS)
def test_flip_is_the_root_of_the_square(n, seed):
    K = random_symmetric(n, seed)
    np.testing.assert_allclose(flip(K) @ flip(K), K @ K, atol=1e-11)
    assert lowest_eigenvalue(flip(K)) >= -1e-13


@given(n=st.integers(1, 12), seed=SEEDS)
def test_shift_moves_the_lowest_eigenvalue_to_zero(n, seed):
    K = random_symmetric(n, seed) - 10 * np.eye(n)
    S = shift(K)
    assert lowest_eigenvalue(S) == pytest.approx(0, abs=1e-12)
    constant = np.diag(S - K)
    np.testing.assert_array_equal(S - np.diag(np.diag(S)), K - np.diag(np.diag(K)))
    np.testing.assert_allclose(constant, constant[0], atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_nearest_correlation_beats_a_general_minimiser(seed):
    """Correlation matrices are R Rᵀ, with rows of R on the unit sphere."""
    K, random = random_symmetric(4, seed), np.random.default_rng(seed)

    def correlation(r):
        R = r.reshape(4, 4)
        R = R / np.linalg.norm(R, axis=1, keepdims=True)
        return R @ R.T

    starts = random.normal(size=(5, 16))
    found = [minimize(lambda r: np.sum((correlation(r) - K) ** 2), s, tol=1e-12) for s in starts]
    best = min(found, key=lambda result: result.fun)
    X = nearest_correlation(K)
    assert np.sum((X - K) ** 2) == pytest.approx(best.fun, rel=1e-6)
    np.testing.assert_allclose(X, correlation(best.x), atol=1e-3)


def test_nearest_correlation_by_projections_with_the_correction_written_out():
    """Algorithm 3.3 of Higham 2002, step by step."""
    K = noisy_gram()[0]
    Y, correction = K.copy(), np.zeros_like(K)
    for _ in range(400):
        R = Y - correction
        X = clip(R)
        correction = X - R
        Y = X - np.diag(np.diag(X)) + np.eye(len(K))
    np.testing.assert_allclose(nearest_correlation(K, tolerance=1e-10), Y, atol=1e-8)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "K",
    [30 * random_symmetric(20, 0), noisy_gram()[0], np.ones((40, 40)) + random_symmetric(40, 1)],
    ids=["far", "noisy", "alike"],
)
def test_few_iterations_do(K):
    """Projections in turn take thousands on the first."""
    assert lowest_eigenvalue(nearest_correlation(K, max_iterations=15)) >= -1e-13


@given(n=st.integers(1, 8), seed=SEEDS, scale=st.sampled_from([0.1, 1.0, 10.0]))
def test_the_curvature_of_the_dual_is_the_slope_of_its_gradient(n, seed, scale):
    K, random = scale * random_symmetric(n, seed), np.random.default_rng(seed)
    shifts, direction = random.normal(size=(2, n))
    dual, step = _Dual(K, shifts), 1e-6
    ahead, behind = (_Dual(K, shifts + sign * step * direction) for sign in (1, -1))
    # Where an eigenvalue passes 0 there is no slope.
    assume(len(ahead._kept.T) == len(behind._kept.T))
    slope = (ahead._gradient - behind._gradient) / (2 * step)
    tolerance = 1e-5 * max(1, scale)
    np.testing.assert_allclose(dual.curvature(direction), slope, atol=tolerance)
    columns = np.array([dual.curvature(column) for column in np.eye(n)])
    np.testing.assert_allclose(dual._curvature_diagonal(), np.diag(columns), atol=1e-12)
    value_slope = (ahead._value - behind._value) / (2 * step)
    assert dual._gradient @ direction == pytest.approx(value_slope, rel=1e-5, abs=tolerance)


@given(n=st.integers(1, 8), seed=SEEDS, iterations=st.sampled_from([1, 2, 200]))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nearest_correlation_is_a_correlation_matrix_whenever_it_stops(n, seed, iterations):
    scales = 10.0 ** np.random.default_rng(seed).integers(-2, 3, size=(n, 1))
    K = scales * random_symmetric(n, seed)
    X = nearest_correlation(K + K.T, max_iterations=iterations)
    np.testing.assert_array_equal(np.diag(X), 1)
    assert lowest_eigenvalue(X) >= -1e-13


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nearest_correlation_stopped_where_a_diagonal_entry_is_zero():
    K = np.array([[0.0, -200.0, -200.0], [-200.0, 0.0, -2000.0], [-200.0, -2000.0, 0.0]])
    X = nearest_correlation(K, max_iterations=2)
    np.testing.assert_allclose(X, [[1, 0, 0], [0, 1, -1], [0, -1, 1]], atol=1e-12)


def test_the_diagonal_does_not_matter_to_the_nearest_correlation():
    K = noisy_gram()[0]
    other = K + np.diag(np.linspace(-2, 3, len(K)))
    np.testing.assert_allclose(nearest_correlation(other), nearest_correlation(K), atol=1e-7)


# -- No-ops and form


@METHODS
@pytest.mark.parametrize(
    "K",
    [
        np.eye(4),
        np.ones((5, 5)),
        np.corrcoef(np.random.default_rng(1).normal(size=(6, 50))).round(3),
        # Rank 1 and 30 points: many eigenvalues are negative, by rounding.
        np.outer(*[np.sign(np.sin(np.arange(1, 31)))] * 2),
    ],
    ids=["identity", "ones", "correlations", "signs"],
)
def test_a_psd_matrix_comes_back_to_the_bit(method, K):
    np.fill_diagonal(K, 1.0)
    found, repair = REPAIRS[method](K), PSDRepair(method)
    np.testing.assert_array_equal(found, K)
    assert not np.shares_memory(found, K)
    np.testing.assert_array_equal(repair.fit_transform(K), K)
    assert repair.correction_ == repair.relative_correction_ == distance_to_psd(K) == 0
    rows = np.random.default_rng(2).normal(size=(3, len(K)))
    np.testing.assert_array_equal(repair.transform(rows), rows)


def test_psd_matrices_of_low_rank_are_not_repaired():
    for n in (2, 3, 10, 100):
        A = np.random.default_rng(n).normal(size=(n, max(1, n // 3)))
        K = A @ A.T
        assert lowest_eigenvalue(K) < 0 or n < 10
        for function in (clip, flip, shift):
            np.testing.assert_array_equal(function(K), K)


@given(n=st.integers(1, 8), seed=SEEDS, method=st.sampled_from(sorted(REPAIRS)))
def test_repairs_are_idempotent_symmetric_and_fresh(n, seed, method):
    K = random_symmetric(n, seed)
    before, found = K.copy(), REPAIRS[method](K)
    np.testing.assert_array_equal(K, before)
    np.testing.assert_array_equal(found, found.T)
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert found.dtype == np.float64
    np.testing.assert_allclose(REPAIRS[method](found), found, rtol=0, atol=1e-13)


@METHODS
def test_what_is_taken(method):
    expected = REPAIRS[method](SWAP)
    read_only = SWAP.copy()
    read_only.flags.writeable = False
    for K in (SWAP.tolist(), SWAP.astype(int), SWAP.astype("f"), pd.DataFrame(SWAP), read_only):
        np.testing.assert_array_equal(REPAIRS[method](K), expected)
    rounded = np.array([[1.0, 2.0000001], [2.0, 1.0]])
    np.testing.assert_allclose(REPAIRS[method](rounded), expected, atol=1e-6)
    np.testing.assert_array_equal(REPAIRS[method](rounded), REPAIRS[method](rounded).T)


# -- The transformer


@METHODS
def test_training_rows_become_the_repaired_training_matrix(method):
    K, _, _, _ = noisy_gram()
    repaired, repair = REPAIRS[method](K), PSDRepair(method)
    assert lowest_eigenvalue(K) < -0.1
    np.testing.assert_array_equal(repair.fit_transform(K), repaired)
    tolerance = 1e-7 if method == "nearest_correlation" else 1e-13
    np.testing.assert_allclose(repair.transform(K), repaired, atol=tolerance)
    np.testing.assert_allclose(repair.transform(K[7:12]), repaired[7:12], atol=tolerance)
    assert repair.correction_ == pytest.approx(np.linalg.norm(repaired - K))
    assert repair.relative_correction_ == pytest.approx(
        np.linalg.norm(repaired - K) / np.linalg.norm(K)
    )


@pytest.mark.parametrize(
    ("method", "function"), [("clip", lambda v: np.maximum(v, 0)), ("flip", np.abs)]
)
def test_test_rows_have_the_spectral_map_of_the_training_matrix(method, function):
    """Far from zero eigenvalues, k V f(λ)/λ Vᵀ may be computed as it stands."""
    values = np.array([3.0, 1.0, 1.0, 0.5, -0.5, -0.5, -2.0])
    K, V = with_eigenvalues(values)
    k = np.random.default_rng(3).normal(size=(4, 7))
    expected = k @ V @ np.diag(function(values) / values) @ V.T
    np.testing.assert_allclose(PSDRepair(method).fit(K).transform(k), expected, atol=1e-13)


def test_test_rows_are_not_divided_by_small_eigenvalues():
    K, V = with_eigenvalues([2.0, 1e-9, 1e-17, -1e-17, -1e-9, -1.0])
    k = np.random.default_rng(3).normal(size=(4, 6))
    kept = {"clip": [1, 1, 1, 1, 0, 0], "flip": [1, 1, 1, 1, -1, -1], "shift": [1] * 6}
    for method, factors in kept.items():
        expected = k @ V @ np.diag(factors) @ V.T
        np.testing.assert_allclose(PSDRepair(method).fit(K).transform(k), expected, atol=1e-6)


@pytest.mark.parametrize("method", ["clip", "nearest_correlation"])
def test_test_rows_fit_a_psd_matrix(method):
    """Where the training matrix has no extension in some direction, a row has nothing."""
    K, k, _, _ = noisy_gram()
    repair = PSDRepair(method)
    values, V = np.linalg.eigh(repair.fit_transform(K))
    null = V[:, values < 1e-7]
    assert null.shape[1] > 5
    assert np.abs(k @ null).max() > 0.1
    np.testing.assert_allclose(repair.transform(k) @ null, 0, atol=1e-5)


def test_shift_leaves_test_rows_alone_but_knows_training_points():
    K = np.array([[1.0, 2.0, 2.0], [2.0, 1.0, 1.0], [2.0, 1.0, 1.0]])
    repair = PSDRepair("shift").fit(K)
    constant = repair.correction_ / np.sqrt(3)
    rows = np.array([[0.3, 0.2, 0.1], K[0], K[0] + 1e-12, K[1]])
    added = repair.transform(rows) - rows
    # Points 1 and 2 have equal rows: the first of them is meant.
    expected = constant * np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(added, expected, atol=1e-14)


@METHODS
def test_what_is_fitted_or_transformed_is_not_changed_or_kept(method):
    K, k = (np.ascontiguousarray(rows) for rows in noisy_gram()[:2])
    before, rows = K.copy(), k.copy()
    repair = PSDRepair(method).fit(K)
    expected = repair.transform(K)
    np.testing.assert_array_equal(K, before)
    repair.transform(k)
    np.testing.assert_array_equal(k, rows)
    K[:] = 0
    np.testing.assert_array_equal(repair.transform(before), expected)


@METHODS
def test_pipeline_with_a_support_vector_machine(method):
    K, k, y, y_test = noisy_gram()
    model = make_pipeline(PSDRepair(method), SVC(kernel="precomputed", C=10)).fit(K, y)
    machine = SVC(kernel="precomputed", C=10).fit(REPAIRS[method](K), y)
    trained = machine.decision_function(REPAIRS[method](K))
    np.testing.assert_allclose(model.decision_function(K), trained, atol=1e-5)
    assert model.score(k, y_test) > 0.7


def test_cross_validation_takes_rows_and_columns():
    K, _, y, _ = noisy_gram()
    model, folds = make_pipeline(PSDRepair(), SVC(kernel="precomputed")), StratifiedKFold(4)
    expected = []
    for train, test in folds.split(K, y):
        inside, outside = K[np.ix_(train, train)], K[np.ix_(test, train)]
        values, V = np.linalg.eigh(inside)
        P = V[:, values > 0] @ V[:, values > 0].T
        machine = SVC(kernel="precomputed").fit(inside @ P, y[train])
        expected.append(machine.score(outside @ P, y[test]))
    np.testing.assert_allclose(cross_val_score(model, K, y, cv=folds), expected)


def test_grid_search_over_methods():
    K, k, y, y_test = noisy_gram()
    grid = {"psdrepair__method": list(REPAIRS), "svc__C": [0.1, 10]}
    model = make_pipeline(PSDRepair(), SVC(kernel="precomputed"))
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(K, y)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_score_ > 0.7
    assert search.score(k, y_test) > 0.7


# Not the nearest correlation: on their large entries it takes thousands of iterations.
@parametrize_with_checks([PSDRepair(method) for method in ("clip", "flip", "shift")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_clones_names_and_tags():
    repair = clone(PSDRepair("flip").fit(SWAP))
    assert repr(repair) == "PSDRepair(method='flip')"
    with pytest.raises(NotFittedError):
        repair.transform(SWAP)
    names = pd.DataFrame(SWAP, columns=["a", "b"])
    repair.set_output(transform="pandas").fit(names)
    assert repair.get_feature_names_out().tolist() == ["psdrepair0", "psdrepair1"]
    assert repair.transform(names).columns.tolist() == ["psdrepair0", "psdrepair1"]
    assert repair.__sklearn_tags__().input_tags.pairwise
    # K is data, not metadata to be routed.
    assert not hasattr(repair, "set_fit_request")
    assert not hasattr(repair, "set_transform_request")


def test_relative_correction_of_nothing():
    zero = np.zeros((2, 2))
    assert PSDRepair().fit(zero).relative_correction_ == 0
    assert PSDRepair("nearest_correlation").fit(zero).relative_correction_ == np.inf


# -- Refusals


@pytest.mark.parametrize(
    ("K", "error", "message"),
    [
        (np.ones((2, 3)), ValueError, "expected a square kernel matrix, got shape (2, 3)"),
        (
            [[1.0, 0.5], [0.4, 1.0]],
            ValueError,
            "expected a symmetric kernel matrix, such as (K + K.T) / 2, "
            "got K[0, 1] = 0.5 and K[1, 0] = 0.4",
        ),
        ([[1.0, 1.00001], [1.0, 1.0]], ValueError, "got K[0, 1] = 1.00001 and K[1, 0] = 1.0"),
        ([[1.0, np.nan], [np.nan, 1.0]], ValueError, "contains NaN"),
        ([[1.0, np.inf], [np.inf, 1.0]], ValueError, "contains infinity"),
        (np.eye(2) * 1j, ValueError, "Complex data not supported"),
        ([1.0, 2.0], ValueError, "Expected 2D array, got 1D array"),
        (np.empty((0, 0)), ValueError, "Found array with 0 sample(s)"),
        (csr_array(np.eye(2)), TypeError, "Sparse data was passed"),
    ],
)
@pytest.mark.parametrize("function", [*REPAIRS.values(), distance_to_psd, PSDRepair().fit])
def test_matrices_that_are_refused(function, K, error, message):
    with pytest.raises(error, match=re.escape(message)):
        function(K)


@pytest.mark.parametrize("method", ["eig", None, clip, ["clip"]])
def test_unknown_methods(method):
    message = (
        f"method: expected one of ['clip', 'flip', 'nearest_correlation', 'shift'], got {method!r}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        PSDRepair(method).fit(SWAP)


def test_test_rows_of_another_length():
    message = "X has 3 features, but PSDRepair is expecting 2 features as input"
    with pytest.raises(ValueError, match=message):
        PSDRepair().fit(SWAP).transform(np.ones((1, 3)))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"tolerance": 0.0}, "tolerance must be a positive finite number, got 0.0"),
        ({"max_iterations": 0}, "expected max_iterations to be an integer of at least 1, got 0"),
        ({"max_iterations": 2.5}, "max_iterations to be an integer of at least 1, got 2.5"),
    ],
)
def test_settings_out_of_range(setting, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        nearest_correlation(SWAP, **setting)


def test_iterations_that_do_not_suffice():
    K = noisy_gram()[0]
    message = (
        "nearest_correlation: expected a diagonal within 1e-08 of 1 after 3 iterations, got "
        r"0\.\d+ away; the result is a correlation matrix, but not the nearest"
    )
    with pytest.warns(ConvergenceWarning, match=message):
        nearest_correlation(K, max_iterations=3)
