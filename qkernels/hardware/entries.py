"""Which measured points each entry of a kernel matrix is made of.

What lives here: carrying numbers from entries to points, for top-ups and for allocation. Which
points there are is decided by the evaluator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qkernels.hardware.measurement import Measurement
from qkernels.hardware.recording import recorded
from qkernels.kernels import FidelityKernel, ProjectedKernel
from qkernels.kernels.embedding import Embedding
from qkernels.sampling.requests import Request


def largest_by_point(plan: Measurement, entries: np.ndarray) -> dict[bytes, float]:
    """Return, for each point, the largest number among the entries that it is in.

    Parameters
    ----------
    plan : Measurement
    entries : ndarray of shape (n_points_X, n_points_Y)
        Of a kernel that is neither fidelity nor projected, every entry is taken to depend on
        every point.

    Returns
    -------
    dict of bytes to float
        By the point's key, on a backend without identity.
    """
    if plan.columns is not None:
        entries = entries[:, plan.columns[0]]
    found: dict[bytes, float] = {}
    for request, numbers in _by_request(plan, entries):
        for key, number in zip(request.keys(""), numbers.tolist(), strict=True):
            found[key] = max(number, found.get(key, 0.0))
    return found


def _by_request(plan: Measurement, entries: np.ndarray) -> Iterator[tuple[Request, np.ndarray]]:
    if isinstance(plan.kernel, FidelityKernel):
        yield _of_pairs(plan, entries)
    elif isinstance(plan.kernel, ProjectedKernel):
        requests = recorded(plan.kernel, plan.points)
        for k, (P, request) in enumerate(zip(plan.points, requests, strict=True)):
            yield request, _of_states(plan.kernel, P, entries.max(axis=1 - k), request)
    else:
        for request in plan.requests:
            yield request, np.full(len(request), entries.max())


def _of_pairs(plan: Measurement, entries: np.ndarray) -> tuple[Request, np.ndarray]:
    gram = plan.evaluator.gram_request(*map(plan.kernel.prepare, plan.points))
    numbers = np.zeros(len(gram.request))
    measured = gram.entries >= 0
    np.maximum.at(numbers, gram.entries[measured], entries[measured])
    for axis, own in ((1, gram.rows), (0, gram.columns)):
        if own is not None:
            np.maximum.at(numbers, own, entries.max(axis=axis))
    return gram.request, numbers


def _of_states(
    kernel: ProjectedKernel, P: np.ndarray, numbers: np.ndarray, request: Request
) -> np.ndarray:
    """Return, for each point of a request, the largest number of the rows of P it is a state of."""
    prepared: Any = Embedding.of(kernel, P).states(P)
    states = {angles.tobytes(): state for state, angles in enumerate(request.first)}
    rows = [states[angles.tobytes()] for angles in prepared.angles + 0.0]
    found = np.zeros(len(request.first))
    np.maximum.at(found, rows, numbers)
    return found[request.pairs[:, 0]]
