"""The computing of tiles: in this process, or in others that know the store's path alone.

What lives here: `Worker`, which prepares blocks, compares them and writes tiles; and the function
that other processes call. Who calls it, and how often at the same time, is in `pools`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from tqdm.auto import tqdm

from qkernels.evaluators import Prepared
from qkernels.gram.blocks import Blocks
from qkernels.gram.chunks import DamagedChunk
from qkernels.gram.manifest import Manifest
from qkernels.gram.pools import Pool
from qkernels.gram.store import GramStore, Tile
from qkernels.kernels.composition import compare, prepare, restore
from qkernels.loops.jit import at_most_threads

# The last worker of a process: prepared blocks are kept from one tile to the next.
_workers: dict[tuple, Worker] = {}


class Worker:
    """Computes tiles of a store.

    Parameters
    ----------
    store : GramStore
    kernel : Kernel
    memory : int
        Bytes of prepared points that may be kept.
    """

    def __init__(self, store: GramStore, kernel: Kernel, memory: int) -> None:
        self._store = store
        self.kernel = kernel
        self._blocks = Blocks(self._load, memory)

    def compute(self, i: int, j: int) -> float:
        """Compute and write a tile unless it is there; return the seconds that it took."""
        start = time.perf_counter()
        if self._store.has(i, j):
            return 0.0
        symmetric = self._store.manifest.symmetric
        p = self._blocks.get("rows", i)
        q = self._blocks.get("rows" if symmetric else "columns", j)
        tile = compare(self.kernel, p, None if symmetric and i == j else q)
        if not np.isfinite(tile).all():
            raise ValueError(f"expected finite kernel values, got NaN or infinity in tile {i, j}")
        self._store.write(i, j, tile)
        return time.perf_counter() - start

    def _load(self, key: tuple[str, int]) -> Prepared:
        """Return a block as it was prepared before, or prepare it and keep it for others."""
        side, number = key
        kept = self._store.prepared(side)
        places = {name: (number, *[0] * (c.array.ndim - 1)) for name, c in kept.items()}
        try:
            if kept:
                return restore(
                    self.kernel, {name: c.read(*places[name]) for name, c in kept.items()}
                )
        except DamagedChunk:
            pass
        prepared = prepare(self.kernel, self._store.block(side, number))
        for name, array in prepared.arrays().items() if kept else ():
            kept[name].write(array, *places[name])
        return prepared


def create_store(
    path: Path, kernel: Kernel, X: np.ndarray, Y: np.ndarray | None, tile_size: int
) -> GramStore:
    """Make a store without tiles."""
    manifest = Manifest.of(kernel, X, Y, tile_size)
    return GramStore.create(path, manifest, X, Y, prepare(kernel, X[:1]))


def fill_store(
    store: GramStore, kernel: Kernel, tiles: list[Tile], pool: Pool, memory: int, verbose: int
) -> list[BaseException]:
    """Compute tiles of a store; return what went wrong with those that workers did not end."""
    store.clear_stray()
    task = (str(store.path), store.manifest.identity, kernel, memory, pool.threads)
    outcomes = pool.outcomes(compute_tile, ((*task, tile) for tile in tiles))
    total = len(store.manifest.grid)
    errors: list[BaseException] = []
    with tqdm(
        total=total, initial=total - len(tiles), unit="tile", disable=not verbose
    ) as progress:
        try:
            for _, error in outcomes:
                if error is not None:
                    errors.append(error)
                progress.update()
        finally:
            _workers.clear()
    return errors


def compute_tile(
    path: str, identity: str, kernel: Kernel, memory: int, threads: int | None, tile: Tile
) -> float:
    """Compute a tile of the store at a path: what other processes are asked to do."""
    key = path, identity, os.getpid(), memory
    if key not in _workers:
        _workers.clear()
        _workers[key] = Worker(GramStore.open(path), kernel, memory)
    with at_most_threads(threads):
        return _workers[key].compute(*tile)


def compare_blocks(
    kernel: Kernel, X: np.ndarray, Y: np.ndarray | None, tile: Tile, threads: int | None
) -> tuple[Tile, np.ndarray]:
    """Return a tile of a matrix that is kept in memory, and its place."""
    with at_most_threads(threads):
        p = prepare(kernel, X)
        return tile, compare(kernel, p, None if Y is None else prepare(kernel, Y))
