"""Pauli words on matrix product states, beside their plain twin and dense vectors."""

from itertools import combinations, product

import numpy as np
import pytest

from qkernels.evaluators import mps_comparison
from qkernels.evaluators.mps_comparison import (
    MPSArrays,
    measurement_room_size,
    mps_expectations,
)
from qkernels.evaluators.mps_words import word_program
from qkernels.loops import mps_expectations as loops
from qkernels.loops import mps_overlaps
from qkernels.loops.jit import at_most_threads
from tests.loops import mps_twins

TOLERANCE = {np.float64: 1e-12, np.float32: 5e-6}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


def all_words(n_sites, most):
    """Return every Pauli word of up to `most` letters."""
    return [
        tuple(zip(sites, letters, strict=True))
        for weight in range(most + 1)
        for sites in combinations(range(n_sites), weight)
        for letters in product("XYZ", repeat=weight)
    ]


def states(n_points, n_sites=5, most=3, seed=0):
    rng = np.random.default_rng([n_points, n_sites, most, seed])
    return mps_twins.states(n_points, n_sites, most, rng)


def values(points, words, dtype=np.float64):
    arrays = mps_twins.arrays(points, dtype)
    return mps_expectations(arrays, word_program(words, arrays.bonds.shape[1] - 1))


def expected(points, words):
    return np.array([[mps_twins.expectation(x, word) for word in words] for x in points])


@DTYPES
@pytest.mark.parametrize("n_points", [1, 8, 9, 17])
def test_words_of_any_number_of_points(n_points, dtype):
    points, words = states(n_points, 4), all_words(4, 2)
    np.testing.assert_allclose(
        values(points, words, dtype), expected(points, words), atol=TOLERANCE[dtype], rtol=0
    )


@DTYPES
@pytest.mark.parametrize("most", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("n_sites", [1, 2, 3, 4])
def test_every_word(n_sites, most, dtype):
    points, words = states(3, n_sites, most), all_words(n_sites, n_sites)
    np.testing.assert_allclose(
        values(points, words, dtype), expected(points, words), atol=TOLERANCE[dtype], rtol=0
    )


def test_wide_bonds():
    points, words = states(2, 9, 13), [((1, "Y"), (4, "X"), (8, "Z")), ((4, "Z"),), ((4, "Y"),)]
    np.testing.assert_allclose(values(points, words), expected(points, words), atol=1e-12, rtol=0)


def test_dense_vectors():
    points, words = states(3, 6, 8), [((0, "Y"), (3, "X"), (5, "Y")), ((2, "Z"), (3, "Y"))]
    for row, tensors in zip(values(points, words), points, strict=True):
        psi = mps_twins.vector(tensors)
        for value, word in zip(row, words, strict=True):
            operator = np.ones((1, 1))
            for site in range(6):
                operator = np.kron(operator, mps_twins.PAULIS[dict(word).get(site, "I")])
            assert value == pytest.approx(np.vdot(psi, operator @ psi).real, abs=1e-12)


def test_words_in_any_order_and_more_than_once():
    points, words = states(4), all_words(5, 2)
    order = np.random.default_rng(0).integers(len(words), size=3 * len(words))
    shuffled = [words[k][::-1] for k in order]
    np.testing.assert_allclose(
        values(points, shuffled), values(points, words)[:, order], atol=1e-14, rtol=0
    )


def test_the_empty_word_is_one():
    points = states(9)
    assert (values(points, [(), ((0, "X"),), ()])[:, [0, 2]] == 1.0).all()


def test_a_word_of_many_letters():
    points = states(3, 40, 2)
    words = [
        tuple((site, "XYZ"[site % 3]) for site in range(40)),
        tuple((s, "Z") for s in range(40)),
    ]
    np.testing.assert_allclose(values(points, words), expected(points, words), atol=1e-12, rtol=0)


def test_slices_that_run_backwards_and_cannot_be_written():
    arrays, program = mps_twins.arrays(states(11)), word_program(all_words(5, 1), 5)
    forward = mps_expectations(arrays, program)
    for x in arrays:
        x.flags.writeable = False
    backward = mps_expectations(MPSArrays(*(x[::-1] for x in arrays)), program)
    np.testing.assert_allclose(backward[::-1], forward, atol=1e-14, rtol=0)


def test_threads_and_calls_change_nothing(monkeypatch):
    arrays, program = mps_twins.arrays(states(50)), word_program(all_words(5, 2), 5)
    with at_most_threads(1):
        alone = mps_expectations(arrays, program)
    monkeypatch.setattr(mps_comparison, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(mps_comparison, "_PRODUCTS_A_CALL", 1)
    monkeypatch.setattr(mps_comparison, "thread_count", lambda: 5)
    np.testing.assert_array_equal(mps_expectations(arrays, program), alone)


@pytest.mark.parametrize(("n_points", "n_words"), [(0, 2), (3, 0)])
def test_nothing_to_measure(n_points, n_words):
    arrays = MPSArrays(*(x[:n_points] for x in mps_twins.arrays(states(3))))
    program = word_program([((0, "X"),)] * n_words, 5)
    assert mps_expectations(arrays, program).shape == (n_points, n_words)


@DTYPES
def test_a_state_that_is_no_number_spoils_its_own_row_alone(dtype):
    arrays, program = mps_twins.arrays(states(20), dtype), word_program([((4, "X"),)], 5)
    alone = mps_expectations(arrays, program)
    arrays.im[3, 0] = np.nan
    spoilt = mps_expectations(arrays, program)
    assert np.isnan(spoilt[3]).all()
    np.testing.assert_array_equal(np.delete(spoilt, 3, axis=0), np.delete(alone, 3, axis=0))


@DTYPES
def test_the_room_that_is_stated_is_the_room_that_is_taken(dtype, monkeypatch):
    arrays, program = mps_twins.arrays(states(40), dtype), word_program(all_words(5, 3), 5)
    taken = []
    write = mps_comparison.word_loops.measure_states
    monkeypatch.setattr(mps_comparison, "_WORTH_A_THREAD", 1)
    monkeypatch.setattr(mps_comparison, "thread_count", lambda: 2)
    monkeypatch.setattr(
        mps_comparison.word_loops,
        "measure_states",
        lambda *args: (taken.append(args[4].nbytes), write(*args)),
    )
    mps_expectations(arrays, program)
    assert set(taken) == {measurement_room_size(arrays, program)}


def test_measured_in_the_middle_of_other_rows():
    tensors = states(8, 3, 2)
    arrays, program = mps_twins.arrays(tensors), word_program(all_words(3, 2), 3)
    bonds = mps_overlaps.largest_bonds(arrays.bonds, 0, 8)
    sizes = 2 * bonds[:-1] * bonds[1:]
    starts = np.array([20, 0, 40])
    planes = [np.full((60, 8), 7.0) for _ in range(2)]
    for plane, states_ in zip(planes, (arrays.re, arrays.im), strict=True):
        packed = np.empty((sizes.sum(), 8))
        mps_overlaps.pack(packed, states_, arrays.bonds, 0, 8, bonds, bonds[1:])
        for start, part in zip(starts, np.split(packed, np.cumsum(sizes)[:-1]), strict=True):
            plane[start : start + len(part)] = part
    rows = loops.room_rows(int(bonds.max()), program.n_levels)
    room = np.full((rows, 8), np.nan), np.full((rows, 8), np.nan)
    found = np.empty((5, program.n_words))
    loops.measure(found, *planes, starts, bonds, program.instructions, room, bonds.max() ** 2)
    np.testing.assert_allclose(found, expected(tensors[:5], all_words(3, 2)), atol=1e-12, rtol=0)
