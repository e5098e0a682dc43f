"""Factorisations of blocks of tensors, beside NumPy's singular values and plain products."""

import numpy as np
import pytest

from qkernels.loops.lanes import lane_count
from qkernels.loops.mps_factorization import diagonalise, orthonormalise, truncate

ACCURACY = {np.float64: 1e-12, np.float32: 2e-5}
DTYPES = pytest.mark.parametrize("dtype", list(ACCURACY), ids=["double", "single"])
SHAPES = pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 2), (4, 4), (2, 7), (9, 4), (8, 16)])


class Factorised:
    """Vectors of a block, and the orthonormal ones and coefficients that were made of them."""

    def __init__(self, matrices, dtype=np.float64, *, tolerance=0.0):
        self.matrices, self.dtype = np.asarray(matrices, complex), dtype
        lanes, self.count, self.length = self.matrices.shape
        assert lanes == lane_count(dtype)
        vectors = self.matrices.reshape(lanes, -1).T
        self.v = [np.array(part, dtype, order="C") for part in (vectors.real, vectors.imag)]
        # What is not written to must not be read.
        sizes = [self.count * self.length] * 2 + [self.count**2] * 2
        self.qr, self.qi, self.cr, self.ci = (np.full((n, lanes), np.nan, dtype) for n in sizes)
        self.norms, self.small = np.zeros((self.count, lanes), dtype), np.zeros((8, lanes), dtype)
        weights = (np.abs(self.matrices) ** 2).sum(axis=(1, 2))
        self.least = (15 * np.finfo(dtype).eps) ** 2 * weights
        most = np.maximum(tolerance * weights, self.least)
        self.rank = orthonormalise(
            *(*self.v, self.qr, self.qi, self.cr, self.ci, self.norms, self.small),
            *(self.count, self.length, most, self.least),
        )

    def diagonalise(self, wanted=True):
        diagonalise(
            *(self.cr, self.ci, self.qr, self.qi, self.small, self.rank, self.count, self.length),
            np.broadcast_to(wanted, len(self.matrices)).copy(),
        )
        return self

    def truncate(self, most, max_rank=99):
        """Return what each point loses, and how many rows it keeps."""
        lanes = len(self.matrices)
        lost, ranks = np.empty(lanes), np.empty(lanes, np.int64)
        self.rank = truncate(
            *(self.cr, self.ci, self.qr, self.qi, self.norms, self.rank, self.count, self.length),
            *(np.broadcast_to(most, lanes).astype(float), max_rank, lost, ranks),
        )
        return lost, ranks

    @property
    def q(self):
        """Orthonormal vectors, (lanes, rank, length)."""
        return _read(self.qr, self.qi, self.rank, self.length)

    @property
    def c(self):
        """Coefficients, (lanes, rank, count)."""
        return _read(self.cr, self.ci, self.rank, self.count)

    @property
    def product(self):
        return np.einsum("lij,lix->ljx", self.c, self.q)

    @property
    def singular_values(self):
        return np.linalg.svd(self.matrices, compute_uv=False)


def _read(re, im, rows, columns):
    block = re[: rows * columns].astype(float) + 1j * im[: rows * columns]
    return block.T.reshape(-1, rows, columns)


def matrices(shape, dtype=np.float64, rank=99, seed=0):
    """Return random matrices, one a lane; lane k has rank 1 + k % rank where that is less."""
    rng = np.random.default_rng([*shape, rank, seed])
    n, (count, length) = lane_count(dtype), shape
    rank = min(rank, count, length)
    left, right = rng.normal(size=(2, n, count, rank)), rng.normal(size=(2, n, rank, length))
    left, right = left[0] + 1j * left[1], right[0] + 1j * right[1]
    kept = np.arange(rank) < 1 + np.arange(n)[:, np.newaxis] % rank
    if rank == min(shape):
        kept[:] = True
    return (left * kept[:, np.newaxis]) @ right


def assert_orthonormal(q, ranks, atol):
    """Assert that each point's first vectors are orthonormal and the others are 0."""
    for vectors, rank in zip(q, ranks, strict=True):
        expected = np.diag(np.arange(len(vectors)) < rank)
        np.testing.assert_allclose(vectors @ vectors.conj().T, expected, atol=atol)


# -- Orthonormal vectors


@DTYPES
@SHAPES
def test_vectors_are_orthonormal_ones_times_coefficients(shape, dtype):
    found = Factorised(matrices(shape, dtype), dtype)
    scale = np.abs(found.matrices).max()
    assert found.rank == min(shape)
    np.testing.assert_allclose(found.product, found.matrices, atol=ACCURACY[dtype] * scale)
    assert_orthonormal(found.q, [found.rank] * len(found.q), ACCURACY[dtype])


@DTYPES
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_points_of_different_ranks_share_a_block(shape, rank, dtype):
    given = matrices(shape, dtype, rank)
    found = Factorised(given, dtype)
    assert found.rank == rank
    np.testing.assert_allclose(found.product, given, atol=10 * ACCURACY[dtype])
    assert_orthonormal(found.q, 1 + np.arange(len(given)) % rank, ACCURACY[dtype])


@DTYPES
def test_a_zero_point_beside_others(dtype):
    given = matrices((3, 5), dtype)
    given[1] = 0
    found = Factorised(given, dtype).diagonalise()
    np.testing.assert_allclose(found.product, given, atol=10 * ACCURACY[dtype])
    assert not found.q[1].any()
    assert not found.c[1].any()


@DTYPES
def test_zeros_keep_one_vector_of_zeros(dtype):
    found = Factorised(np.zeros((lane_count(dtype), 3, 4)), dtype)
    assert found.rank == 1
    assert not found.q.any()
    assert not found.c.any()


def test_nearly_parallel_vectors():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 8, 1, 6))
    given = np.concatenate([first, first + 1e-9 * second, first - 1e-9 * second], axis=1)
    found = Factorised(given)
    assert_orthonormal(found.q, [found.rank] * 8, 1e-12)
    np.testing.assert_allclose(found.product, given, atol=1e-13)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-3, 0.1])
def test_what_is_left_out_is_within_the_tolerance_and_counted(tolerance):
    given = graded(8, 16)
    found = Factorised(given, tolerance=tolerance)
    weights = (np.abs(given) ** 2).sum(axis=(1, 2))
    missing = (np.abs(found.product - given) ** 2).sum(axis=(1, 2))
    assert 0 < found.rank < 8
    assert (missing <= tolerance * weights).all()
    np.testing.assert_allclose(found.norms.sum(axis=0), missing, rtol=1e-6)


def graded(count, length, ratio=0.2):
    """Return matrices whose singular values fall by a ratio from one to the next."""
    rng = np.random.default_rng(0)
    u = np.linalg.qr(rng.normal(size=(8, count, count)) + 1j * rng.normal(size=(8, count, count)))
    v = np.linalg.qr(rng.normal(size=(8, length, count)))
    fall = np.reshape(ratio, (-1, 1, 1)) ** np.arange(count)
    return u[0] * fall @ v[0].transpose(0, 2, 1)


# -- Singular values


@DTYPES
@SHAPES
def test_rows_become_singular_vectors(shape, dtype):
    found = Factorised(matrices(shape, dtype), dtype).diagonalise()
    scale = found.singular_values.max()
    np.testing.assert_allclose(found.product, found.matrices, atol=ACCURACY[dtype] * scale)
    assert_orthonormal(found.q, [found.rank] * len(found.q), ACCURACY[dtype])
    lengths = np.linalg.norm(found.c, axis=2)
    np.testing.assert_allclose(
        lengths, found.singular_values, rtol=1e-4, atol=ACCURACY[dtype] * scale
    )


@DTYPES
def test_rows_become_orthogonal_longest_first(dtype):
    found = Factorised(matrices((6, 8), dtype), dtype).diagonalise()
    gram = found.c @ found.c.conj().transpose(0, 2, 1)
    lengths = np.linalg.norm(found.c, axis=2)
    cosines = np.abs(gram) / (lengths[:, :, np.newaxis] * lengths[:, np.newaxis])
    assert (cosines - np.eye(6) < 1e-4).all()
    assert (np.diff(lengths, axis=1) <= 0).all()


def test_only_points_that_want_it_are_turned():
    given, wanted = matrices((6, 8)), np.arange(8) % 3 == 0
    before, found = Factorised(given), Factorised(given).diagonalise(wanted)
    everywhere = Factorised(given).diagonalise()
    assert not np.allclose(everywhere.c, before.c)
    np.testing.assert_array_equal(found.c[~wanted], before.c[~wanted])
    np.testing.assert_allclose(found.c[wanted], everywhere.c[wanted], atol=1e-12)


def test_points_do_not_depend_on_those_beside_them():
    """A point whose tolerance is reached first gets what it gets among its like."""
    given = graded(6, 9, np.linspace(0.05, 0.7, 8))
    together = Factorised(given, tolerance=1e-3)
    for lane, matrix in enumerate(given):
        alone = Factorised(np.tile(matrix, (8, 1, 1)), tolerance=1e-3)
        np.testing.assert_allclose(together.c[lane, : alone.rank], alone.c[0], atol=1e-15)
        assert not together.c[lane, alone.rank :].any()
    assert together.rank > 3


@pytest.mark.parametrize("scale", [1e-70, 1e-30, 1e20])
def test_small_and_large_tensors(scale):
    given = matrices((4, 6)) * scale
    found = Factorised(given).diagonalise()
    np.testing.assert_allclose(found.product, given, atol=1e-12 * scale)


@pytest.mark.parametrize(("scale", "dtype"), [(1e-120, np.float64), (1e-15, np.float32)])
def test_tensors_of_which_next_to_nothing_is_left(scale, dtype):
    given = matrices((8, 16), dtype) * scale
    with np.errstate(all="ignore"):
        found = Factorised(given, dtype).diagonalise()
    np.testing.assert_allclose(found.product, given, atol=ACCURACY[dtype] * 10 * scale)


def test_equal_singular_values():
    given = np.tile(np.eye(4, 8), (8, 1, 1))
    found = Factorised(given).diagonalise()
    np.testing.assert_allclose(found.product, given, atol=1e-14)
    lost, ranks = found.truncate(2.5)
    assert lost.tolist() == [2.0] * 8
    assert ranks.tolist() == [2] * 8


# -- Truncations


@pytest.mark.parametrize("max_rank", [1, 2, 5, 99])
@pytest.mark.parametrize("tolerance", [0.0, 1e-4, 0.05, 0.5])
def test_the_smallest_singular_values_are_dropped(tolerance, max_rank):
    given = matrices((6, 8))
    squares = np.linalg.svd(given, compute_uv=False) ** 2
    most = tolerance * squares.sum(axis=1)
    found = Factorised(given).diagonalise()
    lost, ranks = found.truncate(most, max_rank)
    tails = np.append(np.cumsum(squares[:, ::-1], axis=1)[:, ::-1], np.zeros((8, 1)), axis=1)
    kept = np.minimum(np.argmax(tails <= most[:, np.newaxis], axis=1), max_rank)
    assert ranks.tolist() == kept.tolist()
    assert found.rank == kept.max()
    np.testing.assert_allclose(lost, tails[np.arange(8), kept], rtol=1e-7, atol=1e-12)
    missing = (np.abs(found.product - given) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(missing, lost, rtol=1e-7, atol=1e-12)
    assert_orthonormal(found.q, ranks, 1e-12)


def test_one_row_is_always_kept():
    found = Factorised(matrices((3, 4))).diagonalise()
    _, ranks = found.truncate(1e9)
    assert ranks.tolist() == [1] * 8


def test_points_lose_what_each_may_lose():
    given = np.tile(np.diag([3.0, 2.0, 1.0]), (8, 1, 1))
    most = np.array([0, 0.5, 1, 4.5, 5, 100, 0, 1])
    found = Factorised(given).diagonalise()
    lost, ranks = found.truncate(most)
    assert lost.tolist() == [0, 0, 1, 1, 5, 5, 0, 1]
    assert ranks.tolist() == [3, 3, 2, 2, 1, 1, 3, 2]
    assert found.rank == 3
    assert not found.q[4, 1:].any()
    assert not found.c[4, 1:].any()
