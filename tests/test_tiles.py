"""Tiles cover a matrix, each element once, with edges that fill registers."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.tiles import edges, rounds, tiles

SIZES = st.integers(1, 400)
TARGETS = st.integers(1, 200)


def coverage(n_rows, n_columns, target, *, symmetric):
    """Return how often each element is in a tile."""
    counts = np.zeros((n_rows, n_columns), int)
    for row, end_row, column, end_column in tiles(n_rows, n_columns, target, symmetric=symmetric):
        counts[row:end_row, column:end_column] += 1
    return counts


@given(SIZES, SIZES, TARGETS)
def test_every_element_is_in_one_tile(n_rows, n_columns, target):
    assert (coverage(n_rows, n_columns, target, symmetric=False) == 1).all()


@given(SIZES, TARGETS)
def test_symmetric_tiles_cover_the_upper_half_once(size, target):
    counts = coverage(size, size, target, symmetric=True)
    assert (counts[np.triu_indices(size)] == 1).all()
    mirrored = counts + counts.T
    assert (mirrored >= 1).all()
    assert counts.max() == 1


@given(SIZES, TARGETS)
def test_symmetric_tiles_on_the_diagonal_are_square(size, target):
    for row, end_row, column, end_column in tiles(size, size, target, symmetric=True):
        assert (row, end_row) == (column, end_column) or end_row <= column


@given(SIZES, TARGETS)
def test_edges_fill_registers_and_keep_to_the_target(size, target):
    bounds = edges(size, target)
    assert bounds[0] == 0
    assert bounds[-1] == size
    assert (np.diff(bounds) > 0).all()
    assert (bounds[:-1] % 16 == 0).all()
    assert np.diff(bounds).max() <= max(16, target)


@given(SIZES, TARGETS)
def test_pieces_are_even(size, target):
    pieces = np.diff(edges(size, target))
    if len(pieces) > 1:
        assert np.ptp(pieces[:-1]) <= 16


@pytest.mark.parametrize("size", [0, 1, 15, 16])
def test_small_matrices_are_one_tile(size):
    assert tiles(size, size, 160, symmetric=True).tolist() == [[0, size, 0, size]]


def blocks(tile, *, symmetric):
    """Return the row blocks and column blocks that a tile's gradient is added to."""
    row, column = int(tile[0]), int(tile[2])
    return {row, column} if symmetric else {("row", row), ("column", column)}


def assert_apart(todo, *, symmetric):
    """Check that rounds have each tile once, and no two at a time on the same points."""
    groups = rounds(todo, symmetric=symmetric)
    assert sorted(map(tuple, np.concatenate(groups))) == sorted(map(tuple, todo))
    for group in groups:
        assert len(group) > 0
        for a, b in combinations(group, 2):
            assert not blocks(a, symmetric=symmetric) & blocks(b, symmetric=symmetric)
    return groups


@given(SIZES, SIZES, TARGETS)
def test_tiles_of_one_round_share_no_row_and_no_column(n_rows, n_columns, target):
    assert_apart(tiles(n_rows, n_columns, target, symmetric=False), symmetric=False)


@given(SIZES, TARGETS)
def test_symmetric_tiles_of_one_round_share_no_points(size, target):
    assert_apart(tiles(size, size, target, symmetric=True), symmetric=True)


@pytest.mark.parametrize("n_blocks", [1, 2, 3, 4, 7, 8])
def test_symmetric_tiles_need_a_round_for_each_block(n_blocks):
    todo = tiles(16 * n_blocks, 16 * n_blocks, 16, symmetric=True)
    assert len(assert_apart(todo, symmetric=True)) == n_blocks


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 4), (3, 7), (8, 5)])
def test_rectangles_need_a_round_for_each_block_of_the_longer_edge(shape):
    todo = tiles(16 * shape[0], 16 * shape[1], 16, symmetric=False)
    assert len(assert_apart(todo, symmetric=False)) == max(shape)


@pytest.mark.parametrize("symmetric", [False, True])
def test_no_points_are_one_round(symmetric):
    (group,) = rounds(tiles(0, 0, 16, symmetric=symmetric), symmetric=symmetric)
    assert group.tolist() == [[0, 0, 0, 0]]
