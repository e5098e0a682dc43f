"""Plain twins of the loops over matrix product states: one obvious contraction a formula."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from qkernels.evaluators.mps_comparison import MPSArrays

PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def bonds(n_sites: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return random bonds that right-orthonormal tensors can have."""
    result = np.ones(n_sites + 1, np.int64)
    for k in range(n_sites - 1, 0, -1):
        result[k] = rng.integers(1, 1 + min(most, 2 * result[k + 1], 2**k))
    return result


def state(bonds: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the tensors of a random normalised state, right-orthonormal, centre at site 0."""
    tensors = []
    for left, right in pairwise(bonds):
        values = rng.normal(size=(2, 2 * right, left))
        q = np.linalg.qr(values[0] + 1j * values[1])[0]
        tensors.append(q.T.reshape(left, 2, right))
    return tensors


def states(
    n_points: int, n_sites: int, most: int, rng: np.random.Generator
) -> list[list[np.ndarray]]:
    """Return random states, each with bonds of its own."""
    return [state(bonds(n_sites, most, rng), rng) for _ in range(n_points)]


def arrays(
    states: Sequence[Sequence[np.ndarray]], dtype: np.dtype | type = np.float64
) -> MPSArrays:
    """Return the states as they are prepared."""
    flat = [np.concatenate([tensor.ravel() for tensor in tensors]) for tensors in states]
    result = np.zeros((len(flat), max(map(len, flat))), complex)
    for row, values in zip(result, flat, strict=True):
        row[: len(values)] = values
    bonds = [[1, *(tensor.shape[2] for tensor in tensors)] for tensors in states]
    planes = (np.array(part, dtype, order="C") for part in (result.real, result.imag))
    return MPSArrays(*planes, np.array(bonds, np.int64))


def vector(tensors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the amplitudes of a state, site 0 most significant."""
    result = np.ones((1, 1))
    for tensor in tensors:
        result = np.einsum("xa,asc->xsc", result, tensor).reshape(-1, tensor.shape[2])
    return result[:, 0]


def overlap(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> complex:
    """Return ⟨a|b⟩."""
    environment = np.ones((1, 1))
    for x, y in zip(a, b, strict=True):
        environment = np.einsum("ab,asc,bsd->cd", environment, x.conj(), y, optimize=True)
    return complex(environment[0, 0])


def fidelities(a: Sequence[Sequence[np.ndarray]], b: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Return |⟨a_i|b_j⟩|²."""
    return np.array([[abs(overlap(x, y)) ** 2 for y in b] for x in a])


def expectation(tensors: Sequence[np.ndarray], word: Sequence[tuple[int, str]]) -> float:
    """Return the expectation value of a Pauli word."""
    letters = dict(word)
    environment = np.ones((1, 1))
    for site, x in enumerate(tensors):
        pauli = PAULIS[letters.get(site, "I")]
        environment = np.einsum("ab,asc,st,btd->cd", environment, x.conj(), pauli, x, optimize=True)
    return float(environment[0, 0].real)
