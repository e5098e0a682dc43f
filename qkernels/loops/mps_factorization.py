"""Factorisations of the tensors of matrix product states, several points side by side.

A tensor is read as vectors, one for each value of the bond that is factorised. They are written as
orthonormal vectors times coefficients, with as few of them as the tensor has rank
(`orthonormalise`); where a bond is to be truncated, the coefficients are turned until their rows
are orthogonal (`diagonalise`), which makes them a singular value decomposition, and the smallest
rows are dropped (`truncate`). All points of a block take the same steps; where one has a lower rank
than the others, its vectors are zero. Arrays hold rows of lanes: `re[i]` and `im[i]` are one number
for all points of a block. What the tensors belong to is the business of `mps_evolution`.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit
from qkernels.loops.lanes import fill, load, store

# More sweeps would turn rows that are orthogonal to what a truncation can see.
_MAX_SWEEPS = 6
# Rows count as orthogonal at this squared cosine.
_ORTHOGONAL = 1e-9


@jit
def squared_norm(re, im, first, length):
    """Return the squared norm of the vector in the rows from `first` on."""
    total = fill(re, 0.0)
    for i in range(first, first + length):
        a, b = load(re, i), load(im, i)
        total = total + a * a + b * b
    return total


@jit
def inner_product(xr, xi, x, yr, yi, y, length):
    """Return ⟨x|y⟩ of two vectors."""
    real, imag = fill(xr, 0.0), fill(xr, 0.0)
    for i in range(length):
        a, b, c, d = load(xr, x + i), load(xi, x + i), load(yr, y + i), load(yi, y + i)
        real = real + a * c + b * d
        imag = imag + a * d - b * c
    return real, imag


@jit
def _subtract(vr, vi, v, qr, qi, q, real, imag, length):
    """Take (real + i imag) q off v; return the squared norm of what is left."""
    total = fill(vr, 0.0)
    for i in range(length):
        a, b = load(qr, q + i), load(qi, q + i)
        x = load(vr, v + i) - real * a + imag * b
        y = load(vi, v + i) - real * b - imag * a
        store(vr, v + i, x)
        store(vi, v + i, y)
        total = total + x * x + y * y
    return total


@jit
def remainders(norms, count, left):
    """Write, for each point, the sum of what is left of its vectors' squared norms."""
    for lane in range(norms.shape[1]):
        total = 0.0
        for j in range(count):
            total += norms[j, lane]
        left[lane] = total


@jit
def is_done(left, most):
    """Return whether, at each point, at most `most` is left."""
    done = True
    for lane in range(len(left)):
        done &= not left[lane] > most[lane]
    return done


@jit
def choose_pivots(pivots, norms, count, left, most):
    """Write, for each point, the place of its vector with the largest norm; -1 if it is done."""
    for lane in range(norms.shape[1]):
        best = 0
        for j in range(1, count):
            if norms[j, lane] > norms[best, lane]:
                best = j
        pivots[lane] = best if left[lane] > most[lane] else -1


@jit
def clear_pivots(norms, pivots):
    """Note that nothing is left of the pivots."""
    for lane in range(len(pivots)):
        if pivots[lane] >= 0:
            norms[pivots[lane], lane] = 0.0


@jit
def _write_remaining(norms, small):
    """Write 1 for each point at which something is left of a vector, else 0; return if any is."""
    any_ = False
    for lane in range(len(norms)):
        small[0, lane] = 1.0 if norms[lane] > 0.0 else 0.0
        any_ |= norms[lane] > 0.0
    return any_


@jit
def _gather(qr, qi, q, vr, vi, pivots, length):
    """Copy each point's pivot; zeros if it has none."""
    for lane in range(len(pivots)):
        v = pivots[lane] * length
        for i in range(length):
            qr[q + i, lane] = vr[v + i, lane] if v >= 0 else 0.0
            qi[q + i, lane] = vi[v + i, lane] if v >= 0 else 0.0


@jit
def _orthogonalise_again(qr, qi, cr, ci, small, rank, count, length, pivots):
    """Take off the new vector what rounding has left of the earlier ones."""
    for i in range(rank):
        real, imag = inner_product(qr, qi, i * length, qr, qi, rank * length, length)
        _subtract(qr, qi, rank * length, qr, qi, i * length, real, imag, length)
        store(small, 0, real)
        store(small, 1, imag)
        for lane in range(len(pivots)):
            if pivots[lane] >= 0:
                cr[i * count + pivots[lane], lane] += small[0, lane]
                ci[i * count + pivots[lane], lane] += small[1, lane]


@jit
def _normalise(re, im, first, length, small, least):
    """Divide a vector by its norm; one that is too short becomes zero."""
    store(small, 0, squared_norm(re, im, first, length))
    for lane in range(small.shape[1]):
        norm = small[0, lane]
        small[1, lane] = 1.0 / np.sqrt(norm) if norm > least[lane] else 0.0
    inverse = load(small, 1)
    for i in range(first, first + length):
        store(re, i, load(re, i) * inverse)
        store(im, i, load(im, i) * inverse)


@jit
def orthonormalise(vr, vi, qr, qi, cr, ci, norms, small, count, length, most, least):
    """Write vectors as v_j = Σ_i c[i, j] q_i; return how many orthonormal vectors q_i there are.

    Gram–Schmidt with pivoting, each pivot made orthogonal twice. The vectors are written over; the
    squared norms of what is left of them stay in `norms`. A point that is done before the others
    gets vectors and coefficients of 0.

    Parameters
    ----------
    vr, vi, qr, qi : (rows, lanes) arrays
        `count` vectors of `length` rows, and room for the orthonormal ones.
    cr, ci : (rows, lanes) arrays
        Room for the coefficients, row by row.
    norms, small : (rows, lanes) arrays
        Room for one row a vector, and for a few more.
    most : (lanes,) array of float64
        The sum of squared norms that may be left.
    least : (lanes,) array of float64
        The squared norm that counts as 0.
    """
    pivots, left_over = np.empty(norms.shape[1], np.int64), np.empty(norms.shape[1])
    for j in range(count):
        store(norms, j, squared_norm(vr, vi, j * length, length))
    remainders(norms, count, left_over)
    rank, zero = 0, fill(cr, 0.0)
    # Zeros keep one vector.
    while rank == 0 or (rank < min(count, length) and not is_done(left_over, most)):
        q, row = rank * length, rank * count
        choose_pivots(pivots, norms, count, left_over, most)
        _gather(qr, qi, q, vr, vi, pivots, length)
        _orthogonalise_again(qr, qi, cr, ci, small, rank, count, length, pivots)
        _normalise(qr, qi, q, length, small, least)
        for j in range(count):
            real, imag, left = zero, zero, zero
            if _write_remaining(norms[j], small):
                real, imag = inner_product(qr, qi, q, vr, vi, j * length, length)
                real, imag = real * load(small, 0), imag * load(small, 0)
                left = _subtract(vr, vi, j * length, qr, qi, q, real, imag, length)
                left = left * load(small, 0)
            store(cr, row + j, real)
            store(ci, row + j, imag)
            store(norms, j, left)
        clear_pivots(norms, pivots)
        remainders(norms, count, left_over)
        rank += 1
    return rank


@jit
def _choose_turn(small, wanted):
    """Write the turns that make two rows orthogonal, the longer one first, into `small`.

    Rows 0 to 3 hold |x|², |y|² and ⟨x|y⟩; rows 4 to 7 get c, s and the phase e, so that
    x' = c x + s e y and y' = c e y - s x. Returns whether any point needs to be turned.
    """
    any_ = False
    for lane in range(small.shape[1]):
        # Scaled: squares of small numbers would vanish.
        scale = np.float64(small[0, lane]) + small[1, lane]
        scale = 1.0 / scale if scale > 0.0 else 0.0
        a, b = small[0, lane] * scale, small[1, lane] * scale
        real, imag = small[2, lane] * scale, small[3, lane] * scale
        size = np.sqrt(real * real + imag * imag)
        orthogonal = size * size <= _ORTHOGONAL * a * b and a >= b
        if orthogonal or size + b == 0.0 or not wanted[lane]:
            c, s, er, ei = 1.0, 0.0, 1.0, 0.0
        else:
            any_ = True
            er, ei = (real / size, -imag / size) if size > 0.0 else (1.0, 0.0)
            hypotenuse = np.sqrt(4.0 * size * size + (a - b) * (a - b))
            if a >= b:
                c = np.sqrt(0.5 * (1.0 + (a - b) / hypotenuse))
                s = size / (hypotenuse * c)
            else:
                s = np.sqrt(0.5 * (1.0 + (b - a) / hypotenuse))
                c = size / (hypotenuse * s)
        small[4, lane], small[5, lane], small[6, lane], small[7, lane] = c, s, er, ei
    return any_


@jit
def _turn_rows(re, im, x, y, length, c, s, er, ei):
    """Turn two rows, given c, s and the phase of the second."""
    for i in range(length):
        ar, ai = load(re, x + i), load(im, x + i)
        br, bi = load(re, y + i), load(im, y + i)
        pr, pi = er * br - ei * bi, er * bi + ei * br
        store(re, x + i, c * ar + s * pr)
        store(im, x + i, c * ai + s * pi)
        store(re, y + i, c * pr - s * ar)
        store(im, y + i, c * pi - s * ai)


@jit
def diagonalise(cr, ci, qr, qi, small, rank, count, length, wanted):
    """Turn the rows of the coefficients until they are orthogonal, longest first, where wanted.

    One-sided Jacobi, C. G. J. Jacobi's rotations applied to rows (Hestenes, J. SIAM 6, 51 (1958)).
    The orthonormal vectors are turned along, so that Σ_i c[i, j] q_i stays what it is.
    """
    minus = fill(cr, -1.0)
    for _ in range(_MAX_SWEEPS):
        turned = False
        for p in range(rank - 1):
            for q in range(p + 1, rank):
                x, y = p * count, q * count
                store(small, 0, squared_norm(cr, ci, x, count))
                store(small, 1, squared_norm(cr, ci, y, count))
                real, imag = inner_product(cr, ci, x, cr, ci, y, count)
                store(small, 2, real)
                store(small, 3, imag)
                if _choose_turn(small, wanted):
                    turned = True
                    c, s, er, ei = (load(small, 4), load(small, 5), load(small, 6), load(small, 7))
                    _turn_rows(cr, ci, x, y, count, c, s, er, ei)
                    _turn_rows(qr, qi, p * length, q * length, length, c, s, er, minus * ei)
        if not turned:
            break


@jit
def _lane_rank(norms, lane, rank, spare, max_rank):
    """Return how many rows one point keeps, and the weight of the others."""
    dropped, kept = 0.0, rank
    while kept > 1 and dropped + norms[kept - 1, lane] <= spare:
        kept -= 1
        dropped += norms[kept, lane]
    while kept > max_rank:
        kept -= 1
        dropped += norms[kept, lane]
    return kept, dropped


@jit
def truncate(cr, ci, qr, qi, norms, rank, count, length, most, max_rank, weights, ranks):
    """Drop the smallest rows; return how many are left at the point that has most of them.

    Parameters
    ----------
    norms : (rows, lanes) array
        Room for one row a coefficient row.
    most : (lanes,) array of float64
        The squared norm that each point may still lose; what it loses beyond, it loses to
        `max_rank`.
    max_rank : int
    weights : (lanes,) array of float64
        Gets what each point loses.
    ranks : (lanes,) array of int64
        Gets how many rows each point keeps.
    """
    for i in range(rank):
        store(norms, i, squared_norm(cr, ci, i * count, count))
    largest = 1
    for lane in range(norms.shape[1]):
        ranks[lane], weights[lane] = _lane_rank(norms, lane, rank, most[lane], max_rank)
        largest = max(largest, ranks[lane])
    for lane in range(norms.shape[1]):
        for row in range(ranks[lane], largest):
            cr[row * count : (row + 1) * count, lane] = 0.0
            ci[row * count : (row + 1) * count, lane] = 0.0
            qr[row * length : (row + 1) * length, lane] = 0.0
            qi[row * length : (row + 1) * length, lane] = 0.0
    return largest
