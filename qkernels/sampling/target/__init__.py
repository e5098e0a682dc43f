"""Compilation for a device: `Target`, and one file for each step.

What lives here: from a symbolic circuit to the device's own gates on its own qubits. What is run
and counted afterwards is the business of `programs` and `execution`.
"""

from __future__ import annotations

from qkernels.sampling.target.target import Target

__all__ = ["Target"]
