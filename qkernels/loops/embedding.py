"""Many points through a program in parallel, states written out one row a point.

The scheduling of blocks over threads lives here; what happens to one block is in `evolution`.
"""

from __future__ import annotations

from qkernels.loops.evolution import evolve, fill_initial, fill_trigonometry
from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import take_next, transpose


@jit
def write_states(states, plane, first, count):
    """Transpose the lanes of one plane into rows of `states`."""
    size, lanes = plane.shape
    whole = size - size % lanes if count == lanes else 0
    for b in range(0, whole, lanes):
        transpose(states, first * size + b, size, plane, b * lanes, lanes)
    for b in range(whole, size):
        for point in range(count):
            states[first + point, b] = plane[b, point]


@jit
def read_states(plane, states, first, count):
    """Transpose rows of `states` into the lanes of one plane; lanes past the last are zero."""
    size, lanes = plane.shape
    whole = size - size % lanes if count == lanes else 0
    for b in range(0, whole, lanes):
        transpose(plane, b * lanes, lanes, states, first * size + b, size)
    for b in range(whole, size):
        for lane in range(lanes):
            plane[b, lane] = states[first + lane, b] if lane < count else 0.0


@jit
def _embed(
    worker,
    counter,
    states_re,
    states_im,
    angles,
    blocks,
    workspace,
    initial,
    program,
    tables_re,
    tables_im,
):
    n_points, size = states_re.shape
    lanes = workspace.shape[2]
    table_rows = program.level_rows[-1]
    room = workspace[worker]
    re, im = room[:size], room[size : 2 * size]
    tables = room[2 * size :]
    table_re, table_im = tables[:table_rows], tables[table_rows : 2 * table_rows]
    trig = tables[2 * table_rows :]
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        count = min(lanes, n_points - first)
        fill_trigonometry(trig, angles, first, count, 1.0)
        fill_initial(re, im, initial[0], initial[1])
        evolve(re, im, trig, table_re, table_im, program, tables_re, tables_im)
        write_states(states_re, re, first, count)
        write_states(states_im, im, first, count)
        block = blocks[0] + take_next(counter)


def embed(states_re, states_im, angles, blocks, workspace, initial, program, tables_re, tables_im):
    """Write the states of the points in `blocks`.

    Parameters
    ----------
    states_re, states_im : (n_points, 2^n) arrays
        Output; only the rows of the given blocks are written.
    angles : (n_points, n_slots) array of float64
    blocks : (first, last)
        The range of blocks, one block a register's worth of points.
    workspace : (n_workers, rows, lanes) array
        Each worker's room: two planes of 2^n rows, twice the program's rows of tables, and three
        rows a slot. A worker takes the next block when it is done with one.
    initial : (2, 2^n) array
        The state that every point starts from, real and imaginary part.
    program, tables_re, tables_im
        As `evolution.evolve` takes them.
    """
    run_workers(
        _embed,
        len(workspace),
        states_re,
        states_im,
        angles,
        blocks,
        workspace,
        initial,
        program,
        tables_re,
        tables_im,
    )
