"""`report`, which says whether a quantum kernel is worth it on given data.

What lives here: the public function. How kernels are tuned is in `protocol`, what is compared in
`families`, what is found in `result`, the words in `verdict`, the page with the pictures in `page`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils import check_random_state, column_or_1d
from tqdm.auto import tqdm

from qkernels.evidence.families import Family, baseline_family, check_baselines, quantum_family
from qkernels.evidence.findings import diagnose
from qkernels.evidence.page import write_page
from qkernels.evidence.protocol import INNER_FOLDS, LARGEST_SEED, Scores, Split, Task, nested_scores
from qkernels.evidence.result import Report
from qkernels.evidence.statistics import corrected_interval
from qkernels.evidence.verdict import verdict
from qkernels.feature_maps.validation import integer
from qkernels.gram.arguments import check_inputs


def report(
    kernel: Kernel,
    X: Any,
    y: Any,
    *,
    baselines: Iterable[str] = ("rbf", "linear", "poly", "unentangled"),
    cv: int = 5,
    repeats: int = 5,
    groups: Any = None,
    random_state: Any = None,
    out: str | os.PathLike[str] | None = None,
    verbose: int = 1,
) -> Report:
    """Compare a quantum kernel with classical ones and with itself without entanglement, fairly.

    Both sides are tuned on training points alone, with equally many configurations: the quantum
    kernel by a factor of its bandwidth, and one of γ if it is projected, the others by their own
    hyperparameters, all by the regularisation.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel, or a composition with one. It is simulated, not measured.
    X : array-like of shape (n_points, n_features)
        Scaled as the circuit, and the classical kernels, are to see it.
    y : array-like of shape (n_points,)
        Classes, or numbers that are not all integers.
    baselines : iterable of str, default=("rbf", "linear", "poly", "unentangled")
        Some of these. "unentangled" is the same circuit without gates on more than one qubit.
    cv : int, default=5
        Folds, 2 or more.
    repeats : int, default=5
        How often points are dealt to folds anew.
    groups : array-like of shape (n_points,), optional
        Points of one group are never on both sides of a split.
    random_state : int, RandomState instance or None, default=None
        Deals the folds; the result's protocol has the seed that deals them again.
    out : str or path-like, optional
        Where a page with table and pictures is written: one .html file that needs no network.
    verbose : int, default=1
        0 is silent; 1 shows a progress bar and prints the table.

    Returns
    -------
    Report

    Raises
    ------
    TypeError, ValueError
        For bad arguments, before any work.

    References
    ----------
    J. Bowles, S. Ahmed, M. Schuld, arXiv:2403.07059 (2024), for the protocol's spirit; C. Nadeau,
    Y. Bengio, Machine Learning 52, 239 (2003), for the intervals; H.-Y. Huang et al., Nature
    Communications 12, 2631 (2021), for the geometry.

    Examples
    --------
    >>> import qkernels as qk
    >>> X, y = qk.datasets.ad_hoc(60, random_state=0)
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
    >>> found = qk.report(kernel, X, y, repeats=1, random_state=0, verbose=0)
    >>> sorted(found.scores)
    ['linear', 'poly', 'quantum', 'rbf', 'unentangled']
    """
    names = check_baselines(baselines)
    inputs = check_inputs(kernel, X)
    X, y, groups = inputs.X, *_checked_targets(inputs.X, y, groups)
    task, path = Task.of(y), _checked_path(out)
    cv, repeats = integer(cv, "cv", 2), integer(repeats, "repeats", 1)
    seed = _seed(random_state)
    if not np.ptp(X, axis=0).any():
        raise ValueError("X: expected points that differ, got equal ones")
    splits = task.splits(y, groups, cv, repeats, seed)
    _require_simulated(inputs.kernel)
    families, left_out = _families(names, inputs.kernel, X)
    with tqdm(unit="split", disable=not verbose) as bar:
        bar.total = len(splits) * sum(len(family.settings) for family in families.values())
        scores = {
            name: nested_scores(family, y, splits, task, groups=groups, seed=seed, bar=bar)
            for name, family in families.items()
        }
    result = _result(repr(kernel), X, y, task, families, scores, splits, left_out)
    result.protocol.update(cv=cv, repeats=repeats, seed=seed, grouped=groups is not None)
    if path is not None:
        write_page(path, result, families, X, y)
    if verbose:
        print(result)
    return result


def _result(
    kernel: str,
    X: np.ndarray,
    y: np.ndarray,
    task: Task,
    families: dict[str, Family],
    scores: dict[str, Scores],
    splits: list[Split],
    left_out: dict[str, str],
) -> Report:
    ratio = float(np.mean([len(test) / len(train) for train, test in splits]))
    means = {name: corrected_interval(found.outer, ratio) for name, found in scores.items()}
    quantum = scores["quantum"].outer
    differences = {
        name: corrected_interval(quantum - found.outer, ratio)
        for name, found in scores.items()
        if name != "quantum"
    }
    settings = {name: _settings(families[name], found) for name, found in scores.items()}
    numbers = diagnose(families, settings, X, y)
    protocol = {
        "inner_folds": INNER_FOLDS,
        "configurations": families["quantum"].n_configurations,
        "grids": "; ".join(f"{name}: {family.grid}" for name, family in families.items()),
    }
    chance = task.chance(y)
    words = verdict(means, differences, numbers, task.scoring, chance)
    return Report(
        kernel=kernel,
        task=task.name,
        scoring=task.scoring,
        chance=chance,
        n_points=len(X),
        n_features=X.shape[1],
        protocol=protocol,
        scores=means,
        differences=differences,
        settings=settings,
        diagnostics=numbers,
        verdict=words,
        left_out=left_out,
    )


def _settings(family: Family, scores: Scores) -> dict[str, Any]:
    """Return the best setting, how often each was chosen, and their scores on training folds."""
    best, C = scores.best
    return {
        "best": {**family.settings[best], "C": C},
        "values": [dict(setting) for setting in family.settings],
        "chosen": np.bincount(scores.chosen, minlength=len(family.settings)).tolist(),
        "inner_scores": scores.inner.mean(axis=0).tolist(),
    }


def _families(
    names: tuple[str, ...], kernel: Kernel, X: np.ndarray
) -> tuple[dict[str, Family], dict[str, str]]:
    """Return what is compared, and what cannot be."""
    families = {"quantum": quantum_family(kernel, X)}
    left_out: dict[str, str] = {}
    for name in names:
        found = baseline_family(name, kernel, X)
        if isinstance(found, str):
            left_out[name] = found
        else:
            families[name] = found
    if len(families) == 1:
        raise ValueError(f"baselines: expected one that makes sense here, got {left_out}")
    return families, left_out


def _checked_targets(X: np.ndarray, y: Any, groups: Any) -> tuple[np.ndarray, np.ndarray | None]:
    y = column_or_1d(y)
    groups = None if groups is None else column_or_1d(groups)
    for name, values in (("y", y), ("groups", groups)):
        if values is not None and len(values) != len(X):
            raise ValueError(
                f"{name}: expected a value for each of {len(X)} points, got {len(values)}"
            )
    return y, groups


def _checked_path(out: Any) -> Path | None:
    path = None if out is None else Path(out)
    if path is not None and path.is_dir():
        raise IsADirectoryError(f"out: expected the path of a file, got the folder {path}")
    if path is not None and not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"out: expected the folder of {path} to exist")
    return path


def _seed(random_state: Any) -> int:
    """Return the seed that makes this report again."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(LARGEST_SEED))


def _require_simulated(kernel: Kernel) -> None:
    for evaluator in kernel.get_params().values():
        if hasattr(evaluator, "ledger"):
            raise ValueError(
                "expected a kernel that is simulated, as its bandwidth is tuned, got one with "
                f"{type(evaluator).__name__}"
            )
