"""The protocol that a package meets to be timed, and the NumPy a competent user would add to it.

A `Peer` says what it can compute and prepares a `Job`; a `Job` is run with new points each time.
Modules of this folder import their package inside `prepare`, so that they can be imported without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata, util
from types import MappingProxyType
from typing import Any

import numpy as np

from ..works import GAMMA, LAYERS, Work, labels


def whole(points: np.ndarray) -> np.ndarray:
    """Return the points as they are: nothing to load before the clock starts."""
    return points


def gram_block(gram: Any, rows: np.ndarray) -> np.ndarray:
    """Return some rows and columns of a Gram matrix."""
    return np.asarray(gram)[np.ix_(rows, rows)]


def state_block(states: Any, rows: np.ndarray) -> np.ndarray:
    """Return the fidelities between some of the states of an array."""
    return fidelities(np.asarray(states)[rows])


@dataclass(frozen=True)
class Job:
    """One work, made ready by one package.

    Parameters
    ----------
    run : callable
        What is timed; takes what `load` returns.
    load : callable
        What comes before and is not timed; takes the points.
    block : callable or None
        Takes what `run` returned and an array of row numbers, returns the numbers that must
        agree between packages. None if there is nothing to agree on.
    """

    run: Callable[[Any], Any]
    load: Callable[[np.ndarray], Any] = whole
    block: Callable[[Any, np.ndarray], np.ndarray] | None = gram_block


def gradient_job(gradient: Callable[[np.ndarray], Any]) -> Job:
    """Return a job from points to a gradient; it is computed anew for those that are compared.

    Parameters
    ----------
    gradient : callable
        From points to the gradient by the offsets, in the order of `works.offsets`.
    """

    def block(result: Any, rows: np.ndarray) -> np.ndarray:
        X, _ = result
        found = np.asarray(gradient(X[rows]))
        return found.reshape(LAYERS, -1, 2).swapaxes(1, 2).reshape(-1, X.shape[1])

    return Job(run=lambda X: (X, gradient(X)), block=block)


def loss_job(loss: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]) -> Job:
    """Return a job from points to a loss and its gradient, computed anew for those compared.

    Parameters
    ----------
    loss : callable
        From points and their labels to the loss and its gradient by the weights, in the order of
        `works.weights`.
    """

    def both(X: np.ndarray) -> tuple[Any, Any]:
        return loss(X, labels(len(X)))

    def block(result: Any, rows: np.ndarray) -> np.ndarray:
        X, _ = result
        return np.append(*both(X[rows]))

    return Job(run=lambda X: (X, both(X)), block=block)


class Peer:
    """A package, used in one way."""

    key: str
    """The name on the command line."""
    label: str
    """The name in tables and pictures."""
    package: str
    """The name under which it is imported."""
    distribution: str
    """The name under which it is installed."""
    tasks: tuple[str, ...] = ("gram",)
    feature_maps: tuple[str, ...] = ("zz", "layered")
    tolerance: float = 1e-6
    """How far its numbers may lie from the reference; wider for single precision only."""
    compiles: bool = False
    """Whether the first call of a size is spent on compiling, and must never be counted."""
    most_points: int | None = None
    """The points it is timed on if it cannot batch; its time is then extrapolated."""
    variables: Mapping[str, str] = MappingProxyType({})
    """Environment that its process needs besides the bounds on threads."""
    by_hand: bool = False
    """Whether the user does work that a package would be expected to do."""
    note: str = ""
    """What `remark` says of every work."""

    def supports(self, work: Work) -> bool:
        """Return whether the package is to be timed on a work."""
        return work.task in self.tasks and work.feature_map in self.feature_maps

    def remark(self, work: Work) -> str:
        """Return what a reader of the table of `work` has to know, or nothing."""
        return self.note

    def installed(self) -> bool:
        """Return whether the package can be found, without importing it."""
        return util.find_spec(self.package) is not None

    def version(self) -> str:
        """Return the version installed."""
        return metadata.version(self.distribution)

    def prepare(self, work: Work) -> Job:
        """Import the package and make a work ready."""
        raise NotImplementedError


def fidelities(states: np.ndarray) -> np.ndarray:
    """Return |⟨a|b⟩|² of all pairs of states by one matrix product."""
    overlaps = states @ states.conj().T
    return overlaps.real**2 + overlaps.imag**2


def bloch_vectors(states: np.ndarray) -> np.ndarray:
    """Return the Bloch vectors of every qubit, of shape (n_points, 3 * n_qubits).

    The register is cut in the middle: two matrix products give the reduced density matrices of
    the halves, from which those of the single qubits cost next to nothing. Blocks of 32 points
    stay in the cache. This is twice as fast as one pass over the states for each qubit.
    """
    n = states.shape[1].bit_length() - 1
    blocks = (states[row : row + 32] for row in range(0, len(states), 32))
    return np.concatenate([_block_vectors(block, n) for block in blocks])


def projected_gram(states: np.ndarray) -> np.ndarray:
    """Return exp(−γ/2 Σ |r − r′|²) between the Bloch vectors r of some states."""
    vectors = bloch_vectors(states)
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    return np.exp(-GAMMA / 2 * np.maximum(distances, 0.0))


def _block_vectors(states: np.ndarray, n: int) -> np.ndarray:
    front = n // 2
    matrices = states.reshape(len(states), 2**front, -1)
    conjugates = matrices.conj()
    first = _single_qubits(matrices @ conjugates.swapaxes(1, 2), front)
    second = _single_qubits(matrices.swapaxes(1, 2) @ conjugates, n - front)
    return np.concatenate([first, second], axis=1)


def _single_qubits(density: np.ndarray, n: int) -> np.ndarray:
    vectors = []
    for q in range(n):
        cut = (2**q, 2, 2 ** (n - q - 1))
        rho = np.einsum("pabcadc->pbd", density.reshape(len(density), *cut, *cut))
        cross = 2 * rho[:, 1, 0]
        vectors += [cross.real, cross.imag, (rho[:, 0, 0] - rho[:, 1, 1]).real]
    return np.stack(vectors, axis=1)
