"""A circuit to be measured at many points, and the keys by which its counts are found again.

What lives here: `Program`, its canonical form, the keys of its points, its sweeps, and the
reading of a backend's results into counts. What the circuit estimates is the business of
`circuits` and `readings`, what is kept that of the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.expressions import ExpressionTable
from qkernels.feature_maps.flattening import flatten
from qkernels.sampling.counts import Counts

# Part of every key: to be raised whenever equal keys could mean other counts.
KEY_VERSION = 1
# Services may round the values of a sweep, which they return with the results.
_ROUNDING = 1e-5


class BadResults(ValueError):
    """Results that are not those of the points that were sent."""


@dataclass(frozen=True, eq=False)
class Program:
    """A measured circuit whose symbols stand alone, in a canonical order.

    Attributes
    ----------
    circuit : cirq.FrozenCircuit
        Operations are sorted within moments. Measured qubits are the bits of an outcome.
    symbols : tuple of str
        The symbols, in the order of the columns of a point's values.
    """

    circuit: cirq.FrozenCircuit
    symbols: tuple[str, ...]

    @cached_property
    def layout(self) -> tuple[tuple[str, int], ...]:
        """The measurement keys, in the circuit's order, with their numbers of qubits.

        Raises
        ------
        ValueError
            If the circuit measures nothing, a key twice, anything but qubits, or otherwise than
            by `cirq.measure`.
        """
        measured = [op for op in self.circuit.all_operations() if cirq.is_measurement(op)]
        if odd := [op for op in measured if not isinstance(op.gate, cirq.MeasurementGate)]:
            raise ValueError(f"expected measurements by cirq.measure only, got {odd[0]}")
        names = [cirq.measurement_key_name(op) for op in measured]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"expected a circuit that measures each key once, got keys {names}")
        if any(qubit.dimension != 2 for op in measured for qubit in op.qubits):
            raise ValueError("expected measurements of qubits only, got some of qudits")
        return tuple((n, len(op.qubits)) for n, op in zip(names, measured, strict=True))

    @cached_property
    def qubits(self) -> tuple[cirq.Qid, ...]:
        """The measured qubits, in the order of an outcome's bits."""
        measured = (op for op in self.circuit.all_operations() if cirq.is_measurement(op))
        return tuple(qubit for operation in measured for qubit in operation.qubits)

    @property
    def n_bits(self) -> int:
        """Number of bits of an outcome."""
        return len(self.qubits)

    @cached_property
    def text(self) -> str:
        """The circuit as text: equal for circuits that differ in the order of operations only."""
        return json.dumps([KEY_VERSION, list(map(_moment, self.circuit)), self.symbols])

    @cached_property
    def key(self) -> bytes:
        """The hash of `text`."""
        return hashlib.sha256(self.text.encode()).digest()

    def point_keys(self, values: np.ndarray, identity: str) -> list[bytes]:
        """Return the keys of points, by circuit, values and the backend's identity.

        Parameters
        ----------
        values : ndarray of shape (n_points, n_symbols)
        identity : str
        """
        return point_keys(self.key, values, identity)

    def sweep(self, values: np.ndarray) -> cirq.Sweep:
        """Return the assignments of all symbols, of shape (n_points, n_symbols), for Cirq."""
        if not self.symbols:
            return cirq.ListSweep([cirq.ParamResolver({})] * len(values))
        columns = zip(self.symbols, values.T.tolist(), strict=True)
        return cirq.Zip(*(cirq.Points(name, column) for name, column in columns))

    def counts(self, results: Sequence[cirq.Result], values: np.ndarray) -> list[Counts]:
        """Return the counts of each point, in the order of `values`.

        Results that name their points are put in order; there may be fewer repetitions than were
        asked for.

        Raises
        ------
        BadResults
            If there is another number of results than of points, some belong to other points, or
            they lack a key or a bit of the circuit.
        """
        results = _checked_results(results)
        if len(results) != len(values):
            raise BadResults(f"expected {len(values)} results, got {len(results)}")
        return [Counts.from_bits(self._bits(results[i])) for i in self._order(results, values)]

    def _bits(self, result: cirq.Result) -> np.ndarray:
        """Return one row of bits for each repetition."""
        names, widths = zip(*self.layout, strict=True)
        try:
            records = [np.asarray(result.records[name]) for name in names]
        except KeyError as error:
            raise BadResults(
                f"expected the measurement keys {list(names)}, got {sorted(result.records)}"
            ) from error
        shapes = [record.shape for record in records]
        n_rows = len(records[0]) if shapes[0] else 0
        if not n_rows or shapes != [(n_rows, 1, width) for width in widths]:
            raise BadResults(
                f"expected at least one repetition of {list(widths)} bits, got records of shape "
                f"{shapes}"
            )
        bits = np.concatenate([record[:, 0] for record in records], axis=1)
        is_bit = (bits == 0) | (bits == 1)
        if not is_bit.all():
            raise BadResults(f"expected bits, got {bits[~is_bit][0]}")
        return bits

    def _order(self, results: Sequence[cirq.Result], values: np.ndarray) -> Sequence[int]:
        """Return the place of each point's result."""
        named = [_parameters(result) for result in results]
        if not self.symbols or not any(named):
            return range(len(results))
        got = np.array([self._values(found, i) for i, found in enumerate(named)])
        for precision in (np.float64, np.float32):
            order = _places(got.astype(precision), values.astype(precision))
            if order is not None:
                return order
        if np.allclose(got, values, rtol=_ROUNDING, atol=_ROUNDING):
            return range(len(results))
        raise BadResults(
            "expected one result for each point that was sent, got results that name other points"
        )

    def _values(self, found: Mapping[str, Any], i: int) -> list[float]:
        try:
            return [float(found[name]) for name in self.symbols]
        except (KeyError, TypeError, ValueError) as error:
            raise BadResults(
                f"expected values of {', '.join(self.symbols)} with each result or with none, got "
                f"{found} with result {i}"
            ) from error


def point_keys(program_key: bytes, values: np.ndarray, identity: str) -> list[bytes]:
    """Return the keys of points of the program with a key; see `Program.point_keys`."""
    head = hashlib.sha256(program_key + identity.encode())
    # Adding 0.0 makes -0.0 and 0.0 one key.
    rows = np.ascontiguousarray(values + 0.0, dtype="<f8")
    return [_digest(head, row.tobytes()) for row in rows]


def canonical_program(circuit: cirq.AbstractCircuit) -> tuple[Program, ExpressionTable]:
    """Return a circuit as a program, and what its symbols stand for.

    Parameters
    ----------
    circuit : cirq.AbstractCircuit
        Without subcircuits. Its symbols may stand in expressions.

    Returns
    -------
    program : Program
        In symbols angle0, angle1, ... in the order in which the sorted operations have them.
    table : ExpressionTable
        Their expressions, of the circuit's symbols sorted by name.
    """
    flat = flatten(cirq.FrozenCircuit(map(_sorted_moment, circuit)))
    names = tuple(s.name for s in flat.free_symbols)
    table = ExpressionTable(names, flat.expressions)
    return Program(flat.circuit, tuple(s.name for s in flat.symbols)), table


def _digest(head: Any, content: bytes) -> bytes:
    digest = head.copy()
    digest.update(content)
    return digest.digest()


def _parameters(result: cirq.Result) -> dict[str, Any]:
    values = cirq.ParamResolver(result.params).param_dict
    return {k.name if isinstance(k, sympy.Symbol) else str(k): v for k, v in values.items()}


def _checked_results(results: Any) -> list[cirq.Result]:
    if not isinstance(results, Iterable):
        raise BadResults(f"expected a list of cirq.Result, got {results!r}")
    found = list(results)
    if bad := [result for result in found if not isinstance(result, cirq.Result)]:
        raise BadResults(f"expected a list of cirq.Result, got {bad[0]!r} in it")
    return found


def _places(got: np.ndarray, values: np.ndarray) -> Sequence[int] | None:
    """Return, for each row of `values`, where it is in `got`; None if this cannot be told."""
    if np.array_equal(got, values):
        return range(len(values))
    place = {row.tobytes(): i for i, row in enumerate(got + 0.0)}
    order = [place.get(row.tobytes(), -1) for row in values + 0.0]
    return order if sorted(order) == list(range(len(got))) else None


def _sorted_moment(moment: cirq.Moment) -> cirq.Moment:
    return cirq.Moment.from_ops(*sorted(map(_sorted_operation, moment), key=_first_qubit))


def _first_qubit(operation: cirq.Operation) -> tuple:
    return min(operation.qubits, default=cirq.LineQubit(-1)), str(operation)


def _sorted_operation(operation: cirq.Operation) -> cirq.Operation:
    """Return the operation with qubits that can be exchanged in sorted order."""
    gate = operation.gate
    if not isinstance(gate, cirq.InterchangeableQubitsGate) or operation.tags:
        return operation
    groups: dict[int, list[cirq.Qid]] = {}
    for i, qubit in enumerate(operation.qubits):
        groups.setdefault(gate.qubit_index_to_equivalence_group_key(i), []).append(qubit)
    ordered = {group: iter(sorted(qubits)) for group, qubits in groups.items()}
    places = map(gate.qubit_index_to_equivalence_group_key, range(len(operation.qubits)))
    return operation.with_qubits(*(next(ordered[group]) for group in places))


def _moment(moment: cirq.Moment) -> list[Any]:
    return [_operation(op) for op in _sorted_moment(moment)]


def _operation(operation: cirq.Operation) -> Any:
    """Return plain JSON values for an operation, or its parts, or its matrix."""
    try:
        return json.loads(cirq.to_json(operation))
    except (TypeError, ValueError) as error:
        parts = cirq.decompose_once(operation, default=None)
        if parts is not None and operation not in parts:
            return [_operation(part) for part in parts]
        if cirq.has_unitary(operation):
            return _operation(cirq.MatrixGate(cirq.unitary(operation))(*operation.qubits))
        raise ValueError(
            f"expected operations that Cirq can write as JSON or decompose, got {operation!r}"
        ) from error
