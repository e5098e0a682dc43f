"""Kernels that weigh Pauli words: their ends, and a dense sum over all words."""

from functools import reduce
from itertools import product

import cirq
import numpy as np
import pytest
from sklearn.svm import SVC

import qkernels as qk
from qkernels.kernels import pauli_weighted

X = np.random.default_rng(0).uniform(size=(6, 3))
MAP = qk.feature_maps.zz(3)
PAULIS = [np.eye(2), *map(cirq.unitary, (cirq.X, cirq.Y, cirq.Z))]


def dense(weights):
    """Return 2^-n Σ_P w(|P|) ⟨P⟩ ⟨P⟩′ with matrices of all words."""
    K = np.zeros((len(X), len(X)))
    states = [cirq.final_state_vector(MAP.resolve(x), dtype=np.complex128) for x in X]
    for letters in product(range(4), repeat=3):
        size = sum(letter > 0 for letter in letters)
        word = reduce(np.kron, (PAULIS[letter] for letter in letters))
        values = np.array([(s.conj() @ word @ s).real for s in states])
        K += (weights[size] if size < len(weights) else 0) * np.outer(values, values) / 8
    return K


@pytest.mark.parametrize(
    "weights", [[1, 1, 1, 1], [1, 0.5, 0.25, 0.125], [0, 1], [0, 0, 2], [3], [1, 0, 0, 1]]
)
def test_the_sum_over_all_words(weights):
    np.testing.assert_allclose(pauli_weighted(MAP, weights)(X), dense(weights), atol=1e-12)


def test_all_words_alike_are_the_fidelity():
    kernel = pauli_weighted(MAP, [1, 1, 1, 1], bandwidth=0.3)
    expected = qk.FidelityKernel(MAP, bandwidth=0.3)(X)
    np.testing.assert_allclose(kernel(X), expected, rtol=0, atol=1e-12)


def test_single_qubits_are_the_linear_kernel_of_their_density_matrices():
    """Tr ρ ρ′ = (1 + r·r′) / 2 of each qubit: the words on no qubit count n times."""
    n = 3
    kernel = pauli_weighted(MAP, [n, 1])
    r = qk.ProjectedFeatures(MAP).fit_transform(X) * np.sqrt(2)
    np.testing.assert_allclose(kernel(X) * 2**n / 2, (n + r @ r.T) / 2, atol=1e-12)


def test_scikit_learn_takes_them():
    y = X[:, 0] > 0.5
    assert SVC(kernel=pauli_weighted(MAP, [1, 1])).fit(X, y).predict(X).shape == (6,)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1] * 5, r"weights: expected 1 to 4 numbers, for words on 0 to 3 qubits, got shape \(5,"),
        ([], r"weights: expected 1 to 4 numbers"),
        ([[1, 1]], r"weights: expected 1 to 4 numbers"),
        (
            [1, -1],
            r"weights: expected finite numbers, none negative and .*, got \[1.0, -1.0",
        ),
        ([0, 0], r"weights: expected finite numbers, none negative and .*, got \[0.0, 0.0"),
        (
            [np.nan, 1],
            r"weights: expected finite numbers, none negative and one positive, got",
        ),
    ],
)
def test_weights_that_are_none(weights, message):
    with pytest.raises(ValueError, match=message):
        pauli_weighted(MAP, weights)


def test_maps_that_are_none():
    with pytest.raises(TypeError, match="feature_map: expected a FeatureMap, got 'zz'"):
        pauli_weighted("zz", [1, 1])
