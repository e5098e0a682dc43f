"""The seam between kernels and the ways to compute them.

A kernel says what is compared; an evaluator says how. What lives here: the protocols,
`Prepared` (points made ready, O(N) work), `Evaluator` (which prepares points and compares them,
O(N²) work), and what some evaluators have beside it. No computing lives here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import cirq
import numpy as np

from qkernels.feature_maps import FeatureMap


@runtime_checkable
class Prepared(Protocol):
    """Points made ready for comparison; opaque to all but the evaluator that made them."""

    @property
    def nbytes(self) -> int:
        """Bytes held in memory; tile sizes are planned from it."""

    def __len__(self) -> int:
        """Return the number of points."""

    def __getitem__(self, rows: slice | np.ndarray) -> Prepared:
        """Return some of the points; a slice is a view, an index array a copy."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a store writes: arrays whose first axis runs over the points."""


@runtime_checkable
class Evaluator(Protocol):
    """Computes fidelities and expectation values of a feature map's states.

    Evaluators are shared values: copying one returns itself, two with equal configuration are
    equal, and a pickle carries the configuration only.

    In every method `inputs` has shape (n_points, n_features) and holds what the map's
    circuit takes: the encoded data (`FeatureMap.encode`) times the kernel's bandwidth.
    """

    def embed(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: np.ndarray | None = None,
    ) -> Prepared:
        """Prepare points for `fidelities`."""

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Prepared:
        """Return the prepared points whose `arrays()` these are."""

    def fidelities(self, a: Any, b: Any = None, *, return_std: bool = False) -> Any:
        """Return |⟨a_i|b_j⟩|² of shape (len(a), len(b)); `b` None or `a`: symmetric.

        Both were prepared by this evaluator, from one feature map and one set of parameters.
        """

    def expectations(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: np.ndarray | None = None,
        *,
        observables: Sequence[cirq.PauliString],
        return_std: bool = False,
    ) -> Any:
        """Return the expectation values of `observables`, of shape (n_points, n_observables)."""

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change."""


@runtime_checkable
class SampledEvaluator(Evaluator, Protocol):
    """An evaluator whose numbers are estimated: they have errors, and a diagonal that is not 1."""

    @property
    def unbiased_distances(self) -> bool:
        """Whether a projected kernel is to take shot noise out of its distances."""

    def self_fidelities(self, a: Any) -> np.ndarray:
        """Return the diagonal of `fidelities(a)`, of shape (len(a),), without the rest."""

    def expectation_covariances(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: np.ndarray | None = None,
        *,
        observables: Sequence[cirq.PauliString],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return expectation values, and the covariances of their errors.

        Their shapes are (n_points, n_observables) and (n_points, n_observables, n_observables).
        """


@runtime_checkable
class ProbabilityEvaluator(Evaluator, Protocol):
    """An evaluator that also gives the probabilities of outcomes.

    With a method `probabilities_vjp`, as `StatevectorEvaluator` has it, they have gradients.
    """

    def probabilities(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: np.ndarray | None = None,
        *,
        outputs: np.ndarray,
        n_outputs: int,
        return_std: bool = False,
    ) -> Any:
        """Return how probable each output is, (n_points, n_outputs), if all qubits are measured.

        `outputs` has the output that each basis state counts for, (2^n_qubits,), in Cirq's order.
        """


@runtime_checkable
class DifferentiableEvaluator(Evaluator, Protocol):
    """An evaluator that pulls gradients back: see `StatevectorEvaluator` for each method."""

    def fidelities_vjp(self, a: Any, b: Any, cotangent: np.ndarray) -> Any:
        """Return `.parameters`, `.X` and `.Y`, given the gradient by the fidelities."""

    def expectations_vjp(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: np.ndarray | None,
        observables: Sequence[cirq.PauliString],
        cotangent: np.ndarray,
    ) -> Any:
        """Return `.parameters` and `.X`, given the gradient by the expectation values."""

    def fidelities_jacobian(self, a: Any, wrt: Sequence[Any]) -> np.ndarray:
        """Return how fast the symmetric fidelities change, of shape (n, n, len(wrt))."""

    def expectations_jacobian(
        self,
        feature_map: FeatureMap,
        inputs: np.ndarray,
        parameters: np.ndarray | None,
        observables: Sequence[cirq.PauliString],
        wrt: Sequence[Any],
    ) -> np.ndarray:
        """Return how fast the expectation values change, of shape (n, n_observables, len(wrt))."""
