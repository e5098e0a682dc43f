"""Gradients of scikit-learn's own kernels, in their hyperparameters and in the points.

scikit-learn differentiates a kernel by its hyperparameters only, and only where Y is None. What
lives here: the same for two sets of points and by the points, for the kernels that a quantum
kernel is combined with, or that compare its features. With s = Σ_k ((x_k - y_k) / ℓ_k)², a
stationary kernel is f(s), and all of its derivatives come from f′(s); the functions are those of
Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), section 4.2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gamma, kv
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    Kernel,
    KernelOperator,
    Matern,
    RationalQuadratic,
    Sum,
    WhiteKernel,
)

_SUPPORTED = (ConstantKernel, WhiteKernel, RBF, Matern, RationalQuadratic, DotProduct)


class PointGradient(NamedTuple):
    """The gradient of a scalar with respect to hyperparameters and points.

    Attributes
    ----------
    hyperparameters : dict of str to ndarray
        With respect to each hyperparameter's value, fixed or free.
    X, Y : ndarray
        With respect to the points; where Y is None, X has both parts.
    """

    hyperparameters: dict[str, np.ndarray]
    X: np.ndarray
    Y: np.ndarray | None


def check_supported(kernel: Kernel) -> None:
    """Raise NotImplementedError unless `pull_back` can differentiate the kernel."""
    if not isinstance(kernel, _SUPPORTED):
        raise NotImplementedError(
            f"no gradient of {type(kernel).__name__}: expected a sum, product or power of quantum "
            f"kernels and of {', '.join(sorted(k.__name__ for k in _SUPPORTED))}"
        )


def pull_back(
    kernel: Kernel, X: np.ndarray, Y: np.ndarray | None, K: np.ndarray, cotangent: np.ndarray
) -> PointGradient:
    """Return the gradient of a scalar, given that with respect to K = kernel(X, Y)."""
    if isinstance(kernel, ConstantKernel):
        return _flat("constant_value", cotangent.sum(), X, Y)
    if isinstance(kernel, WhiteKernel):
        return _flat("noise_level", np.trace(cotangent) if Y is None else 0.0, X, Y)
    if isinstance(kernel, DotProduct):
        return _dot_product(kernel, X, Y, cotangent)
    if isinstance(kernel, RationalQuadratic):
        return _rational_quadratic(kernel, X, Y, K, cotangent)
    return _radial(kernel.length_scale, _slope(kernel, K, X, Y) * cotangent, X, Y)


def squared_distances(X: np.ndarray, Y: np.ndarray | None, length_scale: Any) -> np.ndarray:
    """Return s = Σ_k ((x_k - y_k) / ℓ_k)² for all pairs."""
    scaled = X / length_scale
    return cdist(scaled, scaled if Y is None else Y / length_scale, "sqeuclidean")


def pull_back_distances(
    X: np.ndarray, Y: np.ndarray | None, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the gradient by the points, given that by each squared Euclidean distance."""
    others = X if Y is None else Y
    left = 2 * (weights.sum(axis=1)[:, np.newaxis] * X - weights @ others)
    right = 2 * (weights.sum(axis=0)[:, np.newaxis] * others - weights.T @ X)
    return (left + right, None) if Y is None else (left, right)


def distance_rates(X: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Return how fast all squared Euclidean distances change when the points do."""
    own = np.sum(X * changes, axis=1)
    return 2 * (own[:, np.newaxis] + own - X @ changes.T - changes @ X.T)


def push_forward(
    kernel: Kernel, X: np.ndarray, changes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel(X), and how fast it changes when the points do; sums and products too.

    Raises
    ------
    NotImplementedError
        If the kernel is made of others than those differentiated here.
    """
    if isinstance(kernel, KernelOperator):
        (K1, rate1), (K2, rate2) = (
            push_forward(inner, X, changes) for inner in (kernel.k1, kernel.k2)
        )
        if isinstance(kernel, Sum):
            return K1 + K2, rate1 + rate2
        return K1 * K2, rate1 * K2 + K1 * rate2
    if isinstance(kernel, Exponentiation):
        K, rate = push_forward(kernel.kernel, X, changes)
        return K**kernel.exponent, kernel.exponent * K ** (kernel.exponent - 1) * rate
    check_supported(kernel)
    K = kernel(X)
    if isinstance(kernel, ConstantKernel | WhiteKernel):
        return K, np.zeros_like(K)
    if isinstance(kernel, DotProduct):
        return K, changes @ X.T + X @ changes.T
    rates = distance_rates(X / kernel.length_scale, changes / kernel.length_scale)
    if isinstance(kernel, RationalQuadratic):
        return K, -0.5 * K / _base(kernel, X, None) * rates
    return K, _slope(kernel, K, X, None) * rates


def _flat(name: str, value: float, X: np.ndarray, Y: np.ndarray | None) -> PointGradient:
    zeros = None if Y is None else np.zeros_like(Y)
    return PointGradient({name: np.array([value])}, np.zeros_like(X), zeros)


def _dot_product(
    kernel: DotProduct, X: np.ndarray, Y: np.ndarray | None, cotangent: np.ndarray
) -> PointGradient:
    by_sigma = {"sigma_0": np.array([2 * kernel.sigma_0 * cotangent.sum()])}
    if Y is None:
        return PointGradient(by_sigma, (cotangent + cotangent.T) @ X, None)
    return PointGradient(by_sigma, cotangent @ Y, cotangent.T @ X)


def _radial(
    length_scale: Any, weights: np.ndarray, X: np.ndarray, Y: np.ndarray | None
) -> PointGradient:
    """Return the gradient, given that with respect to each s."""
    scales = np.broadcast_to(np.asarray(length_scale, dtype=float), X.shape[1:])
    scaled, others = X / scales, None if Y is None else Y / scales
    by_x, by_y = pull_back_distances(scaled, others, weights)
    # s is homogeneous of degree -2 in ℓ, and of degree 2 in the points: Euler's theorem.
    total = np.sum(by_x * scaled, axis=0)
    if by_y is not None:
        total = total + np.sum(by_y * others, axis=0)
    by_scale = -total / scales
    name = "length_scale"
    # One length scale, also as an array of one, is that of all features.
    by_scale = by_scale if np.size(length_scale) > 1 else np.array([by_scale.sum()])
    return PointGradient({name: by_scale}, by_x / scales, None if by_y is None else by_y / scales)


def _slope(kernel: RBF, K: np.ndarray, X: np.ndarray, Y: np.ndarray | None) -> np.ndarray:
    """Return f′(s); where it is infinite the points coincide, and 0 serves."""
    if not isinstance(kernel, Matern) or kernel.nu == math.inf:
        return -0.5 * K
    s, nu = squared_distances(X, Y, kernel.length_scale), kernel.nu
    t = np.sqrt(2 * nu * s)
    if nu == 1.5:
        return -1.5 * np.exp(-t)
    if nu == 2.5:
        return -5 / 6 * (1 + t) * np.exp(-t)
    near = t == 0
    t[near] = 1.0
    slope = -nu * 2 ** (1 - nu) / gamma(nu) * t ** (nu - 1) * kv(nu - 1, t)
    slope[near] = -nu / (2 * (nu - 1)) if nu > 1 else 0.0
    return slope


def _base(kernel: RationalQuadratic, X: np.ndarray, Y: np.ndarray | None) -> np.ndarray:
    """Return 1 + s / 2α, whose power -α the kernel is."""
    return 1 + squared_distances(X, Y, kernel.length_scale) / (2 * kernel.alpha)


def _rational_quadratic(
    kernel: RationalQuadratic,
    X: np.ndarray,
    Y: np.ndarray | None,
    K: np.ndarray,
    cotangent: np.ndarray,
) -> PointGradient:
    base = _base(kernel, X, Y)
    found = _radial(kernel.length_scale, -0.5 * K / base * cotangent, X, Y)
    by_alpha = np.sum(cotangent * K * ((base - 1) / base - np.log(base)))
    found.hyperparameters["alpha"] = np.array([by_alpha])
    return found
