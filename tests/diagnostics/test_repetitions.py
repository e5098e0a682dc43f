"""Rules for repetitions, against plain formulas and simulated counts."""

import re

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC, SVR, NuSVC

import qkernels as qk
from qkernels import diagnostics
from qkernels.diagnostics import decision_repetitions, required_repetitions


def kernel_matrix(n, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 2))
    return qk.FidelityKernel(qk.feature_maps.zz)(X)


def measured(K, repetitions, random):
    """Return a symmetric matrix of frequencies; the diagonal is not measured."""
    upper = np.triu(random.binomial(repetitions, np.clip(K, 0, 1)) / repetitions, 1)
    return upper + upper.T + np.diag(np.diag(K))


# -- Entries and norms


@pytest.mark.parametrize("error", [0.01, 0.3])
def test_rules_of_entries(error):
    K = kernel_matrix(7)
    pairs = [K[i, j] for i in range(7) for j in range(i)]
    entry = max(k * (1 - k) for k in pairs) / error**2
    assert required_repetitions(K, error=error) == pytest.approx(entry)
    relative = max((1 - k) / (k * error**2) for k in pairs)
    assert required_repetitions(K, error=error, norm="relative") == pytest.approx(relative)
    operator = 4 * 7 * entry
    assert required_repetitions(K, error=error, norm="operator") == pytest.approx(operator)


def test_simulated_entries_are_as_exact_as_asked():
    K, random = np.full((2, 2), 0.3), np.random.default_rng(1)
    for norm, expected in [("entry", 0.02), ("relative", 0.02 * 0.3)]:
        n = round(required_repetitions(K, error=0.02, norm=norm))
        found = random.binomial(n, 0.3, 4000) / n
        assert found.std() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("value", [0.5, 0.1])
def test_the_operator_norm_is_reached_by_equal_entries(value):
    K = np.full((100, 100), value) + (1 - value) * np.eye(100)
    n = round(required_repetitions(K, error=0.5, norm="operator"))
    random = np.random.default_rng(2)
    errors = [np.linalg.norm(measured(K, n, random) - K, 2) for _ in range(10)]
    assert np.mean(errors) == pytest.approx(0.5, rel=0.06)


def test_the_operator_norm_is_kept_by_other_entries():
    K, random = kernel_matrix(100), np.random.default_rng(3)
    n = round(required_repetitions(K, error=0.5, norm="operator"))
    assert max(np.linalg.norm(measured(K, n, random) - K, 2) for _ in range(10)) < 0.5


def test_what_needs_none_and_what_no_number_resolves():
    assert required_repetitions(np.ones((3, 3)), error=0.1) == 0
    assert required_repetitions(np.ones((3, 3)), error=0.1, norm="relative") == 0
    assert required_repetitions(np.eye(3), error=0.1) == 0
    assert required_repetitions(np.eye(3), error=0.1, norm="relative") == np.inf


@pytest.mark.parametrize(
    ("K", "options", "message"),
    [
        (np.ones((2, 3)), {"error": 0.1}, "expected a square kernel matrix, got shape (2, 3)"),
        (np.eye(1), {"error": 0.1}, "expected a kernel matrix of two points or more, got 1"),
        (-np.ones((2, 2)), {"error": 0.1}, "expected kernel values from 0 to 1, got -1.0 to -1.0"),
        (np.eye(2), {"error": 0.0}, "error must be a positive finite number, got 0.0"),
        (
            np.eye(2),
            {"error": 0.1, "norm": "spectral"},
            "expected norm to be one of ('entry', 'relative', 'operator'), got 'spectral'",
        ),
    ],
)
def test_matrices_and_numbers_that_are_refused(K, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        required_repetitions(K, **options)


# -- Decisions


@pytest.fixture
def fitted():
    """Return a classifier, and kernel values of new points with its training points."""
    X, y = qk.datasets.ad_hoc(80, random_state=0, return_X_y=True)
    kernel = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.6)
    order = np.random.default_rng(1).permutation(len(X))
    train, new = order[:40], order[40:]
    classifier = SVC(kernel="precomputed", C=10.0).fit(kernel(X[train]), y[train])
    return classifier, kernel(X[new], X[train])


def kept(classifier, K, repetitions, seed=0, trials=2000):
    """Return how often measured kernel values decide as the exact ones, for each point."""
    random, decided = np.random.default_rng(seed), classifier.predict(K)
    found = np.zeros(len(K))
    for _ in range(trials):
        found += classifier.predict(random.binomial(repetitions, K) / repetitions) == decided
    return found / trials


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_each_decision_is_kept_as_often_as_asked(fitted, confidence):
    classifier, K = fitted
    needed = [decision_repetitions(classifier, row[np.newaxis], confidence=confidence) for row in K]
    # Points that a handful of counts decides are not normal.
    usual = [i for i, n in enumerate(needed) if 100 < n < 1e6]
    assert len(usual) >= 5
    for i in usual[:8]:
        found = kept(classifier, K[[i]], int(np.ceil(needed[i])))[0]
        assert found == pytest.approx(confidence, abs=0.03)


def test_the_costliest_point_of_the_share_decides(fitted):
    classifier, K = fitted
    single = np.sort([decision_repetitions(classifier, row[np.newaxis]) for row in K])
    assert decision_repetitions(classifier, K) == pytest.approx(single[-1])
    for share in (0.1, 0.5, 0.9):
        expected = single[int(np.ceil(share * len(K))) - 1]
        assert decision_repetitions(classifier, K, share=share) == pytest.approx(expected)


def test_a_share_of_the_decisions_is_kept(fitted):
    classifier, K = fitted
    n = int(np.ceil(decision_repetitions(classifier, K, confidence=0.9, share=0.8)))
    assert np.mean(kept(classifier, K, n, trials=300) >= 0.86) >= 0.8


def test_a_quantum_kernel_inside_the_classifier_is_the_same():
    X, y = qk.datasets.ad_hoc(40, random_state=0, return_X_y=True)
    kernel = qk.FidelityKernel(qk.feature_maps.zz)
    inside = SVC(kernel=kernel).fit(X[:30], y[:30])
    outside = SVC(kernel="precomputed").fit(kernel(X[:30]), y[:30])
    K = kernel(X[30:], X[:30])
    expected = decision_repetitions(outside, K)
    assert decision_repetitions(inside, K) == pytest.approx(expected, rel=1e-6)


@pytest.fixture
def many():
    """Return a classifier of four classes that overlap, and kernel values of new points."""
    random = np.random.default_rng(6)
    y = np.arange(80) % 4
    X = random.normal(size=(80, 2)) * 0.5 + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])[y]
    kernel = qk.FidelityKernel(qk.feature_maps.angle)
    classifier = SVC(kernel="precomputed", decision_function_shape="ovo").fit(
        kernel(X[:60]), np.array(["d", "b", "a", "c"])[y[:60]]
    )
    return classifier, kernel(X[60:], X[:60])


def test_weights_of_pairs_are_those_of_the_decision_function(many):
    classifier, K = many
    weights, pairs = diagnostics.shots._pairs(classifier)
    assert pairs == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    found = K[:, classifier.support_] @ weights + classifier.intercept_
    np.testing.assert_allclose(found, classifier.decision_function(K), atol=1e-12)


def test_pairs_that_a_vote_hangs_on():
    # 0 beats 1 and 2, then 0 beats 1 beats 2 beats 0.
    decisions = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, 1.0]])
    found = diagnostics.shots._decisive(decisions, [(0, 1), (0, 2), (1, 2)])
    assert found.tolist() == [[True, True, False], [True, True, True]]


def test_each_vote_is_kept_at_least_as_often_as_asked(many):
    classifier, K = many
    needed = [decision_repetitions(classifier, row, confidence=0.8) for row in K[:, np.newaxis]]
    usual = [i for i, n in enumerate(needed) if 20 < n < 1e6]
    assert len(usual) >= 5
    for i in usual:
        found = kept(classifier, K[[i]], int(np.ceil(needed[i])), trials=1000)[0]
        # One pair of the three is the closest, so the union bound gives away little.
        assert 0.8 - 0.03 < found < 0.99


def test_points_on_the_boundary_are_never_decided():
    classifier = SVC(kernel="precomputed").fit(np.eye(2), [0, 1])
    assert decision_repetitions(classifier, [[0.5, 0.5]]) == np.inf
    assert decision_repetitions(classifier, [[0.5, 0.5], [0.0, 1.0]], share=0.5) == 0


@pytest.mark.parametrize(
    ("K", "options", "message"),
    [
        (np.eye(2), {"confidence": 1.0}, "expected confidence to be between 0 and 1, got 1.0"),
        (np.eye(2), {"confidence": 0.5}, "expected confidence to be above 0.5, got 0.5"),
        (np.eye(2), {"share": 0}, "expected share to be above 0 and at most 1, got 0"),
        (np.eye(2), {"share": 1.1}, "expected share to be above 0 and at most 1, got 1.1"),
        (np.eye(3), {}, "expected kernel values with the 2 training points, got shape (3, 3)"),
        ([[0.5, 2.0]], {}, "expected kernel values from 0 to 1, got 0.5 to 2.0"),
        ([[0.5, np.nan]], {}, "Input K contains NaN"),
    ],
)
def test_decisions_that_are_refused(K, options, message):
    classifier = SVC(kernel="precomputed").fit(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match=re.escape(message)):
        decision_repetitions(classifier, K, **options)


def test_classifiers_that_are_refused():
    with pytest.raises(TypeError, match="expected a fitted SVC or NuSVC, got SVR"):
        decision_repetitions(SVR(), np.eye(2))
    with pytest.raises(NotFittedError):
        decision_repetitions(NuSVC(), np.eye(2))
    ties = SVC(kernel="precomputed", break_ties=True).fit(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match="expected a classifier that goes by votes, got one of"):
        decision_repetitions(ties, np.eye(2))
