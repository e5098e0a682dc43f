"""qkernels: any Cirq circuit as a scikit-learn kernel, as fast as the machine multiplies matrices.

`FeatureMap` and the standard maps in `feature_maps` say how data enter a circuit;
`FidelityKernel` and `ProjectedKernel` say what is compared; evaluators, such as
`StatevectorEvaluator`, say how it is computed.
"""

from __future__ import annotations

from qkernels import (
    alignment,
    ansatze,
    datasets,
    diagnostics,
    evaluators,
    feature_maps,
    hardware,
    interop,
    kernels,
    losses,
    plotting,
    psd,
    qnn,
    variational,
)
from qkernels.evaluators import MPSEvaluator, SamplerEvaluator, StatevectorEvaluator
from qkernels.evidence import Report, report
from qkernels.feature_maps import FeatureMap
from qkernels.features import FidelityFeatures
from qkernels.gram import GramStore, gram_chunked, gram_matrix
from qkernels.kernels import (
    FidelityKernel,
    ProjectedFeatures,
    ProjectedKernel,
    QuantumKernel,
    from_json,
    value_and_vjp,
)
from qkernels.migration import our_name_for
from qkernels.nystroem import QuantumNystroem
from qkernels.operators import gram_operator
from qkernels.optimizers import SPSA, Adam
from qkernels.training import KernelTrainer, TrainedKernelEstimator
from qkernels.variational import (
    CircuitCentricClassifier,
    VariationalClassifier,
    VariationalRegressor,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "SPSA",
    "Adam",
    "CircuitCentricClassifier",
    "FeatureMap",
    "FidelityFeatures",
    "FidelityKernel",
    "GramStore",
    "KernelTrainer",
    "MPSEvaluator",
    "ProjectedFeatures",
    "ProjectedKernel",
    "QuantumKernel",
    "QuantumNystroem",
    "Report",
    "SamplerEvaluator",
    "StatevectorEvaluator",
    "TrainedKernelEstimator",
    "VariationalClassifier",
    "VariationalRegressor",
    "alignment",
    "ansatze",
    "datasets",
    "diagnostics",
    "evaluators",
    "feature_maps",
    "from_json",
    "gram_chunked",
    "gram_matrix",
    "gram_operator",
    "hardware",
    "interop",
    "kernels",
    "losses",
    "plotting",
    "psd",
    "qnn",
    "report",
    "value_and_vjp",
    "variational",
]


def __getattr__(name: str) -> object:
    raise AttributeError(our_name_for(name))
