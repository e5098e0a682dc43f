"""Pictures, in the way of scikit-learn's displays: made from numbers or a model, kept, plotted.

What lives here: the names of the displays. What they draw is computed in `qkernels.diagnostics`;
matplotlib is imported only when something is drawn. Decision boundaries are scikit-learn's own
`sklearn.inspection.DecisionBoundaryDisplay`, which takes any model with a quantum kernel.
"""

from qkernels.plotting.bandwidth import BandwidthDisplay
from qkernels.plotting.concentration import ConcentrationDisplay
from qkernels.plotting.geometric_difference import GeometricDifferenceDisplay
from qkernels.plotting.gradient_variance import GradientVarianceDisplay
from qkernels.plotting.gram import GramDisplay
from qkernels.plotting.spectrum import SpectrumDisplay
from qkernels.plotting.training import TrainingDisplay

__all__ = [
    "BandwidthDisplay",
    "ConcentrationDisplay",
    "GeometricDifferenceDisplay",
    "GradientVarianceDisplay",
    "GramDisplay",
    "SpectrumDisplay",
    "TrainingDisplay",
]
