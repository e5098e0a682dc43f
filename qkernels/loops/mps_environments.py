"""Environments of a layer of couplings: overlaps of what is right of a cut, history by history.

The environment E of a cut has a block for each two histories before it: what the tensors behind it
give for one history, overlapped with what they give for the other. Of equal histories it is the
identity, as tensors ahead of a layer have orthonormal rows. What environments are for, and what a
history is, says `mps_layers`.
"""

from __future__ import annotations

from qkernels.loops.jit import jit
from qkernels.loops.lanes import fill, load, store
from qkernels.loops.products import product as matrix_product

# Columns of `program.layers`: the row of one site of a layer.
SITE, LAST, REACH, BEFORE, AFTER, FIRST_COUPLING, END_COUPLING, TARGETS, OPENS = range(9)
# Environments are computed for so many cuts ahead.
AHEAD = 8
# Where things start in the room of a step. First come environments; then phases, matrices that
# make an environment, M E, the adjoint of M, G, the columns of its factor, M in terms of
# orthonormal ones, that times the next tensor, and a few rows.
PHASES, ADJOINT, HALF, PRODUCT, WEIGHED, ADJOINTS, GRAM, COLUMNS, REST, NEXT, SMALL = range(11)
END = 11
# Columns of what is known of the environments: the row of the layer at which they start, the one
# at which they end, and how many rows each takes.
START, STOP, EACH = range(3)


@jit
def clear(re, im, first, count):
    """Write zeros into `count` rows."""
    zero = fill(re, 0.0)
    for i in range(first, first + count):
        store(re, i, zero)
        store(im, i, zero)


@jit
def add_multiple(re, im, out, step, x, rows, columns, fr, fi):
    """Add f times a matrix to another one, whose rows are `step` apart."""
    for i in range(rows):
        for j in range(columns):
            k, place = x + i * columns + j, out + i * step + j
            a, b = load(re, k), load(im, k)
            store(re, place, load(re, place) + fr * a - fi * b)
            store(im, place, load(im, place) + fr * b + fi * a)


@jit
def _add_adjoint_multiple(re, im, out, x, n, fr, fi):
    """Add f times the adjoint of a square matrix to another one."""
    for i in range(n):
        for j in range(n):
            a, b, place = load(re, x + j * n + i), load(im, x + j * n + i), out + i * n + j
            store(re, place, load(re, place) + fr * a + fi * b)
            store(im, place, load(im, place) + fi * a - fr * b)


@jit
def pair(histories, high, low):
    """Return the number of a pair, high > low: those of one `low` follow each other."""
    return low * (2 * histories - low - 1) // 2 + high - low - 1


@jit
def write_phases(re, im, first, row, couplings, trig):
    """Write exp(-iΣφ) for each history and spin of a site, 2 h + s rows from the first one."""
    for h in range(row[BEFORE]):
        for s in range(2):
            real, imag = fill(re, 1.0), fill(re, 0.0)
            for k in range(row[FIRST_COUPLING], row[END_COUPLING]):
                c, d = load(trig, 2 * couplings[k, 1]), load(trig, 2 * couplings[k, 1] + 1)
                same = ((h >> couplings[k, 0]) & 1) == s
                d = fill(re, -1.0 if same else 1.0) * d
                real, imag = real * c - imag * d, real * d + imag * c
            store(re, first + 2 * h + s, real)
            store(im, first + 2 * h + s, imag)


@jit
def _relative_phase(re, im, phases, h, g, spin):
    """Return the phase of history h over that of history g."""
    ar, ai = load(re, phases + 2 * h + spin), load(im, phases + 2 * h + spin)
    br, bi = load(re, phases + 2 * g + spin), load(im, phases + 2 * g + spin)
    return ar * br + ai * bi, ai * br - ar * bi


@jit
def spin_range(row, spin):
    """Return the histories behind a site that one of its spins may have: first and end."""
    if not row[OPENS]:
        return 0, row[AFTER]
    half = row[AFTER] // 2
    return (half, row[AFTER]) if spin else (0, half)


@jit
def write_adjoint(re, im, out, matrix, rows, columns):
    """Write the adjoint of a matrix, its rows one after another."""
    zero = fill(re, 0.0)
    for i in range(rows):
        source = matrix[2] + i * matrix[3]
        for j in range(columns):
            store(re, out + j * rows + i, load(matrix[0], source + j))
            store(im, out + j * rows + i, zero - load(matrix[1], source + j))


@jit
def _push(re, im, own, start, spin, block, before, behind, at):
    """Write A E A^H of one spin's matrix A at `at[PRODUCT]`; without a block, A A^H."""
    right = (re, im, at[ADJOINT], before)
    if block >= 0:
        right = (re, im, at[HALF], before)
        adjoint = (re, im, at[ADJOINT], before)
        matrix_product(right, (re, im, block, behind), adjoint, behind, behind, before)
    left = (own[0], own[1], start + spin * behind, 2 * behind)
    matrix_product((re, im, at[PRODUCT], before), left, right, before, behind, before)


@jit
def _spread(re, im, out, row, targets, spin, high, low, before, at):
    """Add the product to the blocks of all pairs of histories that go on to (high, low)."""
    first = row[TARGETS] + spin
    for g in range(row[BEFORE]):
        down = targets[first + 2 * g]
        if down not in (high, low):
            continue
        for h in range(g + 1, row[BEFORE]):
            up = targets[first + 2 * h]
            if up + down != high + low or up not in (high, low):
                continue
            fr, fi = _relative_phase(re, im, at[PHASES], h, g, spin)
            block = out + pair(row[BEFORE], h, g) * before * before
            if up == high:
                add_multiple(re, im, block, before, at[PRODUCT], before, before, fr, fi)
            else:
                _add_adjoint_multiple(re, im, block, at[PRODUCT], before, fr, fi)


@jit
def _write_environment(re, im, out, env, own, start, bonds, row, targets, at):
    """Write the environment before a site, at `out`, given that behind it, at `env`."""
    before, behind = bonds
    clear(re, im, out, pair(row[BEFORE], row[BEFORE], row[BEFORE] - 1) * before * before)
    for spin in range(2):
        matrix = (own[0], own[1], start + spin * behind, 2 * behind)
        write_adjoint(re, im, at[ADJOINT], matrix, before, behind)
        first, end = spin_range(row, spin)
        for low in range(first, end):
            for high in range(low, end):
                block = -1
                if high > low:
                    block = env + pair(row[AFTER], high, low) * behind * behind
                _push(re, im, own, start, spin, block, before, behind, at)
                _spread(re, im, out, row, targets, spin, high, low, before, at)


@jit
def write_environments(re, im, own, starts, bonds, program, number, trig, known, at):
    """Write the environments behind a site and behind some sites ahead of it.

    They start as identities, far enough ahead for no history that is asked for to reach.
    """
    layers = program.layers
    to_go = layers[number, LAST] - layers[number, SITE]
    ahead = min(AHEAD, to_go)
    far = min(ahead - 1 + layers[number, REACH], to_go)
    each = known[EACH]
    clear(re, im, far * each, each)
    for k in range(far, 0, -1):
        row = layers[number + k]
        site = row[SITE]
        write_phases(re, im, at[PHASES], row, program.couplings, trig)
        sides, out = (bonds[site], bonds[site + 1]), (k - 1) * each
        _write_environment(
            re, im, out, k * each, own, starts[site], sides, row, program.targets, at
        )
    known[START], known[STOP] = number, number + ahead
