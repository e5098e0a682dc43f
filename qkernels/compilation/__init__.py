"""Cirq circuit → plain arrays: what the loops run, and the angles they need.

`compile_feature_map` is the only way in: a circuit's operations are taken apart into primitives
(`decomposition`, `primitives`), which are simplified (`simplification`); of these, what a number
can see (`light_cones`) is merged into layers (`layering`), and the layers are written as tables
(`program`), one set for each register (`circuit`). For a matrix product state, it is made into
operators (`chain_merging`, `chain_stars`, `chain_layers`, `chain_operators`) on qubits in a good
order (`chain_order`), in sweeps (`chain_schedule`), and these are written as tables (`chain`).
"""

from qkernels.compilation.circuit import CompiledCircuit, Component, compile_feature_map

__all__ = ["CompiledCircuit", "Component", "compile_feature_map"]
