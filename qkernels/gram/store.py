"""`GramStore`: a kernel matrix on disk, tile by tile, that survives kills and grows.

What lives here: the layout of a store, which tiles are there, and reading the matrix. What is
said of it is in `manifest`, how chunks are kept in `chunks`; tiles are computed by `work`, and
growing is in `growth`.

A store is a zarr group (format 3): `X` and `Y`, the points; `points`, what was prepared of them,
where that is smaller than the matrix; and `K`, in chunks of a tile. Of a symmetric matrix the
mirror image of a tile is written first: a tile of the upper half that is there is there on both
sides.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from tqdm.auto import tqdm

from qkernels.evaluators import Prepared
from qkernels.gram.chunks import Chunks, DamagedChunk, import_zarr
from qkernels.gram.manifest import Manifest
from qkernels.kernels.composition import fingerprint

Tile = tuple[int, int]


class IncompleteGram(LookupError):
    """Some tiles of a matrix have not been computed yet."""


class GramStore:
    """A kernel matrix on disk.

    Made by `gram_matrix(kernel, X, out=path)`, and opened again by `GramStore.open(path)`. As an
    array it is the whole matrix; by itself it takes no memory.

    Parameters
    ----------
    group : zarr.Group

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X = np.random.default_rng(0).uniform(size=(50, 2))
    >>> path = getfixture("tmp_path") / "K.zarr"
    >>> store = qk.gram_matrix(qk.FidelityKernel(qk.feature_maps.zz), X, out=path, tile_size=20)
    >>> store
    GramStore(50 x 50, 6 of 6 tiles)
    >>> np.asarray(qk.GramStore.open(path)).shape
    (50, 50)
    """

    def __init__(self, group: Any) -> None:
        self.path = Path(group.store.root)
        self.manifest = Manifest.from_attributes(dict(group.attrs), str(self.path))
        self._group = group
        self._K = Chunks(group["K"])

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> GramStore:
        """Return the store at a path.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        FileNotFoundError
            If there is nothing.
        ValueError
            If what is there is not a store, or one of another version.
        """
        zarr = import_zarr()
        if not Path(path).exists():
            raise FileNotFoundError(f"expected a store at {path}, got nothing there")
        try:
            group = zarr.open_group(os.fspath(path), mode="r+")
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"expected a store at {path}, got: {error!r}") from error
        return cls(group)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        manifest: Manifest,
        X: np.ndarray,
        Y: np.ndarray | None,
        sample: Prepared,
    ) -> GramStore:
        """Make a store without tiles, whole or not at all; another process may have been faster.

        Parameters
        ----------
        path : str or path-like
        manifest : Manifest
        X, Y : ndarray of shape (n_points, n_features)
            Y None is the symmetric case.
        sample : Prepared
            A point, as the kernel prepares it.
        """
        zarr = import_zarr()
        path = Path(path)
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            _fill(zarr.create_group(os.fspath(beside)), manifest, X, Y, sample)
            try:
                beside.rename(path)
            except OSError:
                if not path.exists():
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return cls.open(path)

    def __repr__(self) -> str:
        n, m = self.shape
        total = len(self.manifest.grid)
        return f"GramStore({n} x {m}, {total - len(self.missing())} of {total} tiles)"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self.manifest.shape

    @property
    def tile_size(self) -> int:
        """The edge of a tile."""
        return self.manifest.tile_size

    @property
    def kernel(self) -> Kernel:
        """The kernel.

        Raises
        ------
        ValueError
            If it could not be written as JSON, or what was written is damaged.
        """
        kernel = self.manifest.read_kernel()
        if fingerprint(kernel) != self.manifest.kernel:
            raise ValueError(f"expected the kernel that {self.path} was begun with, got {kernel!r}")
        return kernel

    @property
    def X(self) -> np.ndarray:
        """The points of the rows, of shape (n_rows, n_features)."""
        return self.points("rows")

    @property
    def Y(self) -> np.ndarray | None:
        """The points of the columns; None where they are those of the rows."""
        return None if self.manifest.symmetric else self.points("columns")

    @property
    def progress(self) -> float:
        """How much of the matrix is there, from 0 to 1."""
        return 1 - len(self.missing()) / len(self.manifest.grid)

    def missing(self) -> list[Tile]:
        """Return the tiles that are not there, in the order in which they are computed."""
        return [tile for tile in self.manifest.grid.tiles() if not self.has(*tile)]

    # -- Tiles and points

    def has(self, i: int, j: int) -> bool:
        """Tell whether a tile is there."""
        return self._K.has(i, j)

    def read(self, i: int, j: int) -> np.ndarray:
        """Return a tile.

        Raises
        ------
        DamagedChunk
            If it is missing, or is not what was written.
        """
        grid = self.manifest.grid
        rows, columns = grid.rows(i), grid.columns(j)
        tile = self._K.read(i, j)
        return tile[: rows.stop - rows.start, : columns.stop - columns.start]

    def write(self, i: int, j: int, tile: np.ndarray) -> None:
        """Write a tile, and its mirror image where there is one."""
        if self.manifest.symmetric and i != j:
            self._K.write(np.ascontiguousarray(tile.T), j, i)
        self._K.write(tile, i, j)

    def drop(self, i: int, j: int) -> None:
        """Let go of a tile, so that it is computed again."""
        self._K.drop(i, j)

    def points(self, side: str) -> np.ndarray:
        """Return all points of the rows or of the columns."""
        chunks = self._points(side)
        return np.concatenate([chunks.read(*place) for place in chunks])

    def block(self, side: str, number: int) -> np.ndarray:
        """Return the points of a row or a column of tiles."""
        return self._points(side).read(number, 0)

    def prepared(self, side: str) -> Mapping[str, Chunks]:
        """Return where prepared points are kept, by the name of the array; empty if nowhere."""
        if "points" not in self._group:
            return {}
        return {name: Chunks(array) for name, array in self._group[f"points/{side}"].arrays()}

    def _points(self, side: str) -> Chunks:
        return Chunks(self._group["X" if side == "rows" else "Y"])

    @property
    def _sides(self) -> tuple[str, ...]:
        return ("rows",) if self.manifest.symmetric else ("rows", "columns")

    # -- What is damaged

    def verify(self, *, verbose: int = 0) -> list[Tile]:
        """Read everything back, and let go of what is not as it was written.

        Parameters
        ----------
        verbose : int, default=0
            Whether a progress bar is shown.

        Returns
        -------
        list of (int, int)
            The tiles that were damaged; they are missing now, and computed by the next run.

        Raises
        ------
        DamagedChunk
            If the points themselves are damaged: a run with the same points writes them anew.
        """
        for side in self._sides:
            self.points(side)
            for chunks in self.prepared(side).values():
                _drop_damaged(chunks)
        there = [tile for tile in self.manifest.grid.tiles() if self.has(*tile)]
        damaged = [
            tile
            for tile in tqdm(there, unit="tile", disable=not verbose)
            if not self._is_sound(*tile)
        ]
        for tile in damaged:
            self.drop(*tile)
        return damaged

    def _is_sound(self, i: int, j: int) -> bool:
        try:
            tile = self.read(i, j)
            mirrored = self.read(j, i).T if self.manifest.symmetric else tile
        except DamagedChunk:
            return False
        return bool(np.isfinite(tile).all()) and np.array_equal(tile, mirrored)

    def mend_points(self, X: np.ndarray, Y: np.ndarray | None) -> None:
        """Write the points anew where they are damaged."""
        for side, points in zip(self._sides, (X, Y), strict=False):
            chunks = self._points(side)
            for number, zero in chunks:
                try:
                    chunks.read(number, zero)
                except DamagedChunk:
                    chunks.drop(number, zero)
                    size = self.tile_size
                    chunks.write(points[number * size : (number + 1) * size], number, zero)

    def clear_stray(self) -> None:
        """Delete what processes left that were killed while they wrote."""
        self._K.clear_stray()

    # -- The matrix

    def to_numpy(self) -> np.ndarray:
        """Return the whole matrix in memory.

        Raises
        ------
        IncompleteGram
            If tiles are missing.
        DamagedChunk
            If a tile is not what was written.
        """
        K = np.empty(self.shape)
        self._copy_to(K)
        return K

    def to_npy(self, path: str | os.PathLike[str]) -> None:
        """Write the whole matrix as a .npy file of C-ordered float64, a tile at a time.

        `numpy.load(path, mmap_mode="r")` reads it without taking memory, and estimators with
        `kernel="precomputed"` take it as it is.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        IncompleteGram, DamagedChunk
            As `to_numpy` does; then there is no file.
        """
        self.require_complete()
        path = Path(path)
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            K = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float64, shape=self.shape)
            self._copy_to(K)
            K.flush()
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def to_dask(self) -> Any:
        """Return the whole matrix as a dask array of tiles, which reads them when computed."""
        from qkernels.gram.lazy import import_dask_array

        self.require_complete()
        da = import_dask_array()
        n, m = self.shape
        return da.from_array(self._group["K"], chunks=self.tile_size, name=False)[:n, :m]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("expected copy=None or True: the matrix is read from a file")
        return self.to_numpy().astype(dtype or np.float64, copy=False)

    def require_complete(self) -> None:
        """Raise IncompleteGram if tiles are missing."""
        if missing := self.missing():
            raise IncompleteGram(
                f"expected all {len(self.manifest.grid)} tiles of {self.path}, got "
                f"{len(self.manifest.grid) - len(missing)}: run again to go on"
            )

    def _copy_to(self, K: np.ndarray) -> None:
        self.require_complete()
        grid = self.manifest.grid
        for i, j in np.ndindex(*grid.shape):
            K[grid.rows(i), grid.columns(j)] = self.read(i, j)


def _fill(
    group: Any, manifest: Manifest, X: np.ndarray, Y: np.ndarray | None, sample: Prepared
) -> None:
    """Write what a store has before its first tile."""
    size = manifest.tile_size
    sides = {"rows": ("X", X)} | ({} if Y is None else {"columns": ("Y", Y)})
    for name, points in sides.values():
        chunks = Chunks.create(group, name, points.shape, (size, points.shape[1]), "f8")
        for number, zero in chunks:
            chunks.write(points[number * size : (number + 1) * size], number, zero)
    Chunks.create(group, "K", manifest.shape, (size, size), "f8")
    # Keep what was prepared where that is smaller than the matrix; simulate again elsewhere.
    if sample.nbytes <= 8 * manifest.shape[1]:
        for side, (_, points) in sides.items():
            for name, array in sample.arrays().items():
                rest = array.shape[1:]
                Chunks.create(
                    group,
                    f"points/{side}/{name}",
                    (len(points), *rest),
                    (size, *(max(n, 1) for n in rest)),
                    array.dtype,
                )
    group.attrs.update(manifest.to_attributes())


def _drop_damaged(chunks: Chunks) -> None:
    for place in chunks:
        try:
            if chunks.has(*place):
                chunks.read(*place)
        except DamagedChunk:
            chunks.drop(*place)
