"""Products of small matrices in registers, beside einsum: all sizes, gaps, and scalars."""

import numpy as np
import pytest

from qkernels.loops import jit
from qkernels.loops.lanes import lane_count
from qkernels.loops.products import multiply, multiply_adjoint

TOLERANCE = {np.float64: 1e-13, np.float32: 2e-5}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=["double", "single"])
# Both sides of what is unrolled, and all remainders of blocks.
SIZES = pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])


@jit.jit
def run(out, x, y, rows, depth, columns, adjoint):
    if adjoint:
        multiply_adjoint(out, x, y, rows, depth, columns)
    else:
        multiply(out, x, y, rows, depth, columns)


class Operand:
    """A matrix of lanes or scalars, in planes that hold 7 all around it."""

    def __init__(self, matrix, dtype, gap=0, first=0):
        self.rows, self.columns = matrix.shape[:2]
        self.first, self.stride = first, self.columns + gap
        shape = (first + self.rows * self.stride + 1, *matrix.shape[2:])
        self.planes = tuple(np.full(shape, 7.0, dtype) for _ in range(2))
        for plane, part in zip(self.planes, (matrix.real, matrix.imag), strict=True):
            plane[self._places] = part

    @property
    def _places(self):
        return self.first + self.stride * np.arange(self.rows)[:, None] + np.arange(self.columns)

    @property
    def argument(self):
        return *self.planes, self.first, self.stride

    @property
    def matrix(self):
        return self.planes[0][self._places] + 1j * self.planes[1][self._places]

    def surroundings(self):
        """Return the number of planes' entries that are not 7."""
        rest = [np.delete(plane, self._places.ravel(), axis=0) for plane in self.planes]
        return sum(np.count_nonzero(part != 7.0) for part in rest)


def random_matrix(*shape, seed=0):
    real, imag = np.random.default_rng([*shape, seed]).normal(size=(2, *shape))
    return real + 1j * imag


def check(dtype, size, *, adjoint, gaps=(0, 0, 0), firsts=(0, 0, 0), scalars=False):
    rows, depth, columns = size
    lanes = lane_count(dtype)
    left = random_matrix(rows, depth, *([] if scalars else [lanes]))
    right = random_matrix(depth, columns, lanes, seed=1)
    given = left.conj().swapaxes(0, 1) if adjoint else left
    out = Operand(np.zeros((rows, columns, lanes), complex), dtype, gaps[0], firsts[0])
    x, y = Operand(given, dtype, gaps[1], firsts[1]), Operand(right, dtype, gaps[2], firsts[2])
    run(out.argument, x.argument, y.argument, *size, adjoint)
    expected = np.einsum("rk,kcl->rcl" if scalars else "rkl,kcl->rcl", left, right)
    np.testing.assert_allclose(out.matrix, expected, atol=TOLERANCE[dtype], rtol=0)
    assert out.surroundings() == 0


@DTYPES
@SIZES
@pytest.mark.parametrize("adjoint", [False, True])
def test_products_of_any_size(rows, adjoint, dtype):
    for depth in (1, 2, 3, 4, 6, 7):
        for columns in (1, 2, 3, 4, 5, 6, 7, 9):
            check(dtype, (rows, depth, columns), adjoint=adjoint, firsts=(3, 5, 2))


@DTYPES
@SIZES
def test_scalars_are_the_same_for_all_points(rows, dtype):
    for depth in (2, 4, 6, 8):
        for columns in (1, 2, 3, 5):
            check(dtype, (rows, depth, columns), adjoint=True, scalars=True, firsts=(1, 4, 6))
    check(dtype, (rows, 3, 5), adjoint=False, scalars=True)


@pytest.mark.parametrize("gaps", [(1, 0, 0), (0, 2, 0), (0, 0, 3), (4, 5, 6)])
@pytest.mark.parametrize("size", [(2, 2, 2), (3, 2, 3), (5, 4, 7)])
@pytest.mark.parametrize("adjoint", [False, True])
def test_gaps_between_rows(adjoint, size, gaps):
    check(np.float64, size, adjoint=adjoint, gaps=gaps)


def test_a_matrix_that_is_not_a_number_spoils_its_own_lane_alone():
    x, y = random_matrix(2, 2, 8), random_matrix(2, 2, 8, seed=1)
    x[0, 1, 5] = np.nan
    out = Operand(np.zeros((2, 2, 8), complex), np.float64)
    operands = Operand(x, np.float64).argument, Operand(y, np.float64).argument
    run(out.argument, *operands, 2, 2, 2, False)
    assert np.isnan(out.matrix[0, :, 5]).all()
    assert np.isfinite(np.delete(out.matrix, 5, axis=2)).all()
    assert np.isfinite(out.matrix[1]).all()
