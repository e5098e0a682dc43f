"""From how far states may be off to how far what is computed of them may be.

What lives here: the angle of a chain of truncations, and from angles the bounds of fidelities and
of expectation values, as pure functions. Where weights are discarded is the business of those who
truncate; an allowance for rounding is not part of a bound.

The angle between two pure states is that of Fubini and Study, arccos |⟨φ|ψ⟩|, a metric on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def angle_of_groups(weights: Any) -> np.ndarray:
    """Return by which angle each state may be off after some truncations.

    Errors within a group are orthogonal to each other and to what is left, so that a group turns a
    state by arcsin √(W/‖ψ‖²), W its discarded weight [1]_ and ‖ψ‖² the squared norm before it.
    Gates between groups keep angles, and angles of successive turns add at most [2]_.

    Parameters
    ----------
    weights : array-like of shape (n_points, n_groups)
        The squared norms of what each group projects away, in the order in which it does so, of
        states that are normalised at the start and not again.

    Returns
    -------
    ndarray of shape (n_points,)
        From 0 to π/2: no states are further apart.

    References
    ----------
    .. [1] U. Schollwöck, "The density-matrix renormalization group in the age of matrix product
       states", Annals of Physics 326, 96 (2011), section 4.5.
    .. [2] M. A. Nielsen and I. L. Chuang, "Quantum Computation and Quantum Information", Cambridge
       University Press (2000), section 9.2.2: the angle between states is a metric.

    Examples
    --------
    >>> angle_of_groups([[0.0, 0.0], [1e-24, 1e-24], [0.25, 0.375]]).round(15)
    array([0.00000000e+00, 2.00000000e-12, 1.30899694e+00])
    """
    weights = np.asarray(weights, dtype=np.float64)
    before = 1.0 - np.cumsum(weights, axis=1) + weights
    # What rounding makes of a state that is discarded whole is no weight that could be left.
    left = np.maximum(before, weights)
    shares = np.divide(weights, left, out=np.zeros_like(weights), where=weights > 0)
    return np.minimum(np.arcsin(np.sqrt(shares)).sum(axis=1), np.pi / 2)


def fidelity_bounds(fidelities: Any, angles_a: Any, angles_b: Any) -> np.ndarray:
    """Return by how much each fidelity may be off.

    With F = cos²φ, the angle φ of the exact states is within Θ_a + Θ_b of that of the given ones,
    as the angle is a metric [1]_: the bound is the largest change of cos² over such φ in [0, π/2].
    It is attained where all four states are on one geodesic.

    Parameters
    ----------
    fidelities : array-like of shape (n_a, n_b)
        Those of the states that are off.
    angles_a : array-like of shape (n_a,)
        By which each of the row's states may be off, from 0 to π/2.
    angles_b : array-like of shape (n_b,)
        The same of the columns' states.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Right to rounding in relative terms, also for angles far below 1e-8.

    References
    ----------
    .. [1] M. A. Nielsen and I. L. Chuang, "Quantum Computation and Quantum Information", Cambridge
       University Press (2000), section 9.2.2.

    Examples
    --------
    At equal states, at halfway, and at orthogonal ones:

    >>> fidelity_bounds([[1.0, 0.5, 0.0]], [1e-12], [0.0, 0.0, 0.0])
    array([[1.e-24, 1.e-12, 1.e-24]])
    """
    F = np.clip(np.asarray(fidelities, dtype=np.float64), 0.0, 1.0)
    angles = np.add.outer(np.asarray(angles_a, float), np.asarray(angles_b, float))
    return _largest_change(np.minimum(F, 1.0 - F), angles)


def expectation_bounds(values: Any, angles: Any, norms: Any) -> np.ndarray:
    """Return by how much each expectation value of Pauli words may be off.

    A word's value is cos β, where β/2 is the angle between a state and the word's eigenspace of
    +1, so that a state that is off by Θ has β off by at most 2Θ: angles between a state and a
    subspace, too, keep to the triangle inequality [1]_. The bound is the largest change of cos over
    such β in [0, π].

    Parameters
    ----------
    values : array-like of shape (n_points, n_words)
        Those of the states that are off, times the words' coefficients.
    angles : array-like of shape (n_points,)
        By which each state may be off, from 0 to π/2.
    norms : array-like of shape (n_words,)
        Absolute values of the words' coefficients; 0 for one of the identity, whose value is exact.

    Returns
    -------
    ndarray of shape (n_points, n_words)
        Right to rounding in relative terms, also for angles far below 1e-8.

    References
    ----------
    .. [1] M. A. Nielsen and I. L. Chuang, "Quantum Computation and Quantum Information", Cambridge
       University Press (2000), section 9.2.2.

    Examples
    --------
    >>> expectation_bounds([[1.0, 0.0, -3.0]], [1e-12], [1.0, 1.0, 3.0])
    array([[2.e-24, 2.e-12, 6.e-24]])
    """
    norms = np.asarray(norms, dtype=np.float64)
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    cosines = np.divide(sizes, norms, out=np.zeros_like(sizes), where=norms > 0)
    smaller = (1.0 - np.minimum(cosines, 1.0)) / 2
    # cos β = 2 cos²(β/2) - 1.
    return 2 * norms * _largest_change(smaller, np.asarray(angles, float)[:, np.newaxis])


def _largest_change(smaller: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return the largest |cos²φ - cos²(φ + δ)| over |δ| <= angles, both angles in [0, π/2].

    `smaller` is the smaller of cos²φ and sin²φ. The change is largest away from the nearer end of
    [0, π/2]: if that is at a distance ψ, it is sin δ sin(2ψ + δ), a product without cancellation.
    """
    nearer = np.arctan2(np.sqrt(smaller), np.sqrt(1.0 - smaller))
    turn = np.minimum(angles, np.pi / 2 - nearer)
    return np.sin(turn) * np.sin(2 * nearer + turn)
