"""Stores that grow: by what is new and nothing else, cut off at each step, or by mistake."""

import pathlib
import shutil
from threading import Thread

import numpy as np
import pytest

import qkernels as qk
from qkernels.gram import GramStore, layout, work
from qkernels.gram.chunks import Chunks
from qkernels.gram.layout import Layout
from tests.gram.stores import EXACT, KERNEL, KERNELS, CountingKernel, chunk_times, points


@pytest.mark.parametrize("kernel", [KERNEL, KERNELS[3], KERNELS[5]], ids=range(3))
@pytest.mark.parametrize("sizes", [(10, 5), (12, 7), (12, 1, 1, 1, 20), (3, 1), (4, 30, 1)])
def test_a_grown_store_is_the_whole_matrix(kernel, sizes, path):
    X = points(sum(sizes))
    store = qk.gram_matrix(kernel, X[: sizes[0]], out=path, tile_size=5)
    n = sizes[0]
    for more in sizes[1:]:
        store.extend(X[n : n + more])
        n += more
        assert store.shape == (n, n)
        np.testing.assert_allclose(store, kernel(X[:n]), **EXACT)
    np.testing.assert_array_equal(store.X, X)
    again = GramStore.open(path)
    assert (again.verify(), again.shape) == ([], (n, n))
    assert not (path / "before").exists()
    # It is the store of all points now.
    qk.gram_matrix(kernel, X, out=path)


@pytest.mark.parametrize(("n", "more"), [(10, 5), (12, 7), (13, 1), (9, 30)])
def test_growing_computes_what_is_new_and_nothing_else(n, more, path, counting):
    X = points(n + more)
    store = qk.gram_matrix(counting, X[:n], out=path, tile_size=5)
    old = {p: t for p, t in chunk_times(store).items() if n % 5 == 0 or str(n // 5) not in p.parts}
    CountingKernel.prepared = CountingKernel.compared = 0
    store.extend(X[n:], counting)
    assert CountingKernel.prepared == more
    new = (n + more) ** 2 - n**2
    # Of a symmetric matrix about half; tiles on the diagonal are computed whole.
    assert new / 2 <= CountingKernel.compared <= new / 2 + 5 * more
    times = chunk_times(store)
    assert {p: times[p] for p in old} == old
    np.testing.assert_allclose(store, counting(X), **EXACT)


def test_growing_rows_of_a_rectangular_matrix(path, counting):
    X, Y = points(19), points(8, 1)
    store = qk.gram_matrix(counting, X[:12], Y, out=path, tile_size=5)
    CountingKernel.compared = 0
    store.extend(X[12:], counting)
    assert CountingKernel.compared == 7 * 8
    np.testing.assert_allclose(store, KERNEL(X, Y), **EXACT)


class Cut(BaseException):
    """Stands for a kill."""


@pytest.fixture
def cut(monkeypatch):
    """Return a function that lets the n-th change of the disk, and all later ones, not happen."""
    left = [0]

    def counted(function):
        def run(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Cut
            return function(*arguments, **options)

        return run

    for owner, name in [
        (pathlib.Path, "rename"),
        (layout, "link"),
        (Chunks, "write"),
        (Chunks, "create"),
        (shutil, "rmtree"),
        (work, "compare"),
    ]:
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return lambda n: left.__setitem__(0, n)


@pytest.mark.parametrize("rectangular", [False, True])
def test_growing_is_cut_off_at_each_step(rectangular, path, cut):
    """Whatever is left, the matrix of all points comes out, and what was there is not lost."""
    X, others = points(17), (points(7, 1),) if rectangular else ()
    cut(10**9)
    qk.gram_matrix(KERNEL, X[:12], *others, out=path.with_name("first"), tile_size=5)
    for step in range(1000):
        cut(10**9)
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(path.with_name("first"), path)
        cut(step)
        try:
            GramStore.open(path).extend(X[12:])
        except Cut:
            cut(10**9)
            store = GramStore.open(path)
            assert store.shape[0] in (12, 17)
            assert store.progress > 0
        else:
            break
        store = qk.gram_matrix(KERNEL, X, *others, out=path)
        assert store.verify() == []
        np.testing.assert_allclose(store, KERNEL(X, *others), **EXACT)
    assert step > 25


def test_a_store_that_has_grown_must_be_opened_again(path):
    X = points(40)
    first = qk.gram_matrix(KERNEL, X[:12], out=path, tile_size=5)
    second, old = GramStore.open(path), Layout.open(path)
    first.extend(X[12:20])
    message = r"expected .*K.zarr as it was opened, got one that has grown or was replaced"
    with pytest.raises(ValueError, match=message):
        second.extend(X[20:])
    with pytest.raises(ValueError, match=message):
        old.write(2, 2, np.eye(2))
    np.testing.assert_allclose(GramStore.open(path), KERNEL(X[:20]), **EXACT)


def test_who_opens_a_store_that_is_growing_waits(path, monkeypatch):
    X, opened, threads = points(20), [], []
    store = qk.gram_matrix(KERNEL, X[:12], out=path, tile_size=5)
    rename = pathlib.Path.rename

    def renamed(source, target):
        found = rename(source, target)
        if source == path and not threads:
            threads.append(Thread(target=lambda: opened.append(GramStore.open(path).shape)))
            threads[0].start()
            threads[0].join(0.3)
        return found

    monkeypatch.setattr(pathlib.Path, "rename", renamed)
    store.extend(X[12:])
    threads[0].join()
    assert opened == [(20, 20)]
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


def test_all_points_add_those_that_are_new(path, counting):
    X = points(23)
    qk.gram_matrix(counting, X[:12], out=path, tile_size=5)
    CountingKernel.compared = 0
    store = qk.gram_matrix(counting, X, out=path)
    assert CountingKernel.compared < 23**2 - 12**2
    np.testing.assert_allclose(store, KERNEL(X), **EXACT)
    X[0] += 1e-9
    with pytest.raises(ValueError, match="expected the points X"):
        qk.gram_matrix(counting, X, out=path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_jobs": 0}, ValueError, "n_jobs: expected an integer other than 0, got 0"),
        ({"working_memory": "x"}, ValueError, "working_memory: expected a size such as"),
        (
            {"kernel": qk.FidelityKernel(qk.feature_maps.iqp)},
            ValueError,
            "expected the kernel that",
        ),
        ({"X_new": [[np.nan, 1.0]]}, ValueError, "contains NaN"),
    ],
)
def test_nothing_grows_by_mistake(arguments, error, message, path):
    store = qk.gram_matrix(KERNEL, points(12), out=path, tile_size=5)
    with pytest.raises(error, match=message):
        store.extend(**{"X_new": points(3)} | arguments)
    assert GramStore.open(path).shape == (12, 12)


def test_points_without_angles_are_refused_before_any_work(path):
    kernel = qk.FidelityKernel(qk.feature_maps.chebyshev)
    X = np.random.default_rng(0).uniform(-1, 1, (12, 2))
    store = qk.gram_matrix(kernel, X, out=path)
    with pytest.raises(ValueError, match=r"which must lie in \[-1, 1\]; got 1.5 in row 2"):
        store.extend([[0, 0], [0, 0], [0, 1.5]])
    X[7, 1] = -3
    with pytest.raises(ValueError, match=r"which must lie in \[-1, 1\]; got -3.0 in row 7"):
        qk.gram_matrix(kernel, X, out=path.with_name("other"))
    assert not path.with_name("other").exists()


def test_growing_twice_before_anything_is_computed(path):
    X = points(31)
    qk.gram_matrix(KERNEL, X[:12], out=path, tile_size=5)
    Layout.open(path).grow(X[:18])
    store = GramStore.open(path)
    store.fill(tiles=[(0, 2), (3, 3)])
    Layout.open(path).grow(X)
    store = GramStore.open(path).fill()
    np.testing.assert_allclose(store, KERNEL(X), **EXACT)


def test_points_of_another_width_do_not_fit(path):
    store = qk.gram_matrix(KERNEL, points(12), out=path, tile_size=5)
    with pytest.raises(ValueError, match=r"X_new: expected points of 2 features, .*, got 3"):
        store.extend(points(3, width=3))
    assert store.shape == (12, 12)
