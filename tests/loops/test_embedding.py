"""Many points through a program, in parallel and at the edges of blocks."""

import numpy as np
import pytest

from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Layer
from qkernels.loops import embedding, expectations
from tests.loops import twins

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])
N_QUBITS, SIZE = 3, 8


def layers():
    rotations = twins.rotations(N_QUBITS, 3, np.random.default_rng(3))
    return [
        Layer(phases={5: Angle(0.2, {0: 1.0})}),
        Layer(rotations, phases={1: Angle(0.0, {1: 0.5}), 7: Angle(0.1, {2: 1.0}), 6: Angle(1.0)}),
    ]


class Job:
    """Arguments of the loops for some points, and what their twin makes of them."""

    def __init__(self, n_points, dtype, workers=1):
        rng = np.random.default_rng(n_points)
        symbols = rng.uniform(-3, 3, (n_points, 3))
        self.program, slots = twins.program(layers(), N_QUBITS)
        self.angles = twins.slot_values(slots, symbols)
        initial = twins.states(1, SIZE, rng)
        self.initial = np.vstack(twins.planes(initial, dtype))
        self.states = twins.evolved(initial.T.repeat(n_points, axis=1), layers(), symbols).T
        rows = 2 * SIZE + 2 * self.program.level_rows[-1] + 3 * self.angles.shape[1] + 1
        self.room = np.full((workers, rows, twins.lanes_of(dtype)), np.nan, dtype)
        self.tables = twins.planes(twins.shared_phases(slots, self.angles[0], SIZE), dtype)
        self.blocks = np.array([0, -(-n_points // twins.lanes_of(dtype))])

    def embed(self):
        shape = self.states.shape
        re, im = np.full((2, *shape), 7.0, self.room.dtype)
        embedding.embed(
            *(re, im, self.angles, self.blocks, self.room, self.initial, self.program),
            *self.tables,
        )
        return re + 1j * im

    def expectations(self, words, factors):
        values = np.full((len(self.states), len(words)), 7.0)
        expectations.expectations(
            *(values, self.angles, self.blocks, self.room, self.initial, self.program),
            *(*self.tables, np.array(words), np.array(factors)),
        )
        return values


@DTYPES
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_points", [1, 7, 8, 9, 16, 21, 33])
def test_states_of_any_number_of_points(n_points, workers, dtype):
    job = Job(n_points, dtype, workers)
    np.testing.assert_allclose(job.embed(), job.states, atol=TOLERANCE[dtype], rtol=0)


def test_only_the_given_blocks_are_written():
    job = Job(21, np.float64)
    job.blocks = np.array([1, 2])
    states = job.embed()
    np.testing.assert_allclose(states[8:16], job.states[8:16], atol=1e-12, rtol=0)
    assert (states[[*range(8), *range(16, 21)]] == 7 + 7j).all()


def test_registers_smaller_than_a_block():
    layer = Layer(twins.rotations(1, 1, np.random.default_rng(0)))
    program, slots = twins.program([layer], 1)
    symbols = np.random.default_rng(1).uniform(-3, 3, (9, 1))
    re, im = np.empty((2, 9, 2))
    room = np.empty((1, 2 * 2 + 3 + 1, 8))
    initial, none = np.array([[1.0, 0.0], [0.0, 0.0]]), np.empty((0, 2))
    angles = twins.slot_values(slots, symbols)
    embedding.embed(re, im, angles, np.array([0, 2]), room, initial, program, none, none)
    expected = twins.evolved(np.array([[1.0], [0.0]]).repeat(9, axis=1), [layer], symbols).T
    np.testing.assert_allclose(re + 1j * im, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_angle_that_is_no_number_spoils_its_own_point_alone(value):
    job = Job(9, np.float64)
    expected = job.embed()
    job.angles[4, 0] = value
    with np.errstate(invalid="ignore"):
        states = job.embed()
    assert np.isnan(states[4]).all()
    np.testing.assert_array_equal(np.delete(states, 4, axis=0), np.delete(expected, 4, axis=0))


@DTYPES
@pytest.mark.parametrize("n_points", [1, 8, 19])
def test_expectation_values_of_words(n_points, dtype):
    job = Job(n_points, dtype)
    words, factors = zip(*twins.WORDS.values(), strict=True)
    expected = [
        factor * twins.measured(job.states.T, d, m, imaginary) / (2 if d else 1)
        for (d, m, _, imaginary), factor in twins.WORDS.values()
    ]
    np.testing.assert_allclose(
        job.expectations(words, factors), np.array(expected).T, atol=TOLERANCE[dtype], rtol=0
    )


def test_only_the_given_blocks_are_measured():
    job = Job(21, np.float64, workers=2)
    job.blocks = np.array([2, 3])
    values = job.expectations(*zip(twins.WORDS["identity"], strict=True))
    assert (values[:16] == 7.0).all()
    np.testing.assert_allclose(values[16:], 1.0, atol=1e-12)


def test_no_words_give_no_values():
    assert Job(3, np.float64).expectations(np.empty((0, 4), np.int64), np.empty(0)).shape == (3, 0)
