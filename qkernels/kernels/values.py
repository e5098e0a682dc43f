"""Equality, hashing and printing of constructor arguments by content.

What lives here: one hashable form for anything a kernel may hold (numbers, arrays, functions,
observables, other kernels), and one short printed form. scikit-learn's own comparison raises on
arrays of different length and its `repr` shows nothing but theta. Writing to JSON is the
business of `serialization`.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import cirq
import numpy as np
from sklearn.gaussian_process.kernels import Kernel


def canonical(value: Any) -> Any:
    """Return a form of `value` that is equal, and hashes equally, for equal content.

    Arrays, lists and tuples of the same numbers are equal; so are two `functools.partial`
    objects of the same function and arguments, which Python itself compares by identity.
    """
    if isinstance(value, np.ndarray | np.generic):
        return canonical(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(map(canonical, value))
    if isinstance(value, dict):
        return frozenset((key, canonical(item)) for key, item in value.items())
    if isinstance(value, partial):
        return partial, *map(canonical, (value.func, value.args, value.keywords))
    if isinstance(value, Kernel):
        return type(value), canonical(value.get_params(deep=False))
    if isinstance(value, cirq.PauliSum):
        return cirq.PauliSum, frozenset(value)
    return value


def show(value: Any) -> str:
    """Return a short text for a constructor argument."""
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        return f"array({np.array2string(value, separator=', ', threshold=6)})"
    if isinstance(value, partial):
        arguments = [show(item) for item in value.args]
        arguments += [f"{key}={show(item)}" for key, item in value.keywords.items()]
        return f"partial({', '.join([show(value.func), *arguments])})"
    if inspect.isroutine(value):
        return value.__name__
    return repr(value)


def show_call(instance: Any) -> str:
    """Return the text of the constructor call, leaving out arguments at their defaults."""
    parts = []
    for name, parameter in inspect.signature(type(instance)).parameters.items():
        value = getattr(instance, name)
        if parameter.default is parameter.empty:
            parts.append(show(value))
        elif canonical(value) != canonical(parameter.default):
            parts.append(f"{name}={show(value)}")
    return f"{type(instance).__name__}({', '.join(parts)})"
