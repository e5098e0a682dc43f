"""`GeometricDifferenceDisplay`: quantum kernels against a classical one, by regularisation."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from qkernels.plotting.base import numbers
from qkernels.plotting.style import (
    COLOURS,
    GREY,
    MARKERS,
    add_legend,
    figure_and_axes,
    plain_ticks,
    styled,
)


class GeometricDifferenceDisplay:
    """The geometric difference g and its training error by regularisation, both axes logarithmic.

    g counts where the training error is below the threshold, and is compared with √N: where it is
    much smaller, a classical kernel predicts as well as the quantum kernel on all labels [1]_.

    Parameters
    ----------
    regularizations : array-like of shape (n_regularizations,)
        λ, positive and ascending.
    g, g_training : array-like of shape (n_kernels, n_regularizations)
        The geometric difference, and the part of it that is training error.
    n_points : int
        N.
    names : array-like of shape (n_kernels,), default=None
        Of the quantum kernels; may be left out if there is but one.
    max_training_error : float, default=0.045
        The threshold of `g_training`.

    Attributes
    ----------
    lines_ : ndarray of matplotlib.lines.Line2D, shape (n_kernels, 2)
        g and its training error of each kernel.
    threshold_line_ : matplotlib.lines.Line2D
        The threshold of the training error.
    reference_line_ : matplotlib.lines.Line2D
        √N.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of fitting shapes, the regularisations not positive
        and ascending, or the names not as many as the kernels.

    References
    ----------
    .. [1] H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications
       12, 2631 (2021), equations 5 and F19 to F21.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> display = GeometricDifferenceDisplay(
    ...     [0.01, 0.1, 1.0], [[9.0, 4.0, 1.0]], [[0.01, 0.1, 0.5]], 100
    ... ).plot()
    >>> display.reference_line_.get_label()
    '√N = 10'
    """

    lines_: np.ndarray
    threshold_line_: Any
    reference_line_: Any
    ax_: Any
    figure_: Any

    def __init__(
        self,
        regularizations: Any,
        g: Any,
        g_training: Any,
        n_points: int,
        *,
        names: Any = None,
        max_training_error: float = 0.045,
    ) -> None:
        self.regularizations = numbers(regularizations, "regularizations")
        if self.regularizations[0] <= 0 or np.any(np.diff(self.regularizations) <= 0):
            raise ValueError(
                "expected regularizations that are positive and ascend, got "
                f"{self.regularizations.tolist()}"
            )
        self.g = _rows(g, "g", len(self.regularizations))
        self.g_training = _rows(g_training, "g_training", len(self.regularizations))
        self.names = ["quantum kernel"] if names is None else [str(name) for name in names]
        if not len(self.g) == len(self.g_training) == len(self.names):
            raise ValueError(
                "expected a row of g, a row of g_training and a name for each kernel, got "
                f"{len(self.g)}, {len(self.g_training)} and {len(self.names)}"
            )
        self.n_points = n_points
        self.max_training_error = max_training_error

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot` for all g and training errors.

        Returns
        -------
        GeometricDifferenceDisplay
            Itself.
        """
        self.figure_, self.ax_ = figure_and_axes(ax)
        self.lines_ = np.array([self._plot_kernel(k, kwargs) for k in range(len(self.names))])
        self.threshold_line_ = self.ax_.axhline(
            self.max_training_error,
            color=GREY,
            linestyle=":",
            label=f"most training error: {self.max_training_error:.3g}",
        )
        root = float(np.sqrt(self.n_points))
        self.reference_line_ = self.ax_.axhline(
            root, color="black", linestyle="-.", linewidth=1.0, label=f"√N = {root:.3g}"
        )
        self.ax_.set(
            xscale="log",
            yscale="log",
            xlabel="regularisation λ (of K scaled to trace N)",
            ylabel="geometric difference (dimensionless)",
        )
        plain_ticks(self.ax_.xaxis, self.ax_.yaxis)
        add_legend([*self.lines_.flat, self.threshold_line_, self.reference_line_], self.ax_)
        return self

    def _plot_kernel(self, k: int, kwargs: dict[str, Any]) -> list[Any]:
        """Draw the two lines of a kernel: of one colour and marker, solid and dashed."""
        from matplotlib.lines import Line2D

        look = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        lines = []
        for row, words, linestyle in ((self.g, "g", "-"), (self.g_training, "g training", "--")):
            label = f"{self.names[k]}: {words}"
            options = styled(Line2D, kwargs, label=label, linestyle=linestyle, markersize=4, **look)
            lines += self.ax_.plot(self.regularizations, row[k], **options)
        return lines


def _rows(values: Any, name: str, n: int) -> np.ndarray:
    """Return rows of n finite numbers each, one row or more."""
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(
            f"expected {name} of shape (n_kernels, n_regularizations), got {rows.shape}"
        )
    return np.array([numbers(row, f"a row of {name}", n) for row in rows])
