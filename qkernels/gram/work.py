"""The computing of tiles: in this process, or in others that know the store's path alone.

What lives here: `Worker`, which prepares blocks, compares them and writes tiles; and the functions
that other processes call. Who calls them, and how often at the same time, is in `pools`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import Prepared
from qkernels.gram.arguments import Inputs
from qkernels.gram.blocks import Blocks
from qkernels.gram.layout import Layout, Tile
from qkernels.kernels.composition import compare, prepare, restore, without_caches
from qkernels.loops.jit import at_most_threads
from qkernels.tiles import Grid


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
        self._blocks = Blocks(self._load, memory)

    def compute(self, i: int, j: int) -> None:
        """Compute and write a tile, unless it is there."""
        if self._layout.has(i, j):
            return
        p = self._blocks.get("rows", i)
        q = self._blocks.get(self._layout.grid.column_side, j)
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

    def _load(self, key: tuple[str, int]) -> Prepared:
        """Return a block as it was prepared before, or prepare it and keep it for others."""
        side, number = key
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
        return restore(
            self._kernel, {name: np.concatenate([known[name], new[name]]) for name in known}
        )


# The last worker of a process: what it has prepared is kept from one tile to the next.
_workers: dict[tuple, Worker] = {}


def compute_tile(
    path: str, checksum: str, kernel: Kernel, memory: int, threads: int | None, tile: Tile
) -> None:
    """Compute a tile of the store at a path: what other processes are asked to do."""
    key = path, checksum, os.getpid(), memory
    worker = _workers.get(key)
    if worker is None:
        for old in _workers.keys() - {key}:
            _workers.pop(old, None)
        # Of threads that come at the same time, all take the first one's.
        worker = _workers.setdefault(key, Worker(Layout.open(path), kernel, memory))
    with at_most_threads(threads):
        worker.compute(*tile)


def forget_workers() -> None:
    """Let go of what was prepared in this process."""
    _workers.clear()


def compare_blocks(
    kernel: Kernel, X: np.ndarray, Y: np.ndarray | None, threads: int | None, tile: Tile
) -> tuple[Tile, np.ndarray]:
    """Return a tile of a matrix that is kept in memory, and its place, given its points."""
    with at_most_threads(threads):
        p = prepare(kernel, X)
        return tile, compare(kernel, p, None if Y is None else prepare(kernel, Y))


class TilesInMemory:
    """Tiles of a matrix that is kept in memory, computed in this process.

    Parameters
    ----------
    inputs : Inputs
    grid : Grid
    memory : int
        Bytes of prepared points that may be kept.
    """

    def __init__(self, inputs: Inputs, grid: Grid, memory: int) -> None:
        self._kernel = without_caches(inputs.kernel)
        self._inputs = inputs
        self._grid = grid
        self._blocks = Blocks(self._load, memory)

    def compute(self, i: int, j: int) -> tuple[Tile, np.ndarray]:
        """Return a tile and its place."""
        p = self._blocks.get("rows", i)
        q = self._blocks.get(self._grid.column_side, j)
        return (i, j), compare(self._kernel, p, q)

    def _load(self, key: tuple[str, int]) -> Prepared:
        points = self._inputs.X if key[0] == "rows" else self._inputs.columns
        return prepare(self._kernel, points[self._grid.points(*key)])
