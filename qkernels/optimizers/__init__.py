"""Optimizers, and the way down with one of them: from starts to the best point found."""

from qkernels.optimizers.batches import draw_batches
from qkernels.optimizers.choice import Optimizer, as_optimizer, check_count
from qkernels.optimizers.descent import Callback, Descent, Referee, warn_that_it_ended
from qkernels.optimizers.stochastic import SPSA, Adam

__all__ = [
    "SPSA",
    "Adam",
    "Callback",
    "Descent",
    "Optimizer",
    "Referee",
    "as_optimizer",
    "check_count",
    "draw_batches",
    "warn_that_it_ended",
]
