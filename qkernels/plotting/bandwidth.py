"""`BandwidthDisplay`: score, concentration and likeness to a classical kernel, by bandwidth."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from qkernels.plotting.base import numbers
from qkernels.plotting.style import BLUE, GREEN, VERMILION, figure_and_axes, plain_ticks, styled

# From top to bottom, in parts of the axes: three panels and what is left free between them.
_PANELS = ((0.0, 0.69, 1.0, 0.31), (0.0, 0.345, 1.0, 0.31), (0.0, 0.0, 1.0, 0.31))


class BandwidthDisplay:
    r"""Three panels, one above the other, with the bandwidth on a logarithmic axis.

    From the top: the score with its standard errors; the variance of the kernel values of
    different points, which falls where the kernel concentrates; the likeness to the most alike RBF
    kernel. A good score at a bandwidth where the likeness is near 1 is a classical kernel's.

    Parameters
    ----------
    bandwidths : array-like of shape (n_bandwidths,)
        Positive, ascending.
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
        If the arrays are not finite numbers of one length, the bandwidths not positive and
        ascending, or an error or a variance negative.

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
    >>> [panel.get_ylabel() for panel in display.axes_]
    ['accuracy', 'variance of\nkernel values', 'likeness\nto RBF']
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
        self.bandwidths = numbers(bandwidths, "bandwidths")
        if self.bandwidths[0] <= 0 or np.any(np.diff(self.bandwidths) <= 0):
            raise ValueError(
                f"expected bandwidths that are positive and ascend, got {self.bandwidths.tolist()}"
            )
        n = len(self.bandwidths)
        self.scores = numbers(scores, "scores", n)
        self.score_errors = _not_negative(score_errors, "score_errors", n)
        self.variances = _not_negative(variances, "variances", n)
        self.rbf_similarities = numbers(rbf_similarities, "rbf_similarities", n)
        self.score_name = score_name

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
        x, look = self.bandwidths, {"markersize": 4}
        options = styled(Line2D, kwargs, color=BLUE, marker="o", capsize=3, **look)
        self.score_bars_ = score.errorbar(x, self.scores, self.score_errors, **options)
        (self.variance_line_,) = variance.plot(
            x, self.variances, color=VERMILION, linestyle="--", marker="s", **look
        )
        (self.similarity_line_,) = similarity.plot(
            x, self.rbf_similarities, color=GREEN, linestyle="-.", marker="D", **look
        )
        score.set(ylabel=self.score_name)
        variance.set(ylabel="variance of\nkernel values")
        variance.set_yscale("log" if self.variances.any() else "linear")
        similarity.set(ylabel="likeness\nto RBF", xlabel="bandwidth (dimensionless)")
        plain_ticks(similarity.xaxis, variance.yaxis)
        return self


def _panels(ax: Any) -> np.ndarray:
    """Return three panels in the place of axes, which keep no more than their title."""
    ax.set_axis_off()
    panels: list[Any] = []
    for place in reversed(_PANELS):
        panels.insert(0, ax.inset_axes(place, sharex=panels[-1] if panels else None))
    for panel in panels:
        panel.set_xscale("log")
        panel.tick_params(which="both", labelbottom=panel is panels[-1])
    return np.array(panels)


def _not_negative(values: Any, name: str, n: int) -> np.ndarray:
    row = numbers(values, name, n)
    if row.min() < 0:
        raise ValueError(f"expected {name} that are not negative, got {row.min():.3g}")
    return row
