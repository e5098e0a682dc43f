"""The forward sweep of derivatives: states and how fast they change along one direction.

A tangent is dψ/dt while each slot's angle changes at its own rate. It goes through every step as
the state does, and each angle adds its rate times the generator's action on the state. What the
steps do lives in `evolution`; gradients with respect to many angles at once are in `adjoint`.
"""

from __future__ import annotations

from qkernels.loops.embedding import write_states
from qkernels.loops.evolution import (
    APPLY_COMBINE,
    COMBINE,
    PHASES,
    ROTATE,
    SHARED_PHASES,
    START,
    apply_matrix,
    apply_phases,
    apply_shared_phases,
    fill_initial,
    fill_phases,
    fill_trigonometry,
    insert_zero,
    rotate,
    rotation_sign,
)
from qkernels.loops.expectations import add_to, add_word_cotangent
from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import fill, load, store, take_next


@jit
def _add_rotation_tangent(psi, tangent, rates, r):
    """Add the rate of one rotation times (a, b) -> (-b, a), with the rotation's sign."""
    d, pivot = r[0], r[0] & -r[0]
    rate = load(rates, r[3])
    for k in range(psi.shape[0] >> 1):
        b = insert_zero(k, pivot)
        signed = rate * rotation_sign(psi, r, b)
        low, high = load(psi, b), load(psi, b ^ d)
        store(tangent, b, load(tangent, b) - signed * high)
        store(tangent, b ^ d, load(tangent, b ^ d) + signed * low)


@jit
def _double(table, base, size, step, factor, rate):
    """Double a table of phase rates: the highest bit adds to its lower half, and takes away."""
    for b in range(size):
        value = load(table, base + b)
        if step == COMBINE:
            rate = load(table, factor + b)
        store(table, base + b, value + rate)
        store(table, base + size + b, value - rate)


@jit
def _fill_phase_rates(rates, table, steps, level_rows):
    """Write Σ_m rate_m (-1)^parity(b & m) for all b but the highest bit, level by level."""
    for i in range(steps.shape[0] - 1):
        step, level, bit, slot = steps[i, 0], steps[i, 1], steps[i, 2], steps[i, 3]
        rate = load(rates, slot) if slot >= 0 else fill(rates, 0.0)
        base, factor = level_rows[level], level_rows[level + 1]
        if step == START:
            store(table, base, rate)
        else:
            _double(table, base, 1 << bit, step, factor, rate)


@jit
def _add_phase_tangent(psi, tangent, rates, table, steps, level_rows):
    """Add i φ′ ψ, where φ′ is how fast a phase layer's phases change."""
    _fill_phase_rates(rates, table, steps, level_rows)
    step, bit, slot = steps[-1, 0], steps[-1, 2], steps[-1, 3]
    rate = load(rates, slot) if slot >= 0 else fill(rates, 0.0)
    size = 1 << bit
    for b in range(size):
        value = load(table, b)
        if step == APPLY_COMBINE:
            rate = load(table, level_rows[1] + b)
        for half in range(2):
            c = b + half * size
            phase_rate = value - rate if half else value + rate
            zero = fill(table, 0.0)
            add_to(tangent, c, zero - phase_rate * load(psi[1], c), phase_rate * load(psi[0], c))


@jit
def _evolve_both(psi, tangent, trig, tables, program, shared_re, shared_im, instruction):
    """Take states and tangents through one step, as if no angle changed."""
    opcode, first, last = instruction[0], instruction[1], instruction[2]
    steps, rows = program.phase_steps[first:last], program.level_rows
    if opcode == PHASES:
        fill_phases(trig, tables[0], tables[1], steps, rows)
    for planes in (psi, tangent):
        if opcode == ROTATE:
            rotate(planes[0], trig, program.rotations, first, last)
            rotate(planes[1], trig, program.rotations, first, last)
        elif opcode == PHASES:
            apply_phases(planes[0], planes[1], trig, tables[0], tables[1], steps, rows)
        elif opcode == SHARED_PHASES:
            apply_shared_phases(planes[0], planes[1], shared_re[first], shared_im[first])
        else:
            apply_matrix(
                planes[0],
                planes[1],
                tables[0],
                tables[1],
                program.matrix_layouts[first],
                program.matrix_re,
                program.matrix_im,
            )


@jit
def evolve_tangent(psi, tangent, rates, trig, tables, program, shared_re, shared_im):
    """Take a block of states and tangents through a program, in place.

    Parameters
    ----------
    psi, tangent : pairs of (2^n, lanes) arrays
        Real and imaginary parts.
    rates : (n_slots, lanes) array
        How fast each slot's angle changes.
    trig, tables, program, shared_re, shared_im
        As `adjoint.rewind` takes them, but for the angles, matrices and phases themselves.
    """
    for i in range(program.instructions.shape[0]):
        instruction = program.instructions[i]
        _evolve_both(psi, tangent, trig, tables, program, shared_re, shared_im, instruction)
        if instruction[0] == ROTATE:
            for r in range(instruction[1], instruction[2]):
                _add_rotation_tangent(psi[0], tangent[0], rates, program.rotations[r])
                _add_rotation_tangent(psi[1], tangent[1], rates, program.rotations[r])
        steps = program.derivative_steps[instruction[3] : instruction[4]]
        if steps.shape[0]:
            rows = program.derivative_rows
            _add_phase_tangent(psi, tangent, rates, tables[0], steps, rows)


@jit
def split_room(room, size, n_slots):
    """Return a worker's room in parts: states, tangents, gradients, trigonometry, rates, tables."""
    places = 6 * size + 4 * n_slots
    rows = (room.shape[0] - places) // 2
    return (
        (room[:size], room[size : 2 * size]),
        (room[2 * size : 3 * size], room[3 * size : 4 * size]),
        (room[4 * size : 5 * size], room[5 * size : 6 * size]),
        room[6 * size : 6 * size + 3 * n_slots],
        room[6 * size + 3 * n_slots : places],
        (room[places : places + rows], room[places + rows : places + 2 * rows]),
    )


@jit
def _fill_rates(rates, slot_rates, first, count):
    for lane in range(rates.shape[1]):
        for slot in range(rates.shape[0]):
            rates[slot, lane] = slot_rates[first + min(lane, count - 1), slot]


@jit
def _start(psi, tangent, trig, rates, initial, angles, slot_rates, first, count):
    """Fill a block with the state and tangent that all points start from, and with its angles."""
    fill_trigonometry(trig, angles, first, count, 1.0)
    _fill_rates(rates, slot_rates, first, count)
    fill_initial(psi[0], psi[1], initial[0], initial[1])
    fill_initial(tangent[0], tangent[1], initial[2], initial[3])


@jit
def _embed_tangents(
    worker,
    counter,
    states,
    tangents,
    angles,
    slot_rates,
    blocks,
    workspace,
    initial,
    program,
    shared_re,
    shared_im,
):
    n_points, size = states[0].shape
    psi, tangent, _, trig, rates, tables = split_room(workspace[worker], size, angles.shape[1])
    lanes = workspace.shape[2]
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        count = min(lanes, n_points - first)
        _start(psi, tangent, trig, rates, initial, angles, slot_rates, first, count)
        evolve_tangent(psi, tangent, rates, trig, tables, program, shared_re, shared_im)
        for plane in range(2):
            write_states(states[plane], psi[plane], first, count)
            write_states(tangents[plane], tangent[plane], first, count)
        block = blocks[0] + take_next(counter)


def embed_tangents(
    states,
    tangents,
    angles,
    slot_rates,
    blocks,
    workspace,
    initial,
    program,
    shared_re,
    shared_im,
):
    """Write the states of the points in `blocks`, and how fast they change.

    Parameters
    ----------
    states, tangents : pairs of (n_points, 2^n) arrays
        Output; only the rows of the given blocks are written.
    angles, slot_rates : (n_points, n_slots) arrays of float64
        Each slot's angle, and how fast it changes.
    blocks : (first, last)
        The range of blocks, one block a register's worth of points.
    workspace : (n_workers, rows, lanes) array
        Each worker's room: six planes of 2^n rows, four rows a slot, twice as many rows as the
        larger of the program's two kinds of tables has, and one more.
    initial : (4, 2^n) array
        The state that every point starts from and its tangent, real and imaginary part each.
    program, shared_re, shared_im
        As `evolution.evolve` takes them.
    """
    run_workers(
        _embed_tangents,
        len(workspace),
        states,
        tangents,
        angles,
        slot_rates,
        blocks,
        workspace,
        initial,
        program,
        shared_re,
        shared_im,
    )


@jit
def _word_rate(psi, tangent, gradient, word):
    """Return how fast the unscaled value of one word changes, as lanes."""
    for plane in range(2):
        gradient[plane][:] = 0.0
    add_word_cotangent(psi, gradient, word, fill(psi[0], 1.0))
    total = fill(psi[0], 0.0)
    for b in range(psi[0].shape[0]):
        total = total + load(gradient[0], b) * load(tangent[0], b)
        total = total + load(gradient[1], b) * load(tangent[1], b)
    return total


@jit
def _expectation_rates(
    worker,
    counter,
    values,
    angles,
    slot_rates,
    blocks,
    workspace,
    initial,
    program,
    shared_re,
    shared_im,
    words,
    factors,
):
    n_points, size = angles.shape[0], initial.shape[1]
    room = workspace[worker]
    psi, tangent, gradient, trig, rates, tables = split_room(room, size, angles.shape[1])
    lanes = workspace.shape[2]
    result = room[room.shape[0] - 1 :]
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        count = min(lanes, n_points - first)
        _start(psi, tangent, trig, rates, initial, angles, slot_rates, first, count)
        evolve_tangent(psi, tangent, rates, trig, tables, program, shared_re, shared_im)
        for w in range(words.shape[0]):
            store(result, 0, _word_rate(psi, tangent, gradient, words[w]))
            for point in range(count):
                values[first + point, w] = factors[w] * result[0, point]
        block = blocks[0] + take_next(counter)


def expectation_rates(
    values,
    angles,
    slot_rates,
    blocks,
    workspace,
    initial,
    program,
    shared_re,
    shared_im,
    words,
    factors,
):
    """Write how fast the expectation values of Pauli words change, for the points in `blocks`.

    Parameters
    ----------
    values : (n_points, n_words) array
        Output; only the rows of the given blocks are written.
    angles, slot_rates, blocks, workspace, initial, program, shared_re, shared_im
        As `embed_tangents` takes them.
    words, factors
        As `expectations.expectations` takes them.
    """
    run_workers(
        _expectation_rates,
        len(workspace),
        values,
        angles,
        slot_rates,
        blocks,
        workspace,
        initial,
        program,
        shared_re,
        shared_im,
        words,
        factors,
    )
