"""Circuits from other packages as feature maps.

`from_qiskit`, `from_qasm` and `from_pennylane` each return a `FeatureMap`. The packages are
imported when they are needed: `pip install "qkernels[interop]"` brings them all.
"""

from qkernels.interop.pennylane import from_pennylane
from qkernels.interop.qasm import from_qasm
from qkernels.interop.qiskit import from_qiskit

__all__ = ["from_pennylane", "from_qasm", "from_qiskit"]
