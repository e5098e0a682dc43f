"""Buying what a ledger lacks, chunk by chunk, so that nothing is lost or paid twice.

What lives here: `Execution`, which plans, submits and collects, and decides what becomes of a
call that failed or of a process that is gone. Each change of state is in the ledger before the
next step is taken. What points are needed is the business of `requests`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from tqdm.auto import tqdm

from qkernels.sampling.backends import Backend, Chunk, NotSubmitted, identity_of
from qkernels.sampling.budget import Budget
from qkernels.sampling.counts import Counts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.programs import BadResults, Program
from qkernels.sampling.requests import Request
from qkernels.sampling.submissions import Holdings, Submission

ACTIONS = ("attach", "resubmit", "abandon")
DEFAULT_POINTS_PER_CHUNK = 100
# Google's limit for one job.
_REPETITIONS_A_CHUNK = 5_000_000
# Waits between tries of a call that costs nothing, and between looks at a queue, in seconds.
_RETRY_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
_FIRST_LOOK, _LAST_LOOK = 0.05, 10.0
# Waits before it is believed that a submission never arrived.
_ARRIVAL_WAITS = (0.5, 1.0, 2.0, 4.0)

# How many missing points an error names.
_NAMED = 5

Result = TypeVar("Result")


class UnknownSubmission(RuntimeError):
    """Nobody knows whether some submissions were run, so they are not bought again.

    Attributes
    ----------
    submissions : tuple of Submission
    """

    def __init__(self, *submissions: Submission) -> None:
        self.submissions = submissions
        number = submissions[0].number
        super().__init__(
            "nobody knows whether this was run, so it is not bought again: "
            + "; ".join(map(str, submissions))
            + f". Decide with resolve({number}, action=...): 'resubmit' buys it again, 'abandon' "
            "does without it, 'attach' collects it where the backend can look it up"
        )

    def __reduce__(self) -> tuple:
        return type(self), self.submissions


class MissingCounts(LookupError):
    """The ledger lacks counts, and there is no backend to buy them from."""


class Execution:
    """Buys points on one backend for one ledger.

    Parameters
    ----------
    ledger : Ledger
    backend : Backend
    budget : Budget, optional
    points_per_chunk : int, optional
        The most points of a submission; 100 if left out.
    generator : numpy.random.Generator, optional
        Draws the order in which points are bought, so that drift of the device does not line up
        with rows of the data; they are bought in order if left out.
    verbose : int, default=0
        Whether a progress bar is shown.
    """

    def __init__(
        self,
        ledger: Ledger,
        backend: Backend,
        *,
        budget: Budget | None = None,
        points_per_chunk: int | None = None,
        generator: np.random.Generator | None = None,
        verbose: int = 0,
    ) -> None:
        if budget is not None and not isinstance(budget, Budget):
            raise TypeError(f"budget: expected None or a Budget, got {budget!r}")
        points = DEFAULT_POINTS_PER_CHUNK if points_per_chunk is None else points_per_chunk
        if not isinstance(points, int | np.integer) or points < 1:
            raise ValueError(f"points_per_chunk: expected an integer of at least 1, got {points!r}")
        self.ledger = ledger
        self.backend = backend
        self.identity = identity_of(backend)
        self._budget = budget or Budget()
        self._points = int(points)
        self._generator = generator
        self._verbose = verbose

    def buy(self, request: Request, *, wait: bool = True) -> None:
        """Bring every point to the repetitions that it is to have.

        Parameters
        ----------
        request : Request
        wait : bool, default=True
            Whether to wait for results; a queue is collected from later otherwise.

        Raises
        ------
        UnknownSubmission
            If points are in a submission of which nobody knows whether it was run.
        BudgetExceeded
            Before anything is submitted, if all of it would cost too much.
        BadResults
            If what came back are not results of these points.
        RuntimeError
            If the backend gave up a submission.
        """
        while True:
            with self.ledger.turn:
                held = self._buy_missing(request)
            if not wait or not held.open:
                return
            self.collect(request)

    def collect(self, request: Request, *, wait: bool = True) -> int:
        """Fetch what has come of submissions, and buy nothing.

        Parameters
        ----------
        request : Request
        wait : bool, default=True
            Whether to wait until no submission is open.

        Returns
        -------
        int
            How many points still lack repetitions.

        Raises
        ------
        UnknownSubmission, BadResults, RuntimeError
            As `buy` does.
        """
        look = _FIRST_LOOK
        while True:
            with self.ledger.turn:
                held = self._look(request)
            if not wait or not held.open:
                return int(np.sum(request.repetitions > held.asked))
            time.sleep(look)
            if look < _LAST_LOOK <= 2 * look:
                self._warn_of_others(held)
            look = min(2 * look, _LAST_LOOK)

    def _warn_of_others(self, held: Holdings) -> None:
        """Tell what is waited for that only another process can bring about."""
        if others := [s for s in held.open if not self.ledger.is_mine(s)]:
            warnings.warn(
                f"waiting for what another process began: {'; '.join(map(str, others))}",
                stacklevel=3,
            )

    def resolve(self, number: int, action: str, reference: str | None = None) -> None:
        """Decide what becomes of a submission of which nobody knows whether it was run.

        Nothing is bought or collected here: the next run does so.

        Parameters
        ----------
        number : int
            The submission.
        action : {"attach", "resubmit", "abandon"}
        reference : str, optional
            Under which the backend has it, for "attach"; it is looked up if left out.

        Raises
        ------
        ValueError
            If there is no such action, or the submission's state leaves nothing to decide.
        LookupError
            If there is no such submission, or it is to be attached and cannot be found.
        """
        with self.ledger.turn:
            submission = self._resolvable(number, action)
            if action == "abandon":
                self.ledger.change(submission, "cancelled", message="given up")
            elif action == "resubmit":
                self.ledger.change(submission, "failed", message="given up, to be bought again")
            else:
                found = reference or self._found(submission)
                self.ledger.change(submission, "submitted", reference=found, own=True)

    def _resolvable(self, number: int, action: str) -> Submission:
        if action not in ACTIONS:
            raise ValueError(f"action: expected one of {list(ACTIONS)}, got {action!r}")
        submission = self._left(self.ledger.submission(number))
        allowed = {"unknown", "cancelled"} | ({"submitted"} if action != "resubmit" else set())
        if submission.state not in allowed:
            raise ValueError(f"expected a submission that is {sorted(allowed)}, got {submission}")
        return submission

    def _found(self, submission: Submission) -> str:
        """Return the reference under which the backend has a submission."""
        try:
            found = self._look_up(submission) or submission.reference
        except NotImplementedError:
            found = submission.reference
        if found is None:
            raise LookupError(
                f"expected a backend that knows {submission}, got one that does not; give its "
                "reference, or choose 'resubmit' or 'abandon'"
            )
        return found

    # -- What became of submissions

    def _look(self, request: Request) -> Holdings:
        """Return what the ledger has of the points, after a look at what is on its way."""
        keys = request.keys(self.identity)
        held = self.ledger.holdings(keys)
        if held.open:
            for submission in held.open:
                self._attend(request.measured.program, submission)
            held = self.ledger.holdings(keys)
        if unknown := [s for s in held.open if s.state == "unknown"]:
            raise UnknownSubmission(*unknown)
        return held

    def _attend(self, program: Program, submission: Submission) -> None:
        """Find out what became of an open submission, and collect it if it has come."""
        submission = self._left(submission)
        # What has a reference did arrive: whether it is bought again is not decided here.
        if submission.state == "unknown" and submission.reference is None:
            submission = self._reconciled(submission)
        if submission.state == "submitted":
            self._collect(program, submission)

    def _left(self, submission: Submission) -> Submission:
        """Return a submission as it is if nobody works on it any more."""
        if submission.state not in ("planned", "submitting") or self._is_others(submission):
            return submission
        if submission.state == "planned":
            self.ledger.change(submission, "failed", message="never sent", spent=False)
        else:
            self.ledger.change(submission, "unknown", message="cut off while it was sent")
        return self.ledger.submission(submission.number)

    def _is_others(self, submission: Submission) -> bool:
        """Tell whether another process is at work on it; of this one, it is our turn."""
        return self.ledger.is_alive(submission) and not self.ledger.is_mine(submission)

    def _reconciled(self, submission: Submission) -> Submission:
        """Return an unknown submission as it is after asking the backend, where that can tell."""
        try:
            reference = self._look_up(submission)
        except NotImplementedError:
            return submission
        if reference is None:
            self.ledger.change(submission, "failed", message="never arrived", spent=False)
        else:
            self.ledger.change(submission, "submitted", reference=reference, own=True)
        return self.ledger.submission(submission.number)

    def _look_up(self, submission: Submission) -> str | None:
        """Return the reference under which the backend has it; what is new may take a while."""
        for wait in (0.0, *_ARRIVAL_WAITS):
            time.sleep(wait)
            found = _retried(lambda: self.backend.lookup(submission.token))
            if found is not None:
                return str(found)
        return None

    # -- Submitting

    def _buy_missing(self, request: Request) -> Holdings:
        """Submit until all is here or on its way; return what the ledger then has."""
        missing, held = self._missing(request)
        self._require_budget([(request.measured.program, missing)])
        with self._progress(int(np.sum(missing > 0))) as update:
            while missing.any():
                for rows in self._chunks(missing):
                    self._buy_chunk(request, rows, int(missing[rows[0]]))
                    update(len(rows))
                missing, held = self._missing(request)
        return held

    @contextmanager
    def _progress(self, total: int) -> Iterator[Callable[[int], Any]]:
        # Even a hidden bar takes a lock of forked processes, which one that is killed may hold.
        if not self._verbose:
            yield int
            return
        with tqdm(total=total, unit="point") as bar:
            yield bar.update

    def _missing(self, request: Request) -> tuple[np.ndarray, Holdings]:
        """Return the repetitions that each point lacks, here and on their way."""
        held = self._look(request)
        return np.maximum(request.repetitions - held.asked - held.coming, 0), held

    def require_budget(self, requests: Sequence[Request]) -> None:
        """Raise BudgetExceeded if all that requests lack would cost too much together."""
        with self.ledger.turn:
            self._require_budget([(r.measured.program, self._missing(r)[0]) for r in requests])

    def _require_budget(self, lacking: Sequence[tuple[Program, np.ndarray]]) -> None:
        repetitions, price = 0, 0.0
        for program, missing in lacking:
            repetitions += int(missing.sum())
            for n, times in zip(*np.unique(missing[missing > 0], return_counts=True), strict=True):
                price += int(times) * self._budget.price_of(program.circuit, int(n))
        self._budget.check(self.ledger.spent(), (repetitions, price))

    def _chunks(self, missing: np.ndarray) -> Iterator[np.ndarray]:
        """Yield rows of points that lack equally many repetitions, a chunk at a time."""
        for repetitions in np.unique(missing[missing > 0]):
            rows = np.flatnonzero(missing == repetitions)
            if self._generator is not None:
                rows = self._generator.permutation(rows)
            size = max(1, min(self._points, _REPETITIONS_A_CHUNK // int(repetitions)))
            for i in range(0, len(rows), size):
                yield rows[i : i + size]

    def _buy_chunk(self, request: Request, rows: np.ndarray, repetitions: int) -> None:
        """Plan, submit and, if it has come already, collect one chunk."""
        program, keys = request.measured.program, request.keys(self.identity)
        calibration = self._calibration()
        submission = self.ledger.plan(
            program,
            self.identity,
            [keys[row] for row in rows],
            request.values(rows),
            wanted=request.repetitions[rows],
            repetitions=repetitions,
            cost=self._budget.price_of(program.circuit, repetitions),
            budget=self._budget,
        )
        if submission is not None:
            self._submit(program, submission, calibration)
            self._attend(program, self.ledger.submission(submission.number))

    def _calibration(self) -> str | None:
        """Return in which state the device is; what cannot be asked is no reason not to buy."""
        try:
            found = getattr(self.backend, "calibration", None)
        except Exception as error:
            warnings.warn(f"the device's calibration is not recorded: {error!r}", stacklevel=2)
            return None
        return None if found is None else str(found)

    def _submit(self, program: Program, submission: Submission, calibration: str | None) -> None:
        """Send a planned submission, and write down what is known of it, come what may."""
        _, values = self.ledger.points_of(submission)
        chunk = Chunk(program.circuit, program.sweep(values), submission.repetitions)
        if not self.ledger.change(submission, "submitting", calibration=calibration):
            return
        submission = replace(submission, state="submitting")
        try:
            reference = self.backend.submit(chunk, submission.token)
            if not isinstance(reference, str):
                raise TypeError(f"expected a reference from submit, got {reference!r}")
        except NotSubmitted as error:
            self.ledger.change(submission, "failed", message=str(error), spent=False)
            if error.__cause__ is not None and _is_interrupt(error.__cause__):
                raise error.__cause__ from None
            raise
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            self.ledger.change(submission, "unknown", message=message)
            if _is_interrupt(error):
                raise
            self._after_failure(error, self.ledger.submission(submission.number))
        else:
            self.ledger.change(submission, "submitted", reference=reference)

    def _after_failure(self, error: BaseException, submission: Submission) -> None:
        """Go on if a submission that seemed to fail has arrived; raise if not."""
        submission = self._reconciled(submission)
        if submission.state == "unknown":
            raise UnknownSubmission(submission) from error
        if submission.state == "failed":
            error.add_note(f"{submission}: run again to go on")
            raise error

    # -- Collecting

    def _collect(self, program: Program, submission: Submission) -> None:
        """Fetch a submitted submission if it has come."""
        reference = submission.reference or ""
        try:
            status = _retried(lambda: self.backend.status(reference))
            results = _retried(lambda: self.backend.fetch(reference)) if status == "done" else None
        except LookupError as error:
            # What another process's sampler returned is known to that process alone.
            if not self._is_others(submission):
                self.ledger.change(submission, "unknown", message=str(error))
            return
        except Exception as error:
            error.add_note(f"{submission} is not collected yet: run again to go on")
            raise
        if status == "failed":
            self._give_up(submission)
        elif status == "done":
            self._keep(program, submission, results)
        elif status != "waiting":
            raise ValueError(
                f"expected the status 'done', 'failed' or 'waiting', got {status!r}: {submission}"
            )

    def _keep(self, program: Program, submission: Submission, results: Any) -> None:
        _, values = self.ledger.points_of(submission)
        try:
            counts = program.counts(results, values)
        except Exception as error:
            self.ledger.change(submission, "unknown", message=str(error))
            raise BadResults(
                f"{error}. None of {submission} was kept; resolve({submission.number}, action=...) "
                "decides: 'attach' fetches the results again, 'resubmit' buys them again, "
                "'abandon' does without"
            ) from error
        self.ledger.finish(submission, counts)
        if hasattr(self.backend, "forget"):
            self.backend.forget(submission.reference)

    def _give_up(self, submission: Submission) -> None:
        self.ledger.change(submission, "failed", message="the backend gave it up")
        raise RuntimeError(
            f"{self.identity} failed; run again to buy its points anew (its repetitions stay "
            f"counted as spent, since they may be charged): {submission}"
        )


def read_counts(ledger: Ledger, request: Request, identity: str) -> list[Counts]:
    """Return what a ledger has counted of each point.

    Raises
    ------
    MissingCounts
        If it has nothing of some points; the message names the first few.
    """
    return [Counts.total(parts) for parts in read_parts(ledger, request, identity)]


def read_parts(ledger: Ledger, request: Request, identity: str) -> list[list[Counts]]:
    """Return what each submission has counted of each point, the oldest first.

    Raises
    ------
    MissingCounts
        As `read_counts` does.
    """
    found = ledger.parts(request.keys(identity), request.measured.program.n_bits)
    if missing := [i for i, parts in enumerate(found) if not parts]:
        named = ", ".join(map(request.name, missing[:_NAMED]))
        given_up = ledger.submissions("cancelled")
        raise MissingCounts(
            f"expected counts of {len(found)} points measured on {identity}, got none of "
            f"{len(missing)} in {ledger!r}: {named}{', ...' if len(missing) > _NAMED else ''}"
            + "".join(f"; given up was {submission}" for submission in given_up)
        )
    return found


def _is_interrupt(error: BaseException) -> bool:
    """Tell whether it is Ctrl-C, or the like."""
    return not isinstance(error, Exception)


def _retried(call: Callable[[], Result]) -> Result:
    """Repeat a call that costs nothing while it fails, with growing waits."""
    for wait in _RETRY_WAITS:
        try:
            return call()
        except (LookupError, NotImplementedError, TypeError, ValueError):
            raise
        except Exception:
            time.sleep(wait)
    return call()
