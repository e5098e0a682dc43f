"""Backends that fail: each fault ends in the right counts, or in an error that says what to do."""

import re

import cirq
import pytest

from qkernels.sampling import execution
from qkernels.sampling.backends import NotSubmitted, SamplerBackend
from qkernels.sampling.execution import Execution, MissingCounts, UnknownSubmission, read_counts
from qkernels.sampling.ledger import Ledger
from tests.sampling.faulty import (
    FaultyBackend,
    PaidSampler,
    Service,
    assert_bought_once,
    assert_counts,
    buy,
    request,
)

WANTED = request(6)
NAMES = WANTED.measured.program.symbols


def gone():
    return ConnectionError("gone")


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path / "service")


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    """Let nothing wait, and list the seconds that would have passed."""
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        assert sum(slept) < 10_000, "waits for ever"

    monkeypatch.setattr(execution.time, "sleep", sleep)
    return slept


def three_chunks(service, **faults):
    """Return a backend that fails with the second of three chunks of a run, and the run."""
    padded = {
        when: {name: [None, *errors] for name, errors in calls.items()}
        for when, calls in faults.items()
    }
    backend = FaultyBackend(service, **padded)
    return backend, Execution(Ledger(), backend, points_per_chunk=2)


def states(ledger):
    return [submission.state for submission in ledger.submissions()]


# -- Errors on the way


def test_submit_fails_before_it_arrives(service, slept):
    _, run = three_chunks(service, before={"submit": [gone()]})
    with pytest.raises(ConnectionError, match="gone") as caught:
        run.buy(WANTED)
    (note,) = caught.value.__notes__
    assert re.match(r"submission 2 \(failed: .*never arrived\): run again to go on", note)
    assert slept == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert states(run.ledger) == ["done", "failed"]
    assert run.ledger.spent() == (20, 0.0)
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_submit_fails_after_it_arrived(service):
    backend, run = three_chunks(service, after={"submit": [gone()]})
    run.buy(WANTED)
    assert states(run.ledger) == ["done"] * 3
    assert backend.calls["submit"] == 3
    assert_bought_once(run.ledger, service, WANTED)


def test_a_list_of_jobs_that_lags(service):
    backend, run = three_chunks(service, after={"submit": [gone()]})
    look_up, answers = backend.lookup, [None, None, None]
    backend.lookup = lambda token: answers.pop() if answers else look_up(token)
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_submit_refuses(service):
    _, run = three_chunks(service, before={"submit": [NotSubmitted("too many qubits")]})
    with pytest.raises(NotSubmitted, match="too many qubits"):
        run.buy(WANTED)
    assert states(run.ledger) == ["done", "failed"]
    assert run.ledger.spent() == (20, 0.0)
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


@pytest.mark.parametrize("call", ["status", "fetch"])
def test_a_call_that_costs_nothing_is_repeated(service, slept, call):
    backend, run = three_chunks(service, before={call: [gone(), TimeoutError()]})
    run.buy(WANTED)
    assert slept == [0.5, 1.0]
    assert backend.calls[call] == 5
    assert_bought_once(run.ledger, service, WANTED)


@pytest.mark.parametrize("call", ["status", "fetch"])
def test_a_call_that_fails_for_good(service, slept, call):
    backend = FaultyBackend(service, before={call: [gone(), ...]})
    run = Execution(Ledger(), backend, points_per_chunk=2)
    with pytest.raises(ConnectionError, match="gone") as caught:
        run.buy(WANTED)
    (note,) = caught.value.__notes__
    assert re.match(r"submission 1 \(submitted: .*\) is not collected yet: run again", note)
    assert slept == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert states(run.ledger) == ["submitted"]
    backend.faults["before"].clear()
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_lookup_fails_for_a_while(service):
    backend, run = three_chunks(service, after={"submit": [gone()]})
    backend.faults["before"] = {"lookup": [gone(), TimeoutError()]}
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_lookup_fails_for_good(service):
    backend, run = three_chunks(service, after={"submit": [TimeoutError("submit")]})
    backend.faults["before"] = {"lookup": [gone(), ...]}
    for _ in range(2):
        with pytest.raises(ConnectionError, match="gone"):
            run.buy(WANTED)
    assert states(run.ledger) == ["done", "unknown"]
    backend.faults["before"].clear()
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_the_backend_gives_it_up(service):
    backend, run = three_chunks(service)
    status, answers = backend.status, ["done", "failed"]
    backend.status = lambda reference: answers.pop(0) if answers else status(reference)
    with pytest.raises(RuntimeError, match=r"paid failed; run again .*: submission 2 \("):
        run.buy(WANTED)
    assert states(run.ledger) == ["done", "failed"]
    assert run.ledger.spent() == (40, 0.0)
    run.buy(WANTED)
    assert sorted(service.sold().values()) == [10, 10, 10, 10, 20, 20]
    assert {c.repetitions for c in read_counts(run.ledger, WANTED, "paid")} == {10}


def test_a_status_that_means_nothing(service):
    backend, run = three_chunks(service)
    backend.status = lambda reference: "COMPLETED"
    message = r"expected the status 'done', 'failed' or 'waiting', got 'COMPLETED': submission 1 \("
    with pytest.raises(ValueError, match=message):
        run.buy(WANTED)
    del backend.status
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_a_reference_that_is_none(service):
    backend, run = three_chunks(service)
    submit = backend.submit
    backend.submit = lambda chunk, token: submit(chunk, token) and None
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_the_calibration_cannot_be_asked_for(service):
    class Calibrated(FaultyBackend):
        @property
        def calibration(self):
            self._fail("before", "calibration")
            return "monday"

    backend = Calibrated(service, before={"calibration": [gone()]})
    run = Execution(Ledger(), backend, points_per_chunk=2)
    with pytest.warns(UserWarning, match=r"calibration is not recorded: ConnectionError\('gone'\)"):
        run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)
    assert run.ledger.calibrations(WANTED.keys("paid")) == {"monday": 4}


# -- Interrupts


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["submit", "status", "fetch"])
def test_ctrl_c(service, when, call):
    _, run = three_chunks(service, **{when: {call: [KeyboardInterrupt()]}})
    with pytest.raises(KeyboardInterrupt):
        run.buy(WANTED)
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def test_ctrl_c_while_it_waits(service, monkeypatch):
    backend, run = three_chunks(service)
    status = backend.status
    backend.status = lambda reference: "waiting"

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(execution.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.buy(WANTED)
    backend.status = status
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


def interrupted_at(call, method, when):
    """Return a method of a ledger that is interrupted before or after its n-th call."""
    calls = iter(range(1, 1000))

    def interrupted(*arguments, **options):
        number = next(calls)
        if number == call and when == "before":
            raise KeyboardInterrupt
        found = method(*arguments, **options)
        if number == call:
            raise KeyboardInterrupt
        return found

    return interrupted


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("is_bare", [True, False])
@pytest.mark.parametrize(
    ("method", "n_calls"), [("plan", 3), ("change", 6), ("submission", 3), ("finish", 3)]
)
def test_ctrl_c_between_calls(service, monkeypatch, method, n_calls, is_bare, when):
    """A bare sampler's results are not lost either: they are still here when it is run again."""
    for call in range(1, n_calls + 1):
        other = Service(f"{service.path}{call}")
        bare = SamplerBackend(PaidSampler(other), identity="paid")
        run = Execution(Ledger(), bare if is_bare else FaultyBackend(other), points_per_chunk=2)
        with monkeypatch.context() as patch:
            original = getattr(run.ledger, method)
            patch.setattr(run.ledger, method, interrupted_at(call, original, when))
            with pytest.raises(KeyboardInterrupt):
                run.buy(WANTED)
        if is_bare and method == "change" and when == "after" and call % 2:
            # It was to be sent at once: nobody knows, but the sampler that was not asked.
            with pytest.raises(UnknownSubmission):
                run.buy(WANTED)
            run.resolve(run.ledger.submissions("unknown")[0].number, "resubmit")
        run.buy(WANTED)
        assert_bought_once(run.ledger, other, WANTED)


class InterruptedSimulator(cirq.Simulator):
    """Is interrupted when it is first called."""

    errors = ()

    def run_sweep_iter(self, *arguments, **options):
        if self.errors:
            raise self.errors.pop()
        return super().run_sweep_iter(*arguments, **options)


def test_a_simulator_keeps_nothing_when_it_is_interrupted():
    simulator = InterruptedSimulator(seed=0)
    simulator.errors = [MemoryError("too large"), KeyboardInterrupt()]
    run = Execution(Ledger(), SamplerBackend(simulator))
    with pytest.raises(KeyboardInterrupt):
        run.buy(WANTED)
    with pytest.raises(NotSubmitted, match="MemoryError: too large"):
        run.buy(WANTED)
    run.buy(WANTED)
    assert states(run.ledger) == ["failed", "failed", "done"]
    assert run.ledger.spent() == (60, 0.0)


# -- What nobody knows


class FaultySampler(PaidSampler):
    """Fails when it is called for the second time, before or after it is paid."""

    def __init__(self, service, is_paid):
        super().__init__(service)
        self.is_paid, self.calls = is_paid, 0

    def run_sweep(self, program, params, repetitions=1):
        self.calls += 1
        if self.calls != 2:
            return super().run_sweep(program, params, repetitions)
        if self.is_paid:
            super().run_sweep(program, params, repetitions)
        raise gone()


@pytest.fixture(params=[True, False], ids=["paid", "not paid"])
def unknown(request, service):
    """Return a run that has told that its second submission is unknown, and its sampler."""
    sampler = FaultySampler(service, request.param)
    run = Execution(Ledger(), SamplerBackend(sampler, identity="paid"), points_per_chunk=2)
    message = (
        r"nobody knows whether this was run, so it is not bought again: submission 2 \(unknown: 2 "
        r"points × 10 repetitions on paid, .* UTC; ConnectionError: gone\)\. Decide with "
        r"resolve\(2, action=\.\.\.\): 'resubmit' buys it again, 'abandon' does without it, "
        r"'attach' collects it where the backend can look it up"
    )
    with pytest.raises(UnknownSubmission, match=message) as caught:
        run.buy(WANTED)
    assert caught.value.__cause__.args == ("gone",)
    for again in (run.buy, run.collect):
        with pytest.raises(UnknownSubmission, match=message):
            again(WANTED)
    assert sampler.calls == 2
    return run, sampler


def test_resubmit(unknown, service):
    run, sampler = unknown
    run.resolve(2, "resubmit")
    run.buy(WANTED)
    assert len(service.sales()) == 3 + sampler.is_paid
    assert {c.repetitions for c in read_counts(run.ledger, WANTED, "paid")} == {10}
    # What may have been charged counts as spent.
    assert run.ledger.spent() == (80, 0.0)


def test_abandon(unknown, service):
    run, _ = unknown
    run.resolve(2, "abandon")
    run.buy(WANTED)
    with pytest.raises(MissingCounts, match=r"got none of 2 .*; given up was submission 2 \(canc"):
        read_counts(run.ledger, WANTED, "paid")
    run.resolve(2, "resubmit")
    run.buy(WANTED)
    assert {c.repetitions for c in read_counts(run.ledger, WANTED, "paid")} == {10}


def test_attach(unknown, service):
    run, sampler = unknown
    message = r"expected a backend that knows submission 2 .*, got one that does not; give its refe"
    with pytest.raises(LookupError, match=message):
        run.resolve(2, "attach")
    if not sampler.is_paid:
        return
    token = list(service.sales())[1]
    backend = FaultyBackend(service)
    run = Execution(run.ledger, backend, points_per_chunk=2)
    run.resolve(2, "attach", f"job-{token}")
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (1, "retry"),
            ValueError,
            r"action: expected one of \['attach', 'resubmit', 'abandon'\], got 'retry'",
        ),
        (
            (7, "abandon"),
            LookupError,
            r"expected the number of a submission of Ledger\(\), got 7",
        ),
        (
            (1, "abandon"),
            ValueError,
            r"expected a submission that is \['cancelled', 'submitted', 'unknown'\], got "
            r"submission 1 \(done: ",
        ),
        (
            (1, "resubmit"),
            ValueError,
            r"expected a submission that is \['cancelled', 'unknown'\], got submission 1 \(done",
        ),
    ],
)
def test_nothing_to_resolve(service, arguments, error, message):
    run = Execution(buy(None, FaultyBackend(service), WANTED), FaultyBackend(service))
    with pytest.raises(error, match=message):
        run.resolve(*arguments)
    assert_bought_once(run.ledger, service, WANTED)


def test_a_queue_that_is_given_up(service):
    backend, run = three_chunks(service)
    backend.status = lambda reference: "waiting"
    run.buy(WANTED, wait=False)
    with pytest.raises(ValueError, match=r"got submission 1 \(submitted: "):
        run.resolve(1, "resubmit")
    for number in (1, 2, 3):
        run.resolve(number, "abandon")
    run.buy(WANTED)
    assert states(run.ledger) == ["cancelled"] * 3
    del backend.status
    run.resolve(2, "attach")
    assert run.collect(WANTED) == 0
    assert states(run.ledger) == ["cancelled", "done", "cancelled"]


@pytest.mark.parametrize("knows_token", [True, False])
def test_a_reference_that_the_backend_does_not_know(service, knows_token):
    """What was taken once is not bought again unasked, even if it is found nowhere."""
    backend = FaultyBackend(service)
    run = Execution(Ledger(), backend)
    status, lookup = backend.status, backend.lookup
    backend.status = lambda reference: status("other")
    backend.lookup = lambda token: lookup(token if knows_token else "other")
    for _ in range(2):
        with pytest.raises(UnknownSubmission, match=r"submission 1 \(unknown: .*; no job other"):
            run.buy(WANTED)
    run.resolve(1, "attach")
    with pytest.raises(UnknownSubmission):
        run.buy(WANTED)
    del backend.status
    run.resolve(1, "attach")
    run.buy(WANTED)
    assert_bought_once(run.ledger, service, WANTED)


# -- Several at once


def test_one_bad_submission_does_not_keep_back_the_others(service):
    """All that has come is collected, before it is told that something is unknown."""
    backend, run = three_chunks(service)
    status = backend.status
    backend.status = lambda reference: "waiting"
    run.buy(WANTED, wait=False)
    first = run.ledger.submission(1).reference

    def unknown(reference):
        return status("other" if reference == first else reference)

    backend.status = unknown
    with pytest.raises(UnknownSubmission, match="submission 1"):
        run.collect(WANTED, wait=False)
    assert states(run.ledger) == ["unknown", "done", "done"]
    del backend.status
    run.resolve(1, "attach")
    run.buy(WANTED)
    assert_counts(run.ledger, service, WANTED)
