"""`chain_schedule`: errors of truncations are as the groups promise, and no work is wasted."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qkernels.compilation.chain import APPLY, LAYER, LEFT, RIGHT, compile_chain
from tests import chain_reference
from tests.compilation.primitive_circuits import (
    N_SYMBOLS,
    circuits,
    coupled_circuits,
    evolve,
    random_unitary,
    rotation,
)

TURNED = [rotation({q: "Y"}, 0.4 + 0.1 * q) for q in range(30)]


def compiled(n, steps, **options):
    return compile_chain(steps, range(n), N_SYMBOLS, **options)


def truncated(chain, slots, n_groups, **rules):
    """Return the dense state when only the first groups truncate, and the weights."""
    tensors, weights = chain_reference.run(chain, slots, n_truncated=n_groups, **rules)
    return chain_reference.dense(chain, tensors), weights


def angle(a, b):
    """Return the Fubini–Study angle between two states."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    overlap = np.vdot(a, b)
    # The sine of small angles is exact, their cosine is not.
    return np.arctan2(np.linalg.norm(b - overlap * a), abs(overlap))


def factorisations(chain):
    return [tuple(row) for row in chain.program.instructions if row[0] != APPLY]


# -- Groups


@settings(max_examples=120)
@given(
    circuits(min_qubits=4, max_qubits=8, max_size=30),
    st.sampled_from([{"max_bond": 1}, {"max_bond": 2}, {"max_bond": 3}, {"truncation": 0.02}]),
    st.booleans(),
)
def test_errors_of_a_group_are_orthogonal(circuit, rules, pivoted):
    n, steps, values = circuit
    chain = compiled(n, [*TURNED[:n], *steps])
    assert_orthogonal_errors(chain, values, {**rules, "pivoted": pivoted})


@settings(max_examples=40)
@given(coupled_circuits(), st.sampled_from([{"max_bond": 1}, {"max_bond": 2}, {"max_bond": 3}]))
def test_errors_of_layers_are_orthogonal(circuit, rules):
    n, steps, values = circuit
    chain = compiled(n, steps, layers=True)
    assume(LAYER in chain.program.instructions[:, 0])
    assert_orthogonal_errors(chain, values, rules)


def assert_orthogonal_errors(chain, values, rules):
    slots = chain.slots(values[None])[0]
    exact, _ = truncated(chain, slots, 0, **rules)
    state = exact
    bound = 0.0
    for group in range(chain.n_groups):
        after, weights = truncated(chain, slots, group + 1, **rules)
        before = np.vdot(state, state).real
        assert np.linalg.norm(after - state) ** 2 == pytest.approx(weights[group], abs=1e-12)
        assert np.vdot(after, after).real == pytest.approx(before - weights[group], abs=1e-12)
        bound += np.arcsin(np.sqrt(min(1.0, weights[group] / before)))
        assert angle(exact, after) <= bound + 1e-7
        state = after


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_sweeps_of_stars_are_few_groups_with_visible_errors(distance):
    n = 10
    pairs = [{i: "X", j: "X"} for i in range(n) for j in range(i + 1, min(n, i + distance + 1))]
    layer = [*(rotation({q: "Z"}, 0.7 + 0.2 * q) for q in range(n)), *map(rotation, pairs)]
    steps = [*(rotation({q: "Y"}, np.pi / 2) for q in range(n)), *layer, *layer]
    chain = compiled(n, steps)
    assert chain.n_groups <= 2 * distance + 1
    slots = chain.slots(np.zeros((1, N_SYMBOLS)))[0]
    tensors, weights = chain_reference.run(chain, slots, max_bond=2)
    norms = 1.0 - np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    off = angle(evolve(steps, n), chain_reference.dense(chain, tensors))
    assert 1e-3 < off <= np.sum(np.arcsin(np.sqrt(weights / norms))) + 1e-9


# -- Canonical form


@settings(max_examples=60)
@given(circuits(min_qubits=3))
def test_tensors_around_the_centre_are_orthonormal_at_each_truncation(circuit):
    n, steps, values = circuit
    chain = compiled(n, [*TURNED[:n], *steps])
    slots = chain.slots(values[None])[0]
    rows = chain.program.instructions
    for place in np.flatnonzero((rows[:, 0] != APPLY) & (rows[:, 2] >= 0)):
        before = replace(chain, program=chain.program._replace(instructions=rows[:place]))
        tensors, _ = chain_reference.run(before, slots)
        site = rows[place, 1]
        for k, tensor in enumerate(tensors):
            left, _, right = tensor.shape
            matrix = tensor.reshape(2 * left, right) if k < site else tensor.reshape(left, -1).T
            if k != site:
                gram = matrix.conj().T @ matrix
                np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


@settings(max_examples=100)
@given(circuits(min_qubits=3))
def test_every_bond_is_truncated_last_by_a_move_to_the_left(circuit):
    n, steps, _ = circuit
    chain = compiled(n, [*TURNED[:n], *steps])
    last = {}
    for opcode, site, group in chain.program.instructions:
        if opcode == APPLY:
            sites = chain.program.factors[site:group, 0]
            last.update(dict.fromkeys(sites[1:].tolist(), "operator"))
        else:
            bond = site + (opcode == RIGHT)
            last[bond] = opcode, group >= 0
    # Only bonds that are always 1 are factorised without truncation.
    assert {end for bond, end in last.items() if chain.bond_limits[bond] > 1} <= {(LEFT, True)}


# -- Amounts of work


def brickwork(n, depth):
    layers = [range(d % 2, n - 1, 2) for d in range(depth)]
    return [random_unitary((q, q + 1), q) for layer in layers for q in layer]


def test_neighbours_need_two_factorisations_each_in_one_sweep():
    chain = compiled(6, [random_unitary((q, q + 1)) for q in reversed(range(5))])
    # The sweep goes to the left although the centre starts at 0: bonds are still 1.
    sweep = [row for q in reversed(range(5)) for row in [(RIGHT, q, -1), (LEFT, q + 1, 0)]]
    assert factorisations(chain) == sweep


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_layers_of_brickwork_are_a_group_each(depth):
    n = 12
    chain = compiled(n, brickwork(n, depth))
    assert chain.n_groups == depth
    n_gates = len(brickwork(n, depth))
    # Between two gates of a layer the centre moves by one site, between layers by none, and at the
    # end to site 0, unless the last gate is there.
    assert len(factorisations(chain)) == 2 * n_gates + (n_gates - depth) + (depth % 2 == 0)


def test_operators_that_commute_may_be_applied_in_another_order():
    turned = [random_unitary((q,), q) for q in range(6)]
    pairs = [(4, 5), (0, 1), (2, 3), (1, 2), (3, 4)]
    chain = compiled(6, [*turned, *(rotation({i: "Z", j: "Z"}) for i, j in pairs)])
    assert chain.n_groups == 1
    assert len(factorisations(chain)) == 10


def test_unconnected_parts_share_sweeps():
    n = 12
    inside = [step for step in brickwork(n, 3) if step.qubits != (5, 6)]
    chain = compiled(n, inside)
    assert chain.bond_limits[6] == 1
    assert chain.n_groups == 3
    assert len(factorisations(chain)) <= len(factorisations(compiled(n, brickwork(n, 3))))


def test_sweeps_that_need_not_be_long_are_short():
    n = 30
    chain = compiled(n, [random_unitary((q, q + 1), q) for q in [3, 4, 3, 4, 3]])
    sites = {site for _, site, _ in factorisations(chain)}
    assert max(sites) == 5
    # At the end the centre is at 0.
    assert factorisations(chain)[-3:] == [(LEFT, 3, -1), (LEFT, 2, -1), (LEFT, 1, -1)]
