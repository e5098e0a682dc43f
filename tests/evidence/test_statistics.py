"""Corrected intervals: their formula, and how often they hold the truth."""

import numpy as np
import pytest
from scipy.stats import t
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

from qkernels.evidence import corrected_interval


def test_the_formula():
    scores = np.array([0.8, 0.9, 0.85, 0.95, 0.9])
    mean, low, high = corrected_interval(scores, 1 / 4)
    error = np.sqrt((1 / 5 + 1 / 4) * np.sum((scores - scores.mean()) ** 2) / 4)
    assert mean == pytest.approx(0.88)
    assert (high - low) / 2 == pytest.approx(2.7764451 * error)
    assert (low + high) / 2 == pytest.approx(mean)


def test_more_confidence_is_wider():
    widths = [np.ptp(corrected_interval([0, 1, 0, 1], 0.5, c)[1:]) for c in (0.5, 0.9, 0.99)]
    assert widths[0] < widths[1] < widths[2]
    assert widths[1] / widths[0] == pytest.approx(t.ppf(0.95, 3) / t.ppf(0.75, 3))


def test_equal_scores_have_no_width():
    assert corrected_interval([0.7] * 10, 0.25) == (pytest.approx(0.7),) * 3


def test_chance_is_seldom_taken_for_a_difference():
    """Two models of the same data, neither of which can learn: labels are coins."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(50):
        X, y = random.normal(size=(60, 3)), random.integers(2, size=60)
        splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
        a = cross_val_score(LogisticRegression(), X, y, cv=splits)
        b = cross_val_score(LogisticRegression(), X[:, :1], y, cv=splits)
        low, high = corrected_interval(a - b, 1 / 4)[1:]
        plain = 1.96 * (a - b).std(ddof=1) / np.sqrt(len(a))
        found.append((low > 0 or high < 0, abs((a - b).mean()) > plain))
    corrected, naive = np.mean(found, axis=0)
    assert corrected <= 0.08
    assert naive > 2 * max(corrected, 0.05)


def test_a_difference_is_found():
    X, y = make_classification(300, 4, random_state=0)
    splits = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    a = cross_val_score(LogisticRegression(), X, y, cv=splits)
    b = cross_val_score(DummyClassifier(), X, y, cv=splits)
    assert corrected_interval(a - b, 1 / 4).low > 0.2


def test_it_prints():
    assert str(corrected_interval([0.5, 0.5], 0.25)) == "0.500 [0.500, 0.500]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5], 0.25), r"expected two finite scores or more in a row, got \[0.5\]"),
        (([[0.5, 0.6]], 0.25), "expected two finite scores or more in a row"),
        (([0.5, np.nan], 0.25), "expected two finite scores or more in a row"),
        (([0.5, 0.6], 0), "test_ratio: expected a number above 0, got 0"),
        (([0.5, 0.6], 0.2, 1.0), "confidence: expected a number between 0 and 1, got 1.0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        corrected_interval(*arguments)
