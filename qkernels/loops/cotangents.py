"""From the gradient of a Gram matrix to cotangents of the states, tile by tile.

With o_ij = ⟨a_i|b_j⟩ and G_ij the gradient with respect to |o_ij|², the cotangents are
Σ_j 2 G_ij conj(o_ij) b_j for a_i and Σ_i 2 G_ij o_ij a_i for b_j. The overlaps of a tile are
computed again, weighted, and multiplied with the states by the same blocks in registers that
computed them (`overlaps`), so that no matrix of overlaps is ever stored. Which tiles are computed
at the same time is the caller's business: no two may share a row block or a column block.
"""

from __future__ import annotations

from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import add, copy, take_next
from qkernels.loops.overlaps import SLICE, accumulate, tile_overlaps


def room_size(edge: int, lanes: int) -> int:
    """Return how many numbers a worker needs for a tile of `edge` by `edge` points."""
    padded = -(-edge // lanes) * lanes
    return 4 * padded * (padded + SLICE) + 2 * lanes * lanes


@jit
def _mirror(sums, blocks, lanes):
    """Fill the lower half of a tile on the diagonal: ⟨a_j|a_i⟩ is the conjugate of ⟨a_i|a_j⟩."""
    square = lanes * lanes
    for i in range(blocks):
        for j in range(i + 1, blocks):
            upper, lower = 2 * square * (i * blocks + j), 2 * square * (j * blocks + i)
            for row in range(lanes):
                for column in range(lanes):
                    here, there = row * lanes + column, column * lanes + row
                    sums[lower + here] = sums[upper + there]
                    sums[lower + square + here] = -sums[upper + square + there]


@jit
def _weigh(sums, gradient, tile, lanes, symmetric):
    """Multiply a tile's overlaps by twice the gradient, of both halves where it is symmetric."""
    place = 0
    for row in range(tile[0], tile[1], lanes):
        for column in range(tile[2], tile[3], lanes):
            for i in range(row, min(row + lanes, tile[1])):
                for j in range(column, min(column + lanes, tile[3])):
                    weight = 2.0 * gradient[i, j]
                    if symmetric:
                        weight = 0.0 if i == j else weight + 2.0 * gradient[j, i]
                    entry = place + (i - row) * lanes + j - column
                    sums[entry] *= weight
                    sums[entry + lanes * lanes] *= weight
            place += 2 * lanes * lanes


@jit
def _pack_rows(panels, place, sums, blocks, columns, lanes):
    """Pack the weighted overlaps as `accumulate` takes them, a block of rows after another."""
    for block in range(blocks):
        for j in range(columns):
            source = (block * ((columns + lanes - 1) // lanes) + j // lanes) * 2 * lanes * lanes
            for part in range(2):
                for i in range(lanes):
                    entry = source + (part * lanes + i) * lanes + j % lanes
                    panels[place] = sums[entry]
                    place += 1


@jit
def _pack_columns(panels, place, sums, rows, blocks, lanes):
    """Pack the conjugate weighted overlaps, a block of columns after another."""
    for block in range(blocks):
        for i in range(rows):
            source = (i // lanes * blocks + block) * 2 * lanes * lanes + i % lanes * lanes
            for j in range(lanes):
                panels[place + j] = sums[source + j]
                panels[place + lanes + j] = -sums[source + lanes * lanes + j]
            place += 2 * lanes


@jit
def _pack_amplitudes(panels, plane, shift, start, end, first, width, lanes):
    """Pack some amplitudes of some points, a register's amplitudes of all points together."""
    depth, size = end - start, plane.shape[1]
    for point in range(start, end):
        place = (point - start) * 2 * lanes + shift
        if width < lanes:
            panels[place : place + lanes] = 0.0
            panels[place : place + width] = plane[point, first : first + width]
        else:
            for group in range(0, width, lanes):
                copy(panels, place + group * 2 * depth, plane, point * size + first + group)


@jit
def _add_block(out, sums, shift, point, end, first, width, lanes):
    """Add a block of sums, some points by a register's amplitudes, to one plane."""
    for i in range(min(lanes, end - point)):
        if width < lanes:
            for k in range(width):
                out[point + i, first + k] += sums[shift + i * lanes + k]
        else:
            add(out, (point + i) * out.shape[1] + first, sums, shift + i * lanes)


@jit
def _add_products(out, states, panels, weights, sums, to, of, lanes):
    """Add weighted sums of the states `of` to the cotangents of the points `to`.

    `weights` is where in `panels` the packed weights are.
    """
    size = states[0].shape[1]
    depth = of[1] - of[0]
    for first in range(0, size, SLICE):
        width = min(SLICE, size - first)
        _pack_amplitudes(panels, states[0], 0, of[0], of[1], first, width, lanes)
        _pack_amplitudes(panels, states[1], lanes, of[0], of[1], first, width, lanes)
        for point in range(to[0], to[1], lanes):
            a = weights + (point - to[0]) * 2 * depth
            for group in range(0, width, lanes):
                sums[:] = 0.0
                accumulate(sums, 0, panels, a, group * 2 * depth, depth)
                span = point, to[1], first + group, width, lanes
                _add_block(out[0], sums, 0, *span)
                _add_block(out[1], sums, lanes * lanes, *span)


@jit
def _add_tile(out_a, out_b, a, b, gradient, tile, room, symmetric, lanes):
    """Add what one tile of the gradient gives to the cotangents of its rows and columns."""
    rows, columns = tile[:2], tile[2:]
    row_blocks = (rows[1] - rows[0] + lanes - 1) // lanes
    column_blocks = (columns[1] - columns[0] + lanes - 1) // lanes
    overlaps = 2 * lanes * lanes * row_blocks * column_blocks
    block, sums, panels = (
        room[: 2 * lanes * lanes],
        room[2 * lanes * lanes : 2 * lanes * lanes + overlaps],
        room[2 * lanes * lanes + overlaps :],
    )
    weights = 2 * lanes * max(row_blocks, column_blocks) * SLICE
    diagonal = symmetric and rows[0] == columns[0]
    tile_overlaps(sums, panels, a, b, tile, lanes, diagonal)
    if diagonal:
        _mirror(sums, row_blocks, lanes)
    _weigh(sums, gradient, tile, lanes, symmetric)
    _pack_rows(panels, weights, sums, row_blocks, columns[1] - columns[0], lanes)
    _add_products(out_a, b, panels, weights, block, rows, columns, lanes)
    if not diagonal:
        _pack_columns(panels, weights, sums, rows[1] - rows[0], column_blocks, lanes)
        _add_products(out_b, a, panels, weights, block, columns, rows, lanes)


@jit
def _add_cotangents(worker, counter, out_a, out_b, a, b, gradient, tiles, symmetric, rooms, lanes):
    t = take_next(counter)
    while t < tiles.shape[0]:
        _add_tile(out_a, out_b, a, b, gradient, tiles[t], rooms[worker], symmetric, lanes)
        t = take_next(counter)


def add_cotangents(out_a, out_b, a, b, gradient, tiles, *, symmetric, rooms, lanes):
    """Add what some tiles of a gradient give to the cotangents of the states.

    Parameters
    ----------
    out_a, out_b : pairs of (n_points, 2^n) arrays
        The cotangents of a and b, real and imaginary parts, added to in place; `out_b` is `out_a`
        where `symmetric`.
    a, b : pairs of (n_points, 2^n) arrays
        The states' real and imaginary parts; b is a where `symmetric`.
    gradient : (n_a, n_b) array of float64
        The gradient with respect to each fidelity.
    tiles : (n_tiles, 4) array of int64
        First row, end row, first column, end column. No two share a row or a column; where
        `symmetric`, no row of one is a column of another either.
    symmetric : bool
        Whether a tile stands for its mirror image too. The diagonal has no gradient then.
    rooms : (n_workers, room_size(edge, lanes)) array
    lanes : int
        How many points a register holds.
    """
    shared = (out_a, out_b, a, b, gradient, tiles, symmetric, rooms, lanes)
    run_workers(_add_cotangents, len(rooms), *shared)
