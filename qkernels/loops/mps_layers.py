"""Layers of commuting couplings on matrix product states, all of them in one sweep.

A layer multiplies by exp(-i Σ φ_jk Z_j Z_k) over many pairs, some of them far apart. Going to the
right, what a site needs to know of the sites before it is the values of those that are still
coupled to sites ahead: their *history* h. So the layer is a product operator whose bond is the
number of histories, and every history and spin goes on to one history, with one phase. The state
times the layer is never written down: at each cut, the tensor M of axes (left bond and spin) and
(history, right bond) is projected onto the few directions that matter, found from the density
matrix G = M E M† by pivoted Cholesky, where the environment E, the overlaps of what is right of
the cut, is the identity for equal histories and reaches no further than the couplings do.

Which couplings make a layer is the business of `qkernels.compilation`; everything else that happens
to a state, that of `mps_evolution`.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit
from qkernels.loops.lanes import fill, load, store
from qkernels.loops.mps_density import orthonormalise_columns, stride, write_columns
from qkernels.loops.mps_environments import (
    ADJOINTS,
    AFTER,
    AHEAD,
    BEFORE,
    COLUMNS,
    EACH,
    END,
    GRAM,
    LAST,
    NEXT,
    OPENS,
    PHASES,
    REACH,
    REST,
    SITE,
    SMALL,
    START,
    STOP,
    TARGETS,
    WEIGHED,
    add_multiple,
    clear,
    pair,
    spin_range,
    write_adjoint,
    write_environments,
    write_phases,
)
from qkernels.loops.products import adjoint_product, product


@jit
def _write_adjoints(re, im, carried, left, width, at):
    """Write the adjoint of M for each spin."""
    for s in range(2):
        matrix = (carried[0], carried[1], carried[2] + s * left * carried[3], carried[3])
        write_adjoint(re, im, at[ADJOINTS] + s * width * left, matrix, left, width)


@jit
def _weigh(re, im, carried, row, left, bond, env, at):
    """Write, for each spin and history g, Σ_{h > g} M_h E_hg + M_g / 2."""
    step, half = carried[3], fill(re, 0.5)
    for s in range(2):
        first, end = spin_range(row, s)
        base = s * left * step
        for g in range(row[AFTER]):
            for a in range(left):
                for k in range(base + a * step + g * bond, base + a * step + (g + 1) * bond):
                    store(re, at[WEIGHED] + k, half * load(carried[0], carried[2] + k))
                    store(im, at[WEIGHED] + k, half * load(carried[1], carried[2] + k))
            low = max(first, g + 1)
            if low < end:
                block = env + pair(row[AFTER], low, g) * bond * bond
                x = (carried[0], carried[1], carried[2] + base + low * bond, step)
                y, rest = (re, im, block, bond), (re, im, at[REST], bond)
                product(rest, x, y, left, (end - low) * bond, bond)
                one, zero = fill(re, 1.0), fill(re, 0.0)
                out = at[WEIGHED] + base + g * bond
                add_multiple(re, im, out, step, at[REST], left, bond, one, zero)


@jit
def _write_density(re, im, row, left, bond, step, at):
    """Write the lower half of G = H + H^H, H what is weighed times the adjoint of M."""
    size, width = 2 * left, row[AFTER] * bond
    for s in range(2):
        for u in range(2):
            first, end = spin_range(row, u)
            out = (re, im, at[GRAM] + s * left * size + u * left, size)
            x = (re, im, at[WEIGHED] + s * left * step + first * bond, step)
            y = (re, im, at[ADJOINTS] + (u * width + first * bond) * left, left)
            product(out, x, y, left, (end - first) * bond, left)
    for i in range(size):
        for j in range(i + 1):
            upper, lower = at[GRAM] + j * size + i, at[GRAM] + i * size + j
            store(re, lower, load(re, lower) + load(re, upper))
            store(im, lower, load(im, lower) - load(im, upper))


@jit
def _write_basis(re, im, basis, size, most_columns, tolerance, lost, at):
    """Write orthonormal vectors that hold nearly all of G; return how many, and whether too few.

    `lost` gets the weight of what they leave out.
    """
    gram = (re, im, at[GRAM], size)
    norms = re[at[SMALL] : at[SMALL] + size]
    row = (re[at[SMALL] + size :], im[at[SMALL] + size :])
    pivots = np.empty((most_columns, len(lost)), np.int64)
    rank, capped = write_columns(gram, basis, size, norms, tolerance, lost, pivots, row)
    step = stride(rank)
    factors = (re, im, at[GRAM], step), (re, im, at[GRAM] + rank * step, step)
    turned = (re, im, at[WEIGHED], basis[3])
    orthonormalise_columns(basis, turned, *factors, norms, size, rank)
    orthonormalise_columns(turned, basis, *factors, norms, size, rank)
    return rank, capped


@jit
def _project(re, im, carried, basis, row, left, rank, bond, at):
    """Write M in terms of the orthonormal vectors."""
    width = row[AFTER] * bond
    if not row[OPENS]:
        adjoint_product((re, im, at[REST], width), basis, carried, rank, 2 * left, width)
        return
    for s in range(2):
        first, end = spin_range(row, s)
        place = carried[2] + s * left * carried[3] + first * bond
        own, matrix = (
            (basis[0], basis[1], basis[2] + s * left * basis[3], basis[3]),
            (carried[0], carried[1], place, carried[3]),
        )
        out = (re, im, at[REST] + first * bond, width)
        adjoint_product(out, own, matrix, rank, left, (end - first) * bond)


@jit
def _write_tensor(own, start, basis, left, rank):
    """Write the orthonormal vectors as a site's tensor."""
    for s in range(2):
        for a in range(left):
            row, place = basis[2] + (s * left + a) * basis[3], start + (2 * a + s) * rank
            for i in range(rank):
                store(own[0], place + i, load(basis[0], row + i))
                store(own[1], place + i, load(basis[1], row + i))


@jit
def _spread_histories(out, re, im, row, targets, left, behind, at):
    """Write a site's M, or its tensor, given rows (spin, left bond, history) at `at[NEXT]`.

    `out` are two planes, the first row, and how far it is to the next left bond and the next spin.
    """
    before, width = row[BEFORE], row[AFTER] * behind
    for s in range(2):
        for a in range(left):
            start = out[2] + a * out[3] + s * out[4]
            clear(out[0], out[1], start, width)
            for h in range(before):
                k = at[NEXT] + ((s * left + a) * before + h) * behind
                place = start + targets[row[TARGETS] + 2 * h + s] * behind
                fr, fi = load(re, at[PHASES] + 2 * h + s), load(im, at[PHASES] + 2 * h + s)
                for c in range(behind):
                    x, y = load(re, k + c), load(im, k + c)
                    real = load(out[0], place + c) + fr * x - fi * y
                    imag = load(out[1], place + c) + fr * y + fi * x
                    store(out[0], place + c, real)
                    store(out[1], place + c, imag)


@jit
def _absorb(own, start, carried, re, im, row, program, trig, left, bond, behind, at):
    """Make of a site's tensor its M, which is carried on, given what is left of the M before it.

    The last site's M is its tensor.
    """
    write_phases(re, im, at[PHASES], row, program.couplings, trig)
    rows = left * row[BEFORE]
    for s in range(2):
        out = (re, im, at[NEXT] + s * rows * behind, behind)
        tensor = (own[0], own[1], start + s * behind, 2 * behind)
        product(out, (re, im, at[REST], bond), tensor, rows, bond, behind)
    step = stride(row[AFTER] * behind)
    out = (own[0], own[1], carried, step, left * step)
    if row[AFTER] == 1:
        out = (own[0], own[1], start, 2 * behind, behind)
    _spread_histories(out, re, im, row, program.targets, left, behind, at)


@jit
def _write_identity(re, im, first, size):
    clear(re, im, first, size * size)
    for i in range(size):
        store(re, first + i * size + i, fill(re, 1.0))


@jit
def plan(number, bonds, layers, known):
    """Return where things start in the room of a step, and in all how many rows it takes."""
    row, after = layers[number], layers[number + 1]
    left, bond, behind = bonds[row[SITE]], bonds[row[SITE] + 1], bonds[row[SITE] + 2]
    histories, widest, each = 1, 1, 0
    for k in range(number, number + layers[number, LAST] - layers[number, SITE] + 1):
        own = bonds[layers[k, SITE] + 1]
        histories, widest = max(histories, layers[k, BEFORE]), max(widest, own, left)
        each = max(each, layers[k, AFTER] * (layers[k, AFTER] - 1) // 2 * own * own)
    if known[STOP] <= number:
        known[EACH] = each
    size, width = 2 * left, row[AFTER] * bond
    rank = min(size, width)
    sizes = np.array(
        [
            2 * histories,
            widest * widest,
            widest * widest,
            widest * widest,
            size * stride(width),
            size * width,
            2 * size * stride(size),
            size * stride(rank),
            max(rank * width, left * left),
            2 * max(rank * after[BEFORE] * behind, left * bond),
            3 * size,
        ]
    )
    at = np.empty(END + 1, np.int64)
    at[PHASES] = (AHEAD + row[REACH] + 1) * known[EACH]
    for k in range(len(sizes)):
        at[k + 1] = at[k] + sizes[k]
    return at


@jit
def needed_rows(number, bonds, layers):
    """Return how many rows a step takes for a site's tensor, and for the M that is carried on."""
    row, after = layers[number], layers[number + 1]
    left, bond, behind = bonds[row[SITE]], bonds[row[SITE] + 1], bonds[row[SITE] + 2]
    rank = min(2 * left, row[AFTER] * bond)
    own, next_ = 2 * left * stride(row[AFTER] * bond), 2 * rank * stride(after[AFTER] * behind)
    return 2 * rank * max(left, behind), max(own, next_)


@jit
def work(number, bonds, layers):
    """Return about how many complex products a step takes at each point."""
    row = layers[number]
    left, bond = bonds[row[SITE]], bonds[row[SITE] + 1]
    width, size = float(row[AFTER] * bond), 2.0 * left
    ahead = layers[number, AFTER] ** 2.0 * bond**3
    return ahead + 0.5 * size * width * width + size * size * width


@jit
def step(own, starts, bonds, program, number, group, trig, room, known, at, rules, weights):
    """Take one site of a layer to its final form, and its neighbour to M, which is carried on.

    The site's right bond is truncated; errors are added to the group's weights. Returns whether
    the largest bond has cut off more than may be discarded.
    """
    re, im = room
    layers = program.layers
    row, after = layers[number], layers[number + 1]
    site, carry = row[SITE], starts[-2]
    left, bond, behind = bonds[site], bonds[site + 1], bonds[site + 2]
    if row[BEFORE] == 1:
        _write_identity(re, im, at[REST], left)
        _absorb(own, starts[site], carry, re, im, row, program, trig, left, left, bond, at)
    if not known[START] <= number < known[STOP]:
        write_environments(re, im, own, starts, bonds, program, number, trig, known, at)
    env = (number - known[START]) * known[EACH]
    size, width = 2 * left, row[AFTER] * bond
    carried = (own[0], own[1], carry, stride(width))
    _write_adjoints(re, im, carried, left, width, at)
    _weigh(re, im, carried, row, left, bond, env, at)
    _write_density(re, im, row, left, bond, carried[3], at)
    # Twice the largest bond: the truncation by singular values, which follows, chooses better.
    most_columns = min(size, width, 2 * int(rules[1]))
    basis, lost = (re, im, at[COLUMNS], stride(most_columns)), np.empty(re.shape[1])
    rank, capped = _write_basis(re, im, basis, size, most_columns, rules[0], lost, at)
    for lane in range(len(lost)):
        weights[group, lane] += lost[lane]
    _project(re, im, carried, basis, row, left, rank, bond, at)
    _write_tensor(own, starts[site], basis, left, rank)
    bonds[site + 1] = rank
    _absorb(own, starts[site + 1], carry, re, im, after, program, trig, rank, bond, behind, at)
    return capped
