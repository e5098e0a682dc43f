"""Kernel matrices of dask arrays: lazy, a task for each tile.

What lives here: the graph. Points are prepared once for each chunk, tiles are compared once for
each pair of chunks; of a symmetric matrix the lower half is the upper one transposed.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import Prepared
from qkernels.gram.arguments import check_evaluators
from qkernels.kernels.composition import compare, fitted_to, parts, prepare
from qkernels.loops.jit import at_most_threads


def import_dask_array() -> ModuleType:
    """Return dask.array, or say how to get it."""
    try:
        import dask.array
    except ImportError as error:
        raise ImportError("lazy arrays need dask: pip install 'qkernels[scale]'") from error
    return dask.array


def is_dask_array(X: Any) -> bool:
    """Tell whether something is a dask array, without importing dask."""
    return type(X).__module__.split(".")[0] == "dask" and hasattr(X, "to_delayed")


def lazy_gram_matrix(kernel: Kernel, X: Any, Y: Any = None) -> Any:
    """Return the kernel matrix as a dask array, whose chunks are those of the points.

    Parameters
    ----------
    kernel : Kernel
    X, Y : dask.array.Array of shape (n_points, n_features)
        Chunked by points. Y None, or X itself, is the symmetric case.

    Raises
    ------
    TypeError
        If Y is not a dask array.
    ValueError
        If the points are not the rows of a matrix, or of unknown number.
    """
    da = import_dask_array()
    symmetric = Y is None or Y is X
    parts(kernel)
    _check("X", X)
    if not symmetric:
        _check("Y", Y)
        if X.shape[1] != Y.shape[1]:
            raise ValueError(
                f"expected X and Y of equally many features, got {[X.shape[1], Y.shape[1]]}"
            )
    kernel = fitted_to(kernel, X.shape[1])
    check_evaluators(kernel, None)
    rows, heights = _prepared(kernel, X), X.chunks[0]
    columns, widths = (rows, heights) if symmetric else (_prepared(kernel, Y), Y.chunks[0])
    import dask

    tile = dask.delayed(_tile, pure=True)
    blocks: dict[tuple[int, int], Any] = {}
    for i, p in enumerate(rows):
        for j, q in enumerate(columns):
            if symmetric and j < i:
                blocks[i, j] = blocks[j, i].T
            else:
                delayed = tile(kernel, p, None if symmetric and i == j else q)
                blocks[i, j] = da.from_delayed(delayed, (heights[i], widths[j]), dtype=np.float64)
    return da.block([[blocks[i, j] for j in range(len(columns))] for i in range(len(rows))])


def _prepared(kernel: Kernel, X: Any) -> list[Any]:
    import dask

    function = dask.delayed(_points, pure=True)
    chunks = X.rechunk({1: -1}).to_delayed().ravel()
    return [function(kernel, chunk) for chunk in chunks]


# Dask gives each thread of a worker a task: a task itself uses one.
def _points(kernel: Kernel, X: np.ndarray) -> Prepared:
    with at_most_threads(1):
        return prepare(kernel, X)


def _tile(kernel: Kernel, p: Prepared, q: Prepared | None) -> np.ndarray:
    with at_most_threads(1):
        return compare(kernel, p, q)


def _check(name: str, X: Any) -> None:
    if not is_dask_array(X):
        raise TypeError(f"{name}: expected a dask array, as the other is, got {type(X).__name__}")
    if X.ndim != 2 or any(np.isnan(n) for n in X.shape):
        raise ValueError(f"{name}: expected a known number of rows and columns, got {X.shape}")
