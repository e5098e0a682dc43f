"""`SamplerEvaluator`: estimates, errors and corrections against exact values."""

from itertools import combinations, product

import cirq
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from qkernels import FidelityKernel, ProjectedKernel, SamplerEvaluator, StatevectorEvaluator
from qkernels.feature_maps import zz
from qkernels.hardware import plan
from qkernels.kernels.noise import estimated_distances
from qkernels.sampling.backends import SamplerBackend
from qkernels.sampling.circuits import second_copy
from qkernels.sampling.counts import Counts
from qkernels.sampling.estimates import estimate_fidelities
from qkernels.sampling.mitigation import (
    BitFlipTolerance,
    Depolarizing,
    HammingWeights,
    Readout,
    UnbiasedDistances,
)
from tests.random_circuits import GATES, feature_maps, points
from tests.reference import ring, trained
from tests.sampling.exact_sampler import ExactEvaluator, ExactSampler, depolarized, misread
from tests.sampling.outcomes import bits

MAPS = st.sampled_from(list(GATES)).flatmap(lambda gate: feature_maps(gate, 3, 6))
SEEDS = st.integers(0, 2**32 - 1)
# Circuits shrink slowly.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
ESTIMATORS = pytest.mark.parametrize("estimator", ["inversion", "bell"])
SHOTS = 1000
EXACT = StatevectorEvaluator(cache_size=0)

X = np.random.default_rng(9).uniform(-1, 1, (5, 3))
MAP = ring(3)
ERRORS = {
    qubit: (0.02 + 0.015 * i, 0.1 - 0.01 * i)
    for i, qubit in enumerate((*MAP.qubits, *second_copy(MAP.qubits)))
}
READOUT = Readout(ERRORS)
K = FidelityKernel(MAP)(X)


def drawn_points(feature_map, seed, n_points=3):
    X, parameters = points(feature_map, n_points, seed)
    parameters = parameters if feature_map.n_parameters else None
    return feature_map, feature_map.encode(X), parameters


def require_near(found, exact, variances, least):
    """Check that estimates are within five standard deviations; `least` is that of rare events."""
    assert (np.abs(found - exact) <= 5 * np.sqrt(np.maximum(variances, least**2))).all()


# -- Agreement


def check_fidelities(given_points, exact, sampler, estimator):
    evaluator = SamplerEvaluator(sampler, estimator=estimator, repetitions=SHOTS)
    found = evaluator.fidelities(evaluator.embed(*given_points))
    np.testing.assert_array_equal(found, found.T)
    if estimator == "bell":
        require_near(found, exact, (1 - exact**2) / SHOTS, 2 / SHOTS)
    else:
        require_near(found, exact, exact * (1 - exact) / SHOTS, 1 / SHOTS)


def words(qubits):
    """Return one- and two-letter words, some with coefficients, and some with identities."""
    pairs = product("XYZ", repeat=2)
    found = [cirq.PauliString({q: letter}) for q in qubits for letter in "XYZ"]
    found += [cirq.PauliString({a: x, b: y}) for a, b in combinations(qubits, 2) for x, y in pairs]
    whole = cirq.PauliString(dict.fromkeys(qubits, cirq.Y))
    constant = cirq.PauliString(coefficient=-2.5)
    return [*found, -1.5 * found[0], 0.25 * whole, constant * found[1], constant, cirq.I(qubits[0])]


def check_expectations(given_points, sampler):
    observables = [1 * word for word in words(given_points[0].qubits)]
    exact = EXACT.expectations(*given_points, observables=observables)
    evaluator = SamplerEvaluator(sampler, repetitions=SHOTS)
    found, std = evaluator.expectations(*given_points, observables=observables, return_std=True)
    scale = np.abs([observable.coefficient for observable in observables])
    require_near(found / scale, exact / scale, (1 - (exact / scale) ** 2) / SHOTS, 2 / SHOTS)
    np.testing.assert_array_equal(found[:, -2:], np.tile([-2.5, 1.0], (len(found), 1)))
    np.testing.assert_array_equal(std[:, -2:], 0)
    assert (std[:, :-2] > 0).all()
    assert (std <= 1.01 * scale / np.sqrt(SHOTS - 1)).all()


@pytest.mark.parametrize(
    ("sampler", "n_maps"),
    [(ExactSampler, 50), (lambda seed: cirq.Simulator(seed=seed), 5)],
    ids=["exact", "simulator"],
)
def test_all_estimates_of_random_maps(sampler, n_maps):
    @settings(max_examples=n_maps, deadline=None, phases=PHASES)
    @given(MAPS, SEEDS)
    def check(feature_map, seed):
        given_points = drawn_points(feature_map, seed)
        exact = EXACT.fidelities(EXACT.embed(*given_points))
        for estimator in ("inversion", "bell"):
            check_fidelities(given_points, exact, sampler(seed), estimator)
        check_expectations(given_points, sampler(seed))

    check()


def test_parameters_and_bandwidths_reach_the_circuit():
    T = np.array([0.7, -1.1])
    exact = FidelityKernel(trained(3), bandwidth=[1, 2, 0.5], parameters=T)(X)
    for estimator in ("inversion", "bell"):
        found = FidelityKernel(
            trained(3),
            bandwidth=[1, 2, 0.5],
            parameters=T,
            evaluator=ExactEvaluator(estimator=estimator),
        )(X)
        np.testing.assert_allclose(found, exact, atol=1e-9)


# -- Intervals


@ESTIMATORS
@pytest.mark.parametrize("repetitions", [100, 1000])
@pytest.mark.parametrize(("n_qubits", "bandwidth"), [(3, 1.0), (6, 1.0), (6, 0.05), (10, 1.0)])
def test_intervals_cover_as_often_as_they_say(estimator, n_qubits, bandwidth, repetitions):
    generator = np.random.default_rng(n_qubits)
    inputs = generator.uniform(-np.pi, np.pi, (30, n_qubits)) * bandwidth
    exact = EXACT.fidelities(EXACT.embed(zz(n_qubits), inputs))
    evaluator = SamplerEvaluator(None, estimator=estimator, diagonal="one")
    gram = evaluator.gram_request(evaluator.embed(zz(n_qubits), inputs))
    truth = np.empty(len(gram.request))
    truth[gram.entries[gram.entries >= 0]] = exact[gram.entries >= 0]
    # Two outcomes are as good as all: 0ⁿ or one pair of ones has the chance that is read.
    n_bits = gram.request.measured.program.n_bits
    outcomes = np.zeros((2, n_bits), dtype=bool)
    outcomes[1, [0, n_bits // 2]] = True
    chance = (1 + truth) / 2 if estimator == "bell" else truth
    upper = np.triu_indices(30, 1)
    inside = []
    for _ in range(20):
        numbers = generator.binomial(repetitions, chance)
        pairs = np.stack([numbers, repetitions - numbers], axis=1)
        counts = [Counts(outcomes[pair > 0], pair[pair > 0]) for pair in pairs]
        low, high = estimate_fidelities(gram, counts, estimator, ()).interval(0.95)
        inside.append(((low <= exact) & (exact <= high))[upper])
        assert (low[np.diag_indices(30)] == 1).all()
    assert 0.93 < np.mean(inside) < 0.98
    if bandwidth == 1:  # as of Haar-random states
        assert np.mean(exact[upper]) < 4 * 2.0**-n_qubits


def test_intervals_contain_their_estimates():
    evaluator = SamplerEvaluator(ExactSampler(0), repetitions=60)
    prepared = evaluator.embed(MAP, X)
    found = evaluator.estimate(prepared, prepared[1:])
    for level in (0.5, 0.99):
        low, high = found.interval(level)
        assert (low <= found.values).all()
        assert (found.values <= high).all()
    assert (found.repetitions == 60).all()
    assert found.kind == "inversion"


def test_intervals_of_a_run_are_these():
    evaluator = SamplerEvaluator(ExactSampler(0), repetitions=60)
    kernel = FidelityKernel(MAP, evaluator=evaluator)
    found = plan(kernel, X[:2], X[1:]).execute().estimate().interval(0.9)
    expected = evaluator.estimate(kernel.prepare(X[:2]), kernel.prepare(X[1:])).interval(0.9)
    np.testing.assert_array_equal(found, expected)
    kernel = ProjectedKernel(MAP, gamma=0.6, evaluator=evaluator)
    found = plan(kernel, X).execute().estimate().interval(0.9)
    F = kernel.prepare(X)
    same = np.eye(len(X), dtype=bool)
    found_distances = estimated_distances(*[F.features] * 2, *[F.covariance] * 2, same)
    near, far = found_distances.interval(0.9)
    np.testing.assert_allclose(found, np.exp(-0.6 * np.array([far, near])), rtol=1e-12)


# -- Readout errors


@ESTIMATORS
def test_readout_errors_are_taken_out_of_fidelities(estimator):
    channel = misread(ERRORS)
    raw = FidelityKernel(MAP, evaluator=ExactEvaluator(channel, estimator=estimator))(X)
    exact = ExactEvaluator(channel, estimator=estimator, mitigation=[READOUT])
    np.testing.assert_allclose(FidelityKernel(MAP, evaluator=exact)(X), K, atol=1e-9)
    drawn = SamplerEvaluator(
        ExactSampler(1, channel), estimator=estimator, mitigation=[READOUT], repetitions=SHOTS
    )
    kernel = FidelityKernel(MAP, evaluator=drawn)
    found, std = kernel.compare(kernel.prepare(X), return_std=True)
    assert np.abs(raw - K).max() > 0.1
    assert (np.abs(found - raw) > 5 * std).any()
    require_near(found, K, std**2, 0)
    corrected_test = FidelityKernel(MAP, evaluator=exact)(X[:2], X[2:])
    np.testing.assert_allclose(corrected_test, K[:2, 2:], atol=1e-9)


def test_readout_errors_are_taken_out_of_expectations():
    observables = [1 * word for word in words(MAP.qubits)]
    exact = EXACT.expectations(MAP, X, observables=observables)
    options = {"observables": observables}
    channel = misread(ERRORS)
    found = ExactEvaluator(channel, mitigation=[READOUT]).expectations(MAP, X, **options)
    np.testing.assert_allclose(found, exact, atol=1e-9)
    assert np.abs(ExactEvaluator(channel).expectations(MAP, X, **options) - exact).max() > 0.1
    evaluator = SamplerEvaluator(ExactSampler(2, channel), mitigation=[READOUT], repetitions=SHOTS)
    found, std = evaluator.expectations(MAP, X, return_std=True, **options)
    require_near(found, exact, std**2, 1e-12)
    scores = (found - exact)[:, :-2] / std[:, :-2]
    assert np.mean(scores**2) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("estimator", ["inversion", "bell", "projected"])
def test_flips_before_the_measurement_on_a_simulator(estimator):
    class Flips(cirq.NoiseModel):
        def noisy_moment(self, moment, system_qubits):
            if not cirq.is_measurement(moment):
                return [moment]
            errors = (cirq.bit_flip(ERRORS[q][0])(q) for q in sorted(moment.qubits))
            return [cirq.Moment(errors), moment]

    simulator = cirq.DensityMatrixSimulator(noise=Flips(), seed=3)
    readout = Readout({qubit: (e, e) for qubit, (e, _) in ERRORS.items()})
    projected = estimator == "projected"
    evaluator = SamplerEvaluator(
        SamplerBackend(simulator, identity="flips"),
        estimator="inversion" if projected else estimator,
        mitigation=[readout],
        repetitions=2000,
    )
    two = ring(2)
    kernel = (ProjectedKernel if projected else FidelityKernel)(two, evaluator=evaluator)
    points = X[:3, :2]
    found, std = kernel.compare(kernel.prepare(points), return_std=True)
    require_near(found, type(kernel)(two)(points), std**2, 0.002)


# -- Weights of outcomes


@pytest.mark.parametrize(
    "weighing", [BitFlipTolerance(1), BitFlipTolerance(2), HammingWeights(0.8)]
)
def test_weights_are_functionals_of_the_outcomes_of_both_circuits(weighing):
    found = FidelityKernel(MAP, evaluator=ExactEvaluator(mitigation=[weighing]))(X)
    g = weighing.weights(3)[bits(3).sum(axis=1)]
    unitaries = [cirq.unitary(MAP.resolve(x)) for x in X]
    forth = np.array(
        [[g @ np.abs((V.conj().T @ U)[:, 0]) ** 2 for U in unitaries] for V in unitaries]
    )
    # U(y)† U(x) and U(x)† U(y) differ; one of the two is measured, for an entry and its mirror.
    assert np.abs(forth - forth.T).max() > 1e-3
    np.testing.assert_array_equal(found, found.T)
    either = np.minimum(np.abs(found - forth), np.abs(found - forth.T))
    np.testing.assert_allclose(either, 0, atol=1e-9)
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-9)
    assert (found >= K - 1e-9).all()


# -- Depolarizing noise


@ESTIMATORS
@pytest.mark.parametrize("method", ["single", "average", "split"])
def test_depolarizing_noise_is_undone(estimator, method):
    channel = depolarized(0.35)
    raw = FidelityKernel(MAP, evaluator=ExactEvaluator(channel, estimator=estimator))
    exact = ExactEvaluator(channel, estimator=estimator, mitigation=[Depolarizing(method)])
    kernel = FidelityKernel(MAP, evaluator=exact)
    assert np.abs(raw(X) - K).max() > 0.25
    np.testing.assert_allclose(kernel(X), K, atol=1e-9)
    np.testing.assert_allclose(kernel.diag(X), 1, atol=1e-9)
    test, train = X[:2], X[1:]
    np.testing.assert_allclose(kernel(test, train), K[:2, 1:], atol=1e-9)


def test_depolarizing_noise_with_weights_and_readout_errors():
    def channel(chances, qubits):
        return misread(ERRORS)(depolarized(0.2)(chances, qubits), qubits)

    for weighing in (BitFlipTolerance(1), HammingWeights(1.0)):
        ideal = FidelityKernel(MAP, evaluator=ExactEvaluator(mitigation=[weighing]))(X)
        evaluator = ExactEvaluator(channel, mitigation=[Depolarizing("split"), weighing, READOUT])
        found = FidelityKernel(MAP, evaluator=evaluator)(X)
        np.testing.assert_allclose(found, ideal, atol=1e-9)


@pytest.mark.parametrize("method", ["single", "average", "split"])
def test_errors_of_corrected_entries(method):
    evaluator = SamplerEvaluator(
        ExactSampler(4, depolarized(0.3)), mitigation=[Depolarizing(method)], repetitions=2000
    )
    kernel = FidelityKernel(MAP, evaluator=evaluator)
    found, std = kernel.compare(kernel.prepare(X), return_std=True)
    require_near(found, K, std**2, 0)
    assert (std[~np.eye(5, dtype=bool)] > 0).all()


def test_pure_noise_cannot_be_undone():
    evaluator = ExactEvaluator(depolarized(1.0), mitigation=[Depolarizing("average")])
    with pytest.raises(ValueError, match=r"expected diagonal entries above 0.125, .* got 0.125"):
        FidelityKernel(MAP, evaluator=evaluator)(X)


# -- Unbiased distances


def test_noise_is_taken_out_of_projected_distances():
    def kernel(*mitigation):
        evaluator = SamplerEvaluator(ExactSampler(5), repetitions=40, mitigation=mitigation)
        return ProjectedKernel(MAP, evaluator=evaluator)

    raw, unbiased = kernel()(X), kernel(UnbiasedDistances())(X)
    exact = ProjectedKernel(MAP)(X)
    F = kernel().prepare(X)
    variances = np.trace(F.covariance, axis1=1, axis2=2)
    expected = np.exp(variances[:, None] + variances - cdist(F.features, F.features, "sqeuclidean"))
    np.testing.assert_allclose(unbiased, np.where(np.eye(5), 1, np.minimum(expected, 1)))
    apart = np.triu_indices(5, 1)
    assert (raw - exact)[apart].mean() < -0.05
    assert abs((unbiased - exact)[apart].mean()) < 0.03


# -- Nothing to be done


@pytest.mark.parametrize(
    "mitigation",
    [
        Readout(dict.fromkeys(ERRORS, (0.0, 0.0))),
        BitFlipTolerance(0),
        HammingWeights(1e-3),
        Depolarizing("single"),
        Depolarizing("average"),
        Depolarizing("split"),
    ],
    ids=repr,
)
def test_corrections_of_perfect_fidelities_change_nothing(mitigation):
    plain = SamplerEvaluator(ExactSampler(6), repetitions=200)
    kernel = FidelityKernel(MAP, evaluator=plain)
    corrected = FidelityKernel(MAP, evaluator=plain.replace(mitigation=[mitigation]))
    np.testing.assert_allclose(corrected(X), kernel(X), atol=1e-12)
    np.testing.assert_allclose(corrected(X[:2], X[2:]), kernel(X[:2], X[2:]), atol=1e-12)
    np.testing.assert_allclose(corrected.diag(X), 1, atol=1e-12)


@pytest.mark.parametrize(
    "mitigation", [Readout(dict.fromkeys(ERRORS, (0.0, 0.0))), UnbiasedDistances()], ids=repr
)
def test_corrections_of_exact_expectations_change_nothing(mitigation):
    found = ProjectedKernel(MAP, evaluator=ExactEvaluator(mitigation=[mitigation]))(X)
    np.testing.assert_allclose(found, ProjectedKernel(MAP)(X), atol=1e-9)
