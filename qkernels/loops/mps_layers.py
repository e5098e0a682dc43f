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
from qkernels.loops.mps_environments import (
    ADJOINTS,
    AFTER,
    AHEAD,
    BASIS,
    BEFORE,
    COLUMNS,
    EACH,
    END,
    GRAM,
    LAST,
    MATRIX,
    NEXT,
    NORMS,
    OPENS,
    PHASES,
    REACH,
    REST,
    SITE,
    START,
    STOP,
    TARGETS,
    WEIGHED,
    add_multiple,
    clear,
    pair,
    spin_range,
    write_environments,
    write_phases,
)
from qkernels.loops.mps_factorization import choose_pivots, is_done, orthonormalise
from qkernels.loops.products import product as matrix_product


@jit
def _stride(width):
    """Return how far rows of M are apart: an odd multiple of 4 where they are long.

    A power of two would bring them to the same few places of the first cache.
    """
    return 4 * ((width + 3) // 4 | 1) if width >= 32 else width


@jit
def _read_matrix(re, im, own, start, left, width, at):
    """Write M by spins, rows s * left + a, and its adjoint for each spin."""
    zero, stride = fill(re, 0.0), _stride(width)
    for s in range(2):
        for a in range(left):
            source, row = start + (2 * a + s) * width, s * left + a
            for j in range(width):
                x, y = load(own[0], source + j), load(own[1], source + j)
                store(re, at[MATRIX] + row * stride + j, x)
                store(im, at[MATRIX] + row * stride + j, y)
                store(re, at[ADJOINTS] + (s * width + j) * left + a, x)
                store(im, at[ADJOINTS] + (s * width + j) * left + a, zero - y)


@jit
def _weigh(re, im, row, left, bond, env, at):
    """Write, for each spin and history g, Σ_{h > g} M_h E_hg + M_g / 2."""
    stride, half = _stride(row[AFTER] * bond), fill(re, 0.5)
    for s in range(2):
        first, end = spin_range(row, s)
        base = s * left * stride
        for g in range(row[AFTER]):
            out, low = at[WEIGHED] + base + g * bond, max(first, g + 1)
            for a in range(left):
                for c in range(bond):
                    k = base + a * stride + g * bond + c
                    store(re, at[WEIGHED] + k, half * load(re, at[MATRIX] + k))
                    store(im, at[WEIGHED] + k, half * load(im, at[MATRIX] + k))
            if low < end:
                block = env + pair(row[AFTER], low, g) * bond * bond
                x = (re, im, at[MATRIX] + base + low * bond, stride)
                product = (re, im, at[REST], bond)
                matrix_product(product, x, (re, im, block, bond), left, (end - low) * bond, bond)
                one, zero = fill(re, 1.0), fill(re, 0.0)
                add_multiple(re, im, out, stride, at[REST], left, bond, one, zero)


@jit
def _write_density(re, im, row, left, bond, at):
    """Write the density matrix G = H + H^H, H what is weighed times the adjoint of M."""
    size, width = 2 * left, row[AFTER] * bond
    stride = _stride(width)
    for s in range(2):
        for u in range(2):
            first, end = spin_range(row, u)
            out = (re, im, at[GRAM] + s * left * size + u * left, size)
            x = (re, im, at[WEIGHED] + s * left * stride + first * bond, stride)
            y = (re, im, at[ADJOINTS] + (u * width + first * bond) * left, left)
            matrix_product(out, x, y, left, (end - first) * bond, left)
    zero = fill(re, 0.0)
    for i in range(size):
        for j in range(i + 1):
            upper, lower = at[GRAM] + j * size + i, at[GRAM] + i * size + j
            real = load(re, lower) + load(re, upper)
            imag = load(im, lower) - load(im, upper)
            store(re, lower, real)
            store(im, lower, imag)
            store(re, upper, real)
            store(im, upper, zero - imag)


@jit
def _next_column(re, im, rank, size, pivots, norms, least, at):
    """Write the next column of the Cholesky factor, at each point that of its own pivot."""
    column = at[COLUMNS] + rank * size
    for lane in range(len(pivots)):
        p = pivots[lane]
        for i in range(size):
            # G is Hermitian, and its rows are together.
            re[column + i, lane] = re[at[GRAM] + p * size + i, lane]
            im[column + i, lane] = -im[at[GRAM] + p * size + i, lane]
    factor = at[NORMS] + size
    for k in range(rank):
        earlier = at[COLUMNS] + k * size
        for lane in range(len(pivots)):
            re[factor, lane] = re[earlier + pivots[lane], lane]
            im[factor, lane] = im[earlier + pivots[lane], lane]
        fr, fi = load(re, factor), load(im, factor)
        for i in range(size):
            a, b = load(re, earlier + i), load(im, earlier + i)
            store(re, column + i, load(re, column + i) - (a * fr + b * fi))
            store(im, column + i, load(im, column + i) - (b * fr - a * fi))
    for lane in range(len(pivots)):
        norm = norms[pivots[lane], lane]
        re[factor, lane] = 1.0 / np.sqrt(norm) if norm > least[lane] else 0.0
    scale = load(re, factor)
    for i in range(size):
        a, b = load(re, column + i) * scale, load(im, column + i) * scale
        store(re, column + i, a)
        store(im, column + i, b)
        store(norms, i, load(norms, i) - a * a - b * b)
    for lane in range(len(pivots)):
        norms[pivots[lane], lane] = 0.0


@jit
def _write_columns(re, im, size, width, rules, lost, at):
    """Factorise G into few columns, by pivots; return how many, and whether they are too few.

    There may be twice as many as the largest bond: the truncation of the bond by its singular
    values, which follows, chooses better. `lost` gets the weight of what they leave out, and of
    what rounding may hide.
    """
    lanes, unit = re.shape[1], 2.0 * re.itemsize * 2.0**-56
    norms = re[at[NORMS] : at[NORMS] + size]
    least, most = np.empty(lanes), np.empty(lanes)
    for i in range(size):
        store(norms, i, load(re, at[GRAM] + i * size + i))
    for lane in range(lanes):
        total = norms[:, lane].sum()
        least[lane], most[lane] = unit * total, max(rules[0], unit * size) * total
    rank, pivots = 0, np.empty(lanes, np.int64)
    while rank < min(size, width, 2 * int(rules[1])) and not is_done(norms, size, most):
        choose_pivots(pivots, norms, size)
        _next_column(re, im, rank, size, pivots, norms, least, at)
        rank += 1
    capped = False
    for lane in range(lanes):
        lost[lane] = max(norms[:, lane].sum(), 0.0) + least[lane]
        capped |= lost[lane] > 2.0 * most[lane]
    return max(rank, 1), capped


@jit
def _orthonormalise_columns(re, im, rank, size, at):
    """Write orthonormal vectors that span the columns; return how many."""
    lanes, norms = re.shape[1], at[NORMS]
    columns, basis, rest = at[COLUMNS], at[BASIS], at[GRAM]
    nothing = np.zeros(lanes)
    for lane in range(lanes):
        for i in range(rank * size):
            a, b = re[columns + i, lane], im[columns + i, lane]
            nothing[lane] += a * a + b * b
        nothing[lane] *= 1e-30
    found = orthonormalise(
        re[columns:basis],
        im[columns:basis],
        re[basis : at[REST]],
        im[basis : at[REST]],
        re[rest:columns],
        im[rest:columns],
        re[norms : norms + size],
        re[norms + size : at[END]],
        rank,
        size,
        nothing,
        nothing,
    )
    return max(found, 1)


@jit
def _project(re, im, row, left, rank, bond, at):
    """Write M in terms of the orthonormal vectors, whose conjugates are left in their place."""
    size, width, zero = 2 * left, row[AFTER] * bond, fill(re, 0.0)
    stride = _stride(width)
    for i in range(at[BASIS], at[BASIS] + rank * size):
        store(im, i, zero - load(im, i))
    if not row[OPENS]:
        out, x = (re, im, at[REST], width), (re, im, at[BASIS], size)
        matrix_product(out, x, (re, im, at[MATRIX], stride), rank, size, width)
        return
    for s in range(2):
        first, end = spin_range(row, s)
        out, x = (re, im, at[REST] + first * bond, width), (re, im, at[BASIS] + s * left, size)
        y = (re, im, at[MATRIX] + s * left * stride + first * bond, stride)
        matrix_product(out, x, y, rank, left, (end - first) * bond)


@jit
def _write_basis(own, start, re, im, left, rank, at):
    """Write the orthonormal vectors as a site's tensor, given their conjugates."""
    zero = fill(re, 0.0)
    for i in range(rank):
        for s in range(2):
            for a in range(left):
                k, place = at[BASIS] + (2 * i + s) * left + a, start + (2 * a + s) * rank + i
                store(own[0], place, load(re, k))
                store(own[1], place, zero - load(im, k))


@jit
def _spread_histories(own, start, re, im, row, targets, left, behind, at):
    """Write the M of a site, given, for each spin, the rows (left bond, history) at `at[NEXT]`."""
    before, width = row[BEFORE], row[AFTER] * behind
    clear(own[0], own[1], start, 2 * left * width)
    for s in range(2):
        for a in range(left):
            for h in range(before):
                k = at[NEXT] + ((s * left + a) * before + h) * behind
                place = start + (2 * a + s) * width + targets[row[TARGETS] + 2 * h + s] * behind
                fr, fi = load(re, at[PHASES] + 2 * h + s), load(im, at[PHASES] + 2 * h + s)
                for c in range(behind):
                    x, y = load(re, k + c), load(im, k + c)
                    real = load(own[0], place + c) + fr * x - fi * y
                    imag = load(own[1], place + c) + fr * y + fi * x
                    store(own[0], place + c, real)
                    store(own[1], place + c, imag)


@jit
def _absorb(own, start, re, im, row, program, trig, left, bond, behind, at):
    """Make of a site's tensor its M, given what is left of the M before it."""
    write_phases(re, im, at[PHASES], row, program.couplings, trig)
    rows = left * row[BEFORE]
    for s in range(2):
        out = (re, im, at[NEXT] + s * rows * behind, behind)
        tensor = (own[0], own[1], start + s * behind, 2 * behind)
        matrix_product(out, (re, im, at[REST], bond), tensor, rows, bond, behind)
    _spread_histories(own, start, re, im, row, program.targets, left, behind, at)


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
            size * _stride(width),
            size * _stride(width),
            size * width,
            size * size,
            rank * size,
            rank * size,
            max(rank * width, left * left),
            2 * max(rank * after[BEFORE] * behind, left * bond),
            size + 8,
        ]
    )
    at = np.empty(END + 1, np.int64)
    at[PHASES] = (AHEAD + row[REACH] + 1) * known[EACH]
    for k in range(len(sizes)):
        at[k + 1] = at[k] + sizes[k]
    return at


@jit
def needed_rows(number, bonds, layers):
    """Return how many rows the largest tensor of a step takes."""
    row, after = layers[number], layers[number + 1]
    left, bond, behind = bonds[row[SITE]], bonds[row[SITE] + 1], bonds[row[SITE] + 2]
    rank = min(2 * left, row[AFTER] * bond)
    return 2 * max(left * row[AFTER] * bond, rank * after[AFTER] * behind)


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
    """Take one site of a layer to its final form, and its neighbour to M.

    The site's right bond is truncated; errors are added to the group's weights. Returns whether
    the largest bond has cut off more than may be discarded.
    """
    re, im = room
    layers = program.layers
    row, after = layers[number], layers[number + 1]
    site = row[SITE]
    left, bond, behind = bonds[site], bonds[site + 1], bonds[site + 2]
    if row[BEFORE] == 1:
        _write_identity(re, im, at[REST], left)
        _absorb(own, starts[site], re, im, row, program, trig, left, left, bond, at)
    if not known[START] <= number < known[STOP]:
        write_environments(re, im, own, starts, bonds, program, number, trig, known, at)
    env = (number - known[START]) * known[EACH]
    size, width = 2 * left, row[AFTER] * bond
    _read_matrix(re, im, own, starts[site], left, width, at)
    _weigh(re, im, row, left, bond, env, at)
    _write_density(re, im, row, left, bond, at)
    lost = np.empty(re.shape[1])
    rank, capped = _write_columns(re, im, size, width, rules, lost, at)
    weights[group] += lost
    rank = _orthonormalise_columns(re, im, rank, size, at)
    _project(re, im, row, left, rank, bond, at)
    _write_basis(own, starts[site], re, im, left, rank, at)
    bonds[site + 1] = rank
    _absorb(own, starts[site + 1], re, im, after, program, trig, rank, bond, behind, at)
    return capped
