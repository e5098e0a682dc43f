"""Checks of the arguments that people type: symbols, counts, numbers. No circuits here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
import sympy


def typed(value: Any) -> str:
    """Return the value and its type, for an error message."""
    return f"{shorten(repr(value), 80)} of type {type(value).__name__}"


def listed(values: Iterable[Any]) -> str:
    """Return symbols or qubits by their names, with commas, for an error message."""
    return ", ".join(map(str, values)) or "none"


def integer(value: Any, word: str, minimum: int) -> int:
    """Return an integer argument that is at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"expected {word} to be an integer of at least {minimum}, got {value!r}")
    return int(value)


def real(value: Any, word: str) -> float:
    """Return a finite real argument."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"expected {word} to be a finite real number, got {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"expected {word} to be a finite real number, got {value!r}")
    return float(value)


def nonzero(value: Any, word: str) -> float | int:
    """Return a factor that is not 0; as an int where it is one, which diagrams show better."""
    factor = real(value, word)
    if factor == 0:
        raise ValueError(f"expected {word} to be different from 0, got {value!r}")
    return int(factor) if factor.is_integer() else factor


def real_array(values: Any, word: str) -> np.ndarray:
    """Return the values as float64, refusing what is not a real number."""
    try:
        array = np.asarray(values)
        real = array if np.iscomplexobj(array) else array.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected {word} to be an array of numbers, got {values!r}") from error
    if np.iscomplexobj(real):
        raise ValueError(f"expected {word} to be real, got an array of {array.dtype}")
    return real


def symbols(values: Any, word: str) -> tuple[sympy.Symbol, ...]:
    """Return a sequence of symbols or their names as plain symbols."""
    unordered = str | sympy.Basic | set | frozenset
    if isinstance(values, unordered) or not isinstance(values, Iterable):
        raise TypeError(
            f"expected {word} to be a sequence of symbols or their names, got {typed(values)}"
        )
    return tuple(_symbol(value, word) for value in values)


def _symbol(value: Any, word: str) -> sympy.Symbol:
    if isinstance(value, sympy.Symbol):
        return sympy.Symbol(value.name)
    if isinstance(value, str):
        return sympy.Symbol(value)
    raise TypeError(f"expected symbols or their names in {word}, got {typed(value)}")


def check_distinct(features: Sequence[sympy.Symbol], parameters: Sequence[sympy.Symbol]) -> None:
    """Refuse a symbol that is listed twice."""
    seen: set[sympy.Symbol] = set()
    for symbol in (*features, *parameters):
        if symbol in seen:
            raise ValueError(
                f"expected each symbol once, in features or in parameters; got {symbol} twice"
            )
        seen.add(symbol)


def check_known(
    found: Collection[sympy.Symbol],
    features: Sequence[sympy.Symbol],
    parameters: Sequence[sympy.Symbol],
) -> None:
    """Refuse a symbol of the circuit that is not listed."""
    if unknown := [s for s in found if s not in {*features, *parameters}]:
        raise ValueError(
            f"the circuit has the symbols {listed(unknown)}, which are in neither list; "
            f"got the features {listed(features)} and the parameters {listed(parameters)}"
        )


def check_used(
    found: Collection[sympy.Symbol],
    features: Sequence[sympy.Symbol],
    parameters: Sequence[sympy.Symbol],
) -> None:
    """Refuse a listed symbol that the circuit lacks."""
    for word, wanted in (("features", features), ("parameters", parameters)):
        if unused := [s for s in wanted if s not in found]:
            raise ValueError(
                f"{word} lists {listed(unused)}, which the circuit lacks; "
                f"it has the symbols {listed(found)}"
            )


def numbered(letter: str, n: int) -> tuple[sympy.Symbol, ...]:
    """Return the symbols x0, x1, ... of a letter."""
    return tuple(sympy.Symbol(f"{letter}{i}") for i in range(n))
