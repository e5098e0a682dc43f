"""How alike a kernel is to the classical ones that are at everybody's hand.

What lives here: alignment with the best-tuned RBF and polynomial kernels of the same points. How
far ahead of them the kernel could be is the business of `geometry`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics.pairwise import euclidean_distances

from qkernels.alignment import centered
from qkernels.kernels.validation import check_data
from qkernels.psd.spectrum import symmetric

_DEGREES = range(1, 6)
# Decades about the scale of the data in which a width is looked for.
_DECADES = 4
_STEPS = 17


@dataclass(frozen=True)
class ClassicalSimilarity:
    """The classical kernels that are most like a kernel; what `classical_similarity` returns.

    Attributes
    ----------
    rbf : float
        Centred alignment with the best exp(-γ|x-x'|²), at most 1.
    gamma : float
        Its γ.
    polynomial : float
        Centred alignment with the best (s x·x' + 1)^degree.
    degree : int
        Its degree, from 1 to 5.
    scale : float
        Its s; for degree 1 it does not matter.
    """

    rbf: float
    gamma: float
    polynomial: float
    degree: int
    scale: float


def classical_similarity(K: Any, X: Any) -> ClassicalSimilarity:
    """Return how alike a kernel matrix is to the best RBF and polynomial kernel.

    Quantum kernels with a small bandwidth tend to become RBF kernels; near 1 a classical computer
    has the same kernel at once. A concentrated kernel is near the identity, and so is a narrow RBF
    kernel: their likeness only says that neither has learnt anything from the distances.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric.
    X : array-like of shape (n_points, n_features)
        The points that it is of.

    Returns
    -------
    ClassicalSimilarity

    Raises
    ------
    ValueError
        If K is not such a matrix, X has not as many points, K is constant, or all points are equal.

    References
    ----------
    C. Cortes et al., "Algorithms for learning kernels based on centered alignment", Journal of
    Machine Learning Research 13, 795 (2012), definition 4; R. Flórez Ablan, M. Roth and J.
    Schnabel, "On the similarity of bandwidth-tuned quantum kernels and classical kernels",
    arXiv:2503.05602 (2025).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics.pairwise import rbf_kernel
    >>> from qkernels.diagnostics import classical_similarity
    >>> X = np.array([[0.0], [0.3], [1.0], [2.5]])
    >>> found = classical_similarity(rbf_kernel(X, gamma=0.7), X)
    >>> round(found.rbf, 6), round(found.gamma, 3)
    (1.0, 0.7)
    """
    ours, X = _check(K, X)
    rbf, gamma = best_rbf(ours, X)
    polynomial, scale, degree = _best_polynomial(ours, X)
    return ClassicalSimilarity(rbf, gamma, polynomial, degree, scale)


def best_rbf(ours: np.ndarray, X: np.ndarray) -> tuple[float, float]:
    """Return the best centred alignment with an RBF kernel, and its γ; `ours` is centred."""
    squares = euclidean_distances(X, squared=True)
    norm = np.linalg.norm(ours)

    def score(gamma: float) -> float:
        # Less 1, which centring takes off: no digits are lost for small γ.
        theirs = np.expm1(-gamma * squares)
        return float(np.vdot(ours, theirs) / (norm * np.linalg.norm(centered(theirs))))

    return _best(score, 1 / np.median(squares[squares > 0]))


def _best_polynomial(ours: np.ndarray, X: np.ndarray) -> tuple[float, float, int]:
    """Return the best centred alignment with a polynomial kernel, its scale and its degree.

    (s x·x' + 1)^degree is a sum over powers of x·x', whose inner products are all that is needed.
    """
    products = X @ X.T
    size = np.abs(products).max()
    powers = [centered((products / size) ** k).ravel() for k in _DEGREES]
    gram = np.array([[a @ b for b in powers] for a in powers])
    overlaps = np.array([ours.ravel() @ a for a in powers]) / np.linalg.norm(ours)

    def score(scale: float, degree: int) -> float:
        terms = np.array([comb(degree, k) * scale**k for k in _DEGREES])
        return float(terms @ overlaps / np.sqrt(terms @ gram @ terms))

    def best(degree: int) -> tuple[float, float, int]:
        found, scale = _best(lambda scale: score(scale, degree), 1.0)
        return found, scale / float(size), degree

    return max(best(degree) for degree in _DEGREES)


def centered_kernel(K: Any) -> np.ndarray:
    """Return HKH of a symmetric matrix that is not constant."""
    found = centered(symmetric(K))
    if not found.any():
        raise ValueError("expected a kernel matrix that is not constant, got one that is 0 centred")
    return found


def _best(score: Callable[[float], float], start: float) -> tuple[float, float]:
    """Return the best score of a positive number, and that number: on a grid, then about it."""
    grid, step = np.linspace(-_DECADES, _DECADES, _STEPS, retstep=True)
    grid += np.log10(start)
    scores = [score(10**x) for x in grid]
    best, middle = max(zip(scores, grid, strict=True))
    found = minimize_scalar(
        lambda x: -score(10**x), bounds=(middle - step, middle + step), method="bounded"
    )
    best, middle = max((best, middle), (-found.fun, found.x))
    return float(best), float(10**middle)


def _check(K: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    ours, X = centered_kernel(K), check_data(X, owner="classical_similarity")
    if len(X) != len(ours):
        raise ValueError(
            f"expected as many points as the kernel has rows ({len(ours)}), got {len(X)}"
        )
    if not np.ptp(X, axis=0).any():
        raise ValueError("expected points that differ, got equal ones")
    return ours, X
