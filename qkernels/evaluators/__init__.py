"""The ways to compute what kernels compare: one file a method, behind one protocol."""

from __future__ import annotations

import functools

from qkernels.evaluators.base import (
    DifferentiableEvaluator,
    Evaluator,
    Prepared,
    ProbabilityEvaluator,
    SampledEvaluator,
)
from qkernels.evaluators.gradients import Direction, Gradient
from qkernels.evaluators.mps import MPSEvaluator
from qkernels.evaluators.sampler import SamplerEvaluator
from qkernels.evaluators.statevector import StatevectorEvaluator

__all__ = [
    "DifferentiableEvaluator",
    "Direction",
    "Evaluator",
    "Gradient",
    "MPSEvaluator",
    "Prepared",
    "ProbabilityEvaluator",
    "SampledEvaluator",
    "SamplerEvaluator",
    "StatevectorEvaluator",
    "default_evaluator",
]


@functools.cache
def default_evaluator() -> StatevectorEvaluator:
    """Return the exact evaluator that kernels without one share."""
    return StatevectorEvaluator()
