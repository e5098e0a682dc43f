"""Data that a quantum feature map separates by construction: ad_hoc."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from qkernels.datasets.drawing import drawn
from qkernels.evaluators import StatevectorEvaluator
from qkernels.feature_maps import zz
from qkernels.feature_maps.validation import integer, real

# The observable is a dense matrix of 4^n entries, and its values concentrate long before that.
_MAX_FEATURES = 10
_DRAWS_AT_ONCE = 1000


def ad_hoc(
    n_samples: int,
    n_features: int = 2,
    gap: float = 0.3,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw data whose labels a quantum feature map can tell apart by construction.

    Points x are uniform on (0, 2π]^n, and |Φ(x)⟩ is the state of `feature_maps.zz(n_features)`.
    A point is labelled by the sign of ⟨Φ(x)|O|Φ(x)⟩, where O = V† Z^⊗n V is the parity in a
    random basis: V is drawn from the Haar measure, as the eigenvectors of a random Hermitian
    matrix are. Points whose value is within `gap` of 0 are rejected.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 2. Half of them are labelled -1; 1 has one more if
        `n_samples` is odd.
    n_features : int, default=2
        Number of features and qubits, from 1 to 10.
    gap : float, default=0.3
        Smallest |⟨O⟩| of a point, at least 0 and below 1. With more features the values
        concentrate about 0 like 2^(-n/2), and the gap has to shrink with them.
    random_state : int, RandomState instance or None, default=None
        Determines the observable and the points.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        The points and their labels, -1 or 1. With `return_X_y=False`, a `sklearn.utils.Bunch` of
        `data`, `target`, `feature_names` and `observable`, the matrix O.

    Raises
    ------
    ValueError
        If an argument is out of range, or the gap rejects more than about 99 of 100 points of a
        label.

    References
    ----------
    V. Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567,
    209 (2019): the artificial data, whose gap is 0.3.

    Examples
    --------
    >>> from qkernels.datasets import ad_hoc
    >>> X, y = ad_hoc(5, random_state=0)
    >>> X.shape
    (5, 2)
    >>> sorted(y.tolist())
    [-1, -1, 1, 1, 1]
    """
    n_samples = integer(n_samples, "n_samples", 2)
    n_features = integer(n_features, "n_features", 1)
    if n_features > _MAX_FEATURES:
        raise ValueError(f"expected n_features to be at most {_MAX_FEATURES}, got {n_features}")
    gap = real(gap, "gap")
    if not 0 <= gap < 1:
        raise ValueError(f"expected gap to be at least 0 and below 1, got {gap}")
    random = check_random_state(random_state)
    observable = _random_parity(n_features, random)
    X, y = _balanced(n_samples, observable, gap, random)
    return drawn(X, y, return_X_y, observable=observable)


def _random_parity(n_qubits: int, random: np.random.RandomState) -> np.ndarray:
    """Return V† Z^⊗n V with V drawn from the Haar measure."""
    # Slow to import, and nobody else here needs it.
    from scipy.stats import unitary_group

    V = unitary_group.rvs(2**n_qubits, random_state=random)
    ones = np.bitwise_count(np.arange(2**n_qubits, dtype=np.uint64))
    return (V.conj().T * (-1.0) ** ones) @ V


def _balanced(
    n_samples: int, observable: np.ndarray, gap: float, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return points outside the gap, in the order drawn, as many of one label as of the other."""
    n_features = len(observable).bit_length() - 1
    evaluator, feature_map = StatevectorEvaluator(cache_size=0), zz(n_features)
    missing = {-1: n_samples // 2, 1: n_samples - n_samples // 2}
    n_batches = 5 + 100 * n_samples // _DRAWS_AT_ONCE
    X: list[np.ndarray] = []
    y: list[int] = []
    for _ in range(n_batches):
        points = 2 * np.pi * (1 - random.random_sample((_DRAWS_AT_ONCE, n_features)))
        states = evaluator.statevectors(feature_map, points)
        values = np.einsum("ij,ij->i", states.conj(), states @ observable.T).real
        for i in np.flatnonzero(np.abs(values) > gap):
            label = 1 if values[i] > 0 else -1
            if missing[label]:
                missing[label] -= 1
                X.append(points[i])
                y.append(label)
        if not any(missing.values()):
            return np.array(X), np.array(y)
    raise ValueError(
        f"gap={gap} rejects too many points: {n_batches * _DRAWS_AT_ONCE} were drawn, and of the "
        f"{n_samples} wanted {missing[-1]} with label -1 and {missing[1]} with label 1 are still "
        f"missing; take a smaller gap, or fewer features than {n_features}"
    )
