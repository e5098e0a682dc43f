"""A process that is killed at any moment: nothing is bought twice, and no count is lost."""

import contextlib
import itertools
import os
import shutil
import signal
import sqlite3
from collections import Counter

import numpy as np
import pytest

from qkernels.sampling import database, execution
from qkernels.sampling.backends import SamplerBackend
from qkernels.sampling.counts import Counts
from qkernels.sampling.database import _databases
from qkernels.sampling.execution import Execution, UnknownSubmission
from qkernels.sampling.ledger import Ledger
from tests.sampling.faulty import (
    N_BITS,
    Child,
    Service,
    SteppedBackend,
    SteppedSampler,
    SteppedSQLite,
    answer,
    assert_bought_once,
    buy,
    contents,
    request,
    steps,
)

pytestmark = [
    pytest.mark.forks,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
WANTED = request(4)
N_KILLS = 200


@pytest.fixture(autouse=True)
def counted_and_fast(monkeypatch):
    monkeypatch.setattr(execution, "_ARRIVAL_WAITS", (0.001,))
    monkeypatch.setattr(execution, "_FIRST_LOOK", 0.001)
    monkeypatch.setattr(database, "sqlite3", SteppedSQLite())


@pytest.fixture
def empty(tmp_path):
    """A ledger in which nothing is written yet."""
    path = tmp_path / "empty.db"
    Ledger(path)
    _databases.pop(path).close()
    return path


def paid(service):
    return SteppedBackend(service)


def bare(service):
    return SamplerBackend(SteppedSampler(service), identity="paid")


def run(path, backend, wanted=WANTED):
    """Buy, and return how many steps it took."""
    buy(path, backend, wanted, points_per_chunk=2)
    return steps()


def resume(path, backend, wanted=WANTED):
    """Go on, as one does who is told that a submission is unknown; return how many were."""
    ledger = path if isinstance(path, Ledger) else Ledger(path)
    run = Execution(ledger, backend, points_per_chunk=2)
    try:
        run.buy(wanted)
    except UnknownSubmission as error:
        (submission,) = error.submissions
        run.resolve(submission.number, "resubmit")
        run.buy(wanted)
        return ledger, 1
    return ledger, 0


def states(path):
    """Return in which states a ledger's submissions are, without touching it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM submissions")]


def killed_at_every_step(tmp_path, empty, backend):
    """Yield a ledger and its service after a kill before each step of a run."""
    last = None
    for step in itertools.count(1):
        path, service = tmp_path / f"{step}.db", Service(tmp_path / f"{step}")
        shutil.copy(empty, path)
        last = Child(run, path, backend(service), last=step).result()
        if last is not None:
            break
        yield path, service
        path.unlink()
    assert last == step - 1


def test_killed_at_every_step(tmp_path, empty):
    seen = Counter()
    for path, service in killed_at_every_step(tmp_path, empty, paid):
        before = Counter(states(path))
        seen.update(before.keys())
        arrived = len(service.sales())
        ledger, unknown = resume(path, paid(service))
        assert_bought_once(ledger, service, WANTED)
        # Only what never arrived is planned anew.
        assert ledger.summary().submissions["failed"] == before.total() - max(
            before["done"] + before["submitted"], arrived
        )
        assert not unknown
    assert seen.keys() == {"planned", "submitting", "submitted", "done"}


def test_bare_sampler_killed_at_every_step(tmp_path, empty):
    seen = Counter()
    for path, service in killed_at_every_step(tmp_path, empty, bare):
        before, paid_for = Counter(states(path)), len(service.sales())
        ledger, unknown = resume(path, bare(service))
        # What was sold and not kept is bought again, because we said so.
        assert unknown == before["submitting"] + before["submitted"] <= 1
        assert len(service.sales()) == 2 + paid_for - before["done"]
        assert paid_for - before["done"] <= unknown
        assert_kept(ledger, service)
        seen.update(before.keys())
    assert seen.keys() == {"planned", "submitting", "submitted", "done"}


def assert_kept(ledger, service):
    """Check that each point has its counts, once."""
    found = ledger.parts(WANTED.keys("paid"), N_BITS)
    for point, parts in zip(WANTED.values(), found, strict=True):
        assert contents(parts) == contents([Counts.from_bits(answer(point, 10))])


def test_killed_while_the_ledger_is_made(tmp_path):
    made = Child(lambda: Ledger(tmp_path / "whole.db") and steps()).result()
    for step in range(1, made + 1):
        path = tmp_path / f"{step}.db"
        assert Child(Ledger, path, last=step).result() is None
        ledger = buy(path, bare(Service(tmp_path / f"{step}")), WANTED)
        assert ledger.summary().points == len(WANTED)
    assert made > 10


def killed_at_random_moments(function, path, backend, n_kills):
    """Kill a run so often, each time it is done one more repetition; return what was wanted."""
    rng, kills, rounds = np.random.default_rng(0), 0, 1
    while kills < n_kills:
        child = Child(function, path, backend, request(12, rounds))
        child.kill(rng.uniform(0, 0.05))
        if child.result() is None:
            kills += 1
        else:
            rounds += 1
    return request(12, rounds)


def test_killed_at_random_moments(tmp_path):
    path, service = tmp_path / "ledger.db", Service(tmp_path / "service")
    wanted = killed_at_random_moments(run, path, paid(service), N_KILLS)
    ledger, unknown = resume(path, paid(service), wanted)
    assert not unknown
    assert_bought_once(ledger, service, wanted)


def test_bare_sampler_killed_at_random_moments(tmp_path):
    path, service, n_kills = tmp_path / "ledger.db", Service(tmp_path / "service"), N_KILLS // 4
    wanted = killed_at_random_moments(resume, path, bare(service), n_kills)
    ledger, _ = resume(path, bare(service), wanted)
    done = ledger.submissions("done")
    assert len(done) == 6 * wanted.repetitions[0]
    # What was sold and is not here was in the call that was killed.
    assert len(done) <= len(service.sales()) <= len(done) + n_kills
    for parts in ledger.parts(wanted.keys("paid"), N_BITS):
        assert sum(counts.repetitions for counts in parts) == wanted.repetitions[0]


# -- Ctrl-C, after which the process goes on


@pytest.fixture
def alarm():
    """Interrupts after some seconds, as Ctrl-C does."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def interrupted_at_random_moments(function, path, backend, alarm, n_interrupts):
    """Interrupt a run so often, each time it is done one more repetition; return the wanted."""
    rng, interrupts, rounds = np.random.default_rng(0), 0, 1
    while interrupts < n_interrupts:
        try:
            alarm(rng.uniform(0.0001, 0.03))
            function(path, backend, request(12, rounds))
            alarm(0)
            rounds += 1
        except KeyboardInterrupt:
            interrupts += 1
    return request(12, rounds)


@pytest.mark.parametrize("in_file", [True, False])
def test_interrupted_at_random_moments(tmp_path, alarm, in_file):
    ledger = Ledger(tmp_path / "ledger.db" if in_file else None)
    service = Service(tmp_path / "service")
    wanted = interrupted_at_random_moments(run, ledger, paid(service), alarm, N_KILLS)
    resume(ledger, paid(service), wanted)
    assert_bought_once(ledger, service, wanted)
    with sqlite3.connect(tmp_path / "ledger.db", timeout=0) as other:
        other.execute("BEGIN IMMEDIATE")  # Nothing is left locked.
