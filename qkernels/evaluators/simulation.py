"""One compiled component at many points: the loops' inputs, room and pacing.

What a loop needs beside its program is allocated here, and work is cut into calls short enough for
Ctrl-C. Which points are wanted, and what is kept of them, is the evaluator's business.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import numpy as np

from qkernels.compilation.circuit import Component
from qkernels.compilation.program import PHASES, ROTATE, Program
from qkernels.loops import adjoint, embedding, expectations, tangents
from qkernels.loops.jit import thread_count
from qkernels.loops.lanes import lane_count
from qkernels.memory import available_memory

# A loop cannot be interrupted: one call is given about this much work.
_SECONDS_A_CALL = 0.1
_SECONDS_A_NUMBER = 5e-10
# Less work than this is done before a second thread has woken up.
_SECONDS_WORTH_A_THREAD = 5e-4
# Planes of 2^n registers that a worker needs: for states, with cotangents, or with tangents and
# the gradient of a word.
STATES, COTANGENTS, TANGENTS = 2, 4, 6
# Below so many bytes nobody asks how much memory is left.
_MODEST_ROOM = 10**8

Planes: TypeAlias = tuple[np.ndarray, np.ndarray]


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

    def pull_back(self, program: Program, states: Planes, cotangents: Planes) -> np.ndarray:
        """Return the gradients by the slots, given those by the states after a program."""
        reverse = self._reverse(program)

        def run(
            gradients: np.ndarray, starts: np.ndarray, blocks: np.ndarray, room: np.ndarray
        ) -> None:
            where = self._slots, blocks, room
            adjoint.pull_back(gradients, starts, states, cotangents, *where, *reverse)

        return self._rewind(run, program)

    def pull_back_expectations(
        self, weights: np.ndarray, words: np.ndarray, factors: np.ndarray
    ) -> np.ndarray:
        """Return the gradients by the slots, given those by the values of Pauli words."""
        program = self._component.main
        reverse, _, reverse_im = self._reverse(program)
        weights = np.ascontiguousarray(weights * factors, self._dtype)

        def run(
            gradients: np.ndarray, starts: np.ndarray, blocks: np.ndarray, room: np.ndarray
        ) -> None:
            adjoint.pull_back_expectations(
                gradients,
                starts,
                weights,
                self._slots,
                blocks,
                room,
                self._initial,
                program,
                *self._tables,
                reverse,
                reverse_im,
                words,
            )

        return self._rewind(run, program)

    def _reverse(self, program: Program) -> tuple[Program, np.ndarray, np.ndarray]:
        """Return what undoes a program: with adjoint matrices, and the conjugate tables."""
        re, im = self._tables
        return program.with_adjoint_matrices(), re, -im

    def _rewind(self, run: Callable[..., None], program: Program) -> np.ndarray:
        """Call a reverse loop on all blocks, then go back through what all points share."""
        gradients = np.empty(self._slots.shape)
        total = np.zeros((2, self._size))

        def run_blocks(blocks: np.ndarray, room: np.ndarray) -> None:
            n_blocks = blocks[1] - blocks[0] if self._component.prefix_varies else 0
            starts = np.empty((n_blocks, 2, self._size), self._dtype)
            run(gradients, starts, blocks, room)
            for start in starts:
                total[:] += start

        self._run(run_blocks, program, planes=COTANGENTS)
        if self._component.prefix_varies:
            gradients[:1] += self._pull_back_prefix(total)
        return gradients

    def _pull_back_prefix(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient by the slots, given that by the state that all points start from."""
        program = self._component.prefix
        gradient = np.empty((1, self._slots.shape[1]))
        adjoint.pull_back(
            gradient,
            np.empty((0, 2, self._size), self._dtype),
            (self._initial[:1], self._initial[1:]),
            (cotangent[:1].astype(self._dtype), cotangent[1:].astype(self._dtype)),
            self._slots[:1],
            np.array([0, 1]),
            self._room(program, 1, planes=COTANGENTS),
            *self._reverse(program),
        )
        return gradient

    def tangents(self, rates: np.ndarray) -> tuple[Planes, Planes]:
        """Return the states after `main`, and how fast they change, given the rates of the slots.

        Parameters
        ----------
        rates : ndarray of shape (n_points, n_slots)
        """
        shape = (len(self._slots), self._size)
        states, changes = (
            (np.empty(shape, self._dtype), np.empty(shape, self._dtype)) for _ in range(2)
        )
        initial, program = self._initial_and_tangent(rates), self._component.main

        def run(blocks: np.ndarray, room: np.ndarray) -> None:
            where = self._slots, rates, blocks, room
            tangents.embed_tangents(states, changes, *where, initial, program, *self._tables)

        self._run(run, program, planes=TANGENTS)
        return states, changes

    def expectation_rates(
        self, rates: np.ndarray, words: np.ndarray, factors: np.ndarray
    ) -> np.ndarray:
        """Return how fast the expectation values of Pauli words change, a row a point."""
        values = np.empty((len(self._slots), len(words)))
        initial, program = self._initial_and_tangent(rates), self._component.main

        def run(blocks: np.ndarray, room: np.ndarray) -> None:
            where = self._slots, rates, blocks, room
            how = initial, program, *self._tables, words, factors
            tangents.expectation_rates(values, *where, *how)

        self._run(run, program, planes=TANGENTS)
        return values

    def _initial_and_tangent(self, rates: np.ndarray) -> np.ndarray:
        """Return the state that all points start from, and how fast it changes."""
        start = np.zeros((4, self._size), self._dtype)
        start[0, 0] = 1.0
        program = self._component.prefix
        if not len(program.instructions):
            return start
        planes = [np.empty((1, self._size), self._dtype) for _ in range(4)]
        room, block = self._room(program, 1, planes=TANGENTS), np.array([0, 1])
        where = self._slots[:1], rates[:1], block, room
        pairs = tuple(planes[:2]), tuple(planes[2:])
        tangents.embed_tangents(*pairs, *where, start, program, *self._tables)
        return np.vstack(planes)

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

    def _room(self, program: Program, workers: int, *, planes: int = STATES) -> np.ndarray:
        rows = _room_rows(self._component, program, planes)
        return np.empty((workers, rows, lane_count(self._dtype)), self._dtype)

    def _run(
        self,
        run: Callable[[np.ndarray, np.ndarray], None],
        program: Program,
        *,
        planes: int = STATES,
    ) -> None:
        """Call a loop on all blocks, some at a time."""
        n_blocks = -(-len(self._slots) // lane_count(self._dtype))
        seconds = self._seconds_a_block(program) * planes / STATES
        workers = min(self._affordable_workers(program, planes), n_blocks)
        if n_blocks * seconds < _SECONDS_WORTH_A_THREAD:
            workers = 1
        room = self._room(program, workers, planes=planes)
        step = max(1, int(_SECONDS_A_CALL / seconds)) * workers
        for first in range(0, n_blocks, step):
            run(np.array([first, min(first + step, n_blocks)]), room)

    def _affordable_workers(self, program: Program, planes: int) -> int:
        """Return the number of threads, or fewer where wide registers would fill the memory."""
        size = room_size(self._component, program, self._dtype, planes)
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


def _room_rows(component: Component, program: Program, planes: int) -> int:
    """Return how many rows of lanes one worker needs."""
    n_slots, size = len(component.slots.constants), 2**component.n_qubits
    tables = int(program.level_rows[-1])
    if planes != STATES:
        tables = max(tables, int(program.derivative_rows[-1]))
    return planes * size + 2 * tables + (3 if planes == STATES else 4) * n_slots + 1


def room_size(component: Component, program: Program, dtype: np.dtype, planes: int = STATES) -> int:
    """Return how many bytes one worker needs for a sweep with so many planes."""
    return _room_rows(component, program, planes) * lane_count(dtype) * dtype.itemsize
