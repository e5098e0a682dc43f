"""Light cones of words, and what fidelities see: dense matrices, and cones known by hand."""

import math
from functools import reduce

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels import FeatureMap, feature_maps
from qkernels.compilation import compile_feature_map
from qkernels.compilation.angles import Angle
from qkernels.compilation.light_cones import (
    Cone,
    LightCones,
    bits,
    connected,
    registers,
    seen_by_fidelities,
)
from qkernels.compilation.primitives import ControlledNot, Flip, PauliRotation, Unitary
from tests.compilation.dense_steps import (
    N_QUBITS,
    dense_word,
    primitives,
    product,
    rotation,
)

CLIFFORD = [Angle(k * math.pi / 2) for k in (1, 2, -1, 4)]
SHARED, OWN = Angle(0.0, {0: 1.0}), Angle(0.2, {1: 1.0})
LETTERS = [(q, letter) for q in range(N_QUBITS) for letter in "XYZ"]


def value(steps, word):
    state = product(steps, N_QUBITS)[:, 0]
    return np.vdot(state, dense_word(word, N_QUBITS) @ state).real


def cones_of(*operations):
    """Return a function that tells how many qubits a letter on a qubit sees."""
    circuit = cirq.Circuit(operations)
    names = sorted({str(s) for s in cirq.parameter_symbols(circuit)})
    return seen_in(FeatureMap(circuit, names))


def seen_in(feature_map):
    cones = compile_feature_map(feature_map).cones
    return lambda qubit, letter: cones.letter(qubit, letter).n_qubits


# -- Values


@settings(max_examples=150, deadline=None)
@given(
    st.lists(primitives([Angle(0.3), *CLIFFORD]), max_size=12),
    st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3, unique_by=lambda place: place[0]),
    st.integers(0, 2**12 - 1),
)
def test_what_is_outside_of_a_cone_can_be_left_out_or_not(steps, word, others):
    cones = LightCones(steps, N_QUBITS)
    parts = cones.parts(tuple(sorted(word)))
    kept = reduce(Cone.__or__, [cone for cone, _ in parts]).steps
    whole = value(steps, word)
    for mask in (kept, kept | others):
        some = [step for k, step in enumerate(steps) if mask >> k & 1]
        np.testing.assert_allclose(value(some, word), whole, atol=1e-12)
    own = [value([steps[k] for k in bits(cone.steps)], part) for cone, part in parts]
    np.testing.assert_allclose(np.prod(own), whole, atol=1e-12)


def test_all_steps_before_all_words_are_kept():
    rng = np.random.default_rng(0)
    turns = [
        rotation({int(a): rng.choice(list("XYZ")), int(b): rng.choice(list("XYZ"))}, rng.normal())
        for a, b in (rng.permutation(N_QUBITS)[:2] for _ in range(40))
    ]
    cones = LightCones(turns, N_QUBITS)
    for letter in LETTERS:
        cone = cones.letter(*letter)
        assert cone.steps & (1 << 20) - 1 == (1 << 20) - 1
        kept = [turns[k] for k in bits(cone.steps)]
        np.testing.assert_allclose(value(kept, [letter]), value(turns, [letter]), atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(primitives(), max_size=12), st.sampled_from(LETTERS))
def test_cones_are_within_what_gates_reach(steps, letter):
    reached, gates = {letter[0]}, set()
    for k in reversed(range(len(steps))):
        if reached.intersection(steps[k].qubits):
            reached.update(steps[k].qubits)
            gates.add(k)
    cone = LightCones(steps, N_QUBITS).letter(*letter)
    assert gates.issuperset(bits(cone.steps))
    assert reached.issuperset(bits(cone.qubits))
    acted_on = {q for k in bits(cone.steps) for q in steps[k].qubits}
    assert set(bits(cone.qubits)) == acted_on | {letter[0]}


# -- Cones known by hand


def test_an_x_behind_a_linear_zz_map_sees_two_neighbours_a_repetition():
    seen = seen_in(feature_maps.zz(12, entanglement="linear"))
    assert [seen(6, letter) for letter in "XYZ"] == [5, 5, 3]
    assert [seen(0, letter) for letter in "XYZ"] == [3, 3, 2]


def test_a_fully_entangled_zz_map_is_all_seen():
    seen = seen_in(feature_maps.zz(8))
    assert {seen(q, letter) for q in range(8) for letter in "XYZ"} == {8}


def test_the_ising_ansatz_is_seen_from_twice_its_distance():
    seen = seen_in(feature_maps.ising(12))
    assert [seen(6, letter) for letter in "XYZ"] == [3, 5, 5]
    far = seen_in(feature_maps.ising(20, distance=3))
    assert [far(10, letter) for letter in "XZ"] == [7, 13]


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_layers_of_cost_and_mixer_reach_one_neighbour_each(layers):
    q, (a, b) = cirq.LineQubit.range(12), sympy.symbols("a b")
    cost = [(cirq.ZZ**a)(q[i], q[(i + 1) % 12]) for i in range(12)]
    seen = cones_of(cirq.H.on_each(*q), [[cost, [cirq.rx(b)(p) for p in q]] for _ in range(layers)])
    assert seen(5, "Z") == 2 * layers + 1
    # The last mixer and X commute.
    assert seen(5, "X") == 2 * layers + 1
    without_mixer = cones_of(cirq.H.on_each(*q), cost)
    assert without_mixer(5, "Z") == 1


@pytest.mark.parametrize(
    "gate",
    [
        *(cirq.CZ, cirq.CNOT, cirq.ISWAP**0.3),
        cirq.MatrixGate(cirq.testing.random_unitary(4, random_state=0)),
    ],
)
def test_bricks_are_seen_from_six_qubits(gate):
    q, x = cirq.LineQubit.range(40), sympy.Symbol("x")
    layers = [
        [[cirq.ry(x)(p) for p in q], [gate(q[i], q[i + 1]) for i in range(k % 2, 39, 2)]]
        for k in range(3)
    ]
    seen = cones_of(*layers)
    assert max(seen(p, letter) for p in range(40) for letter in "XYZ") == 6


def test_cnots_are_seen_where_they_act():
    q, x = cirq.LineQubit.range(5), sympy.Symbol("x")
    ladder = [cirq.CNOT(q[i], q[i + 1]) for i in range(4)]
    seen = cones_of([cirq.ry(x)(p) for p in q], ladder)
    # A Z goes to all controls before it; an X to the next target, where no CNOT meets it.
    assert [seen(p, "Z") for p in range(5)] == [1, 2, 3, 4, 5]
    assert [seen(p, "X") for p in range(5)] == [2, 2, 2, 2, 1]


def test_clifford_rotations_turn_words():
    turn = rotation({0: "X"}, Angle(0.0, {0: 1.0}))
    steps = [rotation({0: "X", 1: "Z"}), turn, rotation({0: "Y"}, math.pi / 2)]
    # Z behind the quarter turn is X before it, which the turns about X do not change.
    assert LightCones(steps, 2).letter(0, "Z") == Cone(0b100, 0b01)
    assert LightCones(steps, 2).letter(0, "X") == Cone(0b111, 0b11)
    assert LightCones([*steps, Flip(0)], 2).letter(0, "Z") == Cone(0b1100, 0b01)


def test_words_fall_apart_and_grow_together():
    steps = [rotation({q: "Y"}) for q in range(6)] + [ControlledNot(1, 2), ControlledNot(3, 4)]
    cones = LightCones(steps, 6)
    assert cones.parts(()) == []
    ((cone, part),) = cones.parts(((1, "Z"), (2, "Z")))
    assert (list(bits(cone.qubits)), part) == ([1, 2], ((1, "Z"), (2, "Z")))
    parts = cones.parts(((0, "Z"), (2, "Z"), (5, "X")))
    assert [list(bits(cone.qubits)) for cone, _ in parts] == [[0], [1, 2], [5]]
    assert [part for _, part in parts] == [((0, "Z"),), ((2, "Z"),), ((5, "X"),)]


# -- Registers


def costs(cone, n_words):
    size, n_steps = 2 ** cone.qubits.bit_count(), cone.steps.bit_count()
    return 6000 + n_steps * (150 + size) + n_words * (60 + 2 * size)


def hosts(*cones):
    """Return the cones that run, and those that are measured on each."""
    return {register.cone: set(register.members) for register in registers(cones)}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.builds(Cone, st.integers(0, 2**14 - 1), st.integers(1, 2**14 - 1))
        | st.sampled_from([Cone(1, 3), Cone(2, 6)]),
        min_size=1,
    )
)
def test_each_cone_is_in_one_register_and_all_together_cost_no_more(cones):
    found = registers(cones)
    assert registers(cones[::-1]) == found
    assert sorted(cone for register in found for cone in register.members) == sorted(set(cones))
    for register in found:
        assert register.cone == reduce(Cone.__or__, register.members)
        assert register.n_words == sum(cone in register.members for cone in cones)
        assert register.cost == costs(register.cone, register.n_words)
    apart = sum(costs(cone, cones.count(cone)) for cone in set(cones))
    assert sum(register.cost for register in found) <= apart


def test_small_cones_are_one_register_and_wide_ones_are_not():
    small = [Cone(0b111 << q, 0b111 << q) for q in range(4)]
    assert hosts(*small) == {reduce(Cone.__or__, small): set(small)}
    wide = [Cone((1 << 40) - 1 << 40 * q, (1 << 10) - 1 << 10 * q) for q in range(4)]
    assert hosts(*wide) == {cone: {cone} for cone in wide}
    inside = Cone(0b11, 0b11)
    assert hosts(inside, wide[0]) == {wide[0]: {inside, wide[0]}}
    # Many words on few amplitudes stay there.
    assert hosts(*[inside] * 9, wide[0]) == {inside: {inside}, wide[0]: {wide[0]}}


# -- Fidelities


def seen(steps, varies=lambda step: isinstance(step, PauliRotation) and 1 in step.angle.terms):
    return seen_by_fidelities(steps, varies, N_QUBITS)


@settings(max_examples=200, deadline=None)
@given(st.lists(primitives([Angle(0.3), SHARED, OWN]), max_size=14))
def test_fidelities_do_not_change(steps):
    found = seen(steps)

    def fidelity(steps):
        a, b = (product(steps, N_QUBITS, (0.7, own))[:, 0] for own in (-0.4, 1.1))
        return abs(np.vdot(a, b)) ** 2

    np.testing.assert_allclose(fidelity(found), fidelity(steps), atol=1e-12)
    varying = {q for s in found if isinstance(s, PauliRotation) for q in s.qubits}
    assert all(varying.intersection(part) for part in connected(found, 4) if len(part) > 1)


def test_what_is_shared_at_the_end_is_dropped_step_by_step():
    own = [rotation({q: "Z"}, OWN) for q in range(2)]
    end = [ControlledNot(0, 1), rotation({0: "X"}, SHARED), Flip(1), Unitary((0, 1), np.eye(4))]
    walls = [rotation({q: "Y"}, SHARED) for q in range(2)]
    assert seen([*walls, *own, *end]) == [*walls, *own]
    # A shared step goes past kept ones where they commute.
    past = [rotation({0: "Z", 1: "Z"}, SHARED), ControlledNot(0, 2), *own]
    assert seen([*walls, *past]) == [*walls, *own]
    stays = [rotation({0: "X", 1: "Z"}, SHARED), *own]
    assert seen([*walls, *stays]) == [*walls, *stays]


def test_what_no_data_reach_is_dropped():
    own = rotation({0: "X"}, OWN)
    apart = [rotation({2: "X"}, SHARED), ControlledNot(2, 3), rotation({3: "X"}, SHARED)]
    assert seen([*apart, own]) == [own]
    assert seen(apart) == []


def test_a_map_without_data_has_one_trivial_component():
    walls = [cirq.H.on_each(*cirq.LineQubit.range(70)), cirq.CZ(*cirq.LineQubit.range(2))]
    (component,) = compile_feature_map(FeatureMap(cirq.Circuit(walls), [])).overlap_components
    assert component.n_qubits == 1
    assert len(component.main.instructions) == len(component.prefix.instructions) == 0


def test_small_unconnected_parts_share_registers():
    compiled = compile_feature_map(feature_maps.angle(10))
    assert [component.n_qubits for component in compiled.overlap_components] == [4, 4, 2]
    assert [component.n_qubits for component in compiled.components] == [1] * 10


def test_cones_are_compiled_once():
    compiled = compile_feature_map(feature_maps.zz(4, entanglement="linear"))
    cone = compiled.cones.letter(0, "X")
    assert compiled.cone_component(cone) is compiled.cone_component(Cone(*cone))
    assert compiled.cone_component(cone).qubits == (0, 1, 2)
