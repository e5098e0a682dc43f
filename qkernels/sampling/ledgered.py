"""Any Cirq program on a ledger: a sampler that buys each point once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cirq
import numpy as np

from qkernels.expressions import ExpressionTable
from qkernels.feature_maps.flattening import unroll
from qkernels.sampling.backends import Backend, Offline, as_backend
from qkernels.sampling.budget import Budget
from qkernels.sampling.counts import Counts
from qkernels.sampling.execution import Execution, read_parts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.programs import canonical_program
from qkernels.sampling.requests import Request, request_points


class LedgeredSampler(cirq.Sampler):
    """A sampler that keeps what it has measured, and does not measure it again.

    A circuit with the same values and repetitions gives the same outcomes again, also after a
    crash; of more repetitions only those that are missing are bought. Only within one sweep are
    equal points measured independently. The order of repetitions is not kept.

    Parameters
    ----------
    sampler : cirq.Sampler or Backend
        Where circuits run.
    ledger : Ledger or path
        Where counts are kept.
    budget : Budget, optional
        The most that the ledger may spend.
    points_per_chunk : int, optional
        The most points of one submission; 100 if left out.

    Raises
    ------
    TypeError
        If `sampler` is neither a sampler nor a backend, or is a `LedgeredSampler` itself.

    Examples
    --------
    >>> import cirq
    >>> from qkernels.hardware import Ledger, LedgeredSampler
    >>> sampler = LedgeredSampler(cirq.Simulator(seed=0), Ledger())
    >>> q = cirq.LineQubit(0)
    >>> circuit = cirq.Circuit(cirq.H(q), cirq.measure(q, key="m"))
    >>> first = sampler.run(circuit, repetitions=100)
    >>> sampler.run(circuit, repetitions=100) == first
    True
    """

    # Asked for the same again, it does not measure anew.
    is_ledgered = True

    def __init__(
        self,
        sampler: cirq.Sampler | Backend,
        ledger: Ledger | str | os.PathLike[str],
        *,
        budget: Budget | None = None,
        points_per_chunk: int | None = None,
    ) -> None:
        self.ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
        self._execution = Execution(
            self.ledger, as_backend(sampler), budget=budget, points_per_chunk=points_per_chunk
        )

    def run_sweep(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[cirq.Result]:
        """Measure a circuit at each point of a sweep, or find what was measured.

        Parameters
        ----------
        program : cirq.AbstractCircuit
            Measures each of its keys once.
        params : cirq.Sweepable
        repetitions : int, default=1

        Returns
        -------
        list of cirq.Result
        """
        if not isinstance(repetitions, int | np.integer) or repetitions < 1:
            raise ValueError(f"repetitions: expected an integer of at least 1, got {repetitions!r}")
        known, table = canonical_program(unroll(program))
        layout = known.layout
        resolvers = list(cirq.to_resolvers(params))
        values = _values(table, resolvers)
        points, where, times = np.unique(
            values + 0.0, axis=0, return_inverse=True, return_counts=True
        )
        request = request_points(known, points, times * repetitions)
        if not isinstance(self._execution.backend, Offline):
            self._execution.buy(request)
        rows = self._rows(request)
        results, used = [], np.zeros(len(points), dtype=int)
        for resolver, point in zip(resolvers, where.ravel(), strict=True):
            some = rows[point][used[point] : used[point] + repetitions]
            used[point] += repetitions
            results.append(_result(resolver, layout, some))
        return results

    def _rows(self, request: Request) -> list[np.ndarray]:
        """Return the outcomes of each point one by one, what was bought first before the rest."""
        identity = self._execution.identity
        parts = read_parts(self.ledger, request, identity)
        return [*map(_shuffled, parts, request.keys(identity))]

    def resolve(self, submission: int, *, action: str, reference: str | None = None) -> None:
        """Decide what becomes of a submission of which nobody knows whether it was run.

        Parameters
        ----------
        submission : int
            Its number, as the error says.
        action : {"attach", "resubmit", "abandon"}
            As `qkernels.SamplerEvaluator.resolve` has it.
        reference : str, optional
            Under which the backend has it, for "attach".
        """
        self._execution.resolve(submission, action, reference)


def _values(table: ExpressionTable, resolvers: Sequence[cirq.ParamResolver]) -> np.ndarray:
    """Return the values of a program's symbols at each point, (n_points, n_symbols)."""
    rows = [[_value(resolver, name) for name in table.symbols] for resolver in resolvers]
    values = table.evaluate(np.array(rows).reshape(len(rows), len(table.symbols)))
    if np.iscomplexobj(values) or not np.isfinite(values).all():
        raise ValueError(f"expected finite real angles, got {values.tolist()}")
    return values


def _value(resolver: cirq.ParamResolver, name: str) -> float:
    value = resolver.value_of(name)
    try:
        return float(value)
    except TypeError as error:
        raise ValueError(
            f"expected a real value of the symbol {name}, got {value} from {resolver!r}"
        ) from error


def _shuffled(parts: Sequence[Counts], key: bytes) -> np.ndarray:
    """Return outcomes in an order that says nothing but is always the same."""
    return np.concatenate(
        [
            np.random.default_rng([*key, i]).permutation(
                np.repeat(counts.outcomes, counts.numbers, axis=0)
            )
            for i, counts in enumerate(parts)
        ]
    )


def _result(
    resolver: cirq.ParamResolver, layout: Sequence[tuple[str, int]], rows: np.ndarray
) -> cirq.Result:
    ends = np.cumsum([n for _, n in layout])
    measurements: dict[str, Any] = {
        name: rows[:, end - n : end].astype(np.uint8)
        for (name, n), end in zip(layout, ends, strict=True)
    }
    return cirq.ResultDict(params=resolver, measurements=measurements)
