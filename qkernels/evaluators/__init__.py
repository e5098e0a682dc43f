"""The ways to compute what kernels compare: one file a method, behind one protocol."""

from __future__ import annotations

import functools

from qkernels.evaluators.auto import AutoEvaluator
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
    "AutoEvaluator",
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
    "auto_evaluator",
    "default_evaluator",
]


@functools.cache
def default_evaluator() -> StatevectorEvaluator:
    """Return the exact evaluator that kernels without one share."""
    return StatevectorEvaluator()


@functools.cache
def auto_evaluator() -> AutoEvaluator:
    """Return the evaluator that "auto" stands for."""
    return AutoEvaluator()
