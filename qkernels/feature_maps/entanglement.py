"""Which qubits the gates of the standard maps couple: index arithmetic, no circuits."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from qkernels.feature_maps.validation import integer

_PATTERNS = ("full", "linear", "circular")


def ring(n: int) -> list[tuple[int, int]]:
    """Return the neighbours on a ring of n qubits; two qubits are one pair."""
    return [(i, (i + 1) % n) for i in range(n if n > 2 else n - 1)]


def brick(n: int, offset: int) -> list[tuple[int, int]]:
    """Return the neighbours on a line that start at every second qubit from `offset`."""
    return [(i, i + 1) for i in range(offset, n - 1, 2)]


def ladder(n: int) -> list[tuple[int, int]]:
    """Return the neighbours on a line of n qubits, the even pairs before the odd ones."""
    return brick(n, 0) + brick(n, 1)


def subsets(entanglement: Any, n: int, size: int) -> list[tuple[int, ...]]:
    """Return the groups of `size` among n qubits that an entanglement argument names.

    Parameters
    ----------
    entanglement : {"full", "linear", "circular"} or sequence of tuples of int
        All groups; neighbours on a line; neighbours on a ring; or those listed, of which only
        the ones of the right size are taken. A group of one is always each qubit.
    n : int
        Number of qubits.
    size : int
        Number of qubits in a group.

    Returns
    -------
    list of tuple of int
        Empty if there are fewer than `size` qubits.

    Raises
    ------
    ValueError
        If the pattern is unknown, or a listed group is not one of distinct qubits in range.
    """
    listed = None if isinstance(entanglement, str) else groups(entanglement, n, "entanglement")
    if listed is None and entanglement not in _PATTERNS:
        raise ValueError(
            f"expected entanglement to be one of {', '.join(map(repr, _PATTERNS))} or a sequence "
            f"of tuples of qubits, got {entanglement!r}"
        )
    if size == 1:
        return [(i,) for i in range(n)]
    if listed is not None:
        return [group for group in listed if len(group) == size]
    if entanglement == "full":
        return list(combinations(range(n), size))
    windows = n if entanglement == "circular" and n > size else n - size + 1
    return [tuple((i + k) % n for k in range(size)) for i in range(windows)]


def groups(values: Any, n: float, word: str) -> list[tuple[int, ...]]:
    """Return listed groups of distinct qubits as tuples, or say what is wrong with them."""
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise ValueError(f"expected {word} to be a sequence of tuples of qubits, got {values!r}")
    return [_group(value, n, word) for value in values]


def _group(value: Any, n: float, word: str) -> tuple[int, ...]:
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise ValueError(f"expected the entries of {word} to be tuples of qubits, got {value!r}")
    group = tuple(integer(i, f"each qubit of {word}", 0) for i in value)
    if len(set(group)) < len(group) or len(group) < 2 or max(group) >= n:
        raise ValueError(
            f"expected the entries of {word} to be two or more distinct qubits below {n}, "
            f"got {value!r}"
        )
    return group


def pairs(values: Any, n: float, word: str) -> list[tuple[int, int]]:
    """Return listed pairs of distinct qubits, or say what is wrong with them."""
    found = []
    for group in groups(values, n, word):
        if len(group) != 2:
            raise ValueError(f"expected the entries of {word} to be pairs, got {group!r}")
        found.append((group[0], group[1]))
    return found
