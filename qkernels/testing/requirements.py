"""What a contract suite requires of a value: an AssertionError says what was broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def require(condition: Any, message: str) -> None:
    """Raise an AssertionError unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def require_array(array: Any, shape: tuple[int, ...], what: str) -> None:
    """Require a fresh float64 array, C-ordered, as scikit-learn expects it."""
    require(isinstance(array, np.ndarray), f"{what} must be an ndarray, got {type(array)}")
    require(array.shape == shape, f"{what} must have shape {shape}, got {array.shape}")
    require(array.dtype == np.float64, f"{what} must be float64, got {array.dtype}")
    require(array.flags.c_contiguous, f"{what} must be C-ordered")
    require(array.flags.writeable, f"{what} must be writable")


def require_close(a: Any, b: Any, what: str, atol: float = 0.0) -> None:
    """Require two arrays of one shape whose entries differ by at most `atol`."""
    a, b = np.asarray(a), np.asarray(b)
    require(a.shape == b.shape, f"{what} must have equal shapes, got {a.shape} and {b.shape}")
    difference = np.abs(a - b).max(initial=0.0)
    require(difference <= atol, f"{what} differ by {difference:.3g}, allowed is {atol:.3g}")


def require_fresh(compute: Callable[[], np.ndarray], what: str) -> None:
    """Require that what a caller writes to a result is not seen by the next one."""
    first = compute()
    kept = first.copy()
    first[...] = np.nan
    require_close(compute(), kept, f"{what}, and {what} after its first result was overwritten,")


def require_std(result: Any, values: np.ndarray, what: str) -> None:
    """Require a pair of values and standard errors."""
    pair = isinstance(result, tuple) and len(result) == 2
    require(pair, f"{what} with return_std must return two arrays, got {type(result)}")
    require_close(result[0], values, f"{what} with and without return_std")
    require_array(result[1], values.shape, f"standard errors of {what}")
    require(np.all(result[1] >= 0), f"standard errors of {what} must not be negative")


def require_raises(call: Callable[[], Any], what: str) -> None:
    """Require a ValueError or a TypeError."""
    try:
        call()
    except (TypeError, ValueError):
        return
    raise AssertionError(f"{what} must raise a ValueError or TypeError")
