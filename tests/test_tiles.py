"""Tiles cover a matrix, each element once, with edges that fill registers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.tiles import edges, tiles

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
