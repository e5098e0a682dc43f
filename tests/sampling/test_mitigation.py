"""`qkernels.sampling.mitigation`: noise that is known exactly, undone; errors carried by hand."""

import pickle
import re
from copy import deepcopy

import cirq
import numpy as np
import pytest

from qkernels.sampling.mitigation import (
    BitFlipTolerance,
    Depolarizing,
    HammingWeights,
    Readout,
    UnbiasedDistances,
    background,
    check_mitigation,
)
from qkernels.sampling.readings import HammingReading, WordReading, mean_and_covariance

A, B, C = cirq.LineQubit.range(3)
ERRORS = {A: (0.02, 0.2), B: (0.1, 0.05)}
ITEMS = [
    Readout(ERRORS),
    BitFlipTolerance(2),
    HammingWeights(0.5),
    Depolarizing("split"),
    UnbiasedDistances(),
]
METHODS = ["single", "average", "split"]


# -- Small values


@pytest.mark.parametrize("item", ITEMS, ids=repr)
def test_equal_by_content(item):
    copies = [deepcopy(item), pickle.loads(pickle.dumps(item)), eval(repr(item))]
    assert all(copy == item and hash(copy) == hash(item) for copy in copies)
    assert sum(item == other for other in ITEMS) == 1


def test_the_order_of_errors_does_not_matter():
    turned = Readout(dict(reversed(ERRORS.items())))
    assert (turned, hash(turned)) == (Readout(ERRORS), hash(Readout(ERRORS)))
    assert Readout({A: (0.2, 0.02), B: (0.1, 0.05)}) != turned


# -- Readout errors


class AsymmetricReadout(cirq.NoiseModel):
    """Qubits relax or are excited just before they are measured: errors of `ERRORS`."""

    def noisy_operation(self, operation):
        if not cirq.is_measurement(operation):
            return operation
        errors = [(qubit, *ERRORS[qubit]) for qubit in operation.qubits]
        damp = cirq.generalized_amplitude_damp
        return [*(damp(e1 / (e0 + e1), e0 + e1)(q) for q, e0, e1 in errors), operation]


@pytest.fixture(scope="module")
def sampler():
    return cirq.DensityMatrixSimulator(noise=AsymmetricReadout(), seed=3)


def assert_close_to_errors(readout):
    for qubit, errors in readout.errors:
        np.testing.assert_allclose(errors, ERRORS[qubit], atol=0.015)


@pytest.fixture(scope="module")
def measured(sampler):
    return cirq.measure_confusion_matrix(sampler, [[A], [B]], repetitions=10_000)


def test_measured_confusion_matrices_have_rows_for_what_was_prepared(measured):
    assert_close_to_errors(Readout(measured))


def confusion(*matrices, qubits):
    return cirq.TensoredConfusionMatrices(matrices, qubits, repetitions=1, timestamp=0)


def test_confusion_matrices_with_columns_for_what_was_prepared(measured):
    turned = [matrix.T for matrix in measured.confusion_matrices]
    assert Readout(confusion(*turned, qubits=[[A], [B]])) == Readout(measured)


def test_calibration_results(sampler):
    result = cirq.experiments.estimate_parallel_single_qubit_readout_errors(
        sampler, qubits=[A, B], repetitions=10_000, trials=20
    )
    assert_close_to_errors(Readout(result))


def test_expectations_of_a_noisy_device_are_corrected(sampler, measured):
    circuit = cirq.Circuit(cirq.X(A), cirq.ry(1.0)(B), cirq.measure(A, B, key="m"))
    bits = sampler.run(circuit, repetitions=20_000).measurements["m"].astype(bool)
    inverse = Readout(measured).inverse([A, B])
    reading = WordReading(((0,), (1,), (0, 1)), inverse)
    mean, covariance = mean_and_covariance(reading.values(bits), np.ones(len(bits), int))
    exact = [-1, np.cos(1), -np.cos(1)]
    assert (abs(mean - exact) < 5 * np.sqrt(np.diagonal(covariance)) + 0.02).all()
    # What chaining the wrong orientation gave was 0.09 off.
    assert abs(mean[0] + 1) < 0.03


def test_inverse_undoes_confusion():
    for qubits in ([A, B], [B, A], [B], []):
        inverse = Readout(ERRORS).inverse(qubits)
        assert inverse.shape == (len(qubits), 2, 2)
        for one, qubit in zip(inverse, qubits, strict=True):
            e0, e1 = ERRORS[qubit]
            np.testing.assert_allclose(one @ [[1 - e0, e1], [e0, 1 - e1]], np.eye(2), atol=1e-15)
    np.testing.assert_array_equal(Readout({A: (0, 0)}).inverse([A]), [np.eye(2)])


def test_qubits_without_errors_are_named():
    text = r"got none of q\(2\); there are those of q\(0\), q\(1\)$"
    with pytest.raises(
        ValueError, match=f"^expected readout errors of every measured qubit, {text}"
    ):
        Readout(ERRORS).inverse([A, C])


@pytest.mark.parametrize("pair", [(0.5, 0.5), (1, 1), (1, 0)])
def test_errors_that_cannot_be_undone(pair):
    text = r"less than 1, got \(.*\) on q\(0\), which cannot be undone$"
    with pytest.raises(ValueError, match=f"^expected readout errors that add up to {text}"):
        Readout({A: pair, B: (0, 0)}).inverse([B, A])


@pytest.mark.parametrize("pair", [(0.1,), 0.1, (-0.1, 0), (0, 1.1), (np.nan, 0), "01", None])
def test_errors_are_probabilities(pair):
    text = f"errors: expected the probabilities (P(1|0), P(0|1)) of q(0), got {pair!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Readout({A: pair})


@pytest.mark.parametrize("errors", [None, [(A, (0.1, 0.1))], {"a": (0.1, 0.1)}, 0.1])
def test_errors_of_other_types(errors):
    with pytest.raises(TypeError, match=r"^errors: expected a mapping from qubits to .*, got "):
        Readout(errors)


@pytest.mark.parametrize(
    ("matrix", "qubits", "text"),
    [
        (np.eye(4), [A, B], "for each qubit by itself, got one for q(0), q(1); cirq.measure_conf"),
        (
            np.array([[0.9, 0.2], [0.2, 0.9]]),
            [A],
            "whose rows or columns sum to 1, got [[0.9, 0.2], [0.2, 0.9]] for q(0)",
        ),
    ],
)
def test_other_confusion_matrices_are_refused(matrix, qubits, text):
    text = re.escape(f"errors: expected a confusion matrix {text}")
    with pytest.raises(ValueError, match=f"^{text}"):
        Readout(confusion(matrix, qubits=[qubits]))


# -- Weights of outcomes


def test_weights_by_hand():
    np.testing.assert_array_equal(BitFlipTolerance(0).weights(3), [1, 0, 0, 0])
    np.testing.assert_array_equal(BitFlipTolerance(2).weights(3), [1, 1, 1, 0])
    np.testing.assert_array_equal(BitFlipTolerance(3).weights(3), [1, 1, 1, 1])
    np.testing.assert_allclose(HammingWeights(0.5).weights(2), [1, np.exp(-2), np.exp(-4)])


@pytest.mark.parametrize("h", [-1, 1.0, True, "2", None])
def test_tolerance_is_a_whole_number(h):
    with pytest.raises(ValueError, match=r"^expected h to be an integer of at least 0, got "):
        BitFlipTolerance(h)


def test_tolerance_is_at_most_the_width():
    with pytest.raises(ValueError, match=r"^expected h of at most 2, the measured qubits, got 3$"):
        BitFlipTolerance(3).weights(2)


@pytest.mark.parametrize("tau", [0, -1.0, np.inf, np.nan, "1", None, True])
def test_tau_is_a_positive_number(tau):
    text = f"expected tau to be (positive|a finite real number), got {tau!r}"
    with pytest.raises(ValueError, match=f"^{text}$"):
        HammingWeights(tau)


@pytest.mark.parametrize("item", [BitFlipTolerance(0), BitFlipTolerance(2), HammingWeights(1.5)])
def test_background_is_what_uniform_outcomes_read(item):
    outcomes = (np.arange(32)[:, None] >> np.arange(5)) % 2 == 1
    values = HammingReading(item.weights(5)).values(outcomes)
    assert background(item.weights(5)) == pytest.approx(values.mean(), rel=1e-12)


def test_background_by_hand():
    assert background(BitFlipTolerance(0).weights(4)) == 1 / 16
    assert background(BitFlipTolerance(4).weights(4)) == 1
    assert background(HammingWeights(2.0).weights(200)) == pytest.approx(
        ((1 + np.exp(-0.5)) / 2) ** 200, rel=1e-12
    )
    assert background(BitFlipTolerance(1000).weights(2000)) == pytest.approx(0.5, abs=0.01)


# -- Depolarizing noise

N, M, WIDTH = 4, 3, 3
FLOOR = 1 / 2**WIDTH


def states(n, seed):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 2**WIDTH)) + 1j * random.normal(size=(n, 2**WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.einsum("ni,nj->nij", vectors, vectors.conj())


def overlaps(a, b):
    return np.einsum("nij,mji->nm", a, b).real


def depolarized(rho, strengths):
    strengths = np.asarray(strengths)[:, None, None]
    return (1 - strengths) * rho + strengths * np.eye(2**WIDTH) * FLOOR


def with_variances(values, seed=2):
    return values, np.random.default_rng(seed).uniform(1e-4, 3e-4, np.shape(values))


def gram(strengths, method):
    """Return a depolarized Gram matrix, and the same after correction."""
    rho = depolarized(states(N, 1), strengths)
    K, variance = with_variances(overlaps(rho, rho))
    sides = (K.diagonal(), variance.diagonal()), None
    return K, Depolarizing(method).correct(K, variance, *sides, FLOOR, symmetric=True)


@pytest.mark.parametrize(
    ("method", "strengths"),
    [("split", [0.1, 0.3, 0.0, 0.5]), *((method, [0.2] * N) for method in METHODS)],
)
def test_depolarizing_channels_are_undone(method, strengths):
    _, (corrected, _) = gram(strengths, method)
    np.testing.assert_allclose(corrected, overlaps(states(N, 1), states(N, 1)), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_train_and_test_are_corrected_by_the_same_rule(method):
    # Whatever the test points' noise, "single" and "average" look at training points only.
    train, test = (0.1, 0.3, 0.0, 0.5), (0.2, 0.4, 0.1)
    a, b = depolarized(states(N, 1), train), depolarized(states(M, 7), test)
    K, variance = with_variances(overlaps(b, a))
    of_train, of_test = (with_variances(overlaps(rho, rho).diagonal()) for rho in (a, b))
    rows = of_test if method == "split" else None
    corrected, _ = Depolarizing(method).correct(K, variance, rows, of_train, FLOOR, symmetric=False)
    if method == "split":
        expected = overlaps(states(M, 7), states(N, 1))
    else:
        G, (mended, _) = gram(train, method)
        expected = np.polyval(np.polyfit(G.ravel(), mended.ravel(), 1), K)
    np.testing.assert_allclose(corrected, expected, atol=1e-12)


@pytest.mark.parametrize("method", ["single", "average"])
def test_some_columns_are_corrected_as_all_are(method):
    K, variance = with_variances(overlaps(states(M, 7), states(N, 1)) * 0.8)
    sides = None, with_variances(np.array([0.8, 0.9, 0.85, 0.7])), FLOOR
    correct = Depolarizing(method).correct
    whole = np.array(correct(K, variance, *sides, symmetric=False))
    part = correct(K[:, 1:3], variance[:, 1:3], *sides, symmetric=False)
    np.testing.assert_allclose(part, whole[:, :, 1:3])


def test_by_hand():
    # B = 1/4: λ̂ is 0.4 and 0.2, their mean 0.3.
    K = np.array([[0.7, 0.4], [0.4, 0.85]])
    sides = (K.diagonal(), np.zeros(2)), None
    for method, strength in [("single", 0.4), ("average", 0.3), ("split", 1 - np.sqrt(0.48))]:
        item = Depolarizing(method)
        corrected, _ = item.correct(K, np.zeros((2, 2)), *sides, 0.25, symmetric=True)
        np.testing.assert_allclose(corrected[0, 1], (0.4 - strength / 4) / (1 - strength))


def test_the_diagonal_of_split_is_exactly_one():
    _, (corrected, variance) = gram([0.1, 0.3, 0.0, 0.5], "split")
    np.testing.assert_array_equal(corrected.diagonal(), 1)
    np.testing.assert_array_equal(variance.diagonal(), 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("floor", [FLOOR, 0.3])
def test_a_diagonal_of_ones_asks_for_nothing(method, floor):
    K, variance = with_variances(overlaps(states(N, 1), states(N, 1)))
    np.fill_diagonal(K, 1)
    np.fill_diagonal(variance, 0)
    diagonal = np.ones(N), np.zeros(N)
    result = Depolarizing(method).correct(K, variance, diagonal, None, floor, symmetric=True)
    np.testing.assert_array_equal(result, (K, variance))


def paper(method, K, rows, columns, floor):
    """Return the correction in the words of the paper."""
    one = 1 - (1 - columns) / (1 - floor)
    if method == "split":
        other = 1 - (1 - rows) / (1 - floor)
        a, b = 1 - np.sqrt(other)[:, None], 1 - np.sqrt(one)[None, :]
        strength = a + b - a * b
    else:
        strength = 1 - (one[0] if method == "single" else one.mean())
    return (K - strength * floor) / (1 - strength)


def carried(function, inputs, variances):
    """Return the variances of a function of independent inputs, by central differences."""
    total, step = 0.0, 1e-6
    for k, variance in enumerate(variances):
        shift = step * (np.arange(len(inputs)) == k)
        slope = (function(inputs + shift) - function(inputs - shift)) / (2 * step)
        total = total + variance * slope**2
    return total


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("floor", [FLOOR, 0.4])
def test_variances_of_a_gram_matrix(method, floor):
    random = np.random.default_rng(4)
    upper = np.triu_indices(N)

    def matrix(entries):
        K = np.zeros((N, N))
        K[upper] = K.T[upper] = entries
        return K

    K = matrix(random.uniform(0.1, 0.9, len(upper[0])))
    np.fill_diagonal(K, random.uniform(0.7, 0.95, N))
    entries, variances = with_variances(K[upper])

    def corrected(entries):
        K = matrix(entries)
        return paper(method, K, K.diagonal(), K.diagonal(), floor)

    v = matrix(variances)
    diagonal = K.diagonal(), v.diagonal()
    values, spread = Depolarizing(method).correct(K, v, diagonal, None, floor, symmetric=True)
    np.testing.assert_allclose(values, corrected(entries), atol=1e-12)
    np.testing.assert_allclose(spread, carried(corrected, entries, variances), 1e-6, 1e-12)
    assert (spread >= 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("floor", [FLOOR, 0.4])
def test_variances_of_test_against_train(method, floor):
    random = np.random.default_rng(5)
    inputs, variances = with_variances(
        np.concatenate([random.uniform(0.1, 0.9, M * N), random.uniform(0.7, 0.95, M + N)])
    )

    def apart(values):
        K, rows, columns = np.split(values, [M * N, M * N + M])
        return K.reshape(M, N), rows, columns

    def corrected(values):
        return paper(method, *apart(values), floor)

    (K, rows, columns), (v, v_rows, v_columns) = apart(inputs), apart(variances)
    values, spread = Depolarizing(method).correct(
        K, v, (rows, v_rows), (columns, v_columns), floor, symmetric=False
    )
    np.testing.assert_allclose(values, corrected(inputs), atol=1e-12)
    np.testing.assert_allclose(spread, carried(corrected, inputs, variances), rtol=1e-6)


GOOD = np.array([0.9, 0.8]), np.zeros(2)
ENTRIES = np.full((2, 2), 0.5), np.zeros((2, 2))


@pytest.mark.parametrize("value", [0.25, -0.1, np.nan])
def test_a_diagonal_in_the_background_is_refused(value):
    bad = np.array([0.9, value]), np.zeros(2)
    text = (
        r"^Depolarizing\(method='{}'\): expected diagonal entries above 0.25, which is what pure "
        rf"noise reads, got {value} at index 1 of the {{}}; measure it with more repetitions, or "
    )
    for method, sides, word, symmetric in [
        ("split", (bad, None), "rows", True),
        ("split", (bad, GOOD), "rows", False),
        ("split", (GOOD, bad), "columns", False),
        ("average", (None, bad), "columns", False),
    ]:
        with pytest.raises(ValueError, match=text.format(method, word)):
            Depolarizing(method).correct(*ENTRIES, *sides, 0.25, symmetric=symmetric)
    Depolarizing("single").correct(*ENTRIES, None, bad, 0.25, symmetric=False)


@pytest.mark.parametrize(
    ("method", "sides", "word", "symmetric"),
    [
        ("split", (None, GOOD), "rows", False),
        ("split", (GOOD, None), "columns", False),
        ("average", (GOOD, None), "columns", False),
        ("single", (None, None), "rows", True),
    ],
)
def test_a_diagonal_that_was_not_measured_is_refused(method, sides, word, symmetric):
    text = (
        f"{Depolarizing(method)}: expected measured diagonal entries of the {word}, got none; the "
        "noise cannot be told from a diagonal that is taken to be 1"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Depolarizing(method).correct(*ENTRIES, *sides, 0.25, symmetric=symmetric)


def test_methods():
    text = re.escape("method: expected one of ['single', 'average', 'split'], got 'mean'")
    with pytest.raises(ValueError, match=f"^{text}$"):
        Depolarizing("mean")


# -- Lists of mitigations

READOUT, TOLERANCE, FADING, NOISE, UNBIASED = ITEMS


@pytest.mark.parametrize(
    ("items", "kind", "expected"),
    [
        ([], "inversion", ()),
        ([NOISE, TOLERANCE, READOUT], "inversion", (READOUT, TOLERANCE, NOISE)),
        ((NOISE, FADING), "inversion", (FADING, NOISE)),
        (iter([NOISE, READOUT]), "bell", (READOUT, NOISE)),
        ([UNBIASED, READOUT], "expectations", (READOUT, UNBIASED)),
    ],
)
def test_mitigations_come_in_the_order_of_application(items, kind, expected):
    assert check_mitigation(items, kind=kind) == expected


@pytest.mark.parametrize(
    ("item", "kind", "text"),
    [
        (TOLERANCE, "bell", "BitFlipTolerance(h=2) applies to 'inversion', got 'bell': only there"),
        (FADING, "expectations", "HammingWeights(tau=0.5) applies to 'inversion', got 'expect"),
        (
            NOISE,
            "expectations",
            "Depolarizing(method='split') applies to 'inversion' and 'bell', got 'expectations': "
            "expectation values have no diagonal that tells the noise",
        ),
        (
            UNBIASED,
            "bell",
            "UnbiasedDistances() applies to 'expectations', got 'bell': fidelities have no "
            "projected distances",
        ),
    ],
)
def test_what_does_not_apply_is_refused_with_the_reason(item, kind, text):
    with pytest.raises(ValueError, match="^mitigation: " + re.escape(text)):
        check_mitigation([READOUT, item], kind=kind)


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([NOISE, Depolarizing("single")], "at most one Depolarizing, got (Depolarizing("),
        (
            [FADING, TOLERANCE],
            "BitFlipTolerance or HammingWeights, which both say what an outcome counts, got "
            "(HammingWeights(tau=0.5), BitFlipTolerance(h=2))",
        ),
    ],
)
def test_what_excludes_each_other(items, text):
    with pytest.raises(ValueError, match="^mitigation: expected " + re.escape(text)):
        check_mitigation(items, kind="inversion")


@pytest.mark.parametrize("item", ["readout", Readout, None])
def test_other_objects_are_refused(item):
    text = r"objects of Readout, .*, UnbiasedDistances, got .* of type \w+$"
    with pytest.raises(TypeError, match=f"^mitigation: expected {text}"):
        check_mitigation([item], kind="bell")


@pytest.mark.parametrize("items", ["readout", READOUT, None])
def test_mitigations_come_in_a_list(items):
    with pytest.raises(TypeError, match=r"^mitigation: expected a list of mitigations, got "):
        check_mitigation(items, kind="bell")


def test_kinds():
    text = re.escape("kind: expected one of ['inversion', 'bell', 'expectations'], got 'swap'")
    with pytest.raises(ValueError, match=f"^{text}$"):
        check_mitigation([], kind="swap")
