"""The numbers of a store, as zarr keeps them: a chunk for each tile and each block of points.

What lives here: `Chunks`, an array whose chunks are written whole, each with its checksum, and
known to be there by their file. A chunk is written beside its place and moved there, so that what
is there is whole, also after a kill. Which chunks are needed is the business of `store`.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from qkernels.gram.files import is_stray


def import_zarr() -> ModuleType:
    """Return zarr, or say how to get it."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError(
            "stores of Gram matrices need zarr: pip install 'qkernels[scale]'"
        ) from error
    return zarr


class DamagedChunk(ValueError):
    """A chunk is not what was written."""


class Chunks:
    """An array that is written chunk by chunk.

    Parameters
    ----------
    array : zarr.Array
        On a file system, with chunks of numbers and their checksum, one file each.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self._root = Path(array.store.root) / array.path
        self._nbytes = int(np.prod(array.chunks)) * array.dtype.itemsize + 4

    @classmethod
    def create(cls, group: Any, name: str, shape: tuple, chunks: tuple, dtype: Any) -> Chunks:
        """Make an array of NaNs in a group."""
        zarr = import_zarr()
        return cls(
            group.create_array(
                name,
                shape=shape,
                chunks=chunks,
                dtype=dtype,
                fill_value=np.nan if np.dtype(dtype).kind == "f" else 0,
                filters=None,
                compressors=zarr.codecs.Crc32cCodec(),
                # A chunk of fill values would be left out, and count as missing.
                config={"write_empty_chunks": True},
            )
        )

    def path(self, *place: int) -> Path:
        """Return the file of a chunk."""
        return self._root / self.array.metadata.encode_chunk_key(place)

    def has(self, *place: int) -> bool:
        """Tell whether a chunk is there, by its file's size alone."""
        try:
            return os.stat(self.path(*place)).st_size == self._nbytes
        except FileNotFoundError:
            return False

    def drop(self, *place: int) -> None:
        """Let go of a chunk."""
        self.path(*place).unlink(missing_ok=True)

    def write(self, values: np.ndarray, *place: int) -> None:
        """Write a chunk, whole or not at all: the file that zarr would write, without copies."""
        import google_crc32c

        numbers = self._padded(values).ravel().view(np.uint8)
        checksum = google_crc32c.value(numbers).to_bytes(4, "little")
        target = self.path(*place)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{uuid.uuid4().hex}.partial")
        try:
            with partial.open("xb") as file:
                file.write(numbers.data)
                file.write(checksum)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _padded(self, values: np.ndarray) -> np.ndarray:
        """Return a whole chunk, of which the array may have a part only."""
        dtype = self.array.dtype.newbyteorder("<")
        if values.shape == self.array.chunks:
            return np.ascontiguousarray(values, dtype)
        whole = np.full(self.array.chunks, self.array.fill_value, dtype)
        whole[tuple(map(slice, values.shape))] = values
        return whole

    def read(self, *place: int) -> np.ndarray:
        """Return a chunk.

        Raises
        ------
        DamagedChunk
            If it is missing, or its checksum is wrong.
        """
        if not self.has(*place):
            raise DamagedChunk(f"expected the chunk {self.path(*place)} to be whole")
        try:
            return np.asarray(self.array.get_block_selection(place))
        except ValueError as error:
            raise DamagedChunk(
                f"expected {self.path(*place)} to be as it was written, got: {error}"
            ) from error

    def is_sound(self, *place: int) -> bool:
        """Tell whether a chunk is what was written."""
        try:
            self.read(*place)
        except DamagedChunk:
            return False
        return True

    def covers(self, *place: int) -> bool:
        """Tell whether the array reaches as far as a chunk."""
        sides = zip(place, self.array.chunks, self.array.shape, strict=True)
        return all(number * size < length for number, size, length in sides)

    def sample(self) -> np.ndarray:
        """Return an array of one entry along the first axis, of the same type and width."""
        return np.empty((1, *self.array.shape[1:]), self.array.dtype)

    def like(self, path: Path, name: str) -> Chunks:
        """Return an array of the same kind and shape in the group at a path."""
        group = import_zarr().open_group(os.fspath(path), mode="r+")
        return Chunks.create(group, name, self.array.shape, self.array.chunks, self.array.dtype)

    def clear_stray(self) -> None:
        """Delete what processes left that were killed while they wrote."""
        for path in self._root.rglob("*.partial"):
            # The process that wrote it may just have moved it.
            with contextlib.suppress(FileNotFoundError):
                if is_stray(path):
                    path.unlink()

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """Yield the places of all chunks."""
        counts = [-(-n // c) for n, c in zip(self.array.shape, self.array.chunks, strict=True)]
        yield from np.ndindex(*counts)


def has_checksums(array: Any) -> bool:
    """Tell whether an array's chunks end with a checksum of all that is before."""
    return [type(codec).__name__ for codec in array.metadata.codecs] == [
        "BytesCodec",
        "Crc32cCodec",
    ]
