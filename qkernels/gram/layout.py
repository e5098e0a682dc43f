"""Where a store keeps what: points, what was prepared of them, tiles, and tiles that are to grow.

What lives here: `Layout`, the files of a store, each read and written whole. What is said of the
matrix is in `manifest`, one array's chunks are in `chunks`, and what users see is in `store`.

A store is a zarr group (format 3): `X` and `Y`, the points; `points`, what was prepared of them,
where that is smaller than the matrix; and `K`, in chunks of a tile. Of a symmetric matrix the
mirror image of a tile is written first: a tile of the upper half that is there is there on both
sides. `before/n` holds chunks that were written when the matrix had n rows and have got more
since: what they hold is not computed again.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qkernels.evaluators import Prepared
from qkernels.gram.chunks import Chunks, DamagedChunk, import_zarr
from qkernels.gram.manifest import Manifest
from qkernels.tiles import Grid

Tile = tuple[int, int]
SIDES = {"rows": "X", "columns": "Y"}


class Layout:
    """The files of a store.

    Parameters
    ----------
    group : zarr.Group
    """

    def __init__(self, group: Any) -> None:
        self.path = Path(group.store.root)
        self.manifest = Manifest.from_attributes(dict(group.attrs), str(self.path))
        self.group = group

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Layout:
        """Return the files at a path; see `GramStore.open`."""
        zarr = import_zarr()
        if not Path(path).exists():
            raise FileNotFoundError(f"expected a store at {path}, got nothing there")
        try:
            group = zarr.open_group(os.fspath(path), mode="r+", zarr_format=3)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"expected a store at {path}, got: {error!r}") from error
        return cls(group)

    @classmethod
    def create(
        cls,
        path: Path,
        manifest: Manifest,
        X: np.ndarray,
        Y: np.ndarray | None,
        sample: Prepared,
    ) -> Layout:
        """Make a store without tiles, whole or not at all; another process may have been faster.

        Parameters
        ----------
        path : Path
        manifest : Manifest
        X, Y : ndarray of shape (n_points, n_features)
            Y None is the symmetric case.
        sample : Prepared
            A point, as the kernel prepares it.
        """
        zarr = import_zarr()
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

    @property
    def grid(self) -> Grid:
        """The tiles."""
        return self.manifest.grid

    @property
    def sides(self) -> tuple[str, ...]:
        """Whose points are kept: the rows', and the columns' where they are others."""
        return ("rows",) if self.manifest.symmetric else ("rows", "columns")

    @property
    def n_features(self) -> int:
        """Of each point."""
        return int(self.group["X"].shape[1])

    # -- Tiles

    @cached_property
    def _K(self) -> Chunks:
        return Chunks(self.group["K"])

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
        rows, columns = self.grid.rows(i), self.grid.columns(j)
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

    def is_sound(self, i: int, j: int) -> bool:
        """Tell whether a tile and its mirror image are what was written."""
        try:
            tile = self.read(i, j)
            mirrored = self.read(j, i).T if self.manifest.symmetric else tile
        except DamagedChunk:
            return False
        return bool(np.isfinite(tile).all()) and np.array_equal(tile, mirrored)

    # -- Points

    def points(self, side: str) -> np.ndarray:
        """Return all points of the rows or of the columns."""
        return np.concatenate([self.block(side, number) for number in self.block_numbers(side)])

    def block(self, side: str, number: int) -> np.ndarray:
        """Return the points of a row or a column of tiles.

        Raises
        ------
        DamagedChunk
            If they are not what was written.
        """
        return Chunks(self.group[SIDES[side]]).read(number, 0)[: self._length(side, number)]

    def write_block(self, side: str, number: int, points: np.ndarray) -> None:
        """Write the points of a row or a column of tiles, given all points."""
        chunks, part = Chunks(self.group[SIDES[side]]), self._slice(side, number)
        chunks.drop(number, 0)
        chunks.write(points[part], number, 0)

    def block_numbers(self, side: str) -> range:
        """Return the numbers of the rows or columns of tiles."""
        return range(self.grid.shape[side == "columns"])

    def _slice(self, side: str, number: int) -> slice:
        return self.grid.rows(number) if side == "rows" else self.grid.columns(number)

    def _length(self, side: str, number: int) -> int:
        part = self._slice(side, number)
        return part.stop - part.start

    # -- Prepared points

    @cached_property
    def _prepared(self) -> dict[str, dict[str, Chunks]]:
        """Where prepared points are kept, by side and name; empty if nowhere."""
        return {side: _arrays(self.group, f"points/{side}") for side in self.sides}

    def prepared(self, side: str, number: int) -> Mapping[str, np.ndarray] | None:
        """Return what was prepared of a block, None if it is not there or damaged."""
        found = _read_all(self._prepared[side], number)
        n = self._length(side, number)
        return found and {name: array[:n] for name, array in found.items()}

    def keep_prepared(self, side: str, number: int, prepared: Prepared) -> None:
        """Keep what was prepared of a block, if it is smaller than the matrix."""
        arrays = prepared.arrays() if self._prepared[side] else {}
        for name, array in arrays.items():
            self._prepared[side][name].write(array, *_place(number, array))

    def drop_damaged_points(self) -> None:
        """Let go of prepared points that are not what was written."""
        for side in self.sides:
            for chunks in self._prepared[side].values():
                for place in chunks:
                    if chunks.has(*place) and not chunks.is_sound(*place):
                        chunks.drop(*place)

    # -- What was there before the matrix grew

    def _before(self) -> list[Any]:
        if "before" not in self.group:
            return []
        groups = dict(self.group["before"].groups())
        return [groups[n] for n in sorted(groups, key=int, reverse=True)]

    def known_tile(self, i: int, j: int) -> np.ndarray | None:
        """Return the part of a tile that was computed before the matrix grew."""
        for group in self._before():
            chunks = Chunks(group["K"])
            if chunks.covers(i, j) and chunks.has(i, j) and chunks.is_sound(i, j):
                return chunks.read(i, j)
        return None

    def known_points(self, side: str, number: int) -> Mapping[str, np.ndarray] | None:
        """Return what was prepared of a block before it grew."""
        groups = self._before() if side == "rows" else []
        found = (_read_all(_arrays(group, "points/rows"), number) for group in groups)
        return next((arrays for arrays in found if arrays), None)

    def grow(self, X: np.ndarray) -> None:
        """Make room for more rows; X are all points, the first of which are there already.

        What is cut off by a kill is as if it had not begun: the manifest comes last.
        """
        manifest = self.manifest.grown(X)
        n = self.manifest.shape[0]
        if n % self.manifest.tile_size:
            self._put_aside(n)
        self._K.resize(manifest.shape)
        for chunks in (Chunks(self.group["X"]), *self._prepared["rows"].values()):
            chunks.resize((len(X), *chunks.array.shape[1:]))
        old, self.manifest = self.manifest, manifest
        try:
            for number in range(n // manifest.tile_size, len(self.block_numbers("rows"))):
                self.write_block("rows", number, X)
        except BaseException:
            self.manifest = old
            raise
        self.group.attrs.update(manifest.to_attributes())

    def _put_aside(self, n: int) -> None:
        """Move what is in the last row and column of tiles to where it is known as part of more."""
        last = self.grid.shape[0] - 1
        aside = self.group.require_group(f"before/{n}")
        pairs: list[tuple[Chunks, str, Sequence[tuple[int, ...]]]] = [
            (self._K, "K", self._last_tiles(last))
        ]
        for name, chunks in self._prepared["rows"].items():
            pairs.append((chunks, f"points/rows/{name}", [(last, *[0] * (chunks.array.ndim - 1))]))
        for chunks, name, places in pairs:
            kept = chunks.like(aside, name)
            for place in places:
                chunks.move(kept, place)

    def _last_tiles(self, last: int) -> list[Tile]:
        if self.manifest.symmetric:
            return [(i, last) for i in range(last + 1)]
        return [(last, j) for j in range(self.grid.shape[1])]

    def forget_before(self) -> None:
        """Delete what was there before the matrix grew: now that it is complete."""
        if "before" in self.group:
            del self.group["before"]

    def clear_stray(self) -> None:
        """Delete what processes left that were killed while they wrote."""
        self._K.clear_stray()


def _fill(
    group: Any, manifest: Manifest, X: np.ndarray, Y: np.ndarray | None, sample: Prepared
) -> None:
    """Write what a store has before its first tile."""
    size = manifest.tile_size
    points = {"rows": X} if Y is None else {"rows": X, "columns": Y}
    Chunks.create(group, "K", manifest.shape, (size, size), "f8")
    for side, array in points.items():
        chunks = Chunks.create(group, SIDES[side], array.shape, (size, array.shape[1]), "f8")
        for number, zero in chunks:
            chunks.write(array[number * size : (number + 1) * size], number, zero)
        # Keep what was prepared where that is smaller than the matrix; prepare again elsewhere.
        kept = sample.arrays() if sample.nbytes <= 8 * manifest.shape[1] else {}
        for name, one in kept.items():
            rest = one.shape[1:]
            Chunks.create(
                group, f"points/{side}/{name}", (len(array), *rest), (size, *rest), one.dtype
            )
    group.attrs.update(manifest.to_attributes())


def _arrays(group: Any, path: str) -> dict[str, Chunks]:
    if path not in group:
        return {}
    return {name: Chunks(array) for name, array in group[path].arrays()}


def _read_all(arrays: Mapping[str, Chunks], number: int) -> dict[str, np.ndarray] | None:
    """Return a block of each array, None if there is none that is whole."""
    try:
        found = {name: c.read(*_place(number, c.array)) for name, c in arrays.items()}
    except DamagedChunk:
        return None
    return found or None


def _place(number: int, array: Any) -> tuple[int, ...]:
    return (number, *[0] * (array.ndim - 1))
