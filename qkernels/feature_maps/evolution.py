"""Maps that evolve a state under a physical Hamiltonian: heisenberg."""

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
