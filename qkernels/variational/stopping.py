"""Early stopping: points held out, whose loss says when training has gone on long enough."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.model_selection import train_test_split

from qkernels.feature_maps.validation import real
from qkernels.optimizers import Callback, check_count
from qkernels.variational.losses import ScoreLoss
from qkernels.variational.model import Model


class TrainingSet(NamedTuple):
    """Points, the targets of their scores, and their classes where they have any.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features)
    targets : ndarray of shape (n_points, n_scores)
    classes : ndarray of shape (n_points,) or None
    """

    X: np.ndarray
    targets: np.ndarray
    classes: np.ndarray | None

    def rows(self, rows: np.ndarray) -> Self:
        """Return some of the points."""
        classes = None if self.classes is None else self.classes[rows]
        return self._replace(X=self.X[rows], targets=self.targets[rows], classes=classes)

    def split(self, fraction: float, random_state: Any) -> tuple[Self, Self]:
        """Return most points, and a fraction of them, each class in proportion."""
        rows = train_test_split(
            np.arange(len(self.X)),
            test_size=fraction,
            stratify=self.classes,
            random_state=random_state,
        )
        return self.rows(rows[0]), self.rows(rows[1])


class EarlyStopping:
    """Watches the loss of points held out, and keeps the vector where it was least.

    Parameters
    ----------
    owner : estimator
        With the arguments `validation_fraction`, `n_iter_no_change`, `tol` and `callback`.
    model : Model
    loss : ScoreLoss

    Attributes
    ----------
    theta : ndarray or None
        Where the loss was least; None before the first step.
    loss : float
        The loss of the points trained on, there.
    history : list of float
        The loss of the points held out, after each step.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """

    def __init__(self, owner: Any, model: Model, loss: ScoreLoss) -> None:
        self._fraction = real(owner.validation_fraction, "validation_fraction")
        if not 0 < self._fraction < 1:
            raise ValueError(
                f"expected validation_fraction to be between 0 and 1, got {self._fraction}"
            )
        self._patience = check_count("n_iter_no_change", owner.n_iter_no_change, 1)
        self._tol = real(owner.tol, "tol")
        if owner.callback is not None and not callable(owner.callback):
            raise TypeError(f"callback: expected a function or None, got {owner.callback!r}")
        self._callback: Callback | None = owner.callback
        self._model, self._score_loss = model, loss
        self.theta: np.ndarray | None = None
        self.loss = np.inf
        self.history: list[float] = []
        self._least, self._to_beat, self._waited = np.inf, np.inf, 0

    def hold_out(self, data: TrainingSet, random_state: Any) -> TrainingSet:
        """Keep some of the points to look at, and return the others."""
        rest, self._held_out = data.split(self._fraction, random_state)
        return rest

    def __call__(self, step: int, theta: np.ndarray, loss: float) -> bool:
        """Look at a point on the way; return whether this way is to end."""
        if step == 1:
            self._to_beat, self._waited = np.inf, 0
        scores = self._model.scores(self._held_out.X, theta)
        value = self._score_loss(scores, self._held_out.targets)[0]
        self.history.append(value)
        if value < self._least:
            self._least, self.theta, self.loss = value, theta.copy(), loss
        self._waited = 0 if value < self._to_beat - self._tol else self._waited + 1
        self._to_beat = min(value, self._to_beat)
        wants_no_more = self._callback is not None and self._callback(step, theta, loss)
        return bool(wants_no_more) or self._waited >= self._patience
