"""The arithmetic of bits below a program: frames, pivots, passes, parities."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Frame, Rotation, odd
from qkernels.compilation.primitives import Controls, walsh_coefficients
from qkernels.compilation.program import passes, pivots

N = 4
MOVES = st.lists(st.permutations(range(N)).map(lambda p: p[:2]) | st.integers(0, N - 1))


def moved(moves):
    """Return a frame after CNOTs and X's, and where they take each basis state."""
    frame, basis = Frame.identity(N), np.arange(2**N)
    bits = [(basis >> (N - 1 - q)) & 1 for q in range(N)]
    for move in moves:
        if isinstance(move, int):
            frame.flip(move)
            bits[move] = bits[move] ^ 1
        else:
            control, target = move
            frame.controlled_not(control, target)
            bits[target] = bits[target] ^ bits[control]
    return frame, np.array(bits)


@given(MOVES)
def test_a_frame_knows_the_value_of_each_qubit(moves):
    frame, bits = moved(moves)
    for q in range(N):
        stored = [odd(b & frame.masks[q]) ^ frame.flips[q] for b in range(2**N)]
        np.testing.assert_array_equal(stored, bits[q])


@given(MOVES)
def test_a_direction_changes_its_qubit_alone(moves):
    frame, _ = moved(moves)
    for q, p in itertools.product(range(N), repeat=2):
        assert odd(frame.directions[q] & frame.masks[p]) == (p == q)


@given(MOVES)
def test_stored_amplitudes_are_found_again(moves):
    frame, bits = moved(moves)
    values = bits[:, frame.stored_index()]
    np.testing.assert_array_equal(values, np.array(list(np.ndindex(*[2] * N))).T)


def test_masks_and_directions_of_several_qubits_add_up():
    frame, _ = moved([(0, 1), (1, 2), 2])
    assert frame.mask([1, 2]) == (frame.masks[1] ^ frame.masks[2], 1)
    assert frame.direction([0, 3]) == frame.directions[0] ^ frame.directions[3]


@given(MOVES, st.permutations(range(N)), st.integers(1, N))
def test_pivots_choose_one_element_of_each_coset(moves, order, count):
    frame, _ = moved(moves)
    directions = [frame.directions[q] for q in order[:count]]
    bits = pivots(directions)
    assert all(bit.bit_count() == 1 for bit in bits)
    chosen = [b for b in range(2**N) if not b & sum(bits)]
    combinations = [()]
    for k in range(count):
        combinations += itertools.combinations(directions, k + 1)
    offsets = [int(np.bitwise_xor.reduce([0, *c])) for c in combinations]
    assert sorted(b ^ offset for b in chosen for offset in offsets) == list(range(2**N))


@given(st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, 2**N - 1)), max_size=9))
def test_rotations_of_one_pass_leave_each_others_signs_alone(places):
    rotations = [Rotation(1 << q, mask | 1 << q, False, Angle(1.0)) for q, mask in places]
    groups = list(passes(rotations))
    assert [r for group in groups for r in group] == rotations
    for group in groups:
        assert len(group) <= 3
        for first, second in itertools.permutations(group, 2):
            assert not odd(first.mask & second.direction)


@pytest.mark.parametrize("shape", [(1,), (2,), (16,), (3, 8)])
def test_walsh_coefficients_add_up_to_the_values(shape):
    values = np.random.default_rng(0).normal(size=shape)
    coefficients = walsh_coefficients(values)
    size = shape[-1]
    signs = [[(-1) ** (b & m).bit_count() for m in range(size)] for b in range(size)]
    np.testing.assert_allclose(coefficients @ np.array(signs).T, values, atol=1e-14)


@given(st.sets(st.tuples(*[st.integers(0, 1)] * 3)))
def test_parities_of_controls_add_up_to_acceptance(accepted):
    controls = Controls((4, 2, 7), frozenset(accepted))
    for value in itertools.product((0, 1), repeat=3):
        bits = dict(zip(controls.qubits, value, strict=True))
        total = sum(
            coefficient * (-1) ** sum(bits[q] for q in qubits)
            for qubits, coefficient in controls.parities()
        )
        assert total == pytest.approx(float(value in accepted), abs=1e-15)


def test_another_control_must_be_1():
    controls = Controls((0,), frozenset({(0,)})).with_qubit(3)
    assert controls == Controls((0, 3), frozenset({(0, 1)}))
