"""Matrices in memory, by rows and lazily; and what is refused before any work."""

import contextlib
import os
import signal
import time
from multiprocessing import get_context

import cirq
import dask.array as da
import numpy as np
import pytest
import sklearn
from sklearn.gaussian_process.kernels import RBF, CompoundKernel, WhiteKernel
from sklearn.metrics import pairwise_distances_chunked

import qkernels as qk
from qkernels.gram import GramStore, work
from qkernels.gram.sizes import tile_edge, working_bytes

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5)
EXACT = {"rtol": 0, "atol": 1e-12}
X = np.random.default_rng(0).uniform(size=(40, 3))
Y = np.random.default_rng(1).uniform(size=(17, 3))


@pytest.mark.parametrize("kernel", [KERNEL, KERNEL + WhiteKernel(0.3), RBF(1.0)])
@pytest.mark.parametrize("memory", ["2KB", "20KB", "1GB", 1, None])
def test_rows_are_the_matrix(kernel, memory):
    for points in ((X,), (X, Y), (X, X), (X, X.copy())):
        blocks = list(qk.gram_chunked(kernel, *points, working_memory=memory))
        np.testing.assert_allclose(
            np.concatenate(blocks),
            kernel(*points[:1], *(() if points[-1] is not Y else (Y,))),
            **EXACT,
        )


def test_points_are_prepared_once():
    """Also without a store, and whatever the evaluator keeps."""

    class Counting(qk.FidelityKernel):
        prepared = 0

        def prepare(self, X):
            Counting.prepared += len(X)
            return super().prepare(X)

    qk.gram_matrix(Counting(qk.feature_maps.zz), X, tile_size=4)
    # One more tells how much memory a point takes.
    assert Counting.prepared == len(X) + 1


def test_what_is_kept_is_within_the_working_memory(monkeypatch):
    """Blocks of prepared points, and nothing beside in the evaluator."""
    evaluator = qk.StatevectorEvaluator(cache_size="123MB")
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    qk.gram_matrix(kernel, X[:, [0, 1, 2, 0, 1, 2]], tile_size=4)
    list(qk.gram_chunked(kernel, X[:, [0, 1, 2, 0, 1, 2]], working_memory="100KB"))
    # The single point that tells how much memory a point takes.
    assert evaluator._cache.nbytes <= 2 * 16 * 2**6


def test_rows_fit_the_memory():
    blocks = list(qk.gram_chunked(KERNEL, X, working_memory="5KB"))
    assert max(block.nbytes for block in blocks) <= 5000
    assert len(blocks) > 3


def test_rows_are_those_of_scikit_learn():
    ours = qk.gram_chunked(RBF(np.sqrt(0.5)), X, working_memory="2KB")
    theirs = pairwise_distances_chunked(X, metric="sqeuclidean", working_memory=0.001)
    np.testing.assert_allclose(np.concatenate([*ours]), np.exp(-np.concatenate([*theirs])))


@pytest.mark.parametrize("kernel", [KERNEL, KERNEL**2 + WhiteKernel(0.3)])
def test_lazy_matrices(kernel):
    A, B = da.from_array(X, chunks=(15, 2)), da.from_array(Y, chunks=(9, 3))
    K = qk.gram_matrix(kernel, A)
    assert isinstance(K, da.Array)
    assert K.chunks == ((15, 15, 10),) * 2
    np.testing.assert_allclose(K.compute(), kernel(X), **EXACT)
    np.testing.assert_allclose(qk.gram_matrix(kernel, A, A), kernel(X), **EXACT)
    rectangular = qk.gram_matrix(kernel, A, B)
    assert rectangular.chunks == ((15, 15, 10), (9, 8))
    np.testing.assert_allclose(rectangular, kernel(X, Y), **EXACT)
    # A part takes its own tiles only.
    np.testing.assert_allclose(K[:5, 20:25].compute(), kernel(X)[:5, 20:25], **EXACT)


def test_lazy_matrices_compare_the_upper_half_only(monkeypatch):
    from qkernels.gram import lazy

    calls = []
    compare = lazy.compare
    monkeypatch.setattr(lazy, "compare", lambda *a: (calls.append(1), compare(*a))[1])
    qk.gram_matrix(KERNEL, da.from_array(X, chunks=(10, 3))).compute(scheduler="sync")
    assert len(calls) == 10


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"Y": Y}, TypeError, "Y: expected a dask array, as the other is, got ndarray"),
        ({"out": "K.zarr"}, ValueError, "out: expected nothing with dask arrays, whose matrix is"),
        ({"n_jobs": 2}, ValueError, "n_jobs: expected nothing with dask arrays"),
        ({"dtype": "float32"}, ValueError, "dtype: expected nothing with dask arrays"),
    ],
)
def test_what_does_not_go_with_lazy_matrices(arguments, error, message):
    with pytest.raises(error, match=message):
        qk.gram_matrix(KERNEL, da.from_array(X, chunks=10), **arguments)


def test_lazy_points_of_unknown_number():
    A = da.from_array(X, chunks=10)
    with pytest.raises(ValueError, match=r"X: expected a known number of rows and columns, got"):
        qk.gram_matrix(KERNEL, A[A[:, 0] > 0.5])


# -- Sizes


def test_working_memory():
    assert working_bytes("512MB") == 512_000_000
    assert working_bytes(512) == 512 * 2**20
    assert working_bytes(0.5) == 2**19
    with sklearn.config_context(working_memory=3):
        assert working_bytes(None) == 3 * 2**20


@pytest.mark.parametrize("memory", [26 * 10**6, 10**8, 512 * 10**6, 10**10])
@pytest.mark.parametrize("bytes_a_point", [64, 4096, 2**16])
@pytest.mark.parametrize("n", [100, 20_000, 10**6])
def test_tiles_fit_the_memory(memory, bytes_a_point, n):
    edge = tile_edge("auto", (n, n), bytes_a_point, memory)
    assert 64 <= edge <= 1984
    assert edge % 128 == 64
    assert 6 * 8 * edge**2 + (5 * edge + 64) * bytes_a_point <= memory


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tile_size": 0}, ValueError, "tile_size: expected at least 1, got 0"),
        ({"tile_size": 2.5}, TypeError, "tile_size: expected an integer or 'auto', got 2.5"),
        ({"tile_size": "big"}, TypeError, "tile_size: expected an integer or 'auto', got 'big'"),
        ({"dtype": "int64"}, ValueError, "dtype: expected 'float64' or 'float32', got 'int64'"),
        ({"dtype": "double!"}, ValueError, "dtype: expected 'float64' or 'float32', got 'double!'"),
        ({"working_memory": 0}, ValueError, "working_memory: expected more than nothing, got 0"),
        ({"working_memory": "no"}, ValueError, "working_memory: expected a size such as '512MB'"),
        ({"working_memory": [1]}, TypeError, "working_memory: expected None, a number of MiB or a"),
        (
            {"working_memory": "10KB"},
            MemoryError,
            "working_memory: expected at least 246 KB for tiles of 64 points of 128 B each, got 10",
        ),
        ({"Y": Y[:, :2]}, ValueError, r"expected X and Y of equally many features, got \[3, 2\]"),
        ({"X": [[np.nan] * 3]}, ValueError, "Input X contains NaN"),
        ({"X": np.empty((0, 3))}, ValueError, "Found array with 0 sample"),
        ({"X": np.ones(3)}, ValueError, "Expected 2D array, got 1D array instead"),
        (
            {"kernel": "rbf"},
            TypeError,
            "kernel: expected a kernel that returns one matrix, got '",
        ),
        (
            {"kernel": CompoundKernel([RBF(1.0), RBF(2.0)])},
            TypeError,
            "kernel: expected a kernel that returns one matrix, got CompoundKernel",
        ),
        (
            {"kernel": qk.FidelityKernel(qk.feature_maps.zz(4))},
            ValueError,
            "X has 3 features, but the feature map 'zz' of FidelityKernel expects 4",
        ),
    ],
)
@pytest.mark.parametrize("on_disk", [True, False])
def test_what_is_refused_before_any_work(options, error, message, on_disk, tmp_path):
    out = {"out": tmp_path / "K.zarr"} if on_disk else {}
    arguments = {"kernel": KERNEL, "X": X} | out | options
    with pytest.raises(error, match=message):
        qk.gram_matrix(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_where_stores_cannot_be(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected the folder of .*K.zarr to exist"):
        qk.gram_matrix(KERNEL, X, out=tmp_path / "no" / "K.zarr")
    qk.gram_matrix(KERNEL, X, out=tmp_path / "K.zarr")
    with pytest.raises(FileExistsError, match="out: expected nothing there, as resume=False, got "):
        qk.gram_matrix(KERNEL, X, out=tmp_path / "K.zarr", resume=False)


def test_matrices_that_do_not_fit(monkeypatch):
    monkeypatch.setattr("qkernels.memory.available_memory", lambda: 10**7)
    points = np.zeros((3000, 3))
    message = "for a kernel matrix of 3000 x 3000, got 10 MB: give out=..., a path where the matrix"
    with pytest.raises(MemoryError, match=message):
        qk.gram_matrix(KERNEL, points)


def test_kernels_that_are_no_numbers(tmp_path):
    class Broken(qk.FidelityKernel):
        def compare(self, p, q=None, **options):
            return super().compare(p, q, **options) * np.nan

    with pytest.raises(ValueError, match=r"expected finite kernel values, got NaN or infinity in"):
        qk.gram_matrix(Broken(qk.feature_maps.zz), X, out=tmp_path / "K.zarr")


def measured(*mitigation):
    evaluator = qk.SamplerEvaluator(cirq.Simulator(seed=0), repetitions=50, mitigation=mitigation)
    return qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)


def test_measured_kernels_come_from_their_ledger(tmp_path):
    kernel, points = measured(), X[:9]
    store = qk.gram_matrix(kernel, points, out=tmp_path / "K.zarr", tile_size=4)
    # Each point is bought once: the matrix is the ledger's.
    np.testing.assert_array_equal(store, kernel(points))
    np.testing.assert_array_equal(qk.gram_matrix(kernel, points, tile_size=5), kernel(points))
    for data, options in ((points, {"n_jobs": 2}), (da.from_array(points), {})):
        with pytest.raises(ValueError, match=r"no n_jobs, client, executor or dask arrays for a k"):
            qk.gram_matrix(kernel, data, **options)


def test_mitigation_by_the_block_is_refused(tmp_path):
    message = r"expected a mitigation that looks at two points at a time, got Depol.*average"
    for out in (None, tmp_path / "K.zarr"):
        with pytest.raises(ValueError, match=message):
            qk.gram_matrix(measured(qk.hardware.Depolarizing("average")), X, out=out)
    with pytest.raises(ValueError, match=message):
        qk.gram_chunked(measured(qk.hardware.Depolarizing("average")), X)
    kernel = measured(qk.hardware.Depolarizing("split"))
    points = X[:6]
    np.testing.assert_allclose(qk.gram_matrix(kernel, points, tile_size=4), kernel(points))


def test_progress_is_shown_when_asked_for(tmp_path, capsys):
    qk.gram_matrix(KERNEL, X, out=tmp_path / "K.zarr", tile_size=16, verbose=1)
    assert "6/6" in capsys.readouterr().err
    qk.gram_matrix(KERNEL, X, tile_size=16)
    assert capsys.readouterr().err == ""


# -- Kills

POINTS = np.random.default_rng(0).uniform(size=(400, 3))


def fill(path, tiles):
    """Fill a store, and tell of each tile before it is written."""
    compare = work.compare

    def announced(*arguments):
        tiles.send_bytes(b"tile")
        return compare(*arguments)

    work.compare = announced
    with contextlib.suppress(KeyboardInterrupt):
        qk.gram_matrix(KERNEL, POINTS, out=path, tile_size=16)


@needs_fork
@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on(signal_, tmp_path):
    """Killed at random moments, until it is complete: no tile is written twice or half."""
    path, random, seen, kills = tmp_path / "K.zarr", np.random.default_rng(int(signal_)), {}, 0
    while not path.exists() or GramStore.open(path).missing():
        tiles, theirs = get_context("fork").Pipe(duplex=False)
        child = get_context("fork").Process(target=fill, args=(path, theirs))
        child.start()
        theirs.close()
        with contextlib.suppress(EOFError):
            for _ in range(int(random.integers(0, 40))):
                tiles.recv_bytes()
            time.sleep(random.uniform(0, 0.01))
        os.kill(child.pid, signal_)
        child.join()
        kills += 1
        if path.exists():
            store = GramStore.open(path)
            done = set(store.manifest.grid.tiles()) - set(store.missing())
            files = {(i, j): path / "K" / "c" / str(i) / str(j) for i, j in done}
            times = {tile: file.stat().st_mtime_ns for tile, file in files.items()}
            assert {tile: times[tile] for tile in seen} == seen
            seen = times
    assert kills > 5
    assert store.verify() == []
    np.testing.assert_array_equal(store, qk.gram_matrix(KERNEL, POINTS, tile_size=16))


@needs_fork
def test_two_processes_on_one_store(tmp_path):
    path = tmp_path / "K.zarr"
    _, theirs = get_context("fork").Pipe(duplex=False)
    both = [get_context("fork").Process(target=fill, args=(path, theirs)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    store = GramStore.open(path)
    assert (store.progress, store.verify()) == (1, [])
    np.testing.assert_array_equal(store, qk.gram_matrix(KERNEL, POINTS, tile_size=16))
    assert os.listdir(tmp_path) == ["K.zarr"]
