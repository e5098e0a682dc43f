"""What tells one target from another, in every process: a hash of all that it holds.

What lives here: a plain form of devices, gate sets and calibrations that depends on neither the
order of sets nor addresses. Cirq writes the qubits of a device in an order that is another in each
process.
"""

from __future__ import annotations

import hashlib
import json
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import cirq


def digest(values: Sequence[Any]) -> str:
    """Return the SHA-256 hash of some values' content, as 64 hexadecimal digits.

    Parameters
    ----------
    values : sequence
        Numbers, texts, qubits, devices, gate sets, and mappings and sequences of those.
    """
    text = json.dumps([_plain(value) for value in values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as lists, texts and numbers."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, cirq.Qid):
        return repr(value)
    if isinstance(value, Mapping):
        return _sorted([_plain(key), _plain(item)] for key, item in value.items())
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    try:
        return _unordered(json.loads(cirq.to_json(value)))
    except (TypeError, ValueError):
        # Some devices and gate sets are not known to Cirq, which cannot write them.
        text = repr(value)
        parts = [f"{type(value).__module__}.{type(value).__qualname__}"]
        if " at 0x" not in text:
            parts.append(text)
        return [*parts, *_graph(value)]


def _graph(device: Any) -> list[Any]:
    """Return the qubits and edges that a device's metadata tell, if it has any."""
    graph = getattr(getattr(device, "metadata", None), "nx_graph", None)
    if graph is None:
        return []
    edges = ([repr(qubit) for qubit in sorted(edge)] for edge in graph.edges)
    return [_sorted(repr(qubit) for qubit in graph), _sorted(edges)]


def _unordered(value: Any) -> Any:
    """Return parsed JSON whose lists, which may be sets, are sorted, unless they are of numbers."""
    if isinstance(value, dict):
        return {key: _unordered(item) for key, item in value.items()}
    if isinstance(value, list) and not all(isinstance(item, int | float) for item in value):
        return _sorted(_unordered(item) for item in value)
    return value


def _sorted(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
