"""Takes turns: starts one process a package, hands out points, and gathers the times.

A work goes in three steps. Every package computes a small version, and those that do not agree
with the reference leave. Every package makes a first call at full size, which is not counted, and
whose result is compared again. Then rounds follow, in which each package has one turn with the
points of that round, strictly one after the other. A turn of a fast package begins with an
uncounted call on other points.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import outcomes, reference, works
from .outcomes import Outcome, Record
from .peers import PEERS
from .quiet import Watch
from .worker import Answer, Order, serve
from .works import Work

_POOLS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "QULACS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "NPROC",
)
# Seconds: idle threads of the package before keep a core busy for some hundredths of one.
_PAUSE = 0.15
# Seconds below which a call is disturbed by what the package before left behind.
_FAST = 0.5


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Parameters
    ----------
    threads : int
        Threads, and processors, that each package may use.
    repetitions : int
        Rounds of a work.
    budget : float
        Seconds that a package may spend on one work after its first call; at least one turn
        is taken all the same.
    limit : float
        Seconds after which a call is given up.
    output : Path
        The directory that takes what the packages print.
    """

    threads: int
    repetitions: int
    budget: float
    limit: float
    output: Path


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment that bounds the packages' thread pools."""
    eigen = "true" if threads > 1 else "false"
    flags = f"--xla_cpu_multi_thread_eigen={eigen} intra_op_parallelism_threads={threads}"
    fixed = {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "QISKIT_PARALLEL": "FALSE"}
    return {name: str(threads) for name in _POOLS} | fixed


class Team:
    """The processes of some packages, started when they are first needed.

    Use it as a context manager; on leaving it ends the processes.

    Parameters
    ----------
    settings : Settings
        How to measure.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers: dict[str, _Worker] = {}
        self.watch = Watch()

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._workers):
            self.dismiss(key)

    def ask(self, key: str, order: Order) -> Answer:
        """Hand an order to one package and wait for its answer, an error at worst."""
        self.watch.pause(_PAUSE)
        if key not in self._workers:
            self._workers[key] = _Worker(key, self._settings)
        answer = self._workers[key].ask(order, self._settings.limit)
        if not self._workers[key].alive():
            self.dismiss(key)
        return answer

    def dismiss(self, key: str) -> None:
        """End the process of one package."""
        worker = self._workers.pop(key, None)
        if worker is not None:
            worker.end()


class _Worker:
    def __init__(self, key: str, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        log = str(settings.output / f"{key}.log")
        arguments = (theirs, key, log, _processors(settings.threads))
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        with _environment(thread_variables(settings.threads) | PEERS[key].variables):
            self._process.start()
        theirs.close()

    def ask(self, order: Order, limit: float) -> Answer:
        try:
            self._connection.send(order)
            if self._connection.poll(limit):
                return self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            return Answer(error=f"the process ended with exit code {self._process.exitcode}")
        self._process.kill()
        self._process.join()
        return Answer(seconds=float("inf"))

    def alive(self) -> bool:
        return self._process.is_alive()

    def end(self) -> None:
        if self._process.is_alive():
            self._connection.send(None)
            self._process.join(5)
            self._process.kill()
        self._process.join()
        self._connection.close()


def check(team: Team, keys: list[str], chosen: list[Work]) -> list[Outcome]:
    """Compare all packages with the reference on a small version of each kind of work.

    Parameters
    ----------
    team : Team
        The processes.
    keys : list of str
        Packages; those not installed are recorded as such.
    chosen : list of Work
        The works to come.

    Returns
    -------
    list of Outcome
        One for each kind, with deviations and without times.
    """
    kinds = dict.fromkeys(works.small(work) for work in chosen)
    return [
        Outcome(work, [_first_call(team, key, work) for key in _supporting(keys, work)])
        for work in kinds
    ]


def measure(
    team: Team, keys: list[str], work: Work, settings: Settings, checked: list[Outcome]
) -> Outcome:
    """Time all packages on one work.

    Parameters
    ----------
    team : Team
        The processes.
    keys : list of str
        Packages, in the order in which they take turns.
    work : Work
        What to compute.
    settings : Settings
        How often, and for how long.
    checked : list of Outcome
        What `check` returned; who had trouble there is not timed here.

    Returns
    -------
    Outcome
        A record for each package that supports the work.
    """
    known = trouble(checked, works.small(work))
    records = [
        replace(known[key]) if key in known else _first_call(team, key, work)
        for key in _supporting(keys, work)
    ]
    for record in records:
        _count_first_call_if_slow(record, settings)
    for repetition in range(1, settings.repetitions + 1):
        X = works.points(work, repetition)
        for record in records:
            if _takes_part(record, repetition, settings):
                _take_turn(team, record, work, X)
    return Outcome(work, records, team.watch.take())


def measure_growth(
    team: Team, keys: list[str], series: list[Work], settings: Settings, checked: list[Outcome]
) -> Iterator[Outcome]:
    """Time packages on works of growing size, each until it has trouble or hits the time limit.

    Parameters
    ----------
    team, keys, settings, checked
        As for `measure`.
    series : list of Work
        The works, the smallest first.

    Yields
    ------
    Outcome
        One for each work.
    """
    for work in series:
        outcome = measure(team, keys, work, settings, checked)
        yield outcome
        keys = [key for key in keys if outcome.of(key)]


def trouble(outcomes_: list[Outcome], work: Work) -> dict[str, Record]:
    """Return the records without times that packages have for one work."""
    records = (r for outcome in outcomes_ if outcome.work == work for r in outcome.records)
    return {record.peer: record for record in records if record.status != outcomes.TIMED}


def _first_call(team: Team, key: str, work: Work) -> Record:
    peer = PEERS[key]
    if not peer.installed():
        return Record(key, outcomes.NOT_INSTALLED)
    X = works.points(work, 0)[: peer.most_points]
    rows = _rows(len(X), work.n_qubits)
    answer = team.ask(key, Order(work, X, rows))
    record = Record(key, preparing=answer.preparing, first=answer.seconds, n_points=len(X))
    if not _note_trouble(record, answer) and answer.block is not None:
        record.deviation = outcomes.deviation(answer.block, reference.matrix(work, X[rows]))
        if not record.deviation <= peer.tolerance:
            record.status = outcomes.DISAGREES
            record.error = f"by {record.deviation:.1e}, allowed are {peer.tolerance:.0e}"
    return record


def _count_first_call_if_slow(record: Record, settings: Settings) -> None:
    """Let a first call that used up the budget stand as the only time, unless it compiled."""
    slow = record.first > settings.budget and not PEERS[record.peer].compiles
    if record.status == outcomes.TIMED and slow:
        record.seconds, record.warmed = [record.first], False


def _takes_part(record: Record, repetition: int, settings: Settings) -> bool:
    if record.status != outcomes.TIMED or not record.warmed:
        return False
    if repetition == 1:
        return True
    # Who missed a round stays out, so that times and rounds stay aligned.
    every = len(record.seconds) == repetition - 1
    return every and sum(record.seconds) + record.seconds[-1] <= settings.budget


def _take_turn(team: Team, record: Record, work: Work, X: np.ndarray) -> None:
    most = PEERS[record.peer].most_points
    others = works.points(work, -1)[:most] if _is_fast(record) else None
    answer = team.ask(record.peer, Order(work, X[:most], others=others))
    if not _note_trouble(record, answer):
        record.seconds.append(answer.seconds)


def _is_fast(record: Record) -> bool:
    if record.seconds:
        return record.seconds[-1] < _FAST
    return record.first < _FAST or PEERS[record.peer].compiles


def _note_trouble(record: Record, answer: Answer) -> bool:
    if answer.error:
        record.status, record.error = outcomes.FAILED, answer.error
    elif answer.seconds == float("inf"):
        record.status = outcomes.TOO_SLOW
    return record.status != outcomes.TIMED


def _supporting(keys: list[str], work: Work) -> list[str]:
    return [key for key in keys if PEERS[key].supports(work)]


def _rows(n_points: int, n_qubits: int) -> np.ndarray:
    """Return the rows whose block is compared: the first, the last, and some between."""
    return np.unique(np.linspace(0, n_points - 1, 8 if n_qubits <= 14 else 3).astype(int))


def _processors(threads: int) -> frozenset[int]:
    if not hasattr(os, "sched_getaffinity"):
        return frozenset()
    return frozenset(sorted(os.sched_getaffinity(0))[:threads])


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
