"""quimb's matrix product states of the Ising map, by its fastest way, in processes of one thread.

What lives here: three ways to apply the couplings with quimb, the choice among them, and workers
that keep their states. quimb computes state by state and pair by pair; with one process for each
processor all are busy, which its small tensors do not achieve with threads. It is no `Peer`: what
is asked of it is in `wide.py`.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import util
from typing import Any

import numpy as np

CUTOFF = 1e-12
"""The part of a state's weight that a truncation may discard; the default of qkernels too."""

_X = np.array([[0, 1], [1, 0]])
_SWAP = np.eye(4)[[0, 2, 1, 3]]
_GATE = {"contract": "swap+split", "cutoff": CUTOFF, "cutoff_mode": "rsum2", "renorm": 0}
_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def installed() -> bool:
    """Return whether quimb can be imported."""
    return util.find_spec("quimb") is not None


# ---------------------------------------------------------------- states


def by_swaps(x: np.ndarray, gamma: float, distance: int, layers: int = 2) -> Any:
    """Return the state of a point; each distant pair is brought together and parted again."""
    state, info = _plus(len(x)), {}
    for _ in range(layers):
        _rotate(state, x, gamma)
        for i, j in pairs(len(x), distance):
            state.gate_(_coupling(x, gamma, i, j), (i, j), info=info, **_GATE)
    return state


def by_network(x: np.ndarray, gamma: float, distance: int, layers: int = 2) -> Any:
    """Return the state of a point; each qubit is carried past all of its partners and back."""
    n = len(x)
    state, info = _plus(n), {}
    for _ in range(layers):
        _rotate(state, x, gamma)
        for i in range(n - 1):
            last = min(i + distance, n - 1)
            for j in range(i + 1, last + 1):
                gate = _coupling(x, gamma, i, j)
                gate = gate if j == last else _SWAP @ gate
                state.gate_(gate, (j - 1, j), info=info, **_GATE)
            for j in range(last - 1, i, -1):
                state.gate_(_SWAP, (j - 1, j), info=info, **_GATE)
    return state


def by_operators(x: np.ndarray, gamma: float, distance: int, layers: int = 2) -> Any:
    """Return the state of a point; all couplings of a qubit to later ones are one operator."""
    state, info = _plus(len(x)), {}
    for _ in range(layers):
        _rotate(state, x, gamma)
        for i in range(len(x) - 1):
            operator = _couplings(x, gamma, i, min(i + distance, len(x) - 1))
            state.gate_with_submpo_(
                operator, info=info, inplace_mpo=True, cutoff=CUTOFF, cutoff_mode="rsum2"
            )
    return state


WAYS = (by_swaps, by_network, by_operators)


def fastest(x: np.ndarray, gamma: float, distance: int) -> Callable[..., Any]:
    """Return the way that takes least for the state of a point, after a first call."""
    seconds = {}
    for way in WAYS:
        way(x[: distance + 2], gamma, distance)
        start = time.perf_counter()
        way(x, gamma, distance)
        seconds[way] = time.perf_counter() - start
    return min(seconds, key=seconds.__getitem__)


def pairs(n_qubits: int, distance: int) -> Iterator[tuple[int, int]]:
    """Yield the coupled pairs."""
    return ((i, j) for i in range(n_qubits) for j in range(i + 1, min(i + distance + 1, n_qubits)))


def _plus(n_qubits: int) -> Any:
    import quimb.tensor as qtn

    return qtn.MPS_product_state([np.full(2, math.sqrt(0.5), dtype=complex)] * n_qubits)


def _rotate(state: Any, x: np.ndarray, gamma: float) -> None:
    for i, phase in enumerate(np.exp(-1j * gamma * x)):
        state.gate_(np.diag([phase, phase.conj()]), i, contract=True)


def _half_angle(x: np.ndarray, gamma: float, i: int, j: int) -> float:
    return math.pi / 2 * gamma**2 * (1 - x[i]) * (1 - x[j])


def _coupling(x: np.ndarray, gamma: float, i: int, j: int) -> np.ndarray:
    angle = _half_angle(x, gamma, i, j)
    return math.cos(angle) * np.eye(4) - 1j * math.sin(angle) * np.kron(_X, _X)


def _couplings(x: np.ndarray, gamma: float, first: int, last: int) -> Any:
    """Return Σ± (1 ± X_first)/2 ⊗ exp(∓i Σ_j angle_j X_j), an operator of bond 2."""
    import quimb.tensor as qtn

    tensors = [np.stack([(np.eye(2) + _X) / 2, (np.eye(2) - _X) / 2])]
    for j in range(first + 1, last + 1):
        angle = _half_angle(x, gamma, first, j)
        turns = [math.cos(a) * np.eye(2) - 1j * math.sin(a) * _X for a in (angle, -angle)]
        tensor = np.zeros((2, 2, 2, 2), complex)
        tensor[0, 0], tensor[1, 1] = turns
        tensors.append(np.stack(turns) if j == last else tensor)
    sites = range(first, last + 1)
    return qtn.MatrixProductOperator(tensors, shape="lrud", sites=sites, L=len(x))


# ---------------------------------------------------------------- overlaps


def overlap(bra: Any, ket: Any, path: tuple[tuple[int, int], ...]) -> complex:
    """Contract two states along a path; that of quimb's own choice fails with bonds of 1."""
    import quimb.tensor as qtn

    return qtn.TensorNetwork((bra, ket), virtual=True).contract(all, optimize=path)


def sweep(n_qubits: int) -> tuple[tuple[int, int], ...]:
    """Return the path from the first qubit to the last, as places in the list of what is left."""
    left = list(range(2 * n_qubits))
    path = []
    done = 0
    for tensor in (n_qubits, *(t for k in range(1, n_qubits) for t in (k, n_qubits + k))):
        places = sorted((left.index(done), left.index(tensor)))
        path.append(tuple(places))
        left = [t for t in left if t not in (done, tensor)]
        done = 2 * n_qubits + len(path)
        left.append(done)
    return tuple(path)


# ---------------------------------------------------------------- workers


class Workers:
    """Processes of one thread, one for each processor that quimb may use.

    Use it as a context manager; on leaving it ends the processes.

    Parameters
    ----------
    n_workers : int
        How many.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers

    def __enter__(self) -> Workers:
        os.environ.update(dict.fromkeys(_ALONE, "1"))  # spawned processes inherit it
        context = multiprocessing.get_context("spawn")
        self._pools = [ProcessPoolExecutor(1, mp_context=context) for _ in range(self.n_workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown()

    def tune(self, x: np.ndarray, gamma: float, distance: int) -> str:
        """Let all workers choose the fastest way, the same for all; return its name."""
        way = self._pools[0].submit(fastest, x, gamma, distance).result()
        names = self._all(_warm, way, [x] * self.n_workers, gamma, distance)
        return min(names)

    def states(
        self, name: str, X: np.ndarray, gamma: float, distance: int
    ) -> tuple[float, list[int]]:
        """Compute states, the same number in each worker, and keep them there.

        Returns
        -------
        (float, list of int)
            Seconds that each state takes while all workers are busy, and all inner bonds.
        """
        way = next(way for way in WAYS if way.__name__ == name)
        parts = np.array_split(X, self.n_workers)
        found = list(self._all(_states, way, parts, gamma, distance))
        seconds = max(seconds for seconds, _ in found)
        return seconds / len(X), [bond for _, bonds in found for bond in bonds]

    def fidelities(self, pairs_of_each: list[np.ndarray]) -> tuple[float, list[np.ndarray]]:
        """Compare pairs of the states that each worker keeps.

        Returns
        -------
        (float, list of ndarray)
            Seconds that each pair takes while all workers are busy, and the fidelities.
        """
        futures = [
            pool.submit(_fidelities, places)
            for pool, places in zip(self._pools, pairs_of_each, strict=True)
        ]
        found = [future.result() for future in futures]
        n_pairs = sum(map(len, pairs_of_each))
        return max(seconds for seconds, _ in found) / n_pairs, [values for _, values in found]

    def _all(self, task: Callable[..., Any], way: Any, parts: list[Any], *rest: Any) -> Iterator:
        futures = [
            pool.submit(task, way, part, *rest)
            for pool, part in zip(self._pools, parts, strict=True)
        ]
        return (future.result() for future in futures)


_KEPT: list[Any] = []


def _warm(way: Callable[..., Any], x: np.ndarray, gamma: float, distance: int) -> str:
    warnings.simplefilter("ignore")
    state = way(x, gamma, distance)
    for _ in range(2):
        overlap(state.H, state, sweep(len(x)))
    return way.__name__


def _states(
    way: Callable[..., Any], X: np.ndarray, gamma: float, distance: int
) -> tuple[float, list[int]]:
    start = time.perf_counter()
    states = [way(x, gamma, distance) for x in X]
    seconds = time.perf_counter() - start
    # The bras are conjugated once and not for each pair.
    _KEPT[:] = [(state.H, state) for state in states]
    return seconds, [bond for state in states for bond in state.bond_sizes()]


def _fidelities(places: np.ndarray) -> tuple[float, np.ndarray]:
    path = sweep(_KEPT[0][1].L)
    start = time.perf_counter()
    values = np.array([abs(overlap(_KEPT[i][0], _KEPT[j][1], path)) ** 2 for i, j in places])
    return time.perf_counter() - start, values
