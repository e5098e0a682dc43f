"""Layers → the plain arrays that the loops read.

A program is data, never generated code, so no circuit waits for a compiler. What the opcodes do
lives in `qkernels.loops.evolution`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from qkernels.compilation.angles import Angle
from qkernels.compilation.layering import Layer, Matrix, Rotation, odd

ROTATE, PHASES, SHARED_PHASES, MATRIX = range(4)
START, COPY, TURN, COMBINE, APPLY_COPY, APPLY_TURN, APPLY_COMBINE = range(7)
MAX_ROTATIONS_A_PASS = 3


class Program(NamedTuple):
    """Tables of one register's evolution.

    Attributes
    ----------
    instructions : (n, 5) array of int64
        Opcode, first and last: `ROTATE` the rotations first … last - 1 in one pass, `PHASES` by
        the phase steps first … last - 1, `SHARED_PHASES` of table `first`, `MATRIX` of layout
        `first`. Then, for phases, the first and last of the derivative steps.
    rotations : (n, 5) array of int64
        Direction, mask, negative, slot and pivot of each real rotation.
    phase_steps : (n, 4) array of int64
        Step, level, bit and slot: how tables of phases are doubled.
    level_rows : (n,) array of int64
        Where each level's table starts; last, the number of rows of them all.
    derivative_steps : (n, 4) array of int64
        As `phase_steps`, of those terms of a layer's phases that are not constant.
    derivative_rows : (n,) array of int64
        As `level_rows`, for the derivative steps.
    matrix_layouts : (n, 26) array of int64
        Qubit count, place of the first entry, then direction, mask and flip a qubit, then pivots.
    matrix_re, matrix_im : (n,) arrays of float64
        The entries of all matrices, row by row.
    """

    instructions: np.ndarray
    rotations: np.ndarray
    phase_steps: np.ndarray
    level_rows: np.ndarray
    derivative_steps: np.ndarray
    derivative_rows: np.ndarray
    matrix_layouts: np.ndarray
    matrix_re: np.ndarray
    matrix_im: np.ndarray

    def with_adjoint_matrices(self) -> Program:
        """Return the program whose matrices are the adjoint ones; all else is the same."""
        re, im = self.matrix_re.copy(), self.matrix_im.copy()
        for k, offset in self.matrix_layouts[:, :2]:
            entries = slice(offset, offset + 4**k)
            re[entries] = re[entries].reshape(2**k, 2**k).T.ravel()
            im[entries] = -im[entries].reshape(2**k, 2**k).T.ravel()
        return self._replace(matrix_re=re, matrix_im=im)


class Slots:
    """Numbers the distinct angles whose sine and cosine the loops need.

    Parameters
    ----------
    per_point : callable
        Whether a flat symbol's value differs from point to point.
    """

    def __init__(self, per_point: Callable[[int], bool]) -> None:
        self._per_point = per_point
        self._numbers: dict[tuple, int] = {}
        self.angles: list[Angle] = []
        self.tables: list[tuple[tuple[int, int], ...]] = []

    def is_shared(self, angle: Angle) -> bool:
        """Return whether an angle is the same at every point."""
        return not any(map(self._per_point, angle.terms))

    def is_shared_layer(self, layer: Layer) -> bool:
        """Return whether a layer does the same to every point."""
        angles = [*(r.angle for r in layer.rotations), *layer.phases.values()]
        return all(map(self.is_shared, angles))

    def slot(self, angle: Angle) -> int:
        """Return the number of an angle, a new one if it is new."""
        number = self._numbers.setdefault(angle.key, len(self.angles))
        if number == len(self.angles):
            self.angles.append(angle)
        return number

    def table(self, phases: dict[int, Angle]) -> int:
        """Return the number of the shared table with these phases."""
        terms = tuple(sorted((mask, self.slot(angle)) for mask, angle in phases.items()))
        if terms not in self.tables:
            self.tables.append(terms)
        return self.tables.index(terms)


def passes(rotations: Sequence[Rotation]) -> Iterator[list[Rotation]]:
    """Group successive rotations that one pass over the amplitudes can apply.

    Their directions are independent, and none changes the sign with which another acts.
    """
    group: list[Rotation] = []
    for rotation in rotations:
        alone = any(
            odd(rotation.mask & other.direction) or odd(other.mask & rotation.direction)
            for other in group
        )
        if len(group) == MAX_ROTATIONS_A_PASS or alone:
            yield group
            group = []
        group.append(rotation)
    if group:
        yield group


def pivots(directions: Iterable[int]) -> list[int]:
    """Return one bit a direction, such that each coset has one element without any of them.

    The directions must be linearly independent.
    """
    reduced: list[tuple[int, int]] = []
    for direction in directions:
        for bit, row in reduced:
            if direction & bit:
                direction ^= row
        pivot = direction & -direction
        reduced = [(b, r ^ direction if r & pivot else r) for b, r in reduced]
        reduced.append((pivot, direction))
    return [bit for bit, _ in reduced]


def table_steps(phases: dict[int, int], bits: int, level: int = 0) -> Iterator[tuple]:
    """Yield the steps that double a table of phases, given as slot by mask, over some bits."""
    yield START, level, 0, phases.get(0, -1)
    for bit in range(bits):
        yield from _doubling(phases, bit, level, (COPY, TURN, COMBINE))


def _doubling(
    phases: dict[int, int], bit: int, level: int, kinds: tuple[int, int, int]
) -> Iterator[tuple]:
    top = 1 << bit
    below = {mask ^ top: slot for mask, slot in phases.items() if top <= mask < 2 * top}
    copy, turn, combine = kinds
    if not below:
        yield copy, level, bit, -1
    elif below.keys() == {0}:
        yield turn, level, bit, below[0]
    else:
        yield from table_steps(below, bit, level + 1)
        yield combine, level, bit, -1


class ProgramWriter:
    """Writes layers into tables.

    Parameters
    ----------
    n_qubits : int
    slots : Slots
        Where the angles are numbered.
    """

    def __init__(self, n_qubits: int, slots: Slots) -> None:
        self._n_qubits = n_qubits
        self._slots = slots
        self._instructions: list[tuple[int, int, int, int, int]] = []
        self._rotations: list[tuple[int, ...]] = []
        self._steps: list[tuple] = []
        self._derivative_steps: list[tuple] = []
        self._layouts: list[list[int]] = []
        self._entries: list[np.ndarray] = []

    def write(self, layers: Iterable[Layer]) -> Program:
        """Return the program of some layers, applied in order."""
        for layer in layers:
            if layer.matrix is not None:
                self._write_matrix(layer.matrix)
            for group in passes([r for r in layer.rotations if not r.angle.is_zero]):
                self._write_rotations(group)
            self._write_phases(layer.phases)
        entries = np.concatenate([np.zeros(0, complex), *self._entries])
        return Program(
            _table(self._instructions, 5),
            _table(self._rotations, 5),
            _table(self._steps, 4),
            self._level_rows(self._steps, max((2 ** row[0] for row in self._layouts), default=0)),
            _table(self._derivative_steps, 4),
            self._level_rows(self._derivative_steps),
            _table(self._layouts, 26),
            np.ascontiguousarray(entries.real),
            np.ascontiguousarray(entries.imag),
        )

    def _write_rotations(self, group: list[Rotation]) -> None:
        first = len(self._rotations)
        for rotation, pivot in zip(group, pivots(r.direction for r in group), strict=True):
            # The loops turn by half the angle, and see `b` with its pivot bit 0.
            slot = self._slots.slot(0.5 * rotation.angle)
            row = (rotation.direction, rotation.mask, int(rotation.negative), slot, pivot)
            self._rotations.append(row)
        self._instructions.append((ROTATE, first, len(self._rotations), 0, 0))

    def _write_phases(self, phases: dict[int, Angle]) -> None:
        shared = {m: a for m, a in phases.items() if self._slots.is_shared(a)}
        own = {m: a for m, a in phases.items() if m not in shared}
        if own and all(mask.bit_count() == 1 for mask in shared):
            own, shared = phases, {}
        if own:
            span = self._write_steps(self._steps, own)
            self._instructions.append((PHASES, *span, *self._write_derivative(own)))
        if shared:
            table = self._slots.table(shared)
            span = self._write_derivative(shared)
            self._instructions.append((SHARED_PHASES, table, 0, *span))

    def _write_derivative(self, phases: dict[int, Angle]) -> tuple[int, int]:
        varying = {mask: angle for mask, angle in phases.items() if not angle.is_constant}
        return self._write_steps(self._derivative_steps, varying) if varying else (0, 0)

    def _write_steps(self, steps: list[tuple], phases: dict[int, Angle]) -> tuple[int, int]:
        """Write the steps that double a table up to the whole state; return where they are."""
        first, last = len(steps), self._n_qubits - 1
        slots = {mask: self._slots.slot(angle) for mask, angle in sorted(phases.items())}
        steps += table_steps(slots, last)
        steps += _doubling(slots, last, 0, (APPLY_COPY, APPLY_TURN, APPLY_COMBINE))
        return first, len(steps)

    def _write_matrix(self, matrix: Matrix) -> None:
        k = len(matrix.directions)
        places = zip(matrix.directions, matrix.masks, matrix.flips, strict=True)
        row = [k, sum(map(len, self._entries)), *(value for place in places for value in place)]
        row += sorted(pivots(matrix.directions))
        self._layouts.append(row + [0] * (26 - len(row)))
        self._entries.append(matrix.matrix.ravel())
        self._instructions.append((MATRIX, len(self._layouts) - 1, 0, 0, 0))

    def _level_rows(self, steps: list[tuple], least: int = 0) -> np.ndarray:
        """Return where each level's table starts: levels 0 and 1 hold 2^(n-1) rows, then half."""
        half = 2 ** (self._n_qubits - 1)
        deepest = max((step[1] for step in steps), default=-1)
        sizes = [max(1, half >> max(0, level - 1)) for level in range(deepest + 1)]
        starts = np.cumsum([0, *sizes])
        # One start more than there are levels, so that the deepest has a next one to point at.
        return np.array([*starts, max(int(starts[-1]), least)], dtype=np.int64)


def _table(rows: list, columns: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)
