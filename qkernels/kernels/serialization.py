"""Kernels to JSON and back, and their fingerprints.

What lives here: a tree of plain JSON values for everything a kernel may hold, and its inverse,
which calls nothing but registered constructors: nothing that is read is unpickled or evaluated.
The JSON of a feature map is the business of `FeatureMap`, that of observables Cirq's.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import cirq
import numpy as np
from sklearn.gaussian_process import kernels as sklearn_kernels

from qkernels import feature_maps
from qkernels.evaluators import AutoEvaluator, MPSEvaluator, StatevectorEvaluator
from qkernels.evaluators.statevector import ShotNoiseEvaluator
from qkernels.feature_maps import FeatureMap

FORMAT, VERSION = "qkernels.kernel", 1
PAULI_TYPES = {
    *("PauliString", "PauliSum", "SingleQubitPauliStringGateOperation", "LinearDict", "complex"),
    *("LineQubit", "GridQubit", "NamedQubit", "_PauliX", "_PauliY", "_PauliZ", "IdentityGate"),
}

_registry: dict[str, type] = {
    name: getattr(sklearn_kernels, name)
    for name in (
        *("RBF", "Matern", "RationalQuadratic", "ExpSineSquared", "DotProduct", "PairwiseKernel"),
        *("ConstantKernel", "WhiteKernel", "Sum", "Product", "Exponentiation"),
    )
} | {
    evaluator.__name__: evaluator
    for evaluator in (StatevectorEvaluator, ShotNoiseEvaluator, MPSEvaluator, AutoEvaluator)
}

Class = TypeVar("Class", bound=type)


def register(cls: Class) -> Class:
    """Let `from_json` build a class of kernels or evaluators (usable as a decorator).

    Its constructor's arguments are written from attributes of the same names.
    """
    _registry[cls.__name__] = cls
    return cls


def to_json(kernel: sklearn_kernels.Kernel) -> str:
    """Return a kernel, also a sum, product or power with scikit-learn's kernels, as JSON.

    Parameters
    ----------
    kernel : Kernel

    Returns
    -------
    str
        JSON in the strict sense (no NaN or Infinity); numbers and arrays round-trip exactly.

    Raises
    ------
    ValueError
        For what cannot be written: functions other than the standard maps, and classes that are
        not registered.
    """
    return json.dumps({"format": FORMAT, "version": VERSION, "kernel": encode(kernel)})


def from_json(text: str) -> Any:
    """Return the kernel that `to_json` wrote.

    Parameters
    ----------
    text : str

    Returns
    -------
    Kernel
        Equal to the kernel that was written.

    Raises
    ------
    ValueError
        For text that is not such a kernel. Only registered classes are ever called.

    Examples
    --------
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.kernels import FidelityKernel, from_json
    >>> from_json(FidelityKernel(zz, bandwidth=0.5).to_json())
    FidelityKernel(zz, bandwidth=0.5)
    """
    try:
        tree = json.loads(text)
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"expected the JSON text of a kernel, got {text!r:.80}") from error
    found = (tree.get("format"), tree.get("version")) if isinstance(tree, dict) else None
    if found != (FORMAT, VERSION):
        raise ValueError(f"expected format and version {(FORMAT, VERSION)}, got {found}")
    try:
        kernel = decode(tree.get("kernel"))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"expected what to_json writes, but reading it failed: {error!r}"
        ) from error
    if not isinstance(kernel, sklearn_kernels.Kernel):
        raise ValueError(f"expected a kernel, got {type(kernel).__name__}")
    return kernel


def fingerprint(kernel: Any, evaluator_fingerprint: str) -> str:
    """Return a hash of all that decides the numbers of a quantum kernel."""
    arguments = _arguments(kernel)
    del arguments["evaluator"]
    for name in {"bandwidth", "gamma", "parameters"} & arguments.keys():
        if arguments[name] is not None:  # 1, 1.0 and [1.0] stand for numbers as arrays do.
            arguments[name] = np.asarray(arguments[name], dtype=np.float64)
    tree = [_class_name(kernel), _without_bounds(_encode_all(arguments)), evaluator_fingerprint]
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def classical_fingerprint(kernel: Any) -> str:
    """Return a hash of all that decides the numbers of one of scikit-learn's kernels."""
    tree = [_class_name(kernel), _without_bounds(_encode_all(_arguments(kernel)))]
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def _class_name(kernel: Any) -> str:
    """Return a class's name; of one that is not registered, with where it is defined."""
    cls = type(kernel)
    return cls.__name__ if _is_registered(kernel) else f"{cls.__module__}.{cls.__qualname__}"


def encode(value: Any) -> Any:
    """Return plain JSON values for `value`; what JSON lacks becomes {tag: content}."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, list):
        return [encode(item) for item in value]
    for tag, (applies, write, _) in _TAGS.items():
        if applies(value):
            return {tag: write(value)}
    raise ValueError(
        "expected a FeatureMap, a standard feature map or a functools.partial of one, numbers, "
        "arrays, Pauli observables, or an instance of a registered class "
        f"({', '.join(sorted(_registry))}); cannot write {value!r} as JSON"
    )


def decode(tree: Any) -> Any:
    """Return the value whose `encode` is `tree`."""
    if isinstance(tree, list):
        return [decode(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) != 1 or next(iter(tree)) not in _TAGS:
        raise ValueError(f"expected one key out of {list(_TAGS)}, got {list(tree)}")
    ((tag, content),) = tree.items()
    return _TAGS[tag][2](content)


def _encode_all(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: encode(value) for name, value in arguments.items()}


def _decode_all(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: decode(item) for name, item in tree.items()}


def _arguments(instance: Any) -> dict[str, Any]:
    return {name: getattr(instance, name) for name in inspect.signature(type(instance)).parameters}


def _without_bounds(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_without_bounds(item) for item in tree]
    if isinstance(tree, dict):
        kept = {name: item for name, item in tree.items() if not name.endswith("_bounds")}
        return {name: _without_bounds(item) for name, item in kept.items()}
    return tree


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype in map(np.dtype, _DTYPES)


def _write_array(array: np.ndarray) -> dict[str, Any]:
    data = encode(array.ravel().tolist())
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _read_array(content: dict[str, Any]) -> np.ndarray:
    if content["dtype"] not in _DTYPES:
        raise ValueError(f"expected a dtype out of {_DTYPES}, got {content['dtype']!r}")
    return np.array(decode(content["data"]), dtype=content["dtype"]).reshape(content["shape"])


def _standard_maps() -> dict[str, Callable[..., FeatureMap]]:
    members = {name: getattr(feature_maps, name) for name in feature_maps.__all__}
    return {name: member for name, member in members.items() if inspect.isfunction(member)}


def _is_standard_map(value: Any) -> bool:
    if isinstance(value, partial):
        return not value.args and _is_standard_map(value.func)
    return inspect.isfunction(value) and _standard_maps().get(value.__name__) is value


def _write_standard_map(value: Any) -> dict[str, Any]:
    if isinstance(value, partial):
        return {"name": value.func.__name__, "arguments": _encode_all(value.keywords)}
    return {"name": value.__name__, "arguments": {}}


def _read_standard_map(content: dict[str, Any]) -> Callable[..., FeatureMap]:
    maps = _standard_maps()
    if content["name"] not in maps:
        raise ValueError(f"expected a standard map out of {list(maps)}, got {content['name']!r}")
    arguments = _decode_all(content["arguments"])
    return partial(maps[content["name"]], **arguments) if arguments else maps[content["name"]]


def _read_pauli(content: Any) -> cirq.PauliString | cirq.PauliSum:
    unknown = set(_cirq_types(content)) - PAULI_TYPES
    if unknown:
        raise ValueError(f"expected Pauli strings on qubits, got Cirq's {sorted(unknown)}")
    return cirq.read_json(json_text=json.dumps(content))


def _cirq_types(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from ([tree["cirq_type"]] if "cirq_type" in tree else [])
    if isinstance(tree, dict | list):
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from _cirq_types(item)


def _is_registered(value: Any) -> bool:
    return _registry.get(type(value).__name__) is type(value)


def _write_object(value: Any) -> dict[str, Any]:
    return {"class": type(value).__name__, "arguments": _encode_all(_arguments(value))}


def _read_object(content: dict[str, Any]) -> Any:
    if content["class"] not in _registry:
        raise ValueError(f"expected a class out of {sorted(_registry)}, got {content['class']!r}")
    cls = _registry[content["class"]]
    unknown = set(content["arguments"]) - set(inspect.signature(cls).parameters)
    if unknown:
        raise ValueError(f"{cls.__name__} has no arguments {sorted(unknown)}")
    return cls(**_decode_all(content["arguments"]))


_DTYPES = ("bool", "int32", "int64", "uint32", "uint64", "float32", "float64")

# tag: (whether it applies to a value, value -> JSON, JSON -> value)
_TAGS: dict[str, tuple[Callable, Callable, Callable]] = {
    "float": (lambda _: False, repr, float),
    "tuple": (
        lambda value: isinstance(value, tuple),
        lambda value: encode(list(value)),
        lambda content: tuple(decode(content)),
    ),
    "array": (_is_array, _write_array, _read_array),
    "feature_map": (
        lambda value: isinstance(value, FeatureMap),
        lambda value: json.loads(value.to_json()),
        lambda content: FeatureMap.from_json(json.dumps(content)),
    ),
    "standard_map": (_is_standard_map, _write_standard_map, _read_standard_map),
    "pauli": (
        lambda value: isinstance(value, cirq.PauliString | cirq.PauliSum),
        lambda value: json.loads(cirq.to_json(value)),
        _read_pauli,
    ),
    "object": (_is_registered, _write_object, _read_object),
}
