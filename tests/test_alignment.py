"""`qkernels.alignment`: the scores against their definitions written out with NumPy."""

import re

import numpy as np
import pytest

from qkernels.alignment import centered_alignment, target_alignment

RANDOM = np.random.default_rng(7)
N = 11
TWO = np.array([0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1])
THREE = np.array([2, 0, 1, 2, 2, 1, 0, 2, 2, 1, 2])
REAL = RANDOM.normal(size=N)
TARGETS = pytest.mark.parametrize("y", [TWO, THREE, REAL], ids=["two", "three", "real"])


def random_kernel(n=N):
    A = RANDOM.normal(size=(n, n))
    return A @ A.T / n


def ideal(y, *, rescale=False):
    """Return T: yyᵀ with y = ±1, 1 and -1/(c-1) for c classes, or yyᵀ of centred targets."""
    if y.dtype.kind == "f":
        return np.outer(y - y.mean(), y - y.mean())
    c = len(set(y))
    same = y[:, None] == y[None, :]
    sizes = np.array([np.sum(y == label) for label in y]) if rescale else np.ones(len(y))
    return np.where(same, 1.0, -1 / (c - 1)) / np.outer(sizes, sizes)


def cosine(K, T):
    return np.trace(K.T @ T) / np.sqrt(np.trace(K.T @ K) * np.trace(T.T @ T))


@pytest.mark.parametrize("rescale", [True, False])
@TARGETS
def test_target_alignment_is_the_cosine_with_the_ideal_kernel(y, rescale):
    K = random_kernel()
    found = target_alignment(K, y, rescale_class_weights=rescale)
    assert found == pytest.approx(cosine(K, ideal(y, rescale=rescale)), rel=1e-12)


def test_two_classes_are_plus_and_minus_one():
    K, signs = random_kernel(), 2.0 * TWO - 1
    found = target_alignment(K, TWO, rescale_class_weights=False)
    assert found == pytest.approx(cosine(K, np.outer(signs, signs)), rel=1e-12)


@TARGETS
def test_centered_alignment_is_the_cosine_of_centred_matrices(y):
    K, H = random_kernel(), np.eye(N) - np.ones((N, N)) / N
    expected = cosine(H @ K @ H, H @ ideal(y) @ H)
    assert centered_alignment(K, y) == pytest.approx(expected, rel=1e-12)


@TARGETS
def test_the_ideal_kernel_has_alignment_one(y):
    assert target_alignment(ideal(y), y, rescale_class_weights=False) == pytest.approx(1)
    assert target_alignment(ideal(y, rescale=True), y) == pytest.approx(1)
    assert centered_alignment(ideal(y), y) == pytest.approx(1)
    assert target_alignment(-ideal(y, rescale=True), y) == pytest.approx(-1)


@pytest.mark.parametrize("score", [target_alignment, centered_alignment])
def test_labels_are_names(score):
    K, names = random_kernel(), np.array(["cat", "dog", "elk"])
    assert score(K, names[THREE]) == pytest.approx(score(K, THREE), rel=1e-12)
    assert score(K, 1 - TWO) == pytest.approx(score(K, TWO), rel=1e-12)
    assert score(K, list(names[THREE])) == score(K, names[THREE].astype(object))


@pytest.mark.parametrize("score", [target_alignment, centered_alignment])
@TARGETS
def test_scale_does_not_matter(score, y):
    K = random_kernel()
    assert score(7.3 * K, y) == pytest.approx(score(K, y), rel=1e-12)


@TARGETS
def test_a_constant_changes_the_plain_alignment_only(y):
    K = random_kernel()
    assert centered_alignment(K + 0.9, y) == pytest.approx(centered_alignment(K, y), rel=1e-10)
    plain = [target_alignment(K + c, y) for c in (0.0, 0.9)]
    assert abs(plain[1] - plain[0]) > 0.01


def test_class_weights_undo_the_repetition_of_points():
    """Points of one class that are there five times count as much as if they were there once."""
    few = np.array([[1.0, 0.2, 0.3], [0.2, 1.0, 0.1], [0.3, 0.1, 1.0]])
    rows, y = [0, 1] + [2] * 5, [0, 0] + [1] * 5
    many = few[np.ix_(rows, rows)]
    signs = np.array([0.5, 0.5, -1])
    score = (
        signs
        @ few
        @ signs
        / (np.linalg.norm(many) * np.linalg.norm(ideal(np.array(y), rescale=True)))
    )
    assert target_alignment(many, y) == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("score", [target_alignment, centered_alignment])
@pytest.mark.parametrize(
    ("K", "y", "message"),
    [
        (np.eye(3), ["a"] * 3, "expected at least two classes, got ['a']"),
        (np.eye(2), [0.5, 0.5], "expected targets that differ, got one value"),
        (np.eye(3)[:2], [0, 1], "expected a square kernel matrix, got shape (2, 3)"),
        (np.eye(3), [0, 1], "expected as many targets as the kernel has rows (3), got 2"),
        (np.zeros((2, 2)), [0, 1], "no alignment of a kernel matrix that is zero"),
        (np.eye(2) * np.nan, [0, 1], "Input K contains NaN"),
        (np.eye(2), [0.5, np.nan], "Input y contains NaN"),
        ([1.0, 2.0], [0, 1], "Expected 2D array, got 1D array"),
        (np.eye(2), np.eye(2), "y should be a 1d array"),
    ],
)
def test_refusals(score, K, y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        score(K, y)


@pytest.mark.parametrize("constant", [1.0, 0.1, 1 / 3])
def test_a_constant_has_no_centred_alignment(constant):
    with pytest.raises(ValueError, match=r"that is zero \(after centring, if any\)"):
        centered_alignment(np.full((5, 5), constant), [0, 1, 0, 1, 1])
