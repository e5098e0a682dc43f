"""Nested cross-validation: what is tuned sees training points alone.

What lives here: the task (classes or numbers), the splits, and the scores of a family of kernels on
them. Kernel matrices are computed once for each setting, of all points: they know no labels, and a
model sees the rows and columns of its training points.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.svm import SVC
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from tqdm.auto import tqdm

from qkernels.evidence.families import Family

Split = tuple[np.ndarray, np.ndarray]
INNER_FOLDS = 3
# A configuration that needs more steps is hopeless, and scored as far as it came.
_MAX_ITER = 100_000
LARGEST_SEED = 2**31


class _CentredRidge(KernelRidge):
    """Kernel ridge regression of what targets differ by from the training targets' mean."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _CentredRidge:
        self.mean_ = np.mean(y)
        return super().fit(X, y - self.mean_, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        return super().predict(X) + self.mean_


@dataclass(frozen=True)
class Task:
    """What is predicted, and how well.

    Attributes
    ----------
    name : {"classification", "regression"}
    scoring : {"accuracy", "r2"}
    """

    name: str
    scoring: str

    @classmethod
    def of(cls, y: np.ndarray) -> Task:
        """Return the task of some targets.

        Raises
        ------
        ValueError
            If they are neither classes nor numbers, or all the same.
        """
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass", "continuous"):
            raise ValueError(f"y: expected classes or numbers, one for each point, got {kind}")
        if len(np.unique(y)) < 2:
            raise ValueError(f"y: expected two values or more, got {np.unique(y)}")
        if kind == "continuous":
            return cls("regression", "r2")
        return cls("classification", "accuracy")

    def chance(self, y: np.ndarray) -> float:
        """Return the score of a model that knows the targets' distribution alone."""
        if self.name == "regression":
            return 0.0
        return float(np.unique(y, return_counts=True)[1].max() / len(y))

    def search(self, regularizations: Sequence[float], inner: Any) -> GridSearchCV:
        """Return a search for the regularisation, on kernel matrices."""
        estimator: BaseEstimator
        if self.name == "classification":
            estimator = SVC(kernel="precomputed", max_iter=_MAX_ITER)
            grid = {"C": list(regularizations)}
        else:
            estimator = _CentredRidge(kernel="precomputed")
            grid = {"alpha": [1 / C for C in regularizations]}
        return GridSearchCV(estimator, grid, cv=inner, scoring=self.scoring)

    def splits(
        self, y: np.ndarray, groups: np.ndarray | None, cv: int, repeats: int, random_state: Any
    ) -> list[Split]:
        """Return the outer splits.

        Raises
        ------
        ValueError
            If a class has fewer points than there are folds, or there are fewer groups.
        """
        random = check_random_state(random_state)
        self._require(cv, y, groups)
        if groups is None:
            stratified = self.name == "classification"
            splitter = RepeatedStratifiedKFold if stratified else RepeatedKFold
            found = list(splitter(n_splits=cv, n_repeats=repeats, random_state=random).split(y, y))
        else:
            found = [
                split
                for _ in range(repeats)
                for split in self.folds(cv, random, groups).split(y, y, groups)
            ]
        for train, test in found:
            self._require(INNER_FOLDS, y[train], None if groups is None else groups[train])
            if self.name == "regression" and len(test) < 2:
                raise ValueError(f"cv={cv}: expected test sets of two points or more, got one")
        return found

    def _require(self, folds: int, y: np.ndarray, groups: np.ndarray | None) -> None:
        """Raise ValueError if points cannot be dealt to so many folds."""
        classes, counts = np.unique(y, return_counts=True)
        if self.name == "classification" and len(classes) < 2:
            raise ValueError(f"expected two classes in each training set, got {classes}")
        if groups is not None:
            what, smallest = "groups", len(np.unique(groups))
        elif self.name == "classification":
            what, smallest = "points of each class (integers are classes)", int(counts.min())
        else:
            what, smallest = "points", len(y)
        if smallest < folds:
            raise ValueError(f"expected at least {folds} {what} for {folds} folds, got {smallest}")

    def folds(self, cv: int, random: np.random.RandomState, groups: np.ndarray | None) -> Any:
        """Return a splitter into shuffled folds."""
        options = {"n_splits": cv, "shuffle": True, "random_state": random.randint(LARGEST_SEED)}
        if self.name == "classification":
            return (StratifiedKFold if groups is None else StratifiedGroupKFold)(**options)
        return (KFold if groups is None else GroupKFold)(**options)


@dataclass(frozen=True)
class Scores:
    """What nested cross-validation found of a family.

    Attributes
    ----------
    outer : ndarray of shape (n_splits,)
        Scores on test points, of the configuration that was best on training points.
    chosen : ndarray of shape (n_splits,)
        The setting that was chosen on each split, by its number.
    inner : ndarray of shape (n_splits, n_settings)
        Mean scores of each setting, with its best regularisation, on folds of the training points.
    regularizations : ndarray of shape (n_splits, n_settings)
        The best C of each.
    """

    outer: np.ndarray
    chosen: np.ndarray
    inner: np.ndarray
    regularizations: np.ndarray

    @property
    def best(self) -> tuple[int, float]:
        """The setting with the best mean inner score, and the median of its best C, a tried one."""
        setting = int(self.inner.mean(axis=0).argmax())
        return setting, float(median_low(self.regularizations[:, setting]))


def nested_scores(
    family: Family,
    y: np.ndarray,
    splits: list[Split],
    task: Task,
    *,
    groups: np.ndarray | None,
    seed: int,
    bar: tqdm,
) -> Scores:
    """Return the scores of a family; each family sees the same splits, inner ones too."""
    shape = len(splits), len(family.settings)
    inner, outer, best = np.empty(shape), np.empty(shape), np.empty(shape)
    for s, setting in enumerate(family.settings):
        K = family.gram(setting)
        random = check_random_state(seed)
        for k, (train, test) in enumerate(splits):
            within = None if groups is None else groups[train]
            folds = task.folds(INNER_FOLDS, random, within)
            search = task.search(family.regularizations, folds)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                search.fit(K[np.ix_(train, train)], y[train], groups=within)
            # Some folds have no score, for instance of one class: the setting is not chosen then.
            inner[k, s] = np.nan_to_num(search.best_score_, nan=-np.inf)
            outer[k, s] = search.score(K[np.ix_(test, train)], y[test])
            best[k, s] = family.regularizations[search.best_index_]
            bar.update()
    chosen = inner.argmax(axis=1)
    return Scores(outer[np.arange(len(splits)), chosen], chosen, inner, best)
