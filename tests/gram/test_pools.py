"""Tiles by other processes: joblib's, executors', a Dask cluster's; workers that die."""

import contextlib
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from distributed import Client, LocalCluster
from sklearn.gaussian_process.kernels import RBF

import qkernels as qk
from qkernels.gram import GramStore, IncompleteGram
from qkernels.gram.pools import Executors
from qkernels.loops.jit import at_most_threads, thread_count

KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5)
X = np.random.default_rng(0).uniform(size=(60, 3))


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


def spawned(workers):
    # A forked process may hold locks of threads that did not come along.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


@pytest.fixture(params=["n_jobs", "threads", "processes", "dask", "dask's executor"])
def workers(request):
    """The arguments that name who computes."""
    if request.param == "n_jobs":
        yield {"n_jobs": 2}
    elif request.param == "threads":
        with ThreadPoolExecutor(2) as executor:
            yield {"executor": executor}
    elif request.param == "processes":
        with spawned(2) as executor:
            yield {"executor": executor}
    else:
        client = request.getfixturevalue("client")
        yield {"client": client} if request.param == "dask" else {"executor": client.get_executor()}


@pytest.mark.parametrize("kernel", [KERNEL, KERNEL**2 + RBF(0.5)], ids=["fidelity", "composite"])
def test_the_matrix_is_the_same_wherever_it_is_computed(kernel, workers, path):
    here = qk.gram_matrix(kernel, X, out=path, tile_size=16)
    there = qk.gram_matrix(kernel, X, out=path.with_name("there"), tile_size=16, **workers)
    np.testing.assert_array_equal(there, here)
    in_memory = qk.gram_matrix(kernel, X, tile_size=16, **workers)
    np.testing.assert_array_equal(in_memory, here)


def test_only_what_is_missing_is_computed(workers, path):
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=16)
    expected = np.asarray(store)
    files = [p for p in (path / "K" / "c").rglob("*") if p.is_file()]
    removed = path / "K" / "c" / "1" / "2"
    removed.unlink()
    times = {p: p.stat().st_mtime_ns for p in files if p != removed}
    np.testing.assert_array_equal(qk.gram_matrix(KERNEL, X, out=path, **workers), expected)
    changed = {p for p in times if p.stat().st_mtime_ns != times[p]}
    assert changed == {path / "K" / "c" / "2" / "1"}


class Failing(qk.FidelityKernel):
    """Compares nothing with the last points."""

    def compare(self, p, q=None, **options):
        if q is not None and len(q) == 60 % 16:
            raise RuntimeError("no such luck")
        return super().compare(p, q, **options)


class BrokenOnTheWay(Exception):
    """Cannot be unpickled."""

    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


class Odd(qk.FidelityKernel):
    """Raises what cannot go to another process."""

    def compare(self, p, q=None, **options):
        raise BrokenOnTheWay("no", "luck")


class Dying(qk.FidelityKernel):
    """Ends its process at the third tile."""

    seen = 0

    def compare(self, p, q=None, **options):
        Dying.seen += 1
        if Dying.seen == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compare(p, q, **options)


def test_an_error_of_a_tile_is_raised_whoever_computes(workers, path):
    for out in (path, None):
        with pytest.raises(RuntimeError, match="no such luck"):
            qk.gram_matrix(Failing(qk.feature_maps.zz), X, out=out, tile_size=16, **workers)
        with pytest.raises((RuntimeError, BrokenOnTheWay), match="no luck"):
            qk.gram_matrix(Odd(qk.feature_maps.zz), X, tile_size=16, **workers)
    assert GramStore.open(path).progress < 1


@pytest.mark.parametrize("kind", ["n_jobs", "executor"])
def test_processes_that_die_leave_a_store_that_goes_on(kind, path):
    kernel = Dying(qk.feature_maps.zz)
    message = r"expected 10 more tiles of .*, got \d as workers were lost: run again to go"
    with spawned(2) as executor:
        workers = {"n_jobs": 2} if kind == "n_jobs" else {"executor": executor}
        with pytest.raises(IncompleteGram, match=message):
            qk.gram_matrix(kernel, X, out=path, tile_size=16, **workers)
    Dying.seen = 10
    store = qk.gram_matrix(kernel, X, out=path, tile_size=16)
    np.testing.assert_allclose(store, kernel(X), atol=1e-12)


class Unknown(ThreadPoolExecutor):
    """Does not say how many workers it has."""

    def __init__(self):
        super().__init__(4)
        self._workers, self._max = 4, 4

    @property
    def _max_workers(self):
        return None if getattr(self, "_hidden", False) else 4

    @_max_workers.setter
    def _max_workers(self, number):
        pass


def test_executors_of_unknown_size_get_one_thread_a_call_and_many_calls():
    executor = Unknown()
    executor._hidden = True
    pool = Executors(executor)
    executor._hidden = False
    assert pool.threads == 1
    assert sorted(r for r, _ in pool.outcomes(abs, [(-k,) for k in range(2000)])) == [*range(2000)]


def test_workers_of_a_cluster_die(path):
    """One of two is killed as soon as it is there; what it had written is not written again."""
    expected = qk.gram_matrix(KERNEL, X, tile_size=4)
    kernel = Slow(qk.feature_maps.zz, bandwidth=0.5)
    store = GramStore.create(path, kernel, X, tile_size=4)
    killed, stop, seen = [], threading.Event(), []

    def kill():
        while not stop.wait(0.5):
            process = cluster.workers[0].process
            if process and process.pid:
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)
                seen.append(times(path))

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        thread = threading.Thread(target=kill)
        thread.start()
        for _ in range(20):
            with contextlib.suppress(IncompleteGram):
                store.fill(kernel, client=client)
                break
        stop.set()
        thread.join()
    assert killed
    assert store.progress == 1
    np.testing.assert_array_equal(store, expected)
    last = times(path)
    for written in seen:
        assert {file: last[file] for file in written} == written


def times(path):
    """Return when each tile that is there, with its mirror image, was written."""
    folder, found = path / "K" / "c", {}
    for i, j in np.ndindex(15, 15):
        if i <= j and (folder / str(i) / str(j)).exists():
            for file in (folder / str(i) / str(j), folder / str(j) / str(i)):
                found[file] = file.stat().st_mtime_ns
    return found


class Slow(qk.FidelityKernel):
    """Takes a while."""

    def compare(self, p, q=None, **options):
        time.sleep(0.02)
        return super().compare(p, q, **options)


def test_how_many_calls_wait_with_an_executor():
    running, most = set(), []

    def call(number):
        running.add(number)
        time.sleep(0.001)
        return number

    def calls():
        for number in range(50):
            most.append(number - len(done))
            yield (number,)

    done = []
    with ThreadPoolExecutor(2) as executor:
        for result, error in Executors(executor).outcomes(call, calls()):
            assert error is None
            done.append(result)
    assert sorted(done) == list(range(50))
    assert max(most) <= 6


def test_threads_are_shared_among_processes():
    assert Executors(ThreadPoolExecutor(2)).threads == max(1, thread_count() // 2)
    with at_most_threads(1):
        assert thread_count() == 1
    with at_most_threads(None):
        assert thread_count() == int(thread_count())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_jobs": 0}, ValueError, "n_jobs: expected an integer other than 0, got 0"),
        ({"n_jobs": "2"}, TypeError, "n_jobs: expected an integer or None, got '2'"),
        ({"n_jobs": True}, TypeError, "n_jobs: expected an integer or None, got True"),
        ({"client": "tcp://host:8786"}, TypeError, "client: expected a distributed.Client, got 't"),
        ({"executor": 4}, TypeError, "executor: expected a concurrent.futures.Executor, got 4"),
        (
            {"n_jobs": 2, "executor": 4},
            ValueError,
            r"expected at most one of n_jobs, client and executor, got \['n_jobs', 'executor'\]",
        ),
    ],
)
def test_workers_that_are_none(options, error, message, path):
    with pytest.raises(error, match=message):
        qk.gram_matrix(KERNEL, X, out=path, **options)
    assert not path.exists()
