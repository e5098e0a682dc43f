"""What evaluators that estimate from counts share: values, with standard errors on demand.

What lives here: a mixin. Where counts come from is the business of the evaluators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cirq
import numpy as np

from qkernels.evaluators.arguments import checked_outputs, checked_points
from qkernels.feature_maps import FeatureMap
from qkernels.memory import require_memory
from qkernels.sampling.counts import Counts
from qkernels.sampling.probabilities import estimate_probabilities


class EstimatedValues:
    """Expectation values and probabilities of an evaluator that counts outcomes.

    To be inherited by classes with the two methods that are not implemented here.
    """

    def expectation_covariances(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return expectation values, and the covariances of their errors."""
        raise NotImplementedError

    def _counts_in_z(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None
    ) -> tuple[list[Counts], np.ndarray | None]:
        """Return each point's counts of Z on all qubits, and the bits' inverse confusion."""
        raise NotImplementedError

    def expectations(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
        return_std: bool = False,
    ) -> Any:
        """Return expectation values of Pauli strings as estimated from local measurements.

        Parameters
        ----------
        feature_map, inputs, parameters
            As in `embed`.
        observables : sequence of cirq.PauliString
            With real coefficients, on qubits of the map.
        return_std : bool, default=False
            Whether to return the standard errors too.

        Returns
        -------
        ndarray of shape (n_points, n_observables), or two of them

        Raises
        ------
        ValueError, MemoryError
            If an argument is not as said, or the covariances would not fit.
        MissingCounts, BudgetExceeded, UnknownSubmission
            Where counts are bought: as `SamplerEvaluator.fidelities` does.
        """
        values, covariances = self.expectation_covariances(
            feature_map, inputs, parameters, observables=observables
        )
        variances = np.diagonal(covariances, axis1=1, axis2=2)
        return (values, np.sqrt(variances)) if return_std else values

    def probabilities(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        outputs: Any,
        n_outputs: int,
        return_std: bool = False,
    ) -> Any:
        """Return how probable each output is, as estimated from measurements of Z on all qubits.

        The counts are those from which `expectations` reads words of Z's.

        Parameters
        ----------
        feature_map, inputs, parameters
            As in `embed`.
        outputs : array-like of shape (2^n_qubits,), int
            The output that each basis state counts for, in Cirq's order: the first qubit is the
            most significant.
        n_outputs : int
        return_std : bool, default=False
            Whether to return the standard errors too.

        Returns
        -------
        ndarray of shape (n_points, n_outputs), or two of them
            Each row adds up to 1. With readout correction entries may be below 0 or above 1.

        Raises
        ------
        TypeError, ValueError, MemoryError
            If an argument is not as said, or the result would not fit.
        MissingCounts, BudgetExceeded, UnknownSubmission
            Where counts are bought: as `SamplerEvaluator.fidelities` does.
        """
        inputs = checked_points(inputs)
        outputs = checked_outputs(outputs, n_outputs, feature_map.n_qubits)
        require_memory(
            6 * 8 * len(inputs) * n_outputs,
            f"for the probabilities of {n_outputs} outputs at {len(inputs)} points",
            "take fewer points at a time, or fewer outputs",
        )
        counts, inverse = self._counts_in_z(feature_map, inputs, parameters)
        values, variances = estimate_probabilities(counts, outputs, n_outputs, inverse)
        return (values, np.sqrt(variances)) if return_std else values
