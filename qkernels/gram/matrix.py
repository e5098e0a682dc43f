"""`gram_matrix` and `gram_chunked`: a kernel matrix by tiles, in memory, on disk or on a cluster.

What lives here: the public functions, the checks of what they are given, and the choice of where
tiles go. The tiles themselves are computed by `work`, and kept by `store`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from tqdm.auto import tqdm

from qkernels.gram.blocks import Blocks
from qkernels.gram.manifest import Manifest
from qkernels.gram.pools import Pool, chosen_pool
from qkernels.gram.sizes import tile_edge, working_bytes
from qkernels.gram.store import GramStore
from qkernels.gram.work import compare_blocks, create_store, fill_store
from qkernels.kernels.composition import compare, fitted_to, parts, prepare
from qkernels.kernels.embedding import check_points
from qkernels.memory import require_memory
from qkernels.tiles import Grid


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
    verbose: int = 0,
) -> Any:
    """Return a kernel matrix that is computed tile by tile.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel, or a sum, product or power of such and scikit-learn's.
    X : array-like of shape (n_points_X, n_features)
    Y : array-like of shape (n_points_Y, n_features), default=None
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
        Whether to go on with what is at `out`; otherwise it must not exist.
    verbose : int, default=0
        Whether a progress bar is shown.

    Returns
    -------
    ndarray of shape (n_points_X, n_points_Y), or GramStore
        The store where `out` is given.

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
    pool = chosen_pool(n_jobs, client, executor)
    points, kernel = _checked(kernel, X, Y)
    first, second = points[0], points[1] if len(points) == 2 else None
    memory = working_bytes(working_memory)
    sample = prepare(kernel, first[:1])
    if out is None:
        edge = tile_edge(tile_size, len(first), len(points[-1]), sample.nbytes, memory)
        grid = Grid(len(first), len(points[-1]), edge, symmetric=second is None)
        return _in_memory(kernel, first, points[-1], grid, pool, verbose)
    path = Path(out)
    if path.exists() and not resume:
        raise FileExistsError(f"out: expected nothing there, as resume=False, got {path}")
    if not path.exists():
        edge = tile_edge(tile_size, len(first), len(points[-1]), sample.nbytes, memory)
        store = create_store(path, kernel, first, second, edge)
    else:
        store = GramStore.open(path)
        edge = store.tile_size if tile_size == "auto" else tile_edge(tile_size, 0, 0, 0, memory)
        store.manifest.require_same(Manifest.of(kernel, first, second, edge), str(path))
        store.mend_points(first, second)
    fill_store(store, kernel, store.missing(), pool, memory, verbose)
    store.require_complete()
    return store


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
    points, kernel = _checked(kernel, X, Y)
    return _rows(kernel, points, working_bytes(working_memory))


def _checked(kernel: Kernel, X: Any, Y: Any) -> tuple[list[np.ndarray], Kernel]:
    """Return the points, and the kernel with feature maps for their width."""
    owner = type(parts(kernel)[0]).__name__
    points = check_points(X, Y, owner=owner)
    widths = [P.shape[1] for P in points]
    if len(set(widths)) > 1:
        raise ValueError(f"expected X and Y of equally many features, got {widths}")
    return points, fitted_to(kernel, widths[0])


def _in_memory(
    kernel: Kernel, X: np.ndarray, Y: np.ndarray, grid: Grid, pool: Pool, verbose: int
) -> np.ndarray:
    shape = grid.n_rows, grid.n_columns
    require_memory(
        8 * shape[0] * shape[1],
        f"for a kernel matrix of {shape[0]} x {shape[1]}",
        "give out=..., a path where the matrix is kept on disk",
    )
    K = np.empty(shape)
    calls = (
        (
            kernel,
            X[grid.rows(i)],
            None if grid.symmetric and i == j else Y[grid.columns(j)],
            (i, j),
            pool.threads,
        )
        for i, j in grid.tiles()
    )
    outcomes = pool.outcomes(compare_blocks, calls)
    for outcome, error in tqdm(outcomes, total=len(grid), unit="tile", disable=not verbose):
        if error is not None:
            raise error
        (i, j), tile = outcome
        rows, columns = grid.rows(i), grid.columns(j)
        K[rows, columns] = tile
        if grid.symmetric and i != j:
            K[columns, rows] = tile.T
    return K


def _rows(kernel: Kernel, points: list[np.ndarray], memory: int) -> Iterator[np.ndarray]:
    """Yield rows; the columns' points are prepared once if they fit."""
    X, Y = points[0], points[-1]
    sample = prepare(kernel, X[:1])
    # Half of the memory is for rows and what it takes to compare, half for prepared columns.
    n_rows = max(1, min(len(X), memory // (4 * 8 * len(Y))))
    edge = max(1, min(len(Y), memory // (4 * max(sample.nbytes, 1))))
    columns = Blocks(
        lambda key: prepare(kernel, Y[key[1] * edge : (key[1] + 1) * edge]), memory // 2
    )
    for start in range(0, len(X), n_rows):
        rows = prepare(kernel, X[start : start + n_rows])
        K = np.empty((len(rows), len(Y)))
        for number in range(-(-len(Y) // edge)):
            block = columns.get("columns", number)
            K[:, number * edge : number * edge + len(block)] = compare(kernel, rows, block)
        if len(points) == 1:
            # Of a point with itself, some kernels know more than of two equal ones.
            K[:, start : start + len(rows)] = compare(kernel, rows)
        yield K
