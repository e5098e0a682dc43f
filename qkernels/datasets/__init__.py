"""Small data sets of the field: loaders of what lies in `datasets/`, and seeded generators.

What lives here: the public names. Data that are loaded live in `files`, and each family of
generators in a file of its own.
"""

from qkernels.datasets.ad_hoc import ad_hoc
from qkernels.datasets.benchmarks import (
    bars_and_stripes,
    hidden_manifold,
    hyperplanes,
    linearly_separable,
    two_curves,
)
from qkernels.datasets.cosets import cosets
from qkernels.datasets.engineered import engineered
from qkernels.datasets.files import available, load
from qkernels.datasets.ground_states import ground_states

__all__ = [
    "ad_hoc",
    "available",
    "bars_and_stripes",
    "cosets",
    "engineered",
    "ground_states",
    "hidden_manifold",
    "hyperplanes",
    "linearly_separable",
    "load",
    "two_curves",
]
