"""One block of points through rotations, phases and matrices, beside their plain twins."""

import numpy as np
import pytest

from qkernels.compilation import program as compiled
from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Layer
from qkernels.loops import evolution
from tests.loops import twins

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])


def evolve(layers, n_qubits, dtype=np.float64, *, per_point=True, seed=0):
    """Take random states through some layers, in the loops and by the twin.

    Without `per_point` all points share the symbols' values, and their phases are tables.
    """
    rng = np.random.default_rng(seed)
    lanes, size = twins.lanes_of(dtype), 2**n_qubits
    n_symbols = 1 + max((s for a in angles_of(layers) for s in a.terms), default=0)
    values = rng.uniform(-3, 3, (lanes if per_point else 1, n_symbols)).repeat(
        1 if per_point else lanes, axis=0
    )
    program, slots = twins.program(layers, n_qubits, lambda symbol: per_point)
    slot_values = twins.slot_values(slots, values)
    psi = twins.states(lanes, size, rng).T
    re, im = twins.planes(psi, dtype)
    table_re, table_im = np.full((2, program.level_rows[-1], lanes), np.nan, dtype)
    tables = twins.shared_phases(slots, slot_values[0], size)
    evolution.evolve(
        *(re, im, twins.trigonometry(slot_values, dtype), table_re, table_im, program),
        *twins.planes(tables, dtype),
    )
    np.testing.assert_allclose(
        re + 1j * im, twins.evolved(psi, layers, values), atol=TOLERANCE[dtype], rtol=0
    )
    return program


def angles_of(layers):
    for layer in layers:
        yield from (rotation.angle for rotation in layer.rotations)
        yield from layer.phases.values()


def opcodes(program):
    return program.instructions[:, 0].tolist()


OPCODES = ["ROTATE", "PHASES", "SHARED_PHASES", "MATRIX"]
STEPS = ["START", "COPY", "TURN", "COMBINE", "APPLY_COPY", "APPLY_TURN", "APPLY_COMBINE"]


@pytest.mark.parametrize("name", [*OPCODES, *STEPS])
def test_writer_and_loops_agree_on_opcodes(name):
    assert getattr(evolution, name) == getattr(compiled, name)


@pytest.mark.parametrize("names", [OPCODES, STEPS])
def test_opcodes_are_distinct(names):
    assert len({getattr(compiled, name) for name in names}) == len(names)


@DTYPES
@pytest.mark.parametrize(
    ("n_qubits", "count"),
    [(n, count) for n in (1, 2, 3, 4, 6) for count in (1, 2, 3) if count <= n],
)
def test_rotations_with_independent_directions_are_one_pass(n_qubits, count, dtype):
    for seed in range(4):
        rng = np.random.default_rng([n_qubits, count, seed])
        layer = Layer(twins.rotations(n_qubits, count, rng))
        program = evolve([layer], n_qubits, dtype, seed=seed)
        assert opcodes(program) == [evolution.ROTATE]


@pytest.mark.parametrize("n_qubits", [4, 5])
def test_more_rotations_take_more_passes(n_qubits):
    layer = Layer(twins.rotations(n_qubits, n_qubits, np.random.default_rng(n_qubits)))
    program = evolve([layer], n_qubits)
    assert opcodes(program) == [evolution.ROTATE] * 2


def test_rotations_that_act_on_each_other_are_passes_of_their_own():
    first, second = twins.rotations(3, 2, np.random.default_rng(5))
    first.mask = second.mask = first.mask ^ second.mask
    assert first.commutes_with(second)
    assert opcodes(evolve([Layer([first, second])], 3)) == [evolution.ROTATE] * 2


@DTYPES
@pytest.mark.parametrize("n_qubits", [1, 2, 3, 5])
def test_phases_on_any_set_of_parities(n_qubits, dtype):
    rng = np.random.default_rng(n_qubits)
    every = list(range(1, 2**n_qubits))
    chosen = [every, every[-1:], every[:1], *(random_masks(every, rng) for _ in range(8))]
    for seed, masks in enumerate(chosen):
        layer = Layer(phases={mask: Angle(0.0, {i: 1.0}) for i, mask in enumerate(masks)})
        program = evolve([layer], n_qubits, dtype, seed=seed)
        assert opcodes(program) == [evolution.PHASES]


def random_masks(masks, rng):
    return [int(m) for m in rng.permutation(masks)[: rng.integers(1, len(masks) + 1)]]


def test_a_phase_on_all_qubits_of_a_wide_register():
    evolve([Layer(phases={2**9 - 1: Angle(0.0, {0: 1.0}), 3: Angle(0.0, {1: -0.5})})], 9)


def test_the_phase_of_no_parity_is_a_phase_of_all_amplitudes():
    evolve([Layer(phases={0: Angle(0.0, {0: 1.0}), 2: Angle(0.0, {1: 1.0})})], 2)


def test_angles_are_linear_in_symbols():
    evolve([Layer(phases={1: Angle(0.3, {0: 1.0, 1: -2.5}), 2: Angle(-0.7)})], 2)


@DTYPES
@pytest.mark.parametrize("n_qubits", [2, 3, 5])
def test_phases_that_all_points_share_are_a_table(n_qubits, dtype):
    masks = range(1, 2**n_qubits)
    layer = Layer(phases={mask: Angle(0.1 * mask, {mask: 1.0}) for mask in masks})
    program = evolve([layer], n_qubits, dtype, per_point=False)
    assert opcodes(program) == [evolution.SHARED_PHASES]


def test_equal_shared_phases_are_one_table():
    layer = Layer(phases={3: Angle(0.4)})
    rotation = twins.rotations(2, 1, np.random.default_rng(0))
    program = evolve([layer, Layer(rotation), layer], 2, per_point=False)
    assert program.instructions[[0, 2], 1].tolist() == [0, 0]


@DTYPES
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6])
def test_matrices_in_any_frame(k, dtype):
    for n_qubits in {k, k + 1, 6}:
        matrix = twins.matrix(n_qubits, k, np.random.default_rng([k, n_qubits]))
        assert opcodes(evolve([Layer(matrix=matrix)], n_qubits, dtype)) == [evolution.MATRIX]


@DTYPES
def test_a_whole_program(dtype):
    n_qubits, rng = 4, np.random.default_rng(7)
    layers = [
        Layer(phases={3: Angle(0.2, {1: 1.0})}),
        Layer(twins.rotations(n_qubits, 4, rng), phases={7: Angle(0.0, {2: 0.5}), 12: Angle(1.0)}),
        Layer(matrix=twins.matrix(n_qubits, 3, rng), phases={9: Angle(0.0, {0: -1.0})}),
        Layer(twins.rotations(n_qubits, 2, rng)),
    ]
    evolve(layers, n_qubits, dtype)


@DTYPES
def test_sines_and_cosines_of_a_block(dtype):
    angles = np.random.default_rng(0).uniform(-9, 9, (20, 2))
    trig = np.empty((6, twins.lanes_of(dtype)), dtype)
    evolution.fill_trigonometry(trig, angles, 16, 4, 1.0)
    expected = twins.trigonometry(angles[[16, 17, 18, *[19] * (trig.shape[1] - 3)]], dtype)
    np.testing.assert_allclose(trig, expected, atol=TOLERANCE[dtype] / 10, rtol=0)


def test_initial_states_fill_every_lane():
    re, im = np.empty((2, 4, 8))
    evolution.fill_initial(re, im, np.arange(4.0), -np.arange(4.0))
    np.testing.assert_array_equal(re, np.arange(4.0)[:, np.newaxis].repeat(8, axis=1))
    np.testing.assert_array_equal(im, -re)
