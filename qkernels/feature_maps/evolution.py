"""Maps that evolve a state under a physical Hamiltonian: heisenberg, ising."""

from __future__ import annotations

import cirq
import numpy as np
import sympy

from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.validation import integer, nonzero, numbered


def heisenberg(
    n_features: int, trotter_steps: int = 20, time: float | None = None, seed: int = 0
) -> FeatureMap:
    """Evolution of random one-qubit states under a Heisenberg chain whose couplings are the data.

    Each of T Trotter steps is exp(−i (t/T) x_j (XX + YY + ZZ)) on the qubits j and j + 1, for
    j = 0, 1, ... in turn; such a gate is a power of SWAP.

    Parameters
    ----------
    n_features : int
        Number of features: bonds of the chain, which has one qubit more.
    trotter_steps : int, default=20
        The number T of Trotter steps.
    time : float, optional
        The evolution time t, not 0; n_features / 3 by default.
    seed : int, default=0
        Seed of the Haar-random product state that evolves.

    Returns
    -------
    FeatureMap
        A map on `n_features + 1` qubits without trainable parameters.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Huang et al., "Power of data in quantum machine learning", Nature Communications 12, 2631
    (2021).

    Examples
    --------
    >>> print(heisenberg(1, trotter_steps=1))
    0: ───Ry(0.412π)───Rz(0.082π)───×─────────────────
                                    │
    1: ───Ry(0.652π)───Rz(0.033π)───×^(4*x0/(3*pi))───
    """
    n = integer(n_features, "n_features", 1)
    steps = integer(trotter_steps, "trotter_steps", 1)
    duration = sympy.Rational(n, 3) if time is None else nonzero(time, "time")
    x, qubits = numbered("x", n), cirq.LineQubit.range(n + 1)
    step = [
        (cirq.SWAP ** _exponent(duration / steps * x[j]))(qubits[j], qubits[j + 1])
        for j in range(n)
    ]
    circuit = cirq.Circuit(_random_product_state(qubits, seed), step * steps)
    return FeatureMap(circuit, x, name="heisenberg")


def ising(n_features: int, *, gamma: float = 1.0, layers: int = 2, distance: int = 1) -> FeatureMap:
    """Layers of Z rotations and of XX couplings between qubits that are near in a line.

    H on all qubits, then in each layer exp(−i γ x_i Z_i) on every qubit i, and
    exp(−i (π γ²/2) (1 − x_i)(1 − x_j) X_i X_j) on every pair i < j ≤ i + distance. The data are
    best scaled to [0, 2].

    Parameters
    ----------
    n_features : int
        Number of features and of qubits.
    gamma : float, default=1.0
        The factor γ, not 0: rotations are of the order of γ and couplings of γ².
    layers : int, default=2
        Number of layers.
    distance : int, default=1
        How far coupled qubits are from each other at most; n_features − 1 couples all of them.

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
    Metcalf, Andrés-Martínez and Fitzpatrick, "Realizing quantum kernel models at scale with matrix
    product state simulation", SC24, arXiv:2411.09336 (2024): |ψ(x)⟩ and its Hamiltonians H_Z, H_XX.

    Examples
    --------
    >>> print(ising(2, layers=1))
    0: ───H───Rz(2*x0)───XX───────────────────────
                         │
    1: ───H───Rz(2*x1)───XX^((1 - x0)*(1 - x1))───
    """
    n = integer(n_features, "n_features", 1)
    factor = nonzero(gamma, "gamma")
    reach = integer(distance, "distance", 1)
    x, qubits = numbered("x", n), cirq.LineQubit.range(n)
    layer = [cirq.rz(2 * factor * x[i])(qubits[i]) for i in range(n)]
    for i in range(n):
        for j in range(i + 1, min(i + reach + 1, n)):
            coupling = _xx_coupling(factor**2 * ((1 - x[i]) * (1 - x[j])))
            layer.append(coupling(qubits[i], qubits[j]))
    circuit = cirq.Circuit(cirq.H.on_each(qubits), layer * integer(layers, "layers", 1))
    return FeatureMap(circuit, x, name="ising")


def _xx_coupling(exponent: sympy.Expr) -> cirq.Gate:
    """Return exp(−i (π/2) exponent XX)."""
    return cirq.XXPowGate(exponent=exponent, global_shift=-0.5)


def _exponent(angle: sympy.Expr) -> sympy.Expr:
    """Return the power of SWAP that is exp(−i angle (XX + YY + ZZ)) up to a global phase."""
    return 4 * angle / sympy.pi


def _random_product_state(qubits: list[cirq.LineQubit], seed: int) -> list[cirq.Operation]:
    rng = np.random.default_rng(integer(seed, "seed", 0))
    polar = np.arccos(rng.uniform(-1, 1, len(qubits)))
    azimuth = rng.uniform(0, 2 * np.pi, len(qubits))
    return [
        rotation(angle)(qubit)
        for rotation, angles in ((cirq.ry, polar), (cirq.rz, azimuth))
        for angle, qubit in zip(angles, qubits, strict=True)
    ]
