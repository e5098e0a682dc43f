"""Layers of couplings: which are joined, whose values later sites need, and the tables."""

import itertools

import numpy as np
import pytest

from qkernels.compilation.angles import Angle
from qkernels.compilation.chain import LAYER, compile_chain
from qkernels.compilation.chain_layers import Coupling, Layer, layers_of
from tests.compilation.primitive_circuits import N_SYMBOLS, rotation


def couplings(pairs, letters="Z" * 20):
    return [rotation({a: letters[a], b: letters[b]}, 0.1 * (a + 2 * b)) for a, b in pairs]


def near(n, distance):
    return [(a, b) for a, b in itertools.combinations(range(n), 2) if b - a <= distance]


ONES = [1] * 21


def layer(pairs):
    (found,), others = layers_of(couplings(pairs), ONES)
    assert not others
    return found


def test_neighbours_are_left_to_stars():
    steps = couplings(near(6, 1))
    assert layers_of(steps, ONES) == ([], steps)


def test_far_couplings_are_joined_whatever_their_order_and_letters():
    steps = couplings(near(7, 2), "XYZZYXX")
    for given in (steps, steps[::-1]):
        (found,), others = layers_of(given, ONES)
        assert not others
        assert found.sites == (0, 6)
        assert found.reach == 2
        assert dict(found.letters) == dict(enumerate("XYZZYXX"))
        assert sorted((c.left, c.right) for c in found.couplings) == near(7, 2)
        assert all(c.angle.constant == 0.1 * (c.left + 2 * c.right) for c in found.couplings)


def test_groups_end_where_nothing_crosses():
    pairs = [(0, 2), (1, 2), (2, 4), (3, 4), (5, 7), (6, 8)]
    layers, others = layers_of(couplings([*pairs, (9, 10)]), ONES)
    assert [found.sites for found in layers] == [(0, 2), (2, 4), (5, 8)]
    assert [step.word for step in others] == [((9, "Z"), (10, "Z"))]


def test_a_site_with_two_letters_is_in_no_layer():
    steps = [rotation({0: "X", 2: "X"}), rotation({1: "Z", 3: "Z"}), rotation({0: "Z", 2: "Z"})]
    assert layers_of(steps, ONES) == ([], steps[:1] + steps[2:] + steps[1:2])


def test_more_columns_than_pay_make_no_layer():
    crossing = couplings([(k, 13 - k) for k in range(7)])
    (found,), _ = layers_of(crossing, ONES)
    assert found.widths[7] == 128
    assert layers_of(crossing, [2] * 21)[0]
    assert layers_of(crossing, [1] * 7 + [3] + [1] * 13)[0] == []


def test_histories_are_of_sites_that_are_still_coupled_ahead():
    found = layer([(0, 3), (1, 2), (2, 4)])
    assert found.open_sites == {0: (0,), 1: (0, 1), 2: (0, 2), 3: (2,), 4: ()}
    assert found.widths == {1: 2, 2: 4, 3: 4, 4: 2}
    assert found.histories(2) == ((0, 1), (0, 2))
    # History bits: site 0, then site 1; then site 0, then site 2.
    assert list(found.targets(2)) == [0, 2, 1, 3, 0, 2, 1, 3]
    assert list(found.targets(4)) == [0, 0, 0, 0]
    assert [(bit, a.constant) for bit, a in found.ending_at(3)] == [(0, pytest.approx(0.6))]
    assert [bit for bit, _ in found.ending_at(2)] == [1]


@pytest.mark.parametrize("pairs", [near(6, 2), near(6, 3), near(6, 5)])
def test_histories_lead_to_the_phase_of_all_couplings(pairs):
    """Following the tables for each basis state gives the sum of its couplings' angles."""
    chain = compile_chain(couplings(pairs, "Z" * 6), range(6), N_SYMBOLS, layers=True)
    # Without a turn before it, Z leaves |0…0⟩ as it is: no instruction is left.
    assert len(chain.program.instructions) == 0
    turned = [rotation({site: "Y"}, 0.4) for site in range(6)]
    chain = compile_chain([*turned, *couplings(pairs)], range(6), N_SYMBOLS, layers=True)
    program, slots = chain.program, chain.slots(np.zeros((1, N_SYMBOLS)))[0]
    of_sites = {qubit: site for site, qubit in enumerate(chain.qubits)}
    for spins in itertools.product(range(2), repeat=6):
        history, total = 0, 0.0
        for row in program.layers:
            site, _, _, before, _, first, end, place, opens = row
            assert history < before
            for bit, slot in program.couplings[first:end]:
                total += slots[slot] * (-1) ** ((history >> bit & 1) + spins[site])
            history = program.targets[place + 2 * history + spins[site]]
            assert not opens or history >> (int(row[4]).bit_length() - 2) == spins[site]
        signs = {q: (-1) ** spins[of_sites[q]] for q in range(6)}
        expected = sum(0.05 * (a + 2 * b) * signs[a] * signs[b] for a, b in pairs)
        assert total == pytest.approx(expected)
        assert history == 0


def test_each_site_but_the_last_has_an_instruction():
    turned = [rotation({site: "Y"}, 0.4) for site in range(5)]
    steps = [*turned, *couplings(near(5, 2), "XXZXX")]
    chain = compile_chain(steps, range(5), N_SYMBOLS, layers=True)
    rows = chain.program.instructions[chain.program.instructions[:, 0] == LAYER]
    assert rows[:, 1].tolist() == [0, 1, 2, 3]
    assert len(set(rows[:, 2])) == 1
    assert len(chain.program.layers) == 5
    assert chain.bond_limits.tolist() == [1, 2, 4, 4, 2, 1]


def test_a_layer_is_a_value_of_its_couplings():
    found = Layer((Coupling(0, 2, Angle(0.1)), Coupling(1, 2, Angle(0.2))), {0: "Z", 1: "Z"})
    assert found.group == -1
    assert found.reach == 2
