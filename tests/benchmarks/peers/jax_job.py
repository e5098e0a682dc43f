"""What the two JAX peers share: double precision, and states to results inside jit.

Points go through in blocks of about half a million amplitudes. At 14 qubits that made PennyLane
three times and TensorCircuit one and a half times as fast as all points at once; at 10 qubits the
size of a block made no difference. For a loss, whose gradient keeps the states after every gate,
blocks of 125 points at 8 qubits made PennyLane three times as fast as all points at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..works import Work, labels, layer_angles, offsets, weights
from .base import Job, gradient_job, loss_job, state_block

BLOCK = 2**19
LOSS_BLOCK = 2**15


def jax_in_double_precision() -> Any:
    """Import JAX on the processor, in double precision, and return it."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return jax


def compiled_job(work: Work, states: Callable[[Any], Any]) -> Job:
    """Return a job that compiles `states`, and the matrix product if one is asked for.

    Parameters
    ----------
    work : Work
        Says whether states or a Gram matrix are wanted, and how many.
    states : callable
        From a JAX array of points to their states.
    """
    import jax
    import jax.numpy as jnp

    blocks = -(-work.n_points * 2**work.n_qubits // BLOCK)

    def gram(parts):
        psi = jnp.concatenate(parts)[: work.n_points]
        overlaps = psi @ psi.conj().T
        return overlaps.real**2 + overlaps.imag**2

    compiled_states = jax.jit(states)
    compiled_gram = jax.jit(gram if blocks > 1 else lambda parts: gram([states(parts[0])]))

    def all_states(X):
        parts = [compiled_states(part) for part in equal_parts(X, blocks)]
        return jnp.concatenate(parts)[: len(X)].block_until_ready()

    def all_pairs(X):
        parts = equal_parts(X, blocks)
        if blocks > 1:
            parts = [compiled_states(part) for part in parts]
        return np.asarray(compiled_gram(parts))

    if work.task == "states":
        return Job(run=all_states, block=state_block)
    return Job(run=all_pairs)


def compiled_gradient(work: Work, states: Callable[[Any], Any]) -> Job:
    """Return a job that compiles the alignment together with its gradient.

    Parameters
    ----------
    work : Work
    states : callable
        From a JAX array of the layered circuit's angles to the points' states.
    """
    import jax
    import jax.numpy as jnp

    start = offsets(work.n_qubits)

    def alignment(shifts, X):
        psi, y = states(layer_angles(X, shifts)), labels(len(X))
        overlaps = psi @ psi.conj().T
        gram = overlaps.real**2 + overlaps.imag**2
        return y @ gram @ y / (jnp.linalg.norm(gram) * len(X))

    both = jax.jit(jax.value_and_grad(alignment))
    return gradient_job(lambda X: np.asarray(both(start, X)[1]))


def compiled_loss(work: Work, outputs: Callable[[Any, Any], Any]) -> Job:
    """Return a job that compiles the mean square loss together with its gradient.

    Parameters
    ----------
    work : Work
    outputs : callable
        From JAX arrays of points and of weights to an output for each point.
    """
    import jax
    import jax.numpy as jnp

    start = weights(work.n_qubits)
    blocks = -(-work.n_points * 2**work.n_qubits // LOSS_BLOCK)
    size = -(-work.n_points // blocks)

    def part_of_loss(values, X, y, shares):
        return jnp.sum(shares * (outputs(X, values) - y) ** 2)

    both = jax.jit(jax.value_and_grad(part_of_loss))

    def loss(X, y):
        parts = [filled_parts(array, size) for array in (X, y, np.full(len(X), 1 / len(X)))]
        found = [both(start, *part) for part in zip(*parts, strict=True)]
        values, gradients = zip(*found, strict=True)
        return float(sum(values)), np.asarray(sum(gradients))

    return loss_job(loss)


def equal_parts(X: np.ndarray, blocks: int) -> list[np.ndarray]:
    """Return the points in blocks of one size, the first ones repeated to fill the last.

    One size means one compilation.
    """
    size = -(-len(X) // blocks)
    filled = np.concatenate([X, X[: size * blocks - len(X)]])
    return np.split(filled, blocks)


def filled_parts(array: np.ndarray, size: int) -> list[np.ndarray]:
    """Return an array in parts of one size, the last of them filled with zeros."""
    blocks = -(-len(array) // size)
    filled = np.zeros((blocks * size, *array.shape[1:]))
    filled[: len(array)] = array
    return np.split(filled, blocks)
