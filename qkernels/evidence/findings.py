"""Numbers about the tuned kernels: the diagnostics of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from qkernels import diagnostics
from qkernels.alignment import centered_alignment
from qkernels.diagnostics.geometry import MAX_TRAINING_ERROR
from qkernels.evidence.families import Family

# What is left of g when the tiniest eigenvalues do not count.
REGULARIZATION = 0.01


def diagnose(
    families: Mapping[str, Family],
    settings: Mapping[str, Mapping[str, Any]],
    X: np.ndarray,
    y: np.ndarray,
) -> dict[str, Any]:
    """Return the diagnostics of each family at its best setting, and of the quantum kernel alone.

    Parameters
    ----------
    families : mapping of str to Family
    settings : mapping of str to mapping
        "best" of each is a setting, with C.
    X : ndarray of shape (n_points, n_features)
    y : ndarray of shape (n_points,)
    """
    matrices = {name: best_matrix(family, settings[name]) for name, family in families.items()}
    K = matrices["quantum"]
    found: dict[str, Any] = {
        "root_n": float(np.sqrt(len(K))),
        "at_the_edge": [n for n, family in families.items() if _at_the_edge(family, settings[n])],
        "concentration": _concentration(K, families["quantum"].is_fidelity),
        "likeness": asdict(diagnostics.classical_similarity(K, X)),
    }
    classical = [family for family in families.values() if not family.is_quantum]
    if nearest := _nearest(K, classical):
        found["geometric_difference"] = nearest
    for name, matrix in matrices.items():
        found[name] = _of_one(matrix, y, 1 / settings[name]["best"]["C"])
    return found


def best_matrix(family: Family, settings: Mapping[str, Any]) -> np.ndarray:
    """Return a family's kernel matrix at its best setting."""
    return family.gram({k: v for k, v in settings["best"].items() if k != "C"})


def _at_the_edge(family: Family, settings: Mapping[str, Any]) -> bool:
    """Tell whether the best value is the least or the greatest, and better than the next."""
    scores = settings["inner_scores"]
    best = int(np.argmax(scores))
    if len(family.settings[0]) != 1 or best not in (0, len(scores) - 1):
        return False
    return bool(scores[best] > scores[1 if best == 0 else best - 1])


def _nearest(K: np.ndarray, classical: Iterable[Family]) -> dict[str, Any] | None:
    """Return the least geometric difference from a classical kernel of any setting.

    None if no regularisation makes the bound on the training error small with any.
    """
    found = []
    for family in classical:
        for setting in family.settings:
            matrix = family.gram(setting)
            chosen, regularized = diagnostics.geometric_differences(
                matrix, K, (None, REGULARIZATION)
            )
            if chosen.g_training <= MAX_TRAINING_ERROR:
                row = {"from": family.name, "setting": dict(setting), **asdict(chosen)}
                found.append(row | {"g_regularized": regularized.g})
    return min(found, key=lambda row: row["g"], default=None)


def _concentration(K: np.ndarray, is_fidelity: bool) -> dict[str, float]:
    found = diagnostics.concentration(K)
    values = {
        "mean": found.mean,
        "variance": found.variance,
        "distance_to_identity": found.distance_to_identity,
    }
    # Shot noise no larger than what tells values apart; only fidelities are shares of shots.
    if is_fidelity and found.variance > 0:
        error = float(np.sqrt(found.variance))
        repetitions = diagnostics.required_repetitions(K, error=error)
        values["repetitions_for_spread"] = float(np.ceil(repetitions))
    return values


def _of_one(K: np.ndarray, y: np.ndarray, ridge: float) -> dict[str, float]:
    """Return what is said of each kernel, its ridge scaled as K is, to trace N."""
    ridge *= len(K) / float(np.trace(K))
    return {
        "alignment": centered_alignment(K, y) if np.ptp(K) else 0.0,
        "approximate_dimension": diagnostics.approximate_dimension(K),
        "effective_dimension": diagnostics.effective_dimension(K, ridge),
        "model_complexity": diagnostics.model_complexity(K, y, regularization=ridge).complexity,
        "participation_ratio": diagnostics.spectrum(K).participation_ratio,
    }
