"""Index arithmetic of a matrix's tiles; nothing is computed here."""

from __future__ import annotations

import numpy as np

# Boundaries are multiples of this, so that a tile fills registers of points.
_GRAIN = 16


def edges(size: int, target: int) -> np.ndarray:
    """Split range(size) evenly into pieces of at most `target`; return the n + 1 boundaries.

    Examples
    --------
    >>> edges(100, 48)
    array([  0,  48,  80, 100])
    """
    grains, most = -(-size // _GRAIN), max(1, target // _GRAIN)
    pieces = max(1, -(-grains // most))
    bounds = [-(-i * grains // pieces) * _GRAIN for i in range(pieces + 1)]
    return np.minimum(bounds, size)


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
    >>> tiles(32, 32, 16, symmetric=True)
    array([[ 0, 16,  0, 16],
           [ 0, 16, 16, 32],
           [16, 32, 16, 32]])
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


def rounds(tiles: np.ndarray, *, symmetric: bool) -> list[np.ndarray]:
    """Return the tiles in groups, no two of a group in the same row or column of tiles.

    Where `symmetric`, the rows of one are not the columns of another either: a tile stands for its
    mirror image too. In group r are the tiles (i, j) with i + j = r, modulo the number of rows or
    columns: each i has one partner, as in a tournament.

    Examples
    --------
    >>> [group.tolist() for group in rounds(tiles(48, 48, 16, symmetric=True), symmetric=True)]
    ... # doctest: +NORMALIZE_WHITESPACE
    [[[0, 16, 0, 16], [16, 32, 32, 48]],
     [[0, 16, 16, 32], [32, 48, 32, 48]],
     [[0, 16, 32, 48], [16, 32, 16, 32]]]
    """
    row, column = (np.unique(tiles[:, k], return_inverse=True)[1] for k in (0, 2))
    if symmetric:
        row, column = np.unique(tiles[:, [0, 2]], return_inverse=True)[1].reshape(-1, 2).T
    group = (row + column) % (1 + max(row.max(), column.max()))
    return [tiles[group == r] for r in range(1 + int(group.max()))]
