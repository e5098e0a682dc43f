"""Where tiles are computed: in this process, by joblib, by an executor, or on a Dask cluster.

What lives here: one small class for each, which takes calls, a few at a time, and yields what came
of each as it ends. What is called is the business of `work`.
"""

from __future__ import annotations

import contextlib
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from typing import Any

import joblib
import numpy as np

from qkernels.loops.jit import thread_count

Call = tuple[Any, ...]
# What came of a call, or the error that says that its worker was lost.
Outcome = tuple[Any, BaseException | None]
# Calls that wait with each worker, so that none idles; with all, if their number is not known.
_AHEAD, _AHEAD_OF_ALL = 3, 1000


class Pool(ABC):
    """Makes calls somewhere.

    Attributes
    ----------
    threads : int or None
        How many threads each call may use; None for all.
    """

    threads: int | None = None

    @abstractmethod
    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield what comes of each call, in whatever order they end; the first error ends it."""

    def everywhere(self, function: Callable) -> None:
        """Call a function in all processes that can be told apart; here, in this one."""
        function()


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


class Here(Pool):
    """The calling process: two calls at a time, so that one computes while another is written."""

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results."""
        with ThreadPoolExecutor(2) as threads:
            for future in _as_they_end(threads, function, calls, ahead=_AHEAD * 2):
                yield future.result(), None


class Joblib(Pool):
    """Processes of `joblib.Parallel`."""

    def __init__(self, n_jobs: int) -> None:
        if isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer):
            raise TypeError(f"n_jobs: expected an integer or None, got {n_jobs!r}")
        if n_jobs == 0:
            raise ValueError("n_jobs: expected an integer other than 0, got 0")
        self._n_jobs = int(n_jobs)
        self.threads = max(1, thread_count() // joblib.effective_n_jobs(self._n_jobs))

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results; a lost process loses all that wait."""
        parallel = joblib.Parallel(self._n_jobs, return_as="generator_unordered", batch_size=1)
        tasks = (joblib.delayed(_guarded)(function, call) for call in calls)
        try:
            for outcome in parallel(tasks):
                yield _result(outcome), None
        except BrokenExecutor as error:
            yield None, error


class Executors(Pool):
    """Any `concurrent.futures.Executor`."""

    def __init__(self, executor: Executor) -> None:
        if not isinstance(executor, Executor):
            raise TypeError(f"executor: expected a concurrent.futures.Executor, got {executor!r}")
        self._executor = executor
        known = (getattr(executor, name, None) for name in ("_max_workers", "num_workers"))
        workers = next((number for number in known if isinstance(number, int)), None)
        self._ahead = _AHEAD * workers if workers else _AHEAD_OF_ALL
        self.threads = max(1, thread_count() // workers) if workers else 1

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results; a lost process loses all that wait."""
        guarded = ((function, call) for call in calls)
        try:
            yield from map(_outcome, _as_they_end(self._executor, _guarded, guarded, self._ahead))
        except BrokenExecutor as error:
            yield None, error


class Dask(Pool):
    """A cluster, by its `distributed.Client`."""

    # Dask gives each thread of a worker a task.
    threads = 1

    def __init__(self, client: Any) -> None:
        if not (hasattr(client, "submit") and hasattr(client, "scheduler")):
            raise TypeError(f"client: expected a distributed.Client, got {client!r}")
        self._client = client

    def outcomes(self, function: Callable, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Yield results, and the errors of tasks whose workers were lost.

        Each result is let go of as it comes: what a lost worker held would be computed again.
        """
        from distributed import as_completed

        futures = [self._client.submit(_guarded, function, call, pure=False) for call in calls]
        waiting = set(futures)
        try:
            for future in as_completed(futures):
                waiting.discard(future)
                yield _outcome(future)
                future.release()
        finally:
            self._client.cancel(list(waiting))

    def everywhere(self, function: Callable) -> None:
        """Call a function on all workers, and in this process."""
        function()
        with contextlib.suppress(Exception):
            self._client.run(function)


def _as_they_end(
    executor: Executor, function: Callable, calls: Iterable[Call], ahead: int
) -> Iterator[Future]:
    """Yield the futures of calls as they end, with so many submitted at a time."""
    waiting, running = iter(calls), set[Future]()
    try:
        while True:
            for _, call in zip(range(ahead - len(running)), waiting, strict=False):
                running.add(executor.submit(function, *call))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from done
    finally:
        for future in running:
            future.cancel()


def _guarded(function: Callable, call: Call) -> tuple[Any, Exception | None]:
    """Return a result or an error that can go to another process: some break the way there."""
    try:
        return function(*call), None
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            return None, RuntimeError(f"{type(error).__name__}: {error}")
        return None, error


def _result(outcome: tuple[Any, Exception | None]) -> Any:
    result, error = outcome
    if error is not None:
        raise error
    return result


def _outcome(future: Any) -> Outcome:
    """Return what came of a call; raise its error, but for that of a lost worker."""
    try:
        outcome = future.result()
    except (Exception, CancelledError) as error:
        is_lost = isinstance(error, BrokenExecutor | CancelledError)
        if not is_lost and not type(error).__module__.startswith("distributed."):
            raise
        return None, error
    return _result(outcome), None
