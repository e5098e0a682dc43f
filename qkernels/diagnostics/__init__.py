"""Numbers that say whether a kernel is worth its price, most of them of its Gram matrix alone.

What lives here: how far a quantum kernel is from a classical one (`geometry`, `similarity`), what
its eigenvalues say (`spectra`, `learning`), how concentrated it is (`concentration`), how often
circuits must be repeated (`shots`), and all of it against the bandwidth (`bandwidth`); of quantum
networks, how large their gradients are at random weights (`gradients`). Scores to train on are in
`qkernels.alignment`; pictures are the business of `qkernels.plotting`.

Eigenvalues and regularizations are those of a matrix scaled to trace N, so that the mean
eigenvalue is 1 and numbers of different kernels can be compared. Entries, which are probabilities
where circuits are measured, are taken as they are. Targets are coded as in `qkernels.alignment`:
two classes as ±1, more as the corners of a simplex, real ones centred.
"""

from qkernels.diagnostics.bandwidth import BandwidthPath, bandwidth_path
from qkernels.diagnostics.concentration import Concentration, concentration
from qkernels.diagnostics.geometry import (
    GeometricDifference,
    IllConditionedWarning,
    ModelComplexity,
    engineered_labels,
    geometric_difference,
    geometric_differences,
    model_complexity,
)
from qkernels.diagnostics.gradients import GradientVariances, gradient_variances
from qkernels.diagnostics.learning import LearningCurve, learning_curve
from qkernels.diagnostics.shots import decision_repetitions, required_repetitions
from qkernels.diagnostics.similarity import ClassicalSimilarity, classical_similarity
from qkernels.diagnostics.spectra import (
    Spectrum,
    TaskAlignment,
    approximate_dimension,
    effective_dimension,
    spectrum,
    task_alignment,
)

__all__ = [
    "BandwidthPath",
    "ClassicalSimilarity",
    "Concentration",
    "GeometricDifference",
    "GradientVariances",
    "IllConditionedWarning",
    "LearningCurve",
    "ModelComplexity",
    "Spectrum",
    "TaskAlignment",
    "approximate_dimension",
    "bandwidth_path",
    "classical_similarity",
    "concentration",
    "decision_repetitions",
    "effective_dimension",
    "engineered_labels",
    "geometric_difference",
    "geometric_differences",
    "gradient_variances",
    "learning_curve",
    "model_complexity",
    "required_repetitions",
    "spectrum",
    "task_alignment",
]
