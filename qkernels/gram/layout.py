"""Where a store keeps what: points, what was prepared of them, tiles, and tiles that are to grow.

What lives here: `Layout`, the files of a store, each read and written whole. What is said of the
matrix is in `manifest`, one array's chunks are in `chunks`, and what users see is in `store`.

A store is a zarr group (format 3): `X` and `Y`, the points; `points`, what was prepared of them,
where that is smaller than the matrix; and `K`, in chunks of a tile. Of a symmetric matrix the
mirror image of a tile is written first: a tile of the upper half that is there is there on both
sides. `before/n` holds chunks that were written when the matrix had n rows and have got more
since: what they hold is not computed again.

Chunks are replaced, never changed. So a store grows by a new one beside it, into which the old
one's chunks are linked, and which takes its place: a kill leaves one of the two.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qkernels.evaluators import Prepared
from qkernels.evaluators.rows import widened
from qkernels.gram.chunks import Chunks, DamagedChunk, has_checksums, import_zarr
from qkernels.gram.files import OUTGROWN, aside, beside, is_there, link, locked
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
        _require_arrays(group, self.manifest)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Layout:
        """Return the files at a path; see `GramStore.open`."""
        zarr = import_zarr()
        path = Path(path).resolve()
        if not is_there(path):
            raise FileNotFoundError(f"expected a store at {path}, got nothing there")
        try:
            group = zarr.open_group(os.fspath(path), mode="r+", zarr_format=3)
        except Exception as error:
            # Of damaged metadata zarr complains in many ways.
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
            A point or a few, as the kernel prepares them.
        """
        path = path.resolve()
        with beside(path) as new:
            _fill(new, manifest, X, Y, sample.arrays() if _is_small(sample, manifest) else {})
            try:
                new.rename(path)
            except OSError:
                if not path.exists():
                    raise
        found = cls.open(path)
        found.manifest.require_same(manifest, str(path))
        return found

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
        """Tell whether a tile is there, with its mirror image."""
        return self._K.has(i, j) and (not self.manifest.symmetric or self._K.has(j, i))

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
        """Write a tile, and its mirror image where there is one.

        Raises
        ------
        ValueError
            If the store has grown, or was replaced, since it was opened.
        """
        self.require_unchanged()
        tile = tile.astype(self.manifest.dtype, copy=False)
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
        Chunks(self.group[SIDES[side]]).write(points[self.grid.points(side, number)], number, 0)

    def block_numbers(self, side: str) -> range:
        """Return the numbers of the rows or columns of tiles."""
        return range(self.grid.shape[side == "columns"])

    def _length(self, side: str, number: int) -> int:
        part = self.grid.points(side, number)
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
        """Keep what was prepared of a block, if it is smaller than the matrix.

        Of points that take more room than those of which the store was told, nothing is kept.
        """
        self.require_unchanged()
        kept = self._prepared[side]
        arrays = prepared.arrays() if kept else {}
        if any(_exceeds(array, kept[name].array) for name, array in arrays.items()):
            return
        for name, array in arrays.items():
            chunks = kept[name]
            chunks.write(widened(array, chunks.array.shape[1:]), *_place(number, array))

    def drop_damaged_points(self) -> None:
        """Let go of prepared points that are not what was written."""
        for side in self.sides:
            for chunks in self._prepared[side].values():
                for place in chunks:
                    if chunks.has(*place) and not chunks.is_sound(*place):
                        chunks.drop(*place)

    # -- What was there before the matrix grew

    def _before(self) -> list[Any]:
        """Return what there was, the latest first; another process may just have deleted it."""
        # What zarr raises keeps its callers' points alive until the next garbage collection.
        if not (self.path / "before").is_dir():
            return []
        try:
            groups = dict(self.group["before"].groups())
        except (KeyError, FileNotFoundError):
            return []
        return [groups[n] for n in sorted(groups, key=int, reverse=True)]

    def known_tile(self, i: int, j: int) -> np.ndarray | None:
        """Return the part of a tile that was computed before the matrix grew."""
        for group in self._before():
            try:
                chunks = Chunks(group["K"])
                if chunks.covers(i, j):
                    return chunks.read(i, j)
            except (DamagedChunk, KeyError, FileNotFoundError):
                continue
        return None

    def known_points(self, side: str, number: int) -> Mapping[str, np.ndarray] | None:
        """Return what was prepared of a block before it grew."""
        for group in self._before() if side == "rows" else []:
            arrays = _arrays(group, "points/rows")
            known = arrays.keys() == self._prepared[side].keys()
            if known and (found := _read_all(arrays, number)):
                return found
        return None

    def grow(self, X: np.ndarray) -> Layout:
        """Return a store with more rows in this one's place; X are all points, the old ones first.

        Raises
        ------
        ValueError
            If the store has grown, or was replaced, since it was opened.
        """
        manifest = self.manifest.grown(X)
        with locked(self.path / "zarr.json"), beside(self.path) as new:
            self.require_unchanged()
            Y = None if self.manifest.symmetric else self.points("columns")
            samples = {name: c.sample() for name, c in self._prepared["rows"].items()}
            _fill(new, manifest, X, Y, samples)
            self._link_chunks(new)
            old = aside(self.path, OUTGROWN)
            self.path.rename(old)
            new.rename(self.path)
            shutil.rmtree(old, ignore_errors=True)
        return Layout.open(self.path)

    def _link_chunks(self, new: Path) -> None:
        """Link what is there into a larger store; what is part of a larger chunk there, aside."""
        if (self.path / "before").exists():
            shutil.copytree(self.path / "before", new / "before", copy_function=link)
        arrays = {"K": self._K}
        for side in self.sides:
            arrays |= {f"points/{side}/{name}": c for name, c in self._prepared[side].items()}
        n, size = self.manifest.shape[0], self.manifest.tile_size
        for name, chunks in arrays.items():
            known = chunks.like(new, f"before/{n}/{name}") if n % size else None
            for place in filter(lambda place: chunks.has(*place), chunks):
                if known is not None and n // size in self._growing(name, place):
                    link(chunks.path(*place), known.path(*place))
                else:
                    link(chunks.path(*place), new / chunks.path(*place).relative_to(self.path))

    def _growing(self, name: str, place: tuple[int, ...]) -> tuple[int, ...]:
        """Return the places along the axes of an array that get longer with more rows."""
        if name == "K":
            return place if self.manifest.symmetric else place[:1]
        return place[:1] if name.startswith("points/rows") else ()

    def require_unchanged(self) -> None:
        """Raise ValueError if the store has grown, or was replaced, since it was opened."""
        try:
            attributes = json.loads((self.path / "zarr.json").read_text())["attributes"]
            same = Manifest.from_attributes(attributes, str(self.path)) == self.manifest
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            raise ValueError(
                f"expected {self.path} as it was opened, got one that has grown or was replaced "
                "since: open it again"
            )

    def _forget_before(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            old = aside(self.path / "before")
            (self.path / "before").rename(old)
            shutil.rmtree(old, ignore_errors=True)

    def clear(self) -> None:
        """Delete what is not needed any more, once the matrix is complete."""
        self._forget_before()
        self._K.clear_stray()


def _fill(
    path: Path,
    manifest: Manifest,
    X: np.ndarray,
    Y: np.ndarray | None,
    samples: Mapping[str, np.ndarray],
) -> None:
    """Write what a store has before its first tile; `samples` are prepared points to be kept."""
    group = import_zarr().create_group(os.fspath(path))
    size = manifest.tile_size
    points = {"rows": X} if Y is None else {"rows": X, "columns": Y}
    Chunks.create(group, "K", manifest.shape, (size, size), manifest.dtype)
    for side, array in points.items():
        chunks = Chunks.create(group, SIDES[side], array.shape, (size, array.shape[1]), "f8")
        for number, zero in chunks:
            chunks.write(array[number * size : (number + 1) * size], number, zero)
        for name, one in samples.items():
            rest = one.shape[1:]
            Chunks.create(
                group, f"points/{side}/{name}", (len(array), *rest), (size, *rest), one.dtype
            )
    group.attrs.update(manifest.to_attributes())


def _exceeds(array: np.ndarray, other: Any) -> bool:
    """Tell whether an array is wider than another along any axis but the first."""
    return bool(np.greater(array.shape[1:], other.shape[1:]).any())


def _is_small(sample: Prepared, manifest: Manifest) -> bool:
    """Tell whether prepared points are smaller than the matrix, and thus worth keeping."""
    return sample.nbytes <= 8 * manifest.shape[1] * len(sample)


def _require_arrays(group: Any, manifest: Manifest) -> None:
    """Raise ValueError unless the arrays are what the manifest says."""
    (n, m), size = manifest.shape, manifest.tile_size
    expected = {"K": ((n, m), (size, size)), "X": ((n,), (size,))}
    if not manifest.symmetric:
        expected["Y"] = ((m,), (size,))
    for name, (shape, chunks) in expected.items():
        try:
            array = group[name]
            found = array.shape[: len(shape)], array.chunks[: len(chunks)], has_checksums(array)
        except Exception as error:
            raise ValueError(
                f"expected the array {name} in {group.store.root}, got: {error!r}; delete the "
                "store, or give another path, and compute it anew"
            ) from error
        if found != (shape, chunks, True):
            raise ValueError(
                f"expected the array {name} in {group.store.root} of shape {shape} in chunks of "
                f"{chunks} with checksums, got {found[0]} in chunks of {found[1]}"
            )


def _arrays(group: Any, path: str) -> dict[str, Chunks]:
    if path not in group:
        return {}
    try:
        return {name: Chunks(array) for name, array in group[path].arrays()}
    except Exception:
        # They can be prepared again: what is damaged counts as missing.
        return {}


def _read_all(arrays: Mapping[str, Chunks], number: int) -> dict[str, np.ndarray] | None:
    """Return a block of each array, None if there is none that is whole."""
    try:
        found = {name: c.read(*_place(number, c.array)) for name, c in arrays.items()}
    except DamagedChunk:
        return None
    return found or None


def _place(number: int, array: Any) -> tuple[int, ...]:
    return (number, *[0] * (array.ndim - 1))
