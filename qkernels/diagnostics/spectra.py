"""What the eigenvalues of a kernel matrix say: how many dimensions it has, and where the target is.

What lives here: functions of eigenvalues and of the target's coefficients in the eigenvectors.
What a learner makes of them is the business of `learning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qkernels.diagnostics.validation import (
    eigensystem,
    eigenvalues,
    not_negative,
    rounding,
    targets,
)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues of a kernel matrix scaled to trace N; what `spectrum` returns.

    Attributes
    ----------
    eigenvalues : ndarray of shape (n_points,)
        Descending; their mean is 1.
    cumulative : ndarray of shape (n_points,)
        The share of the trace in the first k of them, k = 1 ... N.
    participation_ratio : float
        (Σ t)²/Σ t², from 1 to N: how many eigenvalues matter.
    """

    eigenvalues: np.ndarray
    cumulative: np.ndarray
    participation_ratio: float


@dataclass(frozen=True, eq=False)
class TaskAlignment:
    """Where in a kernel's spectrum a target lies; what `task_alignment` returns.

    Attributes
    ----------
    power : ndarray of shape (n_points,)
        The share of the target's square in each eigenvector, the largest eigenvalue first.
    cumulative : ndarray of shape (n_points,)
        The share in the first k eigenvectors, up to 1.
    """

    power: np.ndarray
    cumulative: np.ndarray


def spectrum(K: Any) -> Spectrum:
    """Return the eigenvalues of a kernel matrix scaled to trace N.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding.

    Returns
    -------
    Spectrum

    Raises
    ------
    ValueError
        If K is not such a matrix, or its trace is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import spectrum
    >>> found = spectrum(np.diag([3.0, 1.0]))
    >>> found.eigenvalues.tolist(), found.cumulative.tolist(), found.participation_ratio
    ([1.5, 0.5], [0.75, 1.0], 1.6)
    """
    values = eigenvalues(K)
    total = values.sum()
    return Spectrum(values, np.cumsum(values) / total, float(total**2 / np.sum(values**2)))


def approximate_dimension(K: Any) -> float:
    r"""Return the approximate dimension of the points in feature space.

    d = Σ_k 1/(N-k+1) Σ_{l≥k} t_l of the eigenvalues t, descending, of K scaled to trace N. It is
    1 where all points are one and N where they are orthogonal.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding.

    Returns
    -------
    float
        From 1 to N.

    Raises
    ------
    ValueError
        If K is not such a matrix, or its trace is 0.

    References
    ----------
    H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications 12,
    2631 (2021), supplementary equation S111.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import approximate_dimension
    >>> approximate_dimension(np.eye(4)), round(approximate_dimension(np.ones((4, 4))), 6)
    (4.0, 1.0)
    """
    ascending = eigenvalues(K)[::-1]
    return float(np.sum(np.cumsum(ascending) / np.arange(1, len(ascending) + 1)))


def effective_dimension(K: Any, regularization: float) -> float:
    """Return the degrees of freedom of kernel ridge regression, tr K (K + λ)⁻¹.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding; scaled to trace N here.
    regularization : float
        The λ, at least 0; 0 counts the eigenvalues that are more than rounding.

    Returns
    -------
    float
        From 0 to N.

    Raises
    ------
    ValueError
        If K is not such a matrix, its trace is 0, or the regularization is negative.

    References
    ----------
    T. Zhang, "Learning bounds for kernel regression using effective data dimensionality", Neural
    Computation 17, 2077 (2005).

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import effective_dimension
    >>> effective_dimension(np.eye(4), 1.0), effective_dimension(np.ones((4, 4)), 0)
    (2.0, 1.0)
    """
    regularization = not_negative(regularization, "regularization")
    values = eigenvalues(K)
    values = values[values > rounding(values)]
    return float(np.sum(values / (values + regularization)))


def task_alignment(K: Any, y: Any) -> TaskAlignment:
    """Return how much of a target lies in the eigenvectors of a kernel matrix.

    A kernel learns a target from few points where the cumulative power rises fast. The eigenvectors
    of equal eigenvalues are arbitrary, so they share the power of their space evenly.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding.
    y : array-like of shape (n_points,)
        Classes, or real targets that are not all integers; these are centred.

    Returns
    -------
    TaskAlignment

    Raises
    ------
    ValueError
        If K is not such a matrix, its trace is 0, y is not as long as K, or all targets are equal.

    References
    ----------
    A. Canatar, B. Bordelon and C. Pehlevan, "Spectral bias and task-model alignment explain
    generalization in kernel regression and infinitely wide neural networks", Nature
    Communications 12, 2914 (2021), the cumulative power distribution C(ρ); A. Canatar et al.,
    "Bandwidth enables generalization in quantum kernel models", Transactions on Machine Learning
    Research (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import task_alignment
    >>> y = np.array([1, 1, -1, -1])
    >>> task_alignment(np.eye(4) + np.outer(y, y), y).cumulative.round(6).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    columns = targets(K, y)
    values, vectors = eigensystem(K)
    squares = np.sum((vectors.T @ columns) ** 2, axis=1)
    power = _shared(squares / squares.sum(), values)
    return TaskAlignment(power, np.cumsum(power))


def _shared(power: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean power of each run of equal eigenvalues."""
    starts = np.flatnonzero(-np.diff(values, prepend=np.inf) > rounding(values))
    lengths = np.diff(starts, append=len(values))
    return np.repeat(np.add.reduceat(power, starts) / lengths, lengths)
