"""Fidelities of matrix product states of any bonds, beside their plain twin and dense vectors."""

import numpy as np
import pytest

from qkernels.evaluators import mps_comparison
from qkernels.evaluators.mps_comparison import (
    MPSArrays,
    gram_room_size,
    mps_gram_matrix,
    pair_products,
)
from qkernels.loops.jit import at_most_threads
from tests.loops import mps_twins, twins

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


def states(n_points, n_sites=5, most=3, seed=0):
    rng = np.random.default_rng([n_points, n_sites, most, seed])
    return mps_twins.states(n_points, n_sites, most, rng)


def gram(a, b=None, dtype=np.float64):
    x = mps_twins.arrays(a, dtype)
    return mps_gram_matrix(x, x if b is None else mps_twins.arrays(b, dtype), symmetric=b is None)


@DTYPES
@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (7, 9), (16, 16), (17, 15), (3, 33), (33, 2)])
def test_cross_matrices_of_any_shape(shape, dtype):
    a, b = states(shape[0]), states(shape[1], seed=1)
    expected = mps_twins.fidelities(a, b)
    np.testing.assert_allclose(gram(a, b, dtype), expected, atol=TOLERANCE[dtype], rtol=0)


@DTYPES
@pytest.mark.parametrize("n_points", [1, 2, 8, 9, 17, 33])
def test_symmetric_matrices_of_any_size(n_points, dtype):
    a = states(n_points)
    K = gram(a, dtype=dtype)
    np.testing.assert_allclose(K, mps_twins.fidelities(a, a), atol=TOLERANCE[dtype], rtol=0)
    np.testing.assert_array_equal(K, K.T)
    assert (np.diag(K) == 1.0).all()


@DTYPES
@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("n_sites", [1, 2, 3, 9])
def test_bonds_of_any_size(n_sites, most, dtype):
    a, b = states(4, n_sites, most), states(9, n_sites, most, seed=1)
    expected = mps_twins.fidelities(a, b)
    np.testing.assert_allclose(gram(a, b, dtype), expected, atol=TOLERANCE[dtype], rtol=0)
    np.testing.assert_allclose(
        gram(b, dtype=dtype), mps_twins.fidelities(b, b), atol=TOLERANCE[dtype], rtol=0
    )


@pytest.mark.parametrize("bonds", [(1, 6), (6, 1), (2, 5)])
def test_sets_with_bonds_of_their_own(bonds):
    a, b = states(5, 7, bonds[0]), states(11, 7, bonds[1], seed=1)
    np.testing.assert_allclose(gram(a, b), mps_twins.fidelities(a, b), atol=1e-12, rtol=0)


def test_overlaps_of_dense_vectors():
    a, b = states(5, 6, 4), states(6, 6, 4, seed=1)
    dense = [np.array([mps_twins.vector(tensors) for tensors in side]) for side in (a, b)]
    np.testing.assert_allclose(gram(a, b), twins.fidelities(*dense), atol=1e-12, rtol=0)


def test_many_sites():
    a = states(9, 120, 3)
    moved = [[tensor * np.exp(0.01j) for tensor in tensors] for tensors in a]
    np.testing.assert_allclose(gram(a, moved), mps_twins.fidelities(a, a), atol=1e-12, rtol=0)


def test_sets_of_two_precisions():
    a, b = mps_twins.arrays(states(3)), mps_twins.arrays(states(4, seed=1), np.float32)
    wide = MPSArrays(b.re.astype(float), b.im.astype(float), b.bonds)
    np.testing.assert_array_equal(
        mps_gram_matrix(a, b, symmetric=False), mps_gram_matrix(a, wide, symmetric=False)
    )


def test_slices_that_run_backwards_and_cannot_be_written():
    a = mps_twins.arrays(states(9))
    reverse = MPSArrays(*(x[::-1] for x in a))
    for x in a:
        x.flags.writeable = False
    K = mps_gram_matrix(a, a, symmetric=True)
    np.testing.assert_allclose(
        mps_gram_matrix(reverse, reverse, symmetric=True), K[::-1, ::-1], atol=1e-15, rtol=0
    )


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_no_points(shape):
    a = mps_twins.arrays(states(3))
    rows, columns = (MPSArrays(*(x[:n] for x in a)) for n in shape)
    assert mps_gram_matrix(rows, columns, symmetric=False).shape == shape


@pytest.mark.parametrize("symmetric", [False, True])
def test_threads_and_tiles_change_nothing(symmetric, monkeypatch):
    a = mps_twins.arrays(states(40, 6, 4))
    with at_most_threads(1):
        expected = mps_gram_matrix(a, a, symmetric=symmetric)
    monkeypatch.setattr(mps_comparison, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(mps_comparison, "_PRODUCTS_A_CALL", 10**5)
    monkeypatch.setattr(mps_comparison, "thread_count", lambda: 5)
    np.testing.assert_array_equal(mps_gram_matrix(a, a, symmetric=symmetric), expected)


@DTYPES
def test_a_state_that_is_no_number_spoils_its_own_row_and_column_alone(dtype):
    a, b = (mps_twins.arrays(states(20, seed=k), dtype) for k in range(2))
    expected = mps_gram_matrix(a, b, symmetric=False)
    a.re[3, 1] = b.im[5, 0] = np.nan
    K = mps_gram_matrix(a, b, symmetric=False)
    assert np.isnan(K[3]).all()
    assert np.isnan(K[:, 5]).all()
    keep = np.ix_(np.arange(20) != 3, np.arange(20) != 5)
    np.testing.assert_array_equal(K[keep], expected[keep])


@pytest.mark.parametrize("most", [1, 3, 9])
def test_the_room_that_is_stated_is_the_room_that_is_taken(most, monkeypatch):
    a, b = (mps_twins.arrays(states(9, 6, most, seed=k)) for k in range(2))
    taken = []
    write = mps_comparison.mps_overlaps.write_fidelities
    monkeypatch.setattr(mps_comparison, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(mps_comparison, "thread_count", lambda: 2)
    monkeypatch.setattr(
        mps_comparison.mps_overlaps,
        "write_fidelities",
        lambda *args, rooms, **how: (taken.append(rooms.nbytes), write(*args, rooms=rooms, **how)),
    )
    mps_gram_matrix(a, b, symmetric=False)
    assert set(taken) == {gram_room_size(a, b)}


def test_copies_take_room():
    a, b = mps_twins.arrays(states(3)), mps_twins.arrays(states(4, seed=1))
    single = MPSArrays(b.re.astype(np.float32), b.im.astype(np.float32), b.bonds)
    reverse = MPSArrays(*(x[::-1] for x in b))
    for other in (single, reverse):
        copies = gram_room_size(a, other) - gram_room_size(a, b)
        assert copies == b.re.nbytes + b.im.nbytes


def test_wider_pairs_are_more_products():
    a, b = (mps_twins.arrays(states(4, 8, most)).bonds for most in (2, 6))
    assert pair_products(a, a) < pair_products(a, b) < pair_products(b, b)
    # One product of each spin in each contraction, of complex numbers, and what a site costs.
    ones = np.ones((1, 4), np.int64)
    assert pair_products(ones, ones) == 3 * (2 * 2 * 4 + 60)
