"""The circuits and readouts that variational models use where none are given."""

from __future__ import annotations

from itertools import combinations, islice
from typing import Any

import cirq

from qkernels.ansatze import strongly_entangling
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, numbered
from qkernels.kernels.validation import as_feature_map
from qkernels.qnn import ExpectationNetwork, Network, ProbabilityNetwork, compose
from qkernels.variational.model import Model

MAX_QUBITS = 6
_LAYERS = 3


def folded(n_features: int) -> FeatureMap:
    """Rotations by the data on at most 6 qubits: R_Y and R_X in turn, dealt out qubit by qubit.

    Parameters
    ----------
    n_features : int
        Number of features, at least 1; up to 6 are on a qubit each, more share qubits.

    Returns
    -------
    FeatureMap
        A map without trainable parameters.

    Raises
    ------
    ValueError
        If the number is out of range.

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
    n = integer(n_features, "n_features", 1)
    qubits = cirq.LineQubit.range(min(n, MAX_QUBITS))
    circuit = cirq.Circuit()
    for i, x in enumerate(symbols := numbered("x", n)):
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
    feature_map = folded if owner.feature_map is None else owner.feature_map
    ansatz = default_ansatz if owner.ansatz is None else owner.ansatz
    circuit = compose(
        as_feature_map(feature_map, n_features), ansatz, repetitions=owner.data_reuploading
    )
    how = {"bandwidth": owner.bandwidth, "evaluator": owner.evaluator}
    readout = getattr(owner, "readout", "expectation")
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
        raise ValueError(
            f"expected at least {count.bit_length()} qubits for {count} scores, got {len(qubits)}: "
            "take a wider feature map, or give observables"
        )
    return words


def _probabilities(circuit: FeatureMap, readout: str, n_classes: int, how: dict) -> Network:
    n = circuit.n_qubits
    most = n + 1 if readout == "parity" else 2**n
    if n_classes > most:
        raise ValueError(
            f"readout={readout!r} of {n} qubits tells at most {most} classes apart, got {n_classes}"
        )
    number = int.bit_count if readout == "parity" else int
    return ProbabilityNetwork(circuit, None, lambda b: number(b) % n_classes, n_classes, **how)
