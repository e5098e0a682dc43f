"""Where tiles are computed: in this process, by joblib, by an executor, or on a Dask cluster.

What lives here: one small class for each, which takes calls, a few at a time, and yields what came
of each as it ends. What is called is the business of `work`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import joblib

from qkernels.loops.jit import thread_count

Call = tuple[Any, ...]
# What came of a call, or the error that it ended with.
Outcome = tuple[Any, BaseException | None]
# Calls that wait with each worker, so that none idles.
_AHEAD = 3


class Pool(Protocol):
    """Makes calls somewhere."""

    @property
    def threads(self) -> int | None:
        """How many threads each call may use; None for all."""

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield what comes of each call, in whatever order they end."""


def chosen_pool(n_jobs: Any = None, client: Any = None, executor: Any = None) -> Pool:
    """Return the pool that was asked for.

    Raises
    ------
    TypeError, ValueError
        If more than one was asked for, or one is not what it should be.
    """
    given = {"n_jobs": n_jobs, "client": client, "executor": executor}
    if len(named := [name for name, value in given.items() if value is not None]) > 1:
        raise ValueError(f"expected at most one of n_jobs, client and executor, got {named}")
    if client is not None:
        return Dask(client)
    if executor is not None:
        return Executors(executor)
    return Here() if n_jobs is None else Joblib(n_jobs)


class Here:
    """The calling process: two calls at a time, so that one computes while another is written."""

    threads = None

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results; the first error ends it."""
        with ThreadPoolExecutor(2) as threads:
            for result, error in Executors(threads).outcomes(function, calls):
                if error is not None:
                    raise error
                yield result, None


class Joblib:
    """Processes of `joblib.Parallel`."""

    def __init__(self, n_jobs: int) -> None:
        if isinstance(n_jobs, bool) or not isinstance(n_jobs, int):
            raise TypeError(f"n_jobs: expected an integer or None, got {n_jobs!r}")
        if n_jobs == 0:
            raise ValueError("n_jobs: expected an integer other than 0, got 0")
        self._n_jobs = n_jobs
        self.threads = max(1, thread_count() // joblib.effective_n_jobs(n_jobs))

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results; the first error ends it."""
        parallel = joblib.Parallel(self._n_jobs, return_as="generator_unordered", batch_size=1)
        for result in parallel(joblib.delayed(function)(*call) for call in calls):
            yield result, None


class Executors:
    """Any `concurrent.futures.Executor`."""

    def __init__(self, executor: Executor) -> None:
        if not isinstance(executor, Executor):
            raise TypeError(f"executor: expected a concurrent.futures.Executor, got {executor!r}")
        self._executor = executor
        self._workers = getattr(executor, "_max_workers", None) or 1
        self.threads = max(1, thread_count() // self._workers)

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results and errors."""
        waiting, running = iter(calls), set[Future]()
        try:
            while True:
                room = range(_AHEAD * self._workers - len(running))
                for _, call in zip(room, waiting, strict=False):
                    running.add(self._executor.submit(function, *call))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from map(_outcome, done)
        finally:
            for future in running:
                future.cancel()


class Dask:
    """A cluster, by its `distributed.Client`."""

    # Dask gives each thread of a worker a task.
    threads = 1

    def __init__(self, client: Any) -> None:
        if not (hasattr(client, "submit") and hasattr(client, "scheduler")):
            raise TypeError(f"client: expected a distributed.Client, got {client!r}")
        self._client = client

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results and errors.

        Each result is let go of as it comes: what a lost worker held would be computed again.
        """
        from distributed import as_completed

        futures = [self._client.submit(function, *call, pure=False) for call in calls]
        waiting = set(futures)
        try:
            for future in as_completed(futures):
                waiting.discard(future)
                yield _outcome(future)
                future.release()
        finally:
            self._client.cancel(list(waiting))


def _outcome(future: Any) -> Outcome:
    try:
        return future.result(), None
    except Exception as error:
        return None, error
