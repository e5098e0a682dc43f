"""What a plan takes: circuits, points, repetitions, depth, errors and price, as a table.

What lives here: `PlanSummary` and how it is reckoned, for the plan's own estimator and for others
beside it. Nothing is measured; standard errors are those of a noiseless device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cirq
import numpy as np

from qkernels.evaluators import SamplerEvaluator, StatevectorEvaluator
from qkernels.hardware.measurement import Measurement
from qkernels.hardware.recording import merged, recorded, with_evaluator
from qkernels.kernels import FidelityKernel, ProjectedKernel
from qkernels.sampling.requests import Request

Price = Callable[[cirq.AbstractCircuit, int], float]

# Wider circuits are not simulated for a prediction of errors.
_MAX_QUBITS = 16


@dataclass(frozen=True)
class EstimatorCost:
    """What one estimator takes.

    Attributes
    ----------
    name : str
        "inversion", "bell" or "tomography"; "inversion + tomography" of a sum or product of both.
    is_chosen : bool
        Whether the plan uses it.
    circuits, points, repetitions : int
        Parametrised circuits, distinct points, and repetitions of all points together.
    qubits, two_qubit_depth : int
        Of the largest circuit, compiled: layers of gates on two qubits or more.
    std_error : float
        Mean standard error of an entry, on a device without noise; the largest that can be where
        the circuit is too wide to be simulated. Not a number where there is no formula: for outer
        kernels, sums and products.
    price : float
        Of all points; 0 without a price.
    """

    name: str
    is_chosen: bool
    circuits: int
    points: int
    repetitions: int
    qubits: int
    two_qubit_depth: int
    std_error: float
    price: float


@dataclass(frozen=True, repr=False)
class PlanSummary:
    """What a plan takes, and what other estimators would.

    Attributes
    ----------
    estimators : tuple of EstimatorCost
        The plan's own, and those that could take its place, with as many repetitions of a point.
    counted_points, coming_points : int
        How many points have all their repetitions in the ledger; how many others were submitted.
    missing_points, missing_repetitions : int
        What is still to be bought.
    missing_price : float
        The price of that.
    """

    estimators: tuple[EstimatorCost, ...]
    counted_points: int
    coming_points: int
    missing_points: int
    missing_repetitions: int
    missing_price: float

    @property
    def chosen(self) -> EstimatorCost:
        """The estimator of the plan."""
        return next(cost for cost in self.estimators if cost.is_chosen)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the chosen estimator."""
        if name in EstimatorCost.__dataclass_fields__:
            return getattr(self.chosen, name)
        raise AttributeError(f"PlanSummary has no attribute {name!r}")

    def __repr__(self) -> str:
        head = ("estimator", "circuits", "points", "repetitions", "qubits", "2q depth", "std error")
        rows = [(*head, "price"), *map(_cells, self.estimators)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.rjust(w) for c, w in zip(r, widths, strict=True)) for r in rows]
        price = f" for {self.missing_price:g}" if self.missing_price else ""
        coming = f", {self.coming_points} on their way" if self.coming_points else ""
        return "\n".join(
            [
                *lines,
                f"in the ledger: {self.counted_points} of {self.points} points{coming}; to buy: "
                f"{self.missing_repetitions} repetitions of {self.missing_points} points{price}",
            ]
        )


def summarize(plan: Measurement, price: Price | None) -> PlanSummary:
    """Return what a plan takes; see `Plan.summary`."""
    budget = plan.evaluator.budget
    price = price or (budget.price if budget is not None else None) or _free
    ledger = plan.evaluator.ledger
    lacking, counted, coming = [], 0, 0
    for request in plan.requests:
        held = ledger.holdings(request.keys(plan.evaluator.identity(request)))
        missing = np.maximum(request.repetitions - held.asked - held.coming, 0)
        is_counted = held.asked >= request.repetitions
        lacking.append(missing)
        counted += int(np.sum(is_counted))
        coming += int(np.sum(~is_counted & (missing == 0)))
    return PlanSummary(
        tuple(_costs(plan, price)),
        counted,
        coming,
        int(sum(np.count_nonzero(n) for n in lacking)),
        int(sum(n.sum() for n in lacking)),
        sum(_price(r, n, price) for r, n in zip(plan.requests, lacking, strict=True)),
    )


def _costs(plan: Measurement, price: Price) -> Iterator[EstimatorCost]:
    if not isinstance(plan.kernel, FidelityKernel):
        yield _cost(_name(plan), plan, plan.requests, price, is_chosen=True)
        return
    for name in ("inversion", "bell"):
        is_chosen = name == plan.evaluator.estimator
        try:
            requests = plan.requests if is_chosen else _requests_with(plan, name)
        except ValueError:  # The map cannot be measured in this way, or not be corrected.
            continue
        yield _cost(name, plan, requests, price, is_chosen=is_chosen)


def _name(plan: Measurement) -> str:
    """Return how a kernel is measured that is no fidelity kernel, but may have one inside."""
    parts = [plan.kernel, *plan.kernel.get_params().values()]
    names = [plan.evaluator.estimator] * any(isinstance(part, FidelityKernel) for part in parts)
    names += ["tomography"] * any(isinstance(part, ProjectedKernel) for part in parts)
    return " + ".join(names)


def _requests_with(plan: Measurement, estimator: str) -> tuple[Request, ...]:
    """Return what another estimator would measure, each point as often as the plan does on average.

    On average, since `Plan.allocate` and top-ups give some points more than others.
    """
    evaluator: SamplerEvaluator = plan.evaluator.replace(estimator=estimator)
    asked = np.concatenate([request.repetitions for request in plan.requests])
    mean = max(1, round(asked.sum() / max(1, len(asked))))
    requests = merged(recorded(with_evaluator(plan.kernel, evaluator), plan.points))
    return tuple(request.asking_for(np.full(len(request), mean)) for request in requests)


def _cost(
    name: str, plan: Measurement, requests: tuple[Request, ...], price: Price, *, is_chosen: bool
) -> EstimatorCost:
    circuits = [request.measured.program.circuit for request in requests]
    repetitions = [request.repetitions for request in requests]
    return EstimatorCost(
        name,
        is_chosen,
        circuits=len(requests),
        points=sum(map(len, requests)),
        repetitions=int(sum(n.sum() for n in repetitions)),
        qubits=max((len(circuit.all_qubits()) for circuit in circuits), default=0),
        two_qubit_depth=max(map(two_qubit_depth, circuits), default=0),
        std_error=_std_error(name, plan, requests),
        price=sum(_price(r, r.repetitions, price) for r in requests),
    )


def two_qubit_depth(circuit: cirq.AbstractCircuit) -> int:
    """Return the number of layers of gates on two qubits or more.

    Measurements do not count, and gates on different qubits share a layer where they can.
    """
    depth: dict[cirq.Qid, int] = {}
    for operation in circuit.all_operations():
        if len(operation.qubits) > 1 and not cirq.is_measurement(operation):
            layer = 1 + max(depth.get(qubit, 0) for qubit in operation.qubits)
            depth |= dict.fromkeys(operation.qubits, layer)
    return max(depth.values(), default=0)


def _std_error(name: str, plan: Measurement, requests: tuple[Request, ...]) -> float:
    """Return the mean standard error of an entry off the diagonal."""
    if not sum(map(len, requests)):
        return 0.0
    most = int(max(r.repetitions.max(initial=1) for r in requests))
    if not isinstance(plan.kernel, FidelityKernel):
        return _projected_std_error(plan, most)
    try:
        K = _exact(plan)
    except ValueError:  # Circuits too wide to be simulated, or of mixed states.
        K = np.array([0.5 if name == "inversion" else 0.0])
    variance = K * (1 - K) if name == "inversion" else 1 - K**2
    spread = np.sqrt(np.clip(variance, 0, None))
    if K.ndim == 2:
        return float(np.mean(spread[_off(plan, K)] / np.sqrt(_repetitions(name, plan, requests))))
    return float(spread[0] / np.sqrt(np.mean(requests[0].repetitions)))


def _repetitions(name: str, plan: Measurement, requests: tuple[Request, ...]) -> np.ndarray:
    """Return those of each entry off the diagonal: infinitely many, where it is known to be 1."""
    evaluator = plan.evaluator.replace(estimator=name)
    gram = evaluator.gram_request(*map(plan.kernel.prepare, plan.points))
    by_key = dict(zip(requests[0].keys(""), requests[0].repetitions.tolist(), strict=True))
    of_points = np.array([by_key[key] for key in gram.request.keys("")])
    return np.append(of_points, np.inf)[gram.entries[_off(plan, gram.entries)]]


def _off(plan: Measurement, entries: np.ndarray) -> np.ndarray:
    """Return which entries are off the diagonal; all, where there is none."""
    if len(plan.points) == 1 and len(entries) > 1:
        return ~np.eye(len(entries), dtype=bool)
    return np.ones(entries.shape, dtype=bool)


def _exact(plan: Measurement) -> np.ndarray:
    """Return the entries that a noiseless device would give."""
    _check_width(plan)
    return with_evaluator(plan.kernel, StatevectorEvaluator())(*plan.points)


def _projected_std_error(plan: Measurement, repetitions: int) -> float:
    """Return that of a Gaussian projected kernel; not a number where there is no formula."""
    try:
        _check_width(plan)
        evaluator = StatevectorEvaluator(repetitions=repetitions, random_state=0)
        kernel: Any = with_evaluator(plan.kernel, evaluator)
        errors = kernel.compare(*map(kernel.prepare, plan.points), return_std=True)[1]
    except (AttributeError, NotImplementedError, ValueError):
        return float("nan")
    return float(np.mean(errors[_off(plan, errors)]))


def _check_width(plan: Measurement) -> None:
    widest = max(len(request.measured.program.qubits) for request in plan.requests)
    if widest > _MAX_QUBITS:
        raise ValueError(f"expected at most {_MAX_QUBITS} qubits, got {widest}")


def _price(request: Request, repetitions: np.ndarray, price: Price) -> float:
    circuit = request.measured.program.circuit
    distinct, numbers = np.unique(repetitions[repetitions > 0], return_counts=True)
    prices = [price(circuit, int(n)) for n in distinct]
    return float(sum(n * p for n, p in zip(numbers.tolist(), prices, strict=True)))


def _free(circuit: cirq.AbstractCircuit, repetitions: int) -> float:
    return 0.0


def _cells(cost: EstimatorCost) -> tuple[str, ...]:
    return (
        ("* " if cost.is_chosen else "") + cost.name,
        *(str(n) for n in (cost.circuits, cost.points, cost.repetitions, cost.qubits)),
        str(cost.two_qubit_depth),
        "" if np.isnan(cost.std_error) else f"{cost.std_error:.4f}",
        f"{cost.price:g}",
    )
