"""The packages that are timed, each in a file of its own; the first is qkernels."""

from __future__ import annotations

from .base import Peer
from .blas import MatrixProduct, NumpyStates, ScipyStates
from .ours import Qkernels
from .pennylane import PennylaneBroadcast, PennylaneLightning, PennylanePairs
from .pennylane_jax import PennylaneJax
from .qiskit_ml import QiskitNetwork, QiskitPairs, QiskitStates
from .qsim import Qsim
from .qulacs import Qulacs, QulacsMerged, QulacsOneThread
from .squlearn import Squlearn
from .tensorcircuit import TensorcircuitJax

OURS = Qkernels.key
RATE = MatrixProduct.key
"""The peer that only measures the rate of the machine's matrix product."""

PEERS: dict[str, Peer] = {
    peer.key: peer
    for peer in (
        Qkernels(),
        PennylaneJax(),
        TensorcircuitJax(),
        Qulacs(),
        QulacsOneThread(),
        QulacsMerged(),
        PennylaneBroadcast(),
        PennylaneLightning(),
        Squlearn(),
        Qsim(),
        QiskitStates(),
        QiskitPairs(),
        QiskitNetwork(),
        PennylanePairs(),
        NumpyStates(),
        ScipyStates(),
        MatrixProduct(),
    )
}
GROWTH_PEERS = (OURS, "qulacs", "qulacs-1", "qulacs-merged", "tensorcircuit-jax", "pennylane-jax")
"""Those that are followed over growing sizes: the fastest of the main works."""
