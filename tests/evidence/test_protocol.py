"""Nested cross-validation: against a plain twin, and what it may see."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_classification
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tqdm.auto import tqdm

from qkernels.evidence.families import Family
from qkernels.evidence.protocol import INNER_FOLDS, Task, nested_scores

X, CLASSES = make_classification(80, 4, random_state=0)
NUMBERS = X[:, 0] + 0.1 * X[:, 1] ** 2
SETTINGS = ({"gamma": 0.01}, {"gamma": 0.3}, {"gamma": 10.0})
FAMILY = Family("rbf", SETTINGS, (0.1, 1.0, 10.0), lambda s: rbf_kernel(X, **s))


def scored(y, *, groups=None, family=FAMILY, cv=4, repeats=2):
    task = Task.of(y)
    splits = task.splits(y, groups, cv, repeats, 0)
    with tqdm(disable=True) as bar:
        return splits, nested_scores(family, y, splits, task, groups=groups, seed=1, bar=bar)


def twin(y, splits, model):
    """Return each split's score: the configuration by loops, on the data themselves."""
    task, found = Task.of(y), []
    for train, test in splits:
        best = -np.inf
        for setting in SETTINGS:
            for C in FAMILY.regularizations:
                folds = found_folds[len(found)]
                estimator = model(setting["gamma"], C)
                score = cross_val_score(
                    estimator, X[train], y[train], cv=folds, scoring=task.scoring
                ).mean()
                if score > best:
                    best, winner = score, estimator
        winner.fit(X[train], y[train])
        found.append(winner.score(X[test], y[test]))
    return found


found_folds: list = []


def centred(model):
    return TransformedTargetRegressor(model, transformer=StandardScaler(with_std=False))


@pytest.mark.parametrize(
    ("y", "model"),
    [
        (CLASSES, lambda gamma, C: SVC(gamma=gamma, C=C)),
        (NUMBERS, lambda gamma, C: centred(KernelRidge(kernel="rbf", gamma=gamma, alpha=1 / C))),
    ],
    ids=["classes", "numbers"],
)
def test_scores_are_those_of_a_plain_twin(y, model):
    splits, scores = scored(y)
    random = np.random.RandomState(1)
    task = Task.of(y)
    found_folds[:] = [task.folds(INNER_FOLDS, random, None) for _ in splits]
    np.testing.assert_allclose(scores.outer, twin(y, splits, model))
    assert scores.inner.shape == (8, 3)
    assert scores.best[0] == 1 or y is NUMBERS


def test_labels_of_test_points_change_no_choice():
    splits, scores = scored(CLASSES, repeats=1)
    _, test = splits[0]
    y = CLASSES.copy()
    y[test] = 1 - y[test]
    task = Task.of(y)
    with tqdm(disable=True) as bar:
        again = nested_scores(FAMILY, y, splits[:1], task, groups=None, seed=1, bar=bar)
    np.testing.assert_array_equal(again.inner[0], scores.inner[0])
    assert again.outer[0] == pytest.approx(1 - scores.outer[0])


@pytest.mark.parametrize("y", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_groups_are_never_on_both_sides(y):
    groups = np.arange(80) // 5
    splits, _ = scored(y, groups=groups)
    assert len(splits) == 8
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
    dealt = {tuple(test) for _, test in splits}
    assert len(dealt) == 8


def test_groups_hide_copies():
    """Points that are there three times are known to a model unless they are grouped."""
    random = np.random.default_rng(0)
    P = np.repeat(random.normal(size=(60, 4)), 3, axis=0)
    y = np.repeat(random.permutation([0, 1] * 30), 3)
    family = Family("rbf", ({"gamma": 1.0},), (10.0,), lambda s: rbf_kernel(P, **s))
    _, known = scored(y, family=family)
    _, hidden = scored(y, family=family, groups=np.repeat(np.arange(60), 3))
    assert known.outer.mean() > 0.95
    assert hidden.outer.mean() < 0.7


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.ones(5), r"y: expected two values or more, got \[1.\]"),
        ([[1, 0], [0, 1]], "y: expected classes or numbers, one for each point, got multilabel"),
    ],
)
def test_targets_that_are_none(y, message):
    with pytest.raises(ValueError, match=message):
        Task.of(np.asarray(y))


def test_an_offset_of_targets_changes_nothing():
    _, first = scored(NUMBERS)
    _, second = scored(NUMBERS + 1000)
    np.testing.assert_allclose(first.outer, second.outer, atol=1e-6)


def test_the_best_regularisation_is_one_that_was_tried():
    _, scores = scored(CLASSES)
    assert scores.best[1] in FAMILY.regularizations


def test_too_few_points():
    y = np.array([0] * 10 + [1] * 3)
    with pytest.raises(ValueError, match=r"expected at least 4 points of each class .*, got 3"):
        Task.of(y).splits(y, None, 4, 1, 0)
    with pytest.raises(ValueError, match=r"expected at least 3 points of each class .*, got 2"):
        Task.of(y).splits(y, None, 3, 1, 0)
    groups = np.arange(13) % 3
    with pytest.raises(ValueError, match="expected at least 4 groups for 4 folds, got 3"):
        Task.of(y).splits(y, groups, 4, 1, 0)
    with pytest.raises(ValueError, match="expected at least 3 groups for 3 folds, got 2"):
        Task.of(y).splits(y, groups, 3, 1, 0)
    with pytest.raises(ValueError, match="cv=5: expected test sets of two points or more"):
        Task.of(NUMBERS[:8]).splits(NUMBERS[:8], None, 5, 1, 0)
