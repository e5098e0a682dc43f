"""`ConcentrationDisplay`: how the kernel values of different points are spread."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from qkernels.diagnostics.validation import off_diagonal
from qkernels.feature_maps.validation import integer
from qkernels.kernels import FidelityKernel
from qkernels.kernels.validation import as_feature_map
from qkernels.plotting.base import KernelDisplay, kernel_matrix
from qkernels.plotting.style import (
    GREEN,
    GREY,
    SKY,
    VERMILION,
    add_legend,
    figure_and_axes,
    fit_labels,
    plain_ticks,
    styled,
)

# Where half of the values are below this, a linear axis would show one bar at zero.
_CONCENTRATED = 0.1


class ConcentrationDisplay(KernelDisplay):
    """The histogram of the kernel values of different points, with what it may concentrate to.

    The horizontal axis is logarithmic where the median is from 0 to 0.1, and linear elsewhere; its
    label says which. A logarithmic axis starts where 0.1 % of the values are lower, and above
    rounding, 2⁻⁵²; the legend says how many are not shown.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        A symmetric kernel matrix of two points or more.
    n_qubits : int, default=None
        Draws the mean fidelity of random states, 2^(-n_qubits) [1]_.
    repetitions : int, default=None
        Shades the fidelities k of which a count of zero in so many repetitions is more likely
        than not, (1 - k)^repetitions > 1/2.

    Attributes
    ----------
    values : ndarray of shape (n_points (n_points - 1) / 2,)
        The kernel values of all pairs of different points.
    scale_ : {"log", "linear"}
        Of the horizontal axis.
    bars_ : matplotlib.container.BarContainer
        The histogram.
    mean_line_ : matplotlib.lines.Line2D
        The mean of all values.
    random_line_ : matplotlib.lines.Line2D or None
        The mean fidelity of random states.
    zero_region_ : matplotlib.patches.Rectangle or None
        Where a count of zero is more likely than not.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If K is not a symmetric matrix of finite numbers for two points or more, or one of the
        others not a positive integer.

    References
    ----------
    .. [1] S. Thanasilp et al., "Exponential concentration in quantum kernel methods", Nature
       Communications 15, 5200 (2024).

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> K = [[1.0, 0.02, 0.05], [0.02, 1.0, 0.11], [0.05, 0.11, 1.0]]
    >>> display = ConcentrationDisplay(K, n_qubits=4, repetitions=10).plot()
    >>> display.scale_, float(display.random_line_.get_xdata()[0])
    ('log', 0.0625)
    """

    scale_: str
    bars_: Any
    mean_line_: Any
    random_line_: Any
    zero_region_: Any

    def __init__(
        self, K: Any, *, n_qubits: int | None = None, repetitions: int | None = None
    ) -> None:
        self.values = off_diagonal(K)
        self.n_qubits = None if n_qubits is None else integer(n_qubits, "n_qubits", 1)
        self.repetitions = None if repetitions is None else integer(repetitions, "repetitions", 1)

    @classmethod
    def from_kernel(
        cls,
        kernel: Any,
        X: Any,
        y: Any = None,
        *,
        repetitions: int | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the kernel values of all pairs of points.

        Of a `FidelityKernel` the number of qubits is known, and drawn.

        Parameters
        ----------
        kernel : Kernel
            A quantum kernel, one of scikit-learn's, or a sum, product or power of such.
        X : array-like of shape (n_points, n_features)
            y : ignored
        repetitions : int, default=None
            As in the class; for a `FidelityKernel` only, whose values are probabilities.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.hist`, such as `bins`, `color` and `log`.

        Returns
        -------
        ConcentrationDisplay

        Raises
        ------
        ValueError
            If there are repetitions, but the kernel is no `FidelityKernel`.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> X, _ = qk.datasets.ad_hoc(10, random_state=0, return_X_y=True)
        >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
        >>> display = qk.plotting.ConcentrationDisplay.from_kernel(kernel, X)
        >>> len(display.values), display.n_qubits, display.scale_
        (45, 2, 'linear')
        """
        n_qubits = _n_qubits(kernel, X)
        if repetitions is not None and n_qubits is None:
            raise ValueError(
                "expected a FidelityKernel where repetitions are given, as only its values are "
                f"probabilities, got {type(kernel).__name__}"
            )
        K = kernel_matrix(kernel, X)
        return cls(K, n_qubits=n_qubits, repetitions=repetitions).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the histogram.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.hist`, such as `bins`, `color` and `log`.

        Returns
        -------
        ConcentrationDisplay
            Itself.
        """
        from matplotlib.patches import Patch

        self.figure_, self.ax_ = figure_and_axes(ax)
        median = float(np.median(self.values))
        self.scale_ = "log" if 0 < median < _CONCENTRATED else "linear"
        seen = self._seen()
        options = styled(Patch, kwargs, color=SKY, edgecolor=GREY, linewidth=0.4)
        options = {"bins": _edges(seen, self.scale_), "label": self._label(len(seen))} | options
        _, _, self.bars_ = self.ax_.hist(seen, **options)
        self.bars_.set_label(options["label"])
        self.ax_.set(
            xscale=self.scale_,
            xlabel=f"kernel value of two points (dimensionless, {self.scale_} scale)",
            ylabel="number of pairs",
        )
        if self.ax_.get_yscale() == "linear":
            self.ax_.ticklabel_format(axis="y", scilimits=(-4, 4))
        self._plot_marks()
        return self

    def _seen(self) -> np.ndarray:
        """Return the values that the axis has room for."""
        if self.scale_ == "linear":
            return self.values
        low = np.quantile(self.values, 0.001, method="lower")
        return self.values[self.values >= max(low, np.finfo(float).eps)]

    def _label(self, n_seen: int) -> str:
        lower = 1 - n_seen / len(self.values)
        return "kernel values" + (f" ({100 * lower:.2g} % not shown)" if lower else "")

    def _plot_marks(self) -> None:
        """Draw the mean, that of random states, and where counts are likely zero."""
        mean = float(self.values.mean())
        self.mean_line_ = self.ax_.axvline(mean, color=VERMILION, label=f"mean {mean:.3g}")
        self.random_line_ = self.zero_region_ = None
        if self.n_qubits is not None:
            self.random_line_ = self.ax_.axvline(
                2.0**-self.n_qubits,
                color="black",
                linestyle="--",
                label=f"random states: $2^{{-{self.n_qubits}}}$ = {2.0**-self.n_qubits:.3g}",
            )
        if self.repetitions is not None:
            self._shade(-np.expm1(-np.log(2) / self.repetitions))
        plain_ticks(self.ax_.xaxis)
        fit_labels(self.ax_)
        handles = [self.bars_, self.mean_line_, self.random_line_, self.zero_region_]
        top = add_legend([handle for handle in handles if handle is not None], self.ax_)
        for line in (self.mean_line_, self.random_line_):
            if line is not None:
                line.set_ydata([0, top])
        if self.zero_region_ is not None:
            self.zero_region_.set_height(top)

    def _shade(self, threshold: float) -> None:
        low, high = self.ax_.get_xlim()
        low = min(low, threshold / 3 if self.scale_ == "log" else 0.0)
        self.zero_region_ = self.ax_.axvspan(
            low,
            threshold,
            facecolor=GREEN,
            alpha=0.25,
            hatch="//",
            edgecolor=GREY,
            label=f"likely 0 in {self.repetitions} repetitions",
        )
        self.ax_.set_xlim(low, max(high, threshold))


def _n_qubits(kernel: Any, X: Any) -> int | None:
    """Return the number of qubits whose states are compared, where the kernel is their fidelity."""
    if not isinstance(kernel, FidelityKernel):
        return None
    return as_feature_map(kernel.feature_map, np.shape(X)[1]).n_qubits


def _edges(values: np.ndarray, scale: str) -> np.ndarray:
    """Return the edges of the bars, which are of equal width on the axis."""
    n_bars = int(np.clip(np.sqrt(len(values)), 10, 60))
    if scale == "linear":
        return np.histogram_bin_edges(values, n_bars)
    edges = 10 ** np.histogram_bin_edges(np.log10(values), n_bars)
    # Rounding must not put an end outside.
    edges[[0, -1]] = min(edges[0], values.min()), max(edges[-1], values.max())
    return np.asarray(edges)
