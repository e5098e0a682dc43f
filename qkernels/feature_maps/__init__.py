"""Feature maps: the value type, and the standard maps of the literature as functions."""

from qkernels.feature_maps.evolution import heisenberg, ising
from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.group import covariant
from qkernels.feature_maps.havlicek import iqp, pauli, z, zz
from qkernels.feature_maps.layered import hardware_efficient, high_dimensional, hubregtsen, yz_cx
from qkernels.feature_maps.rotations import angle, chebyshev
from qkernels.feature_maps.state_preparation import amplitude
from qkernels.feature_maps.unentangled import without_entanglement as without_entanglement

__all__ = [
    "FeatureMap",
    "amplitude",
    "angle",
    "chebyshev",
    "covariant",
    "hardware_efficient",
    "heisenberg",
    "high_dimensional",
    "hubregtsen",
    "iqp",
    "ising",
    "pauli",
    "yz_cx",
    "z",
    "zz",
]
