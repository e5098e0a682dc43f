"""Gram matrices from matrix product states: |⟨a_i|b_j⟩|² in tiles.

A tile's columns are packed into panels, each of as many points as a register holds, with zeros
beyond a point's own bonds. Each row then runs along the chain of each panel: the environment of the
sites behind, a matrix for each column, is contracted with the panel's tensor and then with the
row's. Which tiles are computed, and in what order, is the caller's business.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import take_next
from qkernels.loops.products import apart, multiply, multiply_adjoint

# Rows of wider matrices are further apart than their bonds say, see `_strides`.
_WIDE = 8


def room_rows(a_bonds: np.ndarray, b_bonds: np.ndarray) -> int:
    """Return how many rows of lanes a worker needs in each plane.

    Parameters
    ----------
    a_bonds, b_bonds : (n_sites + 1,) arrays of int64
        The largest bonds of the points of the rows and of the columns.
    """
    return _panel_start(a_bonds, b_bonds) + 2 * int(np.sum(b_bonds[:-1] * _strides(b_bonds)))


def _half_start(a_bonds: np.ndarray, b_bonds: np.ndarray) -> int:
    """Return how many elements an environment has, which comes first in a room."""
    return int((a_bonds * b_bonds).max())


def _panel_start(a_bonds: np.ndarray, b_bonds: np.ndarray) -> int:
    """Return how many an environment has between sites and, second in a room, within one."""
    half = 2 * int((a_bonds[:-1] * _strides(b_bonds)).max())
    return _half_start(a_bonds, b_bonds) + half


@jit
def pack(out, states, bonds, first, count, widest, strides):
    """Pack the tensors of the points from `first` on side by side.

    Parameters
    ----------
    out : (n, lanes) array
        A plane of the tensors, site after site: zeros beyond a point's own bonds, and beyond
        `count` points.
    states : (n_points, width) array
    bonds : (n_points, n_sites + 1) array of int64
    first, count : int
    widest : (n_sites + 1,) array of int64
        The largest bonds of these points.
    strides : (n_sites,) array of int64
        How far the rows of each site's matrix, (left bond and spin, right bond), are apart.
    """
    n_sites = strides.shape[0]
    rows = 0
    for site in range(n_sites):
        rows += 2 * widest[site] * strides[site]
    out[:rows] = 0.0
    for lane in range(count):
        own = bonds[first + lane]
        start, place = 0, 0
        for site in range(n_sites):
            left, right = own[site], own[site + 1]
            for k in range(2 * left):
                for c in range(right):
                    value = states[first + lane, place + k * right + c]
                    out[start + k * strides[site] + c, lane] = value
            start += 2 * widest[site] * strides[site]
            place += 2 * left * right


@jit
def largest_bonds(bonds, first, count):
    """Return the largest bonds of the points from `first` on."""
    widest = bonds[first].copy()
    for point in range(first + 1, first + count):
        for k in range(widest.shape[0]):
            widest[k] = max(widest[k], bonds[point, k])
    return widest


@jit
def _strides(widest):
    """Return how far the rows of each site's matrix are apart, further where they are long."""
    strides = widest[1:].copy()
    for site in range(strides.shape[0]):
        if strides[site] >= _WIDE:
            strides[site] = apart(strides[site])
    return strides


@jit
def _contract(room, x_re, x_im, bonds, half, panel, widest, strides):
    """Run along a panel with one row; leave the overlaps in the first row of the room."""
    re, im = room
    re[0] = 1.0
    im[0] = 0.0
    place = 0
    for site in range(strides.shape[0]):
        left, right = bonds[site], bonds[site + 1]
        near, far, stride = widest[site], widest[site + 1], strides[site]
        spins = 1 if stride == far else 2
        for skip in range(0, spins * stride, stride):
            out = (re, im, half + skip, 2 * stride)
            tensor = (re, im, panel + skip, 2 * stride)
            multiply(out, (re, im, 0, near), tensor, left, near, 2 * far // spins)
        tensor = (x_re, x_im, place, right)
        multiply_adjoint((re, im, 0, far), tensor, (re, im, half, stride), right, 2 * left, far)
        place += 2 * left * right
        panel += 2 * near * stride


@jit
def _write(gram, room, i, first, count, symmetric):
    """Write the fidelities of a row with the columns of a panel, and their mirror image."""
    for lane in range(count):
        j = first + lane
        real, imag = float(room[0][0, lane]), float(room[1][0, lane])
        fidelity = real * real + imag * imag
        if not symmetric:
            gram[i, j] = fidelity
        elif i < j:
            gram[i, j] = gram[j, i] = fidelity
        elif i == j:
            gram[i, i] = 1.0


@jit
def _write_tile(gram, a, b, tile, symmetric, room, half, panel, lanes):
    """Write a tile of the Gram matrix, panel by panel."""
    for first in range(tile[2], tile[3], lanes):
        count = min(lanes, tile[3] - first)
        widest = largest_bonds(b.bonds, first, count)
        strides = _strides(widest)
        pack(room[0][panel:], b.re, b.bonds, first, count, widest, strides)
        pack(room[1][panel:], b.im, b.bonds, first, count, widest, strides)
        end = min(tile[1], first + count) if symmetric else tile[1]
        for i in range(tile[0], end):
            _contract(room, a.re[i], a.im[i], a.bonds[i], half, panel, widest, strides)
            _write(gram, room, i, first, count, symmetric)


@jit
def _write_fidelities(worker, counter, gram, a, b, tiles, symmetric, rooms, half, panel, lanes):
    room = (rooms[worker, 0], rooms[worker, 1])
    t = take_next(counter)
    while t < tiles.shape[0]:
        _write_tile(gram, a, b, tiles[t], symmetric, room, half, panel, lanes)
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
    bonds = a.bonds.max(axis=0), b.bonds.max(axis=0)
    places = _half_start(*bonds), _panel_start(*bonds)
    shared = (gram, a, b, tiles, symmetric, rooms, *places, rooms.shape[-1])
    run_workers(_write_fidelities, len(rooms), *shared)
