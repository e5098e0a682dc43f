"""Primitives → layers: alternating real rotations and phases, each as early as it can be.

X, CNOT and SWAP never move an amplitude: `Frame` follows the linear map that they make of the
bits, and everything after them is written in the stored bits. A rotation about a Pauli word with
an odd number of Y's is real; any other becomes real between two quarter turns about Z, which melt
into the phases. How layers are laid out as arrays is not known here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from qkernels.compilation.angles import Angle
from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    GlobalPhase,
    PauliRotation,
    Primitive,
    Unitary,
)


def odd(bits: int) -> bool:
    """Return whether an odd number of bits is set."""
    return bool(bits.bit_count() & 1)


@dataclass
class Frame:
    """An affine map between a register's qubits and the bits by which amplitudes are stored.

    The value of qubit q in stored amplitude b is parity(b & masks[q]) ^ flips[q], and
    b ^ directions[q] is the amplitude in which that value alone is changed. Qubit 0 is the most
    significant bit at the start.
    """

    masks: list[int]
    directions: list[int]
    flips: list[int]

    @classmethod
    def identity(cls, n_qubits: int) -> Frame:
        """Return the frame in which each qubit is its own bit."""
        bits = [1 << (n_qubits - 1 - q) for q in range(n_qubits)]
        return cls(bits, list(bits), [0] * n_qubits)

    def flip(self, qubit: int) -> None:
        """Follow an X."""
        self.flips[qubit] ^= 1

    def controlled_not(self, control: int, target: int) -> None:
        """Follow a CNOT."""
        self.masks[target] ^= self.masks[control]
        self.flips[target] ^= self.flips[control]
        self.directions[control] ^= self.directions[target]

    def mask(self, qubits: Iterable[int]) -> tuple[int, int]:
        """Return mask and flip of the parity of several qubits."""
        mask = flip = 0
        for qubit in qubits:
            mask ^= self.masks[qubit]
            flip ^= self.flips[qubit]
        return mask, flip

    def direction(self, qubits: Iterable[int]) -> int:
        """Return what changes the values of several qubits."""
        direction = 0
        for qubit in qubits:
            direction ^= self.directions[qubit]
        return direction

    def stored_index(self) -> np.ndarray:
        """Return, for each basis state in Cirq's order, where its amplitude is stored."""
        n = len(self.masks)
        basis = np.arange(2**n)
        index = np.zeros_like(basis)
        for q in range(n):
            changed = ((basis >> (n - 1 - q)) & 1) ^ self.flips[q]
            index ^= changed * self.directions[q]
        return index


@dataclass
class Rotation:
    """A real rotation of stored amplitudes; see `loops.evolution.rotate`."""

    direction: int
    mask: int
    negative: bool
    angle: Angle

    def commutes_with(self, other: Rotation) -> bool:
        """Return whether the two may change places."""
        return odd(self.direction & other.mask) == odd(other.direction & self.mask)


@dataclass
class Matrix:
    """A numeric matrix on stored amplitudes; see `loops.evolution.apply_matrix`."""

    directions: list[int]
    masks: list[int]
    flips: list[int]
    matrix: np.ndarray


@dataclass
class Layer:
    """Rotations (or one matrix), then phases: θ of exp(iθ (-1)^parity(b & mask)) by mask."""

    rotations: list[Rotation] = field(default_factory=list)
    matrix: Matrix | None = None
    phases: dict[int, Angle] = field(default_factory=dict)

    def blocks_phase(self, mask: int) -> bool:
        """Return whether a phase cannot pass before this layer's rotations or matrix."""
        if self.matrix is not None:
            return any(odd(d & mask) for d in self.matrix.directions)
        return any(odd(r.direction & mask) for r in self.rotations)

    def blocks_rotation(self, rotation: Rotation) -> bool:
        """Return whether a rotation cannot pass before this layer's rotations or matrix."""
        if self.matrix is not None:
            return any(odd(m & rotation.direction) for m in self.matrix.masks) or any(
                odd(d & rotation.mask) for d in self.matrix.directions
            )
        return not all(rotation.commutes_with(r) for r in self.rotations)

    def phases_block_rotation(self, rotation: Rotation) -> bool:
        """Return whether a rotation cannot pass before this layer's phases."""
        return any(odd(mask & rotation.direction) for mask in self.phases)

    def add_phase(self, mask: int, angle: Angle) -> None:
        """Add a phase; phases that cancel vanish."""
        total = self.phases.pop(mask, Angle()) + angle
        if not total.is_zero:
            self.phases[mask] = total

    def add_rotation(self, rotation: Rotation) -> None:
        """Append a rotation, or turn an equal one further where it can be reached."""
        for earlier in reversed(self.rotations):
            if (earlier.direction, earlier.mask) == (rotation.direction, rotation.mask):
                same = earlier.negative == rotation.negative
                earlier.angle = earlier.angle + (rotation.angle if same else -rotation.angle)
                return
            if not earlier.commutes_with(rotation):
                break
        self.rotations.append(rotation)


class Layering:
    """Layers of one register, grown primitive by primitive.

    Parameters
    ----------
    n_qubits : int
        The register's size; the primitives' qubits are 0 … n_qubits - 1.

    Attributes
    ----------
    layers : list of Layer
        The first has phases only.
    frame : Frame
        Where the circuit so far has put the qubits.
    """

    def __init__(self, n_qubits: int) -> None:
        self.frame = Frame.identity(n_qubits)
        self.layers = [Layer()]

    def add(self, step: Primitive) -> None:
        """Append one primitive."""
        if isinstance(step, PauliRotation):
            self._add_pauli_rotation(dict(step.word), step.angle)
        elif isinstance(step, Flip):
            self.frame.flip(step.qubit)
        elif isinstance(step, ControlledNot):
            self.frame.controlled_not(step.control, step.target)
        elif isinstance(step, Unitary):
            self._add_matrix(step)
        else:
            assert isinstance(step, GlobalPhase)

    def _add_phase(self, qubits: Iterable[int], angle: Angle) -> None:
        """Add exp(i angle (-1)^(sum of the qubits' values))."""
        mask, flip = self.frame.mask(qubits)
        if mask:
            self._phase_layer(mask).add_phase(mask, -angle if flip else angle)

    def _phase_layer(self, mask: int) -> Layer:
        """Return the earliest layer whose phases a new phase can reach."""
        for layer in reversed(self.layers):
            if layer.blocks_phase(mask):
                return layer
        return self.layers[0]

    def _add_pauli_rotation(self, word: dict[int, str], angle: Angle) -> None:
        if angle.is_zero:
            return
        flipped = [q for q, letter in word.items() if letter != "Z"]
        if angle.is_odd_half_turn:
            self._add_phase((q for q, letter in word.items() if letter != "X"), Angle(math.pi / 2))
            for qubit in flipped:
                self.frame.flip(qubit)
        elif not flipped:
            self._add_phase(word, -0.5 * angle)
        elif sum(letter == "Y" for letter in word.values()) % 2:
            self._add_real_rotation(word, angle)
        else:
            self._add_between_quarter_turns(word, angle, self._turned_qubit(flipped))

    def _turned_qubit(self, flipped: list[int]) -> int:
        """Choose the qubit to turn about Z: where that cancels a turn, else an odd one.

        On a chain of pairs the odd qubits serve all pairs, so that every turn but the first and
        the last cancels.
        """
        for qubit in flipped:
            mask, flip = self.frame.mask([qubit])
            pending = self._phase_layer(mask).phases.get(mask, Angle()).constant
            if abs((-pending if flip else pending) - math.pi / 4) < 1e-12:
                return qubit
        return next((q for q in flipped if q % 2), flipped[0])

    def _add_between_quarter_turns(self, word: dict[int, str], angle: Angle, qubit: int) -> None:
        """Write exp(-iθ/2 P) as W† exp(-iθ/2 WPW†) W with W = exp(-iπ/4 Z) on one qubit."""
        quarter = Angle(math.pi / 4)
        to_x = word[qubit] == "Y"
        self._add_phase([qubit], -quarter)
        self._add_real_rotation({**word, qubit: "X" if to_x else "Y"}, -angle if to_x else angle)
        self._add_phase([qubit], quarter)

    def _add_real_rotation(self, word: dict[int, str], angle: Angle) -> None:
        mask, flip = self.frame.mask(q for q, letter in word.items() if letter != "X")
        direction = self.frame.direction(q for q, letter in word.items() if letter != "Z")
        n_y = sum(letter == "Y" for letter in word.values())
        rotation = Rotation(direction, mask, (n_y % 4 == 3) ^ bool(flip), angle)
        self._rotation_layer(rotation).add_rotation(rotation)

    def _rotation_layer(self, rotation: Rotation) -> Layer:
        """Return the earliest layer whose rotations a new rotation can join."""
        place = len(self.layers)
        for k in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[k]
            if layer.phases_block_rotation(rotation):
                break
            if layer.matrix is None and k > 0:
                place = k
            if layer.blocks_rotation(rotation):
                break
        if place == len(self.layers):
            self.layers.append(Layer())
        return self.layers[place]

    def _add_matrix(self, step: Unitary) -> None:
        frame = self.frame
        matrix = Matrix(
            [frame.directions[q] for q in step.qubits],
            [frame.masks[q] for q in step.qubits],
            [frame.flips[q] for q in step.qubits],
            step.matrix,
        )
        self.layers.append(Layer(matrix=matrix))
