"""Maps that upload the data layer after layer, most with trainable rotations between.

Here are hardware_efficient, yz_cx, hubregtsen, high_dimensional. Features are dealt out to qubits
in turn, and from the first again when all have been dealt, so that any number fits any width.
"""

from __future__ import annotations

from itertools import cycle

import cirq

from qkernels.feature_maps.entanglement import brick, ladder, ring
from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.validation import integer, nonzero, numbered


def hardware_efficient(n_features: int, n_qubits: int | None = None, layers: int = 2) -> FeatureMap:
    """Data re-uploading: in each layer R_X of the data, trainable R_Y and R_Z, a ring of CZ.

    Parameters
    ----------
    n_features : int
        Number of features. With more features than qubits, a layer is as many blocks of these
        gates as it takes to upload all of them; with fewer, features are uploaded repeatedly.
    n_qubits : int, optional
        Number of qubits; by default one for each feature.
    layers : int, default=2
        Number of layers.

    Returns
    -------
    FeatureMap
        A map with two trainable parameters a qubit and block.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    A fidelity kernel does not depend on the parameters after the last upload.

    References
    ----------
    Pérez-Salinas et al., "Data re-uploading for a universal quantum classifier", Quantum 4, 226
    (2020); Kandala et al., "Hardware-efficient variational quantum eigensolver for small molecules
    and quantum magnets", Nature 549, 242 (2017).

    Examples
    --------
    >>> print(hardware_efficient(2, layers=1))
    0: ───Rx(x0)───Ry(theta0)───Rz(theta1)───@───
                                             │
    1: ───Rx(x1)───Ry(theta2)───Rz(theta3)───@───
    """
    n, qubits = _sizes(n_features, n_qubits)
    layers = integer(layers, "layers", 1)
    blocks = -(-n // len(qubits))
    x, theta = numbered("x", n), numbered("theta", 2 * len(qubits) * layers * blocks)
    parameters = iter(theta)
    circuit = cirq.Circuit()
    for _ in range(layers):
        data = cycle(x)
        for _ in range(blocks):
            for qubit in qubits:
                circuit.append(cirq.rx(next(data))(qubit))
                circuit.append(cirq.ry(next(parameters))(qubit))
                circuit.append(cirq.rz(next(parameters))(qubit))
            circuit.append(cirq.CZ(qubits[i], qubits[j]) for i, j in ring(len(qubits)))
    return FeatureMap(circuit, x, theta, name="hardware_efficient")


def yz_cx(
    n_features: int, n_qubits: int | None = None, layers: int = 2, scale: float = 1.0
) -> FeatureMap:
    """Layers of R_Y(θ + c x) and R_Z(θ′ + c x), with CNOTs on alternating pairs of neighbours.

    Parameters
    ----------
    n_features : int
        Number of features.
    n_qubits : int, optional
        Number of qubits; by default one for each feature.
    layers : int, default=2
        Number of layers.
    scale : float, default=1.0
        The factor c of the data, not 0.

    Returns
    -------
    FeatureMap
        A map with two trainable parameters a qubit and layer.

    Raises
    ------
    ValueError
        If an argument is out of range, or the layers have less room than there are features.

    References
    ----------
    Haug, Self and Kim, "Quantum machine learning of large datasets using randomized measurements",
    Machine Learning: Science and Technology 4, 015005 (2023), where θ is random and fixed.

    Examples
    --------
    >>> print(yz_cx(2, layers=1))
    0: ───Ry(theta0 + x0)───Rz(theta1 + x0)───@───
                                              │
    1: ───Ry(theta2 + x1)───Rz(theta3 + x1)───X───
    """
    n, qubits = _sizes(n_features, n_qubits)
    _check_room(n, len(qubits) * integer(layers, "layers", 1), "layers * n_qubits")
    factor = nonzero(scale, "scale")
    x, theta = numbered("x", n), numbered("theta", 2 * len(qubits) * layers)
    data, parameters = cycle(x), iter(theta)
    circuit = cirq.Circuit()
    for layer in range(layers):
        for qubit in qubits:
            angle = factor * next(data)
            circuit.append(cirq.ry(next(parameters) + angle)(qubit))
            circuit.append(cirq.rz(next(parameters) + angle)(qubit))
        pairs = brick(len(qubits), layer % 2)
        circuit.append(cirq.CNOT(qubits[i], qubits[j]) for i, j in pairs)
    return FeatureMap(circuit, x, theta, name="yz_cx")


def hubregtsen(n_features: int, n_qubits: int | None = None, layers: int = 1) -> FeatureMap:
    """Layers of H, R_Z of the data, trainable R_Y, and a ring of trainable controlled R_Z.

    Parameters
    ----------
    n_features : int
        Number of features.
    n_qubits : int, optional
        Number of qubits; by default one for each feature.
    layers : int, default=1
        Number of layers.

    Returns
    -------
    FeatureMap
        A map whose trainable parameters are, layer by layer, first those of R_Y, then those of
        the ring.

    Raises
    ------
    ValueError
        If an argument is out of range, or the layers have less room than there are features.

    References
    ----------
    Hubregtsen et al., "Training quantum embedding kernels on near-term quantum computers",
    Physical Review A 106, 042431 (2022).

    Examples
    --------
    >>> print(hubregtsen(2))
    0: ───H───Rz(x0)───Ry(theta0)───@────────────
                                    │
    1: ───H───Rz(x1)───Ry(theta1)───Rz(theta2)───
    """
    n, qubits = _sizes(n_features, n_qubits)
    _check_room(n, len(qubits) * integer(layers, "layers", 1), "layers * n_qubits")
    pairs = ring(len(qubits))
    x, theta = numbered("x", n), numbered("theta", (len(qubits) + len(pairs)) * layers)
    data, parameters = cycle(x), iter(theta)
    circuit = cirq.Circuit()
    for _ in range(layers):
        circuit.append(cirq.H.on_each(*qubits))
        circuit.append(cirq.rz(next(data))(qubit) for qubit in qubits)
        circuit.append(cirq.ry(next(parameters))(qubit) for qubit in qubits)
        for i, j in pairs:
            circuit.append(cirq.rz(next(parameters))(qubits[j]).controlled_by(qubits[i]))
    return FeatureMap(circuit, x, theta, name="hubregtsen")


def high_dimensional(n_features: int, n_qubits: int | None = None, layers: int = 2) -> FeatureMap:
    """Columns of R_Z, R_Y, R_Z with a feature in every gate, and √iSWAP between neighbours.

    Parameters
    ----------
    n_features : int
        Number of features.
    n_qubits : int, optional
        Number of qubits; by default the smallest number, but at least 2, that holds every feature.
    layers : int, default=2
        Number of layers, each of three features a qubit.

    Returns
    -------
    FeatureMap
        A map without trainable parameters.

    Raises
    ------
    ValueError
        If an argument is out of range, or the layers have less room than there are features.

    References
    ----------
    Peters et al., "Machine learning of high dimensional data on a noisy quantum processor", npj
    Quantum Information 7, 161 (2021). As in sQUlearn, Hadamards come first, and √iSWAP gates
    couple the even, then the odd pairs of a line, between layers only.

    Examples
    --------
    >>> print(high_dimensional(12))
    0: ───H───Rz(x0)───Ry(x2)───Rz(x4)───iSwap───────Rz(x6)───Ry(x8)───Rz(x10)───
                                         │
    1: ───H───Rz(x1)───Ry(x3)───Rz(x5)───iSwap^0.5───Rz(x7)───Ry(x9)───Rz(x11)───
    """
    layers = integer(layers, "layers", 1)
    n = integer(n_features, "n_features", 1)
    n, qubits = _sizes(n, max(2, -(-n // (3 * layers))) if n_qubits is None else n_qubits)
    _check_room(n, 3 * layers * len(qubits), "3 * layers * n_qubits")
    x = numbered("x", n)
    data = cycle(x)
    circuit = cirq.Circuit(cirq.H.on_each(*qubits))
    for layer in range(layers):
        for i, j in ladder(len(qubits)) if layer else ():
            circuit.append(cirq.SQRT_ISWAP(qubits[i], qubits[j]))
        for rotation in (cirq.rz, cirq.ry, cirq.rz):
            circuit.append(rotation(next(data))(qubit) for qubit in qubits)
    return FeatureMap(circuit, x, name="high_dimensional")


def _sizes(n_features: int, n_qubits: int | None) -> tuple[int, list[cirq.LineQubit]]:
    n = integer(n_features, "n_features", 1)
    width = n if n_qubits is None else integer(n_qubits, "n_qubits", 1)
    return n, cirq.LineQubit.range(width)


def _check_room(n_features: int, room: int, product: str) -> None:
    if room < n_features:
        raise ValueError(
            f"expected {product} to be at least n_features, so that every feature is uploaded; "
            f"got {room} for {n_features} features"
        )
