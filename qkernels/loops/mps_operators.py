"""Operators on matrix product states: tensors get the factors' spins and branches.

An operator is a product of factors on consecutive sites, rows of `program.factors`, whose meaning
`qkernels.compilation.chain` defines. Bonds become wider by the branches, and nothing is truncated:
that is the business of `mps_evolution`.
"""

from __future__ import annotations

from qkernels.loops.jit import jit
from qkernels.loops.lanes import fill, load, store
from qkernels.loops.mps_environments import clear

# Rows of `program.factors`: (site, kind, letter, slot, place, left width, right width).
TURN, PROJECT, PASS, COSINE, WORD, MATRIX = range(6)


@jit
def _write_combination(wr, wi, row, letter, alpha, beta_re, beta_im):
    """Write the four elements of alpha I + beta P."""
    zero = fill(wr, 0.0)
    for k in range(4):
        store(wr, row + k, zero)
        store(wi, row + k, zero)
    store(wr, row, alpha)
    store(wr, row + 3, alpha)
    if letter == 1:
        store(wr, row + 1, beta_re)
        store(wi, row + 1, beta_im)
        store(wr, row + 2, beta_re)
        store(wi, row + 2, beta_im)
    elif letter == 2:
        store(wr, row + 1, beta_im)
        store(wi, row + 1, zero - beta_re)
        store(wr, row + 2, zero - beta_im)
        store(wi, row + 2, beta_re)
    else:
        sign = fill(wr, -1.0 if letter == 3 else 1.0)
        store(wr, row, alpha + beta_re)
        store(wi, row, beta_im)
        store(wr, row + 3, alpha + sign * beta_re)
        store(wi, row + 3, sign * beta_im)


@jit
def _write_branch(wr, wi, row, factor, branch, trig):
    """Write the 2 x 2 matrix of one branch of a factor."""
    kind, letter = factor[1], factor[2]
    zero, one, half = fill(wr, 0.0), fill(wr, 1.0), fill(wr, 0.5)
    alpha, beta_re, beta_im = one, zero, zero
    if kind in (TURN, COSINE):
        cosine, sine = load(trig, 2 * factor[3]), load(trig, 2 * factor[3] + 1)
        if kind == TURN:
            alpha, beta_im = cosine, sine if branch == 1 else zero - sine
        elif branch == 0:
            alpha = cosine
        else:
            alpha, beta_im = zero, zero - sine
    elif kind == PROJECT:
        alpha, beta_re = half, half if branch == 0 else zero - half
    elif kind == WORD and branch == 1:
        alpha, beta_re = zero, one
    _write_combination(wr, wi, row, letter, alpha, beta_re, beta_im)


@jit
def _write_factor(wr, wi, factor, trig, matrices_re, matrices_im):
    """Write a factor's elements, those of W[bl, :, :, br] at 4 (bl * width + br)."""
    left, right, place = factor[5], factor[6], factor[4]
    for bl in range(left):
        for br in range(right):
            row = 4 * (bl * right + br)
            if factor[1] == MATRIX:
                for k in range(4):
                    source = place + (bl * 4 + k) * right + br
                    store(wr, row + k, fill(wr, matrices_re[source]))
                    store(wi, row + k, fill(wi, matrices_im[source]))
            else:
                _write_branch(wr, wi, row, factor, max(bl, br), trig)


@jit
def _multiply_spin(out_re, out_im, low, high, re, im, a, b, wr, wi, w):
    """Write a 2 x 2 matrix times the spin whose amplitudes are in rows a and b."""
    ar, ai, br, bi = load(re, a), load(im, a), load(re, b), load(im, b)
    pr, pi, qr, qi = load(wr, w), load(wi, w), load(wr, w + 1), load(wi, w + 1)
    store(out_re, low, pr * ar - pi * ai + qr * br - qi * bi)
    store(out_im, low, pr * ai + pi * ar + qr * bi + qi * br)
    pr, pi, qr, qi = load(wr, w + 2), load(wi, w + 2), load(wr, w + 3), load(wi, w + 3)
    store(out_re, high, pr * ar - pi * ai + qr * br - qi * bi)
    store(out_im, high, pr * ai + pi * ar + qr * bi + qi * br)


@jit
def _apply_factor(re, im, start, dl, dr, factor, wr, wi, tr, ti):
    """Multiply a factor onto one tensor of bonds dl and dr, by way of a copy."""
    left, right = factor[5], factor[6]
    for i in range(2 * dl * dr):
        store(tr, i, load(re, start + i))
        store(ti, i, load(im, start + i))
    step = dr * right
    diagonal = factor[1] != MATRIX and left == 2 and right == 2
    for bl in range(left):
        for br in range(right):
            for a in range(dl):
                for c in range(dr):
                    low = start + (a * left + bl) * 2 * step + c * right + br
                    if diagonal and bl != br:
                        clear(re, im, low, 1)
                        clear(re, im, low + step, 1)
                    else:
                        old, w = a * 2 * dr + c, 4 * (bl * right + br)
                        _multiply_spin(re, im, low, low + step, tr, ti, old, old + dr, wr, wi, w)


@jit
def needed_rows(first, end, factors, bonds):
    """Return how many rows the largest tensor that an operator makes takes."""
    most = 0
    for row in range(first, end):
        site, left, right = factors[row, 0], factors[row, 5], factors[row, 6]
        most = max(most, 2 * bonds[site] * left * bonds[site + 1] * right)
    return most


@jit
def apply(state, starts, bonds, first, end, program, trig, room):
    """Multiply the operator of the factors from `first` on, up to `end`, onto the state."""
    re, im = state
    tr, ti, wr, wi = room[0], room[1], room[2], room[3]
    for row in range(first, end):
        factor = program.factors[row]
        site = factor[0]
        _write_factor(wr, wi, factor, trig, program.matrices_re, program.matrices_im)
        # The factor before this one has widened the left bond already.
        dl = bonds[site] // factor[5]
        _apply_factor(re, im, starts[site], dl, bonds[site + 1], factor, wr, wi, tr, ti)
        bonds[site + 1] *= factor[6]
