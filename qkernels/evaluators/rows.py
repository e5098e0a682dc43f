"""Rows of arrays of different widths, together in one array: those that are shorter end with zeros.

Prepared points need it whose sizes differ, as those of matrix product states do. The first axis
runs over the points; any of the others may be wider in one array than in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rows of one array after another, as wide as the widest array.

    Parameters
    ----------
    arrays : sequence of ndarray
        One at least, of as many axes and of one type.

    Examples
    --------
    >>> stacked([np.array([[1, 2]]), np.array([[3], [4]])])
    array([[1, 2],
           [3, 0],
           [4, 0]])
    """
    out = room_for(arrays, sum(map(len, arrays)))
    first = 0
    for array in arrays:
        put(out, slice(first, first + len(array)), array)
        first += len(array)
    return out


def widened(array: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """Return an array whose axes but the first are as wide as these; itself if it is.

    Examples
    --------
    >>> widened(np.array([[1, 2], [3, 4]]), (3,))
    array([[1, 2, 0],
           [3, 4, 0]])
    """
    if array.shape[1:] == widths:
        return array
    out = np.zeros((len(array), *widths), array.dtype)
    put(out, slice(None), array)
    return out


def room_for(arrays: Iterable[np.ndarray], n_rows: int) -> np.ndarray:
    """Return room for rows of some arrays: zeros, unless all rows fill it."""
    first, *others = arrays
    shapes = {first.shape[1:], *(array.shape[1:] for array in others)}
    make = np.empty if len(shapes) == 1 else np.zeros
    return make((n_rows, *map(max, zip(*shapes, strict=True))), first.dtype)


def put(out: np.ndarray, rows: slice | np.ndarray, values: np.ndarray) -> None:
    """Write values to the start of some rows: of a slice, or where a mask is True."""
    out[(rows, *map(slice, values.shape[1:]))] = values
