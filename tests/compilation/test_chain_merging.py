"""`chain_merging` and `chain_stars`: fewer operators that do the same, counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.chain_merging import merged
from qkernels.compilation.chain_operators import PASS, PROJECT, TURN
from qkernels.compilation.chain_stars import joined
from qkernels.compilation.primitives import ControlledNot, Flip, GlobalPhase, PauliRotation
from tests.compilation.agreement import assert_equal_up_to_phase
from tests.compilation.primitive_circuits import circuits, evolve, random_unitary, rotation

PI = math.pi


def words(layers):
    """Return the words of rotations, layer by layer, as text."""
    return [["".join(f"{a}{q}" for q, a in step.word) for step in layer] for layer in layers]


def constants(layers):
    return [step.angle.constant for layer in layers for step in layer]


# -- Merging


@settings(max_examples=150)
@given(circuits())
def test_layers_do_the_same(circuit):
    n, steps, values = circuit
    layers = merged(steps)
    flat = [step for layer in layers for step in layer]
    assert_equal_up_to_phase(evolve(flat, n, values)[None], evolve(steps, n, values)[None])


@settings(max_examples=100)
@given(circuits(), st.randoms())
def test_layers_are_of_one_qubit_and_of_several_that_commute_in_turn(circuit, random):
    n, steps, values = circuit
    layers = merged(steps)
    for place, layer in enumerate(layers):
        assert all((len(step.qubits) > 1) == (place % 2 == 1) for step in layer)
    mixed = [
        layer if k % 2 == 0 else random.sample(layer, len(layer)) for k, layer in enumerate(layers)
    ]
    flat = [step for layer in mixed for step in layer]
    assert_equal_up_to_phase(evolve(flat, n, values)[None], evolve(steps, n, values)[None])


def test_rotations_about_one_word_turn_together_across_what_commutes():
    angle = Angle(0.1, {0: 2.0})
    steps = [rotation({0: "X"}), rotation({1: "X", 0: "X"}, angle), rotation({0: "X"})]
    steps += [rotation({0: "X", 1: "X"}, angle)]
    layers = merged(steps)
    assert words(layers) == [["X0"], ["X0X1"]]
    assert layers[1][0].angle == Angle(0.2, {0: 4.0})


def test_rotations_do_not_pass_what_does_not_commute():
    steps = [rotation({0: "X"}), rotation({0: "Y"}), rotation({0: "X"})]
    assert words(merged(steps)) == [["X0", "Y0", "X0"]]
    steps = [rotation({0: "X"}), rotation({1: "X"}), *[rotation({0: "Y", 1: "Y"})] * 2]
    steps += [rotation({1: "Z"}), rotation({0: "Y", 1: "Y"})]
    assert words(merged(steps)) == [["X0", "X1"], ["Y0Y1"], ["Z1"], ["Y0Y1"]]


def test_words_that_differ_at_two_qubits_commute():
    pairs = [rotation({0: a, 1: a}) for a in "XYZXYZ"]
    turned = [rotation({q: "Y"}) for q in range(2)]
    assert words(merged([*turned, *pairs])) == [["Y0", "Y1"], ["X0X1", "Y0Y1", "Z0Z1"]]


@pytest.mark.parametrize(
    "steps",
    [
        [rotation({0: "X"}, 0.0)],
        [rotation({0: "X", 1: "Y"}, 2 * PI)],
        [rotation({0: "X"}, 1.5 * PI), rotation({0: "X"}, 0.5 * PI)],
        [rotation({0: "X"}, Angle(0, {0: 1.0})), rotation({0: "X"}, Angle(0, {0: -1.0}))],
        [Flip(0), Flip(0)],
        [GlobalPhase(Angle(0.3)), rotation({0: "Z"}), rotation({0: "Z", 3: "Z"})],
        [ControlledNot(0, 1), ControlledNot(1, 0)],
    ],
)
def test_what_does_nothing_is_left_out(steps):
    assert not any(merged(steps))


def test_letters_z_count_as_soon_as_a_qubit_has_turned():
    steps = [rotation({0: "Z", 1: "Y"}), rotation({0: "Y"}), rotation({0: "Z", 1: "Y"})]
    assert words(merged(steps)) == [["Y1", "Y0"], ["Z0Y1"]]
    unitary = random_unitary((0,))
    assert len(merged([unitary, rotation({0: "Z"})])[0]) == 2


def test_half_turns_need_no_bond():
    steps = [rotation({q: "Y"}) for q in range(3)] + [rotation({0: "X", 1: "Z", 2: "Y"}, -PI)]
    layers = merged(steps)
    assert words(layers) == [["Y0", "Y1", "X0", "Z1", "Y2"]]
    assert constants(layers) == pytest.approx([0.3, 0.3, PI, PI, 0.3 + PI])
    # Two quarter turns in a row make one.
    quarters = [*steps[:3], *[rotation({0: "X", 1: "Z"}, 0.5 * PI)] * 2]
    assert all(len(step.word) == 1 for layer in merged(quarters) for step in layer)


def test_the_same_matrix_twice_acts_twice():
    unitary = random_unitary((0,))
    assert merged([unitary, unitary]) == [[unitary, unitary]]


# -- Stars


def shapes(pairs, letter="Z"):
    """Return the ends of the operators of some pairs."""
    operators = joined(rotation({i: letter, j: letter}) for i, j in pairs)
    return sorted(operator.sites for operator in operators)


def all_pairs(n, distance):
    return [(i, j) for i in range(n) for j in range(i + 1, min(n, i + distance + 1))]


def test_pairs_up_to_a_distance_are_a_star_a_site():
    assert shapes(all_pairs(6, 3)) == [(0, 3), (1, 4), (2, 5), (3, 5), (4, 5)]
    assert shapes(all_pairs(4, 1)) == [(0, 1), (1, 2), (2, 3)]
    # In any order.
    assert shapes(all_pairs(6, 3)[::-1]) == shapes(all_pairs(6, 3))


def test_a_middle_reaches_to_both_sides():
    assert shapes([(2, q) for q in (0, 1, 3, 4, 5)]) == [(0, 2), (2, 5)]


def test_letters_of_a_centre_are_kept_apart():
    operators = list(joined([rotation({0: "X", 1: "X"}), rotation({0: "Z", 2: "Z"})]))
    assert [len(operator.letters) for operator in operators] == [2, 2]


def test_factors_of_a_star():
    steps = [rotation({2: "X", q: letter}, q) for q, letter in [(5, "X"), (3, "Z")]]
    (star,) = joined(steps)
    assert [factor.kind for factor in star.factors] == [PROJECT, TURN, PASS, TURN]
    assert [factor.letter for factor in star.factors] == ["X", "Z", "I", "X"]
    assert [(factor.left, factor.right) for factor in star.factors] == [
        (1, 2),
        (2, 2),
        (2, 2),
        (2, 1),
    ]
    assert [factor.angle.constant for factor in star.factors if factor.angle] == [3, 5]
    assert star.letters == {2: "X", 3: "Z", 5: "X"}


@settings(max_examples=60)
@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] < p[1])))
def test_stars_have_each_pair_once_and_are_never_longer(pairs):
    steps = [rotation({i: "X", j: "X"}, 1.0 + i + 8 * j) for i, j in pairs]
    operators = list(joined(steps))
    assert sum(len(operator.letters) - 1 for operator in operators) == len(pairs)
    assert sum(o.sites[1] - o.sites[0] for o in operators) <= sum(j - i for i, j in pairs)
    angles = [f.angle.constant for o in operators for f in o.factors if f.angle]
    np.testing.assert_array_equal(sorted(angles), sorted(s.angle.constant for s in steps))


def test_longer_words_and_matrices_are_by_themselves():
    steps = [rotation({0: "X", 1: "X", 2: "X"}), random_unitary((4, 3))]
    assert [o.sites for o in joined(steps)] == [(0, 2), (3, 4)]
    assert isinstance(steps[0], PauliRotation)
