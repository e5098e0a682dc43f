"""What counts say of a kernel matrix: values, errors, corrections, and where they come from.

What lives here: `Estimate`, a pure function of a ledger; the same counts can be estimated again
with other mitigations for nothing. How fidelities and expectation values are estimated is in
`sampling`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import SamplerEvaluator
from qkernels.feature_maps.validation import integer
from qkernels.hardware.measurement import Measurement
from qkernels.hardware.recording import merged, recorded, with_evaluator
from qkernels.kernels import FidelityKernel, ProjectedKernel
from qkernels.kernels.projected import estimated
from qkernels.sampling.counts import Counts
from qkernels.sampling.execution import MissingCounts, read_counts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.mitigation import Mitigation
from qkernels.sampling.requests import Request

# Samples behind the errors of kernels without a formula for them.
_BOOTSTRAP = 200


@dataclass(frozen=True)
class Correction:
    """What one mitigation has changed.

    Attributes
    ----------
    mitigation : Mitigation
    mean, largest : float
        Mean and largest absolute change of an entry.
    """

    mitigation: Mitigation
    mean: float
    largest: float

    def __str__(self) -> str:
        return f"{self.mitigation!r}: {self.mean:.4f} on average, {self.largest:.4f} at most"


class Estimate:
    """A kernel matrix estimated from the counts in a ledger.

    Made by `Run.estimate`, which reads the counts: what is bought later does not change it. Nothing
    is bought here.

    Parameters
    ----------
    plan : Measurement
    mitigation : sequence of Mitigation
    """

    def __init__(self, plan: Measurement, mitigation: Sequence[Mitigation]) -> None:
        evaluator = plan.evaluator.replace(mitigation=mitigation)
        self._plan = replace(plan, kernel=with_evaluator(plan.kernel, evaluator))
        self.mitigation = evaluator.mitigation
        check_columns(self._plan)
        needed = merged(recorded(self._plan.kernel, plan.points))
        self._identity = plan.evaluator.identity(needed[0])
        try:
            self._counts = _read(evaluator.ledger, needed, self._identity)
        except MissingCounts as error:
            if advice := _advice(plan, needed, self.mitigation):
                raise MissingCounts(f"{error}; {advice}") from None
            raise
        entries = evaluator.ledger.provenance(list(self._counts))
        self.provenance: list[dict[str, Any]] = entries

    @cached_property
    def K(self) -> np.ndarray:
        """The kernel matrix, (n_points_X, n_points_Y), corrected.

        For a prediction it has a column for each training point, those that were not measured
        being 0.
        """
        return self._padded(self._matrix(self.mitigation))

    @cached_property
    def raw(self) -> np.ndarray:
        """The kernel matrix without corrections."""
        return self._padded(self._matrix(()))

    @cached_property
    def std_error(self) -> np.ndarray:
        """The standard error of each entry, of the shape of `K`.

        That of a projected kernel is of first order. Where there is no formula (other outer
        kernels, sums, products) it is the spread of 200 bootstrap samples of the counts, which
        says nothing of outcomes that never came.
        """
        return self._padded(self._errors)

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of each entry's confidence interval, each of the shape of `K`.

        Parameters
        ----------
        level : float, default=0.95
            Between 0 and 1: how often an interval covers the entry that infinitely many
            repetitions would give. Errors that mitigation leaves, or makes, are not in it.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1.
        """
        if not (isinstance(level, Real) and 0 < level < 1):
            raise ValueError(f"level: expected a number between 0 and 1, got {level!r}")
        low, high = self._interval(level)
        return self._padded(low), self._padded(high)

    @cached_property
    def corrections(self) -> tuple[Correction, ...]:
        """How much each mitigation changed, in the order in which they are listed."""
        steps = [self._matrix(self.mitigation[:k]) for k in range(len(self.mitigation) + 1)]
        changes = [np.abs(after - before) for before, after in pairwise(steps)]
        return tuple(
            Correction(item, float(change.mean()), float(change.max()))
            for item, change in zip(self.mitigation, changes, strict=True)
        )

    @property
    def is_padded(self) -> bool:
        """Whether some columns are 0 because they were not measured."""
        return self._plan.columns is not None

    def bootstrap(self, n_samples: int, *, random_state: int | None = None) -> Iterator[np.ndarray]:
        """Yield kernel matrices of resampled counts: how far errors carry into what comes after.

        Parameters
        ----------
        n_samples : int
        random_state : int, optional
            Draws the samples.

        Yields
        ------
        ndarray of the shape of `K`
            Each point's counts are drawn anew, once for all entries that they are in: also those of
            another estimate's sample with the same random state.

        Raises
        ------
        ValueError
            If the number of samples is not an integer of at least 1, or the random state neither
            None nor an integer of at least 0.
        """
        seed = fresh_seed(random_state)
        for sample in range(integer(n_samples, "n_samples", 1)):
            kernel = self._kernel(self.mitigation, (seed, sample))
            yield self._padded(kernel(*self._plan.points))

    def __repr__(self) -> str:
        return f"Estimate of {self.K.shape[0]} x {self.K.shape[1]} entries, {self.mitigation!r}"

    # -- How

    def _evaluator(
        self, mitigation: Sequence[Mitigation], sample: tuple[int, int] | None = None
    ) -> SamplerEvaluator:
        held = _Held(self._counts, self._identity, sample)
        return self._plan.evaluator.replace(mitigation=mitigation).with_source(held)

    def _kernel(
        self, mitigation: Sequence[Mitigation], sample: tuple[int, int] | None = None
    ) -> Kernel:
        return with_evaluator(self._plan.kernel, self._evaluator(mitigation, sample))

    def _matrix(self, mitigation: Sequence[Mitigation]) -> np.ndarray:
        return self._kernel(mitigation)(*self._plan.points)

    @property
    def _has_formula(self) -> bool:
        kernel = self._plan.kernel
        return isinstance(kernel, FidelityKernel) or (
            isinstance(kernel, ProjectedKernel) and kernel.outer is None
        )

    @cached_property
    def _errors(self) -> np.ndarray:
        if not self._has_formula:
            return np.std(self._samples, axis=0)
        return self._with_errors(self.mitigation)[1]

    def _with_errors(self, mitigation: Sequence[Mitigation]) -> tuple[np.ndarray, np.ndarray]:
        kernel: Any = self._kernel(mitigation)
        return kernel.compare(*map(kernel.prepare, self._plan.points), return_std=True)

    @cached_property
    def _samples(self) -> np.ndarray:
        columns = None if self._plan.columns is None else self._plan.columns[0]
        samples = np.array(list(self.bootstrap(_BOOTSTRAP, random_state=0)))
        return samples if columns is None else samples[:, :, columns]

    def _interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(self._plan.kernel, FidelityKernel):
            prepared: list[Any] = [self._plan.kernel.prepare(P) for P in self._plan.points]
            return self._evaluator(self.mitigation).estimate(*prepared).interval(level)
        if self._has_formula:
            return self._projected_interval(level)
        # The basic bootstrap: what the samples are to the estimate, the estimate is to the truth.
        K = self._matrix(self.mitigation)
        ends = np.quantile(self._samples, [(1 + level) / 2, (1 - level) / 2], axis=0)
        return 2 * K - ends[0], 2 * K - ends[1]

    def _projected_interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval of exp(−γD) from that of the squared distance D."""
        kernel: Any = self._kernel(self.mitigation)
        prepared = [kernel.prepare(P) for P in self._plan.points]
        near, far = estimated(prepared[0], prepared[-1]).interval(level)  # type: ignore[union-attr]
        return np.exp(-kernel.gamma * far), np.exp(-kernel.gamma * near)

    def _padded(self, matrix: np.ndarray) -> np.ndarray:
        if self._plan.columns is None:
            return matrix
        columns, n_columns = self._plan.columns
        padded = np.zeros((len(matrix), n_columns))
        padded[:, columns] = matrix
        return padded


def estimate(plan: Measurement, mitigation: Sequence[Mitigation] | None) -> Estimate:
    """Return the estimate of a plan's kernel matrix, with the evaluator's mitigations or others.

    Raises
    ------
    MissingCounts
        If the ledger lacks counts.
    """
    if mitigation is not None and not isinstance(mitigation, Sequence):
        raise TypeError(f"mitigation: expected a list of mitigations, got {mitigation!r}")
    found = Estimate(plan, plan.evaluator.mitigation if mitigation is None else mitigation)
    found.K  # noqa: B018 - what does not apply is said now
    return found


def check_columns(plan: Measurement) -> None:
    """Refuse what looks at all training points where a prediction measures some.

    Raises
    ------
    ValueError
        If a mitigation does.
    """
    for item in plan.evaluator.mitigation if plan.columns is not None else ():
        if getattr(item, "method", "split") != "split":
            raise ValueError(
                f"{item!r} looks at the diagonal of all training points, of which a prediction "
                "measures the support vectors only; take Depolarizing('split')"
            )


def _read(ledger: Ledger, requests: Sequence[Request], identity: str) -> dict[bytes, Counts]:
    """Return the counts of each point, by its key."""
    return {
        key: counts
        for request in requests
        for key, counts in zip(
            request.keys(identity), read_counts(ledger, request, identity), strict=True
        )
    }


def _advice(
    plan: Measurement, needed: Sequence[Request], mitigation: Sequence[Mitigation]
) -> str | None:
    """Return how to buy what mitigations need and the plan does not measure; None if it does."""
    planned = {key for request in plan.requests for key in request.keys("")}
    if all(planned.issuperset(request.keys("")) for request in needed):
        return None
    return (
        f"some of them the plan does not measure: give its evaluator mitigation={[*mitigation]}, "
        "plan again, and execute, which on this ledger buys them alone"
    )


@dataclass(frozen=True, eq=False)
class _Held:
    """A source of counts that are at hand, or of a bootstrap sample of them.

    A point's sample is drawn from a seed, the sample's number and the point's key.
    """

    counts: Mapping[bytes, Counts]
    identity: str
    sample: tuple[int, int] | None

    def __call__(self, request: Request) -> list[Counts]:
        return [self._of(key) for key in request.keys(self.identity)]

    def _of(self, key: bytes) -> Counts:
        if self.sample is None:
            return self.counts[key]
        generator = np.random.default_rng([*self.sample, int.from_bytes(key[:8], "big")])
        return self.counts[key].resampled(generator)


def fresh_seed(random_state: int | None) -> int:
    """Return a seed: the given one, or another each time."""
    if random_state is None:
        return secrets.randbits(64)
    return integer(random_state, "random_state", 0)
