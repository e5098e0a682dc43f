"""The computing of tiles: in this process, or in others.

What lives here: `Worker`, which prepares blocks, compares them and writes tiles; and the functions
that are called for each tile, of a store by its path, of a matrix in memory with its points. Who
calls them, and how often at the same time, is in `pools`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import Prepared
from qkernels.evaluators.rows import stacked
from qkernels.gram.blocks import Blocks
from qkernels.gram.layout import Layout, Tile
from qkernels.kernels.composition import compare, prepare, restore, without_caches
from qkernels.loops.jit import at_most_threads
from qkernels.tiles import Grid

_Kept = TypeVar("_Kept")


class Worker:
    """Computes tiles of a store.

    Parameters
    ----------
    layout : Layout
    kernel : Kernel
    memory : int
        Bytes of prepared points that may be kept.
    """

    def __init__(self, layout: Layout, kernel: Kernel, memory: int) -> None:
        self._layout = layout
        # What is prepared is kept here.
        self._kernel = without_caches(kernel)
        self._blocks = Blocks(memory)

    def compute(self, i: int, j: int) -> None:
        """Compute and write a tile, unless it is there."""
        if self._layout.has(i, j):
            return
        p, q = self._block("rows", i), self._block(self._layout.grid.column_side, j)
        symmetric = self._layout.grid.symmetric
        known = self._layout.known_tile(i, j)
        tile = self._completed(p, p if symmetric and i == j else q, known)
        if not np.isfinite(tile).all():
            raise ValueError(f"expected finite kernel values, got NaN or infinity in tile {i, j}")
        self._layout.write(i, j, tile)

    def _completed(self, p: Prepared, q: Prepared, known: np.ndarray | None) -> np.ndarray:
        """Return a tile, of which a corner may be known; q is p on the diagonal."""
        if known is None:
            return compare(self._kernel, p, q)
        n, m = known.shape
        tile = np.empty((len(p), len(q)))
        tile[:n, :m] = known
        if n < len(p):
            tile[n:, :m] = compare(self._kernel, p[n:], q[:m])
        if m < len(q) and q is p:
            tile[:n, m:] = tile[n:, :m].T
            tile[n:, m:] = compare(self._kernel, p[n:])
        elif m < len(q):
            tile[:, m:] = compare(self._kernel, p, q[m:])
        return tile

    def _block(self, side: str, number: int) -> Prepared:
        return self._blocks.get((side, number), partial(self._load, side, number))

    def _load(self, side: str, number: int) -> Prepared:
        """Return a block as it was prepared before, or prepare it and keep it for others."""
        arrays = self._layout.prepared(side, number)
        if arrays is not None:
            return restore(self._kernel, arrays)
        points = self._layout.block(side, number)
        known = self._layout.known_points(side, number)
        prepared = self._joined(known, points) if known else prepare(self._kernel, points)
        self._layout.keep_prepared(side, number, prepared)
        return prepared

    def _joined(self, known: Mapping[str, np.ndarray], points: np.ndarray) -> Prepared:
        """Prepare the points that are not known yet."""
        n_known = len(next(iter(known.values())))
        if n_known == len(points):
            return restore(self._kernel, known)
        new = prepare(self._kernel, points[n_known:]).arrays()
        return restore(self._kernel, {name: stacked([known[name], new[name]]) for name in known})


# The last worker of a process, or the blocks of its last matrix in memory: what it has prepared is
# kept from one tile to the next.
_kept: dict[tuple, Any] = {}


def _kept_for(key: tuple, make: Callable[[], _Kept]) -> _Kept:
    """Return what is kept for a key, and let go of what is kept for others."""
    # A forked process must not wait for a lock of its parent.
    key = (*key, os.getpid())
    found: _Kept | None = _kept.get(key)
    if found is None:
        for old in _kept.keys() - {key}:
            _kept.pop(old, None)
        # Of threads that come at the same time, all take the first one's.
        found = _kept.setdefault(key, make())
    return found


def forget_prepared() -> None:
    """Let go of what was prepared in this process."""
    _kept.clear()


def write_tile(
    path: str, checksum: str, kernel: Kernel, memory: int, threads: int | None, tile: Tile
) -> None:
    """Compute a tile of the store at a path: what other processes are asked to do."""
    worker = _kept_for((path, checksum, memory), lambda: Worker(Layout.open(path), kernel, memory))
    with at_most_threads(threads):
        worker.compute(*tile)


def compare_blocks(
    run: str,
    kernel: Kernel,
    memory: int,
    threads: int | None,
    grid: Grid,
    tile: Tile,
    X: np.ndarray,
    Y: np.ndarray,
) -> tuple[Tile, np.ndarray]:
    """Return a tile of a matrix that is kept in memory, and its place.

    Parameters
    ----------
    run : str
        Unique to the matrix.
    kernel, memory, threads
        As in `write_tile`.
    grid : Grid
    tile : (int, int)
    X, Y : ndarray of shape (n_points, n_features)
        The points of its rows and of its columns.
    """
    blocks = _kept_for((run,), lambda: Blocks(memory))
    i, j = tile
    with at_most_threads(threads):
        p = blocks.get(("rows", i), lambda: prepare(kernel, X))
        q = blocks.get((grid.column_side, j), lambda: prepare(kernel, Y))
        return tile, compare(kernel, p, q)
