"""Gram matrices from states: |⟨a_i|b_j⟩|² in tiles.

A tile's states are packed, some amplitudes at a time, into blocks of as many points as a register
holds; the overlaps of two blocks then stay in registers while the amplitudes go by. This is the
inner loop of a matrix product, written for the overlap: real and imaginary part are accumulated
together, and no matrix but the result leaves the cache. Which tiles are computed, and in what
order, is the caller's business.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils

from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import Lanes, lane_count, take_next, transpose, vector_function

# Amplitudes are packed this many at a time: both blocks of a tile then fit the second cache.
SLICE = 128
# So many overlaps of one point are accumulated at once: twice as many registers hold them.
_ROWS_AT_ONCE = 8


def room_size(edge: int, lanes: int) -> int:
    """Return how many numbers a worker needs for a tile of `edge` by `edge` points."""
    blocks = -(-edge // lanes)
    return 2 * blocks * lanes * (2 * SLICE + blocks * lanes)


def _accumulate(typing_context, out, place, panels, a, b, depth):
    lanes = Lanes(out.dtype)
    count = lanes.count

    def codegen(context, builder, sig, args):
        vector = context.get_value_type(lanes)
        index = args[1].type
        out_data = context.make_array(sig.args[0])(context, builder, args[0]).data
        data = context.make_array(sig.args[2])(context, builder, args[2]).data
        align = lanes.dtype.bitwidth // 8

        def at(base, offset):
            return builder.gep(base, [builder.add(offset[0], ir.Constant(index, offset[1]))])

        def vector_at(base, *offset):
            return builder.bitcast(at(base, offset), vector.as_pointer())

        def splat(first, offset):
            scalar = builder.load(at(data, (first, offset)))
            undefined = ir.Constant(vector, ir.Undefined)
            single = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
            return builder.shuffle_vector(single, undefined, zeros)

        def add_product(sum_, x, y, instruction):
            product = builder.fmul(x, y, flags=("contract",))
            total = getattr(builder, instruction)(builder.load(sum_), product, flags=("contract",))
            builder.store(total, sum_)

        for start in range(0, count, _ROWS_AT_ONCE):
            rows = range(start, min(start + _ROWS_AT_ONCE, count))
            places = [row * count for row in rows] + [(count + row) * count for row in rows]
            sums = [cgutils.alloca_once(builder, vector) for _ in places]
            for sum_, offset in zip(sums, places, strict=True):
                builder.store(builder.load(vector_at(out_data, args[1], offset), align=align), sum_)
            real, imag = sums[: len(rows)], sums[len(rows) :]
            with cgutils.for_range(builder, args[5]) as loop:
                step = builder.mul(loop.index, ir.Constant(index, 2 * count))
                first_a, first_b = builder.add(args[3], step), builder.add(args[4], step)
                b_re = builder.load(vector_at(data, first_b, 0), align=align)
                b_im = builder.load(vector_at(data, first_b, count), align=align)
                for re, im, row in zip(real, imag, rows, strict=True):
                    a_re, a_im = splat(first_a, row), splat(first_a, count + row)
                    add_product(re, a_re, b_re, "fadd")
                    add_product(im, a_re, b_im, "fadd")
                    add_product(re, a_im, b_im, "fadd")
                    add_product(im, a_im, b_re, "fsub")
            for sum_, offset in zip(sums, places, strict=True):
                builder.store(builder.load(sum_), vector_at(out_data, args[1], offset), align=align)
        return context.get_dummy_value()

    integers = (types.intp, panels, types.intp, types.intp, types.intp)
    return types.void(out, *integers), codegen


def _plain_accumulate(out, place, panels, a, b, depth):
    """Add the overlaps of two packed blocks to `out`: real parts, then imaginary parts."""
    lanes = lane_count(out.dtype)
    x = panels[a : a + 2 * lanes * depth].reshape(depth, 2, lanes)
    y = panels[b : b + 2 * lanes * depth].reshape(depth, 2, lanes)
    overlaps = (x[:, 0] - 1j * x[:, 1]).T @ (y[:, 0] + 1j * y[:, 1])
    out[place : place + lanes**2] += overlaps.real.ravel()
    out[place + lanes**2 : place + 2 * lanes**2] += overlaps.imag.ravel()


accumulate = vector_function(_accumulate, _plain_accumulate)


@jit
def _pack_plane(panels, place, plane, point, count, first, width, lanes):
    """Pack one plane of one block: amplitude by amplitude, a register's points side by side."""
    whole = width - width % lanes if count == lanes else 0
    size = plane.shape[1]
    for k in range(0, whole, lanes):
        transpose(panels, place + 2 * lanes * k, 2 * lanes, plane, point * size + first + k, size)
    for k in range(whole, width):
        for lane in range(lanes):
            value = plane[point + lane, first + k] if lane < count else 0.0
            panels[place + 2 * lanes * k + lane] = value


@jit
def _pack(panels, start, re, im, point, end, first, width, lanes):
    """Pack amplitudes of the points from `point` to `end`, block by block."""
    block = 0
    while point < end:
        count = min(lanes, end - point)
        place = start + block * 2 * lanes * width
        _pack_plane(panels, place, re, point, count, first, width, lanes)
        _pack_plane(panels, place + lanes, im, point, count, first, width, lanes)
        point += lanes
        block += 1


@jit
def tile_overlaps(sums, panels, a, b, tile, lanes, triangle):
    """Write the overlaps of one tile, pair of blocks by pair of blocks, into `sums`."""
    rows, columns = tile[1] - tile[0], tile[3] - tile[2]
    row_blocks, column_blocks = (rows + lanes - 1) // lanes, (columns + lanes - 1) // lanes
    pair = 2 * lanes * lanes
    sums[: row_blocks * column_blocks * pair] = 0.0
    for first in range(0, a[0].shape[1], SLICE):
        width = min(SLICE, a[0].shape[1] - first)
        block = 2 * lanes * width
        other = 0 if triangle else row_blocks * block
        _pack(panels, 0, a[0], a[1], tile[0], tile[1], first, width, lanes)
        if not triangle:
            _pack(panels, other, b[0], b[1], tile[2], tile[3], first, width, lanes)
        for i in range(row_blocks):
            for j in range(i if triangle else 0, column_blocks):
                place = (i * column_blocks + j) * pair
                accumulate(sums, place, panels, i * block, other + j * block, width)


@jit
def _write_pair(gram, sums, place, tile, row, column, lanes, symmetric, fresh):
    """Write or multiply one pair of blocks of the Gram matrix, and its mirror image."""
    rows, columns = min(lanes, tile[1] - row), min(lanes, tile[3] - column)
    diagonal = symmetric and row == column
    for i in range(rows):
        if diagonal and fresh:
            gram[row + i, row + i] = 1.0
        for j in range(i + 1 if diagonal else 0, columns):
            real = sums[place + i * lanes + j]
            imag = sums[place + lanes * lanes + i * lanes + j]
            fidelity = real * real + imag * imag
            if not fresh:
                fidelity *= gram[row + i, column + j]
            gram[row + i, column + j] = fidelity
    if symmetric:
        for j in range(columns):
            for i in range(j if diagonal else rows):
                gram[column + j, row + i] = gram[row + i, column + j]


@jit
def _write_tile(gram, sums, tile, lanes, symmetric, fresh):
    """Write or multiply a tile of the Gram matrix, and its mirror image."""
    triangle = symmetric and tile[0] == tile[2]
    place = 0
    for row in range(tile[0], tile[1], lanes):
        for column in range(tile[2], tile[3], lanes):
            if not triangle or column >= row:
                _write_pair(gram, sums, place, tile, row, column, lanes, symmetric, fresh)
            place += 2 * lanes * lanes


@jit
def _write_fidelities(worker, counter, gram, a, b, tiles, symmetric, fresh, rooms, lanes):
    t = take_next(counter)
    while t < tiles.shape[0]:
        tile = tiles[t]
        triangle = symmetric and tile[0] == tile[2]
        blocks = (tile[1] - tile[0] + lanes - 1) // lanes
        blocks *= (tile[3] - tile[2] + lanes - 1) // lanes
        sums = rooms[worker, : 2 * lanes * lanes * blocks]
        panels = rooms[worker, 2 * lanes * lanes * blocks :]
        tile_overlaps(sums, panels, a, b, tile, lanes, triangle)
        _write_tile(gram, sums, tile, lanes, symmetric, fresh)
        t = take_next(counter)


def write_fidelities(gram, a, b, tiles, *, symmetric, fresh, rooms, lanes):
    """Write tiles of the fidelities of two sets of states, or multiply tiles by them.

    A circuit's unconnected parts are factors of its fidelities: the first is written, the others
    are multiplied onto it.

    Parameters
    ----------
    gram : (n_a, n_b) array of float64
        Changed in place.
    a, b : pairs of (n_points, 2^n) arrays
        The states' real and imaginary parts; b is a where `symmetric`.
    tiles : (n_tiles, 4) array of int64
        First row, end row, first column, end column.
    symmetric : bool
        Whether a tile's mirror image is written too; the diagonal is then exactly 1.
    fresh : bool
        Whether `gram` holds nothing yet, and is written rather than multiplied.
    rooms : (n_workers, room_size(edge, lanes)) array
        Each worker's room. A worker takes the next tile when it is done with one.
    lanes : int
        How many points a register holds.
    """
    shared = (gram, a, b, tiles, symmetric, fresh, rooms, lanes)
    run_workers(_write_fidelities, len(rooms), *shared)
