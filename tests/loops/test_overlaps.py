"""Tiles of Gram matrices, at every edge where a loop could go wrong, beside their plain twin."""

import numpy as np
import pytest

from qkernels.loops import overlaps
from qkernels.loops.lanes import lane_count
from qkernels.tiles import tiles
from tests.loops import twins

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


def gram(a, b=None, *, edge=16, dtype=np.float64, workers=1, start=None):
    """Return what the loops write, or what they multiply onto `start`."""
    other = a if b is None else b
    result = np.full((len(a), len(other)), np.nan) if start is None else start.copy()
    todo = tiles(len(a), len(other), edge, symmetric=b is None)
    lanes = lane_count(dtype)
    rooms = np.full((workers, overlaps.room_size(max(edge, 16), lanes)), np.nan, dtype)
    overlaps.write_fidelities(
        *(result, tuple(twins.planes(a, dtype)), tuple(twins.planes(other, dtype)), todo),
        **{"symmetric": b is None, "fresh": start is None, "rooms": rooms, "lanes": lanes},
    )
    return result


def states(n_points, size, seed=0):
    return twins.states(n_points, size, np.random.default_rng([n_points, size, seed]))


@DTYPES
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 8), (7, 9), (8, 16), (16, 16), (17, 15), (31, 33), (40, 5)]
)
def test_cross_matrices_of_any_shape(shape, dtype):
    a, b = states(shape[0], 8), states(shape[1], 8, seed=1)
    K = gram(a, b, dtype=dtype)
    np.testing.assert_allclose(K, twins.fidelities(a, b), atol=TOLERANCE[dtype], rtol=0)


@DTYPES
@pytest.mark.parametrize("n_points", [1, 2, 7, 8, 9, 15, 16, 17, 24, 33, 50])
def test_symmetric_matrices_of_any_size(n_points, dtype):
    a = states(n_points, 8)
    K = gram(a, dtype=dtype)
    np.testing.assert_allclose(K, twins.fidelities(a, a), atol=TOLERANCE[dtype], rtol=0)
    np.testing.assert_array_equal(K, K.T)
    assert (np.diag(K) == 1.0).all()


@DTYPES
@pytest.mark.parametrize("slices", [-1, 0, 1])
def test_amplitudes_around_a_slice(slices, dtype):
    for size in (overlaps.SLICE + slices, 2 * overlaps.SLICE + slices):
        a, b = states(9, size), states(5, size, seed=1)
        np.testing.assert_allclose(
            gram(a, b, dtype=dtype), twins.fidelities(a, b), atol=TOLERANCE[dtype], rtol=0
        )
        np.testing.assert_allclose(
            gram(a, dtype=dtype), twins.fidelities(a, a), atol=TOLERANCE[dtype], rtol=0
        )


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_registers_of_few_amplitudes(size):
    a, b = states(10, size), states(11, size, seed=1)
    np.testing.assert_allclose(gram(a, b), twins.fidelities(a, b), atol=1e-12, rtol=0)


@pytest.mark.parametrize("edge", [16, 32, 48])
def test_tiles_of_any_edge_give_the_same_matrix(edge):
    a, b = states(50, 16), states(37, 16, seed=1)
    np.testing.assert_array_equal(gram(a, b, edge=edge), gram(a, b, edge=64))
    np.testing.assert_array_equal(gram(a, edge=edge), gram(a, edge=64))


@pytest.mark.parametrize("workers", [2, 5, 40])
def test_workers_change_nothing(workers):
    a, b = states(50, 16), states(37, 16, seed=1)
    np.testing.assert_array_equal(gram(a, b, workers=workers), gram(a, b))
    np.testing.assert_array_equal(gram(a, workers=workers), gram(a))


def test_a_symmetric_matrix_is_the_cross_matrix():
    a = states(40, 32)
    off_diagonal = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(
        gram(a)[off_diagonal], gram(a, a.copy())[off_diagonal], atol=1e-15, rtol=0
    )


def test_fidelities_multiply_what_is_there():
    a, b = states(20, 8), states(9, 8, seed=1)
    start = np.random.default_rng(0).random((20, 9))
    expected = start * twins.fidelities(a, b)
    np.testing.assert_allclose(gram(a, b, start=start), expected, atol=1e-12, rtol=0)


def test_the_diagonal_of_a_symmetric_matrix_is_left_alone():
    assert gram(states(9, 4), start=np.full((9, 9), 0.5)).diagonal().tolist() == [0.5] * 9


@DTYPES
def test_a_state_that_is_no_number_spoils_its_own_row_alone(dtype):
    a, b = states(20, 8), states(20, 8, seed=1)
    expected = gram(a, b, dtype=dtype)
    a[3, 2] = np.nan
    K = gram(a, b, dtype=dtype)
    assert np.isnan(K[3]).all()
    np.testing.assert_array_equal(np.delete(K, 3, axis=0), np.delete(expected, 3, axis=0))


def test_tiles_that_are_not_asked_for_are_left_alone():
    a, b = states(32, 8), states(32, 8, seed=1)
    K = np.ones((32, 32))
    rooms = np.empty((1, overlaps.room_size(16, 8)))
    tile = np.array([[16, 32, 0, 16]])
    planes = tuple(twins.planes(a)), tuple(twins.planes(b))
    overlaps.write_fidelities(K, *planes, tile, symmetric=False, fresh=True, rooms=rooms, lanes=8)
    np.testing.assert_allclose(K[16:, :16], twins.fidelities(a, b)[16:, :16], atol=1e-12, rtol=0)
    K[16:, :16] = 1.0
    assert (K == 1.0).all()
