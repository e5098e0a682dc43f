"""The reverse sweep: a compiled program run backwards on states and their cotangents.

A cotangent λ is the gradient of a real scalar with respect to the real and imaginary parts of the
amplitudes. Every step of a program is unitary, so the states before it are found again by undoing
it, no state is kept, and the cotangents before it are found by undoing it too. On the way back,
each angle's derivative is read off: it is Re⟨λ|dψ/dθ⟩, and dψ/dθ is a generator times the state
after the step (Jones and Gacon, arXiv:2009.02823, for the idea). What the steps do lives in
`evolution`.
"""

from __future__ import annotations

from qkernels.loops.embedding import read_states
from qkernels.loops.evolution import (
    APPLY_COMBINE,
    APPLY_TURN,
    COMBINE,
    COS,
    PHASES,
    ROTATE,
    SHARED_PHASES,
    START,
    TURN,
    apply_matrix,
    apply_phases,
    apply_shared_phases,
    evolve,
    fill_initial,
    fill_phases,
    fill_trigonometry,
    insert_zero,
    rotation_sign,
    sine_row,
    turn,
    turn_four,
)
from qkernels.loops.expectations import add_word_cotangent
from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import fill, load, store, take_next


@jit
def _add(gradient, slot, value):
    store(gradient, slot, load(gradient, slot) + value)


@jit
def _torque(a, b, p, q):
    """Return the derivative by the angle that turns the pair (a, b), whose cotangents are p, q."""
    return q * a - p * b


@jit
def _undo_one(psi, cotangent, gradient, trig, r):
    # The rotation's pivot is one of its group's, and may not be a bit of its own direction.
    d, pivot = r[0], r[0] & -r[0]
    c = load(trig, 3 * r[3] + COS)
    total = fill(psi, 0.0)
    for k in range(psi.shape[0] >> 1):
        b = insert_zero(k, pivot)
        s = load(trig, sine_row(r, b))
        a0, a1 = load(psi, b), load(psi, b ^ d)
        p0, p1 = load(cotangent, b), load(cotangent, b ^ d)
        total = total + rotation_sign(psi, r, b) * _torque(a0, a1, p0, p1)
        a0, a1 = turn(a0, a1, c, s)
        p0, p1 = turn(p0, p1, c, s)
        store(psi, b, a0)
        store(psi, b ^ d, a1)
        store(cotangent, b, p0)
        store(cotangent, b ^ d, p1)
    _add(gradient, r[3], total)


@jit
def _undo_two(psi, cotangent, gradient, trig, r, s):
    d, e = r[0], s[0]
    c0, c1 = load(trig, 3 * r[3] + COS), load(trig, 3 * s[3] + COS)
    total0, total1 = fill(psi, 0.0), fill(psi, 0.0)
    for k in range(psi.shape[0] >> 2):
        b = insert_zero(insert_zero(k, min(r[4], s[4])), max(r[4], s[4]))
        s0, s1 = load(trig, sine_row(r, b)), load(trig, sine_row(s, b))
        a0, a1 = load(psi, b), load(psi, b ^ d)
        a2, a3 = load(psi, b ^ e), load(psi, b ^ d ^ e)
        p0, p1 = load(cotangent, b), load(cotangent, b ^ d)
        p2, p3 = load(cotangent, b ^ e), load(cotangent, b ^ d ^ e)
        sum0 = _torque(a0, a1, p0, p1) + _torque(a2, a3, p2, p3)
        sum1 = _torque(a0, a2, p0, p2) + _torque(a1, a3, p1, p3)
        total0 = total0 + rotation_sign(psi, r, b) * sum0
        total1 = total1 + rotation_sign(psi, s, b) * sum1
        turn_four(psi, b, d, e, c0, s0, c1, s1)
        turn_four(cotangent, b, d, e, c0, s0, c1, s1)
    _add(gradient, r[3], total0)
    _add(gradient, s[3], total1)


@jit
def _undo(psi, cotangent, gradient, trig, rotations, first, last):
    """Undo up to three commuting rotations of one plane, and add their angles' derivatives."""
    if last - first == 1:
        _undo_one(psi, cotangent, gradient, trig, rotations[first])
    else:
        _undo_two(psi, cotangent, gradient, trig, rotations[first], rotations[first + 1])
        if last - first == 3:
            _undo_one(psi, cotangent, gradient, trig, rotations[first + 2])


@jit
def _phase_torque(psi, cotangent, b):
    """Return Re⟨λ_b|i ψ_b⟩, the derivative by the phase of amplitude b."""
    return load(cotangent[1], b) * load(psi[0], b) - load(cotangent[0], b) * load(psi[1], b)


@jit
def _fold_state(psi, cotangent, table, size, step, factor):
    """Fold the derivatives by all phases by the highest bit: see `_add_phase_derivatives`."""
    total = fill(table, 0.0)
    for b in range(size):
        low, high = _phase_torque(psi, cotangent, b), _phase_torque(psi, cotangent, b + size)
        store(table, b, low + high)
        if step == APPLY_COMBINE:
            store(table, factor + b, low - high)
        elif step == APPLY_TURN:
            total = total + (low - high)
    return total


@jit
def _fold_table(table, base, size, step, factor):
    total = fill(table, 0.0)
    for b in range(base, base + size):
        low, high = load(table, b), load(table, b + size)
        store(table, b, low + high)
        if step == COMBINE:
            store(table, factor + b - base, low - high)
        elif step == TURN:
            total = total + (low - high)
    return total


@jit
def _add_phase_derivatives(psi, cotangent, gradient, table, steps, level_rows):
    """Add the derivatives by the terms of a phase layer: Σ_b w_b (-1)^parity(b & m) for each m.

    w_b is the derivative by the phase of amplitude b. The steps are those of
    `evolution.fill_phases` in reverse, each transposed: what doubled a table now folds it, the
    sums of both halves stay, and the differences go one level down or are summed up.
    """
    for i in range(steps.shape[0] - 1, -1, -1):
        step, level, bit, slot = steps[i, 0], steps[i, 1], steps[i, 2], steps[i, 3]
        base, size, factor = level_rows[level], 1 << bit, level_rows[level + 1]
        if i == steps.shape[0] - 1:
            total = _fold_state(psi, cotangent, table, size, step, factor)
        elif step == START:
            total = load(table, base)
        else:
            total = _fold_table(table, base, size, step, factor)
        if slot >= 0:
            _add(gradient, slot, total)


@jit
def rewind(psi, cotangent, gradient, trig, tables, program, shared_re, shared_im):
    """Take a block of states and cotangents back through a program, in place.

    Parameters
    ----------
    psi, cotangent : pairs of (2^n, lanes) arrays
        Real and imaginary parts.
    gradient : (n_slots, lanes) array
        The derivatives by each slot's angle are added to it.
    trig : (3 * n_slots, lanes) array
        What `fill_trigonometry` writes for the negative angles.
    tables : pair of (rows, lanes) arrays
        Room for tables of phases: as many rows as `program.level_rows` and `derivative_rows` ask.
    program : Program
        With adjoint matrices.
    shared_re, shared_im : (n_tables, 2^n) arrays
        The conjugates of the phases that all points share.
    """
    for i in range(program.instructions.shape[0] - 1, -1, -1):
        instruction = program.instructions[i]
        opcode, first, last = instruction[0], instruction[1], instruction[2]
        steps = program.derivative_steps[instruction[3] : instruction[4]]
        if steps.shape[0]:
            rows = program.derivative_rows
            _add_phase_derivatives(psi, cotangent, gradient, tables[0], steps, rows)
        if opcode == ROTATE:
            for plane in range(2):
                _undo(psi[plane], cotangent[plane], gradient, trig, program.rotations, first, last)
        elif opcode == PHASES:
            steps = program.phase_steps[first:last]
            rows = program.level_rows
            fill_phases(trig, tables[0], tables[1], steps, rows)
            apply_phases(psi[0], psi[1], trig, tables[0], tables[1], steps, rows)
            apply_phases(cotangent[0], cotangent[1], trig, tables[0], tables[1], steps, rows)
        elif opcode == SHARED_PHASES:
            apply_shared_phases(psi[0], psi[1], shared_re[first], shared_im[first])
            apply_shared_phases(cotangent[0], cotangent[1], shared_re[first], shared_im[first])
        else:
            _undo_matrix(psi, tables, program, first)
            _undo_matrix(cotangent, tables, program, first)


@jit
def _undo_matrix(planes, tables, program, layout):
    apply_matrix(
        planes[0],
        planes[1],
        tables[0],
        tables[1],
        program.matrix_layouts[layout],
        program.matrix_re,
        program.matrix_im,
    )


@jit
def _write_gradient(gradients, gradient, first, count):
    for lane in range(count):
        for slot in range(gradient.shape[0]):
            gradients[first + lane, slot] = gradient[slot, lane]


@jit
def split_room(room, size, n_slots):
    """Return a worker's room in parts: states, cotangents, trigonometry, gradient, tables."""
    places = 4 * size + 4 * n_slots
    rows = (room.shape[0] - places) // 2
    return (
        (room[:size], room[size : 2 * size]),
        (room[2 * size : 3 * size], room[3 * size : 4 * size]),
        room[4 * size : 4 * size + 3 * n_slots],
        room[4 * size + 3 * n_slots : places],
        (room[places : places + rows], room[places + rows : places + 2 * rows]),
    )


@jit
def _sum_points(start, cotangent):
    """Write the sums of a block's cotangents, where all points' states are one."""
    for plane in range(2):
        for b in range(start.shape[1]):
            total = 0.0
            for lane in range(cotangent[plane].shape[1]):
                total += cotangent[plane][b, lane]
            start[plane, b] = total


@jit
def _pull_back(
    worker,
    counter,
    gradients,
    starts,
    states,
    cotangents,
    angles,
    blocks,
    workspace,
    program,
    tables_re,
    tables_im,
):
    n_points, size = states[0].shape
    lanes = workspace.shape[2]
    psi, cotangent, trig, gradient, tables = split_room(workspace[worker], size, angles.shape[1])
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        count = min(lanes, n_points - first)
        fill_trigonometry(trig, angles, first, count, -1.0)
        gradient[:] = 0.0
        for plane in range(2):
            read_states(psi[plane], states[plane], first, count)
            read_states(cotangent[plane], cotangents[plane], first, count)
        rewind(psi, cotangent, gradient, trig, tables, program, tables_re, tables_im)
        _write_gradient(gradients, gradient, first, count)
        if starts.shape[0]:
            _sum_points(starts[block - blocks[0]], cotangent)
        block = blocks[0] + take_next(counter)


def pull_back(
    gradients,
    starts,
    states,
    cotangents,
    angles,
    blocks,
    workspace,
    program,
    tables_re,
    tables_im,
):
    """Write the gradients with respect to the slots, given those with respect to the states.

    Parameters
    ----------
    gradients : (n_points, n_slots) array of float64
        Output; only the rows of the given blocks are written.
    starts : (n_blocks, 2, 2^n) array
        Output: the cotangents before the program, real and imaginary part, summed over each
        block's points. Nothing is written where it is empty.
    states, cotangents : pairs of (n_points, 2^n) arrays
        After the program, real and imaginary parts.
    angles : (n_points, n_slots) array of float64
    blocks : (first, last)
        The range of blocks, one block a register's worth of points.
    workspace : (n_workers, rows, lanes) array
        Each worker's room: four planes of 2^n rows, four rows a slot, twice as many rows as the
        larger of the program's two kinds of tables has, and one more.
    program, tables_re, tables_im
        As `rewind` takes them.
    """
    run_workers(
        _pull_back,
        len(workspace),
        gradients,
        starts,
        states,
        cotangents,
        angles,
        blocks,
        workspace,
        program,
        tables_re,
        tables_im,
    )


@jit
def _weighted_words(psi, cotangent, weight, weights, words, first, count):
    """Write the cotangents of Σ_w weight_w ⟨word_w⟩, each point with its own weights."""
    for w in range(words.shape[0]):
        for lane in range(weight.shape[1]):
            weight[0, lane] = weights[first + lane, w] if lane < count else 0.0
        add_word_cotangent(psi, cotangent, words[w], load(weight, 0))


@jit
def _pull_back_expectations(
    worker,
    counter,
    gradients,
    starts,
    weights,
    angles,
    blocks,
    workspace,
    initial,
    program,
    tables_re,
    tables_im,
    reverse,
    reverse_im,
    words,
):
    n_points, size = angles.shape[0], initial.shape[1]
    lanes = workspace.shape[2]
    psi, cotangent, trig, gradient, tables = split_room(workspace[worker], size, angles.shape[1])
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        count = min(lanes, n_points - first)
        fill_trigonometry(trig, angles, first, count, 1.0)
        fill_initial(psi[0], psi[1], initial[0], initial[1])
        evolve(psi[0], psi[1], trig, tables[0], tables[1], program, tables_re, tables_im)
        for plane in range(2):
            cotangent[plane][:] = 0.0
        gradient[:] = 0.0
        weight = workspace[worker, workspace.shape[1] - 1 :]
        _weighted_words(psi, cotangent, weight, weights, words, first, count)
        fill_trigonometry(trig, angles, first, count, -1.0)
        rewind(psi, cotangent, gradient, trig, tables, reverse, tables_re, reverse_im)
        _write_gradient(gradients, gradient, first, count)
        if starts.shape[0]:
            _sum_points(starts[block - blocks[0]], cotangent)
        block = blocks[0] + take_next(counter)


def pull_back_expectations(
    gradients,
    starts,
    weights,
    angles,
    blocks,
    workspace,
    initial,
    program,
    tables_re,
    tables_im,
    reverse,
    reverse_im,
    words,
):
    """Write the gradients with respect to the slots, given those by the values of Pauli words.

    Parameters
    ----------
    gradients, starts, angles, blocks, workspace
        As `pull_back` takes them.
    weights : (n_points, n_words) array
        The gradient by each word's sum over amplitudes (see `expectations.expectations`).
    initial, program, tables_re, tables_im, words
        As `expectations.expectations` takes them.
    reverse, reverse_im
        The program with adjoint matrices, and the conjugates' imaginary parts.
    """
    run_workers(
        _pull_back_expectations,
        len(workspace),
        gradients,
        starts,
        weights,
        angles,
        blocks,
        workspace,
        initial,
        program,
        tables_re,
        tables_im,
        reverse,
        reverse_im,
        words,
    )
