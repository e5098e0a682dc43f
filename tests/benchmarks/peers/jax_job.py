"""What the two JAX peers share: double precision, and states to results inside one jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..works import Work
from .base import Job, state_block


def jax_in_double_precision() -> Any:
    """Import JAX on the processor, in double precision, and return it."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    return jax


def compiled_job(work: Work, states: Callable[[Any], Any]) -> Job:
    """Return a job that compiles `states`, together with the matrix product if one is asked for.

    Parameters
    ----------
    work : Work
        Says whether states or a Gram matrix are wanted.
    states : callable
        From a JAX array of points to their states.
    """
    import jax

    if work.task == "states":
        function = jax.jit(states)
        return Job(run=lambda X: function(X).block_until_ready(), block=state_block)

    @jax.jit
    def gram(X):
        psi = states(X)
        overlaps = psi @ psi.conj().T
        return overlaps.real**2 + overlaps.imag**2

    return Job(run=lambda X: np.asarray(gram(X)))
