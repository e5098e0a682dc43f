"""`ground_states`: against a Hamiltonian built gate by gate, dualities, and limits."""

from __future__ import annotations

import cirq
import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

import qkernels as qk
from qkernels import datasets

N = 8
QUBITS = cirq.LineQubit.range(N)


@pytest.fixture(scope="module")
def drawn():
    return datasets.ground_states(12, random_state=3, return_X_y=False)


def word(letters: dict[int, str]) -> np.ndarray:
    """Return the matrix of a Pauli word, as a Kronecker product."""
    matrices = {"I": np.eye(2), "X": cirq.unitary(cirq.X), "Z": cirq.unitary(cirq.Z)}
    product = np.eye(1)
    for qubit in range(N):
        product = np.kron(product, matrices[letters.get(qubit, "I")].real)
    return product


def hamiltonian(h1: float, h2: float) -> np.ndarray:
    ring = [(i, (i + 1) % N, (i + 2) % N) for i in range(N)]
    return -sum(
        word({i: "Z", j: "X", k: "Z"}) + h1 * word({i: "X"}) + h2 * word({i: "X", j: "X"})
        for i, j, k in ring
    )


class Pinned(np.random.RandomState):
    """Draws the couplings that it was made with."""

    def __init__(self, *couplings):
        super().__init__(0)
        self.couplings = couplings

    def uniform(self, low, high, size):
        assert size == (len(self.couplings), 2)
        return np.array(self.couplings) / 1.6


def pinned(*couplings):
    """Return the ground states at these couplings, in place of random ones."""
    return datasets.ground_states(len(couplings), Pinned(*couplings), return_X_y=False)


def test_states_are_ground_states(drawn):
    for state, (h1, h2) in zip(drawn.data[:4], drawn.couplings, strict=False):
        H = hamiltonian(h1, h2)
        energies = eigsh(H, k=2, which="SA", return_eigenvectors=False)
        assert np.linalg.norm(state) == pytest.approx(1)
        np.testing.assert_allclose(H @ state, min(energies) * state, atol=1e-10)
        assert max(energies) - min(energies) > 0.05
        assert state[np.argmax(np.abs(state))] > 0


def test_labels_compare_string_orders(drawn):
    topological = word({0: "Z", 1: "X", 3: "X", 4: "Z"})
    trivial = word({1: "X", 3: "X"})
    for state, orders, label in zip(drawn.data, drawn.string_orders, drawn.target, strict=True):
        expected = [abs(state @ word @ state) for word in (topological, trivial)]
        np.testing.assert_allclose(orders, expected, atol=1e-12)
        assert label == (1 if expected[0] > expected[1] else -1)


def test_couplings_fill_their_range():
    couplings = datasets.ground_states(40, random_state=0, return_X_y=False).couplings
    low, high = couplings.min(axis=0), couplings.max(axis=0)
    assert np.all((low >= [0, -1.6]) & (low < [0.3, -1.2]))
    assert np.all((high < 1.6) & (high > 1.2))


def test_the_phase_changes_where_the_chain_is_self_dual():
    fields = [0.4, 0.999, 1.001, 1 / 0.4]
    at = pinned(*((h, 0.0) for h in fields))
    assert at.target.tolist() == [1, 1, -1, -1]
    np.testing.assert_allclose(at.string_orders[0], at.string_orders[3][::-1], atol=1e-9)
    # Controlled-Z gates on the ring take one ground state to the other.
    bits = (np.arange(2**N)[:, np.newaxis] >> np.arange(N)) & 1
    signs = (-1.0) ** np.sum(bits * np.roll(bits, 1, axis=1), axis=1)
    assert abs(at.data[0] @ (signs * at.data[3])) == pytest.approx(1)


def test_phases_far_from_their_boundaries():
    at = pinned((0.0, 0.0), (20.0, 0.0), (0.1, -20.0))
    assert at.target.tolist() == [1, -1, -1]
    np.testing.assert_allclose(at.string_orders[0], [1, 0], atol=1e-12)
    assert at.data[1].min() > 0.9 / 2 ** (N / 2)  # near |+...+⟩
    neighbours = word({0: "X", 1: "X"})
    assert at.data[2] @ neighbours @ at.data[2] < -0.9


def test_the_amplitude_map_has_their_fidelities(drawn):
    K = qk.FidelityKernel(drawn.feature_map)(drawn.data)
    np.testing.assert_allclose(K, (drawn.data @ drawn.data.T) ** 2, atol=1e-12)


def test_states_of_a_phase_are_alike():
    X, y = datasets.ground_states(40, random_state=1)
    K = (X @ X.T) ** 2
    topological = y == 1
    within = K[np.ix_(topological, topological)].mean()
    assert within > 2 * K[np.ix_(topological, ~topological)].mean()


def test_a_seed_repeats_and_seeds_differ(drawn):
    X, y = datasets.ground_states(12, random_state=3)
    np.testing.assert_array_equal(X, drawn.data)
    np.testing.assert_array_equal(y, drawn.target)
    assert not np.array_equal(datasets.ground_states(12, random_state=4)[0], X)
    assert drawn.feature_names[-1] == "x255"


@pytest.mark.parametrize("n_samples", [0, 2.5])
def test_refusals(n_samples):
    with pytest.raises(ValueError, match=f"an integer of at least 1, got {n_samples}"):
        datasets.ground_states(n_samples)
