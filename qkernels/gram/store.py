"""`GramStore`: a kernel matrix on disk, tile by tile, that survives kills and grows.

What lives here: what users see of a store. Its files are in `layout`; tiles are computed by `work`,
in whatever processes `pools` has.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel
from tqdm.auto import tqdm

from qkernels.gram.arguments import Inputs, check_evaluators, check_inputs
from qkernels.gram.chunks import DamagedChunk
from qkernels.gram.files import beside, is_there, reserve
from qkernels.gram.layout import Layout, Tile
from qkernels.gram.manifest import Manifest, digest
from qkernels.gram.pools import Pool, chosen_pool
from qkernels.gram.sizes import (
    bytes_a_point,
    check_dtype,
    check_tile_size,
    room_for_points,
    sample_points,
    tile_edge,
    working_bytes,
)
from qkernels.gram.work import forget_prepared, write_tile
from qkernels.kernels.composition import check_angles, fingerprint, fitted_to
from qkernels.kernels.validation import check_data
from qkernels.memory import require_memory


class IncompleteGram(LookupError):
    """Some tiles of a matrix have not been computed yet."""


class GramStore:
    """A kernel matrix on disk.

    Made by `gram_matrix(kernel, X, out=path)`, and opened again by `GramStore.open(path)`. As an
    array it is the whole matrix; by itself it takes no memory.

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

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

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
        return cls(Layout.open(path))

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        kernel: Kernel,
        X: Any,
        Y: Any = None,
        *,
        tile_size: int | str = "auto",
        working_memory: float | str | None = None,
        dtype: Any = "float64",
    ) -> GramStore:
        """Make a store without tiles, for `fill`.

        Parameters
        ----------
        path : str or path-like
            Where nothing is.
        kernel, X, Y, tile_size, working_memory, dtype
            As in `gram_matrix`.

        Raises
        ------
        FileExistsError
            If there is something.
        FileNotFoundError
            If the folder does not exist.
        """
        inputs = check_inputs(kernel, X, Y)
        if is_there(Path(path)):
            raise FileExistsError(f"expected nothing at {path}, got something there")
        return cls.of_inputs(path, inputs, tile_size, working_memory, check_dtype(dtype))

    @classmethod
    def of_inputs(
        cls,
        path: str | os.PathLike[str],
        inputs: Inputs,
        tile_size: int | str,
        working_memory: float | str | None,
        dtype: str,
    ) -> GramStore:
        """Make a store without tiles where nothing is; see `create`."""
        path = Path(path)
        if not path.resolve().parent.is_dir():
            raise FileNotFoundError(f"expected the folder of {path} to exist")
        sample = sample_points(inputs.kernel, inputs.X)
        memory = working_bytes(working_memory)
        edge = tile_edge(tile_size, inputs.shape, bytes_a_point(sample), memory)
        manifest = Manifest.of(*inputs, edge, dtype)
        return cls(Layout.create(path, manifest, inputs.X, inputs.Y, sample))

    def require_inputs(self, inputs: Inputs, tile_size: int | str, dtype: str) -> None:
        """Raise ValueError if the store is not of these, or of the first of these points.

        Points that are new are added, and points that are damaged are written anew.
        """
        edge = self.tile_size if tile_size == "auto" else check_tile_size(tile_size)
        n = self.shape[0]
        if len(inputs.X) > n and digest(inputs.X[:n]) == self.manifest.rows:
            self._require_same(inputs._replace(X=inputs.X[:n]), edge, dtype)
            self.grow(inputs.kernel, inputs.X[n:])
        self._require_same(inputs, edge, dtype)

    def _require_same(self, inputs: Inputs, edge: int, dtype: str) -> None:
        self.manifest.require_same(Manifest.of(*inputs, edge, dtype), str(self.path))
        for side, points in zip(self._layout.sides, (inputs.X, inputs.columns), strict=False):
            for number in self._layout.block_numbers(side):
                try:
                    self._layout.block(side, number)
                except DamagedChunk:
                    self._layout.write_block(side, number, points)

    def __repr__(self) -> str:
        n, m = self.shape
        total = len(self._layout.grid)
        return f"GramStore({n} x {m}, {total - len(self.missing())} of {total} tiles)"

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._layout.path

    @property
    def manifest(self) -> Manifest:
        """What the store says of itself."""
        return self._layout.manifest

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return self.manifest.shape

    @property
    def ndim(self) -> int:
        """Two, as of any matrix."""
        return 2

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers on disk."""
        return np.dtype(self.manifest.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole matrix."""
        return self.dtype.itemsize * self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

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
            If it could not be written as JSON.
        """
        return self.manifest.read_kernel()

    @property
    def X(self) -> np.ndarray:
        """The points of the rows, of shape (n_rows, n_features)."""
        return self._layout.points("rows")

    @property
    def Y(self) -> np.ndarray | None:
        """The points of the columns; None where they are those of the rows."""
        return None if self.manifest.symmetric else self._layout.points("columns")

    @property
    def progress(self) -> float:
        """How much of the matrix is there, from 0 to 1."""
        return 1 - len(self.missing()) / len(self._layout.grid)

    def missing(self) -> list[Tile]:
        """Return the tiles that are not there, in the order in which they are computed."""
        return [tile for tile in self._layout.grid.tiles() if not self._layout.has(*tile)]

    # -- Computing

    def fill(
        self,
        kernel: Kernel | None = None,
        *,
        tiles: list[Tile] | None = None,
        n_jobs: int | None = None,
        client: Any = None,
        executor: Any = None,
        working_memory: float | str | None = None,
        verbose: int = 0,
    ) -> GramStore:
        """Compute the tiles that are missing.

        Parameters
        ----------
        kernel : Kernel, optional
            The store's own if left out.
        tiles : list of (int, int), optional
            Some of those that are missing.
        n_jobs, client, executor, working_memory, verbose
            As in `gram_matrix`.

        Returns
        -------
        GramStore
            Itself.

        Raises
        ------
        ValueError
            If the kernel is not the one that the store was begun with.
        IncompleteGram
            If workers were lost: run again to go on.
        """
        pool = chosen_pool(n_jobs, client, executor)
        kernel = self._checked_kernel(kernel, pool)
        memory = working_bytes(working_memory)
        self._compute(kernel, self.missing() if tiles is None else tiles, pool, memory, verbose)
        if not self.missing():
            self._layout.clear()
        return self

    def _compute(
        self, kernel: Kernel, tiles: list[Tile], pool: Pool, memory: int, verbose: int
    ) -> None:
        room = room_for_points(self.tile_size, memory)
        task = (str(self.path), self.manifest.checksum, kernel, room, pool.threads)
        outcomes = pool.outcomes(write_tile, [(*task, tile) for tile in tiles])
        lost = []
        try:
            for _, error in tqdm(outcomes, total=len(tiles), unit="tile", disable=not verbose):
                lost += [] if error is None else [error]
        finally:
            pool.everywhere(forget_prepared)
        missing = [tile for tile in tiles if not self._layout.has(*tile)]
        if lost and missing:
            raise IncompleteGram(
                f"expected {len(tiles)} more tiles of {self.path}, got "
                f"{len(tiles) - len(missing)} as workers were lost: run again to go on; the first "
                f"error was {lost[0]!r}"
            ) from lost[0]

    def extend(
        self,
        X_new: Any,
        kernel: Kernel | None = None,
        *,
        n_jobs: int | None = None,
        client: Any = None,
        executor: Any = None,
        working_memory: float | str | None = None,
        verbose: int = 0,
    ) -> GramStore:
        """Add points to the rows, and to the columns where they are the same; compute what is new.

        If this is cut off, the points are there: go on with `fill`, or, whatever has happened, with
        `gram_matrix(kernel, X, out=path)` of all points.

        Parameters
        ----------
        X_new : array-like of shape (n_new, n_features)
        kernel, n_jobs, client, executor, working_memory, verbose
            As in `fill`.

        Returns
        -------
        GramStore
            Itself, now of a larger shape.

        Raises
        ------
        ValueError
            If the new points have another width than the old ones, or are none for the kernel; if
            the store has grown since it was opened. Then nothing is changed.
        """
        new = check_data(X_new, owner="GramStore", name="X_new")
        if new.shape[1] != self._layout.n_features:
            raise ValueError(
                f"X_new: expected points of {self._layout.n_features} features, as those of "
                f"{self.path}, got {new.shape[1]}"
            )
        kernel = self._checked_kernel(kernel, chosen_pool(n_jobs, client, executor))
        working_bytes(working_memory)
        self.grow(kernel, new)
        return self.fill(
            kernel,
            n_jobs=n_jobs,
            client=client,
            executor=executor,
            working_memory=working_memory,
            verbose=verbose,
        )

    def grow(self, kernel: Kernel, new: np.ndarray) -> None:
        """Add points, without computing anything."""
        check_angles(kernel, new)
        self._layout = self._layout.grow(np.concatenate([self.X, new]))

    def _checked_kernel(self, kernel: Kernel | None, pool: Pool) -> Kernel:
        kernel = self.kernel if kernel is None else fitted_to(kernel, self._layout.n_features)
        if fingerprint(kernel) != self.manifest.kernel:
            raise ValueError(f"expected the kernel that {self.path} was begun with, got {kernel!r}")
        check_evaluators(kernel, pool)
        return kernel

    def set_tasks(self, count: int) -> None:
        """Share the tiles among so many tasks, each of which calls `fill(tiles=...)`."""
        self._layout.group.attrs["tasks"] = count

    @property
    def n_tasks(self) -> int:
        """How many tasks share the tiles."""
        return int(self._layout.group.attrs.get("tasks", 1))

    def tiles_of_task(self, task: int) -> list[Tile]:
        """Return the tiles that are missing of a task's share.

        Raises
        ------
        ValueError
            If there is no such task.
        """
        count = self.n_tasks
        if not 0 <= task < count:
            raise ValueError(f"expected a task from 0 to {count - 1}, got {task}")
        tiles = self._layout.grid.tiles()
        first, end = (len(tiles) * k // count for k in (task, task + 1))
        return [tile for tile in tiles[first:end] if not self._layout.has(*tile)]

    def clear(self) -> None:
        """Delete what is not needed any more, once the matrix is complete."""
        self.require_complete()
        self._layout.clear()

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
            If the points themselves are damaged: a run with the same points writes them anew. The
            tiles have been looked at then.
        """
        self._layout.drop_damaged_points()
        there = [tile for tile in self._layout.grid.tiles() if self._layout.has(*tile)]
        bar = tqdm(there, unit="tile", disable=not verbose)
        damaged = [tile for tile in bar if not self._layout.is_sound(*tile)]
        for tile in damaged:
            self._layout.drop(*tile)
        for side in self._layout.sides:
            self._layout.points(side)
        return damaged

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
        self.require_complete()
        require_memory(
            self.nbytes,
            f"for the matrix of {self.path}",
            "take to_npy, which numpy maps into memory, or to_dask",
        )
        return self._copied(np.empty(self.shape, self.dtype))

    def to_npy(self, path: str | os.PathLike[str]) -> None:
        """Write the whole matrix as a .npy file in C order, a tile at a time.

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
        with beside(path) as new:
            K = np.lib.format.open_memmap(new, mode="w+", dtype=self.dtype, shape=self.shape)
            reserve(new)
            self._copied(K).flush()
            new.replace(path)

    def to_dask(self) -> Any:
        """Return the whole matrix as a dask array of tiles, which are read when it is computed.

        Raises
        ------
        IncompleteGram
            If tiles are missing.
        """
        from qkernels.gram.lazy import import_dask_array

        da = import_dask_array()
        self.require_complete()
        n, m = self.shape
        return da.from_zarr(str(self.path), component="K")[:n, :m]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole matrix in memory, for `numpy.asarray`."""
        if copy is False:
            raise ValueError("expected copy=None or True: the matrix is read from files")
        return self.to_numpy().astype(dtype or self.dtype, copy=False)

    def require_complete(self) -> None:
        """Raise IncompleteGram if tiles are missing."""
        if missing := self.missing():
            total = len(self._layout.grid)
            raise IncompleteGram(
                f"expected all {total} tiles of {self.path}, got {total - len(missing)}: "
                "run again to go on"
            )

    def _copied(self, K: Any) -> Any:
        grid = self._layout.grid
        for i, j in np.ndindex(*grid.shape):
            K[grid.rows(i), grid.columns(j)] = self._layout.read(i, j)
        return K
