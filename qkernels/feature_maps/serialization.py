"""Feature maps as JSON text: what is written, and what is believed when it is read.

The circuit is written by Cirq after every expression has got a symbol of its own, since Cirq's
JSON refuses most functions; the expressions stand beside it as trees. Reading unpickles and
evaluates nothing. Whether symbols and circuit fit together is the business of `FeatureMap`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import cirq
import sympy

from qkernels.expressions import from_tree, to_tree
from qkernels.feature_maps.flattening import FlatCircuit, substitute

_FORMAT = "qkernels.FeatureMap"
_VERSION = 1


class Document(NamedTuple):
    """What the JSON text of a feature map holds."""

    name: str | None
    features: tuple[str, ...]
    parameters: tuple[str, ...]
    circuit: cirq.FrozenCircuit


def write(
    flat: FlatCircuit,
    features: list[str],
    parameters: list[str],
    name: str | None,
) -> str:
    """Return the JSON text of a feature map.

    Parameters
    ----------
    flat : FlatCircuit
        Its circuit, flattened.
    features, parameters : list of str
        The names of its symbols.
    name : str or None
        Its label.

    Returns
    -------
    str
        The text; `read` gives an equal circuit back.

    Raises
    ------
    ValueError
        If Cirq cannot write an operation, or an expression holds an unusual function.
    """
    try:
        circuit = json.loads(cirq.to_json(flat.circuit))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Cirq cannot write this circuit as JSON: {error}") from error
    document = {
        "format": _FORMAT,
        "version": _VERSION,
        "name": name,
        "features": features,
        "parameters": parameters,
        "expressions": [to_tree(e) for e in flat.expressions],
        "circuit": circuit,
    }
    return json.dumps(document)


def read(text: str) -> Document:
    """Read the JSON text of a feature map.

    Parameters
    ----------
    text : str
        What `write` returned.

    Returns
    -------
    Document
        The names, and the circuit with its expressions.

    Raises
    ------
    ValueError
        If the text is not JSON, of another format or version, or holds anything unexpected.
    """
    try:
        fields = json.loads(text, object_hook=_trusted)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"expected the JSON text of a feature map: {error}") from error
    _check_header(fields)
    try:
        expressions = [from_tree(tree) for tree in _list(fields, "expressions")]
        circuit = _expand(_circuit(fields), expressions)
        # Cirq builds any of its types from the text, and each complains in its own way.
    except Exception as error:
        raise ValueError(f"cannot read the circuit of a feature map: {error}") from error
    features, parameters = (_list(fields, key, str) for key in ("features", "parameters"))
    return Document(_name(fields), tuple(features), tuple(parameters), circuit)


def _check_header(fields: Any) -> None:
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        got = fields.get("format") if isinstance(fields, dict) else fields
        raise ValueError(f"expected JSON of the format {_FORMAT!r}, got {got!r}")
    if fields.get("version") != _VERSION:
        raise ValueError(f"expected version {_VERSION} of {_FORMAT}, got {fields.get('version')!r}")


def _name(fields: dict) -> str | None:
    name = fields.get("name")
    if name is not None and not isinstance(name, str):
        raise ValueError(f"expected the name of a feature map as text or null, got {name!r}")
    return name


def _list(fields: dict, key: str, kind: type = object) -> list:
    values = fields.get(key)
    if not isinstance(values, list) or not all(isinstance(v, kind) for v in values):
        raise ValueError(f"expected a list of {key} in a feature map, got {values!r}")
    return values


def _circuit(fields: dict) -> cirq.FrozenCircuit:
    circuit = cirq.read_json(json_text=json.dumps(fields.get("circuit")))
    if not isinstance(circuit, cirq.FrozenCircuit):
        raise ValueError(f"expected a FrozenCircuit, got {type(circuit).__name__}")
    return circuit


def _expand(circuit: cirq.FrozenCircuit, expressions: list[sympy.Basic]) -> cirq.FrozenCircuit:
    """Put the expressions back in the place of their symbols."""
    known = {sympy.Symbol(f"angle{i}"): expression for i, expression in enumerate(expressions)}

    def expand(value: sympy.Expr) -> sympy.Expr:
        if missing := value.free_symbols - known.keys():
            raise ValueError(f"the circuit has the symbol {missing.pop()}, but no expression of it")
        return value.xreplace(known)

    return substitute(circuit, expand, expand)


def _is_int(value: Any) -> bool:
    return type(value) is int


# What a flat circuit needs: symbols, and rotations by a symbol times pi. Cirq would hand the text
# of other types, Boolean ones for instance, to sympy, which evaluates it as Python.
_SYMPY: dict[str, Callable[[dict], bool]] = {
    "sympy.Symbol": lambda d: isinstance(d.get("name"), str),
    "sympy.Integer": lambda d: _is_int(d.get("i")),
    "sympy.Rational": lambda d: _is_int(d.get("p")) and _is_int(d.get("q")),
    "sympy.Float": lambda d: isinstance(d.get("approx"), float),
    "sympy.Mul": lambda d: not any(isinstance(a, str) for a in d.get("args", ())),
    "sympy.pi": lambda d: True,
}


def _trusted(fields: dict) -> dict:
    """Return one object of the text, refusing what Cirq should not be asked to build."""
    kind = fields.get("cirq_type", "")
    if not isinstance(kind, str):
        raise ValueError(f"expected the name of a type, got {kind!r}")
    if kind.startswith("sympy.") and not (kind in _SYMPY and _SYMPY[kind](fields)):
        raise ValueError(f"expected symbols in the circuit, got {kind} {fields!r}")
    if kind in ("CircuitOperation", "ClassicallyControlledOperation"):
        raise ValueError(f"expected a circuit without subcircuits, got {kind}")
    return fields
