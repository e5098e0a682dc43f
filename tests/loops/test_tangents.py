"""The forward sweep of derivatives beside dense matrices: tangents, and rates of words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Layer
from qkernels.loops import adjoint, tangents
from tests import random_circuits
from tests.loops import twins
from tests.loops.sweeps import TOLERANCE, Case, Sweep, circuit_case, random_case

DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


class Direction:
    """How fast the slots and the state at the start of a sweep change, and what comes of it."""

    def __init__(self, sweep, seed=0):
        rng = np.random.default_rng(seed)
        self.rates = np.zeros_like(sweep.angles)
        self.rates[:, sweep.varying] = rng.uniform(-0.5, 0.5, (len(self.rates), len(sweep.varying)))
        self.start = twins.states(1, sweep.size, rng)[0]
        self.tangents = np.einsum("is,isb->ib", self.rates, sweep.changes)
        self.tangents += sweep.unitaries @ self.start

    def initial(self, sweep):
        return np.array([*sweep.planes(sweep.initial), *sweep.planes(self.start)])


def embed(sweep, direction):
    """Return the states and tangents that the loops write."""
    states, changes = np.full((2, 2, len(sweep.angles), sweep.size), 7.0, sweep.dtype)
    tangents.embed_tangents(
        *(tuple(states), tuple(changes), sweep.angles, direction.rates, sweep.blocks),
        *(sweep.room(6), direction.initial(sweep), sweep.program, *sweep.tables),
    )
    return states[0] + 1j * states[1], changes[0] + 1j * changes[1]


def expectation_rates(sweep, direction, names):
    """Return how fast the values of some of `twins.WORDS` change, as the loops write it."""
    rows = [twins.WORDS[name] for name in names]
    words = np.array([word for word, _ in rows], np.int64).reshape(-1, 4)
    values = np.full((len(sweep.angles), len(rows)), 7.0)
    tangents.expectation_rates(
        *(values, sweep.angles, direction.rates, sweep.blocks, sweep.room(6)),
        *(direction.initial(sweep), sweep.program, *sweep.tables),
        *(words, np.array([factor for _, factor in rows])),
    )
    return values


def dense_rates(sweep, direction, names):
    """Return 2 Re⟨ψ|W|dψ⟩ of each point and word W."""
    operators = [
        factor * twins.word_operator(word, sweep.size)
        for word, factor in (twins.WORDS[name] for name in names)
    ]
    values = [
        np.einsum("ib,bc,ic->i", sweep.states.conj(), operator, direction.tangents)
        for operator in operators
    ]
    return 2 * np.real(values).T


def assert_embeds(sweep, seed=0):
    direction = Direction(sweep, seed)
    states, changes = embed(sweep, direction)
    sweep.assert_close(states, sweep.states)
    sweep.assert_close(changes, direction.tangents, 2.0)


@DTYPES
@pytest.mark.parametrize("n_qubits", [1, 2, 3, 4])
def test_random_programs(n_qubits, dtype):
    for seed in range(4):
        assert_embeds(Sweep(random_case(n_qubits, 3, seed=seed), dtype), seed)


@settings(max_examples=40)
@given(
    st.sampled_from(list(random_circuits.GATES)).flatmap(
        lambda gate: random_circuits.feature_maps(gate, max_qubits=3, max_operations=6)
    )
)
def test_circuits_of_any_gates(feature_map):
    assert_embeds(Sweep(circuit_case(feature_map, 2)))


@DTYPES
@pytest.mark.parametrize("shared", [(), (0, 1, 2, 3)], ids=["own", "shared"])
def test_phases_of_any_parities(shared, dtype):
    rng = np.random.default_rng(1)
    values = rng.uniform(-3, 3, (1, 4)).repeat(5, axis=0)
    for masks in ([7], [1], [0, 3], [4, 6, 7], range(8), [1, 2, 3]):
        phases = {mask: Angle(0.1, {mask % 4: 1.0 + mask}) for mask in masks}
        layers = [
            Layer(twins.rotations(3, 3, rng), phases=phases),
            Layer(twins.rotations(3, 1, rng)),
        ]
        case = Case(3, layers, values, lambda symbol: symbol not in shared)
        assert_embeds(Sweep(case, dtype))


@DTYPES
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_points", [1, 7, 8, 9, 16, 21, 33])
def test_any_number_of_points(n_points, workers, dtype):
    assert_embeds(Sweep(random_case(3, n_points, n_layers=2), dtype, workers))


def test_only_the_given_blocks_are_written():
    sweep = Sweep(random_case(3, 21), workers=2)
    direction = Direction(sweep)
    expected = embed(sweep, direction)
    sweep.blocks = np.array([1, 2])
    for found, whole in zip(embed(sweep, direction), expected, strict=True):
        np.testing.assert_array_equal(found[8:16], whole[8:16])
        assert (found[[*range(8), *range(16, 21)]] == 7 + 7j).all()


def test_what_does_not_change_has_no_tangent():
    sweep = Sweep(random_case(3, 9))
    direction = Direction(sweep)
    direction.rates[:], direction.start[:] = 0.0, 0.0
    states, changes = embed(sweep, direction)
    sweep.assert_close(states, sweep.states)
    assert (changes == 0.0).all()


def test_a_rate_that_is_no_number_spoils_its_own_point_alone():
    sweep = Sweep(random_case(3, 9))
    direction = Direction(sweep)
    expected = embed(sweep, direction)
    direction.rates[4, sweep.varying] = np.nan
    states, changes = embed(sweep, direction)
    assert np.isnan(changes[4]).any()
    np.testing.assert_array_equal(states, expected[0])
    np.testing.assert_array_equal(np.delete(changes, 4, 0), np.delete(expected[1], 4, 0))


def test_forward_and_reverse_sweeps_are_transposes():
    """⟨λ, J t⟩ = ⟨Jᵀ λ, t⟩ of the slots and of the state at the start."""
    sweep = Sweep(random_case(4, 13))
    direction = Direction(sweep)
    gradients, starts = np.empty(sweep.angles.shape), np.empty((2, 2, sweep.size))
    adjoint.pull_back(
        *(gradients, starts, sweep.planes(sweep.states), sweep.planes(sweep.cotangents)),
        *(sweep.angles, sweep.blocks, sweep.room(4), sweep.program.with_adjoint_matrices()),
        *(sweep.tables[0], -sweep.tables[1]),
    )
    start = starts.sum(axis=0)
    by_start = np.vdot(start[0] + 1j * start[1], direction.start).real
    _, changes = embed(sweep, direction)
    forward = np.vdot(sweep.cotangents, changes).real
    backward = np.sum(gradients * direction.rates) + by_start
    assert forward == pytest.approx(backward, abs=1e-12)


# -- Expectation values


@DTYPES
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_points", [1, 8, 19])
def test_rates_of_expectation_values(n_points, workers, dtype):
    sweep = Sweep(random_case(3, n_points), dtype, workers)
    direction = Direction(sweep)
    found = expectation_rates(sweep, direction, twins.WORDS)
    sweep.assert_close(found, dense_rates(sweep, direction, twins.WORDS), 4.0)


@pytest.mark.parametrize("name", twins.WORDS)
def test_the_rate_of_one_word(name):
    sweep = Sweep(random_case(3, 4, seed=2))
    direction = Direction(sweep, seed=1)
    found = expectation_rates(sweep, direction, [name])
    sweep.assert_close(found, dense_rates(sweep, direction, [name]), 4.0)


def test_only_the_given_blocks_are_measured():
    sweep = Sweep(random_case(3, 21), workers=2)
    direction = Direction(sweep)
    sweep.blocks = np.array([2, 3])
    values = expectation_rates(sweep, direction, ["real"])
    assert (values[:16] == 7.0).all()
    sweep.assert_close(values[16:], dense_rates(sweep, direction, ["real"])[16:], 4.0)


def test_no_words_have_no_rates():
    sweep = Sweep(random_case(2, 3))
    assert expectation_rates(sweep, Direction(sweep), []).shape == (3, 0)
