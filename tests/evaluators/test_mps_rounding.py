"""The allowance for rounding of matrix product states: what it covers, and states that vanish.

Exact numbers come from state vectors in double precision.
"""

import itertools
import re

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels import FeatureMap, MPSEvaluator, StatevectorEvaluator
from tests.random_circuits import FEATURES

pytestmark = [pytest.mark.filterwarnings("ignore:max_bond"), pytest.mark.jit]
exact = StatevectorEvaluator(cache_size="0MB")
N_CIRCUITS, N_POINTS = 120, 4
EPS = {"double": 2.0**-52, "single": 2.0**-23}
ANGLES = [3.0, 0.3, 1e-3, 1e-6]


def random_map(seed):
    """Return a map of 2 to 9 qubits and up to 40 layers, of couplings strong or very weak."""
    rng = np.random.default_rng(seed)
    n, depth, size = 2 + seed % 8, int(rng.integers(1, 41)), ANGLES[seed % len(ANGLES)]
    q = cirq.LineQubit.range(n)
    operations = [cirq.ry(FEATURES[k % 3])(qubit) for k, qubit in enumerate(q)]
    for layer in range(depth):
        for k in range(layer % 2, n - 1, 2):
            near = rng.random() < 0.8
            pair = (q[k], q[k + 1]) if near else rng.choice(q, 2, replace=False)
            gate = rng.choice([cirq.XX, cirq.YY, cirq.ZZ, cirq.CZ, cirq.ISWAP])
            operations.append((gate ** (size * rng.uniform(0.5, 1)))(*pair))
        gate = rng.choice([cirq.rx, cirq.rz])
        operations += [gate(rng.uniform(-1, 1))(qubit) for qubit in q]
        operations.append(cirq.rx(FEATURES[layer % 3])(q[layer % n]))
    return FeatureMap(cirq.Circuit(operations), FEATURES)


def points(n=N_POINTS):
    return np.random.default_rng(0).uniform(-1, 1, (n, 3))


def pauli_words(qubits):
    words = [cirq.PauliString({q: p}) for q in qubits[:4] for p in (cirq.X, cirq.Z)]
    return [*words, cirq.PauliString(dict.fromkeys(qubits, cirq.Z))]


@pytest.fixture(scope="module")
def maps():
    """Return maps with their exact fidelities and expectation values."""
    found = []
    for feature_map in map(random_map, range(N_CIRCUITS)):
        K = exact.fidelities(exact.embed(feature_map, points()))
        words = pauli_words(feature_map.qubits)
        E = exact.expectations(feature_map, points(), observables=words)
        found.append((feature_map, words, K, E))
    return found


# -- Random circuits


@pytest.mark.parametrize("precision", EPS)
def test_rounding_is_a_tenth_of_its_allowance(maps, precision):
    evaluator = MPSEvaluator(truncation=0, precision=precision, cache_size="0MB")
    for feature_map, words, K, E in maps:
        states = evaluator.embed(feature_map, points())
        allowance = np.add.outer(states.rounding, states.rounding)
        assert (np.abs(evaluator.fidelities(states) - K) <= 0.1 * allowance).all()
        found = evaluator.expectations(feature_map, points(), observables=words)
        bounds = evaluator.expectation_bounds(feature_map, points(), observables=words)
        assert (np.abs(found - E) <= 0.1 * bounds).all()


@pytest.mark.parametrize("precision", EPS)
def test_bounds_hold_with_truncation(maps, precision):
    evaluator = MPSEvaluator(precision=precision, cache_size="0MB")
    for feature_map, words, K, E in maps:
        states = evaluator.embed(feature_map, points())
        assert (np.abs(evaluator.fidelities(states) - K) <= evaluator.fidelity_bounds(states)).all()
        found = evaluator.expectations(feature_map, points(), observables=words)
        bounds = evaluator.expectation_bounds(feature_map, points(), observables=words)
        assert (np.abs(found - E) <= bounds).all()


# -- What no weight tells of


def repeated(n_qubits, size, depth):
    """Return couplings of the first and the last qubit, each by next to nothing, that add up."""
    q = cirq.LineQubit.range(n_qubits)
    layer = [(cirq.ZZ ** (size * FEATURES[0]))(q[0], q[-1])]
    layer += [cirq.rx(1e-3 * FEATURES[0])(qubit) for qubit in q]
    return FeatureMap(cirq.Circuit([cirq.H.on_each(*q), *([layer] * depth)]), FEATURES[:1])


@pytest.mark.parametrize("precision", EPS)
@pytest.mark.parametrize("n_qubits", [2, 4])
def test_what_exact_factorisations_leave_out_is_allowed_for(n_qubits, precision):
    """Each leaves out what is below 15 units: as much as a coupling, in the same direction.

    An allowance of the root of the number of instructions would not cover it.
    """
    feature_map = repeated(n_qubits, 16 * EPS[precision], 40)
    q, X = feature_map.qubits, np.array([[1.0], [0.5]])
    words = [
        cirq.PauliString({a: cirq.Y, b: cirq.Z}) for a, b in itertools.permutations([q[0], q[-1]])
    ]
    evaluator = MPSEvaluator(truncation=0, precision=precision, cache_size="0MB")
    found = evaluator.expectations(feature_map, X, observables=words)
    errors = np.abs(found - exact.expectations(feature_map, X, observables=words))
    bounds = evaluator.expectation_bounds(feature_map, X, observables=words)
    assert (errors <= bounds).all()
    assert errors.max() > bounds.max() / 20


# -- States that vanish


def deep(n_qubits, depth):
    """Return a map that a product of states of single qubits says nothing of."""
    q, rng = cirq.LineQubit.range(n_qubits), np.random.default_rng(0)
    layers = [
        [
            [(cirq.ZZ ** rng.uniform(0.3, 0.7))(q[k], q[k + 1]) for k in range(d % 2, n - 1, 2)],
            [[cirq.rx, cirq.ry][(d + k) % 2](FEATURES[(d + k) % 3])(q[k]) for k in range(n)],
        ]
        for n in [n_qubits]
        for d in range(depth)
    ]
    return FeatureMap(cirq.Circuit(cirq.ry(FEATURES[0]).on_each(*q), layers), FEATURES)


VANISHING = deep(30, 60)
NOTHING = "of each state, got one of which single precision holds nothing: give a "


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"max_bond": 1}, f"expected max_bond to leave something {NOTHING}larger max_bond than 1,"),
        (
            {"truncation": 0.9},
            f"expected truncation to leave something {NOTHING}smaller truncation than 0.9,",
        ),
    ],
    ids=["max_bond", "truncation"],
)
def test_states_that_vanish_are_refused(rule, message):
    evaluator = MPSEvaluator(precision="single", **rule)
    message += " or take a map with fewer layers"
    X = 1 + points()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        evaluator.embed(VANISHING, X)
    word = cirq.PauliString({VANISHING.qubits[15]: cirq.Z})
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        evaluator.expectations(VANISHING, X, observables=[word])


def test_refused_states_leave_no_trace():
    evaluator = MPSEvaluator(precision="single", max_bond=1)
    with pytest.raises(ValueError, match="expected max_bond to leave something"):
        evaluator.embed(VANISHING, 1 + points())
    assert evaluator.report().n_states == 0
    found = evaluator.fidelities(evaluator.embed(qk.feature_maps.angle(3), points()))
    feature_map = qk.feature_maps.angle(3)
    np.testing.assert_allclose(
        found, exact.fidelities(exact.embed(feature_map, points())), atol=1e-5
    )


def test_states_of_which_little_is_left_are_bounded():
    """In double precision the same states are numbers, of which nothing is said."""
    evaluator = MPSEvaluator(max_bond=1, cache_size="0MB")
    states = evaluator.embed(VANISHING, 1 + points())
    K, bounds = evaluator.fidelities(states), evaluator.fidelity_bounds(states)
    assert np.isfinite(K).all()
    assert ((K >= 0) & (K <= 1 + 1e-12)).all()
    np.testing.assert_allclose(bounds + np.eye(len(K)), 1.0)
