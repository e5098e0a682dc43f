"""Data with the structure of a group: cosets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from qkernels.datasets.drawing import drawn, halves
from qkernels.feature_maps.entanglement import pairs
from qkernels.feature_maps.validation import integer, real

_COSET_GRAPH = ((0, 2), (3, 4), (2, 5), (1, 4), (2, 3), (4, 6))


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
    y = random.permutation(halves(n_samples))
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
    return drawn(X, y, return_X_y, graph=edges)
