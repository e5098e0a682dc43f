"""The works in plain NumPy, point by point: slow, short, and what every package must agree with.

Qubit 0 is the most significant bit of an amplitude's index, as in Cirq.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .works import (
    GAMMA,
    LAYERS,
    Work,
    labels,
    layer_angles,
    offsets,
    pair_angles,
    pairs,
    reach,
    ring,
    weights,
)

_H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)


def matrix(work: Work, X: np.ndarray) -> np.ndarray:
    """Return the Gram matrix, or what else `work` means for the points `X`.

    Parameters
    ----------
    work : Work
        Its task and feature map are used, its size is not.
    X : ndarray of shape (n_points, n_qubits)
        The points.

    Returns
    -------
    ndarray of shape (n_points, n_points), (2 * LAYERS, n_qubits) or (1 + 3 * LAYERS * n_qubits,)
        Fidelities, also where the task is states; kernel values where it is projected; the
        gradient of the alignment where it is that, a column a qubit; the loss, then its gradient,
        where it is that.
    """
    if work.task == "loss":
        start = weights(X.shape[1])
        gradient = _differences(lambda values: _loss(X, values), start)
        return np.append(_loss(X, start), gradient)
    if work.task == "gradient":
        return _alignment_gradient(X)
    psi = states(work.feature_map, X)
    if work.task != "projected":
        return np.abs(psi.conj() @ psi.T) ** 2
    vectors = np.array([_bloch_vectors(p) for p in psi]).reshape(len(X), -1)
    squares = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    return np.exp(-GAMMA / 2 * squares)


def states(feature_map: str, X: np.ndarray) -> np.ndarray:
    """Return the states of some points, of shape (n_points, 2**n_qubits)."""
    X = np.asarray(X, float)
    if feature_map == "uploaded":
        return _uploaded_states(X, weights(X.shape[1]))
    return {"zz": _zz_states, "layered": _layered_states}[feature_map](X)


def _zz_states(X: np.ndarray) -> np.ndarray:
    n = X.shape[1]
    bits = _bits(n)
    result = np.empty((len(X), 2**n), complex)
    for row, (x, angles) in enumerate(zip(X, pair_angles(X), strict=True)):
        phase = sum(2 * x[q] * bits[q] for q in range(n))
        for (i, j), angle in zip(pairs(n), angles, strict=True):
            phase = phase + angle * (bits[i] ^ bits[j])
        psi = _zero_state(n)
        for _ in range(2):
            for q in range(n):
                psi = _apply(_H, psi, q, n)
            psi = psi * np.exp(1j * phase)
        result[row] = psi
    return result


def _layered_states(X: np.ndarray, shifts: np.ndarray | None = None) -> np.ndarray:
    n = X.shape[1]
    bits = _bits(n)
    sign = np.prod([(-1.0) ** (bits[i] * bits[j]) for i, j in ring(n)], axis=0)
    result = np.empty((len(X), 2**n), complex)
    for row, angles in enumerate(layer_angles(X, shifts)):
        psi = _zero_state(n)
        for layer in range(LAYERS):
            for q in range(n):
                psi = _apply(_ry_then_rz(*angles[layer, q]), psi, q, n)
            psi = psi * sign
        result[row] = psi
    return result


def _ry_then_rz(y: float, z: float) -> np.ndarray:
    cos, sin = np.cos(y / 2), np.sin(y / 2)
    return np.exp([[-0.5j * z], [0.5j * z]]) * np.array([[cos, -sin], [sin, cos]])


def _alignment_gradient(X: np.ndarray) -> np.ndarray:
    gradient = _differences(lambda shifts: _alignment(X, shifts), offsets(X.shape[1]))
    return gradient.swapaxes(1, 2).reshape(-1, X.shape[1])


def _differences(function: Callable[[np.ndarray], float], start: np.ndarray) -> np.ndarray:
    """Return central differences, good to 1e-9."""
    gradient = np.empty_like(start)
    for place in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[place] = 1e-4
        gradient[place] = (function(start + step) - function(start - step)) / 2e-4
    return gradient


def _alignment(X: np.ndarray, shifts: np.ndarray) -> float:
    psi, y = _layered_states(X, shifts), labels(len(X))
    gram = np.abs(psi.conj() @ psi.T) ** 2
    return y @ gram @ y / (np.linalg.norm(gram) * len(X))


def _loss(X: np.ndarray, values: np.ndarray) -> float:
    outputs = [np.sum(_z_on_first(psi) * np.abs(psi) ** 2) for psi in _uploaded_states(X, values)]
    return float(np.mean((outputs - labels(len(X))) ** 2))


def _z_on_first(psi: np.ndarray) -> np.ndarray:
    return np.repeat([1.0, -1.0], psi.size // 2)


def _uploaded_states(X: np.ndarray, values: np.ndarray) -> np.ndarray:
    n = X.shape[1]
    result = np.empty((len(X), 2**n), complex)
    for row, x in enumerate(X):
        psi = _zero_state(n)
        for q in range(n):
            psi = _apply(_rx(x[q]), psi, q, n)
        for layer in range(LAYERS):
            for q, (first, y, last) in enumerate(values[layer]):
                psi = _apply(_ry_then_rz(y, last) @ _ry_then_rz(0.0, first), psi, q, n)
            psi = psi[_cnots(n, reach(layer, n))]
        result[row] = psi
    return result


def _cnots(n: int, distance: int) -> np.ndarray:
    """Return which amplitudes come to which place by CNOTs from each qubit in turn."""
    source = np.arange(2**n)
    for control in range(n):
        target = (control + distance) % n
        index = np.arange(2**n)
        flipped = index ^ (index >> (n - 1 - control) & 1) << (n - 1 - target)
        source = source[flipped]
    return source


def _rx(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([[cos, -1j * sin], [-1j * sin, cos]])


def _bloch_vectors(psi: np.ndarray) -> np.ndarray:
    n = psi.size.bit_length() - 1
    vectors = np.empty((n, 3))
    for q in range(n):
        zero, one = np.moveaxis(psi.reshape(2**q, 2, -1), 1, 0).reshape(2, -1)
        cross = np.vdot(zero, one)
        vectors[q] = 2 * cross.real, 2 * cross.imag, np.linalg.norm(zero) ** 2 * 2 - 1
    return vectors


def _bits(n: int) -> np.ndarray:
    return np.arange(2**n) >> np.arange(n - 1, -1, -1)[:, None] & 1


def _zero_state(n: int) -> np.ndarray:
    return np.eye(1, 2**n, dtype=complex)[0]


def _apply(gate: np.ndarray, psi: np.ndarray, qubit: int, n: int) -> np.ndarray:
    return np.einsum("ab,ibj->iaj", gate, psi.reshape(2**qubit, 2, -1)).reshape(-1)
