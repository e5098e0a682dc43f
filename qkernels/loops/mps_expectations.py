"""Expectation values of Pauli words from matrix product states, a register of points at a time.

What an instruction does to the environments of one block lives here; which instructions measure
some words, and which blocks are measured, is the caller's business.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import fill, load, store, take_next
from qkernels.loops.mps_overlaps import largest_bonds, pack
from qkernels.loops.products import multiply, multiply_adjoint

CONTRACT, READ, APPLY, ONE = range(4)


def room_rows(widest: int, n_levels: int) -> int:
    """Return how many rows of lanes `measure` needs in each plane.

    Parameters
    ----------
    widest : int
        The largest bond.
    n_levels : int
        How many environments the instructions hold at a time.
    """
    return (3 * n_levels + 2) * widest * widest


@jit
def _turn(out, plane, left, right, flip, up, down):
    """Write one plane with spins exchanged, or not, and multiplied by signs."""
    for a in range(left):
        for spin in range(2):
            source = 1 - spin if flip else spin
            sign = fill(plane, down if spin else up)
            for c in range(right):
                value = sign * load(plane, (2 * a + source) * right + c)
                store(out, (2 * a + spin) * right + c, value)


@jit
def _apply(out, half, left, right, letter):
    """Write half-contracted matrices after X, Y (0, -i; i, 0) or Z."""
    if letter == 2:
        _turn(out[0], half[1], left, right, True, 1.0, -1.0)
        _turn(out[1], half[0], left, right, True, -1.0, 1.0)
    else:
        down = 1.0 if letter == 1 else -1.0
        _turn(out[0], half[0], left, right, letter == 1, 1.0, down)
        _turn(out[1], half[1], left, right, letter == 1, 1.0, down)


@jit
def _value(re, im, start, half, left, right, letter):
    """Return Re Σ conj(A[a, s, c]) P[s, t] half[a, t, c] as lanes."""
    total = fill(re, 0.0)
    for a in range(left):
        for spin in range(2):
            source = 1 - spin if letter < 3 else spin
            sign = fill(re, -1.0 if letter > 1 and spin else 1.0)
            for c in range(right):
                k, row = (2 * a + source) * right + c, start + (2 * a + spin) * right + c
                if letter == 2:
                    term = load(re, row) * load(half[1], k) - load(im, row) * load(half[0], k)
                else:
                    term = load(re, row) * load(half[0], k) + load(im, row) * load(half[1], k)
                total = total + sign * term
    return total


@jit
def measure(values, re, im, starts, bonds, instructions, room, square):
    """Write the expectation values of Pauli words on one block of states.

    Parameters
    ----------
    values : (count, n_words) array
        Output; there may be fewer points than lanes.
    re, im : (n, lanes) arrays
        The states: normalised, right-orthonormal from site 1 on. Element [a][s][c] of site k is
        row starts[k] + (2 * a + s) * bonds[k + 1] + c.
    starts, bonds : (n_sites,) and (n_sites + 1,) arrays of int64
    instructions : (n, 5) array of int64
        CONTRACT, level, site, 0, 0: contract the environment at a level with the ket of a site.
        READ, level, site, letter, index: write the value of the word that ends here, by what was
        contracted last at this level.
        APPLY, level, site, letter, target: close that with the bra; the result is the environment
        at the target level. Letters are 0 I, 1 X, 2 Y, 3 Z.
        ONE, 0, 0, 0, index: write 1.
    room : pair of (room_rows(widest, n_levels), lanes) arrays
    square : int
        The square of the largest bond.
    """
    for plane in room:
        store(plane, 0, fill(plane, 0.0))
    store(room[0], 0, fill(room[0], 1.0))
    spare = (room[0][-2 * square :], room[1][-2 * square :])
    for n in range(instructions.shape[0]):
        code, level, site, letter, last = instructions[n]
        first = 3 * square * level
        left, right = bonds[site], bonds[site + 1]
        half = (room[0][first + square :], room[1][first + square :])
        if code == CONTRACT:
            out = (room[0], room[1], first + square, 2 * right)
            tensor = (re, im, starts[site], 2 * right)
            multiply(out, (room[0], room[1], first, left), tensor, left, left, 2 * right)
        elif code == APPLY:
            out = (room[0], room[1], 3 * square * last, right)
            closed = (half[0], half[1], 0, right)
            if letter:
                _apply(spare, half, left, right, letter)
                closed = (spare[0], spare[1], 0, right)
            multiply_adjoint(out, (re, im, starts[site], right), closed, right, 2 * left, right)
        elif code == READ:
            store(spare[0], 0, _value(re, im, starts[site], half, left, right, letter))
            for point in range(values.shape[0]):
                values[point, last] = spare[0][0, point]
        else:
            values[:, last] = 1.0


@jit
def _measure_states(worker, counter, values, states, blocks, instructions, rooms, tensor_rows):
    lanes = rooms.shape[3]
    n_sites = states.bonds.shape[1] - 1
    starts = np.empty(n_sites, np.int64)
    re, im = rooms[worker, 0, :tensor_rows], rooms[worker, 1, :tensor_rows]
    room = (rooms[worker, 0, tensor_rows:], rooms[worker, 1, tensor_rows:])
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        end = min(first + lanes, values.shape[0])
        bonds = largest_bonds(states.bonds, first, end - first)
        pack(re, states.re, states.bonds, first, end - first, bonds, bonds[1:])
        pack(im, states.im, states.bonds, first, end - first, bonds, bonds[1:])
        start = 0
        for site in range(n_sites):
            starts[site] = start
            start += 2 * bonds[site] * bonds[site + 1]
        measure(values[first:end], re, im, starts, bonds, instructions, room, bonds.max() ** 2)
        block = blocks[0] + take_next(counter)


def measure_states(values, states, blocks, instructions, rooms, tensor_rows):
    """Write the expectation values of Pauli words for the points in `blocks`.

    Parameters
    ----------
    values : (n_points, n_words) array of float64
        Output; only the rows of the given blocks are written.
    states : named tuple of arrays
        As `mps_overlaps.write_fidelities` takes them.
    blocks : (2,) array
        The range of blocks, one block a register's worth of points.
    instructions
        As `measure` takes them.
    rooms : (n_workers, 2, tensor_rows + room_rows(...), lanes) array
        Each worker's room. A worker takes the next block when it is done with one.
    tensor_rows : int
        Rows that the tensors of a block take, with the largest bonds of all points.
    """
    shared = (values, states, blocks, instructions, rooms, tensor_rows)
    run_workers(_measure_states, len(rooms), *shared)
