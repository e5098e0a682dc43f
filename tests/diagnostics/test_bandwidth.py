"""Bandwidth paths, against plain loops over folds."""

import re

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import SVC, SVR

import qkernels as qk
from qkernels.diagnostics import bandwidth_path, classical_similarity, concentration

# What the integer 3 draws for the folds.
SEED = np.random.RandomState(3).randint(2**31 - 1)
COSTS = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]
KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=7.0)


@pytest.fixture
def points():
    return qk.datasets.ad_hoc(48, random_state=0, return_X_y=True)


def plain_scores(kernel, X, y, model, folds, score):
    """Return the score on each outer fold, C picked by folds of the training points alone."""
    found = []
    for train, test in folds(4).split(X, y):
        K, labels = kernel(X[train]), y[train]

        def inner(C, K=K, labels=labels):
            scores = []
            for a, b in folds(3).split(K, labels):
                fit = model(C).fit(K[np.ix_(a, a)], labels[a])
                scores.append(score(labels[b], fit.predict(K[np.ix_(b, a)])))
            return np.mean(scores)

        best = COSTS[int(np.argmax([inner(C) for C in COSTS]))]
        fit = model(best).fit(K, labels)
        found.append(score(y[test], fit.predict(kernel(X[test], X[train]))))
    return found


def assert_scores(path, expected):
    np.testing.assert_allclose(path.scores, np.mean(expected, axis=1), rtol=1e-6)
    errors = np.std(expected, axis=1, ddof=1) * np.sqrt(1 / 4 + 1 / 3)
    np.testing.assert_allclose(path.score_errors, errors, rtol=1e-5, atol=1e-12)


def test_scores_of_classes_are_those_of_plain_loops(points):
    X, y = points
    path = bandwidth_path(KERNEL, X, y, bandwidths=[0.3, 1.0], cv=4, random_state=3)
    expected = [
        plain_scores(
            qk.FidelityKernel(qk.feature_maps.zz, bandwidth=b),
            X,
            y,
            lambda C: SVC(kernel="precomputed", C=C),
            lambda n: StratifiedKFold(n, shuffle=True, random_state=SEED),
            lambda a, b: np.mean(a == b),
        )
        for b in (0.3, 1.0)
    ]
    assert_scores(path, expected)


def test_scores_of_real_targets_are_those_of_plain_loops(points):
    X, _ = points
    y = 5 + 100 * np.sin(X[:, 0])
    path = bandwidth_path(KERNEL, X, y, bandwidths=[0.3], cv=4, random_state=3)
    expected = plain_scores(
        qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.3),
        X,
        (y - y.mean()) / y.std(),
        lambda C: SVR(kernel="precomputed", C=C),
        lambda n: KFold(n, shuffle=True, random_state=SEED),
        r2_score,
    )
    assert_scores(path, [expected])


@pytest.mark.parametrize(
    "kernel", [KERNEL, qk.ProjectedKernel(qk.feature_maps.zz)], ids=["fidelity", "projected"]
)
def test_what_stands_beside_the_scores(points, kernel):
    X, y = points
    path = bandwidth_path(kernel, X, y, bandwidths=[0.1, 0.8], cv=2, random_state=0)
    for i, bandwidth in enumerate([0.1, 0.8]):
        K = type(kernel)(qk.feature_maps.zz, bandwidth=bandwidth)(X)
        entries = concentration(K)
        assert path.means[i] == pytest.approx(entries.mean)
        assert path.variances[i] == pytest.approx(entries.variance)
        assert path.rbf_similarities[i] == pytest.approx(classical_similarity(K, X).rbf)


def test_each_bandwidth_has_the_same_folds(points):
    X, y = points
    path = bandwidth_path(KERNEL, X, y, bandwidths=[1.5] * 6, cv=2)
    assert len(set(path.scores)) == 1
    paths = [bandwidth_path(KERNEL, X, y, bandwidths=[1.5], cv=2, random_state=s) for s in range(6)]
    assert len({path.scores[0] for path in paths}) > 1


def test_default_bandwidths_and_names_of_classes(points):
    X, y = points
    path = bandwidth_path(KERNEL, X[::2], y[::2], cv=2, random_state=0)
    np.testing.assert_allclose(path.bandwidths, 0.01 * 300 ** (np.arange(13) / 12))
    assert path.means[0] > 0.9 > path.means[-1]
    assert KERNEL.bandwidth == 7.0
    names = np.where(y[::2] == y[0], "a", "b")
    again = bandwidth_path(KERNEL, X[::2], names, cv=2, random_state=0)
    np.testing.assert_allclose(again.scores, path.scores)


X4 = np.arange(8.0).reshape(4, 2)


@pytest.mark.parametrize(
    ("kernel", "X", "y", "options", "error", "message"),
    [
        (RBF(), X4, [0, 1, 0, 1], {}, TypeError, "expected a quantum kernel, got RBF"),
        (KERNEL, X4, [0, 1, 0], {}, ValueError, "expected as many targets as points (4), got 3"),
        (KERNEL, X4, [1, 1, 1, 1], {}, ValueError, "expected at least two classes, got [1]"),
        (
            KERNEL,
            X4,
            [0, 1, 0, 1],
            {},
            ValueError,
            "expected at least 6 points of each class, got 2",
        ),
        (KERNEL, X4, [0.5, 1, 0, 1], {"cv": 2}, ValueError, "expected at least 12 points, got 4"),
        (KERNEL, X4, [0.5, np.nan, 0, 1], {}, ValueError, "Input y contains NaN"),
        (KERNEL, np.nan * X4, [0, 1, 0, 1], {}, ValueError, "Input X contains NaN"),
        (
            KERNEL,
            np.ones((12, 2)),
            [0, 1] * 6,
            {"cv": 3},
            ValueError,
            "expected points that differ, got equal ones",
        ),
        (KERNEL, X4, [0, 1, 0, 1], {"cv": 1}, ValueError, "expected cv to be an integer of at"),
        *(
            (
                KERNEL,
                np.eye(12),
                [0, 1] * 6,
                {"cv": 3, "bandwidths": bandwidths},
                ValueError,
                f"expected bandwidths to be positive numbers, got {bandwidths!r}",
            )
            for bandwidths in ([0.1, -1.0], [], 0.5, [np.inf])
        ),
    ],
)
def test_what_is_refused(kernel, X, y, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        bandwidth_path(kernel, X, y, **options)
