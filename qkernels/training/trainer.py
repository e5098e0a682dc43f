"""A kernel's free hyperparameters to the minimum of a loss.

What lives here: `KernelTrainer`, which turns a loss of the kernel matrix into one of `theta`, and
minimises it. The losses are in `losses`, the gradients are the kernels'.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import minimize
from sklearn.base import BaseEstimator
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils import check_random_state, check_X_y, resample
from tqdm.auto import tqdm

from qkernels.alignment import is_regression
from qkernels.kernels import value_and_vjp
from qkernels.losses import Loss, get_loss
from qkernels.optimizers import SPSA, Adam
from qkernels.sampling.budget import BudgetExceeded

# Those of scipy's methods that use a gradient, with what they call the number of iterations; the
# first group keeps within bounds.
_BOUNDED = {"L-BFGS-B": "maxiter", "TNC": "maxfun", "SLSQP": "maxiter"}
_UNBOUNDED = dict.fromkeys(("CG", "BFGS", "Newton-CG", "trust-constr"), "maxiter")

Record: TypeAlias = Callable[[np.ndarray, float], None]
Callback: TypeAlias = Callable[[int, np.ndarray, float], Any]


class _Stop(Exception):
    """The callback wants no more steps."""


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
        try:
            for start in run.starts():
                run.descend(start)
        except (KeyboardInterrupt, BudgetExceeded) as stop:
            if not run.best.history:
                raise
            why = "reached its budget" if isinstance(stop, BudgetExceeded) else "was interrupted"
            warnings.warn(f"training {why}; the best so far is kept", stacklevel=2)
        self.kernel_ = run.kernel.clone_with_theta(run.best.theta)
        self.loss_ = run.best.loss
        self.history_ = np.array(run.best.history)
        self.n_iter_ = len(self.history_) - 1
        self.n_features_in_ = X.shape[1]
        return self


class _Path:
    """The way from one start: the losses, and the point that is its result.

    Parameters
    ----------
    wanders : bool
        Whether the losses on the way say too little to choose by: the last point is the result
        then, the best one otherwise.
    noisy : bool
        Whether a point's loss depends on the batch: the result's is the mean of the last tenth
        then.
    """

    def __init__(self, *, wanders: bool, noisy: bool) -> None:
        self._wanders, self._noisy = wanders, noisy
        self.history: list[float] = []
        self.theta = np.empty(0)

    def add(self, theta: np.ndarray, loss: float) -> None:
        """Go on to a point."""
        if self._wanders or not self.history or loss < min(self.history):
            self.theta = theta.copy()
        self.history.append(loss)

    @property
    def loss(self) -> float:
        """The result's loss; infinite before there is one."""
        if not self.history:
            return np.inf
        if self._noisy:
            return float(np.mean(self.history[-max(1, len(self.history) // 10) :]))
        return self.history[-1] if self._wanders else min(self.history)


class _Run:
    """One fit: the loss as a function of theta, and the ways down from each start."""

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
        self._optimizer = _check_optimizer(trainer.optimizer)
        self._max_iter = _check_count("max_iter", trainer.max_iter, 1)
        self._n_restarts = _check_count("n_restarts", trainer.n_restarts, 0)
        self._random_state = check_random_state(trainer.random_state)
        self._batches = self._draw_batches(trainer.batch_size)
        self.best = self._path()
        self._callback = _check_callback(trainer.callback)
        self._verbose = trainer.verbose
        # Angles are periodic: their bounds are no walls.
        free = _is_angle(self.kernel)[:, np.newaxis] | (self._optimizer in _UNBOUNDED)
        self._walls = np.where(free, [-np.inf, np.inf], self.kernel.bounds)

    def _path(self) -> _Path:
        noisy = self._batches is not None
        return _Path(wanders=noisy or isinstance(self._optimizer, SPSA), noisy=noisy)

    def starts(self) -> Iterator[np.ndarray]:
        """Yield theta as it is, then random ones between its bounds."""
        yield self.kernel.theta
        for _ in range(self._n_restarts):
            yield self._random_state.uniform(*self.kernel.bounds.T)

    def descend(self, theta: np.ndarray) -> None:
        """Go down from one start, and keep the way if it leads lower than the others."""
        path = self._path()
        bar = tqdm(total=self._max_iter, disable=not self._verbose, desc="training")

        def record(point: np.ndarray, loss: float) -> None:
            path.add(point, loss)
            bar.set_postfix(loss=loss)
            step = len(path.history) - 1
            bar.update(step > 0)
            if step and self._callback is not None and self._callback(step, point, loss):
                raise _Stop

        try:
            self._minimize(self._inside(theta), record)
        except _Stop:
            pass
        finally:
            bar.close()
            if path.loss < self.best.loss:
                self.best = path

    def _minimize(self, theta: np.ndarray, record: Record) -> None:
        if isinstance(self._optimizer, Adam):
            self._minimize_by_adam(self._optimizer, theta, record)
        elif isinstance(self._optimizer, SPSA):
            self._minimize_by_spsa(self._optimizer, theta, record)
        else:
            self._minimize_by_scipy(self._optimizer, theta, record)

    def _minimize_by_adam(self, optimizer: Adam, theta: np.ndarray, record: Record) -> None:
        update = optimizer.updates()
        for _ in range(self._max_iter):
            loss, gradient = self._value_and_gradient(theta)
            record(theta, loss)
            theta = self._inside(update(theta, gradient))
        record(theta, self._value(theta))

    def _minimize_by_spsa(self, optimizer: SPSA, theta: np.ndarray, record: Record) -> None:
        update = optimizer.updates(
            lambda point: self._value(self._inside(point)), self._random_state
        )
        for _ in range(self._max_iter):
            after, loss = update(theta)
            record(theta, loss)
            theta = self._inside(after)
        record(theta, self._value(theta))

    def _minimize_by_scipy(self, method: str, theta: np.ndarray, record: Record) -> None:
        losses: dict[bytes, float] = {}

        def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = self._value_and_gradient(point)
            losses[point.tobytes()] = loss
            if len(losses) == 1:
                record(point, loss)
            return loss, gradient

        def callback(point: np.ndarray, *_: Any) -> None:
            # TNC may round a point after its evaluation.
            loss = losses.get(point.tobytes())
            record(point, self._value(point) if loss is None else loss)

        minimize(
            value_and_gradient,
            theta,
            jac=True,
            method=method,
            bounds=self._walls if method in _BOUNDED else None,
            callback=callback,
            options={(_BOUNDED | _UNBOUNDED)[method]: self._max_iter},
        )

    def _value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        X, y = self._batch()
        K, vjp = value_and_vjp(self.kernel.clone_with_theta(theta), X)
        value, by_matrix = _check_pair(self._loss(K, y), theta)
        return value, vjp(by_matrix).theta

    def _value(self, theta: np.ndarray) -> float:
        X, y = self._batch()
        return _check_pair(self._loss(self.kernel.clone_with_theta(theta)(X), y), theta)[0]

    def _inside(self, theta: np.ndarray) -> np.ndarray:
        """Return the point between the walls that is closest."""
        return np.clip(theta, *self._walls.T)

    def _batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all points, or a new draw of some."""
        if self._batches is None:
            return self._X, self._y
        rows = next(self._batches)
        return self._X[rows], self._y[rows]

    def _draw_batches(self, size: int | None) -> Iterator[np.ndarray] | None:
        """Return an endless supply of rows, each class in proportion; None for all points."""
        if size is None or _check_count("batch_size", size, 2) >= len(self._y):
            return None
        if not isinstance(self._optimizer, Adam | SPSA):
            raise ValueError(
                f"batch_size={size} makes the loss noisy, which takes the optimizer 'adam' or "
                f"'spsa'; got {self._optimizer!r}"
            )
        rows = np.arange(len(self._y))
        draw = partial(resample, rows, replace=False, random_state=self._random_state)
        classes = None if is_regression(self._y) else self._y
        return (draw(n_samples=size, stratify=classes) for _ in count())


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


def _check_callback(callback: Any) -> Callback | None:
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function or None, got {callback!r}")
    return callback


def _check_count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    return int(value)


def _check_optimizer(optimizer: Any) -> str | Adam | SPSA:
    if isinstance(optimizer, Adam | SPSA):
        return optimizer
    known: dict[str, str | Adam | SPSA] = {
        **{method: method for method in (*_BOUNDED, *_UNBOUNDED)},
        "adam": Adam(),
        "spsa": SPSA(),
    }
    if isinstance(optimizer, str) and optimizer in known:
        return known[optimizer]
    raise ValueError(
        f"optimizer: expected one of {list(known)}, Adam(...) or SPSA(...), got {optimizer!r}"
    )
