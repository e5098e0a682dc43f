"""For experimenters: say the price, run, resume, top up, estimate.

What lives here: plans and runs of kernel matrices on hardware, and the names that they need. What
kernels call is `qkernels.SamplerEvaluator`; how circuits are measured and counts are kept is in
`sampling`.
"""

from __future__ import annotations

from qkernels.hardware.estimate import Correction, Estimate
from qkernels.hardware.plan import Plan, plan, plan_prediction, precomputed
from qkernels.hardware.propagation import Propagation, propagate
from qkernels.hardware.run import CalibrationWarning, Run
from qkernels.hardware.summary import EstimatorCost, PlanSummary
from qkernels.sampling.backends import (
    Backend,
    Chunk,
    NotSubmitted,
    Offline,
    SamplerBackend,
)
from qkernels.sampling.budget import Budget, BudgetExceeded
from qkernels.sampling.execution import MissingCounts, UnknownSubmission
from qkernels.sampling.google import GoogleBackend
from qkernels.sampling.ionq import IonQBackend
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.ledgered import LedgeredSampler
from qkernels.sampling.mitigation import (
    BitFlipTolerance,
    Depolarizing,
    HammingWeights,
    Readout,
    UnbiasedDistances,
)
from qkernels.sampling.programs import BadResults
from qkernels.sampling.target import Target

__all__ = [
    "Backend",
    "BadResults",
    "BitFlipTolerance",
    "Budget",
    "BudgetExceeded",
    "CalibrationWarning",
    "Chunk",
    "Correction",
    "Depolarizing",
    "Estimate",
    "EstimatorCost",
    "GoogleBackend",
    "HammingWeights",
    "IonQBackend",
    "Ledger",
    "LedgeredSampler",
    "MissingCounts",
    "NotSubmitted",
    "Offline",
    "Plan",
    "PlanSummary",
    "Propagation",
    "Readout",
    "Run",
    "SamplerBackend",
    "Target",
    "UnbiasedDistances",
    "UnknownSubmission",
    "plan",
    "plan_prediction",
    "precomputed",
    "propagate",
]
