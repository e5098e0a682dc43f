"""`GradientVarianceDisplay`: how fast a network's gradient vanishes with the number of qubits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from qkernels.diagnostics import gradient_variances
from qkernels.feature_maps.validation import integer, typed
from qkernels.plotting.base import numbers, positive
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
from qkernels.qnn import Network

_LINES = ("--", ":", "-.", (0, (1, 4)))


class GradientVarianceDisplay:
    """The variance of a partial derivative over random weights, by the number of qubits.

    The variances have a logarithmic axis, on which a barren plateau is a straight line that
    falls: the variance is exponentially small in the number of qubits [1]_, [2]_.

    Parameters
    ----------
    n_qubits : array-like of int, shape (n_sizes,)
        Numbers of qubits, at least 1.
    variances, standard_errors : array-like of shape (n_series, n_sizes)
        Positive variances, and their standard errors, which are not negative. A bar that would
        reach down to 0 ends at a tenth of its variance.
    names : sequence of str, default=None
        Of the series; may be left out if there is but one.
    references : mapping of str to array-like of shape (n_sizes,), default=None
        Lines to compare with, by name: positive.

    Attributes
    ----------
    bars_ : list of matplotlib.container.ErrorbarContainer
        The variances of each series.
    reference_lines_ : list of matplotlib.lines.Line2D
        The references.
    ax_ : matplotlib.axes.Axes
        Where it is drawn.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Raises
    ------
    ValueError
        If the arrays are not finite numbers of fitting shapes, a number is out of range, or there
        is not a name for each series.

    References
    ----------
    .. [1] J. R. McClean et al., "Barren plateaus in quantum neural network training landscapes",
       Nature Communications 9, 4812 (2018).
    .. [2] M. Cerezo et al., "Cost function dependent barren plateaus in shallow parametrized
       quantum circuits", Nature Communications 12, 1791 (2021).

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> display = GradientVarianceDisplay(
    ...     [2, 4], [[0.047, 0.0061]], [[0.002, 0.0009]], references={"exact": [0.0469, 0.00659]}
    ... ).plot()
    >>> display.ax_.get_yscale(), display.reference_lines_[0].get_label()
    ('log', 'exact')
    """

    bars_: list[Any]
    reference_lines_: list[Any]
    ax_: Any
    figure_: Any

    def __init__(
        self,
        n_qubits: Any,
        variances: Any,
        standard_errors: Any,
        *,
        names: Sequence[str] | None = None,
        references: Mapping[str, Any] | None = None,
    ) -> None:
        self.n_qubits = _whole(n_qubits)
        n_sizes = len(self.n_qubits)
        self.variances = _rows(variances, "variances", n_sizes)
        self.standard_errors = _rows(standard_errors, "standard_errors", n_sizes)
        self.names = None if names is None else [str(name) for name in names]
        n_names = 1 if self.names is None else len(self.names)
        if not len(self.variances) == len(self.standard_errors) == n_names:
            raise ValueError(
                "expected a row of variances, a row of standard_errors and a name for each series, "
                f"got {len(self.variances)}, {len(self.standard_errors)} and "
                f"{len(self.names or ())}"
            )
        positive(self.variances.ravel(), "variances")
        if (least := self.standard_errors.min()) < 0:
            raise ValueError(f"expected standard_errors to be at least 0, got {least:.3g}")
        self.references = {
            str(name): positive(
                numbers(line, f"reference {name!r}", n_sizes), f"reference {name!r}"
            )
            for name, line in (references or {}).items()
        }

    @classmethod
    def from_networks(
        cls,
        networks: Any,
        *,
        weight: int = 0,
        n_draws: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        references: Mapping[str, Any] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the variances of networks of several sizes, each of its first output.

        Parameters
        ----------
        networks : sequence of networks, or mapping of str to such
            Networks without features, one for each size; or several series by name, of the same
            numbers of qubits.
        weight : int, default=0
            The number of the weight by which the output is differentiated.
        n_draws, random_state
            As in `qkernels.diagnostics.gradient_variances`.
        references : mapping of str to array-like of shape (n_sizes,), default=None
            As in the class.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.errorbar` for all series.

        Returns
        -------
        GradientVarianceDisplay

        Raises
        ------
        TypeError
            If they are no networks.
        ValueError
            If a network has no such weight, the series are not of the same numbers of qubits, or
            as in `qkernels.diagnostics.gradient_variances`.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import qkernels as qk
        >>> build = qk.ansatze.brickwork
        >>> networks = [qk.qnn.ExpectationNetwork(build(n, n)) for n in (2, 3, 4)]
        >>> display = qk.plotting.GradientVarianceDisplay.from_networks(networks, random_state=0)
        >>> display.n_qubits.tolist(), display.variances.shape
        ([2, 3, 4], (1, 3))
        """
        named = isinstance(networks, Mapping)
        series = [[*each] for each in (networks.values() if named else [networks])]
        if not series or not all(isinstance(n, Network) for each in series for n in each):
            raise TypeError(
                "expected a sequence of networks of qkernels.qnn, or a mapping of names to such "
                f"sequences, got {typed(networks)}"
            )
        sizes = [[network.circuit.n_qubits for network in each] for each in series]
        if any(each != sizes[0] for each in sizes):
            raise ValueError(f"expected series of the same numbers of qubits, got {sizes}")
        random = check_random_state(random_state)
        found = [[_of_weight(n, weight, n_draws, random) for n in each] for each in series]
        return cls(
            sizes[0],
            [[variance for variance, _ in each] for each in found],
            [[error for _, error in each] for each in found],
            names=list(networks) if named else None,
            references=references,
        ).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the variances and the references.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None is a new figure.
        **kwargs
            Given to `Axes.errorbar` for all series.

        Returns
        -------
        GradientVarianceDisplay
            Itself.
        """
        from matplotlib.ticker import MaxNLocator

        self.figure_, self.ax_ = figure_and_axes(ax)
        order = np.argsort(self.n_qubits)
        self.reference_lines_ = [
            self.ax_.plot(
                self.n_qubits[order],
                values[order],
                color=GREY,
                linestyle=_LINES[k % len(_LINES)],
                label=name,
            )[0]
            for k, (name, values) in enumerate(self.references.items())
        ]
        self.bars_ = [self._plot_series(k, order, kwargs) for k in range(len(self.variances))]
        self.ax_.set(
            yscale="log",
            xlabel="number of qubits",
            ylabel="variance of the derivative (dimensionless)",
        )
        self.ax_.xaxis.set_major_locator(MaxNLocator(integer=True))
        plain_ticks(self.ax_.yaxis)
        fit_labels(self.ax_)
        handles = [*self.bars_, *self.reference_lines_]
        if self.names or self.references:
            add_legend(handles, self.ax_)
        return self

    def _plot_series(self, k: int, order: np.ndarray, kwargs: dict[str, Any]) -> Any:
        """Draw one series with its error bars, the lower ends of which are positive."""
        from matplotlib.lines import Line2D

        values, errors = self.variances[k, order], self.standard_errors[k, order]
        options = styled(
            Line2D,
            kwargs,
            label=self.names[k] if self.names else "measured",
            color=COLOURS[k % len(COLOURS)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle="",
            markersize=4,
            capsize=3,
        )
        ends = np.minimum(errors, 0.9 * values), errors
        return self.ax_.errorbar(self.n_qubits[order], values, ends, **options)


def _of_weight(
    network: Any, weight: int, n_draws: int, random: np.random.RandomState
) -> tuple[float, float]:
    """Return the variance of one weight's derivative, and its standard error."""
    place = integer(weight, "weight", 0)
    if place >= network.n_weights:
        raise ValueError(
            f"expected weight to be below {network.n_weights}, the weights of the network on "
            f"{network.circuit.n_qubits} qubits, got {weight}"
        )
    found = gradient_variances(network, n_draws=n_draws, random_state=random)
    return found.variances[place], found.standard_errors[place]


def _whole(values: Any) -> np.ndarray:
    """Return a row of positive integers."""
    row = numbers(values, "n_qubits")
    for value in row[(row < 1) | (row % 1 != 0)]:
        raise ValueError(f"expected n_qubits to be integers of at least 1, got {value:g}")
    return row.astype(int)


def _rows(values: Any, name: str, n: int) -> np.ndarray:
    """Return rows of n finite numbers each, one row or more."""
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"expected {name} of shape (n_series, n_sizes), got {rows.shape}")
    return np.array([numbers(row, f"a row of {name}", n) for row in rows])
