"""The way down: from starts to the best point that an optimizer finds.

What lives here: `Descent`, which runs any of the optimizers, records each step, keeps the best
point, and keeps it when it is interrupted. What the loss is a function of is not known here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from scipy.optimize import minimize
from tqdm.auto import tqdm

from qkernels.optimizers.choice import BOUNDED, UNBOUNDED, Optimizer
from qkernels.optimizers.stochastic import SPSA, Adam
from qkernels.sampling.budget import BudgetExceeded

Record: TypeAlias = Callable[[np.ndarray, float], None]
Callback: TypeAlias = Callable[[int, np.ndarray, float], Any]


class Objective(Protocol):
    """A loss as a function of a point."""

    def value(self, theta: np.ndarray) -> float:
        """Return the loss."""

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient, of the shape of theta."""


def warn_that_it_ended(stop: BaseException, *, stacklevel: int) -> None:
    """Warn that Ctrl-C or a budget ended a training, of which the best so far is kept."""
    why = "reached its budget" if isinstance(stop, BudgetExceeded) else "was interrupted"
    warnings.warn(f"training {why}; the best so far is kept", stacklevel=stacklevel)


class _Stop(Exception):
    """The callback wants no more steps."""


class Referee(NamedTuple):
    """What points on the way are judged by instead of their loss, and with how much patience.

    Attributes
    ----------
    value : callable
        A number of a point, the less the better, such as the loss of data that were held out.
    patience : int
        A way ends when the number has not fallen by `tol` below its least for so many steps.
    tol : float
    """

    value: Callable[[np.ndarray], float]
    patience: int
    tol: float


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
    referee : Referee or None
        Who chooses, if not the losses.
    """

    def __init__(self, *, wanders: bool, noisy: bool, referee: Referee | None) -> None:
        self._takes_last = wanders and referee is None
        self._takes_mean = noisy and referee is None
        self._referee = referee
        self.history: list[float] = []
        self.judgements: list[float] = []
        self.theta, self._loss = np.empty(0), np.inf
        self._least, self._waited = np.inf, 0

    def add(self, theta: np.ndarray, loss: float) -> None:
        """Go on to a point."""
        judged = loss if self._referee is None else self._referee.value(theta)
        if self._takes_last or not self.history or judged < self._least:
            self.theta, self._loss = theta.copy(), loss
        if self._referee is not None:
            has_fallen = judged < self._least - self._referee.tol
            self._waited = 0 if has_fallen else self._waited + 1
            self.judgements.append(judged)
        self._least = min(judged, self._least)
        self.history.append(loss)

    @property
    def is_over(self) -> bool:
        """Whether the referee's patience is at its end."""
        return self._referee is not None and self._waited >= self._referee.patience

    @property
    def loss(self) -> float:
        """The result's loss; infinite before there is one."""
        if self._takes_mean and self.history:
            return float(np.mean(self.history[-max(1, len(self.history) // 10) :]))
        return self._loss

    @property
    def worth(self) -> float:
        """What ways are compared by, the less the better."""
        return self.loss if self._referee is None else self._least


class Descent:
    """An optimizer's ways down from some starts.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
        As `as_optimizer` returns it.
    max_iter : int
        The most steps from each start.
    noisy : bool, default=False
        Whether the loss is of a batch that is drawn anew each time.
    walls : ndarray of shape (n, 2), optional
        Bounds that no point passes, for optimizers that know any; there are none if left out.
    random_state : RandomState
        Draws SPSA's directions.
    callback : callable, optional
        Called after each step with its number, the point and the loss; the way from this start
        ends when it returns True.
    referee : Referee, optional
        Chooses the best point, if not the losses, and may end a way.
    verbose : int, default=0
        Whether a progress bar is shown.

    Attributes
    ----------
    theta : ndarray of shape (n,)
        The best point so far.
    loss : float
        Its loss; infinite before there is one.
    history : list of float
        The loss at the start that led there, and after each step.
    judgements : list of float
        What the referee said at each of them; empty without one.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: Optimizer,
        max_iter: int,
        *,
        noisy: bool = False,
        walls: np.ndarray | None = None,
        random_state: np.random.RandomState,
        callback: Callback | None = None,
        referee: Referee | None = None,
        verbose: int = 0,
    ) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"callback: expected a function or None, got {callback!r}")
        self._objective, self._optimizer, self._max_iter = objective, optimizer, max_iter
        self._noisy, self._walls, self._random_state = noisy, walls, random_state
        self._callback, self._referee, self._verbose = callback, referee, verbose
        self._best = self._path()

    @property
    def theta(self) -> np.ndarray:
        """The best point so far."""
        return self._best.theta

    @property
    def loss(self) -> float:
        """Its loss."""
        return self._best.loss

    @property
    def history(self) -> list[float]:
        """The losses on the way to it."""
        return self._best.history

    @property
    def judgements(self) -> list[float]:
        """What the referee said on the way to it."""
        return self._best.judgements

    def run(self, starts: Iterable[np.ndarray], *, depth: int = 0) -> None:
        """Go down from each start. Ctrl-C and an exceeded budget end it, and keep the best.

        The warning that it was ended points to the caller's caller, or to one `depth` calls higher.
        """
        try:
            for start in starts:
                self._descend(start)
        except (KeyboardInterrupt, BudgetExceeded) as stop:
            if not self.history:
                raise
            warn_that_it_ended(stop, stacklevel=4 + depth)

    def _path(self) -> _Path:
        wanders = self._noisy or isinstance(self._optimizer, SPSA)
        return _Path(wanders=wanders, noisy=self._noisy, referee=self._referee)

    def _descend(self, theta: np.ndarray) -> None:
        """Go down from one start, and keep the way if it leads lower than the others."""
        path = self._path()
        bar = tqdm(total=self._max_iter, disable=not self._verbose, desc="training")

        def record(point: np.ndarray, loss: float) -> None:
            path.add(point, loss)
            bar.set_postfix(loss=loss)
            step = len(path.history) - 1
            bar.update(step > 0)
            wants_no_more = (
                step > 0 and self._callback is not None and self._callback(step, point.copy(), loss)
            )
            if wants_no_more or path.is_over:
                raise _Stop

        try:
            self._minimize(self._inside(theta), record)
        except _Stop:
            pass
        finally:
            bar.close()
            if path.worth < self._best.worth:
                self._best = path

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
            loss, gradient = self._objective.value_and_gradient(theta)
            record(theta, loss)
            theta = self._inside(update(theta, gradient))
        record(theta, self._objective.value(theta))

    def _minimize_by_spsa(self, optimizer: SPSA, theta: np.ndarray, record: Record) -> None:
        update = optimizer.updates(
            lambda point: self._objective.value(self._inside(point)), self._random_state
        )
        for _ in range(self._max_iter):
            after, loss = update(theta)
            record(theta, loss)
            theta = self._inside(after)
        record(theta, self._objective.value(theta))

    def _minimize_by_scipy(self, method: str, theta: np.ndarray, record: Record) -> None:
        losses: dict[bytes, float] = {}

        def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
            loss, gradient = self._objective.value_and_gradient(point)
            losses[point.tobytes()] = loss
            if len(losses) == 1:
                record(point, loss)
            return loss, gradient

        def callback(point: np.ndarray, *_: Any) -> None:
            # TNC may round a point after its evaluation.
            loss = losses.get(point.tobytes())
            record(point, self._objective.value(point) if loss is None else loss)

        minimize(
            value_and_gradient,
            theta,
            jac=True,
            method=method,
            bounds=self._walls if method in BOUNDED else None,
            callback=callback,
            options={(BOUNDED | UNBOUNDED)[method]: self._max_iter},
        )

    def _inside(self, theta: np.ndarray) -> np.ndarray:
        """Return the point between the walls that is closest."""
        return theta if self._walls is None else np.clip(theta, *self._walls.T)
