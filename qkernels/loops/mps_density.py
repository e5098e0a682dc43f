"""Few directions that hold nearly all of a density matrix, several points side by side.

To project a tensor onto the vectors that matter, its density matrix G is factorised by Cholesky's
method, each point with pivots of its own, until next to nothing is left (`write_columns`); the
columns are then made orthonormal (`orthonormalise_columns`). Both take mostly products of matrices,
which is what makes this the way for wide tensors. Weights below the rounding unit of the whole are
not seen: `mps_factorization` sees them. Matrices are tuples as in `products`; which density matrix
it is, and what is projected, is the caller's business.
"""

from __future__ import annotations

import numpy as np

from qkernels.loops.jit import jit
from qkernels.loops.lanes import fill, load, store
from qkernels.loops.mps_factorization import (
    choose_pivots,
    clear_pivots,
    inner_product,
    is_done,
    remainders,
)
from qkernels.loops.products import adjoint_product, apart, product

# Triangular matrices are multiplied by so many columns at a time.
_PART = 24
# Of a weight that is smaller, rounding may hide all.
_ROUNDING = 2.0**-52


@jit
def stride(width):
    """Return how far rows of a matrix are apart, further where they are long."""
    return apart(width) if width >= 32 else width


@jit
def _read_row(matrix, row, lane, count, out):
    """Read the start of one point's row of a matrix; a row of -1 is zero."""
    place = matrix[2] + row * matrix[3]
    for k in range(count):
        out[0][k, lane] = matrix[0][place + k, lane] if row >= 0 else 0.0
        out[1][k, lane] = matrix[1][place + k, lane] if row >= 0 else 0.0


@jit
def _read_column(matrix, column, lane, count, out):
    """Read one point's column of a Hermitian matrix, given its lower half; that of -1 is zero."""
    re, im, first, step = matrix
    _read_row(matrix, column, lane, min(column + 1, count), out)
    for k in range(column + 1):
        out[1][k, lane] = -out[1][k, lane]
    for k in range(column + 1, count):
        place = first + k * step + column
        out[0][k, lane] = re[place, lane] if column >= 0 else 0.0
        out[1][k, lane] = im[place, lane] if column >= 0 else 0.0


@jit
def _next_column(gram, columns, rank, size, pivots, norms, least, row):
    """Write the next column of the Cholesky factor, at each point that of its own pivot."""
    re, im, first, step = columns
    earlier, later = (row[0], row[1]), (row[0][rank:], row[1][rank:])
    scales = np.empty((1, len(pivots)), re.dtype)
    for lane in range(len(pivots)):
        _read_row(columns, pivots[lane], lane, rank, earlier)
        _read_column(gram, pivots[lane], lane, size, later)
        norm = norms[pivots[lane], lane]
        wanted = pivots[lane] >= 0 and norm > least[lane]
        scales[0, lane] = 1.0 / np.sqrt(norm) if wanted else 0.0
    scale = load(scales, 0)
    for i in range(size):
        place = first + i * step
        real, imag = inner_product(earlier[0], earlier[1], 0, re, im, place, rank)
        x, y = (load(later[0], i) - real) * scale, (load(later[1], i) - imag) * scale
        store(re, place + rank, x)
        store(im, place + rank, y)
        store(norms, i, load(norms, i) - x * x - y * y)
    clear_pivots(norms, pivots)


@jit
def _add_hidden(gram, size, rank, pivots, lost):
    """Add what rounding may hide: of each row that is no pivot, as its norm is downdated."""
    for lane in range(len(lost)):
        whole = 0.0
        for i in range(size):
            whole += gram[0][gram[2] + i * (gram[3] + 1), lane]
        for k in range(rank):
            i = pivots[k, lane]
            whole -= gram[0][gram[2] + i * (gram[3] + 1), lane] if i >= 0 else 0.0
        hidden = (4.0 + 0.25 * size) * _ROUNDING * max(whole, 0.0)
        lost[lane] = max(lost[lane], 0.0) + hidden


@jit
def write_columns(gram, columns, size, norms, tolerance, lost, pivots, row):
    """Factorise G into few columns, by pivots; return how many, and whether they are too few.

    A point's columns do not depend on the others: where it is done before them, its columns are
    zero.

    Parameters
    ----------
    gram : matrix
        The lower half of the Hermitian G, (size, size).
    columns : matrix
        Gets the columns C of G ≈ C C^H, (size, at most `len(pivots)`).
    norms : (size, lanes) array
        Gets what is left of the diagonal.
    tolerance : float
        The part of the trace that may be left out. What rounding may hide is left out anyway.
    lost : (lanes,) array of float64
        Gets what is left out of the trace, and what rounding may hide of it.
    pivots : (n, lanes) array of int64
        Gets the pivots, rows of C that are a lower triangular matrix in this order; -1 where a
        point was done.
    row : tuple of two arrays
        Room for two rows.
    """
    least, most = np.empty(len(lost)), np.empty(len(lost))
    for i in range(size):
        store(norms, i, load(gram[0], gram[2] + i * gram[3] + i))
    remainders(norms, size, lost)
    for lane in range(len(lost)):
        least[lane] = _ROUNDING * lost[lane]
        most[lane] = max(tolerance, _ROUNDING * size) * lost[lane]
    rank = 0
    while rank == 0 or (rank < len(pivots) and not is_done(lost, most)):
        choose_pivots(pivots[rank], norms, size, lost, most)
        _next_column(gram, columns, rank, size, pivots[rank], norms, least, row)
        remainders(norms, size, lost)
        rank += 1
    capped = not is_done(lost, most)
    _add_hidden(gram, size, rank, pivots, lost)
    return rank, capped


@jit
def _write_gram(gram, x, depth, count):
    """Write the lower half of x^H x, and a little more."""
    for first in range(0, count, _PART):
        rows, columns = count - first, min(_PART, count - first)
        out = (gram[0], gram[1], gram[2] + first * gram[3] + first, gram[3])
        left = (x[0], x[1], x[2] + first, x[3])
        adjoint_product(out, left, left, rows, depth, columns)


@jit
def _multiply_upper(out, x, factor, rows, count):
    """Write the product of a matrix and an upper triangular one."""
    for first in range(0, count, _PART):
        columns = min(_PART, count - first)
        part = (out[0], out[1], out[2] + first, out[3])
        right = (factor[0], factor[1], factor[2] + first, factor[3])
        product(part, x, right, rows, first + columns, columns)


@jit
def _factorise_gram(gram, inverses, rank):
    """Write L of S = L L^H over the lower half of S, and the inverses of its diagonal.

    What is no more than rounding makes of a vector that depends on those before it has inverse 0.
    """
    re, im, first, step = gram
    for i in range(rank):
        row = first + i * step
        for j in range(i + 1):
            real, imag = inner_product(re, im, first + j * step, re, im, row, j)
            x, y = load(re, row + j) - real, load(im, row + j) - imag
            if j < i:
                store(re, row + j, x * load(inverses, j))
                store(im, row + j, y * load(inverses, j))
                continue
            store(im, row + i, x)
            for lane in range(inverses.shape[1]):
                left, whole = im[row + i, lane], re[row + i, lane]
                inverses[i, lane] = 1.0 / np.sqrt(left) if left > _ROUNDING * whole else 0.0


@jit
def _invert_factor(factor, inverses, out, rank):
    """Write L^-H, upper triangular, given L and the inverses of its diagonal."""
    re, im, first, step = factor
    ur, ui, place, gap = out
    zero = fill(re, 0.0)
    for j in range(rank):
        row = place + j * gap
        for i in range(j):
            store(ur, row + i, zero)
            store(ui, row + i, zero)
        store(ur, row + j, load(inverses, j))
        store(ui, row + j, zero)
        for i in range(j + 1, rank):
            real, imag = inner_product(re, im, first + i * step + j, ur, ui, row + j, i - j)
            minus = zero - load(inverses, i)
            store(ur, row + i, minus * real)
            store(ui, row + i, minus * imag)


@jit
def orthonormalise_columns(columns, out, gram, factor, norms, size, rank):
    """Write orthonormal columns of the same span, as far as one turn makes them so; zeros stay.

    Cholesky QR (Yamamoto et al. 2015, Electronic Transactions on Numerical Analysis 44, 306):
    C L^-H has orthonormal columns where C^H C = L L^H. Another turn takes off what rounding has
    left.

    Parameters
    ----------
    columns, out : matrices
        (size, rank).
    gram, factor : matrices
        Room of (rank, rank) each.
    norms : (rank, lanes) array
        Room.
    """
    _write_gram(gram, columns, size, rank)
    _factorise_gram(gram, norms, rank)
    _invert_factor(gram, norms, factor, rank)
    _multiply_upper(out, columns, factor, size, rank)


@jit
def _read_pivots(columns, pivots, rank, out, inverses):
    """Write the pivots' rows, a lower triangular matrix, and the inverses of its diagonal."""
    for k in range(rank):
        place = out[2] + k * out[3]
        for lane in range(pivots.shape[1]):
            _read_row(columns, pivots[k, lane], lane, k + 1, (out[0][place:], out[1][place:]))
            diagonal = out[0][place + k, lane]
            inverses[k, lane] = 1.0 / diagonal if diagonal > 0.0 else 0.0


@jit
def _read_columns(matrix, pivots, rank, length, out):
    """Write the columns that are pivots, at each point its own; any column where it has none."""
    for i in range(length):
        source, place = matrix[2] + i * matrix[3], out[2] + i * out[3]
        for k in range(rank):
            for lane in range(pivots.shape[1]):
                j = source + max(pivots[k, lane], 0)
                out[0][place + k, lane] = matrix[0][j, lane]
                out[1][place + k, lane] = matrix[1][j, lane]


@jit
def room_of_span(length, count):
    """Return how many rows `write_span` needs in a room."""
    return 2 * (length + count) * stride(count) + 3 * count


@jit
def write_span(matrix, out, room, length, count, tolerance, lost):
    """Write orthonormal vectors that span nearly all columns of a matrix; return how many.

    Columns are chosen by pivots: what is lost is what no chosen column reaches.

    Parameters
    ----------
    matrix : matrix
        (length, count).
    out : matrix
        Gets the vectors, (length, at most count), as its columns.
    room : tuple
        Two planes, and from which of their rows on there is room.
    tolerance : float
        The part of the sum of squares that may be lost.
    lost : (lanes,) array of float64
        Gets the sum of squares that is lost, and what rounding may hide of it.
    """
    re, im, place = room
    step = stride(count)
    gram = (re, im, place, step)
    columns = (re, im, place + count * step, step)
    chosen = (re, im, place + 2 * count * step, step)
    turned = (re, im, place + (2 * count + length) * step, step)
    end = place + 2 * (count + length) * step
    norms, row = re[end : end + count], (re[end + count :], im[end + count :])
    pivots = np.empty((min(length, count), len(lost)), np.int64)
    _write_gram(gram, matrix, length, count)
    rank, _ = write_columns(gram, columns, count, norms, tolerance, lost, pivots, row)
    for lane in range(len(lost)):
        # So many vectors span everything.
        if rank == length and pivots[rank - 1, lane] >= 0:
            lost[lane] = 0.0
    _read_pivots(columns, pivots, rank, gram, norms)
    _read_columns(matrix, pivots, rank, length, chosen)
    _invert_factor(gram, norms, columns, rank)
    _multiply_upper(turned, chosen, columns, length, rank)
    orthonormalise_columns(turned, out, gram, columns, norms, length, rank)
    return rank
