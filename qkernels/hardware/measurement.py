"""The points that a kernel matrix needs, as a plain value: what plans and runs are about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import SamplerEvaluator
from qkernels.hardware.recording import sampler_of
from qkernels.sampling.requests import Request


@dataclass(frozen=True, eq=False)
class Measurement:
    """A kernel, its points, and what is measured of them.

    Attributes
    ----------
    kernel : Kernel
        With one `SamplerEvaluator` inside.
    points : list of ndarray
        X, and Y where it is another.
    requests : tuple of Request
        What is measured: one parametrised circuit each.
    columns : (ndarray of int, int) or None
        For a prediction: the columns that are measured, and how many there are in all.
    """

    kernel: Kernel
    points: list[np.ndarray]
    requests: tuple[Request, ...]
    columns: tuple[np.ndarray, int] | None = None

    @property
    def evaluator(self) -> SamplerEvaluator:
        """What measures."""
        return sampler_of(self.kernel)
