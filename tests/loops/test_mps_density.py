"""Directions of density matrices, beside NumPy's eigenvalues and plain Cholesky factors."""

import numpy as np
import pytest

from qkernels.loops import mps_density
from qkernels.loops.jit import jit
from qkernels.loops.lanes import REGISTER_BYTES

LANES = REGISTER_BYTES // 8
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (5, 1), (4, 4), (9, 6), (6, 9), (40, 30)])
SIZES = pytest.mark.parametrize("size", [1, 2, 7, 33])


def planes(rows):
    """Return room; what is not written to must not be read."""
    return np.full((rows, LANES), np.nan), np.full((rows, LANES), np.nan)


def as_planes(matrices, step):
    """Return a matrix a lane as planes, rows `step` apart."""
    lanes, rows, columns = matrices.shape
    wide = np.full((lanes, rows, step), np.nan, complex)
    wide[:, :, :columns] = matrices
    flat = wide.reshape(lanes, -1).T
    return np.ascontiguousarray(flat.real), np.ascontiguousarray(flat.imag)


def read(re, im, rows, step, columns):
    block = (re[: rows * step] + 1j * im[: rows * step]).T.reshape(-1, rows, step)
    return block[:, :, :columns]


def graded(length, count, ratio):
    """Return matrices whose singular values fall by a ratio of its own for each lane."""
    rng = np.random.default_rng([length, count])
    shape, least = (LANES, length, count), min(length, count)
    u, _, v = np.linalg.svd(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    values = np.broadcast_to(ratio, LANES)[:, np.newaxis] ** np.arange(least)
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    return (u[:, :, :least] * values[:, np.newaxis]) @ v[:, :least]


@jit
def run_columns(gr, gi, cr, ci, size, step, norms, tolerance, lost, pivots, row):
    gram, columns = (gr, gi, 0, size), (cr, ci, 0, step)
    return mps_density.write_columns(gram, columns, size, norms, tolerance, lost, pivots, row)


def columns_of(gram, tolerance, most_columns=None):
    """Return C, pivots, what is lost, and if that is too much; G is only its lower half."""
    size = gram.shape[1]
    step, n = size + 3, most_columns or size
    lower = np.where(np.tri(size) > 0, gram, np.nan)
    room, norms, lost = planes(size * step), np.empty((size, LANES)), np.empty(LANES)
    pivots = np.empty((n, LANES), np.int64)
    arguments = size, step, norms, tolerance, lost, pivots, planes(2 * size)
    rank, capped = run_columns(*as_planes(lower, size), *room, *arguments)
    return read(*room, size, step, rank), pivots[:rank], lost, capped


@jit
def run_span(ar, ai, qr, qi, room, length, count, step, tolerance, lost):
    matrix, out = (ar, ai, 0, step), (qr, qi, 0, step)
    return mps_density.write_span(matrix, out, room, length, count, tolerance, lost)


def span_of(matrices, tolerance):
    """Return orthonormal columns, as many as the point with most of them has, and what is lost."""
    _, length, count = matrices.shape
    step, lost = count + 1, np.empty(LANES)
    out, room = planes(length * step), (*planes(2 + mps_density.room_of_span(length, count)), 2)
    rank = run_span(*as_planes(matrices, step), *out, room, length, count, step, tolerance, lost)
    return read(*out, length, step, rank), lost


def adjoint(matrices):
    return matrices.conj().transpose(0, 2, 1)


# -- Cholesky factors


@SIZES
def test_columns_are_a_factor_of_the_matrix(size):
    a = graded(size, size, 0.7)
    gram = a @ adjoint(a)
    columns, pivots, lost, capped = columns_of(gram, 0.0)
    np.testing.assert_allclose(columns @ adjoint(columns), gram, atol=1e-14)
    assert (lost < 1e-13).all()
    assert not capped
    for lane, factor in enumerate(columns):
        chosen = pivots[:, lane][pivots[:, lane] >= 0]
        assert len(set(chosen)) == len(chosen)
        triangle = factor[chosen, : len(chosen)]
        assert np.abs(np.triu(triangle, 1)).max() < 1e-9


@pytest.mark.parametrize("most", [1e-9, 1e-4, 0.2])
def test_what_is_left_of_the_trace_is_lost(most):
    a = graded(12, 12, np.linspace(0.3, 0.8, LANES))
    gram = a @ adjoint(a)
    columns, pivots, lost, capped = columns_of(gram, most)
    left = np.einsum("lii->l", gram - columns @ adjoint(columns)).real
    np.testing.assert_allclose(lost, left, rtol=1e-10, atol=1e-14)
    assert (lost >= left - 1e-15).all()
    assert (lost <= most + 1e-14).all()
    assert not capped
    before = lost + (np.abs(columns) ** 2).sum(axis=1)[np.arange(LANES), (pivots >= 0).sum(0) - 1]
    assert (before > most).all()


def test_nothing_is_lost_where_all_columns_or_all_directions_are_taken():
    _, _, lost, _ = columns_of((lambda a: a @ adjoint(a))(graded(9, 9, 0.9)), 1e-12)
    assert (lost < 1e-28).all()
    for shape in ((9, 5), (5, 9)):
        _, lost = span_of(graded(*shape, 0.9), 1e-12)
        assert (lost < 1e-28).all()


def test_there_may_be_too_few_columns():
    a = graded(9, 9, 0.9)
    columns, _, lost, capped = columns_of(a @ adjoint(a), 1e-12, most_columns=4)
    assert capped
    assert columns.shape == (LANES, 9, 4)
    assert (lost > 1e-3).all()


def test_a_matrix_of_zeros_has_a_column_of_zeros():
    columns, _, lost, capped = columns_of(np.zeros((LANES, 3, 3)), 1e-12)
    assert columns.shape[2] == 1
    assert not columns.any()
    assert not lost.any()
    assert not capped


# -- Orthonormal vectors


@SHAPES
def test_vectors_are_orthonormal_and_hold_the_matrix(shape):
    a = graded(*shape, 0.6)
    q, _ = span_of(a, 1e-20)
    counts = np.einsum("lij,lij->lj", q.conj(), q).real.round(12)
    assert set(counts.ravel()) <= {0.0, 1.0}
    np.testing.assert_allclose(
        adjoint(q) @ q, counts[:, :, np.newaxis] * np.eye(q.shape[2]), atol=1e-13
    )
    rest = a - q @ (adjoint(q) @ a)
    assert (np.linalg.norm(rest, axis=(1, 2)) < 1e-6).all()


@pytest.mark.parametrize("most", [1e-12, 1e-8, 1e-3])
@pytest.mark.parametrize("shape", [(30, 20), (14, 25), (70, 66)])
def test_what_no_vector_reaches_is_lost(shape, most):
    a = graded(*shape, np.linspace(0.3, 0.85, LANES))
    q, lost = span_of(a, most)
    rest = (np.abs(a - q @ (adjoint(q) @ a)) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(lost, rest, atol=1e-14)
    assert (lost >= rest - 1e-28).all()
    assert (lost <= most + 1e-14).all()


def test_hardly_more_vectors_than_singular_values_ask_for():
    a = graded(60, 40, np.linspace(0.3, 0.8, LANES))
    q, _ = span_of(a, 1e-10)
    found = np.einsum("lij,lij->l", q.conj(), q).real.round(9)
    squares = np.linalg.svd(a, compute_uv=False) ** 2
    needed = (np.cumsum(squares[:, ::-1], axis=1)[:, ::-1] > 1e-10).sum(axis=1)
    assert (found >= needed).all()
    assert (found <= 1.2 * needed + 1).all()


def test_vectors_of_nearly_equal_columns():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, LANES, 9, 1))
    a = np.concatenate([first, first + 1e-6 * second, first - 1e-6 * second], axis=2)
    q, _ = span_of(a, 1e-14)
    np.testing.assert_allclose(adjoint(q) @ q, np.tile(np.eye(2), (LANES, 1, 1)), atol=1e-14)


def test_points_do_not_depend_on_those_beside_them():
    a = graded(30, 20, np.linspace(0.3, 0.85, LANES))
    together, lost = span_of(a, 1e-8)
    for lane in range(LANES):
        alone, own = span_of(np.tile(a[lane], (LANES, 1, 1)), 1e-8)
        rank = alone.shape[2]
        np.testing.assert_allclose(together[lane, :, :rank], alone[0], atol=1e-12)
        assert not together[lane, :, rank:].any()
        np.testing.assert_allclose(lost[lane], own[0], atol=1e-16)
