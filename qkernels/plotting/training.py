"""`TrainingDisplay`: the loss of a training, by step."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from qkernels.plotting.style import figure_and_axes
from qkernels.training import KernelTrainer
from qkernels.variational import VariationalClassifier, VariationalRegressor


class TrainingDisplay:
    """The loss of a training, step by step.

    Make one with `from_trainer`; `plot` draws it again, for instance into other axes.

    Parameters
    ----------
    history : array-like of shape (n_iter + 1,)
        The loss at the start and after each step, as in `KernelTrainer.history_` and
        `VariationalClassifier.history_`.
    loss_name : str
        The label of the vertical axis.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The loss.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If the history is not one row of losses.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> display = TrainingDisplay([-0.1, -0.3, -0.35], "target alignment").plot(color="C1")
    >>> display.line_.get_ydata().tolist()
    [-0.1, -0.3, -0.35]
    >>> display.ax_.get_ylabel()
    'target alignment'
    """

    line_: Any
    ax_: Any
    figure_: Any

    def __init__(self, history: Any, loss_name: str) -> None:
        self.history = np.asarray(history, dtype=np.float64)
        if self.history.ndim != 1 or not self.history.size:
            raise ValueError(
                "expected a history of shape (n_iter + 1,), one loss or more, got shape "
                f"{self.history.shape}"
            )
        self.loss_name = loss_name

    @classmethod
    def from_trainer(
        cls,
        trainer: KernelTrainer | VariationalClassifier | VariationalRegressor,
        *,
        ax: Any = None,
        **kwargs: Any,
    ) -> TrainingDisplay:
        """Draw the training of a fitted trainer or variational model.

        Parameters
        ----------
        trainer : KernelTrainer, VariationalClassifier or VariationalRegressor
            Fitted.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot`, such as `color` and `label`.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> X, y = qk.datasets.ad_hoc(20, random_state=0, return_X_y=True)
        >>> zz = qk.feature_maps.zz
        >>> kernel = qk.FidelityKernel(zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
        >>> trainer = qk.KernelTrainer(kernel).fit(X, y)
        >>> display = qk.plotting.TrainingDisplay.from_trainer(trainer)
        >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
        ('step', 'target_alignment')
        >>> model = qk.VariationalClassifier(max_iter=5).fit(X, y)
        >>> qk.plotting.TrainingDisplay.from_trainer(model).ax_.get_ylabel()
        'cross_entropy'
        """
        check_is_fitted(trainer, "history_")
        loss = "squared" if isinstance(trainer, VariationalRegressor) else trainer.loss
        return cls(trainer.history_, _name(loss)).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> TrainingDisplay:
        """Draw the loss by step.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.plot`, such as `color` and `label`.

        Returns
        -------
        TrainingDisplay
            Itself.
        """
        from matplotlib.ticker import MaxNLocator

        self.figure_, self.ax_ = figure_and_axes(ax)
        (self.line_,) = self.ax_.plot(np.arange(len(self.history)), self.history, **kwargs)
        self.ax_.set(xlabel="step", ylabel=self.loss_name)
        self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True))
        if "label" in kwargs:
            self.ax_.legend()
        return self


def _name(loss: Any) -> str:
    """Return what to call a loss: its name, a function's, or the value as it is written."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", repr(loss))
