"""`qkernels.sampling.readings`: against dense matrices over all outcomes, and exact variances."""

from functools import reduce
from itertools import product

import cirq
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from qkernels.sampling.counts import Counts
from qkernels.sampling.readings import (
    BellReading,
    HammingReading,
    WordReading,
    mean_and_covariance,
)

N = 4
OUTCOMES = np.array(list(product([False, True], repeat=N)))
WEIGHTS = {
    "P(0)": np.array([1.0, 0, 0, 0, 0]),
    "two flips": np.array([1.0, 1, 1, 0, 0]),
    "fading": np.exp(-np.arange(5) / 1.5),
    "any": np.array([0.3, -0.2, 0.9, 0.0, 0.4]),
}
SUPPORTS = ((0,), (2,), (1, 3), (3, 0, 1), (0, 1, 2, 3), ())


def word(support, bits):
    return (-1.0) ** sum(bits[place] for place in support)


def bell(bits):
    return [(-1.0) ** sum(a and b for a, b in zip(bits[:2], bits[2:], strict=True))]


# How each reading is made, and what it says of ideal bits.
READINGS = {
    **{
        name: (lambda inverse, g=g: HammingReading(g, inverse), lambda bits, g=g: [g[sum(bits)]])
        for name, g in WEIGHTS.items()
    },
    "bell": (lambda inverse: BellReading(2, inverse), bell),
    "words": (
        lambda inverse: WordReading(SUPPORTS, inverse),
        lambda bits: [word(support, bits) for support in SUPPORTS],
    ),
}


@pytest.fixture(params=READINGS)
def make_and_ideal(request):
    make, says = READINGS[request.param]
    return make, np.array([says([int(bit) for bit in bits]) for bits in OUTCOMES])


def confusions(seed=1, largest=0.3, n=N):
    """Return confusion matrices [observed, ideal] with different errors everywhere."""
    e0, e1 = np.random.default_rng(seed).uniform(0, largest, (2, n))
    return np.array([[1 - e0, e1], [e0, 1 - e1]]).transpose(2, 0, 1)


def dense(matrices):
    return reduce(np.kron, matrices)


# -- What a shot says


def test_shots_say_what_the_definition_says(make_and_ideal):
    make, ideal = make_and_ideal
    np.testing.assert_allclose(make(None).values(OUTCOMES), ideal, atol=1e-15)


def test_without_errors_nothing_is_corrected(make_and_ideal):
    make, ideal = make_and_ideal
    np.testing.assert_allclose(
        make(np.tile(np.eye(2), (N, 1, 1))).values(OUTCOMES), ideal, atol=1e-15
    )


def test_corrected_shots_are_those_of_the_dense_inverse(make_and_ideal):
    make, ideal = make_and_ideal
    C = confusions()
    values = make(np.linalg.inv(C)).values(OUTCOMES)
    np.testing.assert_allclose(values, np.linalg.inv(dense(C)).T @ ideal, atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_readout_errors_leave_no_trace_in_the_mean(seed):
    C = confusions(seed)
    probabilities = np.random.default_rng(seed).dirichlet(np.full(2**N, 0.3))
    for make, says in READINGS.values():
        ideal = np.array([says([int(bit) for bit in bits]) for bits in OUTCOMES])
        observed = dense(C) @ probabilities
        values = make(np.linalg.inv(C)).values(OUTCOMES)
        np.testing.assert_allclose(observed @ values, probabilities @ ideal, atol=1e-12)


def test_probability_of_zeros_is_a_product_of_inverses():
    inverse = np.linalg.inv(confusions())
    said = HammingReading(WEIGHTS["P(0)"], inverse).values(np.array([[False, True, True, False]]))
    expected = inverse[0, 0, 0] * inverse[1, 0, 1] * inverse[2, 0, 1] * inverse[3, 0, 0]
    np.testing.assert_allclose(said, [[expected]])


def test_when_all_outcomes_count_one_readout_errors_do_not_matter():
    reading = HammingReading(np.ones(N + 1), np.linalg.inv(confusions()))
    np.testing.assert_allclose(reading.values(OUTCOMES), 1)


def test_a_bell_measurement_reads_the_fidelity():
    a, b = cirq.LineQubit.range(2), cirq.LineQubit.range(2, 4)
    random = np.random.default_rng(5)
    states = random.normal(size=(2, 4)) + 1j * random.normal(size=(2, 4))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    pairs = [[cirq.CNOT(p, q), cirq.H(p)] for p, q in zip(a, b, strict=True)]
    state = cirq.Circuit(pairs).final_state_vector(
        initial_state=np.kron(*states), qubit_order=a + b, dtype=np.complex128
    )
    read = abs(state) ** 2 @ BellReading(2).values(OUTCOMES)
    np.testing.assert_allclose(read, [abs(np.vdot(*states)) ** 2], atol=1e-12)


def test_shapes(make_and_ideal):
    make, ideal = make_and_ideal
    assert make(None).values(OUTCOMES[:3]).shape == (3, ideal.shape[1])
    assert make(np.linalg.inv(confusions())).values(OUTCOMES[:0]).shape == (0, ideal.shape[1])


# -- The range of what shots say


@pytest.mark.parametrize("name", READINGS)
def test_bounds_without_readout_errors_are_the_extremes(name):
    make, _ = READINGS[name]
    reading = make(None)
    values = reading.values(OUTCOMES)
    np.testing.assert_allclose(reading.bounds, [values.min(axis=0), values.max(axis=0)])


@pytest.mark.parametrize("name", ["P(0)", "fading", "words"])
@pytest.mark.parametrize("seed", range(5))
def test_bounds_of_corrected_products_are_the_extremes(name, seed):
    make, _ = READINGS[name]
    reading = make(np.linalg.inv(confusions(seed)))
    values = reading.values(OUTCOMES)
    np.testing.assert_allclose(reading.bounds, [values.min(axis=0), values.max(axis=0)])


@pytest.mark.parametrize("name", ["two flips", "any"])
def test_bounds_of_other_weights(name):
    make, _ = READINGS[name]
    equal = make(np.linalg.inv(np.tile([[0.9, 0.2], [0.1, 0.8]], (N, 1, 1))))
    values = equal.values(OUTCOMES)
    np.testing.assert_allclose(equal.bounds, [values.min(axis=0), values.max(axis=0)])
    unequal = make(np.linalg.inv(confusions(largest=0.1)))
    share = np.ptp(unequal.bounds) / np.ptp(unequal.values(OUTCOMES))
    assert 0.8 < share <= 1


def test_bounds_of_a_corrected_bell_reading_are_the_root_mean_square():
    reading = BellReading(2, np.linalg.inv(confusions()))
    extent = np.sqrt((reading.values(OUTCOMES) ** 2).mean())
    np.testing.assert_allclose(reading.bounds, [[-extent], [extent]])


# -- Mean and covariance


@pytest.fixture
def sample():
    counts = Counts(OUTCOMES[[0, 3, 9, 14]], np.array([5, 1, 3, 2]))
    reading = WordReading(SUPPORTS[:3], np.linalg.inv(confusions()))
    return reading.values(counts.outcomes), counts.numbers, reading.bounds


def test_mean_and_covariance_are_those_of_the_shots(sample):
    values, numbers, _ = sample
    shots = np.repeat(values, numbers, axis=0)
    mean, covariance = mean_and_covariance(values, numbers)
    np.testing.assert_allclose(mean, shots.mean(axis=0))
    np.testing.assert_allclose(covariance, np.cov(shots.T) / len(shots))


def test_with_bounds_half_a_shot_is_added_at_each_end(sample):
    values, numbers, bounds = sample
    corners = np.array(list(product(*zip(*bounds, strict=True))))
    rows = np.concatenate([values, corners])
    weights = np.concatenate([numbers, np.full(8, 1 / 8)])
    mean, covariance = mean_and_covariance(values, numbers, bounds)
    np.testing.assert_allclose(mean, mean_and_covariance(values, numbers)[0])
    expected = np.cov(rows.T, aweights=weights, ddof=0) / numbers.sum()
    np.testing.assert_allclose(covariance, expected)


def test_a_single_shot_says_nothing_about_its_error():
    one = np.ones((1, 1)), np.ones(1, int)
    np.testing.assert_array_equal(mean_and_covariance(*one)[1], [[np.nan]])
    assert np.sqrt(mean_and_covariance(*one, (np.zeros(1), np.ones(1)))[1]) == pytest.approx(
        np.sqrt(3) / 4
    )


UNIT = np.zeros(1), np.ones(1)


def smoothed(k, shots):
    values, numbers = np.array([[0.0], [1.0]]), np.array([shots - k, k])
    return mean_and_covariance(values[numbers > 0], numbers[numbers > 0], UNIT)[1].item()


@pytest.mark.parametrize("p", [0.05, 0.1, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("shots", [100, 1000])
def test_the_variance_of_a_proportion_is_right_on_average(p, shots):
    expected = sum(
        binom.pmf(k, shots, p) * smoothed(k, shots)
        for k in range(shots + 1)
        if binom.pmf(k, shots, p) > 1e-12
    )
    assert abs(expected * shots - p * (1 - p)) < 0.5 / shots


@pytest.mark.parametrize("shots", [1, 2, 10, 1000])
def test_shots_that_agree_still_have_an_error(shots):
    assert smoothed(0, shots) == pytest.approx((0.5 * (shots + 0.5)) / (shots + 1) ** 2 / shots)
    assert smoothed(shots, shots) == pytest.approx(smoothed(0, shots))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_variances_with_bounds_are_positive(seed, shots):
    random = np.random.default_rng(seed)
    counts = Counts.from_bits(random.random((shots, N)) < random.random())
    for make, _ in READINGS.values():
        for reading in (make(None), make(np.linalg.inv(confusions(seed)))):
            values = reading.values(counts.outcomes)
            _, covariance = mean_and_covariance(values, counts.numbers, reading.bounds)
            least, most = reading.bounds
            assert (np.diagonal(covariance)[most > least] > 0).all()
            assert np.linalg.eigvalsh(covariance).min() > -1e-12


def test_the_identity_has_no_error():
    reading = WordReading(((), (0,)))
    _, covariance = mean_and_covariance(
        reading.values(OUTCOMES), np.ones(len(OUTCOMES), int), reading.bounds
    )
    assert covariance[0].tolist() == [0, 0]


def test_unseen_zeros_of_a_wide_circuit_are_in_the_error_bar():
    # With errors of 5 % a state of fidelity 1 reads 0ⁿ in 8 of 100 shots, one of 0.1 in none.
    inverse = np.linalg.inv(np.tile([[0.95, 0.05], [0.05, 0.95]], (50, 1, 1)))
    reading = HammingReading(np.eye(1, 51)[0], inverse)
    outcomes = np.random.default_rng(0).random((100, 50)) < 0.5
    _, plain = mean_and_covariance(reading.values(outcomes), np.ones(100, int))
    _, covariance = mean_and_covariance(reading.values(outcomes), np.ones(100, int), reading.bounds)
    assert np.sqrt(plain.item()) < 1e-6
    assert np.sqrt(covariance.item()) == pytest.approx(
        0.95**50 / 0.9**50 / np.sqrt(2) / 100, rel=0.1
    )


def test_wide_bell_readings_keep_sensible_error_bars():
    # Far from the extremes of a shot, which are 1.2^30 here.
    reading = BellReading(30, np.linalg.inv(np.tile([[0.95, 0.05], [0.05, 0.95]], (60, 1, 1))))
    counts = Counts.from_bits(np.random.default_rng(0).random((1000, 60)) < 0.5)
    values = reading.values(counts.outcomes)
    _, plain = mean_and_covariance(values, counts.numbers)
    _, covariance = mean_and_covariance(values, counts.numbers, reading.bounds)
    np.testing.assert_allclose(covariance, plain, rtol=0.01)


# -- Errors


@pytest.mark.parametrize("make", [make for make, _ in READINGS.values()])
def test_inverses_of_another_shape_are_refused(make):
    with pytest.raises(
        ValueError,
        match=r"^expected inverse confusion matrices of shape \(\d, 2, 2\), got \(5, 2\)$",
    ):
        make(np.ones((5, 2)))


@pytest.mark.parametrize("name", ["P(0)", "bell"])
def test_outcomes_of_another_width_are_refused(name):
    with pytest.raises(ValueError, match=r"^expected outcomes of 4 bits, got 3$"):
        READINGS[name][0](None).values(OUTCOMES[:, :3])


def test_words_need_their_bits():
    reading = WordReading(((0, 2),))
    np.testing.assert_allclose(reading.values(OUTCOMES), reading.values(OUTCOMES[:, :3]))
    with pytest.raises(ValueError, match=r"^expected outcomes of at least 3 bits, got 2$"):
        reading.values(OUTCOMES[:, :2])


@pytest.mark.parametrize("support", [(0, 0), (0, 4), (-1,)])
def test_other_supports_are_refused(support):
    with pytest.raises(
        ValueError, match=rf"^expected supports of different bits below 4, got \({support[0]}, ?"
    ):
        WordReading(((1,), support), np.linalg.inv(confusions()))
