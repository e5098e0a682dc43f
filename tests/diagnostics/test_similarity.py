"""Likeness to classical kernels, against a plain search and kernels that are classical."""

import re

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel

import qkernels as qk
from qkernels.diagnostics import classical_similarity


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(25, 3))


def alignment(A, B):
    H = np.eye(len(A)) - 1 / len(A)
    A, B = H @ A @ H, H @ B @ H
    return np.sum(A * B) / np.sqrt(np.sum(A * A) * np.sum(B * B))


@pytest.mark.parametrize("gamma", [1e-3, 0.07, 2.0])
def test_an_rbf_kernel_is_found(X, gamma):
    found = classical_similarity(2 * rbf_kernel(X, gamma=gamma) + 3, X)
    assert found.rbf == pytest.approx(1, abs=1e-9)
    assert found.gamma == pytest.approx(gamma, rel=1e-3)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_a_polynomial_kernel_is_found(X, degree):
    found = classical_similarity(polynomial_kernel(X, degree=degree, gamma=0.3), X)
    assert found.polynomial == pytest.approx(1, abs=1e-9)
    if degree > 1:
        assert found.degree == degree
        assert found.scale == pytest.approx(0.3, rel=1e-3)


def test_nothing_better_is_found_by_plain_search(X):
    K = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.4)(X)
    found = classical_similarity(K, X)
    scales = np.geomspace(1e-3, 1e3, 200)
    best_rbf = max(alignment(K, rbf_kernel(X, gamma=g)) for g in scales)
    best_polynomial = max(
        alignment(K, polynomial_kernel(X, degree=d, gamma=s)) for s in scales for d in range(1, 6)
    )
    assert best_rbf - 1e-12 <= found.rbf < best_rbf + 1e-3
    assert best_polynomial - 1e-12 <= found.polynomial < best_polynomial + 1e-3
    # And what is found is what it says.
    assert alignment(K, rbf_kernel(X, gamma=found.gamma)) == pytest.approx(found.rbf)
    theirs = polynomial_kernel(X, degree=found.degree, gamma=found.scale)
    assert alignment(K, theirs) == pytest.approx(found.polynomial)


def test_a_small_bandwidth_makes_an_rbf_kernel(X):
    narrow, wide = (
        classical_similarity(qk.FidelityKernel(qk.feature_maps.angle, bandwidth=b)(X), X).rbf
        for b in (0.05, 2.0)
    )
    assert narrow > 0.999 > wide


def test_order_and_scale_do_not_matter(X):
    K = qk.FidelityKernel(qk.feature_maps.zz)(X)
    order = np.random.default_rng(1).permutation(len(X))
    expected = classical_similarity(K, X)
    found = classical_similarity(3 * K[np.ix_(order, order)], 10 * X[order])
    assert found.rbf == pytest.approx(expected.rbf, rel=1e-6)
    assert 100 * found.gamma == pytest.approx(expected.gamma, rel=1e-3)
    assert found.polynomial == pytest.approx(expected.polynomial, rel=1e-6)


@pytest.mark.parametrize(
    ("K", "X", "message"),
    [
        (np.ones((2, 3)), np.eye(2), "expected a square kernel matrix, got shape (2, 3)"),
        (np.eye(2), np.eye(3), "expected as many points as the kernel has rows (2), got 3"),
        (np.eye(2), np.ones((2, 3)), "expected points that differ, got equal ones"),
        (np.eye(2), np.full((2, 1), np.nan), "Input X contains NaN"),
        (np.ones((2, 2)), np.eye(2), "expected a kernel matrix that is not constant, got one"),
    ],
)
def test_what_is_refused(K, X, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        classical_similarity(K, X)
