"""Dimensions and spectra of kernel matrices, against sums over eigenvalues and closed forms."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qkernels.diagnostics import (
    approximate_dimension,
    effective_dimension,
    spectrum,
    task_alignment,
)

Y = np.random.default_rng(0).integers(0, 3, 20)
factors = arrays.arrays(np.float64, (6, 4), elements=st.floats(-3, 3)).filter(
    lambda F: np.sum(F**2) > 0.1
)


def scaled_eigenvalues(K):
    return np.sort(np.linalg.eigvalsh(K * len(K) / np.trace(K)))[::-1]


# -- Against their definitions


def test_spectrum(K):
    values, found = scaled_eigenvalues(K), spectrum(K)
    np.testing.assert_allclose(found.eigenvalues, values, atol=1e-12)
    np.testing.assert_allclose(found.cumulative, np.cumsum(values) / 20, atol=1e-12)
    assert found.participation_ratio == pytest.approx(20**2 / np.sum(values**2))


def test_approximate_dimension_is_the_double_sum(K):
    t, n = scaled_eigenvalues(K), 20
    expected = sum(sum(t[j] for j in range(k, n)) / (n - k) for k in range(n))
    assert approximate_dimension(K) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("regularization", [0.01, 1.0])
def test_effective_dimension_is_a_trace(K, regularization):
    C = K * 20 / np.trace(K)
    expected = np.trace(C @ np.linalg.inv(C + regularization * np.eye(20)))
    assert effective_dimension(K, regularization) == pytest.approx(expected, rel=1e-10)


def test_without_regularization_the_effective_dimension_is_the_rank():
    F = np.random.default_rng(1).normal(size=(20, 3))
    assert effective_dimension(F @ F.T, 0) == 3


@pytest.mark.parametrize("n", [1, 2, 30])
def test_identity_and_constant(n):
    assert approximate_dimension(np.eye(n)) == pytest.approx(n)
    assert approximate_dimension(np.ones((n, n))) == pytest.approx(1)
    assert spectrum(5 * np.eye(n)).participation_ratio == pytest.approx(n)
    assert spectrum(np.ones((n, n))).participation_ratio == pytest.approx(1)
    assert effective_dimension(np.eye(n), 1.0) == pytest.approx(n / 2)


# -- Task alignment


def test_power_is_the_square_of_projections(K):
    y = np.random.default_rng(2).normal(size=20)
    vectors = np.linalg.eigh(K)[1][:, ::-1]
    expected = [(vectors[:, k] @ (y - y.mean())) ** 2 for k in range(20)]
    found = task_alignment(K, y)
    np.testing.assert_allclose(found.power, expected / np.sum((y - y.mean()) ** 2), atol=1e-12)
    np.testing.assert_allclose(found.cumulative, np.cumsum(found.power))


def test_power_of_classes_is_summed_over_centred_columns(K):
    # Corners of a simplex are one-hot columns less their mean, up to a factor.
    columns = np.eye(3)[Y] - 1 / 3
    squares = np.sum((np.linalg.eigh(K)[1][:, ::-1].T @ columns) ** 2, axis=1)
    np.testing.assert_allclose(task_alignment(K, Y).power, squares / squares.sum(), atol=1e-12)


def test_equal_eigenvalues_share_their_power():
    y = np.array([3.0, 2.0, 1.0, 0.0, -6.0]) + 0.5
    found = task_alignment(np.diag([3.0, 2.0, 2.0, 2.0, 1.0]), y)
    np.testing.assert_allclose(found.power, np.array([9, 5 / 3, 5 / 3, 5 / 3, 36]) / 50)


# -- Invariances


@settings(deadline=None, max_examples=50)
@given(F=factors, scale=st.floats(0.01, 100), seed=st.integers(0, 100))
def test_order_and_scale_do_not_matter(F, scale, seed):
    order = np.random.default_rng(seed).permutation(6)
    K, y = F @ F.T, np.array([0, 1, 0, 1, 1, 0])
    other, labels = scale * K[np.ix_(order, order)], np.array(["b", "a"])[y[order]]
    found, expected = spectrum(other), spectrum(K)
    np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, atol=1e-9)
    assert found.participation_ratio == pytest.approx(expected.participation_ratio)
    assert approximate_dimension(other) == pytest.approx(approximate_dimension(K))
    assert effective_dimension(other, 0.1) == pytest.approx(effective_dimension(K, 0.1))
    assert 1 - 1e-9 <= approximate_dimension(K) <= 6 + 1e-9
    assert task_alignment(other, labels).cumulative[-1] == pytest.approx(1)


def test_power_does_not_depend_on_names_and_order(K):
    order = np.random.default_rng(3).permutation(20)
    found = task_alignment(3 * K[np.ix_(order, order)], np.array(["z", "m", "a"])[Y[order]])
    np.testing.assert_allclose(found.power, task_alignment(K, Y).power, atol=1e-12)


def test_eigenvalues_that_rounding_makes_negative_are_zero():
    F = np.random.default_rng(4).normal(size=(50, 2)).astype(np.float32)
    found = spectrum(F @ F.T)
    assert found.eigenvalues.min() == 0
    assert found.cumulative[-1] == pytest.approx(1)


# -- Refusals


@pytest.mark.parametrize(
    "function",
    [
        spectrum,
        approximate_dimension,
        lambda K: effective_dimension(K, 0.1),
        lambda K: task_alignment(K, np.arange(len(K))),
    ],
    ids=["spectrum", "approximate_dimension", "effective_dimension", "task_alignment"],
)
@pytest.mark.parametrize(
    ("K", "message"),
    [
        (np.ones((2, 3)), "expected a square kernel matrix, got shape (2, 3)"),
        ([[1.0, 0.5], [0.4, 1.0]], "expected a symmetric kernel matrix, such as (K + K.T) / 2"),
        ([[1.0, np.nan], [np.nan, 1.0]], "Input K contains NaN"),
        (np.zeros((2, 2)), "expected a kernel matrix of positive trace, got 0.0"),
        (-np.eye(2), "expected a kernel matrix of positive trace, got -2.0"),
        (
            [[1.0, 1.5], [1.5, 1.0]],
            "expected a positive semidefinite kernel matrix, got one with the eigenvalue -0.5 "
            "when scaled to trace 2: repair it first, for example with qkernels.psd.clip",
        ),
    ],
)
def test_matrices_that_are_refused(function, K, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(K)


def test_numbers_and_targets_that_are_refused():
    with pytest.raises(ValueError, match="expected regularization to be at least 0, got -1"):
        effective_dimension(np.eye(2), -1)
    message = r"expected as many targets as the kernel has rows \(2\), got 3"
    with pytest.raises(ValueError, match=message):
        task_alignment(np.eye(2), [0, 1, 1])
    with pytest.raises(ValueError, match=r"expected at least two classes, got \[1\]"):
        task_alignment(np.eye(2), [1, 1])
