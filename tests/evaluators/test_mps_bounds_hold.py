"""What matrix product states say of their errors, on random circuits that are truncated.

Exact numbers come from state vectors. No bound gets any slack.
"""

import itertools

import cirq
import numpy as np
import pytest
import sympy

import qkernels as qk
from qkernels import FeatureMap, MPSEvaluator, StatevectorEvaluator
from qkernels.compilation.chain import LAYER
from qkernels.evaluators.mps_chains import overlap_chain
from tests.random_circuits import FEATURES

pytestmark = [pytest.mark.filterwarnings("ignore:max_bond"), pytest.mark.jit]
exact = StatevectorEvaluator(cache_size="0MB")
N_CIRCUITS, N_POINTS = 200, 4
TRUNCATIONS = [1e-12, 1e-6, 1e-3, 1e-2]
RULES = [*({"truncation": t} for t in TRUNCATIONS), *({"max_bond": b} for b in (1, 2, 3))]


def random_map(seed):
    """Return a map of 2 to 14 qubits: random turns, couplings of any two or three of them.

    Each gate has an angle of its own.
    """
    rng, angles = np.random.default_rng(seed), sympy.numbered_symbols("angle")
    n = 2 + seed % 13
    qubits = cirq.LineQubit.range(n)
    operations = [cirq.ry(next(angles))(qubit) for qubit in qubits]
    for _ in range(int(rng.integers(1, 2 + 3 * n))):
        near = rng.random() < 0.7
        first = int(rng.integers(n - 1))
        pair = [qubits[first], qubits[first + 1]] if near else rng.choice(qubits, 2, replace=False)
        operations.append(coupling(rng, next(angles), pair))
        gate = rng.choice([cirq.rx, cirq.ry, cirq.rz])
        operations.append(gate(next(angles))(qubits[rng.integers(n)]))
    if n > 2:
        operations.append(cirq.CCX(*rng.choice(qubits, 3, replace=False)) ** 0.4)
    operations += [cirq.rx(next(angles))(qubit) for qubit in qubits]
    circuit = cirq.Circuit(operations)
    return FeatureMap(circuit, sorted(cirq.parameter_symbols(circuit), key=str))


def coupling(rng, angle, pair):
    strength = angle * rng.choice([0.02, 0.1, 0.3])
    gate = rng.choice([cirq.XX, cirq.YY, cirq.ZZ, cirq.CZ, cirq.ISWAP, cirq.FSimGate])
    if gate is cirq.FSimGate:
        return cirq.FSimGate(strength, sympy.sin(strength))(*pair)
    return (gate**strength)(*pair)


def data(feature_map, n_points=N_POINTS):
    """Return points of three numbers, of which each feature is a random linear function."""
    rng, n = np.random.default_rng(feature_map.n_qubits), feature_map.n_features
    numbers = rng.uniform(-2, 2, (n_points, 3))
    return numbers[:, rng.integers(3, size=n)] * rng.uniform(-1, 1, n) + rng.uniform(-2, 2, n)


def words(feature_map):
    """Return a letter on the first qubit, the last one's, a pair, and a long word."""
    first, *_, last = qubits = feature_map.qubits
    pair = cirq.X(first) * cirq.Y(last)
    return [cirq.Z(first), -2.0 * cirq.X(last), pair, cirq.PauliString(map(cirq.Z, qubits))]


class Compared:
    """Numbers of one evaluator beside the exact ones, and its bounds."""

    def __init__(self, feature_map, truth, **options):
        evaluator, X = MPSEvaluator(**options, cache_size="10MB"), data(feature_map)
        evaluator.clear_cache()
        fidelities, values, observables = truth
        a = evaluator.embed(feature_map, X)
        self.fidelity_errors = np.abs(evaluator.fidelities(a, a[:]) - fidelities)
        self.fidelity_bounds = evaluator.fidelity_bounds(a, a[:])
        self.weights, self.n_groups = a.weights.sum(axis=1), a.weights.shape[1]
        self.embedding_report = evaluator.report()
        found = evaluator.expectations(feature_map, X, observables=observables)
        self.value_errors = np.abs(found - values)
        self.value_bounds = evaluator.expectation_bounds(feature_map, X, observables=observables)
        self.measuring_report = evaluator.report()
        self.norms = np.abs([o.coefficient for o in observables])

    def assert_bounded(self):
        assert (self.fidelity_errors <= self.fidelity_bounds).all()
        assert (self.value_errors <= self.value_bounds).all()
        assert self.fidelity_bounds.max() <= self.embedding_report.fidelity_bound
        per_word = self.value_bounds / self.norms
        assert per_word.max() <= self.measuring_report.expectation_bound
        assert self.embedding_report.discarded_weight == self.weights.max()


def truth_of(feature_map):
    X, observables = data(feature_map), words(feature_map)
    states = exact.embed(feature_map, X)
    values = exact.expectations(feature_map, X, observables=observables)
    return exact.fidelities(states, states[:]), values, observables


@pytest.fixture(scope="module")
def compared():
    """Return what each rule makes of each circuit: lists by circuit, one entry a rule."""
    maps = [random_map(seed) for seed in range(N_CIRCUITS)]
    found = []
    for feature_map in maps:
        truth = truth_of(feature_map)
        rules = [{"truncation": 0.0}, *RULES]
        found.append([Compared(feature_map, truth, **rule) for rule in rules])
    return np.array(found, dtype=object)


def test_without_truncation_nothing_is_off(compared):
    for one in compared[:, 0]:
        assert one.fidelity_errors.max() < 1e-10
        assert one.value_errors.max() < 1e-10
        assert one.fidelity_bounds.max() < 1e-9
        one.assert_bounded()


@pytest.mark.parametrize("rule", range(len(RULES)), ids=[str(rule) for rule in RULES])
def test_no_error_is_above_its_bound(compared, rule):
    for one in compared[:, 1 + rule]:
        one.assert_bounded()


def test_most_circuits_are_truncated(compared):
    weights = np.array([[one.weights.max() for one in row] for row in compared[:, 1:]])
    for rule, found in zip(RULES, weights.T, strict=True):
        share = (found > 0.1 * rule.get("truncation", 1e-3)).mean()
        assert share > (0.25 if rule.get("truncation", 1) < 1e-10 else 0.5), rule


def test_errors_are_seen(compared):
    """Bounds are not met because nothing was off: errors are above rounding by far."""
    for k, rule in enumerate(RULES):
        errors = [one.fidelity_errors.max() for one in compared[:, 1 + k]]
        assert np.mean(np.array(errors) > rule.get("truncation", 1e-3)) > 0.25, rule


def test_bounds_are_about_the_roots_of_weights(compared):
    """With G groups, Σ arcsin √W_g is at most 1.1 √(G Σ W_g) while weights are small."""
    n_seen = 0
    for one in compared[:, 1:].ravel():
        if one.weights.max() > 0.1:
            continue
        n_seen += 1
        off = 1.1 * np.sqrt(one.n_groups * one.weights)
        assert (one.fidelity_bounds <= np.add.outer(off, off) + 1e-11).all()
        assert (one.value_bounds / one.norms <= 2 * off[:, np.newaxis] + 1e-11).all()
    assert n_seen > 3 * N_CIRCUITS


def test_some_errors_come_near_their_bounds(compared):
    ratios = [np.max(one.fidelity_errors / one.fidelity_bounds) for one in compared[:, 1:].ravel()]
    assert np.quantile(ratios, 0.9) > 0.01
    assert max(ratios) > 0.3


@pytest.mark.parametrize("rule", [{"truncation": 0.0}, {"truncation": 1e-3}, {"max_bond": 2}])
def test_bounds_in_single_precision(rule):
    for seed in range(1000, 1020):
        feature_map = random_map(seed)
        one = Compared(feature_map, truth_of(feature_map), **rule, precision="single")
        one.assert_bounded()
        assert rule.get("truncation") != 0.0 or one.fidelity_errors.max() < 1e-5


# -- Layers of couplings, whose truncations come from density matrices

LAYERED = {
    "ising, distance 2": qk.feature_maps.ising(6, distance=2),
    "ising, distance 3": qk.feature_maps.ising(8, gamma=0.3, distance=3),
    "ising, distance 4": qk.feature_maps.ising(10, distance=4),
    "zz": qk.feature_maps.zz(6),
}
SHARP = [*({"truncation": t} for t in (1e-13, 1e-12, 1e-8, 1e-4, 1e-2)), {"max_bond": 1}]
SHARP += [{"max_bond": b, "truncation": t} for b in (2, 5) for t in (1e-12, 1e-3)]


@pytest.mark.parametrize("name", LAYERED)
def test_bounds_of_layers(name):
    feature_map = LAYERED[name]
    chain = overlap_chain(feature_map, layers=True)
    assert LAYER in chain.program.instructions[:, 0]
    truth = truth_of(feature_map)
    compared = [Compared(feature_map, truth, **rule) for rule in SHARP]
    for one in compared:
        one.assert_bounded()
    assert max(one.fidelity_errors.max() for one in compared) > 1e-3
    assert compared[1].fidelity_errors.max() < 1e-6


@pytest.mark.filterwarnings("error")
def test_layers_that_lose_nothing_are_not_warned_of():
    MPSEvaluator(max_bond=8, cache_size="0MB").embed(LAYERED["zz"], data(LAYERED["zz"]))


# -- Definitions, by hand


def entangled_pair(state=None):
    """Return exp(-i x XX/2) on a product state: Schmidt weights cos² and sin² of x/2."""
    q = cirq.LineQubit.range(2)
    x = FEATURES[0]
    return FeatureMap(cirq.Circuit(state or [], cirq.XXPowGate(exponent=x / sympy.pi)(*q)), [x])


@pytest.mark.parametrize("x", [0.1, 0.5, 1.0])
def test_the_weight_of_one_gate_on_a_product_state(x):
    a = MPSEvaluator(max_bond=1).embed(entangled_pair(), [[x]])
    assert a.weights.sum() == pytest.approx(np.sin(x / 2) ** 2, rel=1e-12)
    assert a.angles[0] == pytest.approx(x / 2, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_weight_of_any_gate_on_a_product_state(seed):
    q = cirq.LineQubit.range(2)
    matrix = cirq.testing.random_unitary(4, random_state=seed)
    turns = [cirq.ry(FEATURES[k])(q[k]) for k in range(2)]
    given = FeatureMap(cirq.Circuit(turns, cirq.MatrixGate(matrix)(*q)), FEATURES[:2])
    X = np.random.default_rng(seed).uniform(-2, 2, (5, 2))
    words = [cirq.Z(q[0]) * cirq.Y(q[1])]
    evaluator = MPSEvaluator(max_bond=1, cache_size="0MB")
    evaluator.expectations(given, X, observables=words)
    states = exact.statevectors(given, X).reshape(5, 2, 2)
    dropped = np.linalg.svd(states, compute_uv=False)[:, 1] ** 2
    assert evaluator.report().discarded_weight == pytest.approx(dropped.max(), rel=1e-9)


def test_a_bound_that_is_attained():
    """States at ±θ from a product state lose all that tells them apart."""
    evaluator, theta = MPSEvaluator(max_bond=1), 0.3
    a = evaluator.embed(entangled_pair(), [[2 * theta], [-2 * theta]])
    assert evaluator.fidelities(a)[0, 1] == pytest.approx(1.0, abs=1e-14)
    error = 1 - np.cos(2 * theta) ** 2
    assert evaluator.fidelity_bounds(a)[0, 1] == pytest.approx(error, rel=1e-11)


def test_bounds_of_equal_points_and_of_the_identity_are_zero():
    evaluator = MPSEvaluator(max_bond=1)
    a = evaluator.embed(entangled_pair(), [[0.4], [0.9]])
    assert (np.diag(evaluator.fidelity_bounds(a)) == 0).all()
    assert (np.diag(evaluator.fidelity_bounds(a, a[:])) > 0.1).all()
    identity = {"observables": [cirq.PauliString(coefficient=3.0)]}
    assert evaluator.expectations(entangled_pair(), [[0.4]], **identity) == [[3.0]]
    assert evaluator.expectation_bounds(entangled_pair(), [[0.4]], **identity) == [[0.0]]


def test_bounds_are_no_larger_than_what_is_possible():
    feature_map = random_map(9)
    evaluator = MPSEvaluator(max_bond=1, truncation=0.5)
    a = evaluator.embed(feature_map, data(feature_map))
    assert evaluator.fidelity_bounds(a).max() <= 1.0
    observables = [0.5 * word for word in itertools.islice(words(feature_map), 3)]
    bounds = evaluator.expectation_bounds(feature_map, data(feature_map), observables=observables)
    assert (bounds <= 2 * np.abs([word.coefficient for word in observables])).all()
