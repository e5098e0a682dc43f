"""Index arithmetic of a matrix's tiles; nothing is computed here."""

from __future__ import annotations

import numpy as np


def edges(size: int, target: int) -> np.ndarray:
    """Split range(size) evenly into pieces of at most `target`; return the n + 1 boundaries.

    Examples
    --------
    >>> edges(10, 4)
    array([ 0,  4,  7, 10])
    """
    pieces = max(1, -(-size // target))
    return np.array([-(-i * size // pieces) for i in range(pieces + 1)], dtype=np.int64)


def tiles(n_rows: int, n_columns: int, target: int, *, symmetric: bool) -> np.ndarray:
    """Return the tiles of a matrix, of the upper half with the diagonal where it is symmetric.

    Parameters
    ----------
    n_rows, n_columns : int
    target : int
        The largest edge of a tile.
    symmetric : bool

    Returns
    -------
    ndarray of shape (n_tiles, 4)
        First row, end row, first column, end column.

    Examples
    --------
    >>> tiles(4, 4, 2, symmetric=True)
    array([[0, 2, 0, 2],
           [0, 2, 2, 4],
           [2, 4, 2, 4]])
    """
    rows, columns = edges(n_rows, target), edges(n_columns, target)
    return np.array(
        [
            (rows[i], rows[i + 1], columns[j], columns[j + 1])
            for i in range(len(rows) - 1)
            for j in range(i if symmetric else 0, len(columns) - 1)
        ],
        dtype=np.int64,
    )
