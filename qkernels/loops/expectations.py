"""Expectation values of Pauli words, block by block, without keeping the states.

The formula of one word and the scheduling of blocks live here; the states come from `evolution`.
"""

from __future__ import annotations

from qkernels.loops.evolution import evolve, fill_initial, fill_trigonometry
from qkernels.loops.jit import jit, run_workers
from qkernels.loops.lanes import fill, load, parity, store, take_next


@jit
def _diagonal_word(re, im, mask):
    """Return Σ_b (-1)^parity(b & mask) |a_b|²."""
    total = fill(re, 0.0)
    for b in range(re.shape[0]):
        ar, ai = load(re, b), load(im, b)
        sign = fill(re, 1.0 - 2.0 * parity(b & mask))
        total = total + sign * (ar * ar + ai * ai)
    return total


@jit
def _paired_word(re, im, direction, mask, pivot, imaginary):
    """Return Σ (-1)^parity(b & mask) of Re or Im conj(a_{b ^ direction}) a_b over the pairs."""
    total = fill(re, 0.0)
    for k in range(re.shape[0] >> 1):
        low = k & (pivot - 1)
        b = ((k ^ low) << 1) | low
        ar, ai = load(re, b), load(im, b)
        cr, ci = load(re, b ^ direction), load(im, b ^ direction)
        sign = fill(re, 1.0 - 2.0 * parity(b & mask))
        if imaginary:
            total = total + sign * (cr * ai - ci * ar)
        else:
            total = total + sign * (cr * ar + ci * ai)
    return total


@jit
def measure_word(re, im, word):
    """Return the unscaled expectation value of one word (see `expectations`) as lanes."""
    if word[0] == 0:
        return _diagonal_word(re, im, word[1])
    return _paired_word(re, im, word[0], word[1], word[2], word[3])


@jit
def add_to(planes, b, re, im):
    """Add to amplitude b of a pair of planes."""
    store(planes[0], b, load(planes[0], b) + re)
    store(planes[1], b, load(planes[1], b) + im)


@jit
def _add_diagonal(psi, out, mask, weight):
    for b in range(psi[0].shape[0]):
        scale = weight * fill(psi[0], 2.0 - 4.0 * parity(b & mask))
        add_to(out, b, scale * load(psi[0], b), scale * load(psi[1], b))


@jit
def _add_paired(psi, out, word, weight):
    direction, mask, pivot, imaginary = word[0], word[1], word[2], word[3]
    zero = fill(psi[0], 0.0)
    for k in range(psi[0].shape[0] >> 1):
        low = k & (pivot - 1)
        b = ((k ^ low) << 1) | low
        c = b ^ direction
        scale = weight * fill(psi[0], 1.0 - 2.0 * parity(b & mask))
        ar, ai = scale * load(psi[0], b), scale * load(psi[1], b)
        cr, ci = scale * load(psi[0], c), scale * load(psi[1], c)
        if imaginary:
            add_to(out, b, zero - ci, cr)
            add_to(out, c, ai, zero - ar)
        else:
            add_to(out, b, cr, ci)
            add_to(out, c, ar, ai)


@jit
def add_word_cotangent(psi, out, word, weight):
    """Add `weight`, in lanes, times the gradient of `measure_word` by the amplitudes."""
    if word[0] == 0:
        _add_diagonal(psi, out, word[1], weight)
    else:
        _add_paired(psi, out, word, weight)


@jit
def _expectations(
    worker,
    counter,
    values,
    angles,
    blocks,
    workspace,
    initial,
    program,
    tables_re,
    tables_im,
    words,
    factors,
):
    n_points = values.shape[0]
    size = initial.shape[1]
    lanes = workspace.shape[2]
    table_rows = program.level_rows[-1]
    room = workspace[worker]
    re, im = room[:size], room[size : 2 * size]
    tables = room[2 * size :]
    table_re, table_im = tables[:table_rows], tables[table_rows : 2 * table_rows]
    trig, result = tables[2 * table_rows : -1], tables[-1:]
    block = blocks[0] + take_next(counter)
    while block < blocks[1]:
        first = block * lanes
        count = min(lanes, n_points - first)
        fill_trigonometry(trig, angles, first, count, 1.0)
        fill_initial(re, im, initial[0], initial[1])
        evolve(re, im, trig, table_re, table_im, program, tables_re, tables_im)
        for w in range(words.shape[0]):
            store(result, 0, measure_word(re, im, words[w]))
            for point in range(count):
                values[first + point, w] = factors[w] * result[0, point]
        block = blocks[0] + take_next(counter)


def expectations(
    values, angles, blocks, workspace, initial, program, tables_re, tables_im, words, factors
):
    """Write the expectation values of Pauli words for the points in `blocks`.

    Parameters
    ----------
    values : (n_points, n_words) array
        Output; only the rows of the given blocks are written.
    angles, blocks, workspace, initial, program, tables_re, tables_im
        As `embedding.embed` takes them; one more row of room a worker.
    words : (n_words, 4) array of int64
        Direction, mask, pivot (a bit of the direction) and whether the imaginary part is taken.
    factors : (n_words,) array
        What the sum over amplitudes is multiplied with: ±1 for diagonal words, ±2 for the others.
    """
    run_workers(
        _expectations,
        len(workspace),
        values,
        angles,
        blocks,
        workspace,
        initial,
        program,
        tables_re,
        tables_im,
        words,
        factors,
    )
