"""A kernel's free hyperparameters to the minimum of a loss.

What lives here: `KernelTrainer`, which turns a loss of the kernel matrix into one of `theta`. The
losses are in `losses`, the gradients are the kernels', the way down is in `optimizers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils import check_random_state, check_X_y

from qkernels.alignment import is_regression
from qkernels.kernels import value_and_vjp
from qkernels.losses import Loss, get_loss
from qkernels.optimizers import (
    SPSA,
    Adam,
    Callback,
    Descent,
    as_optimizer,
    check_count,
    draw_batches,
)
from qkernels.optimizers.choice import UNBOUNDED


class KernelTrainer(BaseEstimator):
    """Trains a kernel's free hyperparameters: the minimum of a loss of its matrix.

    What a kernel's bounds leave free is trained: circuit parameters, bandwidth, gamma, and the
    hyperparameters of whatever it is combined with.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel, or a sum, product or power of kernels with one in it, such as
        `ConstantKernel() * kernel + WhiteKernel()`.
    loss : str or callable, default="target_alignment"
        "target_alignment", "centered_alignment", "svm_dual", "log_marginal_likelihood",
        "ridge_leave_one_out", one of `qkernels.losses` with its own settings, or any function of
        (K, y) that returns its value, to be minimised, and ∂L/∂K.
    optimizer : str, Adam or SPSA, default="L-BFGS-B"
        A gradient method of `scipy.optimize.minimize` ("L-BFGS-B", "TNC", "SLSQP", "CG", "BFGS",
        "Newton-CG" or "trust-constr"), "adam", or "spsa", which needs no gradient but two kernel
        matrices a step, for kernels measured on hardware.
    max_iter : int, default=100
        The most steps from each start; for "TNC" the most evaluations.
    batch_size : int, default=None
        Draw so many points at each step, each class in proportion, for "adam" and "spsa"; None
        takes all of them.
    n_restarts : int, default=0
        So many more starts, drawn uniformly between the bounds of theta; the best result is kept.
    random_state : int, RandomState or None, default=None
        Draws the restarts, the batches, and SPSA's directions.
    callback : callable, default=None
        Called after each step with its number, theta and the loss; training from this start ends
        when it returns True.
    verbose : int, default=0
        Whether a progress bar is shown.

    Attributes
    ----------
    kernel_ : Kernel
        The trained kernel; `kernel` itself is not changed. Give it to another trainer to go on.
    loss_ : float
        Its loss; with batches, the mean of the last tenth of the history.
    history_ : ndarray of shape (n_iter_ + 1,)
        The loss at the best start and after each step from there. With "spsa", the mean of the two
        values beside each point but the last, where it is the loss itself.
    n_iter_ : int
        Number of steps from the best start.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    Angles are periodic: bounds of `parameters` say where restarts are drawn from, and training may
    leave them. All other hyperparameters stay within their bounds, and start there, but for "CG",
    "BFGS", "Newton-CG" and "trust-constr", which are told of none. Ctrl-C ends the training, and so
    does a sampler's budget, which is never passed; what is best so far is kept.

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X, y = qk.datasets.ad_hoc(20, random_state=0, return_X_y=True)
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
    >>> trainer = qk.KernelTrainer(kernel).fit(X, y)
    >>> bool(trainer.loss_ < trainer.history_[0])
    True
    """

    def __init__(
        self,
        kernel: Kernel,
        *,
        loss: str | Loss = "target_alignment",
        optimizer: str | Adam | SPSA = "L-BFGS-B",
        max_iter: int = 100,
        batch_size: int | None = None,
        n_restarts: int = 0,
        random_state: Any = None,
        callback: Callback | None = None,
        verbose: int = 0,
    ) -> None:
        self.kernel = kernel
        self.loss = loss
        self.optimizer = optimizer
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.n_restarts = n_restarts
        self.random_state = random_state
        self.callback = callback
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> KernelTrainer:
        """Train the kernel.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        y : array-like of shape (n_points,)
            What the loss takes: classes or real targets.

        Returns
        -------
        KernelTrainer
            Itself.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of range, nothing is free, or the loss is not finite.
        NotImplementedError
            If the kernel has no gradient and the optimizer needs one.
        """
        X, y = check_X_y(X, y, dtype="numeric", estimator=self)
        run = _Run(self, X, y)
        descent = run.descent(self.callback, self.verbose)
        descent.run(run.starts())
        self.kernel_ = run.kernel.clone_with_theta(descent.theta)
        self.loss_ = descent.loss
        self.history_ = np.array(descent.history)
        self.n_iter_ = len(self.history_) - 1
        self.n_features_in_ = X.shape[1]
        return self


class _Run:
    """One fit: the loss as a function of theta, and where to start."""

    def __init__(self, trainer: KernelTrainer, X: np.ndarray, y: np.ndarray) -> None:
        if not isinstance(trainer.kernel, Kernel):
            raise TypeError(f"kernel: expected a scikit-learn kernel, got {trainer.kernel!r}")
        self.kernel = trainer.kernel
        if not self.kernel.n_dims:
            raise ValueError(
                "nothing to train: every hyperparameter is fixed; give the kernel bounds, such as "
                "parameter_bounds=(-np.pi, np.pi)"
            )
        self._X, self._y = X, y
        self._loss = get_loss(trainer.loss)
        self._optimizer = as_optimizer(trainer.optimizer)
        self._max_iter = check_count("max_iter", trainer.max_iter, 1)
        self._n_restarts = check_count("n_restarts", trainer.n_restarts, 0)
        self._random_state = check_random_state(trainer.random_state)
        self._batches = draw_batches(
            trainer.batch_size,
            len(y),
            self._optimizer,
            self._random_state,
            classes=None if is_regression(y) else y,
        )

    def starts(self) -> Iterator[np.ndarray]:
        """Yield theta as it is, then random ones between its bounds."""
        yield self.kernel.theta
        for _ in range(self._n_restarts):
            yield self._random_state.uniform(*self.kernel.bounds.T)

    def descent(self, callback: Callback | None, verbose: int) -> Descent:
        """Return the way down that the trainer asks for."""
        # Angles are periodic: their bounds are no walls.
        free = _is_angle(self.kernel)[:, np.newaxis] | (self._optimizer in UNBOUNDED)
        return Descent(
            self,
            self._optimizer,
            self._max_iter,
            noisy=self._batches is not None,
            walls=np.where(free, [-np.inf, np.inf], self.kernel.bounds),
            random_state=self._random_state,
            callback=callback,
            verbose=verbose,
        )

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient by theta, at a new batch where there are batches."""
        X, y = self._batch()
        K, vjp = value_and_vjp(self.kernel.clone_with_theta(theta), X)
        value, by_matrix = _check_pair(self._loss(K, y), theta)
        return value, vjp(by_matrix).theta

    def value(self, theta: np.ndarray) -> float:
        """Return the loss."""
        X, y = self._batch()
        return _check_pair(self._loss(self.kernel.clone_with_theta(theta)(X), y), theta)[0]

    def _batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all points, or a new draw of some."""
        if self._batches is None:
            return self._X, self._y
        rows = next(self._batches)
        return self._X[rows], self._y[rows]


def _is_angle(kernel: Kernel) -> np.ndarray:
    """Return which entries of theta are circuit parameters; all others are logarithms."""
    free = [h for h in kernel.hyperparameters if not h.fixed]
    angles = [h.name.rpartition("__")[2] == "parameters" for h in free]
    return np.repeat(angles, [h.n_elements for h in free])


def _check_pair(found: Any, theta: np.ndarray) -> tuple[float, Any]:
    """Return what a loss returned: its finite value, and its derivative."""
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(f"loss: expected it to return its value and its derivative, got {found!r}")
    value, by_matrix = found
    if not np.isfinite(value):
        raise ValueError(f"expected a finite loss, got {value} at theta = {theta}")
    return float(value), by_matrix
