"""Gram matrices from states: |⟨a_i|b_j⟩|² in tiles, by three real products a tile.

With a = A + iB and b = C + iD, ⟨a|b⟩ has the real part ACᵀ + BDᵀ and the imaginary part
ADᵀ - BCᵀ. Gauss's trick takes three products instead of four: with P = ACᵀ, Q = BDᵀ and
R = (A + B)(D - C)ᵀ the imaginary part is R + P - Q. On the diagonal of a symmetric matrix two
products do: with M = ABᵀ the imaginary part is M - Mᵀ, and the real part is
(A + B)(A + B)ᵀ - M - Mᵀ. Which tiles are computed, and in what order, is the caller's business.
"""

from __future__ import annotations

import numba
import numpy as np

from qkernels.loops.jit import jit

# Amplitudes are taken this many at a time, so that what a tile works on stays in cache.
SLICE = 512
# The contiguous matrices a worker needs: two panels of each side, a product, and two sums.
ROOM = 7


@jit
def _matrix(room, k, rows, columns):
    """Return worker's matrix k, contiguous, of the given shape."""
    return room[k, : rows * columns].reshape(rows, columns)


@jit
def _take_slice(panel, sums, re, im, row, first, sign):
    """Copy a tile's rows of `re` to `panel` and write im + sign·re to `sums`."""
    for i in range(panel.shape[0]):
        for k in range(panel.shape[1]):
            value = re[row + i, first + k]
            panel[i, k] = value
            sums[i, k] = im[row + i, first + k] + sign * value


@jit
def _copy_slice(panel, states, row, first):
    for i in range(panel.shape[0]):
        for k in range(panel.shape[1]):
            panel[i, k] = states[row + i, first + k]


@jit
def _add_product(real, imag, product, to_real, to_imag):
    for i in range(product.shape[0]):
        for j in range(product.shape[1]):
            real[i, j] += to_real * product[i, j]
            imag[i, j] += to_imag * product[i, j]


@jit
def _cross_overlaps(real, imag, a_re, a_im, b_re, b_im, row, column, room):
    """Write the real and imaginary parts of one tile of overlaps."""
    rows, columns = real.shape
    real[:] = 0.0
    imag[:] = 0.0
    product = _matrix(room, 2, rows, columns)
    for first in range(0, a_re.shape[1], SLICE):
        width = min(SLICE, a_re.shape[1] - first)
        a, a_sum = _matrix(room, 3, rows, width), _matrix(room, 4, rows, width)
        b, b_sum = _matrix(room, 5, columns, width), _matrix(room, 6, columns, width)
        _take_slice(a, a_sum, a_re, a_im, row, first, 1.0)
        _take_slice(b, b_sum, b_re, b_im, column, first, -1.0)
        np.dot(a, b.T, product)
        _add_product(real, imag, product, 1.0, 1.0)
        np.dot(a_sum, b_sum.T, product)
        _add_product(real, imag, product, 0.0, 1.0)
        _copy_slice(a, a_im, row, first)
        _copy_slice(b, b_im, column, first)
        np.dot(a, b.T, product)
        _add_product(real, imag, product, 1.0, -1.0)


@jit
def _own_overlaps(real, imag, re, im, row, room):
    """Write the real and imaginary parts of one tile on the diagonal."""
    rows = real.shape[0]
    real[:] = 0.0
    imag[:] = 0.0
    product = _matrix(room, 2, rows, rows)
    for first in range(0, re.shape[1], SLICE):
        width = min(SLICE, re.shape[1] - first)
        a, a_sum = _matrix(room, 3, rows, width), _matrix(room, 4, rows, width)
        b = _matrix(room, 5, rows, width)
        _take_slice(a, a_sum, re, im, row, first, 1.0)
        _copy_slice(b, im, row, first)
        np.dot(a_sum, a_sum.T, product)
        _add_product(real, imag, product, 1.0, 0.0)
        np.dot(a, b.T, product)
        _add_product(real, imag, product, -1.0, 1.0)
        _add_product(real, imag, product.T, -1.0, -1.0)


@jit
def _multiply_square(gram, row, column, real, imag, mirror):
    """Multiply a tile of the Gram matrix, and its mirror image, by |overlap|²."""
    for i in range(real.shape[0]):
        for j in range(real.shape[1]):
            gram[row + i, column + j] *= real[i, j] ** 2 + imag[i, j] ** 2
    if mirror:
        for j in range(real.shape[1]):
            for i in range(real.shape[0]):
                gram[column + j, row + i] = gram[row + i, column + j]


@jit
def _finish_diagonal(gram, row, real, imag):
    """As `_multiply_square`, exactly symmetric and with an exact unit diagonal."""
    for i in range(real.shape[0]):
        gram[row + i, row + i] = 1.0
        for j in range(i):
            gram[row + i, row + j] *= real[i, j] ** 2 + imag[i, j] ** 2
            gram[row + j, row + i] = gram[row + i, row + j]


@jit(parallel=True)
def multiply_fidelities(gram, a_re, a_im, b_re, b_im, tiles, symmetric, rooms):
    """Multiply tiles of `gram` by the fidelities of two sets of states.

    Multiplying lets the fidelities of a circuit's unconnected parts, which are factors, be taken
    one after the other.

    Parameters
    ----------
    gram : (n_a, n_b) array of float64
        Changed in place.
    a_re, a_im, b_re, b_im : (n_points, 2^n) arrays
        The states; b is a where `symmetric`.
    tiles : (n_tiles, 4) array of int64
        First row, end row, first column, end column.
    symmetric : bool
        Whether a tile's mirror image is written too, and one on the diagonal is symmetric.
    rooms : (n_workers, ROOM, edge * max(edge, SLICE)) array
        Each worker's room. Worker w takes tiles w, w + n_workers, ...
    """
    for worker in numba.prange(rooms.shape[0]):
        room = rooms[worker]
        for t in range(worker, tiles.shape[0], rooms.shape[0]):
            row, column = tiles[t, 0], tiles[t, 2]
            rows, columns = tiles[t, 1] - row, tiles[t, 3] - column
            real, imag = _matrix(room, 0, rows, columns), _matrix(room, 1, rows, columns)
            if symmetric and row == column:
                _own_overlaps(real, imag, a_re, a_im, row, room)
                _finish_diagonal(gram, row, real, imag)
            else:
                _cross_overlaps(real, imag, a_re, a_im, b_re, b_im, row, column, room)
                _multiply_square(gram, row, column, real, imag, symmetric)
