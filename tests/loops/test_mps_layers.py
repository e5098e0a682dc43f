"""Layers of couplings on matrix product states, beside dense states and beside stars."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qkernels.compilation.angles import Angle
from qkernels.compilation.chain import LAYER, compile_chain
from qkernels.evaluators import mps_simulation
from qkernels.evaluators.bounds import angle_of_groups
from qkernels.evaluators.mps_simulation import ChainSimulation, Truncation
from qkernels.loops.jit import at_most_threads
from tests import chain_reference
from tests.compilation.primitive_circuits import N_SYMBOLS, angles, circuits, evolve, rotation

WEAK = Truncation(1e-13, None)


def near(n, distance):
    return [(a, b) for a, b in itertools.combinations(range(n), 2) if b - a <= distance]


def coupled(n, distance, depth=2, letters="X"):
    """Return Z turns and layers of couplings, whose angles differ from point to point."""
    rng = np.random.default_rng([n, distance])
    steps = [rotation({q: "Y"}, np.pi / 2) for q in range(n)]
    for _ in range(depth):
        steps += [rotation({q: "Z"}, rng.uniform(0.3, 1.5)) for q in range(n)]
        for k, (a, b) in enumerate(near(n, distance)):
            word = {q: letters[q % len(letters)] for q in (a, b)}
            steps.append(rotation(word, Angle(rng.uniform(0.3, 1.5), {k % N_SYMBOLS: 0.5})))
    return steps


def compiled(n, steps, *, layers=True):
    return compile_chain(steps, range(n), N_SYMBOLS, layers=layers)


def has_layers(chain):
    return bool((chain.program.instructions[:, 0] == LAYER).any())


def run(chain, values, truncation=WEAK):
    """Return each point's normalised state and bonds, discarded weights, and whether capped."""
    blocks = list(ChainSimulation(chain, values, np.dtype(float), truncation).blocks())
    states = [
        chain_reference.dense(chain, split(*point))
        for b in blocks
        for point in zip(b.re, b.im, b.bonds, strict=True)
    ]
    bonds = np.concatenate([b.bonds for b in blocks])
    weights = np.concatenate([b.weights for b in blocks])
    return states, bonds, weights, any(b.capped for b in blocks)


def split(re, im, bonds):
    flat, tensors = re + 1j * im, []
    for left, right in itertools.pairwise(bonds):
        tensors.append(flat[: 2 * left * right].reshape(left, 2, right))
        flat = flat[2 * left * right :]
    return tensors


def sine(state, other):
    """Return the sine of the angle between two normalised states, without cancellation."""
    return np.linalg.norm(state - other * np.vdot(other, state))


def points(n_points, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n_points, N_SYMBOLS))


@pytest.mark.parametrize("letters", ["X", "Y", "Z", "XYZ"])
@pytest.mark.parametrize(("n", "distance"), [(4, 2), (7, 2), (7, 3), (8, 4)])
def test_states_are_those_of_the_circuit(n, distance, letters):
    steps = coupled(n, distance, depth=2, letters=letters)
    chain = compiled(n, steps)
    assert has_layers(chain)
    values = points(3)
    states, _, weights, capped = run(chain, values)
    assert not capped
    for state, lost, value in zip(states, weights, values, strict=True):
        expected = evolve(steps, n, value)
        assert sine(state, expected) < np.sin(angle_of_groups(lost[np.newaxis])[0]) + 1e-13
        assert sine(state, expected) < 1e-5
        assert np.linalg.norm(state) == pytest.approx(1, abs=1e-13)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_circuits_with_layers_between(data):
    """Any primitives before and after couplings of random pairs, letters and angles."""
    n, before, values = data.draw(circuits(min_qubits=4, max_qubits=7, max_size=10))
    _, after, _ = data.draw(circuits(min_qubits=n, max_qubits=n, max_size=5))
    letters = data.draw(st.text("XYZ", min_size=n, max_size=n))
    pairs = data.draw(st.sets(st.sampled_from(near(n, n)), min_size=3))
    layer = [rotation({a: letters[a], b: letters[b]}, data.draw(angles())) for a, b in pairs]
    steps = [*before, *layer, *after]
    chain = compiled(n, steps)
    (state,), _, weights, _ = run(chain, values[np.newaxis])
    expected = evolve(steps, n, values)
    assert sine(state, expected) < np.sin(angle_of_groups(weights)[0]) + 1e-12
    assert sine(state, expected) < 2e-6


@pytest.mark.parametrize("truncation", [1e-10, 1e-6, 1e-4, 1e-3, 1e-2])
def test_errors_are_within_what_discarded_weights_bound(truncation):
    n, values = 10, points(11)
    steps = coupled(n, 2, depth=2)
    states, _, weights, _ = run(compiled(n, steps), values, Truncation(truncation, None))
    assert (weights.sum(axis=1) > truncation / 10).sum() > 5
    off = angle_of_groups(weights)
    for state, angle, value in zip(states, off, values, strict=True):
        error = sine(state, evolve(steps, n, value))
        assert error <= np.sin(angle)
        if angle**2 > truncation:
            assert error > 1e-2 * np.sin(angle)


def test_one_layer_loses_its_weight():
    """Errors of one sweep are orthogonal: the squared overlap is what is left."""
    n, value = 8, points(1)
    steps = coupled(n, 3, depth=1)
    for truncation in (1e-3, 1e-2):
        (state,), _, weights, _ = run(compiled(n, steps), value, Truncation(truncation, None))
        overlap = abs(np.vdot(evolve(steps, n, value[0]), state)) ** 2
        layer, *others = weights[0]
        assert layer > truncation / 10
        if not any(others):
            assert overlap == pytest.approx(1 - layer, abs=1e-12)
        assert overlap >= np.cos(angle_of_groups(weights)[0]) ** 2 - 1e-12


def test_bonds_are_those_of_singular_values():
    n, values = 9, points(4)
    steps = coupled(n, 3, depth=2)
    rules = Truncation(1e-8, None)
    found = run(compiled(n, steps), values, rules)[1]
    expected = run(compiled(n, steps, layers=False), values, rules)[1]
    assert np.abs(found - expected).max() <= 2


def test_points_with_other_bonds_are_in_one_block():
    n = 8
    steps = coupled(n, 2, depth=2)
    values = np.vstack([points(3), np.full((2, N_SYMBOLS), -0.9), points(6, seed=1)])
    together = run(compiled(n, steps), values)
    for k in range(len(values)):
        alone = run(compiled(n, steps), values[k : k + 1])
        np.testing.assert_allclose(together[0][k], alone[0][0], atol=1e-10)
        np.testing.assert_array_equal(together[1][k], alone[1][0])
        np.testing.assert_allclose(together[2][k], alone[2][0], atol=1e-14)


def test_max_bond_holds_and_says_so():
    n, values = 9, points(5)
    steps = coupled(n, 3, depth=2)
    states, bonds, weights, capped = run(compiled(n, steps), values, Truncation(1e-12, 3))
    assert bonds.max() == 3
    assert capped
    off = angle_of_groups(weights)
    for state, angle, value in zip(states, off, values, strict=True):
        assert sine(state, evolve(steps, n, value)) <= np.sin(angle)


def test_calls_and_threads_change_nothing(monkeypatch):
    n, values = 7, points(10)
    chain = compiled(n, coupled(n, 2, depth=2))
    expected = run(chain, values)
    monkeypatch.setattr(mps_simulation, "_WORK_A_CALL", 1.0)
    with at_most_threads(1):
        found = run(chain, values)
    for state, other in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(state, other)
    np.testing.assert_array_equal(expected[2], found[2])


def test_a_chain_longer_than_what_is_looked_ahead():
    n = 30
    steps = coupled(n, 2, depth=1)
    chain, plain = compiled(n, steps), compiled(n, steps, layers=False)
    values = points(2)
    both = [
        next(ChainSimulation(c, values, np.dtype(float), WEAK).blocks()) for c in (chain, plain)
    ]
    for k in range(2):
        a, b = (split(block.re[k], block.im[k], block.bonds[k]) for block in both)
        overlap = np.ones((1, 1))
        for x, y in zip(a, b, strict=True):
            overlap = np.einsum("ab,asc,bsd->cd", overlap, x.conj(), y)
        assert abs(overlap.item()) == pytest.approx(1, abs=1e-11)
