"""Draws instead of exact values: their distribution, and that the same pair draws the same."""

import copy
import hashlib
import os
import pickle
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import cirq
import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import clone

from qkernels import FidelityKernel, StatevectorEvaluator, memory
from qkernels.evaluators import DifferentiableEvaluator, SampledEvaluator, shot_noise
from qkernels.feature_maps import angle
from qkernels.sampling.counts import Counts
from qkernels.sampling.estimates import estimate_points
from qkernels.sampling.readings import HammingReading
from qkernels.sampling.settings import measurement_settings, readable
from tests.evaluators.maps import PARAMETERS, entangled, n_registers, points, product, unconnected

ROOT = Path(__file__).parents[2]
exact = StatevectorEvaluator()


def noisy(repetitions=1000, random_state=0, **arguments):
    return StatevectorEvaluator(repetitions=repetitions, random_state=random_state, **arguments)


def standardised(evaluator, feature_map, X, parameters=None):
    """Return (K̂ − K) in units of its standard deviation, 0 on the diagonal."""
    prepared = exact.embed(feature_map, X, parameters)
    K = exact.fidelities(prepared)
    deviation = np.sqrt(K * (1 - K) / evaluator.repetitions) + np.eye(len(K))
    return (evaluator.fidelities(prepared) - K) / deviation


# -- The distribution of fidelities


@pytest.mark.parametrize("repetitions", [1, 2, 5])
def test_counts_come_as_often_as_the_binomial_says(repetitions):
    prepared = exact.embed(entangled(), points(250), PARAMETERS)
    pairs = np.triu_indices(250, 1)
    counts = (noisy(repetitions).fidelities(prepared) * repetitions)[pairs]
    p = exact.fidelities(prepared)[pairs]
    chances = binom.pmf(np.arange(repetitions + 1)[:, None], repetitions, p)
    seen = [np.count_nonzero(counts == k) for k in range(repetitions + 1)]
    assert sum(seen) == len(counts)
    spread = np.sqrt((chances * (1 - chances)).sum(axis=1))
    assert (np.abs(seen - chances.sum(axis=1)) < 4 * spread).all()


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("repetitions", [10, 1000, 10**6])
def test_mean_and_variance_of_many_pairs(repetitions, precision):
    X, S = points(250), repetitions
    evaluator = noisy(S, precision=precision)
    p = exact.fidelities(exact.embed(entangled(), X, PARAMETERS))[np.triu_indices(250, 1)]
    drawn = evaluator.fidelities(evaluator.embed(entangled(), X, PARAMETERS))
    off = (drawn[np.triu_indices(250, 1)] - p) * S
    variance = S * p * (1 - p)
    fourth = variance * (1 + 3 * (S - 2) * p * (1 - p))
    assert abs(off.sum()) < 4 * np.sqrt(variance.sum())
    assert abs((off**2 - variance).sum()) < 4 * np.sqrt((fourth - variance**2).sum())


def test_draws_of_different_pairs_are_independent():
    # The spectrum of a symmetric random matrix without structure ends at 2 √n.
    z = standardised(noisy(), entangled(), points(300), PARAMETERS)
    assert 1.9 < np.linalg.eigvalsh(z)[-1] / np.sqrt(300) < 2.1
    # The sum over one point's pairs has their number as variance.
    assert abs(np.mean(z.sum(axis=1) ** 2) / 299 - 1) < 4 * np.sqrt(2 / 300)


def test_draws_of_different_seeds_are_independent():
    pairs = np.triu_indices(300, 1)
    one, other = (
        standardised(noisy(random_state=seed), entangled(), points(300), PARAMETERS)[pairs]
        for seed in (0, 1)
    )
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(len(one))


def test_close_points_draw_independently():
    X = points(1).repeat(200, axis=0) + np.linspace(0, 1e-4, 200)[:, None]
    prepared = exact.embed(entangled(), np.vstack([X, points(1, seed=1)]), PARAMETERS)
    column = noisy(100).fidelities(prepared[:-1], prepared[-1:])[:, 0]
    assert len(np.unique(column)) > 10


# -- The same pair, the same draw

MAPS = {"one register": entangled(), "three": unconnected()}


@pytest.fixture(params=[(name, precision) for name in MAPS for precision in ("double", "single")])
def evaluated(request):
    """An evaluator of noise, 300 prepared points, and their Gram matrix."""
    name, precision = request.param
    assert n_registers(MAPS[name]) == (1 if name == "one register" else 3)
    evaluator = noisy(precision=precision)
    prepared = evaluator.embed(MAPS[name], points(300), PARAMETERS)
    return evaluator, prepared, evaluator.fidelities(prepared)


def test_the_matrix_is_symmetric_with_ones(evaluated):
    evaluator, prepared, K = evaluated
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), 1)
    np.testing.assert_array_equal(evaluator.self_fidelities(prepared), np.diag(K))
    np.testing.assert_array_equal(evaluator.fidelities(prepared, prepared), K)
    assert np.array_equal(K * 1000, np.rint(K * 1000))
    assert K.min() >= 0
    assert K.max() == 1
    assert K.flags.c_contiguous
    assert K.flags.writeable


# Without compiled loops, the last bits of a fidelity depend on the block.
@pytest.mark.jit
def test_blocks_are_those_of_the_matrix(evaluated):
    evaluator, prepared, K = evaluated
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows, columns = (rng.choice(300, rng.integers(1, 290), replace=False) for _ in range(2))
        block = evaluator.fidelities(prepared[rows], prepared[columns])
        np.testing.assert_array_equal(block, K[np.ix_(rows, columns)])
    np.testing.assert_array_equal(evaluator.fidelities(prepared[:7]), K[:7, :7])
    np.testing.assert_array_equal(evaluator.fidelities(prepared[::-1]), K[::-1, ::-1])


def test_restored_states_draw_the_same(evaluated):
    evaluator, prepared, K = evaluated
    arrays = {name: np.asfortranarray(array) for name, array in prepared.arrays().items()}
    np.testing.assert_array_equal(evaluator.fidelities(evaluator.restore(arrays)), K)


def test_points_embedded_in_other_company_draw_the_same():
    X, K = points(60), None
    for rows in (np.arange(60), np.arange(60)[::-1], np.array([7, 3]), np.array([3, 9, 7, 8, 1])):
        evaluator = noisy(cache_size=0)
        drawn = evaluator.fidelities(evaluator.embed(entangled(), X[rows], PARAMETERS))
        K = drawn if K is None else K
        np.testing.assert_array_equal(drawn, K[np.ix_(rows, rows)])


def test_equal_points_are_one_state():
    X = np.array([[0.3, 0.0, 1.0], [0.3, -0.0, 1.0], [0.3, 0.1, 1.0]])
    K = noisy(100).fidelities(exact.embed(entangled(), X, PARAMETERS))
    assert K[0, 1] == 1
    np.testing.assert_array_equal(K[0, 2:], K[1, 2:])


def test_a_state_with_itself_is_1_in_single_precision():
    evaluator = noisy(10**7, precision="single")
    prepared = evaluator.embed(product(20), points(30, 20))
    single = StatevectorEvaluator(precision="single")
    assert np.diag(single.fidelities(prepared, prepared[:])).min() < 1 - 1e-7
    np.testing.assert_array_equal(np.diag(evaluator.fidelities(prepared, prepared[:])), 1)


def test_fidelities_beyond_1_by_rounding_are_1():
    longer = {"re0": np.array([[1 + 1e-6, 0], [1 + 2e-6, 0]]), "im0": np.zeros((2, 2))}
    assert exact.fidelities(exact.restore(longer))[0, 1] > 1
    np.testing.assert_array_equal(noisy().fidelities(exact.restore(longer)), np.ones((2, 2)))


PROCESS = """
import hashlib
from tests.evaluators.test_shot_noise import everything
print(hashlib.sha256(everything()).hexdigest())
"""


def everything():
    """Return the bytes of what is drawn in several ways."""
    evaluator = noisy()
    prepared = evaluator.embed(entangled(), points(20), PARAMETERS)
    words = [cirq.PauliString(cirq.X(q)) for q in entangled().qubits]
    measured = evaluator.expectations(entangled(), points(20), PARAMETERS, observables=words)
    return evaluator.fidelities(prepared).tobytes() + measured.tobytes()


def test_another_process_draws_the_same():
    environment = os.environ | {"PYTHONHASHSEED": "5"}
    done = subprocess.run(
        [sys.executable, "-c", PROCESS],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(everything()).hexdigest()


# -- Standard errors


@pytest.mark.parametrize("repetitions", [1, 7, 1000])
def test_standard_errors_are_those_of_counts(repetitions):
    prepared = exact.embed(entangled(), points(12), PARAMETERS)
    K, errors = noisy(repetitions).fidelities(prepared, return_std=True)
    zeros = np.rint(K * repetitions).astype(int).ravel()
    counts = [
        Counts.from_bits(np.array([[0], [1]])[kept], np.array([k, repetitions - k])[kept])
        for k in zeros
        for kept in [np.array([k > 0, k < repetitions])]
    ]
    means, variances = estimate_points(counts, HammingReading(np.array([1.0, 0.0])))
    np.testing.assert_allclose(K.ravel(), means, rtol=1e-14)
    np.testing.assert_allclose(errors.ravel(), np.sqrt(variances), rtol=1e-12)
    assert (errors > 0).all()


def test_standard_errors_by_hand():
    prepared = exact.embed(product(1), [[0.0], [np.pi]])
    K, errors = noisy(100).fidelities(prepared, return_std=True)
    np.testing.assert_array_equal(K, np.eye(2))
    np.testing.assert_allclose(errors, np.sqrt(0.5 * 100.5 / 101**2 / 100), rtol=1e-12)


# -- Expectation values

QUBITS = cirq.LineQubit.range(3)
LETTERS = (cirq.X, cirq.Y, cirq.Z)
WORDS = [cirq.PauliString(pauli(q)) for q in QUBITS for pauli in LETTERS] + [
    cirq.PauliString(first(p), second(q))
    for p, q in combinations(QUBITS, 2)
    for first in LETTERS
    for second in LETTERS
]
CORRELATED = [
    cirq.PauliString(cirq.Z(QUBITS[0])),
    cirq.PauliString(cirq.Z(QUBITS[1])),
    -0.5 * cirq.Z(QUBITS[0]) * cirq.Z(QUBITS[1]),
    cirq.Z(QUBITS[0]) * cirq.X(QUBITS[2]),
    cirq.Z(QUBITS[0]) * cirq.Y(QUBITS[2]),
]


def measure(evaluator, X, observables=WORDS, **options):
    return evaluator.expectations(entangled(), X, PARAMETERS, observables=observables, **options)


def covariances_in_theory(x, observables, repetitions):
    """Return the covariances of estimated values at one point, from its dense state."""
    psi = exact.statevectors(entangled(), [x], PARAMETERS)[0]
    matrices = [word.matrix(QUBITS) for word in observables]
    values = [np.vdot(psi, m @ psi).real for m in matrices]
    words = [tuple(sorted((q.x, str(pauli)) for q, pauli in o.items())) for o in observables]
    legible = readable(words, measurement_settings(words, 3)).T
    total = np.zeros((len(values), len(values)))
    for j, k in np.ndindex(total.shape):
        if together := np.count_nonzero(legible[j] & legible[k]):
            joint = np.vdot(psi, matrices[j] @ matrices[k] @ psi).real - values[j] * values[k]
            total[j, k] = joint * together / legible[j].sum() / legible[k].sum() / repetitions
    return total


def test_expectation_values_approach_the_exact_ones():
    X = points(5)
    values = measure(noisy(10**7), X)
    assert np.abs(values - measure(exact, X)).max() < 5 / np.sqrt(10**7)


def test_values_scatter_as_repetitions_do():
    X, S = points(150), 50
    values, errors = measure(noisy(S), X, return_std=True)
    off = values - measure(exact, X)
    variances = np.array([np.diag(covariances_in_theory(x, WORDS, S)) for x in X])
    assert (np.abs(off.sum(axis=0)) < 4 * np.sqrt(variances.sum(axis=0))).all()
    ratio = (off**2).sum(axis=0) / variances.sum(axis=0)
    assert (np.abs(ratio - 1) < 5 * np.sqrt(2 / 150)).all()
    assert (np.abs((errors**2).mean(axis=0) / variances.mean(axis=0) - 1) < 0.1).all()


def test_words_of_one_setting_are_correlated():
    X, S, n = points(1), 40, 800
    drawn = [
        noisy(S, seed, cache_size=0).expectation_covariances(
            entangled(), X, PARAMETERS, observables=CORRELATED
        )
        for seed in range(n)
    ]
    values, covariances = (np.concatenate(part) for part in zip(*drawn, strict=True))
    expected = covariances_in_theory(X[0], CORRELATED, S)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs(expected[0, 2]) > 0.1 * scale[0, 2]
    assert (np.abs(np.cov(values.T) - expected) <= 5 * scale / np.sqrt(n)).all()
    assert (np.abs(covariances.mean(axis=0) - expected) <= 0.03 * scale).all()


@pytest.mark.parametrize("repetitions", [1, 30])
def test_a_certain_value_has_an_error_all_the_same(repetitions):
    value, error = noisy(repetitions).expectations(
        angle(2), [[0.0, np.pi]], observables=WORDS[2:6:3], return_std=True
    )
    p = (repetitions + 0.5) / (repetitions + 1)
    np.testing.assert_array_equal(value, [[1, -1]])
    np.testing.assert_allclose(error, 2 * np.sqrt(p * (1 - p) / repetitions))


def test_the_identity_is_certain():
    words = [2.0 * cirq.PauliString(), WORDS[0]]
    values, errors = measure(noisy(10), points(3), words, return_std=True)
    np.testing.assert_array_equal(values[:, 0], 2)
    np.testing.assert_array_equal(errors > 0, [[False, True]] * 3)
    np.testing.assert_array_equal(measure(noisy(10), points(3), words[:1]), values[:, :1])


@pytest.mark.parametrize("cache_size", [0, "10MB"])
def test_values_do_not_depend_on_the_company(monkeypatch, cache_size):
    X = points(30)
    whole = measure(noisy(cache_size=cache_size), X)
    monkeypatch.setattr(shot_noise, "_AMPLITUDES", 4 * 8)
    evaluator = noisy(cache_size=cache_size)
    evaluator.clear_cache()
    for rows in (np.arange(30)[::-1], np.array([4, 4, 2]), np.arange(30)):
        np.testing.assert_array_equal(measure(evaluator, X[rows]), whole[rows])


def test_the_same_setting_is_the_same_measurement():
    X, evaluator = points(10), noisy(100)
    together = measure(evaluator, X, CORRELATED[:2])
    np.testing.assert_array_equal(measure(evaluator, X, CORRELATED[:1]), together[:, :1])


def test_other_seeds_and_repetitions_are_other_measurements():
    first, *others = (
        measure(evaluator, points(5)) for evaluator in (noisy(), noisy(random_state=1), noisy(999))
    )
    for other in others:
        assert 0 < np.abs(first - other).max() < 0.4


def test_results_are_fresh():
    evaluator, X = noisy(), points(4)
    values = measure(evaluator, X)
    kept = values.copy()
    values[:] = 7
    np.testing.assert_array_equal(measure(evaluator, X), kept)


# -- Values


def test_what_it_is():
    evaluator = noisy()
    assert isinstance(evaluator, StatevectorEvaluator)
    assert isinstance(evaluator, SampledEvaluator)
    assert not isinstance(evaluator, DifferentiableEvaluator)
    assert evaluator.unbiased_distances is False


def test_without_repetitions_it_is_the_exact_one():
    assert type(exact) is StatevectorEvaluator
    assert isinstance(exact, DifferentiableEvaluator)
    assert not isinstance(exact, SampledEvaluator)
    assert (exact.repetitions, exact.random_state) == (None, None)
    assert repr(exact) == "StatevectorEvaluator(precision='double', cache_size='512MB')"
    assert exact.fingerprint() == "statevector-2:double"
    assert exact == StatevectorEvaluator(repetitions=None, random_state=None)


def test_states_are_shared_with_the_exact_evaluator():
    X = points(5, seed=11)
    one, other = (e.embed(entangled(), X, PARAMETERS) for e in (exact, noisy()))
    assert np.shares_memory(one.parts[0][0], other.parts[0][0])
    np.testing.assert_array_equal(
        noisy().statevectors(entangled(), X, PARAMETERS),
        exact.statevectors(entangled(), X, PARAMETERS),
    )


def test_values_are_equal_by_their_arguments():
    assert noisy() == noisy()
    assert hash(noisy()) == hash(noisy())
    different = [noisy(), noisy(1001), noisy(random_state=1), noisy(precision="single"), exact]
    for a, b in combinations(different, 2):
        assert a != b
        assert a.fingerprint() != b.fingerprint()


@pytest.mark.parametrize("random_state", [None, 3, 2**70, np.random.RandomState(4)])
def test_copies_draw_the_same(random_state):
    evaluator = noisy(random_state=random_state)
    assert type(evaluator.random_state) is int
    assert copy.copy(evaluator) is copy.deepcopy(evaluator) is evaluator
    kernel = FidelityKernel(entangled(), parameters=PARAMETERS, evaluator=evaluator)
    assert clone(kernel).evaluator is evaluator
    again = StatevectorEvaluator(repetitions=1000, random_state=evaluator.random_state)
    prepared = exact.embed(entangled(), points(9), PARAMETERS)
    for other in (pickle.loads(pickle.dumps(evaluator)), again, eval(repr(evaluator))):
        assert other == evaluator
        assert type(other) is type(evaluator)
        assert other.fingerprint() == evaluator.fingerprint()
        np.testing.assert_array_equal(other.fidelities(prepared), evaluator.fidelities(prepared))


def test_seeds_are_drawn():
    assert noisy(random_state=None) != noisy(random_state=None)
    one, other = (np.random.RandomState(0) for _ in range(2))
    assert noisy(random_state=one) == noisy(random_state=other)
    assert noisy(random_state=one) != noisy(random_state=np.random.RandomState(0))
    assert noisy(random_state=np.int64(3)) == noisy(random_state=3)


# -- Refusals


@pytest.mark.parametrize("repetitions", [0, -1, 2.0, "10", True, np.nan])
def test_repetitions_are_positive_integers(repetitions):
    with pytest.raises(
        ValueError,
        match=rf"^expected repetitions to be an integer of at least 1, got {repetitions!r}$",
    ):
        StatevectorEvaluator(repetitions=repetitions)


@pytest.mark.parametrize("random_state", [-1, 0.5, "0", True, np.random.default_rng(0)])
def test_seeds_are_integers_or_random_states(random_state):
    with pytest.raises(
        ValueError,
        match=r"^random_state: expected None, an integer of at least 0 or a numpy RandomState, "
        "got ",
    ):
        noisy(random_state=random_state)


def test_a_seed_without_repetitions():
    with pytest.raises(
        ValueError, match=r"^random_state: expected None without repetitions, got 0$"
    ):
        StatevectorEvaluator(random_state=0)


def test_other_classes_must_know_of_noise():
    class Other(StatevectorEvaluator):
        pass

    class Noisy(shot_noise.ShotNoise, Other):
        pass

    assert Noisy(repetitions=3, random_state=1).repetitions == 3
    assert type(Other()) is Other
    for cls, repetitions in ((Other, 10), (Noisy, None)):
        message = rf"^expected repetitions with ShotNoise only, got {repetitions} for <class .*>$"
        with pytest.raises(TypeError, match=message):
            cls(repetitions=repetitions)


def test_states_of_other_circuits_are_refused():
    evaluator = noisy()
    a, b = evaluator.embed(product(3), points(2)), evaluator.embed(product(2), points(2, 2))
    with pytest.raises(ValueError, match="expected points prepared by one feature map; got parts"):
        evaluator.fidelities(a, b)


def test_what_does_not_fit(monkeypatch):
    evaluator = noisy()
    prepared = evaluator.embed(product(1), points(500, 1))
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    monkeypatch.setattr(memory, "_MODEST", 0)
    with pytest.raises(
        MemoryError,
        match=r"^expected 4 MB of free memory to draw a Gram matrix of 500 x 500, got 1 MB: "
        "compare blocks of the points instead of all at once$",
    ):
        evaluator.fidelities(prepared)
    with pytest.raises(
        MemoryError,
        match=r"^expected 13.1 MB of free memory for the covariances of 36 Pauli words at 600 poi",
    ):
        measure(evaluator, points(600))
