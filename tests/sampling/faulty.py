"""A service that is paid for, backends that fail, and processes that are killed.

What lives here: `Service`, which keeps what it sold in a file of its own, `PaidBackend` and
`PaidSampler`, which sell from it, `FaultyBackend`, which fails on the way, and `forked`, which
runs a function in a process that may be killed at any step.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import pickle
import select
import signal
import sqlite3
from collections import Counter

import cirq
import numpy as np
import sympy

from qkernels.sampling.backends import Chunk
from qkernels.sampling.counts import Counts
from qkernels.sampling.execution import Execution
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.programs import canonical_program
from qkernels.sampling.requests import request_points

# Generous: these machines may be busy.
SECONDS = 120
N_BITS = 3
QUBITS = cirq.LineQubit.range(N_BITS)
PROGRAM, _ = canonical_program(
    cirq.Circuit(
        [cirq.X(q) ** a for q, a in zip(QUBITS, sympy.symbols("a b c"), strict=True)],
        cirq.measure(*QUBITS, key="m"),
    )
)
_connect = sqlite3.connect


def request(n_points, repetitions=10, seed=0):
    """Return so many points of PROGRAM."""
    values = np.random.default_rng(seed).uniform(0, 3, size=(n_points, N_BITS))
    return request_points(PROGRAM, values, np.full(n_points, repetitions))


def answer(values, repetitions):
    """Return rows of bits that only this point gives, but for a coincidence."""
    digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()
    return np.random.default_rng(list(digest)).integers(0, 2, (repetitions, N_BITS), dtype=np.uint8)


def values_of(sweep):
    return [tuple(resolver.param_dict.values()) for resolver in sweep]


class Service:
    """Sells repetitions of points, and survives all who buy from it."""

    def __init__(self, path):
        self.path = path
        with self._open() as run:
            run("CREATE TABLE IF NOT EXISTS sales (token TEXT PRIMARY KEY, content BLOB)")

    @contextlib.contextmanager
    def _open(self):
        # For each call anew: a connection must not be carried into another process.
        with contextlib.closing(_connect(self.path, timeout=SECONDS)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            yield connection.execute

    def sell(self, token, chunk):
        """Take what is asked for; the same token twice is an error."""
        content = pickle.dumps((values_of(chunk.sweep), int(chunk.repetitions)))
        with self._open() as run:
            run("INSERT INTO sales VALUES (?, ?)", (token, content))

    def sales(self):
        """Return points and repetitions by token, in the order in which they were bought."""
        with self._open() as run:
            rows = run("SELECT token, content FROM sales ORDER BY rowid").fetchall()
        return {token: pickle.loads(content) for token, content in rows}

    def sold(self):
        """Return how many repetitions of each point were sold."""
        total = Counter()
        for points, repetitions in self.sales().values():
            total.update(dict.fromkeys(points, repetitions))
        return total

    def results(self, token):
        points, repetitions = self.sales()[token]
        return [
            cirq.ResultDict(records={"m": answer(point, repetitions)[:, np.newaxis]})
            for point in points
        ]


class PaidBackend:
    """A queue that keeps what was submitted, and finds it by its token."""

    identity = "paid"

    def __init__(self, service):
        self.service = service

    def submit(self, chunk, token):
        self.service.sell(token, chunk)
        return f"job-{token}"

    def status(self, reference):
        if reference.removeprefix("job-") not in self.service.sales():
            raise LookupError(f"no job {reference}")
        return "done"

    def fetch(self, reference):
        return self.service.results(reference.removeprefix("job-"))

    def lookup(self, token):
        return f"job-{token}" if token in self.service.sales() else None


class PaidSampler(cirq.Sampler):
    """A bare sampler that is paid for."""

    def __init__(self, service):
        self.service = service

    def run_sweep(self, program, params, repetitions=1):
        token = os.urandom(8).hex()
        chunk = Chunk(program, params, repetitions)
        self.service.sell(token, chunk)
        return self.service.results(token)


class FaultyBackend(PaidBackend):
    """Fails as it is told to.

    Parameters
    ----------
    before, after : dict of str to list
        For each method, what is raised in its first calls before, or after, the service is asked;
        None is a call that goes well. What stands at the end of a list that ends with `...` is
        raised for good.
    distort : callable, optional
        What becomes of results.
    """

    def __init__(self, service, *, before=None, after=None, distort=list):
        super().__init__(service)
        self.faults = {"before": before or {}, "after": after or {}}
        self.distort = distort
        self.calls = Counter()

    def _call(self, name, *arguments):
        self.calls[name] += 1
        self._fail("before", name)
        found = getattr(super(), name)(*arguments)
        self._fail("after", name)
        return found

    def _fail(self, when, name):
        faults = self.faults[when].get(name, [])
        if faults:
            fault = faults[0] if faults[1:] == [...] else faults.pop(0)
            if fault is not None:
                raise fault

    def submit(self, chunk, token):
        return self._call("submit", chunk, token)

    def status(self, reference):
        return self._call("status", reference)

    def fetch(self, reference):
        return self.distort(self._call("fetch", reference))

    def lookup(self, token):
        return self._call("lookup", token)


def assert_bought_once(ledger, service, wanted):
    """Check that each point was sold as often as it was wanted, and that all counts are here."""
    points = [tuple(row) for row in wanted.values().tolist()]
    assert service.sold() == dict(zip(points, wanted.repetitions.tolist(), strict=True))
    assert_counts(ledger, service, wanted)


def assert_counts(ledger, service, wanted, identity="paid"):
    """Check that the counts of each point are all those that the service gave of it."""
    given = {}
    for points, repetitions in service.sales().values():
        for point in points:
            given.setdefault(point, []).append(Counts.from_bits(answer(point, repetitions)))
    found = ledger.parts(wanted.keys(identity), N_BITS)
    for point, parts in zip(wanted.values().tolist(), found, strict=True):
        assert contents(parts) == contents(given[tuple(point)])


def contents(parts):
    return sorted(map(Counts.to_bytes, parts))


def buy(ledger, backend, wanted, **options):
    """Buy what a ledger lacks, and return it."""
    ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
    Execution(ledger, backend, **options).buy(wanted)
    return ledger


# -- Processes that are killed


class _SteppedConnection(sqlite3.Connection):
    """Has a step before each statement that changes the file.

    It does not wait for the disk, which outlives a process anyway.
    """

    def execute(self, statement, *arguments):
        if statement.startswith(("CREATE TABLE", "CREATE INDEX", "INSERT", "UPDATE", "COMMIT")):
            _step()
        return super().execute(statement.replace("= FULL", "= OFF"), *arguments)

    def executemany(self, statement, *arguments):
        if "wanted" not in statement:
            _step()
        return super().executemany(statement, *arguments)


class SteppedBackend(PaidBackend):
    """A paid backend each of whose calls has a step before and after it."""

    def submit(self, chunk, token):
        _step()
        reference = super().submit(chunk, token)
        _step()
        return reference

    def fetch(self, reference):
        _step()
        results = super().fetch(reference)
        _step()
        return results


class SteppedSampler(PaidSampler):
    """A bare sampler with a step before and after it is paid."""

    def run_sweep(self, program, params, repetitions=1):
        _step()
        results = super().run_sweep(program, params, repetitions)
        _step()
        return results


_steps = _last = 0


def _step():
    global _steps
    _steps += 1
    if _steps == _last:
        os.kill(os.getpid(), signal.SIGKILL)


def steps():
    """Return how many steps this process has taken."""
    return _steps


class Child:
    """A function in a forked process, which is killed before its `last`-th step if it takes it."""

    def __init__(self, function, *arguments, last=0):
        receiver, sender = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(receiver)
            _run(sender, function, arguments, last)
        os.close(sender)
        self._receiver = receiver

    def kill(self, after):
        """Kill it after some seconds, or when it is done."""
        select.select([self._receiver], [], [], after)
        os.kill(self._pid, signal.SIGKILL)

    def result(self):
        """Return what the function returns, raise what it raises; None if it was killed."""
        with os.fdopen(self._receiver, "rb") as receiver:
            content = receiver.read()
        _, status = os.waitpid(self._pid, 0)
        if not content:
            assert os.WTERMSIG(status) == signal.SIGKILL, "hung"
            return None
        found, error = pickle.loads(content)
        if error is not None:
            raise error
        return found


def _run(sender, function, arguments, last):
    """Run a function, send what came of it, and end this process."""
    global _steps, _last
    try:
        gc.disable()  # It would write to each page of memory, and so copy it.
        signal.alarm(SECONDS)
        _steps, _last = 0, last
        try:
            content = (function(*arguments), None)
        except BaseException as error:
            content = (None, error)
        with os.fdopen(sender, "wb") as pipe:
            pipe.write(pickle.dumps(content))
    finally:
        os._exit(0)


class SteppedSQLite:
    """The module sqlite3, with connections that count; to be put in the place of a database's."""

    def __getattr__(self, name):
        return getattr(sqlite3, name)

    def connect(self, *arguments, **options):
        return _connect(*arguments, factory=_SteppedConnection, **options)
