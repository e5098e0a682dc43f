"""What displays of a kernel share: whose kernel it is, and the checks of what they are given.

What lives here: `KernelDisplay`, the kernel inside a fitted estimator, and checks of arrays. How
things look is the business of `style`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from qkernels.feature_maps.validation import real_array
from qkernels.kernels.composition import parts


class KernelDisplay(ABC):
    """Base class of the pictures of a kernel on given points.

    A subclass takes what it shows as plain numbers, and has `from_kernel` and `plot`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    """

    ax_: Any
    figure_: Any

    @classmethod
    @abstractmethod
    def from_kernel(
        cls, kernel: Any, X: Any, y: Any = None, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Compute what is shown, and draw it."""

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the kernel of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted, with a kernel object: `SVC`, `KernelRidge`, a Gaussian process, whose kernel is
            the optimised one, and others. Of a pipeline the last step, on the points as the steps
            before transform them; of a grid search the best estimator.
        X : array-like of shape (n_points, n_features)
            What the estimator would be given to predict.
        y : array-like of shape (n_points,), default=None
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `from_kernel`.

        Returns
        -------
        display
            Drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no kernel object.
        """
        kernel, X = kernel_of(estimator, X)
        return cls.from_kernel(kernel, X, y, ax=ax, **kwargs)

    @abstractmethod
    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw it, once more if it is drawn already."""


def kernel_of(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the kernel of a fitted estimator, and the points as they come to it."""
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        return kernel_of(estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X)
    for name in ("best_estimator_", "estimator_"):
        if hasattr(estimator, name):
            return kernel_of(getattr(estimator, name), X)
    kernel = getattr(estimator, "kernel_", getattr(estimator, "kernel", None))
    try:
        parts(kernel)
    except TypeError:
        raise TypeError(
            "expected a fitted estimator with a kernel object that returns one matrix, such as "
            f"SVC(kernel=FidelityKernel(...)), got {type(estimator).__name__} with kernel "
            f"{kernel!r}"
        ) from None
    return kernel, X


def kernel_matrix(kernel: Any, X: Any) -> np.ndarray:
    """Return k(X, X) of any kernel object."""
    parts(kernel)
    return np.asarray(kernel(X), dtype=np.float64)


def numbers(values: Any, name: str, n: int | None = None) -> np.ndarray:
    """Return a row of finite numbers, n of them if that is said."""
    row = real_array(values, name)
    expected = "one number or more in a row" if n is None else f"{n} numbers in a row"
    if row.ndim != 1 or not row.size or n not in (None, row.size):
        raise ValueError(f"expected {name} to be {expected}, got shape {row.shape}")
    if not np.isfinite(row).all():
        raise ValueError(f"expected {name} to be finite, got {row[~np.isfinite(row)][0]}")
    return row


def positive(values: Any, name: str) -> np.ndarray:
    """Return a row of positive numbers."""
    row = numbers(values, name)
    if row.min() <= 0:
        raise ValueError(f"expected {name} to be positive, got {row.min():.3g}")
    return row
