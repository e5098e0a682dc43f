"""`GeometricDifferenceDisplay`: quantum kernels against a classical one, by regularisation."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.gaussian_process.kernels import RBF

from qkernels.diagnostics import geometric_differences
from qkernels.diagnostics.geometry import MAX_TRAINING_ERROR
from qkernels.diagnostics.validation import fraction
from qkernels.feature_maps.validation import integer
from qkernels.kernels.validation import check_data
from qkernels.plotting.base import KernelDisplay, kernel_matrix, numbers, positive
from qkernels.plotting.style import (
    COLOURS,
    GREY,
    MARKERS,
    add_legend,
    figure_and_axes,
    fit_labels,
    plain_ticks,
    styled,
)

_NAME_WIDTH = 24


class GeometricDifferenceDisplay(KernelDisplay):
    """The geometric difference g by regularisation, and its training error; both axes logarithmic.

    g falls with the regularisation, and the training error g_training rises. What counts is g where
    g_training reaches its threshold: if it is much smaller than √N, no labels are much easier for
    the quantum kernel than for the classical one [1]_.

    Parameters
    ----------
    regularizations : array-like of shape (n_regularizations,)
        λ, positive.
    g, g_training : array-like of shape (n_kernels, n_regularizations)
        As in `qkernels.diagnostics.geometric_difference`.
    n_points : int
        N.
    names : sequence of str, default=None
        Of the quantum kernels; may be left out if there is but one.
    max_training_error : float, default=0.045
        The threshold of `g_training`, between 0 and 1.

    Attributes
    ----------
    lines_ : ndarray of matplotlib.lines.Line2D, shape (n_kernels, 2)
        g and g_training of each kernel.
    threshold_line_ : matplotlib.lines.Line2D
        The threshold of g_training.
    reference_line_ : matplotlib.lines.Line2D
        √N.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of fitting shapes, a regularisation is not positive,
        there is not a name for each kernel, or a number is out of range.

    References
    ----------
    .. [1] H.-Y. Huang et al., "Power of data in quantum machine learning", Nature Communications
       12, 2631 (2021), equation 5, and the supplementary information for the regularised forms.

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

    def __init__(
        self,
        regularizations: Any,
        g: Any,
        g_training: Any,
        n_points: int,
        *,
        names: Sequence[str] | None = None,
        max_training_error: float = MAX_TRAINING_ERROR,
    ) -> None:
        self.regularizations = positive(regularizations, "regularizations")
        self.g = _rows(g, "g", len(self.regularizations))
        self.g_training = _rows(g_training, "g_training", len(self.regularizations))
        self.names = None if names is None else [str(name) for name in names]
        n_names = 1 if self.names is None else len(self.names)
        if not len(self.g) == len(self.g_training) == n_names:
            raise ValueError(
                "expected a row of g, a row of g_training and a name for each kernel, got "
                f"{len(self.g)}, {len(self.g_training)} and {len(self.names or ())}"
            )
        self.n_points = integer(n_points, "n_points", 1)
        self.max_training_error = fraction(max_training_error, "max_training_error")

    @classmethod
    def from_kernel(
        cls,
        kernel: Any,
        X: Any,
        y: Any = None,
        *,
        classical: Any = None,
        regularizations: Any = None,
        max_training_error: float = MAX_TRAINING_ERROR,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the geometric difference of kernels on points.

        Parameters
        ----------
        kernel : Kernel or mapping of str to Kernel
            A quantum kernel, or several by name.
        X : array-like of shape (n_points, n_features)
        y : ignored
        classical : Kernel, default=None
            What they are compared with; None is an RBF kernel with the γ of scikit-learn's
            `SVC(gamma="scale")`, 1 / (n_features Var X). A tuned one says more.
        regularizations : array-like of shape (n_regularizations,), default=None
            Positive; None is the powers of ten from 10⁻¹² to 1.
        max_training_error : float, default=0.045
            The threshold of g_training, between 0 and 1.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot` for all g and g_training.

        Returns
        -------
        GeometricDifferenceDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> X, _ = qk.datasets.ad_hoc(10, random_state=0, return_X_y=True)
        >>> zz = qk.feature_maps.zz
        >>> kernels = {f"bandwidth {b}": qk.FidelityKernel(zz, bandwidth=b) for b in (0.1, 1.0)}
        >>> display = qk.plotting.GeometricDifferenceDisplay.from_kernel(kernels, X)
        >>> display.g.shape, display.names
        ((2, 13), ['bandwidth 0.1', 'bandwidth 1.0'])
        """
        if classical is None:
            classical = _rbf(check_data(X, owner=cls.__name__))
        quantum = (
            {name: kernel_matrix(k, X) for name, k in kernel.items()}
            if isinstance(kernel, Mapping)
            else kernel_matrix(kernel, X)
        )
        return cls.from_matrices(
            kernel_matrix(classical, X),
            quantum,
            regularizations=regularizations,
            max_training_error=max_training_error,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_matrices(
        cls,
        K_classical: Any,
        K_quantum: Any,
        *,
        regularizations: Any = None,
        max_training_error: float = MAX_TRAINING_ERROR,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the geometric difference of kernel matrices.

        Parameters
        ----------
        K_classical : array-like of shape (n_points, n_points)
            Symmetric and positive semidefinite, up to rounding.
        K_quantum : array-like of shape (n_points, n_points), or mapping of str to such
            One matrix of the same points, or several by name.
        regularizations, max_training_error, ax, **kwargs
            As in `from_kernel`.

        Returns
        -------
        GeometricDifferenceDisplay
        """
        grid = 10.0 ** np.arange(-12, 1) if regularizations is None else regularizations
        grid = positive(grid, "regularizations")
        named = isinstance(K_quantum, Mapping)
        matrices = list(K_quantum.values()) if named else [K_quantum]
        curves = [_curves(K_classical, K, grid) for K in matrices]
        return cls(
            grid,
            [g for g, _ in curves],
            [g_training for _, g_training in curves],
            len(K_classical),
            names=list(K_quantum) if named else None,
            max_training_error=max_training_error,
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot` for all g and g_training.

        Returns
        -------
        GeometricDifferenceDisplay
            Itself.
        """
        self.figure_, self.ax_ = figure_and_axes(ax)
        self.lines_ = np.array([self._plot_kernel(k, kwargs) for k in range(len(self.g))])
        self.threshold_line_ = self.ax_.axhline(
            self.max_training_error,
            color=GREY,
            linestyle=":",
            label=f"threshold of $g_\\mathrm{{training}}$: {self.max_training_error:.3g}",
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
        fit_labels(self.ax_)
        add_legend(self._handles(), self.ax_)
        return self

    def _plot_kernel(self, k: int, kwargs: dict[str, Any]) -> list[Any]:
        """Draw the two lines of a kernel: of one colour and marker, solid and dashed."""
        from matplotlib.lines import Line2D

        look = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        order = np.argsort(self.regularizations)
        lines = []
        for values, name, linestyle in ((self.g, "g", "-"), (self.g_training, "g_training", "--")):
            label = f"{self.names[k]}: {name}" if self.names else name
            options = styled(Line2D, kwargs, label=label, linestyle=linestyle, markersize=4, **look)
            lines += self.ax_.plot(self.regularizations[order], values[k][order], **options)
        return lines

    def _handles(self) -> list[Any]:
        """Return what the legend shows: each kernel's colour once, and each style once."""
        from matplotlib.lines import Line2D

        kernels = [
            Line2D([], [], color=g.get_color(), marker=g.get_marker(), linestyle="", label=label)
            for (g, _), name in zip(self.lines_, self.names or (), strict=False)
            if (label := textwrap.fill(name, _NAME_WIDTH, max_lines=2, placeholder=" …"))
        ]
        styles = [
            Line2D([], [], color="black", linestyle=line.get_linestyle(), label=label)
            for line, label in zip(self.lines_[0], ("$g$", r"$g_\mathrm{training}$"), strict=True)
        ]
        return [*kernels, *styles, self.threshold_line_, self.reference_line_]


def _rbf(X: np.ndarray) -> RBF:
    """Return the RBF kernel of scikit-learn's `gamma="scale"`."""
    return RBF(np.sqrt(X.shape[1] * (X.var() or 1.0) / 2), length_scale_bounds="fixed")


def _curves(K_classical: Any, K_quantum: Any, grid: np.ndarray) -> tuple[list[float], list[float]]:
    """Return g and g_training at each regularisation."""
    found = geometric_differences(K_classical, K_quantum, grid)
    return [each.g for each in found], [each.g_training for each in found]


def _rows(values: Any, name: str, n: int) -> np.ndarray:
    """Return rows of n finite numbers each, one row or more."""
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(
            f"expected {name} of shape (n_kernels, n_regularizations), got {rows.shape}"
        )
    return np.array([numbers(row, f"a row of {name}", n) for row in rows])
