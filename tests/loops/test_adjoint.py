"""The reverse sweep beside dense matrices: gradients by slots, and cotangents at the start."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Layer
from qkernels.loops import adjoint, evolution
from tests import random_circuits
from tests.loops import twins
from tests.loops.sweeps import TOLERANCE, Case, Sweep, circuit_case, random_case

DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


def pull_back(sweep, *, with_starts=True):
    """Return what the loops make of the states' cotangents: gradients and sums at the start."""
    gradients, starts = outputs(sweep, with_starts)
    re, im = sweep.tables
    adjoint.pull_back(
        *(gradients, starts, sweep.planes(sweep.states), sweep.planes(sweep.cotangents)),
        *(sweep.angles, sweep.blocks, sweep.room(4), sweep.program.with_adjoint_matrices()),
        *(re, -im),
    )
    return gradients, starts


def pull_back_expectations(sweep, words, weights):
    """Return what the loops make of the weights of words."""
    gradients, starts = outputs(sweep, True)
    re, im = sweep.tables
    adjoint.pull_back_expectations(
        *(gradients, starts, weights.astype(sweep.dtype), sweep.angles, sweep.blocks),
        *(sweep.room(4), np.array(sweep.planes(sweep.initial)), sweep.program, re, im),
        *(sweep.program.with_adjoint_matrices(), -im, np.array(words, np.int64).reshape(-1, 4)),
    )
    return gradients, starts


def outputs(sweep, with_starts):
    n_blocks = sweep.blocks[1] - sweep.blocks[0] if with_starts else 0
    gradients = np.full(sweep.angles.shape, 7.0)
    return gradients, np.full((n_blocks, 2, sweep.size), 7.0, sweep.dtype)


def dense_gradients(sweep, cotangents):
    """Return Re⟨λ|dψ/dθ⟩ of each point and slot."""
    return np.einsum("ib,isb->is", cotangents.conj(), sweep.changes).real


def dense_starts(sweep, cotangents):
    """Return the cotangents at the start, summed over each block's points."""
    before = np.einsum("ibc,ib->ic", sweep.unitaries.conj(), cotangents)
    sums = np.add.reduceat(before, range(0, len(before), sweep.lanes))
    return np.stack([sums.real, sums.imag], axis=1)


def assert_pulled_back(sweep, found, cotangents, scale=1.0):
    gradients, starts = found
    expected = dense_gradients(sweep, cotangents)
    sweep.assert_close(gradients[:, sweep.varying], expected[:, sweep.varying], scale)
    sweep.assert_close(starts, dense_starts(sweep, cotangents), scale * sweep.lanes)


@DTYPES
@pytest.mark.parametrize("n_qubits", [1, 2, 3, 4])
def test_random_programs(n_qubits, dtype):
    for seed in range(4):
        sweep = Sweep(random_case(n_qubits, 3, seed=seed), dtype)
        assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


@settings(max_examples=40)
@given(
    st.sampled_from(list(random_circuits.GATES)).flatmap(
        lambda gate: random_circuits.feature_maps(gate, max_qubits=3, max_operations=6)
    )
)
def test_circuits_of_any_gates(feature_map):
    sweep = Sweep(circuit_case(feature_map, 2))
    assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


@DTYPES
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("n_qubits", [3, 4])
def test_one_pass_of_rotations(n_qubits, count, dtype):
    for seed in range(4):
        rng = np.random.default_rng([n_qubits, count, seed])
        layers = [Layer(twins.rotations(n_qubits, count, rng))]
        sweep = Sweep(case_of(layers, n_qubits), dtype)
        assert sweep.program.instructions[:, 0].tolist() == [evolution.ROTATE]
        assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


@DTYPES
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("n_qubits", [1, 2, 3, 4])
def test_one_layer_of_phases(n_qubits, shared, dtype):
    every = list(range(1, 2**n_qubits))
    rng = np.random.default_rng(n_qubits)
    for masks in (every, every[-1:], every[:1], [0, *every[::2]], rng.permutation(every)[:3]):
        phases = {int(m): Angle(0.1 * i, {i % 3: 1.0 + i}) for i, m in enumerate(masks)}
        sweep = Sweep(case_of([Layer(phases=phases)], n_qubits, shared=shared), dtype)
        assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


def case_of(layers, n_qubits, *, shared=False, n_points=5):
    values = np.random.default_rng(n_qubits).uniform(-3, 3, (1 if shared else n_points, 3))
    values = np.broadcast_to(values, (n_points, 3))
    return Case(n_qubits, layers, values, lambda symbol: not shared)


def test_constant_phases_among_others_are_undone():
    phases = {1: Angle(0.4), 3: Angle(0.0, {0: 1.0}), 6: Angle(-1.2), 5: Angle(0.3, {1: 2.0})}
    sweep = Sweep(case_of([Layer(phases=phases)] * 2, 3))
    assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


@DTYPES
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_numeric_matrices_are_undone(count, dtype):
    rng = np.random.default_rng(count)
    turns = [Layer(twins.rotations(4, 3, rng)) for _ in range(2)]
    layers = [turns[0], Layer(matrix=twins.matrix(4, count, rng)), turns[1]]
    sweep = Sweep(case_of(layers, 4), dtype)
    assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


def test_the_derivatives_of_a_slot_that_occurs_again_are_summed():
    rng = np.random.default_rng(5)
    layers = [Layer(twins.rotations(3, 3, rng), phases={5: Angle(0.0, {0: 0.5})}) for _ in range(3)]
    for layer in layers:
        for rotation in layer.rotations:
            rotation.angle = Angle(0.0, {0: 1.0})
    sweep = Sweep(case_of(layers, 3))
    assert sweep.angles.shape[1] == 1
    assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


@DTYPES
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_points", [1, 7, 8, 9, 16, 21, 33])
def test_any_number_of_points(n_points, workers, dtype):
    sweep = Sweep(random_case(3, n_points, n_layers=2), dtype, workers)
    assert_pulled_back(sweep, pull_back(sweep), sweep.cotangents)


def test_only_the_given_blocks_are_written():
    sweep = Sweep(random_case(2, 21))
    expected = pull_back(sweep)
    sweep.blocks = np.array([1, 2])
    gradients, starts = pull_back(sweep)
    np.testing.assert_array_equal(gradients[8:16], expected[0][8:16])
    np.testing.assert_array_equal(starts, expected[1][1:2])
    assert (gradients[[*range(8), *range(16, 21)]] == 7.0).all()


def test_sums_at_the_start_are_left_out_where_nobody_asks():
    sweep = Sweep(random_case(2, 11))
    gradients, starts = pull_back(sweep, with_starts=False)
    np.testing.assert_array_equal(gradients, pull_back(sweep)[0])
    assert starts.shape == (0, 2, 4)


def test_what_is_given_is_left_alone():
    sweep = Sweep(random_case(2, 9))
    planes = *sweep.planes(sweep.states), *sweep.planes(sweep.cotangents)
    copies = [plane.copy() for plane in planes]
    gradients, starts = outputs(sweep, True)
    adjoint.pull_back(
        *(gradients, starts, planes[:2], planes[2:], sweep.angles, sweep.blocks, sweep.room(4)),
        *(sweep.program.with_adjoint_matrices(), sweep.tables[0], -sweep.tables[1]),
    )
    for plane, copy in zip(planes, copies, strict=True):
        np.testing.assert_array_equal(plane, copy)


def test_an_angle_that_is_no_number_spoils_its_own_point_alone():
    sweep = Sweep(random_case(3, 9))
    expected, _ = pull_back(sweep)
    sweep.angles[4, sweep.varying] = np.nan
    with np.errstate(invalid="ignore"):
        gradients, _ = pull_back(sweep)
    assert np.isnan(gradients[4]).any()
    np.testing.assert_array_equal(np.delete(gradients, 4, axis=0), np.delete(expected, 4, axis=0))


@DTYPES
def test_states_and_cotangents_come_back_to_the_start(dtype):
    sweep = Sweep(random_case(4, twins.lanes_of(dtype)), dtype)
    psi, cotangent = sweep.planes(sweep.states.T), sweep.planes(sweep.cotangents.T)
    n_slots, tables = sweep.angles.shape[1], sweep.room(0)[0]
    trig = np.empty((3 * n_slots, sweep.lanes), dtype)
    evolution.fill_trigonometry(trig, sweep.angles, 0, sweep.lanes, -1.0)
    gradient = np.ones((n_slots, sweep.lanes), dtype)
    adjoint.rewind(
        *(psi, cotangent, gradient, trig, (tables, tables.copy())),
        *(sweep.program.with_adjoint_matrices(), sweep.tables[0], -sweep.tables[1]),
    )
    expected = sweep.initial[:, np.newaxis].repeat(sweep.lanes, axis=1)
    sweep.assert_close(psi[0] + 1j * psi[1], expected)
    expected = np.einsum("ibc,ib->ci", sweep.unitaries.conj(), sweep.cotangents)
    sweep.assert_close(cotangent[0] + 1j * cotangent[1], expected)
    expected = 1.0 + dense_gradients(sweep, sweep.cotangents).T
    sweep.assert_close(gradient[sweep.varying], expected[sweep.varying])


# -- Expectation values


@DTYPES
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n_points", [1, 8, 19])
def test_gradients_through_expectation_values(n_points, workers, dtype):
    words = [word for word, _ in twins.WORDS.values()]
    sweep = Sweep(random_case(3, n_points), dtype, workers)
    weights = np.random.default_rng(n_points).normal(size=(n_points, len(words)))
    operators = np.array([twins.word_operator(word, sweep.size) for word in words])
    cotangents = 2 * np.einsum("iw,wbc,ic->ib", weights, operators, sweep.states)
    found = pull_back_expectations(sweep, words, weights)
    assert_pulled_back(sweep, found, cotangents, scale=10.0)


@pytest.mark.parametrize("name", twins.WORDS)
def test_gradients_of_one_word(name):
    word, _ = twins.WORDS[name]
    sweep = Sweep(random_case(3, 4, seed=1))
    cotangents = 2 * sweep.states @ twins.word_operator(word, sweep.size).T
    found = pull_back_expectations(sweep, [word], np.ones((4, 1)))
    assert_pulled_back(sweep, found, cotangents)


def test_no_words_give_no_gradient():
    gradients, starts = pull_back_expectations(Sweep(random_case(2, 9)), [], np.empty((9, 0)))
    assert (gradients == 0.0).all()
    assert (starts == 0.0).all()


def test_words_of_the_given_blocks_only():
    sweep = Sweep(random_case(3, 21), workers=2)
    words, weights = [twins.WORDS["imaginary"][0]], np.arange(21.0)[:, np.newaxis]
    expected = pull_back_expectations(sweep, words, weights)
    sweep.blocks = np.array([2, 3])
    gradients, starts = pull_back_expectations(sweep, words, weights)
    np.testing.assert_array_equal(gradients[16:], expected[0][16:])
    np.testing.assert_array_equal(starts, expected[1][2:])
    assert (gradients[:16] == 7.0).all()
