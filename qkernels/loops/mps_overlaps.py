"""Gram matrices from matrix product states: |⟨a_i|b_j⟩|² in tiles.

A tile's columns are packed into panels, each of as many points as a register holds, with zeros
beyond a point's own bonds; each row then runs along the chain of each panel. The environment of the
sites behind it, a matrix for each column, is contracted with the panel's tensor and then with the
row's. Which tiles are computed, and in what order, is the caller's business.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import take_next
from qkernels.loops.products import multiply, multiply_adjoint


def room_rows(a_bonds: np.ndarray, b_bonds: np.ndarray, panels: int) -> int:
    """Return how many rows of lanes a worker needs in each plane.

    Parameters
    ----------
    a_bonds, b_bonds : (n_sites + 1,) arrays of int64
        The largest bonds of the points of the rows and of the columns.
    panels : int
        How many registers of points the columns of a tile are.
    """
    panel = 2 * int(np.sum(b_bonds[:-1] * b_bonds[1:]))
    return panels * panel + 3 * _square(a_bonds, b_bonds)


def _square(a_bonds: np.ndarray, b_bonds: np.ndarray) -> int:
    """Return the most elements that an environment has between two sites or within one."""
    widest = np.maximum(a_bonds[:-1] * b_bonds[:-1], a_bonds[:-1] * b_bonds[1:])
    return int(max(widest.max(), (a_bonds * b_bonds).max()))


@jit
def pack(out, states, bonds, first, count, widest):
    """Pack the tensors of the points from `first` on side by side, and return the rows written.

    Parameters
    ----------
    out : (n, lanes) array
        A plane of the tensors, site after site, each as large as the bonds in `widest`; zeros
        beyond a point's own bonds and beyond `count` points.
    states : (n_points, width) array
    bonds : (n_points, n_sites + 1) array of int64
    first, count : int
    widest : (n_sites + 1,) array of int64
    """
    n_sites = widest.shape[0] - 1
    rows = 0
    for site in range(n_sites):
        rows += 2 * widest[site] * widest[site + 1]
    out[:rows] = 0.0
    for lane in range(count):
        own = bonds[first + lane]
        start, place = 0, 0
        for site in range(n_sites):
            left, right = own[site], own[site + 1]
            for k in range(2 * left):
                for c in range(right):
                    value = states[first + lane, place + k * right + c]
                    out[start + k * widest[site + 1] + c, lane] = value
            start += 2 * widest[site] * widest[site + 1]
            place += 2 * left * right
    return rows


@jit
def largest_bonds(widest, bonds, first, count):
    """Write the largest bonds of the points from `first` on."""
    widest[:] = 1
    for point in range(first, first + count):
        for k in range(widest.shape[0]):
            widest[k] = max(widest[k], bonds[point, k])


@jit
def _contract(room, square, re, im, bonds, start, widest):
    """Run along a chain; leave each column's overlap in the first row of the room."""
    environment = (room[0][:square], room[1][:square])
    half = (room[0][square : 3 * square], room[1][square : 3 * square])
    environment[0][0] = 1.0
    environment[1][0] = 0.0
    place = 0
    for site in range(widest.shape[0] - 1):
        left, right = bonds[site], bonds[site + 1]
        panel = (room[0][start:], room[1][start:])
        multiply(half, environment, panel, left, widest[site], 2 * widest[site + 1])
        row = (re[place:], im[place:])
        multiply_adjoint(environment, row, half, right, 2 * left, widest[site + 1])
        start += 2 * widest[site] * widest[site + 1]
        place += 2 * left * right


@jit
def _write(gram, room, i, first, count, symmetric):
    """Write the fidelities of a row with the columns of a panel, and their mirror image."""
    for lane in range(count):
        j = first + lane
        if symmetric and j <= i:
            if j == i:
                gram[i, i] = 1.0
            continue
        real, imag = float(room[0][0, lane]), float(room[1][0, lane])
        fidelity = real * real + imag * imag
        gram[i, j] = fidelity
        if symmetric:
            gram[j, i] = fidelity


@jit
def _write_tile(gram, a, b, tile, symmetric, room, square, lanes):
    """Write a tile of the Gram matrix, panel by panel."""
    widest = np.empty(b.bonds.shape[1], np.int64)
    start = 3 * square
    for first in range(tile[2], tile[3], lanes):
        count = min(lanes, tile[3] - first)
        largest_bonds(widest, b.bonds, first, count)
        pack(room[0][start:], b.re, b.bonds, first, count, widest)
        pack(room[1][start:], b.im, b.bonds, first, count, widest)
        end = min(tile[1], first + count) if symmetric else tile[1]
        for i in range(tile[0], end):
            if not symmetric or i < first + count - 1:
                _contract(room, square, a.re[i], a.im[i], a.bonds[i], start, widest)
            _write(gram, room, i, first, count, symmetric)


@jit
def _write_fidelities(worker, counter, gram, a, b, tiles, symmetric, rooms, square, lanes):
    room = (rooms[worker, 0], rooms[worker, 1])
    t = take_next(counter)
    while t < tiles.shape[0]:
        _write_tile(gram, a, b, tiles[t], symmetric, room, square, lanes)
        t = take_next(counter)


def write_fidelities(gram, a, b, tiles, *, symmetric, rooms):
    """Write tiles of the fidelities of two sets of matrix product states.

    Parameters
    ----------
    gram : (n_a, n_b) array of float64
        Changed in place.
    a, b : named tuples of arrays
        The states: `re` and `im`, (n_points, width), site after site, each tensor as large as its
        bonds; `bonds`, (n_points, n_sites + 1). b is a where `symmetric`.
    tiles : (n_tiles, 4) array of int64
        First row, end row, first column, end column.
    symmetric : bool
        Whether only what is above the diagonal is computed, and its mirror image written too; the
        diagonal is then exactly 1.
    rooms : (n_workers, 2, room_rows(...), lanes) array
        Each worker's room. A worker takes the next tile when it is done with one.
    """
    square = _square(a.bonds.max(axis=0), b.bonds.max(axis=0))
    shared = (gram, a, b, tiles, symmetric, rooms, square, rooms.shape[-1])
    run_workers(_write_fidelities, len(rooms), *shared)
