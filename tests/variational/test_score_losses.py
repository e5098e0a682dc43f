"""Losses of scores: against scikit-learn's metrics, their slopes, and extreme scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn.metrics import brier_score_loss, hinge_loss, log_loss, mean_squared_error

from qkernels.variational import losses

SCORE_LOSSES = [losses.cross_entropy, losses.hinge, losses.squared]
PROBABILITY_LOSSES = [
    losses.cross_entropy_of_probabilities,
    losses.of_probabilities(losses.hinge),
    losses.of_probabilities(losses.squared),
]
sizes = st.tuples(st.integers(2, 5), st.integers(1, 8), st.integers(0, 10**6))


def drawn(n_classes, n_points, seed):
    """Return classes, all of them and some more points, their signs, and scores."""
    rng = np.random.default_rng(seed)
    classes = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n_points)])
    signs = losses.signs(classes, n_classes)
    return classes, signs, rng.normal(scale=2, size=signs.shape)


def probabilities_of(scores):
    """Return the probabilities of all classes, given logits."""
    if scores.shape[1] == 1:
        return np.hstack([1 - expit(scores), expit(scores)])
    return softmax(scores, axis=1)


def both_signs(signs):
    return np.hstack([-signs, signs]) if signs.shape[1] == 1 else signs


def test_signs_by_hand():
    np.testing.assert_array_equal(losses.signs(np.array([0, 1, 1]), 2), [[-1], [1], [1]])
    np.testing.assert_array_equal(
        losses.signs(np.array([2, 0]), 3), [[-1.0, -1.0, 1.0], [1.0, -1.0, -1.0]]
    )


@given(sizes)
def test_cross_entropy_is_the_log_loss(size):
    classes, signs, scores = drawn(*size)
    p = probabilities_of(scores)
    expected = log_loss(classes, p, labels=range(size[0]))
    np.testing.assert_allclose(losses.cross_entropy(scores, signs)[0], expected, rtol=1e-9)
    of_probabilities = losses.cross_entropy_of_probabilities(p, both_signs(signs))[0]
    np.testing.assert_allclose(of_probabilities, expected, rtol=1e-9)


@given(sizes)
def test_hinge_sums_those_of_one_class_against_the_rest(size):
    _, signs, scores = drawn(*size)
    columns = range(scores.shape[1])
    of_columns = [hinge_loss(signs[:, k], scores[:, k], labels=[-1, 1]) for k in columns]
    np.testing.assert_allclose(losses.hinge(scores, signs)[0], sum(of_columns), rtol=1e-12)


@given(sizes)
def test_squared_sums_the_mean_squared_errors(size):
    _, signs, scores = drawn(*size)
    expected = mean_squared_error(signs, scores, multioutput="raw_values").sum()
    np.testing.assert_allclose(losses.squared(scores, signs)[0], expected, rtol=1e-12)


@given(st.integers(2, 8), st.integers(0, 10**6))
def test_squared_of_two_probabilities_is_eight_times_the_brier_score(n_points, seed):
    classes, signs, scores = drawn(2, n_points, seed)
    p = probabilities_of(scores)
    found = losses.of_probabilities(losses.squared)(p, both_signs(signs))[0]
    brier = brier_score_loss(classes, p[:, 1], pos_label=1)
    np.testing.assert_allclose(found, 8 * brier, rtol=1e-12)


@given(st.integers(2, 5), st.integers(1, 8), st.integers(0, 10**6))
def test_hinge_of_probabilities_is_linear_in_what_is_wrong(n_classes, n_points, seed):
    classes, signs, scores = drawn(n_classes, n_points, seed)
    p = probabilities_of(scores)
    found = losses.of_probabilities(losses.hinge)(p, both_signs(signs))[0]
    # 2 (1 - p) for the right class, 2 p for each other, which sum up to 1 - p of the right one.
    right = p[np.arange(len(p)), classes]
    np.testing.assert_allclose(found, 4 * np.mean(1 - right), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", SCORE_LOSSES + PROBABILITY_LOSSES)
@given(sizes)
def test_slopes_against_central_differences(loss, size):
    _, signs, scores = drawn(*size)
    if loss in PROBABILITY_LOSSES:
        scores, signs = probabilities_of(scores), both_signs(signs)
    step = 1e-6 * np.minimum(np.abs(scores).min(), 1.0)
    slope = loss(scores, signs)[1]
    assert slope.shape == scores.shape
    for place in np.ndindex(scores.shape):
        shift = np.zeros_like(scores)
        shift[place] = step
        numeric = (loss(scores + shift, signs)[0] - loss(scores - shift, signs)[0]) / (2 * step)
        if loss is losses.hinge and abs(1 - signs[place] * scores[place]) < 2 * step:
            continue  # the kink
        np.testing.assert_allclose(slope[place], numeric, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("score", "value", "slope"), [(1e4, 0, 0), (-1e4, 1e4, -1), (0, 0.693, -0.5)]
)
def test_cross_entropy_of_extreme_scores_of_two_classes(score, value, slope):
    found = losses.cross_entropy(np.array([[score]]), np.array([[1.0]]))
    np.testing.assert_allclose(found[0], value, atol=1e-3)
    np.testing.assert_allclose(found[1], [[slope]])


def test_cross_entropy_of_extreme_scores_of_three_classes():
    value, slope = losses.cross_entropy(
        np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]]), losses.signs(np.array([0, 1]), 3)
    )
    assert value == 1e4  # nothing and 2e4
    np.testing.assert_array_equal(slope, [[0, 0, 0], [0.5, -0.5, 0]])


@pytest.mark.parametrize("loss", SCORE_LOSSES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_extreme_scores_are_finite(loss, n_classes):
    signs = losses.signs(np.arange(4) % n_classes, n_classes)
    scores = np.resize([1e4, -1e4, 0.0, -1e4, 1e4], signs.shape)
    with np.errstate(all="raise", under="ignore"):
        value, slope = loss(scores, signs)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("least", [0.0, -0.1, 1e-13])
def test_a_right_class_of_no_probability_counts_as_1e_minus_12_and_has_no_slope(least):
    p, signs = np.array([[least, 1 - least], [0.5, 0.5]]), np.array([[1.0, -1.0], [1.0, -1.0]])
    value, slope = losses.cross_entropy_of_probabilities(p, signs)
    np.testing.assert_allclose(value, (12 * np.log(10) + np.log(2)) / 2)
    np.testing.assert_array_equal(slope, [[0, 0], [-1, 0]])
