"""Kernels whose evaluator is exchanged: to see what they would measure, or to work offline.

What lives here: finding the one sampling evaluator inside a kernel, also in sums and products with
scikit-learn's, putting another in its place, and recording what a kernel asks of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import Evaluator, SamplerEvaluator
from qkernels.sampling.counts import Counts
from qkernels.sampling.requests import Request, SettingNames


def sampler_of(kernel: Any) -> SamplerEvaluator:
    """Return the sampling evaluator of a kernel.

    Raises
    ------
    TypeError
        If it is not a kernel, or has none.
    ValueError
        If it has several that are not equal.
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"kernel: expected a quantum kernel, got {kernel!r}")
    found = [v for v in kernel.get_params().values() if isinstance(v, SamplerEvaluator)]
    if not found:
        raise TypeError(f"expected a kernel whose evaluator is a SamplerEvaluator, got {kernel!r}")
    if any(evaluator != found[0] for evaluator in found):
        raise ValueError(f"expected one evaluator in all parts of the kernel, got {found}")
    return found[0]


def with_evaluator(kernel: Kernel, evaluator: Evaluator) -> Kernel:
    """Return a copy of a kernel with another evaluator in the place of its sampling one."""
    copied = clone(kernel)
    params = kernel.get_params()
    names = [name for name, value in params.items() if isinstance(value, SamplerEvaluator)]
    return copied.set_params(**dict.fromkeys(names, evaluator))


def recorded(kernel: Kernel, points: Sequence[np.ndarray]) -> list[Request]:
    """Return what a kernel's matrix asks for, in the order in which it does."""
    requests: list[Request] = []

    def noiseless(request: Request) -> list[Counts]:
        requests.append(request)
        outcomes = np.zeros((1, request.measured.program.n_bits), dtype=bool)
        return [Counts(outcomes, np.array([int(r)])) for r in request.repetitions]

    with_evaluator(kernel, sampler_of(kernel).with_source(noiseless))(*points)
    return _named(requests) if len(points) == 2 else requests


def _named(requests: Sequence[Request]) -> list[Request]:
    """Return requests with Y for the states of Y: projected kernels ask for those of X, then of Y.

    An evaluator sees one set of states at a time, which it calls X.
    """
    found = list(requests)
    states = [(k, r.names) for k, r in enumerate(requests) if isinstance(r.names, SettingNames)]
    for k, names in states[1::2]:
        found[k] = replace(found[k], names=replace(names, points="Y"))
    return found


def merged(requests: Sequence[Request]) -> tuple[Request, ...]:
    """Return one request for each circuit, with each distinct point once."""
    by_circuit: dict[bytes, list[Request]] = {}
    for request in requests:
        by_circuit.setdefault(request.measured.program.key, []).append(request)
    return tuple(map(_joined, by_circuit.values()))


def _joined(requests: Sequence[Request]) -> Request:
    if len(requests) == 1:
        return requests[0]
    starts = [
        np.cumsum([0, *(len(getattr(r, half)) for r in requests[:-1])])
        for half in ("first", "second")
    ]
    both = Request(
        requests[0].measured,
        np.concatenate([r.first for r in requests]),
        np.concatenate([r.second for r in requests]),
        np.concatenate([r.pairs + s for r, s in zip(requests, np.transpose(starts), strict=True)]),
        np.concatenate([r.repetitions for r in requests]),
        _JoinedNames(tuple(r.names for r in requests), starts),
    )
    rows: dict[bytes, int] = {}
    for row, key in enumerate(both.keys("")):
        rows.setdefault(key, row)
    return both[np.array(list(rows.values()))]


@dataclass(frozen=True, eq=False)
class _JoinedNames:
    """Names of the points of several requests, which begin at some rows of each half."""

    names: tuple[Callable[[int, int], str], ...]
    starts: list[np.ndarray]

    def __call__(self, i: int, j: int) -> str:
        k = int(np.searchsorted(self.starts[0], i, side="right")) - 1
        return self.names[k](i - int(self.starts[0][k]), j - int(self.starts[1][k]))
