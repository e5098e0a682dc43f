"""Cotangents of states from the gradient of a Gram matrix, at every edge of a tile."""

import numpy as np
import pytest

from qkernels.loops import cotangents
from qkernels.loops.lanes import lane_count
from qkernels.loops.overlaps import SLICE
from qkernels.tiles import rounds, tiles
from tests.loops import twins

TOLERANCE = {np.float64: 1e-13, np.float32: 1e-5}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


def states(n_points, size, seed=0):
    return twins.states(n_points, size, np.random.default_rng([n_points, size, seed]))


def gradient_of(n_a, n_b):
    return np.random.default_rng([n_a, n_b]).normal(size=(n_a, n_b))


def pull_back(a, b, gradient, *, edge=16, dtype=np.float64, workers=1, start=0.0):
    """Return the cotangents of a and of b, which is None where the matrix is symmetric."""
    symmetric = b is None
    points = [np.array(twins.planes(s, dtype)) for s in (a, b) if s is not None]
    found = [np.full_like(planes, start) for planes in points]
    lanes = lane_count(dtype)
    rooms = np.full((workers, cotangents.room_size(max(edge, 16), lanes)), np.nan, dtype)
    todo = tiles(len(a), len(a if symmetric else b), edge, symmetric=symmetric)
    for group in rounds(todo, symmetric=symmetric):
        cotangents.add_cotangents(
            *(tuple(found[0]), tuple(found[-1]), tuple(points[0]), tuple(points[-1]), gradient),
            *(group,),
            **{"symmetric": symmetric, "rooms": rooms, "lanes": lanes},
        )
    return [planes[0] + 1j * planes[1] for planes in found]


def dense(a, b, gradient):
    """Return the twin's cotangents; the diagonal of a symmetric matrix is 1 whatever happens."""
    if b is not None:
        return twins.fidelity_cotangents(a, b, gradient)
    rows, columns = twins.fidelity_cotangents(a, a, gradient * (1 - np.eye(len(a))))
    return (rows + columns,)


def assert_agrees(a, b, *, dtype=np.float64, **how):
    gradient = gradient_of(len(a), len(a if b is None else b))
    found = pull_back(a, b, gradient, dtype=dtype, **how)
    for part, expected in zip(found, dense(a, b, gradient), strict=True):
        np.testing.assert_allclose(part, expected, atol=TOLERANCE[dtype], rtol=0)


@DTYPES
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 8), (7, 9), (8, 16), (16, 16), (17, 15), (31, 33), (40, 5), (5, 40)]
)
def test_cross_matrices_of_any_shape(shape, dtype):
    assert_agrees(states(shape[0], 8), states(shape[1], 8, seed=1), dtype=dtype)


@DTYPES
@pytest.mark.parametrize("n_points", [1, 2, 7, 8, 9, 15, 16, 17, 24, 33, 50])
def test_symmetric_matrices_of_any_size(n_points, dtype):
    assert_agrees(states(n_points, 8), None, dtype=dtype)


@DTYPES
@pytest.mark.parametrize("size", [SLICE // 2, SLICE, 2 * SLICE, 4 * SLICE])
def test_more_and_less_amplitudes_than_a_slice(size, dtype):
    assert_agrees(states(9, size), states(5, size, seed=1), dtype=dtype)
    assert_agrees(states(9, size), None, dtype=dtype)


@DTYPES
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 16, 32])
def test_registers_of_few_amplitudes(size, dtype):
    assert_agrees(states(10, size), states(11, size, seed=1), dtype=dtype)
    assert_agrees(states(17, size), None, dtype=dtype)


@DTYPES
@pytest.mark.parametrize("edge", [16, 32, 48, 64])
def test_tiles_of_any_edge(edge, dtype):
    assert_agrees(states(50, 16), states(37, 16, seed=1), edge=edge, dtype=dtype)
    assert_agrees(states(50, 16), None, edge=edge, dtype=dtype)


@pytest.mark.parametrize("workers", [2, 5, 40])
def test_workers_change_nothing(workers):
    a, b = states(50, 16), states(37, 16, seed=1)
    for other, gradient in ((b, gradient_of(50, 37)), (None, gradient_of(50, 50))):
        found = pull_back(a, other, gradient, workers=workers)
        for part, expected in zip(found, pull_back(a, other, gradient), strict=True):
            np.testing.assert_array_equal(part, expected)


def test_cotangents_are_added_to_what_is_there():
    a, b, gradient = states(20, 8), states(9, 8, seed=1), gradient_of(20, 9)
    found = pull_back(a, b, gradient, start=3.0)
    for part, expected in zip(found, dense(a, b, gradient), strict=True):
        np.testing.assert_allclose(part, 3 + 3j + expected, atol=1e-11, rtol=0)
    gradient = gradient_of(20, 20)
    (found,) = pull_back(a, None, gradient, start=3.0)
    np.testing.assert_allclose(found, 3 + 3j + dense(a, None, gradient)[0], atol=1e-11, rtol=0)


def test_the_diagonal_of_a_symmetric_matrix_has_no_gradient():
    (found,) = pull_back(states(20, 8), None, np.diag(np.arange(20.0)))
    assert (found == 0.0).all()


def test_a_symmetric_gradient_need_not_be_a_symmetric_matrix():
    a, gradient = states(37, 8), gradient_of(37, 37)
    (found,) = pull_back(a, None, gradient)
    (mirrored,) = pull_back(a, None, gradient.T.copy())
    np.testing.assert_allclose(found, mirrored, atol=1e-12, rtol=0)


def test_the_states_and_the_gradient_are_left_alone():
    a, b, gradient = states(9, 8), states(20, 8, seed=1), gradient_of(9, 20)
    points, copy = [np.array(twins.planes(s)) for s in (a, b)], gradient.copy()
    rooms = np.empty((1, cotangents.room_size(32, 8)))
    found = [np.zeros_like(planes) for planes in points]
    cotangents.add_cotangents(
        *(*map(tuple, found), *map(tuple, points), gradient, np.array([[0, 9, 0, 20]])),
        **{"symmetric": False, "rooms": rooms, "lanes": 8},
    )
    np.testing.assert_array_equal(gradient, copy)
    for planes, s in zip(points, (a, b), strict=True):
        np.testing.assert_array_equal(planes, np.array(twins.planes(s)))


def test_tiles_that_are_not_asked_for_change_nothing():
    a, b, gradient = states(32, 8), states(32, 8, seed=1), gradient_of(32, 32)
    points = [tuple(twins.planes(s)) for s in (a, b)]
    found = [np.zeros((2, 32, 8)) for _ in range(2)]
    rooms = np.empty((1, cotangents.room_size(16, 8)))
    cotangents.add_cotangents(
        *(*map(tuple, found), *points, gradient, np.array([[16, 32, 0, 16]])),
        **{"symmetric": False, "rooms": rooms, "lanes": 8},
    )
    gradient[:16] = gradient[:, 16:] = 0.0
    for planes, expected in zip(found, dense(a, b, gradient), strict=True):
        np.testing.assert_allclose(planes[0] + 1j * planes[1], expected, atol=1e-11, rtol=0)


def test_a_state_that_is_no_number_spoils_what_it_is_compared_with():
    a, b, gradient = states(20, 8), states(17, 8, seed=1), gradient_of(20, 17)
    gradient[:, 5] = 0.0
    gradient[3, 5] = 1.0
    clean = pull_back(a, b, gradient)
    a[7, 2] = np.nan
    by_a, by_b = pull_back(a, b, gradient)
    assert np.isnan(by_a[7]).any()
    assert np.isnan(by_b).any(axis=1).all()
    np.testing.assert_array_equal(np.delete(by_a, 7, axis=0), np.delete(clean[0], 7, axis=0))
