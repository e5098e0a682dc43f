"""`GramDisplay`: a kernel matrix as an image, its points ordered by class."""

from __future__ import annotations

import math
import textwrap
from typing import Any, Self

import numpy as np

from qkernels.alignment import check_kernel_matrix, is_regression
from qkernels.plotting.base import KernelDisplay, kernel_matrix
from qkernels.plotting.style import LETTER, figure_and_axes, fit_labels, styled
from qkernels.psd.spectrum import symmetric

_NAME_WIDTH = 16
_NAME_LINES = 3


class GramDisplay(KernelDisplay):
    """A kernel matrix as an image, its points ordered by class, with lines between the classes.

    Values from 0 to 1, such as fidelities, have the fixed scale from 0 to 1, so that pictures can
    be compared; others have that of the smallest and the largest. Real targets order the points
    from the smallest target to the largest.

    Parameters
    ----------
    K : array-like of shape (n_points, n_points)
        A symmetric kernel matrix.
    y : array-like of shape (n_points,), default=None
        Classes of any type, or real targets that are not all integers; None leaves the order.
    class_names : array-like of shape (n_classes,), default=None
        What to write for the sorted classes; None writes them as they are.

    Attributes
    ----------
    order_ : ndarray of shape (n_points,)
        Which point each row of the image is.
    im_ : matplotlib.image.AxesImage
        The matrix.
    colorbar_ : matplotlib.colorbar.Colorbar
        Its scale.
    class_lines_ : list of matplotlib.lines.Line2D
        The lines between the classes.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If K is not a symmetric matrix of finite numbers, or y or `class_names` do not fit it.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> K = [[1.0, 0.1, 0.8], [0.1, 1.0, 0.2], [0.8, 0.2, 1.0]]
    >>> display = GramDisplay(K, ["b", "a", "b"]).plot()
    >>> display.im_.get_array().tolist()
    [[1.0, 0.1, 0.2], [0.1, 1.0, 0.8], [0.2, 0.8, 1.0]]
    >>> [label.get_text() for label in display.ax_.get_xticklabels()]
    ['a', 'b']
    """

    order_: np.ndarray
    im_: Any
    colorbar_: Any
    class_lines_: list[Any]

    def __init__(self, K: Any, y: Any = None, *, class_names: Any = None) -> None:
        self.K = symmetric(K)
        self.y: Any = None if y is None else check_kernel_matrix(self.K, y)[1]
        self._by_class = self.y is not None and not is_regression(self.y)
        self.class_names = self._names(class_names)

    @classmethod
    def from_kernel(
        cls,
        kernel: Any,
        X: Any,
        y: Any = None,
        *,
        class_names: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the matrix of a kernel.

        Parameters
        ----------
        kernel : Kernel
            A quantum kernel, one of scikit-learn's, or a sum, product or power of such.
        X : array-like of shape (n_points, n_features)
        y, class_names
            As in the class.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.imshow`, such as `cmap` and `norm`.

        Returns
        -------
        GramDisplay

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> X, y = qk.datasets.ad_hoc(10, random_state=0, return_X_y=True)
        >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
        >>> qk.plotting.GramDisplay.from_kernel(kernel, X, y).im_.get_array().shape
        (10, 10)
        """
        return cls(kernel_matrix(kernel, X), y, class_names=class_names).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.imshow`, such as `cmap` and `norm`.

        Returns
        -------
        GramDisplay
            Itself.
        """
        from matplotlib.image import AxesImage

        self.figure_, self.ax_ = figure_and_axes(ax)
        self.order_ = (
            np.arange(len(self.K)) if self.y is None else np.argsort(self.y, kind="stable")
        )
        limits = {} if "norm" in kwargs else _limits(self.K)
        ordered = self.K[np.ix_(self.order_, self.order_)]
        options = styled(AxesImage, kwargs, cmap="cividis", **limits)
        self.im_ = self.ax_.imshow(ordered, **options)
        # As high as the image, whatever the shape of the figure.
        self.colorbar_ = self.figure_.colorbar(
            self.im_,
            cax=self.ax_.inset_axes((1.04, 0.0, 0.05, 1.0)),
            label="kernel value (dimensionless)",
        )
        self._label_points()
        return self

    def _label_points(self) -> None:
        """Draw the lines between the classes, and write at the axes what the points are."""
        from matplotlib.ticker import MaxNLocator

        self.class_lines_ = []
        words = "points"
        if self._by_class:
            sizes = np.unique(self.y, return_counts=True)[1]
            self.class_lines_ = _class_lines(self.ax_, sizes)
            _write_names(self.ax_, sizes, self.class_names)
            words = "points, by class"
        else:
            for axis in (self.ax_.xaxis, self.ax_.yaxis):
                axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
            if self.y is not None:
                words = "points, by target"
        self.ax_.set(xlabel=words, ylabel=words)
        fit_labels(self.ax_, self.colorbar_.ax)

    def _names(self, class_names: Any) -> list[str]:
        """Return what to write for each class."""
        classes: Any = np.unique(self.y) if self._by_class else []
        names = classes if class_names is None else class_names
        if len(names) != len(classes):
            raise ValueError(
                f"expected a name for each of {len(classes)} classes, got {len(names)} names"
            )
        return [str(name) for name in names]


def _limits(K: np.ndarray) -> dict[str, float]:
    """Return the ends of the scale; what is out of 0 to 1 by rounding is not out of it."""
    within = K.min() > -1e-9 and K.max() < 1 + 1e-9
    return {"vmin": 0.0, "vmax": 1.0} if within else {"vmin": K.min(), "vmax": K.max()}


def _class_lines(ax: Any, sizes: np.ndarray) -> list[Any]:
    """Draw lines that are seen on any colour, white between black, and hide no class."""
    from matplotlib.patheffects import withStroke

    width = min(0.8, 0.1 * _points(ax) / len(sizes))
    outline = withStroke(linewidth=2.5 * width, foreground="black")
    look = {"color": "white", "linewidth": width, "path_effects": [outline]}
    edges = np.cumsum(sizes)[:-1] - 0.5
    return [draw(edge, **look) for edge in edges for draw in (ax.axhline, ax.axvline)]


def _points(ax: Any) -> float:
    """Return how long and high the image is, in typographical points."""
    box = ax.get_window_extent()
    return float(min(box.width, box.height) * 72 / ax.figure.dpi)


def _write_names(ax: Any, sizes: np.ndarray, names: list[str]) -> None:
    """Write the class names beside the middle of each class, or as near as there is room."""
    wrapped = np.array([_wrapped(name) for name in names])
    letter = ax.yaxis.get_ticklabels()[0].get_fontsize() / _points(ax) * sizes.sum()
    kept, places = _places(sizes, 1.4 * letter * np.char.count(wrapped, "\n") + 1.4 * letter)
    widths = LETTER * letter * np.array([max(map(len, wrapped[k].split("\n"))) for k in kept])
    for axis in (ax.xaxis, ax.yaxis):
        # A name may hold dollar signs.
        axis.set_ticks(places, wrapped[kept], parse_math=False)
        axis.set_tick_params(length=0)
    if np.any(np.diff(places) < 1.1 * (widths[:-1] + widths[1:]) / 2):
        ax.xaxis.set_tick_params(rotation=90)


def _wrapped(name: str) -> str:
    lines = textwrap.wrap(name, _NAME_WIDTH, max_lines=_NAME_LINES, placeholder=" …")
    return "\n".join(lines)


def _places(sizes: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which classes are named, and where, no name lying on another.

    All are, if there is room; else every second, third, and so on.
    """
    n_points, middles = sizes.sum(), np.cumsum(sizes) - sizes / 2 - 0.5
    kept = np.arange(0, len(sizes), math.ceil(heights.sum() / n_points))
    middles, heights = middles[kept], heights[kept]
    steps = np.cumsum(heights) - heights / 2
    pushed_up = np.maximum.accumulate(middles - steps)
    # What pushes the last name back to the matrix pushes those before it.
    last = max(n_points - 0.5 - heights.sum(), middles[-1] - steps[-1])
    return kept, np.minimum(pushed_up, last) + steps
