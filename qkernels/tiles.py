"""Index arithmetic of a matrix's tiles; nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Grid:
    """A matrix cut into square tiles, all of one edge but for the last row and column of them.

    Attributes
    ----------
    n_rows, n_columns : int
        Of the matrix.
    edge : int
        Rows and columns of a tile.
    symmetric : bool
        Whether a tile stands for its mirror image too: then only those with i <= j count.

    Examples
    --------
    >>> grid = Grid(5, 5, 2, symmetric=True)
    >>> grid.tiles()
    [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (2, 2)]
    >>> grid.rows(2)
    slice(4, 5, None)
    """

    n_rows: int
    n_columns: int
    edge: int
    symmetric: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.n_rows // self.edge), -(-self.n_columns // self.edge)

    def __len__(self) -> int:
        n, m = self.shape
        return n * (n + 1) // 2 if self.symmetric else n * m

    def rows(self, i: int) -> slice:
        """Return the rows of the matrix in row i of tiles."""
        return slice(i * self.edge, min((i + 1) * self.edge, self.n_rows))

    def columns(self, j: int) -> slice:
        """Return the columns of the matrix in column j of tiles."""
        return slice(j * self.edge, min((j + 1) * self.edge, self.n_columns))

    def points(self, side: str, number: int) -> slice:
        """Return the points of a block: "rows" of a row of tiles, "columns" of a column."""
        return self.rows(number) if side == "rows" else self.columns(number)

    @property
    def column_side(self) -> str:
        """Whose points the columns are: of a symmetric matrix the "rows", else the "columns"."""
        return "rows" if self.symmetric else "columns"

    def tiles(self) -> list[tuple[int, int]]:
        """Return the tiles row by row, each row the other way, so that neighbours share points."""
        n, m = self.shape
        return [
            (i, j)
            for i in range(n)
            for j in range(i if self.symmetric else 0, m)[:: -1 if i % 2 else 1]
        ]
