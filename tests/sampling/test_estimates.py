"""`qkernels.sampling.estimates`: values, errors and intervals, against plain sums over shots."""

from itertools import product

import cirq
import numpy as np
import pytest
from scipy.stats import beta, norm

from qkernels.sampling.circuits import bell_circuit, inversion_circuit, tomography_circuit
from qkernels.sampling.counts import Counts
from qkernels.sampling.estimates import (
    FidelityEstimate,
    estimate_diagonal,
    estimate_fidelities,
    estimate_points,
    estimate_words,
    fidelity_reading,
    inverse_confusion,
    normal_interval,
)
from qkernels.sampling.mitigation import BitFlipTolerance, Depolarizing, HammingWeights, Readout
from qkernels.sampling.readings import mean_and_covariance
from qkernels.sampling.requests import request_diagonal, request_fidelities, request_tomography
from qkernels.sampling.settings import measurement_settings
from tests.reference import ring
from tests.sampling.exact_sampler import depolarized, drawn, exact_counts, misread
from tests.sampling.outcomes import bits, probabilities

MAP = ring(3)
X = np.random.default_rng(4).uniform(-1, 1, (4, 3))
ANGLES = MAP.angles(X)
CIRCUITS = {"inversion": inversion_circuit, "bell": bell_circuit}
ESTIMATORS = pytest.mark.parametrize("estimator", list(CIRCUITS))
QUBITS = {name: build(MAP).program.qubits for name, build in CIRCUITS.items()}
ERRORS = {q: (0.02 + 0.01 * i, 0.09 - 0.01 * i) for i, q in enumerate(QUBITS["bell"])}


def gram(estimator, *, diagonal=True, others=None):
    return request_fidelities(
        CIRCUITS[estimator](MAP),
        ANGLES,
        None if others is None else ANGLES[others],
        100,
        measure_diagonal=diagonal,
        with_rows=diagonal,
        with_columns=diagonal,
    )


def chances(request):
    return probabilities(request.measured.program, request.values())


def fidelities():
    """Return the exact Gram matrix, from the states."""
    simulator = cirq.Simulator(dtype=np.complex128)
    states = [simulator.simulate(MAP.resolve(x)).final_state_vector for x in X]
    return np.array([[abs(np.vdot(a, b)) ** 2 for b in states] for a in states])


def zeros(n_zeros, n_others):
    """Return counts of two bits, so many of them 00."""
    numbers = np.array([n_zeros, n_others])
    outcomes = np.array([[False, False], [True, False]])
    return Counts(outcomes[numbers > 0], numbers[numbers > 0])


# -- Single points


@ESTIMATORS
@pytest.mark.parametrize("mitigation", [(), (Readout(ERRORS),)], ids=["raw", "readout"])
def test_points_at_once_are_points_one_by_one(estimator, mitigation):
    generator = np.random.default_rng(0)
    request = gram(estimator).request
    counts = [drawn(row, shots, generator) for shots, row in enumerate(chances(request), 1)]
    reading = fidelity_reading(QUBITS[estimator], estimator, mitigation)
    means, variances = estimate_points(counts, reading)
    for mean, variance, counted in zip(means, variances, counts, strict=True):
        values = reading.values(counted.outcomes)
        (one,), ((error,),) = mean_and_covariance(values, counted.numbers, reading.bounds)
        np.testing.assert_allclose([mean, variance], [one, error], rtol=1e-12)


def test_no_points():
    means, variances = estimate_points([], fidelity_reading(QUBITS["bell"], "bell", ()))
    assert means.shape == variances.shape == (0,)


def test_variances_of_very_many_repetitions():
    reading = fidelity_reading(cirq.LineQubit.range(2), "inversion", ())
    _, variances = estimate_points([zeros(10**13, 10**13)], reading)
    assert variances[0] == pytest.approx(0.25 / 2e13)


# -- Fidelities


def test_hand_computed_fidelities():
    request = request_fidelities(
        inversion_circuit(ring(2)), np.eye(3, 6), None, 1, measure_diagonal=False
    )
    assert request.request.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    counts = [zeros(3, 1), zeros(0, 5), zeros(2, 0)]
    found = estimate_fidelities(request, counts, "inversion", ())
    # Rows of the identity are sorted backwards.
    np.testing.assert_array_equal(found.values, [[1, 1, 0], [1, 1, 0.75], [0, 0.75, 1]])
    np.testing.assert_array_equal(found.repetitions, [[0, 2, 5], [2, 0, 4], [5, 4, 0]])
    # p(1 - p)/S, half a shot added at each end.
    variances = [[0, 5 / 36 / 2, 11 / 144 / 5], [5 / 72, 0, 21 / 100 / 4], [11 / 720, 21 / 400, 0]]
    np.testing.assert_allclose(found.variances, variances, rtol=1e-12)


def test_a_single_state_that_is_not_measured():
    request = request_fidelities(
        inversion_circuit(MAP), ANGLES[:1], None, 1, measure_diagonal=False
    )
    found = estimate_fidelities(request, [], "inversion", ())
    for values, expected in zip(
        (found.values, found.variances, found.repetitions, *found.interval(0.95)),
        (1, 0, 0, 1, 1),
        strict=True,
    ):
        np.testing.assert_array_equal(values, [[expected]])


@ESTIMATORS
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("others", [None, [2, 0, 0]])
def test_exact_probabilities_give_exact_fidelities(estimator, diagonal, others):
    request = gram(estimator, diagonal=diagonal, others=others)
    counts = list(map(exact_counts, chances(request.request)))
    found = estimate_fidelities(request, counts, estimator, ())
    columns = range(len(X)) if others is None else others
    np.testing.assert_allclose(found.values, fidelities()[:, columns], atol=1e-9)
    assert (found.repetitions == 0).sum() == (0 if diagonal else 4 if others is None else 3)


@ESTIMATORS
@pytest.mark.parametrize("mitigation", [(), (Readout(ERRORS),)], ids=["raw", "readout"])
def test_variances_are_those_of_many_experiments(estimator, mitigation):
    generator = np.random.default_rng(1)
    request = gram(estimator)
    channel = misread(ERRORS)
    rows = [channel(row, QUBITS[estimator]) for row in chances(request.request)]
    found = [
        estimate_fidelities(
            request, [drawn(row, 400, generator) for row in rows], estimator, mitigation
        )
        for _ in range(400)
    ]
    scatter = np.var([one.values for one in found], axis=0)
    stated = np.mean([one.variances for one in found], axis=0)
    np.testing.assert_allclose(stated / scatter, 1, atol=0.35)
    assert np.mean(stated / scatter) == pytest.approx(1, abs=0.05)


# -- Intervals


def estimate(values, kind, variances=0.0, repetitions=100):
    values = np.array(values)
    return FidelityEstimate(
        values, np.full(values.shape, variances), np.full(values.shape, repetitions), kind
    )


def test_intervals_of_counts_are_jeffreys():
    low, high = estimate([[0.25]], "inversion").interval(0.9)
    np.testing.assert_allclose([low[0, 0], high[0, 0]], beta(25.5, 75.5).ppf([0.05, 0.95]))
    low, high = estimate([[0.5]], "bell").interval(0.9)
    expected = 2 * beta(75.5, 25.5).ppf([0.05, 0.95]) - 1
    np.testing.assert_allclose([low[0, 0], high[0, 0]], expected)


def test_intervals_of_corrected_values_are_normal():
    low, high = estimate([[-0.1, 0.4]], "other", variances=0.04).interval(0.95)
    reach = 0.2 * norm.ppf(0.975)
    np.testing.assert_allclose(low, [[-0.1 - reach, 0.4 - reach]])
    np.testing.assert_allclose(high, [[-0.1 + reach, 0.4 + reach]])
    np.testing.assert_array_equal([low, high], normal_interval(np.array([[-0.1, 0.4]]), 0.2, 0.95))


def test_entries_that_were_not_measured_have_no_width():
    found = FidelityEstimate(
        np.array([[1.0, 0.5]]), np.array([[0.0, 0.01]]), np.array([[0, 50]]), "inversion"
    )
    low, high = found.interval(0.95)
    assert low[0, 0] == high[0, 0] == 1
    assert low[0, 1] < 0.5 < high[0, 1]


@pytest.mark.parametrize(
    ("estimator", "mitigation", "kind"),
    [
        ("inversion", (), "inversion"),
        ("bell", (), "bell"),
        ("inversion", (Readout(ERRORS),), "other"),
        ("bell", (Depolarizing("split"),), "other"),
    ],
)
def test_kinds(estimator, mitigation, kind):
    request = gram(estimator)
    counts = list(map(exact_counts, chances(request.request)))
    assert estimate_fidelities(request, counts, estimator, mitigation).kind == kind


# -- Corrections


WEIGHINGS = [BitFlipTolerance(0), BitFlipTolerance(1), BitFlipTolerance(3), HammingWeights(0.7)]


@pytest.mark.parametrize("weighing", WEIGHINGS, ids=repr)
@pytest.mark.parametrize("read", [False, True], ids=["ideal", "misread"])
def test_weights_of_outcomes_are_functionals_of_their_distribution(weighing, read):
    request = gram("inversion")
    rows = chances(request.request)
    g = weighing.weights(3)[bits(3).sum(axis=1)]
    expected = (rows @ g)[request.entries]
    if read:
        rows = [misread(ERRORS)(row, QUBITS["inversion"]) for row in rows]
    mitigation = (Readout(ERRORS), weighing) if read else (weighing,)
    found = estimate_fidelities(request, list(map(exact_counts, rows)), "inversion", mitigation)
    np.testing.assert_allclose(found.values, expected, atol=1e-9)


@ESTIMATORS
@pytest.mark.parametrize("method", ["single", "average", "split"])
@pytest.mark.parametrize("others", [None, [1, 0]])
def test_depolarizing_noise_is_undone(estimator, method, others):
    request = gram(estimator, others=others)
    rows = [depolarized(0.3)(row, ()) for row in chances(request.request)]
    counts = list(map(exact_counts, rows))
    raw = estimate_fidelities(request, counts, estimator, ()).values
    found = estimate_fidelities(request, counts, estimator, (Depolarizing(method),)).values
    expected = fidelities()[:, slice(None) if others is None else others]
    assert np.abs(raw - expected).max() > 0.2
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_split_depolarizing_undoes_noise_of_each_state():
    request, own = gram("inversion"), np.array([0.05, 0.1, 0.3, 0.2])
    kept = np.empty(len(request.request))
    kept[request.entries] = np.outer(1 - own, 1 - own)
    rows = kept[:, None] * chances(request.request) + (1 - kept[:, None]) / 8
    counts = list(map(exact_counts, rows))
    found = estimate_fidelities(request, counts, "inversion", (Depolarizing("split"),))
    np.testing.assert_allclose(found.values, fidelities(), atol=1e-9)
    average = estimate_fidelities(request, counts, "inversion", (Depolarizing("average"),))
    assert np.abs(average.values - fidelities()).max() > 0.1


@pytest.mark.parametrize(
    ("estimator", "mitigation"),
    [
        ("inversion", ()),
        ("inversion", (HammingWeights(0.5),)),
        ("inversion", (Readout(ERRORS), BitFlipTolerance(1), Depolarizing("average"))),
        ("inversion", (Depolarizing("single"),)),
        ("inversion", (Depolarizing("split"),)),
        ("bell", (Readout(ERRORS), Depolarizing("single"))),
    ],
    ids=repr,
)
def test_the_diagonal_alone_is_that_of_the_matrix(estimator, mitigation):
    twice = [0, 1, 1, 2]
    matrix = request_fidelities(
        CIRCUITS[estimator](MAP),
        ANGLES[twice],
        None,
        1,
        measure_diagonal=True,
        with_rows=True,
        with_columns=True,
    )
    diagonal = request_diagonal(CIRCUITS[estimator](MAP), ANGLES[twice], 1)
    generator = np.random.default_rng(3)
    drawn_once = {}
    for request in (matrix.request, diagonal.request):
        for key, row in zip(request.keys(""), chances(request), strict=True):
            drawn_once.setdefault(key, drawn(depolarized(0.2)(row, ()), 500, generator))
    counts = [[drawn_once[k] for k in r.request.keys("")] for r in (matrix, diagonal)]
    expected = np.diag(estimate_fidelities(matrix, counts[0], estimator, mitigation).values)
    kept = [item for item in mitigation if not isinstance(item, Depolarizing)]
    last = next((item for item in mitigation if isinstance(item, Depolarizing)), None)
    found = estimate_diagonal(diagonal, counts[1], estimator, kept, last)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_readout_errors_of_a_qubit_that_is_measured_must_be_known():
    a, b = cirq.LineQubit.range(2)
    assert inverse_confusion([a, b], ()) is None
    with pytest.raises(ValueError, match=r"got none of q\(1\); there are those of q\(0\)$"):
        inverse_confusion([a, b], (Readout({a: (0.1, 0.1)}),))


# -- Pauli words


WORDS = [((0, "X"),), ((1, "Z"),), ((0, "X"), (2, "Y")), ((1, "Z"), (2, "Y")), ((2, "Z"),)]
SETTINGS = np.array([[0, 2, 1], [0, 2, 2], [1, 2, 2]])
TOMOGRAPHY = tomography_circuit(MAP)


def tomography():
    return request_tomography(TOMOGRAPHY, ANGLES, SETTINGS, 1)


def signs(word):
    """Return what each outcome says of a word that is read from its setting."""
    return np.prod([1 - 2 * bits(3)[:, place].astype(int) for place, _ in word], axis=0)


def legible(word, setting):
    return all("XYZ"[setting[place]] == letter for place, letter in word)


def test_words_are_means_over_all_shots_that_read_them():
    generator = np.random.default_rng(5)
    shots = [5, 8, 1]
    counts = [Counts.from_bits(generator.integers(0, 2, (n, 3))) for n in shots]
    values, covariances = estimate_words([counts], TOMOGRAPHY.program.qubits, WORDS, SETTINGS, ())
    for word, value in zip(WORDS, values[0], strict=True):
        read = [
            np.prod([(-1.0) ** outcome[place] for place, _ in word])
            for setting, counted in zip(SETTINGS, counts, strict=True)
            if legible(word, setting)
            for outcome in np.repeat(counted.outcomes, counted.numbers, axis=0)
        ]
        assert value == pytest.approx(np.mean(read))
    np.testing.assert_allclose(covariances[0], covariances[0].T, atol=1e-15)
    # X0 Y2 and Z1 Y2 are read together from the first setting only.
    first = [signs(word)[bits_of(counts[0])] for word in (WORDS[2], WORDS[3])]
    expected = np.cov(np.repeat(first, counts[0].numbers, axis=1)) / 5
    np.testing.assert_allclose(covariances[0, 2:4, 2:4], expected, atol=1e-14)
    # Z1 is read from all three settings, Z1 Y2 from the first: 5 of 14 shots are shared.
    one, both = signs(WORDS[1])[bits_of(counts[0])], first[1]
    shared = np.cov(np.repeat([one, both], counts[0].numbers, axis=1))[0, 1] / 5
    assert covariances[0, 1, 3] == pytest.approx(5 / 14 * shared)
    assert covariances[0, 2, 4] == 0  # not read together


def bits_of(counts):
    return counts.outcomes @ [4, 2, 1]


def test_exact_probabilities_give_exact_words():
    request = tomography()
    counts = list(map(exact_counts, chances(request.request)))
    rows = [[counts[place] for place in row] for row in request.rows]
    values, covariances = estimate_words(rows, TOMOGRAPHY.program.qubits, WORDS, SETTINGS, ())
    simulator = cirq.Simulator(dtype=np.complex128)
    paulis = [
        cirq.PauliString({MAP.qubits[place]: letter for place, letter in word}) for word in WORDS
    ]
    expected = simulator.simulate_expectation_values_sweep(
        MAP.circuit,
        paulis,
        [dict(zip(MAP.feature_symbols, map(float, x), strict=True)) for x in X],
    )
    np.testing.assert_allclose(values, np.real(expected), atol=1e-9)
    assert np.abs(covariances).max() < 1e-12


@pytest.mark.parametrize("mitigation", [(), (Readout(ERRORS),)], ids=["raw", "readout"])
def test_covariances_are_those_of_many_experiments(mitigation):
    generator = np.random.default_rng(2)
    qubits = TOMOGRAPHY.program.qubits
    request = request_tomography(TOMOGRAPHY, ANGLES[:1], SETTINGS, 1)
    rows = [misread(ERRORS)(row, qubits) for row in chances(request.request)]
    samples = [[drawn(row, 300, generator) for row in rows] for _ in range(3000)]
    values, covariances = estimate_words(samples, qubits, WORDS, SETTINGS, mitigation)
    expected = np.cov(values.T)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(covariances.mean(axis=0) / scale, expected / scale, atol=0.08)


@pytest.mark.parametrize("mitigation", [(), (Readout(ERRORS),)], ids=["raw", "readout"])
def test_shots_that_all_say_the_same_have_an_error_still(mitigation):
    # Qubit 0 is always read as 0. The numbers are such that the mean of the corrected shots is not
    # exactly what each of them says.
    qubits, word = TOMOGRAPHY.program.qubits, ((0, "X"),)
    for n in range(1, 40):
        counts = Counts(np.array([[0, 0, 0], [0, 1, 0]], dtype=bool), np.array([n, 2 * n + 1]))
        settings = np.array([[0, 0, 0]])
        _, covariances = estimate_words([[counts]], qubits, [word], settings, mitigation)
        assert 0.3 / n < np.sqrt(covariances[0, 0, 0]) * 3 < 3 / n


def test_a_single_shot_has_an_error_of_the_order_of_one():
    counts = Counts.from_bits(np.array([[0, 1, 0]]))
    values, covariances = estimate_words(
        [[counts] * 3], TOMOGRAPHY.program.qubits, [((0, "X"), (2, "Y"))], SETTINGS, ()
    )
    assert values[0, 0] == 1
    assert 0.5 < covariances[0, 0, 0] < 1


def test_all_words_of_two_letters_are_read():
    words = [
        ((p, a), (q, b)) for p, q in [(0, 1), (0, 2), (1, 2)] for a, b in product("XYZ", repeat=2)
    ]
    settings = measurement_settings(words, 3)
    counts = [[Counts.from_bits(np.eye(3))] * len(settings)]
    values, _ = estimate_words(counts, TOMOGRAPHY.program.qubits, words, settings, ())
    np.testing.assert_allclose(values, -1 / 3)
