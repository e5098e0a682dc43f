"""Central differences that the tests of kernels' gradients compare with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def central_gradient(
    function: Callable[[np.ndarray], float], x: np.ndarray, step: float = 1e-3
) -> np.ndarray:
    """Return the gradient of a scalar function, to order 4 in the step."""
    gradient = np.empty(x.shape)
    for place in np.ndindex(*x.shape):

        def shifted(h: float, place: tuple[int, ...] = place) -> float:
            moved = x.copy()
            moved[place] += h
            return function(moved)

        near, far = (shifted(h) - shifted(-h) for h in (step, 2 * step))
        gradient[place] = (8 * near - far) / (12 * step)
    return gradient


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Compare, relative to the largest number where that is more than 1."""
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(actual, expected, atol=tolerance * scale, rtol=0)
