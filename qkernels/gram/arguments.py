"""Checks of what users hand over: a kernel, points, and who computes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.gram.pools import Here, Pool
from qkernels.kernels.composition import check_angles, fitted_to, parts
from qkernels.kernels.embedding import check_points


class Inputs(NamedTuple):
    """A kernel with feature maps of its points' width, and the points.

    Attributes
    ----------
    kernel : Kernel
    X : ndarray of shape (n_points_X, n_features)
    Y : ndarray of shape (n_points_Y, n_features) or None
        None in the symmetric case.
    """

    kernel: Kernel
    X: np.ndarray
    Y: np.ndarray | None

    @property
    def columns(self) -> np.ndarray:
        """The points of the columns, in the symmetric case too."""
        return self.X if self.Y is None else self.Y

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return len(self.X), len(self.columns)


def check_inputs(kernel: Any, X: Any, Y: Any = None) -> Inputs:
    """Return a kernel and points that fit each other.

    Raises
    ------
    TypeError, ValueError
        If they are none, or do not fit.
    """
    points = check_points(X, Y, owner=type(parts(kernel)[0]).__name__)
    widths = [P.shape[1] for P in points]
    if len(set(widths)) > 1:
        raise ValueError(f"expected X and Y of equally many features, got {widths}")
    kernel = fitted_to(kernel, widths[0])
    for P in points:
        check_angles(kernel, P)
    return Inputs(kernel, points[0], points[1] if len(points) == 2 else None)


def check_evaluators(kernel: Kernel, pool: Pool | None) -> None:
    """Refuse evaluators whose numbers depend on the block, or that cannot be elsewhere.

    A pool of None is anywhere, later.

    Raises
    ------
    ValueError
        If an entry depends on what else is in its block, or counts are kept on this machine while
        others compute.
    """
    for evaluator in kernel.get_params().values():
        for item in getattr(evaluator, "mitigation", ()):
            if getattr(item, "method", "split") != "split":
                raise ValueError(
                    f"expected a mitigation that looks at two points at a time, got {item!r}: its "
                    "entries depend on the tile that they are in; take Depolarizing('split')"
                )
        if hasattr(evaluator, "ledger") and not isinstance(pool, Here):
            raise ValueError(
                "expected no n_jobs, client, executor or dask arrays for a kernel that is "
                f"measured: its ledger is on this machine, got {type(evaluator).__name__}"
            )
