"""A feature map as it is without entanglement: the circuit to compare it with."""

from __future__ import annotations

import cirq

from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.flattening import flatten, unroll


def without_entanglement(feature_map: FeatureMap) -> FeatureMap:
    """Return a map without its gates on more than one qubit: its states are product states.

    What is left is the circuit to compare with, when entanglement is said to help.

    Parameters
    ----------
    feature_map : FeatureMap

    Returns
    -------
    FeatureMap
        On the same qubits, with the trainable symbols that are left. It keeps all features, also
        those that only gates on several qubits used.

    References
    ----------
    J. Bowles, S. Ahmed, M. Schuld, "Better than classical? The subtle art of benchmarking quantum
    machine learning models", arXiv:2403.07059 (2024).

    Examples
    --------
    >>> from qkernels.feature_maps import iqp
    >>> print(without_entanglement(iqp(2)))
    0: ───H───Rz(x0)───
    <BLANKLINE>
    1: ───H───Rz(x1)───
    """
    operations = unroll(feature_map.circuit).all_operations()
    kept = [operation for operation in operations if len(operation.qubits) < 2]
    # A qubit on which nothing is left must still be there for observables.
    idle = set(feature_map.qubits).difference(*(operation.qubits for operation in kept))
    circuit = cirq.FrozenCircuit(kept, map(cirq.I, sorted(idle)))
    left = flatten(circuit).free_symbols
    parameters = [symbol for symbol in feature_map.parameter_symbols if symbol in left]
    return FeatureMap._unchecked(circuit, feature_map.feature_symbols, parameters, feature_map.name)
