"""One block of points through the program of a chain: matrix product states that grow and shrink.

A block holds the states of 8 points (16 in single precision). Site k's tensor lies in the rows from
`starts[k]` on, element [a][s][c] (left bond, spin, right bond) at ((a * 2 + s) * bonds[k + 1] + c);
the points share the bonds. `advance` reads the program, plain tables made by
`qkernels.compilation.chain`, which defines every column. How tensors are factorised lives in
`mps_factorization`; how blocks are scheduled, and how much room they get, is the caller's business.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops import mps_layers, mps_operators
from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import fill, load, store
from qkernels.loops.mps_density import room_of_span, stride, write_span
from qkernels.loops.mps_factorization import (
    diagonalise,
    orthonormalise,
    remainders,
    squared_norm,
    truncate,
)
from qkernels.loops.products import adjoint_product, product

# Rows of `program.instructions`: (opcode, first or site or row, end or group).
APPLY, RIGHT, LEFT, LAYER = range(4)
# Columns of a worker's status: the next instruction, how many rows that needs of a tensor, of what
# a layer carries on, and of its room, if there are too few, whether `max_bond` has cut off more
# than may be discarded, and what is known of the environments of a layer.
POINTER, TENSOR_ROWS, CARRIED_ROWS, ROOM_ROWS, CAPPED, ENVIRONMENTS = range(6)
N_STATUS = ENVIRONMENTS + 3
# Rows that a factorisation needs beside the tensors.
SMALL_ROWS = 8
# Singular values below this multiple of the rounding unit are rounding errors.
_ROUNDING = 15.0


@jit
def _fill_half_angles(trig, slots, first, count):
    """Write cos and sin of a block's slots; lanes past the last repeat it."""
    for lane in range(trig.shape[1]):
        point = first + min(lane, count - 1)
        for slot in range(slots.shape[1]):
            trig[2 * slot, lane] = np.cos(slots[point, slot])
            trig[2 * slot + 1, lane] = np.sin(slots[point, slot])


@jit
def start_block(re, im, starts, trig, slots, points):
    """Write |0…0⟩, and cos and sin of the slots of some points.

    Parameters
    ----------
    re, im : (rows, lanes) arrays
    starts : (n_sites + 2,) array of int64
    trig : (2 * n_slots, lanes) array
    slots : (n_points, n_slots) array of float64
    points : (2,) array of int64
        The first of the block's points, and how many there are; more lanes repeat the last.
    """
    _fill_half_angles(trig, slots, points[0], points[1])
    for site in range(len(starts) - 2):
        row = starts[site]
        store(re, row, fill(re, 1.0))
        store(im, row, fill(im, 0.0))
        store(re, row + 1, fill(re, 0.0))
        store(im, row + 1, fill(im, 0.0))


@jit
def _fits(instruction, program, starts, bonds, room_rows, status):
    """Return whether there is room for what an instruction makes; note how much if there is not."""
    first = end = instruction[1]
    rows = carried = in_room = 0
    if instruction[0] == APPLY:
        first, end = program.factors[instruction[1], 0], program.factors[instruction[2] - 1, 0]
        rows = mps_operators.needed_rows(instruction[1], instruction[2], program.factors, bonds)
    elif instruction[0] == LAYER:
        first = program.layers[instruction[1], mps_layers.SITE]
        end = first + 1
        rows, carried = mps_layers.needed_rows(instruction[1], bonds, program.layers)
        at = mps_layers.plan(instruction[1], bonds, program.layers, status[ENVIRONMENTS:])
        in_room = at[-1] // 4 + 1
    else:
        count = bonds[first] if instruction[0] == LEFT else bonds[first + 1]
        length = 2 * bonds[first] * bonds[first + 1] // count
        in_room = room_of_span(length, count) // 2 + 1
    status[ROOM_ROWS] = in_room if in_room > room_rows else 0
    status[CARRIED_ROWS] = carried if carried > starts[-1] - starts[-2] else 0
    status[TENSOR_ROWS] = 0
    for site in range(first, end + 1):
        if starts[site] + rows > starts[site + 1]:
            status[TENSOR_ROWS] = rows
    return status[ROOM_ROWS] == status[CARRIED_ROWS] == status[TENSOR_ROWS] == 0


@jit
def _copy_rows(out_re, out_im, first, re, im, start, count):
    for i in range(count):
        store(out_re, first + i, load(re, start + i))
        store(out_im, first + i, load(im, start + i))


@jit
def _transpose(out, x, rows, columns):
    """Write the transposed matrix."""
    for i in range(rows):
        for j in range(columns):
            place, source = out[2] + j * out[3] + i, x[2] + i * x[3] + j
            store(out[0], place, load(x[0], source))
            store(out[1], place, load(x[1], source))


@jit
def _planes(room):
    """Return a worker's room as two planes."""
    lanes = room.shape[2]
    return room[:4].reshape((-1, lanes)), room[4:].reshape((-1, lanes))


@jit
def _set_limits(vr, vi, small, size, tolerance, limits):
    """Write, of a tensor's squared norm, what counts as 0, and what may be left out."""
    unit = _ROUNDING * (2.2e-16 if small.itemsize == 8 else 1.2e-7)
    store(small, 0, squared_norm(vr, vi, 0, size))
    for lane in range(small.shape[1]):
        total = np.float64(small[0, lane])
        limits[0, lane] = unit * unit * total
        limits[1, lane] = max(tolerance * total, limits[0, lane])


@jit
def _truncate(planes, most, rank, count, length, max_bond, lost, ranks):
    """Truncate a factorisation; return the rank, and whether more was lost than was allowed.

    Pivoting finds nearly as few vectors as singular values do. Where the largest bond decides,
    these are worth their work.
    """
    qr, qi, cr, ci, norms, small = planes
    spare, dropped, wider = most.copy(), np.empty(len(lost)), np.empty(len(lost), np.bool_)
    for lane in range(len(lost)):
        spare[lane] -= lost[lane]
    if rank > max_bond:
        store(small, 0, squared_norm(cr, ci, max_bond * count, count))
        for lane in range(len(lost)):
            wider[lane] = small[0, lane] > 0.0
        diagonalise(cr, ci, qr, qi, small, rank, count, length, wider)
    rank = truncate(cr, ci, qr, qi, norms, rank, count, length, spare, max_bond, dropped, ranks)
    capped = False
    for lane in range(len(lost)):
        lost[lane] += dropped[lane]
        # What rounding leaves may be more than was asked for.
        capped |= dropped[lane] > max(spare[lane], 0.0)
    return rank, capped


@jit
def _factorise_by_span(room, count, length, tolerance, lost):
    """Factorise the vectors in the room by products of matrices; return their rank."""
    rows, step = room.shape[1], stride(count)
    re, im = _planes(room)
    matrix, span = (re, im, 3 * rows, step), (re, im, 0, step)
    _transpose(matrix, (re, im, 0, length), count, length)
    rank = write_span(matrix, span, (re, im, rows), length, count, tolerance, lost)
    _transpose((re, im, rows, length), span, length, rank)
    adjoint_product((re, im, 2 * rows, count), span, matrix, rank, length, count)
    return rank


@jit
def _factorise(room, count, length, wide, group, rules, limits, weights, ranks):
    """Factorise the vectors in the room; return their rank, and whether too much was lost."""
    planes = (room[1], room[5], room[2], room[6], room[3], room[7])
    truncating, lost = group >= 0, np.empty(weights.shape[1])
    spare, max_bond = rules[0] if truncating else 0.0, int(rules[1])
    _set_limits(room[0], room[4], room[7], count * length, spare, limits)
    if wide and truncating:
        rank = _factorise_by_span(room, count, length, spare, lost)
    else:
        rank = orthonormalise(room[0], room[4], *planes, count, length, limits[1], limits[0])
        remainders(room[3], count, lost)
    ranks[:] = rank
    if not truncating:
        return rank, False
    rank, capped = _truncate(planes, limits[1], rank, count, length, max_bond, lost, ranks)
    for lane in range(len(lost)):
        weights[group, lane] += lost[lane]
    return rank, capped


@jit
def _absorb_right(re, im, start, rank, count, beyond, room):
    """Multiply the coefficients into the next site."""
    rest, tensor = (room[2], room[6], 0, count), (re, im, start, beyond)
    product((room[0], room[4], 0, beyond), rest, tensor, rank, count, beyond)
    _copy_rows(re, im, start, room[0], room[4], 0, rank * beyond)


@jit
def _absorb_left(re, im, start, rank, count, beyond, room):
    """Multiply the coefficients into the site before."""
    _transpose((room[0], room[4], 0, rank), (room[2], room[6], 0, count), rank, count)
    tensor, rest = (re, im, start, count), (room[0], room[4], 0, rank)
    product((room[1], room[5], 0, rank), tensor, rest, beyond, count, rank)
    _copy_rows(re, im, start, room[1], room[5], 0, beyond * rank)


@jit
def _move_centre(state, starts, bonds, wide, instruction, room, rules, limits, weights, ranks):
    """Make a site's columns or rows orthonormal; the rest goes to the neighbour.

    Returns whether the largest bond has cut off more than may be discarded.
    """
    re, im = state
    leftwards, site, group = instruction[0] == LEFT, instruction[1], instruction[2]
    cut, behind = (site, site + 1) if leftwards else (site + 1, site)
    count, length, start = bonds[cut], 2 * bonds[behind], starts[site]
    if leftwards:
        _copy_rows(room[0], room[4], 0, re, im, start, count * length)
    else:
        _transpose((room[0], room[4], 0, length), (re, im, start, count), length, count)
    rank, capped = _factorise(
        room, count, length, wide[cut], group, rules, limits, weights, ranks[cut]
    )
    if leftwards:
        _copy_rows(re, im, start, room[1], room[5], 0, rank * length)
        beyond = 2 * bonds[site - 1]
        _absorb_left(re, im, starts[site - 1], rank, count, beyond, room)
    else:
        _transpose((re, im, start, rank), (room[1], room[5], 0, length), rank, length)
        beyond = 2 * bonds[site + 2]
        _absorb_right(re, im, starts[site + 1], rank, count, beyond, room)
    bonds[cut] = rank
    return capped


@jit
def _work(instruction, program, bonds):
    """Return about how many complex products an instruction takes at each point."""
    if instruction[0] == APPLY:
        site = program.factors[instruction[1], 0]
        return 16.0 * bonds[site] * bonds[site + 1] * (instruction[2] - instruction[1])
    if instruction[0] == LAYER:
        return mps_layers.work(instruction[1], bonds, program.layers)
    site = instruction[1]
    count = float(max(bonds[site], bonds[site + 1]))
    return 6.0 * count * count * min(2 * bonds[site], count)


@jit
def _advance(
    worker,
    counter,
    re,
    im,
    starts,
    bonds,
    wide,
    weights,
    ranks,
    trig,
    rooms,
    status,
    program,
    rules,
):
    state, own_bonds, own_status = (re[worker], im[worker]), bonds[worker], status[worker]
    limits, work = np.empty((2, re.shape[2])), 0.0
    while own_status[POINTER] < len(program.instructions) and work < rules[2]:
        instruction = program.instructions[own_status[POINTER]]
        if not _fits(instruction, program, starts, own_bonds, rooms.shape[2], own_status):
            return
        work += _work(instruction, program, own_bonds)
        room, lost, capped = rooms[worker], weights[worker], False
        number, group = instruction[1], instruction[2]
        if instruction[0] == APPLY:
            mps_operators.apply(
                state, starts, own_bonds, number, instruction[2], program, trig[worker], room
            )
        elif instruction[0] == LAYER:
            known = own_status[ENVIRONMENTS:]
            at = mps_layers.plan(number, own_bonds, program.layers, known)
            capped = mps_layers.step(
                state,
                starts,
                own_bonds,
                program,
                number,
                group,
                trig[worker],
                _planes(room),
                known,
                at,
                rules,
                lost,
            )
        else:
            capped = _move_centre(
                *(state, starts, own_bonds, wide, instruction, room),
                *(rules, limits, lost, ranks[worker]),
            )
        if capped:
            own_status[CAPPED] = 1
        own_status[POINTER] += 1


def advance(re, im, starts, bonds, wide, weights, ranks, trig, rooms, status, program, rules):
    """Carry some blocks on through a program, one a worker, until enough work is done.

    Parameters
    ----------
    re, im : (n_workers, rows, lanes) arrays
        The states, changed in place.
    starts : (n_sites + 2,) array of int64
        Where each site's tensor starts, what a layer carries on behind the last, and the end.
    bonds : (n_workers, n_sites + 1) array of int64
    wide : (n_sites + 1,) array of bool
        Which bonds are truncated by products of matrices.
    weights : (n_workers, n_groups, lanes) array of float64
        Gets what truncations discard, added up over each group of them.
    ranks : (n_workers, n_sites + 1, lanes) array of int64
        Gets each point's own bonds; where they are below `bonds`, tensors are zero beyond.
    trig : (n_workers, 2 * n_slots, lanes) array
        cos and sin of the slots.
    rooms : (n_workers, 8, rows, lanes) array
        At least as many rows as a site may have, 4 for each pair of branches, and SMALL_ROWS.
        Layers say how many more they need.
    status : (n_workers, N_STATUS) array of int64
        The next instruction; how many rows it needs for a tensor, or in a room, if there are too
        few; whether `max_bond` has made truncations discard more than they may; and what is known
        of a layer's environments, which is to be set to 0 when a room is replaced.
    program : ChainProgram
    rules : (3,) array of float64
        The relative weight that one truncation may discard, the largest bond, and the work after
        which to return.
    """
    shared = (re, im, starts, bonds, wide, weights, ranks, trig, rooms, status, program, rules)
    run_workers(_advance, len(re), *shared)


@jit
def _inverse_norm(re, im, size, lane):
    """Return one point's inverse norm, that of its first tensor."""
    total = 0.0
    for row in range(size):
        total += re[row, lane] * re[row, lane] + im[row, lane] * im[row, lane]
    return 1.0 / np.sqrt(total) if total > 0.0 else 0.0


@jit
def write_points(out_re, out_im, re, im, starts, bonds, ranks):
    """Write each point's state, normalised, its tensors cut down to its own bonds.

    Parameters
    ----------
    out_re, out_im : (n_points, width) arrays
        Output: tensors, site after site; zeros after the last.
    re, im : (rows, lanes) arrays
        A block's states, the centre at the first site.
    starts : (n_sites + 2,) array of int64
    bonds : (n_sites + 1,) array of int64
        Those that all points share.
    ranks : (n_points, n_sites + 1) array of int64
        Each point's own bonds.
    """
    n_points = len(ranks)
    places, scales = np.zeros(n_points, np.int64), np.ones(n_points)
    for lane in range(n_points):
        scales[lane] = _inverse_norm(re, im, 2 * bonds[1], lane)
    for site in range(len(bonds) - 1):
        width = bonds[site + 1]
        for k in range(2 * bonds[site] * width):
            source = starts[site] + k
            row, column = k // width, k % width
            for lane in range(n_points):
                if row < 2 * ranks[lane, site] and column < ranks[lane, site + 1]:
                    out_re[lane, places[lane]] = scales[lane] * re[source, lane]
                    out_im[lane, places[lane]] = scales[lane] * im[source, lane]
                    places[lane] += 1
        scales[:] = 1.0
    for lane in range(n_points):
        out_re[lane, places[lane] :] = 0.0
        out_im[lane, places[lane] :] = 0.0
