"""Losses of a kernel matrix and targets, with their derivatives by the matrix.

A loss is anything that takes (K, y) and returns its value, to be minimised, and ∂L/∂K, a matrix
that treats each entry of K as a variable of its own. What lives here: the losses of the field, as
small values that can be compared, copied and searched over. How a gradient by K becomes one by
the kernel's hyperparameters is the kernels' business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.svm import SVC

from qkernels.alignment import (
    alignment,
    centered,
    check_kernel_matrix,
    is_regression,
    label_vectors,
)
from qkernels.feature_maps.validation import real
from qkernels.kernels.validation import check_positive

__all__ = [
    "CenteredAlignment",
    "LogMarginalLikelihood",
    "Loss",
    "RidgeLeaveOneOut",
    "SVMDual",
    "TargetAlignment",
    "get_loss",
]

Loss: TypeAlias = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True)
class TargetAlignment:
    """Minus the kernel-target alignment; see `qkernels.alignment.target_alignment`.

    Parameters
    ----------
    rescale_class_weights : bool, default=True
        Whether large classes are weighed down.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = TargetAlignment()(np.eye(2), np.array([0, 1]))
    >>> round(value, 6), gradient.shape
    (-0.707107, (2, 2))
    """

    rescale_class_weights: bool = True

    def __call__(self, K: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its derivative by K."""
        K, y = check_kernel_matrix(K, y)
        return _negative_alignment(K, label_vectors(y, rescale=self.rescale_class_weights))


@dataclass(frozen=True)
class CenteredAlignment:
    """Minus the centred alignment; see `qkernels.alignment.centered_alignment`.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = CenteredAlignment()(np.eye(2), np.array([0, 1]))
    >>> round(value, 6), gradient.shape
    (-1.0, (2, 2))
    """

    def __call__(self, K: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its derivative by K."""
        K, y = check_kernel_matrix(K, y)
        vectors = label_vectors(y, rescale=False)
        # The centred matrices' gradient is centred already: centring is a projection.
        return _negative_alignment(centered(K), vectors - vectors.mean(axis=0))


def _negative_alignment(K: np.ndarray, vectors: np.ndarray) -> tuple[float, np.ndarray]:
    score, norm = alignment(K, vectors), np.linalg.norm(K)
    # Not by BLAS, which would wake its threads for nothing.
    gradient = np.einsum("ik,jk->ij", vectors, vectors)
    gradient *= -1 / (norm * np.linalg.norm(vectors.T @ vectors))
    gradient += score / norm**2 * K
    return -score, gradient


@dataclass(frozen=True)
class SVMDual:
    """The optimum of a support vector classifier's dual, summed over pairs of classes.

    For two classes it is max_α Σ_i α_i - ½ Σ_ij α_i α_j y_i y_j K_ij with 0 ≤ α_i ≤ C and
    Σ_i α_i y_i = 0: the smaller, the wider the margin. Its derivative is -½ α_i α_j y_i y_j at
    the optimal α (envelope theorem).

    Parameters
    ----------
    C : float, default=1.0
        The regularisation of the classifier; positive.

    References
    ----------
    J. R. Glick et al., "Covariant quantum kernels for data with group structure", Nature Physics
    20, 479 (2024), equation for the weighted alignment.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = SVMDual(C=1.0)(np.eye(2), np.array([0, 1]))
    >>> round(value, 6), gradient.round(6).tolist()
    (1.0, [[-0.5, 0.5], [0.5, -0.5]])
    """

    C: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self.C, "C")

    def __call__(self, K: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its derivative by K."""
        K, y = check_kernel_matrix(K, y)
        if is_regression(y):
            raise ValueError("SVMDual: expected classes, got real targets")
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(f"expected at least two classes, got {classes.tolist()}")
        total, gradient = 0.0, np.zeros_like(K)
        for pair in combinations(classes, 2):
            rows = np.flatnonzero(np.isin(y, pair))
            value, weights = self._two_classes(K[np.ix_(rows, rows)], y[rows])
            total += value
            gradient[np.ix_(rows, rows)] -= 0.5 * np.outer(weights, weights)
        return total, gradient

    def _two_classes(self, K: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the optimum, and α_i y_i of each point."""
        model = SVC(kernel="precomputed", C=self.C, tol=1e-10).fit(K, y)
        weights = np.zeros(len(y))
        weights[model.support_] = model.dual_coef_[0]
        return float(np.abs(weights).sum() - 0.5 * weights @ K @ weights), weights


@dataclass(frozen=True)
class LogMarginalLikelihood:
    """Minus the log marginal likelihood of a Gaussian process on K + noise · 1.

    Parameters
    ----------
    noise : float, default=1e-10
        Variance of the targets' noise, at least 0, added to the diagonal; for a kernel that
        contains a WhiteKernel it is but a safeguard, as `alpha` is in scikit-learn's
        `GaussianProcessRegressor`.

    References
    ----------
    C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning" (2006),
    equations 5.8 and 5.9.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = LogMarginalLikelihood(noise=0.5)(np.eye(2), np.array([0.2, 0.7]))
    >>> round(value, 6)
    2.420009
    """

    noise: float = 1e-10

    def __post_init__(self) -> None:
        _check_not_negative(self.noise, "noise")

    def __call__(self, K: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its derivative by K."""
        K, y = check_kernel_matrix(K, y)
        y = _numbers(y, "LogMarginalLikelihood")
        inverse, factor = _inverse(K, self.noise)
        weights = inverse @ y
        half_log_determinant = np.sum(np.log(np.diag(factor)))
        value = 0.5 * y @ weights + half_log_determinant + 0.5 * len(y) * np.log(2 * np.pi)
        return float(value), 0.5 * (inverse - np.outer(weights, weights))


@dataclass(frozen=True)
class RidgeLeaveOneOut:
    """The mean squared leave-one-out error of kernel ridge regression, in closed form.

    With P = (K + alpha · 1)⁻¹, the error at point i of a model fitted without it is (P y)_i / P_ii.
    Classes are coded as ±1, or as the corners of a simplex.

    Parameters
    ----------
    alpha : float, default=1.0
        The regularisation of `sklearn.kernel_ridge.KernelRidge`; at least 0.

    References
    ----------
    G. H. Golub, M. Heath and G. Wahba, Technometrics 21, 215 (1979), for the closed form.

    Examples
    --------
    >>> import numpy as np
    >>> value, gradient = RidgeLeaveOneOut()(np.eye(2), np.array([0.2, 0.7]))
    >>> round(value, 6)
    0.265
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        _check_not_negative(self.alpha, "alpha")

    def __call__(self, K: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its derivative by K."""
        K, y = check_kernel_matrix(K, y)
        targets = y[:, np.newaxis] if is_regression(y) else label_vectors(y, rescale=False)
        P, _ = _inverse(K, self.alpha)
        weights, diagonal = P @ targets, np.diag(P)[:, np.newaxis]
        errors = weights / diagonal
        by_weights = 2 * errors / (diagonal * len(y))
        by_diagonal = -np.sum(by_weights * errors, axis=1)
        # dP = -P dK P, for the diagonal and for the weights P y alike.
        cross = (P @ by_weights) @ weights.T
        gradient = -0.5 * (cross + cross.T) - (P * by_diagonal) @ P
        return float(np.sum(errors**2) / len(y)), gradient


def _check_not_negative(value: float, name: str) -> None:
    if real(value, name) < 0:
        raise ValueError(f"expected {name} to be at least 0, got {value}")


def _numbers(y: np.ndarray, owner: str) -> np.ndarray:
    if y.dtype.kind not in "iuf":
        raise ValueError(f"{owner}: expected real targets, got {y.dtype}")
    return y.astype(np.float64)


def _inverse(K: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (K + ridge · 1)⁻¹, and the Cholesky factor of what is inverted."""
    try:
        factor = cho_factor(K + ridge * np.eye(len(K)), lower=True)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"expected a kernel matrix that is positive definite with {ridge} on its diagonal: "
            "add more noise or regularisation"
        ) from error
    return cho_solve(factor, np.eye(len(K))), factor[0]


_LOSSES: dict[str, Callable[[], Loss]] = {
    "target_alignment": TargetAlignment,
    "centered_alignment": CenteredAlignment,
    "svm_dual": SVMDual,
    "log_marginal_likelihood": LogMarginalLikelihood,
    "ridge_leave_one_out": RidgeLeaveOneOut,
}


def get_loss(loss: str | Loss) -> Loss:
    """Return a loss by its name, or the callable itself.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists them.
    """
    if isinstance(loss, str) and loss in _LOSSES:
        return _LOSSES[loss]()
    if isinstance(loss, str | type) or not callable(loss):
        raise ValueError(
            f"loss: expected one of {sorted(_LOSSES)} or a function of (K, y), such as "
            f"SVMDual(C=10.0), got {loss!r}"
        )
    return loss
