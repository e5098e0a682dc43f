"""Maps whose data are elements of a group: covariant."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cirq

from qkernels.feature_maps.entanglement import pairs
from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.validation import integer, numbered


def covariant(
    graph: Iterable[tuple[int, int]], n_qubits: int | None = None, shared_angle: bool = True
) -> FeatureMap:
    """A trainable graph state, rotated on each qubit by exp(i x_0 X) exp(i x_1 Z).

    The state is D_x V_λ|0⟩, with V_λ = ∏ CZ ∏ R_Y(λ) and D_x the product over qubits q of
    exp(i x_2q X) exp(i x_2q+1 Z), an element of SU(2).

    Parameters
    ----------
    graph : iterable of pairs of int, or an object with `edges`
        The pairs of qubits that get a CZ, for instance a `networkx.Graph` of integers.
    n_qubits : int, optional
        Number of qubits; by default one more than the largest that the graph names.
    shared_angle : bool, default=True
        Whether all R_Y share one trainable angle λ, or each has its own.

    Returns
    -------
    FeatureMap
        A map with two features a qubit, and one trainable parameter or one a qubit.

    Raises
    ------
    ValueError
        If the graph is not one of pairs of distinct qubits in range, or it has no edges and
        `n_qubits` is not given.

    References
    ----------
    Glick et al., "Covariant quantum kernels for data with group structure", Nature Physics 20, 479
    (2024).

    Examples
    --------
    >>> print(covariant([(0, 1)]))
    0: ───Ry(theta0)───@───Rz(-2*x1)───Rx(-2*x0)───
                       │
    1: ───Ry(theta0)───@───Rz(-2*x3)───Rx(-2*x2)───
    """
    width = None if n_qubits is None else integer(n_qubits, "n_qubits", 1)
    edges = pairs(getattr(graph, "edges", graph), math.inf if width is None else width, "graph")
    if width is None:
        if not edges:
            raise ValueError("expected n_qubits for a graph without edges, got None")
        width = 1 + max(map(max, edges))
    x, theta = numbered("x", 2 * width), numbered("theta", 1 if shared_angle else width)
    qubits = cirq.LineQubit.range(width)
    circuit = cirq.Circuit(
        [cirq.ry(theta[0 if shared_angle else q])(qubits[q]) for q in range(width)],
        [cirq.CZ(qubits[i], qubits[j]) for i, j in edges],
        [cirq.rz(-2 * x[2 * q + 1])(qubits[q]) for q in range(width)],
        [cirq.rx(-2 * x[2 * q])(qubits[q]) for q in range(width)],
    )
    return FeatureMap(circuit, x, theta, name="covariant")
