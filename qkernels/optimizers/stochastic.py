"""Stochastic optimizers: Adam with gradients, SPSA without.

What lives here: the two that `scipy.optimize.minimize` does not have, as small values with their
settings. Which point of their way is kept is the business of `descent`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qkernels.feature_maps.validation import real
from qkernels.kernels.validation import check_positive

__all__ = ["SPSA", "Adam"]


@dataclass(frozen=True)
class Adam:
    """Adam: steps along the mean gradient, each entry divided by its root mean square.

    Parameters
    ----------
    learning_rate : float, default=0.05
        The size of a step in each entry of theta: radians for angles.
    beta1, beta2 : float, default=0.9, 0.999
        How slowly the means of the gradient and of its square forget; from 0 to below 1.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR (2015), algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> update = Adam(learning_rate=0.1).updates()
    >>> update(np.ones(1), np.array([7.0])).round(6)
    array([0.9])
    """

    learning_rate: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999

    def __post_init__(self) -> None:
        check_positive(self.learning_rate, "learning_rate")
        for name in ("beta1", "beta2"):
            if not 0 <= real(getattr(self, name), name) < 1:
                raise ValueError(
                    f"expected {name} to be at least 0 and below 1, got {getattr(self, name)}"
                )

    def updates(self) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """Return a function of theta and the gradient there that returns the next theta."""
        mean, square, k = np.zeros(1), np.zeros(1), 0

        def update(theta: np.ndarray, gradient: np.ndarray) -> np.ndarray:
            nonlocal mean, square, k
            k += 1
            mean = self.beta1 * mean + (1 - self.beta1) * gradient
            square = self.beta2 * square + (1 - self.beta2) * gradient**2
            scale = np.sqrt(square / (1 - self.beta2**k)) + 1e-12
            return theta - self.learning_rate * mean / (1 - self.beta1**k) / scale

        return update


@dataclass(frozen=True)
class SPSA:
    """Simultaneous perturbation: two values of the loss give the slope along a random direction.

    Step k compares θ + c_k Δ with θ - c_k Δ, Δ = ±1 in each entry, and moves along Δ by the slope
    times a_k, with c_k = c / (k + 1)^0.101 and a_k = a / (k + 1)^0.602 (Spall's exponents). Slopes
    are divided by the root mean square of those seen so far, so that `a` is the length of a step
    whatever the scale of the loss.

    Parameters
    ----------
    step : float, default=0.5
        a, the size of the first step in each entry of theta: radians for angles.
    perturbation : float, default=0.2
        c.

    References
    ----------
    J. C. Spall, "Implementation of the simultaneous perturbation algorithm for stochastic
    optimization", IEEE Transactions on Aerospace and Electronic Systems 34, 817 (1998), section
    III.

    Examples
    --------
    >>> import numpy as np
    >>> update = SPSA(step=0.1).updates(lambda theta: theta @ theta, np.random.RandomState(0))
    >>> update(np.ones(1))[0].round(6)
    array([0.9])
    """

    step: float = 0.5
    perturbation: float = 0.2

    def __post_init__(self) -> None:
        check_positive(self.step, "step")
        check_positive(self.perturbation, "perturbation")

    def updates(
        self, loss: Callable[[np.ndarray], float], random_state: np.random.RandomState
    ) -> Callable[[np.ndarray], tuple[np.ndarray, float]]:
        """Return a function of theta that returns the next theta, and the loss near this one.

        Parameters
        ----------
        loss : callable
            The loss at a point; called twice a step.
        random_state : RandomState
            Draws the directions.
        """
        square, k = 0.0, 0

        def update(theta: np.ndarray) -> tuple[np.ndarray, float]:
            nonlocal square, k
            k += 1
            direction = random_state.choice([-1.0, 1.0], size=theta.shape)
            shift = self.perturbation / k**0.101 * direction
            high, low = loss(theta + shift), loss(theta - shift)
            slope = high - low
            square += slope**2
            size = self.step / k**0.602 * slope / np.sqrt(square / k) if square else 0.0
            return theta - size * direction, (high + low) / 2

        return update
