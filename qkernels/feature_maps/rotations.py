"""Maps whose features are angles of one-qubit rotations: angle, chebyshev."""

from __future__ import annotations

import cirq
import sympy

from qkernels.feature_maps.entanglement import ladder
from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.validation import integer, numbered

_AXES = {"X": cirq.rx, "Y": cirq.ry, "Z": cirq.rz}


def angle(n_features: int, axis: str = "X", reps: int = 1) -> FeatureMap:
    """One rotation by each feature, without entanglement.

    Parameters
    ----------
    n_features : int
        Number of features, one qubit each.
    axis : {"X", "Y", "Z"}, default="X"
        The rotations' axis. Z only changes a phase of |0⟩: use it after another map.
    reps : int, default=1
        How often the rotations are repeated.

    Returns
    -------
    FeatureMap
        A map on `n_features` qubits without trainable parameters.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Schuld and Killoran, "Quantum machine learning in feature Hilbert spaces", Physical Review
    Letters 122, 040504 (2019).

    Examples
    --------
    >>> print(angle(2, axis="Y"))
    0: ───Ry(x0)───
    1: ───Ry(x1)───
    """
    n = integer(n_features, "n_features", 1)
    if axis not in tuple(_AXES):
        raise ValueError(f"expected axis to be 'X', 'Y' or 'Z', got {axis!r}")
    x, qubits = numbered("x", n), cirq.LineQubit.range(n)
    layer = [_AXES[axis](x[i])(qubits[i]) for i in range(n)]
    return FeatureMap(cirq.Circuit([layer] * integer(reps, "reps", 1)), x, name="angle")


def chebyshev(n_features: int, degree: int = 1, layers: int = 2) -> FeatureMap:
    """Chebyshev towers: R_Y(2 k arccos x_i) for k = 1 ... degree, on a qubit each.

    Rotating |0⟩ by R_Y(2 k arccos x) gives the amplitude T_k(x), the Chebyshev polynomial of
    degree k. Between layers, CNOTs couple neighbours.

    Parameters
    ----------
    n_features : int
        Number of features, `degree` qubits each.
    degree : int, default=1
        Height of the towers.
    layers : int, default=2
        Number of layers of rotations; with one there is no entanglement.

    Returns
    -------
    FeatureMap
        A map on `n_features * degree` qubits without trainable parameters, for data in [-1, 1].
        A bandwidth multiplies arccos x_i.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    sQUlearn's `ChebyshevTower` takes half of these angles.

    References
    ----------
    Kyriienko, Paine and Elfving, "Solving nonlinear differential equations with differentiable
    quantum circuits", Physical Review A 103, 052416 (2021).

    Examples
    --------
    >>> print(chebyshev(1, degree=2))
    0: ───Ry(2*acos(x0))───@───Ry(2*acos(x0))───
                           │
    1: ───Ry(4*acos(x0))───X───Ry(4*acos(x0))───
    """
    n = integer(n_features, "n_features", 1)
    height = integer(degree, "degree", 1)
    x, qubits = numbered("x", n), cirq.LineQubit.range(n * height)
    towers = [
        cirq.ry(2 * (q % height + 1) * sympy.acos(x[q // height]))(qubits[q])
        for q in range(n * height)
    ]
    coupling = [cirq.CNOT(qubits[i], qubits[j]) for i, j in ladder(len(qubits))]
    circuit = cirq.Circuit(towers, [coupling, towers] * (integer(layers, "layers", 1) - 1))
    return FeatureMap(circuit, x, name="chebyshev")
