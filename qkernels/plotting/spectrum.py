"""`SpectrumDisplay`: the eigenvalues of a kernel matrix, and how much of the target they carry."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from qkernels.diagnostics import spectrum, task_alignment
from qkernels.diagnostics.validation import rounding
from qkernels.plotting.base import KernelDisplay, kernel_matrix, numbers
from qkernels.plotting.style import (
    BLUE,
    VERMILION,
    add_legend,
    figure_and_axes,
    fit_labels,
    markers,
    plain_ticks,
    styled,
)


class SpectrumDisplay(KernelDisplay):
    """The eigenvalues of a kernel matrix, and the cumulative power of the target on their vectors.

    Both axes of the eigenvalues are logarithmic. Those that are not above rounding, N ε λ_1 with
    ε = 2⁻⁵², are not drawn.

    Parameters
    ----------
    eigenvalues : array-like of shape (n_points,)
        Of the kernel matrix scaled to trace N, descending.
    cumulative_power : array-like of shape (n_points,), default=None
        The share of the target on the first k eigenvectors, from 0 to 1.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The eigenvalues.
    power_line_ : matplotlib.lines.Line2D or None
        The cumulative power.
    power_ax_ : matplotlib.axes.Axes or None
        Its axes, on the right.
    ax_ : matplotlib.axes.Axes
        Where the eigenvalues are drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If the eigenvalues are not finite numbers that descend from a positive one, or the power is
        not as long, or not from 0 to 1.

    References
    ----------
    A. Canatar et al., "Spectral bias and task-model alignment explain generalization in kernel
    regression and infinitely wide neural networks", Nature Communications 12, 2914 (2021).

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> display = SpectrumDisplay([1.5, 0.75, 0.75], [0.2, 0.9, 1.0]).plot()
    >>> display.line_.get_ydata().tolist()
    [1.5, 0.75, 0.75]
    >>> display.power_ax_.get_ylabel()
    'cumulative power of the target (dimensionless)'
    """

    line_: Any
    power_line_: Any
    power_ax_: Any

    def __init__(self, eigenvalues: Any, cumulative_power: Any = None) -> None:
        self.eigenvalues = numbers(eigenvalues, "eigenvalues")
        if np.any(np.diff(self.eigenvalues) > 0) or self.eigenvalues[0] <= 0:
            raise ValueError(
                "expected eigenvalues in descending order, the first of them positive, got "
                f"{self.eigenvalues[:3].tolist()} and so on"
            )
        self.cumulative_power = cumulative_power
        if cumulative_power is not None:
            power = numbers(cumulative_power, "cumulative_power", len(self.eigenvalues))
            if power.min() < -1e-9 or power.max() > 1 + 1e-9:
                raise ValueError(
                    "expected cumulative_power from 0 to 1, got values from "
                    f"{power.min():.3g} to {power.max():.3g}"
                )
            self.cumulative_power = power

    @classmethod
    def from_kernel(
        cls, kernel: Any, X: Any, y: Any = None, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the spectrum of a kernel on points.

        Parameters
        ----------
        kernel : Kernel
            A quantum kernel, one of scikit-learn's, or a sum, product or power of such.
        X : array-like of shape (n_points, n_features)
        y : array-like of shape (n_points,), default=None
            The target whose cumulative power is drawn.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot` for the eigenvalues.

        Returns
        -------
        SpectrumDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> X, y = qk.datasets.ad_hoc(10, random_state=0, return_X_y=True)
        >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
        >>> display = qk.plotting.SpectrumDisplay.from_kernel(kernel, X, y)
        >>> float(display.eigenvalues.sum().round(6))
        10.0
        """
        return cls.from_matrix(kernel_matrix(kernel, X), y, ax=ax, **kwargs)

    @classmethod
    def from_matrix(cls, K: Any, y: Any = None, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the spectrum of a kernel matrix.

        Parameters
        ----------
        K : array-like of shape (n_points, n_points)
            A symmetric kernel matrix, positive semidefinite up to rounding.
        y, ax, **kwargs
            As in `from_kernel`.

        Returns
        -------
        SpectrumDisplay
        """
        power = None if y is None else task_alignment(K, y).cumulative
        return cls(spectrum(K).eigenvalues, power).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the eigenvalues, and the cumulative power if there is one.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot` for the eigenvalues.

        Returns
        -------
        SpectrumDisplay
            Itself.
        """
        from matplotlib.lines import Line2D

        self.figure_, self.ax_ = figure_and_axes(ax)
        n = len(self.eigenvalues)
        seen = self.eigenvalues > rounding(self.eigenvalues)
        options = styled(Line2D, kwargs, color=BLUE, label="eigenvalues", **markers(n))
        (self.line_,) = self.ax_.plot(np.arange(1, n + 1)[seen], self.eigenvalues[seen], **options)
        self.ax_.set(
            xscale="log",
            yscale="log",
            xlabel="index of the eigenvalue",
            ylabel="eigenvalue (of K scaled to trace N)",
        )
        plain_ticks(self.ax_.xaxis, self.ax_.yaxis)
        self.power_line_ = self.power_ax_ = None
        if self.cumulative_power is not None:
            self._plot_power(n)
        fit_labels(*filter(None, (self.ax_, self.power_ax_)))
        return self

    def _plot_power(self, n: int) -> None:
        self.power_ax_ = self.ax_.twinx()
        (self.power_line_,) = self.power_ax_.plot(
            np.arange(1, n + 1),
            self.cumulative_power,
            color=VERMILION,
            linestyle="--",
            label="cumulative power",
            **markers(n) | {"marker": "s" if n <= 30 else ""},
        )
        self.power_ax_.set(
            ylim=(-0.03, 1.03),
            yticks=np.linspace(0, 1, 6),
            ylabel="cumulative power of the target (dimensionless)",
        )
        add_legend([self.line_, self.power_line_], self.power_ax_, self.ax_)
