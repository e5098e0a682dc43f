"""States of chains, block by block, beside the plain twin of their programs."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.chain import APPLY, LAYER, LEFT, RIGHT, compile_chain
from qkernels.evaluators import mps_simulation
from qkernels.evaluators.bounds import angle_of_groups
from qkernels.evaluators.mps_simulation import ChainSimulation, Truncation
from qkernels.loops.jit import at_most_threads
from tests import chain_reference
from tests.compilation.primitive_circuits import (
    N_SYMBOLS,
    circuits,
    evolve,
    random_unitary,
    rotation,
)

EXACT = Truncation(0.0, None)
ACCURACY = {np.float64: 1e-12, np.float32: 2e-5}
DTYPES = pytest.mark.parametrize("dtype", list(ACCURACY), ids=["double", "single"])


def compiled(n, steps):
    return compile_chain(steps, range(n), N_SYMBOLS)


def points(n_points, seed=0):
    return np.random.default_rng([n_points, seed]).uniform(-3, 3, (n_points, N_SYMBOLS))


def run(chain, values, truncation=EXACT, dtype=np.float64):
    """Return what the blocks hold, point by point: tensors, bonds, weights, and all `capped`."""
    blocks = list(ChainSimulation(chain, values, np.dtype(dtype), truncation).blocks())
    tensors = [split(*point) for b in blocks for point in zip(b.re, b.im, b.bonds, strict=True)]
    bonds, weights = (np.concatenate([getattr(b, name) for b in blocks]) for name in FIELDS)
    return tensors, bonds, weights, [block.capped for block in blocks]


FIELDS = ("bonds", "weights")


def split(re, im, bonds):
    """Return one point's tensors; nothing comes after the last."""
    flat, tensors = re + 1j * im, []
    for left, right in pairwise(bonds):
        tensors.append(flat[: 2 * left * right].reshape(left, 2, right))
        flat = flat[2 * left * right :]
    assert not flat.any()
    return tensors


def assert_as_twin(chain, values, dtype=np.float64, **truncation):
    """Assert that all points have the twin's states, normalised, and lose what it loses."""
    rules = Truncation(truncation.get("truncation", 0.0), truncation.get("max_bond"))
    tensors, bonds, weights, _ = run(chain, values, rules, dtype)
    assert len(tensors) == len(values)
    atol = ACCURACY[dtype]
    # Where something is dropped, singular vectors are right to a cosine of 3e-5 alone.
    close = 1e-4 if truncation else atol
    for found, own, lost, slots in zip(tensors, bonds, weights, chain.slots(values), strict=True):
        expected = chain_reference.run(chain, slots, **truncation)
        state = chain_reference.dense(chain, expected.tensors)
        state /= np.linalg.norm(state)
        np.testing.assert_allclose(chain_reference.dense(chain, found), state, atol=close)
        np.testing.assert_allclose(lost, expected.weights, atol=max(atol, close / 100))
        assert chain_reference.worst_row(found) < atol
        assert (own <= chain.bond_limits).all()
    return bonds


def brickwork(n, depth=3, angle=0.9):
    """Return rotations by generic angles, so that singular values are all different."""
    steps, rng = [], np.random.default_rng(n)
    for layer in range(depth):
        for q in range(n):
            angles = rng.uniform(0.5, 2.5, 2)
            steps += [rotation({q: "Y"}, angles[0]), rotation({q: "Z"}, varying(q, angles[1]))]
        for q in range(layer % 2, n - 1, 2):
            steps.append(rotation({q: "X", q + 1: "X"}, angle + rng.uniform(0, 0.4)))
    return steps


def varying(q, constant):
    return Angle(constant, {q % N_SYMBOLS: 0.3})


def all_kinds(n=4):
    """Return steps whose program has every kind of factor."""
    star = [rotation({0: "Z", q: "X"}, varying(q, 0.4)) for q in range(1, n)]
    return [
        *brickwork(n),
        *star,
        random_unitary((0, 2), seed=1),
        rotation({0: "X", 3: "Y"}, varying(1, 0.7)),
        *(rotation({q: "X"}, varying(q, 0.5)) for q in range(n)),
        random_unitary((1, 2, 3), seed=2),
        *star,
    ]


# -- Beside the twin


@pytest.mark.jit
@settings(max_examples=60)
@given(circuits(), st.integers(1, 11))
def test_random_programs(circuit, n_points):
    n, steps, _ = circuit
    assert_as_twin(compiled(n, steps), points(n_points))


@DTYPES
def test_all_instructions_and_factors(dtype):
    chain = compiled(4, all_kinds())
    assert set(chain.program.instructions[:, 0]) == {APPLY, RIGHT, LEFT}
    assert set(chain.program.factors[:, 1]) == set(range(6))
    assert_as_twin(chain, points(3), dtype)


@DTYPES
@pytest.mark.parametrize("n_points", [1, 7, 8, 9, 17])
def test_blocks_that_are_not_full(n_points, dtype):
    assert_as_twin(compiled(3, brickwork(3)), points(n_points), dtype)


def test_states_are_those_of_the_circuit():
    values, steps = points(3), brickwork(4)
    tensors, *_ = run(compiled(4, steps), values)
    for found, point in zip(tensors, values, strict=True):
        expected = evolve(steps, 4, point)
        overlap = np.vdot(expected, chain_reference.dense(compiled(4, steps), found))
        assert abs(overlap) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n", [1, 3])
def test_programs_without_instructions(n):
    tensors, bonds, weights, _ = run(compiled(n, []), points(9))
    assert (bonds == 1).all()
    assert weights.shape == (9, 0)
    np.testing.assert_array_equal(tensors, np.tile([[[1], [0]]], (9, n, 1, 1, 1)))


def test_one_qubit():
    assert_as_twin(compiled(1, [rotation({0: "X"}, varying(0, 0.3))]), points(9))


def test_points_of_one_block_have_bonds_of_their_own():
    coupling = Angle(0.0, {0: 1.0})
    steps = [rotation({q: "Y"}, 0.7) for q in range(3)]
    steps += [rotation({0: "Z", 1: "Z"}, coupling), rotation({1: "X", 2: "X"}, coupling)]
    values = np.array([[0.0] * 3, [0.8] * 3, [math.pi] * 3, [0.5] * 3])
    bonds = assert_as_twin(compiled(3, steps), values)
    assert bonds[0].tolist() == [1, 1, 1, 1]
    assert bonds[1].tolist() == bonds[3].tolist() == [1, 2, 2, 1]


# -- Truncations


@DTYPES
@pytest.mark.parametrize("max_bond", [1, 2, 3])
def test_max_bond_keeps_the_largest_singular_values(max_bond, dtype):
    chain = compiled(5, brickwork(5))
    bonds = assert_as_twin(chain, points(9), dtype, max_bond=max_bond)
    assert bonds.max() == max_bond


@pytest.mark.parametrize("weight", [1e-4, 1e-2, 0.2])
def test_truncations_discard_no_more_than_their_share(weight):
    chain = compiled(6, brickwork(6, 6, angle=0.2))
    tensors, bonds, weights, capped = run(chain, points(9), Truncation(weight, None))
    truncations = (chain.program.instructions[:, 2] >= 0) & (
        chain.program.instructions[:, 0] != APPLY
    )
    per_group = np.bincount(chain.program.instructions[truncations, 2], minlength=chain.n_groups)
    assert (weights <= weight * per_group).all()
    assert (weights.sum(axis=1) > 0).any()
    assert not any(capped)
    exact = run(chain, points(9))
    assert bonds.sum() < exact[1].sum()
    for cut, whole, angle in zip(tensors, exact[0], angle_of_groups(weights), strict=True):
        states = [chain_reference.dense(chain, side) for side in (cut, whole)]
        assert np.arccos(min(1.0, abs(np.vdot(*states)))) <= angle + 1e-7


def test_a_truncation_is_as_the_twins_where_no_weight_is_near_the_limit():
    # Schmidt weights cos² and sin² of 0.15: 0.0223 is dropped at 0.03, and kept at 0.02.
    steps = [rotation({0: "X", 1: "X"}, 0.3)]
    chain = compiled(2, steps)
    for weight, kept, lost in ((0.03, 1, math.sin(0.15) ** 2), (0.02, 2, 0.0)):
        _, bonds, weights, _ = run(chain, points(1), Truncation(weight, None))
        assert bonds[0, 1] == kept
        assert weights.sum() == pytest.approx(lost, abs=1e-15)


def test_only_what_max_bond_costs_is_told():
    chain = compiled(4, brickwork(4, 5))
    assert run(chain, points(9), Truncation(0.0, 2))[3] == [True, True]
    assert run(chain, points(9), Truncation(0.0, 4))[3] == [False, False]
    assert run(chain, points(9), Truncation(0.9, 2))[3] == [False, False]


def test_states_are_normalised_whatever_was_discarded():
    chain = compiled(6, brickwork(6, depth=6, angle=1.3))
    tensors, _, weights, _ = run(chain, points(3), Truncation(0.0, 1))
    assert (weights.sum(axis=1) > 0.5).all()
    for found in tensors:
        assert np.linalg.norm(chain_reference.dense(chain, found)) == pytest.approx(1.0, abs=1e-12)


# -- Wide tensors


@pytest.fixture(scope="module")
def wide():
    """A chain of bonds up to 64, some points, and the states of the circuit."""
    n, values = 12, points(3)
    steps = brickwork(n, 14, angle=1.3)
    return compiled(n, steps), values, [evolve(steps, n, value) for value in values]


@pytest.mark.jit
@pytest.mark.parametrize(
    "rules", [EXACT, Truncation(1e-13, None), Truncation(1e-5, None), Truncation(1e-12, 30)]
)
def test_wide_tensors_are_those_of_the_circuit(wide, rules):
    chain, values, expected = wide
    tensors, bonds, weights, capped = run(chain, values, rules)
    assert (bonds.max(axis=1) > 25).all()
    assert any(capped) == (rules.max_bond is not None)
    angles = angle_of_groups(weights)
    for found, angle, state in zip(tensors, angles, expected, strict=True):
        dense = chain_reference.dense(chain, found)
        error = np.linalg.norm(dense - state * np.vdot(state, dense))
        assert error <= np.sin(min(angle, np.pi / 2)) + 1e-12
        assert chain_reference.worst_row(found) < 1e-12


@pytest.mark.jit
@pytest.mark.parametrize("rules", [Truncation(1e-12, None), Truncation(1e-4, 30)])
def test_points_do_not_depend_on_those_of_their_block(rules):
    """Some are done before others: of small angles, bonds are small."""
    values = np.vstack([np.full((2, N_SYMBOLS), -3.0), points(3)])
    couplings = brickwork(11, 9, angle=0.2)
    steps = [
        rotation(dict(s.word), Angle(0.2, {0: 0.06})) if len(s.word) > 1 else s for s in couplings
    ]
    chain = compiled(11, steps)
    together = run(chain, values, rules)
    assert together[1][:2].max() < together[1][2:].max()
    for k in range(len(values)):
        alone = run(chain, values[k : k + 1], rules)
        states = [
            chain_reference.dense(chain, side[0][i]) for side, i in ((together, k), (alone, 0))
        ]
        np.testing.assert_allclose(*states, atol=1e-11)
        np.testing.assert_array_equal(together[1][k], alone[1][0])
        np.testing.assert_allclose(together[2][k], alone[2][0], atol=1e-13)


# -- Room, pauses and threads


def assert_same(a, b):
    for x, y in zip(a, b, strict=True):
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y)
        elif isinstance(x[0], list):
            for left, right in zip(x, y, strict=True):
                for s, t in zip(left, right, strict=True):
                    np.testing.assert_array_equal(s, t)
        else:
            assert x == y


def coupled(n, reach):
    """Return couplings of all pairs that are near, so many that they make layers."""
    pairs = [(j, k) for j in range(n) for k in range(j + 1, min(j + reach + 1, n))]
    couplings = [rotation({j: "X", k: "X"}, varying(j + k, 0.2)) for j, k in pairs]
    return [*brickwork(n), *couplings, *(rotation({k: "Z"}, varying(k, 0.5)) for k in range(n))]


CHAINS = pytest.mark.parametrize(
    "chain",
    [
        compiled(6, brickwork(6, 5)),
        compiled(6, [*all_kinds(), *brickwork(6, 4), random_unitary((0, 3, 5))]),
        compile_chain(2 * coupled(7, 3), range(7), N_SYMBOLS, layers=True),
    ],
    ids=["brickwork", "all kinds", "layers"],
)


@pytest.mark.jit
@CHAINS
@pytest.mark.parametrize("truncation", [EXACT, Truncation(1e-3, None), Truncation(0.0, 3)])
def test_room_that_grows_changes_nothing(chain, truncation, monkeypatch):
    expected = run(chain, points(17), truncation)
    monkeypatch.setattr(mps_simulation, "_FIRST_BOND", 1)
    monkeypatch.setattr(mps_simulation, "_MARGIN", 1)
    grown = []
    grow = mps_simulation._Room.grow
    monkeypatch.setattr(mps_simulation._Room, "grow", lambda *a: (grown.append(1), grow(*a)))
    assert_same(run(chain, points(17), truncation), expected)
    assert len(grown) > 1


@pytest.mark.jit
@CHAINS
def test_pauses_change_nothing(chain, monkeypatch):
    expected = run(chain, points(17))
    monkeypatch.setattr(mps_simulation, "_WORK_A_CALL", 1.0)
    calls, advance = [], mps_simulation.mps_evolution.advance
    monkeypatch.setattr(
        mps_simulation.mps_evolution, "advance", lambda *a: (calls.append(1), advance(*a))
    )
    assert_same(run(chain, points(17)), expected)
    assert len(calls) >= len(chain.program.instructions)


def test_room_and_pauses_together(monkeypatch):
    chain = compiled(4, all_kinds())
    expected = run(chain, points(2))
    monkeypatch.setattr(mps_simulation, "_FIRST_BOND", 1)
    monkeypatch.setattr(mps_simulation, "_WORK_A_CALL", 50.0)
    assert_same(run(chain, points(2)), expected)


@CHAINS
def test_threads_change_nothing(chain, monkeypatch):
    with at_most_threads(1):
        expected = run(chain, points(17), Truncation(1e-4, 4))
    with at_most_threads(2):
        assert_same(run(chain, points(17), Truncation(1e-4, 4)), expected)
    monkeypatch.setattr(mps_simulation, "thread_count", lambda: 3)
    assert_same(run(chain, points(17), Truncation(1e-4, 4)), expected)


def test_the_chain_of_layers_has_layers():
    chain = compile_chain(2 * coupled(7, 3), range(7), N_SYMBOLS, layers=True)
    assert (chain.program.instructions[:, 0] == LAYER).sum() > 6


def test_other_blocks_change_nothing():
    chain = compiled(5, brickwork(5))
    values = points(16)
    tensors, bonds, weights, _ = run(chain, values)
    second = run(chain, values[8:])
    assert_same((tensors[8:], bonds[8:], weights[8:]), second[:3])
