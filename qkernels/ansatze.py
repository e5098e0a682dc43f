"""Ansätze: circuits of trainable gates alone, which come after a feature map.

What lives here: the standard ones of the literature, as functions that return a `FeatureMap`
without features on n qubits of a line. Their trainable symbols are w0, w1, ..., so that they do not
clash with those of a feature map, which are theta0, theta1, ... What is measured after them is the
business of `qkernels.qnn`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from typing import Any

import cirq
import numpy as np

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.entanglement import brick, pairs, ring, subsets
from qkernels.feature_maps.validation import integer, numbered

__all__ = ["brickwork", "code_blocks", "hardware_efficient", "strongly_entangling", "two_local"]

_ROTATIONS = {"rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz}
_ENTANGLERS = {"cz": cirq.CZ, "cnot": cirq.CNOT}


def hardware_efficient(n_qubits: int, layers: int = 1) -> FeatureMap:
    """Layers of R_Y and R_Z on each qubit, then a ring of CZ.

    They are the layers of `qkernels.feature_maps.hardware_efficient`, without the data.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1. Two have one CZ.
    layers : int, default=1
        Number of layers, at least 1.

    Returns
    -------
    FeatureMap
        With 2 n_qubits weights a layer: R_Y and R_Z of the first qubit, of the second, and so on.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Kandala et al., "Hardware-efficient variational quantum eigensolver for small molecules and
    quantum magnets", Nature 549, 242 (2017).

    Examples
    --------
    >>> print(hardware_efficient(2))
    0: ───Ry(w0)───Rz(w1)───@───
                            │
    1: ───Ry(w2)───Rz(w3)───@───
    """
    n, layers = _sizes(n_qubits, layers)
    return _layered([ring(n)] * layers, n, "hardware_efficient")


def brickwork(n_qubits: int, layers: int = 1) -> FeatureMap:
    """Layers of R_Y and R_Z on each qubit, then CZ on every second pair of neighbours on a line.

    The pairs of one layer lie between those of the next, like bricks, and begin at the first qubit
    in the first layer. What happens to a qubit reaches one neighbour more with each layer, so that
    the number of layers says how local an observable stays.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1. Two have a CZ in every second layer.
    layers : int, default=1
        Number of layers, at least 1.

    Returns
    -------
    FeatureMap
        With 2 n_qubits weights a layer: R_Y and R_Z of the first qubit, of the second, and so on.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    Cerezo et al., "Cost function dependent barren plateaus in shallow parametrized quantum
    circuits", Nature Communications 12, 1791 (2021): the alternating layered ansatz with blocks
    of two qubits. A block here is R_Y, R_Z and CZ; a qubit without a neighbour is turned all the
    same.

    Examples
    --------
    >>> print(brickwork(3, layers=2))
    0: ───Ry(w0)───Rz(w1)───@─────────Ry(w6)────Rz(w7)───────
                            │
    1: ───Ry(w2)───Rz(w3)───@─────────Ry(w8)────Rz(w9)───@───
                                                         │
    2: ───Ry(w4)───Rz(w5)───Ry(w10)───Rz(w11)────────────@───
    """
    n, layers = _sizes(n_qubits, layers)
    return _layered([brick(n, layer % 2) for layer in range(layers)], n, "brickwork")


def strongly_entangling(
    n_qubits: int, layers: int = 1, *, ranges: Sequence[int] | None = None
) -> FeatureMap:
    """Layers of R_Z, R_Y, R_Z on each qubit, then CNOTs from each qubit to one further round.

    Weight for weight these are PennyLane's `StronglyEntanglingLayers`, with its array of shape
    (layers, n_qubits, 3) read row by row.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1.
    layers : int, default=1
        Number of layers, at least 1.
    ranges : sequence of int, optional
        For each layer how far its CNOTs reach, from qubit i to qubit i + r modulo n_qubits. By
        default 1 in the first layer and one more in each, up to n_qubits - 1, then 1 again.

    Returns
    -------
    FeatureMap
        With 3 n_qubits weights a layer: those of the first qubit, of the second, and so on, each
        in the order of its gates.

    Raises
    ------
    ValueError
        If an argument is out of range, or there is not one range for each layer.

    References
    ----------
    Schuld et al., "Circuit-centric quantum classifiers", Physical Review A 101, 032308 (2020).

    Examples
    --------
    >>> print(strongly_entangling(2))
    0: ───Rz(w0)───Ry(w1)───Rz(w2)───@───X───
                                     │   │
    1: ───Rz(w3)───Ry(w4)───Rz(w5)───X───@───
    """
    n, layers = _sizes(n_qubits, layers)
    reaches = _reaches(ranges, n, layers)
    qubits, weights = cirq.LineQubit.range(n), numbered("w", 3 * n * layers)
    unused = iter(weights)
    circuit = cirq.Circuit()
    for reach in reaches:
        for qubit in qubits:
            circuit.append(r(next(unused))(qubit) for r in (cirq.rz, cirq.ry, cirq.rz))
        if n > 1:
            circuit.append(cirq.CNOT(qubits[i], qubits[(i + reach) % n]) for i in range(n))
    return FeatureMap(circuit, (), weights, name="strongly_entangling")


def two_local(
    n_qubits: int,
    layers: int = 1,
    *,
    rotations: Sequence[str] = ("ry", "rz"),
    entangler: str = "cz",
    entanglement: str | Sequence[tuple[int, int]] = "linear",
) -> FeatureMap:
    """Layers of rotations and entangling gates, and rotations once more at the end.

    With `entangler="cnot"` these are Qiskit's `real_amplitudes` for `rotations=("ry",)` and its
    `efficient_su2` for `("ry", "rz")`, with the weights in the same order. Their default
    entanglement, "reverse_linear", is the list of pairs (n - 2, n - 1), ..., (0, 1). Their
    "circular" begins with the pair that closes the ring, which ends the list here.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1.
    layers : int, default=1
        Number of entangling layers, at least 1: there is one layer of rotations more.
    rotations : sequence of {"rx", "ry", "rz"}, default=("ry", "rz")
        The rotations of each qubit in a layer, one or more.
    entangler : {"cz", "cnot"}, default="cz"
        The gate on each pair; the first qubit of a pair is the control.
    entanglement : {"full", "linear", "circular"} or sequence of pairs of int, default="linear"
        All pairs; neighbours on a line; neighbours on a ring; or those listed, in their order.

    Returns
    -------
    FeatureMap
        With n_qubits weights for each rotation and layer: those of the first rotation on all
        qubits, those of the second, and so on.

    Raises
    ------
    ValueError
        If an argument is none of these.

    References
    ----------
    Kandala et al., "Hardware-efficient variational quantum eigensolver for small molecules and
    quantum magnets", Nature 549, 242 (2017).

    Examples
    --------
    >>> print(two_local(2, rotations=("ry",), entangler="cnot"))
    0: ───Ry(w0)───@───Ry(w2)───
                   │
    1: ───Ry(w1)───X───Ry(w3)───
    """
    n, layers = _sizes(n_qubits, layers)
    turns, entangle = _turns(rotations), _entangler(entangler)
    named = isinstance(entanglement, str)
    coupled = subsets(entanglement, n, 2) if named else pairs(entanglement, n, "entanglement")
    qubits = cirq.LineQubit.range(n)
    weights = numbered("w", n * len(turns) * (layers + 1))
    unused = iter(weights)
    circuit = cirq.Circuit()
    for layer in range(layers + 1):
        if layer:
            circuit.append(entangle(qubits[i], qubits[j]) for i, j in coupled)
        for turn in turns:
            circuit.append(turn(next(unused))(qubit) for qubit in qubits)
    return FeatureMap(circuit, (), weights, name="two_local")


def code_blocks(n_qubits: int, ranges: Sequence[int] = (1,)) -> FeatureMap:
    """Blocks of a gate on each qubit and controlled gates round the ring, and a last gate.

    Each gate has three weights α, β, γ and the matrix [[e^{iβ} cos α, e^{iγ} sin α],
    [-e^{-iγ} sin α, e^{-iβ} cos α]]. In a block of range r there is one on each qubit, then
    n / gcd(n, r) controlled ones: the first from qubit 0 to qubit -r modulo n, and each of the
    others on from where the one before arrived. The last gate of all is on qubit 0.

    Parameters
    ----------
    n_qubits : int
        Number of qubits, at least 1. One qubit has no controlled gates.
    ranges : sequence of int, default=(1,)
        The range of each block: positive, and no multiple of the number of qubits.

    Returns
    -------
    FeatureMap
        Without features; its parameters are α, β, γ of the gates in their order.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    M. Schuld, A. Bocharov, K. Svore and N. Wiebe, "Circuit-centric quantum classifiers", Physical
    Review A 101, 032308 (2020).

    Examples
    --------
    >>> code_blocks(3, ranges=(1, 2)).n_parameters
    39
    """
    n = integer(n_qubits, "n_qubits", 1)
    couplings = [_couplings(n, reach) for reach in _checked_ranges(ranges)]
    qubits = cirq.LineQubit.range(n)
    weights = numbered("w", 3 * (sum(n + len(coupled) for coupled in couplings) + 1))
    triples = zip(*[iter(weights)] * 3, strict=True)
    circuit = cirq.Circuit()
    for coupled in couplings:
        circuit.append(_general(next(triples), qubit) for qubit in qubits)
        for control, target in coupled:
            gate = _general(next(triples), qubits[target])
            circuit.append(rotation.controlled_by(qubits[control]) for rotation in gate)
    circuit.append(_general(next(triples), qubits[0]))
    return FeatureMap(circuit, (), weights, name="code_blocks")


def _layered(layers: Sequence[list[tuple[int, int]]], n: int, name: str) -> FeatureMap:
    """Return the ansatz of R_Y and R_Z on each qubit, then CZ on the pairs of each layer."""
    qubits = cirq.LineQubit.range(n)
    weights = numbered("w", 2 * n * len(layers))
    unused = iter(weights)
    circuit = cirq.Circuit()
    for coupled in layers:
        circuit.append(_turned(qubits, unused))
        circuit.append(cirq.CZ(qubits[i], qubits[j]) for i, j in coupled)
    return FeatureMap(circuit, (), weights, name=name)


def _turned(qubits: Iterable[cirq.Qid], weights: Iterator[Any]) -> Iterator[cirq.Operation]:
    for qubit in qubits:
        yield cirq.ry(next(weights))(qubit)
        yield cirq.rz(next(weights))(qubit)


def _sizes(n_qubits: int, layers: int) -> tuple[int, int]:
    return integer(n_qubits, "n_qubits", 1), integer(layers, "layers", 1)


def _reaches(ranges: Any, n: int, layers: int) -> list[int]:
    """Return how far the CNOTs of each layer reach."""
    if ranges is None:
        return [1 + layer % max(1, n - 1) for layer in range(layers)]
    if isinstance(ranges, str) or not isinstance(ranges, Iterable):
        raise ValueError(f"expected ranges to be a sequence of integers or None, got {ranges!r}")
    reaches = [integer(reach, "each of ranges", 1) for reach in ranges]
    if len(reaches) != layers or max(reaches) >= n:
        raise ValueError(
            f"expected ranges to be one integer below {n} for each of {layers} layers, "
            f"got {ranges!r}"
        )
    return reaches


def _turns(rotations: Any) -> list[Any]:
    """Return the rotations of those names."""
    listed = isinstance(rotations, Iterable) and not isinstance(rotations, str)
    names = [*rotations] if listed else []
    if not names or not all(name in [*_ROTATIONS] for name in names):
        raise ValueError(
            f"expected rotations to be a sequence of 'rx', 'ry' and 'rz', got {rotations!r}"
        )
    return [_ROTATIONS[name] for name in names]


def _entangler(name: Any) -> Any:
    if name not in [*_ENTANGLERS]:
        raise ValueError(f"expected entangler to be 'cz' or 'cnot', got {name!r}")
    return _ENTANGLERS[name]


def _checked_ranges(ranges: Any) -> tuple[int, ...]:
    if not isinstance(ranges, tuple | list | np.ndarray) or not len(ranges):
        raise ValueError(
            f"expected ranges to be a sequence of at least one positive integer, got {ranges!r}"
        )
    return tuple(integer(reach, "each of ranges", 1) for reach in ranges)


def _couplings(n: int, reach: int) -> list[tuple[int, int]]:
    """Return control and target of a block's controlled gates."""
    if n == 1:
        return []
    if reach % n == 0:
        raise ValueError(
            f"expected no range to be a multiple of the number of qubits, {n}, got {reach}"
        )
    return [(-k * reach % n, -(k + 1) * reach % n) for k in range(n // gcd(n, reach))]


def _general(weights: tuple[Any, ...], qubit: cirq.Qid) -> list[cirq.Operation]:
    a, b, c = weights
    return [cirq.rz(c - b)(qubit), cirq.ry(-2 * a)(qubit), cirq.rz(-b - c)(qubit)]
