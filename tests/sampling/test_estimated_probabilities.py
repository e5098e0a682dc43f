"""Probabilities of outputs from counts: shot by shot, and with dense confusion matrices."""

from functools import reduce

import cirq
import numpy as np
import pytest

from qkernels.sampling.counts import Counts
from qkernels.sampling.estimates import estimate_words
from qkernels.sampling.mitigation import Readout
from qkernels.sampling.probabilities import estimate_probabilities
from qkernels.sampling.readings import mean_and_covariance
from qkernels.sampling.settings import all_z, measurement_settings

QUBITS = cirq.LineQubit.range(3)
READOUT = Readout({q: (0.02 + 0.05 * k, 0.2 - 0.06 * k) for k, q in enumerate(QUBITS)})
INVERSE = READOUT.inverse(QUBITS)
OUTPUTS = np.array([2, 0, 1, 1, 0, 2, 2, 0])
PARITY = np.array([k.bit_count() % 2 for k in range(8)])


def drawn(seed, shots):
    return Counts.from_bits(np.random.default_rng(seed).integers(0, 2, (shots, 3)))


def states_of(counts):
    """Return the basis state of each shot."""
    return np.repeat(counts.outcomes @ [4, 2, 1], counts.numbers)


COUNTS = [drawn(seed, shots) for seed, shots in enumerate([40, 7, 1000])]


def said(inverse, outputs, n_outputs):
    """Return what each outcome says of each output, (8, n_outputs), by one dense matrix."""
    hot = np.eye(n_outputs)[outputs]
    return hot if inverse is None else reduce(np.kron, inverse).T @ hot


@pytest.mark.parametrize("inverse", [None, INVERSE], ids=["plain", "readout"])
def test_means_and_variances_over_all_shots(inverse):
    values, variances = estimate_probabilities(COUNTS, OUTPUTS, 3, inverse)
    for counts, value, variance in zip(COUNTS, values, variances, strict=True):
        shots = said(inverse, OUTPUTS, 3)[states_of(counts)]
        np.testing.assert_allclose(value, shots.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(variance, shots.var(axis=0, ddof=1) / len(shots), atol=1e-12)
    np.testing.assert_allclose(values.sum(axis=1), 1)


@pytest.mark.parametrize("inverse", [None, INVERSE], ids=["plain", "readout"])
@pytest.mark.parametrize("shots", [1, 25])
def test_where_all_shots_say_the_same_half_a_shot_is_added(inverse, shots):
    counts = Counts(np.array([[False, True, True]]), np.array([shots]))
    values, variances = estimate_probabilities([counts], OUTPUTS, 3, inverse)
    table = said(inverse, OUTPUTS, 3)
    bounds = table.min(axis=0), table.max(axis=0)
    mean, covariance = mean_and_covariance(table[[3]], counts.numbers, bounds)
    np.testing.assert_allclose(values[0], mean, atol=1e-12)
    np.testing.assert_allclose(variances[0], np.diag(covariance), atol=1e-12)
    assert (variances > 0).all()


@pytest.mark.parametrize("inverse", [None, INVERSE], ids=["plain", "readout"])
def test_what_is_certain_has_no_error(inverse):
    values, variances = estimate_probabilities(COUNTS, np.full(8, 1), 3, inverse)
    np.testing.assert_allclose(values, np.tile([0.0, 1.0, 0.0], (3, 1)), atol=1e-12)
    np.testing.assert_allclose(variances, 0, atol=1e-30)


@pytest.mark.parametrize("mitigation", [(), (READOUT,)], ids=["plain", "readout"])
def test_parities_are_words_of_z(mitigation):
    word = tuple((k, "Z") for k in range(3))
    certain = Counts(np.array([[True, True, True]]), np.array([9]))
    counts = [*COUNTS, certain]
    read, covariances = estimate_words([[c] for c in counts], QUBITS, [word], all_z(3), mitigation)
    inverse = INVERSE if mitigation else None
    values, variances = estimate_probabilities(counts, PARITY, 2, inverse)
    np.testing.assert_allclose(values, (1 + read * [1, -1]) / 2, atol=1e-12)
    np.testing.assert_allclose(variances, np.tile(covariances[:, 0] / 4, 2), atol=1e-12)


def test_words_of_z_are_read_from_one_setting():
    words = [((0, "Z"),), ((1, "Z"), (3, "Z")), ((0, "Z"), (2, "Z"))]
    np.testing.assert_array_equal(measurement_settings(words, 5), all_z(5))
    np.testing.assert_array_equal(all_z(2), [[2, 2]])
