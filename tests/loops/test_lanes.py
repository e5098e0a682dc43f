"""Registers of points: every instruction does what NumPy does on a row."""

import numba
import numpy as np
import pytest

from qkernels.loops import lanes

DTYPES = [np.float64, np.float32]


@numba.njit
def _arithmetic(out, x, y):
    a, b = lanes.load(x, 0), lanes.load(y, 0)
    lanes.store(out, 0, a + b)
    lanes.store(out, 1, a - b)
    lanes.store(out, 2, a * b)


@numba.njit
def _move(out, array, row):
    lanes.store(out, row, lanes.load(array, out.shape[0] - 1 - row))


@numba.njit
def _swap(array):
    first, second = lanes.load(array, 0), lanes.load(array, 1)
    lanes.store(array, 0, second)
    lanes.store(array, 1, first)


@numba.njit
def _filled(out, value):
    lanes.store(out, 1, lanes.fill(out, value))


@numba.njit
def _parity(bits):
    return lanes.parity(bits)


@numba.njit
def _transposed(out, place, stride, source, first, step):
    lanes.transpose(out, place, stride, source, first, step)


@numba.njit
def _copied(out, place, source, first):
    lanes.copy(out, place, source, first)


@numba.njit
def _added(out, place, source, first):
    lanes.add(out, place, source, first)


@pytest.fixture(params=DTYPES, ids=["double", "single"])
def dtype(request):
    return np.dtype(request.param)


def rows(count, dtype, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, lanes.lane_count(dtype)))
    return values.astype(dtype)


def test_a_register_is_64_bytes():
    assert [lanes.lane_count(d) for d in DTYPES] == [8, 16]


def test_arithmetic_is_numpys(dtype):
    x, y, out = rows(1, dtype), rows(1, dtype, seed=1), rows(3, dtype, seed=2)
    _arithmetic(out, x, y)
    np.testing.assert_array_equal(out, np.vstack([x + y, x - y, x * y]))


def test_arithmetic_keeps_nan_and_inf(dtype):
    x, y, out = rows(1, dtype), rows(1, dtype, seed=1), rows(3, dtype)
    x[0, 1], x[0, 2], y[0, 2] = np.nan, np.inf, np.inf
    with np.errstate(invalid="ignore"):
        _arithmetic(out, x, y)
        np.testing.assert_array_equal(out, np.vstack([x + y, x - y, x * y]))


@pytest.mark.parametrize("row", [0, 1, 3])
def test_load_and_store_touch_one_row(dtype, row):
    array, out = rows(4, dtype), rows(4, dtype, seed=1)
    expected = out.copy()
    expected[row] = array[3 - row]
    _move(out, array, row)
    np.testing.assert_array_equal(out, expected)


def test_loaded_lanes_are_a_value(dtype):
    array = rows(2, dtype)
    expected = array[::-1].copy()
    _swap(array)
    np.testing.assert_array_equal(array, expected)


def test_fill_takes_numbers_of_any_type(dtype):
    out = rows(3, dtype)
    expected = out.copy()
    for value in (0.3, np.float32(0.3), 2):
        expected[1] = value
        _filled(out, value)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 0b1011, 2**40, 2**40 + 1, 2**62 - 1])
def test_parity_counts_the_bits(bits):
    assert _parity(bits) == bits.bit_count() % 2


@pytest.mark.parametrize(("place", "stride", "first", "step"), [(0, 0, 0, 0), (3, 5, 7, 2)])
def test_transpose_moves_a_block_between_strides(dtype, place, stride, first, step):
    n = lanes.lane_count(dtype)
    stride, step = stride + n, step + n
    source, out = rows(3 * n, dtype), rows(3 * n, dtype, seed=1)
    expected = out.copy()
    for i in range(n):
        for j in range(n):
            expected.flat[place + i * stride + j] = source.flat[first + j * step + i]
    _transposed(out, place, stride, source, first, step)
    np.testing.assert_array_equal(out, expected)


PLACES = pytest.mark.parametrize(("place", "first"), [(0, 0), (3, 0), (0, 5), (7, 2)])


@PLACES
def test_copy_moves_one_register_between_any_places(dtype, place, first):
    n = lanes.lane_count(dtype)
    source, out = rows(3, dtype), rows(2, dtype, seed=1)
    expected = out.copy()
    expected.reshape(-1)[place : place + n] = source.reshape(-1)[first : first + n]
    _copied(out, place, source, first)
    np.testing.assert_array_equal(out, expected)


@PLACES
def test_add_adds_one_register_to_any_place(dtype, place, first):
    n = lanes.lane_count(dtype)
    source, out = rows(3, dtype), rows(2, dtype, seed=1)
    expected = out.copy()
    expected.reshape(-1)[place : place + n] += source.reshape(-1)[first : first + n]
    _added(out, place, source, first)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("function", [_copied, _added])
def test_registers_move_between_arrays_of_any_shape(dtype, function):
    n = lanes.lane_count(dtype)
    flat, deep = rows(2, dtype).reshape(-1), rows(6, dtype, seed=1).reshape(2, 3, n)
    for source, out in ((flat, np.zeros_like(deep)), (deep, np.zeros_like(flat))):
        function(out, n - 1, source, 2)
        expected = np.zeros(out.size, dtype)
        expected[n - 1 : 2 * n - 1] = source.reshape(-1)[2 : n + 2]
        np.testing.assert_array_equal(out.reshape(-1), expected)


def test_add_keeps_nan_and_inf(dtype):
    source, out = rows(1, dtype), rows(1, dtype, seed=1)
    source[0, 1], source[0, 2], out[0, 2], out[0, 3] = np.nan, np.inf, -np.inf, np.inf
    expected = np.array([[out[0, 0] + source[0, 0], np.nan, np.nan, np.inf]])
    with np.errstate(invalid="ignore"):
        _added(out, 0, source, 0)
    np.testing.assert_array_equal(out[:, :4], expected)
