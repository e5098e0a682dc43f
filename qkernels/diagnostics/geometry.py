"""How far a quantum kernel can be ahead of a classical one: things of matrix square roots.

What lives here: the geometric difference, the labels that make the most of it, and the model
complexity that it bounds. No square root is formed: ‖√Q W √Q‖ = ‖√W Q √W‖, and with W a function
of the classical matrix one eigendecomposition does for all regularizations.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import brentq
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from qkernels.diagnostics.validation import (
    eigensystem,
    eigenvalues,
    fraction,
    not_negative,
    rounding,
    scaled,
    targets,
)

MAX_TRAINING_ERROR = 0.045
# A regularization that hardly changes a sound kernel matrix: its mean eigenvalue is 1.
_TINY = 1e-3
# From this size on, a few products with a vector are cheaper than a tridiagonal form.
_LANCZOS_FROM = 400


class IllConditionedWarning(UserWarning):
    """A geometric difference comes from eigenvalues that are tiny, and not from the data."""


@dataclass(frozen=True)
class GeometricDifference:
    """How far apart two kernels are; what `geometric_difference` returns.

    Attributes
    ----------
    g : float
        The geometric difference g(K_C‖K_Q) at the regularization. Only if it is large, of the
        order of √N, can there be labels on which the quantum kernel is far ahead.
    g_training : float
        Its counterpart for the training error that the regularization costs.
    regularization : float
        The λ, of K_classical scaled to trace N.
    """

    g: float
    g_training: float
    regularization: float


@dataclass(frozen=True)
class ModelComplexity:
    """How hard labels are for a kernel; what `model_complexity` returns.

    Attributes
    ----------
    complexity : float
        s = yᵀ √K (K+λ)⁻² √K y, the squared norm of the fitted model.
    training_error : float
        √(λ² yᵀ (K+λ)⁻² y / N), its root mean square error on the training points.
    bound : float
        training_error + √(s/N).
    """

    complexity: float
    training_error: float
    bound: float


@dataclass(frozen=True, eq=False)
class _Pair:
    """A quantum kernel matrix in the eigenbasis of a classical one, both scaled to trace N."""

    values: np.ndarray
    vectors: np.ndarray
    quantum: np.ndarray

    @classmethod
    def of(cls, K_classical: Any, K_quantum: Any) -> _Pair:
        values, vectors = eigensystem(K_classical)
        # Its eigenvalues are asked for only to refuse negative ones.
        n_quantum = len(eigenvalues(K_quantum))
        if n_quantum != len(values):
            raise ValueError(
                "expected kernel matrices of the same points, got "
                f"{len(values)} and {n_quantum} rows"
            )
        return cls(np.maximum(values, rounding(values)), vectors, scaled(K_quantum))

    @cached_property
    def rotated(self) -> np.ndarray:
        return self.vectors.T @ self.quantum @ self.vectors

    def difference(self, regularization: float) -> GeometricDifference:
        g, g_training = self.g(regularization), self.g_training(regularization)
        return GeometricDifference(g, g_training, regularization)

    def g(self, regularization: float) -> float:
        return self._norm(self.weights(regularization))

    def g_training(self, regularization: float) -> float:
        if regularization == 0:
            return 0.0
        return self._norm(regularization / (self.values + regularization))

    def weights(self, regularization: float) -> np.ndarray:
        """Return the eigenvalues of √K_C (K_C+λ)⁻¹."""
        return np.sqrt(self.values) / (self.values + regularization)

    def top(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the largest eigenvalue of W K_Q W, and its eigenvector."""
        matrix, last = weights[:, np.newaxis] * self.rotated * weights, len(weights) - 1
        if last < _LANCZOS_FROM:
            values, vectors = eigh(matrix, subset_by_index=[last, last])
        else:
            start = np.random.default_rng(0).standard_normal(last + 1)
            try:
                values, vectors = eigsh(matrix, k=1, which="LA", v0=start, tol=1e-10)
            except ArpackNoConvergence:
                # Of a matrix near a multiple of the identity all eigenvalues are alike.
                values, vectors = eigh(matrix, subset_by_index=[last, last])
        return float(values[0]), vectors[:, 0]

    def _norm(self, weights: np.ndarray) -> float:
        return float(np.sqrt(max(self.top(weights)[0], 0.0)))


def geometric_difference(
    K_classical: Any,
    K_quantum: Any,
    *,
    regularization: float | None = None,
    max_training_error: float = MAX_TRAINING_ERROR,
) -> GeometricDifference:
    r"""Return the geometric difference of a classical and a quantum kernel, in spectral norms.

    With both matrices scaled to trace N,

        g(λ) = √‖√K_Q √K_C (K_C+λ)⁻² √K_C √K_Q‖,
        g_training(λ) = λ √‖√K_Q (K_C+λ)⁻² √K_Q‖,

    so that for any labels the classical model's complexity is at most g² times the quantum one's,
    and its training error at most g_training √(s_Q/N).

    g falls with λ and g_training rises: the eigenvalues c/(c+λ)² and λ²/(c+λ)² of what stands
    between the two √K_Q do so for each eigenvalue c of K_C, and the norm follows. So the smallest g
    that a bound on the training error allows is that at the largest λ that keeps it, which is what
    None asks for. Where the points determine K_C to rounding only, g is a lower bound.

    A small g says that no labels can be much easier for the quantum kernel. A large one says only
    that such labels exist. Take the least g over a tuned family of classical kernels.

    Parameters
    ----------
    K_classical, K_quantum : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding, of the same points.
    regularization : float, default=None
        The λ, at least 0; None finds the largest that keeps g_training at `max_training_error`.
    max_training_error : float, default=0.045
        Between 0 and 1; only used where `regularization` is None.

    Returns
    -------
    GeometricDifference

    Raises
    ------
    ValueError
        If the matrices are not such, have a trace of 0 or different sizes, or a number is out of
        range.

    Warns
    -----
    IllConditionedWarning
        If g is more than twice what it is with λ raised by 0.001, a thousandth of K_C's mean
        eigenvalue: it then comes from tiny eigenvalues of K_C. Also if no λ above rounding keeps
        g_training at the bound; λ is then at rounding.

    References
    ----------
    H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications 12,
    2631 (2021), arXiv:2011.01938, equation F9.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import geometric_difference
    >>> round(geometric_difference(np.eye(4), np.ones((4, 4)), regularization=0).g, 6)
    2.0
    """
    bound = fraction(max_training_error, "max_training_error")
    if regularization is not None:
        regularization = not_negative(regularization, "regularization")
    pair = _Pair.of(K_classical, K_quantum)
    found = _choose(pair, bound) if regularization is None else regularization
    result = pair.difference(found)
    without = pair.g(found + _TINY)
    if regularization is None and result.g_training > bound:
        _warn(
            f"no regularization keeps g_training at {bound}: even with {found:.3g}, at rounding, "
            f"it is {result.g_training:.3g}, as K_quantum reaches where K_classical is zero; "
            f"with a regularization of {_TINY:.3g} g is {without:.3g} instead of {result.g:.3g}"
        )
    elif without < result.g / 2:
        _warn(
            f"g = {result.g:.3g} comes from tiny eigenvalues of K_classical: with a "
            f"regularization of {found + _TINY:.3g} instead of {found:.3g} it is {without:.3g}"
        )
    return result


def geometric_differences(
    K_classical: Any, K_quantum: Any, regularizations: Iterable[float | None]
) -> list[GeometricDifference]:
    """Return the geometric difference at several regularizations, the matrices decomposed once.

    Without warnings: what they say of one regularization is seen by comparing several.

    Parameters
    ----------
    K_classical, K_quantum : array-like of shape (n_points, n_points)
        As in `geometric_difference`.
    regularizations : iterable of float or None
        As there; None is the largest that keeps g_training at 0.045.

    Returns
    -------
    list of GeometricDifference

    Raises
    ------
    ValueError
        As `geometric_difference` does.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import geometric_differences
    >>> found = geometric_differences(np.eye(4), np.ones((4, 4)), [0, 1])
    >>> [round(each.g, 6) for each in found]
    [2.0, 1.0]
    """
    checked = [None if x is None else not_negative(x, "regularization") for x in regularizations]
    pair = _Pair.of(K_classical, K_quantum)
    return [pair.difference(_choose(pair, MAX_TRAINING_ERROR) if x is None else x) for x in checked]


def _choose(pair: _Pair, bound: float) -> float:
    """Return the largest regularization that keeps g_training at the bound, or one at rounding."""
    low, high = rounding(pair.values), 1.0
    if pair.g_training(low) > bound:
        return low
    # It ends: the limit is √‖K_Q‖, which is at least 1.
    while pair.g_training(high) <= bound:
        high *= 10
    step = 1e-7
    root = brentq(
        lambda x: np.log(pair.g_training(np.exp(x)) / bound), np.log(low), np.log(high), xtol=step
    )
    return float(np.exp(root - 2 * step))


def _warn(message: str) -> None:
    warnings.warn(message, IllConditionedWarning, stacklevel=3)


def engineered_labels(
    K_classical: Any, K_quantum: Any, *, regularization: float | None = None
) -> np.ndarray:
    """Return the labels on which a quantum kernel is furthest ahead of a classical one.

    y = √K_Q v, v the top eigenvector of √K_Q √K_C (K_C+λ)⁻² √K_C √K_Q, split at its median. They
    are made from all points that are given: where these include test points, that is to be said
    beside every score.

    Parameters
    ----------
    K_classical, K_quantum : array-like of shape (n_points, n_points)
        As in `geometric_difference`.
    regularization : float, default=None
        The λ, at least 0; None takes the one that `geometric_difference` would, and 0.001, a
        thousandth of the mean eigenvalue, if that is smaller: what lies in tiny eigenvalues neither
        kernel learns.

    Returns
    -------
    ndarray of shape (n_points,)
        -1 and 1, half of each, to one.

    Raises
    ------
    ValueError
        As `geometric_difference` does.

    References
    ----------
    H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications 12,
    2631 (2021), supplementary information on engineered data sets.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import engineered_labels
    >>> y = np.array([1, -1, 1, -1])
    >>> engineered_labels(np.eye(4), np.eye(4) + np.outer(y, y)) * y
    array([1, 1, 1, 1])
    """
    if regularization is not None:
        regularization = not_negative(regularization, "regularization")
    pair = _Pair.of(K_classical, K_quantum)
    if regularization is None:
        regularization = max(_choose(pair, MAX_TRAINING_ERROR), _TINY)
    weights = pair.weights(regularization)
    # v = √K_Q U W u of the eigenvector u of the transposed product.
    scores = pair.quantum @ (pair.vectors @ (weights * pair.top(weights)[1]))
    scores *= np.sign(scores[np.abs(scores).argmax()])
    return np.where(scores > np.median(scores), 1, -1)


def model_complexity(K: Any, y: Any, *, regularization: float) -> ModelComplexity:
    """Return how complex a kernel's model of labels is, and the bound on its error.

    The expected error on new points is, with probability 1 - δ, at most a constant times
    √(λ² yᵀ(K+λ)⁻²y / N) + √(s/N) + √(log(1/δ)/N), with s = yᵀ √K (K+λ)⁻² √K y. `bound` has the
    first two terms, without the constant: it compares kernels, and does not predict an error.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        Symmetric and positive semidefinite, up to rounding; scaled to trace N here.
    y : array-like of shape (n_points,)
        Classes, two of them as ±1 and more as the corners of a simplex, over whose columns it is
        summed; or real targets that are not all integers, which are centred.
    regularization : float
        The λ: positive, or 0 if K is not singular.

    Returns
    -------
    ModelComplexity

    Raises
    ------
    ValueError
        If K is not such a matrix, its trace is 0, y is not as long as K, all targets are equal,
        the regularization is negative, or it is 0 and K is singular to rounding.

    References
    ----------
    H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications 12,
    2631 (2021), arXiv:2011.01938, equation F1.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.diagnostics import model_complexity
    >>> model_complexity(np.eye(4), [0, 1, 0, 1], regularization=1.0)
    ModelComplexity(complexity=1.0, training_error=0.5, bound=1.0)
    """
    regularization = not_negative(regularization, "regularization")
    columns = targets(K, y)
    values, vectors = eigensystem(K)
    if regularization == 0 and values[-1] <= rounding(values):
        raise ValueError("expected a positive regularization for a singular K, got 0")
    squares = np.sum((vectors.T @ columns) ** 2, axis=1) / (values + regularization) ** 2
    complexity = float(values @ squares)
    training_error = float(regularization * np.sqrt(squares.sum() / len(values)))
    bound = training_error + float(np.sqrt(complexity / len(values)))
    return ModelComplexity(complexity, training_error, bound)
