"""Checks of what evaluators are given: points, parameters, cotangents, outputs, seeds."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from qkernels.feature_maps.validation import integer, real_array, typed

_DTYPES: dict[str, np.dtype] = {"double": np.dtype(np.float64), "single": np.dtype(np.float32)}


def checked_precision(precision: Any) -> np.dtype:
    """Return the type of real numbers that a precision stands for.

    Raises
    ------
    ValueError
        If it is neither "double" nor "single".
    """
    if not isinstance(precision, str) or precision not in _DTYPES:
        raise ValueError(f"precision: expected one of {list(_DTYPES)}, got {precision!r}")
    return _DTYPES[precision]


def checked_points(inputs: Any) -> np.ndarray:
    """Return inputs of shape (n_points, n_features) as contiguous float64.

    Raises
    ------
    ValueError
        If they are not real numbers, have another shape, or there are no points.
    """
    points = np.ascontiguousarray(real_array(inputs, "inputs"))
    if points.ndim != 2 or not len(points):
        raise ValueError(
            f"expected inputs of shape (n_points, n_features), at least one point, "
            f"got shape {points.shape}"
        )
    return points


def checked_parameters(parameters: Any | None) -> np.ndarray | None:
    """Return parameters as float64; None stays None.

    Raises
    ------
    ValueError
        If they are not real numbers.
    """
    return None if parameters is None else real_array(parameters, "parameters")


def parameter_key(parameters: np.ndarray | None) -> bytes | None:
    """Return what equal parameters have in common, to be hashed; None stays None."""
    return None if parameters is None else parameters.tobytes()


def checked_cotangent(value: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return a cotangent as contiguous float64.

    Raises
    ------
    ValueError
        If it is not one of finite real numbers, or has another shape.
    """
    cotangent = np.ascontiguousarray(real_array(value, "cotangent"))
    if cotangent.shape != shape:
        raise ValueError(f"expected a cotangent of shape {shape}, got {cotangent.shape}")
    if not np.isfinite(cotangent).all():
        raise ValueError("expected a cotangent of finite numbers, got one with inf or nan")
    return cotangent


def checked_outputs(outputs: Any, n_outputs: Any, n_qubits: int) -> np.ndarray:
    """Return the output that each basis state counts for, as contiguous int64, (2^n_qubits,).

    Raises
    ------
    TypeError
        If they are not integers.
    ValueError
        If there are not 2^n_qubits of them, one is not from 0 to n_outputs - 1, or n_outputs is
        not an integer of at least 1.
    """
    most = integer(n_outputs, "n_outputs", 1) - 1
    numbers = np.asarray(outputs)
    if not np.issubdtype(numbers.dtype, np.integer):
        raise TypeError(f"expected outputs to be an array of integers, got {typed(outputs)}")
    if numbers.shape != (2**n_qubits,):
        raise ValueError(
            f"expected an output for each of the {2**n_qubits} basis states of {n_qubits} qubits, "
            f"got outputs of shape {numbers.shape}"
        )
    wrong = np.flatnonzero((numbers < 0) | (numbers > most))
    if wrong.size:
        raise ValueError(
            f"expected outputs from 0 to {most}, got {numbers[wrong[0]]} for basis state {wrong[0]}"
        )
    return np.ascontiguousarray(numbers, dtype=np.int64)


def repetitions_and_seed(repetitions: Any, random_state: Any) -> tuple[int | None, int | None]:
    """Return repetitions and one seed as plain integers; None and None where there is no noise.

    Raises
    ------
    ValueError
        If `repetitions` is neither None nor an integer of at least 1, or `random_state` is none of
        None, an integer of at least 0 and a RandomState, or is given without repetitions.
    """
    if repetitions is not None:
        return integer(repetitions, "repetitions", 1), _seed(random_state)
    if random_state is not None:
        raise ValueError(f"random_state: expected None without repetitions, got {random_state!r}")
    return None, None


def _seed(random_state: Any) -> int:
    if random_state is None:
        return secrets.randbits(32)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**32, dtype=np.uint32))
    is_integer = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not is_integer or random_state < 0:
        raise ValueError(
            "random_state: expected None, an integer of at least 0 or a numpy RandomState, got "
            f"{random_state!r}"
        )
    return int(random_state)
