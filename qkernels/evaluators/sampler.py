"""The evaluator on a `cirq.Sampler`: every number is estimated from counts in a ledger.

What lives here: `SamplerEvaluator`, which turns what kernels ask for into requests, has them
bought, and has them estimated. How each is done lives in `sampling`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import cirq
import numpy as np

from qkernels.evaluators.arguments import checked_points
from qkernels.evaluators.estimated import EstimatedValues
from qkernels.evaluators.observables import estimated_words, read_words
from qkernels.evaluators.points import PreparedPoints, prepared_points, restored_points
from qkernels.evaluators.values import SharedValue
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, real_array, typed
from qkernels.memory import require_memory
from qkernels.sampling.backends import Offline, as_backend, identity_of
from qkernels.sampling.budget import Budget
from qkernels.sampling.circuits import bell_circuit, inversion_circuit, tomography_circuit
from qkernels.sampling.counts import Counts
from qkernels.sampling.estimates import (
    FidelityEstimate,
    estimate_diagonal,
    estimate_fidelities,
    estimate_words,
    fidelity_reading,
    inverse_confusion,
)
from qkernels.sampling.execution import Execution, read_counts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.mitigation import (
    Depolarizing,
    Mitigation,
    UnbiasedDistances,
    check_mitigation,
)
from qkernels.sampling.requests import (
    GramRequest,
    Request,
    Source,
    TomographyRequest,
    request_diagonal,
    request_fidelities,
    request_tomography,
)
from qkernels.sampling.settings import Word, all_z, measurement_settings
from qkernels.sampling.target import Target

_CIRCUITS = {"inversion": inversion_circuit, "bell": bell_circuit}
_DIAGONALS = ("measure", "one")


class SamplerEvaluator(EstimatedValues, SharedValue):
    """Fidelities, expectation values and probabilities measured on any `cirq.Sampler`.

    What was measured once is kept in a ledger: symmetric calls, clones, grid searches and runs
    after a crash buy each distinct point once. A pair of points and its reverse are one.

    Parameters
    ----------
    backend : cirq.Sampler, Backend or None
        Where circuits run. None works from the ledger alone, and names what is missing; where it
        has counts of several backends, `qkernels.hardware.Offline` names one.
    repetitions : int, default=1000
        How often each circuit is measured.
    estimator : {"inversion", "bell"}, default="inversion"
        How fidelities are measured: "inversion" runs U(y)† U(x) and counts zeros, with variance
        K(1 − K)/S; "bell" compares two copies, with variance (1 − K²)/S, at half the depth on
        twice the qubits, for noisy maps too. Expectation values are read from local measurements
        of all qubits.
    diagonal : {"measure", "one"}, default="measure"
        Whether a state's fidelity with itself is measured, which tells the noise, or taken to be 1.
    mitigation : sequence, default=()
        What is corrected: see `qkernels.hardware`.
    ledger : Ledger or path, optional
        Where counts are kept; in memory if left out, shared by all copies of this evaluator.
    budget : Budget, optional
        The most that the ledger may spend; checked before anything is submitted.
    target : Target, optional
        The device that circuits are compiled for, once; they run as they are if left out.
    points_per_chunk : int, optional
        The most points of one submission; 100 if left out. At most so many are in doubt after a
        crash.
    random_state : int, optional
        Draws the order in which points are bought, so that drift of the device does not line up
        with the rows of a matrix; they are bought in order if left out.
    verbose : int, default=0
        Whether a progress bar is shown.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import cirq
    >>> import qkernels as qk
    >>> evaluator = qk.SamplerEvaluator(cirq.Simulator(seed=0), repetitions=100)
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    >>> kernel([[0.1, 0.2], [0.3, 0.1]]).shape
    (2, 2)
    >>> print(evaluator.ledger.summary())
    3 points of 1 circuits
    submissions: 1 done
    repetitions: 300
    """

    def __init__(
        self,
        backend: Any,
        *,
        repetitions: int = 1000,
        estimator: str = "inversion",
        diagonal: str = "measure",
        mitigation: Sequence[Mitigation] = (),
        ledger: Ledger | str | os.PathLike[str] | None = None,
        budget: Budget | None = None,
        target: Any = None,
        points_per_chunk: int | None = None,
        random_state: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.repetitions = integer(repetitions, "repetitions", 1)
        self.estimator = _choice("estimator", estimator, tuple(_CIRCUITS))
        self.diagonal = _choice("diagonal", diagonal, _DIAGONALS)
        self.mitigation = _checked_mitigation(mitigation)
        self.target = _instance("target", target, Target)
        self.points_per_chunk = (
            None if points_per_chunk is None else integer(points_per_chunk, "points_per_chunk", 1)
        )
        self.random_state = (
            None if random_state is None else integer(random_state, "random_state", 0)
        )
        self.budget = _instance("budget", budget, Budget)
        self.verbose = verbose
        self.backend = None if backend is None else as_backend(backend)
        if self.diagonal == "one" and any(isinstance(m, Depolarizing) for m in self.mitigation):
            raise ValueError(
                "mitigation: Depolarizing needs a measured diagonal, got diagonal='one': an "
                "evaluator with diagonal='measure' measures it"
            )
        if ledger is not None and not isinstance(ledger, Ledger | str | os.PathLike):
            raise TypeError(f"ledger: expected None, a path or a Ledger, got {ledger!r}")
        self.ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
        self.source: Source | None = None

    # -- Values

    def _key(self) -> tuple:
        return (
            *(self.repetitions, self.estimator, self.diagonal, self.mitigation, self.target),
            *(self.ledger, self.budget, self.points_per_chunk, self.random_state, self.source),
            None if self.backend is None else identity_of(self.backend),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "execution"}

    def __repr__(self) -> str:
        backend = None if self.backend is None else identity_of(self.backend)
        names = ("repetitions", "estimator", "diagonal", "mitigation", "ledger", "target")
        shown = (f"{name}={getattr(self, name)!r}" for name in names if getattr(self, name))
        return f"SamplerEvaluator({backend}, {', '.join(shown)})"

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change.

        Counts of one ledger are the same whenever they are asked for; those of another are not.
        """
        names = ("repetitions", "estimator", "diagonal", "mitigation")
        backend = None if self.backend is None else identity_of(self.backend)
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        target = None if self.target is None else self.target.fingerprint()
        text = f"sampler-1:{self.ledger.name}:{backend}, {arguments}, target={target}"
        return text if self.source is None else f"{text}, source={self.source!r}"

    def replace(self, **changes: Any) -> SamplerEvaluator:
        """Return an evaluator with some arguments changed; it shares ledger and source.

        Parameters
        ----------
        **changes
            Arguments of the constructor.
        """
        names = inspect.signature(SamplerEvaluator).parameters
        changed = SamplerEvaluator(**{name: getattr(self, name) for name in names} | changes)
        changed.source = self.source
        return changed

    def with_source(self, source: Source | None) -> SamplerEvaluator:
        """Return an evaluator whose counts come from elsewhere; None stands for buying them.

        A source is a callable: from a Request to a list with the Counts of each of its points.
        """
        changed = self.replace()
        changed.source = source
        return changed

    # -- The protocol

    def embed(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None = None
    ) -> PreparedPoints:
        """Prepare points for `fidelities`; nothing is measured.

        Parameters
        ----------
        feature_map : FeatureMap
        inputs : array-like of shape (n_points, n_features)
            What the circuit takes: `feature_map.encode(X)` times the bandwidth.
        parameters : array-like of shape (n_parameters,), optional

        Raises
        ------
        ValueError
            If an angle is not a finite number.
        """
        return prepared_points(feature_map, real_array(inputs, "inputs"), parameters, self.ledger)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> PreparedPoints:
        """Return the prepared points whose `arrays()` these are."""
        return restored_points(arrays, self.ledger)

    def fidelities(
        self, a: PreparedPoints, b: PreparedPoints | None = None, *, return_std: bool = False
    ) -> Any:
        """Return estimated fidelities, and measure what the ledger lacks of them.

        Parameters
        ----------
        a : PreparedPoints
        b : PreparedPoints, optional
            Of the same feature map. None, or `a` itself, is the symmetric case.
        return_std : bool, default=False
            Whether to return the standard errors too.

        Returns
        -------
        ndarray of shape (len(a), len(b)), or two of them

        Raises
        ------
        ValueError
            If the circuit cannot be measured in this way, or a mitigation does not apply.
        MissingCounts
            If counts are missing and there is no backend.
        BudgetExceeded, UnknownSubmission
            See `qkernels.hardware`.
        """
        found = self.estimate(a, b)
        return (found.values, np.sqrt(found.variances)) if return_std else found.values

    def estimate(self, a: PreparedPoints, b: PreparedPoints | None = None) -> FidelityEstimate:
        """Return estimated fidelities with all that is known of their errors; see `fidelities`."""
        mitigation = check_mitigation(self.mitigation, kind=self.estimator)
        gram = self.gram_request(a, b)
        # What it refuses is refused before anything is bought; so below.
        fidelity_reading(gram.request.measured.program.qubits, self.estimator, mitigation)
        return estimate_fidelities(gram, self._acquire(gram.request), self.estimator, mitigation)

    def self_fidelities(self, a: PreparedPoints) -> np.ndarray:
        """Return the fidelity of each state with itself, (len(a),): ones if they are not measured.

        They are the diagonal of `fidelities(a)`: what corrects depolarizing noise by the mean of
        a diagonal, or by one entry of it, gives each set of points numbers of its own.
        """
        if self.diagonal == "one":
            return np.ones(len(a))
        kept = check_mitigation(self.mitigation, kind=self.estimator)
        last = kept[-1] if kept and isinstance(kept[-1], Depolarizing) else None
        kept = kept if last is None else kept[:-1]
        measured = _CIRCUITS[self.estimator](a.feature_map, self.target)
        fidelity_reading(measured.program.qubits, self.estimator, kept)
        wanted = request_diagonal(measured, a.angles, self.repetitions)
        counts = self._acquire(wanted.request)
        return estimate_diagonal(wanted, counts, self.estimator, kept, last)

    def expectation_covariances(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return estimated expectation values, and the covariances of their errors.

        Words that are read from the same repetitions have correlated errors.

        Parameters
        ----------
        feature_map, inputs, parameters, observables
            As in `expectations`.

        Returns
        -------
        values : ndarray of shape (n_points, n_observables)
        covariances : ndarray of shape (n_points, n_observables, n_observables)
        """
        inputs = checked_points(inputs)
        mitigation = check_mitigation(self.mitigation, kind="expectations")
        words = read_words(feature_map.qubits, observables)
        require_memory(
            16 * len(inputs) * (len(words.letters) + 1) ** 2,
            f"for the covariances of {len(words.letters)} Pauli words at {len(inputs)} points",
            "take fewer points at a time, or fewer observables",
        )

        def estimates(distinct: list[Word]) -> tuple[np.ndarray, np.ndarray]:
            settings = measurement_settings(distinct, feature_map.n_qubits)
            counts, qubits = self._counts(feature_map, inputs, parameters, settings)
            return estimate_words(counts, qubits, distinct, settings, mitigation)

        return estimated_words(words, len(inputs), estimates)

    def _counts_in_z(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None
    ) -> tuple[list[Counts], np.ndarray | None]:
        settings = all_z(feature_map.n_qubits)
        counts, qubits = self._counts(feature_map, inputs, parameters, settings)
        return [found for (found,) in counts], inverse_confusion(qubits, self.mitigation)

    def _counts(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None, settings: np.ndarray
    ) -> tuple[list[list[Counts]], tuple[cirq.Qid, ...]]:
        """Return the counts of each point in each setting, and the measured qubits."""
        mitigation = check_mitigation(self.mitigation, kind="expectations")
        wanted = self.tomography_request(feature_map, inputs, parameters, settings)
        qubits = wanted.request.measured.program.qubits
        inverse_confusion(qubits, mitigation)
        found = self._acquire(wanted.request)
        return [[found[point] for point in row] for row in wanted.rows], qubits

    @property
    def unbiased_distances(self) -> bool:
        """Whether projected kernels are to take shot noise out of their distances."""
        return any(isinstance(item, UnbiasedDistances) for item in self.mitigation)

    # -- Requests

    def gram_request(self, a: PreparedPoints, b: PreparedPoints | None = None) -> GramRequest:
        """Return the points that `fidelities` measures.

        Raises
        ------
        ValueError
            If the two are of different feature maps, or the circuit cannot be measured in this
            way.
        """
        other = None if b is a else b
        if other is not None and not other.is_of_same_map(a):
            raise ValueError(
                f"expected points of one feature map, got {a.feature_map!r} and "
                f"{other.feature_map!r}"
            )
        noise = [item for item in self.mitigation if isinstance(item, Depolarizing)]
        return request_fidelities(
            _CIRCUITS[self.estimator](a.feature_map, self.target),
            a.angles,
            None if other is None else other.angles,
            self.repetitions,
            measure_diagonal=self.diagonal == "measure",
            with_rows=any(item.method == "split" or other is None for item in noise),
            with_columns=bool(noise),
        )

    def tomography_request(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any, settings: np.ndarray
    ) -> TomographyRequest:
        """Return the points that measure expectation values in some settings."""
        measured = tomography_circuit(feature_map, self.target)
        angles = feature_map.angles(real_array(inputs, "inputs"), parameters)
        return request_tomography(measured, angles, settings, self.repetitions)

    # -- Buying

    @cached_property
    def execution(self) -> Execution:
        """What buys for this evaluator."""
        order = self.random_state
        return Execution(
            self.ledger,
            self.backend or Offline(""),
            budget=self.budget,
            points_per_chunk=self.points_per_chunk,
            generator=None if order is None else np.random.default_rng(order),
            verbose=self.verbose,
        )

    def resolve(self, submission: int, *, action: str, reference: str | None = None) -> None:
        """Decide what becomes of a submission of which nobody knows whether it was run.

        Parameters
        ----------
        submission : int
            Its number, as the error says.
        action : {"attach", "resubmit", "abandon"}
            "attach" collects it where the backend can find it, "resubmit" buys it again, and
            "abandon" does without it; what there is to do is done when it is next needed.
        reference : str, optional
            Under which the backend has it, for "attach".

        Raises
        ------
        ValueError, LookupError
            If there is no such action or submission, it needs no decision, or cannot be found.
        """
        self.execution.resolve(submission, action, reference)

    def _acquire(self, request: Request) -> list[Counts]:
        """Return the counts of all points; without a source, what is missing is bought."""
        if self.source is not None:
            return self.source(request)
        if not self.is_offline:
            self.execution.buy(request)
        return read_counts(self.ledger, request, self.identity(request))

    @property
    def is_offline(self) -> bool:
        """Whether counts come from the ledger alone."""
        return self.backend is None or isinstance(self.backend, Offline)

    def identity(self, request: Request) -> str:
        """Return the backend whose counts are meant: without one, the ledger's only one.

        Raises
        ------
        ValueError
            If there is no backend, and the ledger has counts of several.
        """
        if self.backend is not None:
            return identity_of(self.backend)
        found = self.ledger.backends(request.measured.program)
        if len(found) > 1:
            raise ValueError(
                f"expected counts of one backend in {self.ledger!r}, got {found}: give the "
                f"backend, or qkernels.hardware.Offline({found[0]!r})"
            )
        return found[0] if found else "any backend"


def _choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {list(allowed)}, got {value!r}")
    return value


def _checked_mitigation(mitigation: Any) -> tuple[Mitigation, ...]:
    is_list = isinstance(mitigation, Sequence) and not isinstance(mitigation, str)
    if not is_list or not all(isinstance(item, Mitigation) for item in mitigation):
        raise TypeError(f"mitigation: expected a list of mitigations, got {typed(mitigation)}")
    return tuple(mitigation)


def _instance(name: str, value: Any, kind: type) -> Any:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name}: expected None or a {kind.__name__}, got {value!r}")
    return value
