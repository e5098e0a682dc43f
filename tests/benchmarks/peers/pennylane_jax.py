"""PennyLane's default.qubit compiled by JAX: from points to the result by jit and vmap.

Of the forms tried (CNOT·P·CNOT, CNOT·RZ·CNOT, MultiRZ, controlled phases, IsingZZ; `lax.map`,
broadcasting instead of vmap) none was faster than vmap with IsingZZ. For the loss broadcasting was
twice as fast as vmap, and templates compiled four times as fast as single gates.
"""

from __future__ import annotations

from importlib import metadata, util

from ..works import Work
from .base import Job, Peer
from .jax_job import compiled_gradient, compiled_job, compiled_loss, jax_in_double_precision
from .pennylane import angles_of, apply, first_output


class PennylaneJax(Peer):
    """jit(vmap(qnode)), the Gram matrix inside jit."""

    key = "pennylane-jax"
    label = "PennyLane + JAX"
    package = "pennylane"
    distribution = "pennylane"
    tasks = ("gram", "states", "gradient", "loss")
    feature_maps = ("zz", "layered", "uploaded")
    compiles = True

    def installed(self) -> bool:
        """Return whether PennyLane and JAX can be found."""
        return super().installed() and util.find_spec("jax") is not None

    def version(self) -> str:
        """Return the versions of PennyLane and JAX."""
        return f"{super().version()}, jax {metadata.version('jax')}"

    def prepare(self, work: Work) -> Job:
        """Make the function; JAX compiles it when it is called."""
        jax = jax_in_double_precision()
        import pennylane as qml

        device = qml.device("default.qubit", wires=work.n_qubits)
        if work.task == "loss":
            output = qml.QNode(first_output, device, interface="jax", diff_method="backprop")
            return compiled_loss(work, output)

        @qml.qnode(device, interface="jax", diff_method="backprop")
        def node(*angles):
            apply(work, angles, ising=True)
            return qml.state()

        if work.task == "gradient":
            return compiled_gradient(work, jax.vmap(node))
        return compiled_job(work, lambda X: jax.vmap(node)(*angles_of(work, X)))
