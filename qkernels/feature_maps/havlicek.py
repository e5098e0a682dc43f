"""Maps of Hadamard gates and phases: z, zz, pauli, iqp.

After Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
(2019). Every phase is written as one Cirq gate, whose global phase no kernel sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from math import prod
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.feature_maps.entanglement import pairs, subsets
from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.validation import integer, nonzero, numbered

Entanglement = str | Sequence[tuple[int, ...]]

_GATES: dict[str, cirq.Gate] = {
    "X": cirq.X,
    "Y": cirq.Y,
    "Z": cirq.Z,
    "XX": cirq.XX,
    "YY": cirq.YY,
    "ZZ": cirq.ZZ,
}
# Gates U and U† with U P U† = Z.
_BASES: dict[str, tuple[cirq.Gate, cirq.Gate]] = {
    "X": (cirq.H, cirq.H),
    "Y": (cirq.rx(np.pi / 2), cirq.rx(-np.pi / 2)),
}


def z(n_features: int, reps: int = 2, alpha: float = 2.0) -> FeatureMap:
    """Hadamards and phases P(α x_i), without entanglement.

    Parameters
    ----------
    n_features : int
        Number of features, one qubit each.
    reps : int, default=2
        How often the layer is repeated.
    alpha : float, default=2.0
        Factor of all phases, not 0.

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
    Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
    (2019).

    Examples
    --------
    >>> print(z(2, reps=1))
    0: ───H───Z^(2*x0/pi)───
    1: ───H───Z^(2*x1/pi)───
    """
    return _pauli(n_features, ("Z",), reps, "full", alpha, "z")


def zz(
    n_features: int, reps: int = 2, entanglement: Entanglement = "full", alpha: float = 2.0
) -> FeatureMap:
    """Hadamards, phases P(α x_i), and phases P(α (π − x_i)(π − x_j)) on the parity of pairs.

    Parameters
    ----------
    n_features : int
        Number of features, one qubit each.
    reps : int, default=2
        How often the layer is repeated.
    entanglement : {"full", "linear", "circular"} or sequence of pairs, default="full"
        The pairs: all, neighbours on a line, neighbours on a ring, or those listed. A ring of
        two qubits has one pair.
    alpha : float, default=2.0
        Factor of all phases, not 0.

    Returns
    -------
    FeatureMap
        A map on `n_features` qubits without trainable parameters.

    Raises
    ------
    ValueError
        If an argument is out of range.

    See Also
    --------
    pauli : Other Pauli words than Z and ZZ.

    Notes
    -----
    The factors and the phases (π − x_i)(π − x_j) are those of Qiskit's `zz_feature_map`. The
    products change fast: on standardised data a fidelity kernel of this map wants a bandwidth
    about ten times smaller than one of `iqp`.

    References
    ----------
    Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
    (2019).

    Examples
    --------
    >>> print(zz(2, reps=1))
    0: ───H───Z^(2*x0/pi)───ZZ──────────────────────────────
                            │
    1: ───H───Z^(2*x1/pi)───ZZ^(2*(pi - x0)*(pi - x1)/pi)───
    """
    return _pauli(n_features, ("Z", "ZZ"), reps, entanglement, alpha, "zz")


def pauli(
    n_features: int,
    paulis: Sequence[str] = ("Z", "ZZ"),
    reps: int = 2,
    entanglement: Entanglement = "full",
    alpha: float = 2.0,
) -> FeatureMap:
    """Hadamards, and evolutions under Pauli words with products of features as angles.

    Each repetition is H on all qubits, then exp(−i α φ_S(x) P_S / 2) for each word P in turn
    and each group S of as many qubits, with φ_S(x) = x_i for one qubit and ∏ (π − x_i) over
    the group for more.

    Parameters
    ----------
    n_features : int
        Number of features, one qubit each.
    paulis : sequence of str, default=("Z", "ZZ")
        Words in the letters X, Y, Z; letter i acts on qubit i of the group.
    reps : int, default=2
        How often the layer is repeated.
    entanglement : {"full", "linear", "circular"} or sequence of tuples, default="full"
        The groups: all, neighbours on a line, neighbours on a ring, or those listed.
    alpha : float, default=2.0
        Factor of all angles, not 0.

    Returns
    -------
    FeatureMap
        A map on `n_features` qubits without trainable parameters.

    Raises
    ------
    ValueError
        If an argument is out of range, a word is longer than `n_features`, or no group of its
        length is listed.

    Notes
    -----
    Qiskit reads words from right to left; here the first letter acts on the first qubit.

    References
    ----------
    Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
    (2019).

    Examples
    --------
    >>> print(pauli(2, paulis=("Y", "ZX"), reps=1))
    0: ───H───Y^(2*x0/pi)───────@──────────────────────────────────@───────
                                │                                  │
    1: ───H───Y^(2*x1/pi)───H───X───Z^(2*(pi - x0)*(pi - x1)/pi)───X───H───
    """
    n = integer(n_features, "n_features", 1)
    words = _words(paulis)
    for word in words:
        if len(word) > n:
            raise ValueError(f"expected Pauli words of at most {n} letters, got {word!r}")
        if not subsets(entanglement, n, len(word)):
            raise ValueError(f"expected entanglement to have groups for {word!r}, got none")
    return _pauli(n, words, reps, entanglement, alpha, "pauli")


def _words(paulis: Any) -> tuple[str, ...]:
    words = () if isinstance(paulis, str) or not isinstance(paulis, Iterable) else tuple(paulis)
    if not words or not all(isinstance(w, str) and w and set(w) <= set("XYZ") for w in words):
        raise ValueError(
            f"expected paulis to be a sequence of words in the letters X, Y and Z, got {paulis!r}"
        )
    return words


def _pauli(
    n_features: int,
    words: tuple[str, ...],
    reps: int,
    entanglement: Entanglement,
    alpha: float,
    name: str,
) -> FeatureMap:
    n = integer(n_features, "n_features", 1)
    factor = nonzero(alpha, "alpha")
    x, qubits = numbered("x", n), cirq.LineQubit.range(n)
    layer: list[cirq.OP_TREE] = [cirq.H.on_each(*qubits)]
    for word in words:
        for group in subsets(entanglement, n, len(word)):
            phase = x[group[0]] if len(group) == 1 else prod(sympy.pi - x[i] for i in group)
            layer.append(_evolution(word, [qubits[i] for i in group], factor * phase))
    return FeatureMap(cirq.Circuit(layer * integer(reps, "reps", 1)), x, name=name)


def _evolution(word: str, qubits: list[cirq.LineQubit], angle: sympy.Expr) -> cirq.OP_TREE:
    """Return exp(−i angle P / 2) up to a global phase."""
    turns = angle / sympy.pi
    if word in _GATES:
        return cirq.pow(_GATES[word], turns).on(*qubits)
    # A phase on the parity of the qubits, in the basis of the word. The Cirq gate for this,
    # PauliStringPhasor, takes seconds to build with symbols.
    rotated = [(_BASES[p], q) for p, q in zip(word, qubits, strict=True) if p != "Z"]
    parity = [cirq.CNOT(*pair) for pair in pairwise(qubits)]
    return [
        [into(q) for (into, _), q in rotated],
        parity,
        cirq.Z(qubits[-1]) ** turns,
        parity[::-1],
        [back(q) for (_, back), q in rotated],
    ]


def iqp(
    n_features: int, reps: int = 1, pattern: Sequence[tuple[int, int]] | None = None
) -> FeatureMap:
    """Hadamards, R_Z(x_i), and exp(−i x_i x_j Z_i Z_j / 2) on pairs.

    Parameters
    ----------
    n_features : int
        Number of features, one qubit each.
    reps : int, default=1
        How often the layer is repeated.
    pattern : sequence of pairs of int, optional
        The pairs of qubits; all by default.

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
    Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
    (2019), with the products of features as PennyLane's `IQPEmbedding` has them.

    Examples
    --------
    >>> print(iqp(2))
    0: ───H───Rz(x0)───ZZ──────────────
                       │
    1: ───H───Rz(x1)───ZZ^(x0*x1/pi)───
    """
    n = integer(n_features, "n_features", 1)
    coupled = combinations(range(n), 2) if pattern is None else pairs(pattern, n, "pattern")
    x, qubits = numbered("x", n), cirq.LineQubit.range(n)
    layer = [
        cirq.H.on_each(*qubits),
        [cirq.rz(x[i])(qubits[i]) for i in range(n)],
        [(cirq.ZZ ** (x[i] * x[j] / sympy.pi))(qubits[i], qubits[j]) for i, j in coupled],
    ]
    return FeatureMap(cirq.Circuit(layer * integer(reps, "reps", 1)), x, name="iqp")
