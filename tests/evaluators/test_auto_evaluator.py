"""`AutoEvaluator`: what it chooses and says of it, and that it passes on what it should."""

import pickle
import re

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels.compilation import compile_feature_map
from qkernels.evaluators import Direction, auto
from qkernels.evaluators.auto import AutoEvaluator, choice_for_expectations, choice_for_fidelities
from qkernels.evaluators.mps_chains import chain_cost, overlap_chain
from qkernels.evaluators.mps_comparison import pair_products
from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.evaluators.observables import read_words
from qkernels.evaluators.states import PreparedStates
from qkernels.feature_maps import FeatureMap, angle, ising, zz
from qkernels.testing import check_evaluator
from tests.evaluators.maps import entangled, layered, product
from tests.reference import fidelity_matrix

WIDE = ising(40, distance=1)
# More qubits than state vectors are taken of for nothing, in a line that entangles little.
MIDDLE = ising(16, distance=1, layers=1)


def points(n, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 2, (n, width))


def paulis(feature_map, letter=cirq.Z):
    return [cirq.PauliString({q: letter}) for q in feature_map.qubits]


def all_connected(n_qubits, layers):
    """Return a map of layers of ZZ rotations between all pairs, and X rotations."""

    def circuit(x):
        q = cirq.LineQubit.range(n_qubits)
        for layer in range(layers):
            yield cirq.H.on_each(*q) if not layer else []
            yield [
                cirq.ZZ(q[i], q[j]) ** (0.1 * x[0] + 0.01 * i * j)
                for i in range(n_qubits)
                for j in range(i)
            ]
            yield [cirq.rx(x[1] + 0.1 * i)(q[i]) for i in range(n_qubits)]

    return FeatureMap.from_function(lambda x: cirq.Circuit(circuit(x)), 2)


# -- The contract


@pytest.mark.parametrize("feature_map", [entangled(), layered(), product(3), zz(2)])
def test_the_contract_of_evaluators(feature_map):
    X = np.random.default_rng(1).uniform(0.1, 0.9, (5, feature_map.n_features))
    check_evaluator(AutoEvaluator(), feature_map, X)
    check_evaluator(AutoEvaluator(cache_size="0MB"), feature_map, X)


@pytest.fixture
def few(monkeypatch):
    """Let matrix product states be taken of circuits whose states can be looked at."""
    monkeypatch.setattr(auto, "_MOST_QUBITS", 1)
    monkeypatch.setattr(auto, "_FEW_QUBITS", 1)
    for choose in (choice_for_fidelities, choice_for_expectations):
        choose.cache_clear()
    yield
    for choose in (choice_for_fidelities, choice_for_expectations):
        choose.cache_clear()


def test_fidelities_and_words_by_matrix_product_states(few):
    evaluator, feature_map, t = AutoEvaluator(), layered(4), [0.3, 0.8]
    X = points(6, 3)
    prepared = evaluator.embed(feature_map, X, t)
    assert isinstance(prepared, PreparedMPS)
    expected = fidelity_matrix(feature_map, X, X, parameters=t)
    np.testing.assert_allclose(evaluator.fidelities(prepared), expected, atol=1e-10)
    restored = evaluator.restore(prepared.arrays())
    cross = evaluator.fidelities(prepared[:2], restored[2:], return_std=True)
    np.testing.assert_allclose(cross, [expected[:2, 2:], np.zeros((2, 4))], atol=1e-10)
    words = paulis(feature_map, cirq.X)
    values, errors = evaluator.expectations(feature_map, X, t, observables=words, return_std=True)
    exact = qk.StatevectorEvaluator().expectations(feature_map, X, t, observables=words)
    np.testing.assert_allclose(values, exact, atol=1e-10)
    assert not errors.any()


# -- What is chosen


@pytest.mark.parametrize(
    ("feature_map", "kind", "widest", "reason"),
    [
        (angle(60), PreparedStates, 1, "the widest unconnected part has 1 qubit"),
        (zz(12), PreparedStates, 12, "the widest unconnected part has 12 qubits"),
        (
            WIDE,
            PreparedMPS,
            40,
            "the widest unconnected part has 40 qubits, and state vectors are taken of at most 26",
        ),
        (
            MIDDLE,
            PreparedMPS,
            16,
            "the widest unconnected part has 16 qubits, and 500 points take ",
        ),
        (
            all_connected(13, 3),
            PreparedStates,
            13,
            "the widest unconnected part has 13 qubits, and 500 points take 1.6e+10 products, not ",
        ),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_fidelities(feature_map, kind, widest, reason):
    choice = choice_for_fidelities(feature_map)
    assert (choice.what, choice.n_qubits) == ("fidelities", feature_map.n_qubits)
    assert choice.widest == widest
    assert choice.reason.startswith(reason)
    evaluator = AutoEvaluator()
    for n in (1, 3):
        assert type(evaluator.embed(feature_map, points(n, feature_map.n_features))) is kind


def test_costs_are_those_of_500_points():
    """Of states, 10 products a step and amplitude, and 4 an amplitude and pair."""
    n_steps = len(compile_feature_map(MIDDLE).overlap_steps)
    states = 500 * 2**16 * (10 * n_steps + 500 / 2 * 4)
    cost = chain_cost(overlap_chain(MIDDLE, True))
    pair = pair_products(cost.bonds[np.newaxis], cost.bonds[np.newaxis])
    chains = 500 * (cost.products + 500 / 2 * pair)
    reason = choice_for_fidelities(MIDDLE).reason
    assert reason.endswith(f"500 points take {chains:.2g} products, not {states:.2g} products")


def test_weights_of_couplings_do_not_choose():
    """Only the gates do: what couples next to nothing could couple as much as any."""
    choices = [choice_for_fidelities(ising(16, gamma=g, distance=3)) for g in (1.0, 1e-3)]
    assert [choice.takes_states for choice in choices] == [True, True]
    assert choices[0].reason == choices[1].reason


def test_states_for_which_there_is_no_room_are_not_taken():
    """Of 20 qubits a state has 16.8 MB; a line of bonds up to 16 is slower, but small."""
    choice = choice_for_fidelities(ising(20, distance=2, layers=1))
    assert not choice.takes_states
    assert "and the states of 500 points take " in choice.reason
    assert choice.reason.endswith(", not 8.39 GB")


def test_what_all_points_share_at_the_end_does_not_count():
    q = cirq.LineQubit.range(40)

    def circuit(x):
        ladder = [cirq.CNOT(q[i], q[i + 1]) ** 0.3 for i in range(39)]
        return cirq.Circuit([cirq.rx(x[i])(q[i]) for i in range(40)], ladder)

    feature_map = FeatureMap.from_function(circuit, 40)
    assert choice_for_fidelities(feature_map).widest == 1


def test_a_circuit_without_data_is_no_work():
    q = cirq.LineQubit.range(2)
    feature_map = FeatureMap(cirq.Circuit(cirq.CNOT(*q)), [])
    assert choice_for_fidelities(feature_map).takes_states


@pytest.mark.parametrize(
    ("feature_map", "words", "takes_states", "widest", "reason"),
    [
        (ising(100, distance=1), paulis(ising(100)), True, None, "the widest light cone has "),
        (angle(60), paulis(angle(60)), True, 1, "the widest light cone has 1 qubit"),
        (zz(3), [], True, 0, "the widest light cone has 0 qubits"),
        (
            all_connected(30, 2),
            paulis(all_connected(30, 2), cirq.X),
            False,
            30,
            "the widest light cone has 30 qubits, and state vectors are taken of at most 26",
        ),
        (
            all_connected(13, 2),
            paulis(all_connected(13, 2), cirq.X),
            True,
            13,
            "the widest light cone has 13 qubits, and 500 points take ",
        ),
    ],
    ids=["line", "product", "nothing", "wide", "middle"],
)
def test_expectation_values(feature_map, words, takes_states, widest, reason):
    choice = choice_for_expectations(feature_map, read_words(feature_map.qubits, words))
    assert choice.takes_states is takes_states
    assert choice.widest == widest or (widest is None and choice.widest <= 12)
    assert choice.reason.startswith(reason)


def test_wide_values_are_those_of_a_twin():
    """A line of qubits, of which each sees its neighbours: cut out, a part of it is the same."""
    X = points(3, 40)
    evaluator = AutoEvaluator()
    words = paulis(WIDE)[:3]
    values = evaluator.expectations(WIDE, X, observables=words)
    part = ising(10, distance=1)
    expected = qk.StatevectorEvaluator().expectations(part, X[:, :10], observables=paulis(part)[:3])
    np.testing.assert_allclose(values, expected, atol=1e-10)
    states = evaluator.embed(WIDE, X)
    np.testing.assert_allclose(
        evaluator.fidelities(states),
        qk.MPSEvaluator().fidelities(qk.MPSEvaluator().embed(WIDE, X)),
        atol=1e-12,
    )


# -- Reports


def test_nothing_is_reported_of_a_map_that_was_not_computed():
    report = AutoEvaluator().report(angle(7))
    assert (report.choices, report.details) == ((), ())
    assert str(report) == repr(report) == "nothing has been computed yet, so nothing was chosen"


def test_reports_say_what_was_chosen_and_why():
    evaluator = AutoEvaluator()
    evaluator.embed(WIDE, points(2, 40))
    evaluator.expectations(WIDE, points(2, 40), observables=paulis(WIDE)[:1])
    report = evaluator.report(WIDE)
    first, second, *details = str(report).splitlines()
    assert first == (
        "fidelities of 40 qubits: matrix product states, as the widest unconnected part has 40 "
        "qubits, and state vectors are taken of at most 26"
    )
    assert second.startswith(
        "expectation values of 40 qubits: state vectors, as the widest light cone has "
    )
    assert "\n".join(details) == str(qk.MPSEvaluator().report())
    # Without a map, all of late; copies without a cache, as stores use them, report to the same.
    assert set(report.choices) <= set(evaluator.without_cache().report().choices)


def test_reports_of_states_are_short():
    evaluator = AutoEvaluator()
    evaluator.embed(zz(5), points(2, 5))
    assert str(evaluator.report(zz(5))) == (
        "fidelities of 5 qubits: state vectors, as the widest unconnected part has 5 qubits"
    )


def test_few_choices_are_remembered():
    evaluator = AutoEvaluator()
    for n in range(1, 41):
        evaluator.embed(angle(n), points(1, n))
    choices = evaluator.report().choices
    assert [choice.n_qubits for choice in choices] == list(range(9, 41))


# -- Gradients


def test_gradients_of_wide_parts_are_refused_in_words():
    evaluator = AutoEvaluator()
    states = evaluator.embed(WIDE, points(2, 40))
    message = (
        "gradients are those of state vectors, of at most 26 connected qubits, but the points were "
        "prepared as matrix product states: train with KernelTrainer(optimizer='spsa'), which "
        "needs none, or networks with MPSEvaluator(), by the parameter-shift rule"
    )
    for call in (
        lambda: evaluator.fidelities_vjp(states, None, np.ones((2, 2))),
        lambda: evaluator.fidelities_jacobian(states, []),
    ):
        with pytest.raises(NotImplementedError, match=f"^{re.escape(message)}$"):
            call()
    with pytest.raises(NotImplementedError, match="unconnected part of the circuit has 40"):
        evaluator.for_gradients().embed(WIDE, points(2, 40))


def test_gradients_of_wide_cones_are_refused_in_words():
    evaluator, feature_map = AutoEvaluator(), all_connected(30, 2)
    arguments = feature_map, points(2, 2), None, paulis(feature_map, cirq.X)
    for call in (
        lambda: evaluator.expectations_vjp(*arguments, np.ones((2, 30))),
        lambda: evaluator.expectations_jacobian(*arguments, []),
    ):
        with pytest.raises(NotImplementedError, match="but the widest light cone has 30 qubits"):
            call()


def test_gradients_of_narrow_cones_of_wide_circuits():
    X, cotangent = points(2, 40), np.random.default_rng(0).normal(size=(2, 1))
    word = paulis(WIDE)[20:21]
    exact, evaluator = qk.StatevectorEvaluator(), AutoEvaluator()
    found = evaluator.expectations_vjp(WIDE, X, None, word, cotangent)
    step = np.zeros_like(X)
    step[:, 20] = 1e-5
    rates = sum(
        sign * np.sum(cotangent * exact.expectations(WIDE, X + sign * step, observables=word))
        for sign in (1, -1)
    )
    assert found.X[:, 20].sum() == pytest.approx(rates / 2e-5, abs=1e-8)
    still = Direction(step / 1e-5, np.zeros(0))
    jacobian = evaluator.expectations_jacobian(WIDE, X, None, word, [still])
    np.testing.assert_allclose(np.sum(cotangent * jacobian[..., 0]), rates / 2e-5, atol=1e-8)


@pytest.mark.jit
def test_embedding_for_gradients_takes_states_where_there_are_any():
    evaluator, X = AutoEvaluator(), points(3, 16)
    assert isinstance(evaluator.embed(MIDDLE, X), PreparedMPS)
    states = evaluator.for_gradients().embed(MIDDLE, X)
    assert isinstance(states, PreparedStates)
    np.testing.assert_allclose(
        evaluator.fidelities(states), evaluator.fidelities(evaluator.embed(MIDDLE, X)), atol=1e-10
    )
    assert evaluator.fidelities_vjp(states, None, np.ones((3, 3))).X.shape == (3, 16)


# -- Values, and what is refused


def test_values():
    one, two = AutoEvaluator(), AutoEvaluator(cache_size="1MB")
    assert one == AutoEvaluator(cache_size=512 * 10**6)
    assert one != two
    assert repr(two) == "AutoEvaluator(cache_size='1MB')"
    assert eval(repr(two), {"AutoEvaluator": AutoEvaluator}) == two
    assert pickle.loads(pickle.dumps(two)) == two
    assert one.without_cache() == AutoEvaluator(cache_size=0)
    assert one.fingerprint() == two.fingerprint() == one.without_cache().fingerprint()
    assert qk.StatevectorEvaluator().fingerprint() in one.fingerprint()
    assert qk.MPSEvaluator().fingerprint() in one.fingerprint()


def test_caches_are_cleared():
    evaluator, X = AutoEvaluator(cache_size="3MB"), points(3, 5)
    first = evaluator.embed(zz(5), X)
    assert np.shares_memory(first.parts[0][0], evaluator.embed(zz(5), X).parts[0][0])
    evaluator.clear_cache()
    assert not np.shares_memory(first.parts[0][0], evaluator.embed(zz(5), X).parts[0][0])


def test_points_of_two_kinds_are_not_compared():
    evaluator, X = AutoEvaluator(), points(2, 16)
    states, chains = evaluator.for_gradients().embed(MIDDLE, X), evaluator.embed(MIDDLE, X)
    message = "^expected points that were prepared in one way, got PreparedStates and PreparedMPS$"
    with pytest.raises(ValueError, match=message):
        evaluator.fidelities(states, chains)


def test_a_size_that_is_none():
    with pytest.raises(ValueError, match="cache_size: expected a size such as '512MB'"):
        AutoEvaluator(cache_size="much")


def test_states_and_probabilities_are_those_of_state_vectors():
    evaluator, exact, X = AutoEvaluator(), qk.StatevectorEvaluator(), points(3, 3)
    np.testing.assert_array_equal(evaluator.statevectors(zz(3), X), exact.statevectors(zz(3), X))
    how = {"outputs": np.arange(8) % 2, "n_outputs": 2}
    np.testing.assert_array_equal(
        evaluator.probabilities(zz(3), X, **how), exact.probabilities(zz(3), X, **how)
    )
    cotangent = np.random.default_rng(0).normal(size=(3, 2))
    arguments = zz(3), X, None, how["outputs"], cotangent
    np.testing.assert_array_equal(
        evaluator.probabilities_vjp(*arguments).X, exact.probabilities_vjp(*arguments).X
    )
