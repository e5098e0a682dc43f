"""Buying what a ledger lacks, chunk by chunk, so that nothing is lost or paid twice.

What lives here: `Execution`, which plans, submits and collects, and decides what becomes of a
call that failed or of a process that is gone. Each change of state is in the ledger before the
next step is taken. What points are needed is the business of `requests`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from tqdm.auto import tqdm

from qkernels.sampling.backends import Backend, Chunk, NotSubmitted, identity_of
from qkernels.sampling.budget import Budget, BudgetExceeded
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
        self.ledger = ledger
        self.backend = backend
        self.identity = identity_of(backend)
        self._budget = budget or Budget()
        self._points = points_per_chunk or DEFAULT_POINTS_PER_CHUNK
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
        keys = request.keys(self.identity)
        with self.ledger.turn:
            missing = self._settled(request, keys)[0]
            self._check_budget(request.measured.program, missing)
            bar = tqdm(total=int(np.sum(missing > 0)), disable=not self._verbose, unit="point")
            with bar:
                while missing.any():
                    for rows in self._chunks(missing):
                        self._buy_chunk(request, keys, rows, int(missing[rows[0]]))
                        bar.update(len(rows))
                    missing = self._settled(request, keys)[0]
            if wait and self.collect(request):
                self.buy(request)

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
        keys = request.keys(self.identity)
        look = _FIRST_LOOK
        while True:
            missing, held = self._settled(request, keys)
            self._collect(request.measured.program, held.open)
            missing, held = self._settled(request, keys)
            if not wait or not held.open:
                return int(np.sum(missing + held.coming > 0))
            time.sleep(look)
            look = min(2 * look, _LAST_LOOK)

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
        submission = self.ledger.submission(number)
        if submission.state == "submitting" and not self.ledger.is_alive(submission):
            self.ledger.change(submission, "unknown")
            submission = self.ledger.submission(number)
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

    # -- What is missing

    def _settled(self, request: Request, keys: list[bytes]) -> tuple[np.ndarray, Holdings]:
        """Return the repetitions that each point lacks, after the work of dead processes."""
        held = self.ledger.holdings(keys)
        if any(map(self._settle, held.open)):
            held = self.ledger.holdings(keys)
        if unknown := [s for s in held.open if s.state == "unknown"]:
            raise UnknownSubmission(*unknown)
        return np.maximum(request.repetitions - held.asked - held.coming, 0), held

    def _settle(self, submission: Submission) -> bool:
        """Find out what became of a submission that nobody works on; tell if its state changed."""
        if submission.state == "unknown":
            return self._reconcile(submission)
        if submission.state == "submitted" or self.ledger.is_alive(submission):
            return False
        if submission.state == "planned":
            return self.ledger.change(submission, "failed", message="never sent", spent=False)
        message = "its process ended while it was sent"
        self.ledger.change(submission, "unknown", message=message)
        self._reconcile(self.ledger.submission(submission.number))
        return True

    def _reconcile(self, submission: Submission) -> bool:
        """Ask the backend for an unknown submission; tell if its state changed."""
        try:
            reference = self._look_up(submission)
        except NotImplementedError:
            return False
        if reference is None:
            return self.ledger.change(submission, "failed", message="never arrived", spent=False)
        return self.ledger.change(submission, "submitted", reference=reference, own=True)

    def _look_up(self, submission: Submission) -> str | None:
        return _retried(lambda: self.backend.lookup(submission.token))

    def _check_budget(self, program: Program, missing: np.ndarray) -> None:
        distinct, numbers = np.unique(missing[missing > 0], return_counts=True)
        prices = [self._budget.price_of(program.circuit, int(r)) for r in distinct]
        more = (int(missing.sum()), float(numbers @ np.array(prices, dtype=float)))
        self._budget.check(self.ledger.spent(), more)

    def _chunks(self, missing: np.ndarray) -> Iterator[np.ndarray]:
        """Yield rows of points that lack equally many repetitions, a chunk at a time."""
        for repetitions in np.unique(missing[missing > 0]):
            rows = np.flatnonzero(missing == repetitions)
            if self._generator is not None:
                rows = self._generator.permutation(rows)
            size = max(1, min(self._points, _REPETITIONS_A_CHUNK // int(repetitions)))
            for i in range(0, len(rows), size):
                yield rows[i : i + size]

    # -- Submitting

    def _buy_chunk(
        self, request: Request, keys: list[bytes], rows: np.ndarray, repetitions: int
    ) -> None:
        """Plan, submit and, if it has come already, collect one chunk."""
        program = request.measured.program
        for wanted in np.unique(request.repetitions[rows]):
            some = rows[request.repetitions[rows] == wanted]
            submission = self._plan(program, keys, some, request, int(wanted), repetitions)
            if submission is not None:
                self._submit(program, submission)
                self._collect(program, [self.ledger.submission(submission.number)])

    def _plan(
        self,
        program: Program,
        keys: list[bytes],
        rows: np.ndarray,
        request: Request,
        wanted: int,
        repetitions: int,
    ) -> Submission | None:
        try:
            return self.ledger.plan(
                program,
                self.identity,
                [keys[row] for row in rows],
                request.values(rows),
                wanted=wanted,
                repetitions=repetitions,
                cost=self._budget.price_of(program.circuit, repetitions),
                limits=self._budget.limits,
            )
        except OverflowError as error:
            raise BudgetExceeded(
                f"expected at most {self._budget.limits} repetitions and cost in all, got more: "
                "another process spent of the same ledger"
            ) from error

    def _submit(self, program: Program, submission: Submission) -> None:
        """Send a planned submission, and write down what is known of it, come what may."""
        _, values = self.ledger.points_of(submission)
        chunk = Chunk(program.circuit, program.sweep(values), submission.repetitions)
        calibration = getattr(self.backend, "calibration", None)
        calibration = None if calibration is None else str(calibration)
        self.ledger.change(submission, "submitting", calibration=calibration)
        submission = self.ledger.submission(submission.number)
        try:
            reference = self.backend.submit(chunk, submission.token)
        except NotSubmitted as error:
            self.ledger.change(submission, "failed", message=str(error), spent=False)
            raise
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            self.ledger.change(submission, "unknown", message=message)
            if isinstance(error, Exception):
                self._after_failure(self.ledger.submission(submission.number), error)
            else:
                raise
        else:
            self.ledger.change(submission, "submitted", reference=str(reference))

    def _after_failure(self, submission: Submission, error: Exception) -> None:
        """Go on if a submission that seemed to fail has arrived; raise if not."""
        if not self._reconcile(submission):
            raise UnknownSubmission(submission) from error
        if self.ledger.submission(submission.number).state == "failed":
            raise error

    # -- Collecting

    def _collect(self, program: Program, submissions: Sequence[Submission]) -> None:
        """Fetch what has come of submitted submissions."""
        for submission in submissions:
            if submission.state == "submitted":
                self._collect_one(program, submission)

    def _collect_one(self, program: Program, submission: Submission) -> None:
        reference = submission.reference or ""
        try:
            status = _retried(lambda: self.backend.status(reference))
            if status == "failed":
                self._give_up(submission)
            if status != "done":
                return
            results = _retried(lambda: self.backend.fetch(reference))
            _, values = self.ledger.points_of(submission)
            self.ledger.finish(submission, program.counts(results, values))
        except BadResults as error:
            self.ledger.change(submission, "unknown", message=str(error))
            raise BadResults(
                f"{error}. None of {submission} was kept; resolve({submission.number}, action=...) "
                "decides: 'attach' fetches the results again, 'resubmit' buys them again, "
                "'abandon' does without"
            ) from error
        except LookupError as error:
            if not self.ledger.is_alive(submission) or self.ledger.is_mine(submission):
                self.ledger.change(submission, "unknown", message=str(error))

    def _give_up(self, submission: Submission) -> None:
        self.ledger.change(submission, "failed", message="the backend gave it up")
        raise RuntimeError(
            f"{self.identity} failed; run again to buy its points anew: {submission}"
        )


def read_counts(ledger: Ledger, request: Request, identity: str) -> list[Counts]:
    """Return what a ledger has counted of each point.

    Raises
    ------
    MissingCounts
        If it has nothing of some points; the message names the first few.
    """
    found = ledger.counts(request.keys(identity), request.measured.program.n_bits)
    if missing := [i for i, counts in enumerate(found) if counts is None]:
        named = ", ".join(str(tuple(request.pairs[i].tolist())) for i in missing[:_NAMED])
        raise MissingCounts(
            f"expected counts of {len(found)} points measured on {identity}, got none of "
            f"{len(missing)} in {ledger!r}: {named}{', ...' if len(missing) > _NAMED else ''} "
            "(numbered in the order of sorted angles)"
        )
    return [counts for counts in found if counts is not None]


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
