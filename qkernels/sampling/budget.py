"""How much a ledger may spend: checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import cirq
import numpy as np

# A sum of prices may be off by so much of itself: ten times 0.1 is to be within 1.
_ROUNDING = 1e-12


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

    def price_of(self, circuit: cirq.AbstractCircuit, repetitions: int) -> float:
        """Return the price of one point; 0 without a price.

        Raises
        ------
        ValueError
            If `price` returns anything but a number of at least 0.
        """
        found = 0.0 if self.price is None else self.price(circuit, repetitions)
        try:
            price = float(found)
        except (TypeError, ValueError):
            price = np.nan
        if not 0 <= price < np.inf:
            raise ValueError(
                f"price: expected a number of at least 0 for {repetitions} repetitions, got "
                f"{found!r}"
            )
        return price

    def check(self, spent: tuple[int, float], more: tuple[int, float]) -> None:
        """Raise BudgetExceeded if repetitions or price would pass a limit.

        Parameters
        ----------
        spent, more : pair of repetitions and price
            What the ledger has spent, and what is to be added.
        """
        limits, words = (self.repetitions, self.cost), ("repetitions", "of cost")
        for limit, before, new, word in zip(limits, spent, more, words, strict=True):
            if limit is not None and new and before + new > limit * (1 + _ROUNDING):
                raise BudgetExceeded(
                    f"expected at most {limit:.15g} {word} in all, got {before:.15g} spent and "
                    f"{new:.15g} more needed; nothing of it was submitted"
                )
