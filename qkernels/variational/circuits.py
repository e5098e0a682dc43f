"""The circuits and readouts that variational models use where none are given."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, islice
from typing import Any

import cirq

from qkernels.ansatze import strongly_entangling
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, numbered
from qkernels.kernels.validation import as_feature_map, check_n_features
from qkernels.optimizers import check_count
from qkernels.qnn import ExpectationNetwork, Network, ProbabilityNetwork, compose
from qkernels.variational.model import Model

MAX_QUBITS = 6
_LAYERS = 3
# How many qubits a readout needs for so many scores.
_LEAST_QUBITS: dict[str, Callable[[int], int]] = {
    "expectation": int.bit_length,
    "parity": lambda n_classes: n_classes - 1,
    "probabilities": lambda n_classes: (n_classes - 1).bit_length(),
}


def folded(n_features: int) -> FeatureMap:
    """Rotations by the data on 4 to 6 qubits: R_Y and R_X in turn, dealt out qubit by qubit.

    Up to 6 features are on as many qubits each as there are for all, more share qubits. What a
    model tells of a feature are waves, as many as the feature has rotations: one rotation alone
    says little.

    Parameters
    ----------
    n_features : int
        Number of features, at least 1.

    Returns
    -------
    FeatureMap
        A map without trainable parameters.

    Raises
    ------
    ValueError
        If the number is out of range.

    References
    ----------
    M. Schuld, R. Sweke and J. J. Meyer, "Effect of data encoding on the expressive power of
    variational quantum-machine-learning models", Physical Review A 103, 032430 (2021).

    Examples
    --------
    >>> print(folded(8))
    0: ───Ry(x0)───Rx(x6)───
    1: ───Ry(x1)───Rx(x7)───
    2: ───Ry(x2)────────────
    3: ───Ry(x3)────────────
    4: ───Ry(x4)────────────
    5: ───Ry(x5)────────────
    """
    symbols = numbered("x", integer(n_features, "n_features", 1))
    times = max(1, MAX_QUBITS // len(symbols))
    qubits = cirq.LineQubit.range(min(times * len(symbols), MAX_QUBITS))
    circuit = cirq.Circuit()
    for i, x in enumerate(symbols * times):
        column, place = divmod(i, len(qubits))
        circuit.append((cirq.rx if column % 2 else cirq.ry)(x)(qubits[place]))
    return FeatureMap(circuit, symbols, name="folded")


def default_ansatz(n_qubits: int) -> FeatureMap:
    """Return three strongly entangling layers."""
    return strongly_entangling(n_qubits, _LAYERS)


def build_model(owner: Any, n_features: int, n_scores: int) -> Model:
    """Return the model that an estimator's arguments stand for.

    Parameters
    ----------
    owner : estimator
        With the arguments of a variational model.
    n_features, n_scores : int

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it should be, or the readout cannot have so many scores.
    """
    readout = getattr(owner, "readout", "expectation")
    feature_map = as_feature_map(
        folded if owner.feature_map is None else owner.feature_map, n_features
    )
    check_n_features(n_features, feature_map, owner=type(owner).__name__)
    ansatz = default_ansatz if owner.ansatz is None else owner.ansatz
    uploads = check_count("data_reuploading", owner.data_reuploading, 1)
    circuit = compose(feature_map, ansatz, repetitions=uploads)
    bandwidth = n_features**-0.5 if owner.bandwidth is None else owner.bandwidth
    how = {"bandwidth": bandwidth, "evaluator": owner.evaluator}
    if readout == "expectation":
        return Model(_expectations(circuit, owner.observables, n_scores, how), is_scaled=True)
    if owner.observables is not None:
        raise ValueError(
            f"observables: expected None with readout={readout!r}, got {owner.observables!r}"
        )
    return Model(_probabilities(circuit, readout, n_scores, how), is_scaled=False)


def _expectations(circuit: FeatureMap, observables: Any, n_scores: int, how: dict) -> Network:
    if observables is None:
        observables = _z_words(circuit, n_scores)
    network = ExpectationNetwork(circuit, observables=observables, **how)
    if network.n_outputs != n_scores:
        raise ValueError(
            f"observables: expected {n_scores}, one for each score (two classes have one), got "
            f"{network.n_outputs}"
        )
    return network


def _z_words(circuit: FeatureMap, count: int) -> list[cirq.PauliString]:
    """Return words of Z on one qubit, then on two, and so on."""
    qubits = circuit.qubits
    supports = (s for size in range(1, len(qubits) + 1) for s in combinations(qubits, size))
    words: list[cirq.PauliString] = [
        cirq.PauliString(dict.fromkeys(support, cirq.Z)) for support in islice(supports, count)
    ]
    if len(words) < count:
        least = _LEAST_QUBITS["expectation"](count)
        raise ValueError(
            f"expected at least {least} qubits for {count} scores, got {len(qubits)}: take a wider "
            "feature map, or give observables"
        )
    return words


def _probabilities(circuit: FeatureMap, readout: str, n_classes: int, how: dict) -> Network:
    least = _LEAST_QUBITS[readout](n_classes)
    if circuit.n_qubits < least:
        raise ValueError(
            f"expected at least {least} qubits for {n_classes} classes with readout={readout!r}, "
            f"got {circuit.n_qubits}: take a wider feature map"
        )
    number = int.bit_count if readout == "parity" else int
    return ProbabilityNetwork(circuit, None, lambda b: number(b) % n_classes, n_classes, **how)
