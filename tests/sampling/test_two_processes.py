"""Several processes, threads and names of one ledger: each point is bought once."""

import itertools
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from qkernels.sampling import execution
from qkernels.sampling.backends import SamplerBackend
from qkernels.sampling.budget import Budget, BudgetExceeded
from qkernels.sampling.database import _databases, open_database
from qkernels.sampling.execution import Execution, UnknownSubmission
from qkernels.sampling.ledger import Ledger
from tests.sampling.faulty import (
    PROGRAM,
    SECONDS,
    Child,
    PaidBackend,
    PaidSampler,
    Service,
    assert_bought_once,
    buy,
    request,
)

ROOT = Path(__file__).parents[2]
WANTED = request(40)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning", "ignore:waiting for what another process began"
)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(execution, "_ARRIVAL_WAITS", (0.001,))
    monkeypatch.setattr(execution, "_FIRST_LOOK", 0.01)
    monkeypatch.setattr(execution, "_LAST_LOOK", 0.1)


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path / "service")


class FarBackend(PaidBackend):
    """Takes its time, so that processes meet each other in all states."""

    def submit(self, chunk, token):
        time.sleep(0.005)
        reference = super().submit(chunk, token)
        time.sleep(0.005)
        return reference

    def fetch(self, reference):
        time.sleep(0.005)
        return super().fetch(reference)


def buy_in_random_order(ledger, backend, seed):
    """Buy in random order, and in steps, so that there are many looks at what others are at."""
    generator = np.random.default_rng(seed)
    for n in range(4, len(WANTED) + 1, 4):
        ledger = buy(ledger, backend, WANTED[np.arange(n)], points_per_chunk=3, generator=generator)
    return ledger


@needs_fork
@pytest.mark.parametrize("n_processes", [2, 4])
def test_processes_at_once(tmp_path, service, n_processes):
    path = tmp_path / "ledger.db"
    children = [
        Child(buy_in_random_order, path, FarBackend(service), seed) for seed in range(n_processes)
    ]
    for child in children:
        assert_bought_once(child.result(), service, WANTED)


@needs_fork
@pytest.mark.parametrize("seed", range(5))
def test_processes_at_once_one_of_which_is_killed(tmp_path, service, seed):
    path, backend = tmp_path / "ledger.db", FarBackend(service)
    killed, *others = [Child(buy_in_random_order, path, backend, seed) for seed in range(3)]
    killed.kill(np.random.default_rng(seed).uniform(0.02, 0.2))
    killed.result()
    for child in others:
        assert_bought_once(child.result(), service, WANTED)


class SlowSampler(PaidSampler):
    """Tells when it is asked, and answers never."""

    def __init__(self, service, asked):
        super().__init__(service)
        self.asked = asked

    def run_sweep(self, program, params, repetitions=1):
        os.write(self.asked, b"x")
        threading.Event().wait(SECONDS)


@needs_fork
def test_another_process_is_told_what_the_killed_one_left_unknown(tmp_path, service):
    path, (answered, asked) = tmp_path / "ledger.db", os.pipe()
    slow = SamplerBackend(SlowSampler(service, asked), identity="paid")
    killed = Child(buy_in_random_order, path, slow, 0)
    assert os.read(answered, 1)
    bare = SamplerBackend(PaidSampler(service), identity="paid")
    other = Child(buy_in_random_order, path, bare, 1)
    killed.kill(0.2)
    assert killed.result() is None
    with pytest.raises(UnknownSubmission, match=r"submission 1 \(unknown: .*; cut off while it"):
        other.result()
    Execution(Ledger(path), bare).resolve(1, "resubmit")
    assert_bought_once(buy(path, bare, WANTED), service, WANTED)


@needs_fork
def test_what_another_process_is_at_is_waited_for(tmp_path, service, monkeypatch):
    path, (answered, asked) = tmp_path / "ledger.db", os.pipe()
    slow = SamplerBackend(SlowSampler(service, asked), identity="paid")
    child = Child(buy_in_random_order, path, slow, 0)
    assert os.read(answered, 1)
    run = Execution(Ledger(path), PaidBackend(service), points_per_chunk=3)
    with pytest.raises(ValueError, match=r"expected a submission that is .*, got submission 1"):
        run.resolve(1, "resubmit")
    looks = itertools.count()

    def sleep(seconds):
        if next(looks) == 10:
            child.kill(0)
        time.sleep(0.01)

    monkeypatch.setattr(execution, "time", SimpleNamespace(sleep=sleep))
    with pytest.warns(UserWarning, match=r"waiting for what another process began: submission 1"):
        run.buy(WANTED)
    assert child.result() is None
    assert_bought_once(run.ledger, service, WANTED)


@needs_fork
def test_a_budget_is_shared(tmp_path, service):
    path, backend = tmp_path / "ledger.db", PaidBackend(service)
    requests = [request(40, seed=seed) for seed in range(3)]
    children = [
        Child(outcome, path, backend, wanted, Budget(repetitions=730)) for wanted in requests
    ]
    found = [child.result() for child in children]
    assert 400 <= sum(service.sold().values()) == Ledger(path).spent()[0] <= 730
    assert BudgetExceeded in found


def outcome(path, backend, wanted, budget):
    try:
        buy(path, backend, wanted, points_per_chunk=3, budget=budget)
    except BudgetExceeded as error:
        return type(error)
    return None


@needs_fork
def test_a_forked_process_has_its_own_connection(tmp_path, service):
    """The log that a child writes must not be thrown away by the process that was forked."""
    path, backend = tmp_path / "ledger.db", PaidBackend(service)
    ledger = buy(path, backend, WANTED[np.arange(10)])
    (closed, close), (went_on, go_on) = os.pipe(), os.pipe()

    def in_child():
        buy(ledger, backend, WANTED[np.arange(20)])
        os.write(close, b"x")
        os.read(went_on, 1)
        return buy(ledger, backend, WANTED)

    child = Child(in_child)
    assert os.read(closed, 1)
    ledger.summary()
    _databases.pop(path).close()
    os.write(go_on, b"x")
    assert_bought_once(child.result(), service, WANTED)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@needs_fork
def test_a_fork_waits_for_the_transactions_of_threads(tmp_path):
    ledger, database = Ledger(tmp_path / "ledger.db"), open_database(tmp_path / "ledger.db")
    inside, leave = threading.Event(), threading.Event()

    def write():
        with database.transaction() as connection:
            inside.set()
            leave.wait(SECONDS)
            connection.execute("INSERT INTO feature_maps VALUES (?, ?)", (b"0", "written"))

    thread = threading.Thread(target=write)
    thread.start()
    assert inside.wait(SECONDS)
    threading.Timer(0.1, leave.set).start()
    assert Child(ledger.find_map, b"0").result() == "written"
    thread.join()


@needs_fork
def test_forks_while_threads_write(tmp_path):
    """Locks are taken in one order: a fork never waits for a thread that waits for the fork."""
    ledger, stop = Ledger(tmp_path / "ledger.db"), threading.Event()
    values, keys = WANTED.values(), WANTED.keys("paid")

    def write():
        while not stop.is_set():
            for row in range(len(keys)):
                plan = ledger.plan(
                    PROGRAM, "paid", keys[row:][:1], values[row:][:1], wanted=5, repetitions=5
                )
                if plan is not None:
                    ledger.change(plan, "failed", own=True)

    threads = [threading.Thread(target=write, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for k in range(8):
        name = bytes([k])
        Child(ledger.keep_map, name, "written").result()
        assert ledger.find_map(name) == "written"
    stop.set()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_a_killed_holder_of_a_progress_bar_stops_nobody(service, monkeypatch):
    """Bars of all forked processes share a lock, even those that are not shown."""
    monkeypatch.setattr(execution, "tqdm", None)
    assert_bought_once(buy(None, PaidBackend(service), WANTED), service, WANTED)


# -- Threads


@pytest.mark.parametrize("in_file", [True, False])
def test_threads_at_once(tmp_path, service, in_file):
    ledger = Ledger(tmp_path / "ledger.db" if in_file else None)
    with ThreadPoolExecutor(4) as pool:
        found = [
            pool.submit(buy_in_random_order, ledger, PaidBackend(service), k) for k in range(4)
        ]
        for future in found:
            assert_bought_once(future.result(SECONDS), service, WANTED)


def test_threads_that_open_one_file_share_its_connection(tmp_path):
    start = threading.Barrier(8)

    def open_one(_):
        start.wait()
        return open_database(tmp_path / "ledger.db")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(open_one, range(8)))) == 1


def test_a_thread_that_collects_leaves_alone_what_another_is_at(service):
    ledger, inside, leave = Ledger(), threading.Event(), threading.Event()

    class Slow(PaidSampler):
        def run_sweep(self, *arguments):
            inside.set()
            assert leave.wait(SECONDS)
            return super().run_sweep(*arguments)

    slow, other = (SamplerBackend(kind(service), identity="paid") for kind in (Slow, PaidSampler))
    with ThreadPoolExecutor(2) as pool:
        buying = pool.submit(buy, ledger, slow, WANTED)
        assert inside.wait(SECONDS)
        collecting = pool.submit(Execution(ledger, other).collect, WANTED)
        threading.Timer(0.1, leave.set).start()
        assert collecting.result(SECONDS) == 0
        buying.result(SECONDS)
    assert_bought_once(ledger, service, WANTED)


# -- Names


def test_two_executions_on_one_path(tmp_path, service, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.symlink("folder", "link")
    os.symlink("folder/ledger.db", "other.db")
    paths = ["folder/ledger.db", tmp_path / "link/../folder/ledger.db", "link/ledger.db"]
    ledgers = [Ledger(path) for path in [*paths, Path("other.db")]]
    assert len(set(ledgers)) == 1
    monkeypatch.chdir("/")
    for k, ledger in enumerate(ledgers):
        buy(ledger, PaidBackend(service), WANTED[np.arange(10 * k + 10)])
    assert_bought_once(ledgers[0], service, WANTED)


def test_unpickled_ledgers(tmp_path, service):
    for ledger in (Ledger(), Ledger(tmp_path / "ledger.db")):
        buy(ledger, PaidBackend(service), WANTED)
        copied = pickle.loads(pickle.dumps(ledger))
        assert copied == ledger
        assert hash(copied) == hash(ledger)
        assert repr(copied) == repr(ledger)
        assert str(copied.summary()) == str(ledger.summary())


SCRIPT = """
import pickle, sys
for ledger in pickle.loads(bytes.fromhex(sys.argv[1])):
    try:
        print(ledger.summary())
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_ledgers_unpickled_in_another_process(tmp_path, service):
    ledger = buy(tmp_path / "ledger.db", PaidBackend(service), WANTED)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, pickle.dumps([ledger, Ledger()]).hex()],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    expected = (
        f"{ledger.summary()}\nRuntimeError this ledger is kept in the memory of another process, "
        "which alone can use it: give Ledger a path, and processes share it\n"
    )
    assert done.stdout == expected


@needs_fork
def test_a_ledger_in_memory_stays_in_its_process(service):
    ledger = buy(None, PaidBackend(service), WANTED)
    with pytest.raises(RuntimeError, match="give Ledger a path, and processes share it"):
        Child(ledger.summary).result()
    assert_bought_once(ledger, service, WANTED)


def test_errors_come_back_from_other_processes(service):
    ledger = Ledger()
    run = Execution(ledger, SamplerBackend(SlowSampler(service, None), identity="paid"))
    with pytest.raises(UnknownSubmission) as caught:
        run.buy(WANTED)
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)
    assert copied.submissions == caught.value.submissions
