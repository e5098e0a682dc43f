"""Quantum data: ground states of a spin chain in two phases, as points of the amplitude map."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from qkernels.datasets.drawing import drawn
from qkernels.feature_maps import amplitude
from qkernels.feature_maps.validation import integer

# On a ring of 6 or 10 the antiferromagnet's ground state is not unique, and 12 want patience.
_QUBITS = 8
_LARGEST_FIELD = 1.6


def ground_states(
    n_samples: int,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw ground states of the cluster-Ising ring of eight qubits, labelled by their phase.

    The Hamiltonian is H = −Σ Z_i X_{i+1} Z_{i+2} − h1 Σ X_i − h2 Σ X_i X_{i+1} on a ring, with h1
    uniform on [0, 1.6) and h2 on [-1.6, 1.6). A state's label is 1 in the symmetry-protected
    topological phase about h1 = h2 = 0, and -1 in the trivial ones: paramagnet and
    antiferromagnet. A long chain has one of two string orders, and the ring the label of the
    larger one: 1 where |⟨Z_0 X_1 X_3 Z_4⟩| > |⟨X_1 X_3⟩|.

    Parameters
    ----------
    n_samples : int
        Number of states, at least 1. About one of three is labelled 1.
    random_state : int, RandomState instance or None, default=None
        Determines the couplings.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, 256) and (n_samples,)
        The amplitudes, which are real, with the largest positive, and the labels, -1 or 1. The
        features of `feature_maps.amplitude` are such amplitudes: its fidelity kernel is
        |⟨ψ|ψ′⟩|². With `return_X_y=False`, a `sklearn.utils.Bunch` of `data`, `target`,
        `feature_names`, `feature_map`, that map; `couplings`, h1 and h2 of each state, of shape
        (n_samples, 2); and `string_orders`, |⟨Z_0 X_1 X_3 Z_4⟩| and |⟨X_1 X_3⟩|.

    Raises
    ------
    ValueError
        If `n_samples` is not a positive integer.

    Notes
    -----
    Without the coupling h2, controlled-Z gates on all neighbours exchange X_i with
    Z_{i-1} X_i Z_{i+1}, and h1 with 1/h1. They exchange the two strings too, so that for h2 = 0
    the label changes at h1 = 1 exactly, as the phase does. Elsewhere the boundary of so short a
    ring is close to that of the infinite chain, not equal to it.

    References
    ----------
    I. Cong, S. Choi and M. D. Lukin, "Quantum convolutional neural networks", Nature Physics 15,
    1273 (2019): Hamiltonian and range of the couplings, on an open chain. F. Pollmann and A. M.
    Turner, "Detection of symmetry-protected topological phases in one dimension", Physical Review
    B 86, 125441 (2012): which string order excludes which.

    Examples
    --------
    >>> from qkernels.datasets import ground_states
    >>> from qkernels.kernels import FidelityKernel
    >>> drawn = ground_states(5, random_state=0, return_X_y=False)
    >>> FidelityKernel(drawn.feature_map)(drawn.data).shape
    (5, 5)
    >>> drawn.target.tolist()
    [-1, -1, -1, -1, -1]
    """
    n_samples = integer(n_samples, "n_samples", 1)
    random = check_random_state(random_state)
    couplings = random.uniform([0, -1], [1, 1], size=(n_samples, 2)) * _LARGEST_FIELD
    terms = _terms(_QUBITS)
    X = np.array([_ground_state(terms, *pair) for pair in couplings])
    orders = np.column_stack(
        [
            np.abs(_expectations(X, flipped=(1, 3), signed=(0, 4))),
            np.abs(_expectations(X, flipped=(1, 3), signed=())),
        ]
    )
    y = np.where(orders[:, 0] > orders[:, 1], 1, -1)
    if return_X_y:
        return X, y
    details = {"couplings": couplings, "string_orders": orders}
    return drawn(X, y, return_X_y, feature_map=amplitude(2**_QUBITS), **details)


def _terms(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the dense matrices of −Σ ZXZ, −Σ X and −Σ XX on a ring."""
    ring = [(i, (i + 1) % n, (i + 2) % n) for i in range(n)]
    eye = np.eye(2**n)
    cluster = [_applied(eye, flipped=(j,), signed=(i, k)) for i, j, k in ring]
    field = [_applied(eye, flipped=(i,), signed=()) for i, _, _ in ring]
    ising = [_applied(eye, flipped=(i, j), signed=()) for i, j, _ in ring]
    return -np.sum(cluster, axis=0), -np.sum(field, axis=0), -np.sum(ising, axis=0)


def _applied(states: np.ndarray, flipped: tuple[int, ...], signed: tuple[int, ...]) -> np.ndarray:
    """Return the states, a row each, after X on the flipped qubits and Z on the signed ones."""
    n = states.shape[1].bit_length() - 1
    indices = np.arange(2**n)
    signs = np.ones(2**n)
    for qubit in signed:
        signs *= 1 - 2 * (indices >> (n - 1 - qubit) & 1)
    return (states * signs)[:, indices ^ sum(1 << (n - 1 - qubit) for qubit in flipped)]


def _expectations(
    states: np.ndarray, flipped: tuple[int, ...], signed: tuple[int, ...]
) -> np.ndarray:
    return np.einsum("ij,ij->i", states, _applied(states, flipped, signed))


def _ground_state(terms: tuple[np.ndarray, ...], h1: float, h2: float) -> np.ndarray:
    """Return the real ground state whose largest amplitude, the first of equals, is positive."""
    from scipy.linalg import eigh  # slow to import, and nobody else here needs it

    cluster, field, ising = terms
    _, states = eigh(cluster + h1 * field + h2 * ising, subset_by_index=(0, 0))
    state = states[:, 0]
    return state * np.sign(state[np.argmax(np.abs(state).round(6))])
