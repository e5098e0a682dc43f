"""`qkernels.kernels.noise`: distances of noisy features against experiments with known truth."""

import cirq
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.gaussian_process.kernels import RBF

from qkernels import ProjectedKernel, SamplerEvaluator, StatevectorEvaluator
from qkernels.feature_maps import zz
from qkernels.kernels.noise import Distances, estimated_distances, hashed
from qkernels.kernels.observables import parse_observables
from qkernels.kernels.projected import PreparedFeatures
from qkernels.sampling.circuits import tomography_circuit
from qkernels.sampling.estimates import estimate_words
from qkernels.sampling.mitigation import UnbiasedDistances
from qkernels.sampling.requests import request_tomography
from qkernels.sampling.settings import measurement_settings
from tests.reference import ring
from tests.sampling.exact_sampler import ExactSampler, drawn
from tests.sampling.outcomes import probabilities


def covariances(n_points, n_features, seed):
    """Return random covariances, none of them diagonal."""
    A = 0.3 * np.random.default_rng(seed).normal(size=(n_points, n_features, n_features))
    return A @ A.transpose(0, 2, 1)


def features(n_points, n_features, seed):
    return np.random.default_rng(seed).normal(size=(n_points, n_features))


# -- Formulas


def test_entries_are_those_of_single_pairs():
    F, G = features(4, 3, 0), features(5, 3, 1)
    A, B = covariances(4, 3, 2), covariances(5, 3, 3)
    found = estimated_distances(F, G, A, B, np.zeros((4, 5), dtype=bool))
    for i, j in np.ndindex(4, 5):
        d, C = F[i] - G[j], A[i] + B[j]
        expected = d @ d, np.trace(C), d @ C @ d, np.trace(C @ C)
        np.testing.assert_allclose([part[i, j] for part in found], expected, rtol=1e-12)


def test_one_point_has_no_distance_from_itself():
    F, A = features(3, 2, 0), covariances(3, 2, 1)
    same = np.arange(3)[:, None] == [2, 1]
    found = estimated_distances(F, F[[2, 1]], A, A[[2, 1]], same)
    for i, j in ((2, 0), (1, 1)):
        assert [part[i, j] for part in found] == [0, 0, 0, 0]
        assert found.unbiased[i, j] == found.variances[i, j] == 0
        assert [end[i, j] for end in found.interval(0.95)] == [0, 0]
    assert (found.variances > 0).sum() == 4


def test_two_points_of_equal_features_have_errors():
    F, A = features(2, 3, 0), covariances(2, 3, 1)
    F[1] = F[0]
    found = estimated_distances(F, F, A, A, np.eye(2, dtype=bool))
    assert found.unbiased[0, 1] == 0
    assert found.variances[0, 1] == pytest.approx(2 * np.sum((A[0] + A[1]) ** 2))
    assert found.interval(0.95)[1][0, 1] > 0


def test_hashes_tell_points_apart():
    points = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, np.nextafter(1, 2)]])
    first, second, third = hashed(points)
    assert first == second != third
    np.testing.assert_array_equal(hashed(points[::-1]), [third, second, first])


def distances_of(raw, excess, along, spread):
    """Return the distance of one pair."""
    return Distances(*(np.array([[part]]) for part in (raw, excess, along, spread)))


@pytest.mark.parametrize("distance", [0.0, 0.4, 3.0])
def test_moments_under_normal_errors(distance):
    A, B = covariances(2, 4, 5) * 0.1
    C = A + B
    generator, d = np.random.default_rng(0), np.full(4, np.sqrt(distance / 4))
    noisy = d + generator.multivariate_normal(np.zeros(4), C, 20_000)
    raw, along = np.sum(noisy**2, axis=1), np.einsum("ni,ij,nj->n", noisy, C, noisy)
    excess, spread = np.trace(C), np.trace(C @ C)
    assert raw.mean() == pytest.approx(distance + excess, abs=4 * raw.std() / 141)
    assert raw.var() == pytest.approx(4 * d @ C @ d + 2 * spread, rel=0.06)
    # The estimated variance has this mean where it is not cut off, else it is too large.
    found = np.mean(
        [distances_of(r, excess, a, spread).variances for r, a in zip(raw, along, strict=True)]
    )
    assert 0.95 < found / raw.var() < (1.05 if distance > 1 else 3)


parts = st.floats(0.0, 10.0)


@given(parts, parts, st.floats(0.01, 10.0), st.floats(0.01, 10.0), st.floats(0.1, 0.99))
def test_intervals_solve_their_equation(distance, excess, slope, spread, level):
    raw = distance + excess + 0.01
    found = distances_of(raw, excess, slope * raw, spread)
    low, high = (float(end[0, 0]) for end in found.interval(level))
    z = norm.ppf((1 + level) / 2)
    unbiased = max(raw - excess, 0)

    def away(D):
        return abs(unbiased - D) / np.sqrt(4 * slope * D + 2 * spread)

    assert 0 <= low <= unbiased <= high
    assert away(high) == pytest.approx(z, rel=1e-6)
    assert low == 0 or away(low) == pytest.approx(z, rel=1e-6)
    assert low > 0 or away(0) <= z * (1 + 1e-9)


def test_unbiased_distances_are_not_negative():
    found = distances_of(0.1, 0.3, 0.01, 0.02)
    assert found.unbiased[0, 0] == 0
    assert found.variances[0, 0] == 2 * 0.02
    assert found.interval(0.95)[0][0, 0] == 0


# -- Experiments


class Experiment:
    """A projected kernel's features, measured again and again."""

    def __init__(self, n_qubits, bandwidth, seed, n_points=6):
        feature_map = zz(n_qubits)
        generator = np.random.default_rng(seed)
        X = generator.uniform(-np.pi, np.pi, (n_points, n_qubits)) * bandwidth
        self.observables = parse_observables(None, 1, feature_map.qubits)
        self.words = [((q, letter),) for q in range(n_qubits) for letter in "XYZ"]
        self.settings = measurement_settings(self.words, n_qubits)
        self.request = request_tomography(
            tomography_circuit(feature_map), feature_map.angles(X), self.settings, 1
        )
        program = self.request.request.measured.program
        self.qubits, self.generator = program.qubits, generator
        self.chances = probabilities(program, self.request.request.values())
        self.chances /= self.chances.sum(axis=1, keepdims=True)
        values = StatevectorEvaluator().expectations(
            feature_map, X, observables=self.observables.words
        )
        F = self.observables.features(values)
        self.pairs = np.triu_indices(n_points, 1)
        self.distances = cdist(F, F, "sqeuclidean")[self.pairs]

    def measure(self, repetitions):
        """Return the distances of one experiment."""
        counts = [drawn(row, repetitions, self.generator) for row in self.chances]
        rows = [[counts[place] for place in row] for row in self.request.rows]
        values, errors = estimate_words(rows, self.qubits, self.words, self.settings, ())
        F, C = self.observables.features(values), self.observables.covariances(errors)
        return Distances(
            *(
                part[self.pairs]
                for part in estimated_distances(F, F, C, C, np.eye(len(F), dtype=bool))
            )
        )


@pytest.mark.parametrize("repetitions", [100, 1000])
@pytest.mark.parametrize(("n_qubits", "bandwidth"), [(3, 1.0), (6, 0.2), (6, 1.0), (10, 1.0)])
def test_intervals_cover_as_often_as_they_say(n_qubits, bandwidth, repetitions):
    experiment = Experiment(n_qubits, bandwidth, seed=n_qubits)
    ends = [experiment.measure(repetitions).interval(0.95) for _ in range(100)]
    low, high = np.transpose(ends, (1, 0, 2))
    inside = (low <= experiment.distances) & (experiment.distances <= high)
    assert 0.93 < inside.mean() < 0.98


def test_shot_noise_makes_distances_too_large_unless_it_is_taken_out():
    experiment = Experiment(3, 0.05, seed=0)
    found = [experiment.measure(100) for _ in range(400)]
    raw = np.array([one.raw for one in found])
    unbiased = np.array([one.raw - one.excess for one in found])
    error = raw.std(axis=0) / np.sqrt(len(found))
    assert (np.abs(unbiased.mean(axis=0) - experiment.distances) < 4 * error).all()
    assert (raw.mean(axis=0) - experiment.distances > 7 * error).all()
    # Distances far from 0 are never cut off.
    far = (unbiased > 0).all(axis=0)
    assert far.any()
    cut = np.array([one.unbiased for one in found])
    np.testing.assert_array_equal(cut[:, far], unbiased[:, far])


# -- In a kernel

X = np.random.default_rng(3).uniform(-1, 1, (5, 3))
LEDGER = SamplerEvaluator(ExactSampler(1), repetitions=50).ledger


def kernel(*mitigation, **options):
    evaluator = SamplerEvaluator(
        ExactSampler(2), repetitions=50, mitigation=mitigation, ledger=LEDGER
    )
    return ProjectedKernel(ring, evaluator=evaluator, **options)


def distances(a, b):
    F, G = kernel().prepare(a), kernel().prepare(b)
    same = F.points[:, None] == G.points
    return estimated_distances(F.features, G.features, F.covariance, G.covariance, same)


@pytest.mark.parametrize("rows", [slice(None), slice(1, 3)])
def test_standard_errors_are_of_first_order_in_the_distance(rows):
    plain = kernel(gamma=0.7)
    prepared = plain.prepare(X)
    other = None if rows == slice(None) else prepared[rows]
    K, std = plain.compare(prepared, other, return_std=True)
    found = distances(X, X[rows])
    np.testing.assert_allclose(K, np.exp(-0.7 * found.raw), rtol=1e-12)
    np.testing.assert_allclose(std, 0.7 * K * np.sqrt(found.variances), rtol=1e-12)
    np.testing.assert_array_equal(std == 0, np.eye(5, dtype=bool)[:, rows])
    np.testing.assert_array_equal(K, plain.compare(prepared, other))


def test_unbiased_kernel():
    K, std = kernel(UnbiasedDistances(), gamma=0.7).compare(kernel().prepare(X), return_std=True)
    found = distances(X, X)
    np.testing.assert_allclose(K, np.exp(-0.7 * found.unbiased), rtol=1e-12)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), 1)
    np.testing.assert_array_equal(np.diag(std), 0)
    assert (kernel(gamma=0.7)(X) <= K).all()
    np.testing.assert_array_equal(kernel(UnbiasedDistances(), gamma=0.7)(X), K)
    half = kernel(UnbiasedDistances(), gamma=0.7)(X, X[1:3])
    np.testing.assert_allclose(half, K[:, 1:3], rtol=1e-12)


def test_other_outer_kernels_take_no_unbiased_distances():
    outer = kernel(UnbiasedDistances(), outer=RBF(0.5))
    with pytest.raises(ValueError, match=r"outer must be None, got RBF\(length_scale=0.5\)"):
        outer(X)
    plain = kernel(outer=RBF(0.5))
    np.testing.assert_array_equal(plain(X), RBF(0.5)(kernel().prepare(X).features))


def test_prepared_features_keep_their_errors():
    prepared = kernel().prepare(X)
    assert prepared.covariance.shape == (5, 9, 9)
    assert prepared.nbytes == 8 * 5 * (9 + 81 + 1)
    np.testing.assert_array_equal(prepared[1:3].covariance, prepared.covariance[1:3])
    arrays = prepared.arrays()
    restored = kernel().restore(arrays)
    assert isinstance(restored, PreparedFeatures)
    assert restored.arrays().keys() == arrays.keys()
    expected = kernel().compare(prepared, return_std=True)
    np.testing.assert_array_equal(kernel().compare(restored, return_std=True), expected)


def test_features_of_sums_carry_the_correlations_of_their_words():
    a, b = ring(3).qubits[:2]
    observables = [cirq.Z(a) + cirq.Z(b), cirq.Z(a) - cirq.Z(b), 2 * cirq.X(a) + 1]
    words = [1 * cirq.Z(a), 1 * cirq.Z(b), 1 * cirq.X(a)]
    prepared = kernel(observables=observables).prepare(X)
    evaluator = kernel().evaluator
    values, errors = evaluator.expectation_covariances(ring(3), X, observables=words)
    W = np.array([[1, 1, 0], [1, -1, 0], [0, 0, 2]])
    np.testing.assert_allclose(prepared.features, values @ W.T + [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(prepared.covariance, W @ errors @ W.T, atol=1e-12)
