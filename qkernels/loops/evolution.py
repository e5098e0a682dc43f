"""One block of points through a compiled program: rotations, phases, small matrices.

A block holds the states of 8 points (16 in single precision): `re[b]` and `im[b]` are the lanes of
amplitude b, for all points at once. `evolve` reads the program, plain tables made by
`qkernels.compilation.program`, whose comments define every column. How blocks are scheduled, and
what is done with the states, lives in the loops that call it.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit
from qkernels.loops.lanes import fill, load, parity, store

# Rows of `program.instructions`: (opcode, first, last).
ROTATE, PHASES, SHARED_PHASES, MATRIX = range(4)
# Rows of `program.phase_steps`: (step, level, bit, slot).
START, COPY, TURN, COMBINE, APPLY_COPY, APPLY_TURN, APPLY_COMBINE = range(7)
# Each slot of the angles has three rows of lanes.
COS, SIN, MINUS_SIN = range(3)


@jit
def fill_trigonometry(trig, angles, first, count, sign):
    """Write cos, sin and -sin of `sign` times a block's angles; lanes past the last repeat it."""
    n_slots = angles.shape[1]
    for lane in range(trig.shape[1]):
        point = first + min(lane, count - 1)
        for slot in range(n_slots):
            angle = angles[point, slot]
            sine = sign * np.sin(angle)
            trig[3 * slot + COS, lane] = np.cos(angle)
            trig[3 * slot + SIN, lane] = sine
            trig[3 * slot + MINUS_SIN, lane] = -sine


@jit
def fill_initial(re, im, initial_re, initial_im):
    """Write one state into every lane."""
    for b in range(re.shape[0]):
        store(re, b, fill(re, initial_re[b]))
        store(im, b, fill(im, initial_im[b]))


@jit
def insert_zero(bits, pivot):
    """Return `bits` with a zero put in at bit `pivot`; higher bits move up."""
    low = bits & (pivot - 1)
    return ((bits ^ low) << 1) | low


@jit
def sine_row(rotation, b):
    """Return the row of sin or -sin: the sign with which `b` enters this rotation."""
    negative = parity(rotation[1] & b) ^ rotation[2]
    return 3 * rotation[3] + SIN + negative


@jit
def turn(a, b, cosine, sine):
    """Return the pair (a, b) turned."""
    return cosine * a - sine * b, sine * a + cosine * b


@jit
def rotation_sign(psi, rotation, b):
    """Return 1 or -1 in all lanes: the sign with which `b` enters this rotation."""
    return fill(psi, 1.0 - 2.0 * (parity(rotation[1] & b) ^ rotation[2]))


@jit
def turn_four(plane, b, d, e, c0, s0, c1, s1):
    """Turn four amplitudes, in pairs that differ by d, then in pairs that differ by e."""
    a0, a1 = turn(load(plane, b), load(plane, b ^ d), c0, s0)
    a2, a3 = turn(load(plane, b ^ e), load(plane, b ^ d ^ e), c0, s0)
    a0, a2 = turn(a0, a2, c1, s1)
    a1, a3 = turn(a1, a3, c1, s1)
    store(plane, b, a0)
    store(plane, b ^ d, a1)
    store(plane, b ^ e, a2)
    store(plane, b ^ d ^ e, a3)


@jit
def _rotate_one(psi, trig, r):
    d, pivot = r[0], r[4]
    c = load(trig, 3 * r[3] + COS)
    for k in range(psi.shape[0] >> 1):
        b = insert_zero(k, pivot)
        low, high = turn(load(psi, b), load(psi, b ^ d), c, load(trig, sine_row(r, b)))
        store(psi, b, low)
        store(psi, b ^ d, high)


@jit
def _rotate_two(psi, trig, r, s):
    d, e = r[0], s[0]
    c0, c1 = load(trig, 3 * r[3] + COS), load(trig, 3 * s[3] + COS)
    for k in range(psi.shape[0] >> 2):
        b = insert_zero(insert_zero(k, min(r[4], s[4])), max(r[4], s[4]))
        s0, s1 = load(trig, sine_row(r, b)), load(trig, sine_row(s, b))
        turn_four(psi, b, d, e, c0, s0, c1, s1)


@jit
def _rotate_three(psi, trig, r, s, t):
    d, e, f = r[0], s[0], t[0]
    low = min(r[4], s[4], t[4])
    high = max(r[4], s[4], t[4])
    middle = r[4] ^ s[4] ^ t[4] ^ low ^ high
    c0 = load(trig, 3 * r[3] + COS)
    c1 = load(trig, 3 * s[3] + COS)
    c2 = load(trig, 3 * t[3] + COS)
    for k in range(psi.shape[0] >> 3):
        b = insert_zero(insert_zero(insert_zero(k, low), middle), high)
        s0 = load(trig, sine_row(r, b))
        s1 = load(trig, sine_row(s, b))
        s2 = load(trig, sine_row(t, b))
        a0, a1 = turn(load(psi, b), load(psi, b ^ d), c0, s0)
        a2, a3 = turn(load(psi, b ^ e), load(psi, b ^ d ^ e), c0, s0)
        a4, a5 = turn(load(psi, b ^ f), load(psi, b ^ d ^ f), c0, s0)
        a6, a7 = turn(load(psi, b ^ e ^ f), load(psi, b ^ d ^ e ^ f), c0, s0)
        a0, a2 = turn(a0, a2, c1, s1)
        a1, a3 = turn(a1, a3, c1, s1)
        a4, a6 = turn(a4, a6, c1, s1)
        a5, a7 = turn(a5, a7, c1, s1)
        a0, a4 = turn(a0, a4, c2, s2)
        a1, a5 = turn(a1, a5, c2, s2)
        a2, a6 = turn(a2, a6, c2, s2)
        a3, a7 = turn(a3, a7, c2, s2)
        store(psi, b, a0)
        store(psi, b ^ d, a1)
        store(psi, b ^ e, a2)
        store(psi, b ^ d ^ e, a3)
        store(psi, b ^ f, a4)
        store(psi, b ^ d ^ f, a5)
        store(psi, b ^ e ^ f, a6)
        store(psi, b ^ d ^ e ^ f, a7)


@jit
def rotate(psi, trig, rotations, first, last):
    """Apply up to three commuting real rotations to one plane, in one pass over it.

    Rotation (d, m, negative, slot, pivot) turns each pair of amplitudes (b, b ^ d), where bit
    `pivot` of b is 0, by the slot's angle: (a, a') -> (c a - s a', s a + c a'), with the sign of s
    given by the parity of b & m and by `negative`. Passes over memory, not arithmetic, are what a
    rotation costs, hence several at once.
    """
    if last - first == 1:
        _rotate_one(psi, trig, rotations[first])
    elif last - first == 2:
        _rotate_two(psi, trig, rotations[first], rotations[first + 1])
    else:
        _rotate_three(psi, trig, rotations[first], rotations[first + 1], rotations[first + 2])


@jit
def _times(ar, ai, br, bi):
    return ar * br - ai * bi, ar * bi + ai * br


@jit
def _split(ur, ui, fr, fi):
    """Return u·f and u·conj(f)."""
    rr, ii, ri, ir = ur * fr, ui * fi, ur * fi, ui * fr
    return rr - ii, ri + ir, rr + ii, ir - ri


@jit
def _double_by_copy(re, im, base, size):
    for b in range(base, base + size):
        store(re, b + size, load(re, b))
        store(im, b + size, load(im, b))


@jit
def _double_by_turn(re, im, base, size, fr, fi):
    for b in range(base, base + size):
        lr, li, hr, hi = _split(load(re, b), load(im, b), fr, fi)
        store(re, b, lr)
        store(im, b, li)
        store(re, b + size, hr)
        store(im, b + size, hi)


@jit
def _double_by_table(re, im, base, size, factor):
    for b in range(size):
        fr, fi = load(re, factor + b), load(im, factor + b)
        lr, li, hr, hi = _split(load(re, base + b), load(im, base + b), fr, fi)
        store(re, base + b, lr)
        store(im, base + b, li)
        store(re, base + size + b, hr)
        store(im, base + size + b, hi)


@jit
def _multiply(re, im, b, fr, fi):
    ur, ui = _times(load(re, b), load(im, b), fr, fi)
    store(re, b, ur)
    store(im, b, ui)


@jit
def _apply_copy(re, im, table_re, table_im, size):
    for b in range(size):
        tr, ti = load(table_re, b), load(table_im, b)
        _multiply(re, im, b, tr, ti)
        _multiply(re, im, b + size, tr, ti)


@jit
def _apply_turn(re, im, table_re, table_im, size, fr, fi):
    for b in range(size):
        lr, li, hr, hi = _split(load(table_re, b), load(table_im, b), fr, fi)
        _multiply(re, im, b, lr, li)
        _multiply(re, im, b + size, hr, hi)


@jit
def _apply_table(re, im, table_re, table_im, size, factor):
    for b in range(size):
        fr, fi = load(table_re, factor + b), load(table_im, factor + b)
        lr, li, hr, hi = _split(load(table_re, b), load(table_im, b), fr, fi)
        _multiply(re, im, b, lr, li)
        _multiply(re, im, b + size, hr, hi)


@jit
def fill_phases(trig, table_re, table_im, steps, level_rows):
    """Make the table of a phase layer: all its steps but the last, which `apply_phases` does.

    The table of the factor over the low k bits is doubled bit by bit: its upper half is the table
    times conj(F), its lower half times F, where F is the factor of all the terms whose highest bit
    is k, a table over the bits below made in the same way one level down.
    """
    for i in range(steps.shape[0] - 1):
        step, level, bit, slot = steps[i, 0], steps[i, 1], steps[i, 2], steps[i, 3]
        base, size, factor = level_rows[level], 1 << bit, level_rows[level + 1]
        if step == START:
            store(table_re, base, load(trig, 3 * slot + COS) if slot >= 0 else fill(trig, 1.0))
            store(table_im, base, load(trig, 3 * slot + SIN) if slot >= 0 else fill(trig, 0.0))
        elif step == COPY:
            _double_by_copy(table_re, table_im, base, size)
        elif step == TURN:
            fr, fi = load(trig, 3 * slot + COS), load(trig, 3 * slot + SIN)
            _double_by_turn(table_re, table_im, base, size, fr, fi)
        else:
            _double_by_table(table_re, table_im, base, size, factor)


@jit
def apply_phases(re, im, trig, table_re, table_im, steps, level_rows):
    """Multiply by exp(iφ(b)), φ(b) = Σ_m θ_m (-1)^parity(b & m), of one phase layer.

    `fill_phases` has made the table over all bits but the highest; the last doubling is done on the
    state itself.
    """
    step, bit, slot = steps[-1, 0], steps[-1, 2], steps[-1, 3]
    size, factor = 1 << bit, level_rows[1]
    if step == APPLY_COPY:
        _apply_copy(re, im, table_re, table_im, size)
    elif step == APPLY_TURN:
        fr, fi = load(trig, 3 * slot + COS), load(trig, 3 * slot + SIN)
        _apply_turn(re, im, table_re, table_im, size, fr, fi)
    else:
        _apply_table(re, im, table_re, table_im, size, factor)


@jit
def apply_shared_phases(re, im, phases_re, phases_im):
    """Multiply every point's amplitude b by the one factor that all points share."""
    for b in range(re.shape[0]):
        _multiply(re, im, b, fill(re, phases_re[b]), fill(re, phases_im[b]))


@jit
def _local_index(layout, b):
    """Return which row of the matrix amplitude `b` belongs to."""
    index = 0
    for q in range(layout[0]):
        index = 2 * index + (parity(layout[3 + 3 * q] & b) ^ layout[4 + 3 * q])
    return index


@jit
def _coset_row(layout, b, flips):
    """Return the amplitude that differs from `b` in the qubits set in `flips`."""
    k = layout[0]
    for q in range(k):
        if (flips >> (k - 1 - q)) & 1:
            b ^= layout[2 + 3 * q]
    return b


@jit
def apply_matrix(re, im, work_re, work_im, layout, data_re, data_im):
    """Multiply each coset of 2^k amplitudes by one numeric 2^k × 2^k matrix.

    `layout` is (k, offset, then direction, mask and flip of each qubit, most significant first,
    then the cosets' pivots, lowest first): the qubit's value in amplitude b is
    parity(b & mask) ^ flip, and b ^ direction is the amplitude with that value changed.
    """
    k, offset = layout[0], layout[1]
    size = 1 << k
    for rest in range(re.shape[0] >> k):
        b = rest
        for q in range(k):
            b = insert_zero(b, layout[2 + 3 * k + q])
        first = _local_index(layout, b)
        for i in range(size):
            row = _coset_row(layout, b, i ^ first)
            store(work_re, i, load(re, row))
            store(work_im, i, load(im, row))
        for i in range(size):
            row = _coset_row(layout, b, i ^ first)
            sum_re, sum_im = fill(re, 0.0), fill(re, 0.0)
            for j in range(size):
                entry = offset + i * size + j
                pr, pi = _times(
                    load(work_re, j),
                    load(work_im, j),
                    fill(re, data_re[entry]),
                    fill(re, data_im[entry]),
                )
                sum_re, sum_im = sum_re + pr, sum_im + pi
            store(re, row, sum_re)
            store(im, row, sum_im)


@jit
def evolve(re, im, trig, table_re, table_im, program, tables_re, tables_im):
    """Take a block of states through a program, in place.

    Parameters
    ----------
    re, im : (2^n, lanes) arrays
        The states' real and imaginary parts.
    trig : (3 * n_slots, lanes) array
        What `fill_trigonometry` writes.
    table_re, table_im : (program.table_rows, lanes) arrays
        Room for the tables of `apply_phases`.
    program : Program
        The tables of `qkernels.compilation.program`.
    tables_re, tables_im : (n_tables, 2^n) arrays
        The phases that all points share.
    """
    for i in range(program.instructions.shape[0]):
        opcode, first, last = (
            program.instructions[i, 0],
            program.instructions[i, 1],
            program.instructions[i, 2],
        )
        if opcode == ROTATE:
            rotate(re, trig, program.rotations, first, last)
            rotate(im, trig, program.rotations, first, last)
        elif opcode == PHASES:
            steps = program.phase_steps[first:last]
            fill_phases(trig, table_re, table_im, steps, program.level_rows)
            apply_phases(re, im, trig, table_re, table_im, steps, program.level_rows)
        elif opcode == SHARED_PHASES:
            apply_shared_phases(re, im, tables_re[first], tables_im[first])
        else:
            apply_matrix(
                re,
                im,
                table_re,
                table_im,
                program.matrix_layouts[first],
                program.matrix_re,
                program.matrix_im,
            )
