"""The ledger: its file, what it refuses, and its answers against a plain model."""

import copy
import os
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pytest

from qkernels.sampling import database
from qkernels.sampling.backends import SamplerBackend
from qkernels.sampling.budget import Budget, BudgetExceeded
from qkernels.sampling.counts import Counts
from qkernels.sampling.database import STATES, _databases, open_database
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.owners import Owners
from qkernels.sampling.submissions import OPEN
from tests.sampling.faulty import (
    N_BITS,
    PROGRAM,
    Child,
    PaidBackend,
    PaidSampler,
    Service,
    answer,
    assert_bought_once,
    buy,
    request,
)

WANTED = request(20)
KEYS, VALUES = WANTED.keys("paid"), WANTED.values()
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path / "service")


@pytest.fixture
def filled(path, service):
    """A ledger's file that is not open."""
    buy(path, PaidBackend(service), WANTED, points_per_chunk=3)
    _databases.pop(path).close()
    return path


# -- Files


def test_a_ledger_is_found_again(filled, service):
    assert_bought_once(Ledger(filled), service, WANTED)
    assert_bought_once(Ledger(str(filled)), service, WANTED)
    assert str(Ledger(filled).summary()) == (
        "20 points of 1 circuits\nsubmissions: 7 done\nrepetitions: 200"
    )
    assert repr(Ledger(filled)) == f"Ledger({str(filled)!r})"


def test_readers_and_writers_do_not_wait_for_each_other(path):
    ledger, inside = Ledger(path), open_database(path)
    with sqlite3.connect(path, timeout=0) as other, inside.reading() as connection:
        assert connection.execute("SELECT count(*) FROM feature_maps").fetchone() == (0,)
        other.execute("INSERT INTO feature_maps VALUES (?, ?)", (b"0", "text"))
        other.commit()
        assert connection.execute("SELECT count(*) FROM feature_maps").fetchone() == (0,)
    assert ledger.find_map(b"0") == "text"
    assert ledger.find_map(b"1") is None


def test_an_empty_file_becomes_a_ledger(path):
    path.touch()
    assert Ledger(path).summary().points == 0


def write_text(path):
    path.write_text("points, counts\n" * 1000)


def make_another_database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")


def set_version(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def scribble(path):
    with path.open("r+b") as file:
        for page in range(2, path.stat().st_size // 4096):
            file.seek(4096 * page)
            file.write(b"scribble" * 20)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (write_text, r"expected a ledger, got .*ledger.db: file is not a database"),
        (make_another_database, r"expected a ledger, got another program's database .*ledger.db"),
        (set_version, r"expected a ledger of version 1, got version 7 in .*ledger.db"),
        (truncate, r"expected a ledger, got .*ledger.db: database disk image is malformed"),
        (scribble, r"expected a ledger.* got .*ledger.db: "),
    ],
)
def test_files_that_are_no_ledgers(filled, damage, message):
    if damage in (write_text, make_another_database):
        filled.unlink()
    damage(filled)
    content = filled.read_bytes()
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            Ledger(filled)
    # They are left as they were.
    assert filled.read_bytes() == content


def test_folders_that_do_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected the folder of the ledger to exist, got "):
        Ledger(tmp_path / "no" / "ledger.db")


@pytest.mark.skipif(sys.platform != "linux", reason="no folder that nobody may write")
def test_folders_that_cannot_be_written():
    with pytest.raises(OSError, match=r"cannot open the ledger /proc/ledger.db: unable to open"):
        Ledger("/proc/ledger.db")


@needs_fork
def test_files_that_may_not_be_written(filled):
    def as_nobody():
        if not os.getuid():
            for parent in filled.parents[:3]:
                parent.chmod(0o755)
            os.setuid(65534)
        return Ledger(filled)

    filled.chmod(0o444)
    with pytest.raises(
        OSError, match=r"cannot open the ledger .*: attempt to write a readonly dat"
    ):
        Child(as_nobody).result()


@pytest.mark.parametrize("folder", ["", ".", Path("/")])
def test_a_folder_is_no_ledger(folder):
    with pytest.raises(IsADirectoryError, match=r"^path: expected the path of a file, got .*, a "):
        Ledger(folder)


@pytest.mark.parametrize("path", [5, True, b"ledger.db", ["ledger.db"]])
def test_what_is_no_path_is_no_ledger(path):
    with pytest.raises(TypeError, match=r"^path: expected None or the path of a file, got "):
        Ledger(path)


def test_a_ledger_that_is_deleted(path):
    ledger = Ledger(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"expected the ledger .*, got no such file: was"):
        ledger.summary()
    assert not path.exists()


def test_a_ledger_that_is_replaced(path, service):
    ledger = buy(path, PaidBackend(service), WANTED)
    for name in os.listdir(path.parent):
        if name.startswith("ledger.db") and not name.endswith("-owners"):
            (path.parent / name).unlink()
    other = Ledger(path)
    assert other != ledger
    assert other.summary().points == 0
    with pytest.raises(RuntimeError, match=r"expected the ledger that was opened first, got anoth"):
        ledger.summary()


@needs_fork
def test_numbers_of_processes_on_a_file_that_was_deleted_are_not_taken(path):
    """The locks of a process that has the old file open are on the same file of owners."""
    Ledger(path)
    number = open_database(path).owner
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (path.parent / name).unlink()

    def owner():
        Ledger(path)
        return open_database(path).owner

    assert Child(owner).result() > number


def test_no_room_on_the_disk(path, service):
    """Nothing is lost, and nothing bought twice, wherever it ends."""
    bare = SamplerBackend(PaidSampler(service), identity="paid")
    ledger, wanted, full = Ledger(path), request(100), []
    for room in range(30):
        with open_database(path).reading() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + room // 4}")
        try:
            buy(ledger, bare, wanted, points_per_chunk=7)
        except sqlite3.OperationalError as error:
            full.append(str(error))
    assert len(full) > 3
    assert set(full) == {"database or disk is full"}
    assert_bought_once(ledger, service, wanted)


def write_and_fail(inside, error):
    with inside.transaction() as connection:
        connection.execute("INSERT INTO feature_maps VALUES (?, ?)", (b"0", "text"))
        raise error


def test_an_error_inside_a_transaction_leaves_nothing(path):
    ledger, inside = Ledger(path), open_database(path)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            write_and_fail(inside, error)
        assert ledger.find_map(b"0") is None
    inside._connection.execute("BEGIN IMMEDIATE")  # As an interrupt at a bad moment leaves it.
    ledger.keep_map(b"0", "text")
    assert ledger.find_map(b"0") == "text"


# -- Processes at work


def test_owners(tmp_path):
    owners = Owners(tmp_path / "owners")
    assert owners.enter(5)
    assert owners.is_alive(5)
    assert not owners.is_alive(4)


@needs_fork
def test_owners_are_alive_as_long_as_their_process(tmp_path):
    owners = Owners(tmp_path / "owners")
    (entered, enter), (leaving, leave) = os.pipe(), os.pipe()

    def enter_and_wait():
        Owners(tmp_path / "owners").enter(7)
        os.write(enter, b"x")
        os.read(leaving, 1)

    child = Child(enter_and_wait)
    assert os.read(entered, 1)
    assert owners.is_alive(7)
    assert not owners.enter(7)
    assert not owners.is_alive(6)
    os.write(leave, b"x")
    child.result()
    assert not owners.is_alive(7)
    assert owners.enter(7)


# -- Copies


def test_copies_are_the_ledger_itself():
    ledger = Ledger()
    assert copy.copy(ledger) is copy.deepcopy(ledger) is ledger
    assert ledger != Ledger()
    assert ledger != "ledger"
    assert ledger.name != Ledger().name
    assert repr(ledger) == "Ledger()"


# -- States


def plan(ledger, rows, repetitions=10, wanted=10, **options):
    keys = [KEYS[row] for row in rows]
    values = VALUES[np.array(rows, dtype=int)]
    return ledger.plan(
        PROGRAM, "paid", keys, values, wanted=wanted, repetitions=repetitions, **options
    )


def counts_of(rows, repetitions=10):
    return [Counts.from_bits(answer(VALUES[row], repetitions)) for row in rows]


def test_a_plan_takes_what_is_lacking():
    ledger = Ledger()
    first = plan(ledger, [0, 1, 2])
    assert (first.number, first.state, first.n_points, first.repetitions) == (1, "planned", 3, 10)
    assert first.backend == "paid"
    second = plan(ledger, [3, 2, 1, 4])
    keys, values = ledger.points_of(second)
    assert keys == [KEYS[3], KEYS[4]]
    np.testing.assert_array_equal(values, VALUES[[3, 4]])
    assert plan(ledger, [4, 0]) is None
    assert plan(ledger, [4, 5], repetitions=5) is None
    assert ledger.program_key(first) == PROGRAM.key


def test_a_plan_keeps_within_the_budget():
    ledger, budget = Ledger(), Budget(repetitions=45)
    plan(ledger, [0, 1], budget=budget)
    with pytest.raises(BudgetExceeded, match=r"expected at most 45 .*, got 20 spent and 30 more"):
        plan(ledger, [2, 3, 4], budget=budget)
    assert plan(ledger, [2, 3], budget=budget).number == 2
    assert ledger.spent() == (40, 0.0)


def test_numbers_that_sqlite_cannot_hold_are_no_matter_of_budgets():
    with pytest.raises(OverflowError):
        plan(Ledger(), [0], repetitions=2**70, wanted=np.array([2**70], dtype=object))


def test_a_state_changes_only_from_what_was_seen():
    ledger = Ledger()
    seen = plan(ledger, [0])
    assert ledger.change(seen, "submitting", calibration="monday")
    assert not ledger.change(seen, "failed")
    now = ledger.submission(1)
    assert (now.state, now.token, now.owner) == ("submitting", seen.token, seen.owner)
    assert ledger.change(now, "submitted", reference="job", message="fine")
    now = ledger.submission(1)
    assert (now.reference, now.message) == ("job", "fine")
    assert ledger.is_mine(now)
    assert ledger.is_alive(now)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.change(now, "lost")
    assert str(now).startswith("submission 1 (submitted: 1 points × 10 repetitions on paid, ")


def test_counts_are_kept_once_and_all_or_none():
    ledger = Ledger()
    submission = plan(ledger, [0, 1])
    with pytest.raises(ValueError, match="zip"):
        ledger.finish(submission, counts_of([0]))
    assert ledger.summary().points == 0
    assert ledger.submission(1).state == "planned"
    for _ in range(2):
        ledger.finish(submission, counts_of([0, 1]))
    assert [len(parts) for parts in ledger.parts(KEYS[:3], N_BITS)] == [1, 1, 0]


def test_counts_that_come_late_are_kept():
    ledger = Ledger()
    ledger.change(plan(ledger, [0]), "cancelled")
    ledger.finish(ledger.submission(1), counts_of([0]))
    assert ledger.submission(1).state == "done"
    assert [len(parts) for parts in ledger.parts(KEYS[:1], N_BITS)] == [1]


def test_no_such_submission():
    with pytest.raises(LookupError, match=r"expected the number of a submission of Ledger\(\), "):
        Ledger().submission(1)


class Model:
    """What a ledger says of points, counted by hand."""

    def __init__(self):
        self.submissions, self.parts = [], {row: [] for row in range(len(KEYS))}

    def held(self, row, states):
        return sum(
            s["repetitions"] for s in self.submissions if row in s["rows"] and s["state"] in states
        )

    def plan(self, rows, repetitions, wanted):
        lacking = [
            row
            for row in rows
            if wanted - self.held(row, (*OPEN, "done", "cancelled")) == repetitions
        ]
        if lacking:
            new = {"rows": lacking, "repetitions": repetitions, "state": "planned", "spent": True}
            self.submissions.append(new)
        return len(lacking)

    def change(self, number, state, spent):
        self.submissions[number - 1] |= {"state": state, "spent": spent}

    def finish(self, number):
        submission = self.submissions[number - 1]
        if submission["state"] != "done":
            for row in submission["rows"]:
                self.parts[row].append((number, submission["repetitions"]))
        submission |= {"state": "done", "spent": True}


def assert_as(model, ledger, asked):
    held = ledger.holdings([KEYS[row] for row in asked])
    assert held.asked.tolist() == [model.held(row, ("done", "cancelled")) for row in asked]
    assert held.coming.tolist() == [model.held(row, OPEN) for row in asked]
    numbered = enumerate(model.submissions, start=1)
    expected = [n for n, s in numbered if s["state"] in OPEN and set(s["rows"]) & set(asked)]
    assert [submission.number for submission in held.open] == expected
    spent = sum(len(s["rows"]) * s["repetitions"] for s in model.submissions if s["spent"])
    assert ledger.spent()[0] == spent
    states = [s["state"] for s in model.submissions]
    assert ledger.summary().submissions == {state: states.count(state) for state in STATES}
    for row, parts in zip(asked, ledger.parts([KEYS[row] for row in asked], N_BITS), strict=True):
        assert [p.repetitions for p in parts] == [n for _, n in sorted(model.parts[row])]


@pytest.mark.parametrize("seed", range(8))
def test_against_a_model(seed):
    rng, ledger, model = np.random.default_rng(seed), Ledger(), Model()
    for _ in range(60):
        asked = rng.permutation(len(KEYS))[: rng.integers(1, 8)].tolist()
        repetitions, wanted = int(rng.integers(1, 3)) * 5, int(rng.integers(1, 5)) * 5
        action = rng.choice(["plan", "change", "finish"], p=[0.4, 0.4, 0.2])
        n = len(model.submissions)
        if action == "plan" or not n:
            planned = plan(ledger, asked, repetitions, wanted)
            n_points = model.plan(asked, repetitions, wanted)
            assert (planned.n_points if planned else 0) == n_points
        elif action == "change":
            submission = ledger.submission(int(rng.integers(1, n + 1)))
            state = rng.choice([s for s in STATES if s != "done"])
            if submission.state != "done":
                spent = bool(rng.integers(2))
                assert ledger.change(submission, str(state), spent=spent)
                model.change(submission.number, state, spent)
        else:
            submission = ledger.submission(int(rng.integers(1, n + 1)))
            rows = model.submissions[submission.number - 1]["rows"]
            ledger.finish(submission, counts_of(rows, submission.repetitions))
            model.finish(submission.number)
        assert_as(model, ledger, asked)
    assert_as(model, ledger, list(range(len(KEYS))))


def test_questions_start_from_the_points_that_are_asked_for(filled, monkeypatch):
    """A large ledger is not searched for a few points."""
    ledger, plans = Ledger(filled), []
    connection = open_database(filled)._connection
    connection.set_trace_callback(plans.append)
    ledger.holdings(KEYS[:2])
    ledger.parts(KEYS[:2], N_BITS)
    ledger.calibrations(KEYS[:2])
    ledger.provenance(KEYS[:2])
    connection.set_trace_callback(None)
    questions = [sql for sql in plans if sql.startswith("SELECT") and "wanted" in sql]
    assert len(questions) == 5
    for question in questions:
        steps = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}")]
        assert [step for step in steps if step.startswith("SCAN")] == ["SCAN wanted"]


def test_a_busy_file_is_waited_for(path, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    ledger = Ledger(path)
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            ledger.keep_map(b"0", "text")
        other.rollback()
    ledger.keep_map(b"0", "text")
    assert ledger.find_map(b"0") == "text"
