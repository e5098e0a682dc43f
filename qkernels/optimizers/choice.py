"""The optimizers that an argument may name."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from qkernels.optimizers.stochastic import SPSA, Adam

# Those of scipy's methods that use a gradient, with what they call the number of iterations; the
# first group keeps within bounds.
BOUNDED = {"L-BFGS-B": "maxiter", "TNC": "maxfun", "SLSQP": "maxiter"}
UNBOUNDED = dict.fromkeys(("CG", "BFGS", "Newton-CG", "trust-constr"), "maxiter")

Optimizer: TypeAlias = str | Adam | SPSA


def as_optimizer(optimizer: Any) -> Optimizer:
    """Return the name of one of scipy's methods, an `Adam` or an `SPSA`.

    Raises
    ------
    ValueError
        If the argument is none of these, nor "adam" or "spsa".
    """
    if isinstance(optimizer, Adam | SPSA):
        return optimizer
    known: dict[str, Optimizer] = {
        **{method: method for method in (*BOUNDED, *UNBOUNDED)},
        "adam": Adam(),
        "spsa": SPSA(),
    }
    if isinstance(optimizer, str) and optimizer in known:
        return known[optimizer]
    raise ValueError(
        f"optimizer: expected one of {list(known)}, Adam(...) or SPSA(...), got {optimizer!r}"
    )


def check_count(name: str, value: Any, least: int) -> int:
    """Return an integer of at least so many, or raise a ValueError that names the argument."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    return int(value)
