"""Reverse mode for kernels: from ∂L/∂K to hyperparameters and points, through any composition.

What lives here: `value_and_vjp`, which knows scikit-learn's sums, products and powers of kernels
and hands each leaf its part: quantum kernels differentiate themselves, classical ones are
differentiated in `classical`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from sklearn.gaussian_process.kernels import Exponentiation, Kernel, Product, Sum

from qkernels.kernels import classical
from qkernels.kernels.validation import real_array

Points: TypeAlias = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True, eq=False)
class KernelGradient:
    """The gradient of a scalar with respect to what a kernel matrix was computed from.

    Attributes
    ----------
    kernel : Kernel
        The kernel that was called.
    hyperparameters : mapping of str to ndarray
        With respect to each hyperparameter's value, fixed or free, by its name in
        `kernel.get_params()`.
    points : callable
        Returns `X` and `Y`; they are computed only if they are asked for.
    """

    kernel: Kernel
    hyperparameters: Mapping[str, np.ndarray]
    points: Callable[[], Points]

    @property
    def theta(self) -> np.ndarray:
        """The gradient with respect to `kernel.theta`, of shape (n_dims,)."""
        values = self.kernel.get_params()
        found = [np.empty(0)]
        for name in (h.name for h in self.kernel.hyperparameters if not h.fixed):
            gradient = self.hyperparameters[name]
            # Circuit parameters are angles; theta holds the logarithm of everything else.
            is_angle = name.rpartition("__")[2] == "parameters"
            found.append(gradient if is_angle else gradient * values[name])
        return np.concatenate(found)

    @cached_property
    def _points(self) -> Points:
        return self.points()

    @property
    def X(self) -> np.ndarray:
        """The gradient with respect to X, of X's shape; where Y is None, through both sides."""
        return self._points[0]

    @property
    def Y(self) -> np.ndarray | None:
        """The gradient with respect to Y, of Y's shape, or None where Y is None."""
        return self._points[1]


Vjp: TypeAlias = Callable[[Any], KernelGradient]


def value_and_vjp(kernel: Kernel, X: Any, Y: Any = None) -> tuple[np.ndarray, Vjp]:
    """Return a kernel matrix, and the function that pulls a gradient with respect to it back.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel, one of scikit-learn's ConstantKernel, WhiteKernel, RBF, Matern,
        RationalQuadratic or DotProduct, or any sum, product or power of such kernels.
    X : array-like of shape (n_points_X, n_features)
    Y : array-like of shape (n_points_Y, n_features), default=None
        None is the symmetric case k(X, X).

    Returns
    -------
    K : ndarray of shape (n_points_X, n_points_Y)
    vjp : callable
        Takes ∂L/∂K, of the shape of K, and returns a `KernelGradient`.

    Raises
    ------
    NotImplementedError
        If a kernel or its evaluator cannot be differentiated.

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> from sklearn.gaussian_process.kernels import ConstantKernel
    >>> quantum = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.3, bandwidth_bounds=(0.1, 10))
    >>> K, vjp = qk.value_and_vjp(ConstantKernel(2.0) * quantum, np.array([[0.1, 0.2], [0.7, 0.4]]))
    >>> vjp(np.ones((2, 2))).theta.shape
    (2,)
    """
    if hasattr(kernel, "value_and_vjp"):
        return kernel.value_and_vjp(X, Y)
    if isinstance(kernel, Sum):
        return _sum(kernel, X, Y)
    if isinstance(kernel, Product):
        return _product(kernel, X, Y)
    if isinstance(kernel, Exponentiation):
        return _power(kernel, X, Y)
    return _classical(kernel, X, Y)


def present(sides: Points) -> list[np.ndarray]:
    """Return the sides that there are: one in the symmetric case, else two."""
    return [side for side in sides if side is not None]


def check_cotangent(cotangent: Any, K: np.ndarray) -> np.ndarray:
    """Return ∂L/∂K as an array of the shape of K."""
    expected = f"real numbers of the shape {K.shape} of the kernel matrix"
    array = real_array(cotangent, "cotangent", expected)
    if array.shape != K.shape:
        raise ValueError(f"cotangent must be {expected}, got shape {array.shape}")
    return array


def _sum(kernel: Sum, X: Any, Y: Any) -> tuple[np.ndarray, Vjp]:
    (K1, vjp1), (K2, vjp2) = (value_and_vjp(k, X, Y) for k in (kernel.k1, kernel.k2))

    def vjp(cotangent: Any) -> KernelGradient:
        return _joined(kernel, vjp1(cotangent), vjp2(cotangent))

    return K1 + K2, vjp


def _product(kernel: Product, X: Any, Y: Any) -> tuple[np.ndarray, Vjp]:
    (K1, vjp1), (K2, vjp2) = (value_and_vjp(k, X, Y) for k in (kernel.k1, kernel.k2))
    K = K1 * K2

    def vjp(cotangent: Any) -> KernelGradient:
        cotangent = check_cotangent(cotangent, K)
        return _joined(kernel, vjp1(cotangent * K2), vjp2(cotangent * K1))

    return K, vjp


def _power(kernel: Exponentiation, X: Any, Y: Any) -> tuple[np.ndarray, Vjp]:
    inner, vjp_inner = value_and_vjp(kernel.kernel, X, Y)
    K, exponent = inner**kernel.exponent, kernel.exponent

    def vjp(cotangent: Any) -> KernelGradient:
        slope = exponent * inner ** (exponent - 1)
        found = vjp_inner(check_cotangent(cotangent, K) * slope)
        named = {f"kernel__{name}": value for name, value in found.hyperparameters.items()}
        return KernelGradient(kernel, named, found.points)

    return K, vjp


def _classical(kernel: Kernel, X: Any, Y: Any) -> tuple[np.ndarray, Vjp]:
    X, Y = np.asarray(X, dtype=float), None if Y is None else np.asarray(Y, dtype=float)
    classical.check_supported(kernel)
    K = kernel(X) if Y is None else kernel(X, Y)

    def vjp(cotangent: Any) -> KernelGradient:
        found = classical.pull_back(kernel, X, Y, K, check_cotangent(cotangent, K))
        return KernelGradient(kernel, found.hyperparameters, lambda: (found.X, found.Y))

    # Callers may write to what they get.
    return K.copy(), vjp


def _joined(kernel: Kernel, first: KernelGradient, second: KernelGradient) -> KernelGradient:
    named = {f"k1__{name}": value for name, value in first.hyperparameters.items()}
    named |= {f"k2__{name}": value for name, value in second.hyperparameters.items()}

    def points() -> Points:
        return first.X + second.X, None if first.Y is None else first.Y + second.Y

    return KernelGradient(kernel, named, points)
