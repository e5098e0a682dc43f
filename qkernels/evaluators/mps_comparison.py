"""Pairs of matrix product states, tile by tile, and the measurement of prepared ones.

What lives here: which tiles or blocks are computed by how many workers, with how much room. What a
tile is lives in the loops, how states are prepared is the evaluator's business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qkernels.evaluators.mps_words import WordProgram
from qkernels.loops import mps_expectations as word_loops
from qkernels.loops import mps_overlaps
from qkernels.loops.jit import thread_count
from qkernels.loops.lanes import REGISTER_BYTES, lane_count

# A tile has at most so many rows, and fewer where a pair is much work, but at least so many, as its
# columns are packed anew.
_TILE_ROWS, _LEAST_ROWS = 256, 8
# A loop cannot be interrupted: one call is given about this much work, and so is one tile.
_PRODUCTS_A_CALL = 4 * 10**9
# Less work than this is done before another thread has woken up.
_WORTH_A_THREAD = 2 * 10**7
# What a site costs beside its products, as so many of these.
_OVERHEAD_A_SITE = 60


class MPSArrays(NamedTuple):
    """Matrix product states of some points.

    Attributes
    ----------
    re, im : ndarray of shape (n_points, width)
        A point's tensors site after site, each (left bond, spin, right bond) in C order with the
        point's own bonds; zeros after the last.
    bonds : ndarray of shape (n_points, n_sites + 1)
    """

    re: np.ndarray
    im: np.ndarray
    bonds: np.ndarray


def mps_gram_matrix(a: MPSArrays, b: MPSArrays, *, symmetric: bool) -> np.ndarray:
    """Return the fidelities of two sets of matrix product states.

    Each pair is contracted site by site (Schollwöck 2011, Annals of Physics 326, 96, section
    4.2.1), in twice bond³ complex products for each of a site's two tensors.

    Parameters
    ----------
    a, b : MPSArrays
        Normalised states on the same sites.
    symmetric : bool
        Whether the two sets are one: the diagonal is then exactly 1.

    Returns
    -------
    ndarray of shape (n_a, n_b)

    Examples
    --------
    One qubit, in the states |0⟩ and (|0⟩ + |1⟩) / √2:

    >>> re = np.array([[1.0, 0.0], [0.5**0.5, 0.5**0.5]])
    >>> states = MPSArrays(re, np.zeros((2, 2)), np.ones((2, 2), np.int64))
    >>> mps_gram_matrix(states, states, symmetric=True).round(12)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    gram = np.empty((len(a.re), len(b.re)))
    if not gram.size:
        return gram
    dtype = np.result_type(a.re, b.re)
    a, b = _read_only(a, dtype), _read_only(b, dtype)
    products = pair_products(a.bonds, b.bonds)
    todo = _tiles(*gram.shape, products, lane_count(dtype), symmetric=symmetric)
    total = products * gram.size / (1 + symmetric)
    workers = min(thread_count(), len(todo), 1 + int(total / _WORTH_A_THREAD))
    rooms = _rooms((workers, *_room_shape(a, b)), dtype)
    step = workers * max(1, int(_PRODUCTS_A_CALL * len(todo) / total))
    for first in range(0, len(todo), step):
        tiles = todo[first : first + step]
        mps_overlaps.write_fidelities(gram, a, b, tiles, symmetric=symmetric, rooms=rooms)
    return gram


def gram_room_size(a: MPSArrays, b: MPSArrays) -> int:
    """Return how many bytes `mps_gram_matrix` needs beside its arguments and its result."""
    dtype = np.result_type(a.re, b.re)
    planes = (plane for side in (a, b) for plane in side[:2])
    copies = sum(x.size for x in planes if x.dtype != dtype or not x.flags.c_contiguous)
    room = thread_count() * int(np.prod(_room_shape(a, b))) + copies
    return room * dtype.itemsize


def mps_expectations(points: MPSArrays, program: WordProgram) -> np.ndarray:
    """Return the expectation values of Pauli words.

    Parameters
    ----------
    points : MPSArrays
        Normalised states, right-orthonormal from site 1 on.
    program : WordProgram

    Returns
    -------
    ndarray of shape (n_points, n_words)

    Examples
    --------
    X and Z of one qubit, in the states |0⟩ and (|0⟩ + |1⟩) / √2:

    >>> from qkernels.evaluators.mps_words import word_program
    >>> re = np.array([[1.0, 0.0], [0.5**0.5, 0.5**0.5]])
    >>> states = MPSArrays(re, np.zeros((2, 2)), np.ones((2, 2), np.int64))
    >>> program = word_program([((0, "X"),), ((0, "Z"),)], n_sites=1)
    >>> abs(mps_expectations(states, program)).round(12)
    array([[0., 1.],
           [1., 0.]])
    """
    values = np.empty((len(points.re), program.n_words))
    if not values.size:
        return values
    points = _read_only(points, points.re.dtype)
    lanes = lane_count(points.re.dtype)
    n_blocks = -(-len(values) // lanes)
    products = lanes * _word_products(points.bonds, program)
    workers = min(thread_count(), n_blocks, 1 + int(products * n_blocks / _WORTH_A_THREAD))
    tensors, rest = _measurement_rows(points, program)
    rooms = _rooms((workers, 2, tensors + rest, lanes), points.re.dtype)
    step = workers * max(1, int(_PRODUCTS_A_CALL / products))
    for first in range(0, n_blocks, step):
        blocks = np.array([first, min(first + step, n_blocks)])
        word_loops.measure_states(values, points, blocks, program.instructions, rooms, tensors)
    return values


def measurement_room_size(points: MPSArrays, program: WordProgram) -> int:
    """Return how many bytes `mps_expectations` needs beside its arguments and its result."""
    return thread_count() * 2 * sum(_measurement_rows(points, program)) * REGISTER_BYTES


def _measurement_rows(points: MPSArrays, program: WordProgram) -> tuple[int, int]:
    """Return how many rows of lanes a worker needs for a block's tensors, and beside them."""
    widest = points.bonds.max(axis=0)
    tensors = 2 * int(np.sum(widest[:-1] * widest[1:]))
    return tensors, word_loops.room_rows(int(widest.max()), program.n_levels)


def _word_products(bonds: np.ndarray, program: WordProgram) -> float:
    """Return about how many real products the words of one point take."""
    mean = bonds.mean(axis=0)
    left, right = mean[:-1], mean[1:]
    code, site = program.instructions[:, 0], program.instructions[:, 2]
    by_site = np.array([8 * left * left * right, 4 * left * right, 8 * left * right * right])
    taken = code != word_loops.ONE
    return float(np.sum(by_site[code[taken], site[taken]]) + _OVERHEAD_A_SITE * len(code))


def pair_products(a_bonds: np.ndarray, b_bonds: np.ndarray) -> float:
    """Return about how many real products the overlap of one pair takes."""
    a, b = a_bonds.mean(axis=0), b_bonds.mean(axis=0)
    sites = a[:-1] * b[1:] * (a[1:] + b[:-1])
    return float(np.sum(8 * sites + _OVERHEAD_A_SITE))


def _room_shape(a: MPSArrays, b: MPSArrays) -> tuple[int, int, int]:
    lanes = lane_count(np.result_type(a.re, b.re))
    return 2, mps_overlaps.room_rows(a.bonds.max(axis=0), b.bonds.max(axis=0)), lanes


def _rooms(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return room where each register's numbers are in one line of the cache."""
    size = int(np.prod(shape))
    spare = REGISTER_BYTES // dtype.itemsize
    room = np.empty(size + spare, dtype)
    first = -room.ctypes.data % REGISTER_BYTES // dtype.itemsize
    return room[first : first + size].reshape(shape)


def _tiles(
    n_rows: int, n_columns: int, products: float, lanes: int, *, symmetric: bool
) -> np.ndarray:
    """Return the tiles, those of the last columns first: where symmetric, they have most rows."""
    rows = int(np.clip(_PRODUCTS_A_CALL / (products * lanes), _LEAST_ROWS, _TILE_ROWS))
    todo = []
    for column in reversed(range(0, n_columns, lanes)):
        end = min(column + lanes, n_columns)
        last = end if symmetric else n_rows
        todo += [(row, min(row + rows, last), column, end) for row in range(0, last, rows)]
    return np.array(todo, dtype=np.int64)


def _read_only(states: MPSArrays, dtype: np.dtype) -> MPSArrays:
    """Return contiguous views that cannot be written: memory maps then are not another type."""
    dtypes = dtype, dtype, np.dtype(np.int64)
    views = [np.ascontiguousarray(x, t)[:] for x, t in zip(states, dtypes, strict=True)]
    for view in views:
        view.flags.writeable = False
    return MPSArrays(*views)
