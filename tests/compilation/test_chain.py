"""`compile_chain`: programs of matrix product states, run by a plain twin, beside dense states."""

import cirq
import numpy as np
import pytest
from hypothesis import assume, given, seed, settings
from hypothesis import strategies as st

import qkernels as qk
from qkernels.compilation.angles import Angle
from qkernels.compilation.chain import (
    APPLY,
    COSINE,
    LAYER,
    LEFT,
    MATRIX,
    PASS,
    PROJECT,
    RIGHT,
    TURN,
    WORD,
    compile_chain,
)
from qkernels.compilation.decomposition import Decomposer
from qkernels.compilation.primitives import ControlledNot, Flip, GlobalPhase, Unitary
from qkernels.compilation.simplification import simplified
from tests import chain_reference
from tests.compilation.agreement import assert_equal_up_to_phase, simulated
from tests.compilation.primitive_circuits import (
    N_SYMBOLS,
    circuits,
    coupled_circuits,
    evolve,
    random_unitary,
    rotation,
)
from tests.random_circuits import GATES, feature_maps, points

CNOT = cirq.unitary(cirq.CNOT)
# So often that four qubits stay in their order.
COUPLED = [random_unitary((q, q + 1)) for q in range(3)] * 3


def chain_of(feature_map):
    """Return the chain of a whole feature map."""
    decomposer = Decomposer(feature_map.qubits, feature_map.angle_symbols)
    steps = simplified(decomposer.circuit(feature_map.flattened[0]))
    return compile_chain(steps, range(feature_map.n_qubits), len(feature_map.angle_symbols))


def compiled(n, steps):
    return compile_chain(steps, range(n), N_SYMBOLS)


def state_of(chain, slots, **options):
    """Return the twin's dense state; its tensors have to be in canonical form."""
    tensors, _ = chain_reference.run(chain, slots, **options)
    assert chain_reference.worst_row(tensors) < 1e-12
    return chain_reference.dense(chain, tensors)


def opcodes(chain):
    return chain.program.instructions[:, 0]


def spans(chain):
    """Return the first and the last site of each operator on several."""
    rows = chain.program.instructions
    sites = [chain.program.factors[a:b, 0] for op, a, b in rows if op == APPLY]
    return [(s[0], s[-1]) for s in sites if len(s) > 1]


# -- States


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits_of_all_gates(gate_type):
    @seed(list(GATES).index(gate_type))
    @settings(max_examples=2)
    @given(feature_maps(gate_type, max_qubits=5, max_operations=7), st.integers(0, 999))
    def agrees(feature_map, random_seed):
        inputs, parameters = points(feature_map, 1, random_seed)
        chain = chain_of(feature_map)
        slots = chain.slots(feature_map.angles(inputs, parameters))[0]
        expected = simulated(feature_map, inputs, parameters)
        assert_equal_up_to_phase(state_of(chain, slots)[None], expected)

    agrees()


@settings(max_examples=150)
@given(circuits(max_qubits=8))
def test_random_primitives(circuit):
    n, steps, values = circuit
    assert_agrees(compiled(n, steps), steps, values)


@settings(max_examples=50)
@given(coupled_circuits())
def test_random_primitives_around_layers(circuit):
    n, steps, values = circuit
    chain = compile_chain(steps, range(n), N_SYMBOLS, layers=True)
    assume(LAYER in opcodes(chain))
    assert_agrees(chain, steps, values)


def assert_agrees(chain, steps, values):
    n = len(chain.qubits)
    tensors, weights = chain_reference.run(chain, chain.slots(values[None])[0])
    state = chain_reference.dense(chain, tensors)
    assert_equal_up_to_phase(state[None], evolve(steps, n, values)[None])
    assert chain_reference.worst_row(tensors) < 1e-12
    assert weights.max(initial=0.0) < 1e-24
    assert all(t.shape[0] <= b for t, b in zip(tensors, chain.bond_limits, strict=False))


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_the_ising_map_on_ten_qubits(distance):
    feature_map = qk.feature_maps.ising(10, distance=distance)
    inputs, parameters = points(feature_map, 1, distance)
    chain = chain_of(feature_map)
    state = state_of(chain, chain.slots(feature_map.angles(inputs, parameters))[0])
    assert_equal_up_to_phase(state[None], simulated(feature_map, inputs, parameters))


def test_qubits_may_have_any_numbers():
    steps = [rotation({9: "Y"}), ControlledNot(9, 2), rotation({4: "X", 2: "X"})]
    chain = compile_chain(steps, (9, 2, 7, 4), 0)
    assert sorted(chain.qubits) == [2, 4, 7, 9]
    renamed = [rotation({3: "Y"}), ControlledNot(3, 0), rotation({1: "X", 0: "X"})]
    expected = evolve(renamed, 4)
    assert_equal_up_to_phase(
        state_of(chain, chain.slots(np.zeros((1, 0)))[0])[None], expected[None]
    )


@pytest.mark.parametrize("steps", [[], [GlobalPhase(Angle(0.3))], [rotation({0: "Z", 1: "Z"})]])
def test_what_does_nothing_needs_no_instructions(steps):
    chain = compiled(2, steps)
    assert len(chain.program.instructions) == len(chain.program.factors) == chain.n_groups == 0
    np.testing.assert_array_equal(chain.bond_limits, [1, 1, 1])
    np.testing.assert_array_equal(state_of(chain, np.zeros(0)), [1, 0, 0, 0])


# -- Tables


@settings(max_examples=50)
@given(circuits())
def test_tables_are_well_formed(circuit):
    n, steps, _ = circuit
    chain = compiled(n, steps)
    instructions, factors, re, im = chain.program[:4]
    assert instructions.dtype == factors.dtype == chain.bond_limits.dtype == np.int64
    assert re.dtype == im.dtype == np.float64
    assert all(table.flags.c_contiguous for table in chain.program)
    assert instructions.shape[1:] == (3,)
    assert factors.shape[1:] == (7,)
    applied = instructions[opcodes(chain) == APPLY]
    np.testing.assert_array_equal(np.concatenate([[0], applied[:, 2]])[:-1], applied[:, 1])
    for first, end in applied[:, 1:]:
        assert_is_operator(factors[first:end], len(chain.slots.constants), len(re))
    assert set(np.unique(instructions[opcodes(chain) != APPLY, 2])) - {-1} == set(
        range(chain.n_groups)
    )


def assert_is_operator(rows, n_slots, n_entries):
    sites, kinds, letters, slots, places, left, right = rows.T
    np.testing.assert_array_equal(np.diff(sites), 1)
    np.testing.assert_array_equal(left[1:], right[:-1])
    assert left[0] == right[-1] == 1
    assert right[:-1].min(initial=2) > 1
    has_slot, has_place = np.isin(kinds, [TURN, COSINE]), kinds == MATRIX
    np.testing.assert_array_equal(slots >= 0, has_slot)
    np.testing.assert_array_equal(places >= 0, has_place)
    assert slots.max() < n_slots
    assert (places + 4 * left * right)[has_place].max(initial=0) <= n_entries
    assert not ((letters == 0) & np.isin(kinds, [TURN, PROJECT, COSINE, WORD])).any()
    assert np.isin(kinds, [TURN, PROJECT, PASS, COSINE, WORD, MATRIX]).all()


def test_slots_hold_half_of_the_gates_angles_once():
    angle = Angle(0.5, {1: 3.0})
    chain = compiled(3, [rotation({q: "X"}, angle) for q in range(3)])
    np.testing.assert_array_equal(chain.slots(np.array([[7.0, 2.0, 7.0]])), [[3.25]])
    np.testing.assert_array_equal(chain.program.factors[:, 3], [0, 0, 0])


def test_a_long_word_is_two_branches():
    chain = compiled(4, [*COUPLED, rotation({0: "X", 1: "Y", 3: "X"})])
    rows = chain.program.factors[-4:]
    np.testing.assert_array_equal(rows[:, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(rows[:, 1], [COSINE, WORD, PASS, WORD])
    np.testing.assert_array_equal(rows[:, 2], [1, 2, 0, 1])
    np.testing.assert_array_equal(rows[:, 5:], [[1, 2], [2, 2], [2, 2], [2, 1]])


def test_rotations_that_share_a_letter_are_one_star():
    rotations = [rotation({0: "X", 1: "Z"}, 0.2), rotation({3: "Y", 0: "X"}, 0.4)]
    turned = [rotation({q: "Y"}) for q in range(4)]
    chain = compiled(4, [*turned, *rotations, *COUPLED])
    rows = chain.program.factors[4:8]
    np.testing.assert_array_equal(rows[:, 1], [PROJECT, TURN, PASS, TURN])
    np.testing.assert_array_equal(rows[:, 2], [1, 3, 0, 2])
    np.testing.assert_array_equal(rows[:, 5:], [[1, 2], [2, 2], [2, 2], [2, 1]])
    np.testing.assert_allclose(chain.slots.constants[rows[[1, 3], 3]], [0.1, 0.2])


def test_letters_that_leave_the_start_as_it_is_are_left_out():
    steps = [rotation({0: "X", 1: "Z"}, 0.2), rotation({1: "Z", 2: "Z"})]
    chain = compiled(3, steps)
    np.testing.assert_array_equal(chain.program.factors[:, :3], [[0, TURN, 1]])


def test_equal_matrices_are_stored_once():
    unitary = random_unitary((0, 1))
    steps = [Unitary((2 * k, 2 * k + 1), unitary.matrix) for k in range(3)]
    one, three = compiled(2, steps[:1]), compiled(6, steps)
    np.testing.assert_array_equal(one.program.matrices_re, three.program.matrices_re)
    assert len(three.program.factors) == 3 * len(one.program.factors)


# -- Numeric matrices


@pytest.mark.parametrize("qubits", [(0,), (2, 0), (4, 1), (3, 0, 5), (0, 2, 4, 6), (6, 4, 0, 2, 5)])
def test_matrices_on_scattered_qubits(qubits):
    turned = [rotation({q: "Y"}, 0.3 + 0.2 * q) for q in range(7)]
    steps = [*turned, random_unitary(qubits), *turned]
    chain = compiled(7, steps)
    assert_equal_up_to_phase(
        state_of(chain, chain.slots(np.zeros((1, N_SYMBOLS)))[0])[None], evolve(steps, 7)[None]
    )


def test_matrices_of_six_qubits():
    steps = [rotation({q: "Y"}, 0.3 + 0.2 * q) for q in range(6)]
    steps.append(random_unitary((5, 0, 3, 1, 4, 2)))
    chain = compiled(6, steps)
    widths = chain.program.factors[6:, 6]
    np.testing.assert_array_equal(widths, [4, 16, 64, 16, 4, 1])
    assert_equal_up_to_phase(
        state_of(chain, chain.slots(np.zeros((1, N_SYMBOLS)))[0])[None], evolve(steps, 6)[None]
    )


@pytest.mark.parametrize(
    ("matrix", "width"), [(CNOT, 2), (cirq.unitary(cirq.SWAP), 4), (cirq.unitary(cirq.ISWAP), 4)]
)
def test_matrices_are_as_wide_as_their_rank(matrix, width):
    chain = compiled(2, [Unitary((0, 1), matrix)])
    np.testing.assert_array_equal(chain.program.factors[:, 6], [width, 1])


def test_products_of_matrices_are_taken_apart():
    a, b = cirq.testing.random_unitary(2, random_state=1), random_unitary((0, 2), 2).matrix
    # Qubits 1 and 3 are coupled across qubit 2, qubit 0 to none.
    steps = [rotation({q: "Y"}) for q in range(4)] + [Unitary((0, 1, 3), np.kron(a, b))]
    chain = compiled(4, steps)
    alone, *_ = (first for op, first, end in chain.program.instructions[4:] if end - first == 1)
    entries = chain.program.matrices_re + 1j * chain.program.matrices_im
    place = chain.program.factors[alone, 4]
    np.testing.assert_allclose(np.abs(entries[place : place + 4]), np.abs(a).ravel(), atol=1e-14)
    assert_equal_up_to_phase(
        state_of(chain, chain.slots(np.zeros((1, N_SYMBOLS)))[0])[None], evolve(steps, 4)[None]
    )


# -- Bonds


def test_limits_of_bonds():
    turned = [rotation({q: "Y"}) for q in range(9)]
    coupled = [rotation({q: "X", q + 1: "X"}) for q in range(8)]
    np.testing.assert_array_equal(
        compiled(9, turned + coupled).bond_limits, [1, 2, 2, 2, 2, 2, 2, 2, 2, 1]
    )
    np.testing.assert_array_equal(
        compiled(9, (turned + coupled) * 3).bond_limits, [1, 2, 4, 8, 8, 8, 8, 4, 2, 1]
    )


def test_unconnected_parts_have_no_bond_between_them():
    steps = [rotation({q: "Y"}) for q in range(8)]
    steps += [random_unitary((0, 4, 2, 6)), random_unitary((1, 7, 3))]
    chain = compiled(8, steps)
    assert [set(chain.qubits[:4]), set(chain.qubits[4:])] == [{0, 2, 4, 6}, {1, 3, 5, 7}]
    # Qubit 5 is by itself.
    assert chain.qubits[-1] == 5
    np.testing.assert_array_equal(chain.bond_limits, [1, 2, 4, 2, 1, 2, 2, 1, 1])


def test_limits_do_not_overflow():
    steps = [rotation({q: "Y"}) for q in range(150)]
    for letter in "XYX":
        steps += [rotation({q: letter, q - d: letter}) for d in range(1, 25) for q in range(d, 150)]
    assert compiled(150, steps).bond_limits.max() == 2**62


# -- Amounts of work


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_the_ising_map_needs_an_operator_a_qubit_and_layer(distance):
    n, layers = 30, 3
    chain = chain_of(qk.feature_maps.ising(n, layers=layers, distance=distance))
    assert chain.qubits == tuple(range(n))
    assert len(spans(chain)) == layers * (n - 1)
    n_factorisations = np.count_nonzero(opcodes(chain) != APPLY)
    length = sum(last - first for first, last in spans(chain))
    # Where sweeps turn, two layers share a truncation; where one is not full, the centre moves.
    assert 2 * length - layers <= n_factorisations <= 2 * length + (distance > 1) * n
    assert chain.n_groups <= layers * distance + (distance > 1)


def test_operators_on_one_qubit_cost_no_factorisation():
    steps = [
        Flip(0),
        rotation({1: "Y"}),
        random_unitary((2,)),
        rotation({3: "X"}, Angle(0, {0: 1})),
    ]
    chain = compiled(4, steps)
    np.testing.assert_array_equal(opcodes(chain), [APPLY] * 4)


def test_two_gates_on_the_same_neighbours_are_truncated_once():
    steps = [rotation({q: "Y"}) for q in range(2)]
    steps += [rotation({0: a, 1: a}) for a in "XYZ"] + [
        rotation({0: "Y"}),
        rotation({0: "X", 1: "Z"}),
    ]
    chain = compiled(2, steps)
    np.testing.assert_array_equal(
        opcodes(chain), [*[APPLY] * 2, *[APPLY, RIGHT] * 3, APPLY, APPLY, RIGHT, LEFT]
    )
