"""Plain twin of a chain's program: NumPy tensors of one point, one instruction after another.

`run` follows the definitions in `qkernels.compilation.chain.ChainProgram` word by word, and
nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg

APPLY, RIGHT, LEFT, LAYER = range(4)
TURN, PROJECT, PASS, COSINE, WORD, MATRIX = range(6)
PAULIS = np.array([np.eye(2), [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


class Run(NamedTuple):
    """A program's result at one point.

    Attributes
    ----------
    tensors : list of (left bond, 2, right bond) complex arrays
    weights : (n_groups,) array
        The squared norm that each group dropped.
    """

    tensors: list[np.ndarray]
    weights: np.ndarray


def run(chain, slots, truncation=0.0, max_bond=None, n_truncated=None, pivoted=False) -> Run:
    """Return the state of one point, and the weight that each group of truncations dropped.

    The state is not normalised again: its squared norm is 1 less all weights.

    Parameters
    ----------
    chain : Chain
    slots : (n_slots,) array
    truncation : float
        Each truncation drops the smallest singular values as long as the sum of their squares is
        at most this share of the sum of all.
    max_bond : int, optional
        How many singular values are kept at most.
    n_truncated : int, optional
        Only so many groups truncate, the first ones.
    pivoted : bool
        Whether vectors are chosen by pivots, not singular vectors: others are dropped on the two
        sides of a bond.
    """
    rules = truncation, max_bond, pivoted
    if n_truncated is None:
        n_truncated = chain.n_groups
    tensors = [np.array([1, 0], dtype=complex).reshape(1, 2, 1) for _ in chain.qubits]
    weights = np.zeros(chain.n_groups)
    for opcode, place, last in chain.program.instructions:
        if opcode == APPLY:
            for row in chain.program.factors[place:last]:
                tensors[row[0]] = apply(factor(chain.program, row, slots), tensors[row[0]])
            continue
        if opcode == LAYER:
            place = enter_layer(tensors, chain.program, place, slots)
        exact = not 0 <= last < n_truncated
        direction = LEFT if opcode == LEFT else RIGHT
        weight = factorise(tensors, direction, place, None if exact else rules)
        if not exact:
            weights[last] += weight
    return Run(tensors, weights)


def factor(program, row, slots) -> np.ndarray:
    """Return a factor's tensor (left branch, new spin, old spin, right branch)."""
    _, kind, letter, slot, place, left, right = row
    if kind == MATRIX:
        entries = program.matrices_re + 1j * program.matrices_im
        return entries[place : place + 4 * left * right].reshape(left, 2, 2, right)
    pauli, angle = PAULIS[letter], slots[slot] if slot >= 0 else 0.0
    cosine, sine = np.cos(angle) * np.eye(2), 1j * np.sin(angle) * pauli
    branches = {
        TURN: (cosine - sine, cosine + sine),
        PROJECT: ((np.eye(2) + pauli) / 2, (np.eye(2) - pauli) / 2),
        PASS: (np.eye(2), np.eye(2)),
        COSINE: (cosine, -sine),
        WORD: (np.eye(2), pauli),
    }[kind]
    tensor = np.zeros((left, 2, 2, right), dtype=complex)
    for branch in range(max(left, right)):
        tensor[min(branch, left - 1), :, :, min(branch, right - 1)] = branches[branch]
    return tensor


def enter_layer(tensors, program, place, slots) -> int:
    """Return the site of a layer's row; at the first site, apply the layer to the state.

    Its bonds are then as large as can be, and the first site is the centre of orthogonality: each
    of the layer's instructions has nothing left to do but to move it to the right.
    """
    site, last, _, n_histories = program.layers[place][:4]
    if n_histories == 1:
        for row in program.layers[place : place + last - site + 1]:
            tensors[row[0]] = apply(phases(program, row, slots), tensors[row[0]])
        for k in range(last, site, -1):
            factorise(tensors, LEFT, k, rules=None)
    return site


def phases(program, row, slots) -> np.ndarray:
    """Return a layer's tensor at a site (history before, new spin, old spin, history behind)."""
    _, _, _, before, behind, first, end, place, _ = row
    tensor = np.zeros((before, 2, 2, behind), dtype=complex)
    for history, spin in np.ndindex(before, 2):
        z = 1 - 2 * spin
        angle = sum(
            slots[slot] * (1 - 2 * (history >> bit & 1)) * z
            for bit, slot in program.couplings[first:end]
        )
        target = program.targets[place + 2 * history + spin]
        tensor[history, spin, spin, target] = np.exp(-1j * angle)
    return tensor


def apply(w, tensor) -> np.ndarray:
    """Return T[(a, b), s', (c, d)] = Σ_s W[b, s', s, d] A[a, s, c]."""
    joined = np.einsum("bzsd,asc->abzcd", w, tensor)
    return joined.reshape(tensor.shape[0] * w.shape[0], 2, tensor.shape[2] * w.shape[3])


def factorise(tensors, opcode, site, rules) -> float:
    """Factorise a site's tensor in place, exactly without rules; return the dropped weight."""
    left, _, right = tensors[site].shape
    if opcode == RIGHT:
        q, rest, weight = split(tensors[site].reshape(2 * left, right), rules)
        tensors[site] = q.reshape(left, 2, -1)
        tensors[site + 1] = np.einsum("ab,bsc->asc", rest, tensors[site + 1])
    else:
        matrix = tensors[site].reshape(left, 2 * right).T
        q, rest, weight = split(matrix, rules)
        tensors[site] = q.T.reshape(-1, 2, right)
        tensors[site - 1] = np.einsum("asb,bc->asc", tensors[site - 1], rest.T)
    return weight


def split(matrix, rules) -> tuple[np.ndarray, np.ndarray, float]:
    """Return orthonormal columns, the rest, and the sum of the squares that are dropped."""
    if rules is None:
        return *np.linalg.qr(matrix), 0.0
    truncation, max_bond, pivoted = rules
    q, rest = by_pivots(matrix) if pivoted else by_singular_values(matrix)
    tails = np.append(np.cumsum((np.abs(rest) ** 2).sum(axis=1)[::-1])[::-1], 0.0)
    kept = max(1, int(np.argmax(tails <= truncation * tails[0])))
    kept = min(kept, max_bond or kept)
    return q[:, :kept], rest[:kept], tails[kept]


def by_singular_values(matrix) -> tuple[np.ndarray, np.ndarray]:
    u, s, vh = np.linalg.svd(matrix, full_matrices=False)
    return u, s[:, None] * vh


def by_pivots(matrix) -> tuple[np.ndarray, np.ndarray]:
    q, r, pivots = scipy.linalg.qr(matrix, mode="economic", pivoting=True)
    return q, r[:, np.argsort(pivots)]


def dense(chain, tensors) -> np.ndarray:
    """Return the state's amplitudes, the first of the sorted qubits most significant."""
    state = np.ones((1, 1), dtype=complex)
    for tensor in tensors:
        state = np.einsum("ab,bsc->asc", state, tensor).reshape(-1, tensor.shape[2])
    n = len(chain.qubits)
    return state.reshape((2,) * n).transpose(np.argsort(chain.qubits)).ravel()


def worst_row(tensors) -> float:
    """Return how far from orthonormal the rows of any tensor but the first are."""
    matrices = [tensor.reshape(len(tensor), -1) for tensor in tensors[1:]]
    return max((np.abs(m @ m.conj().T - np.eye(len(m))).max() for m in matrices), default=0.0)
