"""What a Gram matrix will take, told from a small piece of it."""

from __future__ import annotations

import time
from functools import singledispatch
from typing import Any, NamedTuple

from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.evaluators.states import PreparedStates
from qkernels.gram.arguments import check_inputs
from qkernels.gram.sizes import bytes_a_point, sample_points
from qkernels.kernels.composition import PreparedParts, PreparedRows, compare, prepare
from qkernels.kernels.projected import PreparedFeatures

# Points of the piece that is computed, and bytes of what they are prepared to.
_PIECE, _PIECE_BYTES = 512, 2**28


class Forecast(NamedTuple):
    """What a matrix takes.

    Attributes
    ----------
    flops : float
        About how many floating point operations it takes to compare all pairs; nan where pairs are
        measured. To prepare the points is not part of it.
    seconds : float
        On this machine.
    """

    flops: float
    seconds: float


def forecast(kernel: Kernel, X: Any, Y: Any = None) -> Forecast:
    """Return what a Gram matrix takes, from the time of a small piece.

    Parameters
    ----------
    kernel, X, Y
        As in `gram_matrix`.
    """
    inputs = check_inputs(kernel, X, Y)
    n_rows, n_columns = inputs.shape
    sample = sample_points(inputs.kernel, inputs.X)
    # A first call may compile the loops.
    compare(inputs.kernel, sample, sample[:])
    piece = inputs.X[: max(2, min(_PIECE, _PIECE_BYTES // bytes_a_point(sample)))]
    start = time.perf_counter()
    points = prepare(inputs.kernel, piece)
    ready = time.perf_counter()
    compare(inputs.kernel, points, points[:])
    end = time.perf_counter()
    entries = n_rows * n_columns / (2 if inputs.Y is None else 1)
    n_points = n_rows + (0 if inputs.Y is None else n_columns)
    seconds = entries * (end - ready) / len(piece) ** 2 + n_points * (ready - start) / len(piece)
    return Forecast(entries * flops_a_pair(points), seconds)


@singledispatch
def flops_a_pair(points: Any) -> float:
    """Return about how many floating point operations it takes to compare two of some points.

    Parameters
    ----------
    points : Prepared

    Returns
    -------
    float
        nan of points that are measured, not computed.

    Examples
    --------
    Of amplitudes, a complex product and a sum each; of features that are compared as they are, a
    difference, its square and a sum:

    >>> import qkernels as qk
    >>> points = qk.FidelityKernel(qk.feature_maps.zz).prepare([[0.1, 0.2, 0.3]])
    >>> flops_a_pair(points)
    64.0
    >>> projected = qk.ProjectedKernel(qk.feature_maps.zz)
    >>> flops_a_pair(projected.prepare([[0.1, 0.2, 0.3]]))
    27.0
    """
    return float("nan")


@flops_a_pair.register
def _(points: PreparedStates) -> float:
    return 8.0 * sum(re.shape[1] for re, _ in points.parts)


@flops_a_pair.register
def _(points: PreparedMPS) -> float:
    # A site takes two products of matrices, one with either state's tensor; on average over pairs.
    left, right = points.bonds[:, :-1], points.bonds[:, 1:]
    products = 2 * (left * right).mean(axis=0) * (left.mean(axis=0) + right.mean(axis=0))
    return 8.0 * float(products.sum())


@flops_a_pair.register
def _(points: PreparedFeatures) -> float:
    return 3.0 * points.features.shape[1]


@flops_a_pair.register
def _(points: PreparedRows) -> float:
    return 3.0 * points.X.shape[1]


@flops_a_pair.register
def _(points: PreparedParts) -> float:
    return sum(map(flops_a_pair, points.parts))
