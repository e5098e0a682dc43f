"""Small data sets of the field: loaders of what lies in `datasets/`, and seeded generators.

A folder of `datasets/` is a data set: `data.csv` with a header, the features in all columns but
the last and the target in the last, and `README.md`, its data sheet. Wheels carry them as
`qkernels/_data`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from qkernels.evaluators import StatevectorEvaluator
from qkernels.feature_maps import zz
from qkernels.feature_maps.entanglement import pairs
from qkernels.feature_maps.validation import integer, real

__all__ = ["ad_hoc", "available", "cosets", "load"]

# The observable is a dense matrix of 4^n entries, and its values concentrate long before that.
_MAX_FEATURES = 10
_DRAWS_AT_ONCE = 1000
_COSET_GRAPH = ((0, 2), (3, 4), (2, 5), (1, 4), (2, 3), (4, 6))


def available() -> list[str]:
    """Return the names of the data sets that `load` knows.

    Examples
    --------
    >>> from qkernels import datasets
    >>> datasets.available()
    ['ad_hoc']
    """
    return sorted(entry.name for entry in _folder().iterdir() if (entry / "data.csv").is_file())


def load(name: str, *, return_X_y: bool = True) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Load a data set that comes with the package.

    Parameters
    ----------
    name : str
        One of `available()`.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        Or, with `return_X_y=False`, a `sklearn.utils.Bunch` of `data`, `target`,
        `feature_names` and `DESCR`, the data sheet: origin, recipe, columns and licence.

    Raises
    ------
    ValueError
        If there is no such data set; the message names those that there are.

    Examples
    --------
    >>> from qkernels import datasets
    >>> X, y = datasets.load("ad_hoc")
    >>> X.shape, y.shape
    ((200, 2), (200,))
    >>> print(datasets.load("ad_hoc", return_X_y=False).DESCR.splitlines()[0])
    # Ad hoc data in two dimensions
    """
    if name not in available():
        raise ValueError(f"expected the name of a data set out of {available()}, got {name!r}")
    folder = _folder() / name
    header, *lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    table = np.loadtxt(lines, delimiter=",", ndmin=2)
    X, y = np.ascontiguousarray(table[:, :-1]), _labels(table[:, -1])
    if return_X_y:
        return X, y
    sheet = (folder / "README.md").read_text(encoding="utf-8")
    return Bunch(data=X, target=y, feature_names=header.split(",")[:-1], DESCR=sheet)


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
    if return_X_y:
        return X, y
    names = [f"x{i}" for i in range(n_features)]
    return Bunch(data=X, target=y, feature_names=names, observable=observable)


def cosets(
    n_samples: int,
    graph: Iterable[tuple[int, int]] = _COSET_GRAPH,
    variance: float = 0.01,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw elements of two cosets of a graph state's stabilizer group, with errors.

    The group has an element g = ∏_q exp(i x_2q X) exp(i x_2q+1 Z) for each point x. Two of them,
    drawn at random, are multiplied from the right with random elements of the group that leaves the
    graph state alone, and Gaussian errors are added to the angles. Without errors, the fidelity of
    `feature_maps.covariant(graph)` at λ = π/2, where it prepares the graph state, is 1 for points
    with equal labels.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 2. Half of them are labelled -1; 1 has one more if
        `n_samples` is odd.
    graph : iterable of pairs of int, or an object with `edges`
        The edges of the graph, whose vertices are 0, 1, and so on, for instance a
        `networkx.Graph`; by default a tree of seven.
    variance : float, default=0.01
        Of the error of each angle, in radians squared; at least 0.
    random_state : int, RandomState instance or None, default=None
        Determines the cosets and the points.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, 2 * n_vertices) and (n_samples,)
        The points, two angles a vertex, and their labels, -1 or 1, in random order. With
        `return_X_y=False`, a `sklearn.utils.Bunch` of `data`, `target`, `feature_names` and
        `graph`.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    J. R. Glick et al., "Covariant quantum kernels for data with group structure", Nature Physics
    20, 479 (2024): labelling cosets with error.

    Examples
    --------
    >>> from qkernels.datasets import cosets
    >>> X, y = cosets(5, random_state=0)
    >>> X.shape
    (5, 14)
    >>> sorted(y.tolist())
    [-1, -1, 1, 1, 1]
    """
    n_samples = integer(n_samples, "n_samples", 2)
    variance = real(variance, "variance")
    if variance < 0:
        raise ValueError(f"expected variance to be at least 0, got {variance}")
    edges = pairs(getattr(graph, "edges", graph), math.inf, "graph")
    if not edges:
        raise ValueError("expected a graph with at least one edge, got none")
    random = check_random_state(random_state)
    n = 1 + max(map(max, edges))
    adjacency = np.zeros((n, n), dtype=np.int64)
    for i, j in edges:
        # A gate CZ that is there twice is not there.
        adjacency[[i, j], [j, i]] ^= 1
    y = random.permutation(np.where(np.arange(n_samples) < n_samples // 2, -1, 1))
    about_x, about_z = random.uniform(0, 2 * np.pi, size=(2, 2, n))[:, (y + 1) // 2]
    # An element of the stabilizer is X on some vertices and Z on their neighbours, up to sign.
    flips = random.randint(2, size=(n_samples, n))
    signs = flips @ adjacency % 2
    angles = np.empty((n_samples, n, 2))
    angles[:, :, 0] = about_x + flips * np.pi / 2
    # exp(iβZ) X = X exp(-iβZ)
    angles[:, :, 1] = np.where(flips, -about_z, about_z) + signs * np.pi / 2
    angles += random.normal(scale=np.sqrt(variance), size=angles.shape)
    X = angles.reshape(n_samples, 2 * n)
    if return_X_y:
        return X, y
    names = [f"x{i}" for i in range(2 * n)]
    return Bunch(data=X, target=y, feature_names=names, graph=edges)


def _folder() -> Traversable:
    package = resources.files("qkernels")
    installed = package / "_data"
    return installed if installed.is_dir() else package / ".." / "datasets"


def _labels(column: np.ndarray) -> np.ndarray:
    """Return whole numbers, which are classes, as integers."""
    integers = column.astype(np.int64)
    return integers if np.array_equal(integers, column) else column


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
