"""`evaluators.rows`: rows of different widths in one array, beside plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.evaluators.rows import put, room_for, stacked, widened

DTYPES = st.sampled_from([np.float64, np.float32, np.int64])


@st.composite
def arrays(draw):
    """Return arrays of as many axes and of one type, without zeros."""
    shapes = st.tuples(*[st.integers(0, 4)] * draw(st.integers(1, 3)))
    found = draw(st.lists(shapes, min_size=1, max_size=4))
    dtype = draw(DTYPES)
    return [(1 + k + np.arange(np.prod(s))).reshape(s).astype(dtype) for k, s in enumerate(found)]


@given(arrays())
def test_rows_are_stacked(given):
    out = stacked(given)
    widths = [max(sizes) for sizes in zip(*(array.shape[1:] for array in given), strict=True)]
    assert out.shape == (sum(map(len, given)), *widths)
    assert out.dtype == given[0].dtype
    for row, expected in zip(out, (row for array in given for row in array), strict=True):
        inside = tuple(map(slice, expected.shape))
        np.testing.assert_array_equal(row[inside], expected)
        assert np.count_nonzero(row) == expected.size


@given(arrays(), st.integers(0, 3))
def test_rows_are_widened(given, more):
    array = given[0]
    widths = tuple(width + more for width in array.shape[1:])
    out = widened(array, widths)
    np.testing.assert_array_equal(out, np.pad(array, [(0, 0), *[(0, more)] * (array.ndim - 1)]))
    assert out.dtype == array.dtype


def test_what_is_wide_enough_is_not_copied():
    array = np.ones((2, 3))
    assert widened(array, (3,)) is array


def test_rows_where_a_mask_is_true():
    out = room_for([np.ones((1, 1)), np.ones((1, 3))], 4)
    assert not out.any()
    put(out, np.array([False, True, False, True]), np.array([[5.0, 6.0], [7.0, 8.0]]))
    assert out.tolist() == [[0, 0, 0], [5, 6, 0], [0, 0, 0], [7, 8, 0]]


def test_what_is_wider_than_the_room_is_refused():
    with pytest.raises(ValueError, match="could not broadcast"):
        put(np.zeros((2, 1)), slice(0, 2), np.ones((2, 2)))
