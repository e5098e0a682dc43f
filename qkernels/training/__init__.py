"""Training kernels: the hyperparameters that minimise a loss, for themselves or in an estimator."""

from qkernels.training.estimator import TrainedKernelEstimator
from qkernels.training.trainer import KernelTrainer

__all__ = ["KernelTrainer", "TrainedKernelEstimator"]
