"""Plain twins of the loops: NumPy on whole arrays, one obvious formula each.

The twins read the layers that a program is written from, in the terms of their docstrings, and not
the program's tables, so that they also check how these are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import cirq
import numpy as np

from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Frame, Layer, Matrix, Rotation
from qkernels.compilation.program import Program, ProgramWriter, Slots
from qkernels.loops.lanes import lane_count


def signs(mask: int, size: int) -> np.ndarray:
    """Return (-1)^parity(b & mask) for b in range(size)."""
    return np.array([(-1.0) ** (b & mask).bit_count() for b in range(size)])


def rotated(psi: np.ndarray, rotation: Rotation, theta: np.ndarray) -> np.ndarray:
    """Return exp(-iθ/2 P) psi for the real generator -iP of a rotation, one θ a column."""
    sign = signs(rotation.mask, len(psi)) * (-1.0) ** rotation.negative
    partner = psi[np.arange(len(psi)) ^ rotation.direction]
    return np.cos(theta / 2) * psi - np.sin(theta / 2) * sign[:, np.newaxis] * partner


def phased(psi: np.ndarray, phases: Iterable[tuple[int, np.ndarray]]) -> np.ndarray:
    """Return exp(iφ(b)) psi with φ(b) = Σ_m θ_m (-1)^parity(b & m), one θ_m a column."""
    phi = np.zeros(psi.shape)
    for mask, theta in phases:
        phi += signs(mask, len(psi))[:, np.newaxis] * theta
    return np.exp(1j * phi) * psi


def transformed(psi: np.ndarray, matrix: Matrix) -> np.ndarray:
    """Return a matrix on the qubits that a frame defines, times psi."""
    k, size = len(matrix.masks), len(psi)
    result = np.zeros_like(psi)
    for b in range(size):
        row = [
            (b & mask).bit_count() % 2 ^ flip
            for mask, flip in zip(matrix.masks, matrix.flips, strict=True)
        ]
        for column in np.ndindex(*[2] * k):
            source = b
            for new, old, direction in zip(column, row, matrix.directions, strict=True):
                source ^= direction if new != old else 0
            result[b] += matrix.matrix[_index(row), _index(column)] * psi[source]
    return result


def _index(bits: Sequence[int]) -> int:
    return int("".join(map(str, bits)), 2)


def evolved(psi: np.ndarray, layers: Iterable[Layer], values: np.ndarray) -> np.ndarray:
    """Return psi after some layers; `values` are the flat symbols, (n_points, n_symbols)."""

    def theta(angle: Angle) -> np.ndarray:
        return angle.constant + sum(c * values[:, symbol] for symbol, c in angle.terms.items())

    for layer in layers:
        if layer.matrix is not None:
            psi = transformed(psi, layer.matrix)
        for rotation in layer.rotations:
            psi = rotated(psi, rotation, theta(rotation.angle))
        psi = phased(psi, ((mask, theta(angle)) for mask, angle in layer.phases.items()))
    return psi


def measured(psi: np.ndarray, direction: int, mask: int, imaginary: int) -> np.ndarray:
    """Return Σ_b (-1)^parity(b & mask) of Re or Im conj(psi[b ^ direction]) psi[b]."""
    products = psi[np.arange(len(psi)) ^ direction].conj() * psi
    part = products.imag if imaginary else products.real
    return signs(mask, len(psi)) @ part


def fidelities(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return |⟨a_i|b_j⟩|²."""
    return np.abs(a.conj() @ b.T) ** 2


# -- Derivatives, with every step a dense matrix


class Turn(NamedTuple):
    """The step exp(θG) = cos θ + sin θ G, by one slot's angle θ; G² is minus the identity."""

    slot: int
    generator: np.ndarray


def steps(layers: Iterable[Layer], slots: Slots, size: int) -> Iterator[Turn | np.ndarray]:
    """Yield what each rotation, phase or matrix of some layers is on 2^n amplitudes."""
    one = np.eye(size, dtype=complex)
    for layer in layers:
        if layer.matrix is not None:
            yield transformed(one, layer.matrix)
        for rotation in layer.rotations:
            if not rotation.angle.is_zero:
                half_turn = rotated(one, rotation, np.array([np.pi]))
                yield Turn(slots.slot(0.5 * rotation.angle), half_turn)
        for mask, angle in layer.phases.items():
            yield Turn(slots.slot(angle), 1j * np.diag(signs(mask, size)))


def differentiated(
    psi: np.ndarray, layers: Iterable[Layer], slots: Slots, angles: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one point's state after some layers, its derivatives by each slot, and the unitary."""
    one = np.eye(len(psi), dtype=complex)
    changes, unitary = np.zeros((len(angles), len(psi)), complex), one
    for step in steps(layers, slots, len(psi)):
        if isinstance(step, Turn):
            theta = angles[step.slot]
            matrix = np.cos(theta) * one + np.sin(theta) * step.generator
        else:
            matrix = step
        psi, changes, unitary = matrix @ psi, changes @ matrix.T, matrix @ unitary
        if isinstance(step, Turn):
            changes[step.slot] += step.generator @ psi
    return psi, changes, unitary


def word_operator(word: Sequence[int], size: int) -> np.ndarray:
    """Return the Hermitian matrix of a word as the loops measure it, without its factor."""
    direction, mask, _, imaginary = word
    product = np.diag(signs(mask, size))[np.arange(size) ^ direction].astype(complex)
    part = (product - product.conj().T) / 2j if imaginary else (product + product.conj().T) / 2
    return part / 2 if direction else part


def fidelity_cotangents(
    a: np.ndarray, b: np.ndarray, gradient: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients by a and b, conjugate to their changes, given that by fidelities."""
    weighted = 2 * gradient * (a.conj() @ b.T)
    return weighted.conj() @ b, weighted.T @ a


# -- Random things to compare on


def frame(n_qubits: int, rng: np.random.Generator) -> Frame:
    """Return a frame that random CNOTs and X's have made."""
    result = Frame.identity(n_qubits)
    for _ in range(3 * n_qubits if n_qubits > 1 else 0):
        result.controlled_not(*(int(q) for q in rng.permutation(n_qubits)[:2]))
    for qubit in range(n_qubits):
        if rng.random() < 0.5:
            result.flip(qubit)
    return result


def rotations(n_qubits: int, count: int, rng: np.random.Generator) -> list[Rotation]:
    """Return real rotations on different qubits of a random frame, which one pass can apply.

    Parities of other qubits enter the signs, as those of controls do.
    """
    bits = frame(n_qubits, rng)
    turned = [int(q) for q in rng.permutation(n_qubits)[:count]]
    others = [q for q in range(n_qubits) if q not in turned]
    return [
        Rotation(
            bits.directions[q],
            bits.mask([q, *(o for o in others if rng.random() < 0.5)])[0],
            bool(rng.random() < 0.5),
            Angle(0.0, {i: 1.0}),
        )
        for i, q in enumerate(turned)
    ]


def matrix(n_qubits: int, count: int, rng: np.random.Generator) -> Matrix:
    """Return a unitary on some qubits of a random frame."""
    bits = frame(n_qubits, rng)
    qubits = rng.permutation(n_qubits)[:count]
    return Matrix(
        [bits.directions[q] for q in qubits],
        [bits.masks[q] for q in qubits],
        [bits.flips[q] for q in qubits],
        cirq.testing.random_unitary(2**count, random_state=int(rng.integers(1000))),
    )


# Slots that occur again, half of others, constants, and sums; symbol 3 is the last.
ANGLES = [
    *(Angle(0.0, {0: 1.0}), Angle(0.0, {0: 2.0}), Angle(0.3, {1: -2.5}), Angle(0.7)),
    *(Angle(0.0, {2: 1.0}), Angle(0.0, {2: 0.5}), Angle(0.1, {0: 1.0, 2: -1.0})),
    *(Angle(0.0, {3: 1.0}), Angle(-0.4, {3: 2.0}), Angle(0.0, {1: 1.0, 3: 0.5})),
]


def layers(n_qubits: int, count: int, rng: np.random.Generator) -> list[Layer]:
    """Return random layers of rotations or a matrix, and of phases, by some of `ANGLES`."""
    return [_layer(n_qubits, rng) for _ in range(count)]


def _layer(n_qubits: int, rng: np.random.Generator) -> Layer:
    count = int(rng.integers(1, 1 + min(3, n_qubits)))
    chosen = rng.permutation(2**n_qubits)[: rng.integers(1 + 2**n_qubits)]
    phases = {int(mask): ANGLES[rng.integers(len(ANGLES))] for mask in chosen}
    if rng.random() < 0.25:
        return Layer(matrix=matrix(n_qubits, count, rng), phases=phases)
    turned = rotations(n_qubits, count, rng)
    for rotation in turned:
        rotation.angle = ANGLES[rng.integers(len(ANGLES))]
    return Layer(turned, phases=phases)


def states(n_points: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return random states, one a row."""
    values = rng.normal(size=(n_points, size)) + 1j * rng.normal(size=(n_points, size))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


# Direction, mask, pivot, imaginary; Σ over pairs counts half of the sum over amplitudes.
WORDS = {
    "identity": ((0, 0, 0, 0), 1.0),
    "diagonal": ((0, 5, 0, 0), -1.0),
    "real": ((6, 1, 2, 0), 2.0),
    "real with a sign": ((3, 4, 2, 0), -2.0),
    "imaginary": ((5, 4, 4, 1), 2.0),
    "imaginary of one bit": ((1, 1, 1, 1), -2.0),
}


# -- The loops' arguments


def planes(psi: np.ndarray, dtype: np.dtype | type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Return real and imaginary part, C-ordered."""
    return np.array(psi.real, dtype, order="C"), np.array(psi.imag, dtype, order="C")


def trigonometry(slots: np.ndarray, dtype: np.dtype | type = np.float64) -> np.ndarray:
    """Return the rows cos, sin, -sin of each slot; `slots` has shape (lanes, n_slots)."""
    rows = [f(slots[:, i]) for i in range(slots.shape[1]) for f in (np.cos, np.sin, _minus_sin)]
    return np.array(rows, dtype).reshape(-1, len(slots))


def _minus_sin(x: np.ndarray) -> np.ndarray:
    return -np.sin(x)


def program(
    layers: Sequence[Layer], n_qubits: int, per_point: Callable[[int], bool] = lambda symbol: True
) -> tuple[Program, Slots]:
    """Return a program of some layers and the angles of its slots."""
    slots = Slots(per_point)
    return ProgramWriter(n_qubits, slots).write(layers), slots


def slot_values(slots: Slots, values: np.ndarray) -> np.ndarray:
    """Return the slots' angles at some points, (n_points, n_slots)."""
    columns = [
        a.constant + sum((c * values[:, s] for s, c in a.terms.items()), np.zeros(len(values)))
        for a in slots.angles
    ]
    return np.array(columns).T.reshape(len(values), -1).copy()


def shared_phases(slots: Slots, values: np.ndarray, size: int) -> np.ndarray:
    """Return the tables of phases that all points share, given the slots of any one point."""
    one = np.ones((size, 1))
    tables = [
        phased(one, [(mask, values[slot]) for mask, slot in table])[:, 0] for table in slots.tables
    ]
    return np.array(tables, dtype=complex).reshape(-1, size)


def lanes_of(dtype: np.dtype | type) -> int:
    """Return how many points a block holds."""
    return lane_count(dtype)
