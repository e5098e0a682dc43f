"""Cirq circuit → plain arrays: what the loops run, and the angles they need.

`compile_feature_map` is the only way in: a circuit's operations are taken apart into primitives
(`decomposition`, `primitives`), which are simplified (`simplification`); of these, what a number
can see (`light_cones`) is merged into layers (`layering`), and the layers are written as tables
(`program`), one set for each register (`circuit`).
"""

from qkernels.compilation.circuit import CompiledCircuit, Component, compile_feature_map

__all__ = ["CompiledCircuit", "Component", "compile_feature_map"]
