"""`qkernels.sampling.intervals`: they cover as often as they say, by exact sums."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qkernels.sampling.intervals import parity_interval, proportion_interval

SINGLE = np.array([0.01, 0.05, 0.1, 0.3, 0.5, 0.9, 0.99])
HAAR = pytest.mark.parametrize("n_qubits", [3, 6, 10])
REPETITIONS = pytest.mark.parametrize("repetitions", [100, 1000])
# Each estimator's interval, and the probability that a shot counts where the fidelity is K.
ESTIMATORS = pytest.mark.parametrize(
    ("interval", "probability"),
    [(proportion_interval, lambda K: K), (parity_interval, lambda K: (1 + K) / 2)],
    ids=["inversion", "bell"],
)


def coverage(low, high, K, p):
    """Return how often K is inside: the probabilities of all counts whose interval holds it."""
    counts = np.arange(len(low))
    inside = (low <= K[:, np.newaxis]) & (K[:, np.newaxis] <= high)
    return np.sum(stats.binom.pmf(counts, len(low) - 1, p[:, np.newaxis]), axis=1, where=inside)


def haar_fidelities(n_qubits, n_points=1000):
    """Return quantiles, evenly spaced, of the density (D-1)(1-K)^(D-2)."""
    below = (np.arange(n_points) + 0.5) / n_points
    return 1 - (1 - below) ** (1 / (2**n_qubits - 1))


# -- Coverage


@ESTIMATORS
@REPETITIONS
@HAAR
def test_coverage_of_haar_like_fidelities(interval, probability, repetitions, n_qubits):
    K = haar_fidelities(n_qubits)
    low, high = interval(np.arange(repetitions + 1), repetitions, 0.95)
    assert 0.94 < coverage(low, high, K, probability(K)).mean() < 0.97


@HAAR
def test_quantiles_are_those_of_the_density(n_qubits):
    D, K = 2**n_qubits, haar_fidelities(n_qubits, 20000)
    np.testing.assert_allclose(K.mean(), 1 / D, rtol=1e-3)
    np.testing.assert_allclose(np.mean(K**2), 2 / (D * (D + 1)), rtol=1e-2)


@ESTIMATORS
@REPETITIONS
def test_coverage_of_single_fidelities(interval, probability, repetitions):
    low, high = interval(np.arange(repetitions + 1), repetitions, 0.95)
    covered = coverage(low, high, SINGLE, probability(SINGLE))
    # It jumps by the probability of one count: from .928 to .986 here.
    assert covered.min() > 0.925
    assert covered.max() < 0.99
    assert 0.94 < np.median(covered) < 0.96


@ESTIMATORS
@pytest.mark.parametrize("level", [0.5, 0.683, 0.95, 0.99])
def test_coverage_of_all_fidelities_is_the_level_on_average(interval, probability, level):
    K = (np.arange(2000) + 0.5) / 2000
    low, high = interval(np.arange(301), 300, level)
    assert coverage(low, high, K, probability(K)).mean() == pytest.approx(level, abs=0.003)


@ESTIMATORS
@REPETITIONS
def test_coverage_is_nowhere_low(interval, probability, repetitions):
    K = np.linspace(0, 1, 2001)
    low, high = interval(np.arange(repetitions + 1), repetitions, 0.95)
    covered = coverage(low, high, K, probability(K))
    assert covered.min() > 0.87
    assert covered[-1] == pytest.approx(1)
    assert covered[0] > 0.97


@REPETITIONS
def test_cutting_off_loses_no_coverage(repetitions):
    K, even = np.linspace(0, 1, 501), np.arange(repetitions + 1)
    whole = [2 * end - 1 for end in proportion_interval(even, repetitions, 0.95)]
    cut = coverage(*parity_interval(even, repetitions, 0.95), K, (1 + K) / 2)
    assert (cut >= coverage(*whole, K, (1 + K) / 2)).all()


# -- Values


def test_published_values():
    # The limits that the R package RSurveillance prints for its own examples.
    low, high = proportion_interval([10, 20, 25, 30, 40], 200, 0.95)
    np.testing.assert_allclose(
        low, [0.02599340, 0.06416642, 0.08462743, 0.10567714, 0.14910087], atol=5e-9
    )
    np.testing.assert_allclose(
        high, [0.08687509, 0.14729862, 0.176126, 0.20436243, 0.25950769], atol=5e-7
    )


def test_no_success_and_no_failure():
    # One shot: the density of the posterior is sqrt((1-p)/p) 2/π, p = sin²t of uniform weights.
    t = np.linspace(0, np.pi / 2, 200001)
    mass = (2 * t + np.sin(2 * t)) / np.pi
    expected = np.sin(np.interp(0.975, mass, t)) ** 2
    low, high = proportion_interval([0, 1], 1, 0.95)
    np.testing.assert_allclose([low, high], [[0, 1 - expected], [expected, 1]], rtol=1e-8)


def test_parity_is_a_proportion_on_another_scale():
    low, high = parity_interval([10, 100], 100)
    expected = proportion_interval(100, 100)[0]
    np.testing.assert_array_equal([low, high], [[0, 2 * expected - 1], [0, 1]])


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0.3, 0.999))
def test_estimates_are_inside(repetitions, share, level):
    successes = round(share * repetitions)
    low, high = proportion_interval(successes, repetitions, level)
    assert 0 <= low <= successes / repetitions <= high <= 1
    low, high = parity_interval(successes, repetitions, level)
    assert 0 <= low <= max(2 * successes / repetitions - 1, 0) <= high <= 1


@given(st.integers(1, 10**5), st.floats(0, 1), st.floats(0.3, 0.999))
def test_failures_mirror_successes(repetitions, share, level):
    successes = round(share * repetitions)
    low, high = proportion_interval(successes, repetitions, level)
    mirrored = proportion_interval(repetitions - successes, repetitions, level)
    np.testing.assert_allclose([1 - high, 1 - low], mirrored, atol=1e-10)


@pytest.mark.parametrize("interval", [proportion_interval, parity_interval])
def test_shapes_are_broadcast(interval):
    low, high = interval(np.array([[60], [70]]), np.array([100, 1000, 10000]))
    assert low.shape == high.shape == (2, 3)
    assert (low[1, 0], high[1, 0]) == interval(70, 100, 0.95)
    assert low.dtype == high.dtype == np.float64


def test_matrices_of_counts_keep_their_symmetry():
    counts = np.array([[1000, 3], [3, 998]])
    low, high = proportion_interval(counts, 1000)
    np.testing.assert_array_equal(low, low.T)
    np.testing.assert_array_equal(high, high.T)
    assert high[0, 0] == 1


# -- Refusals


@pytest.mark.parametrize("interval", [proportion_interval, parity_interval])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 10), "expected numbers of shots from 0 to the repetitions 10, got -1"),
        (([1, 11], 10), "expected numbers of shots from 0 to the repetitions 10, got [1, 11]"),
        ((float("nan"), 10), "expected numbers of shots from 0 to the repetitions 10, got nan"),
        ((0, 0), "expected positive finite repetitions, got 0"),
        ((1, [5, float("inf")]), "expected positive finite repetitions, got [5, inf]"),
        (("many", 10), "expected successes to be an array of numbers, got 'many'"),
        ((1, 10, 0.0), "expected level to be between 0 and 1, got 0.0"),
        ((1, 10, 1.0), "expected level to be between 0 and 1, got 1.0"),
        ((1, 10, 95), "expected level to be between 0 and 1, got 95"),
        ((1, 10, "95 %"), "expected level to be a finite real number, got '95 %'"),
    ],
)
def test_wrong_arguments(interval, arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        interval(*arguments)
