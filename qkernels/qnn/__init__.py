"""Quantum neural networks: circuits of data and weights as functions with exact gradients.

Building blocks: what is trained, and by which loss, is the business of `qkernels.variational`, or
of whatever they are built into.
"""

from qkernels.qnn.layers import compose
from qkernels.qnn.networks import (
    ExpectationNetwork,
    Network,
    NetworkGradient,
    ProbabilityNetwork,
)

__all__ = [
    "ExpectationNetwork",
    "Network",
    "NetworkGradient",
    "ProbabilityNetwork",
    "compose",
]
