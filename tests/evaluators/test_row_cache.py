"""What was computed of points is kept: found by row, within a budget, by any number of threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from qkernels.evaluators.cache import BYTES_A_KEY, RowCache

BYTES_A_POINT = 32 + 8 + BYTES_A_KEY


class Spy:
    """Computes arrays that show what the points were, and remembers all it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, points):
        self.asked.append(points[:, 0].tolist())
        return points.repeat(3, axis=1), -points[:, 0]

    @property
    def count(self):
        return sum(map(len, self.asked))


def column(*values):
    return np.array(values, float).reshape(-1, 1)


def shown(arrays):
    wide, negative = arrays
    np.testing.assert_array_equal(wide, -negative[:, np.newaxis].repeat(3, axis=1))
    return wide[:, 0].tolist()


@pytest.fixture
def cache():
    return RowCache(100 * BYTES_A_POINT)


@pytest.fixture
def spy():
    return Spy()


def test_points_are_computed_once(cache, spy):
    for _ in range(3):
        assert shown(cache.get("map", column(1, 2, 3), spy)) == [1, 2, 3]
    assert spy.asked == [[1, 2, 3]]


def test_only_new_points_are_computed(cache, spy):
    cache.get("map", column(1, 2, 3), spy)
    assert shown(cache.get("map", column(3, 7, 1, 8), spy)) == [3, 7, 1, 8]
    assert spy.asked == [[1, 2, 3], [7, 8]]


@pytest.mark.parametrize("rows", [[2, 1], [2, 3], [1, 3], [3, 3, 1], [2, 2]])
def test_points_are_found_in_any_order(cache, spy, rows):
    cache.get("map", column(1, 2, 3), spy)
    assert shown(cache.get("map", column(*rows), spy)) == rows
    assert spy.count == 3


def test_points_of_several_blocks_are_put_together(cache, spy):
    for block in ([1, 2], [3], [4, 5]):
        cache.get("map", column(*block), spy)
    assert shown(cache.get("map", column(5, 1, 3, 4, 2, 1), spy)) == [5, 1, 3, 4, 2, 1]
    assert spy.count == 5


def test_equal_points_are_computed_once(cache, spy):
    assert shown(cache.get("map", column(1, 1, 2, 1), spy)) == [1, 1, 2, 1]
    assert sorted(spy.asked[0]) == [1, 2]


def test_minus_zero_is_zero(cache, spy):
    cache.get("map", column(0.0), spy)
    cache.get("map", column(-0.0), spy)
    assert spy.count == 1


def test_other_spaces_are_other_points(cache, spy):
    cache.get("map", column(1), spy)
    cache.get("other", column(1), spy)
    assert spy.asked == [[1], [1]]


def test_folds_of_a_grid_search_compute_each_point_once(cache, spy):
    values = np.arange(60.0)
    for _ in range(10):
        for fold in range(5):
            held_out = np.arange(60) % 5 == fold
            assert shown(cache.get("map", column(*values[~held_out]), spy)) == [
                *values[~held_out].tolist()
            ]
            cache.get("map", column(*values[held_out]), spy)
    assert sorted(v for asked in spy.asked for v in asked) == values.tolist()


def test_points_in_a_row_of_one_block_are_views(cache, spy):
    whole = cache.get("map", column(1, 2, 3, 4), spy)
    part = cache.get("map", column(2, 3), spy)
    assert all(np.shares_memory(w, p) for w, p in zip(whole, part, strict=True))


def test_nothing_is_kept_without_a_budget(spy):
    cache = RowCache(0)
    cache.get("map", column(1), spy)
    cache.get("map", column(1), spy)
    assert spy.count == 2
    assert cache.nbytes == 0


def test_the_budget_is_respected(spy):
    cache = RowCache(3 * BYTES_A_POINT)
    for value in range(10):
        cache.get("map", column(value), spy)
        assert cache.nbytes == min(value + 1, 3) * BYTES_A_POINT


def test_the_block_used_longest_ago_goes_first(spy):
    cache = RowCache(2 * BYTES_A_POINT)
    for value in (1, 2, 1, 3):
        cache.get("map", column(value), spy)
    cache.get("map", column(1), spy)
    assert spy.asked == [[1], [2], [3]]
    cache.get("map", column(2), spy)
    assert spy.asked == [[1], [2], [3], [2]]


def test_more_points_than_the_budget_are_returned_and_not_kept(spy):
    cache = RowCache(2 * BYTES_A_POINT)
    assert shown(cache.get("map", column(1, 2, 3, 3), spy)) == [1, 2, 3, 3]
    assert cache.nbytes == 0


def test_points_that_fail_are_not_kept(cache, spy):
    def fail(points):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("map", column(1), fail)
    assert shown(cache.get("map", column(1), spy)) == [1]


def test_clear_forgets_all(cache, spy):
    cache.get("map", column(1), spy)
    cache.clear()
    assert cache.nbytes == 0
    cache.get("map", column(1), spy)
    assert spy.count == 2


def test_points_without_features_are_one_point(cache):
    counts = []

    def prepare(points):
        counts.append(len(points))
        return (np.ones((len(points), 2)),)

    (found,) = cache.get("map", np.empty((3, 0)), prepare)
    assert found.shape == (3, 2)
    assert counts == [1]


def test_threads_share_what_one_has_computed(cache, spy):
    start = threading.Barrier(8)

    def get(seed):
        start.wait()
        values = np.random.default_rng(seed).permutation(40).astype(float)
        return shown(cache.get("map", column(*values), spy)) == values.tolist()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(get, range(8)))
    assert spy.count == 40


# -- Rows of different widths


def ragged(points):
    """Compute rows as wide as the largest of the values, and one number that is not."""
    width = int(points.max())
    wide = np.where(np.arange(width) < points, points, 0.0)
    return wide.astype(np.float32), np.tile(np.arange(width), (len(points), 1, 1)), points[:, 0]


@pytest.mark.parametrize("order", [[1, 4, 2], [4, 1, 2], [2, 2, 1, 4, 3], [3, 1]])
def test_shorter_rows_end_with_zeros(cache, order):
    for block in ([1, 2], [4, 3]):
        cache.get("map", column(*block), ragged)
    rows, cubes, values = cache.get("map", column(*order), ragged)
    assert values.tolist() == order
    assert rows.dtype == np.float32
    assert rows.tolist() == [[v] * v + [0] * (4 - v) for v in order]
    widths = [2 if v < 3 else 4 for v in order]
    assert cubes.shape == (len(order), 1, 4)
    assert cubes[:, 0].tolist() == [[*range(w)] + [0] * (4 - w) for w in widths]


def test_rows_of_one_block_are_as_wide_as_it_is(cache):
    cache.get("map", column(1, 2), ragged)
    cache.get("map", column(4), ragged)
    assert [cache.get("map", column(v), ragged)[0].shape for v in (1, 4)] == [(1, 2), (1, 4)]


def test_rows_that_are_put_together_are_not_what_is_kept(cache):
    cache.get("map", column(1), ragged)
    cache.get("map", column(4), ragged)
    joined = cache.get("map", column(1, 4), ragged)[0]
    joined[:] = -7.0
    assert cache.get("map", column(4, 1), ragged)[0].tolist() == [[4] * 4, [1, 0, 0, 0]]


def test_new_rows_that_are_wider_than_what_is_kept(cache):
    cache.get("map", column(2), ragged)
    rows, *_ = cache.get("map", column(3, 2), ragged)
    assert rows.tolist() == [[3, 3, 3], [2, 2, 0]]
