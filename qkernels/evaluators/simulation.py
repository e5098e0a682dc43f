"""One compiled component at many points: the loops' inputs, room and pacing.

What a loop needs beside its program is allocated here, and work is cut into calls short enough for
Ctrl-C. Which points are wanted, and what is kept of them, is the evaluator's business.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from qkernels.compilation.circuit import Component
from qkernels.compilation.program import PHASES, ROTATE, Program
from qkernels.loops import embedding, expectations
from qkernels.loops.jit import thread_count
from qkernels.loops.lanes import lane_count
from qkernels.memory import available_memory

# A loop cannot be interrupted: one call is given about this much work.
_SECONDS_A_CALL = 0.1
_SECONDS_A_NUMBER = 5e-10
# Less work than this is done before a second thread has woken up.
_SECONDS_WORTH_A_THREAD = 5e-4
# Below so many bytes nobody asks how much memory is left.
_MODEST_ROOM = 10**8


class Simulation:
    """One component's states at given points.

    Parameters
    ----------
    component : Component
    angles : ndarray of shape (n_points, n_angles)
        The feature map's angles.
    dtype : numpy dtype
        float64 or float32.
    """

    def __init__(self, component: Component, angles: np.ndarray, dtype: np.dtype) -> None:
        self._component = component
        self._slots = component.slots(angles)
        self._dtype = dtype
        self._size = 2**component.n_qubits

    def states(self, program: Program) -> tuple[np.ndarray, np.ndarray]:
        """Return the real and imaginary amplitudes, (n_points, 2^n) each, after a program."""
        shape = (len(self._slots), self._size)
        re, im = np.empty(shape, self._dtype), np.empty(shape, self._dtype)

        def run(blocks: np.ndarray, room: np.ndarray) -> None:
            embedding.embed(
                re, im, self._slots, blocks, room, self._initial, program, *self._tables
            )

        self._run(run, program)
        return re, im

    def expectations(self, words: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Return the expectation values (n_points, n_words) of Pauli words after `main`."""
        program = self._component.main
        values = np.empty((len(self._slots), len(words)))

        def run(blocks: np.ndarray, room: np.ndarray) -> None:
            expectations.expectations(
                values,
                self._slots,
                blocks,
                room,
                self._initial,
                program,
                *self._tables,
                words,
                factors,
            )

        self._run(run, program)
        return values

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """The phases that all points share."""
        phases = self._component.shared_phases(self._slots[0])
        return (
            np.ascontiguousarray(phases.real, self._dtype),
            np.ascontiguousarray(phases.imag, self._dtype),
        )

    @cached_property
    def _initial(self) -> np.ndarray:
        """The state that all points start from: |0…0⟩ after the component's prefix."""
        start = np.zeros((2, self._size), self._dtype)
        start[0, 0] = 1.0
        program = self._component.prefix
        if not len(program.instructions):
            return start
        re, im = np.empty((1, self._size), self._dtype), np.empty((1, self._size), self._dtype)
        room = self._room(program, 1)
        block = np.array([0, 1])
        embedding.embed(re, im, self._slots[:1], block, room, start, program, *self._tables)
        return np.vstack([re, im])

    def _room(self, program: Program, workers: int) -> np.ndarray:
        rows = _room_rows(self._component, program)
        return np.empty((workers, rows, lane_count(self._dtype)), self._dtype)

    def _run(self, run: Callable[[np.ndarray, np.ndarray], None], program: Program) -> None:
        """Call a loop on all blocks, some at a time."""
        n_blocks = -(-len(self._slots) // lane_count(self._dtype))
        seconds = self._seconds_a_block(program)
        workers = min(self._affordable_workers(program), n_blocks)
        if n_blocks * seconds < _SECONDS_WORTH_A_THREAD:
            workers = 1
        room = self._room(program, workers)
        step = max(1, int(_SECONDS_A_CALL / seconds)) * workers
        for first in range(0, n_blocks, step):
            run(np.array([first, min(first + step, n_blocks)]), room)

    def _affordable_workers(self, program: Program) -> int:
        """Return the number of threads, or fewer where wide registers would fill the memory."""
        size = room_size(self._component, program, self._dtype)
        if thread_count() * size < _MODEST_ROOM:
            return thread_count()
        spare = (available_memory() or 0) // 4
        return min(thread_count(), max(1, spare // size))

    def _seconds_a_block(self, program: Program) -> float:
        """Return a rough estimate, enough to pace calls."""
        opcodes = program.instructions[:, 0]
        visits = 2 + np.sum(opcodes == ROTATE) + 2 * np.sum(opcodes == PHASES)
        visits += np.sum(2.0 ** program.matrix_layouts[:, 0])
        numbers = visits * self._size + 20 * len(self._component.slots.constants)
        return float(numbers * lane_count(self._dtype) * _SECONDS_A_NUMBER)


def _room_rows(component: Component, program: Program) -> int:
    """Return how many rows of lanes one worker needs."""
    n_slots = len(component.slots.constants)
    return 2 * 2**component.n_qubits + 2 * int(program.level_rows[-1]) + 3 * n_slots + 1


def room_size(component: Component, program: Program, dtype: np.dtype) -> int:
    """Return how many bytes one worker needs."""
    return _room_rows(component, program) * lane_count(dtype) * dtype.itemsize
