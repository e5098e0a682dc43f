"""A plan on a ledger: bought, collected, resumed, topped up, estimated.

What lives here: `Run`. What is planned is in `plan`, what the counts say in `estimate`; how chunks
are bought is the business of `sampling`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real

import cirq
import numpy as np

from qkernels.hardware.entries import largest_by_point
from qkernels.hardware.estimate import Estimate, estimate
from qkernels.hardware.measurement import Measurement
from qkernels.sampling.backends import Offline
from qkernels.sampling.execution import MissingCounts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.ledgered import LedgeredSampler
from qkernels.sampling.mitigation import Mitigation, Readout
from qkernels.sampling.requests import Request

# A top-up is asked for so many times before it is given up.
_ROUNDS = 5
# Steps between the repetitions of a top-up: at most 19 % more than needed.
_LEVEL = 2**0.25


class CalibrationWarning(UserWarning):
    """Counts of one matrix were measured in different calibrations of the device."""


@dataclass(eq=False, repr=False)
class Run:
    """A plan, and the ledger that says how far it is.

    Attributes
    ----------
    plan : Measurement
    """

    plan: Measurement

    def __repr__(self) -> str:
        return f"Run of {self.plan!r} on {self.ledger!r}"

    @property
    def ledger(self) -> Ledger:
        """What was bought, and what came back."""
        return self.plan.evaluator.ledger

    @property
    def missing(self) -> int:
        """How many points still lack repetitions: on their way, or not bought yet."""
        return sum(
            int(np.sum(self.ledger.holdings(keys).asked < request.repetitions))
            for request, keys in self._keys()
        )

    def resume(self, *, wait: bool = True) -> Run:
        """Buy what the ledger lacks.

        Parameters
        ----------
        wait : bool, default=True
            Whether to wait for results.

        Returns
        -------
        Run
            Itself.

        Raises
        ------
        BudgetExceeded
            Before anything is submitted, if all of it would cost too much.
        UnknownSubmission
            If nobody knows whether a submission was run: see `resolve`.
        MissingCounts
            If the ledger lacks something, and there is no backend to buy it from.
        """
        if self.plan.evaluator.is_offline:
            self._require_counts()
        else:
            execution = self.plan.evaluator.execution
            execution.require_budget(self.plan.requests)
            for request in self.plan.requests:
                execution.buy(request, wait=wait)
        self._warn_of_calibrations()
        return self

    def collect(self, *, wait: bool = True) -> Run:
        """Fetch what has come of submissions, and buy nothing: `missing` says what still lacks.

        Parameters
        ----------
        wait : bool, default=True
            Whether to wait until no submission is open.

        Returns
        -------
        Run
            Itself.

        Raises
        ------
        UnknownSubmission
            If nobody knows whether a submission was run: see `resolve`.
        """
        for request in self.plan.requests:
            self.plan.evaluator.execution.collect(request, wait=wait)
        self._warn_of_calibrations()
        return self

    def resolve(self, submission: int, *, action: str, reference: str | None = None) -> Run:
        """Decide what becomes of a submission of which nobody knows whether it was run.

        Parameters
        ----------
        submission : int
            Its number, as the error says.
        action : {"attach", "resubmit", "abandon"}
            "attach" collects it where the backend can find it; "resubmit" buys it again, with all
            that is missing; "abandon" does without it.
        reference : str, optional
            Under which the backend has it, for "attach"; it is looked up if left out.

        Returns
        -------
        Run
            Itself.

        Raises
        ------
        ValueError, LookupError
            If there is no such action or submission, it needs no decision, or cannot be found.
        """
        self.plan.evaluator.resolve(submission, action=action, reference=reference)
        if action == "resubmit":
            self.resume()
        elif action == "attach":
            self.collect()
        return self

    def measure_readout(self, *, repetitions: int = 1000, trials: int = 10) -> Readout:
        """Return the readout errors of the measured qubits, buying what the ledger lacks.

        All qubits are prepared in random states of the computational basis and read together.

        Parameters
        ----------
        repetitions : int, default=1000
            Of each trial.
        trials : int, default=10
            Pairs of a random preparation and its opposite, so that each qubit is 0 and 1 equally
            often.
        """
        evaluator = self.plan.evaluator
        backend = evaluator.backend or Offline(evaluator.identity(self.plan.requests[0]))
        qubits = sorted({q for r in self.plan.requests for q in r.measured.program.qubits})
        prepared = np.random.default_rng(0).integers(0, 2, (trials, len(qubits)))
        found = cirq.experiments.estimate_parallel_single_qubit_readout_errors(
            LedgeredSampler(backend, evaluator.ledger, budget=evaluator.budget),
            qubits=qubits,
            repetitions=repetitions,
            trials=2 * trials,
            bit_strings=np.concatenate([prepared, 1 - prepared]),
        )
        return Readout(found)

    def estimate(self, mitigation: Sequence[Mitigation] | None = None) -> Estimate:
        """Return the kernel matrix that the counts say; nothing is bought.

        Parameters
        ----------
        mitigation : sequence, optional
            What is corrected, in place of the evaluator's.

        Raises
        ------
        MissingCounts
            If some points have no counts.
        """
        return estimate(self.plan, mitigation)

    def top_up(self, *, std_error: float) -> Run:
        """Buy the repetitions that the standard errors of all entries take; return the new run.

        Parameters
        ----------
        std_error : float
            Positive; the largest standard error that an entry may have.

        Raises
        ------
        ValueError
            If it is not a positive number.
        BudgetExceeded
            Before anything is submitted, if all of it would cost too much.
        """
        if not isinstance(std_error, Real) or not std_error > 0:
            raise ValueError(f"std_error: expected a positive number, got {std_error!r}")
        run = self
        for _ in range(_ROUNDS):
            factor = (run.estimate().std_error / std_error) ** 2
            if factor.max(initial=0) <= 1:
                return run
            run = Run(replace(run.plan, requests=run._more(factor))).resume()
        largest = run.estimate().std_error.max()
        if largest > std_error:
            _warn(
                f"standard errors of up to {largest:.3g} are left after {_ROUNDS} rounds, expected "
                f"{std_error}: top up again",
                UserWarning,
            )
        return run

    def _require_counts(self) -> None:
        if lacking := self.missing:
            raise MissingCounts(
                f"expected a backend to buy repetitions of {lacking} points from, which "
                f"{self.ledger!r} lacks, got none"
            )

    def _more(self, factor: np.ndarray) -> tuple[Request, ...]:
        """Return the requests with repetitions multiplied by what their entries need."""
        needs = largest_by_point(self.plan, factor)
        return tuple(
            _asking_for_more(request, self.ledger.holdings(keys).asked, needs)
            for request, keys in self._keys()
        )

    def _keys(self) -> list[tuple[Request, list[bytes]]]:
        evaluator = self.plan.evaluator
        return [(r, r.keys(evaluator.identity(r))) for r in self.plan.requests]

    def _warn_of_calibrations(self) -> None:
        """Tell if the points were not measured in one state of the device."""
        found: dict[str, int] = {}
        for _, keys in self._keys():
            for name, n in self.ledger.calibrations(keys).items():
                found[name] = found.get(name, 0) + n
        if len(found) > 1:
            listed = ", ".join(f"{n} points in {name}" for name, n in found.items())
            message = f"counts of this matrix are of different calibrations: {listed}"
            _warn(message, CalibrationWarning)


def _warn(message: str, category: type[Warning]) -> None:
    """Warn of the line that called this package, however many calls ago that was."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals["__name__"].startswith("qkernels."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _asking_for_more(request: Request, asked: np.ndarray, needs: Mapping[bytes, float]) -> Request:
    """Return a request for as many times what was asked as its points need, where that is more.

    Factors are rounded up to a few levels: one submission has one number of repetitions.
    """
    factors = np.array([max(1.0, needs.get(key, 1.0)) for key in request.keys("")])
    levels = _LEVEL ** np.ceil(np.log(factors) / np.log(_LEVEL))
    return request.asking_for(np.ceil(levels * asked).astype(np.int64))
