"""The circuit of the circuit-centric classifier as dense matrices, gate after gate."""

import numpy as np


def gate(alpha, beta, gamma):
    """Return G(α, β, γ) as the paper writes it."""
    cos, sin = np.cos(alpha), np.sin(alpha)
    return np.array(
        [
            [np.exp(1j * beta) * cos, np.exp(1j * gamma) * sin],
            [-np.exp(-1j * gamma) * sin, np.exp(-1j * beta) * cos],
        ]
    )


def on_qubit(matrix, qubit, n):
    return np.kron(np.kron(np.eye(2**qubit), matrix), np.eye(2 ** (n - qubit - 1)))


def controlled(matrix, control, target, n):
    zero, one = (on_qubit(np.diag(d), control, n) for d in ([1, 0], [0, 1]))
    return zero + one @ on_qubit(matrix, target, n)


def dense_blocks(weights, n, ranges):
    """Return the matrix of code blocks, gate after gate."""
    gates = iter(gate(*triple) for triple in np.reshape(weights, (-1, 3)))
    U = np.eye(2**n)
    for reach in ranges:
        for qubit in range(n):
            U = on_qubit(next(gates), qubit, n) @ U
        control = 0
        while n > 1:
            target = (control - reach) % n
            U = controlled(next(gates), control, target, n) @ U
            control = target
            if control == 0:
                break
    U = on_qubit(next(gates), 0, n) @ U
    assert next(gates, None) is None
    return U


def dense_states(X, copies, padding):
    """Return the encoded points, a row each."""
    size = 2
    while size < X.shape[1] + bool(padding):
        size *= 2
    rows = np.full((len(X), size), float(padding))
    rows[:, : X.shape[1]] = X
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    states = np.ones((len(X), 1))
    for _ in range(copies):
        states = np.einsum("pi,pj->pij", states, rows).reshape(len(X), -1)
    return states


def dense_probabilities(states, weights, ranges):
    n = states.shape[1].bit_length() - 1
    amplitudes = states @ dense_blocks(weights, n, ranges).T
    return np.sum(np.abs(amplitudes[:, 2 ** (n - 1) :]) ** 2, axis=1)


def central_differences(function, point, h=1e-5):
    steps = h * np.eye(len(point))
    return np.array([(function(point + s) - function(point - s)) / (2 * h) for s in steps])
