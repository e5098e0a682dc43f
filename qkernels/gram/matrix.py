"""`gram_matrix` and `gram_chunked`: a kernel matrix by tiles, in memory, on disk or on a cluster.

What lives here: the public functions, the checks of what they are given, and the choice of where
tiles go. The tiles themselves are computed by `work`, and kept by `store`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from tqdm.auto import tqdm

from qkernels.gram.arguments import Inputs, check_evaluators, check_inputs
from qkernels.gram.blocks import PreparedBlocks
from qkernels.gram.files import is_there
from qkernels.gram.lazy import is_dask_array, lazy_gram_matrix
from qkernels.gram.pools import Here, Pool, chosen_pool
from qkernels.gram.sizes import (
    bytes_a_point,
    check_dtype,
    room_for_points,
    sample_points,
    tile_edge,
    working_bytes,
)
from qkernels.gram.store import GramStore
from qkernels.gram.work import compare_blocks, forget_prepared
from qkernels.kernels.composition import compare, prepare, without_caches
from qkernels.memory import require_memory
from qkernels.tiles import Grid

# Numbers for each kernel value while it is computed: sums of products need several.
_COMPARING = 5


def gram_matrix(
    kernel: Kernel,
    X: Any,
    Y: Any = None,
    *,
    out: str | os.PathLike[str] | None = None,
    tile_size: int | str = "auto",
    n_jobs: int | None = None,
    client: Any = None,
    executor: Executor | None = None,
    working_memory: float | str | None = None,
    resume: bool = True,
    dtype: Any = "float64",
    verbose: int = 0,
) -> Any:
    """Return a kernel matrix that is computed tile by tile.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel, or a sum, product or power of such and scikit-learn's.
    X : array-like or dask array of shape (n_points_X, n_features)
    Y : array-like or dask array of shape (n_points_Y, n_features), default=None
        None, X itself and equal content are the symmetric case.
    out : str or path-like, optional
        Where the matrix is kept, with all that it takes to go on after a kill. Without it the
        matrix is kept in memory.
    tile_size : int or "auto", default="auto"
        The edge of a tile; "auto" takes what the working memory allows.
    n_jobs : int, optional
        How many processes compute, as in `joblib.Parallel`. Left out, this one does, with all its
        threads.
    client : distributed.Client, optional
        A Dask cluster that computes.
    executor : concurrent.futures.Executor, optional
        What computes otherwise: loky's, `mpi4py.futures.MPIPoolExecutor`, `client.get_executor()`.
    working_memory : float or str, optional
        What a worker may take beside the matrix: a number of MiB or a text such as "512MB";
        scikit-learn's setting if left out.
    resume : bool, default=True
        Whether to go on with what is at `out`, also if X has got more points at its end; otherwise
        there must be nothing.
    dtype : {"float64", "float32"}, default="float64"
        How the matrix is kept: "float32" takes half of the room, and rounds kernel values to about
        6e-8. scikit-learn's precomputed kernels copy it to double precision.
    verbose : int, default=0
        Whether a progress bar is shown.

    Returns
    -------
    ndarray of shape (n_points_X, n_points_Y), GramStore or dask array
        The store where `out` is given; of dask arrays a lazy one, whose tiles are their chunks.

    Raises
    ------
    TypeError, ValueError
        For bad arguments; ValueError also if `out` holds another matrix.
    FileExistsError
        If `out` exists and `resume` is False.
    MemoryError
        If the matrix, or a tile, would not fit.
    IncompleteGram
        If workers were lost and tiles are missing: run again to go on.

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X = np.random.default_rng(0).uniform(size=(50, 2))
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
    >>> K = qk.gram_matrix(kernel, X, tile_size=16)
    >>> bool(np.allclose(K, kernel(X), rtol=0, atol=1e-12))
    True
    """
    if is_dask_array(X) or is_dask_array(Y):
        _check_lazy(
            out=out,
            n_jobs=n_jobs,
            client=client,
            executor=executor,
            working_memory=working_memory,
            tile_size=None if tile_size == "auto" else tile_size,
            dtype=None if dtype == "float64" else dtype,
        )
        return lazy_gram_matrix(kernel, X, Y)
    pool = chosen_pool(n_jobs, client, executor)
    inputs = check_inputs(kernel, X, Y)
    check_evaluators(inputs.kernel, pool)
    dtype = check_dtype(dtype)
    if out is None:
        K = _empty(inputs.shape, dtype)
        return _filled(K, inputs, tile_size, working_bytes(working_memory), pool, verbose)
    path = Path(out)
    if is_there(path) and not resume:
        raise FileExistsError(f"out: expected nothing there, as resume=False, got {path}")
    if path.exists():
        store = GramStore.open(path)
        store.require_inputs(inputs, tile_size, dtype)
    else:
        store = GramStore.of_inputs(path, inputs, tile_size, working_memory, dtype)
    workers = {"n_jobs": n_jobs, "client": client, "executor": executor}
    return store.fill(inputs.kernel, **workers, working_memory=working_memory, verbose=verbose)


def gram_chunked(
    kernel: Kernel, X: Any, Y: Any = None, *, working_memory: float | str | None = None
) -> Iterator[np.ndarray]:
    """Yield a kernel matrix in blocks of rows that fit the working memory.

    In the manner of `sklearn.metrics.pairwise_distances_chunked`, for what needs rows once: nearest
    neighbours, sums, predictions.

    Parameters
    ----------
    kernel : Kernel
    X : array-like of shape (n_points_X, n_features)
    Y : array-like of shape (n_points_Y, n_features), default=None
    working_memory : float or str, optional
        As in `gram_matrix`, for the block and what it takes to compute it.

    Yields
    ------
    ndarray of shape (n_rows, n_points_Y)
        The next rows.

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X = np.random.default_rng(0).uniform(size=(50, 2))
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
    >>> mean = sum(rows.sum() for rows in qk.gram_chunked(kernel, X)) / 50**2
    """
    inputs, memory = check_inputs(kernel, X, Y), working_bytes(working_memory)
    check_evaluators(inputs.kernel, Here())
    return _rows(inputs, memory)


def _check_lazy(**given: Any) -> None:
    if named := [name for name, value in given.items() if value is not None]:
        raise ValueError(
            f"{named[0]}: expected nothing with dask arrays, whose matrix is computed when it is "
            "asked for; give arrays to compute it now"
        )


def _empty(shape: tuple[int, int], dtype: str) -> np.ndarray:
    require_memory(
        np.dtype(dtype).itemsize * shape[0] * shape[1],
        f"for a kernel matrix of {shape[0]} x {shape[1]}",
        "give out=..., a path where the matrix is kept on disk",
    )
    return np.empty(shape, dtype)


def _filled(
    K: np.ndarray, inputs: Inputs, tile_size: Any, memory: int, pool: Pool, verbose: int
) -> np.ndarray:
    """Write all tiles into a matrix."""
    kernel, X, Y = inputs
    edge = tile_edge(tile_size, inputs.shape, bytes_a_point(sample_points(kernel, X)), memory)
    grid = Grid(len(X), len(inputs.columns), edge, symmetric=Y is None)
    for (i, j), tile in tqdm(
        _tiles(inputs, grid, room_for_points(edge, memory), pool),
        total=len(grid),
        unit="tile",
        disable=not verbose,
    ):
        rows, columns = grid.rows(i), grid.columns(j)
        K[rows, columns] = tile
        if grid.symmetric and i != j:
            K[columns, rows] = tile.T
    return K


def _tiles(
    inputs: Inputs, grid: Grid, memory: int, pool: Pool
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Yield tiles and their places."""
    task = (uuid.uuid4().hex, without_caches(inputs.kernel), memory, pool.threads, grid)
    calls = [
        (*task, (i, j), inputs.X[grid.rows(i)], inputs.columns[grid.columns(j)])
        for i, j in grid.tiles()
    ]
    try:
        for outcome, error in pool.outcomes(compare_blocks, calls):
            if error is not None:
                raise error
            yield outcome
    finally:
        pool.everywhere(forget_prepared)


def _rows(inputs: Inputs, memory: int) -> Iterator[np.ndarray]:
    """Yield rows; the columns' points are prepared once if they fit."""
    kernel, X, Y = without_caches(inputs.kernel), inputs.X, inputs.columns
    a_point = bytes_a_point(sample_points(kernel, X))
    # A quarter is for rows, one for what it takes to compare them, and two for prepared points.
    quarter = memory // 4
    n_rows = min(len(X), quarter // (8 * len(Y)), quarter // a_point)
    n_rows = max(1, min(n_rows, int((quarter / (8 * _COMPARING)) ** 0.5)))
    edge = max(1, min(quarter // (2 * a_point), quarter // (8 * _COMPARING * n_rows)))
    columns = PreparedBlocks(kernel, Y, edge, quarter)
    for start in range(0, len(X), n_rows):
        rows = prepare(kernel, X[start : start + n_rows])
        K = np.empty((len(rows), len(Y)))
        for places, block in columns:
            K[:, places] = compare(kernel, rows, block)
        if inputs.Y is None:
            # Of a point with itself, some kernels know more than of two equal ones.
            K[:, start : start + len(rows)] = compare(kernel, rows)
        yield K
