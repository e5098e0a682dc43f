"""A feature map and an ansatz as one circuit, once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.renaming import with_suffix
from qkernels.feature_maps.validation import integer, listed, typed

Ansatz: TypeAlias = FeatureMap | Callable[[int], FeatureMap]


def compose(
    feature_map: FeatureMap, ansatz: Ansatz | None = None, *, repetitions: int = 1
) -> FeatureMap:
    """Return the circuit of a feature map, then of an ansatz, and so on again.

    Parameters
    ----------
    feature_map : FeatureMap
    ansatz : FeatureMap or callable, optional
        A map without features, on qubits of the feature map; or a function of the number of qubits
        that returns one, which is laid on the feature map's qubits in their order, and whose
        symbols get other names where the feature map has the same.
    repetitions : int, default=1
        How often the data are uploaded. Each time all trainable symbols are new: their names end in
        "_1", "_2", and so on.

    Returns
    -------
    FeatureMap
        Its trainable symbols are, upload by upload, the feature map's, then the ansatz's. The same
        object for the same arguments: a function is taken to give equal maps for equal numbers.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If the ansatz has features, or is on other qubits alone, or on another number of them than
        it was asked for; or if a map and an ansatz have symbols of the same names, which
        `FeatureMap.compose` takes for the same.

    References
    ----------
    A. Pérez-Salinas et al., "Data re-uploading for a universal quantum classifier", Quantum 4, 226
    (2020).

    Examples
    --------
    >>> import qkernels as qk
    >>> print(compose(qk.feature_maps.angle(1), qk.ansatze.hardware_efficient, repetitions=2))
    0: ───Rx(x0)───Ry(w0)───Rz(w1)───Rx(x0)───Ry(w0_1)───Rz(w1_1)───
    """
    if not isinstance(feature_map, FeatureMap):
        raise TypeError(f"feature_map: expected a FeatureMap, got {typed(feature_map)}")
    n_uploads = integer(repetitions, "repetitions", 1)
    build = _compose_once if isinstance(ansatz, Hashable) else _compose
    return build(feature_map, ansatz, n_uploads)


def _compose(feature_map: FeatureMap, ansatz: Ansatz | None, n_uploads: int) -> FeatureMap:
    once = feature_map
    if ansatz is not None:
        once = feature_map.compose(_on_qubits(ansatz, feature_map))
    result = once
    for _ in range(1, n_uploads):
        result = result.compose(_renamed(once, result))
    return result


# What is compiled is found by the circuit: quickly by the same object, slowly by an equal one.
_compose_once = lru_cache(maxsize=64)(_compose)


def _renamed(feature_map: FeatureMap, other: FeatureMap) -> FeatureMap:
    """Return the map with trainable symbols that another map does not have."""
    taken = {s.name for s in other.feature_symbols + other.parameter_symbols}
    suffixes = (f"_{k}" for k in count(1))
    names = [s.name for s in feature_map.parameter_symbols]
    free = next(suffix for suffix in suffixes if not taken & {name + suffix for name in names})
    return with_suffix(feature_map, free)


def _on_qubits(ansatz: Any, feature_map: FeatureMap) -> FeatureMap:
    """Return the ansatz, on the feature map's qubits if it is a function of their number."""
    if isinstance(ansatz, FeatureMap):
        built = ansatz
    elif callable(ansatz):
        built = ansatz(feature_map.n_qubits)
        if not isinstance(built, FeatureMap):
            raise TypeError(
                f"expected ansatz({feature_map.n_qubits}) to return a FeatureMap, got "
                f"{typed(built)}"
            )
    else:
        raise TypeError(
            "ansatz: expected None, a FeatureMap without features, or a function of the number of "
            f"qubits that returns one, such as qkernels.ansatze.two_local; got {typed(ansatz)}"
        )
    if built.n_features:
        raise ValueError(
            f"expected an ansatz without features, got one of {built.n_features}: "
            f"{listed(built.feature_symbols)}"
        )
    if built is not ansatz:
        return _laid(built, feature_map)
    if not set(built.qubits) & set(feature_map.qubits):
        raise ValueError(
            f"expected an ansatz on some of the feature map's qubits "
            f"{listed(feature_map.qubits)}, got one on {listed(built.qubits)}: a function of the "
            "number of qubits is laid on any"
        )
    if shared := _shared(built, feature_map):
        raise ValueError(
            f"expected an ansatz with symbols of its own, got {listed(shared)}, which the feature "
            "map has too: rename them, or share them by feature_map.compose(ansatz)"
        )
    return built


def _laid(ansatz: FeatureMap, feature_map: FeatureMap) -> FeatureMap:
    if ansatz.n_qubits != feature_map.n_qubits:
        raise ValueError(
            f"expected ansatz({feature_map.n_qubits}) to act on {feature_map.n_qubits} qubits, got "
            f"{ansatz.n_qubits}"
        )
    places = dict(zip(ansatz.qubits, feature_map.qubits, strict=True))
    circuit = ansatz.circuit.unfreeze().transform_qubits(places)
    laid = FeatureMap(circuit, (), ansatz.parameter_symbols, name=ansatz.name)
    return _renamed(laid, feature_map) if _shared(laid, feature_map) else laid


def _shared(ansatz: FeatureMap, feature_map: FeatureMap) -> list[Any]:
    """Return the symbols that both have."""
    symbols = feature_map.feature_symbols + feature_map.parameter_symbols
    return [symbol for symbol in ansatz.parameter_symbols if symbol in symbols]
