"""The nearest correlation matrix, by Newton's method on the dual problem.

What lives here: the dual function of the shifts of the diagonal, its derivatives, and the search
for its minimum. What a repair is made of is in `spectrum`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.exceptions import ConvergenceWarning

from qkernels.feature_maps.validation import integer
from qkernels.kernels.validation import check_positive
from qkernels.psd.spectrum import Repair, spectrum, symmetric, without_negative_part

_TOLERANCE, _MAX_ITERATIONS = 1e-8, 200
# Of a step of conjugate gradients, and added to the curvature where there is none.
_CG_STEPS, _CG_TOLERANCE, _FLAT = 200, 0.1, 1e-10
# Of the line search: the decrease that is asked for, what rounding hides, and the halvings.
_DECREASE, _ROUNDING, _HALVINGS = 1e-4, 1e-12, 30


def nearest_correlation(
    K: Any, *, tolerance: float = _TOLERANCE, max_iterations: int = _MAX_ITERATIONS
) -> np.ndarray:
    """Return the nearest PSD matrix with a diagonal of ones, in Frobenius norm.

    It is clip(K + diag(s)) with the s that make the diagonal 1 [1]_: the minimum of a convex
    function of s [2]_, which Newton's method finds in a few steps, each solved by conjugate
    gradients [3]_.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        As in `clip`. Its diagonal does not matter.
    tolerance : float, default=1e-8
        Largest distance from 1 of the projection's diagonal at which to stop. The projection is
        then scaled to a diagonal of exactly 1.
    max_iterations : int, default=200
        Each takes one eigendecomposition or a few. Fewer than ten are typical.

    Returns
    -------
    ndarray of shape (n_points, n_points)
        Fresh and exactly symmetric, with a diagonal of exactly 1.

    Raises
    ------
    ValueError, TypeError
        As `clip` does; if `tolerance` is not a positive finite number, or `max_iterations` not an
        integer of at least 1.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the iterations are used up. What is returned is a correlation matrix, not the nearest.

    References
    ----------
    .. [1] N. J. Higham, "Computing the nearest correlation matrix: a problem from finance", IMA
       Journal of Numerical Analysis 22, 329 (2002), theorem 2.2 with weights of 1.
    .. [2] J. Malick, "A dual approach to semidefinite least-squares problems", SIAM Journal on
       Matrix Analysis and Applications 26, 272 (2004).
    .. [3] H. Qi and D. Sun, "A quadratically convergent Newton method for computing the nearest
       correlation matrix", SIAM Journal on Matrix Analysis and Applications 28, 360 (2006),
       algorithm 5.1.

    Examples
    --------
    >>> nearest_correlation([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]).round(4)
    array([[1.    , 0.7607, 0.1573],
           [0.7607, 1.    , 0.7607],
           [0.1573, 0.7607, 1.    ]])
    """
    tolerance = check_positive(tolerance, "tolerance")
    max_iterations = integer(max_iterations, "max_iterations", 1)
    return nearest_correlation_repair(symmetric(K), tolerance, max_iterations).matrix


def nearest_correlation_repair(
    K: np.ndarray, tolerance: float = _TOLERANCE, max_iterations: int = _MAX_ITERATIONS
) -> Repair:
    """Return the repair that `nearest_correlation` makes of a symmetric matrix."""
    dual = _Dual(K, 1 - K.diagonal())
    for _ in range(max_iterations):
        if dual.distance <= tolerance:
            break
        dual = dual.improved()
    else:
        warnings.warn(
            f"nearest_correlation: expected a diagonal within {tolerance} of 1 after "
            f"{max_iterations} iterations, got {dual.distance:.2g} away; the result is a "
            "correlation matrix, but not the nearest. Raise max_iterations or tolerance",
            ConvergenceWarning,
            stacklevel=3,
        )
    clipped = without_negative_part(K + np.diag(dual.shifts), 1.0)
    return Repair(_unit_diagonal(clipped.matrix), dual.shifts, clipped.vectors, clipped.weight)


class _Dual:
    """The dual function θ(s) = ½‖clip(K + diag(s))‖² − Σ s, at one s.

    Its gradient is the diagonal of the clipped matrix less 1. Its curvature takes h to the diagonal
    of V (W ∘ Vᵀ diag(h) V) Vᵀ with V the eigenvectors and W the divided differences of max(λ, 0):
    1 for two positive eigenvalues, 0 for two others, and λ/(λ − λ′) for one of each.
    """

    def __init__(self, K: np.ndarray, shifts: np.ndarray) -> None:
        values, vectors = spectrum(K + np.diag(shifts))
        kept = values > 0
        self._K, self.shifts = K, shifts
        self._kept, self._lost = vectors[:, kept], vectors[:, ~kept]
        self._shares = values[kept, None] / (values[kept, None] - values[~kept])
        self._value = values[kept] @ values[kept] / 2 - shifts.sum()
        self._gradient = self._kept**2 @ values[kept] - 1

    @property
    def distance(self) -> float:
        """The largest distance of the clipped matrix's diagonal from 1."""
        return float(np.abs(self._gradient).max())

    def curvature(self, h: np.ndarray) -> np.ndarray:
        """Return the product of the second derivative with h, by the smaller side."""
        if self._kept.shape[1] <= self._lost.shape[1]:
            return self._product(h, self._kept, self._lost, self._shares)
        return h - self._product(h, self._lost, self._kept, 1 - self._shares.T)

    def _product(
        self, h: np.ndarray, own: np.ndarray, other: np.ndarray, shares: np.ndarray
    ) -> np.ndarray:
        """Return the diagonal for weights of 1 on one side, and shares between the sides."""
        scaled = (h[:, None] * own).T
        inner = scaled @ own
        across = shares * (scaled @ other)
        return np.einsum("ij,ij->i", own @ inner, own) + 2 * np.einsum(
            "ij,ij->i", own @ across, other
        )

    def _curvature_diagonal(self) -> np.ndarray:
        kept, lost = self._kept**2, self._lost**2
        return kept.sum(axis=1) ** 2 + 2 * np.einsum("ij,ij->i", kept @ self._shares, lost)

    def _newton_step(self) -> np.ndarray:
        """Return the step to where the linear model of the gradient is zero, nearly."""
        size = len(self.shifts)
        diagonal = self._curvature_diagonal() + _FLAT
        curvature = LinearOperator((size, size), matvec=lambda h: self.curvature(h) + _FLAT * h)
        inverse = LinearOperator((size, size), matvec=lambda h: h / diagonal)
        tolerance = min(_CG_TOLERANCE, np.sqrt(np.linalg.norm(self._gradient)))
        step, _ = cg(curvature, -self._gradient, rtol=tolerance, maxiter=_CG_STEPS, M=inverse)
        return step

    def improved(self) -> _Dual:
        """Return the dual at better shifts: Newton's step, halved until it goes down enough."""
        step = self._newton_step()
        slope, slack = float(self._gradient @ step), _ROUNDING * abs(self._value)
        for halvings in range(_HALVINGS):
            size = 0.5**halvings
            following = _Dual(self._K, self.shifts + size * step)
            if following._value <= self._value + _DECREASE * size * slope + slack:
                break
        return following


def _unit_diagonal(K: np.ndarray) -> np.ndarray:
    """Raise the diagonal to at least 1, then scale rows and columns to 1: K stays PSD."""
    scale = 1 / np.sqrt(np.maximum(K.diagonal(), 1.0))
    scaled = K * np.outer(scale, scale)
    np.fill_diagonal(scaled, 1.0)
    return scaled
