"""What a Gram matrix will take, told from a small piece of it."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from sklearn.gaussian_process.kernels import Kernel

from qkernels.gram.arguments import check_inputs
from qkernels.gram.sizes import bytes_a_point, sample_points
from qkernels.kernels.composition import compare, prepare

# Points of the piece that is computed, and bytes of what they are prepared to.
_PIECE, _PIECE_BYTES = 512, 2**28


class Forecast(NamedTuple):
    """What a matrix takes.

    Attributes
    ----------
    flops : float
        Floating point operations of comparing, those of fidelities.
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
    a_point = bytes_a_point(sample_points(inputs.kernel, inputs.X))
    piece = inputs.X[: max(2, min(_PIECE, _PIECE_BYTES // a_point))]
    start = time.perf_counter()
    points = prepare(inputs.kernel, piece)
    ready = time.perf_counter()
    compare(inputs.kernel, points, points[:])
    end = time.perf_counter()
    entries = n_rows * n_columns / (2 if inputs.Y is None else 1)
    n_points = n_rows + (0 if inputs.Y is None else n_columns)
    seconds = entries * (end - ready) / len(piece) ** 2 + n_points * (ready - start) / len(piece)
    # Of a complex amplitude, 16 bytes and 8 operations.
    return Forecast(entries * points.nbytes / len(points) / 2, seconds)
