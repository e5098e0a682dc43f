"""Quantum kernels: what is compared.

What lives here: the names of the kernels' public classes. How the numbers are computed lives in
`qkernels.evaluators`.
"""

from qkernels.kernels.base import QuantumKernel
from qkernels.kernels.fidelity import FidelityKernel
from qkernels.kernels.gradients import KernelGradient, value_and_vjp
from qkernels.kernels.projected import ProjectedFeatures, ProjectedKernel
from qkernels.kernels.serialization import from_json, register, to_json
from qkernels.kernels.weighted import pauli_weighted

__all__ = [
    "FidelityKernel",
    "KernelGradient",
    "ProjectedFeatures",
    "ProjectedKernel",
    "QuantumKernel",
    "from_json",
    "pauli_weighted",
    "register",
    "to_json",
    "value_and_vjp",
]
