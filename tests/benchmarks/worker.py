"""The process of one package: it receives points, computes, times inside itself, and answers.

One process a package, because the thread pools of several packages in one process spin on each
other's cores. Nothing heavy is imported here: the package is, when its first work arrives.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from .peers import PEERS
from .peers.base import Job, Peer
from .works import Work


@dataclass(frozen=True)
class Order:
    """A request.

    Parameters
    ----------
    work : Work
        What to compute.
    X : ndarray of shape (n_points, n_qubits)
        The points.
    rows : ndarray of int, optional
        Rows and columns of the result to show.
    others : ndarray of shape (n_points, n_qubits), optional
        Points to compute first, uncounted: while others had their turns, this package's threads
        fell asleep and its memory left the cache.
    """

    work: Work
    X: np.ndarray
    rows: np.ndarray | None = None
    others: np.ndarray | None = None


@dataclass(frozen=True)
class Answer:
    """What came of an order.

    Parameters
    ----------
    seconds : float
        The time of the computation.
    preparing : float
        The time of the imports and constructions before it; 0 unless the work was new.
    block : ndarray or None
        The part of the result that was asked for.
    error : str
        What went wrong, or nothing.
    """

    seconds: float = float("nan")
    preparing: float = 0.0
    block: np.ndarray | None = None
    error: str = ""


def serve(connection: Connection, key: str, log: str, processors: frozenset[int]) -> None:
    """Answer orders for the package `key` until None comes.

    Parameters
    ----------
    connection : Connection
        Orders come in, answers go out.
    key : str
        A key of `PEERS`.
    log : str
        The file that takes what the package prints.
    processors : frozenset of int
        The processors it may use; empty for all. Environment variables bound the pools that read
        them, this bounds the others.
    """
    _print_into(log)
    if processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)
    station = Station(PEERS[key])
    while (order := connection.recv()) is not None:
        connection.send(station.answer(order))


class Station:
    """A package with the job it is at.

    Parameters
    ----------
    peer : Peer
        The package.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._work: Work | None = None
        self._job: Job | None = None

    def answer(self, order: Order) -> Answer:
        """Compute one order; whatever the package raises becomes the answer's error."""
        try:
            preparing = self._prepare(order.work)
            return self._compute(order, preparing)
        except Exception as error:
            traceback.print_exc()
            return Answer(error=_one_line(error))

    def _prepare(self, work: Work) -> float:
        if work == self._work:
            return 0.0
        self._work = self._job = None  # gives memory back before the next work takes some
        start = time.perf_counter()
        self._job = self._peer.prepare(work)
        self._work = work
        return time.perf_counter() - start

    def _compute(self, order: Order, preparing: float) -> Answer:
        job = self._job
        if order.others is not None:
            job.run(job.load(order.others))
        loaded = job.load(order.X)
        start = time.perf_counter()
        result = job.run(loaded)
        seconds = time.perf_counter() - start
        shown = order.rows is not None and job.block is not None
        block = np.array(job.block(result, order.rows), dtype=float) if shown else None
        return Answer(seconds, preparing, block)


def _print_into(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _one_line(error: Any) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else text[:297] + "..."
