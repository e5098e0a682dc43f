"""How much a ledger may spend: checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import cirq
import numpy as np


class BudgetExceeded(RuntimeError):
    """What is asked for would cost more than the budget allows; nothing of it was submitted."""


@dataclass(frozen=True)
class Budget:
    """The most that may be spent, counted over the whole ledger and all its runs.

    Parameters
    ----------
    repetitions : int, optional
        The most repetitions.
    cost : float, optional
        The highest price, in the unit of `price`.
    price : callable, optional
        Called as `price(circuit, repetitions)`, returns the price of one point: one circuit with
        so many repetitions. Needed with `cost`; without it, prices are recorded only.

    Raises
    ------
    ValueError
        If a limit is not a positive number, or a cost is limited without a price.

    Examples
    --------
    >>> from qkernels.sampling.budget import Budget
    >>> budget = Budget(cost=50.0, price=lambda circuit, repetitions: 0.30 + 0.00035 * repetitions)
    """

    repetitions: int | None = None
    cost: float | None = None
    price: Callable[[cirq.AbstractCircuit, int], float] | None = None

    def __post_init__(self) -> None:
        for name in ("repetitions", "cost"):
            limit = getattr(self, name)
            is_number = isinstance(limit, Real) and not isinstance(limit, bool)
            if limit is not None and not (is_number and limit > 0):
                raise ValueError(f"{name}: expected None or a positive number, got {limit!r}")
        if self.price is not None and not callable(self.price):
            raise ValueError(f"price: expected None or a function, got {self.price!r}")
        if self.cost is not None and self.price is None:
            raise ValueError(f"expected price=... with cost={self.cost!r}, got no price")

    @property
    def limits(self) -> tuple[float, float]:
        """The most repetitions and the highest price; infinite where there is no limit."""
        return (
            np.inf if self.repetitions is None else self.repetitions,
            np.inf if self.cost is None else self.cost,
        )

    def price_of(self, circuit: cirq.AbstractCircuit, repetitions: int) -> float:
        """Return the price of one point; 0 without a price."""
        return 0.0 if self.price is None else float(self.price(circuit, repetitions))

    def check(self, spent: tuple[int, float], more: tuple[int, float]) -> None:
        """Raise BudgetExceeded if repetitions or price would pass a limit.

        Parameters
        ----------
        spent, more : pair of repetitions and price
            What the ledger has spent, and what is to be added.
        """
        words = ("repetitions", "of cost")
        for limit, before, new, word in zip(self.limits, spent, more, words, strict=True):
            if before + new > limit:
                raise BudgetExceeded(
                    f"expected at most {limit:g} {word} in all, got {before:g} spent and {new:g} "
                    "more needed; nothing was submitted"
                )
