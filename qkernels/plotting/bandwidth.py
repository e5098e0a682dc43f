"""`BandwidthDisplay`: score, concentration and likeness to a classical kernel, by bandwidth."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from qkernels.alignment import is_regression
from qkernels.diagnostics import BandwidthPath, bandwidth_path
from qkernels.kernels import QuantumKernel
from qkernels.plotting.base import numbers, positive
from qkernels.plotting.style import (
    BLUE,
    GREEN,
    VERMILION,
    figure_and_axes,
    fit_labels,
    plain_ticks,
    styled,
)

# From top to bottom, in parts of the axes, with some room for labels of two lines.
_PANELS = ((0.05, 0.69, 0.95, 0.31), (0.05, 0.345, 0.95, 0.31), (0.05, 0.0, 0.95, 0.31))


class BandwidthDisplay:
    """Three panels, one above the other, with the bandwidth on a logarithmic axis.

    From the top: the score with its standard errors; the variance of the kernel values of
    different points, which falls where the kernel concentrates; the likeness to the most alike RBF
    kernel. A good score at a bandwidth where the likeness is near 1 is a classical kernel's.

    Parameters
    ----------
    bandwidths : array-like of shape (n_bandwidths,)
        Positive.
    scores, score_errors : array-like of shape (n_bandwidths,)
        Means and standard errors of the scores.
    variances : array-like of shape (n_bandwidths,)
        Of the off-diagonal kernel values.
    rbf_similarities : array-like of shape (n_bandwidths,)
        Alignments with the most alike RBF kernel.
    score_name : str, default="score"
        The label of the score.

    Attributes
    ----------
    score_bars_ : matplotlib.container.ErrorbarContainer
        The scores.
    variance_line_, similarity_line_ : matplotlib.lines.Line2D
        The other two.
    axes_ : ndarray of matplotlib.axes.Axes, shape (3,)
        The panels, which lie in `ax_`.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of one length, a bandwidth not positive,
        or an error or a variance negative.

    References
    ----------
    R. Shaydulin and S. M. Wild, "Importance of kernel bandwidth in quantum machine learning",
    Physical Review A 106, 042407 (2022); R. Flórez-Ablan et al., "On the similarity of
    bandwidth-tuned quantum kernels and classical kernels", arXiv:2503.05602 (2025).

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> display = BandwidthDisplay(
    ...     [0.1, 1.0], [0.9, 0.6], [0.02, 0.03], [0.1, 0.001], [0.99, 0.4], score_name="accuracy"
    ... ).plot()
    >>> display.axes_[0].get_ylabel(), display.variance_line_.get_ydata().tolist()
    ('accuracy', [0.1, 0.001])
    """

    score_bars_: Any
    variance_line_: Any
    similarity_line_: Any
    axes_: np.ndarray
    ax_: Any
    figure_: Any

    def __init__(
        self,
        bandwidths: Any,
        scores: Any,
        score_errors: Any,
        variances: Any,
        rbf_similarities: Any,
        *,
        score_name: str = "score",
    ) -> None:
        self.bandwidths = positive(bandwidths, "bandwidths")
        n = len(self.bandwidths)
        self.scores = numbers(scores, "scores", n)
        self.score_errors = _not_negative(score_errors, "score_errors", n)
        self.variances = _not_negative(variances, "variances", n)
        self.rbf_similarities = numbers(rbf_similarities, "rbf_similarities", n)
        self.score_name = score_name

    @classmethod
    def from_kernel(
        cls,
        kernel: QuantumKernel,
        X: Any,
        y: Any,
        *,
        bandwidths: Any = None,
        cv: int = 5,
        random_state: int | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Compute the path of a kernel's bandwidth, and draw it.

        Parameters
        ----------
        kernel, X, y, bandwidths, cv, random_state
            As in `qkernels.diagnostics.bandwidth_path`, which also says what is raised.
        ax : matplotlib.axes.Axes, default=None
            In whose place it is drawn; None is a new figure.
        **kwargs
            Given to `Axes.errorbar` for the scores.

        Returns
        -------
        BandwidthDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> X, y = qk.datasets.ad_hoc(20, random_state=0, return_X_y=True)
        >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
        >>> display = qk.plotting.BandwidthDisplay.from_kernel(
        ...     kernel, X, y, bandwidths=[0.1, 1.0], random_state=0
        ... )
        >>> display.axes_[0].get_ylabel()
        'accuracy'
        """
        path = bandwidth_path(kernel, X, y, bandwidths=bandwidths, cv=cv, random_state=random_state)
        name = "R²" if is_regression(np.asarray(y)) else "accuracy"
        return cls.from_path(path, score_name=name, ax=ax, **kwargs)

    @classmethod
    def from_path(
        cls, path: BandwidthPath, *, score_name: str = "score", ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw what `qkernels.diagnostics.bandwidth_path` has returned.

        Parameters
        ----------
        path : BandwidthPath
        score_name : str, default="score"
            The label of the score.
        ax, **kwargs
            As in `from_kernel`.

        Returns
        -------
        BandwidthDisplay
        """
        columns = (path.bandwidths, path.scores, path.score_errors, path.variances)
        display = cls(*columns, path.rbf_similarities, score_name=score_name)
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the three panels.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            In whose place they are drawn; None is a new figure.
        **kwargs
            Given to `Axes.errorbar` for the scores.

        Returns
        -------
        BandwidthDisplay
            Itself.
        """
        from matplotlib.lines import Line2D

        self.figure_, self.ax_ = figure_and_axes(ax, figsize=(6.4, 6.4))
        self.axes_ = _panels(self.ax_)
        score, variance, similarity = self.axes_
        order, look = np.argsort(self.bandwidths), {"markersize": 4}
        x = self.bandwidths[order]
        options = styled(Line2D, kwargs, color=BLUE, marker="o", capsize=3, **look)
        self.score_bars_ = score.errorbar(
            x, self.scores[order], self.score_errors[order], **options
        )
        (self.variance_line_,) = variance.plot(
            x, self.variances[order], color=VERMILION, linestyle="--", marker="s", **look
        )
        (self.similarity_line_,) = similarity.plot(
            x, self.rbf_similarities[order], color=GREEN, linestyle="-.", marker="D", **look
        )
        score.set(ylabel=self.score_name)
        variance.set(ylabel="variance of kernel values")
        variance.set_yscale("log" if self.variances.any() else "linear")
        similarity.set(ylabel="likeness to RBF", xlabel="bandwidth (dimensionless)")
        plain_ticks(similarity.xaxis, variance.yaxis)
        fit_labels(*self.axes_)
        return self


def _panels(ax: Any) -> np.ndarray:
    """Return three panels in the place of axes, which keep no more than their title."""
    from matplotlib import rcParams
    from matplotlib.transforms import ScaledTranslation

    ax.set_axis_off()
    panels: list[Any] = []
    for place in reversed(_PANELS):
        panels.insert(0, ax.inset_axes(place, sharex=panels[-1] if panels else None))
    # All labels at one distance, whatever the tick labels need.
    left = ScaledTranslation(-4 * rcParams["font.size"] / 72, 0, ax.figure.dpi_scale_trans)
    for panel in panels:
        panel.yaxis.set_label_coords(0, 0.5, transform=panel.transAxes + left)
        panel.set_xscale("log")
        panel.tick_params(which="both", labelbottom=panel is panels[-1])
    return np.array(panels)


def _not_negative(values: Any, name: str, n: int) -> np.ndarray:
    row = numbers(values, name, n)
    if row.min() < 0:
        raise ValueError(f"expected {name} that are not negative, got {row.min():.3g}")
    return row
