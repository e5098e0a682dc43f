"""How the error of kernel ridge regression falls with the number of points, in theory and tried.

What lives here: the learning curve that a kernel matrix and a target imply, beside that of fits
to random subsets of the same points.

The theory of Bordelon, Canatar and Pehlevan draws P points from a distribution, with repetition.
Here P of N points are drawn without, and errors are counted on the others. The same mean-field
argument then goes as follows. Ridge regression on the subset S is (K + D)⁻¹ with D = λ on S and
D = t → ∞ elsewhere, and the sum of squared errors off S is ∂/∂(1/t) yᵀ(K + D)⁻¹y (Schur's
complement). A random subset is free of K's eigenvectors, so that (K + D)⁻¹ is (K + μ)⁻¹ on
average, with h = tr(K + μ)⁻¹/N = tr(D + ν)⁻¹/N and μ + ν = 1/h (addition of free matrices). With
p = P/N and q = tr(K + μ)⁻²/N this gives

    (μ - λ) h = 1 - p,    E = p / (h² - (1-p) q) · Σ (uᵀy)²/(c + μ)² / N

over eigenvalues c and eigenvectors u of K. For P ≪ N it is the published formula with κ = Pμ/N,
and for P = N it is μ = λ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import brentq
from sklearn.utils import check_random_state

from qkernels.diagnostics.validation import eigensystem, scaled, targets
from qkernels.feature_maps.validation import integer
from qkernels.kernels.validation import check_positive


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Errors by the number of training points; what `learning_curve` returns.

    Attributes
    ----------
    sizes : ndarray of shape (n_sizes,)
        Numbers of training points.
    theory : ndarray of shape (n_sizes,)
        The mean squared error on the other points that the spectrum implies.
    mean : ndarray of shape (n_sizes,)
        That of fits to random subsets.
    standard_error : ndarray of shape (n_sizes,)
        Of the mean over random subsets of these very points.
    """

    sizes: np.ndarray
    theory: np.ndarray
    mean: np.ndarray
    standard_error: np.ndarray


def learning_curve(
    K: Any,
    y: Any,
    *,
    sizes: Any = None,
    regularization: float = 1e-2,
    repeats: int = 20,
    random_state: int | None = None,
) -> LearningCurve:
    """Return the learning curve of kernel ridge regression, in theory and tried.

    The error is the mean square over the points that are not trained on, of targets of mean square
    1 where they are classes. The theory takes random subsets for free of the kernel's
    eigenvectors: it is off where a few points make up an eigenvector of a large eigenvalue.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding; scaled to trace N here.
    y : array-like of shape (n_points,)
        Classes, two of them as ±1 and more as the corners of a simplex; or real targets that are
        not all integers, which are centred.
    sizes : array-like of shape (n_sizes,), default=None
        Numbers of training points, from 1 to N - 1; None is 8 or less, up to 0.8 N.
    regularization : float, default=0.01
        The λ of (K + λ)⁻¹, positive.
    repeats : int, default=20
        Random subsets of each size, at least 2.
    random_state : int, default=None
        Seed of the subsets.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError, TypeError
        If K is not such a matrix, its trace is 0, y is not as long as K, all targets are equal, or
        a number is out of range.

    References
    ----------
    B. Bordelon, A. Canatar and C. Pehlevan, "Spectrum dependent learning curves in kernel
    regression and wide neural networks", ICML 37 (2020); A. Canatar, B. Bordelon and C. Pehlevan,
    Nature Communications 12, 2914 (2021), equations 4 and 5; J. B. Simon et al., "The
    eigenlearning framework", Transactions on Machine Learning Research (2023), section 4; for
    subsets of N points see the head of this module.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import learning_curve
    >>> y = np.arange(40) % 2
    >>> curve = learning_curve(np.eye(40), y, sizes=[10, 30], random_state=0)
    >>> curve.theory.round(6).tolist(), curve.mean.round(6).tolist()
    ([1.0, 1.0], [1.0, 1.0])
    """
    regularization = check_positive(regularization, "regularization")
    repeats = integer(repeats, "repeats", 2)
    columns = targets(K, y)
    values, vectors = eigensystem(K)
    n_train = _check_sizes(sizes, len(values))
    squares = np.sum((vectors.T @ columns) ** 2, axis=1)
    theory = [_theory(values, squares, n, regularization) for n in n_train]
    random, K = check_random_state(random_state), scaled(K)
    errors = np.empty((repeats, len(n_train)))
    for repeat in range(repeats):
        order = random.permutation(len(K))
        shuffled = K[np.ix_(order, order)]
        errors[repeat] = _errors(shuffled, columns[order], n_train, regularization)
    deviation = errors.std(axis=0, ddof=1) / np.sqrt(repeats)
    return LearningCurve(n_train, np.array(theory), errors.mean(axis=0), deviation)


def _check_sizes(sizes: Any, n_points: int) -> np.ndarray:
    if n_points < 2:
        raise ValueError(f"expected a kernel matrix of two points or more, got {n_points}")
    if sizes is None:
        most = max(1, int(0.8 * n_points))
        least = min(8, max(1, most // 4))
        sizes = np.unique(np.rint(np.geomspace(least, most, 8)).astype(int))
    found = np.asarray(sizes)
    if (
        found.ndim != 1
        or not found.size
        or found.dtype.kind not in "iu"
        or not np.all((found >= 1) & (found < n_points))
    ):
        raise ValueError(f"expected sizes to be integers from 1 to {n_points - 1}, got {sizes!r}")
    return found


def _theory(values: np.ndarray, squares: np.ndarray, n_train: int, regularization: float) -> float:
    """Return E of the head of this module."""
    n, p = len(values), n_train / len(values)
    mu = _effective_regularization(values, n_train, regularization)
    h, q = np.mean(1 / (values + mu)), np.mean(1 / (values + mu) ** 2)
    return float(p / (h**2 - (1 - p) * q) * np.sum(squares / (values + mu) ** 2) / n)


def _effective_regularization(values: np.ndarray, n_train: int, regularization: float) -> float:
    """Return the μ of (μ - λ) Σ 1/(c + μ) = N - P, whose left side rises with μ."""
    n = len(values)

    def excess(x: float) -> float:
        mu = np.exp(x)
        return float((mu - regularization) * np.sum(1 / (values + mu)) - (n - n_train))

    # If all eigenvalues were the largest, this would be it.
    high = (n * regularization + (n - n_train) * values.max()) / n_train
    return float(np.exp(brentq(excess, np.log(regularization), np.log(high) + 1e-9, xtol=1e-13)))


def _errors(
    K: np.ndarray, columns: np.ndarray, sizes: np.ndarray, regularization: float
) -> list[float]:
    """Return the mean squared errors off the first points, for each number of them."""
    most = sizes.max()
    # The factor of the first points is a corner of the factor of all.
    factor = cholesky(K[:most, :most] + regularization * np.eye(most), lower=True)
    halfway = solve_triangular(factor, columns[:most], lower=True)
    found = []
    for n in sizes:
        weights = solve_triangular(factor[:n, :n], halfway[:n], lower=True, trans=1)
        residuals = columns[n:] - K[n:, :n] @ weights
        found.append(float(np.sum(residuals**2) / len(residuals)))
    return found
